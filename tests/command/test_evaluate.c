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
static int64_t mask_whole[] = {1, 0}; /* mask (2), of booleans */
static double mask_numbers[] = {1, 0};
static double cube_numbers[24];              /* cube (2, 3, 4): 0 ... 23 */
static double image_numbers[2 * 4 * 4];      /* image (1, 2, 4, 4) */
static double kernel_numbers[3 * 2 * 2 * 2]; /* kernel (3, 2, 2, 2) */
static double dotted_numbers[] = {10, 20};   /* fc1.weight (2) */

#define NUMBERS(name, shape, data)                                                                                     \
    {                                                                                                                  \
        name, ARRAY_F64, {SHAPE shape}, sizeof data / sizeof *data, data, data, false                                  \
    }
#define SHAPE(rank, ...)                                                                                               \
    rank, { __VA_ARGS__ }
#define INTEGERS(name, shape, data, numbers)                                                                           \
    {                                                                                                                  \
        name, ARRAY_INTEGER, {SHAPE shape}, sizeof data / sizeof *data, data, numbers, false                           \
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
    {"mask", ARRAY_INTEGER, {SHAPE(1, 2)}, 2, mask_whole, mask_numbers, true},
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
    IS("1 // 0.1", 9);
    IS("-5 // inf", -1);
    IS("v[7 // -1 + 9]", 4);
    IS("7 % -1", 0);
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
    IS("mask * 3", 3, 0);
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
    IS("sum_axes(A, [1], False)", 6, 15);
    IS("sum_axes(cube, labels, false)", 60, 92, 124); /* labels is [2, 0] */
    IS("sum_axes(A, [m - 4], false)", 6, 15);
    IS("cumsum(v, 0)", 1, 3, 7);
    IS("softmax([0, 0], -1)", 0.5, 0.5);
    IS("leaky_relu(-v, 1 / 4)", -0.25, -0.5, -1);
    IS("leaky_relu(-v, half)", -0.5, -1, -2);
    IS("clamp(v, -inf, 2)", 1, 2, 2);
    IS("polygamma(1, 1)", 1.6449340668482264); /* pi^2 / 6 */
    IS("diff(v, 1, 0)", 1, 2);
    IS("reshape(A, [3, 2])[2]", 5, 6);
    IS("reshape(A, [-1, 2])[2]", 5, 6);
    IS("reshape(A, [-1])", 1, 2, 3, 4, 5, 6);
    IS("reshape(m, [])", 5);
    IS("broadcast_to(half, [2, 2])", 0.5, 0.5, 0.5, 0.5);
    IS("expand(v[none], [2, -1])", 1, 2, 4, 1, 2, 4);
    IS("permute(cube, [2, 0, 1])[1, 0]", 1, 5, 9);
    IS("slice(v, 0, none, none, -1)", 4, 2, 1);
    IS("slice(v, 0, 1, none, 1)", 2, 4);
    IS("select(A, 1, -1)", 3, 6);
    IS("concat([v, v[:1]], 0)", 1, 2, 4, 1);
    IS("concat(v, 0)", 1, 2, 4);
    IS("stack([v, 2 * v], 1)", 1, 2, 2, 4, 4, 8);
    IS("stack([m, 1, half[0]], 0)", 5, 1, 0.5);
    IS("tile(v, [2])", 1, 2, 4, 1, 2, 4);
    IS("roll(v, -1, 0)", 2, 4, 1);
    IS("pad(v, [1, 2], constant, 9)", 9, 1, 2, 4, 9, 9);
    IS("pad(v, [1, 1], pad_circular, 0)", 4, 1, 2, 4, 1);
    IS("pad(v, [1, 1], replicate, 0)", 1, 1, 2, 4, 4);
    IS("tensordot(A, B, [1], [0])", 14, -7, 32, -16);
    IS("einsum(\"ij,jk->ik\", [A, B])", 14, -7, 32, -16);
    IS("einsum('ij->ji', [A])[2]", 3, 6);
    IS("einsum('i->', v)", 7);
    IS("mse(v, v + 2, mean)", 4);
    IS("mse(v, v + 2, sum)", 12);
    IS("mse(A, A + 1, batch_mean)", 2);
    IS("mse(v, v + 2, \"mean\")", 4);
    IS("triangular_solve([[2, 0], [1, 4]], [2, 9], false)", 1, 2);
    IS("layer_norm([1, 3], none, none, 1, 0)", -1, 1);
    IS("layer_norm([1, 3], [2, 2], None, axes=1, epsilon=0)", -2, 2);
    IS("detach(v) * 2", 2, 4, 8);
    IS("where(less(v, 2), 0, v)", 0, 2, 4);
    IS("gru_cell([0], [1], [[0], [0], [0]], [[0], [0], [0]], none, none)", 0.5);
}

