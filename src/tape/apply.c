/* Recording an op: check the operands, let the op infer the shape, evaluate, push. Nothing is on the tape until all of
 * it has succeeded. */
#include "tape/list.h"

#include "shape/shape.h"

#include <math.h>
#include <string.h>

#define APPLY_FEW 8 /* operands that need no memory of their own */

/* An application on its way. */
typedef struct apply_state {
    wg_call call;
    wg_array *operands;
    uint32_t *indices;
    uint32_t flags; /* of the node to come */
    const wg_interned *shape;
    const void *value; /* given instead of evaluated, or NULL */
    wg_array few_operands[APPLY_FEW];
    uint32_t few_indices[APPLY_FEW];
} apply_state;

/* An operand as the shape rule sees it. */
static inline void apply_gather_one(apply_state *a, size_t k, const wg_node *node, uint32_t index)
{
    const wg_interned *shape = wg_node_shape(a->call.tape, node);
    a->indices[k] = index;
    a->operands[k] = (wg_array){&shape->shape, shape->size, NULL, node->flags & WG_NODE_INDICES, false};
    a->flags |= node->flags;
}

/* Gathers the operands when nothing needs a closer look: a healthy tape, as many operands as the op takes, few, each valid,
 * fresh and of the right kind. Most often so, and tried first. */
static inline bool apply_gather_plain(apply_state *a, const wg_var *in, size_t n)
{
    const wg_tape *tape = a->call.tape;
    const wg_op *op = a->call.op;
    if (!tape->quick || op->arity != n || n > APPLY_FEW || (n && !in)) return false;
    const uint32_t refused = WG_NODE_STALE | (op->flags & WG_OP_TAKES_INDICES ? 0 : WG_NODE_INDICES);
    for (size_t k = 0; k < n; k++) {
        if (in[k].tape != tape || in[k].index >= tape->length) return false;
        const wg_node *node = &tape->nodes[in[k].index];
        if (node->epoch != in[k].epoch || node->flags & refused) return false;
        apply_gather_one(a, k, node, in[k].index);
    }
    return true;
}

static wg_status apply_check(wg_tape *tape, const wg_op *op, const wg_var *in, size_t n)
{
    if (op->arity != WG_ANY_ARITY && op->arity != n)
        return wg_tape_fail(tape, WG_ERROR_ARGUMENT, "%s: takes %zu arguments, was given %zu", op->name, op->arity, n);
    if (n > UINT32_MAX / 2 || (n && !in))
        return wg_tape_fail(tape, WG_ERROR_ARGUMENT, "%s: the arguments are NULL or too many", op->name);
    for (size_t k = 0; k < n; k++) {
        wg_status status = wg_list_check(tape, op->name, k + 1, in[k]);
        if (status != WG_OK) return status;
        if (tape->nodes[in[k].index].flags & WG_NODE_INDICES && !(op->flags & WG_OP_TAKES_INDICES))
            return wg_tape_fail(tape, WG_ERROR_ARGUMENT,
                "%s: argument %zu, %s, holds indices where numbers are expected", op->name, k + 1,
                wg_list_describe(tape, in[k].index));
    }
    return WG_OK;
}

/* On a tape in error an op does nothing, but a healthy tape that was mixed with it hears of that. */
static void apply_tell_others(const wg_tape *tape, const wg_op *op, const wg_var *in, size_t n)
{
    for (size_t k = 0; k < n && in; k++)
        if (in[k].tape && in[k].tape != tape)
            wg_tape_fail(in[k].tape, WG_ERROR_ARGUMENT, "%s: the arguments live on two tapes", op->name);
}

static bool apply_gather(apply_state *a, const wg_var *in, size_t n)
{
    wg_tape *tape = a->call.tape;
    const wg_op *op = a->call.op;
    if (wg_tape_ready(tape, op->name) != WG_OK) return apply_tell_others(tape, op, in, n), false;
    if (apply_check(tape, op, in, n) != WG_OK) return false;
    if (n > APPLY_FEW) {
        size_t bytes = n * (sizeof(wg_array) + sizeof(uint32_t));
        a->operands = wg_pool_take(&tape->pool, &tape->source, bytes);
        if (!a->operands) return wg_tape_fail_memory(tape, op->name, bytes), false;
        a->indices = (uint32_t *)(a->operands + n);
        a->call.in = a->operands;
        a->call.inputs = a->indices;
    }
    a->flags = 0;
    for (size_t k = 0; k < n; k++) apply_gather_one(a, k, &tape->nodes[in[k].index], in[k].index);
    return true;
}

