/* The error function's family: erfc, the normal distribution, gelu, and the inverse of erf (DLMF 7).
 *
 * Far out erfc(t) is e^(-t^2) times a slow function, which one polynomial gives for all t (M. M. Shepherd and
 * J. G. Laframboise, Chebyshev approximation of (1 + 2x) exp(x^2) erfc x in 0 <= x < infinity, Math. Comp. 36, 1981).
 * The exponent is taken to twice the precision: e^-z loses z roundings of z. */
#include "kernels/special.h"
#include "kernels/special_pair.h"

/* (1 + 2 t) exp(t^2) erfc(t) in powers of u = (t - 4) / (t + 4), t >= 0.2, relative error 2.2e-18 */
static const double special_erfcx[] = {1.2329951186255526, -0.1396211168405625, 0.015379652102620558,
    0.06809705425468955, -0.10103906603635411, 0.09373283499847665, -0.06633036581100972, 0.0371675155351428,
    -0.016197734073179478, 0.005031970001426114, -0.0007577731715619854, -0.00019925683473611484,
    0.00015062110741990387, -2.439868938420439e-05, -1.1220212741317212e-05, 5.708473754598813e-06,
    2.899582997840322e-07, -8.235115420565601e-07, 7.997007647734471e-08, 1.0830368220916868e-07,
    -2.253083166412143e-08, -1.3258426832699688e-08, 4.062835499910367e-09, 1.1152770243159644e-09,
    -4.434111513271165e-10};

/* erfinv(x) / x in powers of w - 3, w = -log(1 - x^2) <= 6, relative error 5.1e-9 */
static const double special_erfinv_near[] = {1.6235420103927158, 0.24163040379017345, -0.005738166673979439,
    -0.0008361787581922573, 0.00019510229640199938, -1.2720408570086267e-05, -1.7676169065443272e-06,
    4.519472619499686e-07, -1.9411591408408924e-08, -5.917819597720749e-09, 6.745184100173228e-10,
    1.9701289962659887e-11};

/* erfinv(x) / x in powers of sqrt(w) - 4, 6 <= w <= 37, relative error 3.5e-9 */
static const double special_erfinv_far[] = {3.8397838032219647, 1.009493168015426, 0.0012596714225515076,
    -0.0008681087106000603, 0.00032176317865184844, -0.00012061307968327844, 5.446326787228138e-05,
    -2.8677770178874568e-05, 1.921566244080394e-05, -1.168869591214544e-05, 3.2617743026435545e-06,
    6.191037378127814e-07, -5.827342136428154e-07, 9.643530718872421e-08};

/* e^(t^2) erfc(t), 0.2 <= t finite; more than t is known of the argument. */
static special_pair special_erfcx_of(special_pair t)
{
    double u = (t.high - 4) / (t.high + 4), head = special_erfcx[0];
    double rest = u * special_polynomial(special_erfcx + 1, (int)(sizeof special_erfcx / sizeof(double)) - 1, u);
    special_pair above = special_pair_of(head, rest), below = special_pair_of(2 * t.high, 1);
    if (t.high < 0.5) below = special_pair_of(1, 2 * t.high);
    double ratio = above.high / below.high;
    double left = fma(-ratio, below.high, above.high) + (above.low - ratio * below.low);
    double slope = 2 * t.high * ratio - 1.1283791670955126; /* its derivative: 2 t y - 2 / sqrt(pi), DLMF 7.10.2 */
    return special_pair_of(ratio, left / below.high + slope * t.low);
}

/* e^-z y, both known to more than a double holds */
static double special_bell_times(special_pair z, special_pair y)
{
    return exp(-z.high) * (y.high + (y.low - y.high * z.low));
}

double wg_special_bell(double x) { return special_bell_times(special_pair_product(x, x), (special_pair){1, 0}); }

