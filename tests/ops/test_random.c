/* Random ops: Philox's published answers; the same bits always; distributions, by bounds that a fair generator breaks with a
 * probability below 1e-9 and a fixed key never; dropout. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "kernels/random.h"
#include "support/point.h"

static wg_var key_of(wg_tape *tape, int64_t key) { return wg_indices(tape, WG_SCALAR, &key); }

/* ---- dropout's row: the mask is read off a dropout of ones ----------------------------------------------------------------- */

typedef struct drop {
    double p;
    int64_t key;
} drop;

static wg_var apply_dropout(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    const drop *d = user;
    (void)n;
    return wg_dropout(in[0], key_of(tape, d->key), d->p);
}

static void reference_dropout(array *out, const array *in, size_t n, const void *user)
{
    const drop *d = user;
    (void)n;
    *out = array_copy(in);
    for (size_t i = 0; i < in->size; i++) {
        const uint32_t counter[] = {(uint32_t)(i / 4), 0, 0, 0}, key[] = {(uint32_t)d->key, 0};
        uint32_t words[4];
        wg_kernel_philox(counter, key, words);
        out->at[i] *= (long double)words[i % 4] < (long double)d->p * 4294967296.0L ? 0 : 1 / (1 - (long double)d->p);
    }
}

#define DROP(p_)                                                                                                       \
    &(const drop) { .p = p_, .key = 77 }
static const row_case cases_dropout[] = {
    CASE_WITH(DROP(0.5), 1, SHAPE_SCALAR),
    CASE_WITH(DROP(0.25), 1, SHAPE(7)),
    CASE_WITH(DROP(0.25), 1, SHAPE(2, 3)),
    CASE_WITH(DROP(0), 1, SHAPE(2, 3)),
    CASE_WITH(DROP(0.75), 1, SHAPE(0, 3)),
    CASE_WITH(DROP(0.5), 1, SHAPE(2, 1, 2, 1, 3, 1, 2, 1)),
    CASE_WITH(DROP(0.125), 1, SHAPE(1033)),
};
static const row rows[] = {
    ROW(wg_dropout, .apply = apply_dropout, .reference = reference_dropout, ROW_CASES(cases_dropout),
        .domain = {AWAY(-2, 2, 0.5)}, .roundings = 3, .composite = true),
};

static void test_allocations(void **state)
{
    (void)state;
    row_fail_allocations(&rows[0], &cases_dropout[2]);
}

static void test_dropout_ends(void **state)
{
    (void)state;
    const double inf = (double)INFINITY;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(4), ((double[]){1, inf, (double)NAN, -3})), key = key_of(tape, 3);
    wg_var all = wg_dropout(x, key, 1), none = wg_dropout(x, key, 0);
    assert_ptr_equal(wg_value(none), wg_value(x));
    for (size_t i = 0; i < 4; i++) assert_true(wg_at(all, i) == 0);
    assert_int_equal(wg_backward_from(all, ((double[]){inf, 1, (double)NAN, 2})), WG_OK);
    for (size_t i = 0; i < 4; i++) assert_true(wg_grad_at(x, i) == 0);
    assert_int_equal(wg_backward_from(none, ((double[]){5, 6, 7, 8})), WG_OK);
    for (size_t i = 0; i < 4; i++) assert_true(wg_grad_at(x, i) == 5 + (double)i);
    wg_tape_free(tape);
}

