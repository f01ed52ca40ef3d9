/* What every function asks of a var before it uses it, and staleness: a changed leaf sets one flag of the tape, and the
 * next op, reading or sweep passes over the nodes once to mark what was computed from it. */
#include "tape/list.h"

#include <stdio.h>

wg_status wg_tape_ready(wg_tape *tape, const char *what)
{
    if (!tape) return WG_ERROR_ARGUMENT;
    if (tape->status != WG_OK) return tape->status;
    if (tape->evaluating)
        return wg_tape_fail(tape, WG_ERROR_ARGUMENT, "%s: the tape is busy: an op's evaluation cannot record", what);
    if (tape->observed)
        return wg_tape_fail(tape, WG_ERROR_ARGUMENT, "%s: the tape is busy: an observer cannot record", what);
    return WG_OK;
}

void wg_list_settle(wg_tape *tape)
{
    if (!tape->changed) return;
    tape->changed = false;
    for (uint32_t i = 0; i < tape->length; i++) {
        wg_node *node = &tape->nodes[i];
        size_t n;
        const uint32_t *inputs = wg_node_inputs(node, &n);
        for (size_t k = 0; k < n; k++) {
            uint32_t flags = tape->nodes[inputs[k]].flags;
            bool outdated = (flags & (WG_NODE_STALE | WG_NODE_WAITS)) == WG_NODE_STALE;
            if (outdated || flags & WG_NODE_CHANGED) wg_node_set_stale(node, 0);
        }
    }
    for (uint32_t i = 0; i < tape->length; i++) {
        wg_node *node = &tape->nodes[i];
        if (!(node->flags & WG_NODE_CHANGED)) continue;
        wg_node_refresh(tape, node);
        node->flags &= ~(uint32_t)WG_NODE_CHANGED;
    }
    wg_tape_update_quick(tape);
}

static const char *check_place(size_t position, char *text, size_t size)
{
    if (position)
        snprintf(text, size, "argument %zu", position);
    else
        snprintf(text, size, "the var");
    return text;
}

wg_status wg_list_check(wg_tape *tape, const char *what, size_t position, wg_var var)
{
    char place[40];
    if (tape->changed) wg_list_settle(tape);
    if (var.tape == tape && wg_list_valid(var)) {
        if (!(tape->nodes[var.index].flags & WG_NODE_STALE)) return WG_OK;
        return wg_tape_fail(tape, WG_ERROR_STALE,
            "%s: %s, %s, is stale: a leaf that it was computed from has changed since; wg_tape_replay makes it fresh",
            what, check_place(position, place, sizeof place), wg_list_title(tape, var.index));
    }
    check_place(position, place, sizeof place);
    if (!var.tape) return wg_tape_fail(tape, WG_ERROR_ARGUMENT, "%s: %s has no tape", what, place);
    if (var.tape != tape) {
        wg_tape_fail(var.tape, WG_ERROR_ARGUMENT, "%s: the arguments live on two tapes", what);
        return wg_tape_fail(tape, WG_ERROR_ARGUMENT, "%s: %s lives on another tape", what, place);
    }
    if (var.index == UINT32_MAX)
        return wg_tape_fail(tape, WG_ERROR_ARGUMENT, "%s: %s is invalid: the op that made it failed", what, place);
    return wg_tape_fail(
        tape, WG_ERROR_ARGUMENT, "%s: %s is no longer on the tape: it was dropped by a rewind", what, place);
}
