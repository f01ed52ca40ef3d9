/* A zero cotangent contributes an exact zero, whatever the local derivative is, in numbers and recorded, to any order;
 * options.ieee_zero makes it NaN again. So neither `where` nor a mask lets NaN leak from the side not taken. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "support/corner.h"

/* Where a local derivative is infinite or NaN, one for each input where it is. */
typedef struct pole {
    row op;
    size_t n;
    double x[2];
    unsigned at; /* bits of the inputs whose derivative is not finite there */
} pole;
static const pole poles[] = {
    {UNARY(wg_log), 1, {0}, 1},
    {UNARY(wg_log), 1, {NONE}, 1},
    {UNARY(wg_log1p), 1, {-1}, 1},
    {UNARY(wg_sqrt), 1, {0}, 1},
    {UNARY(wg_sqrt), 1, {-1}, 1},
    {UNARY(wg_reciprocal), 1, {0}, 1},
    {UNARY(wg_square), 1, {INF}, 1},
    {UNARY(wg_exp), 1, {INF}, 1},
    {UNARY(wg_expm1), 1, {INF}, 1},
    {UNARY(wg_sin), 1, {INF}, 1},
    {UNARY(wg_cos), 1, {INF}, 1},
    {UNARY(wg_tanh), 1, {NONE}, 1},
    {UNARY(wg_sigmoid), 1, {NONE}, 1},
    {UNARY(wg_softplus), 1, {NONE}, 1},
    {UNARY(wg_rsqrt), 1, {0}, 1},
    {UNARY(wg_cbrt), 1, {0}, 1},
    {UNARY(wg_exp2), 1, {INF}, 1},
    {UNARY(wg_log2), 1, {0}, 1},
    {UNARY(wg_log10), 1, {0}, 1},
    {UNARY(wg_tan), 1, {INF}, 1},
    {UNARY(wg_asin), 1, {1}, 1},
    {UNARY(wg_acos), 1, {-1}, 1},
    {UNARY(wg_asin), 1, {2}, 1},
    {UNARY(wg_atan), 1, {NONE}, 1},
    {UNARY(wg_sinh), 1, {INF}, 1},
    {UNARY(wg_cosh), 1, {-INF}, 1},
    {UNARY(wg_asinh), 1, {NONE}, 1},
    {UNARY(wg_acosh), 1, {1}, 1},
    {UNARY(wg_acosh), 1, {0}, 1},
    {UNARY(wg_atanh), 1, {-1}, 1},
    {UNARY(wg_softsign), 1, {NONE}, 1},
    {UNARY(wg_sinc), 1, {NONE}, 1},
    {UNARY(wg_tanhshrink), 1, {NONE}, 1},
    {WITH(wg_celu, 1), 1, {NONE}, 0},
    {BINARY(wg_remainder), 2, {1, 0}, 2},
    {BINARY(wg_fmod), 2, {INF, 1}, 2},
    {BINARY(wg_hypot), 2, {NONE, 1}, 3},
    {BINARY(wg_atan2), 2, {NONE, 1}, 3},
    {BINARY(wg_logaddexp), 2, {NONE, 1}, 3},
    {BINARY(wg_xlogy), 2, {1, 0}, 3},
    {BINARY(wg_mul), 2, {INF, NONE}, 3},
    {BINARY(wg_div), 2, {1, 0}, 3},
    {BINARY(wg_div), 2, {0, 0}, 3},
    {BINARY(wg_div), 2, {NONE, 1}, 2},
    {BINARY(wg_pow), 2, {0, -1}, 3},
    {BINARY(wg_pow), 2, {0, 0.5}, 1},
    {BINARY(wg_pow), 2, {-2, 2}, 2},
    {BINARY(wg_pow), 2, {-2, 0.5}, 3},
};

