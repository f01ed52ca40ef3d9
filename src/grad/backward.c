/* The reverse sweep on numbers: from the swept value down to the lowest variable, each node that something has reached
 * passes its adjoint on to its inputs. Inputs stand below their op, so when a node's turn comes its adjoint is complete.
 * Runs of scalars go through their own path. No recursion: the sweep is a loop over indices. */
#include "grad/derivation.h"

#include "wengert/grad.h"

#include <string.h>

/* Adjoints of inline nodes and of 0-d variables: an array as long as the tape, zeros outside a sweep. */
static bool backward_reserve(wg_tape *tape)
{
    if (tape->adjoints_capacity >= tape->length) return true;
    size_t capacity = tape->capacity;
    double *fresh = wg_source_take(&tape->source, capacity * sizeof *fresh);
    if (!fresh) return wg_tape_fail_memory(tape, "wg_backward", capacity * sizeof *fresh), false;
    memset(fresh, 0, capacity * sizeof *fresh);
    wg_source_give_back(&tape->source, tape->adjoints, tape->adjoints_capacity * sizeof *tape->adjoints);
    tape->adjoints = fresh;
    tape->adjoints_capacity = capacity;
    return true;
}

/* Adds numbers to the gradient of a variable or a retained intermediate. */
static void backward_add_to_grad(wg_tape *tape, wg_record *record, const void *numbers)
{
    wg_adjoint_accumulate(
        tape->dtype, record->shape->size, numbers, record->grad, !(record->flags & WG_RECORD_ZERO_GRAD));
    record->flags = (record->flags & ~(uint32_t)WG_RECORD_ZERO_GRAD) | WG_RECORD_SWEPT;
}

/* The swept value's adjoint is the cotangent. */
static bool backward_seed(wg_tape *tape, uint32_t index, const void *cotangent)
{
    wg_node *node = &tape->nodes[index];
    if (node->flags & WG_NODE_INLINE) {
        if (tape->ieee_zero) node->flags |= WG_NODE_REACHED;
        memcpy(wg_node_slot(tape, index), cotangent, wg_dtype_size(tape->dtype));
        return true;
    }
    wg_record *record = node->u.record;
    if (!node->op) {
        if (record->grad) backward_add_to_grad(tape, record, cotangent);
        return true;
    }
    if (!wg_adjoint_take(tape, record, "wg_backward")) return false;
    size_t bytes = record->shape->size * wg_dtype_size(tape->dtype);
    if (bytes) memcpy(record->adjoint, cotangent, bytes);
    return true;
}

static void backward_spend(wg_tape *tape, wg_record *record)
{
    wg_pool_give_back(&tape->pool, record->adjoint, record->shape->size * wg_dtype_size(tape->dtype));
    record->adjoint = NULL;
}

static bool backward_slot_is_zero(const wg_tape *tape, uint32_t index)
{
    const void *slot = wg_node_slot(tape, index);
    return tape->dtype == WG_F64 ? *(const double *)slot == 0 : *(const float *)slot == 0;
}

/* A 0-d variable's adjoint becomes part of its gradient. */
static void backward_variable(wg_tape *tape, uint32_t index)
{
    if (backward_slot_is_zero(tape, index)) return;
    void *slot = wg_node_slot(tape, index);
    backward_add_to_grad(tape, tape->nodes[index].u.record, slot);
    memset(slot, 0, wg_dtype_size(tape->dtype));
}

/* A scalar that was given a record while the sweep was on its way down to it: what had reached it before is in its slot. */
static bool backward_take_slot(wg_tape *tape, uint32_t index, wg_record *record)
{
    wg_node *node = &tape->nodes[index];
    void *slot = wg_node_slot(tape, index);
    if (backward_slot_is_zero(tape, index) && !(node->flags & WG_NODE_REACHED)) return true;
    size_t bytes = wg_dtype_size(tape->dtype);
    bool add = record->adjoint;
    if (!wg_adjoint_take(tape, record, "wg_backward")) return false;
    wg_adjoint_accumulate(tape->dtype, 1, slot, record->adjoint, add);
    memset(slot, 0, bytes);
    node->flags &= ~(uint32_t)WG_NODE_REACHED;
    return true;
}

/* A node with a record. */
static wg_status backward_record(wg_tape *tape, uint32_t index)
{
    wg_node *node = &tape->nodes[index];
    wg_record *record = node->u.record;
    if (!node->op) {
        if (node->flags & WG_NODE_VARIABLE && node->flags & WG_NODE_NUMBER) backward_variable(tape, index);
        return WG_OK;
    }
    if (record->flags & WG_RECORD_BOX && !backward_take_slot(tape, index, record)) return tape->status;
    if (!record->adjoint) return WG_OK;
    if (tape->check_finite) {
        size_t at = wg_first_not_finite(tape->dtype, record->adjoint, record->shape->size);
        if (at < record->shape->size)
            return wg_tape_fail(tape, WG_ERROR_NONFINITE, "wg_backward: element %zu of the adjoint of %s is not finite",
                at, wg_list_title(tape, index));
    }
    if (record->grad) backward_add_to_grad(tape, record, record->adjoint);
    wg_status status = node->flags & WG_NODE_NEEDS ? wg_derive_numbers(tape, index, false) : WG_OK;
    backward_spend(tape, record);
    return status;
}

