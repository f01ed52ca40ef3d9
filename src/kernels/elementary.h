/* Elementary functions of vectors, for every kernel to use: after this header NAME(exp)(v) stands beside vector.h's words
 * in a source that each.inc compiles.
 *
 *     exp, expm1, log, log1p, sin, cos, tanh
 *     sigmoid    1 / (1 + e^-x)
 *     silu       x / (1 + e^-x)
 *     softplus   log(1 + e^x)
 *
 * Each is within 2 units in the last place (silu: 3) of the exact value over the whole range, numbers below the normal ones
 * included; NaN, infinities and signed zeros are as C's annex F has them. A lane's bits depend on that lane alone, and on
 * the instruction set. Where there are no vectors of GNU C, each lane is libm's. */
#ifndef WG_KERNELS_ELEMENTARY_H
#define WG_KERNELS_ELEMENTARY_H

#include <float.h>
#include <math.h>
#include <stdint.h>

#include "vector.h"

#define SOURCE "elementary.inc"
#include "each.inc"
#undef CHOOSE

#endif
