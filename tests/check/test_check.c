/* Checking gradients written by hand: verdicts, numbers in every precision, wrong shapes, several mistakes at once, misuse.
 * The gradients that are right are derived here by hand, in plain loops. */
#include "wengert.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* ---- a probe: L = 1/m sum (tanh(W X + b) - Y)^2 ------------------------------------------------------------------------- */

enum { IN = 3, OUT = 4, M = 5 };

typedef struct probe {
    wg_tape *tape;
    wg_var X, Y, W, b, Z, A, loss;
    double dW[OUT * IN], db[OUT], dZ[OUT * M], dA[OUT * M], dX[IN * M], dY[OUT * M];
} probe;

static double probe_number(int i) { return sin(1.7 * i + 0.3); }

static void probe_derive(probe *p, const double *W, const double *X, const double *b, const double *Y)
{
    memset(p->dW, 0, sizeof p->dW);
    memset(p->db, 0, sizeof p->db);
    memset(p->dX, 0, sizeof p->dX);
    for (int i = 0; i < OUT; i++)
        for (int s = 0; s < M; s++) {
            double z = b[i];
            for (int k = 0; k < IN; k++) z += W[i * IN + k] * X[k * M + s];
            double a = tanh(z), dA = 2.0 / M * (a - Y[i * M + s]), dZ = dA * (1 - a * a);
            p->dA[i * M + s] = dA;
            p->dY[i * M + s] = -dA;
            p->dZ[i * M + s] = dZ;
            p->db[i] += dZ;
            for (int k = 0; k < IN; k++) {
                p->dW[i * IN + k] += dZ * X[k * M + s];
                p->dX[k * M + s] += dZ * W[i * IN + k];
            }
        }
}

static probe probe_make(wg_dtype dtype)
{
    probe p = {.tape = wg_tape_new(dtype)};
    double W[OUT * IN], X[IN * M], b[OUT], Y[OUT * M];
    for (int i = 0; i < OUT * IN; i++) W[i] = (float)probe_number(i);
    for (int i = 0; i < IN * M; i++) X[i] = (float)probe_number(i + 50);
    for (int i = 0; i < OUT; i++) b[i] = (float)probe_number(i + 100);
    for (int i = 0; i < OUT * M; i++) Y[i] = (float)probe_number(i + 150);
    probe_derive(&p, W, X, b, Y);
    p.W = wg_name(wg_variable(p.tape, WG_DIMS(OUT, IN), W), "W");
    p.X = wg_name(wg_constant(p.tape, WG_DIMS(IN, M), X), "X");
    p.b = wg_name(wg_variable(p.tape, WG_DIMS(OUT, 1), b), "b");
    p.Y = wg_name(wg_constant(p.tape, WG_DIMS(OUT, M), Y), "Y");
    p.Z = wg_name(wg_add(wg_matmul(p.W, p.X), p.b), "Z");
    p.A = wg_name(wg_tanh(p.Z), "A");
    p.loss = wg_name(wg_mse(p.A, p.Y, WG_BATCH_MEAN), "L");
    assert_true(wg_ok(p.loss));
    return p;
}

static const wg_check_report *run(wg_check *check)
{
    const wg_check_report *report = NULL;
    wg_status status = wg_check_run(check, &report);
    if (status != WG_OK) print_error("%s\n", wg_check_message(check));
    assert_int_equal(status, WG_OK);
    assert_non_null(report);
    return report;
}

static bool names(const wg_check_report *report, wg_cause cause, const char *gradient)
{
    for (size_t k = 0; k < report->causes_count; k++) {
        const wg_check_cause *c = &report->causes[k];
        if (c->rank == 1 && c->cause == cause && !strcmp(c->name, gradient)) return true;
    }
    return false;
}

/* ---- right ------------------------------------------------------------------------------------------------------------------ */

