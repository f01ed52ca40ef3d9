/* The derivatives of digamma: psi_n(x) = (-1)^(n+1) n! sum_k 1 / (x + k)^(n+1), k = 0, 1, ... (DLMF 5.15.1).
 *
 * Terms are added until x + k is so large that the asymptotic series (DLMF 5.15.8) gives the rest. Powers are products of
 * pairs: a rounding of x + k would come n + 1 times. Far left of 0 the sum over all integers, the n-th derivative of
 * pi cot(pi x), less the terms that are too many, takes the place of the sum (reflection, DLMF 5.15.6). */
#include "kernels/special.h"
#include "kernels/special_pair.h"

#define SPECIAL_POLYGAMMA_COT  12    /* up to this n the derivatives of cot are polynomials; beyond, few terms count */
#define SPECIAL_POLYGAMMA_LEFT -20.0 /* from here on the terms up to 0 are summed one by one */

/* factor! / x^power, power = factor or factor + 1: pair by pair, so that a large factorial meets a large power */
static double special_power_term(int factor, int power, special_pair x)
{
    special_pair inverse = special_pair_over(1, x), product = power > factor ? inverse : (special_pair){1, 0};
    for (int k = 1; k <= factor; k++) {
        special_pair step = special_pair_times((special_pair){k, 0}, inverse);
        product = special_pair_times(product, step);
        if (product.high == 0 || !isfinite(product.high)) break;
    }
    return product.high + product.low;
}

/* n! sum over k >= 0 of 1 / (x + k)^(n+1) for large x: (n-1)! / x^n (1 + n / (2 x) + sum B_2k (n)_2k / ((2k)! x^2k)) */
static double special_polygamma_far(int n, special_pair x)
{
    static const double bernoulli[] = {0.16666666666666666, -0.03333333333333333, 0.023809523809523808,
        -0.03333333333333333, 0.07575757575757576, -0.2531135531135531, 1.1666666666666667, -7.092156862745098,
        54.971177944862156, -529.1242424242424, 6192.123188405797, -86580.25311355312};
    double series = 0, inverse = 1 / x.high, power = 1;
    for (int k = 0; k < 12; k++) {
        int m = 2 * k;
        power *= (n + m) * inverse * ((n + m + 1) * inverse) / ((m + 1) * (m + 2));
        series += bernoulli[k] * power;
    }
    series += 0.5 * n * inverse;
    double first = special_power_term(n - 1, n, x);
    return first + first * series;
}

/* The sum from k = 0, whose terms left of 0 have the sign of (x + k)^(n+1). */
static double special_polygamma_sum(int n, double x)
{
    double sum = 0, lost = 0, enough = 16 + 0.75 * n;
    special_pair at = {x, 0};
    for (double k = 0; at.high < enough; at = special_pair_sum(x, ++k)) {
        double term = special_power_term(n, n + 1, at);
        special_pair total = special_pair_sum(sum, term);
        sum = total.high;
        lost += total.low;
        if (!isfinite(sum)) return sum;
        if (at.high > 0 && term * (1 + at.high / n) < 0x1p-60 * fabs(sum))
            return sum + lost; /* so is all that follows */
    }
    return sum + (lost + special_polygamma_far(n, at));
}

/* The n-th derivative of pi cot(pi x), n <= SPECIAL_POLYGAMMA_COT: pi^(n+1) p_n(c), c = cot(pi x), p_0 = c and
 * p_(n+1) = -(1 + c^2) p_n'. The coefficients of one p have one sign, so at a given c nothing cancels. */
static double special_cot_derivative(int n, double x)
{
    double p[SPECIAL_POLYGAMMA_COT + 2] = {0, 1}, scale = 3.141592653589793;
    for (int m = 0; m < n; m++) {
        double slope[SPECIAL_POLYGAMMA_COT + 2] = {0};
        for (int k = 1; k <= m + 1; k++) slope[k - 1] = k * p[k];
        for (int k = 0; k <= m + 2; k++) p[k] = -(slope[k] + (k >= 2 ? slope[k - 2] : 0));
        scale *= 3.141592653589793;
    }
    double r = remainder(x, 1), size = fabs(r), angle = 3.141592653589793 * (size > 0.25 ? 0.5 - size : size);
    double c = size > 0.25 ? tan(angle) : 1 / tan(angle);
    return scale * special_polynomial(p, n + 2, r < 0 ? -c : c);
}

/* x < SPECIAL_POLYGAMMA_LEFT and n > SPECIAL_POLYGAMMA_COT: the terms around 0 alone. */
static double special_polygamma_near(int n, double x)
{
    double sum = 0, rest = remainder(x, 1);
    for (int j = 0; j <= 2 * SPECIAL_POLYGAMMA_COT && isfinite(sum); j++) { /* 0, 1, -1, 2, ... */
        int k = j % 2 ? (j + 1) / 2 : -j / 2;
        sum += special_power_term(n, n + 1, special_pair_sum(rest, k));
    }
    return sum;
}

double wg_special_polygamma(int n, double x)
{
    if (n < 0 || isnan(x)) return NAN;
    if (n == 0) return wg_special_digamma(x);
    double sign = n % 2 ? 1 : -1;
    if (x == INFINITY) return sign * 0.0;
    if (x == -INFINITY) return NAN;
    if (x <= 0 && floor(x) == x) { /* a pole: infinite on both sides alike for odd n */
        if (n % 2) return INFINITY;
        return x == 0 ? -1 / x : NAN;
    }
    if (x >= SPECIAL_POLYGAMMA_LEFT) return sign * special_polygamma_sum(n, x);
    if (n > SPECIAL_POLYGAMMA_COT) return sign * special_polygamma_near(n, x);
    return -special_polygamma_sum(n, 1 - x) - special_cot_derivative(n, x);
}

#undef SPECIAL_POLYGAMMA_COT
#undef SPECIAL_POLYGAMMA_LEFT
