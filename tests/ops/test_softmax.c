/* softmax, log_softmax, logsumexp: rows, shifts, infinities, and derivatives where one weight is nearly 1. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "support/over.h"
#include "support/point.h"

static long double logsumexp(const long double *x, size_t n, const over *o)
{
    long double sum = 0;
    (void)o;
    for (size_t i = 0; i < n; i++) sum += expl(x[i]);
    return logl(sum);
}

static void map_softmax(const long double *x, size_t n, long double *y)
{
    long double sum = expl(logsumexp(x, n, NULL));
    for (size_t i = 0; i < n; i++) y[i] = expl(x[i]) / sum;
}

static void map_log_softmax(const long double *x, size_t n, long double *y)
{
    long double sum = logsumexp(x, n, NULL);
    for (size_t i = 0; i < n; i++) y[i] = n == 1 ? 0 : x[i] - sum;
}

static void reference_logsumexp(array *out, const array *in, size_t n, const void *user)
{
    (void)n;
    over_reduce(out, in, user, logsumexp);
}

static wg_var apply_logsumexp(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    const over *o = user;
    (void)tape, (void)n;
    return wg_logsumexp_axes(in[0], o->axes, o->n, o->keepdims);
}

#define ALONG(name)                                                                                                    \
    static void reference_##name(array *out, const array *in, size_t n, const void *user)                              \
    {                                                                                                                  \
        (void)n;                                                                                                       \
        over_along(out, in, *(const int *)user, map_##name);                                                           \
    }                                                                                                                  \
    static wg_var apply_##name(wg_tape *tape, const wg_var *in, size_t n, const void *user)                            \
    {                                                                                                                  \
        (void)tape, (void)n;                                                                                           \
        return wg_##name(in[0], *(const int *)user);                                                                   \
    }
ALONG(softmax)
ALONG(log_softmax)

static const row_case cases_along[] = {OVER_CASES_ALONG, CASE_WITH(AXIS(1), 1, SHAPE(3, 333))};
static const row_case cases_all[] = {OVER_CASES_ALL, CASE(1, SHAPE(1033))};
static const row_case cases_axes[] = {OVER_CASES_AXES};

/* Numbers above 1, so that a logarithm of a sum is not near 0, where it would cancel. */
#define LOGSUMEXP .domain = {FROM(1, 4)}, .roundings = 8, .reads = {ROW_READS(0)}, .composite = true
#define WEIGHTS   .domain = {FROM(-2, 2)}, .roundings = 16, .reads = {ROW_READS_RESULT}

static const row rows[] = {
    ROW(wg_logsumexp, .unary = wg_logsumexp, .reference = reference_logsumexp, ROW_CASES(cases_all), LOGSUMEXP),
    ROW(wg_logsumexp_axes, .apply = apply_logsumexp, .reference = reference_logsumexp, ROW_CASES(cases_axes),
        LOGSUMEXP),
    ROW(wg_softmax, .apply = apply_softmax, .reference = reference_softmax, ROW_CASES(cases_along), WEIGHTS),
    ROW(wg_log_softmax, .apply = apply_log_softmax, .reference = reference_log_softmax, ROW_CASES(cases_along),
        WEIGHTS),
};

static void test_allocations(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        row_fail_allocations(&rows[i], &rows[i].cases[i == 1 ? 9 : 5]);
}

/* ---- where one weight is nearly 1 ----------------------------------------------------------------------------------------- */

static void expect_near(double got, double expected, double relative)
{
    if (!(fabs(got - expected) <= relative * fabs(expected))) fail_msg("%.17g, expected %.17g", got, expected);
}

/* With d far below 0, softmax(0, d) = (s(-d), s(d)), s(d) = e^d to double accuracy, and 1 - s(-d) = s(d). Everything that
 * follows of it is right in relative terms, in either direction of the axis, swept and recorded, to order 2. */
