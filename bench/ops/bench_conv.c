/* Convolutions in GFLOPS, the forward form and both gradients, on a tape: a 3x3 layer of a small network, the same strided, a
 * depthwise and a pointwise one. Beside each stands the matrix product of as many operations on plain arrays, one for the
 * whole batch: the windows in columns, laid out beforehand. */
#include "support/bench.h"

#include <wengert.h>

#include "kernels/gemm.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 21 };

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

/* Seconds of the product (m, k) (k, n). */
static double bench_gemm(size_t m, size_t n, size_t k)
{
    wg_isa isa = wg_kernel_isa();
    size_t bytes = (wg_kernel_gemm_scratch_f32(isa, false, false, m, n, k) + 64) / 64 * 64;
    float *a = calloc(m * k, sizeof *a), *b = calloc(k * n, sizeof *b), *c = calloc(m * n, sizeof *c);
    void *scratch = aligned_alloc(64, bytes);
    double times[ROUNDS];
    for (int r = 0; r < ROUNDS; r++) {
        double start = bench_now();
        wg_kernel_gemm_f32(isa, false, false, m, n, k, a, k, b, n, c, n, false, scratch);
        times[r] = bench_now() - start;
    }
    free(a), free(b), free(c), free(scratch);
    return bench_median(times, ROUNDS);
}

/* The median time of a replay of y's op, or of a sweep from it. */
static double bench_time(wg_tape *tape, const bench_layer *l, wg_var x, wg_var w, bool sweep, const float *cotangent)
{
    wg_conv_options options = {
        .stride = {l->stride, l->stride}, .padding = {l->padding, l->padding}, .groups = l->groups};
    double times[ROUNDS];
    wg_mark mark = wg_tape_mark(tape);
    for (int r = 0; r < ROUNDS; r++) {
        double start = bench_now();
        wg_var y = wg_conv2d(x, w, &options);
        if (sweep) start = bench_now();
        if (sweep) wg_backward_from(y, cotangent);
        times[r] = bench_now() - start;
        wg_tape_rewind(tape, mark);
    }
    return bench_median(times, ROUNDS);
}

static void bench_one(const bench_layer *l)
{
    wg_tape *tape = wg_tape_new(WG_F32);
    size_t in = l->channels / l->groups, out = (l->extent + 2 * l->padding - l->kernel) / l->stride + 1;
    wg_shape shape_x = WG_DIMS(l->batch, l->channels, l->extent, l->extent);
    wg_shape shape_w = WG_DIMS(l->out_channels, in, l->kernel, l->kernel);
    wg_var x = bench_noise(tape, shape_x), w = bench_noise(tape, shape_w);
    wg_var cx = wg_detach(x), cw = wg_detach(w);
    size_t columns = l->batch * out * out, rows = in * l->kernel * l->kernel;
    float *cotangent = malloc(columns * l->out_channels * sizeof *cotangent);
    for (size_t i = 0; i < columns * l->out_channels; i++) cotangent[i] = (float)(i % 17) / 17;
    double flops = 2e-9 * (double)(columns * rows * l->out_channels);
    double forward = bench_time(tape, l, x, w, false, cotangent);
    double of_x = bench_time(tape, l, x, cw, true, cotangent), of_w = bench_time(tape, l, cx, w, true, cotangent);
    double gemm = (double)l->groups * bench_gemm(l->out_channels / l->groups, columns, rows);
    printf("%-40s  forward %6.1f  dx %6.1f  dw %6.1f  gemm %6.1f GFLOPS\n", l->name, flops / forward, flops / of_x,
        flops / of_w, flops / gemm);
    if (wg_tape_status(tape)) printf("%s\n", wg_tape_message(tape));
    free(cotangent);
    wg_tape_free(tape);
}

int main(void)
{
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) bench_one(&layers[i]);
    return 0;
}
