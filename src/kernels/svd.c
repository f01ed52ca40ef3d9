/* Singular values by one-sided Jacobi rotations (G. Golub and C. Van Loan, Matrix Computations, 4th edition, section
 * 8.6.3), which find small ones to nearly the accuracy of large ones. As Z. Drmac and K. Veselic advise (New fast and
 * accurate Jacobi SVD algorithm I, SIAM J. Matrix Anal. Appl. 29, 2008) they run on the triangle of a QR
 * decomposition whose columns were sorted by length, and from the side of its rows:
 *
 *     A P = Q R,  J R = diag(s) W,  so A = (Q J^T) diag(s) (W P^T)
 *
 * J is the product of the rotations. Rows of R are rotated until all are orthogonal to each other. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "decompose.h"
#include "gemm.h"

enum { KERNEL_SVD_SWEEPS = 60 }; /* 6 to 10 are usual */

/* Scratch, in elements of eight bytes: one for each of these, then gemm's or QR's. */
typedef struct kernel_svd_work {
    const wg_kernel_rows *rows;
    size_t m, n;
    double *q, *r, *j, *square; /* (m,n), (n,n), (n,n), n */
    size_t *column;             /* n: column k of Q R is this one of A */
    void *rest;
} kernel_svd_work;

static size_t kernel_svd_own(size_t m, size_t n) { return (m * n + 2 * n * n + 2 * n + 7) / 8 * 8 * sizeof(double); }

size_t wg_kernel_svd_scratch(wg_isa isa, size_t m, size_t n)
{
    size_t product = wg_kernel_gemm_scratch_f64(isa, false, true, m, n, n, NULL), qr = wg_kernel_qr_scratch(m, n);
    return kernel_svd_own(m, n) + (product > qr ? product : qr);
}

static kernel_svd_work kernel_svd_open(wg_isa isa, size_t m, size_t n, void *scratch)
{
    kernel_svd_work work = {.rows = wg_kernel_rows_of(isa), .m = m, .n = n, .q = scratch};
    work.r = work.q + m * n;
    work.j = work.r + n * n;
    work.square = work.j + n * n;
    work.column = (size_t *)(void *)(work.square + n);
    work.rest = (char *)scratch + kernel_svd_own(m, n);
    return work;
}

/* Q R of the columns of a, the longest first; j = I. */
static void kernel_svd_triangle(wg_isa isa, kernel_svd_work *work, const double *a)
{
    size_t m = work->m, n = work->n;
    memset(work->square, 0, n * sizeof *work->square);
    for (size_t i = 0; i < m; i++)
        for (size_t k = 0; k < n; k++) work->square[k] += a[i * n + k] * a[i * n + k];
    for (size_t k = 0; k < n; k++) { /* by insertion: equal ones stay in order */
        size_t at = k;
        for (; at > 0 && work->square[work->column[at - 1]] < work->square[k]; at--)
            work->column[at] = work->column[at - 1];
        work->column[at] = k;
    }
    for (size_t i = 0; i < m; i++)
        for (size_t k = 0; k < n; k++) work->q[i * n + k] = a[i * n + work->column[k]];
    wg_kernel_qr(isa, m, n, work->q, work->r, work->rest);
    memset(work->j, 0, n * n * sizeof *work->j);
    for (size_t k = 0; k < n; k++) work->j[k * n + k] = 1;
}

/* The row's squared length. A row of which it would lose digits, 2^-230 of the largest or less, is made zeros. */
static void kernel_svd_measure(kernel_svd_work *work, size_t k)
{
    double *row = work->r + k * work->n;
    work->square[k] = work->rows->dot(work->n, row, row);
    if (work->square[k] >= 0x1p-960) return;
    memset(row, 0, work->n * sizeof *row);
    work->square[k] = 0;
}

/* Makes rows p and q orthogonal. False when they are. */
static bool kernel_svd_rotate(kernel_svd_work *work, size_t p, size_t q)
{
    size_t n = work->n;
    double *first = work->r + p * n, *second = work->r + q * n;
    double dot = work->rows->dot(n, first, second), limit = DBL_EPSILON * fmax(2, sqrt((double)n));
    if (fabs(dot) <= limit * sqrt(work->square[p]) * sqrt(work->square[q])) return false;
    double zeta = (work->square[q] - work->square[p]) / (2 * dot);
    double t = copysign(1 / (fabs(zeta) + hypot(1, zeta)), zeta), c = 1 / hypot(1, t), s = c * t;
    work->rows->rotate(n, c, -s, first, second);
    work->rows->rotate(n, c, -s, work->j + p * n, work->j + q * n);
    double before[2] = {work->square[p], work->square[q]};
    work->square[p] -= t * dot;
    work->square[q] += t * dot;
    if (!(work->square[p] > before[0] / 2)) kernel_svd_measure(work, p); /* the difference has lost digits */
    if (!(work->square[q] > before[1] / 2)) kernel_svd_measure(work, q);
    return true;
}

