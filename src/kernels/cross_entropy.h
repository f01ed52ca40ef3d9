/* Cross-entropy over the middle axis of an array of logits (outer, n, inner), row-major, without an array of probabilities.
 * A group is the n logits that differ in the middle index alone; it has one result, and one target or n of them. work
 * holds wg_kernel_cross_entropy_work(outer, n, inner) elements.
 *
 * A target is the place of a class, 0 <= target < n. Groups whose target is *ignored are passed over, with zeros for their
 * results; ignored may be NULL. Infinite logits are taken as softmax.h says. */
#ifndef WG_KERNELS_CROSS_ENTROPY_H
#define WG_KERNELS_CROSS_ENTROPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* log sum e^x - x[target] of each group: a sum of two parts that are not negative. n >= 1 unless there are no groups. */
void wg_kernel_cross_entropy_f32(size_t outer, size_t n, size_t inner, const float *x, const int64_t *target,
    const int64_t *ignored, float *work, float *out);
void wg_kernel_cross_entropy_f64(size_t outer, size_t n, size_t inner, const double *x, const int64_t *target,
    const int64_t *ignored, double *work, double *out);

/* out = or += g (softmax(x) - 1 at the target), 0 in a group whose g is. The element at the target is the negative sum of the
 * other weights, so nothing cancels. */
void wg_kernel_cross_entropy_slope_f32(size_t outer, size_t n, size_t inner, const float *g, const float *x,
    const int64_t *target, const int64_t *ignored, float *work, float *out, bool add);
void wg_kernel_cross_entropy_slope_f64(size_t outer, size_t n, size_t inner, const double *g, const double *x,
    const int64_t *target, const int64_t *ignored, double *work, double *out, bool add);

/* sum t (log sum e^x - x) of each group, t of x's shape; a term whose t is 0 is 0. n == 0 gives 0. */
void wg_kernel_cross_entropy_soft_f32(
    size_t outer, size_t n, size_t inner, const float *x, const float *t, float *work, float *out);
void wg_kernel_cross_entropy_soft_f64(
    size_t outer, size_t n, size_t inner, const double *x, const double *t, double *work, double *out);

size_t wg_kernel_cross_entropy_work_f32(size_t outer, size_t n, size_t inner);
size_t wg_kernel_cross_entropy_work_f64(size_t outer, size_t n, size_t inner);

#endif
