/* Scalar code on 0-d vars: what an operation costs to record, to sweep back and to replay, every check included.
 *
 *     rosen, speel    the function of Rosenbrock, the product of Speelpenning, of 1000 inputs: short tapes
 *     chain, cheap    long chains, with sines and exponentials, and of products and sums alone
 *     lj              the Lennard-Jones energy of 400 atoms: a wide graph
 *
 * scalar_work.inc has them, and is compiled here for three kinds of number: vars, plain doubles, and those of a tape
 * stripped of everything (stripped_tape.h), which is the limit; and by the peer for ADOL-C. Values are validated against
 * the doubles, all gradients against the stripped tape, and the first and last against ADOL-C.
 *
 * Then cheap with one, five and ten million operations: time and memory must stay in proportion. */
#include "support/bench.h"
#include "support/process.h"

#include <wengert.h>

#include "scalar_work.h"
#include "stripped_tape.h"

#include <stdio.h>
#include <string.h>

/* ---- three kinds of number -------------------------------------------------------------------------------------- */

#define NAME(word) var_##word
#define NUMBER     wg_var
#define TAPE       wg_tape *
#define CONSTANT   wg_var
#define K(c)       wg_scalar(tape, c)
#define VALUE(c)   wg_scalar(tape, c)
#define ADD        wg_add
#define SUB        wg_sub
#define MUL        wg_mul
#define SIN        wg_sin
#define EXP        wg_exp
#define SCALE      wg_mul
#define FROM       wg_sub
#define OVER       wg_div
#include "scalar_work.inc"
#include "scalar_words_end.h"

#define NAME(word)  double_##word
#define NUMBER      double
#define TAPE        void *
#define CONSTANT    double
#define K(c)        c
#define VALUE(c)    c
#define ADD(x, y)   ((x) + (y))
#define SUB(x, y)   ((x) - (y))
#define MUL(x, y)   ((x) * (y))
#define SIN         sin
#define EXP         exp
#define SCALE(k, x) ((k) * (x))
#define FROM(k, x)  ((k) - (x))
#define OVER(k, x)  ((k) / (x))
#include "scalar_work.inc"
#include "scalar_words_end.h"

static stripped_tape limit;
#define NAME(word)  stripped_##word
#define NUMBER      stripped
#define TAPE        void *
#define CONSTANT    double
#define K(c)        c
#define VALUE(c)    stripped_value(&limit, c)
#define ADD(x, y)   stripped_add(&limit, x, y)
#define SUB(x, y)   stripped_sub(&limit, x, y)
#define MUL(x, y)   stripped_mul(&limit, x, y)
#define SIN(x)      stripped_sin(&limit, x)
#define EXP(x)      stripped_exp(&limit, x)
#define SCALE(k, x) stripped_scale(&limit, k, x)
#define FROM(k, x)  stripped_from(&limit, k, x)
#define OVER(k, x)  stripped_over(&limit, k, x)
#include "scalar_work.inc"
#include "scalar_words_end.h"

/* ---- contenders ------------------------------------------------------------------------------------------------- */

typedef struct scalar_job {
    int work;
    size_t count;
    double inputs[SCALAR_INPUTS];
    wg_tape *tape;
    wg_mark start;
    wg_var x[SCALAR_INPUTS], y;
    stripped limit_x[SCALAR_INPUTS];
    bench_process *adolc;
    bench_request record, reverse, replay; /* of it */
    double seconds[BENCH_CONTENDERS];      /* of the last group */
} scalar_job;

static wg_var (*const var_works[])(wg_tape *, const wg_var *, size_t) = {
    var_rosen, var_speel, var_chain, var_cheap, var_lj};
static double (*const double_works[])(void *, const double *, size_t) = {
    double_rosen, double_speel, double_chain, double_cheap, double_lj};
static stripped (*const stripped_works[])(void *, const stripped *, size_t) = {
    stripped_rosen, stripped_speel, stripped_chain, stripped_cheap, stripped_lj};

static void job_record(scalar_job *j)
{
    wg_tape_rewind(j->tape, j->start);
    j->y = var_works[j->work](j->tape, j->x, j->count);
}

static double time_record(void *context, size_t times)
{
    double start = bench_now();
    for (size_t t = 0; t < times; t++) job_record(context);
    return bench_now() - start;
}

/* The first sweep of a recording: its adjoints are anew. */
static double time_reverse(void *context, size_t times)
{
    scalar_job *j = context;
    double total = 0;
    for (size_t t = 0; t < times; t++) {
        job_record(j);
        wg_zero_grad(j->tape);
        double start = bench_now();
        wg_backward(j->y);
        total += bench_now() - start;
    }
    return total;
}

static void do_replay(void *context)
{
    scalar_job *j = context;
    wg_tape_replay(j->tape);
}

static void do_replay_and_reverse(void *context)
{
    scalar_job *j = context;
    wg_tape_replay(j->tape);
    wg_zero_grad(j->tape);
    wg_backward(j->y);
}

static void do_record_and_reverse(void *context)
{
    scalar_job *j = context;
    job_record(j);
    wg_zero_grad(j->tape);
    wg_backward(j->y);
}