static void test_at_poles(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof poles / sizeof *poles; i++) {
        const pole *p = &poles[i];
        for (int sign = 0; sign < 2; sign++) {
            double zeros[2] = {0, 0}, g = sign ? -0.0 : 0.0;
            point_expect_slopes(&p->op, p->n, p->x, g, false, zeros);
        }
        for (size_t way = POINT_WAYS; way < 2 * POINT_WAYS; way++) {
            point at = point_at(&p->op, p->n, p->x, 0, point_way_of(way));
            for (size_t k = 0; k < p->n; k++)
                if (p->at >> k & 1 && !isnan(at.slope[k]))
                    fail_msg("%s (%g, %g) with ieee_zero, way %zu: slope %zu is %g, not NaN", p->op.name, p->x[0],
                        p->x[1], way, k, at.slope[k]);
        }
    }
}

/* ---- behind `where` ---------------------------------------------------------------------------------------------- */

/* Functions with poles at x = 0. one and two are variables, so that derivatives flow into factors beside x too. */
static wg_var hidden_log(wg_var x, wg_var one) { return wg_mul(one, wg_log(x)); }
static wg_var hidden_sqrt(wg_var x, wg_var one) { return wg_mul(wg_sqrt(x), one); }
static wg_var hidden_reciprocal(wg_var x, wg_var one) { return wg_add(one, wg_reciprocal(x)); }
static wg_var hidden_quotient(wg_var x, wg_var one) { return wg_div(one, x); }
static wg_var hidden_undefined(wg_var x, wg_var one) { return wg_div(wg_mul(x, one), wg_square(x)); }
static wg_var hidden_entropy(wg_var x, wg_var one) { return wg_mul(wg_mul(x, one), wg_log(x)); }
static wg_var hidden_power(wg_var x, wg_var one) { return wg_pow(x, wg_neg(one)); }
static wg_var hidden_root(wg_var x, wg_var one) { return wg_pow(x, wg_sub(one, wg_sqrt(one))); }
static wg_var hidden_log1p(wg_var x, wg_var one) { return wg_log1p(wg_sub(x, one)); }
static wg_var hidden_tower(wg_var x, wg_var one) { return wg_exp(wg_reciprocal(wg_mul(x, one))); }
static wg_var hidden_sin(wg_var x, wg_var one) { return wg_sin(wg_div(one, x)); }
static wg_var hidden_tanh(wg_var x, wg_var one) { return wg_tanh(wg_log(wg_sub(wg_mul(x, x), one))); }
static wg_var hidden_sigmoid(wg_var x, wg_var one) { return wg_sigmoid(wg_div(wg_sub(one, one), x)); }
static wg_var hidden_norm(wg_var x, wg_var one) { return wg_div(one, wg_sqrt(wg_square(x))); }
static wg_var hidden_rsqrt(wg_var x, wg_var one) { return wg_mul(one, wg_rsqrt(x)); }
static wg_var hidden_cbrt(wg_var x, wg_var one) { return wg_cbrt(wg_mul(x, one)); }
static wg_var hidden_log2(wg_var x, wg_var one) { return wg_log2(wg_mul(x, one)); }
static wg_var hidden_acosh(wg_var x, wg_var one) { return wg_acosh(wg_add(x, one)); }
static wg_var hidden_atanh(wg_var x, wg_var one) { return wg_atanh(wg_sub(one, x)); }
static wg_var hidden_asin(wg_var x, wg_var one) { return wg_asin(wg_add(one, x)); }
static wg_var hidden_asinh(wg_var x, wg_var one) { return wg_asinh(wg_div(one, x)); }
static wg_var hidden_atan(wg_var x, wg_var one) { return wg_atan(wg_div(x, wg_sub(one, one))); }
static wg_var hidden_xlogy(wg_var x, wg_var one) { return wg_xlogy(one, x); }
static wg_var hidden_hypot(wg_var x, wg_var one) { return wg_div(one, wg_hypot(x, wg_sub(one, one))); }
static wg_var hidden_angle(wg_var x, wg_var one) { return wg_atan2(wg_div(one, x), x); }
static wg_var hidden_logaddexp(wg_var x, wg_var one) { return wg_logaddexp(wg_log(x), wg_mul(one, wg_log(x))); }
static wg_var hidden_remainder(wg_var x, wg_var one) { return wg_remainder(one, x); }
static wg_var hidden_softsign(wg_var x, wg_var one) { return wg_softsign(wg_div(one, x)); }
static wg_var hidden_elu(wg_var x, wg_var one) { return wg_elu(wg_div(one, wg_neg(x)), 1.5); }
static wg_var hidden_lerp(wg_var x, wg_var one) { return wg_lerp(wg_log(x), wg_rsqrt(x), one); }
static wg_var hidden_fma(wg_var x, wg_var one) { return wg_fma(wg_log(x), one, wg_reciprocal(x)); }
static wg_var hidden_clamp(wg_var x, wg_var one) { return wg_clamp(wg_mul(one, wg_log(x)), -1, 1); }

