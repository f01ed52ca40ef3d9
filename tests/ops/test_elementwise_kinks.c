/* Elementwise ops in pieces, at the ends of the pieces: activations, bounds, rounding, logic; and the errors of
 * parameters. The conventions are those that ops.h states; the numbers follow from the definitions. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "support/corner.h"

static void test_activations(void **state)
{
    (void)state;
    EXPECT(WITH(wg_leaky_relu, 0.25), 3, AT(0), 0, 0.75);
    EXPECT(WITH(wg_leaky_relu, 0.25), 3, AT(-0.0), 0, 0.75);
    EXPECT(WITH(wg_leaky_relu, 0.25), 3, AT(2), 2, 3);
    EXPECT(WITH(wg_leaky_relu, 0.25), 3, AT(-2), -0.5, 0.75);
    EXPECT(WITH(wg_leaky_relu, -1), 3, AT(-2), 2, -3);
    EXPECT(WITH(wg_leaky_relu, 0.25), 0, AT(NONE), NONE, 0);
    EXPECT(WITH(wg_elu, 2), 3, AT(0), 0, 6);
    EXPECT(WITH(wg_elu, 2), 3, AT(0.5), 0.5, 3);
    EXPECT(WITH(wg_elu, 2), 3, AT(800), 800, 3);
    EXPECT(WITH(wg_elu, 2), 3, AT(-INF), -2, 0);
    EXPECT(WITH(wg_elu, 2), 0, AT(NONE), NONE, 0);
    EXPECT(WITH(wg_celu, 2), 3, AT(0), 0, 3);
    EXPECT(WITH(wg_celu, 2), 3, AT(800), 800, 3);
    EXPECT(WITH(wg_celu, 2), 3, AT(-INF), -2, 0);
    EXPECT(UNARY(wg_selu), 3, AT(-INF), -1.7580993408473768599, 0);
    EXPECT(UNARY(wg_selu), 1, AT(1), 1.0507009873554804934, 1.0507009873554804934);
    EXPECT(UNARY(wg_selu), 1, AT(0), 0, 1.7580993408473768599);
    EXPECT(UNARY(wg_softsign), 3, AT(0), 0, 3);
    EXPECT(UNARY(wg_softsign), 3, AT(1), 0.5, 0.75);
    EXPECT(UNARY(wg_softsign), 3, AT(INF), 1, 0);
    EXPECT(UNARY(wg_softsign), 3, AT(-INF), -1, 0);
}

static void test_straight_pieces(void **state)
{
    (void)state;
    EXPECT(UNARY(wg_relu6), 3, AT(0), 0, 0);
    EXPECT(UNARY(wg_relu6), 3, AT(6), 6, 0);
    EXPECT(UNARY(wg_relu6), 3, AT(3), 3, 3);
    EXPECT(UNARY(wg_relu6), 3, AT(-1), 0, 0);
    EXPECT(UNARY(wg_relu6), 3, AT(INF), 6, 0);
    EXPECT(UNARY(wg_relu6), 0, AT(NONE), NONE, 0);
    EXPECT(UNARY(wg_hardsigmoid), 3, AT(-3), 0, 0);
    EXPECT(UNARY(wg_hardsigmoid), 3, AT(3), 1, 0);
    EXPECT(UNARY(wg_hardsigmoid), 3, AT(0), 0.5, 0.5);
    EXPECT(UNARY(wg_hardsigmoid), 3, AT(INF), 1, 0);
    EXPECT(UNARY(wg_hardsigmoid), 3, AT(-INF), 0, 0);
    EXPECT(UNARY(wg_hardsigmoid), 0, AT(NONE), NONE, 0);
    EXPECT(UNARY(wg_hardswish), 3, AT(-3), 0, 0);
    EXPECT(UNARY(wg_hardswish), 3, AT(3), 3, 3);
    EXPECT(UNARY(wg_hardswish), 3, AT(-1.5), -0.375, 0);
    EXPECT(UNARY(wg_hardswish), 3, AT(0), 0, 1.5);
    EXPECT(UNARY(wg_hardswish), 3, AT(INF), INF, 3);
    EXPECT(UNARY(wg_hardswish), 3, AT(-INF), 0, 0);
    EXPECT(UNARY(wg_hardswish), 0, AT(NONE), NONE, 0);
}

static void test_shrinking(void **state)
{
    (void)state;
    EXPECT(BINARY(wg_prelu), 3, AT(0, 0.25), 0, 0.75, 0);
    EXPECT(BINARY(wg_prelu), 3, AT(2, 0.25), 2, 3, 0);
    EXPECT(BINARY(wg_prelu), 3, AT(-2, 0.25), -0.5, 0.75, -6);
    EXPECT(BINARY(wg_prelu), 3, AT(INF, NONE), INF, 3, 0);
    EXPECT(BINARY(wg_prelu), 0, AT(NONE, 0.25), NONE, 0, 0);
    EXPECT(WITH_TWO(wg_threshold, 1, -7), 3, AT(1), -7, 0);
    EXPECT(WITH_TWO(wg_threshold, 1, -7), 3, AT(1.5), 1.5, 3);
    EXPECT(WITH_TWO(wg_threshold, 1, -7), 3, AT(-INF), -7, 0);
    EXPECT(WITH_TWO(wg_threshold, 1, -7), 0, AT(NONE), NONE, 0);
    EXPECT(WITH(wg_hardshrink, 0.5), 3, AT(0.5), 0, 0);
    EXPECT(WITH(wg_hardshrink, 0.5), 3, AT(-0.5), 0, 0);
    EXPECT(WITH(wg_hardshrink, 0.5), 3, AT(-0.75), -0.75, 3);
    EXPECT(WITH(wg_hardshrink, 0), 3, AT(0), 0, 0);
    EXPECT(WITH(wg_hardshrink, 0.5), 3, AT(-INF), -INF, 3);
    EXPECT(WITH(wg_hardshrink, INF), 3, AT(INF), 0, 0);
    EXPECT(WITH(wg_hardshrink, 0.5), 0, AT(NONE), NONE, 0);
    EXPECT(WITH(wg_softshrink, 0.5), 3, AT(0.5), 0, 0);
    EXPECT(WITH(wg_softshrink, 0.5), 3, AT(-0.5), 0, 0);
    EXPECT(WITH(wg_softshrink, 0.5), 3, AT(-0.75), -0.25, 3);
    EXPECT(WITH(wg_softshrink, 0.5), 3, AT(2), 1.5, 3);
    EXPECT(WITH(wg_softshrink, 0.5), 3, AT(INF), INF, 3);
    EXPECT(WITH(wg_softshrink, 0.5), 0, AT(NONE), NONE, 0);
    EXPECT(UNARY(wg_tanhshrink), 3, AT(0), 0, 0);
    EXPECT(UNARY(wg_tanhshrink), 3, AT(INF), INF, 3);
    EXPECT(UNARY(wg_tanhshrink), 3, AT(-800), -799, 3);
    EXPECT(UNARY(wg_tanhshrink), 0, AT(NONE), NONE, 0);
}

/* Ties as in maximum; a NaN loses against a number, whose derivative is whole. */
static void test_fmax_and_fmin(void **state)
{
    (void)state;
    EXPECT(BINARY(wg_fmax), 3, AT(2, 1), 2, 3, 0);
    EXPECT(BINARY(wg_fmin), 3, AT(2, 1), 1, 0, 3);
    EXPECT(BINARY(wg_fmax), 3, AT(2, 2), 2, 1.5, 1.5);
    EXPECT(BINARY(wg_fmin), 3, AT(INF, INF), INF, 1.5, 1.5);
    EXPECT(BINARY(wg_fmax), 3, AT(NONE, -INF), -INF, 0, 3);
    EXPECT(BINARY(wg_fmax), 3, AT(-INF, NONE), -INF, 3, 0);
    EXPECT(BINARY(wg_fmin), 3, AT(NONE, 1), 1, 0, 3);
    EXPECT(BINARY(wg_fmin), 3, AT(1, NONE), 1, 3, 0);
    EXPECT(BINARY(wg_fmax), 3, AT(NONE, NONE), NONE, 3, 0);
    EXPECT(BINARY(wg_fmin), 3, AT(NONE, NONE), NONE, 3, 0);
    EXPECT(BINARY(wg_fmin), 3, AT(-INF, INF), -INF, 3, 0);
}

