/* The elementary functions at the ends of their domains, at infinity and at the origin, their second derivatives there
 * included; and functions of two numbers where a quotient or a difference of the two is not defined. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "support/corner.h"

#define PI   3.14159265358979323846
#define LOG2 0.69314718055994530942

static void test_one_number(void **state)
{
    (void)state;
    EXPECT(UNARY(wg_rsqrt), 3, AT(0), INF, -INF);
    EXPECT(UNARY(wg_rsqrt), 4, AT(0.25), 2, -16);
    EXPECT(UNARY(wg_rsqrt), 3, AT(INF), 0, 0);
    EXPECT(UNARY(wg_rsqrt), 3, AT(-1), NONE, NONE);
    EXPECT(UNARY(wg_cbrt), 3, AT(0), 0, INF);
    EXPECT(UNARY(wg_cbrt), 12, AT(-8), -2, 1);
    EXPECT(UNARY(wg_cbrt), 3, AT(-INF), -INF, 0);
    EXPECT(UNARY(wg_exp2), 3, AT(-INF), 0, 0);
    EXPECT(UNARY(wg_exp2), 1, AT(0), 1, LOG2);
    EXPECT(UNARY(wg_log2), 3, AT(0), -INF, INF);
    EXPECT(UNARY(wg_log2), 1, AT(1), 0, 1.44269504088896340736);
    EXPECT(UNARY(wg_log10), 3, AT(0), -INF, INF);
    EXPECT(UNARY(wg_log10), 1, AT(1), 0, 0.43429448190325182765);
    EXPECT(UNARY(wg_tan), 3, AT(0), 0, 3);
    EXPECT(UNARY(wg_tan), 3, AT(INF), NONE, NONE);
    EXPECT(UNARY(wg_asin), 3, AT(0), 0, 3);
    EXPECT(UNARY(wg_asin), 3, AT(1), PI / 2, INF);
    EXPECT(UNARY(wg_asin), 3, AT(2), NONE, NONE);
    EXPECT(UNARY(wg_acos), 3, AT(1), 0, -INF);
    EXPECT(UNARY(wg_acos), 3, AT(-1), PI, -INF);
    EXPECT(UNARY(wg_atan), 3, AT(INF), PI / 2, 0);
    EXPECT(UNARY(wg_atan), 3, AT(1), PI / 4, 1.5);
    EXPECT(UNARY(wg_sinh), 3, AT(-INF), -INF, INF);
    EXPECT(UNARY(wg_cosh), 3, AT(-INF), INF, -INF);
    EXPECT(UNARY(wg_cosh), 3, AT(0), 1, 0);
    EXPECT(UNARY(wg_asinh), 3, AT(-INF), -INF, 0);
    EXPECT(UNARY(wg_acosh), 3, AT(1), 0, INF);
    EXPECT(UNARY(wg_acosh), 3, AT(0.5), NONE, NONE);
    EXPECT(UNARY(wg_acosh), 3, AT(INF), INF, 0);
    EXPECT(UNARY(wg_atanh), 3, AT(-1), -INF, INF);
    EXPECT(UNARY(wg_atanh), 3, AT(1), INF, INF);
    EXPECT(UNARY(wg_atanh), 0, AT(2), NONE, 0);
}

static void test_fma_and_lerp(void **state)
{
    (void)state;
    EXPECT(TERNARY(wg_fma), 3, AT(2, 5, 4), 14, 15, 6, 3);
    /* (1 + 2^-12)^2 = 1 + 2^-11 + 2^-24; rounded in between, float would lose the last part */
    EXPECT(TERNARY(wg_fma), 0, AT(1 + 0x1p-12, 1 + 0x1p-12, -1 - 0x1p-11), 0x1p-24, 0, 0, 0);
    EXPECT(TERNARY(wg_fma), 0, AT(0, INF, 1), NONE, 0, 0, 0);
    EXPECT(TERNARY(wg_lerp), 3, AT(1, 3, 0), 1, 3, 0, 6);
    EXPECT(TERNARY(wg_lerp), 3, AT(1, 3, 1), 3, 0, 3, 6);
    EXPECT(TERNARY(wg_lerp), 4, AT(1, 3, 0.25), 1.5, 3, 1, 8);
    EXPECT(TERNARY(wg_lerp), 0, AT(1, 0.1, 1), 0.1, 0, 0, 0);
}

