/* See compare.h. */
#include "support/compare.h"

#include "support/bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LARGE = 1 << 15 };

/* A tape with the case's leaves. */
typedef struct compare_side {
    const struct compare_run *run;
    wg_tape *tape;
    wg_var in[1 + BENCH_MORE], indices; /* in: variables in the sweep */
    wg_mark mark;
} compare_side;

/* Arrays are of the case's type. */
typedef struct compare_run {
    const bench_comparison *c;
    bool sweep;
    size_t inputs, size_x, size_y, width; /* size_x: of all inputs; width: of an element */
    size_t largest;                       /* of inputs and y */
    void *x, *y, *cotangent, *gradient;
    int64_t *indices;
    compare_side one, two; /* two: with two threads */
} compare_run;

/* ---- arrays of either type -------------------------------------------------------------------------------------- */

static double compare_at(const compare_run *run, const void *array, size_t i)
{
    return run->width == sizeof(float) ? (double)((const float *)array)[i] : ((const double *)array)[i];
}

static void compare_put(const compare_run *run, void *array, size_t i, double value)
{
    if (run->width == sizeof(float))
        ((float *)array)[i] = (float)value;
    else
        ((double *)array)[i] = value;
}

static void compare_fill(const compare_run *run, size_t n, void *array, double low, double high)
{
    if (run->width == sizeof(float))
        bench_fill_f32(n, array, low, high);
    else
        bench_fill_f64(n, array, low, high);
}

static size_t compare_size(wg_shape shape)
{
    size_t size = 1;
    for (uint32_t d = 0; d < shape.rank; d++) size *= shape.dim[d];
    return size;
}

/* Of one of the inputs, or without axes past the last. */
static wg_shape compare_shape(const bench_comparison *c, size_t input) { return input ? c->more[input - 1] : c->shape; }

/* ---- contenders ------------------------------------------------------------------------------------------------- */

static wg_var compare_apply(const compare_side *side)
{
    const bench_comparison *c = side->run->c;
    return c->apply ? c->apply(side->in, side->indices) : c->op(side->in[0], side->indices);
}

static void compare_forward(void *context)
{
    const compare_side *side = context;
    compare_apply(side);
    wg_tape_rewind(side->tape, side->mark);
}

static double compare_sweep(void *context, size_t times)
{
    const compare_side *side = context;
    double total = 0;
    for (size_t t = 0; t < times; t++) {
        wg_var y = compare_apply(side);
        double start = bench_now();
        wg_backward_from(y, side->run->cotangent);
        total += bench_now() - start;
        wg_tape_rewind(side->tape, side->mark);
    }
    return total;
}

static void compare_plain_at(const compare_run *run, const void *x, void *y)
{
    if (run->c->plain)
        run->c->plain(x, run->indices, y);
    else
        run->c->plain_f64(x, run->indices, y);
}

static void compare_plain(void *context)
{
    const compare_run *run = context;
    compare_plain_at(run, run->x, run->y);
}

static void compare_plain_sweep(void *context)
{
    const compare_run *run = context;
    run->c->plain_sweep(run->x, run->indices, run->y, run->cotangent, run->gradient);
}

/* ---- validation ------------------------------------------------------------------------------------------------- */

static bool compare_healthy(const compare_side *side)
{
    return !wg_tape_status(side->tape) || bench_wrong("%s", wg_tape_message(side->tape));
}

static bool compare_forward_is_right(void *context)
{
    compare_run *run = context;
    wg_var y = compare_apply(&run->one);
    const void *got = wg_value(y);
    bool right = compare_healthy(&run->one);
    if (right && run->c->plain) right = bench_same_f32("value", run->size_y, got, run->y, 1e-3);
    if (right && run->c->plain_f64) right = bench_same_f64("value", run->size_y, got, run->y, 1e-9);
    wg_tape_rewind(run->one.tape, run->one.mark);
    return right;
}