/* A shape that is new to the tape. */
static wg_status apply_intern(apply_state *a)
{
    wg_call *call = &a->call;
    size_t size;
    if (!wg_shape_size(&call->shape, &size)) {
        char text[WG_SHAPE_TEXT];
        return wg_call_fail(call, WG_ERROR_SHAPE, "the size of the result %s overflows",
            wg_shape_format(&call->shape, text, sizeof text));
    }
    a->shape = wg_list_intern(call->tape, &call->shape);
    return a->shape ? WG_OK : wg_tape_fail_memory(call->tape, call->op->name, sizeof *a->shape);
}

/* Elementwise, of operands of one shape: it is the result's. */
static inline bool apply_is_alike(apply_state *a)
{
    const wg_call *call = &a->call;
    if (!(call->op->flags & WG_OP_ELEMENTWISE) || !call->op->internal || !call->n) return false;
    for (size_t k = 1; k < call->n; k++)
        if (call->in[k].shape != call->in[0].shape) return false;
    a->shape = (const wg_interned *)call->in[0].shape;
    a->call.shape = a->shape->shape;
    return true;
}

static wg_status apply_infer(apply_state *a)
{
    wg_call *call = &a->call;
    wg_tape *tape = call->tape;
    if (apply_is_alike(a)) return WG_OK;
    uint32_t quick = wg_tape_enter_op(tape);
    wg_status status = call->op->shape(call);
    wg_tape_leave_op(tape, quick);
    if (status != WG_OK) return wg_tape_fail(tape, status, "%s: its shape rule failed", call->op->name);
    if (tape->status != WG_OK) return tape->status;
    a->shape = wg_list_shape_of_result(call);
    if (!a->shape && apply_intern(a) != WG_OK) return tape->status;
    if (call->indices) a->flags = (a->flags & ~(uint32_t)WG_NODE_NEEDS) | WG_NODE_INDICES;
    return WG_OK;
}

static wg_status apply_look(const wg_call *call, size_t size)
{
    size_t at = wg_first_not_finite(call->dtype, call->out, size);
    if (at == size) return WG_OK;
    double x = call->dtype == WG_F64 ? ((const double *)call->out)[at] : (double)((const float *)call->out)[at];
    return wg_call_fail(call, WG_ERROR_NONFINITE, "element %zu of the result is %s%s%s", at,
        isnan(x) ? "NaN"
        : x > 0  ? "infinity"
                 : "-infinity",
        call->n ? ", from " : "", call->n ? wg_call_describe(call, 0) : "");
}

static inline wg_status apply_check_finite(const wg_call *call, size_t size)
{
    return call->tape->check_finite && !call->indices ? apply_look(call, size) : WG_OK;
}

static inline wg_status apply_evaluate(apply_state *a)
{
    wg_call *call = &a->call;
    wg_tape *tape = call->tape;
    if (a->value) {
        size_t element = call->indices ? sizeof(int64_t) : wg_dtype_size(tape->dtype);
        memcpy(call->out, a->value, a->shape->size * element);
        return apply_check_finite(call, a->shape->size);
    }
    if (!call->op->evaluate)
        return wg_call_fail(call, WG_ERROR_UNSUPPORTED, "it has no evaluation: its value is only given");
    for (size_t k = 0; k < call->n; k++)
        if (!wg_node_operand(tape, a->indices[k], call->op->flags, call->op->name, &a->operands[k]))
            return tape->status;
    wg_status status = wg_call_evaluate(call);
    return status != WG_OK ? status : apply_check_finite(call, a->shape->size);
}

/* A plain scalar op's result lives in its node. */
static wg_var apply_push_inline(apply_state *a)
{
    wg_tape *tape = a->call.tape;
    double value = 0;
    a->call.out = &value;
    if (apply_evaluate(a) != WG_OK) return wg_invalid(tape);
    const wg_scalar_path *path = a->call.op->internal;
    wg_var var = wg_list_push_inline(tape, a->indices, a->call.n, a->flags | path->rule << WG_NODE_RULE_SHIFT);
    memcpy(&tape->nodes[var.index].u, &value, sizeof value);
    return var;
}

/* A view's base is the node that owns the elements; an inline scalar is given an address first. */
static bool apply_become_view(apply_state *a, wg_record *record, size_t offset)
{
    wg_tape *tape = a->call.tape;
    uint32_t input = a->indices[0];
    if (!wg_list_box(tape, input, a->call.op->name)) return false;
    const wg_record *base = tape->nodes[input].record;
    record->base = base->base != UINT32_MAX ? base->base : input;
    record->offset = offset + (base->base != UINT32_MAX ? base->offset : 0);
    return true;
}