static void test_remainders(void **state)
{
    (void)state;
    EXPECT(BINARY(wg_remainder), 3, AT(5, 3), 2, 3, -3);
    EXPECT(BINARY(wg_remainder), 3, AT(-5, 3), 1, 3, 6);
    EXPECT(BINARY(wg_remainder), 3, AT(5, -3), -1, 3, 6);
    EXPECT(BINARY(wg_remainder), 3, AT(-5, -3), -2, 3, -3);
    EXPECT(BINARY(wg_remainder), 3, AT(6, 3), 0, 3, -6);
    EXPECT(BINARY(wg_remainder), 3, AT(5, INF), 5, 3, 0);
    EXPECT(BINARY(wg_remainder), 3, AT(-5, INF), INF, 3, NONE);
    EXPECT(BINARY(wg_remainder), 3, AT(5, 0), NONE, 3, NONE);
    EXPECT(BINARY(wg_remainder), 3, AT(INF, 2), NONE, 3, NONE);
    EXPECT(BINARY(wg_fmod), 3, AT(5, 3), 2, 3, -3);
    EXPECT(BINARY(wg_fmod), 3, AT(-5, 3), -2, 3, 3);
    EXPECT(BINARY(wg_fmod), 3, AT(5, -3), 2, 3, 3);
    EXPECT(BINARY(wg_fmod), 3, AT(-5, -3), -2, 3, -3);
    EXPECT(BINARY(wg_fmod), 3, AT(5, INF), 5, 3, 0);
    /* 1 / 0.1 rounds to 10 in both dtypes, but 0.1 fits 9 times; and -1e-20 mod 1 rounds to 1 */
    SLOPES(BINARY(wg_remainder), 1, false, AT(1, 0.1), 1, -9);
    SLOPES(BINARY(wg_fmod), 1, false, AT(1, 0.1), 1, -9);
    SLOPES(BINARY(wg_remainder), 1, false, AT(-1e-20, 1), 1, 1);
    /* quotients that have more digits than the dtype: 2^30 / 3, and 2^100 / 3 = 422550200076076467165567735125.33 */
    SLOPES(BINARY(wg_remainder), 1, false, AT(0x1p30, 3), 1, -357913941);
    SLOPES(BINARY(wg_remainder), 1, false, AT(0x1p100, 3), 1, -422550200076076467165567735125.0);
    SLOPES(BINARY(wg_fmod), 1, false, AT(-0x1p100, 3), 1, 422550200076076467165567735125.0);
}

static void test_remainder_of_zero_has_the_divisors_sign(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var three = wg_scalar(tape, 3), minus = wg_scalar(tape, -3), six = wg_scalar(tape, 6);
    assert_false(signbit(wg_item(wg_remainder(wg_neg(six), three))));
    assert_true(signbit(wg_item(wg_remainder(six, minus))));
    assert_true(signbit(wg_item(wg_fmod(wg_neg(six), three))));
    wg_tape_free(tape);
}

