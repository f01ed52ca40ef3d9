/* Random programs. A generator writes a program: a list of ops on earlier values, scalars and arrays mixed. It is run on
 * tapes in every way that must not matter, and checked against itself:
 *
 *     wg_backward                     against central differences of the whole program
 *     wg_gradients                    against wg_backward, and its own backward against differences of gradients
 *     replay, rewind and recording    the same bits as the first recording
 *     names, addresses, retained gradients taken at random   change nothing
 *
 * Every function in the list is smooth and bounded where it is used, so that differences are accurate. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <wengert.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LEAVES = 4, STEPS = 24, VALUES = LEAVES + STEPS, ELEMENTS = 32, PROGRAMS = 300 };

static uint64_t random_state;
static uint32_t random_next(void)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(random_state >> 33);
}
static uint32_t random_below(uint32_t n) { return random_next() % n; }
static double random_unit(void) { return random_next() / 2147483648.0; }

typedef struct step {
    int op;
    uint32_t a, b;
} step;

typedef struct program {
    wg_shape shape[LEAVES];
    double value[LEAVES][ELEMENTS];
    step steps[STEPS];
} program;

/* ---- writing and running programs ---------------------------------------------------------------------------------- */

enum { OPS = 22 };

/* One step. What doesn't fit the shapes becomes something that does. */
static wg_var run_step(wg_tape *t, int op, wg_var a, wg_var b)
{
    wg_shape shape = wg_shape_of(a), other = wg_shape_of(b);
    switch (op) {
    case 0:
        return wg_sin(wg_mul(wg_sum(a), wg_mean(b)));
    case 1:
        return wg_tanh(wg_sub(a, wg_mean(b)));
    case 2:
        return wg_sigmoid(a);
    case 3:
        return wg_cos(a);
    case 4:
        return wg_softplus(wg_neg(a));
    case 5:
        return wg_div(a, wg_add(wg_scalar(t, 2), wg_square(wg_mean(b))));
    case 6:
        return wg_sqrt(wg_add(wg_square(a), wg_scalar(t, 0.5)));
    case 7:
        return wg_log1p(wg_exp(wg_tanh(a)));
    case 8:
        return wg_reshape(a, (wg_shape){1, {wg_size(a)}});
    case 9:
        return shape.rank >= 2 ? wg_transpose(a) : wg_expm1(wg_tanh(a));
    case 10:
        return shape.rank >= 1 ? wg_slice(a, -1, 0, WG_END, 2) : wg_reciprocal(wg_add(wg_scalar(t, 3), wg_sin(a)));
    case 11:
        return shape.rank >= 1 ? wg_slice(a, 0, WG_END, WG_END, -1) : wg_neg(a);
    case 12:
        return shape.rank >= 1 ? wg_concat((wg_var[]){a, a}, wg_size(a) > ELEMENTS ? 1 : 2, 0) : wg_sin(a);
    case 13: /* a matrix product with the transpose: any two arrays with rows of one length */
        if (shape.rank == 2 && other.rank == 2 && shape.dim[1] == other.dim[1])
            return wg_tanh(wg_matmul(a, wg_transpose(b)));
        return shape.rank == 2 ? wg_tanh(wg_matmul(wg_transpose(a), a)) : wg_cos(a);
    case 14:
        return shape.rank == 1 && other.rank == 1 && shape.dim[0] == other.dim[0] ? wg_sin(wg_matmul(a, b))
                                                                                  : wg_tanh(a);
    case 15:
        return shape.rank >= 1 ? wg_mean_axes(a, WG_AXES(-1), true) : wg_square(wg_sin(a));
    case 16:
        return shape.rank >= 1 ? wg_sin(wg_sum_axes(a, WG_AXES(0), false)) : wg_cos(a);
    case 17:
        return wg_mse(a, wg_sin(a), WG_MEAN);
    case 18:
        return wg_pow(wg_add(wg_scalar(t, 1.5), wg_sin(a)), wg_tanh(wg_mean(b)));
    case 19:
        return wg_where(
            wg_constant_f64(t, WG_SCALAR, &(double){1}), wg_sin(a), wg_log(wg_constant_f64(t, WG_SCALAR, NULL)));
    case 20:
        return wg_broadcast_to(wg_mean(a), shape);
    default:
        return wg_add(wg_detach(wg_mean(b)), a);
    }
}

static void write_program(program *p, uint64_t seed)
{
    random_state = seed * 7919 + 1;
    for (int i = 0; i < 8; i++) random_next();
    for (int k = 0; k < LEAVES; k++) {
        wg_shape shape = {.rank = random_below(4)};
        for (uint32_t d = 0; d < shape.rank; d++) shape.dim[d] = 1 + random_below(3);
        if (k == 0) shape = (wg_shape){0};
        p->shape[k] = shape;
        for (int i = 0; i < ELEMENTS; i++) p->value[k][i] = 2 * random_unit() - 1;
    }
    for (int i = 0; i < STEPS; i++) /* mostly recent values, so that chains grow deep */
        p->steps[i] = (step){
            (int)random_below(OPS), (uint32_t)(LEAVES + i) - 1 - random_below(4), random_below((uint32_t)(LEAVES + i))};
}

