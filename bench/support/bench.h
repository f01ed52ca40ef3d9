/* What all benchmarks share. A program opens, runs its cases, closes:
 *
 *     int main(int argc, char **argv)
 *     {
 *         bench_open("gemm", argc, argv);
 *         bench_run(&(bench_case){.group = "product, float", .name = "64 x 64 x 64", .unit = "GFLOPS",
 *             .work = 2. * 64 * 64 * 64, .context = &product, .validate = product_is_right,
 *             .contenders = {{.name = "wengert", .work = ours}, {.name = "OpenBLAS", .kind = BENCH_PEER, .work = theirs}}});
 *         return bench_close();
 *     }
 *
 * A case is validated first; one that is wrong is called so, is not timed, and makes the program fail. Then its contenders
 * are timed in turn, round after round, because machines are noisy and their clocks drift: what counts is the ratio of
 * medians within one run. How often a contender repeats its work within a round is found out while it warms up.
 *
 * Every program takes these arguments; other words select the cases in whose "group: name" one of them occurs.
 *
 *     --quick          validate, run each contender once, leave out large cases and peers in processes of their own
 *     --json FILE      append a line for each contender of each case to FILE
 *     --budget S       seconds for each contender, instead of 0.1
 *     --no-peers       no OpenBLAS, PyTorch, ADOL-C
 *     --list           the names of the cases alone
 *
 * See also: compare.h, an op beside the plain loop that does the same; process.h, a contender in another process;
 * limits.h, what the machine can do; blas.h, OpenBLAS if there is one. */
#ifndef WG_BENCH_BENCH_H
#define WG_BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>

/* ---- cases ------------------------------------------------------------------------------------------------------ */

/* What a contender is. The page of results shows ratios to the best peer. */
typedef enum bench_kind {
    BENCH_OURS,  /* the library */
    BENCH_PEER,  /* another library */
    BENCH_PLAIN, /* what a programmer would write by hand, without a library */
    BENCH_LIMIT /* the best that seems possible: hand-written code on the fastest kernels, or the machine's own limit */
} bench_kind;

typedef struct bench_contender {
    const char *name;
    bench_kind kind;
    void (*work)(void *context);                  /* the work, once; or: */
    double (*timed)(void *context, size_t times); /* the work so often; the seconds that count */
    void *context;                                /* NULL: the case's */
    double rest; /* seconds to sleep after its turn: for threads that spin on for a while */
} bench_contender;

enum { BENCH_CONTENDERS = 8 };

typedef struct bench_case {
    const char *group; /* the table that it is in, with the unit: one group, one unit */
    const char *name;  /* unique in its group */
    const char *unit;  /* "GFLOPS", "GB/s": work per nanosecond; "ns...", "us...", "ms...": time per work, as "ns/op" */
    double work;       /* in one call: operations, bytes, elements; 0 means 1 */
    void *context;
    bool (*validate)(
        void *context); /* against an independent reference; says by bench_wrong what is wrong. NULL: none */
    bench_contender
        contenders[BENCH_CONTENDERS]; /* up to the first without a name; others are compared with the first */
    double budget;                    /* seconds for each contender; 0: the usual */
    bool large;                       /* left out by --quick */
} bench_case;

/* Starts the program named name. A wrong argument ends it. */
void bench_open(const char *name, int argc, char **argv);

/* Whether a case is to be run: ask before making large arrays for it. bench_run asks again. */
bool bench_wants(const char *group, const char *name, bool large);

/* Validates and times. Prints a row of the group's table: each contender's median in the unit, and in parentheses how many
 * times as fast as it the first one is. seconds, unless NULL, gets the medians of one call. false when it is not wanted,
 * or wrong. */
bool bench_run(const bench_case *c, double *seconds);

/* A row of figures that were found otherwise, such as a memory's size or a ratio. Of figures whose unit does not begin
 * with G, a smaller one is better. */
typedef struct bench_figure {
    const char *name;
    bench_kind kind;
    double value;
} bench_figure;
void bench_tell(const char *group, const char *name, const char *unit, const bench_figure *figures, size_t count);

/* Says what is wrong, and remembers that something is. Returns false. */
#if defined(__GNUC__)
__attribute__((format(printf, 1, 2)))
#endif
bool bench_wrong(const char *format, ...);

/* The exit status. */
int bench_close(void);

/* Whether --quick, --no-peers were given; the latter is implied by the former where a peer is a process. */
bool bench_is_quick(void);
bool bench_has_peers(void);

/* ---- time and numbers ------------------------------------------------------------------------------------------- */

/* Seconds since some moment, from a clock that never goes back. */
double bench_now(void);

/* The median of n numbers, which it sorts. */
double bench_median(double *numbers, size_t n);

/* Memory at 64 bytes, touched and zero; ends the program when there is none. Free it by free. */
void *bench_memory(size_t bytes);

/* n numbers between low and high, in no order, the same each time. */
void bench_fill_f32(size_t n, float *numbers, double low, double high);
void bench_fill_f64(size_t n, double *numbers, double low, double high);

/* Whether got is want everywhere, to tolerance times (1 + |want|); otherwise says by bench_wrong where it is not. */
bool bench_same_f32(const char *what, size_t n, const float *got, const float *want, double tolerance);
bool bench_same_f64(const char *what, size_t n, const double *got, const double *want, double tolerance);

#endif
