/* Diagonals and triangles beside plain loops, ns per element of floats, of one matrix and of a stack of small ones. */
#include "support/bench.h"
#include "support/compare.h"

#include <string.h>

enum { SIDE = 512, STACK = 256, SMALL = 16 };

BENCH_OP(diagonal, wg_diagonal(in[0], 0))
BENCH_OP(trace, wg_trace(in[0]))
BENCH_OP(embed, wg_diag_embed(in[0], 0))
BENCH_OP(tril, wg_tril(in[0], 0))
BENCH_OP(triu, wg_triu(in[0], 1))
BENCH_OP(small, wg_tril(in[0], 0))

/* Of `count` matrices with `side` rows, the elements that the condition keeps; zeros elsewhere. */
#define KEEP(name, count, side, CONDITION)                                                                             \
    BENCH_LOOP(name)                                                                                                   \
    {                                                                                                                  \
        for (size_t m = 0, at = 0; m < (count); m++)                                                                   \
            for (size_t i = 0; i < (side); i++)                                                                        \
                for (size_t j = 0; j < (side); j++, at++) y[at] = CONDITION ? x[at] : 0;                               \
    }                                                                                                                  \
    BENCH_SWEEP(name)                                                                                                  \
    {                                                                                                                  \
        for (size_t m = 0, at = 0; m < (count); m++)                                                                   \
            for (size_t i = 0; i < (side); i++)                                                                        \
                for (size_t j = 0; j < (side); j++, at++) dx[at] += CONDITION ? g[at] : 0;                             \
    }
KEEP(tril, 1, SIDE, j <= i)
KEEP(triu, 1, SIDE, j > i)
KEEP(small, STACK, SMALL, j <= i)

BENCH_LOOP(diagonal)
{
    for (size_t i = 0; i < SIDE; i++) y[i] = x[i * SIDE + i];
}

BENCH_SWEEP(diagonal)
{
    for (size_t i = 0; i < SIDE; i++) dx[i * SIDE + i] += g[i];
}

BENCH_LOOP(trace)
{
    *y = 0;
    for (size_t i = 0; i < SIDE; i++) *y += x[i * SIDE + i];
}

BENCH_SWEEP(trace)
{
    for (size_t i = 0; i < SIDE; i++) dx[i * SIDE + i] += *g;
}

BENCH_LOOP(embed)
{
    memset(y, 0, SIDE * SIDE * sizeof *y);
    for (size_t i = 0; i < SIDE; i++) y[i * SIDE + i] = x[i];
}

BENCH_SWEEP(embed)
{
    for (size_t i = 0; i < SIDE; i++) dx[i] += g[i * SIDE + i];
}

#define CASE(text, word, ...)                                                                                          \
    {                                                                                                                  \
        .name = text, .shape = {__VA_ARGS__}, .apply = op_##word, .plain = loop_##word, .plain_sweep = sweep_##word    \
    }
static const bench_comparison cases[] = {
    CASE("tril (512,512)", tril, 2, {SIDE, SIDE}),
    CASE("triu 1 (512,512)", triu, 2, {SIDE, SIDE}),
    CASE("tril (256,16,16)", small, 3, {STACK, SMALL, SMALL}),
    CASE("diagonal (512,512)", diagonal, 2, {SIDE, SIDE}),
    CASE("trace (512,512)", trace, 2, {SIDE, SIDE}),
    CASE("diag_embed (512)", embed, 1, {SIDE}),
};

int main(int argc, char **argv)
{
    bench_open("triangle", argc, argv);
    BENCH_COMPARE("diagonals and triangles", cases);
    return bench_close();
}