static void test_named_arguments(void **state)
{
    (void)state;
    IS("softmax(v * 0, axis=0)", 1.0 / 3, 1.0 / 3, 1.0 / 3);
    IS("sum_axes(A, keepdims=true, axes=[0])", 5, 7, 9);
    IS("sum_axes(x=A, keepdims=true, axes=[0])", 5, 7, 9);
    IS("leaky_relu(-v, slope=0.5)", -0.5, -1, -2);
    /* Flags that are left out are false. */
    IS("sum_axes(A, [1])", 6, 15);
    IS("sort(-v, 0)", -4, -2, -1);
    /* What does not fit an op may fit the one for axes. */
    IS("sum(A, [0], true)", 5, 7, 9);
    IS("sum(A, axis=1)", 6, 15);
    IS("mean(A, [1])", 2, 5);
    IS("variance(v, 0)", 14.0 / 9);
    IS("variance(A, axis=1, correction=1)", 1, 1);
    IS("sum(max(A, axis=-1))", 9);
}

static void test_options(void **state)
{
    (void)state;
    /* image is 0, 1, 2, 3, 4, 0 ... in rows of 4. */
    IS("avg_pool2d(image[0, 0][none], kernel=[2, 2])", 1.25, 2, 3, 1.25);
    IS("avg_pool2d(image[0, 0][none], kernel=2)", 1.25, 2, 3, 1.25);
    IS("max_pool2d(image[0, :1], kernel=[2, 2], stride=[2, 2])", 4, 3, 4, 4);
    IS("max_pool1d([[1, 5, 2, 7]], kernel=2, stride=1)", 5, 5, 7);
    IS("conv1d([[1, 2, 3]], [[[1, 1]]])", 3, 5);
    IS("conv1d([[1, 2, 3]], [[[1, 1]]], none)", 3, 5);
    IS("conv1d([[1, 2, 3]], [[[1, 1]]], padding=1)", 1, 3, 5, 3);
    IS("conv1d([[1, 2, 3]], [[[1, 1]]], padding=[1], stride=[2])", 1, 5);
    IS("sum(conv2d(image, kernel, stride=1)) - sum(conv2d(image, kernel))", 0);
    IS("conv1d([[1, 2], [3, 4]], [[[1]], [[10]]], groups=2)", 1, 2, 30, 40);
    IS("im2col([[[1, 2], [3, 4]]], kernel=[1, 2])", 1, 3, 2, 4);
    IS("avg_pool1d([[1, 2, 3]], kernel=2, ceil_mode=true)", 1.5, 3);
    IS("attention([[1, 0]], [[1, 0], [1, 0]], [[2], [4]], none)", 3);
    IS("attention([[1, 0]], [[1, 0], [1, 0]], [[2], [4]], none, causal=true)", 2);
    IS("attention([[0]], [[0], [9]], [[2], [4]], [[0, -inf]], scale=2.5)", 2);
}

static void test_several_results(void **state)
{
    (void)state;
    IS("topk(v, 2, 0)[0]", 4, 2);
    IS("topk(v, 2, 0)[1] + 0", 2, 1);
    IS("topk(v, 2, 0)[-1] + 0", 2, 1);
    IS("split(A, 2, 0)[1]", 4, 5, 6);
    IS("split_sizes(v, [1, 2], 0)[1]", 2, 4);
    IS("unstack(A, 1)[2]", 3, 6);
    IS("stack(unstack(A, -1), 0)", 1, 4, 2, 5, 3, 6);
    IS("slogdet(S)[1]", log(11));
    IS("qr(S)[0] @ qr(S)[1]", 4, 1, 1, 3);
}

