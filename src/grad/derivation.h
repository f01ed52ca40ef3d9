/* One op's derivative on its way, from inside: what the two sweeps and the interpreter of derivatives share. */
#ifndef WG_GRAD_DERIVATION_H
#define WG_GRAD_DERIVATION_H

#include "tape/list.h"

/* Runs node index's derivative on numbers: its adjoint goes to its inputs' adjoints. The node has a record and an
 * adjoint, which may have been handed over to an input (then it is NULL) on return. */
wg_status wg_derive_numbers(wg_tape *tape, uint32_t index);

/* The recorded sweep's state: for each node up to the swept one, whether it depends on what is differentiated for, and
 * the index of the var that holds its adjoint so far, or UINT32_MAX. */
typedef struct wg_recorded_sweep {
    unsigned char *reach;
    wg_var *adjoints;
} wg_recorded_sweep;

/* Records node index's derivative. Its adjoint and reach are set. */
wg_status wg_derive_recorded(wg_tape *tape, uint32_t index, wg_recorded_sweep *sweep);

#endif
