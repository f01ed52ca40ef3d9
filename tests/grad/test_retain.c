/* Retained gradients: an intermediate with a gradient of its own that behaves like a variable's, whatever kind of node it
 * is, and whatever memory the sweep shares on the way. Numbers are exact in both dtypes. */
#include "grad/expect.h"

/* y = x^2, loss = sum k y: dy = k. */
static void arrays_and_scalars(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var s = wg_scalar_variable(t, 3), x = vector(t, NUMBERS(1, 2, 3)), k = constants(t, NUMBERS(5, -6, 7));
    wg_var a = wg_square(s), b = wg_mul(a, wg_scalar(t, 10)), y = wg_square(x);
    assert_int_equal(wg_retain_grad(a), WG_OK);
    assert_int_equal(wg_retain_grad(y), WG_OK);
    EXPECT_GRAD(a, 0, NUMBERS(0));
    EXPECT_GRAD(y, 0, NUMBERS(0, 0, 0));
    assert_int_equal(wg_backward(wg_mul(wg_sum(wg_mul(k, y)), b)), WG_OK); /* 10 a (k . y), k . y = 44, a = 9 */
    EXPECT_GRAD(a, 0, NUMBERS(440));
    EXPECT_GRAD(s, 0, NUMBERS(2640));
    EXPECT_GRAD(y, 0, NUMBERS(450, -540, 630));
    EXPECT_GRAD(x, 0, NUMBERS(900, -2160, 3780));
    assert_null(wg_grad(b));
    EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "wg_retain_grad");
    wg_tape_free(t);
}
IN_BOTH(arrays_and_scalars)

/* Asked for twice, asked for when consumers are there already, and added to by every sweep until zeroed. */
static void behaves_like_a_variable(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = vector(t, NUMBERS(1, 2)), s = wg_scalar_variable(t, 2), y = wg_mul(x, s), r = wg_mul(s, s);
    wg_var first = wg_sum(wg_square(y)), second = wg_mul(wg_sum(y), r);
    assert_int_equal(wg_retain_grad(y), WG_OK);
    assert_int_equal(wg_retain_grad(y), WG_OK);
    assert_int_equal(wg_retain_grad(r), WG_OK);
    assert_int_equal(wg_retain_grad(r), WG_OK);
    assert_int_equal(wg_retain_grad(x), WG_OK);
    const void *of_y = wg_grad(y);
    assert_int_equal(wg_backward(first), WG_OK);
    EXPECT_GRAD(y, 0, NUMBERS(4, 8)); /* 2y */
    EXPECT_GRAD(r, 0, NUMBERS(0));
    assert_int_equal(wg_retain_grad(y), WG_OK); /* keeps what is there */
    assert_int_equal(wg_backward(second), WG_OK);
    assert_int_equal(wg_backward(second), WG_OK);
    EXPECT_GRAD(y, 0, NUMBERS(12, 16)); /* + 2 r */
    EXPECT_GRAD(r, 0, NUMBERS(12));     /* 2 (2 + 4) */
    assert_ptr_equal(wg_grad(y), of_y);
    assert_int_equal(wg_zero_grad(t), WG_OK);
    EXPECT_GRAD(y, 0, NUMBERS(0, 0));
    EXPECT_GRAD(r, 0, NUMBERS(0));
    assert_int_equal(wg_backward(first), WG_OK);
    EXPECT_GRAD(y, 0, NUMBERS(4, 8));
    EXPECT_GRAD(x, 0, NUMBERS(8, 16));
    wg_tape_free(t);
}
IN_BOTH(behaves_like_a_variable)

/* Views share their base's elements, never its gradient: base = x + 0, seen as (4), (2,2), its last row, and transposed. */
static void views(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = variable(t, WG_DIMS(2, 2), NUMBERS(1, 2, 3, 4)), base = wg_add(x, wg_scalar(t, 0));
    wg_var flat = wg_reshape(base, WG_DIMS(4)), back = wg_reshape(flat, WG_DIMS(2, 2));
    wg_var row = wg_slice(base, 0, 1, 2, 1), corner = wg_reshape(wg_slice(flat, 0, 3, 4, 1), WG_SCALAR);
    wg_var turned = wg_transpose(base), column = wg_slice(turned, 0, 0, 1, 1); /* base's first column */
    wg_var all[] = {base, flat, back, row, corner, turned, column};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) assert_int_equal(wg_retain_grad(all[i]), WG_OK);
    wg_var terms[] = {wg_sum(wg_mul(flat, constants(t, NUMBERS(1, 2, 3, 4)))),
        wg_sum(wg_mul(back, wg_constant(t, WG_DIMS(2, 2), (double[]){10, 20, 30, 40}))),
        wg_mul(wg_sum(row), wg_scalar(t, 100)), wg_mul(corner, wg_scalar(t, 1000)),
        wg_sum(wg_mul(turned, wg_constant(t, WG_DIMS(2, 2), (double[]){0.5, 0.25, 0.125, 1}))),
        wg_mul(wg_sum(column), wg_scalar(t, 10000))};
    wg_var loss = terms[0];
    for (size_t i = 1; i < sizeof terms / sizeof *terms; i++) loss = wg_add(loss, terms[i]);
    for (int sweep = 1; sweep <= 2; sweep++) {
        double n = sweep;
        assert_int_equal(wg_backward(loss), WG_OK);
        EXPECT_GRAD(corner, 0, NUMBERS(1000 * n));
        EXPECT_GRAD(row, 0, NUMBERS(100 * n, 100 * n));
        EXPECT_GRAD(back, 0, NUMBERS(10 * n, 20 * n, 30 * n, 40 * n));
        EXPECT_GRAD(flat, 0, NUMBERS(11 * n, 22 * n, 33 * n, 1044 * n));
        EXPECT_GRAD(column, 0, NUMBERS(10000 * n, 10000 * n));
        EXPECT_GRAD(turned, 0, NUMBERS(10000.5 * n, 10000.25 * n, 0.125 * n, n));
        EXPECT_GRAD(base, 0, NUMBERS(10011.5 * n, 22.125 * n, 10133.25 * n, 1145 * n));
        EXPECT_GRAD(x, 0, NUMBERS(10011.5 * n, 22.125 * n, 10133.25 * n, 1145 * n));
    }
    wg_tape_free(t);
}
IN_BOTH(views)

