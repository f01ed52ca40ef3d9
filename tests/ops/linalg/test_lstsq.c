/* Least squares: rows against the normal equations in long double, a line through points, ill-conditioned and
 * special matrices, errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "matrix.h"
#include "support/point.h"

/* ---- the reference ----------------------------------------------------------------------------------------------- */

enum { MOST = 400 };

/* x (n,k) = (a^T a)^-1 a^T b for a (m,n), b (m,k). */
static void normal_equations(size_t m, size_t n, size_t k, const long double *a, const long double *b, long double *x)
{
    long double turned[MOST], square[MOST];
    matrix_turn(m, n, a, turned);
    matrix_times(n, m, n, turned, a, square);
    matrix_times(n, m, k, turned, b, x);
    matrix_solve(n, k, square, x);
}

/* The matrix of a stack that stands at number i of the joint leading axes. */
static const long double *matrix_at(const array *stack, const wg_shape *joint, size_t i)
{
    size_t tuple[WG_MAX_RANK] = {0}, own[WG_MAX_RANK] = {0};
    uint32_t batch = stack->shape.rank - 2;
    shape_tuple(joint, i, tuple);
    for (uint32_t d = 0; d < batch; d++) own[d] = stack->shape.dim[d] == 1 ? 0 : tuple[joint->rank - batch + d];
    return stack->at + shape_flat(&stack->shape, own);
}

static void reference_lstsq(array *out, const array *in, size_t count, const void *user)
{
    (void)count, (void)user;
    array a = matrix_shifted_array(&in[0], 1), b = array_copy(&in[1]);
    bool vector = b.shape.rank == 1;
    if (vector) b.shape.dim[b.shape.rank++] = 1;
    size_t m = a.shape.dim[a.shape.rank - 2], n = a.shape.dim[a.shape.rank - 1], k = b.shape.dim[b.shape.rank - 1];
    wg_shape left = matrix_batch(&a.shape), right = matrix_batch(&b.shape), joint = shape_broadcast(&left, &right);
    wg_shape shape = joint;
    shape.dim[shape.rank++] = n;
    shape.dim[shape.rank++] = k;
    *out = array_new(shape);
    for (size_t i = 0; i < shape_size(&joint) && n * k > 0; i++)
        normal_equations(m, n, k, matrix_at(&a, &joint, i), matrix_at(&b, &joint, i), out->at + i * n * k);
    if (vector) out->shape.rank--;
    array_free(&a);
    array_free(&b);
}

