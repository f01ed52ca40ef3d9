/* Ops on the shape of an array: reshape, transpose, permute, broadcast_to, sum_to, each the other's or its own
 * derivative, and what is made of them: squeeze, flatten, swapaxes, ... All but sum_to move index vars too. */
#include "ops/compose.h"
#include "ops/copy.h"
#include "ops/reduce.h"
#include "shape/shape.h"
#include "tape/list.h"
#include "tape/words.h"
#include "wengert/ops.h"

static wg_var shape_apply(const wg_op *op, wg_var x, const void *attributes, size_t size)
{
    return x.tape ? wg_list_apply(x.tape, op, &x, 1, attributes, size, NULL) : wg_invalid(NULL);
}

/* A shape given by the caller: no more axes than there can be. */
static bool shape_is_sane(const wg_op *op, wg_var x, const wg_shape *shape)
{
    size_t size;
    if (!x.tape || wg_shape_size(shape, &size)) return true;
    char text[WG_SHAPE_TEXT];
    wg_tape_fail(x.tape, WG_ERROR_SHAPE, "%s: the shape %s has more than %d axes or overflows", op->name,
        wg_shape_format(shape, text, sizeof text), WG_MAX_RANK);
    return false;
}

/* ---- reshape ----------------------------------------------------------------------------------------------------- */

static wg_status shape_infer_reshape(wg_call *call)
{
    call->shape = *(const wg_shape *)call->attributes;
    call->indices = call->in[0].indices;
    size_t size;
    if (wg_shape_size(&call->shape, &size) && size == call->in[0].size) return WG_OK;
    char text[WG_SHAPE_TEXT];
    return wg_call_fail(call, WG_ERROR_SHAPE, "%s does not have as many elements as %s", wg_call_describe(call, 0),
        wg_shape_format(&call->shape, text, sizeof text));
}

static size_t shape_view_whole(const wg_call *call)
{
    (void)call;
    return 0;
}

/* Of reshape, broadcast_to and sum_to. */
static size_t shape_describe(const wg_call *call, char *text, size_t size)
{
    wg_words words = {text, size, 0};
    wg_words_shape(&words, "shape", &call->shape);
    return words.length;
}

static void shape_derive_reshape(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    wg_term g = wg_cotangent(d);
    wg_give(d, 0, call->op, &g, 1, call->in[0].shape, sizeof *call->in[0].shape);
}

static const wg_op shape_op_reshape = {.name = "reshape",
    .arity = 1,
    .flags = WG_OP_TAKES_INDICES | WG_OP_LINEAR,
    .shape = shape_infer_reshape,
    .view = shape_view_whole,
    .derivative = shape_derive_reshape,
    .describe = shape_describe};

const wg_op *wg_op_reshape(void) { return &shape_op_reshape; }

wg_var wg_reshape(wg_var x, wg_shape shape)
{
    if (!shape_is_sane(&shape_op_reshape, x, &shape)) return wg_invalid(x.tape);
    return shape_apply(&shape_op_reshape, x, &shape, sizeof shape);
}

/* ---- permute and transpose --------------------------------------------------------------------------------------- */

typedef struct shape_order {
    uint32_t axis[WG_MAX_RANK]; /* axis k of the result is this one of the argument */
} shape_order;

static wg_status shape_copy_permuted(wg_call *call, const shape_order *order)
{
    ptrdiff_t in[WG_MAX_RANK], from[WG_MAX_RANK], to[WG_MAX_RANK];
    wg_shape_strides(call->in[0].shape, in);
    wg_shape_strides(&call->shape, to);
    for (uint32_t k = 0; k < call->shape.rank; k++) from[k] = in[order->axis[k]];
    wg_copy_strided(call, call->shape.rank, call->shape.dim, call->in[0].data, from, call->out, to, call->add);
    return WG_OK;
}

static wg_status shape_infer_permute(wg_call *call)
{
    const shape_order *order = call->attributes;
    const wg_shape *shape = call->in[0].shape;
    call->shape = *shape;
    call->indices = call->in[0].indices;
    for (uint32_t k = 0; k < shape->rank; k++) call->shape.dim[k] = shape->dim[order->axis[k]];
    return WG_OK;
}

