/* Picking by indices and its reverse: gather, take, embedding, scatter_add, index_add.
 *
 * Indices are integers with no derivative, so every op here is linear in its numbers. There are two layouts. In
 * gather's, indices have as many axes as the array and name the place along one of them, element by element. In
 * take's, one index names a whole row (take means out[o, c, i] = x[o, index c, i]). Both pick from index vars too.
 * The adjoint of picking is adding back: an op that is zeros of the whole shape with each argument added at its
 * indices, in those places alone. */
#include "ops/gather.h"

#include "kernels/gather.h"
#include "shape/shape.h"
#include "tape/words.h"
#include "wengert/ops.h"

#include <string.h>

/* ---- checks ------------------------------------------------------------------------------------------------------ */

wg_status wg_gather_expect(wg_call *call, size_t k, bool indices)
{
    if (call->in[k].indices == indices) return WG_OK;
    return wg_call_fail(call, WG_ERROR_ARGUMENT, "argument %zu, %s, holds %s where %s are expected", k + 1,
        wg_call_describe(call, k), indices ? "numbers" : "indices", indices ? "indices" : "numbers");
}

/* Arguments (numbers, indices), or (numbers, indices, numbers). */
static wg_status gather_expect_all(wg_call *call)
{
    for (size_t k = 0; k < call->n; k++)
        if (wg_gather_expect(call, k, k == 1) != WG_OK) return call->tape->status;
    return WG_OK;
}

/* Arguments (anything, indices): the result holds what the first does. */
static wg_status gather_expect_indices(wg_call *call)
{
    call->indices = call->in[0].indices;
    return wg_gather_expect(call, 1, true);
}

wg_status wg_gather_check(wg_call *call, size_t k, uint32_t axis, size_t extent)
{
    const int64_t *index = call->in[k].data;
    int64_t n = (int64_t)extent;
    uint64_t signs = 0; /* of the distances to both ends: one is negative where an index is out of range */
    for (size_t i = 0; i < call->in[k].size; i++) {
        uint64_t at = (uint64_t)index[i];
        signs |= (at + extent) | (extent - 1 - at);
    }
    if (signs >> 63 == 0 && extent) return WG_OK;
    for (size_t i = 0; i < call->in[k].size; i++)
        if (index[i] < -n || index[i] >= n)
            return wg_call_fail(call, WG_ERROR_ARGUMENT,
                "element %zu of the indices %s is %lld, out of range for axis %u, which has %zu elements", i,
                wg_call_describe(call, k), (long long)index[i], (unsigned)axis, extent);
    return WG_OK;
}

void wg_gather_clear(wg_call *call)
{
    size_t size = wg_shape_product(&call->shape, 0, call->shape.rank);
    if (size) memset(call->out, 0, size * wg_dtype_size(call->dtype));
}

/* ---- the two layouts --------------------------------------------------------------------------------------------- */

/* The shape of the rows that indices take out of the whole: its axis gives way to theirs. */
static wg_status gather_rows_shape(wg_call *call, const wg_shape *index, const wg_gather_place *place, wg_shape *out)
{
    const wg_shape *whole = &place->whole;
    uint32_t tail = whole->rank - place->axis - 1;
    *out = (wg_shape){.rank = whole->rank - 1 + index->rank};
    if (out->rank > WG_MAX_RANK)
        return wg_call_fail(call, WG_ERROR_SHAPE, "the result of %u axes of %s and %u axes of %s has more than %d axes",
            (unsigned)whole->rank - 1, wg_call_describe(call, 0), (unsigned)index->rank, wg_call_describe(call, 1),
            WG_MAX_RANK);
    size_t *to = out->dim;
    for (uint32_t d = 0; d < place->axis; d++) *to++ = whole->dim[d];
    for (uint32_t d = 0; d < index->rank; d++) *to++ = index->dim[d];
    for (uint32_t d = 0; d < tail; d++) *to++ = whole->dim[place->axis + 1 + d];
    return WG_OK;
}

/* The indices have the whole's axes, and beside the one they count are not longer. */
static wg_status gather_elements_fit(wg_call *call, const wg_gather_place *place)
{
    const wg_shape *whole = &place->whole, *index = call->in[1].shape;
    bool fit = whole->rank == index->rank;
    for (uint32_t d = 0; d < whole->rank && fit; d++) fit = d == place->axis || index->dim[d] <= whole->dim[d];
    if (fit) return WG_OK;
    return wg_call_fail(call, WG_ERROR_SHAPE,
        "the indices %s do not fit %s: they must have as many axes, and beside axis %u no longer ones",
        wg_call_describe(call, 1), wg_call_describe(call, 0), (unsigned)place->axis);
}

