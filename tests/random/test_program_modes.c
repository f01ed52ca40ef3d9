/* Random programs in every mode of differentiation, half of them with checkpoints around random steps,
 * some with ieee_zero:
 *
 *     checkpoints      the same values, gradients and tangents, to the last bit, as without them; after a replay too
 *     wg_jvp           <u, J v> = <J^T u, v>, the latter by wg_vjp
 *     wg_jacobian      its rows against wg_backward_from, and the same bits twice
 *     wg_hessian       times v against wg_hvp and against the forward mode of the recorded gradient; symmetric */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "support/program.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PROGRAMS = 200, HESSIANS = 60, NUMBERS = LEAVES * ELEMENTS };

/* A program that has run. */
typedef struct case_ {
    int seed;
    program p;
    random_state random;
    wg_tape *t;
    wg_var leaves[LEAVES], values[VALUES], total;
    size_t n; /* the leaves' elements */
} case_;

static void open_case(case_ *c, int seed, bool checkpoints)
{
    wg_tape_options options = {.dtype = WG_F64, .ieee_zero = seed % 5 == 3};
    *c = (case_){.seed = seed, .random = {(uint64_t)seed + 1}, .t = wg_tape_new_with(&options, NULL)};
    program_write(&c->p, (uint64_t)seed + 1000);
    program_leaves(&c->p, c->t, c->leaves);
    c->total =
        program_run(&c->p, c->t, c->leaves, (manner){.checkpoints = checkpoints, .random = &c->random}, c->values);
    for (int k = 0; k < LEAVES; k++) c->n += wg_size(c->leaves[k]);
}

static void close_case(case_ *c)
{
    assert_string_equal(wg_tape_message(c->t), "");
    wg_tape_free(c->t);
}

/* A constant of a var's shape with random numbers between -1 and 1; they go to numbers too. */
static wg_var direction_like(case_ *c, wg_var var, double *numbers)
{
    for (size_t i = 0; i < wg_size(var); i++) numbers[i] = 2 * random_unit(&c->random) - 1;
    return wg_constant_f64(c->t, wg_shape_of(var), numbers);
}

static void copy_gradients(const case_ *c, double *out)
{
    for (int k = 0; k < LEAVES; k++)
        for (size_t i = 0; i < wg_size(c->leaves[k]); i++) *out++ = wg_grad_at(c->leaves[k], i);
}

static void expect_near(const case_ *c, size_t at, double got, double want, double scale)
{
    if (!(fabs(got - want) <= 1e-11 * (1 + scale)))
        fail_msg("program %d, number %zu: %.17g instead of %.17g", c->seed, at, got, want);
}

static double largest(const double *numbers, size_t n)
{
    double most = 0;
    for (size_t i = 0; i < n; i++) most = fmax(most, fabs(numbers[i]));
    return most;
}

/* ---- checkpoints ------------------------------------------------------------------------------------------------------- */

static void expect_same_bits(const case_ *c, const case_ *plain)
{
    double grads[2][NUMBERS];
    assert_int_equal(wg_zero_grad(c->t), WG_OK);
    assert_int_equal(wg_backward(c->total), WG_OK);
    copy_gradients(plain, grads[0]);
    copy_gradients(c, grads[1]);
    for (int i = 0; i < VALUES; i++)
        if (memcmp(wg_value(c->values[i]), wg_value(plain->values[i]), wg_size(c->values[i]) * sizeof(double)))
            fail_msg("program %d: value %d has other bits", c->seed, i);
    if (memcmp(grads[0], grads[1], c->n * sizeof(double))) fail_msg("program %d: the gradient has other bits", c->seed);
}

/* The tangent of the whole, in a direction that is the same for every run of the program. */
static double tangent_of(case_ *c)
{
    double v[ELEMENTS];
    wg_var tangents[LEAVES], tangent;
    c->random = (random_state){(uint64_t)c->seed};
    for (int k = 0; k < LEAVES; k++) tangents[k] = direction_like(c, c->leaves[k], v);
    assert_int_equal(wg_jvp(c->total, c->leaves, tangents, LEAVES, &tangent), WG_OK);
    return wg_item(tangent);
}

static void test_checkpoints(void **state)
{
    (void)state;
    for (int seed = 0; seed < PROGRAMS; seed++) {
        case_ plain, c;
        open_case(&plain, seed, false);
        open_case(&c, seed, true);
        wg_backward(plain.total);
        expect_same_bits(&c, &plain);
        for (int k = 0; k < LEAVES; k++) { /* elsewhere and back */
            double zeros[ELEMENTS] = {0};
            wg_set_value_f64(c.leaves[k], zeros);
            wg_set_value_f64(c.leaves[k], c.p.value[k]);
        }
        assert_int_equal(wg_tape_replay(c.t), WG_OK);
        expect_same_bits(&c, &plain);
        double tangents[] = {tangent_of(&c), tangent_of(&plain)};
        assert_memory_equal(tangents, tangents + 1, sizeof *tangents);
        close_case(&c);
        close_case(&plain);
    }
}

/* ---- first derivatives --------------------------------------------------------------------------------------------------- */

