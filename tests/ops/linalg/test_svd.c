/* Singular values: rows of u, s and vt against one-sided rotations in long double, closed forms, coinciding and zero
 * values, large and special matrices, errors. */
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

/* Columns of a (m,n), m >= n, are rotated in pairs until they are orthogonal; v gathers the rotations. */
static void orthogonalise(size_t m, size_t n, long double *a, long double *v)
{
    memset(v, 0, n * n * sizeof *v);
    for (size_t i = 0; i < n; i++) v[i * n + i] = 1;
    for (int sweep = 0; sweep < 20; sweep++)
        for (size_t p = 0; p < n; p++)
            for (size_t q = p + 1; q < n; q++) {
                long double pp = 0, qq = 0, pq = 0;
                for (size_t i = 0; i < m; i++) {
                    pp += a[i * n + p] * a[i * n + p];
                    qq += a[i * n + q] * a[i * n + q];
                    pq += a[i * n + p] * a[i * n + q];
                }
                if (pq == 0) continue;
                long double theta = atan2l(2 * pq, qq - pp) / 2, c = cosl(theta), s = sinl(theta);
                for (size_t i = 0; i < m + n; i++) {
                    long double *row_of = i < m ? a + i * n : v + (i - m) * n, x = row_of[p], y = row_of[q];
                    row_of[p] = c * x - s * y;
                    row_of[q] = s * x + c * y;
                }
            }
}

/* u (m,n), s (n), vt (n,n) of a, m >= n. */
static void decompose(
    size_t m, size_t n, long double *a, bool by_right, long double *u, long double *s, long double *vt)
{
    long double v[MOST * MOST], lengths[MOST] = {0};
    bool taken[MOST] = {false};
    orthogonalise(m, n, a, v);
    for (size_t i = 0; i < m * n; i++) lengths[i % n] += a[i] * a[i];
    for (size_t k = 0; k < n; k++) {
        size_t most = n;
        for (size_t c = 0; c < n; c++)
            if (!taken[c] && (most == n || lengths[c] > lengths[most])) most = c;
        taken[most] = true;
        s[k] = sqrtl(lengths[most]);
        long double sign = by_right ? matrix_sign(n, v + most, n) : matrix_sign(m, a + most, n);
        for (size_t i = 0; i < m; i++) u[i * n + k] = sign * a[i * n + most] / s[k];
        for (size_t i = 0; i < n; i++) vt[k * n + i] = sign * v[i * n + most];
    }
}

static void reference_svd(array *out, const array *in, size_t count, const void *user)
{
    const matrix_view *view = user;
    (void)count;
    array a = matrix_shifted_array(&in[0], view->step);
    size_t m = a.shape.dim[a.shape.rank - 2], n = a.shape.dim[a.shape.rank - 1], k = m < n ? m : n;
    array results[3] = {array_new(matrix_shape(&a.shape, 2, m, k)), array_new(matrix_shape(&a.shape, 1, k, 0)),
        array_new(matrix_shape(&a.shape, 2, k, n))};
    for (size_t i = 0; i < matrix_count(&a.shape); i++) {
        long double turned[MOST * MOST], left[MOST * MOST], right[MOST * MOST];
        long double *u = results[0].at + i * m * k, *s = results[1].at + i * k, *vt = results[2].at + i * k * n;
        if (m >= n) {
            decompose(m, n, a.at + i * m * n, false, u, s, vt);
        } else {
            matrix_turn(m, n, a.at + i * m * n, turned);
            decompose(n, m, turned, true, left, s, right);
            matrix_turn(n, m, left, vt);
            matrix_turn(m, m, right, u);
        }
    }
    *out = results[view->result];
    for (int r = 0; r < 3; r++)
        if (r != view->result) array_free(&results[r]);
    array_free(&a);
}

