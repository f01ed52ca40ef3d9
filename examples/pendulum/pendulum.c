/* Differentiating through an ODE solver. A damped pendulum,
 *
 *     angle'' = -k sin(angle) - d angle',      angle(0) = 1.2, angle'(0) = 0,
 *
 * is integrated by the classical Runge-Kutta method, with plain C code whose numbers are vars on a tape. Its parameters k
 * and d are then found from noisy samples of the angle: the Jacobian of all samples with respect to (k, d) comes through
 * the 400 steps of the integration, and Gauss-Newton steps go down the sum of squares. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <wengert.h>

enum { STEPS = 400, EVERY = 10, SAMPLES = STEPS / EVERY };

typedef struct state {
    wg_var angle, speed;
} state;

typedef struct pendulum {
    wg_var k, d; /* g / length, damping */
    wg_var zero, half, sixth, two, h;
} pendulum;

static state rate(const pendulum *p, state s)
{
    wg_var pull = wg_mul(p->k, wg_sin(s.angle)), drag = wg_mul(p->d, s.speed);
    return (state){s.speed, wg_neg(wg_add(pull, drag))};
}

/* s + h c r */
static state along(const pendulum *p, state s, state r, wg_var c)
{
    wg_var h = wg_mul(p->h, c);
    return (state){wg_add(s.angle, wg_mul(h, r.angle)), wg_add(s.speed, wg_mul(h, r.speed))};
}

static state runge_kutta(const pendulum *p, state s)
{
    wg_var one = wg_mul(p->two, p->half);
    state a = rate(p, s), b = rate(p, along(p, s, a, p->half)), c = rate(p, along(p, s, b, p->half));
    state d = rate(p, along(p, s, c, one));
    state middle = {wg_mul(p->two, wg_add(b.angle, c.angle)), wg_mul(p->two, wg_add(b.speed, c.speed))};
    state sum = {wg_add(wg_add(a.angle, d.angle), middle.angle), wg_add(wg_add(a.speed, d.speed), middle.speed)};
    return along(p, s, sum, p->sixth);
}

/* The angle at every EVERY-th step, as one array. */
static wg_var swing(wg_tape *tape, wg_var k, wg_var d)
{
    pendulum p = {.k = k,
        .d = d,
        .zero = wg_scalar(tape, 0),
        .half = wg_scalar(tape, 0.5),
        .two = wg_scalar(tape, 2),
        .sixth = wg_scalar(tape, 1.0 / 6),
        .h = wg_scalar(tape, 0.02)};
    state s = {wg_scalar(tape, 1.2), p.zero};
    wg_var sample[SAMPLES];
    for (int step = 0; step < STEPS; step++) {
        s = runge_kutta(&p, s);
        if (step % EVERY == EVERY - 1) sample[step / EVERY] = s.angle;
    }
    return wg_stack(sample, SAMPLES, 0);
}

int main(void)
{
    double measured[SAMPLES], p[2] = {6, 0.1}, J[SAMPLES][2], step = 1;
    wg_tape *tape = wg_tape_new(WG_F64);

    /* Samples of a pendulum with k = 9.8, d = 0.25, with noise of standard deviation 0.01. */
    wg_mark start = wg_tape_mark(tape);
    wg_var key = wg_indices(tape, WG_SCALAR, NULL);
    wg_var noise = wg_normal(key, WG_DIMS(SAMPLES), 0, 0.01);
    wg_var samples = wg_add(swing(tape, wg_scalar(tape, 9.8), wg_scalar(tape, 0.25)), noise);
    for (size_t i = 0; i < SAMPLES; i++) measured[i] = wg_at(samples, i);
    wg_tape_rewind(tape, start);

    wg_var k = wg_scalar_variable(tape, p[0]), d = wg_scalar_variable(tape, p[1]);
    wg_var angle = swing(tape, k, d);
    wg_stats stats;
    wg_tape_stats(tape, &stats);
    printf("%zu nodes on the tape\niteration  k         d         rms of the residual\n", stats.nodes);
    for (int iteration = 0; iteration < 30 && step > 1e-10; iteration++) {
        double A[3] = {0}, b[2] = {0}, sum = 0; /* J^T J = [A0 A1; A1 A2], b = -J^T r */
        wg_set_value(k, (const double *)&p[0]);
        wg_set_value(d, (const double *)&p[1]);
        wg_tape_replay(tape);
        if (wg_jacobian(angle, (wg_var[]){k, d}, 2, J)) break;
        for (int i = 0; i < SAMPLES; i++) {
            double r = wg_at(angle, (size_t)i) - measured[i];
            sum += r * r;
            for (int j = 0; j < 2; j++) b[j] -= J[i][j] * r;
            A[0] += J[i][0] * J[i][0], A[1] += J[i][0] * J[i][1], A[2] += J[i][1] * J[i][1];
        }
        printf("%9d  %.6f  %.6f  %.6f\n", iteration, p[0], p[1], sqrt(sum / SAMPLES));
        double determinant = A[0] * A[2] - A[1] * A[1];
        double dk = (A[2] * b[0] - A[1] * b[1]) / determinant, dd = (A[0] * b[1] - A[1] * b[0]) / determinant;
        step = fabs(dk) + fabs(dd);
        double shorter = step > 1 ? 1 / step : 1; /* far away, a full step would go too far */
        p[0] += shorter * dk;
        p[1] += shorter * dd;
    }
    printf("k = %.4f, d = %.4f, made with 9.8 and 0.25\n", p[0], p[1]);
    if (wg_tape_status(tape)) fprintf(stderr, "%s\n", wg_tape_message(tape));
    bool good = !wg_tape_status(tape) && step <= 1e-10 && fabs(p[0] - 9.8) < 0.05 && fabs(p[1] - 0.25) < 0.02;
    wg_tape_free(tape);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
