/* Picking by indices: the generic source, gather.inc, compiled for each real type, and for integers, which are picked
 * alone. */
#include "gather.h"

#include <string.h>

/* Where an index points along an axis. */
static inline size_t kernel_gather_at(int64_t index, size_t extent)
{
    return index < 0 ? extent - (size_t)(-index) : (size_t)index;
}

/* One step of all axes but the last: moves the offset, or returns false after the end. */
static bool kernel_gather_next(const wg_kernel_elements *e, size_t *tuple, ptrdiff_t *offset)
{
    for (size_t d = e->rank - 1; d-- > 0;) {
        *offset += e->stride[d];
        if (++tuple[d] < e->dim[d]) return true;
        *offset -= (ptrdiff_t)e->dim[d] * e->stride[d];
        tuple[d] = 0;
    }
    return false;
}

static bool kernel_gather_is_empty(const wg_kernel_elements *e)
{
    for (size_t d = 0; d < e->rank; d++)
        if (e->dim[d] == 0) return true;
    return false;
}

#define NAME_(stem, type)   wg_kernel_##stem##_##type
#define NAME_OF(stem, type) NAME_(stem, type)
#define NAME(stem)          NAME_OF(stem, TYPE)

#define TYPE  f32
#define REAL  float
#define PICKS 0
#include "gather.inc"
#define TYPE  f64
#define REAL  double
#define PICKS 0
#include "gather.inc"
#define TYPE  i64
#define REAL  int64_t
#define PICKS 1
#include "gather.inc"

#undef NAME_
#undef NAME_OF
#undef NAME
