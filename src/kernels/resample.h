/* Resampling along the middle axis of arrays (outer, extent, inner), row-major: each output is a number between two
 * neighbouring inputs, or one input. */
#ifndef WG_KERNELS_RESAMPLE_H
#define WG_KERNELS_RESAMPLE_H

#include <stdbool.h>
#include <stddef.h>

/* (1 - weight) of input `at`, weight of the next one, which is not looked at where the weight is 0. */
typedef struct wg_kernel_tap {
    size_t at;
    double weight;
} wg_kernel_tap;

/* out = or += for each of its rows, of n along the axis, the inputs that its tap names; in has `extent`. */
void wg_kernel_resample_f32(const wg_kernel_tap *taps, size_t n, size_t outer, size_t extent, size_t inner,
    const float *in, float *out, bool add);
void wg_kernel_resample_f64(const wg_kernel_tap *taps, size_t n, size_t outer, size_t extent, size_t inner,
    const double *in, double *out, bool add);

/* The adjoint: in += the share of each out. */
void wg_kernel_resample_adjoint_f32(
    const wg_kernel_tap *taps, size_t n, size_t outer, size_t extent, size_t inner, const float *out, float *in);
void wg_kernel_resample_adjoint_f64(
    const wg_kernel_tap *taps, size_t n, size_t outer, size_t extent, size_t inner, const double *out, double *in);

#endif
