/* Standard deviations, variances and lengths of floats beside plain loops, in two passes: ns per element, of short rows, of the
 * middle axis, and of all of an array. Whole rows and columns are in bench_reduce. */
#include "support/bench.h"
#include "support/compare.h"

#include <math.h>

enum { MANY = 1 << 18, ROWS = 1 << 14, SHORT = 16 };

BENCH_OP(std, wg_std(in[0], 1))
BENCH_OP(norm, wg_norm(in[0]))
BENCH_OP(std_short, wg_std_axes(in[0], WG_AXES(1), false, 0))
BENCH_OP(variance_middle, wg_variance_axes(in[0], WG_AXES(1), false, 0))
BENCH_OP(norm_short, wg_norm_axes(in[0], WG_AXES(1), false))

/* Of n elements, step apart, the sum, and the sum of squares about a point. */
static float moment_sum(const float *x, size_t n, size_t step)
{
    float sum = 0;
    for (size_t i = 0; i < n; i++) sum += x[i * step];
    return sum;
}

static float moment_squares(const float *x, size_t n, size_t step, float about)
{
    float sum = 0;
    for (size_t i = 0; i < n; i++) sum += (x[i * step] - about) * (x[i * step] - about);
    return sum;
}

BENCH_LOOP(std) { *y = sqrtf(moment_squares(x, MANY, 1, moment_sum(x, MANY, 1) / MANY) / (MANY - 1)); }
BENCH_SWEEP(std)
{
    float mean = moment_sum(x, MANY, 1) / MANY, scale = *g / (*y * (MANY - 1));
    for (size_t i = 0; i < MANY; i++) dx[i] += scale * (x[i] - mean);
}

BENCH_LOOP(norm) { *y = sqrtf(moment_squares(x, MANY, 1, 0)); }
BENCH_SWEEP(norm)
{
    for (size_t i = 0; i < MANY; i++) dx[i] += *g / *y * x[i];
}

BENCH_LOOP(std_short)
{
    for (size_t r = 0; r < ROWS; r++, x += SHORT)
        y[r] = sqrtf(moment_squares(x, SHORT, 1, moment_sum(x, SHORT, 1) / SHORT) / SHORT);
}

BENCH_SWEEP(std_short)
{
    for (size_t r = 0; r < ROWS; r++, x += SHORT, dx += SHORT) {
        float mean = moment_sum(x, SHORT, 1) / SHORT, scale = g[r] / (y[r] * SHORT);
        for (size_t i = 0; i < SHORT; i++) dx[i] += scale * (x[i] - mean);
    }
}

BENCH_LOOP(norm_short)
{
    for (size_t r = 0; r < ROWS; r++) y[r] = sqrtf(moment_squares(x + r * SHORT, SHORT, 1, 0));
}

BENCH_SWEEP(norm_short)
{
    for (size_t r = 0; r < ROWS; r++)
        for (size_t i = r * SHORT; i < (r + 1) * SHORT; i++) dx[i] += g[r] / y[r] * x[i];
}

/* (64,128,32) over its middle axis. */
BENCH_LOOP(variance_middle)
{
    for (size_t a = 0; a < 64; a++)
        for (size_t c = 0; c < 32; c++) {
            const float *line = x + a * 128 * 32 + c;
            y[a * 32 + c] = moment_squares(line, 128, 32, moment_sum(line, 128, 32) / 128) / 128;
        }
}

BENCH_SWEEP(variance_middle)
{
    for (size_t a = 0; a < 64; a++)
        for (size_t c = 0; c < 32; c++) {
            const float *line = x + a * 128 * 32 + c;
            float mean = moment_sum(line, 128, 32) / 128, scale = g[a * 32 + c] / 64;
            for (size_t i = 0; i < 128; i++) dx[(a * 128 + i) * 32 + c] += scale * (line[i * 32] - mean);
        }
}

#define CASE(text, word, ...)                                                                                          \
    {                                                                                                                  \
        .name = text, .shape = {__VA_ARGS__}, .apply = op_##word, .plain = loop_##word, .plain_sweep = sweep_##word    \
    }
static const bench_comparison cases[] = {
    CASE("std (262144)", std, 1, {MANY}),
    CASE("norm (262144)", norm, 1, {MANY}),
    CASE("std (16384,16) axis 1", std_short, 2, {ROWS, SHORT}),
    CASE("norm (16384,16) axis 1", norm_short, 2, {ROWS, SHORT}),
    CASE("variance (64,128,32) axis 1", variance_middle, 3, {64, 128, 32}),
};

int main(int argc, char **argv)
{
    bench_open("moment", argc, argv);
    BENCH_COMPARE("moments", cases);
    return bench_close();
}
