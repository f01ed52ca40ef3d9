/* Cross-entropy of logits and classes, and the negative log-likelihood.
 *
 * The loss of one position is one op: from the logits of its classes to log sum e^x - x[target], with no array of
 * probabilities in between; of a target that is probabilities t, to sum t (log sum e^x - x). Its derivative,
 * g (softmax(x) - target), is another op, which has a derivative itself: with s = softmax(x) and the cotangent h,
 *
 *     x gains  g s center(h, s)        g gains  -center(h, s)[target]        (center: softmax.h)
 *
 * Weights of classes, targets to ignore and the reduction stand beside it, as ops on the positions. Smoothed labels are
 * probabilities, made of the indices. */
#include "ops/elementwise/elementwise.h"
#include "ops/loss/classes.h"
#include "ops/loss/loss.h"
#include "ops/softmax.h"
#include "ops/softmax_run.h"
#include "wengert/ops.h"

/* ---- the derivative of the loss at an index ------------------------------------------------------------------------------ */

static wg_status entropy_infer_slope(wg_call *call)
{
    call->shape = *call->in[1].shape;
    return WG_OK;
}

static size_t entropy_slope_scratch(const wg_call *call)
{
    const wg_loss_classes *classes = call->attributes;
    wg_shape_split s = wg_shape_around(call->in[1].shape, classes->axis);
    return wg_softmax_scratch(call, &s);
}

static wg_status entropy_slope(wg_call *call)
{
    const wg_loss_classes *classes = call->attributes;
    wg_softmax_work work = {.kind = WG_SOFTMAX_SLOPE,
        .s = wg_shape_around(call->in[1].shape, classes->axis),
        .a = call->in[0].data,
        .b = call->in[1].data,
        .target = call->in[2].data,
        .ignored = classes->ignores ? &classes->ignored : NULL};
    if (wg_loss_check_classes(call, 2, work.s.extent) != WG_OK) return call->tape->status;
    return wg_softmax_run(call, &work);
}

/* Of the cotangent h. The g of ignored positions has no part in x's adjoint. */
static void entropy_derive_slope(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    const wg_loss_classes *classes = call->attributes;
    wg_shape_split split = wg_shape_around(call->in[1].shape, classes->axis);
    wg_shape stretched = *call->in[1].shape;
    stretched.dim[classes->axis] = 1;
    wg_term h = wg_cotangent(d), g = wg_primal(d, 0), x = wg_primal(d, 1), y = wg_primal(d, 2);
    wg_term s = wg_step(d, &wg_softmax_op, &x, 1, &split, sizeof split);
    wg_term centered = wg_step(d, &wg_softmax_op_center, (wg_term[]){h, s}, 2, &split, sizeof split);
    if (wg_wants(d, 0)) {
        wg_term picked = wg_step(d, &wg_loss_op_pick, (wg_term[]){centered, y}, 2, classes, sizeof *classes);
        wg_give(d, 0, wg_op_neg(), &picked, 1, NULL, 0);
    }
    if (!wg_wants(d, 1)) return;
    if (classes->ignores) g = wg_step(d, &wg_loss_op_keep, (wg_term[]){g, y}, 2, classes, sizeof *classes);
    wg_term wide = wg_step(d, wg_op_reshape(), &g, 1, &stretched, sizeof stretched);
    wg_term product = wg_step(d, wg_op_mul(), (wg_term[]){centered, s}, 2, NULL, 0);
    wg_give(d, 1, wg_op_mul(), (wg_term[]){product, wide}, 2, NULL, 0);
}

static const wg_op entropy_op_slope = {.name = "cross_entropy_slope",
    .arity = 3,
    .flags = WG_OP_ADDS | WG_OP_TAKES_INDICES,
    .shape = entropy_infer_slope,
    .evaluate = entropy_slope,
    .scratch = entropy_slope_scratch,
    .derivative = entropy_derive_slope,
    .describe = wg_loss_describe_classes};

