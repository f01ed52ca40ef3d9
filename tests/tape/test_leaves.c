/* Leaves: constructors of both dtypes by macro and by function, conversion, binding, and how long pointers live. */
#include <float.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tape/expect.h"

static void expect_values(wg_var x, const double *expected, size_t n)
{
    assert_int_equal(wg_size(x), n);
    for (size_t i = 0; i < n; i++) EXPECT_NUMBER(wg_at(x, i), expected[i]);
}

/* ---- constructors ------------------------------------------------------------------------------------------------------ */

/* The macros take arrays, pointers, compound literals with commas, const or not, and void pointers. */
static void constructors(void **state)
{
    (void)state;
    const double expected[] = {1, 2, 3, 4, 5, 6}, zeros[6] = {0};
    double d[6] = {1, 2, 3, 4, 5, 6}, square[2][3] = {{1, 2, 3}, {4, 5, 6}};
    float f[6] = {1, 2, 3, 4, 5, 6};
    const double *constant_d = d;
    const float *constant_f = f;
    for (int dtype = WG_F32; dtype <= WG_F64; dtype++) {
        wg_tape *tape = new_tape((wg_dtype)dtype);
        wg_shape shape = WG_DIMS(2, 3);
        const void *raw = dtype == WG_F64 ? (const void *)d : (const void *)f;
        void *raw_mutable = dtype == WG_F64 ? (void *)d : (void *)f;
        const wg_var leaves[] = {
            wg_variable(tape, shape, d),
            wg_variable(tape, shape, f),
            wg_variable(tape, shape, constant_d),
            wg_variable(tape, shape, constant_f),
            wg_variable(tape, shape, &square[0][0]),
            wg_variable(tape, shape, (double[]){1, 2, 3, 4, 5, 6}),
            wg_variable(tape, shape, (float[]){1, 2, 3, 4, 5, 6}),
            wg_variable(tape, shape, raw),
            wg_variable(tape, shape, raw_mutable),
            wg_variable_f32(tape, shape, f),
            wg_variable_f64(tape, shape, d),
            wg_variable_raw(tape, shape, raw),
            wg_constant(tape, shape, d),
            wg_constant(tape, shape, f),
            wg_constant(tape, shape, constant_d),
            wg_constant(tape, shape, constant_f),
            wg_constant(tape, shape, &square[0][0]),
            wg_constant(tape, shape, (double[]){1, 2, 3, 4, 5, 6}),
            wg_constant(tape, shape, (float[]){1, 2, 3, 4, 5, 6}),
            wg_constant(tape, shape, raw),
            wg_constant(tape, shape, raw_mutable),
            wg_constant_f32(tape, shape, f),
            wg_constant_f64(tape, shape, d),
            wg_constant_raw(tape, shape, raw),
        };
        enum { VARIABLES = 12, LEAVES = sizeof leaves / sizeof *leaves };
        d[0] = f[0] = (float)(square[0][0] = 99); /* they were copied */
        for (size_t i = 0; i < LEAVES; i++) {
            wg_shape got = wg_shape_of(leaves[i]);
            assert_int_equal(got.rank, 2);
            assert_int_equal(got.dim[0], 2);
            assert_int_equal(got.dim[1], 3);
            expect_values(leaves[i], expected, 6);
            assert_int_equal(wg_grad(leaves[i]) != NULL, i < VARIABLES);
        }
        d[0] = f[0] = (float)(square[0][0] = 1);
        wg_tape_clear_error(tape);
        expect_values(wg_variable(tape, shape, (double *)NULL), zeros, 6);
        expect_values(wg_variable(tape, shape, (float *)NULL), zeros, 6);
        expect_values(wg_variable_raw(tape, shape, NULL), zeros, 6);
        expect_values(wg_constant(tape, shape, (const float *)NULL), zeros, 6);
        expect_values(wg_constant_f64(tape, shape, NULL), zeros, 6);
        expect_values(wg_constant_raw(tape, shape, NULL), zeros, 6);
        HEALTHY(tape);
        wg_tape_free(tape);
    }
}

