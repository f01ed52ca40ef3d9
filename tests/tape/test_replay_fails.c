/* Replays that stop: at a guard that flips, at a number that is not finite, at what has no evaluation, at an evaluation
 * that fails. Leaves are intact, what stands below is fresh, everything from there on is stale, and with other numbers a
 * replay works again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tape/expect.h"

static void expect_stale(wg_var var)
{
    assert_true(wg_ok(var));
    assert_true(isnan(wg_at(var, 0)));
    EXPECT_ERROR(var.tape, WG_ERROR_STALE, "wg_at", "stale");
}

/* ---- guards ---------------------------------------------------------------------------------------------------------------- */

static void a_guard_flips(void **state)
{
    (void)state;
    for (int as_array = 0; as_array < 2; as_array++) {
        wg_tape *tape = new_tape(WG_F64);
        wg_shape shape = as_array ? WG_DIMS(1) : WG_SCALAR;
        wg_var x = wg_name(wg_variable(tape, shape, (double[]){2}), "x"), zero = wg_scalar(tape, 0);
        wg_var other = wg_variable(tape, shape, (double[]){5}), below = wg_square(x);
        wg_var condition = wg_greater(x, zero);
        assert_int_equal(wg_guard(condition), WG_OK);
        wg_var above = wg_neg(below), apart = wg_square(other), late = wg_variable(tape, shape, (double[]){7});
        wg_var turned = wg_transpose(wg_reshape(apart, WG_DIMS(1, 1)));
        for (int round = 0; round < 3; round++) {
            double good = 3 + round, bad = -1 - round;
            wg_set_value(x, &good);
            assert_int_equal(wg_tape_replay(tape), WG_OK);
            EXPECT_NUMBER(wg_item(above), -good * good);
            wg_set_value(x, &bad);
            assert_int_equal(wg_tape_replay(tape), WG_ERROR_GUARD);
            EXPECT_ERROR(tape, WG_ERROR_GUARD, "guard", "true", "false");
            EXPECT_NUMBER(wg_item(x), bad);
            EXPECT_NUMBER(wg_item(other), 5);
            EXPECT_NUMBER(wg_item(late), 7);
            EXPECT_NUMBER(wg_item(below), bad * bad);
            EXPECT_NUMBER(wg_item(condition), 0);
            expect_stale(above);
            expect_stale(apart);
            expect_stale(turned);
            assert_int_equal(wg_backward(wg_square(below)), WG_OK); /* what is fresh can be used */
            EXPECT_NUMBER(wg_grad_at(x, 0), 4 * bad * bad * bad);
            wg_zero_grad(tape);
            /* the guard has still flipped */
            assert_int_equal(wg_tape_replay(tape), WG_ERROR_GUARD);
            EXPECT_ERROR(tape, WG_ERROR_GUARD, "guard");
            expect_stale(apart);
            wg_set_value(x, &good);
            assert_int_equal(wg_tape_replay(tape), WG_OK);
            EXPECT_NUMBER(wg_item(above), -good * good);
            EXPECT_NUMBER(wg_item(apart), 25);
            EXPECT_NUMBER(wg_item(turned), 25);
        }
        HEALTHY(tape);
        wg_tape_free(tape);
    }
}

/* Each element counts, NaN is true, and so is any number but zero. */
static void guards_look_at_every_element(void **state)
{
    (void)state;
    const double nan = (double)NAN, infinity = (double)INFINITY;
    const double recorded[4] = {1, 0, nan, -0.0};
    const struct {
        double numbers[4];
        int flips; /* the element, or -1 */
    } cases[] = {
        {{1, 0, nan, -0.0}, -1},
        {{nan, -0.0, 1, 0}, -1},
        {{-1e-300, 0, infinity, 0}, -1},
        {{0, 0, 1, 0}, 0},
        {{1, nan, 1, 0}, 1},
        {{1, 0, 0, 0}, 2},
        {{1, 0, -0.0, 0}, 2},
        {{1, 0, 1, 1e-300}, 3},
    };
    wg_tape *tape = new_tape(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(2, 2), recorded);
    assert_int_equal(wg_guard(wg_transpose(x)), WG_OK); /* of something lazy */
    assert_int_equal(wg_guard(x), WG_OK);
    wg_var y = wg_neg(x);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int flips = cases[i].flips;
        wg_set_value(x, cases[i].numbers);
        assert_int_equal(wg_tape_replay(tape), flips < 0 ? WG_OK : WG_ERROR_GUARD);
        char element[30];
        snprintf(element, sizeof element, "element %d ", flips == 1 ? 2 : flips == 2 ? 1 : flips); /* transposed */
        if (flips >= 0) EXPECT_ERROR(tape, WG_ERROR_GUARD, "guard", element, flips % 2 ? "was false" : "was true");
        if (flips >= 0) expect_stale(y);
    }
    wg_set_value(x, recorded);
    assert_int_equal(wg_tape_replay(tape), WG_OK);
    EXPECT_NUMBER(wg_at(y, 0), -1);
    wg_tape_free(tape);
}

