/* Reductions and scans beside plain loops, ns per element: over all of an array, over rows, over columns, and in short
 * pieces. */
#include "support/bench.h"
#include "support/compare.h"

#include <math.h>

enum { SIDE = 1024, SHORT = 8 };

#define OP(name, call)                                                                                                 \
    static wg_var op_##name(wg_var x, wg_var indices)                                                                  \
    {                                                                                                                  \
        (void)indices;                                                                                                 \
        return call;                                                                                                   \
    }
#define AXIS(k) WG_AXES(k), false
OP(sum, wg_sum(x))
OP(sum_0, wg_sum_axes(x, AXIS(0)))
OP(sum_1, wg_sum_axes(x, AXIS(1)))
OP(mean_0, wg_mean_axes(x, AXIS(0)))
OP(mean_1, wg_mean_axes(x, AXIS(1)))
OP(max, wg_max(x))
OP(max_0, wg_max_axes(x, AXIS(0)))
OP(max_1, wg_max_axes(x, AXIS(1)))
OP(prod_0, wg_prod_axes(x, AXIS(0)))
OP(prod_1, wg_prod_axes(x, AXIS(1)))
OP(variance_0, wg_variance_axes(x, AXIS(0), 0))
OP(variance_1, wg_variance_axes(x, AXIS(1), 0))
OP(norm_0, wg_norm_axes(x, AXIS(0)))
OP(norm_1, wg_norm_axes(x, AXIS(1)))
OP(cumsum_0, wg_cumsum(x, 0))
OP(cumsum_1, wg_cumsum(x, 1))
OP(cumprod_1, wg_cumprod(x, 1))

/* y[outer, inner] from x[outer, n, inner]: start, then STEP for each element, then END. */
#define LOOP(name, outer, n, inner, start, STEP, END)                                                                  \
    static void loop_##name(const float *x, const int64_t *indices, float *y)                                          \
    {                                                                                                                  \
        (void)indices;                                                                                                 \
        for (size_t o = 0; o < (outer); o++, x += (size_t)(n) * (inner), y += inner) {                                 \
            for (size_t i = 0; i < (inner); i++) y[i] = start;                                                         \
            for (size_t r = 0; r < (n); r++)                                                                           \
                for (size_t i = 0; i < (inner); i++) {                                                                 \
                    float e = x[r * (inner) + i];                                                                      \
                    y[i] = STEP;                                                                                       \
                }                                                                                                      \
            for (size_t i = 0; i < (inner); i++) y[i] = END;                                                           \
        }                                                                                                              \
    }
#define LARGER (y[i] >= e ? y[i] : e)
LOOP(sum, 1, SIDE *SIDE, 1, 0, y[i] + e, y[i])
LOOP(sum_0, 1, SIDE, SIDE, 0, y[i] + e, y[i])
LOOP(sum_1, SIDE, SIDE, 1, 0, y[i] + e, y[i])
LOOP(sum_short_1, SIDE *SIDE, SHORT, 1, 0, y[i] + e, y[i])
LOOP(sum_short_0, 1, SIDE *SIDE, SHORT, 0, y[i] + e, y[i])
LOOP(mean_0, 1, SIDE, SIDE, 0, y[i] + e, y[i] / SIDE)
LOOP(mean_1, SIDE, SIDE, 1, 0, y[i] + e, y[i] / SIDE)
LOOP(max, 1, SIDE *SIDE, 1, -INFINITY, LARGER, y[i])
LOOP(max_0, 1, SIDE, SIDE, -INFINITY, LARGER, y[i])
LOOP(max_1, SIDE, SIDE, 1, -INFINITY, LARGER, y[i])
LOOP(max_short_1, SIDE *SIDE, SHORT, 1, -INFINITY, LARGER, y[i])
LOOP(prod_0, 1, SIDE, SIDE, 1, y[i] * e, y[i])
LOOP(prod_1, SIDE, SIDE, 1, 1, y[i] * e, y[i])
LOOP(norm_0, 1, SIDE, SIDE, 0, y[i] + e * e, sqrtf(y[i]))
LOOP(norm_1, SIDE, SIDE, 1, 0, y[i] + e * e, sqrtf(y[i]))

