/* Curve fitting by Gauss-Newton. The parameters of y = a e^(-b t) + c are fitted to noisy samples:
 * the residuals r(p) are recorded once, and each iteration asks for their Jacobian J and solves the linear least-squares
 * problem
 *
 *     min |J d + r|,   p <- p + d
 *
 * by the normal equations J^T J d = -J^T r. At the end, s^2 (J^T J)^-1 with s^2 = |r|^2 / (n - 3) estimates the
 * parameters' variances. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <wengert.h>

enum { SAMPLES = 60, PARAMETERS = 3 };

static const double truth[PARAMETERS] = {2.5, 1.3, 0.5};

/* Samples of the true curve with noise of standard deviation about 0.02. */
static void make_samples(double *t, double *y)
{
    unsigned long long state = 7;
    for (int i = 0; i < SAMPLES; i++) {
        double noise = 0;
        for (int k = 0; k < 12; k++) {
            state = state * 6364136223846793005ULL + 1442695040888963407ULL;
            noise += (double)(state >> 33) / 2147483648.0 - 0.5;
        }
        t[i] = 4.0 * i / (SAMPLES - 1);
        y[i] = truth[0] * exp(-truth[1] * t[i]) + truth[2] + 0.02 * noise;
    }
}

/* Solves A x = b for a symmetric positive definite A and k right sides, on a tape of its own. */
static void solve(const double *A, const double *b, size_t k, double *x)
{
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var factor = wg_cholesky(wg_constant(tape, WG_DIMS(PARAMETERS, PARAMETERS), A));
    wg_var solution = wg_cholesky_solve(factor, wg_constant(tape, WG_DIMS(PARAMETERS, k), b));
    for (size_t i = 0; i < PARAMETERS * k; i++) x[i] = wg_at(solution, i);
    if (wg_tape_status(tape)) fprintf(stderr, "%s\n", wg_tape_message(tape));
    wg_tape_free(tape);
}

int main(void)
{
    double t[SAMPLES], y[SAMPLES], J[SAMPLES][PARAMETERS], A[PARAMETERS][PARAMETERS], b[PARAMETERS], d[PARAMETERS];
    double p[PARAMETERS] = {1, 1, 0}, step = 1, s2 = 0;
    make_samples(t, y);
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var parameter[PARAMETERS];
    for (int j = 0; j < PARAMETERS; j++) parameter[j] = wg_scalar_variable(tape, p[j]);
    wg_var time = wg_constant(tape, WG_DIMS(SAMPLES), (const double *)t),
           measured = wg_constant(tape, WG_DIMS(SAMPLES), (const double *)y);
    wg_var decay = wg_exp(wg_neg(wg_mul(parameter[1], time)));
    wg_var curve = wg_add(wg_mul(parameter[0], decay), parameter[2]);
    wg_var residual = wg_sub(curve, measured);

    printf("iteration  a         b         c         |r|\n");
    for (int iteration = 0; iteration < 20 && step > 1e-12; iteration++) {
        for (int j = 0; j < PARAMETERS; j++) wg_set_value(parameter[j], (const double *)&p[j]);
        wg_tape_replay(tape);
        if (wg_jacobian(residual, parameter, PARAMETERS, J)) break;
        s2 = step = 0;
        for (int j = 0; j < PARAMETERS; j++) {
            b[j] = 0;
            for (int k = 0; k < PARAMETERS; k++) A[j][k] = 0;
        }
        for (int i = 0; i < SAMPLES; i++) {
            double r = wg_at(residual, (size_t)i);
            s2 += r * r;
            for (int j = 0; j < PARAMETERS; j++) {
                b[j] -= J[i][j] * r;
                for (int k = 0; k < PARAMETERS; k++) A[j][k] += J[i][j] * J[i][k];
            }
        }
        printf("%9d  %.6f  %.6f  %.6f  %.6f\n", iteration, p[0], p[1], p[2], sqrt(s2));
        solve(&A[0][0], b, 1, d);
        for (int j = 0; j < PARAMETERS; j++) {
            p[j] += d[j];
            step += fabs(d[j]);
        }
    }

    const double identity[] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
    double covariance[PARAMETERS * PARAMETERS];
    bool good = !wg_tape_status(tape) && step <= 1e-12;
    solve(&A[0][0], identity, PARAMETERS, covariance);
    for (int j = 0; j < PARAMETERS; j++) {
        double deviation = sqrt(covariance[4 * j] * s2 / (SAMPLES - PARAMETERS));
        printf("%c = %.4f +- %.4f, made with %.4f\n", "abc"[j], p[j], deviation, truth[j]);
        good = good && fabs(p[j] - truth[j]) < 4 * deviation;
    }
    if (wg_tape_status(tape)) fprintf(stderr, "%s\n", wg_tape_message(tape));
    wg_tape_free(tape);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
