/* What depends on the order of numbers. The reference for a line of numbers counts, for each, how many come before it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "support/point.h"

/* ---- the reference --------------------------------------------------------------------------------------------------------- */

/* a comes before b: smaller (descending: larger), NaN being larger than every number; of equal ones the first. */
static bool before(long double a, size_t i, long double b, size_t j, bool descending)
{
    bool equal = a == b || (isnan(a) && isnan(b)), smaller = isnan(b) ? !isnan(a) : a < b;
    return equal ? i < j : smaller != descending;
}

/* The place of element i of a line of n in order. */
static size_t place_of(const long double *line, size_t n, size_t i, bool descending)
{
    size_t place = 0;
    for (size_t j = 0; j < n; j++) place += before(line[j], j, line[i], i, descending);
    return place;
}

/* ---- sort and topk: rows ------------------------------------------------------------------------------------------------------ */

typedef struct ordered {
    int axis;
    bool descending;
    size_t k; /* topk's */
} ordered;

/* The first k in order along an axis: values, or their indices. */
static array first_of(const array *in, int given, bool descending, size_t k, bool indices)
{
    uint32_t axis = (uint32_t)(given < 0 ? given + (int)in->shape.rank : given);
    wg_shape shape = in->shape;
    size_t n = shape.dim[axis];
    shape.dim[axis] = k;
    array out = array_new(shape);
    long double *line = malloc((n + 1) * sizeof *line);
    assert_non_null(line);
    for (size_t i = 0; i < in->size; i++) {
        size_t tuple[WG_MAX_RANK], own;
        shape_tuple(&in->shape, i, tuple);
        own = tuple[axis];
        for (tuple[axis] = 0; tuple[axis] < n; tuple[axis]++) line[tuple[axis]] = in->at[shape_flat(&in->shape, tuple)];
        tuple[axis] = place_of(line, n, own, descending);
        if (tuple[axis] < k) out.at[shape_flat(&shape, tuple)] = indices ? (long double)own : in->at[i];
    }
    free(line);
    return out;
}

static void reference_sort(array *out, const array *in, size_t n, const void *user)
{
    const ordered *o = user;
    (void)n;
    *out = first_of(
        in, o->axis, o->descending, in->shape.dim[o->axis < 0 ? o->axis + (int)in->shape.rank : o->axis], false);
}

static void reference_topk(array *out, const array *in, size_t n, const void *user)
{
    const ordered *o = user;
    (void)n;
    *out = first_of(in, o->axis, true, o->k, false);
}

static wg_var apply_sort(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    const ordered *o = user;
    (void)tape, (void)n;
    return wg_sort(in[0], o->axis, o->descending);
}

static wg_var apply_topk(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    const ordered *o = user;
    wg_var values, indices;
    (void)tape, (void)n;
    wg_topk(in[0], o->k, o->axis, &values, &indices);
    return values;
}

/* ---- medians: rows -------------------------------------------------------------------------------------------------------------- */

typedef struct over {
    int axes[WG_MAX_RANK];
    size_t n;
    bool keepdims, all;
    double q; /* 0: the median */
} over;

static bool over_has(const over *o, uint32_t rank, uint32_t axis)
{
    bool has = !o || o->all;
    for (size_t k = 0; o && k < o->n; k++)
        has = has || (uint32_t)(o->axes[k] < 0 ? o->axes[k] + (int)rank : o->axes[k]) == axis;
    return has;
}

/* Where the element at a tuple goes; *out is the result's shape. */
static size_t over_place(const over *o, const wg_shape *in, const size_t *tuple, wg_shape *out)
{
    size_t to[WG_MAX_RANK];
    *out = (wg_shape){0};
    for (uint32_t d = 0; d < in->rank; d++) {
        bool reduced = over_has(o, in->rank, d);
        if (reduced && !(o && o->keepdims)) continue;
        to[out->rank] = reduced ? 0 : tuple[d];
        out->dim[out->rank++] = reduced ? 1 : in->dim[d];
    }
    return shape_flat(out, to);
}

/* What a line contributes of its element at a place in order: all of it at q (count - 1), linearly less beside. */
static long double weight_at(double q, size_t count, size_t place)
{
    long double off = fabsl((long double)q * (long double)(count - 1) - (long double)place);
    return off < 1 ? 1 - off : 0;
}