static void test_bounds(void **state)
{
    (void)state;
    EXPECT(WITH_TWO(wg_clamp, -1, 1), 3, AT(-1), -1, 3);
    EXPECT(WITH_TWO(wg_clamp, -1, 1), 3, AT(1), 1, 3);
    EXPECT(WITH_TWO(wg_clamp, -1, 1), 3, AT(2), 1, 0);
    EXPECT(WITH_TWO(wg_clamp, -1, 1), 3, AT(-INF), -1, 0);
    EXPECT(WITH_TWO(wg_clamp, 1, 1), 3, AT(1), 1, 3);
    EXPECT(WITH_TWO(wg_clamp, 1, 1), 3, AT(0), 1, 0);
    EXPECT(WITH_TWO(wg_clamp, -INF, INF), 3, AT(INF), INF, 3);
    EXPECT(WITH_TWO(wg_clamp, -1, 1), 0, AT(NONE), NONE, 0);
    EXPECT(WITH(wg_clamp_min, 0.5), 3, AT(0.5), 0.5, 3);
    EXPECT(WITH(wg_clamp_min, 0.5), 3, AT(0.25), 0.5, 0);
    EXPECT(WITH(wg_clamp_min, 0.5), 3, AT(INF), INF, 3);
    EXPECT(WITH(wg_clamp_max, 0.5), 3, AT(0.5), 0.5, 3);
    EXPECT(WITH(wg_clamp_max, 0.5), 3, AT(0.75), 0.5, 0);
    EXPECT(WITH_TWO(wg_hardtanh, -1, 2), 3, AT(-1), -1, 0);
    EXPECT(WITH_TWO(wg_hardtanh, -1, 2), 3, AT(2), 2, 0);
    EXPECT(WITH_TWO(wg_hardtanh, -1, 2), 3, AT(1.5), 1.5, 3);
    EXPECT(WITH_TWO(wg_hardtanh, -1, 2), 3, AT(-7), -1, 0);
    EXPECT(WITH_TWO(wg_hardtanh, -1, 2), 0, AT(NONE), NONE, 0);
}

