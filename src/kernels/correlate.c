/* Convolution that reads windows in place: the generic source, correlate.inc, compiled for each real type and instruction
 * set, and the choice among them. */
#include "correlate.h"

#include <string.h>

#include "vector.h"

enum { KERNEL_CORRELATE_KC = 256 }; /* products in one chain */

/* Products are cut into equal chains. */
static size_t kernel_correlate_chain(size_t k)
{
    size_t chains = (k + KERNEL_CORRELATE_KC - 1) / KERNEL_CORRELATE_KC;
    return (k + chains - 1) / chains;
}

#define SOURCE "correlate.inc"
#include "each.inc"

enum { KERNEL_CORRELATE_WIDEST = 32 }; /* channels of the widest panel */

size_t wg_kernel_correlate_turned(const wg_kernel_correlation *c)
{
    size_t block = c->width < WG_KERNEL_CORRELATE_BLOCK ? WG_KERNEL_CORRELATE_BLOCK / c->width : 1;
    return (block < c->height ? block : c->height) * c->width * KERNEL_CORRELATE_WIDEST;
}

size_t wg_kernel_correlate_sums(const wg_kernel_correlation *c)
{
    return (c->outs + KERNEL_CORRELATE_WIDEST - 1) / KERNEL_CORRELATE_WIDEST * KERNEL_CORRELATE_WIDEST * c->rows;
}

/* For each chain, for each so many outputs, product by product; zeros where there is no output. */
void wg_kernel_correlate_pack(wg_isa isa, const wg_kernel_weights *w, size_t element, const void *weights, void *packed)
{
    bool f32 = element == sizeof(float);
    size_t rows = f32 ? (size_t)CHOOSE(correlate_rows, f32) : (size_t)CHOOSE(correlate_rows, f64);
    size_t k = w->ins * w->taps, chain = kernel_correlate_chain(k);
    char *to = packed;
    for (size_t from = 0; from < k; from += chain)
        for (size_t o = 0; o < w->outs; o += rows)
            for (size_t p = from; p < from + chain && p < k; p++) {
                size_t in = p / w->taps, tap = p % w->taps;
                size_t first = in * w->in_step + (w->flipped ? w->taps - 1 - tap : tap);
                for (size_t i = o; i < o + rows; i++, to += element) {
                    const char *at = (const char *)weights + (i < w->outs ? first + i * w->out_step : 0) * element;
                    if (i >= w->outs)
                        memset(to, 0, element);
                    else if (f32)
                        memcpy(to, at, sizeof(float));
                    else
                        memcpy(to, at, sizeof(double));
                }
            }
}

void wg_kernel_correlate_f32(wg_isa isa, size_t m, size_t k, const float *packed, const float *laid,
    const size_t *offsets, size_t n, float *out, size_t ldo, bool add)
{
    CHOOSE(correlate, f32)(m, k, packed, laid, offsets, n, out, ldo, add);
}

void wg_kernel_correlate_f64(wg_isa isa, size_t m, size_t k, const double *packed, const double *laid,
    const size_t *offsets, size_t n, double *out, size_t ldo, bool add)
{
    CHOOSE(correlate, f64)(m, k, packed, laid, offsets, n, out, ldo, add);
}

void wg_kernel_correlate_weights_f32(
    wg_isa isa, const wg_kernel_correlation *c, const float *x, const float *g, float *turned, float *sums)
{
    CHOOSE(correlate_weights, f32)(c, x, g, turned, sums);
}

void wg_kernel_correlate_weights_f64(
    wg_isa isa, const wg_kernel_correlation *c, const double *x, const double *g, double *turned, double *sums)
{
    CHOOSE(correlate_weights, f64)(c, x, g, turned, sums);
}

void wg_kernel_correlate_finish_f32(
    wg_isa isa, const wg_kernel_correlation *c, const float *sums, float *weights, size_t ld, bool add)
{
    CHOOSE(correlate_finish, f32)(c, sums, weights, ld, add);
}

void wg_kernel_correlate_finish_f64(
    wg_isa isa, const wg_kernel_correlation *c, const double *sums, double *weights, size_t ld, bool add)
{
    CHOOSE(correlate_finish, f64)(c, sums, weights, ld, add);
}

#undef CHOOSE
