/* wg_backward: a sweep whose adjoints of variables and of retained intermediates are added to their gradients. */
#include "grad/derivation.h"
#include "grad/sweep.h"
#include "wengert/grad.h"

#include <stdint.h>
#include <string.h>

/* With check_finite: are the gradients that the sweep reached? */
static wg_status backward_check_finite(wg_tape *tape)
{
    for (const wg_record *record = tape->holders; record; record = record->holder) {
        if (record->sweep != tape->sweep) continue;
        size_t at = wg_first_not_finite(tape->dtype, record->grad, record->shape->size);
        if (at < record->shape->size)
            return wg_tape_fail(tape, WG_ERROR_NONFINITE, "%s: element %zu of the gradient of %s %s is not finite",
                tape->sweeping, at,
                wg_node_op(&tape->nodes[record->index]) ? wg_node_op(&tape->nodes[record->index])->name : "leaf",
                wg_list_describe(tape, record->index));
    }
    return WG_OK;
}

/* After a sweep that failed, what it has reached cannot be used. */
static wg_status backward_finish(wg_tape *tape, wg_status status)
{
    if (status == WG_OK && tape->check_finite) status = backward_check_finite(tape);
    for (wg_record *record = tape->holders; record && status != WG_OK; record = record->holder)
        if (record->sweep == tape->sweep) record->flags |= WG_RECORD_BROKEN_GRAD;
    return status;
}

wg_status wg_backward_check(wg_var out, const char *what)
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

enum { BACKWARD_LARGE = 1024 }; /* elements of a cotangent that is not copied */

/* Whether out's derivative may read the caller's cotangent as it lies: nothing else reads it, and no gradient that the sweep
 * writes to overlaps it. */
static bool backward_reads(const wg_tape *tape, uint32_t index, const void *cotangent)
{
    const wg_node *node = &tape->nodes[index];
    if (node->flags & WG_NODE_INLINE || wg_node_is_leaf(node) || tape->observation || tape->check_finite) return false;
    const wg_record *record = node->record;
    size_t element = wg_dtype_size(tape->dtype), bytes = record->shape->size * element;
    if (record->shape->size < BACKWARD_LARGE || record->grad || record->flags & WG_RECORD_BOX) return false;
    uintptr_t begin = (uintptr_t)cotangent, end = begin + bytes;
    for (const wg_record *holder = tape->holders; holder; holder = holder->holder) {
        uintptr_t grad = (uintptr_t)holder->grad;
        if (grad < end && begin < grad + holder->shape->size * element) return false;
    }
    return true;
}

static wg_status backward_seed(wg_tape *tape, uint32_t index, uint32_t low, const void *cotangent)
{
    if (!backward_reads(tape, index, cotangent))
        return wg_sweep_seed(tape, index, cotangent) ? wg_sweep_down(tape, index, low) : tape->status;
    wg_status status = wg_derive_numbers(tape, index, cotangent, false);
    return status == WG_OK && index > low ? wg_sweep_down(tape, index - 1, low) : status;
}

static wg_status backward_sweep(wg_var out, const void *cotangent, const char *what)
{
    wg_tape *tape = out.tape;
    tape->sweeping = what;
    wg_sweep_begin(tape);
    if (!wg_sweep_reserve(tape)) return tape->status;
    bool needs = tape->nodes[out.index].flags & WG_NODE_NEEDS;
    if (!needs) return WG_OK; /* nothing that it depends on has a gradient */
    uint32_t low = tape->first_variable;
    tape->busy++;
    wg_status status = wg_sweep_rehearse(tape, out.index, low);
    if (status == WG_OK) {
        status = backward_seed(tape, out.index, low, cotangent);
        if (status != WG_OK) wg_sweep_abandon(tape, out.index, low);
    }
    tape->busy--;
    return backward_finish(tape, status);
}

wg_status wg_backward_from(wg_var out, const void *cotangent)
{
    wg_status status = wg_backward_check(out, "wg_backward_from");
    if (status != WG_OK) return status;
    if (!cotangent) return wg_tape_fail(out.tape, WG_ERROR_ARGUMENT, "wg_backward_from: the cotangent is NULL");
    return backward_sweep(out, cotangent, "wg_backward_from");
}

wg_status wg_backward(wg_var loss)
{
    wg_status status = wg_backward_check(loss, "wg_backward");
    if (status != WG_OK) return status;
    if (wg_size(loss) != 1)
        return wg_tape_fail(loss.tape, WG_ERROR_SHAPE,
            "wg_backward: the loss %s does not have size 1; wg_backward_from takes a cotangent for every element",
            wg_list_describe(loss.tape, loss.index));
    double one_f64 = 1;
    float one_f32 = 1;
    const void *one = loss.tape->dtype == WG_F64 ? (const void *)&one_f64 : (const void *)&one_f32;
    return backward_sweep(loss, one, "wg_backward");
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
    wg_record *record = tape->nodes[var.index].record;
    if (record->grad) return WG_OK;
    size_t bytes = record->shape->size * wg_dtype_size(tape->dtype);
    record->grad = wg_pool_take(&tape->pool, &tape->source, bytes);
    if (!record->grad) return wg_tape_fail_memory(tape, "wg_retain_grad", bytes);
    memset(record->grad, 0, bytes);
    record->flags |= WG_RECORD_POOL_GRAD | WG_RECORD_ZERO_GRAD;
    wg_list_hold(tape, record);
    return WG_OK;
}
