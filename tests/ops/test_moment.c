/* variance, std and norm: rows, large offsets, the origin and constants, ranges where squares leave it. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "support/over.h"
#include "support/point.h"

static long double variance(const long double *x, size_t n, const over *o)
{
    long double mean = 0, sum = 0;
    for (size_t i = 0; i < n; i++) mean += x[i] / (long double)n;
    for (size_t i = 0; i < n; i++) sum += (x[i] - mean) * (x[i] - mean);
    return sum / ((long double)n - (o ? (long double)o->correction : 0));
}

static long double deviation(const long double *x, size_t n, const over *o) { return sqrtl(variance(x, n, o)); }

static long double length(const long double *x, size_t n, const over *o)
{
    long double sum = 0;
    (void)o;
    for (size_t i = 0; i < n; i++) sum += x[i] * x[i];
    return sqrtl(sum);
}

#define REFERENCE(name, of)                                                                                            \
    static void reference_##name(array *out, const array *in, size_t n, const void *user)                              \
    {                                                                                                                  \
        (void)n;                                                                                                       \
        over_reduce(out, in, user, of);                                                                                \
    }
REFERENCE(variance, variance)
REFERENCE(std, deviation)
REFERENCE(norm, length)

#define APPLY(name, ...)                                                                                               \
    static wg_var apply_##name(wg_tape *tape, const wg_var *in, size_t n, const void *user)                            \
    {                                                                                                                  \
        const over *o = user;                                                                                          \
        (void)tape, (void)n;                                                                                           \
        return wg_##name##_axes(in[0], o->axes, o->n, o->keepdims __VA_ARGS__);                                        \
    }
APPLY(variance, , o->correction)
APPLY(std, , o->correction)
APPLY(norm, )

/* The other two calls with a correction, as functions of x alone. */
static wg_var all_variance(wg_var x) { return wg_variance(x, 0); }
static wg_var all_std(wg_var x) { return wg_std(x, 0); }
static wg_var axes_variance(wg_var x, const int *axes, size_t n, bool keepdims)
{
    return wg_variance_axes(x, axes, n, keepdims, 1);
}
static wg_var axes_std(wg_var x, const int *axes, size_t n, bool keepdims)
{
    return wg_std_axes(x, axes, n, keepdims, 1);
}

#define CORRECTED(keep, less, ...)                                                                                     \
    &(const over)                                                                                                      \
    {                                                                                                                  \
        .axes = {__VA_ARGS__}, .n = sizeof((int[]){__VA_ARGS__}) / sizeof(int), .keepdims = keep, .correction = less   \
    }
/* No groups of one: a deviation's root has no derivative at 0 but the one that the corners below are about. */
#define CASES_GROUPS                                                                                                   \
    CASE_WITH(OVER(true, 0), 1, SHAPE(5)), CASE_WITH(CORRECTED(false, 1, 0), 1, SHAPE(4, 3)),                          \
        CASE_WITH(CORRECTED(true, 1, 1), 1, SHAPE(2, 3)), CASE_WITH(CORRECTED(false, 0.5, -1), 1, SHAPE(2, 3, 4)),     \
        CASE_WITH(CORRECTED(false, -1, 1), 1, SHAPE(2, 3, 4)), CASE_WITH(OVER(true, 0, 1), 1, SHAPE(2, 3, 4)),         \
        CASE_WITH(CORRECTED(false, 1, 0, 2), 1, SHAPE(2, 3, 4)), CASE_WITH(OVER(true, -1, 0), 1, SHAPE(2, 3, 4)),      \
        CASE_WITH(OVER(false, 2, 1, 0), 1, SHAPE(2, 3, 4)), CASE_WITH(OVER(false, 0, 2), 1, SHAPE(3, 1, 1, 2)),        \
        CASE_WITH(CORRECTED(false, 1, 0, 2, 4, 6), 1, SHAPE(2, 1, 2, 2, 1, 2, 2, 1)),                                  \
        CASE_WITH(OVER(false, 1), 1, SHAPE(0, 3)), CASE_WITH(OVER(true, 0, 3), 1, SHAPE(2, 0, 3, 2)),                  \
        CASE_WITH(CORRECTED(true, 1, 1), 1, SHAPE(2, 3, 150))
