/* The strided copy. The index space is first put into its simplest form, whatever the element type: axes of one
 * element dropped, the rest sorted so that the output is written in order, and neighbours merged that are really one
 * axis. What is left is most often one or two loops. The innermost two are a plane, which copy.inc carries out for
 * each element type; the others are counted like the wheels of an odometer. */
#include "copy.h"

#include <string.h>

#include "transpose.h"
#include "vector.h"

typedef struct kernel_copy_axis {
    size_t n;
    ptrdiff_t in, out;
} kernel_copy_axis;

static size_t kernel_copy_distance(ptrdiff_t stride) { return stride < 0 ? 0 - (size_t)stride : (size_t)stride; }

/* Makes axis `from` axis `to`, from < to; those between move up. */
static void kernel_copy_move(kernel_copy_axis *axis, size_t from, size_t to)
{
    kernel_copy_axis moved = axis[from];
    memmove(axis + from, axis + from + 1, (to - from) * sizeof *axis);
    axis[to] = moved;
}

/* Where the input's neighbours don't lie along the last axis, the axis along which they do lie goes beside it, so that
 * a plane sees a transpose as such. */
static void kernel_copy_pair(size_t rank, kernel_copy_axis *axis)
{
    if (rank < 3 || kernel_copy_distance(axis[rank - 1].in) <= 1) return;
    for (size_t d = 0; d + 2 < rank; d++)
        if (axis[d].in == 1) {
            kernel_copy_move(axis, d, rank - 2);
            return;
        }
}

/* Fills `axis` with the simplest form and returns its rank, at least 2; or 0 where there is nothing to copy. */
static size_t kernel_copy_simplify(
    size_t rank, const size_t *dim, const ptrdiff_t *in_stride, const ptrdiff_t *out_stride, kernel_copy_axis *axis)
{
    size_t sorted = 0, merged = 0;
    for (size_t d = 0; d < rank; d++) {
        if (dim[d] == 0) return 0;
        if (dim[d] == 1) continue;
        size_t i = sorted++;
        for (; i > 0 && kernel_copy_distance(axis[i - 1].out) < kernel_copy_distance(out_stride[d]); i--)
            axis[i] = axis[i - 1];
        axis[i] = (kernel_copy_axis){dim[d], in_stride[d], out_stride[d]};
    }
    for (size_t d = 0; d < sorted; d++) {
        kernel_copy_axis *outer = axis + merged, inner = axis[d];
        ptrdiff_t n = (ptrdiff_t)inner.n;
        if (merged > 0 && outer[-1].out == n * inner.out && outer[-1].in == n * inner.in)
            outer[-1] = (kernel_copy_axis){outer[-1].n * inner.n, inner.in, inner.out};
        else
            *outer = inner, merged++;
    }
    for (; merged < 2; merged++) {
        memmove(axis + 1, axis, merged * sizeof *axis);
        axis[0] = (kernel_copy_axis){1, 0, 0};
    }
    kernel_copy_pair(merged, axis);
    return merged;
}

/* One step of the outer axes: moves both offsets to the next plane, or returns false after the last. */
static bool kernel_copy_next(size_t rank, const kernel_copy_axis *axis, size_t *index, ptrdiff_t *in, ptrdiff_t *out)
{
    for (size_t d = rank; d-- > 0;) {
        *in += axis[d].in;
        *out += axis[d].out;
        if (++index[d] < axis[d].n) return true;
        *in -= (ptrdiff_t)axis[d].n * axis[d].in;
        *out -= (ptrdiff_t)axis[d].n * axis[d].out;
        index[d] = 0;
    }
    return false;
}

/* A tile of a transpose has few enough lines to share one set of the cache when the strides are powers of 2. A short
 * run isn't worth a call, nor the inner place in a loop. A square is the smallest that vectors transpose. */
enum { KERNEL_COPY_TILE = 8, KERNEL_COPY_SHORT = 8, KERNEL_COPY_SQUARE = 4 };

#define NARROW
#define SOURCE "copy_add.inc"
#include "each.inc"

static void wg_kernel_copy_add_f32(wg_isa isa, size_t n, const float *in, float *out)
{
    CHOOSE(copy_add_of, f32)(n, in, out);
}

static void wg_kernel_copy_add_f64(wg_isa isa, size_t n, const double *in, double *out)
{
    CHOOSE(copy_add_of, f64)(n, in, out);
}

#undef CHOOSE

/* Indices are never added; the generic source asks for it all the same. */
static void wg_kernel_copy_add_i64(wg_isa isa, size_t n, const int64_t *in, int64_t *out)
{
    (void)isa;
    for (size_t i = 0; i < n; i++) out[i] += in[i];
}

#define NAME_(stem, type)   wg_kernel_##stem##_##type
#define NAME_OF(stem, type) NAME_(stem, type)
#define NAME(stem)          NAME_OF(stem, TYPE)

#define TYPE     f32
#define FLOATING 1
#define ELEMENT  float
#include "copy.inc"
#define TYPE     f64
#define FLOATING 1
#define ELEMENT  double
#include "copy.inc"
#define TYPE     i64
#define FLOATING 0
#define ELEMENT  int64_t
#include "copy.inc"

#undef NAME_
#undef NAME_OF
#undef NAME

void wg_kernel_copy_f32(wg_isa isa, size_t rank, const size_t *dim, const float *in, const ptrdiff_t *in_stride,
    float *out, const ptrdiff_t *out_stride, bool add)
{
    wg_kernel_copy_all_f32(isa, rank, dim, in, in_stride, out, out_stride, add);
}

void wg_kernel_copy_f64(wg_isa isa, size_t rank, const size_t *dim, const double *in, const ptrdiff_t *in_stride,
    double *out, const ptrdiff_t *out_stride, bool add)
{
    wg_kernel_copy_all_f64(isa, rank, dim, in, in_stride, out, out_stride, add);
}

void wg_kernel_copy_i64(wg_isa isa, size_t rank, const size_t *dim, const int64_t *in, const ptrdiff_t *in_stride,
    int64_t *out, const ptrdiff_t *out_stride)
{
    wg_kernel_copy_all_i64(isa, rank, dim, in, in_stride, out, out_stride, false);
}
