/* Layers forward and backward, in float, beside PyTorch:
 *
 *     convolution      3x3 from 16 to 32 channels with a bias, images of 28 x 28, a batch of 32, padding 1
 *     cross-entropy    of the softmax of 128 x 10, 64 x 1000 and 256 x 10000 logits
 *     layer norm       128 x 64, 128 x 768 and 2048 x 768
 *     attention        8 heads, 128 positions of 64 features
 *
 * A layer maps up to three leaves, each of them differentiated, to y; a cotangent g is given unless y is a scalar. Each is
 * validated against a naive evaluation of <y, g> in double: its value, and its slope along the gradient, which must be the
 * square of the gradient. PyTorch must get the same value and, for each leaf, a gradient of the same size. */
#include "support/bench.h"
#include "support/process.h"

#include <wengert.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LEAVES = 3 };

typedef struct layer {
    const char *name, *torch; /* the peer's name for it */
    size_t count;             /* of leaves */
    wg_shape shape[LEAVES];
    double low[LEAVES], high[LEAVES];
    wg_shape y;       /* rank 0: no cotangent */
    double g_low;     /* the cotangent is uniform between this and 1 */
    size_t extent[2]; /* what the functions want to know */
    wg_var (*apply)(const struct layer *layer, const wg_var *leaf, wg_var target);
    double (*naive)(const struct layer *layer, double *const *leaf, const float *g); /* <y, g> */
} layer;

/* ---- the layers ------------------------------------------------------------------------------------------------- */

enum { BATCH = 32, IN = 16, OUT = 32, SIDE = 28, HEADS = 8, POSITIONS = 128, FEATURES = 64 };

static wg_var conv_apply(const layer *l, const wg_var *leaf, wg_var target)
{
    (void)l;
    (void)target;
    wg_var y = wg_conv2d(leaf[0], leaf[1], &(wg_conv_options){.padding = {1, 1}});
    return wg_add(y, wg_reshape(leaf[2], WG_DIMS(OUT, 1, 1)));
}

/* One output: the sum over the channels and the 3 x 3 window. */
static double conv_at(double *const *leaf, size_t image, size_t out, size_t row, size_t column)
{
    double sum = leaf[2][out];
    for (size_t c = 0; c < IN; c++)
        for (size_t a = 0; a < 3; a++)
            for (size_t b = 0; b < 3; b++) {
                size_t r = row + a - 1, s = column + b - 1; /* -1 wraps and is outside, too */
                if (r >= SIDE || s >= SIDE) continue;
                sum += leaf[0][((image * IN + c) * SIDE + r) * SIDE + s] * leaf[1][((out * IN + c) * 3 + a) * 3 + b];
            }
    return sum;
}

static double conv_naive(const layer *l, double *const *leaf, const float *g)
{
    double sum = 0;
    (void)l;
    for (size_t i = 0; i < (size_t)BATCH * OUT * SIDE * SIDE; i++)
        sum += (double)g[i] * conv_at(leaf, i / SIDE / SIDE / OUT, i / SIDE / SIDE % OUT, i / SIDE % SIDE, i % SIDE);
    return sum;
}

static wg_var cross_entropy_apply(const layer *l, const wg_var *leaf, wg_var target)
{
    (void)l;
    return wg_cross_entropy(leaf[0], target, 1, WG_MEAN);
}

static double cross_entropy_naive(const layer *l, double *const *leaf, const float *g)
{
    size_t rows = l->extent[0], classes = l->extent[1];
    double loss = 0;
    (void)g;
    for (size_t i = 0; i < rows; i++) {
        const double *x = leaf[0] + i * classes;
        double sum = 0;
        for (size_t c = 0; c < classes; c++) sum += exp(x[c]);
        loss += (log(sum) - x[i * 7919 % classes]) / (double)rows;
    }
    return loss;
}

static wg_var layer_norm_apply(const layer *l, const wg_var *leaf, wg_var target)
{
    (void)l;
    (void)target;
    return wg_layer_norm(leaf[0], leaf[1], leaf[2], 1, 1e-5);
}

static double layer_norm_naive(const layer *l, double *const *leaf, const float *g)
{
    size_t rows = l->extent[0], n = l->extent[1];
    double total = 0;
    for (size_t r = 0; r < rows; r++) {
        const double *x = leaf[0] + r * n;
        double mean = 0, variance = 0;
        for (size_t i = 0; i < n; i++) mean += x[i] / (double)n;
        for (size_t i = 0; i < n; i++) variance += (x[i] - mean) * (x[i] - mean) / (double)n;
        for (size_t i = 0; i < n; i++)
            total += (double)g[r * n + i] * ((x[i] - mean) / sqrt(variance + 1e-5) * leaf[1][i] + leaf[2][i]);
    }
    return total;
}

static wg_var attention_apply(const layer *l, const wg_var *leaf, wg_var target)
{
    (void)l;
    (void)target;
    return wg_attention(leaf[0], leaf[1], leaf[2], (wg_var){0}, NULL);
}

