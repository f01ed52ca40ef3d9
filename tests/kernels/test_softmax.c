/* The kernels of softmax and cross-entropy, by rows and with a group in each lane, for each instruction set and both types:
 * against naive loops in double. */
#include "groups.h"

#include <string.h>

#include "kernels/softmax_lanes.h"
#include "kernels/softmax_rows.h"

static float h32[MOST];
static double h64[MOST];
static int64_t target[MOST];

/* How kernels are called. */
typedef struct way {
    wg_isa isa;
    const size_t *s;
    bool rows;
    wg_kernel_groups groups;
    size_t strips;
} way;

/* Strips may be given to several callers. */
#define CALL(w, stem, bits, ...)                                                                                       \
    do {                                                                                                               \
        size_t half_ = (w)->strips / 2;                                                                                \
        if ((w)->rows) {                                                                                               \
            wg_kernel_softmax_rows##stem##_f##bits((w)->isa, (w)->s[0], (w)->s[1], __VA_ARGS__);                       \
        } else {                                                                                                       \
            wg_kernel_softmax_lanes##stem##_f##bits((w)->isa, &(w)->groups, half_, (w)->strips, __VA_ARGS__);          \
            wg_kernel_softmax_lanes##stem##_f##bits((w)->isa, &(w)->groups, 0, half_, __VA_ARGS__);                    \
        }                                                                                                              \
    } while (0)

/* Results that were not written show. */
static void spoil(double before)
{
    for (size_t i = 0; i < MOST; i++) out32[i] = (float)(out64[i] = before);
}

static double group_exp(const size_t *s, size_t at)
{
    double sum = 0;
    for (size_t k = 0; k < s[1]; k++) sum += exp(x64[at + k * s[2]]);
    return sum;
}

static void check_forward(const way *w)
{
    const size_t *s = w->s;
    size_t size = s[0] * s[1] * s[2], results = 0;
    draw(size);
    GROUPS(s, at)
    {
        double sum = group_exp(s, at);
        for (size_t k = 0; k < s[1]; k++) expected[at + k * s[2]] = exp(x64[at + k * s[2]]) / sum;
    }
    spoil((double)NAN);
    CALL(w, , 64, x64, out64);
    CALL(w, , 32, x32, out32);
    near("softmax", s, size, 1);
    GROUPS(s, at)
    {
        double sum = log(group_exp(s, at));
        for (size_t k = 0; k < s[1]; k++) expected[at + k * s[2]] = x64[at + k * s[2]] - sum;
    }
    spoil((double)NAN);
    CALL(w, _log, 64, x64, out64);
    CALL(w, _log, 32, x32, out32);
    near("log_softmax", s, size, 16);
    GROUPS(s, at) expected[results++] = log(group_exp(s, at));
    spoil((double)NAN);
    CALL(w, _logsumexp, 64, x64, out64);
    CALL(w, _logsumexp, 32, x32, out32);
    near("logsumexp", s, results, 16);
}

/* y = softmax(x), h its logarithm. */
static void draw_weights(const size_t *s)
{
    draw(s[0] * s[1] * s[2]);
    GROUPS(s, at)
    {
        double sum = group_exp(s, at);
        for (size_t k = 0; k < s[1]; k++) {
            size_t i = at + k * s[2];
            y32[i] = (float)(y64[i] = exp(x64[i]) / sum);
            h32[i] = (float)(h64[i] = x64[i] - log(sum));
        }
    }
}

