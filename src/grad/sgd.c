/* wg_sgd_step: a reverse sweep whose results are added to the variables' values.
 *
 * The sweep starts from -rate, so what reaches a variable is its change. For the time of it a variable has an adjoint like any
 * other value, and its gradient is left alone; when all has gone well, the adjoints are added to the values.
 *
 * A change that is an op's result from what stays as it is, dZ A^T most of all, need not be made before it is added. Such an
 * application waits until the sweep is over, with the adjoint that it reads, and is then evaluated straight into the value:
 * one gemm, and no gradient is written or read. Nothing that waits may read a variable's value, for another change may come
 * first. */
#include "grad/derivation.h"
#include "grad/sweep.h"
#include "wengert/train.h"

#include <math.h>
#include <string.h>

/* An application that waits: its operands follow, and after them its attributes. */
typedef struct wg_waiting {
    struct wg_waiting *next;
    const wg_op *op;
    uint32_t node, variable; /* whose adjoint it reads, and what it changes */
    size_t n, attributes_size;
} wg_waiting;

/* A fused step under way. */
typedef struct wg_fused {
    wg_waiting *waiting;
    uint32_t top; /* the tape's length: what a checkpoint records above it goes away too early to wait */
} wg_fused;

static wg_array *sgd_operands(wg_waiting *waiting) { return (wg_array *)(void *)(waiting + 1); }

static size_t sgd_bytes(size_t n, size_t attributes_size)
{
    return sizeof(wg_waiting) + n * sizeof(wg_array) + attributes_size;
}

/* ---- during the sweep -------------------------------------------------------------------------------------------------- */

/* Whether a node's elements are a variable's, or are seen through a transpose. */
static bool sgd_changes(const wg_tape *tape, uint32_t index)
{
    const wg_node *node = &tape->nodes[index];
    if (node->flags & (WG_NODE_INLINE | WG_NODE_VARIABLE)) return true;
    if (node->flags & WG_NODE_PLAIN) return false;
    const wg_record *record = node->record;
    if (record->base == UINT32_MAX) return true;
    return (tape->nodes[record->base].flags & (WG_NODE_PLAIN | WG_NODE_VARIABLE)) != WG_NODE_PLAIN;
}

bool wg_fused_wait(wg_derivation *d, size_t k, const wg_term *in, const wg_call *call)
{
    wg_tape *tape = d->call.tape;
    wg_fused *fused = tape->fused;
    const wg_interned *cotangent = d->terms[1].shape;
    uint32_t variable = d->call.inputs[k];
    if (!(tape->nodes[variable].flags & WG_NODE_VARIABLE) || d->rehearsal || d->index >= fused->top) return false;
    if (tape->check_finite || tape->source.bounded) return false; /* to be looked at; memory that was not reserved */
    size_t size = wg_node_shape(tape, &tape->nodes[variable])->size;
    if (size < cotangent->size || tape->nodes[d->index].flags & WG_NODE_INLINE) return false;
    const wg_record *own = tape->nodes[d->index].record;
    if (!own->adjoint || own->adjoint != d->terms[1].data) return false;
    for (size_t i = 0; i < call->n; i++) {
        uint32_t node = in[i].id == 1 ? UINT32_MAX : d->terms[in[i].id].node;
        if (in[i].id != 1 && (node == UINT32_MAX || sgd_changes(tape, node))) return false;
    }
    wg_waiting *waiting = wg_pool_take(&tape->pool, &tape->source, sgd_bytes(call->n, call->attributes_size));
    if (!waiting) return false;
    *waiting = (wg_waiting){fused->waiting, call->op, d->index, variable, call->n, call->attributes_size};
    wg_array *operands = sgd_operands(waiting);
    memcpy(operands, call->in, call->n * sizeof *operands);
    if (call->attributes_size) memcpy(operands + call->n, call->attributes, call->attributes_size);
    fused->waiting = waiting;
    tape->nodes[d->index].record->flags |= WG_RECORD_KEEPS;
    return true;
}

/* ---- the end ----------------------------------------------------------------------------------------------------------- */

static void sgd_call(wg_tape *tape, wg_waiting *waiting, wg_call *call)
{
    wg_array *operands = sgd_operands(waiting);
    const wg_record *record = tape->nodes[waiting->variable].record;
    wg_call_open(call, tape, waiting->op, operands, waiting->n, operands + waiting->n, waiting->attributes_size);
    call->shape = record->shape->shape;
    call->out = record->value;
    call->add = true;
}

