/* One op's derivative on its way, from inside: what the two sweeps and the interpreter of derivatives share. */
#ifndef WG_GRAD_DERIVATION_H
#define WG_GRAD_DERIVATION_H

#include "tape/list.h"

/* Runs node index's derivative on numbers: its adjoint goes to its inputs' adjoints. The node has a record and an
 * adjoint, which may have been handed over to an input (then it is NULL) on return. In a rehearsal memory is taken and
 * given back in just the same order, and nothing is computed. */
wg_status wg_derive_numbers(wg_tape *tape, uint32_t index, bool rehearsal);

/* A contribution of an op with WG_OP_JOINS, waiting to be recorded together with its like. */
typedef struct wg_postponed {
    struct wg_postponed *earlier;
    const wg_op *op;
    wg_var in;
    size_t size; /* of the attributes, which follow */
} wg_postponed;

/* The recorded sweep's state: for each node up to the swept one, whether it depends on what is differentiated for, the var
 * that holds its adjoint so far ({0}: none), and the newest of the contributions that wait. */
typedef struct wg_recorded_sweep {
    unsigned char *reach;
    wg_var *adjoints;
    wg_postponed **postponed;
} wg_recorded_sweep;

/* Records what waits for node index: its adjoint is complete then. */
wg_status wg_derive_postponed(wg_tape *tape, uint32_t index, wg_recorded_sweep *sweep);
/* Frees what waits for it, unrecorded. */
void wg_derive_forget(wg_tape *tape, uint32_t index, wg_recorded_sweep *sweep);

/* Records node index's derivative. Its adjoint and reach are set. */
wg_status wg_derive_recorded(wg_tape *tape, uint32_t index, wg_recorded_sweep *sweep);

#endif