static void reference_quantile(array *out, const array *in, size_t n, const void *user)
{
    const over *o = user;
    wg_shape shape;
    const size_t origin[WG_MAX_RANK] = {0};
    (void)n;
    over_place(o, &in->shape, origin, &shape);
    *out = array_new(shape);
    long double *line = malloc((in->size + 1) * sizeof *line);
    assert_non_null(line);
    for (size_t k = 0; k < out->size; k++) {
        size_t count = 0, tuple[WG_MAX_RANK];
        for (size_t i = 0; i < in->size; i++) {
            shape_tuple(&in->shape, i, tuple);
            if (over_place(o, &in->shape, tuple, &shape) == k) line[count++] = in->at[i];
        }
        for (size_t i = 0; i < count; i++)
            out->at[k] += weight_at(o && o->q > 0 ? o->q : 0.5, count, place_of(line, count, i, false)) * line[i];
    }
    free(line);
}

static wg_var apply_quantile(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    (void)tape, (void)n;
    return wg_quantile(in[0], ((const over *)user)->q);
}

static wg_var apply_quantile_axes(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    const over *o = user;
    (void)tape, (void)n;
    return wg_quantile_axes(in[0], o->q, o->axes, o->n, o->keepdims);
}

static wg_var apply_median_axes(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    const over *o = user;
    (void)tape, (void)n;
    return wg_median_axes(in[0], o->axes, o->n, o->keepdims);
}

/* ---- rows --------------------------------------------------------------------------------------------------------------------- */

#define BY(...)                                                                                                        \
    &(const ordered) { __VA_ARGS__ }
#define OVER(keepdims_, ...)                                                                                           \
    &(const over) { .keepdims = keepdims_, .axes = {__VA_ARGS__}, .n = sizeof((int[]){__VA_ARGS__}) / sizeof(int) }

static const row_case cases_sort[] = {
    CASE_WITH(BY(.axis = 0), 1, SHAPE(7)),
    CASE_WITH(BY(.axis = 0, .descending = true), 1, SHAPE(7)),
    CASE_WITH(BY(.axis = 0), 1, SHAPE(1)),
    CASE_WITH(BY(.axis = 0), 1, SHAPE(0)),
    CASE_WITH(BY(.axis = 0), 1, SHAPE(4, 3)),
    CASE_WITH(BY(.axis = 1, .descending = true), 1, SHAPE(4, 3)),
    CASE_WITH(BY(.axis = -2, .descending = true), 1, SHAPE(2, 5, 3)),
    CASE_WITH(BY(.axis = 1), 1, SHAPE(2, 0, 3)),
    CASE_WITH(BY(.axis = 1), 1, SHAPE(0, 3)),
    CASE_WITH(BY(.axis = 4), 1, SHAPE(2, 1, 2, 1, 3, 1, 2, 1)),
    CASE_WITH(BY(.axis = 0), 1, SHAPE(103)),
};
static const row_case cases_topk[] = {
    CASE_WITH(BY(.axis = 0, .k = 3), 1, SHAPE(7)),
    CASE_WITH(BY(.axis = 0, .k = 7), 1, SHAPE(7)),
    CASE_WITH(BY(.axis = 0, .k = 0), 1, SHAPE(7)),
    CASE_WITH(BY(.axis = 0, .k = 0), 1, SHAPE(0)),
    CASE_WITH(BY(.axis = 0, .k = 1), 1, SHAPE(1)),
    CASE_WITH(BY(.axis = 1, .k = 2), 1, SHAPE(4, 3)),
    CASE_WITH(BY(.axis = -2, .k = 3), 1, SHAPE(2, 5, 3)),
    CASE_WITH(BY(.axis = 1, .k = 1), 1, SHAPE(0, 3)),
    CASE_WITH(BY(.axis = -1, .k = 9), 1, SHAPE(2, 61)),
};
static const row_case cases_all[] = {CASE(1, SHAPE_SCALAR), CASE(1, SHAPE(1)), CASE(1, SHAPE(7)), CASE(1, SHAPE(8)),
    CASE(1, SHAPE(3, 1, 5)), CASE(1, SHAPE(2, 3, 4)), CASE(1, SHAPE(102))};
