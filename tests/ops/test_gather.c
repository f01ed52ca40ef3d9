/* Picking by indices. The references visit every index tuple of the result, or of the updates, and put the index in the
 * place of the axis. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "support/point.h"

/* Indices along an axis. */
typedef struct picks {
    int axis;
    wg_shape shape;
    const int64_t *at;
} picks;

#define AT(...)                                                                                                        \
    (const int64_t[]) { __VA_ARGS__ }
#define PICKS(axis_, shape_, at_)                                                                                      \
    &(const picks) { .axis = axis_, .shape = shape_, .at = at_ }

/* ---- references ------------------------------------------------------------------------------------------------------------ */

static uint32_t picks_axis(const picks *p, const wg_shape *whole)
{
    return (uint32_t)(p->axis < 0 ? p->axis + (int)whole->rank : p->axis);
}

static size_t picks_place(const picks *p, const wg_shape *whole, size_t flat)
{
    int64_t i = p->at[flat];
    return (size_t)(i < 0 ? i + (int64_t)whole->dim[picks_axis(p, whole)] : i);
}

/* gather's layout: where in the whole the element at a position among the indices belongs. */
static size_t element_place(const picks *p, const wg_shape *whole, size_t flat)
{
    size_t tuple[WG_MAX_RANK];
    shape_tuple(&p->shape, flat, tuple);
    tuple[picks_axis(p, whole)] = picks_place(p, whole, flat);
    return shape_flat(whole, tuple);
}

/* take's layout: the shape of the rows, and where in the whole an element of them belongs. */
static wg_shape rows_shape(const picks *p, const wg_shape *whole)
{
    wg_shape out = {0};
    for (uint32_t d = 0; d < whole->rank; d++)
        if (d != picks_axis(p, whole))
            out.dim[out.rank++] = whole->dim[d];
        else
            for (uint32_t e = 0; e < p->shape.rank; e++) out.dim[out.rank++] = p->shape.dim[e];
    return out;
}

static size_t row_place(const picks *p, const wg_shape *whole, size_t flat)
{
    wg_shape rows = rows_shape(p, whole);
    uint32_t axis = picks_axis(p, whole);
    size_t from[WG_MAX_RANK], to[WG_MAX_RANK];
    shape_tuple(&rows, flat, from);
    for (uint32_t d = 0; d < axis; d++) to[d] = from[d];
    to[axis] = picks_place(p, whole, shape_flat(&p->shape, from + axis));
    for (uint32_t d = axis + 1; d < whole->rank; d++) to[d] = from[d + p->shape.rank - 1];
    return shape_flat(whole, to);
}

static void reference_gather(array *out, const array *in, size_t n, const void *user)
{
    const picks *p = user;
    (void)n;
    *out = array_new(p->shape);
    for (size_t i = 0; i < out->size; i++) out->at[i] = in->at[element_place(p, &in->shape, i)];
}

static void reference_take(array *out, const array *in, size_t n, const void *user)
{
    const picks *p = user;
    (void)n;
    *out = array_new(rows_shape(p, &in->shape));
    for (size_t i = 0; i < out->size; i++) out->at[i] = in->at[row_place(p, &in->shape, i)];
}

static void reference_scatter_add(array *out, const array *in, size_t n, const void *user)
{
    (void)n;
    *out = array_copy(&in[0]);
    for (size_t i = 0; i < in[1].size; i++) out->at[element_place(user, &in[0].shape, i)] += in[1].at[i];
}

static void reference_index_add(array *out, const array *in, size_t n, const void *user)
{
    (void)n;
    *out = array_copy(&in[0]);
    for (size_t i = 0; i < in[1].size; i++) out->at[row_place(user, &in[0].shape, i)] += in[1].at[i];
}

static wg_var apply_gather(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    const picks *p = user;
    (void)n;
    return wg_gather(in[0], wg_indices(tape, p->shape, p->at), p->axis);
}

