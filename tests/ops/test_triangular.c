/* triangular_solve and cholesky_solve: rows, what is read, closed forms, errors. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "support/matrices.h"
#include "support/point.h"

/* ---- rows: of a + 2 I ------------------------------------------------------------------------------------------------- */

enum { UPPER = 1, TRANSPOSE = 2, UNIT = 4 };

static wg_var apply_triangular(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    int way = *(const int *)user;
    (void)tape, (void)n;
    return wg_triangular_solve(matrices_shift(in[0], 2), in[1], way & UPPER, way & TRANSPOSE, way & UNIT);
}

/* The triangle, made whole and transposed where asked. */
static void make_triangle(size_t n, const long double *a, int way, long double *t)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            bool in_it = way & UPPER ? j >= i : j <= i;
            long double x = i == j && way & UNIT ? 1 : in_it ? a[i * n + j] : 0;
            t[way & TRANSPOSE ? j * n + i : i * n + j] = x;
        }
}

/* op(T)^-1 b for each matrix; with both, (T T^T)^-1 b. */
static void reference_systems(array *out, const array *in, int way, bool both)
{
    array a = matrices_shifted(&in[0], 2), b = array_copy(&in[1]);
    bool vector = b.shape.rank == 1;
    if (vector) b.shape = (wg_shape){2, {b.shape.dim[0], 1}};
    wg_shape batch_a = matrices_batch(&a.shape), batch_b = matrices_batch(&b.shape);
    wg_shape joint = shape_broadcast(&batch_a, &batch_b), shape = joint;
    size_t n = b.shape.dim[b.shape.rank - 2], k = b.shape.dim[b.shape.rank - 1];
    long double *t = malloc((n * n + 1) * sizeof *t);
    assert_non_null(t);
    shape.dim[shape.rank++] = n;
    shape.dim[shape.rank++] = k;
    *out = array_new(shape);
    for (size_t i = 0; i < shape_size(&joint); i++) {
        long double *x = out->at + i * n * k;
        if (n && k) memcpy(x, matrices_at(&b, &joint, i), n * k * sizeof *x);
        make_triangle(n, matrices_at(&a, &joint, i), way, t);
        matrices_solve(n, k, t, x);
        if (both) make_triangle(n, matrices_at(&a, &joint, i), way ^ TRANSPOSE, t);
        if (both) matrices_solve(n, k, t, x);
    }
    if (vector) out->shape.rank--;
    free(t);
    array_free(&a);
    array_free(&b);
}

static void reference_triangular(array *out, const array *in, size_t n, const void *user)
{
    (void)n;
    reference_systems(out, in, *(const int *)user, false);
}

static wg_var apply_cholesky_solve(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    (void)tape, (void)n, (void)user;
    return wg_cholesky_solve(matrices_shift(in[0], 2), in[1]);
}

static void reference_cholesky_solve(array *out, const array *in, size_t n, const void *user)
{
    (void)n, (void)user;
    reference_systems(out, in, 0, true);
}

#define WAY(way, ...) CASE_WITH(&(const int){way}, 2, __VA_ARGS__)
#define WAYS(...)                                                                                                      \
    WAY(0, __VA_ARGS__), WAY(1, __VA_ARGS__), WAY(2, __VA_ARGS__), WAY(3, __VA_ARGS__), WAY(4, __VA_ARGS__),           \
        WAY(5, __VA_ARGS__), WAY(6, __VA_ARGS__), WAY(7, __VA_ARGS__)
static const row_case cases_triangular[] = {
    WAYS(SHAPE(3, 3), SHAPE(3)),
    WAYS(SHAPE(3, 3), SHAPE(3, 3)),
    WAYS(SHAPE(2, 3, 3), SHAPE(3, 2)),
    WAYS(SHAPE(3, 3), SHAPE(2, 3, 2)),
    WAY(0, SHAPE(1, 1), SHAPE(1)),
    WAY(1, SHAPE(0, 0), SHAPE(0)),
    WAY(2, SHAPE(0, 0), SHAPE(0, 2)),
    WAY(3, SHAPE(2, 2), SHAPE(2, 0)),
    WAY(4, SHAPE(0, 2, 2), SHAPE(2)),
    WAY(0, SHAPE(2, 1, 2, 2), SHAPE(3, 2, 1)),
    WAY(3, SHAPE(12, 12), SHAPE(12, 5)),
};
static const row_case cases_cholesky_solve[] = {CASE(2, SHAPE(3, 3), SHAPE(3)), CASE(2, SHAPE(3, 3), SHAPE(3, 3)),
    CASE(2, SHAPE(2, 3, 3), SHAPE(3, 2)), CASE(2, SHAPE(2, 2), SHAPE(2, 2, 1)), CASE(2, SHAPE(0, 0), SHAPE(0))};

/* An intermediate, 0.25 of the diagonal away from its neighbours, has few digits to lose. */
#define SYSTEM                                                                                                         \
    .domain = {FROM(-0.5, 0.5), FROM(-2, 2)}, .composite = true, .roundings = 16, .sum = true, .pieces = true,         \
    .reads = {ROW_READS_RESULT, 0}
