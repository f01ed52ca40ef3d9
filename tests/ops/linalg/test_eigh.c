/* Eigenvalues and vectors: rows of either against Jacobi's rotations in long double, closed forms, coinciding values,
 * large and special matrices, errors. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "matrix.h"
#include "support/point.h"

/* ---- the reference ----------------------------------------------------------------------------------------------- */

enum { MOST = 16 };

/* Rotates rows and columns p and q so that a_pq becomes 0. */
static void rotate(size_t n, long double *a, long double *v, size_t p, size_t q)
{
    if (a[p * n + q] == 0) return;
    long double theta = atan2l(2 * a[p * n + q], a[q * n + q] - a[p * n + p]) / 2, c = cosl(theta), s = sinl(theta);
    for (size_t k = 0; k < n; k++) {
        long double x = a[k * n + p], y = a[k * n + q];
        a[k * n + p] = c * x - s * y;
        a[k * n + q] = s * x + c * y;
    }
    for (size_t k = 0; k < n; k++) {
        long double x = a[p * n + k], y = a[q * n + k];
        a[p * n + k] = c * x - s * y;
        a[q * n + k] = s * x + c * y;
    }
    for (size_t k = 0; k < n; k++) {
        long double x = v[k * n + p], y = v[k * n + q];
        v[k * n + p] = c * x - s * y;
        v[k * n + q] = s * x + c * y;
    }
}

/* a (n,n) is overwritten. w ascending, v's columns with their signs. */
static void jacobi(size_t n, long double *a, long double *w, long double *v)
{
    long double turned[MOST * MOST], found[MOST * MOST] = {0};
    bool taken[MOST] = {false};
    matrix_turn(n, n, a, turned);
    for (size_t i = 0; i < n * n; i++) a[i] = (a[i] + turned[i]) / 2;
    for (size_t i = 0; i < n; i++) found[i * n + i] = 1;
    for (int sweep = 0; sweep < 12; sweep++)
        for (size_t p = 0; p < n; p++)
            for (size_t q = p + 1; q < n; q++) rotate(n, a, found, p, q);
    for (size_t i = 0; i < n; i++) {
        size_t least = n;
        for (size_t k = 0; k < n; k++)
            if (!taken[k] && (least == n || a[k * n + k] < a[least * n + least])) least = k;
        taken[least] = true;
        w[i] = a[least * n + least];
        long double sign = matrix_sign(n, found + least, n);
        for (size_t k = 0; k < n; k++) v[k * n + i] = sign * found[k * n + least];
    }
}

static void reference_eigh(array *out, const array *in, size_t count, const void *user)
{
    const matrix_view *view = user;
    (void)count;
    array a = matrix_shifted_array(&in[0], view->step);
    size_t n = a.shape.dim[a.shape.rank - 1];
    array w = array_new(matrix_shape(&a.shape, 1, n, 0)), v = array_new(matrix_shape(&a.shape, 2, n, n));
    for (size_t i = 0; i < matrix_count(&a.shape); i++) jacobi(n, a.at + i * n * n, w.at + i * n, v.at + i * n * n);
    *out = view->result ? v : w;
    array_free(view->result ? &w : &v);
    array_free(&a);
}

