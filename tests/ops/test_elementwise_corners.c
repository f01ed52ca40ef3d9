/* Elementwise ops at kinks, ties, poles, infinities and NaN: the conventions that ops.h states, each in every way that
 * it can be computed. expected is the value and then the slopes. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "support/corner.h"

#include "ops/elementwise/roster.h"

#define WHERE                                                                                                          \
    {                                                                                                                  \
        .name = "wg_where", .ternary = wg_where                                                                        \
    }

/* ---- kinks and ties ---------------------------------------------------------------------------------------------- */

static void test_kinks(void **state)
{
    (void)state;
    EXPECT(UNARY(wg_relu), 3, AT(0), 0, 0);
    EXPECT(UNARY(wg_relu), 3, AT(-0.0), 0, 0);
    EXPECT(UNARY(wg_relu), 3, AT(0.5), 0.5, 3);
    EXPECT(UNARY(wg_relu), 3, AT(-0.5), 0, 0);
    EXPECT(UNARY(wg_abs), 3, AT(0), 0, 0);
    EXPECT(UNARY(wg_abs), 3, AT(-0.0), 0, 0);
    EXPECT(UNARY(wg_abs), 3, AT(-0.5), 0.5, -3);
    EXPECT(UNARY(wg_sqrt), 3, AT(0), 0, INF);
    EXPECT(UNARY(wg_sqrt), -3, AT(0), 0, -INF);
    EXPECT(UNARY(wg_sqrt), 3, AT(-1), NONE, NONE);
    EXPECT(UNARY(wg_reciprocal), 3, AT(0), INF, -INF);
    EXPECT(UNARY(wg_log), 3, AT(0), -INF, INF);
    EXPECT(UNARY(wg_log1p), 3, AT(-1), -INF, INF);
    EXPECT(UNARY(wg_square), 3, AT(0), 0, 0);
}

static void test_ties(void **state)
{
    (void)state;
    EXPECT(BINARY(wg_maximum), 3, AT(2, 2), 2, 1.5, 1.5);
    EXPECT(BINARY(wg_minimum), 3, AT(2, 2), 2, 1.5, 1.5);
    EXPECT(BINARY(wg_maximum), 3, AT(0.0, -0.0), 0, 1.5, 1.5);
    EXPECT(BINARY(wg_minimum), 3, AT(0.0, -0.0), 0, 1.5, 1.5);
    EXPECT(BINARY(wg_maximum), 3, AT(INF, INF), INF, 1.5, 1.5);
    EXPECT(BINARY(wg_maximum), 3, AT(2, 1), 2, 3, 0);
    EXPECT(BINARY(wg_minimum), 3, AT(2, 1), 1, 0, 3);
}

/* f(x, x): both uses count. */
static void test_used_twice(void **state)
{
    (void)state;
    static const struct {
        wg_var (*op)(wg_var, wg_var);
        double slope;
    } uses[] = {{wg_add, 2}, {wg_sub, 0}, {wg_mul, 1.5}, {wg_maximum, 1}, {wg_minimum, 1}, {wg_div, 0}, {wg_less, 0}};
    for (size_t i = 0; i < sizeof uses / sizeof *uses; i++)
        for (int rank = 0; rank < 2; rank++) {
            wg_tape *tape = wg_tape_new(WG_F64);
            double x = 0.75;
            wg_var leaf = wg_variable_f64(tape, (wg_shape){(uint32_t)rank, {1}}, &x), grad;
            wg_var out = uses[i].op(leaf, leaf);
            assert_int_equal(wg_backward(out), WG_OK);
            assert_true(wg_grad_at(leaf, 0) == uses[i].slope);
            assert_int_equal(wg_gradients(out, &leaf, 1, &grad), WG_OK);
            assert_true(wg_item(grad) == uses[i].slope);
            wg_tape_free(tape);
        }
}

