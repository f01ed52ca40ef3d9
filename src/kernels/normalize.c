/* Normalised rows: the generic source, normalize.inc, compiled for each real type and instruction set, and the choice among
 * them. */
#include "normalize.h"

#include <float.h>
#include <math.h>

#include "vector.h"

enum { KERNEL_NORMALIZE_BLOCK = 512 }; /* elements whose sum is not compensated */

#define NAME(stem) WG_KERNEL_PASTE(wg_kernel_##stem, TYPE, SET)

#define SET          baseline
#define TYPE         f32
#define REAL         float
#define REAL_MIN     FLT_MIN
#define REAL_EPSILON FLT_EPSILON
#include "normalize.inc"
#define TYPE         f64
#define REAL         double
#define REAL_MIN     DBL_MIN
#define REAL_EPSILON DBL_EPSILON
#include "normalize.inc"
#undef SET

#if WG_KERNEL_X86

WG_KERNEL_TARGET_AVX2
#define SET          avx2
#define TYPE         f32
#define REAL         float
#define REAL_MIN     FLT_MIN
#define REAL_EPSILON FLT_EPSILON
#include "normalize.inc"
#define TYPE         f64
#define REAL         double
#define REAL_MIN     DBL_MIN
#define REAL_EPSILON DBL_EPSILON
#include "normalize.inc"
#undef SET
WG_KERNEL_TARGET_END

WG_KERNEL_TARGET_AVX512
#define SET          avx512
#define TYPE         f32
#define REAL         float
#define REAL_MIN     FLT_MIN
#define REAL_EPSILON FLT_EPSILON
#include "normalize.inc"
#define TYPE         f64
#define REAL         double
#define REAL_MIN     DBL_MIN
#define REAL_EPSILON DBL_EPSILON
#include "normalize.inc"
#undef SET
WG_KERNEL_TARGET_END

#endif

#undef NAME

/* The function of that stem for the instruction set `isa`. */
#if WG_KERNEL_X86
#define CHOOSE(stem, type)                                                                                             \
    (isa == WG_ISA_AVX512    ? wg_kernel_##stem##_##type##_avx512                                                      \
        : isa == WG_ISA_AVX2 ? wg_kernel_##stem##_##type##_avx2                                                        \
                             : wg_kernel_##stem##_##type##_baseline)
#else
#define CHOOSE(stem, type) ((void)isa, wg_kernel_##stem##_##type##_baseline)
#endif

#define DEFINE(R, type)                                                                                                \
    void wg_kernel_normalize_##type(wg_isa isa, size_t m, size_t n, double epsilon, bool center, const R *x, R *out)   \
    {                                                                                                                  \
        CHOOSE(normalize, type)(m, n, epsilon, center, x, out);                                                        \
    }                                                                                                                  \
    void wg_kernel_normalize_inverse_##type(                                                                           \
        wg_isa isa, size_t m, size_t n, double epsilon, bool center, const R *x, R *out)                               \
    {                                                                                                                  \
        CHOOSE(normalize_inverse, type)(m, n, epsilon, center, x, out);                                                \
    }                                                                                                                  \
    void wg_kernel_normalize_adjoint_##type(                                                                           \
        wg_isa isa, size_t m, size_t n, double epsilon, bool center, const R *g, const R *y, const R *x, R *out)       \
    {                                                                                                                  \
        CHOOSE(normalize_adjoint, type)(m, n, epsilon, center, g, y, x, out);                                          \
    }
DEFINE(float, f32)
DEFINE(double, f64)

#undef DEFINE
#undef CHOOSE
