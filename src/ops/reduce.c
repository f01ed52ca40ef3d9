/* Reductions over everything or over some axes: sum, mean, max, min. */
#include "ops/reduce.h"

#include "kernels/team.h"
#include "ops/copy.h"
#include "ops/elementwise/elementwise.h"
#include "wengert/ops.h"

/* For what nothing has no mean, maximum or minimum of. A result without elements needs none. */
static wg_status reduce_infer_some(wg_call *call)
{
    const wg_reduce_axes *axes = call->attributes;
    wg_reduce_infer(call);
    if (wg_reduce_count(call->in[0].shape, axes->mask) == 0 && !wg_reduce_empty(&call->shape))
        return wg_call_fail(
            call, WG_ERROR_SHAPE, "of nothing: %s has no elements along the reduced axes", wg_call_describe(call, 0));
    return WG_OK;
}

static size_t reduce_scratch(const wg_call *call)
{
    const wg_reduce_axes *axes = call->attributes;
    return wg_reduce_scratch(call->in[0].shape, axes->mask, call->dtype);
}

static wg_status reduce_sum(wg_call *call)
{
    const wg_reduce_axes *axes = call->attributes;
    return wg_reduce_array(call, WG_KERNEL_SUM, call->in[0].data, call->in[0].shape, axes->mask, 1);
}

static wg_status reduce_mean(wg_call *call)
{
    const wg_reduce_axes *axes = call->attributes;
    double count = (double)wg_reduce_count(call->in[0].shape, axes->mask);
    return wg_reduce_array(call, WG_KERNEL_SUM, call->in[0].data, call->in[0].shape, axes->mask, count);
}

static wg_status reduce_max(wg_call *call)
{
    const wg_reduce_axes *axes = call->attributes;
    return wg_reduce_array(call, WG_KERNEL_MAX, call->in[0].data, call->in[0].shape, axes->mask, 1);
}

static wg_status reduce_min(wg_call *call)
{
    const wg_reduce_axes *axes = call->attributes;
    return wg_reduce_array(call, WG_KERNEL_MIN, call->in[0].data, call->in[0].shape, axes->mask, 1);
}

/* Of everything: the cotangent is one number, g / count for every element. */
static void reduce_spread_number(wg_derivation *d, double count)
{
    const wg_call *call = wg_derivation_call(d);
    const void *g = wg_term_numbers(d, wg_cotangent(d));
    bool add;
    void *out = wg_give_numbers(d, 0, &add);
    if (!out || !g) return;
    ptrdiff_t none = 0, one = 1;
    if (call->dtype == WG_F64) {
        double share = *(const double *)g / count;
        wg_kernel_copy_f64(call->tape->isa, 1, &call->in[0].size, &share, &none, out, &one, add);
    } else {
        float share = *(const float *)g / (float)count;
        wg_kernel_copy_f32(call->tape->isa, 1, &call->in[0].size, &share, &none, out, &one, add);
    }
}

static void reduce_sum_derivative(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    if (call->shape.rank == 0 && !wg_recording(d)) {
        reduce_spread_number(d, 1);
        return;
    }
    wg_term g = wg_reduce_with_axes(d, wg_cotangent(d));
    wg_give(d, 0, wg_op_broadcast_to(), &g, 1, call->in[0].shape, sizeof *call->in[0].shape);
}

static const wg_op reduce_op_sum = {.name = "sum",
    .arity = 1,
    .flags = WG_OP_ADDS | WG_OP_LINEAR,
    .shape = wg_reduce_infer,
    .evaluate = reduce_sum,
    .scratch = reduce_scratch,
    .derivative = reduce_sum_derivative,
    .describe = wg_reduce_describe};