/* Where no two axes of more than one element change places, nothing moves. */
static size_t shape_view_permute(const wg_call *call)
{
    const shape_order *order = call->attributes;
    const wg_shape *shape = call->in[0].shape;
    uint32_t next = 0;
    for (uint32_t k = 0; k < shape->rank; k++) {
        if (shape->dim[order->axis[k]] == 1) continue;
        if (order->axis[k] < next) return SIZE_MAX;
        next = order->axis[k];
    }
    return 0;
}

static wg_status shape_permute(wg_call *call) { return shape_copy_permuted(call, call->attributes); }

static size_t shape_describe_permute(const wg_call *call, char *text, size_t size)
{
    const shape_order *order = call->attributes;
    wg_words words = {text, size, 0};
    size_t axes[WG_MAX_RANK];
    for (uint32_t k = 0; k < call->shape.rank; k++) axes[k] = order->axis[k];
    wg_words_sizes(&words, "axes", axes, call->shape.rank);
    return words.length;
}

static void shape_derive_permute(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    const shape_order *order = call->attributes;
    shape_order inverse = {{0}};
    for (uint32_t k = 0; k < call->shape.rank; k++) inverse.axis[order->axis[k]] = k;
    wg_term g = wg_cotangent(d);
    wg_give(d, 0, call->op, &g, 1, &inverse, sizeof inverse);
}

static const wg_op shape_op_permute = {.name = "permute",
    .arity = 1,
    .flags = WG_OP_ADDS | WG_OP_TAKES_INDICES | WG_OP_LINEAR,
    .shape = shape_infer_permute,
    .evaluate = shape_permute,
    .view = shape_view_permute,
    .derivative = shape_derive_permute,
    .describe = shape_describe_permute};

wg_var wg_permute(wg_var x, const int *axes, size_t n)
{
    wg_composition c;
    bool mask[WG_MAX_RANK];
    shape_order order = {{0}};
    if (!wg_compose_open(&c, "permute", &x, 1, 1) || !wg_compose_axes(&c, x, axes, n, mask)) return wg_invalid(x.tape);
    wg_shape shape = wg_shape_of(x);
    if (n != shape.rank) {
        wg_tape_fail(x.tape, WG_ERROR_SHAPE, "permute: %zu axes are given for %s, which has %u", n,
            wg_list_describe(x.tape, x.index), (unsigned)shape.rank);
        return wg_invalid(x.tape);
    }
    for (size_t k = 0; k < n; k++) wg_shape_axis(&shape, axes[k], &order.axis[k]);
    return shape_apply(&shape_op_permute, x, &order, sizeof order);
}

static shape_order shape_last_two_swapped(uint32_t rank)
{
    shape_order order;
    for (uint32_t k = 0; k < WG_MAX_RANK; k++) order.axis[k] = k;
    order.axis[rank - 1] = rank - 2;
    order.axis[rank - 2] = rank - 1;
    return order;
}

static wg_status shape_infer_transpose(wg_call *call)
{
    const wg_shape *shape = call->in[0].shape;
    if (shape->rank < 2)
        return wg_call_fail(call, WG_ERROR_SHAPE, "%s has no two axes to swap", wg_call_describe(call, 0));
    call->shape = *shape;
    call->indices = call->in[0].indices;
    call->shape.dim[shape->rank - 1] = shape->dim[shape->rank - 2];
    call->shape.dim[shape->rank - 2] = shape->dim[shape->rank - 1];
    return WG_OK;
}

static wg_status shape_transpose(wg_call *call)
{
    shape_order order = shape_last_two_swapped(call->shape.rank);
    return shape_copy_permuted(call, &order);
}

static void shape_derive_transpose(wg_derivation *d)
{
    wg_term g = wg_cotangent(d);
    wg_give(d, 0, wg_derivation_call(d)->op, &g, 1, NULL, 0);
}

static const wg_op shape_op_transpose = {.name = "transpose",
    .arity = 1,
    .flags = WG_OP_ADDS | WG_OP_LAZY | WG_OP_TAKES_INDICES | WG_OP_LINEAR,
    .shape = shape_infer_transpose,
    .evaluate = shape_transpose,
    .derivative = shape_derive_transpose};

wg_var wg_transpose(wg_var x) { return shape_apply(&shape_op_transpose, x, NULL, 0); }

