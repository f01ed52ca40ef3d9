/* solve, inv and matrix_power: rows, closed forms, singular matrices, NaN, replays, errors. */
#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "support/matrices.h"
#include "support/point.h"

/* ---- rows: of a + 3 I, which is well conditioned ---------------------------------------------------------------------- */

static wg_var apply_solve(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    (void)tape, (void)n, (void)user;
    return wg_solve(matrices_shift(in[0], 3), in[1]);
}

static void reference_solve(array *out, const array *in, size_t count, const void *user)
{
    array a = matrices_shifted(&in[0], 3), b = array_copy(&in[1]);
    bool vector = b.shape.rank == 1;
    (void)count, (void)user;
    if (vector) b.shape = (wg_shape){2, {b.shape.dim[0], 1}};
    wg_shape batch_a = matrices_batch(&a.shape), batch_b = matrices_batch(&b.shape);
    wg_shape joint = shape_broadcast(&batch_a, &batch_b), shape = joint;
    size_t n = b.shape.dim[b.shape.rank - 2], k = b.shape.dim[b.shape.rank - 1];
    shape.dim[shape.rank++] = n;
    shape.dim[shape.rank++] = k;
    *out = array_new(shape);
    for (size_t i = 0; i < shape_size(&joint); i++) {
        if (n && k) memcpy(out->at + i * n * k, matrices_at(&b, &joint, i), n * k * sizeof *out->at);
        matrices_solve(n, k, matrices_at(&a, &joint, i), out->at + i * n * k);
    }
    if (vector) out->shape.rank--;
    array_free(&a);
    array_free(&b);
}

static wg_var apply_inv(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    (void)tape, (void)n, (void)user;
    return wg_inv(matrices_shift(in[0], 3));
}

static void reference_inv(array *out, const array *in, size_t count, const void *user)
{
    array a = matrices_shifted(&in[0], 3), zeros = array_new(in[0].shape);
    (void)count, (void)user;
    size_t n = a.shape.dim[a.shape.rank - 1];
    *out = matrices_shifted(&zeros, 1);
    for (size_t i = 0; i < out->size; i += n * n) matrices_solve(n, n, a.at + i, out->at + i);
    array_free(&a);
    array_free(&zeros);
}

static wg_var apply_power(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    (void)tape, (void)n;
    return wg_matrix_power(matrices_shift(in[0], 1), *(const int *)user);
}

/* One product after the other. */
static void reference_power(array *out, const array *in, size_t count, const void *user)
{
    int power = *(const int *)user;
    array zeros = array_new(in[0].shape), shifted = matrices_shifted(&in[0], 1), base = array_copy(&shifted);
    (void)count;
    size_t n = base.shape.dim[base.shape.rank - 1];
    *out = matrices_shifted(&zeros, 1);
    if (power < 0) {
        array_free(&base);
        base = array_copy(out);
        for (size_t m = 0; m < base.size; m += n * n) matrices_solve(n, n, shifted.at + m, base.at + m);
    }
    for (int step = 0; step < abs(power); step++) {
        array next = array_new(out->shape);
        for (size_t at = 0; at < next.size; at++)
            for (size_t p = 0; p < n; p++)
                next.at[at] += out->at[at / n * n + p] * base.at[at / (n * n) * n * n + p * n + at % n];
        array_free(out);
        *out = next;
    }
    array_free(&base);
    array_free(&shifted);
    array_free(&zeros);
}