static wg_var apply_take(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    const picks *p = user;
    (void)n;
    return wg_take(in[0], wg_indices(tape, p->shape, p->at), p->axis);
}

static wg_var apply_embedding(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    const picks *p = user;
    (void)n;
    return wg_embedding(in[0], wg_indices(tape, p->shape, p->at));
}

static wg_var apply_scatter_add(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    const picks *p = user;
    (void)n;
    return wg_scatter_add(in[0], wg_indices(tape, p->shape, p->at), in[1], p->axis);
}

static wg_var apply_index_add(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    const picks *p = user;
    (void)n;
    return wg_index_add(in[0], wg_indices(tape, p->shape, p->at), in[1], p->axis);
}

/* ---- rows --------------------------------------------------------------------------------------------------------------------- */

#define SIX AT(1, 0, -1, 1, -2, 0)

static const row_case cases_gather[] = {
    CASE_WITH(PICKS(0, SHAPE(5), AT(3, 0, 3, -1, 1)), 1, SHAPE(4)),
    CASE_WITH(PICKS(0, SHAPE(1), AT(0)), 1, SHAPE(1)),
    CASE_WITH(PICKS(0, SHAPE(0), AT(0)), 1, SHAPE(4)),
    CASE_WITH(PICKS(0, SHAPE(0), AT(0)), 1, SHAPE(0)),
    CASE_WITH(PICKS(0, SHAPE(2, 3), SIX), 1, SHAPE(2, 3)),
    CASE_WITH(PICKS(1, SHAPE(2, 3), SIX), 1, SHAPE(2, 3)),
    CASE_WITH(PICKS(-1, SHAPE(2, 3), SIX), 1, SHAPE(4, 2)),
    CASE_WITH(PICKS(0, SHAPE(3, 2), SIX), 1, SHAPE(2, 5)),
    CASE_WITH(PICKS(1, SHAPE(1, 6, 1), SIX), 1, SHAPE(2, 3, 4)),
    CASE_WITH(PICKS(-2, SHAPE(2, 1, 3), SIX), 1, SHAPE(2, 3, 4)),
    CASE_WITH(PICKS(1, SHAPE(2, 0, 3), AT(0)), 1, SHAPE(2, 0, 3)),
    CASE_WITH(PICKS(0, SHAPE(3, 0), AT(0)), 1, SHAPE(2, 0)),
    CASE_WITH(PICKS(4, SHAPE(2, 1, 1, 1, 3, 1, 1, 1), SIX), 1, SHAPE(2, 1, 2, 1, 2, 1, 2, 1)),
};
static const row_case cases_take[] = {
    CASE_WITH(PICKS(0, SHAPE(5), AT(3, 0, 3, -1, 1)), 1, SHAPE(4)),
    CASE_WITH(PICKS(0, SHAPE_SCALAR, AT(-1)), 1, SHAPE(4)),
    CASE_WITH(PICKS(0, SHAPE_SCALAR, AT(2)), 1, SHAPE(3, 2)),
    CASE_WITH(PICKS(1, SHAPE_SCALAR, AT(1)), 1, SHAPE(3, 2)),
    CASE_WITH(PICKS(0, SHAPE(0), AT(0)), 1, SHAPE(4)),
    CASE_WITH(PICKS(0, SHAPE(0), AT(0)), 1, SHAPE(0)),
    CASE_WITH(PICKS(0, SHAPE(2, 3), SIX), 1, SHAPE(2)),
    CASE_WITH(PICKS(0, SHAPE(6), SIX), 1, SHAPE(2, 7)),
    CASE_WITH(PICKS(1, SHAPE(2, 3), SIX), 1, SHAPE(2, 3)),
    CASE_WITH(PICKS(-1, SHAPE(6), SIX), 1, SHAPE(2, 3, 4)),
    CASE_WITH(PICKS(1, SHAPE(3, 1, 2), SIX), 1, SHAPE(2, 3, 4)),
    CASE_WITH(PICKS(0, SHAPE(2), AT(1, 1)), 1, SHAPE(2, 0)),
    CASE_WITH(PICKS(1, SHAPE(2), AT(1, 1)), 1, SHAPE(0, 2)),
    CASE_WITH(PICKS(2, SHAPE(6), SIX), 1, SHAPE(2, 1, 2, 1, 2, 1, 2, 1)),
};
static const row_case cases_embedding[] = {
    CASE_WITH(PICKS(0, SHAPE(2, 3), SIX), 1, SHAPE(3, 5)),
    CASE_WITH(PICKS(0, SHAPE(6), SIX), 1, SHAPE(2)),
    CASE_WITH(PICKS(0, SHAPE(0), AT(0)), 1, SHAPE(2, 4)),
    CASE_WITH(PICKS(0, SHAPE(6), SIX), 1, SHAPE(40, 33)),
};
static const row_case cases_scatter_add[] = {
    CASE_WITH(PICKS(0, SHAPE(5), AT(3, 0, 3, -1, 1)), 2, SHAPE(4), SHAPE(5)),
    CASE_WITH(PICKS(0, SHAPE(0), AT(0)), 2, SHAPE(4), SHAPE(0)),
    CASE_WITH(PICKS(0, SHAPE(0), AT(0)), 2, SHAPE(0), SHAPE(0)),
    CASE_WITH(PICKS(0, SHAPE(2), AT(1, 1)), 2, SHAPE(2), SHAPE(2)),
    CASE_WITH(PICKS(0, SHAPE(2, 3), SIX), 2, SHAPE(2, 3), SHAPE(2, 3)),
    CASE_WITH(PICKS(1, SHAPE(2, 3), SIX), 2, SHAPE(4, 2), SHAPE(2, 3)),
    CASE_WITH(PICKS(-2, SHAPE(2, 1, 3), SIX), 2, SHAPE(2, 3, 4), SHAPE(2, 1, 3)),
};
static const row_case cases_index_add[] = {
    CASE_WITH(PICKS(0, SHAPE(5), AT(3, 0, 3, -1, 1)), 2, SHAPE(4), SHAPE(5)),
    CASE_WITH(PICKS(0, SHAPE_SCALAR, AT(-1)), 2, SHAPE(4), SHAPE_SCALAR),
    CASE_WITH(PICKS(0, SHAPE(0), AT(0)), 2, SHAPE(4, 2), SHAPE(0, 2)),
    CASE_WITH(PICKS(0, SHAPE(2), AT(1, 1)), 2, SHAPE(2), SHAPE(2)),
    CASE_WITH(PICKS(1, SHAPE(2, 3), SIX), 2, SHAPE(2, 3), SHAPE(2, 2, 3)),
    CASE_WITH(PICKS(-1, SHAPE(6), SIX), 2, SHAPE(2, 3, 4), SHAPE(2, 3, 6)),
    CASE_WITH(PICKS(1, SHAPE(6), SIX), 2, SHAPE(2, 3, 1), SHAPE(2, 6, 1)),
    CASE_WITH(PICKS(0, SHAPE(2), AT(1, 1)), 2, SHAPE(2, 0), SHAPE(2, 0)),
};