/* A new key and a replay: a new mask, the same in value, in gradient, in the recorded one, and for a tangent. */
static void test_dropout_replay(void **state)
{
    (void)state;
    enum { N = 1000 };
    wg_tape *tape = wg_tape_new(WG_F32);
    float *ones = malloc(N * sizeof *ones);
    assert_non_null(ones);
    for (size_t i = 0; i < N; i++) ones[i] = 1;
    wg_var x = wg_variable_f32(tape, WG_DIMS(N), ones), key = key_of(tape, 1), y = wg_dropout(x, key, 0.5);
    wg_var one = wg_constant_f32(tape, WG_DIMS(N), ones), grad, tangent;
    assert_int_equal(wg_vjp(y, one, &x, 1, &grad), WG_OK);
    assert_int_equal(wg_jvp(y, &x, &one, 1, &tangent), WG_OK);
    size_t kept = 0, same = 0;
    unsigned char before[N];
    for (int draw = 0; draw < 2; draw++) {
        if (draw) {
            wg_set_indices(key, (const int64_t[]){2});
            assert_int_equal(wg_tape_replay(tape), WG_OK);
            wg_zero_grad(tape);
        }
        assert_int_equal(wg_backward_from(y, ones), WG_OK);
        for (size_t i = 0; i < N; i++) {
            double v = wg_at(y, i);
            assert_true((v == 0 || v == 2) && wg_grad_at(x, i) == v && wg_at(grad, i) == v && wg_at(tangent, i) == v);
            kept += v != 0;
            if (draw) same += before[i] == (v != 0);
            before[i] = v != 0;
        }
    }
    assert_true(fabs((double)kept - N) < 6.2 * sqrt(N * 0.5)); /* of 2 N with variance 1/4 each */
    assert_true(fabs((double)same - N / 2) < 6.2 * sqrt(N * 0.25));
    free(ones);
    wg_tape_free(tape);
}

/* ---- bits ------------------------------------------------------------------------------------------------------------------- */

