/* Normalisations: rows against the formulas on gathered elements, the fused steps against a plain composition to order 3,
 * large offsets, rows without variance, the extremes, training with batch statistics, and errors. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "support/over.h"
#include "support/point.h"

/* ---- references -------------------------------------------------------------------------------------------------------------- */

enum { WEIGHT = 1, BIAS = 2 };

/* k: axes or groups; 0: one group for each channel. */
typedef struct setting {
    size_t k;
    double epsilon;
    int given;
    bool plain; /* no centering */
} setting;

static void normalized(const long double *x, size_t n, const setting *s, long double *y)
{
    long double mean = 0, square = 0;
    for (size_t i = 0; i < n && !s->plain; i++) mean += x[i] / (long double)n;
    for (size_t i = 0; i < n; i++) square += (x[i] - mean) * (x[i] - mean) / (long double)n;
    long double sigma = sqrtl(square + s->epsilon);
    for (size_t i = 0; i < n; i++) y[i] = sigma > 0 ? (x[i] - mean) / sigma : 0;
}

/* Runs of n elements; element i of the array has the weight that place(i) says. */
static void finish(array *out, const array *in, const setting *s, size_t n, size_t stride, size_t period)
{
    *out = array_new(in[0].shape);
    for (size_t at = 0; n && at < out->size; at += n) normalized(in[0].at + at, n, s, out->at + at);
    for (size_t i = 0; i < out->size; i++) {
        size_t place = i / stride % period;
        if (s->given & WEIGHT) out->at[i] *= in[1].at[place];
        if (s->given & BIAS) out->at[i] += in[2].at[place];
    }
}

static void reference_last(array *out, const array *in, size_t n, const void *user)
{
    const setting *s = user;
    size_t run = 1;
    (void)n;
    for (size_t a = 0; a < s->k; a++) run *= in[0].shape.dim[in[0].shape.rank - 1 - a];
    finish(out, in, s, run, 1, run);
}

static void reference_groups(array *out, const array *in, size_t n, const void *user)
{
    const setting *s = user;
    size_t channels = in[0].shape.dim[1], inner = 1;
    (void)n;
    for (uint32_t d = 2; d < in[0].shape.rank; d++) inner *= in[0].shape.dim[d];
    finish(out, in, s, s->k ? channels / s->k * inner : inner, inner, channels);
}

static wg_var optional(const wg_var *in, const setting *s, int which)
{
    return s->given & which ? in[which] : (wg_var){0};
}

#define APPLY(name, call)                                                                                              \
    static wg_var apply_##name(wg_tape *tape, const wg_var *in, size_t n, const void *user)                            \
    {                                                                                                                  \
        const setting *s = user;                                                                                       \
        wg_var w = optional(in, s, WEIGHT), b = optional(in, s, BIAS);                                                 \
        (void)tape, (void)n, (void)w, (void)b;                                                                         \
        return call;                                                                                                   \
    }
APPLY(layer_norm, wg_layer_norm(in[0], w, b, s->k, s->epsilon))
APPLY(rms_norm, wg_rms_norm(in[0], w, s->k, s->epsilon))
APPLY(group_norm, wg_group_norm(in[0], s->k, w, b, s->epsilon))
APPLY(instance_norm, wg_instance_norm(in[0], w, b, s->epsilon))

/* x, mean, variance, weight, bias */
static void reference_batch(array *out, const array *in, size_t n, const void *user)
{
    const setting *s = user;
    size_t channels = in[0].shape.dim[1], inner = 1;
    (void)n;
    for (uint32_t d = 2; d < in[0].shape.rank; d++) inner *= in[0].shape.dim[d];
    *out = array_new(in[0].shape);
    for (size_t i = 0; i < out->size; i++) {
        size_t c = i / inner % channels;
        out->at[i] = (in[0].at[i] - in[1].at[c]) / sqrtl(in[2].at[c] + s->epsilon);
        if (s->given & WEIGHT) out->at[i] *= in[3].at[c];
        if (s->given & BIAS) out->at[i] += in[4].at[c];
    }
}

static wg_var apply_batch(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    const setting *s = user;
    (void)tape, (void)n;
    return wg_batch_norm(in[0], in[1], in[2], optional(in + 2, s, WEIGHT), optional(in + 2, s, BIAS), s->epsilon);
}