static const row_case cases_axes[] = {
    CASE_WITH(OVER(false, 0), 1, SHAPE(5)),
    CASE_WITH(OVER(true, 0), 1, SHAPE(4)),
    CASE_WITH(&(const over){.n = 0}, 1, SHAPE(2, 3)),
    CASE_WITH(&(const over){.n = 0}, 1, SHAPE_SCALAR),
    CASE_WITH(OVER(false, 1), 1, SHAPE(4, 3)),
    CASE_WITH(OVER(true, 0), 1, SHAPE(4, 3)),
    CASE_WITH(OVER(false, 2, 0), 1, SHAPE(2, 3, 2)),
    CASE_WITH(OVER(true, 0, -2), 1, SHAPE(3, 5, 2)),
    CASE_WITH(OVER(false, 1), 1, SHAPE(0, 3)),
    CASE_WITH(OVER(true, 1), 1, SHAPE(0, 0)),
    CASE_WITH(OVER(false, 1, 3, 7), 1, SHAPE(2, 2, 1, 3, 1, 1, 2, 2)),
};

#define ALL(q_)                                                                                                        \
    &(const over) { .q = q_, .all = true }
static const row_case cases_quantile[] = {
    CASE_WITH(ALL(0.25), 1, SHAPE_SCALAR),
    CASE_WITH(ALL(0.25), 1, SHAPE(5)),
    CASE_WITH(ALL(0.3), 1, SHAPE(8)),
    CASE_WITH(ALL(1), 1, SHAPE(2, 3)),
    CASE_WITH(ALL(0x1p-60), 1, SHAPE(7)),
    CASE_WITH(ALL(0.95), 1, SHAPE(2, 3, 17)),
};
static const row_case cases_quantile_axes[] = {
    CASE_WITH((&(const over){.axes = {1}, .n = 1, .q = 0.75}), 1, SHAPE(4, 3)),
    CASE_WITH((&(const over){.axes = {-3, 2}, .n = 2, .q = 0.9, .keepdims = true}), 1, SHAPE(3, 2, 4)),
    CASE_WITH((&(const over){.axes = {1}, .n = 1, .q = 0.9}), 1, SHAPE(0, 3)),
    CASE_WITH((&(const over){.n = 0, .q = 0.9}), 1, SHAPE(2, 3)),
};

#define DISTINCT .distinct = true, .composite = true

static const row rows[] = {
    ROW(wg_sort, .apply = apply_sort, .reference = reference_sort, ROW_CASES(cases_sort), DISTINCT),
    ROW(wg_topk, .apply = apply_topk, .reference = reference_topk, ROW_CASES(cases_topk), DISTINCT),
    ROW(wg_median, .unary = wg_median, .reference = reference_quantile, ROW_CASES(cases_all), .roundings = 2, DISTINCT),
    ROW(wg_median_axes, .apply = apply_median_axes, .reference = reference_quantile, ROW_CASES(cases_axes),
        .roundings = 2, DISTINCT),
    ROW(wg_quantile, .apply = apply_quantile, .reference = reference_quantile, ROW_CASES(cases_quantile),
        .roundings = 4, DISTINCT),
    ROW(wg_quantile_axes, .apply = apply_quantile_axes, .reference = reference_quantile, ROW_CASES(cases_quantile_axes),
        .roundings = 4, DISTINCT),
};

static void test_allocations(void **state)
{
    (void)state;
    row_fail_allocations(&rows[0], &cases_sort[10]);
    row_fail_allocations(&rows[1], &cases_topk[8]);
    row_fail_allocations(&rows[3], &cases_axes[6]);
}

/* ---- orders with ties, NaN, infinities and zeros of both signs ------------------------------------------------------------------ */

/* Random lines of few different numbers, long enough for every part of the algorithms, along every axis. */
static void fill(array *a, random_state *r, size_t kinds)
{
    const long double corners[] = {0, -0.0L, 1, (long double)NAN, (long double)INFINITY, -(long double)INFINITY, -1,
        -(long double)NAN, 0x1p-149L, 0x1.fffffep127L, 2, 3, -0x1p-149L};
    for (size_t i = 0; i < a->size; i++) a->at[i] = corners[random_below(r, kinds)];
}

