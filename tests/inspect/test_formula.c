/* Formulas of values, written down from the mathematics: names, precedence, calls, windows, numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tape/expect.h"
#include "wengert.h"

/* The node's formula is this. */
#define FORMULA(node, expected) formula_is(node, expected, __FILE__, __LINE__)
static void formula_is(wg_var node, const char *expected, const char *file, int line)
{
    char text[512];
    size_t length = wg_node_formula(node, text, sizeof text);
    if (!wg_ok(node)) print_error("invalid: %s\n", wg_tape_message(node.tape));
    if (wg_ok(node) && !strcmp(text, expected) && length == strlen(expected)) return;
    print_error("\"%s\" (%zu), expected \"%s\"\n", text, length, expected);
    _fail(file, line);
}

typedef struct square {
    wg_tape *tape;
    wg_var a, b, c, v, s;
} square;

/* Matrices A, B, C of (3,3), a vector v of (3), a scalar s. */
static square squares(void)
{
    static const double numbers[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    wg_tape *tape = new_tape(WG_F64);
    return (square){tape, wg_name(wg_variable(tape, WG_DIMS(3, 3), numbers), "A"),
        wg_name(wg_variable(tape, WG_DIMS(3, 3), numbers), "B"),
        wg_name(wg_constant(tape, WG_DIMS(3, 3), numbers), "C"), wg_name(wg_variable(tape, WG_DIMS(3), numbers), "v"),
        wg_name(wg_scalar_variable(tape, 2), "s")};
}

static void test_layer(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F32);
    wg_var w = wg_name(wg_variable(tape, WG_DIMS(5, 3), NULL), "W2"),
           b = wg_name(wg_variable(tape, WG_DIMS(5, 1), NULL), "b2");
    wg_var x = wg_name(wg_constant(tape, WG_DIMS(3, 7), NULL), "A1");
    wg_var z = wg_name(wg_add(wg_matmul(w, x), b), "Z2"), a = wg_sigmoid(z);
    FORMULA(z, "W2 @ A1 + b2");
    FORMULA(a, "sigmoid(Z2)");
    wg_tape_free(tape);
}

static void test_normalised(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_var x = wg_name(wg_variable(tape, WG_DIMS(2, 3), NULL), "X"),
           w = wg_name(wg_variable(tape, WG_DIMS(3), NULL), "w"), b = wg_name(wg_variable(tape, WG_DIMS(3), NULL), "b"),
           none = {0};
    FORMULA(wg_layer_norm(x, none, none, 1, 0.5),
        "(X - mean(X, axis=1, keepdims=true)) / sqrt(variance(X, axis=1, keepdims=true) + 0.5)");
    FORMULA(wg_layer_norm(x, w, b, 1, 0.5),
        "(X - mean(X, axis=1, keepdims=true)) / sqrt(variance(X, axis=1, keepdims=true) + 0.5) * w + b");
    FORMULA(wg_layer_norm(x, none, b, 1, 0.5),
        "(X - mean(X, axis=1, keepdims=true)) / sqrt(variance(X, axis=1, keepdims=true) + 0.5) + b");
    FORMULA(wg_rms_norm(x, w, 1, 0.5), "X / sqrt(mean(X**2, axis=1, keepdims=true) + 0.5) * w");
    wg_tape_free(tape);
}

