/* Picking and adding by indices beside plain loops, ns per element of floats: rows of a table as an embedding has them, rows
 * added to a table, elements added along an axis. What bench_shape moves by take and gather is not repeated here. */
#include "support/bench.h"
#include "support/compare.h"

#include <string.h>

enum { WORDS = 4096, WIDTH = 64, PICKED = 8192, SIDE = 512 };

BENCH_OP(embedding, wg_embedding(in[0], indices))
BENCH_OP(index_add, wg_index_add(in[0], indices, in[1], 0))
BENCH_OP(scatter_1, wg_scatter_add(in[0], wg_reshape(indices, WG_DIMS(SIDE, SIDE)), in[1], 1))
BENCH_OP(scatter_0, wg_scatter_add(in[0], wg_reshape(indices, WG_DIMS(SIDE, SIDE)), in[1], 0))

BENCH_LOOP(embedding)
{
    for (size_t i = 0; i < PICKED; i++) memcpy(y + i * WIDTH, x + (size_t)indices[i] * WIDTH, WIDTH * sizeof *x);
}

BENCH_SWEEP(embedding)
{
    for (size_t i = 0; i < PICKED; i++)
        for (size_t j = 0; j < WIDTH; j++) dx[(size_t)indices[i] * WIDTH + j] += g[i * WIDTH + j];
}

BENCH_LOOP(index_add)
{
    const float *updates = x + WORDS * WIDTH;
    memcpy(y, x, WORDS * WIDTH * sizeof *x);
    for (size_t i = 0; i < PICKED; i++)
        for (size_t j = 0; j < WIDTH; j++) y[(size_t)indices[i] * WIDTH + j] += updates[i * WIDTH + j];
}

BENCH_SWEEP(index_add)
{
    float *updates = dx + WORDS * WIDTH;
    for (size_t i = 0; i < WORDS * WIDTH; i++) dx[i] += g[i];
    for (size_t i = 0; i < PICKED; i++)
        for (size_t j = 0; j < WIDTH; j++) updates[i * WIDTH + j] += g[(size_t)indices[i] * WIDTH + j];
}

/* Element (i, j) goes to TO. */
#define SCATTER(name, TO)                                                                                              \
    BENCH_LOOP(name)                                                                                                   \
    {                                                                                                                  \
        memcpy(y, x, SIDE *SIDE * sizeof *x);                                                                          \
        for (size_t i = 0; i < SIDE; i++)                                                                              \
            for (size_t j = 0; j < SIDE; j++) y[TO] += x[SIDE * SIDE + i * SIDE + j];                                  \
    }                                                                                                                  \
    BENCH_SWEEP(name)                                                                                                  \
    {                                                                                                                  \
        for (size_t i = 0; i < SIDE * SIDE; i++) dx[i] += g[i];                                                        \
        for (size_t i = 0; i < SIDE; i++)                                                                              \
            for (size_t j = 0; j < SIDE; j++) dx[SIDE * SIDE + i * SIDE + j] += g[TO];                                 \
    }
SCATTER(scatter_1, i *SIDE + (size_t)indices[i * SIDE + j])
SCATTER(scatter_0, (size_t)indices[i * SIDE + j] * SIDE + j)

#define CASE(text, word, count, end, ...)                                                                              \
    {                                                                                                                  \
        .name = text, .apply = op_##word, .plain = loop_##word, .plain_sweep = sweep_##word, .indices = count,         \
        .below = end, __VA_ARGS__                                                                                      \
    }
#define TABLE  .shape = {2, {WORDS, WIDTH}}
#define SQUARE .shape = {2, {SIDE, SIDE}}, .more = {{2, {SIDE, SIDE}}}
static const bench_comparison cases[] = {
    CASE("embedding 8192 of (4096,64)", embedding, PICKED, WORDS, TABLE),
    CASE("index_add 8192 to (4096,64)", index_add, PICKED, WORDS, TABLE, .more = {{2, {PICKED, WIDTH}}}),
    CASE("scatter_add (512,512) axis 1", scatter_1, SIDE *SIDE, SIDE, SQUARE),
    CASE("scatter_add (512,512) axis 0", scatter_0, SIDE *SIDE, SIDE, SQUARE),
};

int main(int argc, char **argv)
{
    bench_open("gather", argc, argv);
    BENCH_COMPARE("picking by indices", cases);
    return bench_close();
}
