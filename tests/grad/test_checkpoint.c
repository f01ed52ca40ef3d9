/* Checkpoints: the same values and gradients, to the last bit, as without them; every reading of derivatives; replay;
 * memory that grows like the square root of a chain. What a checkpointed function must not do: test_checkpoint_misuse.c. */
#include "grad/checkpointed.h"

static wg_var checkpoint(wg_function f, void *user, const wg_var *in, size_t n, bool apart)
{
    return apart ? wg_checkpoint(in[0].tape, f, user, in, n) : f(in[0].tape, user, in, n);
}

/* tanh(W x + x), with what it takes: arrays, views, lazy transposes. */
static wg_var layer(wg_tape *t, void *user, const wg_var *in, size_t n)
{
    (void)t;
    (void)user;
    (void)n;
    wg_var turned = wg_transpose(in[0]);
    return wg_tanh(wg_add(wg_matmul(turned, in[1]), wg_reshape(in[1], wg_shape_of(in[1]))));
}

/* ---- the same, to the last bit ---------------------------------------------------------------------------------------------- */

typedef struct outcome {
    double value, w[4], x[2], b;
} outcome;

/* Three layers and some scalars; apart says which stretches are checkpointed, by bits. */
static outcome run(wg_dtype dtype, unsigned apart)
{
    outcome o;
    int steps = 5;
    wg_tape *t = wg_tape_new(dtype);
    wg_var W = wg_variable(t, WG_DIMS(2, 2), (double[]){0.5, -0.25, 1, 0.75});
    wg_var x = wg_variable(t, WG_DIMS(2, 1), (double[]){0.3, -0.7}), b = wg_scalar_variable(t, 0.1), y = x;
    for (unsigned k = 0; k < 3; k++) y = checkpoint(layer, NULL, (wg_var[]){W, y}, 2, apart >> k & 1);
    wg_var s = checkpoint(swing, &steps, (wg_var[]){wg_sum(y), b}, 2, apart >> 3 & 1);
    s = checkpoint(swing, &steps, (wg_var[]){s, b}, 2, apart >> 4 & 1);
    wg_backward(wg_mul(s, wg_exp(b)));
    EXPECT_HEALTHY(t);
    o.value = wg_item(s);
    for (size_t i = 0; i < 4; i++) o.w[i] = wg_grad_at(W, i);
    for (size_t i = 0; i < 2; i++) o.x[i] = wg_grad_at(x, i);
    o.b = wg_grad_at(b, 0);
    wg_tape_free(t);
    return o;
}

static void same_bits(wg_dtype dtype)
{
    outcome plain = run(dtype, 0);
    for (unsigned apart = 1; apart < 32; apart++) {
        outcome o = run(dtype, apart);
        assert_memory_equal(&o, &plain, sizeof o);
    }
}
IN_BOTH(same_bits)

/* A checkpoint within a checkpoint, twice deep. user: how deep to go. */
static wg_var nested(wg_tape *t, void *user, const wg_var *in, size_t n)
{
    int *deep = user;
    int steps = 3;
    wg_var y = swing(t, &steps, in, n);
    return *deep ? wg_checkpoint(t, nested, deep - 1, (wg_var[]){y, in[1]}, 2) : y;
}

static void nesting(wg_dtype dtype)
{
    int depths[] = {0, 1, 2}, twelve = 9;
    wg_tape *t = wg_tape_new(dtype);
    wg_var y = wg_scalar_variable(t, 0.8), b = wg_scalar_variable(t, 0.4), in[] = {y, b};
    wg_var apart = wg_checkpoint(t, nested, &depths[2], in, 2), plain = swing(t, &twelve, in, 2);
    EXPECT_VALUE(apart, 0, (double[]){wg_item(plain)}, 1);
    wg_backward(plain);
    double gy = wg_grad_at(y, 0), gb = wg_grad_at(b, 0);
    wg_zero_grad(t);
    size_t before = nodes_of(t);
    wg_backward(apart);
    assert_int_equal(nodes_of(t), before);
    EXPECT_GRAD(y, 0, &gy, 1);
    EXPECT_GRAD(b, 0, &gb, 1);
    wg_tape_free(t);
}
IN_BOTH(nesting)

/* ---- every reading ------------------------------------------------------------------------------------------------------------ */

