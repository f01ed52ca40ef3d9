/* Softmax and its kin over the middle axis of an array (outer, n, inner), row-major. A group is the n elements that differ
 * in the middle index alone; here each lane of a vector has a group, so a sum over a group takes no step across lanes. Groups
 * that are rows, inner == 1, are transposed to that and back in registers, which pays while they are short
 * (WG_KERNEL_LANES_MOST); longer ones are served one by one (softmax_rows.h).
 *
 * Exponentials are taken of differences to a group's maximum, so none overflows and one at least is 1; sums run over short
 * blocks, whose totals are added with compensation (W. Kahan, Further remarks on reducing truncation errors, 1965). A NaN makes
 * its group NaN. n >= 1; arrays do not overlap.
 *
 * Groups are numbered (outer, inner), and are worked on in strips, which may be given to several threads: a kernel does those
 * from `first` up to `last`. */
#ifndef WG_KERNELS_SOFTMAX_LANES_H
#define WG_KERNELS_SOFTMAX_LANES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isa.h"

#define WG_KERNEL_LANES_MOST  96 /* elements of a row that is transposed; a multiple of any number of lanes */
#define WG_KERNEL_LANES_STRIP 16 /* groups of a strip, or as many as remain in a layer of them */

typedef struct wg_kernel_groups {
    size_t outer, n, inner;
} wg_kernel_groups;

/* Groups that lie side by side: all, when they are rows. */
static inline size_t wg_kernel_lanes_width(const wg_kernel_groups *s) { return s->inner == 1 ? s->outer : s->inner; }
static inline size_t wg_kernel_lanes_along(const wg_kernel_groups *s)
{
    size_t width = wg_kernel_lanes_width(s);
    return width / WG_KERNEL_LANES_STRIP + (width % WG_KERNEL_LANES_STRIP != 0);
}
static inline size_t wg_kernel_lanes_strips(const wg_kernel_groups *s)
{
    return (s->inner == 1 ? 1 : s->outer) * wg_kernel_lanes_along(s);
}

#define WG_KERNEL_SOFTMAX_LANES_DECLARE(R, type)                                                                         \
    /* log sum e^x of each group; -inf where all elements are -inf. */                                                   \
    void wg_kernel_softmax_lanes_logsumexp_##type(                                                                       \
        wg_isa isa, const wg_kernel_groups *s, size_t first, size_t last, const R *x, R *out);                           \
    /* e^x / sum e^x; 0 where all of a group are -inf; the k elements that are +inf, if there are any, take 1/k. */      \
    void wg_kernel_softmax_lanes_##type(                                                                                 \
        wg_isa isa, const wg_kernel_groups *s, size_t first, size_t last, const R *x, R *out);                           \
    /* Its logarithm, taken without it. */                                                                               \
    void wg_kernel_softmax_lanes_log_##type(                                                                             \
        wg_isa isa, const wg_kernel_groups *s, size_t first, size_t last, const R *x, R *out);                           \
    /* g - sum (g y): g less its mean with weights y, which sum to 1. The product is 0 where y is. The mean is taken   \
     * of the differences to the g at the largest weight, so that where this weight is nearly 1 nothing cancels.       \
     * times: that times y, an exact 0 where either is. */ \
    void wg_kernel_softmax_lanes_center_##type(wg_isa isa, const wg_kernel_groups *s, size_t first, size_t last,         \
        const R *g, const R *y, R *out, bool times, bool add);                                                           \
    /* g - y sum g, its transpose. At a weight above 1/2 the form is g (sum of the other y) - y (sum of the other g),  \
     * in which nothing cancels that the other weights do not. logs: y holds the weights' logarithms. */ \
    void wg_kernel_softmax_lanes_project_##type(wg_isa isa, const wg_kernel_groups *s, size_t first, size_t last,        \
        const R *g, const R *y, R *out, bool logs, bool add);                                                            \
    /* log sum e^x - x[target] of each group: a sum of two parts that are not negative; +inf where all logits are      \
     * -inf. A target is the place of a class, below n; groups whose target is *ignored are passed over, with zeros    \
     * for their results. ignored may be NULL. */ \
    void wg_kernel_softmax_lanes_entropy_##type(wg_isa isa, const wg_kernel_groups *s, size_t first, size_t last,        \
        const R *x, const int64_t *target, const int64_t *ignored, R *out);                                              \
    /* sum t (log sum e^x - x) of each group, t of x's shape; a term whose t is 0 is 0. */                               \
    void wg_kernel_softmax_lanes_soft_##type(                                                                            \
        wg_isa isa, const wg_kernel_groups *s, size_t first, size_t last, const R *x, const R *t, R *out);               \
    /* out = or += g (softmax(x) - 1 at the target), 0 in a group whose g is. The element at the target is the         \
     * negative sum of the other weights, so nothing cancels. work holds n WG_KERNEL_LANES_STRIP elements; it is used  \
     * with add alone, and where inner > 1. */ \
    void wg_kernel_softmax_lanes_slope_##type(wg_isa isa, const wg_kernel_groups *s, size_t first, size_t last,          \
        const R *g, const R *x, const int64_t *target, const int64_t *ignored, R *work, R *out, bool add);
WG_KERNEL_SOFTMAX_LANES_DECLARE(float, f32)
WG_KERNEL_SOFTMAX_LANES_DECLARE(double, f64)
#undef WG_KERNEL_SOFTMAX_LANES_DECLARE

#endif