static bool compare_same(const compare_run *run, const char *what, const void *got, const void *want)
{
    return run->width == sizeof(float) ? bench_same_f32(what, run->size_x, got, want, 1e-3)
                                       : bench_same_f64(what, run->size_x, got, want, 1e-9);
}

/* The gradient of every input, one after another; zeros for those that are fixed. false when the sweep fails. */
static bool compare_gradient(compare_run *run, void *gradient)
{
    wg_zero_grad(run->one.tape);
    wg_backward_from(compare_apply(&run->one), run->cotangent);
    wg_tape_rewind(run->one.tape, run->one.mark);
    char *at = gradient;
    for (size_t k = 0; k < run->inputs && compare_healthy(&run->one); k++) {
        size_t bytes = wg_size(run->one.in[k]) * run->width;
        if (k < run->inputs - run->c->fixed) memcpy(at, wg_grad(run->one.in[k]), bytes);
        at += bytes;
    }
    return !wg_tape_status(run->one.tape);
}

/* The slope of <cotangent, y> along the gradient g itself is |g|^2. Along it, all that the gradient says adds up, so that
 * rounding does not drown it: a difference over a step of a thousandth of x's range. */
static bool compare_slope_is_right(const compare_run *run, const void *gradient)
{
    double largest = 0, square = 0, slope = 0;
    for (size_t i = 0; i < run->size_x; i++) {
        double g = compare_at(run, gradient, i);
        if (!(fabs(g) <= largest)) largest = fabs(g);
        square += g * g;
    }
    if (run->c->jumps || largest == 0) return isfinite(square) || bench_wrong("the gradient is not finite");
    double step = 1e-3 / largest; /* forwards, so that a maximum stays where it is */
    void *moved = bench_memory(run->size_x * run->width), *y = bench_memory(run->size_y * run->width);
    for (size_t i = 0; i < run->size_x; i++)
        compare_put(run, moved, i, compare_at(run, run->x, i) + step * compare_at(run, gradient, i));
    compare_plain_at(run, moved, y);
    for (size_t i = 0; i < run->size_y; i++)
        slope += compare_at(run, run->cotangent, i) * (compare_at(run, y, i) - compare_at(run, run->y, i)) / step;
    free(moved);
    free(y);
    if (fabs(slope - square) <= .05 * square) return true;
    return bench_wrong("the slope along the gradient is %g and should be %g", slope, square);
}

static bool compare_sweep_is_right(void *context)
{
    compare_run *run = context;
    void *gradient = bench_memory(run->size_x * run->width);
    bool right = compare_gradient(run, gradient) && compare_slope_is_right(run, gradient);
    if (right && run->c->plain_sweep) {
        compare_plain_sweep(run); /* the first: from zeros */
        right = compare_same(run, "gradient", gradient, run->gradient);
    }
    free(gradient);
    return right;
}

/* ---- cases ------------------------------------------------------------------------------------------------------ */

static void compare_open_side(compare_run *run, compare_side *side, unsigned threads)
{
    wg_tape_options options = {.dtype = run->c->plain ? WG_F32 : WG_F64, .threads = threads};
    side->run = run;
    side->tape = wg_tape_new_with(&options, NULL);
    const char *at = run->x;
    for (size_t k = 0; k < run->inputs; k++) {
        wg_shape shape = compare_shape(run->c, k);
        bool swept = run->sweep && k < run->inputs - run->c->fixed;
        side->in[k] = swept ? wg_variable_raw(side->tape, shape, at) : wg_constant_raw(side->tape, shape, at);
        at += compare_size(shape) * run->width;
    }
    if (run->c->indices) side->indices = wg_indices(side->tape, WG_DIMS(run->c->indices), run->indices);
    side->mark = wg_tape_mark(side->tape);
}

