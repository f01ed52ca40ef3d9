/* Pooling over one to three spatial axes: the maximum or the mean of what each window sees.
 *
 * A maximum's derivative goes to the inputs that equal it, shared among ties; which they are is locally constant. Two ops
 * do it, each the other's adjoint in its first argument: spread gives each window's share to its tied inputs, collect
 * takes the mean over them. The mean is linear, and its adjoint is an op of its own. */
#include "kernels/pool.h"
#include "ops/window.h"
#include "shape/shape.h"
#include "wengert/ops.h"

#include <string.h>

typedef struct pool_plan {
    wg_kernel_window window;
    uint32_t spatial;
    bool inside; /* a mean counts the elements of the input alone */
} pool_plan;

/* ---- planes ------------------------------------------------------------------------------------------------------------ */

/* The shape with other spatial extents. */
static wg_shape pool_shape(const wg_shape *shape, uint32_t spatial, const size_t *axes)
{
    wg_shape out = *shape;
    for (uint32_t d = 0; d < spatial; d++) out.dim[shape->rank - spatial + d] = axes[3 - spatial + d];
    return out;
}

/* From inputs to windows, and back. */
static wg_status pool_infer_out(wg_call *call)
{
    const pool_plan *plan = call->attributes;
    call->shape = pool_shape(call->in[0].shape, plan->spatial, plan->window.out);
    return WG_OK;
}
static wg_status pool_infer_in(wg_call *call)
{
    const pool_plan *plan = call->attributes;
    call->shape = pool_shape(call->in[0].shape, plan->spatial, plan->window.in);
    return WG_OK;
}

/* One number per window of a plane. */
static size_t pool_scratch(const wg_call *call)
{
    const pool_plan *plan = call->attributes;
    return wg_kernel_window_outputs(&plan->window) * wg_dtype_size(call->dtype);
}

/* An evaluation, plane after plane. Operands and result are planes of inputs or of windows. */
typedef struct pool_job {
    const pool_plan *plan;
    size_t planes, inputs, outputs; /* elements of a plane */
    void *scratch;                  /* of outputs */
} pool_job;

static wg_status pool_open(wg_call *call, bool scratch, pool_job *job)
{
    const pool_plan *plan = call->attributes;
    *job = (pool_job){.plan = plan, .planes = wg_shape_product(&call->shape, 0, call->shape.rank - plan->spatial)};
    job->inputs = wg_kernel_window_inputs(&plan->window);
    job->outputs = wg_kernel_window_outputs(&plan->window);
    if (scratch && job->planes && !(job->scratch = wg_call_scratch(call, pool_scratch(call))))
        return call->tape->status;
    return WG_OK;
}

static void pool_clear(const wg_call *call, const pool_job *job)
{
    if (!call->add && job->planes) memset(call->out, 0, job->planes * job->inputs * wg_dtype_size(call->dtype));
}

/* ---- maximum ----------------------------------------------------------------------------------------------------------- */

#define POOL_MAX(R, kernel)                                                                                            \
    for (size_t n = 0; n < job.planes; n++)                                                                            \
    kernel(&job.plan->window, (const R *)call->in[0].data + n * job.inputs, (R *)call->out + n * job.outputs)

static wg_status pool_max(wg_call *call)
{
    pool_job job;
    if (pool_open(call, false, &job) != WG_OK) return call->tape->status;
    if (call->dtype == WG_F64)
        POOL_MAX(double, wg_kernel_pool_max_f64);
    else
        POOL_MAX(float, wg_kernel_pool_max_f32);
    return WG_OK;
}
#undef POOL_MAX

/* spread(g, x, y): of x's shape, from windows. */
#define POOL_SPREAD(R, share, spread)                                                                                  \
    for (size_t n = 0; n < job.planes; n++) {                                                                          \
        const R *g = (const R *)call->in[0].data + n * job.outputs, *x = (const R *)call->in[1].data + n * job.inputs; \
        const R *y = (const R *)call->in[2].data + n * job.outputs;                                                    \
        share(&job.plan->window, x, y, g, job.scratch);                                                                \
        spread(&job.plan->window, x, y, job.scratch, (R *)call->out + n * job.inputs);                                 \
    }

