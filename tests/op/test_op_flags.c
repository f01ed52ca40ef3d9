/* Ops of one's own with flags: WG_OP_CUTS, WG_OP_TAKES_TRANSPOSED, WG_OP_JOINS; and an op without a derivative. */
#include "op/numbers.h"

/* ---- cuts ------------------------------------------------------------------------------------------------------------ */

static wg_status floor_evaluate(wg_call *call)
{
    for (size_t i = 0; i < call->in[0].size; i++)
        put(call->dtype, call->out, i, floor(get(call->dtype, call->in[0].data, i)));
    return WG_OK;
}
static const wg_op floor_op = {
    .name = "floor", .arity = 1, .flags = WG_OP_CUTS, .shape = shape_of_first, .evaluate = floor_evaluate};
static const wg_op steps_op = {.name = "steps", .arity = 1, .shape = shape_of_first, .evaluate = floor_evaluate};

/* With the flag, nothing passes through and nothing fails: x floor(x) has the derivative floor(x). Without it, and
 * without a derivative, a sweep that needs one is an error that names the op, and one that does not is none. */
static void cuts(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = vector(t, NUMBERS(2.5, -1.5)), s = wg_scalar_variable(t, 3.75), y = apply(&floor_op, x),
           r = apply(&floor_op, s);
    wg_var f = wg_mul(wg_sum(wg_mul(x, y)), wg_mul(s, r)), wrt[] = {x, s, y, r}, g[4];
    assert_int_equal(wg_backward(f), WG_OK); /* sum x floor(x) = 8, s floor(s) = 11.25 */
    EXPECT_GRAD(x, 0, NUMBERS(22.5, -22.5));
    EXPECT_GRAD(s, 0, NUMBERS(24));
    assert_int_equal(wg_gradients(f, wrt, 4, g), WG_OK);
    EXPECT_VALUE(g[0], 0, NUMBERS(22.5, -22.5));
    EXPECT_VALUE(g[1], 0, NUMBERS(24));
    EXPECT_VALUE(g[2], 0, NUMBERS(28.125, -16.875)); /* its own adjoint: x s floor(s) */
    EXPECT_VALUE(g[3], 0, NUMBERS(30));
    assert_int_equal(wg_backward(wg_sum(y)), WG_OK);
    assert_int_equal(wg_retain_grad(y), WG_ERROR_ARGUMENT);
    EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "floor");

    wg_var z = wg_sum(apply(&steps_op, x));
    wg_zero_grad(t);
    assert_int_equal(wg_backward(wg_mul(z, s)), WG_ERROR_UNSUPPORTED);
    EXPECT_ERROR(t, WG_ERROR_UNSUPPORTED, "steps: ");
    assert_int_equal(wg_zero_grad(t), WG_OK);
    assert_int_equal(wg_backward(wg_mul(wg_detach(z), s)), WG_OK);
    EXPECT_GRAD(s, 0, NUMBERS(0)); /* 2 - 2 */
    assert_int_equal(wg_backward(wg_sum(apply(&steps_op, constants(t, NUMBERS(1, 2))))), WG_OK);
    wg_tape_free(t);
}
IN_BOTH(cuts)

/* ---- transposed operands ----------------------------------------------------------------------------------------------- */

static size_t seen_transposed, seen_plain;
static const void *seen_data;

/* Element i of an array of shape (..., m, n) that may lie transposed. */
static double element(wg_dtype dtype, const wg_array *a, size_t i)
{
    size_t n = a->shape->dim[a->shape->rank - 1], m = a->shape->dim[a->shape->rank - 2], matrix = m * n;
    size_t row = i % matrix / n, column = i % n;
    return get(dtype, a->data, a->transposed ? i / matrix * matrix + column * m + row : i);
}

