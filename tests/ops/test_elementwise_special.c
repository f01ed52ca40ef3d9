/* The rows of special functions and of the activations made of them, their corners, and their higher orders. References
 * are libm's long double functions, the definitions, or, for the gamma family, sums of their own. Domains stay away
 * from poles and zeros; accuracy there is the matter of tests/accuracy. A rounding is half a unit in the last place. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "support/point.h"

#include "ops/elementwise/elementwise.h"

enum { FEW = 8 }; /* four units in the last place */

/* ---- references -------------------------------------------------------------------------------------------------- */

static const long double half_root_pi = 0.886226925452758013649083741670572591L;

static long double formula_erf(const long double *x) { return erfl(x[0]); }
static long double formula_erfc(const long double *x) { return erfcl(x[0]); }
static long double formula_lgamma(const long double *x) { return lgammal(x[0]); }
static long double formula_logit(const long double *x) { return logl(x[0] / (1 - x[0])); }
static long double formula_logsigmoid(const long double *x) { return -log1pl(expl(-x[0])); }
static long double formula_silu(const long double *x) { return x[0] / (1 + expl(-x[0])); }
static long double formula_mish(const long double *x) { return x[0] * tanhl(log1pl(expl(x[0]))); }
static long double formula_gelu(const long double *x) { return x[0] * erfcl(-x[0] / sqrtl(2)) / 2; }

static long double formula_gelu_tanh(const long double *x)
{
    long double inner = x[0] + 0.044715L * x[0] * x[0] * x[0];
    return x[0] * (1 + tanhl(inner / (sqrtl(2) * half_root_pi))) / 2; /* sqrt(2 / pi) = 1 / (sqrt 2 sqrt(pi) / 2) */
}

static long double formula_erfinv(const long double *x) /* Newton's method on erf */
{
    long double y = 0;
    for (int i = 0; i < 60; i++) y -= (erfl(y) - x[0]) * half_root_pi * expl(y * y);
    return y;
}

/* The rest, from k = K on, of a sum of f(x + k): the integral, half of f(at), and derivatives of f with Bernoulli
 * numbers (Euler and Maclaurin, DLMF 2.10.1), at = x + K. Here for f = n! / x^(n+1), over (n-1)! / at^n. */
static long double rest(int n, long double at)
{
    static const long double over_factorial[] = {1 / 12.0L, -1 / 720.0L, 1 / 30240.0L, -1 / 1209600.0L, 1 / 47900160.0L,
        -691 / 1307674368000.0L, 1 / 74724249600.0L};
    long double sum = 1 + n / (2 * at), derivative = 1;
    for (int k = 0; k < 7; k++) {
        derivative *= (n + 2 * k) * (n + 2 * k + 1) / (at * at);
        sum += over_factorial[k] * derivative;
    }
    return sum;
}

enum { TERMS = 32 };

static long double formula_digamma(const long double *x) /* the sum of -1 / (x + k); n = 0 has the integral -log */
{
    static const long double over_2k[] = {1 / 12.0L, -1 / 120.0L, 1 / 252.0L, -1 / 240.0L, 1 / 132.0L, -691 / 32760.0L};
    long double at = x[0] + TERMS, sum = logl(at) - 1 / (2 * at), power = 1;
    for (int k = 0; k < 6; k++) sum -= over_2k[k] * (power /= at * at);
    for (int k = 0; k < TERMS; k++) sum -= 1 / (x[0] + k);
    return sum;
}

/* The n-th derivative of digamma, n >= 1: the sum of (-1)^(n+1) n! / (x + k)^(n+1). */
static long double polygamma(int n, long double x)
{
    long double sum = 0, factorial = 1;
    for (int k = 0; k <= TERMS; k++) {
        long double power = 1;
        for (int m = 0; m < n; m++) power /= x + k;
        sum += k < TERMS ? n * power / (x + k) : power * rest(n, x + k);
    }
    for (int k = 1; k < n; k++) factorial *= k;
    return (n % 2 ? factorial : -factorial) * sum;
}