static wg_var apply_lstsq(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    (void)n, (void)user;
    return wg_lstsq(matrix_shifted(tape, in[0], 1), in[1]);
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

static const row_case cases[] = {
    CASE(2, SHAPE(1, 1), SHAPE(1)),
    CASE(2, SHAPE(2, 2), SHAPE(2)),
    CASE(2, SHAPE(4, 2), SHAPE(4)),
    CASE(2, SHAPE(5, 3), SHAPE(5, 2)),
    CASE(2, SHAPE(5, 1), SHAPE(5, 1)),
    CASE(2, SHAPE(2, 3, 2), SHAPE(2, 3, 1)),
    CASE(2, SHAPE(2, 3, 2), SHAPE(3)),
    CASE(2, SHAPE(2, 1, 3, 2), SHAPE(3, 3, 2)),
    CASE(2, SHAPE(3, 2), SHAPE(2, 3, 2)),
    CASE(2, SHAPE(1, 1, 1, 1, 1, 2, 3, 2), SHAPE(1, 3, 1)),
    CASE(2, SHAPE(9, 6), SHAPE(9, 2)),
    CASE(2, SHAPE(3, 0), SHAPE(3)),
    CASE(2, SHAPE(0, 0), SHAPE(0, 2)),
    CASE(2, SHAPE(3, 2), SHAPE(3, 0)),
    CASE(2, SHAPE(0, 3, 2), SHAPE(3, 1)),
};

static const row rows[] = {
    ROW(wg_lstsq, .apply = apply_lstsq, .composite = true, .reference = reference_lstsq, ROW_CASES(cases),
        .domain = {FROM(-0.5, 0.5), FROM(-1, 1)}, .roundings = 64, .sum = true, .pieces = true,
        .reads = {ROW_READS(0) | ROW_READS(1) | ROW_READS_RESULT, ROW_READS(0) | ROW_READS(1) | ROW_READS_RESULT}),
};

static void test_allocations(void **state)
{
    (void)state;
    static const row_case c = CASE(2, SHAPE(20, 10), SHAPE(20, 5));
    row_fail_allocations(&rows[0], &c);
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

/* The line through four points, and its derivative with respect to one of them: a textbook's formulas. */
static void test_line(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var a = wg_constant(tape, WG_DIMS(4, 2), ((double[]){1, 0, 1, 1, 1, 2, 1, 3}));
    wg_var b = wg_variable(tape, WG_DIMS(4), ((double[]){1, 3, 4, 8}));
    wg_var x = wg_lstsq(a, b);
    assert_true(fabs(wg_at(x, 0) - 0.7) < 1e-14 && fabs(wg_at(x, 1) - 2.2) < 1e-14);
    assert_int_equal(wg_backward_from(x, (double[]){0, 1}), WG_OK);
    for (size_t i = 0; i < 4; i++) assert_true(fabs(wg_grad_at(b, i) - ((double)i - 1.5) / 5) < 1e-14);
    wg_tape_free(tape);
}

/* A float system is solved in double: the result is the nearest float, though a^T a would not be invertible in float. */
static void test_float(void **state)
{
    (void)state;
    enum { M = 12, N = 5 };
    random_state random = {3};
    double a[M * N], b[M];
    long double la[M * N], lb[M], x[N];
    for (size_t i = 0; i < M; i++) {
        double place = (double)i / M;
        for (size_t j = 0; j < N; j++) a[i * N + j] = (double)(float)(j ? pow(place, (double)j) : 1);
        b[i] = (double)(float)random_unit(&random);
        lb[i] = (long double)b[i];
    }
    for (size_t i = 0; i < M * N; i++) la[i] = (long double)a[i];
    normal_equations(M, N, 1, la, lb, x);
    wg_tape *tape = wg_tape_new(WG_F32);
    wg_var got = wg_lstsq(wg_variable_f64(tape, WG_DIMS(M, N), a), wg_variable_f64(tape, WG_DIMS(M), b));
    for (size_t j = 0; j < N; j++) assert_true(fabsl((long double)wg_at(got, j) / x[j] - 1) < 1e-7L);
    wg_tape_free(tape);
}

/* What lies in a's range is found again to cond(a) roundings, also where cond(a)^2 is beyond all digits. */
static void test_ill_conditioned(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    double e = 1e-9;
    wg_var a = wg_variable(tape, WG_DIMS(3, 2), ((double[]){1, 1, e, 0, 0, e}));
    wg_var b = wg_variable(tape, WG_DIMS(3), ((double[]){3, e, 2 * e})), x = wg_lstsq(a, b);
    assert_true(fabs(wg_at(x, 0) - 1) < 1e-6 && fabs(wg_at(x, 1) - 2) < 1e-6);
    wg_tape_free(tape);
}

static void test_nan(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    double numbers[12] = {1, 2, 3, 4, 5, 7, 1, 2, 3, 4, 5, 6};
    numbers[9] = (double)NAN;
    wg_var a = wg_variable_f64(tape, WG_DIMS(2, 3, 2), numbers),
           b = wg_variable(tape, WG_DIMS(3), ((double[]){1, 2, 4}));
    wg_var x = wg_lstsq(a, b);
    for (size_t i = 0; i < 4; i++) assert_true(isnan(wg_at(x, i)) == (i >= 2));
    assert_int_equal(wg_backward(wg_sum(x)), WG_OK);
    for (size_t i = 0; i < 12; i++) assert_true(isnan(wg_grad_at(a, i)) == (i >= 6));
    wg_tape_free(tape);
}

/* ---- errors ------------------------------------------------------------------------------------------------------ */

static void test_errors(void **state)
{
    (void)state;
    for (int dtype = WG_F32; dtype <= WG_F64; dtype++) {
        wg_tape *tape = wg_tape_new((wg_dtype)dtype);
        static const double numbers[] = {1, 0, 0, 1, 1, 1, 1, 2, 2, 4, 3, 6};
        wg_var a = wg_name(wg_variable_f64(tape, WG_DIMS(2, 3, 2), numbers), "A");
        wg_var wide = wg_name(wg_variable_raw(tape, WG_DIMS(2, 3), NULL), "W");
        wg_var b = wg_name(wg_variable_raw(tape, WG_DIMS(3), NULL), "b"),
               four = wg_variable_raw(tape, WG_DIMS(4), NULL);
        wg_var stack = wg_variable_raw(tape, WG_DIMS(3, 3, 1), NULL), one = wg_scalar_variable(tape, 1);
        wg_stats before, after;
        wg_tape_stats(tape, &before);
        assert_false(wg_ok(wg_lstsq(a, b)));
        point_expect_error(
            tape, WG_ERROR_ARGUMENT, "lstsq: ", "matrix (1) of A (2,3,2)", "full column rank", "element 1", NULL);
        wg_lstsq(wide, b);
        point_expect_error(tape, WG_ERROR_SHAPE, "lstsq: ", "fewer equations", "W (2,3)", "b (3)", NULL);
        wg_lstsq(a, four);
        point_expect_error(tape, WG_ERROR_SHAPE, "lstsq: ", "rows differ", "A (2,3,2)", "(4)", NULL);
        wg_lstsq(a, stack);
        point_expect_error(tape, WG_ERROR_SHAPE, "lstsq: ", "do not broadcast", "A (2,3,2)", "(3,3,1)", NULL);
        wg_lstsq(b, b);
        point_expect_error(tape, WG_ERROR_SHAPE, "lstsq: ", "takes", "b (3)", NULL);
        wg_lstsq(a, one);
        point_expect_error(tape, WG_ERROR_SHAPE, "lstsq: ", "takes", NULL);
        wg_lstsq(a, (wg_var){tape, UINT32_MAX, 0});
        point_expect_error(tape, WG_ERROR_ARGUMENT, "lstsq: ", "invalid", NULL);
        assert_null(wg_lstsq((wg_var){0}, (wg_var){0}).tape);
        wg_tape_stats(tape, &after);
        assert_int_equal(before.nodes, after.nodes);
        wg_tape_free(tape);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations),
        cmocka_unit_test(test_line),
        cmocka_unit_test(test_float),
        cmocka_unit_test(test_ill_conditioned),
        cmocka_unit_test(test_nan),
        cmocka_unit_test(test_errors),
    };
    return row_main("ops/linalg/lstsq", rows, sizeof rows / sizeof *rows, tests, sizeof tests / sizeof *tests);
}
