/* Ops of one's own, the side of derivatives: applications given, steps, terms, numbers alone, any number of inputs. Each
 * op here has a counterpart made of built-in ops, or a closed form, and is held to it at orders 1 to 3. */
#include "op/numbers.h"

/* Holds f(x), its gradient swept and recorded, and two more orders, to another function with the same meaning. Both get
 * leaves of their own, on one tape. */
typedef wg_var function(wg_var a, wg_var b);

static void equal_to_order_3(wg_dtype dtype, function *f, function *reference, bool scalar)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var in[2][2], out[2];
    for (int k = 0; k < 2; k++) {
        in[k][0] = scalar ? wg_scalar_variable(t, 0.75) : vector(t, NUMBERS(0.75, -0.5, 1.25));
        in[k][1] = scalar ? wg_scalar_variable(t, 1.5) : vector(t, NUMBERS(1.5, 2, -0.25));
        out[k] = k ? reference(in[k][0], in[k][1]) : f(in[k][0], in[k][1]);
    }
    for (int order = 0; order <= 3; order++) {
        for (size_t i = 0; i < wg_size(out[0]); i++)
            EXPECT_CLOSE(wg_at(out[0], i), wg_at(out[1], i), roundings(dtype, 64));
        wg_zero_grad(t);
        for (int k = 0; k < 2; k++) assert_int_equal(wg_backward(wg_sum(wg_square(out[k]))), WG_OK);
        for (int j = 0; j < 2; j++)
            for (size_t i = 0; i < wg_size(in[0][j]); i++)
                EXPECT_CLOSE(wg_grad_at(in[0][j], i), wg_grad_at(in[1][j], i), roundings(dtype, 256));
        for (int k = 0; k < 2 && order < 3; k++) {
            wg_var g[2];
            assert_int_equal(wg_gradients(wg_sum(wg_square(out[k])), in[k], 2, g), WG_OK);
            out[k] = wg_add(g[0], wg_mul(g[1], wg_scalar(t, 0.5)));
        }
    }
    EXPECT_HEALTHY(t);
    wg_tape_free(t);
}

/* ---- a product that broadcasts --------------------------------------------------------------------------------------- */

/* z = a b, where either may be 0-d. What is given to it comes in the result's shape and is summed. */
static wg_status product_shape(wg_call *call)
{
    call->shape = *call->in[call->in[0].shape->rank ? 0 : 1].shape;
    return WG_OK;
}
static wg_status product_evaluate(wg_call *call)
{
    size_t n = elements(&call->shape);
    for (size_t i = 0; i < n; i++) {
        double a = get(call->dtype, call->in[0].data, call->in[0].size == n ? i : 0);
        double b = get(call->dtype, call->in[1].data, call->in[1].size == n ? i : 0);
        put_or_add(call->dtype, call->out, i, a * b, call->add);
    }
    return WG_OK;
}
static void product_derivative(wg_derivation *d)
{
    wg_term g = wg_cotangent(d), a = wg_primal(d, 0), b = wg_primal(d, 1);
    wg_give(d, 0, wg_op_mul(), (wg_term[]){g, b}, 2, NULL, 0);
    wg_give(d, 1, wg_op_mul(), (wg_term[]){g, a}, 2, NULL, 0);
}
static const wg_op product_op = {.name = "product",
    .arity = 2,
    .shape = product_shape,
    .evaluate = product_evaluate,
    .derivative = product_derivative};

/* The same, giving itself, with and without an adding form. */
static void own_product_derivative(wg_derivation *d)
{
    wg_term g = wg_cotangent(d);
    const wg_op *own = wg_derivation_call(d)->op;
    if (wg_wants(d, 0)) wg_give(d, 0, own, (wg_term[]){g, wg_primal(d, 1)}, 2, NULL, 0);
    if (wg_wants(d, 1)) wg_give_term(d, 1, wg_step(d, own, (wg_term[]){wg_primal(d, 0), g}, 2, NULL, 0));
}
static const wg_op own_product_op = {.name = "own_product",
    .arity = 2,
    .shape = product_shape,
    .evaluate = product_evaluate,
    .derivative = own_product_derivative};
