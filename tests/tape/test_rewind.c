/* Marks and rewinds: what a rewind drops, what it keeps, and which marks and vars can still be used after it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tape/expect.h"
#include "tape/list.h"

static void drops_what_came_after(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(2), (double[]){1, 2}), y = wg_square(x);
    wg_mark mark = wg_tape_mark(tape);
    wg_var z = wg_sum(y), late = wg_variable_raw(tape, WG_DIMS(3), NULL), n = wg_scalar(tape, 1), m = wg_mul(n, z);
    assert_int_equal(count_nodes(tape), 6);
    assert_int_equal(wg_tape_rewind(tape, mark), WG_OK);
    assert_int_equal(count_nodes(tape), 2);
    assert_true(wg_ok(x) && wg_ok(y));
    assert_false(wg_ok(z) || wg_ok(late) || wg_ok(n) || wg_ok(m));
    EXPECT_NUMBER(wg_at(y, 1), 4);

    /* others take their places; the old ones stay invalid */
    wg_var again = wg_sum(y), other = wg_exp(x);
    assert_int_equal(again.index, z.index);
    assert_int_equal(other.index, late.index);
    assert_true(wg_ok(again) && wg_ok(other));
    assert_false(wg_ok(z) || wg_ok(late));
    EXPECT_NUMBER(wg_item(again), 5);
    assert_true(isnan(wg_item(z)));
    EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "wg_item", "rewind");
    wg_tape_free(tape);
}

static void to_the_beginning(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F32);
    wg_mark start = wg_tape_mark(tape);
    for (int round = 0; round < 4; round++) {
        wg_var x = wg_variable(tape, WG_DIMS(2), (double[]){1, round}), y = wg_sum(wg_mul(x, x));
        EXPECT_NUMBER(wg_item(y), 1 + round * round);
        assert_int_equal(wg_backward(y), WG_OK);
        EXPECT_NUMBER(wg_grad_at(x, 1), 2 * round);
        assert_int_equal(wg_tape_rewind(tape, start), WG_OK);
        assert_int_equal(wg_tape_rewind(tape, start), WG_OK);
        assert_int_equal(count_nodes(tape), 0);
        assert_false(wg_ok(x));
    }
    HEALTHY(tape);
    wg_tape_free(tape);
}

/* Rewinding with nothing recorded in between keeps all vars; a mark serves any number of times. */
static void marks_serve_again(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_var x = wg_scalar_variable(tape, 2);
    wg_mark first = wg_tape_mark(tape), second = wg_tape_mark(tape);
    assert_int_equal(wg_tape_rewind(tape, first), WG_OK);
    assert_true(wg_ok(x));
    for (int round = 0; round < 3; round++) {
        wg_mul(x, x);
        assert_int_equal(wg_tape_rewind(tape, round % 2 ? first : second), WG_OK);
        assert_true(wg_ok(x));
    }
    HEALTHY(tape);
    wg_tape_free(tape);
}

/* Inner loops within outer ones: an inner mark dies with its surroundings, the outer one lives. */
static void nested(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_var x = wg_scalar_variable(tape, 3);
    wg_mark outer = wg_tape_mark(tape);
    for (int i = 0; i < 3; i++) {
        wg_var y = wg_mul(x, x);
        wg_mark inner = wg_tape_mark(tape);
        for (int j = 0; j < 3; j++) {
            wg_var z = wg_mul(y, x);
            EXPECT_NUMBER(wg_item(z), 27);
            assert_int_equal(wg_tape_rewind(tape, inner), WG_OK);
            assert_true(wg_ok(y));
            assert_false(wg_ok(z));
        }
        assert_int_equal(wg_tape_rewind(tape, outer), WG_OK);
        assert_false(wg_ok(y));
        assert_int_equal(wg_tape_rewind(tape, inner), WG_ERROR_ARGUMENT);
        EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "wg_tape_rewind", "mark");

        /* also when as much as before has been recorded again */
        wg_mul(x, x);
        assert_int_equal(wg_tape_rewind(tape, inner), WG_ERROR_ARGUMENT);
        EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "wg_tape_rewind", "mark");
        wg_neg(x);
        wg_neg(x);
        assert_int_equal(wg_tape_rewind(tape, inner), WG_ERROR_ARGUMENT);
        EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "wg_tape_rewind", "mark");
        assert_int_equal(count_nodes(tape), 4);
        assert_int_equal(wg_tape_rewind(tape, outer), WG_OK);
    }
    wg_tape_free(tape);
}

static void marks_of_no_use(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64), *other = new_tape(WG_F64);
    wg_var x = wg_scalar_variable(tape, 3);
    wg_scalar_variable(other, 3);
    const wg_mark marks[] = {wg_tape_mark(other), wg_tape_mark(NULL), {0}, {tape, 1, x.epoch + 1}, {tape, 2, x.epoch},
        {tape, UINT32_MAX, x.epoch}};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        assert_int_equal(wg_tape_rewind(tape, marks[i]), WG_ERROR_ARGUMENT);
        EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "wg_tape_rewind");
    }
    HEALTHY(other);
    wg_add(wg_constant_raw(tape, WG_DIMS(2), NULL), wg_constant_raw(tape, WG_DIMS(3), NULL));
    wg_mark in_error = wg_tape_mark(tape);
    EXPECT_ERROR(tape, WG_ERROR_SHAPE, "add");
    assert_int_equal(wg_tape_rewind(tape, in_error), WG_ERROR_ARGUMENT);
    EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "wg_tape_rewind");
    assert_true(wg_ok(x));
    wg_tape_free(tape);
    wg_tape_free(other);
}

