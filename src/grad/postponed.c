/* Contributions that wait. Many parts of one array, each spread over the whole by an op of its own and added to the others,
 * would cost the array each time. So in a recorded sweep what an op with WG_OP_JOINS contributes waits until the adjoint is
 * needed, and is then recorded as one application. */
#include "grad/derivation.h"
#include "grad/nodes.h"

#include "wengert/ops.h"

#include <string.h>

size_t wg_recorded_slot(const wg_recorded_sweep *sweep, uint32_t node)
{
    if (node >= sweep->from) return sweep->outside_count + (node - sweep->from);
    return wg_nodes_find(sweep->outside, sweep->outside_count, node);
}

void wg_recorded_join(wg_recorded_sweep *sweep, size_t slot, const wg_interned *target, wg_var var)
{
    wg_tape *tape = var.tape;
    if (!wg_list_valid(var)) return;
    if (target && wg_node_shape(tape, &tape->nodes[var.index]) != target) var = wg_sum_to(var, target->shape);
    wg_var *adjoint = &sweep->adjoints[slot];
    *adjoint = adjoint->tape ? wg_add(*adjoint, var) : var;
}

static wg_var *postponed_inputs(wg_postponed *postponed) { return (wg_var *)(void *)(postponed + 1); }

static size_t postponed_bytes(size_t n, size_t size) { return sizeof(wg_postponed) + n * sizeof(wg_var) + size; }

void wg_recorded_postpone(wg_tape *tape, wg_recorded_sweep *sweep, size_t slot, const wg_op *op, const wg_var *in,
    size_t n, const void *attributes, size_t size)
{
    for (size_t k = 0; k < n; k++)
        if (!wg_list_valid(in[k])) return;
    wg_postponed *postponed = wg_pool_take(&tape->pool, &tape->source, postponed_bytes(n, size));
    if (!postponed) {
        wg_tape_fail_memory(tape, op->name, postponed_bytes(n, size));
        return;
    }
    *postponed = (wg_postponed){sweep->postponed[slot], op, n, size};
    wg_var *inputs = postponed_inputs(postponed);
    if (n) memcpy(inputs, in, n * sizeof *in);
    if (size) memcpy(inputs + n, attributes, size);
    sweep->postponed[slot] = postponed;
}

/* Takes the newest off the list. */
static void postponed_drop(wg_tape *tape, wg_recorded_sweep *sweep, size_t slot)
{
    wg_postponed *postponed = sweep->postponed[slot];
    sweep->postponed[slot] = postponed->earlier;
    wg_pool_give_back(&tape->pool, postponed, postponed_bytes(postponed->n, postponed->size));
}

void wg_derive_forget(wg_tape *tape, size_t slot, wg_recorded_sweep *sweep)
{
    while (sweep->postponed[slot]) postponed_drop(tape, sweep, slot);
}

/* One application of all that waits with the same op as the newest, in the order in which they came. */
static wg_var postponed_record(wg_tape *tape, size_t slot, wg_recorded_sweep *sweep)
{
    const wg_op *op = sweep->postponed[slot]->op;
    size_t n = 0, size = 0;
    for (const wg_postponed *p = sweep->postponed[slot]; p && p->op == op; p = p->earlier) {
        n += p->n;
        size += p->size;
    }
    size_t bytes = n * sizeof(wg_var) + size, inputs_left = n, size_left = size;
    wg_var *in = wg_pool_take(&tape->pool, &tape->source, bytes);
    if (!in) {
        wg_tape_fail_memory(tape, op->name, bytes);
        return wg_invalid(tape);
    }
    char *attributes = (char *)(in + n);
    while (sweep->postponed[slot] && sweep->postponed[slot]->op == op) {
        wg_postponed *postponed = sweep->postponed[slot];
        const wg_var *inputs = postponed_inputs(postponed);
        inputs_left -= postponed->n;
        size_left -= postponed->size;
        if (postponed->n) memcpy(in + inputs_left, inputs, postponed->n * sizeof *in);
        if (postponed->size) memcpy(attributes + size_left, inputs + postponed->n, postponed->size);
        postponed_drop(tape, sweep, slot);
    }
    wg_var joined = wg_list_apply(tape, op, in, n, attributes, size, NULL);
    wg_pool_give_back(&tape->pool, in, bytes);
    return joined;
}

wg_status wg_derive_postponed(wg_tape *tape, size_t slot, const wg_interned *target, wg_recorded_sweep *sweep)
{
    while (sweep->postponed[slot] && tape->status == WG_OK)
        wg_recorded_join(sweep, slot, target, postponed_record(tape, slot, sweep));
    return tape->status;
}
