/* Rows replaced, and numbers made of indices. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "support/point.h"

typedef struct picks {
    wg_shape shape;
    const int64_t *at;
} picks;

#define AT(...)                                                                                                        \
    (const int64_t[]) { __VA_ARGS__ }
#define PICKS(shape_, at_)                                                                                             \
    &(const picks) { .shape = shape_, .at = at_ }

/* One row after the other is written over what is there. */
static void reference_set_rows(array *out, const array *in, size_t n, const void *user)
{
    const picks *p = user;
    size_t extent = in[0].shape.dim[0], inner = extent ? in[0].size / extent : 0;
    (void)n;
    *out = array_copy(&in[0]);
    for (size_t k = 0; k < shape_size(&p->shape); k++) {
        size_t place = (size_t)(p->at[k] < 0 ? p->at[k] + (int64_t)extent : p->at[k]);
        for (size_t i = 0; i < inner; i++) out->at[place * inner + i] = in[1].at[k * inner + i];
    }
}

static wg_var apply_set_rows(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    const picks *p = user;
    (void)n;
    return wg_set_rows(in[0], wg_indices(tape, p->shape, p->at), in[1]);
}

static const row_case cases[] = {
    CASE_WITH(PICKS(SHAPE(2), AT(3, 0)), 2, SHAPE(4), SHAPE(2)),
    CASE_WITH(PICKS(SHAPE(5), AT(3, 0, 3, -1, 1)), 2, SHAPE(4), SHAPE(5)),
    CASE_WITH(PICKS(SHAPE_SCALAR, AT(-2)), 2, SHAPE(4), SHAPE_SCALAR),
    CASE_WITH(PICKS(SHAPE_SCALAR, AT(1)), 2, SHAPE(4, 3), SHAPE(3)),
    CASE_WITH(PICKS(SHAPE(1), AT(0)), 2, SHAPE(1), SHAPE(1)),
    CASE_WITH(PICKS(SHAPE(4), AT(3, 2, 1, 0)), 2, SHAPE(4, 2), SHAPE(4, 2)),
    CASE_WITH(PICKS(SHAPE(2, 3), AT(1, 4, -1, 1, 1, 0)), 2, SHAPE(5, 2, 3), SHAPE(2, 3, 2, 3)),
    CASE_WITH(PICKS(SHAPE(0), AT(0)), 2, SHAPE(4, 2), SHAPE(0, 2)),
    CASE_WITH(PICKS(SHAPE(0), AT(0)), 2, SHAPE(0, 2), SHAPE(0, 2)),
    CASE_WITH(PICKS(SHAPE(2), AT(1, 1)), 2, SHAPE(3, 0), SHAPE(2, 0)),
    CASE_WITH(PICKS(SHAPE(3), AT(6, -1, 6)), 2, SHAPE(7, 41), SHAPE(3, 41)),
};

static const row rows[] = {ROW(wg_set_rows, .apply = apply_set_rows, .reference = reference_set_rows, ROW_CASES(cases),
    .domain = {FROM(-2, 2), FROM(-2, 2)}, .composite = true)};

static void test_allocations(void **state)
{
    (void)state;
    row_fail_allocations(&rows[0], &cases[6]);
}

/* The masks select: a NaN that was replaced leaves no trace, in value or derivative, and a cotangent that isn't finite goes
 * where its element came from, to every order. */