static void test_tails(void **state)
{
    (void)state;
    for (int way = 0; way < 4; way++) {
        bool swapped = way & 1, column = way & 2;
        size_t big = swapped ? 1 : 0, small = 1 - big;
        for (double d = -40; d >= -640; d *= 2) {
            double e = exp(d), values[2], seed[2] = {0, 0};
            values[big] = 0;
            values[small] = d;
            wg_tape *tape = wg_tape_new(WG_F64);
            wg_shape shape = column ? WG_DIMS(2, 1) : WG_DIMS(1, 2);
            int axis = column ? 0 : 1;
            wg_var x = wg_variable_f64(tape, shape, values), grad, twice;
            wg_var y = wg_softmax(x, axis), l = wg_log_softmax(x, axis), s = wg_logsumexp(x);
            expect_near(wg_at(y, small), e, 4e-16);
            expect_near(wg_at(l, big), -e, 4e-16);
            expect_near(wg_at(l, small), d, 4e-16);
            expect_near(wg_item(s), e, 4e-16);

            /* d y_big / dx = (e, -e) */
            seed[big] = 1;
            assert_int_equal(wg_backward_from(y, seed), WG_OK);
            expect_near(wg_grad_at(x, big), e, 1e-15);
            expect_near(wg_grad_at(x, small), -e, 1e-15);
            /* with any constant beside: the same */
            wg_zero_grad(tape);
            seed[big] = 4;
            seed[small] = 3;
            assert_int_equal(wg_backward_from(y, seed), WG_OK);
            expect_near(wg_grad_at(x, big), e, 1e-15);
            /* d l_big / dx = (e, -e); d l_small = (-1, 1) */
            seed[big] = 1;
            seed[small] = 0;
            wg_zero_grad(tape);
            assert_int_equal(wg_backward_from(l, seed), WG_OK);
            expect_near(wg_grad_at(x, big), e, 1e-15);
            expect_near(wg_grad_at(x, small), -e, 1e-15);

            /* the same recorded, and once more: d^2 y_big / dx_big^2 = -e, d^2 l_big / dx_big^2 = -e, to order 1 in e */
            wg_var seeds = wg_constant_f64(tape, shape, seed), outs[] = {y, l};
            for (size_t i = 0; i < 2; i++) {
                assert_int_equal(wg_vjp(outs[i], seeds, &x, 1, &grad), WG_OK);
                expect_near(wg_at(grad, big), e, 1e-15);
                expect_near(wg_at(grad, small), -e, 1e-15);
                assert_int_equal(wg_vjp(grad, seeds, &x, 1, &twice), WG_OK);
                expect_near(wg_at(twice, big), -e, 1e-15);
                expect_near(wg_at(twice, small), e, 1e-15);
            }
            assert_int_equal(wg_tape_status(tape), WG_OK);
            wg_tape_free(tape);
        }
    }
}

/* Shifted by a whole number, x - max is what it was, and so is everything but logsumexp, which shifts. */
static void test_shifts(void **state)
{
    (void)state;
    enum { N = 5 };
    const double base[N] = {1, -3, 2.5, 2.5, -20}, shifts[] = {1e3, -1e3, 65536, -1048576};
    for (size_t s = 0; s < sizeof shifts / sizeof *shifts; s++) {
        wg_tape *tape = wg_tape_new(WG_F64);
        wg_var x[2], y[2], l[2], z[2];
        for (size_t k = 0; k < 2; k++) {
            double values[N];
            for (size_t i = 0; i < N; i++) values[i] = base[i] + (k ? shifts[s] : 0);
            x[k] = wg_variable(tape, WG_DIMS(N), values);
            y[k] = wg_softmax(x[k], 0);
            l[k] = wg_log_softmax(x[k], 0);
            z[k] = wg_logsumexp(x[k]);
            assert_int_equal(wg_backward(z[k]), WG_OK);
        }
        for (size_t i = 0; i < N; i++) {
            assert_true(wg_at(y[0], i) == wg_at(y[1], i) && wg_at(l[0], i) == wg_at(l[1], i));
            assert_true(wg_grad_at(x[0], i) == wg_grad_at(x[1], i) && wg_grad_at(x[0], i) == wg_at(y[0], i));
        }
        expect_near(wg_item(z[1]), shifts[s] + wg_item(z[0]), 4e-16);
        wg_tape_free(tape);
    }
}

