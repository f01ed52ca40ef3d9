/* What the ops that take indices share: where parts belong, and checks. */
#ifndef WG_OPS_GATHER_H
#define WG_OPS_GATHER_H

#include "tape/list.h"

/* Where the parts of an array belong: the shape of the whole, and the axis along which the indices count. The
 * attribute of all these ops. */
typedef struct wg_gather_place {
    wg_shape whole;
    uint32_t axis;
} wg_gather_place;

/* An error unless argument k holds indices, or numbers. */
wg_status wg_gather_expect(wg_call *call, size_t k, bool indices);

/* An error unless every index of argument k is in range for the axis, of that extent. Every evaluation looks, since
 * new ones may be set before a replay. */
wg_status wg_gather_check(wg_call *call, size_t k, uint32_t axis, size_t extent);

/* The attributes in words: the axis, and for an op that begins with zeros the shape of the whole. */
size_t wg_gather_describe(const wg_call *call, char *text, size_t size);

/* The result is zeros. */
void wg_gather_clear(wg_call *call);

/* Shape rules. Of (x, indices): the rows taken along the axis; the whole's shape. Of (x, indices, rows): x's, with
 * rows of the shape that taking gives. */
wg_status wg_gather_infer_take(wg_call *call);
wg_status wg_gather_infer_whole(wg_call *call);
wg_status wg_gather_infer_index_add(wg_call *call);

/* Applies an op to as many vars as its arity says, (x, indices) or (x, indices, updates), along an axis of x. */
wg_var wg_gather_apply(const wg_op *op, const wg_var *in, int axis);

#endif