/* <w v, g> of one query, w the softmax of its scores. */
static double attention_row(const double *q, const double *k, const double *v, const float *g)
{
    double sum = 0, weighted = 0;
    for (size_t s = 0; s < POSITIONS; s++) {
        double score = 0, product = 0;
        for (size_t f = 0; f < FEATURES; f++) {
            score += q[f] * k[s * FEATURES + f];
            product += v[s * FEATURES + f] * (double)g[f];
        }
        double weight = exp(score / sqrt(FEATURES));
        sum += weight;
        weighted += weight * product;
    }
    return weighted / sum;
}

static double attention_naive(const layer *l, double *const *leaf, const float *g)
{
    double total = 0;
    (void)l;
    for (size_t i = 0; i < (size_t)HEADS * POSITIONS; i++) {
        size_t head = i / POSITIONS * POSITIONS * FEATURES;
        total += attention_row(leaf[0] + i * FEATURES, leaf[1] + head, leaf[2] + head, g + i * FEATURES);
    }
    return total;
}

#define CROSS_ENTROPY(rows, classes)                                                                                   \
    {                                                                                                                  \
        .name = "cross-entropy, " #rows " x " #classes, .torch = "cross_entropy " #rows " " #classes, .count = 1,      \
        .shape = {{2, {rows, classes}}}, .low = {-2}, .high = {2}, .extent = {rows, classes},                          \
        .apply = cross_entropy_apply, .naive = cross_entropy_naive                                                     \
    }
#define LAYER_NORM(rows, n)                                                                                            \
    {                                                                                                                  \
        .name = "layer norm, " #rows " x " #n, .torch = "layer_norm " #rows " " #n, .count = 3,                        \
        .shape = {{2, {rows, n}}, {1, {n}}, {1, {n}}}, .low = {-2, .5, -.5}, .high = {2, 1.5, .5},                     \
        .y = {2, {rows, n}}, .g_low = -1, .extent = {rows, n}, .apply = layer_norm_apply, .naive = layer_norm_naive    \
    }
#define HEAD_SHAPE                                                                                                     \
    {                                                                                                                  \
        3, { HEADS, POSITIONS, FEATURES }                                                                              \
    }
static const layer layers[] = {
    {.name = "convolution 3x3, 16 to 32, 28 x 28, batch 32",
        .torch = "conv",
        .count = 3,
        .shape = {{4, {BATCH, IN, SIDE, SIDE}}, {4, {OUT, IN, 3, 3}}, {1, {OUT}}},
        .low = {0, -.5, -.5},
        .high = {1, .5, .5},
        .y = {4, {BATCH, OUT, SIDE, SIDE}},
        .apply = conv_apply,
        .naive = conv_naive},
    CROSS_ENTROPY(128, 10),
    CROSS_ENTROPY(64, 1000),
    CROSS_ENTROPY(256, 10000),
    LAYER_NORM(128, 64),
    LAYER_NORM(128, 768),
    LAYER_NORM(2048, 768),
    {.name = "attention, 8 heads, 128 x 64",
        .torch = "attention",
        .count = 3,
        .shape = {HEAD_SHAPE, HEAD_SHAPE, HEAD_SHAPE},
        .low = {-2, -1, -.5},
        .high = {2, 1, .5},
        .y = HEAD_SHAPE,
        .g_low = -1,
        .apply = attention_apply,
        .naive = attention_naive},
};

/* ---- a layer on a tape -------------------------------------------------------------------------------------------- */

typedef struct side {
    const struct job *job;
    wg_tape *tape;
    wg_var leaf[LEAVES], target;
    wg_mark mark;
} side;

typedef struct job {
    const layer *layer;
    float *g, *values[LEAVES];
    side one, two;
    bench_request torch;
} job;

static size_t shape_size(const wg_shape *shape)
{
    size_t size = 1;
    for (uint32_t d = 0; d < shape->rank; d++) size *= shape->dim[d];
    return size;
}

static wg_var side_forward(side *s) { return s->job->layer->apply(s->job->layer, s->leaf, s->target); }

static void side_both(void *context)
{
    side *s = context;
    wg_zero_grad(s->tape);
    wg_var y = side_forward(s);
    if (s->job->g)
        wg_backward_from(y, s->job->g);
    else
        wg_backward(y);
    wg_tape_rewind(s->tape, s->mark);
}

static void side_forward_alone(void *context)
{
    side *s = context;
    side_forward(s);
    wg_tape_rewind(s->tape, s->mark);
}

static void side_open(side *s, const job *j, unsigned threads)
{
    const layer *l = j->layer;
    s->job = j;
    s->tape = wg_tape_new_with(&(wg_tape_options){.dtype = WG_F32, .threads = threads}, NULL);
    for (size_t k = 0; k < l->count; k++) s->leaf[k] = wg_variable_f32(s->tape, l->shape[k], j->values[k]);
    if (!j->g) {
        int64_t *target = bench_memory(l->extent[0] * sizeof *target);
        for (size_t i = 0; i < l->extent[0]; i++) target[i] = (int64_t)(i * 7919 % l->extent[1]);
        s->target = wg_indices(s->tape, WG_DIMS(l->extent[0]), target);
        free(target);
    }
    s->mark = wg_tape_mark(s->tape);
}

