/* Reductions over the middle axis of an array (outer, reduced, inner), row-major: sums, maxima, minima, products, lengths.
 *
 * Sums are pairwise: their rounding error grows like the logarithm of the number of terms. The order of the additions
 * depends on the shape alone. */
#ifndef WG_KERNELS_REDUCE_H
#define WG_KERNELS_REDUCE_H

#include <stdbool.h>
#include <stddef.h>

/* out[o*inner + i] = or += (sum over r < reduced of in[(o*reduced + r)*inner + i]) / divisor.
 * A divisor of 1 leaves the sum as it is. reduced == 0 gives 0 (or adds it). */
void wg_kernel_sum_f32(
    size_t outer, size_t reduced, size_t inner, const float *in, float *out, bool add, double divisor);
void wg_kernel_sum_f64(
    size_t outer, size_t reduced, size_t inner, const double *in, double *out, bool add, double divisor);

/* (sum over i < n of (a[i] - b[i])^2) / divisor; n == 0 gives 0. */
float wg_kernel_squared_difference_f32(size_t n, const float *a, const float *b, double divisor);
double wg_kernel_squared_difference_f64(size_t n, const double *a, const double *b, double divisor);

/* out[o*inner + i] = the greatest (least) of in[(o*reduced + r)*inner + i] over r; NaN where a NaN is among them.
 * Of 0 and -0, which are equal, either may be the result. reduced >= 1. */
void wg_kernel_max_f32(size_t outer, size_t reduced, size_t inner, const float *in, float *out);
void wg_kernel_max_f64(size_t outer, size_t reduced, size_t inner, const double *in, double *out);
void wg_kernel_min_f32(size_t outer, size_t reduced, size_t inner, const float *in, float *out);
void wg_kernel_min_f64(size_t outer, size_t reduced, size_t inner, const double *in, double *out);

/* The products; reduced == 0 gives 1. */
void wg_kernel_prod_f32(size_t outer, size_t reduced, size_t inner, const float *in, float *out);
void wg_kernel_prod_f64(size_t outer, size_t reduced, size_t inner, const double *in, double *out);

/* The Euclidean lengths, without overflow or underflow of the squares; reduced == 0 gives 0. NaN where a NaN is among the
 * elements, else infinite where an infinity is. */
void wg_kernel_norm_f32(size_t outer, size_t reduced, size_t inner, const float *in, float *out);
void wg_kernel_norm_f64(size_t outer, size_t reduced, size_t inner, const double *in, double *out);

/* ---- parts, for other kernels --------------------------------------------------------------------------------------
 * A piece of `cols` neighbouring columns of one (reduced, inner) matrix: all of them, or at most wg_kernel_columns(inner)
 * of them. in is the piece's first element; reduced >= 1. */

/* How many columns a piece of a matrix with rows of inner elements has; the last one may have fewer. */
size_t wg_kernel_columns_f32(size_t inner);
size_t wg_kernel_columns_f64(size_t inner);
#define WG_KERNEL_COLUMNS_BYTES 512 /* no piece is wider */

void wg_kernel_sum_columns_f32(
    size_t reduced, size_t inner, size_t cols, const float *in, float *out, bool add, double divisor);
void wg_kernel_sum_columns_f64(
    size_t reduced, size_t inner, size_t cols, const double *in, double *out, bool add, double divisor);
void wg_kernel_max_columns_f32(size_t reduced, size_t inner, size_t cols, const float *in, float *out);
void wg_kernel_max_columns_f64(size_t reduced, size_t inner, size_t cols, const double *in, double *out);

/* The sums of map(element, the column's parameter). map writes n elements. */
typedef void wg_kernel_map_f32(size_t n, const float *in, const float *parameter, float *out);
typedef void wg_kernel_map_f64(size_t n, const double *in, const double *parameter, double *out);
void wg_kernel_sum_mapped_f32(size_t reduced, size_t inner, size_t cols, const float *in, wg_kernel_map_f32 *map,
    const float *parameter, float *out);
void wg_kernel_sum_mapped_f64(size_t reduced, size_t inner, size_t cols, const double *in, wg_kernel_map_f64 *map,
    const double *parameter, double *out);

#endif
