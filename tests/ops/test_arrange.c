/* flip, roll, tile and repeat. Every one says for an element of its result where it comes from; the reference does the same
 * one index at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "support/point.h"

typedef struct arrange_case {
    int axes[WG_MAX_RANK];
    size_t n;
    ptrdiff_t shift;
    size_t count, reps[WG_MAX_RANK];
} arrange_case;

static uint32_t arrange_axis(const arrange_case *c, size_t k, uint32_t rank)
{
    return (uint32_t)(c->axes[k] < 0 ? c->axes[k] + (int)rank : c->axes[k]);
}

/* ---- flip and roll --------------------------------------------------------------------------------------------------------- */

static wg_var apply_flip(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    const arrange_case *c = user;
    (void)tape, (void)n;
    return wg_flip(in[0], c->axes, c->n);
}

static void reference_flip(array *out, const array *in, size_t n, const void *user)
{
    const arrange_case *c = user;
    (void)n;
    *out = array_new(in->shape);
    for (size_t i = 0; i < out->size; i++) {
        size_t tuple[WG_MAX_RANK];
        shape_tuple(&in->shape, i, tuple);
        for (size_t k = 0; k < c->n; k++) {
            uint32_t axis = arrange_axis(c, k, in->shape.rank);
            tuple[axis] = in->shape.dim[axis] - 1 - tuple[axis];
        }
        out->at[i] = in->at[shape_flat(&in->shape, tuple)];
    }
}

static wg_var apply_roll(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    const arrange_case *c = user;
    (void)tape, (void)n;
    return wg_roll(in[0], c->shift, c->axes[0]);
}

/* One step at a time. */
static void reference_roll(array *out, const array *in, size_t n, const void *user)
{
    const arrange_case *c = user;
    uint32_t axis = arrange_axis(c, 0, in->shape.rank);
    size_t extent = in->shape.dim[axis];
    (void)n;
    *out = array_new(in->shape);
    for (size_t i = 0; i < out->size; i++) {
        size_t tuple[WG_MAX_RANK];
        shape_tuple(&in->shape, i, tuple);
        for (ptrdiff_t s = 0; s < c->shift; s++) tuple[axis] = tuple[axis] + 1 == extent ? 0 : tuple[axis] + 1;
        for (ptrdiff_t s = 0; s > c->shift; s--) tuple[axis] = tuple[axis] == 0 ? extent - 1 : tuple[axis] - 1;
        out->at[shape_flat(&in->shape, tuple)] = in->at[i];
    }
}

/* ---- tile and repeat --------------------------------------------------------------------------------------------------------- */

static wg_var apply_tile(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    const arrange_case *c = user;
    (void)tape, (void)n;
    return wg_tile(in[0], c->reps, c->n);
}

static void reference_tile(array *out, const array *in, size_t n, const void *user)
{
    const arrange_case *c = user;
    uint32_t own = in->shape.rank, rank = c->n > own ? (uint32_t)c->n : own;
    wg_shape shape = {.rank = rank};
    (void)n;
    for (uint32_t k = 0; k < rank; k++) { /* k counts from the last axis */
        size_t extent = k < own ? in->shape.dim[own - 1 - k] : 1, times = k < c->n ? c->reps[c->n - 1 - k] : 1;
        shape.dim[rank - 1 - k] = extent * times;
    }
    *out = array_new(shape);
    for (size_t i = 0; i < out->size; i++) {
        size_t tuple[WG_MAX_RANK], from[WG_MAX_RANK];
        shape_tuple(&shape, i, tuple);
        for (uint32_t k = 0; k < own; k++) from[k] = tuple[rank - own + k] % in->shape.dim[k];
        out->at[i] = in->at[shape_flat(&in->shape, from)];
    }
}

static wg_var apply_repeat(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    const arrange_case *c = user;
    (void)tape, (void)n;
    return wg_repeat(in[0], c->count, c->axes[0]);
}

