/* Normalisations of floats beside plain loops: rows of layer and root-mean-square norm, channels of batch norm with the
 * batch's own statistics, groups of channels. Every one has a weight and a bias (the root mean square a weight) whose
 * gradients the sweep finds too. */
#include "support/bench.h"
#include "support/compare.h"

#include <math.h>

enum { SIZE = 768, BATCH = 32, CHANNELS = 32, AREA = 196, GROUPS = 8, PER_GROUP = CHANNELS / GROUPS };
#define EPSILON 1e-5f

BENCH_OP(layer, wg_layer_norm(in[0], in[1], in[2], 1, EPSILON))
BENCH_OP(rms, wg_rms_norm(in[0], in[1], 1, EPSILON))
BENCH_OP(group, wg_group_norm(in[0], GROUPS, in[1], in[2], EPSILON))

static wg_var op_batch(const wg_var *in, wg_var indices)
{
    wg_var mean, variance;
    (void)indices;
    wg_batch_statistics(in[0], &mean, &variance);
    return wg_batch_norm(in[0], mean, variance, in[1], in[2], EPSILON);
}

typedef struct moments {
    float mean, rate; /* 1 / sqrt(variance + epsilon) */
} moments;

/* Of `pieces` pieces of n elements each, step apart. */
static moments moments_of(const float *x, size_t pieces, size_t step, size_t n)
{
    float sum = 0, squares = 0, count = (float)(pieces * n);
    for (size_t p = 0; p < pieces; p++)
        for (size_t i = 0; i < n; i++) sum += x[p * step + i];
    float mean = sum / count;
    for (size_t p = 0; p < pieces; p++)
        for (size_t i = 0; i < n; i++) squares += (x[p * step + i] - mean) * (x[p * step + i] - mean);
    return (moments){mean, 1 / sqrtf(squares / count + EPSILON)};
}

static void layer_rows(size_t rows, const float *x, float *y)
{
    const float *w = x + rows * SIZE, *b = w + SIZE;
    for (size_t r = 0; r < rows; r++, x += SIZE, y += SIZE) {
        moments m = moments_of(x, 1, 0, SIZE);
        for (size_t i = 0; i < SIZE; i++) y[i] = (x[i] - m.mean) * m.rate * w[i] + b[i];
    }
}

static void layer_sweep(size_t rows, const float *x, const float *g, float *dx)
{
    const float *w = x + rows * SIZE;
    float *dw = dx + rows * SIZE, *db = dw + SIZE;
    for (size_t r = 0; r < rows; r++, x += SIZE, g += SIZE, dx += SIZE) {
        moments m = moments_of(x, 1, 0, SIZE);
        float sum = 0, product = 0;
        for (size_t i = 0; i < SIZE; i++) {
            float z = (x[i] - m.mean) * m.rate;
            dw[i] += g[i] * z;
            db[i] += g[i];
            sum += g[i] * w[i];
            product += g[i] * w[i] * z;
        }
        for (size_t i = 0; i < SIZE; i++)
            dx[i] += (g[i] * w[i] - sum / SIZE - (x[i] - m.mean) * m.rate * product / SIZE) * m.rate;
    }
}

BENCH_LOOP(layer_128) { layer_rows(128, x, y); }
BENCH_SWEEP(layer_128) { layer_sweep(128, x, g, dx); }
BENCH_LOOP(layer_2048) { layer_rows(2048, x, y); }
BENCH_SWEEP(layer_2048) { layer_sweep(2048, x, g, dx); }

BENCH_LOOP(rms)
{
    const float *w = x + 128 * SIZE;
    for (size_t r = 0; r < 128; r++, x += SIZE, y += SIZE) {
        float squares = 0;
        for (size_t i = 0; i < SIZE; i++) squares += x[i] * x[i];
        float rate = 1 / sqrtf(squares / SIZE + EPSILON);
        for (size_t i = 0; i < SIZE; i++) y[i] = x[i] * rate * w[i];
    }
}

