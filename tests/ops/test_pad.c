/* pad: each mode against NumPy's description of it, one element at a time, widths beyond the extent, and errors. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "support/point.h"

typedef struct pad_case {
    wg_pad_mode mode;
    double value;
    size_t n, widths[2 * WG_MAX_RANK];
} pad_case;

/* The element that stands at place i of an axis, counted from its first, by walking there from the first one; or -1. */
static long pad_shown(wg_pad_mode mode, long n, long i)
{
    long at = 0, way = 1, steps = i < 0 ? -i : i;
    if (mode == WG_PAD_CONSTANT) return i >= 0 && i < n ? i : -1;
    if (i < 0) way = -1;
    for (long s = 0; s < steps; s++) {
        bool leaves = at + way < 0 || at + way >= n;
        if (!leaves)
            at += way;
        else if (mode == WG_PAD_CIRCULAR)
            at = way > 0 ? 0 : n - 1;
        else if (mode == WG_PAD_SYMMETRIC)
            way = -way; /* the last element again */
        else if (mode == WG_PAD_REFLECT && n > 1)
            way = -way, at += way;
    }
    return at;
}

static wg_var apply_pad(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    const pad_case *c = user;
    (void)tape, (void)n;
    return wg_pad(in[0], c->widths, c->n, c->mode, c->value);
}

static void reference_pad(array *out, const array *in, size_t n, const void *user)
{
    const pad_case *c = user;
    wg_shape shape = in->shape;
    uint32_t first = shape.rank - (uint32_t)(c->n / 2); /* axis that is padded */
    (void)n;
    for (uint32_t k = first; k < shape.rank; k++)
        shape.dim[k] += c->widths[2 * (k - first)] + c->widths[2 * (k - first) + 1];
    *out = array_new(shape);
    for (size_t i = 0; i < out->size; i++) {
        size_t tuple[WG_MAX_RANK];
        bool shown = true;
        shape_tuple(&shape, i, tuple);
        for (uint32_t k = first; k < shape.rank; k++) {
            long at = pad_shown(c->mode, (long)in->shape.dim[k], (long)tuple[k] - (long)c->widths[2 * (k - first)]);
            shown = shown && at >= 0;
            tuple[k] = (size_t)at;
        }
        out->at[i] = shown ? in->at[shape_flat(&in->shape, tuple)] : (long double)c->value;
    }
}

/* ---- rows ------------------------------------------------------------------------------------------------------------------- */

#define PAD(mode_, value_, ...)                                                                                        \
    &(const pad_case)                                                                                                  \
    {                                                                                                                  \
        .mode = WG_PAD_##mode_, .value = value_, .widths = {__VA_ARGS__},                                              \
        .n = sizeof((int[]){__VA_ARGS__}) / sizeof(int)                                                                \
    }
