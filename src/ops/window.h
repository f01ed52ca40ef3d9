/* The settings of windows that slide over spatial axes, as convolution, unfolding and pooling take them: defaults, checks,
 * and the extents that come out. */
#ifndef WG_OPS_WINDOW_H
#define WG_OPS_WINDOW_H

#include "kernels/window.h"
#include "tape/list.h"
#include "tape/words.h"

/* A function that is checking its arguments: its tape and name, the number of spatial axes, and how many entries an array
 * of its options has. */
typedef struct wg_window_caller {
    wg_tape *tape;
    const char *name;
    uint32_t spatial;
    size_t entries;
} wg_window_caller;

/* The place of spatial axis d among the three of a wg_kernel_window. */
static inline size_t wg_window_axis(const wg_window_caller *c, size_t d) { return 3 - c->spatial + d; }

/* Three axes of extent 1, seen through one tap each. */
wg_kernel_window wg_window_trivial(void);

/* Copies a setting, one entry per spatial axis, to the three axes of `to`. least is its smallest value; all zeros, or NULL,
 * leave `to` as it is. False, and the error set, when only some are zero and least is 1, or when there are entries for
 * axes that don't exist. */
bool wg_window_setting(const wg_window_caller *c, const char *what, const size_t *given, size_t least, size_t *to);

/* Writes window->out from the rest. up: a last window that hangs over the end by less than a stride counts too, if it
 * begins inside the input or the padding before it. False, and the error set, where no window counts since it is larger
 * than the padded input, or sizes overflow; x is named in the message. */
bool wg_window_extents(const wg_window_caller *c, wg_var x, bool up, wg_kernel_window *window);

/* Reads x's spatial extents into window->in. x is (N, C, spatial...) or (C, spatial...); false and the error otherwise. */
bool wg_window_input(const wg_window_caller *c, wg_var x, wg_kernel_window *window);

/* x's axis of channels, and the number of images: 1 without an axis N. */
static inline uint32_t wg_window_channel_axis(uint32_t spatial, const wg_shape *x) { return x->rank - spatial - 1; }
static inline size_t wg_window_images(uint32_t spatial, const wg_shape *x)
{
    return x->rank == spatial + 2 ? x->dim[0] : 1;
}

/* "(3,5)": the spatial entries of a setting. text has WG_SHAPE_TEXT bytes. */
const char *wg_window_format(const wg_window_caller *c, const size_t *axes, char *text);

/* A window's settings in words, those of its spatial axes that are not the default. */
void wg_window_describe(wg_words *words, const wg_kernel_window *window, uint32_t spatial);

/* Whether each var is valid, on one healthy tape, and holds numbers: then shapes can be checked. Where not, wg_list_apply
 * says what is wrong. */
bool wg_window_numbers(const wg_var *in, size_t n);

#endif
