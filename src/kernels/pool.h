/* Pooling of planes: the maximum or the mean of what each window sees, and the adjoints. Each window sees some input.
 *
 * Planes of inputs and of windows follow each other; each function takes as many as it is given. What comes of a plane
 * depends on nothing else. */
#ifndef WG_KERNELS_POOL_H
#define WG_KERNELS_POOL_H

#include "isa.h"
#include "window.h"

/* A window's settings, and how a row of inputs is laid out for it: see pool.c. */
typedef struct wg_kernel_pool {
    wg_kernel_window window;
    bool inside; /* a mean is over the taps inside the input, or inside the padded input */
    size_t first, taps, step;
    size_t lead, skip, body;
    size_t phases, length, row;
    size_t lag, round, advance;
    size_t part;
    bool single, pairs;
} wg_kernel_pool;

wg_kernel_pool wg_kernel_pool_plan(const wg_kernel_window *window, bool inside);

/* The bytes of `scratch`, aligned as any number is, with which a function works on all of its planes; NULL when it is 0.
 * FOLD: max and mean. */
typedef enum wg_kernel_pool_use {
    WG_KERNEL_POOL_FOLD,
    WG_KERNEL_POOL_UNMEAN,
    WG_KERNEL_POOL_SPREAD,
    WG_KERNEL_POOL_COLLECT
} wg_kernel_pool_use;
size_t wg_kernel_pool_scratch(const wg_kernel_pool *p, size_t element, wg_kernel_pool_use use);

/* out = the greatest seen, NaN where a NaN is seen. */
void wg_kernel_pool_max_f32(
    wg_isa isa, const wg_kernel_pool *p, size_t planes, const float *in, float *out, void *scratch);
void wg_kernel_pool_max_f64(
    wg_isa isa, const wg_kernel_pool *p, size_t planes, const double *in, double *out, void *scratch);

/* An input is tied when it equals the maximum of a window that sees it, where NaN equals NaN.
 * to = or += g / the number of the window's tied inputs, for each window in which the input is tied. */
void wg_kernel_pool_spread_f32(wg_isa isa, const wg_kernel_pool *p, size_t planes, const float *g, const float *in,
    const float *max, float *to, bool add, void *scratch);
void wg_kernel_pool_spread_f64(wg_isa isa, const wg_kernel_pool *p, size_t planes, const double *g, const double *in,
    const double *max, double *to, bool add, void *scratch);

/* mean = the mean of `from` over the tied inputs of each window. */
void wg_kernel_pool_collect_f32(wg_isa isa, const wg_kernel_pool *p, size_t planes, const float *from, const float *in,
    const float *max, float *mean, void *scratch);
void wg_kernel_pool_collect_f64(wg_isa isa, const wg_kernel_pool *p, size_t planes, const double *from,
    const double *in, const double *max, double *mean, void *scratch);

/* mean = the sum of what each window sees, over the number of its taps. */
void wg_kernel_pool_mean_f32(
    wg_isa isa, const wg_kernel_pool *p, size_t planes, const float *in, float *mean, void *scratch);
void wg_kernel_pool_mean_f64(
    wg_isa isa, const wg_kernel_pool *p, size_t planes, const double *in, double *mean, void *scratch);

/* The adjoint: to = or += g over that number, for each window that sees the input. */
void wg_kernel_pool_unmean_f32(
    wg_isa isa, const wg_kernel_pool *p, size_t planes, const float *g, float *to, bool add, void *scratch);
void wg_kernel_pool_unmean_f64(
    wg_isa isa, const wg_kernel_pool *p, size_t planes, const double *g, double *to, bool add, void *scratch);

#endif
