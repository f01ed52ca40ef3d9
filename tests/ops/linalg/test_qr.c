/* QR: rows of q and of r against Gram and Schmidt's process in long double, large and special matrices, errors. */
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

enum { MOST = 64 };

/* Columns of a (m,n) in turn, made orthogonal to those before, twice. q is (m,k), r (k,n), k the lesser. */
static void gram_schmidt(size_t m, size_t n, const long double *a, long double *q, long double *r)
{
    size_t k = m < n ? m : n;
    memset(r, 0, k * n * sizeof *r);
    for (size_t c = 0; c < k; c++) {
        long double v[MOST], length = 0;
        for (size_t i = 0; i < m; i++) v[i] = a[i * n + c];
        for (int pass = 0; pass < 2; pass++)
            for (size_t p = 0; p < c; p++) {
                long double part = 0;
                for (size_t i = 0; i < m; i++) part += q[i * k + p] * v[i];
                for (size_t i = 0; i < m; i++) v[i] -= part * q[i * k + p];
                r[p * n + c] += part;
            }
        for (size_t i = 0; i < m; i++) length += v[i] * v[i];
        r[c * n + c] = sqrtl(length);
        for (size_t i = 0; i < m; i++) q[i * k + c] = v[i] / sqrtl(length);
    }
    for (size_t c = k; c < n; c++)
        for (size_t p = 0; p < k; p++)
            for (size_t i = 0; i < m; i++) r[p * n + c] += q[i * k + p] * a[i * n + c];
}

static void reference_qr(array *out, const array *in, size_t count, const void *user)
{
    const matrix_view *view = user;
    (void)count;
    array a = matrix_shifted_array(&in[0], view->step);
    size_t m = a.shape.dim[a.shape.rank - 2], n = a.shape.dim[a.shape.rank - 1], k = m < n ? m : n;
    array q = array_new(matrix_shape(&a.shape, 2, m, k)), r = array_new(matrix_shape(&a.shape, 2, k, n));
    for (size_t i = 0; i < matrix_count(&a.shape); i++)
        gram_schmidt(m, n, a.at + i * m * n, q.at + i * m * k, r.at + i * k * n);
    *out = view->result ? r : q;
    array_free(view->result ? &q : &r);
    array_free(&a);
}

static wg_var apply_qr(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    const matrix_view *view = user;
    wg_var results[2];
    (void)n;
    wg_qr(matrix_shifted(tape, in[0], view->step), &results[0], &results[1]);
    return results[view->result];
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

static const matrix_view view_q = {0, 1}, view_r = {1, 1};
#define CASES(view)                                                                                                    \
    CASE_WITH(view, 1, SHAPE(1, 1)), CASE_WITH(view, 1, SHAPE(2, 2)), CASE_WITH(view, 1, SHAPE(3, 3)),                 \
        CASE_WITH(view, 1, SHAPE(4, 2)), CASE_WITH(view, 1, SHAPE(5, 1)), CASE_WITH(view, 1, SHAPE(2, 4)),             \
        CASE_WITH(view, 1, SHAPE(1, 3)), CASE_WITH(view, 1, SHAPE(2, 3, 3)), CASE_WITH(view, 1, SHAPE(2, 1, 4, 2)),    \
        CASE_WITH(view, 1, SHAPE(2, 2, 3)), CASE_WITH(view, 1, SHAPE(1, 1, 1, 1, 1, 2, 3, 2)),                         \
        CASE_WITH(view, 1, SHAPE(9, 7)), CASE_WITH(view, 1, SHAPE(0, 0)), CASE_WITH(view, 1, SHAPE(3, 0)),             \
        CASE_WITH(view, 1, SHAPE(0, 3)), CASE_WITH(view, 1, SHAPE(0, 2, 2)), CASE_WITH(view, 1, SHAPE(2, 0, 3))
static const row_case cases_q[] = {CASES(&view_q)}, cases_r[] = {CASES(&view_r)};

#define RESULT                                                                                                         \
    .apply = apply_qr, .composite = true, .reference = reference_qr, .domain = {FROM(-1, 1)}, .roundings = 64,         \
    .sum = true, .pieces = true, .reads = {ROW_READS(0) | ROW_READS_RESULT}
static const row rows[] = {
    ROW(wg_qr, RESULT, ROW_CASES(cases_q)),
    {.name = "wg_qr's r", RESULT, ROW_CASES(cases_r)},
};

static void test_allocations(void **state)
{
    (void)state;
    static const row_case tall = CASE_WITH(&view_q, 1, SHAPE(2, 20, 10)), wide = CASE_WITH(&view_r, 1, SHAPE(10, 20));
    row_fail_allocations(&rows[0], &tall);
    row_fail_allocations(&rows[1], &wide);
}

/* ---- properties -------------------------------------------------------------------------------------------------- */

/* q r = x, beside the length of its columns, and q^T q = 1 to a few roundings; r is triangular, its diagonal not
 * negative. */
static void expect_qr(const array *x, wg_dtype dtype)
{
    wg_tape *tape = wg_tape_new(dtype);
    wg_var q, r, leaf = array_leaf(tape, x, true);
    assert_int_equal(wg_qr(leaf, &q, &r), WG_OK);
    array qa = array_of_value(q), ra = array_of_value(r), xa = array_of_value(leaf);
    size_t m = x->shape.dim[0], n = x->shape.dim[1], k = m < n ? m : n;
    long double allowed = 8 * (long double)(n + 2) * dtype_roundoff(dtype),
                largest = array_largest(&xa) * sqrtl((long double)m);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            long double sum = -xa.at[i * n + j];
            for (size_t p = 0; p < k; p++) sum += qa.at[i * k + p] * ra.at[p * n + j];
            assert_true(fabsl(sum) <= allowed * largest);
        }
    for (size_t i = 0; i < k; i++)
        for (size_t j = 0; j < k; j++) {
            long double sum = i == j ? -1 : 0;
            for (size_t p = 0; p < m; p++) sum += qa.at[p * k + i] * qa.at[p * k + j];
            assert_true(fabsl(sum) <= allowed);
            assert_true(i > j ? ra.at[i * n + j] == 0 : i < j || ra.at[i * n + j] >= 0);
        }
    array_free(&qa);
    array_free(&ra);
    array_free(&xa);
    wg_tape_free(tape);
}

