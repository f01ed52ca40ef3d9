/* cumsum, cumprod, logcumsumexp, cummax, cummin, diff: rows, running products with zeros, long running sums,
 * infinities. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "support/over.h"
#include "support/point.h"

static void map_cumsum(const long double *x, size_t n, long double *y)
{
    long double sum = 0;
    for (size_t i = 0; i < n; i++) y[i] = sum += x[i];
}

static void map_cumprod(const long double *x, size_t n, long double *y)
{
    long double product = 1;
    for (size_t i = 0; i < n; i++) y[i] = product *= x[i];
}

static void map_logcumsumexp(const long double *x, size_t n, long double *y)
{
    long double sum = 0;
    for (size_t i = 0; i < n; i++) y[i] = logl(sum += expl(x[i]));
}

static void map_cummax(const long double *x, size_t n, long double *y)
{
    for (size_t i = 0; i < n; i++) y[i] = i && y[i - 1] > x[i] ? y[i - 1] : x[i];
}

static void map_cummin(const long double *x, size_t n, long double *y)
{
    for (size_t i = 0; i < n; i++) y[i] = i && y[i - 1] < x[i] ? y[i - 1] : x[i];
}

#define ALONG(name)                                                                                                    \
    static void reference_##name(array *out, const array *in, size_t n, const void *user)                              \
    {                                                                                                                  \
        (void)n;                                                                                                       \
        over_along(out, in, *(const int *)user, map_##name);                                                           \
    }                                                                                                                  \
    static wg_var apply_##name(wg_tape *tape, const wg_var *in, size_t n, const void *user)                            \
    {                                                                                                                  \
        (void)tape, (void)n;                                                                                           \
        return wg_##name(in[0], *(const int *)user);                                                                   \
    }
ALONG(cumsum)
ALONG(cumprod)
ALONG(logcumsumexp)
ALONG(cummax)
ALONG(cummin)

typedef struct differences {
    size_t n;
    int axis;
} differences;

static wg_var apply_diff(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    const differences *d = user;
    (void)tape, (void)n;
    return wg_diff(in[0], d->n, d->axis);
}

/* By binomial coefficients: sum over j <= n of (-1)^(n - j) C(n, j) x_(i + j). */
static void reference_diff(array *out, const array *in, size_t unused, const void *user)
{
    const differences *d = user;
    uint32_t axis = (uint32_t)(d->axis < 0 ? d->axis + (int)in->shape.rank : d->axis);
    wg_shape shape = in->shape;
    (void)unused;
    shape.dim[axis] = d->n < shape.dim[axis] ? shape.dim[axis] - d->n : 0;
    *out = array_new(shape);
    for (size_t i = 0; i < out->size; i++) {
        size_t tuple[WG_MAX_RANK];
        long double factor = d->n % 2 ? -1 : 1;
        shape_tuple(&shape, i, tuple);
        out->at[i] = 0;
        for (size_t j = 0; j <= d->n; j++, tuple[axis]++) {
            out->at[i] += factor * in->at[shape_flat(&in->shape, tuple)];
            factor *= -(long double)(d->n - j) / (long double)(j + 1);
        }
    }
}

#define DIFF(n_, axis_, ...) CASE_WITH((&(const differences){n_, axis_}), 1, SHAPE(__VA_ARGS__))
static const row_case cases_diff[] = {DIFF(1, 0, 5), DIFF(0, 0, 3), DIFF(1, -1, 2, 4), DIFF(2, 0, 4, 3),
    DIFF(3, 1, 2, 5, 2), DIFF(1, 0, 1), DIFF(2, 0, 1, 2), DIFF(1, 0, 0), DIFF(1, 1, 0, 3)};

