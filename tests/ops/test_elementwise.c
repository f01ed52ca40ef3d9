/* The rows of the elementwise ops. References are libm's long double functions or the definitions; domains stay away
 * from kinks and poles, which test_elementwise_corners.c and test_elementwise_tails.c go to. A rounding is half a
 * unit in the last place: arithmetic has one, libm's functions stay within two units. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "support/row.h"

#include "ops/elementwise/elementwise.h"

enum { ONCE = 1, LIBM = 4, FEW = 8 };

static long double formula_add(const long double *x) { return x[0] + x[1]; }
static long double formula_sub(const long double *x) { return x[0] - x[1]; }
static long double formula_mul(const long double *x) { return x[0] * x[1]; }
static long double formula_div(const long double *x) { return x[0] / x[1]; }
static long double formula_pow(const long double *x) { return powl(x[0], x[1]); }
static long double formula_maximum(const long double *x) { return x[0] > x[1] ? x[0] : x[1]; }
static long double formula_minimum(const long double *x) { return x[0] < x[1] ? x[0] : x[1]; }
static long double formula_neg(const long double *x) { return -x[0]; }
static long double formula_square(const long double *x) { return x[0] * x[0]; }
static long double formula_sqrt(const long double *x) { return sqrtl(x[0]); }
static long double formula_reciprocal(const long double *x) { return 1 / x[0]; }
static long double formula_abs(const long double *x) { return x[0] < 0 ? -x[0] : x[0]; }
static long double formula_exp(const long double *x) { return expl(x[0]); }
static long double formula_expm1(const long double *x) { return expm1l(x[0]); }
static long double formula_log(const long double *x) { return logl(x[0]); }
static long double formula_log1p(const long double *x) { return log1pl(x[0]); }
static long double formula_sin(const long double *x) { return sinl(x[0]); }
static long double formula_cos(const long double *x) { return cosl(x[0]); }
static long double formula_tanh(const long double *x) { return tanhl(x[0]); }
static long double formula_sigmoid(const long double *x) { return 1 / (1 + expl(-x[0])); }
static long double formula_relu(const long double *x) { return x[0] > 0 ? x[0] : 0; }
static long double formula_softplus(const long double *x) { return log1pl(expl(x[0])); }
static long double formula_where(const long double *x) { return x[0] != 0 ? x[1] : x[2]; }
static long double formula_fma(const long double *x) { return x[0] * x[1] + x[2]; }
static long double formula_equal(const long double *x) { return x[0] == x[1]; }
static long double formula_not_equal(const long double *x) { return x[0] != x[1]; }
static long double formula_less(const long double *x) { return x[0] < x[1]; }
static long double formula_less_equal(const long double *x) { return x[0] <= x[1]; }
static long double formula_greater(const long double *x) { return x[0] > x[1]; }
static long double formula_greater_equal(const long double *x) { return x[0] >= x[1]; }

/* The multiplication and division of recorded derivatives, by the door that users have, and from inside. */
static wg_var apply_mul0(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    (void)user;
    return wg_apply(tape, wg_op_mul(), in, n, NULL, 0);
}

static wg_var apply_div0(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    (void)user;
    return wg_apply(tape, &wg_ew_op_div0, in, n, NULL, 0);
}

#define COMPARISON(name) ROW_BINARY(name), .formula = formula_##name, .distinct = true, ROW_CASES_BINARY

