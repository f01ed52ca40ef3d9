/* Replay and staleness: a changed leaf makes what depends on it stale and nothing else; a replay gives the same bits as
 * recording anew; one that fails leaves the leaves intact and can be tried again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tape/expect.h"

static uint64_t random_state;

static double random_number(void)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (double)(random_state >> 40) / (1 << 24) * 2 - 1;
}

/* ---- staleness ----------------------------------------------------------------------------------------------------------- */

static void only_what_depends_is_stale(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(2), (double[]){1, 2}), y = wg_variable(tape, WG_DIMS(2), (double[]){3, 4});
    wg_var s = wg_scalar_variable(tape, 5), n = wg_scalar(tape, 6), of_x = wg_square(x), of_y = wg_square(y);
    wg_var of_both = wg_add(of_x, of_y), of_s = wg_mul(s, n), of_of_s = wg_neg(of_s), of_s_and_y = wg_mul(of_s, y);
    const wg_var all[] = {x, y, s, n, of_x, of_y, of_both, of_s, of_of_s, of_s_and_y};
    /* which of them depend on x, y, s, n */
    const char *const depends[] = {"....o.o...", ".....oo..o", ".......ooo", ".......ooo"};
    for (size_t leaf = 0; leaf < 4; leaf++) {
        HEALTHY(tape);
        assert_int_equal(wg_set_value(all[leaf], (double[]){(double)leaf + 7, 8}), WG_OK);
        for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
            bool stale = depends[leaf][k] == 'o';
            assert_true(wg_ok(all[k])); /* stale, not invalid */
            assert_int_equal(isnan(wg_at(all[k], 0)), stale);
            if (stale) EXPECT_ERROR(tape, WG_ERROR_STALE, "wg_at", "stale");
            assert_int_equal(wg_value(all[k]) != NULL, !stale);
            if (stale) EXPECT_ERROR(tape, WG_ERROR_STALE, "wg_value", "stale");
            assert_int_equal(wg_ok(wg_neg(all[k])), !stale);
            if (stale) EXPECT_ERROR(tape, WG_ERROR_STALE, "neg", "stale");
        }
        assert_int_equal(wg_tape_replay(tape), WG_OK);
        for (size_t k = 0; k < sizeof all / sizeof *all; k++) assert_true(!isnan(wg_at(all[k], 0)));
    }
    EXPECT_NUMBER(wg_at(of_both, 0), 7 * 7 + 8 * 8);
    EXPECT_NUMBER(wg_item(of_of_s), -9 * 10);
    wg_tape_free(tape);
}

/* Changes of several leaves before anything is looked at count together, and so do changes that are seen in turn. */
static void several_changes(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_var x = wg_scalar_variable(tape, 1), y = wg_scalar_variable(tape, 2), a = wg_neg(x), b = wg_neg(y),
           c = wg_add(a, b);
    for (int looked_at = 0; looked_at < 2; looked_at++) {
        wg_set_value(x, (double[]){3});
        if (looked_at) EXPECT_NUMBER(wg_item(b), looked_at ? -4 : -2);
        wg_set_value(y, (double[]){4});
        const wg_var stale[] = {a, b, c};
        for (size_t k = 0; k < 3; k++) {
            assert_true(isnan(wg_item(stale[k])));
            EXPECT_ERROR(tape, WG_ERROR_STALE, "stale");
        }
        assert_int_equal(wg_tape_replay(tape), WG_OK);
        EXPECT_NUMBER(wg_item(c), -7);
    }
    wg_tape_free(tape);
}

