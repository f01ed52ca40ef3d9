/* Cross-entropy and the negative log-likelihood. The reference makes the weighted, smoothed labels of every position and
 * takes -sum label log softmax, in long double. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "support/point.h"

/* What a case asks for. Inputs are the logits; then probabilities, unless `at` holds indices; then weights. */
typedef struct ask {
    int axis;
    wg_reduction reduction;
    const int64_t *at;
    bool weighted, ignores, nll;
    int64_t ignored;
    double smoothing;
} ask;

static uint32_t ask_axis(const ask *a, wg_shape whole)
{
    return (uint32_t)(a->axis < 0 ? a->axis + (int)whole.rank : a->axis);
}

static wg_shape ask_positions(const ask *a, wg_shape whole)
{
    wg_shape shape = {.rank = 0};
    for (uint32_t k = 0; k < whole.rank; k++)
        if (k != ask_axis(a, whole)) shape.dim[shape.rank++] = whole.dim[k];
    return shape;
}

/* The place of class c of position p in the whole. */
static size_t ask_place(const ask *a, const wg_shape *whole, size_t p, size_t c)
{
    wg_shape positions = ask_positions(a, *whole);
    uint32_t axis = ask_axis(a, *whole);
    size_t from[WG_MAX_RANK], to[WG_MAX_RANK];
    shape_tuple(&positions, p, from);
    for (uint32_t k = 0; k < whole->rank; k++) to[k] = k == axis ? c : from[k < axis ? k : k - 1];
    return shape_flat(whole, to);
}

static void reference(array *out, const array *in, size_t n, const void *user)
{
    const ask *a = user;
    wg_shape whole = in[0].shape, positions = ask_positions(a, whole);
    size_t count = shape_size(&positions), classes = whole.dim[ask_axis(a, whole)];
    const array *weights = a->weighted ? &in[n - 1] : NULL;
    long double sum = 0, divisor = 0;
    for (size_t p = 0; p < count; p++) {
        long double total = 0, most = 0;
        bool ignored = a->at && a->ignores && a->at[p] == a->ignored;
        for (size_t c = 0; c < classes; c++)
            if (c == 0 || in[0].at[ask_place(a, &whole, p, c)] > most) most = in[0].at[ask_place(a, &whole, p, c)];
        for (size_t c = 0; c < classes; c++) total += expl(in[0].at[ask_place(a, &whole, p, c)] - most);
        for (size_t c = 0; c < classes && !ignored; c++) {
            size_t place = ask_place(a, &whole, p, c);
            long double label = a->at ? (size_t)a->at[p] == c : in[1].at[place];
            label = (1 - (long double)a->smoothing) * label + (long double)a->smoothing / (long double)classes;
            if (weights) label *= weights->at[c];
            long double x = in[0].at[place];
            sum += label * (a->nll ? -x : most - x + logl(total));
        }
        if (!ignored) divisor += a->at && weights ? weights->at[a->at[p]] : 1;
    }
    if (a->reduction == WG_SUM) divisor = 1;
    if (a->reduction == WG_BATCH_MEAN) divisor = (long double)count;
    *out = array_new(WG_SCALAR);
    out->at[0] = sum / divisor;
}

static wg_var apply(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    const ask *a = user;
    if (!wg_ok(in[0])) return in[0];
    wg_var target = a->at ? wg_indices(tape, ask_positions(a, wg_shape_of(in[0])), a->at) : in[1];
    if (a->nll) return wg_nll(in[0], target, a->axis, a->reduction);
    wg_cross_entropy_options options = {
        .ignores = a->ignores, .ignore_index = a->ignored, .label_smoothing = a->smoothing};
    if (a->weighted) options.weights = in[n - 1];
    bool plain = !a->weighted && !a->ignores && a->smoothing == 0;
    return plain ? wg_cross_entropy(in[0], target, a->axis, a->reduction)
                 : wg_cross_entropy_with(in[0], target, a->axis, a->reduction, &options);
}

/* ---- rows ---------------------------------------------------------------------------------------------------------------- */

#define AT(...)                                                                                                        \
    (const int64_t[]) { __VA_ARGS__ }
#define ASK(axis_, reduction_, ...)                                                                                    \
    &(const ask) { .axis = axis_, .reduction = reduction_, __VA_ARGS__ }
