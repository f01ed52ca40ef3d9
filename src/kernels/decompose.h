/* Orthogonal decompositions of plain row-major matrices: QR, symmetric eigenvalues, singular values.
 *
 * All work in double, and callers convert: a float matrix's results are then right to its last bit or so. The inner
 * loops run along rows, over a few operations on rows that are compiled for each instruction set (wg_kernel_rows).
 *
 * Every function looks at its matrix first: when an element is NaN or infinite, all results are NaN. Elements so
 * large or small that their squares would overflow or vanish are scaled by a power of two. `scratch` is a block of
 * the bytes that the function beside says, aligned to 64. */
#ifndef WG_KERNELS_DECOMPOSE_H
#define WG_KERNELS_DECOMPOSE_H

#include <stdbool.h>
#include <stddef.h>

#include "isa.h"

/* A (m,n), m >= n, becomes Q (m,n), with A = Q R, orthonormal columns in Q, and R (n,n) upper triangular with no
 * negative number on its diagonal. */
size_t wg_kernel_qr_scratch(size_t m, size_t n);
void wg_kernel_qr(wg_isa isa, size_t m, size_t n, double *a, double *r, void *scratch);

/* A (n,n), symmetric, is overwritten; w gets the eigenvalues in ascending order, and the columns of v (n,n) orthonormal
 * eigenvectors, each with its sign by wg_kernel_sign. False when the iteration does not converge. */
size_t wg_kernel_eigh_scratch(size_t n);
bool wg_kernel_eigh(wg_isa isa, size_t n, double *a, double *w, double *v, void *scratch);

/* A (m,n), m >= n, becomes U (m,n), with A = U diag(s) V^T; s descending, orthonormal columns in U and rows in vt
 * (n,n). The sign of each pair of vectors is that of the right one by wg_kernel_sign when sign_by_right, else of the
 * left. False when the iteration does not converge. */
size_t wg_kernel_svd_scratch(wg_isa isa, size_t m, size_t n);
bool wg_kernel_svd(wg_isa isa, size_t m, size_t n, bool sign_by_right, double *a, double *s, double *vt, void *scratch);

/* The sign, 1 or -1, with which the first of the largest elements of x[0], x[stride], ... is positive. Elements within
 * 1/1024 of the largest count as largest, so that rounding doesn't decide. */
double wg_kernel_sign(size_t n, const double *x, size_t stride);

/* ---- shared by the decompositions (rows.c) ----------------------------------------------------------------------- */

typedef struct wg_kernel_rows {
    double (*dot)(size_t n, const double *x, const double *y);
    void (*add)(size_t n, double a, const double *x, double *y);                                /* y += a x */
    void (*add_two)(size_t n, double a, const double *x, double b, const double *y, double *z); /* z += a x + b y */
    void (*rotate)(size_t n, double c, double s, double *x, double *y); /* x, y = c x + s y, c y - s x */
} wg_kernel_rows;
const wg_kernel_rows *wg_kernel_rows_of(wg_isa isa);

/* Householder's reflection H = I - tau v v^T, v[0] = 1, of the row x onto its first element: H x = (beta, 0, ...).
 * Overwrites x but its first element with v, and returns beta, whose sign is opposite to x[0]'s. tau = 0, and beta =
 * x[0], when the rest is zero already. */
double wg_kernel_reflect(size_t n, double *x, double *tau);

/* at (n,m) = the transpose of a (m,n). */
void wg_kernel_turn(size_t m, size_t n, const double *a, double *at);

/* Scales the numbers by 2^-exponent, if they are too large or too small to be squared. False: one is not finite. */
bool wg_kernel_scale(size_t n, double *x, int *exponent);
void wg_kernel_unscale(size_t n, double *x, int exponent);
void wg_kernel_fill_nan(size_t n, double *x);

#endif