static void test_comparisons(void **state)
{
    (void)state;
    EXPECT(BINARY(wg_equal), 3, AT(2, 2), 1, 0, 0);
    EXPECT(BINARY(wg_not_equal), 3, AT(2, 2), 0, 0, 0);
    EXPECT(BINARY(wg_less), 3, AT(2, 2), 0, 0, 0);
    EXPECT(BINARY(wg_less_equal), 3, AT(2, 2), 1, 0, 0);
    EXPECT(BINARY(wg_greater), 3, AT(2, 2), 0, 0, 0);
    EXPECT(BINARY(wg_greater_equal), 3, AT(2, 2), 1, 0, 0);
    EXPECT(BINARY(wg_equal), 3, AT(0.0, -0.0), 1, 0, 0);
    EXPECT(BINARY(wg_less), INF, AT(1, 2), 1, 0, 0);
    for (int side = 0; side < 2; side++) {
        double a = side ? NONE : 1, b = side ? 1 : NONE;
        EXPECT(BINARY(wg_equal), 3, AT(a, b), 0, 0, 0);
        EXPECT(BINARY(wg_not_equal), 3, AT(a, b), 1, 0, 0);
        EXPECT(BINARY(wg_less), 3, AT(a, b), 0, 0, 0);
        EXPECT(BINARY(wg_less_equal), 3, AT(a, b), 0, 0, 0);
        EXPECT(BINARY(wg_greater), 3, AT(a, b), 0, 0, 0);
        EXPECT(BINARY(wg_greater_equal), 3, AT(a, b), 0, 0, 0);
    }
}

/* A comparison on the way stops the derivative, and nothing else. */
static void test_comparison_on_the_way(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(3), ((double[]){-1, 0, 2}));
    wg_var y = wg_mul(wg_greater(x, wg_scalar(tape, 0)), x), grad;
    assert_int_equal(wg_backward_from(y, (double[]){5, 5, 5}), WG_OK);
    assert_memory_equal(wg_grad(x), ((double[]){0, 0, 5}), 3 * sizeof(double));
    assert_int_equal(wg_vjp(y, wg_constant(tape, WG_DIMS(3), ((double[]){5, 5, 5})), &x, 1, &grad), WG_OK);
    for (size_t i = 0; i < 3; i++) assert_true(wg_at(grad, i) == (i == 2 ? 5 : 0));
    wg_tape_free(tape);
}

/* ---- powers ------------------------------------------------------------------------------------------------------ */

static void test_pow(void **state)
{
    (void)state;
    EXPECT(BINARY(wg_pow), 3, AT(0, 0), 1, 0, 0);
    EXPECT(BINARY(wg_pow), 3, AT(0, 1), 0, 3, 0);
    EXPECT(BINARY(wg_pow), 3, AT(0, 2), 0, 0, 0);
    EXPECT(BINARY(wg_pow), 3, AT(0, 0.5), 0, INF, 0);
    EXPECT(BINARY(wg_pow), 3, AT(0, -1), INF, -INF, -INF);
    EXPECT(BINARY(wg_pow), 3, AT(0, NONE), NONE, NONE, NONE);
    EXPECT(BINARY(wg_pow), 3, AT(1, 0), 1, 0, 0);
    EXPECT(BINARY(wg_pow), 3, AT(-2, 3), -8, 36, NONE);
    EXPECT(BINARY(wg_pow), 3, AT(-2, 0), 1, 0, NONE);
    EXPECT(BINARY(wg_pow), 3, AT(-2, 0.5), NONE, NONE, NONE);
    EXPECT(BINARY(wg_pow), 3, AT(-1, 2), 1, -6, NONE);
}

/* Second derivatives at base 0: of b^0, b^1, b^2, b^3 with respect to b they are 0, 0, 2, 0. */
static void test_pow_order_2(void **state)
{
    (void)state;
    for (int e = 0; e <= 3; e++)
        for (int ways = 0; ways < 4; ways++) {
            wg_tape *tape = wg_tape_new(WG_F64);
            wg_var base = wg_variable_f64(tape, (wg_shape){ways & 1, {1}}, NULL);
            wg_var exponent = ways & 2 ? wg_scalar_variable(tape, e) : wg_scalar(tape, e), first;
            assert_int_equal(wg_gradients(wg_pow(base, exponent), &base, 1, &first), WG_OK);
            assert_true(wg_item(first) == (e == 1));
            assert_int_equal(wg_backward(first), WG_OK);
            assert_true(wg_grad_at(base, 0) == (e == 2 ? 2 : 0));
            wg_tape_free(tape);
        }
}

