/* The derivatives of the determinant.
 *
 * Elimination with complete pivoting gives P A Q = L D U with unit triangles L and U, which are well conditioned as a rule,
 * and a diagonal D, which takes up all of A's deficiency: A of rank k has zeros from D's place k on, and nothing is
 * divided by them. det is +-1 times det(D + X) for the change X = L^-1 P E Q U^-1 of D, so the form is that of D for the
 * directions X1, ..., Xr, carried back: +-P^T L^-T M U^-T Q^T.
 *
 * For a diagonal matrix, a derivative of order m = r + 1 is a sum over the sets S of m places: the product of D outside S,
 * times the mixed cofactors of X1, ..., Xr restricted to S: the sum over all ways to take each row of S but one from
 * another X. No product is ever divided out. */
#include "cofactors.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "factor.h"

/* mantissa 2^exponent: a product that neither overflows nor underflows on its way. */
typedef struct kernel_cofactors_scaled {
    double mantissa;
    int exponent;
} kernel_cofactors_scaled;

typedef struct kernel_cofactors_work {
    wg_isa isa;
    size_t n, r;
    size_t *rows, *columns;           /* the exchanges that elimination made at each step */
    double *ldu;                      /* L below, D on, U above the diagonal */
    double *m;                        /* the form of D */
    double *mixed;                    /* sums over partial choices of columns and directions */
    kernel_cofactors_scaled *between; /* products of D's places [i, j) at (n + 1) i + j */
    double *most;                     /* each row's largest element during elimination */
    void *beyond;                     /* the triangular solves' */
    bool odd;                         /* an odd number of exchanges */
} kernel_cofactors_work;

/* ---- scratch -------------------------------------------------------------------------------------------------------- */

static size_t kernel_cofactors_mixed(size_t r) { return (size_t)1 << (2 * r + 1); }

static size_t kernel_cofactors_aligned(size_t bytes) { return (bytes + 63) / 64 * 64; }

size_t wg_kernel_cofactors_scratch(wg_isa isa, size_t n, size_t r)
{
    size_t solve = 0;
    if (n >= (size_t)1 << (sizeof(size_t) * 4 - 4)) return 0;
    for (unsigned way = 0; way < 4; way++) {
        wg_triangle t = {way & 1, way & 2, true};
        size_t bytes = wg_kernel_triangular_scratch_f64(isa, t, n, n);
        solve = bytes > solve ? bytes : solve;
    }
    return kernel_cofactors_aligned((n + 1) * (n + 1) * sizeof(kernel_cofactors_scaled)) +
           kernel_cofactors_aligned((n * n + n + kernel_cofactors_mixed(r)) * sizeof(double)) +
           kernel_cofactors_aligned(2 * n * sizeof(size_t)) + solve;
}

static kernel_cofactors_work kernel_cofactors_open(wg_isa isa, size_t n, size_t r, double *m, void *scratch)
{
    kernel_cofactors_work w = {.isa = isa, .n = n, .r = r, .m = m};
    char *at = scratch;
    w.between = (void *)at;
    at += kernel_cofactors_aligned((n + 1) * (n + 1) * sizeof(kernel_cofactors_scaled));
    w.ldu = (void *)at;
    w.most = w.ldu + n * n;
    w.mixed = w.most + n;
    at += kernel_cofactors_aligned((n * n + n + kernel_cofactors_mixed(r)) * sizeof(double));
    w.rows = (void *)at;
    w.columns = w.rows + n;
    w.beyond = at + kernel_cofactors_aligned(2 * n * sizeof(size_t));
    return w;
}

/* ---- elimination ---------------------------------------------------------------------------------------------------- */

static void kernel_cofactors_exchange(size_t count, double *a, double *b, size_t stride)
{
    for (size_t i = 0; i < count; i++) {
        double held = a[i * stride];
        a[i * stride] = b[i * stride];
        b[i * stride] = held;
    }
}

/* Rows and columns change places in an n x n matrix as they did in elimination. */
static void kernel_cofactors_permute(const kernel_cofactors_work *w, double *x)
{
    size_t n = w->n;
    for (size_t k = 0; k < n; k++) {
        if (w->rows[k] != k) kernel_cofactors_exchange(n, x + k * n, x + w->rows[k] * n, 1);
        if (w->columns[k] != k) kernel_cofactors_exchange(n, x + k, x + w->columns[k], n);
    }
}

static void kernel_cofactors_permute_back(const kernel_cofactors_work *w, double *x)
{
    size_t n = w->n;
    for (size_t k = n; k-- > 0;) {
        if (w->rows[k] != k) kernel_cofactors_exchange(n, x + k * n, x + w->rows[k] * n, 1);
        if (w->columns[k] != k) kernel_cofactors_exchange(n, x + k, x + w->columns[k], n);
    }
}