static wg_status pool_spread(wg_call *call)
{
    pool_job job;
    if (pool_open(call, true, &job) != WG_OK) return call->tape->status;
    pool_clear(call, &job);
    if (call->dtype == WG_F64)
        POOL_SPREAD(double, wg_kernel_pool_share_f64, wg_kernel_pool_spread_f64)
    else
        POOL_SPREAD(float, wg_kernel_pool_share_f32, wg_kernel_pool_spread_f32)
    return WG_OK;
}
#undef POOL_SPREAD

/* collect(u, x, y): of y's shape, from inputs. */
#define POOL_COLLECT(R, collect)                                                                                       \
    for (size_t n = 0; n < job.planes; n++) {                                                                          \
        const R *u = (const R *)call->in[0].data + n * job.inputs, *x = (const R *)call->in[1].data + n * job.inputs;  \
        const R *y = (const R *)call->in[2].data + n * job.outputs;                                                    \
        collect(&job.plan->window, x, y, u, job.scratch, (R *)call->out + n * job.outputs);                            \
    }

static wg_status pool_collect(wg_call *call)
{
    pool_job job;
    if (pool_open(call, true, &job) != WG_OK) return call->tape->status;
    if (call->dtype == WG_F64)
        POOL_COLLECT(double, wg_kernel_pool_collect_f64)
    else
        POOL_COLLECT(float, wg_kernel_pool_collect_f32)
    return WG_OK;
}
#undef POOL_COLLECT

static const wg_op pool_op_spread, pool_op_collect;

/* Both are linear in the first argument; the others only say where the maxima are. */
static void pool_give(wg_derivation *d, const wg_op *op, wg_term x, wg_term y)
{
    wg_give(d, 0, op, (wg_term[]){wg_cotangent(d), x, y}, 3, wg_derivation_call(d)->attributes, sizeof(pool_plan));
}
static size_t pool_describe(const wg_call *call, char *text, size_t size)
{
    const pool_plan *plan = call->attributes;
    wg_words words = {text, size, 0};
    wg_window_describe(&words, &plan->window, plan->spatial);
    wg_words_flag(&words, "exclude_padding", plan->inside);
    return words.length;
}

static void pool_derive_max(wg_derivation *d) { pool_give(d, &pool_op_spread, wg_primal(d, 0), wg_result(d)); }
static void pool_derive_spread(wg_derivation *d) { pool_give(d, &pool_op_collect, wg_primal(d, 1), wg_primal(d, 2)); }
static void pool_derive_collect(wg_derivation *d) { pool_give(d, &pool_op_spread, wg_primal(d, 1), wg_primal(d, 2)); }

static const wg_op pool_op_spread = {.name = "max_pool_spread",
    .arity = 3,
    .flags = WG_OP_ADDS,
    .shape = pool_infer_in,
    .evaluate = pool_spread,
    .scratch = pool_scratch,
    .derivative = pool_derive_spread,
    .describe = pool_describe};
static const wg_op pool_op_collect = {.name = "max_pool_collect",
    .arity = 3,
    .shape = pool_infer_out,
    .evaluate = pool_collect,
    .scratch = pool_scratch,
    .derivative = pool_derive_collect,
    .describe = pool_describe};

/* ---- mean -------------------------------------------------------------------------------------------------------------- */

#define POOL_MEAN(R, kernel)                                                                                           \
    for (size_t n = 0; n < job.planes; n++)                                                                            \
    kernel(&job.plan->window, job.plan->inside, (const R *)call->in[0].data + n * job.inputs, job.scratch,             \
        (R *)call->out + n * job.outputs)

