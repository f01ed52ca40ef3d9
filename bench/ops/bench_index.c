/* Parts and joins beside plain loops, ns per element of floats: eight arrays stacked and joined along either axis, an array
 * split into eight of which each is used, parts with steps. */
#include "support/bench.h"
#include "support/compare.h"

#include <string.h>

enum { SIDE = 256, PARTS = 8, PART = SIDE / PARTS, SAMPLES = 64 };

BENCH_OP(stack_0, wg_stack(in, PARTS, 0))
BENCH_OP(stack_2, wg_stack(in, PARTS, 2))
BENCH_OP(concat_1, wg_concat(in, PARTS, 1))
BENCH_OP(strided, wg_slice(in[0], 1, 1, WG_END, 3))
BENCH_OP(backwards, wg_slice(in[0], 0, -1, WG_END, -1))
BENCH_OP(column, wg_select(in[0], 1, 7))

/* The parts joined again, in reverse order, so that each is needed. */
static wg_var op_split(const wg_var *in, wg_var indices)
{
    wg_var parts[PARTS], reversed[PARTS];
    (void)indices;
    wg_split(in[0], PARTS, 1, parts);
    for (size_t k = 0; k < PARTS; k++) reversed[k] = parts[PARTS - 1 - k];
    return wg_concat(reversed, PARTS, 1);
}

BENCH_LOOP(stack_0) { memcpy(y, x, PARTS * SAMPLES * SIDE * sizeof *x); }
BENCH_SWEEP(stack_0)
{
    for (size_t i = 0; i < PARTS * SAMPLES * SIDE; i++) dx[i] += g[i];
}

/* Element j of row i of y comes from FROM. */
#define MOVE(name, rows, columns, FROM)                                                                                \
    BENCH_LOOP(name)                                                                                                   \
    {                                                                                                                  \
        for (size_t i = 0; i < (rows); i++)                                                                            \
            for (size_t j = 0; j < (columns); j++) *y++ = x[FROM];                                                     \
    }                                                                                                                  \
    BENCH_SWEEP(name)                                                                                                  \
    {                                                                                                                  \
        for (size_t i = 0; i < (rows); i++)                                                                            \
            for (size_t j = 0; j < (columns); j++) dx[FROM] += *g++;                                                   \
    }
MOVE(stack_2, SAMPLES *SIDE, PARTS, j *SAMPLES *SIDE + i)
MOVE(concat_1, SAMPLES, PARTS *SIDE, (j / SIDE * SAMPLES + i) * SIDE + j % SIDE)
MOVE(strided, SIDE, (SIDE - 1 + 2) / 3, i *SIDE + 1 + 3 * j)
MOVE(backwards, SIDE, SIDE, (SIDE - 1 - i) * SIDE + j)
MOVE(column, SIDE, 1, i *SIDE + 7 + j)
MOVE(split, SIDE, SIDE, i *SIDE + (PARTS - 1 - j / PART) * PART + j % PART)

#define CASE(text, word, ...)                                                                                          \
    {                                                                                                                  \
        .name = text, .apply = op_##word, .plain = loop_##word, .plain_sweep = sweep_##word, __VA_ARGS__               \
    }
#define PIECE                                                                                                          \
    {                                                                                                                  \
        2, { SAMPLES, SIDE }                                                                                           \
    }
#define PIECES .shape = PIECE, .more = {PIECE, PIECE, PIECE, PIECE, PIECE, PIECE, PIECE}
#define SQUARE .shape = {2, {SIDE, SIDE}}
static const bench_comparison cases[] = {
    CASE("stack 8 (64,256) axis 0", stack_0, PIECES),
    CASE("stack 8 (64,256) axis 2", stack_2, PIECES),
    CASE("concat 8 (64,256) axis 1", concat_1, PIECES),
    CASE("split 8 (256,256), concat axis 1", split, SQUARE),
    CASE("slice 1::3 axis 1", strided, SQUARE),
    CASE("slice ::-1 axis 0", backwards, SQUARE),
    CASE("select axis 1", column, SQUARE),
};

int main(int argc, char **argv)
{
    bench_open("index", argc, argv);
    BENCH_COMPARE("parts and joins", cases);
    return bench_close();
}
