/* Losses: the mean squared error, its three reductions, and errors. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "support/point.h"

static wg_var apply_mse(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    (void)tape, (void)n;
    return wg_mse(in[0], in[1], *(const wg_reduction *)user);
}

static void reference_mse(array *out, const array *in, size_t n, const void *user)
{
    wg_reduction reduction = *(const wg_reduction *)user;
    long double divisor = 1;
    (void)n;
    if (reduction == WG_MEAN) divisor = (long double)in[0].size;
    if (reduction == WG_BATCH_MEAN) divisor = (long double)in[0].shape.dim[1];
    *out = array_new(WG_SCALAR);
    /* Kahan's compensated sum: valgrind computes long double in 64 bits, where a running total would not do. */
    long double sum = 0, lost = 0;
    for (size_t i = 0; i < in[0].size; i++) {
        long double pair = in[0].at[i] - in[1].at[i], term = pair * pair - lost, total = sum + term;
        lost = (total - sum) - term;
        sum = total;
    }
    out->at[0] = sum / divisor;
}

#define BY(reduction)                                                                                                  \
    &(const wg_reduction) { reduction }
static const row_case cases_mse[] = {
    CASE_WITH(BY(WG_MEAN), 2, SHAPE_SCALAR, SHAPE_SCALAR),
    CASE_WITH(BY(WG_SUM), 2, SHAPE_SCALAR, SHAPE_SCALAR),
    CASE_WITH(BY(WG_MEAN), 2, SHAPE(1), SHAPE(1)),
    CASE_WITH(BY(WG_MEAN), 2, SHAPE(5), SHAPE(5)),
    CASE_WITH(BY(WG_SUM), 2, SHAPE(2, 3), SHAPE(2, 3)),
    CASE_WITH(BY(WG_MEAN), 2, SHAPE(2, 3), SHAPE(2, 3)),
    CASE_WITH(BY(WG_BATCH_MEAN), 2, SHAPE(2, 3), SHAPE(2, 3)),
    CASE_WITH(BY(WG_BATCH_MEAN), 2, SHAPE(3, 1), SHAPE(3, 1)),
    CASE_WITH(BY(WG_BATCH_MEAN), 2, SHAPE(1, 4), SHAPE(1, 4)),
    CASE_WITH(BY(WG_BATCH_MEAN), 2, SHAPE(0, 3), SHAPE(0, 3)),
    CASE_WITH(BY(WG_SUM), 2, SHAPE(2, 0), SHAPE(2, 0)),
    CASE_WITH(BY(WG_MEAN), 2, SHAPE(2, 1, 2, 1, 3, 1, 2, 1), SHAPE(2, 1, 2, 1, 3, 1, 2, 1)),
    CASE_WITH(BY(WG_MEAN), 2, SHAPE(1033), SHAPE(1033)),
    CASE_WITH(BY(WG_BATCH_MEAN), 2, SHAPE(10, 77), SHAPE(10, 77)),
};

static const row rows[] = {
    ROW(wg_mse, .apply = apply_mse, .reference = reference_mse, ROW_CASES(cases_mse),
        .domain = {FROM(-2, 2), FROM(-2, 2)}, .roundings = 16,
        .reads = {ROW_READS(0) | ROW_READS(1), ROW_READS(0) | ROW_READS(1)}),
};

static void test_allocations(void **state)
{
    (void)state;
    row_fail_allocations(&rows[0], &cases_mse[sizeof cases_mse / sizeof *cases_mse - 1]);
}

/* For two outputs and three samples, the three divisors are 6, 1 and 3; the gradient is 2 (p - t) / divisor. */
static void test_reductions(void **state)
{
    (void)state;
    const double p[] = {1, 2, 3, 4, 5, 6}, t[] = {1, 0, 0, 7, 5, 0}; /* p - t = 0 2 3 -3 0 6; squares sum to 58 */
    const struct {
        wg_reduction reduction;
        double divisor;
    } ways[] = {{WG_MEAN, 6}, {WG_SUM, 1}, {WG_BATCH_MEAN, 3}};
    for (size_t i = 0; i < 3; i++) {
        wg_tape *tape = wg_tape_new(WG_F64);
        wg_var prediction = wg_variable_f64(tape, WG_DIMS(2, 3), p), target = wg_variable_f64(tape, WG_DIMS(2, 3), t);
        wg_var loss = wg_mse(prediction, target, ways[i].reduction);
        assert_true(fabs(wg_item(loss) - 58 / ways[i].divisor) < 1e-14);
        assert_int_equal(wg_shape_of(loss).rank, 0);
        assert_int_equal(wg_backward(loss), WG_OK);
        for (size_t k = 0; k < 6; k++) {
            double right = 2 * (p[k] - t[k]) / ways[i].divisor;
            assert_true(fabs(wg_grad_at(prediction, k) - right) < 1e-15);
            assert_true(wg_grad_at(target, k) == -wg_grad_at(prediction, k));
        }
        wg_tape_free(tape);
    }
}

