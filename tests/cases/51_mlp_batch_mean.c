/* Source: pytorch/pytorch#3924, mlpack/mlpack#3679 (divisor m, m*n or none; factor 2),
 * datascience.stackexchange.com/questions/20139.
 * Fault kind: hand-written backprop: dW/db wrong by a factor m.
 * Right value: differences of the whole loss in mpmath. 2-3-1 sigmoid network, 4 samples in columns, MSE summed and
 * divided by the number of samples. */
#include "case.h"

int main(void)
{
    wg_tape *t = wg_tape_new(WG_F64);
    wg_var X = wg_constant(t, WG_DIMS(2, 4), (double[]){0.5, -1, 2, 0, 1, 0.25, -0.5, 1.5});
    wg_var Y = wg_constant(t, WG_DIMS(1, 4), (double[]){0, 1, 0.5, 1});
    wg_var W1 = wg_variable(t, WG_DIMS(3, 2), (double[]){0.1, -0.2, 0.4, 0.3, -0.5, 0.6});
    wg_var b1 = wg_variable(t, WG_DIMS(3, 1), (double[]){0.05, -0.1, 0.2});
    wg_var W2 = wg_variable(t, WG_DIMS(1, 3), (double[]){0.7, -0.3, 0.2});
    wg_var b2 = wg_variable(t, WG_DIMS(1, 1), (double[]){0.1});
    wg_var a1 = wg_sigmoid(wg_add(wg_matmul(W1, X), b1));
    wg_var a2 = wg_sigmoid(wg_add(wg_matmul(W2, a1), b2));
    wg_var loss = wg_mse(a2, Y, WG_BATCH_MEAN);
    expect_true("backward", wg_backward(loss) == 0);
    expect_ok("tape", t);
    expect_close("loss", wg_item(loss), 0.16916961979444875, 1e-13);
    expect_all("dW1", wg_grad(W1), 6,
        (double[]){0.01805795388574916, -0.0031029336778235884, -0.0074285881585233133, 0.0013923907635812146,
            0.0044257774268833054, -0.00011994826625356489},
        1e-11);
    expect_all("db1", wg_grad(b1), 3,
        (double[]){-0.0021093469709431007, 0.00093821586361281229, -3.2603346123412015e-5}, 1e-11);
    expect_all(
        "dW2", wg_grad(W2), 3, (double[]){-0.0028421878417308689, 0.0029319007600325555, -0.020873385267131576}, 1e-11);
    expect_all("db2", wg_grad(b2), 1, (double[]){-0.012414959362754695}, 1e-11);

    /* the three divisors, on two outputs by three samples: squares sum to 26 */
    wg_var p = wg_variable(t, WG_DIMS(2, 3), (double[]){0, 1, -1, 2, 0, 3}),
           q = wg_constant(t, WG_DIMS(2, 3), (double[]){1, 1, 1, 0, 4, 2});
    expect_close("WG_SUM", wg_item(wg_mse(p, q, WG_SUM)), 26, 1e-15);
    expect_close("WG_MEAN", wg_item(wg_mse(p, q, WG_MEAN)), 26.0 / 6, 1e-15);
    expect_close("WG_BATCH_MEAN", wg_item(wg_mse(p, q, WG_BATCH_MEAN)), 26.0 / 3, 1e-15);
    expect_true("backward", wg_backward(wg_mse(p, q, WG_BATCH_MEAN)) == 0);
    expect_all("2(p-q)/m", wg_grad(p), 6, (double[]){-2.0 / 3, 0, -4.0 / 3, 4.0 / 3, -8.0 / 3, 2.0 / 3}, 1e-14);
    wg_tape_free(t);
    return case_done();
}