static void right_everywhere(wg_dtype dtype)
{
    probe p = probe_make(dtype);
    size_t nodes = wg_node_count(p.tape);
    wg_check *check = wg_check_new(p.loss);
    double one = 1;
    assert_int_equal(wg_check_supply_f64(check, p.W, WG_DIMS(OUT, IN), p.dW), WG_OK);
    assert_int_equal(wg_check_supply_f64(check, p.b, WG_DIMS(OUT), p.db), WG_OK); /* extents of 1 do not matter */
    assert_int_equal(wg_check_supply_f64(check, p.X, WG_DIMS(IN, M), p.dX), WG_OK);
    assert_int_equal(wg_check_supply_f64(check, p.Y, WG_DIMS(OUT, M), p.dY), WG_OK);
    assert_int_equal(wg_check_supply_f64(check, p.Z, WG_DIMS(OUT, M), p.dZ), WG_OK);
    assert_int_equal(wg_check_supply_f64(check, p.A, WG_DIMS(OUT, M), p.dA), WG_OK);
    assert_int_equal(wg_check_supply_f64(check, p.loss, WG_SCALAR, &one), WG_OK);
    const wg_check_report *report = run(check);
    assert_true(report->right);
    assert_int_equal(report->gradients_count, 7);
    assert_int_equal(report->causes_count, 0);
    assert_int_equal(report->blind_spots_count, 0);
    for (size_t k = 0; k < 7; k++) assert_true(report->gradients[k].right && report->gradients[k].shape_fits);
    assert_string_equal(report->gradients[1].name, "db");
    assert_int_equal(wg_node_count(p.tape), nodes); /* the caller's tape is only read */
    assert_true(wg_grad_at(p.W, 0) == 0);
    assert_int_equal(wg_tape_status(p.tape), WG_OK);
    wg_check_free(check);
    wg_tape_free(p.tape);
}

static void test_right_on_a_double_tape(void **state)
{
    (void)state;
    right_everywhere(WG_F64);
}

/* The reference is made in double whatever the tape's dtype. */
static void test_right_on_a_float_tape(void **state)
{
    (void)state;
    right_everywhere(WG_F32);
}

static double rounded(double x, int bits)
{
    int exponent;
    double fraction = frexp(x, &exponent);
    return ldexp(nearbyint(ldexp(fraction, bits)), exponent - bits);
}

/* Numbers rounded to fewer bits than their type has are right, and it is said what they carry. */
static void test_rounded_numbers(void **state)
{
    (void)state;
    static const int formats[] = {24, 11, 8};
    for (size_t f = 0; f < 3; f++) {
        probe p = probe_make(WG_F64);
        wg_check *check = wg_check_new(p.loss);
        for (int i = 0; i < OUT * IN; i++) p.dW[i] = rounded(p.dW[i], formats[f]);
        wg_check_supply_f64(check, p.W, WG_DIMS(OUT, IN), p.dW);
        const wg_check_report *report = run(check);
        assert_true(report->right);
        assert_int_equal(report->gradients[0].bits, formats[f]);
        assert_true(names(report, WG_CAUSE_PRECISION, "dW"));
        wg_check_free(check);
        wg_tape_free(p.tape);
    }
}

/* Doubles that were computed in float, with numbers of other sizes and a few of them alone. The same relative error in all
 * of them is no rounding. */
static void test_floats_in_double(void **state)
{
    (void)state;
    static const double x[] = {4, -0.01, 30, 0.2, 1e-3}, shares[] = {0.9, -0.7, 0.1, -0.95, 0.6};
    for (size_t n = 2; n <= 5; n++)
        for (int same = 0; same < 2; same++) {
            double numbers[5];
            wg_tape *tape = wg_tape_new(WG_F64);
            wg_var v = wg_name(wg_variable(tape, WG_DIMS(n), x), "x");
            wg_check *check = wg_check_new(wg_sum(wg_exp(v)));
            for (size_t i = 0; i < n; i++) numbers[i] = exp(x[i]) * (1 + 0x1p-24 * (same ? 0.9 : shares[i]));
            assert_int_equal(wg_check_supply_f64(check, v, WG_DIMS(n), numbers), WG_OK);
            const wg_check_report *report = run(check);
            assert_int_equal(report->right, !same);
            if (!same) assert_true(names(report, WG_CAUSE_PRECISION, "dx"));
            wg_check_free(check);
            wg_tape_free(tape);
        }
}

