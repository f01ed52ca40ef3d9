/* The reverse sweep on numbers: how contributions add up, where they go, and where they don't.
 *
 * Inputs are chosen so that the closed forms, stated beside each test, come out exactly in both dtypes, unless a
 * tolerance says otherwise. */
#include "grad/expect.h"

/* ---- values used more than once ------------------------------------------------------------------------------------ */

/* f = a (a + x) with a = x^2: f = x^4 + x^3, f' = 4 x^3 + 3 x^2. */
static void diamonds(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var s = wg_scalar_variable(t, 3), x = vector(t, NUMBERS(1, 2, -3));
    wg_var a = wg_mul(s, s), b = wg_square(x);
    assert_int_equal(wg_backward(wg_mul(a, wg_add(a, s))), WG_OK);
    assert_int_equal(wg_backward(wg_sum(wg_mul(b, wg_add(b, x)))), WG_OK);
    EXPECT_GRAD(s, 0, NUMBERS(135));
    EXPECT_GRAD(x, 0, NUMBERS(7, 44, -81));
    wg_tape_free(t);
}
IN_BOTH(diamonds)

/* Each level doubles: y = 2^20 x. A sweep that went through every path would take a million steps. */
static void ladder_of_diamonds(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var s = wg_scalar_variable(t, 1), x = vector(t, NUMBERS(1, -2)), y = s, z = x;
    for (int i = 0; i < 20; i++) {
        y = wg_add(y, y);
        z = wg_add(z, z);
    }
    assert_int_equal(wg_backward(y), WG_OK);
    assert_int_equal(wg_backward(wg_sum(z)), WG_OK);
    EXPECT_GRAD(s, 0, NUMBERS(1048576));
    EXPECT_GRAD(x, 0, NUMBERS(1048576, 1048576));
    wg_tape_free(t);
}
IN_BOTH(ladder_of_diamonds)

/* sum_i i x over i < 1000: 499500. */
static void fan_out(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var s = wg_scalar_variable(t, 2), x = vector(t, NUMBERS(1, 2, 3));
    wg_var scalar_total = wg_scalar(t, 0), total = wg_scalar(t, 0);
    for (int i = 0; i < 1000; i++) {
        wg_var c = wg_scalar(t, i);
        scalar_total = wg_add(scalar_total, wg_mul(c, s));
        total = wg_add(total, wg_mul(x, c));
    }
    assert_int_equal(wg_backward(scalar_total), WG_OK);
    assert_int_equal(wg_backward(wg_sum(total)), WG_OK);
    EXPECT_GRAD(s, 0, NUMBERS(499500));
    EXPECT_GRAD(x, 0, NUMBERS(499500, 499500, 499500));
    wg_tape_free(t);
}
IN_BOTH(fan_out)

/* An op whose two operands are one value counts both. pow(x, x)' = x^x (1 + log x): 6.7725887222397811 at 2, and 1 at 1.
 * For matmul(A, A) with cotangent K: K A^T + A^T K, here with A = (1 2; 3 4), K = (1 0; 2 -1). */