static void test_copysign(void **state)
{
    (void)state;
    EXPECT(BINARY(wg_copysign), 3, AT(2, -1), -2, -3, 0);
    EXPECT(BINARY(wg_copysign), 3, AT(-2, 1), 2, -3, 0);
    EXPECT(BINARY(wg_copysign), 3, AT(2, 1), 2, 3, 0);
    EXPECT(BINARY(wg_copysign), 3, AT(-2, -0.0), -2, 3, 0);
    EXPECT(BINARY(wg_copysign), 3, AT(2, -0.0), -2, -3, 0);
    EXPECT(BINARY(wg_copysign), 3, AT(0, -1), 0, 0, 0);
    EXPECT(BINARY(wg_copysign), 3, AT(INF, -1), -INF, -3, 0);
}

/* Selections pass an infinite or NaN cotangent whole or not at all, with ieee_zero too. */
static void test_selections(void **state)
{
    (void)state;
    const double cotangents[] = {INF, -INF, NONE};
    for (size_t i = 0; i < 3; i++)
        for (int ieee = 0; ieee < 2; ieee++) {
            double g = cotangents[i];
            SLOPES(WITH_TWO(wg_clamp, -1, 1), g, ieee, AT(0.5), g);
            SLOPES(WITH_TWO(wg_clamp, -1, 1), g, ieee, AT(1), g);
            SLOPES(WITH_TWO(wg_clamp, -1, 1), g, ieee, AT(2), 0);
            SLOPES(WITH_TWO(wg_hardtanh, -1, 1), g, ieee, AT(0.5), g);
            SLOPES(WITH_TWO(wg_hardtanh, -1, 1), g, ieee, AT(1), 0);
            SLOPES(UNARY(wg_relu6), g, ieee, AT(1), g);
            SLOPES(UNARY(wg_relu6), g, ieee, AT(7), 0);
            SLOPES(WITH(wg_leaky_relu, 0.5), g, ieee, AT(1), g);
            SLOPES(WITH(wg_elu, 1), g, ieee, AT(1), g);
            SLOPES(WITH(wg_hardshrink, 0.5), g, ieee, AT(0.25), 0);
            SLOPES(WITH(wg_softshrink, 0.5), g, ieee, AT(1), g);
            SLOPES(WITH_TWO(wg_threshold, 0, 1), g, ieee, AT(-1), 0);
            SLOPES(BINARY(wg_prelu), g, ieee, AT(1, 0.5), g, 0);
            SLOPES(BINARY(wg_fmax), g, ieee, AT(1, 2), 0, g);
            SLOPES(BINARY(wg_fmin), g, ieee, AT(NONE, 2), 0, g);
            SLOPES(UNARY(wg_frac), g, ieee, AT(1.5), g);
            SLOPES(UNARY(wg_hardswish), g, ieee, AT(4), g);
            SLOPES(UNARY(wg_hardswish), g, ieee, AT(-4), 0);
            SLOPES(UNARY(wg_hardsigmoid), g, ieee, AT(-4), 0);
            SLOPES(BINARY(wg_copysign), g, ieee, AT(2, -1), -g, 0);
            SLOPES(UNARY(wg_floor), g, ieee, AT(0.5), 0);
            SLOPES(WITH(wg_heaviside, 1), g, ieee, AT(0), 0);
            SLOPES(BINARY(wg_logical_or), g, ieee, AT(0, 1), 0, 0);
        }
}

