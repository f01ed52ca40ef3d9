/* Windows laid out as the columns of a matrix, so that a convolution is a matrix product; and the reverse, which adds the
 * columns back (K. Chellapilla, S. Puri and P. Simard, High performance convolutional neural networks for document
 * processing, 2006).
 *
 * The matrix has a row for each channel and tap, (channel, tap) row-major, and a column for each output. Both functions
 * take `count` columns from `first` on; `columns` points at column `first`, and rows are `ld` apart. */
#ifndef WG_KERNELS_IM2COL_H
#define WG_KERNELS_IM2COL_H

#include "isa.h"
#include "window.h"

/* columns = the inputs seen, 0 where the window hangs over the edge. */
void wg_kernel_im2col_f32(wg_isa isa, const wg_kernel_window *w, size_t channels, const float *in, size_t first,
    size_t count, float *columns, size_t ld);
void wg_kernel_im2col_f64(wg_isa isa, const wg_kernel_window *w, size_t channels, const double *in, size_t first,
    size_t count, double *columns, size_t ld);

/* out += each column's elements, where they were seen. */
void wg_kernel_col2im_f32(wg_isa isa, const wg_kernel_window *w, size_t channels, const float *columns, size_t ld,
    size_t first, size_t count, float *out);
void wg_kernel_col2im_f64(wg_isa isa, const wg_kernel_window *w, size_t channels, const double *columns, size_t ld,
    size_t first, size_t count, double *out);

#endif