/* What matmul takes for granted of a lazy op. */
static bool apply_is_transpose(const wg_call *call)
{
    wg_shape swapped = *call->in[0].shape;
    uint32_t rank = swapped.rank;
    if (rank < 2) return false;
    swapped.dim[rank - 1] = call->in[0].shape->dim[rank - 2];
    swapped.dim[rank - 2] = call->in[0].shape->dim[rank - 1];
    return wg_shape_equal(&swapped, &call->shape);
}

static wg_var apply_push_record(apply_state *a)
{
    wg_call *call = &a->call;
    wg_tape *tape = call->tape;
    const wg_op *op = call->op;
    size_t offset = op->view ? wg_call_view(call) : SIZE_MAX;
    if (tape->status != WG_OK) return wg_invalid(tape);
    bool view = offset != SIZE_MAX, lazy = op->flags & WG_OP_LAZY;
    if (lazy && !apply_is_transpose(call)) {
        wg_call_fail(call, WG_ERROR_UNSUPPORTED, "a lazy op must swap the last two axes and no more");
        return wg_invalid(tape);
    }
    wg_record_plan plan = {.what = op->name,
        .shape = a->shape,
        .value = !view && !lazy,
        .inputs = a->indices,
        .n = call->n,
        .element_size = call->indices ? sizeof(int64_t) : wg_dtype_size(tape->dtype),
        .attributes = call->attributes,
        .attributes_size = call->attributes_size};
    wg_record *record = wg_list_record(tape, &plan);
    if (!record) return wg_invalid(tape);
    bool done;
    if (view) {
        done = apply_become_view(a, record, offset);
    } else if (lazy) {
        done = wg_node_value(tape, a->indices[0], op->name); /* so that lazy values never wait for each other */
    } else {
        call->out = record->value;
        call->attributes = record->attributes;
        done = apply_evaluate(a) == WG_OK;
    }
    if (!done) {
        wg_list_abandon(tape, record);
        return wg_invalid(tape);
    }
    return wg_list_push_record(tape, op, record, a->flags);
}

/* The scalar path reads operands in their nodes, where a 0-d view of a transpose that waits has no number. */
static bool apply_is_scalar(const apply_state *a)
{
    const wg_call *call = &a->call;
    if (a->shape->shape.rank != 0 || call->n > 2 || !call->op->internal || call->attributes_size) return false;
    for (size_t k = 0; k < call->n; k++)
        if (!(call->tape->nodes[a->indices[k]].flags & WG_NODE_NUMBER)) return false;
    return true;
}

wg_var wg_list_apply(
    wg_tape *tape, const wg_op *op, const wg_var *in, size_t n, const void *attributes, size_t size, const void *value)
{
    if (!tape) return apply_tell_others(NULL, op, in, n), wg_invalid(NULL);
    apply_state a;
    a.value = value;
    a.flags = 0;
    a.operands = a.few_operands;
    a.indices = a.few_indices;
    wg_call_open(&a.call, tape, op, a.operands, n, attributes, size);
    a.call.inputs = a.indices;
    if (!apply_gather_plain(&a, in, n) && !apply_gather(&a, in, n)) return wg_invalid(tape);
    a.flags &= op->flags & WG_OP_CUTS ? 0 : WG_NODE_NEEDS;
    wg_var var = wg_invalid(tape);
    if ((tape->length < tape->capacity || wg_list_reserve(tape, op->name)) && apply_infer(&a) == WG_OK)
        var = apply_is_scalar(&a) ? apply_push_inline(&a) : apply_push_record(&a);
    if (a.operands != a.few_operands)
        wg_pool_give_back(&tape->pool, a.operands, n * (sizeof(wg_array) + sizeof(uint32_t)));
    return var;
}

wg_var wg_apply(wg_tape *tape, const wg_op *op, const wg_var *in, size_t n, const void *attributes, size_t size)
{
    if (!tape) {
        for (size_t k = 0; k < n && in && !tape; k++) tape = in[k].tape;
        wg_tape_fail(tape, WG_ERROR_ARGUMENT, "wg_apply: the tape is NULL, or the var is {0} that it was taken from");
        return wg_invalid(tape);
    }
    if (wg_tape_ready(tape, "wg_apply") != WG_OK) return wg_invalid(tape);
    const char *wrong = !op                       ? "the op is NULL"
                        : !op->name || !op->shape ? "the op lacks a name or a shape rule"
                        : op->flags & WG_OP_LAZY && (op->arity != 1 || !op->evaluate)
                            ? "a lazy op has one argument and an evaluation"
                        : size && !attributes ? "the attributes are NULL"
                                              : NULL;
    if (wrong) {
        wg_tape_fail(tape, WG_ERROR_ARGUMENT, "wg_apply: %s", wrong);
        return wg_invalid(tape);
    }
    return wg_list_apply(tape, op, in, n, attributes, size, NULL);
}

#undef APPLY_FEW
