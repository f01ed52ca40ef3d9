/* The derivatives of the determinant, of any order and at any rank, without a division by it.
 *
 * With A and H1, ..., Hr of order n, row-major, the form F is the matrix of the derivatives of det along H1, ..., Hr and
 * one entry more:
 *
 *     <F, E> = d^(r+1) det(A + t1 H1 + ... + tr Hr + s E) / dt1 ... dtr ds  at 0,
 *
 * so that without any H it holds A's cofactors, adj(A)^T. It is symmetric and linear in the H; its derivative in A along G
 * is the form with one H more, G. The cost is of order n^3 + n^(r+1).
 *
 * NaN flows. Everything is in double: a product of pivots leaves the range of a float soon. */
#ifndef WG_KERNELS_COFACTORS_H
#define WG_KERNELS_COFACTORS_H

#include <stddef.h>

#include "isa.h"

#define WG_COFACTORS_DIRECTIONS 7

/* n >= 1, r <= WG_COFACTORS_DIRECTIONS; 0 for bytes that overflow. scratch is aligned to 64; h is r matrices, one after the other, and overwritten. */
size_t wg_kernel_cofactors_scratch(wg_isa isa, size_t n, size_t r);
void wg_kernel_cofactors(wg_isa isa, size_t n, size_t r, const double *a, double *h, double *out, void *scratch);

#endif
