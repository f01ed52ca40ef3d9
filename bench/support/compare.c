#include "support/compare.h"

#include "support/bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 31, REPEATED = 1 << 20 }; /* small arrays are worked on again until so many elements have been seen */

typedef struct compare_run {
    const bench_case *c;
    wg_tape *tape;
    wg_var x, constant, indices;
    const float *numbers;
    const int64_t *places;
    float *y, *cotangent;
    size_t times;
} compare_run;

static size_t compare_size(wg_shape shape)
{
    size_t size = 1;
    for (uint32_t d = 0; d < shape.rank; d++) size *= shape.dim[d];
    return size;
}

static double compare_forward(const compare_run *run)
{
    wg_mark mark = wg_tape_mark(run->tape);
    double start = bench_now();
    for (size_t t = 0; t < run->times; t++) {
        run->c->op(run->constant, run->indices);
        wg_tape_rewind(run->tape, mark);
    }
    return (bench_now() - start) / (double)run->times;
}

static double compare_sweep(const compare_run *run)
{
    wg_mark mark = wg_tape_mark(run->tape);
    double total = 0;
    for (size_t t = 0; t < run->times; t++) {
        wg_var y = run->c->op(run->x, run->indices);
        double start = bench_now();
        wg_backward_from(y, run->cotangent);
        total += bench_now() - start;
        wg_tape_rewind(run->tape, mark);
    }
    return total / (double)run->times;
}

static double compare_plain(const compare_run *run)
{
    double start = bench_now();
    for (size_t t = 0; t < run->times; t++) run->c->plain(run->numbers, run->places, run->y);
    return (bench_now() - start) / (double)run->times;
}

/* Opens the run; returns the larger size of x and y. */
static size_t compare_open(compare_run *run, size_t *size_y)
{
    const bench_case *c = run->c;
    size_t size = compare_size(c->shape);
    float *numbers = malloc(size * sizeof *numbers);
    int64_t *places = malloc((c->indices + 1) * sizeof *places);
    for (size_t i = 0; i < size; i++) numbers[i] = (float)(i * 7919 % 10007) / 10007 - 0.5f;
    for (size_t i = 0; i < c->indices; i++) places[i] = (int64_t)(i * 7919 % c->below);
    run->tape = wg_tape_new(WG_F32);
    run->x = wg_variable_f32(run->tape, c->shape, numbers);
    run->constant = wg_detach(run->x);
    if (c->indices) run->indices = wg_indices(run->tape, WG_DIMS(c->indices), places);
    run->numbers = numbers;
    run->places = places;
    wg_mark mark = wg_tape_mark(run->tape);
    wg_var y = c->op(run->constant, run->indices);
    *size_y = compare_size(wg_shape_of(y));
    run->y = malloc(*size_y * sizeof *run->y);
    run->cotangent = malloc(*size_y * sizeof *run->cotangent);
    for (size_t i = 0; i < *size_y; i++) run->cotangent[i] = (float)(i % 17) / 17;
    c->plain(numbers, places, run->y);
    const float *got = wg_value_f32(y);
    for (size_t i = 0; i < *size_y && got; i++)
        if (fabsf(got[i] - run->y[i]) > 1e-3f * (1 + fabsf(got[i]))) {
            printf("%s: element %zu is %g, of the loop %g\n", c->name, i, (double)got[i], (double)run->y[i]);
            break;
        }
    wg_tape_rewind(run->tape, mark);
    return size > *size_y ? size : *size_y;
}

void bench_compare(const bench_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        static double times[3][ROUNDS];
        size_t size_y;
        compare_run run = {.c = &cases[i]};
        size_t size = compare_open(&run, &size_y);
        run.times = size < REPEATED ? REPEATED / size : 1;
        for (int r = 0; r < ROUNDS; r++) {
            times[0][r] = compare_forward(&run);
            times[1][r] = compare_plain(&run);
            times[2][r] = compare_sweep(&run);
        }
        double ns[3];
        for (size_t k = 0; k < 3; k++) ns[k] = 1e9 * bench_median(times[k], ROUNDS) / (double)size;
        printf("%-38s op %7.3f   loop %7.3f   ratio %5.2f   sweep %7.3f\n", cases[i].name, ns[0], ns[1], ns[0] / ns[1],
            ns[2]);
        if (wg_tape_status(run.tape)) printf("%s\n", wg_tape_message(run.tape));
        wg_tape_free(run.tape);
        free((void *)(size_t)run.numbers);
        free((void *)(size_t)run.places);
        free(run.y);
        free(run.cotangent);
    }
}
