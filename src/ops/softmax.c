/* softmax, log_softmax, and logsumexp, which is a reduction.
 *
 * With y = softmax(x), a group's Jacobian is diag(y) - y y^T = diag(y) (I - 1 y^T): y center(g, y). log_softmax has
 * its transpose I - y 1^T: project(g, y). Logsumexp has y itself. center and project are ops, and their derivatives
 * are each other, so every order is made of the same fused steps. On numbers a derivative is one pass of its own. */
#include "ops/softmax.h"

#include "ops/elementwise/elementwise.h"
#include "ops/reduce.h"
#include "ops/softmax_run.h"
#include "tape/words.h"
#include "wengert/ops.h"

#include <math.h>

static wg_status softmax_infer(wg_call *call)
{
    call->shape = *call->in[0].shape;
    return WG_OK;
}

/* Of g and the weights. */
static wg_status softmax_infer_weighted(wg_call *call)
{
    call->shape = *call->in[0].shape;
    if (wg_shape_equal(call->in[0].shape, call->in[1].shape)) return WG_OK;
    return wg_call_fail(call, WG_ERROR_SHAPE, "%s and its weights %s differ in shape", wg_call_describe(call, 0),
        wg_call_describe(call, 1));
}

/* sum u over the group, as a term that stretches to it, times -term, given to the weights: what center and project
 * have in common. */
static void softmax_give_weights(wg_derivation *d, wg_term summed, wg_term term)
{
    const wg_shape_split *s = wg_derivation_call(d)->attributes;
    wg_shape flat = {3, {s->outer, s->extent, s->inner}}, each = {3, {s->outer, 1, s->inner}};
    wg_shape whole = *wg_derivation_call(d)->in[1].shape;
    if (!wg_wants(d, 1)) return;
    wg_term u = wg_step(d, wg_op_reshape(), &summed, 1, &flat, sizeof flat);
    wg_term sum = wg_step(d, wg_op_sum_to(), &u, 1, &each, sizeof each);
    wg_term minus = wg_step(d, wg_op_neg(), &sum, 1, NULL, 0);
    wg_term v = wg_step(d, wg_op_reshape(), &term, 1, &flat, sizeof flat);
    wg_term product = wg_step(d, wg_op_mul(), (wg_term[]){minus, v}, 2, NULL, 0);
    wg_give(d, 1, wg_op_reshape(), &product, 1, &whole, sizeof whole);
}

/* ---- center and project ------------------------------------------------------------------------------------------ */

static wg_status softmax_run(wg_call *call, wg_softmax_kind kind)
{
    const wg_shape_split *s = call->attributes;
    wg_softmax_work work = {.kind = kind, .s = *s, .a = call->in[0].data, .b = call->n > 1 ? call->in[1].data : NULL};
    return wg_softmax_run(call, &work);
}

static wg_status softmax_center(wg_call *call) { return softmax_run(call, WG_SOFTMAX_CENTER); }
static wg_status softmax_project(wg_call *call) { return softmax_run(call, WG_SOFTMAX_PROJECT); }

/* With the cotangent u: g: project(u, y), y: -g sum u. */
static void softmax_derive_center(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    wg_term u = wg_cotangent(d), y = wg_primal(d, 1);
    wg_give(d, 0, &wg_softmax_op_project, (wg_term[]){u, y}, 2, call->attributes, call->attributes_size);
    softmax_give_weights(d, u, wg_primal(d, 0));
}

/* g: center(u, y), y: -u sum g. */
static void softmax_derive_project(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    wg_term u = wg_cotangent(d), y = wg_primal(d, 1);
    wg_give(d, 0, &wg_softmax_op_center, (wg_term[]){u, y}, 2, call->attributes, call->attributes_size);
    softmax_give_weights(d, wg_primal(d, 0), u);
}

static size_t softmax_describe(const wg_call *call, char *text, size_t size)
{
    const wg_shape_split *s = call->attributes;
    wg_words words = {text, size, 0};
    wg_words_along(&words, call->in[0].shape, s->outer, s->extent, s->inner);
    return words.length;
}

const wg_op wg_softmax_op_center = {.name = "softmax_center",
    .arity = 2,
    .shape = softmax_infer_weighted,
    .evaluate = softmax_center,
    .derivative = softmax_derive_center,
    .describe = softmax_describe};
const wg_op wg_softmax_op_project = {.name = "softmax_project",
    .arity = 2,
    .shape = softmax_infer_weighted,
    .evaluate = softmax_project,
    .derivative = softmax_derive_project,
    .describe = softmax_describe};

/* ---- softmax and log_softmax ------------------------------------------------------------------------------------- */

static wg_status softmax_softmax(wg_call *call) { return softmax_run(call, WG_SOFTMAX_WEIGHTS); }
static wg_status softmax_log_softmax(wg_call *call) { return softmax_run(call, WG_SOFTMAX_LOGS); }
static wg_status softmax_adjoint(wg_call *call) { return softmax_run(call, WG_SOFTMAX_ADJOINT); }
static wg_status softmax_logs_adjoint(wg_call *call) { return softmax_run(call, WG_SOFTMAX_LOGS_ADJOINT); }

