/* What expressions mean: values against numbers worked out by hand (or by Python, where a comment gives its line), how
 * arguments become an op's, that every op can be called, and errors with their places. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "command/evaluation.h"

/* ---- arrays that expressions may name ----------------------------------------------------------------------------------- */

static double a_numbers[] = {1, 2, 3, 4, 5, 6};   /* A (2, 3) */
static double b_numbers[] = {1, -1, 2, 0, 3, -2}; /* B (3, 2) */
static double v_numbers[] = {1, 2, 4};            /* v (3) */
static double s_numbers[] = {4, 1, 1, 3};         /* S (2, 2), symmetric */
static double m_number[] = {5};                   /* m () */
static int64_t m_whole[] = {5};
static double half_number[] = {0.5};    /* half (1) */
static int64_t labels_whole[] = {2, 0}; /* labels (2) */
static double labels_numbers[] = {2, 0};
static int64_t key_whole[] = {7}; /* key () */
static double key_numbers[] = {7};
static int64_t hot_whole[] = {0, 0, 1, 1, 0, 0}; /* hot (2, 3) */
static double hot_numbers[] = {0, 0, 1, 1, 0, 0};
static double cube_numbers[24];              /* cube (2, 3, 4): 0 ... 23 */
static double image_numbers[2 * 4 * 4];      /* image (1, 2, 4, 4) */
static double kernel_numbers[3 * 2 * 2 * 2]; /* kernel (3, 2, 2, 2) */
static double dotted_numbers[] = {10, 20};   /* fc1.weight (2) */

#define NUMBERS(name, shape, data)                                                                                     \
    {                                                                                                                  \
        name, ARRAY_F64, {SHAPE shape}, sizeof data / sizeof *data, data, data                                         \
    }
#define SHAPE(rank, ...)                                                                                               \
    rank, { __VA_ARGS__ }
#define INTEGERS(name, shape, data, numbers)                                                                           \
    {                                                                                                                  \
        name, ARRAY_INTEGER, {SHAPE shape}, sizeof data / sizeof *data, data, numbers                                  \
    }

static array arrays[] = {
    NUMBERS("A", (2, 2, 3), a_numbers),
    NUMBERS("B", (2, 3, 2), b_numbers),
    NUMBERS("v", (1, 3), v_numbers),
    NUMBERS("S", (2, 2, 2), s_numbers),
    NUMBERS("half", (1, 1), half_number),
    NUMBERS("cube", (3, 2, 3, 4), cube_numbers),
    NUMBERS("image", (4, 1, 2, 4, 4), image_numbers),
    NUMBERS("kernel", (4, 3, 2, 2, 2), kernel_numbers),
    NUMBERS("fc1.weight", (1, 2), dotted_numbers),
    INTEGERS("m", (0, 0), m_whole, m_number),
    INTEGERS("labels", (1, 2), labels_whole, labels_numbers),
    INTEGERS("key", (0, 0), key_whole, key_numbers),
    INTEGERS("hot", (2, 2, 3), hot_whole, hot_numbers),
};
static const array_set set = {arrays, sizeof arrays / sizeof *arrays, NULL, 0};

/* Evaluates; the caller frees both. */
static evaluation *evaluate(const char *text, expression *steps, expression_error *error)
{
    if (!expression_parse(steps, text, error)) return NULL;
    evaluation *e = evaluation_new(&set);
    assert_non_null(e);
    if (evaluation_run(e, steps, error)) return e;
    evaluation_free(e);
    expression_free(steps);
    return NULL;
}