/* Ops that pass the adjoint on as it is: whoever takes over its memory, each retained gradient is its own. */
static void adjoints_handed_on(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = vector(t, NUMBERS(1, 2)), k = constants(t, NUMBERS(3, 4));
    wg_var a = wg_neg(x), b = wg_add(a, k), c = wg_reshape(b, WG_DIMS(2, 1)), d = wg_reshape(c, WG_DIMS(2));
    wg_var e = wg_add(d, d), f = wg_sub(e, b);
    wg_var all[] = {a, b, c, d, e, f};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) assert_int_equal(wg_retain_grad(all[i]), WG_OK);
    assert_int_equal(backward_from(f, NUMBERS(1, 10)), WG_OK);
    EXPECT_GRAD(f, 0, NUMBERS(1, 10));
    EXPECT_GRAD(e, 0, NUMBERS(1, 10));
    EXPECT_GRAD(d, 0, NUMBERS(2, 20));
    EXPECT_GRAD(c, 0, NUMBERS(2, 20));
    EXPECT_GRAD(b, 0, NUMBERS(1, 10));
    EXPECT_GRAD(a, 0, NUMBERS(1, 10));
    EXPECT_GRAD(x, 0, NUMBERS(-1, -10));
    wg_tape_free(t);
}
IN_BOTH(adjoints_handed_on)

/* The loss itself, a node above the swept one, and one beside the path. */
static void at_the_ends_of_the_sweep(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = vector(t, NUMBERS(1, 2)), s = wg_scalar_variable(t, 2);
    wg_var beside = wg_exp(x), scalar_beside = wg_exp(s), loss = wg_sum(wg_mul(x, s)), above = wg_square(loss);
    wg_var all[] = {beside, scalar_beside, loss, above};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) assert_int_equal(wg_retain_grad(all[i]), WG_OK);
    assert_int_equal(wg_backward(loss), WG_OK);
    EXPECT_GRAD(loss, 0, NUMBERS(1));
    EXPECT_GRAD(above, 0, NUMBERS(0));
    EXPECT_GRAD(beside, 0, NUMBERS(0, 0));
    EXPECT_GRAD(scalar_beside, 0, NUMBERS(0));
    assert_int_equal(wg_backward(above), WG_OK);
    EXPECT_GRAD(loss, 0, NUMBERS(13)); /* 1 + 2 * 6 */
    EXPECT_GRAD(above, 0, NUMBERS(1));
    EXPECT_GRAD(s, 0, NUMBERS(3 + 36));
    wg_tape_free(t);
}
IN_BOTH(at_the_ends_of_the_sweep)

/* Where nothing reaches there is no gradient to retain: an error that names the value, and nothing changes. */
static void where_nothing_reaches(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = vector(t, NUMBERS(1, 2)), k = wg_name(constants(t, NUMBERS(1, 2)), "targets");
    wg_var unreached[] = {wg_scalar(t, 1), wg_mul(k, k), wg_exp(wg_scalar(t, 2)), wg_detach(x), wg_less(x, k)};
    for (size_t i = 0; i < sizeof unreached / sizeof *unreached; i++) {
        assert_int_equal(wg_retain_grad(unreached[i]), WG_ERROR_ARGUMENT);
        EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "wg_retain_grad");
        assert_null(wg_grad(unreached[i]));
        EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "wg_grad");
    }
    assert_int_equal(wg_retain_grad(k), WG_ERROR_ARGUMENT);
    EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "'targets'");
    assert_int_equal(wg_retain_grad(wg_indices(t, WG_DIMS(1), NULL)), WG_ERROR_ARGUMENT);
    EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "indices");
    assert_int_equal(wg_retain_grad((wg_var){0}), WG_ERROR_ARGUMENT);
    wg_mark mark = wg_tape_mark(t);
    wg_var dropped = wg_exp(x);
    assert_int_equal(wg_tape_rewind(t, mark), WG_OK);
    assert_int_equal(wg_retain_grad(dropped), WG_ERROR_ARGUMENT);
    EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "rewind");
    wg_tape_free(t);
}
IN_BOTH(where_nothing_reaches)

