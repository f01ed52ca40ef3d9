/* A tape's life: making and freeing it, its errors, its leaves, reading values, and the two ways to run a loop, mark
 * and rewind, or replay.
 *
 * Errors are sticky. A call that fails changes nothing (a sweep or a replay can stop midway: see there), sets the
 * tape's status and message, and returns an invalid var or the status; until wg_tape_clear_error every later op does
 * nothing, and the first message stays. So expressions nest freely, and one check at the end is enough. Readers,
 * rewind, free and clear work on a tape in error.
 *
 * Every function that takes a var reports a misuse of it: an invalid var (its own op failed, it was recorded before
 * a rewind, or it is {0}) is WG_ERROR_ARGUMENT on the tape it belongs to, an outdated one WG_ERROR_STALE. */
#ifndef WENGERT_TAPE_H
#define WENGERT_TAPE_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- a tape's life ---------------------------------------------------------------------------------------------- */

/* The version of the library at run time, as WG_VERSION is at compile time. */
WG_API const char *wg_version(void);

/* A new, empty tape with the default options. NULL when out of memory. */
WG_API wg_tape *wg_tape_new(wg_dtype dtype);

/* A new tape. NULL options: the defaults. On failure NULL, and *why, unless why is NULL, says whether memory
 * (WG_ERROR_MEMORY) or an option (WG_ERROR_ARGUMENT: an unknown dtype, one allocator function without the other, a
 * buffer together with an allocator, a buffer_size without a buffer, an instruction set that the machine or the library
 * lacks) was the cause. */
WG_API wg_tape *wg_tape_new_with(const wg_tape_options *options, wg_status *why);

/* Frees the tape and all memory that it owns. NULL: nothing. From within an op's evaluation or derivative it is an
 * error ("the tape is busy") and frees nothing. */
WG_API void wg_tape_free(wg_tape *tape);

/* The element type. NULL: WG_F32. */
WG_API wg_dtype wg_tape_dtype(const wg_tape *tape);

/* WG_OK, or the status of the first error since the last clear. NULL: WG_ERROR_ARGUMENT. */
WG_API wg_status wg_tape_status(const wg_tape *tape);

/* The message of that error, naming the op, the vars and the shapes; "" when healthy; never NULL. Valid until the next
 * error after a clear. */
WG_API const char *wg_tape_message(const wg_tape *tape);

/* The status's name, such as "WG_ERROR_SHAPE"; "unknown status" for any other number. */
WG_API const char *wg_status_name(wg_status status);

/* Makes the tape healthy again. What was recorded before the error is still there. */
WG_API void wg_tape_clear_error(wg_tape *tape);

/* Remembers the present end of the tape. A tape in error, or NULL, gives a mark that cannot be rewound to. */
WG_API wg_mark wg_tape_mark(wg_tape *tape);

/* Drops everything recorded since the mark; vars made since then become invalid, leaves made before it, and their
 * gradients, survive. The memory is kept for the next recording: a loop that records the same ops again allocates
 * nothing. A mark that can no longer be reached (the tape was rewound to before it) is WG_ERROR_ARGUMENT. */
WG_API wg_status wg_tape_rewind(wg_tape *tape, wg_mark mark);

/* Evaluates every op on the tape again, in order, with the leaves' present values. C's own branches are frozen as they
 * were recorded; wg_guard says when that matters. When an evaluation fails (a guard flipped, memory), everything from
 * the failing op on reads stale; the leaves are intact. */
WG_API wg_status wg_tape_replay(wg_tape *tape);

/* Writes what the tape holds to *stats. */
WG_API wg_status wg_tape_stats(const wg_tape *tape, wg_stats *stats);

/* ---- leaves ----------------------------------------------------------------------------------------------------- */
/* A variable is a leaf with a gradient; a constant is a leaf without. Numbers are copied, converted to the tape's
 * dtype; NULL means zeros. Write wg_variable(tape, shape, pointer): a macro that chooses by the pointer's type
 * (overloads in C++; nullptr there, not NULL). The _raw form takes numbers of the tape's own dtype. A shape with
 * more than WG_MAX_RANK axes, or whose size overflows, is WG_ERROR_SHAPE. */
WG_API wg_var wg_variable_f32(wg_tape *tape, wg_shape shape, const float *values);
WG_API wg_var wg_variable_f64(wg_tape *tape, wg_shape shape, const double *values);
WG_API wg_var wg_variable_raw(wg_tape *tape, wg_shape shape, const void *values);
WG_API wg_var wg_constant_f32(wg_tape *tape, wg_shape shape, const float *values);
WG_API wg_var wg_constant_f64(wg_tape *tape, wg_shape shape, const double *values);
WG_API wg_var wg_constant_raw(wg_tape *tape, wg_shape shape, const void *values);

/* A 0-d constant; a 0-d variable. */
WG_API wg_var wg_scalar(wg_tape *tape, double value);
WG_API wg_var wg_scalar_variable(wg_tape *tape, double value);

/* A leaf of integers, for the ops that take indices. NULL: zeros. */
WG_API wg_var wg_indices(wg_tape *tape, wg_shape shape, const int64_t *values);

/* Gives a leaf new numbers, as many as it has elements. What was computed from the old ones is stale from now on, until
 * wg_tape_replay. NULL values are an error, as is a var that is not a leaf. */