/* row: wg_argsort (no derivative) */
static void test_argsort(void **state)
{
    (void)state;
    random_state r = {7};
    const size_t lengths[] = {1, 2, 5, 16, 17, 33, 100};
    for (int way = 0; way < 4; way++)
        for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++)
            for (int axis = 0; axis < 3; axis++) {
                bool descending = way & 1;
                wg_shape shape = WG_DIMS(2, 2, 2);
                size_t n = shape.dim[axis] = lengths[l];
                array x = array_new(shape);
                fill(&x, &r, l % 2 ? 4 : 13);
                wg_tape *tape = wg_tape_new(way & 2 ? WG_F64 : WG_F32);
                wg_var leaf = array_leaf(tape, &x, false);
                for (size_t k = 0; k <= n; k += n / 5 + 1) {
                    wg_var values = wg_sort(leaf, axis, descending), indices = wg_argsort(leaf, axis, descending);
                    size_t taken = n;
                    if (descending) wg_topk(leaf, taken = k, axis, &values, &indices);
                    array wanted = first_of(&x, axis, descending, taken, true);
                    array sorted = first_of(&x, axis, descending, taken, false);
                    if (!wg_ok(values)) fail_msg("%s", wg_tape_message(tape));
                    const int64_t *got = wg_value_indices(indices);
                    for (size_t i = 0; i < wanted.size; i++) {
                        assert_int_equal(got[i], (int64_t)wanted.at[i]);
                        assert_true(point_same(wg_at(values, i), (double)sorted.at[i]));
                    }
                    array_free(&wanted);
                    array_free(&sorted);
                }
                wg_tape_free(tape);
                array_free(&x);
            }
}

/* row: wg_argmax (no derivative)
 * row: wg_argmin (no derivative) */
static void test_extremes(void **state)
{
    (void)state;
    random_state r = {8};
    for (int way = 0; way < 16; way++)
        for (int axis = -3; axis < 3; axis++) {
            bool least = way & 1, keepdims = way & 2;
            array x = array_new(WG_DIMS(3, 4, 5));
            fill(&x, &r, way & 8 ? 3 : 13);
            wg_tape *tape = wg_tape_new(way & 4 ? WG_F64 : WG_F32);
            wg_var leaf = array_leaf(tape, &x, false);
            wg_var y = (least ? wg_argmin : wg_argmax)(leaf, axis, keepdims);
            wg_var best = (least ? wg_min_axes : wg_max_axes)(leaf, WG_AXES(axis), true);
            uint32_t at = (uint32_t)(axis < 0 ? axis + 3 : axis);
            assert_int_equal(wg_shape_of(y).rank, keepdims ? 3 : 2);
            const int64_t *got = wg_value_indices(y);
            for (size_t i = 0; i < wg_size(y); i++) {
                size_t tuple[WG_MAX_RANK], first = 0;
                wg_shape shape = wg_shape_of(best);
                shape_tuple(&shape, i, tuple);
                for (; first < x.shape.dim[at]; first++) {
                    tuple[at] = first;
                    if (point_same((double)x.at[shape_flat(&x.shape, tuple)], wg_at(best, i))) break;
                }
                assert_int_equal(got[i], (int64_t)first);
            }
            if (keepdims) {
                wg_var again = wg_gather(leaf, y, axis);
                for (size_t i = 0; i < wg_size(y); i++) assert_true(point_same(wg_at(again, i), wg_at(best, i)));
            }
            wg_tape_free(tape);
            array_free(&x);
        }
}

/* By NumPy's formula: 1, 2, 4, 8 at q = 0.1 is 1 + 0.3, at 0.5 the median, at 0.75 4 + (8 - 4) / 4; at 2/3 the third. */
static void test_quantiles(void **state)
{
    (void)state;
    const double at[] = {0, 0.1, 0.5, 2.0 / 3, 0.75, 1}, expected[] = {1, 1.3, 3, 4, 5, 8};
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(4), ((double[]){8, 1, 4, 2}));
    for (size_t i = 0; i < 6; i++) assert_true(fabs(wg_item(wg_quantile(x, at[i])) - expected[i]) < 1e-15);
    assert_int_equal(wg_backward(wg_quantile(x, 0.75)), WG_OK);
    const double grad[] = {0.25, 0, 0.75, 0};
    for (size_t i = 0; i < 4; i++) assert_true(wg_grad_at(x, i) == grad[i]);
    wg_var y = wg_variable(tape, WG_DIMS(3), ((double[]){2, (double)NAN, 1}));
    assert_true(isnan(wg_item(wg_quantile(y, 0))) && isnan(wg_item(wg_quantile(y, 0.2))));
    wg_tape_free(tape);
}