static const wg_op adding_product_op = {.name = "adding_product",
    .arity = 2,
    .flags = WG_OP_ADDS,
    .shape = product_shape,
    .evaluate = product_evaluate,
    .derivative = own_product_derivative};

static wg_var product(wg_var a, wg_var b) { return apply_2(&product_op, a, b); }
static wg_var own_product(wg_var a, wg_var b) { return apply_2(&own_product_op, a, b); }
static wg_var adding_product(wg_var a, wg_var b) { return apply_2(&adding_product_op, a, b); }
static wg_var product_with_number(wg_var a, wg_var b) { return product(product(wg_sum(b), a), wg_mean(a)); }
static wg_var own_with_number(wg_var a, wg_var b) { return own_product(adding_product(wg_sum(b), a), wg_mean(a)); }
static wg_var mul_with_number(wg_var a, wg_var b) { return wg_mul(wg_mul(wg_sum(b), a), wg_mean(a)); }
static wg_var product_squared(wg_var a, wg_var b)
{
    return product(adding_product(a, a), product(own_product(b, b), b));
}
static wg_var mul_squared(wg_var a, wg_var b) { return wg_mul(wg_mul(a, a), wg_mul(wg_mul(b, b), b)); }

static void products(wg_dtype dtype)
{
    for (int scalar = 0; scalar < 2; scalar++) {
        equal_to_order_3(dtype, product, wg_mul, scalar);
        equal_to_order_3(dtype, own_product, wg_mul, scalar);
        equal_to_order_3(dtype, adding_product, wg_mul, scalar);
        equal_to_order_3(dtype, product_with_number, mul_with_number, scalar);
        equal_to_order_3(dtype, own_with_number, mul_with_number, scalar);
        equal_to_order_3(dtype, product_squared, mul_squared, scalar);
    }
}
IN_BOTH(products)

/* ---- derivatives by steps --------------------------------------------------------------------------------------------- */

/* x e^x, whose derivative y + e^x takes an op of its own for e^x. */
static wg_status power_of_e_evaluate(wg_call *call)
{
    for (size_t i = 0; i < call->in[0].size; i++)
        put(call->dtype, call->out, i, exp(get(call->dtype, call->in[0].data, i)));
    return WG_OK;
}
static void power_of_e_derivative(wg_derivation *d)
{
    wg_give(d, 0, wg_op_mul(), (wg_term[]){wg_cotangent(d), wg_result(d)}, 2, NULL, 0);
}
static const wg_op power_of_e_op = {.name = "power_of_e",
    .arity = 1,
    .shape = shape_of_first,
    .evaluate = power_of_e_evaluate,
    .derivative = power_of_e_derivative};

static wg_status x_exp_evaluate(wg_call *call)
{
    for (size_t i = 0; i < call->in[0].size; i++) {
        double x = get(call->dtype, call->in[0].data, i);
        put(call->dtype, call->out, i, x * exp(x));
    }
    return WG_OK;
}
static void x_exp_derivative(wg_derivation *d)
{
    wg_term x = wg_primal(d, 0), e = wg_step(d, &power_of_e_op, &x, 1, NULL, 0);
    wg_term slope = wg_step(d, wg_op_add(), (wg_term[]){wg_result(d), e}, 2, NULL, 0);
    wg_give(d, 0, wg_op_mul(), (wg_term[]){wg_cotangent(d), slope}, 2, NULL, 0);
}
static const wg_op x_exp_op = {
    .name = "x_exp", .arity = 1, .shape = shape_of_first, .evaluate = x_exp_evaluate, .derivative = x_exp_derivative};