double wg_special_normal_pdf(double x)
{
    static const special_pair height = {0.3989422804014327, -2.492327202777433e-17}; /* 1 / sqrt(2 pi) */
    special_pair square = special_pair_product(x, x);
    return special_bell_times((special_pair){0.5 * square.high, 0.5 * square.low}, height);
}

double wg_special_erfc(double x)
{
    if (!(x > 0.225)) return 1 - erf(x); /* erf is small against 1, or of the other sign */
    if (x > 28) return 0;
    return special_bell_times(special_pair_product(x, x), special_erfcx_of((special_pair){x, 0}));
}

/* factor erfc(-x / sqrt 2), -40 < x < -0.3. The factor comes before e^(-x^2 / 2), which may be subnormal. */
static double special_normal_tail(double x, double factor)
{
    static const special_pair root = {-0.7071067811865476, 4.833646656726457e-17};
    special_pair t = special_pair_times(root, (special_pair){x, 0}), square = special_pair_product(x, x);
    special_pair slow = special_pair_times(special_erfcx_of(t), (special_pair){factor, 0});
    return special_bell_times((special_pair){0.5 * square.high, 0.5 * square.low}, slow);
}

/* erf(x / sqrt 2), for x where it may be rounded */
static double special_normal_erf(double x) { return erf(0.7071067811865476 * x); }

double wg_special_normal_cdf(double x)
{
    if (!(x < -0.32)) return 0.5 + 0.5 * special_normal_erf(x);
    return x < -40 ? 0 : special_normal_tail(x, 0.5);
}

double wg_special_gelu(double x)
{
    if (!(x < -0.32)) return x * (0.5 + 0.5 * special_normal_erf(x));
    return x < -40 ? -0.0 : special_normal_tail(x, 0.5 * x); /* the limit, also at -inf */
}

/* size in (0, 1), to 8 digits: an approximation as M. Giles's (Approximating the erfinv function, GPU Computing Gems 2,
 * 2010), by w = -log(1 - x^2). */
static double special_erfinv_seed(double size)
{
    double w = -log((1 - size) * (1 + size));
    return size * (w < 6 ? SPECIAL_POLYNOMIAL(special_erfinv_near, w - 3)
                         : SPECIAL_POLYNOMIAL(special_erfinv_far, sqrt(w) - 4));
}

/* One step of Halley's method on erf(y) - x or, where that would cancel, on erfc(|y|) - (1 - |x|), which is exact. */
double wg_special_erfinv(double x)
{
    double size = fabs(x);
    if (!(size < 1)) return size == 1 ? x / 0.0 : NAN;
    if (size < 0x1p-20) return x * (0.886226925452758 * (1 + 0.2617993877991494 * (x * x))); /* 1 + pi x^2 / 12 */
    double y = special_erfinv_seed(size);
    double excess = size <= 0.5 ? erf(y) - size : (1 - size) - wg_special_erfc(y);
    double newton = excess * 0.886226925452758 * exp(y * y);
    y -= newton / (1 + y * newton);
    return x < 0 ? -y : y;
}

/* ---- floats ------------------------------------------------------------------------------------------------------ */

float wg_special_bell_f32(float x) { return (float)exp(-(double)x * x); }
float wg_special_normal_pdf_f32(float x) { return (float)(0.3989422804014327 * exp(-0.5 * x * x)); }
float wg_special_normal_cdf_f32(float x) { return (float)(0.5 * erfc(-0.7071067811865476 * x)); }
float wg_special_erfc_f32(float x) { return (float)erfc(x); }

float wg_special_gelu_f32(float x)
{
    return x < -16 ? -0.0F : (float)(0.5 * x * erfc(-0.7071067811865476 * x)); /* the limit, also at -inf */
}

float wg_special_erfinv_f32(float x)
{
    double size = fabs((double)x);
    if (size < 0x1p-12 || !(size < 1)) return (float)wg_special_erfinv(x);
    return (float)copysign(special_erfinv_seed(size), x);
}