static const row_case cases[] = {OVER_CASES_ALONG};
static const row_case cases_products[] = {CASE_WITH(AXIS(0), 1, SHAPE(1)), CASE_WITH(AXIS(0), 1, SHAPE(5)),
    CASE_WITH(AXIS(-1), 1, SHAPE(0)), CASE_WITH(AXIS(0), 1, SHAPE(4, 3)), CASE_WITH(AXIS(1), 1, SHAPE(2, 3)),
    CASE_WITH(AXIS(-2), 1, SHAPE(2, 5, 3)), CASE_WITH(AXIS(1), 1, SHAPE(0, 3)), CASE_WITH(AXIS(0), 1, SHAPE(0, 3)),
    CASE_WITH(AXIS(1), 1, SHAPE(2, 3, 0)), CASE_WITH(AXIS(1), 1, SHAPE(2, 1, 3)),
    CASE_WITH(AXIS(1), 1, SHAPE(2, 3, 150)), CASE_WITH(AXIS(1), 1, SHAPE(2, 30))};

static const row rows[] = {
    ROW(wg_cumsum, .apply = apply_cumsum, .reference = reference_cumsum, ROW_CASES(cases), .domain = {FROM(-2, 2)},
        .roundings = 2, .sum = true),
    ROW(wg_cumprod, .apply = apply_cumprod, .reference = reference_cumprod, ROW_CASES(cases_products),
        .domain = {AWAY(-1.5, 1.5, 0.5)}, .roundings = 32, .reads = {ROW_READS(0)}),
    ROW(wg_logcumsumexp, .apply = apply_logcumsumexp, .reference = reference_logcumsumexp, ROW_CASES(cases),
        .domain = {FROM(1, 4)}, .roundings = 8, .reads = {ROW_READS(0)}),
    ROW(wg_cummax, .apply = apply_cummax, .reference = reference_cummax, ROW_CASES(cases_products),
        .domain = {FROM(-2, 2)}, .distinct = true, .composite = true, .pieces = true),
    ROW(wg_cummin, .apply = apply_cummin, .reference = reference_cummin, ROW_CASES(cases_products),
        .domain = {FROM(-2, 2)}, .distinct = true, .composite = true, .pieces = true),
    ROW(wg_diff, .apply = apply_diff, .reference = reference_diff, ROW_CASES(cases_diff), .domain = {FROM(-2, 2)},
        .composite = true, .roundings = 16, .sum = true, .pieces = true),
};

static void test_allocations(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) row_fail_allocations(&rows[i], &rows[i].cases[5]);
}

/* ---- running products -------------------------------------------------------------------------------------------- */

enum { FEW = 4 };

/* The weighted sum of x_0 ... x_k without those in the mask, over the k that have them all. */
static double without(const double *x, const double *weights, unsigned mask)
{
    double sum = 0;
    for (unsigned k = 0; k < FEW; k++) {
        double y = weights[k];
        for (unsigned i = 0; i <= k; i++) y *= mask >> i & 1 ? 1 : x[i];
        if (!(mask >> (k + 1))) sum += y;
    }
    return sum;
}

/* Small integers: exact, for every set of zeros, to order 3. */
static void test_zeros_every_order(void **state)
{
    (void)state;
    const double weights[FEW] = {1, -2, 3, 5};
    for (unsigned zeros = 0; zeros < 1u << FEW; zeros++) {
        double values[FEW] = {2, -3, 5, 7};
        for (unsigned i = 0; i < FEW; i++)
            if (zeros >> i & 1) values[i] = 0;
        wg_tape *tape = wg_tape_new(WG_F64);
        wg_var x = wg_variable(tape, WG_DIMS(FEW), values), w = wg_constant(tape, WG_DIMS(FEW), weights), g1, g2;
        assert_int_equal(wg_gradients(wg_sum(wg_mul(w, wg_cumprod(x, 0))), &x, 1, &g1), WG_OK);
        for (unsigned i = 0; i < FEW; i++) {
            assert_true(wg_at(g1, i) == without(values, weights, 1u << i));
            assert_int_equal(wg_gradients(wg_slice(g1, 0, i, i + 1, 1), &x, 1, &g2), WG_OK);
            for (unsigned j = 0; j < FEW; j++) {
                assert_true(wg_at(g2, j) == (i == j ? 0 : without(values, weights, 1u << i | 1u << j)));
                wg_zero_grad(tape);
                assert_int_equal(wg_backward(wg_slice(g2, 0, j, j + 1, 1)), WG_OK);
                for (unsigned k = 0; k < FEW; k++) {
                    bool again = i == j || k == i || k == j;
                    assert_true(
                        wg_grad_at(x, k) == (again ? 0 : without(values, weights, 1u << i | 1u << j | 1u << k)));
                }
            }
        }
        assert_int_equal(wg_tape_status(tape), WG_OK);
        wg_tape_free(tape);
    }
}

