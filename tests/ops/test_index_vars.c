/* Ops that move elements without computing, on index vars: what comes out is an index var, with no derivative, and it
 * follows wg_set_indices by staleness and replay as any node does. The elements are their own positions, and large enough
 * that a double or a float in between would show. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "support/point.h"

#define BASE ((int64_t)1 << 60 | 1)

static void expect_indices(wg_var var, wg_shape shape, const int64_t *expected)
{
    wg_shape got = wg_shape_of(var);
    if (wg_tape_status(var.tape) != WG_OK) fail_msg("%s", wg_tape_message(var.tape));
    assert_true(shape_same(&got, &shape));
    const int64_t *values = wg_value_indices(var);
    if (wg_tape_status(var.tape) != WG_OK) fail_msg("%s", wg_tape_message(var.tape));
    for (size_t i = 0; i < wg_size(var); i++)
        if (values[i] != expected[i] + BASE) fail_msg("element %zu: %lld", i, (long long)(values[i] - BASE));
}

#define EXPECT(var, shape, ...) expect_indices(var, shape, (const int64_t[]){__VA_ARGS__})

typedef struct moved {
    wg_var leaf, flat, squeezed, turned, permuted, sliced, row, selected, joined, stacked, flipped, rolled, tiled,
        repeated, wide, picked, taken, rows, parts[3];
} moved;

/* The leaf is 0 1 2 / 3 4 5, plus BASE. */
static moved moved_record(wg_tape *tape)
{
    int64_t numbers[6];
    for (size_t i = 0; i < 6; i++) numbers[i] = BASE + (int64_t)i;
    wg_var x = wg_indices(tape, WG_DIMS(2, 3), numbers);
    moved m = {.leaf = x};
    m.flat = wg_flatten(x, 0, -1);
    m.squeezed = wg_squeeze(wg_unsqueeze(m.flat, 0));
    m.turned = wg_transpose(x);
    m.permuted = wg_permute(x, WG_AXES(1, 0));
    m.sliced = wg_slice(x, 1, WG_END, WG_END, -2);
    m.row = wg_slice(m.flat, 0, 3, 5, 1);
    m.selected = wg_select(x, 0, -1);
    m.joined = wg_concat((wg_var[]){m.sliced, x}, 2, 1);
    m.stacked = wg_stack((wg_var[]){m.selected, wg_select(x, 0, 0)}, 2, 1);
    m.flipped = wg_flip(x, WG_AXES(0, 1));
    m.rolled = wg_roll(x, 1, 1);
    m.tiled = wg_tile(m.row, (size_t[]){2, 2}, 2);
    m.repeated = wg_repeat(m.row, 2, 0);
    m.wide = wg_broadcast_to(m.row, WG_DIMS(2, 2));
    wg_var places = wg_indices(tape, WG_DIMS(2, 2), ((int64_t[]){0, -1, 2, 2}));
    m.picked = wg_gather(x, places, 1);
    m.taken = wg_take(x, places, 1);
    m.rows = wg_take(x, wg_indices(tape, WG_DIMS(3), ((int64_t[]){1, 1, -2})), 0);
    wg_unstack(x, 1, m.parts);
    return m;
}

/* Everything, with the leaf's elements plus more. */
static void moved_expect(const moved *m, int64_t more)
{
    int64_t a = more, b = more + 1, c = more + 2, d = more + 3, e = more + 4, f = more + 5;
    EXPECT(m->leaf, WG_DIMS(2, 3), a, b, c, d, e, f);
    EXPECT(m->flat, WG_DIMS(6), a, b, c, d, e, f);
    EXPECT(m->squeezed, WG_DIMS(6), a, b, c, d, e, f);
    EXPECT(m->turned, WG_DIMS(3, 2), a, d, b, e, c, f);
    EXPECT(m->permuted, WG_DIMS(3, 2), a, d, b, e, c, f);
    EXPECT(m->sliced, WG_DIMS(2, 2), c, a, f, d);
    EXPECT(m->row, WG_DIMS(2), d, e);
    EXPECT(m->selected, WG_DIMS(3), d, e, f);
    EXPECT(m->joined, WG_DIMS(2, 5), c, a, a, b, c, f, d, d, e, f);
    EXPECT(m->stacked, WG_DIMS(3, 2), d, a, e, b, f, c);
    EXPECT(m->flipped, WG_DIMS(2, 3), f, e, d, c, b, a);
    EXPECT(m->rolled, WG_DIMS(2, 3), c, a, b, f, d, e);
    EXPECT(m->tiled, WG_DIMS(2, 4), d, e, d, e, d, e, d, e);
    EXPECT(m->repeated, WG_DIMS(4), d, d, e, e);
    EXPECT(m->wide, WG_DIMS(2, 2), d, e, d, e);
    EXPECT(m->picked, WG_DIMS(2, 2), a, c, f, f);
    EXPECT(m->taken, WG_DIMS(2, 2, 2), a, c, c, c, d, f, f, f);
    EXPECT(m->rows, WG_DIMS(3, 3), d, e, f, d, e, f, a, b, c);
    EXPECT(m->parts[2], WG_DIMS(2), c, f);
}

