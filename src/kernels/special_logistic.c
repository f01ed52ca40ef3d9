/* Functions of e^x that neural networks use. Each is written in e^-|x|, which cannot overflow, as a product and quotient of
 * sums of positive terms, so nothing cancels in either tail; where e^x itself falls below the smallest normal number
 * but the result does not yet, it is multiplied in as two halves. */
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

/* x sigmoid(w), w = 2 sqrt(2 / pi) (x + 0.044715 x^3) to twice the precision, since e^w multiplies its error by w. */
double wg_special_gelu_tanh(double x)
{
    static const special_pair linear = {1.5957691216057308, -9.96930880911092e-17},
                              cubic = {0.07135481627260025, -6.175149918155315e-19};
    if (x < -30) return -0.0; /* below half the smallest number, and the limit at -inf */
    if (x > 30) return x;
    special_pair slope = special_pair_plus(linear, special_pair_times(cubic, special_pair_product(x, x)));
    special_pair w = special_pair_times(slope, (special_pair){x, 0});
    double sign = w.high < 0 ? 1 : -1;
    special_pair negative = {sign * w.high, sign * w.low};
    if (w.high < SPECIAL_DEEP) {
        double half = special_pair_exp((special_pair){0.5 * w.high, 0.5 * w.low});
        return x * half * half;
    }
    double e = special_pair_exp(negative);
    return w.high < 0 ? x * e / (1 + e) : x / (1 + e);
}

/* Around the zero at 1/2 2 x - 1 is exact. Elsewhere the two logarithms differ in size. */
double wg_special_logit(double x)
{
    if (x >= 0.25 && x <= 0.75) return log1p((2 * x - 1) / (1 - x));
    return log(x) - log1p(-x);
}

#undef SPECIAL_DEEP