BENCH_SWEEP(rms)
{
    const float *w = x + 128 * SIZE;
    float *dw = dx + 128 * SIZE;
    for (size_t r = 0; r < 128; r++, x += SIZE, g += SIZE, dx += SIZE) {
        float squares = 0, product = 0;
        for (size_t i = 0; i < SIZE; i++) squares += x[i] * x[i];
        float rate = 1 / sqrtf(squares / SIZE + EPSILON);
        for (size_t i = 0; i < SIZE; i++) {
            dw[i] += g[i] * x[i] * rate;
            product += g[i] * w[i] * x[i] * rate;
        }
        for (size_t i = 0; i < SIZE; i++) dx[i] += (g[i] * w[i] - x[i] * rate * product / SIZE) * rate;
    }
}

BENCH_LOOP(batch)
{
    const float *w = x + BATCH * CHANNELS * AREA, *b = w + CHANNELS;
    for (size_t c = 0; c < CHANNELS; c++) {
        moments m = moments_of(x + c * AREA, BATCH, CHANNELS * AREA, AREA);
        for (size_t n = 0; n < BATCH; n++)
            for (size_t i = 0, at = (n * CHANNELS + c) * AREA; i < AREA; i++, at++)
                y[at] = (x[at] - m.mean) * m.rate * w[c] + b[c];
    }
}

BENCH_SWEEP(batch)
{
    const float *w = x + BATCH * CHANNELS * AREA;
    float *dw = dx + BATCH * CHANNELS * AREA, *db = dw + CHANNELS, count = BATCH * AREA;
    for (size_t c = 0; c < CHANNELS; c++) {
        moments m = moments_of(x + c * AREA, BATCH, CHANNELS * AREA, AREA);
        float sum = 0, product = 0;
        for (size_t n = 0; n < BATCH; n++)
            for (size_t i = 0, at = (n * CHANNELS + c) * AREA; i < AREA; i++, at++) {
                sum += g[at];
                product += g[at] * (x[at] - m.mean) * m.rate;
            }
        dw[c] += product;
        db[c] += sum;
        for (size_t n = 0; n < BATCH; n++)
            for (size_t i = 0, at = (n * CHANNELS + c) * AREA; i < AREA; i++, at++)
                dx[at] += (g[at] - sum / count - (x[at] - m.mean) * m.rate * product / count) * m.rate * w[c];
    }
}

BENCH_LOOP(group)
{
    const float *w = x + BATCH * CHANNELS * AREA, *b = w + CHANNELS;
    for (size_t k = 0; k < BATCH * GROUPS; k++, x += PER_GROUP * AREA, y += PER_GROUP * AREA) {
        moments m = moments_of(x, 1, 0, PER_GROUP * AREA);
        for (size_t c = 0; c < PER_GROUP; c++)
            for (size_t i = 0, channel = k % GROUPS * PER_GROUP + c; i < AREA; i++)
                y[c * AREA + i] = (x[c * AREA + i] - m.mean) * m.rate * w[channel] + b[channel];
    }
}

#define ROWS(n, word)                                                                                                  \
    .shape = {2, {n, SIZE}}, .more = {{1, {SIZE}}, {1, {SIZE}}}, .apply = op_layer, .plain = loop_##word,              \
    .plain_sweep = sweep_##word
#define IMAGES .shape = {3, {BATCH, CHANNELS, AREA}}, .more = {{1, {CHANNELS}}, {1, {CHANNELS}}}
static const bench_comparison cases[] = {
    {.name = "layer_norm (128,768)", ROWS(128, layer_128)},
    {.name = "layer_norm (2048,768)", ROWS(2048, layer_2048), .large = true},
    {.name = "rms_norm (128,768)",
        .shape = {2, {128, SIZE}},
        .more = {{1, {SIZE}}},
        .apply = op_rms,
        .plain = loop_rms,
        .plain_sweep = sweep_rms},
    {.name = "batch_norm (32,32,196)", IMAGES, .apply = op_batch, .plain = loop_batch, .plain_sweep = sweep_batch},
    {.name = "group_norm (32,32,196), 8 groups", IMAGES, .apply = op_group, .plain = loop_group},
};

int main(int argc, char **argv)
{
    bench_open("norm", argc, argv);
    BENCH_COMPARE("normalisation", cases);
    return bench_close();
}
