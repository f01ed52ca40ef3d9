/* options.ieee_zero and options.same_rank, in both readings of a derivative. */
#include "grad/expect.h"

static wg_tape *tape_with(wg_dtype dtype, bool ieee_zero, bool same_rank)
{
    wg_tape *t =
        wg_tape_new_with(&(wg_tape_options){.dtype = dtype, .ieee_zero = ieee_zero, .same_rank = same_rank}, NULL);
    assert_non_null(t);
    return t;
}

/* ---- ieee_zero ----------------------------------------------------------------------------------------------------- */

static wg_var masked_root(wg_var x) { return wg_where(wg_greater(x, wg_scalar(x.tape, 0)), wg_sqrt(x), x); }
static wg_var zero_root(wg_var x) { return wg_mul(wg_sqrt(x), wg_scalar(x.tape, 0)); }
static wg_var zero_log(wg_var x) { return wg_mul(wg_neg(wg_log(wg_add(x, x))), wg_scalar(x.tape, 0)); }
static wg_var zero_inverse(wg_var x)
{
    return wg_mul(wg_reciprocal(wg_mul(x, wg_scalar(x.tape, 2))), wg_scalar(x.tape, 0));
}
static wg_var zero_quotient(wg_var x) { return wg_mul(wg_div(wg_scalar(x.tape, 3), x), wg_scalar(x.tape, 0)); }
static wg_var untouched_square(wg_var x) { return wg_mul(wg_square(x), wg_scalar(x.tape, 0)); }

/* A zero cotangent beside an infinite slope at x = 0: an exact zero by default, NaN with ieee_zero. Beside a finite one: 0
 * in both. (masked_root adds the 1 of the branch that is taken.) */
static const struct zero_row {
    wg_var (*f)(wg_var);
    double exact, ieee;
} zero_rows[] = {
    {masked_root, 1, (double)NAN},
    {zero_root, 0, (double)NAN},
    {zero_log, 0, (double)NAN},
    {zero_inverse, 0, (double)NAN},
    {zero_quotient, 0, (double)NAN},
    {untouched_square, 0, 0},
};

static void zero_times_infinity(wg_dtype dtype)
{
    for (size_t r = 0; r < sizeof zero_rows / sizeof *zero_rows; r++)
        for (int ieee = 0; ieee < 2; ieee++)
            for (int scalar = 0; scalar < 2; scalar++) {
                wg_tape *t = tape_with(dtype, ieee, false);
                wg_var x = scalar ? wg_scalar_variable(t, 0) : vector(t, NUMBERS(0, 0, 0));
                wg_var f = scalar ? zero_rows[r].f(x) : wg_sum(zero_rows[r].f(x)), g = derivative(f, x);
                double want = ieee ? zero_rows[r].ieee : zero_rows[r].exact;
                assert_int_equal(wg_backward(f), WG_OK);
                if (!expect_same(wg_grad_at(x, 0), want, 0) || !expect_same(wg_at(g, 0), want, 0))
                    fail_msg("row %zu, ieee_zero %d, scalar %d: %g swept, %g recorded", r, ieee, scalar,
                        wg_grad_at(x, 0), wg_at(g, 0));
                wg_tape_free(t);
            }
}
IN_BOTH(zero_times_infinity)

/* The zero may be the caller's own cotangent, and pass through several ops before it meets the infinity. */
static void zero_cotangent_from_outside(wg_dtype dtype)
{
    for (int ieee = 0; ieee < 2; ieee++) {
        wg_tape *t = tape_with(dtype, ieee, false);
        wg_var x = vector(t, NUMBERS(0, 4)), s = wg_scalar_variable(t, 0);
        wg_var y = wg_neg(wg_reshape(wg_neg(wg_sqrt(x)), WG_DIMS(2, 1))),
               z = wg_neg(wg_add(wg_log(s), wg_scalar(t, 1)));
        assert_int_equal(backward_from(y, NUMBERS(0, 1)), WG_OK);
        assert_int_equal(backward_from(z, NUMBERS(0)), WG_OK);
        EXPECT_GRAD(x, 0, NUMBERS(ieee ? (double)NAN : 0, 0.25));
        EXPECT_GRAD(s, 0, NUMBERS(ieee ? (double)NAN : 0));
        wg_tape_free(t);
    }
}
IN_BOTH(zero_cotangent_from_outside)

