/* Convolution that reads windows in place: the generic source, correlate.inc, compiled for each real type and instruction
 * set, and the choice among them. */
#include "correlate.h"

#include "vector.h"

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

void wg_kernel_correlate_pack_f32(wg_isa isa, const wg_kernel_weights *w, const float *weights, float *packed)
{
    CHOOSE(correlate_pack, f32)(w, weights, packed);
}

void wg_kernel_correlate_pack_f64(wg_isa isa, const wg_kernel_weights *w, const double *weights, double *packed)
{
    CHOOSE(correlate_pack, f64)(w, weights, packed);
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
