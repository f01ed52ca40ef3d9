/* Scans of floats beside plain loops, ns per element: along rows, each step waiting for the one before, and down columns.
 * The cumulative sum and product along rows are in bench_reduce too, beside the sums that they end in. */
#include "support/bench.h"
#include "support/compare.h"

#include <math.h>

enum { SIDE = 512, SIZE = SIDE * SIDE };

BENCH_OP(cumsum_0, wg_cumsum(in[0], 0))
BENCH_OP(cumprod_0, wg_cumprod(in[0], 0))
BENCH_OP(cumprod_1, wg_cumprod(in[0], 1))
BENCH_OP(logcumsumexp_0, wg_logcumsumexp(in[0], 0))
BENCH_OP(logcumsumexp_1, wg_logcumsumexp(in[0], 1))
BENCH_OP(cummax_1, wg_cummax(in[0], 1))
BENCH_OP(diff_1, wg_diff(in[0], 1, 1))

static float scan_logaddexp(float a, float b) { return (a > b ? a : b) + log1pf(expf(-fabsf(a - b))); }

/* y[i] = STEP of y[i - step] and x[i], where there is one before. */
#define DOWN(name, STEP)                                                                                               \
    BENCH_LOOP(name##_0)                                                                                               \
    {                                                                                                                  \
        for (size_t i = 0; i < SIDE; i++) y[i] = x[i];                                                                 \
        for (size_t i = SIDE; i < SIZE; i++) {                                                                         \
            float before = y[i - SIDE], e = x[i];                                                                      \
            y[i] = STEP;                                                                                               \
        }                                                                                                              \
    }
#define ALONG(name, STEP)                                                                                              \
    BENCH_LOOP(name##_1)                                                                                               \
    {                                                                                                                  \
        for (size_t r = 0; r < SIZE; r += SIDE) {                                                                      \
            float before = y[r] = x[r];                                                                                \
            for (size_t i = r + 1; i < r + SIDE; i++) {                                                                \
                float e = x[i];                                                                                        \
                before = y[i] = STEP;                                                                                  \
            }                                                                                                          \
        }                                                                                                              \
    }
DOWN(cumsum, before + e)
DOWN(cumprod, before *e)
ALONG(cumprod, before *e)
DOWN(logcumsumexp, scan_logaddexp(before, e))
ALONG(logcumsumexp, scan_logaddexp(before, e))
ALONG(cummax, before > e ? before : e)

BENCH_SWEEP(cumsum_0)
{
    float sum[SIDE] = {0};
    (void)x;
    for (size_t r = SIZE; r > 0; r -= SIDE)
        for (size_t i = 0, at = r - SIDE; i < SIDE; i++, at++) dx[at] += sum[i] += g[at];
}

/* x_k gets sum_(i >= k) g_i y_i / x_k: no element is zero. */
BENCH_SWEEP(cumprod_1)
{
    for (size_t r = 0; r < SIZE; r += SIDE) {
        float sum = 0;
        for (size_t i = r + SIDE; i-- > r;) {
            sum += g[i] * y[i];
            dx[i] += sum / x[i];
        }
    }
}

BENCH_SWEEP(cumprod_0)
{
    float sum[SIDE] = {0};
    for (size_t r = SIZE; r > 0; r -= SIDE)
        for (size_t i = 0, at = r - SIDE; i < SIDE; i++, at++) {
            sum[i] += g[at] * y[at];
            dx[at] += sum[i] / x[at];
        }
}

BENCH_SWEEP(logcumsumexp_1)
{
    for (size_t r = 0; r < SIZE; r += SIDE) {
        float sum = 0; /* of g e^-y, times e^y of the last */
        for (size_t i = r + SIDE; i-- > r;) {
            sum = (i + 1 < r + SIDE ? sum * expf(y[i] - y[i + 1]) : 0) + g[i];
            dx[i] += sum * expf(x[i] - y[i]);
        }
    }
}

BENCH_SWEEP(cummax_1)
{
    for (size_t r = 0; r < SIZE; r += SIDE)
        for (size_t i = r, from = r; i < r + SIDE; i++) {
            if (x[i] > x[from]) from = i;
            dx[from] += g[i];
        }
}

BENCH_LOOP(diff_1)
{
    for (size_t r = 0; r < SIDE; r++)
        for (size_t i = 0; i + 1 < SIDE; i++) y[r * (SIDE - 1) + i] = x[r * SIDE + i + 1] - x[r * SIDE + i];
}

BENCH_SWEEP(diff_1)
{
    for (size_t r = 0; r < SIDE; r++)
        for (size_t i = 0; i + 1 < SIDE; i++) {
            dx[r * SIDE + i + 1] += g[r * (SIDE - 1) + i];
            dx[r * SIDE + i] -= g[r * (SIDE - 1) + i];
        }
}

#define CASE(text, word, ...)                                                                                          \
    {                                                                                                                  \
        .name = text, .shape = {2, {SIDE, SIDE}}, .apply = op_##word, .plain = loop_##word, __VA_ARGS__                \
    }
#define SWEPT(text, word, ...) CASE(text, word, .plain_sweep = sweep_##word, __VA_ARGS__)
static const bench_comparison cases[] = {
    SWEPT("cumsum (512,512) axis 0", cumsum_0, ),
    SWEPT("cumprod axis 0", cumprod_0, .low = .99, .high = 1.01, .jumps = true),
    SWEPT("cumprod axis 1", cumprod_1, .low = .99, .high = 1.01, .jumps = true),
    CASE("logcumsumexp axis 0", logcumsumexp_0, ),
    SWEPT("logcumsumexp axis 1", logcumsumexp_1, ),
    SWEPT("cummax axis 1", cummax_1, .jumps = true),
    SWEPT("diff axis 1", diff_1, ),
};

int main(int argc, char **argv)
{
    bench_open("scan", argc, argv);
    BENCH_COMPARE("scans", cases);
    return bench_close();
}
