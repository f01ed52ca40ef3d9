/* The mistakes that people make, as functions of one step of the reverse sweep.
 *
 * A family of mistakes looks at one edge, from an op's result to one of its inputs, and suggests what a wrong backward
 * pass would have put there instead of the right contribution. The search (search.c) carries each suggestion down to the
 * supplied gradients and keeps those that explain them. A family suggests freely: what does not fit the numbers is
 * dropped, and what fits equally well is reported as a group. It must only never suggest under a name what is not that
 * mistake. */
#ifndef WG_CHECK_MISTAKES_H
#define WG_CHECK_MISTAKES_H

#include "wengert/check.h"
#include "wengert/inspect.h"

typedef struct check_search check_search;

/* An edge, on the double-precision copy of the tape. All arrays are row-major doubles. */
typedef struct check_edge {
    check_search *search;
    wg_var from, to; /* an op's result and its input ... */
    size_t position; /* ... number position */
    wg_node_info op; /* of from: op.kind is the op's name, op.inputs the number of its inputs */
    wg_shape from_shape, to_shape;
    size_t from_size, to_size;
    const double *adjoint;      /* of from, as the caller had it */
    const double *contribution; /* the right one, of to's shape */
} check_edge;

/* The value of a node of the copy; NULL for an index var, and when the tape fails. */
const double *check_value(const check_edge *edge, wg_var node);
/* The elements of an index var. */
const int64_t *check_indices(const check_edge *edge, wg_var node);
/* The adjoint of a node, as the caller had it; NULL where the sweep did not come. */
const double *check_adjoint(const check_edge *edge, wg_var node);
/* Input k of edge->from. */
wg_var check_input(const check_edge *edge, size_t k);
/* The number of nodes of the copy that may stand in for others (numbers, not indices, on the way to the loss or made by
 * the caller), and the array of them. */
size_t check_candidates(const check_edge *edge, const wg_var **nodes);

/* Memory for the time of one family's call; freed afterwards by the search. NULL: out of memory, and the search stops. */
double *check_array(const check_edge *edge, size_t n);

/* The edge's contribution when its op is applied to other operands, or takes another adjoint: computed by the library
 * itself. operands[k] replaces the value of input k, of its shape, where it is not NULL (operands may be NULL); adjoint
 * replaces the edge's when not NULL. The result has to's shape. NULL when it cannot be computed; that is no error. */
const double *check_derive(const check_edge *edge, const double *const *operands, const double *adjoint);

/* The contribution before it is summed to the input's shape: the op is applied with the input spread over the shape full,
 * to which it broadcasts. Of full's shape; NULL when that is not possible. */
const double *check_derive_spread(const check_edge *edge, const wg_shape *full);

/* The same with another op on one input, such as another activation: f records it. */
const double *check_derive_function(
    const check_edge *edge, wg_var (*f)(wg_var x), const double *operand, const double *adjoint);

/* Puts numbers of that shape in the place of the contribution. The shape may be another than to's: then only a supplied
 * gradient of to itself (or of what to is with axes moved), of that shape, can confirm it. factor: NaN where there is none. detail completes the sentence
 * that names the mistake, "multiplied by W2 where its transpose is right"; it is copied. */
void check_suggest(const check_edge *edge, wg_cause cause, const wg_shape *shape, const double *numbers, double factor,
    const char *detail, ...) WG_PRINTF_LIKE(6, 7);

/* Whether numbers of a shape are of any use to check_suggest: of to's, or of that in which a gradient was supplied. */
bool check_wants(const check_edge *edge, const wg_shape *shape);

/* The contribution plus t times a direction of to's shape, for the t that fits the data best: for causes with an unknown
 * number in them, such as a step size. The factor reported is t. */
void check_suggest_along(const check_edge *edge, wg_cause cause, const double *direction, const char *detail, ...)
    WG_PRINTF_LIKE(4, 5);

/* The name of a node for a sentence: as given, or its formula. Valid for four calls. */
const char *check_name(const check_edge *edge, wg_var node);

/* Whether only the likeliest suggestions are wanted. */
bool check_is_hurried(const check_edge *edge);

/* How many other edges lead to edge->to: 0 when this is its only use. */
size_t check_other_uses(const check_edge *edge);

/* ---- the families, a file each --------------------------------------------------------------------------------------- */

void check_mistakes_matrix(const check_edge *edge);     /* transposed, swapped, elementwise for matmul, W for W^T */
void check_mistakes_broadcast(const check_edge *edge);  /* biases: not summed, wrong axis, averaged, one sample */
void check_mistakes_activation(const check_edge *edge); /* left out, at the wrong value, another's */
void check_mistakes_kinks(const check_edge *edge);      /* other conventions where there is no derivative */
void check_mistakes_loss(const check_edge *edge);    /* reductions, softmax's diagonal, statistics, repeated indices */
void check_mistakes_layout(const check_edge *edge);  /* shifted, reversed, permuted, unwritten, one batch entry */
void check_mistakes_operand(const check_edge *edge); /* wrong operands of the same shape, values from an update */

#endif
