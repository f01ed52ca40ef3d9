/* LU, Cholesky and triangular solves against what they mean: the factors' product is the matrix, the solution solves.
 *
 * Every case runs in both real types and on every instruction set of the machine, on sizes around a block's edges. The
 * tolerances are the theory's, element by element (N. Higham, Accuracy and Stability of Numerical Algorithms, theorems
 * 9.3, 10.3 and 8.5), with gamma(n) = n u / (1 - n u), u the unit roundoff; sums here are in long double. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "kernels/factor.h"

typedef enum real { F32, F64 } real;

/* ---- one interface to both types, on arrays of double ------------------------------------------------------------- */

static uint64_t random_bits = 1;

static double random_real(void)
{
    random_bits = random_bits * 6364136223846793005u + 1442695040888963407u;
    return (double)(random_bits >> 40) / 8388608.0 - 1;
}

static double *new_array(size_t n)
{
    double *a = malloc((n + 1) * sizeof *a);
    assert_non_null(a);
    for (size_t i = 0; i < n; i++) a[i] = random_real();
    return a;
}

/* An array of the type, to the very element; and back. */
static void *narrow(real t, size_t n, const double *from)
{
    void *to = malloc(n * (t == F32 ? sizeof(float) : sizeof(double)) + (n == 0));
    assert_non_null(to);
    for (size_t i = 0; i < n; i++)
        if (t == F32)
            ((float *)to)[i] = (float)from[i];
        else
            ((double *)to)[i] = from[i];
    return to;
}

static void widen(real t, size_t n, void *from, double *to)
{
    for (size_t i = 0; i < n; i++) to[i] = t == F32 ? (double)((float *)from)[i] : ((double *)from)[i];
    free(from);
}

static void *new_scratch(size_t bytes)
{
    void *scratch = bytes ? aligned_alloc(64, (bytes + 63) / 64 * 64) : NULL;
    assert_true(scratch || !bytes);
    if (bytes) memset(scratch, 0xff, bytes); /* NaNs */
    return scratch;
}

static void lu(real t, wg_isa isa, size_t n, double *a, double *pivots)
{
    void *m = narrow(t, n * n, a), *p = narrow(t, n, pivots);
    void *scratch = new_scratch(t == F32 ? wg_kernel_lu_scratch_f32(isa, n) : wg_kernel_lu_scratch_f64(isa, n));
    if (t == F32)
        wg_kernel_lu_f32(isa, n, m, p, scratch);
    else
        wg_kernel_lu_f64(isa, n, m, p, scratch);
    free(scratch);
    widen(t, n * n, m, a);
    widen(t, n, p, pivots);
}

static void lu_solve(
    real t, wg_isa isa, bool transpose, size_t n, size_t k, const double *factor, const double *pivots, double *b)
{
    void *m = narrow(t, n * n, factor), *p = narrow(t, n, pivots), *x = narrow(t, n * k, b);
    void *scratch = new_scratch(t == F32 ? wg_kernel_lu_solve_scratch_f32(isa, transpose, n, k)
                                         : wg_kernel_lu_solve_scratch_f64(isa, transpose, n, k));
    if (t == F32)
        wg_kernel_lu_solve_f32(isa, transpose, n, k, m, p, x, scratch);
    else
        wg_kernel_lu_solve_f64(isa, transpose, n, k, m, p, x, scratch);
    free(scratch);
    free(m);
    free(p);
    widen(t, n * k, x, b);
}

static void triangular(real t, wg_isa isa, wg_triangle which, size_t n, size_t k, const double *a, double *b)
{
    void *m = narrow(t, n * n, a), *x = narrow(t, n * k, b);
    void *scratch = new_scratch(t == F32 ? wg_kernel_triangular_scratch_f32(isa, which, n, k)
                                         : wg_kernel_triangular_scratch_f64(isa, which, n, k));
    if (t == F32)
        wg_kernel_triangular_f32(isa, which, n, k, m, x, scratch);
    else
        wg_kernel_triangular_f64(isa, which, n, k, m, x, scratch);
    free(scratch);
    free(m);
    widen(t, n * k, x, b);
}

static size_t cholesky(real t, wg_isa isa, size_t n, double *a)
{
    void *m = narrow(t, n * n, a);
    void *scratch =
        new_scratch(t == F32 ? wg_kernel_cholesky_scratch_f32(isa, n) : wg_kernel_cholesky_scratch_f64(isa, n));
    size_t minor = t == F32 ? wg_kernel_cholesky_f32(isa, n, m, scratch) : wg_kernel_cholesky_f64(isa, n, m, scratch);
    free(scratch);
    widen(t, n * n, m, a);
    return minor;
}

