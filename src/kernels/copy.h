/* One strided copy for everything that moves elements without computing: transpose, permute, broadcast, slice, pad,
 * concatenate, and each one's adjoint, which adds.
 *
 * For every index tuple (i_0, ..., i_{rank-1}) with 0 <= i_d < dim[d]:
 *     out[sum of i_d * out_stride[d]]  =  or +=  in[sum of i_d * in_stride[d]].
 * Strides count elements and may be negative. An input stride may be 0 (a broadcast). No two index tuples may name the
 * same element of `out`, and `in` and `out` do not overlap. rank is 0 (one element) to WG_KERNEL_COPY_RANK. */
#ifndef WG_KERNELS_COPY_H
#define WG_KERNELS_COPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isa.h"

enum { WG_KERNEL_COPY_RANK = 8 };

void wg_kernel_copy_f32(wg_isa isa, size_t rank, const size_t *dim, const float *in, const ptrdiff_t *in_stride,
    float *out, const ptrdiff_t *out_stride, bool add);
void wg_kernel_copy_f64(wg_isa isa, size_t rank, const size_t *dim, const double *in, const ptrdiff_t *in_stride,
    double *out, const ptrdiff_t *out_stride, bool add);
void wg_kernel_copy_i64(wg_isa isa, size_t rank, const size_t *dim, const int64_t *in, const ptrdiff_t *in_stride,
    int64_t *out, const ptrdiff_t *out_stride);

#endif
