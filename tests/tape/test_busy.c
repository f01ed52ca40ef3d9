/* The tape is busy: what an op's shape rule, view rule, evaluation and derivative may not do with their own tape, and what
 * they may. Every refusal is an error of the call that was under way, and leaves a tape that works after a clear. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tape/expect.h"

/* ---- an op that does something on the side ---------------------------------------------------------------------------- */

typedef enum moment { NEVER, IN_SHAPE, IN_VIEW, IN_EVALUATION, IN_DERIVATIVE } moment;

static struct {
    moment when;
    void (*action)(void);
    wg_tape *tape;
    wg_mark mark;
    wg_var leaf, number, scalar, array; /* number: an inline constant; scalar: computed, 0-d */
    size_t times;
} side;

static void side_act(moment now)
{
    if (now != side.when) return;
    side.times++;
    side.action();
}

static wg_status side_shape(wg_call *call)
{
    side_act(IN_SHAPE);
    call->shape = *call->in[0].shape;
    return WG_OK;
}

static size_t side_view(const wg_call *call)
{
    (void)call;
    side_act(IN_VIEW);
    return SIZE_MAX;
}

/* y = 2 x0 + x1, x1 a scalar. */
static wg_status side_evaluate(wg_call *call)
{
    const double *x = call->in[0].data, *c = call->in[1].data;
    double *y = call->out;
    side_act(IN_EVALUATION);
    for (size_t i = 0; i < call->in[0].size; i++) y[i] = 2 * x[i] + *c;
    return WG_OK;
}

static void side_derivative(wg_derivation *d)
{
    wg_term g = wg_cotangent(d), two = wg_number(d, 2);
    const double *c = wg_term_numbers(d, wg_primal(d, 1));
    double before = c ? *c : 0;
    side_act(IN_DERIVATIVE);
    if (c) EXPECT_NUMBER(*c, before); /* a term's numbers stay until the end of the derivation */
    wg_give(d, 0, wg_op_mul(), (wg_term[]){g, two}, 2, NULL, 0);
    wg_give_term(d, 1, g);
}

static const wg_op side_op = {.name = "side",
    .arity = 2,
    .shape = side_shape,
    .view = side_view,
    .evaluate = side_evaluate,
    .derivative = side_derivative};

static wg_var side_apply(void)
{
    return wg_apply(side.tape, &side_op, (wg_var[]){side.array, side.scalar}, 2, NULL, 0);
}

/* x = (1, 2, 3), s = 3, scalar = s^2 = 9, array = x^2, y = 2 x^2 + s^2, loss = sum y = 2 (1+4+9) + 3 s^2. */
static wg_var side_open(moment when, void (*action)(void))
{
    wg_tape *tape = new_tape(WG_F64);
    side.tape = tape;
    side.when = NEVER;
    side.action = action;
    side.times = 0;
    side.leaf = wg_variable(tape, WG_DIMS(3), (double[]){1, 2, 3});
    wg_var s = wg_scalar_variable(tape, 3);
    side.number = wg_scalar(tape, 4);
    side.mark = wg_tape_mark(tape);
    side.scalar = wg_mul(s, s);
    side.array = wg_square(side.leaf);
    HEALTHY(tape);
    if (when != IN_DERIVATIVE) {
        side.when = when;
        return (wg_var){0};
    }
    wg_var loss = wg_sum(side_apply());
    side.when = when;
    return loss;
}

/* Everything works, and is right. */
static void side_works(void)
{
    side.when = NEVER;
    wg_var loss = wg_sum(side_apply()), s = {side.tape, 1, side.leaf.epoch}, d[1];
    HEALTHY(side.tape);
    EXPECT_NUMBER(wg_item(loss), 55);
    EXPECT_NUMBER(wg_item(side.number), 4);
    assert_int_equal(wg_zero_grad(side.tape), WG_OK);
    assert_int_equal(wg_backward(loss), WG_OK);
    for (size_t i = 0; i < 3; i++) EXPECT_NUMBER(wg_grad_at(side.leaf, i), 4 * (double)(i + 1));
    EXPECT_NUMBER(wg_grad_at(s, 0), 18);
    assert_int_equal(wg_gradients(loss, &s, 1, d), WG_OK);
    EXPECT_NUMBER(wg_item(d[0]), 18);
    assert_int_equal(wg_set_value(side.leaf, (double[]){1, 2, 4}), WG_OK);
    assert_int_equal(wg_tape_replay(side.tape), WG_OK);
    EXPECT_NUMBER(wg_item(loss), 69);
    assert_int_equal(wg_tape_rewind(side.tape, side.mark), WG_OK);
    HEALTHY(side.tape);
}

