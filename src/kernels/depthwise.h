/* The convolution of one plane with one small kernel of weights, without a matrix, and its two derivatives. Small planes
 * are copied into zeros first, so that no window hangs over an edge; large ones, and those with steps along the rows, are
 * walked through tap by tap, row by row. */
#ifndef WG_KERNELS_DEPTHWISE_H
#define WG_KERNELS_DEPTHWISE_H

#include "isa.h"
#include "window.h"

/* The bytes of scratch that each of the three needs, aligned to 64. element is the size of a real. */
size_t wg_kernel_depthwise_scratch(const wg_kernel_window *w, size_t element);

/* out += the correlation of the plane `in` with the weights, one per tap. */
void wg_kernel_depthwise_f32(
    wg_isa isa, const wg_kernel_window *w, const float *in, const float *weights, float *out, void *scratch);
void wg_kernel_depthwise_f64(
    wg_isa isa, const wg_kernel_window *w, const double *in, const double *weights, double *out, void *scratch);

/* in += what of out each input was seen by, times the weight of the tap: the adjoint with respect to the input. */
void wg_kernel_depthwise_input_f32(
    wg_isa isa, const wg_kernel_window *w, const float *out, const float *weights, float *in, void *scratch);
void wg_kernel_depthwise_input_f64(
    wg_isa isa, const wg_kernel_window *w, const double *out, const double *weights, double *in, void *scratch);

/* weights += for each tap the sum of out times the input seen: the adjoint with respect to the weights. */
void wg_kernel_depthwise_weight_f32(
    wg_isa isa, const wg_kernel_window *w, const float *in, const float *out, float *weights, void *scratch);
void wg_kernel_depthwise_weight_f64(
    wg_isa isa, const wg_kernel_window *w, const double *in, const double *out, double *weights, void *scratch);

#endif
