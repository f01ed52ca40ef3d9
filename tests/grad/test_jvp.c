/* The forward mode: tangents against closed forms, what may stand in wrt, what passes and what does not, and what it costs.
 * That every op's tangent is right, and its gradient, is checked by the rows in tests/ops. */
#include "grad/expect.h"
#include "op/numbers.h"

static wg_var tangent_of(wg_var out, const wg_var *wrt, const wg_var *tangents, size_t n)
{
    wg_var tangent;
    assert_int_equal(wg_jvp(out, wrt, tangents, n, &tangent), WG_OK);
    EXPECT_HEALTHY(out.tape);
    return tangent;
}

/* f = x^2 y + sin y: df = 2 x y dx + (x^2 + cos y) dy. */
static void two_variables(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = wg_scalar_variable(t, 1.5), y = wg_scalar_variable(t, 2);
    wg_var f = wg_add(wg_mul(wg_square(x), y), wg_sin(y));
    wg_var df = tangent_of(f, (wg_var[]){x, y}, (wg_var[]){wg_scalar(t, 0.5), wg_scalar(t, -1)}, 2);
    EXPECT_VALUE(df, roundings(dtype, 8), NUMBERS(2 * 1.5 * 2 * 0.5 - (2.25 + cos(2))));
    assert_int_equal(wg_shape_of(df).rank, 0);
    EXPECT_GRAD(x, 0, NUMBERS(0)); /* gradients are not touched */
    wg_tape_free(t);
}
IN_BOTH(two_variables)

/* Y = tanh(W X + b): dY = (1 - Y^2) (dW X + W dX + db), with b broadcast. W X + b is chosen to be exact. */
static void a_layer(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var W = wg_variable(t, WG_DIMS(1, 2), (double[]){0.5, -0.25}),
           X = wg_variable(t, WG_DIMS(2, 2), (double[]){1, 2, 0, 4});
    wg_var b = wg_variable(t, WG_DIMS(1, 1), (double[]){0.25});
    wg_var Y = wg_tanh(wg_add(wg_matmul(W, X), b)); /* tanh(0.75), tanh(0.25) */
    wg_var dW = wg_constant(t, WG_DIMS(1, 2), (double[]){1, 2}), db = wg_constant(t, WG_DIMS(1, 1), (double[]){-3});
    wg_var dX = wg_constant(t, WG_DIMS(2, 2), (double[]){1, 0, 0, 1});
    wg_var dY = tangent_of(Y, (wg_var[]){W, X, b}, (wg_var[]){dW, dX, db}, 3);
    double first = 1 - tanh(0.75) * tanh(0.75), second = 1 - tanh(0.25) * tanh(0.25);
    EXPECT_VALUE(dY, roundings(dtype, 16), NUMBERS(first * (1 + 0.5 - 3), second * (10 - 0.25 - 3)));
    wg_var alone = tangent_of(Y, &b, &db, 1);
    EXPECT_VALUE(alone, roundings(dtype, 16), NUMBERS(first * -3, second * -3));
    wg_tape_free(t);
}
IN_BOTH(a_layer)

/* An intermediate has a tangent of its own beside what comes from below: y = h^2, h = 3 x, dy = 2 h (3 dx + dh). And it may
 * be the result itself. */
static void intermediates(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = wg_scalar_variable(t, 2), h = wg_mul(x, wg_scalar(t, 3)), y = wg_square(h);
    wg_var one = wg_scalar(t, 1), two = wg_scalar(t, 2);
    EXPECT_VALUE(tangent_of(y, (wg_var[]){x, h}, (wg_var[]){one, two}, 2), 0, NUMBERS(12 * 5));
    EXPECT_VALUE(tangent_of(y, &h, &two, 1), 0, NUMBERS(24));
    EXPECT_VALUE(tangent_of(y, (wg_var[]){y, x}, (wg_var[]){two, one}, 2), 0, NUMBERS(2 + 36));
    EXPECT_VALUE(tangent_of(y, (wg_var[]){x, x}, (wg_var[]){one, two}, 2), 0, NUMBERS(36 * 3)); /* twice: the sum */
    wg_var c = wg_scalar(t, 5), z = wg_mul(c, x);
    EXPECT_VALUE(tangent_of(z, &c, &one, 1), 0, NUMBERS(2)); /* constants too */
    wg_tape_free(t);
}
IN_BOTH(intermediates)

/* What out does not depend on, comes after it, or is cut off: zeros of out's shape. */
static void nothing_comes(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = vector(t, NUMBERS(1, 2)), y = wg_exp(vector(t, NUMBERS(0, 0, 0))), later = wg_neg(x);
    wg_var one = constants(t, NUMBERS(1, 1));
    EXPECT_VALUE(tangent_of(y, &x, &one, 1), 0, NUMBERS(0, 0, 0));
    EXPECT_VALUE(tangent_of(x, &later, &one, 1), 0, NUMBERS(0, 0));
    EXPECT_VALUE(tangent_of(wg_mul(wg_detach(x), x), &x, &one, 1), 0, NUMBERS(1, 2));
    EXPECT_VALUE(tangent_of(wg_less(x, later), &x, &one, 1), 0, NUMBERS(0, 0));
    EXPECT_VALUE(tangent_of(x, NULL, NULL, 0), 0, NUMBERS(0, 0));
    wg_tape_free(t);
}
IN_BOTH(nothing_comes)