static const row rows[] = {
    ROW(wg_add, ROW_BINARY(add), .formula = formula_add, ROW_CASES_BINARY, .domain = {FROM(-2, 2), FROM(-2, 2)},
        .roundings = ONCE),
    ROW(wg_sub, ROW_BINARY(sub), .formula = formula_sub, ROW_CASES_BINARY, .domain = {FROM(-2, 2), FROM(-2, 2)},
        .roundings = ONCE),
    ROW(wg_mul, ROW_BINARY(mul), .formula = formula_mul, ROW_CASES_BINARY, .domain = {FROM(-2, 2), FROM(-2, 2)},
        .roundings = ONCE),
    ROW(wg_div, ROW_BINARY(div), .formula = formula_div, ROW_CASES_BINARY,
        .domain = {AWAY(-2, 2, 0.5), AWAY(-2, 2, 0.5)}, .roundings = ONCE),
    ROW(wg_pow, ROW_BINARY(pow), .formula = formula_pow, ROW_CASES_BINARY, .domain = {FROM(0.4, 2.5), FROM(-2, 3)},
        .roundings = LIBM),
    ROW(wg_maximum, ROW_BINARY(maximum), .formula = formula_maximum, ROW_CASES_BINARY, .distinct = true),
    ROW(wg_minimum, ROW_BINARY(minimum), .formula = formula_minimum, ROW_CASES_BINARY, .distinct = true),

    ROW(wg_neg, ROW_UNARY(neg), .formula = formula_neg, ROW_CASES_UNARY, .domain = {FROM(-2, 2)}),
    ROW(wg_square, ROW_UNARY(square), .formula = formula_square, ROW_CASES_UNARY, .domain = {FROM(-2, 2)},
        .roundings = ONCE),
    ROW(wg_sqrt, ROW_UNARY(sqrt), .formula = formula_sqrt, ROW_CASES_UNARY, .domain = {FROM(0.4, 4)},
        .roundings = ONCE),
    ROW(wg_reciprocal, ROW_UNARY(reciprocal), .formula = formula_reciprocal, ROW_CASES_UNARY,
        .domain = {AWAY(-3, 3, 0.5)}, .roundings = ONCE),
    ROW(wg_abs, ROW_UNARY(abs), .formula = formula_abs, ROW_CASES_UNARY, .domain = {AWAY(-2, 2, 0.1)}),
    ROW(wg_exp, ROW_UNARY(exp), .formula = formula_exp, ROW_CASES_UNARY, .domain = {FROM(-3, 2)}, .roundings = LIBM),
    ROW(wg_expm1, ROW_UNARY(expm1), .formula = formula_expm1, ROW_CASES_UNARY, .domain = {FROM(-3, 2)},
        .roundings = LIBM),
    ROW(wg_log, ROW_UNARY(log), .formula = formula_log, ROW_CASES_UNARY, .domain = {FROM(0.4, 4)}, .roundings = LIBM),
    ROW(wg_log1p, ROW_UNARY(log1p), .formula = formula_log1p, ROW_CASES_UNARY, .domain = {FROM(-0.6, 4)},
        .roundings = LIBM),
    ROW(wg_sin, ROW_UNARY(sin), .formula = formula_sin, ROW_CASES_UNARY, .domain = {FROM(-4, 4)}, .roundings = LIBM),
    ROW(wg_cos, ROW_UNARY(cos), .formula = formula_cos, ROW_CASES_UNARY, .domain = {FROM(-4, 4)}, .roundings = LIBM),
    ROW(wg_tanh, ROW_UNARY(tanh), .formula = formula_tanh, ROW_CASES_UNARY, .domain = {FROM(-4, 4)}, .roundings = LIBM),
    ROW(wg_sigmoid, ROW_UNARY(sigmoid), .formula = formula_sigmoid, ROW_CASES_UNARY, .domain = {FROM(-6, 6)},
        .roundings = FEW),
    ROW(wg_relu, ROW_UNARY(relu), .formula = formula_relu, ROW_CASES_UNARY, .domain = {AWAY(-2, 2, 0.1)}),
    ROW(wg_softplus, ROW_UNARY(softplus), .formula = formula_softplus, ROW_CASES_UNARY, .domain = {FROM(-6, 6)},
        .roundings = FEW),

    ROW(wg_where, ROW_TERNARY(where), .formula = formula_where, ROW_CASES_TERNARY,
        .domain = {TRUTH, FROM(-2, 2), FROM(-2, 2)}),
    ROW(wg_fma, ROW_TERNARY(fma), .formula = formula_fma, ROW_CASES_TERNARY,
        .domain = {AWAY(-2, 2, 0.5), AWAY(-2, 2, 0.5), FROM(-2, 2)}, .roundings = ONCE),

    ROW(wg_equal, COMPARISON(equal)),
    ROW(wg_not_equal, COMPARISON(not_equal)),
    ROW(wg_less, COMPARISON(less)),
    ROW(wg_less_equal, COMPARISON(less_equal)),
    ROW(wg_greater, COMPARISON(greater)),
    ROW(wg_greater_equal, COMPARISON(greater_equal)),

    {.name = "mul0",
        .apply = apply_mul0,
        .elementwise = true,
        .rule = EW_mul0,
        .formula = formula_mul,
        ROW_CASES_BINARY,
        .domain = {FROM(-2, 2), FROM(-2, 2)},
        .roundings = ONCE},
    {.name = "div0",
        .apply = apply_div0,
        .elementwise = true,
        .rule = EW_div0,
        .formula = formula_div,
        ROW_CASES_BINARY,
        .domain = {AWAY(-2, 2, 0.5), AWAY(-2, 2, 0.5)},
        .roundings = ONCE},
};

/* ---- every allocation failing in turn ---------------------------------------------------------------------------- */

static const row *row_of(const char *name)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].formula && strcmp(rows[i].name, name) == 0) return &rows[i];
    fail_msg("no row %s", name);
    return NULL;
}

static void test_allocations(void **state)
{
    (void)state;
    static const row_case scalars = CASE(2, SHAPE_SCALAR, SHAPE_SCALAR),
                          stretched = CASE(2, SHAPE(40, 1), SHAPE(1, 50)), alike = CASE(1, SHAPE(1033));
    row_fail_allocations(row_of("wg_div"), &scalars);
    row_fail_allocations(row_of("wg_pow"), &stretched);
    row_fail_allocations(row_of("wg_maximum"), &stretched);
    row_fail_allocations(row_of("wg_sigmoid"), &alike);
    row_fail_allocations(row_of("wg_where"), &row_cases_ternary[ROW_CASES_TERNARY_COUNT - 1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_allocations)};
    return row_main("ops/elementwise", rows, sizeof rows / sizeof *rows, tests, sizeof tests / sizeof *tests);
}
