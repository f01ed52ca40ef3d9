/* wg_precomputed: a 0-d value from elsewhere with its partial derivatives. */
#include "op/numbers.h"

/* v = 10 with dv = (2, -3, 4) at inputs of size 1 of any rank, one of them computed, one a constant; f = v^2 + x. */
static void values_and_gradients(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = wg_scalar_variable(t, 5), y = vector(t, NUMBERS(7)), z = variable(t, WG_DIMS(1, 1), NUMBERS(9));
    wg_var in[] = {x, wg_square(y), z, wg_scalar(t, 1)};
    double partials[] = {2, -3, 4, 100};
    wg_var v = wg_precomputed(t, 10, in, partials, 4), f = wg_add(wg_square(v), x);
    memset(partials, 0xFF, sizeof partials); /* they were copied */
    EXPECT_VALUE(v, 0, NUMBERS(10));
    assert_int_equal(wg_shape_of(v).rank, 0);
    assert_int_equal(wg_retain_grad(v), WG_OK);
    for (int sweep = 1; sweep <= 2; sweep++) {
        assert_int_equal(wg_backward(f), WG_OK);
        EXPECT_GRAD(v, 0, NUMBERS(20.0 * sweep));
        EXPECT_GRAD(x, 0, NUMBERS(41.0 * sweep));
        EXPECT_GRAD(y, 0, NUMBERS(-840.0 * sweep)); /* 20 (-3) 14 */
        EXPECT_GRAD(z, 0, NUMBERS(80.0 * sweep));
    }
    wg_zero_grad(t);
    wg_var twice = wg_precomputed(t, -1, (wg_var[]){x, x, x}, (double[]){1, 10, 100}, 3);
    assert_int_equal(wg_backward(wg_mul(twice, x)), WG_OK); /* 111 x - 1 */
    EXPECT_GRAD(x, 0, NUMBERS(554));
    wg_var nothing = wg_precomputed(t, 0.5, NULL, NULL, 0);
    EXPECT_VALUE(nothing, 0, NUMBERS(0.5));
    assert_int_equal(wg_backward(nothing), WG_OK);
    EXPECT_HEALTHY(t);
    wg_tape_free(t);
}
IN_BOTH(values_and_gradients)

/* Any number of inputs, and the value rounded to the dtype. */
static void many_inputs(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var in[100];
    double partials[100];
    for (int k = 0; k < 100; k++) {
        in[k] = wg_scalar_variable(t, k);
        partials[k] = k * 0.25;
    }
    wg_var v = wg_precomputed(t, 0.1, in, partials, 100);
    EXPECT_CLOSE(wg_item(v), dtype == WG_F64 ? 0.1 : (double)0.1f, 0);
    assert_int_equal(wg_backward(wg_mul(v, wg_scalar(t, 4))), WG_OK);
    for (size_t k = 0; k < 100; k++) EXPECT_CLOSE(wg_grad_at(in[k], 0), (double)k, 0);
    wg_tape_free(t);
}
IN_BOTH(many_inputs)

/* A zero cotangent contributes an exact zero beside any partial, unless ieee_zero. */
static void zero_cotangents(wg_dtype dtype)
{
    for (int ieee = 0; ieee < 2; ieee++) {
        wg_tape *t = wg_tape_new_with(&(wg_tape_options){.dtype = dtype, .ieee_zero = ieee}, NULL);
        wg_var x = wg_scalar_variable(t, 1), y = wg_scalar_variable(t, 1), no = wg_scalar(t, 0);
        wg_var v = wg_precomputed(t, 3, (wg_var[]){x, y}, (double[]){(double)INFINITY, (double)NAN}, 2);
        assert_int_equal(wg_backward(wg_where(no, v, wg_mul(x, y))), WG_OK);
        EXPECT_GRAD(x, 0, NUMBERS(ieee ? (double)NAN : 1));
        EXPECT_GRAD(y, 0, NUMBERS(ieee ? (double)NAN : 1));
        wg_tape_free(t);
    }
}
IN_BOTH(zero_cotangents)

/* It has numbers only: a recording through it is an error that names it, one beside it or down to it is not. */
static void recording(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = wg_scalar_variable(t, 2), y = wg_scalar_variable(t, 3), v = wg_precomputed(t, 6, &x, (double[]){5}, 1),
           g[2];
    wg_var f = wg_mul(wg_square(v), y);
    size_t nodes = nodes_of(t);
    assert_int_equal(wg_gradients(f, &x, 1, g), WG_ERROR_UNSUPPORTED);
    EXPECT_ERROR(t, WG_ERROR_UNSUPPORTED, "precomputed");
    assert_int_equal(nodes_of(t), nodes);
    assert_int_equal(wg_gradients(f, (wg_var[]){v, y}, 2, g), WG_OK);
    EXPECT_VALUE(g[0], 0, NUMBERS(36));
    EXPECT_VALUE(g[1], 0, NUMBERS(36));
    assert_int_equal(wg_backward(g[0]), WG_OK); /* 2 v y: its sweep may pass through it on numbers */
    EXPECT_GRAD(x, 0, NUMBERS(30));
    EXPECT_GRAD(y, 0, NUMBERS(12));
    wg_tape_free(t);
}
IN_BOTH(recording)