static array drawn(size_t m, size_t n, uint64_t seed)
{
    random_state random = {seed};
    array x = array_new(WG_DIMS(m, n));
    for (size_t i = 0; i < x.size; i++) x.at[i] = (long double)(float)(2 * random_unit(&random) - 1);
    return x;
}

static void test_properties(void **state)
{
    (void)state;
    static const size_t sizes[][2] = {{64, 64}, {70, 33}, {33, 70}, {200, 3}, {3, 200}, {17, 16}};
    for (int way = 0; way < 6; way++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            size_t m = sizes[s][0], n = sizes[s][1];
            array x = drawn(m, n, s + 1);
            for (size_t i = 0; i < x.size; i++) {
                size_t column = i % n, row_of = i / n;
                if (way == 1) x.at[i] = 0;
                if (way == 2) x.at[i] = 1;                                      /* rank 1 */
                if (way == 3) x.at[i] *= ldexpl(1, 60 - (int)(column % 120));   /* graded columns */
                if (way == 4 && column % 3 == 1) x.at[i] = 0;                   /* zero columns */
                if (way == 5) x.at[i] = row_of == column ? -(long double)i : 0; /* negative diagonal */
            }
            expect_qr(&x, WG_F64);
            expect_qr(&x, WG_F32);
            array_free(&x);
        }
}

/* Elements whose squares overflow or vanish. */
static void test_scales(void **state)
{
    (void)state;
    static const double scales[] = {1e300, 1e-300, 0x1p-1070, 0x1p1020};
    for (size_t s = 0; s < 4; s++) {
        wg_tape *tape = wg_tape_new(WG_F64);
        wg_var q, r,
            x = wg_variable(tape, WG_DIMS(2, 2), ((double[]){3 * scales[s], 0, 4 * scales[s], 10 * scales[s]}));
        assert_int_equal(wg_qr(x, &q, &r), WG_OK);
        const double expected_q[] = {0.6, -0.8, 0.8, 0.6}, expected_r[] = {5, 8, 0, 6};
        for (size_t i = 0; i < 4; i++) {
            assert_true(fabs(wg_at(q, i) - expected_q[i]) < 1e-15);
            assert_true(fabs(wg_at(r, i) / scales[s] - expected_r[i]) < 2e-14);
        }
        wg_tape_free(tape);
    }
}

/* A float matrix is decomposed in double: each result is a rounding away from the double one. */
static void test_float_is_rounded(void **state)
{
    (void)state;
    array x = drawn(40, 30, 9), results[2][2];
    for (int dtype = WG_F32; dtype <= WG_F64; dtype++) {
        wg_tape *tape = wg_tape_new((wg_dtype)dtype);
        wg_var q, r;
        wg_qr(array_leaf(tape, &x, true), &q, &r);
        results[dtype][0] = array_of_value(q);
        results[dtype][1] = array_of_value(r);
        wg_tape_free(tape);
    }
    for (int k = 0; k < 2; k++) {
        array_round(&results[WG_F64][k], WG_F32);
        for (size_t i = 0; i < results[0][k].size; i++) assert_true(results[0][k].at[i] == results[1][k].at[i]);
        array_free(&results[0][k]);
        array_free(&results[1][k]);
    }
    array_free(&x);
}

