/* Pooling one plane: the maximum or the mean of what each window sees, and the adjoints. Each window sees some input. */
#ifndef WG_KERNELS_POOL_H
#define WG_KERNELS_POOL_H

#include "window.h"

/* out = the greatest seen, NaN where a NaN is seen. */
void wg_kernel_pool_max_f32(const wg_kernel_window *w, const float *in, float *out);
void wg_kernel_pool_max_f64(const wg_kernel_window *w, const double *in, double *out);

/* An input is tied when it equals the maximum of a window that sees it, where NaN equals NaN.
 * share = g / the number of the window's tied inputs. */
void wg_kernel_pool_share_f32(
    const wg_kernel_window *w, const float *in, const float *max, const float *g, float *share);
void wg_kernel_pool_share_f64(
    const wg_kernel_window *w, const double *in, const double *max, const double *g, double *share);

/* to += the share of each window in which the input is tied. */
void wg_kernel_pool_spread_f32(
    const wg_kernel_window *w, const float *in, const float *max, const float *share, float *to);
void wg_kernel_pool_spread_f64(
    const wg_kernel_window *w, const double *in, const double *max, const double *share, double *to);

/* mean = the mean of `from` over the tied inputs of each window. count holds one number per window on the way. */
void wg_kernel_pool_collect_f32(
    const wg_kernel_window *w, const float *in, const float *max, const float *from, float *count, float *mean);
void wg_kernel_pool_collect_f64(
    const wg_kernel_window *w, const double *in, const double *max, const double *from, double *count, double *mean);

/* mean = the sum of what each window sees, over the number of its taps that lie inside the input or, unless `inside`,
 * inside the padded input. Many taps are summed in parts, of which `part` holds one number per window: NULL when
 * wg_kernel_pool_parts says that there are few. */
bool wg_kernel_pool_parts(const wg_kernel_window *w);
void wg_kernel_pool_mean_f32(const wg_kernel_window *w, bool inside, const float *in, float *part, float *mean);
void wg_kernel_pool_mean_f64(const wg_kernel_window *w, bool inside, const double *in, double *part, double *mean);

/* The adjoint: to += g over that number, for each window that sees the input. share holds one number per window. */
void wg_kernel_pool_unmean_f32(const wg_kernel_window *w, bool inside, const float *g, float *share, float *to);
void wg_kernel_pool_unmean_f64(const wg_kernel_window *w, bool inside, const double *g, double *share, double *to);

#endif
