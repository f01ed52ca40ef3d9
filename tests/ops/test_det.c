/* det and slogdet: rows, closed forms, singular matrices of every rank to high orders against sums over permutations,
 * graded matrices, replays, errors. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "support/matrices.h"
#include "support/point.h"

/* ---- rows: of a + 3 I --------------------------------------------------------------------------------------------------- */

static wg_var apply_det(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    (void)tape, (void)n, (void)user;
    return wg_det(matrices_shift(in[0], 3));
}

static void reference_det(array *out, const array *in, size_t count, const void *user)
{
    array a = matrices_shifted(&in[0], 3);
    size_t n = a.shape.dim[a.shape.rank - 1];
    (void)count, (void)user;
    *out = array_new(matrices_batch(&a.shape));
    for (size_t i = 0; i < out->size; i++) out->at[i] = matrices_solve(n, 0, a.at + i * n * n, NULL);
    array_free(&a);
}

static wg_var apply_slogdet(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    wg_var sign = {tape, UINT32_MAX, 0}, logarithm;
    (void)n, (void)user;
    wg_slogdet(matrices_shift(in[0], 3), &sign, &logarithm);
    return wg_ok(sign) ? logarithm : sign;
}

static void reference_slogdet(array *out, const array *in, size_t count, const void *user)
{
    reference_det(out, in, count, user);
    for (size_t i = 0; i < out->size; i++) out->at[i] = logl(out->at[i]);
}

static const row_case cases[] = {CASE(1, SHAPE(3, 3)), CASE(1, SHAPE(1, 1)), CASE(1, SHAPE(2, 2)),
    CASE(1, SHAPE(2, 3, 2, 2)), CASE(1, SHAPE(0, 0)), CASE(1, SHAPE(0, 2, 2)), CASE(1, SHAPE(3, 0, 0)),
    CASE(1, SHAPE(3, 1, 1)), CASE(1, SHAPE(7, 7))};
static const row rows[] = {
    ROW(wg_det, .apply = apply_det, .composite = true, .reference = reference_det, ROW_CASES(cases),
        .domain = {FROM(-0.25, 0.25)}, .roundings = 32, .sum = true, .pieces = true, .reads = {0}),
    ROW(wg_slogdet, .apply = apply_slogdet, .composite = true, .reference = reference_slogdet, ROW_CASES(cases),
        .domain = {FROM(-0.25, 0.25)}, .roundings = 32, .sum = true, .pieces = true, .reads = {0}),
};

static void test_allocations(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        row_fail_allocations(&rows[i], &(row_case)CASE(1, SHAPE(2, 5, 5)));
        row_fail_allocations(&rows[i], &(row_case)CASE(1, SHAPE(66, 66)));
    }
}

/* ---- every order, every rank ---------------------------------------------------------------------------------------------- */

/* det as the sum over permutations, along directions: D^k det(A)[E1, ..., Ek] is the sum over all ways to take k of the n
 * factors of each term from E1, ..., Ek, one of each. e holds k matrices. magnitudes: of absolute values alone. */
typedef struct expansion {
    size_t n, k;
    const double *a, *e;
    bool magnitudes;
} expansion;

static long double expand(const expansion *x, size_t at, unsigned columns, unsigned directions)
{
    long double sum = 0;
    size_t sign = 0, n = x->n;
    if (at == n) return directions + 1 == 1u << x->k ? 1 : 0;
    for (size_t c = 0; c < n; c++) {
        if (columns >> c & 1) continue;
        long double own = (long double)x->a[at * n + c], part = 0;
        if (x->magnitudes) own = fabsl(own);
        if (own != 0) part += own * expand(x, at + 1, columns | 1u << c, directions);
        for (size_t d = 0; d < x->k; d++) {
            long double other = (long double)x->e[(d * n + at) * n + c];
            if (directions >> d & 1 || other == 0) continue;
            if (x->magnitudes) other = fabsl(other);
            part += other * expand(x, at + 1, columns | 1u << c, directions | 1u << d);
        }
        sum += x->magnitudes ? fabsl(part) : sign % 2 ? -part : part;
        sign++;
    }
    return sum;
}

/* Small integers; sparse ones, so that expansions stay short. */
static double small_integer(random_state *random, bool sparse)
{
    double x = (double)random_below(random, 7) - 3;
    return sparse && random_unit(random) < 0.7 ? 0 : x;
}