/* sum a b over all elements, of two arrays of one shape, each transposed in memory or not. */
static wg_status inner_evaluate(wg_call *call)
{
    double total = 0;
    for (size_t k = 0; k < 2; k++) seen_transposed += call->in[k].transposed, seen_plain += !call->in[k].transposed;
    seen_data = call->in[0].data;
    for (size_t i = 0; i < call->in[0].size; i++)
        total += element(call->dtype, &call->in[0], i) * element(call->dtype, &call->in[1], i);
    put(call->dtype, call->out, 0, total);
    return WG_OK;
}
static void inner_derivative(wg_derivation *d) /* mul does not take transposed operands: the interpreter sees to it */
{
    wg_term g = wg_cotangent(d);
    wg_give(d, 0, wg_op_mul(), (wg_term[]){g, wg_primal(d, 1)}, 2, NULL, 0);
    wg_give(d, 1, wg_op_mul(), (wg_term[]){g, wg_primal(d, 0)}, 2, NULL, 0);
}
static const wg_op inner_op = {.name = "inner",
    .arity = 2,
    .flags = WG_OP_TAKES_TRANSPOSED,
    .shape = shape_0d,
    .evaluate = inner_evaluate,
    .derivative = inner_derivative};
static const wg_op plain_inner_op = {
    .name = "plain_inner", .arity = 2, .shape = shape_0d, .evaluate = inner_evaluate, .derivative = inner_derivative};

/* f = sum A^T B: dA = B^T, dB = A^T. A (2,2,3) is transposed by wg_transpose, which costs the op no copy. */
static void transposed_operands(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var a = variable(t, WG_DIMS(2, 2, 3), NUMBERS(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12));
    wg_var b = variable(t, WG_DIMS(2, 3, 2), NUMBERS(1, -1, 2, -2, 3, -3, 0, 1, 0, 2, 0, 3));
    const double bt[] = {1, 2, 3, -1, -2, -3, 0, 0, 0, 1, 2, 3}, at[] = {1, 4, 2, 5, 3, 6, 7, 10, 8, 11, 9, 12};
    seen_transposed = seen_plain = 0;
    wg_var turned = wg_transpose(a), f = apply_2(&inner_op, turned, b);
    assert_true(seen_transposed == 1 && seen_plain == 1);
    assert_ptr_equal(seen_data, wg_value(a));
    wg_var g = wg_mul(f, apply_2(&plain_inner_op, turned, b)); /* f^2 */
    assert_true(seen_transposed == 1 && seen_plain == 3);
    EXPECT_VALUE(f, 0, NUMBERS(50)); /* (14 - 32) + 68 */
    assert_int_equal(wg_backward(f), WG_OK);
    EXPECT_GRAD(a, 0, bt, 12);
    EXPECT_GRAD(b, 0, at, 12);
    wg_var both[2], wrt[] = {a, b}, h[2];
    assert_int_equal(wg_gradients(g, wrt, 2, both), WG_OK); /* 2 f times the above */
    for (size_t i = 0; i < 12; i++) {
        EXPECT_CLOSE(wg_at(both[0], i), 100 * bt[i], 0);
        EXPECT_CLOSE(wg_at(both[1], i), 100 * at[i], 0);
    }
    wg_var both_turned = apply_2(&inner_op, wg_transpose(wg_neg(a)), wg_transpose(a)); /* -sum a^2 */
    assert_true(seen_transposed == 3);
    EXPECT_VALUE(both_turned, 0, NUMBERS(-650));
    assert_int_equal(wg_gradients(both_turned, wrt, 2, h), WG_OK);
    EXPECT_CLOSE(wg_at(h[0], 11), -24, 0);
    EXPECT_CLOSE(wg_at(h[1], 0), 0, 0);
    EXPECT_CLOSE(wg_at(derivative(wg_sum(h[0]), a), 4), -2, 0);
    assert_int_equal(wg_set_value(a, (double[12]){1}), WG_OK);
    assert_int_equal(wg_tape_replay(t), WG_OK);
    EXPECT_VALUE(f, 0, NUMBERS(1));
    EXPECT_VALUE(g, 0, NUMBERS(1));
    EXPECT_CLOSE(wg_at(both[1], 0), 2, 0);
    wg_tape_free(t);
}
IN_BOTH(transposed_operands)

