/* The pseudo-inverse: rows of full rank against the normal equations in long double, lower ranks by closed forms and
 * Penrose's conditions, errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "matrix.h"
#include "support/point.h"

enum { MOST = 400 };

/* y (n,m) = (a^T a)^-1 a^T for a (m,n), m >= n, or a^T (a a^T)^-1 = ((a a^T)^-1 a)^T. */
static void invert(size_t m, size_t n, const long double *a, long double *y)
{
    long double turned[MOST], square[MOST], solved[MOST];
    matrix_turn(m, n, a, turned);
    if (m >= n) {
        matrix_times(n, m, n, turned, a, square);
        memcpy(y, turned, m * n * sizeof *y);
        matrix_solve(n, m, square, y);
    } else {
        matrix_times(m, n, m, a, turned, square);
        memcpy(solved, a, m * n * sizeof *solved);
        matrix_solve(m, n, square, solved);
        matrix_turn(m, n, solved, y);
    }
}

static void reference_pinv(array *out, const array *in, size_t count, const void *user)
{
    (void)count, (void)user;
    array a = matrix_shifted_array(&in[0], 1);
    size_t m = a.shape.dim[a.shape.rank - 2], n = a.shape.dim[a.shape.rank - 1];
    *out = array_new(matrix_shape(&a.shape, 2, n, m));
    for (size_t i = 0; i < matrix_count(&a.shape) && m * n > 0; i++)
        invert(m, n, a.at + i * m * n, out->at + i * m * n);
    array_free(&a);
}

static wg_var apply_pinv(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    (void)n, (void)user;
    return wg_pinv(matrix_shifted(tape, in[0], 1));
}

static const row_case cases[] = {
    CASE(1, SHAPE(1, 1)),
    CASE(1, SHAPE(3, 3)),
    CASE(1, SHAPE(4, 2)),
    CASE(1, SHAPE(2, 4)),
    CASE(1, SHAPE(5, 1)),
    CASE(1, SHAPE(1, 3)),
    CASE(1, SHAPE(2, 3, 2)),
    CASE(1, SHAPE(2, 1, 2, 3)),
    CASE(1, SHAPE(1, 1, 1, 1, 1, 2, 3, 2)),
    CASE(1, SHAPE(7, 5)),
    CASE(1, SHAPE(0, 0)),
    CASE(1, SHAPE(3, 0)),
    CASE(1, SHAPE(0, 3)),
    CASE(1, SHAPE(0, 2, 2)),
};

static const row rows[] = {
    ROW(wg_pinv, .apply = apply_pinv, .composite = true, .reference = reference_pinv, ROW_CASES(cases),
        .domain = {FROM(-0.5, 0.5)}, .roundings = 64, .sum = true, .pieces = true,
        .reads = {ROW_READS(0) | ROW_READS_RESULT}),
};

static void test_allocations(void **state)
{
    (void)state;
    static const row_case c = CASE(1, SHAPE(20, 10));
    row_fail_allocations(&rows[0], &c);
}

/* Of u v^T it is v u^T / (|u|^2 |v|^2), whatever the shape: the value, and the derivative through u and v. */
static void test_rank_1(void **state)
{
    (void)state;
    enum { M = 4, N = 3 };
    static const double un[M] = {1, -2, 0.5, 3}, vn[N] = {2, 1, -1};
    for (int wide = 0; wide < 2; wide++) {
        wg_tape *tape = wg_tape_new(WG_F64);
        wg_var u = wg_variable_f64(tape, WG_DIMS(M), un), v = wg_variable_f64(tape, WG_DIMS(N), vn), grads[2], known[2];
        wg_var x = wide ? wg_outer(v, u) : wg_outer(u, v), y = wg_pinv(x);
        wg_var scale = wg_mul(wg_sum(wg_square(u)), wg_sum(wg_square(v)));
        wg_var expected = wg_div(wide ? wg_outer(u, v) : wg_outer(v, u), scale);
        for (size_t i = 0; i < M * N; i++) assert_true(fabs(wg_at(y, i) - wg_at(expected, i)) < 1e-15);
        wg_var in[] = {u, v};
        wg_gradients(wg_sum(wg_square(wg_add(y, wg_exp(y)))), in, 2, grads);
        wg_gradients(wg_sum(wg_square(wg_add(expected, wg_exp(expected)))), in, 2, known);
        for (size_t i = 0; i < M; i++) assert_true(fabs(wg_at(grads[0], i) - wg_at(known[0], i)) < 1e-14);
        for (size_t i = 0; i < N; i++) assert_true(fabs(wg_at(grads[1], i) - wg_at(known[1], i)) < 1e-14);
        assert_int_equal(wg_backward(wg_sum(wg_square(grads[0]))), WG_OK);
        double second[M];
        for (size_t i = 0; i < M; i++) second[i] = wg_grad_at(u, i);
        wg_zero_grad(tape);
        assert_int_equal(wg_backward(wg_sum(wg_square(known[0]))), WG_OK);
        for (size_t i = 0; i < M; i++) assert_true(fabs(second[i] - wg_grad_at(u, i)) < 1e-13);
        wg_tape_free(tape);
    }
}

/* Equal singular values, where no singular vector has a derivative: (2 1)^+ = 1 / 2. */
static void test_coinciding(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(2, 2), ((double[]){2, 0, 0, 2})), y = wg_pinv(x);
    assert_int_equal(wg_backward(wg_sum(y)), WG_OK);
    for (size_t i = 0; i < 4; i++) {
        assert_true(wg_at(y, i) == (i % 3 ? 0 : 0.5));
        assert_true(fabs(wg_grad_at(x, i) + 0.25) < 1e-15);
    }
    wg_tape_free(tape);
}

/* Zeros have zeros for a pseudo-inverse; a NaN makes its matrix's NaN. */
static void test_zero_and_nan(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F32);
    double numbers[12] = {0};
    numbers[9] = (double)NAN;
    wg_var y = wg_pinv(wg_variable_f64(tape, WG_DIMS(2, 3, 2), numbers));
    for (size_t i = 0; i < 12; i++) assert_true(i < 6 ? wg_at(y, i) == 0 : isnan(wg_at(y, i)));
    assert_int_equal(wg_tape_status(tape), WG_OK);
    wg_tape_free(tape);
}

static void test_errors(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var v = wg_name(wg_variable(tape, WG_DIMS(3), (double *)NULL), "v");
    assert_false(wg_ok(wg_pinv(v)));
    point_expect_error(tape, WG_ERROR_SHAPE, "pinv: ", "(..., m, n)", "v (3)", NULL);
    wg_pinv((wg_var){tape, UINT32_MAX, 0});
    point_expect_error(tape, WG_ERROR_ARGUMENT, "pinv: ", "invalid", NULL);
    assert_null(wg_pinv((wg_var){0}).tape);
    wg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations),
        cmocka_unit_test(test_rank_1),
        cmocka_unit_test(test_coinciding),
        cmocka_unit_test(test_zero_and_nan),
        cmocka_unit_test(test_errors),
    };
    return row_main("ops/linalg/pinv", rows, sizeof rows / sizeof *rows, tests, sizeof tests / sizeof *tests);
}
