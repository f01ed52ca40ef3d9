/* Positions whose targets are classes: picking by them and its reverse, weights of classes, smoothed labels, and what a mean
 * divides by. All are linear in their numbers, and indices have no derivative. */
#include "ops/loss/classes.h"

#include "tape/words.h"
#include "wengert/ops.h"

#include <string.h>

wg_shape wg_loss_positions(const wg_shape *whole, uint32_t axis)
{
    wg_shape shape = *whole;
    shape.rank--;
    for (uint32_t k = axis; k < shape.rank; k++) shape.dim[k] = whole->dim[k + 1];
    return shape;
}

wg_status wg_loss_infer_positions(wg_call *call)
{
    const wg_loss_classes *classes = call->attributes;
    call->shape = wg_loss_positions(&classes->whole, classes->axis);
    return WG_OK;
}

static bool classes_ignored(const wg_loss_classes *classes, int64_t target)
{
    return classes->ignores && target == classes->ignored;
}

wg_status wg_loss_check_classes(wg_call *call, size_t k, size_t count)
{
    const wg_loss_classes *classes = call->attributes;
    const int64_t *target = call->in[k].data;
    for (size_t i = 0; i < call->in[k].size; i++)
        if ((target[i] < 0 || target[i] >= (int64_t)count) && !classes_ignored(classes, target[i]))
            return wg_call_fail(call, WG_ERROR_ARGUMENT,
                "element %zu of the target %s is %lld, which is none of %zu classes", i, wg_call_describe(call, k),
                (long long)target[i], count);
    return WG_OK;
}

size_t wg_loss_describe_classes(const wg_call *call, char *text, size_t size)
{
    const wg_loss_classes *classes = call->attributes;
    wg_words words = {text, size, 0};
    wg_words_integer(&words, "class_axis", classes->axis);
    if (classes->ignores) wg_words_integer(&words, "ignore_index", classes->ignored);
    if (classes->smoothing != 0) wg_words_number(&words, "label_smoothing", classes->smoothing);
    return words.length;
}

wg_status wg_loss_clear(wg_call *call)
{
    size_t size = wg_shape_product(&call->shape, 0, call->shape.rank);
    if (size) memset(call->out, 0, size * wg_dtype_size(call->dtype));
    return WG_OK;
}

static wg_status classes_infer_whole(wg_call *call)
{
    call->shape = ((const wg_loss_classes *)call->attributes)->whole;
    return WG_OK;
}

static wg_status classes_infer_same(wg_call *call)
{
    call->shape = *call->in[0].shape;
    return WG_OK;
}

static wg_status classes_infer_targets(wg_call *call)
{
    call->shape = *call->in[1].shape;
    return WG_OK;
}

static wg_status classes_infer_each(wg_call *call)
{
    const wg_loss_classes *classes = call->attributes;
    call->shape = (wg_shape){1, {classes->whole.dim[classes->axis]}};
    return WG_OK;
}

static wg_status classes_infer_scalar(wg_call *call)
{
    call->shape = (wg_shape){0};
    return WG_OK;
}

/* ---- evaluations ------------------------------------------------------------------------------------------------------- */

/* The places where position p's target is in the whole. */
static size_t classes_place(const wg_shape_split *s, size_t p, int64_t target)
{
    return (p / s->inner * s->extent + (size_t)target) * s->inner + p % s->inner;
}

/* For each position p of a checked target: BODY with its target y, whether it is ignored, and its place in the whole. */
#define CLASSES_EACH(k, REAL, BODY)                                                                                    \
    for (size_t p = 0; p < call->in[k].size; p++) {                                                                    \
        int64_t y = target[p];                                                                                         \
        bool ignored = classes_ignored(classes, y);                                                                    \
        size_t place = ignored ? 0 : classes_place(&s, p, y);                                                          \
        REAL *out = call->out;                                                                                         \
        const REAL *in = call->in[0].data;                                                                             \
        (void)place, (void)in;                                                                                         \
        BODY;                                                                                                          \
    }
