/* Products of floats beside plain loops, ns per element: of all of an array, of short rows, and where an element is zero. The
 * plain sweep divides by the element, as is usual, and so is right only where none is zero. Whole rows and columns are in
 * bench_reduce. */
#include "support/bench.h"
#include "support/compare.h"

enum { MANY = 1 << 16, ROWS = 1 << 13, SHORT = 8 };

BENCH_OP(all, wg_prod(in[0]))
BENCH_OP(rows, wg_prod_axes(in[0], WG_AXES(1), false))
BENCH_OP(zeros, wg_prod_axes(wg_relu(in[0]), WG_AXES(1), false))

#define PRODUCT(name, rows, n, FACTOR)                                                                                 \
    BENCH_LOOP(name)                                                                                                   \
    {                                                                                                                  \
        for (size_t r = 0; r < (rows); r++, x += n) {                                                                  \
            y[r] = 1;                                                                                                  \
            for (size_t i = 0; i < (n); i++) y[r] *= FACTOR;                                                           \
        }                                                                                                              \
    }
PRODUCT(all, 1, MANY, x[i])
PRODUCT(rows, ROWS, SHORT, x[i])
PRODUCT(zeros, ROWS, SHORT, x[i] > 0 ? x[i] : 0)

#define DIVIDED(name, rows, n)                                                                                         \
    BENCH_SWEEP(name)                                                                                                  \
    {                                                                                                                  \
        for (size_t r = 0; r < (rows); r++, x += n, dx += n)                                                           \
            for (size_t i = 0; i < (n); i++) dx[i] += g[r] * y[r] / x[i];                                              \
    }
DIVIDED(all, 1, MANY)
DIVIDED(rows, ROWS, SHORT)

static const bench_comparison cases[] = {
    {.name = "prod (65536)",
        .shape = {1, {MANY}},
        .apply = op_all,
        .plain = loop_all,
        .plain_sweep = sweep_all,
        .low = .9999,
        .high = 1.0001,
        .jumps = true},
    {.name = "prod (8192,8) axis 1",
        .shape = {2, {ROWS, SHORT}},
        .apply = op_rows,
        .plain = loop_rows,
        .plain_sweep = sweep_rows,
        .low = .5,
        .high = 1.5},
    {.name = "prod of relu (8192,8) axis 1",
        .shape = {2, {ROWS, SHORT}},
        .apply = op_zeros,
        .plain = loop_zeros,
        .low = -.1,
        .high = 1,
        .jumps = true},
};

int main(int argc, char **argv)
{
    bench_open("product", argc, argv);
    BENCH_COMPARE("products", cases);
    return bench_close();
}