#define ANY_NUMBERS .domain = {FROM(-2, 2), FROM(-2, 2)}, .composite = true, .pieces = true

static const row rows[] = {
    ROW(wg_gather, .apply = apply_gather, .reference = reference_gather, ROW_CASES(cases_gather), ANY_NUMBERS),
    ROW(wg_take, .apply = apply_take, .reference = reference_take, ROW_CASES(cases_take), ANY_NUMBERS),
    ROW(wg_embedding, .apply = apply_embedding, .reference = reference_take, ROW_CASES(cases_embedding), ANY_NUMBERS),
    ROW(wg_scatter_add, .apply = apply_scatter_add, .reference = reference_scatter_add, ROW_CASES(cases_scatter_add),
        .sum = true, .roundings = 4, ANY_NUMBERS),
    ROW(wg_index_add, .apply = apply_index_add, .reference = reference_index_add, ROW_CASES(cases_index_add),
        .sum = true, .roundings = 4, ANY_NUMBERS),
};

static void test_allocations(void **state)
{
    (void)state;
    row_fail_allocations(&rows[0], &cases_gather[8]);
    row_fail_allocations(&rows[1], &cases_take[10]);
    row_fail_allocations(&rows[3], &cases_scatter_add[6]);
    row_fail_allocations(&rows[4], &cases_index_add[5]);
}