static wg_var apply_svd(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    const matrix_view *view = user;
    wg_var results[3];
    (void)n;
    wg_svd(matrix_shifted(tape, in[0], view->step), &results[0], &results[1], &results[2]);
    return results[view->result];
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

static const matrix_view view_u = {0, 1}, view_s = {1, 1}, view_vt = {2, 1};
#define CASES(view)                                                                                                    \
    CASE_WITH(view, 1, SHAPE(1, 1)), CASE_WITH(view, 1, SHAPE(2, 2)), CASE_WITH(view, 1, SHAPE(3, 3)),                 \
        CASE_WITH(view, 1, SHAPE(4, 2)), CASE_WITH(view, 1, SHAPE(5, 1)), CASE_WITH(view, 1, SHAPE(2, 4)),             \
        CASE_WITH(view, 1, SHAPE(1, 3)), CASE_WITH(view, 1, SHAPE(2, 3, 3)), CASE_WITH(view, 1, SHAPE(2, 1, 3, 2)),    \
        CASE_WITH(view, 1, SHAPE(2, 2, 3)), CASE_WITH(view, 1, SHAPE(1, 1, 1, 1, 1, 2, 3, 2)),                         \
        CASE_WITH(view, 1, SHAPE(6, 4)), CASE_WITH(view, 1, SHAPE(0, 0)), CASE_WITH(view, 1, SHAPE(3, 0)),             \
        CASE_WITH(view, 1, SHAPE(0, 3)), CASE_WITH(view, 1, SHAPE(0, 2, 2)), CASE_WITH(view, 1, SHAPE(2, 0, 3))
static const row_case cases_u[] = {CASES(&view_u)}, cases_s[] = {CASES(&view_s)}, cases_vt[] = {CASES(&view_vt)};

#define RESULT                                                                                                         \
    .apply = apply_svd, .composite = true, .reference = reference_svd, .domain = {FROM(-0.375, 0.375)},                \
    .roundings = 64, .sum = true, .pieces = true, .reads = {ROW_READS(0) | ROW_READS_RESULT}
static const row rows[] = {
    ROW(wg_svd, RESULT, ROW_CASES(cases_u)),
    {.name = "wg_svd's s", RESULT, ROW_CASES(cases_s)},
    {.name = "wg_svd's vt", RESULT, ROW_CASES(cases_vt)},
};

static void test_allocations(void **state)
{
    (void)state;
    static const row_case tall = CASE_WITH(&view_u, 1, SHAPE(2, 12, 8)), wide = CASE_WITH(&view_vt, 1, SHAPE(8, 12));
    row_fail_allocations(&rows[0], &tall);
    row_fail_allocations(&rows[2], &wide);
}

/* ---- properties -------------------------------------------------------------------------------------------------- */

static void expect_orthonormal(size_t m, size_t k, const long double *u, long double allowed)
{
    for (size_t i = 0; i < k; i++)
        for (size_t j = 0; j < k; j++) {
            long double sum = i == j ? -1 : 0;
            for (size_t p = 0; p < m; p++) sum += u[p * k + i] * u[p * k + j];
            assert_true(fabsl(sum) <= allowed);
        }
}

/* u diag(s) vt = x beside the size of x, u and vt orthonormal, s descending, also where it has zeros. */
static void expect_svd(const array *x, wg_dtype dtype)
{
    wg_tape *tape = wg_tape_new(dtype);
    wg_var results[3];
    assert_int_equal(wg_svd(array_leaf(tape, x, true), &results[0], &results[1], &results[2]), WG_OK);
    array u = array_of_value(results[0]), s = array_of_value(results[1]), vt = array_of_value(results[2]);
    size_t m = x->shape.dim[0], n = x->shape.dim[1], k = m < n ? m : n;
    long double allowed = 8 * (long double)(k + 4) * dtype_roundoff(dtype), v[48 * 50];
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            long double sum = -x->at[i * n + j];
            for (size_t p = 0; p < k; p++) sum += u.at[i * k + p] * s.at[p] * vt.at[p * n + j];
            assert_true(fabsl(sum) <= allowed * s.at[0]);
        }
    matrix_turn(k, n, vt.at, v);
    expect_orthonormal(m, k, u.at, allowed);
    expect_orthonormal(n, k, v, allowed);
    for (size_t j = 0; j < k; j++) {
        assert_true(s.at[j] >= 0 && (j == 0 || s.at[j - 1] >= s.at[j]));
        if (dtype == WG_F64) assert_true(matrix_sign(m, u.at + j, k) == 1);
    }
    array_free(&u);
    array_free(&s);
    array_free(&vt);
    wg_tape_free(tape);
}

static void test_properties(void **state)
{
    (void)state;
    static const size_t sizes[][2] = {{48, 48}, {50, 33}, {33, 50}, {200, 3}, {3, 200}, {1, 7}, {7, 1}};
    for (int way = 0; way < 8; way++)
        for (size_t t = 0; t < sizeof sizes / sizeof *sizes; t++) {
            size_t m = sizes[t][0], n = sizes[t][1];
            random_state random = {t + 11};
            array x = array_new(WG_DIMS(m, n));
            for (size_t at = 0; at < x.size; at++) {
                size_t i = at / n, j = at % n;
                long double number = (long double)(float)(2 * random_unit(&random) - 1);
                if (way == 1) number = 0;
                if (way == 2) number = 1;                                           /* rank 1 */
                if (way == 3) number = (long double)(i % 3) * (long double)(j % 2); /* rank 1, with zeros */
                if (way == 4) number = i == j ? (long double)(i % 3) : 0;           /* diagonal, repeated and zero */
                if (way == 5) number *= ldexpl(1, -(int)(j % 60));                  /* graded columns */
                if (way == 6) number *= ldexpl(1, -(int)(i % 60));                  /* graded rows */
                if (way == 7) number = i / 2 == j / 2 ? number : 0;                 /* blocks */
                x.at[at] = (long double)(float)number;
            }
            expect_svd(&x, WG_F64);
            expect_svd(&x, WG_F32);
            array_free(&x);
        }
}

