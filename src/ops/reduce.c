/* Reductions over everything or over some axes: sum, mean, max, min.
 *
 * Neighbouring axes that are both kept or both reduced act as one. What is left alternates; each reduced run is one
 * call of a kernel over (outer, reduced, inner), the last run first. */
#include "ops/reduce.h"

#include "kernels/copy.h"
#include "kernels/reduce.h"
#include "ops/compose.h"
#include "ops/elementwise/elementwise.h"
#include "shape/shape.h"
#include "tape/words.h"
#include "wengert/ops.h"

#include <string.h>

/* ---- any set of axes --------------------------------------------------------------------------------------------- */

typedef struct reduce_run {
    size_t extent;
    bool reduced;
} reduce_run;

static size_t reduce_runs(const wg_shape *shape, const bool *mask, reduce_run *runs)
{
    size_t n = 0;
    for (uint32_t d = 0; d < shape->rank; d++) {
        if (shape->dim[d] == 1) continue;
        if (n && runs[n - 1].reduced == mask[d])
            runs[n - 1].extent *= shape->dim[d];
        else
            runs[n++] = (reduce_run){shape->dim[d], mask[d]};
    }
    return n;
}

static void reduce_kernel(wg_dtype dtype, wg_reduce_kind kind, size_t outer, size_t reduced, size_t inner,
    const void *in, void *out, bool add, double divisor)
{
    if (dtype == WG_F64) {
        if (kind == WG_REDUCE_SUM) wg_kernel_sum_f64(outer, reduced, inner, in, out, add, divisor);
        if (kind == WG_REDUCE_MAX) wg_kernel_max_f64(outer, reduced, inner, in, out);
        if (kind == WG_REDUCE_MIN) wg_kernel_min_f64(outer, reduced, inner, in, out);
    } else {
        if (kind == WG_REDUCE_SUM) wg_kernel_sum_f32(outer, reduced, inner, in, out, add, divisor);
        if (kind == WG_REDUCE_MAX) wg_kernel_max_f32(outer, reduced, inner, in, out);
        if (kind == WG_REDUCE_MIN) wg_kernel_min_f32(outer, reduced, inner, in, out);
    }
}

/* One step's kernel, cut by rows of the outer axis, or a sum over the first axis by columns, as wide as its kernel takes
 * them anyway. The sum of everything is one tree, which is not cut. */
typedef struct reduce_job {
    wg_dtype dtype;
    wg_reduce_kind kind;
    size_t outer, reduced, inner, parts, wide;
    const char *in;
    char *out;
    bool add;
    double divisor;
} reduce_job;

static void reduce_part(void *context, size_t part)
{
    const reduce_job *job = context;
    const size_t element = wg_dtype_size(job->dtype), inner = job->inner, reduced = job->reduced;
    if (!job->wide) {
        size_t first = wg_team_first(job->outer, job->parts, part),
               end = wg_team_first(job->outer, job->parts, part + 1);
        reduce_kernel(job->dtype, job->kind, end - first, reduced, inner, job->in + first * reduced * inner * element,
            job->out + first * inner * element, job->add, job->divisor);
        return;
    }
    size_t pieces = (inner + job->wide - 1) / job->wide, end = wg_team_first(pieces, job->parts, part + 1);
    for (size_t piece = wg_team_first(pieces, job->parts, part); piece < end; piece++) {
        size_t j = piece * job->wide, cols = inner - j < job->wide ? inner - j : job->wide;
        const void *in = job->in + j * element;
        void *out = job->out + j * element;
        if (job->dtype == WG_F64)
            wg_kernel_sum_columns_f64(reduced, inner, cols, in, out, job->add, job->divisor);
        else
            wg_kernel_sum_columns_f32(reduced, inner, cols, in, out, job->add, job->divisor);
    }
}

static void reduce_parts(wg_team *team, reduce_job *job)
{
    const double bytes = (double)(job->outer * job->reduced * job->inner) * (double)wg_dtype_size(job->dtype);
    size_t most = job->outer;
    if (wg_team_size(team) > 1 && job->outer == 1 && job->kind == WG_REDUCE_SUM && job->reduced > 0 && job->inner > 1) {
        job->wide = job->dtype == WG_F64 ? wg_kernel_columns_f64(job->inner) : wg_kernel_columns_f32(job->inner);
        most = (job->inner + job->wide - 1) / job->wide;
    }
    job->parts = most > 1 ? wg_team_parts(team, 0.03 * bytes, most) : 1;
    if (job->parts > 1)
        wg_team_run(team, job->parts, reduce_part, job);
    else
        reduce_kernel(
            job->dtype, job->kind, job->outer, job->reduced, job->inner, job->in, job->out, job->add, job->divisor);
}

