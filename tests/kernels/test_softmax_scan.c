/* The kernels of softmax and of scans against naive loops in double, over shapes that cross every boundary of the method:
 * the width of a piece of columns, the blocks of a sum, and the tree above them. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "kernels/reduce.h"
#include "kernels/scan.h"
#include "kernels/softmax.h"

enum { MOST = 40000 };
static float x32[MOST], g32[MOST], y32[MOST], out32[MOST];
static double x64[MOST], g64[MOST], y64[MOST], out64[MOST], expected[MOST];

static uint64_t random_state = 1;
static double random_real(void) /* a float, in [-1, 1) */
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (double)(random_state >> 40) / 8388608.0 - 1;
}

static void draw(size_t n)
{
    for (size_t i = 0; i < n; i++) {
        x64[i] = 4 * random_real();
        g64[i] = random_real();
        x32[i] = (float)x64[i];
        g32[i] = (float)g64[i];
    }
}

static void near(const char *what, const size_t *shape, size_t n, double magnitude)
{
    for (size_t i = 0; i < n; i++) {
        double wide = fabs(out64[i] - expected[i]), narrow = fabs((double)out32[i] - expected[i]);
        if (!(wide <= 16 * DBL_EPSILON * magnitude && narrow <= 16 * (double)FLT_EPSILON * magnitude))
            fail_msg("%s (%zu,%zu,%zu), element %zu: %.17g and %.9g, expected %.17g", what, shape[0], shape[1],
                shape[2], i, out64[i], (double)out32[i], expected[i]);
    }
}

/* (outer, n, inner): calls f for each group, its elements being x[at], x[at + inner], ... */
#define GROUPS(s, at)                                                                                                  \
    for (size_t o_ = 0; o_ < (s)[0]; o_++)                                                                             \
        for (size_t i_ = 0, at = o_ * (s)[1] * (s)[2]; i_ < (s)[2]; i_++, at++)

static double group_exp(const size_t *s, size_t at)
{
    double sum = 0;
    for (size_t k = 0; k < s[1]; k++) sum += exp(x64[at + k * s[2]]);
    return sum;
}

static void check_softmax(const size_t *s)
{
    size_t size = s[0] * s[1] * s[2], results = 0;
    draw(size);
    GROUPS(s, at)
    for (size_t k = 0; k < s[1]; k++) expected[at + k * s[2]] = exp(x64[at + k * s[2]]) / group_exp(s, at);
    wg_kernel_softmax_f64(s[0], s[1], s[2], x64, out64);
    wg_kernel_softmax_f32(s[0], s[1], s[2], x32, out32);
    near("softmax", s, size, 1);
    for (size_t i = 0; i < size; i++) y32[i] = (float)(y64[i] = expected[i]);
    GROUPS(s, at)
    {
        double mean = 0, sum = 0;
        for (size_t k = 0; k < s[1]; k++) mean += g64[at + k * s[2]] * y64[at + k * s[2]];
        for (size_t k = 0; k < s[1]; k++) sum += g64[at + k * s[2]];
        for (size_t k = 0; k < s[1]; k++) {
            size_t i = at + k * s[2];
            expected[i] = g64[i] - mean;
            x64[i] = g64[i] - y64[i] * sum; /* for the next check */
        }
    }
    wg_kernel_softmax_center_f64(s[0], s[1], s[2], g64, y64, out64);
    wg_kernel_softmax_center_f32(s[0], s[1], s[2], g32, y32, out32);
    near("center", s, size, 2);
    for (size_t i = 0; i < size; i++) expected[i] = x64[i];
    wg_kernel_softmax_project_f64(s[0], s[1], s[2], g64, y64, out64);
    wg_kernel_softmax_project_f32(s[0], s[1], s[2], g32, y32, out32);
    near("project", s, size, 32);

    draw(size);
    GROUPS(s, at)
    for (size_t k = 0; k < s[1]; k++) expected[at + k * s[2]] = x64[at + k * s[2]] - log(group_exp(s, at));
    wg_kernel_log_softmax_f64(s[0], s[1], s[2], x64, out64);
    wg_kernel_log_softmax_f32(s[0], s[1], s[2], x32, out32);
    near("log_softmax", s, size, 16);
    GROUPS(s, at) expected[results++] = log(group_exp(s, at));
    wg_kernel_logsumexp_f64(s[0], s[1], s[2], x64, out64);
    wg_kernel_logsumexp_f32(s[0], s[1], s[2], x32, out32);
    near("logsumexp", s, results, 16);
}