/* (2, C): the means, the variances. */
static void reference_statistics(array *out, const array *in, size_t n, const void *user)
{
    size_t channels = in[0].shape.dim[1], inner = 1;
    (void)n, (void)user;
    for (uint32_t d = 2; d < in[0].shape.rank; d++) inner *= in[0].shape.dim[d];
    long double count = (long double)(in[0].shape.dim[0] * inner);
    *out = array_new(WG_DIMS(2, channels));
    for (size_t i = 0; i < in[0].size; i++) out->at[i / inner % channels] += in[0].at[i] / count;
    for (size_t i = 0; i < in[0].size; i++) {
        size_t c = i / inner % channels;
        long double apart = in[0].at[i] - out->at[c];
        out->at[channels + c] += apart * apart / count;
    }
}

static wg_var apply_statistics(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    wg_var both[2];
    (void)tape, (void)n, (void)user;
    wg_batch_statistics(in[0], &both[0], &both[1]);
    return wg_stack(both, 2, 0);
}

static void map_normalize(const long double *x, size_t n, long double *y)
{
    long double square = 0;
    for (size_t i = 0; i < n; i++) square += x[i] * x[i];
    for (size_t i = 0; i < n; i++) y[i] = x[i] / fmaxl(sqrtl(square), 0.5L);
}

static void reference_normalize(array *out, const array *in, size_t n, const void *user)
{
    (void)n;
    over_along(out, in, *(const int *)user, map_normalize);
}

static wg_var apply_normalize(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    (void)tape, (void)n;
    return wg_normalize(in[0], *(const int *)user, 0.5);
}

/* ---- rows -------------------------------------------------------------------------------------------------------------------- */

#define SET(k_, epsilon_, given_)                                                                                      \
    &(const setting) { .k = k_, .epsilon = epsilon_, .given = given_ }
#define SET_PLAIN(k_, epsilon_, given_)                                                                                \
    &(const setting) { .k = k_, .epsilon = epsilon_, .given = given_, .plain = true }

