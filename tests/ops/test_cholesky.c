/* cholesky: its row, closed forms, the convention of its derivative, matrices that are not positive definite, errors. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "support/matrices.h"
#include "support/point.h"

/* ---- the row: of the symmetric x + x^T + 4 I ------------------------------------------------------------------------- */

static wg_var apply_cholesky(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    (void)tape, (void)n, (void)user;
    return wg_cholesky(matrices_shift(wg_add(in[0], wg_transpose(in[0])), 4));
}

/* Column by column (Cholesky and Banachiewicz). */
static void reference_cholesky(array *out, const array *in, size_t count, const void *user)
{
    array x = matrices_shifted(&in[0], 2);
    (void)count, (void)user;
    size_t n = x.shape.dim[x.shape.rank - 1];
    *out = array_new(x.shape);
    for (size_t m = 0; m < out->size; m += n * n)
        for (size_t j = 0; j < n; j++)
            for (size_t i = j; i < n; i++) {
                long double *l = out->at + m, sum = x.at[m + i * n + j] + x.at[m + j * n + i];
                for (size_t p = 0; p < j; p++) sum -= l[i * n + p] * l[j * n + p];
                l[i * n + j] = i == j ? sqrtl(sum) : sum / l[j * n + j];
            }
    array_free(&x);
}

static const row_case cases[] = {CASE(1, SHAPE(3, 3)), CASE(1, SHAPE(1, 1)), CASE(1, SHAPE(2, 3, 2, 2)),
    CASE(1, SHAPE(0, 0)), CASE(1, SHAPE(0, 2, 2)), CASE(1, SHAPE(3, 0, 0)), CASE(1, SHAPE(12, 12))};
static const row rows[] = {
    ROW(wg_cholesky, .apply = apply_cholesky, .composite = true, .reference = reference_cholesky, ROW_CASES(cases),
        .domain = {FROM(-0.25, 0.25)}, .roundings = 16, .sum = true, .pieces = true, .reads = {ROW_READS_RESULT}),
};

static void test_allocations(void **state)
{
    (void)state;
    row_fail_allocations(&rows[0], &(row_case)CASE(1, SHAPE(2, 9, 9)));
    row_fail_allocations(&rows[0], &(row_case)CASE(1, SHAPE(66, 66)));
}

/* ---- closed forms -------------------------------------------------------------------------------------------------------- */

/* l = (a, 0; b, c) of the matrix (a^2, a b; a b, b^2 + c^2): value, what is read, and the gradient, in both readings.
 * L11 = sqrt(m11), L21 = m21 / L11, L22 = sqrt(m22 - m21^2 / m11); with respect to the symmetric part the derivative of
 * m21 is shared by both triangles. */
static void test_two_by_two(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    const double a = 2, b = 6, c = 0.5;
    wg_var m = wg_variable(tape, WG_DIMS(2, 2), ((double[]){a * a, (double)NAN, a * b, b * b + c * c})), grad;
    wg_var l = wg_cholesky(m);
    assert_true(wg_at(l, 0) == a && wg_at(l, 1) == 0 && wg_at(l, 2) == b && wg_at(l, 3) == c);
    const double g[] = {1, 1000, 10, 100}; /* what is above the diagonal is no part of l */
    double d21 = 10 / a - 100 * b / (a * c);
    const double expected[] = {
        1 / (2 * a) - 10 * b / (2 * a * a) + 100 * b * b / (2 * a * a * c), d21 / 2, d21 / 2, 100 / (2 * c)};
    assert_int_equal(wg_backward_from(l, g), WG_OK);
    assert_int_equal(wg_vjp(l, wg_constant(tape, WG_DIMS(2, 2), g), &m, 1, &grad), WG_OK);
    for (size_t i = 0; i < 4; i++) {
        assert_true(fabs(wg_grad_at(m, i) - expected[i]) <= 1e-14 * fabs(expected[0]));
        assert_true(fabs(wg_at(grad, i) - expected[i]) <= 1e-14 * fabs(expected[0]));
    }
    assert_true(wg_grad_at(m, 1) == wg_grad_at(m, 2) && wg_at(grad, 1) == wg_at(grad, 2));
    wg_tape_free(tape);
}

/* l of 1 x 1 is the square root: d^k sqrt / dx^k at 4 is 1/4, -1/32, 3/256, -15/2048. */
static void test_orders(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    const double expected[] = {2, 0.25, -1 / 32.0, 3 / 256.0, -15 / 2048.0};
    wg_var x = wg_variable(tape, WG_DIMS(1, 1), (double[]){4}), y = wg_cholesky(x);
    for (int order = 0; order < 5; order++) {
        assert_true(fabs(wg_item(y) - expected[order]) < 1e-15);
        assert_int_equal(wg_gradients(y, &x, 1, &y), WG_OK);
    }
    wg_tape_free(tape);
}

/* log det A = 2 sum log diag L, whose gradient is A^-1 and whose Hessian along V is -A^-1 V A^-1: Pascal's matrix, which
 * has determinant 1 and an integer inverse. */
