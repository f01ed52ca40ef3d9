/* Pooling of floats beside plain loops, ns per element of the images: windows side by side, and windows that overlap. */
#include "support/bench.h"
#include "support/compare.h"

#include <math.h>

/* Square images, and windows over them. */
typedef struct windows {
    size_t images, extent, kernel, stride, padding;
} windows;

static const windows apart = {32 * 16, 28, 2, 2, 0}, over = {8 * 64, 56, 3, 2, 1};

#define OPTIONS(w)  (&(wg_pool_options){.kernel = {w, w}})
#define OVERLAPPING (&(wg_pool_options){.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}})
BENCH_OP(max_apart, wg_max_pool2d(in[0], OPTIONS(2)))
BENCH_OP(avg_apart, wg_avg_pool2d(in[0], OPTIONS(2)))
BENCH_OP(max_over, wg_max_pool2d(in[0], OVERLAPPING))
BENCH_OP(avg_over, wg_avg_pool2d(in[0], OVERLAPPING))

/* Over the elements that the windows see, window by window: START, then EACH for the element at `at`, then END. */
#define WINDOWS(w, START, EACH, END)                                                                                   \
    for (size_t image = 0, to = 0, out = ((w).extent + 2 * (w).padding - (w).kernel) / (w).stride + 1;                 \
         image < (w).images; image++)                                                                                  \
        for (size_t r = 0; r < out; r++)                                                                               \
            for (size_t c = 0; c < out; c++, to++) {                                                                   \
                START;                                                                                                 \
                for (size_t a = 0; a < (w).kernel; a++)                                                                \
                    for (size_t b = 0; b < (w).kernel; b++) {                                                          \
                        size_t i = r * (w).stride + a - (w).padding, j = c * (w).stride + b - (w).padding;             \
                        if (i >= (w).extent || j >= (w).extent) continue; /* the padding; below 0 wraps */             \
                        size_t at = (image * (w).extent + i) * (w).extent + j;                                         \
                        EACH;                                                                                          \
                    }                                                                                                  \
                END;                                                                                                   \
            }

#define MAX(name, w)                                                                                                   \
    BENCH_LOOP(max_##name) { WINDOWS(w, y[to] = -INFINITY, y[to] = x[at] > y[to] ? x[at] : y[to], ); }                 \
    BENCH_SWEEP(max_##name)                                                                                            \
    {                                                                                                                  \
        WINDOWS(w, size_t most = SIZE_MAX, most = most == SIZE_MAX || x[at] > x[most] ? at : most, dx[most] += g[to]); \
    }
#define AVG(name, w)                                                                                                   \
    BENCH_LOOP(avg_##name) { WINDOWS(w, y[to] = 0, y[to] += x[at], y[to] /= (float)((w).kernel * (w).kernel)); }       \
    BENCH_SWEEP(avg_##name) { WINDOWS(w, float part = g[to] / (float)((w).kernel * (w).kernel), dx[at] += part, ); }
MAX(apart, apart)
MAX(over, over)
AVG(apart, apart)
AVG(over, over)

#define CASE(text, word, ...)                                                                                          \
    {                                                                                                                  \
        .name = text, .shape = {4, {__VA_ARGS__}}, .apply = op_##word, .plain = loop_##word,                           \
        .plain_sweep = sweep_##word                                                                                    \
    }
static const bench_comparison cases[] = {
    CASE("max 2x2 (32,16,28,28)", max_apart, 32, 16, 28, 28),
    CASE("avg 2x2 (32,16,28,28)", avg_apart, 32, 16, 28, 28),
    CASE("max 3x3 stride 2 (8,64,56,56)", max_over, 8, 64, 56, 56),
    CASE("avg 3x3 stride 2 (8,64,56,56)", avg_over, 8, 64, 56, 56),
};

int main(int argc, char **argv)
{
    bench_open("pool", argc, argv);
    BENCH_COMPARE("pooling", cases);
    return bench_close();
}
