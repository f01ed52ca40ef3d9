/* Attributes in words: those of the public functions' arguments. That every op has words, each op's row checks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "tape/expect.h"
#include "wengert.h"

#define WORDS(node, expected) words_are(node, expected, __FILE__, __LINE__)
static void words_are(wg_var node, const char *expected, const char *file, int line)
{
    char text[256];
    size_t length = wg_node_attributes(node, text, sizeof text);
    if (!wg_ok(node)) print_error("invalid: %s\n", wg_tape_message(node.tape));
    if (wg_ok(node) && !strcmp(text, expected) && length == strlen(expected)) return;
    print_error("\"%s\" (%zu), expected \"%s\"\n", text, length, expected);
    _fail(file, line);
}

static wg_var matrix(wg_tape *tape) { return wg_variable(tape, WG_DIMS(3, 4), NULL); }

static void test_axes(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_var x = matrix(tape), cube = wg_variable(tape, WG_DIMS(2, 3, 4), NULL);
    WORDS(x, "");
    WORDS(wg_exp(x), "");
    WORDS(wg_sum(x), "");
    WORDS(wg_sum_axes(x, WG_AXES(0), false), "axis=0");
    WORDS(wg_sum_axes(x, WG_AXES(-1), true), "axis=1 keepdims=true");
    WORDS(wg_mean_axes(cube, WG_AXES(2, 0), false), "axes=[0,2]");
    WORDS(wg_max_axes(x, WG_AXES(0, 1), true), "keepdims=true");
    WORDS(wg_sum_axes(x, NULL, 0, false), "axes=[]");
    WORDS(wg_softmax(cube, 1), "axis=1");
    WORDS(wg_cumsum(cube, -1), "axis=2");
    WORDS(wg_argmax(x, 1, true), "axis=1 keepdims=true");
    WORDS(wg_argsort(x, 0, true), "axis=0 descending=true");
    WORDS(wg_variance(x, 0), "");
    WORDS(wg_variance_axes(x, WG_AXES(1), false, 1), "axis=1 correction=1");
    WORDS(wg_flip(cube, WG_AXES(2, 0)), "axes=[0,2]");
    WORDS(wg_roll(x, 1, 1), "shift=1 axis=1");
    HEALTHY(tape);
    wg_tape_free(tape);
}

static void test_parts(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_var x = matrix(tape), i = wg_indices(tape, WG_DIMS(2), (int64_t[]){0, 2});
    WORDS(wg_slice(x, 1, 1, 3, 1), "axis=1 start=1 stop=3");
    WORDS(wg_slice(x, 1, 0, 4, 2), "axis=1 start=0 stop=4 step=2");
    WORDS(wg_slice(x, 0, WG_END, WG_END, -1), "axis=0 start=2 stop=end step=-1");
    WORDS(wg_slice(x, 0, 2, 0, -1), "axis=0 start=2 stop=0 step=-1");
    WORDS(wg_select(x, 1, -1), "axis=1 index=3");
    WORDS(wg_concat((wg_var[]){x, x}, 2, -1), "axis=1");
    WORDS(wg_stack((wg_var[]){x, x}, 2, -1), "axis=2");
    WORDS(wg_take(x, i, 0), "axis=0");
    WORDS(wg_one_hot(i, 5), "classes=5");
    WORDS(wg_reshape(x, WG_DIMS(2, 6)), "shape=(2,6)");
    WORDS(wg_broadcast_to(x, WG_DIMS(2, 3, 4)), "shape=(2,3,4)");
    WORDS(wg_permute(x, WG_AXES(1, 0)), "axes=[1,0]");
    WORDS(wg_transpose(x), "");
    WORDS(wg_pad(x, (size_t[]){1, 2, 0, 3}, 4, WG_PAD_REFLECT, 0), "widths=[1,2,0,3] mode=reflect");
    WORDS(wg_pad(x, (size_t[]){1, 2}, 2, WG_PAD_CONSTANT, 0.5), "widths=[0,0,1,2] mode=constant value=0.5");
    WORDS(wg_tril(x, -1), "offset=-1");
    HEALTHY(tape);
    wg_tape_free(tape);
}

static void test_settings(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_var x = matrix(tape), key = wg_indices(tape, WG_SCALAR, (int64_t[]){7});
    wg_var images = wg_variable(tape, WG_DIMS(1, 2, 6, 6), NULL), w = wg_variable(tape, WG_DIMS(4, 1, 3, 3), NULL);
    int64_t labels[4] = {0, 1, 2, -1};
    wg_var target = wg_indices(tape, WG_DIMS(4), labels);
    WORDS(wg_leaky_relu(x, 0.01), "slope=0.01");
    WORDS(wg_clamp(x, -1, (double)INFINITY), "low=-1 high=inf");
    WORDS(wg_threshold(x, 0.1, -20), "threshold=0.1 value=-20");
    WORDS(wg_mse(x, x, WG_BATCH_MEAN), "reduction=batch_mean");
    WORDS(wg_conv2d(images, w, &(wg_conv_options){.groups = 2}), "kernel=[3,3] groups=2");
    WORDS(wg_conv2d(images, w, &(wg_conv_options){.groups = 2, .stride = {2, 2}, .padding = {1, 0}}),
        "kernel=[3,3] stride=[2,2] padding=[1,0] groups=2");
    WORDS(wg_max_pool2d(images, &(wg_pool_options){.kernel = {2, 3}}), "kernel=[2,3] stride=[2,3]");
    WORDS(wg_uniform(key, WG_DIMS(2, 3), 0, 1), "shape=(2,3) low=0 high=1");
    WORDS(wg_randint(key, WG_DIMS(4), -2, 9), "shape=(4) low=-2 high=9");
    WORDS(wg_dropout(x, key, 0.25), "p=0.25");
    WORDS(wg_scale_gradient(x, -1), "factor=-1");
    wg_var loss =
        wg_cross_entropy_with(x, target, 0, WG_SUM, &(wg_cross_entropy_options){.ignores = true, .ignore_index = -1});
    WORDS(wg_node_input(loss, 0), "class_axis=0 ignore_index=-1");
    HEALTHY(tape);
    wg_tape_free(tape);
}

/* matmul says what it transposes only within derivatives. */
static void test_matmul(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_var a = wg_variable(tape, WG_DIMS(2, 3, 4), NULL), b = wg_variable(tape, WG_DIMS(4, 5), NULL), in[] = {a, b};
    wg_var product = wg_matmul(a, b), g = wg_constant(tape, WG_DIMS(2, 3, 5), NULL), out[2];
    WORDS(product, "");
    assert_int_equal(wg_vjp(product, g, in, 2, out), WG_OK);
    WORDS(out[0], "transpose_b=true");
    WORDS(out[1], "transpose_a=true sum_to=(4,5)");
    wg_tape_free(tape);
}

