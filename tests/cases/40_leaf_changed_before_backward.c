/* Source: NVIDIA/warp#1350 (the sweep runs on the arrays as they are now, not as recorded: silently wrong),
 * pytorch/pytorch#74874.
 * Fault kind: stale tape.
 * Right value: the library's rule: a leaf changed between recording and backward is an error; after a replay the
 * gradient is that of the new value. f = x^3: 3x^2 = 75 at 5. */
#include "case.h"

int main(void)
{
    wg_tape *t = wg_tape_new(WG_F64);
    wg_var x = wg_variable(t, WG_SCALAR, (double[]){3});
    wg_var f = wg_mul(x, wg_mul(x, x));
    expect_true("set_value", wg_set_value(x, (double[]){5}) == 0);
    expect_true("backward on a stale recording fails", wg_backward(f) != 0);
    expect_error("stale", t, NULL);
    wg_zero_grad(t);
    expect_true("replay", wg_tape_replay(t) == 0);
    expect_close("value after replay", wg_item(f), 125, 0);
    expect_true("backward", wg_backward(f) == 0);
    expect_ok("tape", t);
    expect_all("df/dx", wg_grad(x), 1, (double[]){75}, 0);
    wg_tape_free(t);
    return case_done();
}
