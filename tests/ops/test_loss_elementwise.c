/* Losses that are an elementwise op and a reduction. The reference takes the loss of each pair of elements in long double,
 * sums, and divides. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "support/corner.h"

typedef wg_var loss_function(wg_var, wg_var, wg_reduction);
typedef wg_var loss_parameter_function(wg_var, wg_var, double, wg_reduction);

/* What a case's user says. */
typedef struct loss_case {
    wg_reduction reduction;
    double parameter;
} loss_case;

#define BY(reduction_)                                                                                                 \
    &(const loss_case) { .reduction = reduction_, .parameter = 1 }
#define BY_WITH(reduction_, p)                                                                                         \
    &(const loss_case) { .reduction = reduction_, .parameter = p }

/* The sum of f(prediction, target, parameter), compensated (W. Kahan), divided. */
static void reduce_pairs(
    array *out, const array *in, const void *user, long double (*f)(long double, long double, long double))
{
    const loss_case *c = user;
    long double divisor = 1, sum = 0, lost = 0;
    if (c->reduction == WG_MEAN) divisor = (long double)in[0].size;
    if (c->reduction == WG_BATCH_MEAN) divisor = (long double)in[0].shape.dim[1];
    for (size_t i = 0; i < in[0].size; i++) {
        long double term = f(in[0].at[i], in[1].at[i], (long double)c->parameter) - lost, total = sum + term;
        lost = (total - sum) - term;
        sum = total;
    }
    *out = array_new(WG_SCALAR);
    out->at[0] = sum / divisor;
}

