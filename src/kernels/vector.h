/* Short vectors: what the kernels say instead of naming a machine.
 *
 * For each real type (f32, f64) and each instruction set (baseline, avx2, avx512) this header makes the same few
 * words, e.g. for f64 and avx2: a type wg_kernel_vec_f64_avx2 of wg_kernel_lanes_f64_avx2 lanes, and the functions
 * wg_kernel_load_f64_avx2, ..._store_, ..._splat_, ..._fma_ and so on; vector.inc lists them. A kernel's generic
 * source writes NAME(load) and is compiled once for each pair, between a WG_KERNEL_TARGET_... and
 * WG_KERNEL_TARGET_END, which let the compiler use those instructions there and nowhere else.
 *
 * Vectors are GNU C's (gcc and clang). Any other C11 compiler gets the baseline alone, on plain arrays; defining
 * WG_KERNEL_PLAIN asks gcc and clang for the same. All the machine-specific text of the kernels is in this file: a
 * fused multiply-add, the masked load and store of a loop's tail, comparisons and what is made of them. */
#ifndef WG_KERNELS_VECTOR_H
#define WG_KERNELS_VECTOR_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#if defined(__GNUC__) && !defined(WG_KERNEL_PLAIN)
#define WG_KERNEL_VECTORS 1
#else
#define WG_KERNEL_VECTORS 0
#endif

#if WG_KERNEL_VECTORS && defined(__x86_64__)
#define WG_KERNEL_X86 1
#include <immintrin.h>
#else
#define WG_KERNEL_X86 0
#endif

/* The sets that kernels are compiled for: all, or, to save room, one alone, which WG_ONLY_BASELINE, WG_ONLY_AVX2 or
 * WG_ONLY_AVX512 asks for; where there is but one, WG_KERNEL_ALONE is its name. */
#if !WG_KERNEL_X86 || defined(WG_ONLY_BASELINE)
#define WG_KERNEL_ALONE        baseline
#define WG_KERNEL_HAS_BASELINE 1
#define WG_KERNEL_HAS_AVX2     0
#define WG_KERNEL_HAS_AVX512   0
#elif defined(WG_ONLY_AVX2)
#define WG_KERNEL_ALONE        avx2
#define WG_KERNEL_HAS_BASELINE 0
#define WG_KERNEL_HAS_AVX2     1
#define WG_KERNEL_HAS_AVX512   0
#elif defined(WG_ONLY_AVX512)
#define WG_KERNEL_ALONE        avx512
#define WG_KERNEL_HAS_BASELINE 0
#define WG_KERNEL_HAS_AVX2     0
#define WG_KERNEL_HAS_AVX512   1
#else
#define WG_KERNEL_HAS_BASELINE 1
#define WG_KERNEL_HAS_AVX2     1
#define WG_KERNEL_HAS_AVX512   1
#endif

/* Always inlined: a vector never crosses a call, whose convention depends on the instruction set. */
#if defined(__GNUC__)
#define WG_KERNEL_INLINE static inline __attribute__((always_inline, unused))
#else
#define WG_KERNEL_INLINE static inline
#endif

/* Never inlined, and there once. */
#if defined(__clang__)
#define WG_KERNEL_APART __attribute__((noinline))
#elif defined(__GNUC__)
#define WG_KERNEL_APART __attribute__((noinline, noclone))
#else
#define WG_KERNEL_APART
#endif

/* Asks for the cache line that holds *p, which will be needed soon. */
WG_KERNEL_INLINE void wg_kernel_prefetch(const void *p)
{
#if defined(__GNUC__)
    __builtin_prefetch(p);
#else
    (void)p;
#endif
}

/* Before a short loop whose array must live in registers. clang unrolls such loops unasked. */
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 8
#define WG_KERNEL_UNROLL _Pragma("GCC unroll 16")
#else
#define WG_KERNEL_UNROLL
#endif

/* avx512dq, vl and bw imply f and avx2. */
#if defined(__clang__)
#define WG_KERNEL_TARGET_AVX2 _Pragma("clang attribute push(__attribute__((target(\"avx2,fma\"))), apply_to=function)")
#define WG_KERNEL_TARGET_AVX512                                                                                        \
    _Pragma("clang attribute push(__attribute__((target(\"avx512dq,avx512vl,avx512bw,fma\"))), apply_to=function)")