/* ---- many ------------------------------------------------------------------------------------------------------------------------ */

/* T picks of one table of T rows, within a limit: an array of the whole for each would take 5 GB. With s = the sum of x_t^2,
 * each row picked by its own indices once from either end: f = 2 s, recorded 4 x, then of the sum of its squares 32 x. */
static void many_picks(bool by_rows)
{
    enum { T = 12500, WIDE = 4 };
    double *numbers = malloc(sizeof(double) * T * WIDE);
    assert_non_null(numbers);
    for (size_t i = 0; i < (size_t)T * WIDE; i++) numbers[i] = (double)(i % 97) / 64;
    wg_tape *tape = wg_tape_new_with(&(wg_tape_options){.dtype = WG_F64, .memory_limit = (size_t)100 << 20}, NULL);
    wg_var x = wg_variable_f64(tape, WG_DIMS(T, WIDE), numbers), g;
    wg_var sum = wg_constant_f64(tape, WG_DIMS(1, WIDE), NULL);
    for (int64_t t = 0; t < T; t++) {
        const int64_t above[] = {t, t, t, t}, below[] = {t - T, t - T, t - T, t - T};
        wg_shape one = by_rows ? WG_DIMS(1) : WG_DIMS(1, WIDE);
        wg_var a = wg_indices(tape, one, above), b = wg_indices(tape, one, below);
        wg_var product =
            by_rows ? wg_mul(wg_take(x, a, 0), wg_take(x, b, 0)) : wg_mul(wg_gather(x, a, 0), wg_gather(x, b, 0));
        sum = wg_add(sum, product);
    }
    wg_var f = wg_mul(wg_sum(sum), wg_scalar(tape, 2));
    assert_int_equal(wg_gradients(f, &x, 1, &g), WG_OK);
    for (size_t i = 0; i < (size_t)T * WIDE; i++) assert_true(wg_at(g, i) == 4 * numbers[i]);
    assert_int_equal(wg_backward(wg_sum(wg_mul(g, g))), WG_OK);
    for (size_t i = 0; i < (size_t)T * WIDE; i++) assert_true(wg_grad_at(x, i) == 32 * numbers[i]);
    wg_tape_free(tape);
    free(numbers);
}

static void test_many_gathers(void **state)
{
    (void)state;
    many_picks(false);
}
static void test_many_takes(void **state)
{
    (void)state;
    many_picks(true);
}

/* Gathers, takes, slices and other uses of one array beside each other, in any order, swept, recorded, and to order 2:
 * f = x0 x2 + x2 x0 + x1^3 + sum x + x3 x0^2. */