static const row_case cases_layer[] = {
    CASE_WITH(SET(1, 0.1, WEIGHT | BIAS), 3, SHAPE(2, 3), SHAPE(3), SHAPE(3)),
    CASE_WITH(SET(1, 0.1, 0), 3, SHAPE(4), SHAPE(4), SHAPE(4)),
    CASE_WITH(SET(1, 0.1, WEIGHT), 3, SHAPE(2, 2, 3), SHAPE(3), SHAPE(3)),
    CASE_WITH(SET(2, 0.1, BIAS), 3, SHAPE(2, 3, 2), SHAPE(3, 2), SHAPE(3, 2)),
    CASE_WITH(SET(3, 0.1, WEIGHT | BIAS), 3, SHAPE(2, 1, 3), SHAPE(2, 1, 3), SHAPE(2, 1, 3)),
    CASE_WITH(SET(1, 0.1, WEIGHT | BIAS), 3, SHAPE(3, 1), SHAPE(1), SHAPE(1)),
    CASE_WITH(SET(1, 0.0, 0), 3, SHAPE(3, 1), SHAPE(1), SHAPE(1)),
    CASE_WITH(SET(1, 0.1, WEIGHT | BIAS), 3, SHAPE(0, 3), SHAPE(3), SHAPE(3)),
    CASE_WITH(SET(1, 0.1, WEIGHT | BIAS), 3, SHAPE(2, 0), SHAPE(0), SHAPE(0)),
    CASE_WITH(SET(1, 0.1, WEIGHT | BIAS), 3, SHAPE(2, 150), SHAPE(150), SHAPE(150)),
    CASE_WITH(SET(1, 0.0, 0), 3, SHAPE(1, 1100), SHAPE(1), SHAPE(1)),
};
static const row_case cases_rms[] = {
    CASE_WITH(SET_PLAIN(1, 0.1, WEIGHT), 2, SHAPE(2, 3), SHAPE(3)),
    CASE_WITH(SET_PLAIN(1, 0.1, 0), 2, SHAPE(4), SHAPE(4)),
    CASE_WITH(SET_PLAIN(2, 0.1, WEIGHT), 2, SHAPE(2, 3, 2), SHAPE(3, 2)),
    CASE_WITH(SET_PLAIN(1, 0.1, WEIGHT), 2, SHAPE(3, 1), SHAPE(1)),
    CASE_WITH(SET_PLAIN(1, 0.1, WEIGHT), 2, SHAPE(0, 3), SHAPE(3)),
    CASE_WITH(SET_PLAIN(1, 0.1, WEIGHT), 2, SHAPE(2, 0), SHAPE(0)),
    CASE_WITH(SET_PLAIN(1, 0.0, WEIGHT), 2, SHAPE(2, 150), SHAPE(150)),
};
static const row_case cases_group[] = {
    CASE_WITH(SET(2, 0.1, WEIGHT | BIAS), 3, SHAPE(2, 4), SHAPE(4), SHAPE(4)),
    CASE_WITH(SET(1, 0.1, WEIGHT | BIAS), 3, SHAPE(2, 3, 2), SHAPE(3), SHAPE(3)),
    CASE_WITH(SET(3, 0.1, WEIGHT), 3, SHAPE(2, 3, 2), SHAPE(3), SHAPE(3)),
    CASE_WITH(SET(2, 0.1, BIAS), 3, SHAPE(1, 4, 2, 2), SHAPE(4), SHAPE(4)),
    CASE_WITH(SET(2, 0.1, 0), 3, SHAPE(2, 2, 3, 1, 2), SHAPE(2), SHAPE(2)),
    CASE_WITH(SET(2, 0.1, WEIGHT | BIAS), 3, SHAPE(0, 4, 2), SHAPE(4), SHAPE(4)),
    CASE_WITH(SET(2, 0.1, WEIGHT | BIAS), 3, SHAPE(2, 4, 0), SHAPE(4), SHAPE(4)),
    CASE_WITH(SET(2, 0.1, WEIGHT | BIAS), 3, SHAPE(2, 0, 2), SHAPE(0), SHAPE(0)),
};
static const row_case cases_instance[] = {
    CASE_WITH(SET(0, 0.1, WEIGHT | BIAS), 3, SHAPE(2, 3, 4), SHAPE(3), SHAPE(3)),
    CASE_WITH(SET(0, 0.1, 0), 3, SHAPE(2, 2, 2, 2), SHAPE(2), SHAPE(2)),
    CASE_WITH(SET(0, 0.1, WEIGHT | BIAS), 3, SHAPE(2, 3), SHAPE(3), SHAPE(3)),
    CASE_WITH(SET(0, 0.1, WEIGHT | BIAS), 3, SHAPE(2, 0, 3), SHAPE(0), SHAPE(0)),
};
static const row_case cases_batch[] = {
    CASE_WITH(SET(0, 0.1, WEIGHT | BIAS), 5, SHAPE(3, 2), SHAPE(2), SHAPE(2), SHAPE(2), SHAPE(2)),
    CASE_WITH(SET(0, 0.1, WEIGHT), 5, SHAPE(2, 3, 2), SHAPE(3), SHAPE(3), SHAPE(3), SHAPE(3)),
    CASE_WITH(SET(0, 0.1, BIAS), 5, SHAPE(2, 1, 3), SHAPE(1), SHAPE(1), SHAPE(1), SHAPE(1)),
    CASE_WITH(SET(0, 0.0, 0), 5, SHAPE(2, 2, 2, 2), SHAPE(2), SHAPE(2), SHAPE(2), SHAPE(2)),
    CASE_WITH(SET(0, 0.1, WEIGHT | BIAS), 5, SHAPE(0, 2, 3), SHAPE(2), SHAPE(2), SHAPE(2), SHAPE(2)),
    CASE_WITH(SET(0, 0.1, WEIGHT | BIAS), 5, SHAPE(2, 0, 3), SHAPE(0), SHAPE(0), SHAPE(0), SHAPE(0)),
};
static const row_case cases_statistics[] = {
    CASE(1, SHAPE(3, 2)),
    CASE(1, SHAPE(1, 1)),
    CASE(1, SHAPE(2, 3, 4)),
    CASE(1, SHAPE(2, 2, 3, 2)),
    CASE(1, SHAPE(2, 0)),
};
/* A vector of one element is its sign, whose derivative is what rounding leaves: see test_lengths. */
static const row_case cases_normalize[] = {
    CASE_WITH(AXIS(0), 1, SHAPE(5)),
    CASE_WITH(AXIS(-1), 1, SHAPE(0)),
    CASE_WITH(AXIS(0), 1, SHAPE(4, 3)),
    CASE_WITH(AXIS(1), 1, SHAPE(2, 3)),
    CASE_WITH(AXIS(-2), 1, SHAPE(2, 5, 3)),
    CASE_WITH(AXIS(1), 1, SHAPE(0, 3)),
    CASE_WITH(AXIS(0), 1, SHAPE(0, 3)),
    CASE_WITH(AXIS(1), 1, SHAPE(2, 3, 0)),
    CASE_WITH(AXIS(4), 1, SHAPE(2, 1, 2, 1, 3, 1, 2, 1)),
    CASE_WITH(AXIS(1), 1, SHAPE(2, 3, 150)),
};

