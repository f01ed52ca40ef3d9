/* Any, all and counts of floats that are not zero beside plain loops, which stop early where they can: ns per element. There is
 * nothing to sweep. */
#include "support/bench.h"
#include "support/compare.h"

enum { ROWS = 1024, COLUMNS = 256 };

BENCH_OP(count, wg_count_nonzero(in[0]))
BENCH_OP(count_rows, wg_count_nonzero_axes(in[0], WG_AXES(1), false))
BENCH_OP(count_columns, wg_count_nonzero_axes(in[0], WG_AXES(0), false))
BENCH_OP(any_rows, wg_any_axes(in[0], WG_AXES(1), false))
BENCH_OP(all_rows, wg_all_axes(in[0], WG_AXES(1), false))

BENCH_LOOP(count)
{
    size_t count = 0;
    for (size_t i = 0; i < ROWS * COLUMNS; i++) count += x[i] != 0;
    *y = (float)count;
}

BENCH_LOOP(count_rows)
{
    for (size_t r = 0; r < ROWS; r++) {
        size_t count = 0;
        for (size_t i = 0; i < COLUMNS; i++) count += x[r * COLUMNS + i] != 0;
        y[r] = (float)count;
    }
}

BENCH_LOOP(count_columns)
{
    for (size_t i = 0; i < COLUMNS; i++) y[i] = 0;
    for (size_t r = 0; r < ROWS; r++)
        for (size_t i = 0; i < COLUMNS; i++) y[i] += x[r * COLUMNS + i] != 0;
}

#define STOPS(name, start, CONDITION)                                                                                  \
    BENCH_LOOP(name)                                                                                                   \
    {                                                                                                                  \
        for (size_t r = 0; r < ROWS; r++) {                                                                            \
            size_t i = 0;                                                                                              \
            while (i < COLUMNS && !(x[r * COLUMNS + i] CONDITION)) i++;                                                \
            y[r] = i < COLUMNS ? !(start) : start;                                                                     \
        }                                                                                                              \
    }
STOPS(any_rows, 0, != 0)
STOPS(all_rows, 1, == 0)

#define CASE(text, word)                                                                                               \
    {                                                                                                                  \
        .name = text, .shape = {2, {ROWS, COLUMNS}}, .apply = op_##word, .plain = loop_##word, .constant = true        \
    }
static const bench_comparison cases[] = {
    CASE("count_nonzero (1024,256)", count),
    CASE("count_nonzero axis 1", count_rows),
    CASE("count_nonzero axis 0", count_columns),
    CASE("any axis 1, at once", any_rows),
    CASE("all axis 1, to the end", all_rows),
};

int main(int argc, char **argv)
{
    bench_open("truth", argc, argv);
    BENCH_COMPARE("truth", cases);
    return bench_close();
}
