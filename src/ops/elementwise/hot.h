/* The hot ops: those that networks run over large arrays. Their rules are also read with R a vector, and compiled for each
 * real type and instruction set. All other ops run by loops.inc alone. */
#ifndef WG_OPS_ELEMENTWISE_HOT_H
#define WG_OPS_ELEMENTWISE_HOT_H

#include "kernels/isa.h"
#include "ops/elementwise/elementwise.h"

#define EW_HOT_1(X)                                                                                                    \
    X(neg)                                                                                                             \
    X(square)                                                                                                          \
    X(sqrt)                                                                                                            \
    X(rsqrt)                                                                                                           \
    X(reciprocal)                                                                                                      \
    X(abs)                                                                                                             \
    X(exp)                                                                                                             \
    X(expm1)                                                                                                           \
    X(log)                                                                                                             \
    X(log1p)                                                                                                           \
    X(sin)                                                                                                             \
    X(cos)                                                                                                             \
    X(tanh)                                                                                                            \
    X(sigmoid)                                                                                                         \
    X(relu)                                                                                                            \
    X(softplus)                                                                                                        \
    X(silu)
#define EW_HOT_2(X)                                                                                                    \
    X(add)                                                                                                             \
    X(sub)                                                                                                             \
    X(mul)                                                                                                             \
    X(div)                                                                                                             \
    X(maximum)                                                                                                         \
    X(minimum)                                                                                                         \
    X(mul0)
#define EW_HOT_3(X)                                                                                                    \
    X(where)                                                                                                           \
    X(fma)
#define EW_HOT_P(X)                                                                                                    \
    X(leaky_relu)                                                                                                      \
    X(clamp)

/* Loops like wg_ew_loops's over n elements, a multiple of the lanes. Element i of operand k is in[k][i * step[k]], where a
 * step is 1, or 0 for an operand that is one vector over and over. */
typedef void wg_ew_hot_value_loop(
    size_t n, void *out, bool add, const void *const *in, const size_t *step, const wg_ew_parameters *parameters);
typedef void wg_ew_hot_slope_loop(size_t n, void *out, bool add, bool ieee_zero, const void *g, const void *const *in,
    const size_t *step, const void *y, const wg_ew_parameters *parameters);

/* Rows of the result, each a run of n elements, a multiple of the lanes, `across` elements after the one before. Operand k
 * moves on by row[k] from row to row; along a row it runs, or, where still, it is one number. For values of ops with more
 * than one operand, which alone can be stretched. */
typedef struct wg_ew_rows {
    size_t rows, n, across;
    void *out;
    bool add;
    const void *in[EW_MAX_ARITY];
    ptrdiff_t row[EW_MAX_ARITY];
    bool still[EW_MAX_ARITY];
} wg_ew_rows;
typedef void wg_ew_hot_rows_loop(const wg_ew_rows *rows);

typedef struct wg_ew_hot_loops {
    wg_ew_hot_value_loop *value; /* NULL: the op is not a hot one */
    wg_ew_hot_slope_loop *slope[EW_MAX_ARITY];
    wg_ew_hot_rows_loop *rows; /* NULL: run by run */
} wg_ew_hot_loops;

/* The loops of a rule, and the lanes of their vectors; NULL where there are none. */
const wg_ew_hot_loops *wg_ew_hot(uint32_t rule, wg_dtype dtype, wg_isa isa, size_t *lanes);

#endif
