/* Pooling: the generic source, pool.inc, compiled for each real type. Each loop runs over the taps first, then along rows
 * of windows, so that neighbours are computed together. */
#include "pool.h"

#include <math.h>

/* How many taps of the window at output p lie inside along one axis; there is no dilation. */
static size_t kernel_pool_extent(const wg_kernel_window *w, size_t axis, size_t p, bool inside)
{
    size_t padding = w->padding[axis], start = p * w->stride[axis],
           end = start + w->kernel[axis]; /* in the padded input */
    size_t low = inside ? padding : 0, high = padding + w->in[axis] + (inside ? 0 : padding);
    if (start < low) start = low;
    if (end > high) end = high;
    return end - start;
}

/* The length of a part: about the square root of the number of taps, so that rounding grows no faster than that. */
enum { KERNEL_POOL_PART = 16 }; /* at least */
static size_t kernel_pool_part(const wg_kernel_window *w)
{
    size_t length = KERNEL_POOL_PART, taps = wg_kernel_window_taps(w);
    while (length < taps / length) length *= 2;
    return length;
}

bool wg_kernel_pool_parts(const wg_kernel_window *w) { return wg_kernel_window_taps(w) > 2 * KERNEL_POOL_PART; }

#define NAME_(stem, type)   wg_kernel_pool_##stem##_##type
#define NAME_OF(stem, type) NAME_(stem, type)
#define NAME(stem)          NAME_OF(stem, TYPE)

#define TYPE f32
#define REAL float
#include "pool.inc"
#define TYPE f64
#define REAL double
#include "pool.inc"

#undef NAME_
#undef NAME_OF
#undef NAME
