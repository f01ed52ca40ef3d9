/* Variance, standard deviation and Euclidean norm, over everything or over some axes.
 *
 * The variance is the mean square of deviations from the mean, in two passes, and the deviations are themselves
 * centred once more: the mean's rounding error then does not count (T. F. Chan, G. H. Golub, R. J. LeVeque,
 * Algorithms for computing the sample variance, The American Statistician 37, 1983). Deviation is an op: a symmetric
 * projection, its own derivative. The standard deviation is the norm of the deviations over the root of the divisor. */
#include "ops/moment.h"

#include "ops/compose.h"
#include "ops/copy.h"
#include "ops/elementwise/elementwise.h"
#include "ops/reduce.h"
#include "tape/words.h"
#include "wengert/ops.h"

#include <math.h>

/* ---- deviation --------------------------------------------------------------------------------------------------- */

static size_t moment_round(size_t bytes) { return (bytes + WG_ALIGNMENT - 1) / WG_ALIGNMENT * WG_ALIGNMENT; }

/* The means, and what a reduction takes; nothing where the axes are one run, which a kernel does at once. */
static size_t moment_scratch_deviation(const wg_call *call)
{
    const wg_reduce_axes *axes = call->attributes;
    const wg_shape *shape = call->in[0].shape;
    wg_shape_split s;
    if (wg_reduce_is_one_run(shape, axes->mask, &s)) return 0;
    wg_shape means = wg_reduce_shape(shape, axes, true);
    size_t size = wg_shape_product(&means, 0, means.rank);
    return moment_round(size * wg_dtype_size(call->dtype)) + wg_reduce_scratch(shape, axes->mask, call->dtype);
}

/* The loops: out = x - out, x = -x, x = x^2. */
#define MOMENT_LOOPS(R, type)                                                                                          \
    static void moment_subtract_##type(size_t n, const R *x, R *out)                                                   \
    {                                                                                                                  \
        for (size_t i = 0; i < n; i++) out[i] = x[i] - out[i];                                                         \
    }                                                                                                                  \
    static void moment_negate_##type(size_t n, R *x)                                                                   \
    {                                                                                                                  \
        for (size_t i = 0; i < n; i++) x[i] = -x[i];                                                                   \
    }                                                                                                                  \
    static void moment_square_##type(size_t n, R *x)                                                                   \
    {                                                                                                                  \
        for (size_t i = 0; i < n; i++) x[i] *= x[i];                                                                   \
    }
MOMENT_LOOPS(double, f64)
MOMENT_LOOPS(float, f32)
#undef MOMENT_LOOPS

/* out = x - mean(x) where the axes are not one run, with the scratch that moment_scratch_deviation asks for. */
static void moment_deviate(const wg_call *call, void *out, void *scratch)
{
    const wg_reduce_axes *axes = call->attributes;
    const wg_shape *shape = call->in[0].shape;
    wg_shape kept = wg_reduce_shape(shape, axes, true);
    size_t size = call->in[0].size, means = wg_shape_product(&kept, 0, kept.rank);
    double count = (double)wg_reduce_count(shape, axes->mask);
    ptrdiff_t from[WG_MAX_RANK], to[WG_MAX_RANK];
    wg_reduce_work work = {call, shape, axes->mask, (char *)scratch + moment_round(means * wg_dtype_size(call->dtype))};
    if (size == 0) return;
    wg_shape_broadcast_strides(&kept, shape, from);
    wg_shape_strides(shape, to);
    wg_reduce_into(&work, WG_KERNEL_SUM, call->in[0].data, scratch, false, count);
    wg_copy_strided(call, shape->rank, shape->dim, scratch, from, out, to, false);
    if (call->dtype == WG_F64)
        moment_subtract_f64(size, call->in[0].data, out);
    else
        moment_subtract_f32(size, call->in[0].data, out);
    wg_reduce_into(&work, WG_KERNEL_SUM, out, scratch, false, count);
    if (call->dtype == WG_F64)
        moment_negate_f64(means, scratch);
    else
        moment_negate_f32(means, scratch);
    wg_copy_strided(call, shape->rank, shape->dim, scratch, from, out, to, true);
}

static wg_status moment_infer_deviation(wg_call *call)
{
    call->shape = *call->in[0].shape;
    return WG_OK;
}

static wg_status moment_deviation(wg_call *call)
{
    const wg_reduce_axes *axes = call->attributes;
    wg_shape_split s;
    if (wg_reduce_is_one_run(call->in[0].shape, axes->mask, &s)) {
        wg_reduce_deviate(call, &s, call->in[0].data, call->out);
        return WG_OK;
    }
    void *scratch = wg_call_scratch(call, moment_scratch_deviation(call));
    if (!scratch) return call->tape->status;
    moment_deviate(call, call->out, scratch);
    return WG_OK;
}