#define EVERYTHING (ROW_READS_RESULT | 127u)
#define READS      .reads = {EVERYTHING, EVERYTHING, EVERYTHING, EVERYTHING, EVERYTHING}
#define DOMAINS    .domain = {FROM(-2, 2), FROM(-2, 2), FROM(-2, 2)}
#define BATCH      .domain = {FROM(-2, 2), FROM(-2, 2), FROM(0.5, 2), FROM(-2, 2), FROM(-2, 2)}
#define OTHERS     .composite = true, .sum = true, .roundings = 32, READS
static const row rows[] = {
    ROW(wg_layer_norm, .apply = apply_layer_norm, .reference = reference_last, ROW_CASES(cases_layer), DOMAINS, OTHERS),
    ROW(wg_rms_norm, .apply = apply_rms_norm, .reference = reference_last, ROW_CASES(cases_rms), DOMAINS, OTHERS),
    ROW(wg_group_norm, .apply = apply_group_norm, .reference = reference_groups, ROW_CASES(cases_group), DOMAINS,
        OTHERS),
    ROW(wg_instance_norm, .apply = apply_instance_norm, .reference = reference_groups, ROW_CASES(cases_instance),
        DOMAINS, OTHERS),
    ROW(wg_batch_norm, .apply = apply_batch, .reference = reference_batch, ROW_CASES(cases_batch), BATCH, OTHERS),
    ROW(wg_batch_statistics, .apply = apply_statistics, .reference = reference_statistics, ROW_CASES(cases_statistics),
        DOMAINS, OTHERS, .pieces = true),
    ROW(wg_normalize, .apply = apply_normalize, .reference = reference_normalize, ROW_CASES(cases_normalize),
        .domain = {AWAY(-2, 2, 0.6)}, OTHERS, .pieces = true),
};

static void test_allocations(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        row_fail_allocations(&rows[i], &rows[i].cases[i == 6 ? 2 : 0]);
}

/* ---- against a plain composition ------------------------------------------------------------------------------------------------ */

static const double epsilons[] = {0, 1e-5, 0.5};

static wg_var plain_norm(wg_var x, bool center, double epsilon)
{
    wg_var apart = center ? wg_sub(x, wg_mean_axes(x, WG_AXES(-1), true)) : x;
    wg_var square = wg_mean_axes(wg_square(apart), WG_AXES(-1), true);
    return wg_div(apart, wg_sqrt(wg_add(square, wg_scalar(x.tape, epsilon))));
}

static wg_var weighted(random_state *random, wg_var x)
{
    array w = array_new(wg_shape_of(x));
    for (size_t i = 0; i < w.size; i++) w.at[i] = (float)(2 * random_unit(random) - 1);
    wg_var sum = wg_sum(wg_mul(x, array_leaf(x.tape, &w, false)));
    array_free(&w);
    return sum;
}

static void expect_same(wg_var a, wg_var b, size_t order)
{
    array got = array_of_value(a), expected = array_of_value(b);
    long double scale = 1 + array_largest(&expected);
    for (size_t i = 0; i < got.size; i++)
        if (!(fabsl(got.at[i] - expected.at[i]) <= 1e-13L * scale))
            fail_msg("order %zu, element %zu: %.17Lg, plain %.17Lg", order, i, got.at[i], expected.at[i]);
    array_free(&got);
    array_free(&expected);
}

static void test_to_order_3(void **state)
{
    (void)state;
    for (int center = 0; center < 2; center++)
        for (size_t e = 0; e < sizeof epsilons / sizeof *epsilons; e++) {
            wg_tape *tape = wg_tape_new(WG_F64);
            array a = array_new(WG_DIMS(2, 2, 5));
            random_state random = {e + 1};
            for (size_t k = 0; k < a.size; k++) a.at[k] = (float)(4 * random_unit(&random) - 1);
            wg_var x = array_leaf(tape, &a, true), of[2][4], none = {0};
            of[0][0] = center ? wg_layer_norm(x, none, none, 1, epsilons[e]) : wg_rms_norm(x, none, 1, epsilons[e]);
            of[1][0] = plain_norm(x, center, epsilons[e]);
            for (size_t way = 0; way < 2; way++) {
                random_state same = {7};
                for (size_t order = 1; order <= 3; order++)
                    assert_int_equal(wg_gradients(weighted(&same, of[way][order - 1]), &x, 1, &of[way][order]), WG_OK);
            }
            for (size_t order = 0; order <= 3; order++) expect_same(of[0][order], of[1][order], order);
            array_free(&a);
            wg_tape_free(tape);
        }
}

