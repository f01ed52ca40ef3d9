/* Ops that steer derivatives and replays: detach, those that change a gradient on its way, guard, precomputed. */
#include "ops/compose.h"
#include "ops/elementwise/elementwise.h"
#include "ops/moment.h"
#include "ops/reduce.h"
#include "shape/shape.h"
#include "tape/list.h"
#include "tape/words.h"
#include "wengert/grad.h"
#include "wengert/ops.h"

#include <math.h>
#include <string.h>

/* ---- detach: a view through which nothing passes back ------------------------------------------------------------------ */

static wg_status control_infer_same(wg_call *call)
{
    call->shape = *call->in[0].shape;
    return WG_OK;
}

static size_t control_view_whole(const wg_call *call)
{
    (void)call;
    return 0;
}

static const wg_op control_op_detach = {
    .name = "detach", .arity = 1, .flags = WG_OP_CUTS, .shape = control_infer_same, .view = control_view_whole};

wg_var wg_detach(wg_var var)
{
    return var.tape ? wg_list_apply(var.tape, &control_op_detach, &var, 1, NULL, 0, NULL) : wg_invalid(NULL);
}

/* ---- changing a gradient on its way: views too -------------------------------------------------------------------------- */

/* What arrives goes to the second. */
static void control_derive_straight_through(wg_derivation *d) { wg_give_term(d, 1, wg_cotangent(d)); }

static wg_status control_infer_straight_through(wg_call *call)
{
    call->shape = *call->in[0].shape;
    if (wg_shape_equal(call->in[0].shape, call->in[1].shape)) return WG_OK;
    return wg_call_fail(call, WG_ERROR_SHAPE, "%s, for the value, and %s, for the derivative, differ in shape",
        wg_call_describe(call, 0), wg_call_describe(call, 1));
}

static const wg_op control_op_straight_through = {.name = "straight_through",
    .arity = 2,
    .flags = WG_OP_ELEMENTWISE,
    .shape = control_infer_straight_through,
    .view = control_view_whole,
    .derivative = control_derive_straight_through};

static void control_derive_scale(wg_derivation *d)
{
    double factor = *(const double *)wg_derivation_call(d)->attributes;
    wg_give(d, 0, wg_op_mul(), (wg_term[]){wg_cotangent(d), wg_number(d, factor)}, 2, NULL, 0);
}

static size_t control_describe_scale(const wg_call *call, char *text, size_t size)
{
    wg_words words = {text, size, 0};
    wg_words_number(&words, "factor", *(const double *)call->attributes);
    return words.length;
}

static const wg_op control_op_scale = {.name = "scale_gradient",
    .arity = 1,
    .flags = WG_OP_ELEMENTWISE,
    .shape = control_infer_same,
    .view = control_view_whole,
    .derivative = control_derive_scale,
    .describe = control_describe_scale};

static void control_derive_clip(wg_derivation *d)
{
    wg_term g = wg_cotangent(d);
    wg_give(d, 0, &wg_ew_op_clamp, &g, 1, wg_derivation_call(d)->attributes, sizeof(wg_ew_parameters));
}

static size_t control_describe_clip(const wg_call *call, char *text, size_t size)
{
    const wg_ew_parameters *bounds = call->attributes;
    wg_words words = {text, size, 0};
    wg_words_number(&words, "low", bounds->p);
    wg_words_number(&words, "high", bounds->q);
    return words.length;
}

static const wg_op control_op_clip = {.name = "clip_gradient",
    .arity = 1,
    .shape = control_infer_same,
    .view = control_view_whole,
    .derivative = control_derive_clip,
    .describe = control_describe_clip};