/* An integer matrix of that rank: a product of (n, rank) and (rank, n). */
static void make_rank(random_state *random, size_t n, size_t rank, double *a)
{
    double left[81], right[81];
    for (size_t i = 0; i < n * n; i++) {
        left[i] = i / n == i % n ? 1 : small_integer(random, true);
        right[i] = i / n == i % n ? 1 : small_integer(random, true);
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            a[i * n + j] = 0;
            for (size_t p = 0; p < rank; p++) a[i * n + j] += left[i * n + p] * right[p * n + j];
        }
}

/* D^k det(A)[E1, ..., Ek] on the tape, one gradient after the other, swept and recorded, against the expansion. */
static void check_orders(size_t n, size_t rank, size_t orders, bool sparse, wg_dtype dtype)
{
    double a[81], e[9 * 81];
    random_state random = {n * 100 + rank};
    make_rank(&random, n, rank, a);
    for (size_t i = 0; i < orders * n * n; i++) e[i] = small_integer(&random, sparse);
    wg_tape *tape = wg_tape_new(dtype);
    wg_var x = wg_variable_f64(tape, WG_DIMS(n, n), a), y = wg_det(x);
    for (size_t k = 1; k <= orders; k++) {
        wg_zero_grad(tape);
        assert_int_equal(wg_backward(y), WG_OK);
        wg_var direction = wg_constant_f64(tape, WG_DIMS(n, n), e + (k - 1) * n * n), grad;
        long double swept = 0, expected = expand(&(expansion){n, k, a, e, false}, 0, 0, 0);
        long double size = expand(&(expansion){n, k, a, e, true}, 0, 0, 0);
        for (size_t i = 0; i < n * n; i++) swept += (long double)wg_grad_at(x, i) * (long double)e[(k - 1) * n * n + i];
        if (wg_gradients(y, &x, 1, &grad) != WG_OK) fail_msg("%s", wg_tape_message(tape));
        y = wg_sum(wg_mul(grad, direction));
        long double allowed = 16 * dtype_roundoff(dtype) * size;
        if (!(fabsl(swept - expected) <= allowed && fabsl((long double)wg_item(y) - expected) <= allowed))
            fail_msg("n %zu rank %zu order %zu: swept %.17Lg, recorded %.17g, expected %.17Lg", n, rank, k, swept,
                wg_item(y), expected);
    }
    wg_tape_free(tape);
}

static void test_every_order(void **state)
{
    (void)state;
    for (int dtype = WG_F32; dtype <= WG_F64; dtype++)
        for (size_t n = 1; n <= 4; n++)
            for (size_t rank = 0; rank <= n; rank++) check_orders(n, rank, n + 2, false, (wg_dtype)dtype);
    for (size_t rank = 3; rank <= 6; rank++) check_orders(6, rank, 3, true, WG_F64);
    for (size_t rank = 6; rank <= 7; rank++) check_orders(8, rank, 2, true, WG_F64);
    check_orders(9, 7, 2, true, WG_F64); /* larger matrices are nothing special */
}

/* det of a diagonal matrix along diagonal directions is a product of n numbers: D^k at ones along the identity k times is
 * n! / (n - k)!. All orders of 8 x 8; of 9 x 9 all but the last. */
static void test_where_orders_end(void **state)
{
    (void)state;
    for (size_t n = 8; n <= 9; n++) {
        wg_tape *tape = wg_tape_new(WG_F64);
        double ones[81] = {0}, expected = 1;
        for (size_t i = 0; i < n; i++) ones[i * n + i] = 1;
        wg_var x = wg_name(wg_variable_f64(tape, WG_DIMS(n, n), ones), "A"), y = wg_det(x), grad;
        wg_var identity = wg_constant_f64(tape, WG_DIMS(n, n), ones);
        for (size_t k = 1; k <= 8; k++) {
            if (wg_gradients(y, &x, 1, &grad) != WG_OK) fail_msg("%s", wg_tape_message(tape));
            y = wg_sum(wg_mul(grad, identity));
            expected *= (double)(n + 1 - k);
            assert_true(fabs(wg_item(y) - expected) <= 1e-12 * expected);
        }
        if (n == 8) {
            assert_int_equal(wg_gradients(y, &x, 1, &grad), WG_OK);
            for (size_t i = 0; i < n * n; i++) assert_true(wg_at(grad, i) == 0);
        } else {
            assert_int_equal(wg_gradients(y, &x, 1, &grad), WG_ERROR_UNSUPPORTED);
            point_expect_error(tape, WG_ERROR_UNSUPPORTED, "det", "order 8", "8 x 8", NULL);
        }
        wg_tape_free(tape);
    }
}

