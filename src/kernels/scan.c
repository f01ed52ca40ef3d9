/* Running sums and products: the generic source, scan.inc, compiled for each real type. */
#include "scan.h"

#include <math.h>

#define SOURCE "scan.inc"
#include "each_real.inc"
