/* Timing for the benchmarks: a clock, and medians, because the machines that run this are noisy. What is compared is
 * measured in turn within one run, and the ratio of the medians is what counts. */
#ifndef WG_BENCH_BENCH_H
#define WG_BENCH_BENCH_H

#include <stddef.h>

/* Seconds since some moment, from a clock that never goes back. */
double bench_now(void);

/* The median of n numbers, which it sorts. */
double bench_median(double *numbers, size_t n);

#endif
