/* Sweeps in a fixed buffer, larger and larger: one for which there is no memory fails before it has touched a gradient.
 * That takes every op's word on the scratch of its evaluation, here of those that reduce, move, pick and order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "support/point.h"

/* Of x, (20, 5, 20), and indices in range along every axis. */
typedef wg_var bounded_function(wg_var x, wg_var few);

#define BOUNDED(name, call)                                                                                            \
    static wg_var bounded_##name(wg_var x, wg_var few)                                                                 \
    {                                                                                                                  \
        (void)few;                                                                                                     \
        return call;                                                                                                   \
    }
#define OUTER WG_AXES(0, 2), false
BOUNDED(sum, wg_sum_axes(x, OUTER))
BOUNDED(mean, wg_mean_axes(x, OUTER))
BOUNDED(max, wg_max_axes(x, OUTER))
BOUNDED(min, wg_min_axes(x, OUTER))
BOUNDED(prod, wg_prod_axes(x, OUTER))
BOUNDED(variance, wg_variance_axes(x, OUTER, 1))
BOUNDED(std, wg_std_axes(x, OUTER, 1))
BOUNDED(norm, wg_norm_axes(x, OUTER))
BOUNDED(logsumexp, wg_logsumexp_axes(x, OUTER))
BOUNDED(softmax, wg_softmax(x, 1))
BOUNDED(log_softmax, wg_log_softmax(x, 0))
BOUNDED(cumsum, wg_cumsum(x, 2))
BOUNDED(cumprod, wg_cumprod(x, 1))
BOUNDED(logcumsumexp, wg_logcumsumexp(x, 0))
BOUNDED(any, wg_add(wg_sum(x), wg_any_axes(x, OUTER)))
BOUNDED(sort, wg_sort(x, 0, true))
BOUNDED(median, wg_median_axes(x, OUTER))
BOUNDED(quantile, wg_quantile_axes(x, 0.3, OUTER))
BOUNDED(gather, wg_gather(x, wg_broadcast_to(few, WG_DIMS(20, 5, 4)), 2))
BOUNDED(take, wg_take(x, few, 1))
BOUNDED(scatter_add, wg_scatter_add(x, wg_broadcast_to(few, WG_DIMS(20, 5, 4)), wg_slice(x, 2, 0, 4, 1), 2))
BOUNDED(index_add, wg_index_add(x, few, wg_slice(x, 0, 0, 4, 1), 0))
BOUNDED(set_rows, wg_set_rows(wg_reshape(x, WG_DIMS(2000)), few, wg_slice(wg_reshape(x, WG_DIMS(2000)), 0, 4, 8, 1)))
BOUNDED(broadcast_to, wg_broadcast_to(wg_reshape(x, WG_DIMS(1, 2000, 1)), WG_DIMS(3, 2000, 3)))
BOUNDED(sum_to, wg_sum_to(x, WG_DIMS(1, 5, 1)))
BOUNDED(permute, wg_permute(x, WG_AXES(2, 0, 1)))
BOUNDED(transpose, wg_transpose(x))
BOUNDED(slice, wg_slice(x, 2, WG_END, WG_END, -3))
BOUNDED(select, wg_select(x, 1, 2))
BOUNDED(concat, wg_concat((wg_var[]){x, x}, 2, 1))
BOUNDED(stack, wg_stack((wg_var[]){x, x}, 2, 3))
BOUNDED(flip, wg_flip(x, WG_AXES(0, 2)))
BOUNDED(roll, wg_roll(x, 3, 2))
BOUNDED(tile, wg_tile(x, ((const size_t[]){2, 1, 3}), 3))
BOUNDED(repeat, wg_repeat(x, 3, 1))
BOUNDED(pad, wg_pad(x, ((const size_t[]){1, 2, 3, 4}), 4, WG_PAD_CONSTANT, 7))
BOUNDED(reflect, wg_pad(x, ((const size_t[]){1, 2, 3, 4}), 4, WG_PAD_REFLECT, 0))
BOUNDED(replicate, wg_pad(x, ((const size_t[]){1, 2, 3, 4}), 4, WG_PAD_REPLICATE, 0))
BOUNDED(tril, wg_tril(x, -1))
BOUNDED(diagonal, wg_diagonal(x, 1))
BOUNDED(diag_embed, wg_diag_embed(wg_slice(x, 0, 0, 1, 1), -1))
BOUNDED(trace, wg_trace(x))

