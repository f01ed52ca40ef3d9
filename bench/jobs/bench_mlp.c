/* A training step of networks of four sizes, in float: sigmoid on every layer, mean squared error, stochastic gradient
 * descent with a rate of 0.1. The data are (features, samples) without gradient; data and targets uniform in [0, 1), weights
 * in +-1/sqrt(inputs).
 *
 *     (a) 3-5-2, 100 samples   (b) 64-32-10, 64   (c) 784-128-10, 32   (d) 784-512-512-10, 256
 *
 * On a tape in three ways: recorded anew by mark and rewind, with the caller's own update; recorded once and replayed; and
 * with a step that the library fuses. Beside them plain C on OpenBLAS (mlp_plain.c), with the update apart or inside the
 * product, and PyTorch. Each is validated by training three steps from the same start: all must come to the same weights,
 * and PyTorch to the same loss. Without OpenBLAS a naive product stands in for it, to validate with.
 *
 * Then the cheap gradient, forward and backward over forward; and the peak of memory of (d) and of twenty layers. */
#include "support/bench.h"
#include "support/blas.h"
#include "support/process.h"

#include <wengert.h>
#if defined(__has_include)
#if __has_include(<wengert/train.h>)
#include <wengert/train.h>
#define HAS_SGD_STEP 1
#endif
#endif

#include "mlp_plain.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const float RATE = .1f;
static const mlp_net nets[] = {
    {"(a) 3-5-2, 100 samples", 2, 100, {3, 5, 2}},
    {"(b) 64-32-10, 64 samples", 2, 64, {64, 32, 10}},
    {"(c) 784-128-10, 32 samples", 2, 32, {784, 128, 10}},
    {"(d) 784-512-512-10, 256 samples", 3, 256, {784, 512, 512, 10}},
};
enum { NETS = sizeof nets / sizeof *nets };

/* The numbers that every contender starts from. */
typedef struct mlp_start {
    const mlp_net *net;
    float *x, *y, *parameters;
} mlp_start;

static void start_open(mlp_start *s, const mlp_net *net)
{
    size_t inputs = net->width[0] * net->samples, outputs = net->width[net->layers] * net->samples, at = 0;
    s->net = net;
    s->x = bench_memory(inputs * sizeof(float));
    s->y = bench_memory(outputs * sizeof(float));
    s->parameters = bench_memory(mlp_parameters(net) * sizeof(float));
    bench_fill_f32(inputs, s->x, 0, 1);
    bench_fill_f32(outputs, s->y, 0, 1);
    for (size_t l = 0; l < net->layers; l++) { /* biases stay zero */
        size_t size = net->width[l] * net->width[l + 1];
        double range = 1 / sqrt((double)net->width[l]);
        bench_fill_f32(size, s->parameters + at, -range, range);
        at += size + net->width[l + 1];
    }
}

static void start_close(mlp_start *s)
{
    free(s->x);
    free(s->y);
    free(s->parameters);
}

/* ---- on a tape ---------------------------------------------------------------------------------------------------- */

typedef struct mlp_tape {
    const mlp_start *start;
    wg_tape *tape;
    float *parameters, *gradients; /* the leaves', bound */
    wg_var w[MLP_LAYERS], b[MLP_LAYERS], x, y, loss;
    wg_mark mark;
} mlp_tape;

static void tape_open(mlp_tape *t, const mlp_start *start, unsigned threads)
{
    const mlp_net *net = start->net;
    size_t bytes = mlp_parameters(net) * sizeof(float), at = 0;
    *t = (mlp_tape){.start = start};
    t->tape = wg_tape_new_with(&(wg_tape_options){.dtype = WG_F32, .threads = threads}, NULL);
    t->parameters = memcpy(bench_memory(bytes), start->parameters, bytes);
    t->gradients = bench_memory(bytes);
    for (size_t l = 0; l < net->layers; l++) {
        size_t in = net->width[l], out = net->width[l + 1];
        t->w[l] = wg_variable_f32(t->tape, WG_DIMS(out, in), NULL);
        wg_bind(t->w[l], t->parameters + at, t->gradients + at);
        at += out * in;
        t->b[l] = wg_variable_f32(t->tape, WG_DIMS(out, 1), NULL);
        wg_bind(t->b[l], t->parameters + at, t->gradients + at);
        at += out;
    }
    t->x = wg_constant_f32(t->tape, WG_DIMS(net->width[0], net->samples), start->x);
    t->y = wg_constant_f32(t->tape, WG_DIMS(net->width[net->layers], net->samples), start->y);
    t->mark = wg_tape_mark(t->tape);
}

