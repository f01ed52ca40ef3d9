/* Softmax and its kin over the middle axis of an array (outer, n, inner), row-major. A group is the n elements that
 * differ in the middle index alone.
 *
 * Exponentials are taken of differences to a group's maximum, so none overflows and one at least is 1; sums are pairwise
 * (reduce.h). in and out do not overlap. */
#ifndef WG_KERNELS_SOFTMAX_H
#define WG_KERNELS_SOFTMAX_H

#include <stddef.h>

/* log sum e^x of each group; -inf for n == 0 and where all elements are -inf. */
void wg_kernel_logsumexp_f32(size_t outer, size_t n, size_t inner, const float *in, float *out);
void wg_kernel_logsumexp_f64(size_t outer, size_t n, size_t inner, const double *in, double *out);

/* e^x / sum e^x; 0 where all of a group are -inf; the k elements that are +inf, if there are any, take 1/k each. */
void wg_kernel_softmax_f32(size_t outer, size_t n, size_t inner, const float *in, float *out);
void wg_kernel_softmax_f64(size_t outer, size_t n, size_t inner, const double *in, double *out);

/* Its logarithm, taken without it. */
void wg_kernel_log_softmax_f32(size_t outer, size_t n, size_t inner, const float *in, float *out);
void wg_kernel_log_softmax_f64(size_t outer, size_t n, size_t inner, const double *in, double *out);

/* g - sum (g y): g less its mean with weights y, which sum to 1. The product is 0 where y is. The mean is taken of the
 * differences to the g at the largest weight, so that where this weight is nearly 1 nothing cancels. */
void wg_kernel_softmax_center_f32(size_t outer, size_t n, size_t inner, const float *g, const float *y, float *out);
void wg_kernel_softmax_center_f64(size_t outer, size_t n, size_t inner, const double *g, const double *y, double *out);

/* g - y sum g, its transpose. At a weight above 1/2 the form is g (sum of the other y) - y (sum of the other g), in
 * which nothing cancels that the other weights do not. */
void wg_kernel_softmax_project_f32(size_t outer, size_t n, size_t inner, const float *g, const float *y, float *out);
void wg_kernel_softmax_project_f64(size_t outer, size_t n, size_t inner, const double *g, const double *y, double *out);

/* A part, for cross_entropy.c: of a piece of columns, as reduce.h has it, the maxima and log sum e^(x - maximum). n >= 1. */
void wg_kernel_softmax_logs_f32(size_t n, size_t inner, size_t cols, const float *x, float *most, float *rest);
void wg_kernel_softmax_logs_f64(size_t n, size_t inner, size_t cols, const double *x, double *most, double *rest);

#endif
