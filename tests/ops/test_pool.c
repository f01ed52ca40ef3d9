/* Pooling: against a look at each window's elements one by one; ties, NaN and infinities; windows at the edges. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "support/point.h"

typedef struct setting {
    wg_pool_options options;
    size_t spatial;
} setting;

/* ---- the reference ------------------------------------------------------------------------------------------------------ */

static size_t stride_of(const setting *s, size_t d)
{
    return s->options.stride[d] ? s->options.stride[d] : s->options.kernel[d];
}
static size_t dilation_of(const setting *s, size_t d) { return s->options.dilation[d] ? s->options.dilation[d] : 1; }

/* PyTorch's rule: windows that fit into the padded input; with ceil_mode also one that hangs over its end by less than a
 * stride, unless it would begin in the padding at the end. */
static size_t windows_along(const setting *s, size_t d, size_t extent)
{
    size_t padding = s->options.padding[d], reach = (s->options.kernel[d] - 1) * dilation_of(s, d) + 1, count = 0;
    for (size_t at = 0;; at += stride_of(s, d), count++) {
        bool fits = at + reach <= extent + 2 * padding;
        bool before_fits = at + reach < extent + 2 * padding + stride_of(s, d);
        if (!fits && !(s->options.ceil_mode && before_fits && at < extent + padding)) return count;
    }
}

/* What one window has: its elements' sum, maximum, their number, and the number of its taps in the padded input. */
typedef struct seen {
    long double sum, max;
    size_t inside, padded;
} seen;

static seen look(const setting *s, const array *x, const size_t *window)
{
    seen result = {.max = -(long double)INFINITY};
    uint32_t first = x->shape.rank - (uint32_t)s->spatial;
    wg_shape kernel = {.rank = (uint32_t)s->spatial};
    for (size_t d = 0; d < s->spatial; d++) kernel.dim[d] = s->options.kernel[d];
    for (size_t k = 0; k < shape_size(&kernel); k++) {
        size_t tap[WG_MAX_RANK], at[WG_MAX_RANK];
        bool inside = true, padded = true;
        shape_tuple(&kernel, k, tap);
        for (uint32_t d = 0; d < first; d++) at[d] = window[d];
        for (size_t d = 0; d < s->spatial; d++) {
            size_t place = window[first + d] * stride_of(s, d) + tap[d] * dilation_of(s, d);
            size_t padding = s->options.padding[d], extent = x->shape.dim[first + d];
            padded = padded && place < extent + 2 * padding;
            inside = inside && place >= padding && place - padding < extent;
            at[first + d] = place - padding;
        }
        result.padded += padded;
        if (!inside) continue;
        long double element = x->at[shape_flat(&x->shape, at)];
        result.inside++;
        result.sum += element;
        if (element > result.max) result.max = element;
    }
    return result;
}

static void pool(array *out, const array *in, const setting *s, bool max)
{
    wg_shape shape = in->shape;
    uint32_t first = shape.rank - (uint32_t)s->spatial;
    for (uint32_t d = 0; d < s->spatial; d++) shape.dim[first + d] = windows_along(s, d, shape.dim[first + d]);
    *out = array_new(shape);
    for (size_t i = 0; i < out->size; i++) {
        size_t window[WG_MAX_RANK];
        shape_tuple(&shape, i, window);
        seen w = look(s, in, window);
        size_t count = s->options.exclude_padding ? w.inside : w.padded;
        out->at[i] = max ? w.max : w.sum / (long double)count;
    }
}

static void reference_max(array *out, const array *in, size_t n, const void *user)
{
    (void)n;
    pool(out, in, user, true);
}
static void reference_avg(array *out, const array *in, size_t n, const void *user)
{
    (void)n;
    pool(out, in, user, false);
}

static wg_var apply_max(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    const setting *s = user;
    (void)tape, (void)n;
    return s->spatial == 1   ? wg_max_pool1d(in[0], &s->options)
           : s->spatial == 2 ? wg_max_pool2d(in[0], &s->options)
                             : wg_max_pool3d(in[0], &s->options);
}
static wg_var apply_avg(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    const setting *s = user;
    (void)tape, (void)n;
    return s->spatial == 1   ? wg_avg_pool1d(in[0], &s->options)
           : s->spatial == 2 ? wg_avg_pool2d(in[0], &s->options)
                             : wg_avg_pool3d(in[0], &s->options);
}

/* ---- rows --------------------------------------------------------------------------------------------------------------- */

#define WITH(spatial_, ...)                                                                                            \
    &(const setting)                                                                                                   \
    {                                                                                                                  \
        .spatial = spatial_, .options = { __VA_ARGS__ }                                                                \
    }