static wg_var x_exp(wg_var a, wg_var b) { return product(apply(&x_exp_op, a), apply(&power_of_e_op, b)); }
static wg_var x_exp_built_in(wg_var a, wg_var b) { return wg_mul(wg_mul(a, wg_exp(a)), wg_exp(b)); }

/* Softmax over all elements, max-shifted, in scratch; its derivative y (g - sum(g y)) by steps with the built-in ops. */
static wg_status soft_evaluate(wg_call *call)
{
    size_t n = call->in[0].size;
    double *e = wg_call_scratch(call, (n + 1) * sizeof *e), top = -(double)INFINITY, total = 0;
    if (!e) return WG_ERROR_MEMORY;
    for (size_t i = 0; i < n; i++) top = fmax(top, get(call->dtype, call->in[0].data, i));
    for (size_t i = 0; i < n; i++) total += e[i] = exp(get(call->dtype, call->in[0].data, i) - top);
    for (size_t i = 0; i < n; i++) put(call->dtype, call->out, i, e[i] / total);
    return WG_OK;
}
static void soft_derivative(wg_derivation *d)
{
    wg_term g = wg_cotangent(d), y = wg_result(d);
    wg_shape scalar = WG_SCALAR, shape = wg_derivation_call(d)->shape, column = WG_DIMS(elements(&shape), 1);
    wg_term weighted = wg_step(d, wg_op_mul(), (wg_term[]){g, y}, 2, NULL, 0);
    wg_term total = wg_step(d, wg_op_sum_to(), &weighted, 1, &scalar, sizeof scalar);
    wg_term whole = wg_step(d, wg_op_broadcast_to(), &total, 1, &shape, sizeof shape);
    wg_term upright = wg_step(d, wg_op_reshape(), &whole, 1, &column, sizeof column); /* there and back: a view */
    wg_term flat = wg_step(d, wg_op_reshape(), &upright, 1, &shape, sizeof shape);
    wg_term minus = wg_step(d, wg_op_neg(), &flat, 1, NULL, 0);
    wg_term centred = wg_step(d, wg_op_add(), (wg_term[]){g, minus}, 2, NULL, 0);
    wg_give(d, 0, wg_op_mul(), (wg_term[]){centred, y}, 2, NULL, 0);
}
static const wg_op soft_op = {
    .name = "soft", .arity = 1, .shape = shape_of_first, .evaluate = soft_evaluate, .derivative = soft_derivative};

static wg_var soft(wg_var a, wg_var b) { return product(apply(&soft_op, a), apply(&soft_op, own_product(a, b))); }
static wg_var soft_built_in(wg_var a, wg_var b)
{
    wg_var e = wg_exp(a), f = wg_exp(wg_mul(a, b));
    return wg_mul(wg_div(e, wg_sum(e)), wg_div(f, wg_sum(f)));
}

static void steps(wg_dtype dtype)
{
    for (int scalar = 0; scalar < 2; scalar++) {
        equal_to_order_3(dtype, x_exp, x_exp_built_in, scalar);
        equal_to_order_3(dtype, soft, soft_built_in, scalar);
    }
}
IN_BOTH(steps)

/* A derivative written in vars where it is recorded and in numbers where it is not. y = x^3: 3 g x^2. */
static wg_status cube_evaluate(wg_call *call)
{
    for (size_t i = 0; i < call->in[0].size; i++) {
        double x = get(call->dtype, call->in[0].data, i);
        put(call->dtype, call->out, i, x * x * x);
    }
    return WG_OK;
}
static void cube_derivative(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    wg_var g = wg_term_var(d, wg_cotangent(d)), x = wg_term_var(d, wg_primal(d, 0));
    assert_int_equal(wg_ok(g) && wg_ok(x), wg_recording(d));
    assert_null(call->in[0].data);
    if (wg_recording(d)) {
        assert_null(wg_term_numbers(d, wg_cotangent(d)));
        wg_var slope = wg_mul(wg_mul(g, wg_scalar(call->tape, 3)), wg_square(x));
        wg_give_term(d, 0, wg_term_of_var(d, slope));
        return;
    }
    const void *numbers = wg_term_numbers(d, wg_cotangent(d)), *at = wg_term_numbers(d, wg_primal(d, 0));
    const void *value = wg_term_numbers(d, wg_result(d));
    void *out;
    wg_term slope = wg_term_of_numbers(d, &call->shape, &out);
    if (!out) return;
    for (size_t i = 0; i < elements(&call->shape); i++) {
        double a = get(call->dtype, at, i);
        EXPECT_CLOSE(get(call->dtype, value, i), a * a * a, roundings(call->dtype, 4));
        put(call->dtype, out, i, 3 * a * a * get(call->dtype, numbers, i));
    }
    wg_give_term(d, 0, slope);
}
static const wg_op cube_op = {
    .name = "cube", .arity = 1, .shape = shape_of_first, .evaluate = cube_evaluate, .derivative = cube_derivative};