static void test_jvp_against_vjp(void **state)
{
    (void)state;
    for (int seed = 0; seed < PROGRAMS; seed++) {
        case_ c;
        open_case(&c, seed, seed % 2);
        double v[LEAVES][ELEMENTS], *u = malloc(wg_size(c.values[VALUES - 1]) * sizeof *u), forward = 0, back = 0,
                                    size = 0;
        wg_var out = c.values[VALUES - 1], tangents[LEAVES], grads[LEAVES], tangent;
        for (int k = 0; k < LEAVES; k++) tangents[k] = direction_like(&c, c.leaves[k], v[k]);
        wg_var cotangent = direction_like(&c, out, u);
        assert_int_equal(wg_jvp(out, c.leaves, tangents, LEAVES, &tangent), WG_OK);
        assert_int_equal(wg_vjp(out, cotangent, c.leaves, LEAVES, grads), WG_OK);
        for (size_t i = 0; i < wg_size(out); i++) {
            forward += u[i] * wg_at(tangent, i);
            size += fabs(u[i] * wg_at(tangent, i));
        }
        for (int k = 0; k < LEAVES; k++)
            for (size_t i = 0; i < wg_size(c.leaves[k]); i++) {
                back += v[k][i] * wg_at(grads[k], i);
                size += fabs(v[k][i] * wg_at(grads[k], i));
            }
        expect_near(&c, 0, forward, back, size);
        free(u);
        close_case(&c);
    }
}

static void expect_rows(case_ *c, wg_var out, const double *J)
{
    double row[NUMBERS], *unit = calloc(wg_size(out), sizeof *unit);
    for (size_t i = 0; i < wg_size(out); i++) {
        unit[i] = 1;
        wg_zero_grad(c->t);
        assert_int_equal(wg_backward_from(out, unit), WG_OK);
        unit[i] = 0;
        copy_gradients(c, row);
        for (size_t j = 0; j < c->n; j++) expect_near(c, i * c->n + j, J[i * c->n + j], row[j], largest(row, c->n));
    }
    free(unit);
}

static void test_jacobian(void **state)
{
    (void)state;
    size_t tall = 0;
    for (int seed = 0; seed < PROGRAMS; seed++) {
        case_ c;
        open_case(&c, seed, seed % 2);
        wg_var out = c.values[VALUES - 1 - random_below(&c.random, 8)];
        size_t bytes = wg_size(out) * c.n * sizeof(double);
        double *J = malloc(bytes), *again = malloc(bytes);
        assert_int_equal(wg_jacobian(out, c.leaves, LEAVES, J), WG_OK);
        assert_int_equal(wg_jacobian(out, c.leaves, LEAVES, again), WG_OK);
        assert_memory_equal(J, again, bytes);
        expect_rows(&c, out, J);
        size_t first = wg_size(c.leaves[0]); /* 1: by itself the matrix is tall */
        assert_int_equal(wg_jacobian(out, c.leaves, 1, again), WG_OK);
        for (size_t i = 0; i < wg_size(out) && first == 1; i++)
            expect_near(&c, i, again[i], J[i * c.n], largest(J, wg_size(out) * c.n));
        tall += wg_size(out) >= 8;
        free(J);
        free(again);
        close_case(&c);
    }
    assert_true(tall > PROGRAMS / 20);
}

/* ---- second derivatives --------------------------------------------------------------------------------------------------- */

static void expect_products(case_ *c, const double *H)
{
    double v[NUMBERS], Hv[NUMBERS], scale = largest(H, c->n * c->n);
    wg_var tangents[LEAVES], grads[LEAVES], tangent;
    size_t at = 0;
    for (int k = 0; k < LEAVES; k++) {
        tangents[k] = direction_like(c, c->leaves[k], v + at);
        at += wg_size(c->leaves[k]);
    }
    assert_int_equal(wg_hvp(c->total, c->leaves, LEAVES, v, Hv), WG_OK);
    assert_int_equal(wg_gradients(c->total, c->leaves, LEAVES, grads), WG_OK);
    at = 0;
    for (int k = 0; k < LEAVES; k++) {
        assert_int_equal(wg_jvp(grads[k], c->leaves, tangents, LEAVES, &tangent), WG_OK);
        for (size_t i = 0; i < wg_size(c->leaves[k]); i++, at++) {
            double sum = 0;
            for (size_t j = 0; j < c->n; j++) {
                sum += H[at * c->n + j] * v[j];
                expect_near(c, at, H[at * c->n + j], H[j * c->n + at], scale);
            }
            expect_near(c, at, Hv[at], sum, scale * (double)c->n);
            expect_near(c, at, wg_at(tangent, i), sum, scale * (double)c->n);
        }
    }
}

static void test_hessian(void **state)
{
    (void)state;
    for (int seed = 0; seed < HESSIANS; seed++) {
        case_ c;
        open_case(&c, seed, seed % 2);
        double *H = malloc(2 * c.n * c.n * sizeof *H);
        assert_int_equal(wg_hessian(c.total, c.leaves, LEAVES, H), WG_OK);
        assert_int_equal(wg_hessian(c.total, c.leaves, LEAVES, H + c.n * c.n), WG_OK);
        assert_memory_equal(H, H + c.n * c.n, c.n * c.n * sizeof *H);
        expect_products(&c, H);
        free(H);
        close_case(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checkpoints),
        cmocka_unit_test(test_jvp_against_vjp),
        cmocka_unit_test(test_jacobian),
        cmocka_unit_test(test_hessian),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