/* ---- infinities --------------------------------------------------------------------------------------------------------------- */

#define INF (double)INFINITY

/* Rows: some -inf; all -inf; one +inf; two +inf; a NaN. */
static const double infinite[5][3] = {
    {-INF, 1, -INF}, {-INF, -INF, -INF}, {0, INF, -INF}, {INF, 7, INF}, {0, NAN, INF}};

/* Rows of n, -inf behind what they begin with. */
static void check_infinities(wg_dtype dtype, bool column, size_t n)
{
    const double sums[] = {1, -INF, INF, INF}, weights[4][3] = {{0, 1, 0}, {0, 0, 0}, {0, 1, 0}, {0.5, 0, 0.5}};
    wg_tape *tape = wg_tape_new(dtype);
    array a = array_new(column ? WG_DIMS(n, 5) : WG_DIMS(5, n));
    for (size_t r = 0; r < 5; r++)
        for (size_t i = 0; i < n; i++)
            a.at[column ? i * 5 + r : r * n + i] = (long double)(i < 3 ? infinite[r][i] : -INF);
    wg_var x = array_leaf(tape, &a, true), grad;
    int axis = column ? 0 : 1;
    wg_var z = wg_logsumexp_axes(x, &axis, 1, false), y = wg_softmax(x, axis), l = wg_log_softmax(x, axis);
    assert_int_equal(wg_backward(wg_sum(z)), WG_OK);
    assert_int_equal(wg_gradients(wg_sum(z), &x, 1, &grad), WG_OK);
    for (size_t r = 0; r < 5; r++)
        for (size_t i = 0; i < n; i++) {
            size_t at = column ? i * 5 + r : r * n + i;
            double g = wg_grad_at(x, at), weight = i < 3 && r < 4 ? weights[r][i] : 0;
            if (r == 4) {
                assert_true(isnan(wg_at(z, r)) && isnan(wg_at(y, at)) && isnan(wg_at(l, at)) && isnan(g));
                continue;
            }
            assert_true(wg_at(z, r) == sums[r]);
            assert_true(wg_at(y, at) == weight && g == weight && wg_at(grad, at) == weight);
            expect_near(exp(wg_at(l, at)), weight, 1e-6);
        }
    array_free(&a);
    wg_tape_free(tape);
}

static void test_infinities(void **state)
{
    (void)state;
    for (int dtype = WG_F32; dtype <= WG_F64; dtype++)
        for (int column = 0; column < 2; column++) {
            check_infinities((wg_dtype)dtype, column, 3);
            check_infinities((wg_dtype)dtype, column, 40);
            check_infinities((wg_dtype)dtype, column, 130);
        }
}

/* Derivatives beside -inf: a masked logit gets 0 and disturbs nothing, to order 2. Where all are masked, log_softmax, whose
 * weights are 0, passes its cotangent. */
static void test_masked(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(2, 3), ((double[]){-INF, 1, 1, -INF, -INF, -INF})), grad;
    wg_var seeds = wg_constant(tape, WG_DIMS(2, 3), ((double[]){5, 1, 3, 1, 2, 4}));
    wg_var y = wg_softmax(x, 1), l = wg_log_softmax(x, 1);
    assert_int_equal(wg_vjp(y, seeds, &x, 1, &grad), WG_OK);
    const double of_y[] = {0, -0.5, 0.5, 0, 0, 0}, of_l[] = {5, -3.5, -1.5, 1, 2, 4},
                 second[] = {0, -0.5, 0.5, 0, 0, 0};
    for (size_t i = 0; i < 6; i++) assert_true(wg_at(grad, i) == of_y[i]);
    assert_int_equal(wg_backward_from(grad, ((double[]){1, 1, 0, 1, 1, 1})), WG_OK);
    for (size_t i = 0; i < 6; i++) assert_true(!isnan(wg_grad_at(x, i)));
    wg_zero_grad(tape);
    assert_int_equal(wg_vjp(l, seeds, &x, 1, &grad), WG_OK);
    for (size_t i = 0; i < 6; i++) assert_true(wg_at(grad, i) == of_l[i]);
    /* -9 times softmax's derivative, of row 1: y_1' with g = (0, 1, 0) is (0, 1/4, -1/4) */
    assert_int_equal(wg_backward_from(grad, ((double[]){0, 2.0 / 9, 0, 1, 1, 1})), WG_OK);
    for (size_t i = 0; i < 6; i++) assert_true(fabs(wg_grad_at(x, i) - second[i]) < 1e-15);
    wg_tape_free(tape);
}

