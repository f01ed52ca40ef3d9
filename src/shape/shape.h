/* Arithmetic on shapes: sizes that cannot overflow unseen, NumPy's broadcasting, axes, and strides. A leaf of the house:
 * it knows shapes and nothing else, and everything above uses it. */
#ifndef WG_SHAPE_SHAPE_H
#define WG_SHAPE_SHAPE_H

#include "wengert/types.h"

/* The number of elements. False when the rank is above WG_MAX_RANK, or when the bytes of that many 8-byte elements
 * overflow; extents of 0 don't hide an overflow of the others. */
bool wg_shape_size(const wg_shape *shape, size_t *size);

bool wg_shape_equal(const wg_shape *a, const wg_shape *b);

/* The shape that a and b broadcast to. False when they don't. */
bool wg_shape_broadcast(const wg_shape *a, const wg_shape *b, wg_shape *out);

/* Whether from stretches to exactly the shape to. */
bool wg_shape_broadcasts_to(const wg_shape *from, const wg_shape *to);

/* Row-major strides in elements. */
void wg_shape_strides(const wg_shape *shape, ptrdiff_t *strides);

/* The strides with which an array of shape from is read as one of shape to, which it broadcasts to: 0 where it
 * stretches. As many as to has axes. */
void wg_shape_broadcast_strides(const wg_shape *from, const wg_shape *to, ptrdiff_t *strides);

/* The extents of an array around one axis: it is (outer, extent, inner) in memory. */
typedef struct wg_shape_split {
    size_t outer, extent, inner;
} wg_shape_split;
wg_shape_split wg_shape_around(const wg_shape *shape, uint32_t axis);

/* Counts a negative axis from the end. False when there is no such axis. */
bool wg_shape_axis(const wg_shape *shape, int axis, uint32_t *found);

/* Marks each of n axes in mask (WG_MAX_RANK entries, all written). NULL when they are fine, otherwise what is wrong:
 * "is out of range" or "is given twice", and *which is the position in axes. */
const char *wg_shape_axes(const wg_shape *shape, const int *axes, size_t n, bool *mask, size_t *which);

/* The product of extents [first, last). */
size_t wg_shape_product(const wg_shape *shape, uint32_t first, uint32_t last);

/* Writes "(2,3)" to text, cut off at size. Enough for any shape: WG_SHAPE_TEXT. Returns text. */
#define WG_SHAPE_TEXT 184
const char *wg_shape_format(const wg_shape *shape, char *text, size_t size);

#endif