#define LOSS(name, call)                                                                                               \
    static void reference_##name(array *out, const array *in, size_t n, const void *user)                              \
    {                                                                                                                  \
        (void)n;                                                                                                       \
        reduce_pairs(out, in, user, each_##name);                                                                      \
    }                                                                                                                  \
    static wg_var apply_##name(wg_tape *tape, const wg_var *in, size_t n, const void *user)                            \
    {                                                                                                                  \
        const loss_case *c = user;                                                                                     \
        (void)tape, (void)n, (void)c;                                                                                  \
        return call;                                                                                                   \
    }

static long double each_l1(long double p, long double t, long double unused)
{
    (void)unused;
    return fabsl(p - t);
}
static long double each_huber(long double p, long double t, long double delta)
{
    long double e = fabsl(p - t);
    return e <= delta ? e * e / 2 : delta * (e - delta / 2);
}
static long double each_smooth_l1(long double p, long double t, long double beta)
{
    long double e = fabsl(p - t);
    return e < beta ? e * e / 2 / beta : e - beta / 2;
}
static long double each_poisson_nll(long double p, long double t, long double unused)
{
    (void)unused;
    return expl(p) - t * p;
}
static long double each_bce(long double p, long double t, long double unused)
{
    (void)unused;
    return -(t * logl(p) + (1 - t) * log1pl(-p));
}
static long double each_bce_with_logits(long double p, long double t, long double unused)
{
    (void)unused;
    return t * log1pl(expl(-p)) + (1 - t) * log1pl(expl(p));
}
static long double each_kl_div(long double p, long double t, long double unused)
{
    (void)unused;
    return t * (logl(t) - p);
}
static long double each_hinge(long double p, long double t, long double unused)
{
    (void)unused;
    return p * t < 1 ? 1 - p * t : 0;
}
LOSS(l1, wg_l1(in[0], in[1], c->reduction))
LOSS(huber, wg_huber(in[0], in[1], c->parameter, c->reduction))
LOSS(smooth_l1, wg_smooth_l1(in[0], in[1], c->parameter, c->reduction))
LOSS(poisson_nll, wg_poisson_nll(in[0], in[1], c->reduction))
LOSS(bce, wg_bce(in[0], in[1], c->reduction))
LOSS(bce_with_logits, wg_bce_with_logits(in[0], in[1], c->reduction))
LOSS(kl_div, wg_kl_div(in[0], in[1], c->reduction))
LOSS(hinge, wg_hinge(in[0], in[1], c->reduction))

static void reference_gaussian_nll(array *out, const array *in, size_t n, const void *user)
{
    const loss_case *c = user;
    long double divisor = 1, sum = 0;
    (void)n;
    if (c->reduction == WG_MEAN) divisor = (long double)in[0].size;
    if (c->reduction == WG_BATCH_MEAN) divisor = (long double)in[0].shape.dim[1];
    for (size_t i = 0; i < in[0].size; i++) {
        long double e = in[0].at[i] - in[2].at[i], v = in[1].at[i];
        sum += (logl(v) + e * e / v) / 2;
    }
    *out = array_new(WG_SCALAR);
    out->at[0] = sum / divisor;
}
static wg_var apply_gaussian_nll(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    (void)tape, (void)n;
    return wg_gaussian_nll(in[0], in[1], in[2], ((const loss_case *)user)->reduction);
}

/* ---- cosine -------------------------------------------------------------------------------------------------------------- */

typedef struct cosine_case {
    int axis;
    wg_reduction reduction;
    double margin;
} cosine_case;

/* in[0..1]: the vectors; in[2], if there is one: the target, whose loss it is then. */
static void reference_cosine(array *out, const array *in, size_t n, const void *user)
{
    const cosine_case *c = user;
    wg_shape whole = in[0].shape, shape = {.rank = whole.rank - 1};
    uint32_t axis = (uint32_t)(c->axis < 0 ? c->axis + (int)whole.rank : c->axis);
    size_t tuple[WG_MAX_RANK], left[WG_MAX_RANK];
    for (uint32_t k = 0; k < shape.rank; k++) shape.dim[k] = whole.dim[k < axis ? k : k + 1];
    *out = array_new(shape);
    array aa = array_new(shape), bb = array_new(shape);
    for (size_t i = 0; i < in[0].size; i++) {
        shape_tuple(&whole, i, tuple);
        for (uint32_t k = 0; k < shape.rank; k++) left[k] = tuple[k < axis ? k : k + 1];
        size_t at = shape_flat(&shape, left);
        out->at[at] += in[0].at[i] * in[1].at[i];
        aa.at[at] += in[0].at[i] * in[0].at[i];
        bb.at[at] += in[1].at[i] * in[1].at[i];
    }
    long double sum = 0, divisor = c->reduction == WG_SUM ? 1 : (long double)out->size;
    for (size_t i = 0; i < out->size; i++) {
        out->at[i] = aa.at[i] > 0 && bb.at[i] > 0 ? out->at[i] / sqrtl(aa.at[i]) / sqrtl(bb.at[i]) : 0;
        if (n == 2) continue;
        long double apart = out->at[i] - (long double)c->margin;
        sum += in[2].at[i] > 0 ? 1 - out->at[i] : apart > 0 ? apart : 0;
    }
    array_free(&aa);
    array_free(&bb);
    if (n == 2) return;
    array_free(out);
    *out = array_new(WG_SCALAR);
    out->at[0] = sum / divisor;
}

static wg_var apply_cosine(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    const cosine_case *c = user;
    (void)tape, (void)n;
    return wg_cosine_similarity(in[0], in[1], c->axis, 1e-8);
}

static wg_var apply_cosine_embedding(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    const cosine_case *c = user;
    (void)tape, (void)n;
    return wg_cosine_embedding(in[0], in[1], in[2], c->axis, c->margin, c->reduction);
}

#define COSINE(axis_)                                                                                                  \
    &(const cosine_case) { .axis = axis_ }
#define EMBEDDING(axis_, reduction_, margin_)                                                                          \
    &(const cosine_case) { .axis = axis_, .reduction = reduction_, .margin = margin_ }

static const row_case cases_cosine[] = {
    CASE_WITH(COSINE(0), 2, SHAPE(3), SHAPE(3)),
    CASE_WITH(COSINE(-1), 2, SHAPE(2, 3), SHAPE(2, 3)),
    CASE_WITH(COSINE(0), 2, SHAPE(4, 2), SHAPE(4, 2)),
    CASE_WITH(COSINE(1), 2, SHAPE(2, 3, 2), SHAPE(2, 3, 2)),
    CASE_WITH(COSINE(1), 2, SHAPE(0, 3), SHAPE(0, 3)),
    CASE_WITH(COSINE(1), 2, SHAPE(2, 0), SHAPE(2, 0)),
    CASE_WITH(COSINE(2), 2, SHAPE(1, 2, 2, 1, 2, 1, 1, 2), SHAPE(1, 2, 2, 1, 2, 1, 1, 2)),
};
static const row_case cases_embedding[] = {
    CASE_WITH(EMBEDDING(0, WG_MEAN, 0), 3, SHAPE(3), SHAPE(3), SHAPE_SCALAR),
    CASE_WITH(EMBEDDING(1, WG_MEAN, 0.125), 3, SHAPE(4, 3), SHAPE(4, 3), SHAPE(4)),
    CASE_WITH(EMBEDDING(-2, WG_BATCH_MEAN, 0.125), 3, SHAPE(3, 4), SHAPE(3, 4), SHAPE(4)),
    CASE_WITH(EMBEDDING(-1, WG_BATCH_MEAN, -2), 3, SHAPE(5, 2), SHAPE(5, 2), SHAPE(5)),
    CASE_WITH(EMBEDDING(1, WG_SUM, 0), 3, SHAPE(0, 3), SHAPE(0, 3), SHAPE(0)),
};

/* ---- rows ---------------------------------------------------------------------------------------------------------------- */

#define PAIR(...) SHAPE(__VA_ARGS__), SHAPE(__VA_ARGS__)
static const row_case cases_pairs[] = {
    CASE_WITH(BY(WG_MEAN), 2, SHAPE_SCALAR, SHAPE_SCALAR),
    CASE_WITH(BY(WG_SUM), 2, PAIR(1)),
    CASE_WITH(BY(WG_MEAN), 2, PAIR(5)),
    CASE_WITH(BY(WG_SUM), 2, PAIR(2, 3)),
    CASE_WITH(BY(WG_BATCH_MEAN), 2, PAIR(2, 3)),
    CASE_WITH(BY(WG_BATCH_MEAN), 2, PAIR(0, 3)),
    CASE_WITH(BY(WG_SUM), 2, PAIR(2, 0)),
    CASE_WITH(BY(WG_MEAN), 2, PAIR(2, 1, 2, 1, 3, 1, 2, 1)),
    CASE_WITH(BY(WG_MEAN), 2, PAIR(133)),
};
static const row_case cases_halves[] = {
    CASE_WITH(BY_WITH(WG_MEAN, 0.5), 2, SHAPE_SCALAR, SHAPE_SCALAR),
    CASE_WITH(BY_WITH(WG_SUM, 0.5), 2, PAIR(2, 3)),
    CASE_WITH(BY_WITH(WG_BATCH_MEAN, 2), 2, PAIR(2, 3)),
};
static const row_case cases_zero[] = {CASE_WITH(BY_WITH(WG_MEAN, 0), 2, PAIR(2, 3))};
#define TRIPLE(...) SHAPE(__VA_ARGS__), SHAPE(__VA_ARGS__), SHAPE(__VA_ARGS__)
static const row_case cases_triples[] = {
    CASE_WITH(BY(WG_MEAN), 3, SHAPE_SCALAR, SHAPE_SCALAR, SHAPE_SCALAR),
    CASE_WITH(BY(WG_SUM), 3, TRIPLE(5)),
    CASE_WITH(BY(WG_BATCH_MEAN), 3, TRIPLE(2, 3)),
    CASE_WITH(BY(WG_SUM), 3, TRIPLE(2, 0)),
};

#define BOTH     .reads = {ROW_READS(0) | ROW_READS(1), ROW_READS(0) | ROW_READS(1)}, .composite = true
#define OF(name) .apply = apply_##name, .reference = reference_##name
#define INSIDE   .domain = {FROM(-0.2, 0.2), FROM(-0.2, 0.2)}
#define OUTSIDE  .domain = {FROM(3, 4), FROM(0, 1)}
#define PAIRS    ROW_CASES(cases_pairs), .roundings = 16, BOTH
static const row rows[] = {
    ROW(wg_l1, OF(l1), PAIRS, OUTSIDE),
    ROW(wg_l1, OF(l1), PAIRS, .domain = {FROM(0, 1), FROM(3, 4)}),
    ROW(wg_huber, OF(huber), PAIRS, INSIDE),
    ROW(wg_huber, OF(huber), PAIRS, OUTSIDE),
    ROW(wg_huber, OF(huber), PAIRS, .domain = {FROM(0, 1), FROM(3, 4)}),
    ROW(wg_huber, OF(huber), ROW_CASES(cases_halves), .roundings = 16, BOTH, OUTSIDE),
    ROW(wg_smooth_l1, OF(smooth_l1), PAIRS, INSIDE),
    ROW(wg_smooth_l1, OF(smooth_l1), PAIRS, OUTSIDE),
    ROW(wg_smooth_l1, OF(smooth_l1), ROW_CASES(cases_halves), .roundings = 16, BOTH, INSIDE),
    ROW(wg_smooth_l1, OF(smooth_l1), ROW_CASES(cases_zero), .roundings = 16, BOTH, OUTSIDE),
    ROW(wg_poisson_nll, OF(poisson_nll), PAIRS, .pieces = true, .domain = {FROM(-2, -1), FROM(1, 3)}),
    ROW(wg_bce, OF(bce), PAIRS, .domain = {FROM(0.1, 0.9), FROM(0.1, 0.9)}),
    ROW(wg_bce_with_logits, OF(bce_with_logits), PAIRS, .domain = {FROM(-2, 2), FROM(0.1, 0.9)}),
    ROW(wg_kl_div, OF(kl_div), PAIRS, .domain = {FROM(0.5, 0.9), FROM(0.5, 0.9)}),
    ROW(wg_hinge, OF(hinge), PAIRS, .domain = {FROM(-2, 0.8), FROM(0.5, 1)}),
    ROW(wg_hinge, OF(hinge), PAIRS, .domain = {FROM(2, 3), FROM(1, 2)}),
    ROW(wg_gaussian_nll, OF(gaussian_nll), ROW_CASES(cases_triples), .domain = {FROM(-1, 1), FROM(1.5, 3), FROM(-1, 1)},
        .roundings = 32, .composite = true, .pieces = true, .reads = {7, 7, 7}),
    ROW(wg_cosine_similarity, OF(cosine), ROW_CASES(cases_cosine), .domain = {FROM(0.5, 2), FROM(0.5, 2)},
        .roundings = 32, .pieces = true, BOTH),
    ROW(wg_cosine_embedding, .apply = apply_cosine_embedding, .reference = reference_cosine, ROW_CASES(cases_embedding),
        .domain = {FROM(-1, 2), FROM(-2, 1), TRUTH}, .roundings = 64, .pieces = true, .composite = true,
        .reads = {7, 7, 7}),
};

static void test_allocations(void **state)
{
    (void)state;
    row_fail_allocations(&rows[3], &cases_pairs[4]);
    row_fail_allocations(&rows[11], &cases_pairs[4]);
    row_fail_allocations(&rows[sizeof rows / sizeof *rows - 1], &cases_embedding[2]);
}

/* ---- corners: value and slopes of one pair ------------------------------------------------------------------------------------ */

static wg_var sum_bce(wg_var p, wg_var t) { return wg_bce(p, t, WG_SUM); }
static wg_var sum_logits(wg_var p, wg_var t) { return wg_bce_with_logits(p, t, WG_SUM); }
static wg_var sum_kl(wg_var p, wg_var t) { return wg_kl_div(p, t, WG_SUM); }
static wg_var sum_l1(wg_var p, wg_var t) { return wg_l1(p, t, WG_MEAN); }
static wg_var sum_huber(wg_var p, wg_var t) { return wg_huber(p, t, 2, WG_MEAN); }
static wg_var sum_hinge(wg_var p, wg_var t) { return wg_hinge(p, t, WG_MEAN); }
static wg_var sum_poisson(wg_var p, wg_var t) { return wg_poisson_nll(p, t, WG_MEAN); }

/* The value and the slopes times g, of a pair of scalars and of arrays of one element, swept and recorded. */
static void expect_loss(
    wg_var (*f)(wg_var, wg_var), double g, double p, double t, double value, double of_p, double of_t)
{
    for (int way = 0; way < 4; way++) {
        wg_tape *tape = wg_tape_new(way & 1 ? WG_F64 : WG_F32);
        array a = array_new(way & 2 ? WG_DIMS(1) : WG_SCALAR), b = array_new(a.shape), cotangent = array_new(WG_SCALAR);
        a.at[0] = (long double)p, b.at[0] = (long double)t, cotangent.at[0] = (long double)g;
        wg_var in[] = {array_leaf(tape, &a, true), array_leaf(tape, &b, true)}, grads[2], y = f(in[0], in[1]);
        assert_int_equal(wg_vjp(y, array_leaf(tape, &cotangent, false), in, 2, grads), WG_OK);
        assert_int_equal(array_backward(y, &cotangent), WG_OK);
        const double expected[] = {value, of_p, of_t, of_p, of_t};
        const double got[] = {
            wg_item(y), wg_grad_at(in[0], 0), wg_grad_at(in[1], 0), wg_item(grads[0]), wg_item(grads[1])};
        for (size_t i = 0; i < 5; i++)
            if (!point_same(got[i], expected[i]) && !(fabs(got[i] - expected[i]) <= 1e-6 * fabs(expected[i])))
                fail_msg("at %g, %g, way %d: number %zu is %.17g, expected %.17g", p, t, way, i, got[i], expected[i]);
        array_free(&a);
        array_free(&b);
        array_free(&cotangent);
        wg_tape_free(tape);
    }
}

static void test_corners(void **state)
{
    (void)state;
    expect_loss(sum_bce, 1, 0, 0, 0, 1, INF);
    expect_loss(sum_bce, 1, 1, 1, 0, -1, -INF);
    expect_loss(sum_bce, 1, 0, 1, INF, -INF, INF);
    expect_loss(sum_bce, 1, 1, 0, INF, INF, -INF);
    expect_loss(sum_bce, 3, 0.5, 0, (double)logf(2), 6, 0);
    expect_loss(sum_bce, 1, 1, 0.5, INF, INF, -INF);
    expect_loss(sum_bce, 1, 0, 0.5, INF, -INF, INF);
    expect_loss(sum_logits, 1, INF, 1, 0, 0, -INF);
    expect_loss(sum_logits, 1, INF, 0, INF, 1, -INF);
    expect_loss(sum_logits, 1, -INF, 0, 0, 0, INF);
    expect_loss(sum_logits, 2, -INF, 1, INF, -2, INF);
    expect_loss(sum_logits, 2, 1e30f, 1, 0, 0, -2 * (double)1e30f);
    expect_loss(sum_logits, 2, -1e30f, 1, (double)1e30f, -2, 2 * (double)1e30f);
    expect_loss(sum_logits, 1, NONE, 1, NONE, NONE, NONE);
    expect_loss(sum_kl, 1, -INF, 0, 0, 0, 0);
    expect_loss(sum_kl, 1, -2, 0, 0, 0, 0);
    expect_loss(sum_kl, 1, 0, 1, 0, -1, 1);
    expect_loss(sum_kl, 1, -INF, 1, INF, -1, INF);
    expect_loss(sum_l1, 5, 3, 3, 0, 0, 0);
    expect_loss(sum_l1, 5, -INF, 3, INF, -5, 5);
    expect_loss(sum_huber, 5, 5, 3, 2, 10, -10);
    expect_loss(sum_huber, 5, -INF, 3, INF, -10, 10);
    expect_loss(sum_huber, 5, 1, 8, 12, -10, 10);
    expect_loss(sum_huber, 1, NONE, 3, NONE, NONE, NONE);
    expect_loss(sum_hinge, 5, 1, 1, 0, 0, 0);
    expect_loss(sum_hinge, 5, -2, 1, 3, -5, 10);
    expect_loss(sum_poisson, 1, -INF, 0, 0, 0, INF);
    expect_loss(sum_poisson, 1, 0, 2, 1, -1, 0);
    for (int outside = 0; outside < 4; outside++)
        for (int dtype = WG_F32; dtype <= WG_F64; dtype++) {
            wg_tape *tape = wg_tape_new((wg_dtype)dtype);
            wg_var p = wg_scalar(tape, outside & 1 ? -0.25 : 1.25), t = wg_scalar(tape, outside & 2 ? 1 : 0);
            assert_true(isnan(wg_item(wg_bce(p, t, WG_MEAN))));
            wg_tape_free(tape);
        }
}

static void expect_near(double got, double expected, double relative)
{
    if (!(fabs(got - expected) <= relative * fabs(expected))) fail_msg("%.17g, expected %.17g", got, expected);
}

/* In the tails the loss of a right answer is e^-|x|, and so are its slope and curvature; of a wrong one |x|, 1 and e^-|x|. */
static void test_tails(void **state)
{
    (void)state;
    for (double x = 40; x < 700; x *= 2)
        for (int sign = -1; sign <= 1; sign += 2)
            for (int right = 0; right <= 1; right++) {
                wg_tape *tape = wg_tape_new(WG_F64);
                wg_var logit = wg_scalar_variable(tape, sign * x), slope, curvature;
                wg_var target = wg_scalar(tape, (sign > 0) == right), loss = wg_bce_with_logits(logit, target, WG_MEAN);
                assert_int_equal(wg_gradients(loss, &logit, 1, &slope), WG_OK);
                assert_int_equal(wg_gradients(slope, &logit, 1, &curvature), WG_OK);
                expect_near(wg_item(loss), right ? exp(-x) : x, 1e-15);
                expect_near(wg_item(slope), right ? -sign * exp(-x) : sign, 1e-15);
                expect_near(wg_item(curvature), exp(-x), 1e-15);
                assert_int_equal(wg_backward(loss), WG_OK);
                assert_true(wg_grad_at(logit, 0) == wg_item(slope));
                wg_tape_free(tape);
            }
}

/* bce near the ends: with t = 0 and small p, loss p, slope 1, curvature 1; with p small and t between, slope -t / p to first
 * order, curvature t / p^2. */
static void test_small_probabilities(void **state)
{
    (void)state;
    for (int soft = 0; soft <= 1; soft++) {
        double p = 1e-20, t = soft ? 0.25 : 0;
        wg_tape *tape = wg_tape_new(WG_F64);
        wg_var x = wg_scalar_variable(tape, p), slope, curvature, loss = wg_bce(x, wg_scalar(tape, t), WG_MEAN);
        assert_int_equal(wg_gradients(loss, &x, 1, &slope), WG_OK);
        assert_int_equal(wg_gradients(slope, &x, 1, &curvature), WG_OK);
        expect_near(wg_item(loss), soft ? -0.25 * log(p) : p, 1e-15);
        expect_near(wg_item(slope), soft ? -t / p : 1, 1e-15);
        expect_near(wg_item(curvature), soft ? t / p / p : 1, 1e-15);
        wg_tape_free(tape);
    }
}

/* A vector of zeros has cosine 0 to every other; long vectors do not overflow. */
static void test_cosine_corners(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F32);
    wg_var a = wg_variable(tape, WG_DIMS(3, 2), ((float[]){0, 0, 3e38f, 0, 1e-30f, 1e-30f}));
    wg_var b = wg_variable(tape, WG_DIMS(3, 2), ((float[]){1, 2, 2e38f, 2e38f, 1, 1}));
    wg_var y = wg_cosine_similarity(a, b, 1, 1e-8);
    assert_true(wg_at(y, 0) == 0);
    expect_near(wg_at(y, 1), sqrt(0.5), 1e-6);
    expect_near(wg_at(y, 2), 1e-30 * sqrt(2.0) / 1e-8, 1e-6);
    assert_int_equal(wg_backward(wg_sum(y)), WG_OK);
    expect_near(wg_grad_at(a, 0), 1 / sqrt(5.0) / 1e-8, 1e-6);
    expect_near(wg_grad_at(a, 1), 2 / sqrt(5.0) / 1e-8, 1e-6);
    for (size_t i = 0; i < 6; i++) assert_true(isfinite(wg_grad_at(b, i)));
    wg_tape_free(tape);
}

