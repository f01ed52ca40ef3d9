/* Recorded derivatives, wg_gradients and wg_vjp: what they may be taken with respect to, what they leave alone, how they
 * fail. Orders and Hessians have files of their own. */
#include "grad/expect.h"

/* f = sum(k y), y = x^2 w + c: the same derivative is asked for at every kind of node. */
typedef struct graph {
    wg_tape *tape;
    wg_var x, w, c, k, square, y, f;
} graph;

static graph graph_new(wg_dtype dtype)
{
    graph g = {.tape = wg_tape_new(dtype)};
    g.c = constants(g.tape, NUMBERS(1, 2));
    g.k = constants(g.tape, NUMBERS(3, -5));
    g.x = vector(g.tape, NUMBERS(2, -1));
    g.w = wg_scalar_variable(g.tape, 4);
    g.square = wg_square(g.x);
    g.y = wg_add(wg_mul(g.square, g.w), g.c);
    g.f = wg_sum(wg_mul(g.k, g.y));
    return g;
}

/* Leaves, constants, intermediates, the scalar itself; repeated and in any order. */
static void with_respect_to_anything(wg_dtype dtype)
{
    graph a = graph_new(dtype);
    wg_var wrt[] = {a.y, a.x, a.c, a.f, a.w, a.square, a.k, a.x, a.y}, g[9];
    assert_int_equal(wg_gradients(a.f, wrt, 9, g), WG_OK);
    EXPECT_VALUE(g[0], 0, NUMBERS(3, -5));
    EXPECT_VALUE(g[1], 0, NUMBERS(48, 40)); /* 2 x w k */
    EXPECT_VALUE(g[2], 0, NUMBERS(3, -5));
    EXPECT_VALUE(g[3], 0, NUMBERS(1));
    EXPECT_VALUE(g[4], 0, NUMBERS(7)); /* k . x^2 */
    EXPECT_VALUE(g[5], 0, NUMBERS(12, -20));
    EXPECT_VALUE(g[6], 0, NUMBERS(17, 6));
    EXPECT_VALUE(g[7], 0, NUMBERS(48, 40));
    EXPECT_VALUE(g[8], 0, NUMBERS(3, -5));
    for (size_t i = 0; i < 9; i++) assert_int_equal(wg_shape_of(g[i]).rank, wg_shape_of(wrt[i]).rank);
    EXPECT_GRAD(a.x, 0, NUMBERS(0, 0)); /* the leaves' own gradients stay as they were */
    EXPECT_GRAD(a.w, 0, NUMBERS(0));
    wg_tape_free(a.tape);
}
IN_BOTH(with_respect_to_anything)

/* What the scalar does not depend on gets zeros of its own shape: other leaves, values recorded later, what is cut off. */
static void unreached_gives_zeros(wg_dtype dtype)
{
    graph a = graph_new(dtype);
    wg_var other = variable(a.tape, WG_DIMS(2, 1, 2), NUMBERS(1, 2, 3, 4)), later = wg_exp(a.f);
    wg_var cut = wg_mul(wg_detach(a.x), a.w), empty = wg_variable(a.tape, WG_DIMS(0, 3), (double *)NULL);
    wg_var f = wg_sum(cut), wrt[] = {other, later, a.x, a.w, empty, wg_less(a.x, a.c)}, g[6];
    assert_int_equal(wg_gradients(f, wrt, 6, g), WG_OK);
    EXPECT_VALUE(g[0], 0, NUMBERS(0, 0, 0, 0));
    EXPECT_VALUE(g[1], 0, NUMBERS(0));
    EXPECT_VALUE(g[2], 0, NUMBERS(0, 0));
    EXPECT_VALUE(g[3], 0, NUMBERS(1));
    EXPECT_VALUE(g[5], 0, NUMBERS(0, 0));
    for (size_t i = 0; i < 6; i++) {
        wg_shape has = wg_shape_of(g[i]), wanted = wg_shape_of(wrt[i]);
        assert_int_equal(has.rank, wanted.rank);
        assert_memory_equal(has.dim, wanted.dim, wanted.rank * sizeof *wanted.dim);
    }
    wg_var of_constant; /* a scalar without any variable, and a leaf as the scalar */
    assert_int_equal(wg_gradients(wg_sum(a.k), &a.k, 1, &of_constant), WG_OK);
    EXPECT_VALUE(of_constant, 0, NUMBERS(1, 1));
    assert_int_equal(wg_gradients(a.w, (wg_var[]){a.w, a.x}, 2, g), WG_OK);
    EXPECT_VALUE(g[0], 0, NUMBERS(1));
    EXPECT_VALUE(g[1], 0, NUMBERS(0, 0));
    wg_tape_free(a.tape);
}
IN_BOTH(unreached_gives_zeros)