static const row_case cases_solve[] = {
    CASE(2, SHAPE(3, 3), SHAPE(3)),
    CASE(2, SHAPE(3, 3), SHAPE(3, 2)),
    CASE(2, SHAPE(3, 3), SHAPE(3, 3)),
    CASE(2, SHAPE(1, 1), SHAPE(1)),
    CASE(2, SHAPE(1, 1), SHAPE(1, 1)),
    CASE(2, SHAPE(4, 3, 3), SHAPE(3)),
    CASE(2, SHAPE(4, 3, 3), SHAPE(3, 1)),
    CASE(2, SHAPE(3, 3), SHAPE(4, 3, 2)),
    CASE(2, SHAPE(2, 2, 2), SHAPE(2, 2, 3)),
    CASE(2, SHAPE(2, 2, 2), SHAPE(2, 2)),
    CASE(2, SHAPE(2, 1, 3, 3), SHAPE(3, 3, 2)),
    CASE(2, SHAPE(1, 2, 2), SHAPE(3, 2, 2)),
    CASE(2, SHAPE(3, 1, 2, 2), SHAPE(1, 2, 2, 1)),
    CASE(2, SHAPE(0, 0), SHAPE(0)),
    CASE(2, SHAPE(0, 0), SHAPE(0, 3)),
    CASE(2, SHAPE(3, 3), SHAPE(3, 0)),
    CASE(2, SHAPE(0, 2, 2), SHAPE(2)),
    CASE(2, SHAPE(2, 2), SHAPE(0, 2, 3)),
    CASE(2, SHAPE(3, 0, 0), SHAPE(0, 2)),
    CASE(2, SHAPE(12, 12), SHAPE(12, 5)),
};
static const row_case cases_inv[] = {CASE(1, SHAPE(3, 3)), CASE(1, SHAPE(1, 1)), CASE(1, SHAPE(2, 3, 2, 2)),
    CASE(1, SHAPE(0, 0)), CASE(1, SHAPE(0, 2, 2)), CASE(1, SHAPE(3, 0, 0)), CASE(1, SHAPE(12, 12))};
#define POWER(n)                                                                                                       \
    CASE_WITH(&(const int){n}, 1, SHAPE(3, 3)), CASE_WITH(&(const int){n}, 1, SHAPE(2, 1, 2, 2)),                      \
        CASE_WITH(&(const int){n}, 1, SHAPE(0, 0))
static const row_case cases_power[] = {POWER(0), POWER(1), POWER(2), POWER(3), POWER(6), POWER(-1), POWER(-3)};

static const row rows[] = {
    ROW(wg_solve, .apply = apply_solve, .composite = true, .reference = reference_solve, ROW_CASES(cases_solve),
        .domain = {FROM(-0.5, 0.5), FROM(-2, 2)}, .roundings = 16, .sum = true, .pieces = true,
        .reads = {ROW_READS_RESULT, 0}),
    ROW(wg_inv, .apply = apply_inv, .composite = true, .reference = reference_inv, ROW_CASES(cases_inv),
        .domain = {FROM(-0.5, 0.5)}, .roundings = 16, .sum = true, .pieces = true, .reads = {ROW_READS_RESULT}),
    ROW(wg_matrix_power, .apply = apply_power, .composite = true, .reference = reference_power, ROW_CASES(cases_power),
        .domain = {FROM(-0.25, 0.25)}, .roundings = 64, .sum = true, .pieces = true, .reads = {ROW_READS_RESULT}),
};

static void test_allocations(void **state)
{
    (void)state;
    static const row_case solve[] = {
        CASE(2, SHAPE(2, 20, 20), SHAPE(20, 9)), CASE(2, SHAPE(70, 70), SHAPE(70, 5)), CASE(2, SHAPE(3, 3), SHAPE(3))};
    for (size_t i = 0; i < sizeof solve / sizeof *solve; i++) row_fail_allocations(&rows[0], &solve[i]);
    row_fail_allocations(&rows[1], &(row_case)CASE(1, SHAPE(2, 9, 9)));
    row_fail_allocations(&rows[2], &(row_case)CASE_WITH(&(const int){-3}, 1, SHAPE(9, 9)));
}

/* ---- closed forms -------------------------------------------------------------------------------------------------------- */

static void expect_near(wg_var x, const double *expected, double allowed)
{
    if (!wg_ok(x)) fail_msg("%s", wg_tape_message(x.tape));
    for (size_t i = 0; i < wg_size(x); i++)
        if (!(fabs(wg_at(x, i) - expected[i]) <= allowed))
            fail_msg("element %zu: %.17g, expected %.17g", i, wg_at(x, i), expected[i]);
}

/* The Hilbert matrix's inverse has integers (condition number 524); that of a rotation is its transpose; one that needs
 * an exchange; Fibonacci's numbers. */