/* A value that the loss does not depend on has a gradient of zeros. */
static void test_unreached(void **state)
{
    (void)state;
    probe p = probe_make(WG_F64);
    wg_var aside = wg_name(wg_exp(p.W), "aside");
    double zeros[OUT * IN] = {0};
    wg_check *check = wg_check_new(p.loss);
    wg_check_supply_f64(check, aside, WG_DIMS(OUT, IN), zeros);
    wg_check_supply_f64(check, p.W, WG_DIMS(OUT, IN), p.dW);
    assert_true(run(check)->right);
    zeros[3] = 1e-30;
    wg_check_supply_f64(check, aside, WG_DIMS(OUT, IN), zeros);
    const wg_check_report *report = run(check);
    assert_false(report->right);
    assert_int_equal(report->gradients[0].wrong, 1);
    assert_true(report->gradients[1].right);
    wg_check_free(check);
    wg_tape_free(p.tape);
}

static void test_nothing_supplied_and_nothing_in_it(void **state)
{
    (void)state;
    probe p = probe_make(WG_F64);
    wg_check *check = wg_check_new(p.loss);
    assert_true(run(check)->right);
    wg_var empty = wg_variable(p.tape, WG_DIMS(0, 3), (const double *)NULL);
    wg_var loss = wg_add(wg_sum(empty), wg_sum(p.W));
    wg_check_free(check);
    check = wg_check_new(loss);
    wg_check_supply_f64(check, empty, WG_DIMS(0, 3), NULL);
    assert_true(run(check)->right);
    wg_check_free(check);
    wg_tape_free(p.tape);
}

/* ---- wrong ------------------------------------------------------------------------------------------------------------------ */

/* The holes of other checkers: each is caught, in each precision that can show it. */
static void test_small_errors(void **state)
{
    (void)state;
    static const struct {
        double factor;
        int bits;
    } cases[] = {{1.0005, 53}, {1.0005, 24}, {-1, 53}, {-1, 24}, {-1, 11}, {1 + 1e-11, 53}, {1.1, 11}, {0, 53}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        probe p = probe_make(WG_F64);
        wg_check *check = wg_check_new(p.loss);
        for (int i = 0; i < OUT * IN; i++) p.dW[i] = rounded(p.dW[i] * cases[c].factor, cases[c].bits);
        wg_check_supply_f64(check, p.W, WG_DIMS(OUT, IN), p.dW);
        wg_check_supply_f64(check, p.b, WG_DIMS(OUT, 1), p.db);
        const wg_check_report *report = run(check);
        assert_false(report->right);
        assert_false(report->gradients[0].right);
        assert_true(report->gradients[1].right);
        if (cases[c].factor == -1) assert_true(names(report, WG_CAUSE_SIGN, "dW"));
        wg_check_free(check);
        wg_tape_free(p.tape);
    }
}

/* One entry that differs by what a float would hide, among doubles that are right, is no rounding. */
static void test_one_small_error(void **state)
{
    (void)state;
    probe p = probe_make(WG_F64);
    wg_check *check = wg_check_new(p.loss);
    p.dW[4] *= 1 + 1e-9;
    wg_check_supply_f64(check, p.W, WG_DIMS(OUT, IN), p.dW);
    const wg_check_report *report = run(check);
    assert_false(report->right);
    assert_int_equal(report->gradients[0].wrong, 1);
    assert_true(report->gradients[0].worst[0] == 1 && report->gradients[0].worst[1] == 1);
    wg_check_free(check);
    wg_tape_free(p.tape);
}

