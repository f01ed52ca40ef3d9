/* Ops that take parts or join them: slice, concat, and embed, which is slice's derivative: zeros with windows. */
#include "ops/copy.h"
#include "shape/shape.h"
#include "tape/list.h"
#include "wengert/ops.h"

#include <string.h>

/* A window along one axis: count elements from start, each step after the other. */
typedef struct index_window {
    uint32_t axis;
    ptrdiff_t start, step;
    size_t count;
    size_t extent; /* of the whole axis */
} index_window;

/* Copies between the window of a whole array and a part of it alone. */
static void index_copy(const wg_call *call, const wg_shape *whole, const wg_shape *part, const index_window *window,
    const void *in, void *out, bool out_is_whole, bool add)
{
    ptrdiff_t whole_strides[WG_MAX_RANK], part_strides[WG_MAX_RANK];
    wg_shape_strides(whole, whole_strides);
    wg_shape_strides(part, part_strides);
    ptrdiff_t skip = window->count ? window->start * whole_strides[window->axis] : 0;
    ptrdiff_t bytes = skip * (ptrdiff_t)wg_dtype_size(call->dtype);
    whole_strides[window->axis] *= window->step;
    if (out_is_whole)
        wg_copy_strided(call, part->rank, part->dim, in, part_strides, (char *)out + bytes, whole_strides, add);
    else
        wg_copy_strided(call, part->rank, part->dim, (const char *)in + bytes, whole_strides, out, part_strides, add);
}

/* ---- slice ------------------------------------------------------------------------------------------------------------ */

static wg_status index_infer_slice(wg_call *call)
{
    const index_window *window = call->attributes;
    call->shape = *call->in[0].shape;
    call->shape.dim[window->axis] = window->count;
    return WG_OK;
}

static wg_status index_slice(wg_call *call)
{
    index_copy(call, call->in[0].shape, &call->shape, call->attributes, call->in[0].data, call->out, false, call->add);
    return WG_OK;
}

/* Leading rows, one after the other, are a part of the array as it lies. */
static size_t index_view_slice(const wg_call *call)
{
    const index_window *window = call->attributes;
    wg_shape_split split = wg_shape_around(call->in[0].shape, window->axis);
    if (split.outer != 1 || (window->step != 1 && window->count > 1)) return SIZE_MAX;
    return window->count ? (size_t)window->start * split.inner : 0;
}

static void index_derive_slice(wg_derivation *d);

static const wg_op index_op_slice = {.name = "slice",
    .arity = 1,
    .flags = WG_OP_ADDS,
    .shape = index_infer_slice,
    .evaluate = index_slice,
    .view = index_view_slice,
    .derivative = index_derive_slice};

/* ---- embed: zeros of the whole shape, with each argument added in its window ---------------------------------------------- */

static wg_status index_infer_embed(wg_call *call)
{
    const index_window *window = call->attributes;
    call->shape = *call->in[0].shape;
    call->shape.dim[window->axis] = window->extent;
    return WG_OK;
}

/* Adding touches the windows alone: many slices of one array cost what they hold, not the array each time. */
static wg_status index_embed(wg_call *call)
{
    const index_window *windows = call->attributes;
    size_t size = wg_shape_product(&call->shape, 0, call->shape.rank);
    if (!call->add) memset(call->out, 0, size * wg_dtype_size(call->dtype));
    for (size_t k = 0; k < call->n; k++)
        index_copy(call, &call->shape, call->in[k].shape, &windows[k], call->in[k].data, call->out, true, true);
    return WG_OK;
}

static void index_derive_embed(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    const index_window *windows = call->attributes;
    wg_term g = wg_cotangent(d);
    for (size_t k = 0; k < call->n; k++) wg_give(d, k, &index_op_slice, &g, 1, &windows[k], sizeof *windows);
}

static const wg_op index_op_embed = {.name = "embed",
    .arity = WG_ANY_ARITY,
    .flags = WG_OP_ADDS | WG_OP_JOINS,
    .shape = index_infer_embed,
    .evaluate = index_embed,
    .derivative = index_derive_embed};

static void index_derive_slice(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    wg_term g = wg_cotangent(d);
    wg_give(d, 0, &index_op_embed, &g, 1, call->attributes, sizeof(index_window));
}

/* One bound by Python's rule: omitted, counted from the end, clipped. */
static ptrdiff_t index_bound(ptrdiff_t bound, ptrdiff_t extent, ptrdiff_t omitted, bool forward)
{
    ptrdiff_t low = forward ? 0 : -1, high = forward ? extent : extent - 1;
    if (bound == WG_END) return omitted;
    if (bound < 0) bound += extent;
    return bound < low ? low : bound > high ? high : bound;
}

