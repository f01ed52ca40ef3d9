/* im2col and col2im, which PyTorch calls unfold and fold: the windows of an image as the columns of a matrix, and the sum
 * of such columns back in their places. Both are linear, and each is the other's adjoint. */
#include "kernels/im2col.h"
#include "ops/window.h"
#include "shape/shape.h"
#include "wengert/ops.h"

#include <string.h>

typedef struct unfold_plan {
    wg_kernel_window window;
} unfold_plan;

/* The shape of the images and that of the columns differ in their last axes alone: (C, H, W), (C kh kw, L). */
static wg_status unfold_infer_columns(wg_call *call)
{
    const unfold_plan *plan = call->attributes;
    const wg_shape *x = call->in[0].shape;
    call->shape = (wg_shape){.rank = x->rank - 1};
    call->shape.dim[0] = x->dim[0];
    call->shape.dim[x->rank - 3] = x->dim[x->rank - 3] * wg_kernel_window_taps(&plan->window);
    call->shape.dim[x->rank - 2] = wg_kernel_window_outputs(&plan->window);
    return WG_OK;
}

static wg_status unfold_infer_images(wg_call *call)
{
    const unfold_plan *plan = call->attributes;
    const wg_shape *columns = call->in[0].shape;
    call->shape = (wg_shape){.rank = columns->rank + 1};
    call->shape.dim[0] = columns->dim[0];
    call->shape.dim[columns->rank - 2] = columns->dim[columns->rank - 2] / wg_kernel_window_taps(&plan->window);
    call->shape.dim[columns->rank - 1] = plan->window.in[1];
    call->shape.dim[columns->rank] = plan->window.in[2];
    return WG_OK;
}

/* Columns of one image after the other; the channels of one image follow each other in both. */
static wg_status unfold_evaluate_columns(wg_call *call)
{
    const wg_kernel_window *w = &((const unfold_plan *)call->attributes)->window;
    size_t images = call->shape.rank == 3 ? call->shape.dim[0] : 1, count = wg_kernel_window_outputs(w);
    size_t channels = call->in[0].shape->dim[call->shape.rank - 2], plane = wg_kernel_window_inputs(w);
    size_t column = channels * wg_kernel_window_taps(w);
    for (size_t n = 0; n < images && channels; n++)
        if (call->dtype == WG_F64)
            wg_kernel_im2col_f64(call->tape->isa, w, channels, (const double *)call->in[0].data + n * channels * plane,
                0, count, (double *)call->out + n * column * count, count);
        else
            wg_kernel_im2col_f32(call->tape->isa, w, channels, (const float *)call->in[0].data + n * channels * plane,
                0, count, (float *)call->out + n * column * count, count);
    return WG_OK;
}

static wg_status unfold_evaluate_images(wg_call *call)
{
    const wg_kernel_window *w = &((const unfold_plan *)call->attributes)->window;
    size_t images = call->shape.rank == 4 ? call->shape.dim[0] : 1, count = wg_kernel_window_outputs(w);
    size_t channels = call->shape.dim[call->shape.rank - 3], plane = wg_kernel_window_inputs(w);
    size_t column = channels * wg_kernel_window_taps(w), size = images * channels * plane;
    if (!call->add && size) memset(call->out, 0, size * wg_dtype_size(call->dtype));
    for (size_t n = 0; n < images && channels; n++)
        if (call->dtype == WG_F64)
            wg_kernel_col2im_f64(call->tape->isa, w, channels, (const double *)call->in[0].data + n * column * count,
                count, 0, count, (double *)call->out + n * channels * plane);
        else
            wg_kernel_col2im_f32(call->tape->isa, w, channels, (const float *)call->in[0].data + n * column * count,
                count, 0, count, (float *)call->out + n * channels * plane);
    return WG_OK;
}

static void unfold_derive_columns(wg_derivation *d);
static void unfold_derive_images(wg_derivation *d);

static size_t unfold_describe(const wg_call *call, char *text, size_t size)
{
    const unfold_plan *plan = call->attributes;
    wg_words words = {text, size, 0};
    wg_window_describe(&words, &plan->window, 2);
    return words.length;
}

static const wg_op unfold_op_columns = {.name = "im2col",
    .arity = 1,
    .flags = WG_OP_LINEAR,
    .shape = unfold_infer_columns,
    .evaluate = unfold_evaluate_columns,
    .derivative = unfold_derive_columns,
    .describe = unfold_describe};
static const wg_op unfold_op_images = {.name = "col2im",
    .arity = 1,
    .flags = WG_OP_LINEAR | WG_OP_ADDS,
    .shape = unfold_infer_images,
    .evaluate = unfold_evaluate_images,
    .derivative = unfold_derive_images,
    .describe = unfold_describe};

static void unfold_derive_columns(wg_derivation *d)
{
    wg_term g = wg_cotangent(d);
    wg_give(d, 0, &unfold_op_images, &g, 1, wg_derivation_call(d)->attributes, sizeof(unfold_plan));
}