/* ---- accuracy --------------------------------------------------------------------------------------------------------------- */

/* A = L D U with integer unit triangles and D falling by 2^-15 a step: cofactors L^-T cof(D) U^-T, of the size of 2^-45
 * beside elements of the size of 1. A change of A's last bits moves the third pivot, 2^-30, by a part in 2^23: so much comes
 * out right. Sums over products of the elements would keep 8 bits. */
static void test_graded(void **state)
{
    (void)state;
    enum { N = 4 };
    const double l[N][N] = {{1}, {1, 1}, {0, 1, 1}, {1, 0, 1, 1}};
    /* inverses, by hand: L^-1 = (1; -1 1; 1 -1 1; -2 1 -1 1); U = L^T */
    const double inverse[N][N] = {{1}, {-1, 1}, {1, -1, 1}, {-2, 1, -1, 1}};
    double a[N * N], cofactors[N * N], largest = 0;
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < N; j++) {
            a[i * N + j] = cofactors[i * N + j] = 0;
            for (size_t p = 0; p < N; p++) {
                a[i * N + j] += l[i][p] * ldexp(1, -15 * (int)p) * l[j][p];
                cofactors[i * N + j] += inverse[p][i] * ldexp(1, -90 + 15 * (int)p) * inverse[p][j];
            }
            largest = fmax(largest, fabs(cofactors[i * N + j]));
        }
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_variable_f64(tape, WG_DIMS(N, N), a), y = wg_det(x);
    assert_true(fabs(wg_item(y) - ldexp(1, -90)) <= ldexp(1, -90) * 1e-14);
    assert_int_equal(wg_backward(y), WG_OK);
    for (size_t i = 0; i < N * N; i++)
        if (!(fabs(wg_grad_at(x, i) - cofactors[i]) <= 0x1p-22 * largest))
            fail_msg("element %zu: %.17g, expected %.17g", i, wg_grad_at(x, i), cofactors[i]);
    wg_tape_free(tape);
}

/* Products of pivots whose parts leave the range; the logarithm of a determinant near 1. */
static void test_range(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    enum { N = 40 };
    double d[N * N] = {0}, near_one[] = {1, 0, 0, 1 + 0x1p-40};
    for (size_t i = 0; i < N; i++) d[i * N + i] = i % 4 < 2 ? 0x1p300 : 0x1p-300;
    wg_var a = wg_variable_f64(tape, WG_DIMS(N, N), d), y = wg_det(a), sign, logarithm;
    assert_true(wg_item(y) == 1);
    assert_int_equal(wg_backward(y), WG_OK);
    for (size_t i = 0; i < N * N; i++) assert_true(wg_grad_at(a, i) == (i / N == i % N ? 1 / d[i] : 0));
    wg_var big = wg_mul(a, wg_abs(a)); /* 2^(+-600) */
    assert_int_equal(wg_slogdet(wg_mul(big, wg_scalar(tape, 0.5)), &sign, &logarithm), WG_OK);
    assert_true(wg_item(sign) == 1 && fabs(wg_item(logarithm) + N * log(2)) < 1e-14 * N);
    assert_int_equal(wg_slogdet(wg_constant(tape, WG_DIMS(2, 2), near_one), &sign, &logarithm), WG_OK);
    assert_true(fabs(wg_item(logarithm) - log1p(0x1p-40)) < 1e-15 * 0x1p-40);
    near_one[3] = -(1 - 0x1p-40);
    assert_int_equal(wg_slogdet(wg_constant(tape, WG_DIMS(2, 2), near_one), &sign, &logarithm), WG_OK);
    assert_true(wg_item(sign) == -1 && fabs(wg_item(logarithm) - log1p(-0x1p-40)) < 1e-15 * 0x1p-40);
    wg_tape_free(tape);
}