/* ---- the loss at an index ------------------------------------------------------------------------------------------------ */

static wg_status entropy_each(wg_call *call)
{
    const wg_loss_classes *classes = call->attributes;
    wg_softmax_work work = {.kind = WG_SOFTMAX_ENTROPY,
        .s = wg_shape_around(call->in[0].shape, classes->axis),
        .a = call->in[0].data,
        .target = call->in[1].data,
        .ignored = classes->ignores ? &classes->ignored : NULL};
    if (wg_loss_check_classes(call, 1, work.s.extent) != WG_OK) return call->tape->status;
    if (work.s.extent == 0) return wg_loss_clear(call); /* all positions are ignored */
    return wg_softmax_run(call, &work);
}

static void entropy_derive_each(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    wg_term in[] = {wg_cotangent(d), wg_primal(d, 0), wg_primal(d, 1)};
    wg_give(d, 0, &entropy_op_slope, in, 3, call->attributes, call->attributes_size);
}

static const wg_op entropy_op_each = {.name = "cross_entropy",
    .arity = 2,
    .flags = WG_OP_TAKES_INDICES,
    .shape = wg_loss_infer_positions,
    .evaluate = entropy_each,
    .derivative = entropy_derive_each,
    .describe = wg_loss_describe_classes};

/* ---- the loss of probabilities ------------------------------------------------------------------------------------------- */

static wg_status entropy_soft(wg_call *call)
{
    const wg_loss_classes *classes = call->attributes;
    wg_softmax_work work = {.kind = WG_SOFTMAX_SOFT,
        .s = wg_shape_around(call->in[0].shape, classes->axis),
        .a = call->in[0].data,
        .b = call->in[1].data};
    if (work.s.extent == 0) return wg_loss_clear(call);
    return wg_softmax_run(call, &work);
}

/* x: g (softmax(x) sum t - t) = -g project(t, softmax(x)), t: -g log_softmax(x). */
static void entropy_derive_soft(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    const wg_loss_classes *classes = call->attributes;
    wg_shape_split split = wg_shape_around(call->in[0].shape, classes->axis);
    wg_shape stretched = *call->in[0].shape;
    stretched.dim[classes->axis] = 1;
    wg_term g = wg_cotangent(d), x = wg_primal(d, 0), t = wg_primal(d, 1);
    wg_term negative = wg_step(d, wg_op_neg(), &g, 1, NULL, 0);
    wg_term wide = wg_step(d, wg_op_reshape(), &negative, 1, &stretched, sizeof stretched);
    if (wg_wants(d, 0)) {
        wg_term s = wg_step(d, &wg_softmax_op, &x, 1, &split, sizeof split);
        wg_term rest = wg_step(d, &wg_softmax_op_project, (wg_term[]){t, s}, 2, &split, sizeof split);
        wg_give(d, 0, wg_op_mul(), (wg_term[]){rest, wide}, 2, NULL, 0);
    }
    if (!wg_wants(d, 1)) return;
    wg_term logarithms = wg_step(d, &wg_softmax_op_log, &x, 1, &split, sizeof split);
    wg_give(d, 1, wg_op_mul(), (wg_term[]){logarithms, wide}, 2, NULL, 0);
}

static const wg_op entropy_op_soft = {.name = "cross_entropy",
    .arity = 2,
    .shape = wg_loss_infer_positions,
    .evaluate = entropy_soft,
    .derivative = entropy_derive_soft,
    .describe = wg_loss_describe_classes};

/* ---- public -------------------------------------------------------------------------------------------------------------- */

