/* What the decompositions with several results share: qr, eigh, svd, lstsq.
 *
 * Each is one op that computes everything, and one op per result:
 *
 *     packed = svd(x)            all results of a matrix in a row; a cache, through which no derivative passes
 *     u      = svd_u(packed, x)  a part of it, a view where x is one matrix; its derivative goes to x
 *     s      = svd_s(packed, x)
 *
 * So a derivative can name any of the results as a differentiable value, by applying its op to the same two inputs:
 * that is what makes derivatives of every order right. A result that no one differentiates costs nothing in a sweep,
 * and s alone, whose derivative does not ask for distinct values, never meets the conditions of u. */
#ifndef WG_OPS_LINALG_DECOMPOSE_H
#define WG_OPS_LINALG_DECOMPOSE_H

#include "kernels/decompose.h"
#include "ops/linalg/stack.h"
#include "ops/matmul.h"

/* The distance at which a number counts as zero beside the largest of its kind: n eps largest, eps of the tape's
 * dtype. */
double wg_decompose_threshold(wg_dtype dtype, size_t n, double largest);

/* ---- parts of a packed result ------------------------------------------------------------------------------------ */

/* Where a result stands among a matrix's packed numbers, and its shape there: the attribute of an op like svd_u, whose
 * inputs are packed and x. Its shape rule, evaluation, view and words: */
typedef struct wg_decompose_part {
    size_t offset;
    uint32_t rank;
    size_t dim[2];
} wg_decompose_part;
wg_status wg_decompose_infer_part(wg_call *call);
wg_status wg_decompose_take_part(wg_call *call);
size_t wg_decompose_view_part(const wg_call *call);
size_t wg_decompose_describe_part(const wg_call *call, char *text, size_t size);

/* The op of a part, with that derivative. */
#define WG_DECOMPOSE_PART(name_, derivative_)                                                                          \
    {                                                                                                                  \
        .name = name_, .arity = 2, .shape = wg_decompose_infer_part, .evaluate = wg_decompose_take_part,               \
        .view = wg_decompose_view_part, .derivative = derivative_, .describe = wg_decompose_describe_part              \
    }

/* A part as an operation on vars; as a step within the derivative of another part of the same inputs. */
wg_var wg_decompose_apply(const wg_op *op, wg_var packed, wg_var x, wg_decompose_part part);
wg_term wg_decompose_step(wg_derivation *d, const wg_op *op, wg_decompose_part part);

/* The shape of x's leading axes, and size more: a packed result. */
wg_shape wg_decompose_packed(const wg_shape *x, size_t size);

/* ---- steps ------------------------------------------------------------------------------------------------------- */

/* y_ij = own x_ij + turned x_ji of square matrices, with coefficients for i > j, i = j and i < j. Where a coefficient
 * is 0 the element is not read. */
typedef struct wg_decompose_triangles {
    double own[3], turned[3];
} wg_decompose_triangles;
wg_term wg_decompose_mirror(wg_derivation *d, wg_term x, wg_decompose_triangles triangles);

/* x - x^T. */
wg_term wg_decompose_skew(wg_derivation *d, wg_term x);

/* The vectors (..., n) as rows (..., 1, n), that scale columns, or as columns (..., n, 1), that scale rows. */
wg_term wg_decompose_as_row(wg_derivation *d, wg_term vectors, const wg_shape *shape);
wg_term wg_decompose_as_column(wg_derivation *d, wg_term vectors, const wg_shape *shape);

/* gaps(w)_ij = 1 / (w_j - w_i), and 0 for i = j, of sorted vectors (..., n). The error is WG_ERROR_ARGUMENT where two
 * are nearer than the threshold: "<op>: the derivative of the vectors ... <values> ... ". The ops are called
 * eigh_gaps and svd_gaps. */
extern const wg_op wg_decompose_op_eigh_gaps, wg_decompose_op_svd_gaps;

#endif
