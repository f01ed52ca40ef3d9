/* Linear systems of 2 x 2 to order 4: each op against its closed form in elementwise ops, whose derivatives of every order
 * are tested elsewhere. And all of the ops on tapes of bounded memory. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "support/matrices.h"

/* ---- the ops, and their closed forms for a = (p, q; r, s), each summed with weights ---------------------------------------- */

enum { SOLVE, INV, DET, SLOGDET, CHOLESKY, LOWER, UPPER_TRANSPOSED, CHOLESKY_SOLVE, POWER, OPS };

static wg_var apply(int op, wg_var a, wg_var b)
{
    wg_var sign, logarithm;
    switch (op) {
    case SOLVE:
        return wg_solve(a, b);
    case INV:
        return wg_inv(a);
    case DET:
        return wg_det(a);
    case SLOGDET:
        return wg_slogdet(a, &sign, &logarithm) == WG_OK ? logarithm : (wg_var){a.tape, UINT32_MAX, 0};
    case CHOLESKY:
        return wg_cholesky(wg_matmul(a, wg_transpose(a)));
    case LOWER:
        return wg_triangular_solve(a, b, false, false, false);
    case UPPER_TRANSPOSED:
        return wg_triangular_solve(a, b, true, true, true);
    case CHOLESKY_SOLVE:
        return wg_cholesky_solve(a, b);
    default:
        return wg_matrix_power(a, -2);
    }
}

static wg_var element(wg_var x, ptrdiff_t i)
{
    wg_var flat = wg_reshape(x, WG_DIMS(wg_size(x)));
    return wg_reshape(wg_slice(flat, 0, i, i + 1, 1), WG_SCALAR);
}

static wg_var minus(wg_var a, wg_var b, wg_var c, wg_var d) { return wg_sub(wg_mul(a, b), wg_mul(c, d)); }

static size_t closed_inverse(wg_var p, wg_var q, wg_var r, wg_var s, wg_var *y)
{
    wg_var det = minus(p, s, q, r);
    y[0] = wg_div(s, det);
    y[1] = wg_neg(wg_div(q, det));
    y[2] = wg_neg(wg_div(r, det));
    y[3] = wg_div(p, det);
    return 4;
}

/* Writes the elements of the op's result, returns how many. */
static size_t closed(int op, wg_var a, wg_var b, wg_var *y)
{
    wg_var p = element(a, 0), q = element(a, 1), r = element(a, 2), s = element(a, 3);
    wg_var b0 = element(b, 0), b1 = element(b, 1), det = minus(p, s, q, r);
    switch (op) {
    case SOLVE:
        y[0] = wg_div(minus(s, b0, q, b1), det);
        y[1] = wg_div(minus(p, b1, r, b0), det);
        return 2;
    case INV:
        return closed_inverse(p, q, r, s, y);
    case DET:
        y[0] = det;
        return 1;
    case SLOGDET:
        y[0] = wg_log(wg_abs(det));
        return 1;
    case CHOLESKY: /* of a a^T: the lengths of a's first row, of the second's projection on it, and of what is left */
        y[0] = wg_sqrt(wg_add(wg_square(p), wg_square(q)));
        y[1] = wg_mul(p, wg_scalar(a.tape, 0));
        y[2] = wg_div(wg_add(wg_mul(p, r), wg_mul(q, s)), y[0]);
        y[3] = wg_div(wg_abs(det), y[0]);
        return 4;
    case LOWER:
        y[0] = wg_div(b0, p);
        y[1] = wg_div(wg_sub(b1, wg_mul(r, y[0])), s);
        return 2;
    case UPPER_TRANSPOSED: /* (1, 0; q, 1) */
        y[0] = wg_mul(b0, wg_scalar(a.tape, 1));
        y[1] = wg_sub(b1, wg_mul(q, b0));
        return 2;
    case CHOLESKY_SOLVE: /* l = (p, 0; r, s) */
        y[0] = wg_div(b0, p);
        y[1] = wg_div(wg_div(wg_sub(b1, wg_mul(r, y[0])), s), s);
        y[0] = wg_div(wg_sub(y[0], wg_mul(r, y[1])), p);
        return 2;
    default: /* the inverse of the square */
        return closed_inverse(wg_add(wg_square(p), wg_mul(q, r)), wg_mul(q, wg_add(p, s)), wg_mul(r, wg_add(p, s)),
            wg_add(wg_square(s), wg_mul(q, r)), y);
    }
}