/* The elements of an expression's value, within rounding. */
static void is(const char *text, const double *expected, size_t n)
{
    char steps[1024];
    expression parsed;
    expression_error error;
    wg_var result = {0};
    (void)snprintf(steps, sizeof steps, "result = %s; sum(to_numbers([0])) + sum(0 * [1])", text);
    evaluation *e = evaluate(steps, &parsed, &error);
    if (!e) fail_msg("%s: column %zu: %s", text, error.at - 8, error.text);
    if (evaluation_find(e, "result", &result) != EVALUATION_FOUND) fail_msg("%s: no numbers", text);
    if (wg_size(result) != n) fail_msg("%s: %zu elements, not %zu", text, wg_size(result), n);
    const double *values = wg_value_f64(result);
    for (size_t i = 0; i < n; i++) {
        bool same = values[i] == expected[i] || (isnan(values[i]) && isnan(expected[i]));
        if (!same && !(fabs(values[i] - expected[i]) <= 4e-15 * fmax(1, fabs(expected[i]))))
            fail_msg("%s: element %zu is %.17g, not %.17g", text, i, values[i], expected[i]);
    }
    evaluation_free(e);
    expression_free(&parsed);
}

#define IS(text, ...) is(text, (const double[]){__VA_ARGS__}, sizeof((const double[]){__VA_ARGS__}) / sizeof(double))

/* A text fails at a column, from 1, in words. */
static void fails(const char *text, size_t column, const char *words)
{
    expression parsed;
    expression_error error;
    evaluation *e = evaluate(text, &parsed, &error);
    if (e) fail_msg("%s is accepted", text);
    if (error.at + 1 != column) fail_msg("%s: column %zu, not %zu: %s", text, error.at + 1, column, error.text);
    if (!strstr(error.text, words)) fail_msg("%s: \"%s\" does not say \"%s\"", text, error.text, words);
}

/* ---- numbers and operators ------------------------------------------------------------------------------------------------ */

static void test_plain_numbers(void **state)
{
    (void)state;
    /* Python's results. */
    IS("-2**2", -4);
    IS("(-2)**2", 4);
    IS("2**-1", 0.5);
    IS("2**3**2", 512);
    IS("2**-2**2", 0.0625);
    IS("-2**-2", -0.25);
    IS("7 // 2", 3);
    IS("-7 // 2", -4);
    IS("7 % -3", -2);
    IS("-7 % 3", 2);
    IS("7.5 % -2", -0.5);
    IS("-7.5 // 2", -4);
    IS("1 / 4 / 2", 0.125);
    IS("8 / 4 * 2", 4);
    IS("2 * 3 % 4", 2);
    IS("1 - 2 - 3", -4);
    IS("- - 3", 3);
    IS("+-3", -3);
    IS("10**2 - 1", 99);
    IS("0**0", 1);
    IS("(-1)**3", -1);
    IS("9223372036854775807 + 1", 9223372036854775808.0);
    IS("9223372036854775808", 9223372036854775808.0);
    IS("2**100", 1267650600228229401496703205376.0);
    IS("inf", INFINITY);
    IS("-inf", -INFINITY);
    IS("nan", NAN);
    IS("pi", 3.141592653589793);
    IS("1e-3 + 1_000 + .5", 1000.501);
    IS("m", 5);
    IS("m / 2", 2.5);
    IS("m // 2", 2);
    IS("1 / 0", INFINITY);
}

