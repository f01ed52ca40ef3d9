/* prod: rows, and products with zeros, whose derivatives are products of the others to every order. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "support/over.h"
#include "support/point.h"

static long double product(const long double *x, size_t n, const over *o)
{
    long double y = 1;
    (void)o;
    for (size_t i = 0; i < n; i++) y *= x[i];
    return y;
}

static void reference_prod(array *out, const array *in, size_t n, const void *user)
{
    (void)n;
    over_reduce(out, in, user, product);
}

static wg_var apply_prod(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    const over *o = user;
    (void)tape, (void)n;
    return wg_prod_axes(in[0], o->axes, o->n, o->keepdims);
}

static const row_case cases_all[] = {OVER_CASES_ALL, CASE(1, SHAPE(0)), CASE(1, SHAPE(2, 0, 3)), CASE(1, SHAPE(40))};
static const row_case cases_axes[] = {OVER_CASES_AXES, OVER_CASES_NOTHING, CASE_WITH(OVER(false, 1), 1, SHAPE(2, 40))};

/* A product of n factors rounds n times. */
#define PRODUCT .domain = {AWAY(-1.5, 1.5, 0.5)}, .roundings = 48, .reads = {ROW_READS(0)}, .composite = true

static const row rows[] = {
    ROW(wg_prod, .unary = wg_prod, .reference = reference_prod, ROW_CASES(cases_all), PRODUCT),
    ROW(wg_prod_axes, .apply = apply_prod, .reference = reference_prod, ROW_CASES(cases_axes), PRODUCT),
};

static void test_allocations(void **state)
{
    (void)state;
    row_fail_allocations(&rows[0], &cases_all[4]);
    row_fail_allocations(&rows[1], &cases_axes[9]);
}

/* ---- zeros --------------------------------------------------------------------------------------------------------------- */

enum { FEW = 5 };

/* The product of x without those in the mask. */
static double without(const double *x, unsigned mask)
{
    double y = 1;
    for (unsigned i = 0; i < FEW; i++)
        if (!(mask >> i & 1)) y *= x[i];
    return y;
}

/* d^k prod / dx_i dx_j ... = the product of the rest, or 0 where an index is repeated. Small integers: everything is exact,
 * for every set of zeros, to order 4. */
static void test_zeros_every_order(void **state)
{
    (void)state;
    for (unsigned zeros = 0; zeros < 1u << FEW; zeros++) {
        double values[FEW] = {2, -3, 5, 7, -1};
        for (unsigned i = 0; i < FEW; i++)
            if (zeros >> i & 1) values[i] = 0;
        wg_tape *tape = wg_tape_new(WG_F64);
        wg_var x = wg_variable(tape, WG_DIMS(FEW), values), g1, g2, g3;
        wg_var y = wg_prod(x);
        assert_true(wg_item(y) == without(values, 0));
        assert_int_equal(wg_gradients(y, &x, 1, &g1), WG_OK);
        for (unsigned i = 0; i < FEW; i++) {
            assert_true(wg_at(g1, i) == without(values, 1u << i));
            assert_int_equal(wg_gradients(wg_slice(g1, 0, i, i + 1, 1), &x, 1, &g2), WG_OK);
            for (unsigned j = 0; j < FEW; j++)
                assert_true(wg_at(g2, j) == (i == j ? 0 : without(values, 1u << i | 1u << j)));
            unsigned j = (i + 1) % FEW;
            assert_int_equal(wg_gradients(wg_slice(g2, 0, j, j + 1, 1), &x, 1, &g3), WG_OK);
            for (unsigned k = 0; k < FEW; k++)
                assert_true(wg_at(g3, k) == (k == i || k == j ? 0 : without(values, 1u << i | 1u << j | 1u << k)));
            unsigned k = (i + 3) % FEW;
            wg_zero_grad(tape);
            assert_int_equal(wg_backward(wg_slice(g3, 0, k, k + 1, 1)), WG_OK);
            for (unsigned l = 0; l < FEW; l++) {
                bool again = l == i || l == j || l == k;
                assert_true(wg_grad_at(x, l) == (again ? 0 : without(values, 1u << i | 1u << j | 1u << k | 1u << l)));
            }
        }
        assert_int_equal(wg_tape_status(tape), WG_OK);
        wg_tape_free(tape);
    }
}

