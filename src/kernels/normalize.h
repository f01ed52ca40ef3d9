/* Rows brought to mean 0 and mean square 1: y = (x - mean) / sigma with sigma^2 = mean (x - mean)^2 + epsilon, for each of
 * m rows of n neighbouring elements. Without centering the mean counts as 0.
 *
 * Sums are taken of the differences to a number near the mean: then the mean is right to the last digits next to a large
 * offset, and the deviations of a row of equal elements are exact zeros (T. F. Chan, G. H. Golub, R. J. LeVeque,
 * Algorithms for computing the sample variance, The American Statistician 37, 1983). They run in vectors over short
 * blocks, whose totals are added with compensation (W. Kahan, Further remarks on reducing truncation errors, 1965).
 * Squares that overflow or underflow are scaled. Where sigma is 0, results are 0.
 * Arrays do not overlap; n >= 1. */
#ifndef WG_KERNELS_NORMALIZE_H
#define WG_KERNELS_NORMALIZE_H

#include <stdbool.h>
#include <stddef.h>

#include "isa.h"

/* out (m, n) = y. */
void wg_kernel_normalize_f32(wg_isa isa, size_t m, size_t n, double epsilon, bool center, const float *x, float *out);
void wg_kernel_normalize_f64(wg_isa isa, size_t m, size_t n, double epsilon, bool center, const double *x, double *out);

/* out (m) = 1 / sigma. */
void wg_kernel_normalize_inverse_f32(
    wg_isa isa, size_t m, size_t n, double epsilon, bool center, const float *x, float *out);
void wg_kernel_normalize_inverse_f64(
    wg_isa isa, size_t m, size_t n, double epsilon, bool center, const double *x, double *out);

/* out (m, n) = (g - mean g - y mean(g y)) / sigma: the adjoint of x where g is that of y. The mean of g is 0 without
 * centering. */
void wg_kernel_normalize_adjoint_f32(wg_isa isa, size_t m, size_t n, double epsilon, bool center, const float *g,
    const float *y, const float *x, float *out);
void wg_kernel_normalize_adjoint_f64(wg_isa isa, size_t m, size_t n, double epsilon, bool center, const double *g,
    const double *y, const double *x, double *out);

/* out (m, n) = y weight + bias; weight and bias (n), bias may be NULL. */
void wg_kernel_normalize_weighted_f32(wg_isa isa, size_t m, size_t n, double epsilon, bool center, const float *x,
    const float *weight, const float *bias, float *out);
void wg_kernel_normalize_weighted_f64(wg_isa isa, size_t m, size_t n, double epsilon, bool center, const double *x,
    const double *weight, const double *bias, double *out);

/* All its adjoints at once: out, unless NULL, = or += that of x; sums (2 n) = those of weight and bias, over these m rows.
 * g is that of the result; a product with it is 0 where it is. work holds 4 n elements. */
void wg_kernel_normalize_weighted_adjoint_f32(wg_isa isa, size_t m, size_t n, double epsilon, bool center,
    const float *g, const float *x, const float *weight, float *work, float *sums, float *out, bool add);
void wg_kernel_normalize_weighted_adjoint_f64(wg_isa isa, size_t m, size_t n, double epsilon, bool center,
    const double *g, const double *x, const double *weight, double *work, double *sums, double *out, bool add);

#endif
