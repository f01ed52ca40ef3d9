/* log |Gamma| and its derivative, digamma, for real arguments: polynomials around the zeros, recurrences, Stirling's
 * series far out, reflection on the left (DLMF 5.2, 5.4, 5.5, 5.7, 5.11).
 *
 * At a zero of the function a factor that vanishes there exactly carries the sign and the smallness, so what is
 * computed around it needs no more than relative accuracy. */
#include "kernels/special.h"
#include "kernels/special_pair.h"
#include "kernels/special_turn.h"

/* log Gamma(1 + d) / d in powers of d, |d| <= 1/2, relative error 4.2e-18 */
static const double special_lgamma_1[] = {-0.5772156649015329, 0.8224670334241131, -0.4006856343865313,
    0.2705808084278337, -0.20738555102872175, 0.16955717698926046, -0.14404989676093186, 0.12550967015385275,
    -0.11133426648064039, 0.10009943008747753, -0.09095399050709609, 0.08335458900295017, -0.07693324338734528,
    0.07141935724662937, -0.06665550719444015, 0.0626711104727693, -0.05898924031065899, 0.054058776743014576,
    -0.051177808935222266, 0.05928878667667664, -0.05663969322285954, 0.005299145410064582, -0.004485262603857743,
    0.15846766634774326, -0.15340561526661967, -0.17310581118613022, 0.16833795110458488, 0.23220268431813382,
    -0.2251396034009193};

/* log Gamma(2 + d) / d in powers of d, |d| <= 1/2, relative error 2.5e-18 */
static const double special_lgamma_2[] = {0.42278433509846713, 0.32246703342411326, -0.0673523010531981,
    0.02058080842778038, -0.0073855510286719986, 0.002890510331034267, -0.0011927539118428156, 0.0005096695154115458,
    -0.00022315475400520507, 9.945767355819498e-05, -4.49263133791557e-05, 2.0505590755833454e-05,
    -9.438715099211532e-06, 4.38470440459836e-06, -2.0439048107029907e-06, 9.200527894968101e-07,
    -4.3252393445604814e-07, 2.78740805211359e-07, -1.3219945666117874e-07};

/* digamma(2 + u) / (2 + u - root) in powers of u, |u| <= 1, relative error 2.0e-18 */
static const double special_digamma_2[] = {0.7853075386041053, -0.2607389546830014, 0.10899991701762841,
    -0.04955103291766767, 0.023447309597562315, -0.011338432553553088, 0.005552254176163854, -0.002739572878878444,
    0.001358142115660262, -0.0006753134172771423, 0.00033643307392409804, -0.00016781485745549608,
    8.377541533754836e-05, -4.1847758637407615e-05, 2.090944279433702e-05, -1.043615113408139e-05,
    5.216485445131201e-06, -2.6450069563210817e-06, 1.322327646207658e-06, -5.878282013270488e-07,
    2.938946209899294e-07, -2.5162239592946485e-07, 1.258090299216334e-07, 4.46741085718643e-08,
    -2.2337287908168016e-08, -6.628736705562654e-08, 3.314365249205256e-08, 2.0501183895194647e-08,
    -1.0250592958849892e-08, -5.4669888399440215e-09, 2.7334936115473567e-09};

/* pi cot(pi x): of period 1, odd. */
static double special_pi_cot_pi(double x)
{
    double r = remainder(x, 1), size = fabs(r);
    double cot = size > 0.25 ? tan(SPECIAL_PI * (0.5 - size)) : 1 / tan(SPECIAL_PI * size);
    return r < 0 ? -SPECIAL_PI * cot : SPECIAL_PI * cot;
}

/* ---- log |Gamma| ------------------------------------------------------------------------------------------------- */

