/* Sines of multiples of pi, right in relative terms around their zeros, for x of any size. */
#ifndef WG_KERNELS_SPECIAL_TURN_H
#define WG_KERNELS_SPECIAL_TURN_H

#include <math.h>

#define SPECIAL_PI 3.141592653589793

/* x - 2 round(x / 2), exactly: sin(pi x) and cos(pi x) have period 2. From 2^53 on every double is an even integer. */
static inline double special_within_period(double x) { return remainder(x, 2); }

static inline double special_sin_pi(double x)
{
    double r = fabs(special_within_period(x)), sign = special_within_period(x) < 0 ? -1 : 1;
    if (r > 0.5) r = 1 - r;
    return sign * (r > 0.25 ? cos(SPECIAL_PI * (0.5 - r)) : sin(SPECIAL_PI * r));
}

static inline double special_cos_pi(double x)
{
    double r = fabs(special_within_period(x));
    if (r <= 0.25) return cos(SPECIAL_PI * r);
    return r < 0.75 ? sin(SPECIAL_PI * (0.5 - r)) : -cos(SPECIAL_PI * (1 - r));
}

#endif