#define CASES_1D                                                                                                       \
    CASE_WITH(WITH(1, .kernel = {2}), 1, SHAPE(2, 3, 6)), CASE_WITH(WITH(1, .kernel = {1}), 1, SHAPE(2, 5)),           \
        CASE_WITH(WITH(1, .kernel = {3}, .stride = {1}, .padding = {1}), 1, SHAPE(2, 25)),                             \
        CASE_WITH(WITH(1, .kernel = {3}, .stride = {2}), 1, SHAPE(1, 2, 8)), /* the last element is not seen */        \
        CASE_WITH(WITH(1, .kernel = {3}, .stride = {2}, .ceil_mode = true), 1, SHAPE(1, 2, 8)),                        \
        CASE_WITH(WITH(1, .kernel = {3}, .stride = {2}, .ceil_mode = true), 1, SHAPE(1, 2, 7)),                        \
        CASE_WITH(WITH(1, .kernel = {2}, .stride = {3}, .padding = {1}, .ceil_mode = true), 1, SHAPE(1, 2, 6)),        \
        CASE_WITH(WITH(1, .kernel = {4}, .stride = {5}, .padding = {2}, .ceil_mode = true), 1, SHAPE(1, 8)),           \
        CASE_WITH(WITH(1, .kernel = {4}, .stride = {3}, .padding = {2}, .ceil_mode = true), 1, SHAPE(1, 7)),           \
        CASE_WITH(WITH(1, .kernel = {3}, .ceil_mode = true), 1, SHAPE(2, 2)), /* the only window hangs over */         \
        CASE_WITH(WITH(1, .kernel = {5}, .stride = {3}, .padding = {1}, .ceil_mode = true), 1, SHAPE(2, 1)),           \
        CASE_WITH(WITH(1, .kernel = {2}), 1, SHAPE(0, 3, 6)), CASE_WITH(WITH(1, .kernel = {2}), 1, SHAPE(2, 0, 6)),    \
        CASE_WITH(WITH(1, .kernel = {1}), 1, SHAPE(1, 1))
#define CASES_2D                                                                                                       \
    CASE_WITH(WITH(2, .kernel = {2, 2}), 1, SHAPE(2, 2, 4, 6)),                                                        \
        CASE_WITH(WITH(2, .kernel = {2, 3}), 1, SHAPE(2, 5, 7)), /* a row and a column not seen */                     \
        CASE_WITH(WITH(2, .kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}), 1, SHAPE(1, 2, 6, 5)),               \
        CASE_WITH(WITH(2, .kernel = {3, 2}, .stride = {1, 1}, .padding = {0, 1}), 1, SHAPE(3, 4, 3)),                  \
        CASE_WITH(                                                                                                     \
            WITH(2, .kernel = {3, 3}, .stride = {2, 3}, .padding = {1, 0}, .ceil_mode = true), 1, SHAPE(2, 6, 7)),     \
        CASE_WITH(WITH(2, .kernel = {2, 3}, .ceil_mode = true), 1, SHAPE(2, 1, 4)),                                    \
        CASE_WITH(WITH(2, .kernel = {1, 33}, .stride = {2, 1}), 1, SHAPE(1, 2, 34)),                                   \
        CASE_WITH(WITH(2, .kernel = {4, 5}), 1, SHAPE(1, 2, 4, 5)),                                                    \
        CASE_WITH(WITH(2, .kernel = {1, 1}), 1, SHAPE(1, 1, 1)),                                                       \
        CASE_WITH(WITH(2, .kernel = {2, 2}, .stride = {3, 3}), 1, SHAPE(1, 8, 8)),                                     \
        CASE_WITH(WITH(2, .kernel = {2, 2}), 1, SHAPE(0, 2, 4, 6))
#define CASES_3D                                                                                                       \
    CASE_WITH(WITH(3, .kernel = {2, 2, 2}), 1, SHAPE(2, 1, 4, 2, 5)),                                                  \
        CASE_WITH(WITH(3, .kernel = {2, 3, 2}, .stride = {1, 2, 2}, .padding = {1, 1, 0}), 1, SHAPE(1, 2, 5, 4)),      \
        CASE_WITH(WITH(3, .kernel = {3, 1, 2}, .stride = {2, 1, 3}, .ceil_mode = true), 1, SHAPE(2, 4, 2, 6))

static const row_case cases_max1d[] = {
    CASES_1D, CASE_WITH(WITH(1, .kernel = {3}, .stride = {1}, .padding = {1}, .dilation = {2}), 1, SHAPE(2, 7))};