#define NO_WIDTHS(mode_)                                                                                               \
    &(const pad_case) { .mode = WG_PAD_##mode_ }

static const row_case cases_constant[] = {
    CASE_WITH(NO_WIDTHS(CONSTANT), 1, SHAPE_SCALAR),
    CASE_WITH(NO_WIDTHS(CONSTANT), 1, SHAPE(2, 3)),
    CASE_WITH(PAD(CONSTANT, 0, 0, 0), 1, SHAPE(3)),
    CASE_WITH(PAD(CONSTANT, 0, 2, 1), 1, SHAPE(3)),
    CASE_WITH(PAD(CONSTANT, -1.5, 0, 4), 1, SHAPE(1)),
    CASE_WITH(PAD(CONSTANT, 0.5, 1, 0), 1, SHAPE(2, 3)), /* the last axis alone */
    CASE_WITH(PAD(CONSTANT, 0, 1, 2, 0, 3), 1, SHAPE(2, 3)),
    CASE_WITH(PAD(CONSTANT, 2, 1, 1, 0, 0, 2, 1), 1, SHAPE(2, 2, 3)),
    CASE_WITH(PAD(CONSTANT, 0, 1, 1, 2, 2), 1, SHAPE(2, 3, 4, 5)),
    CASE_WITH(PAD(CONSTANT, 0, 2, 1), 1, SHAPE(0)),
    CASE_WITH(PAD(CONSTANT, 3, 2, 1, 0, 0), 1, SHAPE(0, 2)),
    CASE_WITH(PAD(CONSTANT, 0, 1, 0), 1, SHAPE(2, 1, 2, 1, 2, 1, 2, 1)),
};
static const row_case cases_reflect[] = {
    CASE_WITH(NO_WIDTHS(REFLECT), 1, SHAPE_SCALAR),
    CASE_WITH(PAD(REFLECT, 0, 0, 0), 1, SHAPE(3)),
    CASE_WITH(PAD(REFLECT, 0, 3, 3), 1, SHAPE(4)),
    CASE_WITH(PAD(REFLECT, 0, 0, 1), 1, SHAPE(2)),
    CASE_WITH(PAD(REFLECT, 0, 11, 8), 1, SHAPE(4)), /* the pattern goes on */
    CASE_WITH(PAD(REFLECT, 0, 2, 3), 1, SHAPE(1)),
    CASE_WITH(PAD(REFLECT, 0, 1, 2, 2, 1), 1, SHAPE(3, 4)),
    CASE_WITH(PAD(REFLECT, 0, 1, 1, 1, 1), 1, SHAPE(2, 2, 3, 3)),
    CASE_WITH(PAD(REFLECT, 0, 0, 0, 1, 2), 1, SHAPE(0, 3)),
    CASE_WITH(PAD(REFLECT, 0, 1, 0, 0, 0), 1, SHAPE(2, 0)),
    CASE_WITH(PAD(REFLECT, 0, 30, 20), 1, SHAPE(5, 40)),
};
static const row_case cases_circular[] = {
    CASE_WITH(PAD(CIRCULAR, 0, 0, 0), 1, SHAPE(3)),
    CASE_WITH(PAD(CIRCULAR, 0, 3, 2), 1, SHAPE(3)),
    CASE_WITH(PAD(CIRCULAR, 0, 8, 10), 1, SHAPE(3)),
    CASE_WITH(PAD(CIRCULAR, 0, 2, 1), 1, SHAPE(1)),
    CASE_WITH(PAD(CIRCULAR, 0, 1, 0, 2, 1), 1, SHAPE(3, 4)),
    CASE_WITH(PAD(CIRCULAR, 0, 1, 1, 0, 0, 1, 1), 1, SHAPE(2, 3, 2)),
    CASE_WITH(PAD(CIRCULAR, 0, 1, 1), 1, SHAPE(0, 3)),
};
static const row_case cases_symmetric[] = {
    CASE_WITH(PAD(SYMMETRIC, 0, 0, 0), 1, SHAPE(3)),
    CASE_WITH(PAD(SYMMETRIC, 0, 3, 2), 1, SHAPE(3)),
    CASE_WITH(PAD(SYMMETRIC, 0, 10, 7), 1, SHAPE(3)),
    CASE_WITH(PAD(SYMMETRIC, 0, 2, 3), 1, SHAPE(1)),
    CASE_WITH(PAD(SYMMETRIC, 0, 1, 2, 2, 1), 1, SHAPE(3, 4)),
};
static const row_case cases_replicate[] = {
    CASE_WITH(NO_WIDTHS(REPLICATE), 1, SHAPE_SCALAR),
    CASE_WITH(PAD(REPLICATE, 0, 0, 0), 1, SHAPE(3)),
    CASE_WITH(PAD(REPLICATE, 0, 2, 5), 1, SHAPE(3)),
    CASE_WITH(PAD(REPLICATE, 0, 0, 2), 1, SHAPE(1)),
    CASE_WITH(PAD(REPLICATE, 0, 1, 2, 2, 0), 1, SHAPE(3, 4)),
    CASE_WITH(PAD(REPLICATE, 0, 1, 1, 1, 1), 1, SHAPE(2, 2, 3, 3)),
    CASE_WITH(PAD(REPLICATE, 0, 2, 1), 1, SHAPE(0, 3)),
};

#define ROW_MODE(mode, pieces_)                                                                                        \
    ROW(wg_pad, .apply = apply_pad, .reference = reference_pad, ROW_CASES(cases_##mode), .domain = {FROM(-2, 2)},      \
        .pieces = pieces_)

static const row rows[] = {
    ROW_MODE(constant, false),
    ROW_MODE(reflect, true),
    ROW_MODE(circular, true),
    ROW_MODE(symmetric, true),
    ROW_MODE(replicate, true),
};

static void test_allocations(void **state)
{
    (void)state;
    const row_case cases[] = {CASE_WITH(PAD(CONSTANT, 1, 1, 2, 2, 1), 1, SHAPE(13, 14)),
        CASE_WITH(PAD(REFLECT, 0, 1, 2, 2, 1), 1, SHAPE(13, 14)),
        CASE_WITH(PAD(CIRCULAR, 0, 1, 2, 2, 1), 1, SHAPE(13, 14)),
        CASE_WITH(PAD(SYMMETRIC, 0, 1, 2, 2, 1), 1, SHAPE(13, 14)),
        CASE_WITH(PAD(REPLICATE, 0, 1, 2, 2, 1), 1, SHAPE(13, 14))};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) row_fail_allocations(&rows[i], &cases[i]);
}

/* ---- closed forms -------------------------------------------------------------------------------------------------------------- */

/* The header's own example. */
static void test_patterns(void **state)
{
    (void)state;
    static const double patterns[][10] = {{9, 9, 9, 1, 2, 3, 4, 9, 9, 9}, {4, 3, 2, 1, 2, 3, 4, 3, 2, 1},
        {2, 3, 4, 1, 2, 3, 4, 1, 2, 3}, {3, 2, 1, 1, 2, 3, 4, 4, 3, 2}, {1, 1, 1, 1, 2, 3, 4, 4, 4, 4}};
    for (int mode = WG_PAD_CONSTANT; mode <= WG_PAD_REPLICATE; mode++) {
        wg_tape *tape = wg_tape_new(WG_F32);
        wg_var x = wg_variable(tape, WG_DIMS(4), ((double[]){1, 2, 3, 4}));
        wg_var y = wg_pad(x, (size_t[]){3, 3}, 2, (wg_pad_mode)mode, 9);
        double times[5] = {0};
        for (size_t i = 0; i < 10; i++) {
            assert_true(wg_at(y, i) == patterns[mode][i]);
            if (patterns[mode][i] < 9) times[(size_t)patterns[mode][i]]++;
        }
        assert_int_equal(wg_backward(wg_sum(y)), WG_OK);
        for (size_t i = 0; i < 4; i++) assert_true(wg_grad_at(x, i) == times[i + 1]);
        wg_tape_free(tape);
    }
}

/* Values and cotangents that are no numbers stay where they belong: a border has no derivative. */
static void test_infinities(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(2), ((double[]){1, INFINITY}));
    wg_var y = wg_pad(x, (size_t[]){1, 1}, 2, WG_PAD_CONSTANT, -INFINITY),
           z = wg_pad(x, (size_t[]){1, 0}, 2, WG_PAD_CONSTANT, NAN);
    assert_true(wg_at(y, 0) == -INFINITY && wg_at(y, 1) == 1 && wg_at(y, 2) == INFINITY && wg_at(y, 3) == -INFINITY);
    assert_true(isnan(wg_at(z, 0)) && wg_at(z, 1) == 1);
    assert_int_equal(wg_backward_from(y, (double[]){NAN, 2, INFINITY, NAN}), WG_OK);
    assert_true(wg_grad_at(x, 0) == 2 && wg_grad_at(x, 1) == INFINITY);
    wg_tape_free(tape);
}

