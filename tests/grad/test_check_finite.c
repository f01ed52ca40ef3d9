/* options.check_finite: the first op whose value, or adjoint, is not finite stops the recording, the replay or the sweep
 * and is named; for a leaf's gradient, the leaf is. Arrays and 0-d numbers take different ways to the same answer. */
#include "grad/expect.h"

static wg_tape *checked_tape(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new_with(&(wg_tape_options){.dtype = dtype, .check_finite = true}, NULL);
    assert_non_null(t);
    return t;
}

/* Twice this overflows, in either dtype; big * big does by far. */
static double big(wg_dtype dtype) { return dtype == WG_F64 ? 1e308 : 3e38; }

/* A value as an array (2) whose second element is x, or as a 0-d number. */
static wg_var leaf(wg_tape *t, bool scalar, double x)
{
    return scalar ? wg_scalar_variable(t, x) : vector(t, NUMBERS(0.5, x));
}

/* ---- values -------------------------------------------------------------------------------------------------------- */

static wg_var zero_over_zero(wg_var x) { return wg_div(wg_sub(x, x), wg_sub(x, x)); }
static wg_var twice(wg_var x) { return wg_add(x, x); }
static wg_var back_to_zero(wg_var x) { return wg_reciprocal(wg_exp(x)); } /* 1 / infinity is finite again */
static wg_var product(wg_var x) { return wg_matmul(x, x); }

/* The op that is named is the first, and nothing of it is on the tape. */
static void values(wg_dtype dtype)
{
    const struct {
        wg_var (*f)(wg_var);
        double x;
        const char *name;
        bool arrays_alone;
    } rows[] = {
        {wg_exp, 1000, "exp: ", false},
        {wg_log, 0, "log: ", false},
        {wg_log, -1, "log: ", false},
        {wg_sqrt, -4, "sqrt: ", false},
        {zero_over_zero, 3, "div: ", false},
        {wg_reciprocal, 0, "reciprocal: ", false},
        {twice, big(dtype), "add: ", false},
        {wg_square, big(dtype), "square: ", false},
        {back_to_zero, 1000, "exp: ", false},
        {wg_log1p, -1, "log1p: ", false},
        {product, big(dtype), "matmul: ", true},
    };
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++)
        for (int scalar = 0; scalar < 2; scalar++) {
            if (scalar && rows[r].arrays_alone) continue;
            wg_tape *t = checked_tape(dtype);
            wg_var x = leaf(t, scalar, rows[r].x), y = rows[r].f(x);
            assert_false(wg_ok(y));
            EXPECT_ERROR(t, WG_ERROR_NONFINITE, rows[r].name);
            size_t nodes = nodes_of(t);
            wg_var again = rows[r].f(x);
            assert_false(wg_ok(again));
            EXPECT_ERROR(t, WG_ERROR_NONFINITE, rows[r].name);
            assert_true(nodes_of(t) <= nodes + 2); /* the finite steps before it alone */
            assert_int_equal(wg_backward(scalar ? wg_neg(x) : wg_sum(x)), WG_OK);
            wg_tape_free(t);
        }
    wg_tape *t = checked_tape(dtype);
    wg_var x = wg_name(vector(t, NUMBERS(1, 2, 1000)), "logits");
    wg_exp(x);
    EXPECT_ERROR(t, WG_ERROR_NONFINITE, "element 2 of the result is infinity, from logits (3)");
    wg_log(wg_neg(x));
    EXPECT_ERROR(t, WG_ERROR_NONFINITE, "element 0 of the result is NaN");
    wg_log(wg_scalar(t, 0));
    EXPECT_ERROR(t, WG_ERROR_NONFINITE, "-infinity");
    wg_sum(vector(t, (double[]){big(dtype), big(dtype)}, 2));
    EXPECT_ERROR(t, WG_ERROR_NONFINITE, "sum: ");
    assert_true(wg_ok(wg_neg(x)));
    wg_tape_free(t);
}
IN_BOTH(values)

/* A leaf may hold what it likes: it is the op that is stopped, and reshapes of it are not computed at all. */
static void leaves_and_views(wg_dtype dtype)
{
    wg_tape *t = checked_tape(dtype);
    wg_var x = vector(t, NUMBERS(1, (double)INFINITY)), c = wg_scalar(t, (double)NAN),
           view = wg_reshape(x, WG_DIMS(2, 1));
    EXPECT_HEALTHY(t);
    assert_true(wg_ok(view));
    wg_neg(c);
    EXPECT_ERROR(t, WG_ERROR_NONFINITE, "neg: ");
    wg_mul(view, wg_scalar(t, 2));
    EXPECT_ERROR(t, WG_ERROR_NONFINITE, "mul: element 1");
    wg_var chosen = wg_where(constants(t, NUMBERS(1, 0)), x, wg_scalar(t, 3)); /* the infinity is not taken */
    EXPECT_VALUE(chosen, 0, NUMBERS(1, 3));
    wg_tape_free(t);
}
IN_BOTH(leaves_and_views)

