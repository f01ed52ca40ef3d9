/* See mlp_plain.h. This file is compiled with all that the compiler has (-march=native, -ffast-math, 512-bit vectors), so
 * that the limit is one: its loops then call libmvec's expf. */
#include "mlp_plain.h"

#include "support/bench.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

size_t mlp_parameters(const mlp_net *net)
{
    size_t count = 0;
    for (size_t l = 0; l < net->layers; l++) count += net->width[l + 1] * (net->width[l] + 1);
    return count;
}

void mlp_plain_open(mlp_plain *m, const mlp_net *net, const bench_blas *blas, const float *x, const float *y,
    const float *parameters, float rate)
{
    size_t bytes = mlp_parameters(net) * sizeof(float);
    *m = (mlp_plain){.net = net, .blas = blas, .y = y, .rate = rate};
    m->parameters = memcpy(bench_memory(bytes), parameters, bytes);
    m->gradients = bench_memory(bytes);
    for (size_t l = 0; l <= net->layers; l++) {
        bytes = net->width[l] * net->samples * sizeof(float);
        m->a[l] = bench_memory(bytes);
        m->dz[l] = bench_memory(bytes);
    }
    memcpy(m->a[0], x, net->width[0] * net->samples * sizeof(float));
}

void mlp_plain_close(mlp_plain *m)
{
    free(m->parameters);
    free(m->gradients);
    for (size_t l = 0; l <= m->net->layers; l++) {
        free(m->a[l]);
        free(m->dz[l]);
    }
}

/* c = alpha op(a) op(b) + beta c, row-major, each matrix without gaps. */
static void plain_product(const mlp_plain *m, int ta, int tb, size_t rows, size_t columns, size_t inner, float alpha,
    const float *a, const float *b, float beta, float *c)
{
    int op_a = ta ? BENCH_BLAS_TRANSPOSED : BENCH_BLAS_PLAIN, op_b = tb ? BENCH_BLAS_TRANSPOSED : BENCH_BLAS_PLAIN;
    m->blas->sgemm(BENCH_BLAS_ROWS, op_a, op_b, (int)rows, (int)columns, (int)inner, alpha, a, (int)(ta ? rows : inner),
        b, (int)(tb ? inner : columns), beta, c, (int)columns);
}

/* z becomes sigmoid(z + b). */
static void plain_activate(size_t rows, size_t columns, float *restrict z, const float *restrict b)
{
    for (size_t i = 0; i < rows; i++, z += columns)
        for (size_t j = 0; j < columns; j++) z[j] = 1 / (1 + expf(-(z[j] + b[i])));
}

/* The loss, and its derivative by what the last sigmoid gets. */
static float plain_loss(size_t n, const float *restrict a, const float *restrict y, float *restrict dz)
{
    float loss = 0, factor = 2 / (float)n;
    for (size_t i = 0; i < n; i++) {
        float error = a[i] - y[i];
        loss += error * error;
        dz[i] = factor * error * a[i] * (1 - a[i]);
    }
    return loss / (float)n;
}

/* b = beta b + alpha (the sums of the rows). */
static void plain_row_sums(
    size_t rows, size_t columns, const float *restrict dz, float alpha, float beta, float *restrict b)
{
    for (size_t i = 0; i < rows; i++, dz += columns) {
        float sum = 0;
        for (size_t j = 0; j < columns; j++) sum += dz[j];
        b[i] = (beta == 0 ? 0 : b[i]) + alpha * sum;
    }
}

static void plain_through_sigmoid(size_t n, const float *restrict a, float *restrict dz)
{
    for (size_t i = 0; i < n; i++) dz[i] *= a[i] * (1 - a[i]);
}

void mlp_update(size_t n, float *restrict p, const float *restrict g, float rate)
{
    for (size_t i = 0; i < n; i++) p[i] -= rate * g[i];
}

float mlp_plain_step(mlp_plain *m, int fused)
{
    const mlp_net *net = m->net;
    size_t samples = net->samples, at = 0, last = net->layers;
    float alpha = fused ? -m->rate : 1, beta = fused ? 1 : 0, *into = fused ? m->parameters : m->gradients;
    for (size_t l = 0; l < net->layers; l++) {
        size_t in = net->width[l], out = net->width[l + 1];
        plain_product(m, 0, 0, out, samples, in, 1, m->parameters + at, m->a[l], 0, m->a[l + 1]);
        plain_activate(out, samples, m->a[l + 1], m->parameters + at + out * in);
        at += out * (in + 1);
    }
    float loss = plain_loss(net->width[last] * samples, m->a[last], m->y, m->dz[last]);
    for (size_t l = net->layers; l-- > 0;) {
        size_t in = net->width[l], out = net->width[l + 1];
        at -= out * (in + 1);
        if (l > 0) { /* before the weights change */
            plain_product(m, 1, 0, in, samples, out, 1, m->parameters + at, m->dz[l + 1], 0, m->dz[l]);
            plain_through_sigmoid(in * samples, m->a[l], m->dz[l]);
        }
        plain_product(m, 0, 1, out, in, samples, alpha, m->dz[l + 1], m->a[l], beta, into + at);
        plain_row_sums(out, samples, m->dz[l + 1], alpha, beta, into + at + out * in);
    }
    if (!fused) mlp_update(mlp_parameters(net), m->parameters, m->gradients, m->rate);
    return loss;
}
