/* Ops that move elements beside plain loops, ns per element: transposes, joins, parts, padding, and picking by indices. */
#include "support/bench.h"
#include "support/compare.h"

#include <string.h>

enum { SIDE = 1024, WIDE = SIDE + 2, PICKED = 4096 };

#define OP(name, call)                                                                                                 \
    static wg_var op_##name(wg_var x, wg_var indices)                                                                  \
    {                                                                                                                  \
        (void)indices;                                                                                                 \
        return call;                                                                                                   \
    }
OP(permute, wg_permute(x, (const int[]){1, 0}, 2))
OP(permute_3, wg_permute(x, (const int[]){2, 0, 1}, 3))
OP(broadcast_rows, wg_broadcast_to(x, WG_DIMS(SIDE, SIDE)))
OP(concat_0, wg_concat((wg_var[]){x, x}, 2, 0))
OP(concat_1, wg_concat((wg_var[]){x, x}, 2, 1))
OP(slice_1, wg_slice(x, 1, 1, WG_END, 1))
OP(every_other, wg_slice(x, 1, 0, WG_END, 2))
OP(flip_1, wg_flip(x, WG_AXES(1)))
OP(roll_1, wg_roll(x, 5, 1))
OP(repeat_1, wg_repeat(x, 2, 1))
OP(tile_1, wg_tile(x, (const size_t[]){1, 2}, 2))
OP(pad, wg_pad(x, (const size_t[]){1, 1, 1, 1}, 4, WG_PAD_CONSTANT, 0))
OP(pad_reflect, wg_pad(x, (const size_t[]){1, 1, 1, 1}, 4, WG_PAD_REFLECT, 0))
OP(tril, wg_tril(x, 0))
OP(take_0, wg_take(x, indices, 0))
OP(take_1, wg_take(x, indices, 1))
OP(gather_1, wg_gather(x, wg_reshape(indices, WG_DIMS(SIDE, SIDE)), 1))
OP(gather_0, wg_gather(x, wg_reshape(indices, WG_DIMS(SIDE, SIDE)), 0))
OP(sort_1, wg_sort(x, 1, false))

/* y[i] = x[FROM] for the elements of y, row after row. */
#define LOOP(name, rows, columns, FROM)                                                                                \
    static void loop_##name(const float *x, const int64_t *indices, float *y)                                          \
    {                                                                                                                  \
        (void)indices;                                                                                                 \
        for (size_t i = 0; i < (rows); i++)                                                                            \
            for (size_t j = 0; j < (columns); j++) y[i * (columns) + j] = FROM;                                        \
    }
LOOP(permute, SIDE, SIDE, x[j * SIDE + i])
LOOP(permute_3, 16, SIDE * 64, x[j * 16 + i])
LOOP(broadcast_rows, SIDE, SIDE, x[j])
LOOP(slice_1, SIDE, SIDE - 1, x[i * SIDE + 1 + j])
LOOP(every_other, SIDE, SIDE / 2, x[i * SIDE + 2 * j])
LOOP(flip_1, SIDE, SIDE, x[i * SIDE + SIDE - 1 - j])
LOOP(roll_1, SIDE, SIDE, x[i * SIDE + (j + SIDE - 5) % SIDE])
LOOP(repeat_1, SIDE, 2 * SIDE, x[i * SIDE + j / 2])
LOOP(tril, SIDE, SIDE, j <= i ? x[i * SIDE + j] : 0)
LOOP(take_0, PICKED, SIDE, x[(size_t)indices[i] * SIDE + j])
LOOP(take_1, SIDE, PICKED, x[i * SIDE + (size_t)indices[j]])
LOOP(take_narrow, PICKED * 16, 8, x[(size_t)indices[i] * 8 + j])
LOOP(gather_1, SIDE, SIDE, x[i * SIDE + (size_t)indices[i * SIDE + j]])
LOOP(gather_0, SIDE, SIDE, x[(size_t)indices[i * SIDE + j] * SIDE + j])

static void loop_concat_0(const float *x, const int64_t *indices, float *y)
{
    (void)indices;
    memcpy(y, x, SIDE * SIDE * sizeof *x);
    memcpy(y + SIDE * SIDE, x, SIDE * SIDE * sizeof *x);
}

