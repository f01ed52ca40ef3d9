/* Running sums and products: the generic source, scan.inc, compiled for each real type. */
#include "scan.h"

#include <math.h>

#define NAME_(stem, type)   wg_kernel_##stem##_##type
#define NAME_OF(stem, type) NAME_(stem, type)
#define NAME(stem)          NAME_OF(stem, TYPE)

#define TYPE           f32
#define REAL           float
#define LIBM(function) function##f
#include "scan.inc"
#define TYPE           f64
#define REAL           double
#define LIBM(function) function
#include "scan.inc"

#undef NAME_
#undef NAME_OF
#undef NAME
