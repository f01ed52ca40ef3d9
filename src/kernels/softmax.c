/* Softmax and its kin: the generic source, softmax.inc, compiled for each real type. */
#include "softmax.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "reduce.h"

#define NAME_(stem, type)   wg_kernel_##stem##_##type
#define NAME_OF(stem, type) NAME_(stem, type)
#define NAME(stem)          NAME_OF(stem, TYPE)

#define TYPE           f32
#define REAL           float
#define LIBM(function) function##f
#include "softmax.inc"
#define TYPE           f64
#define REAL           double
#define LIBM(function) function
#include "softmax.inc"

#undef NAME_
#undef NAME_OF
#undef NAME
