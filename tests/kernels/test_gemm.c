/* Matrix multiplication against the textbook's triple loop.
 *
 * Every case runs in both real types and on every instruction set of the machine. Arrays are allocated to the very
 * element and the gaps between rows hold NaN, so that reading too far shows in the result, or under a sanitizer. The
 * factors have 24 bits, so their products are exact in a double, and the loop's sum keeps what its rounding loses
 * (T. Dekker and D. Knuth's two-sum): it is as good as exact. The tolerance is the theory's: a sum of k products in any
 * order, rounded with unit roundoff u, is off by at most gamma(k) |A||B|, gamma(n) = n u / (1 - n u) (N. Higham,
 * Accuracy and Stability of Numerical Algorithms, ch. 3). */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "kernels/gemm.h"
#include "kernels/team.h"

typedef enum real { F32, F64 } real;

static size_t real_size(real t) { return t == F32 ? sizeof(float) : sizeof(double); }

static double real_roundoff(real t) { return t == F32 ? FLT_EPSILON / 2 : DBL_EPSILON / 2; }

static double get(real t, const void *array, size_t i)
{
    return t == F32 ? (double)((const float *)array)[i] : ((const double *)array)[i];
}

static void put(real t, void *array, size_t i, double x)
{
    if (t == F32)
        ((float *)array)[i] = (float)x;
    else
        ((double *)array)[i] = x;
}

/* Uniform in [-1, 1), with 24 bits, so that a float holds it. */
static uint64_t random_state = 1;

static uint32_t random_bits(void)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 40);
}

static double random_real(void) { return random_bits() / 8388608.0 - 1; }

/* A problem: sizes, how A and B are stored, and the distance between rows beyond what they need. */
typedef struct problem {
    real t;
    wg_isa isa;
    bool ta, tb, add;
    size_t m, n, k, gap;
    size_t a_rows, a_cols, lda, b_rows, b_cols, ldb, ldc;
    void *a, *b, *c, *before; /* `before` is C as it was */
} problem;

/* An array of exactly the elements that `rows` rows reach over. */
static void *new_matrix(real t, size_t rows, size_t cols, size_t ld, bool fill)
{
    size_t elements = rows > 0 && cols > 0 ? (rows - 1) * ld + cols : 0;
    void *array = malloc(elements * real_size(t) + (elements == 0));
    assert_non_null(array);
    for (size_t i = 0; i < elements; i++) put(t, array, i, fill && i % ld < cols ? random_real() : (double)NAN);
    return array;
}

static problem new_problem(real t, wg_isa isa, bool ta, bool tb, bool add, size_t m, size_t n, size_t k, size_t gap)
{
    problem p = {.t = t, .isa = isa, .ta = ta, .tb = tb, .add = add, .m = m, .n = n, .k = k, .gap = gap};
    p.a_rows = ta ? k : m, p.a_cols = ta ? m : k, p.lda = p.a_cols + gap + (p.a_cols + gap == 0);
    p.b_rows = tb ? n : k, p.b_cols = tb ? k : n, p.ldb = p.b_cols + gap + (p.b_cols + gap == 0);
    p.ldc = n + gap + (n + gap == 0);
    p.a = new_matrix(t, p.a_rows, p.a_cols, p.lda, true);
    p.b = new_matrix(t, p.b_rows, p.b_cols, p.ldb, true);
    p.c = new_matrix(t, m, n, p.ldc, add);
    size_t bytes = m > 0 && n > 0 ? ((m - 1) * p.ldc + n) * real_size(t) : 0;
    p.before = malloc(bytes + 1);
    assert_non_null(p.before);
    memcpy(p.before, p.c, bytes);
    return p;
}

static void free_problem(problem *p)
{
    free(p->a);
    free(p->b);
    free(p->c);
    free(p->before);
}

static void multiply_with(wg_team *team, const problem *p, const void *a, const void *b, void *c)
{
    size_t bytes = p->t == F32 ? wg_kernel_gemm_scratch_f32(p->isa, p->ta, p->tb, p->m, p->n, p->k, team)
                               : wg_kernel_gemm_scratch_f64(p->isa, p->ta, p->tb, p->m, p->n, p->k, team);
    void *scratch = NULL;
    if (bytes > 0) {
        scratch = aligned_alloc(64, (bytes + 63) / 64 * 64);
        assert_non_null(scratch);
        memset(scratch, 0xff, bytes); /* NaN */
    }
    if (p->t == F32)
        wg_kernel_gemm_f32(
            p->isa, p->ta, p->tb, p->m, p->n, p->k, a, p->lda, b, p->ldb, c, p->ldc, p->add, scratch, team);
    else
        wg_kernel_gemm_f64(
            p->isa, p->ta, p->tb, p->m, p->n, p->k, a, p->lda, b, p->ldb, c, p->ldc, p->add, scratch, team);
    free(scratch);
}