static void test_not_a_number(void **state)
{
    (void)state;
    static const double bad[] = {(double)NAN, (double)INFINITY, -(double)INFINITY};
    for (size_t c = 0; c < 3; c++) {
        probe p = probe_make(WG_F64);
        wg_check *check = wg_check_new(p.loss);
        p.dW[7] = bad[c]; /* row 2, column 1 */
        wg_check_supply_f64(check, p.W, WG_DIMS(OUT, IN), p.dW);
        const wg_check_report *report = run(check);
        const wg_check_gradient *g = &report->gradients[0];
        assert_false(g->right);
        assert_int_equal(g->wrong, 1);
        assert_true(g->worst[0] == 2 && g->worst[1] == 1);
        assert_true(g->box[0][0] == 2 && g->box[1][0] == 2 && g->box[0][1] == 1 && g->box[1][1] == 1);
        wg_check_free(check);
        wg_tape_free(p.tape);
    }
}

/* What is no known mistake is called unknown, and located. */
static void test_unknown(void **state)
{
    (void)state;
    probe p = probe_make(WG_F64);
    wg_check *check = wg_check_new(p.loss);
    p.dW[4] += 0.125; /* (1,1) */
    p.dW[8] -= 0.5;   /* (2,2): worse */
    wg_check_supply_f64(check, p.W, WG_DIMS(OUT, IN), p.dW);
    wg_check_supply_f64(check, p.b, WG_DIMS(OUT, 1), p.db);
    wg_check_supply_f64(check, p.Z, WG_DIMS(OUT, M), p.dZ);
    const wg_check_report *report = run(check);
    assert_false(report->right);
    const wg_check_gradient *g = &report->gradients[0];
    assert_int_equal(g->wrong, 2);
    assert_true(g->worst[0] == 2 && g->worst[1] == 2);
    assert_true(g->box[0][0] == 1 && g->box[0][1] == 1 && g->box[1][0] == 2 && g->box[1][1] == 2);
    assert_true(g->supplied == p.dW[8] && fabs(g->expected - (p.dW[8] + 0.5)) < 1e-15);
    assert_int_equal(report->causes_count, 1);
    assert_true(names(report, WG_CAUSE_UNKNOWN, "dW"));
    assert_string_equal(report->causes[0].edge, "Z -> W");
    wg_check_free(check);
    wg_tape_free(p.tape);
}

/* Half as much again, but for differences that are all near the floor of numbers with 11 bits: that is no rounding. */
static void test_what_only_nearly_fits(void **state)
{
    (void)state;
    for (int near = 0; near < 2; near++) {
        double x[12], numbers[12];
        wg_tape *tape = wg_tape_new(WG_F64);
        for (int i = 0; i < 12; i++) {
            int exponent;
            x[i] = probe_number(i) / 5;
            numbers[i] = frexp(exp(x[i]) * 1.5 * (1 + (i % 2 ? 1 : -1) * (near ? 0.0004 : 0.006)), &exponent);
            numbers[i] = ldexp(rint(ldexp(numbers[i], 11)), exponent - 11);
        }
        wg_var v = wg_name(wg_variable(tape, WG_DIMS(12), x), "x");
        wg_check *check = wg_check_new(wg_sum(wg_exp(v)));
        assert_int_equal(wg_check_supply_f64(check, v, WG_DIMS(12), numbers), WG_OK);
        const wg_check_report *report = run(check);
        assert_false(report->right);
        assert_true(names(report, near ? WG_CAUSE_FACTOR : WG_CAUSE_UNKNOWN, "dx"));
        wg_check_free(check);
        wg_tape_free(tape);
    }
}

