/* Source: pytorch/pytorch#5534 (freeing a chain of 65,000 overflows the stack), karpathy/micrograd#90 and #21
 * (recursion limit at 1,000).
 * Fault kind: deep recursion (sweep, free).
 * Right value: mpmath. y = a^n x with a = 1 + 2^-23, n = 1,000,000: dy/dx = 1.1266056724079648. */
#include "case.h"

int main(void)
{
    wg_tape *t = wg_tape_new(WG_F64);
    wg_var x = wg_variable(t, WG_SCALAR, (double[]){1}), a = wg_scalar(t, 1 + 0x1p-23), y = x;
    for (long i = 0; i < 1000000; i++) y = wg_mul(y, a);
    expect_true("backward", wg_backward(y) == 0);
    expect_ok("tape", t);
    expect_close("y", wg_item(y), 1.1266056724079648, 1e-9);
    expect_all("dy/dx", wg_grad(x), 1, (double[]){1.1266056724079648}, 1e-9);
    wg_tape_free(t);
    return case_done();
}