static wg_kernel_picked gather_rows(const wg_gather_place *place, size_t count)
{
    wg_shape_split split = wg_shape_around(&place->whole, place->axis);
    return (wg_kernel_picked){split.outer, split.extent, count, split.inner};
}

static wg_kernel_elements gather_elements(const wg_gather_place *place, const wg_shape *index, ptrdiff_t *strides)
{
    wg_shape_strides(&place->whole, strides);
    ptrdiff_t step = strides[place->axis];
    strides[place->axis] = 0;
    return (wg_kernel_elements){index->rank, index->dim, strides, step, place->whole.dim[place->axis]};
}

/* call->out = or += the elements of argument 0 that the indices pick. */
static wg_status gather_pick(wg_call *call, bool by_rows)
{
    const wg_gather_place *place = call->attributes;
    const void *in = call->in[0].data;
    const int64_t *index = call->in[1].data;
    ptrdiff_t strides[WG_MAX_RANK];
    if (wg_gather_check(call, 1, place->axis, place->whole.dim[place->axis]) != WG_OK) return call->tape->status;
    wg_kernel_picked rows = gather_rows(place, call->in[1].size);
    wg_kernel_elements elements =
        by_rows ? (wg_kernel_elements){0} : gather_elements(place, call->in[1].shape, strides);
    if (call->indices) {
        if (by_rows) wg_kernel_take_i64(&rows, in, index, call->out, false);
        if (!by_rows) wg_kernel_gather_i64(&elements, in, index, call->out, false);
        return WG_OK;
    }
    if (by_rows && call->dtype == WG_F64) wg_kernel_take_f64(&rows, in, index, call->out, call->add);
    if (by_rows && call->dtype == WG_F32) wg_kernel_take_f32(&rows, in, index, call->out, call->add);
    if (!by_rows && call->dtype == WG_F64) wg_kernel_gather_f64(&elements, in, index, call->out, call->add);
    if (!by_rows && call->dtype == WG_F32) wg_kernel_gather_f32(&elements, in, index, call->out, call->add);
    return WG_OK;
}

/* call->out += argument `numbers`, each element where the indices say. */
static wg_status gather_add_back(
    wg_call *call, const wg_gather_place *place, size_t numbers, size_t indices, bool by_rows)
{
    const void *in = call->in[numbers].data;
    const int64_t *index = call->in[indices].data;
    ptrdiff_t strides[WG_MAX_RANK];
    if (wg_gather_check(call, indices, place->axis, place->whole.dim[place->axis]) != WG_OK) return call->tape->status;
    wg_kernel_picked rows = gather_rows(place, call->in[indices].size);
    wg_kernel_elements elements =
        by_rows ? (wg_kernel_elements){0} : gather_elements(place, call->in[indices].shape, strides);
    if (by_rows && call->dtype == WG_F64) wg_kernel_put_f64(&rows, in, index, call->out);
    if (by_rows && call->dtype == WG_F32) wg_kernel_put_f32(&rows, in, index, call->out);
    if (!by_rows && call->dtype == WG_F64) wg_kernel_scatter_f64(&elements, in, index, call->out);
    if (!by_rows && call->dtype == WG_F32) wg_kernel_scatter_f32(&elements, in, index, call->out);
    return WG_OK;
}

/* ---- gather, take, embedding ------------------------------------------------------------------------------------- */

static wg_status gather_infer_gather(wg_call *call)
{
    if (gather_expect_indices(call) != WG_OK) return call->tape->status;
    call->shape = *call->in[1].shape;
    return gather_elements_fit(call, call->attributes);
}

static wg_status gather_infer_take(wg_call *call)
{
    if (gather_expect_indices(call) != WG_OK) return call->tape->status;
    return gather_rows_shape(call, call->in[1].shape, call->attributes, &call->shape);
}

wg_status wg_gather_infer_take(wg_call *call)
{
    if (gather_expect_all(call) != WG_OK) return call->tape->status;
    return gather_rows_shape(call, call->in[1].shape, call->attributes, &call->shape);
}

static wg_status gather_gather(wg_call *call) { return gather_pick(call, false); }
static wg_status gather_take(wg_call *call) { return gather_pick(call, true); }
static void gather_derive_gather(wg_derivation *d);
static void gather_derive_take(wg_derivation *d);