/* What may be done to values between ops without any effect. */
static void meddle(wg_var v)
{
    switch (random_below(8)) {
    case 0:
        assert_non_null(wg_value(v));
        break;
    case 1:
        wg_name(v, "meddled");
        break;
    case 2:
        wg_item(wg_sum(v));
        break;
    case 3:
        wg_retain_grad(v); /* may be an error: no derivative reaches it */
        wg_tape_clear_error(v.tape);
        break;
    default:
        break;
    }
}

static wg_var run_program(const program *p, wg_tape *t, const wg_var *leaves, bool meddling)
{
    wg_var v[VALUES], total = wg_scalar(t, 0);
    memcpy(v, leaves, LEAVES * sizeof *v);
    for (int i = 0; i < STEPS; i++) {
        v[LEAVES + i] = run_step(t, p->steps[i].op, v[p->steps[i].a], v[p->steps[i].b]);
        if (meddling) meddle(v[LEAVES + i]);
    }
    for (int i = LEAVES; i < VALUES; i++) total = wg_add(total, wg_mean(v[i]));
    assert_string_equal(wg_tape_message(t), "");
    return total;
}

static void make_leaves(const program *p, wg_tape *t, wg_var *leaves)
{
    for (int k = 0; k < LEAVES; k++) leaves[k] = wg_variable_f64(t, p->shape[k], p->value[k]);
}

static double evaluate(const program *p)
{
    wg_tape *t = wg_tape_new(WG_F64);
    wg_var leaves[LEAVES];
    make_leaves(p, t, leaves);
    double y = wg_item(run_program(p, t, leaves, false));
    wg_tape_free(t);
    return y;
}

/* Gradients by wg_backward, one leaf after the other; returns how many numbers that is. */
static size_t gradients(const program *p, double *out)
{
    wg_tape *t = wg_tape_new(WG_F64);
    wg_var leaves[LEAVES];
    size_t n = 0;
    make_leaves(p, t, leaves);
    assert_int_equal(wg_backward(run_program(p, t, leaves, false)), WG_OK);
    for (int k = 0; k < LEAVES; k++)
        for (size_t i = 0; i < wg_size(leaves[k]); i++) out[n++] = wg_grad_at(leaves[k], i);
    wg_tape_free(t);
    return n;
}

/* ---- the checks ---------------------------------------------------------------------------------------------------- */

/* Detached values make the program's difference quotient see what the gradient must not; leave those programs out. */
static bool has_detach(const program *p)
{
    for (int i = 0; i < STEPS; i++)
        if (p->steps[i].op == OPS - 1) return true;
    return false;
}

static void test_backward_against_differences(void **state)
{
    (void)state;
    int checked = 0;
    for (uint64_t seed = 0; seed < PROGRAMS; seed++) {
        program p;
        double g[LEAVES * ELEMENTS];
        write_program(&p, seed);
        if (has_detach(&p)) continue;
        checked++;
        gradients(&p, g);
        size_t n = 0;
        for (int k = 0; k < LEAVES; k++) {
            size_t size = 1;
            for (uint32_t d = 0; d < p.shape[k].rank; d++) size *= p.shape[k].dim[d];
            for (size_t i = 0; i < size; i++, n++) {
                double x = p.value[k][i], h = 1e-3, d[2];
                for (int j = 0; j < 2; j++, h /= 2) { /* two step widths: Richardson's extrapolation */
                    p.value[k][i] = x + h;
                    double up = evaluate(&p);
                    p.value[k][i] = x - h;
                    d[j] = (up - evaluate(&p)) / (2 * h);
                }
                p.value[k][i] = x;
                double want = d[1] + (d[1] - d[0]) / 3;
                if (fabs(g[n] - want) > 1e-8 * (1 + fabs(want)) + 1e-2 * fabs(d[1] - d[0]))
                    fail_msg("program %d, leaf %d[%zu]: %.15g, differences say %.15g", (int)seed, k, i, g[n], want);
            }
        }
    }
    assert_true(checked > PROGRAMS / 10);
}

