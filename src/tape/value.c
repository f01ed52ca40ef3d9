/* Where a node's elements are: in the node, in its record, in the array that it is a view of, or, for a lazy op, nowhere
 * yet. Views are resolved at use, so a base that moves (wg_bind) takes them along. */
#include "tape/list.h"

#include "shape/shape.h"

#include <math.h>

size_t wg_first_not_finite(wg_dtype dtype, const void *data, size_t size)
{
    if (dtype == WG_F64) {
        const double *x = data;
        for (size_t i = 0; i < size; i++)
            if (!isfinite(x[i])) return i;
    } else {
        const float *x = data;
        for (size_t i = 0; i < size; i++)
            if (!isfinite(x[i])) return i;
    }
    return size;
}

/* The input of a lazy op is never a lazy op that waits itself (wg_list_apply sees to it), so this goes one level deep. */
static bool value_evaluate_lazy(wg_tape *tape, uint32_t index, const char *what)
{
    wg_node *node = &tape->nodes[index];
    wg_record *record = node->record;
    size_t n, bytes = record->shape->size * wg_node_element_size(tape, node);
    const uint32_t *inputs = wg_node_inputs(node, &n);
    wg_array operand;
    if (!wg_node_operand(tape, inputs[0], 0, what, &operand)) return false;
    if (!record->value) {
        void *value = wg_pool_take(&tape->pool, &tape->source, bytes);
        if (!value) {
            wg_tape_fail_memory(tape, what, bytes);
            return false;
        }
        record->value = value;
        record->flags |= WG_RECORD_POOL_VALUE;
    }
    wg_call call = {.tape = tape,
        .op = wg_node_op(node),
        .dtype = tape->dtype,
        .in = &operand,
        .n = 1,
        .inputs = inputs,
        .attributes = record->attributes,
        .attributes_size = record->attributes_size,
        .shape = record->shape->shape,
        .indices = node->flags & WG_NODE_INDICES,
        .out = record->value};
    if (wg_call_evaluate(&call) != WG_OK) return false;
    record->flags |= WG_RECORD_EVALUATED;
    return true;
}

static const void *value_of_record(wg_tape *tape, uint32_t index, const char *what)
{
    const wg_node *node = &tape->nodes[index];
    if (wg_node_op(node) && wg_node_op(node)->flags & WG_OP_LAZY && !(node->record->flags & WG_RECORD_EVALUATED) &&
        !value_evaluate_lazy(tape, index, what))
        return NULL;
    return node->record->value;
}

const void *wg_node_value_any(wg_tape *tape, uint32_t index, const char *what)
{
    const wg_node *node = &tape->nodes[index];
    if (node->flags & WG_NODE_INLINE) return &node->u;
    const wg_record *record = node->record;
    if (record->base == UINT32_MAX) return value_of_record(tape, index, what);
    const char *base = value_of_record(tape, record->base, what);
    return base ? base + record->offset * wg_node_element_size(tape, node) : NULL;
}

bool wg_node_operand_any(wg_tape *tape, uint32_t index, unsigned op_flags, const char *what, wg_array *array)
{
    const wg_node *node = &tape->nodes[index];
    const wg_interned *shape = wg_node_shape(tape, node);
    *array = (wg_array){.shape = &shape->shape, .size = shape->size, .indices = node->flags & WG_NODE_INDICES};
    if (op_flags & WG_OP_TAKES_TRANSPOSED && wg_node_op(node) && wg_node_op(node)->flags & WG_OP_LAZY) {
        array->transposed = true;
        index = node->record->few[0];
    }
    array->data = wg_node_value(tape, index, what);
    return array->data;
}

/* ---- scratch and evaluation ------------------------------------------------------------------------------------- */

typedef struct value_scratch {
    struct value_scratch *next;
    size_t bytes;
} value_scratch;

void *wg_call_scratch(wg_call *call, size_t bytes)
{
    wg_tape *tape = call->tape;
    size_t whole = bytes <= PTRDIFF_MAX / 4 ? bytes + WG_ALIGNMENT : SIZE_MAX / 2;
    value_scratch *scratch = wg_pool_take(&tape->pool, &tape->source, whole);
    if (!scratch) {
        wg_tape_fail_memory(tape, call->op->name, whole);
        return NULL;
    }
    *scratch = (value_scratch){call->scratch, whole};
    call->scratch = scratch;
    return (char *)scratch + WG_ALIGNMENT;
}

size_t wg_call_view(wg_call *call)
{
    wg_tape *tape = call->tape;
    if (!call->op->view) return SIZE_MAX;
    uint32_t quick = wg_tape_enter_op(tape);
    size_t offset = call->op->view(call), size = wg_shape_product(&call->shape, 0, call->shape.rank);
    wg_tape_leave_op(tape, quick);
    if (offset == SIZE_MAX) return SIZE_MAX;
    const wg_array *base = call->n ? &call->in[0] : NULL;
    bool part = base && offset <= base->size && size <= base->size - offset && base->indices == call->indices;
    if (part) return offset;
    wg_call_fail(call, WG_ERROR_SHAPE, "its view is not a part of its first argument");
    return SIZE_MAX;
}

static void value_free_scratch(wg_call *call)
{
    for (value_scratch *scratch = call->scratch, *next; scratch; scratch = next) {
        next = scratch->next;
        wg_pool_give_back(&call->tape->pool, scratch, scratch->bytes);
    }
    call->scratch = NULL;
}

wg_status wg_call_rehearse_scratch(wg_call *call, size_t bytes)
{
    wg_call_scratch(call, bytes);
    value_free_scratch(call);
    return call->tape->status;
}

wg_status wg_call_evaluate(wg_call *call)
{
    wg_tape *tape = call->tape;
    bool in_error = tape->status != WG_OK; /* a reader that evaluates a lazy op: readers work then too */
    wg_status status;
    if (call->op->flags & WG_OP_RERUNS) {
        status = call->op->evaluate(call);
    } else {
        uint32_t quick = wg_tape_enter_op(tape);
        status = call->op->evaluate(call);
        wg_tape_leave_op(tape, quick);
    }
    if (call->scratch) value_free_scratch(call);
    if (status == WG_OK) return in_error ? WG_OK : tape->status;
    return wg_tape_fail(tape, status, "%s: its evaluation failed", call->op->name);
}
