/* Errors are sticky: the first message stays, ops do nothing, readers still work, and after a clear everything does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tape/expect.h"

/* The classic, with its message in full. */
static void a_message(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_var w = wg_name(wg_variable_raw(tape, WG_DIMS(2, 3), NULL), "W1");
    wg_var x = wg_name(wg_constant_raw(tape, WG_DIMS(4, 5), NULL), "X");
    wg_var bad = wg_matmul(w, x);
    assert_false(wg_ok(bad));
    assert_ptr_equal(bad.tape, tape);
    assert_int_equal(wg_tape_status(tape), WG_ERROR_SHAPE);
    assert_string_equal(wg_tape_message(tape), "matmul: inner dimensions differ: W1 (2,3) @ X (4,5)");
    wg_tape_free(tape);
}

static void first_message_stays(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_var x = wg_variable_raw(tape, WG_DIMS(2, 3), NULL);
    wg_add(x, wg_constant_raw(tape, WG_DIMS(4), NULL));
    assert_int_equal(wg_tape_status(tape), WG_ERROR_SHAPE);
    char first[600];
    snprintf(first, sizeof first, "%s", wg_tape_message(tape));
    assert_non_null(strstr(first, "add"));
    size_t nodes = count_nodes(tape), allocations = count_allocations(tape);

    wg_at(x, 99);
    wg_grad(wg_scalar(tape, 2));
    wg_matmul(x, x);
    wg_variable_raw(tape, WG_DIMS(5), NULL);
    wg_name(x, "x");
    wg_tape_mark(tape);
    assert_int_equal(wg_backward(x), WG_ERROR_SHAPE);
    assert_int_equal(wg_tape_replay(tape), WG_ERROR_SHAPE);
    assert_int_not_equal(wg_retain_grad(x), WG_OK);
    assert_int_not_equal(wg_guard(x), WG_OK);
    assert_int_not_equal(wg_bind(x, NULL, NULL), WG_OK);
    assert_int_not_equal(wg_set_value_raw(x, NULL), WG_OK);
    assert_string_equal(wg_tape_message(tape), first);
    assert_int_equal(wg_tape_status(tape), WG_ERROR_SHAPE);
    assert_int_equal(count_nodes(tape), nodes);
    assert_int_equal(count_allocations(tape), allocations);

    wg_tape_clear_error(tape);
    HEALTHY(tape);
    wg_tape_clear_error(tape);
    HEALTHY(tape);
    wg_matmul(x, x);
    EXPECT_ERROR(tape, WG_ERROR_SHAPE, "matmul", "(2,3) @ (2,3)");
    wg_tape_free(tape);
}

/* Expressions nest: one check at the end, and it tells of the innermost. */
static void nesting(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F32);
    wg_var x = wg_variable_raw(tape, WG_DIMS(2, 3), NULL), w = wg_variable_raw(tape, WG_DIMS(2, 2), NULL);
    size_t nodes = count_nodes(tape);
    wg_var loss = wg_mean(wg_square(wg_sub(wg_tanh(wg_matmul(x, w)), wg_exp(x))));
    assert_false(wg_ok(loss));
    assert_ptr_equal(loss.tape, tape);
    assert_int_equal(wg_backward(loss), WG_ERROR_SHAPE);
    EXPECT_ERROR(tape, WG_ERROR_SHAPE, "matmul", "(2,3) @ (2,2)");
    assert_true(count_nodes(tape) <= nodes + 1); /* exp(x) may have been recorded first */

    /* what failed is still invalid after the clear, and says so */
    wg_var y = wg_add(w, loss);
    EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "add", "argument 2", "invalid");
    assert_false(wg_ok(y));
    assert_int_equal(wg_backward(loss), WG_ERROR_ARGUMENT);
    EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "wg_backward");
    wg_tape_free(tape);
}

/* What was there before the error works after it, and right. */
static void usable_after_clear(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(2, 2), (double[]){1, 2, 3, 4}), y = wg_square(x);
    wg_mark mark = wg_tape_mark(tape);
    for (int round = 0; round < 3; round++) {
        wg_reshape(y, WG_DIMS(3));
        EXPECT_ERROR(tape, WG_ERROR_SHAPE, "reshape", "(2,2)", "(3)");
        assert_int_equal(wg_backward(wg_sum(y)), WG_OK);
        HEALTHY(tape);
        for (size_t i = 0; i < 4; i++) EXPECT_NUMBER(wg_grad_at(x, i), (round + 1) * 2.0 * (double)(i + 1));
        assert_int_equal(wg_tape_rewind(tape, mark), WG_OK);
    }
    wg_tape_free(tape);
}