static void kernel_cofactors_subtract(size_t n, double factor, const double *from, double *to)
{
    for (size_t j = 0; j < n; j++) to[j] -= factor * from[j];
}

static double kernel_cofactors_largest(size_t n, const double *x)
{
    double lanes[8] = {0}, most = 0; /* side by side, for vectors */
    size_t j = 0;
    for (; j + 8 <= n; j += 8)
        for (size_t l = 0; l < 8; l++) lanes[l] = fabs(x[j + l]) > lanes[l] ? fabs(x[j + l]) : lanes[l];
    for (; j < n; j++) lanes[0] = fabs(x[j]) > lanes[0] ? fabs(x[j]) : lanes[0];
    for (size_t l = 0; l < 8; l++) most = lanes[l] > most ? lanes[l] : most;
    return most;
}

/* Brings the largest element that is left to (k, k). most[i] is the largest of row i. */
static void kernel_cofactors_pivot(kernel_cofactors_work *w, size_t k)
{
    size_t n = w->n, row = k, column = k;
    double *a = w->ldu;
    for (size_t i = k; i < n; i++)
        if (w->most[i] > w->most[row]) row = i;
    while (column + 1 < n && fabs(a[row * n + column]) != w->most[row]) column++;
    w->rows[k] = row;
    w->columns[k] = column;
    w->odd ^= (row != k) != (column != k);
    if (row != k) kernel_cofactors_exchange(n, a + k * n, a + row * n, 1);
    if (column != k) kernel_cofactors_exchange(n, a + k, a + column, n);
    w->most[row] = w->most[k];
}

static void kernel_cofactors_eliminate(kernel_cofactors_work *w)
{
    size_t n = w->n;
    double *a = w->ldu;
    for (size_t i = 0; i < n; i++) w->most[i] = kernel_cofactors_largest(n, a + i * n);
    for (size_t k = 0; k < n; k++) {
        kernel_cofactors_pivot(w, k);
        double pivot = a[k * n + k];
        if (pivot == 0) continue; /* all that is left is zero, so L and U are the identity there */
        for (size_t i = k + 1; i < n; i++) {
            double *rest = a + i * n + k + 1, factor = a[i * n + k] /= pivot;
            kernel_cofactors_subtract(n - k - 1, factor, a + k * n + k + 1, rest);
            w->most[i] = kernel_cofactors_largest(n - k - 1, rest);
        }
        for (size_t j = k + 1; j < n; j++) a[k * n + j] /= pivot;
    }
}

/* ---- to D's coordinates and back -------------------------------------------------------------------------------------- */

/* X becomes X^T. */
static void kernel_cofactors_turn(size_t n, double *x)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++) {
            double held = x[i * n + j];
            x[i * n + j] = x[j * n + i];
            x[j * n + i] = held;
        }
}

static void kernel_cofactors_divide(const kernel_cofactors_work *w, bool upper, bool transpose, double *x)
{
    wg_kernel_triangular_f64(w->isa, (wg_triangle){upper, transpose, true}, w->n, w->n, w->ldu, x, w->beyond);
}

/* X becomes L^-1 P X Q U^-1, where X U^-1 = (U^-T X^T)^T. */
static void kernel_cofactors_enter(const kernel_cofactors_work *w, double *x)
{
    kernel_cofactors_permute(w, x);
    kernel_cofactors_divide(w, false, false, x);
    kernel_cofactors_turn(w->n, x);
    kernel_cofactors_divide(w, true, true, x);
    kernel_cofactors_turn(w->n, x);
}

/* M becomes +-P^T L^-T M U^-T Q^T, where M U^-T = (U^-1 M^T)^T. */
static void kernel_cofactors_leave(const kernel_cofactors_work *w, double *m)
{
    kernel_cofactors_turn(w->n, m);
    kernel_cofactors_divide(w, true, false, m);
    kernel_cofactors_turn(w->n, m);
    kernel_cofactors_divide(w, false, true, m);
    for (size_t i = 0; i < w->n * w->n && w->odd; i++) m[i] = -m[i];
    kernel_cofactors_permute_back(w, m);
}

/* ---- the form of a diagonal matrix ------------------------------------------------------------------------------------ */

/* b is finite. Its own exponent comes off first, or the product of a subnormal number would lose digits. */
static kernel_cofactors_scaled kernel_cofactors_times(kernel_cofactors_scaled a, double b)
{
    int of_factor = 0, of_product = 0;
    double mantissa = frexp(a.mantissa * frexp(b, &of_factor), &of_product);
    return (kernel_cofactors_scaled){mantissa, a.exponent + of_factor + of_product};
}