static void both_operands_one_value(wg_dtype dtype)
{
    struct {
        wg_var (*op)(wg_var, wg_var);
        double at_2, at_1;
    } rows[] = {{wg_add, 2, 2}, {wg_sub, 0, 0}, {wg_mul, 4, 2}, {wg_div, 0, 0}, {wg_maximum, 1, 1}, {wg_minimum, 1, 1},
        {wg_pow, 6.7725887222397811, 1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        wg_tape *t = wg_tape_new(dtype);
        wg_var s = wg_scalar_variable(t, 2), x = vector(t, NUMBERS(2, 1));
        assert_int_equal(wg_backward(rows[i].op(s, s)), WG_OK);
        assert_int_equal(wg_backward(wg_sum(rows[i].op(x, x))), WG_OK);
        EXPECT_GRAD(s, roundings(dtype, 4), NUMBERS(rows[i].at_2));
        EXPECT_GRAD(x, roundings(dtype, 4), NUMBERS(rows[i].at_2, rows[i].at_1));
        wg_tape_free(t);
    }
    wg_tape *t = wg_tape_new(dtype);
    wg_var a = variable(t, WG_DIMS(2, 2), NUMBERS(1, 2, 3, 4)),
           c = wg_constant(t, WG_DIMS(2, 2), (double[]){1, 0, 0, 1});
    assert_int_equal(backward_from(wg_matmul(a, a), NUMBERS(1, 0, 2, -1)), WG_OK);
    EXPECT_GRAD(a, 0, NUMBERS(8, 0, 10, -2));
    wg_zero_grad(t);
    assert_int_equal(backward_from(wg_where(c, a, a), NUMBERS(1, 2, 3, 4)), WG_OK);
    assert_int_equal(
        backward_from(wg_concat((wg_var[]){a, a, a}, 3, 0), NUMBERS(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)), WG_OK);
    EXPECT_GRAD(a, 0, NUMBERS(1 + 15, 2 + 18, 3 + 21, 4 + 24));
    wg_tape_free(t);
}
IN_BOTH(both_operands_one_value)

/* One value through four branches: f = x + 2x + x^2 + sum over a row of it; a sum of all paths, whatever their length. */
static void branches_sum(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = variable(t, WG_DIMS(2, 2), NUMBERS(1, 2, 3, 4)), two = wg_scalar(t, 2);
    wg_var h = wg_mul(x, two); /* the value with four consumers: h = 2x */
    wg_var transposed = wg_sum(wg_mul(wg_transpose(h), wg_constant(t, WG_DIMS(2, 2), (double[]){1, 10, 100, 1000})));
    wg_var squares = wg_sum(wg_square(h)), row = wg_sum(wg_slice(h, 0, 1, 2, 1));
    wg_var all = wg_add(wg_add(wg_sum(wg_reshape(h, WG_DIMS(4))), squares), wg_add(row, transposed));
    assert_int_equal(wg_backward(all), WG_OK);
    /* dh = 1 + 2h + [row 1] + K^T, dx = 2 dh, with h = (2 4; 6 8), K^T = (1 100; 10 1000) */
    EXPECT_GRAD(x, 0, NUMBERS(2 * (1 + 4 + 1), 2 * (1 + 8 + 100), 2 * (1 + 12 + 1 + 10), 2 * (1 + 16 + 1 + 1000)));
    wg_tape_free(t);
}
IN_BOTH(branches_sum)

/* ---- several sweeps ------------------------------------------------------------------------------------------------ */

/* f = 3x, g = x^2: every sweep adds, whichever output it starts from, and zero_grad begins anew. */
static void sweeps_add(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var s = wg_scalar_variable(t, 5), x = vector(t, NUMBERS(1, -2));
    wg_var f = wg_mul(wg_scalar(t, 3), s), g = wg_square(s), h = wg_sum(wg_square(x));
    EXPECT_GRAD(s, 0, NUMBERS(0));
    for (int i = 0; i < 3; i++) assert_int_equal(wg_backward(f), WG_OK);
    EXPECT_GRAD(s, 0, NUMBERS(9));
    assert_int_equal(wg_backward(g), WG_OK);
    assert_int_equal(wg_backward(h), WG_OK);
    assert_int_equal(wg_backward(h), WG_OK);
    EXPECT_GRAD(s, 0, NUMBERS(19));
    EXPECT_GRAD(x, 0, NUMBERS(4, -8));
    assert_int_equal(wg_zero_grad(t), WG_OK);
    EXPECT_GRAD(s, 0, NUMBERS(0));
    EXPECT_GRAD(x, 0, NUMBERS(0, 0));
    assert_int_equal(wg_backward(g), WG_OK);
    EXPECT_GRAD(s, 0, NUMBERS(10));
    EXPECT_GRAD(x, 0, NUMBERS(0, 0));
    assert_int_equal(wg_zero_grad(NULL), WG_ERROR_ARGUMENT);
    wg_tape_free(t);
}
IN_BOTH(sweeps_add)

/* Several outputs at once are the sum of their sweeps: J^T (u + v) = J^T u + J^T v. */
static void outputs_add(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = vector(t, NUMBERS(2, 3));
    wg_var y = wg_mul(x, x), z = wg_sum(x);
    assert_int_equal(backward_from(y, NUMBERS(1, 10)), WG_OK);
    assert_int_equal(backward_from(z, NUMBERS(100)), WG_OK);
    assert_int_equal(backward_from(y, NUMBERS(0, -1)), WG_OK);
    EXPECT_GRAD(x, 0, NUMBERS(104, 154));
    wg_tape_free(t);
}
IN_BOTH(outputs_add)

/* A sweep starts anywhere; what was recorded later does not matter, whatever its value. */
static void sweep_from_the_middle(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var s = wg_scalar_variable(t, 2), x = vector(t, NUMBERS(1, 2));
    wg_var a = wg_square(s), y = wg_mul(x, a);                         /* y = s^2 x */
    wg_var later = wg_log(wg_neg(wg_sum(y))), last = wg_mul(later, s); /* NaN */
    assert_true(isnan(wg_item(last)));
    assert_int_equal(wg_backward(a), WG_OK);
    EXPECT_GRAD(s, 0, NUMBERS(4));
    assert_int_equal(backward_from(y, NUMBERS(1, 10)), WG_OK);
    EXPECT_GRAD(s, 0, NUMBERS(4 + 4 * 21)); /* 2s (1 1 + 10 2) */
    EXPECT_GRAD(x, 0, NUMBERS(4, 40));
    wg_tape_free(t);
}
IN_BOTH(sweep_from_the_middle)

/* ---- what the loss may be ------------------------------------------------------------------------------------------- */

static void loss_is_a_leaf(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var s = wg_scalar_variable(t, 7), m = variable(t, WG_DIMS(1, 1), NUMBERS(7)), v = vector(t, NUMBERS(1, 2, 3));
    assert_int_equal(wg_backward(s), WG_OK);
    assert_int_equal(wg_backward(s), WG_OK);
    assert_int_equal(wg_backward(m), WG_OK);
    assert_int_equal(backward_from(v, NUMBERS(4, 5, 6)), WG_OK);
    EXPECT_GRAD(s, 0, NUMBERS(2));
    EXPECT_GRAD(m, 0, NUMBERS(1));
    EXPECT_GRAD(v, 0, NUMBERS(4, 5, 6));
    wg_tape_free(t);
}
IN_BOTH(loss_is_a_leaf)

/* Not an error: there is nothing to do. */
static void loss_depends_on_no_variable(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var c = wg_scalar(t, 3), k = constants(t, NUMBERS(1, 2));
    assert_int_equal(wg_backward(c), WG_OK);
    assert_int_equal(wg_backward(wg_exp(c)), WG_OK);
    wg_var x = wg_scalar_variable(t, 2); /* the tape's first variable comes after */
    assert_int_equal(wg_backward(wg_sum(wg_mul(k, k))), WG_OK);
    assert_int_equal(wg_backward(wg_detach(wg_square(x))), WG_OK);
    assert_int_equal(wg_backward(wg_less(x, c)), WG_OK);
    assert_int_equal(backward_from(k, NUMBERS(1, 1)), WG_OK);
    EXPECT_GRAD(x, 0, NUMBERS(0));
    EXPECT_HEALTHY(t);
    wg_tape_free(t);
}
IN_BOTH(loss_depends_on_no_variable)

static void misuses(void **state)
{
    (void)state;
    wg_tape *t = wg_tape_new(WG_F64);
    wg_var x = wg_name(vector(t, NUMBERS(1, 2)), "weights"), i = wg_indices(t, WG_DIMS(1), (int64_t[]){3});
    assert_int_equal(wg_backward(x), WG_ERROR_SHAPE);
    EXPECT_ERROR(t, WG_ERROR_SHAPE, "weights (2)");
    assert_int_equal(wg_backward(wg_variable(t, WG_DIMS(0), (double *)NULL)), WG_ERROR_SHAPE);
    EXPECT_ERROR(t, WG_ERROR_SHAPE, "wg_backward");
    assert_int_equal(wg_backward(i), WG_ERROR_ARGUMENT);
    EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "indices");
    assert_int_equal(wg_backward_from(i, (double[]){1}), WG_ERROR_ARGUMENT);
    EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "wg_backward_from");
    assert_int_equal(wg_backward_from(x, NULL), WG_ERROR_ARGUMENT);
    EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "cotangent is NULL");
    assert_int_equal(wg_backward((wg_var){0}), WG_ERROR_ARGUMENT);
    assert_int_equal(wg_backward_from((wg_var){0}, (double[]){1}), WG_ERROR_ARGUMENT);
    assert_int_equal(wg_backward(wg_add(x, vector(t, NUMBERS(1, 2, 3)))), WG_ERROR_SHAPE); /* the op's own error */
    EXPECT_ERROR(t, WG_ERROR_SHAPE, "add");
    EXPECT_GRAD(x, 0, NUMBERS(0, 0));
    assert_int_equal(wg_backward(wg_sum(x)), WG_OK); /* as good as new */
    EXPECT_GRAD(x, 0, NUMBERS(1, 1));
    wg_tape_free(t);
}

