/* Gated linear units: one half of an axis, times a function of the other half (N. Shazeer, GLU variants improve transformer,
 * 2020). The halves are slices, which along the first axis are views and copy nothing. */
#include "ops/compose.h"
#include "wengert/ops.h"

static wg_var gated_compose(const char *name, wg_var x, int axis, wg_var (*gate)(wg_var))
{
    wg_composition c;
    uint32_t found;
    if (!wg_compose_open(&c, name, &x, 1, 0) || !wg_compose_axis(&c, x, axis, &found)) return wg_invalid(x.tape);
    size_t extent = wg_node_shape(c.tape, &c.tape->nodes[x.index])->shape.dim[found];
    if (extent % 2) {
        wg_tape_fail(c.tape, WG_ERROR_SHAPE, "%s: axis %d of %s has the odd extent %zu, and is to be halved", name,
            axis, wg_list_describe(c.tape, x.index), extent);
        return wg_invalid(c.tape);
    }
    ptrdiff_t half = (ptrdiff_t)(extent / 2);
    wg_var a = wg_slice(x, (int)found, 0, half, 1);
    wg_var b = wg_slice(x, (int)found, half, 2 * half, 1);
    return wg_compose_close(&c, wg_mul(a, gate(b)));
}

wg_var wg_glu(wg_var x, int axis) { return gated_compose("glu", x, axis, wg_sigmoid); }
wg_var wg_reglu(wg_var x, int axis) { return gated_compose("reglu", x, axis, wg_relu); }
wg_var wg_geglu(wg_var x, int axis) { return gated_compose("geglu", x, axis, wg_gelu); }
wg_var wg_swiglu(wg_var x, int axis) { return gated_compose("swiglu", x, axis, wg_silu); }
