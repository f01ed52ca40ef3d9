/* Images padded, beside plain loops: ns per element of floats. */
#include "support/bench.h"
#include "support/compare.h"

#include <string.h>

enum { IMAGES = 64, SIDE = 28, AREA = SIDE * SIDE, WIDE = SIDE + 4 };

#define AROUND ((const size_t[]){0, 0, 2, 2, 2, 2}), 6
BENCH_OP(zeros, wg_pad(in[0], AROUND, WG_PAD_CONSTANT, 0))
BENCH_OP(reflect, wg_pad(in[0], AROUND, WG_PAD_REFLECT, 0))
BENCH_OP(replicate, wg_pad(in[0], AROUND, WG_PAD_REPLICATE, 0))

BENCH_LOOP(zeros)
{
    memset(y, 0, IMAGES * WIDE * WIDE * sizeof *y);
    for (size_t image = 0; image < IMAGES; image++)
        for (size_t i = 0; i < SIDE; i++)
            memcpy(y + (image * WIDE + i + 2) * WIDE + 2, x + (image * SIDE + i) * SIDE, SIDE * sizeof *x);
}

BENCH_SWEEP(zeros)
{
    for (size_t image = 0; image < IMAGES; image++)
        for (size_t i = 0; i < SIDE; i++)
            for (size_t j = 0; j < SIDE; j++)
                dx[(image * SIDE + i) * SIDE + j] += g[(image * WIDE + i + 2) * WIDE + j + 2];
}

/* Where the padded place i comes from. */
static size_t pad_reflect(size_t i) { return i < 2 ? 2 - i : i < SIDE + 2 ? i - 2 : 2 * SIDE - i; }
static size_t pad_replicate(size_t i) { return i < 2 ? 0 : i < SIDE + 2 ? i - 2 : SIDE - 1; }

#define ROWS(name, from)                                                                                               \
    BENCH_LOOP(name)                                                                                                   \
    {                                                                                                                  \
        for (size_t image = 0; image < IMAGES; image++)                                                                \
            for (size_t i = 0; i < WIDE; i++)                                                                          \
                for (size_t j = 0; j < WIDE; j++) *y++ = x[image * AREA + from(i) * SIDE + from(j)];                   \
    }                                                                                                                  \
    BENCH_SWEEP(name)                                                                                                  \
    {                                                                                                                  \
        for (size_t image = 0; image < IMAGES; image++)                                                                \
            for (size_t i = 0; i < WIDE; i++)                                                                          \
                for (size_t j = 0; j < WIDE; j++) dx[image * AREA + from(i) * SIDE + from(j)] += *g++;                 \
    }
ROWS(reflect, pad_reflect)
ROWS(replicate, pad_replicate)

#define CASE(text, word, ...)                                                                                          \
    {                                                                                                                  \
        .name = text, .shape = {__VA_ARGS__}, .apply = op_##word, .plain = loop_##word, .plain_sweep = sweep_##word    \
    }
static const bench_comparison cases[] = {
    CASE("constant (64,28,28) by 2", zeros, 3, {IMAGES, SIDE, SIDE}),
    CASE("reflect", reflect, 3, {IMAGES, SIDE, SIDE}),
    CASE("replicate", replicate, 3, {IMAGES, SIDE, SIDE}),
};

int main(int argc, char **argv)
{
    bench_open("pad", argc, argv);
    BENCH_COMPARE("padding", cases);
    return bench_close();
}