#define SIX .at = AT(1, 0, 2, 2, 1, 1)

static int64_t many[150];

static const row_case cases_indices[] = {
    CASE_WITH(ASK(0, WG_MEAN, .at = AT(2)), 1, SHAPE(4)),
    CASE_WITH(ASK(0, WG_SUM, .at = AT(0)), 1, SHAPE(1)),
    CASE_WITH(ASK(-1, WG_MEAN, SIX), 1, SHAPE(6, 3)),
    CASE_WITH(ASK(0, WG_MEAN, SIX), 1, SHAPE(3, 6)),
    CASE_WITH(ASK(0, WG_BATCH_MEAN, SIX), 1, SHAPE(4, 6)),
    CASE_WITH(ASK(1, WG_BATCH_MEAN, SIX), 1, SHAPE(6, 4)),
    CASE_WITH(ASK(1, WG_SUM, SIX), 1, SHAPE(2, 4, 3)),
    CASE_WITH(ASK(1, WG_SUM, SIX), 1, SHAPE(0, 4)),
    CASE_WITH(ASK(0, WG_SUM, SIX), 1, SHAPE(0, 0)),
    CASE_WITH(ASK(0, WG_MEAN, .at = many), 1, SHAPE(3, 150)),
    CASE_WITH(ASK(1, WG_MEAN, .at = many), 1, SHAPE(150, 3)),
    CASE_WITH(ASK(1, WG_SUM, .at = AT(64, 0, 3)), 1, SHAPE(3, 65)),
    CASE_WITH(ASK(4, WG_MEAN, SIX), 1, SHAPE(2, 1, 3, 1, 3, 1, 1, 1)),
    CASE_WITH(ASK(1, WG_MEAN, .at = AT(330, 100)), 1, SHAPE(2, 333)),
};
static const row_case cases_nll[] = {
    CASE_WITH(ASK(0, WG_MEAN, .nll = true, .at = AT(2)), 1, SHAPE(4)),
    CASE_WITH(ASK(1, WG_MEAN, .nll = true, SIX), 1, SHAPE(6, 3)),
    CASE_WITH(ASK(0, WG_BATCH_MEAN, .nll = true, SIX), 1, SHAPE(3, 6)),
    CASE_WITH(ASK(-2, WG_SUM, .nll = true, SIX), 1, SHAPE(2, 4, 3)),
    CASE_WITH(ASK(1, WG_SUM, .nll = true, SIX), 1, SHAPE(0, 4)),
};
static const row_case cases_ignoring[] = {
    CASE_WITH(ASK(1, WG_MEAN, .ignores = true, .ignored = -100, .at = AT(1, 0, -100, 2, -100, 1)), 1, SHAPE(6, 3)),
    CASE_WITH(ASK(0, WG_MEAN, .ignores = true, .ignored = 1, SIX), 1, SHAPE(3, 6)),
    CASE_WITH(ASK(1, WG_BATCH_MEAN, .ignores = true, .ignored = 1, SIX), 1, SHAPE(6, 3)),
    CASE_WITH(ASK(1, WG_SUM, .ignores = true, .ignored = 7, .at = AT(7, 7)), 1, SHAPE(2, 3)),
    CASE_WITH(ASK(1, WG_SUM, .ignores = true, .ignored = 7, .at = AT(7, 7)), 1, SHAPE(2, 0)),
    CASE_WITH(
        ASK(1, WG_MEAN, .ignores = true, .ignored = -1, .smoothing = 0.25, .at = AT(1, -1, 0, 2)), 1, SHAPE(4, 3)),
    CASE_WITH(ASK(0, WG_SUM, .smoothing = 1, SIX), 1, SHAPE(3, 6)),
    CASE_WITH(ASK(1, WG_BATCH_MEAN, .smoothing = 0.125, SIX), 1, SHAPE(6, 3)),
};
static const row_case cases_weighted[] = {
    CASE_WITH(ASK(1, WG_MEAN, .weighted = true, SIX), 2, SHAPE(6, 3), SHAPE(3)),
    CASE_WITH(ASK(0, WG_MEAN, .weighted = true, SIX), 2, SHAPE(3, 6), SHAPE(3)),
    CASE_WITH(ASK(1, WG_SUM, .weighted = true, SIX), 2, SHAPE(2, 4, 3), SHAPE(4)),
    CASE_WITH(ASK(0, WG_BATCH_MEAN, .weighted = true, SIX), 2, SHAPE(3, 6), SHAPE(3)),
    CASE_WITH(ASK(1, WG_MEAN, .weighted = true, .ignores = true, .ignored = 1, SIX), 2, SHAPE(6, 3), SHAPE(3)),
    CASE_WITH(ASK(1, WG_MEAN, .weighted = true, .ignores = true, .ignored = 1, .smoothing = 0.25, SIX), 2, SHAPE(6, 3),
        SHAPE(3)),
    CASE_WITH(ASK(0, WG_MEAN, .weighted = true, .smoothing = 0.25, SIX), 2, SHAPE(3, 6), SHAPE(3)),
};
static const row_case cases_probabilities[] = {
    CASE_WITH(ASK(0, WG_MEAN, .at = NULL), 2, SHAPE(4), SHAPE(4)),
    CASE_WITH(ASK(1, WG_MEAN, .at = NULL), 2, SHAPE(3, 4), SHAPE(3, 4)),
    CASE_WITH(ASK(0, WG_BATCH_MEAN, .at = NULL), 2, SHAPE(3, 4), SHAPE(3, 4)),
    CASE_WITH(ASK(-2, WG_SUM, .at = NULL), 2, SHAPE(2, 3, 2), SHAPE(2, 3, 2)),
    CASE_WITH(ASK(0, WG_SUM, .at = NULL), 2, SHAPE(3, 150), SHAPE(3, 150)),
    CASE_WITH(ASK(1, WG_SUM, .at = NULL), 2, SHAPE(150, 3), SHAPE(150, 3)),
    CASE_WITH(ASK(1, WG_MEAN, .at = NULL), 2, SHAPE(2, 70), SHAPE(2, 70)),
    CASE_WITH(ASK(1, WG_MEAN, .at = NULL), 2, SHAPE(2, 0), SHAPE(2, 0)),
    CASE_WITH(ASK(0, WG_SUM, .at = NULL), 2, SHAPE(2, 0), SHAPE(2, 0)),
    CASE_WITH(ASK(1, WG_MEAN, .smoothing = 0.25), 2, SHAPE(3, 4), SHAPE(3, 4)),
    CASE_WITH(ASK(1, WG_MEAN, .smoothing = 0.25, .weighted = true), 3, SHAPE(3, 4), SHAPE(3, 4), SHAPE(4)),
    CASE_WITH(ASK(1, WG_MEAN, .weighted = true), 3, SHAPE(2, 3, 2), SHAPE(2, 3, 2), SHAPE(3)),
};

