/* Random floats, a million, ns each: beside what a programmer would write, a xorshift generator (G. Marsaglia, 2003), its
 * numbers made normal two at a time (G. Box, M. Muller, 1958). Nothing gives the same numbers twice by chance, so mean and
 * variance are validated, to three times what a million draws stray and more. */
#include "support/bench.h"

#include <wengert.h>

#include <math.h>
#include <stdlib.h>

enum { MANY = 1 << 20 };

typedef struct random_job {
    wg_var (*draw)(wg_var key, wg_var x);
    void (*plain)(float *y);
    double mean, variance, tolerance;
    wg_tape *tape;
    wg_var key, x;
    wg_mark mark;
    float *y;
} random_job;

static wg_var draw_uniform(wg_var key, wg_var x) { return wg_uniform(key, wg_shape_of(x), 0, 1); }
static wg_var draw_normal(wg_var key, wg_var x) { return wg_normal(key, wg_shape_of(x), 0, 1); }
static wg_var draw_bernoulli(wg_var key, wg_var x) { return wg_bernoulli(key, wg_shape_of(x), .25); }
static wg_var draw_dropout(wg_var key, wg_var x) { return wg_dropout(x, key, .5); }

static float random_next(void)
{
    static uint64_t state = 88172645463325252u;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (float)(state >> 40) / 16777216;
}

#define PLAIN(name, EACH)                                                                                              \
    static void plain_##name(float *y)                                                                                 \
    {                                                                                                                  \
        for (size_t i = 0; i < MANY; i++) y[i] = EACH;                                                                 \
    }
PLAIN(uniform, random_next())
PLAIN(bernoulli, random_next() < .25f)
PLAIN(dropout, random_next() < .5f ? 0 : 2) /* of ones */

static void plain_normal(float *y)
{
    for (size_t i = 0; i < MANY; i += 2) {
        float radius = sqrtf(-2 * logf(1 - random_next())), angle = 6.2831853f * random_next();
        y[i] = radius * cosf(angle);
        y[i + 1] = radius * sinf(angle);
    }
}

static void random_ours(void *context)
{
    const random_job *j = context;
    j->draw(j->key, j->x);
    wg_tape_rewind(j->tape, j->mark);
}

static void random_plain(void *context)
{
    const random_job *j = context;
    j->plain(j->y);
}

static bool random_agrees(const random_job *j, const char *what, const float *y)
{
    double sum = 0, squares = 0;
    if (!y) return bench_wrong("%s", wg_tape_message(j->tape));
    for (size_t i = 0; i < MANY; i++) {
        sum += (double)y[i];
        squares += (double)y[i] * (double)y[i];
    }
    double mean = sum / MANY, variance = squares / MANY - mean * mean;
    if (fabs(mean - j->mean) < j->tolerance && fabs(variance - j->variance) < j->tolerance) return true;
    return bench_wrong("%s: mean %g and variance %g should be %g and %g", what, mean, variance, j->mean, j->variance);
}

static bool random_is_right(void *context)
{
    const random_job *j = context;
    bool right = random_agrees(j, "wengert", wg_value_f32(j->draw(j->key, j->x)));
    wg_tape_rewind(j->tape, j->mark);
    j->plain(j->y);
    return right && random_agrees(j, "plain C", j->y);
}

static void random_run(const char *name, random_job *j)
{
    int64_t key = 7;
    j->tape = wg_tape_new(WG_F32);
    j->y = bench_memory(MANY * sizeof *j->y);
    for (size_t i = 0; i < MANY; i++) j->y[i] = 1;
    j->key = wg_indices(j->tape, WG_SCALAR, &key);
    j->x = wg_constant_f32(j->tape, WG_DIMS(MANY), j->y);
    j->mark = wg_tape_mark(j->tape);
    bench_run(&(bench_case){.group = "random numbers",
                  .name = name,
                  .unit = "ns/element",
                  .work = MANY,
                  .context = j,
                  .validate = random_is_right,
                  .contenders = {{.name = "wengert", .work = random_ours},
                      {.name = "plain C", .kind = BENCH_PLAIN, .work = random_plain}}},
        NULL);
    wg_tape_free(j->tape);
    free(j->y);
}

#define DRAW(text, word, mu, sigma_2, stray)                                                                           \
    random_run(                                                                                                        \
        text, &(random_job){                                                                                           \
                  .draw = draw_##word, .plain = plain_##word, .mean = mu, .variance = sigma_2, .tolerance = stray})
int main(int argc, char **argv)
{
    bench_open("random", argc, argv);
    DRAW("uniform", uniform, .5, 1. / 12, 1e-3);
    DRAW("normal", normal, 0, 1, 5e-3);
    DRAW("bernoulli .25", bernoulli, .25, .1875, 2e-3);
    DRAW("dropout .5", dropout, 1, 1, 4e-3);
    return bench_close();
}
