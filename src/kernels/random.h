/* Random numbers from a counter: each is a function of a key and of its place, so any part of an array can be drawn, in any
 * order, again. Philox4x32-10: J. Salmon, M. Moraes, R. Dror, D. Shaw, Parallel random numbers: as easy as 1, 2, 3, SC11, 2011.
 *
 * Only integers, +, -, *, /, square roots and exact functions (frexp, nextafter) are used, so the results are the same bits on
 * every machine that computes as IEEE 754 says. */
#ifndef WG_KERNELS_RANDOM_H
#define WG_KERNELS_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isa.h"

/* Ten rounds of Philox: out = the cipher of the counter under the key. */
void wg_kernel_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* A key made of a key and a number. Different streams give unrelated keys, and none is a number drawn from the key. */
typedef enum wg_kernel_stream {
    WG_STREAM_NUMBERS,
    WG_STREAM_BOUNDED,
    WG_STREAM_FOLD,
    WG_STREAM_SPLIT
} wg_kernel_stream;
uint64_t wg_kernel_random_key(uint64_t key, uint64_t number, wg_kernel_stream stream);

/* n numbers; place i takes 64 bits at i, of which a float has the first 24 where a double has 53.
 * uniform: low <= x < high, or low where they are equal; high - low is finite.
 * normal: mean + std z, z the quantile of the standard normal distribution at a midpoint of 2^53 equal steps.
 * bernoulli: 1 where a uniform number of 53 bits is below p, else 0. */
void wg_kernel_uniform_f32(wg_isa isa, uint64_t key, size_t n, double low, double high, float *out);
void wg_kernel_uniform_f64(wg_isa isa, uint64_t key, size_t n, double low, double high, double *out);
void wg_kernel_normal_f32(wg_isa isa, uint64_t key, size_t n, double mean, double std, float *out);
void wg_kernel_normal_f64(wg_isa isa, uint64_t key, size_t n, double mean, double std, double *out);
void wg_kernel_bernoulli_f32(wg_isa isa, uint64_t key, size_t n, double p, float *out);
void wg_kernel_bernoulli_f64(wg_isa isa, uint64_t key, size_t n, double p, double *out);

/* out = or += x / (1 - p), or 0 with probability p, by 32 bits at each place: p is rounded to a multiple of 2^-32. */
void wg_kernel_dropout_f32(wg_isa isa, uint64_t key, size_t n, double p, const float *x, float *out, bool add);
void wg_kernel_dropout_f64(wg_isa isa, uint64_t key, size_t n, double p, const double *x, double *out, bool add);

/* The number of place i, each of 0 ... range - 1 equally likely; range 0 stands for 2^64. */
uint64_t wg_kernel_random_below(uint64_t key, uint64_t i, uint64_t range);

/* z with P(Z < -z) = q, for 0 < q <= 1/2. Its relative error is below 1e-15. */
double wg_kernel_normal_tail(double q);

#endif