/* detach itself may be asked about: the derivative stops there, and reaches it. */
static void with_respect_to_a_cut_value(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = vector(t, NUMBERS(2, 3)), cut = wg_detach(x), wrt[] = {cut, x}, g[2];
    assert_int_equal(wg_gradients(wg_sum(wg_mul(wg_square(cut), x)), wrt, 2, g), WG_OK);
    EXPECT_VALUE(g[0], 0, NUMBERS(8, 18)); /* 2 cut x */
    EXPECT_VALUE(g[1], 0, NUMBERS(4, 9));
    wg_tape_free(t);
}
IN_BOTH(with_respect_to_a_cut_value)

/* Views as intermediates: f = sum(A V) with V the transpose, the reshape, a row of x; dV = A^T 1 by columns. */
static void with_respect_to_views(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = variable(t, WG_DIMS(2, 3), NUMBERS(1, 2, 3, 4, 5, 6)),
           a = wg_constant(t, WG_DIMS(2, 3), (double[]){1, 2, 3, 4, 5, 6});
    wg_var turned = wg_transpose(x), flat = wg_reshape(x, WG_DIMS(3, 2)), row = wg_slice(x, 0, 1, 2, 1);
    wg_var first = wg_sum(wg_square(wg_matmul(a, turned))), second = wg_sum(wg_matmul(a, flat));
    wg_var f = wg_add(wg_add(first, second), wg_sum(wg_square(row))), wrt[] = {turned, flat, row, x}, g[4];
    assert_int_equal(wg_gradients(f, wrt, 4, g), WG_OK);
    /* A turned = (14 32; 32 77), dturned = 2 A^T of it; dflat = column sums of A; drow = 2 row */
    EXPECT_VALUE(g[0], 0, NUMBERS(2 * 142, 2 * 340, 2 * 188, 2 * 449, 2 * 234, 2 * 558));
    EXPECT_VALUE(g[1], 0, NUMBERS(5, 5, 7, 7, 9, 9));
    EXPECT_VALUE(g[2], 0, NUMBERS(8, 10, 12));
    EXPECT_VALUE(g[3], 0, NUMBERS(284 + 5, 376 + 5, 468 + 7, 680 + 7 + 8, 898 + 9 + 10, 1116 + 9 + 12));
    wg_var second_order; /* and those can be differentiated again: d sum(dturned) / dturned = 2 A^T A 1 1^T */
    assert_int_equal(wg_gradients(wg_sum(g[0]), &turned, 1, &second_order), WG_OK);
    EXPECT_VALUE(second_order, 0, NUMBERS(132, 132, 174, 174, 216, 216));
    wg_tape_free(t);
}
IN_BOTH(with_respect_to_views)

