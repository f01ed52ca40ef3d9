/* No bit of a result depends on the number of threads: each op that shares its work among a team, and a training run, with
 * 1 to 4 threads, forward and backward, in both dtypes. An op that begins to share its work joins by a line in `jobs`.
 *
 * The tape's team is told that everything is worth a dispatch, so that arrays of moderate size are cut into parts; the
 * sizes are no multiples of anything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tape/list.h"
#include "wengert.h"

enum { THREADS = 4, INPUTS = 4, STEPS = 3 };

/* ---- the ops ---------------------------------------------------------------------------------------------------------- */

typedef struct job {
    const char *name;
    wg_var (*apply)(const wg_var *x);
    size_t n;
    wg_shape in[INPUTS];
} job;

#define SHAPE(...)                                                                                                     \
    {                                                                                                                  \
        sizeof((size_t[]){__VA_ARGS__}) / sizeof(size_t), { __VA_ARGS__ }                                              \
    }
#define BINARY(name, expression)                                                                                       \
    static wg_var name(const wg_var *x) { return expression; }

BINARY(matmul, wg_matmul(x[0], x[1]))
BINARY(matmul_tn, wg_matmul(wg_transpose(x[0]), x[1]))
BINARY(matmul_nt, wg_matmul(x[0], wg_transpose(x[1])))
BINARY(conv, wg_conv2d(x[0], x[1], &(wg_conv_options){.padding = {1, 1}}))
BINARY(add, wg_add(x[0], x[1]))
BINARY(mul, wg_mul(x[0], x[1]))
BINARY(division, wg_div(x[0], x[1]))
BINARY(exponential, wg_exp(x[0]))
BINARY(sigmoid, wg_sigmoid(x[0]))
BINARY(tangent, wg_tanh(x[0]))
BINARY(gelu, wg_gelu(x[0]))
BINARY(sum, wg_sum(x[0]))
BINARY(sum_rows, wg_sum_axes(x[0], (const int[]){0}, 1, false))
BINARY(sum_columns, wg_sum_axes(x[0], (const int[]){1}, 1, false))
BINARY(mean, wg_mean(x[0]))
BINARY(max_rows, wg_max_axes(x[0], (const int[]){0}, 1, false))
BINARY(max, wg_max(x[0]))
BINARY(prod_rows, wg_prod_axes(x[0], (const int[]){0}, 1, false))
BINARY(norm_columns, wg_norm_axes(x[0], (const int[]){1}, 1, false))
BINARY(std_rows, wg_std_axes(x[0], (const int[]){0}, 1, false, 0))
BINARY(std_columns, wg_std_axes(x[0], (const int[]){1}, 1, false, 0))
BINARY(variance_middle, wg_variance_axes(x[0], (const int[]){0, 2}, 2, false, 0))
BINARY(flipped, wg_flip(x[0], (const int[]){0, 1}, 2))
BINARY(repeated, wg_repeat(x[0], 2, 1))
BINARY(joined, wg_concat(x, 2, 1))
BINARY(stacked, wg_stack(x, 2, 2))
BINARY(strided, wg_slice(x[0], 1, 1, WG_END, 2))
BINARY(turned, wg_mul(wg_transpose(x[0]), wg_exp(wg_transpose(x[0]))))
BINARY(permuted, wg_permute(x[0], (const int[]){2, 0, 1}, 3))
BINARY(softmax, wg_softmax(x[0], 1))
BINARY(softmax_across, wg_softmax(x[0], 0))
BINARY(log_softmax, wg_log_softmax(x[0], -1))
BINARY(logsumexp, wg_logsumexp_axes(x[0], (const int[]){1}, 1, false))
BINARY(cross_entropy, wg_cross_entropy(x[0], wg_softmax(x[1], 1), 1, WG_MEAN))
BINARY(of_classes, wg_cross_entropy(x[0], wg_argmax(x[1], 1, false), 1, WG_MEAN))
BINARY(layer_norm, wg_layer_norm(x[0], x[1], x[2], 1, 1e-5))
BINARY(rms_norm, wg_rms_norm(x[0], x[1], 1, 1e-5))
BINARY(group_norm, wg_group_norm(x[0], 3, x[1], x[2], 1e-5))
BINARY(attention, wg_attention(x[0], x[1], x[2], (wg_var){0}, NULL))
BINARY(max_pool, wg_max_pool2d(x[0], &(wg_pool_options){.kernel = {2, 2}}))
BINARY(max_pool_over, wg_max_pool2d(x[0], &(wg_pool_options){.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}}))
BINARY(avg_pool, wg_avg_pool2d(x[0], &(wg_pool_options){.kernel = {3, 2}, .stride = {1, 2}}))
BINARY(nearest, wg_upsample_nearest(x[0], (const size_t[]){40, 51}, 2))
BINARY(bilinear, wg_upsample_bilinear(x[0], 33, 40, false))
BINARY(solve, wg_solve(wg_matmul(x[0], x[0]), x[1]))