#define HOW .apply = apply, .reference = reference, .composite = true, .roundings = 24
static const row rows[] = {
    ROW(wg_cross_entropy, HOW, ROW_CASES(cases_indices), .domain = {FROM(-2, 2)}, .reads = {1}),
    ROW(wg_nll, HOW, ROW_CASES(cases_nll), .domain = {FROM(-3, -1)}),
    ROW(wg_cross_entropy_with, HOW, ROW_CASES(cases_ignoring), .domain = {FROM(-2, 2)}, .reads = {1}),
    ROW(wg_cross_entropy_with, HOW, ROW_CASES(cases_weighted), .domain = {FROM(-2, 2), FROM(0.5, 1.5)}, .pieces = true,
        .reads = {3, 3 | ROW_READS_RESULT}),
    ROW(wg_cross_entropy, HOW, ROW_CASES(cases_probabilities), .domain = {FROM(0, 1), FROM(0.125, 1), FROM(0.5, 1.5)},
        .pieces = true, .reads = {7, 7, 7}),
};

static void test_allocations(void **state)
{
    (void)state;
    row_fail_allocations(&rows[0], &cases_indices[3]);
    row_fail_allocations(&rows[1], &cases_nll[1]);
    row_fail_allocations(&rows[3], &cases_weighted[5]);
    row_fail_allocations(&rows[4], &cases_probabilities[8]);
}

/* ---- tails and infinities -------------------------------------------------------------------------------------------------- */

static void expect_near(double got, double expected, double relative)
{
    if (!(fabs(got - expected) <= relative * fabs(expected))) fail_msg("%.17g, expected %.17g", got, expected);
}

