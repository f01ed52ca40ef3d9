/* Convolution over one to three spatial axes, with stride, padding, dilation and groups, and its transpose.
 *
 * All of it is one trilinear form, T(x, w, g) = sum over images, channels, outputs p and taps k of
 *
 *     x[n, c, p stride + k dilation - padding]  w[o, c, k]  g[n, o, p],
 *
 * and three ops that each leave one factor out: the convolution is T's derivative with respect to g, the transposed
 * convolution that with respect to x, and a third that with respect to w. So each op's derivatives are the other two, with
 * the cotangent in the place of the factor left out, to any order (V. Dumoulin and F. Visin, A guide to convolution
 * arithmetic for deep learning, 2016, has the shapes).
 *
 * Each is a matrix product per image and group, with the windows laid out as columns, a block of columns at a time so that
 * the scratch stays small. A window of one element is its own column, a plane alone in its group needs no matrix, and the
 * windows over images that most networks have are read in place: conv_direct.c. */
#include "kernels/depthwise.h"
#include "kernels/gemm.h"
#include "kernels/im2col.h"
#include "ops/conv_direct.h"
#include "ops/window.h"
#include "shape/shape.h"
#include "wengert/ops.h"

#include <string.h>

/* The attributes: all that the shapes don't say. */
typedef struct conv_plan {
    wg_kernel_window window;
    size_t groups;
    uint32_t spatial;
    conv_role role;
} conv_plan;

static const wg_op conv_ops[CONV_ROLES][3];

/* ---- shapes ------------------------------------------------------------------------------------------------------------ */

/* The first extents, then the spatial ones. */
static wg_shape conv_shape(uint32_t first, const size_t *extents, uint32_t spatial, const size_t *axes)
{
    wg_shape shape = {.rank = first + spatial};
    for (uint32_t d = 0; d < first; d++) shape.dim[d] = extents[d];
    for (uint32_t d = 0; d < spatial; d++) shape.dim[first + d] = axes[3 - spatial + d];
    return shape;
}

static wg_status conv_infer(wg_call *call)
{
    const conv_plan *plan = call->attributes;
    const wg_shape *a = call->in[0].shape, *b = call->in[1].shape;
    uint32_t channel = wg_window_channel_axis(plan->spatial, a);
    size_t of_a = a->dim[channel], extents[2] = {a->dim[0]};
    const size_t *axes = plan->window.out;
    if (plan->role == CONV_FORWARD) {
        extents[channel] = b->dim[0];
    } else if (plan->role == CONV_TRANSPOSE) {
        extents[channel] = b->dim[1] * plan->groups;
        axes = plan->window.in;
    } else {
        extents[0] = b->dim[channel];
        extents[1] = of_a / plan->groups;
        axes = plan->window.kernel;
        channel = 1;
    }
    call->shape = conv_shape(channel + 1, extents, plan->spatial, axes);
    return WG_OK;
}

/* ---- evaluation -------------------------------------------------------------------------------------------------------- */

/* One evaluation. Of the three arrays x, w and g of the form, one is the result. */
typedef struct conv_job {
    const wg_call *call;
    const wg_kernel_window *window;
    wg_isa isa;
    conv_role role;
    bool f64, add;
    size_t element;
    size_t images, groups, in_channels, out_channels; /* channels per group */
    size_t inputs, outputs, taps;                     /* elements of a plane, and of a window */
    bool plain;                                       /* a window is one element, in its place */
    bool planes;                                      /* plane by plane, without a matrix */
    bool nothing;                                     /* the sums are over nothing */
    bool direct;                                      /* by conv_direct.c */
    wg_conv_direct by;
    size_t block; /* columns at a time */
    size_t column_bytes, gemm_bytes;
    void *columns, *gemm;
} conv_job;

enum {
    CONV_COLUMN_BYTES = 384 << 10, /* of scratch: stays in the second cache, with the weights */
    CONV_BLOCK = 64                /* but at least so many columns, and a multiple of them */
};

