/* Gradient control: the value passes unchanged, and the cotangent as said, swept and recorded, in both dtypes. These are no
 * derivatives of the value, so no differences of it are taken: expected values are the definitions'. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "support/corner.h"

enum { N = 4 };

/* f of x (and a second variable 10 x), with the cotangent g: y is x's memory; its gradient is expected, that of the other
 * other. Through leaves and through intermediates. */
static void expect_passed(wg_var (*f)(wg_var, wg_var), const double *g, const double *expected, const double *other)
{
    for (int way = 0; way < 4; way++) {
        wg_tape *tape = wg_tape_new(way & 1 ? WG_F64 : WG_F32);
        array a = array_new(WG_DIMS(2, 2)), b = array_new(a.shape), c = array_new(a.shape);
        for (size_t i = 0; i < N; i++)
            a.at[i] = (long double)i - 1, b.at[i] = 10 * a.at[i], c.at[i] = (long double)g[i];
        wg_var leaf[] = {array_leaf(tape, &a, true), array_leaf(tape, &b, true)}, grads[2];
        wg_var x = way & 2 ? wg_neg(wg_neg(leaf[0])) : leaf[0], y = f(x, leaf[1]);
        assert_ptr_equal(wg_value(y), wg_value(x));
        assert_int_equal(wg_vjp(y, array_leaf(tape, &c, false), leaf, 2, grads), WG_OK);
        assert_int_equal(array_backward(y, &c), WG_OK);
        for (size_t i = 0; i < N; i++) {
            double tolerance = way & 1 ? 1e-15 : 1e-6;
            const double got[] = {wg_grad_at(leaf[0], i), wg_at(grads[0], i)},
                         second[] = {wg_grad_at(leaf[1], i), wg_at(grads[1], i)};
            for (size_t k = 0; k < 2; k++) {
                if (!point_same(got[k], expected[i]) && !(fabs(got[k] - expected[i]) <= tolerance * fabs(expected[i])))
                    fail_msg("way %d, element %zu: %.17g, expected %.17g", way, i, got[k], expected[i]);
                assert_true(second[k] == (other ? other[i] : 0));
            }
        }
        array_free(&a);
        array_free(&b);
        array_free(&c);
        wg_tape_free(tape);
    }
}
#define PASSED(f, g, expected) expect_passed(f, (double[]){g}, (double[]){expected}, NULL)
#define ALL(...)               __VA_ARGS__

static wg_var through(wg_var x, wg_var soft) { return wg_straight_through(x, soft); }
static wg_var reversed(wg_var x, wg_var unused) { return (void)unused, wg_scale_gradient(x, -2); }
static wg_var scaled_by_zero(wg_var x, wg_var unused) { return (void)unused, wg_scale_gradient(x, 0); }
static wg_var clipped(wg_var x, wg_var unused) { return (void)unused, wg_clip_gradient(x, -1, 2); }
static wg_var clipped_below(wg_var x, wg_var unused) { return (void)unused, wg_clip_gradient(x, 0, INF); }
static wg_var shortened(wg_var x, wg_var unused) { return (void)unused, wg_clip_gradient_norm(x, 2); }
static wg_var shortened_to_zero(wg_var x, wg_var unused) { return (void)unused, wg_clip_gradient_norm(x, 0); }
static wg_var not_shortened(wg_var x, wg_var unused) { return (void)unused, wg_clip_gradient_norm(x, INF); }

static void test_passed(void **state) /* row: wg_straight_through */
{
    (void)state;
    const double g[N] = {1, -INF, NONE, 4}, none[N] = {0};
    expect_passed(through, (double[]){1, -2, 3, 4}, none, (double[]){1, -2, 3, 4});
    PASSED(reversed, ALL(1, -INF, NONE, 4), ALL(-2, INF, NONE, -8)); /* row: wg_scale_gradient */
    expect_passed(scaled_by_zero, g, none, NULL);
    PASSED(clipped, ALL(1.5, -INF, NONE, 4), ALL(1.5, -1, NONE, 2)); /* row: wg_clip_gradient */
    PASSED(clipped, ALL(-1, 2, 0, -5), ALL(-1, 2, 0, -1));
    PASSED(clipped_below, ALL(-1, 2, INF, -INF), ALL(0, 2, INF, 0));
    PASSED(shortened, ALL(1, -1, 1, -1), ALL(1, -1, 1, -1)); /* row: wg_clip_gradient_norm */
    PASSED(shortened, ALL(0.5, 0, 0, 0.25), ALL(0.5, 0, 0, 0.25));
    PASSED(shortened, ALL(0, 0, 0, 0), ALL(0, 0, 0, 0));
    PASSED(shortened, ALL(3, 0, -4, 0), ALL(1.2, 0, -1.6, 0));
    PASSED(shortened, ALL(3e30, 0, -4e30, 0), ALL(1.2, 0, -1.6, 0));
    PASSED(shortened, ALL(3, INF, -4, 0), ALL(0, 0, 0, 0));
    PASSED(shortened_to_zero, ALL(3, INF, NONE, 0), ALL(0, 0, 0, 0));
    PASSED(not_shortened, ALL(3, INF, NONE, 0), ALL(3, INF, NONE, 0));
}

