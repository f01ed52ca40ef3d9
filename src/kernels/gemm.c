/* Matrix multiplication: the generic source, gemm.inc, compiled for each real type and instruction set, and the
 * choice among them. */
#include "gemm.h"

#include "vector.h"

#define NAME(stem) WG_KERNEL_PASTE(wg_kernel_##stem, TYPE, SET)

/* A tile's height leaves registers for two vectors of B and one element of A: sixteen registers are four rows and a
 * product apart from its addition, or six rows; thirty-two are eight rows and then some. */
#define SET  baseline
#define ROWS 4
#define TYPE f32
#define REAL float
#include "gemm.inc"
#define TYPE f64
#define REAL double
#include "gemm.inc"
#undef SET
#undef ROWS

#if WG_KERNEL_X86

WG_KERNEL_TARGET_AVX2
#define SET  avx2
#define ROWS 6
#define TYPE f32
#define REAL float
#include "gemm.inc"
#define TYPE f64
#define REAL double
#include "gemm.inc"
#undef SET
#undef ROWS
WG_KERNEL_TARGET_END

WG_KERNEL_TARGET_AVX512
#define SET  avx512
#define ROWS 8
#define TYPE f32
#define REAL float
#include "gemm.inc"
#define TYPE f64
#define REAL double
#include "gemm.inc"
#undef SET
#undef ROWS
WG_KERNEL_TARGET_END

#endif

#undef NAME

/* f(stem, type) is the function of that stem for the instruction set `isa`. */
#if WG_KERNEL_X86
#define CHOOSE(stem, type)                                                                                             \
    (isa == WG_ISA_AVX512    ? wg_kernel_##stem##_##type##_avx512                                                      \
        : isa == WG_ISA_AVX2 ? wg_kernel_##stem##_##type##_avx2                                                        \
                             : wg_kernel_##stem##_##type##_baseline)
#else
#define CHOOSE(stem, type) ((void)isa, wg_kernel_##stem##_##type##_baseline)
#endif

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