static const row_case cases_groups[] = {CASES_GROUPS};
static const row_case cases_variance[] = {CASES_GROUPS, CASE_WITH(OVER_NONE(false), 1, SHAPE_SCALAR),
    CASE_WITH(OVER(false, 0), 1, SHAPE(1)), CASE_WITH(OVER_NONE(true), 1, SHAPE(2, 3)),
    CASE_WITH(OVER(false, 1), 1, SHAPE(3, 1))};
static const row_case cases_all[] = {
    CASE(1, SHAPE(7)), CASE(1, SHAPE(2, 3)), CASE(1, SHAPE(2, 1, 2, 1, 1, 3, 1, 2)), CASE(1, SHAPE(1033))};
static const row_case cases_norm[] = {OVER_CASES_ALL, CASE(1, SHAPE(1033)), CASE(1, SHAPE(0)), CASE(1, SHAPE(2, 0, 3))};
static const row_case cases_norm_axes[] = {OVER_CASES_AXES, OVER_CASES_NOTHING};

#define MOMENT(name)    .domain = {FROM(-2, 2)}, .roundings = 24, .reference = reference_##name
#define READS_X         .reads = {ROW_READS(0)}
#define READS_X_AND_ALL .reads = {ROW_READS(0) | ROW_READS_RESULT}, .composite = true

static const row rows[] = {
    ROW(wg_variance, .unary = all_variance, MOMENT(variance), ROW_CASES(cases_all), READS_X),
    ROW(wg_variance_axes, .apply = apply_variance, MOMENT(variance), ROW_CASES(cases_variance), READS_X),
    ROW(wg_std, .unary = all_std, MOMENT(std), ROW_CASES(cases_all), READS_X_AND_ALL),
    ROW(wg_std_axes, .apply = apply_std, MOMENT(std), ROW_CASES(cases_groups), READS_X_AND_ALL),
    ROW(wg_norm, .unary = wg_norm, MOMENT(norm), ROW_CASES(cases_norm), READS_X_AND_ALL),
    ROW(wg_norm_axes, .apply = apply_norm, MOMENT(norm), ROW_CASES(cases_norm_axes), READS_X_AND_ALL),
};

static void test_allocations(void **state)
{
    (void)state;
    for (size_t i = 1; i < sizeof rows / sizeof *rows; i += 2) row_fail_allocations(&rows[i], &rows[i].cases[6]);
}

/* ---- accuracy ------------------------------------------------------------------------------------------------------------ */

/* Offsets that leave a few bits for what varies, and whose mean is no float: 3, 1, 1, 0 quarters above, of an offset that
 * is a whole number: the variance is 19/64 / ... in closed form: mean 5/16, squares (121 + 9 + 9 + 25) / 1024 * 4. */
static void test_offsets(void **state)
{
    (void)state;
    const float offsets[] = {0, 1000, 50000, 1048576, -2097152};
    for (size_t k = 0; k < sizeof offsets / sizeof *offsets; k++) {
        const float above[4] = {0.75f, 0.25f, 0.25f, 0}, mean = 0.3125f;
        float values[4];
        double sum = 0;
        for (size_t i = 0; i < 4; i++) {
            values[i] = offsets[k] + above[i];
            sum += (double)((above[i] - mean) * (above[i] - mean));
        }
        wg_tape *tape = wg_tape_new(WG_F32);
        wg_var x = wg_variable(tape, WG_DIMS(4), values), y = wg_variance(x, 1);
        assert_true(fabs(wg_item(y) - sum / 3) <= 2e-7 * sum);
        assert_int_equal(wg_backward(y), WG_OK);
        for (size_t i = 0; i < 4; i++) {
            double expected = 2 * (double)(above[i] - mean) / 3;
            assert_true(fabs(wg_grad_at(x, i) - expected) <= 2e-7 * fabs(expected));
        }
        wg_zero_grad(tape);
        assert_int_equal(wg_backward(wg_std(x, 1)), WG_OK);
        for (size_t i = 0; i < 4; i++) {
            double expected = (double)(above[i] - mean) / 3 / sqrt(sum / 3);
            assert_true(fabs(wg_grad_at(x, i) - expected) <= 4e-7 * fabs(expected));
        }
        wg_tape_free(tape);
    }
}