/* Of g and y: y center(g, y), project(g, e^y), in one pass. They are not recorded, so they need no derivative. */
static const wg_op softmax_op_adjoint = {.name = "softmax_adjoint",
    .arity = 2,
    .flags = WG_OP_ADDS,
    .shape = softmax_infer,
    .evaluate = softmax_adjoint,
    .describe = softmax_describe};
static const wg_op softmax_op_logs_adjoint = {.name = "log_softmax_adjoint",
    .arity = 2,
    .flags = WG_OP_ADDS,
    .shape = softmax_infer,
    .evaluate = softmax_logs_adjoint,
    .describe = softmax_describe};

/* x: y center(g, y) */
static void softmax_derive_softmax(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    wg_term in[] = {wg_cotangent(d), wg_result(d)};
    if (!wg_recording(d)) {
        wg_give(d, 0, &softmax_op_adjoint, in, 2, call->attributes, call->attributes_size);
        return;
    }
    wg_term centered = wg_step(d, &wg_softmax_op_center, in, 2, call->attributes, call->attributes_size);
    wg_give(d, 0, wg_op_mul(), (wg_term[]){centered, in[1]}, 2, NULL, 0);
}

/* x: project(g, e^y) */
static void softmax_derive_log_softmax(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    wg_term g = wg_cotangent(d), y = wg_result(d);
    if (!wg_recording(d)) {
        wg_give(d, 0, &softmax_op_logs_adjoint, (wg_term[]){g, y}, 2, call->attributes, call->attributes_size);
        return;
    }
    wg_term weights = wg_step(d, &wg_ew_op_exp, &y, 1, NULL, 0);
    wg_give(d, 0, &wg_softmax_op_project, (wg_term[]){g, weights}, 2, call->attributes, call->attributes_size);
}

const wg_op wg_softmax_op = {.name = "softmax",
    .arity = 1,
    .shape = softmax_infer,
    .evaluate = softmax_softmax,
    .derivative = softmax_derive_softmax,
    .describe = softmax_describe};
const wg_op wg_softmax_op_log = {.name = "log_softmax",
    .arity = 1,
    .shape = softmax_infer,
    .evaluate = softmax_log_softmax,
    .derivative = softmax_derive_log_softmax,
    .describe = softmax_describe};

/* ---- logsumexp --------------------------------------------------------------------------------------------------- */

static wg_status softmax_logsumexp(wg_call *call)
{
    const wg_reduce_axes *axes = call->attributes;
    wg_softmax_work work = {WG_SOFTMAX_LOGSUMEXP, wg_reduce_run(call->in[0].shape, axes->mask), .a = call->in[0].data};
    for (size_t i = 0; work.s.extent == 0 && i < work.s.outer * work.s.inner; i++)
        if (call->dtype == WG_F64)
            ((double *)call->out)[i] = -(double)INFINITY;
        else
            ((float *)call->out)[i] = -INFINITY;
    return wg_softmax_run(call, &work);
}

/* x: g softmax(x) over the reduced axes. e^(x - y) would cost less, and lose as many digits as y has before the
 * point. */
static void softmax_derive_logsumexp(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    const wg_reduce_axes *axes = call->attributes;
    wg_shape_split s = wg_reduce_run(call->in[0].shape, axes->mask);
    wg_term x = wg_primal(d, 0), g = wg_reduce_with_axes(d, wg_cotangent(d));
    wg_term weights = wg_step(d, &wg_softmax_op, &x, 1, &s, sizeof s);
    wg_give(d, 0, wg_op_mul(), (wg_term[]){weights, g}, 2, NULL, 0);
}

static const wg_op softmax_op_logsumexp = {.name = "logsumexp",
    .arity = 1,
    .shape = wg_reduce_infer,
    .evaluate = softmax_logsumexp,
    .derivative = softmax_derive_logsumexp,
    .describe = wg_reduce_describe};

/* ---- public ------------------------------------------------------------------------------------------------------ */

static wg_var softmax_apply(const wg_op *op, wg_var x, int axis)
{
    wg_shape_split split;
    if (!x.tape) return wg_invalid(NULL);
    if (!wg_reduce_parse_axis(op->name, x, axis, &split)) return wg_invalid(x.tape);
    return wg_list_apply(x.tape, op, &x, 1, &split, sizeof split, NULL);
}

wg_var wg_softmax(wg_var x, int axis) { return softmax_apply(&wg_softmax_op, x, axis); }
wg_var wg_log_softmax(wg_var x, int axis) { return softmax_apply(&wg_softmax_op_log, x, axis); }

wg_var wg_logsumexp(wg_var x)
{
    wg_reduce_axes axes = wg_reduce_everything();
    return wg_reduce_apply_run(&softmax_op_logsumexp, x, &axes);
}

wg_var wg_logsumexp_axes(wg_var x, const int *axes, size_t n, bool keepdims)
{
    wg_reduce_axes chosen;
    if (!wg_reduce_parse("logsumexp", x, axes, n, keepdims, &chosen)) return wg_invalid(x.tape);
    return wg_reduce_apply_run(&softmax_op_logsumexp, x, &chosen);
}