static wg_status backward_down(wg_tape *tape, uint32_t from, uint32_t low)
{
    int64_t i = from;
    while (i >= (int64_t)low) {
        const wg_node *node = &tape->nodes[i];
        if (node->flags & WG_NODE_INLINE) {
            if (!node->op) {
                i--;
                continue;
            }
            const wg_scalar_path *path = node->op->internal;
            i = path->sweep(tape, (uint32_t)i, low);
            if (i == WG_SCALAR_FAILED) return tape->status;
        } else {
            wg_status status = backward_record(tape, (uint32_t)i);
            if (status != WG_OK) return status;
            i--;
        }
    }
    return WG_OK;
}

/* After a sweep that failed: no adjoint is left behind. A 0-d variable's is part of a gradient that was reached. */
static void backward_abandon(wg_tape *tape, uint32_t from, uint32_t low)
{
    for (uint32_t i = low; i <= from; i++) {
        wg_node *node = &tape->nodes[i];
        node->flags &= ~(uint32_t)WG_NODE_REACHED;
        if (node->flags & WG_NODE_NUMBER) {
            bool reached = !backward_slot_is_zero(tape, i);
            if (reached && node->flags & WG_NODE_VARIABLE) node->u.record->flags |= WG_RECORD_SWEPT;
            memset(wg_node_slot(tape, i), 0, wg_dtype_size(tape->dtype));
        }
        if (!(node->flags & WG_NODE_INLINE)) backward_spend(tape, node->u.record);
    }
}

/* ---- the rehearsal ---------------------------------------------------------------------------------------------------- */

/* An adjoint of zeros: what a user's derivative may look at. */
static bool backward_rehearse_adjoint(wg_tape *tape, wg_record *record)
{
    void *adjoint = wg_adjoint_take(tape, record, "wg_backward");
    if (adjoint) memset(adjoint, 0, record->shape->size * wg_dtype_size(tape->dtype));
    return adjoint;
}

/* An inline node reaches its inputs. */
static wg_status backward_rehearse_inline(wg_tape *tape, uint32_t index)
{
    wg_node *node = &tape->nodes[index];
    bool reached = node->flags & WG_NODE_REACHED;
    node->flags &= ~(uint32_t)WG_NODE_REACHED;
    size_t n;
    const uint32_t *inputs = wg_node_inputs(node, &n);
    for (size_t k = 0; k < n && reached; k++) {
        wg_node *input = &tape->nodes[inputs[k]];
        if (!(input->flags & WG_NODE_NEEDS) || input->flags & WG_NODE_VARIABLE) continue;
        if (input->flags & WG_NODE_INLINE)
            input->flags |= WG_NODE_REACHED;
        else if (!backward_rehearse_adjoint(tape, input->u.record))
            return tape->status;
    }
    return WG_OK;
}

static wg_status backward_rehearse_record(wg_tape *tape, uint32_t index)
{
    wg_record *record = tape->nodes[index].u.record;
    if (!tape->nodes[index].op || !record->adjoint) return WG_OK;
    wg_status status = wg_derive_numbers(tape, index, true);
    backward_spend(tape, record);
    return status;
}

/* Takes the memory that the sweep will take, in the same order, and gives it back to the pool, where the sweep finds it. So a
 * sweep that cannot be paid for fails here, before it has touched a gradient. Only where running out is to be expected. What
 * a user's derivative records meanwhile is taken off again. */
static wg_status backward_rehearse(wg_tape *tape, uint32_t from, uint32_t low)
{
    wg_node *node = &tape->nodes[from];
    if (!tape->source.bounded || !node->op) return WG_OK;
    wg_status status = WG_OK;
    uint32_t length = tape->length;
    if (node->flags & WG_NODE_INLINE)
        node->flags |= WG_NODE_REACHED;
    else if (!backward_rehearse_adjoint(tape, node->u.record))
        status = tape->status;
    for (int64_t i = from; i >= (int64_t)low && status == WG_OK; i--)
        status = tape->nodes[i].flags & WG_NODE_INLINE ? backward_rehearse_inline(tape, (uint32_t)i)
                                                       : backward_rehearse_record(tape, (uint32_t)i);
    if (status != WG_OK) backward_abandon(tape, from, low);
    wg_list_cut(tape, length);
    return status;
}

/* Looks at the gradients that the sweep reached: are they finite (if asked), and does the sweep stand. */
static wg_status backward_finish(wg_tape *tape, wg_status status)
{
    for (wg_record *record = tape->holders; record && tape->check_finite && status == WG_OK; record = record->holder) {
        if (!(record->flags & WG_RECORD_SWEPT)) continue;
        size_t at = wg_first_not_finite(tape->dtype, record->grad, record->shape->size);
        if (at < record->shape->size)
            status = wg_tape_fail(tape, WG_ERROR_NONFINITE,
                "wg_backward: element %zu of the gradient of %s %s is not finite", at,
                tape->nodes[record->index].op ? tape->nodes[record->index].op->name : "leaf",
                wg_list_describe(tape, record->index));
    }
    for (wg_record *record = tape->holders; record; record = record->holder) {
        if (record->flags & WG_RECORD_SWEPT && status != WG_OK) record->flags |= WG_RECORD_BROKEN_GRAD;
        record->flags &= ~(uint32_t)WG_RECORD_SWEPT;
    }
    return status;
}