static void reduce_mean_derivative(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    const wg_reduce_axes *axes = call->attributes;
    wg_term g = wg_reduce_with_axes(d, wg_cotangent(d));
    wg_term count = wg_number(d, (double)wg_reduce_count(call->in[0].shape, axes->mask));
    wg_term share = wg_step(d, &wg_ew_op_div0, (wg_term[]){g, count}, 2, NULL, 0);
    wg_give(d, 0, wg_op_broadcast_to(), &share, 1, call->in[0].shape, sizeof *call->in[0].shape);
}

/* ---- ties -------------------------------------------------------------------------------------------------------- */

/* ties(x, y): 1 where x equals its group's y (NaN equals NaN), else 0: where a maximum's derivative goes. y has the reduced
 * axes as 1, or, where they are not one run of neighbours, x's shape. Locally constant, so it has no derivative. */
static wg_status reduce_ties_infer(wg_call *call)
{
    call->shape = *call->in[0].shape;
    return WG_OK;
}

typedef struct reduce_ties_job {
    const wg_call *call;
    wg_shape_split s; /* of x */
    size_t parts;
} reduce_ties_job;

/* A row of neighbours of x, against as many of y, or one. */
#define REDUCE_TIES(R, type)                                                                                           \
    static void reduce_ties_##type(size_t n, const R *x, const R *y, size_t step, R *out)                              \
    {                                                                                                                  \
        const R only = *y;                                                                                             \
        if (step)                                                                                                      \
            for (size_t i = 0; i < n; i++) out[i] = (x[i] == y[i]) | ((x[i] != x[i]) & (y[i] != y[i]));                \
        else                                                                                                           \
            for (size_t i = 0; i < n; i++) out[i] = (x[i] == only) | ((x[i] != x[i]) & (only != only));                \
    }
REDUCE_TIES(double, f64)
REDUCE_TIES(float, f32)
#undef REDUCE_TIES

/* Rows of `inner` elements, of which every `extent` have one of y; rows of one element are taken `extent` at once. */
static void reduce_ties_part(void *context, size_t part)
{
    const reduce_ties_job *job = context;
    const wg_call *call = job->call;
    const size_t inner = job->s.inner, each = inner == 1 ? job->s.extent : inner;
    const size_t rows = job->s.outer * (inner == 1 ? 1 : job->s.extent), group = inner == 1 ? 1 : job->s.extent;
    for (size_t r = wg_team_first(rows, job->parts, part); r < wg_team_first(rows, job->parts, part + 1); r++) {
        size_t at = r * each, of = r / group * inner;
        if (call->dtype == WG_F64)
            reduce_ties_f64(each, (const double *)call->in[0].data + at, (const double *)call->in[1].data + of,
                inner > 1, (double *)call->out + at);
        else
            reduce_ties_f32(each, (const float *)call->in[0].data + at, (const float *)call->in[1].data + of, inner > 1,
                (float *)call->out + at);
    }
}

static wg_status reduce_ties(wg_call *call)
{
    const wg_shape *x = call->in[0].shape, *y = call->in[1].shape;
    reduce_ties_job job = {call, {1, 1, call->in[0].size}, 1};
    bool reduced[WG_MAX_RANK];
    if (call->in[0].size == 0) return WG_OK;
    for (uint32_t d = 0; d < x->rank; d++) reduced[d] = y->rank == 0 || y->dim[d] != x->dim[d];
    if (call->in[1].size != call->in[0].size) wg_reduce_is_one_run(x, reduced, &job.s);
    size_t rows = job.s.outer * (job.s.inner == 1 ? 1 : job.s.extent);
    job.parts = wg_team_parts(call->tape->team, 0.3 * (double)call->in[0].size, rows);
    wg_team_run(call->tape->team, job.parts, reduce_ties_part, &job);
    return WG_OK;
}

static const wg_op reduce_op_ties = {
    .name = "ties", .arity = 2, .flags = WG_OP_CUTS, .shape = reduce_ties_infer, .evaluate = reduce_ties};