/* ---- validation ------------------------------------------------------------------------------------------------- */

/* <y, g> in double where the leaves are moved by step times the gradient. */
static double job_naive(const job *j, double step)
{
    double *leaf[LEAVES] = {0};
    for (size_t k = 0; k < j->layer->count; k++) {
        size_t size = shape_size(&j->layer->shape[k]);
        const float *gradient = wg_grad_f32(j->one.leaf[k]);
        leaf[k] = bench_memory(size * sizeof(double));
        for (size_t i = 0; i < size; i++) leaf[k][i] = (double)j->values[k][i] + step * (double)gradient[i];
    }
    double sum = j->layer->naive(j->layer, leaf, j->g);
    for (size_t k = 0; k < j->layer->count; k++) free(leaf[k]);
    return sum;
}

static double job_value(job *j)
{
    wg_var y = side_forward(&j->one);
    double sum = 0;
    for (size_t i = 0; i < wg_size(y); i++) sum += wg_at(y, i) * (j->g ? (double)j->g[i] : 1);
    wg_tape_rewind(j->one.tape, j->one.mark);
    return sum;
}

static bool job_is_right(void *context)
{
    job *j = context;
    double value = job_value(j), found[LEAVES + 1] = {value}, theirs[LEAVES + 1], square = 0, largest = 0;
    side_both(&j->one);
    side_both(&j->two);
    for (size_t k = 0; k < j->layer->count; k++) {
        size_t size = shape_size(&j->layer->shape[k]);
        const float *gradient = wg_grad_f32(j->one.leaf[k]), *other = wg_grad_f32(j->two.leaf[k]);
        if (!gradient || !other) return bench_wrong("%s", wg_tape_message(j->one.tape));
        if (memcmp(gradient, other, size * sizeof *gradient)) return bench_wrong("one thread and two differ");
        for (size_t i = 0; i < size; i++) {
            found[k + 1] += (double)gradient[i] * (double)gradient[i];
            if (fabs((double)gradient[i]) > largest) largest = fabs((double)gradient[i]);
        }
        square += found[k + 1];
    }
    double want = job_naive(j, 0), step = 1e-4 / largest;
    double slope = (job_naive(j, step) - job_naive(j, -step)) / (2 * step);
    if (!bench_same_f64("value", 1, &value, &want, 1e-5)) return false;
    if (!(fabs(slope - square) <= 1e-4 * square))
        return bench_wrong("the slope along the gradient is %g and should be %g", slope, square);
    if (!j->torch.process) return true;
    size_t count = bench_process_ask(j->torch.process, j->torch.work, theirs, LEAVES + 1);
    if (count != j->layer->count + 1) return bench_wrong("PyTorch does not answer");
    return bench_same_f64("value, and squares of the gradients", count, found, theirs, 1e-4);
}

/* ---- cases ------------------------------------------------------------------------------------------------------ */

static void measure(const layer *l, bench_process *torch)
{
    size_t size = shape_size(&l->y);
    job j = {.layer = l, .torch = {torch, l->torch}};
    if (!bench_wants("layers, forward and backward", l->name, false)) return;
    for (size_t k = 0; k < l->count; k++) {
        j.values[k] = bench_memory(shape_size(&l->shape[k]) * sizeof(float));
        bench_fill_f32(shape_size(&l->shape[k]), j.values[k], l->low[k], l->high[k]);
    }
    if (l->y.rank) bench_fill_f32(size, j.g = bench_memory(size * sizeof *j.g), l->g_low, 1);
    side_open(&j.one, &j, 1);
    side_open(&j.two, &j, 2);
    bench_case c = {.group = "layers, forward and backward",
        .name = l->name,
        .unit = "us",
        .context = &j,
        .validate = job_is_right,
        .budget = .2,
        .contenders = {{.name = "wengert", .work = side_both}, {.name = "forward alone", .work = side_forward_alone},
            {.name = "2 threads", .work = side_both, .context = &j.two, .rest = .002}}};
    for (size_t k = 0; k < 2; k++) c.contenders[k].context = &j.one;
    if (torch)
        c.contenders[3] = (bench_contender){
            .name = bench_process_name(torch), .kind = BENCH_PEER, .timed = bench_process_time, .context = &j.torch};
    bench_run(&c, NULL);
    wg_tape_free(j.one.tape);
    wg_tape_free(j.two.tape);
    for (size_t k = 0; k < l->count; k++) free(j.values[k]);
    free(j.g);
}

int main(int argc, char **argv)
{
    bench_open("layers", argc, argv);
    bench_process *torch = bench_process_script("peer_torch.py");
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) measure(&layers[i], torch);
    bench_process_close(torch);
    return bench_close();
}
