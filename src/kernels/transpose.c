/* The transpose: the generic source, transpose.inc, compiled for each real type and instruction set, and the choice. */
#include "transpose.h"

#include <float.h>

#include "vector.h"

enum { KERNEL_TRANSPOSE_TILE = 128 }; /* rows and columns; a multiple of all lanes */

#define NARROW
#define SOURCE "transpose.inc"
#include "each.inc"

/* The set whose squares fit: a narrow matrix has none for the longest vectors. */
static wg_isa kernel_transpose_set(wg_isa isa, size_t element, size_t rows, size_t cols)
{
    const size_t bytes = (rows < cols ? rows : cols) * element;
    return bytes >= 64 ? isa : bytes >= 32 && isa >= WG_ISA_AVX2 ? WG_ISA_AVX2 : WG_ISA_BASELINE;
}

void wg_kernel_transpose_f32(wg_isa isa, size_t rows, size_t cols, const float *in, ptrdiff_t in_stride, float *out,
    ptrdiff_t out_stride, bool add)
{
    isa = kernel_transpose_set(isa, sizeof *in, rows, cols);
    CHOOSE(transpose, f32)(rows, cols, in, in_stride, out, out_stride, add);
}

void wg_kernel_transpose_f64(wg_isa isa, size_t rows, size_t cols, const double *in, ptrdiff_t in_stride, double *out,
    ptrdiff_t out_stride, bool add)
{
    isa = kernel_transpose_set(isa, sizeof *in, rows, cols);
    CHOOSE(transpose, f64)(rows, cols, in, in_stride, out, out_stride, add);
}

#undef CHOOSE