static void side_close(void)
{
    wg_tape_free(side.tape);
    side.tape = NULL;
}

/* ---- what is refused ---------------------------------------------------------------------------------------------------- */

static void do_rewind(void) { assert_int_not_equal(wg_tape_rewind(side.tape, side.mark), WG_OK); }
static void do_replay(void) { assert_int_not_equal(wg_tape_replay(side.tape), WG_OK); }
static void do_backward(void) { assert_int_not_equal(wg_backward(wg_reshape(side.scalar, WG_SCALAR)), WG_OK); }
static void do_backward_alone(void) { assert_int_not_equal(wg_backward(side.scalar), WG_OK); }
static void do_backward_from(void) { assert_int_not_equal(wg_backward_from(side.array, (double[]){1, 1, 1}), WG_OK); }
static void do_free(void) { wg_tape_free(side.tape); }
static void do_zero_grad(void) { assert_int_not_equal(wg_zero_grad(side.tape), WG_OK); }
static void do_gradients(void) { assert_int_not_equal(wg_gradients(side.scalar, &side.leaf, 1, &(wg_var){0}), WG_OK); }
static void do_op(void) { assert_false(wg_ok(wg_exp(side.array))); }
static void do_scalar_op(void) { assert_false(wg_ok(wg_mul(side.scalar, side.scalar))); }
static void do_apply(void) { assert_false(wg_ok(wg_apply(side.tape, wg_op_neg(), &side.array, 1, NULL, 0))); }
static void do_itself(void) { assert_false(wg_ok(side_apply())); }
static void do_leaf(void) { assert_false(wg_ok(wg_variable_raw(side.tape, WG_DIMS(2), NULL))); }
static void do_number(void) { assert_false(wg_ok(wg_scalar(side.tape, 1))); }
static void do_indices(void) { assert_false(wg_ok(wg_indices(side.tape, WG_DIMS(2), NULL))); }
static void do_set_value(void) { assert_int_not_equal(wg_set_value(side.leaf, (double[]){7, 7, 7}), WG_OK); }
static void do_value_mut(void) { assert_null(wg_value_mut(side.leaf)); }
static double somewhere[3] = {8, 8, 8};
static void do_bind(void) { assert_int_not_equal(wg_bind(side.leaf, somewhere, NULL), WG_OK); }
static void do_guard(void) { assert_int_not_equal(wg_guard(side.array), WG_OK); }
static void do_retain(void) { assert_int_not_equal(wg_retain_grad(side.array), WG_OK); }
static void do_mark(void) { wg_tape_mark(side.tape); }

typedef struct deed {
    const char *name;
    void (*action)(void);
} deed;

static const deed never[] = {{"rewind", do_rewind}, {"replay", do_replay}, {"backward", do_backward_alone},
    {"backward_from", do_backward_from}, {"free", do_free}, {"zero_grad", do_zero_grad}, {"gradients", do_gradients}};
static const deed not_while_evaluating[] = {{"op", do_op}, {"scalar op", do_scalar_op}, {"apply", do_apply},
    {"itself", do_itself}, {"leaf", do_leaf}, {"number", do_number}, {"indices", do_indices},
    {"set_value", do_set_value}, {"value_mut", do_value_mut}, {"bind", do_bind}, {"guard", do_guard},
    {"retain_grad", do_retain}, {"mark", do_mark}, {"backward of an op", do_backward}};

/* Recording the op: it fails, and records nothing. */
static void refuse_recording(moment when, const deed *d)
{
    side_open(when, d->action);
    size_t nodes = count_nodes(side.tape);
    wg_var y = side_apply();
    if (wg_ok(y) || side.times != 1) fail_msg("%s, moment %d: not refused", d->name, (int)when);
    assert_int_equal(count_nodes(side.tape), nodes);
    EXPECT_ERROR(side.tape, WG_ERROR_ARGUMENT, "busy");
    side_works();
    side_close();
}