/* A zero tangent contributes an exact zero beside an infinite slope, as a zero cotangent does. */
static void zero_tangents(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = vector(t, NUMBERS(0, 4)), v = constants(t, NUMBERS(0, 1));
    EXPECT_VALUE(tangent_of(wg_sqrt(x), &x, &v, 1), 0, NUMBERS(0, 0.25));
    wg_tape_free(t);
}
IN_BOTH(zero_tangents)

/* d^n/dt^n of 1 / t at 2 by the forward mode alone: 1/2, -1/4, 2/8, -6/16, 24/32; and a gradient of the third. */
static void higher_orders(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = wg_scalar_variable(t, 2), f = wg_reciprocal(x), one = wg_scalar(t, 1);
    const double want[] = {0.5, -0.25, 0.25, -0.375, 0.75};
    for (int n = 0; n < 5; n++) {
        EXPECT_VALUE(f, roundings(dtype, 8), want + n, 1);
        if (n == 3) {
            wg_backward(f);
            EXPECT_GRAD(x, roundings(dtype, 8), NUMBERS(0.75));
        }
        f = tangent_of(f, &x, &one, 1);
    }
    wg_tape_free(t);
}
IN_BOTH(higher_orders)

/* A tangent is recorded: a replay follows the leaves and the direction. */
static void replay(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = vector(t, NUMBERS(1, 2)), v = vector(t, NUMBERS(1, 0)), f = wg_sum(wg_mul(x, wg_square(x)));
    wg_var df = tangent_of(f, &x, &v, 1);
    EXPECT_VALUE(df, 0, NUMBERS(3));
    wg_set_value(x, ((double[]){2, 3}));
    wg_set_value(v, ((double[]){1, 1}));
    assert_int_equal(wg_tape_replay(t), WG_OK);
    EXPECT_VALUE(df, 0, NUMBERS(12 + 27));
    wg_zero_grad(t);
    wg_backward(df); /* the tangent's gradient in the direction is f's */
    EXPECT_GRAD(v, 0, NUMBERS(12, 27));
    wg_tape_free(t);
}
IN_BOTH(replay)

/* ---- ops with many inputs, and users' ops --------------------------------------------------------------------------------- */

/* 20 arrays joined, of which two have tangents. */
static void many_inputs(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var part[20];
    double want[20] = {0};
    for (int i = 0; i < 20; i++) part[i] = vector(t, NUMBERS(1));
    wg_var y = wg_concat(part, 20, 0), v = constants(t, NUMBERS(2)), w = constants(t, NUMBERS(-1));
    want[3] = 2;
    want[19] = -1;
    EXPECT_VALUE(tangent_of(y, (wg_var[]){part[3], part[19]}, (wg_var[]){v, w}, 2), 0, want, 20);
    wg_tape_free(t);
}
IN_BOTH(many_inputs)

/* A product by rule, with and without saying that it is one: the sum of x y over all elements, 0-d. */
static wg_status inner_evaluate(wg_call *call)
{
    double sum = 0;
    for (size_t i = 0; i < call->in[0].size; i++)
        sum += get(call->dtype, call->in[0].data, i) * get(call->dtype, call->in[1].data, i);
    put(call->dtype, call->out, 0, sum);
    return WG_OK;
}

static void inner_derivative(wg_derivation *d)
{
    wg_term g = wg_cotangent(d), a = wg_primal(d, 0), b = wg_primal(d, 1);
    wg_give(d, 0, wg_op_mul(), (wg_term[]){g, b}, 2, NULL, 0);
    wg_give(d, 1, wg_op_mul(), (wg_term[]){g, a}, 2, NULL, 0);
}

static const wg_op inner_plain = {
    .name = "inner", .arity = 2, .shape = shape_0d, .evaluate = inner_evaluate, .derivative = inner_derivative};
static const wg_op inner_told = {.name = "inner",
    .arity = 2,
    .flags = WG_OP_MULTILINEAR,
    .shape = shape_0d,
    .evaluate = inner_evaluate,
    .derivative = inner_derivative};