static void reference_repeat(array *out, const array *in, size_t n, const void *user)
{
    const arrange_case *c = user;
    uint32_t axis = arrange_axis(c, 0, in->shape.rank);
    wg_shape shape = in->shape;
    (void)n;
    shape.dim[axis] *= c->count;
    *out = array_new(shape);
    for (size_t i = 0; i < out->size; i++) {
        size_t tuple[WG_MAX_RANK];
        shape_tuple(&shape, i, tuple);
        tuple[axis] /= c->count;
        out->at[i] = in->at[shape_flat(&in->shape, tuple)];
    }
}

/* ---- rows -------------------------------------------------------------------------------------------------------------------- */

#define AXES(...)                                                                                                      \
    &(const arrange_case) { .axes = {__VA_ARGS__}, .n = sizeof((int[]){__VA_ARGS__}) / sizeof(int) }
#define TURN(shift_, axis_)                                                                                            \
    &(const arrange_case)                                                                                              \
    {                                                                                                                  \
        .shift = shift_, .axes = { axis_ }                                                                             \
    }
#define REPS(...)                                                                                                      \
    &(const arrange_case) { .reps = {__VA_ARGS__}, .n = sizeof((int[]){__VA_ARGS__}) / sizeof(int) }
#define TIMES(count_, axis_)                                                                                           \
    &(const arrange_case)                                                                                              \
    {                                                                                                                  \
        .count = count_, .axes = { axis_ }                                                                             \
    }
#define NONE                                                                                                           \
    &(const arrange_case) { .n = 0 }

static const row_case cases_flip[] = {
    CASE_WITH(NONE, 1, SHAPE_SCALAR),
    CASE_WITH(NONE, 1, SHAPE(2, 3)),
    CASE_WITH(AXES(0), 1, SHAPE(1)),
    CASE_WITH(AXES(0), 1, SHAPE(5)),
    CASE_WITH(AXES(-1), 1, SHAPE(2, 3)),
    CASE_WITH(AXES(0, 1), 1, SHAPE(2, 3)),
    CASE_WITH(AXES(-1, 0), 1, SHAPE(2, 3, 4)),
    CASE_WITH(AXES(1), 1, SHAPE(2, 3, 4)),
    CASE_WITH(AXES(0, 2, 4, 6), 1, SHAPE(2, 1, 2, 1, 3, 1, 2, 1)),
    CASE_WITH(AXES(1), 1, SHAPE(3, 1, 2)),
    CASE_WITH(AXES(0), 1, SHAPE(0)),
    CASE_WITH(AXES(0, 1), 1, SHAPE(3, 0)),
    CASE_WITH(AXES(1), 1, SHAPE(11, 97)),
};
static const row_case cases_roll[] = {
    CASE_WITH(TURN(1, 0), 1, SHAPE(1)),
    CASE_WITH(TURN(2, 0), 1, SHAPE(5)),
    CASE_WITH(TURN(-2, -1), 1, SHAPE(5)),
    CASE_WITH(TURN(0, 0), 1, SHAPE(5)),
    CASE_WITH(TURN(-10, 0), 1, SHAPE(5)),
    CASE_WITH(TURN(13, 1), 1, SHAPE(2, 5)),
    CASE_WITH(TURN(-8, 0), 1, SHAPE(3, 4)),
    CASE_WITH(TURN(1, -2), 1, SHAPE(2, 3, 4)),
    CASE_WITH(TURN(1, 4), 1, SHAPE(2, 1, 2, 1, 3, 1, 2, 1)),
    CASE_WITH(TURN(1, 0), 1, SHAPE(0, 3)),
    CASE_WITH(TURN(1, 1), 1, SHAPE(0, 3)),
    CASE_WITH(TURN(-31, 1), 1, SHAPE(11, 97)),
};
static const row_case cases_tile[] = {
    CASE_WITH(NONE, 1, SHAPE_SCALAR),
    CASE_WITH(NONE, 1, SHAPE(2, 3)),
    CASE_WITH(REPS(3), 1, SHAPE_SCALAR),
    CASE_WITH(REPS(2, 3), 1, SHAPE_SCALAR),
    CASE_WITH(REPS(1), 1, SHAPE(4)),
    CASE_WITH(REPS(3), 1, SHAPE(4)),
    CASE_WITH(REPS(2, 3), 1, SHAPE(4)),
    CASE_WITH(REPS(2), 1, SHAPE(2, 3)),
    CASE_WITH(REPS(2, 1), 1, SHAPE(2, 3)),
    CASE_WITH(REPS(3, 2), 1, SHAPE(2, 3)),
    CASE_WITH(REPS(2, 1, 3), 1, SHAPE(2, 3, 2)),
    CASE_WITH(REPS(2, 2, 2, 2), 1, SHAPE(2, 1, 3, 2)), /* more than one broadcast */
    CASE_WITH(REPS(2, 1, 2, 1, 2, 2, 1, 2), 1, SHAPE(1, 2, 1, 2, 1, 2, 1, 1)),
    CASE_WITH(REPS(2, 2, 2, 2, 2, 2, 2, 2), 1, SHAPE(2)),
    CASE_WITH(REPS(0), 1, SHAPE(4)),
    CASE_WITH(REPS(2, 0), 1, SHAPE(2, 3)),
    CASE_WITH(REPS(2, 2), 1, SHAPE(0, 3)),
    CASE_WITH(REPS(4, 9), 1, SHAPE(7, 11)),
};
static const row_case cases_repeat[] = {
    CASE_WITH(TIMES(3, 0), 1, SHAPE(1)),
    CASE_WITH(TIMES(1, 0), 1, SHAPE(4)),
    CASE_WITH(TIMES(2, 0), 1, SHAPE(4)),
    CASE_WITH(TIMES(3, -1), 1, SHAPE(2, 3)),
    CASE_WITH(TIMES(2, 0), 1, SHAPE(2, 3)),
    CASE_WITH(TIMES(2, 1), 1, SHAPE(2, 3, 2)),
    CASE_WITH(TIMES(2, 4), 1, SHAPE(2, 1, 2, 1, 3, 1, 2, 1)),
    CASE_WITH(TIMES(0, 0), 1, SHAPE(4)),
    CASE_WITH(TIMES(2, 1), 1, SHAPE(0, 3)),
    CASE_WITH(TIMES(2, 0), 1, SHAPE(0, 3)),
    CASE_WITH(TIMES(40, 1), 1, SHAPE(5, 7)),
};

