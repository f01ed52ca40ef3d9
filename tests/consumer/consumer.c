/* A user's program in C: one backward pass of a 2-2-1 sigmoid network on one sample of XOR, against the chain rule
 * written out. With A1 = sigmoid(W1 X + b1), A2 = sigmoid(W2 A1 + b2) and L = (A2 - Y)^2:
 *     dZ2 = 2 (A2 - Y) A2 (1 - A2),  dW2 = dZ2 A1ᵀ,  db2 = dZ2
 *     dZ1 = (W2ᵀ dZ2) A1 (1 - A1),   dW1 = dZ1 Xᵀ,   db1 = dZ1
 * It calls nothing of libm itself: linking the library must be enough. */
#include <stdio.h>
#include <wengert.h>

static int wrong;

static void expect(const char *name, double value, double right)
{
    double error = value < right ? right - value : value - right;
    if (error <= 1e-14 * (right < 0 ? -right : right)) return;
    printf("%s is %.17g, not %.17g\n", name, value, right);
    wrong = 1;
}

int main(void)
{
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var W1 = wg_variable(tape, WG_DIMS(2, 2), (double[]){0.5, 0.3, 0.2, 0.4});
    wg_var b1 = wg_variable(tape, WG_DIMS(2, 1), (double[]){0.1, 0.2});
    wg_var W2 = wg_variable(tape, WG_DIMS(1, 2), (double[]){0.6, 0.7});
    wg_var b2 = wg_variable(tape, WG_DIMS(1, 1), (double[]){0.3});
    wg_var X = wg_constant(tape, WG_DIMS(2, 1), (double[]){0, 1});
    wg_var Y = wg_constant(tape, WG_DIMS(1, 1), (double[]){1});

    wg_var A1 = wg_sigmoid(wg_add(wg_matmul(W1, X), b1));
    wg_var A2 = wg_sigmoid(wg_add(wg_matmul(W2, A1), b2));
    wg_var loss = wg_mse(A2, Y, WG_BATCH_MEAN);
    if (wg_backward(loss)) {
        printf("%s\n", wg_tape_message(tape));
        return 1;
    }

    double h[2] = {0.5986876601124520003, 0.6456563062257954529}; /* the sigmoids of 0.4 and 0.6 */
    double y = 0.7523475458391755774;                             /* and of 0.6 h[0] + 0.7 h[1] + 0.3 */
    double dZ2 = 2 * (y - 1) * y * (1 - y);
    double dZ1[2] = {0.6 * dZ2 * h[0] * (1 - h[0]), 0.7 * dZ2 * h[1] * (1 - h[1])};
    expect("the loss", wg_item(loss), (y - 1) * (y - 1));
    expect("db2", wg_grad_at(b2, 0), dZ2);
    for (size_t i = 0; i < 2; i++) {
        expect("dW2", wg_grad_at(W2, i), dZ2 * h[i]);
        expect("db1", wg_grad_at(b1, i), dZ1[i]);
        expect("dW1, of the input 0", wg_grad_at(W1, 2 * i), 0);
        expect("dW1, of the input 1", wg_grad_at(W1, 2 * i + 1), dZ1[i]);
    }
    wg_tape_free(tape);
    return wrong;
}