static void test_two_numbers(void **state)
{
    (void)state;
    EXPECT(BINARY(wg_hypot), 3, AT(0, 0), 0, 0, 0);
    EXPECT(BINARY(wg_hypot), 1, AT(3, -4), 5, 0.6, -0.8);
    EXPECT(BINARY(wg_hypot), 3, AT(0, -2), 2, 0, -3);
    EXPECT(BINARY(wg_hypot), 3, AT(2, -INF), INF, 0, -3);
    EXPECT(BINARY(wg_hypot), 0, AT(INF, INF), INF, 0, 0);
    EXPECT(BINARY(wg_atan2), 3, AT(0, 0), 0, 0, 0);
    EXPECT(BINARY(wg_atan2), 3, AT(0, 1), 0, 3, 0);
    EXPECT(BINARY(wg_atan2), 3, AT(1, 0), PI / 2, 0, -3);
    EXPECT(BINARY(wg_atan2), 3, AT(0, -1), PI, -3, 0);
    EXPECT(BINARY(wg_atan2), 3, AT(-0.0, -1), -PI, -3, 0);
    EXPECT(BINARY(wg_atan2), 3, AT(2, INF), 0, 0, 0);
    EXPECT(BINARY(wg_logaddexp), 3, AT(INF, INF), INF, 1.5, 1.5);
    EXPECT(BINARY(wg_logaddexp), 3, AT(-INF, -INF), -INF, 0, 0);
    EXPECT(BINARY(wg_logaddexp), 3, AT(INF, -INF), INF, 3, 0);
    EXPECT(BINARY(wg_logaddexp), 3, AT(-INF, 2), 2, 0, 3);
    EXPECT(BINARY(wg_logaddexp), 3, AT(1000, 0), 1000, 3, 0);
    EXPECT(BINARY(wg_logaddexp), 3, AT(0, 0), LOG2, 1.5, 1.5);
    EXPECT(BINARY(wg_logaddexp), 0, AT(NONE, INF), NONE, 0, 0);
    EXPECT(BINARY(wg_xlogy), 3, AT(0, 0), 0, 0, 0);
    EXPECT(BINARY(wg_xlogy), 3, AT(0, -1), 0, 0, 0);
    EXPECT(BINARY(wg_xlogy), 1, AT(0, 2), 0, LOG2, 0);
    EXPECT(BINARY(wg_xlogy), 3, AT(0, INF), 0, INF, 0);
    EXPECT(BINARY(wg_xlogy), 3, AT(2, 0), -INF, -INF, INF);
    EXPECT(BINARY(wg_xlogy), 3, AT(2, 1), 0, 0, 6);
    EXPECT(BINARY(wg_xlogy), 3, AT(2, -1), NONE, NONE, -6);
    EXPECT(BINARY(wg_xlogy), 0, AT(0, NONE), NONE, 0, 0);
}

/* ---- order 2 ----------------------------------------------------------------------------------------------------- */

typedef wg_var binary_function(wg_var, wg_var);

/* d2 f / dx_i dx_j, on 0-d values or arrays, the second derivative swept or recorded. */
static double second_derivative(binary_function *f, const double *x, size_t i, size_t j, int way)
{
    wg_tape *tape = wg_tape_new(way & 4 ? WG_F32 : WG_F64);
    wg_var in[2], first, second;
    for (size_t k = 0; k < 2; k++) in[k] = wg_variable_f64(tape, (wg_shape){way & 1, {1}}, &x[k]);
    wg_gradients(f(in[0], in[1]), &in[i], 1, &first);
    wg_gradients(first, &in[j], 1, &second);
    wg_backward(first);
    double got = way & 2 ? wg_item(second) : wg_grad_at(in[j], 0);
    if (wg_tape_status(tape) != WG_OK) fail_msg("%s", wg_tape_message(tape));
    wg_tape_free(tape);
    return got;
}

static void expect_second(binary_function *f, double a, double b, double aa, double ab, double bb)
{
    const double x[2] = {a, b}, expected[2][2] = {{aa, ab}, {ab, bb}};
    for (size_t i = 0; i < 2; i++)
        for (size_t j = 0; j < 2; j++)
            for (int way = 0; way < 8; way++) {
                double got = second_derivative(f, x, i, j, way);
                if (!point_same(got, expected[i][j]))
                    fail_msg("at (%g, %g), d2/d%zu d%zu, way %d: %.17g, expected %.17g", a, b, i, j, way, got,
                        expected[i][j]);
            }
}

