/* Gated linear units of floats beside plain loops with libm, ns per element of rows whose halves are value and gate. */
#include "support/bench.h"
#include "support/compare.h"

#include <math.h>

enum { ROWS = 128, HALF = 512 };

BENCH_OP(glu, wg_glu(in[0], 1))
BENCH_OP(reglu, wg_reglu(in[0], 1))
BENCH_OP(geglu, wg_geglu(in[0], 1))
BENCH_OP(swiglu, wg_swiglu(in[0], 1))

static float gated_sigmoid(float b) { return 1 / (1 + expf(-b)); }
static float gated_normal(float b) { return (1 + erff(b * .70710678f)) / 2; }

/* a GATE(b), and the gate's SLOPE. */
#define GATED(name, GATE, SLOPE)                                                                                       \
    BENCH_LOOP(name)                                                                                                   \
    {                                                                                                                  \
        for (size_t r = 0; r < ROWS; r++, x += 2 * HALF)                                                               \
            for (size_t i = 0; i < HALF; i++) {                                                                        \
                float b = x[HALF + i];                                                                                 \
                *y++ = x[i] * (GATE);                                                                                  \
            }                                                                                                          \
    }                                                                                                                  \
    BENCH_SWEEP(name)                                                                                                  \
    {                                                                                                                  \
        for (size_t r = 0; r < ROWS; r++, x += 2 * HALF, dx += 2 * HALF, g += HALF)                                    \
            for (size_t i = 0; i < HALF; i++) {                                                                        \
                float b = x[HALF + i];                                                                                 \
                dx[i] += g[i] * (GATE);                                                                                \
                dx[HALF + i] += g[i] * x[i] * (SLOPE);                                                                 \
            }                                                                                                          \
    }
GATED(glu, gated_sigmoid(b), gated_sigmoid(b) * (1 - gated_sigmoid(b)))
GATED(reglu, b > 0 ? b : 0, b > 0 ? 1 : 0)
GATED(geglu, b *gated_normal(b), gated_normal(b) + b * expf(-b * b / 2) * .39894228f)
GATED(swiglu, b *gated_sigmoid(b), gated_sigmoid(b) * (1 + b * (1 - gated_sigmoid(b))))

#define CASE(word)                                                                                                     \
    {                                                                                                                  \
        .name = #word " (128,1024)", .shape = {2, {ROWS, 2 * HALF}}, .apply = op_##word, .plain = loop_##word,         \
        .plain_sweep = sweep_##word, .low = -3, .high = 3                                                              \
    }
static const bench_comparison cases[] = {CASE(glu), CASE(reglu), CASE(geglu), CASE(swiglu)};

int main(int argc, char **argv)
{
    bench_open("gated", argc, argv);
    BENCH_COMPARE("gated units", cases);
    return bench_close();
}