static const row_case cases_max2d[] = {CASES_2D,
    CASE_WITH(WITH(2, .kernel = {2, 3}, .stride = {1, 2}, .padding = {1, 1}, .dilation = {2, 3}), 1, SHAPE(2, 4, 9))};
static const row_case cases_max3d[] = {CASES_3D};
#define INSIDE .exclude_padding = true
static const row_case cases_avg1d[] = {CASES_1D,
    CASE_WITH(WITH(1, .kernel = {3}, .stride = {1}, .padding = {1}, INSIDE), 1, SHAPE(2, 5)),
    CASE_WITH(WITH(1, .kernel = {4}, .stride = {3}, .padding = {2}, .ceil_mode = true, INSIDE), 1, SHAPE(1, 7))};
static const row_case cases_avg2d[] = {CASES_2D,
    CASE_WITH(
        WITH(2, .kernel = {3, 3}, .stride = {2, 3}, .padding = {1, 0}, .ceil_mode = true, INSIDE), 1, SHAPE(2, 6, 7)),
    CASE_WITH(WITH(2, .kernel = {2, 4}, .stride = {1, 1}, .padding = {1, 2}, INSIDE), 1, SHAPE(1, 2, 3, 4)),
    /* so many taps are summed in parts */
    CASE_WITH(WITH(2, .kernel = {6, 7}, .stride = {2, 1}, .padding = {3, 3}, INSIDE), 1, SHAPE(2, 5, 8))};
static const row_case cases_avg3d[] = {CASES_3D,
    CASE_WITH(WITH(3, .kernel = {2, 3, 2}, .stride = {1, 2, 2}, .padding = {1, 1, 0}, INSIDE), 1, SHAPE(1, 2, 5, 4))};

#define LARGEST                                                                                                        \
    .apply = apply_max, .reference = reference_max, .distinct = true, .pieces = true,                                  \
    .reads = {ROW_READS(0) | ROW_READS_RESULT}
#define AVERAGE                                                                                                        \
    .apply = apply_avg, .reference = reference_avg, .domain = {FROM(-2, 2)}, .roundings = 24, .sum = true,             \
    .pieces = true

static const row rows[] = {
    ROW(wg_max_pool1d, LARGEST, ROW_CASES(cases_max1d)),
    ROW(wg_max_pool2d, LARGEST, ROW_CASES(cases_max2d)),
    ROW(wg_max_pool3d, LARGEST, ROW_CASES(cases_max3d)),
    ROW(wg_avg_pool1d, AVERAGE, ROW_CASES(cases_avg1d)),
    ROW(wg_avg_pool2d, AVERAGE, ROW_CASES(cases_avg2d)),
    ROW(wg_avg_pool3d, AVERAGE, ROW_CASES(cases_avg3d)),
};

static void test_allocations(void **state)
{
    (void)state;
    row_fail_allocations(&rows[1], &cases_max2d[2]);
    row_fail_allocations(&rows[4], &cases_avg2d[2]);
}

/* ---- ties, NaN, infinities ------------------------------------------------------------------------------------------------ */

/* The gradient of a maximum over windows of 3, 2 apart, swept and recorded, in both dtypes. */
static void expect_shares(const double *x, const double *g, const double *y, const double *expected)
{
    for (int way = 0; way < 2; way++) {
        wg_dtype dtype = way ? WG_F64 : WG_F32;
        wg_tape *tape = wg_tape_new(dtype);
        wg_var leaf = wg_variable_f64(tape, WG_DIMS(1, 7), x), cotangent = wg_constant_f64(tape, WG_DIMS(1, 3), g),
               grad;
        wg_var out = wg_max_pool1d(leaf, &(wg_pool_options){.kernel = {3}, .stride = {2}});
        assert_int_equal(wg_backward_from(out, wg_value(cotangent)), WG_OK);
        assert_int_equal(wg_vjp(out, cotangent, &leaf, 1, &grad), WG_OK);
        for (size_t i = 0; i < 3; i++) assert_true(point_same(wg_at(out, i), y[i]));
        for (size_t i = 0; i < 7; i++) {
            double right = way ? expected[i] : (double)(float)expected[i];
            if (!point_same(wg_grad_at(leaf, i), right) || !point_same(wg_at(grad, i), right))
                fail_msg("%zu: swept %g, recorded %g, expected %g", i, wg_grad_at(leaf, i), wg_at(grad, i), right);
        }
        wg_tape_free(tape);
    }
}