/* Of logits (0, d), d far below 0: the loss of class 0 is e^d, its slopes (-e^d, e^d), its curvature e^d; of class 1 -d, and
 * (1, -1). By index and by probabilities, along rows and columns. */
static void test_tails(void **state)
{
    (void)state;
    for (int way = 0; way < 8; way++)
        for (double d = -40; d >= -640; d *= 2) {
            bool column = way & 1, soft = way & 2, wrong = way & 4;
            double e = exp(d);
            wg_tape *tape = wg_tape_new(WG_F64);
            wg_shape shape = column ? WG_DIMS(2, 1) : WG_DIMS(1, 2);
            wg_var x = wg_variable(tape, shape, ((double[]){0, d})), slope, curvature;
            wg_var target = soft ? wg_constant(tape, shape, ((double[]){!wrong, wrong}))
                                 : wg_indices(tape, WG_DIMS(1), (int64_t[]){wrong});
            wg_var loss = wg_cross_entropy(x, target, column ? 0 : 1, WG_MEAN);
            assert_int_equal(wg_gradients(loss, &x, 1, &slope), WG_OK);
            assert_int_equal(
                wg_gradients(wg_sum(wg_slice(wg_reshape(slope, WG_DIMS(2)), 0, 0, 1, 1)), &x, 1, &curvature), WG_OK);
            assert_int_equal(wg_backward(loss), WG_OK);
            expect_near(wg_item(loss), wrong ? -d : e, 4e-16);
            for (size_t i = 0; i < 2; i++) {
                double sign = i ? -1 : 1;
                expect_near(wg_grad_at(x, i), wrong ? sign : -sign * e, 1e-15);
                expect_near(wg_at(slope, i), wrong ? sign : -sign * e, 1e-15);
                expect_near(wg_at(curvature, i), sign * e, 1e-15);
            }
            wg_tape_free(tape);
        }
}

#define INF (double)INFINITY

/* Masked logits, a certain one, and NaN: as log_softmax has them. A masked class with probability 0 disturbs nothing. */
static const double logits_infinite[6][3] = {
    {-INF, 1, 1}, {-INF, 1, 1}, {0, INF, 0}, {0, INF, 0}, {-INF, -INF, -INF}, {0, NAN, 1}};
static const int64_t classes_infinite[6] = {1, 0, 1, 2, 0, 0};

/* Row r; of n classes those beyond 3 are masked. */
static void check_infinities(int way, size_t r, size_t n)
{
    const double losses[6] = {0.69314718055994530942, INF, 0, INF, INF, NAN};
    const double slopes[6][3] = {{0, -0.5, 0.5}, {-1, 0.5, 0.5}, {0, 0, 0}, {0, 1, -1}, {-1, 0, 0}, {NAN, NAN, NAN}};
    bool soft = way & 1, column = way & 2;
    wg_tape *tape = wg_tape_new(way & 4 ? WG_F64 : WG_F32);
    array x = array_new(column ? WG_DIMS(n, 1) : WG_DIMS(1, n)), t = array_new(x.shape);
    for (size_t i = 0; i < n; i++) x.at[i] = (long double)(i < 3 ? logits_infinite[r][i] : -INF);
    t.at[classes_infinite[r]] = 1;
    wg_var leaf = array_leaf(tape, &x, true), grad;
    wg_var target = soft ? array_leaf(tape, &t, false) : wg_indices(tape, WG_DIMS(1), &classes_infinite[r]);
    wg_var loss = wg_cross_entropy(leaf, target, column ? 0 : 1, WG_MEAN);
    assert_int_equal(wg_gradients(loss, &leaf, 1, &grad), WG_OK);
    assert_int_equal(wg_backward(loss), WG_OK);
    if (isfinite(losses[r]))
        assert_true(fabs(wg_item(loss) - losses[r]) <= 1e-7);
    else
        assert_true(point_same(wg_item(loss), losses[r]));
    for (size_t i = 0; i < n; i++) {
        double slope = i < 3 ? slopes[r][i] : isnan(losses[r]) ? NAN : 0;
        if (!point_same(wg_grad_at(leaf, i), slope) || !point_same(wg_at(grad, i), slope))
            fail_msg("row %zu of %zu, way %d, element %zu: %g and %g, expected %g", r, n, way, i, wg_grad_at(leaf, i),
                wg_at(grad, i), slope);
    }
    array_free(&x);
    array_free(&t);
    wg_tape_free(tape);
}

