/* An op beside the plain loop that a C programmer would write for the same arrays, in turn within one run. */
#ifndef WG_BENCH_COMPARE_H
#define WG_BENCH_COMPARE_H

#include <wengert.h>

typedef struct bench_case {
    const char *name;
    wg_shape shape;                                                  /* of x, a float array */
    wg_var (*op)(wg_var x, wg_var indices);                          /* indices: {0} unless the case has some */
    void (*plain)(const float *x, const int64_t *indices, float *y); /* the same, for just this shape */
    size_t indices, below; /* how many indices op gets, and what each is below */
} bench_case;

/* Prints a line for each case: ns per element, of x or of y, whichever has more, and the ratio of op to loop; then ns of a
 * sweep from y to x. Where the results differ by more than rounding it says so. */
void bench_compare(const bench_case *cases, size_t count);

#endif
