/* Cross-entropy: the generic source, cross_entropy.inc, compiled for each real type. */
#include "cross_entropy.h"

#include <math.h>

#include "reduce.h"
#include "softmax.h"

enum { KERNEL_ENTROPY_SHORT = 64 }; /* a row of more classes is not transposed */

#define NAME_(stem, type)   wg_kernel_##stem##_##type
#define NAME_OF(stem, type) NAME_(stem, type)
#define NAME(stem)          NAME_OF(stem, TYPE)

#define TYPE           f32
#define REAL           float
#define LIBM(function) function##f
#include "cross_entropy.inc"
#define TYPE           f64
#define REAL           double
#define LIBM(function) function
#include "cross_entropy.inc"

#undef NAME_
#undef NAME_OF
#undef NAME