static wg_var apply_eigh(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    const matrix_view *view = user;
    wg_var results[2];
    (void)n;
    wg_eigh(matrix_shifted(tape, in[0], view->step), &results[0], &results[1]);
    return results[view->result];
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

static const matrix_view view_w = {0, 1}, view_v = {1, 1};
#define CASES(view)                                                                                                    \
    CASE_WITH(view, 1, SHAPE(1, 1)), CASE_WITH(view, 1, SHAPE(2, 2)), CASE_WITH(view, 1, SHAPE(3, 3)),                 \
        CASE_WITH(view, 1, SHAPE(2, 3, 3)), CASE_WITH(view, 1, SHAPE(2, 1, 2, 2)),                                     \
        CASE_WITH(view, 1, SHAPE(1, 1, 1, 1, 1, 2, 2, 2)), CASE_WITH(view, 1, SHAPE(6, 6)),                            \
        CASE_WITH(view, 1, SHAPE(0, 0)), CASE_WITH(view, 1, SHAPE(0, 2, 2)), CASE_WITH(view, 1, SHAPE(2, 0, 0))
static const row_case cases_w[] = {CASES(&view_w)}, cases_v[] = {CASES(&view_v)};

#define RESULT                                                                                                         \
    .apply = apply_eigh, .composite = true, .reference = reference_eigh, .domain = {FROM(-0.375, 0.375)},              \
    .roundings = 64, .sum = true, .pieces = true, .reads = {ROW_READS(0) | ROW_READS_RESULT}
static const row rows[] = {
    ROW(wg_eigh, RESULT, ROW_CASES(cases_w)),
    {.name = "wg_eigh's vectors", RESULT, ROW_CASES(cases_v)},
};

static void test_allocations(void **state)
{
    (void)state;
    static const row_case w = CASE_WITH(&view_w, 1, SHAPE(2, 12, 12)), v = CASE_WITH(&view_v, 1, SHAPE(12, 12));
    row_fail_allocations(&rows[0], &w);
    row_fail_allocations(&rows[1], &v);
}

/* ---- properties -------------------------------------------------------------------------------------------------- */

/* x v = v diag(w) and v^T v = 1, beside the size of x; w ascends; signs are as promised. */
static void expect_eigh(const array *x, wg_dtype dtype)
{
    wg_tape *tape = wg_tape_new(dtype);
    wg_var values, vectors;
    assert_int_equal(wg_eigh(array_leaf(tape, x, true), &values, &vectors), WG_OK);
    array w = array_of_value(values), v = array_of_value(vectors);
    size_t n = x->shape.dim[0];
    long double allowed = 4 * (long double)(n + 4) * dtype_roundoff(dtype), largest = array_largest(&w);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            long double off = -v.at[i * n + j] * w.at[j], product = i == j ? -1 : 0;
            for (size_t p = 0; p < n; p++) off += x->at[i * n + p] * v.at[p * n + j];
            for (size_t p = 0; p < n; p++) product += v.at[p * n + i] * v.at[p * n + j];
            assert_true(fabsl(off) <= allowed * largest);
            assert_true(fabsl(product) <= allowed);
        }
    for (size_t j = 0; j < n; j++) {
        assert_true(j == 0 || w.at[j - 1] <= w.at[j]);
        if (dtype == WG_F64) assert_true(matrix_sign(n, v.at + j, n) == 1);
    }
    array_free(&w);
    array_free(&v);
    wg_tape_free(tape);
}

static void test_properties(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 2, 3, 17, 64, 101};
    for (int way = 0; way < 8; way++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            size_t n = sizes[s];
            random_state random = {s + 3};
            array x = array_new(WG_DIMS(n, n));
            for (size_t i = 0; i < n; i++)
                for (size_t j = 0; j <= i; j++) {
                    long double number = (long double)(float)(2 * random_unit(&random) - 1);
                    if (way == 1) number = 0;
                    if (way == 2) number = 1;                                       /* rank 1 */
                    if (way == 3) number = i == j ? 2 : i == j + 1 ? -1 : 0;        /* tridiagonal */
                    if (way == 4) number = i == j ? (long double)(i % 3) : 0;       /* diagonal, values repeated */
                    if (way == 5) number *= ldexpl(1, -(int)((i + j) % 60));        /* graded */
                    if (way == 6) number = i / 2 == j / 2 ? 1 + (long double)i : 0; /* blocks */
                    if (way == 7) number = i + j + 1 == n ? 1 : 0;                  /* eigenvalues 1 and -1 */
                    x.at[i * n + j] = x.at[j * n + i] = (long double)(float)number;
                }
            expect_eigh(&x, WG_F64);
            expect_eigh(&x, WG_F32);
            array_free(&x);
        }
}

/* A diagonal matrix is taken as it is; the second difference has the eigenvalues 4 sin^2(k pi / (2 (n + 1))). */
static void test_known_values(void **state)
{
    (void)state;
    enum { N = 30 };
    double x[N * N] = {0}, y[N * N] = {0};
    for (size_t i = 0; i < N; i++) {
        x[i * N + i] = 2;
        if (i) x[i * N + i - 1] = x[(i - 1) * N + i] = -1;
        y[i * N + i] = ldexp(1, (int)(i * 7 % N) - 15);
    }
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var w, v;
    wg_eigh(wg_variable_f64(tape, WG_DIMS(N, N), x), &w, &v);
    for (size_t k = 0; k < N; k++) {
        long double angle = (long double)(k + 1) * acosl(-1) / (2 * (N + 1));
        assert_true(fabsl((long double)wg_at(w, k) - 4 * sinl(angle) * sinl(angle)) < 4e-15L);
    }
    wg_eigh(wg_variable_f64(tape, WG_DIMS(N, N), y), &w, &v);
    for (size_t k = 0; k < N; k++) {
        assert_true(wg_at(w, k) == ldexp(1, (int)k - 15));
        for (size_t i = 0; i < N; i++) assert_true(wg_at(v, i * N + k) == (i * 7 % N == k));
    }
    wg_tape_free(tape);
}