static void tape_close(mlp_tape *t)
{
    wg_tape_free(t->tape);
    free(t->parameters);
    free(t->gradients);
}

static void tape_forward(mlp_tape *t)
{
    wg_var a = t->x;
    for (size_t l = 0; l < t->start->net->layers; l++) {
        wg_var z = wg_matmul(t->w[l], a);
        a = wg_sigmoid(wg_add(z, t->b[l]));
    }
    t->loss = wg_mse(a, t->y, WG_MEAN);
}

static void tape_update(mlp_tape *t)
{
    mlp_update(mlp_parameters(t->start->net), t->parameters, t->gradients, RATE);
    for (size_t l = 0; l < t->start->net->layers; l++) {
        wg_value_mut(t->w[l]);
        wg_value_mut(t->b[l]);
    }
}

static void tape_recorded(void *context)
{
    mlp_tape *t = context;
    tape_forward(t);
    wg_zero_grad(t->tape);
    wg_backward(t->loss);
    wg_tape_rewind(t->tape, t->mark);
    tape_update(t);
}

static void tape_replayed(void *context)
{
    mlp_tape *t = context;
    if (wg_ok(t->loss))
        wg_tape_replay(t->tape);
    else
        tape_forward(t);
    wg_zero_grad(t->tape);
    wg_backward(t->loss);
    tape_update(t);
}

#ifdef HAS_SGD_STEP
/* The sweep and the update at once. */
static void tape_fused(void *context)
{
    mlp_tape *t = context;
    tape_forward(t);
    wg_sgd_step(t->loss, (double)RATE);
    wg_tape_rewind(t->tape, t->mark);
}
#endif

static void tape_forward_alone(void *context)
{
    mlp_tape *t = context;
    tape_forward(t);
    wg_tape_rewind(t->tape, t->mark);
}

static void tape_forward_backward(void *context)
{
    mlp_tape *t = context;
    tape_forward(t);
    wg_zero_grad(t->tape);
    wg_backward(t->loss);
    wg_tape_rewind(t->tape, t->mark);
}

/* ---- the limit -------------------------------------------------------------------------------------------------- */

static void plain_apart(void *m) { mlp_plain_step(m, 0); }
static void plain_fused(void *m) { mlp_plain_step(m, 1); }

/* On two threads of OpenBLAS. */
static double plain_two(mlp_plain *m, size_t times, int fused)
{
    m->blas->set_threads(2);
    double start = bench_now();
    for (size_t t = 0; t < times; t++) mlp_plain_step(m, fused);
    double seconds = bench_now() - start;
    m->blas->set_threads(1);
    return seconds;
}

static double plain_apart_two(void *m, size_t times) { return plain_two(m, times, 0); }

/* In place of OpenBLAS's, for the validation. */
static void naive_sgemm(int order, int op_a, int op_b, int m, int n, int k, float alpha, const float *a, int lda,
    const float *b, int ldb, float beta, float *c, int ldc)
{
    (void)order;
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            float sum = 0;
            for (int p = 0; p < k; p++)
                sum += (op_a == BENCH_BLAS_PLAIN ? a[i * lda + p] : a[p * lda + i]) *
                       (op_b == BENCH_BLAS_PLAIN ? b[p * ldb + j] : b[j * ldb + p]);
            c[i * ldc + j] = (beta == 0 ? 0 : beta * c[i * ldc + j]) + alpha * sum;
        }
}
static const bench_blas naive_blas = {.sgemm = naive_sgemm};

/* ---- cases ------------------------------------------------------------------------------------------------------ */

typedef struct mlp_job {
    mlp_start start;
    const bench_blas *blas; /* or NULL */
    bench_process *torch;   /* or NULL */
    mlp_tape recorded, replayed, recorded_two, replayed_two, stepped;
    mlp_plain apart, fused;
    bench_request torch_one, torch_two;
    char texts[2][64];
} mlp_job;

