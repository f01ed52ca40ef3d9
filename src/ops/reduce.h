/* Reducing an array over any set of axes: what the reductions, and ops that reduce on their way, share. */
#ifndef WG_OPS_REDUCE_H
#define WG_OPS_REDUCE_H

#include "kernels/reduce.h"
#include "shape/shape.h"
#include "tape/list.h"

/* ---- arrays ------------------------------------------------------------------------------------------------------------ */

/* out = or += what becomes of the groups of `in` along the middle one of the extents s, divided by divisor; the work is
 * shared by the tape's threads. The call says the type and the tape. */
void wg_reduce_split(const wg_call *call, wg_kernel_reduce_kind kind, const wg_shape_split *s, const void *in,
    void *out, bool add, double divisor);
/* out = in less the mean of its group. */
void wg_reduce_deviate(const wg_call *call, const wg_shape_split *s, const void *in, void *out);

/* Whether the axes marked in mask are one run of neighbours, extents of 1 not counted; then *s is what they make of the
 * shape. */
bool wg_reduce_is_one_run(const wg_shape *shape, const bool *mask, wg_shape_split *s);

/* call->out = or += the reduction of an array over the axes marked in mask, divided by divisor (sums alone). Takes
 * scratch from the call when the axes are not neighbours. */
wg_status wg_reduce_array(
    wg_call *call, wg_kernel_reduce_kind kind, const void *in, const wg_shape *shape, const bool *mask, double divisor);

/* The scratch that takes, in bytes. */
size_t wg_reduce_scratch(const wg_shape *shape, const bool *mask, wg_dtype dtype);

/* The same into an array of the caller's, with scratch of the caller's. */
typedef struct wg_reduce_work {
    const wg_call *call;   /* says the type and the tape */
    const wg_shape *shape; /* of in */
    const bool *mask;
    void *scratch;
} wg_reduce_work;
void wg_reduce_into(
    const wg_reduce_work *work, wg_kernel_reduce_kind kind, const void *in, void *out, bool add, double divisor);

/* ---- ops with axes --------------------------------------------------------------------------------------------------- */

/* The attributes of a reduction, or the first member of them. */
typedef struct wg_reduce_axes {
    bool mask[WG_MAX_RANK];
    bool keepdims;
} wg_reduce_axes;

/* A caller's axes, checked. False: the error is set, in name's name. An invalid x passes: the op will tell. */
bool wg_reduce_parse(const char *name, wg_var x, const int *axes, size_t n, bool keepdims, wg_reduce_axes *chosen);
/* All of them. */
wg_reduce_axes wg_reduce_everything(void);
/* The same for one axis, as the array's extents around it. */
bool wg_reduce_parse_axis(const char *name, wg_var x, int axis, wg_shape_split *split);

/* The number of elements that go into one of the result. */
size_t wg_reduce_count(const wg_shape *shape, const bool *mask);
/* The result's shape with every reduced axis left as 1, or taken out. */
wg_shape wg_reduce_shape(const wg_shape *shape, const wg_reduce_axes *axes, bool keepdims);
bool wg_reduce_empty(const wg_shape *shape);

/* The shape rule of a reduction. */
wg_status wg_reduce_infer(wg_call *call);
/* Its attributes in words. */
size_t wg_reduce_describe(const wg_call *call, char *text, size_t size);
/* In a reduction's derivative: a term of the result's shape with the reduced axes back, as 1. */
wg_term wg_reduce_with_axes(wg_derivation *d, wg_term term);

/* Ops whose kernel reduces one run of neighbouring axes alone, the attributes a wg_reduce_axes. Other sets of axes are
 * brought together by a permutation first, recorded under the op's name. */
wg_shape_split wg_reduce_run(const wg_shape *shape, const bool *mask);
wg_var wg_reduce_apply_run(const wg_op *op, wg_var x, const wg_reduce_axes *axes);

#endif