static void test_joined_with_others(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(4), ((double[]){1, 2, 3, 5})), base = wg_neg(wg_neg(x)), g, h;
    wg_var pair = wg_gather(base, wg_indices(tape, WG_DIMS(2), AT(0, 2)), 0);
    wg_var other = wg_take(base, wg_indices(tape, WG_DIMS(2), AT(-2, -4)), 0);
    wg_var f = wg_sum(wg_mul(pair, other));
    wg_var one = wg_slice(base, 0, 1, 2, 1);
    f = wg_add(f, wg_sum(wg_mul(one, wg_square(wg_take(base, wg_indices(tape, WG_DIMS(1), AT(1)), 0)))));
    f = wg_add(wg_sum(base), f);
    wg_var last = wg_take(base, wg_indices(tape, WG_SCALAR, AT(3)), 0),
           first = wg_gather(base, wg_indices(tape, WG_DIMS(1), AT(0)), 0);
    f = wg_add(f, wg_sum(wg_mul(last, wg_square(first))));
    const double expected[] = {2 * 3 + 1 + 2 * 5 * 1, 3 * 4 + 1, 2 * 1 + 1, 1 + 1};
    const double twice[] = {2 + 10 + 2, 12, 2, 2}; /* the sums of the Hessian's rows */
    assert_int_equal(wg_backward(f), WG_OK);
    assert_int_equal(wg_gradients(f, &x, 1, &g), WG_OK);
    assert_int_equal(wg_gradients(wg_sum(g), &x, 1, &h), WG_OK);
    for (size_t i = 0; i < 4; i++) {
        assert_true(wg_grad_at(x, i) == expected[i]);
        assert_true(wg_at(g, i) == expected[i]);
        assert_true(wg_at(h, i) == twice[i]);
    }
    wg_tape_free(tape);
}

/* A gradient that holds zeros is added to, one that was zeroed is again, one that was not is kept. */
static void test_gradient_between_sweeps(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F32);
    wg_var x = wg_variable(tape, WG_DIMS(3, 2), ((float[]){1, 2, 3, 4, 5, 6}));
    wg_var y = wg_take(x, wg_indices(tape, WG_DIMS(2), AT(2, 2)), 0);
    for (int sweep = 1; sweep <= 4; sweep++) {
        assert_int_equal(wg_backward_from(y, (float[]){1, 2, 3, 4}), WG_OK);
        double times = sweep % 2 ? 1 : 2;
        const double expected[] = {0, 0, 0, 0, 4 * times, 6 * times};
        for (size_t i = 0; i < 6; i++) assert_true(wg_grad_at(x, i) == expected[i]);
        if (sweep == 2) wg_zero_grad(tape);
    }
    wg_tape_free(tape);
}

/* NaN and infinity go where the indices say, and nowhere else. */
static void test_not_finite(void **state)
{
    (void)state;
    const double inf = (double)INFINITY, nan = (double)NAN;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(4), ((double[]){nan, 1, inf, 2})), grad;
    wg_var i = wg_indices(tape, WG_DIMS(3), AT(1, 3, 3)), y = wg_gather(x, i, 0);
    wg_var g = wg_constant(tape, WG_DIMS(3), ((double[]){inf, nan, 1}));
    assert_true(wg_at(y, 0) == 1 && wg_at(y, 1) == 2);
    assert_int_equal(wg_backward_from(y, wg_value(g)), WG_OK);
    assert_int_equal(wg_vjp(y, g, &x, 1, &grad), WG_OK);
    const double expected[] = {0, inf, 0, nan};
    for (size_t k = 0; k < 4; k++)
        assert_true(point_same(wg_grad_at(x, k), expected[k]) && point_same(wg_at(grad, k), expected[k]));
    wg_tape_free(tape);
}

/* ---- indices that change --------------------------------------------------------------------------------------------------------- */

