/* Checking functions that are right: every op at ordinary points, at kinks and jumps, at tiny, huge and zero numbers, in
 * both dtypes. None may be called wrong. */
#include "wengert.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

typedef struct ops_case {
    const char *name;
    wg_var (*unary)(wg_var);
    wg_var (*binary)(wg_var, wg_var);
    wg_function apply;
} ops_case;

static wg_var ops_apply(wg_tape *tape, void *user, const wg_var *in, size_t n)
{
    const ops_case *c = user;
    return c->unary ? c->unary(in[0]) : c->binary ? c->binary(in[0], in[1]) : c->apply(tape, NULL, in, n);
}

static void ops_check(const ops_case *c, const char *where, wg_dtype dtype, size_t n, const wg_shape *shapes,
    const double *const *numbers, bool decided)
{
    wg_tape *tape = wg_tape_new(dtype);
    wg_var in[4];
    wg_function_report r;
    for (size_t i = 0; i < n; i++) in[i] = wg_variable_f64(tape, shapes[i], numbers[i]);
    wg_status status = wg_check_function(ops_apply, (void *)c, in, n, &(wg_function_options){.directions = 2}, &r);
    bool good = status == WG_OK && r.verdict != WG_FUNCTION_WRONG && r.verdict != WG_FUNCTION_NOT_DETERMINISTIC;
    good = good && (!decided || r.verdict == WG_FUNCTION_RIGHT || r.verdict == WG_FUNCTION_SUBGRADIENT);
    if (!good) print_error("%s, %s, %s: %s\n", c->name, where, dtype == WG_F64 ? "f64" : "f32", r.message);
    assert_true(good);
    wg_tape_free(tape);
}

/* ---- one operand ------------------------------------------------------------------------------------------------------- */

#define OP(name_)                                                                                                      \
    {                                                                                                                  \
        .name = #name_, .unary = wg_##name_                                                                            \
    }
#define WITH(name_, ...)                                                                                               \
    static wg_var ops_##name_(wg_tape *t, void *u, const wg_var *in, size_t n)                                         \
    {                                                                                                                  \
        (void)t, (void)u, (void)n, (void)in;                                                                           \
        return __VA_ARGS__;                                                                                            \
    }
#define USE(name_)                                                                                                     \
    {                                                                                                                  \
        .name = #name_, .apply = ops_##name_                                                                           \
    }

WITH(leaky_relu, wg_leaky_relu(in[0], 0.1))
WITH(elu, wg_elu(in[0], 1.5))
WITH(celu, wg_celu(in[0], 1.5))
WITH(hardtanh, wg_hardtanh(in[0], -1, 1))
WITH(threshold, wg_threshold(in[0], 1, 5))
WITH(hardshrink, wg_hardshrink(in[0], 0.5))
WITH(softshrink, wg_softshrink(in[0], 0.5))
WITH(clamp, wg_clamp(in[0], -1, 0.5))
WITH(clamp_min, wg_clamp_min(in[0], 0))
WITH(heaviside, wg_heaviside(in[0], 0.5))
WITH(polygamma, wg_polygamma(1, in[0]))
WITH(variance, wg_variance(in[0], 1))
WITH(std, wg_std(in[0], 0))
WITH(softmax, wg_softmax(in[0], 0))
WITH(log_softmax, wg_log_softmax(in[0], 0))
WITH(cumsum, wg_cumsum(in[0], 0))
WITH(cumprod, wg_cumprod(in[0], 0))
WITH(logcumsumexp, wg_logcumsumexp(in[0], 0))
WITH(diff, wg_diff(in[0], 2, 0))
WITH(cummax, wg_cummax(in[0], 0))
WITH(cummin, wg_cummin(in[0], 0))
WITH(sort, wg_sort(in[0], 0, false))
WITH(argmax, wg_to_numbers(wg_argmax(in[0], 0, false)))
WITH(median, wg_median(in[0]))
WITH(quantile, wg_quantile(in[0], 0.3))
WITH(swiglu, wg_swiglu(in[0], 0))
WITH(reglu, wg_reglu(in[0], 0))
WITH(layer_norm,
    wg_layer_norm(in[0], wg_broadcast_to(wg_scalar(t, 1), WG_DIMS(6)), wg_constant_f64(t, WG_DIMS(6), NULL), 1, 1e-5))
