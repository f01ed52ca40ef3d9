/* Softmax and its kin: the generic source, softmax.inc, compiled for each real type. */
#include "softmax.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "reduce.h"

#define SOURCE "softmax.inc"
#include "each_real.inc"
