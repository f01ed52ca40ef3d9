/* The settings of windows that slide over spatial axes: see window.h. */
#include "ops/window.h"

#include "shape/shape.h"

#include <string.h>

wg_kernel_window wg_window_trivial(void)
{
    return (wg_kernel_window){
        .in = {1, 1, 1}, .out = {1, 1, 1}, .kernel = {1, 1, 1}, .stride = {1, 1, 1}, .dilation = {1, 1, 1}};
}

bool wg_window_numbers(const wg_var *in, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        if (!wg_list_valid(in[k]) || in[k].tape != in[0].tape) return false;
        if (in[k].tape->nodes[in[k].index].flags & WG_NODE_INDICES) return false;
    }
    return in[0].tape->status == WG_OK;
}

const char *wg_window_format(const wg_window_caller *c, const size_t *axes, char *text)
{
    wg_shape shape = {.rank = c->spatial};
    for (size_t d = 0; d < c->spatial; d++) shape.dim[d] = axes[wg_window_axis(c, d)];
    return wg_shape_format(&shape, text, WG_SHAPE_TEXT);
}

bool wg_window_setting(const wg_window_caller *c, const char *what, const size_t *given, size_t least, size_t *to)
{
    size_t zeros = 0, spatial = c->spatial;
    for (size_t d = 0; given && d < c->entries; d++) {
        if (d < spatial && given[d] == 0) zeros++;
        if (d < spatial || given[d] == 0) continue;
        wg_tape_fail(c->tape, WG_ERROR_ARGUMENT, "%s: %s has an entry %zu for axis %zu, but there are %zu spatial axes",
            c->name, what, given[d], d, spatial);
        return false;
    }
    if (!given || zeros == spatial) return true;
    for (size_t d = 0; d < spatial; d++) to[wg_window_axis(c, d)] = given[d];
    if (zeros == 0 || least == 0) return true;
    char text[WG_SHAPE_TEXT];
    wg_tape_fail(c->tape, WG_ERROR_ARGUMENT, "%s: %s %s has a zero: give one entry per spatial axis, or none", c->name,
        what, wg_window_format(c, to, text));
    return false;
}

bool wg_window_input(const wg_window_caller *c, wg_var x, wg_kernel_window *window)
{
    wg_shape shape = wg_shape_of(x);
    if (shape.rank != c->spatial + 1 && shape.rank != c->spatial + 2) {
        static const char *const axes[] = {"L", "H, W", "D, H, W"};
        const char *spatial = axes[c->spatial - 1];
        wg_tape_fail(c->tape, WG_ERROR_SHAPE, "%s: takes (N, C, %s) or (C, %s), not %s", c->name, spatial, spatial,
            wg_list_describe(c->tape, x.index));
        return false;
    }
    uint32_t first = shape.rank - c->spatial;
    for (uint32_t d = 0; d < c->spatial; d++) window->in[wg_window_axis(c, d)] = shape.dim[first + d];
    return true;
}

/* The extent with padding on both sides; the extent from a window's first tap to its last. False: it overflows. */
static bool window_padded(const wg_kernel_window *w, size_t d, size_t *padded)
{
    if (w->padding[d] > (PTRDIFF_MAX - w->in[d]) / 2) return false;
    *padded = w->in[d] + 2 * w->padding[d];
    return true;
}
static bool window_reach(const wg_kernel_window *w, size_t d, size_t *reach)
{
    if (w->kernel[d] - 1 > (PTRDIFF_MAX - 1) / w->dilation[d]) return false;
    *reach = (w->kernel[d] - 1) * w->dilation[d] + 1;
    return true;
}

bool wg_window_extents(const wg_window_caller *c, wg_var x, bool up, wg_kernel_window *window)
{
    char kernel[WG_SHAPE_TEXT], dilation[WG_SHAPE_TEXT], padding[WG_SHAPE_TEXT];
    const char *wrong = NULL;
    for (size_t d = 0; d < 3 && !wrong; d++) {
        size_t padded, reach;
        if (window->kernel[d] == 0) {
            wrong = "has no taps";
        } else if (!window_padded(window, d, &padded) || !window_reach(window, d, &reach)) {
            wrong = "overflows";
        } else if (padded < reach) {
            /* as any window that hangs over: by less than a stride, or there would have been one before it */
            if (!up || reach - padded >= window->stride[d] || padded == 0) wrong = "is larger than the padded input";
            window->out[d] = 1;
        } else {
            size_t stride = window->stride[d], room = padded - reach, last = room / stride * stride;
            window->out[d] = room / stride + 1;
            bool hangs_over = last < room && stride <= padded;
            if (up && hangs_over && last + stride < window->in[d] + window->padding[d]) window->out[d]++;
        }
    }
    if (wrong)
        wg_tape_fail(c->tape, WG_ERROR_SHAPE, "%s: the window, kernel %s, dilation %s, %s: %s, padding %s", c->name,
            wg_window_format(c, window->kernel, kernel), wg_window_format(c, window->dilation, dilation), wrong,
            wg_list_describe(c->tape, x.index), wg_window_format(c, window->padding, padding));
    return !wrong;
}

static void window_describe_setting(
    wg_words *words, const char *name, const size_t *axes, uint32_t spatial, size_t usual)
{
    bool all = true;
    for (size_t d = 3 - spatial; d < 3; d++) all = all && axes[d] == usual;
    if (!all) wg_words_sizes(words, name, axes + 3 - spatial, spatial);
}

void wg_window_describe(wg_words *words, const wg_kernel_window *window, uint32_t spatial)
{
    wg_words_sizes(words, "kernel", window->kernel + 3 - spatial, spatial);
    window_describe_setting(words, "stride", window->stride, spatial, 1);
    window_describe_setting(words, "padding", window->padding, spatial, 0);
    window_describe_setting(words, "dilation", window->dilation, spatial, 1);
}