static void job_open(mlp_job *j, size_t which, const bench_blas *blas, bench_process *torch)
{
    const bench_blas *any = blas ? blas : &naive_blas;
    j->blas = blas;
    j->torch = torch;
    start_open(&j->start, &nets[which]);
    tape_open(&j->recorded, &j->start, 1);
    tape_open(&j->replayed, &j->start, 1);
    tape_open(&j->recorded_two, &j->start, 2);
    tape_open(&j->replayed_two, &j->start, 2);
    tape_open(&j->stepped, &j->start, 1);
    const mlp_start *s = &j->start;
    mlp_plain_open(&j->apart, s->net, any, s->x, s->y, s->parameters, RATE);
    mlp_plain_open(&j->fused, s->net, any, s->x, s->y, s->parameters, RATE);
    snprintf(j->texts[0], sizeof j->texts[0], "mlp %c 1", (int)('a' + which));
    snprintf(j->texts[1], sizeof j->texts[1], "mlp %c 2", (int)('a' + which));
    j->torch_one = (bench_request){torch, j->texts[0]};
    j->torch_two = (bench_request){torch, j->texts[1]};
}

static void job_close(mlp_job *j)
{
    tape_close(&j->recorded);
    tape_close(&j->replayed);
    tape_close(&j->recorded_two);
    tape_close(&j->replayed_two);
    tape_close(&j->stepped);
    mlp_plain_close(&j->apart);
    mlp_plain_close(&j->fused);
    start_close(&j->start);
}

/* Three steps from the start; float's rounding apart, all have the same weights then. Asked, PyTorch says the loss before
 * its fourth step. */
static bool job_is_right(void *context)
{
    mlp_job *j = context;
    size_t n = mlp_parameters(j->start.net);
    mlp_tape *tapes[] = {&j->recorded, &j->replayed, &j->recorded_two, &j->replayed_two};
    float loss = 0;
    for (int step = 0; step < 4; step++) {
        if (step == 3)
            loss = mlp_plain_step(&j->apart, 0);
        else
            mlp_plain_step(&j->apart, 0);
        mlp_plain_step(&j->fused, 1);
        for (size_t k = 0; k < 4; k++) (k % 2 ? tape_replayed : tape_recorded)(tapes[k]);
    }
    for (size_t k = 0; k < 4; k++) {
        if (wg_tape_status(tapes[k]->tape)) return bench_wrong("%s", wg_tape_message(tapes[k]->tape));
        if (!bench_same_f32("weights", n, tapes[k]->parameters, j->apart.parameters, 2e-5)) return false;
        if (memcmp(tapes[k]->parameters, tapes[0]->parameters, n * sizeof(float)))
            return bench_wrong("recorded and replayed, or one thread and two, differ");
    }
    if (!bench_same_f32("fused weights", n, j->fused.parameters, j->apart.parameters, 2e-5)) return false;
#ifdef HAS_SGD_STEP
    for (int step = 0; step < 4; step++) tape_fused(&j->stepped);
    if (wg_tape_status(j->stepped.tape)) return bench_wrong("%s", wg_tape_message(j->stepped.tape));
    if (!bench_same_f32("stepped weights", n, j->stepped.parameters, j->apart.parameters, 2e-5)) return false;
#endif
    double got = (double)loss, theirs;
    if (!j->torch) return true;
    if (bench_process_ask(j->torch, j->texts[0], &theirs, 1) != 1) return bench_wrong("PyTorch does not answer");
    return bench_same_f64("loss", 1, &got, &theirs, 1e-5);
}

static void job_measure(mlp_job *j)
{
    bench_case c = {.group = "training step",
        .name = j->start.net->name,
        .unit = "us",
        .context = j,
        .validate = job_is_right,
        .budget = .2};
    bench_contender *next = c.contenders;
    *next++ = (bench_contender){.name = "wengert, recorded", .work = tape_recorded, .context = &j->recorded};
    *next++ = (bench_contender){.name = "wengert, replayed", .work = tape_replayed, .context = &j->replayed};
#ifdef HAS_SGD_STEP
    *next++ = (bench_contender){.name = "wengert, SGD step", .work = tape_fused, .context = &j->stepped};
#endif
    if (j->blas) {
        *next++ =
            (bench_contender){.name = "C on OpenBLAS", .kind = BENCH_LIMIT, .work = plain_apart, .context = &j->apart};
        *next++ = (bench_contender){
            .name = "the same, fused", .kind = BENCH_LIMIT, .work = plain_fused, .context = &j->fused};
    }
    if (j->torch)
        *next++ = (bench_contender){.name = bench_process_name(j->torch),
            .kind = BENCH_PEER,
            .timed = bench_process_time,
            .context = &j->torch_one};
    bench_run(&c, NULL);
}

