/* Elements of four axes in another order beside plain loops, ns per element of floats: what bench_shape measures on a matrix,
 * here on pieces as short as the last axes of images and of heads. */
#include "support/bench.h"
#include "support/compare.h"

enum { A = 32, B = 16, C = 28, D = 28 };

BENCH_OP(flip_last, wg_flip(in[0], WG_AXES(3)))
BENCH_OP(flip_two, wg_flip(in[0], WG_AXES(2, 3)))
BENCH_OP(roll, wg_roll(in[0], 3, 2))
BENCH_OP(repeat_1, wg_repeat(in[0], 2, 1))
BENCH_OP(repeat_3, wg_repeat(in[0], 2, 3))
BENCH_OP(tile, wg_tile(in[0], (const size_t[]){1, 2, 1, 2}, 4))

/* Element (a, b, c, d) of y, of extents A, nb, nc, nd, comes from FROM. */
#define MOVE(name, nb, nc, nd, FROM)                                                                                   \
    BENCH_LOOP(name)                                                                                                   \
    {                                                                                                                  \
        for (size_t a = 0; a < A; a++)                                                                                 \
            for (size_t b = 0; b < (nb); b++)                                                                          \
                for (size_t c = 0; c < (nc); c++)                                                                      \
                    for (size_t d = 0; d < (nd); d++) *y++ = x[FROM];                                                  \
    }                                                                                                                  \
    BENCH_SWEEP(name)                                                                                                  \
    {                                                                                                                  \
        for (size_t a = 0; a < A; a++)                                                                                 \
            for (size_t b = 0; b < (nb); b++)                                                                          \
                for (size_t c = 0; c < (nc); c++)                                                                      \
                    for (size_t d = 0; d < (nd); d++) dx[FROM] += *g++;                                                \
    }
#define AT(b, c, d) ((a * B + (b)) * C + (c)) * D + (d)
MOVE(flip_last, B, C, D, AT(b, c, D - 1 - d))
MOVE(flip_two, B, C, D, AT(b, C - 1 - c, D - 1 - d))
MOVE(roll, B, C, D, AT(b, (c + C - 3) % C, d))
MOVE(repeat_1, 2 * B, C, D, AT(b / 2, c, d))
MOVE(repeat_3, B, C, 2 * D, AT(b, c, d / 2))
MOVE(tile, 2 * B, C, 2 * D, AT(b % B, c, d % D))

#define CASE(text, word)                                                                                               \
    {                                                                                                                  \
        .name = text, .shape = {4, {A, B, C, D}}, .apply = op_##word, .plain = loop_##word,                            \
        .plain_sweep = sweep_##word                                                                                    \
    }
static const bench_comparison cases[] = {
    CASE("flip axis 3 (32,16,28,28)", flip_last),
    CASE("flip axes 2, 3", flip_two),
    CASE("roll 3 axis 2", roll),
    CASE("repeat 2 axis 1", repeat_1),
    CASE("repeat 2 axis 3", repeat_3),
    CASE("tile (1,2,1,2)", tile),
};

int main(int argc, char **argv)
{
    bench_open("arrange", argc, argv);
    BENCH_COMPARE("rearranging", cases);
    return bench_close();
}