/* A vector-Jacobian product, for a cotangent that is a constant, a variable, or depends on what is differentiated. */
static void vjp_with_any_cotangent(wg_dtype dtype)
{
    graph a = graph_new(dtype);
    wg_var fixed = constants(a.tape, NUMBERS(1, 10)), v = vector(a.tape, NUMBERS(1, 10)), g[2];
    wg_var wrt[] = {a.x, a.w};
    assert_int_equal(wg_vjp(a.y, fixed, wrt, 2, g), WG_OK);
    EXPECT_VALUE(g[0], 0, NUMBERS(16, -80)); /* 2 x w v */
    EXPECT_VALUE(g[1], 0, NUMBERS(14));      /* v . x^2 */
    assert_int_equal(wg_vjp(a.y, v, wrt, 2, g), WG_OK);
    assert_int_equal(wg_backward(wg_sum(g[0])), WG_OK); /* linear in v: its derivative is 2 x w */
    EXPECT_GRAD(v, 0, NUMBERS(16, -8));
    EXPECT_GRAD(a.x, 0, NUMBERS(8, 80));                       /* 2 w v */
    assert_int_equal(wg_vjp(a.y, a.square, wrt, 2, g), WG_OK); /* dx = 2 x^3 w */
    EXPECT_VALUE(g[0], 0, NUMBERS(64, -8));
    wg_var again = derivative(wg_sum(g[0]), a.x);
    EXPECT_VALUE(again, 0, NUMBERS(96, 24)); /* 6 x^2 w: the cotangent counts as well */
    assert_int_equal(wg_vjp(a.y, fixed, &a.y, 1, g), WG_OK);
    EXPECT_VALUE(g[0], 0, NUMBERS(1, 10));
    wg_tape_free(a.tape);
}
IN_BOTH(vjp_with_any_cotangent)

/* ---- failures ------------------------------------------------------------------------------------------------------ */

static wg_status no_shape(wg_call *call) { return call->shape = *call->in[0].shape, WG_OK; }
static wg_status copy_numbers(wg_call *call)
{
    memcpy(call->out, call->in[0].data, call->in[0].size * (call->dtype == WG_F64 ? sizeof(double) : sizeof(float)));
    return WG_OK;
}
static const wg_op opaque = {.name = "opaque", .arity = 1, .shape = no_shape, .evaluate = copy_numbers};

/* After a failure: the status, a message, invalid results, a tape as long as before, leaves' gradients untouched. */
#define EXPECT_REFUSED(call, status, mention)                                                                          \
    do {                                                                                                               \
        size_t before = nodes_of(a.tape);                                                                              \
        g[0] = g[1] = a.x;                                                                                             \
        assert_int_equal(call, status);                                                                                \
        EXPECT_ERROR(a.tape, status, mention);                                                                         \
        assert_false(wg_ok(g[0]) || wg_ok(g[1]));                                                                      \
        assert_ptr_equal(g[0].tape, a.tape);                                                                           \
        assert_int_equal(nodes_of(a.tape), before);                                                                    \
        EXPECT_GRAD(a.x, 0, NUMBERS(0, 0));                                                                            \
    } while (0)

