/* The convolution of one plane with one small kernel of weights, without a matrix: for each tap, rows are multiplied by
 * its weight and added. In the same walk, its two derivatives. */
#ifndef WG_KERNELS_DEPTHWISE_H
#define WG_KERNELS_DEPTHWISE_H

#include "isa.h"
#include "window.h"

/* out += the correlation of the plane `in` with the weights, one per tap. */
void wg_kernel_depthwise_f32(wg_isa isa, const wg_kernel_window *w, const float *in, const float *weights, float *out);
void wg_kernel_depthwise_f64(
    wg_isa isa, const wg_kernel_window *w, const double *in, const double *weights, double *out);

/* in += what of out each input was seen by, times the weight of the tap: the adjoint with respect to the input. */
void wg_kernel_depthwise_input_f32(
    wg_isa isa, const wg_kernel_window *w, const float *out, const float *weights, float *in);
void wg_kernel_depthwise_input_f64(
    wg_isa isa, const wg_kernel_window *w, const double *out, const double *weights, double *in);

/* weights += for each tap the sum of out times the input seen: the adjoint with respect to the weights. */
void wg_kernel_depthwise_weight_f32(
    wg_isa isa, const wg_kernel_window *w, const float *in, const float *out, float *weights);
void wg_kernel_depthwise_weight_f64(
    wg_isa isa, const wg_kernel_window *w, const double *in, const double *out, double *weights);

#endif
