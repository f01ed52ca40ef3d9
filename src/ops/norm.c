/* Normalisations: layer, root mean square, group, instance and batch norm, and vectors brought to length 1.
 *
 * All but the last two rest on one op, which brings rows to mean 0 and mean square 1: y = (x - mean x) r, where
 * r = 1 / sqrt(var x + epsilon), or without the means. Its derivative is the op
 *
 *     adjoint(g, y, x) = r p,   p = g - mean g - y mean(g y),
 *
 * one fused kernel on numbers. To differentiate that again, y is taken as normalize(x), which it always is; r is an op of
 * x whose derivative is -r^2 y / n. So no order saves anything or takes a difference of large numbers. */
#include "kernels/normalize.h"
#include "ops/compose.h"
#include "ops/elementwise/elementwise.h"
#include "shape/shape.h"
#include "tape/words.h"
#include "wengert/ops.h"

#include <math.h>

/* ---- rows ----------------------------------------------------------------------------------------------------------------- */

typedef struct norm_rows {
    double epsilon;
    bool center;
} norm_rows;

/* Every operand is (m, n). */
static wg_status norm_infer_rows(wg_call *call)
{
    call->shape = *call->in[0].shape;
    return WG_OK;
}

static wg_status norm_infer_inverse(wg_call *call)
{
    call->shape = *call->in[0].shape;
    call->shape.dim[1] = 1;
    return WG_OK;
}

static wg_status norm_normalize(wg_call *call)
{
    const norm_rows *rows = call->attributes;
    size_t m = call->shape.dim[0], n = call->shape.dim[1];
    if (n && call->dtype == WG_F64)
        wg_kernel_normalize_f64(call->tape->isa, m, n, rows->epsilon, rows->center, call->in[0].data, call->out);
    if (n && call->dtype == WG_F32)
        wg_kernel_normalize_f32(call->tape->isa, m, n, rows->epsilon, rows->center, call->in[0].data, call->out);
    return WG_OK;
}

/* n is not 0: the derivative of a result without elements is not asked for. */
static wg_status norm_inverse(wg_call *call)
{
    const norm_rows *rows = call->attributes;
    size_t m = call->in[0].shape->dim[0], n = call->in[0].shape->dim[1];
    if (n && call->dtype == WG_F64)
        wg_kernel_normalize_inverse_f64(
            call->tape->isa, m, n, rows->epsilon, rows->center, call->in[0].data, call->out);
    if (n && call->dtype == WG_F32)
        wg_kernel_normalize_inverse_f32(
            call->tape->isa, m, n, rows->epsilon, rows->center, call->in[0].data, call->out);
    return WG_OK;
}

static wg_status norm_adjoint(wg_call *call)
{
    const norm_rows *rows = call->attributes;
    const void *g = call->in[0].data, *y = call->in[1].data, *x = call->in[2].data;
    size_t m = call->shape.dim[0], n = call->shape.dim[1];
    if (n && call->dtype == WG_F64)
        wg_kernel_normalize_adjoint_f64(call->tape->isa, m, n, rows->epsilon, rows->center, g, y, x, call->out);
    if (n && call->dtype == WG_F32)
        wg_kernel_normalize_adjoint_f32(call->tape->isa, m, n, rows->epsilon, rows->center, g, y, x, call->out);
    return WG_OK;
}

static const wg_op norm_op_inverse, norm_op_adjoint;

static wg_term norm_step(wg_derivation *d, const wg_op *op, const wg_term *in, size_t n)
{
    const wg_call *call = wg_derivation_call(d);
    return wg_step(d, op, in, n, call->attributes, call->attributes_size);
}

static wg_term norm_times(wg_derivation *d, wg_term a, wg_term b)
{
    return wg_step(d, wg_op_mul(), (wg_term[]){a, b}, 2, NULL, 0);
}

/* sum a b over each row, (m, 1), times c. */
static wg_term norm_along(wg_derivation *d, wg_term a, wg_term b, wg_term c)
{
    const wg_shape *shape = wg_derivation_call(d)->in[0].shape;
    wg_shape each = {2, {shape->dim[0], 1}};
    wg_term product = norm_times(d, a, b);
    wg_term sum = wg_step(d, wg_op_sum_to(), &product, 1, &each, sizeof each);
    return norm_times(d, sum, c);
}

/* -1 / n */
static wg_term norm_minus_share(wg_derivation *d)
{
    size_t n = wg_derivation_call(d)->in[0].shape->dim[1];
    return wg_number(d, n ? -1 / (double)n : 0);
}