/* A factor m from the loss on: everything is wrong, and one cause explains it. */
static void test_factor_from_the_loss(void **state)
{
    (void)state;
    probe p = probe_make(WG_F64);
    wg_check *check = wg_check_new(p.loss);
    for (int i = 0; i < OUT * IN; i++) p.dW[i] *= M;
    for (int i = 0; i < OUT; i++) p.db[i] *= M;
    wg_check_supply_f64(check, p.W, WG_DIMS(OUT, IN), p.dW);
    wg_check_supply_f64(check, p.b, WG_DIMS(OUT, 1), p.db);
    const wg_check_report *report = run(check);
    assert_false(report->gradients[0].right || report->gradients[1].right);
    assert_false(report->gradients[0].inherited || report->gradients[1].inherited);
    bool found = false;
    for (size_t k = 0; k < report->causes_count; k++) {
        const wg_check_cause *c = &report->causes[k];
        assert_int_equal(c->mistake, 1);
        if (c->cause != WG_CAUSE_FACTOR || c->rank != 1) continue;
        found = true;
        assert_true(c->factor == M);
        assert_string_equal(c->edge, "L -> Z");
        assert_non_null(strstr(c->sentence, "5 times too large"));
        assert_non_null(strstr(c->sentence, "columns of X"));
    }
    assert_true(found);
    wg_check_free(check);
    wg_tape_free(p.tape);
}

/* dZ has the wrong sign; dW follows from it and is wrong besides; db follows from it. */
static void test_several_mistakes(void **state)
{
    (void)state;
    for (int supplied = 0; supplied < 2; supplied++) {
        probe p = probe_make(WG_F64);
        wg_check *check = wg_check_new(p.loss);
        for (int i = 0; i < OUT * M; i++) p.dZ[i] *= -1;
        for (int i = 0; i < OUT; i++) p.db[i] *= -1;
        for (int i = 0; i < IN * M; i++) p.dX[i] *= -1;
        for (int i = 0; i < OUT * IN; i++) p.dW[i] *= -3.25;
        wg_check_supply_f64(check, p.W, WG_DIMS(OUT, IN), p.dW);
        wg_check_supply_f64(check, p.b, WG_DIMS(OUT, 1), p.db);
        wg_check_supply_f64(check, p.X, WG_DIMS(IN, M), p.dX);
        if (supplied) wg_check_supply_f64(check, p.Z, WG_DIMS(OUT, M), p.dZ);
        const wg_check_report *report = run(check);
        assert_false(report->right);
        assert_int_equal(report->gradients[1].inherited, supplied);
        bool sign = false, factor = false;
        for (size_t k = 0; k < report->causes_count; k++) {
            const wg_check_cause *c = &report->causes[k];
            if (c->rank != 1) continue;
            sign = sign || c->cause == WG_CAUSE_SIGN;
            if (c->cause == WG_CAUSE_FACTOR && !strcmp(c->name, "dW")) factor = fabs(c->factor - 3.25) < 1e-9;
        }
        assert_true(sign);
        assert_true(factor);
        wg_check_free(check);
        wg_tape_free(p.tape);
    }
}

/* An intermediate that is wrong only where it is shown, while what is computed from it is right: nothing else is blamed. */
static void test_wrong_only_as_shown(void **state)
{
    (void)state;
    probe p = probe_make(WG_F64);
    wg_check *check = wg_check_new(p.loss);
    for (int i = 0; i < OUT * M; i++) p.dZ[i] *= 2;
    wg_check_supply_f64(check, p.W, WG_DIMS(OUT, IN), p.dW);
    wg_check_supply_f64(check, p.b, WG_DIMS(OUT, 1), p.db);
    wg_check_supply_f64(check, p.Z, WG_DIMS(OUT, M), p.dZ);
    const wg_check_report *report = run(check);
    assert_true(report->gradients[0].right && report->gradients[1].right && !report->gradients[2].right);
    for (size_t k = 0; k < report->causes_count; k++) assert_string_equal(report->causes[k].name, "dZ");
    wg_check_free(check);
    wg_tape_free(p.tape);
}

static void test_wrong_shape(void **state)
{
    (void)state;
    probe p = probe_make(WG_F64);
    wg_check *check = wg_check_new(p.loss);
    wg_check_supply_f64(check, p.W, WG_DIMS(2, 2), p.dW);
    wg_check_supply_f64(check, p.b, WG_DIMS(OUT, 1), p.db);
    const wg_check_report *report = run(check);
    assert_false(report->gradients[0].right || report->gradients[0].shape_fits);
    assert_true(report->gradients[1].right);
    assert_true(names(report, WG_CAUSE_UNKNOWN, "dW"));
    wg_check_free(check);
    wg_tape_free(p.tape);
}