/* As deep as the parser allows, which is no depth for a stack. */
static void test_deep(void **state)
{
    (void)state;
    char text[1024];
    size_t used = 0;
    for (size_t i = 0; i < 180; i++) used += (size_t)snprintf(text + used, sizeof text - used, "neg(");
    used += (size_t)snprintf(text + used, sizeof text - used, "m");
    for (size_t i = 0; i < 180; i++) used += (size_t)snprintf(text + used, sizeof text - used, ")");
    IS(text, 5);
    static char terms[4096];
    used = (size_t)snprintf(terms, sizeof terms, "Z = v");
    for (size_t i = 0; i < 990; i++) used += (size_t)snprintf(terms + used, sizeof terms - used, "+v");
    (void)snprintf(terms + used, sizeof terms - used, "; sum(Z)");
    expression steps;
    expression_error error;
    evaluation *e = evaluate(terms, &steps, &error);
    if (!e) fail_msg("%s", error.text);
    assert_true(wg_item(evaluation_loss(e)) == 991 * 7);
    evaluation_free(e);
    expression_free(&steps);
}

/* ---- names ------------------------------------------------------------------------------------------------------------------ */

/* The name that the tape has for the value called so. */
static void has_name(evaluation *e, const char *called, const char *name)
{
    wg_var var;
    wg_node_info info;
    assert_int_equal(evaluation_find(e, called, &var), EVALUATION_FOUND);
    assert_int_equal(wg_node_read(var, &info), WG_OK);
    assert_non_null(info.name);
    assert_string_equal(info.name, name);
}

static evaluation *fine(const char *text, expression *steps)
{
    expression_error error;
    evaluation *e = evaluate(text, steps, &error);
    if (!e) fail_msg("%s: column %zu: %s", text, error.at + 1, error.text);
    return e;
}

static void test_names(void **state)
{
    (void)state;
    expression steps;
    wg_var var, other;
    wg_node_info info;
    evaluation *e = fine("Z = A @ B\nq, r = qr(Z); k = 2; w = [1, 2]; C = A; t = unstack(Z, 0); n = m\n"
                         "i = argmax(Z, 0, false); L = sum(k * q) + sum(r) + sum(w) + sum(C) / n + sum(t[0])",
        &steps);
    has_name(e, "Z", "Z");
    has_name(e, "q", "q");
    has_name(e, "r", "r");
    has_name(e, "k", "k");
    has_name(e, "w", "w");
    has_name(e, "L", "L");
    has_name(e, "A", "A");
    has_name(e, "C", "A"); /* another name of the array */
    has_name(e, "n", "m");
    assert_int_equal(evaluation_find(e, "t", &var), EVALUATION_SEVERAL);
    assert_int_equal(evaluation_find(e, "i", &var), EVALUATION_INDICES);
    assert_int_equal(evaluation_find(e, "W9", &var), EVALUATION_NO_SUCH);
    assert_int_equal(evaluation_find(e, "A", &var), EVALUATION_FOUND);
    assert_int_equal(evaluation_find(e, "C", &other), EVALUATION_FOUND);
    assert_int_equal(var.index, other.index);
    assert_int_equal(evaluation_find(e, "L", &var), EVALUATION_FOUND);
    assert_int_equal(var.index, evaluation_loss(e).index);
    assert_true(evaluation_uses(e, "A"));
    assert_false(evaluation_uses(e, "S"));
    assert_int_equal(evaluation_find(e, "S", &var), EVALUATION_FOUND); /* a leaf, if an idle one */
    evaluation_free(e);
    expression_free(&steps);

    e = fine("sum(A[labels[1:]])", &steps);
    assert_int_equal(wg_node_read(evaluation_loss(e), &info), WG_OK);
    assert_string_equal(info.name, "loss");
    assert_int_equal(evaluation_find(e, "labels", &var), EVALUATION_INDICES);
    evaluation_free(e);
    expression_free(&steps);

    e = fine("L = sum(A); L", &steps);
    assert_int_equal(wg_node_read(evaluation_loss(e), &info), WG_OK);
    assert_string_equal(info.name, "L");
    evaluation_free(e);
    expression_free(&steps);
}