/* In a replay: everything from the failing op on reads stale, what comes before it is fresh, leaves are as they were set. */
static void replays(wg_dtype dtype)
{
    for (int scalar = 0; scalar < 2; scalar++) {
        wg_tape *t = checked_tape(dtype);
        wg_var x = leaf(t, scalar, 2), a = wg_neg(x), y = wg_log(x), z = wg_exp(y),
               back = wg_name(wg_add(z, a), "back");
        double bad[] = {1, 0}, good[] = {1, 3};
        assert_int_equal(wg_set_value(x, scalar ? bad + 1 : bad), WG_OK);
        assert_int_equal(wg_tape_replay(t), WG_ERROR_NONFINITE);
        EXPECT_ERROR(t, WG_ERROR_NONFINITE, "log");
        EXPECT_CLOSE(wg_at(x, scalar ? 0 : 1), 0, 0);
        EXPECT_CLOSE(wg_at(a, scalar ? 0 : 1), -0.0, 0);
        wg_var later[] = {y, z, back};
        for (size_t i = 0; i < 3; i++) {
            assert_true(isnan(wg_at(later[i], 0)));
            EXPECT_ERROR(t, WG_ERROR_STALE, "stale");
        }
        assert_int_equal(wg_backward(scalar ? back : wg_sum(back)), WG_ERROR_STALE);
        EXPECT_ERROR(t, WG_ERROR_STALE, "back");
        assert_int_equal(wg_set_value(x, scalar ? good + 1 : good), WG_OK);
        assert_int_equal(wg_tape_replay(t), WG_OK);
        EXPECT_CLOSE(wg_at(y, scalar ? 0 : 1), log(3), roundings(dtype, 2));
        assert_int_equal(wg_backward(scalar ? y : wg_sum(y)), WG_OK);
        EXPECT_CLOSE(wg_grad_at(x, scalar ? 0 : 1), 1.0 / 3, roundings(dtype, 2));
        wg_tape_free(t);
    }
}
IN_BOTH(replays)

/* ---- adjoints ------------------------------------------------------------------------------------------------------ */

/* y = -x, z = (y c) c with c c beyond the dtype and x so small that z is not: the adjoint of the neg overflows. */
static void adjoints(wg_dtype dtype)
{
    double c = dtype == WG_F64 ? 1e200 : 1e30, small = 1 / c;
    for (int scalar = 0; scalar < 2; scalar++) {
        wg_tape *t = checked_tape(dtype);
        wg_var x = leaf(t, scalar, small), k = wg_scalar(t, c),
               y = wg_neg(wg_mul(x, scalar ? wg_scalar(t, small) : constants(t, NUMBERS(0, small))));
        wg_var z = wg_mul(wg_mul(y, k), k), loss = scalar ? z : wg_sum(z);
        double before = wg_item(loss);
        assert_int_equal(wg_backward(loss), WG_ERROR_NONFINITE);
        EXPECT_ERROR(t, WG_ERROR_NONFINITE, "neg");
        EXPECT_CLOSE(wg_item(loss), before, 0);
        EXPECT_CLOSE(wg_at(x, scalar ? 0 : 1), small, roundings(dtype, 1));
        EXPECT_CLOSE(wg_grad_at(x, 0), 0, 0); /* the sweep did not come so far */
        EXPECT_HEALTHY(t);
        wg_tape_free(t);
    }
}
IN_BOTH(adjoints)

/* The gradient of a leaf is the leaf's: sqrt at 0, and a sum of sweeps that overflows. Until wg_zero_grad the gradients
 * that were reached are errors, the others read; then everything works again. */
static void gradients_of_leaves(wg_dtype dtype)
{
    for (int scalar = 0; scalar < 2; scalar++) {
        wg_tape *t = checked_tape(dtype);
        wg_var x = wg_name(leaf(t, scalar, 0), "weights"), w = wg_scalar_variable(t, 3), other = leaf(t, scalar, 1);
        wg_var root = wg_add(wg_sqrt(x), wg_square(w)), loss = scalar ? root : wg_sum(root), unused = wg_exp(other);
        wg_var fine = scalar ? wg_mul(x, w) : wg_sum(wg_mul(x, w));
        assert_int_equal(wg_backward(scalar ? unused : wg_sum(unused)), WG_OK);
        assert_int_equal(wg_backward(loss), WG_ERROR_NONFINITE);
        EXPECT_ERROR(t, WG_ERROR_NONFINITE, "weights");
        EXPECT_CLOSE(wg_item(loss), scalar ? 9 : 18 + sqrt(0.5), roundings(dtype, 4));
        EXPECT_BROKEN_GRAD(x);
        EXPECT_BROKEN_GRAD(w);
        EXPECT_CLOSE(wg_grad_at(other, scalar ? 0 : 1), exp(1), roundings(dtype, 2));
        assert_int_equal(wg_zero_grad(t), WG_OK);
        EXPECT_CLOSE(wg_grad_at(x, 0), 0, 0);
        assert_int_equal(wg_backward(fine), WG_OK);
        EXPECT_CLOSE(wg_grad_at(x, 0), 3, 0);
        EXPECT_CLOSE(wg_grad_at(w, 0), scalar ? 0 : 0.5, 0);
        EXPECT_HEALTHY(t);
        wg_tape_free(t);
    }
}
IN_BOTH(gradients_of_leaves)