static long double formula_trigamma(const long double *x) { return polygamma(1, x[0]); }
static long double formula_heptagamma(const long double *x) { return polygamma(5, x[0]); }

static long double formula_sinc(const long double *x)
{
    const long double pi = 3.14159265358979323846264338327950288L;
    return sinl(pi * x[0]) / (pi * x[0]);
}

/* f = sin z / z, z = pi x: f'' = ((2 - z^2) sin z - 2 z cos z) / z^3 */
static long double formula_sinc_order(const long double *x)
{
    const long double pi = 3.14159265358979323846264338327950288L, z = pi * x[0];
    return pi * pi * ((2 - z * z) * sinl(z) - 2 * z * cosl(z)) / (z * z * z);
}

static wg_var sinc_second(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    (void)user;
    return wg_apply(tape, &wg_ew_op_sinc_order, in, n, &(wg_ew_parameters){2, 0}, sizeof(wg_ew_parameters));
}

static wg_var trigamma(wg_var x) { return wg_polygamma(1, x); }
static wg_var tetragamma(wg_var x) { return wg_polygamma(2, x); }
static wg_var heptagamma(wg_var x) { return wg_polygamma(5, x); }

/* ---- rows -------------------------------------------------------------------------------------------------------- */

#define SPECIAL(name, ...)                                                                                             \
    ROW_UNARY(name), .formula = formula_##name, ROW_CASES_UNARY, .domain = {__VA_ARGS__}, .roundings = FEW
#define POLYGAMMA(function, ...)                                                                                       \
    .unary = function, .elementwise = true, .rule = EW_polygamma, .formula = formula_##function, ROW_CASES_UNARY,      \
    .domain = {__VA_ARGS__}, .roundings = FEW

static const row rows[] = {
    ROW(wg_erf, SPECIAL(erf, AWAY(-2, 2, 0.1))),
    ROW(wg_erfc, SPECIAL(erfc, FROM(-1, 3))),
    ROW(wg_erfinv, SPECIAL(erfinv, AWAY(-0.8, 0.8, 0.1))),
    ROW(wg_lgamma, SPECIAL(lgamma, FROM(2.5, 9))),
    ROW(wg_lgamma, SPECIAL(lgamma, FROM(-1.625, -1.375))),
    ROW(wg_digamma, SPECIAL(digamma, FROM(2, 9))),
    ROW(wg_digamma, SPECIAL(digamma, FROM(-1.4375, -1.3125))),
    ROW(wg_polygamma, POLYGAMMA(trigamma, FROM(0.5, 8))),
    ROW(wg_polygamma, POLYGAMMA(trigamma, FROM(-1.625, -1.375))),
    ROW(wg_polygamma, POLYGAMMA(heptagamma, FROM(1, 4))),
    ROW(wg_sinc, SPECIAL(sinc, AWAY(-0.75, 0.75, 0.1))),
    ROW(wg_sinc, SPECIAL(sinc, FROM(1.25, 1.75))),
    {.name = "sinc_order",
        .apply = sinc_second,
        .elementwise = true,
        .rule = EW_sinc_order,
        .formula = formula_sinc_order,
        ROW_CASES_UNARY,
        .domain = {FROM(1, 1.25)}, /* away from its zeros at 0.66 and 1.89 */
        .roundings = FEW},
    ROW(wg_logit, SPECIAL(logit, FROM(0.5625, 0.875))),
    ROW(wg_logsigmoid, SPECIAL(logsigmoid, FROM(-6, 6))),
    ROW(wg_silu, SPECIAL(silu, FROM(-0.5, 4))),
    ROW(wg_gelu, SPECIAL(gelu, FROM(-0.5, 3))),
    ROW(wg_gelu_tanh, SPECIAL(gelu_tanh, FROM(-0.5, 3))),
    ROW(wg_mish, SPECIAL(mish, FROM(-0.5, 4))),
};

/* ---- corners ----------------------------------------------------------------------------------------------------- */