/* One run over (outer, extent, inner): the last reduced one that is left. */
typedef struct reduce_step {
    size_t outer, extent, inner;
} reduce_step;

/* Takes the last reduced run out of the list. False when none is left; then the step is a copy. */
static bool reduce_next(reduce_run *runs, size_t n, reduce_step *step)
{
    size_t last = n;
    *step = (reduce_step){1, 1, 1};
    for (size_t i = 0; i < n; i++)
        if (runs[i].reduced) last = i;
    for (size_t i = 0; i < n && i < last; i++) step->outer *= runs[i].extent;
    for (size_t i = last + 1; i < n; i++) step->inner *= runs[i].extent;
    if (last == n) return false;
    step->extent = runs[last].extent;
    runs[last] = (reduce_run){1, false};
    return true;
}

static void reduce_by_step(wg_dtype dtype, wg_reduce_kind kind, const reduce_step *step, const void *in, void *out,
    bool add, double divisor, wg_team *team)
{
    reduce_job job = {.dtype = dtype,
        .kind = kind,
        .outer = step->outer,
        .reduced = step->extent,
        .inner = step->inner,
        .in = in,
        .out = out,
        .add = add,
        .divisor = divisor};
    reduce_parts(team, &job);
}

static size_t reduce_bytes(const reduce_step *step, wg_dtype dtype)
{
    size_t bytes = step->outer * step->inner * wg_dtype_size(dtype);
    return (bytes + WG_ALIGNMENT - 1) / WG_ALIGNMENT * WG_ALIGNMENT;
}

/* All steps but the last leave a partial result. */
size_t wg_reduce_scratch(const wg_shape *shape, const bool *mask, wg_dtype dtype)
{
    reduce_run runs[WG_MAX_RANK];
    reduce_step step, next;
    size_t n = reduce_runs(shape, mask, runs), bytes = 0;
    if (!reduce_next(runs, n, &step)) return 0;
    for (; reduce_next(runs, n, &next); step = next) bytes += reduce_bytes(&step, dtype);
    return bytes;
}

void wg_reduce_into(
    const wg_reduce_work *work, wg_reduce_kind kind, const void *in, void *out, bool add, double divisor)
{
    reduce_run runs[WG_MAX_RANK];
    reduce_step step, next;
    size_t n = reduce_runs(work->shape, work->mask, runs);
    char *partial = work->scratch;
    if (reduce_next(runs, n, &step))
        for (; reduce_next(runs, n, &next); step = next) {
            reduce_by_step(work->dtype, kind, &step, in, partial, false, 1, work->team);
            in = partial;
            if (partial) partial += reduce_bytes(&step, work->dtype); /* NULL: there are no elements */
        }
    reduce_by_step(work->dtype, kind, &step, in, out, add, divisor, work->team);
}

/* Most often there is one reduced run, and nothing to be kept on the way. False: there are more. */
static bool reduce_is_one_run(const wg_shape *shape, const bool *mask, reduce_step *step)
{
    *step = (reduce_step){1, 1, 1};
    bool begun = false, ended = false;
    for (uint32_t d = 0; d < shape->rank; d++) {
        if (shape->dim[d] == 1) continue;
        if (mask[d]) {
            if (ended) return false;
            begun = true;
            step->extent *= shape->dim[d];
        } else if (begun) {
            ended = true;
            step->inner *= shape->dim[d];
        } else {
            step->outer *= shape->dim[d];
        }
    }
    return begun;
}

wg_status wg_reduce_array(
    wg_call *call, wg_reduce_kind kind, const void *in, const wg_shape *shape, const bool *mask, double divisor)
{
    reduce_step step;
    if (reduce_is_one_run(shape, mask, &step)) {
        reduce_by_step(call->dtype, kind, &step, in, call->out, call->add, divisor, call->tape->team);
        return WG_OK;
    }
    size_t bytes = wg_reduce_scratch(shape, mask, call->dtype);
    wg_reduce_work work = {call->dtype, shape, mask, bytes ? wg_call_scratch(call, bytes) : NULL, call->tape->team};
    if (bytes && !work.scratch) return call->tape->status;
    wg_reduce_into(&work, kind, in, call->out, call->add, divisor);
    return WG_OK;
}