/* The known answers of Random123, the authors' library (kat_vectors, philox4x32 10). */
static void test_known_answers(void **state)
{
    (void)state;
    static const uint32_t answers[3][10] = {
        {0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
        {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x408f276d, 0x41c83b0e, 0xa20bc7c6,
            0x6d5451fd},
        {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09, 0x94fdcceb, 0x5001e420,
            0x24126ea1},
    };
    for (size_t i = 0; i < 3; i++) {
        uint32_t out[4];
        wg_kernel_philox(answers[i], answers[i] + 4, out);
        for (size_t w = 0; w < 4; w++) assert_int_equal(out[w], answers[i][6 + w]);
    }
}

/* A uniform number is the block's words at its place: key 0, block 0 are the first known answer. */
static void test_places(void **state)
{
    (void)state;
    wg_tape *tapes[] = {wg_tape_new(WG_F64), wg_tape_new(WG_F32)};
    for (size_t t = 0; t < 2; t++) {
        wg_var x = wg_uniform(key_of(tapes[t], 0), WG_DIMS(3), 0, 1); /* row: wg_uniform */
        const uint64_t first = 0xe169c58d6627e8d5, second = 0x9b00dbd8bc57ac4c;
        double unit = t ? 0x1p-24 : 0x1p-53;
        assert_true(wg_at(x, 0) == (double)(first >> (t ? 40 : 11)) * unit);
        assert_true(wg_at(x, 1) == (double)(second >> (t ? 40 : 11)) * unit);
        /* 64 bits of key, and counters of any length: a long array begins with the short one's numbers */
        wg_var high = wg_uniform(key_of(tapes[t], (int64_t)1 << 32), WG_DIMS(3), 0, 1), low;
        assert_true(wg_at(high, 0) != wg_at(x, 0));
        low = wg_uniform(key_of(tapes[t], 0), WG_DIMS(5, 211), 0, 1);
        for (size_t i = 0; i < 3; i++) assert_true(wg_at(low, i) == wg_at(x, i));
        uint32_t words[4];
        const uint32_t counter[] = {527, 0, 0, 0}, key[] = {0, 0};
        wg_kernel_philox(counter, key, words);
        assert_true(wg_at(low, 1054) == (double)((words[0] | (uint64_t)words[1] << 32) >> (t ? 40 : 11)) * unit);
        wg_tape_free(tapes[t]);
    }
}

/* Both dtypes draw alike: numbers rounded, and the same decisions and indices. */
static void test_dtypes(void **state)
{
    (void)state;
    wg_tape *tapes[] = {wg_tape_new(WG_F64), wg_tape_new(WG_F32)};
    wg_var z[2], b[2], d[2], p[2], r[2];
    for (size_t t = 0; t < 2; t++) {
        wg_var key = key_of(tapes[t], -5), ones = wg_broadcast_to(wg_scalar(tapes[t], 1), WG_DIMS(300));
        z[t] = wg_normal(key, WG_DIMS(300), 1, 2);     /* row: wg_normal */
        b[t] = wg_bernoulli(key, WG_DIMS(300), 0.3);   /* row: wg_bernoulli */
        p[t] = wg_permutation(key, 300);               /* row: wg_permutation */
        r[t] = wg_randint(key, WG_DIMS(300), -100, 7); /* row: wg_randint */
        d[t] = wg_dropout(ones, key, 0.5);
    }
    for (size_t i = 0; i < 300; i++) {
        assert_true((float)wg_at(z[0], i) == (float)wg_at(z[1], i));
        assert_true(wg_at(b[0], i) == wg_at(b[1], i) && wg_at(d[0], i) == wg_at(d[1], i));
        assert_true(wg_value_indices(p[0])[i] == wg_value_indices(p[1])[i]);
        assert_true(wg_value_indices(r[0])[i] == wg_value_indices(r[1])[i]);
    }
    wg_tape_free(tapes[0]);
    wg_tape_free(tapes[1]);
}

/* ---- distributions ----------------------------------------------------------------------------------------------------------- */

enum { MANY = 100000 };

/* The mean and the largest distance of the distribution to F, by sorting (A. Kolmogorov): above 3.3 / sqrt(n) with a probability
 * of 2 e^(-2 3.3^2) = 7e-10. */
static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}
static void expect_distribution(wg_var x, double (*F)(double))
{
    size_t n = wg_size(x);
    double *sorted = malloc(n * sizeof *sorted), worst = 0;
    assert_non_null(sorted);
    for (size_t i = 0; i < n; i++) sorted[i] = wg_at(x, i);
    qsort(sorted, n, sizeof *sorted, compare_doubles);
    for (size_t i = 0; i < n; i++) {
        double f = F(sorted[i]), above = (double)(i + 1) / (double)n - f, below = f - (double)i / (double)n;
        worst = fmax(worst, fmax(above, below));
    }
    free(sorted);
    if (!(worst * sqrt((double)n) < 3.3)) fail_msg("the distribution is %g away", worst);
}
static double F_uniform(double x) { return (x + 2) / 5; }
static double F_normal(double x) { return erfc(-(x - 1) / 2 / sqrt(2.0)) / 2; }

static void test_uniform(void **state)
{
    (void)state;
    for (int dtype = WG_F32; dtype <= WG_F64; dtype++) {
        wg_tape *tape = wg_tape_new((wg_dtype)dtype);
        wg_var x = wg_uniform(key_of(tape, 42), WG_DIMS(MANY / 100, 100), -2, 3);
        expect_distribution(x, F_uniform);
        for (size_t i = 0; i < MANY; i++) assert_true(wg_at(x, i) >= -2 && wg_at(x, i) < 3);
        /* two neighbouring numbers below a: high is never reached, though a sum rounds up to it */
        double low = 1, high = dtype == WG_F64 ? 1 + 0x1p-52 : 1 + 0x1p-23;
        wg_var narrow = wg_uniform(key_of(tape, 1), WG_DIMS(100), low, high);
        for (size_t i = 0; i < 100; i++) assert_true(wg_at(narrow, i) == low);
        assert_true(wg_item(wg_uniform(key_of(tape, 1), WG_SCALAR, 2.5, 2.5)) == 2.5);
        wg_tape_free(tape);
    }
}

