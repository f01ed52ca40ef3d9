/* select, stack, split and unstack. Those of several results are put together again in another order, so that one row sees
 * all of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "support/point.h"

#define PARTS_MOST 12

typedef struct parts_case {
    int axis;
    ptrdiff_t index;
    size_t n, sizes[PARTS_MOST];
} parts_case;

static uint32_t parts_axis(const parts_case *c, uint32_t rank)
{
    return (uint32_t)(c->axis < 0 ? c->axis + (int)rank : c->axis);
}

/* ---- select and stack -------------------------------------------------------------------------------------------------- */

static wg_var apply_select(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    const parts_case *c = user;
    (void)tape, (void)n;
    return wg_select(in[0], c->axis, c->index);
}

static void reference_select(array *out, const array *in, size_t n, const void *user)
{
    const parts_case *c = user;
    uint32_t axis = parts_axis(c, in->shape.rank), at = 0;
    wg_shape shape = {.rank = in->shape.rank - 1};
    (void)n;
    for (uint32_t k = 0; k < in->shape.rank; k++)
        if (k != axis) shape.dim[at++] = in->shape.dim[k];
    *out = array_new(shape);
    for (size_t i = 0; i < out->size; i++) {
        size_t tuple[WG_MAX_RANK], from[WG_MAX_RANK];
        shape_tuple(&shape, i, tuple);
        for (uint32_t k = 0; k < in->shape.rank; k++) from[k] = k < axis ? tuple[k] : k > axis ? tuple[k - 1] : 0;
        from[axis] = c->index < 0 ? in->shape.dim[axis] - (size_t)-c->index : (size_t)c->index;
        out->at[i] = in->at[shape_flat(&in->shape, from)];
    }
}

static wg_var apply_stack(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    (void)tape;
    return wg_stack(in, n, ((const parts_case *)user)->axis);
}

static void reference_stack(array *out, const array *in, size_t n, const void *user)
{
    const parts_case *c = user;
    wg_shape shape = {.rank = in->shape.rank + 1};
    uint32_t axis = parts_axis(c, shape.rank);
    for (uint32_t k = 0; k < shape.rank; k++)
        shape.dim[k] = k < axis ? in->shape.dim[k] : k > axis ? in->shape.dim[k - 1] : n;
    *out = array_new(shape);
    for (size_t i = 0; i < out->size; i++) {
        size_t tuple[WG_MAX_RANK], from[WG_MAX_RANK];
        shape_tuple(&shape, i, tuple);
        for (uint32_t k = 0; k < in->shape.rank; k++) from[k] = tuple[k < axis ? k : k + 1];
        out->at[i] = in[tuple[axis]].at[shape_flat(&in->shape, from)];
    }
}

/* ---- split, split_sizes, unstack --------------------------------------------------------------------------------------------- */

/* The last part first. */
static wg_var parts_reversed(wg_tape *tape, wg_status status, wg_var *parts, size_t n, int axis, bool stacked)
{
    wg_var reversed[PARTS_MOST];
    if (status != WG_OK) return parts[0];
    for (size_t k = 0; k < n; k++) reversed[k] = parts[n - 1 - k];
    (void)tape;
    return stacked ? wg_stack(reversed, n, axis) : wg_concat(reversed, n, axis);
}

static wg_var apply_split(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    const parts_case *c = user;
    wg_var parts[PARTS_MOST] = {{tape, UINT32_MAX, 0}};
    (void)n;
    return parts_reversed(tape, wg_split(in[0], c->n, c->axis, parts), parts, c->n, c->axis, false);
}

static wg_var apply_split_sizes(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    const parts_case *c = user;
    wg_var parts[PARTS_MOST] = {{tape, UINT32_MAX, 0}};
    (void)n;
    return parts_reversed(tape, wg_split_sizes(in[0], c->sizes, c->n, c->axis, parts), parts, c->n, c->axis, false);
}