static void shapes(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F32);
    const wg_shape tried[] = {WG_SCALAR, WG_DIMS(1), WG_DIMS(0), WG_DIMS(3, 0, 2), WG_DIMS(1, 2, 1, 2, 1, 2, 1, 2)};
    const size_t sizes[] = {1, 1, 0, 0, 16};
    for (size_t i = 0; i < sizeof tried / sizeof *tried; i++) {
        wg_var x = wg_variable_raw(tape, tried[i], NULL), c = wg_constant_raw(tape, tried[i], NULL);
        wg_var k = wg_indices(tape, tried[i], NULL);
        assert_int_equal(wg_size(x), sizes[i]);
        assert_int_equal(wg_size(c), sizes[i]);
        assert_int_equal(wg_size(k), sizes[i]);
        assert_int_equal(wg_shape_of(x).rank, tried[i].rank);
        assert_non_null(wg_value(x));
        assert_non_null(wg_grad(x));
        assert_non_null(wg_value(k));
        for (size_t j = 0; j < sizes[i]; j++) EXPECT_NUMBER(wg_grad_at(x, j), 0);
    }
    HEALTHY(tape);
    wg_tape_free(tape);
}

static void scalars(void **state)
{
    (void)state;
    for (int dtype = WG_F32; dtype <= WG_F64; dtype++) {
        wg_tape *tape = new_tape((wg_dtype)dtype);
        wg_var c = wg_scalar(tape, 0.1), x = wg_scalar_variable(tape, 0.1);
        double expected = dtype == WG_F64 ? 0.1 : (double)0.1f;
        assert_int_equal(wg_shape_of(c).rank, 0);
        assert_int_equal(wg_size(x), 1);
        EXPECT_NUMBER(wg_item(c), expected);
        EXPECT_NUMBER(wg_item(x), expected);
        EXPECT_NUMBER(wg_grad_at(x, 0), 0);
        for (int k = 0; k < 2; k++) { /* in its node, and with an address */
            assert_int_equal(wg_set_value(c, (float[]){0.25f}), WG_OK);
            EXPECT_NUMBER(wg_item(c), 0.25);
            assert_int_equal(wg_set_value(c, (double[]){0.1}), WG_OK);
            EXPECT_NUMBER(wg_item(c), expected);
            assert_non_null(wg_value(c));
            EXPECT_NUMBER(wg_item(c), expected);
        }
        HEALTHY(tape);
        wg_tape_free(tape);
    }
}

/* Numbers are rounded as C rounds them, special ones included. */
static void conversion(void **state)
{
    (void)state;
    const double d[] = {0.1, -1e300, 1e-300, (double)INFINITY, -(double)INFINITY, (double)NAN, -0.0, DBL_MAX, DBL_MIN,
        1e-40, 16777217, (double)FLT_MAX * 1.0000001};
    enum { N = sizeof d / sizeof *d };
    float f[N];
    for (size_t i = 0; i < N; i++) f[i] = (float)d[i];
    wg_tape *narrow = new_tape(WG_F32), *wide = new_tape(WG_F64);
    wg_var x = wg_variable(narrow, WG_DIMS(N), d), y = wg_constant(wide, WG_DIMS(N), f),
           z = wg_constant(wide, WG_DIMS(N), d);
    for (int way = 0; way < 2; way++) {
        for (size_t i = 0; i < N; i++) {
            EXPECT_NUMBER(wg_at(x, i), (double)f[i]);
            EXPECT_NUMBER(wg_at(y, i), (double)f[i]);
            EXPECT_NUMBER(wg_at(z, i), d[i]);
            assert_int_equal(signbit(wg_value_f32(x)[i]) != 0, signbit(f[i]) != 0);
        }
        wg_set_value(x, (float[N]){0});
        wg_set_value(y, (double[N]){0});
        wg_set_value(x, d);
        wg_set_value(y, f);
    }
    wg_tape_free(narrow);
    wg_tape_free(wide);
}

static void index_leaves(void **state)
{
    (void)state;
    for (int dtype = WG_F32; dtype <= WG_F64; dtype++) {
        wg_tape *tape = new_tape((wg_dtype)dtype);
        const int64_t values[] = {INT64_MAX, INT64_MIN, -1, 0};
        wg_var i = wg_indices(tape, WG_DIMS(2, 2), values), zero = wg_indices(tape, WG_SCALAR, NULL);
        assert_memory_equal(wg_value_indices(i), values, sizeof values);
        assert_memory_equal(wg_value(i), values, sizeof values);
        EXPECT_NUMBER(wg_at(i, 2), -1);
        EXPECT_NUMBER(wg_item(zero), 0);
        assert_int_equal(wg_set_indices(zero, (int64_t[]){42}), WG_OK);
        EXPECT_NUMBER(wg_item(zero), 42);
        int64_t *to_write = wg_value_mut(i);
        assert_ptr_equal(to_write, wg_value_indices(i));
        to_write[3] = 5;
        EXPECT_NUMBER(wg_at(i, 3), 5);
        static int64_t bound[4] = {9, 8, 7, 6};
        assert_int_equal(wg_bind(i, bound, NULL), WG_OK);
        assert_ptr_equal(wg_value_indices(i), bound);
        HEALTHY(tape);
        wg_tape_free(tape);
    }
}

