/* Ops that take parts or join them: slice and select, concat and stack, and embed, the derivative of the first two:
 * zeros with windows. All but embed move index vars too. */
#include "ops/compose.h"
#include "ops/copy.h"
#include "shape/shape.h"
#include "tape/list.h"
#include "tape/words.h"
#include "wengert/ops.h"

#include <stdio.h>
#include <string.h>

/* A window along one axis: count elements from start, each step after the other. drops: one element, whose axis the
 * part does not have. */
typedef struct index_window {
    uint32_t axis;
    bool drops;
    ptrdiff_t start, step;
    size_t count;
    size_t extent; /* of the whole axis */
} index_window;

/* Copies between the window of a whole array and a part of it alone. */
static void index_copy(const wg_call *call, const wg_shape *whole, const index_window *window, const void *in,
    void *out, bool out_is_whole, bool add)
{
    ptrdiff_t whole_strides[WG_MAX_RANK], part_strides[WG_MAX_RANK];
    wg_shape part = *whole;
    part.dim[window->axis] = window->count;
    wg_shape_strides(whole, whole_strides);
    wg_shape_strides(&part, part_strides);
    ptrdiff_t skip = window->count ? window->start * whole_strides[window->axis] : 0;
    ptrdiff_t bytes = skip * (ptrdiff_t)wg_copy_element(call);
    whole_strides[window->axis] *= window->step;
    if (out_is_whole)
        wg_copy_strided(call, part.rank, part.dim, in, part_strides, (char *)out + bytes, whole_strides, add);
    else
        wg_copy_strided(call, part.rank, part.dim, (const char *)in + bytes, whole_strides, out, part_strides, add);
}

/* The shape of the part, of the whole. */
static wg_shape index_part_shape(const wg_shape *whole, const index_window *window)
{
    wg_shape shape = *whole;
    shape.dim[window->axis] = window->count;
    if (!window->drops) return shape;
    shape.rank--;
    for (uint32_t k = window->axis; k < shape.rank; k++) shape.dim[k] = whole->dim[k + 1];
    return shape;
}

static wg_shape index_whole_shape(const wg_shape *part, const index_window *window)
{
    wg_shape shape = *part;
    if (window->drops)
        for (uint32_t k = shape.rank++; k > window->axis; k--) shape.dim[k] = part->dim[k - 1];
    shape.dim[window->axis] = window->extent;
    return shape;
}

/* ---- slice and select -------------------------------------------------------------------------------------------- */

static wg_status index_infer_slice(wg_call *call)
{
    call->shape = index_part_shape(call->in[0].shape, call->attributes);
    call->indices = call->in[0].indices;
    return WG_OK;
}

static wg_status index_slice(wg_call *call)
{
    index_copy(call, call->in[0].shape, call->attributes, call->in[0].data, call->out, false, call->add);
    return WG_OK;
}

/* Leading rows, one after the other, are a part of the array as it lies. */
static size_t index_view_slice(const wg_call *call)
{
    const index_window *window = call->attributes;
    wg_shape_split split = wg_shape_around(call->in[0].shape, window->axis);
    if (split.outer != 1 || (window->step != 1 && window->count > 1)) return SIZE_MAX;
    return window->count ? (size_t)window->start * split.inner : 0;
}

/* The bounds that slice takes: stop is one step past the last element, "end" where that is before the first one. */
static void index_describe_bounds(wg_words *words, const index_window *window)
{
    ptrdiff_t stop = window->start + (ptrdiff_t)window->count * window->step;
    if (window->step > 0 && stop > (ptrdiff_t)window->extent) stop = (ptrdiff_t)window->extent;
    wg_words_integer(words, "start", window->start);
    if (stop < 0)
        wg_words_add(words, "stop=end");
    else
        wg_words_integer(words, "stop", stop);
    if (window->step != 1) wg_words_integer(words, "step", window->step);
}

static size_t index_describe_window(const wg_call *call, char *text, size_t size)
{
    const index_window *window = call->attributes;
    wg_words words = {text, size, 0};
    wg_words_integer(&words, "axis", window->axis);
    if (window->drops)
        wg_words_integer(&words, "index", window->start);
    else
        index_describe_bounds(&words, window);
    return words.length;
}

static void index_derive_slice(wg_derivation *d);

static const wg_op index_op_slice = {.name = "slice",
    .arity = 1,
    .flags = WG_OP_ADDS | WG_OP_TAKES_INDICES | WG_OP_LINEAR,
    .shape = index_infer_slice,
    .evaluate = index_slice,
    .view = index_view_slice,
    .derivative = index_derive_slice,
    .describe = index_describe_window};

