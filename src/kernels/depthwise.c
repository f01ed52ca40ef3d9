/* Convolution of single planes: the generic source, depthwise.inc, compiled for each real type and instruction set, and the
 * choice among them. */
#include "depthwise.h"

#include "vector.h"

#define NAME(stem) WG_KERNEL_PASTE(wg_kernel_##stem, TYPE, SET)

#define SET  baseline
#define TYPE f32
#define REAL float
#include "depthwise.inc"
#define TYPE f64
#define REAL double
#include "depthwise.inc"
#undef SET

#if WG_KERNEL_X86

WG_KERNEL_TARGET_AVX2
#define SET  avx2
#define TYPE f32
#define REAL float
#include "depthwise.inc"
#define TYPE f64
#define REAL double
#include "depthwise.inc"
#undef SET
WG_KERNEL_TARGET_END

WG_KERNEL_TARGET_AVX512
#define SET  avx512
#define TYPE f32
#define REAL float
#include "depthwise.inc"
#define TYPE f64
#define REAL double
#include "depthwise.inc"
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

void wg_kernel_depthwise_f32(wg_isa isa, const wg_kernel_window *w, const float *in, const float *weights, float *out)
{
    CHOOSE(depthwise, f32)(w, in, weights, out);
}

void wg_kernel_depthwise_input_f32(
    wg_isa isa, const wg_kernel_window *w, const float *out, const float *weights, float *in)
{
    CHOOSE(depthwise_input, f32)(w, out, weights, in);
}

void wg_kernel_depthwise_weight_f32(
    wg_isa isa, const wg_kernel_window *w, const float *in, const float *out, float *weights)
{
    CHOOSE(depthwise_weight, f32)(w, in, out, weights);
}

void wg_kernel_depthwise_f64(
    wg_isa isa, const wg_kernel_window *w, const double *in, const double *weights, double *out)
{
    CHOOSE(depthwise, f64)(w, in, weights, out);
}

void wg_kernel_depthwise_input_f64(
    wg_isa isa, const wg_kernel_window *w, const double *out, const double *weights, double *in)
{
    CHOOSE(depthwise_input, f64)(w, out, weights, in);
}

void wg_kernel_depthwise_weight_f64(
    wg_isa isa, const wg_kernel_window *w, const double *in, const double *out, double *weights)
{
    CHOOSE(depthwise_weight, f64)(w, in, out, weights);
}

#undef CHOOSE