static void test_masks(void **state)
{
    (void)state;
    const double nan = (double)NAN, inf = (double)INFINITY;
    for (int dtype = WG_F32; dtype <= WG_F64; dtype++) {
        wg_tape *tape = wg_tape_new((wg_dtype)dtype);
        wg_var x = wg_variable(tape, WG_DIMS(3), ((double[]){nan, 2, 3}));
        wg_var rows_of = wg_variable(tape, WG_DIMS(3), ((double[]){nan, 7, 8}));
        wg_var y = wg_set_rows(x, wg_indices(tape, WG_DIMS(3), AT(0, -3, 2)), rows_of);
        wg_var g = wg_variable(tape, WG_DIMS(3), ((double[]){inf, nan, 5})), wrt[] = {x, rows_of}, grads[2];
        const double value[] = {7, 2, 8}, of_x[] = {0, nan, 0}, of_rows[] = {0, inf, 5};
        assert_int_equal(wg_backward_from(y, wg_value(g)), WG_OK);
        assert_int_equal(wg_vjp(y, g, wrt, 2, grads), WG_OK);
        for (size_t i = 0; i < 3; i++) {
            assert_true(wg_at(y, i) == value[i]);
            assert_true(point_same(wg_grad_at(x, i), of_x[i]) && point_same(wg_at(grads[0], i), of_x[i]));
            assert_true(point_same(wg_grad_at(rows_of, i), of_rows[i]) && point_same(wg_at(grads[1], i), of_rows[i]));
        }
        /* of the recorded gradients with respect to g: x's lets through element 1, the rows' elements 0 and 2 */
        wg_var u = wg_constant(tape, WG_DIMS(3), ((double[]){inf, nan, 5})), twice;
        const double through_x[] = {0, nan, 0}, through_rows[] = {nan, 0, 5};
        assert_int_equal(wg_vjp(grads[0], u, &g, 1, &twice), WG_OK);
        for (size_t i = 0; i < 3; i++) assert_true(point_same(wg_at(twice, i), through_x[i]));
        assert_int_equal(wg_vjp(grads[1], u, &g, 1, &twice), WG_OK);
        for (size_t i = 0; i < 3; i++) assert_true(point_same(wg_at(twice, i), through_rows[i]));
        wg_tape_free(tape);
    }
}

static void test_replay(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(3), ((double[]){1, 2, 3})), r = wg_scalar_variable(tape, 9), grads[2];
    wg_var i = wg_name(wg_indices(tape, WG_SCALAR, AT(0)), "i"), y = wg_set_rows(x, i, r), wrt[] = {x, r};
    wg_var hot = wg_one_hot(i, 3), number = wg_to_numbers(i);
    assert_int_equal(wg_gradients(wg_sum(wg_square(y)), wrt, 2, grads), WG_OK);
    for (int64_t at = -3; at < 3; at++) {
        size_t place = (size_t)(at < 0 ? at + 3 : at);
        assert_int_equal(wg_set_indices(i, &at), WG_OK);
        assert_int_equal(wg_tape_replay(tape), WG_OK);
        assert_true(wg_at(number, 0) == (double)at && wg_at(grads[1], 0) == 18);
        for (size_t k = 0; k < 3; k++) {
            assert_true(wg_at(y, k) == (k == place ? 9 : (double)k + 1));
            assert_true(wg_at(hot, k) == (k == place));
            assert_true(wg_at(grads[0], k) == (k == place ? 0 : 2 * ((double)k + 1)));
        }
    }
    assert_int_equal(wg_set_indices(i, AT(3)), WG_OK);
    assert_int_equal(wg_tape_replay(tape), WG_ERROR_ARGUMENT);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "set_rows", "element 0", "i ()", "is 3", "3 elements", NULL);
    wg_tape_free(tape);
}

/* On bounded memory a sweep that cannot be paid for, ticks included, fails before it has touched a gradient. */
static void test_bounded(void **state)
{
    (void)state;
    enum { N = 20000, STEP = 4096 };
    size_t refused = 0;
    for (size_t limit = (size_t)N * sizeof(double);; limit += STEP) {
        wg_tape *tape = wg_tape_new_with(&(wg_tape_options){.dtype = WG_F64, .memory_limit = limit}, NULL);
        if (!tape) continue;
        wg_var x = wg_variable_f64(tape, WG_DIMS(N), NULL), r = wg_scalar_variable(tape, 3);
        wg_var y = wg_set_rows(x, wg_indices(tape, WG_SCALAR, AT(-1)), r), loss = wg_sum(wg_mul(y, y));
        if (wg_tape_status(tape) != WG_OK) {
            wg_tape_free(tape);
            continue;
        }
        bool done = wg_backward(loss) == WG_OK;
        if (done) {
            assert_true(wg_grad_at(x, 0) == 0 && wg_grad_at(r, 0) == 6);
        } else {
            refused++;
            point_expect_error(tape, WG_ERROR_MEMORY, "limit", NULL);
            assert_true(wg_grad_at(x, 0) == 0 && wg_grad_at(x, N - 1) == 0 && wg_grad_at(r, 0) == 0);
        }
        wg_tape_free(tape);
        if (done) break;
    }
    assert_true(refused > 0);
}