static const row rows[] = {
    ROW(wg_flip, .apply = apply_flip, .reference = reference_flip, ROW_CASES(cases_flip), .domain = {FROM(-2, 2)}),
    ROW(wg_roll, .apply = apply_roll, .reference = reference_roll, ROW_CASES(cases_roll), .domain = {FROM(-2, 2)}),
    ROW(wg_tile, .apply = apply_tile, .reference = reference_tile, ROW_CASES(cases_tile), .domain = {FROM(-2, 2)}),
    ROW(wg_repeat, .apply = apply_repeat, .reference = reference_repeat, ROW_CASES(cases_repeat),
        .domain = {FROM(-2, 2)}),
};

static void test_allocations(void **state)
{
    (void)state;
    const row_case cases[] = {CASE_WITH(AXES(1), 1, SHAPE(11, 97)), CASE_WITH(TURN(-31, 1), 1, SHAPE(11, 97)),
        CASE_WITH(REPS(2, 2, 2, 2), 1, SHAPE(5, 2, 3, 4)), CASE_WITH(TIMES(4, 1), 1, SHAPE(15, 17))};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) row_fail_allocations(&rows[i], &cases[i]);
}

/* ---- corners ------------------------------------------------------------------------------------------------------------------ */

/* Nothing is copied where nothing moves. */
static void test_views(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(1, 3), ((double[]){1, 2, 3}));
    wg_var still[] = {wg_flip(x, NULL, 0), wg_flip(x, WG_AXES(0)), wg_roll(x, -9, 1), wg_roll(x, 5, 0),
        wg_tile(x, (size_t[]){1, 1, 1}, 3), wg_repeat(x, 1, 1)};
    for (size_t i = 0; i < sizeof still / sizeof *still; i++) assert_ptr_equal(wg_value(still[i]), wg_value(x));
    wg_tape_free(tape);
}

