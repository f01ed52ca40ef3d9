/* What the files on linear systems share: checks of their shapes, and the LU factor as an op. */
#ifndef WG_OPS_LINALG_FACTOR_H
#define WG_OPS_LINALG_FACTOR_H

#include "kernels/factor.h"
#include "ops/linalg/stack.h"

/* ---- shapes ------------------------------------------------------------------------------------------------------ */

/* Systems of a (..., n, n) and b, a vector (n) or matrices (..., n, k): NumPy 2's rule. The same as a composition's check
 * and, for operands a and b of which the latter is matrices, as a shape rule. */
bool wg_linalg_system(const wg_composition *c, wg_var a, wg_var b);
wg_status wg_linalg_infer_system(wg_call *call, size_t a, size_t b);
/* A vector as a matrix of one column, and a result without its column. */
wg_var wg_linalg_column(wg_var b);
wg_var wg_linalg_without_column(wg_var x);

/* ---- the LU factor (linalg/lu.c) ----------------------------------------------------------------------------------- */

/* factor(a): for each (n, n) matrix of a, (n + 1, n) numbers: L and U in one square, then the row of exchanges. It has no
 * derivative: it is a cache. An op takes it beside a itself, evaluates with it, and writes its derivative in a. So a
 * matrix is factored once, for all of its derivatives too, and a replay factors it anew. A factor of a matrix with a NaN,
 * or with an infinity and a column without pivot, is NaN throughout. */
extern const wg_op wg_linalg_op_factor;
wg_var wg_linalg_factor(wg_var a);

/* The bytes and the call of the kernel on one matrix, for other evaluations that factor. f has (n + 1) n elements. */
size_t wg_linalg_factor_scratch(const wg_call *call, size_t n);
void wg_linalg_factor_one(const wg_call *call, size_t n, const void *a, void *f, void *scratch);

/* The first zero on U's diagonal, or n. */
size_t wg_linalg_singular(wg_dtype dtype, size_t n, const void *factor);

/* ---- solving with it (linalg/solve.c) ------------------------------------------------------------------------------ */

/* solve(a, factor(a), b): a^-1 b, or a^-T b when the attribute, a bool, is true. Leading axes of a and b broadcast. */
extern const wg_op wg_linalg_op_solve;

/* inverse(a, factor(a)): a^-1, or a^-T when the attribute, a bool, is true. For an op of another name with these parts and the shape
 * rule wg_linalg_infer_same. */
wg_status wg_linalg_inverse(wg_call *call);
size_t wg_linalg_inverse_scratch(const wg_call *call);
void wg_linalg_derive_inverse(wg_derivation *d);
size_t wg_linalg_describe_solve(const wg_call *call, char *text, size_t size);

#endif