/* 3, 4 and 12 at every scale: the length is 13 of it, the gradient 3/13, 4/13, 12/13. */
static void test_ranges(void **state)
{
    (void)state;
    for (int dtype = WG_F32; dtype <= WG_F64; dtype++) {
        int most = dtype == WG_F64 ? DBL_MAX_EXP : FLT_MAX_EXP;
        int least = dtype == WG_F64 ? DBL_MIN_EXP - DBL_MANT_DIG : FLT_MIN_EXP - FLT_MANT_DIG;
        for (int e = least; e <= most - 4; e += e < least + 8 || e > most - 12 ? 1 : 37) {
            wg_tape *tape = wg_tape_new((wg_dtype)dtype);
            wg_var x = wg_variable_raw(tape, WG_DIMS(3), NULL), y;
            array values = array_new(WG_DIMS(3));
            const double of[] = {3, -4, 12};
            for (size_t i = 0; i < 3; i++) values.at[i] = ldexpl((long double)of[i], e);
            x = array_leaf(tape, &values, true);
            y = wg_norm(x);
            assert_true(wg_item(y) == ldexp(13, e));
            assert_int_equal(wg_backward(y), WG_OK);
            double unit = dtype == WG_F64 ? DBL_EPSILON : (double)FLT_EPSILON;
            for (size_t i = 0; i < 3; i++) assert_true(fabs(wg_grad_at(x, i) - of[i] / 13) <= unit);
            array_free(&values);
            wg_tape_free(tape);
        }
    }
}

/* The standard deviation of 1, 2, 3 at scales whose squares are out of range: (2/3)^(1/2). */
static void test_std_ranges(void **state)
{
    (void)state;
    const double scales[] = {1e-300, 1e-160, 1, 1e160, 1e300};
    for (size_t k = 0; k < 5; k++) {
        wg_tape *tape = wg_tape_new(WG_F64);
        double s = scales[k];
        wg_var x = wg_variable(tape, WG_DIMS(3), ((double[]){s, 2 * s, 3 * s})), y = wg_std(x, 0);
        assert_true(fabs(wg_item(y) / s - 0.81649658092772603) < 1e-15);
        assert_int_equal(wg_backward(y), WG_OK); /* (x - mean) / (3 y) */
        assert_true(fabs(wg_grad_at(x, 0) + 0.40824829046386302) < 1e-15 && fabs(wg_grad_at(x, 1)) < 1e-15);
        wg_tape_free(tape);
    }
}

/* ---- corners ---------------------------------------------------------------------------------------------------------------- */

/* A value at a corner: its gradient and its Hessian are zeros in both readings. */
static void expect_flat(wg_tape *tape, wg_var x, wg_var y)
{
    wg_var grad;
    double hessian[64] = {1};
    assert_true(wg_item(y) == 0);
    wg_zero_grad(tape);
    assert_int_equal(wg_backward(y), WG_OK);
    assert_int_equal(wg_gradients(y, &x, 1, &grad), WG_OK);
    for (size_t i = 0; i < wg_size(x); i++) {
        assert_true(wg_grad_at(x, i) == 0 && wg_at(grad, i) == 0);
        wg_zero_grad(tape);
        assert_int_equal(
            wg_backward(wg_slice(wg_reshape(grad, WG_DIMS(wg_size(x))), 0, (ptrdiff_t)i, (ptrdiff_t)i + 1, 1)), WG_OK);
        for (size_t j = 0; j < wg_size(x); j++) hessian[j] = wg_grad_at(x, j);
        for (size_t j = 0; j < wg_size(x); j++) assert_true(hessian[j] == 0);
    }
    wg_zero_grad(tape);
    assert_int_equal(wg_tape_status(tape), WG_OK);
}

/* With check_finite: not even on the way is anything infinite. 0.1 + 0.1 + 0.1 over 3 is not 0.1. */
static void test_corners(void **state)
{
    (void)state;
    const double constants[] = {0, 0.1, -7e20, 1e-320, 2e307};
    wg_tape *tape = wg_tape_new_with(&(wg_tape_options){.dtype = WG_F64, .check_finite = true}, NULL);
    wg_var origin = wg_variable(tape, WG_DIMS(2, 3), ((double[]){0, 0, 0, 0, -0.0, 0}));
    expect_flat(tape, origin, wg_norm(origin));
    expect_flat(tape, origin, wg_std(origin, 1));
    for (size_t k = 0; k < sizeof constants / sizeof *constants; k++)
        for (size_t n = 1; n <= 7; n++) {
            double values[7];
            for (size_t i = 0; i < n; i++) values[i] = constants[k];
            wg_var x = wg_variable_f64(tape, WG_DIMS(n), values);
            expect_flat(tape, x, wg_std(x, 0));
        }
    wg_tape_free(tape);
}

