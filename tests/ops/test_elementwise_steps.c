/* The rows of elementwise ops whose derivative is zero everywhere: rounding, sign, heaviside, kinds of numbers,
 * logic; and of masked_fill. Domains stay between the jumps, which test_elementwise_kinks.c goes to. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "support/row.h"

#include "ops/elementwise/elementwise.h"

static long double formula_floor(const long double *x) { return floorl(x[0]); }
static long double formula_ceil(const long double *x) { return ceill(x[0]); }
static long double formula_trunc(const long double *x) { return truncl(x[0]); }
static long double formula_round(const long double *x) { return floorl(x[0] + 0.5L); }
static long double formula_floor_divide(const long double *x) { return floorl(x[0] / x[1]); }
static long double formula_sign(const long double *x) { return x[0] < 0 ? -1 : 1; }
static long double formula_no(const long double *x) { return 0 * x[0]; }
static long double formula_yes(const long double *x) { return 1 + 0 * x[0]; }
static long double formula_logical_not(const long double *x) { return x[0] == 0; }
static long double formula_logical_and(const long double *x) { return x[0] != 0 && x[1] != 0; }
static long double formula_logical_or(const long double *x) { return x[0] != 0 || x[1] != 0; }
static long double formula_logical_xor(const long double *x) { return (x[0] != 0) != (x[1] != 0); }
static long double formula_masked_fill(const long double *x) { return x[1] != 0 ? -2.5L : x[0]; }

static wg_var apply_masked_fill(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    (void)tape, (void)n, (void)user;
    return wg_masked_fill(in[0], in[1], -2.5);
}

#define BETWEEN(name, low, high, formula_)                                                                             \
    ROW_UNARY(name), .formula = formula_, ROW_CASES_UNARY, .domain = {FROM(low, high)}
#define LOGIC(name) ROW_BINARY(name), .formula = formula_##name, ROW_CASES_BINARY, .domain = {TRUTH, TRUTH}

static const row rows[] = {
    ROW(wg_floor, BETWEEN(floor, 1.0625, 1.9375, formula_floor)),
    ROW(wg_ceil, BETWEEN(ceil, -3.9375, -3.0625, formula_ceil)),
    ROW(wg_trunc, BETWEEN(trunc, -3.9375, -3.0625, formula_trunc)),
    ROW(wg_round, BETWEEN(round, -2.4375, -1.5625, formula_round)),
    ROW(wg_sign, ROW_UNARY(sign), .formula = formula_sign, ROW_CASES_UNARY, .domain = {AWAY(-2, 2, 0.1)}),
    ROW(wg_floor_divide, ROW_BINARY(floor_divide), .formula = formula_floor_divide, ROW_CASES_BINARY,
        .domain = {FROM(5.5, 6.5), FROM(2.25, 2.5)}),
    ROW(wg_floor_divide, ROW_BINARY(floor_divide), .formula = formula_floor_divide, ROW_CASES_BINARY,
        .domain = {FROM(-6.5, -5.5), FROM(2.25, 2.5)}),
    ROW(wg_signbit, BETWEEN(signbit, 0.1, 2, formula_no)),
    ROW(wg_signbit, BETWEEN(signbit, -2, -0.1, formula_yes)),
    ROW(wg_heaviside, ROW_PARAMETER(heaviside, 0.5), .formula = formula_yes, ROW_CASES_UNARY, .domain = {FROM(0.1, 2)}),
    ROW(wg_heaviside, ROW_PARAMETER(heaviside, 0.5), .formula = formula_no, ROW_CASES_UNARY,
        .domain = {FROM(-2, -0.1)}),
    ROW(wg_isnan, BETWEEN(isnan, -2, 2, formula_no)),
    ROW(wg_isinf, BETWEEN(isinf, -2, 2, formula_no)),
    ROW(wg_isfinite, BETWEEN(isfinite, -2, 2, formula_yes)),
    ROW(wg_logical_not, ROW_UNARY(logical_not), .formula = formula_logical_not, ROW_CASES_UNARY, .domain = {TRUTH}),
    ROW(wg_logical_and, LOGIC(logical_and)),
    ROW(wg_logical_or, LOGIC(logical_or)),
    ROW(wg_logical_xor, LOGIC(logical_xor)),
    ROW(wg_masked_fill, .apply = apply_masked_fill, .composite = true, .formula = formula_masked_fill, ROW_CASES_BINARY,
        .domain = {FROM(-2, 2), TRUTH}, .reads = {ROW_READS(1)}),
};

static void test_allocations(void **state)
{
    (void)state;
    static const row_case stretched = CASE(2, SHAPE(40, 1), SHAPE(1, 50));
    row_fail_allocations(&rows[sizeof rows / sizeof *rows - 1], &stretched);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_allocations)};
    return row_main("ops/elementwise, steps", rows, sizeof rows / sizeof *rows, tests, sizeof tests / sizeof *tests);
}