/* The derivative at ties goes where the index points; medians of even counts share it. */
static void test_ties(void **state)
{
    (void)state;
    const double nan = (double)NAN, inf = (double)INFINITY;
    wg_tape *tape = wg_tape_new(WG_F64);
    const double x[][6] = {{2, 1, 2, 1, 2, 2}, {3, 3, 3, 3, 3, 3}, {1, nan, 0, nan, 5, 2}, {inf, inf, -inf, -inf, 0, 0},
        {-inf, 1, inf, -inf, inf, 4}};
    const double median[] = {2, 3, nan, 0, 2.5};
    const double grad[][6] = {{0.5, 0, 0.5, 0, 0, 0}, {0, 0, 0.5, 0.5, 0, 0}, {0, 1, 0, 0, 0, 0},
        {0, 0, 0, 0, 0.5, 0.5}, {0, 0.5, 0, 0, 0, 0.5}};
    for (size_t c = 0; c < 5; c++) {
        wg_var leaf = wg_variable_f64(tape, WG_DIMS(6), x[c]), g;
        wg_var y = wg_median(leaf);
        assert_true(point_same(wg_item(y), median[c]));
        assert_int_equal(wg_backward(y), WG_OK);
        assert_int_equal(wg_gradients(y, &leaf, 1, &g), WG_OK);
        for (size_t i = 0; i < 6; i++) assert_true(wg_grad_at(leaf, i) == grad[c][i] && wg_at(g, i) == grad[c][i]);
    }
    wg_var leaf = wg_variable_f64(tape, WG_DIMS(6), x[0]), values, indices;
    assert_int_equal(wg_topk(leaf, 3, 0, &values, &indices), WG_OK);
    assert_int_equal(wg_backward_from(values, (double[]){nan, inf, 7}), WG_OK);
    const double of_topk[] = {nan, 0, inf, 0, 7, 0};
    for (size_t i = 0; i < 6; i++) assert_true(point_same(wg_grad_at(leaf, i), of_topk[i]));
    wg_tape_free(tape);
}

/* A replay finds the order anew. */
static void test_replay(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F32);
    wg_var x = wg_variable(tape, WG_DIMS(4), ((float[]){4, 1, 3, 2})), values, indices, g;
    wg_var sorted = wg_sort(x, 0, false), median = wg_median(x), most = wg_argmax(x, 0, false);
    assert_int_equal(wg_topk(x, 2, 0, &values, &indices), WG_OK);
    wg_var y = wg_sum(wg_mul(values, wg_constant(tape, WG_DIMS(2), ((float[]){10, 1}))));
    assert_int_equal(wg_gradients(y, &x, 1, &g), WG_OK);
    assert_true(wg_at(g, 0) == 10 && wg_at(g, 2) == 1);
    assert_int_equal(wg_set_value(x, ((float[]){5, 8, 7, 6})), WG_OK);
    assert_int_equal(wg_tape_replay(tape), WG_OK);
    for (size_t i = 0; i < 4; i++) assert_true(wg_at(sorted, i) == 5 + (double)i);
    assert_true(wg_item(median) == 6.5 && wg_value_indices(most)[0] == 1);
    assert_true(wg_at(values, 0) == 8 && wg_value_indices(indices)[1] == 2);
    assert_true(wg_at(g, 0) == 0 && wg_at(g, 1) == 10 && wg_at(g, 2) == 1);
    wg_tape_free(tape);
}

/* ---- errors ----------------------------------------------------------------------------------------------------------------------- */

