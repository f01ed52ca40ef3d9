/* The Euclidean length, as a step of other ops' derivatives. */
#ifndef WG_OPS_MOMENT_H
#define WG_OPS_MOMENT_H

#include "wengert/op.h"

/* Its attributes are a wg_reduce_axes (reduce.h) whose axes are neighbours, or all. */
extern const wg_op wg_moment_op_norm;

#endif
