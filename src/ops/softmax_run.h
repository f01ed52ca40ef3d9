/* The kernels of softmax and cross-entropy as ops call them: for either type, for groups anywhere in an array, shared among the
 * tape's threads. */
#ifndef WG_OPS_SOFTMAX_RUN_H
#define WG_OPS_SOFTMAX_RUN_H

#include "shape/shape.h"
#include "tape/list.h"

typedef enum wg_softmax_kind {
    WG_SOFTMAX_LOGSUMEXP, /* of a */
    WG_SOFTMAX_WEIGHTS,   /* softmax(a) */
    WG_SOFTMAX_LOGS,      /* its logarithms */
    WG_SOFTMAX_CENTER,    /* of g = a and y = b */
    WG_SOFTMAX_ADJOINT,   /* y center(g, y) */
    WG_SOFTMAX_PROJECT,
    WG_SOFTMAX_LOGS_ADJOINT, /* project(g, e^y) */
    WG_SOFTMAX_ENTROPY,      /* of a and the targets */
    WG_SOFTMAX_SOFT,         /* cross-entropy of a and the probabilities b */
    WG_SOFTMAX_SLOPE         /* the derivative of the entropy, for the cotangents a and the logits b */
} wg_softmax_kind;

typedef struct wg_softmax_work {
    wg_softmax_kind kind;
    wg_shape_split s; /* of the array around the axis */
    const void *a, *b;
    const int64_t *target, *ignored;
} wg_softmax_work;

/* The bytes of wg_call_scratch that it takes: 0 but for a slope that is added. */
size_t wg_softmax_scratch(const wg_call *call, const wg_shape_split *s);

/* Writes call->out; adds to it, if that is asked for, an adjoint or a slope. */
wg_status wg_softmax_run(wg_call *call, const wg_softmax_work *work);

#endif
