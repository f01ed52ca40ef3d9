/* Ops that rearrange: reshape, transpose, permute, broadcast_to, sum_to. Each is the other's or its own derivative. */
#include "ops/copy.h"
#include "ops/reduce.h"
#include "shape/shape.h"
#include "tape/list.h"
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

/* ---- reshape --------------------------------------------------------------------------------------------------------- */

static wg_status shape_infer_reshape(wg_call *call)
{
    call->shape = *(const wg_shape *)call->attributes;
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

static void shape_derive_reshape(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    wg_term g = wg_cotangent(d);
    wg_give(d, 0, call->op, &g, 1, call->in[0].shape, sizeof *call->in[0].shape);
}

static const wg_op shape_op_reshape = {.name = "reshape",
    .arity = 1,
    .shape = shape_infer_reshape,
    .view = shape_view_whole,
    .derivative = shape_derive_reshape};

const wg_op *wg_op_reshape(void) { return &shape_op_reshape; }

wg_var wg_reshape(wg_var x, wg_shape shape)
{
    if (!shape_is_sane(&shape_op_reshape, x, &shape)) return wg_invalid(x.tape);
    return shape_apply(&shape_op_reshape, x, &shape, sizeof shape);
}

/* ---- permute and transpose ------------------------------------------------------------------------------------------- */

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
    for (uint32_t k = 0; k < shape->rank; k++) call->shape.dim[k] = shape->dim[order->axis[k]];
    return WG_OK;
}

static wg_status shape_permute(wg_call *call) { return shape_copy_permuted(call, call->attributes); }

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
    .flags = WG_OP_ADDS,
    .shape = shape_infer_permute,
    .evaluate = shape_permute,
    .derivative = shape_derive_permute};

wg_var wg_permute(wg_var x, const int *axes, size_t n)
{
    shape_order order = {{0}};
    if (wg_list_valid(x) && x.tape->status == WG_OK) {
        bool mask[WG_MAX_RANK];
        wg_shape shape = wg_shape_of(x);
        size_t which = 0;
        const char *wrong = n && !axes ? "is NULL" : wg_shape_axes(&shape, axes, n, mask, &which);
        if (wrong && !axes)
            wg_tape_fail(x.tape, WG_ERROR_ARGUMENT, "permute: the array of axes is NULL");
        else if (wrong)
            wg_tape_fail(x.tape, WG_ERROR_SHAPE, "permute: axis %d %s for %s", axes[which], wrong,
                wg_list_describe(x.tape, x.index));
        else if (n != shape.rank)
            wg_tape_fail(x.tape, WG_ERROR_SHAPE, "permute: %zu axes are given for %s, which has %u", n,
                wg_list_describe(x.tape, x.index), (unsigned)shape.rank);
        if (x.tape->status != WG_OK) return wg_invalid(x.tape);
        for (size_t k = 0; k < n; k++) wg_shape_axis(&shape, axes[k], &order.axis[k]);
    }
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
    .flags = WG_OP_ADDS | WG_OP_LAZY,
    .shape = shape_infer_transpose,
    .evaluate = shape_transpose,
    .derivative = shape_derive_transpose};

wg_var wg_transpose(wg_var x) { return shape_apply(&shape_op_transpose, x, NULL, 0); }

/* ---- broadcast_to and sum_to ------------------------------------------------------------------------------------------- */

static wg_status shape_infer_broadcast_to(wg_call *call)
{
    call->shape = *(const wg_shape *)call->attributes;
    if (wg_shape_broadcasts_to(call->in[0].shape, &call->shape)) return WG_OK;
    char text[WG_SHAPE_TEXT];
    return wg_call_fail(call, WG_ERROR_SHAPE, "%s does not broadcast to %s", wg_call_describe(call, 0),
        wg_shape_format(&call->shape, text, sizeof text));
}

static wg_status shape_broadcast_to(wg_call *call)
{
    ptrdiff_t from[WG_MAX_RANK], to[WG_MAX_RANK];
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
    .flags = WG_OP_ADDS,
    .shape = shape_infer_broadcast_to,
    .evaluate = shape_broadcast_to,
    .derivative = shape_derive_broadcast_to};

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
    return wg_reduce_array(call, WG_REDUCE_SUM, call->in[0].data, call->in[0].shape, mask, 1);
}

static void shape_derive_sum_to(wg_derivation *d)
{
    const wg_shape *shape = wg_derivation_call(d)->in[0].shape;
    wg_term g = wg_cotangent(d);
    wg_give(d, 0, wg_op_broadcast_to(), &g, 1, shape, sizeof *shape);
}

static const wg_op shape_op_sum_to = {.name = "sum_to",
    .arity = 1,
    .flags = WG_OP_ADDS,
    .shape = shape_infer_sum_to,
    .evaluate = shape_sum_to,
    .scratch = shape_sum_to_scratch,
    .derivative = shape_derive_sum_to};

const wg_op *wg_op_sum_to(void) { return &shape_op_sum_to; }

wg_var wg_sum_to(wg_var x, wg_shape shape)
{
    if (!shape_is_sane(&shape_op_sum_to, x, &shape)) return wg_invalid(x.tape);
    return shape_apply(&shape_op_sum_to, x, &shape, sizeof shape);
}