/* The sum of w_i y_i, whose derivative along fixed directions is taken again and again. */
static void test_orders(void **state)
{
    (void)state;
    static const double weights[] = {0.5, -1, 2, 0.75};
    for (int op = 0; op < OPS; op++) {
        wg_tape *tape = wg_tape_new(WG_F64);
        wg_var in[2], grads[2], elements[4];
        in[0] = wg_variable(tape, WG_DIMS(2, 2), ((double[]){1.5, -0.5, 0.75, 2}));
        in[1] = wg_variable(tape, WG_DIMS(2), ((double[]){1, -3}));
        wg_var directions[] = {wg_constant(tape, WG_DIMS(2, 2), ((double[]){0.5, 0.25, -1, 0.5})),
            wg_constant(tape, WG_DIMS(2), ((double[]){1, 0.5}))};
        wg_var result = apply(op, in[0], in[1]), two[2];
        size_t n = closed(op, in[0], in[1], elements);
        two[0] = two[1] = wg_scalar(tape, 0);
        for (size_t i = 0; i < n; i++) {
            wg_var weight = wg_scalar(tape, weights[i]);
            two[0] = wg_add(two[0], wg_mul(weight, element(result, (ptrdiff_t)i)));
            two[1] = wg_add(two[1], wg_mul(weight, elements[i]));
        }
        for (int order = 0; order <= 4; order++) {
            if (wg_tape_status(tape) != WG_OK) fail_msg("op %d, order %d: %s", op, order, wg_tape_message(tape));
            double got = wg_item(two[0]), expected = wg_item(two[1]);
            if (!(fabs(got - expected) <= 1e-12 * (1 + fabs(expected))))
                fail_msg("op %d, order %d: %.17g, expected %.17g", op, order, got, expected);
            for (int way = 0; way < 2; way++) {
                wg_gradients(two[way], in, 2, grads);
                two[way] = wg_add(wg_sum(wg_mul(grads[0], directions[0])), wg_sum(wg_mul(grads[1], directions[1])));
            }
        }
        wg_tape_free(tape);
    }
}

/* ---- bounded memory ---------------------------------------------------------------------------------------------------- */

/* In a fixed buffer a sweep that lacks memory fails before it touches a gradient; the sizes here take in each op's failing
 * and working, and both of its kernels' ways. */
static void test_bounded(void **state)
{
    (void)state;
    enum { N = 70, LARGEST = 800000 };
    static double a[N * N], b[N * 5];
    random_state random = {1};
    for (size_t i = 0; i < N * N; i++) a[i] = (random_unit(&random) - 0.5) / N + (i / N == i % N ? 2 : 0);
    for (size_t i = 0; i < N * 5; i++) b[i] = random_unit(&random);
    void *buffer = aligned_alloc(64, LARGEST);
    assert_non_null(buffer);
    for (int op = 0; op < OPS; op++) {
        size_t failed = 0, worked = 0;
        for (size_t bytes = LARGEST / 16; bytes <= LARGEST; bytes += LARGEST / 16) {
            wg_tape_options options = {.dtype = WG_F64, .buffer = buffer, .buffer_size = bytes};
            wg_tape *tape = wg_tape_new_with(&options, NULL);
            assert_non_null(tape);
            wg_var x = wg_variable_f64(tape, WG_DIMS(N, N), a), v = wg_variable_f64(tape, WG_DIMS(N, 5), b);
            wg_var y = wg_sum(apply(op, x, v));
            if (wg_ok(y) && wg_backward(y) == WG_OK) {
                worked++;
            } else {
                failed++;
                assert_int_equal(wg_tape_status(tape), WG_ERROR_MEMORY);
                wg_tape_clear_error(tape);
                for (size_t i = 0; i < wg_size(x) && wg_ok(v); i++) assert_true(wg_grad_at(x, i) == 0);
            }
            wg_tape_free(tape);
        }
        if (!failed || !worked) fail_msg("op %d: %zu failed, %zu worked", op, failed, worked);
    }
    free(buffer);
}

/* A stack of no matrices takes no memory, however large they would be: value, gradient and second derivative. */
static void test_empty_stacks(void **state)
{
    (void)state;
    const size_t large = (size_t)1 << (sizeof(size_t) * 8 / 2 - 8);
    static char buffer[1 << 15];
    for (int op = 0; op < OPS; op++) {
        wg_tape_options options = {.dtype = WG_F64, .buffer = buffer, .buffer_size = sizeof buffer};
        wg_tape *tape = wg_tape_new_with(&options, NULL);
        assert_non_null(tape);
        wg_var x = wg_variable_f64(tape, WG_DIMS(0, large, large), NULL),
               v = wg_variable_f64(tape, WG_DIMS(large, 0), NULL);
        wg_var y = wg_sum(apply(op, x, v)), in[] = {x, v}, grads[2];
        assert_true(wg_item(y) == 0);
        wg_backward(y);
        wg_gradients(y, in, 2, grads);
        wg_var again = wg_add(wg_sum(grads[0]), wg_sum(grads[1]));
        wg_gradients(again, in, 2, grads);
        if (wg_tape_status(tape) != WG_OK) fail_msg("op %d: %s", op, wg_tape_message(tape));
        wg_tape_free(tape);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orders),
        cmocka_unit_test(test_bounded),
        cmocka_unit_test(test_empty_stacks),
    };
    return cmocka_run_group_tests_name("ops/systems", tests, NULL, NULL);
}