static void setting_its_own_numbers(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(3), (double[]){1, 2, 3}), s = wg_scalar(tape, 4);
    assert_int_equal(wg_set_value_raw(x, wg_value(x)), WG_OK);
    expect_values(x, (double[]){1, 2, 3}, 3);
    assert_int_equal(wg_set_value_raw(s, wg_value(s)), WG_OK);
    EXPECT_NUMBER(wg_item(s), 4);
    wg_tape_free(tape);
}

/* ---- binding ------------------------------------------------------------------------------------------------------------- */

/* wg_bind writes nothing; the bound numbers are the value, what the bound gradient holds is added to. */
static void bound(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    double value[3] = {1, 2, 3}, grad[3] = {100, 200, 300};
    wg_var x = wg_variable(tape, WG_DIMS(3), (double[]){7, 7, 7});
    assert_int_equal(wg_bind(x, value, grad), WG_OK);
    assert_memory_equal(value, ((double[]){1, 2, 3}), sizeof value);
    assert_memory_equal(grad, ((double[]){100, 200, 300}), sizeof grad);
    assert_ptr_equal(wg_value(x), value);
    assert_ptr_equal(wg_grad(x), grad);
    assert_ptr_equal(wg_value_mut(x), value);
    EXPECT_NUMBER(wg_grad_at(x, 1), 200);

    wg_var loss = wg_sum(wg_square(x));
    EXPECT_NUMBER(wg_item(loss), 14);
    assert_int_equal(wg_backward(loss), WG_OK);
    assert_memory_equal(grad, ((double[]){102, 204, 306}), sizeof grad);
    assert_int_equal(wg_backward(loss), WG_OK);
    assert_memory_equal(grad, ((double[]){104, 208, 312}), sizeof grad);

    /* the caller may write to the gradient at any time */
    grad[0] = 0;
    grad[2] = -1;
    assert_int_equal(wg_backward(loss), WG_OK);
    assert_memory_equal(grad, ((double[]){2, 212, 5}), sizeof grad);
    assert_int_equal(wg_zero_grad(tape), WG_OK);
    assert_memory_equal(grad, ((double[]){0, 0, 0}), sizeof grad);
    grad[0] = 50;
    grad[1] = 60;
    assert_int_equal(wg_backward(loss), WG_OK);
    assert_memory_equal(grad, ((double[]){52, 64, 6}), sizeof grad);

    /* writes to the value are seen after wg_value_mut and a replay */
    value[0] = 10;
    assert_non_null(wg_value_mut(x));
    assert_int_equal(wg_tape_replay(tape), WG_OK);
    EXPECT_NUMBER(wg_item(loss), 113);
    assert_int_equal(wg_set_value(x, (float[]){1, 1, 1}), WG_OK);
    assert_memory_equal(value, ((double[]){1, 1, 1}), sizeof value);
    HEALTHY(tape);
    wg_tape_free(tape);
    assert_memory_equal(value, ((double[]){1, 1, 1}), sizeof value);
}

/* A 0-d leaf's gradient takes another way through the sweep. */
static void bound_scalars(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F32);
    float value = 3, grad = 100, constant = 5;
    wg_var x = wg_scalar_variable(tape, 9), c = wg_scalar(tape, 9);
    assert_int_equal(wg_bind(x, &value, &grad), WG_OK);
    assert_int_equal(wg_bind(c, &constant, NULL), WG_OK);
    assert_ptr_equal(wg_value(c), &constant);
    wg_var y = wg_mul(wg_square(x), c);
    EXPECT_NUMBER(wg_item(y), 45);
    assert_int_equal(wg_backward(y), WG_OK);
    assert_true(grad == 130);
    assert_int_equal(wg_zero_grad(tape), WG_OK);
    grad = 7;
    assert_int_equal(wg_backward(y), WG_OK);
    assert_true(grad == 37);
    wg_tape_free(tape);
}