static wg_var fourfold(wg_var x) { return wg_mul(x, wg_scalar(x.tape, 4)); }

/* Cotangents of rank 0 to 8, and without elements. */
static void cotangents_of_any_shape(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var rank0 = wg_scalar_variable(t, 1), rank1 = vector(t, NUMBERS(1));
    wg_var rank3 = variable(t, WG_DIMS(2, 1, 2), NUMBERS(1, 2, 3, 4));
    wg_var rank8 = variable(t, WG_DIMS(1, 1, 2, 1, 1, 1, 1, 2), NUMBERS(1, 2, 3, 4));
    wg_var none = wg_variable(t, WG_DIMS(2, 0), (double *)NULL);
    assert_int_equal(backward_from(fourfold(rank0), NUMBERS(-2)), WG_OK);
    assert_int_equal(backward_from(fourfold(rank1), NUMBERS(-2)), WG_OK);
    assert_int_equal(backward_from(fourfold(rank3), NUMBERS(1, -2, 3, 0)), WG_OK);
    assert_int_equal(backward_from(fourfold(rank8), NUMBERS(1, -2, 3, 0)), WG_OK);
    assert_int_equal(backward_from(fourfold(none), (double[]){0}, 0), WG_OK);
    EXPECT_GRAD(rank0, 0, NUMBERS(-8));
    EXPECT_GRAD(rank1, 0, NUMBERS(-8));
    EXPECT_GRAD(rank3, 0, NUMBERS(4, -8, 12, 0));
    EXPECT_GRAD(rank8, 0, NUMBERS(4, -8, 12, 0));
    assert_non_null(wg_grad(none));
    wg_tape_free(t);
}
IN_BOTH(cotangents_of_any_shape)