/* ---- running sums ------------------------------------------------------------------------------------------------ */

/* One by one, a float sum of ones stops at 2^24 and one of 0.1 drifts away; the large numbers that cancel leave what
 * stood beside them. */
static void test_long_sums(void **state)
{
    (void)state;
    size_t n = 1000000;
    wg_tape *tape = wg_tape_new(WG_F32);
    wg_var x = wg_variable_f32(tape, WG_DIMS(n), NULL);
    float *values = wg_value_mut(x);
    for (size_t i = 0; i < n; i++) values[i] = 0.1f;
    wg_var y = wg_cumsum(x, 0);
    const float *sums = wg_value_f32(y);
    for (size_t i = 0; i < n; i++) {
        double exact = (double)(i + 1) * (double)0.1f; /* 24 bits times 20: exact */
        assert_true(fabs(sums[i] - exact) <= exact * 1.2e-7);
    }
    assert_int_equal(wg_backward(wg_sum(y)), WG_OK); /* n - i ones */
    for (size_t i = 0; i < n; i += 997) assert_true(wg_grad_at(x, i) == (double)(n - i));
    wg_var z = wg_cumsum(wg_constant(tape, WG_DIMS(4, 1), ((float[]){1, 1e10f, -1e10f, 3})), 0);
    assert_true(wg_at(z, 0) == 1 && wg_at(z, 2) == 1 && wg_at(z, 3) == 4);
    wg_tape_free(tape);
}

static void test_sums_not_finite(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x =
        wg_variable(tape, WG_DIMS(3, 3), ((double[]){1, INFINITY, 2, 1, INFINITY, -INFINITY, 1e308, 1e308, NAN}));
    wg_var y = wg_cumsum(x, 1);
    assert_true(wg_at(y, 0) == 1 && wg_at(y, 1) == INFINITY && wg_at(y, 2) == INFINITY);
    assert_true(wg_at(y, 4) == INFINITY && isnan(wg_at(y, 5)) && wg_at(y, 7) == INFINITY && isnan(wg_at(y, 8)));
    wg_tape_free(tape);
}

/* ---- logcumsumexp ------------------------------------------------------------------------------------------------ */

/* Shifted by any amount, the result shifts and the gradient keeps its digits. Against the reference, in long double. */
static void test_shifted(void **state)
{
    (void)state;
    enum { N = 6 };
    const double base[N] = {1, 3, -2, 2.5, 3, -40}, shifts[] = {0, 1024, -1024, 65536, -1048576};
    long double x[N], y[N];
    for (size_t i = 0; i < N; i++) x[i] = (long double)base[i];
    map_logcumsumexp(x, N, y);
    for (size_t s = 0; s < sizeof shifts / sizeof *shifts; s++) {
        wg_tape *tape = wg_tape_new(WG_F64);
        double moved[N];
        for (size_t i = 0; i < N; i++) moved[i] = base[i] + shifts[s];
        wg_var v = wg_variable(tape, WG_DIMS(N), moved), out = wg_logcumsumexp(v, 0);
        assert_int_equal(wg_backward(wg_sum(out)), WG_OK);
        double unit = 2.3e-16 * (fabs(shifts[s]) + 4);
        for (size_t i = 0; i < N; i++) {
            long double slope = 0;
            for (size_t k = i; k < N; k++) slope += expl(x[i] - y[k]);
            assert_true(fabsl((long double)(wg_at(out, i) - shifts[s]) - y[i]) <= 2 * (long double)unit);
            assert_true(fabsl((long double)wg_grad_at(v, i) - slope) <= slope * 2e-15L);
        }
        wg_tape_free(tape);
    }
    wg_tape *tape = wg_tape_new(WG_F64); /* what is little beside 1 is kept where y is near 0 */
    wg_var little = wg_logcumsumexp(wg_constant(tape, WG_DIMS(2), ((double[]){0, -50})), 0);
    assert_true(fabs(wg_at(little, 1) / 1.9287498479639178e-22 - 1) < 1e-15); /* e^-50 */
    wg_tape_free(tape);
}