static void sums_of_sweeps(wg_dtype dtype)
{
    for (int scalar = 0; scalar < 2; scalar++) {
        wg_tape *t = checked_tape(dtype);
        wg_var x = wg_name(leaf(t, scalar, 0.25), "bias"), y = wg_mul(x, wg_scalar(t, big(dtype)));
        wg_var middle = wg_neg(y), loss = scalar ? middle : wg_sum(middle), huge = wg_scalar(t, big(dtype));
        assert_int_equal(wg_backward(loss), WG_OK);
        EXPECT_CLOSE(wg_grad_at(x, 0), -big(dtype), roundings(dtype, 1));
        assert_int_equal(wg_backward(loss), WG_ERROR_NONFINITE);
        EXPECT_ERROR(t, WG_ERROR_NONFINITE, "bias");
        EXPECT_BROKEN_GRAD(x);
        wg_zero_grad(t);
        assert_int_equal(wg_retain_grad(middle), WG_OK);
        wg_name(middle, "middle");
        wg_var at_middle = wg_mul(wg_mul(middle, wg_scalar(t, 0)), huge);
        assert_int_equal(wg_backward(scalar ? at_middle : wg_sum(at_middle)), WG_OK);
        EXPECT_CLOSE(wg_grad_at(middle, 0), 0, 0);
        wg_tape_free(t);
    }
}
IN_BOTH(sums_of_sweeps)

/* A cotangent that is not finite itself, on an op and on a leaf. */
static void cotangents(wg_dtype dtype)
{
    wg_tape *t = checked_tape(dtype);
    wg_var x = wg_name(vector(t, NUMBERS(1, 2)), "input"), y = wg_tanh(x);
    assert_int_equal(backward_from(y, NUMBERS(1, (double)NAN)), WG_ERROR_NONFINITE);
    EXPECT_ERROR(t, WG_ERROR_NONFINITE, "element 1 of the adjoint of tanh");
    EXPECT_GRAD(x, 0, NUMBERS(0, 0));
    assert_int_equal(backward_from(x, NUMBERS((double)INFINITY, 0)), WG_ERROR_NONFINITE);
    EXPECT_ERROR(t, WG_ERROR_NONFINITE, "input");
    EXPECT_BROKEN_GRAD(x);
    wg_tape_free(t);
}
IN_BOTH(cotangents)

/* No false alarm: what the sweep never reaches, and zero cotangents beside infinite slopes, are nobody's trouble. */
static void no_false_alarms(wg_dtype dtype)
{
    for (int scalar = 0; scalar < 2; scalar++) {
        wg_tape *t = checked_tape(dtype);
        wg_var x = leaf(t, scalar, 0), root = wg_sqrt(x), c = wg_greater(x, wg_scalar(t, 0));
        wg_var y = wg_where(c, root, x), loss = scalar ? y : wg_sum(y), g = derivative(loss, x);
        assert_int_equal(wg_backward(loss), WG_OK);
        EXPECT_CLOSE(wg_grad_at(x, scalar ? 0 : 1), 1, 0);
        EXPECT_CLOSE(wg_at(g, scalar ? 0 : 1), 1, 0);
        EXPECT_HEALTHY(t);
        wg_tape_free(t);
    }
}
IN_BOTH(no_false_alarms)

/* A recorded derivative is made of ops: the one that overflows is named, and what was recorded is taken off again. */
static void recorded_derivatives(wg_dtype dtype)
{
    for (int scalar = 0; scalar < 2; scalar++) {
        wg_tape *t = checked_tape(dtype);
        wg_var x = leaf(t, scalar, 0), y = wg_exp(wg_sqrt(x)), loss = scalar ? y : wg_sum(y), g;
        size_t nodes = nodes_of(t);
        assert_int_equal(wg_gradients(loss, &x, 1, &g), WG_ERROR_NONFINITE);
        assert_false(wg_ok(g));
        EXPECT_ERROR(t, WG_ERROR_NONFINITE, "div");
        assert_int_equal(nodes_of(t), nodes);
        assert_int_equal(wg_gradients(loss, &y, 1, &g), WG_OK);
        EXPECT_CLOSE(wg_at(g, 0), 1, 0);
        wg_tape_free(t);
    }
}
IN_BOTH(recorded_derivatives)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(values),
        BOTH(leaves_and_views),
        BOTH(replays),
        BOTH(adjoints),
        BOTH(gradients_of_leaves),
        BOTH(sums_of_sweeps),
        BOTH(cotangents),
        BOTH(no_false_alarms),
        BOTH(recorded_derivatives),
    };
    return cmocka_run_group_tests_name("check_finite", tests, NULL, NULL);
}
