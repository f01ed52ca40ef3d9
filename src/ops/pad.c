/* Padding. Along one axis, the padded array is a row of runs: pieces that show elements of the original one after the
 * other, forwards or backwards, or that show none of them. A region in which each axis is in one run is one strided
 * copy, and the same walk over the regions gives the adjoint: every element gains what shows it. */
#include "ops/compose.h"
#include "ops/copy.h"
#include "shape/shape.h"
#include "tape/words.h"
#include "wengert/ops.h"

#include <string.h>

typedef struct pad_plan {
    wg_pad_mode mode;
    size_t before[WG_MAX_RANK], after[WG_MAX_RANK];
    double value;
} pad_plan;

/* ---- the runs ---------------------------------------------------------------------------------------------------- */

typedef struct pad_run {
    bool shows;
    size_t from; /* the first element that it shows */
    ptrdiff_t step;
    size_t count;
} pad_run;

/* The run that is at a place of a period in which n elements are shown forwards and then, from the last but skipped
 * to the first but skipped, backwards. */
static pad_run pad_bounce(size_t place, size_t n, size_t skipped)
{
    size_t turn = n - skipped,
           back = place - turn; /* forwards it stops short of the last: the way back begins with it */
    if (n == 1) return (pad_run){true, 0, 1, 1};
    if (place < turn) return (pad_run){true, place, 1, turn - place};
    return (pad_run){true, n - 1 - back, -1, turn - back};
}

/* The run that begins at a position of the padded axis, which has n elements in its middle, up to the axis's end. */
static pad_run pad_run_at(wg_pad_mode mode, size_t n, size_t before, size_t position, size_t end)
{
    pad_run run = {.count = end - position};
    if (mode == WG_PAD_CONSTANT) {
        bool inside = position >= before && position - before < n;
        if (inside) run = (pad_run){true, position - before, 1, n - (position - before)};
        if (position < before) run.count = before - position;
    } else {
        size_t period = mode == WG_PAD_CIRCULAR ? n : mode == WG_PAD_SYMMETRIC ? 2 * n : n > 1 ? 2 * (n - 1) : 1;
        size_t place = (position % period + (period - before % period)) % period;
        run = mode == WG_PAD_CIRCULAR ? (pad_run){true, place, 1, n - place}
                                      : pad_bounce(place, n, mode == WG_PAD_REFLECT);
    }
    if (run.count > end - position) run.count = end - position;
    return run;
}

/* ---- the regions ------------------------------------------------------------------------------------------------- */

typedef struct pad_walk {
    const pad_plan *plan;
    const wg_shape *shape, *padded;
    size_t position[WG_MAX_RANK];
    pad_run run[WG_MAX_RANK];
} pad_walk;

static void pad_enter(pad_walk *w, uint32_t axis, size_t position)
{
    w->position[axis] = position;
    w->run[axis] =
        pad_run_at(w->plan->mode, w->shape->dim[axis], w->plan->before[axis], position, w->padded->dim[axis]);
}

/* Moves to the next region; false after the last. */
static bool pad_next(pad_walk *w)
{
    for (uint32_t axis = w->shape->rank; axis-- > 0;) {
        size_t position = w->position[axis] + w->run[axis].count;
        bool more = position < w->padded->dim[axis];
        pad_enter(w, axis, more ? position : 0);
        if (more) return true;
    }
    return false;
}

/* Copies what one region shows: into the padded array or, adding, out of it. */
static void pad_region(const wg_call *call, const pad_walk *w, bool out_of, bool add)
{
    ptrdiff_t strides[WG_MAX_RANK], padded_strides[WG_MAX_RANK], at = 0, padded_at = 0;
    size_t count[WG_MAX_RANK];
    wg_shape_strides(w->shape, strides);
    wg_shape_strides(w->padded, padded_strides);
    for (uint32_t axis = 0; axis < w->shape->rank; axis++) {
        const pad_run *run = &w->run[axis];
        if (!run->shows) return;
        at += (ptrdiff_t)run->from * strides[axis];
        padded_at += (ptrdiff_t)w->position[axis] * padded_strides[axis];
        strides[axis] *= run->step;
        count[axis] = run->count;
    }
    ptrdiff_t element = (ptrdiff_t)wg_copy_element(call);
    const char *in = (const char *)call->in[0].data + (out_of ? padded_at : at) * element;
    char *out = (char *)call->out + (out_of ? at : padded_at) * element;
    wg_copy_strided(call, w->shape->rank, count, in, out_of ? padded_strides : strides, out,
        out_of ? strides : padded_strides, add);
}

