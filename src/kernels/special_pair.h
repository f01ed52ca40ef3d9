/* Numbers of twice double's precision, as an unevaluated sum of two doubles (T. J. Dekker, A floating-point
 * technique for extending the available precision, Numer. Math. 18, 1971), for the few steps of special functions
 * that would lose too much otherwise. A pair that overflowed or vanished has low = 0. */
#ifndef WG_KERNELS_SPECIAL_PAIR_H
#define WG_KERNELS_SPECIAL_PAIR_H

#include <math.h>

typedef struct special_pair {
    double high, low;
} special_pair;

static inline special_pair special_pair_of(double high, double low)
{
    double sum = high + low; /* |high| >= |low| */
    if (!isfinite(sum)) return (special_pair){sum, 0};
    return (special_pair){sum, low - (sum - high)};
}

/* a + b, exactly. */
static inline special_pair special_pair_sum(double a, double b)
{
    double sum = a + b, part = sum - a;
    if (!isfinite(sum)) return (special_pair){sum, 0};
    return (special_pair){sum, (a - (sum - part)) + (b - part)};
}

/* a b, exactly. */
static inline special_pair special_pair_product(double a, double b)
{
    double product = a * b;
    if (!isfinite(product)) return (special_pair){product, 0};
    return (special_pair){product, fma(a, b, -product)};
}

static inline special_pair special_pair_times(special_pair a, special_pair b)
{
    special_pair product = special_pair_product(a.high, b.high);
    if (!isfinite(product.high) || product.high == 0) return product;
    return special_pair_of(product.high, product.low + (a.high * b.low + a.low * b.high));
}

static inline special_pair special_pair_plus(special_pair a, special_pair b)
{
    special_pair sum = special_pair_sum(a.high, b.high);
    return special_pair_of(sum.high, sum.low + (a.low + b.low));
}

/* a / b */
static inline special_pair special_pair_over(double a, special_pair b)
{
    double ratio = a / b.high;
    if (!isfinite(ratio) || ratio == 0) return (special_pair){ratio, 0};
    return special_pair_of(ratio, (fma(-ratio, b.high, a) - ratio * b.low) / b.high);
}

/* e^a: the low part shifts the exponent by less than a rounding of it. */
static inline double special_pair_exp(special_pair a)
{
    double power = exp(a.high);
    return isfinite(power) ? power + power * a.low : power;
}

/* The polynomial c[0] + c[1] x + ..., its even and its odd part beside each other: two short chains, not a long one. */
static inline double special_polynomial(const double *c, int n, double x)
{
    double square = x * x, even = 0, odd = 0;
    int last = n - 1;
    if (last % 2 == 0) even = c[last--];
    for (int k = last; k > 0; k -= 2) {
        odd = odd * square + c[k];
        even = even * square + c[k - 1];
    }
    return even + x * odd;
}

#define SPECIAL_POLYNOMIAL(c, x) special_polynomial(c, (int)(sizeof(c) / sizeof *(c)), x)

#endif