static void test_precedence(void **state)
{
    (void)state;
    square q = squares();
    wg_var a = q.a, b = q.b, c = q.c;
    FORMULA(wg_add(wg_add(a, b), c), "A + B + C");
    FORMULA(wg_add(a, wg_add(b, c)), "A + B + C");
    FORMULA(wg_sub(wg_sub(a, b), c), "A - B - C");
    FORMULA(wg_sub(a, wg_sub(b, c)), "A - (B - C)");
    FORMULA(wg_sub(a, wg_add(b, c)), "A - (B + C)");
    FORMULA(wg_add(a, wg_sub(b, c)), "A + B - C");
    FORMULA(wg_mul(wg_add(a, b), c), "(A + B) * C");
    FORMULA(wg_mul(a, wg_mul(b, c)), "A * B * C");
    FORMULA(wg_mul(a, wg_div(b, c)), "A * B / C");
    FORMULA(wg_div(a, wg_mul(b, c)), "A / (B * C)");
    FORMULA(wg_div(wg_div(a, b), c), "A / B / C");
    FORMULA(wg_matmul(wg_matmul(a, b), c), "A @ B @ C");
    FORMULA(wg_matmul(a, wg_matmul(b, c)), "A @ (B @ C)");
    FORMULA(wg_mul(a, wg_matmul(b, c)), "A * (B @ C)");
    FORMULA(wg_mul(a, wg_mul(wg_matmul(b, c), a)), "A * (B @ C * A)");
    FORMULA(wg_mul(wg_matmul(b, c), a), "B @ C * A");
    FORMULA(wg_matmul(wg_mul(a, b), c), "A * B @ C");
    FORMULA(wg_matmul(c, wg_mul(a, b)), "C @ (A * B)");
    FORMULA(wg_neg(wg_add(a, b)), "-(A + B)");
    FORMULA(wg_neg(wg_mul(a, b)), "-A * B");
    FORMULA(wg_mul(a, wg_neg(b)), "A * -B");
    FORMULA(wg_matmul(a, wg_neg(wg_mul(b, c))), "A @ (-B * C)");
    FORMULA(wg_square(wg_neg(a)), "(-A)**2");
    FORMULA(wg_neg(wg_square(a)), "-A**2");
    FORMULA(wg_square(wg_matmul(a, b)), "(A @ B)**2");
    FORMULA(wg_pow(a, wg_pow(b, c)), "A**B**C");
    FORMULA(wg_pow(wg_pow(a, b), c), "(A**B)**C");
    FORMULA(wg_pow(a, wg_neg(b)), "A**-B");
    FORMULA(wg_mul(a, wg_greater(b, c)), "A * (B > C)");
    FORMULA(wg_not_equal(wg_add(a, b), c), "A + B != C");
    FORMULA(wg_reciprocal(wg_add(a, b)), "1 / (A + B)");
    HEALTHY(q.tape);
    wg_tape_free(q.tape);
}

static void test_transposes(void **state)
{
    (void)state;
    square q = squares();
    FORMULA(wg_matmul(wg_transpose(q.a), q.b), "A.T @ B");
    FORMULA(wg_transpose(wg_matmul(q.a, q.b)), "(A @ B).T");
    FORMULA(wg_transpose(wg_transpose(q.a)), "A");
    FORMULA(wg_transpose(wg_exp(q.a)), "exp(A).T");
    FORMULA(wg_matmul(q.a, q.v), "A @ v");
    FORMULA(wg_matmul(q.v, q.a), "v @ A");
    FORMULA(wg_matmul(q.v, q.v), "v @ v");
    wg_tape_free(q.tape);
}