static void pad_regions(const wg_call *call, const wg_shape *shape, const wg_shape *padded, bool out_of, bool add)
{
    pad_walk w = {.plan = call->attributes, .shape = shape, .padded = padded};
    if (wg_shape_product(padded, 0, padded->rank) == 0) return;
    for (uint32_t axis = 0; axis < shape->rank; axis++) pad_enter(&w, axis, 0);
    do pad_region(call, &w, out_of, add);
    while (pad_next(&w));
}

/* ---- pad --------------------------------------------------------------------------------------------------------- */

static void pad_fill(const wg_call *call, double value)
{
    size_t size = wg_shape_product(&call->shape, 0, call->shape.rank);
    if (call->dtype == WG_F64)
        for (size_t i = 0; i < size; i++) ((double *)call->out)[i] = value;
    else
        for (size_t i = 0; i < size; i++) ((float *)call->out)[i] = (float)value;
}

static wg_status pad_infer(wg_call *call)
{
    const pad_plan *plan = call->attributes;
    call->shape = *call->in[0].shape;
    for (uint32_t axis = 0; axis < call->shape.rank; axis++)
        call->shape.dim[axis] += plan->before[axis] + plan->after[axis];
    return WG_OK;
}

static wg_status pad_evaluate(wg_call *call)
{
    const pad_plan *plan = call->attributes;
    if (plan->mode == WG_PAD_CONSTANT && !call->add) pad_fill(call, plan->value);
    pad_regions(call, call->in[0].shape, &call->shape, false, call->add);
    return WG_OK;
}

static size_t pad_view(const wg_call *call) { return wg_shape_equal(&call->shape, call->in[0].shape) ? 0 : SIZE_MAX; }

static void pad_derive(wg_derivation *d);

static size_t pad_describe(const wg_call *call, char *text, size_t size)
{
    const pad_plan *plan = call->attributes;
    wg_words words = {text, size, 0};
    static const char *const modes[] = {"constant", "reflect", "circular", "symmetric", "replicate"};
    size_t widths[2 * WG_MAX_RANK], n = 2 * call->shape.rank;
    for (size_t k = 0; k < n; k++) widths[k] = k % 2 ? plan->after[k / 2] : plan->before[k / 2];
    wg_words_sizes(&words, "widths", widths, n);
    wg_words_add(&words, "mode=%s", modes[plan->mode]);
    if (plan->mode == WG_PAD_CONSTANT) wg_words_number(&words, "value", plan->value);
    return words.length;
}

static const wg_op pad_op = {.name = "pad",
    .arity = 1,
    .flags = WG_OP_ADDS | WG_OP_LINEAR,
    .shape = pad_infer,
    .evaluate = pad_evaluate,
    .view = pad_view,
    .derivative = pad_derive,
    .describe = pad_describe};

/* With a constant that is not 0 it is not linear, nor can it be added to. */
static const wg_op pad_op_with_value = {.name = "pad",
    .arity = 1,
    .shape = pad_infer,
    .evaluate = pad_evaluate,
    .view = pad_view,
    .derivative = pad_derive,
    .describe = pad_describe};

/* ---- unpad, its derivative: each element is the sum of what shows it --------------------------------------------- */

static wg_status pad_infer_unpad(wg_call *call)
{
    const pad_plan *plan = call->attributes;
    call->shape = *call->in[0].shape;
    for (uint32_t axis = 0; axis < call->shape.rank; axis++)
        call->shape.dim[axis] -= plan->before[axis] + plan->after[axis];
    return WG_OK;
}

static wg_status pad_evaluate_unpad(wg_call *call)
{
    const pad_plan *plan = call->attributes;
    bool once = plan->mode == WG_PAD_CONSTANT; /* each element is shown by one region */
    size_t size = wg_shape_product(&call->shape, 0, call->shape.rank);
    if (!once && !call->add) memset(call->out, 0, size * wg_copy_element(call));
    pad_regions(call, &call->shape, call->in[0].shape, true, call->add || !once);
    return WG_OK;
}

static void pad_derive_unpad(wg_derivation *d)
{
    pad_plan plan = *(const pad_plan *)wg_derivation_call(d)->attributes;
    wg_term g = wg_cotangent(d);
    wg_give(d, 0, &pad_op, &g, 1, &plan, sizeof plan);
}

static const wg_op pad_op_unpad = {.name = "unpad",
    .arity = 1,
    .flags = WG_OP_ADDS | WG_OP_LINEAR,
    .shape = pad_infer_unpad,
    .evaluate = pad_evaluate_unpad,
    .derivative = pad_derive_unpad,
    .describe = pad_describe};

