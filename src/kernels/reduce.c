/* Sums, maxima, minima, products, lengths, variances: the generic source, reduce.inc, compiled for each real type and
 * instruction set, and the choice. The shape alone decides the order of the additions, not the width of the vectors that
 * carry them out. */
#include "reduce.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "vector.h"

enum {
    KERNEL_REDUCE_BLOCK = 16, /* rows that are added one after another */
    KERNEL_REDUCE_LINE = 16,  /* results that a line of neighbours is joined to in turn */
    KERNEL_REDUCE_SHORT = 16, /* no more of them are joined one after another where the rows are narrow */
    KERNEL_REDUCE_STRIP = 8,  /* vectors side by side */
    KERNEL_REDUCE_FAR = 500,  /* bytes between rows, from which on they are asked for ahead */
    KERNEL_REDUCE_GROUP = 4,  /* pieces that are worked on side by side where the rows are long */
    KERNEL_REDUCE_FEW = 15,   /* digits but one of such a tree */
    KERNEL_REDUCE_CHUNK = 8,  /* blocks that are worth a chunk */
    KERNEL_REDUCE_DIGITS = 56 /* an array of 2^61 elements has fewer than 2^53 blocks, whatever its shape */
};

/* How two results are joined. */
enum { KERNEL_JOIN_SUM, KERNEL_JOIN_MAX, KERNEL_JOIN_MIN, KERNEL_JOIN_PROD };

/* The term that is made of an element x; p and q are numbers of its group, or p an element of another array. */
enum {
    KERNEL_TERM_PLAIN,  /* x */
    KERNEL_TERM_SCALED, /* (x p)^2; p is a power of two */
    KERNEL_TERM_FROM,   /* x - p */
    KERNEL_TERM_SPREAD, /* (x - p - q)^2 */
    KERNEL_TERM_APART   /* (x - p)^2, p elsewhere in step with x */
};

/* wg_kernel_map_f32, or f64. */
#define MAP_OF(type) wg_kernel_map_##type
#define MAP(type)    MAP_OF(type)

#define NARROW
#define SOURCE "reduce.inc"
#include "each.inc"

#define REDUCE(type, REAL)                                                                                             \
    size_t wg_kernel_columns_##type(size_t inner)                                                                      \
    {                                                                                                                  \
        return inner < WG_KERNEL_COLUMNS_BYTES / sizeof(REAL) ? inner : WG_KERNEL_COLUMNS_BYTES / sizeof(REAL);        \
    }                                                                                                                  \
    void wg_kernel_reduce_##type(wg_isa isa, const wg_kernel_reduction *r, const REAL *in, REAL *out)                  \
    {                                                                                                                  \
        CHOOSE(reduce_of, type)(r, in, out);                                                                           \
    }                                                                                                                  \
    void wg_kernel_deviate_##type(wg_isa isa, const wg_kernel_reduction *r, const REAL *in, REAL *out)                 \
    {                                                                                                                  \
        CHOOSE(deviate_of, type)(r, in, out);                                                                          \
    }                                                                                                                  \
    REAL wg_kernel_squared_difference_##type(wg_isa isa, size_t n, const REAL *a, const REAL *b, double divisor)       \
    {                                                                                                                  \
        return CHOOSE(squared_difference_of, type)(n, a, b, divisor);                                                  \
    }                                                                                                                  \
    size_t wg_kernel_reduce_chunks_##type(const wg_kernel_reduction *r)                                                \
    {                                                                                                                  \
        const wg_isa isa = WG_ISA_BASELINE; /* all sets say the same */                                                \
        return CHOOSE(reduce_chunks_of, type)(r);                                                                      \
    }                                                                                                                  \
    void wg_kernel_reduce_chunk_##type(                                                                                \
        wg_isa isa, const wg_kernel_reduction *r, size_t chunk, const REAL *in, REAL *partial)                         \
    {                                                                                                                  \
        CHOOSE(reduce_chunk_of, type)(r, chunk, in, partial);                                                          \
    }                                                                                                                  \
    void wg_kernel_reduce_join_##type(                                                                                 \
        wg_isa isa, const wg_kernel_reduction *r, const REAL *partial, const REAL *in, REAL *out)                      \
    {                                                                                                                  \
        CHOOSE(reduce_join_of, type)(r, partial, in, out);                                                             \
    }
REDUCE(f32, float)
REDUCE(f64, double)
#undef REDUCE

#define REDUCE_PARTS(type, REAL)                                                                                       \
    void wg_kernel_sum_columns_##type(                                                                                 \
        size_t reduced, size_t inner, size_t cols, const REAL *in, REAL *out, bool add, double divisor)                \
    {                                                                                                                  \
        const wg_isa isa = WG_ISA_BASELINE;                                                                            \
        const wg_kernel_reduction r = {WG_KERNEL_SUM, 1, reduced, inner, cols, add, divisor};                          \
        CHOOSE(reduce_of, type)(&r, in, out);                                                                          \
    }                                                                                                                  \
    void wg_kernel_max_columns_##type(size_t reduced, size_t inner, size_t cols, const REAL *in, REAL *out)            \
    {                                                                                                                  \
        const wg_isa isa = WG_ISA_BASELINE;                                                                            \
        const wg_kernel_reduction r = {WG_KERNEL_MAX, 1, reduced, inner, cols, false, 1};                              \
        CHOOSE(reduce_of, type)(&r, in, out);                                                                          \
    }                                                                                                                  \
    void wg_kernel_sum_mapped_##type(size_t reduced, size_t inner, size_t cols, const REAL *in,                        \
        wg_kernel_map_##type *map, const REAL *parameter, REAL *out)                                                   \
    {                                                                                                                  \
        const wg_isa isa = WG_ISA_BASELINE;                                                                            \
        CHOOSE(sum_mapped_of, type)(reduced, inner, cols, in, map, parameter, out);                                    \
    }
REDUCE_PARTS(f32, float)
REDUCE_PARTS(f64, double)
#undef REDUCE_PARTS

#undef CHOOSE
#undef MAP
#undef MAP_OF
