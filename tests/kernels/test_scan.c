/* The kernels of scans, of norms and of products against naive loops in double. */
#include "groups.h"

#include "kernels/reduce.h"
#include "kernels/scan.h"

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
    GROUPS(s, at)
    {
        double product = 1; /* no factor is 0 */
        for (size_t r = 0; r < s[1]; r++) product *= x64[at + r * s[2]];
        for (size_t r = 0; r < s[1]; r++) expected[at + r * s[2]] = product / x64[at + r * s[2]];
    }
    const wg_kernel_scan scan = {s[0], s[1], s[2], false};
    wg_kernel_others_f64(&scan, x64, out64);
    wg_kernel_others_f32(&scan, x32, out32);
    near("others", s, size, 0);
}

/* With one zero, all others have it; it has their product. With two, all are zero. */
static void test_others_of_zeros(void **state)
{
    (void)state;
    double in[200], out[200];
    for (size_t n = 2; n <= 200; n += 33)
        for (size_t at = 0; at + 1 < n; at += 7) {
            const wg_kernel_scan s = {1, n, 1, false};
            for (size_t i = 0; i < n; i++) in[i] = i % 2 ? 2 : 0.5;
            double product = 1;
            for (size_t i = 0; i < n; i++) product *= i == at ? 1 : in[i];
            in[at] = 0;
            wg_kernel_others_f64(&s, in, out);
            for (size_t i = 0; i < n; i++) assert_true(out[i] == (i == at ? product : 0));
            in[n - 1] = 0;
            wg_kernel_others_f64(&s, in, out);
            for (size_t i = 0; i < n; i++) assert_true(out[i] == 0);
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
        wg_kernel_cumsum_f64(wg_kernel_isa(), &scan, x64, out64, add);
        wg_kernel_cumsum_f32(wg_kernel_isa(), &scan, x32, out32, add);
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
EACH_SHORT_SHAPE(logcumsumexp)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_others_of_zeros),
        cmocka_unit_test(test_norm),
        cmocka_unit_test(test_products),
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_logcumsumexp),
    };
    return cmocka_run_group_tests_name("kernels/scan", tests, NULL, NULL);
}