static void multiply_into(const problem *p, const void *a, const void *b, void *c) { multiply_with(NULL, p, a, b, c); }

static double a_at(const problem *p, size_t i, size_t q)
{
    return get(p->t, p->a, p->ta ? q * p->lda + i : i * p->lda + q);
}

static double b_at(const problem *p, size_t q, size_t j)
{
    return get(p->t, p->b, p->tb ? j * p->ldb + q : q * p->ldb + j);
}

static void fail_at(const problem *p, size_t i, size_t j, double got, double want, double bound)
{
    fail_msg("%s isa %d %c%c %s m=%zu n=%zu k=%zu gap=%zu: C(%zu,%zu) = %.17g, expected %.17g within %g",
        p->t == F32 ? "f32" : "f64", (int)p->isa, p->ta ? 'T' : 'N', p->tb ? 'T' : 'N', p->add ? "add" : "set", p->m,
        p->n, p->k, p->gap, i, j, got, want, bound);
}

static void check_element(const problem *p, size_t i, size_t j)
{
    double want = p->add ? get(p->t, p->before, i * p->ldc + j) : 0, size = fabs(want), lost = 0;
    for (size_t q = 0; q < p->k; q++) {
        double product = a_at(p, i, q) * b_at(p, q, j), sum = want + product, added = sum - want;
        lost += (want - (sum - added)) + (product - added);
        want = sum;
        size += fabs(product);
    }
    double got = get(p->t, p->c, i * p->ldc + j);
    if (isnan(want) || isinf(want)) {
        if (isnan(want) ? !isnan(got) : got != want) fail_at(p, i, j, got, want, 0);
        return;
    }
    double terms = (double)p->k + 1, u = real_roundoff(p->t);
    double bound = terms * u / (1 - terms * u) * size;
    if (!(fabs((got - want) - lost) <= bound)) fail_at(p, i, j, got, want, bound);
}

/* Every element, and that what lies between the rows is as it was. */
static void check_product(const problem *p)
{
    for (size_t i = 0; i < p->m; i++)
        for (size_t j = 0; j < p->n; j++) check_element(p, i, j);
    for (size_t i = 0; i + 1 < p->m; i++) {
        const char *gap = (const char *)p->c + (i * p->ldc + p->n) * real_size(p->t);
        const char *was = (const char *)p->before + (i * p->ldc + p->n) * real_size(p->t);
        if (p->n > 0) assert_memory_equal(gap, was, (p->ldc - p->n) * real_size(p->t));
    }
}

static void run(real t, wg_isa isa, bool ta, bool tb, bool add, size_t m, size_t n, size_t k, size_t gap)
{
    problem p = new_problem(t, isa, ta, tb, add, m, n, k, gap);
    multiply_into(&p, p.a, p.b, p.c);
    check_product(&p);
    free_problem(&p);
}

/* All ways to store and to write one shape. */
static void run_all(size_t m, size_t n, size_t k, size_t gap)
{
    for (int isa = WG_ISA_BASELINE; isa <= (int)wg_kernel_isa(); isa++)
        for (int way = 0; way < 16; way++)
            run(way & 1 ? F32 : F64, (wg_isa)isa, way & 2, way & 4, way & 8, m, n, k, gap);
}

static void test_small_shapes(void **state)
{
    (void)state;
    static const size_t ms[] = {0, 1, 2, 3, 6, 8, 13}, ns[] = {0, 1, 2, 3, 8, 17, 31};
    static const size_t ks[] = {0, 1, 3, 8, 17};
    for (size_t i = 0; i < sizeof ms / sizeof *ms; i++)
        for (size_t j = 0; j < sizeof ns / sizeof *ns; j++)
            for (size_t q = 0; q < sizeof ks / sizeof *ks; q++) run_all(ms[i], ns[j], ks[q], (i + j + q) % 3);
}

/* The shapes of a small network's layers, forward and backward. */
static void test_network_shapes(void **state)
{
    (void)state;
    run_all(64, 32, 64, 0);
    run_all(64, 64, 32, 0);
    run_all(10, 32, 64, 0);
    run_all(10, 64, 32, 0);
    run_all(64, 32, 10, 0);
    run_all(5, 100, 3, 0);
    run_all(5, 3, 100, 0);
    run_all(3, 100, 5, 0);
}

/* Across every block's edge: 256 and 512 products, some 96 rows, 512 columns. */
static void test_large_shapes(void **state)
{
    (void)state;
    run_all(100, 530, 20, 3);
    run_all(9, 40, 515, 1);
    run_all(65, 258, 40, 0);
    run_all(104, 65, 260, 5);
    run_all(1, 600, 300, 0);
    run_all(600, 1, 300, 0);
    run_all(600, 1, 300, 2);
    run_all(2, 37, 700, 1);
}