/* x: adjoint(g, y, x) */
static void norm_derive_normalize(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    wg_term g = wg_cotangent(d), y = wg_result(d), x = wg_primal(d, 0);
    wg_give(d, 0, &norm_op_adjoint, (wg_term[]){g, y, x}, 3, call->attributes, call->attributes_size);
}

static size_t norm_describe_rows(const wg_call *call, char *text, size_t size)
{
    const norm_rows *rows = call->attributes;
    wg_words words = {text, size, 0};
    wg_words_number(&words, "epsilon", rows->epsilon);
    wg_words_flag(&words, "center", rows->center);
    return words.length;
}

static const wg_op norm_op_normalize = {.name = "normalize_rows",
    .arity = 1,
    .shape = norm_infer_rows,
    .evaluate = norm_normalize,
    .derivative = norm_derive_normalize,
    .describe = norm_describe_rows};

/* x: -g r^2 y / n */
static void norm_derive_inverse(wg_derivation *d)
{
    wg_term g = wg_cotangent(d), r = wg_result(d), x = wg_primal(d, 0);
    wg_term y = norm_step(d, &norm_op_normalize, &x, 1);
    wg_term square = norm_times(d, r, r);
    wg_term slope = norm_times(d, square, norm_minus_share(d));
    wg_term scale = norm_times(d, g, slope);
    wg_give(d, 0, wg_op_mul(), (wg_term[]){y, scale}, 2, NULL, 0);
}

static const wg_op norm_op_inverse = {.name = "inverse_deviation",
    .arity = 1,
    .shape = norm_infer_inverse,
    .evaluate = norm_inverse,
    .derivative = norm_derive_inverse,
    .describe = norm_describe_rows};

/* With the cotangent u and the result z = r p. g: adjoint(u, y, x), since the projection is symmetric.
 * y: -r (u mean(g y) + g mean(u y)). x, through r alone: -r y mean(u z). */
static void norm_derive_adjoint(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    wg_term u = wg_cotangent(d), g = wg_primal(d, 0), y = wg_primal(d, 1), x = wg_primal(d, 2);
    wg_give(d, 0, &norm_op_adjoint, (wg_term[]){u, y, x}, 3, call->attributes, call->attributes_size);
    if (!wg_wants(d, 1) && !wg_wants(d, 2)) return;
    wg_term r = norm_step(d, &norm_op_inverse, &x, 1);
    wg_term scale = norm_times(d, r, norm_minus_share(d));
    wg_term of_g = norm_along(d, g, y, scale), of_u = norm_along(d, u, y, scale);
    wg_give(d, 1, wg_op_mul(), (wg_term[]){u, of_g}, 2, NULL, 0);
    wg_give(d, 1, wg_op_mul(), (wg_term[]){g, of_u}, 2, NULL, 0);
    wg_term of_r = norm_along(d, u, wg_result(d), scale);
    wg_give(d, 2, wg_op_mul(), (wg_term[]){y, of_r}, 2, NULL, 0);
}

static const wg_op norm_op_adjoint = {.name = "normalize_rows_adjoint",
    .arity = 3,
    .shape = norm_infer_rows,
    .evaluate = norm_adjoint,
    .derivative = norm_derive_adjoint,
    .describe = norm_describe_rows};

/* ---- arguments -------------------------------------------------------------------------------------------------------------- */

static const char *norm_describe(wg_var v) { return wg_list_describe(v.tape, v.index); }

static bool norm_fails(const wg_composition *c, wg_status status, const char *what, wg_var x)
{
    wg_tape_fail(c->tape, status, "%s: %s: %s", c->name, what, norm_describe(x));
    return false;
}

static bool norm_check_epsilon(const wg_composition *c, double epsilon)
{
    if (epsilon >= 0 && epsilon < (double)INFINITY) return true;
    wg_tape_fail(c->tape, WG_ERROR_ARGUMENT, "%s: epsilon is %g; it must be finite and not negative", c->name, epsilon);
    return false;
}

/* The first is x; of the others, {0} is left out. */
static bool norm_open(wg_composition *c, const char *name, const wg_var *in, size_t n, double epsilon)
{
    wg_var all[5];
    for (size_t k = 0; k < n; k++) all[k] = wg_compose_given(in[k]) ? in[k] : in[0];
    return wg_compose_open(c, name, all, n, 0) && norm_check_epsilon(c, epsilon);
}

/* A weight or bias, when it is given, has just this shape. */
static bool norm_check_shape(const wg_composition *c, const char *what, wg_var v, const wg_shape *expected, wg_var x)
{
    if (!wg_compose_given(v)) return true;
    wg_shape shape = wg_shape_of(v);
    char text[WG_MESSAGE_SIZE];
    if (wg_shape_equal(&shape, expected)) return true;
    wg_tape_fail(c->tape, WG_ERROR_SHAPE, "%s: the %s %s is not %s, for %s", c->name, what, norm_describe(v),
        wg_shape_format(expected, text, sizeof text), norm_describe(x));
    return false;
}

