/* Sweeps for chosen values. A sweep passes through what depends on a variable, and adds to gradients. Here the marks that
 * say so are set anew for a time: what depends on the chosen values, whatever they are, and nothing else; and each of
 * them has a gradient in the caller's memory. */
#include "grad/sweep.h"

#include <string.h>

/* Marks the nodes that a sweep passes through: those computed from a node that starts, or from a passed one. */
static void targets_mark(wg_tape *tape, bool (*starts)(const wg_node *node))
{
    for (uint32_t i = 0; i < tape->length; i++) {
        wg_node *node = &tape->nodes[i];
        size_t n;
        const uint32_t *inputs = wg_node_inputs(node, &n);
        bool start = starts(node);
        uint32_t passed = 0;
        bool cut = wg_node_is_leaf(node) || wg_node_op(node)->flags & WG_OP_CUTS || node->flags & WG_NODE_INDICES;
        for (size_t k = 0; k < n && !cut; k++)
            if (tape->nodes[inputs[k]].flags & WG_NODE_NEEDS)
                passed |= wg_node_is_scalar_op(node) ? (uint32_t)WG_NODE_NEEDS_A << k : WG_NODE_NEEDS;
        node->flags &= ~(uint32_t)(WG_NODE_NEEDS | WG_NODE_NEEDS_A | WG_NODE_NEEDS_B | WG_NODE_STOPS);
        if (start || passed) node->flags |= WG_NODE_NEEDS | passed;
        if (start && !passed) node->flags |= WG_NODE_STOPS;
    }
}

static bool targets_is_variable(const wg_node *node) { return node->flags & WG_NODE_VARIABLE; }
static bool targets_is_target(const wg_node *node)
{
    return !(node->flags & WG_NODE_INLINE) && node->record->flags & WG_RECORD_TARGET;
}

bool wg_targets_open(wg_targets *targets, wg_tape *tape, const wg_var *wrt, size_t n)
{
    *targets = (wg_targets){.tape = tape, .n = n, .low = UINT32_MAX};
    for (size_t k = 0; k < n; k++)
        if (!wg_list_box(tape, wrt[k].index, tape->sweeping)) return false;
    targets->list = wg_pool_take(&tape->pool, &tape->source, n * sizeof *targets->list + 1);
    if (!targets->list) return wg_tape_fail_memory(tape, tape->sweeping, n * sizeof *targets->list), false;
    for (size_t k = 0; k < n; k++) {
        wg_node *node = &tape->nodes[wrt[k].index];
        wg_record *record = node->record;
        wg_target *target = &targets->list[k];
        *target = (wg_target){.index = wrt[k].index,
            .node_flags = node->flags,
            .record_flags = record->flags,
            .grad = record->grad,
            .size = record->shape->size,
            .first = k};
        targets->size += target->size;
        if (target->index < targets->low) targets->low = target->index;
        if (record->flags & WG_RECORD_TARGET) /* mentioned before: its gradient leads to where */
            target->first = (size_t)((const wg_target *)record->grad - targets->list);
        else
            record->grad = target;
        record->flags |= WG_RECORD_TARGET;
        if (wg_node_is_leaf(node) && !(node->flags & WG_NODE_VARIABLE)) node->flags |= WG_NODE_VARIABLE | WG_NODE_LENT;
    }
    targets_mark(tape, targets_is_target);
    tape->targeting = true;
    return true;
}

void wg_targets_aim(wg_targets *targets, void *row)
{
    wg_tape *tape = targets->tape;
    char *place = row;
    wg_sweep_begin(tape);
    if (targets->size) memset(row, 0, targets->size * wg_dtype_size(tape->dtype));
    for (size_t k = 0; k < targets->n; k++) {
        const wg_target *target = &targets->list[k];
        wg_record *record = tape->nodes[target->index].record;
        if (target->first == k) {
            record->grad = place;
            record->flags |= WG_RECORD_ZERO_GRAD;
        }
        place += target->size * wg_dtype_size(tape->dtype);
    }
}

wg_status wg_targets_hit(wg_targets *targets, void *row)
{
    wg_tape *tape = targets->tape;
    char *place = row;
    for (size_t k = 0; k < targets->n; k++) {
        const wg_target *target = &targets->list[k];
        wg_record *record = tape->nodes[target->index].record;
        size_t bytes = target->size * wg_dtype_size(tape->dtype);
        if (target->first != k && bytes) memcpy(place, record->grad, bytes);
        size_t at = tape->check_finite ? wg_first_not_finite(tape->dtype, place, target->size) : target->size;
        if (at < target->size)
            return wg_tape_fail(tape, WG_ERROR_NONFINITE,
                "%s: the derivative with respect to element %zu of %s is not finite", tape->sweeping, at,
                wg_list_describe(tape, target->index));
        place += bytes;
    }
    return WG_OK;
}

/* The flags with some of them as they were. The others may have changed since, as when a lazy value was evaluated. */
static uint32_t targets_restore(uint32_t flags, uint32_t before, uint32_t some)
{
    return (flags & ~some) | (before & some);
}

void wg_targets_close(wg_targets *targets)
{
    const uint32_t ours = WG_RECORD_TARGET | WG_RECORD_ZERO_GRAD | WG_RECORD_BROKEN_GRAD;
    wg_tape *tape = targets->tape;
    for (size_t k = 0; k < targets->n; k++) {
        const wg_target *target = &targets->list[k];
        if (target->first != k) continue;
        wg_node *node = &tape->nodes[target->index];
        wg_record *record = node->record;
        node->flags = targets_restore(node->flags, target->node_flags, WG_NODE_VARIABLE | WG_NODE_LENT);
        record->flags = targets_restore(record->flags, target->record_flags, ours);
        record->grad = target->grad;
    }
    targets_mark(tape, targets_is_variable);
    tape->targeting = false;
    wg_pool_give_back(&tape->pool, targets->list, targets->n * sizeof *targets->list + 1);
}
