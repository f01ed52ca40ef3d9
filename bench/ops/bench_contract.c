/* Contractions of floats beside plain loops: of vectors in ns per element, those that are matrix products in GFLOPS. */
#include "support/bench.h"
#include "support/compare.h"

#include <string.h>

enum { MANY = 1 << 16, SIDE = 256, N = 64, M = 32 };

BENCH_OP(dot, wg_dot(in[0], in[1]))
BENCH_OP(cross, wg_cross(in[0], in[1]))
BENCH_OP(outer, wg_outer(in[0], in[1]))
BENCH_OP(kron, wg_kron(in[0], in[1]))
BENCH_OP(inner, wg_inner(in[0], in[1]))
BENCH_OP(tensordot, wg_tensordot(in[0], in[1], WG_AXES(1, 2), WG_AXES(0, 1)))

BENCH_LOOP(dot)
{
    float sum = 0;
    for (size_t i = 0; i < MANY; i++) sum += x[i] * x[MANY + i];
    *y = sum;
}

BENCH_SWEEP(dot)
{
    for (size_t i = 0; i < MANY; i++) {
        dx[i] += *g * x[MANY + i];
        dx[MANY + i] += *g * x[i];
    }
}

BENCH_LOOP(cross)
{
    for (size_t i = 0; i < 3 * MANY; i += 3) {
        const float *a = x + i, *b = a + 3 * MANY;
        y[i] = a[1] * b[2] - a[2] * b[1];
        y[i + 1] = a[2] * b[0] - a[0] * b[2];
        y[i + 2] = a[0] * b[1] - a[1] * b[0];
    }
}

BENCH_LOOP(outer)
{
    for (size_t i = 0; i < SIDE; i++)
        for (size_t j = 0; j < SIDE; j++) y[i * SIDE + j] = x[i] * x[SIDE + j];
}

BENCH_LOOP(kron)
{
    const float *b = x + M * M;
    for (size_t i = 0; i < M * 8; i++)
        for (size_t j = 0; j < M * 8; j++) y[i * M * 8 + j] = x[i / 8 * M + j / 8] * b[i % 8 * 8 + j % 8];
}

BENCH_LOOP(inner)
{
    const float *b = x + SIDE * N;
    for (size_t i = 0; i < SIDE; i++)
        for (size_t j = 0; j < SIDE; j++) {
            float sum = 0;
            for (size_t k = 0; k < N; k++) sum += x[i * N + k] * b[j * N + k];
            y[i * SIDE + j] = sum;
        }
}

BENCH_LOOP(tensordot)
{
    memset(y, 0, N * N * sizeof *y);
    bench_plain_product(N, M * M, N, x, x + N * M * M, y);
}

#define CASE(text, word, ...)                                                                                          \
    {                                                                                                                  \
        .name = text, .apply = op_##word, .plain = loop_##word, __VA_ARGS__                                            \
    }
#define FLOPS(count) .unit = "GFLOPS", .work = 2. * (count), .sweep = 2
static const bench_comparison vectors[] = {
    CASE("dot (65536)", dot, .shape = {1, {MANY}}, .more = {{1, {MANY}}}, .plain_sweep = sweep_dot),
    CASE("cross (65536,3)", cross, .shape = {2, {MANY, 3}}, .more = {{2, {MANY, 3}}}),
    CASE("outer (256) (256)", outer, .shape = {1, {SIDE}}, .more = {{1, {SIDE}}}),
    CASE("kron (32,32) (8,8)", kron, .shape = {2, {M, M}}, .more = {{2, {8, 8}}}),
};
static const bench_comparison products[] = {
    CASE("inner (256,64) (256,64)", inner, .shape = {2, {SIDE, N}}, .more = {{2, {SIDE, N}}}, FLOPS(SIDE *SIDE *N)),
    CASE("tensordot (64,32,32) (32,32,64)", tensordot, .shape = {3, {N, M, M}}, .more = {{3, {M, M, N}}},
        FLOPS(N *N *M *M)),
};

int main(int argc, char **argv)
{
    bench_open("contract", argc, argv);
    BENCH_COMPARE("contractions", vectors);
    BENCH_COMPARE("contractions by products", products);
    return bench_close();
}
