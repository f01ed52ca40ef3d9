/* wg_node_copy: a node recorded again, on the same tape or another one. An op is applied as it was; on another tape one that
 * is fused from several, and a checkpoint, whose function knows its own tape only, are copied as the ops that they stand
 * for. */
#include "grad/derivation.h"
#include "wengert/inspect.h"

#include <string.h>

/* Numbers of a tape as those of another, in the pool. NULL: out of memory, the error is set. */
static void *node_copy_convert(wg_tape *tape, wg_dtype from, const void *numbers, size_t n)
{
    void *out = wg_pool_take(&tape->pool, &tape->source, n * wg_dtype_size(tape->dtype) + 1);
    if (!out) return wg_tape_fail_memory(tape, "wg_node_copy", n * wg_dtype_size(tape->dtype)), NULL;
    for (size_t i = 0; i < n; i++) {
        double x = from == WG_F64 ? ((const double *)numbers)[i] : (double)((const float *)numbers)[i];
        if (tape->dtype == WG_F64)
            ((double *)out)[i] = x;
        else
            ((float *)out)[i] = (float)x;
    }
    return out;
}

static void node_copy_give_back(wg_tape *tape, void *numbers, size_t n)
{
    wg_pool_give_back(&tape->pool, numbers, n * wg_dtype_size(tape->dtype) + 1);
}

static wg_var node_copy_leaf(wg_tape *tape, wg_var from)
{
    const wg_node *node = &from.tape->nodes[from.index];
    wg_shape shape = wg_shape_of(from);
    size_t size = wg_size(from);
    const void *value = wg_node_value(from.tape, from.index, "wg_node_copy");
    uint32_t flags = node->flags;
    bool variable = (flags & (WG_NODE_VARIABLE | WG_NODE_LENT)) == WG_NODE_VARIABLE;
    if (flags & WG_NODE_INDICES) return wg_indices(tape, shape, value);
    if (flags & WG_NODE_INLINE) return wg_scalar(tape, wg_at(from, 0));
    void *numbers = node_copy_convert(tape, from.tape->dtype, value, size);
    if (!numbers) return wg_invalid(tape);
    wg_var copy = variable ? wg_variable_raw(tape, shape, numbers) : wg_constant_raw(tape, shape, numbers);
    node_copy_give_back(tape, numbers, size);
    return copy;
}

/* An op's application. Without an evaluation the value is given again. */
static wg_var node_copy_apply(wg_tape *tape, wg_var from, const wg_var *in, size_t n)
{
    const wg_node *node = &from.tape->nodes[from.index];
    const wg_op *op = wg_node_op(node);
    const wg_record *record = node->flags & WG_NODE_INLINE ? NULL : node->record;
    const void *attributes = record ? record->attributes : NULL;
    size_t bytes = record ? record->attributes_size : 0;
    if (op->flags & WG_OP_UNFOLDS && tape != from.tape)
        return ((const wg_unfolding *)op->internal)->record(tape, in, n, attributes, bytes);
    if (op->evaluate || (record && record->base != UINT32_MAX))
        return wg_list_apply(tape, op, in, n, attributes, bytes, NULL);
    if (wg_list_check(from.tape, "wg_node_copy", 0, from) != WG_OK) {
        wg_tape_fail(tape, WG_ERROR_STALE, "wg_node_copy: %s was given as a number, and is stale",
            wg_list_title(from.tape, from.index));
        return wg_invalid(tape);
    }
    size_t size = wg_size(from);
    if (node->flags & WG_NODE_INDICES) return wg_list_apply(tape, op, in, n, attributes, bytes, record->value);
    const void *value = wg_node_value(from.tape, from.index, "wg_node_copy");
    void *numbers = node_copy_convert(tape, from.tape->dtype, value, size);
    if (!numbers) return wg_invalid(tape);
    wg_var copy = wg_list_apply(tape, op, in, n, attributes, bytes, numbers);
    node_copy_give_back(tape, numbers, size);
    return copy;
}

static wg_var node_copy_one(wg_tape *tape, wg_var from, const wg_var *in, size_t n);

/* ---- checkpoints -------------------------------------------------------------------------------------------------------- */

/* Where the copy of a node of the interior, or of an older value, is. */
static wg_var node_copy_place(wg_var checkpoint, uint32_t index, uint32_t start, const wg_var *in, const wg_var *copies)
{
    if (index >= start) return copies[index - start];
    size_t n, k = 0;
    const uint32_t *inputs = wg_node_inputs(&checkpoint.tape->nodes[checkpoint.index], &n);
    while (k + 1 < n && inputs[k] != index) k++;
    return in[k];
}