/* New ops on a changed leaf are fresh, beside old ones that are not. */
static void new_ops_are_fresh(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(2), (double[]){1, 2}), s = wg_scalar_variable(tape, 3);
    wg_var old = wg_sum(wg_square(x)), old_s = wg_mul(s, s);
    wg_set_value(x, (double[]){3, 4});
    wg_set_value(s, (double[]){5});
    wg_var fresh = wg_sum(wg_square(x)), fresh_s = wg_mul(s, s);
    HEALTHY(tape);
    EXPECT_NUMBER(wg_item(fresh), 25);
    EXPECT_NUMBER(wg_item(fresh_s), 25);
    assert_int_equal(wg_backward(wg_add(fresh, fresh_s)), WG_OK);
    EXPECT_NUMBER(wg_grad_at(x, 1), 8);
    EXPECT_NUMBER(wg_grad_at(s, 0), 10);
    assert_true(isnan(wg_item(old)));
    EXPECT_ERROR(tape, WG_ERROR_STALE, "stale");
    assert_true(isnan(wg_item(old_s)));
    EXPECT_ERROR(tape, WG_ERROR_STALE, "stale");
    assert_int_equal(wg_tape_replay(tape), WG_OK);
    EXPECT_NUMBER(wg_item(old), 25);
    EXPECT_NUMBER(wg_item(old_s), 25);
    wg_tape_free(tape);
}

static void gradients_stay_readable(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(2), (double[]){1, 2}), y = wg_square(x);
    wg_retain_grad(y);
    wg_backward(wg_sum(y));
    wg_set_value(x, (double[]){5, 6});
    EXPECT_NUMBER(wg_grad_at(x, 1), 4);
    EXPECT_NUMBER(wg_grad_at(y, 1), 1); /* of a stale value too */
    assert_non_null(wg_grad_f64(y));
    HEALTHY(tape);
    assert_int_equal(wg_tape_replay(tape), WG_OK);
    EXPECT_NUMBER(wg_grad_at(x, 1), 4);
    wg_tape_free(tape);
}

/* ---- the same bits ---------------------------------------------------------------------------------------------------------- */

enum { ROWS = 5, COLUMNS = 7, RESULTS = 11 };

typedef struct program {
    wg_var x, w, s, n, out[RESULTS];
} program;

/* Numbers, and every kind of node: scalars with and without an address, views, lazy transposes with and without a copy,
 * reductions, products, selections, detached values. */
static program record(wg_tape *tape, const double *x, const double *w, double s, double n, bool look)
{
    program p = {.x = wg_variable(tape, WG_DIMS(ROWS, COLUMNS), x), .w = wg_variable(tape, WG_DIMS(ROWS, COLUMNS), w)};
    p.s = wg_scalar_variable(tape, s);
    p.n = wg_scalar(tape, n);
    wg_var *out = p.out, turned = wg_transpose(p.w), product = wg_tanh(wg_matmul(p.x, turned));
    out[0] = wg_exp(wg_mul(p.s, p.n));
    if (look) wg_value(out[0]);
    out[1] = wg_sigmoid(wg_add(out[0], wg_pow(wg_abs(p.s), p.n)));
    out[2] = wg_add(product, out[1]);
    out[3] = wg_slice(wg_reshape(out[2], WG_DIMS(ROWS * ROWS)), 0, 3, 17, 1);
    out[4] = wg_log1p(wg_square(out[3]));
    if (look) wg_value(turned);
    out[5] = wg_softplus(turned);
    out[6] = wg_mean_axes(wg_concat((wg_var[]){out[5], wg_transpose(p.x)}, 2, 1), WG_AXES(1), false);
    out[7] = wg_where(wg_less(p.x, p.w), wg_sin(p.x), wg_mul(p.w, out[0]));
    out[8] = wg_maximum(wg_max(out[7]), wg_detach(out[1]));
    out[9] =
        wg_sum_axes(wg_permute(wg_reshape(out[7], WG_DIMS(ROWS, COLUMNS, 1)), WG_AXES(2, 0, 1)), WG_AXES(0, 1), true);
    wg_var all = wg_add(wg_add(wg_sum(out[4]), wg_sum(out[6])), wg_add(wg_sum(wg_square(out[9])), out[8]));
    out[10] = wg_add(all, wg_mse(product, wg_matmul(p.w, turned), WG_MEAN));
    return p;
}

static void draw(double *x, double *w, double *s, double *n)
{
    for (size_t i = 0; i < ROWS * COLUMNS; i++) {
        x[i] = random_number();
        w[i] = random_number();
    }
    *s = random_number();
    *n = random_number();
}