static void test_shapes(void **state)
{
    (void)state;
    const wg_shape shapes[] = {WG_SCALAR, WG_DIMS(1), WG_DIMS(2, 0), WG_DIMS(2, 1, 2, 1, 1, 2, 1, 2)};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        wg_tape *tape = wg_tape_new(WG_F64);
        double ones[16];
        for (size_t i = 0; i < 16; i++) ones[i] = 1;
        wg_var x = wg_variable_f64(tape, shapes[s], ones);
        wg_var y =
            wg_scale_gradient(wg_clip_gradient(wg_clip_gradient_norm(wg_straight_through(x, x), 100), -3, 3), 0.5);
        wg_shape shape = wg_shape_of(y);
        assert_true(shape_same(&shape, &shapes[s]));
        assert_int_equal(wg_backward_from(y, ones), WG_OK);
        for (size_t i = 0; i < wg_size(x); i++) assert_true(wg_grad_at(x, i) == 0.5);
        wg_tape_free(tape);
    }
}

/* With the cotangent a variable c: the derivative of what arrives at x, u . grad, with respect to c. */
static void expect_second(wg_var (*f)(wg_var, wg_var), const double *c, const double *u, const double *expected)
{
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_variable_f64(tape, WG_DIMS(N), NULL), seed = wg_variable_f64(tape, WG_DIMS(N), c), grad;
    assert_int_equal(wg_vjp(f(x, x), seed, &x, 1, &grad), WG_OK);
    assert_int_equal(wg_backward_from(grad, u), WG_OK);
    for (size_t i = 0; i < N; i++)
        if (!(fabs(wg_grad_at(seed, i) - expected[i]) <= 1e-15)) fail_msg("element %zu: %.17g", i, wg_grad_at(seed, i));
    wg_tape_free(tape);
}

/* Of clipping: the mask, bounds included. Of shortening c = (3, 0, -4, 0) to 2: 2/5 (u - e (e . u)), e = c / 5; of what is short
 * enough, u. */
static void test_second(void **state)
{
    (void)state;
    const double u[N] = {1, 2, 3, 4}, e[N] = {0.6, 0, -0.8, 0};
    double shorter[N];
    for (size_t i = 0; i < N; i++) shorter[i] = 0.4 * (u[i] - e[i] * (0.6 - 2.4));
    expect_second(clipped, (double[]){5, -1, -2, 0.5}, u, (double[]){0, 2, 0, 4});
    expect_second(shortened, (double[]){3, 0, -4, 0}, u, shorter);
    expect_second(shortened, (double[]){0.5, 0, 0, 1}, u, u);
    expect_second(shortened, (double[]){0, 0, 0, 0}, u, u);
    expect_second(reversed, (double[]){3, 0, -4, 0}, u, (double[]){-2, -4, -6, -8});
}

/* Second derivatives of functions through them. f = sum (2 soft(x))^2 with soft = x^3, hard = round: 8 y soft' = 8 round(x) 3 x^2,
 * as recorded differentiated by x: hard counts no derivative, but y is differentiated as soft: 8 (9 x^4 + 6 x round x). */
static void test_through_functions(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_scalar_variable(tape, 1.25), grad, twice;
    wg_var y = wg_straight_through(wg_round(x), wg_mul(x, wg_square(x))), f = wg_square(wg_mul(y, wg_scalar(tape, 2)));
    assert_int_equal(wg_gradients(f, &x, 1, &grad), WG_OK);
    assert_int_equal(wg_gradients(grad, &x, 1, &twice), WG_OK);
    assert_true(wg_item(f) == 4 && wg_item(grad) == 8 * 3 * 1.25 * 1.25);
    double x4 = 1.25 * 1.25 * 1.25 * 1.25;
    assert_true(fabs(wg_item(twice) - 8 * (9 * x4 + 6 * 1.25)) < 1e-12);
    wg_tape_free(tape);
}

static void test_tangents(void **state)
{
    (void)state;
    wg_var (*const f[])(wg_var, wg_var) = {through, reversed, scaled_by_zero, clipped, shortened, shortened_to_zero};
    const double factors[] = {1, -2, 0, 1, 1, 0};
    for (size_t k = 0; k < sizeof f / sizeof *f; k++) {
        wg_tape *tape = wg_tape_new(WG_F64);
        wg_var x = wg_variable(tape, WG_DIMS(3), ((double[]){1, 2, 3})), tangent;
        wg_var t = wg_constant(tape, WG_DIMS(3), ((double[]){7, -8, 9}));
        assert_int_equal(wg_jvp(f[k](x, x), &x, &t, 1, &tangent), WG_OK);
        for (size_t i = 0; i < 3; i++) assert_true(wg_at(tangent, i) == factors[k] * wg_at(t, i));
        wg_tape_free(tape);
    }
}