/* x is (N, C, ...). */
static bool norm_check_channels(const wg_composition *c, wg_var x)
{
    if (wg_shape_of(x).rank >= 2) return true;
    return norm_fails(c, WG_ERROR_SHAPE, "takes (N, C, ...)", x);
}

/* ---- steps ------------------------------------------------------------------------------------------------------------------ */

static wg_var norm_reshaped(wg_var x, const wg_shape *shape)
{
    wg_shape have = wg_shape_of(x);
    return wg_shape_equal(&have, shape) ? x : wg_reshape(x, *shape);
}

/* (C) as (C, 1, ...), to stretch over (N, C, ...). */
static wg_var norm_channels(wg_var v, const wg_shape *x)
{
    wg_shape shape = {.rank = x->rank - 1};
    if (!wg_compose_given(v)) return v;
    for (uint32_t d = 0; d < shape.rank; d++) shape.dim[d] = d ? 1 : x->dim[1];
    return norm_reshaped(v, &shape);
}

/* y weight + bias */
static wg_var norm_affine(wg_var y, wg_var weight, wg_var bias)
{
    if (wg_compose_given(weight) && wg_compose_given(bias)) return wg_fma(y, weight, bias);
    if (wg_compose_given(weight)) return wg_mul(y, weight);
    return wg_compose_given(bias) ? wg_add(y, bias) : y;
}

/* Rows of n elements, which x has m of. */
static wg_var norm_over_rows(wg_var x, size_t m, size_t n, const norm_rows *rows)
{
    wg_shape shape = wg_shape_of(x), flat = {2, {m, n}};
    wg_var in = norm_reshaped(x, &flat);
    wg_var y = wg_list_apply(x.tape, &norm_op_normalize, &in, 1, rows, sizeof *rows, NULL);
    return norm_reshaped(y, &shape);
}

/* ---- over the last axes, over channels ---------------------------------------------------------------------------------------- */

static wg_var norm_last_axes(const wg_composition *c, const wg_var *in, size_t axes, const norm_rows *rows)
{
    wg_shape shape = wg_shape_of(in[0]), last = {0};
    if (axes < 1 || axes > shape.rank) {
        wg_tape_fail(c->tape, WG_ERROR_SHAPE, "%s: the last %zu axes are to be normalised, of %s", c->name, axes,
            norm_describe(in[0]));
        return wg_invalid(c->tape);
    }
    uint32_t first = shape.rank - (uint32_t)axes;
    for (uint32_t d = first; d < shape.rank; d++) last.dim[last.rank++] = shape.dim[d];
    if (!norm_check_shape(c, "weight", in[1], &last, in[0]) || !norm_check_shape(c, "bias", in[2], &last, in[0]))
        return wg_invalid(c->tape);
    size_t m = wg_shape_product(&shape, 0, first), n = wg_shape_product(&shape, first, shape.rank);
    wg_var y = norm_over_rows(in[0], m, n, rows);
    return wg_compose_close(c, norm_affine(y, in[1], in[2]));
}

wg_var wg_layer_norm(wg_var x, wg_var weight, wg_var bias, size_t axes, double epsilon)
{
    wg_composition c;
    wg_var in[] = {x, weight, bias};
    if (!norm_open(&c, "layer_norm", in, 3, epsilon)) return wg_invalid(c.tape);
    return norm_last_axes(&c, in, axes, &(norm_rows){.epsilon = epsilon, .center = true});
}

wg_var wg_rms_norm(wg_var x, wg_var weight, size_t axes, double epsilon)
{
    wg_composition c;
    wg_var in[] = {x, weight, {0}};
    if (!norm_open(&c, "rms_norm", in, 2, epsilon)) return wg_invalid(c.tape);
    return norm_last_axes(&c, in, axes, &(norm_rows){.epsilon = epsilon, .center = false});
}