/* Columns of very different length: small values have as many right digits as large ones. */
static void test_small_values_are_right(void **state)
{
    (void)state;
    enum { M = 8, N = 6 };
    random_state random = {5};
    long double exact[M * N], u[M * N], s[N], vt[N * N];
    double x[M * N];
    for (size_t i = 0; i < M * N; i++) {
        x[i] = ldexp(2 * random_unit(&random) - 1, -20 * (int)(i % N));
        exact[i] = (long double)x[i];
    }
    decompose(M, N, exact, false, u, s, vt);
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var results[3];
    wg_svd(wg_variable_f64(tape, WG_DIMS(M, N), x), &results[0], &results[1], &results[2]);
    for (size_t k = 0; k < N; k++) assert_true(fabsl((long double)wg_at(results[1], k) / s[k] - 1) < 4e-15L);
    wg_tape_free(tape);
}

static void test_scales(void **state)
{
    (void)state;
    static const double scales[] = {1e300, 1e-300, 0x1p-1070, 0x1p1020};
    for (size_t i = 0; i < 4; i++) {
        wg_tape *tape = wg_tape_new(WG_F64);
        double c = scales[i];
        wg_var u, s, vt, x = wg_variable(tape, WG_DIMS(2, 2), ((double[]){0, 3 * c, -2 * c, 0}));
        assert_int_equal(wg_svd(x, &u, &s, &vt), WG_OK);
        assert_true(wg_at(s, 0) == 3 * c && wg_at(s, 1) == 2 * c);
        static const double expected_u[] = {1, 0, 0, 1}, expected_vt[] = {0, 1, -1, 0};
        for (size_t k = 0; k < 4; k++) assert_true(wg_at(u, k) == expected_u[k] && wg_at(vt, k) == expected_vt[k]);
        wg_tape_free(tape);
    }
}

static void test_nan(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    double numbers[12] = {1, 2, 3, 4, 5, 7, 1, 2, 3, 4, 5, 6};
    numbers[9] = (double)NAN;
    wg_var u, s, vt, x = wg_variable_f64(tape, WG_DIMS(2, 3, 2), numbers);
    assert_int_equal(wg_svd(x, &u, &s, &vt), WG_OK);
    for (size_t i = 0; i < 12; i++) assert_true(isnan(wg_at(u, i)) == (i >= 6));
    for (size_t i = 0; i < 4; i++) assert_true(isnan(wg_at(s, i)) == (i >= 2));
    for (size_t i = 0; i < 8; i++) assert_true(isnan(wg_at(vt, i)) == (i >= 4));
    assert_int_equal(wg_backward(wg_add(wg_sum(u), wg_add(wg_sum(s), wg_sum(vt)))), WG_OK);
    for (size_t i = 0; i < 12; i++) assert_true(isnan(wg_grad_at(x, i)) == (i >= 6));
    wg_tape_free(tape);
}

/* ---- where vectors have no derivative ---------------------------------------------------------------------------- */

static void test_coinciding(void **state)
{
    (void)state;
    static const double numbers[] = {3, 0, 0, 1, 0, 2, -2, 0};
    for (int dtype = WG_F32; dtype <= WG_F64; dtype++)
        for (int which = 0; which < 3; which++) {
            wg_tape *tape = wg_tape_new((wg_dtype)dtype);
            wg_var results[3], x = wg_variable_f64(tape, WG_DIMS(2, 2, 2), numbers), grad;
            wg_svd(x, &results[0], &results[1], &results[2]);
            wg_status status = wg_backward(wg_sum(results[which]));
            assert_int_equal(status, which == 1 ? WG_OK : WG_ERROR_ARGUMENT);
            if (which != 1) {
                point_expect_error(tape, WG_ERROR_ARGUMENT, "svd: the derivative of the vectors does not exist",
                    "singular values 0 and 1 of matrix (1) coincide: 2 and 2", NULL);
                wg_zero_grad(tape);
                assert_int_equal(wg_gradients(wg_sum(results[which]), &x, 1, &grad), WG_ERROR_ARGUMENT);
                point_expect_error(tape, WG_ERROR_ARGUMENT, "svd: ", "coincide", NULL);
            } else { /* the nuclear norm's gradient is u vt */
                static const double expected[] = {1, 0, 0, 1, 0, 1, -1, 0};
                for (size_t i = 0; i < 8; i++) assert_true(fabs(wg_grad_at(x, i) - expected[i]) < 1e-6);
            }
            wg_tape_free(tape);
        }
}

