/* The rows of the activations beyond sigmoid, relu and softplus, and of bounds: ops with parameters among them. Domains
 * stay away from kinks, which test_elementwise_kinks.c goes to. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "support/row.h"

#include "ops/elementwise/elementwise.h"

enum { ONCE = 1, LIBM = 4, FEW = 8 };

static long double formula_bounded(const long double *x) { return x[0] < x[1] ? x[1] : x[0] > x[2] ? x[2] : x[0]; }
static long double formula_clamp_min(const long double *x) { return x[0] < x[1] ? x[1] : x[0]; }
static long double formula_clamp_max(const long double *x) { return x[0] > x[1] ? x[1] : x[0]; }
static long double formula_leaky_relu(const long double *x) { return x[0] > 0 ? x[0] : x[1] * x[0]; }
static long double formula_hardshrink(const long double *x) { return fabsl(x[0]) > x[1] ? x[0] : 0; }
static long double formula_softshrink(const long double *x)
{
    return x[0] > x[1] ? x[0] - x[1] : x[0] < -x[1] ? x[0] + x[1] : 0;
}
static long double formula_threshold(const long double *x) { return x[0] > x[1] ? x[0] : x[2]; }
static long double formula_tanhshrink(const long double *x) { return x[0] - tanhl(x[0]); }
static long double formula_elu(const long double *x) { return x[0] > 0 ? x[0] : x[1] * expm1l(x[0]); }
static long double formula_celu(const long double *x) { return x[0] > 0 ? x[0] : x[1] * expm1l(x[0] / x[1]); }
static long double formula_relu6(const long double *x) { return x[0] < 0 ? 0 : x[0] > 6 ? 6 : x[0]; }
static long double formula_softsign(const long double *x) { return x[0] / (1 + fabsl(x[0])); }
static long double formula_selu(const long double *x)
{
    const long double alpha = 1.6732632423543772848170429916717L, scale = 1.0507009873554804934193349852946L;
    return scale * (x[0] > 0 ? x[0] : alpha * expm1l(x[0]));
}
static long double formula_hardsigmoid(const long double *x) { return x[0] < -3 ? 0 : x[0] > 3 ? 1 : (x[0] + 3) / 6; }
static long double formula_hardswish(const long double *x)
{
    return x[0] < -3 ? 0 : x[0] > 3 ? x[0] : x[0] * (x[0] + 3) / 6;
}

/* Where the row's other domains have one piece, these have the rest. */
#define PIECE(name, low, high, roundings_)                                                                             \
    ROW_UNARY(name), .formula = formula_##name, ROW_CASES_UNARY, .domain = {FROM(low, high)}, .roundings = roundings_

static const row rows[] = {
    ROW(wg_leaky_relu, ROW_PARAMETER(leaky_relu, 0.125), .formula = formula_leaky_relu, ROW_CASES_UNARY,
        .domain = {AWAY(-2, 2, 0.1)}, .roundings = ONCE),
    ROW(wg_prelu, ROW_BINARY(prelu), .formula = formula_leaky_relu, ROW_CASES_BINARY,
        .domain = {AWAY(-2, 2, 0.1), AWAY(-2, 2, 0.5)}, .roundings = ONCE),
    ROW(wg_elu, ROW_PARAMETER(elu, 1.5), .formula = formula_elu, ROW_CASES_UNARY, .domain = {AWAY(-3, 3, 0.1)},
        .roundings = LIBM),
    ROW(wg_celu, ROW_PARAMETER(celu, 0.75), .formula = formula_celu, ROW_CASES_UNARY, .domain = {AWAY(-3, 3, 0.1)},
        .roundings = FEW),
    ROW(wg_celu, ROW_PARAMETER(celu, -2), .formula = formula_celu, ROW_CASES_UNARY, .domain = {AWAY(-3, 3, 0.1)},
        .roundings = FEW),
    ROW(wg_selu, ROW_UNARY(selu), .formula = formula_selu, ROW_CASES_UNARY, .domain = {AWAY(-3, 3, 0.1)},
        .roundings = LIBM),
    ROW(wg_softsign, ROW_UNARY(softsign), .formula = formula_softsign, ROW_CASES_UNARY, .domain = {AWAY(-4, 4, 0.1)},
        .roundings = FEW),

    ROW(wg_relu6, PIECE(relu6, 0.1, 5.9, 0)),
    ROW(wg_relu6, PIECE(relu6, -2, -0.1, 0)),
    ROW(wg_relu6, PIECE(relu6, 6.1, 9, 0)),
    ROW(wg_hardsigmoid, PIECE(hardsigmoid, -2.5, 2.9, FEW)),
    ROW(wg_hardsigmoid, PIECE(hardsigmoid, -5, -3.1, 0)),
    ROW(wg_hardsigmoid, PIECE(hardsigmoid, 3.1, 5, 0)),
    ROW(wg_hardswish, PIECE(hardswish, -2.5, -0.1, FEW)),
    ROW(wg_hardswish, PIECE(hardswish, -5, -3.1, 0)),
    ROW(wg_hardswish, PIECE(hardswish, 3.1, 5, 0)),

    ROW(wg_threshold, ROW_PARAMETERS(threshold, 0.515625, -3), .formula = formula_threshold, ROW_CASES_UNARY,
        .distinct = true),
    ROW(wg_hardshrink, ROW_PARAMETER(hardshrink, 0.515625), .formula = formula_hardshrink, ROW_CASES_UNARY,
        .distinct = true),
    ROW(wg_softshrink, ROW_PARAMETER(softshrink, 0.515625), .formula = formula_softshrink, ROW_CASES_UNARY,
        .distinct = true, .roundings = ONCE),
    ROW(wg_tanhshrink, ROW_UNARY(tanhshrink), .formula = formula_tanhshrink, ROW_CASES_UNARY,
        .domain = {AWAY(-4, 4, 0.25)}, .roundings = FEW),

    ROW(wg_clamp, ROW_PARAMETERS(clamp, -0.515625, 0.765625), .formula = formula_bounded, ROW_CASES_UNARY,
        .distinct = true),
    ROW(wg_clamp_min, .with_parameter = wg_clamp_min, .parameters = {-0.515625}, .elementwise = true, .rule = EW_clamp,
        .formula = formula_clamp_min, ROW_CASES_UNARY, .distinct = true),
    ROW(wg_clamp_max, .with_parameter = wg_clamp_max, .parameters = {0.765625}, .elementwise = true, .rule = EW_clamp,
        .formula = formula_clamp_max, ROW_CASES_UNARY, .distinct = true),
    ROW(wg_hardtanh, ROW_PARAMETERS(hardtanh, -0.984375, 1.015625), .formula = formula_bounded, ROW_CASES_UNARY,
        .distinct = true),
};

static void test_allocations(void **state)
{
    (void)state;
    static const row_case alike = CASE(1, SHAPE(1033)), scalar = CASE(1, SHAPE_SCALAR);
    row_fail_allocations(&rows[2], &alike);
    row_fail_allocations(&rows[2], &scalar);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_allocations)};
    return row_main(
        "ops/elementwise, activations", rows, sizeof rows / sizeof *rows, tests, sizeof tests / sizeof *tests);
}