static void kernel_cofactors_products(kernel_cofactors_work *w)
{
    size_t n = w->n;
    for (size_t i = 0; i <= n; i++) {
        kernel_cofactors_scaled product = {1, 0};
        for (size_t j = i; j <= n; j++) {
            w->between[(n + 1) * i + j] = product;
            if (j < n) product = kernel_cofactors_times(product, w->ldu[j * n + j]);
        }
    }
}

/* The product of D outside a set. */
static double kernel_cofactors_outside(const kernel_cofactors_work *w, const size_t *set)
{
    size_t n = w->n, first = 0;
    kernel_cofactors_scaled product = {1, 0};
    for (size_t k = 0; k <= w->r + 1; k++) {
        size_t end = k <= w->r ? set[k] : n;
        kernel_cofactors_scaled part = w->between[(n + 1) * first + end];
        product.mantissa *= part.mantissa;
        product.exponent += part.exponent;
        first = end + 1;
    }
    return ldexp(product.mantissa, product.exponent);
}

static unsigned kernel_cofactors_ones(size_t bits)
{
    unsigned count = 0;
    for (; bits; bits &= bits - 1) count++;
    return count;
}

/* Row `without` of the mixed cofactors on a set: mixed[columns][directions] sums, with their signs, the ways in which the
 * first rows of the set, but for that one, take one of these columns and one of these directions each. */
static void kernel_cofactors_mix(const kernel_cofactors_work *w, const double *x, const size_t *set, size_t without)
{
    size_t n = w->n, r = w->r, column_sets = (size_t)2 << r, direction_sets = (size_t)1 << r;
    memset(w->mixed, 0, column_sets * direction_sets * sizeof *w->mixed);
    w->mixed[0] = 1;
    for (size_t columns = 0; columns < column_sets; columns++)
        for (size_t directions = 0; directions < direction_sets; directions++) {
            size_t taken = kernel_cofactors_ones(columns), row = taken < without ? taken : taken + 1;
            if (taken != kernel_cofactors_ones(directions) || taken == r) continue;
            double so_far = w->mixed[columns * direction_sets + directions];
            for (size_t c = 0; c <= r; c++) {
                if (columns >> c & 1) continue;
                double term = kernel_cofactors_ones(columns >> c) % 2 ? -so_far : so_far;
                double *to = w->mixed + (columns | (size_t)1 << c) * direction_sets;
                for (size_t k = 0; k < r; k++)
                    if (!(directions >> k & 1))
                        to[directions | (size_t)1 << k] += term * x[(k * n + set[row]) * n + set[c]];
            }
        }
}

static void kernel_cofactors_set(const kernel_cofactors_work *w, const double *x, const size_t *set)
{
    size_t n = w->n, r = w->r, every = ((size_t)2 << r) - 1, direction_sets = (size_t)1 << r;
    double outside = kernel_cofactors_outside(w, set);
    for (size_t i = 0; i <= r; i++) {
        kernel_cofactors_mix(w, x, set, i);
        for (size_t j = 0; j <= r; j++) {
            double minor = w->mixed[(every ^ (size_t)1 << j) * direction_sets + direction_sets - 1];
            w->m[set[i] * n + set[j]] += outside * ((i + j) % 2 ? -minor : minor);
        }
    }
}

/* The next set of m places below n, in lexicographic order. */
static bool kernel_cofactors_next(size_t n, size_t m, size_t *set)
{
    size_t k = m;
    while (k > 0 && set[k - 1] == n - m + k - 1) k--;
    if (k == 0) return false;
    set[k - 1]++;
    for (; k < m; k++) set[k] = set[k - 1] + 1;
    return true;
}

/* ---- all of it --------------------------------------------------------------------------------------------------------- */

void wg_kernel_cofactors(wg_isa isa, size_t n, size_t r, const double *a, double *h, double *out, void *scratch)
{
    kernel_cofactors_work w = kernel_cofactors_open(isa, n, r, out, scratch);
    size_t set[WG_COFACTORS_DIRECTIONS + 1];
    memset(out, 0, n * n * sizeof *out);
    if (r >= n) return; /* det has degree n */
    memcpy(w.ldu, a, n * n * sizeof *a);
    kernel_cofactors_eliminate(&w);
    bool finite = true;
    for (size_t i = 0; i < n * n; i++) finite = finite && isfinite(a[i]) && isfinite(w.ldu[i]);
    for (size_t i = 0; i < n * n && !finite; i++) out[i] = (double)NAN;
    if (!finite) return;
    kernel_cofactors_products(&w);
    for (size_t k = 0; k < r; k++) kernel_cofactors_enter(&w, h + k * n * n);
    for (size_t k = 0; k <= r; k++) set[k] = k;
    do kernel_cofactors_set(&w, h, set);
    while (kernel_cofactors_next(n, r + 1, set));
    kernel_cofactors_leave(&w, out);
}
