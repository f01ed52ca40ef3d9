/* Misuse of leaves, readers and gradients: each is an error of its kind that changes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tape/expect.h"

/* ---- changing what is not a leaf ------------------------------------------------------------------------------------- */

static void changing_an_intermediate(void **state)
{
    (void)state;
    double numbers[2] = {5, 6};
    wg_tape *tape = new_tape(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(2), (double[]){1, 2}), y = wg_name(wg_square(x), "y"), s = wg_sum(y);
    const wg_var computed[] = {y, s, wg_reshape(x, WG_DIMS(1, 2)), wg_detach(x), wg_mul(s, s)};
    for (size_t i = 0; i < sizeof computed / sizeof *computed; i++) {
        assert_int_equal(wg_set_value(computed[i], numbers), WG_ERROR_ARGUMENT);
        EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "wg_set_value", "not a leaf", i ? "" : "'y'");
        assert_int_equal(wg_set_indices(computed[i], (int64_t[]){1, 2}), WG_ERROR_ARGUMENT);
        EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "wg_set_indices", "not a leaf");
        assert_int_equal(wg_bind(computed[i], numbers, NULL), WG_ERROR_ARGUMENT);
        EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "wg_bind", "not a leaf");
        assert_null(wg_value_mut(computed[i]));
        EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "wg_value_mut", "not a leaf");
    }
    EXPECT_NUMBER(wg_item(s), 5); /* and nothing has become stale */
    wg_tape_free(tape);
}

static void changing_what_is_no_longer_there(void **state)
{
    (void)state;
    double numbers[2] = {5, 6};
    wg_tape *tape = new_tape(WG_F64);
    wg_mark mark = wg_tape_mark(tape);
    wg_var gone = wg_variable_raw(tape, WG_DIMS(2), NULL);
    assert_int_equal(wg_tape_rewind(tape, mark), WG_OK);
    const wg_var bad[] = {gone, {tape, UINT32_MAX, 0}, {0}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        wg_status status[] = {wg_set_value_f32(bad[i], (float[]){1, 2}), wg_set_value_f64(bad[i], numbers),
            wg_set_value_raw(bad[i], numbers), wg_set_indices(bad[i], (int64_t[]){1, 2}),
            wg_bind(bad[i], numbers, NULL)};
        for (size_t k = 0; k < sizeof status / sizeof *status; k++) assert_int_equal(status[k], WG_ERROR_ARGUMENT);
        assert_null(wg_value_mut(bad[i]));
        if (bad[i].tape) EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "wg_set_value");
        wg_name(bad[i], "name");
        if (bad[i].tape) EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "wg_name");
    }
    wg_tape_free(tape);
}

static void the_wrong_numbers(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(2), (double[]){1, 2}), c = wg_scalar(tape, 3);
    wg_var i = wg_indices(tape, WG_DIMS(2), (int64_t[]){7, 8}), y = wg_add(x, c);
    const wg_status null[] = {wg_set_value_f32(x, NULL), wg_set_value_f64(c, NULL), wg_set_value_raw(x, NULL),
        wg_set_indices(i, NULL), wg_bind(x, NULL, NULL), wg_bind(c, NULL, (double[]){1})};
    for (size_t k = 0; k < sizeof null / sizeof *null; k++) assert_int_equal(null[k], WG_ERROR_ARGUMENT);
    EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "wg_set_value", "NULL");
    wg_set_indices(i, NULL);
    EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "wg_set_indices", "NULL");
    wg_bind(x, NULL, NULL);
    EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "wg_bind", "NULL");
    wg_set_value(i, (double[]){1, 2});
    EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "wg_set_value", "indices");
    wg_set_indices(x, (int64_t[]){1, 2});
    EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "wg_set_indices", "numbers");
    static double value[2], grad[2];
    wg_bind(c, value, grad);
    EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "wg_bind", "constant");
    wg_bind(wg_constant_raw(tape, WG_DIMS(2), NULL), value, grad);
    EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "wg_bind", "constant");
    static int64_t index_value[2], index_grad[2];
    wg_bind(i, index_value, index_grad);
    EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "wg_bind");

    /* none of it has changed a thing */
    EXPECT_NUMBER(wg_at(x, 1), 2);
    EXPECT_NUMBER(wg_item(c), 3);
    EXPECT_NUMBER(wg_at(i, 1), 8);
    EXPECT_NUMBER(wg_at(y, 1), 5);
    HEALTHY(tape);
    wg_tape_free(tape);
}

/* ---- readers --------------------------------------------------------------------------------------------------------- */