static void test_rounding(void **state)
{
    (void)state;
    static const struct {
        double x, floor, ceil, trunc, round;
    } at[] = {{-2.5, -3, -2, -2, -2}, {-1.5, -2, -1, -1, -2}, {-0.5, -1, 0, 0, 0}, {0.5, 0, 1, 0, 0}, {1.5, 1, 2, 1, 2},
        {2.5, 2, 3, 2, 2}, {-0.75, -1, 0, 0, -1}, {3, 3, 3, 3, 3}, {0, 0, 0, 0, 0},
        {8388609, 8388609, 8388609, 8388609, 8388609}, {INFINITY, INFINITY, INFINITY, INFINITY, INFINITY},
        {NAN, NAN, NAN, NAN, NAN}};
    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        EXPECT(UNARY(wg_floor), 3, AT(at[i].x), at[i].floor, 0);
        EXPECT(UNARY(wg_ceil), 3, AT(at[i].x), at[i].ceil, 0);
        EXPECT(UNARY(wg_trunc), 3, AT(at[i].x), at[i].trunc, 0);
        EXPECT(UNARY(wg_round), 3, AT(at[i].x), at[i].round, 0);
    }
}

/* Of Python's // and %: a = b (a // b) + a % b. 1 / 0.1 rounds to 10, but 0.1 fits 9 times. */
static void test_floor_divide_and_frac(void **state)
{
    (void)state;
    EXPECT(BINARY(wg_floor_divide), 3, AT(5, 3), 1, 0, 0);
    EXPECT(BINARY(wg_floor_divide), 3, AT(-5, 3), -2, 0, 0);
    EXPECT(BINARY(wg_floor_divide), 3, AT(5, -3), -2, 0, 0);
    EXPECT(BINARY(wg_floor_divide), 3, AT(-5, -3), 1, 0, 0);
    EXPECT(BINARY(wg_floor_divide), 3, AT(6, -3), -2, 0, 0);
    EXPECT(BINARY(wg_floor_divide), 3, AT(1, 0.1), 9, 0, 0);
    EXPECT(BINARY(wg_floor_divide), 3, AT(-1e-20, 1), -1, 0, 0);
    EXPECT(BINARY(wg_floor_divide), 3, AT(0x1p30, 3), 357913941, 0, 0);
    EXPECT(BINARY(wg_floor_divide), 3, AT(1, INF), 0, 0, 0);
    EXPECT(BINARY(wg_floor_divide), 3, AT(-1, INF), -1, 0, 0);
    EXPECT(BINARY(wg_floor_divide), 3, AT(-1, 0.0), -INF, 0, 0);
    EXPECT(BINARY(wg_floor_divide), 3, AT(0, 0), NONE, 0, 0);
    EXPECT(BINARY(wg_floor_divide), 3, AT(INF, 2), NONE, 0, 0);
    EXPECT(BINARY(wg_floor_divide), 3, AT(NONE, 2), NONE, 0, 0);
    EXPECT(UNARY(wg_frac), 3, AT(2.75), 0.75, 3);
    EXPECT(UNARY(wg_frac), 3, AT(-2.75), -0.75, 3);
    EXPECT(UNARY(wg_frac), 3, AT(-2), 0, 3);
    EXPECT(UNARY(wg_frac), 3, AT(INF), NONE, 3);
    EXPECT(UNARY(wg_frac), 0, AT(NONE), NONE, 0);
    EXPECT(UNARY(wg_signbit), 3, AT(0), 0, 0);
    EXPECT(UNARY(wg_signbit), 3, AT(-0.0), 1, 0);
    EXPECT(UNARY(wg_signbit), 3, AT(-INF), 1, 0);
    EXPECT(UNARY(wg_signbit), 3, AT(copysign(NONE, -1)), 1, 0);
    EXPECT(UNARY(wg_signbit), 3, AT(copysign(NONE, 1)), 0, 0);
}