/* g most / max(|g|, most): the factor is exactly 1 where |g| is not above. */
static void control_derive_clip_norm(wg_derivation *d)
{
    double most = *(const double *)wg_derivation_call(d)->attributes;
    wg_reduce_axes all = wg_reduce_everything();
    wg_term g = wg_cotangent(d), bound = wg_number(d, most);
    if (most == 0) {
        wg_give(d, 0, wg_op_mul(), (wg_term[]){g, bound}, 2, NULL, 0);
    } else if (most == (double)INFINITY) {
        wg_give_term(d, 0, g);
    } else {
        wg_term length = wg_step(d, &wg_moment_op_norm, &g, 1, &all, sizeof all);
        wg_term larger = wg_step(d, &wg_ew_op_maximum, (wg_term[]){length, bound}, 2, NULL, 0);
        wg_term factor = wg_step(d, &wg_ew_op_div, (wg_term[]){bound, larger}, 2, NULL, 0);
        wg_give(d, 0, wg_op_mul(), (wg_term[]){g, factor}, 2, NULL, 0);
    }
}

static size_t control_describe_clip_norm(const wg_call *call, char *text, size_t size)
{
    wg_words words = {text, size, 0};
    wg_words_number(&words, "max_norm", *(const double *)call->attributes);
    return words.length;
}

static const wg_op control_op_clip_norm = {.name = "clip_gradient_norm",
    .arity = 1,
    .shape = control_infer_same,
    .view = control_view_whole,
    .derivative = control_derive_clip_norm,
    .describe = control_describe_clip_norm};

/* Sets the error unless the parameters are fine. */
static bool control_accept(wg_var x, const char *name, bool fine, const char *wanted, double a)
{
    if (fine || !x.tape || x.tape->status != WG_OK || !wg_list_valid(x)) return true;
    wg_tape_fail(
        x.tape, WG_ERROR_ARGUMENT, "%s: %s, not %g, for %s", name, wanted, a, wg_list_describe(x.tape, x.index));
    return false;
}

static wg_var control_apply(const wg_op *op, wg_var x, const void *attributes, size_t size)
{
    return x.tape ? wg_list_apply(x.tape, op, &x, 1, attributes, size, NULL) : wg_invalid(NULL);
}

wg_var wg_straight_through(wg_var hard, wg_var soft)
{
    wg_tape *tape = hard.tape ? hard.tape : soft.tape;
    if (!tape) return wg_invalid(NULL);
    return wg_list_apply(tape, &control_op_straight_through, (wg_var[]){hard, soft}, 2, NULL, 0, NULL);
}

wg_var wg_scale_gradient(wg_var x, double factor)
{
    if (!control_accept(x, "scale_gradient", isfinite(factor), "the factor must be finite", factor))
        return wg_invalid(x.tape);
    return control_apply(&control_op_scale, x, &factor, sizeof factor);
}

wg_var wg_clip_gradient(wg_var x, double low, double high)
{
    if (!control_accept(x, "clip_gradient", low <= 0, "low must be 0 or less", low) ||
        !control_accept(x, "clip_gradient", high >= 0, "high must be 0 or more", high))
        return wg_invalid(x.tape);
    wg_ew_parameters bounds = {low, high};
    return control_apply(&control_op_clip, x, &bounds, sizeof bounds);
}

wg_var wg_clip_gradient_norm(wg_var x, double max_norm)
{
    if (!control_accept(x, "clip_gradient_norm", max_norm >= 0, "max_norm must be 0 or more", max_norm))
        return wg_invalid(x.tape);
    return control_apply(&control_op_clip_norm, x, &max_norm, sizeof max_norm);
}

/* ---- guard: the truth of a condition, element by element, as it was recorded --------------------------------------------- */

static bool control_truth(wg_dtype dtype, const void *data, size_t i)
{
    return dtype == WG_F64 ? ((const double *)data)[i] != 0 : ((const float *)data)[i] != 0;
}

static wg_status control_infer_scalar(wg_call *call)
{
    call->shape = (wg_shape){0};
    return WG_OK;
}

static wg_status control_guard(wg_call *call)
{
    const unsigned char *truth = call->attributes;
    for (size_t i = 0; i < call->in[0].size; i++) {
        bool now = control_truth(call->dtype, call->in[0].data, i);
        if (now != truth[i])
            return wg_call_fail(call, WG_ERROR_GUARD,
                "element %zu of the condition %s was %s when recorded and is %s now", i, wg_call_describe(call, 0),
                truth[i] ? "true" : "false", now ? "true" : "false");
    }
    memset(call->out, 0, wg_dtype_size(call->dtype));
    return WG_OK;
}

