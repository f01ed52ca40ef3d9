/* Source: tracel-ai/burn#5373, tenstorrent/tt-metal#56397, candle#1722.
 * Fault kind: sigmoid / softplus saturation (exp overflows, inf/inf or inf*0 in the gradient).
 * Right value: mpmath, 60 digits. softplus' = sigmoid. */
#include "case.h"

int main(void)
{
    wg_tape *t = wg_tape_new(WG_F64);
    wg_var x = wg_variable(t, WG_DIMS(5), (double[]){-800, -30, 0, 30, 800});
    wg_var y = wg_softplus(x);
    expect_true("backward", wg_backward(wg_sum(y)) == 0);
    expect_all("softplus", wg_value(y), 5,
        (double[]){0, 9.3576229688397368e-14, 0.69314718055994531, 30.000000000000094, 800}, 1e-14);
    expect_all("softplus'", wg_grad(x), 5, (double[]){0, 9.357622968839299e-14, 0.5, 0.99999999999990642, 1}, 1e-14);

    wg_var z = wg_variable(t, WG_DIMS(4), (double[]){-800, -30, 0, 800});
    wg_var s = wg_sigmoid(z);
    expect_true("backward", wg_backward(wg_sum(s)) == 0);
    expect_ok("tape", t);
    expect_all("sigmoid", wg_value(s), 4, (double[]){0, 9.357622968839299e-14, 0.5, 1}, 1e-14);
    expect_all("sigmoid'", wg_grad(z), 4, (double[]){0, 9.3576229688384234e-14, 0.25, 0}, 1e-13);
    wg_tape_free(t);
    return case_done();
}
