/* Source: autodiff/autodiff#243 (mixed second derivatives of hypot came out 0).
 * Fault kind: second derivative wrong (the recorded derivative treats a saved value as constant).
 * Right value: mpmath, and the closed form (1/r)(I - u u'). At (3,4): (0.128, -0.096; -0.096, 0.072). */
#include "case.h"

int main(void)
{
    wg_tape *t = wg_tape_new(WG_F64);
    wg_var v[2] = {wg_variable(t, WG_SCALAR, (double[]){3}), wg_variable(t, WG_SCALAR, (double[]){4})}, g[2];
    wg_var r = wg_sqrt(wg_add(wg_mul(v[0], v[0]), wg_mul(v[1], v[1])));
    expect_true("gradients", wg_gradients(r, v, 2, g) == 0);
    expect_close("dr/dx", wg_item(g[0]), 0.6, 1e-15);
    expect_close("dr/dy", wg_item(g[1]), 0.8, 1e-15);
    expect_true("backward", wg_backward(g[0]) == 0);
    expect_all("rxx", wg_grad(v[0]), 1, (double[]){0.128}, 1e-14);
    expect_all("rxy", wg_grad(v[1]), 1, (double[]){-0.096}, 1e-14);
    wg_zero_grad(t);
    expect_true("backward", wg_backward(g[1]) == 0);
    expect_ok("tape", t);
    expect_all("ryx", wg_grad(v[0]), 1, (double[]){-0.096}, 1e-14);
    expect_all("ryy", wg_grad(v[1]), 1, (double[]){0.072}, 1e-14);
    wg_tape_free(t);
    return case_done();
}