/* How many elements were true. */
static size_t control_describe_guard(const wg_call *call, char *text, size_t size)
{
    wg_words words = {text, size, 0};
    const unsigned char *truth = call->attributes;
    size_t held = 0;
    for (size_t i = 0; i < call->in[0].size; i++) held += truth[i];
    wg_words_add(&words, "true=%zu of=%zu", held, call->in[0].size);
    return words.length;
}

static const wg_op control_op_guard = {.name = "guard",
    .arity = 1,
    .flags = WG_OP_CUTS,
    .shape = control_infer_scalar,
    .evaluate = control_guard,
    .describe = control_describe_guard};

wg_status wg_guard(wg_var condition)
{
    wg_tape *tape = condition.tape;
    wg_status status = wg_tape_ready(tape, "guard");
    if (status == WG_OK) status = wg_list_check(tape, "guard", 1, condition);
    if (status != WG_OK) return status;
    if (tape->nodes[condition.index].flags & WG_NODE_INDICES)
        return wg_tape_fail(
            tape, WG_ERROR_ARGUMENT, "guard: the condition %s holds indices", wg_list_describe(tape, condition.index));
    size_t size = wg_size(condition);
    const void *data = wg_node_value(tape, condition.index, "guard");
    if (!data) return tape->status;
    unsigned char *truth = wg_pool_take(&tape->pool, &tape->source, size + 1);
    if (!truth) return wg_tape_fail_memory(tape, "guard", size + 1);
    for (size_t i = 0; i < size; i++) truth[i] = control_truth(tape->dtype, data, i);
    wg_list_apply(tape, &control_op_guard, &condition, 1, truth, size + 1, NULL);
    wg_pool_give_back(&tape->pool, truth, size + 1);
    return tape->status;
}

/* ---- precomputed: a value and its partial derivatives from elsewhere ----------------------------------------------------- */

static wg_status control_infer_precomputed(wg_call *call)
{
    for (size_t k = 0; k < call->n; k++)
        if (call->in[k].size != 1)
            return wg_call_fail(
                call, WG_ERROR_SHAPE, "argument %zu, %s, does not have size 1", k + 1, wg_call_describe(call, k));
    call->shape = (wg_shape){0};
    return WG_OK;
}

static void control_derive_precomputed(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    const double *partials = call->attributes;
    const void *cotangent = wg_term_numbers(d, wg_cotangent(d));
    for (size_t k = 0; k < call->n; k++) {
        bool add;
        void *out = wg_give_numbers(d, k, &add);
        if (!out) continue;
        double g = call->dtype == WG_F64 ? *(const double *)cotangent : (double)*(const float *)cotangent;
        double slope = g == 0 && !call->tape->ieee_zero ? 0 : g * partials[k];
        if (call->dtype == WG_F64)
            *(double *)out = add ? *(double *)out + slope : slope;
        else
            *(float *)out = add ? *(float *)out + (float)slope : (float)slope;
    }
}

static size_t control_describe_precomputed(const wg_call *call, char *text, size_t size)
{
    wg_words words = {text, size, 0};
    const double *partials = call->attributes;
    for (size_t k = 0; k < call->n; k++) wg_words_number(&words, "partial", partials[k]);
    return words.length;
}

static const wg_op control_op_precomputed = {.name = "precomputed",
    .arity = WG_ANY_ARITY,
    .shape = control_infer_precomputed,
    .derivative = control_derive_precomputed,
    .describe = control_describe_precomputed};

wg_var wg_precomputed(wg_tape *tape, double value, const wg_var *in, const double *partials, size_t n)
{
    if (wg_tape_ready(tape, "precomputed") != WG_OK) return wg_invalid(tape);
    if (n && (!in || !partials)) {
        wg_tape_fail(
            tape, WG_ERROR_ARGUMENT, "precomputed: the array of %s is NULL", in ? "partial derivatives" : "arguments");
        return wg_invalid(tape);
    }
    float narrow = (float)value;
    const void *given = tape->dtype == WG_F64 ? (const void *)&value : (const void *)&narrow;
    return wg_list_apply(tape, &control_op_precomputed, in, n, partials, n * sizeof *partials, given);
}
