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

#define NAME_(stem, type)   wg_kernel_##stem##_##type
#define NAME_OF(stem, type) NAME_(stem, type)
#define NAME(stem)          NAME_OF(stem, TYPE)
#define NAME_SET(stem)      WG_KERNEL_PASTE(wg_kernel_##stem, TYPE, baseline)

#define TYPE           f32
#define REAL           float
#define LIBM(function) function##f
#define REAL_MAX       FLT_MAX
#define REAL_MIN       FLT_MIN
#define REAL_MIN_EXP   FLT_MIN_EXP
#include "reduce.inc"
#define TYPE           f64
#define REAL           double
#define LIBM(function) function
#define REAL_MAX       DBL_MAX
#define REAL_MIN       DBL_MIN
#define REAL_MIN_EXP   DBL_MIN_EXP
#include "reduce.inc"

#undef NAME_
#undef NAME_OF
#undef NAME
#undef NAME_SET