/* each: one group for each channel. */
static wg_var norm_groups(
    const char *name, wg_var x, size_t groups, bool each, wg_var weight, wg_var bias, double epsilon)
{
    wg_composition c;
    norm_rows rows = {.epsilon = epsilon, .center = true};
    if (!norm_open(&c, name, (wg_var[]){x, weight, bias}, 3, epsilon) || !norm_check_channels(&c, x))
        return wg_invalid(c.tape);
    wg_shape shape = wg_shape_of(x), channels = {1, {shape.dim[1]}};
    if (each) groups = shape.dim[1] ? shape.dim[1] : 1;
    if (groups == 0 || shape.dim[1] % groups) {
        wg_tape_fail(c.tape, WG_ERROR_SHAPE, "%s: %zu groups do not divide the %zu channels of %s", name, groups,
            shape.dim[1], norm_describe(x));
        return wg_invalid(c.tape);
    }
    if (!norm_check_shape(&c, "weight", weight, &channels, x) || !norm_check_shape(&c, "bias", bias, &channels, x))
        return wg_invalid(c.tape);
    size_t m = shape.dim[0] * groups, n = shape.dim[1] / groups * wg_shape_product(&shape, 2, shape.rank);
    wg_var y = norm_over_rows(x, m, n, &rows);
    wg_var w = norm_channels(weight, &shape);
    wg_var b = norm_channels(bias, &shape);
    return wg_compose_close(&c, norm_affine(y, w, b));
}

wg_var wg_group_norm(wg_var x, size_t groups, wg_var weight, wg_var bias, double epsilon)
{
    return norm_groups("group_norm", x, groups, false, weight, bias, epsilon);
}

wg_var wg_instance_norm(wg_var x, wg_var weight, wg_var bias, double epsilon)
{
    return norm_groups("instance_norm", x, 0, true, weight, bias, epsilon);
}

/* ---- over the batch ------------------------------------------------------------------------------------------------------------ */

wg_var wg_batch_norm(wg_var x, wg_var mean, wg_var variance, wg_var weight, wg_var bias, double epsilon)
{
    static const char *const what[] = {"mean", "variance", "weight", "bias"};
    wg_composition c;
    wg_var in[] = {x, mean, variance, weight, bias},
           all[] = {x, mean, variance, wg_compose_given(weight) ? weight : x, wg_compose_given(bias) ? bias : x};
    if (!wg_compose_open(&c, "batch_norm", all, 5, 0) || !norm_check_epsilon(&c, epsilon) ||
        !norm_check_channels(&c, x))
        return wg_invalid(c.tape);
    wg_shape shape = wg_shape_of(x), channels = {1, {shape.dim[1]}};
    for (size_t k = 0; k < 4; k++)
        if (!norm_check_shape(&c, what[k], in[k + 1], &channels, x)) return wg_invalid(c.tape);
    wg_var scale = wg_rsqrt(wg_add(variance, wg_scalar(c.tape, epsilon)));
    if (wg_compose_given(weight)) scale = wg_mul(scale, weight);
    wg_var deviations = wg_sub(x, norm_channels(mean, &shape));
    wg_var across = norm_channels(scale, &shape);
    return wg_compose_close(&c, norm_affine(deviations, across, norm_channels(bias, &shape)));
}

wg_status wg_batch_statistics(wg_var x, wg_var *mean, wg_var *variance)
{
    wg_composition c;
    wg_var out[2] = {wg_invalid(x.tape), wg_invalid(x.tape)};
    bool open = wg_compose_open(&c, "batch_statistics", &x, 1, 0) && norm_check_channels(&c, x);
    if (open && (!mean || !variance))
        wg_tape_fail(
            x.tape, WG_ERROR_ARGUMENT, "batch_statistics: the place for the %s is NULL", mean ? "variance" : "mean");
    else if (open) {
        int axes[WG_MAX_RANK] = {0};
        uint32_t rank = wg_shape_of(x).rank;
        for (uint32_t d = 2; d < rank; d++) axes[d - 1] = (int)d;
        out[0] = wg_mean_axes(x, axes, rank - 1, false);
        out[1] = wg_variance_axes(x, axes, rank - 1, false, 0);
        wg_compose_close_all(&c, out, 2);
    }
    if (mean) *mean = out[0];
    if (variance) *variance = out[1];
    return x.tape ? x.tape->status : WG_ERROR_ARGUMENT;
}

/* ---- vectors of length 1 --------------------------------------------------------------------------------------------------------- */

wg_var wg_normalize(wg_var x, int axis, double epsilon)
{
    wg_composition c;
    uint32_t found;
    if (!wg_compose_open(&c, "normalize", &x, 1, 0) || !norm_check_epsilon(&c, epsilon) ||
        !wg_compose_axis(&c, x, axis, &found))
        return wg_invalid(c.tape);
    wg_var length = wg_norm_axes(x, &axis, 1, true);
    /* over an infinite length the vector 0 stays 0, with a zero derivative */
    if (epsilon > 0)
        length = wg_clamp_min(length, epsilon);
    else
        length = wg_masked_fill(length, wg_equal(length, wg_scalar(c.tape, 0)), (double)INFINITY);
    return wg_compose_close(&c, wg_div(x, length));
}