/* In error: readers, rewind, zero_grad, changing a leaf, stats, free. */
static void in_error(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(2, 3), (double[]){1, 2, 3, 4, 5, 6});
    wg_var s = wg_scalar_variable(tape, 3), t = wg_mul(s, s), i = wg_indices(tape, WG_DIMS(2), (int64_t[]){4, -5});
    wg_backward(wg_add(wg_sum(wg_square(x)), t));
    wg_var turned = wg_transpose(x), view = wg_reshape(turned, WG_DIMS(6));
    wg_mark mark = wg_tape_mark(tape);
    wg_var dropped = wg_neg(x);
    HEALTHY(tape);
    wg_matmul(x, x);
    assert_int_equal(wg_tape_status(tape), WG_ERROR_SHAPE);

    assert_true(wg_ok(x) && wg_ok(turned));
    assert_int_equal(wg_size(x), 6);
    assert_int_equal(wg_shape_of(turned).dim[0], 3);
    EXPECT_NUMBER(wg_item(t), 9);
    EXPECT_NUMBER(wg_at(x, 5), 6);
    EXPECT_NUMBER(wg_grad_at(x, 5), 12);
    assert_non_null(wg_value_f64(x));
    assert_non_null(wg_value_f64(t)); /* gets an address now */
    EXPECT_NUMBER(wg_value_f64(t)[0], 9);
    assert_non_null(wg_grad_f64(x));
    assert_int_equal(wg_value_indices(i)[1], -5);
    assert_non_null(wg_value_f64(turned)); /* is evaluated now */
    const double expected[] = {1, 4, 2, 5, 3, 6};
    for (size_t k = 0; k < 6; k++) EXPECT_NUMBER(wg_at(turned, k), expected[k]);
    for (size_t k = 0; k < 6; k++) EXPECT_NUMBER(wg_at(view, k), expected[k]);
    assert_int_equal(wg_zero_grad(tape), WG_OK);
    EXPECT_NUMBER(wg_grad_at(x, 5), 0);
    assert_int_equal(wg_set_value(s, (double[]){5}), WG_OK);
    EXPECT_NUMBER(wg_item(s), 5);
    assert_true(isnan(wg_item(t))); /* stale, in error too */
    EXPECT_NUMBER(wg_at(turned, 1), 4);
    assert_int_equal(wg_tape_rewind(tape, mark), WG_OK);
    assert_false(wg_ok(dropped));
    EXPECT_ERROR(tape, WG_ERROR_SHAPE, "matmul"); /* none of this has touched it */

    assert_int_equal(wg_tape_replay(tape), WG_OK);
    EXPECT_NUMBER(wg_item(t), 25);
    wg_matmul(x, x);
    wg_tape_free(tape); /* in error */
}

/* ---- messages ---------------------------------------------------------------------------------------------------------- */

