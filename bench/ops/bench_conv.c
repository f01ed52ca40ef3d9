/* Convolutions in GFLOPS, the forward form and both gradients, on a tape: a 3x3 layer of a small network, the same strided, a
 * depthwise and a pointwise one. Beside each stands the matrix product of as many operations on plain arrays, one for the
 * whole batch: the windows in columns, laid out beforehand. */
#include "support/bench.h"

#include <wengert.h>

#include "kernels/gemm.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 41 };

typedef struct bench_layer {
    const char *name;
    size_t batch, channels, out_channels, extent, kernel, stride, padding, groups;
} bench_layer;

static const bench_layer layers[] = {
    {"3x3 32->64, 14x14, batch 32", 32, 32, 64, 14, 3, 1, 1, 1},
    {"3x3 64->64, 56x56, batch 4", 4, 64, 64, 56, 3, 1, 1, 1},
    {"3x3 64->128 stride 2, 28x28, batch 16", 16, 64, 128, 28, 3, 2, 1, 1},
    {"1x1 128->128, 14x14, batch 16", 16, 128, 128, 14, 1, 1, 0, 1},
    {"3x3 depthwise 64, 28x28, batch 16", 16, 64, 64, 28, 3, 1, 1, 64},
    {"5x5 1->16, 28x28, batch 64", 64, 1, 16, 28, 5, 1, 0, 1},
};

static wg_var bench_noise(wg_tape *tape, wg_shape shape)
{
    size_t size = 1;
    for (uint32_t d = 0; d < shape.rank; d++) size *= shape.dim[d];
    float *numbers = malloc(size * sizeof *numbers);
    for (size_t i = 0; i < size; i++) numbers[i] = (float)(i * 7919 % 1013) / 1013 - 0.5f;
    wg_var x = wg_variable_f32(tape, shape, numbers);
    free(numbers);
    return x;
}

/* The product (m, k) (k, n) on plain arrays. */
typedef struct bench_product {
    size_t m, n, k;
    float *a, *b, *c;
    void *scratch;
} bench_product;

static bench_product bench_product_open(size_t m, size_t n, size_t k)
{
    size_t bytes = (wg_kernel_gemm_scratch_f32(wg_kernel_isa(), false, false, m, n, k) + 64) / 64 * 64;
    return (bench_product){m, n, k, calloc(m * k, sizeof(float)), calloc(k * n, sizeof(float)),
        calloc(m * n, sizeof(float)), aligned_alloc(64, bytes)};
}

static void bench_product_close(bench_product *p)
{
    free(p->a);
    free(p->b);
    free(p->c);
    free(p->scratch);
}

static double bench_product_time(const bench_product *p)
{
    double start = bench_now();
    wg_kernel_gemm_f32(
        wg_kernel_isa(), false, false, p->m, p->n, p->k, p->a, p->k, p->b, p->n, p->c, p->n, false, p->scratch);
    return bench_now() - start;
}

/* The time of the op, or of a sweep from it. */
static double bench_time(wg_tape *tape, const bench_layer *l, wg_var x, wg_var w, bool sweep, const float *cotangent)
{
    wg_conv_options options = {
        .stride = {l->stride, l->stride}, .padding = {l->padding, l->padding}, .groups = l->groups};
    wg_mark mark = wg_tape_mark(tape);
    double start = bench_now();
    wg_var y = wg_conv2d(x, w, &options);
    if (sweep) {
        start = bench_now();
        wg_backward_from(y, cotangent);
    }
    double time = bench_now() - start;
    wg_tape_rewind(tape, mark);
    return time;
}

/* The four in turn, round after round. */
static void bench_one(const bench_layer *l)
{
    static double times[4][ROUNDS];
    wg_tape *tape = wg_tape_new(WG_F32);
    size_t in = l->channels / l->groups, out = (l->extent + 2 * l->padding - l->kernel) / l->stride + 1;
    wg_shape shape_x = WG_DIMS(l->batch, l->channels, l->extent, l->extent);
    wg_shape shape_w = WG_DIMS(l->out_channels, in, l->kernel, l->kernel);
    wg_var x = bench_noise(tape, shape_x), w = bench_noise(tape, shape_w), cx = wg_detach(x), cw = wg_detach(w);
    size_t columns = l->batch * out * out, rows = in * l->kernel * l->kernel, outputs = columns * l->out_channels;
    float *cotangent = malloc(outputs * sizeof *cotangent);
    for (size_t i = 0; i < outputs; i++) cotangent[i] = (float)(i % 17) / 17;
    bench_product product = bench_product_open(l->out_channels / l->groups, columns, rows);
    for (int r = 0; r < ROUNDS; r++) {
        times[0][r] = bench_time(tape, l, x, w, false, cotangent);
        times[1][r] = bench_time(tape, l, x, cw, true, cotangent);
        times[2][r] = bench_time(tape, l, cx, w, true, cotangent);
        times[3][r] = (double)l->groups * bench_product_time(&product);
    }
    double flops = 2e-9 * (double)(outputs * rows), speed[4];
    for (size_t i = 0; i < 4; i++) speed[i] = flops / bench_median(times[i], ROUNDS);
    printf("%-38s forward %6.1f   dx %6.1f   dw %6.1f   matrix product %6.1f\n", l->name, speed[0], speed[1], speed[2],
        speed[3]);
    if (wg_tape_status(tape)) printf("%s\n", wg_tape_message(tape));
    bench_product_close(&product);
    free(cotangent);
    wg_tape_free(tape);
}

int main(void)
{
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) bench_one(&layers[i]);
    return 0;
}
