/* Reductions over the middle axis of an array (outer, reduced, inner), row-major: sums, maxima, minima, products, lengths,
 * variances.
 *
 * Sums are pairwise: their rounding error grows like the logarithm of the number of terms. The order of the additions
 * depends on the shape alone, not on the instruction set. */
#ifndef WG_KERNELS_REDUCE_H
#define WG_KERNELS_REDUCE_H

#include <stdbool.h>
#include <stddef.h>

#include "isa.h"

/* What becomes of a group, the `reduced` elements that differ in the middle index alone:
 *     sum         of nothing 0
 *     max, min    NaN where a NaN is among them; of 0 and -0, which are equal, either may be the result; reduced >= 1
 *     product     of nothing 1
 *     norm        the Euclidean length, without overflow or underflow of the squares; of nothing 0; NaN where a NaN is
 *                 among the elements, else infinite where an infinity is
 *     variance    the sum of squared deviations from the mean; the mean's own rounding error is taken off first */
typedef enum wg_kernel_reduce_kind {
    WG_KERNEL_SUM,
    WG_KERNEL_MAX,
    WG_KERNEL_MIN,
    WG_KERNEL_PROD,
    WG_KERNEL_NORM,
    WG_KERNEL_VARIANCE
} wg_kernel_reduce_kind;

/* out[o*inner + i] = or += (what becomes of in[(o*reduced + r)*inner + i] over r) / divisor, for i < cols. A divisor of 1
 * leaves it as it is. cols is inner; or less, for a part of the work that begins at a multiple of wg_kernel_columns, in and
 * out pointing there. */
typedef struct wg_kernel_reduction {
    wg_kernel_reduce_kind kind;
    size_t outer, reduced, inner, cols;
    bool add;
    double divisor;
} wg_kernel_reduction;
void wg_kernel_reduce_f32(wg_isa isa, const wg_kernel_reduction *r, const float *in, float *out);
void wg_kernel_reduce_f64(wg_isa isa, const wg_kernel_reduction *r, const double *in, double *out);

/* out = in - the mean of its group, less the mean of that, for i < cols as above; kind, add and divisor don't count. */
void wg_kernel_deviate_f32(wg_isa isa, const wg_kernel_reduction *r, const float *in, float *out);
void wg_kernel_deviate_f64(wg_isa isa, const wg_kernel_reduction *r, const double *in, double *out);

/* (sum over i < n of (a[i] - b[i])^2) / divisor; n == 0 gives 0. */
float wg_kernel_squared_difference_f32(wg_isa isa, size_t n, const float *a, const float *b, double divisor);
double wg_kernel_squared_difference_f64(wg_isa isa, size_t n, const double *a, const double *b, double divisor);

/* How many columns a piece of a matrix with rows of inner elements has; the last one may have fewer. */
size_t wg_kernel_columns_f32(size_t inner);
size_t wg_kernel_columns_f64(size_t inner);
#define WG_KERNEL_COLUMNS_BYTES 512 /* no piece is wider */

/* ---- one long reduction in chunks ---------------------------------------------------------------------------------
 * A sum, maximum or minimum of very many rows that are few elements wide, outer 1, may be had in chunks, by several
 * threads: each chunk leaves WG_KERNEL_COLUMNS_BYTES, one chunk after the other in `partial`, and joining them gives the
 * bits that wg_kernel_reduce does. */
#define WG_KERNEL_CHUNKS_MOST 32
size_t wg_kernel_reduce_chunks_f32(const wg_kernel_reduction *r); /* 1: not worth it, or not such a one */
size_t wg_kernel_reduce_chunks_f64(const wg_kernel_reduction *r);
void wg_kernel_reduce_chunk_f32(
    wg_isa isa, const wg_kernel_reduction *r, size_t chunk, const float *in, float *partial);
void wg_kernel_reduce_chunk_f64(
    wg_isa isa, const wg_kernel_reduction *r, size_t chunk, const double *in, double *partial);
void wg_kernel_reduce_join_f32(
    wg_isa isa, const wg_kernel_reduction *r, const float *partial, const float *in, float *out);
void wg_kernel_reduce_join_f64(
    wg_isa isa, const wg_kernel_reduction *r, const double *partial, const double *in, double *out);

/* ---- parts, for other kernels --------------------------------------------------------------------------------------
 * A piece of `cols` neighbouring columns of one (reduced, inner) matrix: all of them, or at most wg_kernel_columns(inner)
 * of them. in is the piece's first element; reduced >= 1. They use the least of the instruction sets that the library has:
 * their callers spend their time elsewhere. */
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
