/* Stacks of matrices (..., m, n), which all of linear algebra works on: their sizes, their elements, and how messages
 * name one. */
#ifndef WG_OPS_LINALG_STACK_H
#define WG_OPS_LINALG_STACK_H

#include "ops/compose.h"
#include "shape/shape.h"

/* ---- shapes ------------------------------------------------------------------------------------------------------ */

/* The extents of the last two axes. */
static inline size_t wg_linalg_rows(const wg_shape *shape) { return shape->dim[shape->rank - 2]; }
static inline size_t wg_linalg_columns(const wg_shape *shape) { return shape->dim[shape->rank - 1]; }
static inline bool wg_linalg_is_square(const wg_shape *shape)
{
    return shape->rank >= 2 && wg_linalg_rows(shape) == wg_linalg_columns(shape);
}

/* The leading axes, and how many matrices those are. */
static inline wg_shape wg_linalg_batch(const wg_shape *shape)
{
    wg_shape batch = *shape;
    batch.rank -= 2;
    return batch;
}
static inline size_t wg_linalg_count(const wg_shape *shape) { return wg_shape_product(shape, 0, shape->rank - 2); }

/* All three: so many matrices (m, n). */
typedef struct wg_linalg_stack {
    size_t count, m, n;
} wg_linalg_stack;
static inline wg_linalg_stack wg_linalg_stack_of(const wg_shape *shape)
{
    return (wg_linalg_stack){wg_linalg_count(shape), wg_linalg_rows(shape), wg_linalg_columns(shape)};
}

/* Which of its own matrices a stack with leading axes `own` shows as number i of the joint leading axes. */
size_t wg_linalg_matrix_of(const wg_shape *own, const wg_shape *joint, size_t i);

/* A shape rule, and the same as a composition's check of an argument: square matrices. */
wg_status wg_linalg_infer_square(const wg_call *call, size_t k);
bool wg_linalg_square(const wg_composition *c, wg_var x);

/* A composition's check of an argument: matrices. */
bool wg_linalg_matrices(const wg_composition *c, wg_var x);

/* A shape rule: the shape of operand 0. */
wg_status wg_linalg_infer_same(wg_call *call);

/* ---- names in messages ------------------------------------------------------------------------------------------- */

/* Number i of the stack of operand k, "matrix (1,0) of A (2,3,4,4)", or "A (4,4)". text has WG_LINALG_TEXT. */
#define WG_LINALG_TEXT (WG_SHAPE_TEXT + 288)
const char *wg_linalg_describe(const wg_call *call, size_t k, size_t i, char *text);

/* The same without an operand to name: "matrix (1,0)", or "the matrix", of a stack of that shape. */
const char *wg_linalg_place(const wg_shape *shape, size_t i, char *text);

/* ---- elements ---------------------------------------------------------------------------------------------------- */

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

/* Element i, as an address. */
static inline const void *wg_linalg_at(wg_dtype dtype, const void *data, size_t i)
{
    return (const char *)data + i * wg_dtype_size(dtype);
}

/* n elements, the first being number `from` or `to` of data, as doubles, and back. */
void wg_linalg_load(wg_dtype dtype, const void *data, size_t from, size_t n, double *to);
void wg_linalg_store(wg_dtype dtype, void *data, size_t to, size_t n, const double *from);

/* Whether some operand has no elements. Then an evaluation takes no scratch, however large the matrices of which there are
 * none. */
bool wg_linalg_nothing(const wg_call *call);

/* Identity matrices. */
void wg_linalg_identity(wg_dtype dtype, size_t count, size_t n, void *data);

bool wg_linalg_all_finite(wg_dtype dtype, const void *data, size_t n);

#endif