static void check_backward(const way *w)
{
    const size_t *s = w->s;
    size_t size = s[0] * s[1] * s[2];
    draw_weights(s);
    for (int kind = 0; kind < 4; kind++) {
        bool add = kind % 2;
        GROUPS(s, at)
        {
            double mean = 0, sum = 0;
            for (size_t k = 0; k < s[1]; k++) mean += g64[at + k * s[2]] * y64[at + k * s[2]];
            for (size_t k = 0; k < s[1]; k++) sum += g64[at + k * s[2]];
            for (size_t k = 0; k < s[1]; k++) {
                size_t i = at + k * s[2];
                expected[i] = kind < 2 ? (g64[i] - mean) * (add ? y64[i] : 1) : g64[i] - y64[i] * sum;
                if (add) expected[i] += 3;
            }
        }
        spoil(add ? 3 : (double)NAN);
        if (kind < 2) {
            CALL(w, _center, 64, g64, y64, out64, add, add);
            CALL(w, _center, 32, g32, y32, out32, add, add);
        } else {
            CALL(w, _project, 64, g64, add ? h64 : y64, out64, add, add);
            CALL(w, _project, 32, g32, add ? h32 : y32, out32, add, add);
        }
        near(kind < 2 ? "center" : "project", s, size, kind < 2 ? 4 : 32);
    }
}

/* x is the logits, g the cotangents of the groups, y the target as probabilities. */
static void check_entropy(const way *w, const int64_t *ignored, bool add)
{
    const size_t *s = w->s;
    size_t size = s[0] * s[1] * s[2], results = 0;
    static float work32[3000 * WG_KERNEL_LANES_STRIP];
    static double work64[3000 * WG_KERNEL_LANES_STRIP]; /* the longest that is no row */
    draw_weights(s);
    for (size_t i = 0; i < s[0] * s[2]; i++) target[i] = (int64_t)(i * 7 % s[1]);
    for (size_t i = 0; i < size; i++) expected[i] = 0;
    GROUPS(s, at)
    {
        int64_t t = target[results];
        bool passed = ignored && t == *ignored;
        expected[results++] = passed ? 0 : log(group_exp(s, at)) - x64[at + (size_t)t * s[2]];
    }
    spoil((double)NAN);
    CALL(w, _entropy, 64, x64, target, ignored, out64);
    CALL(w, _entropy, 32, x32, target, ignored, out32);
    near("entropy", s, results, 16);
    results = 0;
    GROUPS(s, at)
    {
        double sum = group_exp(s, at);
        int64_t t = target[results];
        double by = ignored && t == *ignored ? 0 : g64[results];
        for (size_t k = 0; k < s[1]; k++)
            expected[at + k * s[2]] = by * (exp(x64[at + k * s[2]]) / sum - (k == (size_t)t)) + (add ? 2 : 0);
        results++;
    }
    spoil(add ? 2 : (double)NAN);
    CALL(w, _slope, 64, g64, x64, target, ignored, work64, out64, add);
    CALL(w, _slope, 32, g32, x32, target, ignored, work32, out32, add);
    near("slope", s, size, 2);
}

static void check_soft(const way *w)
{
    const size_t *s = w->s;
    size_t results = 0;
    draw_weights(s);
    GROUPS(s, at)
    {
        double sum = log(group_exp(s, at)), loss = 0;
        for (size_t k = 0; k < s[1]; k++) loss += y64[at + k * s[2]] * (sum - x64[at + k * s[2]]);
        expected[results++] = loss;
    }
    spoil((double)NAN);
    CALL(w, _soft, 64, x64, y64, out64);
    CALL(w, _soft, 32, x32, y32, out32);
    near("soft", s, results, 16);
}

static void check_way(const way *w)
{
    static const int64_t ignored = 0;
    check_forward(w);
    check_backward(w);
    check_soft(w);
    for (int add = 0; add < 2; add++) {
        check_entropy(w, NULL, add);
        check_entropy(w, &ignored, add);
    }
}

static void test_groups(void **state)
{
    (void)state;
    for (int isa = WG_ISA_BASELINE; isa <= (int)wg_kernel_isa(); isa++)
        for (size_t k = 0; k < SHAPES; k++) {
            const size_t *s = shapes[k];
            way w = {.isa = (wg_isa)isa, .s = s, .groups = {s[0], s[1], s[2]}};
            w.strips = wg_kernel_lanes_strips(&w.groups);
            if (s[2] != 1 || s[1] <= WG_KERNEL_LANES_MOST) check_way(&w);
            w.rows = true;
            if (s[2] == 1) check_way(&w);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_groups)};
    return cmocka_run_group_tests_name("kernels/softmax", tests, NULL, NULL);
}