static void same_bits(wg_var a, wg_var b, size_t element)
{
    assert_int_equal(wg_size(a), wg_size(b));
    assert_memory_equal(wg_value(a), wg_value(b), wg_size(a) * element);
}

static void same_bits_as_recording(void **state)
{
    (void)state;
    double x[ROWS * COLUMNS], w[ROWS * COLUMNS], s, n;
    random_state = 1;
    for (int dtype = WG_F32; dtype <= WG_F64; dtype++)
        for (int look = 0; look < 2; look++) {
            size_t element = dtype == WG_F64 ? sizeof(double) : sizeof(float);
            wg_tape *replayed = new_tape((wg_dtype)dtype);
            draw(x, w, &s, &n);
            program p = record(replayed, x, w, s, n, look);
            HEALTHY(replayed);
            for (int round = 0; round < 3; round++) {
                draw(x, w, &s, &n);
                wg_set_value(p.x, x);
                wg_set_value(p.w, w);
                wg_set_value(p.s, &s);
                wg_set_value(p.n, &n);
                assert_int_equal(wg_tape_replay(replayed), WG_OK);
                wg_tape *fresh = new_tape((wg_dtype)dtype);
                program q = record(fresh, x, w, s, n, !look);
                for (size_t k = 0; k < RESULTS; k++) same_bits(p.out[k], q.out[k], element);
                wg_zero_grad(replayed);
                assert_int_equal(wg_backward(p.out[RESULTS - 1]), WG_OK);
                assert_int_equal(wg_backward(q.out[RESULTS - 1]), WG_OK);
                assert_memory_equal(wg_grad(p.x), wg_grad(q.x), ROWS * COLUMNS * element);
                assert_memory_equal(wg_grad(p.w), wg_grad(q.w), ROWS * COLUMNS * element);
                assert_memory_equal(wg_grad(p.s), wg_grad(q.s), element);
                wg_tape_free(fresh);
            }
            HEALTHY(replayed);
            wg_tape_free(replayed);
        }
}

/* A recorded derivative is on the tape, so it is replayed too. */
static void recorded_derivatives(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_var x = wg_scalar_variable(tape, 2), y = wg_mul(wg_mul(x, x), x), first, second;
    assert_int_equal(wg_gradients(y, &x, 1, &first), WG_OK);
    assert_int_equal(wg_gradients(first, &x, 1, &second), WG_OK);
    for (int i = -3; i < 4; i++) {
        wg_set_value(x, (double[]){i});
        assert_true(isnan(wg_item(first)));
        EXPECT_ERROR(tape, WG_ERROR_STALE, "stale");
        assert_int_equal(wg_tape_replay(tape), WG_OK);
        EXPECT_NUMBER(wg_item(first), 3 * i * i);
        EXPECT_NUMBER(wg_item(second), 6 * i);
    }
    wg_tape_free(tape);
}

/* ---- views, transposes, bound leaves ------------------------------------------------------------------------------------------ */

