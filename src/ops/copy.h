/* The strided copy, for a call's dtype. */
#ifndef WG_OPS_COPY_H
#define WG_OPS_COPY_H

#include "kernels/copy.h"
#include "wengert/op.h"

/* call->out = or += in, over the index space dim, each with its own strides in elements. */
static inline void wg_copy_strided(const wg_call *call, uint32_t rank, const size_t *dim, const void *in,
    const ptrdiff_t *in_strides, void *out, const ptrdiff_t *out_strides, bool add)
{
    if (call->dtype == WG_F64)
        wg_kernel_copy_f64(rank, dim, in, in_strides, out, out_strides, add);
    else
        wg_kernel_copy_f32(rank, dim, in, in_strides, out, out_strides, add);
}

#endif