#define WG_KERNEL_TARGET_END _Pragma("clang attribute pop")
#else
#define WG_KERNEL_TARGET_AVX2   _Pragma("GCC push_options") _Pragma("GCC target(\"avx2,fma\")")
#define WG_KERNEL_TARGET_AVX512 _Pragma("GCC push_options") _Pragma("GCC target(\"avx512dq,avx512vl,avx512bw,fma\")")
#define WG_KERNEL_TARGET_END    _Pragma("GCC pop_options")
#endif

/* NAME(load) is wg_kernel_load_f64_avx2 where TYPE is f64 and SET is avx2. */
#define WG_KERNEL_PASTE_(stem, type, set) stem##_##type##_##set
#define WG_KERNEL_PASTE(stem, type, set)  WG_KERNEL_PASTE_(stem, type, set)

#define NAME(stem) WG_KERNEL_PASTE(wg_kernel_##stem, TYPE, SET)

/* The baseline: 16 bytes, which are SSE2's and NEON's registers and plain C's four floats or two doubles. */
#define SET   baseline
#define BYTES 16
#define FUSED 0
#define MASKS 0
#define TYPE  f32
#define REAL  float
#define LANES 4
#define LOW   0, 4, 1, 5
#define HIGH  2, 6, 3, 7
#define EVENS 0, 2, 4, 6
#define ODDS  1, 3, 5, 7
#include "vector.inc"
#define TYPE  f64
#define REAL  double
#define LANES 2
#define LOW   0, 2
#define HIGH  1, 3
#define EVENS 0, 2
#define ODDS  1, 3
#include "vector.inc"
#undef SET
#undef BYTES
#undef FUSED
#undef MASKS

#if WG_KERNEL_X86

WG_KERNEL_TARGET_AVX2
#define SET   avx2
#define BYTES 32
#define FUSED 1
#define MASKS 0
#define TYPE  f32
#define REAL  float
#define LANES 8
#define LOW   0, 8, 1, 9, 2, 10, 3, 11
#define HIGH  4, 12, 5, 13, 6, 14, 7, 15
#define EVENS 0, 2, 4, 6, 8, 10, 12, 14
#define ODDS  1, 3, 5, 7, 9, 11, 13, 15
#include "vector.inc"
#define TYPE  f64
#define REAL  double
#define LANES 4
#define LOW   0, 4, 1, 5
#define HIGH  2, 6, 3, 7
#define EVENS 0, 2, 4, 6
#define ODDS  1, 3, 5, 7
#include "vector.inc"
#undef SET
#undef BYTES
#undef FUSED
#undef MASKS

WG_KERNEL_INLINE wg_kernel_vec_f32_avx2 wg_kernel_fma_f32_avx2(
    wg_kernel_vec_f32_avx2 a, wg_kernel_vec_f32_avx2 b, wg_kernel_vec_f32_avx2 c)
{
    return _mm256_fmadd_ps(a, b, c);
}

WG_KERNEL_INLINE wg_kernel_vec_f64_avx2 wg_kernel_fma_f64_avx2(
    wg_kernel_vec_f64_avx2 a, wg_kernel_vec_f64_avx2 b, wg_kernel_vec_f64_avx2 c)
{
    return _mm256_fmadd_pd(a, b, c);
}