static void failures_leave_no_trace(wg_dtype dtype)
{
    graph a = graph_new(dtype);
    wg_tape *other = wg_tape_new(dtype);
    wg_var g[2], two[] = {a.x, a.w}, index = wg_indices(a.tape, WG_DIMS(2), NULL),
                 foreign = wg_scalar_variable(other, 1);
    wg_var wrong = constants(a.tape, NUMBERS(1, 2, 3)), column = wg_constant(a.tape, WG_DIMS(2, 1), (double[]){1, 2});
    wg_var through = wg_apply(a.tape, &opaque, &a.y, 1, NULL, 0), loss = wg_sum(wg_exp(through));
    wg_name(a.y, "logits");
    EXPECT_REFUSED(wg_gradients(a.y, two, 2, g), WG_ERROR_SHAPE, "logits (2)");
    EXPECT_REFUSED(wg_gradients(index, two, 2, g), WG_ERROR_ARGUMENT, "indices");
    EXPECT_REFUSED(wg_gradients(a.f, (wg_var[]){a.x, index}, 2, g), WG_ERROR_ARGUMENT, "indices");
    EXPECT_REFUSED(wg_gradients(a.f, (wg_var[]){a.x, {0}}, 2, g), WG_ERROR_ARGUMENT, "no tape");
    EXPECT_REFUSED(wg_gradients(a.f, (wg_var[]){foreign, a.x}, 2, g), WG_ERROR_ARGUMENT, "another tape");
    EXPECT_ERROR(other, WG_ERROR_ARGUMENT, "two tapes");
    EXPECT_REFUSED(wg_vjp(a.y, foreign, two, 2, g), WG_ERROR_ARGUMENT, "another tape");
    EXPECT_ERROR(other, WG_ERROR_ARGUMENT, "two tapes");
    EXPECT_REFUSED(wg_vjp(a.y, wrong, two, 2, g), WG_ERROR_SHAPE, "logits (2)");
    EXPECT_REFUSED(wg_vjp(a.y, column, two, 2, g), WG_ERROR_SHAPE, "(2,1)");
    EXPECT_REFUSED(wg_vjp(a.y, a.w, two, 2, g), WG_ERROR_SHAPE, "logits (2)");
    EXPECT_REFUSED(wg_vjp(a.y, index, two, 2, g), WG_ERROR_ARGUMENT, "indices");
    EXPECT_REFUSED(wg_gradients(loss, two, 2, g), WG_ERROR_UNSUPPORTED, "opaque"); /* midway: exp's part is recorded */
    wg_mark mark = wg_tape_mark(a.tape);
    wg_var dropped = wg_sum(a.x);
    wg_tape_rewind(a.tape, mark);
    EXPECT_REFUSED(wg_gradients(dropped, two, 2, g), WG_ERROR_ARGUMENT, "rewind");
    EXPECT_REFUSED(wg_gradients(a.f, (wg_var[]){dropped, a.x}, 2, g), WG_ERROR_ARGUMENT, "rewind");
    assert_int_equal(wg_gradients(a.f, NULL, 2, g), WG_ERROR_ARGUMENT);
    EXPECT_ERROR(a.tape, WG_ERROR_ARGUMENT, "NULL");
    assert_int_equal(wg_gradients(a.f, two, 2, NULL), WG_ERROR_ARGUMENT);
    EXPECT_ERROR(a.tape, WG_ERROR_ARGUMENT, "NULL");
    assert_int_equal(wg_gradients((wg_var){0}, two, 2, g), WG_ERROR_ARGUMENT);
    assert_false(wg_ok(g[0]));
    assert_int_equal(wg_gradients(a.f, NULL, 0, NULL), WG_OK); /* of nothing: nothing */

    wg_set_value(a.w, (double[]){2}); /* stale until replayed */
    EXPECT_REFUSED(wg_gradients(a.f, two, 2, g), WG_ERROR_STALE, "wg_tape_replay");
    EXPECT_REFUSED(wg_vjp(a.square, a.y, two, 2, g), WG_ERROR_STALE, "logits");
    assert_int_equal(wg_vjp(a.square, a.k, two, 2, g), WG_OK); /* does not depend on w */
    EXPECT_VALUE(g[0], 0, NUMBERS(12, 10));
    assert_int_equal(wg_tape_replay(a.tape), WG_OK);
    assert_int_equal(wg_gradients(a.f, two, 2, g), WG_OK);
    EXPECT_VALUE(g[0], 0, NUMBERS(24, 20));
    EXPECT_VALUE(g[1], 0, NUMBERS(7));
    wg_tape_free(other);
    wg_tape_free(a.tape);
}
IN_BOTH(failures_leave_no_trace)

/* On a tape in error it does nothing: the first error stays, the results are invalid. */
static void on_a_tape_in_error(wg_dtype dtype)
{
    graph a = graph_new(dtype);
    wg_var g = a.x;
    wg_matmul(a.w, a.x);
    assert_int_equal(wg_gradients(a.f, &a.x, 1, &g), WG_ERROR_SHAPE);
    assert_false(wg_ok(g));
    assert_int_equal(wg_backward(a.f), WG_ERROR_SHAPE);
    EXPECT_ERROR(a.tape, WG_ERROR_SHAPE, "matmul");
    EXPECT_GRAD(a.x, 0, NUMBERS(0, 0));
    wg_tape_free(a.tape);
}
IN_BOTH(on_a_tape_in_error)

