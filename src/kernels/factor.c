/* LU, Cholesky and triangular solves: the generic source, factor.inc, compiled for each real type. Its loops,
 * factor_rows.inc, are compiled for each instruction set too. */
#include "factor.h"

#include <math.h>
#include <string.h>

#include "gemm.h"
#include "vector.h"

enum {
    KERNEL_FACTOR_BLOCK = 64, /* columns that are factored at a time; smaller matrices are one block */
    KERNEL_FACTOR_WIDE = 4    /* with fewer right-hand sides, a product gains nothing */
};

static size_t kernel_factor_aligned(size_t bytes) { return (bytes + 63) / 64 * 64; }
static size_t kernel_factor_least(size_t a, size_t b) { return a < b ? a : b; }
static size_t kernel_factor_most(size_t a, size_t b) { return a > b ? a : b; }

#define NARROW
#define SOURCE "factor_rows.inc"
#include "each.inc"

#define NAME_(stem, type)   wg_kernel_##stem##_##type
#define NAME_OF(stem, type) NAME_(stem, type)
#define NAME(stem)          NAME_OF(stem, TYPE)
#define ROWS_(stem, type)   CHOOSE(stem, type)
#define ROWS(stem)          ROWS_(stem, TYPE)

#define TYPE f32
#define REAL float
#include "factor.inc"
#define TYPE f64
#define REAL double
#include "factor.inc"

#undef NAME_
#undef NAME_OF
#undef NAME
#undef ROWS_
#undef ROWS
#undef CHOOSE