static wg_var cube(wg_var a, wg_var b) { return wg_mul(apply(&cube_op, a), wg_sin(apply(&cube_op, b))); }
static wg_var cube_built_in(wg_var a, wg_var b)
{
    return wg_mul(wg_mul(a, wg_mul(a, a)), wg_sin(wg_mul(b, wg_mul(b, b))));
}

static void vars_and_numbers(wg_dtype dtype)
{
    for (int scalar = 0; scalar < 2; scalar++) equal_to_order_3(dtype, cube, cube_built_in, scalar);
}
IN_BOTH(vars_and_numbers)

/* ---- numbers alone ----------------------------------------------------------------------------------------------------- */

/* A hand-written backward, y = tanh(x) w with w 0-d: dx = g w (1 - tanh^2 x), dw = sum g tanh x. */
static wg_status hand_evaluate(wg_call *call)
{
    for (size_t i = 0; i < call->in[0].size; i++)
        put(call->dtype, call->out, i,
            tanh(get(call->dtype, call->in[0].data, i)) * get(call->dtype, call->in[1].data, 0));
    return WG_OK;
}
static void hand_derivative(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    const void *g = wg_term_numbers(d, wg_cotangent(d)), *x = wg_term_numbers(d, wg_primal(d, 0));
    const void *w = wg_term_numbers(d, wg_primal(d, 1));
    bool add_x, add_w;
    void *dx = wg_give_numbers(d, 0, &add_x), *dw = wg_give_numbers(d, 1, &add_w);
    double total = 0;
    for (size_t i = 0; i < call->in[0].size && (dx || dw); i++) {
        double h = tanh(get(call->dtype, x, i)), gi = get(call->dtype, g, i);
        if (dx) put_or_add(call->dtype, dx, i, gi * get(call->dtype, w, 0) * (1 - h * h), add_x);
        total += gi * h;
    }
    if (dw) put_or_add(call->dtype, dw, 0, total, add_w);
}
static const wg_op hand_op = {
    .name = "hand", .arity = 2, .shape = shape_of_first, .evaluate = hand_evaluate, .derivative = hand_derivative};

static void numbers_alone(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = vector(t, NUMBERS(0.5, -1)), w = wg_scalar_variable(t, 3), xx = wg_mul(x, wg_scalar(t, 1)),
           ww = wg_neg(wg_neg(w));
    wg_var first = apply_2(&hand_op, xx, ww), second = apply_2(&hand_op, x, w),
           third = apply_2(&hand_op, xx, wg_scalar(t, 1));
    wg_var f = wg_sum(wg_add(wg_add(first, second), wg_add(third, xx))), g;
    double a = tanh(0.5), b = tanh(-1);
    for (int sweep = 1; sweep <= 2; sweep++) { /* 2 w (1 - h^2) + (1 - h^2) + 1; 2 sum h */
        assert_int_equal(wg_backward(f), WG_OK);
        EXPECT_GRAD(x, roundings(dtype, 8), NUMBERS(sweep * (7 * (1 - a * a) + 1), sweep * (7 * (1 - b * b) + 1)));
        EXPECT_GRAD(w, roundings(dtype, 8), NUMBERS(sweep * 2 * (a + b)));
    }
    size_t nodes = nodes_of(t);
    assert_int_equal(wg_gradients(f, &x, 1, &g), WG_ERROR_UNSUPPORTED);
    EXPECT_ERROR(t, WG_ERROR_UNSUPPORTED, "hand: ");
    assert_int_equal(nodes_of(t), nodes);
    assert_int_equal(wg_gradients(f, &first, 1, &g), WG_OK); /* down to the op, not through it */
    EXPECT_VALUE(g, 0, NUMBERS(1, 1));
    wg_tape_free(t);
}
IN_BOTH(numbers_alone)