static void test_variables(void **state)
{
    (void)state;
    expression steps;
    expression_error error;
    const char *text = "Z = A * hot + m; sum(Z * Z)";
    assert_true(expression_parse(&steps, text, &error));
    evaluation *e = evaluation_new(&set);
    assert_true(evaluation_make_variable(e, "A"));
    assert_true(evaluation_make_variable(e, "hot")); /* integers, as numbers */
    assert_true(evaluation_make_variable(e, "m"));
    assert_false(evaluation_make_variable(e, "W9"));
    assert_true(evaluation_run(e, &steps, &error));
    wg_var A, hot, m;
    assert_int_equal(evaluation_find(e, "A", &A), EVALUATION_FOUND);
    assert_int_equal(evaluation_find(e, "hot", &hot), EVALUATION_FOUND);
    assert_int_equal(evaluation_find(e, "m", &m), EVALUATION_FOUND);
    assert_int_equal(wg_backward(evaluation_loss(e)), WG_OK);
    /* d sum (a h + m)^2 = 2 (a h + m) times h, a, 1. */
    double sum = 0;
    for (size_t i = 0; i < 6; i++) {
        double z = a_numbers[i] * hot_numbers[i] + 5;
        assert_true(wg_grad_at(A, i) == 2 * z * hot_numbers[i]);
        assert_true(wg_grad_at(hot, i) == 2 * z * a_numbers[i]);
        sum += 2 * z;
    }
    assert_true(wg_grad_at(m, 0) == sum);
    evaluation_free(e);
    expression_free(&steps);

    /* A variable cannot be a setting or an index. */
    static const struct {
        const char *text, *variable, *words;
        size_t column;
    } wrong[] = {{"sum(leaky_relu(A, half))", "half", "half is a setting of the op here", 19},
        {"sum(take(v, labels, 0))", "labels", "labels is used as indices", 13}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_true(expression_parse(&steps, wrong[i].text, &error));
        e = evaluation_new(&set);
        assert_true(evaluation_make_variable(e, wrong[i].variable));
        assert_false(evaluation_run(e, &steps, &error));
        assert_int_equal(error.at + 1, wrong[i].column);
        assert_non_null(strstr(error.text, wrong[i].words));
        evaluation_free(e);
        expression_free(&steps);
    }
}

/* ---- errors --------------------------------------------------------------------------------------------------------------- */

static void test_errors_of_names(void **state)
{
    (void)state;
    fails("sum(A) + W9", 10, "there is no array W9; there are: A, B, v, S");
    fails("Z = A; sum(Y)", 12, "hot, mask, Z");
    fails("x = sigmod(A); sum(x)", 5, "there is no op sigmod; did you mean sigmoid?");
    fails("x = mtamul(A, B)", 5, "did you mean matmul?");
    fails("x = zzzzzz(A)", 5, "there is no op zzzzzz; wengert ops lists them");
    fails("sum(np.tanh(A))", 5, "there is no op np.tanh; did you mean tanh?");
    fails("sum(torch.sigmod(A))", 5, "there is no op torch.sigmod; did you mean sigmoid?");
    fails("wg_sum(A)", 1, "there is no op wg_sum; did you mean sum?");
    fails("sum(A.sum())", 5, "there is no op A.sum; ops are calls");
    fails("sum(A) + tanh", 10, "tanh is an op");
    fails("Z = A; Z = B; sum(Z)", 8, "there is a step Z already");
    fails("A = B; sum(A)", 1, "A is an array; a step needs another name");
    fails("q, q = qr(S); sum(q)", 4, "there is a step q already");
    fails("true = A; sum(A)", 1, "true cannot be a step's name");
    fails("Z = none; sum(A)", 5, "none is no value");
    fails("A @ B; sum(A)", 3, "a step without a name");
    fails("a, b = A; sum(a)", 8, "2 names for 1 result");
    fails("a, b, c = qr(S); sum(a)", 11, "3 names for 2 results");
    fails("a, b = qr(S)", 8, "the last step is the loss, one value");
    fails("Z = true; sum(A)", 5, "an array or a number is needed");
    fails("sum('A')", 5, "a text is no value");
}

