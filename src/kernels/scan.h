/* Running sums and products along the middle axis of an array (outer, n, inner), row-major; forward, or in reverse
 * from the last element to the first. "Before" and "after" are in the order of the run. in and out do not overlap. */
#ifndef WG_KERNELS_SCAN_H
#define WG_KERNELS_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "isa.h"

typedef struct wg_kernel_scan {
    size_t outer, n, inner;
    bool reverse;
} wg_kernel_scan;

/* out = or += the sum of all elements up to each. Of floats in doubles, of doubles compensated: an element is
 * right to about one rounding of the running sum of magnitudes' last bits, floats in runs of up to 2^28 elements. */
void wg_kernel_cumsum_f32(wg_isa isa, const wg_kernel_scan *s, const float *in, float *out, bool add);
void wg_kernel_cumsum_f64(wg_isa isa, const wg_kernel_scan *s, const double *in, double *out, bool add);

/* The product of all elements up to each; when exclusive, of those before it, 1 for the first. */
void wg_kernel_cumprod_f32(const wg_kernel_scan *s, bool exclusive, const float *in, float *out);
void wg_kernel_cumprod_f64(const wg_kernel_scan *s, bool exclusive, const double *in, double *out);

/* The product of all elements of the run but each. s->reverse is ignored. */
void wg_kernel_others_f32(const wg_kernel_scan *s, const float *in, float *out);
void wg_kernel_others_f64(const wg_kernel_scan *s, const double *in, double *out);

/* h_i = a_i + b h of the element before; b is that of i, or, where of_before, that of the element before. The first:
 * a. */
void wg_kernel_recurrence_f32(const wg_kernel_scan *s, bool of_before, const float *a, const float *b, float *out);
void wg_kernel_recurrence_f64(const wg_kernel_scan *s, bool of_before, const double *a, const double *b, double *out);

/* log sum e^x over all elements up to each. */
void wg_kernel_logcumsumexp_f32(const wg_kernel_scan *s, const float *in, float *out);
void wg_kernel_logcumsumexp_f64(const wg_kernel_scan *s, const double *in, double *out);

/* With y = logcumsumexp(x), both forward: where not transposed, out_i = sum over k >= i of g_k e^(x_i - y_k);
 * transposed, out_k = sum over i <= k of g_i e^(x_i - y_k). The weights come from x, not by way of y, whose rounding
 * they would have as a factor. An x of -inf has weight 0. s->reverse is ignored. */
void wg_kernel_logcumsumexp_weigh_f32(
    const wg_kernel_scan *s, bool transposed, const float *g, const float *x, float *out);
void wg_kernel_logcumsumexp_weigh_f64(
    const wg_kernel_scan *s, bool transposed, const double *g, const double *x, double *out);

#endif
