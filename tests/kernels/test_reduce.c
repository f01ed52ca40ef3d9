/* Reductions against naive loops.
 *
 * Sums of small integers are exact in any order, so they are compared for equality, over shapes that cross every
 * boundary of the method. Sums of fractions are held to the bound of a sum in which a term goes through d additions,
 * gamma(d) times the sum of magnitudes, gamma(d) = d u / (1 - d u), with a d that grows like the logarithm of the
 * number of terms: a loop that adds one by one fails it. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "kernels/reduce.h"

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

static void *new_array(real t, size_t n)
{
    void *array = malloc(n * real_size(t) + (n == 0));
    assert_non_null(array);
    return array;
}

static uint64_t random_state = 1;

static uint32_t random_bits(void)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 40);
}

static double random_real(void) { return random_bits() / 8388608.0 - 1; }

static double random_integer(void) { return (double)(random_bits() % 15) - 7; }

/* in and out are arrays of the type. */
static void reduce_on(wg_isa isa, real t, const wg_kernel_reduction *r, const void *in, void *out)
{
    if (t == F32)
        wg_kernel_reduce_f32(isa, r, in, out);
    else
        wg_kernel_reduce_f64(isa, r, in, out);
}

static void sum_f32(size_t outer, size_t reduced, size_t inner, const float *in, float *out, bool add, double divisor)
{
    const wg_kernel_reduction r = {WG_KERNEL_SUM, outer, reduced, inner, inner, add, divisor};
    reduce_on(wg_kernel_isa(), F32, &r, in, out);
}

static void sum_f64(size_t outer, size_t reduced, size_t inner, const double *in, double *out, bool add, double divisor)
{
    const wg_kernel_reduction r = {WG_KERNEL_SUM, outer, reduced, inner, inner, add, divisor};
    reduce_on(wg_kernel_isa(), F64, &r, in, out);
}

static void sum(real t, size_t outer, size_t reduced, size_t inner, const void *in, void *out, bool add, double divisor)
{
    if (t == F32)
        sum_f32(outer, reduced, inner, in, out, add, divisor);
    else
        sum_f64(outer, reduced, inner, in, out, add, divisor);
}

static double squared_difference(real t, size_t n, const void *a, const void *b, double divisor)
{
    return t == F32 ? (double)wg_kernel_squared_difference_f32(wg_kernel_isa(), n, a, b, divisor)
                    : wg_kernel_squared_difference_f64(wg_kernel_isa(), n, a, b, divisor);
}

/* A naive sum, and beside it what its rounding lost (Neumaier's summation): as good as exact. */
typedef struct exact {
    double sum, lost;
} exact;

static void exact_add(exact *e, double x)
{
    double sum = e->sum + x;
    e->lost += fabs(e->sum) >= fabs(x) ? (e->sum - sum) + x : (x - sum) + e->sum;
    e->sum = sum;
}

/* The bound above: sixteen terms one by one, a binary tree, and the last division and addition. */
static double tree_bound(real t, size_t n, double magnitude)
{
    double d = 20 + ceil(log2((double)n + 1)), u = real_roundoff(t);
    return d * u / (1 - d * u) * magnitude;
}

/* One shape with integers from -7 to 7: equal to the last bit. A divisor of 4 is exact too. */
static void run_sum(real t, size_t outer, size_t reduced, size_t inner, bool add, double divisor)
{
    size_t n = outer * reduced * inner, results = outer * inner;
    void *in = new_array(t, n), *out = new_array(t, results);
    for (size_t i = 0; i < n; i++) put(t, in, i, random_integer());
    for (size_t i = 0; i < results; i++) put(t, out, i, add ? (double)i : (double)NAN);
    sum(t, outer, reduced, inner, in, out, add, divisor);
    for (size_t o = 0; o < outer; o++)
        for (size_t j = 0; j < inner; j++) {
            double want = 0, got = get(t, out, o * inner + j);
            for (size_t r = 0; r < reduced; r++) want += get(t, in, (o * reduced + r) * inner + j);
            want = want / divisor + (add ? (double)(o * inner + j) : 0);
            if (got != want)
                fail_msg("%s (%zu,%zu,%zu) %s: element (%zu,%zu) is %.17g, not %.17g", t == F32 ? "f32" : "f64", outer,
                    reduced, inner, add ? "add" : "set", o, j, got, want);
        }
    free(in);
    free(out);
}