static size_t pool_mean_scratch(const wg_call *call)
{
    const pool_plan *plan = call->attributes;
    return wg_kernel_pool_parts(&plan->window) ? pool_scratch(call) : 0;
}

static wg_status pool_mean(wg_call *call)
{
    pool_job job;
    if (pool_open(call, pool_mean_scratch(call), &job) != WG_OK) return call->tape->status;
    if (call->dtype == WG_F64)
        POOL_MEAN(double, wg_kernel_pool_mean_f64);
    else
        POOL_MEAN(float, wg_kernel_pool_mean_f32);
    return WG_OK;
}
#undef POOL_MEAN

#define POOL_UNMEAN(R, kernel)                                                                                         \
    for (size_t n = 0; n < job.planes; n++)                                                                            \
    kernel(&job.plan->window, job.plan->inside, (const R *)call->in[0].data + n * job.outputs, job.scratch,            \
        (R *)call->out + n * job.inputs)

static wg_status pool_unmean(wg_call *call)
{
    pool_job job;
    if (pool_open(call, true, &job) != WG_OK) return call->tape->status;
    pool_clear(call, &job);
    if (call->dtype == WG_F64)
        POOL_UNMEAN(double, wg_kernel_pool_unmean_f64);
    else
        POOL_UNMEAN(float, wg_kernel_pool_unmean_f32);
    return WG_OK;
}
#undef POOL_UNMEAN

static const wg_op pool_op_unmean, pool_op_avg[3];

static void pool_derive_mean(wg_derivation *d)
{
    wg_term g = wg_cotangent(d);
    wg_give(d, 0, &pool_op_unmean, &g, 1, wg_derivation_call(d)->attributes, sizeof(pool_plan));
}
static void pool_derive_unmean(wg_derivation *d)
{
    const pool_plan *plan = wg_derivation_call(d)->attributes;
    wg_term g = wg_cotangent(d);
    wg_give(d, 0, &pool_op_avg[plan->spatial - 1], &g, 1, plan, sizeof *plan);
}

static const wg_op pool_op_unmean = {.name = "avg_pool_adjoint",
    .arity = 1,
    .flags = WG_OP_ADDS | WG_OP_LINEAR,
    .shape = pool_infer_in,
    .evaluate = pool_unmean,
    .scratch = pool_scratch,
    .derivative = pool_derive_unmean,
    .describe = pool_describe};

#define POOL_OP_AVG(name_)                                                                                             \
    {                                                                                                                  \
        .name = name_, .arity = 1, .flags = WG_OP_LINEAR, .shape = pool_infer_out, .evaluate = pool_mean,              \
        .scratch = pool_mean_scratch, .derivative = pool_derive_mean, .describe = pool_describe                        \
    }
#define POOL_OP_MAX(name_)                                                                                             \
    {                                                                                                                  \
        .name = name_, .arity = 1, .shape = pool_infer_out, .evaluate = pool_max, .derivative = pool_derive_max,       \
        .describe = pool_describe                                                                                      \
    }
static const wg_op pool_op_avg[3] = {POOL_OP_AVG("avg_pool1d"), POOL_OP_AVG("avg_pool2d"), POOL_OP_AVG("avg_pool3d")};
static const wg_op pool_op_max[3] = {POOL_OP_MAX("max_pool1d"), POOL_OP_MAX("max_pool2d"), POOL_OP_MAX("max_pool3d")};
#undef POOL_OP_AVG
#undef POOL_OP_MAX

/* ---- public ------------------------------------------------------------------------------------------------------------ */

/* Padding of at most half the kernel leaves a window without an element only where there is next to nothing: the first
 * one, whose taps may lie on both sides of the input. */
static bool pool_sees(const wg_kernel_window *w)
{
    for (size_t d = 0; d < 3; d++) {
        size_t over = w->padding[d] % w->dilation[d];
        if (w->in[d] <= (over ? w->dilation[d] - over : 0)) return false;
    }
    return true;
}

