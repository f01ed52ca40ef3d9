/* Images brought to twice their size, beside plain loops: ns per element of floats. The bilinear loop finds each place anew,
 * as such loops are written. */
#include "support/bench.h"
#include "support/compare.h"

enum { IMAGES = 64, SIDE = 28, AREA = SIDE * SIDE, TWICE = 2 * SIDE };

BENCH_OP(nearest, wg_upsample_nearest(in[0], (const size_t[]){TWICE, TWICE}, 2))
BENCH_OP(bilinear, wg_upsample_bilinear(in[0], TWICE, TWICE, false))

BENCH_LOOP(nearest)
{
    for (size_t i = 0; i < IMAGES * TWICE; i++)
        for (size_t j = 0; j < TWICE; j++) y[i * TWICE + j] = x[i / 2 * SIDE + j / 2];
}

BENCH_SWEEP(nearest)
{
    for (size_t i = 0; i < IMAGES * TWICE; i++)
        for (size_t j = 0; j < TWICE; j++) dx[i / 2 * SIDE + j / 2] += g[i * TWICE + j];
}

/* The place below i of the larger image, the one after it, and that one's weight. */
typedef struct between {
    size_t low, high;
    float weight;
} between;

static between resample_between(size_t i)
{
    float place = ((float)i + .5f) / 2 - .5f;
    if (place < 0) place = 0;
    size_t low = (size_t)place;
    return (between){low, low + 1 < SIDE ? low + 1 : low, place - (float)low};
}

/* Each element of the larger images, from the four around it. */
#define EACH_FOUR(BODY)                                                                                                \
    for (size_t image = 0, to = 0; image < IMAGES; image++)                                                            \
        for (size_t i = 0; i < TWICE; i++) {                                                                           \
            between r = resample_between(i);                                                                           \
            size_t up = image * AREA + r.low * SIDE, down = image * AREA + r.high * SIDE;                              \
            for (size_t j = 0; j < TWICE; j++, to++) {                                                                 \
                between c = resample_between(j);                                                                       \
                BODY                                                                                                   \
            }                                                                                                          \
        }
BENCH_LOOP(bilinear)
{
    EACH_FOUR(y[to] = (1 - r.weight) * ((1 - c.weight) * x[up + c.low] + c.weight * x[up + c.high]) +
                      r.weight * ((1 - c.weight) * x[down + c.low] + c.weight * x[down + c.high]);)
}

BENCH_SWEEP(bilinear)
{
    EACH_FOUR(dx[up + c.low] += g[to] * (1 - r.weight) * (1 - c.weight);
              dx[up + c.high] += g[to] * (1 - r.weight) * c.weight;
              dx[down + c.low] += g[to] * r.weight * (1 - c.weight); dx[down + c.high] += g[to] * r.weight * c.weight;)
}

#define CASE(text, word, ...)                                                                                          \
    {                                                                                                                  \
        .name = text, .shape = {__VA_ARGS__}, .apply = op_##word, .plain = loop_##word, .plain_sweep = sweep_##word    \
    }
static const bench_comparison cases[] = {
    CASE("nearest (64,1,28,28) to 56", nearest, 4, {IMAGES, 1, SIDE, SIDE}),
    CASE("bilinear (64,1,28,28) to 56", bilinear, 4, {IMAGES, 1, SIDE, SIDE}),
};

int main(int argc, char **argv)
{
    bench_open("resample", argc, argv);
    BENCH_COMPARE("resampling", cases);
    return bench_close();
}