/* g shared by the tied: each takes g / (number of ties), the others an exact zero. */
static void reduce_extreme_derivative(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    wg_reduce_axes axes = *(const wg_reduce_axes *)call->attributes;
    const wg_shape *shape = call->in[0].shape;
    wg_term x = wg_primal(d, 0);
    wg_term y = wg_reduce_with_axes(d, wg_result(d));
    wg_shape_split s;
    if (!wg_reduce_is_one_run(shape, axes.mask, &s)) y = wg_step(d, wg_op_broadcast_to(), &y, 1, shape, sizeof *shape);
    wg_term ties = wg_step(d, &reduce_op_ties, (wg_term[]){x, y}, 2, NULL, 0);
    axes.keepdims = true;
    wg_term count = wg_step(d, &reduce_op_sum, &ties, 1, &axes, sizeof axes);
    wg_term g = wg_reduce_with_axes(d, wg_cotangent(d));
    wg_term share = wg_step(d, &wg_ew_op_div0, (wg_term[]){g, count}, 2, NULL, 0);
    wg_give(d, 0, wg_op_mul(), (wg_term[]){ties, share}, 2, NULL, 0);
}

static const wg_op reduce_op_mean = {.name = "mean",
    .arity = 1,
    .flags = WG_OP_ADDS | WG_OP_LINEAR,
    .shape = reduce_infer_some,
    .evaluate = reduce_mean,
    .scratch = reduce_scratch,
    .derivative = reduce_mean_derivative,
    .describe = wg_reduce_describe};
static const wg_op reduce_op_max = {.name = "max",
    .describe = wg_reduce_describe,
    .arity = 1,
    .shape = reduce_infer_some,
    .evaluate = reduce_max,
    .scratch = reduce_scratch,
    .derivative = reduce_extreme_derivative};
static const wg_op reduce_op_min = {.name = "min",
    .describe = wg_reduce_describe,
    .arity = 1,
    .shape = reduce_infer_some,
    .evaluate = reduce_min,
    .scratch = reduce_scratch,
    .derivative = reduce_extreme_derivative};

/* ---- public ------------------------------------------------------------------------------------------------------ */

static wg_var reduce_apply(const wg_op *op, wg_var x, const wg_reduce_axes *axes)
{
    return x.tape ? wg_list_apply(x.tape, op, &x, 1, axes, sizeof *axes, NULL) : wg_invalid(NULL);
}

static wg_var reduce_all(const wg_op *op, wg_var x)
{
    wg_reduce_axes axes = wg_reduce_everything();
    return reduce_apply(op, x, &axes);
}

static wg_var reduce_some(const wg_op *op, wg_var x, const int *axes, size_t n, bool keepdims)
{
    wg_reduce_axes chosen;
    if (!wg_reduce_parse(op->name, x, axes, n, keepdims, &chosen)) return wg_invalid(x.tape);
    return reduce_apply(op, x, &chosen);
}

wg_var wg_sum(wg_var x) { return reduce_all(&reduce_op_sum, x); }
wg_var wg_mean(wg_var x) { return reduce_all(&reduce_op_mean, x); }
wg_var wg_max(wg_var x) { return reduce_all(&reduce_op_max, x); }
wg_var wg_min(wg_var x) { return reduce_all(&reduce_op_min, x); }

wg_var wg_sum_axes(wg_var x, const int *axes, size_t n, bool keepdims)
{
    return reduce_some(&reduce_op_sum, x, axes, n, keepdims);
}

wg_var wg_mean_axes(wg_var x, const int *axes, size_t n, bool keepdims)
{
    return reduce_some(&reduce_op_mean, x, axes, n, keepdims);
}

wg_var wg_max_axes(wg_var x, const int *axes, size_t n, bool keepdims)
{
    return reduce_some(&reduce_op_max, x, axes, n, keepdims);
}

wg_var wg_min_axes(wg_var x, const int *axes, size_t n, bool keepdims)
{
    return reduce_some(&reduce_op_min, x, axes, n, keepdims);
}