/* The target fits: an index for each position, or probabilities of the logits' shape. Finds the axis, and the positions. */
static bool entropy_open(wg_composition *c, const wg_var *in, size_t n, int class_axis, bool probabilities,
    wg_loss_classes *classes, wg_shape *positions)
{
    char text[WG_SHAPE_TEXT];
    if (!wg_compose_axis(c, in[0], class_axis, &classes->axis)) return false;
    wg_shape whole = classes->whole = wg_shape_of(in[0]), given = wg_shape_of(in[1]);
    *positions = wg_loss_positions(&whole, classes->axis);
    const wg_shape *wanted = probabilities ? &whole : positions;
    if (!wg_shape_equal(wanted, &given)) {
        wg_tape_fail(c->tape, WG_ERROR_SHAPE,
            "%s: the target %s must have the shape %s, for classes along axis %u of %s", c->name,
            wg_list_describe(c->tape, in[1].index), wg_shape_format(wanted, text, sizeof text), (unsigned)classes->axis,
            wg_list_describe(c->tape, in[0].index));
        return false;
    }
    wg_shape weights = n > 2 ? wg_shape_of(in[2]) : (wg_shape){1, {whole.dim[classes->axis]}};
    if (weights.rank != 1 || weights.dim[0] != whole.dim[classes->axis]) {
        wg_tape_fail(c->tape, WG_ERROR_SHAPE, "%s: the weights %s must be one for each of the %zu classes of %s",
            c->name, wg_list_describe(c->tape, in[2].index), whole.dim[classes->axis],
            wg_list_describe(c->tape, in[0].index));
        return false;
    }
    return true;
}

/* What the mean divides by: the sum of the targets' weights, the number of targets that are not ignored. */
static wg_var entropy_divisor(wg_var target, wg_var weights, const wg_loss_classes *classes)
{
    if (!weights.tape) return wg_loss_apply_classes(&wg_loss_op_count, target, (wg_var){0}, classes);
    wg_var sum = wg_sum(weights);
    return wg_list_apply(sum.tape, &wg_loss_op_not_zero, &sum, 1, NULL, 0, NULL);
}

/* The reduction of the positions' losses. weights are the targets', {0} for none. */
static wg_var entropy_reduce(
    wg_var each, wg_var target, wg_var weights, const wg_loss_classes *classes, wg_reduction reduction)
{
    bool plain = !weights.tape && !classes->ignores;
    if (reduction != WG_MEAN || plain)
        return wg_loss_reduce(each, reduction, classes->whole.rank == 2 ? classes->whole.dim[classes->axis == 0] : 0);
    wg_var divisor = entropy_divisor(target, weights, classes);
    return wg_div(wg_sum(each), divisor);
}

static wg_var entropy_of_indices(
    const wg_var *in, size_t n, const wg_loss_classes *classes, double smoothing, wg_reduction reduction)
{
    wg_var logits = in[0], target = in[1], weights = {0}, each;
    if (n > 2) weights = wg_loss_apply_classes(&wg_loss_op_weights, in[2], target, classes);
    if (smoothing == 0) {
        each = wg_loss_apply_classes(&entropy_op_each, logits, target, classes);
        if (n > 2) each = wg_ew_step_mul0(each, weights);
    } else {
        wg_loss_classes smoothed = *classes;
        smoothed.smoothing = smoothing;
        wg_var labels = wg_loss_apply_classes(&wg_loss_op_labels, target, (wg_var){0}, &smoothed);
        if (n > 2) labels = wg_mul(labels, wg_loss_stretch_weights(in[2], classes));
        each = wg_loss_apply_classes(&entropy_op_soft, logits, labels, classes);
    }
    return entropy_reduce(each, target, weights, classes, reduction);
}

static wg_var entropy_of_probabilities(
    const wg_var *in, size_t n, const wg_loss_classes *classes, double smoothing, wg_reduction reduction)
{
    wg_var labels = in[1];
    if (smoothing != 0) {
        double count = (double)classes->whole.dim[classes->axis];
        wg_var part = wg_mul(labels, wg_scalar(labels.tape, 1 - smoothing));
        labels = wg_add(part, wg_scalar(labels.tape, count > 0 ? smoothing / count : 0));
    }
    if (n > 2) labels = wg_mul(labels, wg_loss_stretch_weights(in[2], classes));
    wg_var each = wg_loss_apply_classes(&entropy_op_soft, in[0], labels, classes);
    wg_loss_classes all = *classes;
    all.ignores = false;
    return entropy_reduce(each, in[1], (wg_var){0}, &all, reduction);
}

