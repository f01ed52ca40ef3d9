/* Sums, maxima, minima, products and lengths: the generic source, reduce.inc, compiled for each real type. The shape
 * alone decides the order of the additions, not the width of the vectors that carry them out. */
#include "reduce.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "vector.h"

enum {
    KERNEL_REDUCE_BLOCK = 16, /* rows that are added one after another */
    KERNEL_REDUCE_SHORT = 16, /* no more of them are summed without a tree where the rows are narrow */
    KERNEL_REDUCE_DIGITS = 56 /* an array of 2^61 elements has fewer than 2^53 blocks, whatever its shape */
};

#define NAME_SET(stem) WG_KERNEL_PASTE(wg_kernel_##stem, TYPE, baseline)
#define SOURCE         "reduce.inc"
#include "each_real.inc"
#undef NAME_SET
