/* Reducing an array over any set of axes: used by the reductions and by sum_to. */
#ifndef WG_OPS_REDUCE_H
#define WG_OPS_REDUCE_H

#include "tape/list.h"

typedef enum wg_reduce_kind { WG_REDUCE_SUM, WG_REDUCE_MAX, WG_REDUCE_MIN } wg_reduce_kind;

/* call->out = or += the reduction of an array over the axes marked in mask, divided by divisor (sums alone). Takes
 * scratch from the call when the axes are not neighbours. */
wg_status wg_reduce_array(
    wg_call *call, wg_reduce_kind kind, const void *in, const wg_shape *shape, const bool *mask, double divisor);

/* The scratch that takes, in bytes. */
size_t wg_reduce_scratch(const wg_shape *shape, const bool *mask, wg_dtype dtype);

#endif