WITH(normalize, wg_normalize(in[0], 0, 1e-12))
WITH(max_pool, wg_max_pool1d(wg_reshape(in[0], WG_DIMS(1, 1, 6)), &(wg_pool_options){.kernel = {3}, .stride = {1}}))
WITH(pow_half, wg_pow(in[0], wg_scalar(t, 0.5)))
WITH(pow_slow, wg_pow(in[0], wg_scalar(t, 1.1)))
WITH(pow_three, wg_pow(in[0], wg_scalar(t, 3)))
WITH(xlogx, wg_xlogy(in[0], in[0]))
WITH(guarded, wg_where(wg_greater(in[0], wg_scalar(t, 0)), wg_log(in[0]), wg_mul(in[0], wg_scalar(t, 2))))
WITH(offset, wg_add(in[0], wg_scalar(t, 1e6)))
WITH(cancels, wg_sub(wg_add(wg_square(in[0]), wg_scalar(t, 1e4)), wg_scalar(t, 1e4)))
WITH(constants, wg_mul(in[0], wg_sub(wg_scalar(t, 0.7), wg_scalar(t, 0.7001))))
WITH(both_sides, wg_stack((wg_var[]){wg_relu(in[0]), wg_relu(wg_neg(in[0]))}, 2, 0))
WITH(constant, wg_scalar(t, 3))
WITH(identity, in[0])
WITH(powerful, wg_exp(wg_mul(wg_scalar(t, 8), in[0])))
WITH(hessianless, wg_mul(in[0], wg_abs(in[0])))

static const ops_case ops_unary[] = {OP(neg), OP(abs), OP(square), OP(reciprocal), OP(frac), OP(sqrt), OP(rsqrt),
    OP(cbrt), OP(exp), OP(exp2), OP(expm1), OP(log), OP(log2), OP(log10), OP(log1p), OP(sin), OP(cos), OP(tan),
    OP(asin), OP(acos), OP(atan), OP(sinh), OP(cosh), OP(tanh), OP(asinh), OP(acosh), OP(atanh), OP(erf), OP(erfc),
    OP(erfinv), OP(logit), OP(lgamma), OP(digamma), OP(sinc), OP(sigmoid), OP(softplus), OP(softsign), OP(relu),
    OP(relu6), OP(selu), OP(hardsigmoid), OP(hardswish), OP(tanhshrink), OP(logsigmoid), OP(silu), OP(mish), OP(gelu),
    OP(gelu_tanh), OP(floor), OP(ceil), OP(trunc), OP(round), OP(sign), OP(isnan), OP(signbit), OP(logical_not),
    OP(sum), OP(mean), OP(max), OP(min), OP(prod), OP(norm), OP(logsumexp), OP(any), OP(count_nonzero), USE(leaky_relu),
    USE(elu), USE(celu), USE(hardtanh), USE(threshold), USE(hardshrink), USE(softshrink), USE(clamp), USE(clamp_min),
    USE(heaviside), USE(polygamma), USE(variance), USE(std), USE(softmax), USE(log_softmax), USE(cumsum), USE(cumprod),
    USE(logcumsumexp), USE(diff), USE(cummax), USE(cummin), USE(sort), USE(argmax), USE(median), USE(quantile),
    USE(swiglu), USE(reglu), USE(layer_norm), USE(normalize), USE(max_pool), USE(pow_half), USE(pow_slow),
    USE(pow_three), USE(xlogx), USE(guarded), USE(offset), USE(cancels), USE(constants), USE(both_sides), USE(constant),
    USE(identity), USE(powerful), USE(hessianless)};

static const struct {
    const char *name;
    double at[6];
} ops_points[] = {{"ordinary", {0.3, -0.45, 0.81, 0.62, -0.9, 0.11}}, {"positive", {1.3, 2.45, 0.81, 3.62, 5.9, 0.11}},
    {"kinks", {0, 1, -1, 3, -3, 0.5}}, {"ties", {2, 1, 2, -1, -1, 2}}, {"zeros", {0, 0, 0, 0, 0, 0}},
    {"equal", {0.7, 0.7, 0.7, 0.7, 0.7, 0.7}}, {"scales", {1e-8, -1e-8, 1e8, 0, 1e3, -1e-3}},
    {"tiny", {1e-8, 2e-8, -3e-8, 4e-9, 5e-8, -1e-9}}, {"minute", {1e-30, -2e-30, 3e-30, 5e-31, -1e-30, 1e-29}},
    {"huge", {1e8, -3e8, 2e8, 7e7, -4e8, 5e8}},
    {"near kinks", {1e-12, 1 + 1e-7, -1 - 1e-7, 3 - 1e-6, -1e-9, 0.5 + 1e-8}}, {"tails", {20, -20, 40, -35, 15, -9}}};

static void ops_all(wg_dtype dtype)
{
    for (size_t p = 0; p < sizeof ops_points / sizeof *ops_points; p++)
        for (size_t i = 0; i < sizeof ops_unary / sizeof *ops_unary; i++)
            ops_check(
                &ops_unary[i], ops_points[p].name, dtype, 1, &WG_DIMS(6), (const double *[]){ops_points[p].at}, false);
}

static void test_unary_f64(void **state)
{
    (void)state;
    ops_all(WG_F64);
}

static void test_unary_f32(void **state)
{
    (void)state;
    ops_all(WG_F32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_unary_f64), cmocka_unit_test(test_unary_f32)};
    return cmocka_run_group_tests_name("check/function_ops", tests, NULL, NULL);
}