static void check_norm(const size_t *s)
{
    size_t results = 0;
    draw(s[0] * s[1] * s[2]);
    GROUPS(s, at)
    {
        double sum = 0, lost = 0; /* W. Kahan's compensation */
        for (size_t k = 0; k < s[1]; k++) {
            double x = x64[at + k * s[2]], term = x * x - lost, next = sum + term;
            lost = (next - sum) - term;
            sum = next;
        }
        expected[results++] = sqrt(sum);
    }
    const wg_kernel_reduction r = {WG_KERNEL_NORM, s[0], s[1], s[2], s[2], false, 1};
    wg_kernel_reduce_f64(wg_kernel_isa(), &r, x64, out64);
    wg_kernel_reduce_f32(wg_kernel_isa(), &r, x32, out32);
    near("norm", s, results, sqrt((double)s[1]));
}

/* Powers of two and signs: exact in any order. */
static void check_products(const size_t *s)
{
    size_t results = 0, size = s[0] * s[1] * s[2];
    for (size_t i = 0; i < size; i++) {
        double r = random_real();
        x32[i] = (float)(x64[i] = r < -0.5 ? -1 : r < 0 ? 1 : r < 0.5 ? 0.5 : 2);
    }
    GROUPS(s, at)
    {
        double product = 1;
        for (size_t k = 0; k < s[1]; k++) product *= x64[at + k * s[2]];
        expected[results++] = product;
    }
    const wg_kernel_reduction whole = {WG_KERNEL_PROD, s[0], s[1], s[2], s[2], false, 1};
    wg_kernel_reduce_f64(wg_kernel_isa(), &whole, x64, out64);
    wg_kernel_reduce_f32(wg_kernel_isa(), &whole, x32, out32);
    near("prod", s, results, 0);
    for (int way = 0; way < 4; way++) {
        bool reverse = way & 1, exclusive = way & 2;
        wg_kernel_scan scan = {s[0], s[1], s[2], reverse};
        GROUPS(s, at)
        {
            double product = 1;
            for (size_t r = 0; r < s[1]; r++) {
                size_t i = at + (reverse ? s[1] - 1 - r : r) * s[2];
                if (exclusive) expected[i] = product;
                product *= x64[i];
                if (!exclusive) expected[i] = product;
            }
        }
        wg_kernel_cumprod_f64(&scan, exclusive, x64, out64);
        wg_kernel_cumprod_f32(&scan, exclusive, x32, out32);
        near("cumprod", s, size, 0);
    }
}

/* Sums of small whole numbers: exact. h = a + b h with b in {-1, 0, 1} likewise. */
static void check_sums(const size_t *s)
{
    size_t size = s[0] * s[1] * s[2];
    for (size_t i = 0; i < size; i++) {
        x32[i] = (float)(x64[i] = floor(8 * random_real()));
        y32[i] = (float)(y64[i] = floor(1.5 * random_real() + 0.5));
    }
    for (int way = 0; way < 8; way++) {
        bool reverse = way & 1, add = way & 2, of_before = way & 4;
        wg_kernel_scan scan = {s[0], s[1], s[2], reverse};
        GROUPS(s, at)
        {
            double sum = 0;
            for (size_t r = 0; r < s[1]; r++) {
                size_t i = at + (reverse ? s[1] - 1 - r : r) * s[2];
                sum += x64[i];
                out32[i] = (float)(out64[i] = add ? 5 : NAN);
                expected[i] = sum + (add ? 5 : 0);
            }
        }
        wg_kernel_cumsum_f64(&scan, x64, out64, add);
        wg_kernel_cumsum_f32(&scan, x32, out32, add);
        near("cumsum", s, size, 0);
        GROUPS(s, at)
        {
            double h = 0;
            size_t before = at;
            for (size_t r = 0; r < s[1]; r++) {
                size_t i = at + (reverse ? s[1] - 1 - r : r) * s[2];
                h = x64[i] + (r ? y64[of_before ? before : i] * h : 0);
                expected[i] = h;
                before = i;
            }
        }
        wg_kernel_recurrence_f64(&scan, of_before, x64, y64, out64);
        wg_kernel_recurrence_f32(&scan, of_before, x32, y32, out32);
        near("recurrence", s, size, 0);
    }
}

