/* Arrays for the benchmarks, and whether two are the same. */
#define _POSIX_C_SOURCE 200112L /* posix_memalign */

#include "support/bench.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *bench_memory(size_t bytes)
{
    void *memory = NULL;
    if (bytes > SIZE_MAX / 2 || posix_memalign(&memory, 64, bytes ? bytes : 1)) {
        fprintf(stderr, "out of memory\n");
        exit(2);
    }
    memset(memory, 0, bytes);
    return memory;
}

/* The fractional parts of multiples of the golden section: spread evenly, in no order (H. Weyl, 1916). */
static double numbers_at(size_t i, double low, double high)
{
    uint64_t part = (uint64_t)(i + 1) * UINT64_C(0x9E3779B97F4A7C15);
    return low + (high - low) * (double)(part >> 11) / 9007199254740992.0;
}

void bench_fill_f32(size_t n, float *numbers, double low, double high)
{
    for (size_t i = 0; i < n; i++) numbers[i] = (float)numbers_at(i, low, high);
}

void bench_fill_f64(size_t n, double *numbers, double low, double high)
{
    for (size_t i = 0; i < n; i++) numbers[i] = numbers_at(i, low, high);
}

static bool numbers_agree(const char *what, size_t i, double got, double want, double tolerance)
{
    if (got == want || fabs(got - want) <= tolerance * (1 + fabs(want)) || (isnan(got) && isnan(want))) return true;
    return bench_wrong("%s: element %zu is %g and should be %g", what, i, got, want);
}

bool bench_same_f32(const char *what, size_t n, const float *got, const float *want, double tolerance)
{
    if (!got) return bench_wrong("%s: no result", what);
    for (size_t i = 0; i < n; i++)
        if (!numbers_agree(what, i, (double)got[i], (double)want[i], tolerance)) return false;
    return true;
}

bool bench_same_f64(const char *what, size_t n, const double *got, const double *want, double tolerance)
{
    if (!got) return bench_wrong("%s: no result", what);
    for (size_t i = 0; i < n; i++)
        if (!numbers_agree(what, i, got[i], want[i], tolerance)) return false;
    return true;
}
