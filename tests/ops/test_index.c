/* slice and concat: rows, Python's rule for bounds, many slices of one array, many arrays in one. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "support/point.h"

typedef struct window {
    int axis;
    ptrdiff_t start, stop, step;
} window;

/* ---- Python's rule --------------------------------------------------------------------------------------------------------- */

/* Bounds below 0 count from the end; then both are cut to [0, length], or for a negative step to [-1, length - 1]; an
 * omitted bound is the end on its side; the indices are start + n step while they have not come to stop (The Python
 * Standard Library, Common Sequence Operations, notes 3 to 5). In long double, whose 64 digits hold every sum here.
 * Writes the indices, returns their number. */
static size_t python_slice(size_t length, const window *w, size_t *indices)
{
    long double len = (long double)length, k = (long double)w->step, i = (long double)w->start,
                j = (long double)w->stop;
    long double top = k < 0 ? len - 1 : len, bottom = k < 0 ? -1 : 0;
    if (i < 0) i += len;
    if (j < 0) j += len;
    if (i > top) i = top;
    if (j > top) j = top;
    if (i < bottom) i = bottom;
    if (j < bottom) j = bottom;
    if (w->start == WG_END) i = k < 0 ? len - 1 : 0;
    if (w->stop == WG_END) j = k < 0 ? -1 : len;
    size_t n = 0;
    for (long double x = i; k > 0 ? x < j : x > j; x += k) indices[n++] = (size_t)x;
    return n;
}

enum { LONGEST = 6 };

static void check_slice(wg_tape *tape, wg_var x, size_t length, window w)
{
    size_t indices[LONGEST], n = python_slice(length, &w, indices);
    wg_var y = wg_slice(x, w.axis, w.start, w.stop, w.step);
    if (wg_tape_status(tape) != WG_OK) fail_msg("%s", wg_tape_message(tape));
    if (wg_size(y) != n)
        fail_msg("[%td:%td:%td] of %zu: %zu elements, expected %zu", w.start, w.stop, w.step, length, wg_size(y), n);
    for (size_t i = 0; i < n; i++)
        if (wg_at(y, i) != (double)indices[i])
            fail_msg("[%td:%td:%td] of %zu: element %zu is %g", w.start, w.stop, w.step, length, i, wg_at(y, i));
}

/* Every combination of lengths, bounds around all the ends, and steps. */
static void test_python_slices(void **state)
{
    (void)state;
    const ptrdiff_t bounds[] = {WG_END, PTRDIFF_MIN + 1, -100, -8, -7, -6, -5, -3, -2, -1, 0, 1, 2, 4, 5, 6, 7, 100,
        PTRDIFF_MAX - 1, PTRDIFF_MAX};
    const ptrdiff_t steps[] = {1, 2, 3, 6, 7, PTRDIFF_MAX, -1, -2, -3, -6, -7, PTRDIFF_MIN + 1, PTRDIFF_MIN};
    const double numbers[LONGEST] = {0, 1, 2, 3, 4, 5};
    wg_tape *tape = wg_tape_new(WG_F64);
    for (size_t length = 0; length <= LONGEST; length++) {
        wg_var x = wg_constant_f64(tape, WG_DIMS(length), numbers);
        wg_mark mark = wg_tape_mark(tape);
        for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++)
            for (size_t j = 0; j < sizeof bounds / sizeof *bounds; j++)
                for (size_t k = 0; k < sizeof steps / sizeof *steps; k++) {
                    check_slice(tape, x, length, (window){0, bounds[i], bounds[j], steps[k]});
                    wg_tape_rewind(tape, mark);
                }
    }
    wg_tape_free(tape);
}

/* ---- rows ----------------------------------------------------------------------------------------------------------------------- */

static wg_var apply_slice(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    const window *w = user;
    (void)tape, (void)n;
    return wg_slice(in[0], w->axis, w->start, w->stop, w->step);
}

static void reference_slice(array *out, const array *in, size_t n, const void *user)
{
    const window *w = user;
    wg_shape shape = in->shape;
    uint32_t axis = (uint32_t)(w->axis < 0 ? w->axis + (int)shape.rank : w->axis);
    size_t *indices = malloc((shape.dim[axis] + 1) * sizeof *indices);
    (void)n;
    assert_non_null(indices);
    shape.dim[axis] = python_slice(shape.dim[axis], w, indices);
    *out = array_new(shape);
    for (size_t i = 0; i < out->size; i++) {
        size_t tuple[WG_MAX_RANK];
        shape_tuple(&shape, i, tuple);
        tuple[axis] = indices[tuple[axis]];
        out->at[i] = in->at[shape_flat(&in->shape, tuple)];
    }
    free(indices);
}