static void unfold_derive_images(wg_derivation *d)
{
    wg_term g = wg_cotangent(d);
    wg_give(d, 0, &unfold_op_columns, &g, 1, wg_derivation_call(d)->attributes, sizeof(unfold_plan));
}

/* ---- public ------------------------------------------------------------------------------------------------------------ */

static bool unfold_settings(const wg_window_caller *c, const wg_unfold_options *options, wg_kernel_window *w)
{
    *w = wg_window_trivial();
    if (!options || !options->kernel[0] || !options->kernel[1]) {
        wg_tape_fail(c->tape, WG_ERROR_ARGUMENT, "%s: options.kernel is not given for both axes", c->name);
        return false;
    }
    return wg_window_setting(c, "kernel", options->kernel, 1, w->kernel) &&
           wg_window_setting(c, "stride", options->stride, 1, w->stride) &&
           wg_window_setting(c, "padding", options->padding, 0, w->padding) &&
           wg_window_setting(c, "dilation", options->dilation, 1, w->dilation);
}

/* The rows of the columns are channels times taps, a number that must exist. */
static bool unfold_make_columns(
    const wg_window_caller *c, wg_var x, const wg_unfold_options *options, wg_kernel_window *w)
{
    if (!unfold_settings(c, options, w) || !wg_window_input(c, x, w) || !wg_window_extents(c, x, false, w))
        return false;
    wg_shape shape = wg_shape_of(x);
    size_t rows = shape.dim[shape.rank - 3];
    bool overflows = rows && (w->kernel[1] > SIZE_MAX / rows || w->kernel[2] > SIZE_MAX / rows / w->kernel[1]);
    overflows = overflows || w->kernel[1] > SIZE_MAX / w->kernel[2] || w->out[1] > SIZE_MAX / w->out[2];
    if (overflows)
        wg_tape_fail(c->tape, WG_ERROR_SHAPE, "%s: the size of the result overflows, for %s", c->name,
            wg_list_describe(c->tape, x.index));
    return !overflows;
}

static bool unfold_make_images(const wg_window_caller *c, wg_var columns, size_t height, size_t width,
    const wg_unfold_options *options, wg_kernel_window *w)
{
    wg_shape shape = wg_shape_of(columns);
    char text[WG_SHAPE_TEXT];
    if (!unfold_settings(c, options, w)) return false;
    w->in[1] = height;
    w->in[2] = width;
    if (shape.rank != 2 && shape.rank != 3) {
        wg_tape_fail(c->tape, WG_ERROR_SHAPE, "%s: takes (N, C kh kw, L) or (C kh kw, L), not %s", c->name,
            wg_list_describe(c->tape, columns.index));
        return false;
    }
    if (height > PTRDIFF_MAX || width > PTRDIFF_MAX) {
        wg_tape_fail(c->tape, WG_ERROR_SHAPE, "%s: the image's size overflows", c->name);
        return false;
    }
    if (!wg_window_extents(c, columns, false, w)) return false;
    bool overflows = w->kernel[1] > SIZE_MAX / w->kernel[2] || w->out[1] > SIZE_MAX / w->out[2];
    size_t rows = shape.dim[shape.rank - 2], count = shape.dim[shape.rank - 1];
    if (overflows || rows % wg_kernel_window_taps(w) || count != wg_kernel_window_outputs(w)) {
        wg_tape_fail(c->tape, WG_ERROR_SHAPE,
            "%s: %s does not have a multiple of the kernel %s in rows and %zu x %zu columns, one per window of "
            "(%zu,%zu)",
            c->name, wg_list_describe(c->tape, columns.index), wg_window_format(c, w->kernel, text), w->out[1],
            w->out[2], height, width);
        return false;
    }
    return true;
}

wg_var wg_im2col(wg_var x, const wg_unfold_options *options)
{
    wg_window_caller caller = {x.tape, "im2col", 2, 2};
    unfold_plan plan = {wg_window_trivial()};
    if (!x.tape) return wg_invalid(NULL);
    if (wg_window_numbers(&x, 1) && !unfold_make_columns(&caller, x, options, &plan.window)) return wg_invalid(x.tape);
    return wg_list_apply(x.tape, &unfold_op_columns, &x, 1, &plan, sizeof plan, NULL);
}

wg_var wg_col2im(wg_var columns, size_t height, size_t width, const wg_unfold_options *options)
{
    wg_window_caller caller = {columns.tape, "col2im", 2, 2};
    unfold_plan plan = {wg_window_trivial()};
    if (!columns.tape) return wg_invalid(NULL);
    if (wg_window_numbers(&columns, 1) && !unfold_make_images(&caller, columns, height, width, options, &plan.window))
        return wg_invalid(columns.tape);
    return wg_list_apply(columns.tape, &unfold_op_images, &columns, 1, &plan, sizeof plan, NULL);
}