static stripped limit_record(scalar_job *j)
{
    limit.length = 1;
    for (size_t i = 0; i < j->count; i++) j->limit_x[i] = stripped_value(&limit, j->inputs[i]);
    limit.leaves = (uint32_t)j->count;
    return stripped_works[j->work](NULL, j->limit_x, j->count);
}

static void do_limit_record(void *context) { limit_record(context); }

static double time_limit_reverse(void *context, size_t times)
{
    double total = 0;
    for (size_t t = 0; t < times; t++) {
        limit_record(context);
        double start = bench_now();
        stripped_sweep(&limit);
        total += bench_now() - start;
    }
    return total;
}

static void do_limit_both(void *context)
{
    limit_record(context);
    stripped_sweep(&limit);
}

static void do_doubles(void *context)
{
    scalar_job *j = context;
    volatile double value = double_works[j->work](NULL, j->inputs, j->count);
    (void)value;
}

/* ---- validation ------------------------------------------------------------------------------------------------- */

static bool job_is_right(void *context)
{
    scalar_job *j = context;
    double value = double_works[j->work](NULL, j->inputs, j->count), theirs[3];
    static double gradient[SCALAR_INPUTS];
    wg_zero_grad(j->tape);
    job_record(j);
    wg_backward(j->y);
    do_limit_both(j);
    double got = wg_item(j->y);
    for (size_t i = 0; i < j->count; i++) gradient[i] = wg_grad_at(j->x[i], 0);
    if (wg_tape_status(j->tape)) return bench_wrong("%s", wg_tape_message(j->tape));
    bool right = bench_same_f64("value", 1, &got, &value, 1e-10) &&
                 bench_same_f64("gradient", j->count, gradient, limit.adjoints + 1, 1e-8);
    if (!j->adolc || !right) return right;
    if (bench_process_ask(j->adolc, j->record.work, theirs, 3) != 3) return bench_wrong("ADOL-C does not answer");
    return bench_same_f64("value", 1, &got, theirs, 1e-10) &&
           bench_same_f64("first slope", 1, gradient, theirs + 1, 1e-8) &&
           bench_same_f64("last slope", 1, gradient + j->count - 1, theirs + 2, 1e-8);
}

/* ---- cases ------------------------------------------------------------------------------------------------------ */

static void job_open(scalar_job *j, int work, bench_process *adolc, char texts[3][32])
{
    static const char *const parts[3] = {"record", "reverse", "gradient"};
    bench_request *requests[3] = {&j->record, &j->reverse, &j->replay};
    j->work = work;
    j->count = scalar_inputs[work];
    j->tape = wg_tape_new(WG_F64);
    j->adolc = adolc;
    for (size_t i = 0; i < j->count; i++) {
        j->inputs[i] = scalar_input(work, i);
        j->x[i] = wg_scalar_variable(j->tape, j->inputs[i]);
    }
    j->start = wg_tape_mark(j->tape);
    job_record(j);
    for (size_t k = 0; k < 3; k++) {
        snprintf(texts[k], sizeof texts[k], "%s %s", parts[k], scalar_names[work]);
        *requests[k] = (bench_request){adolc, texts[k]};
    }
}

static void job_measure(scalar_job *j, const char *group)
{
    bool record = !strcmp(group, "scalars: record"), reverse = !strcmp(group, "scalars: reverse");
    bench_case c = {.group = group,
        .name = scalar_names[j->work],
        .unit = "ns/op",
        .work = scalar_operations[j->work],
        .context = j,
        .validate = job_is_right};
    bench_contender *next = c.contenders;
    if (record) {
        *next++ = (bench_contender){.name = "wengert", .timed = time_record};
        *next++ = (bench_contender){.name = "stripped tape", .kind = BENCH_LIMIT, .work = do_limit_record};
        *next++ = (bench_contender){.name = "plain doubles", .kind = BENCH_PLAIN, .work = do_doubles};
    } else if (reverse) {
        *next++ = (bench_contender){.name = "wengert", .timed = time_reverse};
        *next++ = (bench_contender){.name = "stripped tape", .kind = BENCH_LIMIT, .timed = time_limit_reverse};
    } else {
        *next++ = (bench_contender){.name = "wengert, replayed", .work = do_replay_and_reverse};
        *next++ = (bench_contender){.name = "replay alone", .work = do_replay};
        *next++ = (bench_contender){.name = "recorded", .work = do_record_and_reverse};
        *next++ = (bench_contender){.name = "recording alone", .timed = time_record};
        *next++ = (bench_contender){.name = "stripped tape", .kind = BENCH_LIMIT, .work = do_limit_both};
    }
    if (j->adolc)
        *next++ = (bench_contender){.name = bench_process_name(j->adolc),
            .kind = BENCH_PEER,
            .timed = bench_process_time,
            .context = record    ? &j->record
                       : reverse ? &j->reverse
                                 : &j->replay};
    bench_run(&c, j->seconds);
}

