/* Eigenvalues and vectors of a symmetric matrix: reflections make it tridiagonal, and implicitly shifted QR steps
 * make that diagonal (G. Golub and C. Van Loan, Matrix Computations, 4th edition, sections 8.3.1 to 8.3.3).
 *
 * Vectors are kept as rows, so that a rotation of two of them runs along memory, and are turned at the end. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "decompose.h"

enum { KERNEL_EIGH_STEPS = 60 }; /* QR steps per eigenvalue; 2 to 3 are usual */

size_t wg_kernel_eigh_scratch(size_t n) { return (n * n + 4 * n) * sizeof(double); }

/* A = Q T Q^T: row k of a gets reflection k, right of the diagonal; d and e the diagonals of T. p is for n numbers. */
static void kernel_eigh_tridiagonal(
    const wg_kernel_rows *rows, size_t n, double *a, double *d, double *e, double *tau, double *p)
{
    for (size_t k = 0; k + 1 < n; k++) {
        size_t rest = n - k - 1;
        double *v = a + k * n + k + 1, *block = a + (k + 1) * n + k + 1;
        d[k] = a[k * n + k];
        e[k] = wg_kernel_reflect(rest, v, &tau[k]);
        v[0] = 1;
        if (tau[k] == 0) continue;
        for (size_t i = 0; i < rest; i++) p[i] = tau[k] * rows->dot(rest, block + i * n, v);
        rows->add(rest, -tau[k] / 2 * rows->dot(rest, p, v), v, p);
        for (size_t i = 0; i < rest; i++) rows->add_two(rest, -v[i], p, -p[i], v, block + i * n);
    }
    if (n) d[n - 1] = a[n * n - 1];
}

/* z = Q^T: the identity times the reflections, the last first. */
static void kernel_eigh_accumulate(const wg_kernel_rows *rows, size_t n, const double *a, const double *tau, double *z)
{
    memset(z, 0, n * n * sizeof *z);
    for (size_t i = 0; i < n; i++) z[i * n + i] = 1;
    for (size_t k = n; k-- > 0;) {
        if (k + 1 >= n || tau[k] == 0) continue;
        const double *v = a + k * n + k + 1;
        for (size_t i = k + 1; i < n; i++) {
            double *row = z + i * n + k + 1;
            rows->add(n - k - 1, -tau[k] * rows->dot(n - k - 1, row, v), v, row);
        }
    }
}

/* The shift: the eigenvalue of the last 2 x 2 block that is nearer to its last element (J. H. Wilkinson, 1968). */
static double kernel_eigh_shift(double before, double last, double off)
{
    double half = (before - last) / 2;
    return last - off / (half + copysign(hypot(half, off), half)) * off;
}

/* One QR step on rows low to high of the tridiagonal matrix. */
static void kernel_eigh_step(
    const wg_kernel_rows *rows, size_t n, size_t low, size_t high, double *d, double *e, double *z)
{
    double x = d[low] - kernel_eigh_shift(d[high - 1], d[high], e[high - 1]), bulge = e[low];
    for (size_t k = low; k < high; k++) {
        double length = hypot(x, bulge), c = length > 0 ? x / length : 1, s = length > 0 ? bulge / length : 0;
        if (k > low) e[k - 1] = length;
        double upper = d[k], lower = d[k + 1], off = e[k];
        double moved = s * (s * (lower - upper) + 2 * c * off); /* from one diagonal element to the other */
        d[k] = upper + moved;
        d[k + 1] = lower - moved;
        e[k] = c * s * (lower - upper) + (c - s) * (c + s) * off;
        if (k + 1 < high) {
            x = e[k];
            bulge = s * e[k + 1];
            e[k + 1] *= c;
        }
        rows->rotate(n, c, s, z + k * n, z + (k + 1) * n);
    }
}

static bool kernel_eigh_negligible(const double *d, const double *e, size_t k)
{
    return fabs(e[k]) <= DBL_EPSILON / 2 * (fabs(d[k]) + fabs(d[k + 1])) || fabs(e[k]) < DBL_MIN;
}

static bool kernel_eigh_diagonal(const wg_kernel_rows *rows, size_t n, double *d, double *e, double *z)
{
    size_t high = n ? n - 1 : 0;
    for (size_t steps = 0; high > 0;) {
        size_t low = high;
        while (low > 0 && !kernel_eigh_negligible(d, e, low - 1)) low--;
        if (low == high) {
            high--;
            continue;
        }
        if (++steps > KERNEL_EIGH_STEPS * n) return false;
        kernel_eigh_step(rows, n, low, high, d, e, z);
    }
    return true;
}

/* Ascending eigenvalues, and the rows of z in their order as columns of v. */
static void kernel_eigh_sort(size_t n, double *d, double *z, double *w, double *v)
{
    for (size_t i = 0; i < n; i++) {
        size_t least = i;
        for (size_t j = i + 1; j < n; j++)
            if (d[j] < d[least]) least = j;
        double value = d[least], *row = z + least * n, *first = z + i * n;
        d[least] = d[i];
        w[i] = value;
        double sign = wg_kernel_sign(n, row, 1);
        for (size_t j = 0; j < n; j++) v[j * n + i] = sign * row[j];
        if (least != i) memcpy(row, first, n * sizeof *row);
    }
}

bool wg_kernel_eigh(wg_isa isa, size_t n, double *a, double *w, double *v, void *scratch)
{
    const wg_kernel_rows *rows = wg_kernel_rows_of(isa);
    double *z = scratch, *d = z + n * n, *e = d + n, *tau = e + n, *p = tau + n;
    int exponent;
    if (!wg_kernel_scale(n * n, a, &exponent)) {
        wg_kernel_fill_nan(n, w);
        wg_kernel_fill_nan(n * n, v);
        return true;
    }
    kernel_eigh_tridiagonal(rows, n, a, d, e, tau, p);
    kernel_eigh_accumulate(rows, n, a, tau, z);
    if (!kernel_eigh_diagonal(rows, n, d, e, z)) return false;
    kernel_eigh_sort(n, d, z, w, v);
    wg_kernel_unscale(n, w, exponent);
    return true;
}