static void test_recorded_against_numbers(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < PROGRAMS; seed++) {
        program p;
        write_program(&p, seed);
        wg_tape *t = wg_tape_new(WG_F64);
        wg_var leaves[LEAVES], g[LEAVES];
        make_leaves(&p, t, leaves);
        wg_var y = run_program(&p, t, leaves, true);
        assert_int_equal(wg_gradients(y, leaves, LEAVES, g), WG_OK);
        wg_zero_grad(t);
        assert_int_equal(wg_backward(y), WG_OK);
        for (int k = 0; k < LEAVES; k++)
            for (size_t i = 0; i < wg_size(leaves[k]); i++) {
                double numbers = wg_grad_at(leaves[k], i), recorded = wg_at(g[k], i);
                if (!(fabs(numbers - recorded) <= 1e-12 * (1 + fabs(numbers))))
                    fail_msg("program %d, leaf %d[%zu]: %.17g, recorded %.17g", (int)seed, k, i, numbers, recorded);
            }
        wg_tape_free(t);
    }
}

/* The derivative of <gradient, gradient of another point> along the gradient, by one more sweep and by differences. */
static void test_second_order(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < PROGRAMS; seed++) {
        program p;
        double direction[LEAVES * ELEMENTS], hv[LEAVES * ELEMENTS], up[LEAVES * ELEMENTS], down[LEAVES * ELEMENTS];
        write_program(&p, seed);
        if (has_detach(&p)) continue;
        wg_tape *t = wg_tape_new(WG_F64);
        wg_var leaves[LEAVES], g[LEAVES], dot = wg_scalar(t, 0);
        make_leaves(&p, t, leaves);
        assert_int_equal(wg_gradients(run_program(&p, t, leaves, false), leaves, LEAVES, g), WG_OK);
        size_t n = 0;
        for (int k = 0; k < LEAVES; k++) {
            size_t size = wg_size(leaves[k]);
            for (size_t i = 0; i < size; i++) direction[n + i] = 2 * random_unit() - 1;
            dot = wg_add(dot, wg_sum(wg_mul(g[k], wg_constant_f64(t, p.shape[k], direction + n))));
            n += size;
        }
        assert_int_equal(wg_backward(dot), WG_OK);
        n = 0;
        for (int k = 0; k < LEAVES; k++)
            for (size_t i = 0; i < wg_size(leaves[k]); i++) hv[n++] = wg_grad_at(leaves[k], i);

        program moved[2] = {p, p};
        double h = 1e-5;
        n = 0;
        for (int k = 0; k < LEAVES; k++)
            for (size_t i = 0; i < wg_size(leaves[k]); i++, n++) {
                moved[0].value[k][i] += h * direction[n];
                moved[1].value[k][i] -= h * direction[n];
            }
        gradients(&moved[0], up);
        gradients(&moved[1], down);
        double scale = 1;
        for (size_t i = 0; i < n; i++) scale = fmax(scale, fabs(hv[i]));
        for (size_t i = 0; i < n; i++) {
            double want = (up[i] - down[i]) / (2 * h);
            if (!(fabs(hv[i] - want) <= 2e-6 * scale * scale))
                fail_msg("program %d, number %zu: %.12g, differences say %.12g", (int)seed, i, hv[i], want);
        }
        wg_tape_free(t);
    }
}

static void copy_gradients(const wg_var *leaves, double *out)
{
    memset(out, 0, LEAVES * ELEMENTS * sizeof *out);
    for (int k = 0; k < LEAVES; k++) memcpy(out + k * ELEMENTS, wg_grad(leaves[k]), wg_size(leaves[k]) * sizeof *out);
}

static void test_same_bits_every_way(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < PROGRAMS; seed++) {
        program p;
        double first[LEAVES * ELEMENTS], again[LEAVES * ELEMENTS];
        write_program(&p, seed);
        wg_tape *t = wg_tape_new(WG_F64);
        wg_var leaves[LEAVES];
        make_leaves(&p, t, leaves);
        wg_mark start = wg_tape_mark(t);
        wg_var y = run_program(&p, t, leaves, false);
        double value = wg_item(y);
        assert_int_equal(wg_backward(y), WG_OK);
        copy_gradients(leaves, first);
        for (int round = 0; round < 4; round++) {
            if (round % 2) {
                assert_int_equal(wg_tape_rewind(t, start), WG_OK);
                y = run_program(&p, t, leaves, round == 3);
            } else {
                for (int k = 0; k < LEAVES; k++) { /* elsewhere and back */
                    double zeros[ELEMENTS] = {0};
                    wg_set_value_f64(leaves[k], zeros);
                    wg_set_value_f64(leaves[k], p.value[k]);
                }
                assert_int_equal(wg_tape_replay(t), WG_OK);
            }
            assert_memory_equal(&value, &(double){wg_item(y)}, sizeof value);
            wg_zero_grad(t);
            assert_int_equal(wg_backward(y), WG_OK);
            copy_gradients(leaves, again);
            if (memcmp(first, again, sizeof first)) fail_msg("program %d, round %d: other bits", (int)seed, round);
        }
        wg_tape_free(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_backward_against_differences),
        cmocka_unit_test(test_recorded_against_numbers),
        cmocka_unit_test(test_second_order),
        cmocka_unit_test(test_same_bits_every_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
