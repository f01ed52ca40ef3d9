// A user's program in C++: a least-squares gradient against its closed form. With r = X w - y and L = mean of r^2 over
// m rows, dL/dw = (2 / m) Xᵀ r.
#include <cmath>
#include <cstdio>
#include <vector>
#include <wengert.h>

int main()
{
    const std::vector<double> x{1, 2, 3, -1, 0.5, 4}, y{1, -2, 0.25}, w{0.5, -1.5};

    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var X = wg_constant(tape, WG_DIMS(3, 2), x.data());
    wg_var Y = wg_constant(tape, WG_DIMS(3, 1), y.data());
    wg_var W = wg_variable(tape, WG_DIMS(2, 1), w.data());
    wg_var residual = wg_sub(wg_matmul(X, W), Y);
    wg_var loss = wg_mean_axes(wg_square(residual), WG_AXES(0, 1), false);
    if (wg_backward(loss)) {
        std::printf("%s\n", wg_tape_message(tape));
        return 1;
    }

    double right[2] = {0, 0};
    for (std::size_t i = 0; i < 3; i++) {
        const double r = x[2 * i] * w[0] + x[2 * i + 1] * w[1] - y[i];
        for (std::size_t j = 0; j < 2; j++) right[j] += 2.0 / 3.0 * x[2 * i + j] * r;
    }
    int wrong = 0;
    for (std::size_t j = 0; j < 2; j++) {
        if (std::fabs(wg_grad_at(W, j) - right[j]) <= 1e-14 * std::fabs(right[j])) continue;
        std::printf("dw[%zu] is %.17g, not %.17g\n", j, wg_grad_at(W, j), right[j]);
        wrong = 1;
    }
    wg_tape_free(tape);
    return wrong;
}