/* ---- errors ---------------------------------------------------------------------------------------------------------------- */

static wg_var huber_one(wg_var p, wg_var t, wg_reduction r) { return wg_huber(p, t, 1, r); }
static wg_var smooth_one(wg_var p, wg_var t, wg_reduction r) { return wg_smooth_l1(p, t, 1, r); }
static wg_var gaussian_one(wg_var p, wg_var t, wg_reduction r) { return wg_gaussian_nll(p, p, t, r); }

static void test_errors(void **state)
{
    (void)state;
    const struct {
        const char *name;
        loss_function *f;
    } losses[] = {{"l1", wg_l1}, {"huber", huber_one}, {"smooth_l1", smooth_one}, {"poisson_nll", wg_poisson_nll},
        {"bce", wg_bce}, {"bce_with_logits", wg_bce_with_logits}, {"kl_div", wg_kl_div}, {"hinge", wg_hinge},
        {"gaussian_nll", gaussian_one}};
    for (size_t i = 0; i < sizeof losses / sizeof *losses; i++) {
        const char *name = losses[i].name;
        loss_function *f = losses[i].f;
        wg_tape *tape = wg_tape_new(WG_F32), *other = wg_tape_new(WG_F32);
        wg_var p = wg_name(wg_variable_f32(tape, WG_DIMS(2, 3), NULL), "p");
        wg_var t = wg_name(wg_constant_f32(tape, WG_DIMS(3), NULL), "t"),
               none = wg_constant_f32(tape, WG_DIMS(2, 0), NULL);
        wg_var indices = wg_indices(tape, WG_DIMS(3), NULL), far = wg_constant_f32(other, WG_DIMS(2, 3), NULL);
        wg_stats before, after;
        wg_tape_stats(tape, &before);
        assert_false(wg_ok(f(p, t, WG_MEAN)));
        point_expect_error(tape, WG_ERROR_SHAPE, name, "p (2,3)", "t (3)", "differ in shape", NULL);
        f(t, t, WG_BATCH_MEAN);
        point_expect_error(tape, WG_ERROR_SHAPE, name, "WG_BATCH_MEAN takes (features, samples)", "t (3)", NULL);
        f(none, none, WG_MEAN);
        point_expect_error(tape, WG_ERROR_SHAPE, name, "the mean over nothing", "(2,0)", NULL);
        f(none, none, WG_BATCH_MEAN);
        point_expect_error(tape, WG_ERROR_SHAPE, name, "the mean over nothing", "(2,0)", NULL);
        f(p, p, (wg_reduction)5);
        point_expect_error(tape, WG_ERROR_ARGUMENT, name, "5 is not a reduction", NULL);
        f(t, indices, WG_SUM);
        point_expect_error(tape, WG_ERROR_ARGUMENT, name, "holds indices", NULL);
        f((wg_var){0}, t, WG_SUM);
        point_expect_error(tape, WG_ERROR_ARGUMENT, name, "argument 1", NULL);
        f(p, far, WG_SUM);
        point_expect_error(tape, WG_ERROR_ARGUMENT, name, "another tape", NULL);
        point_expect_error(other, WG_ERROR_ARGUMENT, name, NULL);
        assert_null(f((wg_var){0}, (wg_var){0}, WG_MEAN).tape);
        wg_tape_stats(tape, &after);
        assert_int_equal(before.nodes, after.nodes);
        wg_tape_free(tape);
        wg_tape_free(other);
    }
}