static wg_var apply_unstack(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    const parts_case *c = user;
    wg_var parts[PARTS_MOST] = {{tape, UINT32_MAX, 0}};
    (void)n;
    return parts_reversed(tape, wg_unstack(in[0], c->axis, parts), parts, c->n, c->axis, true);
}

/* With sizes as given, or n equal ones. */
static void reference_parts(array *out, const array *in, size_t n, const void *user)
{
    const parts_case *c = user;
    uint32_t axis = parts_axis(c, in->shape.rank);
    size_t sum = 0, order[64], at = 0, extent = in->shape.dim[axis], start[PARTS_MOST + 1] = {0};
    (void)n;
    for (size_t k = 0; k < c->n; k++) sum += c->sizes[k];
    for (size_t k = 0; k < c->n; k++) start[k + 1] = start[k] + (sum ? c->sizes[k] : extent / c->n);
    assert_int_equal(start[c->n], extent);
    for (size_t k = c->n; k-- > 0;)
        for (size_t i = start[k]; i < start[k + 1]; i++) order[at++] = i;
    *out = array_new(in->shape);
    for (size_t i = 0; i < out->size; i++) {
        size_t tuple[WG_MAX_RANK];
        shape_tuple(&out->shape, i, tuple);
        tuple[axis] = order[tuple[axis]];
        out->at[i] = in->at[shape_flat(&in->shape, tuple)];
    }
}

/* ---- rows --------------------------------------------------------------------------------------------------------------------- */

#define AT(axis_, index_)                                                                                              \
    &(const parts_case) { .axis = axis_, .index = index_ }
#define ALONG(axis_, n_)                                                                                               \
    &(const parts_case) { .axis = axis_, .n = n_ }
#define SIZES(axis_, ...)                                                                                              \
    &(const parts_case) { .axis = axis_, .sizes = {__VA_ARGS__}, .n = sizeof((int[]){__VA_ARGS__}) / sizeof(int) }