static long double gamma_of(real t, size_t n)
{
    long double u = (t == F32 ? FLT_EPSILON : DBL_EPSILON) / 2, nu = (long double)n * u;
    return nu / (1 - nu);
}

/* ---- checks --------------------------------------------------------------------------------------------------------- */

static const size_t sizes[] = {0, 1, 2, 3, 5, 17, 63, 64, 65, 129, 150};
#define SIZES (sizeof sizes / sizeof *sizes)

typedef void check(real t, wg_isa isa, size_t n);

static void everywhere(check *run)
{
    for (int isa = WG_ISA_BASELINE; isa <= (int)wg_kernel_isa(); isa++)
        for (int t = F32; t <= F64; t++)
            for (size_t i = 0; i < SIZES; i++) run((real)t, (wg_isa)isa, sizes[i]);
}

static void apply_exchanges(size_t n, size_t k, const double *pivots, double *b)
{
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < k; c++) {
            double *one = b + i * k + c, *other = b + (size_t)pivots[i] * k + c, held = *one;
            *one = *other;
            *other = held;
        }
}

/* |P A - L U| <= gamma(n) |L| |U|; multipliers are at most 1. */
static void check_lu(real t, wg_isa isa, size_t n)
{
    double *a = new_array(n * n), *f = new_array(n * n), *pivots = new_array(n);
    memcpy(f, a, n * n * sizeof *a);
    lu(t, isa, n, f, pivots);
    for (size_t i = 0; i < n; i++) assert_true(pivots[i] >= (double)i && pivots[i] < (double)n);
    apply_exchanges(n, n, pivots, a);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            long double product = 0, size = 0;
            for (size_t p = 0; p <= i && p <= j; p++) {
                long double term = (p == i ? 1 : (long double)f[i * n + p]) * f[p * n + j];
                product += term;
                size += fabsl(term);
            }
            if (!(fabsl(product - a[i * n + j]) <= gamma_of(t, n) * size)) fail_msg("n %zu: (%zu,%zu)", n, i, j);
            if (j < i) assert_true(fabs(f[i * n + j]) <= 1);
        }
    free(a);
    free(f);
    free(pivots);
}

static void test_lu(void **state)
{
    (void)state;
    everywhere(check_lu);
}

/* |b - op(A) x| <= gamma(3n) op(|P^T| |L| |U|) |x|, bounded here by the largest elements. */
static void check_solve(real t, wg_isa isa, size_t n)
{
    static const size_t columns[] = {0, 1, 2, 3, 4, 9};
    double *a = new_array(n * n), *f = new_array(n * n), *pivots = new_array(n);
    for (size_t i = 0; i < n; i++) a[i * n + i] += 4; /* so that |L| |U| is no larger than n |A| */
    memcpy(f, a, n * n * sizeof *a);
    lu(t, isa, n, f, pivots);
    for (size_t c = 0; c < 6; c++)
        for (int transpose = 0; transpose < 2; transpose++) {
            size_t k = columns[c];
            double *b = new_array(n * k), *x = new_array(n * k);
            memcpy(x, b, n * k * sizeof *b);
            lu_solve(t, isa, transpose, n, k, f, pivots, x);
            for (size_t at = 0; at < n * k; at++) {
                size_t i = at / k, j = at % k;
                long double product = 0, largest = 0;
                for (size_t p = 0; p < n; p++) {
                    product += (long double)(transpose ? a[p * n + i] : a[i * n + p]) * x[p * k + j];
                    largest = fmaxl(largest, fabsl((long double)x[p * k + j]));
                }
                if (!(fabsl(product - b[at]) <= gamma_of(t, 3 * n) * (long double)n * 5 * largest))
                    fail_msg("n %zu k %zu %s: (%zu,%zu)", n, k, transpose ? "transposed" : "", i, j);
            }
            free(b);
            free(x);
        }
    free(a);
    free(f);
    free(pivots);
}

static void test_solve(void **state)
{
    (void)state;
    everywhere(check_solve);
}