static void test_ties(void **state)
{
    (void)state;
    const double inf = (double)INFINITY, nan = (double)NAN;
    expect_shares(
        (double[]){5, 1, 5, 5, 4, 2, 3}, (double[]){6, 8, 1}, (double[]){5, 5, 4}, (double[]){3, 0, 3 + 4, 4, 1, 0, 0});
    expect_shares(
        (double[]){2, 2, 2, 2, 2, 2, 2}, (double[]){3, 6, -9}, (double[]){2, 2, 2}, (double[]){1, 1, 3, 2, -1, -3, -3});
    expect_shares((double[]){1, nan, 2, 3, nan, nan, 0}, (double[]){6, 7, 8}, (double[]){nan, nan, nan},
        (double[]){0, 6, 0, 0, 7 + 4, 4, 0});
    expect_shares((double[]){-inf, -inf, -inf, inf, 1, 2, inf}, (double[]){3, 5, 7}, (double[]){-inf, inf, inf},
        (double[]){1, 1, 1, 5, 0, 0, 7});
    expect_shares((double[]){1, 2, 0, 3, 0, 4, 0}, (double[]){inf, nan, -inf}, (double[]){2, 3, 4},
        (double[]){0, inf, 0, nan, 0, -inf, 0});
}

/* Padding never wins, not even over negative numbers. */
static void test_padding(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_constant(tape, WG_DIMS(1, 2, 2), ((double[]){-4, -3, -2, -6}));
    wg_pool_options options = {.kernel = {2, 2}, .padding = {1, 1}};
    wg_var y = wg_max_pool2d(x, &options), mean = wg_avg_pool2d(x, &options);
    options.exclude_padding = true;
    wg_var inside = wg_avg_pool2d(x, &options);
    for (size_t i = 0; i < 4; i++) {
        assert_true(wg_at(y, i) == wg_at(x, i));
        assert_true(wg_at(mean, i) == wg_at(x, i) / 4);
        assert_true(wg_at(inside, i) == wg_at(x, i));
    }
    wg_tape_free(tape);
}

/* The derivative of the gradient with respect to the cotangent, at a tie: the mean over the tied. */
static void test_order_2_at_ties(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(1, 3), ((double[]){2, 1, 2})),
           g = wg_variable(tape, WG_DIMS(1, 1), (double[]){3});
    wg_var grad, again;
    assert_int_equal(wg_vjp(wg_max_pool1d(x, &(wg_pool_options){.kernel = {3}}), g, &x, 1, &grad), WG_OK);
    assert_int_equal(wg_vjp(grad, wg_constant(tape, WG_DIMS(1, 3), ((double[]){10, 100, 30})), &g, 1, &again), WG_OK);
    assert_true(wg_at(again, 0) == 20);
    assert_int_equal(wg_backward(wg_sum(wg_square(again))), WG_OK); /* constant in all of it */
    assert_true(wg_grad_at(x, 0) == 0 && wg_grad_at(g, 0) == 0);
    wg_tape_free(tape);
}

/* Forward: the mean of the tangents at the maxima; swept again, it is spread like any gradient. */
/* The mean of many equal numbers, summed in parts of no more than their square root: two roundings of that many. */
static void test_large_mean(void **state)
{
    (void)state;
    enum { N = 512 };
    static float numbers[N * N];
    wg_tape *tape = wg_tape_new(WG_F32);
    for (size_t i = 0; i < N * N; i++) numbers[i] = 0.1f;
    wg_var x = wg_variable_f32(tape, WG_DIMS(1, N, N), numbers);
    wg_var y = wg_avg_pool2d(x, &(wg_pool_options){.kernel = {N, N}});
    if (!wg_ok(y)) fail_msg("%s", wg_tape_message(tape));
    assert_true(fabs(wg_item(wg_sum(y)) / (double)0.1f - 1) < N * (double)FLT_EPSILON);
    wg_tape_free(tape);
}

static void test_forward(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(1, 4), ((double[]){2, 1, 2, 3})), tangent;
    wg_var v = wg_variable(tape, WG_DIMS(1, 4), ((double[]){10, 100, 30, 7}));
    wg_pool_options options = {.kernel = {3}, .stride = {1}};
    assert_int_equal(wg_jvp(wg_max_pool1d(x, &options), &x, &v, 1, &tangent), WG_OK);
    assert_true(wg_at(tangent, 0) == 20 && wg_at(tangent, 1) == 7);
    assert_int_equal(wg_backward(wg_sum(tangent)), WG_OK);
    const double expected[] = {0.5, 0, 0.5, 1};
    for (size_t i = 0; i < 4; i++) assert_true(wg_grad_at(v, i) == expected[i] && wg_grad_at(x, i) == 0);
    assert_int_equal(wg_jvp(wg_avg_pool1d(x, &options), &x, &v, 1, &tangent), WG_OK);
    assert_true(wg_at(tangent, 0) == 140.0 / 3 && wg_at(tangent, 1) == 137.0 / 3);
    wg_tape_free(tape);
}