static void pad_derive(wg_derivation *d)
{
    pad_plan plan = *(const pad_plan *)wg_derivation_call(d)->attributes;
    plan.value = 0;
    wg_term g = wg_cotangent(d);
    wg_give(d, 0, &pad_op_unpad, &g, 1, &plan, sizeof plan);
}

/* ---- replicate --------------------------------------------------------------------------------------------------- */

/* One end of an axis, stretched. */
static wg_var pad_edge(wg_var x, uint32_t axis, bool end, size_t width)
{
    wg_shape shape = wg_shape_of(x);
    ptrdiff_t last = (ptrdiff_t)shape.dim[axis] - 1;
    shape.dim[axis] = width;
    return wg_broadcast_to(wg_slice(x, (int)axis, end ? last : 0, end ? last + 1 : 1, 1), shape);
}

/* An edge may be shown any number of times, so its adjoint is a sum like any other: by broadcasts, axis after axis. */
static wg_var pad_replicate(wg_var x, const pad_plan *plan)
{
    uint32_t rank = wg_shape_of(x).rank;
    for (uint32_t axis = 0; axis < rank; axis++) {
        wg_var parts[3];
        size_t n = 0;
        if (plan->before[axis]) parts[n++] = pad_edge(x, axis, false, plan->before[axis]);
        parts[n++] = x;
        if (plan->after[axis]) parts[n++] = pad_edge(x, axis, true, plan->after[axis]);
        if (n > 1) x = wg_concat(parts, n, (int)axis);
    }
    return x;
}

/* ---- checking ---------------------------------------------------------------------------------------------------- */

/* An axis with its pair of widths. */
static bool pad_fits(const wg_composition *c, wg_var x, const pad_plan *plan, uint32_t axis)
{
    size_t before = plan->before[axis], after = plan->after[axis], extent = wg_shape_of(x).dim[axis];
    const char *wrong = NULL;
    if (before > SIZE_MAX - after || before + after > SIZE_MAX - extent)
        wrong = "overflows with its widths";
    else if (plan->mode != WG_PAD_CONSTANT && extent == 0 && before + after > 0)
        wrong = "has no elements to pad with";
    if (wrong)
        wg_tape_fail(c->tape, WG_ERROR_SHAPE, "pad: axis %u of %s %s", (unsigned)axis,
            wg_list_describe(c->tape, x.index), wrong);
    return !wrong;
}

/* The pairs are those of the last axes. */
static bool pad_read(const wg_composition *c, wg_var x, const size_t *widths, size_t n, pad_plan *plan)
{
    uint32_t rank = wg_shape_of(x).rank;
    if (n && !widths)
        wg_tape_fail(c->tape, WG_ERROR_ARGUMENT, "pad: the array of widths is NULL");
    else if (n % 2 || n / 2 > rank)
        wg_tape_fail(c->tape, WG_ERROR_SHAPE, "pad: %zu widths are given for %s; each axis takes two", n,
            wg_list_describe(c->tape, x.index));
    else if ((unsigned)plan->mode > WG_PAD_REPLICATE)
        wg_tape_fail(c->tape, WG_ERROR_ARGUMENT, "pad: %d is not a mode", (int)plan->mode);
    if (c->tape->status != WG_OK) return false;
    for (size_t k = 0; k < n; k++) {
        size_t axis = rank - n / 2 + k / 2;
        (k % 2 ? plan->after : plan->before)[axis] = widths[k];
    }
    for (uint32_t axis = 0; axis < rank; axis++)
        if (!pad_fits(c, x, plan, axis)) return false;
    return true;
}

wg_var wg_pad(wg_var x, const size_t *widths, size_t n, wg_pad_mode mode, double value)
{
    wg_composition c;
    pad_plan plan = {.mode = mode, .value = mode == WG_PAD_CONSTANT ? value : 0};
    if (!wg_compose_open(&c, "pad", &x, 1, 0) || !pad_read(&c, x, widths, n, &plan)) return wg_invalid(x.tape);
    bool any = false;
    for (size_t k = 0; k < n; k++) any = any || widths[k];
    if (any && mode == WG_PAD_REPLICATE) return wg_compose_close(&c, pad_replicate(x, &plan));
    const wg_op *op = plan.value == 0 ? &pad_op : &pad_op_with_value;
    return wg_list_apply(x.tape, op, &x, 1, &plan, sizeof plan, NULL);
}
