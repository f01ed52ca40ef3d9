/* Positions whose targets are classes, given by index: what cross-entropy is made of beside the logits. */
#ifndef WG_OPS_LOSS_CLASSES_H
#define WG_OPS_LOSS_CLASSES_H

#include "shape/shape.h"
#include "tape/list.h"

/* The attributes of all of these ops. `whole` has the classes along the axis; a target has its shape without that. */
typedef struct wg_loss_classes {
    wg_shape whole;
    uint32_t axis;
    bool ignores;
    int64_t ignored; /* the target of positions to pass over, if it ignores any */
    double smoothing;
} wg_loss_classes;

wg_shape wg_loss_positions(const wg_shape *whole, uint32_t axis);

/* The shape rule of an op of (whole, target) that has a result for each position. */
wg_status wg_loss_infer_positions(wg_call *call);

/* An error unless every target of argument k is a class, or ignored. Every evaluation looks, since new ones may be set before
 * a replay. */
wg_status wg_loss_check_classes(wg_call *call, size_t k, size_t count);

/* The attributes in words, as arguments of cross_entropy. */
size_t wg_loss_describe_classes(const wg_call *call, char *text, size_t size);

/* The result is zeros. */
wg_status wg_loss_clear(wg_call *call);

/*     pick     (x, target)         the element of x at each target, 0 where it is ignored
 *     spread   (p, target)         pick's reverse: zeros of the whole shape with p at the targets
 *     keep     (p, target)         p, 0 where the target is ignored
 *     weights  (w, target)         the weight of each target, of one for each class; 0 where it is ignored
 *     totals   (p, target)         weights' reverse: the sum of p over the positions of each class
 *     labels   (target)            1 - smoothing at the target, and smoothing / classes everywhere: of the whole shape, with
 *                                  zeros where the target is ignored
 *     count    (target)            the number of targets that are not ignored; an error when there are none
 *     not_zero (x)                 x, 0-d; an error when it is 0 */
extern const wg_op wg_loss_op_pick, wg_loss_op_spread, wg_loss_op_keep, wg_loss_op_weights, wg_loss_op_totals,
    wg_loss_op_labels, wg_loss_op_count, wg_loss_op_not_zero;

/* Applies one of them to one or two vars ({0}: none). */
wg_var wg_loss_apply_classes(const wg_op *op, wg_var a, wg_var b, const wg_loss_classes *classes);

/* Weights of classes as an array that stretches to the whole. */
wg_var wg_loss_stretch_weights(wg_var weights, const wg_loss_classes *classes);

#endif