/* ---- what the sweep leaves alone ------------------------------------------------------------------------------------ */

static void unreached_variables_keep_zeros(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var below = vector(t, NUMBERS(1, 2)), x = wg_scalar_variable(t, 3), between = wg_scalar_variable(t, 4);
    wg_var unused = wg_sum(wg_mul(below, between)), y = wg_square(x), above = vector(t, NUMBERS(5));
    assert_int_equal(wg_backward(y), WG_OK);
    EXPECT_GRAD(below, 0, NUMBERS(0, 0));
    EXPECT_GRAD(between, 0, NUMBERS(0));
    EXPECT_GRAD(above, 0, NUMBERS(0));
    EXPECT_GRAD(x, 0, NUMBERS(6));
    assert_int_equal(wg_backward(unused), WG_OK);
    EXPECT_GRAD(below, 0, NUMBERS(4, 4));
    EXPECT_GRAD(x, 0, NUMBERS(6));
    wg_tape_free(t);
}
IN_BOTH(unreached_variables_keep_zeros)

/* NaN and infinity in a side branch, in a constant branch, and in elements that a slice drops: none reaches a gradient. */
static void side_branches_contribute_nothing(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var constant_nan = wg_log(wg_scalar(t, -1)), k = wg_log(constants(t, NUMBERS(0, -1)));
    wg_var s = wg_scalar_variable(t, -2), x = vector(t, NUMBERS(-1, 0, 4));
    wg_var scalar_side = wg_log(s), side = wg_sum(wg_log(x)),
           mixed = wg_mul(wg_sum(k), wg_mul(constant_nan, scalar_side));
    wg_var y = wg_sum(wg_slice(wg_sqrt(x), 0, 2, WG_END, 1));
    assert_true(isnan(wg_item(side)) && isnan(wg_item(mixed)));
    assert_int_equal(wg_backward(wg_mul(wg_square(s), y)), WG_OK); /* s^2 sqrt(x_2) */
    EXPECT_GRAD(s, 0, NUMBERS(-8));
    EXPECT_GRAD(x, 0, NUMBERS(0, 0, 1));
    wg_tape_free(t);
}
IN_BOTH(side_branches_contribute_nothing)