/* Epochs are compared, never ordered: when their counter wraps, nothing happens. */
static void epochs_wrap(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    tape->epoch = UINT32_MAX - 2;
    wg_var x = wg_scalar_variable(tape, 3), older = {0};
    wg_mark mark = wg_tape_mark(tape), inner = {0};
    for (int round = 0; round < 6; round++) {
        wg_var y = wg_mul(x, x), z = wg_neg(y);
        assert_true(wg_ok(x) && wg_ok(y) && !wg_ok(older) && !wg_ok((wg_var){0}));
        EXPECT_NUMBER(wg_item(z), -9);
        if (round) assert_int_equal(wg_tape_rewind(tape, inner), WG_ERROR_ARGUMENT);
        wg_tape_clear_error(tape);
        inner = wg_tape_mark(tape);
        assert_int_equal(wg_tape_rewind(tape, inner), WG_OK);
        assert_true(wg_ok(z));
        assert_int_equal(wg_tape_rewind(tape, mark), WG_OK);
        older = y;
    }
    assert_true(tape->epoch < 10);
    assert_int_equal(wg_backward(wg_mul(x, x)), WG_OK);
    EXPECT_NUMBER(wg_grad_at(x, 0), 6);
    wg_tape_free(tape);
}

/* ---- what is kept -------------------------------------------------------------------------------------------------------- */

static void older_leaves_keep_their_gradients(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(2), (double[]){1, 2}), s = wg_scalar_variable(tape, 3);
    wg_var kept = wg_square(x);
    wg_retain_grad(kept);
    wg_mark mark = wg_tape_mark(tape);
    for (int round = 1; round <= 4; round++) {
        wg_var late = wg_variable(tape, WG_DIMS(2), (double[]){1, 1});
        wg_var loss = wg_sum(wg_mul(wg_mul(kept, s), late));
        assert_int_equal(wg_backward(loss), WG_OK);
        EXPECT_NUMBER(wg_grad_at(late, 1), 12);
        assert_int_equal(wg_tape_rewind(tape, mark), WG_OK);
        EXPECT_NUMBER(wg_grad_at(x, 1), round * 12);
        EXPECT_NUMBER(wg_grad_at(s, 0), round * 5);
        EXPECT_NUMBER(wg_grad_at(kept, 0), round * 3);
    }
    assert_int_equal(wg_zero_grad(tape), WG_OK);
    EXPECT_NUMBER(wg_grad_at(x, 1), 0);
    EXPECT_NUMBER(wg_grad_at(kept, 0), 0);
    HEALTHY(tape);
    wg_tape_free(tape);
}

/* Names and retained gradients go with their nodes: what comes into the same places has neither. */
static void names_and_retained_gradients_go(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(2), (double[]){1, 2}), s = wg_scalar_variable(tape, 3);
    wg_mark mark = wg_tape_mark(tape);
    for (int round = 0; round < 3; round++) {
        wg_var a = wg_square(x), b = wg_mul(s, s);
        assert_null(wg_grad(a));
        EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "wg_grad", "square");
        assert_null(wg_grad(b));
        EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "wg_grad", "mul");
        wg_retain_grad(wg_name(a, "a"));
        wg_retain_grad(wg_name(b, "b"));
        EXPECT_NUMBER(wg_grad_at(a, 0), 0);
        EXPECT_NUMBER(wg_grad_at(b, 0), 0);
        assert_int_equal(wg_backward(wg_sum(wg_mul(a, b))), WG_OK);
        EXPECT_NUMBER(wg_grad_at(a, 0), 9);
        EXPECT_NUMBER(wg_grad_at(b, 0), 5);
        HEALTHY(tape);
        assert_int_equal(wg_tape_rewind(tape, mark), WG_OK);
        assert_int_equal(wg_zero_grad(tape), WG_OK);
    }
    wg_tape_free(tape);
}

