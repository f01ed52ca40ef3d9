/* The rows of elementwise ops with parameters, and of roundings. Domains stay away from kinks and jumps. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "support/point.h"

#include "ops/elementwise/elementwise.h"

enum { ONCE = 1 };

static long double formula_leaky_relu(const long double *x) { return x[0] > 0 ? x[0] : x[1] * x[0]; }
static long double formula_clamp(const long double *x) { return x[0] < x[1] ? x[1] : x[0] > x[2] ? x[2] : x[0]; }
static long double formula_floor(const long double *x) { return floorl(x[0]); }

static const row rows[] = {
    ROW(wg_leaky_relu, ROW_PARAMETER(leaky_relu, 0.125), .formula = formula_leaky_relu, ROW_CASES_UNARY,
        .domain = {AWAY(-2, 2, 0.1)}, .roundings = ONCE),
    ROW(wg_clamp, ROW_PARAMETERS(clamp, -0.515625, 0.765625), .formula = formula_clamp, ROW_CASES_UNARY,
        .distinct = true),
    ROW(wg_floor, ROW_UNARY(floor), .formula = formula_floor, ROW_CASES_UNARY, .domain = {FROM(1.0625, 1.9375)}),
};

int main(void) { return row_main("ops/elementwise, parameters", rows, sizeof rows / sizeof *rows, NULL, 0); }