/* Every height and width of a tile, of a packed one and of dot products too, and one more. */
static void test_every_tile(void **state)
{
    (void)state;
    for (size_t m = 1; m <= 14; m++) {
        for (size_t n = 1; n <= 34; n++) run_all(m, n, 5, m % 2);
        for (size_t n = 1; n <= 5; n++) run_all(m, n, 7 * m + 20, n % 2);
    }
    for (size_t m = 96; m <= 104; m++) run_all(m, 290 - m, 33, 0);
}

/* NaN and infinities scattered over A and B, zeros too: each element of C is of the kind that IEEE arithmetic says,
 * whatever the order of the sum, and those that meet none of them stay finite and right. */
static void test_nan_and_infinity(void **state)
{
    (void)state;
    static const double special[] = {(double)NAN, (double)INFINITY, -(double)INFINITY, 0, 0};
    static const size_t shape[][3] = {{5, 3, 7}, {9, 17, 5}, {64, 33, 20}, {1, 9, 30}, {9, 1, 30}, {70, 270, 40}};
    for (int isa = WG_ISA_BASELINE; isa <= (int)wg_kernel_isa(); isa++)
        for (int way = 0; way < 16; way++)
            for (size_t s = 0; s < sizeof shape / sizeof *shape; s++) {
                problem p = new_problem(way & 1 ? F32 : F64, (wg_isa)isa, way & 2, way & 4, way & 8, shape[s][0],
                    shape[s][1], shape[s][2], 1);
                for (size_t x = 0; x < 5; x++) {
                    put(p.t, p.a, random_bits() % p.a_rows * p.lda + random_bits() % p.a_cols, special[x]);
                    put(p.t, p.b, random_bits() % p.b_rows * p.ldb + random_bits() % p.b_cols, special[x]);
                }
                multiply_into(&p, p.a, p.b, p.c);
                check_product(&p);
                free_problem(&p);
            }
}

/* A zero row times an infinite column is NaN: no product is skipped. */
static void test_zero_times_infinity(void **state)
{
    (void)state;
    double a[2] = {0, 0}, b[2] = {(double)INFINITY, 1}, c = 0;
    for (int isa = WG_ISA_BASELINE; isa <= (int)wg_kernel_isa(); isa++) {
        assert_int_equal(wg_kernel_gemm_scratch_f64((wg_isa)isa, false, true, 1, 1, 2, NULL), 0);
        wg_kernel_gemm_f64((wg_isa)isa, false, true, 1, 1, 2, a, 2, b, 2, &c, 1, false, NULL, NULL);
        assert_true(isnan(c));
    }
}

/* The same bits wherever the arrays lie. */
static void test_addresses(void **state)
{
    (void)state;
    enum { M = 21, N = 45, K = 37 };
    for (int isa = WG_ISA_BASELINE; isa <= (int)wg_kernel_isa(); isa++)
        for (int way = 0; way < 16; way++)
            for (size_t shift = 1; shift < 4; shift++) {
                problem p = new_problem(way & 1 ? F32 : F64, (wg_isa)isa, way & 2, way & 4, way & 8, M, N, K, 0);
                size_t size = real_size(p.t);
                char *a = malloc((M * K + shift) * size), *b = malloc((K * N + shift) * size);
                char *c = malloc((M * N + shift) * size);
                assert_true(a && b && c);
                memcpy(a + shift * size, p.a, M * K * size);
                memcpy(b + shift * size, p.b, K * N * size);
                memcpy(c + shift * size, p.c, M * N * size);
                multiply_into(&p, p.a, p.b, p.c);
                multiply_into(&p, a + shift * size, b + shift * size, c + shift * size);
                assert_memory_equal(p.c, c + shift * size, M * N * size);
                free(a);
                free(b);
                free(c);
                free_problem(&p);
            }
}

/* A product made in pieces, as several threads would make it, has the bits of the product made at once. */
static void test_pieces(void **state)
{
    (void)state;
    enum { M = 66, N = 260, K = 260, HEIGHT = 22, WIDTH = 41 };
    for (int isa = WG_ISA_BASELINE; isa <= (int)wg_kernel_isa(); isa++)
        for (int way = 0; way < 16; way++) {
            problem p = new_problem(way & 1 ? F32 : F64, (wg_isa)isa, way & 2, way & 4, way & 8, M, N, K, 0);
            multiply_into(&p, p.a, p.b, p.c);
            size_t size = real_size(p.t);
            problem piece = p;
            for (size_t i = 0; i < M; i += HEIGHT)
                for (size_t j = 0; j < N; j += WIDTH) {
                    piece.m = M - i < HEIGHT ? M - i : HEIGHT;
                    piece.n = N - j < WIDTH ? N - j : WIDTH;
                    multiply_into(&piece, (char *)p.a + (p.ta ? i : i * p.lda) * size,
                        (char *)p.b + (p.tb ? j * p.ldb : j) * size, (char *)p.before + (i * N + j) * size);
                }
            assert_memory_equal(p.c, p.before, M * N * size);
            free_problem(&p);
        }
}