static void moment_derive_deviation(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    wg_term g = wg_cotangent(d);
    wg_give(d, 0, call->op, &g, 1, call->attributes, call->attributes_size);
}

static const wg_op moment_op_deviation = {.name = "deviation",
    .arity = 1,
    .flags = WG_OP_LINEAR,
    .shape = moment_infer_deviation,
    .evaluate = moment_deviation,
    .scratch = moment_scratch_deviation,
    .derivative = moment_derive_deviation,
    .describe = wg_reduce_describe};

/* ---- variance ---------------------------------------------------------------------------------------------------- */

typedef struct moment_variance_of {
    wg_reduce_axes axes;
    double divisor;
} moment_variance_of;

static size_t moment_scratch_variance(const wg_call *call)
{
    const moment_variance_of *of = call->attributes;
    wg_shape_split s;
    if (wg_reduce_is_one_run(call->in[0].shape, of->axes.mask, &s)) return 0;
    return moment_round(call->in[0].size * wg_dtype_size(call->dtype)) + moment_scratch_deviation(call);
}

static wg_status moment_variance(wg_call *call)
{
    const moment_variance_of *of = call->attributes;
    wg_shape_split s;
    if (wg_reduce_is_one_run(call->in[0].shape, of->axes.mask, &s)) {
        wg_reduce_split(call, WG_KERNEL_VARIANCE, &s, call->in[0].data, call->out, call->add, of->divisor);
        return WG_OK;
    }
    size_t size = call->in[0].size, bytes = moment_round(size * wg_dtype_size(call->dtype));
    char *deviations = wg_call_scratch(call, moment_scratch_variance(call));
    if (!deviations) return call->tape->status;
    void *scratch = deviations + bytes;
    moment_deviate(call, deviations, scratch);
    if (call->dtype == WG_F64)
        moment_square_f64(size, (double *)(void *)deviations);
    else
        moment_square_f32(size, (float *)(void *)deviations);
    wg_reduce_work work = {call, call->in[0].shape, of->axes.mask, scratch};
    wg_reduce_into(&work, WG_KERNEL_SUM, deviations, call->out, call->add, of->divisor);
    return WG_OK;
}

/* x: 2 g (x - mean) / divisor */
static void moment_derive_variance(wg_derivation *d)
{
    const moment_variance_of *of = wg_derivation_call(d)->attributes;
    wg_term x = wg_primal(d, 0), g = wg_reduce_with_axes(d, wg_cotangent(d));
    wg_term deviations = wg_step(d, &moment_op_deviation, &x, 1, &of->axes, sizeof of->axes);
    wg_term share = wg_step(d, &wg_ew_op_div0, (wg_term[]){g, wg_number(d, of->divisor / 2)}, 2, NULL, 0);
    wg_give(d, 0, wg_op_mul(), (wg_term[]){deviations, share}, 2, NULL, 0);
}

static size_t moment_describe_variance(const wg_call *call, char *text, size_t size)
{
    const moment_variance_of *of = call->attributes;
    wg_words words = {text, size, 0};
    wg_words_axes(&words, of->axes.mask, call->in[0].shape->rank);
    wg_words_flag(&words, "keepdims", of->axes.keepdims);
    double count = (double)wg_reduce_count(call->in[0].shape, of->axes.mask);
    if (of->divisor != count) wg_words_number(&words, "correction", count - of->divisor);
    return words.length;
}

static const wg_op moment_op_variance = {.name = "variance",
    .arity = 1,
    .flags = WG_OP_ADDS,
    .shape = wg_reduce_infer,
    .evaluate = moment_variance,
    .scratch = moment_scratch_variance,
    .derivative = moment_derive_variance,
    .describe = moment_describe_variance};

/* The divisor; false, with the error set, when there is none. A result without elements needs none. */
static bool moment_divisor(const char *name, wg_var x, const wg_reduce_axes *axes, double correction, double *divisor)
{
    *divisor = 1;
    if (!wg_list_valid(x) || x.tape->status != WG_OK) return true;
    wg_shape shape = wg_shape_of(x), out = wg_reduce_shape(&shape, axes, false);
    size_t count = wg_reduce_count(&shape, axes->mask);
    double less = (double)count - correction;
    if (wg_reduce_empty(&out)) return true;
    if (!(less > 0 && less < (double)INFINITY)) {
        wg_tape_fail(x.tape, WG_ERROR_SHAPE,
            "%s: the divisor, %zu elements along the reduced axes less the correction %g, is not positive, for %s",
            name, count, correction, wg_list_describe(x.tape, x.index));
        return false;
    }
    *divisor = less;
    return true;
}

