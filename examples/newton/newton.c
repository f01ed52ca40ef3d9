/* Logistic regression by Newton's method. The loss is recorded once; each iteration sets new weights, replays, and asks
 * for the gradient and the Hessian:
 *
 *     loss(w) = 1/n sum softplus(-s_i w . x_i),   s_i = +1 or -1,      w <- w - H^-1 g
 *
 * The number of right digits about doubles from step to step, until there are no more:
 *
 *     iteration  loss              |gradient|
 *             0  0.69314718055995  5.2e-01
 *             ...
 *             6  0.32...           1e-16
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <wengert.h>

enum { N = 200, FEATURES = 3 }; /* two coordinates and a 1 */

/* Two clouds of points, one about (1, 0.5), the other about (-1, -0.5), each coordinate a sum of four uniform numbers. */
static double next(unsigned long long *state)
{
    *state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (double)(*state >> 33) / 2147483648.0 - 0.5;
}

static void make_points(double x[N][FEATURES], double side[N])
{
    unsigned long long state = 1;
    for (int i = 0; i < N; i++) {
        side[i] = i % 2 ? 1 : -1;
        for (int j = 0; j < 2; j++) {
            x[i][j] = side[i] * (j ? 0.5 : 1);
            for (int k = 0; k < 4; k++) x[i][j] += 2 * next(&state);
        }
        x[i][2] = 1;
    }
}

/* The loss as a function of the weights (3). */
static wg_var record_loss(wg_tape *tape, wg_var w, double x[N][FEATURES], const double *side)
{
    wg_var X = wg_constant(tape, WG_DIMS(N, FEATURES), &x[0][0]);
    wg_var s = wg_constant(tape, WG_DIMS(N), side);
    wg_var margin = wg_mul(s, wg_matmul(X, w));
    return wg_mean(wg_softplus(wg_neg(margin)));
}

/* H d = g by Gaussian elimination; H is positive definite, so no pivoting is needed. */
static void solve(double H[FEATURES][FEATURES], double *g)
{
    for (int k = 0; k < FEATURES; k++)
        for (int i = k + 1; i < FEATURES; i++) {
            double factor = H[i][k] / H[k][k];
            for (int j = k; j < FEATURES; j++) H[i][j] -= factor * H[k][j];
            g[i] -= factor * g[k];
        }
    for (int i = FEATURES - 1; i >= 0; i--) {
        for (int j = i + 1; j < FEATURES; j++) g[i] -= H[i][j] * g[j];
        g[i] /= H[i][i];
    }
}

int main(void)
{
    static double x[N][FEATURES], side[N];
    double weights[FEATURES] = {0}, norm = 1;
    make_points(x, side);
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var w = wg_name(wg_variable(tape, WG_DIMS(FEATURES), weights), "w");
    wg_var loss = record_loss(tape, w, x, side);

    printf("iteration  loss              |gradient|\n");
    for (int iteration = 0; iteration < 10 && norm > 1e-14; iteration++) {
        double H[FEATURES][FEATURES], g[FEATURES];
        wg_set_value(w, (const double *)weights);
        wg_tape_replay(tape);
        wg_zero_grad(tape);
        wg_backward(loss);
        if (wg_hessian(loss, &w, 1, H)) break;
        for (size_t j = 0; j < FEATURES; j++) g[j] = wg_grad_at(w, j);
        norm = sqrt(g[0] * g[0] + g[1] * g[1] + g[2] * g[2]);
        printf("%9d  %.14f  %.1e\n", iteration, wg_item(loss), norm);
        solve(H, g);
        for (int j = 0; j < FEATURES; j++) weights[j] -= g[j];
    }

    int right = 0;
    for (int i = 0; i < N; i++)
        right += side[i] * (weights[0] * x[i][0] + weights[1] * x[i][1] + weights[2] * x[i][2]) > 0;
    printf("w = (%.6f, %.6f, %.6f), %d of %d points on the right side\n", weights[0], weights[1], weights[2], right, N);
    if (wg_tape_status(tape)) fprintf(stderr, "%s\n", wg_tape_message(tape));
    bool good = !wg_tape_status(tape) && norm <= 1e-14;
    wg_tape_free(tape);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
