/* Reductions. The reference visits every index tuple of the argument and sends its element to the tuple of the result
 * that is left when the reduced axes are taken out, or set to 0. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "support/point.h"

typedef struct over {
    int axes[WG_MAX_RANK];
    size_t n;
    bool keepdims, all;
} over;

/* ---- the reference ------------------------------------------------------------------------------------------------------ */

static bool over_has(const over *o, uint32_t rank, uint32_t axis)
{
    bool has = o->all;
    for (size_t k = 0; k < o->n; k++)
        has = has || (uint32_t)(o->axes[k] < 0 ? o->axes[k] + (int)rank : o->axes[k]) == axis;
    return has;
}

static wg_shape over_shape(const over *o, const wg_shape *in)
{
    wg_shape out = {0};
    for (uint32_t d = 0; d < in->rank; d++) {
        if (!over_has(o, in->rank, d))
            out.dim[out.rank++] = in->dim[d];
        else if (o->keepdims)
            out.dim[out.rank++] = 1;
    }
    return out;
}

static size_t over_place(const over *o, const wg_shape *in, const wg_shape *out, size_t flat)
{
    size_t from[WG_MAX_RANK], to[WG_MAX_RANK];
    uint32_t rank = 0;
    shape_tuple(in, flat, from);
    for (uint32_t d = 0; d < in->rank; d++) {
        bool reduced = over_has(o, in->rank, d);
        if (!reduced || o->keepdims) to[rank++] = reduced ? 0 : from[d];
    }
    return shape_flat(out, to);
}

typedef enum kind { SUM, MEAN, MAX, MIN } kind;

static void reduce(array *out, const array *in, const over *o, kind what)
{
    *out = array_new(over_shape(o, &in->shape));
    array count = array_new(out->shape);
    for (size_t i = 0; i < in->size; i++) {
        size_t place = over_place(o, &in->shape, &out->shape, i);
        long double x = in->at[i], *y = &out->at[place];
        if (what <= MEAN)
            *y += x;
        else if (count.at[place] == 0 || (what == MAX ? x > *y : x < *y))
            *y = x;
        count.at[place]++;
    }
    for (size_t i = 0; i < out->size && what == MEAN; i++) out->at[i] /= count.at[i];
    array_free(&count);
}

static const over everything = {.all = true};

#define REFERENCE(name, kind)                                                                                          \
    static void reference_##name(array *out, const array *in, size_t n, const void *user)                              \
    {                                                                                                                  \
        (void)n;                                                                                                       \
        reduce(out, in, user ? (const over *)user : &everything, kind);                                                \
    }                                                                                                                  \
    static wg_var apply_##name(wg_tape *tape, const wg_var *in, size_t n, const void *user)                            \
    {                                                                                                                  \
        const over *o = user;                                                                                          \
        (void)tape, (void)n;                                                                                           \
        return wg_##name##_axes(in[0], o->axes, o->n, o->keepdims);                                                    \
    }
REFERENCE(sum, SUM)
REFERENCE(mean, MEAN)
REFERENCE(max, MAX)
REFERENCE(min, MIN)

/* ---- rows ------------------------------------------------------------------------------------------------------------------ */

#define OVER(keep, ...)                                                                                                \
    &(const over) { .axes = {__VA_ARGS__}, .n = sizeof((int[]){__VA_ARGS__}) / sizeof(int), .keepdims = keep }
#define OVER_NONE(keep)                                                                                                \
    &(const over) { .keepdims = keep }