static const wg_op index_op_select = {.name = "select",
    .arity = 1,
    .flags = WG_OP_ADDS | WG_OP_TAKES_INDICES | WG_OP_LINEAR,
    .shape = index_infer_slice,
    .evaluate = index_slice,
    .view = index_view_slice,
    .derivative = index_derive_slice,
    .describe = index_describe_window};

/* Takes the window out of in: the derivative of what put it there. */
static void index_give_part(wg_derivation *d, size_t k, wg_term in, const index_window *window)
{
    wg_give(d, k, window->drops ? &index_op_select : &index_op_slice, &in, 1, window, sizeof *window);
}

/* ---- embed: zeros of the whole shape, with each argument added in its window ------------------------------------- */

static wg_status index_infer_embed(wg_call *call)
{
    call->shape = index_whole_shape(call->in[0].shape, call->attributes);
    return WG_OK;
}

/* Adding touches the windows alone: many slices of one array cost what they hold, not the array each time. */
static wg_status index_embed(wg_call *call)
{
    const index_window *windows = call->attributes;
    size_t size = wg_shape_product(&call->shape, 0, call->shape.rank);
    if (!call->add) memset(call->out, 0, size * wg_dtype_size(call->dtype));
    for (size_t k = 0; k < call->n; k++)
        index_copy(call, &call->shape, &windows[k], call->in[k].data, call->out, true, true);
    return WG_OK;
}

static void index_derive_embed(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    const index_window *windows = call->attributes;
    wg_term g = wg_cotangent(d);
    for (size_t k = 0; k < call->n; k++) index_give_part(d, k, g, &windows[k]);
}

/* "at=[:,1:5]" for each argument. */
static size_t index_describe_embed(const wg_call *call, char *text, size_t size)
{
    static const char others[] = ":,:,:,:,:,:,:,";
    const index_window *windows = call->attributes;
    wg_words words = {text, size, 0};
    for (size_t k = 0; k < call->n; k++) {
        const index_window *w = &windows[k];
        ptrdiff_t stop = w->start + (ptrdiff_t)w->count * w->step;
        char end[32] = "", step[32] = "";
        if (stop >= 0) snprintf(end, sizeof end, "%td", stop);
        if (w->step != 1) snprintf(step, sizeof step, ":%td", w->step);
        if (w->drops)
            wg_words_add(&words, "at=[%.*s%td]", (int)(2 * w->axis), others, w->start);
        else
            wg_words_add(&words, "at=[%.*s%td:%s%s]", (int)(2 * w->axis), others, w->start, end, step);
    }
    return words.length;
}

static const wg_op index_op_embed = {.name = "embed",
    .arity = WG_ANY_ARITY,
    .flags = WG_OP_ADDS | WG_OP_JOINS | WG_OP_LINEAR,
    .shape = index_infer_embed,
    .evaluate = index_embed,
    .derivative = index_derive_embed,
    .describe = index_describe_embed};

static void index_derive_slice(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    wg_term g = wg_cotangent(d);
    wg_give(d, 0, &index_op_embed, &g, 1, call->attributes, sizeof(index_window));
}

/* One bound by Python's rule: omitted, counted from the end, clipped. */
static ptrdiff_t index_bound(ptrdiff_t bound, ptrdiff_t extent, ptrdiff_t omitted, bool forward)
{
    ptrdiff_t low = forward ? 0 : -1, high = forward ? extent : extent - 1;
    if (bound == WG_END) return omitted;
    if (bound < 0) bound += extent;
    return bound < low ? low : bound > high ? high : bound;
}

static index_window index_resolve(uint32_t axis, size_t extent, ptrdiff_t start, ptrdiff_t stop, ptrdiff_t step)
{
    bool forward = step > 0;
    ptrdiff_t length = (ptrdiff_t)extent;
    if (step == PTRDIFF_MIN) step = -PTRDIFF_MAX; /* so that -step exists; both step past any end */
    ptrdiff_t first = index_bound(start, length, forward ? 0 : length - 1, forward);
    ptrdiff_t end = index_bound(stop, length, forward ? length : -1, forward);
    ptrdiff_t span = forward ? end - first : first - end, stride = forward ? step : -step;
    size_t count = span > 0 ? (size_t)((span - 1) / stride) + 1 : 0;
    return (index_window){axis, false, count ? first : 0, count > 1 ? step : 1, count, extent};
}

