/* The reverse sweep on numbers, for those who start one: wg_backward, the matrices of derivatives, checkpoints. */
#ifndef WG_GRAD_SWEEP_H
#define WG_GRAD_SWEEP_H

#include "tape/list.h"
#include "wengert/inspect.h"

/* A sweep begins: what it contributes to is told by its number. */
static inline void wg_sweep_begin(wg_tape *tape) { tape->sweep++; }
/* Numbers are about to be written or added to a record's gradient. */
static inline void wg_sweep_touch(const wg_tape *tape, wg_record *record)
{
    record->flags &= ~(uint32_t)WG_RECORD_ZERO_GRAD;
    record->sweep = tape->sweep;
}

/* Room among tape->adjoints for every node on the tape. False: the error is set. */
bool wg_sweep_reserve(wg_tape *tape);

/* Adds a cotangent to the adjoint of a node that needs one. False: out of memory, the error is set. */
bool wg_sweep_seed(wg_tape *tape, uint32_t index, const void *cotangent);

/* Takes the memory that a sweep from that node would take, and gives it back to the pool, where the sweep will find it.
 * Only where running out is to be expected. */
wg_status wg_sweep_rehearse(wg_tape *tape, uint32_t from, uint32_t low);

/* What reached a scalar before it was given a record, in the middle of a sweep, joins the adjoint of that. False: out of
 * memory, the error is set. */
bool wg_sweep_take_slot(wg_tape *tape, uint32_t index, wg_record *record);

/* Adds numbers to the gradient of a variable, a retained intermediate or a target. */
void wg_sweep_add_to_grad(wg_tape *tape, wg_record *record, const void *numbers);

/* Gives an adjoint's memory back. */
void wg_sweep_spend(wg_tape *tape, wg_record *record);

/* With check_finite: false, and the error set, when node index's adjoint is not finite. */
bool wg_sweep_is_finite(wg_tape *tape, uint32_t index, const void *adjoint);

/* What can be swept: valid, fresh, numbers, on a tape that is healthy and not busy. Else the error is set. */
wg_status wg_backward_check(wg_var out, const char *what);

/* The sweep, from a node down to another, both included. */
wg_status wg_sweep_down(wg_tape *tape, uint32_t from, uint32_t low);

/* After a sweep that failed: no adjoint is left behind. */
void wg_sweep_abandon(wg_tape *tape, uint32_t from, uint32_t low);

/* ---- observed (grad/observe.c) ------------------------------------------------------------------------------------------ */

/* A sweep whose steps are shown to an observer. There each contribution is made by itself, and then added. */
typedef struct wg_observation {
    const wg_observer *observer;
    /* The interior of a checkpoint is not shown: what it passes to values below start is passed by the checkpoint. */
    wg_derivation *checkpoint;
    uint32_t start;
} wg_observation;

/* wg_sweep_down while there is an observation. */
wg_status wg_observe_down(wg_tape *tape, uint32_t from, uint32_t low);

/* Shows what node from passes to its input number position. False: the sweep is to stop, and the error is set. */
bool wg_observe_edge(
    wg_tape *tape, uint32_t from, const void *adjoint, uint32_t to, size_t position, void *contribution);

/* ---- targets (grad/targets.c) ------------------------------------------------------------------------------------------- */

typedef struct wg_target {
    uint32_t index, node_flags, record_flags; /* of the value; its flags as they were */
    void *grad;                               /* its gradient as it was */
    size_t size, first;                       /* its elements; where among the targets it is mentioned first */
} wg_target;

/* Values that sweeps differentiate for, into the caller's memory, instead of for the variables into their gradients. While
 * they are open, a sweep passes through them and what depends on them alone, and touches no gradient. */
typedef struct wg_targets {
    wg_tape *tape;
    size_t n, size; /* how many, and their elements in all */
    wg_target *list;
    uint32_t low; /* the lowest of them */
} wg_targets;

/* False: the error is set, and there is nothing to close. */
bool wg_targets_open(wg_targets *targets, wg_tape *tape, const wg_var *wrt, size_t n);
/* The next sweep adds to row, which is set to zeros: the targets' elements, one after the other. */
void wg_targets_aim(wg_targets *targets, void *row);
/* After a sweep: completes the row, and with check_finite looks at it. */
wg_status wg_targets_hit(wg_targets *targets, void *row);
void wg_targets_close(wg_targets *targets);

#endif
