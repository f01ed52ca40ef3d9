/* One step of a recurrent cell of floats beside plain loops, in microseconds: an LSTM and a gated recurrent unit, for one
 * sample and for a batch. The LSTM's two results are added, so that one cotangent sweeps both. */
#include "support/bench.h"
#include "support/compare.h"

#include <math.h>

enum { INPUTS = 64, HIDDEN = 64, BATCH = 32, MOST = 4 * HIDDEN };

static wg_var op_lstm(const wg_var *in, wg_var indices)
{
    wg_var h, c;
    (void)indices;
    wg_lstm_cell(in[0], in[1], in[2], in[3], in[4], in[5], in[6], &h, &c);
    return wg_add(h, c);
}

BENCH_OP(gru, wg_gru_cell(in[0], in[1], in[2], in[3], in[4], in[5]))

static float recurrent_sigmoid(float x) { return 1 / (1 + expf(-x)); }

/* w x + b for a row x. */
static void recurrent_gates(size_t gates, size_t n, const float *x, const float *w, const float *b, float *to)
{
    for (size_t i = 0; i < gates; i++) {
        float sum = b[i];
        for (size_t j = 0; j < n; j++) sum += w[i * n + j] * x[j];
        to[i] = sum;
    }
}

static void lstm_rows(size_t batch, const float *x, float *y)
{
    const float *h = x + batch * INPUTS, *c = h + batch * HIDDEN, *w_ih = c + batch * HIDDEN;
    const float *w_hh = w_ih + 4 * HIDDEN * INPUTS, *b_ih = w_hh + 4 * HIDDEN * HIDDEN, *b_hh = b_ih + 4 * HIDDEN;
    float a[MOST], b[MOST];
    for (size_t r = 0; r < batch; r++, x += INPUTS, h += HIDDEN, c += HIDDEN, y += HIDDEN) {
        recurrent_gates(4 * HIDDEN, INPUTS, x, w_ih, b_ih, a);
        recurrent_gates(4 * HIDDEN, HIDDEN, h, w_hh, b_hh, b);
        for (size_t i = 0; i < 4 * HIDDEN; i++) a[i] += b[i];
        for (size_t i = 0; i < HIDDEN; i++) {
            float next = recurrent_sigmoid(a[HIDDEN + i]) * c[i] + recurrent_sigmoid(a[i]) * tanhf(a[2 * HIDDEN + i]);
            y[i] = next + recurrent_sigmoid(a[3 * HIDDEN + i]) * tanhf(next);
        }
    }
}

static void gru_rows(size_t batch, const float *x, float *y)
{
    const float *h = x + batch * INPUTS, *w_ih = h + batch * HIDDEN, *w_hh = w_ih + 3 * HIDDEN * INPUTS;
    const float *b_ih = w_hh + 3 * HIDDEN * HIDDEN, *b_hh = b_ih + 3 * HIDDEN;
    float a[MOST], b[MOST];
    for (size_t r = 0; r < batch; r++, x += INPUTS, h += HIDDEN, y += HIDDEN) {
        recurrent_gates(3 * HIDDEN, INPUTS, x, w_ih, b_ih, a);
        recurrent_gates(3 * HIDDEN, HIDDEN, h, w_hh, b_hh, b);
        for (size_t i = 0; i < HIDDEN; i++) {
            float u = recurrent_sigmoid(a[HIDDEN + i] + b[HIDDEN + i]), reset = recurrent_sigmoid(a[i] + b[i]);
            y[i] = (1 - u) * tanhf(a[2 * HIDDEN + i] + reset * b[2 * HIDDEN + i]) + u * h[i];
        }
    }
}

BENCH_LOOP(lstm_one) { lstm_rows(1, x, y); }
BENCH_LOOP(lstm) { lstm_rows(BATCH, x, y); }
BENCH_LOOP(gru_one) { gru_rows(1, x, y); }
BENCH_LOOP(gru) { gru_rows(BATCH, x, y); }

#define STATE(batch)                                                                                                   \
    {                                                                                                                  \
        2, { batch, HIDDEN }                                                                                           \
    }
#define WEIGHTS(gates)                                                                                                 \
    {2, {(gates)*HIDDEN, INPUTS}}, {2, {(gates)*HIDDEN, HIDDEN}}, {1, {(gates)*HIDDEN}},                               \
    {                                                                                                                  \
        1, { (gates) * HIDDEN }                                                                                        \
    }
#define CASE(text, batch, word, loop, ...)                                                                             \
    {                                                                                                                  \
        .name = text, .shape = {2, {batch, INPUTS}}, .more = {__VA_ARGS__}, .apply = op_##word, .plain = loop_##loop,  \
        .unit = "us", .work = 1                                                                                        \
    }
static const bench_comparison cases[] = {
    CASE("lstm_cell (1,64) to (1,64)", 1, lstm, lstm_one, STATE(1), STATE(1), WEIGHTS(4)),
    CASE("lstm_cell (32,64) to (32,64)", BATCH, lstm, lstm, STATE(BATCH), STATE(BATCH), WEIGHTS(4)),
    CASE("gru_cell (1,64) to (1,64)", 1, gru, gru_one, STATE(1), WEIGHTS(3)),
    CASE("gru_cell (32,64) to (32,64)", BATCH, gru, gru, STATE(BATCH), WEIGHTS(3)),
};

int main(int argc, char **argv)
{
    bench_open("recurrent", argc, argv);
    BENCH_COMPARE("recurrent cells", cases);
    return bench_close();
}