static void job_memory(scalar_job *j)
{
    wg_stats stats;
    double theirs, operations = scalar_operations[j->work];
    bench_figure figures[3] = {{.name = "wengert"}, {.name = "stripped tape", .kind = BENCH_LIMIT}};
    size_t count = 2;
    do_record_and_reverse(j);
    limit_record(j);
    wg_tape_stats(j->tape, &stats);
    figures[0].value = (double)stats.bytes_in_use / operations;
    figures[1].value = limit.length * (double)(sizeof(stripped_node) + sizeof(double)) / operations;
    if (j->adolc && bench_process_ask(j->adolc, j->reverse.work, &theirs, 1) == 1)
        figures[count++] = (bench_figure){bench_process_name(j->adolc), BENCH_PEER, theirs / operations};
    bench_tell("scalars: memory", scalar_names[j->work], "bytes/op", figures, count);
}

/* Forward and backward as a multiple of forward alone, which is recording, or replaying. */
static void job_cheap_gradient(const scalar_job *j)
{
    const double *s = j->seconds;
    if (s[0] > 0)
        bench_tell("cheap gradient, scalars", scalar_names[j->work], "times the forward run",
            (bench_figure[]){{"replayed", BENCH_OURS, s[0] / s[1]}, {"recorded", BENCH_OURS, s[2] / s[3]}}, 2);
}

/* ---- long tapes --------------------------------------------------------------------------------------------------- */

typedef struct long_job {
    wg_tape *tape;
    wg_mark start;
    wg_var x[3], y;
    size_t steps;
} long_job;

static void long_record(void *context)
{
    long_job *j = context;
    wg_tape_rewind(j->tape, j->start);
    j->y = var_cheap_chain(j->x, j->steps);
}

static double long_reverse(void *context, size_t times)
{
    long_job *j = context;
    double total = 0;
    for (size_t t = 0; t < times; t++) {
        wg_zero_grad(j->tape);
        double start = bench_now();
        wg_backward(j->y);
        total += bench_now() - start;
    }
    return total;
}

/* dy/dy0 = p^n, dy/dq = (1 - p^n) / (1 - p). */
static bool long_is_right(void *context)
{
    long_job *j = context;
    double p = wg_item(j->x[1]), power = pow(p, (double)j->steps), slopes[2] = {power, (1 - power) / (1 - p)};
    wg_zero_grad(j->tape);
    long_record(j);
    wg_backward(j->y);
    double got[2] = {wg_grad_at(j->x[0], 0), wg_grad_at(j->x[2], 0)};
    if (wg_tape_status(j->tape)) return bench_wrong("%s", wg_tape_message(j->tape));
    return bench_same_f64("slopes", 2, got, slopes, 1e-6);
}

static void long_measure(size_t millions, bool memory)
{
    char name[32];
    double operations = 1e6 * (double)millions;
    snprintf(name, sizeof name, "%zu million operations", millions);
    if (!bench_wants(memory ? "long tapes, memory" : "long tapes", name, millions > 1)) return;
    long_job j = {.tape = wg_tape_new(WG_F64), .steps = 500000 * millions};
    for (size_t i = 0; i < 3; i++) j.x[i] = wg_scalar_variable(j.tape, scalar_input(CHEAP, i));
    j.start = wg_tape_mark(j.tape);
    if (memory) {
        wg_stats stats;
        long_record(&j);
        wg_backward(j.y);
        wg_tape_stats(j.tape, &stats);
        bench_tell("long tapes, memory", name, "bytes/op",
            (bench_figure[]){{"wengert", BENCH_OURS, (double)stats.bytes_peak / operations}}, 1);
    } else {
        bench_run(
            &(bench_case){.group = "long tapes",
                .name = name,
                .unit = "ns/op",
                .work = operations,
                .context = &j,
                .validate = long_is_right,
                .budget = .3,
                .contenders = {{.name = "record", .work = long_record}, {.name = "reverse", .timed = long_reverse}}},
            NULL);
    }
    wg_tape_free(j.tape);
}

int main(int argc, char **argv)
{
    static scalar_job jobs[SCALAR_WORKS];
    static char texts[SCALAR_WORKS][3][32];
    static const char *const groups[] = {"scalars: record", "scalars: reverse", "scalars: gradient again"};
    bench_open("scalar", argc, argv);
    bench_process *adolc = bench_process_program("peer_adolc");
    stripped_open(&limit, 2000000);
    for (int w = 0; w < SCALAR_WORKS; w++) job_open(&jobs[w], w, adolc, texts[w]);
    for (size_t g = 0; g < sizeof groups / sizeof *groups; g++)
        for (int w = 0; w < SCALAR_WORKS; w++) job_measure(&jobs[w], groups[g]);
    for (int w = 0; w < SCALAR_WORKS; w++) job_memory(&jobs[w]);
    for (int w = 0; w < SCALAR_WORKS; w++) job_cheap_gradient(&jobs[w]);
    for (int w = 0; w < SCALAR_WORKS; w++) wg_tape_free(jobs[w].tape);
    for (int memory = 0; memory < 2; memory++) {
        long_measure(1, memory);
        long_measure(5, memory);
        long_measure(10, memory);
    }
    stripped_close(&limit);
    bench_process_close(adolc);
    return bench_close();
}