/* A rewind keeps what was retained below the mark, and takes the rest away with its node. */
static void across_rewinds(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = vector(t, NUMBERS(1, 2)), s = wg_scalar_variable(t, 3), y = wg_square(x), r = wg_square(s);
    assert_int_equal(wg_retain_grad(y), WG_OK);
    assert_int_equal(wg_retain_grad(r), WG_OK);
    wg_mark mark = wg_tape_mark(t);
    size_t settled = 0;
    for (int round = 1; round <= 6; round++) {
        wg_var z = wg_mul(y, r), q = wg_mul(r, r), loss = wg_add(wg_sum(z), q); /* r (y_0 + y_1) + r^2 */
        assert_int_equal(wg_retain_grad(z), WG_OK);
        assert_int_equal(wg_retain_grad(q), WG_OK);
        assert_int_equal(wg_backward(loss), WG_OK);
        EXPECT_GRAD(z, 0, NUMBERS(1, 1));
        EXPECT_GRAD(q, 0, NUMBERS(1));
        EXPECT_GRAD(y, 0, NUMBERS(9.0 * round, 9.0 * round));
        EXPECT_GRAD(r, 0, NUMBERS(23.0 * round));
        assert_int_equal(wg_tape_rewind(t, mark), WG_OK);
        if (round == 2) settled = allocations_of(t);
    }
    assert_int_equal(allocations_of(t), settled);
    EXPECT_GRAD(y, 0, NUMBERS(54, 54));
    wg_tape_free(t);
}
IN_BOTH(across_rewinds)

/* Record once, replay: retained gradients of each pass are right, and nothing is allocated any more. */
static void across_replays(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = vector(t, NUMBERS(0, 0)), s = wg_scalar_variable(t, 0),
           turned = wg_transpose(wg_reshape(x, WG_DIMS(1, 2)));
    wg_var y = wg_mul(turned, s), r = wg_mul(s, s), loss = wg_add(wg_sum(wg_square(y)), r);
    wg_var all[] = {turned, y, r};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) assert_int_equal(wg_retain_grad(all[i]), WG_OK);
    size_t settled = 0;
    for (int round = 1; round <= 5; round++) {
        double a = round, b = 1 - round, c = 2 * round;
        assert_int_equal(wg_set_value(x, (double[]){a, b}), WG_OK);
        assert_int_equal(wg_set_value(s, &c), WG_OK);
        assert_int_equal(wg_tape_replay(t), WG_OK);
        assert_int_equal(wg_zero_grad(t), WG_OK);
        assert_int_equal(wg_backward(loss), WG_OK);
        EXPECT_GRAD(y, 0, NUMBERS(2 * a * c, 2 * b * c));
        EXPECT_GRAD(turned, 0, NUMBERS(2 * a * c * c, 2 * b * c * c));
        EXPECT_GRAD(r, 0, NUMBERS(1));
        EXPECT_GRAD(s, 0, NUMBERS(2 * c * (a * a + b * b) + 2 * c));
        if (round == 2) settled = allocations_of(t);
    }
    assert_int_equal(allocations_of(t), settled);
    wg_tape_free(t);
}
IN_BOTH(across_replays)

/* The retained gradient is the recorded derivative with respect to the intermediate. */
static void equals_the_recorded_derivative(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = variable(t, WG_DIMS(2, 3), NUMBERS(1, 2, 3, 4, 5, 6)),
           w = variable(t, WG_DIMS(3, 2), NUMBERS(1, 0, 2, -1, 3, 1));
    wg_var turned = wg_transpose(x), product = wg_matmul(wg_transpose(turned), w), s = wg_mean(product);
    wg_var loss = wg_mul(wg_sum(wg_square(product)), s), middle[] = {turned, product, s}, g[3];
    for (size_t i = 0; i < 3; i++) assert_int_equal(wg_retain_grad(middle[i]), WG_OK);
    assert_int_equal(wg_gradients(loss, middle, 3, g), WG_OK);
    assert_int_equal(wg_backward(loss), WG_OK);
    for (size_t i = 0; i < 3; i++)
        for (size_t j = 0; j < wg_size(g[i]); j++)
            EXPECT_CLOSE(wg_grad_at(middle[i], j), wg_at(g[i], j), roundings(dtype, 8));
    EXPECT_HEALTHY(t);
    wg_tape_free(t);
}
IN_BOTH(equals_the_recorded_derivative)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(arrays_and_scalars),
        BOTH(behaves_like_a_variable),
        BOTH(views),
        BOTH(adjoints_handed_on),
        BOTH(at_the_ends_of_the_sweep),
        BOTH(where_nothing_reaches),
        BOTH(across_rewinds),
        BOTH(across_replays),
        BOTH(equals_the_recorded_derivative),
    };
    return cmocka_run_group_tests_name("retain", tests, NULL, NULL);
}
