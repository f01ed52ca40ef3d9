/* The fused elementwise loops for double. */
#include "ops/elementwise/elementwise.h"

#define EW_FILE ew_loop
#include "ops/elementwise/real_f64.h"

#include "ops/elementwise/loops.inc"

#include "ops/elementwise/real_undefine.h"
#undef EW_FILE