static wg_var apply_concat(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    (void)tape;
    return wg_concat(in, n, *(const int *)user);
}

static void reference_concat(array *out, const array *in, size_t n, const void *user)
{
    wg_shape shape = in[0].shape;
    int given = *(const int *)user;
    uint32_t axis = (uint32_t)(given < 0 ? given + (int)shape.rank : given);
    for (size_t k = 1; k < n; k++) shape.dim[axis] += in[k].shape.dim[axis];
    *out = array_new(shape);
    for (size_t i = 0; i < out->size; i++) {
        size_t tuple[WG_MAX_RANK], k = 0;
        shape_tuple(&shape, i, tuple);
        while (tuple[axis] >= in[k].shape.dim[axis]) tuple[axis] -= in[k++].shape.dim[axis];
        out->at[i] = in[k].at[shape_flat(&in[k].shape, tuple)];
    }
}

#define WINDOW(...)                                                                                                    \
    &(const window) { __VA_ARGS__ }
#define AXIS(a)                                                                                                        \
    &(const int) { a }

static const row_case cases_slice[] = {
    CASE_WITH(WINDOW(0, 0, 1, 1), 1, SHAPE(1)),
    CASE_WITH(WINDOW(0, 1, 4, 1), 1, SHAPE(5)),
    CASE_WITH(WINDOW(0, WG_END, WG_END, -1), 1, SHAPE(5)),
    CASE_WITH(WINDOW(0, WG_END, WG_END, 1), 1, SHAPE(5)),
    CASE_WITH(WINDOW(0, WG_END, WG_END, 2), 1, SHAPE(5)),
    CASE_WITH(WINDOW(0, -2, WG_END, -2), 1, SHAPE(7)),
    CASE_WITH(WINDOW(0, 3, 1, 1), 1, SHAPE(5)),
    CASE_WITH(WINDOW(0, 2, 100, 100), 1, SHAPE(5, 2)),
    CASE_WITH(WINDOW(0, 1, 3, 1), 1, SHAPE(4, 3)),
    CASE_WITH(WINDOW(1, 1, 2, 1), 1, SHAPE(4, 3)),
    CASE_WITH(WINDOW(-1, 2, 0, -1), 1, SHAPE(2, 3, 4)),
    CASE_WITH(WINDOW(1, WG_END, WG_END, 2), 1, SHAPE(2, 3, 4)),
    CASE_WITH(WINDOW(1, 1, 3, 1), 1, SHAPE(1, 4, 3)),
    CASE_WITH(WINDOW(4, 2, 0, -1), 1, SHAPE(2, 1, 2, 1, 3, 1, 2, 1)),
    CASE_WITH(WINDOW(0, 0, 1, 1), 1, SHAPE(0, 3)),
    CASE_WITH(WINDOW(1, 0, 2, 1), 1, SHAPE(0, 3)),
    CASE_WITH(WINDOW(1, 0, 2, 1), 1, SHAPE(4, 0)),
    CASE_WITH(WINDOW(1, 3, 90, 2), 1, SHAPE(11, 97)),
};
static const row_case cases_concat[] = {
    CASE_WITH(AXIS(0), 1, SHAPE(3)),
    CASE_WITH(AXIS(0), 2, SHAPE(1), SHAPE(1)),
    CASE_WITH(AXIS(0), 2, SHAPE(3), SHAPE(2)),
    CASE_WITH(AXIS(0), 2, SHAPE(2, 3), SHAPE(2, 3)),
    CASE_WITH(AXIS(0), 3, SHAPE(1, 3), SHAPE(2, 3), SHAPE(3, 3)),
    CASE_WITH(AXIS(1), 3, SHAPE(2, 1), SHAPE(2, 3), SHAPE(2, 2)),
    CASE_WITH(AXIS(-1), 2, SHAPE(2, 3, 4), SHAPE(2, 3, 1)),
    CASE_WITH(AXIS(-2), 2, SHAPE(2, 3, 4), SHAPE(2, 2, 4)),
    CASE_WITH(AXIS(4), 2, SHAPE(2, 1, 2, 1, 3, 1, 2, 1), SHAPE(2, 1, 2, 1, 1, 1, 2, 1)),
    CASE_WITH(AXIS(0), 3, SHAPE(0), SHAPE(3), SHAPE(0)),
    CASE_WITH(AXIS(1), 3, SHAPE(2, 2), SHAPE(2, 0), SHAPE(2, 1)),
    CASE_WITH(AXIS(0), 2, SHAPE(0), SHAPE(0)),
    CASE_WITH(AXIS(0), 2, SHAPE(2, 0), SHAPE(3, 0)),
    CASE_WITH(AXIS(1), 2, SHAPE(7, 40), SHAPE(7, 23)),
};

