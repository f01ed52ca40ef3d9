/* The reverse sweep on numbers: from the swept value down to the lowest variable, each node that something has reached
 * passes its adjoint on to its inputs. Inputs stand below their op, so when a node's turn comes its adjoint is complete.
 * Runs of scalars go through their own path. No recursion: the sweep is a loop over indices. */
#include "grad/sweep.h"

#include "grad/derivation.h"

#include <math.h>
#include <string.h>

/* A 0-d number's adjoint stands in a slot, which is idle when it holds -0. */
typedef union sweep_number {
    double f64;
    float f32;
} sweep_number;

static inline void sweep_reset(wg_tape *tape, uint32_t index)
{
    void *slot = wg_node_slot(tape, index);
    if (tape->dtype == WG_F64)
        *(double *)slot = -0.0;
    else
        *(float *)slot = -0.0f;
}

/* Takes the number out of its slot. False: nothing has reached it. */
static inline bool sweep_take(wg_tape *tape, uint32_t index, sweep_number *number)
{
    wg_node *node = &tape->nodes[index];
    const void *slot = wg_node_slot(tape, index);
    bool idle;
    if (tape->dtype == WG_F64) {
        number->f64 = *(const double *)slot;
        idle = number->f64 == 0 && signbit(number->f64);
    } else {
        number->f32 = *(const float *)slot;
        idle = number->f32 == 0 && signbit(number->f32);
    }
    if (node->flags & WG_NODE_REACHED)
        node->flags &= ~(uint32_t)WG_NODE_REACHED;
    else if (idle)
        return false;
    sweep_reset(tape, index);
    return true;
}

/* The adjoints of 0-d numbers: an array as long as the tape. It may grow during a sweep, when a checkpoint records again. */
bool wg_sweep_reserve(wg_tape *tape)
{
    size_t old = tape->adjoints_length, size = wg_dtype_size(tape->dtype), length = old + old / 4;
    if (old >= tape->length) return true;
    if (length < tape->length) length = tape->length;
    if (length > tape->capacity) length = tape->capacity;
    if (!wg_source_grow(&tape->source, &tape->adjoints_memory, length * size, (size_t)UINT32_MAX * size))
        return wg_tape_fail_memory(tape, tape->sweeping, length * size), false;
    tape->adjoints = tape->adjoints_memory.data;
    tape->adjoints_length = length;
    for (size_t i = old; i < length; i++) sweep_reset(tape, (uint32_t)i);
    return true;
}

void wg_sweep_add_to_grad(wg_tape *tape, wg_record *record, const void *numbers)
{
    wg_adjoint_accumulate(tape, record->shape->size, numbers, record->grad, !(record->flags & WG_RECORD_ZERO_GRAD));
    wg_sweep_touch(tape, record);
}

bool wg_sweep_seed(wg_tape *tape, uint32_t index, const void *cotangent)
{
    wg_node *node = &tape->nodes[index];
    bool leaf = wg_node_is_leaf(node), in_line = node->flags & WG_NODE_INLINE;
    if (in_line || (node->flags & WG_NODE_NUMBER && !leaf && !tape->observation)) {
        if (!in_line || tape->ieee_zero || tape->observation) node->flags |= WG_NODE_REACHED;
        wg_adjoint_accumulate(tape, 1, cotangent, wg_node_slot(tape, index), true);
        return true;
    }
    wg_record *record = node->record;
    if (leaf && !tape->fused) {
        if (record->grad) wg_sweep_add_to_grad(tape, record, cotangent);
        return true;
    }
    bool add = record->adjoint;
    if (!wg_adjoint_take(tape, record, tape->sweeping)) return false;
    wg_adjoint_accumulate(tape, record->shape->size, cotangent, record->adjoint, add);
    return true;
}

void wg_sweep_spend(wg_tape *tape, wg_record *record)
{
    wg_pool_give_back(&tape->pool, record->adjoint, record->shape->size * wg_dtype_size(tape->dtype));
    record->adjoint = NULL;
}