static void loop_variance_0(const float *x, const int64_t *indices, float *y)
{
    static float mean[SIDE];
    loop_mean_0(x, indices, mean);
    for (size_t i = 0; i < SIDE; i++) y[i] = 0;
    for (size_t r = 0; r < SIDE; r++)
        for (size_t i = 0; i < SIDE; i++) {
            float e = x[r * SIDE + i] - mean[i];
            y[i] += e * e / SIDE;
        }
}

static void loop_variance_1(const float *x, const int64_t *indices, float *y)
{
    static float mean[SIDE];
    loop_mean_1(x, indices, mean);
    for (size_t r = 0; r < SIDE; r++) {
        float sum = 0;
        for (size_t i = 0; i < SIDE; i++) {
            float e = x[r * SIDE + i] - mean[r];
            sum += e * e;
        }
        y[r] = sum / SIDE;
    }
}

static void loop_cumsum_0(const float *x, const int64_t *indices, float *y)
{
    (void)indices;
    for (size_t i = 0; i < SIDE; i++) y[i] = x[i];
    for (size_t i = SIDE; i < SIDE * SIDE; i++) y[i] = y[i - SIDE] + x[i];
}

static void loop_cumsum_1(const float *x, const int64_t *indices, float *y)
{
    (void)indices;
    for (size_t r = 0; r < SIDE; r++) {
        float sum = 0;
        for (size_t i = 0; i < SIDE; i++) y[r * SIDE + i] = sum += x[r * SIDE + i];
    }
}

static void loop_cumprod_1(const float *x, const int64_t *indices, float *y)
{
    (void)indices;
    for (size_t r = 0; r < SIDE; r++) {
        float product = 1;
        for (size_t i = 0; i < SIDE; i++) y[r * SIDE + i] = product *= x[r * SIDE + i];
    }
}

#define SQUARE                                                                                                         \
    {                                                                                                                  \
        2, { SIDE, SIDE }                                                                                              \
    }
#define CASE(text, word)                                                                                               \
    {                                                                                                                  \
        .name = text, .shape = SQUARE, .op = op_##word, .plain = loop_##word                                           \
    }
static const bench_comparison cases[] = {
    CASE("sum (1024,1024)", sum),
    CASE("sum axis 0", sum_0),
    CASE("sum axis 1", sum_1),
    {.name = "sum (1048576,8) axis 0",
        .shape = {2, {SIDE * SIDE, SHORT}},
        .op = op_sum_0,
        .plain = loop_sum_short_0,
        .large = true},
    {.name = "sum (1048576,8) axis 1",
        .shape = {2, {SIDE * SIDE, SHORT}},
        .op = op_sum_1,
        .plain = loop_sum_short_1,
        .large = true},
    CASE("mean axis 0", mean_0),
    CASE("mean axis 1", mean_1),
    CASE("max (1024,1024)", max),
    CASE("max axis 0", max_0),
    CASE("max axis 1", max_1),
    {.name = "max (1048576,8) axis 1",
        .shape = {2, {SIDE * SIDE, SHORT}},
        .op = op_max_1,
        .plain = loop_max_short_1,
        .large = true},
    CASE("prod axis 0", prod_0),
    CASE("prod axis 1", prod_1),
    CASE("variance axis 0", variance_0),
    CASE("variance axis 1", variance_1),
    CASE("norm axis 0", norm_0),
    CASE("norm axis 1", norm_1),
    CASE("cumsum axis 0", cumsum_0),
    CASE("cumsum axis 1", cumsum_1),
    CASE("cumprod axis 1", cumprod_1),
};

int main(int argc, char **argv)
{
    bench_open("reduce", argc, argv);
    bench_compare("reductions", cases, sizeof cases / sizeof *cases);
    return bench_close();
}
