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

enum { REPEATS = 21, IN = 784, HIDDEN = 128, OUT = 10, SAMPLES = 32, WIDTH = 64, SCALAR_STEPS = 50000 };

enum { PARAMETERS = IN * HIDDEN + HIDDEN + HIDDEN * OUT + OUT, SHIFT = 1000 };
static float numbers[PARAMETERS + SHIFT];

/* ---- a loss and its four parameters ------------------------------------------------------------------------------------- */

typedef struct job {
    const char *name;
    wg_dtype dtype;
    size_t parameters;
    wg_var p[4], v[4], data[2]; /* v: the direction */
    wg_var (*run)(const struct job *job);
    bool second; /* wg_hvp too */
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
static bool is_right(job *j, wg_var loss)
{
    wg_var tangent;
    double sum = 0, size = 0;
    if (wg_jvp(loss, j->p, j->v, j->parameters, &tangent) || wg_backward(loss)) return false;
    for (size_t k = 0; k < j->parameters; k++)
        for (size_t i = 0; i < wg_size(j->p[k]); i++) {
            double part = wg_grad_at(j->p[k], i) * wg_at(j->v[k], i);
            sum += part;
            size += fabs(part);
        }
    return fabs(sum - wg_item(tangent)) <= (j->dtype == WG_F32 ? 1e-5 : 1e-12) * size;
}

static int measure(wg_tape *tape, job *j)
{
    static float product[PARAMETERS];
    double forward[REPEATS], backward[REPEATS], jvp[REPEATS], hvp[REPEATS] = {0};
    wg_mark start = wg_tape_mark(tape);
    bool right = is_right(j, j->run(j));
    for (int r = 0; r < REPEATS && right; r++) {
        wg_var tangent;
        wg_tape_rewind(tape, start);
        wg_zero_grad(tape);
        double t0 = bench_now();
        wg_var loss = j->run(j);
        double t1 = bench_now();
        wg_backward(loss);
        double t2 = bench_now();
        wg_jvp(loss, j->p, j->v, j->parameters, &tangent);
        double t3 = bench_now();
        if (j->second) wg_hvp(loss, j->p, j->parameters, numbers, product);
        hvp[r] = bench_now() - t3;
        forward[r] = t1 - t0;
        backward[r] = t2 - t1;
        jvp[r] = t3 - t2;
    }
    right = right && wg_tape_status(tape) == WG_OK;
    if (!right) return printf("%-8s WRONG: %s\n", j->name, wg_tape_message(tape)), 1;
    double unit = bench_median(forward, REPEATS);
    printf("%-8s forward %8.1f us   backward %5.2f   jvp %5.2f", j->name, 1e6 * unit,
        bench_median(backward, REPEATS) / unit, bench_median(jvp, REPEATS) / unit);
    if (j->second) printf("   hvp %5.2f", bench_median(hvp, REPEATS) / unit);
    printf(" times that\n");
    return 0;
}

static int measure_mlp(void)
{
    const wg_shape shapes[4] = {WG_DIMS(IN, HIDDEN), WG_DIMS(HIDDEN), WG_DIMS(HIDDEN, OUT), WG_DIMS(OUT)};
    wg_tape *tape = wg_tape_new(WG_F32);
    job j = {.name = "mlp", .dtype = WG_F32, .parameters = 4, .run = mlp_run, .second = true};
    for (int k = 0; k < 4; k++) {
        j.p[k] = wg_variable_f32(tape, shapes[k], numbers);
        j.v[k] = wg_constant_f32(tape, shapes[k], numbers + SHIFT);
    }
    j.data[0] = wg_constant_f32(tape, WG_DIMS(SAMPLES, IN), numbers);
    j.data[1] = wg_constant_f32(tape, WG_DIMS(SAMPLES, OUT), numbers);
    int wrong = measure(tape, &j);
    wg_tape_free(tape);
    return wrong;
}

static int measure_scalars(void)
{
    wg_tape *tape = wg_tape_new(WG_F64);
    job j = {.name = "scalars", .dtype = WG_F64, .parameters = 2, .run = scalars_run};
    for (int k = 0; k < 2; k++) {
        j.p[k] = wg_scalar_variable(tape, k ? 1.00001 : .5);
        j.v[k] = wg_scalar(tape, k ? -.25 : 1);
    }
    int wrong = measure(tape, &j);
    wg_tape_free(tape);
    return wrong;
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

typedef struct chain_result {
    double seconds;
    size_t bytes;
    float grad[WIDTH * WIDTH];
} chain_result;

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

static void chain(int depth, bool apart, chain_result *result)
{
    int stretch = apart ? (int)lround(sqrt(depth)) : depth;
    wg_stats stats;
    double times[REPEATS];
    wg_tape *tape = wg_tape_new(WG_F32);
    float rotation[WIDTH * WIDTH];
    fill_rotation(rotation);
    wg_var w = wg_variable_f32(tape, WG_DIMS(WIDTH, WIDTH), rotation);
    wg_var x = wg_constant_f32(tape, WG_DIMS(WIDTH, WIDTH), numbers);
    wg_mark start = wg_tape_mark(tape);
    int repeats = depth > 256 ? 5 : REPEATS;
    for (int r = -1; r < repeats; r++) { /* the first round touches the memory and is not counted */
        wg_tape_rewind(tape, start);
        wg_zero_grad(tape);
        double begin = bench_now();
        wg_var y = x;
        for (int done = 0; done < depth; done += stretch) {
            wg_var in[] = {y, w};
            y = apart ? wg_checkpoint(tape, layers, &stretch, in, 2) : layers(tape, &stretch, in, 2);
        }
        wg_backward(wg_sum(y));
        if (r >= 0) times[r] = bench_now() - begin;
    }
    wg_tape_stats(tape, &stats);
    result->seconds = bench_median(times, (size_t)repeats);
    result->bytes = stats.bytes_peak;
    if (wg_tape_status(tape)) printf("chain    WRONG: %s\n", wg_tape_message(tape));
    if (wg_grad(w)) memcpy(result->grad, wg_grad(w), sizeof result->grad);
    wg_tape_free(tape);
}

static int measure_chain(int depth)
{
    static chain_result plain, apart;
    chain(depth, false, &plain);
    chain(depth, true, &apart);
    bool right = !memcmp(plain.grad, apart.grad, sizeof plain.grad);
    printf("chain of %4d: plain %8.2f ms, %8.2f MB; checkpointed %8.2f ms, %5.2f MB: %.2f times the time, 1/%.1f of "
           "the memory%s\n",
        depth, 1e3 * plain.seconds, (double)plain.bytes / 1e6, 1e3 * apart.seconds, (double)apart.bytes / 1e6,
        apart.seconds / plain.seconds, (double)plain.bytes / (double)apart.bytes,
        right ? "" : "   WRONG: other gradients");
    return !right;
}

int main(void)
{
    for (int i = 0; i < PARAMETERS + SHIFT; i++) numbers[i] = (float)(.2 * sin(1.7 * i) * cos(.01 * i));
    int wrong = measure_mlp();
    wrong |= measure_scalars();
    for (int depth = 16; depth <= 4096; depth *= 4) wrong |= measure_chain(depth);
    return wrong;
}
