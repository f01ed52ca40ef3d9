/* A rule over whole operands, broadcast. */
#ifndef WG_OPS_ELEMENTWISE_RUN_H
#define WG_OPS_ELEMENTWISE_RUN_H

#include "ops/elementwise/elementwise.h"

/* out = or += the value; or, with a cotangent g, the slope with respect to input k. What is not read is NULL; g and y, the
 * result, have its shape. */
typedef struct wg_ew_work {
    uint32_t rule;
    size_t k;
    void *out;
    bool add;
    const void *g, *y, *in[EW_MAX_ARITY];
} wg_ew_work;
void wg_ew_run(const wg_call *call, const wg_ew_work *work);

#endif