static void test_errors_of_calls(void **state)
{
    (void)state;
    fails("mse(A, A)", 1, "reduction is missing: mse(prediction, target, reduction)");
    fails("mse(A, A, mean, 3)", 17, "an argument too many: mse(prediction, target, reduction)");
    fails("mse(A, A, average)", 11, "one of these words is needed here: mean, sum, batch_mean");
    fails("mse(A, A, 1)", 11, "one of these words is needed here");
    fails("mse(A, A, mean, prediction=A)", 17, "prediction is given twice");
    fails("mse(A, A, size=2)", 11, "there is no parameter size");
    fails("mse(A, target=A, mean)", 18, "an argument without a name after");
    fails("sum(sum_axes(A, [0], 1))", 22, "true or false is needed");
    fails("sum(sum_axes(A, [0.5], true))", 18, "an integer is needed");
    fails("sum(sum_axes(A, v, true))", 17, "an integer is needed");
    fails("sum(sum_axes(A, A @ v, true))", 19, "a list of integers is needed");
    fails("sum(softmax(A, 1.0))", 16, "an integer is needed");
    fails("sum(softmax(A, 3000000000))", 16, "3000000000 is too large");
    fails("sum(tile(A, [2, -1]))", 17, "-1 is negative");
    fails("sum(reshape(A, [1, 2, 3, 4, 5, 6, 7, 8, 9]))", 16, "9 axes; at most 8");
    fails("sum(reshape(A, [-1, -1]))", 16, "a second -1");
    fails("sum(reshape(A, [-2, 3]))", 16, "a negative extent");
    fails("sum(reshape(A, [-1, 4]))", 16, "no extent in the place of -1 gives 6 elements");
    fails("sum(broadcast_to(A, [-1, 3]))", 22, "-1 is negative");
    fails("sum(leaky_relu(A, v))", 19, "a plain number is needed");
    fails("sum(leaky_relu(A, sum(v)))", 19, "a plain number is needed");
    fails("sum(einsum(A, [A]))", 12, "a text in quotes is needed");
    fails("sum(take(A, v, 0))", 13, "indices are integers, and v is not");
    fails("sum(take(A, [0.5], 0))", 13, "indices are integers, and this is not");
    fails("sum(A[v])", 7, "an index is an integer");
    fails("sum(A[0, 1, 2])", 13, "an index too many: there are 2 axes");
    fails("sum(A[..., ...])", 12, "a second ...");
    fails("sum(A[5])", 7, "5");
    fails("sum(A[::0])", 7, "slice");
    fails("sum(A[0.5])", 7, "an integer is needed");
    fails("sum(A[mask])", 7, "mask holds booleans, which are no indices");
    fails("m2 = mask; sum(A[:, m2])", 21, "mask holds booleans");
    fails("sum(A[labels, 0])", 7, "use take(x, indices, axis)");
    fails("sum(qr(S))", 5, "these are 2 results");
    fails("sum(qr(S)[2])", 11, "there are 2 results, counted from 0");
    fails("sum(qr(S)[:])", 11, "take one by [0]");
    fails("sum(conv1d(A[none], A[none], 2))", 30, "settings are given by their names, such as stride=...");
    fails("sum(conv1d(A, A[none], stride=[1, 1]))", 31, "2 entries, and 1 axes");
    fails("sum(conv1d(A, A[none], strides=[1]))", 24, "there is no parameter strides");
    fails("sum([[1, 2], [3]])", 14, "differ in length");
    fails("sum([[1, 2], 3])", 14, "not alike");
    fails("sum([1, [2]])", 9, "not alike");
    fails("sum([A, A])", 6, "stack([a, b], 0)");
    fails("sum([[[[[[[[[1]]]]]]]]])", 13, "no more than 8 axes");
    fails("sum(none)", 1, "sum needs an array in the place of none");
    fails("sum(A + none)", 9, "none is no array");
}

