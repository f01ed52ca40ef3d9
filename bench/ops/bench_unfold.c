/* Images taken apart into windows and put together again, beside plain loops: ns per element of floats. */
#include "support/bench.h"
#include "support/compare.h"

#include <string.h>

enum { IMAGES = 64, SIDE = 28, AREA = SIDE * SIDE, TAPS = 9 };

#define WINDOWS (&(wg_unfold_options){.kernel = {3, 3}, .padding = {1, 1}})
BENCH_OP(im2col, wg_im2col(in[0], WINDOWS))
BENCH_OP(col2im, wg_col2im(in[0], SIDE, SIDE, WINDOWS))

/* Each pair of a place in the columns, `to`, and one of the image, `at`; below 0 wraps. */
#define EACH_TAP(BODY)                                                                                                 \
    for (size_t image = 0, to = 0; image < IMAGES; image++)                                                            \
        for (size_t tap = 0; tap < TAPS; tap++)                                                                        \
            for (size_t r = 0; r < SIDE; r++)                                                                          \
                for (size_t c = 0; c < SIDE; c++, to++) {                                                              \
                    size_t i = r + tap / 3 - 1, j = c + tap % 3 - 1;                                                   \
                    bool inside = i < SIDE && j < SIDE;                                                                \
                    size_t at = image * AREA + i * SIDE + j;                                                           \
                    BODY;                                                                                              \
                }
BENCH_LOOP(im2col) { EACH_TAP(y[to] = inside ? x[at] : 0); }
BENCH_SWEEP(im2col) { EACH_TAP(if (inside) dx[at] += g[to]); }
BENCH_LOOP(col2im)
{
    memset(y, 0, IMAGES * AREA * sizeof *y);
    EACH_TAP(if (inside) y[at] += x[to]);
}
BENCH_SWEEP(col2im) { EACH_TAP(if (inside) dx[to] += g[at]); }

#define CASE(text, word, ...)                                                                                          \
    {                                                                                                                  \
        .name = text, .shape = {__VA_ARGS__}, .apply = op_##word, .plain = loop_##word, .plain_sweep = sweep_##word    \
    }
static const bench_comparison cases[] = {
    CASE("im2col 3x3 (64,1,28,28)", im2col, 4, {IMAGES, 1, SIDE, SIDE}),
    CASE("col2im 3x3 (64,1,28,28)", col2im, 3, {IMAGES, TAPS, AREA}),
};

int main(int argc, char **argv)
{
    bench_open("unfold", argc, argv);
    BENCH_COMPARE("windows", cases);
    return bench_close();
}