bool wg_sweep_take_slot(wg_tape *tape, uint32_t index, wg_record *record)
{
    sweep_number number;
    if (!sweep_take(tape, index, &number)) return true;
    bool add = record->adjoint;
    if (!wg_adjoint_take(tape, record, tape->sweeping)) return false;
    wg_adjoint_accumulate(tape, 1, &number, record->adjoint, add);
    return true;
}

/* A 0-d variable's adjoint becomes part of its gradient; in a fused step, of the adjoint that it has for the time. */
static void sweep_variable(wg_tape *tape, uint32_t index)
{
    wg_record *record = tape->nodes[index].record;
    sweep_number number;
    if (tape->fused) {
        wg_sweep_take_slot(tape, index, record);
        return;
    }
    if (!sweep_take(tape, index, &number)) return;
    wg_adjoint_accumulate(tape, 1, &number, record->grad, !(record->flags & WG_RECORD_ZERO_GRAD));
    wg_sweep_touch(tape, record);
}

bool wg_sweep_is_finite(wg_tape *tape, uint32_t index, const void *adjoint)
{
    if (!tape->check_finite) return true;
    size_t size = wg_node_shape(tape, &tape->nodes[index])->size;
    size_t at = wg_first_not_finite(tape->dtype, adjoint, size);
    if (at == size) return true;
    wg_tape_fail(tape, WG_ERROR_NONFINITE, "%s: element %zu of the adjoint of %s is not finite", tape->sweeping, at,
        wg_list_title(tape, index));
    return false;
}

/* A value with a record whose adjoint is complete. */
static wg_status sweep_pass_on(wg_tape *tape, uint32_t index, const void *adjoint)
{
    const wg_node *node = &tape->nodes[index];
    wg_record *record = node->record;
    if (!wg_sweep_is_finite(tape, index, adjoint)) return tape->status;
    bool ours = tape->targeting ? record->flags & WG_RECORD_TARGET : !tape->fused;
    if (record->grad && ours) wg_sweep_add_to_grad(tape, record, adjoint);
    bool passes = (node->flags & (WG_NODE_NEEDS | WG_NODE_STOPS)) == WG_NODE_NEEDS;
    return passes ? wg_derive_numbers(tape, index, adjoint, false) : WG_OK;
}

static wg_status sweep_record(wg_tape *tape, uint32_t index)
{
    if (tape->nodes[index].flags & WG_NODE_NUMBER) {
        sweep_number number;
        return sweep_take(tape, index, &number) ? sweep_pass_on(tape, index, &number) : WG_OK;
    }
    wg_record *record = tape->nodes[index].record;
    if (!record->adjoint) return WG_OK;
    wg_status status = sweep_pass_on(tape, index, record->adjoint);
    if (!(record->flags & WG_RECORD_KEEPS)) wg_sweep_spend(tape, record);
    return status;
}

wg_status wg_sweep_down(wg_tape *tape, uint32_t from, uint32_t low)
{
    if (tape->observation) return wg_observe_down(tape, from, low);
    int64_t i = from;
    while (i >= (int64_t)low) {
        const wg_node *node = &tape->nodes[i];
        if (wg_node_is_scalar_op(node)) {
            const wg_scalar_path *path = wg_node_op(node)->internal;
            i = path->sweep(tape, (uint32_t)i, low);
            if (i == WG_SCALAR_FAILED) return tape->status;
            continue;
        }
        if (!wg_node_is_leaf(node))
            sweep_record(tape, (uint32_t)i);
        else if (node->flags & WG_NODE_VARIABLE && node->flags & WG_NODE_NUMBER)
            sweep_variable(tape, (uint32_t)i);
        if (tape->status != WG_OK) return tape->status;
        i--;
    }
    return WG_OK;
}

/* After a sweep that failed: no adjoint is left behind. A 0-d variable's is part of a gradient that was reached. */
void wg_sweep_abandon(wg_tape *tape, uint32_t from, uint32_t low)
{
    for (uint32_t i = low; i <= from; i++) {
        wg_node *node = &tape->nodes[i];
        sweep_number number;
        bool reached = node->flags & WG_NODE_NUMBER && sweep_take(tape, i, &number);
        if (reached && node->flags & WG_NODE_VARIABLE) node->record->sweep = tape->sweep;
        node->flags &= ~(uint32_t)WG_NODE_REACHED;
        if (!(node->flags & WG_NODE_INLINE)) wg_sweep_spend(tape, node->record);
    }
}