/* A replicated edge's adjoint is a sum like any other: 2^20 floats of 0.1 one after the other would be off by some 1e-2. */
static void test_wide_edge(void **state)
{
    (void)state;
    const size_t width = (size_t)1 << 20;
    wg_tape *tape = wg_tape_new(WG_F32);
    wg_var x = wg_variable(tape, WG_DIMS(1), ((double[]){1}));
    wg_var y = wg_pad(x, &(const size_t[]){width, 0}[0], 2, WG_PAD_REPLICATE, 0);
    assert_int_equal(wg_backward(wg_sum(wg_mul(y, wg_scalar(tape, 0.1)))), WG_OK);
    double expected = (double)0.1f * (double)(width + 1);
    assert_true(fabs(wg_grad_at(x, 0) / expected - 1) < 1e-6);
    wg_tape_free(tape);
}

static void test_replay(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(2), ((double[]){1, 2})), y[5];
    for (int mode = 0; mode < 5; mode++) y[mode] = wg_pad(x, (size_t[]){1, 2}, 2, (wg_pad_mode)mode, 9);
    assert_int_equal(wg_set_value(x, ((double[]){3, 4})), WG_OK);
    assert_int_equal(wg_tape_replay(tape), WG_OK);
    const double expected[5][5] = {{9, 3, 4, 9, 9}, {4, 3, 4, 3, 4}, {4, 3, 4, 3, 4}, {3, 3, 4, 4, 3}, {3, 3, 4, 4, 4}};
    for (int mode = 0; mode < 5; mode++)
        for (size_t i = 0; i < 5; i++) assert_true(wg_at(y[mode], i) == expected[mode][i]);
    wg_tape_free(tape);
}