static const row_case cases_select[] = {
    CASE_WITH(AT(0, 0), 1, SHAPE(1)),
    CASE_WITH(AT(0, -2), 1, SHAPE(5)),
    CASE_WITH(AT(0, 3), 1, SHAPE(4, 3)),
    CASE_WITH(AT(-1, 1), 1, SHAPE(4, 3)),
    CASE_WITH(AT(1, -1), 1, SHAPE(2, 3, 4)),
    CASE_WITH(AT(1, 2), 1, SHAPE(0, 3)),
    CASE_WITH(AT(4, 1), 1, SHAPE(2, 1, 2, 1, 3, 1, 2, 1)),
    CASE_WITH(AT(1, 50), 1, SHAPE(11, 97)),
};
static const row_case cases_stack[] = {
    CASE_WITH(ALONG(0, 0), 1, SHAPE_SCALAR),
    CASE_WITH(ALONG(-1, 0), 3, SHAPE_SCALAR, SHAPE_SCALAR, SHAPE_SCALAR),
    CASE_WITH(ALONG(0, 0), 2, SHAPE(3), SHAPE(3)),
    CASE_WITH(ALONG(1, 0), 2, SHAPE(3), SHAPE(3)),
    CASE_WITH(ALONG(-2, 0), 3, SHAPE(2, 3), SHAPE(2, 3), SHAPE(2, 3)),
    CASE_WITH(ALONG(2, 0), 2, SHAPE(2, 3), SHAPE(2, 3)),
    CASE_WITH(ALONG(0, 0), 2, SHAPE(0), SHAPE(0)),
    CASE_WITH(ALONG(3, 0), 2, SHAPE(1, 2, 1, 3, 1, 2, 1), SHAPE(1, 2, 1, 3, 1, 2, 1)),
    CASE_WITH(ALONG(1, 0), 2, SHAPE(9, 70), SHAPE(9, 70)),
};
static const row_case cases_split[] = {
    CASE_WITH(ALONG(0, 1), 1, SHAPE(1)),
    CASE_WITH(ALONG(0, 3), 1, SHAPE(6)),
    CASE_WITH(ALONG(0, 2), 1, SHAPE(4, 3)),
    CASE_WITH(ALONG(-1, 3), 1, SHAPE(4, 3)),
    CASE_WITH(ALONG(1, 2), 1, SHAPE(2, 4, 3)),
    CASE_WITH(ALONG(0, 3), 1, SHAPE(0, 3)),
    CASE_WITH(ALONG(0, 2), 1, SHAPE(2, 0)),
    CASE_WITH(ALONG(1, 12), 1, SHAPE(7, 60)),
};
static const row_case cases_split_sizes[] = {
    CASE_WITH(SIZES(0, 1), 1, SHAPE(1)),
    CASE_WITH(SIZES(0, 1, 0, 3, 2), 1, SHAPE(6)),
    CASE_WITH(SIZES(0, 3, 1), 1, SHAPE(4, 3)),
    CASE_WITH(SIZES(-1, 1, 2), 1, SHAPE(4, 3)),
    CASE_WITH(SIZES(-2, 1, 2, 1), 1, SHAPE(2, 4, 3)),
    CASE_WITH(SIZES(1, 1, 1), 1, SHAPE(0, 2)),
    CASE_WITH(SIZES(1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 5), 1, SHAPE(7, 60)),
};
static const row_case cases_unstack[] = {
    CASE_WITH(ALONG(0, 1), 1, SHAPE(1)),
    CASE_WITH(ALONG(-1, 6), 1, SHAPE(6)),
    CASE_WITH(ALONG(0, 4), 1, SHAPE(4, 3)),
    CASE_WITH(ALONG(1, 3), 1, SHAPE(4, 3)),
    CASE_WITH(ALONG(1, 4), 1, SHAPE(2, 4, 3)),
    CASE_WITH(ALONG(0, 2), 1, SHAPE(2, 0)),
    CASE_WITH(ALONG(-1, 12), 1, SHAPE(40, 12)),
};

static const row rows[] = {
    ROW(wg_select, .apply = apply_select, .reference = reference_select, ROW_CASES(cases_select),
        .domain = {FROM(-2, 2)}),
    ROW(wg_stack, .apply = apply_stack, .reference = reference_stack, ROW_CASES(cases_stack),
        .domain = {FROM(-2, 2), FROM(-2, 2), FROM(-2, 2)}),
    ROW(wg_split, .apply = apply_split, .reference = reference_parts, ROW_CASES(cases_split), .domain = {FROM(-2, 2)},
        .composite = true),
    ROW(wg_split_sizes, .apply = apply_split_sizes, .reference = reference_parts, ROW_CASES(cases_split_sizes),
        .domain = {FROM(-2, 2)}, .composite = true),
    ROW(wg_unstack, .apply = apply_unstack, .reference = reference_parts, ROW_CASES(cases_unstack),
        .domain = {FROM(-2, 2)}, .composite = true),
};

static void test_allocations(void **state)
{
    (void)state;
    const row_case cases[] = {CASE_WITH(AT(1, 5), 1, SHAPE(90, 9)),
        CASE_WITH(ALONG(1, 0), 2, SHAPE(9, 70), SHAPE(9, 70)), CASE_WITH(ALONG(1, 3), 1, SHAPE(9, 60)),
        CASE_WITH(SIZES(1, 20, 40), 1, SHAPE(9, 60)), CASE_WITH(ALONG(1, 4), 1, SHAPE(90, 4))};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) row_fail_allocations(&rows[i], &cases[i]);
}

/* ---- views and many parts -------------------------------------------------------------------------------------------------------- */