/* Views move with what is below them. */
static void test_replay(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F32);
    wg_var x = wg_variable(tape, WG_DIMS(2), ((float[]){1, 2})), y = wg_square(wg_clip_gradient_norm(wg_neg(x), 1));
    wg_set_value(x, ((float[]){3, 4}));
    assert_int_equal(wg_tape_replay(tape), WG_OK);
    assert_true(wg_at(y, 0) == 9 && wg_at(y, 1) == 16);
    assert_int_equal(wg_backward_from(y, (float[]){1, 1}), WG_OK);
    assert_true(fabs(wg_grad_at(x, 0) - 0.6) < 1e-7 && fabs(wg_grad_at(x, 1) - 0.8) < 1e-7);
    wg_tape_free(tape);
}

static void test_memory(void **state)
{
    (void)state;
    wg_tape_options options = {.dtype = WG_F64, .memory_limit = 100000};
    wg_tape *tape = wg_tape_new_with(&options, NULL);
    wg_var x = wg_variable_f64(tape, WG_DIMS(1000), NULL), y = x;
    for (int k = 0; k < 20; k++) y = wg_clip_gradient(wg_clip_gradient_norm(wg_scale_gradient(y, 0.5), 1), -1, 1);
    assert_true(wg_ok(y)); /* 60 arrays would be 480,000 bytes */
    assert_int_equal(wg_backward(wg_sum(y)), WG_OK);
    wg_tape_free(tape);
}

static void test_errors(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_name(wg_variable_f64(tape, WG_DIMS(3), NULL), "x"),
           y = wg_name(wg_variable_f64(tape, WG_DIMS(2), NULL), "y");
    wg_var indices = wg_indices(tape, WG_DIMS(3), NULL);
    wg_stats before, after;
    wg_tape_stats(tape, &before);
    wg_straight_through(x, y);
    point_expect_error(tape, WG_ERROR_SHAPE, "straight_through", "x (3)", "y (2)", NULL);
    wg_straight_through(indices, x);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "straight_through", "argument 1", "indices", NULL);
    wg_straight_through((wg_var){0}, x);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "straight_through", "argument 1", NULL);
    wg_scale_gradient(x, NONE);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "scale_gradient", "finite", "x (3)", NULL);
    wg_scale_gradient(x, -INF);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "scale_gradient", "-inf", NULL);
    wg_scale_gradient(indices, 1);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "scale_gradient", "indices", NULL);
    wg_clip_gradient(x, 1, 2);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "clip_gradient", "low must be 0 or less, not 1", "x (3)", NULL);
    wg_clip_gradient(x, -1, -0.5);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "clip_gradient", "high must be 0 or more, not -0.5", NULL);
    wg_clip_gradient(x, -1, NONE);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "clip_gradient", "nan", NULL);
    wg_clip_gradient_norm(x, -1);
    point_expect_error(
        tape, WG_ERROR_ARGUMENT, "clip_gradient_norm", "max_norm must be 0 or more, not -1", "x (3)", NULL);
    wg_clip_gradient_norm((wg_var){tape, 1000, 7}, 1);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "clip_gradient_norm", NULL);
    assert_null(wg_straight_through((wg_var){0}, (wg_var){0}).tape);
    assert_null(wg_scale_gradient((wg_var){0}, 1).tape);
    assert_null(wg_clip_gradient((wg_var){0}, -1, 1).tape);
    assert_null(wg_clip_gradient_norm((wg_var){0}, 1).tape);
    wg_tape_stats(tape, &after);
    assert_int_equal(before.nodes, after.nodes);
    wg_tape_free(tape);
}

/* ---- allocations: the identity as a row for its failures alone --------------------------------------------------------------- */

static const row identity = ROW(control, .unary = NULL);
static wg_var apply_all(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    (void)tape, (void)n, (void)user;
    return wg_straight_through(in[0], wg_clip_gradient_norm(wg_clip_gradient(wg_scale_gradient(in[1], 2), -1, 1), 0.5));
}
static void reference_first(array *out, const array *in, size_t n, const void *user)
{
    (void)n, (void)user;
    *out = array_copy(&in[0]);
}

static void test_allocations(void **state)
{
    (void)state;
    static const row_case c = CASE(2, SHAPE(2, 3), SHAPE(2, 3));
    row r = identity;
    r.apply = apply_all;
    r.reference = reference_first;
    r.composite = true;
    r.domain[0] = r.domain[1] = (row_domain)FROM(-1, 1);
    row_fail_allocations(&r, &c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_passed),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_second),
        cmocka_unit_test(test_through_functions),
        cmocka_unit_test(test_tangents),
        cmocka_unit_test(test_replay),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_allocations),
    };
    return cmocka_run_group_tests_name("ops/control", tests, NULL, NULL);
}