static void test_operators(void **state)
{
    (void)state;
    IS("A + 1", 2, 3, 4, 5, 6, 7);
    IS("1 - A", 0, -1, -2, -3, -4, -5);
    IS("A * v", 1, 4, 12, 4, 10, 24);
    IS("A / v", 1, 1, 0.75, 4, 2.5, 1.5);
    IS("-A[0]", -1, -2, -3);
    IS("+v", 1, 2, 4);
    IS("v ** 2", 1, 4, 16);
    IS("-v ** 2", -1, -4, -16);
    IS("v ** -1", 1, 0.5, 0.25);
    IS("2 ** v", 2, 4, 16);
    IS("v ** 3 ** 0.5 ** 0", 1, 8, 64);
    IS("v ** half", 1, sqrt(2), 2);
    IS("v % 3", 1, 2, 1);
    IS("v // 3", 0, 0, 1);
    IS("A @ B", 14, -7, 32, -16);
    IS("A @ v", 17, 38);
    IS("A.T", 1, 4, 2, 5, 3, 6);
    IS("A.T @ S", 8, 13, 13, 17, 18, 21);
    IS("B @ A - B @ A", 0, 0, 0, 0, 0, 0, 0, 0, 0);
    IS("A @ B @ S", 49, -7, 112, -16);
    IS("2 * A @ B", 28, -14, 64, -32);
    IS("v.T", 1, 2, 4);
    IS("m.T", 5);
    IS("v @ v", 21);
    IS("A * m", 5, 10, 15, 20, 25, 30);
    IS("A / half", 2, 4, 6, 8, 10, 12);
    IS("hot + 0.5", 0.5, 0.5, 1.5, 1.5, 0.5, 0.5);
    IS("labels * 2", 4, 0);
    IS("labels", 2, 0);
    IS("[1, 2, 3] * v", 1, 4, 12);
    IS("[[1, 0], [0, 2]] @ S", 4, 1, 2, 6);
    IS("[1, 2] + [0.5, 1 / 4]", 1.5, 2.25);
    IS("sum([])", 0);
    IS("fc1.weight.T + 1", 11, 21);
    IS("cube.T[0, 1]", 1, 5, 9); /* cube[0, :, 1] */
}

static void test_subscripts(void **state)
{
    (void)state;
    IS("v[0]", 1);
    IS("v[-1]", 4);
    IS("v[1:]", 2, 4);
    IS("v[:-1]", 1, 2);
    IS("v[::-1]", 4, 2, 1);
    IS("v[::2]", 1, 4);
    IS("v[-2:100]", 2, 4);
    IS("v[2:0:-1]", 4, 2);
    IS("A[1]", 4, 5, 6);
    IS("A[:, 1]", 2, 5);
    IS("A[1, 2]", 6);
    IS("A[1][2]", 6);
    IS("A[..., 0]", 1, 4);
    IS("A[0, ...]", 1, 2, 3);
    IS("A[...]", 1, 2, 3, 4, 5, 6);
    IS("A[:, ::-1][1]", 6, 5, 4);
    IS("A[0:1, 1:]", 2, 3);
    IS("A[none, 0, :, None][0, 1]", 2);
    IS("A * v[none, :]", 1, 4, 12, 4, 10, 24);
    IS("cube[1, 2, 3]", 23);
    IS("cube[1, ..., 3]", 15, 19, 23);
    IS("cube[:, 1:2, ::3]", 4, 7, 16, 19);
    IS("cube[-1, -1, -1:]", 23);
}

