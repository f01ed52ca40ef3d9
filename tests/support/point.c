/* An elementwise op at one point: see point.h. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "support/point.h"

enum { POINT_COUNT = 5, POINT_PLACE = 3 };

point_way point_way_of(size_t i)
{
    return (point_way){
        .dtype = i & 1 ? WG_F32 : WG_F64, .array = i & 2, .recorded = i & 4, .ieee_zero = i >= POINT_WAYS};
}

/* A leaf that holds x, alone or at its place among numbers that every op takes. */
static wg_var point_leaf(wg_tape *tape, double x, bool with_array, bool variable)
{
    double numbers[POINT_COUNT] = {0.75, 0.5, 0.25, 0.875, 0.5};
    numbers[POINT_PLACE] = x;
    wg_shape shape = with_array ? WG_DIMS(POINT_COUNT) : WG_SCALAR;
    const double *from = with_array ? numbers : &x;
    return variable ? wg_variable_f64(tape, shape, from) : wg_constant_f64(tape, shape, from);
}

point point_at(const row *op, size_t n, const double *x, double g, point_way way)
{
    wg_tape_options options = {.dtype = way.dtype, .ieee_zero = way.ieee_zero};
    wg_tape *tape = wg_tape_new_with(&options, NULL);
    assert_non_null(tape);
    wg_var in[ROW_INPUTS], grads[ROW_INPUTS];
    size_t place = way.array ? POINT_PLACE : 0;
    for (size_t k = 0; k < n; k++) in[k] = point_leaf(tape, x[k], way.array, true);
    wg_var out = row_call(op, tape, in, n, NULL), cotangent = point_leaf(tape, g, way.array, false);
    point p = {.value = wg_at(out, place)};
    if (way.recorded)
        wg_vjp(out, cotangent, in, n, grads);
    else
        wg_backward_from(out, wg_value(cotangent));
    for (size_t k = 0; k < n; k++) p.slope[k] = way.recorded ? wg_at(grads[k], place) : wg_grad_at(in[k], place);
    if (wg_tape_status(tape) != WG_OK) fail_msg("%s", wg_tape_message(tape));
    wg_tape_free(tape);
    return p;
}

bool point_same(double a, double b) { return a == b || (a != a && b != b); }

static void point_compare(
    double got, double expected, const char *what, size_t n, const double *x, double g, point_way way)
{
    if (point_same(got, way.dtype == WG_F32 ? (double)(float)expected : expected)) return;
    fail_msg("%s at (%g, %g), g = %g, %s, %s, %s%s: %.17g, expected %.17g", what, x[0], n > 1 ? x[1] : 0, g,
        way.dtype == WG_F64 ? "F64" : "F32", way.array ? "array" : "0-d", way.recorded ? "recorded" : "swept",
        way.ieee_zero ? ", ieee_zero" : "", got, expected);
}

void point_expect_slopes(const row *op, size_t n, const double *x, double g, bool ieee_zero, const double *slopes)
{
    for (size_t i = 0; i < POINT_WAYS; i++) {
        point_way way = point_way_of(ieee_zero ? i + POINT_WAYS : i);
        point p = point_at(op, n, x, g, way);
        for (size_t k = 0; k < n; k++) {
            char what[80];
            snprintf(what, sizeof what, "%s: slope of input %zu", op->name, k);
            point_compare(p.slope[k], slopes[k], what, n, x, g, way);
        }
    }
}

void point_expect(const row *op, size_t n, const double *x, double g, const double *expected)
{
    for (size_t i = 0; i < 2 * POINT_WAYS; i++) {
        point_way way = point_way_of(i);
        point_compare(point_at(op, n, x, g, way).value, expected[0], op->name, n, x, g, way);
    }
    point_expect_slopes(op, n, x, g, false, expected + 1);
}

void point_expect_error(wg_tape *tape, wg_status status, ...)
{
    va_list words;
    va_start(words, status);
    if (wg_tape_status(tape) != status)
        fail_msg("status %s, expected %s; message: %s", wg_status_name(wg_tape_status(tape)), wg_status_name(status),
            wg_tape_message(tape));
    for (const char *word = va_arg(words, const char *); word; word = va_arg(words, const char *))
        if (!strstr(wg_tape_message(tape), word)) fail_msg("no \"%s\" in \"%s\"", word, wg_tape_message(tape));
    va_end(words);
    wg_tape_clear_error(tape);
}