static void every_order(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = wg_scalar_variable(t, 2), y = wg_scalar_variable(t, 5), in[] = {x, y};
    wg_var f = wg_checkpoint(t, cube, NULL, in, 2), g[2], h[2], third, tangent;
    double numbers[4];
    wg_gradients(f, in, 2, g);
    EXPECT_VALUE(g[0], 0, NUMBERS(60));
    EXPECT_VALUE(g[1], 0, NUMBERS(8));
    wg_gradients(g[0], in, 2, h);
    EXPECT_VALUE(h[0], 0, NUMBERS(60));
    EXPECT_VALUE(h[1], 0, NUMBERS(12));
    wg_gradients(h[0], &x, 1, &third);
    EXPECT_VALUE(third, 0, NUMBERS(30));
    assert_int_equal(wg_hessian(f, in, 2, numbers), WG_OK);
    assert_int_equal(wg_jvp(f, in, (wg_var[]){wg_scalar(t, 1), wg_scalar(t, -1)}, 2, &tangent), WG_OK);
    EXPECT_VALUE(tangent, 0, NUMBERS(60 - 8));
    const double want[] = {60, 12, 12, 0};
    for (size_t i = 0; i < 4; i++) EXPECT_CLOSE(get(dtype, numbers, i), want[i], 0);
    wg_var twice = wg_checkpoint(t, cube, NULL, (wg_var[]){x, x}, 2); /* x^4, through two arguments that are one */
    wg_gradients(twice, &x, 1, g);
    EXPECT_VALUE(g[0], 0, NUMBERS(32));
    wg_jvp(twice, &x, (wg_var[]){wg_scalar(t, 1)}, 1, &tangent);
    EXPECT_VALUE(tangent, 0, NUMBERS(32));
    wg_zero_grad(t);
    wg_backward(twice);
    EXPECT_GRAD(x, 0, NUMBERS(32));
    EXPECT_HEALTHY(t);
    wg_tape_free(t);
}
IN_BOTH(every_order)

/* A derivative taken within the function: d/dx x^3 y = 3 x^2 y, whose own gradient is (6 x y, 3 x^2). */
static wg_var slope_of_cube(wg_tape *t, void *user, const wg_var *in, size_t n)
{
    wg_var g;
    wg_gradients(cube(t, user, in, n), in, 1, &g);
    return g;
}

static void gradients_within(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var in[] = {wg_scalar_variable(t, 2), wg_scalar_variable(t, 5)}, g[2];
    wg_var f = wg_checkpoint(t, slope_of_cube, NULL, in, 2);
    EXPECT_VALUE(f, 0, NUMBERS(60));
    wg_backward(f);
    EXPECT_GRAD(in[0], 0, NUMBERS(60));
    EXPECT_GRAD(in[1], 0, NUMBERS(12));
    wg_gradients(f, in, 2, g);
    EXPECT_VALUE(g[0], 0, NUMBERS(60));
    wg_tape_free(t);
}
IN_BOTH(gradients_within)

/* The tangent, recorded, costs what it would without the checkpoint, beside what the function records; and it may be taken
 * within one, through another: of x^3 y in the direction (1, 0), which is 3 x^2 y. */
static wg_var tangent_of_cube(wg_tape *t, void *user, const wg_var *in, size_t n)
{
    wg_var tangent, zero = wg_scalar(t, 0), directions[] = {wg_scalar(t, 1), zero};
    wg_jvp(wg_checkpoint(t, cube, user, in, n), in, directions, 2, &tangent);
    return tangent;
}

static void tangents(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    int steps = 50;
    wg_var x = wg_scalar_variable(t, 2), y = wg_scalar_variable(t, 5), in[] = {x, y}, tangent[2], one = wg_scalar(t, 1);
    wg_var f = wg_checkpoint(t, tangent_of_cube, NULL, in, 2);
    EXPECT_VALUE(f, 0, NUMBERS(60));
    wg_backward(f);
    EXPECT_GRAD(x, 0, NUMBERS(60));
    EXPECT_GRAD(y, 0, NUMBERS(12));
    assert_int_equal(wg_jvp(f, &y, &one, 1, tangent), WG_OK);
    EXPECT_VALUE(tangent[0], 0, NUMBERS(12));
    size_t nodes[3];
    for (size_t apart = 2; apart-- > 0;) {
        wg_var swung = checkpoint(swing, &steps, in, 2, apart);
        nodes[apart] = nodes_of(t);
        wg_jvp(swung, in, (wg_var[]){one, one}, 2, &tangent[apart]);
        nodes[apart] = nodes_of(t) - nodes[apart];
    }
    assert_int_equal(nodes[1], nodes[0] + 3 * (size_t)steps);
    EXPECT_VALUE(tangent[1], 0, (double[]){wg_item(tangent[0])}, 1);
    wg_var back = wg_checkpoint(t, hand_back, NULL, &x, 1); /* an argument handed back: its tangent is */
    wg_jvp(back, &x, &one, 1, tangent);
    EXPECT_VALUE(tangent[0], 0, NUMBERS(1));
    EXPECT_HEALTHY(t);
    wg_tape_free(t);
}
IN_BOTH(tangents)