static void test_infinities(void **state)
{
    (void)state;
    for (int way = 0; way < 8; way++)
        for (size_t r = 0; r < 6; r++) {
            check_infinities(way, r, 3);
            check_infinities(way, r, 40);
            check_infinities(way, r, 130);
        }
}

/* An ignored position may hold anything: its gradient is zero, to order 2. */
static void test_ignored_nan(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(2, 2), ((double[]){NAN, INF, 0, 0})), grad;
    wg_cross_entropy_options options = {.ignores = true, .ignore_index = -100};
    wg_var loss = wg_cross_entropy_with(x, wg_indices(tape, WG_DIMS(2), AT(-100, 1)), 1, WG_MEAN, &options);
    expect_near(wg_item(loss), log(2.0), 1e-15);
    assert_int_equal(wg_gradients(loss, &x, 1, &grad), WG_OK);
    assert_int_equal(wg_backward_from(grad, ((double[]){3, 4, 1, 0})), WG_OK);
    const double first[] = {0, 0, 0.5, -0.5}, second[] = {0, 0, 0.25, -0.25};
    for (size_t i = 0; i < 4; i++) assert_true(wg_at(grad, i) == first[i] && wg_grad_at(x, i) == second[i]);
    wg_tape_free(tape);
}

/* ---- the fused against what it is made of ------------------------------------------------------------------------------------ */

/* To order 3, of logits that an op made: gradients of sums of squares of gradients. */
static void test_parts(void **state)
{
    (void)state;
    for (int way = 0; way < 4; way++) {
        bool soft = way & 1, column = way & 2;
        int axis = column ? 0 : 1;
        wg_tape *tape = wg_tape_new(WG_F64);
        wg_shape shape = column ? WG_DIMS(3, 2) : WG_DIMS(2, 3);
        wg_var x = wg_variable(tape, shape, ((double[]){0.5, -1, 2, 1.5, 0.25, -2})), z = wg_mul(x, wg_tanh(x));
        wg_var y = wg_indices(tape, WG_DIMS(2), AT(2, 1)), hot = wg_one_hot(y, 3);
        if (column) hot = wg_transpose(hot);
        wg_var labels = soft ? wg_add(wg_mul(hot, wg_scalar(tape, 0.5)), wg_softmax(wg_sin(x), axis)) : hot;
        wg_var product = wg_mul(labels, wg_log_softmax(z, axis));
        wg_var plain = wg_div(wg_neg(wg_sum(product)), wg_scalar(tape, 2));
        wg_var f[] = {wg_cross_entropy(z, soft ? labels : y, axis, WG_MEAN), plain};
        for (int order = 1; order <= 3; order++) {
            wg_var grad[2];
            for (size_t k = 0; k < 2; k++) assert_int_equal(wg_gradients(f[k], &x, 1, &grad[k]), WG_OK);
            for (size_t i = 0; i < 6; i++)
                assert_true(fabs(wg_at(grad[0], i) - wg_at(grad[1], i)) <= 1e-13 * (1 + fabs(wg_at(grad[1], i))));
            for (size_t k = 0; k < 2; k++) f[k] = wg_sum(wg_square(grad[k]));
        }
        wg_tape_free(tape);
    }
}

/* A loss of a hundred classes and many positions holds no array of the logits' size. */
static void test_memory(void **state)
{
    (void)state;
    for (int axis = 0; axis <= 1; axis++) {
        wg_tape *tape = wg_tape_new(WG_F32);
        wg_var x = wg_constant_f32(tape, axis ? WG_DIMS(1000, 100) : WG_DIMS(100, 1000), NULL);
        wg_var y = wg_indices(tape, WG_DIMS(1000), NULL);
        wg_stats before, after;
        wg_tape_stats(tape, &before);
        expect_near(wg_item(wg_cross_entropy(x, y, axis, WG_MEAN)), log(100), 1e-6);
        wg_tape_stats(tape, &after);
        assert_true(after.bytes_peak - before.bytes_in_use < 150000); /* of 400,000 */
        wg_tape_free(tape);
    }
}

/* ---- replays ----------------------------------------------------------------------------------------------------------------- */