static void compare_open(compare_run *run)
{
    const bench_comparison *c = run->c;
    run->width = c->plain ? sizeof(float) : sizeof(double);
    for (run->inputs = 0; run->inputs <= BENCH_MORE; run->inputs++) {
        wg_shape shape = compare_shape(c, run->inputs);
        if (run->inputs && !shape.rank) break;
        run->size_x += compare_size(shape);
        if (run->largest < compare_size(shape)) run->largest = compare_size(shape);
    }
    run->x = bench_memory(run->size_x * run->width);
    run->gradient = bench_memory(c->plain_sweep ? run->size_x * run->width : 0);
    run->indices = bench_memory(c->indices * sizeof *run->indices);
    if (c->low < c->high)
        compare_fill(run, run->size_x, run->x, c->low, c->high);
    else
        compare_fill(run, run->size_x, run->x, -.5, .5);
    for (size_t i = 0; i < c->indices; i++) run->indices[i] = (int64_t)(i * 7919 % c->below);
    compare_open_side(run, &run->one, 1);
    compare_open_side(run, &run->two, 2);
    wg_var y = compare_apply(&run->one);
    compare_healthy(&run->one);
    run->size_y = wg_size(y);
    if (run->largest < run->size_y) run->largest = run->size_y;
    wg_tape_rewind(run->one.tape, run->one.mark);
    run->y = bench_memory(run->size_y * run->width);
    run->cotangent = bench_memory(run->size_y * run->width);
    compare_fill(run, run->size_y, run->cotangent, .1, 1);
    compare_plain_at(run, run->x, run->y);
}

static void compare_close(compare_run *run)
{
    wg_tape_free(run->one.tape);
    wg_tape_free(run->two.tape);
    free(run->x);
    free(run->y);
    free(run->cotangent);
    free(run->gradient);
    free(run->indices);
}

static void compare_one(const char *group, compare_run *run)
{
    const bench_comparison *c = run->c;
    bool sweep = run->sweep;
    size_t k = 0;
    double work = c->unit ? c->work : (double)run->largest;
    bench_case it = {.group = group,
        .name = c->name,
        .unit = c->unit ? c->unit : "ns/element",
        .work = sweep && c->sweep > 0 ? c->sweep * work : work,
        .context = run,
        .validate = sweep ? compare_sweep_is_right : compare_forward_is_right,
        .budget = c->budget,
        .large = c->large};
    bench_contender ours = {.name = "wengert", .context = &run->one};
    if (sweep)
        ours.timed = compare_sweep;
    else
        ours.work = compare_forward;
    it.contenders[k++] = ours;
    if (run->largest >= LARGE || c->unit) {
        ours.name = "wengert, 2 threads";
        ours.context = &run->two;
        it.contenders[k++] = ours;
    }
    if (!sweep)
        it.contenders[k++] = (bench_contender){.name = "plain C", .kind = BENCH_PLAIN, .work = compare_plain};
    else if (c->plain_sweep)
        it.contenders[k++] = (bench_contender){.name = "plain C", .kind = BENCH_PLAIN, .work = compare_plain_sweep};
    bench_run(&it, NULL);
}

void bench_compare(const char *room, const bench_comparison *cases, size_t count)
{
    char group[128];
    for (int sweep = 0; sweep < 2; sweep++)
        for (size_t i = 0; i < count; i++) {
            compare_run run = {.c = &cases[i], .sweep = sweep};
            snprintf(group, sizeof group, "%s: %s", room, sweep ? "sweep" : "forward");
            if (!bench_wants(group, cases[i].name, cases[i].large) || (sweep && cases[i].constant)) continue;
            compare_open(&run);
            compare_one(group, &run);
            compare_close(&run);
        }
}

void bench_plain_product(size_t m, size_t k, size_t n, const float *a, const float *b, float *c)
{
    for (size_t i = 0; i < m; i++)
        for (size_t r = 0; r < k; r++)
            for (size_t j = 0; j < n; j++) c[i * n + j] += a[i * k + r] * b[r * n + j];
}