static void test_tolerance(void **state)
{
    (void)state;
    probe p = probe_make(WG_F64);
    wg_check *check = wg_check_new(p.loss);
    p.dW[0] *= 1.001;
    wg_check_supply_f64(check, p.W, WG_DIMS(OUT, IN), p.dW);
    assert_false(run(check)->right);
    assert_int_equal(wg_check_tolerance(check, 0.01), WG_OK);
    assert_true(run(check)->right);
    assert_int_equal(wg_check_tolerance(check, 1e-5), WG_OK);
    assert_false(run(check)->right);
    assert_int_equal(wg_check_tolerance(check, 0), WG_OK);
    assert_false(run(check)->right);
    assert_int_equal(wg_check_tolerance(check, -1), WG_ERROR_ARGUMENT);
    assert_int_equal(wg_check_tolerance(check, (double)NAN), WG_ERROR_ARGUMENT);
    assert_non_null(strstr(wg_check_message(check), "wg_check_tolerance"));
    wg_check_free(check);
    wg_tape_free(p.tape);
}

/* ---- the small floats: IEEE 754-2019 table 3.5; 1 is 0x3c00 in binary16 and 0x3f80 in bfloat16 --------------------------- */

static void test_small_floats(void **state)
{
    (void)state;
    static const uint16_t half[] = {0x3c00, 0xc000, 0x3555, 0x0001, 0x7bff, 0x0000};
    static const double half_values[] = {1, -2, 0.333251953125, 0x1p-24, 65504, 0};
    static const uint16_t brain[] = {0x3f80, 0xc000, 0x3eab, 0x0001, 0x7f7f, 0x8000};
    static const double brain_values[] = {1, -2, 0.333984375, 0x1p-133, 0x1.fep127, 0};
    for (int bits = 0; bits < 2; bits++) {
        wg_tape *t = wg_tape_new(WG_F64);
        const double *values = bits ? brain_values : half_values;
        wg_var x = wg_name(wg_variable(t, WG_DIMS(6), (const double *)NULL), "x");
        wg_var loss = wg_sum(wg_mul(x, wg_constant(t, WG_DIMS(6), values))); /* d loss / d x is the values */
        wg_check *check = wg_check_new(loss);
        wg_status status =
            bits ? wg_check_supply_bf16(check, x, WG_DIMS(6), brain) : wg_check_supply_f16(check, x, WG_DIMS(6), half);
        assert_int_equal(status, WG_OK);
        const wg_check_report *report = run(check);
        assert_true(report->right);
        assert_int_equal(report->gradients[0].bits, bits ? 8 : 11);
        assert_true(report->gradients[0].error == 0);
        wg_check_free(check);
        wg_tape_free(t);
    }
}

/* ---- the probe itself ------------------------------------------------------------------------------------------------------ */