/* The second of two matrices has a NaN: its results are NaN, the first's are what they are alone. */
static void test_nan(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    double numbers[12] = {1, 2, 3, 4, 5, 7, 1, 2, 3, 4, 5, 6};
    numbers[9] = (double)NAN;
    wg_var q, r, x = wg_variable_f64(tape, WG_DIMS(2, 3, 2), numbers);
    assert_int_equal(wg_qr(x, &q, &r), WG_OK);
    for (size_t i = 0; i < 12; i++) assert_true(isnan(wg_at(q, i)) == (i >= 6));
    for (size_t i = 0; i < 8; i++) assert_true(isnan(wg_at(r, i)) == (i >= 4));
    assert_int_equal(wg_backward(wg_add(wg_sum(q), wg_sum(r))), WG_OK);
    for (size_t i = 0; i < 12; i++) assert_true(isnan(wg_grad_at(x, i)) == (i >= 6));
    wg_tape_free(tape);
}

/* ---- errors ------------------------------------------------------------------------------------------------------ */

static void test_errors(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var v = wg_name(wg_variable(tape, WG_DIMS(3), (double *)NULL), "v"), q, r;
    wg_var x = wg_name(wg_variable(tape, WG_DIMS(2, 2), (double *)NULL), "X");
    wg_stats before, after;
    wg_tape_stats(tape, &before);
    assert_int_equal(wg_qr(v, &q, &r), WG_ERROR_SHAPE);
    assert_false(wg_ok(q) || wg_ok(r));
    point_expect_error(tape, WG_ERROR_SHAPE, "qr: ", "(..., m, n)", "v (3)", NULL);
    assert_int_equal(wg_qr(x, NULL, &r), WG_ERROR_ARGUMENT);
    assert_false(wg_ok(r));
    point_expect_error(tape, WG_ERROR_ARGUMENT, "qr: ", "NULL", NULL);
    assert_int_equal(wg_qr(x, &q, NULL), WG_ERROR_ARGUMENT);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "qr: ", "NULL", NULL);
    assert_int_equal(wg_qr((wg_var){tape, UINT32_MAX, 0}, &q, &r), WG_ERROR_ARGUMENT);
    assert_ptr_equal(q.tape, tape);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "qr: ", "invalid", NULL);
    assert_int_equal(wg_qr((wg_var){0}, &q, &r), WG_ERROR_ARGUMENT);
    assert_null(q.tape);
    assert_int_equal(wg_qr(wg_indices(tape, WG_DIMS(2, 2), NULL), &q, &r), WG_ERROR_ARGUMENT);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "qr: ", "indices", NULL);
    wg_tape_stats(tape, &after);
    assert_int_equal(before.nodes + 1, after.nodes);
    wg_tape_free(tape);
}

/* Values exist where the rank is not full, derivatives don't. */
static void test_rank(void **state)
{
    (void)state;
    for (int dtype = WG_F32; dtype <= WG_F64; dtype++) {
        wg_tape *tape = wg_tape_new((wg_dtype)dtype);
        static const double numbers[] = {1, 0, 0, 1, 1, 2, 2, 4};
        wg_var q, r, x = wg_variable_f64(tape, WG_DIMS(2, 2, 2), numbers), grad;
        assert_int_equal(wg_qr(x, &q, &r), WG_OK);
        assert_int_equal(wg_backward(wg_sum(q)), WG_ERROR_ARGUMENT);
        point_expect_error(tape, WG_ERROR_ARGUMENT, "qr: ", "full rank", "matrix (1)", "element 1", NULL);
        wg_zero_grad(tape);
        assert_int_equal(wg_gradients(wg_sum(r), &x, 1, &grad), WG_ERROR_ARGUMENT);
        point_expect_error(tape, WG_ERROR_ARGUMENT, "qr: ", "full rank", "matrix (1)", NULL);
        wg_tape_free(tape);
    }
}

/* |det x| is the product of r's diagonal: its gradient is |det x| x^-T. */
static void test_closed_form(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var q, r, x = wg_variable(tape, WG_DIMS(2, 2), ((double[]){2, 1, 7, 1.5}));
    wg_qr(x, &q, &r);
    wg_var first = wg_slice(wg_reshape(r, WG_DIMS(4)), 0, 0, 1, 1),
           last = wg_slice(wg_reshape(r, WG_DIMS(4)), 0, 3, 4, 1);
    wg_var det = wg_mul(first, last); /* |3 - 7| */
    assert_true(fabs(wg_at(det, 0) - 4) < 1e-14);
    wg_backward(wg_sum(det));
    static const double expected[] = {-1.5, 7, 1, -2}; /* minus the cofactors */
    for (size_t i = 0; i < 4; i++) assert_true(fabs(wg_grad_at(x, i) - expected[i]) < 1e-13);
    wg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations),
        cmocka_unit_test(test_properties),
        cmocka_unit_test(test_scales),
        cmocka_unit_test(test_float_is_rounded),
        cmocka_unit_test(test_nan),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_rank),
        cmocka_unit_test(test_closed_form),
    };
    return row_main("ops/linalg/qr", rows, sizeof rows / sizeof *rows, tests, sizeof tests / sizeof *tests);
}