/* ---- errors ---------------------------------------------------------------------------------------------------------------------- */

static void test_errors(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var w = wg_name(wg_variable(tape, WG_DIMS(2, 3), (double *)NULL), "W"), number = wg_scalar(tape, 1),
           none = wg_constant_f64(tape, WG_DIMS(0, 3), NULL);
    const size_t widths[6] = {1, 1, 1, 1, 1, 1};
    wg_stats before, after;
    wg_tape_stats(tape, &before);
    wg_pad(w, NULL, 2, WG_PAD_CONSTANT, 0);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "pad", "NULL", NULL);
    wg_pad(w, widths, 3, WG_PAD_CONSTANT, 0);
    point_expect_error(tape, WG_ERROR_SHAPE, "pad: 3 widths", "W (2,3)", NULL);
    wg_pad(w, widths, 6, WG_PAD_CONSTANT, 0);
    point_expect_error(tape, WG_ERROR_SHAPE, "pad: 6 widths", "W (2,3)", NULL);
    wg_pad(number, widths, 2, WG_PAD_CONSTANT, 0);
    point_expect_error(tape, WG_ERROR_SHAPE, "pad: 2 widths", "()", NULL);
    wg_pad(w, widths, 2, (wg_pad_mode)5, 0);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "pad: 5 is not a mode", NULL);
    for (int mode = WG_PAD_REFLECT; mode <= WG_PAD_REPLICATE; mode++) {
        wg_pad(none, widths, 4, (wg_pad_mode)mode, 0);
        point_expect_error(tape, WG_ERROR_SHAPE, "pad: axis 0 of", "(0,3)", "no elements", NULL);
        wg_pad(w, (size_t[]){SIZE_MAX, 1}, 2, (wg_pad_mode)mode, 0);
        point_expect_error(tape, WG_ERROR_SHAPE, "pad: axis 1 of W (2,3)", "overflow", NULL);
        wg_pad(w, (size_t[]){SIZE_MAX / 4, 0}, 2, (wg_pad_mode)mode, 0);
        point_expect_error(tape, WG_ERROR_SHAPE, "pad: ", "overflow", NULL);
    }
    wg_pad(w, (size_t[]){SIZE_MAX - 3, 1}, 2, WG_PAD_CONSTANT, 0);
    point_expect_error(tape, WG_ERROR_SHAPE, "pad: axis 1 of W (2,3)", "overflow", NULL);
    wg_pad((wg_var){tape, UINT32_MAX, 0}, widths, 2, WG_PAD_CONSTANT, 0);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "pad: argument 1", "invalid", NULL);
    assert_null(wg_pad((wg_var){0}, widths, 2, WG_PAD_CONSTANT, 0).tape);
    wg_tape_stats(tape, &after);
    assert_int_equal(after.nodes, before.nodes);
    wg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations),
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_infinities),
        cmocka_unit_test(test_wide_edge),
        cmocka_unit_test(test_replay),
        cmocka_unit_test(test_errors),
    };
    return row_main("ops/pad", rows, sizeof rows / sizeof *rows, tests, sizeof tests / sizeof *tests);
}
