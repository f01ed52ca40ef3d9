/* Accuracy in the tails: see tail.h. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "support/tail.h"

static bool tail_fits(long double x, wg_dtype dtype)
{
    long double size = fabsl(x), low = dtype == WG_F64 ? DBL_MIN : FLT_MIN, high = dtype == WG_F64 ? DBL_MAX : FLT_MAX;
    return size >= low && size <= high;
}

/* All inputs are floats, or double is asked. */
static bool tail_takes(const double *x, size_t n, wg_dtype dtype)
{
    for (size_t k = 0; k < n; k++)
        if (dtype == WG_F32 && (double)(float)x[k] != x[k]) return false;
    return true;
}

static void tail_check(
    const row *op, const double *x, double got, long double right, int roundings, wg_dtype dtype, const char *what)
{
    if (!tail_fits(right, dtype)) return;
    long double error = fabsl(got - right) / fabsl(right) / dtype_roundoff(dtype);
    if (!(error <= roundings))
        fail_msg("%s(%.17g, ...), %s, %s: %.17g, right is %.20Lg: %.3Lg roundings off, %d allowed", op->name, x[0],
            dtype == WG_F64 ? "F64" : "F32", what, got, right, error, roundings);
}

/* The value and the first derivatives, in every way. */
static void tail_expect_first(const row *op, size_t n, const double *x, const long double *right)
{
    for (size_t i = 0; i < POINT_WAYS; i++) {
        point_way way = point_way_of(i);
        if (!tail_takes(x, n, way.dtype)) continue;
        point p = point_at(op, n, x, 1, way);
        tail_check(op, x, p.value, right[0], TAIL_VALUE, way.dtype, "value");
        for (size_t k = 0; k < n; k++)
            tail_check(op, x, p.slope[k], right[1 + k], TAIL_FIRST, way.dtype,
                way.recorded ? "first derivative, recorded" : "first derivative, swept");
    }
}

/* ---- of one number ---------------------------------------------------------------------------------------------------- */

/* Orders 2 and 3: recorded over the recorded one before, and swept. */
static void tail_expect_higher(const tail *t, wg_dtype dtype, uint32_t rank)
{
    static const int allowed[] = {0, TAIL_FIRST, TAIL_SECOND, TAIL_THIRD};
    static const char *const recorded[] = {"", "", "second derivative, recorded", "third derivative, recorded"};
    static const char *const swept[] = {"", "", "second derivative, swept", "third derivative, swept"};
    wg_tape *tape = wg_tape_new(dtype);
    wg_var x = wg_variable_f64(tape, (wg_shape){rank, {1}}, &t->x), d;
    wg_gradients(row_call(&t->op, tape, &x, 1, NULL), &x, 1, &d);
    for (int order = 2; order <= 3; order++) {
        if (!tail_fits(t->right[order - 1], dtype)) break;
        wg_zero_grad(tape);
        wg_backward(d);
        tail_check(&t->op, &t->x, wg_grad_at(x, 0), t->right[order], allowed[order], dtype, swept[order]);
        wg_gradients(d, &x, 1, &d);
        tail_check(&t->op, &t->x, wg_item(d), t->right[order], allowed[order], dtype, recorded[order]);
    }
    if (wg_tape_status(tape) != WG_OK) fail_msg("%s", wg_tape_message(tape));
    wg_tape_free(tape);
}

void tail_expect(const tail *tails, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        tail_expect_first(&tails[i].op, 1, &tails[i].x, tails[i].right);
        for (uint32_t ways = 0; ways < 4; ways++) {
            wg_dtype dtype = ways & 1 ? WG_F32 : WG_F64;
            if (tail_takes(&tails[i].x, 1, dtype)) tail_expect_higher(&tails[i], dtype, ways >> 1);
        }
    }
}

/* ---- of two ------------------------------------------------------------------------------------------------------------- */

/* d2/dx_k dx_j for every j, swept and recorded. */
static void tail_expect_pair(const tail_pair *t, wg_dtype dtype, uint32_t rank, size_t k)
{
    wg_tape *tape = wg_tape_new(dtype);
    wg_var in[2], first, second[2];
    for (size_t j = 0; j < 2; j++) in[j] = wg_variable_f64(tape, (wg_shape){rank, {1}}, &t->x[j]);
    wg_gradients(row_call(&t->op, tape, in, 2, NULL), &in[k], 1, &first);
    wg_gradients(first, in, 2, second);
    wg_backward(first);
    for (size_t j = 0; j < 2 && tail_fits(t->right[1 + k], dtype); j++) {
        long double right = t->right[3 + k + j];
        tail_check(&t->op, t->x, wg_grad_at(in[j], 0), right, TAIL_SECOND, dtype, "second derivative, swept");
        tail_check(&t->op, t->x, wg_item(second[j]), right, TAIL_SECOND, dtype, "second derivative, recorded");
    }
    if (wg_tape_status(tape) != WG_OK) fail_msg("%s", wg_tape_message(tape));
    wg_tape_free(tape);
}

void tail_expect_pairs(const tail_pair *pairs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        tail_expect_first(&pairs[i].op, 2, pairs[i].x, pairs[i].right);
        for (uint32_t ways = 0; ways < 8; ways++) {
            wg_dtype dtype = ways & 1 ? WG_F32 : WG_F64;
            if (tail_takes(pairs[i].x, 2, dtype)) tail_expect_pair(&pairs[i], dtype, ways >> 1 & 1, ways >> 2);
        }
    }
}