static const row rows[] = {
    ROW(wg_slice, .apply = apply_slice, .reference = reference_slice, ROW_CASES(cases_slice), .domain = {FROM(-2, 2)}),
    ROW(wg_concat, .apply = apply_concat, .reference = reference_concat, ROW_CASES(cases_concat),
        .domain = {FROM(-2, 2), FROM(-2, 2), FROM(-2, 2)}),
};

static void test_allocations(void **state)
{
    (void)state;
    row_fail_allocations(&rows[0], &cases_slice[sizeof cases_slice / sizeof *cases_slice - 1]);
    row_fail_allocations(&rows[1], &cases_concat[sizeof cases_concat / sizeof *cases_concat - 1]);
}

/* Leading rows are where the array is; a window along another axis is a copy. */
static void test_views(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(3, 2), ((double[]){1, 2, 3, 4, 5, 6}));
    wg_var rows_of = wg_slice(x, 0, 1, 3, 1), last = wg_slice(rows_of, 0, -1, WG_END, 1),
           column = wg_slice(x, 1, 1, 2, 1);
    assert_ptr_equal(wg_value(rows_of), (const double *)wg_value(x) + 2);
    assert_ptr_equal(wg_value(last), (const double *)wg_value(x) + 4);
    assert_ptr_not_equal(wg_value(column), (const double *)wg_value(x) + 1);
    wg_var turned = wg_slice(wg_transpose(x), 0, 1, 2, 1);
    for (size_t i = 0; i < 3; i++)
        assert_true(wg_at(turned, i) == 2 * (double)i + 2 && wg_at(column, i) == wg_at(turned, i));
    wg_tape_free(tape);
}

/* ---- many ------------------------------------------------------------------------------------------------------------------------ */

/* T slices of one array cost what they hold: with T at 40,000, a sweep that touched the whole array for each would touch
 * 6.4e9 elements, and this test would be noticed. */
static void test_many_slices(void **state)
{
    (void)state;
    enum { T = 40000, HIGH = 4 };
    double *numbers = malloc(sizeof(double) * T * HIGH);
    assert_non_null(numbers);
    for (size_t i = 0; i < (size_t)T * HIGH; i++) numbers[i] = (double)(i % 97) / 64;
    for (int way = 0; way < 4; way++) {
        bool rows_of = way & 1, through = way & 2;
        wg_tape *tape = wg_tape_new(WG_F64);
        wg_shape shape = rows_of ? WG_DIMS(T, HIGH) : WG_DIMS(HIGH, T);
        wg_var x = wg_variable_f64(tape, shape, numbers), base = through ? wg_neg(x) : x;
        wg_var sum = wg_constant_f64(tape, rows_of ? WG_DIMS(1, HIGH) : WG_DIMS(HIGH, 1), NULL);
        for (ptrdiff_t t = 0; t < T; t++) sum = wg_add(sum, wg_square(wg_slice(base, !rows_of, t, t + 1, 1)));
        assert_int_equal(wg_backward_from(sum, (double[]){1, 1, 1, 1}), WG_OK);
        const double *grad = wg_grad_f64(x);
        for (size_t i = 0; i < (size_t)T * HIGH; i++)
            if (grad[i] != 2 * numbers[i]) fail_msg("element %zu: %g", i, grad[i]);
        wg_tape_free(tape);
    }
    free(numbers);
}