/* |b - T x| <= gamma(n) |T| |x|. Outside the triangle, and on a unit diagonal, are NaNs: they are not read. */
static void check_triangular(real t, wg_isa isa, size_t n)
{
    static const size_t columns[] = {1, 2, 4, 33};
    for (int way = 0; way < 8; way++)
        for (size_t c = 0; c < 4; c++) {
            wg_triangle which = {way & 1, way & 2, way & 4};
            size_t k = columns[c];
            double *a = new_array(n * n), *b = new_array(n * k), *x = new_array(n * k);
            for (size_t i = 0; i < n; i++)
                for (size_t j = 0; j < n; j++) {
                    a[i * n + j] = (float)(a[i * n + j] / (double)(n + 1)); /* the solution does not grow */
                    if (i == j) a[i * n + j] += 2;
                    if (which.upper ? j < i : j > i) a[i * n + j] = (double)NAN;
                    if (which.unit && i == j) a[i * n + j] = (double)NAN;
                }
            memcpy(x, b, n * k * sizeof *b);
            for (size_t i = 0; i < n * n; i++)
                if (t == F32) a[i] = (float)a[i];
            triangular(t, isa, which, n, k, a, x);
            for (size_t at = 0; at < n * k; at++) {
                size_t i = at / k, j = at % k;
                long double product = 0, size = 0;
                for (size_t p = 0; p < n; p++) {
                    size_t row = which.transpose ? p : i, column = which.transpose ? i : p;
                    if (which.upper ? column < row : column > row) continue;
                    long double element = row == column && which.unit ? 1 : (long double)a[row * n + column];
                    product += element * x[p * k + j];
                    size += fabsl(element * x[p * k + j]);
                }
                if (!(fabsl(product - b[at]) <= gamma_of(t, n + 1) * size))
                    fail_msg("n %zu k %zu way %d: (%zu,%zu)", n, k, way, i, j);
            }
            free(a);
            free(b);
            free(x);
        }
}

static void test_triangular(void **state)
{
    (void)state;
    everywhere(check_triangular);
}

/* |A - L L^T| <= gamma(n + 1) |L| |L^T|. The upper triangle is NaN before, and zero after. */
static void check_cholesky(real t, wg_isa isa, size_t n)
{
    double *a = new_array(n * n), *l = new_array(n * n);
    for (size_t i = 0; i < n; i++) {
        a[i * n + i] = (double)n + 1;
        for (size_t j = i + 1; j < n; j++) a[i * n + j] = (double)NAN;
    }
    memcpy(l, a, n * n * sizeof *a);
    assert_int_equal(cholesky(t, isa, n, l), 0);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            long double product = 0, size = 0;
            if (j > i) assert_true(l[i * n + j] == 0);
            for (size_t p = 0; p <= j && j <= i; p++) {
                product += (long double)l[i * n + p] * l[j * n + p];
                size += fabsl((long double)l[i * n + p] * l[j * n + p]);
            }
            if (j <= i && !(fabsl(product - a[i * n + j]) <= gamma_of(t, n + 1) * size))
                fail_msg("n %zu: (%zu,%zu)", n, i, j);
        }
    for (size_t bad = 0; bad < n; bad += 1 + n / 7) { /* the first minor that is not positive is told */
        memcpy(l, a, n * n * sizeof *a);
        l[bad * n + bad] = -1;
        assert_int_equal(cholesky(t, isa, n, l), bad + 1);
    }
    free(a);
    free(l);
}

static void test_cholesky(void **state)
{
    (void)state;
    everywhere(check_cholesky);
}

/* Columns without a pivot, NaN, infinity: everything comes to an end. */
static void test_odd_numbers(void **state)
{
    (void)state;
    for (int t = F32; t <= F64; t++)
        for (size_t i = 0; i < SIZES; i++) {
            size_t n = sizes[i];
            double *a = new_array(n * n), *pivots = new_array(n);
            for (size_t j = 0; j < n * n; j++) a[j] = 0;
            lu((real)t, WG_ISA_BASELINE, n, a, pivots);
            for (size_t j = 0; j < n * n; j++) assert_true(a[j] == 0);
            for (size_t j = 0; j < n; j++) assert_true(pivots[j] == (double)j);
            for (size_t j = 0; j < n * n; j++) a[j] = j % 3 ? (double)NAN : (double)INFINITY;
            lu((real)t, WG_ISA_BASELINE, n, a, pivots);
            for (size_t j = 0; j < n; j++) assert_true(pivots[j] >= (double)j && pivots[j] < (double)n);
            free(a);
            free(pivots);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lu),
        cmocka_unit_test(test_solve),
        cmocka_unit_test(test_triangular),
        cmocka_unit_test(test_cholesky),
        cmocka_unit_test(test_odd_numbers),
    };
    return cmocka_run_group_tests_name("kernels/factor", tests, NULL, NULL);
}