static void test_normal(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_normal(key_of(tape, 43), WG_DIMS(MANY), 1, 2);
    expect_distribution(x, F_normal);
    double mean = wg_item(wg_mean(x)), variance = wg_item(wg_variance(x, 0));
    assert_true(fabs(mean - 1) < 6.2 * 2 / sqrt(MANY));
    assert_true(fabs(variance - 4) < 6.2 * 4 * sqrt(2.0 / MANY));
    assert_true(wg_item(wg_normal(key_of(tape, 1), WG_SCALAR, 7, 0)) == 7);
    wg_tape_free(tape);
}

/* The quantile against its definition: erfc(z / sqrt 2) / 2 = q, whose relative slope in z is about -z - 1/z at the ends. */
static void test_quantile(void **state)
{
    (void)state;
    assert_true(wg_kernel_normal_tail(0.5) == 0);
    for (int i = 10; i <= 540; i++) {
        long double q = powl(2, -(long double)i / 10), z = (long double)wg_kernel_normal_tail((double)q);
        long double expected = (long double)(double)q, got = erfcl(z / sqrtl(2.0L)) / 2;
        long double slope = expl(-z * z / 2) / sqrtl(2 * acosl(-1.0L)) / got * (fabsl(z) > 0.01L ? z : 0.01L);
        if (!(fabsl(got - expected) <= 2e-15L * (slope + 0.1L) * expected))
            fail_msg("q = 2^-%g: z = %.18Lg is off by %.3Lg", (double)i / 10, z, (got - expected) / expected / slope);
    }
}

/* Binomial: within 6.2 standard deviations. Certain ends. */
static void test_bernoulli(void **state)
{
    (void)state;
    const double ps[] = {0.5, 0.1, 0.999, 1e-3};
    wg_tape *tape = wg_tape_new(WG_F32);
    for (size_t k = 0; k < 4; k++) {
        double p = ps[k], ones = wg_item(wg_sum(wg_bernoulli(key_of(tape, (int64_t)k), WG_DIMS(MANY), p)));
        assert_true(fabs(ones - MANY * p) < 6.2 * sqrt(MANY * p * (1 - p)));
    }
    assert_true(wg_item(wg_sum(wg_bernoulli(key_of(tape, 1), WG_DIMS(MANY), 0))) == 0);
    assert_true(wg_item(wg_sum(wg_bernoulli(key_of(tape, 1), WG_DIMS(MANY), 1))) == MANY);
    wg_tape_free(tape);
}

/* Each of k values as often as the others, within 6.2 standard deviations; whole ranges; one value. */
static void test_randint(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F32);
    const int64_t *x = wg_value_indices(wg_randint(key_of(tape, 9), WG_DIMS(MANY), -3, 4));
    size_t counts[7] = {0}, negative = 0;
    for (size_t i = 0; i < MANY; i++) {
        assert_true(x[i] >= -3 && x[i] < 4);
        counts[x[i] + 3]++;
    }
    for (size_t k = 0; k < 7; k++) assert_true(fabs((double)counts[k] - MANY / 7.0) < 6.2 * sqrt(MANY / 7.0 * 6 / 7));
    x = wg_value_indices(wg_randint(key_of(tape, 9), WG_DIMS(1000), INT64_MIN, INT64_MAX));
    for (size_t i = 0; i < 1000; i++) negative += x[i] < 0;
    assert_true(fabs((double)negative - 500) < 6.2 * sqrt(250));
    x = wg_value_indices(wg_randint(key_of(tape, 9), WG_DIMS(10), INT64_MAX - 1, INT64_MAX));
    for (size_t i = 0; i < 10; i++) assert_true(x[i] == INT64_MAX - 1);
    assert_int_equal(wg_size(wg_randint(key_of(tape, 9), WG_DIMS(0, 3), 0, 1)), 0);
    wg_tape_free(tape);
}