static void job_measure_two(mlp_job *j)
{
    bench_case c = {.group = "training step, two threads", .name = j->start.net->name, .unit = "us", .budget = .2};
    bench_contender *next = c.contenders;
    *next++ = (bench_contender){
        .name = "wengert, recorded", .work = tape_recorded, .context = &j->recorded_two, .rest = .002};
    *next++ = (bench_contender){.name = "replayed", .work = tape_replayed, .context = &j->replayed_two, .rest = .002};
    *next++ = (bench_contender){.name = "recorded, 1 thread", .work = tape_recorded, .context = &j->recorded};
    if (j->blas)
        *next++ = (bench_contender){.name = "C on OpenBLAS",
            .kind = BENCH_LIMIT,
            .timed = plain_apart_two,
            .context = &j->apart,
            .rest = BENCH_BLAS_REST};
    if (j->torch)
        *next++ = (bench_contender){.name = bench_process_name(j->torch),
            .kind = BENCH_PEER,
            .timed = bench_process_time,
            .context = &j->torch_two,
            .rest = BENCH_BLAS_REST};
    bench_run(&c, NULL);
}

static void job_cheap_gradient(mlp_job *j)
{
    bench_run(&(bench_case){.group = "cheap gradient, networks",
                  .name = j->start.net->name,
                  .unit = "us",
                  .context = &j->recorded,
                  .contenders = {{.name = "forward", .work = tape_forward_alone},
                      {.name = "with backward", .work = tape_forward_backward}}},
        NULL);
}

/* The most memory that four steps need, parameters and data included. PyTorch's is the growth of a fresh process. */
static void measure_memory(const mlp_net *net, const char *work)
{
    bench_figure figures[2] = {{.name = "wengert"}};
    wg_stats stats;
    double theirs;
    size_t count = 1;
    mlp_start start;
    mlp_tape tape;
    if (!bench_wants("training step, peak of memory", net->name, true)) return;
    start_open(&start, net);
    tape_open(&tape, &start, 1);
    for (int step = 0; step < 4; step++) tape_recorded(&tape);
    wg_tape_stats(tape.tape, &stats);
    figures[0].value = ((double)stats.bytes_peak + 2. * sizeof(float) * (double)mlp_parameters(net)) / 1e6;
    tape_close(&tape);
    start_close(&start);
    bench_process *torch = bench_process_script("peer_torch.py");
    if (torch && bench_process_ask(torch, work, &theirs, 1) == 1)
        figures[count++] = (bench_figure){bench_process_name(torch), BENCH_PEER, theirs / 1e6};
    bench_tell("training step, peak of memory", net->name, "MB", figures, count);
    bench_process_close(torch);
}

int main(int argc, char **argv)
{
    static mlp_job jobs[NETS];
    static mlp_net deep = {.name = "784, 20 of 512, 10; 256 samples", .layers = 21, .samples = 256, .width = {784}};
    bench_open("mlp", argc, argv);
    const bench_blas *blas = bench_blas_open();
    bench_process *torch = bench_process_script("peer_torch.py");
    for (size_t k = 0; k < NETS; k++) job_open(&jobs[k], k, blas, torch);
    for (size_t k = 0; k < NETS; k++) job_measure(&jobs[k]);
    for (size_t k = 0; k < NETS; k++) job_measure_two(&jobs[k]);
    for (size_t k = 0; k < NETS; k++) job_cheap_gradient(&jobs[k]);
    for (size_t k = 0; k < NETS; k++) job_close(&jobs[k]);
    bench_process_close(torch);
    for (size_t l = 1; l <= 20; l++) deep.width[l] = 512;
    deep.width[21] = 10;
    measure_memory(&nets[NETS - 1], "memory d");
    measure_memory(&deep, "memory deep");
    return bench_close();
}