wg_var wg_slice(wg_var x, int axis, ptrdiff_t start, ptrdiff_t stop, ptrdiff_t step)
{
    if (!x.tape) return wg_invalid(NULL);
    index_window window = {0};
    if (wg_list_valid(x) && x.tape->status == WG_OK) {
        wg_shape shape = wg_shape_of(x);
        uint32_t found;
        if (step == 0)
            wg_tape_fail(x.tape, WG_ERROR_ARGUMENT, "slice: the step is 0, for %s", wg_list_describe(x.tape, x.index));
        else if (!wg_shape_axis(&shape, axis, &found))
            wg_tape_fail(x.tape, WG_ERROR_SHAPE, "slice: axis %d is out of range for %s", axis,
                wg_list_describe(x.tape, x.index));
        else
            window = index_resolve(found, shape.dim[found], start, stop, step);
    }
    return wg_list_apply(x.tape, &index_op_slice, &x, 1, &window, sizeof window, NULL);
}

wg_var wg_select(wg_var x, int axis, ptrdiff_t index)
{
    wg_composition c;
    uint32_t found;
    if (!wg_compose_open(&c, "select", &x, 1, 1) || !wg_compose_axis(&c, x, axis, &found)) return wg_invalid(x.tape);
    size_t extent = wg_shape_of(x).dim[found];
    ptrdiff_t length = (ptrdiff_t)extent, place = index < 0 ? index + length : index;
    if (place < 0 || place >= length) {
        wg_tape_fail(x.tape, WG_ERROR_ARGUMENT, "select: index %td is out of range along axis %d of %s", index, axis,
            wg_list_describe(x.tape, x.index));
        return wg_invalid(x.tape);
    }
    index_window window = {found, true, place, 1, 1, extent};
    return wg_list_apply(x.tape, &index_op_select, &x, 1, &window, sizeof window, NULL);
}

#define INDEX_BLOCK      8192 /* elements */
#define INDEX_BLOCK_ROWS 8
#define INDEX_TILE       8192 /* bytes */
#define INDEX_FEW        4    /* operands that are worth transposing, and as many as leave a tile of some length */
#define INDEX_MANY       64

/* ---- concat and stack -------------------------------------------------------------------------------------------- */

/* All operands hold numbers, or all hold indices; the result holds the same. */
static wg_status index_infer_elements(wg_call *call)
{
    call->indices = call->n && call->in[0].indices;
    for (size_t k = 1; k < call->n; k++)
        if (call->in[k].indices != call->indices)
            return wg_call_fail(call, WG_ERROR_ARGUMENT, "argument %zu, %s, holds %s where %s are expected", k + 1,
                wg_call_describe(call, k), call->indices ? "numbers" : "indices",
                call->indices ? "indices" : "numbers");
    return WG_OK;
}

static wg_status index_infer_concat(wg_call *call)
{
    int axis = *(const int *)call->attributes;
    uint32_t found;
    if (call->n == 0) return wg_call_fail(call, WG_ERROR_ARGUMENT, "there are no arrays to join");
    call->shape = *call->in[0].shape;
    if (!wg_shape_axis(&call->shape, axis, &found))
        return wg_call_fail(call, WG_ERROR_SHAPE, "axis %d is out of range for %s", axis, wg_call_describe(call, 0));
    for (size_t k = 1; k < call->n; k++) {
        wg_shape part = *call->in[k].shape;
        size_t extent = part.rank == call->shape.rank ? part.dim[found] : 0, so_far = call->shape.dim[found];
        if (part.rank == call->shape.rank) part.dim[found] = so_far;
        if (!wg_shape_equal(&part, &call->shape))
            return wg_call_fail(call, WG_ERROR_SHAPE, "the shapes differ beside axis %d: %s and %s", axis,
                wg_call_describe(call, 0), wg_call_describe(call, k));
        if (extent > SIZE_MAX - so_far) return wg_call_fail(call, WG_ERROR_SHAPE, "the extents' sum overflows");
        call->shape.dim[found] = so_far + extent;
    }
    return index_infer_elements(call);
}

static wg_status index_infer_stack(wg_call *call)
{
    int axis = *(const int *)call->attributes;
    uint32_t found;
    if (call->n == 0) return wg_call_fail(call, WG_ERROR_ARGUMENT, "there are no arrays to join");
    const wg_shape *part = call->in[0].shape;
    wg_shape shape = {.rank = part->rank + 1};
    if (part->rank == WG_MAX_RANK || !wg_shape_axis(&shape, axis, &found))
        return wg_call_fail(call, WG_ERROR_SHAPE,
            part->rank == WG_MAX_RANK ? "no room for axis %d: %s has all the axes that there can be"
                                      : "a new axis %d is out of range for %s",
            axis, wg_call_describe(call, 0));
    for (size_t k = 1; k < call->n; k++)
        if (!wg_shape_equal(call->in[k].shape, part))
            return wg_call_fail(call, WG_ERROR_SHAPE, "the shapes differ: %s and %s", wg_call_describe(call, 0),
                wg_call_describe(call, k));
    call->shape = index_whole_shape(part, &(index_window){.axis = found, .drops = true, .extent = call->n});
    return index_infer_elements(call);
}

