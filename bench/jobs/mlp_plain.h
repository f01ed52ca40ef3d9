/* The training step of bench_mlp.c in plain C on a BLAS, without a tape: the limit. */
#ifndef WG_BENCH_MLP_PLAIN_H
#define WG_BENCH_MLP_PLAIN_H

#include "support/blas.h"

#include <stddef.h>

enum { MLP_LAYERS = 24 };

/* Layer l maps width[l] features to width[l + 1]; arrays of features have a column for each sample. */
typedef struct mlp_net {
    const char *name;
    size_t layers, samples, width[MLP_LAYERS + 1];
} mlp_net;

/* The parameters of all layers stand in one array: W and b of the first, W and b of the second, ... */
size_t mlp_parameters(const mlp_net *net);

typedef struct mlp_plain {
    const mlp_net *net;
    const bench_blas *blas;
    float *parameters, *gradients, rate;
    const float *y;
    float *a[MLP_LAYERS + 1];  /* a[0]: the data */
    float *dz[MLP_LAYERS + 1]; /* of layer l's output before its sigmoid: dz[l + 1] */
} mlp_plain;

void mlp_plain_open(mlp_plain *m, const mlp_net *net, const bench_blas *blas, const float *x, const float *y,
    const float *parameters, float rate);
void mlp_plain_close(mlp_plain *m);

/* A step; returns the loss before it. With fused, the products of the gradients are added to the weights straight away. */
float mlp_plain_step(mlp_plain *m, int fused);

/* p -= rate g: the update that a caller writes. */
void mlp_update(size_t n, float *p, const float *g, float rate);

#endif
