/* The modes of differentiation, each as a multiple of the forward run that it differentiates:
 *
 *     mlp         784-128-10 with tanh, 32 samples, mean squared error, in float: backward, wg_jvp, wg_hvp
 *     scalars     a chain of 100,000 operations, 50,000 times y = sin(y) p, in double: the same without wg_hvp
 *     chain       layers y = tanh(y W) of 64 x 64, W a rotation, in float, plain and in stretches of sqrt(depth) layers with a checkpoint around
 *                 each: forward and backward together, and the peak of memory, against the depth
 *
 * Each is validated first: the tangent against the gradient, checkpointed gradients against plain ones to the last bit. */
#include "support/bench.h"

#include <wengert.h>

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { IN = 784, HIDDEN = 128, OUT = 10, SAMPLES = 32, WIDTH = 64, SCALAR_STEPS = 50000 };

enum { PARAMETERS = IN * HIDDEN + HIDDEN + HIDDEN * OUT + OUT, SHIFT = 1000 };
static float numbers[PARAMETERS + SHIFT];

/* ---- a loss and its four parameters ------------------------------------------------------------------------------------- */

typedef struct job {
    const char *name;
    wg_dtype dtype;
    size_t parameters;
    wg_var p[4], v[4], data[2]; /* v: the direction */
    wg_var (*run)(const struct job *job);
    wg_tape *tape;
    wg_mark start; /* where the leaves end */
} job;

static wg_var mlp_run(const job *j)
{
    wg_var hidden = wg_tanh(wg_add(wg_matmul(j->data[0], j->p[0]), j->p[1]));
    return wg_mse(wg_add(wg_matmul(hidden, j->p[2]), j->p[3]), j->data[1], WG_MEAN);
}

static wg_var scalars_run(const job *j)
{
    wg_var y = j->p[0];
    for (int i = 0; i < SCALAR_STEPS; i++) {
        wg_var s = wg_sin(y);
        y = wg_mul(s, j->p[1]);
    }
    return y;
}

/* <gradient, v> is the tangent. */
static bool modes_agree(void *context)
{
    job *j = context;
    wg_var tangent, loss = j->run(j);
    double sum = 0, size = 0;
    if (wg_jvp(loss, j->p, j->v, j->parameters, &tangent) || wg_backward(loss))
        return bench_wrong("%s", wg_tape_message(j->tape));
    for (size_t k = 0; k < j->parameters; k++)
        for (size_t i = 0; i < wg_size(j->p[k]); i++) {
            double part = wg_grad_at(j->p[k], i) * wg_at(j->v[k], i);
            sum += part;
            size += fabs(part);
        }
    if (fabs(sum - wg_item(tangent)) <= (j->dtype == WG_F32 ? 1e-5 : 1e-12) * size) return true;
    return bench_wrong("<gradient, v> is %g, the tangent %g", sum, wg_item(tangent));
}

/* Times what comes after the forward run; STATEMENT may use loss. */
#define MODE(name, STATEMENT)                                                                                          \
    static double name(void *context, size_t times)                                                                    \
    {                                                                                                                  \
        job *j = context;                                                                                              \
        double total = 0;                                                                                              \
        for (size_t t = 0; t < times; t++) {                                                                           \
            wg_tape_rewind(j->tape, j->start);                                                                         \
            wg_zero_grad(j->tape);                                                                                     \
            wg_var loss = j->run(j);                                                                                   \
            double start = bench_now();                                                                                \
            STATEMENT;                                                                                                 \
            total += bench_now() - start;                                                                              \
        }                                                                                                              \
        return total;                                                                                                  \
    }
MODE(run_backward, wg_backward(loss))
MODE(run_jvp, wg_var tangent; wg_jvp(loss, j->p, j->v, j->parameters, &tangent))
static float product[PARAMETERS];
MODE(run_hvp, wg_hvp(loss, j->p, j->parameters, numbers, product))

static double run_forward(void *context, size_t times)
{
    job *j = context;
    double total = 0;
    for (size_t t = 0; t < times; t++) {
        wg_tape_rewind(j->tape, j->start);
        double start = bench_now();
        j->run(j);
        total += bench_now() - start;
    }
    return total;
}

static void measure(job *j)
{
    j->start = wg_tape_mark(j->tape);
    bench_case modes = {.group = "modes",
        .name = j->name,
        .unit = "us",
        .context = j,
        .validate = modes_agree,
        .contenders = {{.name = "forward", .timed = run_forward}, {.name = "backward", .timed = run_backward},
            {.name = "jvp", .timed = run_jvp}}};
    if (j->dtype == WG_F32) modes.contenders[3] = (bench_contender){.name = "hvp", .timed = run_hvp};
    bench_run(&modes, NULL);
    if (wg_tape_status(j->tape)) bench_wrong("%s", wg_tape_message(j->tape));
}

static void measure_mlp(void)
{
    const wg_shape shapes[4] = {WG_DIMS(IN, HIDDEN), WG_DIMS(HIDDEN), WG_DIMS(HIDDEN, OUT), WG_DIMS(OUT)};
    wg_tape *tape = wg_tape_new(WG_F32);
    job j = {.name = "mlp", .dtype = WG_F32, .parameters = 4, .run = mlp_run, .tape = tape};
    for (int k = 0; k < 4; k++) {
        j.p[k] = wg_variable_f32(tape, shapes[k], numbers);
        j.v[k] = wg_constant_f32(tape, shapes[k], numbers + SHIFT);
    }
    j.data[0] = wg_constant_f32(tape, WG_DIMS(SAMPLES, IN), numbers);
    j.data[1] = wg_constant_f32(tape, WG_DIMS(SAMPLES, OUT), numbers);
    measure(&j);
    wg_tape_free(tape);
}