static void test_known_inverses(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    double hilbert[9], turn[] = {cos(0.7), -sin(0.7), sin(0.7), cos(0.7)};
    for (size_t i = 0; i < 9; i++) hilbert[i] = 1 / (double)(i / 3 + i % 3 + 1);
    expect_near(wg_inv(wg_constant(tape, WG_DIMS(3, 3), hilbert)),
        (double[]){9, -36, 30, -36, 192, -180, 30, -180, 180}, 524 * 192 * 3e-16);
    expect_near(wg_inv(wg_constant(tape, WG_DIMS(2, 2), turn)), (double[]){turn[0], turn[2], turn[1], turn[3]}, 3e-16);
    wg_var exchange = wg_constant(tape, WG_DIMS(3, 3), ((double[]){0, 2, 0, 0, 0, 4, 8, 0, 0}));
    expect_near(wg_inv(exchange), (double[]){0, 0, 0.125, 0.5, 0, 0, 0, 0.25, 0}, 0);
    expect_near(wg_solve(exchange, wg_constant(tape, WG_DIMS(3), ((double[]){2, 8, 24}))), (double[]){3, 1, 2}, 0);
    wg_var fibonacci = wg_constant(tape, WG_DIMS(2, 2), ((double[]){1, 1, 1, 0}));
    expect_near(wg_matrix_power(fibonacci, 10), (double[]){89, 55, 55, 34}, 0);
    expect_near(wg_matrix_power(fibonacci, -3), (double[]){-1, 2, 2, -3}, 0);
    wg_var one = wg_constant(tape, WG_DIMS(2, 2), ((double[]){1, 0, 0, 1}));
    expect_near(wg_matrix_power(one, INT_MIN), (double[]){1, 0, 0, 1}, 0);
    expect_near(wg_matrix_power(one, INT_MAX), (double[]){1, 0, 0, 1}, 0);
    wg_tape_free(tape);
}

/* d^m (b / a) / da^m = (-1)^m m! b / a^(m+1), by solve and by inv. */
static void test_orders(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var a = wg_variable(tape, WG_DIMS(1, 1), (double[]){2}), b = wg_constant(tape, WG_DIMS(1), (double[]){3});
    wg_var y = wg_solve(a, b), z = wg_inv(a);
    double expected = 1.5;
    for (int order = 0; order < 5; order++) {
        assert_true(fabs(wg_item(y) - expected) < 1e-14 && fabs(wg_item(z) * 3 - expected) < 1e-14);
        expected *= -(order + 1) / 2.0;
        assert_int_equal(wg_gradients(y, &a, 1, &y), WG_OK);
        assert_int_equal(wg_gradients(z, &a, 1, &z), WG_OK);
    }
    wg_tape_free(tape);
}

/* A matrix is factored once: besides its arguments a solve records the factor and itself, and its gradient no factor. */
static void test_one_factor(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_stats before, after;
    wg_var a = wg_variable(tape, WG_DIMS(2, 2), ((double[]){1, 2, 3, 4})),
           b = wg_variable_f64(tape, WG_DIMS(2, 2), NULL);
    wg_tape_stats(tape, &before);
    wg_var x = wg_solve(a, b), grads[2];
    wg_tape_stats(tape, &after);
    assert_int_equal(after.nodes - before.nodes, 2);
    wg_var ones = wg_constant(tape, WG_DIMS(2, 2), ((double[]){1, 1, 1, 1}));
    wg_tape_stats(tape, &before);
    assert_int_equal(wg_vjp(x, ones, (wg_var[]){a, b}, 2, grads), WG_OK);
    wg_tape_stats(tape, &after);
    assert_int_equal(after.nodes - before.nodes, 3); /* solve, neg, matmul */
    wg_tape_free(tape);
}

/* ---- singular matrices, NaN ----------------------------------------------------------------------------------------------- */

