/* Scalar code on 0-d vars: nanoseconds per operation to record and to sweep back, every check included, and bytes per
 * operation.
 *
 *     cheap   500,000 times { a = y p; y = a + q }, from (y, p, q) = (.5, .9999, 1e-4): a chain
 *     lj      the Lennard-Jones energy of 400 atoms on a disturbed lattice: 79,800 pairs of 15 operations
 *
 * Each is validated first: cheap against its closed form, lj against the same code on plain doubles and the fact that the
 * forces of a closed system add up to nothing. The time of the plain doubles is printed beside as the floor. */
#include "support/bench.h"

#include <wengert.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REPEATS = 15, ATOMS = 400, CHEAP_STEPS = 500000 };

typedef struct workload {
    const char *name;
    size_t inputs;
    double operations;
    double x[3 * ATOMS];
    wg_var (*record)(wg_tape *tape, const wg_var *x);
    double (*plain)(const double *x);
} workload;

/* ---- cheap -------------------------------------------------------------------------------------------------------- */

static wg_var cheap_record(wg_tape *tape, const wg_var *x)
{
    (void)tape;
    wg_var y = x[0];
    for (int i = 0; i < CHEAP_STEPS; i++) {
        wg_var a = wg_mul(y, x[1]);
        y = wg_add(a, x[2]);
    }
    return y;
}

static double cheap_plain(const double *x)
{
    double y = x[0];
    for (int i = 0; i < CHEAP_STEPS; i++) y = y * x[1] + x[2];
    return y;
}

/* dy/dy0 = p^n, dy/dq = (1 - p^n) / (1 - p). */
static int cheap_is_right(const double *x, const wg_var *v)
{
    double power = pow(x[1], CHEAP_STEPS), sum = (1 - power) / (1 - x[1]);
    double dy = fabs(wg_grad_at(v[0], 0) - power), dq = fabs(wg_grad_at(v[2], 0) / sum - 1);
    return dy <= 1e-12 && dq < 1e-9;
}

/* ---- lj ------------------------------------------------------------------------------------------------------------ */

static wg_var lj_record(wg_tape *tape, const wg_var *x)
{
    wg_var energy = wg_scalar(tape, 0), one = wg_scalar(tape, 1), four = wg_scalar(tape, 4);
    for (int i = 0; i < ATOMS; i++)
        for (int j = 0; j < i; j++) {
            wg_var dx = wg_sub(x[3 * i], x[3 * j]);
            wg_var dy = wg_sub(x[3 * i + 1], x[3 * j + 1]);
            wg_var dz = wg_sub(x[3 * i + 2], x[3 * j + 2]);
            wg_var xx = wg_mul(dx, dx);
            wg_var yy = wg_mul(dy, dy);
            wg_var zz = wg_mul(dz, dz);
            wg_var r2 = wg_add(wg_add(xx, yy), zz);
            wg_var inverse = wg_div(one, r2);
            wg_var s6 = wg_mul(wg_mul(inverse, inverse), inverse);
            wg_var pair = wg_sub(wg_mul(s6, s6), s6);
            energy = wg_add(energy, wg_mul(four, pair));
        }
    return energy;
}

static double lj_plain(const double *x)
{
    double energy = 0;
    for (int i = 0; i < ATOMS; i++)
        for (int j = 0; j < i; j++) {
            double dx = x[3 * i] - x[3 * j], dy = x[3 * i + 1] - x[3 * j + 1], dz = x[3 * i + 2] - x[3 * j + 2];
            double inverse = 1 / (dx * dx + dy * dy + dz * dz), s6 = inverse * inverse * inverse;
            energy += 4 * (s6 * s6 - s6);
        }
    return energy;
}

static int lj_is_right(const wg_var *v)
{
    double sum[3] = {0}, size = 0;
    for (size_t i = 0; i < 3 * ATOMS; i++) {
        sum[i % 3] += wg_grad_at(v[i], 0);
        size += fabs(wg_grad_at(v[i], 0));
    }
    return size > 0 && fabs(sum[0]) + fabs(sum[1]) + fabs(sum[2]) < 1e-12 * size;
}

static double lj_place(int i)
{
    int atom = i / 3, axis = i % 3, cell = axis == 0 ? atom % 8 : axis == 1 ? atom / 8 % 8 : atom / 64;
    return 1.1 * cell + .05 * sin(1.3 * i);
}

/* ---- measuring ----------------------------------------------------------------------------------------------------- */

static int measure(const workload *w)
{
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var *x = malloc(w->inputs * sizeof *x);
    double record[REPEATS], reverse[REPEATS], again[REPEATS], plain[REPEATS], per = 1e9 / w->operations;
    if (!tape || !x) return 1;
    for (size_t i = 0; i < w->inputs; i++) x[i] = wg_scalar_variable(tape, w->x[i]);
    wg_mark start = wg_tape_mark(tape);
    wg_stats stats;
    int right = 1;
    double moved[3 * ATOMS];
    memcpy(moved, w->x, sizeof moved);
    for (int r = -1; r < REPEATS; r++) { /* the first round touches the memory and is not counted */
        wg_tape_rewind(tape, start);
        wg_zero_grad(tape);
        double t0 = bench_now();
        wg_var y = w->record(tape, x);
        double t1 = bench_now();
        wg_backward(y);
        double t2 = bench_now();
        if (r >= 0) moved[0] += 1e-9;
        volatile double floor_value = w->plain(moved); /* moved, so that no round can be left out */
        double t3 = bench_now();
        if (r < 0) {
            double want = floor_value;
            right = wg_tape_status(tape) == WG_OK && fabs(wg_item(y) - want) <= 1e-9 * fabs(want) &&
                    (w->inputs == 3 ? cheap_is_right(w->x, x) : lj_is_right(x));
            continue;
        }
        double t4 = bench_now();
        wg_tape_replay(tape);
        double t5 = bench_now();
        record[r] = t1 - t0;
        reverse[r] = t2 - t1;
        plain[r] = t3 - t2;
        again[r] = t5 - t4;
    }
    wg_tape_stats(tape, &stats);
    if (!right) printf("%-6s WRONG: %s\n", w->name, wg_tape_message(tape));
    printf("%-6s record %5.2f   reverse %5.2f   replay %5.2f   plain doubles %5.2f ns/op   %5.1f bytes/op\n", w->name,
        bench_median(record, REPEATS) * per, bench_median(reverse, REPEATS) * per, bench_median(again, REPEATS) * per,
        bench_median(plain, REPEATS) * per, (double)stats.bytes_in_use / w->operations);
    wg_tape_free(tape);
    free(x);
    return !right;
}

int main(void)
{
    static workload cheap = {.name = "cheap",
        .inputs = 3,
        .operations = 2.0 * CHEAP_STEPS,
        .x = {.5, .9999, 1e-4},
        .record = cheap_record,
        .plain = cheap_plain};
    static workload lj = {.name = "lj",
        .inputs = 3 * ATOMS,
        .operations = 15.0 * ATOMS * (ATOMS - 1) / 2,
        .record = lj_record,
        .plain = lj_plain};
    for (int i = 0; i < 3 * ATOMS; i++) lj.x[i] = lj_place(i);
    int wrong = measure(&cheap);
    return measure(&lj) || wrong;
}
