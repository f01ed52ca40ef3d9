/* The hot ops' loops, compiled for each real type and instruction set from hot.inc, and the choice among them. */
#include "ops/elementwise/hot.h"

#include "kernels/elementary.h"

#if WG_KERNEL_VECTORS

#define SOURCE "ops/elementwise/hot.inc"
#include "kernels/each.inc"

const wg_ew_hot_loops *wg_ew_hot(uint32_t rule, wg_dtype dtype, wg_isa isa, size_t *lanes)
{
    const wg_ew_hot_loops *loops =
        dtype == WG_F64 ? &CHOOSE(ew_hot_loops, f64)[rule] : &CHOOSE(ew_hot_loops, f32)[rule];
    *lanes = (size_t)(dtype == WG_F64 ? CHOOSE(lanes, f64) : CHOOSE(lanes, f32));
    return loops->value ? loops : NULL;
}

#undef CHOOSE

#else

const wg_ew_hot_loops *wg_ew_hot(uint32_t rule, wg_dtype dtype, wg_isa isa, size_t *lanes)
{
    (void)rule, (void)dtype, (void)isa, (void)lanes;
    return NULL;
}

#endif