/* The gradients of weighted sums of y, in one array: recorded, and the same by a sweep on numbers. */
static wg_var all_gradients(wg_var y, const wg_var *in, size_t n)
{
    wg_var grads[3], parts[3];
    random_state random = {7};
    wg_var scalar = weighted(&random, y);
    assert_int_equal(wg_gradients(scalar, in, n, grads), WG_OK);
    wg_zero_grad(y.tape);
    assert_int_equal(wg_backward(scalar), WG_OK);
    for (size_t k = 0; k < n; k++) {
        array got = array_of_grad(in[k]), expected = array_of_value(grads[k]);
        for (size_t i = 0; i < got.size; i++)
            assert_true(fabsl(got.at[i] - expected.at[i]) <= 1e-13L * (1 + array_largest(&expected)));
        array_free(&got);
        array_free(&expected);
        parts[k] = wg_reshape(grads[k], WG_DIMS(wg_size(in[k])));
    }
    return wg_concat(parts, n, 0);
}

/* Weights and biases, whose adjoints are made with x's in one pass, to order 3 in all of them. */
static void test_weights_to_order_3(void **state)
{
    (void)state;
    const wg_shape shapes[] = {WG_DIMS(3, 5), WG_DIMS(5), WG_DIMS(5)};
    for (int center = 0; center < 2; center++)
        for (size_t e = 0; e < sizeof epsilons / sizeof *epsilons; e++) {
            wg_tape *tape = wg_tape_new(WG_F64);
            random_state random = {e + 3};
            wg_var in[3], fused, plain;
            size_t n = center ? 3 : 2;
            for (size_t k = 0; k < 3; k++) {
                array a = array_new(shapes[k]);
                for (size_t i = 0; i < a.size; i++) a.at[i] = (float)(4 * random_unit(&random) - 1);
                in[k] = array_leaf(tape, &a, true);
                array_free(&a);
            }
            fused =
                center ? wg_layer_norm(in[0], in[1], in[2], 1, epsilons[e]) : wg_rms_norm(in[0], in[1], 1, epsilons[e]);
            plain = wg_mul(plain_norm(in[0], center, epsilons[e]), in[1]);
            if (center) plain = wg_add(plain, in[2]);
            for (size_t order = 0; order <= 3; order++) {
                expect_same(fused, plain, order);
                fused = all_gradients(fused, in, n);
                plain = all_gradients(plain, in, n);
            }
            wg_tape_free(tape);
        }
}

/* Training: the statistics take part. Batch norm of (N, C) is layer norm of the transpose; its gradients, to order 2, too. */
static void test_training(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    array a = array_new(WG_DIMS(5, 3));
    random_state random = {11};
    for (size_t k = 0; k < a.size; k++) a.at[k] = (float)(4 * random_unit(&random) - 1);
    wg_var x = array_leaf(tape, &a, true), none = {0}, mean, variance, grads[2], twice[2];
    assert_int_equal(wg_batch_statistics(x, &mean, &variance), WG_OK);
    wg_var y[] = {wg_batch_norm(x, mean, variance, none, none, 1e-3),
        wg_transpose(wg_layer_norm(wg_transpose(x), none, none, 1, 1e-3))};
    expect_same(y[0], y[1], 0);
    for (size_t way = 0; way < 2; way++) {
        random_state same = {7};
        assert_int_equal(wg_gradients(weighted(&same, y[way]), &x, 1, &grads[way]), WG_OK);
        assert_int_equal(wg_gradients(weighted(&same, grads[way]), &x, 1, &twice[way]), WG_OK);
    }
    expect_same(grads[0], grads[1], 1);
    expect_same(twice[0], twice[1], 2);
    array_free(&a);
    wg_tape_free(tape);
}

/* ---- corners ------------------------------------------------------------------------------------------------------------------------ */