static void messages_name_operands(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_var a = wg_name(wg_constant_raw(tape, WG_DIMS(2, 3), NULL), "a%s%n"),
           b = wg_constant_raw(tape, WG_DIMS(4), NULL);
    wg_var c = wg_name(wg_exp(b), "hidden");
    wg_add(a, b);
    EXPECT_ERROR(tape, WG_ERROR_SHAPE, "add", "a%s%n (2,3)", "(4)");
    wg_where(a, c, b);
    EXPECT_ERROR(tape, WG_ERROR_SHAPE, "where", "a%s%n (2,3)", "hidden (4)");
    wg_mse(a, c, WG_MEAN);
    EXPECT_ERROR(tape, WG_ERROR_SHAPE, "mse", "a%s%n (2,3)", "hidden (4)");
    wg_concat((wg_var[]){a, c}, 2, 0);
    EXPECT_ERROR(tape, WG_ERROR_SHAPE, "concat", "a%s%n (2,3)", "hidden (4)");
    wg_slice(c, 3, 0, 1, 1);
    EXPECT_ERROR(tape, WG_ERROR_SHAPE, "slice", "axis 3", "hidden (4)");
    wg_sum_axes(a, WG_AXES(0, -2), false);
    EXPECT_ERROR(tape, WG_ERROR_SHAPE, "sum", "twice", "a%s%n (2,3)");
    wg_broadcast_to(a, WG_DIMS(3, 3));
    EXPECT_ERROR(tape, WG_ERROR_SHAPE, "broadcast_to", "a%s%n (2,3)", "(3,3)");
    wg_backward(a);
    EXPECT_ERROR(tape, WG_ERROR_SHAPE, "wg_backward", "a%s%n (2,3)");
    wg_backward(wg_name(wg_exp(a), ""));
    EXPECT_ERROR(tape, WG_ERROR_SHAPE, "wg_backward", "(2,3)");

    /* a name is replaced, and taken away */
    wg_name(wg_name(c, "first"), "second");
    wg_add(a, c);
    EXPECT_ERROR(tape, WG_ERROR_SHAPE, "second (4)");
    wg_name(c, NULL);
    wg_add(a, c);
    assert_null(strstr(wg_tape_message(tape), "second"));
    EXPECT_ERROR(tape, WG_ERROR_SHAPE, "(4)");

    char text[20] = "copied";
    wg_name(c, text);
    strcpy(text, "changed");
    wg_add(a, c);
    EXPECT_ERROR(tape, WG_ERROR_SHAPE, "copied (4)");
    wg_tape_free(tape);
}

/* The longest shapes and names leave a message that still ends. */
static void long_messages(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    static char name[5000];
    memset(name, 'n', sizeof name - 1);
    const size_t most = (size_t)PTRDIFF_MAX / 8;
    wg_var a = wg_name(wg_constant_raw(tape, WG_DIMS(0, 1, 1, 1, 1, 1, 1, most), NULL), name);
    wg_var b = wg_name(wg_constant_raw(tape, WG_DIMS(0, 1, 1, 1, 1, 1, 1, most - 1), NULL), name);
    HEALTHY(tape);
    wg_where(a, b, a);
    assert_true(strlen(wg_tape_message(tape)) > 100 && strlen(wg_tape_message(tape)) < 2000);
    EXPECT_ERROR(tape, WG_ERROR_SHAPE, "where", "nnnnnnnnnn (0,1,1,1,1,1,1,1152921504606846975)");
    wg_tape_free(tape);
}

/* ---- sizes --------------------------------------------------------------------------------------------------------------- */

static wg_shape too_many_axes(void) { return (wg_shape){.rank = 9, .dim = {1, 1, 1, 1, 1, 1, 1, 1}}; }

static void ranks(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F32);
    wg_shape nine = too_many_axes(), most = {.rank = UINT32_MAX};
    wg_var x = wg_constant_raw(tape, WG_DIMS(1), NULL);
    size_t nodes = count_nodes(tape);
#define REFUSED(call) assert_false(wg_ok(call)), EXPECT_ERROR(tape, WG_ERROR_SHAPE, "axes")
    REFUSED(wg_variable_raw(tape, nine, NULL));
    REFUSED(wg_variable_f32(tape, most, (float[]){1}));
    REFUSED(wg_variable_f64(tape, nine, (double[]){1}));
    REFUSED(wg_constant_raw(tape, most, NULL));
    REFUSED(wg_indices(tape, nine, NULL));
    REFUSED(wg_reshape(x, nine));
    REFUSED(wg_broadcast_to(x, most));
    REFUSED(wg_sum_to(x, nine));
#undef REFUSED
    assert_int_equal(count_nodes(tape), nodes);
    assert_true(wg_ok(wg_reshape(x, WG_DIMS(1, 1, 1, 1, 1, 1, 1, 1))));
    wg_tape_free(tape);
}