static void test_sum_shapes(void **state)
{
    (void)state;
    static const size_t outers[] = {0, 1, 3}, inners[] = {0, 1, 2, 3, 10, 63, 64, 65, 127, 128, 129, 300};
    static const size_t reduceds[] = {0, 1, 2, 3, 10, 16, 17, 64, 128, 129, 400, 1100};
    for (size_t o = 0; o < sizeof outers / sizeof *outers; o++)
        for (size_t r = 0; r < sizeof reduceds / sizeof *reduceds; r++)
            for (size_t i = 0; i < sizeof inners / sizeof *inners; i++)
                for (int way = 0; way < 8; way++)
                    run_sum(way & 1 ? F32 : F64, outers[o], reduceds[r], inners[i], way & 2, way & 4 ? 4 : 1);
    for (size_t n = 1000; n < 100000; n = n * 3 + 1) run_sum(F32, 1, n, 1, false, 1), run_sum(F64, 2, n, 3, true, 4);
}

/* 2^25 floats of one: adding one by one stops at 2^24. */
static void test_many_ones(void **state)
{
    (void)state;
    size_t n = (size_t)1 << 25;
    float *ones = new_array(F32, n), total = 0, columns[2] = {0, 0};
    for (size_t i = 0; i < n; i++) ones[i] = 1;
    sum_f32(1, n, 1, ones, &total, false, 1);
    assert_true(total == 33554432.0f);
    sum_f32(1, n / 2, 2, ones, columns, false, 1);
    assert_true(columns[0] == 16777216.0f && columns[1] == 16777216.0f);
    sum_f32(1, n, 1, ones, &total, false, (double)n);
    assert_true(total == 1);
    free(ones);
}

static void test_sum_error(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 5, 100, 1000, 20000, 1000000};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (int way = 0; way < 4; way++) {
            real t = way & 1 ? F32 : F64;
            size_t n = sizes[s];
            void *in = new_array(t, n), *out = new_array(t, 1);
            exact want = {0, 0};
            double magnitude = 0;
            for (size_t i = 0; i < n; i++) {
                put(t, in, i, way & 2 ? random_real() : 0.1);
                exact_add(&want, get(t, in, i));
                magnitude += fabs(get(t, in, i));
            }
            sum(t, 1, n, 1, in, out, false, 4); /* a division that doesn't round */
            assert_true(fabs((get(t, out, 0) * 4 - want.sum) - want.lost) <= tree_bound(t, n, magnitude));
            free(in);
            free(out);
        }
}

/* NaN and infinity reach the sums that they belong to, and no other. */
static void test_sum_special(void **state)
{
    (void)state;
    enum { OUTER = 2, REDUCED = 41, INNER = 7 };
    double in[OUTER * REDUCED * INNER], out[OUTER * INNER];
    for (size_t at = 0; at < OUTER * REDUCED * INNER; at += 5) {
        for (size_t i = 0; i < OUTER * REDUCED * INNER; i++) in[i] = 1;
        in[at] = at % 2 ? (double)NAN : -(double)INFINITY;
        sum_f64(OUTER, REDUCED, INNER, in, out, false, 1);
        size_t hit = at / (REDUCED * INNER) * INNER + at % INNER;
        for (size_t i = 0; i < OUTER * INNER; i++)
            if (i != hit)
                assert_true(out[i] == REDUCED);
            else
                assert_true(at % 2 ? isnan(out[i]) : isinf(out[i]) && out[i] < 0);
    }
}

static void test_nothing(void **state)
{
    (void)state;
    double out[2] = {3, 4};
    sum_f64(1, 0, 2, NULL, out, true, 0);
    assert_true(out[0] == 3 && out[1] == 4);
    sum_f64(2, 0, 1, NULL, out, false, 0);
    assert_true(out[0] == 0 && out[1] == 0);
    assert_true(wg_kernel_squared_difference_f64(wg_kernel_isa(), 0, NULL, NULL, 0) == 0);
    assert_true(wg_kernel_squared_difference_f32(wg_kernel_isa(), 0, NULL, NULL, 0) == 0);
}

/* The division is rounded once, to the type of the result. */
static void test_divisor(void **state)
{
    (void)state;
    float narrow[2] = {1, 1}, narrow_out = 5;
    double wide[2] = {1, 1}, wide_out = 5;
    sum_f32(1, 2, 1, narrow, &narrow_out, false, 3);
    assert_true(narrow_out == 2.0f / 3.0f);
    sum_f64(1, 2, 1, wide, &wide_out, false, 3);
    assert_true(wide_out == 2.0 / 3.0);
    sum_f64(1, 2, 1, wide, &wide_out, true, 4);
    assert_true(wide_out == 2.0 / 3.0 + 0.5);
}

