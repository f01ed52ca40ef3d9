/* Resampling: the generic source, resample.inc, compiled for each real type. */
#include "resample.h"

#define SOURCE "resample.inc"
#include "each_real.inc"