wg_var wg_cross_entropy_with(
    wg_var logits, wg_var target, int class_axis, wg_reduction reduction, const wg_cross_entropy_options *options)
{
    static const wg_cross_entropy_options defaults = {.label_smoothing = 0};
    const wg_cross_entropy_options *o = options ? options : &defaults;
    wg_composition c;
    wg_var in[] = {logits, target, o->weights};
    size_t n = o->weights.tape ? 3 : 2;
    wg_shape positions;
    size_t count;
    wg_loss_classes classes = {.ignores = o->ignores, .ignored = o->ignore_index};
    if (!wg_compose_open(&c, "cross_entropy", in, n, 2)) return wg_invalid(c.tape);
    bool probabilities = !(c.tape->nodes[target.index].flags & WG_NODE_INDICES);
    if (!entropy_open(&c, in, n, class_axis, probabilities, &classes, &positions)) return wg_invalid(c.tape);
    wg_shape_size(&positions, &count);
    if (!wg_loss_check_reduction(&c, logits, count, classes.axis == 0, reduction)) return wg_invalid(c.tape);
    if (!(o->label_smoothing >= 0 && o->label_smoothing <= 1))
        wg_tape_fail(c.tape, WG_ERROR_ARGUMENT, "cross_entropy: label_smoothing is %g, not between 0 and 1, for %s",
            o->label_smoothing, wg_list_describe(c.tape, logits.index));
    else if (probabilities && o->ignores)
        wg_tape_fail(c.tape, WG_ERROR_ARGUMENT,
            "cross_entropy: there is no index to ignore in a target of probabilities, %s",
            wg_list_describe(c.tape, target.index));
    if (c.tape->status != WG_OK) return wg_invalid(c.tape);
    wg_var loss = probabilities ? entropy_of_probabilities(in, n, &classes, o->label_smoothing, reduction)
                                : entropy_of_indices(in, n, &classes, o->label_smoothing, reduction);
    return wg_compose_close(&c, loss);
}

wg_var wg_cross_entropy(wg_var logits, wg_var target, int class_axis, wg_reduction reduction)
{
    return wg_cross_entropy_with(logits, target, class_axis, reduction, NULL);
}

wg_var wg_nll(wg_var log_probabilities, wg_var target, int class_axis, wg_reduction reduction)
{
    wg_composition c;
    wg_var in[] = {log_probabilities, target};
    wg_loss_classes classes = {.ignores = false};
    wg_shape positions;
    size_t count;
    if (!wg_compose_open(&c, "nll", in, 2, 2)) return wg_invalid(c.tape);
    if (!(c.tape->nodes[target.index].flags & WG_NODE_INDICES)) {
        wg_tape_fail(c.tape, WG_ERROR_ARGUMENT, "nll: argument 2, %s, holds numbers where indices are expected",
            wg_list_describe(c.tape, target.index));
        return wg_invalid(c.tape);
    }
    if (!entropy_open(&c, in, 2, class_axis, false, &classes, &positions)) return wg_invalid(c.tape);
    wg_shape_size(&positions, &count);
    if (!wg_loss_check_reduction(&c, log_probabilities, count, classes.axis == 0, reduction)) return wg_invalid(c.tape);
    wg_var picked = wg_loss_apply_classes(&wg_loss_op_pick, log_probabilities, target, &classes);
    return wg_compose_close(&c, entropy_reduce(wg_neg(picked), target, (wg_var){0}, &classes, reduction));
}
