/* Matrix multiplication: the generic source, gemm.inc, compiled for each real type and instruction set, and the
 * choice among them. */
#include "gemm.h"

#include "vector.h"

#define SOURCE "gemm.inc"
#include "each.inc"

size_t wg_kernel_gemm_scratch_f32(wg_isa isa, bool ta, bool tb, size_t m, size_t n, size_t k)
{
    return CHOOSE(gemm_scratch, f32)(ta, tb, m, n, k);
}

size_t wg_kernel_gemm_scratch_f64(wg_isa isa, bool ta, bool tb, size_t m, size_t n, size_t k)
{
    return CHOOSE(gemm_scratch, f64)(ta, tb, m, n, k);
}

void wg_kernel_gemm_f32(wg_isa isa, bool ta, bool tb, size_t m, size_t n, size_t k, const float *a, size_t lda,
    const float *b, size_t ldb, float *c, size_t ldc, bool add, void *scratch)
{
    CHOOSE(gemm, f32)(ta, tb, m, n, k, a, lda, b, ldb, c, ldc, add, scratch);
}

void wg_kernel_gemm_f64(wg_isa isa, bool ta, bool tb, size_t m, size_t n, size_t k, const double *a, size_t lda,
    const double *b, size_t ldb, double *c, size_t ldc, bool add, void *scratch)
{
    CHOOSE(gemm, f64)(ta, tb, m, n, k, a, lda, b, ldb, c, ldc, add, scratch);
}

#undef CHOOSE