/* ---- broadcast_to and sum_to ------------------------------------------------------------------------------------- */

static wg_status shape_infer_broadcast_to(wg_call *call)
{
    call->shape = *(const wg_shape *)call->attributes;
    call->indices = call->in[0].indices;
    if (wg_shape_broadcasts_to(call->in[0].shape, &call->shape)) return WG_OK;
    char text[WG_SHAPE_TEXT];
    return wg_call_fail(call, WG_ERROR_SHAPE, "%s does not broadcast to %s", wg_call_describe(call, 0),
        wg_shape_format(&call->shape, text, sizeof text));
}

/* Axes of one element alone come or go. A single number is copied: it may live in its node and would need a place
 * first. */
static size_t shape_view_same_size(const wg_call *call)
{
    size_t size = wg_shape_product(&call->shape, 0, call->shape.rank);
    return size == call->in[0].size && size != 1 ? 0 : SIZE_MAX;
}

static wg_status shape_broadcast_to(wg_call *call)
{
    ptrdiff_t from[WG_MAX_RANK], to[WG_MAX_RANK];
    if (call->in[0].size == 1) {
        size_t size = wg_shape_product(&call->shape, 0, call->shape.rank);
        ptrdiff_t none = 0, one = 1;
        wg_copy_strided(call, 1, &size, call->in[0].data, &none, call->out, &one, call->add);
        return WG_OK;
    }
    wg_shape_broadcast_strides(call->in[0].shape, &call->shape, from);
    wg_shape_strides(&call->shape, to);
    wg_copy_strided(call, call->shape.rank, call->shape.dim, call->in[0].data, from, call->out, to, call->add);
    return WG_OK;
}

static void shape_derive_broadcast_to(wg_derivation *d)
{
    const wg_shape *shape = wg_derivation_call(d)->in[0].shape;
    wg_term g = wg_cotangent(d);
    wg_give(d, 0, wg_op_sum_to(), &g, 1, shape, sizeof *shape);
}

static const wg_op shape_op_broadcast_to = {.name = "broadcast_to",
    .arity = 1,
    .flags = WG_OP_ADDS | WG_OP_TAKES_INDICES | WG_OP_LINEAR,
    .shape = shape_infer_broadcast_to,
    .evaluate = shape_broadcast_to,
    .view = shape_view_same_size,
    .derivative = shape_derive_broadcast_to,
    .describe = shape_describe};

const wg_op *wg_op_broadcast_to(void) { return &shape_op_broadcast_to; }

wg_var wg_broadcast_to(wg_var x, wg_shape shape)
{
    if (!shape_is_sane(&shape_op_broadcast_to, x, &shape)) return wg_invalid(x.tape);
    return shape_apply(&shape_op_broadcast_to, x, &shape, sizeof shape);
}

static wg_status shape_infer_sum_to(wg_call *call)
{
    call->shape = *(const wg_shape *)call->attributes;
    if (wg_shape_broadcasts_to(&call->shape, call->in[0].shape)) return WG_OK;
    char text[WG_SHAPE_TEXT];
    return wg_call_fail(call, WG_ERROR_SHAPE, "%s cannot be summed to %s, which does not broadcast to it",
        wg_call_describe(call, 0), wg_shape_format(&call->shape, text, sizeof text));
}

/* Which axes are summed. */
static void shape_summed_axes(const wg_call *call, bool *mask)
{
    const wg_shape *from = call->in[0].shape;
    uint32_t missing = from->rank - call->shape.rank;
    for (uint32_t d = 0; d < from->rank; d++) mask[d] = d < missing || call->shape.dim[d - missing] == 1;
}

static size_t shape_sum_to_scratch(const wg_call *call)
{
    bool mask[WG_MAX_RANK];
    shape_summed_axes(call, mask);
    return wg_reduce_scratch(call->in[0].shape, mask, call->dtype);
}

static wg_status shape_sum_to(wg_call *call)
{
    bool mask[WG_MAX_RANK];
    shape_summed_axes(call, mask);
    return wg_reduce_array(call, WG_KERNEL_SUM, call->in[0].data, call->in[0].shape, mask, 1);
}