static void test_order_2(void **state)
{
    (void)state;
    expect_second(wg_hypot, 0, 0, 0, 0, 0);
    expect_second(wg_hypot, 0, 2, 0.5, 0, 0);
    expect_second(wg_atan2, 0, 0, 0, 0, 0);
    expect_second(wg_atan2, 0, 2, 0, -0.25, 0);
    expect_second(wg_logaddexp, 2, 2, 0.25, -0.25, 0.25);
    expect_second(wg_logaddexp, INF, INF, 0, 0, 0);
    expect_second(wg_logaddexp, -INF, -INF, 0, 0, 0);
    expect_second(wg_logaddexp, -INF, 2, 0, 0, 0);
    expect_second(wg_xlogy, 0, 0, 0, 0, 0);
    expect_second(wg_xlogy, 0, 2, 0, 0.5, 0);
    expect_second(wg_xlogy, 3, 1, 0, 1, -3);
    expect_second(wg_remainder, 5, 3, 0, 0, 0);
    expect_second(wg_fmod, -5, 3, 0, 0, 0);
    expect_second(wg_copysign, 2, -1, 0, 0, 0);
}

/* The derivatives of hypot and atan2 at the origin are 0 at order 3 too. */
static void test_origin(void **state)
{
    (void)state;
    binary_function *const functions[] = {wg_hypot, wg_atan2};
    for (size_t f = 0; f < 2; f++)
        for (uint32_t rank = 0; rank < 2; rank++) {
            wg_tape *tape = wg_tape_new(WG_F64);
            wg_var in[2], grads[2];
            for (size_t k = 0; k < 2; k++) in[k] = wg_variable_raw(tape, (wg_shape){rank, {1}}, NULL);
            wg_var sum = wg_sum(functions[f](in[0], in[1]));
            for (int order = 1; order <= 4; order++) {
                assert_int_equal(wg_zero_grad(tape), WG_OK);
                assert_int_equal(wg_backward(sum), WG_OK);
                assert_int_equal(wg_gradients(sum, in, 2, grads), WG_OK);
                for (size_t k = 0; k < 2; k++) {
                    assert_true(wg_grad_at(in[k], 0) == 0);
                    assert_true(wg_item(grads[k]) == 0);
                }
                sum = wg_add(wg_sum(grads[0]), wg_sum(wg_mul(wg_scalar(tape, 3), grads[1])));
            }
            wg_tape_free(tape);
        }
}

/* At base 0 an exponent >= 0 has no part in any derivative; with respect to the base they are those of the power. */
static void test_pow_at_base_0(void **state)
{
    (void)state;
    expect_second(wg_pow, 0, 0, 0, 0, 0);
    expect_second(wg_pow, 0, 0.5, -INF, 0, 0);
    expect_second(wg_pow, 0, 1, 0, 0, 0);
    expect_second(wg_pow, 0, 1.5, INF, 0, 0);
    expect_second(wg_pow, 0, 2, 2, 0, 0);
    expect_second(wg_pow, 0, 3, 0, 0, 0);
    /* a^b at a = 1: b (b - 1), 1 + b log a = 1, log^2 a = 0 */
    expect_second(wg_pow, 1, 3, 6, 1, 0);
    expect_second(wg_pow, 1, 0, 0, 1, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_number),
        cmocka_unit_test(test_fma_and_lerp),
        cmocka_unit_test(test_remainders),
        cmocka_unit_test(test_remainder_of_zero_has_the_divisors_sign),
        cmocka_unit_test(test_two_numbers),
        cmocka_unit_test(test_order_2),
        cmocka_unit_test(test_origin),
        cmocka_unit_test(test_pow_at_base_0),
    };
    return cmocka_run_group_tests_name("ops/elementwise, ends", tests, NULL, NULL);
}