/* The larger of what whole blocks and the last one need. */
static size_t conv_gemm_bytes(const conv_job *job, size_t columns)
{
    size_t rows = job->in_channels * job->taps, m = job->out_channels, n = columns, k = rows;
    bool ta = false, tb = false;
    if (job->role == CONV_TRANSPOSE) m = rows, k = job->out_channels, ta = true;
    if (job->role == CONV_WEIGHT) n = rows, k = columns, tb = true;
    return job->f64 ? wg_kernel_gemm_scratch_f64(job->isa, ta, tb, m, n, k, job->call->tape->team)
                    : wg_kernel_gemm_scratch_f32(job->isa, ta, tb, m, n, k, job->call->tape->team);
}

static bool conv_is_plain(const wg_kernel_window *w)
{
    bool plain = true;
    for (size_t d = 0; d < 3; d++)
        plain = plain && w->kernel[d] == 1 && w->stride[d] == 1 && w->padding[d] == 0 && w->in[d] == w->out[d];
    return plain;
}

static size_t conv_aligned(size_t bytes) { return (bytes + WG_ALIGNMENT - 1) / WG_ALIGNMENT * WG_ALIGNMENT; }

static conv_job conv_open(const wg_call *call)
{
    const conv_plan *plan = call->attributes;
    const wg_kernel_window *w = &plan->window;
    conv_job job = {.call = call, .window = w, .isa = call->tape->isa, .role = plan->role, .groups = plan->groups};
    job.f64 = call->dtype == WG_F64;
    job.add = call->add;
    job.element = wg_dtype_size(call->dtype);
    const wg_shape *x = plan->role == CONV_TRANSPOSE ? &call->shape : call->in[0].shape;
    const wg_shape *g = plan->role == CONV_FORWARD     ? &call->shape
                        : plan->role == CONV_TRANSPOSE ? call->in[0].shape
                                                       : call->in[1].shape;
    uint32_t channel = wg_window_channel_axis(plan->spatial, x);
    job.images = wg_window_images(plan->spatial, x);
    job.in_channels = x->dim[channel] / job.groups;
    job.out_channels = g->dim[channel] / job.groups;
    job.inputs = wg_kernel_window_inputs(w);
    job.outputs = wg_kernel_window_outputs(w);
    job.taps = wg_kernel_window_taps(w);
    job.plain = conv_is_plain(w);
    job.planes = !job.plain && job.in_channels == 1 && job.out_channels <= 4;
    job.block = job.outputs;
    job.nothing = job.images == 0 || job.in_channels == 0 || job.out_channels == 0;
    if (job.planes && !job.nothing) job.column_bytes = wg_kernel_depthwise_scratch(w, job.element);
    if (job.planes || job.nothing) return job;
    job.by = (wg_conv_direct){.call = call,
        .isa = job.isa,
        .role = job.role,
        .f64 = job.f64,
        .images = job.images,
        .groups = job.groups,
        .in_channels = job.in_channels,
        .out_channels = job.out_channels,
        .window = *w};
    job.direct = wg_conv_direct_open(&job.by);
    if (job.direct && job.role != CONV_TRANSPOSE) return job; /* the other way may be needed after all */
    size_t rows = job.in_channels * job.taps;
    if (!job.plain) {
        size_t fit = CONV_COLUMN_BYTES / job.element / rows / CONV_BLOCK * CONV_BLOCK;
        if (fit < CONV_BLOCK) fit = CONV_BLOCK;
        if (fit < job.block) job.block = fit;
        job.column_bytes = conv_aligned(rows * job.block * job.element);
    }
    size_t last = job.outputs % job.block, whole = conv_gemm_bytes(&job, job.block);
    job.gemm_bytes = last ? conv_gemm_bytes(&job, last) : 0;
    if (job.gemm_bytes < whole) job.gemm_bytes = whole;
    return job;
}

/* What either way takes. */
static size_t conv_bytes(const conv_job *job)
{
    size_t bytes = job->column_bytes + job->gemm_bytes;
    return job->direct && job->by.bytes > bytes ? job->by.bytes : bytes;
}

static size_t conv_scratch(const wg_call *call)
{
    conv_job job = conv_open(call);
    return conv_bytes(&job);
}

