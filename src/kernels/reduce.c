/* Sums, maxima, minima, products and lengths: the generic source, reduce.inc, compiled for each real type. The shape
 * alone decides the order of the additions, not the width of the vectors that carry them out. */
#include "reduce.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "isa.h"
#include "vector.h"

enum {
    KERNEL_REDUCE_BLOCK = 16, /* rows that are added one after another */
    KERNEL_REDUCE_LINE = 16,  /* sums that a line of neighbours is added to in turn */
    KERNEL_REDUCE_SHORT = 16, /* no more of them are summed without a tree where the rows are narrow */
    KERNEL_REDUCE_DIGITS = 56 /* an array of 2^61 elements has fewer than 2^53 blocks, whatever its shape */
};

#define SOURCE "reduce_block.inc"
#include "each.inc"

static void wg_kernel_sum_block_f32(size_t rows, size_t width, const float *in, size_t stride, float *sum)
{
    const wg_isa isa = wg_kernel_isa();
    CHOOSE(sum_neighbours, f32)(rows, width, in, stride, sum);
}

static void wg_kernel_sum_block_f64(size_t rows, size_t width, const double *in, size_t stride, double *sum)
{
    const wg_isa isa = wg_kernel_isa();
    CHOOSE(sum_neighbours, f64)(rows, width, in, stride, sum);
}

static void wg_kernel_sum_all_lines_f32(
    size_t rows, size_t width, const float *in, float *out, bool add, double divisor)
{
    const wg_isa isa = wg_kernel_isa();
    CHOOSE(sum_lines, f32)(rows, width, in, out, add, divisor);
}

static void wg_kernel_sum_all_lines_f64(
    size_t rows, size_t width, const double *in, double *out, bool add, double divisor)
{
    const wg_isa isa = wg_kernel_isa();
    CHOOSE(sum_lines, f64)(rows, width, in, out, add, divisor);
}

#undef CHOOSE

#define NAME_SET(stem) WG_KERNEL_PASTE(wg_kernel_##stem, TYPE, baseline)
#define SOURCE         "reduce.inc"
#include "each_real.inc"
#undef NAME_SET