/* The memory that the waiting applications take: after this they cannot fail for want of it. */
static wg_status sgd_reserve(wg_tape *tape, const wg_fused *fused)
{
    for (wg_waiting *waiting = fused->waiting; waiting && tape->status == WG_OK; waiting = waiting->next) {
        wg_call call;
        sgd_call(tape, waiting, &call);
        size_t bytes = call.op->scratch ? call.op->scratch(&call) : 0;
        if (bytes) wg_call_rehearse_scratch(&call, bytes);
    }
    return tape->status;
}

/* With check_finite: are the changes? */
static wg_status sgd_check_finite(wg_tape *tape)
{
    for (const wg_record *record = tape->holders; record && tape->check_finite; record = record->holder) {
        if (!record->adjoint) continue;
        size_t at = wg_first_not_finite(tape->dtype, record->adjoint, record->shape->size);
        if (at < record->shape->size)
            return wg_tape_fail(tape, WG_ERROR_NONFINITE, "%s: element %zu of the change of leaf %s is not finite",
                tape->sweeping, at, wg_list_describe(tape, record->index));
    }
    return WG_OK;
}

static void sgd_changed(wg_tape *tape, uint32_t variable)
{
    wg_node *node = &tape->nodes[variable];
    wg_node_refresh(tape, node);
    node->flags |= WG_NODE_CHANGED;
    tape->changed = true;
}

/* Adds what has reached the variables to their values, and gives its memory back; after an error, that alone. */
static void sgd_settle(wg_tape *tape, bool apply)
{
    for (wg_record *record = tape->holders; record; record = record->holder) {
        if (!record->adjoint || !(tape->nodes[record->index].flags & WG_NODE_VARIABLE)) continue;
        if (apply) {
            wg_adjoint_accumulate(tape, record->shape->size, record->adjoint, record->value, true);
            sgd_changed(tape, record->index);
        }
        wg_sweep_spend(tape, record);
    }
}

/* Evaluates what waits, and lets go of it; after an error, that alone. */
static void sgd_settle_waiting(wg_tape *tape, wg_fused *fused, bool apply)
{
    for (wg_waiting *waiting = fused->waiting, *next; waiting; waiting = next) {
        next = waiting->next;
        wg_record *own = tape->nodes[waiting->node].record;
        if (apply) {
            wg_call call;
            sgd_call(tape, waiting, &call);
            wg_call_evaluate(&call);
            sgd_changed(tape, waiting->variable);
        }
        own->flags &= ~(uint32_t)WG_RECORD_KEEPS;
        if (!next || next->node != waiting->node) wg_sweep_spend(tape, own);
        wg_pool_give_back(&tape->pool, waiting, sgd_bytes(waiting->n, waiting->attributes_size));
    }
}

static wg_status sgd_sweep(wg_var loss, const void *seed)
{
    wg_tape *tape = loss.tape;
    wg_fused fused = {.top = tape->length};
    uint32_t low = tape->first_variable;
    tape->sweeping = "wg_sgd_step";
    if (!wg_sweep_reserve(tape)) return tape->status;
    tape->fused = &fused;
    tape->busy++;
    wg_status status = wg_sweep_rehearse(tape, loss.index, low);
    if (status == WG_OK) {
        status = wg_sweep_seed(tape, loss.index, seed) ? wg_sweep_down(tape, loss.index, low) : tape->status;
        if (status == WG_OK) status = sgd_check_finite(tape);
        if (status == WG_OK) status = sgd_reserve(tape, &fused);
    }
    tape->fused = NULL;
    if (status != WG_OK) wg_sweep_abandon(tape, loss.index, low);
    sgd_settle_waiting(tape, &fused, status == WG_OK);
    sgd_settle(tape, status == WG_OK);
    tape->busy--;
    wg_tape_update_quick(tape);
    return status;
}

wg_status wg_sgd_step(wg_var loss, double rate)
{
    wg_status status = wg_backward_check(loss, "wg_sgd_step");
    if (status != WG_OK) return status;
    wg_tape *tape = loss.tape;
    if (wg_size(loss) != 1)
        return wg_tape_fail(
            tape, WG_ERROR_SHAPE, "wg_sgd_step: the loss %s does not have size 1", wg_list_describe(tape, loss.index));
    double seed_f64 = -rate;
    float seed_f32 = (float)-rate;
    bool finite = tape->dtype == WG_F64 ? isfinite(seed_f64) : isfinite(seed_f32);
    if (!finite) return wg_tape_fail(tape, WG_ERROR_ARGUMENT, "wg_sgd_step: the rate %g is not finite", rate);
    if (rate == 0 || !(tape->nodes[loss.index].flags & WG_NODE_NEEDS)) return WG_OK;
    return sgd_sweep(loss, tape->dtype == WG_F64 ? (const void *)&seed_f64 : (const void *)&seed_f32);
}
