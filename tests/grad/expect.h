/* What the tests of derivatives share: comparing a var's elements or gradient with numbers worked out by hand, expecting
 * an error that names what it should, running a test in both dtypes. Everything goes through the public API, so a test
 * reads what a user would read. */
#ifndef WG_TESTS_GRAD_EXPECT_H
#define WG_TESTS_GRAD_EXPECT_H

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "wengert.h"

/* Numbers as a pair (pointer, count), and as a leaf's initial value. */
#define NUMBERS(...) (const double[]){__VA_ARGS__}, sizeof((const double[]){__VA_ARGS__}) / sizeof(double)

/* k roundings of the dtype: the tolerance of a result that is computed in k steps, relative to its size. */
static inline double roundings(wg_dtype dtype, double k) { return k * (dtype == WG_F64 ? DBL_EPSILON : FLT_EPSILON); }

/* NaN equals NaN and an infinity itself; else relative to want, absolute where want is 0. Tolerance 0: equal. */
static inline bool expect_same(double got, double want, double tolerance)
{
    if (isnan(got) || isnan(want)) return isnan(got) && isnan(want);
    if (isinf(got) || isinf(want)) return got == want;
    return fabs(got - want) <= tolerance * (want == 0 ? 1 : fabs(want));
}

#define EXPECT_HEALTHY(tape) expect_healthy(tape, __FILE__, __LINE__)
static inline void expect_healthy(const wg_tape *tape, const char *file, int line)
{
    if (wg_tape_status(tape) == WG_OK) return;
    print_error("the tape is in error: %s: %s\n", wg_status_name(wg_tape_status(tape)), wg_tape_message(tape));
    _fail(file, line);
}

#define EXPECT_CLOSE(got, want, tolerance) close_is(got, want, tolerance, #got, __FILE__, __LINE__)
static inline void close_is(double got, double want, double tolerance, const char *what, const char *file, int line)
{
    if (expect_same(got, want, tolerance)) return;
    print_error("%s is %.17g instead of %.17g (tolerance %g)\n", what, got, want, tolerance);
    _fail(file, line);
}

static inline void expect_elements(double (*read)(wg_var, size_t), wg_var var, double tolerance, const double *want,
    size_t n, const char *what, const char *file, int line)
{
    if (wg_size(var) != n) {
        print_error("%s has %zu elements instead of %zu\n", what, wg_size(var), n);
        _fail(file, line);
    }
    for (size_t i = 0; i < n; i++) {
        double got = read(var, i);
        expect_healthy(var.tape, file, line);
        if (expect_same(got, want[i], tolerance)) continue;
        print_error("%s[%zu] is %.17g instead of %.17g (tolerance %g)\n", what, i, got, want[i], tolerance);
        _fail(file, line);
    }
}

/* The elements of a value, of a gradient: EXPECT_VALUE(y, tolerance, NUMBERS(1, 2)). */
#define EXPECT_VALUE(var, tolerance, ...) value_is(var, tolerance, __VA_ARGS__, #var, __FILE__, __LINE__)
#define EXPECT_GRAD(var, tolerance, ...)  grad_is(var, tolerance, __VA_ARGS__, #var, __FILE__, __LINE__)
static inline void value_is(
    wg_var var, double tolerance, const double *want, size_t n, const char *what, const char *file, int line)
{
    expect_elements(wg_at, var, tolerance, want, n, what, file, line);
}
static inline void grad_is(
    wg_var var, double tolerance, const double *want, size_t n, const char *what, const char *file, int line)
{
    expect_elements(wg_grad_at, var, tolerance, want, n, what, file, line);
}

/* The tape is in error, with this status and a message that mentions this; then it is cleared. */
#define EXPECT_ERROR(tape, status, mention) expect_error(tape, status, mention, __FILE__, __LINE__)
static inline void expect_error(wg_tape *tape, wg_status status, const char *mention, const char *file, int line)
{
    bool right = wg_tape_status(tape) == status && strstr(wg_tape_message(tape), mention);
    if (!right) {
        print_error("%s \"%s\" instead of %s with \"%s\"\n", wg_status_name(wg_tape_status(tape)),
            wg_tape_message(tape), wg_status_name(status), mention);
        _fail(file, line);
    }
    wg_tape_clear_error(tape);
}

/* The gradient reads as the error of a sweep that failed midway. */
#define EXPECT_BROKEN_GRAD(var)                                                                                        \
    do {                                                                                                               \
        assert_null(wg_grad(var));                                                                                     \
        EXPECT_ERROR((var).tape, WG_ERROR_STALE, "wg_zero_grad");                                                      \
    } while (0)

static inline wg_var variable(wg_tape *tape, wg_shape shape, const double *values, size_t n)
{
    wg_var var = wg_variable_f64(tape, shape, values);
    assert_int_equal(wg_size(var), n);
    return var;
}

/* A 0-d number or an array, alike: a variable of shape (n). */
static inline wg_var vector(wg_tape *tape, const double *values, size_t n)
{
    return variable(tape, WG_DIMS(n), values, n);
}

static inline wg_var constants(wg_tape *tape, const double *values, size_t n)
{
    return wg_constant_f64(tape, WG_DIMS(n), values);
}

/* wg_backward_from with a cotangent given as doubles, on a tape of either dtype. */
static inline wg_status backward_from(wg_var out, const double *cotangent, size_t n)
{
    float narrow[64];
    assert_true(n <= 64 && n == wg_size(out));
    for (size_t i = 0; i < n; i++) narrow[i] = (float)cotangent[i];
    return wg_tape_dtype(out.tape) == WG_F64 ? wg_backward_from(out, cotangent) : wg_backward_from(out, narrow);
}

/* Records d scalar / d x. */
static inline wg_var derivative(wg_var scalar, wg_var x)
{
    wg_var g;
    wg_gradients(scalar, &x, 1, &g);
    EXPECT_HEALTHY(scalar.tape);
    return g;
}

static inline size_t nodes_of(const wg_tape *tape)
{
    wg_stats stats;
    assert_int_equal(wg_tape_stats(tape, &stats), WG_OK);
    return stats.nodes;
}

static inline size_t allocations_of(const wg_tape *tape)
{
    wg_stats stats;
    assert_int_equal(wg_tape_stats(tape, &stats), WG_OK);
    return stats.allocations;
}

/* A test written once for a dtype, run in both: BOTH(sums) after static void sums(wg_dtype dtype). */
#define IN_BOTH(name)                                                                                                  \
    static void name##_f64(void **state)                                                                               \
    {                                                                                                                  \
        (void)state;                                                                                                   \
        name(WG_F64);                                                                                                  \
    }                                                                                                                  \
    static void name##_f32(void **state)                                                                               \
    {                                                                                                                  \
        (void)state;                                                                                                   \
        name(WG_F32);                                                                                                  \
    }
#define BOTH(name) cmocka_unit_test(name##_f64), cmocka_unit_test(name##_f32)

#endif