/* What has a mean and extremes. */
#define CASES_AXES                                                                                                     \
    CASE_WITH(OVER_NONE(false), 1, SHAPE_SCALAR), CASE_WITH(OVER_NONE(true), 1, SHAPE(2, 3)),                          \
        CASE_WITH(OVER(false, 0), 1, SHAPE(1)), CASE_WITH(OVER(true, 0), 1, SHAPE(5)),                                 \
        CASE_WITH(OVER(false, 0), 1, SHAPE(2, 3)), CASE_WITH(OVER(true, 1), 1, SHAPE(2, 3)),                           \
        CASE_WITH(OVER(false, -1), 1, SHAPE(2, 3, 4)), CASE_WITH(OVER(false, 1), 1, SHAPE(2, 3, 4)),                   \
        CASE_WITH(OVER(true, 0, 1), 1, SHAPE(2, 3, 4)), CASE_WITH(OVER(false, 0, 2), 1, SHAPE(2, 3, 4)),               \
        CASE_WITH(OVER(true, -1, 0), 1, SHAPE(2, 3, 4)), CASE_WITH(OVER(false, 2, 1, 0), 1, SHAPE(2, 3, 4)),           \
        CASE_WITH(OVER(true, 0, 1, 2), 1, SHAPE(2, 3, 4)), CASE_WITH(OVER(false, 0, 2), 1, SHAPE(3, 1, 1, 2)),         \
        CASE_WITH(OVER(false, 0, 2, 4), 1, SHAPE(2, 1, 2, 1, 3, 1, 2, 2)),                                             \
        CASE_WITH(OVER(true, -1, 1, -4, 2), 1, SHAPE(2, 2, 2, 1, 3, 1, 2, 2)),                                         \
        CASE_WITH(OVER(false, 0, 2, 4, 6), 1, SHAPE(2, 2, 2, 2, 2, 2, 2, 2)),                                          \
        CASE_WITH(OVER(false, 1), 1, SHAPE(0, 3)), CASE_WITH(OVER(true, 0, 3), 1, SHAPE(2, 0, 3, 2)),                  \
        CASE_WITH(OVER(false, 0), 1, SHAPE(3, 0)), CASE_WITH(OVER(false, 0, 2), 1, SHAPE(5, 33, 7)),                   \
        CASE_WITH(OVER(false, 1), 1, SHAPE(3, 1033)), CASE_WITH(OVER(false, 0), 1, SHAPE(1033, 3)),                    \
        CASE_WITH(OVER(true, 1), 1, SHAPE(9, 40, 17))

static const row_case cases_axes[] = {CASES_AXES};
static const row_case cases_sum_axes[] = {CASES_AXES, CASE_WITH(OVER(false, 0), 1, SHAPE(0, 3)),
    CASE_WITH(OVER(true, 1), 1, SHAPE(2, 0, 3)), CASE_WITH(OVER(false, 0, 2), 1, SHAPE(2, 3, 0)),
    CASE_WITH(OVER(false, 0), 1, SHAPE(0))};
static const row_case cases_all[] = {CASE(1, SHAPE_SCALAR), CASE(1, SHAPE(1)), CASE(1, SHAPE(1, 1, 1)),
    CASE(1, SHAPE(7)), CASE(1, SHAPE(2, 3)), CASE(1, SHAPE(2, 1, 2, 1, 1, 3, 1, 2)), CASE(1, SHAPE(1033))};
static const row_case cases_sum[] = {CASE(1, SHAPE_SCALAR), CASE(1, SHAPE(1)), CASE(1, SHAPE(1, 1, 1)),
    CASE(1, SHAPE(7)), CASE(1, SHAPE(2, 3)), CASE(1, SHAPE(2, 1, 2, 1, 1, 3, 1, 2)), CASE(1, SHAPE(1033)),
    CASE(1, SHAPE(0)), CASE(1, SHAPE(2, 0, 3))};

/* A sum in blocks and pairs of up to 1033 terms. */
enum { SUMMED = 16 };
#define EXTREME .distinct = true, .reads = {ROW_READS(0) | ROW_READS_RESULT}
#define ADDED   .domain = {FROM(-2, 2)}, .roundings = SUMMED, .sum = true

