/* Resampling: the generic source, resample.inc, compiled for each real type. */
#include "resample.h"

#define NAME_(stem, type)   wg_kernel_##stem##_##type
#define NAME_OF(stem, type) NAME_(stem, type)
#define NAME(stem)          NAME_OF(stem, TYPE)

#define TYPE f32
#define REAL float
#include "resample.inc"
#define TYPE f64
#define REAL double
#include "resample.inc"

#undef NAME_
#undef NAME_OF
#undef NAME