/* The same recorded, within a limit: an array of the whole for each slice would take 5 GB. */
static void test_many_slices_recorded(void **state)
{
    (void)state;
    enum { T = 12500, HIGH = 4 };
    double *numbers = malloc(sizeof(double) * T * HIGH);
    assert_non_null(numbers);
    for (size_t i = 0; i < (size_t)T * HIGH; i++) numbers[i] = (double)(i % 97) / 64;
    wg_tape *tape = wg_tape_new_with(&(wg_tape_options){.dtype = WG_F64, .memory_limit = (size_t)100 << 20}, NULL);
    wg_var x = wg_variable_f64(tape, WG_DIMS(T, HIGH), numbers), sum = wg_constant_f64(tape, WG_DIMS(1, HIGH), NULL), g;
    for (ptrdiff_t t = 0; t < T; t++) sum = wg_add(sum, wg_square(wg_slice(x, 0, t, t + 1, 1)));
    assert_int_equal(wg_gradients(wg_sum(sum), &x, 1, &g), WG_OK); /* 2 x */
    for (size_t i = 0; i < (size_t)T * HIGH; i++) assert_true(wg_at(g, i) == 2 * numbers[i]);
    assert_int_equal(wg_backward(wg_sum(wg_mul(g, g))), WG_OK); /* 8 x */
    for (size_t i = 0; i < (size_t)T * HIGH; i++) assert_true(wg_grad_at(x, i) == 8 * numbers[i]);
    wg_tape_free(tape);
    free(numbers);
}

/* Overlapping windows, views and copies, steps of both signs, and the whole array beside them. */
static void test_overlapping_slices(void **state)
{
    (void)state;
    for (int through = 0; through < 2; through++) {
        wg_tape *tape = wg_tape_new(WG_F64);
        wg_var x = wg_variable(tape, WG_DIMS(5), ((double[]){1, 2, 3, 4, 5})), base = through ? wg_exp(wg_log(x)) : x;
        wg_var head = wg_slice(base, 0, 0, 3, 1), tail = wg_slice(base, 0, 2, 5, 1);
        wg_var backwards = wg_slice(base, 0, WG_END, WG_END, -1), odd = wg_slice(base, 0, 1, WG_END, 2), grad;
        wg_var y = wg_add(wg_sum(wg_mul(head, tail)), wg_sum(wg_mul(backwards, base)));
        y = wg_add(wg_add(y, wg_sum(wg_square(odd))), wg_sum(wg_slice(head, 0, 1, 2, 1)));
        /* y = x0 x2 + x1 x3 + x2 x4 + 2 x0 x4 + 2 x1 x3 + x2^2 + x1^2 + x3^2 + x1 */
        const double expected[] = {3 + 10, 4 + 8 + 4 + 1, 1 + 5 + 6, 2 + 4 + 8, 3 + 2};
        assert_int_equal(wg_backward(y), WG_OK);
        assert_int_equal(wg_gradients(y, &x, 1, &grad), WG_OK);
        for (size_t i = 0; i < 5; i++) {
            assert_true(fabs(wg_grad_at(x, i) - expected[i]) < 1e-12);
            assert_true(fabs(wg_at(grad, i) - expected[i]) < 1e-12);
        }
        wg_tape_free(tape);
    }
}

/* 100 arrays, some empty, one of them many times, swept, recorded and to order 2. */
static void test_concat_of_many(void **state)
{
    (void)state;
    enum { N = 100 };
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var parts[N], leaves[2], grads[2], twice[2];
    leaves[0] = wg_variable(tape, WG_DIMS(2, 2), ((double[]){1, 2, 3, 4}));
    leaves[1] = wg_variable(tape, WG_DIMS(2, 1), ((double[]){5, 6}));
    wg_var nothing = wg_constant_f64(tape, WG_DIMS(2, 0), NULL);
    for (size_t k = 0; k < N; k++) parts[k] = k % 10 == 3 ? leaves[1] : k % 10 == 7 ? leaves[0] : nothing;
    for (size_t k = 0; k < N; k += 2) parts[k] = wg_neg(parts[k]);
    wg_var joined = wg_concat(parts, N, 1);
    assert_int_equal(wg_shape_of(joined).dim[1], 30);
    assert_true(wg_at(joined, 0) == 5 && wg_at(joined, 1) == 1 && wg_at(joined, 2) == 2 && wg_at(joined, 30) == 6);
    wg_var y = wg_sum(wg_mul(joined, wg_square(joined))); /* 10 times the sum of cubes */
    assert_int_equal(wg_backward(y), WG_OK);
    assert_int_equal(wg_gradients(y, leaves, 2, grads), WG_OK);
    assert_int_equal(wg_gradients(wg_add(wg_sum(grads[0]), wg_sum(grads[1])), leaves, 2, twice), WG_OK);
    for (size_t leaf = 0; leaf < 2; leaf++)
        for (size_t i = 0; i < wg_size(leaves[leaf]); i++) {
            double x = wg_at(leaves[leaf], i);
            assert_true(wg_grad_at(leaves[leaf], i) == 30 * x * x);
            assert_true(wg_at(grads[leaf], i) == 30 * x * x);
            assert_true(wg_at(twice[leaf], i) == 60 * x);
        }
    double moved[] = {7, 8};
    assert_int_equal(wg_set_value(leaves[1], moved), WG_OK);
    assert_int_equal(wg_tape_replay(tape), WG_OK);
    assert_true(wg_at(joined, 0) == 7 && wg_at(grads[1], 1) == 30 * 64);
    wg_tape_free(tape);
}