/* ---- one run ----------------------------------------------------------------------------------------------------- */

wg_shape_split wg_reduce_run(const wg_shape *shape, const bool *mask)
{
    reduce_step step;
    reduce_is_one_run(shape, mask, &step);
    return (wg_shape_split){step.outer, step.extent, step.inner};
}

/* The axes that are kept first, then the reduced. */
static wg_var reduce_together(const wg_op *op, wg_var x, const wg_reduce_axes *axes)
{
    wg_shape shape = wg_shape_of(x), kept = wg_reduce_shape(&shape, axes, true);
    wg_reduce_axes last = {.keepdims = false};
    int order[WG_MAX_RANK];
    uint32_t n = 0;
    for (uint32_t d = 0; d < shape.rank; d++)
        if (!axes->mask[d]) order[n++] = (int)d;
    for (uint32_t d = n; d < shape.rank; d++) last.mask[d] = true;
    for (uint32_t d = 0; d < shape.rank; d++)
        if (axes->mask[d]) order[n++] = (int)d;
    wg_composition c;
    if (!wg_compose_open(&c, op->name, &x, 1, 0)) return wg_invalid(x.tape);
    wg_var turned = wg_permute(x, order, n);
    wg_var y = wg_list_apply(x.tape, op, &turned, 1, &last, sizeof last, NULL);
    return wg_compose_close(&c, axes->keepdims ? wg_reshape(y, kept) : y);
}

wg_var wg_reduce_apply_run(const wg_op *op, wg_var x, const wg_reduce_axes *axes)
{
    if (!x.tape) return wg_invalid(NULL);
    if (wg_list_valid(x) && x.tape->status == WG_OK) {
        reduce_run runs[WG_MAX_RANK];
        wg_shape shape = wg_shape_of(x);
        size_t reduced = 0, n = reduce_runs(&shape, axes->mask, runs);
        for (size_t i = 0; i < n; i++) reduced += runs[i].reduced;
        if (reduced > 1) return reduce_together(op, x, axes);
    }
    return wg_list_apply(x.tape, op, &x, 1, axes, sizeof *axes, NULL);
}

/* ---- the ops ----------------------------------------------------------------------------------------------------- */

size_t wg_reduce_count(const wg_shape *shape, const bool *mask)
{
    size_t count = 1;
    for (uint32_t d = 0; d < shape->rank; d++)
        if (mask[d]) count *= shape->dim[d];
    return count;
}

bool wg_reduce_empty(const wg_shape *shape)
{
    for (uint32_t d = 0; d < shape->rank; d++)
        if (shape->dim[d] == 0) return true;
    return false;
}

wg_shape wg_reduce_shape(const wg_shape *shape, const wg_reduce_axes *axes, bool keepdims)
{
    wg_shape out = {0};
    for (uint32_t d = 0; d < shape->rank; d++) {
        if (!axes->mask[d])
            out.dim[out.rank++] = shape->dim[d];
        else if (keepdims)
            out.dim[out.rank++] = 1;
    }
    return out;
}

wg_status wg_reduce_infer(wg_call *call)
{
    const wg_reduce_axes *axes = call->attributes;
    call->shape = wg_reduce_shape(call->in[0].shape, axes, axes->keepdims);
    return WG_OK;
}

size_t wg_reduce_describe(const wg_call *call, char *text, size_t size)
{
    const wg_reduce_axes *axes = call->attributes;
    wg_words words = {text, size, 0};
    wg_words_axes(&words, axes->mask, call->in[0].shape->rank);
    wg_words_flag(&words, "keepdims", axes->keepdims);
    return words.length;
}

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
    return wg_reduce_array(call, WG_REDUCE_SUM, call->in[0].data, call->in[0].shape, axes->mask, 1);
}

static wg_status reduce_mean(wg_call *call)
{
    const wg_reduce_axes *axes = call->attributes;
    double count = (double)wg_reduce_count(call->in[0].shape, axes->mask);
    return wg_reduce_array(call, WG_REDUCE_SUM, call->in[0].data, call->in[0].shape, axes->mask, count);
}

