/* An elementwise op at one point, looked at in every way that it can be computed: on 0-d values and on arrays, in both
 * dtypes, its derivative swept and recorded. For corners and tails, where the right answer is known. */
#ifndef WG_TESTS_SUPPORT_POINT_H
#define WG_TESTS_SUPPORT_POINT_H

#include "support/row.h"

/* One of the ways. */
typedef struct point_way {
    wg_dtype dtype;
    bool array;    /* one element of a 1-d array */
    bool recorded; /* by wg_vjp, not wg_backward_from */
    bool ieee_zero;
} point_way;

#define POINT_WAYS 8 /* without ieee_zero; way i + POINT_WAYS has it */
point_way point_way_of(size_t i);

/* The value, and the derivatives times g, of an op on n inputs. */
typedef struct point {
    double value, slope[ROW_INPUTS];
} point;
point point_at(const row *op, size_t n, const double *x, double g, point_way way);

/* The same number: equal, both NaN; a zero is a zero of either sign. */
bool point_same(double a, double b);

/* Fails unless, in every way, the value and the slopes times g are the same as expected. expected[0] is the value. */
void point_expect(const row *op, size_t n, const double *x, double g, const double *expected);
/* The same for the slopes alone, with ieee_zero as given. */
void point_expect_slopes(const row *op, size_t n, const double *x, double g, bool ieee_zero, const double *slopes);

/* A tape's error is this one, and its message has each of the words; then clears it. The last word is NULL. */
void point_expect_error(wg_tape *tape, wg_status status, ...);

#endif
