/* QR by Householder's reflections (G. Golub and C. Van Loan, Matrix Computations, 4th edition, section 5.2.2).
 *
 * The work is done on the transpose, whose rows are A's columns, so that all of it runs along memory. Row k holds
 * reflection k from its diagonal element on, until Q is built from them in place, the last first. */
#include "decompose.h"

/* The transpose, tau, and the signs of R's diagonal. */
size_t wg_kernel_qr_scratch(size_t m, size_t n) { return (m * n + 2 * n) * sizeof(double); }

/* (I - tau v v^T) x, for v = (1, v[1], ..., v[length - 1]). */
static void kernel_qr_reflect_row(const wg_kernel_rows *rows, size_t length, const double *v, double tau, double *x)
{
    double share = tau * (x[0] + rows->dot(length - 1, v + 1, x + 1));
    x[0] -= share;
    rows->add(length - 1, -share, v + 1, x + 1);
}

static void kernel_qr_factor(const wg_kernel_rows *rows, size_t m, size_t n, double *at, double *tau)
{
    for (size_t k = 0; k < n; k++) {
        double *v = at + k * m + k;
        v[0] = wg_kernel_reflect(m - k, v, &tau[k]);
        for (size_t j = k + 1; j < n && tau[k] != 0; j++) kernel_qr_reflect_row(rows, m - k, v, tau[k], at + j * m + k);
    }
}

/* The reflections' product, its first n columns. Column j begins as axis j: zeros but for what reflection j makes of
 * it. */
static void kernel_qr_unfold(const wg_kernel_rows *rows, size_t m, size_t n, double *at, const double *tau)
{
    for (size_t k = n; k-- > 0;) {
        double *v = at + k * m + k;
        for (size_t j = k + 1; j < n; j++) {
            at[j * m + k] = 0;
            if (tau[k] != 0) kernel_qr_reflect_row(rows, m - k, v, tau[k], at + j * m + k);
        }
        v[0] = 1 - tau[k];
        for (size_t i = 1; i < m - k; i++) v[i] *= -tau[k];
    }
}

void wg_kernel_qr(wg_isa isa, size_t m, size_t n, double *a, double *r, void *scratch)
{
    const wg_kernel_rows *rows = wg_kernel_rows_of(isa);
    double *at = scratch, *tau = at + m * n, *sign = tau + n;
    int exponent;
    if (!wg_kernel_scale(m * n, a, &exponent)) {
        wg_kernel_fill_nan(m * n, a);
        wg_kernel_fill_nan(n * n, r);
        return;
    }
    wg_kernel_turn(m, n, a, at);
    kernel_qr_factor(rows, m, n, at, tau);
    for (size_t k = 0; k < n; k++) {
        sign[k] = at[k * m + k] < 0 ? -1 : 1;
        for (size_t j = 0; j < n; j++) r[k * n + j] = j < k ? 0 : sign[k] * at[j * m + k];
    }
    wg_kernel_unscale(n * n, r, exponent);
    kernel_qr_unfold(rows, m, n, at, tau);
    for (size_t k = 0; k < n; k++)
        for (size_t i = 0; i < m; i++) at[k * m + i] *= sign[k];
    wg_kernel_turn(n, m, at, a);
}
