/* The cube root. A C library's own may be off by some units in the last place (glibc's by two), which its derivatives
 * multiply; one step of Newton's method, its residual exact, leaves hardly more than a rounding. */
#include "kernels/special.h"
#include "kernels/special_pair.h"

double wg_special_cbrt(double x)
{
    if (x == 0 || !isfinite(x)) return x;
    double scale = 1;
    if (fabs(x) < 0x1p-800) { /* x = y^3 has digits below the smallest number */
        x *= 0x1p300;
        scale = 0x1p-100;
    }
    double y = cbrt(x);
    special_pair square = special_pair_product(y, y);
    special_pair cube = special_pair_times(square, (special_pair){y, 0});
    y -= ((cube.high - x) + cube.low) / (3 * square.high);
    return y * scale;
}

float wg_special_cbrt_f32(float x) { return (float)cbrt(x); }