/* x >= 8: (x - 1/2) (log x - 1) + (log(2 pi) - 1) / 2 + sum B_2k / (2k (2k - 1) x^(2k-1)), DLMF 5.11.1. */
static double special_lgamma_far(double x)
{
    static const double series[] = {0.08333333333333333, -0.002777777777777778, 0.0007936507936507937,
        -0.0005952380952380953, 0.0008417508417508417, -0.0019175269175269176, 0.00641025641025641,
        -0.029550653594771242, 0.17964437236883057, -1.3924322169059011};
    double inverse = 1 / x;
    double rest = 0.4189385332046727 + inverse * SPECIAL_POLYNOMIAL(series, inverse * inverse);
    return (x - 0.5) * (log(x) - 1) + rest;
}

/* 2.5 <= x < 8: log((x - 1) (x - 2) ...) and log Gamma between 1.5 and 2.5. The differences are exact. */
static double special_lgamma_middle(double x)
{
    double product = 1;
    while (x >= 2.5) {
        x -= 1;
        product *= x;
    }
    return log(product) + (x - 2) * SPECIAL_POLYNOMIAL(special_lgamma_2, x - 2);
}

/* |d| <= 1/2: log Gamma(1 + d) */
static double special_lgamma_at_1(double d) { return d * SPECIAL_POLYNOMIAL(special_lgamma_1, d); }

double wg_special_lgamma(double x)
{
    double size = fabs(x);
    if (isnan(x)) return x;
    if (isinf(x)) return size;
    if (x >= 8) return special_lgamma_far(x);
    if (x >= 2.5) return special_lgamma_middle(x);
    if (x >= 1.5) return (x - 2) * SPECIAL_POLYNOMIAL(special_lgamma_2, x - 2);
    if (x >= 0.5) return x == 1 ? 0 : special_lgamma_at_1(x - 1);
    if (x == 0) return INFINITY;
    if (x > -0.5) return special_lgamma_at_1(x) - log(size);                  /* Gamma(x) = Gamma(1 + x) / x */
    if (x > -1.5) return special_lgamma_at_1(x + 1) - log(fabs(x * (x + 1))); /* and once more */
    double sine = fabs(special_sin_pi(x));
    if (sine == 0) return INFINITY;
    /* Gamma(-s) Gamma(s) = -pi / (s sin pi s), DLMF 5.5.3 */
    return log(SPECIAL_PI / sine) - log(size) - wg_special_lgamma(size);
}

/* ---- digamma ----------------------------------------------------------------------------------------------------- */

/* digamma(1 + d), 0 <= d <= 2. The root of digamma, 1.4616..., is 1 + high + low. */
static double special_digamma_at_1(double d)
{
    static const special_pair root = {0.46163214496836236, -1.5522348162858677e-17};
    return ((d - root.high) - root.low) * SPECIAL_POLYNOMIAL(special_digamma_2, d - 1);
}

/* x >= 8: log x - 1 / (2 x) - sum B_2k / (2k x^2k), DLMF 5.11.2. */
static double special_digamma_far(double x)
{
    static const double series[] = {0.08333333333333333, -0.008333333333333333, 0.003968253968253968,
        -0.004166666666666667, 0.007575757575757576, -0.021092796092796094, 0.08333333333333333, -0.4432598039215686,
        3.0539543302701198, -26.456212121212122};
    double inverse = 1 / x, square = inverse * inverse;
    return log(x) - (0.5 * inverse + square * SPECIAL_POLYNOMIAL(series, square));
}

/* x > 0, but for the rounding of 1 + x the same as by its argument less one. */
static double special_digamma_positive(double x)
{
    double sum = 0;
    if (x < 1) return special_digamma_at_1(x) - 1 / x;
    if (x >= 8) return special_digamma_far(x);
    while (x > 3) {
        x -= 1;
        sum += 1 / x;
    }
    return sum + special_digamma_at_1(x - 1);
}

double wg_special_digamma(double x)
{
    if (isnan(x) || x > 0) return isinf(x) ? x : special_digamma_positive(x);
    if (x == 0) return -1 / x;     /* from either side, by the sign of the zero */
    if (floor(x) == x) return NAN; /* a pole whose sides differ; -inf too */
    double right = x > -1 ? special_digamma_at_1(-x) : special_digamma_positive(1 - x);
    return right - special_pi_cot_pi(x); /* DLMF 5.5.4 */
}
