/* What a derivative may do that is unusual and must not go wrong unseen: keep pointers to many scalar operands, view an
 * operand whose node then moves, look at its cotangent's size while memory is rehearsed, change a leaf. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "op/numbers.h"

/* ---- many scalar operands: y = sum x^2 ------------------------------------------------------------------------------- */

enum { MANY = 200 };

static wg_status evaluate_squares(wg_call *call)
{
    double sum = 0;
    for (size_t k = 0; k < call->n; k++) sum += pow(get(call->dtype, call->in[k].data, 0), 2);
    put(call->dtype, call->out, 0, sum);
    return WG_OK;
}

/* Takes every operand's address first, then more terms, so that what holds them grows, and only then reads. */
static void derive_squares(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    const void *x[MANY];
    for (size_t k = 0; k < call->n; k++) x[k] = wg_term_numbers(d, wg_primal(d, k));
    for (size_t k = 0; k < call->n; k++) wg_number(d, (double)k);
    double g = get(call->dtype, wg_term_numbers(d, wg_cotangent(d)), 0);
    for (size_t k = 0; k < call->n; k++) {
        bool add;
        void *out = wg_give_numbers(d, k, &add);
        if (out) put_or_add(call->dtype, out, 0, 2 * g * get(call->dtype, x[k], 0), add);
    }
}

static const wg_op squares_op = {.name = "squares",
    .arity = WG_ANY_ARITY,
    .shape = shape_0d,
    .evaluate = evaluate_squares,
    .derivative = derive_squares};

static void many_scalar_operands(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var v[MANY], x[MANY];
    for (int k = 0; k < MANY; k++) {
        v[k] = wg_scalar_variable(tape, k + 1);
        x[k] = wg_neg(v[k]);
    }
    assert_int_equal(wg_backward(wg_apply(tape, &squares_op, x, MANY, NULL, 0)), WG_OK);
    for (int k = 0; k < MANY; k++) assert_true(wg_grad_at(v[k], 0) == 2.0 * (k + 1));
    wg_tape_free(tape);
}

/* ---- a view of a scalar operand: y = x^2 --------------------------------------------------------------------------- */

static wg_var moved;
static bool boxes;

static wg_status evaluate_square(wg_call *call)
{
    put(call->dtype, call->out, 0, pow(get(call->dtype, call->in[0].data, 0), 2));
    return WG_OK;
}

static void derive_square(wg_derivation *d)
{
    wg_shape one = WG_DIMS(1);
    wg_term x = wg_primal(d, 0), row = wg_step(d, wg_op_reshape(), &x, 1, &one, sizeof one);
    if (boxes)
        wg_name(moved, "boxed");
    else
        for (int i = 0; i < 300; i++) wg_exp(moved); /* recording above the top moves the nodes */
    wg_term slope = wg_step(d, wg_op_mul(), (wg_term[]){row, wg_number(d, 2)}, 2, NULL, 0);
    wg_give(d, 0, wg_op_mul(), (wg_term[]){wg_cotangent(d), slope}, 2, NULL, 0);
}

static const wg_op square_op = {
    .name = "square_by_view", .arity = 1, .shape = shape_0d, .evaluate = evaluate_square, .derivative = derive_square};

static void a_view_of_a_scalar_operand(void **state)
{
    (void)state;
    for (int round = 0; round < 2; round++) {
        boxes = round;
        wg_tape *tape = wg_tape_new(WG_F64);
        wg_var x = wg_scalar_variable(tape, 3);
        moved = wg_neg(x);
        assert_int_equal(wg_backward(apply(&square_op, moved)), WG_OK);
        assert_true(wg_grad_at(x, 0) == 6);
        wg_tape_free(tape);
    }
}

/* ---- a derivative that looks at its cotangent and records: y = x ------------------------------------------------------- */

static wg_status evaluate_copy(wg_call *call)
{
    memcpy(call->out, call->in[0].data, call->in[0].size * (call->dtype == WG_F64 ? sizeof(double) : sizeof(float)));
    return WG_OK;
}

static void derive_watch(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    const void *g = wg_term_numbers(d, wg_cotangent(d));
    for (size_t i = 0; g && i < call->in[0].size; i++)
        if (!(fabs(get(call->dtype, g, i)) < 1e6)) wg_call_fail(call, WG_ERROR_NONFINITE, "the cotangent explodes");
    wg_exp(moved);
    wg_give_term(d, 0, wg_cotangent(d));
}

static const wg_op watch_op = {
    .name = "watch", .arity = 1, .shape = shape_of_first, .evaluate = evaluate_copy, .derivative = derive_watch};

