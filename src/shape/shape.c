/* Shapes: see shape.h. Broadcasting is NumPy's: align at the last axis; equal extents, or one of them 1 or missing. */
#include "shape/shape.h"

#include <stdio.h>
#include <string.h>

bool wg_shape_size(const wg_shape *shape, size_t *size)
{
    if (shape->rank > WG_MAX_RANK) return false;
    size_t limit = (size_t)PTRDIFF_MAX / sizeof(double), product = 1;
    bool empty = false;
    for (uint32_t i = 0; i < shape->rank; i++) {
        size_t extent = shape->dim[i];
        if (extent == 0) {
            empty = true;
            continue;
        }
        if (product > limit / extent) return false;
        product *= extent;
    }
    *size = empty ? 0 : product;
    return true;
}

bool wg_shape_equal(const wg_shape *a, const wg_shape *b)
{
    if (a->rank != b->rank) return false;
    for (uint32_t i = 0; i < a->rank; i++)
        if (a->dim[i] != b->dim[i]) return false;
    return true;
}

/* The extent of the axis that stands back places before the last, 1 where there is none. */
static size_t shape_from_end(const wg_shape *shape, uint32_t back)
{
    return back < shape->rank ? shape->dim[shape->rank - 1 - back] : 1;
}

bool wg_shape_broadcast(const wg_shape *a, const wg_shape *b, wg_shape *out)
{
    uint32_t rank = a->rank > b->rank ? a->rank : b->rank, rank_a = a->rank, rank_b = b->rank;
    for (uint32_t back = 0; back < rank_a && back < rank_b; back++) {
        size_t m = a->dim[rank_a - 1 - back], n = b->dim[rank_b - 1 - back];
        if (m != n && m != 1 && n != 1) return false;
    }
    wg_shape result;
    result.rank = rank;
    for (uint32_t back = 0; back < rank; back++) {
        size_t m = shape_from_end(a, back), n = shape_from_end(b, back);
        result.dim[rank - 1 - back] = m == 1 ? n : m;
    }
    out->rank = rank;
    for (uint32_t d = 0; d < rank; d++) out->dim[d] = result.dim[d];
    return true;
}

bool wg_shape_broadcasts_to(const wg_shape *from, const wg_shape *to)
{
    wg_shape both;
    return from->rank <= to->rank && wg_shape_broadcast(from, to, &both) && wg_shape_equal(&both, to);
}

void wg_shape_strides(const wg_shape *shape, ptrdiff_t *strides)
{
    size_t stride = 1;
    for (uint32_t i = shape->rank; i-- > 0;) {
        strides[i] = (ptrdiff_t)stride;
        stride *= shape->dim[i];
    }
}

void wg_shape_broadcast_strides(const wg_shape *from, const wg_shape *to, ptrdiff_t *strides)
{
    ptrdiff_t own[WG_MAX_RANK];
    wg_shape_strides(from, own);
    uint32_t missing = to->rank - from->rank;
    for (uint32_t i = 0; i < to->rank; i++)
        strides[i] = i < missing || from->dim[i - missing] == 1 ? 0 : own[i - missing];
}

size_t wg_shape_product(const wg_shape *shape, uint32_t first, uint32_t last)
{
    size_t product = 1;
    for (uint32_t i = first; i < last; i++) product *= shape->dim[i];
    return product;
}

wg_shape_split wg_shape_around(const wg_shape *shape, uint32_t axis)
{
    return (wg_shape_split){
        wg_shape_product(shape, 0, axis), shape->dim[axis], wg_shape_product(shape, axis + 1, shape->rank)};
}

bool wg_shape_axis(const wg_shape *shape, int axis, uint32_t *found)
{
    int64_t rank = shape->rank, counted = axis < 0 ? rank + axis : axis;
    if (counted < 0 || counted >= rank) return false;
    *found = (uint32_t)counted;
    return true;
}

const char *wg_shape_axes(const wg_shape *shape, const int *axes, size_t n, bool *mask, size_t *which)
{
    memset(mask, 0, WG_MAX_RANK * sizeof *mask);
    for (size_t k = 0; k < n; k++) {
        uint32_t axis;
        *which = k;
        if (!wg_shape_axis(shape, axes[k], &axis)) return "is out of range";
        if (mask[axis]) return "is given twice";
        mask[axis] = true;
    }
    return NULL;
}

const char *wg_shape_format(const wg_shape *shape, char *text, size_t size)
{
    size_t at = 0;
    uint32_t rank = shape->rank <= WG_MAX_RANK ? shape->rank : 0;
    for (uint32_t i = 0; i < rank && at < size; i++) {
        int wrote = snprintf(text + at, size - at, "%s%zu", i ? "," : "(", shape->dim[i]);
        at += wrote > 0 ? (size_t)wrote : 0;
    }
    if (at < size) snprintf(text + at, size - at, "%s", rank ? ")" : shape->rank ? "(too many axes)" : "()");
    return text;
}