#define CLASSES_EVALUATE(k, BODY)                                                                                      \
    const wg_loss_classes *classes = call->attributes;                                                                 \
    const int64_t *target = call->in[k].data;                                                                          \
    wg_shape_split s = wg_shape_around(&classes->whole, classes->axis);                                                \
    if (wg_loss_check_classes(call, k, s.extent) != WG_OK) return call->tape->status;                                  \
    if (call->dtype == WG_F64)                                                                                         \
        CLASSES_EACH(k, double, BODY)                                                                                  \
    else                                                                                                               \
        CLASSES_EACH(k, float, BODY)                                                                                   \
    return WG_OK

static wg_status classes_pick(wg_call *call) { CLASSES_EVALUATE(1, out[p] = ignored ? 0 : in[place]); }

static wg_status classes_keep(wg_call *call) { CLASSES_EVALUATE(1, out[p] = ignored ? 0 : in[p]); }

static wg_status classes_weights(wg_call *call) { CLASSES_EVALUATE(1, out[p] = ignored ? 0 : in[y]); }

static wg_status classes_spread(wg_call *call)
{
    if (!call->add) wg_loss_clear(call);
    CLASSES_EVALUATE(1, if (!ignored) out[place] += in[p]);
}

static wg_status classes_totals(wg_call *call)
{
    if (!call->add) wg_loss_clear(call);
    CLASSES_EVALUATE(1, if (!ignored) out[y] += in[p]);
}

/* Class y of the positions of one layer after the other. The rest is the same in every class, so it is what the target has
 * too. */
#define CLASSES_LABELS(REAL)                                                                                           \
    do {                                                                                                               \
        REAL *out = call->out, rest = (REAL)(classes->smoothing / (double)s.extent);                                   \
        REAL hit = (REAL)(1 - classes->smoothing + classes->smoothing / (double)s.extent);                             \
        for (size_t o = 0; o < s.outer; o++, target += s.inner)                                                        \
            for (size_t y = 0; y < s.extent; y++, out += s.inner)                                                      \
                for (size_t i = 0; i < s.inner; i++)                                                                   \
                    out[i] = classes_ignored(classes, target[i]) ? 0 : target[i] == (int64_t)y ? hit : rest;           \
    } while (0)
static wg_status classes_labels(wg_call *call)
{
    const wg_loss_classes *classes = call->attributes;
    const int64_t *target = call->in[0].data;
    wg_shape_split s = wg_shape_around(&classes->whole, classes->axis);
    if (wg_loss_check_classes(call, 0, s.extent) != WG_OK) return call->tape->status;
    if (call->dtype == WG_F64)
        CLASSES_LABELS(double);
    else
        CLASSES_LABELS(float);
    return WG_OK;
}

static wg_status classes_write(wg_call *call, double value)
{
    if (call->dtype == WG_F64)
        *(double *)call->out = value;
    else
        *(float *)call->out = (float)value;
    return WG_OK;
}

static wg_status classes_count(wg_call *call)
{
    const wg_loss_classes *classes = call->attributes;
    const int64_t *target = call->in[0].data;
    size_t count = 0;
    for (size_t p = 0; p < call->in[0].size; p++) count += !classes_ignored(classes, target[p]);
    if (count == 0)
        return wg_call_fail(
            call, WG_ERROR_ARGUMENT, "the mean over nothing: every target of %s is ignored", wg_call_describe(call, 0));
    return classes_write(call, (double)count);
}

static wg_status classes_not_zero(wg_call *call)
{
    double value = call->dtype == WG_F64 ? *(const double *)call->in[0].data : (double)*(const float *)call->in[0].data;
    if (value == 0)
        return wg_call_fail(call, WG_ERROR_ARGUMENT, "the mean over nothing: the weights of the targets sum to 0");
    return classes_write(call, value);
}

#undef CLASSES_EACH
#undef CLASSES_EVALUATE
#undef CLASSES_LABELS

/* ---- derivatives: each op's is its reverse ------------------------------------------------------------------------------- */

