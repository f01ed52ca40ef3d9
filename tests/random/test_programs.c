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

#include "support/program.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PROGRAMS = 300 };

static double evaluate(const program *p)
{
    wg_tape *t = wg_tape_new(WG_F64);
    wg_var leaves[LEAVES];
    program_leaves(p, t, leaves);
    double y = wg_item(program_run(p, t, leaves, (manner){0}, NULL));
    wg_tape_free(t);
    return y;
}

/* Gradients by wg_backward, one leaf after the other; returns how many numbers that is. */
static size_t gradients(const program *p, double *out)
{
    wg_tape *t = wg_tape_new(WG_F64);
    wg_var leaves[LEAVES];
    size_t n = 0;
    program_leaves(p, t, leaves);
    assert_int_equal(wg_backward(program_run(p, t, leaves, (manner){0}, NULL)), WG_OK);
    for (int k = 0; k < LEAVES; k++)
        for (size_t i = 0; i < wg_size(leaves[k]); i++) out[n++] = wg_grad_at(leaves[k], i);
    wg_tape_free(t);
    return n;
}

/* ---- the checks ---------------------------------------------------------------------------------------------------- */

static void test_backward_against_differences(void **state)
{
    (void)state;
    int checked = 0;
    for (uint64_t seed = 0; seed < PROGRAMS; seed++) {
        program p;
        double g[LEAVES * ELEMENTS];
        program_write(&p, seed);
        if (program_detaches(&p)) continue; /* differences see what the gradient must not */
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
        random_state r = {seed};
        program_write(&p, seed);
        wg_tape *t = wg_tape_new(WG_F64);
        wg_var leaves[LEAVES], g[LEAVES];
        program_leaves(&p, t, leaves);
        wg_var y = program_run(&p, t, leaves, (manner){.meddling = true, .random = &r}, NULL);
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
        random_state r = {seed};
        program_write(&p, seed);
        if (program_detaches(&p)) continue; /* differences see what the gradient must not */
        wg_tape *t = wg_tape_new(WG_F64);
        wg_var leaves[LEAVES], g[LEAVES], dot = wg_scalar(t, 0);
        program_leaves(&p, t, leaves);
        assert_int_equal(wg_gradients(program_run(&p, t, leaves, (manner){0}, NULL), leaves, LEAVES, g), WG_OK);
        size_t n = 0;
        for (int k = 0; k < LEAVES; k++) {
            size_t size = wg_size(leaves[k]);
            for (size_t i = 0; i < size; i++) direction[n + i] = 2 * random_unit(&r) - 1;
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
        random_state r = {seed};
        program_write(&p, seed);
        wg_tape *t = wg_tape_new(WG_F64);
        wg_var leaves[LEAVES];
        program_leaves(&p, t, leaves);
        wg_mark start = wg_tape_mark(t);
        wg_var y = program_run(&p, t, leaves, (manner){0}, NULL);
        double value = wg_item(y);
        assert_int_equal(wg_backward(y), WG_OK);
        copy_gradients(leaves, first);
        for (int round = 0; round < 4; round++) {
            if (round % 2) {
                assert_int_equal(wg_tape_rewind(t, start), WG_OK);
                y = program_run(&p, t, leaves, (manner){.meddling = round == 3, .random = &r}, NULL);
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