static void test_singular(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_stats before, after;
    wg_var a = wg_name(wg_variable(tape, WG_DIMS(2, 2), ((double[]){1, 2, 2, 4})), "A");
    wg_var b = wg_constant(tape, WG_DIMS(2), ((double[]){1, 2}));
    double stack[6 * 4] = {0};
    for (size_t i = 0; i < 24; i++) stack[i] = i % 4 == 0 || i % 4 == 3 ? 1 : 0;
    stack[4 * 4] = 0; /* matrix (1,1) of (3,2) is matrix 3; (2,0) is matrix 4 */
    wg_var many = wg_name(wg_constant(tape, WG_DIMS(3, 2, 2, 2), stack), "S");
    wg_tape_stats(tape, &before);
    wg_solve(a, b);
    assert_string_equal(wg_tape_message(tape), "solve: A (2,2) is singular: pivot 1 is zero");
    point_expect_error(tape, WG_ERROR_ARGUMENT, "solve", NULL);
    wg_inv(a);
    assert_string_equal(wg_tape_message(tape), "inv: A (2,2) is singular: pivot 1 is zero");
    point_expect_error(tape, WG_ERROR_ARGUMENT, "inv", NULL);
    wg_solve(many, b);
    assert_string_equal(wg_tape_message(tape), "solve: matrix (2,0) of S (3,2,2,2) is singular: pivot 0 is zero");
    point_expect_error(tape, WG_ERROR_ARGUMENT, "solve", NULL);
    wg_matrix_power(a, -2);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "matrix_power: inv", "A (2,2)", "singular", NULL);
    wg_solve(a, wg_constant_f64(tape, WG_DIMS(2, 0), NULL)); /* also with nothing to solve for */
    point_expect_error(tape, WG_ERROR_ARGUMENT, "singular", NULL);
    wg_tape_stats(tape, &after);
    assert_int_equal(after.nodes, before.nodes + 1);
    wg_tape_free(tape);
}

/* A replay in which the matrix becomes singular stops there, and one in which it is regular again is fine. */
static void test_replay(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var a = wg_name(wg_variable(tape, WG_DIMS(2, 2), ((double[]){2, 0, 0, 4})), "A");
    wg_var b = wg_constant(tape, WG_DIMS(2), ((double[]){2, 4})), x = wg_solve(a, b), grad;
    assert_int_equal(wg_gradients(wg_sum(x), &a, 1, &grad), WG_OK);
    assert_true(wg_at(x, 0) == 1 && wg_at(x, 1) == 1 && wg_at(grad, 0) == -0.5);
    assert_int_equal(wg_set_value(a, ((double[]){1, 1, 1, 1})), WG_OK);
    assert_int_equal(wg_tape_replay(tape), WG_ERROR_ARGUMENT);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "solve: A (2,2) is singular: pivot 1", NULL);
    assert_int_equal(wg_set_value(a, ((double[]){0, 1, 2, 0})), WG_OK);
    assert_int_equal(wg_tape_replay(tape), WG_OK);
    assert_true(wg_at(x, 0) == 2 && wg_at(x, 1) == 2);
    assert_true(wg_at(grad, 0) == -2 && wg_at(grad, 1) == -2 && wg_at(grad, 2) == -1 && wg_at(grad, 3) == -1);
    wg_tape_free(tape);
}

/* A NaN makes its matrix's result NaN, and no other; it is no singular matrix, whatever else is zero. */
static void test_nan(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    double nan = (double)NAN;
    wg_var a = wg_variable(tape, WG_DIMS(3, 2, 2), ((double[]){0, nan, 0, 0, 1, nan, 0, 1, 1, 0, 0, 1}));
    wg_var b = wg_constant(tape, WG_DIMS(2), ((double[]){0, 1})), x = wg_solve(a, b), y = wg_inv(a);
    for (size_t i = 0; i < 4; i++) assert_true(isnan(wg_at(x, i)));
    for (size_t i = 0; i < 8; i++) assert_true(isnan(wg_at(y, i)));
    assert_true(wg_at(x, 4) == 0 && wg_at(x, 5) == 1 && wg_at(y, 8) == 1 && wg_at(y, 9) == 0);
    assert_int_equal(wg_backward(wg_sum(y)), WG_OK);
    assert_true(isnan(wg_grad_at(a, 0)) && wg_grad_at(a, 8) == -1);
    double inf = (double)INFINITY;
    wg_var wide = wg_constant(tape, WG_DIMS(2, 2, 2), ((double[]){inf, 0, 0, 1, inf, 1, 1, 0}));
    x = wg_solve(wide, b); /* diag(inf, 1)^-1 (0, 1); the other loses its pivot to 0 inf */
    assert_true(wg_at(x, 0) == 0 && wg_at(x, 1) == 1 && isnan(wg_at(x, 2)) && isnan(wg_at(x, 3)));
    wg_tape_free(tape);
}

