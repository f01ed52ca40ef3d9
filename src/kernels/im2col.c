/* Windows as columns: the generic source, im2col.inc, compiled for each real type and instruction set, and the choice
 * among them. */
#include "im2col.h"

#include "vector.h"

#define NARROW
#define SOURCE "im2col.inc"
#include "each.inc"

void wg_kernel_im2col_f32(wg_isa isa, const wg_kernel_window *w, size_t channels, const float *in, size_t first,
    size_t count, float *columns, size_t ld)
{
    CHOOSE(im2col, f32)(w, channels, in, first, count, columns, ld);
}

void wg_kernel_im2col_f64(wg_isa isa, const wg_kernel_window *w, size_t channels, const double *in, size_t first,
    size_t count, double *columns, size_t ld)
{
    CHOOSE(im2col, f64)(w, channels, in, first, count, columns, ld);
}

void wg_kernel_col2im_f32(wg_isa isa, const wg_kernel_window *w, size_t channels, const float *columns, size_t ld,
    size_t first, size_t count, float *out)
{
    CHOOSE(col2im, f32)(w, channels, columns, ld, first, count, out);
}

void wg_kernel_col2im_f64(wg_isa isa, const wg_kernel_window *w, size_t channels, const double *columns, size_t ld,
    size_t first, size_t count, double *out)
{
    CHOOSE(col2im, f64)(w, channels, columns, ld, first, count, out);
}

#undef CHOOSE