static void test_blind_spots_and_better_extents(void **state)
{
    (void)state;
    wg_tape *t = wg_tape_new(WG_F64);
    wg_var W = wg_name(wg_variable(t, WG_DIMS(2, 2), (double[]){1, 2, 3, 4}), "W");
    wg_var X = wg_name(wg_constant(t, WG_DIMS(2, 1), (double[]){5, 6}), "X");
    wg_var b = wg_name(wg_variable(t, WG_DIMS(2, 1), (double[]){7, 8}), "b");
    wg_var Y = wg_name(wg_constant(t, WG_DIMS(2, 1), (double[]){9, 1}), "Y");
    wg_var loss = wg_mse(wg_add(wg_matmul(W, X), b), Y, WG_BATCH_MEAN);
    wg_check *check = wg_check_new(loss);
    const wg_check_report *report = run(check);
    bool one = false, square = false;
    for (size_t k = 0; k < report->blind_spots_count; k++) {
        one = one || strstr(report->blind_spots[k], "columns of X = 1");
        square = square || strstr(report->blind_spots[k], "transpose");
        assert_null(strstr(report->blind_spots[k], "columns of b"));
    }
    assert_true(one && square);
    wg_shape w, x, bias, y;
    assert_int_equal(wg_check_propose(check, W, &w), WG_OK);
    assert_int_equal(wg_check_propose(check, X, &x), WG_OK);
    assert_int_equal(wg_check_propose(check, b, &bias), WG_OK);
    assert_int_equal(wg_check_propose(check, Y, &y), WG_OK);
    assert_true(w.dim[0] >= 3 && w.dim[1] >= 3 && x.dim[1] >= 3);
    assert_true(w.dim[0] != w.dim[1] && w.dim[0] != x.dim[1] && w.dim[1] != x.dim[1]);
    assert_true(x.dim[0] == w.dim[1] && bias.dim[0] == w.dim[0] && bias.dim[1] == 1);
    assert_true(y.dim[0] == w.dim[0] && y.dim[1] == x.dim[1]);
    assert_int_equal(wg_check_propose(check, loss, &w), WG_ERROR_ARGUMENT);
    wg_check_free(check);
    wg_tape_free(t);
}

/* ---- misuse ------------------------------------------------------------------------------------------------------------------- */

static void test_misuse(void **state)
{
    (void)state;
    probe p = probe_make(WG_F64), q = probe_make(WG_F64);
    const wg_check_report *report;
    assert_null(wg_check_new(p.W)); /* not one element */
    assert_int_equal(wg_tape_status(p.tape), WG_ERROR_SHAPE);
    wg_tape_clear_error(p.tape);
    assert_null(wg_check_new((wg_var){0}));
    wg_check *check = wg_check_new(p.loss);
    assert_int_equal(wg_check_supply_f64(check, q.W, WG_DIMS(OUT, IN), p.dW), WG_ERROR_ARGUMENT);
    assert_non_null(strstr(wg_check_message(check), "another tape"));
    assert_int_equal(wg_check_supply_f64(check, (wg_var){0}, WG_DIMS(OUT, IN), p.dW), WG_ERROR_ARGUMENT);
    assert_non_null(strstr(wg_check_message(check), "invalid"));
    wg_var indices = wg_indices(p.tape, WG_DIMS(2), (int64_t[]){0, 1});
    assert_int_equal(wg_check_supply_f64(check, indices, WG_DIMS(2), p.dW), WG_ERROR_ARGUMENT);
    assert_non_null(strstr(wg_check_message(check), "indices"));
    assert_int_equal(wg_check_supply_f64(check, p.W, WG_DIMS(OUT, IN), NULL), WG_ERROR_ARGUMENT);
    wg_shape huge = {2, {SIZE_MAX / 2, 3}}, deep = {9, {1}};
    assert_int_equal(wg_check_supply_f64(check, p.W, huge, p.dW), WG_ERROR_SHAPE);
    assert_int_equal(wg_check_supply_f64(check, p.W, deep, p.dW), WG_ERROR_SHAPE);
    assert_int_equal(wg_check_supply_f64(NULL, p.W, WG_DIMS(1), p.dW), WG_ERROR_ARGUMENT);
    assert_int_equal(wg_check_run(NULL, &report), WG_ERROR_ARGUMENT);
    assert_int_equal(wg_check_run(check, NULL), WG_ERROR_ARGUMENT);
    wg_check_free(NULL);
    double changed[OUT * IN] = {0};
    wg_set_value(p.W, changed); /* the loss is stale now: its values cannot be copied as they are, but recorded anew */
    wg_check_supply_f64(check, p.b, WG_DIMS(OUT, 1), p.db);
    assert_int_equal(wg_check_run(check, &report), WG_OK);
    assert_false(report->right);
    wg_check_free(check);
    wg_tape_free(p.tape);
    wg_tape_free(q.tape);
}