static void test_errors(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_name(wg_variable(tape, WG_DIMS(2, 3), (double *)NULL), "x"), one = wg_scalar(tape, 1);
    wg_var none = wg_name(wg_variable(tape, WG_DIMS(2, 0), (double *)NULL), "none"),
           i = wg_indices(tape, WG_DIMS(2), NULL);
    wg_var bad = {tape, UINT32_MAX, 0}, values, indices;
    wg_stats before_, after;
    wg_tape_stats(tape, &before_);
    wg_argmax(x, 2, false);
    point_expect_error(tape, WG_ERROR_SHAPE, "argmax:", "axis 2", "x (2,3)", NULL);
    wg_argmin(one, 0, false);
    point_expect_error(tape, WG_ERROR_SHAPE, "argmin:", "axis 0", "()", NULL);
    wg_argmax(none, 1, true);
    point_expect_error(tape, WG_ERROR_SHAPE, "argmax:", "of nothing", "none (2,0)", "axis 1", NULL);
    wg_argmin(none, -1, false);
    point_expect_error(tape, WG_ERROR_SHAPE, "argmin:", "of nothing", "none (2,0)", NULL);
    wg_argmax(i, 0, false);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "argmax:", "argument 1", "indices where numbers", NULL);
    wg_argsort(x, -3, false);
    point_expect_error(tape, WG_ERROR_SHAPE, "argsort:", "axis -3", "x (2,3)", NULL);
    wg_argsort(i, 0, false);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "argsort:", "argument 1", "indices where numbers", NULL);
    wg_sort(x, 7, false);
    point_expect_error(tape, WG_ERROR_SHAPE, "sort:", "axis 7", "x (2,3)", NULL);
    wg_sort(i, 0, false);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "sort:", "argument 1", "indices where numbers", NULL);
    assert_int_equal(wg_topk(x, 4, 1, &values, &indices), WG_ERROR_SHAPE);
    assert_false(wg_ok(values) || wg_ok(indices));
    point_expect_error(tape, WG_ERROR_SHAPE, "topk:", "k = 4", "x (2,3)", "axis 1", NULL);
    assert_int_equal(wg_topk(x, SIZE_MAX, 1, &values, &indices), WG_ERROR_SHAPE);
    point_expect_error(tape, WG_ERROR_SHAPE, "topk:", "k = ", NULL);
    assert_int_equal(wg_topk(x, 1, 2, &values, &indices), WG_ERROR_SHAPE);
    point_expect_error(tape, WG_ERROR_SHAPE, "topk:", "axis 2", NULL);
    assert_int_equal(wg_topk(x, 1, 0, NULL, &indices), WG_ERROR_ARGUMENT);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "topk:", "values is NULL", NULL);
    assert_int_equal(wg_topk(x, 1, 0, &values, NULL), WG_ERROR_ARGUMENT);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "topk:", "indices is NULL", NULL);
    assert_int_equal(wg_topk(bad, 1, 0, &values, &indices), WG_ERROR_ARGUMENT);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "topk:", "argument 1", "invalid", NULL);
    assert_int_equal(wg_topk((wg_var){0}, 1, 0, &values, &indices), WG_ERROR_ARGUMENT);
    assert_null(values.tape);
    wg_median(none);
    point_expect_error(tape, WG_ERROR_SHAPE, "median:", "of nothing", "none (2,0)", NULL);
    wg_median_axes(none, WG_AXES(1), false);
    point_expect_error(tape, WG_ERROR_SHAPE, "median:", "of nothing", NULL);
    wg_median_axes(x, WG_AXES(0, 2), false);
    point_expect_error(tape, WG_ERROR_SHAPE, "median:", "axis 2", "out of range", "x (2,3)", NULL);
    wg_median_axes(x, WG_AXES(0, -2), false);
    point_expect_error(tape, WG_ERROR_SHAPE, "median:", "axis -2", "twice", NULL);
    wg_median_axes(x, NULL, 1, false);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "median:", "NULL", NULL);
    wg_median(i);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "median:", "argument 1", "indices where numbers", NULL);
    wg_quantile(x, 1.5);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "quantile:", "q = 1.5", NULL);
    wg_quantile_axes(x, -0.1, WG_AXES(0), false);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "quantile:", "q = -0.1", NULL);
    wg_quantile(x, (double)NAN);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "quantile:", "q = ", NULL);
    wg_quantile(none, 0.5);
    point_expect_error(tape, WG_ERROR_SHAPE, "quantile:", "of nothing", "none (2,0)", NULL);
    wg_quantile_axes(x, 0.5, WG_AXES(3), false);
    point_expect_error(tape, WG_ERROR_SHAPE, "quantile:", "axis 3", "x (2,3)", NULL);
    wg_quantile_axes(x, 0.5, NULL, 2, false);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "quantile:", "NULL", NULL);
    wg_quantile_axes(i, 0.5, WG_AXES(0), false);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "quantile:", "argument 1", "indices where numbers", NULL);
    assert_null(wg_median((wg_var){0}).tape);
    assert_null(wg_quantile((wg_var){0}, 0.5).tape);
    assert_null(wg_sort((wg_var){0}, 0, false).tape);
    assert_null(wg_argmax((wg_var){0}, 0, false).tape);
    wg_tape_stats(tape, &after);
    assert_int_equal(before_.nodes, after.nodes);
    /* where the result has no elements, nothing is missing */
    assert_true(wg_ok(wg_argmax(none, 0, false)) && wg_ok(wg_median_axes(none, WG_AXES(0), false)));
    wg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations),
        cmocka_unit_test(test_argsort),
        cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_quantiles),
        cmocka_unit_test(test_ties),
        cmocka_unit_test(test_replay),
        cmocka_unit_test(test_errors),
    };
    return row_main("ops/order", rows, sizeof rows / sizeof *rows, tests, sizeof tests / sizeof *tests);
}
