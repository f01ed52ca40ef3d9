/* Normalised rows: the generic source, normalize.inc, compiled for each real type. */
#include "normalize.h"

#include <float.h>
#include <math.h>

enum { KERNEL_NORMALIZE_BLOCK = 512 }; /* elements whose sum is not compensated */

#define NAME_(stem, type)   wg_kernel_##stem##_##type
#define NAME_OF(stem, type) NAME_(stem, type)
#define NAME(stem)          NAME_OF(stem, TYPE)

#define TYPE           f32
#define REAL           float
#define LANES          16
#define LIBM(function) function##f
#define REAL_MIN       FLT_MIN
#define REAL_EPSILON   FLT_EPSILON
#include "normalize.inc"
#define TYPE           f64
#define REAL           double
#define LANES          8
#define LIBM(function) function
#define REAL_MIN       DBL_MIN
#define REAL_EPSILON   DBL_EPSILON
#include "normalize.inc"

#undef NAME_
#undef NAME_OF
#undef NAME