typedef struct hidden {
    const char *name;
    wg_var (*f)(wg_var x, wg_var one);
} hidden;
static const hidden hiddens[] = {{"log", hidden_log}, {"sqrt", hidden_sqrt}, {"reciprocal", hidden_reciprocal},
    {"quotient", hidden_quotient}, {"undefined", hidden_undefined}, {"entropy", hidden_entropy},
    {"power", hidden_power}, {"root", hidden_root}, {"log1p", hidden_log1p}, {"tower", hidden_tower},
    {"sin", hidden_sin}, {"tanh", hidden_tanh}, {"sigmoid", hidden_sigmoid}, {"norm", hidden_norm},
    {"rsqrt", hidden_rsqrt}, {"cbrt", hidden_cbrt}, {"log2", hidden_log2}, {"acosh", hidden_acosh},
    {"atanh", hidden_atanh}, {"asin", hidden_asin}, {"asinh", hidden_asinh}, {"atan", hidden_atan},
    {"xlogy", hidden_xlogy}, {"hypot", hidden_hypot}, {"angle", hidden_angle}, {"logaddexp", hidden_logaddexp},
    {"remainder", hidden_remainder}, {"softsign", hidden_softsign}, {"elu", hidden_elu}, {"lerp", hidden_lerp},
    {"fma", hidden_fma}, {"clamp", hidden_clamp}};

static void expect_zeros(wg_var gradient, const char *name, int order, const char *how)
{
    for (size_t i = 0; i < wg_size(gradient); i++)
        if (wg_at(gradient, i) != 0) fail_msg("%s: order %d, %s: %g", name, order, how, wg_at(gradient, i));
    if (wg_tape_status(gradient.tape) != WG_OK) fail_msg("%s: %s", name, wg_tape_message(gradient.tape));
}

/* Every derivative of y, which does not depend on x and one in truth, is zero: swept, recorded, and again. */
static void expect_no_derivatives(wg_var y, wg_var x, wg_var one, const char *name)
{
    wg_tape *tape = y.tape;
    for (int order = 1; order <= 3; order++) {
        wg_var grads[2];
        assert_int_equal(wg_zero_grad(tape), WG_OK);
        assert_int_equal(wg_backward(y), WG_OK);
        for (size_t i = 0; i < wg_size(x); i++)
            if (wg_grad_at(x, i) != 0) fail_msg("%s: order %d, swept, x: %g", name, order, wg_grad_at(x, i));
        for (size_t i = 0; i < wg_size(one); i++)
            if (wg_grad_at(one, i) != 0) fail_msg("%s: order %d, swept, one: %g", name, order, wg_grad_at(one, i));
        assert_int_equal(wg_gradients(y, (wg_var[]){x, one}, 2, grads), WG_OK);
        expect_zeros(grads[0], name, order, "recorded, x");
        expect_zeros(grads[1], name, order, "recorded, one");
        y = wg_add(wg_sum(grads[0]), wg_sum(grads[1]));
    }
}

static void run_hidden(const hidden *h, bool arrays, wg_dtype dtype)
{
    wg_tape *tape = wg_tape_new(dtype);
    wg_shape shape = arrays ? WG_DIMS(3) : WG_SCALAR;
    wg_var x = wg_variable_f64(tape, shape, (double[]){0, 0, 0});
    wg_var one = wg_variable_f64(tape, shape, (double[]){1, 1, 1}), zero = wg_scalar(tape, 0);
    wg_var y = wg_where(wg_greater(x, zero), h->f(x, one), zero);
    expect_no_derivatives(wg_sum(y), x, one, h->name);
    wg_tape_free(tape);
}