static void test_replay(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_name(wg_variable(tape, WG_DIMS(3), ((double[]){1, 2, 4})), "x"), grad;
    wg_var i = wg_name(wg_indices(tape, WG_DIMS(2), AT(0, 0)), "i"), y = wg_gather(x, i, 0);
    assert_int_equal(wg_gradients(wg_sum(wg_square(y)), &x, 1, &grad), WG_OK);
    assert_true(wg_at(grad, 0) == 4);
    assert_int_equal(wg_set_indices(i, AT(2, -2)), WG_OK);
    assert_false(wg_ok(wg_neg(y)));
    point_expect_error(tape, WG_ERROR_STALE, "neg", NULL);
    assert_int_equal(wg_tape_replay(tape), WG_OK);
    assert_true(wg_at(y, 0) == 4 && wg_at(y, 1) == 2);
    assert_true(wg_at(grad, 0) == 0 && wg_at(grad, 1) == 4 && wg_at(grad, 2) == 8);
    assert_int_equal(wg_set_indices(i, AT(0, 3)), WG_OK);
    assert_int_equal(wg_tape_replay(tape), WG_ERROR_ARGUMENT);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "gather", "element 1", "i (2)", "is 3", "3 elements", NULL);
    assert_true(isnan(wg_at(grad, 0)) || !wg_value(grad)); /* stale */
    wg_tape_clear_error(tape);
    assert_int_equal(wg_set_indices(i, AT(1, 1)), WG_OK);
    assert_int_equal(wg_tape_replay(tape), WG_OK);
    assert_true(wg_at(grad, 0) == 0 && wg_at(grad, 1) == 8 && wg_at(grad, 2) == 0);
    assert_int_equal(wg_backward_from(y, (double[]){1, 10}), WG_OK);
    assert_true(wg_grad_at(x, 1) == 11);
    wg_tape_free(tape);
}

/* ---- errors ----------------------------------------------------------------------------------------------------------------------- */

static void test_out_of_range(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_name(wg_variable(tape, WG_DIMS(2, 3), (double *)NULL), "x");
    wg_var none = wg_constant_f64(tape, WG_DIMS(0, 2), NULL);
    wg_var u = wg_constant_f64(tape, WG_DIMS(1, 2), NULL), rows_of = wg_constant_f64(tape, WG_DIMS(2, 1, 2), NULL);
    const int64_t wrong[][2] = {{0, 3}, {0, -4}, {0, INT64_MAX}, {0, INT64_MIN}};
    const char *named[] = {"is 3", "is -4", "is 9223372036854775807", "is -9223372036854775808"};
    for (size_t k = 0; k < 4; k++) {
        wg_var i = wg_name(wg_indices(tape, WG_DIMS(1, 2), wrong[k]), "i");
        assert_false(wg_ok(wg_gather(x, i, 1)));
        point_expect_error(
            tape, WG_ERROR_ARGUMENT, "gather:", "element 1", "i (1,2)", named[k], "axis 1", "3 elements", NULL);
        assert_false(wg_ok(wg_take(x, i, -1)));
        point_expect_error(tape, WG_ERROR_ARGUMENT, "take:", "element 1", "i (1,2)", named[k], "axis 1", NULL);
        assert_false(wg_ok(wg_embedding(x, i)));
        point_expect_error(tape, WG_ERROR_ARGUMENT, "embedding:", "element 1", "axis 0", NULL);
        assert_false(wg_ok(wg_scatter_add(x, i, u, 1)));
        point_expect_error(tape, WG_ERROR_ARGUMENT, "scatter_add:", "element 1", named[k], NULL);
        assert_false(wg_ok(wg_index_add(x, i, rows_of, 1)));
        point_expect_error(tape, WG_ERROR_ARGUMENT, "index_add:", "element 1", named[k], NULL);
    }
    assert_false(wg_ok(wg_take(none, wg_indices(tape, WG_DIMS(1), NULL), 0)));
    point_expect_error(tape, WG_ERROR_ARGUMENT, "take:", "element 0", "is 0", "0 elements", NULL);
    wg_tape_free(tape);
}