/* Replaying it: everything from it on is stale. */
static void refuse_replay(const deed *d)
{
    side_open(NEVER, d->action);
    wg_var y = side_apply(), loss = wg_sum(y);
    side.when = IN_EVALUATION;
    if (wg_tape_replay(side.tape) != WG_ERROR_ARGUMENT || side.times != 1) fail_msg("%s: not refused", d->name);
    EXPECT_ERROR(side.tape, WG_ERROR_ARGUMENT, "busy");
    EXPECT_NUMBER(wg_at(side.array, 2), 9);
    assert_true(isnan(wg_item(loss)));
    EXPECT_ERROR(side.tape, WG_ERROR_STALE, "wg_item");
    side_works();
    side_close();
}

/* Sweeping over it, on numbers and recorded. */
static void refuse_sweep(const deed *d)
{
    wg_var loss = side_open(IN_DERIVATIVE, d->action), grad[1];
    if (wg_backward(loss) != WG_ERROR_ARGUMENT || side.times != 1) fail_msg("%s: not refused", d->name);
    EXPECT_ERROR(side.tape, WG_ERROR_ARGUMENT, "busy");
    EXPECT_NUMBER(wg_item(loss), 55);
    size_t nodes = count_nodes(side.tape);
    if (wg_gradients(loss, &side.leaf, 1, grad) != WG_ERROR_ARGUMENT || side.times != 2)
        fail_msg("%s, recorded: not refused", d->name);
    assert_int_equal(count_nodes(side.tape), nodes);
    EXPECT_ERROR(side.tape, WG_ERROR_ARGUMENT, "busy");
    side_works();
    side_close();
}

static void refused_while_evaluating(void **state)
{
    (void)state;
    const size_t counts[] = {sizeof never / sizeof *never, sizeof not_while_evaluating / sizeof *not_while_evaluating};
    const deed *const deeds[] = {never, not_while_evaluating};
    for (size_t list = 0; list < 2; list++)
        for (size_t i = 0; i < counts[list]; i++) {
            for (moment when = IN_SHAPE; when <= IN_EVALUATION; when++) refuse_recording(when, &deeds[list][i]);
            refuse_replay(&deeds[list][i]);
        }
}

static void refused_while_differentiating(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof never / sizeof *never; i++) refuse_sweep(&never[i]);
}

/* ---- what is allowed ---------------------------------------------------------------------------------------------------- */

static void do_read(void)
{
    assert_true(wg_ok(side.scalar));
    assert_int_equal(wg_size(side.array), 3);
    EXPECT_NUMBER(wg_item(side.scalar), 9);
    EXPECT_NUMBER(wg_at(side.array, 1), 4);
    EXPECT_NUMBER(wg_value_f64(side.leaf)[1], 2);
    assert_non_null(wg_grad(side.leaf));
    assert_int_equal(wg_tape_dtype(side.tape), WG_F64);
    assert_true(count_nodes(side.tape) > 0);
}

static void reading_is_allowed(void **state)
{
    (void)state;
    for (moment when = IN_SHAPE; when <= IN_EVALUATION; when++) {
        side_open(when, do_read);
        assert_true(wg_ok(side_apply()));
        assert_int_equal(side.times, 1);
        side_works();
        side_close();
    }
    wg_var loss = side_open(IN_DERIVATIVE, do_read);
    assert_int_equal(wg_backward(loss), WG_OK);
    assert_int_equal(wg_gradients(loss, &side.leaf, 1, &(wg_var){0}), WG_OK);
    assert_int_equal(side.times, 2);
    side_works();
    side_close();
}

/* A scalar's address is asked for while its number is in use: as an operand of the evaluation, or as an adjoint of the
 * sweep. It is given or refused, but what is under way must not go wrong unseen. */
static void do_address(void) { wg_value(side.scalar); }
static void do_name(void) { wg_name(side.scalar, "scalar"); }
static void do_retain_scalar(void) { wg_retain_grad(side.scalar); }

