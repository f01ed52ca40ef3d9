/* The ops that are a reshape, a permutation or a broadcast under another name: rows, whose expected shapes and orders of
 * axes are written out, views, and errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "support/point.h"

/* What an op is given, and what comes out: the shape, and, where axes move, the axis of x that each axis was. */
typedef struct names_case {
    int axes[WG_MAX_RANK];
    size_t n;
    ptrdiff_t extents[WG_MAX_RANK];
    wg_shape expected;
    uint32_t order[WG_MAX_RANK];
} names_case;

static wg_var apply_squeeze_axes(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    const names_case *c = user;
    (void)tape, (void)n;
    return wg_squeeze_axes(in[0], c->axes, c->n);
}

static wg_var apply_squeeze(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    (void)tape, (void)n, (void)user;
    return wg_squeeze(in[0]);
}

static wg_var apply_unsqueeze(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    const names_case *c = user;
    (void)tape, (void)n;
    return wg_unsqueeze(in[0], c->axes[0]);
}

static wg_var apply_expand_dims(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    const names_case *c = user;
    (void)tape, (void)n;
    return wg_expand_dims(in[0], c->axes[0]);
}

static wg_var apply_flatten(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    const names_case *c = user;
    (void)tape, (void)n;
    return wg_flatten(in[0], c->axes[0], c->axes[1]);
}

static wg_var apply_swapaxes(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    const names_case *c = user;
    (void)tape, (void)n;
    return wg_swapaxes(in[0], c->axes[0], c->axes[1]);
}

static wg_var apply_moveaxis(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    const names_case *c = user;
    (void)tape, (void)n;
    return wg_moveaxis(in[0], c->axes[0], c->axes[1]);
}

static wg_var apply_expand(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    const names_case *c = user;
    (void)tape, (void)n;
    return wg_expand(in[0], c->extents, c->n);
}

static void reference_view(array *out, const array *in, size_t n, const void *user)
{
    const names_case *c = user;
    (void)n;
    *out = array_new(c->expected);
    assert_int_equal(out->size, in->size);
    memcpy(out->at, in->at, in->size * sizeof *in->at);
}

static void reference_moved(array *out, const array *in, size_t n, const void *user)
{
    const names_case *c = user;
    (void)n;
    *out = array_new(c->expected);
    for (size_t i = 0; i < out->size; i++) {
        size_t tuple[WG_MAX_RANK], from[WG_MAX_RANK];
        shape_tuple(&out->shape, i, tuple);
        for (uint32_t k = 0; k < in->shape.rank; k++) from[c->order[k]] = tuple[k];
        out->at[i] = in->at[shape_flat(&in->shape, from)];
    }
}

static void reference_expanded(array *out, const array *in, size_t n, const void *user)
{
    const names_case *c = user;
    (void)n;
    *out = array_new(c->expected);
    for (size_t i = 0; i < out->size; i++) {
        size_t tuple[WG_MAX_RANK];
        shape_tuple(&out->shape, i, tuple);
        out->at[i] = array_stretched(in, &out->shape, tuple);
    }
}

/* ---- rows --------------------------------------------------------------------------------------------------------------- */

#define TO(...)      .expected = {sizeof((size_t[]){__VA_ARGS__}) / sizeof(size_t), {__VA_ARGS__}}
#define AXES(...)    .axes = {__VA_ARGS__}, .n = sizeof((int[]){__VA_ARGS__}) / sizeof(int)
#define EXTENTS(...) .extents = {__VA_ARGS__}, .n = sizeof((int[]){__VA_ARGS__}) / sizeof(int)
#define ORDER(...)   .order = {__VA_ARGS__}
#define GIVEN(...)                                                                                                     \
    &(const names_case) { __VA_ARGS__ }