static void test_views(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F32);
    wg_var x = wg_variable(tape, WG_DIMS(4, 2), ((double[]){1, 2, 3, 4, 5, 6, 7, 8})), parts[4];
    const float *values = wg_value(x);
    assert_int_equal(wg_split(x, 2, 0, parts), WG_OK);
    assert_ptr_equal(wg_value(parts[1]), values + 4);
    assert_int_equal(wg_split_sizes(x, (size_t[]){1, 3}, 2, -2, parts), WG_OK);
    assert_ptr_equal(wg_value(parts[1]), values + 2);
    assert_int_equal(wg_unstack(x, 0, parts), WG_OK);
    assert_ptr_equal(wg_value(parts[3]), values + 6);
    assert_ptr_equal(wg_value(wg_select(parts[3], 0, 1)), values + 7);
    assert_int_equal(wg_shape_of(parts[3]).rank, 1);
    wg_tape_free(tape);
}

/* As many parts as there are columns, in both readings, within a limit: an array of the whole for each would take 5 GB. Then
 * joined again: the adjoint of a stack is one select for each. */
static void test_many_parts(void **state)
{
    (void)state;
    enum { T = 12500, HIGH = 4 };
    double *numbers = malloc(sizeof(double) * T * HIGH);
    wg_var *parts = malloc(sizeof *parts * T), g;
    assert_non_null(numbers);
    assert_non_null(parts);
    for (size_t i = 0; i < (size_t)T * HIGH; i++) numbers[i] = (double)(i % 97) / 64;
    for (int way = 0; way < 4; way++) {
        int axis = way & 1;
        wg_tape *tape = wg_tape_new_with(&(wg_tape_options){.dtype = WG_F64, .memory_limit = (size_t)120 << 20}, NULL);
        wg_var x = wg_variable_f64(tape, axis ? WG_DIMS(HIGH, T) : WG_DIMS(T, HIGH), numbers);
        assert_int_equal(way & 2 ? wg_split(x, T, axis, parts) : wg_unstack(x, axis, parts), WG_OK);
        for (size_t k = 0; k < T; k++) parts[k] = wg_square(parts[k]);
        wg_var y = wg_sum(way & 2 ? wg_concat(parts, T, axis) : wg_stack(parts, T, axis));
        assert_int_equal(wg_gradients(y, &x, 1, &g), WG_OK);        /* 2 x */
        assert_int_equal(wg_backward(wg_sum(wg_mul(g, g))), WG_OK); /* 8 x */
        for (size_t i = 0; i < (size_t)T * HIGH; i++)
            assert_true(wg_at(g, i) == 2 * numbers[i] && wg_grad_at(x, i) == 8 * numbers[i]);
        wg_tape_free(tape);
    }
    free(parts);
    free(numbers);
}

/* More narrow parts than a block of rows holds, and more rows than one block has. */
static void test_stack_of_columns(void **state)
{
    (void)state;
    enum { ROWS = 37, PARTS = 5000 };
    wg_tape *tape = wg_tape_new(WG_F32);
    wg_var *parts = malloc(sizeof *parts * PARTS), offset = wg_variable_f32(tape, WG_DIMS(ROWS), NULL);
    float numbers[ROWS];
    assert_non_null(parts);
    for (size_t k = 0; k < PARTS; k++) {
        for (size_t i = 0; i < ROWS; i++) numbers[i] = (float)(i * PARTS + k);
        parts[k] = wg_add(offset, wg_constant_f32(tape, WG_DIMS(ROWS), numbers));
    }
    wg_var stacked = wg_stack(parts, PARTS, 1), doubled = wg_concat((wg_var[]){stacked, stacked}, 2, 1);
    const float *values = wg_value_f32(stacked), *twice = wg_value_f32(doubled);
    for (size_t i = 0; i < (size_t)ROWS * PARTS; i++) {
        assert_true(values[i] == (float)i);
        assert_true(twice[i / PARTS * 2 * PARTS + i % PARTS] == (float)i);
        assert_true(twice[(i / PARTS * 2 + 1) * PARTS + i % PARTS] == (float)i);
    }
    assert_int_equal(wg_backward(wg_sum(doubled)), WG_OK);
    for (size_t i = 0; i < ROWS; i++) assert_true(wg_grad_at(offset, i) == 2 * PARTS);
    wg_tape_free(tape);
    free(parts);
}