#define WG_KERNEL_WORDS(type, intrinsic)                                                                               \
    WG_KERNEL_INLINE wg_kernel_vec_##type wg_kernel_sqrt_##type(wg_kernel_vec_##type a) { return intrinsic(sqrt)(a); } \
    WG_KERNEL_INLINE wg_kernel_vec_##type wg_kernel_max_##type(wg_kernel_vec_##type a, wg_kernel_vec_##type b)         \
    {                                                                                                                  \
        return intrinsic(max)(a, b);                                                                                   \
    }                                                                                                                  \
    WG_KERNEL_INLINE wg_kernel_vec_##type wg_kernel_min_##type(wg_kernel_vec_##type a, wg_kernel_vec_##type b)         \
    {                                                                                                                  \
        return intrinsic(min)(a, b);                                                                                   \
    }                                                                                                                  \
    WG_KERNEL_INLINE wg_kernel_vec_##type wg_kernel_select_##type(                                                     \
        wg_kernel_mask_##type m, wg_kernel_vec_##type a, wg_kernel_vec_##type b)                                       \
    {                                                                                                                  \
        return intrinsic(blendv)(b, a, (wg_kernel_vec_##type)m);                                                       \
    }                                                                                                                  \
    WG_KERNEL_INLINE bool wg_kernel_any_##type(wg_kernel_mask_##type m)                                                \
    {                                                                                                                  \
        return intrinsic(movemask)((wg_kernel_vec_##type)m) != 0;                                                      \
    }
#define WG_KERNEL_PS(name) _mm256_##name##_ps
#define WG_KERNEL_PD(name) _mm256_##name##_pd
WG_KERNEL_WORDS(f32_avx2, WG_KERNEL_PS)
WG_KERNEL_WORDS(f64_avx2, WG_KERNEL_PD)
#undef WG_KERNEL_WORDS
#undef WG_KERNEL_PS
#undef WG_KERNEL_PD

/* All ones in the first n lanes. */
WG_KERNEL_INLINE __m256i wg_kernel_first_f32_avx2(size_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

WG_KERNEL_INLINE __m256i wg_kernel_first_f64_avx2(size_t n)
{
    return _mm256_cmpgt_epi64(_mm256_set1_epi64x((long long)n), _mm256_setr_epi64x(0, 1, 2, 3));
}

WG_KERNEL_INLINE wg_kernel_vec_f32_avx2 wg_kernel_load_some_f32_avx2(const float *p, size_t n)
{
    return _mm256_maskload_ps(p, wg_kernel_first_f32_avx2(n));
}

WG_KERNEL_INLINE wg_kernel_vec_f64_avx2 wg_kernel_load_some_f64_avx2(const double *p, size_t n)
{
    return _mm256_maskload_pd(p, wg_kernel_first_f64_avx2(n));
}

WG_KERNEL_INLINE void wg_kernel_store_some_f32_avx2(float *p, wg_kernel_vec_f32_avx2 v, size_t n)
{
    _mm256_maskstore_ps(p, wg_kernel_first_f32_avx2(n), v);
}

WG_KERNEL_INLINE void wg_kernel_store_some_f64_avx2(double *p, wg_kernel_vec_f64_avx2 v, size_t n)
{
    _mm256_maskstore_pd(p, wg_kernel_first_f64_avx2(n), v);
}
WG_KERNEL_TARGET_END

WG_KERNEL_TARGET_AVX512
#define SET   avx512
#define BYTES 64
#define FUSED 1
#define MASKS 1
#define TYPE  f32
#define REAL  float
#define LANES 16
#define LOW   0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define HIGH  8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#define EVENS 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define ODDS  1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
#include "vector.inc"
#define TYPE  f64
#define REAL  double
#define LANES 8
#define LOW   0, 8, 1, 9, 2, 10, 3, 11
#define HIGH  4, 12, 5, 13, 6, 14, 7, 15
#define EVENS 0, 2, 4, 6, 8, 10, 12, 14
#define ODDS  1, 3, 5, 7, 9, 11, 13, 15
#include "vector.inc"
#undef SET
#undef BYTES
#undef FUSED
#undef MASKS

/* Masks: one bit a lane. */
typedef __mmask16 wg_kernel_mask_f32_avx512;
typedef __mmask8 wg_kernel_mask_f64_avx512;
#define WG_KERNEL_COMPARE(word, type, intrinsic, how)                                                                  \
    WG_KERNEL_INLINE wg_kernel_mask_##type wg_kernel_##word##_##type(wg_kernel_vec_##type a, wg_kernel_vec_##type b)   \
    {                                                                                                                  \
        return intrinsic(a, b, how);                                                                                   \
    }
#define WG_KERNEL_WORDS(type, suffix)                                                                                  \
    WG_KERNEL_COMPARE(less, type, _mm512_cmp_##suffix##_mask, _CMP_LT_OQ)                                              \
    WG_KERNEL_COMPARE(less_equal, type, _mm512_cmp_##suffix##_mask, _CMP_LE_OQ)                                        \
    WG_KERNEL_COMPARE(equal, type, _mm512_cmp_##suffix##_mask, _CMP_EQ_OQ)                                             \
    WG_KERNEL_INLINE wg_kernel_mask_##type wg_kernel_both_##type(wg_kernel_mask_##type a, wg_kernel_mask_##type b)     \
    {                                                                                                                  \
        return (wg_kernel_mask_##type)(a & b);                                                                         \
    }                                                                                                                  \
    WG_KERNEL_INLINE wg_kernel_mask_##type wg_kernel_either_##type(wg_kernel_mask_##type a, wg_kernel_mask_##type b)   \
    {                                                                                                                  \
        return (wg_kernel_mask_##type)(a | b);                                                                         \
    }                                                                                                                  \
    WG_KERNEL_INLINE wg_kernel_mask_##type wg_kernel_not_##type(wg_kernel_mask_##type a)                               \
    {                                                                                                                  \
        return (wg_kernel_mask_##type) ~a;                                                                             \
    }                                                                                                                  \
    WG_KERNEL_INLINE wg_kernel_mask_##type wg_kernel_within_##type(size_t n)                                           \
    {                                                                                                                  \
        return (wg_kernel_mask_##type)((1u << n) - 1u);                                                                \
    }                                                                                                                  \
    WG_KERNEL_INLINE bool wg_kernel_any_##type(wg_kernel_mask_##type m) { return m != 0; }                             \
    WG_KERNEL_INLINE wg_kernel_vec_##type wg_kernel_select_##type(                                                     \
        wg_kernel_mask_##type m, wg_kernel_vec_##type a, wg_kernel_vec_##type b)                                       \
    {                                                                                                                  \
        return _mm512_mask_blend_##suffix(m, b, a);                                                                    \
    }                                                                                                                  \
    WG_KERNEL_INLINE wg_kernel_vec_##type wg_kernel_sqrt_##type(wg_kernel_vec_##type a)                                \
    {                                                                                                                  \
        return _mm512_sqrt_##suffix(a);                                                                                \
    }                                                                                                                  \
    WG_KERNEL_INLINE wg_kernel_vec_##type wg_kernel_max_##type(wg_kernel_vec_##type a, wg_kernel_vec_##type b)         \
    {                                                                                                                  \
        return _mm512_max_##suffix(a, b);                                                                              \
    }                                                                                                                  \
    WG_KERNEL_INLINE wg_kernel_vec_##type wg_kernel_min_##type(wg_kernel_vec_##type a, wg_kernel_vec_##type b)         \
    {                                                                                                                  \
        return _mm512_min_##suffix(a, b);                                                                              \
    }                                                                                                                  \
    /* v 2^n, n whole: rounded once, also below the normal numbers */                                                  \
    WG_KERNEL_INLINE wg_kernel_vec_##type wg_kernel_scale_##type(wg_kernel_vec_##type v, wg_kernel_vec_##type n)       \
    {                                                                                                                  \
        return _mm512_scalef_##suffix(v, n);                                                                           \
    }
WG_KERNEL_WORDS(f32_avx512, ps)
WG_KERNEL_WORDS(f64_avx512, pd)
#undef WG_KERNEL_WORDS
#undef WG_KERNEL_COMPARE

WG_KERNEL_INLINE wg_kernel_mask_f32_avx512 wg_kernel_same_f32_avx512(
    wg_kernel_vec_f32_avx512 a, wg_kernel_vec_f32_avx512 b)
{
    return _mm512_cmpeq_epi32_mask((__m512i)a, (__m512i)b);
}

WG_KERNEL_INLINE wg_kernel_mask_f64_avx512 wg_kernel_same_f64_avx512(
    wg_kernel_vec_f64_avx512 a, wg_kernel_vec_f64_avx512 b)
{
    return _mm512_cmpeq_epi64_mask((__m512i)a, (__m512i)b);
}

WG_KERNEL_INLINE wg_kernel_vec_f32_avx512 wg_kernel_fma_f32_avx512(
    wg_kernel_vec_f32_avx512 a, wg_kernel_vec_f32_avx512 b, wg_kernel_vec_f32_avx512 c)
{
    return _mm512_fmadd_ps(a, b, c);
}

WG_KERNEL_INLINE wg_kernel_vec_f64_avx512 wg_kernel_fma_f64_avx512(
    wg_kernel_vec_f64_avx512 a, wg_kernel_vec_f64_avx512 b, wg_kernel_vec_f64_avx512 c)
{
    return _mm512_fmadd_pd(a, b, c);
}

WG_KERNEL_INLINE wg_kernel_vec_f32_avx512 wg_kernel_load_some_f32_avx512(const float *p, size_t n)
{
    return _mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1u), p);
}

WG_KERNEL_INLINE wg_kernel_vec_f64_avx512 wg_kernel_load_some_f64_avx512(const double *p, size_t n)
{
    return _mm512_maskz_loadu_pd((__mmask8)((1u << n) - 1u), p);
}

WG_KERNEL_INLINE void wg_kernel_store_some_f32_avx512(float *p, wg_kernel_vec_f32_avx512 v, size_t n)
{
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1u), v);
}

WG_KERNEL_INLINE void wg_kernel_store_some_f64_avx512(double *p, wg_kernel_vec_f64_avx512 v, size_t n)
{
    _mm512_mask_storeu_pd(p, (__mmask8)((1u << n) - 1u), v);
}
WG_KERNEL_TARGET_END

#endif

#undef NAME

#endif