static void users_op(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = vector(t, NUMBERS(1, 2, 3)), y = vector(t, NUMBERS(4, 5, 6));
    wg_var dx = constants(t, NUMBERS(1, 0, -1)), dy = constants(t, NUMBERS(0, 2, 0));
    const wg_op *ops[] = {&inner_plain, &inner_told};
    for (int i = 0; i < 2; i++) {
        wg_var f = apply_2(ops[i], x, y), own = apply_2(ops[i], x, x);
        EXPECT_VALUE(tangent_of(f, (wg_var[]){x, y}, (wg_var[]){dx, dy}, 2), 0, NUMBERS(-2 + 4));
        EXPECT_VALUE(tangent_of(f, &y, &dy, 1), 0, NUMBERS(4));
        EXPECT_VALUE(tangent_of(own, &x, &dx, 1), 0, NUMBERS(2 * -2)); /* both uses of x */
        wg_var df = tangent_of(f, &x, &dx, 1);
        wg_zero_grad(t);
        wg_backward(df);
        EXPECT_GRAD(y, 0, NUMBERS(1, 0, -1));
    }
    wg_var known = wg_precomputed(t, 1, &x, (double[]){1}, 0), one = wg_scalar(t, 1), scalar = wg_scalar_variable(t, 3);
    EXPECT_VALUE(tangent_of(known, &x, &dx, 1), 0, NUMBERS(0));
    wg_var given = wg_precomputed(t, 9, &scalar, (double[]){6}, 1), out;
    assert_int_equal(wg_jvp(given, &scalar, &one, 1, &out), WG_ERROR_UNSUPPORTED);
    EXPECT_ERROR(t, WG_ERROR_UNSUPPORTED, "precomputed");
    assert_false(wg_ok(out));
    wg_tape_free(t);
}
IN_BOTH(users_op)

/* ---- cost ------------------------------------------------------------------------------------------------------------------ */

/* A chain of n products and sines: no more than 5 nodes for each 2, and none for what does not lead from x to out. */
static void cost(void **state)
{
    (void)state;
    enum { N = 1000 };
    wg_tape *t = wg_tape_new(WG_F64);
    wg_var x = wg_scalar_variable(t, 0.5), c = wg_scalar(t, 0.9), y = x, aside = c;
    for (int i = 0; i < N; i++) y = wg_sin(wg_mul(y, c));
    for (int i = 0; i < N; i++) aside = wg_exp(wg_neg(aside));
    wg_var out = wg_mul(y, aside), unused = wg_exp(y), one = wg_scalar(t, 1);
    for (int i = 0; i < N; i++) unused = wg_sin(unused);
    size_t before = nodes_of(t);
    wg_var tangent = tangent_of(out, &x, &one, 1);
    assert_true(nodes_of(t) - before <= 5 * N / 2 + N + 8);
    wg_backward(out);
    EXPECT_GRAD(x, 1e-11, (double[]){wg_item(tangent)}, 1);
    wg_tape_free(t);
}

/* ---- errors --------------------------------------------------------------------------------------------------------------- */

static void errors(void **state)
{
    (void)state;
    wg_tape *t = wg_tape_new(WG_F64), *other = wg_tape_new(WG_F64);
    wg_var x = wg_name(vector(t, NUMBERS(1, 2)), "x"), y = wg_exp(x), v = constants(t, NUMBERS(1, 1)), out = y;
    wg_var three = constants(t, NUMBERS(1, 1, 1)), indices = wg_indices(t, WG_DIMS(2), (int64_t[]){0, 1});
    size_t before = nodes_of(t);
    assert_int_equal(wg_jvp(y, &x, &three, 1, &out), WG_ERROR_SHAPE);
    assert_false(wg_ok(out));
    EXPECT_ERROR(t, WG_ERROR_SHAPE, "x (2)");
    wg_jvp(y, &x, &indices, 1, &out);
    EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "indices");
    wg_jvp(y, &indices, &v, 1, &out);
    EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "indices");
    wg_jvp(indices, &x, &v, 1, &out);
    EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "indices");
    wg_jvp(y, NULL, &v, 1, &out);
    EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "arguments is NULL");
    wg_jvp(y, &x, NULL, 1, &out);
    EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "tangents is NULL");
    wg_jvp(y, &x, &v, 1, NULL);
    EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "result is NULL");
    wg_jvp(y, &x, (wg_var[]){{0}}, 1, &out);
    EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "no tape");
    wg_var foreign = vector(other, NUMBERS(1, 1));
    wg_jvp(y, &x, &foreign, 1, &out);
    EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "another tape");
    EXPECT_ERROR(other, WG_ERROR_ARGUMENT, "two tapes");
    assert_int_equal(wg_jvp((wg_var){0}, &x, &v, 1, &out), WG_ERROR_ARGUMENT);
    assert_int_equal(nodes_of(t), before);
    wg_set_value(x, ((double[]){3, 4}));
    wg_jvp(y, &x, &v, 1, &out);
    EXPECT_ERROR(t, WG_ERROR_STALE, "exp");
    wg_tape_free(other);
    wg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {BOTH(two_variables), BOTH(a_layer), BOTH(intermediates), BOTH(nothing_comes),
        BOTH(zero_tangents), BOTH(higher_orders), BOTH(replay), BOTH(many_inputs), BOTH(users_op),
        cmocka_unit_test(cost), cmocka_unit_test(errors)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