static wg_var bounded_topk(wg_var x, wg_var few)
{
    wg_var values, indices;
    (void)few;
    wg_topk(x, 3, 1, &values, &indices);
    return values;
}

static const double cotangent[65536];

/* True when there was memory for all; otherwise nothing has been reached. */
static bool bounded_sweep(bounded_function *f, void *buffer, size_t bytes)
{
    wg_tape_options options = {.dtype = WG_F64, .buffer = buffer, .buffer_size = bytes};
    double numbers[2000];
    wg_tape *tape = wg_tape_new_with(&options, NULL);
    if (!tape) return false;
    for (size_t i = 0; i < 2000; i++) numbers[i] = 0.5 + (double)(i * 7919 % 2003) / 2003;
    wg_var x = wg_variable_f64(tape, WG_DIMS(20, 5, 20), numbers);
    wg_var few = wg_indices(tape, WG_DIMS(4), (const int64_t[]){0, 3, -1, 3}), y = f(x, few);
    wg_var first = wg_variable_f64(tape, wg_shape_of(y), NULL), out = wg_add(y, first); /* it is reached before x */
    bool recorded = wg_tape_status(tape) == WG_OK;
    bool swept = recorded && wg_backward_from(out, cotangent) == WG_OK;
    if (!swept) point_expect_error(tape, WG_ERROR_MEMORY, NULL);
    for (size_t i = 0; i < 2000 && recorded && !swept; i++)
        assert_true(wg_grad_at(x, i) == 0 && wg_grad_at(first, 0) == 0);
    assert_true(!recorded || wg_tape_status(tape) == WG_OK); /* a sweep that began breaks the gradient */
    wg_tape_free(tape);
    return swept;
}

static void test_bounded(void **state)
{
    bounded_function *f = *(bounded_function **)*state;
    enum { STEP = 512, MOST = 1 << 22 };
    void *buffer = aligned_alloc(64, MOST);
    size_t bytes = 16384;
    assert_non_null(buffer);
    for (; bytes < MOST && !bounded_sweep(f, buffer, bytes); bytes += STEP + bytes / 256) {}
    assert_true(bytes < MOST);
    free(buffer);
}

#define TEST(name)                                                                                                     \
    {                                                                                                                  \
#name, test_bounded, NULL, NULL, &(bounded_function *) { bounded_##name }                                      \
    }
int main(void)
{
    const struct CMUnitTest tests[] = {TEST(sum), TEST(mean), TEST(max), TEST(min), TEST(prod), TEST(variance),
        TEST(std), TEST(norm), TEST(logsumexp), TEST(softmax), TEST(log_softmax), TEST(cumsum), TEST(cumprod),
        TEST(logcumsumexp), TEST(any), TEST(sort), TEST(topk), TEST(median), TEST(quantile), TEST(gather), TEST(take),
        TEST(scatter_add), TEST(index_add), TEST(set_rows), TEST(broadcast_to), TEST(sum_to), TEST(permute),
        TEST(transpose), TEST(slice), TEST(select), TEST(concat), TEST(stack), TEST(flip), TEST(roll), TEST(tile),
        TEST(repeat), TEST(pad), TEST(reflect), TEST(replicate), TEST(tril), TEST(diagonal), TEST(diag_embed),
        TEST(trace)};
    return cmocka_run_group_tests_name("ops/bounded", tests, NULL, NULL);
}