size_t wg_gather_describe(const wg_call *call, char *text, size_t size)
{
    const wg_gather_place *place = call->attributes;
    wg_words words = {text, size, 0};
    wg_words_integer(&words, "axis", place->axis);
    if (call->op->flags & WG_OP_JOINS) wg_words_shape(&words, "shape", &place->whole);
    return words.length;
}

#define GATHER_LINEAR (WG_OP_TAKES_INDICES | WG_OP_LINEAR)

static const wg_op gather_op_gather = {.name = "gather",
    .arity = 2,
    .flags = WG_OP_ADDS | GATHER_LINEAR,
    .shape = gather_infer_gather,
    .evaluate = gather_gather,
    .derivative = gather_derive_gather,
    .describe = wg_gather_describe};
static const wg_op gather_op_take = {.name = "take",
    .arity = 2,
    .flags = WG_OP_ADDS | GATHER_LINEAR,
    .shape = gather_infer_take,
    .evaluate = gather_take,
    .derivative = gather_derive_take,
    .describe = wg_gather_describe};
static const wg_op gather_op_embedding = {.name = "embedding",
    .arity = 2,
    .flags = WG_OP_ADDS | GATHER_LINEAR,
    .shape = wg_gather_infer_take,
    .evaluate = gather_take,
    .derivative = gather_derive_take,
    .describe = wg_gather_describe};

/* ---- their adjoints: zeros with parts added. Arguments come in pairs, numbers and their indices ------------------ */

wg_status wg_gather_infer_whole(wg_call *call)
{
    call->shape = ((const wg_gather_place *)call->attributes)->whole;
    return WG_OK;
}

static wg_status gather_add_parts(wg_call *call, bool by_rows)
{
    const wg_gather_place *places = call->attributes;
    if (!call->add) wg_gather_clear(call);
    for (size_t k = 0; k + 1 < call->n; k += 2)
        if (gather_add_back(call, &places[k / 2], k, k + 1, by_rows) != WG_OK) return call->tape->status;
    return WG_OK;
}

static wg_status gather_scatter(wg_call *call) { return gather_add_parts(call, false); }
static wg_status gather_put(wg_call *call) { return gather_add_parts(call, true); }

static void gather_derive_parts(wg_derivation *d, const wg_op *pick)
{
    const wg_call *call = wg_derivation_call(d);
    const wg_gather_place *places = call->attributes;
    wg_term g = wg_cotangent(d);
    for (size_t k = 0; k + 1 < call->n; k += 2)
        if (wg_wants(d, k)) wg_give(d, k, pick, (wg_term[]){g, wg_primal(d, k + 1)}, 2, &places[k / 2], sizeof *places);
}

static void gather_derive_scatter(wg_derivation *d) { gather_derive_parts(d, &gather_op_gather); }
static void gather_derive_put(wg_derivation *d) { gather_derive_parts(d, &gather_op_take); }

static const wg_op gather_op_scatter = {.name = "scatter",
    .arity = WG_ANY_ARITY,
    .flags = WG_OP_ADDS | WG_OP_JOINS | GATHER_LINEAR,
    .shape = wg_gather_infer_whole,
    .evaluate = gather_scatter,
    .derivative = gather_derive_scatter,
    .describe = wg_gather_describe};
static const wg_op gather_op_put = {.name = "put",
    .arity = WG_ANY_ARITY,
    .flags = WG_OP_ADDS | WG_OP_JOINS | GATHER_LINEAR,
    .shape = wg_gather_infer_whole,
    .evaluate = gather_put,
    .derivative = gather_derive_put,
    .describe = wg_gather_describe};

static void gather_derive_pick(wg_derivation *d, const wg_op *parts)
{
    const wg_gather_place *place = wg_derivation_call(d)->attributes;
    wg_give(d, 0, parts, (wg_term[]){wg_cotangent(d), wg_primal(d, 1)}, 2, place, sizeof *place);
}

static void gather_derive_gather(wg_derivation *d) { gather_derive_pick(d, &gather_op_scatter); }
static void gather_derive_take(wg_derivation *d) { gather_derive_pick(d, &gather_op_put); }

/* ---- scatter_add, index_add: an array with parts added ----------------------------------------------------------- */

static wg_status gather_infer_added(wg_call *call, const wg_shape *wanted)
{
    char text[WG_SHAPE_TEXT];
    call->shape = *call->in[0].shape;
    if (wg_shape_equal(wanted, call->in[2].shape)) return WG_OK;
    return wg_call_fail(call, WG_ERROR_SHAPE, "the updates %s must have the shape %s, for the indices %s into %s",
        wg_call_describe(call, 2), wg_shape_format(wanted, text, sizeof text), wg_call_describe(call, 1),
        wg_call_describe(call, 0));
}

