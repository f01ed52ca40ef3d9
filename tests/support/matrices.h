/* Matrices in long double, for references on linear algebra: textbook loops over stacks (..., n, n). */
#ifndef WG_TESTS_SUPPORT_MATRICES_H
#define WG_TESTS_SUPPORT_MATRICES_H

#include "support/array.h"

/* The leading axes of a stack of matrices. */
wg_shape matrices_batch(const wg_shape *shape);

/* The matrix of a that a stack with these joint leading axes shows as number i. */
const long double *matrices_at(const array *a, const wg_shape *joint, size_t i);

/* a + shift times the identity, of every square matrix; and the same on the tape. */
array matrices_shifted(const array *a, long double shift);
wg_var matrices_shift(wg_var a, double shift);

/* Overwrites x (n, k) by m^-1 x: Gauss-Jordan elimination with row exchanges, on a copy of m. Returns det m. */
long double matrices_solve(size_t n, size_t k, const long double *m, long double *x);

#endif