/* What the tape says, at the place of the call or operator. */
static void test_errors_of_the_tape(void **state)
{
    (void)state;
    fails("sum(A @ A)", 7, "matmul: inner dimensions differ: A (2,3) @ A (2,3)");
    fails("sum(A + v[0:2])", 7, "A (2,3)");
    fails("Z = A @ B; sum(tanh(Z) - A)", 24, "A (2,3)");
    fails("sum(softmax(A, 2))", 5, "softmax");
    fails("sum(v) + sum(m.T @ v)", 18, "matmul");
    fails("A @ v", 3, "the last step is the loss, one number; this has shape (2,)");
    fails("L = A", 5, "this has shape (2, 3)");
    fails("L = 3", 5, "a plain number");
    fails("sum(take(v, [3], 0))", 5, "3");
    fails("sum(1 @ 2)", 7, "matmul");
    fails("sum(random_split(key, 1000000000000)[0])", 5, "too many");
}

/* ---- every op --------------------------------------------------------------------------------------------------------------- */

/* An argument that a parameter takes, whether or not the op then likes it. */
static const char *sample(const operation_parameter *p)
{
    switch (p->kind) {
    case OPERATION_NUMBERS:
    case OPERATION_EITHER:
        return "S";
    case OPERATION_INDICES:
    case OPERATION_CLASSES:
        return "labels";
    case OPERATION_LIST_OF_NUMBERS:
    case OPERATION_LIST_OF_EITHER:
        return "[S, S]";
    case OPERATION_INT:
    case OPERATION_SIZE:
    case OPERATION_OFFSET:
    case OPERATION_INT64:
        return "1";
    case OPERATION_INTS:
    case OPERATION_SIZES:
    case OPERATION_OFFSETS:
    case OPERATION_SHAPE:
        return "[1, 2]";
    case OPERATION_NUMBER:
        return "0.5";
    case OPERATION_TRUTH:
        return "true";
    case OPERATION_WORD:
        return p->words[0].name;
    case OPERATION_TEXT:
        return "'ij,jk'";
    default:
        return "none";
    }
}

/* Every function that ops.h declares is in the table, and is called with what its declaration says: if there is an
 * error, it is the op's own. */
static void test_every_op(void **state)
{
    (void)state;
    FILE *header = fopen(COMMAND_OPS_HEADER, "r");
    assert_non_null(header);
    char line[400];
    size_t declared = 0;
    while (fgets(line, sizeof line, header)) {
        if (strncmp(line, "WG_API ", 7) != 0) continue;
        const char *name = strstr(strchr(line + 7, ' '), "wg_") + 3;
        size_t length = strcspn(name, "(");
        if (!operation_find(name, length)) fail_msg("%.*s cannot be called", (int)length, name);
        declared++;
    }
    (void)fclose(header);
    assert_true(declared > 250);
    assert_int_equal(operation_count, declared + 1); /* and detach */

    size_t succeeded = 0;
    for (size_t i = 0; i < operation_count; i++) {
        const operation *op = &operation_table[i];
        char text[512];
        int used = snprintf(text, sizeof text, "r = %s(", op->name);
        for (size_t k = 0; k < op->count; k++)
            used +=
                snprintf(text + used, sizeof text - (size_t)used, "%s%s", k ? ", " : "", sample(&op->parameters[k]));
        (void)snprintf(text + used, sizeof text - (size_t)used, "); sum(S)");
        expression steps;
        expression_error error;
        assert_true(expression_parse(&steps, text, &error));
        evaluation *e = evaluation_new(&set);
        assert_non_null(e);
        bool done = evaluation_run(e, &steps, &error);
        if (!done && wg_tape_status(evaluation_tape(e)) == WG_OK) fail_msg("%s: %s", text, error.text);
        if (!done) assert_int_equal(error.at, 4);
        succeeded += done;
        evaluation_free(e);
        expression_free(&steps);
    }
    assert_true(succeeded > 180);
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
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_several_results),
        cmocka_unit_test(test_deep),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_variables),
        cmocka_unit_test(test_errors_of_names),
        cmocka_unit_test(test_errors_of_calls),
        cmocka_unit_test(test_errors_of_the_tape),
        cmocka_unit_test(test_every_op),
    };
    return cmocka_run_group_tests_name("evaluate", tests, NULL, NULL);
}
