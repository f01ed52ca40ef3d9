/* Runs cases: see bench.h. Validation, then rounds in which every contender has its turn. */
#define _POSIX_C_SOURCE 200112L /* clock_gettime, nanosleep */

#include "support/bench.h"

#include "support/report.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

enum { ROUNDS = 25, FEWEST_ROUNDS = 5, MOST_TIMES = 1 << 24 };

static struct {
    char **words; /* that select cases */
    size_t word_count;
    bool quick, list, no_peers, wrong;
    double budget;
} bench;

/* ---- arguments -------------------------------------------------------------------------------------------------- */

static void bench_usage(const char *program, const char *argument)
{
    fprintf(stderr, "%s: %s? [--quick] [--json FILE] [--budget SECONDS] [--no-peers] [--list] [WORDS]\n", program,
        argument);
    exit(2);
}

void bench_open(const char *name, int argc, char **argv)
{
    const char *json = NULL;
    bench.budget = 0.1;
    bench.words = argv;
    for (int i = 1; i < argc; i++) {
        bool more = i + 1 < argc;
        if (!strcmp(argv[i], "--quick"))
            bench.quick = true;
        else if (!strcmp(argv[i], "--list"))
            bench.list = true;
        else if (!strcmp(argv[i], "--no-peers"))
            bench.no_peers = true;
        else if (!strcmp(argv[i], "--json") && more)
            json = argv[++i];
        else if (!strcmp(argv[i], "--budget") && more)
            bench.budget = atof(argv[++i]);
        else if (argv[i][0] == '-')
            bench_usage(argv[0], argv[i]);
        else
            argv[bench.word_count++] = argv[i]; /* over what has been read */
    }
    report_open(name, json);
#ifdef __GLIBC__
    /* Freed memory stays with the program: the first touch of a new page can cost ten microseconds. */
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, INT_MAX);
#endif
}

bool bench_is_quick(void) { return bench.quick; }
bool bench_has_peers(void) { return !bench.no_peers; }

bool bench_wants(const char *group, const char *name, bool large)
{
    char title[256];
    if (large && bench.quick) return false;
    if (!bench.word_count) return true;
    snprintf(title, sizeof title, "%s: %s", group, name);
    for (size_t i = 0; i < bench.word_count; i++)
        if (strstr(title, bench.words[i])) return true;
    return false;
}

bool bench_wrong(const char *format, ...)
{
    va_list arguments;
    bench.wrong = true;
    printf("WRONG: ");
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    return false;
}

int bench_close(void)
{
    report_close();
    return bench.wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* ---- time ------------------------------------------------------------------------------------------------------- */

double bench_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void bench_sleep(double seconds)
{
    time_t whole = (time_t)seconds;
    if (seconds > 0) nanosleep(&(struct timespec){whole, (long)(1e9 * (seconds - (double)whole))}, NULL);
}

static int bench_order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median(double *numbers, size_t n)
{
    qsort(numbers, n, sizeof *numbers, bench_order);
    return n % 2 ? numbers[n / 2] : (numbers[n / 2 - 1] + numbers[n / 2]) / 2;
}

/* ---- a case ----------------------------------------------------------------------------------------------------- */

/* A contender while it is timed. */
typedef struct bench_turn {
    const bench_contender *contender;
    void *context;
    size_t times;           /* repetitions in a round */
    double wall;            /* that these take about, with what does not count */
    double seconds[ROUNDS]; /* of one repetition, each round */
} bench_turn;

static double bench_take(bench_turn *turn, size_t times)
{
    const bench_contender *c = turn->contender;
    double seconds;
    if (c->timed) {
        seconds = c->timed(turn->context, times);
    } else {
        double start = bench_now();
        for (size_t i = 0; i < times; i++) c->work(turn->context);
        seconds = bench_now() - start;
    }
    bench_sleep(c->rest);
    return seconds;
}

/* Repeats the work more and more often until it fills a slice of time: that warms caches and pages up, and tells how many
 * repetitions make a turn. */
static void bench_calibrate(bench_turn *turn, double slice)
{
    size_t times = 1;
    bench_take(turn, 1); /* touches the memory, and does not count */
    for (;;) {
        double start = bench_now();
        bench_take(turn, times);
        turn->wall = bench_now() - start - turn->contender->rest;
        if (turn->wall >= slice / 2 || times >= MOST_TIMES) break;
        times *= turn->wall < slice / 32 ? 16 : 2;
    }
    turn->times = turn->wall < slice ? (size_t)((double)times * slice / turn->wall) : times;
    turn->wall *= (double)turn->times / (double)times;
}

static double bench_in_unit(const char *unit, double seconds, double work)
{
    if (work == 0) work = 1;
    if (*unit == 'G') return work / seconds / 1e9;
    return seconds / work * (*unit == 'n' ? 1e9 : *unit == 'u' ? 1e6 : *unit == 'm' ? 1e3 : 1);
}

/* Times the contenders; true unless there is none. */
static size_t bench_time(const bench_case *c, bench_turn *turns, size_t *rounds)
{
    size_t count = 0;
    double budget = c->budget > 0 ? c->budget : bench.budget, all = 0;
    for (; count < BENCH_CONTENDERS && c->contenders[count].name; count++) {
        bench_turn *turn = &turns[count];
        turn->contender = &c->contenders[count];
        turn->context = turn->contender->context ? turn->contender->context : c->context;
        turn->times = 1;
        if (!bench.quick) bench_calibrate(turn, budget / ROUNDS);
        all += turn->wall;
    }
    double fit = bench.quick ? 1 : budget * (double)count / all;
    *rounds = bench.quick ? 1 : fit < FEWEST_ROUNDS ? FEWEST_ROUNDS : fit > ROUNDS ? ROUNDS : (size_t)fit;
    for (size_t r = 0; r < *rounds; r++)
        for (size_t k = 0; k < count; k++)
            turns[k].seconds[r] = bench_take(&turns[k], turns[k].times) / (double)turns[k].times;
    return count;
}

bool bench_run(const bench_case *c, double *seconds)
{
    static bench_turn turns[BENCH_CONTENDERS];
    report_entry entries[BENCH_CONTENDERS];
    size_t rounds;
    if (!bench_wants(c->group, c->name, c->large)) return false;
    if (bench.list) return printf("%s: %s\n", c->group, c->name), false;
    if (c->validate && !c->validate(c->context)) return bench_wrong("%s: %s", c->group, c->name);
    size_t count = bench_time(c, turns, &rounds);
    for (size_t k = 0; k < count; k++) {
        double median = bench_median(turns[k].seconds, rounds);
        if (seconds) seconds[k] = median;
        entries[k] = (report_entry){.name = turns[k].contender->name,
            .kind = turns[k].contender->kind,
            .value = bench_in_unit(c->unit, median, c->work),
            .best = bench_in_unit(c->unit, turns[k].seconds[0], c->work), /* sorted by now */
            .rounds = rounds};
    }
    report_row(c->group, c->name, c->unit, entries, count);
    return true;
}

void bench_tell(const char *group, const char *name, const char *unit, const bench_figure *figures, size_t count)
{
    report_entry entries[BENCH_CONTENDERS];
    if (!bench_wants(group, name, false)) return;
    if (bench.list) {
        printf("%s: %s\n", group, name);
        return;
    }
    if (count > BENCH_CONTENDERS) count = BENCH_CONTENDERS;
    for (size_t k = 0; k < count; k++)
        entries[k] = (report_entry){figures[k].name, figures[k].kind, figures[k].value, figures[k].value, 1};
    report_row(group, name, unit, entries, count);
}