static void test_infinities(void **state)
{
    (void)state;
    for (int recorded = 0; recorded < 2; recorded++) {
        wg_tape *tape = wg_tape_new(WG_F64);
        wg_var x = wg_variable(tape, WG_DIMS(3, 4),
            ((double[]){-INFINITY, -INFINITY, 2, -INFINITY, 1, INFINITY, 5, -INFINITY, 0, NAN, 1, 2}));
        wg_var y = wg_logcumsumexp(x, 1),
               ones = wg_constant(tape, WG_DIMS(3, 4), ((double[]){1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}));
        const double expected[] = {-INFINITY, -INFINITY, 2, 2, 1, INFINITY, INFINITY, INFINITY, 0},
                     slopes[] = {0, 0, 2, 0, 1, 3, 0, 0};
        for (size_t i = 0; i < 9; i++) assert_true(wg_at(y, i) == expected[i]);
        for (size_t i = 9; i < 12; i++) assert_true(isnan(wg_at(y, i)));
        wg_var grad;
        if (recorded)
            assert_int_equal(wg_vjp(y, ones, &x, 1, &grad), WG_OK);
        else
            assert_int_equal(wg_backward_from(y, wg_value(ones)), WG_OK);
        for (size_t i = 0; i < 8; i++) assert_true((recorded ? wg_at(grad, i) : wg_grad_at(x, i)) == slopes[i]);
        if (recorded) { /* order 2 of the rows without NaN: no NaN */
            assert_int_equal(wg_backward(wg_sum(wg_slice(grad, 0, 0, 2, 1))), WG_OK);
            for (size_t i = 0; i < 8; i++) assert_true(!isnan(wg_grad_at(x, i)));
        }
        wg_tape_free(tape);
    }
}

/* Numbers whose exponentials leave the range are no reason for check_finite to stop. */
static void test_check_finite(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new_with(&(wg_tape_options){.dtype = WG_F64, .check_finite = true}, NULL);
    wg_var x = wg_variable(tape, WG_DIMS(2, 2), ((double[]){800, -800, -900, 900})), grad;
    assert_int_equal(wg_gradients(wg_sum(wg_logcumsumexp(x, 1)), &x, 1, &grad), WG_OK);
    assert_int_equal(wg_backward(wg_sum(wg_mul(grad, grad))), WG_OK);
    wg_tape_free(tape);
}

/* Ties go to the first; from a NaN on all is NaN, which gets what those places have; an infinity is a number like the
 * others. */