/* ---- many inputs -------------------------------------------------------------------------------------------------------- */

/* y = sum_k (k + 1) x_k^2, of any number of 0-d inputs; nothing gives 0. */
static wg_status many_evaluate(wg_call *call)
{
    double y = 0;
    for (size_t k = 0; k < call->n; k++) {
        double x = get(call->dtype, call->in[k].data, 0);
        y += (double)(k + 1) * x * x;
    }
    put(call->dtype, call->out, 0, y);
    return WG_OK;
}
static void many_derivative(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    wg_term g = wg_cotangent(d);
    for (size_t k = 0; k < call->n; k++) {
        if (!wg_wants(d, k)) continue;
        wg_term scaled = wg_step(d, wg_op_mul(), (wg_term[]){g, wg_number(d, 2 * (double)(k + 1))}, 2, NULL, 0);
        wg_give(d, k, wg_op_mul(), (wg_term[]){scaled, wg_primal(d, k)}, 2, NULL, 0);
    }
}
static const wg_op many_op = {
    .name = "many", .arity = WG_ANY_ARITY, .shape = shape_0d, .evaluate = many_evaluate, .derivative = many_derivative};

static void any_number_of_inputs(wg_dtype dtype)
{
    const size_t counts[] = {0, 1, 2, 3, 8, 9, 30, 100, 500};
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        wg_tape *t = wg_tape_new(dtype);
        size_t n = counts[c];
        wg_var in[500], g[500];
        for (size_t k = 0; k < n; k++) /* a constant, variables, and the first of them again and again */
            in[k] = k == 5 ? wg_scalar(t, 1) : k % 7 == 6 ? in[0] : wg_scalar_variable(t, (double)k + 1);
        wg_var y = wg_apply(t, &many_op, in, n, NULL, 0);
        double value = 0, of_first = 0;
        for (size_t k = 0; k < n; k++) {
            double x = wg_item(in[k]);
            value += (double)(k + 1) * x * x;
            if (k == 0 || (k != 5 && k % 7 == 6)) of_first += 2 * (double)(k + 1) * x;
        }
        EXPECT_CLOSE(wg_item(y), value, roundings(dtype, 4));
        assert_int_equal(wg_backward(y), WG_OK);
        assert_int_equal(wg_gradients(y, in, n, g), WG_OK);
        for (size_t k = 0; k < n; k++) {
            double want = wg_ok(in[k]) && k != 5 && k % 7 != 6 && k ? 2 * ((double)k + 1) * ((double)k + 1) : of_first;
            if (k == 5) want = 12;
            if (k != 5) EXPECT_CLOSE(wg_grad_at(in[k], 0), want, roundings(dtype, 4));
            EXPECT_CLOSE(wg_item(g[k]), want, roundings(dtype, 4));
        }
        EXPECT_HEALTHY(t);
        wg_tape_free(t);
    }
}
IN_BOTH(any_number_of_inputs)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(products),
        BOTH(steps),
        BOTH(vars_and_numbers),
        BOTH(numbers_alone),
        BOTH(any_number_of_inputs),
    };
    return cmocka_run_group_tests_name("derivation", tests, NULL, NULL);
}