static const row rows[] = {
    ROW(wg_sum, .unary = wg_sum, .reference = reference_sum, ROW_CASES(cases_sum), ADDED),
    ROW(wg_sum_axes, .apply = apply_sum, .reference = reference_sum, ROW_CASES(cases_sum_axes), ADDED),
    ROW(wg_mean, .unary = wg_mean, .reference = reference_mean, ROW_CASES(cases_all), ADDED),
    ROW(wg_mean_axes, .apply = apply_mean, .reference = reference_mean, ROW_CASES(cases_axes), ADDED),
    ROW(wg_max, .unary = wg_max, .reference = reference_max, ROW_CASES(cases_all), EXTREME),
    ROW(wg_max_axes, .apply = apply_max, .reference = reference_max, ROW_CASES(cases_axes), EXTREME),
    ROW(wg_min, .unary = wg_min, .reference = reference_min, ROW_CASES(cases_all), EXTREME),
    ROW(wg_min_axes, .apply = apply_min, .reference = reference_min, ROW_CASES(cases_axes), EXTREME),
};
enum { ROW_SUM = 1, ROW_MEAN = 3, ROW_MAX = 5, ROW_MIN = 7 };

static void test_allocations(void **state)
{
    (void)state;
    const row_case c = CASE_WITH(OVER(false, 0, 2), 1, SHAPE(40, 3, 50));
    for (size_t i = ROW_SUM; i <= ROW_MIN; i += 2) row_fail_allocations(&rows[i], &c);
}

/* ---- extremes: ties, NaN, infinities ---------------------------------------------------------------------------------------- */

typedef struct extreme {
    wg_var (*op)(wg_var, const int *, size_t, bool);
    double sign;
} extreme;
static const extreme extremes[] = {{wg_max_axes, 1}, {wg_min_axes, -1}};

/* The gradient of an extreme over the last axis, swept and recorded. */
static void expect_shares(const extreme *e, wg_dtype dtype, const double *x, const double *g, const double *expected,
    size_t rows_of, size_t n)
{
    for (int keepdims = 0; keepdims < 2; keepdims++) {
        wg_tape *tape = wg_tape_new(dtype);
        wg_shape in = WG_DIMS(rows_of, n), out = keepdims ? WG_DIMS(rows_of, 1) : WG_DIMS(rows_of);
        wg_var leaf = wg_variable_f64(tape, in, x), cotangent = wg_constant_f64(tape, out, g), grad;
        wg_var y = e->op(wg_mul(leaf, wg_scalar(tape, e->sign)), WG_AXES(-1), keepdims);
        assert_int_equal(wg_backward_from(y, wg_value(cotangent)), WG_OK);
        assert_int_equal(wg_vjp(y, cotangent, &leaf, 1, &grad), WG_OK);
        for (size_t i = 0; i < rows_of * n; i++) {
            double right = dtype == WG_F64 ? e->sign * expected[i] : (double)(float)(e->sign * expected[i]);
            if (!point_same(wg_grad_at(leaf, i), right) || !point_same(wg_at(grad, i), right))
                fail_msg(
                    "element %zu: swept %g, recorded %g, expected %g", i, wg_grad_at(leaf, i), wg_at(grad, i), right);
        }
        wg_tape_free(tape);
    }
}

static void test_ties(void **state)
{
    (void)state;
    const double x[] = {1, 3, 2, 3, /**/ 5, 5, 5, 5, /**/ 0.0, -0.0, -1, -2, /**/ 1, 2, 3, 4};
    const double g[] = {6, 8, -2, 0.5};
    const double expected[] = {0, 3, 0, 3, /**/ 2, 2, 2, 2, /**/ -1, -1, 0, 0, /**/ 0, 0, 0, 0.5};
    for (int way = 0; way < 4; way++)
        expect_shares(&extremes[way & 1], way & 2 ? WG_F64 : WG_F32, x, g, expected, 4, 4);
}

/* Infinite and NaN cotangents go to the tied alone, and the others get exact zeros. */
static void test_cotangents_not_finite(void **state)
{
    (void)state;
    const double inf = (double)INFINITY, nan = (double)NAN;
    const double x[] = {1, 3, 2, /**/ 7, 5, 7, /**/ inf, 0, -inf}, g[] = {inf, -inf, nan};
    const double expected[] = {0, inf, 0, /**/ -inf, 0, -inf, /**/ nan, 0, 0};
    for (int way = 0; way < 4; way++)
        expect_shares(&extremes[way & 1], way & 2 ? WG_F64 : WG_F32, x, g, expected, 3, 3);
}