static void test_calls(void **state)
{
    (void)state;
    square q = squares();
    FORMULA(wg_softmax(q.a, 0), "softmax(A, axis=0)");
    FORMULA(wg_softmax(q.a, -1), "softmax(A, axis=1)");
    FORMULA(wg_sum(wg_mul(q.a, q.b)), "sum(A * B)");
    FORMULA(wg_sum_axes(q.a, WG_AXES(1), true), "sum(A, axis=1, keepdims=true)");
    FORMULA(wg_mean_axes(q.a, WG_AXES(0), false), "mean(A, axis=0)");
    FORMULA(wg_max_axes(q.a, WG_AXES(0, 1), false), "max(A)");
    FORMULA(wg_mse(q.a, q.b, WG_BATCH_MEAN), "mse(A, B, reduction=batch_mean)");
    FORMULA(wg_leaky_relu(q.a, 0.01), "leaky_relu(A, slope=0.01)");
    FORMULA(wg_clamp(q.a, -1, 2.5), "clamp(A, low=-1, high=2.5)");
    FORMULA(wg_where(wg_greater(q.a, q.b), q.a, q.c), "where(A > B, A, C)");
    FORMULA(wg_concat((wg_var[]){q.a, wg_neg(q.b)}, 2, 1), "concat([A, -B], axis=1)");
    FORMULA(wg_concat((wg_var[]){q.a, q.b, q.c, q.a, q.b, q.c, q.a}, 7, 0), "concat([A, B, C, A, B, C, ...], axis=0)");
    FORMULA(wg_maximum(q.a, q.b), "maximum(A, B)");
    FORMULA(wg_permute(q.a, WG_AXES(1, 0)), "permute(A, axes=[1,0])");
    FORMULA(wg_reshape(q.a, WG_DIMS(9)), "reshape(A, shape=(9))");
    FORMULA(wg_unsqueeze(q.v, -1), "v[:, None]");
    FORMULA(wg_unsqueeze(q.v, 0), "v[None]");
    FORMULA(wg_squeeze(wg_name(wg_reshape(q.a, WG_DIMS(1, 9, 1)), "R")), "squeeze(R)");
    FORMULA(wg_broadcast_to(q.v, WG_DIMS(2, 3)), "broadcast_to(v, shape=(2,3))");
    FORMULA(wg_mul(wg_broadcast_to(q.v, WG_DIMS(3, 3)), q.a), "v * A");
    FORMULA(wg_mul(wg_broadcast_to(q.v, WG_DIMS(2, 3)), q.v), "broadcast_to(v, shape=(2,3)) * v");
    FORMULA(wg_sum_to(q.a, WG_DIMS(3, 1)), "sum(A, axis=1, keepdims=true)");
    FORMULA(wg_sum_to(q.a, WG_DIMS(3)), "sum(A, axis=0)");
    FORMULA(wg_sum_to(wg_name(wg_reshape(q.a, WG_DIMS(3, 3, 1)), "R"), WG_DIMS(1, 1)), "sum(R)[None, None]");
    wg_var stacked = wg_name(wg_stack((wg_var[]){q.a, q.b}, 2, 0), "D");
    FORMULA(wg_sum_to(stacked, WG_DIMS(3, 1)), "sum(sum(D, axis=0), axis=1, keepdims=true)");
    FORMULA(wg_sum_to(q.a, WG_DIMS(1)), "sum(A)[None]");
    FORMULA(wg_sum_to(q.a, WG_SCALAR), "sum(A)");
    HEALTHY(q.tape);
    wg_tape_free(q.tape);
}

static void test_windows(void **state)
{
    (void)state;
    square q = squares();
    FORMULA(wg_slice(q.a, 0, 1, 3, 1), "A[1:]");
    FORMULA(wg_slice(q.a, 0, 0, 2, 1), "A[:2]");
    FORMULA(wg_slice(q.a, 1, 1, 2, 1), "A[:, 1:2]");
    FORMULA(wg_slice(q.a, 1, WG_END, WG_END, 2), "A[:, ::2]");
    FORMULA(wg_slice(q.a, 0, WG_END, WG_END, -1), "A[2::-1]");
    FORMULA(wg_slice(q.a, 0, 2, 0, -1), "A[2:0:-1]");
    FORMULA(wg_select(q.a, 0, 2), "A[2]");
    FORMULA(wg_select(q.a, 1, -1), "A[:, 2]");
    FORMULA(wg_select(wg_add(q.a, q.b), 0, 0), "(A + B)[0]");
    wg_tape_free(q.tape);
}