/* The same bits for any number of threads, however small the parts are. */
static void test_threads(void **state)
{
    (void)state;
    static const size_t shape[][3] = {{1, 1, 1}, {1, 70, 9}, {70, 1, 9}, {3, 50, 40}, {10, 33, 90}, {37, 5, 11},
        {5, 100, 3}, {64, 64, 20}, {130, 40, 70}, {100, 300, 40}, {17, 530, 290}};
    for (unsigned threads = 2; threads <= 4; threads++) {
        wg_team *team;
        assert_true(wg_team_new(&team, threads, NULL, NULL, NULL));
        wg_team_set_worth(team, 1);
        for (int isa = WG_ISA_BASELINE; isa <= (int)wg_kernel_isa(); isa++)
            for (int way = 0; way < 16; way++)
                for (size_t s = 0; s < sizeof shape / sizeof *shape; s++) {
                    problem p = new_problem(way & 1 ? F32 : F64, (wg_isa)isa, way & 2, way & 4, way & 8, shape[s][0],
                        shape[s][1], shape[s][2], s % 2);
                    multiply_into(&p, p.a, p.b, p.c);
                    multiply_with(team, &p, p.a, p.b, p.before);
                    assert_memory_equal(p.c, p.before, ((p.m - 1) * p.ldc + p.n) * real_size(p.t));
                    free_problem(&p);
                }
        wg_team_free(team);
    }
}

/* A dot product of 2^20 floats, all 0.1f and 1, is 0.1f 2^20. A running total in 16 lanes would be wrong by 6e-4, and in
 * fewer by more; in blocks of k = 2048, with b/4 + k/b additions one after the other at most, the bound is 1024 roundings. */
static void test_long_dot_products(void **state)
{
    (void)state;
    const size_t k = (size_t)1 << 20;
    float *a = malloc(k * sizeof *a), *ones = malloc(k * sizeof *ones), c;
    assert_non_null(a);
    assert_non_null(ones);
    for (size_t i = 0; i < k; i++) a[i] = 0.1f, ones[i] = 1;
    double right = (double)0.1f * (double)k;
    for (int isa = 0; isa <= (int)wg_kernel_isa(); isa++)
        for (int order = 0; order < 2; order++) {
            assert_int_equal(wg_kernel_gemm_scratch_f32((wg_isa)isa, false, true, 1, 1, k, NULL), 0);
            wg_kernel_gemm_f32(
                (wg_isa)isa, false, true, 1, 1, k, order ? ones : a, k, order ? a : ones, k, &c, 1, false, NULL, NULL);
            assert_true(fabs((double)c - right) <= 1024 * 0x1p-24 * right);
        }
    free(a);
    free(ones);
}

/* Callers count on it that a small product takes no more scratch than it says. */
static void test_small_scratch(void **state)
{
    (void)state;
    static const size_t extents[] = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 23, 24, 30, 31, 32, 33, 47, 63, 64, 65, 96,
        100, 127, 128, 129, 200, 255, 256, 257, 400, 511, 512, 513, 4000};
    const size_t count = sizeof extents / sizeof *extents, bytes = WG_KERNEL_GEMM_SMALL_BYTES;
    for (int isa = 0; isa <= (int)wg_kernel_isa(); isa++)
        for (size_t i = 0; i < 4 * count * count * count; i++) {
            bool ta = i & 1, tb = i & 2;
            size_t m = extents[i / 4 % count], n = extents[i / 4 / count % count], k = extents[i / 4 / count / count];
            if (!wg_kernel_gemm_is_small(m, n, k)) continue;
            assert_true(wg_kernel_gemm_scratch_f32((wg_isa)isa, ta, tb, m, n, k, NULL) <= bytes);
            assert_true(wg_kernel_gemm_scratch_f64((wg_isa)isa, ta, tb, m, n, k, NULL) <= bytes);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_shapes),
        cmocka_unit_test(test_small_scratch),
        cmocka_unit_test(test_network_shapes),
        cmocka_unit_test(test_large_shapes),
        cmocka_unit_test(test_every_tile),
        cmocka_unit_test(test_nan_and_infinity),
        cmocka_unit_test(test_zero_times_infinity),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_long_dot_products),
    };
    return cmocka_run_group_tests_name("kernels/gemm", tests, NULL, NULL);
}