static void test_nan(void **state)
{
    (void)state;
    for (int way = 0; way < 4; way++)
        for (size_t place = 0; place < 6; place++) {
            double x[6] = {1, 2, 3, 4, 5, 6};
            x[place] = (double)NAN;
            wg_tape *tape = wg_tape_new(way & 1 ? WG_F64 : WG_F32);
            wg_var leaf = wg_constant_f64(tape, WG_DIMS(2, 3), x);
            wg_var y = extremes[way >> 1].op(leaf, WG_AXES(1), false);
            for (size_t i = 0; i < 2; i++) assert_true(!isnan(wg_at(y, i)) == (i != place / 3));
            assert_true(isnan(wg_item(way >> 1 ? wg_min(leaf) : wg_max(leaf))));
            wg_tape_free(tape);
        }
}

/* The gradient of a maximum is constant between ties: its derivative is zero, and that with respect to g is the share. */
static void test_order_2_at_ties(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(3), ((double[]){2, 1, 2})), g = wg_scalar_variable(tape, 3), grad;
    assert_int_equal(wg_vjp(wg_max(x), g, &x, 1, &grad), WG_OK);
    assert_int_equal(wg_backward_from(grad, (double[]){10, 100, 30}), WG_OK);
    for (size_t i = 0; i < 3; i++) assert_true(wg_grad_at(x, i) == 0);
    assert_true(wg_grad_at(g, 0) == 20);
    wg_tape_free(tape);
}

/* ---- sums ---------------------------------------------------------------------------------------------------------------- */

/* One by one, a float sum of ones stops at 2^24. The gradient of a number that was stretched is such a sum too. */
static void test_many_ones(void **state)
{
    (void)state;
    size_t n = ((size_t)1 << 24) + 4;
    wg_tape *tape = wg_tape_new(WG_F32);
    wg_var one = wg_scalar_variable(tape, 1), ones = wg_broadcast_to(one, WG_DIMS(n)), sum = wg_sum(ones);
    assert_true(wg_item(sum) == (double)n);
    assert_true(wg_item(wg_mean(ones)) == 1);
    assert_int_equal(wg_backward(sum), WG_OK);
    assert_true(wg_grad_at(one, 0) == (double)n);
    assert_true(wg_item(wg_sum_to(ones, WG_SCALAR)) == (double)n);
    assert_int_equal(wg_tape_status(tape), WG_OK);
    wg_tape_free(tape);
}

/* A mean is one division: of three ones it is 1, of 0.1 in float it is 0.1 to a rounding. */
static void test_mean_divides(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(3), ((double[]){1, 1, 1})), grad;
    assert_true(wg_item(wg_mean(x)) == 1);
    assert_int_equal(wg_backward(wg_mean(x)), WG_OK);
    assert_int_equal(wg_gradients(wg_mean(x), &x, 1, &grad), WG_OK);
    for (size_t i = 0; i < 3; i++) {
        assert_true(wg_grad_at(x, i) == 1.0 / 3);
        assert_true(wg_at(grad, i) == 1.0 / 3);
    }
    wg_tape_free(tape);
}

/* ---- nothing, axes, errors ----------------------------------------------------------------------------------------------- */

typedef struct reduction {
    const char *name;
    wg_var (*all)(wg_var);
    wg_var (*axes)(wg_var, const int *, size_t, bool);
    bool of_nothing;
} reduction;
static const reduction reductions[] = {{"sum", wg_sum, wg_sum_axes, true}, {"mean", wg_mean, wg_mean_axes, false},
    {"max", wg_max, wg_max_axes, false}, {"min", wg_min, wg_min_axes, false}};
enum { REDUCTIONS = sizeof reductions / sizeof *reductions };