WG_API wg_status wg_set_value_f32(wg_var leaf, const float *values);
WG_API wg_status wg_set_value_f64(wg_var leaf, const double *values);
WG_API wg_status wg_set_value_raw(wg_var leaf, const void *values);
WG_API wg_status wg_set_indices(wg_var leaf, const int64_t *values);

/* Lets a leaf live in the caller's arrays, of the tape's dtype, which must outlive the tape or the leaf. Nothing is
 * copied or written: what value holds is the leaf's value (this counts as a change of the leaf), what grad holds is
 * its gradient so far, to be added to. grad may be NULL: the gradient stays where it is, in the library or in an
 * array bound before. An error when the var is not a leaf, value is NULL, or a constant is given a gradient. Later
 * writes to value cannot be seen: call wg_value_mut after them. Two tapes used by two threads must not share an
 * array. */
WG_API wg_status wg_bind(wg_var leaf, void *value, void *grad);

/* Names a value, for messages. The string is copied; NULL or "" removes the name. Returns the var. */
WG_API wg_var wg_name(wg_var var, const char *name);

/* ---- reading ---------------------------------------------------------------------------------------------------- */

/* Whether the var is valid: on a tape, and not rewound. Never sets an error. */
WG_API bool wg_ok(wg_var var);

/* The var's shape, or one of rank UINT32_MAX when it is invalid. Never sets an error. */
WG_API wg_shape wg_shape_of(wg_var var);

/* The number of elements, or 0 when it is invalid. Never sets an error. */
WG_API size_t wg_size(wg_var var);

/* The value of a var of size 1. NaN, and an error, otherwise. */
WG_API double wg_item(wg_var var);

/* One element of the value, or of the gradient, by its row-major position. NaN, and an error, where there is none. */
WG_API double wg_at(wg_var var, size_t flat_index);
WG_API double wg_grad_at(wg_var var, size_t flat_index);

/* The elements, row-major, in the tape's dtype. The typed forms are an error on a tape of the other dtype. A leaf's
 * pointer lives as long as the leaf (or until wg_bind), others until the next rewind, replay or backward. NULL on
 * error; never NULL for an array without elements. */
WG_API const void *wg_value(wg_var var);
WG_API const float *wg_value_f32(wg_var var);
WG_API const double *wg_value_f64(wg_var var);

/* The gradient's elements: zeros before any sweep and where nothing reached. NULL, and an error, for a constant and for
 * an intermediate without wg_retain_grad. */
WG_API const void *wg_grad(wg_var var);
WG_API const float *wg_grad_f32(wg_var var);
WG_API const double *wg_grad_f64(wg_var var);

/* The elements of an index var. */
WG_API const int64_t *wg_value_indices(wg_var var);

/* A leaf's elements, to be written before the next op; each call counts as a change of the leaf. */
WG_API void *wg_value_mut(wg_var leaf);

#ifdef __cplusplus
}
inline wg_var wg_variable(wg_tape *t, wg_shape s, const float *v) { return wg_variable_f32(t, s, v); }
inline wg_var wg_variable(wg_tape *t, wg_shape s, const double *v) { return wg_variable_f64(t, s, v); }
inline wg_var wg_variable(wg_tape *t, wg_shape s, const void *v) { return wg_variable_raw(t, s, v); }
inline wg_var wg_variable(wg_tape *t, wg_shape s, decltype(nullptr)) { return wg_variable_raw(t, s, nullptr); }
inline wg_var wg_constant(wg_tape *t, wg_shape s, const float *v) { return wg_constant_f32(t, s, v); }
inline wg_var wg_constant(wg_tape *t, wg_shape s, const double *v) { return wg_constant_f64(t, s, v); }
inline wg_var wg_constant(wg_tape *t, wg_shape s, const void *v) { return wg_constant_raw(t, s, v); }
inline wg_var wg_constant(wg_tape *t, wg_shape s, decltype(nullptr)) { return wg_constant_raw(t, s, nullptr); }
inline wg_status wg_set_value(wg_var v, const float *p) { return wg_set_value_f32(v, p); }
inline wg_status wg_set_value(wg_var v, const double *p) { return wg_set_value_f64(v, p); }
inline wg_status wg_set_value(wg_var v, const void *p) { return wg_set_value_raw(v, p); }
#else
/* The pointer comes last and may hold commas, as (double[]){1, 2} does. A 2-d C array goes in as &W[0][0]. */
#define WG_BY_POINTER_(name, ...)                                                                                      \
    _Generic(__VA_ARGS__,                                                                                              \
        float *: name##_f32,                                                                                           \
        const float *: name##_f32,                                                                                     \
        double *: name##_f64,                                                                                          \
        const double *: name##_f64,                                                                                    \
        void *: name##_raw,                                                                                            \
        const void *: name##_raw)
#define wg_variable(tape, shape, ...) WG_BY_POINTER_(wg_variable, __VA_ARGS__)(tape, shape, __VA_ARGS__)
#define wg_constant(tape, shape, ...) WG_BY_POINTER_(wg_constant, __VA_ARGS__)(tape, shape, __VA_ARGS__)
#define wg_set_value(leaf, ...)       WG_BY_POINTER_(wg_set_value, __VA_ARGS__)(leaf, __VA_ARGS__)
#endif

#endif
