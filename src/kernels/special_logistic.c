/* Functions of e^x that neural networks use. Each is written in e^-|x|, which cannot overflow, as a product and
 * quotient of sums of positive terms, so nothing cancels in either tail; where e^x itself falls below the smallest
 * normal number but the result does not yet, it is multiplied in as two halves. */
#include "kernels/special.h"
#include "kernels/special_pair.h"

#define SPECIAL_DEEP -700 /* e^x nears the end of double's range */

double wg_special_softplus(double x)
{
    double rest = log1p(exp(-fabs(x)));
    return x > 0 ? x + rest : rest;
}

/* x e^x, x below SPECIAL_DEEP; the limit at -inf */
static double special_x_exp(double x)
{
    if (x < -1000) return -0.0;
    double half = exp(0.5 * x);
    return x * half * half;
}

double wg_special_silu(double x)
{
    if (x < SPECIAL_DEEP) return special_x_exp(x);
    double e = exp(-fabs(x));
    return x < 0 ? x * e / (1 + e) : x / (1 + e);
}

/* tanh(log(1 + e^x)) = ((1 + e^x)^2 - 1) / ((1 + e^x)^2 + 1) */
double wg_special_mish(double x)
{
    if (x < SPECIAL_DEEP) return special_x_exp(x);
    double e = exp(-fabs(x));
    if (x < 0) return x * (e * (2 + e)) / (2 + e * (2 + e));
    return x * ((1 + 2 * e) / (1 + 2 * e * (1 + e)));
}

/* ---- gelu_tanh: x sigmoid(w), w = 2 sqrt(2 / pi) (x + 0.044715 x^3) ---------------------------------------------- */

/* w and x w' to twice the precision, since e^w multiplies the error of w by w. |x| <= 30 */
static special_pair special_gelu_w(double x, special_pair *x_slope)
{
    static const special_pair linear = {1.5957691216057308, -9.96930880911092e-17},
                              cubic = {0.07135481627260025, -6.175149918155315e-19};
    special_pair bend = special_pair_times(cubic, special_pair_product(x, x)), one_x = {x, 0};
    special_pair thrice = special_pair_times(bend, (special_pair){3, 0});
    *x_slope = special_pair_times(special_pair_plus(linear, thrice), one_x);
    return special_pair_times(special_pair_plus(linear, bend), one_x);
}

/* factor e^w, w below SPECIAL_DEEP */
static double special_times_exp(double factor, special_pair w)
{
    double half = special_pair_exp((special_pair){0.5 * w.high, 0.5 * w.low});
    return factor * half * half;
}

/* e^-|w| */
static double special_exp_down(special_pair w)
{
    return special_pair_exp(w.high < 0 ? w : (special_pair){-w.high, -w.low});
}

double wg_special_gelu_tanh(double x)
{
    if (x < -30) return -0.0; /* below half the smallest number, and the limit at -inf */
    if (x > 30) return x;
    special_pair x_slope, w = special_gelu_w(x, &x_slope);
    if (w.high < SPECIAL_DEEP) return special_times_exp(x, w);
    double e = special_exp_down(w);
    return w.high < 0 ? x * e / (1 + e) : x / (1 + e);
}

/* s(w) + x w' s(w) s(-w), s = sigmoid, on one denominator */
double wg_special_gelu_tanh_prime(double x)
{
    if (fabs(x) > 30) return x > 0;
    special_pair x_slope, w = special_gelu_w(x, &x_slope);
    if (w.high < SPECIAL_DEEP) return special_times_exp(1 + x_slope.high, w);
    double e = special_exp_down(w), below = (1 + e) * (1 + e);
    if (w.high < 0) return e * (1 + x_slope.high + (e + x_slope.low)) / below;
    return (1 + e * (1 + x_slope.high)) / below;
}

/* Around the zero at 1/2 2 x - 1 is exact. Elsewhere the two logarithms differ in size. */
double wg_special_logit(double x)
{
    if (x >= 0.25 && x <= 0.75) return log1p((2 * x - 1) / (1 - x));
    return log(x) - log1p(-x);
}

/* x - tanh x = (x cosh x - sinh x) / cosh x; the numerator is the sum of 2k x^(2k+1) / (2k+1)!, k = 1, 2, ..., all of
 * one sign, which is taken where the difference would cancel. */
double wg_special_tanhshrink(double x)
{
    static const double series[] = {0.3333333333333333, 0.03333333333333333, 0.0011904761904761906,
        2.2045855379188714e-05, 2.505210838544172e-07, 1.9270852604185937e-09, 1.0706029224547743e-11,
        4.498331606952833e-14, 1.4797143443923793e-16, 3.9145882126782523e-19, 8.509974375387505e-22,
        1.5472680682522736e-24, 2.387759364586842e-27, 3.166789608205361e-30};
    if (!(fabs(x) < 2)) return x - tanh(x);
    double square = x * x;
    return x * (square * SPECIAL_POLYNOMIAL(series, square)) / cosh(x);
}

/* ---- floats: double's plain functions are more than enough. Below the first bound is the limit at -inf ----------- */

float wg_special_silu_f32(float x) { return x < -200 ? -0.0F : (float)(x / (1 + exp(-(double)x))); }

float wg_special_mish_f32(float x)
{
    if (x < -200) return -0.0F;
    double e = exp(-fabs((double)x)), rest = e * (2 + e);
    return (float)(x < 0 ? x * (rest / (2 + rest)) : x * ((1 + 2 * e) / (1 + 2 * e * (1 + e))));
}

/* w, and x w' */
static double special_gelu_w_f32(double x, double *x_slope)
{
    double bend = 0.07135481627260025 * x * x;
    *x_slope = x * (1.5957691216057308 + 3 * bend);
    return x * (1.5957691216057308 + bend);
}

float wg_special_gelu_tanh_f32(float x)
{
    double x_slope;
    return x < -16 ? -0.0F : (float)(x / (1 + exp(-special_gelu_w_f32(x, &x_slope))));
}

float wg_special_gelu_tanh_prime_f32(float x)
{
    if (fabsf(x) > 16) return x > 0;
    double x_slope, w = special_gelu_w_f32(x, &x_slope), e = exp(-fabs(w)), below = (1 + e) * (1 + e);
    return (float)((x < 0 ? e * (1 + x_slope + e) : 1 + e * (1 + x_slope)) / below);
}

#undef SPECIAL_DEEP
