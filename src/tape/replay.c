/* Replay: every op evaluated again, in order, into the place where its value stands. */
#include "tape/list.h"

/* Whether a leaf that the node depends on has changed since its value was computed. */
static bool replay_outdated(const wg_node *node)
{
    return (node->flags & (WG_NODE_STALE | WG_NODE_WAITS)) == WG_NODE_STALE;
}

/* From a failing node on, everything but leaves reads stale; below it, everything is fresh. */
static void replay_mark(wg_tape *tape, uint32_t failed)
{
    for (uint32_t i = 0; i < tape->length; i++) {
        wg_node *node = &tape->nodes[i];
        uint32_t waits = replay_outdated(node) ? 0 : WG_NODE_WAITS;
        node->flags &= ~(uint32_t)WG_NODE_CHANGED;
        wg_node_set_fresh(node);
        if (wg_node_op(node) && i >= failed) wg_node_set_stale(node, waits);
    }
}

/* Nodes [*fresh, index) have been evaluated: what records ops on them may read them. */
static void replay_freshen(wg_tape *tape, uint32_t *fresh, uint32_t index)
{
    for (; *fresh < index; ++*fresh) wg_node_set_fresh(&tape->nodes[*fresh]);
}

static wg_status replay_evaluate(wg_tape *tape, uint32_t index, wg_array *operands)
{
    wg_node *node = &tape->nodes[index];
    const wg_op *op = wg_node_op(node);
    wg_record *record = node->record;
    size_t n;
    const uint32_t *inputs = wg_node_inputs(node, &n);
    for (size_t k = 0; k < n; k++)
        if (!wg_node_operand(tape, inputs[k], op->flags, op->name, &operands[k])) return tape->status;
    wg_call call;
    wg_call_open(&call, tape, op, operands, n, record->attributes, record->attributes_size);
    call.inputs = inputs;
    call.shape = record->shape->shape;
    call.indices = node->flags & WG_NODE_INDICES;
    call.out = record->value;
    wg_status status = wg_call_evaluate(&call);
    if (status != WG_OK || !tape->check_finite || call.indices) return status;
    size_t at = wg_first_not_finite(tape->dtype, record->value, record->shape->size);
    if (at == record->shape->size) return WG_OK;
    return wg_tape_fail(
        tape, WG_ERROR_NONFINITE, "wg_tape_replay: element %zu of %s is not finite", at, wg_list_title(tape, index));
}

/* One node with a record. */
static wg_status replay_record(wg_tape *tape, uint32_t index)
{
    wg_node *node = &tape->nodes[index];
    wg_record *record = node->record;
    if (record->base != UINT32_MAX) return WG_OK;
    if (wg_node_op(node)->flags & WG_OP_LAZY) {
        if (!(record->flags & WG_RECORD_EVALUATED)) return WG_OK;
        record->flags &= ~(uint32_t)WG_RECORD_EVALUATED;
        return wg_node_value(tape, index, wg_node_op(node)->name) ? WG_OK : tape->status;
    }
    if (!wg_node_op(node)->evaluate) {
        if (!replay_outdated(node)) return WG_OK;
        return wg_tape_fail(tape, WG_ERROR_UNSUPPORTED,
            "wg_tape_replay: %s was given as a number and cannot be computed again, but what it depends on has changed",
            wg_list_title(tape, index));
    }
    wg_array few[8], *operands = few;
    size_t bytes = record->n * sizeof *operands;
    if (record->n > 8 && !(operands = wg_pool_take(&tape->pool, &tape->source, bytes)))
        return wg_tape_fail_memory(tape, wg_node_op(node)->name, bytes);
    wg_status status = replay_evaluate(tape, index, operands);
    if (operands != few) wg_pool_give_back(&tape->pool, operands, bytes);
    return status;
}

/* check_finite over a run of inline nodes: moves *at to the first that is not finite, or to the end. */
static wg_status replay_check_inline(wg_tape *tape, uint32_t *at, uint32_t end)
{
    for (; *at < end; ++*at)
        if (wg_first_not_finite(tape->dtype, &tape->nodes[*at].u, 1) == 0)
            return wg_tape_fail(
                tape, WG_ERROR_NONFINITE, "wg_tape_replay: the result of %s is not finite", wg_list_title(tape, *at));
    return WG_OK;
}

wg_status wg_tape_replay(wg_tape *tape)
{
    wg_status status = wg_tape_ready(tape, "wg_tape_replay");
    if (status != WG_OK) return status;
    if (tape->busy) return wg_tape_fail(tape, WG_ERROR_ARGUMENT, "wg_tape_replay: the tape is busy");
    wg_list_settle(tape);
    uint32_t i = 0, fresh = 0;
    while (i < tape->length && status == WG_OK) {
        const wg_node *node = &tape->nodes[i];
        if (wg_node_is_leaf(node)) {
            i++;
        } else if (node->flags & WG_NODE_INLINE) {
            const wg_scalar_path *path = wg_node_op(node)->internal;
            uint32_t next = path->replay(tape, i, tape->length);
            if (tape->check_finite)
                status = replay_check_inline(tape, &i, next);
            else
                i = next;
        } else {
            if (wg_node_op(node)->flags & WG_OP_RERUNS) replay_freshen(tape, &fresh, i);
            status = replay_record(tape, i);
            if (status == WG_OK) wg_node_refresh(tape, &tape->nodes[i++]);
        }
    }
    replay_mark(tape, status == WG_OK ? tape->length : i);
    return status;
}