static void test_errors(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64), *other = wg_tape_new(WG_F64);
    wg_var x = wg_name(wg_variable(tape, WG_DIMS(2, 3), (double *)NULL), "x"), one = wg_scalar(tape, 1);
    wg_var i = wg_name(wg_indices(tape, WG_DIMS(2, 3), NULL), "i"), wide = wg_indices(tape, WG_DIMS(3, 4), NULL);
    wg_var flat = wg_name(wg_indices(tape, WG_DIMS(5), NULL), "j"),
           deep = wg_indices(tape, WG_DIMS(1, 1, 1, 1, 1, 1, 1, 1), NULL);
    wg_var far = wg_indices(other, WG_DIMS(2, 3), NULL), invalid = {tape, UINT32_MAX, 0};
    wg_stats before, after;
    wg_tape_stats(tape, &before);
    wg_gather(x, x, 0);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "gather", "argument 2", "x (2,3)", "numbers where indices", NULL);
    wg_gather(i, x, 0);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "gather", "argument 2", "x (2,3)", "numbers where indices", NULL);
    wg_take(i, wg_slice(flat, 0, 0, 9, 1), 2);
    point_expect_error(tape, WG_ERROR_SHAPE, "take", "axis 2", "i (2,3)", NULL);
    wg_take(x, one, 0);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "take", "argument 2", "numbers where indices", NULL);
    wg_embedding(i, i);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "embedding", "argument 1", "indices where numbers", NULL);
    wg_scatter_add(x, i, i, 0);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "scatter_add", "argument 3", "indices where numbers", NULL);
    wg_index_add(x, x, x, 0);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "index_add", "argument 2", "numbers where indices", NULL);
    wg_gather(x, i, 2);
    point_expect_error(tape, WG_ERROR_SHAPE, "gather", "axis 2", "x (2,3)", NULL);
    wg_take(x, i, -3);
    point_expect_error(tape, WG_ERROR_SHAPE, "take", "axis -3", "x (2,3)", NULL);
    wg_embedding(one, i);
    point_expect_error(tape, WG_ERROR_SHAPE, "embedding", "axis 0", "()", NULL);
    wg_gather(x, flat, 0);
    point_expect_error(tape, WG_ERROR_SHAPE, "gather", "j (5)", "x (2,3)", "as many axes", NULL);
    wg_gather(x, wide, 0);
    point_expect_error(tape, WG_ERROR_SHAPE, "gather", "(3,4)", "x (2,3)", "axis 0", NULL);
    wg_take(x, deep, 0);
    point_expect_error(tape, WG_ERROR_SHAPE, "take", "(1,1,1,1,1,1,1,1)", "x (2,3)", "8 axes", NULL);
    wg_scatter_add(x, i, one, 0);
    point_expect_error(tape, WG_ERROR_SHAPE, "scatter_add", "()", "(2,3)", "i (2,3)", "x (2,3)", NULL);
    wg_index_add(x, flat, x, 0);
    point_expect_error(tape, WG_ERROR_SHAPE, "index_add", "x (2,3)", "shape (5,3)", "j (5)", NULL);
    wg_gather(x, invalid, 9);
    point_expect_error(tape, WG_ERROR_SHAPE, "gather", NULL);
    wg_gather(x, invalid, 0);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "gather", "argument 2", "invalid", NULL);
    wg_gather((wg_var){0}, i, 0);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "gather", "argument 1", NULL);
    wg_index_add((wg_var){0}, (wg_var){0}, x, 0);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "index_add", "argument 1", NULL);
    assert_null(wg_take((wg_var){0}, (wg_var){0}, 0).tape);
    wg_gather(x, far, 0);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "gather", "argument 2", "another tape", NULL);
    point_expect_error(other, WG_ERROR_ARGUMENT, "gather", "two tapes", NULL);
    wg_tape_stats(tape, &after);
    assert_int_equal(before.nodes + 1, after.nodes); /* the slice */
    wg_tape_free(tape);
    wg_tape_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations),
        cmocka_unit_test(test_many_gathers),
        cmocka_unit_test(test_many_takes),
        cmocka_unit_test(test_joined_with_others),
        cmocka_unit_test(test_gradient_between_sweeps),
        cmocka_unit_test(test_not_finite),
        cmocka_unit_test(test_replay),
        cmocka_unit_test(test_out_of_range),
        cmocka_unit_test(test_errors),
    };
    return row_main("ops/gather", rows, sizeof rows / sizeof *rows, tests, sizeof tests / sizeof *tests);
}
