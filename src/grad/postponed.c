/* Contributions that wait. Many parts of one array, each spread over the whole by an op of its own and added to the others,
 * would cost the array each time. So in a recorded sweep what an op with WG_OP_JOINS contributes waits until the adjoint is
 * needed, and is then recorded as one application. */
#include "grad/derivation.h"

#include "wengert/ops.h"

#include <string.h>

void wg_recorded_join(wg_recorded_sweep *sweep, uint32_t node, wg_var var)
{
    wg_tape *tape = var.tape;
    if (!wg_list_valid(var)) return;
    const wg_interned *target = wg_node_shape(tape, &tape->nodes[node]);
    if (wg_node_shape(tape, &tape->nodes[var.index]) != target) var = wg_sum_to(var, target->shape);
    wg_var *adjoint = &sweep->adjoints[node];
    *adjoint = adjoint->tape ? wg_add(*adjoint, var) : var;
}

void wg_recorded_postpone(
    wg_recorded_sweep *sweep, uint32_t node, const wg_op *op, wg_var in, const void *attributes, size_t size)
{
    wg_tape *tape = in.tape;
    if (!wg_list_valid(in)) return;
    wg_postponed *postponed = wg_pool_take(&tape->pool, &tape->source, sizeof *postponed + size);
    if (!postponed) {
        wg_tape_fail_memory(tape, op->name, sizeof *postponed + size);
        return;
    }
    *postponed = (wg_postponed){sweep->postponed[node], op, in, size};
    if (size) memcpy(postponed + 1, attributes, size);
    sweep->postponed[node] = postponed;
}

void wg_derive_forget(wg_tape *tape, uint32_t index, wg_recorded_sweep *sweep)
{
    while (sweep->postponed[index]) {
        wg_postponed *postponed = sweep->postponed[index];
        sweep->postponed[index] = postponed->earlier;
        wg_pool_give_back(&tape->pool, postponed, sizeof *postponed + postponed->size);
    }
}

/* One application of all that waits with the same op as the newest, in the order in which they came. */
static wg_var postponed_record(wg_tape *tape, uint32_t index, wg_recorded_sweep *sweep)
{
    const wg_op *op = sweep->postponed[index]->op;
    size_t n = 0, size = sweep->postponed[index]->size;
    for (const wg_postponed *p = sweep->postponed[index]; p && p->op == op && p->size == size; p = p->earlier) n++;
    size_t bytes = n * (sizeof(wg_var) + size);
    wg_var *in = wg_pool_take(&tape->pool, &tape->source, bytes);
    if (!in) {
        wg_tape_fail_memory(tape, op->name, bytes);
        return wg_invalid(tape);
    }
    char *attributes = (char *)(in + n);
    for (size_t k = n; k-- > 0;) {
        wg_postponed *postponed = sweep->postponed[index];
        in[k] = postponed->in;
        memcpy(attributes + k * size, postponed + 1, size);
        sweep->postponed[index] = postponed->earlier;
        wg_pool_give_back(&tape->pool, postponed, sizeof *postponed + size);
    }
    wg_var joined = wg_list_apply(tape, op, in, n, attributes, n * size, NULL);
    wg_pool_give_back(&tape->pool, in, bytes);
    return joined;
}

wg_status wg_derive_postponed(wg_tape *tape, uint32_t index, wg_recorded_sweep *sweep)
{
    while (sweep->postponed[index] && tape->status == WG_OK)
        wg_recorded_join(sweep, index, postponed_record(tape, index, sweep));
    return tape->status;
}