/* ---- an op of the user's ------------------------------------------------------------------------------------------------------- */

static wg_status same_shape(wg_call *call)
{
    call->shape = *call->in[0].shape;
    return WG_OK;
}
static wg_status copy(wg_call *call)
{
    memcpy(call->out, call->in[0].data, call->in[0].size * sizeof(double));
    return WG_OK;
}
static size_t describe(const wg_call *call, char *text, size_t size)
{
    int n = snprintf(text, size, "gain=%d of=%u", *(const int *)call->attributes, (unsigned)call->in[0].shape->rank);
    return (size_t)n;
}

static void test_own_op(void **state)
{
    (void)state;
    static const wg_op silent = {.name = "silent", .arity = 1, .shape = same_shape, .evaluate = copy};
    static const wg_op spoken = {
        .name = "spoken", .arity = 1, .shape = same_shape, .evaluate = copy, .describe = describe};
    wg_tape *tape = new_tape(WG_F64);
    wg_var x = wg_name(matrix(tape), "x");
    int gain = 42;
    char text[64];
    WORDS(wg_apply(tape, &silent, &x, 1, NULL, 0), "");
    WORDS(wg_apply(tape, &silent, &x, 1, &gain, sizeof gain), "4 bytes");
    wg_var y = wg_apply(tape, &spoken, &x, 1, &gain, sizeof gain);
    WORDS(y, "gain=42 of=2");
    wg_node_formula(y, text, sizeof text);
    assert_string_equal(text, "spoken(x, gain=42, of=2)");
    assert_int_equal(wg_node_attributes(y, text, 6), 12);
    assert_string_equal(text, "gain=");
    assert_int_equal(wg_node_attributes((wg_var){0}, text, sizeof text), 0);
    assert_string_equal(text, "");
    HEALTHY(tape);
    wg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_axes), cmocka_unit_test(test_parts),
        cmocka_unit_test(test_settings), cmocka_unit_test(test_matmul), cmocka_unit_test(test_own_op)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