static void measure_scalars(void)
{
    wg_tape *tape = wg_tape_new(WG_F64);
    job j = {.name = "scalars", .dtype = WG_F64, .parameters = 2, .run = scalars_run, .tape = tape};
    for (int k = 0; k < 2; k++) {
        j.p[k] = wg_scalar_variable(tape, k ? 1.00001 : .5);
        j.v[k] = wg_scalar(tape, k ? -.25 : 1);
    }
    measure(&j);
    wg_tape_free(tape);
}

/* ---- a chain, plain and checkpointed ------------------------------------------------------------------------------------- */

/* y = tanh(y W), as often as user says; in: y, W. */
static wg_var layers(wg_tape *tape, void *user, const wg_var *in, size_t n)
{
    (void)tape;
    (void)n;
    wg_var y = in[0];
    for (int i = 0; i < *(const int *)user; i++) y = wg_tanh(wg_matmul(y, in[1]));
    return y;
}

typedef struct chain {
    int depth, stretch; /* stretch: layers in a checkpoint; depth for none */
    wg_tape *tape;
    wg_var x, w;
    wg_mark start;
} chain;

/* Planes turned by different angles: neither values nor adjoints grow or die away along a chain. */
static void fill_rotation(float *w)
{
    memset(w, 0, WIDTH * WIDTH * sizeof *w);
    for (int i = 0; i < WIDTH; i += 2) {
        w[i * WIDTH + i] = w[(i + 1) * WIDTH + i + 1] = (float)cos(i + 1);
        w[i * WIDTH + i + 1] = (float)sin(i + 1);
        w[(i + 1) * WIDTH + i] = -(float)sin(i + 1);
    }
}

static void chain_open(chain *c, int depth, int stretch)
{
    float rotation[WIDTH * WIDTH];
    fill_rotation(rotation);
    c->depth = depth;
    c->stretch = stretch;
    c->tape = wg_tape_new(WG_F32);
    c->w = wg_variable_f32(c->tape, WG_DIMS(WIDTH, WIDTH), rotation);
    c->x = wg_constant_f32(c->tape, WG_DIMS(WIDTH, WIDTH), numbers);
    c->start = wg_tape_mark(c->tape);
}

static void chain_run(void *context)
{
    chain *c = context;
    wg_tape_rewind(c->tape, c->start);
    wg_zero_grad(c->tape);
    wg_var y = c->x;
    for (int done = 0; done < c->depth; done += c->stretch) {
        wg_var in[] = {y, c->w};
        bool apart = c->stretch < c->depth;
        y = apart ? wg_checkpoint(c->tape, layers, &c->stretch, in, 2) : layers(c->tape, &c->stretch, in, 2);
    }
    wg_backward(wg_sum(y));
}

static bool chains_agree(void *context)
{
    chain *both = context;
    for (int k = 0; k < 2; k++) {
        chain_run(&both[k]);
        if (wg_tape_status(both[k].tape)) return bench_wrong("%s", wg_tape_message(both[k].tape));
    }
    const float *plain = wg_grad_f32(both[0].w), *apart = wg_grad_f32(both[1].w);
    return !memcmp(plain, apart, WIDTH * WIDTH * sizeof *plain) || bench_wrong("other gradients");
}

static double chain_peak(const chain *c)
{
    wg_stats stats;
    wg_tape_stats(c->tape, &stats);
    return (double)stats.bytes_peak / 1e6;
}

static void measure_chain(int depth, bool memory)
{
    chain both[2];
    char name[32];
    snprintf(name, sizeof name, "%d layers", depth);
    chain_open(&both[0], depth, depth);
    chain_open(&both[1], depth, (int)lround(sqrt(depth)));
    if (memory) {
        chain_run(&both[0]);
        chain_run(&both[1]);
        bench_tell("checkpoints, peak of memory", name, "MB",
            (bench_figure[]){
                {"plain", BENCH_OURS, chain_peak(&both[0])}, {"checkpointed", BENCH_OURS, chain_peak(&both[1])}},
            2);
    } else {
        bench_run(&(bench_case){.group = "checkpoints, forward and backward",
                      .name = name,
                      .unit = "ms",
                      .context = both,
                      .validate = chains_agree,
                      .contenders = {{.name = "plain", .work = chain_run, .context = &both[0]},
                          {.name = "checkpointed", .work = chain_run, .context = &both[1]}}},
            NULL);
    }
    wg_tape_free(both[0].tape);
    wg_tape_free(both[1].tape);
}

int main(int argc, char **argv)
{
    for (int i = 0; i < PARAMETERS + SHIFT; i++) numbers[i] = (float)(.2 * sin(1.7 * i) * cos(.01 * i));
    bench_open("modes", argc, argv);
    measure_mlp();
    measure_scalars();
    for (int memory = 0; memory < 2; memory++)
        for (int depth = 16; depth <= (bench_is_quick() ? 64 : 4096); depth *= 4) measure_chain(depth, memory);
    return bench_close();
}
