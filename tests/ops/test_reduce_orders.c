/* Fused ops against the plain compositions that they replace, where those are accurate: values and derivatives to order 3. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "support/array.h"

#include "ops/softmax.h"
#include "tape/list.h"

/* ---- the two ways ------------------------------------------------------------------------------------------------------ */

#define LAST WG_AXES(-1)
#define BOTH WG_AXES(0, -1)

static wg_var fused_prod(wg_var x) { return wg_prod_axes(x, LAST, true); }
static wg_var plain_prod(wg_var x)
{
    wg_var y = wg_slice(x, -1, 0, 1, 1);
    for (ptrdiff_t i = 1; i < 4; i++) y = wg_mul(y, wg_slice(x, -1, i, i + 1, 1));
    return y;
}

static wg_var fused_cumprod(wg_var x) { return wg_cumprod(x, -1); }
static wg_var plain_cumprod(wg_var x)
{
    wg_var parts[4];
    for (ptrdiff_t i = 0; i < 4; i++) {
        parts[i] = wg_slice(x, -1, i, i + 1, 1);
        if (i) parts[i] = wg_mul(parts[i - 1], parts[i]);
    }
    return wg_concat(parts, 4, -1);
}

static wg_var fused_variance(wg_var x) { return wg_variance_axes(x, BOTH, true, 1); }
static wg_var plain_variance(wg_var x)
{
    wg_var apart = wg_sub(x, wg_mean_axes(x, BOTH, true));
    return wg_div(wg_sum_axes(wg_square(apart), BOTH, true), wg_scalar(x.tape, 7));
}

static wg_var fused_std(wg_var x) { return wg_std_axes(x, BOTH, true, 1); }
static wg_var plain_std(wg_var x) { return wg_sqrt(plain_variance(x)); }

static wg_var fused_norm(wg_var x) { return wg_norm_axes(x, BOTH, true); }
static wg_var plain_norm(wg_var x) { return wg_sqrt(wg_sum_axes(wg_square(x), BOTH, true)); }

static wg_var fused_logsumexp(wg_var x) { return wg_logsumexp_axes(x, BOTH, true); }
static wg_var plain_logsumexp(wg_var x) { return wg_log(wg_sum_axes(wg_exp(x), BOTH, true)); }

static wg_var fused_softmax(wg_var x) { return wg_softmax(x, -2); }
static wg_var plain_softmax(wg_var x)
{
    wg_var e = wg_exp(x);
    return wg_div(e, wg_sum_axes(e, WG_AXES(-2), true));
}

static wg_var fused_log_softmax(wg_var x) { return wg_log_softmax(x, -1); }
static wg_var plain_log_softmax(wg_var x)
{
    wg_var e = wg_exp(x);
    return wg_log(wg_div(e, wg_sum_axes(e, LAST, true)));
}

static wg_var fused_logcumsumexp(wg_var x) { return wg_logcumsumexp(x, -1); }
static wg_var plain_logcumsumexp(wg_var x) { return wg_log(wg_cumsum(wg_exp(x), -1)); }

static const struct {
    const char *name;
    wg_var (*fused)(wg_var), (*plain)(wg_var);
} ways[] = {{"prod", fused_prod, plain_prod}, {"cumprod", fused_cumprod, plain_cumprod},
    {"variance", fused_variance, plain_variance}, {"std", fused_std, plain_std}, {"norm", fused_norm, plain_norm},
    {"logsumexp", fused_logsumexp, plain_logsumexp}, {"softmax", fused_softmax, plain_softmax},
    {"log_softmax", fused_log_softmax, plain_log_softmax}, {"logcumsumexp", fused_logcumsumexp, plain_logcumsumexp}};

/* ---- orders ------------------------------------------------------------------------------------------------------------ */

static wg_var weighted(random_state *random, wg_var x)
{
    array w = array_new(wg_shape_of(x));
    for (size_t i = 0; i < w.size; i++) w.at[i] = (float)(2 * random_unit(random) - 1);
    wg_var sum = wg_sum(wg_mul(x, array_leaf(x.tape, &w, false)));
    array_free(&w);
    return sum;
}