/* The same on a tape that rehearses a sweep as on one that does not, also when the memory holds large numbers. */
static void rehearsed_derivatives(void **state)
{
    (void)state;
    for (size_t limit = 0; limit <= (size_t)1 << 24; limit += (size_t)1 << 24) {
        wg_tape *tape = wg_tape_new_with(&(wg_tape_options){.dtype = WG_F64, .memory_limit = limit}, NULL);
        wg_var x = wg_variable(tape, WG_DIMS(3), ((double[]){1, 2, 3}));
        moved = wg_sum(x);
        wg_backward(wg_sum(wg_mul(wg_square(x), wg_scalar(tape, 1e300))));
        wg_zero_grad(tape);
        wg_var y = wg_sum(apply(&watch_op, wg_neg(x)));
        wg_stats before, after;
        wg_tape_stats(tape, &before);
        assert_int_equal(wg_backward(y), WG_OK);
        wg_tape_stats(tape, &after);
        assert_int_equal(after.nodes - before.nodes, 1);
        for (size_t i = 0; i < 3; i++) assert_true(wg_grad_at(x, i) == -1);
        wg_tape_free(tape);
    }
}

/* ---- a derivative that changes a leaf -------------------------------------------------------------------------------- */

static wg_var leaf;

static void derive_meddle(wg_derivation *d)
{
    wg_set_value_f64(leaf, (double[]){100});
    wg_give_term(d, 0, wg_cotangent(d));
}

static const wg_op meddle_op = {
    .name = "meddle", .arity = 1, .shape = shape_of_first, .evaluate = evaluate_copy, .derivative = derive_meddle};

static void a_leaf_stays_during_a_sweep(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    leaf = wg_scalar_variable(tape, 3);
    wg_var y = apply(&meddle_op, wg_square(leaf));
    assert_int_equal(wg_backward(y), WG_ERROR_ARGUMENT);
    EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "wg_set_value: the tape is busy");
    assert_true(wg_item(leaf) == 3);
    wg_tape_free(tape);
}

/* ---- a lazy op that is no transpose, which matmul would misread --------------------------------------------------------- */

static const wg_op lazy_op = {
    .name = "lazy", .arity = 1, .flags = WG_OP_LAZY, .shape = shape_of_first, .evaluate = evaluate_copy};

static void a_lazy_op_swaps_axes(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_constant(tape, WG_DIMS(2, 3), ((double[]){1, 2, 3, 4, 5, 6}));
    assert_false(wg_ok(apply(&lazy_op, x)));
    EXPECT_ERROR(tape, WG_ERROR_UNSUPPORTED, "lazy: ");
    wg_tape_free(tape);
}

/* ---- results in the array of the arguments --------------------------------------------------------------------------------- */

static void gradients_in_place(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var v[2] = {wg_scalar_variable(tape, 3), wg_scalar_variable(tape, 5)};
    assert_int_equal(wg_gradients(wg_mul(wg_square(v[0]), v[1]), v, 2, v), WG_OK);
    assert_true(wg_item(v[0]) == 30 && wg_item(v[1]) == 9);
    wg_tape_free(tape);
}

/* ---- both readings agree where a factor that is no cotangent is zero or infinite ----------------------------------------------- */

static void powers_far_out(void **state)
{
    (void)state;
    static const double points[][2] = {{-800, -800}, {INFINITY, -1}, {2, 3}, {0, 2}, {0, 0}};
    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
        wg_tape *tape = wg_tape_new(WG_F64);
        wg_var v[2] = {wg_scalar_variable(tape, points[i][0]), wg_scalar_variable(tape, points[i][1])}, g[2];
        wg_var y = wg_pow(v[0], v[1]);
        assert_int_equal(wg_gradients(y, v, 2, g), WG_OK);
        assert_int_equal(wg_backward(y), WG_OK);
        for (int k = 0; k < 2; k++) {
            double numbers = wg_grad_at(v[k], 0), recorded = wg_item(g[k]);
            assert_true(numbers == recorded || (isnan(numbers) && isnan(recorded)));
        }
        wg_tape_free(tape);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_scalar_operands),
        cmocka_unit_test(a_view_of_a_scalar_operand),
        cmocka_unit_test(rehearsed_derivatives),
        cmocka_unit_test(a_leaf_stays_during_a_sweep),
        cmocka_unit_test(a_lazy_op_swaps_axes),
        cmocka_unit_test(gradients_in_place),
        cmocka_unit_test(powers_far_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