static void test_values(void **state)
{
    (void)state;
    for (int dtype = WG_F32; dtype <= WG_F64; dtype++) {
        wg_tape *tape = wg_tape_new((wg_dtype)dtype);
        moved m = moved_record(tape);
        moved_expect(&m, 0);
        assert_ptr_equal(wg_value(m.row), wg_value_indices(m.leaf) + 3);
        assert_ptr_equal(wg_value(m.selected), wg_value_indices(m.leaf) + 3);
        assert_ptr_equal(wg_value(m.squeezed), wg_value(m.leaf));
        wg_tape_free(tape);
    }
}

/* A changed leaf makes all of them stale, views too; a replay makes them fresh. */
static void test_replay(void **state)
{
    (void)state;
    for (int dtype = WG_F32; dtype <= WG_F64; dtype++) {
        wg_tape *tape = wg_tape_new((wg_dtype)dtype);
        moved m = moved_record(tape);
        const wg_var dependants[] = {m.flat, m.turned, m.row, m.joined, m.tiled, m.picked, m.rows, m.parts[2]};
        int64_t numbers[6];
        moved_expect(&m, 0);
        for (int round = 1; round < 3; round++) {
            for (size_t i = 0; i < 6; i++) numbers[i] = BASE + 100 * round + (int64_t)i;
            assert_int_equal(wg_set_indices(m.leaf, numbers), WG_OK);
            for (size_t i = 0; i < sizeof dependants / sizeof *dependants; i++) {
                assert_null(wg_value_indices(dependants[i]));
                point_expect_error(tape, WG_ERROR_STALE, "stale", NULL);
                assert_false(wg_ok(wg_flip(dependants[i], WG_AXES(0))));
                point_expect_error(tape, WG_ERROR_STALE, "flip: argument 1", "stale", NULL);
            }
            assert_int_equal(wg_tape_replay(tape), WG_OK);
            moved_expect(&m, 100 * round);
        }
        wg_tape_free(tape);
    }
}

/* The same nodes again after a rewind, nothing left over. */
static void test_rewind(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_mark mark = wg_tape_mark(tape);
    for (int round = 0; round < 3; round++) {
        moved m = moved_record(tape);
        moved_expect(&m, 0);
        assert_int_equal(wg_tape_rewind(tape, mark), WG_OK);
        assert_false(wg_ok(m.joined));
    }
    wg_tape_free(tape);
}

/* 0-d, empty, and one element: shapes in which an index var might be taken for a number. */
static void test_small(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F32);
    const int64_t number = BASE + 7;
    wg_var scalar = wg_indices(tape, WG_SCALAR, &number), none = wg_indices(tape, WG_DIMS(0, 2), NULL);
    wg_var boxed = wg_reshape(scalar, WG_DIMS(1, 1)), turned = wg_transpose(boxed), back = wg_squeeze(turned);
    EXPECT(back, WG_SCALAR, 7);
    EXPECT(wg_permute(scalar, NULL, 0), WG_SCALAR, 7);
    EXPECT(wg_broadcast_to(scalar, WG_DIMS(3)), WG_DIMS(3), 7, 7, 7);
    EXPECT(wg_broadcast_to(scalar, WG_SCALAR), WG_SCALAR, 7);
    EXPECT(wg_stack((wg_var[]){scalar, back}, 2, 0), WG_DIMS(2), 7, 7);
    EXPECT(wg_select(wg_reshape(scalar, WG_DIMS(1)), 0, 0), WG_SCALAR, 7);
    assert_int_equal(wg_size(wg_flip(none, WG_AXES(1))), 0);
    assert_int_equal(wg_size(wg_roll(wg_transpose(none), 1, 0)), 0);
    assert_int_equal(wg_size(wg_concat((wg_var[]){none, none}, 2, 1)), 0);
    wg_var first = wg_indices(tape, WG_SCALAR, NULL);
    EXPECT(wg_take(wg_reshape(scalar, WG_DIMS(1)), first, 0), WG_SCALAR, 7);
    assert_int_equal(wg_size(wg_take(none, wg_reshape(first, WG_DIMS(1)), 1)), 0);
    assert_int_equal(wg_size(wg_gather(none, none, 0)), 0);
    assert_int_equal(wg_tape_status(tape), WG_OK);
    wg_tape_free(tape);
}