/* Pivots at the ends of the range, which their product with a number near 1 would leave or lose digits in. */
static void test_range_ends(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    double largest[] = {1.375, 0, 0, 1.75e308};
    double smallest[] = {1.5, 0, 0, 0, 0, 3 * 0x1p-1074, 0, 0, 0, 0, 0x1p1000, 0, 0, 0, 0, 1.5};
    wg_var sign, logarithm, a = wg_variable_f64(tape, WG_DIMS(4, 4), smallest), y = wg_det(a);
    assert_int_equal(wg_slogdet(wg_constant_f64(tape, WG_DIMS(2, 2), largest), &sign, &logarithm), WG_OK);
    assert_true(wg_item(sign) == 1);
    assert_true(fabs(wg_item(logarithm) - log(1.375) - log(1.75e308)) < 1e-12);
    assert_true(wg_item(y) == 6.75 * 0x1p-74);
    assert_int_equal(wg_backward(y), WG_OK);
    assert_true(wg_grad_at(a, 0) == 4.5 * 0x1p-74 && wg_grad_at(a, 15) == 4.5 * 0x1p-74);
    wg_tape_free(tape);
}

static void test_closed_forms(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    double hilbert[9], turn[] = {cos(0.7), -sin(0.7), sin(0.7), cos(0.7)};
    const double exchange[] = {0, 1, 0, 0, 0, 1, 2, 0, 0}, swap[] = {0, 1, 1, 0};
    for (size_t i = 0; i < 9; i++) hilbert[i] = 1 / (double)(i / 3 + i % 3 + 1);
    /* condition number 524; the determinant's own rounding of entries is of that size */
    assert_true(fabs(wg_item(wg_det(wg_constant(tape, WG_DIMS(3, 3), hilbert))) * 2160 - 1) < 524 * DBL_EPSILON);
    assert_true(fabs(wg_item(wg_det(wg_constant(tape, WG_DIMS(2, 2), turn))) - 1) < 2 * DBL_EPSILON);
    assert_true(wg_item(wg_det(wg_constant(tape, WG_DIMS(3, 3), exchange))) == 2);
    assert_true(wg_item(wg_det(wg_constant(tape, WG_DIMS(2, 2), swap))) == -1);
    assert_true(wg_item(wg_det(wg_constant_f64(tape, WG_DIMS(0, 0), NULL))) == 1);
    wg_var sign, logarithm;
    assert_int_equal(wg_slogdet(wg_constant_f64(tape, WG_DIMS(2, 0, 0), NULL), &sign, &logarithm), WG_OK);
    assert_true(wg_at(sign, 1) == 1 && wg_at(logarithm, 1) == 0);
    wg_tape_free(tape);
}

/* ---- singular matrices, NaN, replays ----------------------------------------------------------------------------------------- */

static void test_slogdet_singular(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var a = wg_variable(tape, WG_DIMS(2, 2, 2), ((double[]){1, 0, 0, 2, 1, 2, 2, 4})), sign, logarithm, grad;
    assert_int_equal(wg_slogdet(a, &sign, &logarithm), WG_OK);
    assert_true(wg_at(sign, 0) == 1 && wg_at(sign, 1) == 0);
    assert_true(wg_at(logarithm, 0) == log(2) && wg_at(logarithm, 1) == -(double)INFINITY);
    assert_int_equal(wg_backward(wg_sum(logarithm)), WG_ERROR_ARGUMENT);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "slogdet: matrix (1)", "singular: pivot 1", NULL);
    wg_zero_grad(tape);
    assert_int_equal(wg_gradients(wg_sum(logarithm), &a, 1, &grad), WG_ERROR_ARGUMENT);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "slogdet: matrix (1)", "singular", NULL);
    assert_int_equal(wg_backward(wg_sum(sign)), WG_OK); /* no derivative at all */
    for (size_t i = 0; i < 8; i++) assert_true(wg_grad_at(a, i) == 0);
    wg_tape_free(tape);
}

/* The recorded gradient and the second one follow a replay through a singular matrix and back. det of (a, b; c, d) has the
 * gradient (d, -c; -b, a), and the Hessian takes (e, f; g, h) to (h, -g; -f, e). */
