/* Normalised rows: the generic source, normalize.inc, compiled for each real type and instruction set, and the choice among
 * them. */
#include "normalize.h"

#include <float.h>
#include <math.h>

#include "vector.h"

enum { KERNEL_NORMALIZE_BLOCK = 1024 }; /* elements whose sum is not compensated */

#define SOURCE "normalize.inc"
#include "each.inc"

#define DEFINE(R, type)                                                                                                \
    void wg_kernel_normalize_##type(wg_isa isa, size_t m, size_t n, double epsilon, bool center, const R *x, R *out)   \
    {                                                                                                                  \
        CHOOSE(normalize, type)(m, n, epsilon, center, x, out);                                                        \
    }                                                                                                                  \
    void wg_kernel_normalize_inverse_##type(                                                                           \
        wg_isa isa, size_t m, size_t n, double epsilon, bool center, const R *x, R *out)                               \
    {                                                                                                                  \
        CHOOSE(normalize_inverse, type)(m, n, epsilon, center, x, out);                                                \
    }                                                                                                                  \
    void wg_kernel_normalize_adjoint_##type(                                                                           \
        wg_isa isa, size_t m, size_t n, double epsilon, bool center, const R *g, const R *y, const R *x, R *out)       \
    {                                                                                                                  \
        CHOOSE(normalize_adjoint, type)(m, n, epsilon, center, g, y, x, out);                                          \
    }                                                                                                                  \
    void wg_kernel_normalize_weighted_##type(wg_isa isa, size_t m, size_t n, double epsilon, bool center, const R *x,  \
        const R *weight, const R *bias, R *out)                                                                        \
    {                                                                                                                  \
        CHOOSE(normalize_weighted, type)(m, n, epsilon, center, x, weight, bias, out);                                 \
    }                                                                                                                  \
    void wg_kernel_normalize_weighted_adjoint_##type(wg_isa isa, size_t m, size_t n, double epsilon, bool center,      \
        const R *g, const R *x, const R *weight, R *work, R *sums, R *out, bool add)                                   \
    {                                                                                                                  \
        CHOOSE(normalize_weighted_adjoint, type)(m, n, epsilon, center, g, x, weight, work, sums, out, add);           \
    }
DEFINE(float, f32)
DEFINE(double, f64)

#undef DEFINE
#undef CHOOSE