#define ONES 1, 1, 1, 1, 1, 1, 1, 1
#define ROW_OF(op, of)                                                                                                 \
    ROW(wg_##op, .apply = apply_##op, .reference = reference_##of, ROW_CASES(cases_##op), .domain = {FROM(-2, 2)})

static const row_case cases_squeeze[] = {
    CASE_WITH(GIVEN(.n = 0), 1, SHAPE_SCALAR),
    CASE_WITH(GIVEN(.n = 0), 1, SHAPE(ONES)),
    CASE_WITH(GIVEN(TO(5)), 1, SHAPE(5)),
    CASE_WITH(GIVEN(TO(2, 3)), 1, SHAPE(2, 1, 3, 1)),
    CASE_WITH(GIVEN(TO(2, 3)), 1, SHAPE(1, 1, 2, 3)),
    CASE_WITH(GIVEN(TO(0, 3)), 1, SHAPE(1, 0, 1, 3)),
};
static const row_case cases_squeeze_axes[] = {
    CASE_WITH(GIVEN(.n = 0), 1, SHAPE_SCALAR),
    CASE_WITH(GIVEN(.n = 0, TO(1, 5)), 1, SHAPE(1, 5)),
    CASE_WITH(GIVEN(AXES(0)), 1, SHAPE(1)),
    CASE_WITH(GIVEN(AXES(-1), TO(1, 4)), 1, SHAPE(1, 4, 1)),
    CASE_WITH(GIVEN(AXES(-2, 0), TO(2, 3)), 1, SHAPE(1, 2, 1, 3)),
    CASE_WITH(GIVEN(AXES(1), TO(0, 1)), 1, SHAPE(0, 1, 1)),
};
static const row_case cases_unsqueeze[] = {
    CASE_WITH(GIVEN(AXES(0), TO(1)), 1, SHAPE_SCALAR),
    CASE_WITH(GIVEN(AXES(-1), TO(1)), 1, SHAPE_SCALAR),
    CASE_WITH(GIVEN(AXES(0), TO(1, 4)), 1, SHAPE(4)),
    CASE_WITH(GIVEN(AXES(-1), TO(4, 1)), 1, SHAPE(4)),
    CASE_WITH(GIVEN(AXES(1), TO(2, 1, 3)), 1, SHAPE(2, 3)),
    CASE_WITH(GIVEN(AXES(-2), TO(2, 1, 3)), 1, SHAPE(2, 3)),
    CASE_WITH(GIVEN(AXES(-3), TO(1, 0, 3)), 1, SHAPE(0, 3)),
    CASE_WITH(GIVEN(AXES(7), TO(2, 1, 2, 1, 2, 1, 2, 1)), 1, SHAPE(2, 1, 2, 1, 2, 1, 2)),
};
#define cases_expand_dims cases_unsqueeze
static const row_case cases_flatten[] = {
    CASE_WITH(GIVEN(AXES(0, -1), TO(1)), 1, SHAPE_SCALAR),
    CASE_WITH(GIVEN(AXES(0, 0), TO(4)), 1, SHAPE(4)),
    CASE_WITH(GIVEN(AXES(0, -1), TO(24)), 1, SHAPE(2, 3, 4)),
    CASE_WITH(GIVEN(AXES(1, -1), TO(2, 12)), 1, SHAPE(2, 3, 4)),
    CASE_WITH(GIVEN(AXES(-3, -2), TO(6, 4)), 1, SHAPE(2, 3, 4)),
    CASE_WITH(GIVEN(AXES(1, 1), TO(2, 3, 4)), 1, SHAPE(2, 3, 4)),
    CASE_WITH(GIVEN(AXES(0, 1), TO(0, 2)), 1, SHAPE(3, 0, 2)),
    CASE_WITH(GIVEN(AXES(2, 5), TO(2, 1, 12, 1, 2)), 1, SHAPE(2, 1, 2, 3, 1, 2, 1, 2)),
};
static const row_case cases_swapaxes[] = {
    CASE_WITH(GIVEN(AXES(0, -1), TO(3), ORDER(0)), 1, SHAPE(3)),
    CASE_WITH(GIVEN(AXES(0, 1), TO(3, 2), ORDER(1, 0)), 1, SHAPE(2, 3)),
    CASE_WITH(GIVEN(AXES(-1, -2), TO(2, 4, 3), ORDER(0, 2, 1)), 1, SHAPE(2, 3, 4)),
    CASE_WITH(GIVEN(AXES(0, 2), TO(4, 3, 2), ORDER(2, 1, 0)), 1, SHAPE(2, 3, 4)),
    CASE_WITH(GIVEN(AXES(1, 1), TO(2, 3, 4), ORDER(0, 1, 2)), 1, SHAPE(2, 3, 4)),
    CASE_WITH(GIVEN(AXES(0, -2), TO(0, 2, 3), ORDER(1, 0, 2)), 1, SHAPE(2, 0, 3)),
    CASE_WITH(GIVEN(AXES(0, 1), TO(3, 1, 2), ORDER(1, 0, 2)), 1, SHAPE(1, 3, 2)),
};
static const row_case cases_moveaxis[] = {
    CASE_WITH(GIVEN(AXES(0, -1), TO(3), ORDER(0)), 1, SHAPE(3)),
    CASE_WITH(GIVEN(AXES(0, -1), TO(3, 4, 2), ORDER(1, 2, 0)), 1, SHAPE(2, 3, 4)),
    CASE_WITH(GIVEN(AXES(-1, 0), TO(4, 2, 3), ORDER(2, 0, 1)), 1, SHAPE(2, 3, 4)),
    CASE_WITH(GIVEN(AXES(1, 2), TO(2, 4, 3), ORDER(0, 2, 1)), 1, SHAPE(2, 3, 4)),
    CASE_WITH(GIVEN(AXES(1, 1), TO(2, 3, 4), ORDER(0, 1, 2)), 1, SHAPE(2, 3, 4)),
    CASE_WITH(GIVEN(AXES(3, 1), TO(2, 5, 3, 4), ORDER(0, 3, 1, 2)), 1, SHAPE(2, 3, 4, 5)),
    CASE_WITH(GIVEN(AXES(0, 2), TO(3, 4, 2, 5), ORDER(1, 2, 0, 3)), 1, SHAPE(2, 3, 4, 5)),
    CASE_WITH(GIVEN(AXES(0, 1), TO(0, 2), ORDER(1, 0)), 1, SHAPE(2, 0)),
};
static const row_case cases_expand[] = {
    CASE_WITH(GIVEN(.n = 0), 1, SHAPE_SCALAR),
    CASE_WITH(GIVEN(EXTENTS(3), TO(3)), 1, SHAPE_SCALAR),
    CASE_WITH(GIVEN(EXTENTS(-1, 4), TO(3, 4)), 1, SHAPE(3, 1)),
    CASE_WITH(GIVEN(EXTENTS(2, -1, 4), TO(2, 3, 4)), 1, SHAPE(3, 1)),
    CASE_WITH(GIVEN(EXTENTS(-1, -1), TO(2, 3)), 1, SHAPE(2, 3)),
    CASE_WITH(GIVEN(EXTENTS(0, -1), TO(0, 3)), 1, SHAPE(1, 3)),
    CASE_WITH(GIVEN(EXTENTS(2, -1), TO(2, 0)), 1, SHAPE(0)),
};

static const row rows[] = {
    ROW_OF(squeeze, view),      /* row: wg_squeeze */
    ROW_OF(squeeze_axes, view), /* row: wg_squeeze_axes */
    ROW_OF(unsqueeze, view),    /* row: wg_unsqueeze */
    ROW_OF(expand_dims, view),  /* row: wg_expand_dims */
    ROW_OF(flatten, view),      /* row: wg_flatten */
    ROW_OF(swapaxes, moved),    /* row: wg_swapaxes */
    ROW_OF(moveaxis, moved),    /* row: wg_moveaxis */
    ROW_OF(expand, expanded),   /* row: wg_expand */
};

static void test_allocations(void **state)
{
    (void)state;
    const row_case cases[] = {
        CASE_WITH(GIVEN(TO(200)), 1, SHAPE(1, 200)),
        CASE_WITH(GIVEN(AXES(0), TO(200)), 1, SHAPE(1, 200)),
        CASE_WITH(GIVEN(AXES(0), TO(1, 200)), 1, SHAPE(200)),
        CASE_WITH(GIVEN(AXES(0), TO(1, 200)), 1, SHAPE(200)),
        CASE_WITH(GIVEN(AXES(0, 1), TO(200)), 1, SHAPE(20, 10)),
        CASE_WITH(GIVEN(AXES(0, 2), TO(10, 5, 20), ORDER(2, 1, 0)), 1, SHAPE(20, 5, 10)),
        CASE_WITH(GIVEN(AXES(0, 2), TO(5, 10, 20), ORDER(1, 2, 0)), 1, SHAPE(20, 5, 10)),
        CASE_WITH(GIVEN(EXTENTS(20, -1), TO(20, 50)), 1, SHAPE(50)),
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) row_fail_allocations(&rows[i], &cases[i]);
}

/* ---- views -------------------------------------------------------------------------------------------------------------- */

static void test_views(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(1, 2, 3), ((double[]){1, 2, 3, 4, 5, 6}));
    wg_var views[] = {wg_squeeze(x), wg_squeeze_axes(x, WG_AXES(0)), wg_unsqueeze(x, -1), wg_expand_dims(x, 0),
        wg_flatten(x, 0, -1), wg_swapaxes(x, 0, 1), wg_moveaxis(x, 0, 1), wg_permute(x, WG_AXES(0, 1, 2)),
        wg_expand(x, (ptrdiff_t[]){1, -1, 2, 3}, 4), wg_sum_to(x, WG_DIMS(2, 3)), wg_broadcast_to(x, WG_DIMS(1, 2, 3))};
    for (size_t i = 0; i < sizeof views / sizeof *views; i++) assert_ptr_equal(wg_value(views[i]), wg_value(x));
    wg_var moved = wg_moveaxis(x, 2, 0);
    assert_ptr_not_equal(wg_value(moved), wg_value(x));
    assert_true(wg_at(moved, 1) == 4 && wg_at(moved, 2) == 2);
    wg_tape_free(tape);
}

