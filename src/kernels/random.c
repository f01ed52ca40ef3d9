/* Philox, and what is drawn from it: the generic source of the draws, random.inc, is compiled for each real type. */
#include "random.h"

#include <math.h>

#include "vector.h"

enum {
    KERNEL_RANDOM_LANES = 8,   /* blocks enciphered side by side */
    KERNEL_RANDOM_BLOCKS = 128 /* blocks drawn at once; a multiple of the lanes */
};

/* ---- the cipher ------------------------------------------------------------------------------------------------------- */

/* LANES blocks at the counters (first + lane, 0, stream), word w of lane l to out[4 l + w]. Loops over lanes are what
 * compilers turn into vectors. */
WG_KERNEL_INLINE void kernel_random_lanes(uint64_t key, uint64_t first, uint32_t stream, uint32_t *out)
{
    enum { N = KERNEL_RANDOM_LANES };
    uint32_t c0[N], c1[N], c2[N], c3[N], k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    for (uint32_t l = 0; l < N; l++) {
        c0[l] = (uint32_t)(first + l);
        c1[l] = (uint32_t)((first + l) >> 32);
        c2[l] = 0;
        c3[l] = stream;
    }
    for (int round = 0; round < 10; round++) {
        for (uint32_t l = 0; l < N; l++) {
            uint64_t p0 = (uint64_t)0xD2511F53 * c0[l], p1 = (uint64_t)0xCD9E8D57 * c2[l];
            c0[l] = (uint32_t)(p1 >> 32) ^ c1[l] ^ k0;
            c1[l] = (uint32_t)p1;
            c2[l] = (uint32_t)(p0 >> 32) ^ c3[l] ^ k1;
            c3[l] = (uint32_t)p0;
        }
        k0 += 0x9E3779B9;
        k1 += 0xBB67AE85;
    }
    for (uint32_t l = 0; l < N; l++) {
        out[4 * l] = c0[l];
        out[4 * l + 1] = c1[l];
        out[4 * l + 2] = c2[l];
        out[4 * l + 3] = c3[l];
    }
}

void wg_kernel_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3], k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53 * c0, p1 = (uint64_t)0xCD9E8D57 * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9;
        k1 += 0xBB67AE85;
    }
    out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

/* The block at (number, attempt, stream), as two numbers of 64 bits. */
static void kernel_random_block(uint64_t key, uint64_t number, uint32_t attempt, uint32_t stream, uint64_t out[2])
{
    const uint32_t counter[] = {(uint32_t)number, (uint32_t)(number >> 32), attempt, stream};
    const uint32_t halves[] = {(uint32_t)key, (uint32_t)(key >> 32)};
    uint32_t words[4];
    wg_kernel_philox(counter, halves, words);
    out[0] = words[0] | (uint64_t)words[1] << 32;
    out[1] = words[2] | (uint64_t)words[3] << 32;
}

/* The first `blocks` blocks from `first` on, and up to LANES - 1 more: integers, so the same by any instructions. */
static void kernel_random_words_baseline(uint64_t key, uint64_t first, size_t blocks, uint32_t *out)
{
    for (size_t b = 0; b < blocks; b += KERNEL_RANDOM_LANES)
        kernel_random_lanes(key, first + b, WG_STREAM_NUMBERS, out + 4 * b);
}

#if WG_KERNEL_HAS_AVX2 || WG_KERNEL_HAS_AVX512
WG_KERNEL_TARGET_AVX2
static void kernel_random_words_avx2(uint64_t key, uint64_t first, size_t blocks, uint32_t *out)
{
    for (size_t b = 0; b < blocks; b += KERNEL_RANDOM_LANES)
        kernel_random_lanes(key, first + b, WG_STREAM_NUMBERS, out + 4 * b);
}
WG_KERNEL_TARGET_END
#endif

static void kernel_random_words(wg_isa isa, uint64_t key, uint64_t first, size_t blocks, uint32_t *out)
{
#if WG_KERNEL_HAS_AVX2 || WG_KERNEL_HAS_AVX512
    if (isa >= WG_ISA_AVX2) {
        kernel_random_words_avx2(key, first, blocks, out);
        return;
    }
#else
    (void)isa;
#endif
    kernel_random_words_baseline(key, first, blocks, out);
}