static void test_running_extremes(void **state)
{
    (void)state;
    const double inf = (double)INFINITY, nan = (double)NAN;
    for (int dtype = WG_F32; dtype <= WG_F64; dtype++) {
        wg_tape *tape = wg_tape_new((wg_dtype)dtype);
        wg_var x =
            wg_stack((wg_var[]){wg_scalar_variable(tape, 1), wg_scalar_variable(tape, -inf),
                         wg_scalar_variable(tape, 1), wg_scalar_variable(tape, 3), wg_scalar_variable(tape, 3),
                         wg_scalar_variable(tape, nan), wg_scalar_variable(tape, 4), wg_scalar_variable(tape, nan)},
                8, 0);
        const double weights[8] = {1, 2, 4, 8, 16, 32, 64, 128};
        const double most[8] = {1, 1, 1, 3, 3, nan, nan, nan}, least[8] = {1, -inf, -inf, -inf, -inf, nan, nan, nan};
        const double to_most[8] = {7, 0, 0, 24, 0, 224, 0, 0}, to_least[8] = {1, 30, 0, 0, 0, 224, 0, 0};
        wg_var weight = wg_to_numbers(wg_indices(tape, WG_DIMS(8), ((int64_t[]){1, 2, 4, 8, 16, 32, 64, 128}))), g[2];
        wg_var y[2] = {wg_cummax(x, 0), wg_cummin(x, -1)};
        for (int k = 0; k < 2; k++) {
            assert_int_equal(wg_vjp(y[k], weight, &x, 1, &g[k]), WG_OK);
            for (size_t i = 0; i < 8; i++) {
                assert_true(wg_at(weight, i) == weights[i]);
                assert_true(point_same(wg_at(y[k], i), (k ? least : most)[i]));
                assert_true(wg_at(g[k], i) == (k ? to_least : to_most)[i]);
            }
        }
        wg_tape_free(tape);
    }
}

static wg_var diff_once(wg_var x, int axis) { return wg_diff(x, 1, axis); }

/* More rounds than elements, of which only so many are made; a result of its own for none. */
static void test_diff(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_name(wg_variable(tape, WG_DIMS(2, 3), ((double[]){1, 4, 9, 2, 3, 5})), "x"), grad;
    wg_var none = wg_diff(x, SIZE_MAX, 1), same = wg_diff(x, 0, 0), once = wg_diff(x, 1, 0);
    assert_true(wg_ok(none) && wg_size(none) == 0 && wg_shape_of(none).dim[0] == 2 && wg_shape_of(none).dim[1] == 0);
    assert_true(wg_at(same, 5) == 5 && wg_at(once, 0) == 1 && wg_at(once, 2) == -4);
    assert_int_equal(wg_gradients(wg_sum(once), &x, 1, &grad), WG_OK);
    for (size_t i = 0; i < 6; i++) assert_true(wg_at(grad, i) == (i < 3 ? -1 : 1));
    assert_int_equal(wg_backward(wg_sum(same)), WG_OK);
    assert_true(wg_grad_at(x, 0) == 1);
    wg_stats before, after;
    wg_tape_stats(tape, &before);
    wg_diff(x, 1, 2);
    point_expect_error(tape, WG_ERROR_SHAPE, "diff", "axis 2", "x (2,3)", NULL);
    wg_tape_stats(tape, &after);
    assert_int_equal(before.nodes, after.nodes);
    wg_tape_free(tape);
}

static void test_errors(void **state)
{
    (void)state;
    over_check_axis_errors("cummax", wg_cummax);
    over_check_axis_errors("cummin", wg_cummin);
    over_check_axis_errors("diff", diff_once);
    over_check_axis_errors("cumsum", wg_cumsum);
    over_check_axis_errors("cumprod", wg_cumprod);
    over_check_axis_errors("logcumsumexp", wg_logcumsumexp);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations),
        cmocka_unit_test(test_zeros_every_order),
        cmocka_unit_test(test_long_sums),
        cmocka_unit_test(test_sums_not_finite),
        cmocka_unit_test(test_shifted),
        cmocka_unit_test(test_infinities),
        cmocka_unit_test(test_check_finite),
        cmocka_unit_test(test_running_extremes),
        cmocka_unit_test(test_diff),
        cmocka_unit_test(test_errors),
    };
    return row_main("ops/scan", rows, sizeof rows / sizeof *rows, tests, sizeof tests / sizeof *tests);
}