static void loop_concat_1(const float *x, const int64_t *indices, float *y)
{
    (void)indices;
    for (size_t i = 0; i < SIDE; i++) {
        memcpy(y + 2 * i * SIDE, x + i * SIDE, SIDE * sizeof *x);
        memcpy(y + (2 * i + 1) * SIDE, x + i * SIDE, SIDE * sizeof *x);
    }
}

static void loop_pad(const float *x, const int64_t *indices, float *y)
{
    (void)indices;
    memset(y, 0, WIDE * WIDE * sizeof *y);
    for (size_t i = 0; i < SIDE; i++) memcpy(y + (i + 1) * WIDE + 1, x + i * SIDE, SIDE * sizeof *x);
}

static void loop_pad_reflect(const float *x, const int64_t *indices, float *y)
{
    (void)indices;
    for (size_t i = 0; i < WIDE; i++) {
        size_t from = i == 0 ? 1 : i == WIDE - 1 ? SIDE - 2 : i - 1;
        const float *row = x + from * SIDE;
        memcpy(y + i * WIDE + 1, row, SIDE * sizeof *x);
        y[i * WIDE] = row[1];
        y[i * WIDE + WIDE - 1] = row[SIDE - 2];
    }
}

/* A sort by insertion into runs of 16 and merges, without regard to NaN or to where the elements came from. */
static void loop_sort_1(const float *x, const int64_t *indices, float *y)
{
    static float other[SIDE];
    (void)indices;
    memcpy(y, x, SIDE * SIDE * sizeof *x);
    for (size_t r = 0; r < SIDE; r++, y += SIDE) {
        for (size_t run = 0; run < SIDE; run += 16)
            for (size_t i = run + 1; i < run + 16; i++) {
                float held = y[i];
                size_t j = i;
                for (; j > run && y[j - 1] > held; j--) y[j] = y[j - 1];
                y[j] = held;
            }
        for (size_t run = 16; run < SIDE; run *= 2) {
            for (size_t i = 0; i < SIDE; i += 2 * run) {
                size_t a = i, b = i + run, to = i;
                while (a < i + run && b < i + 2 * run) other[to++] = y[b] < y[a] ? y[b++] : y[a++];
                while (a < i + run) other[to++] = y[a++];
                while (b < i + 2 * run) other[to++] = y[b++];
            }
            memcpy(y, other, sizeof other);
        }
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
#define PICKS(text, word, count, end)                                                                                  \
    {                                                                                                                  \
        .name = text, .shape = SQUARE, .op = op_##word, .plain = loop_##word, .indices = count, .below = end           \
    }
static const bench_comparison cases[] = {
    CASE("permute (1024,1024)", permute),
    {.name = "permute (1024,64,16) to (16,1024,64)",
        .shape = {3, {SIDE, 64, 16}},
        .op = op_permute_3,
        .plain = loop_permute_3},
    {.name = "broadcast_to (1024) to (1024,1024)",
        .shape = {1, {SIDE}},
        .op = op_broadcast_rows,
        .plain = loop_broadcast_rows},
    CASE("concat axis 0", concat_0),
    CASE("concat axis 1", concat_1),
    CASE("slice 1: axis 1", slice_1),
    CASE("slice ::2 axis 1", every_other),
    CASE("flip axis 1", flip_1),
    CASE("roll axis 1", roll_1),
    CASE("repeat 2 axis 1", repeat_1),
    {.name = "tile (1,2)", .shape = SQUARE, .op = op_tile_1, .plain = loop_concat_1},
    CASE("pad constant", pad),
    CASE("pad reflect", pad_reflect),
    CASE("tril", tril),
    PICKS("take 4096 rows axis 0", take_0, PICKED, SIDE),
    PICKS("take 4096 axis 1", take_1, PICKED, SIDE),
    {.name = "take 65536 rows of 8",
        .shape = {2, {SIDE, 8}},
        .op = op_take_0,
        .plain = loop_take_narrow,
        .indices = 16 * PICKED,
        .below = SIDE},
    PICKS("gather axis 1", gather_1, SIDE *SIDE, SIDE),
    PICKS("gather axis 0", gather_0, SIDE *SIDE, SIDE),
    CASE("sort axis 1", sort_1),
};

int main(int argc, char **argv)
{
    bench_open("shape", argc, argv);
    bench_compare("moving elements", cases, sizeof cases / sizeof *cases);
    return bench_close();
}