static wg_status gather_infer_scatter_add(wg_call *call)
{
    if (gather_expect_all(call) != WG_OK || gather_elements_fit(call, call->attributes) != WG_OK)
        return call->tape->status;
    return gather_infer_added(call, call->in[1].shape);
}

wg_status wg_gather_infer_index_add(wg_call *call)
{
    wg_shape wanted;
    if (gather_expect_all(call) != WG_OK) return call->tape->status;
    if (gather_rows_shape(call, call->in[1].shape, call->attributes, &wanted) != WG_OK) return call->tape->status;
    return gather_infer_added(call, &wanted);
}

static wg_status gather_scatter_add(wg_call *call)
{
    if (call->in[0].size) memcpy(call->out, call->in[0].data, call->in[0].size * wg_dtype_size(call->dtype));
    return gather_add_back(call, call->attributes, 2, 1, false);
}

static wg_status gather_index_add(wg_call *call)
{
    if (call->in[0].size) memcpy(call->out, call->in[0].data, call->in[0].size * wg_dtype_size(call->dtype));
    return gather_add_back(call, call->attributes, 2, 1, true);
}

/* x takes g whole, the updates take what the indices pick of it. */
static void gather_derive_added(wg_derivation *d, const wg_op *pick)
{
    const wg_gather_place *place = wg_derivation_call(d)->attributes;
    wg_term g = wg_cotangent(d);
    wg_give(d, 2, pick, (wg_term[]){g, wg_primal(d, 1)}, 2, place, sizeof *place);
    wg_give_term(d, 0, g);
}

static void gather_derive_scatter_add(wg_derivation *d) { gather_derive_added(d, &gather_op_gather); }
static void gather_derive_index_add(wg_derivation *d) { gather_derive_added(d, &gather_op_take); }

static const wg_op gather_op_scatter_add = {.name = "scatter_add",
    .arity = 3,
    .flags = GATHER_LINEAR,
    .shape = gather_infer_scatter_add,
    .evaluate = gather_scatter_add,
    .derivative = gather_derive_scatter_add,
    .describe = wg_gather_describe};
static const wg_op gather_op_index_add = {.name = "index_add",
    .arity = 3,
    .flags = GATHER_LINEAR,
    .shape = wg_gather_infer_index_add,
    .evaluate = gather_index_add,
    .derivative = gather_derive_index_add,
    .describe = wg_gather_describe};

/* ---- public ------------------------------------------------------------------------------------------------------ */

wg_var wg_gather_apply(const wg_op *op, const wg_var *in, int axis)
{
    wg_var x = in[0];
    wg_tape *tape = NULL;
    for (size_t k = 0; k < op->arity && !tape; k++) tape = in[k].tape;
    if (!tape) return wg_invalid(NULL);
    wg_gather_place place = {0};
    if (wg_list_valid(x) && tape->status == WG_OK) {
        place.whole = wg_shape_of(x);
        if (!wg_shape_axis(&place.whole, axis, &place.axis)) {
            wg_tape_fail(tape, WG_ERROR_SHAPE, "%s: axis %d is out of range for %s", op->name, axis,
                wg_list_describe(tape, x.index));
            return wg_invalid(tape);
        }
    }
    return wg_list_apply(tape, op, in, op->arity, &place, sizeof place, NULL);
}

wg_var wg_gather(wg_var x, wg_var indices, int axis)
{
    return wg_gather_apply(&gather_op_gather, (wg_var[]){x, indices}, axis);
}

wg_var wg_take(wg_var x, wg_var indices, int axis)
{
    return wg_gather_apply(&gather_op_take, (wg_var[]){x, indices}, axis);
}

wg_var wg_embedding(wg_var table, wg_var indices)
{
    return wg_gather_apply(&gather_op_embedding, (wg_var[]){table, indices}, 0);
}

wg_var wg_scatter_add(wg_var x, wg_var indices, wg_var updates, int axis)
{
    return wg_gather_apply(&gather_op_scatter_add, (wg_var[]){x, indices, updates}, axis);
}

wg_var wg_index_add(wg_var x, wg_var indices, wg_var updates, int axis)
{
    return wg_gather_apply(&gather_op_index_add, (wg_var[]){x, indices, updates}, axis);
}

#undef GATHER_LINEAR