/* row: wg_one_hot (no derivative) */
static void test_one_hot(void **state)
{
    (void)state;
    for (int dtype = WG_F32; dtype <= WG_F64; dtype++) {
        wg_tape *tape = wg_tape_new((wg_dtype)dtype);
        wg_var y = wg_one_hot(wg_indices(tape, WG_DIMS(2, 2), AT(0, 3, -1, -4)), 4);
        const size_t ones[] = {0, 3, 3, 0};
        assert_int_equal(wg_shape_of(y).rank, 3);
        for (size_t i = 0; i < 16; i++) assert_true(wg_at(y, i) == (i % 4 == ones[i / 4]));
        wg_var nothing = wg_one_hot(wg_indices(tape, WG_DIMS(0), NULL), 0);
        assert_true(wg_ok(nothing) && wg_shape_of(nothing).rank == 2 && wg_size(nothing) == 0);
        /* a constant to every derivative */
        wg_var x = wg_scalar_variable(tape, 3);
        assert_int_equal(wg_backward(wg_sum(wg_mul(y, x))), WG_OK);
        assert_true(wg_grad_at(x, 0) == 4);
        wg_tape_free(tape);
    }
}

/* row: wg_to_numbers (no derivative) */
static void test_to_numbers(void **state)
{
    (void)state;
    const int64_t big = ((int64_t)1 << 53) + 1, at[] = {0, -7, 1000000, big, INT64_MIN, INT64_MAX};
    for (int dtype = WG_F32; dtype <= WG_F64; dtype++) {
        wg_tape *tape = wg_tape_new((wg_dtype)dtype);
        wg_var y = wg_to_numbers(wg_indices(tape, WG_DIMS(2, 3), at));
        for (size_t i = 0; i < 6; i++)
            assert_true(wg_at(y, i) == (dtype == WG_F64 ? (double)at[i] : (double)(float)at[i]));
        assert_int_equal(wg_shape_of(y).dim[1], 3);
        wg_tape_free(tape);
    }
}

static void expect_sequence(wg_var y, size_t n, const int64_t *expected)
{
    const int64_t *got = wg_value_indices(y);
    assert_true(wg_ok(y) && wg_shape_of(y).rank == 1 && wg_size(y) == n);
    for (size_t i = 0; i < n; i++) assert_true(got[i] == expected[i]);
}

/* row: wg_arange (no derivative) */
static void test_arange(void **state)
{
    (void)state;
    for (int dtype = WG_F32; dtype <= WG_F64; dtype++) {
        wg_tape *tape = wg_tape_new((wg_dtype)dtype);
        expect_sequence(wg_arange(tape, 0, 3, 1), 3, AT(0, 1, 2));
        expect_sequence(wg_arange(tape, -2, 6, 3), 3, AT(-2, 1, 4));
        expect_sequence(wg_arange(tape, -2, 7, 3), 3, AT(-2, 1, 4));
        expect_sequence(wg_arange(tape, 5, -1, -2), 3, AT(5, 3, 1));
        expect_sequence(wg_arange(tape, 5, 5, 1), 0, NULL);
        expect_sequence(wg_arange(tape, 5, 6, -1), 0, NULL);
        expect_sequence(wg_arange(tape, 5, 4, INT64_MAX), 0, NULL);
        expect_sequence(wg_arange(tape, INT64_MIN, INT64_MAX, INT64_MAX), 3, AT(INT64_MIN, -1, INT64_MAX - 1));
        expect_sequence(wg_arange(tape, INT64_MAX, INT64_MIN, INT64_MIN), 2, AT(INT64_MAX, -1));
        assert_int_equal(wg_tape_replay(tape), WG_OK);
        wg_arange(tape, 1, 4, 0);
        point_expect_error(tape, WG_ERROR_ARGUMENT, "arange", "1 to 4", "0", NULL);
        wg_arange(tape, INT64_MIN, INT64_MAX, 1);
        point_expect_error(tape, WG_ERROR_SHAPE, "arange", "overflows", NULL);
        assert_null(wg_arange(NULL, 0, 1, 1).tape);
        wg_tape_free(tape);
    }
}