/* A guard on nothing, and one on what no leaf of the loop touches. */
static void guards_that_cannot_flip(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F32);
    wg_var x = wg_scalar_variable(tape, 1), c = wg_scalar(tape, 1);
    assert_int_equal(wg_guard(wg_variable_raw(tape, WG_DIMS(0, 3), NULL)), WG_OK);
    assert_int_equal(wg_guard(wg_less_equal(c, c)), WG_OK);
    wg_var y = wg_mul(x, x);
    wg_set_value(x, (double[]){3});
    assert_int_equal(wg_tape_replay(tape), WG_OK);
    EXPECT_NUMBER(wg_item(y), 9);
    assert_int_equal(wg_guard(wg_indices(tape, WG_SCALAR, NULL)), WG_ERROR_ARGUMENT);
    EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "guard", "indices");
    wg_tape_free(tape);
}

/* ---- check_finite ------------------------------------------------------------------------------------------------------------ */

static void not_finite(void **state)
{
    (void)state;
    for (int as_array = 0; as_array < 2; as_array++) {
        wg_tape *tape = new_tape_with((wg_tape_options){.dtype = WG_F64, .check_finite = true});
        wg_shape shape = as_array ? WG_DIMS(1) : WG_SCALAR;
        wg_var x = wg_variable(tape, shape, (double[]){1}), below = wg_square(x), middle = wg_neg(below);
        wg_var failing = wg_log(x), above = wg_square(below);
        HEALTHY(tape);
        wg_set_value(x, (double[]){0});
        assert_int_equal(wg_tape_replay(tape), WG_ERROR_NONFINITE);
        EXPECT_ERROR(tape, WG_ERROR_NONFINITE, "log");
        EXPECT_NUMBER(wg_item(x), 0);
        EXPECT_NUMBER(wg_item(below), 0);
        EXPECT_NUMBER(wg_item(middle), 0);
        expect_stale(failing);
        expect_stale(above);
        wg_set_value(x, (double[]){1});
        assert_int_equal(wg_tape_replay(tape), WG_OK);
        EXPECT_NUMBER(wg_item(failing), 0);
        EXPECT_NUMBER(wg_item(above), 1);
        wg_tape_free(tape);
    }
}

/* ---- precomputed ---------------------------------------------------------------------------------------------------------------- */

/* Its value cannot be computed again: a replay is fine as long as its inputs have not changed. */
static void precomputed(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_var x = wg_scalar_variable(tape, 2), y = wg_scalar_variable(tape, 3), xx = wg_mul(x, x), yy = wg_mul(y, y);
    wg_var given = wg_name(wg_precomputed(tape, 100, (wg_var[]){x, xx}, (double[]){10, 20}, 2), "given");
    wg_var sum = wg_add(given, yy);
    EXPECT_NUMBER(wg_item(sum), 109);
    assert_int_equal(wg_tape_replay(tape), WG_OK);
    EXPECT_NUMBER(wg_item(sum), 109);
    wg_set_value(y, (double[]){5});
    assert_int_equal(wg_tape_replay(tape), WG_OK);
    EXPECT_NUMBER(wg_item(sum), 125);
    assert_int_equal(wg_backward(sum), WG_OK);
    EXPECT_NUMBER(wg_grad_at(x, 0), 10 + 20 * 4);
    EXPECT_NUMBER(wg_grad_at(y, 0), 10);

    wg_set_value(x, (double[]){7});
    expect_stale(given);
    assert_int_equal(wg_tape_replay(tape), WG_ERROR_UNSUPPORTED);
    EXPECT_ERROR(tape, WG_ERROR_UNSUPPORTED, "wg_tape_replay", "given");
    EXPECT_NUMBER(wg_item(xx), 49);
    EXPECT_NUMBER(wg_item(yy), 25);
    expect_stale(given);
    expect_stale(sum);
    /* the number that it was given for is gone for good */
    assert_int_equal(wg_tape_replay(tape), WG_ERROR_UNSUPPORTED);
    EXPECT_ERROR(tape, WG_ERROR_UNSUPPORTED, "given");

    wg_var grads[1];
    wg_var again = wg_precomputed(tape, 1, &x, (double[]){1}, 1);
    assert_int_equal(wg_gradients(again, &x, 1, grads), WG_ERROR_UNSUPPORTED);
    EXPECT_ERROR(tape, WG_ERROR_UNSUPPORTED, "precomputed");
    wg_tape_free(tape);
}