static void test_squared_difference(void **state)
{
    (void)state; /* the differences have 26 bits at most, so their squares are exact in a double */
    static const size_t sizes[] = {1, 2, 10, 63, 64, 65, 128, 129, 1023, 1024, 1025, 2048, 2049, 2050, 30000};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (int way = 0; way < 4; way++) {
            real t = way & 1 ? F32 : F64;
            bool integers = way & 2;
            size_t n = sizes[s];
            void *a = new_array(t, n), *b = new_array(t, n);
            exact want = {0, 0};
            for (size_t i = 0; i < n; i++) {
                put(t, a, i, integers ? random_integer() : random_real());
                put(t, b, i, integers ? random_integer() : random_real());
                double difference = get(t, a, i) - get(t, b, i);
                exact_add(&want, difference * difference);
            }
            double error = (squared_difference(t, n, a, b, 8) * 8 - want.sum) - want.lost;
            assert_true(fabs(error) <= (integers ? 0 : tree_bound(t, n, want.sum)));
            free(a);
            free(b);
        }
}

/* The same bits wherever the array lies. */
static void test_addresses(void **state)
{
    (void)state;
    enum { N = 1003 };
    float in[N + 4], first, other;
    for (size_t i = 0; i < N; i++) in[i] = (float)random_real();
    sum_f32(1, N, 1, in, &first, false, 1);
    for (size_t shift = 1; shift < 5; shift++) {
        memmove(in + shift, in + shift - 1, N * sizeof *in);
        sum_f32(1, N, 1, in + shift, &other, false, 1);
        assert_memory_equal(&first, &other, sizeof first);
    }
}

static void extreme(bool max, real t, size_t outer, size_t reduced, size_t inner, const void *in, void *out)
{
    const wg_kernel_reduction r = {max ? WG_KERNEL_MAX : WG_KERNEL_MIN, outer, reduced, inner, inner, false, 1};
    reduce_on(wg_kernel_isa(), t, &r, in, out);
}

/* Numbers, infinities and now and then a NaN, against one loop. */
static void run_extreme(bool max, real t, size_t outer, size_t reduced, size_t inner)
{
    size_t n = outer * reduced * inner;
    void *in = new_array(t, n), *out = new_array(t, outer * inner);
    for (size_t i = 0; i < n; i++) {
        uint32_t draw = random_bits() % 400;
        put(t, in, i,
            draw == 0  ? (double)NAN
            : draw < 3 ? (double)INFINITY
            : draw < 6 ? -(double)INFINITY
                       : random_real());
    }
    extreme(max, t, outer, reduced, inner, in, out);
    for (size_t o = 0; o < outer; o++)
        for (size_t j = 0; j < inner; j++) {
            double want = get(t, in, o * reduced * inner + j), got = get(t, out, o * inner + j);
            for (size_t r = 1; r < reduced; r++) {
                double x = get(t, in, (o * reduced + r) * inner + j);
                if (isnan(want) || isnan(x))
                    want = (double)NAN;
                else if (max ? x > want : x < want)
                    want = x;
            }
            assert_true(isnan(want) ? isnan(got) : got == want);
        }
    free(in);
    free(out);
}

static void test_extremes(void **state)
{
    (void)state;
    static const size_t inners[] = {0, 1, 2, 3, 10, 64, 65, 128, 129, 300},
                        reduceds[] = {1, 2, 3, 10, 64, 128, 129, 500};
    for (size_t r = 0; r < sizeof reduceds / sizeof *reduceds; r++)
        for (size_t i = 0; i < sizeof inners / sizeof *inners; i++)
            for (int way = 0; way < 4; way++)
                for (size_t outer = 0; outer < 3; outer++)
                    run_extreme(way & 1, way & 2 ? F32 : F64, outer, reduceds[r], inners[i]);
}

/* A NaN at any one place is the result; all infinities of one sign are themselves. */
static void test_extreme_nan(void **state)
{
    (void)state;
    for (size_t n = 1; n < 200; n += 11)
        for (size_t at = 0; at < n; at++) {
            double in[200], out;
            for (size_t i = 0; i < n; i++) in[i] = i == at ? (double)NAN : (double)i;
            extreme(true, F64, 1, n, 1, in, &out);
            assert_true(isnan(out));
            extreme(false, F64, 1, n, 1, in, &out);
            assert_true(isnan(out));
            for (size_t i = 0; i < n; i++) in[i] = -(double)INFINITY;
            extreme(true, F64, 1, n, 1, in, &out);
            assert_true(isinf(out) && out < 0);
        }
}