/* Copies what stands from start on, one node after the other. The result is the copy of out. */
static wg_var node_copy_interior(
    wg_tape *tape, wg_var checkpoint, const wg_var *in, uint32_t start, wg_var out, wg_var *memory, size_t most)
{
    wg_tape *source = checkpoint.tape;
    wg_var *copies = memory + most;
    for (uint32_t i = start; i < source->length && tape->status == WG_OK; i++) {
        size_t n;
        const uint32_t *inputs = wg_node_inputs(&source->nodes[i], &n);
        for (size_t k = 0; k < n; k++) memory[k] = node_copy_place(checkpoint, inputs[k], start, in, copies);
        copies[i - start] = node_copy_one(tape, (wg_var){source, i, source->nodes[i].epoch}, memory, n);
    }
    return tape->status == WG_OK ? node_copy_place(checkpoint, out.index, start, in, copies) : wg_invalid(tape);
}

/* Runs the function on its own tape, and copies what it has recorded. On that tape it is a checkpoint again. */
static wg_var node_copy_checkpoint(wg_tape *tape, wg_var from, const wg_var *in)
{
    wg_tape *source = from.tape;
    uint32_t start = source->length;
    wg_var out, copy = wg_invalid(tape);
    if (tape == source) return wg_checkpoint_repeat(tape, from.index, in);
    if (source->busy != source->inside) wg_tape_fail(source, WG_ERROR_ARGUMENT, "wg_node_copy: the tape is busy");
    if (source->status == WG_OK && wg_list_check(source, "wg_node_copy", 0, from) == WG_OK &&
        wg_checkpoint_unfold(source, from.index, &start, &out)) {
        size_t most = 0, count = source->length - start;
        for (uint32_t i = start; i < source->length; i++) {
            size_t n;
            wg_node_inputs(&source->nodes[i], &n);
            if (n > most) most = n;
        }
        size_t bytes = (most + count) * sizeof(wg_var) + 1;
        wg_var *memory = wg_pool_take(&tape->pool, &tape->source, bytes);
        if (memory)
            copy = node_copy_interior(tape, from, in, start, out, memory, most);
        else
            wg_tape_fail_memory(tape, "wg_node_copy", bytes);
        wg_pool_give_back(&tape->pool, memory, bytes);
    } else {
        wg_tape_fail(tape, source->status, "%s", wg_tape_message(source));
    }
    wg_list_cut(source, start);
    return copy;
}

/* ---- public ---------------------------------------------------------------------------------------------------------------- */

static wg_var node_copy_one(wg_tape *tape, wg_var from, const wg_var *in, size_t n)
{
    const wg_node *node = &from.tape->nodes[from.index];
    uint32_t length = tape->length;
    wg_var copy;
    if (wg_node_is_leaf(node))
        copy = node_copy_leaf(tape, from);
    else if (wg_node_op(node)->flags & WG_OP_RERUNS)
        copy = node_copy_checkpoint(tape, from, in);
    else
        copy = node_copy_apply(tape, from, in, n);
    node = &from.tape->nodes[from.index];
    const char *name = node->flags & WG_NODE_INLINE ? NULL : node->record->name;
    if (name && tape->status == WG_OK && copy.index >= length) wg_name(copy, name);
    if (tape->status == WG_OK) return copy;
    wg_list_cut(tape, length);
    return wg_invalid(tape);
}

/* Says the same on the node's tape, when that is another one. */
static wg_var node_copy_fail(wg_tape *tape, wg_tape *other, const char *why)
{
    wg_tape_fail(other, WG_ERROR_ARGUMENT, "wg_node_copy: %s", why);
    wg_tape_fail(tape, WG_ERROR_ARGUMENT, "wg_node_copy: %s", why);
    return wg_invalid(tape);
}

wg_var wg_node_copy(wg_tape *tape, wg_var node, const wg_var *in, size_t n)
{
    if (!tape) return node_copy_fail(NULL, node.tape, "the tape is NULL");
    if (wg_tape_ready(tape, "wg_node_copy") != WG_OK) return wg_invalid(tape);
    if (!wg_list_valid(node)) return node_copy_fail(tape, node.tape, "the node is invalid, or no longer on its tape");
    const wg_node *found = &node.tape->nodes[node.index];
    size_t inputs;
    wg_node_inputs(found, &inputs);
    if (inputs != n) {
        wg_tape_fail(tape, WG_ERROR_ARGUMENT, "wg_node_copy: %s has %zu inputs, was given %zu",
            wg_list_title(node.tape, node.index), inputs, n);
        return wg_invalid(tape);
    }
    return node_copy_one(tape, node, in, n);
}