static wg_var moment_apply_variance(wg_var x, const wg_reduce_axes *axes, double correction)
{
    moment_variance_of of = {.axes = *axes};
    if (!x.tape) return wg_invalid(NULL);
    if (!moment_divisor("variance", x, axes, correction, &of.divisor)) return wg_invalid(x.tape);
    return wg_list_apply(x.tape, &moment_op_variance, &x, 1, &of, sizeof of, NULL);
}

wg_var wg_variance(wg_var x, double correction)
{
    wg_reduce_axes axes = wg_reduce_everything();
    return moment_apply_variance(x, &axes, correction);
}

wg_var wg_variance_axes(wg_var x, const int *axes, size_t n, bool keepdims, double correction)
{
    wg_reduce_axes chosen;
    if (!wg_reduce_parse("variance", x, axes, n, keepdims, &chosen)) return wg_invalid(x.tape);
    return moment_apply_variance(x, &chosen, correction);
}

/* ---- norm -------------------------------------------------------------------------------------------------------- */

static wg_status moment_norm(wg_call *call)
{
    const wg_reduce_axes *axes = call->attributes;
    wg_shape_split s = wg_reduce_run(call->in[0].shape, axes->mask);
    wg_reduce_split(call, WG_KERNEL_NORM, &s, call->in[0].data, call->out, call->add, 1);
    return WG_OK;
}

/* x: g x / y; at the origin 0, to every order: there g is cut off, and the divisor is 1. */
static void moment_derive_norm(wg_derivation *d)
{
    wg_term x = wg_primal(d, 0), y = wg_reduce_with_axes(d, wg_result(d));
    wg_term g = wg_reduce_with_axes(d, wg_cotangent(d)), zero = wg_number(d, 0), one = wg_number(d, 1);
    wg_term origin = wg_step(d, &wg_ew_op_equal, (wg_term[]){y, zero}, 2, NULL, 0);
    wg_term length = wg_step(d, &wg_ew_op_where, (wg_term[]){origin, one, y}, 3, NULL, 0);
    wg_term passed = wg_step(d, &wg_ew_op_where, (wg_term[]){origin, zero, g}, 3, NULL, 0);
    wg_term direction = wg_step(d, &wg_ew_op_div, (wg_term[]){x, length}, 2, NULL, 0);
    wg_give(d, 0, wg_op_mul(), (wg_term[]){direction, passed}, 2, NULL, 0);
}

const wg_op wg_moment_op_norm = {.name = "norm",
    .arity = 1,
    .shape = wg_reduce_infer,
    .evaluate = moment_norm,
    .derivative = moment_derive_norm,
    .describe = wg_reduce_describe};

wg_var wg_norm(wg_var x)
{
    wg_reduce_axes axes = wg_reduce_everything();
    return wg_reduce_apply_run(&wg_moment_op_norm, x, &axes);
}

wg_var wg_norm_axes(wg_var x, const int *axes, size_t n, bool keepdims)
{
    wg_reduce_axes chosen;
    if (!wg_reduce_parse("norm", x, axes, n, keepdims, &chosen)) return wg_invalid(x.tape);
    return wg_reduce_apply_run(&wg_moment_op_norm, x, &chosen);
}

/* ---- standard deviation ------------------------------------------------------------------------------------------ */

static wg_var moment_apply_std(wg_var x, const wg_reduce_axes *axes, double correction)
{
    wg_composition c;
    double divisor;
    if (!wg_compose_open(&c, "std", &x, 1, 0)) return wg_invalid(x.tape);
    if (!moment_divisor("std", x, axes, correction, &divisor)) return wg_invalid(x.tape);
    wg_var deviations = wg_list_apply(x.tape, &moment_op_deviation, &x, 1, axes, sizeof *axes, NULL);
    wg_var length = wg_reduce_apply_run(&wg_moment_op_norm, deviations, axes);
    return wg_compose_close(&c, wg_div(length, wg_scalar(x.tape, sqrt(divisor))));
}

wg_var wg_std(wg_var x, double correction)
{
    wg_reduce_axes axes = wg_reduce_everything();
    return moment_apply_std(x, &axes, correction);
}

wg_var wg_std_axes(wg_var x, const int *axes, size_t n, bool keepdims, double correction)
{
    wg_reduce_axes chosen;
    if (!wg_reduce_parse("std", x, axes, n, keepdims, &chosen)) return wg_invalid(x.tape);
    return moment_apply_std(x, &chosen, correction);
}