/* Without an array for it, the gradient stays where it was. */
static void bound_value_alone(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    double value[2] = {3, 4};
    wg_var x = wg_variable(tape, WG_DIMS(2), (double[]){1, 2});
    assert_int_equal(wg_backward(wg_sum(wg_square(x))), WG_OK);
    const double *grad = wg_grad_f64(x);
    assert_int_equal(wg_bind(x, value, NULL), WG_OK);
    assert_ptr_equal(wg_grad(x), grad);
    EXPECT_NUMBER(grad[1], 4);
    assert_int_equal(wg_backward(wg_sum(wg_square(x))), WG_OK);
    assert_ptr_equal(wg_grad(x), grad);
    EXPECT_NUMBER(grad[1], 12);
    HEALTHY(tape);
    wg_tape_free(tape);
}

/* ---- pointers -------------------------------------------------------------------------------------------------------------- */

enum { MORE_OPS = 100000 };

/* A leaf's value and gradient stay where they are while much is recorded, swept and rewound; so does a scalar's address
 * while recording goes on. */
static void pointers_stay(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(4), (double[]){1, 2, 3, 4}), s = wg_scalar_variable(tape, 0.5);
    wg_var c = wg_constant(tape, WG_DIMS(4), (double[]){5, 6, 7, 8}), n = wg_scalar(tape, 6),
           i = wg_indices(tape, WG_DIMS(2), NULL);
    const void *const at[] = {wg_value(x), wg_grad(x), wg_value(s), wg_grad(s), wg_value(c), wg_value(n), wg_value(i)};
    wg_var product = wg_mul(s, n);
    wg_mark mark = wg_tape_mark(tape);
    for (int round = 0; round < 2; round++) {
        const double *address = wg_value_f64(product);
        EXPECT_NUMBER(*address, 3);
        wg_var sum = product, array = x;
        for (size_t k = 0; k < MORE_OPS; k++) {
            sum = wg_mul(sum, n);
            sum = wg_div(sum, n);
            if (k % 100 == 0) array = wg_add(array, sum);
            if (k % 1000 == 0) wg_name(sum, "sum");
        }
        assert_ptr_equal(wg_value(product), address);
        EXPECT_NUMBER(*address, 3);
        assert_int_equal(wg_backward(wg_sum(array)), WG_OK);
        EXPECT_NUMBER(wg_grad_f64(x)[3], round + 1);
        const void *const now[] = {
            wg_value(x), wg_grad(x), wg_value(s), wg_grad(s), wg_value(c), wg_value(n), wg_value(i)};
        assert_memory_equal(now, at, sizeof at);
        expect_values(x, (double[]){1, 2, 3, 4}, 4);
        assert_int_equal(wg_tape_rewind(tape, mark), WG_OK);
        const void *const after[] = {
            wg_value(x), wg_grad(x), wg_value(s), wg_grad(s), wg_value(c), wg_value(n), wg_value(i)};
        assert_memory_equal(after, at, sizeof at);
    }
    HEALTHY(tape);
    wg_tape_free(tape);
}

/* Every array of 64 bytes or more begins at a cache line, whatever its neighbours are. */
static void arrays_are_aligned(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F32);
    for (size_t n = 0; n < 200; n++) {
        wg_var x = wg_variable_raw(tape, WG_DIMS(n), NULL), y = wg_exp(x),
               t = wg_transpose(wg_reshape(y, WG_DIMS(1, n)));
        const void *at[] = {wg_value(x), wg_grad(x), wg_value(y), wg_value(t)};
        for (size_t k = 0; k < 4; k++) assert_int_equal((uintptr_t)at[k] % (n * sizeof(float) < 64 ? 4 : 64), 0);
    }
    HEALTHY(tape);
    wg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constructors),
        cmocka_unit_test(shapes),
        cmocka_unit_test(scalars),
        cmocka_unit_test(conversion),
        cmocka_unit_test(index_leaves),
        cmocka_unit_test(setting_its_own_numbers),
        cmocka_unit_test(bound),
        cmocka_unit_test(bound_scalars),
        cmocka_unit_test(bound_value_alone),
        cmocka_unit_test(pointers_stay),
        cmocka_unit_test(arrays_are_aligned),
    };
    return cmocka_run_group_tests_name("tape/leaves", tests, NULL, NULL);
}