/* ---- integers --------------------------------------------------------------------------------------------------------- */

uint64_t wg_kernel_random_key(uint64_t key, uint64_t number, wg_kernel_stream stream)
{
    uint64_t both[2];
    kernel_random_block(key, number, 0, (uint32_t)stream, both);
    return both[0];
}

/* As many low bits as range - 1 has, drawn again while they are not below range: less than two draws on average. */
uint64_t wg_kernel_random_below(uint64_t key, uint64_t i, uint64_t range)
{
    uint64_t last = range - 1, mask = last, both[2];
    for (unsigned shift = 1; shift < 64; shift *= 2) mask |= mask >> shift;
    for (uint32_t attempt = 0;; attempt++) {
        kernel_random_block(key, i, attempt, WG_STREAM_BOUNDED, both);
        for (size_t k = 0; k < 2; k++)
            if ((both[k] & mask) <= last) return both[k] & mask;
    }
}

/* ---- the normal distribution ----------------------------------------------------------------------------------------------- */

/* log x for a normal x > 0: the exponent's part and 2 artanh s, s = (m - 1) / (m + 1), |s| < 0.172. */
static double kernel_random_log(double x)
{
    int exponent;
    double m = frexp(x, &exponent);
    if (m < 0.70710678118654752440) {
        m *= 2;
        exponent--;
    }
    double s = (m - 1) / (m + 1), square = s * s, sum = 1.0 / 25;
    for (int k = 23; k >= 1; k -= 2) sum = sum * square + 1.0 / k;
    return exponent * 0.69314718055994530942 + 2 * s * sum;
}

/* M. Wichura, Algorithm AS 241: the percentage points of the normal distribution, Applied Statistics 37, 1988: a quotient of
 * polynomials of degree 7, for each of three ranges. */
static double kernel_random_ratio(const double *above, const double *below, double r)
{
    double a = above[7], b = below[7];
    for (int k = 6; k >= 0; k--) {
        a = a * r + above[k];
        b = b * r + below[k];
    }
    return a / b;
}

double wg_kernel_normal_tail(double q)
{
    static const double middle[2][8] = {
        {3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4,
            4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3},
        {1, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3, 2.1213794301586595867e4,
            3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3}};
    static const double near[2][8] = {
        {1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0, 3.64784832476320460504e0,
            1.27045825245236838258e0, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4},
        {1, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1, 1.48103976427480074590e-1,
            1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9}};
    static const double far[2][8] = {
        {6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0, 2.96560571828504891230e-1,
            2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7},
        {1, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2, 7.86869131145613259100e-4,
            1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15}};
    double centre = 0.5 - q;
    if (centre <= 0.425) return centre * kernel_random_ratio(middle[0], middle[1], 0.180625 - centre * centre);
    double r = sqrt(-kernel_random_log(q));
    return r <= 5 ? kernel_random_ratio(near[0], near[1], r - 1.6) : kernel_random_ratio(far[0], far[1], r - 5);
}

/* One bit is the sign, 52 are a midpoint of steps of 2^-53 between 0 and 1/2. */
static double kernel_random_normal(uint64_t bits)
{
    double q = ((double)(bits >> 12) + 0.5) * 0x1p-53;
    double z = wg_kernel_normal_tail(q);
    return bits & 1 ? z : -z;
}

/* ---- draws of one type ------------------------------------------------------------------------------------------------ */

#define NAME_(stem, type)   wg_kernel_##stem##_##type
#define NAME_OF(stem, type) NAME_(stem, type)
#define NAME(stem)          NAME_OF(stem, TYPE)

#define TYPE           f32
#define REAL           float
#define LIBM(function) function##f
#define UNIT(bits)     ((double)((bits) >> 40) * 0x1p-24)
#include "random.inc"
#define TYPE           f64
#define REAL           double
#define LIBM(function) function
#define UNIT(bits)     ((double)((bits) >> 11) * 0x1p-53)
#include "random.inc"

#undef NAME_
#undef NAME_OF
#undef NAME