/* sin(x c) in two checkpoints, one in the other, where c is a constant and no argument: c can be differentiated for. */
static wg_var times_captured(wg_tape *t, void *user, const wg_var *in, size_t n)
{
    (void)t;
    (void)n;
    return wg_mul(in[0], *(const wg_var *)user);
}

static wg_var sine_of_captured(wg_tape *t, void *user, const wg_var *in, size_t n)
{
    return wg_sin(wg_checkpoint(t, times_captured, user, in, n));
}

static void captured_within(wg_dtype dtype)
{
    double J, H;
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = wg_scalar_variable(t, 0.5), c = wg_scalar(t, 3), f = wg_checkpoint(t, sine_of_captured, &c, &x, 1);
    assert_int_equal(wg_jacobian(f, &c, 1, &J), WG_OK);
    EXPECT_CLOSE(get(dtype, &J, 0), 0.5 * cos(1.5), roundings(dtype, 4));
    assert_int_equal(wg_hessian(f, &c, 1, &H), WG_OK);
    EXPECT_CLOSE(get(dtype, &H, 0), -0.25 * sin(1.5), roundings(dtype, 4));
    EXPECT_HEALTHY(t);
    wg_tape_free(t);
}
IN_BOTH(captured_within)

/* Very many arguments, the newest first and each twice: x_i enters twice as a factor of 1 + i. */
static wg_var weighted(wg_tape *t, void *user, const wg_var *in, size_t n)
{
    (void)user;
    wg_var sum = wg_scalar(t, 0);
    for (size_t i = 0; i < n; i++) sum = wg_add(sum, wg_mul(in[i], wg_scalar(t, 1 + (double)(i / 2))));
    return sum;
}

static void very_many_arguments(void **state)
{
    (void)state;
    enum { N = 20000 };
    static wg_var in[2 * N], x[N], grads[N];
    wg_tape *t = wg_tape_new(WG_F64);
    for (size_t i = N; i-- > 0;) in[2 * i] = in[2 * i + 1] = x[i] = wg_scalar_variable(t, 1);
    wg_var f = wg_checkpoint(t, weighted, NULL, in, (size_t)2 * N);
    wg_backward(f);
    wg_gradients(f, x, N, grads);
    EXPECT_HEALTHY(t);
    for (size_t i = 0; i < N; i++) {
        EXPECT_GRAD(x[i], 0, NUMBERS(2 * (1 + (double)i)));
        EXPECT_VALUE(grads[i], 0, NUMBERS(2 * (1 + (double)i)));
    }
    wg_tape_free(t);
}

/* ---- replay and staleness -------------------------------------------------------------------------------------------------------- */

/* sum(table[i] x) c, with an index var among the arguments and a constant that is not. */
static wg_var pick(wg_tape *t, void *user, const wg_var *in, size_t n)
{
    (void)t;
    (void)n;
    return wg_mul(wg_sum(wg_mul(wg_take(in[0], in[1], 0), in[2])), *(const wg_var *)user);
}

static void replayed(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var table = vector(t, NUMBERS(1, 10, 100)), i = wg_indices(t, WG_DIMS(2), (int64_t[]){0, 2});
    wg_var x = vector(t, NUMBERS(2, 3)), c = wg_scalar(t, 4);
    wg_var f = wg_square(wg_checkpoint(t, pick, &c, (wg_var[]){table, i, x}, 3));
    EXPECT_VALUE(f, 0, NUMBERS(1208.0 * 1208));
    wg_set_indices(i, (int64_t[]){1, 1});
    assert_true(isnan(wg_item(f))); /* stale */
    EXPECT_ERROR(t, WG_ERROR_STALE, "");
    assert_int_equal(wg_tape_replay(t), WG_OK);
    EXPECT_VALUE(f, 0, NUMBERS(200.0 * 200));
    wg_backward(f);
    EXPECT_GRAD(table, 0, NUMBERS(0, 2 * 200 * 4 * 5, 0));
    wg_set_value(c, &(double){1}); /* no argument, but the value depends on it */
    wg_backward(f);
    EXPECT_ERROR(t, WG_ERROR_STALE, "");
    assert_int_equal(wg_tape_replay(t), WG_OK);
    EXPECT_VALUE(f, 0, NUMBERS(50.0 * 50));
    wg_tape_free(t);
}
IN_BOTH(replayed)