static const job jobs[] = {
    {"matmul", matmul, 2, {SHAPE(131, 97), SHAPE(97, 203)}},
    {"matmul, large", matmul, 2, {SHAPE(517, 300), SHAPE(300, 260)}},
    {"matmul, wide", matmul, 2, {SHAPE(7, 600), SHAPE(600, 901)}},
    {"matmul, tall", matmul, 2, {SHAPE(901, 600), SHAPE(600, 7)}},
    {"matmul, deep", matmul, 2, {SHAPE(10, 3001), SHAPE(3001, 33)}},
    {"matmul, many", matmul, 2, {SHAPE(9, 33, 41), SHAPE(9, 41, 27)}},
    {"matmul, transposed", matmul_tn, 2, {SHAPE(97, 131), SHAPE(97, 203)}},
    {"matmul by transposed", matmul_nt, 2, {SHAPE(131, 97), SHAPE(203, 97)}},
    {"conv", conv, 2, {SHAPE(5, 3, 19, 17), SHAPE(8, 3, 3, 3)}},
    {"add", add, 2, {SHAPE(300, 301), SHAPE(300, 301)}},
    {"add, broadcast", add, 2, {SHAPE(300, 301), SHAPE(301)}},
    {"mul", mul, 2, {SHAPE(99991), SHAPE(99991)}},
    {"mul, broadcast", mul, 2, {SHAPE(300, 301), SHAPE(300, 1)}},
    {"div", division, 2, {SHAPE(99991), SHAPE(99991)}},
    {"exp", exponential, 1, {SHAPE(99991)}},
    {"sigmoid", sigmoid, 1, {SHAPE(99991)}},
    {"tanh", tangent, 1, {SHAPE(99991)}},
    {"gelu", gelu, 1, {SHAPE(99991)}},
    {"sum", sum, 1, {SHAPE(99991)}},
    {"sum of rows", sum_rows, 1, {SHAPE(300, 301)}},
    {"sum of columns", sum_columns, 1, {SHAPE(300, 301)}},
    {"mean", mean, 1, {SHAPE(99991)}},
    {"max of rows", max_rows, 1, {SHAPE(300, 301)}},
    {"max", max, 1, {SHAPE(99991)}},
    {"products of rows", prod_rows, 1, {SHAPE(30, 3001)}},
    {"norms of columns", norm_columns, 1, {SHAPE(300, 301)}},
    {"std of rows", std_rows, 1, {SHAPE(300, 301)}},
    {"std of columns", std_columns, 1, {SHAPE(3000, 11)}},
    {"variance of planes", variance_middle, 1, {SHAPE(30, 31, 33)}},
    {"flip", flipped, 1, {SHAPE(300, 301)}},
    {"repeat", repeated, 1, {SHAPE(300, 101)}},
    {"concat", joined, 2, {SHAPE(300, 101), SHAPE(300, 150)}},
    {"stack", stacked, 2, {SHAPE(300, 101), SHAPE(300, 101)}},
    {"slice", strided, 1, {SHAPE(300, 301)}},
    {"transpose", turned, 1, {SHAPE(300, 301)}},
    {"permute", permuted, 1, {SHAPE(41, 43, 45)}},
    {"softmax", softmax, 1, {SHAPE(130, 601)}},
    {"softmax of short rows", softmax, 1, {SHAPE(1501, 21)}},
    {"softmax across", softmax_across, 1, {SHAPE(130, 601)}},
    {"log_softmax", log_softmax, 1, {SHAPE(130, 601)}},
    {"log_softmax of short rows", log_softmax, 1, {SHAPE(1501, 21)}},
    {"logsumexp", logsumexp, 1, {SHAPE(130, 601)}},
    {"cross_entropy", cross_entropy, 2, {SHAPE(130, 601), SHAPE(130, 601)}},
    {"cross_entropy of classes", of_classes, 2, {SHAPE(130, 601), SHAPE(130, 601)}},
    {"cross_entropy of few classes", of_classes, 2, {SHAPE(1501, 10), SHAPE(1501, 10)}},
    {"cross_entropy across", of_classes, 2, {SHAPE(9, 10, 101), SHAPE(9, 10, 101)}},
    {"layer_norm", layer_norm, 3, {SHAPE(131, 301), SHAPE(301), SHAPE(301)}},
    {"rms_norm", rms_norm, 2, {SHAPE(131, 301), SHAPE(301)}},
    {"group_norm", group_norm, 3, {SHAPE(40, 6, 50), SHAPE(6), SHAPE(6)}},
    {"attention", attention, 3, {SHAPE(2, 3, 65, 16), SHAPE(2, 3, 67, 16), SHAPE(2, 3, 67, 16)}},
    {"max_pool2d", max_pool, 1, {SHAPE(4, 5, 40, 42)}},
    {"max_pool2d, overlapping", max_pool_over, 1, {SHAPE(4, 5, 40, 42)}},
    {"avg_pool2d", avg_pool, 1, {SHAPE(4, 5, 40, 42)}},
    {"upsample_nearest", nearest, 1, {SHAPE(7, 5, 20, 17)}},
    {"upsample_bilinear", bilinear, 1, {SHAPE(7, 5, 20, 17)}},
    {"solve", solve, 2, {SHAPE(60, 60), SHAPE(60, 9)}},
};