/* Where element `at` of an array is. */
static const void *conv_at(const conv_job *job, const void *data, size_t at)
{
    return (const char *)data + at * job->element;
}
static void *conv_put(const conv_job *job, void *data, size_t at) { return (char *)data + at * job->element; }

static void conv_gemm(const conv_job *job, bool ta, bool tb, size_t m, size_t n, size_t k, const void *a, size_t lda,
    const void *b, size_t ldb, void *c, size_t ldc, bool add)
{
    if (job->f64)
        wg_kernel_gemm_f64(job->isa, ta, tb, m, n, k, a, lda, b, ldb, c, ldc, add, job->gemm, job->call->tape->team);
    else
        wg_kernel_gemm_f32(job->isa, ta, tb, m, n, k, a, lda, b, ldb, c, ldc, add, job->gemm, job->call->tape->team);
}

/* The columns from `first` on of one image's group, and how far its rows are apart. */
static const void *conv_columns(const conv_job *job, const void *x, size_t first, size_t count, size_t *ld)
{
    *ld = job->plain ? job->outputs : count;
    if (job->plain) return conv_at(job, x, first);
    if (job->f64)
        wg_kernel_im2col_f64(job->isa, job->window, job->in_channels, x, first, count, job->columns, count);
    else
        wg_kernel_im2col_f32(job->isa, job->window, job->in_channels, x, first, count, job->columns, count);
    return job->columns;
}

/* g = or += w columns(x) */
static void conv_forward(const conv_job *job, const void *x, const void *w, void *g)
{
    size_t rows = job->in_channels * job->taps, ld;
    for (size_t first = 0; first < job->outputs; first += job->block) {
        size_t count = job->outputs - first < job->block ? job->outputs - first : job->block;
        const void *columns = conv_columns(job, x, first, count, &ld);
        conv_gemm(job, false, false, job->out_channels, count, rows, w, rows, columns, ld, conv_put(job, g, first),
            job->outputs, job->add);
    }
}

/* columns(x) += w^T g; x holds zeros, or what is to be added to. */
static void conv_transpose(const conv_job *job, void *x, const void *w, const void *g)
{
    size_t rows = job->in_channels * job->taps;
    if (job->plain) {
        conv_gemm(job, true, false, rows, job->outputs, job->out_channels, w, rows, g, job->outputs, x, job->outputs,
            job->add);
        return;
    }
    for (size_t first = 0; first < job->outputs; first += job->block) {
        size_t count = job->outputs - first < job->block ? job->outputs - first : job->block;
        conv_gemm(job, true, false, rows, count, job->out_channels, w, rows, conv_at(job, g, first), job->outputs,
            job->columns, count, false);
        if (job->f64)
            wg_kernel_col2im_f64(job->isa, job->window, job->in_channels, job->columns, count, first, count, x);
        else
            wg_kernel_col2im_f32(job->isa, job->window, job->in_channels, job->columns, count, first, count, x);
    }
}

/* w = or += g columns(x)^T */
static void conv_weight(const conv_job *job, const void *x, void *w, const void *g, bool add)
{
    size_t rows = job->in_channels * job->taps, ld;
    for (size_t first = 0; first < job->outputs; first += job->block) {
        size_t count = job->outputs - first < job->block ? job->outputs - first : job->block;
        const void *columns = conv_columns(job, x, first, count, &ld);
        conv_gemm(job, false, true, job->out_channels, rows, count, conv_at(job, g, first), job->outputs, columns, ld,
            w, rows, add || first);
    }
}

