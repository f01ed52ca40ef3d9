/* The rows of the elementary functions: powers and logarithms to other bases, trigonometry, hyperbolic functions,
 * and the steps that their recorded derivatives take. References are libm's long double functions; domains stay away
 * from poles, which test_elementwise_zeros.c and test_elementwise_tails_*.c go to. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "support/row.h"

#include "ops/elementwise/elementwise.h"

enum { ONCE = 1, LIBM = 4, FEW = 8 };

#define REFERENCE(name)                                                                                                \
    static long double formula_##name(const long double *x) { return name##l(x[0]); }
REFERENCE(cbrt)
REFERENCE(exp2)
REFERENCE(log2)
REFERENCE(log10)
REFERENCE(tan)
REFERENCE(asin)
REFERENCE(acos)
REFERENCE(atan)
REFERENCE(sinh)
REFERENCE(cosh)
REFERENCE(asinh)
REFERENCE(acosh)
REFERENCE(atanh)
static long double formula_rsqrt(const long double *x) { return 1 / sqrtl(x[0]); }
static long double formula_hypot(const long double *x) { return sqrtl(x[0] * x[0] + x[1] * x[1]); }
static long double formula_atan2(const long double *x) { return atan2l(x[0], x[1]); }
static long double formula_logaddexp(const long double *x) { return logl(expl(x[0]) + expl(x[1])); }
static long double formula_xlogy(const long double *x) { return x[0] * logl(x[1]); }
static long double formula_remainder(const long double *x) { return x[0] - x[1] * floorl(x[0] / x[1]); }
static long double formula_fmod(const long double *x) { return x[0] - x[1] * truncl(x[0] / x[1]); }
static long double formula_copysign(const long double *x) { return copysignl(x[0], x[1]); }
static long double formula_fmax(const long double *x) { return x[0] > x[1] ? x[0] : x[1]; }
static long double formula_fmin(const long double *x) { return x[0] < x[1] ? x[0] : x[1]; }
static long double formula_frac(const long double *x) { return x[0] - truncl(x[0]); }
static long double formula_lerp(const long double *x) { return x[0] + x[2] * (x[1] - x[0]); }

static long double formula_atan_prime(const long double *x) { return 1 / (1 + x[0] * x[0]); }
static long double formula_asinh_prime(const long double *x) { return 1 / sqrtl(1 + x[0] * x[0]); }
static long double formula_one_minus_square(const long double *x) { return 1 - x[0] * x[0]; }
static long double formula_pow_prime(const long double *x) { return x[1] * powl(x[0], x[1] - 1); }
static long double formula_logaddexp_weight(const long double *x) { return 1 / (1 + expl(x[1] - x[0])); }
static long double formula_over0(const long double *x) { return x[0] / x[1]; }
static long double formula_direction(const long double *x) { return x[0] / formula_hypot(x); }

#define STEP(name)                                                                                                     \
    static wg_var apply_##name(wg_tape *tape, const wg_var *in, size_t n, const void *user)                            \
    {                                                                                                                  \
        (void)user;                                                                                                    \
        return wg_apply(tape, &wg_ew_op_##name, in, n, NULL, 0);                                                       \
    }
STEP(atan_prime)
STEP(asinh_prime)
STEP(one_minus_square)
STEP(pow_prime)
STEP(logaddexp_weight)
STEP(direction)
STEP(over0)

#define ONE(name_, low, high)                                                                                          \
    ROW_UNARY(name_), .formula = formula_##name_, ROW_CASES_UNARY, .domain = {FROM(low, high)}, .roundings = LIBM
#define TWO(name_, roundings_, ...)                                                                                    \
    ROW_BINARY(name_), .formula = formula_##name_, ROW_CASES_BINARY, .domain = {__VA_ARGS__}, .roundings = roundings_
#define STEP_ROW(name_, ...)                                                                                           \
    {                                                                                                                  \
        .name = #name_, .apply = apply_##name_, .elementwise = true, .rule = EW_##name_, .formula = formula_##name_,   \
        .roundings = FEW, __VA_ARGS__                                                                                  \
    }

static const row rows[] = {
    ROW(wg_rsqrt, ONE(rsqrt, 0.4, 4)),
    ROW(wg_cbrt, ONE(cbrt, 0.4, 4)),
    ROW(wg_cbrt, ONE(cbrt, -4, -0.4)),
    ROW(wg_exp2, ONE(exp2, -3, 3)),
    ROW(wg_log2, ROW_UNARY(log2), .formula = formula_log2, ROW_CASES_UNARY, .domain = {FROM(0.4, 4)},
        .roundings = LIBM),
    ROW(wg_log10, ONE(log10, 0.4, 4)),
    ROW(wg_tan, ONE(tan, -1.25, 1.25)),
    ROW(wg_asin, ONE(asin, -0.75, 0.75)),
    ROW(wg_acos, ONE(acos, -0.75, 0.75)),
    ROW(wg_atan, ONE(atan, -4, 4)),
    ROW(wg_sinh, ONE(sinh, -3, 3)),
    ROW(wg_cosh, ONE(cosh, -3, 3)),
    ROW(wg_asinh, ONE(asinh, -4, 4)),
    ROW(wg_acosh, ONE(acosh, 1.5, 5)),
    ROW(wg_atanh, ONE(atanh, -0.75, 0.75)),

    ROW(wg_hypot, TWO(hypot, LIBM, AWAY(-2, 2, 0.5), AWAY(-2, 2, 0.5))),
    ROW(wg_atan2, TWO(atan2, LIBM, AWAY(-2, 2, 0.5), AWAY(-2, 2, 0.5))),
    ROW(wg_logaddexp, TWO(logaddexp, FEW, FROM(0.5, 3), FROM(0.5, 3))),
    ROW(wg_xlogy, TWO(xlogy, FEW, FROM(0.4, 4), FROM(1.25, 4))),
    ROW(wg_copysign, TWO(copysign, 0, AWAY(-2, 2, 0.1), AWAY(-2, 2, 0.1))),
    /* between two jumps, in every quadrant: the rest keeps its digits */
    ROW(wg_remainder, TWO(remainder, LIBM, FROM(5.5, 6.5), FROM(2.25, 2.5))),
    ROW(wg_remainder, TWO(remainder, LIBM, FROM(-6.5, -5.5), FROM(2.25, 2.5))),
    ROW(wg_remainder, TWO(remainder, LIBM, FROM(5.5, 6.5), FROM(-2.5, -2.25))),
    ROW(wg_remainder, TWO(remainder, LIBM, FROM(-6.5, -5.5), FROM(-2.5, -2.25))),
    ROW(wg_fmod, TWO(fmod, LIBM, FROM(5.5, 6.5), FROM(2.25, 2.5))),
    ROW(wg_fmod, TWO(fmod, LIBM, FROM(-6.5, -5.5), FROM(2.25, 2.5))),
    ROW(wg_fmod, TWO(fmod, LIBM, FROM(5.5, 6.5), FROM(-2.5, -2.25))),
    ROW(wg_frac, ROW_UNARY(frac), .formula = formula_frac, ROW_CASES_UNARY, .domain = {FROM(2.0625, 2.9375)}),
    ROW(wg_frac, ROW_UNARY(frac), .formula = formula_frac, ROW_CASES_UNARY, .domain = {FROM(-0.9375, -0.0625)}),
    ROW(wg_fmax, ROW_BINARY(fmax), .formula = formula_fmax, ROW_CASES_BINARY, .distinct = true),
    ROW(wg_fmin, ROW_BINARY(fmin), .formula = formula_fmin, ROW_CASES_BINARY, .distinct = true),
    ROW(wg_lerp, ROW_TERNARY(lerp), .formula = formula_lerp, ROW_CASES_TERNARY,
        .domain = {FROM(0.5, 2), FROM(0.5, 2), FROM(0, 1)}, .roundings = FEW),

    STEP_ROW(atan_prime, ROW_CASES_UNARY, .domain = {FROM(-4, 4)}),
    STEP_ROW(asinh_prime, ROW_CASES_UNARY, .domain = {FROM(-4, 4)}),
    STEP_ROW(one_minus_square, ROW_CASES_UNARY, .domain = {FROM(-0.75, 0.75)}),
    STEP_ROW(pow_prime, ROW_CASES_BINARY, .domain = {FROM(0.4, 2.5), FROM(-2, 3)}),
    STEP_ROW(logaddexp_weight, ROW_CASES_BINARY, .domain = {FROM(-3, 3), FROM(-3, 3)}),
    STEP_ROW(over0, ROW_CASES_BINARY, .domain = {AWAY(-2, 2, 0.5), AWAY(-2, 2, 0.5)}),
    STEP_ROW(direction, ROW_CASES_BINARY, .domain = {AWAY(-2, 2, 0.5), AWAY(-2, 2, 0.5)}),
};

static const row *row_number(size_t i) { return &rows[i]; }

static void test_allocations(void **state)
{
    (void)state;
    static const row_case stretched = CASE(2, SHAPE(40, 1), SHAPE(1, 50)), alike = CASE(1, SHAPE(1033));
    row_fail_allocations(row_number(7), &alike);
    row_fail_allocations(row_number(16), &stretched);
    row_fail_allocations(row_number(31), &row_cases_ternary[ROW_CASES_TERNARY_COUNT - 1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_allocations)};
    return row_main(
        "ops/elementwise, functions", rows, sizeof rows / sizeof *rows, tests, sizeof tests / sizeof *tests);
}