static void an_address_while_evaluating(void **state)
{
    (void)state;
    for (moment when = IN_SHAPE; when <= IN_EVALUATION; when++) {
        side_open(when, do_address);
        wg_var y = side_apply();
        assert_int_equal(wg_ok(y), wg_tape_status(side.tape) == WG_OK);
        if (wg_ok(y)) EXPECT_NUMBER(wg_at(y, 2), 27);
        wg_tape_clear_error(side.tape);
        side_works();
        side_close();
    }
}

static void an_address_while_differentiating(void **state)
{
    (void)state;
    void (*const actions[])(void) = {do_address, do_name, do_retain_scalar};
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        wg_var loss = side_open(IN_DERIVATIVE, actions[i]), s = {side.tape, 1, side.leaf.epoch};
        /* the scalar has a second use above the op, so its adjoint is there when the op's derivative runs */
        side.when = NEVER;
        loss = wg_add(loss, wg_mul(side.scalar, wg_scalar(side.tape, 10)));
        side.when = IN_DERIVATIVE;
        wg_status status = wg_backward(loss);
        assert_int_equal(side.times, 1);
        assert_int_equal(status, wg_tape_status(side.tape));
        if (status == WG_OK) EXPECT_NUMBER(wg_grad_at(s, 0), (10 + 3) * 2 * 3);
        if (status == WG_OK) EXPECT_NUMBER(wg_grad_at(side.leaf, 2), 12);
        wg_tape_clear_error(side.tape);
        side_works();
        side_close();
    }
}

/* A derivative may record, also while it runs on numbers: above the top, so often that all nodes move. */
static void do_record(void)
{
    wg_var x = side.scalar;
    for (int i = 0; i < 5000; i++) x = wg_neg(x);
    EXPECT_NUMBER(wg_item(x), 9);
    wg_sum(wg_square(side.array));
    wg_scalar_variable(side.tape, 1);
}

static void recording_while_differentiating(void **state)
{
    (void)state;
    wg_var loss = side_open(IN_DERIVATIVE, do_record), s = {side.tape, 1, side.leaf.epoch}, d[1];
    assert_int_equal(wg_backward(loss), WG_OK);
    EXPECT_NUMBER(wg_grad_at(s, 0), 18);
    EXPECT_NUMBER(wg_grad_at(side.leaf, 2), 12);
    assert_int_equal(wg_gradients(loss, &s, 1, d), WG_OK);
    EXPECT_NUMBER(wg_item(d[0]), 18);
    assert_int_equal(side.times, 2);
    side_works();
    side_close();
}

/* Another tape is nobody's concern. */
static void do_another_tape(void)
{
    wg_tape *tape = new_tape(WG_F32);
    wg_mark mark = wg_tape_mark(tape);
    wg_var x = wg_variable(tape, WG_DIMS(2), (float[]){1, 2});
    assert_int_equal(wg_backward(wg_sum(wg_square(x))), WG_OK);
    EXPECT_NUMBER(wg_grad_at(x, 1), 4);
    assert_int_equal(wg_tape_replay(tape), WG_OK);
    assert_int_equal(wg_tape_rewind(tape, mark), WG_OK);
    wg_tape_free(tape);
}

static void another_tape_is_allowed(void **state)
{
    (void)state;
    for (moment when = IN_SHAPE; when <= IN_EVALUATION; when++) {
        side_open(when, do_another_tape);
        assert_true(wg_ok(side_apply()));
        side_works();
        side_close();
    }
    wg_var loss = side_open(IN_DERIVATIVE, do_another_tape);
    assert_int_equal(wg_backward(loss), WG_OK);
    assert_int_equal(side.times, 1);
    side_works();
    side_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused_while_evaluating),
        cmocka_unit_test(refused_while_differentiating),
        cmocka_unit_test(reading_is_allowed),
        cmocka_unit_test(an_address_while_evaluating),
        cmocka_unit_test(an_address_while_differentiating),
        cmocka_unit_test(recording_while_differentiating),
        cmocka_unit_test(another_tape_is_allowed),
    };
    return cmocka_run_group_tests_name("tape/busy", tests, NULL, NULL);
}
