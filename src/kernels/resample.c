/* Resampling: the generic source, resample.inc, compiled for each real type. */
#include "resample.h"

/* How many times each input stands in the output, one after the other; 0 where it is not so simple. */
static size_t kernel_resample_times(const wg_kernel_tap *taps, size_t n, size_t extent)
{
    size_t times = extent ? n / extent : 0;
    if (times * extent != n) return 0;
    for (size_t j = 0, at = 0, left = times; j < n; j++) {
        if (taps[j].weight != 0 || taps[j].at != at) return 0;
        if (--left == 0) left = times, at++;
    }
    return times;
}

#define SOURCE "resample.inc"
#include "each_real.inc"