/* Windows with and without their axis, of one array, are joined in one adjoint. */
static void test_slices_beside_selects(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(2, 3), ((double[]){1, 2, 3, 4, 5, 6})), grad;
    wg_var y = wg_add(wg_add(wg_sum(wg_square(wg_select(x, 1, 2))), wg_sum(wg_square(wg_slice(x, 1, 1, 3, 1)))),
        wg_sum(wg_square(wg_select(x, 0, -1))));
    const double expected[] = {0, 4, 12, 8, 20, 36}; /* 2 x times how often an element is taken */
    assert_int_equal(wg_backward(y), WG_OK);
    assert_int_equal(wg_gradients(y, &x, 1, &grad), WG_OK);
    for (size_t i = 0; i < 6; i++) assert_true(wg_grad_at(x, i) == expected[i] && wg_at(grad, i) == expected[i]);
    wg_tape_free(tape);
}

/* ---- errors ---------------------------------------------------------------------------------------------------------------------- */

static void test_errors(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var w = wg_name(wg_variable(tape, WG_DIMS(2, 3), (double *)NULL), "W"),
           b = wg_constant_f64(tape, WG_DIMS(3), NULL),
           full = wg_constant_f64(tape, WG_DIMS(1, 1, 1, 1, 1, 1, 1, 1), NULL),
           indices = wg_indices(tape, WG_DIMS(2, 3), NULL), number = wg_scalar(tape, 1);
    wg_stats before, after;
    wg_tape_stats(tape, &before);
    wg_select(w, 1, 3);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "select: index 3 is out of range", "axis 1", "W (2,3)", NULL);
    wg_select(w, -2, -3);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "select: index -3", "axis -2", "W (2,3)", NULL);
    wg_select(w, 0, PTRDIFF_MIN);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "select: index", NULL);
    wg_select(w, 2, 0);
    point_expect_error(tape, WG_ERROR_SHAPE, "select: axis 2", "W (2,3)", NULL);
    wg_select(number, 0, 0);
    point_expect_error(tape, WG_ERROR_SHAPE, "select: axis 0", "()", NULL);
    wg_stack((wg_var[]){w, b}, 2, 0);
    point_expect_error(tape, WG_ERROR_SHAPE, "stack", "W (2,3)", "(3)", NULL);
    wg_stack((wg_var[]){w, w}, 2, 3);
    point_expect_error(tape, WG_ERROR_SHAPE, "stack: a new axis 3", "W (2,3)", NULL);
    wg_stack((wg_var[]){w, w}, 2, -4);
    point_expect_error(tape, WG_ERROR_SHAPE, "stack: a new axis -4", "W (2,3)", NULL);
    wg_stack(&full, 1, 0);
    point_expect_error(tape, WG_ERROR_SHAPE, "stack: ", "all the axes", NULL);
    wg_stack((wg_var[]){w, indices}, 2, 0);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "stack: argument 2", "holds indices where numbers", NULL);
    wg_stack((wg_var[]){indices, w}, 2, 0);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "stack: argument 2, W (2,3)", "holds numbers where indices", NULL);
    wg_stack((wg_var[]){w, {tape, UINT32_MAX, 0}}, 2, 0);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "stack: argument 2", "invalid", NULL);
    assert_false(wg_ok(wg_stack(NULL, 2, 0)));
    assert_false(wg_ok(wg_stack(&w, 0, 0)));
    assert_int_equal(wg_tape_status(tape), WG_OK); /* without an array there is no tape to tell */
    wg_tape_stats(tape, &after);
    assert_int_equal(before.nodes, after.nodes);
    wg_tape_free(tape);
}

