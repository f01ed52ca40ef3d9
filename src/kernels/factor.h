/* Factorisations of plain row-major square matrices, and the solves that go with them.
 *
 *     LU        P A = L U with partial pivoting, L below the diagonal (its own diagonal is 1), U on and above it
 *     Cholesky  A = L L^T
 *     triangular solve, in place, with many right-hand sides
 *
 * Small matrices are worked on row by row, so that inner loops run along memory; large ones in blocks, where nearly all
 * of the work is a matrix product (G. Golub and C. Van Loan, Matrix Computations, 4th edition, sections 3.2.11, 4.2.9 and
 * 3.1.4). NaN and infinity flow as arithmetic has it; nothing loops on them.
 *
 * `scratch` is a block of at least the bytes that the function beside says, aligned to 64; it may be NULL when that is 0. */
#ifndef WG_KERNELS_FACTOR_H
#define WG_KERNELS_FACTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "isa.h"

/* Overwrites the n x n matrix a with L and U. pivots[k] is the row that was exchanged with row k, as a real number, so
 * that a factor can be one array. A column without a pivot leaves a zero on the diagonal of U, and goes on. */
size_t wg_kernel_lu_scratch_f32(wg_isa isa, size_t n);
size_t wg_kernel_lu_scratch_f64(wg_isa isa, size_t n);
void wg_kernel_lu_f32(wg_isa isa, size_t n, float *a, float *pivots, void *scratch);
void wg_kernel_lu_f64(wg_isa isa, size_t n, double *a, double *pivots, void *scratch);

/* Overwrites the (n, k) matrix b with op(T)^-1 b, T the upper or lower triangle of the n x n matrix a, op the transpose or
 * nothing; with `unit` T's diagonal is taken as 1 and not read. Division by a zero on the diagonal is the caller's concern. */
typedef struct wg_triangle {
    bool upper, transpose, unit;
} wg_triangle;
size_t wg_kernel_triangular_scratch_f32(wg_isa isa, wg_triangle t, size_t n, size_t k);
size_t wg_kernel_triangular_scratch_f64(wg_isa isa, wg_triangle t, size_t n, size_t k);
void wg_kernel_triangular_f32(wg_isa isa, wg_triangle t, size_t n, size_t k, const float *a, float *b, void *scratch);
void wg_kernel_triangular_f64(wg_isa isa, wg_triangle t, size_t n, size_t k, const double *a, double *b, void *scratch);

/* Overwrites b (n, k) with A^-1 b or A^-T b, given A's LU. The scratch is that of the two triangular solves. */
size_t wg_kernel_lu_solve_scratch_f32(wg_isa isa, bool transpose, size_t n, size_t k);
size_t wg_kernel_lu_solve_scratch_f64(wg_isa isa, bool transpose, size_t n, size_t k);
void wg_kernel_lu_solve_f32(
    wg_isa isa, bool transpose, size_t n, size_t k, const float *lu, const float *pivots, float *b, void *scratch);
void wg_kernel_lu_solve_f64(
    wg_isa isa, bool transpose, size_t n, size_t k, const double *lu, const double *pivots, double *b, void *scratch);

/* Overwrites the n x n matrix a, of which the lower triangle alone is read, with L and zeros above it. Returns 0, or the
 * order of the first leading minor that is not positive; then a is left half done. */
size_t wg_kernel_cholesky_scratch_f32(wg_isa isa, size_t n);
size_t wg_kernel_cholesky_scratch_f64(wg_isa isa, size_t n);
size_t wg_kernel_cholesky_f32(wg_isa isa, size_t n, float *a, void *scratch);
size_t wg_kernel_cholesky_f64(wg_isa isa, size_t n, double *a, void *scratch);

#endif