/* The same three for a group of one input plane and few output planes; the result is added to. */
static void conv_planes(const conv_job *job, const void *a, const void *b, void *out)
{
    const wg_kernel_window *window = job->window;
    size_t g_step = job->outputs, w_step = job->taps;
    for (size_t o = 0; o < job->out_channels; o++) {
        size_t g = o * g_step, w = o * w_step;
        if (job->role == CONV_FORWARD && job->f64)
            wg_kernel_depthwise_f64(job->isa, window, a, conv_at(job, b, w), conv_put(job, out, g), job->columns);
        else if (job->role == CONV_FORWARD)
            wg_kernel_depthwise_f32(job->isa, window, a, conv_at(job, b, w), conv_put(job, out, g), job->columns);
        else if (job->role == CONV_TRANSPOSE && job->f64)
            wg_kernel_depthwise_input_f64(job->isa, window, conv_at(job, a, g), conv_at(job, b, w), out, job->columns);
        else if (job->role == CONV_TRANSPOSE)
            wg_kernel_depthwise_input_f32(job->isa, window, conv_at(job, a, g), conv_at(job, b, w), out, job->columns);
        else if (job->f64)
            wg_kernel_depthwise_weight_f64(
                job->isa, window, a, conv_at(job, b, g), conv_put(job, out, w), job->columns);
        else
            wg_kernel_depthwise_weight_f32(
                job->isa, window, a, conv_at(job, b, g), conv_put(job, out, w), job->columns);
    }
}

/* One group of one image, its arrays beginning at the elements given. */
static void conv_group(const conv_job *job, size_t x, size_t w, size_t g, bool first)
{
    const void *a = job->call->in[0].data, *b = job->call->in[1].data;
    void *out = job->call->out;
    size_t at[CONV_ROLES][3] = {{x, w, g}, {g, w, x}, {x, g, w}};
    a = conv_at(job, a, at[job->role][0]);
    b = conv_at(job, b, at[job->role][1]);
    out = conv_put(job, out, at[job->role][2]);
    if (job->planes)
        conv_planes(job, a, b, out);
    else if (job->role == CONV_FORWARD)
        conv_forward(job, a, b, out);
    else if (job->role == CONV_TRANSPOSE)
        conv_transpose(job, out, b, a);
    else
        conv_weight(job, a, out, b, job->add || !first);
}

static wg_status conv_evaluate(wg_call *call)
{
    conv_job job = conv_open(call);
    size_t bytes = conv_bytes(&job), size = wg_shape_product(&call->shape, 0, call->shape.rank);
    if (size == 0) return WG_OK;
    if (bytes && !(job.columns = wg_call_scratch(call, bytes))) return call->tape->status;
    if (job.direct && wg_conv_direct_promises(&job.by)) {
        wg_conv_direct_run(&job.by, job.columns);
        return WG_OK;
    }
    job.gemm = bytes ? (char *)job.columns + job.column_bytes : NULL;
    bool gathers = job.planes || (job.role == CONV_TRANSPOSE && !job.plain); /* adds to what is there */
    if ((gathers || job.nothing) && !call->add) memset(call->out, 0, size * job.element);
    if (job.nothing) return WG_OK;
    size_t x = job.in_channels * job.inputs, g = job.out_channels * job.outputs;
    size_t w = job.out_channels * job.in_channels * job.taps;
    for (size_t n = 0; n < job.images; n++)
        for (size_t k = 0; k < job.groups; k++)
            conv_group(&job, (n * job.groups + k) * x, k * w, (n * job.groups + k) * g, n == 0);
    return WG_OK;
}

/* ---- derivative -------------------------------------------------------------------------------------------------------- */

/* Gives input k the op of that role, on two of the op's inputs and its cotangent. */
static void conv_give(wg_derivation *d, size_t k, conv_role role, wg_term a, wg_term b)
{
    conv_plan plan = *(const conv_plan *)wg_derivation_call(d)->attributes;
    plan.role = role;
    wg_give(d, k, &conv_ops[role][plan.spatial - 1], (wg_term[]){a, b}, 2, &plan, sizeof plan);
}

static void conv_derivative(wg_derivation *d)
{
    const conv_plan *plan = wg_derivation_call(d)->attributes;
    wg_term u = wg_cotangent(d), a = wg_primal(d, 0), b = wg_primal(d, 1);
    if (plan->role == CONV_FORWARD) { /* of x and w, by g = u */
        conv_give(d, 0, CONV_TRANSPOSE, u, b);
        conv_give(d, 1, CONV_WEIGHT, a, u);
    } else if (plan->role == CONV_TRANSPOSE) { /* of g and w, by x = u */
        conv_give(d, 0, CONV_FORWARD, u, b);
        conv_give(d, 1, CONV_WEIGHT, u, a);
    } else { /* of x and g, by w = u */
        conv_give(d, 0, CONV_TRANSPOSE, b, u);
        conv_give(d, 1, CONV_FORWARD, a, u);
    }
}

