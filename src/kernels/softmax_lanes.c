/* Softmax with a group in each lane: the generic source, softmax_lanes.inc, compiled for each real type and instruction set, and
 * the choice among them. */
#include "softmax_lanes.h"

#include <math.h>

#include "elementary.h"

enum {
    KERNEL_LANES_BLOCK = 64,       /* terms whose sum is not compensated */
    KERNEL_LANES_CLASSES = 1 << 20 /* classes that are told apart by numbers of either type */
};

#define SOURCE "softmax_lanes.inc"
#include "each.inc"

#define GROUPS wg_isa isa, const wg_kernel_groups *s, size_t first, size_t last
#define DEFINE(R, type)                                                                                                \
    void wg_kernel_softmax_lanes_logsumexp_##type(GROUPS, const R *x, R *out)                                          \
    {                                                                                                                  \
        CHOOSE(softmax_lanes_logsumexp, type)(s, first, last, x, out);                                                 \
    }                                                                                                                  \
    void wg_kernel_softmax_lanes_##type(GROUPS, const R *x, R *out)                                                    \
    {                                                                                                                  \
        CHOOSE(softmax_lanes, type)(s, first, last, x, out);                                                           \
    }                                                                                                                  \
    void wg_kernel_softmax_lanes_log_##type(GROUPS, const R *x, R *out)                                                \
    {                                                                                                                  \
        CHOOSE(softmax_lanes_log, type)(s, first, last, x, out);                                                       \
    }                                                                                                                  \
    void wg_kernel_softmax_lanes_center_##type(GROUPS, const R *g, const R *y, R *out, bool times, bool add)           \
    {                                                                                                                  \
        CHOOSE(softmax_lanes_center, type)(s, first, last, g, y, out, times, add);                                     \
    }                                                                                                                  \
    void wg_kernel_softmax_lanes_project_##type(GROUPS, const R *g, const R *y, R *out, bool logs, bool add)           \
    {                                                                                                                  \
        CHOOSE(softmax_lanes_project, type)(s, first, last, g, y, out, logs, add);                                     \
    }                                                                                                                  \
    void wg_kernel_softmax_lanes_entropy_##type(                                                                       \
        GROUPS, const R *x, const int64_t *target, const int64_t *ignored, R *out)                                     \
    {                                                                                                                  \
        CHOOSE(softmax_lanes_entropy, type)(s, first, last, x, target, ignored, out);                                  \
    }                                                                                                                  \
    void wg_kernel_softmax_lanes_soft_##type(GROUPS, const R *x, const R *t, R *out)                                   \
    {                                                                                                                  \
        CHOOSE(softmax_lanes_soft, type)(s, first, last, x, t, out);                                                   \
    }                                                                                                                  \
    void wg_kernel_softmax_lanes_slope_##type(                                                                         \
        GROUPS, const R *g, const R *x, const int64_t *target, const int64_t *ignored, R *work, R *out, bool add)      \
    {                                                                                                                  \
        CHOOSE(softmax_lanes_slope, type)(s, first, last, g, x, target, ignored, work, out, add);                      \
    }
DEFINE(float, f32)
DEFINE(double, f64)

#undef DEFINE
#undef GROUPS
#undef CHOOSE