/* ---- variances and deviations ---------------------------------------------------------------------------------------- */

static void deviate_on(wg_isa isa, real t, const wg_kernel_reduction *r, const void *in, void *out)
{
    if (t == F32)
        wg_kernel_deviate_f32(isa, r, in, out);
    else
        wg_kernel_deviate_f64(isa, r, in, out);
}

/* Against the mean of a loop in long double, far from zero, where a mean that is not corrected would show. */
static void run_variance(real t, size_t outer, size_t reduced, size_t inner)
{
    const size_t n = outer * reduced * inner;
    const wg_kernel_reduction r = {WG_KERNEL_VARIANCE, outer, reduced, inner, inner, false, 2};
    void *in = new_array(t, n), *out = new_array(t, outer * inner), *deviations = new_array(t, n);
    for (size_t i = 0; i < n; i++) put(t, in, i, 1000 + random_real());
    reduce_on(wg_kernel_isa(), t, &r, in, out);
    deviate_on(wg_kernel_isa(), t, &r, in, deviations);
    for (size_t o = 0; o < outer; o++)
        for (size_t j = 0; j < inner; j++) {
            size_t first = o * reduced * inner + j;
            long double mean = 0, square = 0;
            for (size_t k = 0; k < reduced; k++) mean += get(t, in, first + k * inner);
            mean /= (long double)reduced;
            for (size_t k = 0; k < reduced; k++) {
                long double deviation = get(t, in, first + k * inner) - mean;
                double error = (double)(get(t, deviations, first + k * inner) - deviation);
                assert_true(fabs(error) <= 8 * real_roundoff(t)); /* of a number below 2, and of the mean of such */
                square += deviation * deviation;
            }
            double error = (double)(get(t, out, o * inner + j) - square / 2);
            assert_true(fabs(error) <= 40 * real_roundoff(t) * ((double)square + 1));
        }
    free(in);
    free(out);
    free(deviations);
}

static const size_t some_inners[] = {1, 2, 3, 8, 9, 64, 65, 128, 129, 300},
                    some_reduceds[] = {1, 2, 3, 4, 8, 16, 17, 33, 64, 100, 129, 300};

static void test_variance(void **state)
{
    (void)state;
    for (size_t r = 0; r < sizeof some_reduceds / sizeof *some_reduceds; r++)
        for (size_t i = 0; i < sizeof some_inners / sizeof *some_inners; i++)
            for (int way = 0; way < 2; way++)
                run_variance(way ? F32 : F64, r % 3 + 1, some_reduceds[r], some_inners[i]);
    run_variance(F32, 200, 5, 1), run_variance(F64, 100, 16, 1), run_variance(F32, 1, 5000, 1);
}

/* Every deviation of equal numbers is nothing, whatever their mean is rounded to. */
static void test_constants(void **state)
{
    (void)state;
    float in[300], out[300];
    for (size_t i = 0; i < 300; i++) in[i] = 0.1f;
    for (size_t n = 1; n <= 300; n++) {
        const wg_kernel_reduction r = {WG_KERNEL_VARIANCE, 300 / n, n, 1, 1, false, 1};
        deviate_on(wg_kernel_isa(), F32, &r, in, out);
        for (size_t i = 0; i < 300 / n * n; i++) assert_true(out[i] == 0);
        reduce_on(wg_kernel_isa(), F32, &r, in, out);
        for (size_t i = 0; i < 300 / n; i++) assert_true(out[i] == 0);
    }
}

/* ---- the same bits, whoever does it ------------------------------------------------------------------------------------ */