/* ---- errors -------------------------------------------------------------------------------------------------------------- */

#define OPTIONS(...)                                                                                                   \
    &(wg_pool_options) { __VA_ARGS__ }

static void test_errors(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_name(wg_variable_f64(tape, WG_DIMS(2, 4, 5), NULL), "x");
    wg_stats before, after;
    wg_tape_stats(tape, &before);
    wg_max_pool2d(x, NULL);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "max_pool2d:", "options.kernel", NULL);
    wg_avg_pool2d(x, OPTIONS(.kernel = {2}));
    point_expect_error(tape, WG_ERROR_ARGUMENT, "avg_pool2d:", "options.kernel", NULL);
    wg_max_pool1d(x, OPTIONS(.kernel = {2, 2}));
    point_expect_error(tape, WG_ERROR_ARGUMENT, "max_pool1d:", "kernel", "axis 1", NULL);
    wg_max_pool2d(x, OPTIONS(.kernel = {2, 2}, .stride = {1}));
    point_expect_error(tape, WG_ERROR_ARGUMENT, "max_pool2d:", "stride (1,0)", NULL);
    wg_max_pool2d(x, OPTIONS(.kernel = {3, 3}, .padding = {2, 1}));
    point_expect_error(tape, WG_ERROR_ARGUMENT, "max_pool2d:", "padding (2,1)", "half the kernel (3,3)", NULL);
    wg_avg_pool2d(x, OPTIONS(.kernel = {2, 2}, .dilation = {2, 2}));
    point_expect_error(tape, WG_ERROR_ARGUMENT, "avg_pool2d:", "dilation", NULL);
    wg_max_pool2d(x, OPTIONS(.kernel = {2, 2}, .exclude_padding = true));
    point_expect_error(tape, WG_ERROR_ARGUMENT, "max_pool2d:", "exclude_padding", NULL);
    wg_avg_pool2d(x, OPTIONS(.kernel = {5, 2}));
    point_expect_error(tape, WG_ERROR_SHAPE, "avg_pool2d:", "kernel (5,2)", "larger", "x (2,4,5)", NULL);
    wg_avg_pool1d(x, OPTIONS(.kernel = {7}, .stride = {2}, .ceil_mode = true)); /* hangs over by a stride */
    point_expect_error(tape, WG_ERROR_SHAPE, "avg_pool1d:", "kernel (7)", "larger", "x (2,4,5)", NULL);
    wg_max_pool2d(x, OPTIONS(.kernel = {2, 2}, .padding = {1, 1}, .dilation = {5, 1}));
    point_expect_error(tape, WG_ERROR_SHAPE, "max_pool2d:", "sees nothing", "x (2,4,5)", NULL);
    wg_max_pool3d(wg_sum(x), OPTIONS(.kernel = {1, 1, 1}));
    point_expect_error(tape, WG_ERROR_SHAPE, "max_pool3d:", "(N, C, D, H, W)", NULL);
    wg_tape_stats(tape, &after);
    assert_int_equal(before.nodes + 1, after.nodes); /* the sum */
    wg_max_pool1d(wg_constant_f64(tape, WG_DIMS(1, 0), NULL), OPTIONS(.kernel = {2}, .padding = {1}));
    point_expect_error(tape, WG_ERROR_SHAPE, "max_pool1d:", "sees nothing", NULL);
    wg_avg_pool1d(wg_indices(tape, WG_DIMS(1, 2), NULL), OPTIONS(.kernel = {2}));
    point_expect_error(tape, WG_ERROR_ARGUMENT, "avg_pool1d", "indices", NULL);
    assert_true(wg_ok(wg_max_pool2d(x, OPTIONS(.kernel = {2, 2}, .stride = {SIZE_MAX, SIZE_MAX}, .ceil_mode = true))));
    assert_null(wg_max_pool1d((wg_var){0}, NULL).tape);
    wg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations),
        cmocka_unit_test(test_ties),
        cmocka_unit_test(test_padding),
        cmocka_unit_test(test_order_2_at_ties),
        cmocka_unit_test(test_large_mean),
        cmocka_unit_test(test_forward),
        cmocka_unit_test(test_errors),
    };
    return row_main("ops/pool", rows, sizeof rows / sizeof *rows, tests, sizeof tests / sizeof *tests);
}
