/* Elementwise ops beside the loops that a C programmer would write with libm: 4096 elements in the cache, where a function
 * costs what it computes, and 16 million out of it, where it costs the memory: there beside a triad too, a = b + 3 c. */
#include "support/bench.h"
#include "support/compare.h"

#include <math.h>

enum { FEW = 4096, ROWS = 64, COLUMNS = 64, MANY = 1 << 24 };

BENCH_OP(add, wg_add(in[0], in[1]))
BENCH_OP(mul, wg_mul(in[0], in[1]))
BENCH_OP(div, wg_div(in[0], in[1]))
BENCH_OP(exp, wg_exp(in[0]))
BENCH_OP(log, wg_log(in[0]))
BENCH_OP(sigmoid, wg_sigmoid(in[0]))
BENCH_OP(tanh, wg_tanh(in[0]))
BENCH_OP(sin, wg_sin(in[0]))
BENCH_OP(relu, wg_relu(in[0]))
BENCH_OP(gelu, wg_gelu(in[0]))
BENCH_OP(bias, wg_add(in[0], in[1]))
BENCH_OP(triad, wg_fma(in[1], in[2], in[0]))

/* n elements of one argument: VALUE of u; SLOPE of u and v, the value. */
#define ONE(name, type, real, VALUE, SLOPE)                                                                            \
    BENCH_LOOP_OF(real, name##_##type)                                                                                 \
    {                                                                                                                  \
        for (size_t i = 0; i < FEW; i++) {                                                                             \
            real u = x[i];                                                                                             \
            y[i] = VALUE;                                                                                              \
        }                                                                                                              \
    }                                                                                                                  \
    BENCH_SWEEP_OF(real, name##_##type)                                                                                \
    {                                                                                                                  \
        for (size_t i = 0; i < FEW; i++) {                                                                             \
            BENCH_MAYBE real u = x[i], v = y[i];                                                                       \
            dx[i] += g[i] * (SLOPE);                                                                                   \
        }                                                                                                              \
    }
/* n elements of two arguments, u and w, one after the other. */
#define TWO_VALUES(name, type, real, n, VALUE)                                                                         \
    BENCH_LOOP_OF(real, name##_##type)                                                                                 \
    {                                                                                                                  \
        for (size_t i = 0; i < (n); i++) {                                                                             \
            real u = x[i], w = x[i + (n)];                                                                             \
            y[i] = VALUE;                                                                                              \
        }                                                                                                              \
    }
#define TWO_SLOPES(name, type, real, n, SLOPE_U, SLOPE_W)                                                              \
    BENCH_SWEEP_OF(real, name##_##type)                                                                                \
    {                                                                                                                  \
        for (size_t i = 0; i < (n); i++) {                                                                             \
            BENCH_MAYBE real u = x[i], w = x[i + (n)];                                                                 \
            dx[i] += g[i] * (SLOPE_U);                                                                                 \
            dx[i + (n)] += g[i] * (SLOPE_W);                                                                           \
        }                                                                                                              \
    }
#define TWO(name, type, real, VALUE, SLOPE_U, SLOPE_W)                                                                 \
    TWO_VALUES(name, type, real, FEW, VALUE)                                                                           \
    TWO_SLOPES(name, type, real, FEW, SLOPE_U, SLOPE_W)
#define BIAS(type, real)                                                                                               \
    BENCH_LOOP_OF(real, bias_##type)                                                                                   \
    {                                                                                                                  \
        for (size_t i = 0; i < ROWS; i++)                                                                              \
            for (size_t j = 0; j < COLUMNS; j++) y[i * COLUMNS + j] = x[i * COLUMNS + j] + x[FEW + j];                 \
    }                                                                                                                  \
    BENCH_SWEEP_OF(real, bias_##type)                                                                                  \
    {                                                                                                                  \
        for (size_t i = 0; i < ROWS; i++)                                                                              \
            for (size_t j = 0; j < COLUMNS; j++) {                                                                     \
                dx[i * COLUMNS + j] += g[i * COLUMNS + j];                                                             \
                dx[FEW + j] += g[i * COLUMNS + j];                                                                     \
            }                                                                                                          \
    }
#define TYPE(type, real, f)                                                                                            \
    TWO(add, type, real, u + w, 1, 1)                                                                                  \
    TWO(mul, type, real, u *w, w, u)                                                                                   \
    TWO(div, type, real, u / w, 1 / w, -u / (w * w))                                                                   \
    ONE(exp, type, real, exp##f(u), v)                                                                                 \
    ONE(log, type, real, log##f(u), 1 / u)                                                                             \
    ONE(sigmoid, type, real, 1 / (1 + exp##f(-u)), v * (1 - v))                                                        \
    ONE(tanh, type, real, tanh##f(u), 1 - v * v)                                                                       \
    ONE(sin, type, real, sin##f(u), cos##f(u))                                                                         \
    ONE(relu, type, real, u > 0 ? u : 0, u > 0 ? 1 : 0)                                                                \
    ONE(gelu, type, real, u / 2 * (1 + erf##f(u * (real)0.70710678118654752)),                                         \
        (1 + erf##f(u * (real)0.70710678118654752)) / 2 + u * exp##f(-u * u / 2) * (real)0.39894228040143268)          \
    BIAS(type, real)
TYPE(f32, float, f)
TYPE(f64, double, )
TWO_VALUES(add_many, f32, float, MANY, u + w)
TWO_VALUES(mul_many, f32, float, MANY, u *w)
TWO_SLOPES(mul_many, f32, float, MANY, w, u)
BENCH_LOOP(triad)
{
    for (size_t i = 0; i < MANY; i++) y[i] = x[i] + x[MANY] * x[i + MANY + 1];
}

#define CASE(suffix, field, text, word, from, to, ...)                                                                 \
    {                                                                                                                  \
        .name = text, .shape = {2, {ROWS, COLUMNS}}, .apply = op_##word, .field = loop_##word##_##suffix,              \
        .budget = .03, .plain_sweep = sweep_##word##_##suffix, .low = from, .high = to, __VA_ARGS__                    \
    }
#define PAIR .more = {{2, {ROWS, COLUMNS}}}
#define CASES(suffix, field)                                                                                           \
    {                                                                                                                  \
        CASE(suffix, field, "add", add, 1, 2, PAIR), CASE(suffix, field, "mul", mul, 1, 2, PAIR),                      \
            CASE(suffix, field, "div", div, 1, 2, PAIR),                                                               \
            CASE(suffix, field, "add bias (64,64) + (64)", bias, 1, 2, .more = {{1, {COLUMNS}}}),                      \
            CASE(suffix, field, "relu", relu, -1, 1, .jumps = true), CASE(suffix, field, "exp", exp, -4, 4, ),         \
            CASE(suffix, field, "log", log, .1, 9, ), CASE(suffix, field, "sigmoid", sigmoid, -4, 4, ),                \
            CASE(suffix, field, "tanh", tanh, -3, 3, ), CASE(suffix, field, "sin", sin, -9, 9, ),                      \
            CASE(suffix, field, "gelu", gelu, -3, 3, ),                                                                \
    }
static const bench_comparison floats[] = CASES(f32, plain);
static const bench_comparison doubles[] = CASES(f64, plain_f64);

/* Bytes that must move: three arrays in the forward form; in the sweep g once, each factor that the derivative needs, and
 * each gradient read and written. */
#define BYTES(arrays) .unit = "GB/s", .work = 4. * (arrays)*MANY
#define STREAM(text, word, loop, arrays, ...)                                                                          \
    {                                                                                                                  \
        .name = text, .shape = {1, {MANY}}, .apply = op_##word, .plain = loop_##loop, .low = 1, .high = 2,             \
        .large = true, BYTES(arrays), __VA_ARGS__                                                                      \
    }
static const bench_comparison streams[] = {
    STREAM("add", add, add_many_f32, 3, .more = {{1, {MANY}}}, .constant = true),
    STREAM("mul", mul, mul_many_f32, 3, .more = {{1, {MANY}}}, .plain_sweep = sweep_mul_many_f32, .sweep = 7. / 3),
    STREAM("fma, a triad", triad, triad, 3, .more = {{1, {1}}, {1, {MANY}}}, .constant = true),
};

int main(int argc, char **argv)
{
    bench_open("elementwise", argc, argv);
    BENCH_COMPARE("elementwise, 4096 floats", floats);
    BENCH_COMPARE("elementwise, 4096 doubles", doubles);
    BENCH_COMPARE("elementwise, 16 million floats", streams);
    return bench_close();
}