static void test_scales(void **state)
{
    (void)state;
    static const double scales[] = {1e300, 1e-300, 0x1p-1070, 0x1p1020};
    for (size_t s = 0; s < 4; s++) {
        wg_tape *tape = wg_tape_new(WG_F64);
        double c = scales[s];
        wg_var w, v, x = wg_variable(tape, WG_DIMS(2, 2), ((double[]){2 * c, c, c, 2 * c}));
        assert_int_equal(wg_eigh(x, &w, &v), WG_OK);
        assert_true(fabs(wg_at(w, 0) / c - 1) < 1e-15 && fabs(wg_at(w, 1) / c - 3) < 2e-15);
        static const double signs[] = {1, 1, -1, 1};
        for (size_t i = 0; i < 4; i++) assert_true(fabs(wg_at(v, i) - signs[i] * sqrt(0.5)) < 1e-15);
        wg_tape_free(tape);
    }
}

static void test_nan(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    double numbers[8] = {1, 2, 2, 5, 1, 2, 2, 3};
    numbers[6] = (double)INFINITY;
    wg_var w, v, x = wg_variable_f64(tape, WG_DIMS(2, 2, 2), numbers);
    assert_int_equal(wg_eigh(x, &w, &v), WG_OK);
    for (size_t i = 0; i < 4; i++) assert_true(isnan(wg_at(w, i)) == (i >= 2));
    for (size_t i = 0; i < 8; i++) assert_true(isnan(wg_at(v, i)) == (i >= 4));
    assert_int_equal(wg_backward(wg_add(wg_sum(w), wg_sum(wg_mul(v, v)))), WG_OK);
    for (size_t i = 0; i < 8; i++) assert_true(isnan(wg_grad_at(x, i)) == (i >= 4));
    wg_tape_free(tape);
}

/* ---- coinciding values ------------------------------------------------------------------------------------------- */

/* The sum of the eigenvalues is the trace, of their squares the squared norm: gradients that exist anywhere. */
static void test_values_alone(void **state)
{
    (void)state;
    for (int dtype = WG_F32; dtype <= WG_F64; dtype++) {
        wg_tape *tape = wg_tape_new((wg_dtype)dtype);
        static const double one[] = {2, 0, 0, 0, 2, 0, 0, 0, 2};
        wg_var w, v, x = wg_variable_f64(tape, WG_DIMS(3, 3), one);
        wg_eigh(x, &w, &v);
        assert_int_equal(wg_backward(wg_add(wg_sum(w), wg_sum(wg_square(w)))), WG_OK);
        for (size_t i = 0; i < 9; i++) assert_true(fabs(wg_grad_at(x, i) - (i % 4 == 0 ? 5 : 0)) < 1e-5);
        wg_tape_free(tape);
    }
}

static void test_coinciding(void **state)
{
    (void)state;
    for (int dtype = WG_F32; dtype <= WG_F64; dtype++) {
        wg_tape *tape = wg_tape_new((wg_dtype)dtype);
        static const double numbers[] = {1, 0, 0, 4, 3, 0, 0, 3};
        wg_var w, v, x = wg_variable_f64(tape, WG_DIMS(2, 2, 2), numbers), grad;
        assert_int_equal(wg_eigh(x, &w, &v), WG_OK);
        assert_int_equal(wg_backward(wg_sum(v)), WG_ERROR_ARGUMENT);
        point_expect_error(tape, WG_ERROR_ARGUMENT, "eigh: the derivative of the vectors does not exist",
            "eigenvalues 0 and 1 of matrix (1) coincide: 3 and 3", NULL);
        wg_zero_grad(tape);
        assert_int_equal(wg_gradients(wg_sum(v), &x, 1, &grad), WG_ERROR_ARGUMENT);
        point_expect_error(tape, WG_ERROR_ARGUMENT, "eigh: ", "coincide", NULL);
        /* of the values: the first derivative exists, the second does not */
        assert_int_equal(wg_gradients(wg_sum(w), &x, 1, &grad), WG_OK);
        assert_int_equal(wg_backward(wg_sum(wg_square(grad))), WG_ERROR_ARGUMENT);
        point_expect_error(tape, WG_ERROR_ARGUMENT, "eigh: ", "coincide", NULL);
        wg_tape_free(tape);
    }
}

/* As near as a thousand thresholds the derivative is still given. */
static void test_near(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var w, v, x = wg_variable(tape, WG_DIMS(2, 2), ((double[]){1, 0, 0, 1 + 1e-12}));
    wg_eigh(x, &w, &v);
    wg_var corner = wg_slice(wg_reshape(v, WG_DIMS(4)), 0, 1, 2, 1); /* the angle of the vectors: -x01 / (w1 - w0) */
    assert_int_equal(wg_backward(wg_sum(corner)), WG_OK);
    assert_true(fabs(fabs(wg_grad_at(x, 1)) / 0.5e12 - 1) < 1e-3);
    assert_true(wg_grad_at(x, 1) == wg_grad_at(x, 2));
    wg_tape_free(tape);
}

/* ---- closed form, replay, errors --------------------------------------------------------------------------------- */

