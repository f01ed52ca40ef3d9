/* The scalar path for double. */
#include "ops/elementwise/elementwise.h"

#define EW_FILE ew_scalar
#include "ops/elementwise/real_f64.h"

#include "ops/elementwise/scalar.inc"

#include "ops/elementwise/real_undefine.h"
#undef EW_FILE