static void views_follow_a_bound_leaf(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    double first[6] = {1, 2, 3, 4, 5, 6}, second[6] = {10, 20, 30, 40, 50, 60}, grad[6] = {0};
    wg_var x = wg_variable_raw(tape, WG_DIMS(3, 2), NULL), row = wg_reshape(wg_slice(x, 0, 1, 2, 1), WG_DIMS(2));
    wg_var turned = wg_transpose(x), read = wg_transpose(x), number = wg_reshape(wg_slice(row, 0, 1, 2, 1), WG_SCALAR);
    wg_var sum = wg_sum(wg_mul(row, row)), twice = wg_add(number, number), product = wg_sum(wg_matmul(turned, x));
    wg_value(read);
    double *const arrays[] = {first, second, first};
    for (size_t i = 0; i < 3; i++) {
        const double *a = arrays[i];
        assert_int_equal(wg_bind(x, arrays[i], grad), WG_OK);
        assert_true(isnan(wg_at(row, 0)));
        EXPECT_ERROR(tape, WG_ERROR_STALE, "stale");
        assert_null(wg_value(turned));
        EXPECT_ERROR(tape, WG_ERROR_STALE, "stale");
        assert_int_equal(wg_tape_replay(tape), WG_OK);
        assert_ptr_equal(wg_value(row), a + 2);
        EXPECT_NUMBER(wg_item(number), a[3]);
        EXPECT_NUMBER(wg_item(twice), 2 * a[3]);
        EXPECT_NUMBER(wg_item(sum), a[2] * a[2] + a[3] * a[3]);
        for (size_t k = 0; k < 6; k++) EXPECT_NUMBER(wg_at(read, k), a[k % 3 * 2 + k / 3]);
        if (i) EXPECT_NUMBER(wg_at(turned, 4), a[3]);
        double expected = 0; /* sum of X^T X over all elements: each row's sum, squared */
        for (size_t k = 0; k < 3; k++) expected += (a[2 * k] + a[2 * k + 1]) * (a[2 * k] + a[2 * k + 1]);
        EXPECT_NUMBER(wg_item(product), expected);
        memset(grad, 0, sizeof grad);
        assert_int_equal(wg_backward(wg_add(sum, twice)), WG_OK);
        EXPECT_NUMBER(grad[1], 0);
        EXPECT_NUMBER(grad[2], 2 * a[2]);
        EXPECT_NUMBER(grad[3], 2 * a[3] + 2);
    }
    wg_tape_free(tape);
}

/* The caller writes to what is bound, and says so with wg_value_mut. */
static void bound_leaves_in_a_loop(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F32);
    float value[3] = {1, 2, 3};
    wg_var x = wg_variable_raw(tape, WG_DIMS(3), NULL);
    wg_bind(x, value, NULL);
    wg_var y = wg_sum(wg_mul(x, x));
    for (int i = 0; i < 4; i++) {
        for (size_t k = 0; k < 3; k++) value[k] = (float)(i + (int)k);
        assert_ptr_equal(wg_value_mut(x), value);
        assert_int_equal(wg_tape_replay(tape), WG_OK);
        EXPECT_NUMBER(wg_item(y), i * i + (i + 1) * (i + 1) + (i + 2) * (i + 2));
    }
    wg_tape_free(tape);
}

/* A 0-d view of an element, a scalar computed from it, an array from that, and so on up. */
static void scalars_and_arrays_mixed(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(4), (double[]){1, 2, 3, 4}), y = x;
    for (int i = 0; i < 20; i++) {
        wg_var s = wg_reshape(wg_slice(y, 0, i % 4, i % 4 + 1, 1), WG_SCALAR);
        y = wg_sub(wg_mul(y, wg_scalar(tape, 2)), wg_mul(s, wg_scalar(tape, 1)));
        if (i % 3 == 0) wg_value(s);
    }
    for (int round = 0; round < 3; round++) {
        double expected[4];
        for (int k = 0; k < 4; k++) expected[k] = round * k - 1;
        wg_set_value(x, expected);
        for (int i = 0; i < 20; i++) {
            double s = expected[i % 4];
            for (int k = 0; k < 4; k++) expected[k] = 2 * expected[k] - s;
        }
        assert_int_equal(wg_tape_replay(tape), WG_OK);
        for (size_t k = 0; k < 4; k++) EXPECT_NUMBER(wg_at(y, k), expected[k]);
    }
    HEALTHY(tape);
    wg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_depends_is_stale),
        cmocka_unit_test(several_changes),
        cmocka_unit_test(new_ops_are_fresh),
        cmocka_unit_test(gradients_stay_readable),
        cmocka_unit_test(same_bits_as_recording),
        cmocka_unit_test(recorded_derivatives),
        cmocka_unit_test(views_follow_a_bound_leaf),
        cmocka_unit_test(bound_leaves_in_a_loop),
        cmocka_unit_test(scalars_and_arrays_mixed),
    };
    return cmocka_run_group_tests_name("tape/replay", tests, NULL, NULL);
}