static size_t conv_describe(const wg_call *call, char *text, size_t size)
{
    const conv_plan *plan = call->attributes;
    wg_words words = {text, size, 0};
    wg_window_describe(&words, &plan->window, plan->spatial);
    if (plan->groups != 1) wg_words_integer(&words, "groups", (int64_t)plan->groups);
    return words.length;
}

#define CONV_OP(name_)                                                                                                 \
    {                                                                                                                  \
        .name = name_, .arity = 2, .flags = WG_OP_ADDS | WG_OP_MULTILINEAR, .shape = conv_infer,                       \
        .evaluate = conv_evaluate, .scratch = conv_scratch, .derivative = conv_derivative, .describe = conv_describe   \
    }
static const wg_op conv_ops[CONV_ROLES][3] = {
    {CONV_OP("conv1d"), CONV_OP("conv2d"), CONV_OP("conv3d")},
    {CONV_OP("conv_transpose1d"), CONV_OP("conv_transpose2d"), CONV_OP("conv_transpose3d")},
    {CONV_OP("conv1d_weight"), CONV_OP("conv2d_weight"), CONV_OP("conv3d_weight")},
};
#undef CONV_OP

/* ---- public ------------------------------------------------------------------------------------------------------------ */

/* The weight is (O, C / groups, kernel...) for x of C channels, and (C, O / groups, kernel...) transposed. */
static bool conv_channels(const wg_window_caller *c, wg_var x, wg_var weight, conv_plan *plan)
{
    wg_shape a = wg_shape_of(x), w = wg_shape_of(weight);
    wg_tape *tape = c->tape;
    if (w.rank != c->spatial + 2) {
        wg_tape_fail(tape, WG_ERROR_SHAPE, "%s: the weight has %u axes, not %u: %s", c->name, (unsigned)w.rank,
            (unsigned)c->spatial + 2, wg_list_describe(tape, weight.index));
        return false;
    }
    for (uint32_t d = 0; d < c->spatial; d++) plan->window.kernel[wg_window_axis(c, d)] = w.dim[2 + d];
    bool transposed = plan->role == CONV_TRANSPOSE;
    size_t channels = a.dim[wg_window_channel_axis(c->spatial, &a)], groups = plan->groups;
    if (w.dim[0] % groups) {
        wg_tape_fail(tape, WG_ERROR_SHAPE, "%s: %zu groups do not divide the %zu %s channels of the weight %s", c->name,
            groups, w.dim[0], transposed ? "input" : "output", wg_list_describe(tape, weight.index));
        return false;
    }
    bool overflows = w.dim[1] && groups > SIZE_MAX / w.dim[1];
    size_t expected = transposed ? w.dim[0] : w.dim[1] * groups;
    if (channels == expected && !overflows) return true;
    if (transposed)
        wg_tape_fail(tape, WG_ERROR_SHAPE, "%s: %s has %zu channels, the weight %s expects %zu", c->name,
            wg_list_describe(tape, x.index), channels, wg_list_describe(tape, weight.index), expected);
    else
        wg_tape_fail(tape, WG_ERROR_SHAPE, "%s: %s has %zu channels, the weight %s expects %zu (groups %zu x %zu)",
            c->name, wg_list_describe(tape, x.index), channels, wg_list_describe(tape, weight.index), expected, groups,
            w.dim[1]);
    return false;
}

