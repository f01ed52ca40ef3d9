/* Pooling over one to three spatial axes: the maximum or the mean of what each window sees.
 *
 * A maximum's derivative goes to the inputs that equal it, shared among ties; which they are is locally constant. Two ops
 * do it, each the other's adjoint in its first argument: spread gives each window's share to its tied inputs, collect
 * takes the mean over them. The mean is linear, and its adjoint is an op of its own. */
#include "kernels/pool.h"
#include "kernels/team.h"
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

/* ---- evaluation -------------------------------------------------------------------------------------------------------- */

typedef enum pool_kind { POOL_MAX, POOL_SPREAD, POOL_COLLECT, POOL_MEAN, POOL_UNMEAN } pool_kind;

/* Planes of inputs and of windows, shared among threads; each part has its scratch. */
typedef struct pool_job {
    const wg_call *call;
    pool_kind kind;
    wg_kernel_pool pool;
    size_t planes, inputs, outputs; /* elements of a plane */
    size_t parts, bytes;            /* of a part's scratch */
    char *scratch;
} pool_job;

static pool_job pool_open(const wg_call *call, pool_kind kind)
{
    const pool_plan *plan = call->attributes;
    pool_job job = {.call = call, .kind = kind, .pool = wg_kernel_pool_plan(&plan->window, plan->inside)};
    job.planes = wg_shape_product(&call->shape, 0, call->shape.rank - plan->spatial);
    job.inputs = wg_kernel_window_inputs(&plan->window);
    job.outputs = wg_kernel_window_outputs(&plan->window);
    bool ties = kind == POOL_SPREAD || kind == POOL_COLLECT;
    double seen = (double)job.outputs * (double)wg_kernel_window_taps(&plan->window);
    double each = ties ? 0.4 : 0.1; /* nanoseconds */
    job.parts = wg_team_parts(call->tape->team, each * (double)job.planes * ((double)job.inputs + seen), job.planes);
    static const wg_kernel_pool_use uses[] = {[POOL_MAX] = WG_KERNEL_POOL_FOLD,
        [POOL_SPREAD] = WG_KERNEL_POOL_SPREAD,
        [POOL_COLLECT] = WG_KERNEL_POOL_COLLECT,
        [POOL_MEAN] = WG_KERNEL_POOL_FOLD,
        [POOL_UNMEAN] = WG_KERNEL_POOL_UNMEAN};
    size_t bytes = wg_kernel_pool_scratch(&job.pool, wg_dtype_size(call->dtype), uses[kind]);
    job.bytes = (bytes + WG_ALIGNMENT - 1) / WG_ALIGNMENT * WG_ALIGNMENT;
    return job;
}

/* A part's operands and result; each plane of one kind lies between those before and after. */
#define POOL_PART(R, type)                                                                                             \
    do {                                                                                                               \
        const R *a = call->in[0].data, *x = call->in[1].data, *y = call->in[2].data;                                   \
        R *out = call->out;                                                                                            \
        switch (job->kind) {                                                                                           \
        case POOL_MAX:                                                                                                 \
            wg_kernel_pool_max_##type(isa, p, n, a + in, out + to, scratch);                                           \
            break;                                                                                                     \
        case POOL_MEAN:                                                                                                \
            wg_kernel_pool_mean_##type(isa, p, n, a + in, out + to, scratch);                                          \
            break;                                                                                                     \
        case POOL_UNMEAN:                                                                                              \
            wg_kernel_pool_unmean_##type(isa, p, n, a + to, out + in, add, scratch);                                   \
            break;                                                                                                     \
        case POOL_SPREAD:                                                                                              \
            wg_kernel_pool_spread_##type(isa, p, n, a + to, x + in, y + to, out + in, add, scratch);                   \
            break;                                                                                                     \
        case POOL_COLLECT:                                                                                             \
            wg_kernel_pool_collect_##type(isa, p, n, a + in, x + in, y + to, out + to, scratch);                       \
            break;                                                                                                     \
        }                                                                                                              \
    } while (0)

static void pool_part(void *context, size_t part)
{
    const pool_job *job = context;
    const wg_call *call = job->call;
    const wg_kernel_pool *p = &job->pool;
    size_t first = wg_team_first(job->planes, job->parts, part);
    size_t n = wg_team_first(job->planes, job->parts, part + 1) - first;
    size_t in = first * job->inputs, to = first * job->outputs; /* elements before those of the part */
    wg_isa isa = call->tape->isa;
    bool add = call->add;
    void *scratch = job->bytes ? job->scratch + part * job->bytes : NULL;
    if (call->dtype == WG_F64)
        POOL_PART(double, f64);
    else
        POOL_PART(float, f32);
}
#undef POOL_PART

static wg_status pool_run(wg_call *call, pool_kind kind)
{
    pool_job job = pool_open(call, kind);
    if (job.planes == 0) return WG_OK;
    if (job.bytes && !(job.scratch = wg_call_scratch(call, job.parts * job.bytes))) return call->tape->status;
    wg_team_run(call->tape->team, job.parts, pool_part, &job);
    return WG_OK;
}

#define POOL_EVALUATION(name, kind)                                                                                    \
    static wg_status pool_##name(wg_call *call) { return pool_run(call, kind); }                                       \
    static size_t pool_##name##_scratch(const wg_call *call)                                                           \
    {                                                                                                                  \
        pool_job job = pool_open(call, kind);                                                                          \
        return job.planes ? job.parts * job.bytes : 0;                                                                 \
    }
POOL_EVALUATION(max, POOL_MAX)
POOL_EVALUATION(spread, POOL_SPREAD)   /* spread(g, x, y): of x's shape, from windows */
POOL_EVALUATION(collect, POOL_COLLECT) /* collect(u, x, y): of y's shape, from inputs */
POOL_EVALUATION(mean, POOL_MEAN)
POOL_EVALUATION(unmean, POOL_UNMEAN)
#undef POOL_EVALUATION

/* ---- maximum ----------------------------------------------------------------------------------------------------------- */

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
    .scratch = pool_spread_scratch,
    .derivative = pool_derive_spread,
    .describe = pool_describe};
static const wg_op pool_op_collect = {.name = "max_pool_collect",
    .arity = 3,
    .shape = pool_infer_out,
    .evaluate = pool_collect,
    .scratch = pool_collect_scratch,
    .derivative = pool_derive_collect,
    .describe = pool_describe};

/* ---- mean -------------------------------------------------------------------------------------------------------------- */

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
    .scratch = pool_unmean_scratch,
    .derivative = pool_derive_unmean,
    .describe = pool_describe};

#define POOL_OP_AVG(name_)                                                                                             \
    {                                                                                                                  \
        .name = name_, .arity = 1, .flags = WG_OP_LINEAR, .shape = pool_infer_out, .evaluate = pool_mean,              \
        .scratch = pool_mean_scratch, .derivative = pool_derive_mean, .describe = pool_describe                        \
    }
#define POOL_OP_MAX(name_)                                                                                             \
    {                                                                                                                  \
        .name = name_, .arity = 1, .shape = pool_infer_out, .evaluate = pool_max, .scratch = pool_max_scratch,         \
        .derivative = pool_derive_max, .describe = pool_describe                                                       \
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
