/* Running sums and products: the generic sources, compiled for each real type, and, where vectors help, each instruction
 * set. */
#include "scan.h"

#include <math.h>

#include "vector.h"

enum {
    KERNEL_SCAN_BYTES = 512,  /* of a row of a piece */
    KERNEL_SCAN_SEGMENTS = 8, /* of a long line */
    KERNEL_SCAN_LONG = 64     /* elements of such a one */
};

/* The row visited as number r, of the outer index o: where it begins. */
static size_t kernel_scan_row(const wg_kernel_scan *s, size_t o, size_t r)
{
    return (o * s->n + (s->reverse ? s->n - 1 - r : r)) * s->inner;
}

/* One more term: the rounding error of sum + x goes to the correction, exactly (D. E. Knuth, The Art of Computer
 * Programming 2, 4.2.2, theorem B). Beyond infinity the error is NaN, and the sum tells. In double for floats
 * too: what the corrections themselves lose grows like the square of the count. */
static inline double kernel_scan_plus(double *sum, double *correction, double x)
{
    double old = *sum, new = old + x, part = new - old;
    *correction += (old - (new - part)) + (x - part);
    *sum = new;
    double corrected = new + *correction;
    return *correction == *correction ? corrected : new;
}

/* With rows of one element a run is a line of memory; four lines are run side by side, for each operation waits for the one
 * before it. They are read before they are written: a read at the same place in a page as a write before it, as in lines
 * of 4096 bytes, would wait for that. Calls lines(4, first, ...) for every four lines, lines(1, first, ...) for those that
 * are left over. */
#define EACH_LINE(s, lines, ...)                                                                                       \
    do {                                                                                                               \
        size_t o_ = 0;                                                                                                 \
        for (; o_ + 4 <= (s)->outer; o_ += 4) lines(4, o_, __VA_ARGS__);                                               \
        for (; o_ < (s)->outer; o_++) lines(1, o_, __VA_ARGS__);                                                       \
    } while (0)

#define SOURCE "scan.inc"
#include "each_real.inc"

#define SOURCE "scan_run.inc"
#include "each.inc"

void wg_kernel_cumsum_f32(wg_isa isa, const wg_kernel_scan *s, const float *in, float *out, bool add)
{
    CHOOSE(cumsum_of, f32)(s, in, out, add);
}

void wg_kernel_cumsum_f64(wg_isa isa, const wg_kernel_scan *s, const double *in, double *out, bool add)
{
    CHOOSE(cumsum_of, f64)(s, in, out, add);
}

#undef CHOOSE
#undef EACH_LINE