/* A derivative that is numbers alone, and one that is missing. */
static wg_status same_shape(wg_call *call)
{
    call->shape = *call->in[0].shape;
    return WG_OK;
}

static wg_status copy_numbers(wg_call *call)
{
    memcpy(call->out, call->in[0].data, call->in[0].size * (call->dtype == WG_F64 ? sizeof(double) : sizeof(float)));
    return WG_OK;
}

static const wg_op op_without_derivative = {
    .name = "opaque", .arity = 1, .shape = same_shape, .evaluate = copy_numbers};

static void test_a_forward_without_derivative(void **state)
{
    (void)state;
    wg_tape *t = wg_tape_new(WG_F64);
    double ones[3] = {1, 1, 1};
    const wg_check_report *report;
    wg_var x = wg_variable(t, WG_DIMS(3), ones);
    wg_check *check = wg_check_new(wg_sum(wg_apply(t, &op_without_derivative, &x, 1, NULL, 0)));
    wg_check_supply_f64(check, x, WG_DIMS(3), ones);
    assert_int_equal(wg_check_run(check, &report), WG_ERROR_UNSUPPORTED);
    assert_null(report);
    assert_non_null(strstr(wg_check_message(check), "opaque"));
    wg_check_free(check);
    wg_tape_free(t);
}

/* ---- the report in words ------------------------------------------------------------------------------------------------------- */

typedef struct text {
    char characters[8192];
    size_t length;
} text;

static void append(void *user, const char *piece, size_t length)
{
    text *to = user;
    assert_true(to->length + length < sizeof to->characters);
    memcpy(to->characters + to->length, piece, length);
    to->length += length;
    to->characters[to->length] = '\0';
}

static void test_words(void **state)
{
    (void)state;
    probe p = probe_make(WG_F64);
    wg_check *check = wg_check_new(p.loss);
    for (int i = 0; i < OUT; i++) p.db[i] *= -1;
    wg_check_supply_f64(check, p.W, WG_DIMS(OUT, IN), p.dW);
    wg_check_supply_f64(check, p.b, WG_DIMS(OUT, 1), p.db);
    text to = {.length = 0};
    wg_check_write(run(check), append, &to);
    assert_non_null(strstr(to.characters, "1 of 2 gradients is wrong"));
    assert_non_null(strstr(to.characters, "db: the sign is wrong (Z -> b)"));
    wg_check_write(NULL, append, &to);
    wg_check_free(check);
    wg_tape_free(p.tape);
}

static void test_cause_names(void **state)
{
    (void)state;
    assert_string_equal(wg_cause_name(WG_CAUSE_FACTOR), "factor");
    assert_string_equal(wg_cause_name(WG_CAUSE_BIAS_ONE_SAMPLE), "bias_one_sample");
    assert_string_equal(wg_cause_name(WG_CAUSE_STATISTICS_CONSTANT), "statistics_constant");
    assert_string_equal(wg_cause_name(WG_CAUSE_UNKNOWN), "unknown");
    assert_string_equal(wg_cause_name((wg_cause)99), "no cause");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_right_on_a_double_tape),
        cmocka_unit_test(test_right_on_a_float_tape),
        cmocka_unit_test(test_rounded_numbers),
        cmocka_unit_test(test_floats_in_double),
        cmocka_unit_test(test_unreached),
        cmocka_unit_test(test_nothing_supplied_and_nothing_in_it),
        cmocka_unit_test(test_small_errors),
        cmocka_unit_test(test_one_small_error),
        cmocka_unit_test(test_not_a_number),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_what_only_nearly_fits),
        cmocka_unit_test(test_factor_from_the_loss),
        cmocka_unit_test(test_several_mistakes),
        cmocka_unit_test(test_wrong_only_as_shown),
        cmocka_unit_test(test_wrong_shape),
        cmocka_unit_test(test_tolerance),
        cmocka_unit_test(test_small_floats),
        cmocka_unit_test(test_blind_spots_and_better_extents),
        cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_a_forward_without_derivative),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_cause_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