/* ---- running them ------------------------------------------------------------------------------------------------------ */

static wg_tape *open_tape(wg_dtype dtype, unsigned threads)
{
    wg_tape *tape = wg_tape_new_with(&(wg_tape_options){.dtype = dtype, .threads = threads}, NULL);
    assert_non_null(tape);
    wg_team_set_worth(tape->team, 1);
    return tape;
}

/* Numbers between -1 and 1, the same for the same seed. */
static wg_var numbers(wg_tape *tape, wg_shape shape, uint64_t seed, bool variable)
{
    wg_var leaf = variable ? wg_variable_raw(tape, shape, NULL) : wg_constant_raw(tape, shape, NULL);
    void *values = wg_value_mut(leaf);
    for (size_t i = 0; i < wg_size(leaf); i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        double number = (double)(seed >> 40) / (1 << 23) - 1;
        if (wg_tape_dtype(tape) == WG_F64)
            ((double *)values)[i] = number;
        else
            ((float *)values)[i] = (float)number;
    }
    return leaf;
}

/* What came of a run, to be compared: the bytes of values and gradients, one after the other. */
typedef struct bits {
    unsigned char *bytes;
    size_t size;
} bits;

static void keep(bits *b, wg_var var, const void *elements)
{
    size_t bytes = wg_size(var) * (wg_tape_dtype(var.tape) == WG_F64 ? sizeof(double) : sizeof(float));
    assert_non_null(elements);
    b->bytes = realloc(b->bytes, b->size + bytes);
    assert_non_null(b->bytes);
    memcpy(b->bytes + b->size, elements, bytes);
    b->size += bytes;
}

