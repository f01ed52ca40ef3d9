/* Source: apache/mxnet#18563, Theano/Theano#4568 (every tied element gets the whole gradient).
 * Fault kind: ties in max.
 * Right value: the library's convention, PyTorch's amax: the tied elements share the gradient equally. */
#include "case.h"

int main(void)
{
    wg_tape *t = wg_tape_new(WG_F64);
    wg_var x = wg_variable(t, WG_DIMS(2, 4), (double[]){3, 7, 7, 1, 5, 5, 5, 5});
    wg_var y = wg_max_axes(x, (int[]){1}, 1, false);
    wg_var k = wg_constant(t, WG_DIMS(2), (double[]){6, 8});
    expect_true("backward", wg_backward(wg_sum(wg_mul(y, k))) == 0);
    expect_ok("tape", t);
    expect_all("dx", wg_grad(x), 8, (double[]){0, 3, 3, 0, 2, 2, 2, 2}, 1e-15);
    wg_tape_free(t);
    return case_done();
}