/* Next to an offset: (0, 1, 2, 5) has mean 2 and variance 14/4, and 2^k + (0, 1, 2, 5) is exact in the dtype. */
static void test_offsets(void **state)
{
    (void)state;
    for (int dtype = WG_F32; dtype <= WG_F64; dtype++) {
        wg_tape *tape = wg_tape_new((wg_dtype)dtype);
        double offset = dtype == WG_F64 ? 0x1p49 : 0x1p20, sigma = sqrt(3.5),
               eps = dtype == WG_F64 ? DBL_EPSILON : FLT_EPSILON;
        wg_var x = wg_variable_f64(tape, WG_DIMS(2, 4),
            (double[]){offset, offset + 1, offset + 2, offset + 5, -offset, 1 - offset, 2 - offset, 5 - offset});
        wg_var y = wg_layer_norm(x, (wg_var){0}, (wg_var){0}, 1, 0);
        const double z[] = {-2 / sigma, -1 / sigma, 0, 3 / sigma};
        for (size_t i = 0; i < 8; i++) assert_true(fabs(wg_at(y, i) - z[i % 4]) <= 2 * eps);
        /* g = (1, 0, 0, 0) beside an offset: (g - 1/4 - z z_0 / 4) / sigma */
        const double seed[] = {1, 0, 0, 0, 1 + offset, offset, offset, offset};
        assert_int_equal(wg_backward(wg_sum(wg_mul(y, wg_constant_f64(tape, WG_DIMS(2, 4), seed)))), WG_OK);
        for (size_t i = 0; i < 8; i++)
            assert_true(fabs(wg_grad_at(x, i) - ((i % 4 == 0) - 0.25 - z[i % 4] * z[0] / 4) / sigma) <= 4 * eps);
        wg_tape_free(tape);
    }
}

/* Rows of equal elements, whose decimal digits are not exact: zeros, the gradient (g - mean g) / sqrt(epsilon), and 0 for
 * epsilon = 0; so to order 2. A cotangent that is constant along a row gives exact zeros on any row. */
static void test_constant_rows(void **state)
{
    (void)state;
    double row_of[7], seed[7] = {1, 0, 0, 0, 0, 0, 0};
    for (double level = 0.1; level < 1e6; level *= 7.3)
        for (size_t e = 0; e < sizeof epsilons / sizeof *epsilons; e++) {
            wg_tape *tape = wg_tape_new(WG_F64);
            for (size_t i = 0; i < 7; i++) row_of[i] = level;
            wg_var x = wg_variable_f64(tape, WG_DIMS(1, 7), row_of), none = {0}, grad, twice;
            wg_var y = wg_layer_norm(x, none, none, 1, epsilons[e]), g = wg_constant_f64(tape, WG_DIMS(1, 7), seed);
            double inverse = epsilons[e] > 0 ? 1 / sqrt(epsilons[e]) : 0;
            assert_int_equal(wg_backward_from(y, seed), WG_OK);
            assert_int_equal(wg_vjp(y, g, &x, 1, &grad), WG_OK);
            assert_int_equal(wg_vjp(grad, g, &x, 1, &twice), WG_OK);
            for (size_t i = 0; i < 7; i++) {
                double expected = ((i == 0) - 1. / 7) * inverse;
                assert_true(wg_at(y, i) == 0);
                assert_true(fabs(wg_grad_at(x, i) - expected) <= 4 * DBL_EPSILON * inverse);
                assert_true(wg_at(grad, i) == wg_grad_at(x, i));
                assert_true(wg_at(twice, i) == 0);
                row_of[i] = sin((double)i);
                seed[i] = 0.7;
            }
            wg_zero_grad(tape);
            wg_var other = wg_variable_f64(tape, WG_DIMS(1, 7), row_of);
            assert_int_equal(wg_backward_from(wg_layer_norm(other, none, none, 1, epsilons[e]), seed), WG_OK);
            for (size_t i = 0; i < 7; i++) {
                assert_true(wg_grad_at(other, i) == 0);
                seed[i] = i == 0;
            }
            wg_tape_free(tape);
        }
}

