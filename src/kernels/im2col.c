/* Windows as columns: the generic source, im2col.inc, compiled for each real type and instruction set, and the choice
 * among them. */
#include "im2col.h"

#include "vector.h"

#define NAME(stem) WG_KERNEL_PASTE(wg_kernel_##stem, TYPE, SET)

#define SET  baseline
#define TYPE f32
#define REAL float
#include "im2col.inc"
#define TYPE f64
#define REAL double
#include "im2col.inc"
#undef SET

#if WG_KERNEL_X86

WG_KERNEL_TARGET_AVX2
#define SET  avx2
#define TYPE f32
#define REAL float
#include "im2col.inc"
#define TYPE f64
#define REAL double
#include "im2col.inc"
#undef SET
WG_KERNEL_TARGET_END

WG_KERNEL_TARGET_AVX512
#define SET  avx512
#define TYPE f32
#define REAL float
#include "im2col.inc"
#define TYPE f64
#define REAL double
#include "im2col.inc"
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

void wg_kernel_im2col_f32(wg_isa isa, const wg_kernel_window *w, size_t channels, const float *in, size_t first,
    size_t count, float *columns, size_t ld)
{
    CHOOSE(im2col, f32)(w, channels, in, first, count, columns, ld);
}

void wg_kernel_im2col_f64(wg_isa isa, const wg_kernel_window *w, size_t channels, const double *in, size_t first,
    size_t count, double *columns, size_t ld)
{
    CHOOSE(im2col, f64)(w, channels, in, first, count, columns, ld);
}

void wg_kernel_col2im_f32(wg_isa isa, const wg_kernel_window *w, size_t channels, const float *columns, size_t ld,
    size_t first, size_t count, float *out)
{
    CHOOSE(col2im, f32)(w, channels, columns, ld, first, count, out);
}

void wg_kernel_col2im_f64(wg_isa isa, const wg_kernel_window *w, size_t channels, const double *columns, size_t ld,
    size_t first, size_t count, double *out)
{
    CHOOSE(col2im, f64)(w, channels, columns, ld, first, count, out);
}

#undef CHOOSE