static void test_errors(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_name(wg_variable(tape, WG_DIMS(2, 3), (double *)NULL), "x"), one = wg_scalar(tape, 1);
    wg_var i = wg_name(wg_indices(tape, WG_DIMS(2), AT(0, 2)), "i"),
           j = wg_name(wg_indices(tape, WG_DIMS(1), AT(-3)), "j");
    wg_var deep = wg_indices(tape, WG_DIMS(1, 1, 1, 1, 1, 1, 1, 1), NULL), row_of = wg_slice(x, 0, 0, 1, 1);
    wg_stats before, after;
    wg_tape_stats(tape, &before);
    wg_set_rows(x, i, x);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "set_rows", "element 1", "i (2)", "is 2", "2 elements", NULL);
    wg_set_rows(x, j, row_of);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "set_rows", "element 0", "j (1)", "is -3", NULL);
    wg_set_rows(x, x, x);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "set_rows", "argument 2", "numbers where indices", NULL);
    wg_set_rows(i, i, x);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "set_rows", "argument 1", "i (2)", "indices where numbers", NULL);
    wg_set_rows(x, i, i);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "set_rows", "argument 3", "i (2)", "indices where numbers", NULL);
    wg_set_rows(x, i, one);
    point_expect_error(tape, WG_ERROR_SHAPE, "set_rows", "()", "shape (2,3)", "i (2)", "x (2,3)", NULL);
    wg_set_rows(one, i, one);
    point_expect_error(tape, WG_ERROR_SHAPE, "set_rows", "axis 0", "()", NULL);
    wg_set_rows(x, deep, x);
    point_expect_error(tape, WG_ERROR_SHAPE, "set_rows", "8 axes", NULL);
    wg_one_hot(x, 3);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "one_hot", "argument 1", "x (2,3)", "numbers where indices", NULL);
    wg_one_hot(i, 2);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "one_hot", "element 1", "is 2", "2 elements", NULL);
    wg_one_hot(i, 0);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "one_hot", "element 0", "0 elements", NULL);
    wg_one_hot(i, SIZE_MAX);
    point_expect_error(tape, WG_ERROR_SHAPE, "one_hot", "overflows", NULL);
    wg_one_hot(deep, 2);
    point_expect_error(tape, WG_ERROR_SHAPE, "one_hot", "(1,1,1,1,1,1,1,1)", NULL);
    wg_to_numbers(one);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "to_numbers", "argument 1", "numbers where indices", NULL);
    wg_to_numbers((wg_var){tape, UINT32_MAX, 0});
    point_expect_error(tape, WG_ERROR_ARGUMENT, "to_numbers", "argument 1", "invalid", NULL);
    assert_null(wg_one_hot((wg_var){0}, 2).tape);
    assert_null(wg_to_numbers((wg_var){0}).tape);
    assert_null(wg_set_rows((wg_var){0}, (wg_var){0}, (wg_var){0}).tape);
    wg_tape_stats(tape, &after);
    assert_int_equal(before.nodes, after.nodes);
    wg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations),
        cmocka_unit_test(test_masks),
        cmocka_unit_test(test_replay),
        cmocka_unit_test(test_bounded),
        cmocka_unit_test(test_one_hot),
        cmocka_unit_test(test_to_numbers),
        cmocka_unit_test(test_arange),
        cmocka_unit_test(test_errors),
    };
    return row_main("ops/rows", rows, sizeof rows / sizeof *rows, tests, sizeof tests / sizeof *tests);
}