/* ---- selections -------------------------------------------------------------------------------------------------- */

/* Infinite and NaN cotangents go whole to the side taken; the other gets an exact zero, with ieee_zero too. */
static void test_selections(void **state)
{
    (void)state;
    const double cotangents[] = {INF, -INF, NONE};
    for (size_t i = 0; i < 3; i++)
        for (int ieee = 0; ieee < 2; ieee++) {
            double g = cotangents[i];
            SLOPES(UNARY(wg_relu), g, ieee, AT(1), g);
            SLOPES(UNARY(wg_relu), g, ieee, AT(-1), 0);
            SLOPES(UNARY(wg_relu), g, ieee, AT(0), 0);
            SLOPES(UNARY(wg_abs), g, ieee, AT(0), 0);
            SLOPES(UNARY(wg_abs), g, ieee, AT(-1), -g);
            SLOPES(BINARY(wg_maximum), g, ieee, AT(2, 1), g, 0);
            SLOPES(BINARY(wg_maximum), g, ieee, AT(1, 2), 0, g);
            SLOPES(BINARY(wg_minimum), g, ieee, AT(2, 1), 0, g);
            SLOPES(BINARY(wg_minimum), g, ieee, AT(1, 2), g, 0);
            SLOPES(WHERE, g, ieee, AT(1, 5, 7), 0, g, 0);
            SLOPES(WHERE, g, ieee, AT(0, 5, 7), 0, 0, g);
            SLOPES(WHERE, g, ieee, AT(NONE, 5, 7), 0, g, 0);
            SLOPES(BINARY(wg_add), g, ieee, AT(1, 2), g, g);
            SLOPES(BINARY(wg_sub), g, ieee, AT(1, 2), g, -g);
            SLOPES(BINARY(wg_less), g, ieee, AT(1, 2), 0, 0);
        }
}

static void test_nan_values(void **state)
{
    (void)state;
    EXPECT(BINARY(wg_maximum), 0, AT(NONE, 1), NONE, 0, 0);
    EXPECT(BINARY(wg_maximum), 0, AT(1, NONE), NONE, 0, 0);
    EXPECT(BINARY(wg_minimum), 0, AT(NONE, 1), NONE, 0, 0);
    EXPECT(BINARY(wg_minimum), 0, AT(1, NONE), NONE, 0, 0);
    EXPECT(BINARY(wg_maximum), 0, AT(-INF, NONE), NONE, 0, 0);
    EXPECT(BINARY(wg_maximum), 0, AT(INF, NONE), NONE, 0, 0);
    EXPECT(UNARY(wg_relu), 0, AT(NONE), NONE, 0);
    EXPECT(UNARY(wg_abs), 0, AT(NONE), NONE, 0);
    EXPECT(UNARY(wg_sigmoid), 0, AT(NONE), NONE, 0);
    EXPECT(UNARY(wg_softplus), 0, AT(NONE), NONE, 0);
    EXPECT(WHERE, 3, AT(1, 2, NONE), 2, 0, 3, 0);
    EXPECT(WHERE, 3, AT(0, NONE, 2), 2, 0, 0, 3);
    EXPECT(WHERE, 3, AT(NONE, 4, 5), 4, 0, 3, 0);
    EXPECT(BINARY(wg_maximum), 3, AT(INF, -INF), INF, 3, 0);
    EXPECT(BINARY(wg_minimum), 3, AT(INF, -INF), -INF, 0, 3);
}