/* A scalar from before the mark that is given an address, a name or a gradient after it keeps them. */
static void late_addresses_of_older_scalars(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_var s = wg_scalar_variable(tape, 3), square = wg_mul(s, s), cube = wg_mul(square, s), c = wg_scalar(tape, 5);
    wg_mark mark = wg_tape_mark(tape);
    wg_var fourth = wg_mul(square, square);
    const double *older = wg_value_f64(square), *younger = wg_value_f64(fourth), *constant = wg_value_f64(c);
    wg_retain_grad(wg_name(cube, "cube"));
    EXPECT_NUMBER(*younger, 81);
    assert_int_equal(wg_tape_rewind(tape, mark), WG_OK);
    for (int round = 1; round <= 3; round++) {
        wg_var late = wg_mul(cube, c);
        EXPECT_NUMBER(wg_value_f64(late)[0], 135);
        assert_int_equal(wg_backward(late), WG_OK);
        EXPECT_NUMBER(wg_grad_at(cube, 0), 5 * round);
        EXPECT_NUMBER(wg_grad_at(s, 0), 5 * 27 * round);
        assert_int_equal(wg_tape_rewind(tape, mark), WG_OK);
        assert_ptr_equal(wg_value(square), older);
        assert_ptr_equal(wg_value(c), constant);
        EXPECT_NUMBER(*older, 9);
        EXPECT_NUMBER(*constant, 5);
    }
    wg_add(cube, wg_constant_raw(tape, WG_DIMS(2), NULL));
    HEALTHY(tape);
    wg_matmul(cube, cube);
    EXPECT_ERROR(tape, WG_ERROR_SHAPE, "cube");
    wg_tape_free(tape);
}

/* A transpose from before the mark that is first read after it keeps its copy. */
static void late_copies_of_older_transposes(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(2, 2), (double[]){1, 2, 3, 4}), t = wg_transpose(x);
    wg_mark mark = wg_tape_mark(tape);
    for (int round = 0; round < 3; round++) {
        EXPECT_NUMBER(wg_item(wg_sum(wg_mul(t, x))), 1 + 6 + 6 + 16);
        wg_var late = wg_transpose(t);
        EXPECT_NUMBER(wg_at(late, 1), 2);
        assert_int_equal(wg_tape_rewind(tape, mark), WG_OK);
        EXPECT_NUMBER(wg_at(t, 1), 3);
    }
    wg_tape_free(tape);
}

/* Views keep their base; a base that is dropped takes nothing older along. */
static void views(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(4), (double[]){1, 2, 3, 4}), view = wg_slice(x, 0, 1, 3, 1);
    wg_mark mark = wg_tape_mark(tape);
    for (int round = 0; round < 3; round++) {
        wg_var late = wg_reshape(wg_detach(view), WG_DIMS(2, 1)), s = wg_reshape(wg_scalar(tape, 7), WG_DIMS(1));
        EXPECT_NUMBER(wg_at(late, 1), 3);
        EXPECT_NUMBER(wg_at(s, 0), 7);
        assert_int_equal(wg_tape_rewind(tape, mark), WG_OK);
        EXPECT_NUMBER(wg_at(view, 1), 3);
    }
    assert_int_equal(wg_set_value(x, (double[]){5, 6, 7, 8}), WG_OK);
    assert_int_equal(wg_tape_replay(tape), WG_OK);
    EXPECT_NUMBER(wg_at(view, 1), 7);
    wg_tape_free(tape);
}

/* Leaves that are changed after the mark stay changed, and what depends on them stays stale. */
static void changes_stay(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_var x = wg_scalar_variable(tape, 3), y = wg_mul(x, x);
    wg_mark mark = wg_tape_mark(tape);
    wg_neg(y);
    assert_int_equal(wg_set_value(x, (double[]){4}), WG_OK);
    assert_int_equal(wg_tape_rewind(tape, mark), WG_OK);
    EXPECT_NUMBER(wg_item(x), 4);
    assert_true(isnan(wg_item(y)));
    EXPECT_ERROR(tape, WG_ERROR_STALE, "wg_item");
    EXPECT_NUMBER(wg_item(wg_mul(x, x)), 16);
    assert_int_equal(wg_tape_rewind(tape, mark), WG_OK);
    assert_int_equal(wg_tape_replay(tape), WG_OK);
    EXPECT_NUMBER(wg_item(y), 16);
    HEALTHY(tape);
    wg_tape_free(tape);
}

/* A tape that had variables and has none any more sweeps nothing; one that gets new ones does. */
static void variables_come_and_go(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_var c = wg_scalar(tape, 2);
    wg_mark mark = wg_tape_mark(tape);
    for (int round = 0; round < 3; round++) {
        assert_int_equal(wg_backward(wg_mul(c, c)), WG_OK);
        wg_var x = wg_scalar_variable(tape, 5), y = wg_mul(wg_mul(c, x), x);
        assert_int_equal(wg_backward(y), WG_OK);
        EXPECT_NUMBER(wg_grad_at(x, 0), 20);
        assert_int_equal(wg_tape_rewind(tape, mark), WG_OK);
    }
    HEALTHY(tape);
    wg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drops_what_came_after),
        cmocka_unit_test(to_the_beginning),
        cmocka_unit_test(marks_serve_again),
        cmocka_unit_test(nested),
        cmocka_unit_test(marks_of_no_use),
        cmocka_unit_test(epochs_wrap),
        cmocka_unit_test(older_leaves_keep_their_gradients),
        cmocka_unit_test(names_and_retained_gradients_go),
        cmocka_unit_test(late_addresses_of_older_scalars),
        cmocka_unit_test(late_copies_of_older_transposes),
        cmocka_unit_test(views),
        cmocka_unit_test(changes_stay),
        cmocka_unit_test(variables_come_and_go),
    };
    return cmocka_run_group_tests_name("tape/rewind", tests, NULL, NULL);
}
