/* The decompositions' kernels on every instruction set that the machine has: each factors matrices of all sizes
 * around a vector's width, and multiplies back to what it was given. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "kernels/decompose.h"
#include "support/array.h"

enum { MOST = 41, SIZE = MOST * MOST };

/* Scratch of just the size asked for, so that a sanitizer sees what is beyond. It begins as NaNs. */
static void *scratch_new(size_t bytes)
{
    size_t whole = (bytes + 63) / 64 * 64;
    double *scratch = aligned_alloc(64, whole ? whole : 64);
    assert_non_null(scratch);
    for (size_t i = 0; i < whole / sizeof *scratch; i++) scratch[i] = (double)NAN;
    return scratch;
}

static void draw(size_t n, double *x, uint64_t seed)
{
    random_state random = {seed};
    for (size_t i = 0; i < n; i++) x[i] = 2 * random_unit(&random) - 1;
}

/* |a diag(s) b - x| is small beside 1; s NULL: ones. */
static void expect_product(
    size_t m, size_t k, size_t n, const double *a, const double *s, const double *b, bool b_turned, const double *x)
{
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            long double sum = -(x ? (long double)x[i * n + j] : i == j);
            for (size_t p = 0; p < k; p++)
                sum += (long double)a[i * k + p] * (s ? (long double)s[p] : 1) *
                       (long double)(b_turned ? b[j * k + p] : b[p * n + j]);
            assert_true(fabsl(sum) < 64 * (long double)(k + 1) * (long double)DBL_EPSILON);
        }
}

static void expect_orthonormal(size_t m, size_t k, const double *u)
{
    double turned[SIZE];
    wg_kernel_turn(m, k, u, turned);
    expect_product(k, m, k, turned, NULL, turned, true, NULL);
}

static void test_all_sizes(void **state)
{
    (void)state;
    static double x[SIZE], a[SIZE], r[SIZE], s[MOST], v[SIZE];
    for (int isa = WG_ISA_BASELINE; isa <= (int)wg_kernel_isa(); isa++)
        for (size_t n = 0; n <= 20; n++)
            for (size_t m = n; m <= 2 * n + 1; m += n / 2 + 1) {
                void *scratch = scratch_new(wg_kernel_qr_scratch(m, n));
                draw(m * n, x, m + n);
                memcpy(a, x, sizeof a);
                wg_kernel_qr((wg_isa)isa, m, n, a, r, scratch);
                free(scratch);
                expect_product(m, n, n, a, NULL, r, false, x);
                expect_orthonormal(m, n, a);

                scratch = scratch_new(wg_kernel_svd_scratch((wg_isa)isa, m, n));
                memcpy(a, x, sizeof a);
                assert_true(wg_kernel_svd((wg_isa)isa, m, n, m % 2, a, s, v, scratch));
                free(scratch);
                expect_product(m, n, n, a, s, v, false, x);
                expect_orthonormal(m, n, a);
                expect_orthonormal(n, n, v);

                scratch = scratch_new(wg_kernel_eigh_scratch(n));
                for (size_t i = 0; i < n; i++)
                    for (size_t j = 0; j < i; j++) x[j * n + i] = x[i * n + j];
                memcpy(a, x, sizeof a);
                assert_true(wg_kernel_eigh((wg_isa)isa, n, a, s, v, scratch));
                free(scratch);
                expect_product(n, n, n, v, s, v, true, x);
                expect_orthonormal(n, n, v);
            }
}

/* Operations on rows of all lengths, against plain loops; what lies beyond is left alone. */
static void test_rows(void **state)
{
    (void)state;
    enum { LENGTH = 1100 };
    static double x[LENGTH + 1], y[LENGTH + 1], z[LENGTH + 1], p[LENGTH + 1], q[LENGTH + 1];
    draw(LENGTH + 1, x, 1);
    draw(LENGTH + 1, y, 2);
    draw(LENGTH + 1, z, 3);
    for (int isa = WG_ISA_BASELINE; isa <= (int)wg_kernel_isa(); isa++) {
        const wg_kernel_rows *rows = wg_kernel_rows_of((wg_isa)isa);
        for (size_t n = 0; n <= LENGTH; n = n < 80 ? n + 1 : n + 255) {
            long double dot = 0;
            for (size_t i = 0; i < n; i++) dot += (long double)x[i] * (long double)y[i];
            assert_true(fabsl((long double)rows->dot(n, x, y) - dot) < 1e-14L);
            memcpy(p, y, sizeof p);
            rows->add(n, 0.5, x, p);
            for (size_t i = 0; i <= LENGTH; i++) assert_true(fabs(p[i] - (y[i] + (i < n ? 0.5 * x[i] : 0))) < 1e-15);
            memcpy(p, z, sizeof p);
            rows->add_two(n, 0.5, x, -3, y, p);
            for (size_t i = 0; i <= LENGTH; i++)
                assert_true(fabs(p[i] - (z[i] + (i < n ? 0.5 * x[i] - 3 * y[i] : 0))) < 2e-15);
            memcpy(p, x, sizeof p);
            memcpy(q, y, sizeof q);
            rows->rotate(n, 0.6, 0.8, p, q);
            for (size_t i = 0; i <= LENGTH; i++) {
                assert_true(fabs(p[i] - (i < n ? 0.6 * x[i] + 0.8 * y[i] : x[i])) < 1e-15);
                assert_true(fabs(q[i] - (i < n ? 0.6 * y[i] - 0.8 * x[i] : y[i])) < 1e-15);
            }
        }
    }
}

/* H x = beta e, H = I - tau v v^T orthogonal: tau v^T v = 2. Elements may be so small that their squares are zero. */
static void test_reflect(void **state)
{
    (void)state;
    static const double scales[] = {1, 1e-160, 0x1p-1060};
    for (size_t i = 0; i < 3; i++) {
        double x[3] = {2 * scales[i], -scales[i], 2 * scales[i]}, tau;
        assert_true(wg_kernel_reflect(3, x, &tau) == -3 * scales[i]);
        assert_true(fabs(tau * (1 + x[1] * x[1] + x[2] * x[2]) - 2) < 1e-15);
        assert_true(fabs(x[1] + 0.2) < 1e-16 && fabs(x[2] - 0.4) < 1e-16);
    }
    double already[3] = {-2, 0, 0}, tau;
    assert_true(wg_kernel_reflect(3, already, &tau) == -2 && tau == 0);
}

static void test_sign(void **state)
{
    (void)state;
    assert_true(wg_kernel_sign(0, NULL, 1) == 1);
    assert_true(wg_kernel_sign(2, (double[]){0, 0}, 1) == 1);
    assert_true(wg_kernel_sign(3, (double[]){0.5, -1, 1}, 1) == -1);
    assert_true(wg_kernel_sign(3, (double[]){0.5, -0.9995, 1}, 1) == -1); /* as large, within 1/1024 */
    assert_true(wg_kernel_sign(3, (double[]){0.5, -0.998, 1}, 1) == 1);
    assert_true(wg_kernel_sign(2, (double[]){-1, 5, -1, -7}, 2) == -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_sizes),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_reflect),
        cmocka_unit_test(test_sign),
    };
    return cmocka_run_group_tests_name("kernels/decompose", tests, NULL, NULL);
}
