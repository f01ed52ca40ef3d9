/* Normalisations: layer, root mean square, group, instance and batch norm, and vectors brought to length 1.
 *
 * All but the last two rest on the op that normalises the rows of a matrix (norm_rows.c); where each element of a row has
 * a weight of its own, the op takes weights and biases too. */
#include "ops/compose.h"
#include "ops/norm_rows.h"
#include "shape/shape.h"
#include "wengert/ops.h"

#include <math.h>

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

/* Rows of n elements, which x has m of; weights and biases of a row, unless they are left out. A bias alone is. */
static wg_var norm_over_rows(wg_var x, wg_var weight, wg_var bias, size_t m, size_t n, const wg_norm_rows *rows)
{
    wg_shape shape = wg_shape_of(x), flat = {2, {m, n}}, line = {1, {n}};
    wg_var in[] = {norm_reshaped(x, &flat), weight, bias};
    size_t count = 1;
    for (; count < 3 && wg_compose_given(in[count]); count++) in[count] = norm_reshaped(in[count], &line);
    wg_var y = wg_list_apply(x.tape, &wg_norm_op_rows, in, count, rows, sizeof *rows, NULL);
    return norm_reshaped(y, &shape);
}

/* ---- over the last axes, over channels ---------------------------------------------------------------------------------------- */

static wg_var norm_last_axes(const wg_composition *c, const wg_var *in, size_t axes, const wg_norm_rows *rows)
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
    wg_var y = norm_over_rows(in[0], in[1], in[2], m, n, rows);
    return wg_compose_close(c, wg_compose_given(in[1]) ? y : wg_norm_affine(y, in[1], in[2]));
}

wg_var wg_layer_norm(wg_var x, wg_var weight, wg_var bias, size_t axes, double epsilon)
{
    wg_composition c;
    wg_var in[] = {x, weight, bias};
    if (!norm_open(&c, "layer_norm", in, 3, epsilon)) return wg_invalid(c.tape);
    return norm_last_axes(&c, in, axes, &(wg_norm_rows){.epsilon = epsilon, .center = true});
}

wg_var wg_rms_norm(wg_var x, wg_var weight, size_t axes, double epsilon)
{
    wg_composition c;
    wg_var in[] = {x, weight, {0}};
    if (!norm_open(&c, "rms_norm", in, 2, epsilon)) return wg_invalid(c.tape);
    return norm_last_axes(&c, in, axes, &(wg_norm_rows){.epsilon = epsilon, .center = false});
}

/* each: one group for each channel. */
static wg_var norm_groups(
    const char *name, wg_var x, size_t groups, bool each, wg_var weight, wg_var bias, double epsilon)
{
    wg_composition c;
    wg_norm_rows rows = {.epsilon = epsilon, .center = true};
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
    wg_var y = norm_over_rows(x, (wg_var){0}, (wg_var){0}, m, n, &rows);
    wg_var w = norm_channels(weight, &shape);
    wg_var b = norm_channels(bias, &shape);
    return wg_compose_close(&c, wg_norm_affine(y, w, b));
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
    return wg_compose_close(&c, wg_norm_affine(deviations, across, norm_channels(bias, &shape)));
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
