/* The derivatives of digamma: psi_n(x) = (-1)^(n+1) n! sum_k 1 / (x + k)^(n+1), k = 0, 1, ... (DLMF 5.15.1).
 *
 * Terms are added until x + k is so large that the asymptotic series (DLMF 5.15.8) gives the rest. Powers are
 * products of pairs: a rounding of x + k would come n + 1 times. */
#include "kernels/special.h"
#include "kernels/special_pair.h"

/* factor! / x^power, power = factor or factor + 1: pair by pair, so that a large factorial meets a large power. Once the
 * magnitude has overflowed it stays so (the steps k / x grow), but the sign is still that of the whole power. */
static double special_power_term(int factor, int power, special_pair x)
{
    special_pair inverse = special_pair_over(1, x), product = power > factor ? inverse : (special_pair){1, 0};
    for (int k = 1; k <= factor; k++) {
        special_pair step = special_pair_times((special_pair){k, 0}, inverse);
        product = special_pair_times(product, step);
        if (!isfinite(product.high)) return x.high < 0 && power % 2 ? -INFINITY : INFINITY;
        if (product.high == 0) break;
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
static double special_polygamma_sum(int n, special_pair x)
{
    double sum = 0, lost = 0, enough = 16 + 0.75 * n;
    special_pair at = x;
    for (double k = 0; at.high < enough;) {
        double term = special_power_term(n, n + 1, at);
        special_pair total = special_pair_sum(sum, term);
        sum = total.high;
        lost += total.low;
        if (!isfinite(sum)) return sum;
        if (at.high > 0 && term * (1 + at.high / n) < 0x1p-60 * fabs(sum))
            return sum + lost; /* so is all that follows */
        at = special_pair_sum(x.high, ++k);
        at.low += x.low;
    }
    return sum + (lost + special_polygamma_far(n, at));
}

/* x far left of 0: the sum over all integers k, which is that from frac(x) on to the right and that from 1 - frac(x) on
 * to the left, less the terms left of x. (The reflection formula, DLMF 5.15.6, with the sum that it writes as a
 * derivative of cot.) */
static double special_polygamma_left(int n, double x, double sign)
{
    double part = x - floor(x);
    double right = special_polygamma_sum(n, (special_pair){part, 0});
    double left = sign * special_polygamma_sum(n, special_pair_sum(1, -part)), all = right + left;
    if (isnan(all)) all = part < 0.5 ? right : left; /* both overflow: the nearer pole's is the larger */
    return sign * all - special_polygamma_sum(n, special_pair_sum(1, -x));
}

/* n = 1 and x > 0, which needs no pairs: a rounding of x + k counts twice, in terms that are smaller than the first. */
static double special_trigamma(double x)
{
    int terms = x < 10 ? (int)ceil(10 - x) : 0;
    double sum = special_polygamma_far(1, (special_pair){x + terms, 0});
    for (int k = terms - 1; k >= 0; k--) sum += 1 / ((x + k) * (x + k));
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
    if (n == 1 && x > 0) return special_trigamma(x);
    return x > -20 ? sign * special_polygamma_sum(n, (special_pair){x, 0}) : special_polygamma_left(n, x, sign);
}