static const row rows[] = {
    ROW(wg_triangular_solve, .apply = apply_triangular, .reference = reference_triangular, ROW_CASES(cases_triangular),
        SYSTEM),
    ROW(wg_cholesky_solve, .apply = apply_cholesky_solve, .reference = reference_cholesky_solve,
        ROW_CASES(cases_cholesky_solve), SYSTEM),
};

static void test_allocations(void **state)
{
    (void)state;
    const row_case cases[] = {WAY(3, SHAPE(2, 20, 20), SHAPE(20, 9)), WAY(0, SHAPE(70, 70), SHAPE(70, 5))};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) row_fail_allocations(&rows[0], &cases[i]);
}

/* ---- what is read ----------------------------------------------------------------------------------------------------------- */

/* NaN outside the triangle, and on a unit diagonal, is not read and has an exact zero for its gradient, recorded too. */
static void test_the_triangle_alone(void **state)
{
    (void)state;
    double nan = (double)NAN;
    for (int unit = 0; unit < 2; unit++) {
        wg_tape *tape = wg_tape_new(WG_F64);
        double diagonal = unit ? nan : 2;
        wg_var a = wg_variable(tape, WG_DIMS(2, 2), ((double[]){diagonal, nan, 6, diagonal})), grad, second;
        wg_var b = wg_variable(tape, WG_DIMS(2), ((double[]){2, 4}));
        wg_var x = wg_triangular_solve(a, b, false, false, unit);
        assert_true(wg_at(x, 0) == (unit ? 2 : 1) && wg_at(x, 1) == (unit ? -8 : -1));
        assert_int_equal(wg_backward(wg_sum(x)), WG_OK);
        assert_int_equal(wg_gradients(wg_sum(x), &a, 1, &grad), WG_OK);
        assert_int_equal(wg_gradients(wg_sum(grad), &a, 1, &second), WG_OK);
        /* x1 = (b1 - a10 b0 / a00) / a11 */
        assert_true(wg_grad_at(a, 2) == (unit ? -2 : -0.5) && wg_at(grad, 2) == (unit ? -2 : -0.5));
        for (size_t i = 0; i < 4; i++) {
            bool outside = i == 1 || (unit && i != 2);
            assert_true(wg_grad_at(a, i) == wg_at(grad, i));
            if (outside) assert_true(wg_grad_at(a, i) == 0 && wg_at(second, i) == 0);
            if (!outside && !unit) assert_true(wg_grad_at(a, i) != 0 && wg_at(second, i) != 0);
        }
        wg_tape_free(tape);
    }
}

/* ---- errors ------------------------------------------------------------------------------------------------------------------- */

static void test_errors(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var a = wg_name(wg_variable(tape, WG_DIMS(2, 2, 2), ((double[]){1, 0, 3, 1, 1, 5, 0, 0})), "A");
    wg_var w = wg_name(wg_variable_f64(tape, WG_DIMS(2, 3), NULL), "W"), b = wg_constant_f64(tape, WG_DIMS(2), NULL);
    wg_var long_one = wg_constant_f64(tape, WG_DIMS(3), NULL), indices = wg_indices(tape, WG_DIMS(2), NULL);
    wg_stats before, after;
    wg_tape_stats(tape, &before);
    wg_triangular_solve(a, b, true, false, false);
    assert_string_equal(
        wg_tape_message(tape), "triangular_solve: matrix (1) of A (2,2,2) is singular: diagonal element 1 is zero");
    point_expect_error(tape, WG_ERROR_ARGUMENT, "triangular_solve", NULL);
    wg_cholesky_solve(a, b);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "cholesky_solve", "matrix (1) of A", NULL);
    wg_triangular_solve(w, b, true, false, false);
    point_expect_error(tape, WG_ERROR_SHAPE, "triangular_solve", "square", "W (2,3)", NULL);
    wg_triangular_solve(a, long_one, true, false, false);
    point_expect_error(tape, WG_ERROR_SHAPE, "triangular_solve", "rows", "A (2,2,2)", "(3)", NULL);
    wg_cholesky_solve(a, long_one);
    point_expect_error(tape, WG_ERROR_SHAPE, "cholesky_solve", "rows", "A (2,2,2)", "(3)", NULL);
    wg_triangular_solve(a, indices, true, false, false);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "triangular_solve", "argument 2", "indices", NULL);
    wg_cholesky_solve((wg_var){0}, b);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "cholesky_solve", "argument 1", NULL);
    assert_null(wg_triangular_solve((wg_var){0}, (wg_var){0}, true, true, true).tape);
    wg_tape_stats(tape, &after);
    assert_int_equal(before.nodes, after.nodes);
    assert_true(wg_ok(wg_triangular_solve(a, b, true, false, true))); /* a unit diagonal is never singular */
    wg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations),
        cmocka_unit_test(test_the_triangle_alone),
        cmocka_unit_test(test_errors),
    };
    return row_main("ops/triangular", rows, sizeof rows / sizeof *rows, tests, sizeof tests / sizeof *tests);
}