static void test_signs_and_kinds(void **state)
{
    (void)state;
    static const struct {
        double x, sign, step, nan, infinite, finite, not ;
    } at[] = {{-2, -1, 0, 0, 0, 1, 0}, {0, 0, 0.5, 0, 0, 1, 1}, {-0.0, 0, 0.5, 0, 0, 1, 1}, {0.125, 1, 1, 0, 0, 1, 0},
        {INFINITY, 1, 1, 0, 1, 0, 0}, {-INFINITY, -1, 0, 0, 1, 0, 0}, {NAN, NAN, NAN, 1, 0, 0, 0}};
    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        EXPECT(UNARY(wg_sign), 3, AT(at[i].x), at[i].sign, 0);
        EXPECT(WITH(wg_heaviside, 0.5), 3, AT(at[i].x), at[i].step, 0);
        EXPECT(UNARY(wg_isnan), 3, AT(at[i].x), at[i].nan, 0);
        EXPECT(UNARY(wg_isinf), 3, AT(at[i].x), at[i].infinite, 0);
        EXPECT(UNARY(wg_isfinite), 3, AT(at[i].x), at[i].finite, 0);
        EXPECT(UNARY(wg_logical_not), 3, AT(at[i].x), at[i].not, 0);
    }
    EXPECT(WITH(wg_heaviside, -7), 3, AT(0), -7, 0);
}

static void test_logic(void **state)
{
    (void)state;
    const double numbers[] = {0, -0.0, 1, -2, INF, NONE};
    for (size_t i = 0; i < 6; i++)
        for (size_t j = 0; j < 6; j++) {
            bool a = i > 1, b = j > 1;
            EXPECT(BINARY(wg_logical_and), 3, AT(numbers[i], numbers[j]), a && b, 0, 0);
            EXPECT(BINARY(wg_logical_or), 3, AT(numbers[i], numbers[j]), a || b, 0, 0);
            EXPECT(BINARY(wg_logical_xor), 3, AT(numbers[i], numbers[j]), a != b, 0, 0);
        }
}

/* ---- errors ------------------------------------------------------------------------------------------------------ */

static void test_errors_of_parameters(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_name(wg_variable(tape, WG_DIMS(2), (double *)NULL), "x");
    wg_var rows = wg_name(wg_indices(tape, WG_DIMS(3), NULL), "rows");
    wg_stats before, after;
    wg_tape_stats(tape, &before);
    assert_false(wg_ok(wg_clamp(x, 2, 1)));
    point_expect_error(tape, WG_ERROR_ARGUMENT, "clamp: ", "low bound 2", "high bound 1", NULL);
    wg_clamp(x, NONE, 1);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "clamp: ", "nan", NULL);
    wg_clamp(x, 0, NONE);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "clamp: ", "nan", NULL);
    wg_clamp_min(x, NONE);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "clamp_min: ", "nan", NULL);
    wg_clamp_max(x, NONE);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "clamp_max: ", "nan", NULL);
    wg_hardtanh(x, 1, -1);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "hardtanh: ", "low bound 1", "high bound -1", NULL);
    wg_celu(x, 0);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "celu: ", "alpha", NULL);
    wg_threshold(x, NONE, 1);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "threshold: ", "not a number", NULL);
    wg_hardshrink(x, -0.5);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "hardshrink: ", "-0.5", NULL);
    wg_softshrink(x, NONE);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "softshrink: ", "nan", NULL);
    wg_elu(rows, 1);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "elu: ", "argument 1", "rows (3)", "indices", NULL);
    wg_clamp(wg_clamp(x, 2, 1), 0, 1);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "clamp: ", "low bound 2", NULL);
    assert_null(wg_clamp((wg_var){0}, 0, 1).tape);
    assert_null(wg_clamp((wg_var){0}, 1, 0).tape);
    assert_null(wg_celu((wg_var){0}, 0).tape);
    assert_null(wg_leaky_relu((wg_var){0}, 1).tape);
    assert_null(wg_threshold((wg_var){0}, NONE, 1).tape);
    assert_null(wg_softshrink((wg_var){0}, -1).tape);
    wg_tape_stats(tape, &after);
    assert_int_equal(before.nodes, after.nodes);
    wg_tape_free(tape);
}