static void typed_readers(void **state)
{
    (void)state;
    for (int dtype = WG_F32; dtype <= WG_F64; dtype++) {
        wg_tape *tape = new_tape((wg_dtype)dtype);
        wg_var x = wg_name(wg_variable_f64(tape, WG_DIMS(2), (double[]){1, 2}), "x");
        wg_var i = wg_indices(tape, WG_DIMS(1), NULL), s = wg_scalar(tape, 1);
        bool wide = dtype == WG_F64;
        assert_int_equal(wg_value_f64(x) != NULL, wide);
        assert_int_equal(wg_grad_f64(x) != NULL, wide);
        assert_int_equal(wg_value_f64(s) != NULL, wide);
        if (!wide) EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "wg_value_f64", "x (2)", "float");
        assert_int_equal(wg_value_f32(x) != NULL, !wide);
        assert_int_equal(wg_grad_f32(x) != NULL, !wide);
        assert_int_equal(wg_value_f32(s) != NULL, !wide);
        if (wide) EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "wg_value_f32", "x (2)", "double");
        assert_null(wg_value_indices(x));
        EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "wg_value_indices", "x (2)");
        assert_null(wg_value_indices(s));
        EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "wg_value_indices");
        assert_null(wg_value_f32(i));
        EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "wg_value_f32", "int64_t");
        assert_null(wg_value_f64(i));
        EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "wg_value_f64", "int64_t");
        assert_non_null(wg_value_indices(i));
        assert_non_null(wg_value(i));
        HEALTHY(tape);
        wg_tape_free(tape);
    }
}

static void elements_that_are_not_there(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_var x = wg_name(wg_variable_raw(tape, WG_DIMS(2, 3), NULL), "x"), s = wg_scalar(tape, 4);
    wg_var empty = wg_variable_raw(tape, WG_DIMS(0, 3), NULL);
    assert_true(isnan(wg_at(x, 6)));
    EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "wg_at", "6", "x (2,3)");
    assert_true(isnan(wg_at(x, SIZE_MAX)));
    EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "wg_at", "x (2,3)");
    assert_true(isnan(wg_at(s, 1)));
    EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "wg_at");
    assert_true(isnan(wg_at(empty, 0)));
    EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "wg_at", "(0,3)");
    assert_true(isnan(wg_grad_at(x, 6)));
    EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "wg_grad_at", "6", "x (2,3)");
    assert_true(isnan(wg_grad_at(empty, 0)));
    EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "wg_grad_at", "(0,3)");
    assert_true(isnan(wg_item(x)));
    EXPECT_ERROR(tape, WG_ERROR_SHAPE, "wg_item", "x (2,3)");
    assert_true(isnan(wg_item(empty)));
    EXPECT_ERROR(tape, WG_ERROR_SHAPE, "wg_item", "(0,3)");
    EXPECT_NUMBER(wg_item(wg_reshape(s, WG_DIMS(1, 1, 1))), 4);
    assert_non_null(wg_value(empty));
    assert_non_null(wg_grad(empty));
    HEALTHY(tape);
    wg_tape_free(tape);
}

static void reading_what_is_not_valid(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_mark mark = wg_tape_mark(tape);
    wg_var gone = wg_variable_raw(tape, WG_DIMS(2), NULL);
    assert_int_equal(wg_tape_rewind(tape, mark), WG_OK);
    const wg_var bad[] = {gone, {tape, UINT32_MAX, 0}, {0}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(wg_ok(bad[i]));
        assert_int_equal(wg_shape_of(bad[i]).rank, UINT32_MAX);
        assert_int_equal(wg_size(bad[i]), 0);
        HEALTHY(tape); /* these three never set an error */
#define REFUSED(call, name) assert_true(call), (bad[i].tape ? EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, name) : (void)0)
        REFUSED(isnan(wg_item(bad[i])), "wg_item");
        REFUSED(isnan(wg_at(bad[i], 0)), "wg_at");
        REFUSED(isnan(wg_grad_at(bad[i], 0)), "wg_grad_at");
        REFUSED(!wg_value(bad[i]), "wg_value");
        REFUSED(!wg_value_f32(bad[i]), "wg_value_f32");
        REFUSED(!wg_value_f64(bad[i]), "wg_value_f64");
        REFUSED(!wg_value_indices(bad[i]), "wg_value_indices");
        REFUSED(!wg_grad(bad[i]), "wg_grad");
        REFUSED(!wg_grad_f32(bad[i]), "wg_grad_f32");
        REFUSED(!wg_grad_f64(bad[i]), "wg_grad_f64");
#undef REFUSED
    }
    wg_tape_free(tape);
}

/* ---- gradients ------------------------------------------------------------------------------------------------------- */

