/* Elements picked by indices, and their return: out = in[index], and out[index] += in.
 *
 * An index i of an axis of n elements is 0 <= i < n, or counts from the end, -n <= i < 0; the caller has checked that.
 * in and out do not overlap. What is added to one element twice is added in the order of the indices. */
#ifndef WG_KERNELS_GATHER_H
#define WG_KERNELS_GATHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whole rows: out[o, c, i] = or += in[o, index[c], i], of arrays (outer, extent, inner) and (outer, count, inner). */
typedef struct wg_kernel_picked {
    size_t outer, extent, count, inner;
} wg_kernel_picked;
void wg_kernel_take_f32(const wg_kernel_picked *rows, const float *in, const int64_t *index, float *out, bool add);
void wg_kernel_take_f64(const wg_kernel_picked *rows, const double *in, const int64_t *index, double *out, bool add);
void wg_kernel_take_i64(const wg_kernel_picked *rows, const int64_t *in, const int64_t *index, int64_t *out, bool add);

/* The reverse: out[o, index[c], i] += in[o, c, i]. */
void wg_kernel_put_f32(const wg_kernel_picked *rows, const float *in, const int64_t *index, float *out);
void wg_kernel_put_f64(const wg_kernel_picked *rows, const double *in, const int64_t *index, double *out);

/* Element by element: for each index tuple t below dim, 1 <= rank <= 8, let p = the sum of t[d] * stride[d] +
 * index[t] * step, where stride is 0 along the axis that the indices count, of that many elements. index and part are
 * row-major. */
typedef struct wg_kernel_elements {
    size_t rank;
    const size_t *dim;
    const ptrdiff_t *stride;
    ptrdiff_t step;
    size_t extent;
} wg_kernel_elements;

/* part[t] = or += whole[p] */
void wg_kernel_gather_f32(const wg_kernel_elements *e, const float *whole, const int64_t *index, float *part, bool add);
void wg_kernel_gather_f64(
    const wg_kernel_elements *e, const double *whole, const int64_t *index, double *part, bool add);
void wg_kernel_gather_i64(
    const wg_kernel_elements *e, const int64_t *whole, const int64_t *index, int64_t *part, bool add);

/* whole[p] += part[t] */
void wg_kernel_scatter_f32(const wg_kernel_elements *e, const float *part, const int64_t *index, float *whole);
void wg_kernel_scatter_f64(const wg_kernel_elements *e, const double *part, const int64_t *index, double *whole);

#endif
