/* Losses of floats beside plain loops, which sum in double: pairs of 4096 and of a million, and the cross-entropy of
 * logits (samples, classes). The sweep of a plain loop computes again what it needs of the forward form. */
#include "support/bench.h"
#include "support/compare.h"

#include <math.h>

enum { FEW = 4096, MANY = 1 << 20 };

BENCH_OP(mse, wg_mse(in[0], in[1], WG_MEAN))
BENCH_OP(huber, wg_huber(in[0], in[1], .25, WG_MEAN))
BENCH_OP(bce, wg_bce_with_logits(in[0], in[1], WG_MEAN))
BENCH_OP(cross_entropy, wg_cross_entropy(in[0], indices, 1, WG_MEAN))
BENCH_OP(nll, wg_nll(in[0], indices, 1, WG_MEAN))

/* The mean of n terms: TERM of the prediction p and the target t, SLOPE its derivative in p. */
#define PAIRS(name, n, TERM, SLOPE)                                                                                    \
    BENCH_LOOP(name)                                                                                                   \
    {                                                                                                                  \
        double sum = 0;                                                                                                \
        for (size_t i = 0; i < (n); i++) {                                                                             \
            float p = x[i], t = x[i + (n)];                                                                            \
            sum += (double)(TERM);                                                                                     \
        }                                                                                                              \
        *y = (float)(sum / (n));                                                                                       \
    }                                                                                                                  \
    BENCH_SWEEP(name)                                                                                                  \
    {                                                                                                                  \
        float scale = *g / (n);                                                                                        \
        for (size_t i = 0; i < (n); i++) {                                                                             \
            float p = x[i], t = x[i + (n)];                                                                            \
            dx[i] += scale * (SLOPE);                                                                                  \
        }                                                                                                              \
    }
#define SQUARE               (p - t) * (p - t), 2 * (p - t)
#define CLIPPED(d)           ((d) > .25f ? .25f : (d) < -.25f ? -.25f : (d))
#define HUBER                CLIPPED(p - t) * (p - t - CLIPPED(p - t) / 2), CLIPPED(p - t)
#define BINARY               (p > 0 ? p : 0) - p *t + log1pf(expf(-fabsf(p))), 1 / (1 + expf(-p)) - t
#define EXPAND(...)          __VA_ARGS__
#define LOSS(name, n, pair)  EXPAND(PAIRS_(name, n, pair))
#define PAIRS_(name, n, ...) PAIRS(name, n, __VA_ARGS__)
LOSS(mse, FEW, SQUARE)
LOSS(mse_many, MANY, SQUARE)
LOSS(huber, MANY, HUBER)
LOSS(bce, FEW, BINARY)

static void cross_entropy_rows(size_t rows, size_t classes, const float *x, const int64_t *target, float *y)
{
    double sum = 0;
    for (size_t r = 0; r < rows; r++, x += classes) {
        float most = x[0], total = 0;
        for (size_t i = 1; i < classes; i++) most = x[i] > most ? x[i] : most;
        for (size_t i = 0; i < classes; i++) total += expf(x[i] - most);
        sum += (double)(most + logf(total) - x[target[r]]);
    }
    *y = (float)(sum / (double)rows);
}

static void cross_entropy_sweep(
    size_t rows, size_t classes, const float *x, const int64_t *target, const float *g, float *dx)
{
    float scale = *g / (float)rows;
    for (size_t r = 0; r < rows; r++, x += classes, dx += classes) {
        float most = x[0], total = 0;
        for (size_t i = 1; i < classes; i++) most = x[i] > most ? x[i] : most;
        for (size_t i = 0; i < classes; i++) total += expf(x[i] - most);
        for (size_t i = 0; i < classes; i++) dx[i] += scale * expf(x[i] - most) / total;
        dx[target[r]] -= scale;
    }
}

#define CLASSES(rows, classes)                                                                                         \
    BENCH_LOOP(classes_##rows) { cross_entropy_rows(rows, classes, x, indices, y); }                                   \
    BENCH_SWEEP(classes_##rows) { cross_entropy_sweep(rows, classes, x, indices, g, dx); }
CLASSES(128, 10)
CLASSES(64, 1000)
CLASSES(256, 10000)

BENCH_LOOP(nll)
{
    double sum = 0;
    for (size_t r = 0; r < 64; r++) sum -= (double)x[r * 1000 + (size_t)indices[r]];
    *y = (float)(sum / 64);
}

BENCH_SWEEP(nll)
{
    for (size_t r = 0; r < 64; r++) dx[r * 1000 + (size_t)indices[r]] -= *g / 64;
}

#define PAIR(text, n, word, loop)                                                                                      \
    {                                                                                                                  \
        .name = text, .shape = {1, {n}}, .more = {{1, {n}}}, .fixed = 1, .apply = op_##word, .plain = loop_##loop,     \
        .plain_sweep = sweep_##loop, .low = 0, .high = 1                                                               \
    }
#define LOGITS(text, rows, classes, word, loop, ...)                                                                   \
    {                                                                                                                  \
        .name = text, .shape = {2, {rows, classes}}, .apply = op_##word, .plain = loop_##loop,                         \
        .plain_sweep = sweep_##loop, .indices = rows, .below = classes, .low = -2, .high = 2, __VA_ARGS__              \
    }
static const bench_comparison cases[] = {
    PAIR("mse (4096)", FEW, mse, mse),
    PAIR("mse (1048576)", MANY, mse, mse_many),
    PAIR("huber (1048576)", MANY, huber, huber),
    PAIR("bce_with_logits (4096)", FEW, bce, bce),
    LOGITS("cross_entropy (128,10)", 128, 10, cross_entropy, classes_128, ),
    LOGITS("cross_entropy (64,1000)", 64, 1000, cross_entropy, classes_64, ),
    LOGITS("cross_entropy (256,10000)", 256, 10000, cross_entropy, classes_256, .large = true),
    LOGITS("nll (64,1000)", 64, 1000, nll, nll, ),
};

int main(int argc, char **argv)
{
    bench_open("loss", argc, argv);
    BENCH_COMPARE("losses", cases);
    return bench_close();
}
