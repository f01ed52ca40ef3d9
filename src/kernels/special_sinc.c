/* sinc(x) = sin(pi x) / (pi x) and its derivatives.
 *
 * With f(z) = sin z / z, differentiating z f = sin z n times gives z f_n + n f_(n-1) = sin(z + n pi / 2) for the
 * n-th derivatives f_n. Upwards in n the recurrence multiplies an error by n / z, downwards by z / n, so it runs
 * upwards for large z, and downwards, from any start far enough above, for small z (W. Gautschi, Computational
 * aspects of three-term recurrence relations, SIAM Review 9, 1967). */
#include "kernels/special.h"
#include "kernels/special_turn.h"

/* The n-th derivative at size = |x|: pi^n f_n(pi size). Upwards in n the powers of pi are taken along, and what is
 * divided by is then x itself, not a rounded pi x. */
static double special_sinc_of(int n, double size)
{
    double z = SPECIAL_PI * size, sine = special_sin_pi(size), cosine = special_cos_pi(size), f = 0, power = 1;
    const double turned[] = {sine, cosine, -sine, -cosine};
    if (n == 0) return size == 0 ? 1 : sine / z;
    if (z > n + 1.0) {
        f = sine / z;
        for (int k = 1; k <= n; k++, power *= SPECIAL_PI) f = (power * turned[k % 4] - k * f) / size;
        return f;
    }
    for (int k = 2 * n + 40; k > n; k--) f = (turned[k % 4] - z * f) / k;
    for (int k = 0; k < n && f != 0; k++) f *= SPECIAL_PI;
    return f;
}

double wg_special_sinc(int n, double x)
{
    if (n < 0 || isnan(x)) return NAN;
    if (isinf(x)) return 0;
    double y = special_sinc_of(n, fabs(x));
    return x < 0 && n % 2 ? -y : y;
}