/* ---- contributions that join ------------------------------------------------------------------------------------------- */

/* part: one element of x, as 0-d; its derivative is place: zeros of x's shape with each argument added at its position. */
typedef struct position {
    size_t at, extent;
} position;

static const wg_op place_op;

static wg_status part_evaluate(wg_call *call)
{
    put(call->dtype, call->out, 0, get(call->dtype, call->in[0].data, ((const position *)call->attributes)->at));
    return WG_OK;
}
static void part_derivative(wg_derivation *d)
{
    wg_term g = wg_cotangent(d);
    wg_give(d, 0, &place_op, &g, 1, wg_derivation_call(d)->attributes, sizeof(position));
}
static const wg_op part_op = {
    .name = "part", .arity = 1, .shape = shape_0d, .evaluate = part_evaluate, .derivative = part_derivative};

static wg_status place_shape(wg_call *call)
{
    call->shape = WG_DIMS(((const position *)call->attributes)->extent);
    return WG_OK;
}
static wg_status place_evaluate(wg_call *call)
{
    const position *positions = call->attributes;
    assert_int_equal(call->attributes_size, call->n * sizeof *positions);
    for (size_t i = 0; i < positions->extent && !call->add; i++) put(call->dtype, call->out, i, 0);
    for (size_t k = 0; k < call->n; k++)
        put_or_add(call->dtype, call->out, positions[k].at, get(call->dtype, call->in[k].data, 0), true);
    return WG_OK;
}
static void place_derivative(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    const position *positions = call->attributes;
    wg_term g = wg_cotangent(d);
    for (size_t k = 0; k < call->n; k++) wg_give(d, k, &part_op, &g, 1, &positions[k], sizeof *positions);
}
static const wg_op place_op = {.name = "place",
    .arity = WG_ANY_ARITY,
    .flags = WG_OP_ADDS | WG_OP_JOINS,
    .shape = place_shape,
    .evaluate = place_evaluate,
    .derivative = place_derivative};

/* The same joining without attributes: spread, whose every argument is added to all of three elements. It is given to a
 * 0-d input as well, and then summed to it. */
static wg_status spread_shape(wg_call *call)
{
    call->shape = WG_DIMS(3);
    return WG_OK;
}
static wg_status spread_evaluate(wg_call *call)
{
    double total = 0;
    for (size_t k = 0; k < call->n; k++) total += get(call->dtype, call->in[k].data, 0);
    for (size_t i = 0; i < 3; i++) put_or_add(call->dtype, call->out, i, total, call->add);
    return WG_OK;
}
static const wg_op spread_op;
static wg_status add_up_evaluate(wg_call *call)
{
    double total = 0;
    for (size_t i = 0; i < call->in[0].size; i++) total += get(call->dtype, call->in[0].data, i);
    put(call->dtype, call->out, 0, call->in[0].size == 1 ? 3 * total : total);
    return WG_OK;
}
static void add_up_derivative(wg_derivation *d)
{
    wg_term g = wg_cotangent(d);
    wg_give(d, 0, &spread_op, &g, 1, NULL, 0);
}
static const wg_op add_up_op = {
    .name = "add_up", .arity = 1, .shape = shape_0d, .evaluate = add_up_evaluate, .derivative = add_up_derivative};
static void spread_derivative(wg_derivation *d)
{
    wg_term g = wg_cotangent(d);
    for (size_t k = 0; k < wg_derivation_call(d)->n; k++) wg_give(d, k, &add_up_op, &g, 1, NULL, 0);
}
static const wg_op spread_op = {.name = "spread",
    .arity = WG_ANY_ARITY,
    .flags = WG_OP_ADDS | WG_OP_JOINS,
    .shape = spread_shape,
    .evaluate = spread_evaluate,
    .derivative = spread_derivative};