/* Adjoints pass through the views of permute, broadcast_to and sum_to, whose base has other consumers. */
static void test_adjoints_of_views(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(1, 3), ((double[]){1, 2, 3})), base = wg_neg(x), grad;
    wg_var turned = wg_permute(base, WG_AXES(1, 0)), wide = wg_broadcast_to(base, WG_DIMS(1, 1, 3)),
           flat = wg_sum_to(base, WG_DIMS(3));
    wg_var y = wg_add(wg_add(wg_sum(wg_square(turned)), wg_sum(wg_square(wide))), wg_sum(wg_mul(flat, base)));
    assert_int_equal(wg_retain_grad(flat), WG_OK);
    assert_int_equal(wg_backward(y), WG_OK); /* 3 x^2 */
    assert_int_equal(wg_gradients(y, &x, 1, &grad), WG_OK);
    for (size_t i = 0; i < 3; i++) {
        double value = (double)(i + 1);
        assert_true(wg_grad_at(x, i) == 6 * value && wg_at(grad, i) == 6 * value && wg_grad_at(flat, i) == -value);
    }
    wg_tape_free(tape);
}

/* ---- errors ------------------------------------------------------------------------------------------------------------- */

static void test_errors(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var w = wg_name(wg_variable(tape, WG_DIMS(2, 3), (double *)NULL), "W"),
           full = wg_constant_f64(tape, WG_DIMS(ONES), NULL), number = wg_scalar(tape, 1);
    wg_stats before, after;
    wg_tape_stats(tape, &before);
    wg_squeeze_axes(w, WG_AXES(1));
    point_expect_error(tape, WG_ERROR_SHAPE, "squeeze: axis 1 of W (2,3)", "extent 1", NULL);
    wg_squeeze_axes(w, WG_AXES(2));
    point_expect_error(tape, WG_ERROR_SHAPE, "squeeze: axis 2", "out of range", "W (2,3)", NULL);
    wg_squeeze_axes(full, WG_AXES(1, -7));
    point_expect_error(tape, WG_ERROR_SHAPE, "squeeze: axis -7", "twice", NULL);
    wg_squeeze_axes(w, NULL, 1);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "squeeze", "NULL", NULL);
    wg_unsqueeze(w, 3);
    point_expect_error(tape, WG_ERROR_SHAPE, "unsqueeze: a new axis 3", "W (2,3)", NULL);
    wg_unsqueeze(w, -4);
    point_expect_error(tape, WG_ERROR_SHAPE, "unsqueeze: a new axis -4", "W (2,3)", NULL);
    wg_expand_dims(full, 0);
    point_expect_error(tape, WG_ERROR_SHAPE, "expand_dims", "all the axes", "(1,1,1,1,1,1,1,1)", NULL);
    wg_flatten(w, 0, 2);
    point_expect_error(tape, WG_ERROR_SHAPE, "flatten: axes 0 to 2", "out of range", "W (2,3)", NULL);
    wg_flatten(w, -1, 0);
    point_expect_error(tape, WG_ERROR_SHAPE, "flatten: axes -1 to 0", "order", "W (2,3)", NULL);
    wg_flatten(number, 1, 1);
    point_expect_error(tape, WG_ERROR_SHAPE, "flatten: axes 1 to 1", "()", NULL);
    wg_swapaxes(w, 0, 2);
    point_expect_error(tape, WG_ERROR_SHAPE, "swapaxes: axis 2", "W (2,3)", NULL);
    wg_moveaxis(w, -3, 0);
    point_expect_error(tape, WG_ERROR_SHAPE, "moveaxis: axis -3", "W (2,3)", NULL);
    wg_moveaxis(number, 0, 0);
    point_expect_error(tape, WG_ERROR_SHAPE, "moveaxis: axis 0", "()", NULL);
    wg_expand(w, (ptrdiff_t[]){-1, 2, 3}, 3);
    point_expect_error(tape, WG_ERROR_SHAPE, "expand: extent 0 is -1", "no axis", "W (2,3)", NULL);
    wg_expand(w, (ptrdiff_t[]){2, -2}, 2);
    point_expect_error(tape, WG_ERROR_SHAPE, "expand: extent 1 is -2", "W (2,3)", NULL);
    wg_expand(w, (ptrdiff_t[]){4, 3}, 2);
    point_expect_error(tape, WG_ERROR_SHAPE, "expand: ", "W (2,3)", "(4,3)", NULL);
    wg_expand(w, (ptrdiff_t[]){3}, 1);
    point_expect_error(tape, WG_ERROR_SHAPE, "expand: 1 extents", "W (2,3)", NULL);
    wg_expand(w, (ptrdiff_t[]){ONES, 1}, 9);
    point_expect_error(tape, WG_ERROR_SHAPE, "expand: 9 extents", "at most 8", NULL);
    wg_expand(w, NULL, 2);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "expand", "NULL", NULL);
    wg_tape_stats(tape, &after);
    assert_int_equal(after.nodes, before.nodes);
    wg_tape_free(tape);
}

static void test_operands_that_are_no_arrays(void **state)
{
    (void)state;
    const char *names[] = {
        "squeeze", "squeeze", "unsqueeze", "expand_dims", "flatten", "swapaxes", "moveaxis", "expand"};
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var operands[] = {{tape, UINT32_MAX, 0}, {0}};
    for (size_t i = 0; i < 2; i++)
        for (size_t op = 0; op < sizeof rows / sizeof *rows; op++) {
            wg_var y = rows[op].apply(tape, &operands[i], 1, GIVEN(AXES(0, 0)));
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
        cmocka_unit_test(test_adjoints_of_views),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_operands_that_are_no_arrays),
    };
    return row_main("ops/shape_names", rows, sizeof rows / sizeof *rows, tests, sizeof tests / sizeof *tests);
}