/* ---- errors ----------------------------------------------------------------------------------------------------------------- */

static void test_errors(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64), *other = wg_tape_new(WG_F64);
    wg_var w = wg_name(wg_variable_f64(tape, WG_DIMS(2, 3), NULL), "W"), v = wg_variable_f64(tape, WG_DIMS(3), NULL);
    wg_var a = wg_name(wg_variable(tape, WG_DIMS(2, 2), ((double[]){1, 0, 0, 1})), "A"), one = wg_scalar(tape, 1);
    wg_var stack = wg_constant_f64(tape, WG_DIMS(2, 3, 3), NULL), wide = wg_constant_f64(tape, WG_DIMS(4, 3, 1), NULL);
    wg_var indices = wg_indices(tape, WG_DIMS(2, 2), NULL), far = wg_constant_f64(other, WG_DIMS(2), NULL);
    wg_stats before, after;
    wg_tape_stats(tape, &before);
    wg_solve(w, v);
    assert_string_equal(wg_tape_message(tape), "solve: takes square matrices (..., n, n), not W (2,3)");
    point_expect_error(tape, WG_ERROR_SHAPE, "solve", NULL);
    wg_solve(v, v);
    point_expect_error(tape, WG_ERROR_SHAPE, "solve", "square", "(3)", NULL);
    wg_solve(a, v);
    point_expect_error(tape, WG_ERROR_SHAPE, "solve", "rows", "A (2,2)", "(3)", NULL);
    wg_solve(a, one);
    point_expect_error(tape, WG_ERROR_SHAPE, "solve", "neither a vector", "A (2,2)", "()", NULL);
    wg_solve(stack, wide);
    point_expect_error(tape, WG_ERROR_SHAPE, "solve", "broadcast", "(2,3,3)", "(4,3,1)", NULL);
    wg_solve(stack, w); /* (2,3) is a matrix of 2 rows, not two vectors */
    point_expect_error(tape, WG_ERROR_SHAPE, "solve", "rows", NULL);
    wg_solve(a, indices);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "solve", "argument 2", "indices", NULL);
    wg_solve((wg_var){0}, a);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "solve", "argument 1", NULL);
    assert_null(wg_solve((wg_var){0}, (wg_var){0}).tape);
    wg_solve(a, far);
    point_expect_error(other, WG_ERROR_ARGUMENT, "solve", "two tapes", NULL);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "argument 2", "another tape", NULL);
    wg_inv(w);
    point_expect_error(tape, WG_ERROR_SHAPE, "inv", "square", "W (2,3)", NULL);
    wg_inv(one);
    point_expect_error(tape, WG_ERROR_SHAPE, "inv", "square", "()", NULL);
    wg_inv(indices);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "inv", "indices", NULL);
    assert_null(wg_inv((wg_var){0}).tape);
    wg_matrix_power(w, 2);
    point_expect_error(tape, WG_ERROR_SHAPE, "matrix_power", "square", "W (2,3)", NULL);
    assert_null(wg_matrix_power((wg_var){0}, 2).tape);
    wg_tape_stats(tape, &after);
    assert_int_equal(before.nodes, after.nodes);
    wg_tape_free(tape);
    wg_tape_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations),
        cmocka_unit_test(test_known_inverses),
        cmocka_unit_test(test_orders),
        cmocka_unit_test(test_one_factor),
        cmocka_unit_test(test_singular),
        cmocka_unit_test(test_replay),
        cmocka_unit_test(test_nan),
        cmocka_unit_test(test_errors),
    };
    return row_main("ops/solve", rows, sizeof rows / sizeof *rows, tests, sizeof tests / sizeof *tests);
}