/* New targets, new ignored ones, one out of range, and none left. */
static void test_replay(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(3, 2), ((double[]){0, 0, 0, 0, 0, 0}));
    wg_var y = wg_name(wg_indices(tape, WG_DIMS(3), AT(0, 1, -1)), "y");
    wg_cross_entropy_options options = {.ignores = true, .ignore_index = -1};
    wg_var loss = wg_cross_entropy_with(x, y, 1, WG_MEAN, &options);
    assert_int_equal(wg_backward(loss), WG_OK);
    assert_true(wg_grad_at(x, 0) == -0.25 && wg_grad_at(x, 5) == 0);
    wg_set_indices(y, AT(-1, -1, 1));
    assert_int_equal(wg_tape_replay(tape), WG_OK);
    wg_zero_grad(tape);
    assert_int_equal(wg_backward(loss), WG_OK);
    assert_true(wg_grad_at(x, 0) == 0 && wg_grad_at(x, 5) == -0.5 && wg_grad_at(x, 4) == 0.5);
    wg_set_indices(y, AT(0, 2, 0));
    assert_int_equal(wg_tape_replay(tape), WG_ERROR_ARGUMENT);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "cross_entropy", "element 1", "y (3)", "is 2", "2 classes", NULL);
    wg_set_indices(y, AT(-1, -1, -1));
    assert_int_equal(wg_tape_replay(tape), WG_ERROR_ARGUMENT);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "cross_entropy", "every target", "y (3)", NULL);
    wg_tape_free(tape);
}

/* ---- errors ------------------------------------------------------------------------------------------------------------------ */

static void test_errors(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F32), *other = wg_tape_new(WG_F32);
    wg_var x = wg_name(wg_variable_f32(tape, WG_DIMS(2, 3), NULL), "x"),
           cube = wg_constant_f32(tape, WG_DIMS(2, 3, 4), NULL);
    wg_var y = wg_name(wg_indices(tape, WG_DIMS(2), NULL), "y"), three = wg_indices(tape, WG_DIMS(3), AT(0, -1, 3));
    wg_var none = wg_constant_f32(tape, WG_DIMS(0, 3), NULL), nobody = wg_indices(tape, WG_DIMS(0), NULL);
    wg_var w = wg_name(wg_constant_f32(tape, WG_DIMS(3), NULL), "w"), far = wg_indices(other, WG_DIMS(2), NULL);
    wg_var ys = wg_indices(tape, WG_DIMS(2, 4), NULL);
    wg_stats before, after;
    wg_tape_stats(tape, &before);
    wg_cross_entropy(x, y, 0, WG_MEAN);
    point_expect_error(tape, WG_ERROR_SHAPE, "cross_entropy", "target y (2)", "(3)", "axis 0", "x (2,3)", NULL);
    wg_cross_entropy(x, w, 1, WG_MEAN);
    point_expect_error(tape, WG_ERROR_SHAPE, "cross_entropy", "target w (3)", "(2,3)", NULL);
    wg_cross_entropy(x, y, 2, WG_MEAN);
    point_expect_error(tape, WG_ERROR_SHAPE, "cross_entropy", "axis 2", "x (2,3)", NULL);
    wg_cross_entropy(wg_reshape(wg_slice(x, 0, 0, 1, 1), WG_DIMS(3)), three, 0, WG_MEAN);
    point_expect_error(tape, WG_ERROR_SHAPE, "cross_entropy", "()", NULL);
    wg_tape_stats(tape, &before);
    wg_cross_entropy(x, three, 0, WG_MEAN);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "cross_entropy", "element 1", "(3)", "is -1", "2 classes", NULL);
    wg_nll(x, three, 0, WG_MEAN);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "nll", "element 1", "is -1", "2 classes", NULL);
    wg_cross_entropy(none, nobody, 1, WG_MEAN);
    point_expect_error(tape, WG_ERROR_SHAPE, "cross_entropy", "mean over nothing", "(0,3)", NULL);
    wg_cross_entropy(none, nobody, 1, WG_BATCH_MEAN);
    point_expect_error(tape, WG_ERROR_SHAPE, "cross_entropy", "mean over nothing", NULL);
    wg_cross_entropy(cube, ys, 1, WG_BATCH_MEAN);
    point_expect_error(tape, WG_ERROR_SHAPE, "cross_entropy", "WG_BATCH_MEAN", "(2,3,4)", NULL);
    wg_cross_entropy(x, y, 1, (wg_reduction)8);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "cross_entropy", "8", NULL);
    wg_cross_entropy(y, y, 0, WG_MEAN);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "cross_entropy", "argument 1", "indices", NULL);
    wg_cross_entropy(x, far, 1, WG_MEAN);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "cross_entropy", "argument 2", NULL);
    point_expect_error(other, WG_ERROR_ARGUMENT, "cross_entropy", NULL);
    wg_nll(x, x, 1, WG_MEAN);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "nll", "argument 2", "numbers where indices", NULL);
    wg_nll(x, y, 0, WG_MEAN);
    point_expect_error(tape, WG_ERROR_SHAPE, "nll", "target y (2)", NULL);
    wg_cross_entropy((wg_var){0}, y, 1, WG_MEAN);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "cross_entropy", "argument 1", NULL);
    assert_null(wg_cross_entropy((wg_var){0}, (wg_var){0}, 1, WG_MEAN).tape);
    assert_null(wg_nll((wg_var){0}, (wg_var){0}, 1, WG_MEAN).tape);
    wg_tape_stats(tape, &after);
    assert_int_equal(before.nodes, after.nodes);
    wg_tape_free(tape);
    wg_tape_free(other);
}

