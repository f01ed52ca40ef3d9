/* The types that everything else speaks of: shapes, dtypes, statuses, and the var, a handle to a value on a tape. */
#ifndef WENGERT_TYPES_H
#define WENGERT_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WG_VERSION_MAJOR 0
#define WG_VERSION_MINOR 1
#define WG_VERSION_PATCH 0
#define WG_VERSION       "0.1.0"

/* Marks a public function. WG_SHARED is defined for users of the shared library, WG_BUILDING while it is built. */
#if defined(_WIN32) && defined(WG_SHARED)
#ifdef WG_BUILDING
#define WG_API __declspec(dllexport)
#else
#define WG_API __declspec(dllimport)
#endif
#elif defined(__GNUC__)
#define WG_API __attribute__((visibility("default")))
#else
#define WG_API
#endif

/* Lets the compiler check the arguments of the functions that take a format like printf's. */
#if defined(__GNUC__)
#define WG_PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))
#else
#define WG_PRINTF_LIKE(text, first)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The largest number of axes of an array. */
#define WG_MAX_RANK 8

/* An omitted bound of wg_slice, as in Python's x[:stop]. */
#define WG_END PTRDIFF_MIN

/* A tape: the list of operations, their values, and the memory of both. Opaque; belongs to one thread at a time. */
typedef struct wg_tape wg_tape;

/* A value on a tape: a leaf or the result of an op. Passed and copied by value; owns nothing. It is valid from its
 * recording until the tape is rewound past it or freed. {0} is an invalid var without a tape. */
typedef struct wg_var {
    wg_tape *tape;
    uint32_t index, epoch;
} wg_var;

/* The extents of an array, outermost axis first; arrays are contiguous and row-major. Rank 0 is a scalar (size 1); an
 * extent may be 0. Write WG_DIMS(2, 3), or WG_SCALAR for rank 0. */
typedef struct wg_shape {
    uint32_t rank;
    size_t dim[WG_MAX_RANK];
} wg_shape;

/* A place on a tape to rewind to; see wg_tape_mark. */
typedef struct wg_mark {
    wg_tape *tape;
    uint32_t index, epoch;
} wg_mark;

/* The element type of a tape: float or double. Index vars hold int64_t on either. */
typedef enum wg_dtype { WG_F32, WG_F64 } wg_dtype;

/* How a loss reduces its terms: WG_MEAN divides their sum by their number, WG_SUM by nothing, WG_BATCH_MEAN by the
 * number of samples, which are the columns of a (features, samples) array. */
typedef enum wg_reduction { WG_MEAN, WG_SUM, WG_BATCH_MEAN } wg_reduction;

/* What can go wrong. A status of 0 is success, so `if (wg_backward(loss))` reads "if it failed". */
typedef enum wg_status {
    WG_OK,
    WG_ERROR_ARGUMENT,    /* an invalid var, a NULL pointer, two tapes mixed, a busy tape, a value out of range */
    WG_ERROR_SHAPE,       /* shapes or axes that don't fit, or a size that overflows size_t */
    WG_ERROR_STALE,       /* a value that depends on a leaf that was changed since */
    WG_ERROR_MEMORY,      /* out of memory, or over the tape's memory limit */
    WG_ERROR_NONFINITE,   /* an infinity or NaN with options.check_finite */
    WG_ERROR_UNSUPPORTED, /* a derivative or evaluation that an op does not have */
    WG_ERROR_GUARD        /* a replay came to a wg_guard whose condition has flipped */
} wg_status;

/* The instruction sets for which the kernels are compiled: the best that the machine runs; what every machine of its kind
 * runs; AVX2 and FMA; AVX-512 (F, DQ, VL, BW). The last two are for x86-64. Results differ in their last bits. */
typedef enum wg_instructions {
    WG_INSTRUCTIONS_BEST,
    WG_INSTRUCTIONS_BASELINE,
    WG_INSTRUCTIONS_AVX2,
    WG_INSTRUCTIONS_AVX512
} wg_instructions;

/* The caller's memory functions. allocate returns a block of size bytes at the alignment given, or NULL; release gets
 * the block back with the same size. Both get user. Neither may touch the tape. */
typedef struct wg_allocator {
    void *(*allocate)(void *user, size_t size, size_t alignment);
    void (*release)(void *user, void *block, size_t size);
    void *user;
} wg_allocator;

/* How a tape is made. Zero-initialised, every option has its default. */
typedef struct wg_tape_options {
    wg_dtype dtype;               /* WG_F32 is the zero: name WG_F64 for double */
    size_t memory_limit;          /* bytes that the tape may hold at once; 0: no limit */
    wg_allocator allocator;       /* zero: malloc and free */
    void *buffer;                 /* one fixed block of memory, used instead of any allocator; NULL: none */
    size_t buffer_size;           /* its size in bytes */
    unsigned threads;             /* threads that large kernels may use, the caller's included; 0 and 1: the caller's
                                 * alone. They are made when first used, and belong to the tape; more than 256 count
                                 * as 256. No bit of a result depends on this number */
    bool check_finite;            /* stop at the first op whose value or adjoint is not finite, and name it */
    bool ieee_zero;               /* a zero cotangent times an infinite derivative is NaN, as IEEE 754 has it; otherwise
                                 * a zero cotangent contributes an exact zero in every elementwise derivative */
    bool same_rank;               /* refuse elementwise operands of different rank, 0-d ones excepted */
    wg_instructions instructions; /* the set that kernels use: one that the machine lacks is refused */
} wg_tape_options;

/* What a tape holds; see wg_tape_stats. */
typedef struct wg_stats {
    size_t nodes;        /* leaves and ops on the tape */
    size_t bytes_in_use; /* obtained from the allocator, or taken from the buffer, and not given back */
    size_t bytes_peak;   /* the most that bytes_in_use has been */
    size_t allocations;  /* calls of the allocator so far, or pieces taken from the buffer */
} wg_stats;

/* A function on the tape: records ops on in[0..n-1] and returns its result. */
typedef wg_var (*wg_function)(wg_tape *tape, void *user, const wg_var *in, size_t n);

#ifdef __cplusplus
}
#endif

/* WG_DIMS(2, 3) is the shape of two rows and three columns; at least one extent. In C, an int variable as an extent may
 * warn under -Wconversion at the caller, and neither macro is a static initialiser.
 * WG_AXES(0, -1) is the pair (pointer, count) that functions over axes take. */
#ifdef __cplusplus
#include <initializer_list>
template <class... Extent> inline wg_shape wg_dims_(Extent... extent)
{
    static_assert(sizeof...(Extent) <= WG_MAX_RANK, "too many axes: WG_MAX_RANK is 8");
    return wg_shape{static_cast<uint32_t>(sizeof...(Extent)), {static_cast<size_t>(extent)...}};
}
#define WG_DIMS(...) wg_dims_(__VA_ARGS__)
#define WG_SCALAR                                                                                                      \
    wg_shape {}
#define WG_AXES(...) std::initializer_list<int>{__VA_ARGS__}.begin(), std::initializer_list<int>{__VA_ARGS__}.size()
#else
#define WG_DIMS(...) ((wg_shape){sizeof((size_t[]){__VA_ARGS__}) / sizeof(size_t), {__VA_ARGS__}})
#define WG_SCALAR    ((wg_shape){0})
#define WG_AXES(...) (const int[]){__VA_ARGS__}, sizeof((const int[]){__VA_ARGS__}) / sizeof(int)
#endif

#endif