/* An op without a derivative stops a derivative that needs it, and no other. */
static void unsupported_beside_the_path(wg_dtype dtype)
{
    graph a = graph_new(dtype);
    wg_var side = wg_sum(wg_apply(a.tape, &opaque, &a.x, 1, NULL, 0)), f = wg_mul(side, a.w), g;
    assert_int_equal(wg_gradients(f, &a.w, 1, &g), WG_OK); /* with respect to w alone it is a constant */
    EXPECT_VALUE(g, 0, NUMBERS(1));
    assert_int_equal(wg_gradients(f, &side, 1, &g), WG_OK);
    EXPECT_VALUE(g, 0, NUMBERS(4));
    assert_int_equal(wg_backward(f), WG_ERROR_UNSUPPORTED);
    EXPECT_ERROR(a.tape, WG_ERROR_UNSUPPORTED, "opaque");
    wg_zero_grad(a.tape);
    assert_int_equal(wg_backward(a.f), WG_OK);
    EXPECT_GRAD(a.w, 0, NUMBERS(7));
    wg_tape_free(a.tape);
}
IN_BOTH(unsupported_beside_the_path)

/* ---- loops --------------------------------------------------------------------------------------------------------- */

/* Recording a gradient, a gradient of that, and sweeping it allocates nothing once the memory is there. */
static void steady_state_allocates_nothing(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var w = variable(t, WG_DIMS(3, 3), NUMBERS(1, 2, 3, 4, 5, 6, 7, 8, 9)), s = wg_scalar_variable(t, 0.5);
    wg_mark mark = wg_tape_mark(t);
    size_t settled = 0;
    for (int round = 0; round < 8; round++) {
        wg_var h = wg_tanh(wg_mul(wg_matmul(w, wg_transpose(w)), s)),
               f = wg_add(wg_sum(wg_max_axes(h, WG_AXES(1), true)), wg_exp(s));
        wg_var g[2], v;
        assert_int_equal(wg_gradients(f, (wg_var[]){w, s}, 2, g), WG_OK);
        assert_int_equal(wg_vjp(g[0], w, &w, 1, &v), WG_OK);
        assert_int_equal(wg_backward(wg_add(wg_sum(v), g[1])), WG_OK);
        assert_int_equal(wg_tape_rewind(t, mark), WG_OK);
        if (round == 1) settled = allocations_of(t);
    }
    assert_int_equal(allocations_of(t), settled);
    assert_int_equal(nodes_of(t), 2);
    wg_tape_free(t);
}
IN_BOTH(steady_state_allocates_nothing)

/* Gradient descent on a recorded gradient, recorded once: f = (w - 3)^2, w <- w - 0.25 f'(w) halves the distance. */
static void recorded_once_and_replayed(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var w = wg_scalar_variable(t, 7), f = wg_square(wg_sub(w, wg_scalar(t, 3))), g = derivative(f, w);
    wg_var next = wg_sub(w, wg_mul(wg_scalar(t, 0.25), g));
    double distance = 4;
    for (int step = 0; step < 10; step++) {
        double value = wg_item(next);
        EXPECT_CLOSE(value, 3 + (distance /= 2), 0);
        assert_int_equal(wg_set_value(w, &value), WG_OK);
        assert_int_equal(wg_tape_replay(t), WG_OK);
    }
    wg_tape_free(t);
}
IN_BOTH(recorded_once_and_replayed)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(with_respect_to_anything),
        BOTH(unreached_gives_zeros),
        BOTH(with_respect_to_a_cut_value),
        BOTH(with_respect_to_views),
        BOTH(vjp_with_any_cotangent),
        BOTH(failures_leave_no_trace),
        BOTH(on_a_tape_in_error),
        BOTH(unsupported_beside_the_path),
        BOTH(steady_state_allocates_nothing),
        BOTH(recorded_once_and_replayed),
    };
    return cmocka_run_group_tests_name("gradients", tests, NULL, NULL);
}
