/* An op beside the plain loop that a C programmer would write for the same arrays: forward, and a sweep back from it. */
#ifndef WG_BENCH_COMPARE_H
#define WG_BENCH_COMPARE_H

#include <wengert.h>

enum { BENCH_MORE = 7 };

/* Exactly one of op and apply is given; exactly one of plain and plain_f64, and says the type. Numbers that are left zero
 * have the default. */
typedef struct bench_comparison {
    const char *name;
    wg_shape shape;                                                  /* of x */
    wg_var (*op)(wg_var x, wg_var indices);                          /* indices: {0} unless the case has some */
    void (*plain)(const float *x, const int64_t *indices, float *y); /* the same, for just this shape */
    size_t indices, below; /* how many indices op gets, and what each is below */
    void (*plain_f64)(const double *x, const int64_t *indices, double *y);
    void (*plain_sweep)(/* adds to the gradient */
        const void *x, const int64_t *indices, const void *y, const void *cotangent, void *gradient);
    double low, high; /* the range of x; default -.5 to .5 */
    bool jumps;       /* too uneven for the derivative to be checked by a difference of two values */
    bool large;       /* left out by --quick */

    /* Several inputs: x has the first, and after it the others, one after another; so has the gradient. */
    wg_var (*apply)(const wg_var *in, wg_var indices);
    wg_shape more[BENCH_MORE]; /* of the inputs after the first, up to one without axes */
    size_t fixed;              /* so many of the last inputs are constants in the sweep too */

    bool constant;    /* there is nothing to sweep */
    const char *unit; /* default "ns/element", and work the size of the largest of inputs and y */
    double work;      /* in the forward form; sweep times that in the sweep, default 1 */
    double sweep;
    double budget; /* seconds for each contender; default as bench.h has it */
} bench_comparison;

/* Two tables, "ROOM: forward" and "ROOM: sweep". Values are validated against the plain loop; gradients by the slope of
 * the plain loop along them, and against the plain sweep if there is one. Arrays of 32768 elements and more, and cases
 * with a unit of their own, are also timed with two threads. */
void bench_compare(const char *room, const bench_comparison *cases, size_t count);

#define BENCH_COMPARE(room, cases) bench_compare(room, cases, sizeof(cases) / sizeof *(cases))

/* c (m,n) += a (m,k) b (k,n) by plain loops, the inner one along rows. */
void bench_plain_product(size_t m, size_t k, size_t n, const float *a, const float *b, float *c);

/* What most cases are made of: op_NAME is `call`, an expression of in and indices; loop_NAME and sweep_NAME get their body
 * after the macro. */
#if defined(__GNUC__)
#define BENCH_MAYBE __attribute__((unused))
#else
#define BENCH_MAYBE
#endif
#define BENCH_OP(name, call)                                                                                           \
    static wg_var op_##name(BENCH_MAYBE const wg_var *in, BENCH_MAYBE wg_var indices) { return call; }
#define BENCH_LOOP_OF(real, name)                                                                                      \
    static void loop_##name(BENCH_MAYBE const real *x, BENCH_MAYBE const int64_t *indices, real *y)
#define BENCH_LOOP(name) BENCH_LOOP_OF(float, name)
#define BENCH_SWEEP_OF(real, name)                                                                                     \
    static void typed_sweep_##name(const real *x, const int64_t *indices, const real *y, const real *g, real *dx);     \
    static void sweep_##name(const void *x, const int64_t *indices, const void *y, const void *g, void *dx)            \
    {                                                                                                                  \
        typed_sweep_##name(x, indices, y, g, dx);                                                                      \
    }                                                                                                                  \
    static void typed_sweep_##name(BENCH_MAYBE const real *x, BENCH_MAYBE const int64_t *indices,                      \
        BENCH_MAYBE const real *y, BENCH_MAYBE const real *g, real *dx)
#define BENCH_SWEEP(name) BENCH_SWEEP_OF(float, name)

#endif