static void check_logcumsumexp(const size_t *s)
{
    size_t size = s[0] * s[1] * s[2];
    wg_kernel_scan scan = {s[0], s[1], s[2], false};
    draw(size);
    for (int reverse = 1; reverse >= 0; reverse--) {
        scan.reverse = reverse;
        GROUPS(s, at)
        {
            double sum = 0;
            for (size_t r = 0; r < s[1]; r++) {
                size_t i = at + (reverse ? s[1] - 1 - r : r) * s[2];
                expected[i] = log(sum += exp(x64[i]));
            }
        }
        wg_kernel_logcumsumexp_f64(&scan, x64, out64);
        wg_kernel_logcumsumexp_f32(&scan, x32, out32);
        near("logcumsumexp", s, size, 16);
    }
    for (size_t i = 0; i < size; i++) y64[i] = expected[i];
    for (int transposed = 0; transposed < 2; transposed++) {
        GROUPS(s, at)
        {
            double sum = 0;
            for (size_t r = 0; r < s[1]; r++) {
                size_t i = at + (transposed ? r : s[1] - 1 - r) * s[2];
                sum += g64[i] * exp(transposed ? x64[i] : -y64[i]);
                expected[i] = sum * exp(transposed ? -y64[i] : x64[i]);
            }
        }
        wg_kernel_logcumsumexp_weigh_f64(&scan, transposed, g64, x64, out64);
        wg_kernel_logcumsumexp_weigh_f32(&scan, transposed, g32, x32, out32);
        near("weigh", s, size, 128);
    }
}

static const size_t shapes[][3] = {{1, 1, 1}, {3, 1, 1}, {1, 2, 1}, {5, 10, 1}, {9, 16, 1}, {9, 17, 1}, {7, 63, 1},
    {7, 64, 1}, {7, 65, 1}, {3, 128, 1}, {3, 129, 1}, {20, 131, 1}, {2, 1024, 1}, {2, 1025, 1}, {1, 2049, 1},
    {1, 10007, 1}, {2, 3, 2}, {3, 5, 7}, {2, 33, 16}, {2, 40, 63}, {2, 17, 64}, {2, 17, 65}, {1, 5, 127}, {2, 9, 128},
    {1, 18, 129}, {1, 33, 300}, {2, 300, 33}, {1, 3000, 3}, {0, 3, 2}, {2, 3, 0}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

#define EACH_SHAPE(check)                                                                                              \
    static void test_##check(void **state)                                                                             \
    {                                                                                                                  \
        (void)state;                                                                                                   \
        for (size_t k = 0; k < SHAPES; k++) check_##check(shapes[k]);                                                  \
    }
EACH_SHAPE(norm)
EACH_SHAPE(products)
EACH_SHAPE(sums)

/* These are quadratic in n here. */
#define EACH_SHORT_SHAPE(check)                                                                                        \
    static void test_##check(void **state)                                                                             \
    {                                                                                                                  \
        (void)state;                                                                                                   \
        for (size_t k = 0; k < SHAPES; k++)                                                                            \
            if (shapes[k][1] < 1100) check_##check(shapes[k]);                                                         \
    }
EACH_SHORT_SHAPE(softmax)
EACH_SHORT_SHAPE(logcumsumexp)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_softmax),
        cmocka_unit_test(test_norm),
        cmocka_unit_test(test_products),
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_logcumsumexp),
    };
    return cmocka_run_group_tests_name("kernels/softmax_scan", tests, NULL, NULL);
}