/* detach(x) is x in value and a constant in the derivative: d x detach(x) = x. */
static void detach_cuts(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var s = wg_scalar_variable(t, 3), x = variable(t, WG_DIMS(2, 2), NUMBERS(1, 2, 3, 4));
    wg_var transposed = wg_transpose(x), cut = wg_detach(transposed);
    assert_int_equal(wg_backward(wg_mul(s, wg_detach(wg_mul(s, s)))), WG_OK);
    EXPECT_VALUE(cut, 0, NUMBERS(1, 3, 2, 4));
    assert_int_equal(wg_backward(wg_sum(wg_mul(x, cut))), WG_OK);
    EXPECT_GRAD(s, 0, NUMBERS(9));
    EXPECT_GRAD(x, 0, NUMBERS(1, 3, 2, 4));
    assert_int_equal(wg_backward(wg_mul(s, wg_sum(wg_detach(wg_detach(x))))), WG_OK);
    EXPECT_GRAD(s, 0, NUMBERS(19));
    EXPECT_GRAD(x, 0, NUMBERS(1, 3, 2, 4));
    wg_tape_free(t);
}
IN_BOTH(detach_cuts)

/* Constants below the first variable, and ops on them, in arrays and scalars, that the loss does depend on. */
static void parts_below_the_first_variable(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var c = wg_scalar(t, 3), two = wg_add(c, wg_scalar(t, -1)), k = constants(t, NUMBERS(1, 2));
    wg_var kk = wg_mul(wg_mul(k, k), two); /* 2 k^2 = (2, 8) */
    wg_var x = vector(t, NUMBERS(5, 6)), s = wg_scalar_variable(t, -1);
    assert_int_equal(wg_backward(wg_mul(wg_mul(s, two), wg_sum(wg_mul(kk, x)))), WG_OK); /* 2s (2 x_0 + 8 x_1) */
    EXPECT_GRAD(x, 0, NUMBERS(-4, -16));
    EXPECT_GRAD(s, 0, NUMBERS(116));
    wg_tape_free(t);
}
IN_BOTH(parts_below_the_first_variable)

/* A leaf's gradient pointer lives as long as the leaf: through sweeps, growth of the tape, rewinds and replays. */
static void gradient_pointers_stay(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var s = wg_scalar_variable(t, 2), x = vector(t, NUMBERS(1, 2, 3));
    const void *of_s = wg_grad(s), *of_x = wg_grad(x);
    wg_mark mark = wg_tape_mark(t);
    for (int round = 0; round < 3; round++) {
        wg_var y = s;
        for (int i = 0; i < 20000; i++) y = wg_neg(wg_neg(y));
        for (int i = 0; i < 500; i++) y = wg_sum(wg_mul(x, wg_mul(y, wg_div(wg_scalar(t, 1), wg_sum(x)))));
        assert_int_equal(wg_backward(y), WG_OK); /* y = s */
        assert_ptr_equal(wg_grad(s), of_s);
        assert_ptr_equal(wg_grad(x), of_x);
        assert_int_equal(wg_tape_replay(t), WG_OK);
        assert_int_equal(wg_tape_rewind(t, mark), WG_OK);
    }
    assert_ptr_equal(wg_grad(s), of_s);
    assert_ptr_equal(wg_grad(x), of_x);
    EXPECT_GRAD(s, roundings(dtype, 1000), NUMBERS(3));
    wg_tape_free(t);
}
IN_BOTH(gradient_pointers_stay)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(diamonds),
        BOTH(ladder_of_diamonds),
        BOTH(fan_out),
        BOTH(both_operands_one_value),
        BOTH(branches_sum),
        BOTH(sweeps_add),
        BOTH(outputs_add),
        BOTH(sweep_from_the_middle),
        BOTH(loss_is_a_leaf),
        BOTH(loss_depends_on_no_variable),
        cmocka_unit_test(misuses),
        BOTH(cotangents_of_any_shape),
        BOTH(unreached_variables_keep_zeros),
        BOTH(side_branches_contribute_nothing),
        BOTH(detach_cuts),
        BOTH(parts_below_the_first_variable),
        BOTH(gradient_pointers_stay),
    };
    return cmocka_run_group_tests_name("backward", tests, NULL, NULL);
}