static void test_replay(void **state)
{
    (void)state;
    static const double values[][4] = {{1, 2, 3, 4}, {1, 2, 2, 4}, {0, 0, 0, 0}, {-5, 1, 2, 3}};
    const double v[] = {1, 10, 100, 1000};
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var a = wg_variable(tape, WG_DIMS(2, 2), values[0]), y = wg_det(a), grad, second;
    assert_int_equal(wg_gradients(y, &a, 1, &grad), WG_OK);
    wg_var along = wg_sum(wg_mul(grad, wg_constant(tape, WG_DIMS(2, 2), v)));
    assert_int_equal(wg_gradients(along, &a, 1, &second), WG_OK);
    for (size_t i = 0; i < 4; i++) {
        const double *x = values[i], expected[] = {x[3], -x[2], -x[1], x[0]}, hessian[] = {1000, -100, -10, 1};
        assert_int_equal(wg_set_value(a, x), WG_OK);
        assert_int_equal(wg_tape_replay(tape), WG_OK);
        assert_true(fabs(wg_item(y) - (x[0] * x[3] - x[1] * x[2])) < 1e-14 * 20);
        for (size_t j = 0; j < 4; j++) {
            assert_true(fabs(wg_at(grad, j) - expected[j]) < 1e-14 * 5);
            assert_true(fabs(wg_at(second, j) - hessian[j]) < 1e-12);
        }
    }
    wg_tape_free(tape);
}

static void test_nan(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    double nan = (double)NAN, inf = (double)INFINITY;
    wg_var a = wg_variable(tape, WG_DIMS(3, 2, 2), ((double[]){0, nan, 0, 0, inf, 0, 0, 2, 1, 2, 3, 4}));
    wg_var y = wg_det(a), sign, logarithm;
    assert_true(isnan(wg_at(y, 0)) && wg_at(y, 1) == inf && fabs(wg_at(y, 2) + 2) < 1e-15);
    assert_int_equal(wg_slogdet(a, &sign, &logarithm), WG_OK);
    assert_true(isnan(wg_at(sign, 0)) && isnan(wg_at(logarithm, 0)));
    assert_true(wg_at(sign, 1) == 1 && wg_at(logarithm, 1) == inf && wg_at(sign, 2) == -1);
    assert_int_equal(wg_backward(wg_add(wg_sum(y), wg_sum(logarithm))), WG_OK);
    assert_true(isnan(wg_grad_at(a, 0)) && fabs(wg_grad_at(a, 8) - (4 - 2)) < 1e-14);
    wg_tape_free(tape);
}

static void test_errors(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var w = wg_name(wg_variable_f64(tape, WG_DIMS(2, 3), NULL), "W"),
           indices = wg_indices(tape, WG_DIMS(2, 2), NULL);
    wg_var a = wg_constant_f64(tape, WG_DIMS(2, 2), NULL), sign = a, logarithm = a;
    wg_stats before, after;
    wg_tape_stats(tape, &before);
    wg_det(w);
    assert_string_equal(wg_tape_message(tape), "det: takes square matrices (..., n, n), not W (2,3)");
    point_expect_error(tape, WG_ERROR_SHAPE, "det", NULL);
    wg_det(wg_scalar(tape, 1));
    point_expect_error(tape, WG_ERROR_SHAPE, "det", "()", NULL);
    wg_det(indices);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "det", "indices", NULL);
    assert_null(wg_det((wg_var){0}).tape);
    assert_int_equal(wg_slogdet(w, &sign, &logarithm), WG_ERROR_SHAPE);
    assert_true(!wg_ok(sign) && !wg_ok(logarithm) && sign.tape == tape);
    point_expect_error(tape, WG_ERROR_SHAPE, "slogdet", "square", "W (2,3)", NULL);
    assert_int_equal(wg_slogdet(indices, &sign, &logarithm), WG_ERROR_ARGUMENT);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "slogdet", "indices", NULL);
    assert_int_equal(wg_slogdet(a, NULL, &logarithm), WG_ERROR_ARGUMENT);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "slogdet", "NULL", NULL);
    assert_int_equal(wg_slogdet((wg_var){0}, &sign, &logarithm), WG_ERROR_ARGUMENT);
    assert_null(sign.tape);
    wg_tape_stats(tape, &after);
    assert_int_equal(before.nodes + 1, after.nodes);
    wg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations),
        cmocka_unit_test(test_every_order),
        cmocka_unit_test(test_where_orders_end),
        cmocka_unit_test(test_graded),
        cmocka_unit_test(test_range),
        cmocka_unit_test(test_range_ends),
        cmocka_unit_test(test_closed_forms),
        cmocka_unit_test(test_slogdet_singular),
        cmocka_unit_test(test_replay),
        cmocka_unit_test(test_nan),
        cmocka_unit_test(test_errors),
    };
    return row_main("ops/det", rows, sizeof rows / sizeof *rows, tests, sizeof tests / sizeof *tests);
}
