/* The fused elementwise loops for double. */
#include "ops/elementwise/elementwise.h"

#include "ops/elementwise/real_f64.h"

#include "ops/elementwise/loops.inc"

#include "ops/elementwise/real_undefine.h"