static void test_numbers(void **state)
{
    (void)state;
    for (int dtype = 0; dtype < 2; dtype++) {
        wg_tape *tape = new_tape(dtype ? WG_F64 : WG_F32);
        wg_var x = wg_name(wg_scalar_variable(tape, 3), "x");
        FORMULA(wg_mul(x, wg_scalar(tape, 0.1)), "x * 0.1");
        FORMULA(wg_mul(x, wg_scalar(tape, 2)), "x * 2");
        FORMULA(wg_add(x, wg_scalar(tape, -1.5)), "x + -1.5");
        FORMULA(wg_pow(wg_scalar(tape, -2), x), "(-2)**x");
        FORMULA(wg_mul(x, wg_scalar(tape, 1e-30)), "x * 1e-30");
        FORMULA(wg_mul(x, wg_scalar(tape, 1048576)), "x * 1048576");
        FORMULA(wg_mul(x, wg_scalar(tape, (double)INFINITY)), "x * inf");
        FORMULA(wg_mul(x, wg_constant(tape, WG_DIMS(1), (double[]){4})), "x * 4");
        FORMULA(wg_mul(x, wg_constant(tape, WG_DIMS(2), (double[]){4, 5})), "x * constant");
        FORMULA(wg_mul(x, wg_variable(tape, WG_DIMS(2), (double[]){4, 5})), "x * variable");
        FORMULA(wg_scalar(tape, 7), "7");
        wg_tape_free(tape);
    }
}

/* The name of the node itself is not used; those below are, and end the formula. */
static void test_names_and_depth(void **state)
{
    (void)state;
    square q = squares();
    wg_var x = q.a;
    for (int k = 0; k < 3; k++) x = wg_exp(x);
    FORMULA(wg_exp(x), "exp(exp(exp(exp(A))))");
    FORMULA(wg_exp(wg_exp(x)), "exp(exp(exp(exp(...))))");
    wg_name(x, "E");
    FORMULA(wg_exp(wg_exp(x)), "exp(exp(E))");
    FORMULA(x, "exp(exp(exp(A)))");
    FORMULA(q.a, "variable");
    char text[8];
    assert_int_equal(wg_node_formula(wg_add(q.a, q.b), NULL, 0), 5);
    assert_int_equal(wg_node_formula(wg_exp(x), text, 4), 6);
    assert_string_equal(text, "exp");
    assert_int_equal(wg_node_formula((wg_var){0}, text, sizeof text), 0);
    assert_string_equal(text, "");
    wg_tape_free(q.tape);
}

/* Recorded derivatives are written out in ops that people know. */
static void test_derivatives(void **state)
{
    (void)state;
    square q = squares();
    wg_var g = wg_name(wg_constant(q.tape, WG_DIMS(3, 3), (double[9]){1}), "g"), d;
#define DERIVATIVE(y, expected)                                                                                        \
    do {                                                                                                               \
        assert_int_equal(wg_vjp(y, g, &q.a, 1, &d), WG_OK);                                                            \
        FORMULA(d, expected);                                                                                          \
    } while (0)
    DERIVATIVE(wg_mul(q.a, q.b), "g * B");
    DERIVATIVE(wg_matmul(q.a, q.b), "g @ B.T");
    DERIVATIVE(wg_matmul(q.b, q.a), "B.T @ g");
    DERIVATIVE(wg_matmul(wg_transpose(q.a), q.b), "(g @ B.T).T");
    DERIVATIVE(wg_div(q.a, q.b), "g / B");
    DERIVATIVE(wg_square(q.a), "g * (A + A)");
    DERIVATIVE(wg_sigmoid(q.a), "g * sigmoid(A) * (1 - sigmoid(A))");
    DERIVATIVE(wg_tanh(q.a), "g * (1 - tanh(A)**2)");
    DERIVATIVE(wg_relu(q.a), "where(A <= 0, 0, g)");
    DERIVATIVE(wg_exp(q.a), "g * exp(A)");
    DERIVATIVE(wg_log(q.a), "g / A");
    DERIVATIVE(wg_atan(q.a), "g * 1 / (1 + A**2)");
#undef DERIVATIVE
    wg_tape_free(q.tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_layer), cmocka_unit_test(test_normalised),
        cmocka_unit_test(test_precedence), cmocka_unit_test(test_transposes), cmocka_unit_test(test_calls),
        cmocka_unit_test(test_windows), cmocka_unit_test(test_numbers), cmocka_unit_test(test_names_and_depth),
        cmocka_unit_test(test_derivatives)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
