/* Cross-entropy: the generic source, cross_entropy.inc, compiled for each real type. */
#include "cross_entropy.h"

#include <math.h>

#include "reduce.h"
#include "softmax.h"

enum { KERNEL_ENTROPY_SHORT = 64 }; /* a row of more classes is not transposed */

#define SOURCE "cross_entropy.inc"
#include "each_real.inc"