/* A replay that stopped below it has not touched its inputs: the next one may go past it. */
static void precomputed_above_a_guard(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_var x = wg_scalar_variable(tape, 2), y = wg_scalar_variable(tape, 3);
    assert_int_equal(wg_guard(wg_greater(x, wg_scalar(tape, 0))), WG_OK);
    wg_var yy = wg_mul(y, y), given = wg_precomputed(tape, 100, &yy, (double[]){1}, 1), sum = wg_add(given, x);
    for (int round = 0; round < 3; round++) {
        wg_set_value(x, (double[]){-1});
        assert_int_equal(wg_tape_replay(tape), WG_ERROR_GUARD);
        EXPECT_ERROR(tape, WG_ERROR_GUARD, "guard");
        expect_stale(given);
        expect_stale(sum);
        wg_set_value(x, (double[]){4 + round});
        assert_int_equal(wg_tape_replay(tape), WG_OK);
        HEALTHY(tape);
        EXPECT_NUMBER(wg_item(given), 100);
        EXPECT_NUMBER(wg_item(sum), 104 + round);
    }
    /* when they were changed meanwhile, it may not */
    wg_set_value(x, (double[]){-1});
    wg_set_value(y, (double[]){4});
    assert_int_equal(wg_tape_replay(tape), WG_ERROR_GUARD);
    EXPECT_ERROR(tape, WG_ERROR_GUARD, "guard");
    wg_set_value(x, (double[]){4});
    assert_int_equal(wg_tape_replay(tape), WG_ERROR_UNSUPPORTED);
    EXPECT_ERROR(tape, WG_ERROR_UNSUPPORTED, "precomputed");
    wg_tape_free(tape);
}

/* ---- an evaluation that fails ---------------------------------------------------------------------------------------------------- */

static wg_status fussy_shape(wg_call *call)
{
    call->shape = *call->in[0].shape;
    return WG_OK;
}

/* Fails at negative numbers: with a message, without one, or by asking for too much memory. */
static wg_status fussy_evaluate(wg_call *call)
{
    const double *x = call->in[0].data;
    double *y = call->out;
    const int *way = call->attributes;
    for (size_t i = 0; i < call->in[0].size; i++) {
        if (x[i] < 0 && *way == 0)
            return wg_call_fail(call, WG_ERROR_NONFINITE, "%s is negative", wg_call_describe(call, 0));
        if (x[i] < 0 && *way == 1) return WG_ERROR_SHAPE;
        if (x[i] < 0 && *way == 2 && !wg_call_scratch(call, SIZE_MAX)) return WG_OK; /* forgot to pass it on */
        y[i] = x[i];
    }
    return WG_OK;
}

static const wg_op fussy = {.name = "fussy", .arity = 1, .shape = fussy_shape, .evaluate = fussy_evaluate};

static void evaluations_that_fail(void **state)
{
    (void)state;
    const wg_status expected[] = {WG_ERROR_NONFINITE, WG_ERROR_SHAPE, WG_ERROR_MEMORY};
    for (int way = 0; way < 3; way++) {
        wg_tape *tape = new_tape(WG_F64);
        wg_var x = wg_name(wg_variable(tape, WG_DIMS(2), (double[]){1, 2}), "x"), below = wg_neg(x);
        wg_var y = wg_apply(tape, &fussy, &x, 1, &way, sizeof way), above = wg_sum(y);
        wg_set_value(x, (double[]){1, -2});
        assert_int_equal(wg_tape_replay(tape), expected[way]);
        EXPECT_ERROR(tape, expected[way], "fussy", way ? "" : "x (2) is negative");
        EXPECT_NUMBER(wg_at(below, 1), 2);
        expect_stale(y);
        expect_stale(above);
        wg_set_value(x, (double[]){3, 4});
        assert_int_equal(wg_tape_replay(tape), WG_OK);
        EXPECT_NUMBER(wg_item(above), 7);

        /* and when recording: no node */
        wg_set_value(x, (double[]){-3, 4});
        size_t nodes = count_nodes(tape);
        assert_false(wg_ok(wg_apply(tape, &fussy, &x, 1, &way, sizeof way)));
        EXPECT_ERROR(tape, expected[way], "fussy");
        assert_int_equal(count_nodes(tape), nodes);
        assert_int_equal(wg_backward(above), WG_ERROR_STALE);
        EXPECT_ERROR(tape, WG_ERROR_STALE, "wg_backward");
        wg_set_value(x, (double[]){3, 4});
        assert_int_equal(wg_tape_replay(tape), WG_OK);
        assert_int_equal(wg_backward(above), WG_ERROR_UNSUPPORTED);
        EXPECT_ERROR(tape, WG_ERROR_UNSUPPORTED, "fussy", "derivative");
        wg_tape_free(tape);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_guard_flips),
        cmocka_unit_test(guards_look_at_every_element),
        cmocka_unit_test(guards_that_cannot_flip),
        cmocka_unit_test(not_finite),
        cmocka_unit_test(precomputed),
        cmocka_unit_test(precomputed_above_a_guard),
        cmocka_unit_test(evaluations_that_fail),
    };
    return cmocka_run_group_tests_name("tape/replay_fails", tests, NULL, NULL);
}
