/* Softmax and cross-entropy along rows of neighbouring elements: what softmax_lanes.h says for inner == 1, each row in
 * vectors of its own. A row is read two or three times in a sequence, which costs little while it stays in the second cache; rows are
 * independent, so a range of them may be given to each thread.
 *
 * A NaN makes its row NaN. Sums run in vectors over blocks, whose totals are added with compensation (W. Kahan, Further
 * remarks on reducing truncation errors, 1965). n >= 1; arrays do not overlap. */
#ifndef WG_KERNELS_SOFTMAX_ROWS_H
#define WG_KERNELS_SOFTMAX_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isa.h"

#define WG_KERNEL_SOFTMAX_ROWS_DECLARE(R, type)                                                                        \
    void wg_kernel_softmax_rows_logsumexp_##type(wg_isa isa, size_t rows, size_t n, const R *x, R *out);               \
    void wg_kernel_softmax_rows_##type(wg_isa isa, size_t rows, size_t n, const R *x, R *out);                         \
    void wg_kernel_softmax_rows_log_##type(wg_isa isa, size_t rows, size_t n, const R *x, R *out);                     \
    /* add: only together with times */                                                                                \
    void wg_kernel_softmax_rows_center_##type(                                                                         \
        wg_isa isa, size_t rows, size_t n, const R *g, const R *y, R *out, bool times, bool add);                      \
    void wg_kernel_softmax_rows_project_##type(                                                                        \
        wg_isa isa, size_t rows, size_t n, const R *g, const R *y, R *out, bool logs, bool add);                       \
    void wg_kernel_softmax_rows_soft_##type(wg_isa isa, size_t rows, size_t n, const R *x, const R *t, R *out);        \
    void wg_kernel_softmax_rows_entropy_##type(                                                                        \
        wg_isa isa, size_t rows, size_t n, const R *x, const int64_t *target, const int64_t *ignored, R *out);         \
    /* work holds n elements; it is not used without add. */                                                           \
    void wg_kernel_softmax_rows_slope_##type(wg_isa isa, size_t rows, size_t n, const R *g, const R *x,                \
        const int64_t *target, const int64_t *ignored, R *work, R *out, bool add);
WG_KERNEL_SOFTMAX_ROWS_DECLARE(float, f32)
WG_KERNEL_SOFTMAX_ROWS_DECLARE(double, f64)
#undef WG_KERNEL_SOFTMAX_ROWS_DECLARE

#endif