static void test_behind_where(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof hiddens / sizeof *hiddens; i++)
        for (int ways = 0; ways < 4; ways++) run_hidden(&hiddens[i], ways & 1, ways & 2 ? WG_F64 : WG_F32);
}

/* The same behind a factor 0, whose own derivative is another matter: the mask is a constant. */
static void test_behind_mask(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof hiddens / sizeof *hiddens; i++)
        for (int ways = 0; ways < 4; ways++) {
            wg_tape *tape = wg_tape_new(ways & 2 ? WG_F64 : WG_F32);
            wg_shape shape = ways & 1 ? WG_DIMS(2) : WG_SCALAR;
            wg_var x = wg_variable_f64(tape, shape, (double[]){0, 0});
            wg_var one = wg_variable_f64(tape, shape, (double[]){1, 1}), mask = wg_constant_f64(tape, shape, NULL);
            expect_no_derivatives(wg_sum(wg_mul(mask, hiddens[i].f(x, one))), x, one, hiddens[i].name);
            wg_tape_free(tape);
        }
}

/* The side taken has its derivatives, beside poles on the side not taken: y = sqrt(x) where x > 0, else 0, has y' =
 * 1 / (2 sqrt x) and y'' = -1 / (4 x^(3/2)). */
static void test_beside_the_taken(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(4), ((double[]){0, 4, -1, 0.25})), zero = wg_scalar(tape, 0), first, second;
    wg_var y = wg_sum(wg_where(wg_greater(x, zero), wg_sqrt(x), zero));
    assert_int_equal(wg_backward(y), WG_OK);
    assert_int_equal(wg_gradients(y, &x, 1, &first), WG_OK);
    assert_int_equal(wg_gradients(wg_sum(first), &x, 1, &second), WG_OK);
    const double once[] = {0, 0.25, 0, 1}, twice[] = {0, -1.0 / 32, 0, -2};
    for (size_t i = 0; i < 4; i++) {
        assert_true(wg_grad_at(x, i) == once[i]);
        assert_true(wg_at(first, i) == once[i]);
        assert_true(wg_at(second, i) == twice[i]);
    }
    wg_zero_grad(tape);
    assert_int_equal(wg_backward(wg_sum(first)), WG_OK);
    for (size_t i = 0; i < 4; i++) assert_true(wg_grad_at(x, i) == twice[i]);
    wg_tape_free(tape);
}

/* With ieee_zero the same programs give NaN, swept and recorded. */
static void test_ieee_zero(void **state)
{
    (void)state;
    for (int arrays = 0; arrays < 2; arrays++) {
        wg_tape *tape = wg_tape_new_with(&(wg_tape_options){.dtype = WG_F64, .ieee_zero = true}, NULL);
        wg_shape shape = arrays ? WG_DIMS(3) : WG_SCALAR;
        wg_var x = wg_variable_f64(tape, shape, NULL), zero = wg_scalar(tape, 0), grad;
        wg_var y = wg_sum(wg_where(wg_greater(x, zero), wg_sqrt(x), zero));
        assert_int_equal(wg_backward(y), WG_OK);
        assert_true(isnan(wg_grad_at(x, 0)));
        assert_int_equal(wg_gradients(y, &x, 1, &grad), WG_OK);
        assert_true(isnan(wg_at(grad, 0)));
        wg_tape_free(tape);
    }
}

/* The condition's and a selection's zeros are exact in either case: `where` alone is no product. */
static void test_where_itself(void **state)
{
    (void)state;
    const row where = TERNARY(wg_where);
    for (int ieee = 0; ieee < 2; ieee++) {
        point_expect_slopes(&where, 3, (double[]){0, NONE, 1}, 0, ieee, (double[]){0, 0, 0});
        point_expect_slopes(&where, 3, (double[]){1, 1, INF}, 2, ieee, (double[]){0, 2, 0});
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_at_poles),
        cmocka_unit_test(test_behind_where),
        cmocka_unit_test(test_behind_mask),
        cmocka_unit_test(test_beside_the_taken),
        cmocka_unit_test(test_ieee_zero),
        cmocka_unit_test(test_where_itself),
    };
    return cmocka_run_group_tests_name("ops/elementwise, zeros", tests, NULL, NULL);
}
