/* any, all, count_nonzero: no derivative, so no rows of the usual kind, but every answer.
 *
 *     row: wg_any        row: wg_all        row: wg_count_nonzero
 *     row: wg_any_axes   row: wg_all_axes   row: wg_count_nonzero_axes */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "support/over.h"
#include "support/point.h"

static void test_answers(void **state)
{
    (void)state;
    for (int dtype = WG_F32; dtype <= WG_F64; dtype++) {
        wg_tape *tape = wg_tape_new((wg_dtype)dtype);
        array a = array_new(WG_DIMS(2, 2, 3));
        const double values[] = {0, 0, -0.0, 1, 0, 0, 2, (double)NAN, -1, (double)INFINITY, 1e-30, 0};
        for (size_t i = 0; i < 12; i++) a.at[i] = (long double)values[i];
        wg_var x = array_leaf(tape, &a, true);
        const double any[] = {0, 1, 1, 1}, all[] = {0, 0, 1, 0}, count[] = {0, 1, 3, 2};
        wg_var rows[] = {wg_any_axes(x, WG_AXES(-1), false), wg_all_axes(x, WG_AXES(2), true),
            wg_count_nonzero_axes(x, WG_AXES(2), false)};
        assert_true(wg_shape_of(rows[0]).rank == 2 && wg_shape_of(rows[1]).rank == 3);
        for (size_t i = 0; i < 4; i++)
            assert_true(wg_at(rows[0], i) == any[i] && wg_at(rows[1], i) == all[i] && wg_at(rows[2], i) == count[i]);
        wg_var apart = wg_count_nonzero_axes(x, WG_AXES(0, 2), false);
        assert_true(wg_at(apart, 0) == 3 && wg_at(apart, 1) == 3);
        assert_true(wg_item(wg_any(x)) == 1 && wg_item(wg_all(x)) == 0 && wg_item(wg_count_nonzero(x)) == 6);
        wg_var none = wg_any_axes(x, NULL, 0, false);
        assert_true(wg_size(none) == 12 && wg_at(none, 0) == 0 && wg_at(none, 7) == 1);
        /* no derivative: zeros, also where the value is infinite or NaN */
        assert_int_equal(wg_backward(wg_count_nonzero(x)), WG_OK);
        for (size_t i = 0; i < 12; i++) assert_true(wg_grad_at(x, i) == 0);
        wg_var grad;
        assert_int_equal(wg_gradients(wg_any(x), &x, 1, &grad), WG_OK);
        for (size_t i = 0; i < 12; i++) assert_true(wg_at(grad, i) == 0);
        array_free(&a);
        wg_tape_free(tape);
    }
}

static void test_of_nothing(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_variable_f64(tape, WG_DIMS(2, 0), NULL), zero = wg_scalar(tape, 0), two = wg_scalar(tape, 2);
    assert_true(wg_item(wg_any(x)) == 0 && wg_item(wg_all(x)) == 1 && wg_item(wg_count_nonzero(x)) == 0);
    assert_true(wg_at(wg_all_axes(x, WG_AXES(1), false), 1) == 1 && wg_at(wg_any_axes(x, WG_AXES(1), false), 1) == 0);
    assert_true(wg_size(wg_any_axes(x, WG_AXES(0), false)) == 0);
    assert_true(wg_item(wg_any(zero)) == 0 && wg_item(wg_all(zero)) == 0 && wg_item(wg_all(two)) == 1);
    assert_int_equal(wg_tape_status(tape), WG_OK);
    wg_tape_free(tape);
}

static void test_replay(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(3), ((double[]){1, 2, 3})), all = wg_all(x);
    assert_true(wg_item(all) == 1);
    wg_set_value(x, ((double[]){1, 0, 3}));
    assert_int_equal(wg_tape_replay(tape), WG_OK);
    assert_true(wg_item(all) == 0);
    wg_tape_free(tape);
}

static void test_errors(void **state)
{
    (void)state;
    over_check_errors("any", wg_any, wg_any_axes);
    over_check_errors("all", wg_all, wg_all_axes);
    over_check_errors("count_nonzero", wg_count_nonzero, wg_count_nonzero_axes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_of_nothing),
        cmocka_unit_test(test_replay),
        cmocka_unit_test(test_errors),
    };
    return row_main("ops/truth", NULL, 0, tests, sizeof tests / sizeof *tests);
}