static void test_of_nothing(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var nothing = wg_name(wg_variable(tape, WG_DIMS(2, 0, 3), (double *)NULL), "nothing");
    wg_var both = wg_variable(tape, WG_DIMS(0, 0), (double *)NULL);
    for (size_t i = 0; i < REDUCTIONS; i++) {
        const reduction *r = &reductions[i];
        wg_var all = r->all(nothing), some;
        if (r->of_nothing) {
            assert_true(wg_item(all) == 0);
            some = r->axes(nothing, WG_AXES(1), false);
            for (size_t k = 0; k < 6; k++) assert_true(wg_at(some, k) == 0);
        } else {
            point_expect_error(tape, WG_ERROR_SHAPE, r->name, "nothing (2,0,3)", NULL);
            some = r->axes(nothing, WG_AXES(1), true);
            point_expect_error(tape, WG_ERROR_SHAPE, r->name, "nothing (2,0,3)", NULL);
            assert_false(wg_ok(all) || wg_ok(some));
        }
        /* where the result has no elements either, nothing is missing */
        wg_var still = r->axes(nothing, WG_AXES(0), false), square = r->axes(both, WG_AXES(0), false);
        assert_true(wg_ok(still) && wg_size(still) == 0 && wg_ok(square) && wg_size(square) == 0);
        assert_int_equal(wg_backward_from(still, (double[]){0}), WG_OK);
        assert_int_equal(wg_backward_from(square, (double[]){0}), WG_OK);
    }
    wg_tape_free(tape);
}

static void test_axes(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F32);
    wg_var w = wg_name(wg_variable(tape, WG_DIMS(2, 3), (float *)NULL), "W"), one = wg_scalar_variable(tape, 1);
    wg_var indices = wg_indices(tape, WG_DIMS(2), NULL);
    wg_stats before, after;
    wg_tape_stats(tape, &before);
    for (size_t i = 0; i < REDUCTIONS; i++) {
        const reduction *r = &reductions[i];
        r->axes(w, WG_AXES(2), false);
        point_expect_error(tape, WG_ERROR_SHAPE, r->name, "axis 2", "out of range", "W (2,3)", NULL);
        r->axes(w, WG_AXES(0, -3), false);
        point_expect_error(tape, WG_ERROR_SHAPE, r->name, "axis -3", "out of range", "W (2,3)", NULL);
        r->axes(w, WG_AXES(0, -2), true);
        point_expect_error(tape, WG_ERROR_SHAPE, r->name, "axis -2", "twice", "W (2,3)", NULL);
        r->axes(w, WG_AXES(1, 0, 1), true);
        point_expect_error(tape, WG_ERROR_SHAPE, r->name, "axis 1", "twice", NULL);
        r->axes(w, WG_AXES(INT32_MIN), true);
        point_expect_error(tape, WG_ERROR_SHAPE, r->name, "out of range", NULL);
        r->axes(one, WG_AXES(0), false);
        point_expect_error(tape, WG_ERROR_SHAPE, r->name, "axis 0", NULL);
        r->axes(w, NULL, 1, false);
        point_expect_error(tape, WG_ERROR_ARGUMENT, r->name, "NULL", NULL);
        r->all(indices);
        point_expect_error(tape, WG_ERROR_ARGUMENT, r->name, "indices", NULL);
        r->axes(indices, WG_AXES(0), false);
        point_expect_error(tape, WG_ERROR_ARGUMENT, r->name, "indices", NULL);
        r->axes((wg_var){tape, UINT32_MAX, 0}, WG_AXES(7), false);
        point_expect_error(tape, WG_ERROR_ARGUMENT, r->name, "invalid", NULL);
        assert_null(r->all((wg_var){0}).tape);
        assert_null(r->axes((wg_var){0}, WG_AXES(0), false).tape);
    }
    wg_tape_stats(tape, &after);
    assert_int_equal(before.nodes, after.nodes);
    wg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations),
        cmocka_unit_test(test_ties),
        cmocka_unit_test(test_cotangents_not_finite),
        cmocka_unit_test(test_nan),
        cmocka_unit_test(test_order_2_at_ties),
        cmocka_unit_test(test_many_ones),
        cmocka_unit_test(test_mean_divides),
        cmocka_unit_test(test_of_nothing),
        cmocka_unit_test(test_axes),
    };
    return row_main("ops/reduce", rows, sizeof rows / sizeof *rows, tests, sizeof tests / sizeof *tests);
}
