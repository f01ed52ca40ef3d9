/* Softmax along rows: the generic source, softmax_rows.inc, compiled for each real type and instruction set, and the choice
 * among them. */
#include "softmax_rows.h"

#include <math.h>

#include "elementary.h"

enum { KERNEL_SOFTMAX_BLOCK = 64 }; /* vectors whose sum is not compensated */

#define SOURCE "softmax_rows.inc"
#include "each.inc"

#define DEFINE(R, type)                                                                                                \
    void wg_kernel_softmax_rows_logsumexp_##type(wg_isa isa, size_t rows, size_t n, const R *x, R *out)                \
    {                                                                                                                  \
        CHOOSE(softmax_rows_logsumexp, type)(rows, n, x, out);                                                         \
    }                                                                                                                  \
    void wg_kernel_softmax_rows_##type(wg_isa isa, size_t rows, size_t n, const R *x, R *out)                          \
    {                                                                                                                  \
        CHOOSE(softmax_rows, type)(rows, n, x, out);                                                                   \
    }                                                                                                                  \
    void wg_kernel_softmax_rows_log_##type(wg_isa isa, size_t rows, size_t n, const R *x, R *out)                      \
    {                                                                                                                  \
        CHOOSE(softmax_rows_log, type)(rows, n, x, out);                                                               \
    }                                                                                                                  \
    void wg_kernel_softmax_rows_center_##type(                                                                         \
        wg_isa isa, size_t rows, size_t n, const R *g, const R *y, R *out, bool times, bool add)                       \
    {                                                                                                                  \
        CHOOSE(softmax_rows_center, type)(rows, n, g, y, out, times, add);                                             \
    }                                                                                                                  \
    void wg_kernel_softmax_rows_project_##type(                                                                        \
        wg_isa isa, size_t rows, size_t n, const R *g, const R *y, R *out, bool logs, bool add)                        \
    {                                                                                                                  \
        CHOOSE(softmax_rows_project, type)(rows, n, g, y, out, logs, add);                                             \
    }                                                                                                                  \
    void wg_kernel_softmax_rows_soft_##type(wg_isa isa, size_t rows, size_t n, const R *x, const R *t, R *out)         \
    {                                                                                                                  \
        CHOOSE(softmax_rows_soft, type)(rows, n, x, t, out);                                                           \
    }                                                                                                                  \
    void wg_kernel_softmax_rows_entropy_##type(                                                                        \
        wg_isa isa, size_t rows, size_t n, const R *x, const int64_t *target, const int64_t *ignored, R *out)          \
    {                                                                                                                  \
        CHOOSE(softmax_rows_entropy, type)(rows, n, x, target, ignored, out);                                          \
    }                                                                                                                  \
    void wg_kernel_softmax_rows_slope_##type(wg_isa isa, size_t rows, size_t n, const R *g, const R *x,                \
        const int64_t *target, const int64_t *ignored, R *work, R *out, bool add)                                      \
    {                                                                                                                  \
        CHOOSE(softmax_rows_slope, type)(rows, n, g, x, target, ignored, work, out, add);                              \
    }
DEFINE(float, f32)
DEFINE(double, f64)

#undef DEFINE
#undef CHOOSE