/* Far out, and at the ends of the line. */
static void test_saturation(void **state)
{
    (void)state;
    EXPECT(UNARY(wg_sigmoid), 3, AT(800), 1, 0);
    EXPECT(UNARY(wg_sigmoid), 3, AT(-800), 0, 0);
    EXPECT(UNARY(wg_sigmoid), 3, AT(INF), 1, 0);
    EXPECT(UNARY(wg_sigmoid), 3, AT(-INF), 0, 0);
    EXPECT(UNARY(wg_softplus), 3, AT(800), 800, 3);
    EXPECT(UNARY(wg_softplus), 3, AT(-800), 0, 0);
    EXPECT(UNARY(wg_softplus), 3, AT(INF), INF, 3);
    EXPECT(UNARY(wg_softplus), 3, AT(-INF), 0, 0);
    EXPECT(UNARY(wg_tanh), 3, AT(800), 1, 0);
    EXPECT(UNARY(wg_tanh), 3, AT(-800), -1, 0);
    EXPECT(UNARY(wg_tanh), 3, AT(INF), 1, 0);
    EXPECT(UNARY(wg_tanh), 3, AT(-INF), -1, 0);
    EXPECT(UNARY(wg_expm1), 3, AT(-800), -1, 0);
    EXPECT(UNARY(wg_expm1), 3, AT(-INF), -1, 0);
    EXPECT(UNARY(wg_exp), 3, AT(-INF), 0, 0);
    EXPECT(UNARY(wg_exp), 3, AT(800), INF, INF);
}

/* ---- errors ------------------------------------------------------------------------------------------------------ */

/* Every public function, from the roster. */
typedef struct named_binary {
    const char *name;
    wg_var (*op)(wg_var, wg_var);
} named_binary;
typedef struct named_unary {
    const char *name;
    wg_var (*op)(wg_var);
} named_unary;
#define NAMED(...)        NAMED_(__VA_ARGS__, )
#define NAMED_(name, ...) {#name, wg_##name},
static const named_binary binaries[] = {EW_PUBLIC_2(NAMED) EW_PUBLIC_CUT_2(NAMED)};
static const named_unary unaries[] = {EW_PUBLIC_1(NAMED) EW_PUBLIC_CUT_1(NAMED)};

static void test_errors_binary(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64), *other = wg_tape_new(WG_F64);
    wg_var w = wg_name(wg_variable(tape, WG_DIMS(2, 3), (double *)NULL), "W1");
    wg_var x = wg_constant(tape, WG_DIMS(4), (double *)NULL), one = wg_scalar_variable(tape, 1);
    wg_var rows_of = wg_name(wg_indices(tape, WG_DIMS(3), NULL), "rows"), far = wg_scalar(other, 1);
    wg_stats before, after;
    wg_tape_stats(tape, &before);
    for (size_t i = 0; i < sizeof binaries / sizeof *binaries; i++) {
        const named_binary *b = &binaries[i];
        wg_var bad = b->op(w, x);
        assert_false(wg_ok(bad));
        assert_ptr_equal(bad.tape, tape);
        assert_true(wg_shape_of(bad).rank == UINT32_MAX);
        point_expect_error(tape, WG_ERROR_SHAPE, b->name, "W1 (2,3)", "(4)", "broadcast", NULL);
        b->op(w, rows_of);
        point_expect_error(tape, WG_ERROR_ARGUMENT, b->name, "argument 2", "rows (3)", "indices", NULL);
        b->op(rows_of, one);
        point_expect_error(tape, WG_ERROR_ARGUMENT, b->name, "argument 1", "indices", NULL);
        b->op(bad, one);
        point_expect_error(tape, WG_ERROR_ARGUMENT, b->name, "argument 1", "invalid", NULL);
        b->op(one, (wg_var){0});
        point_expect_error(tape, WG_ERROR_ARGUMENT, b->name, "argument 2", NULL);
        b->op((wg_var){0}, one);
        point_expect_error(tape, WG_ERROR_ARGUMENT, b->name, "argument 1", NULL);
        assert_null(b->op((wg_var){0}, (wg_var){0}).tape);
        b->op(one, far);
        point_expect_error(other, WG_ERROR_ARGUMENT, b->name, "two tapes", NULL);
        point_expect_error(tape, WG_ERROR_ARGUMENT, b->name, "another tape", NULL);
    }
    wg_tape_stats(tape, &after);
    assert_int_equal(before.nodes, after.nodes);
    wg_tape_free(tape);
    wg_tape_free(other);
}

