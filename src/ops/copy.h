/* The strided copy, for the elements of a call, numbers of its dtype or indices, on the tape's threads. */
#ifndef WG_OPS_COPY_H
#define WG_OPS_COPY_H

#include "kernels/copy.h"
#include "wengert/op.h"

/* The bytes of one element that the call moves. */
static inline size_t wg_copy_element(const wg_call *call)
{
    if (call->indices) return sizeof(int64_t);
    return call->dtype == WG_F64 ? sizeof(double) : sizeof(float);
}

/* out = or += in, over the index space dim, each with its own strides in elements. Indices have no derivative, so they are
 * never added. */
void wg_copy_strided(const wg_call *call, uint32_t rank, const size_t *dim, const void *in, const ptrdiff_t *in_strides,
    void *out, const ptrdiff_t *out_strides, bool add);

#endif