/* Arrays without elements may have huge extents, so results that overflow can be asked for without the memory. */
static void sizes_that_overflow(void **state)
{
    (void)state;
    const size_t most = (size_t)PTRDIFF_MAX / 8, half = (size_t)1 << (sizeof(size_t) * 4);
    wg_tape *tape = new_tape(WG_F64);
    wg_var tall = wg_constant_raw(tape, WG_DIMS(half, 0), NULL), wide = wg_constant_raw(tape, WG_DIMS(0, half), NULL);
    wg_var row = wg_constant_raw(tape, WG_DIMS(1, half, 0), NULL),
           column = wg_constant_raw(tape, WG_DIMS(half, 1, 0), NULL);
    wg_var long_one = wg_constant_raw(tape, WG_DIMS(most, 0), NULL), one = wg_scalar(tape, 1);
    HEALTHY(tape);
    size_t nodes = count_nodes(tape);
#define OVERFLOWS(call) assert_false(wg_ok(call)), EXPECT_ERROR(tape, WG_ERROR_SHAPE, "overflow")
    OVERFLOWS(wg_variable_raw(tape, WG_DIMS(half, half), NULL));
    OVERFLOWS(wg_constant(tape, WG_DIMS(most, 2), (double[]){1}));
    OVERFLOWS(wg_constant(tape, WG_DIMS(0, most, 2), (double[]){1}));
    OVERFLOWS(wg_indices(tape, WG_DIMS(SIZE_MAX), NULL));
    OVERFLOWS(wg_broadcast_to(one, WG_DIMS(half, half)));
    OVERFLOWS(wg_reshape(one, WG_DIMS(half, half)));
    OVERFLOWS(wg_matmul(tall, wide));
    OVERFLOWS(wg_add(row, column));
    OVERFLOWS(wg_concat((wg_var[]){long_one, long_one}, 2, 0));
#undef OVERFLOWS
    assert_int_equal(count_nodes(tape), nodes);
    wg_tape_free(tape);
}

static void out_of_memory(void **state)
{
    (void)state;
    const size_t most = (size_t)PTRDIFF_MAX / 8; /* fits a size_t, but no machine */
    wg_tape *tape = new_tape(WG_F64);
    wg_var one = wg_scalar_variable(tape, 1);
    size_t nodes = count_nodes(tape);
    assert_false(wg_ok(wg_broadcast_to(one, WG_DIMS(most))));
    EXPECT_ERROR(tape, WG_ERROR_MEMORY, "broadcast_to", "memory");
    assert_false(wg_ok(wg_variable_raw(tape, WG_DIMS(most), NULL)));
    EXPECT_ERROR(tape, WG_ERROR_MEMORY, "wg_variable", "memory");
    assert_int_equal(count_nodes(tape), nodes);
    assert_int_equal(wg_backward(wg_mul(one, one)), WG_OK);
    EXPECT_NUMBER(wg_grad_at(one, 0), 2);
    wg_tape_free(tape);
}

static void means_of_nothing(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_var no_samples = wg_variable_raw(tape, WG_DIMS(3, 0), NULL),
           no_features = wg_variable_raw(tape, WG_DIMS(0, 3), NULL);
#define OF_NOTHING(call, name) assert_false(wg_ok(call)), EXPECT_ERROR(tape, WG_ERROR_SHAPE, name)
    OF_NOTHING(wg_mse(no_samples, no_samples, WG_BATCH_MEAN), "mse");
    OF_NOTHING(wg_mse(no_samples, no_samples, WG_MEAN), "mse");
    OF_NOTHING(wg_mse(no_features, no_features, WG_MEAN), "mse");
    OF_NOTHING(wg_mean(no_samples), "mean");
    OF_NOTHING(wg_mean_axes(no_samples, WG_AXES(1), true), "mean");
    OF_NOTHING(wg_max(no_samples), "max");
    OF_NOTHING(wg_min_axes(no_samples, WG_AXES(-1), false), "min");
#undef OF_NOTHING
    EXPECT_NUMBER(wg_item(wg_mse(no_samples, no_samples, WG_SUM)), 0);
    EXPECT_NUMBER(wg_item(wg_mse(no_features, no_features, WG_BATCH_MEAN)), 0);
    assert_int_equal(wg_size(wg_mean_axes(no_samples, WG_AXES(0), false)), 0);
    assert_false(wg_ok(wg_mse(no_samples, no_samples, (wg_reduction)3)));
    EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "mse", "reduction");
    wg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message),
        cmocka_unit_test(first_message_stays),
        cmocka_unit_test(nesting),
        cmocka_unit_test(usable_after_clear),
        cmocka_unit_test(in_error),
        cmocka_unit_test(messages_name_operands),
        cmocka_unit_test(long_messages),
        cmocka_unit_test(ranks),
        cmocka_unit_test(sizes_that_overflow),
        cmocka_unit_test(out_of_memory),
        cmocka_unit_test(means_of_nothing),
    };
    return cmocka_run_group_tests_name("tape/errors", tests, NULL, NULL);
}
