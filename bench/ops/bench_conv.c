/* Convolutions in GFLOPS, the forward form and both gradients, on a tape: a 3x3 layer of a small network, the same strided, a
 * depthwise and a pointwise one. Beside each stands the matrix product of as many operations on plain arrays, one for the
 * whole batch: the windows in columns, laid out beforehand. */
#include "support/bench.h"

#include <wengert.h>

#include "kernels/gemm.h"

#include <math.h>
#include <stdlib.h>

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
    size_t bytes = wg_kernel_gemm_scratch_f32(wg_kernel_isa(), false, false, m, n, k, NULL);
    return (bench_product){m, n, k, bench_memory(m * k * sizeof(float)), bench_memory(k * n * sizeof(float)),
        bench_memory(m * n * sizeof(float)), bench_memory(bytes)};
}

static void bench_product_close(bench_product *p)
{
    free(p->a);
    free(p->b);
    free(p->c);
    free(p->scratch);
}

static void bench_product_run(void *context)
{
    const bench_product *p = context;
    wg_kernel_gemm_f32(
        wg_kernel_isa(), false, false, p->m, p->n, p->k, p->a, p->k, p->b, p->n, p->c, p->n, false, p->scratch, NULL);
}

/* A layer on a tape; the one whose gradient is wanted is the variable. */
typedef struct bench_job {
    const bench_layer *layer;
    wg_tape *tape;
    wg_var x, w, constant_x, constant_w;
    wg_mark mark;
    float *cotangent;
    bench_product product;
} bench_job;

static wg_var bench_apply(const bench_job *j, wg_var x, wg_var w)
{
    const bench_layer *l = j->layer;
    wg_conv_options options = {
        .stride = {l->stride, l->stride}, .padding = {l->padding, l->padding}, .groups = l->groups};
    return wg_conv2d(x, w, &options);
}

static void bench_forward(void *context)
{
    const bench_job *j = context;
    bench_apply(j, j->x, j->w);
    wg_tape_rewind(j->tape, j->mark);
}

static double bench_sweep(const bench_job *j, wg_var x, wg_var w, size_t times)
{
    double total = 0;
    for (size_t t = 0; t < times; t++) {
        wg_var y = bench_apply(j, x, w);
        double start = bench_now();
        wg_backward_from(y, j->cotangent);
        total += bench_now() - start;
        wg_tape_rewind(j->tape, j->mark);
    }
    return total;
}

static double bench_dx(void *context, size_t times)
{
    const bench_job *j = context;
    return bench_sweep(j, j->x, j->constant_w, times);
}

static double bench_dw(void *context, size_t times)
{
    const bench_job *j = context;
    return bench_sweep(j, j->constant_x, j->w, times);
}

/* A value here and there against its sum, and the gradients by Euler's theorem: y is linear in each, so that
 * <dx, x> = <dw, w> = <cotangent, y>. */
static bool bench_is_right(void *context)
{
    const bench_job *j = context;
    const bench_layer *l = j->layer;
    wg_var y = bench_apply(j, j->x, j->w);
    wg_backward_from(y, j->cotangent);
    const float *at_y = wg_value_f32(y), *at_x = wg_value_f32(j->x), *at_w = wg_value_f32(j->w);
    if (wg_tape_status(j->tape)) return bench_wrong("%s", wg_tape_message(j->tape));
    size_t side = wg_shape_of(y).dim[3], in = l->channels / l->groups, out = l->out_channels / l->groups;
    double sums[3] = {0}, size = 0;
    for (size_t i = 0; i < wg_size(y); i += i % 97 + 1) {
        size_t column = i % side, row = i / side % side, o = i / side / side % l->out_channels;
        size_t image = i / side / side / l->out_channels;
        double want = 0;
        for (size_t c = 0; c < in; c++)
            for (size_t a = 0; a < l->kernel; a++)
                for (size_t b = 0; b < l->kernel; b++) {
                    size_t r = row * l->stride + a - l->padding, s = column * l->stride + b - l->padding;
                    size_t channel = image * l->channels + o / out * in + c;
                    if (r >= l->extent || s >= l->extent) continue; /* the padding; below 0 wraps */
                    want += (double)at_x[(channel * l->extent + r) * l->extent + s] *
                            (double)at_w[((o * in + c) * l->kernel + a) * l->kernel + b];
                }
        if (!(fabs((double)at_y[i] - want) < 1e-4))
            return bench_wrong("element %zu is %g, not %g", i, (double)at_y[i], want);
    }
    for (size_t i = 0; i < wg_size(y); i++) {
        sums[0] += (double)at_y[i] * (double)j->cotangent[i];
        size += fabs((double)at_y[i] * (double)j->cotangent[i]);
    }
    for (size_t i = 0; i < wg_size(j->x); i++) sums[1] += (double)at_x[i] * wg_grad_at(j->x, i);
    for (size_t i = 0; i < wg_size(j->w); i++) sums[2] += (double)at_w[i] * wg_grad_at(j->w, i);
    wg_tape_rewind(j->tape, j->mark);
    if (fabs(sums[1] - sums[0]) < 1e-5 * size && fabs(sums[2] - sums[0]) < 1e-5 * size) return true;
    return bench_wrong("<y, dy> is %g, <x, dx> %g, <w, dw> %g", sums[0], sums[1], sums[2]);
}

static void bench_one(const bench_layer *l)
{
    bench_job j = {.layer = l, .tape = wg_tape_new(WG_F32)};
    size_t in = l->channels / l->groups, out = (l->extent + 2 * l->padding - l->kernel) / l->stride + 1;
    wg_shape shape_x = WG_DIMS(l->batch, l->channels, l->extent, l->extent);
    wg_shape shape_w = WG_DIMS(l->out_channels, in, l->kernel, l->kernel);
    j.x = bench_noise(j.tape, shape_x);
    j.w = bench_noise(j.tape, shape_w);
    j.constant_x = wg_detach(j.x);
    j.constant_w = wg_detach(j.w);
    j.mark = wg_tape_mark(j.tape);
    size_t columns = l->batch * out * out, rows = in * l->kernel * l->kernel, outputs = columns * l->out_channels;
    j.cotangent = bench_memory(outputs * sizeof *j.cotangent);
    for (size_t i = 0; i < outputs; i++) j.cotangent[i] = (float)(i % 17) / 17;
    j.product = bench_product_open(l->out_channels, columns, rows);
    bench_run(
        &(bench_case){.group = "convolution",
            .name = l->name,
            .unit = "GFLOPS",
            .work = 2 * (double)(outputs * rows),
            .context = &j,
            .validate = bench_is_right,
            .contenders = {{.name = "wengert", .work = bench_forward}, {.name = "dx", .timed = bench_dx},
                {.name = "dw", .timed = bench_dw},
                {.name = "matrix product", .kind = BENCH_LIMIT, .work = bench_product_run, .context = &j.product}}},
        NULL);
    bench_product_close(&j.product);
    free(j.cotangent);
    wg_tape_free(j.tape);
}

int main(int argc, char **argv)
{
    bench_open("conv", argc, argv);
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) bench_one(&layers[i]);
    return bench_close();
}