/* Squares that overflow or underflow; NaN and infinity make their row NaN, and no other. */
static void test_extremes(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var none = {0};
    double scales[] = {1e-320, 1e-300, 1e-170, 1e160, 1e300};
    for (size_t i = 0; i < sizeof scales / sizeof *scales; i++) {
        double s = scales[i];
        wg_var x = wg_constant_f64(tape, WG_DIMS(4), (double[]){3 * s, -3 * s, s, -s});
        wg_var layer = wg_layer_norm(x, none, none, 1, 0), rms = wg_rms_norm(x, none, 1, 0);
        for (size_t k = 0; k < 4; k++) {
            double expected = (k < 2 ? 3 : 1) * (k % 2 ? -1 : 1) / sqrt(5), allowed = s < 1e-310 ? 1e-2 : 1e-15;
            assert_true(fabs(wg_at(layer, k) - expected) <= allowed);
            assert_true(fabs(wg_at(rms, k) - expected) <= allowed);
        }
    }
    wg_var x = wg_variable_f64(tape, WG_DIMS(3, 2), (double[]){1, (double)NAN, (double)INFINITY, 1, 1, 3});
    wg_var y = wg_layer_norm(x, none, none, 1, 0);
    for (size_t i = 0; i < 4; i++) assert_true(isnan(wg_at(y, i)));
    assert_true(wg_at(y, 4) == -1 && wg_at(y, 5) == 1);
    wg_tape_free(tape);
}

/* Vectors: 3-4-5; below epsilon x / epsilon; the vector 0. */
static void test_lengths(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_variable_f64(tape, WG_DIMS(3, 2), (double[]){3, 4, 0, 0, 0.03, 0.04});
    wg_var y = wg_normalize(x, -1, 0.5), bare = wg_normalize(x, 1, 0), twice, grad;
    const double expected[] = {0.6, 0.8, 0, 0, 0.06, 0.08}, unit[] = {0.6, 0.8, 0, 0, 0.6, 0.8},
                 seed[] = {1, 0, 1, 0, 1, 0};
    for (size_t i = 0; i < 6; i++) {
        assert_true(fabs(wg_at(y, i) - expected[i]) <= 1e-16);
        assert_true(fabs(wg_at(bare, i) - unit[i]) <= 2e-16);
    }
    assert_int_equal(wg_backward_from(y, seed), WG_OK);
    const double slopes[] = {0.64 / 5, -0.48 / 5, 2, 0, 2, 0};
    for (size_t i = 0; i < 6; i++) assert_true(fabs(wg_grad_at(x, i) - slopes[i]) <= 1e-15);
    wg_var g = wg_constant_f64(tape, WG_DIMS(3, 2), seed);
    assert_int_equal(wg_vjp(bare, g, &x, 1, &grad), WG_OK);
    assert_int_equal(wg_vjp(grad, g, &x, 1, &twice), WG_OK);
    for (size_t i = 2; i < 4; i++) assert_true(wg_at(grad, i) == 0 && wg_at(twice, i) == 0);
    assert_true(fabs(wg_at(grad, 4) - 12.8) <= 1e-13);
    wg_var alone = wg_variable_f64(tape, WG_DIMS(2, 1), (double[]){3, -0.7}), sign = wg_normalize(alone, 1, 1e-12);
    assert_true(wg_at(sign, 0) == 1 && wg_at(sign, 1) == -1);
    assert_int_equal(wg_backward_from(sign, seed), WG_OK);
    assert_true(fabs(wg_grad_at(alone, 0)) <= DBL_EPSILON / 3 && wg_grad_at(alone, 1) == 0);
    wg_tape_free(tape);
}

/* ---- errors --------------------------------------------------------------------------------------------------------------------- */

