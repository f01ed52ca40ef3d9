/* wg_observe: a sweep for chosen values whose every step is shown. Scalars take the same way as arrays here, through
 * wg_derive_numbers, which makes each contribution apart and shows it before adding it. So what an observer writes over a
 * contribution or an adjoint is what flows on. */
#include "grad/derivation.h"
#include "grad/sweep.h"
#include "wengert/inspect.h"

#include <string.h>

/* ---- calling the observer ---------------------------------------------------------------------------------------------- */

static wg_var observe_var(wg_tape *tape, uint32_t index) { return (wg_var){tape, index, tape->nodes[index].epoch}; }

static void observe_enter(wg_tape *tape, bool observed)
{
    tape->observed = observed;
    wg_tape_update_quick(tape);
}

/* After a call. False: the sweep is to stop, because the observer says so or has caused an error. */
static bool observe_leave(wg_tape *tape, wg_status status)
{
    observe_enter(tape, false);
    if (status != WG_OK) wg_tape_fail(tape, status, "%s: stopped by the observer", tape->sweeping);
    return tape->status == WG_OK;
}

static bool observe_node(wg_tape *tape, uint32_t index, void *adjoint)
{
    const wg_observer *observer = tape->observation->observer;
    if (!observer || !observer->node) return true;
    observe_enter(tape, true);
    return observe_leave(tape, observer->node(observer->user, observe_var(tape, index), adjoint));
}

bool wg_observe_edge(
    wg_tape *tape, uint32_t from, const void *adjoint, uint32_t to, size_t position, void *contribution)
{
    const wg_observer *observer = tape->observation->observer;
    if (!observer || !observer->edge) return true;
    wg_edge edge = {observe_var(tape, from), observe_var(tape, to), position, adjoint, contribution};
    observe_enter(tape, true);
    return observe_leave(tape, observer->edge(observer->user, &edge));
}

/* ---- the sweep ----------------------------------------------------------------------------------------------------------- */

/* An adjoint is complete: shows it, keeps it for a target, and passes it on. */
static wg_status observe_pass(wg_tape *tape, uint32_t index, void *adjoint)
{
    if (!observe_node(tape, index, adjoint) || !wg_sweep_is_finite(tape, index, adjoint)) return tape->status;
    const wg_node *node = &tape->nodes[index];
    bool target = !(node->flags & WG_NODE_INLINE) && node->record->flags & WG_RECORD_TARGET;
    if (target) wg_sweep_add_to_grad(tape, node->record, adjoint);
    bool passes = (node->flags & (WG_NODE_NEEDS | WG_NODE_STOPS)) == WG_NODE_NEEDS;
    return passes ? wg_derive_numbers(tape, index, adjoint, false) : WG_OK;
}

/* A scalar without a record: its adjoint is taken out of its slot. */
static wg_status observe_inline(wg_tape *tape, uint32_t index)
{
    wg_node *node = &tape->nodes[index];
    if (!(node->flags & WG_NODE_REACHED)) return WG_OK;
    double number;
    void *slot = wg_node_slot(tape, index);
    size_t bytes = wg_dtype_size(tape->dtype);
    memcpy(&number, slot, bytes);
    memset(slot, 0, bytes);
    node->flags &= ~(uint32_t)WG_NODE_REACHED;
    return observe_pass(tape, index, &number);
}

/* A leaf's adjoint is the gradient that it has for the time of the sweep. */
static wg_status observe_leaf(wg_tape *tape, uint32_t index)
{
    const wg_node *node = &tape->nodes[index];
    if (node->flags & WG_NODE_INLINE) return WG_OK;
    const wg_record *record = node->record;
    bool reached = record->flags & WG_RECORD_TARGET && record->sweep == tape->sweep;
    return !reached || observe_node(tape, index, record->grad) ? WG_OK : tape->status;
}

static wg_status observe_record(wg_tape *tape, uint32_t index)
{
    wg_record *record = tape->nodes[index].record;
    if (record->flags & WG_RECORD_BOX && !wg_sweep_take_slot(tape, index, record)) return tape->status;
    if (!record->adjoint) return WG_OK;
    wg_status status = observe_pass(tape, index, record->adjoint);
    wg_sweep_spend(tape, record);
    return status;
}