/* f = (sum x)^3 + sum_i i x_i^3 taken apart by part, once and then again: 3 s^2 + 3 i x_i^2;
 * f_ij = 6 s + 6 i x_i [i = j]. And the recorded derivative of many parts is no longer than they are. */
static void joined_parts(wg_dtype dtype)
{
    enum { N = 40 };
    wg_tape *t = wg_tape_new(dtype);
    double numbers[N], s = 0;
    for (int i = 0; i < N; i++) s += numbers[i] = i % 5 - 1.5;
    wg_var x = wg_variable(t, WG_DIMS(N), numbers), f = wg_scalar(t, 0), total = wg_scalar(t, 0);
    for (size_t i = 0; i < N; i++) {
        position p = {i, N};
        wg_var e = wg_apply(t, &part_op, &x, 1, &p, sizeof p), again = wg_apply(t, &part_op, &x, 1, &p, sizeof p);
        total = wg_add(total, e);
        f = wg_add(f, wg_mul(wg_scalar(t, (double)i), wg_mul(again, wg_square(e))));
    }
    f = wg_add(f, wg_mul(wg_mul(total, total), total));
    size_t before = nodes_of(t);
    wg_var g = derivative(f, x), h = derivative(wg_sum(g), x);
    assert_true(nodes_of(t) - before < 60 * N);
    assert_int_equal(wg_backward(f), WG_OK);
    for (int i = 0; i < N; i++) {
        double want = 3 * s * s + 3 * i * numbers[i] * numbers[i];
        EXPECT_CLOSE(wg_grad_at(x, (size_t)i), want, roundings(dtype, 16));
        EXPECT_CLOSE(wg_at(g, (size_t)i), want, roundings(dtype, 16));
        EXPECT_CLOSE(wg_at(h, (size_t)i), 6 * s * N + 6 * i * numbers[i], roundings(dtype, 64));
    }
    wg_tape_free(t);
}
IN_BOTH(joined_parts)

/* add_up(v) = v_0 + v_1 + v_2, add_up(s) = 3 s: f = add_up(v)^2 add_up(s)^2 + add_up(v) add_up(s) at 6 and 6. */
static void joined_without_attributes(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var v = vector(t, NUMBERS(1, 2, 3)), s = wg_scalar_variable(t, 2), wrt[] = {v, s}, g[2], h[2];
    wg_var a = apply(&add_up_op, v), b = apply(&add_up_op, s), c = apply(&add_up_op, v), d = apply(&add_up_op, s);
    wg_var f = wg_add(wg_mul(wg_square(a), wg_square(b)), wg_mul(c, d));
    assert_int_equal(wg_backward(f), WG_OK); /* 2 a b^2 + b; 3 (2 a^2 b + a) */
    EXPECT_GRAD(v, 0, NUMBERS(438, 438, 438));
    EXPECT_GRAD(s, 0, NUMBERS(1314));
    assert_int_equal(wg_gradients(f, wrt, 2, g), WG_OK);
    EXPECT_VALUE(g[0], 0, NUMBERS(438, 438, 438));
    EXPECT_VALUE(g[1], 0, NUMBERS(1314));
    assert_int_equal(wg_gradients(g[1], wrt, 2, h), WG_OK); /* 3 (4 a b + 1); 9 (2 a^2) */
    EXPECT_VALUE(h[0], 0, NUMBERS(435, 435, 435));
    EXPECT_VALUE(h[1], 0, NUMBERS(648));
    wg_tape_free(t);
}
IN_BOTH(joined_without_attributes)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(cuts),
        BOTH(transposed_operands),
        BOTH(joined_parts),
        BOTH(joined_without_attributes),
    };
    return cmocka_run_group_tests_name("op_flags", tests, NULL, NULL);
}