/* A permutation holds each number once; over many keys each of the 24 orders of 4 is as likely. */
static void test_permutation(void **state)
{
    (void)state;
    enum { KEYS = 24000 };
    wg_tape *tape = wg_tape_new(WG_F32);
    const int64_t *x = wg_value_indices(wg_permutation(key_of(tape, 5), 1000));
    unsigned char seen[1000] = {0};
    for (size_t i = 0; i < 1000; i++) {
        assert_true(x[i] >= 0 && x[i] < 1000 && !seen[x[i]]);
        seen[x[i]] = 1;
    }
    assert_int_equal(wg_size(wg_permutation(key_of(tape, 5), 0)), 0);
    assert_int_equal(wg_value_indices(wg_permutation(key_of(tape, 5), 1))[0], 0);
    size_t counts[256] = {0}, orders = 0;
    wg_mark mark = wg_tape_mark(tape);
    for (int64_t k = 0; k < KEYS; k++) {
        x = wg_value_indices(wg_permutation(key_of(tape, k), 4));
        counts[x[0] + 4 * x[1] + 16 * x[2] + 64 * x[3]]++;
        wg_tape_rewind(tape, mark);
    }
    for (size_t c = 0; c < 256; c++) {
        orders += counts[c] > 0;
        if (counts[c]) assert_true(fabs((double)counts[c] - KEYS / 24.0) < 6.2 * sqrt(KEYS / 24.0));
    }
    assert_int_equal(orders, 24);
    wg_tape_free(tape);
}

/* ---- keys ---------------------------------------------------------------------------------------------------------------------- */