static void shape_derive_sum_to(wg_derivation *d)
{
    const wg_shape *shape = wg_derivation_call(d)->in[0].shape;
    wg_term g = wg_cotangent(d);
    wg_give(d, 0, wg_op_broadcast_to(), &g, 1, shape, sizeof *shape);
}

static const wg_op shape_op_sum_to = {.name = "sum_to",
    .arity = 1,
    .flags = WG_OP_ADDS | WG_OP_LINEAR,
    .shape = shape_infer_sum_to,
    .evaluate = shape_sum_to,
    .view = shape_view_same_size,
    .scratch = shape_sum_to_scratch,
    .derivative = shape_derive_sum_to,
    .describe = shape_describe};

const wg_op *wg_op_sum_to(void) { return &shape_op_sum_to; }

wg_var wg_sum_to(wg_var x, wg_shape shape)
{
    if (!shape_is_sane(&shape_op_sum_to, x, &shape)) return wg_invalid(x.tape);
    return shape_apply(&shape_op_sum_to, x, &shape, sizeof shape);
}

/* ---- under other names ------------------------------------------------------------------------------------------- */

/* The new shape, reached by one reshape. */
static wg_var shape_become(const wg_composition *c, wg_var x, wg_shape shape)
{
    return wg_compose_close(c, wg_reshape(x, shape));
}

/* x's shape without the axes marked. */
static wg_shape shape_without(const wg_shape *from, const bool *mask)
{
    wg_shape shape = {0};
    for (uint32_t k = 0; k < from->rank; k++)
        if (!mask[k]) shape.dim[shape.rank++] = from->dim[k];
    return shape;
}

wg_var wg_squeeze(wg_var x)
{
    wg_composition c;
    if (!wg_compose_open(&c, "squeeze", &x, 1, 1)) return wg_invalid(x.tape);
    wg_shape shape = wg_shape_of(x);
    bool mask[WG_MAX_RANK];
    for (uint32_t k = 0; k < shape.rank; k++) mask[k] = shape.dim[k] == 1;
    return shape_become(&c, x, shape_without(&shape, mask));
}

wg_var wg_squeeze_axes(wg_var x, const int *axes, size_t n)
{
    wg_composition c;
    bool mask[WG_MAX_RANK];
    if (!wg_compose_open(&c, "squeeze", &x, 1, 1) || !wg_compose_axes(&c, x, axes, n, mask)) return wg_invalid(x.tape);
    wg_shape shape = wg_shape_of(x);
    for (uint32_t k = 0; k < shape.rank; k++) {
        if (!mask[k] || shape.dim[k] == 1) continue;
        wg_tape_fail(x.tape, WG_ERROR_SHAPE, "squeeze: axis %u of %s does not have extent 1", (unsigned)k,
            wg_list_describe(x.tape, x.index));
        return wg_invalid(x.tape);
    }
    return shape_become(&c, x, shape_without(&shape, mask));
}

static wg_var shape_unsqueeze(const char *name, wg_var x, int axis)
{
    wg_composition c;
    if (!wg_compose_open(&c, name, &x, 1, 1)) return wg_invalid(x.tape);
    wg_shape from = wg_shape_of(x), shape = {.rank = from.rank + 1};
    uint32_t place;
    if (from.rank == WG_MAX_RANK || !wg_shape_axis(&shape, axis, &place)) {
        wg_tape_fail(x.tape, WG_ERROR_SHAPE,
            from.rank == WG_MAX_RANK ? "%s: no room for axis %d: %s has all the axes that there can be"
                                     : "%s: a new axis %d is out of range for %s",
            name, axis, wg_list_describe(x.tape, x.index));
        return wg_invalid(x.tape);
    }
    for (uint32_t k = 0; k < shape.rank; k++) shape.dim[k] = k == place ? 1 : from.dim[k - (k > place)];
    return shape_become(&c, x, shape);
}

wg_var wg_unsqueeze(wg_var x, int axis) { return shape_unsqueeze("unsqueeze", x, axis); }
wg_var wg_expand_dims(wg_var x, int axis) { return shape_unsqueeze("expand_dims", x, axis); }