static wg_status backward_check(wg_var out, const char *what)
{
    wg_tape *tape = out.tape;
    wg_status status = wg_tape_ready(tape, what);
    if (status == WG_OK && tape->busy) status = wg_tape_fail(tape, WG_ERROR_ARGUMENT, "%s: the tape is busy", what);
    if (status == WG_OK) status = wg_list_check(tape, what, 0, out);
    if (status == WG_OK && tape->nodes[out.index].flags & WG_NODE_INDICES)
        status = wg_tape_fail(tape, WG_ERROR_ARGUMENT, "%s: %s holds indices, which have no derivative", what,
            wg_list_describe(tape, out.index));
    return status;
}

static wg_status backward_sweep(wg_var out, const void *cotangent)
{
    wg_tape *tape = out.tape;
    if (!backward_reserve(tape)) return tape->status;
    bool needs = tape->nodes[out.index].flags & WG_NODE_NEEDS;
    if (!needs) return WG_OK; /* nothing that it depends on has a gradient */
    uint32_t low = tape->first_variable;
    tape->busy++;
    wg_status status = backward_rehearse(tape, out.index, low);
    if (status == WG_OK) {
        bool seeded = backward_seed(tape, out.index, cotangent);
        status = seeded ? backward_down(tape, out.index, low) : tape->status;
        if (status != WG_OK) backward_abandon(tape, out.index, low);
    }
    tape->busy--;
    return backward_finish(tape, status);
}

wg_status wg_backward_from(wg_var out, const void *cotangent)
{
    wg_status status = backward_check(out, "wg_backward_from");
    if (status != WG_OK) return status;
    if (!cotangent) return wg_tape_fail(out.tape, WG_ERROR_ARGUMENT, "wg_backward_from: the cotangent is NULL");
    return backward_sweep(out, cotangent);
}

wg_status wg_backward(wg_var loss)
{
    wg_status status = backward_check(loss, "wg_backward");
    if (status != WG_OK) return status;
    if (wg_size(loss) != 1)
        return wg_tape_fail(loss.tape, WG_ERROR_SHAPE,
            "wg_backward: the loss %s does not have size 1; wg_backward_from takes a cotangent for every element",
            wg_list_describe(loss.tape, loss.index));
    double one_f64 = 1;
    float one_f32 = 1;
    return backward_sweep(loss, loss.tape->dtype == WG_F64 ? (const void *)&one_f64 : (const void *)&one_f32);
}

wg_status wg_zero_grad(wg_tape *tape)
{
    if (!tape) return WG_ERROR_ARGUMENT;
    if (tape->busy) return wg_tape_fail(tape, WG_ERROR_ARGUMENT, "wg_zero_grad: the tape is busy");
    for (wg_record *record = tape->holders; record; record = record->holder) {
        if (!(record->flags & WG_RECORD_ZERO_GRAD))
            memset(record->grad, 0, record->shape->size * wg_dtype_size(tape->dtype));
        record->flags &= ~(uint32_t)WG_RECORD_BROKEN_GRAD;
        if (!(record->flags & WG_RECORD_BOUND_GRAD)) record->flags |= WG_RECORD_ZERO_GRAD;
    }
    return WG_OK;
}

wg_status wg_retain_grad(wg_var var)
{
    wg_tape *tape = var.tape;
    wg_status status = wg_tape_ready(tape, "wg_retain_grad");
    if (status == WG_OK) status = wg_list_check(tape, "wg_retain_grad", 0, var);
    if (status != WG_OK) return status;
    const wg_node *node = &tape->nodes[var.index];
    if (node->flags & WG_NODE_VARIABLE) return WG_OK;
    if (!(node->flags & WG_NODE_NEEDS))
        return wg_tape_fail(tape, WG_ERROR_ARGUMENT, "wg_retain_grad: no derivative reaches %s: it %s",
            wg_list_title(tape, var.index),
            node->flags & WG_NODE_INDICES ? "holds indices" : "does not depend on a variable");
    if (!wg_list_box(tape, var.index, "wg_retain_grad")) return tape->status;
    wg_record *record = tape->nodes[var.index].u.record;
    if (record->grad) return WG_OK;
    size_t bytes = record->shape->size * wg_dtype_size(tape->dtype);
    record->grad = wg_pool_take(&tape->pool, &tape->source, bytes);
    if (!record->grad) return wg_tape_fail_memory(tape, "wg_retain_grad", bytes);
    memset(record->grad, 0, bytes);
    record->flags |= WG_RECORD_POOL_GRAD | WG_RECORD_ZERO_GRAD;
    wg_list_hold(tape, record);
    return WG_OK;
}