static void test_of_nothing(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_variable_f64(tape, WG_DIMS(2, 0, 3), NULL), y = wg_logsumexp_axes(x, WG_AXES(1), true);
    assert_true(wg_item(wg_logsumexp(x)) == -INF && wg_size(y) == 6 && wg_shape_of(y).rank == 3);
    for (size_t i = 0; i < 6; i++) assert_true(wg_at(y, i) == -INF);
    assert_true(wg_item(wg_logsumexp_axes(x, WG_AXES(0, 2, 1), false)) == -INF);
    assert_true(wg_at(wg_logsumexp_axes(x, WG_AXES(1, 0), false), 2) == -INF);
    assert_true(wg_size(wg_logsumexp_axes(x, WG_AXES(0, 2), false)) == 0);
    assert_int_equal(wg_backward_from(y, (double[6]){1, 1, 1, 1, 1, 1}), WG_OK);
    assert_int_equal(wg_backward(wg_logsumexp(x)), WG_OK);
    wg_tape_free(tape);
}

/* A long float sum: of n equal numbers, logsumexp is x + log n and each weight 1/n. */
static void test_many(void **state)
{
    (void)state;
    size_t n = ((size_t)1 << 20) + 3;
    wg_tape *tape = wg_tape_new(WG_F32);
    wg_var x = wg_variable_f32(tape, WG_DIMS(n), NULL), y = wg_logsumexp(x), s = wg_softmax(x, 0);
    expect_near(wg_item(y), log((double)n), 1e-7);
    for (size_t i = 0; i < n; i += 1000) expect_near(wg_at(s, i), 1 / (double)n, 1e-7);
    float *values = wg_value_mut(x);
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += exp((double)(values[i] = (float)(i % 1024) / 256));
    assert_int_equal(wg_tape_replay(tape), WG_OK);
    expect_near(wg_item(y), log(sum), 1e-7);
    for (size_t i = 0; i < n; i += 1001) expect_near(wg_at(s, i), exp((double)values[i]) / sum, 5e-7);
    wg_tape_free(tape);
}

static void test_check_finite(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new_with(&(wg_tape_options){.dtype = WG_F32, .check_finite = true}, NULL);
    wg_var x = wg_variable(tape, WG_DIMS(2, 2), ((float[]){3e38f, -3e38f, 0, 200})), grad;
    wg_var y = wg_add(
        wg_add(wg_sum(wg_softmax(x, 1)), wg_logsumexp(x)), wg_sum(wg_log_softmax(wg_mul(x, wg_scalar(tape, 0.25)), 1)));
    assert_int_equal(wg_gradients(y, &x, 1, &grad), WG_OK);
    assert_int_equal(wg_backward(wg_sum(grad)), WG_OK);
    wg_tape_free(tape);
}

static void test_errors(void **state)
{
    (void)state;
    over_check_errors("logsumexp", wg_logsumexp, wg_logsumexp_axes);
    over_check_axis_errors("softmax", wg_softmax);
    over_check_axis_errors("log_softmax", wg_log_softmax);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations),
        cmocka_unit_test(test_tails),
        cmocka_unit_test(test_shifts),
        cmocka_unit_test(test_infinities),
        cmocka_unit_test(test_masked),
        cmocka_unit_test(test_of_nothing),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_check_finite),
        cmocka_unit_test(test_errors),
    };
    return row_main("ops/softmax", rows, sizeof rows / sizeof *rows, tests, sizeof tests / sizeof *tests);
}