/* ---- errors ----------------------------------------------------------------------------------------------------------------------- */

static void test_errors(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64), *other = wg_tape_new(WG_F64);
    wg_var w = wg_name(wg_variable(tape, WG_DIMS(2, 3), (double *)NULL), "W"),
           b = wg_variable_f64(tape, WG_DIMS(3), NULL);
    wg_var one = wg_scalar(tape, 1), far = wg_constant_f64(other, WG_DIMS(2, 3), NULL);
    wg_var indices = wg_indices(tape, WG_DIMS(2, 3), NULL),
           tall = wg_name(wg_constant_f64(tape, WG_DIMS(4, 4), NULL), "T");
    wg_stats before, after;
    wg_tape_stats(tape, &before);
    wg_slice(w, 0, 0, 1, 0);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "slice", "step", "W (2,3)", NULL);
    wg_slice(w, 2, 0, 1, 1);
    point_expect_error(tape, WG_ERROR_SHAPE, "slice", "axis 2", "W (2,3)", NULL);
    wg_slice(w, -3, 0, 1, 1);
    point_expect_error(tape, WG_ERROR_SHAPE, "slice", "axis -3", "W (2,3)", NULL);
    wg_slice(one, 0, 0, 1, 1);
    point_expect_error(tape, WG_ERROR_SHAPE, "slice", "axis 0", "()", NULL);
    wg_slice((wg_var){tape, UINT32_MAX, 0}, 0, 0, 1, 0);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "slice", "argument 1", "invalid", NULL);
    assert_null(wg_slice((wg_var){0}, 0, 0, 1, 1).tape);

    wg_concat((wg_var[]){w, tall}, 2, 0);
    point_expect_error(tape, WG_ERROR_SHAPE, "concat", "W (2,3)", "T (4,4)", "axis 0", NULL);
    wg_concat((wg_var[]){w, w, b}, 3, 0);
    point_expect_error(tape, WG_ERROR_SHAPE, "concat", "W (2,3)", "(3)", NULL);
    wg_concat((wg_var[]){w, w}, 2, 2);
    point_expect_error(tape, WG_ERROR_SHAPE, "concat", "axis 2", "W (2,3)", NULL);
    wg_concat((wg_var[]){one, one}, 2, 0);
    point_expect_error(tape, WG_ERROR_SHAPE, "concat", "axis 0", NULL);
    wg_concat((wg_var[]){w, indices}, 2, 0);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "concat", "argument 2", "indices", NULL);
    wg_concat((wg_var[]){indices, w}, 2, 0);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "concat", "argument 2", "W (2,3)", "numbers", NULL);
    wg_concat((wg_var[]){(wg_var){0}, w}, 2, 0);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "concat", "argument 1", NULL);
    wg_concat(&w, 0, 0);
    assert_int_equal(wg_tape_status(tape), WG_OK); /* without an array there is no tape to tell */
    assert_false(wg_ok(wg_concat(NULL, 2, 0)));
    wg_concat((wg_var[]){w, far}, 2, 0);
    point_expect_error(other, WG_ERROR_ARGUMENT, "concat", "two tapes", NULL);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "concat", "argument 2", "another tape", NULL);
    wg_tape_stats(tape, &after);
    assert_int_equal(before.nodes, after.nodes);
    wg_tape_free(tape);
    wg_tape_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_python_slices),
        cmocka_unit_test(test_allocations),
        cmocka_unit_test(test_views),
        cmocka_unit_test(test_many_slices),
        cmocka_unit_test(test_many_slices_recorded),
        cmocka_unit_test(test_overlapping_slices),
        cmocka_unit_test(test_concat_of_many),
        cmocka_unit_test(test_errors),
    };
    return row_main("ops/index", rows, sizeof rows / sizeof *rows, tests, sizeof tests / sizeof *tests);
}
