/* The derivatives of the determinant, by what they must satisfy at any size: A's cofactors times A^T are det A times the
 * identity; the form is homogeneous, so along A itself it is a multiple of the form with one direction less; it is
 * symmetric in its directions; and at a matrix of rank n - 1 the cofactors are a product of its two null vectors. Values of
 * small matrices are held against sums over permutations in tests/ops/test_det.c. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "kernels/cofactors.h"

static uint64_t random_bits = 1;

/* Random numbers of the size of 1 / n beside ones on the diagonal: determinants stay near 1. */
static double *new_matrix(size_t n, double diagonal)
{
    double *a = malloc((n * n + 1) * sizeof *a);
    assert_non_null(a);
    for (size_t i = 0; i < n * n; i++) {
        random_bits = random_bits * 6364136223846793005u + 1442695040888963407u;
        a[i] = ((double)(random_bits >> 40) / 8388608.0 - 1) / (double)n + (i / n == i % n ? diagonal : 0);
    }
    return a;
}

/* The form along r directions given by pointers. */
static double *form(size_t n, size_t r, const double *a, const double *const *h)
{
    double *directions = malloc((r * n * n + 1) * sizeof *a), *out = malloc((n * n + 1) * sizeof *a);
    void *scratch = aligned_alloc(64, (wg_kernel_cofactors_scratch(wg_kernel_isa(), n, r) + 63) / 64 * 64);
    assert_true(directions && out && scratch);
    memset(scratch, 0xff, wg_kernel_cofactors_scratch(wg_kernel_isa(), n, r));
    for (size_t k = 0; k < r; k++) memcpy(directions + k * n * n, h[k], n * n * sizeof *a);
    wg_kernel_cofactors(wg_kernel_isa(), n, r, a, directions, out, scratch);
    free(directions);
    free(scratch);
    return out;
}

static double largest(size_t n, const double *a)
{
    double most = 0;
    for (size_t i = 0; i < n * n; i++) most = fmax(most, fabs(a[i]));
    return most;
}

static void expect_multiple(size_t n, const double *got, double factor, const double *of)
{
    double allowed = 1e-14 * (double)n * fabs(factor) * largest(n, of);
    for (size_t i = 0; i < n * n; i++)
        if (!(fabs(got[i] - factor * of[i]) <= allowed))
            fail_msg("n %zu, element %zu: %.17g, expected %.17g", n, i, got[i], factor * of[i]);
}

static const size_t sizes[] = {1, 2, 3, 7, 64, 65, 130};
#define SIZES (sizeof sizes / sizeof *sizes)

static void test_cofactors(void **state)
{
    (void)state;
    for (size_t s = 0; s < SIZES; s++) {
        size_t n = sizes[s];
        double *a = new_matrix(n, 1), *c = form(n, 0, a, NULL), det = 0;
        for (size_t j = 0; j < n; j++) det += a[j] * c[j];
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < n; j++) {
                double sum = 0;
                for (size_t p = 0; p < n; p++) sum += c[i * n + p] * a[j * n + p];
                if (!(fabs(sum - (i == j ? det : 0)) <= 1e-14 * (double)n * fabs(det)))
                    fail_msg("n %zu: (%zu,%zu)", n, i, j);
            }
        free(a);
        free(c);
    }
}

/* D^(r+1) det(A)[A, H, ...] = (n - r) D^r det(A)[H, ...], by Euler's theorem on homogeneous functions. */
static void test_homogeneous(void **state)
{
    (void)state;
    for (size_t s = 0; s < SIZES; s++) {
        size_t n = sizes[s];
        double *a = new_matrix(n, 1), *h = new_matrix(n, 0), *none = form(n, 0, a, NULL);
        double *one = form(n, 1, a, (const double *[]){a}), *along = form(n, 1, a, (const double *[]){h});
        expect_multiple(n, one, (double)n - 1, none);
        if (n <= 65) {
            double *two = form(n, 2, a, (const double *[]){a, h}), *turned = form(n, 2, a, (const double *[]){h, a});
            expect_multiple(n, two, n < 2 ? 0 : (double)n - 2, along);
            expect_multiple(n, turned, 1, two);
            free(two);
            free(turned);
        }
        free(a);
        free(h);
        free(none);
        free(one);
        free(along);
    }
}

/* A = B - (B u) v^T / (v^T u) takes u to 0: the cofactors are a multiple of (left null vector) u^T, and not zero. */
static void test_deficient(void **state)
{
    (void)state;
    for (size_t s = 1; s < SIZES; s++) {
        size_t n = sizes[s];
        double *a = new_matrix(n, 1);
        for (size_t i = 0; i < n; i++) {
            double sum = 0;
            for (size_t j = 0; j < n; j++) sum += a[i * n + j];
            for (size_t j = 0; j < n; j++) a[i * n + j] -= sum / (double)n; /* u and v all ones */
        }
        double *c = form(n, 0, a, NULL);
        assert_true(largest(n, c) > 1e-3 / (double)(n * n));
        for (size_t i = 0; i < n; i++)
            for (size_t j = 1; j < n; j++)
                if (!(fabs(c[i * n + j] - c[i * n]) <= 1e-14 * (double)n * largest(n, c)))
                    fail_msg("n %zu: (%zu,%zu)", n, i, j);
        free(a);
        free(c);
    }
}

static void test_odd_numbers(void **state)
{
    (void)state;
    double nan[] = {1, (double)NAN, 0, 2}, huge[] = {1e308, -1e308, 1e308, 1e308}, zero[4] = {0};
    double *c = form(2, 0, nan, NULL), *d = form(2, 0, huge, NULL), *e = form(2, 0, zero, NULL);
    double *f = form(2, 1, zero, (const double *[]){huge});
    for (size_t i = 0; i < 4; i++) {
        assert_true(isnan(c[i]) && e[i] == 0);
        assert_true(isnan(d[i]) || fabs(d[i]) == 1e308);
        assert_true(f[i] == (i == 1 ? -1e308 : 1e308)); /* (d, -c; -b, a) */
    }
    free(c);
    free(d);
    free(e);
    free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cofactors),
        cmocka_unit_test(test_homogeneous),
        cmocka_unit_test(test_deficient),
        cmocka_unit_test(test_odd_numbers),
    };
    return cmocka_run_group_tests_name("kernels/cofactors", tests, NULL, NULL);
}