/* Zeros in a part of a length over axes that are not neighbours: not a corner, the Hessian is (I - u u^T) / r. */
static void test_partly_zero(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(2, 1, 2), ((double[]){0, 0, 3, 4})), grad;
    wg_var y = wg_norm_axes(x, WG_AXES(0, 2), true);
    assert_true(wg_item(y) == 5 && wg_shape_of(y).rank == 3);
    assert_int_equal(wg_gradients(y, &x, 1, &grad), WG_OK);
    assert_int_equal(wg_backward(wg_sum(grad)), WG_OK);
    /* row sums of (I - u u^T) / 5 with u = (0, 0, 0.6, 0.8) */
    const double expected[] = {0.2, 0.2, (1 - 0.6 * 1.4) / 5, (1 - 0.8 * 1.4) / 5};
    for (size_t i = 0; i < 4; i++) assert_true(fabs(wg_grad_at(x, i) - expected[i]) < 1e-15);
    wg_tape_free(tape);
}

static void test_not_finite(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(3, 2), ((double[]){1, -INFINITY, NAN, INFINITY, NAN, 0}));
    wg_var y = wg_norm_axes(x, WG_AXES(1), false), v = wg_variance_axes(x, WG_AXES(1), false, 0);
    assert_true(wg_at(y, 0) == INFINITY && isnan(wg_at(y, 1)) && isnan(wg_at(y, 2)));
    for (size_t i = 0; i < 3; i++) assert_true(isnan(wg_at(v, i)));
    assert_int_equal(wg_backward_from(y, (double[]){0, 0, 0}), WG_OK);
    for (size_t i = 0; i < 6; i++) assert_true(wg_grad_at(x, i) == 0);
    wg_tape_free(tape);
}

static void test_divisors(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_name(wg_variable(tape, WG_DIMS(2, 1), ((double[]){1, 2})), "X"), one = wg_scalar_variable(tape, 3);
    wg_var nothing = wg_variable_f64(tape, WG_DIMS(2, 0), NULL);
    wg_stats before, after;
    wg_tape_stats(tape, &before);
    const struct {
        wg_var x;
        int axis;
        double correction;
    } wrong[] = {{x, 1, 1}, {x, 0, 2}, {x, 0, 3}, {x, 0, NAN}, {x, 0, -INFINITY}, {nothing, 1, 0}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        wg_variance_axes(wrong[i].x, &wrong[i].axis, 1, false, wrong[i].correction);
        point_expect_error(
            tape, WG_ERROR_SHAPE, "variance: ", "divisor", "correction", i < 5 ? "X (2,1)" : "(2,0)", NULL);
        wg_std_axes(wrong[i].x, &wrong[i].axis, 1, false, wrong[i].correction);
        point_expect_error(tape, WG_ERROR_SHAPE, "std: ", "divisor", "correction", i < 5 ? "X (2,1)" : "(2,0)", NULL);
    }
    wg_variance(one, 1);
    point_expect_error(tape, WG_ERROR_SHAPE, "variance: ", "1 elements", NULL);
    wg_std(one, 1);
    point_expect_error(tape, WG_ERROR_SHAPE, "std: ", "1 elements", NULL);
    wg_tape_stats(tape, &after);
    assert_int_equal(before.nodes, after.nodes);
    assert_true(wg_item(wg_variance(one, 0)) == 0);
    assert_true(wg_size(wg_variance_axes(nothing, WG_AXES(0), false, 5)) == 0);
    assert_true(wg_size(wg_std_axes(nothing, WG_AXES(0), false, 5)) == 0);
    assert_int_equal(wg_tape_status(tape), WG_OK);
    wg_tape_free(tape);
}

static void test_errors(void **state)
{
    (void)state;
    over_check_errors("variance", all_variance, axes_variance);
    over_check_errors("std", all_std, axes_std);
    over_check_errors("norm", wg_norm, wg_norm_axes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations),
        cmocka_unit_test(test_offsets),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_std_ranges),
        cmocka_unit_test(test_corners),
        cmocka_unit_test(test_partly_zero),
        cmocka_unit_test(test_not_finite),
        cmocka_unit_test(test_divisors),
        cmocka_unit_test(test_errors),
    };
    return row_main("ops/moment", rows, sizeof rows / sizeof *rows, tests, sizeof tests / sizeof *tests);
}