/* |x| by C's own branch: a replay in which it flips is an error, and the values from there on read stale. */
static wg_var branch(wg_tape *t, void *user, const wg_var *in, size_t n)
{
    (void)t;
    (void)user;
    (void)n;
    return wg_item(in[0]) < 0 ? wg_neg(in[0]) : wg_square(wg_sqrt(in[0]));
}

static void branch_flips(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = wg_scalar_variable(t, 4), f = wg_mul(wg_checkpoint(t, branch, NULL, &x, 1), x);
    wg_set_value(x, &(double){9});
    assert_int_equal(wg_tape_replay(t), WG_OK);
    EXPECT_VALUE(f, roundings(dtype, 4), NUMBERS(81));
    wg_set_value(x, &(double){-1});
    assert_int_equal(wg_tape_replay(t), WG_ERROR_GUARD);
    EXPECT_ERROR(t, WG_ERROR_GUARD, "checkpoint");
    assert_true(isnan(wg_item(f)));
    EXPECT_ERROR(t, WG_ERROR_STALE, "");
    wg_tape_free(t);
}
IN_BOTH(branch_flips)

/* (sin x)^2, its slope sin 2x and curvature 2 cos 2x, recorded once and replayed. */
static wg_var square_of_sine(wg_tape *t, void *user, const wg_var *in, size_t n)
{
    (void)t;
    (void)user;
    (void)n;
    return wg_square(wg_sin(in[0]));
}

static void derivatives_replayed(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = wg_scalar_variable(t, 0.5), f = wg_checkpoint(t, square_of_sine, NULL, &x, 1), slope, curvature;
    wg_gradients(f, &x, 1, &slope);
    wg_jvp(slope, &x, (wg_var[]){wg_scalar(t, 1)}, 1, &curvature);
    for (double at = 0.5; at < 3; at++) {
        wg_set_value_f64(x, &at);
        assert_int_equal(wg_tape_replay(t), WG_OK);
        EXPECT_VALUE(f, roundings(dtype, 8), NUMBERS(sin(at) * sin(at)));
        EXPECT_VALUE(slope, roundings(dtype, 8), NUMBERS(2 * sin(at) * cos(at)));
        EXPECT_VALUE(curvature, roundings(dtype, 16), NUMBERS(2 - 4 * sin(at) * sin(at)));
    }
    wg_tape_free(t);
}
IN_BOTH(derivatives_replayed)

/* A guard between two checkpoints stops a replay: below it all is fresh, above it stale, and the next replay mends that. A
 * guard in one lets it pass. */
static wg_var guarded(wg_tape *t, void *user, const wg_var *in, size_t n)
{
    wg_guard(wg_less(in[0], wg_scalar(t, 0.5)));
    return square_of_sine(t, user, in, n);
}

static void replay_stopped(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = wg_scalar_variable(t, 0.25), k = wg_scalar_variable(t, 1), a = wg_checkpoint(t, guarded, NULL, &x, 1);
    wg_guard(wg_less(k, wg_scalar(t, 2)));
    wg_var product = wg_mul(a, k), b = wg_checkpoint(t, square_of_sine, NULL, &product, 1);
    wg_set_value(x, &(double){1});
    wg_set_value(k, &(double){3});
    assert_int_equal(wg_tape_replay(t), WG_ERROR_GUARD);
    EXPECT_ERROR(t, WG_ERROR_GUARD, "");
    double first = sin(1) * sin(1), second = sin(1.5 * first) * sin(1.5 * first);
    EXPECT_VALUE(a, roundings(dtype, 8), &first, 1);
    assert_true(isnan(wg_item(b)));
    EXPECT_ERROR(t, WG_ERROR_STALE, "");
    wg_set_value(k, &(double){1.5});
    assert_int_equal(wg_tape_replay(t), WG_OK);
    EXPECT_VALUE(b, roundings(dtype, 16), &second, 1);
    wg_tape_free(t);
}
IN_BOTH(replay_stopped)

/* The slope of sqrt at 0 is infinite: with check_finite every sweep says so, and the gradients reached are mended by
 * wg_zero_grad. */
static wg_var sum_of_roots(wg_tape *t, void *user, const wg_var *in, size_t n)
{
    (void)t;
    (void)user;
    (void)n;
    return wg_sum(wg_sqrt(wg_slice(in[0], 0, 1, WG_END, 1)));
}