static void gradients_that_are_not_there(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(2), (double[]){1, 2}), c = wg_constant_raw(tape, WG_DIMS(2), NULL);
    wg_var s = wg_scalar(tape, 2), i = wg_indices(tape, WG_DIMS(2), NULL), y = wg_square(x), z = wg_sum(y);
    const wg_var without[] = {c, s, i, y, z, wg_mul(z, z), wg_reshape(x, WG_DIMS(2, 1))};
    assert_int_equal(wg_backward(z), WG_OK);
    for (size_t k = 0; k < sizeof without / sizeof *without; k++) {
        assert_null(wg_grad(without[k]));
        EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "wg_grad", "no gradient");
        assert_true(isnan(wg_grad_at(without[k], 0)));
        EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "wg_grad_at", "no gradient");
    }
    const wg_var no_derivative[] = {c, s, i, wg_exp(c), wg_detach(x), wg_less(x, c)};
    for (size_t k = 0; k < sizeof no_derivative / sizeof *no_derivative; k++) {
        assert_int_equal(wg_retain_grad(no_derivative[k]), WG_ERROR_ARGUMENT);
        EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "wg_retain_grad");
    }
    assert_int_equal(wg_retain_grad(x), WG_OK);
    assert_int_equal(wg_retain_grad(y), WG_OK);
    assert_int_equal(wg_retain_grad(y), WG_OK);
    EXPECT_NUMBER(wg_grad_at(y, 1), 0); /* zeros before a sweep */
    wg_tape_free(tape);
}

static void backward_from_what_it_cannot(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(2, 3), (double[]){1, 2, 3, 4, 5, 6}), y = wg_name(wg_square(x), "y");
    wg_var i = wg_indices(tape, WG_DIMS(1), NULL), empty = wg_exp(wg_variable_raw(tape, WG_DIMS(0), NULL));
    assert_int_equal(wg_backward(y), WG_ERROR_SHAPE);
    EXPECT_ERROR(tape, WG_ERROR_SHAPE, "wg_backward", "y (2,3)");
    assert_int_equal(wg_backward(empty), WG_ERROR_SHAPE);
    EXPECT_ERROR(tape, WG_ERROR_SHAPE, "wg_backward", "(0)");
    assert_int_equal(wg_backward(i), WG_ERROR_ARGUMENT);
    EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "wg_backward", "indices");
    assert_int_equal(wg_backward_from(i, (double[]){1}), WG_ERROR_ARGUMENT);
    EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "wg_backward_from", "indices");
    assert_int_equal(wg_gradients(y, &x, 1, &(wg_var){0}), WG_ERROR_SHAPE);
    EXPECT_ERROR(tape, WG_ERROR_SHAPE, "wg_gradients", "y (2,3)");
    assert_int_equal(wg_gradients(wg_sum(y), &i, 1, &(wg_var){0}), WG_ERROR_ARGUMENT);
    EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "wg_gradients", "indices");
    for (size_t k = 0; k < 6; k++) EXPECT_NUMBER(wg_grad_at(x, k), 0);

    assert_int_equal(wg_backward_from(empty, (double[]){1}), WG_OK); /* nothing to do */
    assert_int_equal(wg_backward(wg_scalar(tape, 1)), WG_OK);        /* nor here */
    assert_int_equal(wg_backward(wg_reshape(wg_sum(y), WG_DIMS(1, 1))), WG_OK);
    EXPECT_NUMBER(wg_grad_at(x, 5), 12);
    HEALTHY(tape);
    wg_tape_free(tape);
}

/* The gradient of a leaf that was changed in between would be of neither value. */
static void a_leaf_changed_before_backward(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(2), (double[]){1, 2}), loss = wg_name(wg_sum(wg_square(x)), "loss");
    for (int way = 0; way < 3; way++) {
        if (way == 0) wg_set_value(x, (double[]){3, 4});
        if (way == 1) ((double *)wg_value_mut(x))[0] = 3;
        static double bound[2] = {3, 4};
        if (way == 2) wg_bind(x, bound, NULL);
        assert_int_equal(wg_backward(loss), WG_ERROR_STALE);
        EXPECT_ERROR(tape, WG_ERROR_STALE, "wg_backward", "loss", "wg_tape_replay");
        EXPECT_NUMBER(wg_grad_at(x, 0), 0);
        wg_neg(loss);
        EXPECT_ERROR(tape, WG_ERROR_STALE, "neg", "loss");
        assert_true(isnan(wg_item(loss)));
        EXPECT_ERROR(tape, WG_ERROR_STALE, "wg_item", "loss");
        assert_null(wg_value(loss));
        EXPECT_ERROR(tape, WG_ERROR_STALE, "wg_value", "loss");
        assert_int_equal(wg_tape_replay(tape), WG_OK);
        EXPECT_NUMBER(wg_item(loss), 25);
        assert_int_equal(wg_backward(loss), WG_OK);
        EXPECT_NUMBER(wg_grad_at(x, 1), 8);
        assert_int_equal(wg_zero_grad(tape), WG_OK);
    }
    wg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changing_an_intermediate),
        cmocka_unit_test(changing_what_is_no_longer_there),
        cmocka_unit_test(the_wrong_numbers),
        cmocka_unit_test(typed_readers),
        cmocka_unit_test(elements_that_are_not_there),
        cmocka_unit_test(reading_what_is_not_valid),
        cmocka_unit_test(gradients_that_are_not_there),
        cmocka_unit_test(backward_from_what_it_cannot),
        cmocka_unit_test(a_leaf_changed_before_backward),
    };
    return cmocka_run_group_tests_name("tape/error_leaves", tests, NULL, NULL);
}