static wg_status reduce_max(wg_call *call)
{
    const wg_reduce_axes *axes = call->attributes;
    return wg_reduce_array(call, WG_REDUCE_MAX, call->in[0].data, call->in[0].shape, axes->mask, 1);
}

static wg_status reduce_min(wg_call *call)
{
    const wg_reduce_axes *axes = call->attributes;
    return wg_reduce_array(call, WG_REDUCE_MIN, call->in[0].data, call->in[0].shape, axes->mask, 1);
}

wg_term wg_reduce_with_axes(wg_derivation *d, wg_term term)
{
    const wg_call *call = wg_derivation_call(d);
    const wg_reduce_axes *axes = call->attributes;
    if (axes->keepdims || call->shape.rank == 0) return term; /* a number stretches to any shape as it is */
    wg_shape kept = wg_reduce_shape(call->in[0].shape, axes, true);
    return wg_step(d, wg_op_reshape(), &term, 1, &kept, sizeof kept);
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
        wg_kernel_copy_f64(1, &call->in[0].size, &share, &none, out, &one, add);
    } else {
        float share = *(const float *)g / (float)count;
        wg_kernel_copy_f32(1, &call->in[0].size, &share, &none, out, &one, add);
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

/* ties(x, y): 1 where x equals its group's y (NaN equals NaN), else 0: where a maximum's derivative goes. Locally
 * constant, so it has no derivative. */
static wg_status reduce_ties_infer(wg_call *call)
{
    call->shape = *call->in[0].shape;
    return WG_OK;
}

#define REDUCE_TIES(R)                                                                                                 \
    do {                                                                                                               \
        const R *x = call->in[0].data, *y = stretched;                                                                 \
        R *out = call->out;                                                                                            \
        for (size_t i = 0; i < size; i++) out[i] = x[i] == y[i] || (x[i] != x[i] && y[i] != y[i]);                     \
    } while (0)
static wg_status reduce_ties(wg_call *call)
{
    size_t size = call->in[0].size;
    const void *stretched = call->in[1].data; /* already of x's shape */
    if (call->dtype == WG_F64)
        REDUCE_TIES(double);
    else
        REDUCE_TIES(float);
    return WG_OK;
}
#undef REDUCE_TIES

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
    wg_term stretched = wg_step(d, wg_op_broadcast_to(), &y, 1, shape, sizeof *shape);
    wg_term ties = wg_step(d, &reduce_op_ties, (wg_term[]){x, stretched}, 2, NULL, 0);
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

wg_reduce_axes wg_reduce_everything(void)
{
    wg_reduce_axes axes = {.keepdims = false};
    memset(axes.mask, 1, sizeof axes.mask);
    return axes;
}

bool wg_reduce_parse(const char *name, wg_var x, const int *axes, size_t n, bool keepdims, wg_reduce_axes *chosen)
{
    *chosen = (wg_reduce_axes){.keepdims = keepdims};
    if (!wg_list_valid(x) || x.tape->status != WG_OK) return true;
    wg_shape shape = wg_shape_of(x);
    size_t which = 0;
    const char *wrong = n && !axes ? "is NULL" : wg_shape_axes(&shape, axes, n, chosen->mask, &which);
    if (!wrong) return true;
    if (axes)
        wg_tape_fail(x.tape, WG_ERROR_SHAPE, "%s: axis %d %s for %s", name, axes[which], wrong,
            wg_list_describe(x.tape, x.index));
    else
        wg_tape_fail(x.tape, WG_ERROR_ARGUMENT, "%s: the array of axes is NULL", name);
    return false;
}

bool wg_reduce_parse_axis(const char *name, wg_var x, int axis, wg_shape_split *split)
{
    *split = (wg_shape_split){0, 0, 0};
    if (!wg_list_valid(x) || x.tape->status != WG_OK) return true;
    wg_shape shape = wg_shape_of(x);
    uint32_t found;
    if (!wg_shape_axis(&shape, axis, &found)) {
        wg_tape_fail(x.tape, WG_ERROR_SHAPE, "%s: axis %d is out of range for %s", name, axis,
            wg_list_describe(x.tape, x.index));
        return false;
    }
    *split = wg_shape_around(&shape, found);
    return true;
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
