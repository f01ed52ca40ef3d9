/* Sums of products of floats in Einstein's notation, in GFLOPS: einsum, by matrix products in an order that it finds, and the
 * same sums as loops in the order that a programmer would choose. The diagonal is in ns per element. */
#include "support/bench.h"
#include "support/compare.h"

#include <string.h>

enum { BATCH = 16, N = 64, M = 32 };

BENCH_OP(batch, wg_einsum("bij,bjk->bik", in, 2))
BENCH_OP(chain, wg_einsum("ij,jk,kl->il", in, 3))
BENCH_OP(bilinear, wg_einsum("bi,ijk,bk->bj", in, 3))
BENCH_OP(heads, wg_einsum("bqhd,bkhd->bhqk", in, 2))
BENCH_OP(trace, wg_einsum("bii->b", in, 1))

BENCH_LOOP(batch)
{
    memset(y, 0, BATCH * N * N * sizeof *y);
    for (size_t b = 0; b < BATCH; b++)
        bench_plain_product(N, N, N, x + b * N * N, x + (BATCH + b) * N * N, y + b * N * N);
}

BENCH_LOOP(chain)
{
    static float middle[N * N];
    memset(middle, 0, sizeof middle);
    memset(y, 0, N * N * sizeof *y);
    bench_plain_product(N, N, N, x, x + N * N, middle);
    bench_plain_product(N, N, N, middle, x + 2 * N * N, y);
}

BENCH_LOOP(bilinear)
{
    const float *t = x + BATCH * M, *z = t + M * M * M;
    memset(y, 0, BATCH * M * sizeof *y);
    for (size_t b = 0; b < BATCH; b++)
        for (size_t i = 0; i < M; i++)
            for (size_t j = 0; j < M; j++) {
                float sum = 0;
                for (size_t k = 0; k < M; k++) sum += t[(i * M + j) * M + k] * z[b * M + k];
                y[b * M + j] += x[b * M + i] * sum;
            }
}

/* Queries and keys (4,64,8,32) give scores (4,8,64,64). */
BENCH_LOOP(heads)
{
    const float *keys = x + 4 * N * 8 * M;
    for (size_t b = 0; b < 4; b++)
        for (size_t h = 0; h < 8; h++)
            for (size_t q = 0; q < N; q++)
                for (size_t k = 0; k < N; k++) {
                    float sum = 0;
                    for (size_t d = 0; d < M; d++)
                        sum += x[((b * N + q) * 8 + h) * M + d] * keys[((b * N + k) * 8 + h) * M + d];
                    y[((b * 8 + h) * N + q) * N + k] = sum;
                }
}

BENCH_LOOP(trace)
{
    for (size_t b = 0; b < BATCH; b++) {
        y[b] = 0;
        for (size_t i = 0; i < N; i++) y[b] += x[(b * N + i) * N + i];
    }
}

#define CASE(text, word, ...)                                                                                          \
    {                                                                                                                  \
        .name = text, .apply = op_##word, .plain = loop_##word, __VA_ARGS__                                            \
    }
#define FLOPS(count) .unit = "GFLOPS", .work = 2. * (count), .sweep = 2
static const bench_comparison diagonals[] = {
    CASE("bii->b (16,64,64)", trace, .shape = {3, {BATCH, N, N}}),
};
static const bench_comparison products[] = {
    CASE("bij,bjk->bik 16 x 64^3", batch, .shape = {3, {BATCH, N, N}}, .more = {{3, {BATCH, N, N}}},
        FLOPS(BATCH *N *N *N)),
    CASE("ij,jk,kl->il 64", chain, .shape = {2, {N, N}}, .more = {{2, {N, N}}, {2, {N, N}}}, FLOPS(2 * N * N * N)),
    CASE("bi,ijk,bk->bj 16, 32", bilinear, .shape = {2, {BATCH, M}}, .more = {{3, {M, M, M}}, {2, {BATCH, M}}},
        FLOPS(BATCH *M *M *M)),
    CASE("bqhd,bkhd->bhqk 4,64,8,32", heads, .shape = {4, {4, N, 8, M}}, .more = {{4, {4, N, 8, M}}},
        FLOPS(4 * 8 * N * N * M)),
};

int main(int argc, char **argv)
{
    bench_open("einsum", argc, argv);
    BENCH_COMPARE("einsum of one array", diagonals);
    BENCH_COMPARE("einsum", products);
    return bench_close();
}