static void test_parameter_errors(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var p = wg_name(wg_variable_f64(tape, WG_DIMS(2, 3), NULL), "p"), t = wg_constant_f64(tape, WG_DIMS(2), NULL);
    const double wrong[] = {0, -1, INF, NONE};
    wg_stats before, after;
    wg_tape_stats(tape, &before);
    for (size_t i = 0; i < 4; i++) {
        wg_huber(p, p, wrong[i], WG_MEAN);
        point_expect_error(tape, WG_ERROR_ARGUMENT, "huber", "finite number above 0", "p (2,3)", NULL);
        wg_cosine_similarity(p, p, 0, wrong[i]);
        point_expect_error(tape, WG_ERROR_ARGUMENT, "cosine_similarity", "eps", NULL);
        if (i == 0) continue;
        wg_smooth_l1(p, p, wrong[i], WG_MEAN);
        point_expect_error(tape, WG_ERROR_ARGUMENT, "smooth_l1", "finite number above 0", NULL);
    }
    wg_cosine_similarity(p, p, 2, 1e-8);
    point_expect_error(tape, WG_ERROR_SHAPE, "cosine_similarity", "axis 2", "p (2,3)", NULL);
    wg_cosine_similarity(p, t, 0, 1e-8);
    point_expect_error(tape, WG_ERROR_SHAPE, "cosine_similarity", "p (2,3)", "(2)", NULL);
    wg_cosine_embedding(p, p, t, 0, 0, WG_MEAN);
    point_expect_error(tape, WG_ERROR_SHAPE, "cosine_embedding", "target (2)", "(3)", "axis 0", "p (2,3)", NULL);
    wg_cosine_embedding(p, t, t, 1, 0, WG_MEAN);
    point_expect_error(tape, WG_ERROR_SHAPE, "cosine_embedding", "shapes differ", NULL);
    wg_cosine_embedding(p, p, t, -3, 0, WG_MEAN);
    point_expect_error(tape, WG_ERROR_SHAPE, "cosine_embedding", "axis -3", NULL);
    wg_cosine_embedding(p, p, t, 1, 0, (wg_reduction)9);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "cosine_embedding", "9", NULL);
    wg_tape_stats(tape, &after);
    assert_int_equal(before.nodes, after.nodes);
    wg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations),
        cmocka_unit_test(test_corners),
        cmocka_unit_test(test_tails),
        cmocka_unit_test(test_small_probabilities),
        cmocka_unit_test(test_cosine_corners),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_parameter_errors),
    };
    return row_main("ops/loss_elementwise", rows, sizeof rows / sizeof *rows, tests, sizeof tests / sizeof *tests);
}
