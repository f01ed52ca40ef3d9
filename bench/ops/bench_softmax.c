/* Softmax, log_softmax and logsumexp beside plain loops, ns per element, along rows of a thousand and of ten, and down columns.
 * The loops subtract the maximum and call libm's expf. */
#include "support/bench.h"
#include "support/compare.h"

#include <math.h>

#define OP(name, call)                                                                                                 \
    static wg_var op_##name(wg_var x, wg_var indices)                                                                  \
    {                                                                                                                  \
        (void)indices;                                                                                                 \
        return call;                                                                                                   \
    }
OP(softmax_0, wg_softmax(x, 0))
OP(softmax_1, wg_softmax(x, 1))
OP(log_softmax_0, wg_log_softmax(x, 0))
OP(log_softmax_1, wg_log_softmax(x, 1))
OP(logsumexp_0, wg_logsumexp_axes(x, WG_AXES(0), false))
OP(logsumexp_1, wg_logsumexp_axes(x, WG_AXES(1), false))

/* Along n elements, step apart. */
static void softmax_line(const float *x, size_t n, size_t step, float *y)
{
    float most = x[0], sum = 0;
    for (size_t i = 1; i < n; i++) most = x[i * step] > most ? x[i * step] : most;
    for (size_t i = 0; i < n; i++) sum += y[i * step] = expf(x[i * step] - most);
    for (size_t i = 0; i < n; i++) y[i * step] /= sum;
}

static float logsumexp_line(const float *x, size_t n, size_t step)
{
    float most = x[0], sum = 0;
    for (size_t i = 1; i < n; i++) most = x[i * step] > most ? x[i * step] : most;
    for (size_t i = 0; i < n; i++) sum += expf(x[i * step] - most);
    return most + logf(sum);
}

static void log_softmax_line(const float *x, size_t n, size_t step, float *y)
{
    float total = logsumexp_line(x, n, step);
    for (size_t i = 0; i < n; i++) y[i * step] = x[i * step] - total;
}

/* The line function over each row, or each column, of a matrix. */
#define ROWS(name, line, rows, columns)                                                                                \
    static void loop_##name(const float *x, const int64_t *indices, float *y)                                          \
    {                                                                                                                  \
        (void)indices;                                                                                                 \
        for (size_t r = 0; r < (rows); r++) line(x + r * (columns), columns, 1, y + r * (columns));                    \
    }
#define COLUMNS(name, line, rows, columns)                                                                             \
    static void loop_##name(const float *x, const int64_t *indices, float *y)                                          \
    {                                                                                                                  \
        (void)indices;                                                                                                 \
        for (size_t c = 0; c < (columns); c++) line(x + c, rows, columns, y + c);                                      \
    }
ROWS(softmax_1, softmax_line, 64, 1000)
COLUMNS(softmax_0, softmax_line, 1000, 64)
ROWS(softmax_short, softmax_line, 6400, 10)
COLUMNS(softmax_tall, softmax_line, 10, 6400)
ROWS(log_softmax_1, log_softmax_line, 64, 1000)
COLUMNS(log_softmax_0, log_softmax_line, 1000, 64)
ROWS(log_softmax_short, log_softmax_line, 6400, 10)

static void loop_logsumexp_1(const float *x, const int64_t *indices, float *y)
{
    (void)indices;
    for (size_t r = 0; r < 64; r++) y[r] = logsumexp_line(x + r * 1000, 1000, 1);
}

static void loop_logsumexp_0(const float *x, const int64_t *indices, float *y)
{
    (void)indices;
    for (size_t c = 0; c < 64; c++) y[c] = logsumexp_line(x + c, 1000, 64);
}

static const bench_comparison cases[] = {
    {.name = "softmax (64,1000) axis 1", .shape = {2, {64, 1000}}, .op = op_softmax_1, .plain = loop_softmax_1},
    {.name = "softmax (1000,64) axis 0", .shape = {2, {1000, 64}}, .op = op_softmax_0, .plain = loop_softmax_0},
    {.name = "softmax (6400,10) axis 1", .shape = {2, {6400, 10}}, .op = op_softmax_1, .plain = loop_softmax_short},
    {.name = "softmax (10,6400) axis 0", .shape = {2, {10, 6400}}, .op = op_softmax_0, .plain = loop_softmax_tall},
    {.name = "log_softmax (64,1000) axis 1",
        .shape = {2, {64, 1000}},
        .op = op_log_softmax_1,
        .plain = loop_log_softmax_1},
    {.name = "log_softmax (1000,64) axis 0",
        .shape = {2, {1000, 64}},
        .op = op_log_softmax_0,
        .plain = loop_log_softmax_0},
    {.name = "log_softmax (6400,10) axis 1",
        .shape = {2, {6400, 10}},
        .op = op_log_softmax_1,
        .plain = loop_log_softmax_short},
    {.name = "logsumexp (64,1000) axis 1", .shape = {2, {64, 1000}}, .op = op_logsumexp_1, .plain = loop_logsumexp_1},
    {.name = "logsumexp (1000,64) axis 0", .shape = {2, {1000, 64}}, .op = op_logsumexp_0, .plain = loop_logsumexp_0},
};

int main(int argc, char **argv)
{
    bench_open("softmax", argc, argv);
    bench_compare("softmax", cases, sizeof cases / sizeof *cases);
    return bench_close();
}
