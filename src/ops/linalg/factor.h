/* What the files on linear systems share: checks, the walk over a batch of matrices, and the LU factor as an op. */
#ifndef WG_OPS_LINALG_FACTOR_H
#define WG_OPS_LINALG_FACTOR_H

#include "kernels/factor.h"
#include "ops/compose.h"
#include "shape/shape.h"

/* ---- shapes and batches -------------------------------------------------------------------------------------------- */

/* The order n of square matrices (..., n, n), or of n rows. */
static inline size_t wg_linalg_rows(const wg_shape *shape) { return shape->dim[shape->rank - 2]; }
static inline size_t wg_linalg_columns(const wg_shape *shape) { return shape->dim[shape->rank - 1]; }
static inline bool wg_linalg_is_square(const wg_shape *shape)
{
    return shape->rank >= 2 && wg_linalg_rows(shape) == wg_linalg_columns(shape);
}

/* The leading axes of a stack of matrices, and how many matrices those are. */
static inline wg_shape wg_linalg_batch(const wg_shape *shape)
{
    wg_shape batch = *shape;
    batch.rank -= 2;
    return batch;
}
static inline size_t wg_linalg_count(const wg_shape *shape) { return wg_shape_product(shape, 0, shape->rank - 2); }

/* Which of its own matrices a stack with leading axes `own` shows as number i of the joint leading axes. */
size_t wg_linalg_matrix_of(const wg_shape *own, const wg_shape *joint, size_t i);

/* A shape rule: square matrices in operand k. */
wg_status wg_linalg_infer_square(const wg_call *call, size_t k);

/* A composition's check of an argument: square matrices, or the error of that. */
bool wg_linalg_square(const wg_composition *c, wg_var x);

/* Systems of a (..., n, n) and b, a vector (n) or matrices (..., n, k): NumPy 2's rule. The same as a composition's check
 * and, for operands a and b of which the latter is matrices, as a shape rule. */
bool wg_linalg_system(const wg_composition *c, wg_var a, wg_var b);
wg_status wg_linalg_infer_system(wg_call *call, size_t a, size_t b);
/* A vector as a matrix of one column, and a result without its column. */
wg_var wg_linalg_column(wg_var b);
wg_var wg_linalg_without_column(wg_var x);

/* "matrix (1,0) of A (2,3,4,4)", or "A (4,4)": number i of operand k's stack, for messages. text has WG_LINALG_TEXT. */
#define WG_LINALG_TEXT (WG_SHAPE_TEXT + 288)
const char *wg_linalg_describe(const wg_call *call, size_t k, size_t i, char *text);

static inline double wg_linalg_number(wg_dtype dtype, const void *data, size_t i)
{
    return dtype == WG_F64 ? ((const double *)data)[i] : (double)((const float *)data)[i];
}
static inline void wg_linalg_put(wg_dtype dtype, void *data, size_t i, double x)
{
    if (dtype == WG_F64)
        ((double *)data)[i] = x;
    else
        ((float *)data)[i] = (float)x;
}
void wg_linalg_fill(wg_dtype dtype, void *data, size_t n, double x);
bool wg_linalg_all_finite(wg_dtype dtype, const void *data, size_t n);
/* Element i of an array, as an address. */
static inline const void *wg_linalg_at(wg_dtype dtype, const void *data, size_t i)
{
    return (const char *)data + i * (dtype == WG_F64 ? sizeof(double) : sizeof(float));
}

/* ---- the LU factor (linalg/lu.c) ----------------------------------------------------------------------------------- */

/* factor(a): for each (n, n) matrix of a, (n + 1, n) numbers: L and U in one square, then the row of exchanges. It has no
 * derivative: it is a cache. An op takes it beside a itself, evaluates with it, and writes its derivative in a. So a
 * matrix is factored once, for all of its derivatives too, and a replay factors it anew. A factor of a matrix with a NaN,
 * or with an infinity and a column without pivot, is NaN throughout. */
extern const wg_op wg_linalg_op_factor;
wg_var wg_linalg_factor(wg_var a);

/* The bytes and the call of the kernel on one matrix, for other evaluations that factor. f has (n + 1) n elements. */
size_t wg_linalg_factor_scratch(wg_dtype dtype, size_t n);
void wg_linalg_factor_one(wg_dtype dtype, size_t n, const void *a, void *f, void *scratch);

/* The first zero on U's diagonal, or n. */
size_t wg_linalg_singular(wg_dtype dtype, size_t n, const void *factor);

/* ---- solving with it (linalg/solve.c) ------------------------------------------------------------------------------ */

/* solve(a, factor(a), b): a^-1 b, or a^-T b when the attribute, a bool, is true. Leading axes of a and b broadcast. */
extern const wg_op wg_linalg_op_solve;

/* inverse(a, factor(a)): a^-1, or a^-T when the attribute, a bool, is true. For an op of another name with these parts. */
wg_status wg_linalg_infer_inverse(wg_call *call);
wg_status wg_linalg_inverse(wg_call *call);
size_t wg_linalg_inverse_scratch(const wg_call *call);
void wg_linalg_derive_inverse(wg_derivation *d);

#endif