static void test_errors(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_name(wg_variable_f64(tape, WG_DIMS(2, 6, 3), NULL), "x"),
           w = wg_name(wg_variable_f64(tape, WG_DIMS(6), NULL), "w"), last = wg_variable_f64(tape, WG_DIMS(3), NULL),
           line = wg_variable_f64(tape, WG_DIMS(4), NULL), none = {0}, bad = {tape, UINT32_MAX, 0}, mean, variance;
    wg_var nothing = wg_variable_f64(tape, WG_DIMS(0, 2), NULL), indices = wg_indices(tape, WG_DIMS(6), NULL);
    wg_stats before, after;
    wg_tape_stats(tape, &before);
    assert_false(wg_ok(wg_layer_norm(x, w, none, 1, 1e-5)));
    point_expect_error(tape, WG_ERROR_SHAPE, "layer_norm: ", "weight w (6)", "(3)", "x (2,6,3)", NULL);
    wg_layer_norm(x, last, w, 1, 1e-5);
    point_expect_error(tape, WG_ERROR_SHAPE, "layer_norm: ", "bias w (6)", "(3)", NULL);
    wg_layer_norm(x, last, none, 2, 1e-5);
    point_expect_error(tape, WG_ERROR_SHAPE, "layer_norm: ", "(6,3)", NULL);
    wg_layer_norm(x, none, none, 0, 1e-5);
    point_expect_error(tape, WG_ERROR_SHAPE, "layer_norm: ", "0 axes", "x (2,6,3)", NULL);
    wg_rms_norm(x, none, 4, 1e-5);
    point_expect_error(tape, WG_ERROR_SHAPE, "rms_norm: ", "4 axes", "x (2,6,3)", NULL);
    wg_rms_norm(x, none, 1, -1e-5);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "rms_norm: ", "epsilon", "-1e-05", NULL);
    wg_layer_norm(x, none, none, 1, (double)NAN);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "layer_norm: ", "epsilon", NULL);
    wg_layer_norm(none, none, last, 1, 0);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "layer_norm: ", "argument 1", NULL);
    wg_layer_norm(x, none, bad, 1, 0);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "layer_norm: ", "argument 3", NULL);
    assert_null(wg_layer_norm(none, none, none, 1, 0).tape);

    wg_group_norm(x, 4, w, w, 0);
    point_expect_error(tape, WG_ERROR_SHAPE, "group_norm: ", "4 groups", "6 channels", "x (2,6,3)", NULL);
    wg_group_norm(x, 0, w, w, 0);
    point_expect_error(tape, WG_ERROR_SHAPE, "group_norm: ", "0 groups", NULL);
    wg_group_norm(x, 2, last, w, 0);
    point_expect_error(tape, WG_ERROR_SHAPE, "group_norm: ", "weight", "(3)", "(6)", NULL);
    wg_group_norm(line, 2, none, none, 0);
    point_expect_error(tape, WG_ERROR_SHAPE, "group_norm: ", "(N, C, ...)", "(4)", NULL);
    wg_instance_norm(x, w, last, 0);
    point_expect_error(tape, WG_ERROR_SHAPE, "instance_norm: ", "bias", "(6)", NULL);
    wg_instance_norm(x, indices, none, 0);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "instance_norm: ", "argument 2", "indices", NULL);

    wg_batch_norm(x, last, w, none, none, 0);
    point_expect_error(tape, WG_ERROR_SHAPE, "batch_norm: ", "mean", "(3)", "(6)", NULL);
    wg_batch_norm(x, w, w, none, last, 0);
    point_expect_error(tape, WG_ERROR_SHAPE, "batch_norm: ", "bias", "(3)", "(6)", NULL);
    wg_batch_norm(x, w, none, none, none, 0);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "batch_norm: ", "argument 3", NULL);
    wg_batch_norm(line, w, w, none, none, 0);
    point_expect_error(tape, WG_ERROR_SHAPE, "batch_norm: ", "(N, C, ...)", NULL);

    assert_int_equal(wg_batch_statistics(line, &mean, &variance), WG_ERROR_SHAPE);
    assert_false(wg_ok(mean) || wg_ok(variance));
    point_expect_error(tape, WG_ERROR_SHAPE, "batch_statistics: ", "(N, C, ...)", NULL);
    wg_batch_statistics(nothing, &mean, &variance);
    point_expect_error(tape, WG_ERROR_SHAPE, "batch_statistics: ", "(0,2)", NULL);
    wg_batch_statistics(x, NULL, &variance);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "batch_statistics: ", "mean is NULL", NULL);
    assert_int_equal(wg_batch_statistics(none, &mean, &variance), WG_ERROR_ARGUMENT);

    wg_normalize(x, 3, 1e-12);
    point_expect_error(tape, WG_ERROR_SHAPE, "normalize: ", "axis 3", "x (2,6,3)", NULL);
    wg_normalize(x, 0, (double)INFINITY);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "normalize: ", "epsilon", NULL);
    wg_tape_stats(tape, &after);
    assert_int_equal(before.nodes, after.nodes);
    wg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations),
        cmocka_unit_test(test_to_order_3),
        cmocka_unit_test(test_weights_to_order_3),
        cmocka_unit_test(test_training),
        cmocka_unit_test(test_offsets),
        cmocka_unit_test(test_constant_rows),
        cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_errors),
    };
    return row_main("ops/norm", rows, sizeof rows / sizeof *rows, tests, sizeof tests / sizeof *tests);
}