/* ieee_zero is about contributions: what no derivative passes through still contributes nothing, and where still selects. */
static void ieee_zero_reaches_no_further(wg_dtype dtype)
{
    wg_tape *t = tape_with(dtype, true, false);
    wg_var x = vector(t, NUMBERS(0, 4)), s = wg_scalar_variable(t, 0), side = wg_log(s), array_side = wg_sum(wg_log(x));
    wg_var bad = constants(t, NUMBERS((double)NAN, (double)INFINITY)), c = constants(t, NUMBERS(0, 0));
    wg_var y = wg_sum(wg_add(wg_where(c, bad, x), wg_exp(s)));
    assert_true(isinf(wg_item(side)) && isinf(wg_item(array_side)));
    assert_int_equal(wg_backward(y), WG_OK);
    EXPECT_GRAD(x, 0, NUMBERS(1, 1));
    EXPECT_GRAD(s, 0, NUMBERS(2));
    wg_tape_free(t);
}
IN_BOTH(ieee_zero_reaches_no_further)

/* Nothing else changes: a smooth function has the same derivatives, to order 3, with and without. exp(2x) x at 0.5:
 * e (2x + 1), e (4x + 4), e (8x + 12) with e = exp(1). */
static void ieee_zero_elsewhere(wg_dtype dtype)
{
    const double want[] = {2, 6, 16};
    for (int ieee = 0; ieee < 2; ieee++)
        for (int scalar = 0; scalar < 2; scalar++) {
            wg_tape *t = tape_with(dtype, ieee, false);
            wg_var x = scalar ? wg_scalar_variable(t, 0.5) : vector(t, NUMBERS(0.5, 0.5)), two = wg_scalar(t, 2);
            wg_var y = wg_mul(wg_exp(wg_mul(two, x)), x);
            for (int order = 0; order < 3; order++) {
                wg_zero_grad(t);
                assert_int_equal(wg_backward(scalar ? y : wg_sum(y)), WG_OK);
                y = derivative(scalar ? y : wg_sum(y), x);
                EXPECT_CLOSE(wg_grad_at(x, 0), want[order] * exp(1), roundings(dtype, 16));
                EXPECT_CLOSE(wg_at(y, 0), want[order] * exp(1), roundings(dtype, 16));
            }
            wg_tape_free(t);
        }
}
IN_BOTH(ieee_zero_elsewhere)

/* The rule is for elementwise ops alone: in a matrix product zero times NaN is NaN, in the derivative too. */
static void matrix_products_multiply(wg_dtype dtype)
{
    for (int ieee = 0; ieee < 2; ieee++) {
        wg_tape *t = tape_with(dtype, ieee, false);
        wg_var a = variable(t, WG_DIMS(1, 2), NUMBERS(1, 2)), b = variable(t, WG_DIMS(2, 1), NUMBERS((double)NAN, 3));
        assert_int_equal(backward_from(wg_matmul(a, b), NUMBERS(0)), WG_OK);
        EXPECT_GRAD(a, 0, NUMBERS((double)NAN, 0));
        EXPECT_GRAD(b, 0, NUMBERS(0, 0));
        wg_tape_free(t);
    }
}
IN_BOTH(matrix_products_multiply)

/* ---- same_rank ------------------------------------------------------------------------------------------------------ */

static void ranks_that_differ_are_refused(wg_dtype dtype)
{
    wg_var (*const ops[])(wg_var, wg_var) = {
        wg_add, wg_sub, wg_mul, wg_div, wg_pow, wg_maximum, wg_minimum, wg_less, wg_equal};
    wg_tape *t = tape_with(dtype, false, true);
    wg_var m = wg_name(variable(t, WG_DIMS(2, 2), NUMBERS(1, 2, 3, 4)), "scores"),
           row = variable(t, WG_DIMS(1, 2), NUMBERS(1, 2));
    wg_var v = wg_name(vector(t, NUMBERS(1, 2)), "bias"), s = wg_scalar_variable(t, 3), one = vector(t, NUMBERS(1));
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        ops[i](m, v);
        EXPECT_ERROR(t, WG_ERROR_SHAPE, "scores (2,2) and bias (2)");
        ops[i](v, m);
        EXPECT_ERROR(t, WG_ERROR_SHAPE, "same_rank");
        ops[i](m, one); /* one element is not 0-d */
        EXPECT_ERROR(t, WG_ERROR_SHAPE, "same_rank");
        assert_true(wg_ok(ops[i](m, s)) && wg_ok(ops[i](s, m)) && wg_ok(ops[i](m, row)) && wg_ok(ops[i](v, one)));
        assert_true(wg_ok(ops[i](s, s)) && wg_ok(ops[i](s, v)));
    }
    wg_where(m, v, s);
    EXPECT_ERROR(t, WG_ERROR_SHAPE, "where");
    wg_where(s, m, v);
    EXPECT_ERROR(t, WG_ERROR_SHAPE, "where");
    wg_where(v, s, m);
    EXPECT_ERROR(t, WG_ERROR_SHAPE, "where");
    assert_true(wg_ok(wg_where(m, s, row)) && wg_ok(wg_where(s, s, v)));
    EXPECT_HEALTHY(t);
    wg_tape_free(t);
}
IN_BOTH(ranks_that_differ_are_refused)