static index_window index_resolve(uint32_t axis, size_t extent, ptrdiff_t start, ptrdiff_t stop, ptrdiff_t step)
{
    bool forward = step > 0;
    ptrdiff_t length = (ptrdiff_t)extent;
    if (step == PTRDIFF_MIN) step = -PTRDIFF_MAX; /* so that -step exists; both step past any end */
    ptrdiff_t first = index_bound(start, length, forward ? 0 : length - 1, forward);
    ptrdiff_t end = index_bound(stop, length, forward ? length : -1, forward);
    ptrdiff_t span = forward ? end - first : first - end, stride = forward ? step : -step;
    size_t count = span > 0 ? (size_t)((span - 1) / stride) + 1 : 0;
    return (index_window){axis, count ? first : 0, count > 1 ? step : 1, count, extent};
}

wg_var wg_slice(wg_var x, int axis, ptrdiff_t start, ptrdiff_t stop, ptrdiff_t step)
{
    if (!x.tape) return wg_invalid(NULL);
    index_window window = {0};
    if (wg_list_valid(x) && x.tape->status == WG_OK) {
        wg_shape shape = wg_shape_of(x);
        uint32_t found;
        if (step == 0)
            wg_tape_fail(x.tape, WG_ERROR_ARGUMENT, "slice: the step is 0, for %s", wg_list_describe(x.tape, x.index));
        else if (!wg_shape_axis(&shape, axis, &found))
            wg_tape_fail(x.tape, WG_ERROR_SHAPE, "slice: axis %d is out of range for %s", axis,
                wg_list_describe(x.tape, x.index));
        else
            window = index_resolve(found, shape.dim[found], start, stop, step);
    }
    return wg_list_apply(x.tape, &index_op_slice, &x, 1, &window, sizeof window, NULL);
}

/* ---- concat ----------------------------------------------------------------------------------------------------------- */

static wg_status index_infer_concat(wg_call *call)
{
    int axis = *(const int *)call->attributes;
    uint32_t found;
    if (call->n == 0) return wg_call_fail(call, WG_ERROR_ARGUMENT, "there are no arrays to join");
    call->shape = *call->in[0].shape;
    if (!wg_shape_axis(&call->shape, axis, &found))
        return wg_call_fail(call, WG_ERROR_SHAPE, "axis %d is out of range for %s", axis, wg_call_describe(call, 0));
    for (size_t k = 1; k < call->n; k++) {
        wg_shape part = *call->in[k].shape;
        size_t extent = part.rank == call->shape.rank ? part.dim[found] : 0, so_far = call->shape.dim[found];
        if (part.rank == call->shape.rank) part.dim[found] = so_far;
        if (!wg_shape_equal(&part, &call->shape))
            return wg_call_fail(call, WG_ERROR_SHAPE, "the shapes differ beside axis %d: %s and %s", axis,
                wg_call_describe(call, 0), wg_call_describe(call, k));
        if (extent > SIZE_MAX - so_far) return wg_call_fail(call, WG_ERROR_SHAPE, "the extents' sum overflows");
        call->shape.dim[found] = so_far + extent;
    }
    return WG_OK;
}

/* The part of the result that operand k fills. start is moved past it. */
static index_window index_part(const wg_call *call, size_t k, ptrdiff_t *start)
{
    uint32_t axis = 0;
    wg_shape_axis(&call->shape, *(const int *)call->attributes, &axis);
    index_window window = {axis, *start, 1, call->in[k].shape->dim[axis], call->shape.dim[axis]};
    *start += (ptrdiff_t)window.count;
    return window;
}

static wg_status index_concat(wg_call *call)
{
    ptrdiff_t start = 0;
    for (size_t k = 0; k < call->n; k++) {
        index_window window = index_part(call, k, &start);
        index_copy(call, &call->shape, call->in[k].shape, &window, call->in[k].data, call->out, true, call->add);
    }
    return WG_OK;
}

static void index_derive_concat(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    wg_term g = wg_cotangent(d);
    ptrdiff_t start = 0;
    for (size_t k = 0; k < call->n; k++) {
        index_window window = index_part(call, k, &start);
        wg_give(d, k, &index_op_slice, &g, 1, &window, sizeof window);
    }
}

static const wg_op index_op_concat = {.name = "concat",
    .arity = WG_ANY_ARITY,
    .flags = WG_OP_ADDS,
    .shape = index_infer_concat,
    .evaluate = index_concat,
    .derivative = index_derive_concat};

wg_var wg_concat(const wg_var *x, size_t n, int axis)
{
    for (size_t k = 0; k < n && x; k++)
        if (x[k].tape) return wg_list_apply(x[k].tape, &index_op_concat, x, n, &axis, sizeof axis, NULL);
    return wg_invalid(NULL);
}
