/* Elementwise functions where a formula that cancels would lose its digits: far from 0, near 0, near poles. What is right
 * stands in tables, computed apart from this library; errors are counted in roundings, half a unit in the last place. Where
 * float cannot hold a number, only double is asked; a 0 in a table is not looked at. */
#ifndef WG_TESTS_SUPPORT_TAIL_H
#define WG_TESTS_SUPPORT_TAIL_H

#include "support/corner.h"

/* libm's functions have up to two units; a slope is at most a few operations on one of them; a second and a third
 * derivative, swept or recorded over the recorded one before, a few more. None of these leaves room for a lost digit. */
enum { TAIL_VALUE = 4, TAIL_FIRST = 8, TAIL_SECOND = 32, TAIL_THIRD = 96 };

/* A function of one number. */
typedef struct tail {
    row op;
    double x;
    long double right[4]; /* value, first, second and third derivative */
} tail;

/* A function of two. */
typedef struct tail_pair {
    row op;
    double x[2];
    long double right[6]; /* value, d/da, d/db, d2/da2, d2/da db, d2/db2 */
} tail_pair;

void tail_expect(const tail *tails, size_t n);
void tail_expect_pairs(const tail_pair *pairs, size_t n);

#endif