static bits run_job(const job *j, wg_dtype dtype, unsigned threads)
{
    bits b = {0};
    wg_tape *tape = open_tape(dtype, threads);
    wg_var in[INPUTS];
    for (size_t k = 0; k < j->n; k++) in[k] = numbers(tape, j->in[k], k + 1, true);
    wg_var y = j->apply(in);
    wg_backward(wg_sum(wg_mul(y, numbers(tape, wg_shape_of(y), 99, false))));
    if (wg_tape_status(tape) != WG_OK) fail_msg("%s: %s", j->name, wg_tape_message(tape));
    keep(&b, y, wg_value(y));
    for (size_t k = 0; k < j->n; k++) keep(&b, in[k], wg_grad(in[k]));
    wg_tape_free(tape);
    return b;
}

static void compare(const char *name, wg_dtype dtype, unsigned threads, const bits *got, const bits *expected)
{
    assert_int_equal(got->size, expected->size);
    for (size_t i = 0; i < got->size; i++)
        if (got->bytes[i] != expected->bytes[i])
            fail_msg("%s, %s: with %u threads, byte %zu of %zu differs", name, dtype == WG_F64 ? "F64" : "F32", threads,
                i, got->size);
}

static void ops(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof jobs / sizeof *jobs; i++)
        for (int dtype = WG_F32; dtype <= WG_F64; dtype++) {
            bits alone = run_job(&jobs[i], (wg_dtype)dtype, 1);
            for (unsigned threads = 2; threads <= THREADS; threads++) {
                bits together = run_job(&jobs[i], (wg_dtype)dtype, threads);
                compare(jobs[i].name, (wg_dtype)dtype, threads, &together, &alone);
                free(together.bytes);
            }
            free(alone.bytes);
        }
}

/* Some steps of a small network, by recording anew, in the steady state of which nothing is allocated. */
static bits train(wg_dtype dtype, unsigned threads)
{
    bits b = {0};
    wg_tape *tape = open_tape(dtype, threads);
    wg_var x = numbers(tape, (wg_shape)SHAPE(60, 40), 1, false), y = numbers(tape, (wg_shape)SHAPE(10, 40), 2, false);
    wg_var w = numbers(tape, (wg_shape)SHAPE(130, 60), 3, true), c = numbers(tape, (wg_shape)SHAPE(130, 1), 4, true);
    wg_var v = numbers(tape, (wg_shape)SHAPE(10, 130), 5, true), leaves[] = {w, c, v};
    wg_mark mark = wg_tape_mark(tape);
    wg_stats warm = {0}, now;
    for (int step = 0; step < STEPS; step++) {
        wg_var loss = wg_mse(wg_matmul(v, wg_sigmoid(wg_add(wg_matmul(w, x), c))), y, WG_BATCH_MEAN);
        wg_zero_grad(tape);
        wg_backward(loss);
        keep(&b, loss, wg_value(loss));
        for (size_t k = 0; k < 3; k++) {
            size_t n = wg_size(leaves[k]);
            const void *grad = wg_grad(leaves[k]);
            void *value = wg_value_mut(leaves[k]);
            for (size_t i = 0; i < n; i++)
                if (dtype == WG_F64)
                    ((double *)value)[i] -= 0.01 * ((const double *)grad)[i];
                else
                    ((float *)value)[i] -= 0.01f * ((const float *)grad)[i];
        }
        wg_tape_rewind(tape, mark);
        assert_int_equal(wg_tape_stats(tape, &now), WG_OK);
        if (step == 0) warm = now;
        assert_int_equal(now.allocations, warm.allocations);
    }
    assert_string_equal(wg_tape_message(tape), "");
    for (size_t k = 0; k < 3; k++) keep(&b, leaves[k], wg_value(leaves[k]));
    wg_tape_free(tape);
    return b;
}

static void a_training_run(void **state)
{
    (void)state;
    for (int dtype = WG_F32; dtype <= WG_F64; dtype++) {
        bits alone = train((wg_dtype)dtype, 1);
        for (unsigned threads = 2; threads <= THREADS; threads++) {
            bits together = train((wg_dtype)dtype, threads);
            compare("training", (wg_dtype)dtype, threads, &together, &alone);
            free(together.bytes);
        }
        free(alone.bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ops),
        cmocka_unit_test(a_training_run),
    };
    return cmocka_run_group_tests_name("ops/threads", tests, NULL, NULL);
}
