/* Rows replaced, and indices made into numbers, beside plain loops, ns per element of floats. */
#include "support/bench.h"
#include "support/compare.h"

#include <string.h>

enum { ROWS = 4096, WIDTH = 64, PICKED = 1024, CLASSES = 128 };

BENCH_OP(set_rows, wg_set_rows(in[0], indices, in[1]))
BENCH_OP(one_hot, wg_one_hot(indices, CLASSES))
BENCH_OP(to_numbers, wg_to_numbers(indices))

BENCH_LOOP(set_rows)
{
    memcpy(y, x, ROWS * WIDTH * sizeof *x);
    for (size_t i = 0; i < PICKED; i++)
        memcpy(y + (size_t)indices[i] * WIDTH, x + (ROWS + i) * WIDTH, WIDTH * sizeof *x);
}

/* No row is replaced twice. */
BENCH_SWEEP(set_rows)
{
    static bool replaced[ROWS];
    memset(replaced, 0, sizeof replaced);
    for (size_t i = 0; i < PICKED; i++) {
        replaced[indices[i]] = true;
        for (size_t j = 0; j < WIDTH; j++) dx[(ROWS + i) * WIDTH + j] += g[(size_t)indices[i] * WIDTH + j];
    }
    for (size_t r = 0; r < ROWS; r++)
        for (size_t j = 0; j < WIDTH && !replaced[r]; j++) dx[r * WIDTH + j] += g[r * WIDTH + j];
}

BENCH_LOOP(one_hot)
{
    memset(y, 0, ROWS * CLASSES * sizeof *y);
    for (size_t i = 0; i < ROWS; i++) y[i * CLASSES + (size_t)indices[i]] = 1;
}

BENCH_LOOP(to_numbers)
{
    for (size_t i = 0; i < ROWS; i++) y[i] = (float)indices[i];
}

static const bench_comparison cases[] = {
    {.name = "set_rows 1024 of (4096,64)",
        .shape = {2, {ROWS, WIDTH}},
        .more = {{2, {PICKED, WIDTH}}},
        .apply = op_set_rows,
        .plain = loop_set_rows,
        .plain_sweep = sweep_set_rows,
        .indices = PICKED,
        .below = ROWS},
    {.name = "one_hot (4096) of 128",
        .shape = {1, {1}},
        .apply = op_one_hot,
        .plain = loop_one_hot,
        .indices = ROWS,
        .below = CLASSES,
        .constant = true},
    {.name = "to_numbers (4096)",
        .shape = {1, {1}},
        .apply = op_to_numbers,
        .plain = loop_to_numbers,
        .indices = ROWS,
        .below = CLASSES,
        .constant = true},
};

int main(int argc, char **argv)
{
    bench_open("rows", argc, argv);
    BENCH_COMPARE("rows", cases);
    return bench_close();
}