/* Along each axis (in - 1) stride + (kernel - 1) dilation + 1 + output_padding - 2 padding. */
static bool conv_transposed_extents(
    const wg_window_caller *c, wg_var x, const size_t *output_padding, wg_kernel_window *w)
{
    const size_t limit = PTRDIFF_MAX;
    for (size_t d = 0; d < 3; d++) {
        size_t n = w->out[d], extra = output_padding[d];
        const char *wrong = NULL;
        if (n == 0 || w->kernel[d] == 0) {
            wrong = "no elements or no taps";
        } else if (extra >= w->stride[d] && extra >= w->dilation[d] && extra) {
            wrong = "output_padding that is not smaller than stride or dilation";
        } else if (n - 1 > limit / 4 / w->stride[d] || w->kernel[d] - 1 > limit / 4 / w->dilation[d] ||
                   w->padding[d] > limit / 4 || extra > limit / 4) {
            wrong = "an extent that overflows";
        } else {
            size_t whole = (n - 1) * w->stride[d] + (w->kernel[d] - 1) * w->dilation[d] + 1 + extra;
            if (whole <= 2 * w->padding[d])
                wrong = "padding that leaves nothing";
            else
                w->in[d] = whole - 2 * w->padding[d];
        }
        if (!wrong) continue;
        wg_tape_fail(c->tape, WG_ERROR_SHAPE, "%s: %s, spatial axis %zu: %s", c->name,
            wg_list_describe(c->tape, x.index), d + c->spatial - 3, wrong);
        return false;
    }
    return true;
}

static bool conv_make_plan(
    const wg_window_caller *c, wg_var x, wg_var weight, const wg_conv_options *options, conv_plan *plan)
{
    static const wg_conv_options defaults = {.groups = 1};
    if (!options) options = &defaults;
    wg_kernel_window *window = &plan->window;
    size_t output_padding[3] = {0};
    *window = wg_window_trivial();
    plan->groups = options->groups ? options->groups : 1;
    if (!wg_window_setting(c, "stride", options->stride, 1, window->stride) ||
        !wg_window_setting(c, "padding", options->padding, 0, window->padding) ||
        !wg_window_setting(c, "dilation", options->dilation, 1, window->dilation) ||
        !wg_window_setting(c, "output_padding", options->output_padding, 0, output_padding) ||
        !wg_window_input(c, x, window) || !conv_channels(c, x, weight, plan))
        return false;
    if (plan->role == CONV_TRANSPOSE) {
        memcpy(window->out, window->in, sizeof window->out);
        return conv_transposed_extents(c, x, output_padding, window);
    }
    for (size_t d = 0; d < 3; d++)
        if (output_padding[d]) {
            wg_tape_fail(
                c->tape, WG_ERROR_ARGUMENT, "%s: output_padding is a setting of the transposed convolution", c->name);
            return false;
        }
    return wg_window_extents(c, x, false, window);
}

static wg_var conv_apply(conv_role role, uint32_t spatial, wg_var x, wg_var weight, const wg_conv_options *options)
{
    wg_var in[] = {x, weight};
    wg_tape *tape = x.tape ? x.tape : weight.tape;
    const wg_op *op = &conv_ops[role][spatial - 1];
    if (!tape) return wg_invalid(NULL);
    conv_plan plan = {.spatial = spatial, .role = role, .groups = 1};
    wg_window_caller caller = {tape, op->name, spatial, 3};
    if (wg_window_numbers(in, 2) && !conv_make_plan(&caller, x, weight, options, &plan)) return wg_invalid(tape);
    return wg_list_apply(tape, op, in, 2, &plan, sizeof plan, NULL);
}

wg_var wg_conv1d(wg_var x, wg_var weight, const wg_conv_options *options)
{
    return conv_apply(CONV_FORWARD, 1, x, weight, options);
}

wg_var wg_conv2d(wg_var x, wg_var weight, const wg_conv_options *options)
{
    return conv_apply(CONV_FORWARD, 2, x, weight, options);
}

wg_var wg_conv3d(wg_var x, wg_var weight, const wg_conv_options *options)
{
    return conv_apply(CONV_FORWARD, 3, x, weight, options);
}

wg_var wg_conv_transpose1d(wg_var x, wg_var weight, const wg_conv_options *options)
{
    return conv_apply(CONV_TRANSPOSE, 1, x, weight, options);
}

wg_var wg_conv_transpose2d(wg_var x, wg_var weight, const wg_conv_options *options)
{
    return conv_apply(CONV_TRANSPOSE, 2, x, weight, options);
}

wg_var wg_conv_transpose3d(wg_var x, wg_var weight, const wg_conv_options *options)
{
    return conv_apply(CONV_TRANSPOSE, 3, x, weight, options);
}