static void test_errors_of_splits(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var w = wg_name(wg_variable(tape, WG_DIMS(2, 3), (double *)NULL), "W"), out[3] = {w, w, w};
    wg_stats before, after;
    wg_tape_stats(tape, &before);
    assert_int_equal(wg_split(w, 2, 1, out), WG_ERROR_SHAPE);
    assert_false(wg_ok(out[0]) || wg_ok(out[1]));
    assert_ptr_equal(out[1].tape, tape);
    assert_true(wg_ok(out[2]));
    point_expect_error(tape, WG_ERROR_SHAPE, "split: axis 1 of W (2,3)", "2 equal parts", NULL);
    assert_int_equal(wg_split(w, 0, 1, out), WG_ERROR_ARGUMENT);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "split: axis 1 of W (2,3)", "0 equal parts", NULL);
    assert_int_equal(wg_split(w, 3, 2, out), WG_ERROR_SHAPE);
    assert_false(wg_ok(out[2]));
    point_expect_error(tape, WG_ERROR_SHAPE, "split: axis 2", "W (2,3)", NULL);
    assert_int_equal(wg_split(w, 3, 1, NULL), WG_ERROR_ARGUMENT);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "split: ", "results is NULL", NULL);
    assert_int_equal(wg_split((wg_var){0}, 3, 1, out), WG_ERROR_ARGUMENT);
    assert_int_equal(wg_split((wg_var){tape, UINT32_MAX, 0}, 3, 1, out), WG_ERROR_ARGUMENT);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "split: argument 1", "invalid", NULL);

    assert_int_equal(wg_split_sizes(w, (size_t[]){1, 1}, 2, 1, out), WG_ERROR_SHAPE);
    point_expect_error(tape, WG_ERROR_SHAPE, "split_sizes: the sizes", "axis 1 of W (2,3)", NULL);
    assert_int_equal(wg_split_sizes(w, (size_t[]){SIZE_MAX, 4}, 2, 1, out), WG_ERROR_SHAPE);
    point_expect_error(tape, WG_ERROR_SHAPE, "split_sizes: the sizes", NULL);
    assert_int_equal(wg_split_sizes(w, NULL, 2, 1, out), WG_ERROR_ARGUMENT);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "split_sizes: ", "NULL", "W (2,3)", NULL);
    assert_int_equal(wg_split_sizes(w, NULL, 0, 1, out), WG_ERROR_SHAPE);
    point_expect_error(tape, WG_ERROR_SHAPE, "split_sizes: the sizes", NULL);
    assert_int_equal(wg_split_sizes(w, (size_t[]){1, 2}, 2, 1, NULL), WG_ERROR_ARGUMENT);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "split_sizes: ", "results is NULL", NULL);

    assert_int_equal(wg_unstack(w, -3, out), WG_ERROR_SHAPE);
    point_expect_error(tape, WG_ERROR_SHAPE, "unstack: axis -3", "W (2,3)", NULL);
    assert_int_equal(wg_unstack(w, 0, NULL), WG_ERROR_ARGUMENT);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "unstack: ", "results is NULL", NULL);
    wg_tape_stats(tape, &after);
    assert_int_equal(before.nodes, after.nodes);

    wg_exp((wg_var){tape, UINT32_MAX, 0}); /* on a tape in error, as many as there would have been are invalid */
    out[0] = out[1] = out[2] = w;
    assert_int_equal(wg_unstack(w, 0, out), WG_ERROR_ARGUMENT);
    assert_false(wg_ok(out[0]) || wg_ok(out[1]));
    assert_true(wg_ok(out[2]));
    wg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations),
        cmocka_unit_test(test_views),
        cmocka_unit_test(test_many_parts),
        cmocka_unit_test(test_stack_of_columns),
        cmocka_unit_test(test_slices_beside_selects),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_errors_of_splits),
    };
    return row_main("ops/index_parts", rows, sizeof rows / sizeof *rows, tests, sizeof tests / sizeof *tests);
}
