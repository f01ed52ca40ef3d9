/* Attention of 8 heads over floats beside plain loops, in GFLOPS of its matrix products, two forward and four in the sweep;
 * rotary positions in ns per element. */
#include "support/bench.h"
#include "support/compare.h"

#include <math.h>

enum { HEADS = 8, FEATURES = 64, LENGTH = 128, MORE = 512 };

BENCH_OP(plain, wg_attention(in[0], in[1], in[2], (wg_var){0}, NULL))
BENCH_OP(causal, wg_attention(in[0], in[1], in[2], (wg_var){0}, &(wg_attention_options){.causal = true}))
BENCH_OP(rope, wg_rope(in[0], indices, 10000, false))

/* The weights of one query for the keys before `keys`. */
static void attention_weights(const float *q, const float *k, size_t keys, float *w)
{
    float most = -INFINITY, sum = 0;
    for (size_t j = 0; j < keys; j++) {
        w[j] = 0;
        for (size_t f = 0; f < FEATURES; f++) w[j] += q[f] * k[j * FEATURES + f];
        w[j] *= .125f;
        most = w[j] > most ? w[j] : most;
    }
    for (size_t j = 0; j < keys; j++) sum += w[j] = expf(w[j] - most);
    for (size_t j = 0; j < keys; j++) w[j] /= sum;
}

static void attention_heads(size_t length, bool causal, const float *q, float *y)
{
    const float *k = q + HEADS * length * FEATURES, *v = k + HEADS * length * FEATURES;
    float w[MORE];
    for (size_t row = 0; row < HEADS * length; row++, y += FEATURES) {
        size_t keys = causal ? row % length + 1 : length, head = row / length * length * FEATURES;
        attention_weights(q + row * FEATURES, k + head, keys, w);
        for (size_t f = 0; f < FEATURES; f++) y[f] = 0;
        for (size_t j = 0; j < keys; j++)
            for (size_t f = 0; f < FEATURES; f++) y[f] += w[j] * v[head + j * FEATURES + f];
    }
}

static void attention_sweep(size_t length, bool causal, const float *q, const float *g, float *dq)
{
    const float *k = q + HEADS * length * FEATURES, *v = k + HEADS * length * FEATURES;
    float *dk = dq + HEADS * length * FEATURES, *dv = dk + HEADS * length * FEATURES, w[MORE], h[MORE];
    for (size_t row = 0; row < HEADS * length; row++, q += FEATURES, dq += FEATURES, g += FEATURES) {
        size_t keys = causal ? row % length + 1 : length, head = row / length * length * FEATURES;
        float sum = 0;
        attention_weights(q, k + head, keys, w);
        for (size_t j = 0; j < keys; j++) {
            h[j] = 0;
            for (size_t f = 0; f < FEATURES; f++) h[j] += g[f] * v[head + j * FEATURES + f];
            for (size_t f = 0; f < FEATURES; f++) dv[head + j * FEATURES + f] += w[j] * g[f];
            sum += w[j] * h[j];
        }
        for (size_t j = 0; j < keys; j++) {
            float t = w[j] * (h[j] - sum) * .125f;
            for (size_t f = 0; f < FEATURES; f++) {
                dq[f] += t * k[head + j * FEATURES + f];
                dk[head + j * FEATURES + f] += t * q[f];
            }
        }
    }
}

#define HEADS_OF(name, length, causal)                                                                                 \
    BENCH_LOOP(name) { attention_heads(length, causal, x, y); }                                                        \
    BENCH_SWEEP(name) { attention_sweep(length, causal, x, g, dx); }
HEADS_OF(short, LENGTH, false)
HEADS_OF(causal, LENGTH, true)
HEADS_OF(long, MORE, false)

static void rope_turn(const float *x, const int64_t *positions, double sign, bool add, float *y)
{
    for (size_t i = 0; i < HEADS * LENGTH; i++)
        for (size_t f = 0; f < FEATURES; f += 2) {
            double angle = sign * (double)positions[i % LENGTH] * pow(10000, -(double)f / FEATURES);
            float a = x[i * FEATURES + f], b = x[i * FEATURES + f + 1], c = (float)cos(angle), s = (float)sin(angle);
            float *to = y + i * FEATURES + f;
            to[0] = (add ? to[0] : 0) + a * c - b * s;
            to[1] = (add ? to[1] : 0) + a * s + b * c;
        }
}

BENCH_LOOP(rope) { rope_turn(x, indices, 1, false, y); }
BENCH_SWEEP(rope) { rope_turn(g, indices, -1, true, dx); }

#define HEAD(n)                                                                                                        \
    {                                                                                                                  \
        3, { HEADS, n, FEATURES }                                                                                      \
    }
#define CASE(text, n, word, loop)                                                                                      \
    {                                                                                                                  \
        .name = text, .shape = HEAD(n), .more = {HEAD(n), HEAD(n)}, .apply = op_##word, .plain = loop_##loop,          \
        .plain_sweep = sweep_##loop, .low = -2, .high = 2, .unit = "GFLOPS", .work = 4. * HEADS * n * n * FEATURES,    \
        .sweep = 2                                                                                                     \
    }
static const bench_comparison heads[] = {
    CASE("8 heads, 128 x 64", LENGTH, plain, short),
    CASE("8 heads, 128 x 64, causal", LENGTH, causal, causal),
    CASE("8 heads, 512 x 64", MORE, plain, long),
};
static const bench_comparison turns[] = {
    {.name = "rope, 8 heads, 128 x 64",
        .shape = HEAD(LENGTH),
        .apply = op_rope,
        .plain = loop_rope,
        .plain_sweep = sweep_rope,
        .indices = LENGTH,
        .below = LENGTH},
};

int main(int argc, char **argv)
{
    bench_open("attention", argc, argv);
    BENCH_COMPARE("attention", heads);
    BENCH_COMPARE("rotary positions", turns);
    return bench_close();
}