/* It is what its parts say, for any order of differentiation that they have. */
static void test_parts(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(2, 3), ((double[]){1, -2, 3, 0.5, 5, -6}));
    wg_var t = wg_constant(tape, WG_DIMS(2, 3), ((double[]){0, 1, 2, 3, 4, 5})), first[2], second[2];
    wg_var y = wg_tanh(x);
    wg_var losses[] = {wg_mse(y, t, WG_BATCH_MEAN), wg_div(wg_sum(wg_square(wg_sub(y, t))), wg_scalar(tape, 3))};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(wg_gradients(losses[i], &x, 1, &first[i]), WG_OK);
        assert_int_equal(wg_gradients(wg_sum(wg_square(first[i])), &x, 1, &second[i]), WG_OK);
    }
    for (size_t k = 0; k < 6; k++) {
        assert_true(fabs(wg_at(first[0], k) - wg_at(first[1], k)) <= 1e-14 * fabs(wg_at(first[1], k)));
        assert_true(fabs(wg_at(second[0], k) - wg_at(second[1], k)) <= 1e-13 * fabs(wg_at(second[1], k)));
    }
    wg_tape_free(tape);
}

static void test_errors(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64), *other = wg_tape_new(WG_F64);
    wg_var a2 = wg_name(wg_variable(tape, WG_DIMS(2, 3), (double *)NULL), "a2");
    wg_var y = wg_name(wg_constant(tape, WG_DIMS(3), (double *)NULL), "Y"),
           nothing = wg_constant_f64(tape, WG_DIMS(0), NULL);
    wg_var no_samples = wg_constant_f64(tape, WG_DIMS(2, 0), NULL), indices = wg_indices(tape, WG_DIMS(3), NULL);
    wg_var far = wg_constant_f64(other, WG_DIMS(2, 3), NULL), invalid = {tape, UINT32_MAX, 0};
    wg_stats before, after;
    wg_tape_stats(tape, &before);
    wg_mse(a2, y, WG_MEAN);
    point_expect_error(tape, WG_ERROR_SHAPE, "mse", "a2 (2,3)", "Y (3)", NULL);
    wg_mse(y, y, WG_BATCH_MEAN);
    point_expect_error(tape, WG_ERROR_SHAPE, "mse", "WG_BATCH_MEAN", "Y (3)", NULL);
    wg_mse(nothing, nothing, WG_MEAN);
    point_expect_error(tape, WG_ERROR_SHAPE, "mse", "(0)", NULL);
    wg_mse(no_samples, no_samples, WG_BATCH_MEAN);
    point_expect_error(tape, WG_ERROR_SHAPE, "mse", "(2,0)", NULL);
    wg_mse(a2, a2, (wg_reduction)7);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "mse", "7", NULL);
    wg_mse(y, indices, WG_MEAN);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "mse", "argument 2", "indices", NULL);
    wg_mse(invalid, y, WG_MEAN);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "mse", "argument 1", "invalid", NULL);
    wg_mse((wg_var){0}, y, WG_BATCH_MEAN);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "mse", "argument 1", NULL);
    wg_mse(a2, far, WG_SUM);
    point_expect_error(other, WG_ERROR_ARGUMENT, "mse", "two tapes", NULL);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "mse", "argument 2", NULL);
    assert_null(wg_mse((wg_var){0}, (wg_var){0}, WG_MEAN).tape);
    wg_tape_stats(tape, &after);
    assert_int_equal(before.nodes, after.nodes);
    wg_tape_free(tape);
    wg_tape_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations),
        cmocka_unit_test(test_reductions),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_errors),
    };
    return row_main("ops/loss", rows, sizeof rows / sizeof *rows, tests, sizeof tests / sizeof *tests);
}