static void run_sets(real t, size_t outer, size_t reduced, size_t inner)
{
    size_t n = outer * reduced * inner, bytes = n * real_size(t);
    void *in = new_array(t, n), *first = new_array(t, n), *other = new_array(t, n);
    for (size_t i = 0; i < n; i++) put(t, in, i, random_real());
    for (int kind = WG_KERNEL_SUM; kind <= (int)WG_KERNEL_VARIANCE + 1; kind++) {
        wg_kernel_reduction r = {(wg_kernel_reduce_kind)kind, outer, reduced, inner, inner, true, 3};
        const bool deviates = kind > (int)WG_KERNEL_VARIANCE;
        for (int isa = WG_ISA_BASELINE; isa <= (int)wg_kernel_isa(); isa++) {
            void *out = isa == WG_ISA_BASELINE ? first : other;
            memcpy(out, in, bytes);
            if (!wg_kernel_isa_runs((wg_isa)isa)) continue;
            (deviates ? deviate_on : reduce_on)((wg_isa)isa, t, &r, in, out);
            assert_memory_equal(out, first, bytes);
        }
        for (size_t j = 0, wide = t == F32 ? wg_kernel_columns_f32(inner) : wg_kernel_columns_f64(inner); j < inner;
             j += wide) { /* by pieces of columns, as threads have it */
            r.cols = inner - j < wide ? inner - j : wide;
            const char *from = (const char *)in + j * real_size(t);
            if (j == 0) memcpy(other, in, bytes);
            (deviates ? deviate_on : reduce_on)(wg_kernel_isa(), t, &r, from, (char *)other + j * real_size(t));
        }
        assert_memory_equal(other, first, bytes);
    }
    free(in);
    free(first);
    free(other);
}

static void test_sets(void **state)
{
    (void)state;
    for (size_t r = 0; r < sizeof some_reduceds / sizeof *some_reduceds; r++)
        for (size_t i = 0; i < sizeof some_inners / sizeof *some_inners; i++)
            for (int way = 0; way < 2; way++) run_sets(way ? F32 : F64, r % 3 + 1, some_reduceds[r], some_inners[i]);
    run_sets(F32, 200, 5, 1), run_sets(F64, 100, 16, 1), run_sets(F32, 77, 8, 1), run_sets(F32, 50, 7, 5);
}

/* In chunks: of whole blocks, of one that is not whole, of rows that are left over. */
static void run_chunks(real t, wg_kernel_reduce_kind kind, size_t reduced, size_t inner)
{
    const wg_kernel_reduction r = {kind, 1, reduced, inner, inner, true, 7};
    const size_t n = reduced * inner;
    size_t chunks = t == F32 ? wg_kernel_reduce_chunks_f32(&r) : wg_kernel_reduce_chunks_f64(&r);
    char partial[WG_KERNEL_CHUNKS_MOST * WG_KERNEL_COLUMNS_BYTES];
    double whole[300], joined[300]; /* floats or doubles */
    void *in = new_array(t, n);
    assert_true(chunks > 1 && chunks <= WG_KERNEL_CHUNKS_MOST && inner <= 300);
    for (size_t i = 0; i < n; i++) put(t, in, i, random_real());
    for (size_t i = 0; i < 300; i++) whole[i] = joined[i] = 0;
    reduce_on(wg_kernel_isa(), t, &r, in, whole);
    for (size_t k = chunks; k-- > 0;)
        if (t == F32)
            wg_kernel_reduce_chunk_f32(wg_kernel_isa(), &r, k, in, (float *)(void *)partial);
        else
            wg_kernel_reduce_chunk_f64(wg_kernel_isa(), &r, k, in, (double *)(void *)partial);
    if (t == F32)
        wg_kernel_reduce_join_f32(wg_kernel_isa(), &r, (float *)(void *)partial, in, (float *)(void *)joined);
    else
        wg_kernel_reduce_join_f64(wg_kernel_isa(), &r, (double *)(void *)partial, in, joined);
    assert_memory_equal(whole, joined, sizeof whole);
    free(in);
}

static void test_chunks(void **state)
{
    (void)state;
    for (int way = 0; way < 6; way++) {
        real t = way % 2 ? F32 : F64;
        wg_kernel_reduce_kind kind = (wg_kernel_reduce_kind)(way / 2);
        run_chunks(t, kind, 16 * 8 * 128 * 2, 1);
        run_chunks(t, kind, 100003, 1);
        run_chunks(t, kind, 1048576, 1);
        run_chunks(t, kind, 1048576 + 16 * 128, 1);
        run_chunks(t, kind, 70001, 5);
        run_chunks(t, kind, 20011, 32);
    }
    const wg_kernel_reduction few = {WG_KERNEL_SUM, 1, 1000, 1, 1, false, 1};
    assert_true(wg_kernel_reduce_chunks_f32(&few) == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sum_shapes),
        cmocka_unit_test(test_many_ones),
        cmocka_unit_test(test_sum_error),
        cmocka_unit_test(test_sum_special),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_divisor),
        cmocka_unit_test(test_squared_difference),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_extreme_nan),
        cmocka_unit_test(test_variance),
        cmocka_unit_test(test_constants),
        cmocka_unit_test(test_sets),
        cmocka_unit_test(test_chunks),
    };
    return cmocka_run_group_tests_name("kernels/reduce", tests, NULL, NULL);
}