/* ---- the rehearsal ---------------------------------------------------------------------------------------------------- */

/* An adjoint of zeros: what a user's derivative may look at. */
static bool sweep_rehearse_adjoint(wg_tape *tape, wg_record *record)
{
    void *adjoint = wg_adjoint_take(tape, record, tape->sweeping);
    if (adjoint) memset(adjoint, 0, record->shape->size * wg_dtype_size(tape->dtype));
    return adjoint;
}

/* An inline node reaches its inputs. */
static wg_status sweep_rehearse_inline(wg_tape *tape, uint32_t index)
{
    wg_node *node = &tape->nodes[index];
    bool reached = node->flags & WG_NODE_REACHED;
    node->flags &= ~(uint32_t)WG_NODE_REACHED;
    size_t n;
    const uint32_t *inputs = wg_node_inputs(node, &n);
    for (size_t k = 0; k < n && reached; k++) {
        wg_node *input = &tape->nodes[inputs[k]];
        if (!(input->flags & WG_NODE_NEEDS) || (input->flags & WG_NODE_VARIABLE && !tape->fused)) continue;
        if ((input->flags & (WG_NODE_NUMBER | WG_NODE_VARIABLE)) == WG_NODE_NUMBER)
            input->flags |= WG_NODE_REACHED;
        else if (!sweep_rehearse_adjoint(tape, input->record))
            return tape->status;
    }
    return WG_OK;
}

static wg_status sweep_rehearse_record(wg_tape *tape, uint32_t index)
{
    wg_node *node = &tape->nodes[index];
    wg_record *record = node->record;
    if (wg_node_is_leaf(node)) return WG_OK;
    if (node->flags & WG_NODE_NUMBER) {
        sweep_number zero = {0};
        bool reached = node->flags & WG_NODE_REACHED;
        node->flags &= ~(uint32_t)WG_NODE_REACHED;
        return reached ? wg_derive_numbers(tape, index, &zero, true) : WG_OK;
    }
    if (!record->adjoint) return WG_OK;
    wg_status status = wg_derive_numbers(tape, index, record->adjoint, true);
    wg_sweep_spend(tape, record);
    return status;
}

static wg_status sweep_rehearse_once(wg_tape *tape, uint32_t from, uint32_t low)
{
    wg_node *node = &tape->nodes[from];
    wg_status status = WG_OK;
    uint32_t length = tape->length;
    if (node->flags & WG_NODE_NUMBER)
        node->flags |= WG_NODE_REACHED;
    else if (!sweep_rehearse_adjoint(tape, node->record))
        status = tape->status;
    for (int64_t i = from; i >= (int64_t)low && status == WG_OK; i--)
        status = tape->nodes[i].flags & WG_NODE_INLINE ? sweep_rehearse_inline(tape, (uint32_t)i)
                                                       : sweep_rehearse_record(tape, (uint32_t)i);
    if (status != WG_OK) wg_sweep_abandon(tape, from, low);
    for (wg_record *record = tape->holders; record && tape->fused; record = record->holder)
        wg_sweep_spend(tape, record);
    wg_list_cut(tape, length);
    return status;
}

/* Takes the memory that the sweep will take, in the same order, and gives it back to the pool, where the sweep finds it. So a
 * sweep that cannot be paid for fails here, before it has touched a gradient. Only where running out is to be expected. What
 * a user's derivative records meanwhile is taken off again. A shape that is new stays, in a chunk that the sweep may have
 * counted on, so then all is taken once more. */
wg_status wg_sweep_rehearse(wg_tape *tape, uint32_t from, uint32_t low)
{
    if (!tape->source.bounded || wg_node_is_leaf(&tape->nodes[from])) return WG_OK;
    for (;;) {
        size_t shapes = tape->shapes_count;
        wg_status status = sweep_rehearse_once(tape, from, low);
        if (status != WG_OK || tape->shapes_count == shapes) return status;
    }
}
