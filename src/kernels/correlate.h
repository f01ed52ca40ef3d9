/* Convolution by a matrix product that reads the windows in place, for windows over two axes.
 *
 * Of the height taps of a window each sees the rows of the input that another sees, only shifted by whole rows. So where the
 * steps are 1, it is enough to lay the input out once for each width tap (M. Cho and D. Brand, MEC: memory-efficient
 * convolution for deep neural networks, 2017): the columns for a height tap are the same ones, from a later row on. In a
 * matrix product of weights and columns, the row that meets a weight then begins at an offset from a table.
 *
 * The weights' adjoint is a product too, of windows and of the output's cotangent, turned so that neighbours in memory are
 * channels. It reads the elements of a window one by one, so a padded copy of the input will do, for any steps. */
#ifndef WG_KERNELS_CORRELATE_H
#define WG_KERNELS_CORRELATE_H

#include <stdbool.h>
#include <stddef.h>

#include "isa.h"

enum {
    WG_KERNEL_CORRELATE_ROWS = 8,   /* packed weights have m rounded up to at most such a multiple */
    WG_KERNEL_CORRELATE_SLACK = 32, /* elements that are read past the end of what is laid out, and not used */
    WG_KERNEL_CORRELATE_BLOCK = 160 /* outputs, or one row of them if that is more: a block of the weights' adjoint */
};

/* Weights (outs, ins, taps) as they lie, with steps between them; flipped: the taps in reverse order. */
typedef struct wg_kernel_weights {
    size_t outs, ins, taps, out_step, in_step;
    bool flipped;
} wg_kernel_weights;

/* Packs them into (outs rounded up) * ins * taps elements, each of 4 or 8 bytes, float or double. */
void wg_kernel_correlate_pack(
    wg_isa isa, const wg_kernel_weights *w, size_t element, const void *weights, void *packed);

/* out, m rows of n that are ldo apart = or += packed weights (m,k) times the k rows laid + offsets[i] of n elements. */
void wg_kernel_correlate_f32(wg_isa isa, size_t m, size_t k, const float *packed, const float *laid,
    const size_t *offsets, size_t n, float *out, size_t ldo, bool add);
void wg_kernel_correlate_f64(wg_isa isa, size_t m, size_t k, const double *packed, const double *laid,
    const size_t *offsets, size_t n, double *out, size_t ldo, bool add);

/* The sizes of the weights' adjoint for one image: `rows` elements of a window, at offsets[i] from its corner. Windows are
 * `step` apart, rows of them `row`. */
typedef struct wg_kernel_correlation {
    size_t rows, outs, height, width, row, step;
    const size_t *offsets;
} wg_kernel_correlation;

/* The elements of `turned`, and of `sums`. */
size_t wg_kernel_correlate_turned(const wg_kernel_correlation *c);
size_t wg_kernel_correlate_sums(const wg_kernel_correlation *c);

/* sums += the products of one image's windows, seen in the padded copy x, and of g, outs rows of height width elements.
 * `turned` is scratch. */
void wg_kernel_correlate_weights_f32(
    wg_isa isa, const wg_kernel_correlation *c, const float *x, const float *g, float *turned, float *sums);
void wg_kernel_correlate_weights_f64(
    wg_isa isa, const wg_kernel_correlation *c, const double *x, const double *g, double *turned, double *sums);

/* weights, outs rows that are ld apart = or += sums */
void wg_kernel_correlate_finish_f32(
    wg_isa isa, const wg_kernel_correlation *c, const float *sums, float *weights, size_t ld, bool add);
void wg_kernel_correlate_finish_f64(
    wg_isa isa, const wg_kernel_correlation *c, const double *sums, double *weights, size_t ld, bool add);

#endif