static void test_pascal(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    const double pascal[] = {1, 1, 1, 1, 2, 3, 1, 3, 6}, inverse[] = {3, -3, 1, -3, 5, -2, 1, -2, 1};
    const double l_expected[] = {1, 0, 0, 1, 1, 0, 1, 2, 1}, v[] = {1, 2, 0, 2, 0, 0, 0, 0, 3};
    wg_var a = wg_variable(tape, WG_DIMS(3, 3), pascal), l = wg_cholesky(a), grad, second;
    wg_var eye = wg_constant(tape, WG_DIMS(3, 3), ((double[]){1, 0, 0, 0, 1, 0, 0, 0, 1}));
    wg_var other = wg_constant(tape, WG_DIMS(3, 3), ((double[]){0, 1, 1, 1, 0, 1, 1, 1, 0}));
    wg_var y = wg_mul(wg_scalar(tape, 2), wg_sum(wg_log(wg_add(wg_mul(l, eye), other))));
    assert_int_equal(wg_gradients(y, &a, 1, &grad), WG_OK);
    assert_int_equal(wg_gradients(wg_sum(wg_mul(grad, wg_constant(tape, WG_DIMS(3, 3), v))), &a, 1, &second), WG_OK);
    for (size_t i = 0; i < 9; i++) {
        double along = 0;
        for (size_t p = 0; p < 9; p++) along -= inverse[i / 3 * 3 + p / 3] * v[p] * inverse[p % 3 * 3 + i % 3];
        assert_true(wg_at(l, i) == l_expected[i]);
        assert_true(fabs(wg_at(grad, i) - inverse[i]) < 1e-13);
        assert_true(fabs(wg_at(second, i) - along) < 1e-11);
    }
    wg_tape_free(tape);
}

/* ---- what has no factor -------------------------------------------------------------------------------------------------- */

static void test_not_positive_definite(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    const double good[] = {4, 2, 2, 2}, bad[] = {1, 2, 2, 4}; /* bad: singular */
    double stack[12] = {1, 0, 0, 1, 1, 0, 0, -1, 0, 0, 0, 1};
    wg_var a = wg_name(wg_variable(tape, WG_DIMS(2, 2), good), "A"), l = wg_cholesky(a);
    wg_var many = wg_name(wg_constant(tape, WG_DIMS(3, 2, 2), stack), "S");
    wg_cholesky(many);
    assert_string_equal(wg_tape_message(tape),
        "cholesky: matrix (1) of S (3,2,2) is not positive definite: its leading "
        "minor of order 2 is not positive");
    point_expect_error(tape, WG_ERROR_ARGUMENT, "cholesky", NULL);
    wg_cholesky(wg_slice(many, 0, 2, 3, 1));
    point_expect_error(tape, WG_ERROR_ARGUMENT, "cholesky", "order 1", NULL);
    assert_int_equal(wg_set_value(a, bad), WG_OK);
    assert_int_equal(wg_tape_replay(tape), WG_ERROR_ARGUMENT);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "cholesky: A (2,2)", "order 2", NULL);
    assert_int_equal(wg_set_value(a, good), WG_OK);
    assert_int_equal(wg_tape_replay(tape), WG_OK);
    assert_true(wg_at(l, 0) == 2 && wg_at(l, 2) == 1 && wg_at(l, 3) == 1);
    wg_tape_free(tape);
}

/* A NaN or an infinity in the lower triangle makes its own factor NaN, and is no error. */
static void test_nan(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    double nan = (double)NAN, inf = (double)INFINITY;
    wg_var a = wg_variable(tape, WG_DIMS(3, 2, 2), ((double[]){-1, 0, nan, 1, inf, 0, 0, -1, 4, 0, 0, 9}));
    wg_var l = wg_cholesky(a);
    for (size_t i = 0; i < 8; i++) assert_true(i % 4 == 1 ? wg_at(l, i) == 0 : isnan(wg_at(l, i)));
    assert_true(wg_at(l, 8) == 2 && wg_at(l, 9) == 0 && wg_at(l, 10) == 0 && wg_at(l, 11) == 3);
    assert_int_equal(wg_backward(wg_sum(l)), WG_OK);
    assert_true(isnan(wg_grad_at(a, 0)) && wg_grad_at(a, 8) == 0.25 && !isnan(wg_grad_at(a, 11)));
    wg_tape_free(tape);
}

static void test_errors(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_cholesky(wg_name(wg_variable_f64(tape, WG_DIMS(2, 3), NULL), "W"));
    assert_string_equal(wg_tape_message(tape), "cholesky: takes square matrices (..., n, n), not W (2,3)");
    point_expect_error(tape, WG_ERROR_SHAPE, "cholesky", NULL);
    wg_cholesky(wg_scalar(tape, 1));
    point_expect_error(tape, WG_ERROR_SHAPE, "cholesky", "square", NULL);
    wg_cholesky(wg_indices(tape, WG_DIMS(2, 2), NULL));
    point_expect_error(tape, WG_ERROR_ARGUMENT, "cholesky", "indices", NULL);
    assert_null(wg_cholesky((wg_var){0}).tape);
    wg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations),
        cmocka_unit_test(test_two_by_two),
        cmocka_unit_test(test_orders),
        cmocka_unit_test(test_pascal),
        cmocka_unit_test(test_not_positive_definite),
        cmocka_unit_test(test_nan),
        cmocka_unit_test(test_errors),
    };
    return row_main("ops/cholesky", rows, sizeof rows / sizeof *rows, tests, sizeof tests / sizeof *tests);
}