static void test_to_order_3(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        wg_tape *tape = wg_tape_new(WG_F64);
        array a = array_new(WG_DIMS(2, 3, 4));
        random_state random = {i + 1};
        for (size_t k = 0; k < a.size; k++) a.at[k] = (float)(2 * random_unit(&random) - 1);
        wg_var x = array_leaf(tape, &a, true), of[2][4];
        for (size_t way = 0; way < 2; way++) {
            random_state same = {7};
            of[way][0] = way ? ways[i].plain(x) : ways[i].fused(x);
            for (size_t order = 1; order <= 3; order++)
                assert_int_equal(wg_gradients(weighted(&same, of[way][order - 1]), &x, 1, &of[way][order]), WG_OK);
        }
        for (size_t order = 0; order <= 3; order++) {
            array fused = array_of_value(of[0][order]), plain = array_of_value(of[1][order]);
            assert_true(shape_same(&fused.shape, &plain.shape));
            long double scale = 1 + array_largest(&plain);
            for (size_t k = 0; k < plain.size; k++)
                if (!(fabsl(fused.at[k] - plain.at[k]) <= 1e-13L * scale))
                    fail_msg("%s, order %zu, element %zu: %.17Lg, plain %.17Lg", ways[i].name, order, k, fused.at[k],
                        plain.at[k]);
            array_free(&fused);
            array_free(&plain);
        }
        array_free(&a);
        wg_tape_free(tape);
    }
}

/* The fused steps on weights that sum to 1 without a rounding, and whole numbers: g - sum (g y) and g - y sum g, exactly. */
static void test_steps(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var y = wg_variable(tape, WG_DIMS(2, 4), ((double[]){0.125, 0.25, 0.125, 0.5, 0.0625, 0.75, 0.125, 0.0625}));
    wg_var g = wg_variable(tape, WG_DIMS(2, 4), ((double[]){1, -2, 16, 5, 3, 8, -4, 32})), in[] = {g, y};
    for (int column = 0; column < 2; column++) {
        /* along the last axis, or, the same numbers transposed, along the first */
        wg_shape_split split = {column ? 1 : 2, 4, column ? 2 : 1};
        wg_var a[] = {column ? wg_transpose(g) : g, column ? wg_transpose(y) : y};
        int axis = column ? 0 : 1;
        wg_var center = wg_apply(tape, &wg_softmax_op_center, a, 2, &split, sizeof split);
        wg_var project = wg_apply(tape, &wg_softmax_op_project, a, 2, &split, sizeof split);
        wg_var plain_center = wg_sub(a[0], wg_sum_axes(wg_mul(a[0], a[1]), &axis, 1, true));
        wg_var plain_project = wg_sub(a[0], wg_mul(a[1], wg_sum_axes(a[0], &axis, 1, true)));
        for (size_t i = 0; i < 8; i++) {
            assert_true(wg_at(center, i) == wg_at(plain_center, i));
            assert_true(wg_at(project, i) == wg_at(plain_project, i));
        }
        wg_var fused[2], plain[2], u = a[0];
        assert_int_equal(wg_vjp(center, u, in, 2, fused), WG_OK);
        assert_int_equal(wg_vjp(plain_center, u, in, 2, plain), WG_OK);
        for (size_t k = 0; k < 2; k++)
            for (size_t i = 0; i < 8; i++) assert_true(wg_at(fused[k], i) == wg_at(plain[k], i));
        assert_int_equal(wg_vjp(project, u, in, 2, fused), WG_OK);
        assert_int_equal(wg_vjp(plain_project, u, in, 2, plain), WG_OK);
        for (size_t k = 0; k < 2; k++)
            for (size_t i = 0; i < 8; i++) assert_true(wg_at(fused[k], i) == wg_at(plain[k], i));
    }
    assert_int_equal(wg_tape_status(tape), WG_OK);
    wg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_to_order_3),
        cmocka_unit_test(test_steps),
    };
    return cmocka_run_group_tests_name("ops/reduce_orders", tests, NULL, NULL);
}
