/* The digits training step (64-32-10 sigmoid network, 64 samples, batch-mean squared error, SGD) on a tape, against the same
 * step in plain C on the same kernels without a tape: what recording, sweeping and the memory behind them cost.
 *
 * Three loops are compared: mark, record, backward, update, rewind; record once, replay; and plain C. Before timing, all
 * three train from the same start and must end with the same weights. */
#include "support/bench.h"

#include <wengert.h>

#include "kernels/gemm.h"
#include "kernels/reduce.h"
#include "ops/elementwise/hot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FEATURES = 64, HIDDEN = 32, CLASSES = 10, SAMPLES = 64, STEPS = 100 };
static const double RATE = 0.5;

/* The parameters in one block, so that they are copied, compared and updated as one. */
enum {
    AT_W1 = 0,
    AT_B1 = AT_W1 + HIDDEN * FEATURES,
    AT_W2 = AT_B1 + HIDDEN,
    AT_B2 = AT_W2 + CLASSES * HIDDEN,
    PARAMETERS = AT_B2 + CLASSES
};

#define R       float
#define BITS    f32
#define DTYPE   WG_F32
#define NAME(x) x##_f32
#include "digits_step.inc"
#undef R
#undef BITS
#undef DTYPE
#undef NAME

#define R       double
#define BITS    f64
#define DTYPE   WG_F64
#define NAME(x) x##_f64
#include "digits_step.inc"

int main(int argc, char **argv)
{
    bench_open("digits_step", argc, argv);
    measure_f32();
    measure_f64();
    return bench_close();
}