/* A replay keeps the value while its inputs keep theirs; when one of them changed, it cannot go on. */
static void replays(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = wg_scalar_variable(t, 2), w = wg_scalar_variable(t, 1), a = wg_neg(x);
    wg_var v = wg_name(wg_precomputed(t, 6, &a, (double[]){5}, 1), "table"), f = wg_mul(v, w), before = wg_square(x);
    assert_int_equal(wg_tape_replay(t), WG_OK);
    EXPECT_VALUE(f, 0, NUMBERS(6));
    assert_int_equal(wg_set_value(w, (double[]){10}), WG_OK);
    assert_int_equal(wg_tape_replay(t), WG_OK);
    EXPECT_VALUE(f, 0, NUMBERS(60));
    assert_int_equal(wg_backward(f), WG_OK);
    EXPECT_GRAD(x, 0, NUMBERS(-50));
    EXPECT_GRAD(w, 0, NUMBERS(6));

    assert_int_equal(wg_set_value(x, (double[]){4}), WG_OK);
    assert_true(isnan(wg_item(v)));
    EXPECT_ERROR(t, WG_ERROR_STALE, "table");
    for (int again = 0; again < 2; again++) {
        assert_int_equal(wg_tape_replay(t), WG_ERROR_UNSUPPORTED);
        EXPECT_ERROR(t, WG_ERROR_UNSUPPORTED, "table");
        EXPECT_VALUE(x, 0, NUMBERS(4));
        EXPECT_VALUE(a, 0, NUMBERS(-4));
        wg_var stale[] = {v, f, before};
        for (size_t i = 0; i < 3; i++) {
            assert_true(isnan(wg_item(stale[i])));
            EXPECT_ERROR(t, WG_ERROR_STALE, "stale");
        }
    }
    EXPECT_GRAD(x, 0, NUMBERS(-50));
    wg_tape_free(t);
}
IN_BOTH(replays)

static void misuses(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype), *other = wg_tape_new(dtype);
    wg_var x = wg_scalar_variable(t, 1), v = wg_name(vector(t, NUMBERS(1, 2)), "pair"),
           i = wg_indices(t, WG_SCALAR, NULL);
    wg_var none = wg_variable(t, WG_DIMS(0), (double *)NULL), foreign = wg_scalar(other, 1);
    double one[2] = {1, 1};
    size_t nodes = nodes_of(t);
    assert_false(wg_ok(wg_precomputed(t, 1, (wg_var[]){x, v}, one, 2)));
    EXPECT_ERROR(t, WG_ERROR_SHAPE, "precomputed: argument 2, pair (2)");
    wg_precomputed(t, 1, &none, one, 1);
    EXPECT_ERROR(t, WG_ERROR_SHAPE, "precomputed: ");
    wg_precomputed(t, 1, &i, one, 1);
    EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "indices");
    wg_precomputed(t, 1, NULL, one, 1);
    EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "precomputed: ");
    wg_precomputed(t, 1, &x, NULL, 1);
    EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "precomputed: ");
    wg_precomputed(t, 1, (wg_var[]){x, {0}}, one, 2);
    EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "precomputed: argument 2");
    wg_precomputed(t, 1, &foreign, one, 1);
    EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "another tape");
    EXPECT_ERROR(other, WG_ERROR_ARGUMENT, "two tapes");
    assert_false(wg_ok(wg_precomputed(NULL, 1, &x, one, 1)));
    EXPECT_HEALTHY(t);
    assert_int_equal(nodes_of(t), nodes);
    wg_tape_free(t);
    wg_tape_free(other);
}
IN_BOTH(misuses)

/* check_finite looks at the value that is given, and at what its partials make of the gradients. */
static void not_finite(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new_with(&(wg_tape_options){.dtype = dtype, .check_finite = true}, NULL);
    wg_var x = wg_name(wg_scalar_variable(t, 1), "rate");
    assert_false(wg_ok(wg_precomputed(t, (double)NAN, &x, (double[]){1}, 1)));
    EXPECT_ERROR(t, WG_ERROR_NONFINITE, "precomputed: ");
    wg_var v = wg_precomputed(t, 2, &x, (double[]){(double)INFINITY}, 1);
    assert_int_equal(wg_backward(v), WG_ERROR_NONFINITE);
    EXPECT_ERROR(t, WG_ERROR_NONFINITE, "rate");
    EXPECT_BROKEN_GRAD(x);
    EXPECT_VALUE(v, 0, NUMBERS(2));
    wg_tape_free(t);
}
IN_BOTH(not_finite)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(values_and_gradients),
        BOTH(many_inputs),
        BOTH(zero_cotangents),
        BOTH(recording),
        BOTH(replays),
        BOTH(misuses),
        BOTH(not_finite),
    };
    return cmocka_run_group_tests_name("precomputed", tests, NULL, NULL);
}