static const wg_op index_op_stack;

/* The part of the result that operand k fills. start is moved past it. */
static index_window index_part(const wg_call *call, size_t k, ptrdiff_t *start)
{
    uint32_t axis = 0;
    bool drops = call->op == &index_op_stack;
    wg_shape_axis(&call->shape, *(const int *)call->attributes, &axis);
    size_t count = drops ? 1 : call->in[k].shape->dim[axis];
    index_window window = {axis, drops, *start, 1, count, call->shape.dim[axis]};
    *start += (ptrdiff_t)count;
    return window;
}

/* Single numbers in turn from each of several operands: a tile of each is set below the other, and the matrix that they make
 * is transposed. */
static void index_interleave(const wg_call *call, size_t count)
{
    _Alignas(WG_ALIGNMENT) char tile[INDEX_TILE];
    const size_t n = call->n, element = wg_copy_element(call);
    const size_t most = sizeof tile / element / n;
    for (size_t done = 0; done < count; done += most) {
        const size_t some = count - done < most ? count - done : most;
        for (size_t k = 0; k < n; k++)
            memcpy(tile + k * some * element, (const char *)call->in[k].data + done * element, some * element);
        wg_copy_strided(call, 2, (size_t[]){some, n}, tile, (ptrdiff_t[]){1, (ptrdiff_t)some},
            (char *)call->out + done * n * element, (ptrdiff_t[]){(ptrdiff_t)n, 1}, call->add);
    }
}

/* Rows of the result are written in blocks that the cache holds: many narrow parts each touch every row. A block has
 * rows enough that a part of it is worth a call. */
static wg_status index_concat(wg_call *call)
{
    uint32_t axis = 0;
    wg_shape_axis(&call->shape, *(const int *)call->attributes, &axis);
    wg_shape_split split = wg_shape_around(&call->shape, axis);
    size_t row = split.extent * split.inner, element = wg_copy_element(call);
    if (row == 0) return WG_OK;
    if (row == call->n && call->op == &index_op_stack && call->n >= INDEX_FEW && call->n <= INDEX_MANY) {
        index_interleave(call, split.outer);
        return WG_OK;
    }
    size_t block = INDEX_BLOCK / row < INDEX_BLOCK_ROWS ? INDEX_BLOCK_ROWS : INDEX_BLOCK / row;
    for (size_t done = 0; done < split.outer; done += block) {
        ptrdiff_t start = 0;
        for (size_t k = 0; k < call->n; k++) {
            size_t at = done * row + (size_t)start * split.inner;
            size_t width = index_part(call, k, &start).count * split.inner;
            size_t count[] = {split.outer - done < block ? split.outer - done : block, width};
            const char *in = (const char *)call->in[k].data + done * width * element;
            wg_copy_strided(call, 2, count, in, (ptrdiff_t[]){(ptrdiff_t)width, 1}, (char *)call->out + at * element,
                (ptrdiff_t[]){(ptrdiff_t)row, 1}, call->add);
        }
    }
    return WG_OK;
}

static void index_derive_concat(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    wg_term g = wg_cotangent(d);
    ptrdiff_t start = 0;
    for (size_t k = 0; k < call->n; k++) {
        index_window window = index_part(call, k, &start);
        index_give_part(d, k, g, &window);
    }
}

static size_t index_describe_join(const wg_call *call, char *text, size_t size)
{
    wg_words words = {text, size, 0};
    uint32_t axis = 0;
    wg_shape_axis(&call->shape, *(const int *)call->attributes, &axis);
    wg_words_integer(&words, "axis", axis);
    return words.length;
}

static const wg_op index_op_concat = {.name = "concat",
    .arity = WG_ANY_ARITY,
    .flags = WG_OP_ADDS | WG_OP_TAKES_INDICES | WG_OP_LINEAR,
    .shape = index_infer_concat,
    .evaluate = index_concat,
    .derivative = index_derive_concat,
    .describe = index_describe_join};

static const wg_op index_op_stack = {.name = "stack",
    .arity = WG_ANY_ARITY,
    .flags = WG_OP_ADDS | WG_OP_TAKES_INDICES | WG_OP_LINEAR,
    .shape = index_infer_stack,
    .evaluate = index_concat,
    .derivative = index_derive_concat,
    .describe = index_describe_join};