/* Over axes, with a zero in one group and two in another. */
static void test_zeros_in_groups(void **state)
{
    (void)state;
    const double values[] = {2, 0, 3, 0, 5, 0}, expected[] = {0, 6, 0, 0, 0, 0};
    for (int middle = 0; middle < 2; middle++) {
        wg_tape *tape = wg_tape_new(WG_F64);
        wg_var x = wg_variable_f64(tape, middle ? WG_DIMS(1, 2, 3) : WG_DIMS(2, 1, 3), values), grad;
        wg_var y = wg_prod_axes(x, WG_AXES(-1), false);
        assert_int_equal(wg_backward(wg_sum(y)), WG_OK);
        assert_int_equal(wg_gradients(wg_sum(y), &x, 1, &grad), WG_OK);
        for (size_t i = 0; i < 6; i++) assert_true(wg_grad_at(x, i) == expected[i] && wg_at(grad, i) == expected[i]);
        wg_tape_free(tape);
    }
}

/* (64,1000), and 10^5 in one: a derivative that looks at every pair would be noticed. x = 1 + d, two zeros in row 1. */
static void test_many(void **state)
{
    (void)state;
    enum { ROWS = 64, LONG = 1000, ALL = 100000 };
    double *values = malloc(sizeof *values * ALL);
    assert_non_null(values);
    for (size_t i = 0; i < ALL; i++) values[i] = i % 2 ? 2 : 0.5;
    values[LONG + 3] = values[LONG + 7] = values[2 * LONG] = 0;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_variable_f64(tape, WG_DIMS(ROWS, LONG), values), g;
    assert_int_equal(wg_gradients(wg_sum(wg_prod_axes(x, WG_AXES(1), false)), &x, 1, &g), WG_OK);
    assert_int_equal(wg_backward(wg_sum(g)), WG_OK);
    assert_true(wg_at(g, 0) == 2 && wg_at(g, 1) == 0.5 && wg_at(g, 2 * LONG) == 2 && wg_at(g, 2 * LONG + 1) == 0);
    for (size_t i = LONG; i < 2 * LONG; i++) assert_true(wg_at(g, i) == 0);
    /* the sum of all second derivatives with x_7 fixed: d^2/dx_3 dx_7 alone, the product of the rest, is not zero */
    assert_true(wg_grad_at(x, LONG + 7) == 0.25 && wg_grad_at(x, LONG + 3) == 0.25 && wg_grad_at(x, LONG) == 0);
    values[LONG + 3] = values[LONG + 7] = 2, values[2 * LONG] = 0.5;
    wg_var all = wg_variable_f64(tape, WG_DIMS(ALL), values);
    assert_int_equal(wg_backward(wg_prod(all)), WG_OK);
    for (size_t i = 0; i < ALL; i++) assert_true(wg_grad_at(all, i) == 1 / values[i]);
    wg_tape_free(tape);
    free(values);
}

/* A zero cotangent gives an exact zero whatever the others are; without one, infinity and NaN pass. */
static void test_not_finite(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(2, 2), ((double[]){INFINITY, 2, NAN, 3}));
    wg_var y = wg_prod_axes(x, WG_AXES(1), false);
    assert_true(wg_at(y, 0) == INFINITY && isnan(wg_at(y, 1)));
    assert_int_equal(wg_backward_from(y, (double[]){0, 0}), WG_OK);
    for (size_t i = 0; i < 4; i++) assert_true(wg_grad_at(x, i) == 0);
    assert_int_equal(wg_backward_from(y, (double[]){1, 1}), WG_OK);
    assert_true(wg_grad_at(x, 0) == 2 && wg_grad_at(x, 1) == INFINITY && wg_grad_at(x, 2) == 3);
    assert_true(isnan(wg_grad_at(x, 3)));
    wg_tape_free(tape);
}

static void test_errors(void **state)
{
    (void)state;
    over_check_errors("prod", wg_prod, wg_prod_axes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations),
        cmocka_unit_test(test_zeros_every_order),
        cmocka_unit_test(test_zeros_in_groups),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_not_finite),
        cmocka_unit_test(test_errors),
    };
    return row_main("ops/product", rows, sizeof rows / sizeof *rows, tests, sizeof tests / sizeof *tests);
}