static void test_integers(void **state)
{
    (void)state;
    IS("take(v, labels, 0)", 4, 1);
    IS("v[labels]", 4, 1);
    IS("v[[0, -1]]", 1, 4);
    IS("A[:, labels]", 3, 1, 6, 4);
    IS("A[0:1, [[0], [2]]]", 1, 3);
    IS("take(v, [2, 2], 0)", 4, 4);
    IS("take(v, labels[::-1], 0)", 1, 4);
    IS("take(v, concat([labels, [1]], 0), 0)", 4, 1, 2);
    IS("take(v, reshape(labels, [2, 1]), 0)", 4, 1);
    IS("take(v, labels[0], 0)", 4);
    IS("take(v, argmax(A, 1, false), 0)", 4, 4);
    IS("concat([labels, [0.5]], 0)", 2, 0, 0.5);
    IS("sum_to(hot, [1, 3])", 1, 0, 1);
    IS("one_hot(labels, 3)", 0, 0, 1, 1, 0, 0);
    IS("to_numbers(labels)", 2, 0);
    IS("argmax(A, 1, false) + 0.5", 2.5, 2.5);
    /* Classes as indices, or as numbers of the logits' shape, integers or not. */
    double lse = log(exp(1) + exp(2) + exp(3));
    IS("cross_entropy(A, labels, 1, sum)", (lse - 3) + (lse - 1));
    IS("cross_entropy(A, hot, 1, sum)", (lse - 3) + (lse - 1));
    IS("cross_entropy(A, [2, 0], 1, mean)", ((lse - 3) + (lse - 1)) / 2);
    IS("nll(log_softmax(A, 1), labels, 1, mean)", ((lse - 3) + (lse - 1)) / 2);
    IS("cross_entropy_with(A, labels, 1, mean, ignores=true, ignore_index=0)", lse - 3);
    IS("cross_entropy(A, labels, 1, mean, ignores=true, ignore_index=0)", lse - 3);
    IS("cross_entropy_with(A, labels, 1, sum, weights=v)", 4 * (lse - 3) + (lse - 1));
    IS("cross_entropy_with(A, labels, 1, sum)", (lse - 3) + (lse - 1));
    IS("sum(uniform(key, [4], 0, 1) - uniform(7, [4], 0, 1))", 0);
    IS("dropout(v, key, 0)", 1, 2, 4);
    IS("to_numbers(arange(1, 7, 2))", 1, 3, 5);
    IS("rope([1, 2], [0][0], 10000, true)", 1, 2);
}

/* ---- arguments ------------------------------------------------------------------------------------------------------------ */

static void test_arguments(void **state)
{
    (void)state;
    IS("sum(A)", 21);
    IS("sum_axes(A, [0], true)", 5, 7, 9);
    IS("sum_axes(A, [0, -1], false)", 21);
    IS("sum_axes(A, [], false)", 1, 2, 3, 4, 5, 6);
    IS("sum_axes(A, 1, false)", 6, 15);
}

static void test_named_arguments(void **state)
{
    (void)state;
    IS("softmax(v * 0, axis=0)", 1.0 / 3, 1.0 / 3, 1.0 / 3);
    IS("sum_axes(A, keepdims=true, axes=[0])", 5, 7, 9);
    IS("sum(A, [0], true)", 5, 7, 9);
    IS("sum(A, axis=1)", 6, 15);
    IS("mean(A, [1])", 2, 5);
    IS("leaky_relu(-v, slope=0.5)", -0.5, -1, -2);
}

/* ---- errors --------------------------------------------------------------------------------------------------------------- */

static void test_errors(void **state)
{
    (void)state;
    fails("sum(A) + W9", 10, "there is no array W9; there are A, B, v");
    fails("sum(A @ A)", 7, "matmul: inner dimensions differ: A (2,3) @ A (2,3)");
    fails("sum(A + v[0:2])", 7, "A (2,3)");
    fails("x = sigmod(A); sum(x)", 5, "there is no op sigmod; did you mean sigmoid?");
    fails("sum(A.sum())", 5, "there is no op A.sum; ops are calls");
    fails("mse(A, A)", 1, "reduction is missing: mse(prediction, target, reduction)");
    fails("mse(A, A, mean, 3)", 17, "an argument too many: mse(prediction, target, reduction)");
    fails("mse(A, A, average)", 11, "one of these words is needed here: mean, sum, batch_mean");
    fails("sum(A) + tanh", 10, "tanh is an op");
    fails("A @ v", 3, "the last step is the loss, one number; this has shape (2,)");
}

int main(void)
{
    for (size_t i = 0; i < 24; i++) cube_numbers[i] = (double)i;
    for (size_t i = 0; i < sizeof image_numbers / sizeof *image_numbers; i++) image_numbers[i] = (double)(i % 5);
    for (size_t i = 0; i < sizeof kernel_numbers / sizeof *kernel_numbers; i++) kernel_numbers[i] = (double)(i % 3) - 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_numbers),
        cmocka_unit_test(test_operators),
        cmocka_unit_test(test_subscripts),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_named_arguments),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests_name("evaluate", tests, NULL, NULL);
}
