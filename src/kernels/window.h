/* Windows that slide over up to three spatial axes: what convolution, unfolding and pooling have in common.
 *
 * Along each axis, output p sees input p stride + k dilation - padding through tap k of its window, where that lies
 * inside the input. With fewer than three axes the first ones have extent 1. A plane is the elements of one channel. */
#ifndef WG_KERNELS_WINDOW_H
#define WG_KERNELS_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct wg_kernel_window {
    size_t in[3], out[3], kernel[3], stride[3], padding[3], dilation[3];
} wg_kernel_window;

static inline size_t wg_kernel_window_inputs(const wg_kernel_window *w) { return w->in[0] * w->in[1] * w->in[2]; }
static inline size_t wg_kernel_window_outputs(const wg_kernel_window *w) { return w->out[0] * w->out[1] * w->out[2]; }
static inline size_t wg_kernel_window_taps(const wg_kernel_window *w)
{
    return w->kernel[0] * w->kernel[1] * w->kernel[2];
}

/* The outputs first <= p < last along one axis at which a tap lies inside the input. */
typedef struct wg_kernel_range {
    size_t first, last;
} wg_kernel_range;

static inline wg_kernel_range wg_kernel_window_range(const wg_kernel_window *w, size_t axis, size_t tap)
{
    size_t at = tap * w->dilation[axis], padding = w->padding[axis], stride = w->stride[axis];
    wg_kernel_range r = {at >= padding ? 0 : (padding - at - 1) / stride + 1,
        w->in[axis] + padding > at ? (w->in[axis] + padding - at - 1) / stride + 1 : 0};
    if (r.last > w->out[axis]) r.last = w->out[axis];
    if (r.first > r.last) r.first = r.last;
    return r;
}

/* The input that output p sees through a tap; p is in the tap's range. */
static inline size_t wg_kernel_window_input(const wg_kernel_window *w, size_t axis, size_t tap, size_t p)
{
    return p * w->stride[axis] + tap * w->dilation[axis] - w->padding[axis];
}

/* A walk over one plane: for each tap, for each row of outputs, the run of outputs that see the input through it. Run
 * element i is output `out + i` and input `in + i stride[2]`.
 *
 *     wg_kernel_walk walk = wg_kernel_walk_start(&window);
 *     while (wg_kernel_walk_next(&walk)) ... walk.tap, walk.out, walk.in, walk.count
 */
typedef struct wg_kernel_walk {
    const wg_kernel_window *window;
    size_t tap, out, in, count; /* tap counts all taps of the window, row-major */
    size_t k[3], at[2];         /* the tap, and the output along the first two axes */
    wg_kernel_range range[3];
} wg_kernel_walk;

static inline wg_kernel_walk wg_kernel_walk_start(const wg_kernel_window *w)
{
    wg_kernel_walk walk = {.window = w};
    for (size_t d = 0; d < 3; d++) walk.range[d] = wg_kernel_window_range(w, d, 0);
    walk.at[0] = walk.range[0].first;
    walk.at[1] = walk.range[1].first;
    return walk;
}

/* On to the next tap; false after the last one. */
static inline bool wg_kernel_walk_tap(wg_kernel_walk *walk)
{
    size_t d = 3;
    while (d-- > 0) {
        if (++walk->k[d] == walk->window->kernel[d]) walk->k[d] = 0;
        walk->range[d] = wg_kernel_window_range(walk->window, d, walk->k[d]);
        if (walk->k[d]) break;
    }
    walk->tap++;
    walk->at[0] = walk->range[0].first;
    walk->at[1] = walk->range[1].first;
    return d != SIZE_MAX;
}

static inline bool wg_kernel_walk_next(wg_kernel_walk *walk)
{
    const wg_kernel_window *w = walk->window;
    while (walk->at[0] >= walk->range[0].last || walk->at[1] >= walk->range[1].last ||
           walk->range[2].first >= walk->range[2].last)
        if (!wg_kernel_walk_tap(walk)) return false;
    size_t depth = wg_kernel_window_input(w, 0, walk->k[0], walk->at[0]);
    size_t height = wg_kernel_window_input(w, 1, walk->k[1], walk->at[1]);
    size_t width = wg_kernel_window_input(w, 2, walk->k[2], walk->range[2].first);
    walk->count = walk->range[2].last - walk->range[2].first;
    walk->out = (walk->at[0] * w->out[1] + walk->at[1]) * w->out[2] + walk->range[2].first;
    walk->in = (depth * w->in[1] + height) * w->in[2] + width;
    if (++walk->at[1] == walk->range[1].last) {
        walk->at[1] = walk->range[1].first;
        walk->at[0]++;
    }
    return true;
}

#endif