static void test_errors_unary(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F32);
    wg_var indices = wg_indices(tape, WG_SCALAR, NULL), one = wg_scalar_variable(tape, 1);
    wg_var bad = wg_add(one, indices);
    wg_tape_clear_error(tape);
    for (size_t i = 0; i < sizeof unaries / sizeof *unaries; i++) {
        unaries[i].op(indices);
        point_expect_error(tape, WG_ERROR_ARGUMENT, unaries[i].name, "argument 1", "indices", NULL);
        wg_var worse = unaries[i].op(bad);
        point_expect_error(tape, WG_ERROR_ARGUMENT, unaries[i].name, "argument 1", "invalid", NULL);
        assert_ptr_equal(worse.tape, tape);
        assert_null(unaries[i].op((wg_var){0}).tape);
    }
    wg_tape_free(tape);
}

static void test_errors_where(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var mask = wg_name(wg_constant(tape, WG_DIMS(2, 1), (double *)NULL), "mask");
    wg_var a = wg_variable(tape, WG_DIMS(3), (double *)NULL), b = wg_variable(tape, WG_DIMS(4), (double *)NULL);
    wg_var indices = wg_indices(tape, WG_DIMS(2, 1), NULL);
    wg_where(mask, a, b);
    point_expect_error(tape, WG_ERROR_SHAPE, "where", "mask (2,1)", "(3)", "(4)", NULL);
    wg_where(indices, a, a);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "where", "argument 1", "indices", NULL);
    wg_where(mask, a, (wg_var){0});
    point_expect_error(tape, WG_ERROR_ARGUMENT, "where", "argument 3", NULL);
    wg_where((wg_var){0}, (wg_var){0}, a);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "where", "argument 1", NULL);
    wg_tape_free(tape);
}

/* options.same_rank: a number beside an array is fine, (3) beside (2,3) is not. */
static void test_same_rank(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new_with(&(wg_tape_options){.dtype = WG_F64, .same_rank = true}, NULL);
    wg_var w = wg_name(wg_variable(tape, WG_DIMS(2, 3), (double *)NULL), "W"), one = wg_scalar_variable(tape, 1);
    wg_var row_like = wg_name(wg_variable(tape, WG_DIMS(3), (double *)NULL), "b"), grad;
    wg_var column = wg_variable(tape, WG_DIMS(2, 1), (double *)NULL);
    for (size_t i = 0; i < sizeof binaries / sizeof *binaries; i++) {
        binaries[i].op(w, row_like);
        point_expect_error(tape, WG_ERROR_SHAPE, binaries[i].name, "same_rank", "W (2,3)", "b (3)", NULL);
        assert_true(wg_ok(binaries[i].op(w, one)) && wg_ok(binaries[i].op(one, w)) && wg_ok(binaries[i].op(w, column)));
    }
    wg_where(one, w, row_like);
    point_expect_error(tape, WG_ERROR_SHAPE, "where", "same_rank", NULL);
    /* recorded derivatives mix ranks only by numbers */
    for (size_t i = 0; i < sizeof binaries / sizeof *binaries; i++)
        assert_int_equal(wg_gradients(wg_sum(binaries[i].op(w, column)), &w, 1, &grad), WG_OK);
    for (size_t i = 0; i < sizeof unaries / sizeof *unaries; i++)
        assert_int_equal(wg_gradients(wg_sum(unaries[i].op(w)), &w, 1, &grad), WG_OK);
    wg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinks),
        cmocka_unit_test(test_ties),
        cmocka_unit_test(test_used_twice),
        cmocka_unit_test(test_comparisons),
        cmocka_unit_test(test_comparison_on_the_way),
        cmocka_unit_test(test_pow),
        cmocka_unit_test(test_pow_order_2),
        cmocka_unit_test(test_selections),
        cmocka_unit_test(test_nan_values),
        cmocka_unit_test(test_saturation),
        cmocka_unit_test(test_errors_binary),
        cmocka_unit_test(test_errors_unary),
        cmocka_unit_test(test_errors_where),
        cmocka_unit_test(test_same_rank),
    };
    return cmocka_run_group_tests_name("ops/elementwise, corners", tests, NULL, NULL);
}