static void not_finite(wg_dtype dtype)
{
    double J[3];
    wg_tape *t = wg_tape_new_with(&(wg_tape_options){.dtype = dtype, .check_finite = true}, NULL);
    wg_var x = vector(t, NUMBERS(1, 4, 0)), view = wg_reshape(x, WG_DIMS(3));
    wg_var f = wg_checkpoint(t, sum_of_roots, NULL, &view, 1);
    assert_int_equal(wg_backward(f), WG_ERROR_NONFINITE);
    EXPECT_ERROR(t, WG_ERROR_NONFINITE, "not finite");
    assert_int_equal(wg_jacobian(f, &view, 1, J), WG_ERROR_NONFINITE);
    EXPECT_ERROR(t, WG_ERROR_NONFINITE, "not finite");
    wg_set_value(x, ((double[]){1, 4, 1}));
    assert_int_equal(wg_tape_replay(t), WG_OK);
    wg_zero_grad(t);
    wg_retain_grad(view);
    wg_backward(f);
    EXPECT_GRAD(x, 0, NUMBERS(0, 0.25, 0.5));
    EXPECT_GRAD(view, 0, NUMBERS(0, 0.25, 0.5));
    assert_int_equal(wg_jacobian(f, &view, 1, J), WG_OK); /* a view, retained, is the target */
    EXPECT_CLOSE(get(dtype, J, 2), 0.5, 0);
    EXPECT_GRAD(view, 0, NUMBERS(0, 0.25, 0.5));
    wg_tape_free(t);
}
IN_BOTH(not_finite)

/* ---- memory ------------------------------------------------------------------------------------------------------------------------ */

static size_t peak_of_chain(int length, bool apart)
{
    int stretch = apart ? (int)lround(sqrt(length)) : length;
    wg_stats stats;
    wg_tape *t = wg_tape_new(WG_F64);
    wg_var a = wg_variable_f64(t, WG_DIMS(64), NULL), b = wg_scalar_variable(t, 0.25), y = a;
    for (int done = 0; done < length; done += stretch) y = checkpoint(swing, &stretch, (wg_var[]){y, b}, 2, apart);
    wg_backward(wg_sum(y));
    wg_tape_stats(t, &stats);
    EXPECT_HEALTHY(t);
    wg_tape_free(t);
    return stats.bytes_peak;
}

/* 16 times the depth takes 4 times the memory, not 16 times; blocks come in powers of two. */
static void square_root_of_the_depth(void **state)
{
    (void)state;
    size_t last = 0;
    for (int length = 64; length <= 16384; length *= 16) {
        size_t apart = peak_of_chain(length, true), whole = peak_of_chain(length, false);
        print_message("%6d steps of 64 numbers: %8zu bytes with checkpoints, %8zu without\n", length, apart, whole);
        if (length > 64) assert_true(apart <= 9 * last);
        if (length == 16384) assert_true(whole > 30 * apart);
        last = apart;
    }
}

/* Scalars' adjoints stand in an array that has to grow in the middle of the sweep. */
static void adjoints_grow(wg_dtype dtype)
{
    int steps = 3000;
    double want[2];
    wg_tape *t = wg_tape_new(dtype), *plain = wg_tape_new(dtype);
    for (int apart = 0; apart < 2; apart++) {
        wg_tape *tape = apart ? t : plain;
        wg_var y = wg_scalar_variable(tape, 1.2), b = wg_scalar_variable(tape, 1.3);
        wg_var f = wg_mul(checkpoint(swing, &steps, (wg_var[]){y, b}, 2, apart), wg_exp(b));
        wg_backward(f);
        if (apart) EXPECT_GRAD(y, 0, want, 1);
        if (apart) EXPECT_GRAD(b, 0, want + 1, 1);
        want[0] = wg_grad_at(y, 0);
        want[1] = wg_grad_at(b, 0);
    }
    wg_tape_free(plain);
    wg_tape_free(t);
}
IN_BOTH(adjoints_grow)

int main(void)
{
    const struct CMUnitTest tests[] = {BOTH(same_bits), BOTH(nesting), BOTH(every_order), BOTH(gradients_within),
        BOTH(tangents), BOTH(captured_within), cmocka_unit_test(very_many_arguments), BOTH(replayed),
        BOTH(branch_flips), BOTH(derivatives_replayed), BOTH(replay_stopped), BOTH(not_finite),
        cmocka_unit_test(square_root_of_the_depth), BOTH(adjoints_grow)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