/* What the library records for derivatives passes under the option: every op's first and second derivative, the same as
 * on a tape without it. */
static wg_var all_ops(wg_var x, wg_var v, wg_var s)
{
    wg_tape *t = x.tape;
    wg_var half = wg_scalar(t, 0.5), column = wg_sum_axes(x, WG_AXES(1), true),
           y = wg_sub(wg_mul(x, s), wg_div(column, s));
    y = wg_add(wg_maximum(y, wg_pow(wg_abs(x), half)), wg_minimum(wg_tanh(y), wg_mean_axes(x, WG_AXES(0), true)));
    y = wg_where(wg_less(x, half), y, wg_softplus(wg_sigmoid(x)));
    y = wg_concat((wg_var[]){y, wg_transpose(wg_permute(x, (int[]){1, 0}, 2)), wg_exp(wg_slice(x, 0, 0, 1, 1))}, 3, 0);
    wg_var product = wg_matmul(y, wg_mul(wg_log1p(wg_square(v)), wg_relu(s))); /* a matrix and a vector */
    wg_var most = wg_max_axes(y, WG_AXES(0), false), least = wg_min_axes(wg_sin(y), WG_AXES(-1), false);
    wg_var loss = wg_add(wg_sum(wg_expm1(wg_cos(product))), wg_mul(wg_mean(wg_sqrt(wg_square(most))), wg_sum(least)));
    wg_var wide = wg_broadcast_to(wg_reciprocal(v), wg_shape_of(x)), narrow = wg_sum_to(wg_neg(x), wg_shape_of(v));
    wg_var first = wg_mse(wide, x, WG_BATCH_MEAN), second = wg_mse(narrow, v, WG_MEAN);
    return wg_add(loss, wg_add(first, wg_mul(second, wg_log(wg_add(s, wg_max(x))))));
}

static void derivatives_pass_under_the_option(wg_dtype dtype)
{
    double results[2][9];
    for (int same_rank = 0; same_rank < 2; same_rank++) {
        wg_tape *t = tape_with(dtype, false, same_rank);
        wg_var x = variable(t, WG_DIMS(2, 2), NUMBERS(0.25, 1.5, -0.75, 0.875)), v = vector(t, NUMBERS(1.25, -0.5));
        wg_var s = wg_scalar_variable(t, 0.625), wrt[] = {x, v, s}, g[3];
        wg_var loss = all_ops(x, v, s);
        assert_int_equal(wg_gradients(loss, wrt, 3, g), WG_OK);
        wg_var squares = wg_add(wg_sum(wg_square(g[0])), wg_add(wg_sum(wg_square(g[1])), wg_square(g[2])));
        EXPECT_HEALTHY(t);
        assert_int_equal(wg_backward(squares), WG_OK);
        assert_int_equal(wg_gradients(squares, wrt, 3, g), WG_OK);
        for (size_t i = 0; i < 4; i++) results[same_rank][i] = wg_grad_at(x, i);
        for (size_t i = 0; i < 2; i++) results[same_rank][4 + i] = wg_grad_at(v, i);
        results[same_rank][6] = wg_grad_at(s, 0);
        results[same_rank][7] = wg_item(loss);
        results[same_rank][8] = wg_item(squares);
        wg_tape_free(t);
    }
    assert_memory_equal(results[0], results[1], sizeof results[0]);
    for (size_t i = 0; i < 9; i++) assert_true(isfinite(results[0][i]));
}
IN_BOTH(derivatives_pass_under_the_option)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(zero_times_infinity),
        BOTH(zero_cotangent_from_outside),
        BOTH(ieee_zero_reaches_no_further),
        BOTH(ieee_zero_elsewhere),
        BOTH(matrix_products_multiply),
        BOTH(ranks_that_differ_are_refused),
        BOTH(derivatives_pass_under_the_option),
    };
    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
