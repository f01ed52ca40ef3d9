/* Softmax's derivative and its transpose, as steps of other ops' derivatives. The attributes of all are the array's extents
 * around the axis, a wg_shape_split. */
#ifndef WG_OPS_SOFTMAX_H
#define WG_OPS_SOFTMAX_H

#include "shape/shape.h"
#include "wengert/op.h"

/* For the weights y = softmax(x): softmax's derivative is y center(g, y), log_softmax's is project(g, y).
 *
 *     center(g, y)  = g - sum (g y)
 *     project(g, y) = g - y sum g
 *
 * Each is the other's transpose in g. They take for granted that the weights sum to 1, and use it so that nothing cancels
 * where one weight is nearly 1: what they give to y may be off by a constant in each group, for which softmax has no
 * derivative. */
extern const wg_op wg_softmax_op, wg_softmax_op_log, wg_softmax_op_center, wg_softmax_op_project;

#endif