static int compare_keys(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Splits, folds, folds of splits and of other keys: all different, and their numbers unrelated. */
static void test_keys(void **state)
{
    (void)state;
    enum { N = 100 };
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var key = key_of(tape, 0), split[N];
    int64_t keys[4 * N + 1] = {0};
    assert_int_equal(wg_random_split(key, N, split), WG_OK); /* row: wg_random_split */
    for (size_t i = 0; i < N; i++) {
        keys[i] = *wg_value_indices(split[i]);
        keys[N + i] = *wg_value_indices(wg_random_fold_in(key, (int64_t)i)); /* row: wg_random_fold_in */
        keys[2 * N + i] = *wg_value_indices(wg_random_fold_in(key, -1 - (int64_t)i));
        keys[3 * N + i] = *wg_value_indices(wg_random_fold_in(split[i], 0));
    }
    qsort(keys, 4 * N + 1, sizeof *keys, compare_keys);
    for (size_t i = 0; i < 4 * N; i++) assert_true(keys[i] != keys[i + 1]);
    /* correlation of the numbers of two of them: 6.2 / sqrt(n) */
    wg_var x = wg_normal(split[0], WG_DIMS(MANY), 0, 1), y = wg_normal(split[1], WG_DIMS(MANY), 0, 1);
    assert_true(fabs(wg_item(wg_mean(wg_mul(x, y)))) < 6.2 / sqrt(MANY));
    assert_int_equal(wg_random_split(key, 0, NULL), WG_OK);

    /* a changed key changes what was made of it */
    int64_t was = *wg_value_indices(split[0]);
    wg_set_indices(key, (const int64_t[]){1});
    assert_int_equal(wg_tape_replay(tape), WG_OK);
    assert_true(*wg_value_indices(split[0]) != was);
    wg_tape_free(tape);
}

/* They are constants to a derivative. */
static void test_no_derivative(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_scalar_variable(tape, 3), u = wg_uniform(key_of(tape, 4), WG_DIMS(5), 0, 1);
    assert_int_equal(wg_backward(wg_sum(wg_mul(u, x))), WG_OK);
    assert_true(fabs(wg_grad_at(x, 0) - wg_item(wg_sum(u))) < 1e-15);
    wg_tape_free(tape);
}

/* ---- errors ---------------------------------------------------------------------------------------------------------------------- */

static void test_errors(void **state)
{
    (void)state;
    const double inf = (double)INFINITY, nan = (double)NAN;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var key = wg_name(key_of(tape, 1), "k"), keys = wg_name(wg_indices(tape, WG_DIMS(2), NULL), "keys");
    wg_var x = wg_name(wg_variable_f64(tape, WG_DIMS(3), NULL), "x"), number = wg_name(wg_scalar(tape, 1), "one"),
           out[2];
    wg_stats before, after;
    wg_tape_stats(tape, &before);
    wg_uniform(keys, WG_DIMS(2), 0, 1);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "uniform", "keys (2)", "0-d index var", NULL);
    wg_normal(number, WG_DIMS(2), 0, 1);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "normal", "one ()", "0-d index var", NULL);
    wg_uniform(key, WG_DIMS(2), 1, 0);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "uniform", "in order", "1 and 0", NULL);
    wg_uniform(key, WG_DIMS(2), -1e308, 1e308);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "uniform", "finite", NULL);
    wg_uniform(key, WG_DIMS(2), nan, 1);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "uniform", "finite", NULL);
    wg_normal(key, WG_DIMS(2), 0, -1);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "normal", "not negative", "0 and -1", NULL);
    wg_normal(key, WG_DIMS(2), inf, 1);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "normal", "finite", NULL);
    wg_bernoulli(key, WG_DIMS(2), 1.5);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "bernoulli", "p is 1.5", NULL);
    wg_bernoulli(key, WG_DIMS(2), nan);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "bernoulli", "between 0 and 1", NULL);
    wg_randint(key, WG_DIMS(2), 3, 3);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "randint", "from 3 to below 3", NULL);
    wg_uniform(key, (wg_shape){.rank = 9}, 0, 1);
    point_expect_error(tape, WG_ERROR_SHAPE, "uniform", "more axes", NULL);
    wg_permutation(key, SIZE_MAX);
    point_expect_error(tape, WG_ERROR_SHAPE, "permutation", "overflows", NULL);
    wg_random_fold_in(x, 1);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "fold_in", "x (3)", NULL);
    assert_int_equal(wg_random_split(keys, 2, out), WG_ERROR_ARGUMENT);
    assert_false(wg_ok(out[0]) || wg_ok(out[1]));
    point_expect_error(tape, WG_ERROR_ARGUMENT, "random_split", "keys (2)", NULL);
    assert_int_equal(wg_random_split(key, 2, NULL), WG_ERROR_ARGUMENT);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "random_split", "NULL", NULL);
    assert_int_equal(wg_random_split((wg_var){0}, 2, out), WG_ERROR_ARGUMENT);
    wg_dropout(x, key, -0.5);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "dropout", "p is -0.5", NULL);
    wg_dropout(x, keys, 0.5);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "dropout", "argument 2", "keys (2)", NULL);
    wg_dropout(keys, key, 0.5);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "dropout", "argument 1", "keys (2)", "indices", NULL);
    wg_dropout((wg_var){0}, key, 0.5);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "dropout", "argument 1", NULL);
    assert_null(wg_uniform((wg_var){0}, WG_SCALAR, 0, 1).tape);
    assert_null(wg_dropout((wg_var){0}, (wg_var){0}, 0.5).tape);
    wg_tape_stats(tape, &after);
    assert_int_equal(before.nodes, after.nodes);
    wg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations),
        cmocka_unit_test(test_dropout_ends),
        cmocka_unit_test(test_dropout_replay),
        cmocka_unit_test(test_known_answers),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_dtypes),
        cmocka_unit_test(test_uniform),
        cmocka_unit_test(test_normal),
        cmocka_unit_test(test_quantile),
        cmocka_unit_test(test_bernoulli),
        cmocka_unit_test(test_randint),
        cmocka_unit_test(test_permutation),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_no_derivative),
        cmocka_unit_test(test_errors),
    };
    return row_main("ops/random", rows, sizeof rows / sizeof *rows, tests, sizeof tests / sizeof *tests);
}