/* A zero singular value leaves the shorter vectors their derivative, the longer ones not. */
static void test_zero(void **state)
{
    (void)state;
    static const double tall[] = {2, 0, 0, 0, 0, 0}, wide[] = {2, 0, 0, 0, 0, 0}, square[] = {2, 0, 0, 0};
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var u, s, vt, x = wg_variable_f64(tape, WG_DIMS(3, 2), tall);
    wg_svd(x, &u, &s, &vt);
    assert_int_equal(wg_backward(wg_sum(vt)), WG_OK);
    assert_int_equal(wg_backward(wg_sum(s)), WG_OK);
    assert_int_equal(wg_backward(wg_sum(u)), WG_ERROR_ARGUMENT);
    point_expect_error(
        tape, WG_ERROR_ARGUMENT, "svd: ", "longer vectors", "singular value 1 of the matrix is zero", NULL);
    wg_zero_grad(tape);
    x = wg_variable_f64(tape, WG_DIMS(2, 3), wide);
    wg_svd(x, &u, &s, &vt);
    assert_int_equal(wg_backward(wg_sum(u)), WG_OK);
    assert_int_equal(wg_backward(wg_sum(vt)), WG_ERROR_ARGUMENT);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "svd: ", "longer vectors", "zero", NULL);
    wg_zero_grad(tape);
    x = wg_variable_f64(tape, WG_DIMS(2, 2), square);
    wg_svd(x, &u, &s, &vt);
    assert_int_equal(wg_backward(wg_add(wg_sum(u), wg_sum(vt))), WG_OK);
    wg_tape_free(tape);
}

/* Of one column, s is its length and u its direction: second derivatives in closed form. */
static void test_closed_form(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var u, s, vt, x = wg_variable(tape, WG_DIMS(2, 1), ((double[]){3, 4})), grad;
    wg_svd(x, &u, &s, &vt);
    assert_true(fabs(wg_at(s, 0) - 5) < 1e-15 && fabs(wg_at(u, 0) - 0.6) < 1e-15 && fabs(wg_at(u, 1) - 0.8) < 1e-15);
    assert_true(wg_at(vt, 0) == 1);
    assert_int_equal(wg_gradients(wg_sum(s), &x, 1, &grad), WG_OK);
    assert_true(fabs(wg_at(grad, 0) - 0.6) < 1e-15 && fabs(wg_at(grad, 1) - 0.8) < 1e-15);
    assert_int_equal(wg_backward(wg_sum(wg_slice(grad, 0, 0, 1, 1))), WG_OK);
    assert_true(fabs(wg_grad_at(x, 0) - 16.0 / 125) < 1e-15 && fabs(wg_grad_at(x, 1) + 12.0 / 125) < 1e-15);
    wg_tape_free(tape);
}

static void test_errors(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var v = wg_name(wg_variable(tape, WG_DIMS(3), (double *)NULL), "v"), r[3];
    wg_var x = wg_name(wg_variable(tape, WG_DIMS(2, 2), (double *)NULL), "X");
    wg_stats before, after;
    wg_tape_stats(tape, &before);
    assert_int_equal(wg_svd(v, &r[0], &r[1], &r[2]), WG_ERROR_SHAPE);
    for (int k = 0; k < 3; k++) assert_false(wg_ok(r[k]));
    point_expect_error(tape, WG_ERROR_SHAPE, "svd: ", "(..., m, n)", "v (3)", NULL);
    for (int k = 0; k < 3; k++) {
        assert_int_equal(
            wg_svd(x, k == 0 ? NULL : &r[0], k == 1 ? NULL : &r[1], k == 2 ? NULL : &r[2]), WG_ERROR_ARGUMENT);
        assert_false(wg_ok(r[(k + 1) % 3]));
        point_expect_error(tape, WG_ERROR_ARGUMENT, "svd: ", "NULL", NULL);
    }
    assert_int_equal(wg_svd((wg_var){tape, UINT32_MAX, 0}, &r[0], &r[1], &r[2]), WG_ERROR_ARGUMENT);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "svd: ", "invalid", NULL);
    assert_int_equal(wg_svd((wg_var){0}, &r[0], &r[1], &r[2]), WG_ERROR_ARGUMENT);
    assert_null(r[2].tape);
    wg_tape_stats(tape, &after);
    assert_int_equal(before.nodes, after.nodes);
    wg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations),
        cmocka_unit_test(test_properties),
        cmocka_unit_test(test_small_values_are_right),
        cmocka_unit_test(test_scales),
        cmocka_unit_test(test_nan),
        cmocka_unit_test(test_coinciding),
        cmocka_unit_test(test_zero),
        cmocka_unit_test(test_closed_form),
        cmocka_unit_test(test_errors),
    };
    return row_main("ops/linalg/svd", rows, sizeof rows / sizeof *rows, tests, sizeof tests / sizeof *tests);
}
