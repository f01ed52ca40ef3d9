/* Order among floats beside the C library's qsort and plain loops, ns per element of rows of 512. A row of distinct
 * numbers has one order, so that every way to find it agrees. The sweep of a plain loop finds the places again. */
#include "support/bench.h"
#include "support/compare.h"

#include <stdlib.h>
#include <string.h>

enum { SIDE = 512, SIZE = SIDE * SIDE, KEPT = 8 };

BENCH_OP(sort, wg_sort(in[0], 1, false))
BENCH_OP(sort_0, wg_sort(in[0], 0, false))
BENCH_OP(argsort, wg_to_numbers(wg_argsort(in[0], 1, false)))
BENCH_OP(argmax, wg_to_numbers(wg_argmax(in[0], 1, false)))
BENCH_OP(median, wg_median_axes(in[0], WG_AXES(1), false))

static wg_var op_topk(const wg_var *in, wg_var indices)
{
    wg_var values, places;
    (void)indices;
    wg_topk(in[0], KEPT, 1, &values, &places);
    return values;
}

/* A number and where it stood. */
typedef struct ranked {
    float value;
    size_t place;
} ranked;

static int order_rising(const void *a, const void *b)
{
    float x = ((const ranked *)a)->value, y = ((const ranked *)b)->value;
    return (x > y) - (x < y);
}

/* A line of numbers, step apart. */
static const ranked *order_line(const float *x, size_t step)
{
    static ranked line[SIDE];
    for (size_t i = 0; i < SIDE; i++) line[i] = (ranked){x[i * step], i};
    qsort(line, SIDE, sizeof *line, order_rising);
    return line;
}

BENCH_LOOP(sort)
{
    for (size_t r = 0; r < SIZE; r += SIDE) {
        const ranked *line = order_line(x + r, 1);
        for (size_t i = 0; i < SIDE; i++) y[r + i] = line[i].value;
    }
}

BENCH_SWEEP(sort)
{
    for (size_t r = 0; r < SIZE; r += SIDE) {
        const ranked *line = order_line(x + r, 1);
        for (size_t i = 0; i < SIDE; i++) dx[r + line[i].place] += g[r + i];
    }
}

BENCH_LOOP(sort_0)
{
    for (size_t c = 0; c < SIDE; c++) {
        const ranked *line = order_line(x + c, SIDE);
        for (size_t i = 0; i < SIDE; i++) y[i * SIDE + c] = line[i].value;
    }
}

BENCH_LOOP(argsort)
{
    for (size_t r = 0; r < SIZE; r += SIDE) {
        const ranked *line = order_line(x + r, 1);
        for (size_t i = 0; i < SIDE; i++) y[r + i] = (float)line[i].place;
    }
}

BENCH_LOOP(argmax)
{
    for (size_t r = 0; r < SIDE; r++, x += SIDE) {
        size_t most = 0;
        for (size_t i = 1; i < SIDE; i++)
            if (x[i] > x[most]) most = i;
        y[r] = (float)most;
    }
}

BENCH_LOOP(median)
{
    for (size_t r = 0; r < SIDE; r++) {
        const ranked *line = order_line(x + r * SIDE, 1);
        y[r] = (line[SIDE / 2 - 1].value + line[SIDE / 2].value) / 2;
    }
}

/* The largest KEPT so far, falling, with their places. */
static const ranked *order_largest(const float *x)
{
    static ranked kept[KEPT + 1];
    size_t count = 0;
    for (size_t i = 0; i < SIDE; i++) {
        size_t j = count;
        if (count == KEPT && x[i] <= kept[KEPT - 1].value) continue;
        for (; j > 0 && kept[j - 1].value < x[i]; j--) kept[j] = kept[j - 1];
        kept[j] = (ranked){x[i], i};
        if (count < KEPT) count++;
    }
    return kept;
}

BENCH_LOOP(topk)
{
    for (size_t r = 0; r < SIDE; r++) {
        const ranked *kept = order_largest(x + r * SIDE);
        for (size_t i = 0; i < KEPT; i++) y[r * KEPT + i] = kept[i].value;
    }
}

BENCH_SWEEP(topk)
{
    for (size_t r = 0; r < SIDE; r++) {
        const ranked *kept = order_largest(x + r * SIDE);
        for (size_t i = 0; i < KEPT; i++) dx[r * SIDE + kept[i].place] += g[r * KEPT + i];
    }
}

#define CASE(text, word, ...)                                                                                          \
    {                                                                                                                  \
        .name = text, .shape = {2, {SIDE, SIDE}}, .apply = op_##word, .plain = loop_##word, __VA_ARGS__                \
    }
static const bench_comparison cases[] = {
    CASE("sort (512,512) axis 1", sort, .jumps = true, .plain_sweep = sweep_sort),
    CASE("sort axis 0", sort_0, .jumps = true),
    CASE("argsort axis 1", argsort, .constant = true),
    CASE("argmax axis 1", argmax, .constant = true),
    CASE("median axis 1", median, .jumps = true),
    CASE("topk 8 axis 1", topk, .jumps = true, .plain_sweep = sweep_topk),
};

int main(int argc, char **argv)
{
    bench_open("order", argc, argv);
    BENCH_COMPARE("order", cases);
    return bench_close();
}