static bool pool_settings(const wg_window_caller *c, const wg_pool_options *options, wg_kernel_window *w)
{
    *w = wg_window_trivial();
    bool given = options;
    for (size_t d = 0; d < c->spatial; d++) given = given && options->kernel[d];
    if (!given) {
        wg_tape_fail(c->tape, WG_ERROR_ARGUMENT, "%s: options.kernel is not given for each spatial axis", c->name);
        return false;
    }
    if (!wg_window_setting(c, "kernel", options->kernel, 1, w->kernel)) return false;
    memcpy(w->stride, w->kernel, sizeof w->stride);
    return wg_window_setting(c, "stride", options->stride, 1, w->stride) &&
           wg_window_setting(c, "padding", options->padding, 0, w->padding) &&
           wg_window_setting(c, "dilation", options->dilation, 1, w->dilation);
}

static bool pool_make_plan(
    const wg_window_caller *c, wg_var x, const wg_pool_options *options, bool max, pool_plan *plan)
{
    wg_kernel_window *w = &plan->window;
    char padding[WG_SHAPE_TEXT], kernel[WG_SHAPE_TEXT];
    if (!pool_settings(c, options, w)) return false;
    plan->inside = options->exclude_padding;
    for (size_t d = 0; d < 3; d++) {
        if (w->dilation[d] != 1 && !max) {
            wg_tape_fail(c->tape, WG_ERROR_ARGUMENT, "%s: dilation is a setting of max_pool", c->name);
            return false;
        }
        if (w->padding[d] > w->kernel[d] / 2) {
            wg_tape_fail(c->tape, WG_ERROR_ARGUMENT, "%s: padding %s is more than half the kernel %s", c->name,
                wg_window_format(c, w->padding, padding), wg_window_format(c, w->kernel, kernel));
            return false;
        }
    }
    if (max && options->exclude_padding) {
        wg_tape_fail(c->tape, WG_ERROR_ARGUMENT, "%s: exclude_padding is a setting of avg_pool", c->name);
        return false;
    }
    if (!wg_window_input(c, x, w) || !wg_window_extents(c, x, options->ceil_mode, w)) return false;
    if (pool_sees(w)) return true;
    wg_tape_fail(c->tape, WG_ERROR_SHAPE, "%s: a window sees nothing of %s: kernel %s, padding %s", c->name,
        wg_list_describe(c->tape, x.index), wg_window_format(c, w->kernel, kernel),
        wg_window_format(c, w->padding, padding));
    return false;
}

static wg_var pool_apply(const wg_op *ops, uint32_t spatial, wg_var x, const wg_pool_options *options)
{
    const wg_op *op = &ops[spatial - 1];
    wg_window_caller caller = {x.tape, op->name, spatial, 3};
    pool_plan plan = {.spatial = spatial};
    if (!x.tape) return wg_invalid(NULL);
    if (wg_window_numbers(&x, 1) && !pool_make_plan(&caller, x, options, ops == pool_op_max, &plan))
        return wg_invalid(x.tape);
    return wg_list_apply(x.tape, op, &x, 1, &plan, sizeof plan, NULL);
}

wg_var wg_max_pool1d(wg_var x, const wg_pool_options *options) { return pool_apply(pool_op_max, 1, x, options); }
wg_var wg_max_pool2d(wg_var x, const wg_pool_options *options) { return pool_apply(pool_op_max, 2, x, options); }
wg_var wg_max_pool3d(wg_var x, const wg_pool_options *options) { return pool_apply(pool_op_max, 3, x, options); }
wg_var wg_avg_pool1d(wg_var x, const wg_pool_options *options) { return pool_apply(pool_op_avg, 1, x, options); }
wg_var wg_avg_pool2d(wg_var x, const wg_pool_options *options) { return pool_apply(pool_op_avg, 2, x, options); }
wg_var wg_avg_pool3d(wg_var x, const wg_pool_options *options) { return pool_apply(pool_op_avg, 3, x, options); }