wg_status wg_observe_down(wg_tape *tape, uint32_t from, uint32_t low)
{
    wg_status status = WG_OK;
    for (int64_t i = from; i >= (int64_t)low && status == WG_OK; i--) {
        const wg_node *node = &tape->nodes[i];
        if (wg_node_is_leaf(node))
            status = observe_leaf(tape, (uint32_t)i);
        else if (node->flags & WG_NODE_INLINE)
            status = observe_inline(tape, (uint32_t)i);
        else
            status = observe_record(tape, (uint32_t)i);
    }
    return status;
}

/* ---- public ---------------------------------------------------------------------------------------------------------------- */

/* Sweeps from out into row. */
static void observe_sweep(
    wg_targets *targets, uint32_t out, const void *cotangent, void *row, const wg_observer *observer)
{
    wg_tape *tape = targets->tape;
    wg_observation observation = {.observer = observer};
    wg_targets_aim(targets, row);
    if (tape->nodes[out].flags & WG_NODE_NEEDS) {
        if (observer) tape->observation = &observation;
        bool seeded = wg_sweep_seed(tape, out, cotangent);
        wg_status status = seeded ? wg_sweep_down(tape, out, targets->low) : tape->status;
        if (status != WG_OK) wg_sweep_abandon(tape, out, targets->low);
        tape->observation = NULL;
    }
    if (tape->status == WG_OK) wg_targets_hit(targets, row);
}

static void observe_fill_ones(wg_dtype dtype, void *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (dtype == WG_F64)
            ((double *)out)[i] = 1;
        else
            ((float *)out)[i] = 1;
}

/* What the caller left out, the cotangent and the place for the gradients, is taken from the pool for the time. */
static void observe_complete(
    wg_targets *targets, wg_var out, const void *cotangent, void *gradients, const wg_observer *observer)
{
    wg_tape *tape = targets->tape;
    size_t size = wg_size(out), element = wg_dtype_size(tape->dtype);
    size_t ones_bytes = cotangent ? 0 : size * element, row_bytes = gradients ? 0 : targets->size * element;
    void *ones = wg_pool_take(&tape->pool, &tape->source, ones_bytes + 1);
    void *row = wg_pool_take(&tape->pool, &tape->source, row_bytes + 1);
    if (ones && row) {
        if (!cotangent) observe_fill_ones(tape->dtype, ones, size);
        observe_sweep(targets, out.index, cotangent ? cotangent : ones, gradients ? gradients : row, observer);
    } else {
        wg_tape_fail_memory(tape, tape->sweeping, ones ? row_bytes : ones_bytes);
    }
    wg_pool_give_back(&tape->pool, ones, ones_bytes + 1);
    wg_pool_give_back(&tape->pool, row, row_bytes + 1);
}

static wg_status observe_check(wg_var out, const wg_var *wrt, size_t n)
{
    wg_tape *tape = out.tape;
    wg_status status = wg_derive_check("wg_observe", out, wrt, n);
    if (status != WG_OK) return status;
    if (tape->busy) return wg_tape_fail(tape, WG_ERROR_ARGUMENT, "wg_observe: the tape is busy");
    size_t size = 0;
    for (size_t k = 0; k < n; k++) {
        size_t more = wg_size(wrt[k]);
        if (more > PTRDIFF_MAX / sizeof(double) - size)
            return wg_tape_fail(tape, WG_ERROR_SHAPE, "wg_observe: the size of the gradients overflows");
        size += more;
    }
    return WG_OK;
}

wg_status wg_observe(
    wg_var out, const void *cotangent, const wg_var *wrt, size_t n, void *gradients, const wg_observer *observer)
{
    wg_tape *tape = out.tape;
    wg_targets targets;
    wg_status status = observe_check(out, wrt, n);
    if (status != WG_OK) return status;
    tape->sweeping = "wg_observe";
    tape->busy++;
    if (wg_sweep_reserve(tape) && wg_targets_open(&targets, tape, wrt, n)) {
        observe_complete(&targets, out, cotangent, gradients, observer);
        wg_targets_close(&targets);
    }
    tape->busy--;
    return tape->status;
}