/* Of (a b; b c): w = (a + c) / 2 -+ sqrt((a - c)^2 / 4 + b^2), up to second derivatives. */
static void test_closed_form(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    double a = 1, b = 0.75, c = 3, root = sqrt((a - c) * (a - c) / 4 + b * b);
    wg_var x = wg_variable(tape, WG_DIMS(2, 2), ((double[]){a, b, b, c})), w, v, grad;
    wg_eigh(x, &w, &v);
    wg_var largest = wg_sum(wg_slice(w, 0, 1, 2, 1));
    assert_true(fabs(wg_item(largest) - ((a + c) / 2 + root)) < 1e-14);
    assert_int_equal(wg_gradients(largest, &x, 1, &grad), WG_OK);
    double da = 0.5 + (a - c) / (4 * root);
    assert_true(fabs(wg_at(grad, 0) - da) < 1e-14);
    assert_true(fabs(wg_at(grad, 1) - b / (2 * root)) < 1e-14);
    assert_true(fabs(wg_at(grad, 3) - (1 - da)) < 1e-14);
    assert_int_equal(wg_backward(wg_sum(wg_slice(wg_reshape(grad, WG_DIMS(4)), 0, 0, 1, 1))), WG_OK);
    double cube = root * root * root;
    assert_true(fabs(wg_grad_at(x, 0) - b * b / (4 * cube)) < 1e-14);
    assert_true(fabs(wg_grad_at(x, 3) + b * b / (4 * cube)) < 1e-14);
    assert_true(fabs(wg_grad_at(x, 1) + wg_grad_at(x, 2) + (a - c) * b / (4 * cube)) < 1e-14);
    wg_tape_free(tape);
}

/* Recorded once, replayed with another matrix; a replay of a recorded derivative comes to the gap. */
static void test_replay(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(2, 2), ((double[]){1, 0, 0, 2})), w, v, grad;
    wg_eigh(x, &w, &v);
    assert_int_equal(wg_gradients(wg_sum(v), &x, 1, &grad), WG_OK);
    wg_set_value_f64(x, (double[]){2, 1, 1, 2});
    assert_int_equal(wg_tape_replay(tape), WG_OK);
    assert_true(fabs(wg_at(w, 0) - 1) < 1e-15 && fabs(wg_at(w, 1) - 3) < 1e-15);
    assert_true(fabs(wg_at(v, 0) - sqrt(0.5)) < 1e-15 && fabs(wg_at(v, 2) + sqrt(0.5)) < 1e-15);
    wg_set_value_f64(x, (double[]){2, 0, 0, 2});
    assert_int_equal(wg_tape_replay(tape), WG_ERROR_ARGUMENT);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "eigh: ", "coincide", NULL);
    wg_tape_free(tape);
}

static void test_errors(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var u = wg_name(wg_variable(tape, WG_DIMS(3), (double *)NULL), "u"), w, v;
    wg_var x = wg_name(wg_variable(tape, WG_DIMS(2, 3), (double *)NULL), "X");
    wg_stats before, after;
    wg_tape_stats(tape, &before);
    assert_int_equal(wg_eigh(u, &w, &v), WG_ERROR_SHAPE);
    assert_false(wg_ok(w) || wg_ok(v));
    point_expect_error(tape, WG_ERROR_SHAPE, "eigh: ", "(..., n, n)", "u (3)", NULL);
    assert_int_equal(wg_eigh(x, &w, &v), WG_ERROR_SHAPE);
    point_expect_error(tape, WG_ERROR_SHAPE, "eigh: ", "(..., n, n)", "X (2,3)", NULL);
    assert_int_equal(wg_eigh(x, NULL, &v), WG_ERROR_ARGUMENT);
    assert_false(wg_ok(v));
    point_expect_error(tape, WG_ERROR_ARGUMENT, "eigh: ", "NULL", NULL);
    assert_int_equal(wg_eigh((wg_var){tape, UINT32_MAX, 0}, &w, &v), WG_ERROR_ARGUMENT);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "eigh: ", "invalid", NULL);
    assert_int_equal(wg_eigh((wg_var){0}, &w, &v), WG_ERROR_ARGUMENT);
    assert_null(w.tape);
    wg_tape_stats(tape, &after);
    assert_int_equal(before.nodes, after.nodes);
    wg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations),
        cmocka_unit_test(test_properties),
        cmocka_unit_test(test_known_values),
        cmocka_unit_test(test_scales),
        cmocka_unit_test(test_nan),
        cmocka_unit_test(test_values_alone),
        cmocka_unit_test(test_coinciding),
        cmocka_unit_test(test_near),
        cmocka_unit_test(test_closed_form),
        cmocka_unit_test(test_replay),
        cmocka_unit_test(test_errors),
    };
    return row_main("ops/linalg/eigh", rows, sizeof rows / sizeof *rows, tests, sizeof tests / sizeof *tests);
}