#define INF  ((double)INFINITY)
#define NONE ((double)NAN)
#define AT(function, x, value, slope)                                                                                  \
    point_expect(&(const row){.name = #function, .unary = function}, 1, (double[]){x}, 3, (double[]){value, slope})

/* The slopes are those times 3. */
static void test_corners(void **state)
{
    (void)state;
    AT(wg_erf, 0, 0, 3 * 1.1283791670955126);
    AT(wg_erf, INF, 1, 0);
    AT(wg_erf, -INF, -1, 0);
    AT(wg_erfc, INF, 0, 0);
    AT(wg_erfc, -INF, 2, 0);
    AT(wg_erfinv, 1, INF, INF);
    AT(wg_erfinv, -1, -INF, INF);
    AT(wg_erfinv, 1.5, NONE, NONE);
    AT(wg_lgamma, 1, 0, 3 * -0.5772156649015329);
    AT(wg_lgamma, 2, 0, 3 * 0.42278433509846713);
    AT(wg_lgamma, -1, INF, NONE);
    AT(wg_lgamma, 0.0, INF, -INF);
    AT(wg_lgamma, -0.0, INF, INF);
    AT(wg_lgamma, INF, INF, INF);
    AT(wg_lgamma, -INF, INF, NONE);
    AT(wg_digamma, 0.0, -INF, INF);
    AT(wg_digamma, -0.0, INF, INF);
    AT(wg_digamma, -2, NONE, INF);
    AT(wg_digamma, INF, INF, 0);
    AT(wg_digamma, -INF, NONE, NONE);
    AT(trigamma, 0.0, INF, -INF);
    AT(trigamma, -0.0, INF, INF);
    AT(trigamma, -3, INF, NONE);
    AT(trigamma, INF, 0, 0);
    AT(tetragamma, -3, NONE, INF);
    AT(trigamma, -1e-160, INF, INF); /* beside a pole, where psi_n is (-1)^(n+1) n! / x^(n+1) and overflows */
    AT(trigamma, 1e-160, INF, -INF);
    AT(tetragamma, -1e-160, INF, INF);
    AT(tetragamma, 1e-160, -INF, INF);
    AT(tetragamma, -1e-320, INF, INF);
    AT(heptagamma, -1e-60, INF, INF);
    AT(heptagamma, -1e-100, INF, INF);
    AT(heptagamma, 1e-60, INF, -INF);
    AT(wg_logit, 0, -INF, INF);
    AT(wg_logit, 1, INF, INF);
    AT(wg_logit, 0.5, 0, 12);
    AT(wg_sinc, 0, 1, 0);
    AT(wg_sinc, -0.0, 1, 0);
    AT(wg_sinc, 1, 0, -3);
    AT(wg_sinc, -2, 0, -1.5);
    AT(wg_sinc, 0x1p60, 0, 3 * 0x1p-60);
    AT(wg_sinc, INF, 0, 0);
    AT(wg_sinc, -INF, 0, 0);
    AT(wg_sinc, NONE, NONE, NONE);
    AT(wg_logsigmoid, INF, 0, 0);
    AT(wg_logsigmoid, -INF, -INF, 3);
    AT(wg_silu, 0, 0, 1.5);
    AT(wg_gelu, 0, 0, 1.5);
    AT(wg_gelu_tanh, 0, 0, 1.5);
}

/* The limits at the infinities, of derivatives of every order; NaN for NaN; the sign of a zero. */
static void test_ends(void **state)
{
    (void)state;
    static wg_var (*const gated[])(wg_var) = {wg_silu, wg_gelu, wg_gelu_tanh, wg_mish};
    for (size_t i = 0; i < sizeof gated / sizeof *gated; i++) {
        wg_var (*f)(wg_var) = gated[i];
        AT(f, -INF, 0, 0);
        AT(f, INF, INF, 3);
        AT(f, NONE, NONE, NONE);
        for (int end = -1; end <= 1; end += 2) {
            wg_tape *tape = wg_tape_new(WG_F64);
            wg_var x = wg_scalar_variable(tape, end * INF), y = f(x);
            for (int order = 1; order <= 4; order++) {
                assert_int_equal(wg_gradients(y, &x, 1, &y), WG_OK);
                assert_true(wg_item(y) == (order == 1 && end == 1 ? 1 : 0));
            }
            wg_tape_free(tape);
        }
        wg_tape *tape = wg_tape_new(WG_F64);
        assert_true(signbit(wg_item(f(wg_scalar(tape, -0.0)))) && !signbit(wg_item(f(wg_scalar(tape, 0)))));
        wg_tape_free(tape);
    }
}

/* Derivatives of order 3 and above, at a point, against closed forms. */
static void test_orders(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    double at = 0.75, bell = exp(-at * at), root = 1.1283791670955126;
    wg_var x = wg_scalar_variable(tape, at), y = wg_erf(x), z = wg_lgamma(x);
    double erf_right[] = {root * bell, -2 * at * root * bell, (4 * at * at - 2) * root * bell,
        (12 * at - 8 * at * at * at) * root * bell};
    for (int order = 0; order < 4; order++) {
        assert_int_equal(wg_gradients(y, &x, 1, &y), WG_OK);
        assert_true(fabs(wg_item(y) - erf_right[order]) < 1e-14);
        assert_int_equal(wg_gradients(z, &x, 1, &z), WG_OK);
        double right = (double)(order ? polygamma(order, at) : formula_digamma((long double[]){at}));
        assert_true(fabs(wg_item(z) - right) < 1e-14 * fabs(right));
    }
    wg_tape_free(tape);
}

/* At 0 the derivatives of sinc are 0 for odd orders, (-1)^(n/2) pi^n / (n + 1) for even ones; at 1 and at 2^-40 they
 * are from z f_n + n f_(n-1) = sin(z + n pi / 2) and from the series. */
static void test_orders_of_sinc(void **state)
{
    (void)state;
    const double pi = 3.14159265358979323846, pi_2 = pi * pi, tiny = 0x1p-40;
    const double points[] = {0, tiny, -tiny, 1};
    const double right[][4] = {{0, -pi_2 / 3, 0, pi_2 * pi_2 / 5},
        {-pi_2 / 3 * tiny, -pi_2 / 3, pi_2 * pi_2 / 5 * tiny, pi_2 * pi_2 / 5},
        {pi_2 / 3 * tiny, -pi_2 / 3, -pi_2 * pi_2 / 5 * tiny, pi_2 * pi_2 / 5}, {-1, 2, pi_2 - 6, 24 - 4 * pi_2}};
    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
        wg_tape *tape = wg_tape_new(WG_F64);
        wg_var x = wg_scalar_variable(tape, points[i]), y = wg_sinc(x);
        for (int order = 0; order < 4; order++) {
            assert_int_equal(wg_gradients(y, &x, 1, &y), WG_OK);
            assert_true(fabs(wg_item(y) - right[i][order]) <= 4e-15 * fabs(right[i][order]));
        }
        wg_tape_free(tape);
    }
}

static void test_errors(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_scalar_variable(tape, 0.5);
    assert_false(wg_ok(wg_polygamma(-1, x)));
    point_expect_error(tape, WG_ERROR_ARGUMENT, "polygamma", "-1", NULL);
    assert_true(wg_item(wg_polygamma(0, x)) == wg_item(wg_digamma(x)));
    assert_false(wg_ok(wg_polygamma(-1, (wg_var){0})));
    wg_tape_free(tape);
}

static void test_allocations(void **state)
{
    (void)state;
    static const row_case alike = CASE(1, SHAPE(1033)), scalar = CASE(1, SHAPE_SCALAR);
    row_fail_allocations(&rows[7], &alike); /* polygamma */
    row_fail_allocations(&rows[7], &scalar);
    row_fail_allocations(&rows[16], &alike); /* gelu */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_corners), cmocka_unit_test(test_ends),
        cmocka_unit_test(test_orders), cmocka_unit_test(test_orders_of_sinc), cmocka_unit_test(test_errors),
        cmocka_unit_test(test_allocations)};
    return row_main("ops/elementwise, special", rows, sizeof rows / sizeof *rows, tests, sizeof tests / sizeof *tests);
}