static bool kernel_svd_sweeps(kernel_svd_work *work)
{
    bool moved = true;
    for (size_t sweep = 0; moved; sweep++) {
        if (sweep == KERNEL_SVD_SWEEPS) return false;
        moved = false;
        for (size_t k = 0; k < work->n; k++) kernel_svd_measure(work, k);
        for (size_t p = 0; p + 1 < work->n; p++)
            for (size_t q = p + 1; q < work->n; q++) moved |= kernel_svd_rotate(work, p, q);
    }
    return true;
}

static void kernel_svd_swap(size_t n, double *x, double *y)
{
    for (size_t k = 0; k < n; k++) {
        double kept = x[k];
        x[k] = y[k];
        y[k] = kept;
    }
}

/* s, descending, with the rows of r and j in its order. */
static void kernel_svd_sort(kernel_svd_work *work, double *s)
{
    size_t n = work->n;
    for (size_t k = 0; k < n; k++) {
        kernel_svd_measure(work, k);
        s[k] = sqrt(work->square[k]);
    }
    for (size_t i = 0; i < n; i++) {
        size_t largest = i;
        for (size_t k = i + 1; k < n; k++)
            if (s[k] > s[largest]) largest = k;
        if (largest == i) continue;
        kernel_svd_swap(1, s + i, s + largest);
        kernel_svd_swap(n, work->r + i * n, work->r + largest * n);
        kernel_svd_swap(n, work->j + i * n, work->j + largest * n);
    }
}

/* Row k of r becomes a unit vector orthogonal to the k rows before it: what is left of an axis when they are taken out,
 * twice because once leaves roundings. One of the axes keeps at least 1 / sqrt(n) of its length. */
static void kernel_svd_complete(kernel_svd_work *work, size_t k)
{
    size_t n = work->n;
    double *row = work->r + k * n, enough = 0.5 / sqrt((double)n);
    for (size_t axis = 0; axis < n; axis++) {
        memset(row, 0, n * sizeof *row);
        row[(k + axis) % n] = 1;
        double length = 1;
        for (int pass = 0; pass < 2 && length > enough; pass++) {
            for (size_t i = 0; i < k; i++) {
                const double *other = work->r + i * n;
                work->rows->add(n, -work->rows->dot(n, row, other), other, row);
            }
            length = sqrt(work->rows->dot(n, row, row));
        }
        for (size_t i = 0; i < n && length > enough; i++) row[i] /= length;
        if (length > enough) return;
    }
}

/* Rows of vt: those of r made unit vectors, their elements where A's columns were. */
static void kernel_svd_right(kernel_svd_work *work, const double *s, double *vt)
{
    size_t n = work->n;
    for (size_t k = 0; k < n; k++) {
        double *row = work->r + k * n;
        if (s[k] > 0)
            for (size_t i = 0; i < n; i++) row[i] /= s[k];
        else
            kernel_svd_complete(work, k);
        for (size_t i = 0; i < n; i++) vt[k * n + work->column[i]] = row[i];
    }
}

static void kernel_svd_signs(size_t m, size_t n, bool by_right, double *u, double *vt)
{
    for (size_t k = 0; k < n; k++) {
        double sign = by_right ? wg_kernel_sign(n, vt + k * n, 1) : wg_kernel_sign(m, u + k, n);
        for (size_t i = 0; i < m && sign < 0; i++) u[i * n + k] = -u[i * n + k];
        for (size_t i = 0; i < n && sign < 0; i++) vt[k * n + i] = -vt[k * n + i];
    }
}

bool wg_kernel_svd(wg_isa isa, size_t m, size_t n, bool sign_by_right, double *a, double *s, double *vt, void *scratch)
{
    kernel_svd_work work = kernel_svd_open(isa, m, n, scratch);
    int exponent;
    if (!wg_kernel_scale(m * n, a, &exponent)) {
        wg_kernel_fill_nan(m * n, a);
        wg_kernel_fill_nan(n, s);
        wg_kernel_fill_nan(n * n, vt);
        return true;
    }
    kernel_svd_triangle(isa, &work, a);
    if (!kernel_svd_sweeps(&work)) return false;
    kernel_svd_sort(&work, s);
    kernel_svd_right(&work, s, vt);
    wg_kernel_gemm_f64(isa, false, true, m, n, n, work.q, n, work.j, n, a, n, false, work.rest, NULL);
    kernel_svd_signs(m, n, sign_by_right, a, vt);
    wg_kernel_unscale(n, s, exponent);
    return true;
}
