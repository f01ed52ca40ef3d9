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