/* Shifts as long as they can be. 5 divides 2^63 with rest 3, so 2^63 - 1 is 2 and -2^63 is -3, which is 2 too. */
static void test_long_shifts(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(5), ((double[]){1, 2, 3, 4, 5}));
    wg_var far[] = {wg_roll(x, INT64_MAX, 0), wg_roll(x, INT64_MIN, 0)};
    for (size_t i = 0; i < 2 && sizeof(ptrdiff_t) == 8; i++)
        assert_true(wg_at(far[i], 0) == 4 && wg_at(far[i], 2) == 1);
    wg_tape_free(tape);
}

static void test_errors(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var w = wg_name(wg_variable(tape, WG_DIMS(2, 3), (double *)NULL), "W"), number = wg_scalar(tape, 1),
           none = wg_constant_f64(tape, WG_DIMS(0, 3), NULL);
    const size_t ones[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1}, huge = (size_t)1 << 62;
    wg_stats before, after;
    wg_tape_stats(tape, &before);
    wg_flip(w, WG_AXES(2));
    point_expect_error(tape, WG_ERROR_SHAPE, "flip: axis 2", "W (2,3)", NULL);
    wg_flip(w, WG_AXES(0, -2));
    point_expect_error(tape, WG_ERROR_SHAPE, "flip: axis -2", "twice", "W (2,3)", NULL);
    wg_flip(w, NULL, 1);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "flip", "NULL", NULL);
    wg_roll(w, 1, -3);
    point_expect_error(tape, WG_ERROR_SHAPE, "roll: axis -3", "W (2,3)", NULL);
    wg_roll(number, 1, 0);
    point_expect_error(tape, WG_ERROR_SHAPE, "roll: axis 0", "()", NULL);
    wg_tile(w, NULL, 1);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "tile", "NULL", NULL);
    wg_tile(w, ones, 9);
    point_expect_error(tape, WG_ERROR_SHAPE, "tile: 9 repetitions", "W (2,3)", NULL);
    wg_tile(w, &huge, 1);
    point_expect_error(tape, WG_ERROR_SHAPE, "tile: ", "(2,", "overflow", NULL);
    wg_tile(w, (size_t[]){SIZE_MAX, 1}, 2);
    point_expect_error(tape, WG_ERROR_SHAPE, "tile: ", "W (2,3)", "overflow", NULL);
    wg_tile(none, (size_t[]){1, huge}, 2);
    point_expect_error(tape, WG_ERROR_SHAPE, "tile: ", "overflow", NULL);
    wg_repeat(w, 2, 2);
    point_expect_error(tape, WG_ERROR_SHAPE, "repeat: axis 2", "W (2,3)", NULL);
    wg_repeat(w, SIZE_MAX, 0);
    point_expect_error(tape, WG_ERROR_SHAPE, "repeat: ", "W (2,3)", "overflow", NULL);
    wg_repeat(w, huge, 0);
    point_expect_error(tape, WG_ERROR_SHAPE, "repeat: ", "overflow", NULL);
    wg_tape_stats(tape, &after);
    assert_int_equal(after.nodes, before.nodes);
    wg_tape_free(tape);
}

static void test_operands_that_are_no_arrays(void **state)
{
    (void)state;
    const char *names[] = {"flip", "roll", "tile", "repeat"};
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var operands[] = {{tape, UINT32_MAX, 0}, {0}};
    for (size_t i = 0; i < 2; i++)
        for (size_t op = 0; op < sizeof rows / sizeof *rows; op++) {
            wg_var y = rows[op].apply(tape, &operands[i], 1, NONE);
            assert_false(wg_ok(y));
            assert_ptr_equal(y.tape, operands[i].tape);
            if (y.tape) point_expect_error(tape, WG_ERROR_ARGUMENT, names[op], "argument 1", "invalid", NULL);
        }
    wg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations),
        cmocka_unit_test(test_views),
        cmocka_unit_test(test_long_shifts),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_operands_that_are_no_arrays),
    };
    return row_main("ops/arrange", rows, sizeof rows / sizeof *rows, tests, sizeof tests / sizeof *tests);
}
