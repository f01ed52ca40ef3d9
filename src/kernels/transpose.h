/* The transpose of a matrix, between arrays of any row lengths: out[i * out_stride + j] = or += in[j * in_stride + i] for
 * i < rows and j < cols. The two do not overlap. */
#ifndef WG_KERNELS_TRANSPOSE_H
#define WG_KERNELS_TRANSPOSE_H

#include <stdbool.h>
#include <stddef.h>

#include "isa.h"

void wg_kernel_transpose_f32(wg_isa isa, size_t rows, size_t cols, const float *in, ptrdiff_t in_stride, float *out,
    ptrdiff_t out_stride, bool add);
void wg_kernel_transpose_f64(wg_isa isa, size_t rows, size_t cols, const double *in, ptrdiff_t in_stride, double *out,
    ptrdiff_t out_stride, bool add);

#endif