static void classes_give(wg_derivation *d, const wg_op *op)
{
    const wg_call *call = wg_derivation_call(d);
    if (!wg_wants(d, 0)) return;
    wg_term in[] = {wg_cotangent(d), wg_primal(d, 1)};
    wg_give(d, 0, op, in, 2, call->attributes, call->attributes_size);
}

static void classes_derive_pick(wg_derivation *d) { classes_give(d, &wg_loss_op_spread); }
static void classes_derive_spread(wg_derivation *d) { classes_give(d, &wg_loss_op_pick); }
static void classes_derive_keep(wg_derivation *d) { classes_give(d, &wg_loss_op_keep); }
static void classes_derive_weights(wg_derivation *d) { classes_give(d, &wg_loss_op_totals); }
static void classes_derive_totals(wg_derivation *d) { classes_give(d, &wg_loss_op_weights); }
static void classes_derive_not_zero(wg_derivation *d) { wg_give_term(d, 0, wg_cotangent(d)); }

#define CLASSES_LINEAR (WG_OP_TAKES_INDICES | WG_OP_LINEAR)
const wg_op wg_loss_op_pick = {.name = "pick",
    .arity = 2,
    .flags = CLASSES_LINEAR,
    .shape = wg_loss_infer_positions,
    .evaluate = classes_pick,
    .derivative = classes_derive_pick,
    .describe = wg_loss_describe_classes};
const wg_op wg_loss_op_spread = {.name = "spread",
    .arity = 2,
    .flags = CLASSES_LINEAR | WG_OP_ADDS,
    .shape = classes_infer_whole,
    .evaluate = classes_spread,
    .derivative = classes_derive_spread,
    .describe = wg_loss_describe_classes};
const wg_op wg_loss_op_keep = {.name = "not_ignored",
    .arity = 2,
    .flags = CLASSES_LINEAR,
    .shape = classes_infer_same,
    .evaluate = classes_keep,
    .derivative = classes_derive_keep,
    .describe = wg_loss_describe_classes};
const wg_op wg_loss_op_weights = {.name = "class_weights",
    .arity = 2,
    .flags = CLASSES_LINEAR,
    .shape = classes_infer_targets,
    .evaluate = classes_weights,
    .derivative = classes_derive_weights,
    .describe = wg_loss_describe_classes};
const wg_op wg_loss_op_totals = {.name = "class_totals",
    .arity = 2,
    .flags = CLASSES_LINEAR | WG_OP_ADDS,
    .shape = classes_infer_each,
    .evaluate = classes_totals,
    .derivative = classes_derive_totals,
    .describe = wg_loss_describe_classes};
const wg_op wg_loss_op_labels = {.name = "smoothed_labels",
    .arity = 1,
    .flags = WG_OP_TAKES_INDICES | WG_OP_CUTS,
    .shape = classes_infer_whole,
    .evaluate = classes_labels,
    .describe = wg_loss_describe_classes};
const wg_op wg_loss_op_count = {.name = "cross_entropy",
    .arity = 1,
    .flags = WG_OP_TAKES_INDICES | WG_OP_CUTS,
    .shape = classes_infer_scalar,
    .evaluate = classes_count,
    .describe = wg_loss_describe_classes};
const wg_op wg_loss_op_not_zero = {.name = "cross_entropy",
    .arity = 1,
    .flags = WG_OP_LINEAR,
    .shape = classes_infer_scalar,
    .evaluate = classes_not_zero,
    .derivative = classes_derive_not_zero};
#undef CLASSES_LINEAR

/* ---- applying ------------------------------------------------------------------------------------------------------------ */

wg_var wg_loss_apply_classes(const wg_op *op, wg_var a, wg_var b, const wg_loss_classes *classes)
{
    return wg_list_apply(a.tape, op, (wg_var[]){a, b}, b.tape ? 2 : 1, classes, sizeof *classes, NULL);
}

wg_var wg_loss_stretch_weights(wg_var weights, const wg_loss_classes *classes)
{
    wg_shape shape = {.rank = classes->whole.rank};
    for (uint32_t k = 0; k < shape.rank; k++) shape.dim[k] = k == classes->axis ? classes->whole.dim[k] : 1;
    return wg_reshape(weights, shape);
}