static void test_option_errors(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F32);
    wg_var x = wg_name(wg_variable_f32(tape, WG_DIMS(2, 3), NULL), "x"), y = wg_indices(tape, WG_DIMS(2), NULL);
    wg_var w = wg_name(wg_constant_f32(tape, WG_DIMS(2), NULL), "w"), zeros = wg_constant_f32(tape, WG_DIMS(3), NULL);
    wg_stats before, after;
    wg_tape_stats(tape, &before);
    wg_cross_entropy_with(x, y, 1, WG_MEAN, &(wg_cross_entropy_options){.weights = w});
    point_expect_error(tape, WG_ERROR_SHAPE, "cross_entropy", "weights w (2)", "3 classes", "x (2,3)", NULL);
    wg_cross_entropy_with(x, y, 1, WG_MEAN, &(wg_cross_entropy_options){.weights = x});
    point_expect_error(tape, WG_ERROR_SHAPE, "cross_entropy", "weights x (2,3)", NULL);
    wg_cross_entropy_with(x, y, 1, WG_MEAN, &(wg_cross_entropy_options){.weights = y});
    point_expect_error(tape, WG_ERROR_ARGUMENT, "cross_entropy", "argument 3", "indices", NULL);
    wg_cross_entropy_with(x, y, 1, WG_MEAN, &(wg_cross_entropy_options){.weights = zeros});
    point_expect_error(tape, WG_ERROR_ARGUMENT, "cross_entropy", "sum to 0", NULL);
    wg_cross_entropy_with(x, y, 1, WG_MEAN, &(wg_cross_entropy_options){.ignores = true});
    point_expect_error(tape, WG_ERROR_ARGUMENT, "cross_entropy", "every target", NULL);
    wg_cross_entropy_with(x, x, 1, WG_MEAN, &(wg_cross_entropy_options){.ignores = true});
    point_expect_error(tape, WG_ERROR_ARGUMENT, "cross_entropy", "no index to ignore", NULL);
    const double wrong[] = {-0.5, 1.5, NAN};
    for (size_t i = 0; i < 3; i++) {
        wg_cross_entropy_with(x, y, 1, WG_MEAN, &(wg_cross_entropy_options){.label_smoothing = wrong[i]});
        point_expect_error(tape, WG_ERROR_ARGUMENT, "cross_entropy", "label_smoothing", NULL);
    }
    wg_tape_stats(tape, &after);
    assert_int_equal(before.nodes, after.nodes);
    assert_true(wg_item(wg_cross_entropy_with(x, y, 1, WG_SUM, &(wg_cross_entropy_options){.weights = zeros})) == 0);
    wg_tape_free(tape);
}

int main(void)
{
    for (int64_t i = 0; i < 150; i++) many[i] = i * i % 3;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations),
        cmocka_unit_test(test_tails),
        cmocka_unit_test(test_infinities),
        cmocka_unit_test(test_ignored_nan),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_replay),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_option_errors),
    };
    return row_main("ops/loss_cross_entropy", rows, sizeof rows / sizeof *rows, tests, sizeof tests / sizeof *tests);
}