wg_var wg_flatten(wg_var x, int start_axis, int end_axis)
{
    wg_composition c;
    if (!wg_compose_open(&c, "flatten", &x, 1, 1)) return wg_invalid(x.tape);
    wg_shape from = wg_shape_of(x), shape = {0};
    if (from.rank == 0) from = (wg_shape){1, {1}};
    uint32_t first, last;
    bool found = wg_shape_axis(&from, start_axis, &first) && wg_shape_axis(&from, end_axis, &last);
    if (!found || first > last) {
        wg_tape_fail(x.tape, WG_ERROR_SHAPE, "flatten: axes %d to %d are %s for %s", start_axis, end_axis,
            found ? "in the wrong order" : "out of range", wg_list_describe(x.tape, x.index));
        return wg_invalid(x.tape);
    }
    for (uint32_t k = 0; k < from.rank; k++) {
        if (k > first && k <= last)
            shape.dim[shape.rank - 1] *= from.dim[k];
        else
            shape.dim[shape.rank++] = from.dim[k];
    }
    return shape_become(&c, x, shape);
}

/* Axes in their order, but those that the caller moves. The last two swapped is a transpose, which matmul takes as it
 * is. */
static wg_var shape_reorder(const wg_composition *c, wg_var x, uint32_t rank, const int *axes)
{
    bool transposes = rank >= 2 && axes[rank - 1] == (int)rank - 2 && axes[rank - 2] == (int)rank - 1;
    for (uint32_t k = 0; k + 2 < rank; k++) transposes = transposes && axes[k] == (int)k;
    return wg_compose_close(c, transposes ? wg_transpose(x) : wg_permute(x, axes, rank));
}

wg_var wg_swapaxes(wg_var x, int a, int b)
{
    wg_composition c;
    uint32_t first, second;
    if (!wg_compose_open(&c, "swapaxes", &x, 1, 1) || !wg_compose_axis(&c, x, a, &first) ||
        !wg_compose_axis(&c, x, b, &second))
        return wg_invalid(x.tape);
    uint32_t rank = wg_shape_of(x).rank;
    int axes[WG_MAX_RANK];
    for (uint32_t k = 0; k < rank; k++) axes[k] = (int)k;
    axes[first] = (int)second;
    axes[second] = (int)first;
    return shape_reorder(&c, x, rank, axes);
}

wg_var wg_moveaxis(wg_var x, int source, int destination)
{
    wg_composition c;
    uint32_t from, to;
    if (!wg_compose_open(&c, "moveaxis", &x, 1, 1) || !wg_compose_axis(&c, x, source, &from) ||
        !wg_compose_axis(&c, x, destination, &to))
        return wg_invalid(x.tape);
    uint32_t rank = wg_shape_of(x).rank;
    int axes[WG_MAX_RANK];
    for (uint32_t k = 0, next = 0; k < rank; k++) {
        if (next == from) next++;
        axes[k] = k == to ? (int)from : (int)next++;
    }
    return shape_reorder(&c, x, rank, axes);
}

wg_var wg_expand(wg_var x, const ptrdiff_t *extents, size_t n)
{
    wg_composition c;
    if (!wg_compose_open(&c, "expand", &x, 1, 1)) return wg_invalid(x.tape);
    wg_shape from = wg_shape_of(x), shape = {.rank = (uint32_t)n};
    if (n && !extents)
        wg_tape_fail(x.tape, WG_ERROR_ARGUMENT, "expand: the array of extents is NULL");
    else if (n < from.rank || n > WG_MAX_RANK)
        wg_tape_fail(x.tape, WG_ERROR_SHAPE, "expand: %zu extents are given for %s; there may be at most %d", n,
            wg_list_describe(x.tape, x.index), WG_MAX_RANK);
    for (size_t k = 0; k < n && x.tape->status == WG_OK; k++) {
        size_t missing = n - from.rank;
        if (extents[k] < -1 || (extents[k] == -1 && k < missing))
            wg_tape_fail(x.tape, WG_ERROR_SHAPE, "expand: extent %zu is %td%s for %s", k, extents[k],
                extents[k] == -1 ? ", but there is no axis to keep" : "", wg_list_describe(x.tape, x.index));
        else
            shape.dim[k] = extents[k] == -1 ? from.dim[k - missing] : (size_t)extents[k];
    }
    if (x.tape->status != WG_OK) return wg_invalid(x.tape);
    return wg_compose_close(&c, wg_broadcast_to(x, shape));
}