static wg_var index_join(const wg_op *op, const wg_var *x, size_t n, int axis)
{
    for (size_t k = 0; k < n && x; k++)
        if (x[k].tape) return wg_list_apply(x[k].tape, op, x, n, &axis, sizeof axis, NULL);
    return wg_invalid(NULL);
}

wg_var wg_concat(const wg_var *x, size_t n, int axis) { return index_join(&index_op_concat, x, n, axis); }
wg_var wg_stack(const wg_var *x, size_t n, int axis) { return index_join(&index_op_stack, x, n, axis); }

#undef INDEX_BLOCK
#undef INDEX_BLOCK_ROWS
#undef INDEX_TILE
#undef INDEX_FEW
#undef INDEX_MANY

/* ---- split and unstack: one slice for each part ------------------------------------------------------------------ */

/* Opens, finds the axis, and looks at the array of results. */
static bool index_open_parts(
    wg_composition *c, const char *name, wg_var x, int axis, const wg_var *out, uint32_t *found)
{
    if (!wg_compose_open(c, name, &x, 1, 1) || !wg_compose_axis(c, x, axis, found)) return false;
    if (!out) wg_tape_fail(c->tape, WG_ERROR_ARGUMENT, "%s: the array of results is NULL", name);
    return out;
}

static wg_status index_no_parts(wg_tape *tape, size_t n, wg_var *out)
{
    for (size_t k = 0; k < n && out; k++) out[k] = wg_invalid(tape);
    return tape ? wg_tape_status(tape) : WG_ERROR_ARGUMENT;
}

wg_status wg_split(wg_var x, size_t parts, int axis, wg_var *out)
{
    wg_composition c;
    uint32_t found;
    if (!index_open_parts(&c, "split", x, axis, out, &found)) return index_no_parts(x.tape, parts, out);
    size_t extent = wg_shape_of(x).dim[found];
    if (parts == 0 || extent % parts) {
        wg_tape_fail(c.tape, parts ? WG_ERROR_SHAPE : WG_ERROR_ARGUMENT,
            "split: axis %d of %s does not divide into %zu equal parts", axis, wg_list_describe(c.tape, x.index),
            parts);
        return index_no_parts(c.tape, parts, out);
    }
    ptrdiff_t each = (ptrdiff_t)(extent / parts);
    for (size_t k = 0; k < parts; k++) {
        ptrdiff_t start = (ptrdiff_t)k * each;
        out[k] = wg_slice(x, (int)found, start, start + each, 1);
    }
    return wg_compose_close_all(&c, out, parts);
}

wg_status wg_split_sizes(wg_var x, const size_t *sizes, size_t n, int axis, wg_var *out)
{
    wg_composition c;
    uint32_t found;
    if (!index_open_parts(&c, "split_sizes", x, axis, out, &found)) return index_no_parts(x.tape, n, out);
    size_t extent = wg_shape_of(x).dim[found], left = extent;
    bool fits = sizes || !n;
    for (size_t k = 0; k < n && fits; k++) {
        fits = sizes[k] <= left;
        left -= fits ? sizes[k] : 0;
    }
    if (!fits || left) {
        wg_tape_fail(c.tape, sizes || !n ? WG_ERROR_SHAPE : WG_ERROR_ARGUMENT,
            sizes || !n ? "split_sizes: the sizes do not sum to the extent of axis %d of %s"
                        : "split_sizes: the array of sizes is NULL, for axis %d of %s",
            axis, wg_list_describe(c.tape, x.index));
        return index_no_parts(c.tape, n, out);
    }
    ptrdiff_t start = 0;
    for (size_t k = 0; k < n; k++) {
        ptrdiff_t stop = start + (ptrdiff_t)sizes[k];
        out[k] = wg_slice(x, (int)found, start, stop, 1);
        start = stop;
    }
    return wg_compose_close_all(&c, out, n);
}

wg_status wg_unstack(wg_var x, int axis, wg_var *out)
{
    wg_composition c;
    uint32_t found;
    wg_shape shape = wg_shape_of(x);
    size_t extent = wg_list_valid(x) && wg_shape_axis(&shape, axis, &found) ? shape.dim[found] : 0;
    if (!index_open_parts(&c, "unstack", x, axis, out, &found)) return index_no_parts(x.tape, extent, out);
    for (size_t k = 0; k < extent; k++) out[k] = wg_select(x, (int)found, (ptrdiff_t)k);
    return wg_compose_close_all(&c, out, extent);
}