/* No derivative, and no numbers: the var is refused where either is asked for. */
static void test_no_numbers(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new_with(&(wg_tape_options){.dtype = WG_F64, .check_finite = true}, NULL);
    moved m = moved_record(tape);
    wg_var grad;
    wg_exp(m.rolled);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "exp: argument 1", "indices", NULL);
    wg_matmul(m.turned, m.turned);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "matmul: argument 1", "indices", NULL);
    wg_sum_to(m.wide, WG_DIMS(2));
    point_expect_error(tape, WG_ERROR_ARGUMENT, "sum_to: argument 1", "indices", NULL);
    wg_pad(m.flat, (size_t[]){1, 1}, 2, WG_PAD_CONSTANT, 0);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "pad: argument 1", "indices", NULL);
    wg_tril(m.tiled, 0);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "tril: argument 1", "indices", NULL);
    wg_trace(m.tiled);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "trace: argument 1", "indices", NULL);
    wg_backward(wg_reshape(wg_slice(m.flat, 0, 0, 1, 1), WG_SCALAR));
    point_expect_error(tape, WG_ERROR_ARGUMENT, "indices", NULL);
    wg_gradients(wg_scalar(tape, 1), &m.joined, 1, &grad);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "indices", NULL);
    assert_null(wg_value_f64(m.joined));
    point_expect_error(tape, WG_ERROR_ARGUMENT, "int64_t", NULL);
    wg_tape_free(tape);
}

/* Rows are picked by indices that were moved, joined and turned: the derivatives of the numbers, in every mode, follow the
 * indices through a replay, and nothing asks the indices for theirs. */
static void test_picking(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(4), ((double[]){1, 2, 3, 4})),
           leaf = wg_indices(tape, WG_DIMS(2), ((int64_t[]){0, 3}));
    wg_var direction = wg_constant(tape, WG_DIMS(4), ((double[]){1, 10, 100, 1000})), grad, tangent;
    wg_var places = wg_concat((wg_var[]){wg_flip(leaf, WG_AXES(0)), wg_slice(leaf, 0, 1, 2, 1)}, 2, 0); /* 3 0 3 */
    wg_var y = wg_sum(wg_square(wg_take(x, wg_repeat(places, 2, 0), 0)));
    assert_int_equal(wg_gradients(y, &x, 1, &grad), WG_OK);
    assert_int_equal(wg_jvp(y, &x, &direction, 1, &tangent), WG_OK);
    for (int round = 0; round < 2; round++) {
        size_t once = round ? 2 : 0, twice = round ? 1 : 3; /* how often the leaf's first and second are picked, by 2 */
        const double slope[] = {1, 10, 100, 1000};
        double along = 0;
        assert_int_equal(wg_zero_grad(tape), WG_OK);
        assert_int_equal(wg_backward(y), WG_OK);
        for (size_t i = 0; i < 4; i++) {
            double expected = 2 * (double)(i + 1) * (i == once ? 2 : i == twice ? 4 : 0);
            along += expected * slope[i];
            assert_true(wg_grad_at(x, i) == expected && wg_at(grad, i) == expected);
        }
        assert_true(wg_item(tangent) == along);
        assert_int_equal(wg_set_indices(leaf, (const int64_t[]){2, 1}), WG_OK);
        assert_int_equal(wg_tape_replay(tape), WG_OK);
    }
    wg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_replay),
        cmocka_unit_test(test_rewind),
        cmocka_unit_test(test_small),
        cmocka_unit_test(test_no_numbers),
        cmocka_unit_test(test_picking),
    };
    return cmocka_run_group_tests_name("ops/index_vars", tests, NULL, NULL);
}
