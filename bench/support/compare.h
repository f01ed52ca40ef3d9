/* An op beside the plain loop that a C programmer would write for the same arrays: forward, and a sweep back from it. */
#ifndef WG_BENCH_COMPARE_H
#define WG_BENCH_COMPARE_H

#include <wengert.h>

/* Exactly one of plain and plain_f64 is given, and says the type. Numbers that are left zero have the default. */
typedef struct bench_comparison {
    const char *name;
    wg_shape shape;                                                  /* of x */
    wg_var (*op)(wg_var x, wg_var indices);                          /* indices: {0} unless the case has some */
    void (*plain)(const float *x, const int64_t *indices, float *y); /* the same, for just this shape */
    size_t indices, below; /* how many indices op gets, and what each is below */
    void (*plain_f64)(const double *x, const int64_t *indices, double *y);
    void (*plain_sweep)(const void *x, const int64_t *indices, const void *y, const void *cotangent, void *gradient);
    double low, high; /* the range of x; default -.5 to .5 */
    bool jumps;       /* the derivative cannot be checked by a difference of two values */
    bool large;       /* left out by --quick */
} bench_comparison;

/* Two tables, "ROOM: forward" and "ROOM: sweep", in ns per element of x or of y, whichever has more. Values are validated
 * against the plain loop; gradients by the slope of the plain loop along them. Arrays of 32768 elements and more are also
 * timed with two threads. */
void bench_compare(const char *room, const bench_comparison *cases, size_t count);

#endif