static void test_errors_of_three(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var a = wg_name(wg_variable(tape, WG_DIMS(2, 3), (double *)NULL), "A");
    wg_var b = wg_variable(tape, WG_DIMS(4), (double *)NULL), indices = wg_indices(tape, WG_DIMS(3), NULL);
    wg_fma(a, a, b);
    point_expect_error(tape, WG_ERROR_SHAPE, "fma: ", "A (2,3)", "(4)", "broadcast", NULL);
    wg_lerp(a, indices, a);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "lerp: ", "argument 2", "indices", NULL);
    wg_lerp(a, a, (wg_var){0});
    point_expect_error(tape, WG_ERROR_ARGUMENT, "lerp: ", "argument 3", NULL);
    wg_masked_fill(a, b, 0);
    point_expect_error(tape, WG_ERROR_SHAPE, "masked_fill: ", "A (2,3)", "(4)", "broadcast", NULL);
    wg_masked_fill(a, indices, 0);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "masked_fill: ", "argument 2", "indices", NULL);
    wg_masked_fill((wg_var){0}, a, 0);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "masked_fill: ", "argument 1", NULL);
    assert_null(wg_masked_fill((wg_var){0}, (wg_var){0}, 0).tape);
    wg_tape_free(tape);
}

/* Parameters cost no leaf, and stay with their node when the tape is replayed. */
static void test_parameters_on_the_tape(void **state)
{
    (void)state;
    for (uint32_t rank = 0; rank < 2; rank++) {
        wg_tape *tape = wg_tape_new(WG_F64);
        double x = -2, moved = 4;
        wg_var leaf = wg_variable_f64(tape, (wg_shape){rank, {1}}, &x), grad;
        wg_stats before, after;
        wg_tape_stats(tape, &before);
        wg_var y = wg_clamp(wg_leaky_relu(leaf, 0.25), -1, 3);
        wg_tape_stats(tape, &after);
        assert_int_equal(after.nodes, before.nodes + 2);
        assert_true(wg_item(y) == -0.5);
        assert_int_equal(wg_gradients(y, &leaf, 1, &grad), WG_OK);
        assert_true(wg_item(grad) == 0.25);
        assert_int_equal(wg_set_value_f64(leaf, &moved), WG_OK);
        assert_int_equal(wg_tape_replay(tape), WG_OK);
        assert_true(wg_item(y) == 3 && wg_item(grad) == 0);
        assert_int_equal(wg_backward(y), WG_OK);
        assert_true(wg_grad_at(leaf, 0) == 0);
        wg_tape_free(tape);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_activations),
        cmocka_unit_test(test_straight_pieces),
        cmocka_unit_test(test_shrinking),
        cmocka_unit_test(test_fmax_and_fmin),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_copysign),
        cmocka_unit_test(test_selections),
        cmocka_unit_test(test_rounding),
        cmocka_unit_test(test_floor_divide_and_frac),
        cmocka_unit_test(test_signs_and_kinds),
        cmocka_unit_test(test_logic),
        cmocka_unit_test(test_errors_of_parameters),
        cmocka_unit_test(test_errors_of_three),
        cmocka_unit_test(test_parameters_on_the_tape),
    };
    return cmocka_run_group_tests_name("ops/elementwise, kinks", tests, NULL, NULL);
}
