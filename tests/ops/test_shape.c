/* Ops that rearrange: rows, views, lazy transposes, and errors. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "support/point.h"

/* ---- rows --------------------------------------------------------------------------------------------------------------- */

static wg_var apply_reshape(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    (void)tape, (void)n;
    return wg_reshape(in[0], *(const wg_shape *)user);
}

static void reference_reshape(array *out, const array *in, size_t n, const void *user)
{
    (void)n;
    *out = array_new(*(const wg_shape *)user);
    assert_int_equal(out->size, in->size);
    memcpy(out->at, in->at, in->size * sizeof *in->at);
}

static wg_var apply_broadcast_to(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    (void)tape, (void)n;
    return wg_broadcast_to(in[0], *(const wg_shape *)user);
}

static void reference_broadcast_to(array *out, const array *in, size_t n, const void *user)
{
    (void)n;
    *out = array_new(*(const wg_shape *)user);
    for (size_t i = 0; i < out->size; i++) {
        size_t tuple[WG_MAX_RANK];
        shape_tuple(&out->shape, i, tuple);
        out->at[i] = array_stretched(in, &out->shape, tuple);
    }
}

static wg_var apply_sum_to(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    (void)tape, (void)n;
    return wg_sum_to(in[0], *(const wg_shape *)user);
}

/* Each element goes to the tuple of the result that its own would be read from. */
static void reference_sum_to(array *out, const array *in, size_t n, const void *user)
{
    (void)n;
    *out = array_new(*(const wg_shape *)user);
    for (size_t i = 0; i < in->size; i++) {
        size_t from[WG_MAX_RANK], to[WG_MAX_RANK];
        shape_tuple(&in->shape, i, from);
        for (uint32_t d = 0; d < out->shape.rank; d++)
            to[d] = out->shape.dim[d] == 1 ? 0 : from[in->shape.rank - out->shape.rank + d];
        out->at[shape_flat(&out->shape, to)] += in->at[i];
    }
}

typedef struct order {
    int axes[WG_MAX_RANK];
    size_t n;
} order;

static wg_var apply_permute(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    const order *o = user;
    (void)tape, (void)n;
    return wg_permute(in[0], o->axes, o->n);
}

static void reference_permute(array *out, const array *in, size_t n, const void *user)
{
    const order *o = user;
    wg_shape shape = {.rank = in->shape.rank};
    uint32_t axis[WG_MAX_RANK];
    (void)n;
    for (uint32_t k = 0; k < shape.rank; k++) {
        axis[k] = (uint32_t)(o->axes[k] < 0 ? o->axes[k] + (int)shape.rank : o->axes[k]);
        shape.dim[k] = in->shape.dim[axis[k]];
    }
    *out = array_new(shape);
    for (size_t i = 0; i < out->size; i++) {
        size_t tuple[WG_MAX_RANK], from[WG_MAX_RANK];
        shape_tuple(&shape, i, tuple);
        for (uint32_t k = 0; k < shape.rank; k++) from[axis[k]] = tuple[k];
        out->at[i] = in->at[shape_flat(&in->shape, from)];
    }
}

static void reference_transpose(array *out, const array *in, size_t n, const void *user)
{
    order o = {.n = in->shape.rank};
    (void)user;
    for (int k = 0; k < (int)o.n; k++) o.axes[k] = k;
    o.axes[o.n - 1] = (int)o.n - 2;
    o.axes[o.n - 2] = (int)o.n - 1;
    reference_permute(out, in, n, &o);
}

#define TO(...)                                                                                                        \
    &(const wg_shape)                                                                                                  \
    {                                                                                                                  \
        sizeof((size_t[]){__VA_ARGS__}) / sizeof(size_t), { __VA_ARGS__ }                                              \
    }
#define TO_SCALAR                                                                                                      \
    &(const wg_shape) { 0 }
#define ORDER(...)                                                                                                     \
    &(const order) { {__VA_ARGS__}, sizeof((int[]){__VA_ARGS__}) / sizeof(int) }

static const row_case cases_reshape[] = {
    CASE_WITH(TO_SCALAR, 1, SHAPE_SCALAR),
    CASE_WITH(TO(1, 1), 1, SHAPE_SCALAR),
    CASE_WITH(TO_SCALAR, 1, SHAPE(1, 1, 1)),
    CASE_WITH(TO(6), 1, SHAPE(2, 3)),
    CASE_WITH(TO(3, 2), 1, SHAPE(2, 3)),
    CASE_WITH(TO(2, 1, 3, 1, 1, 2, 1, 1), 1, SHAPE(12)),
    CASE_WITH(TO(0, 7), 1, SHAPE(2, 0, 3)),
    CASE_WITH(TO(2, 3), 1, SHAPE(2, 3)),
};
static const row_case cases_transpose[] = {
    CASE(1, SHAPE(1, 1)),
    CASE(1, SHAPE(2, 3)),
    CASE(1, SHAPE(1, 5)),
    CASE(1, SHAPE(4, 2, 3)),
    CASE(1, SHAPE(2, 1, 2, 1, 1, 2, 3, 2)),
    CASE(1, SHAPE(0, 3)),
    CASE(1, SHAPE(3, 0, 2)),
    CASE(1, SHAPE(37, 41)),
};
static const row_case cases_permute[] = {
    CASE_WITH(&(const order){.n = 0}, 1, SHAPE_SCALAR),
    CASE_WITH(ORDER(0), 1, SHAPE(5)),
    CASE_WITH(ORDER(-1), 1, SHAPE(1)),
    CASE_WITH(ORDER(1, 0), 1, SHAPE(2, 3)),
    CASE_WITH(ORDER(2, 0, 1), 1, SHAPE(2, 3, 4)),
    CASE_WITH(ORDER(-2, -1, 0), 1, SHAPE(2, 3, 4)),
    CASE_WITH(ORDER(0, 1, 2), 1, SHAPE(2, 3, 4)),
    CASE_WITH(ORDER(1, 3, 0, 2), 1, SHAPE(2, 1, 3, 2)),
    CASE_WITH(ORDER(7, 0, 5, 2, 3, 4, 1, 6), 1, SHAPE(2, 1, 2, 3, 1, 2, 1, 2)),
    CASE_WITH(ORDER(2, 1, 0), 1, SHAPE(2, 0, 3)),
    CASE_WITH(ORDER(2, 0, 1), 1, SHAPE(9, 33, 7)),
};
static const row_case cases_broadcast_to[] = {
    CASE_WITH(TO_SCALAR, 1, SHAPE_SCALAR),
    CASE_WITH(TO(3), 1, SHAPE_SCALAR),
    CASE_WITH(TO(2, 3), 1, SHAPE(3)),
    CASE_WITH(TO(2, 3), 1, SHAPE(2, 1)),
    CASE_WITH(TO(5, 2, 3), 1, SHAPE(1, 2, 1)),
    CASE_WITH(TO(2, 3), 1, SHAPE(2, 3)),
    CASE_WITH(TO(1, 1, 3), 1, SHAPE(3)),
    CASE_WITH(TO(2, 1, 2, 3, 1, 2, 1, 2), 1, SHAPE(2, 1, 1, 2, 1, 1)),
    CASE_WITH(TO(0, 3), 1, SHAPE(1, 3)),
    CASE_WITH(TO(2, 0), 1, SHAPE_SCALAR),
    CASE_WITH(TO(4, 0), 1, SHAPE(0)),
    CASE_WITH(TO(23, 50), 1, SHAPE(23, 1)),
    CASE_WITH(TO(23, 50), 1, SHAPE(50)),
};
static const row_case cases_sum_to[] = {
    CASE_WITH(TO_SCALAR, 1, SHAPE_SCALAR),
    CASE_WITH(TO_SCALAR, 1, SHAPE(2, 3)),
    CASE_WITH(TO(3), 1, SHAPE(2, 3)),
    CASE_WITH(TO(2, 1), 1, SHAPE(2, 3)),
    CASE_WITH(TO(1, 1), 1, SHAPE(2, 3)),
    CASE_WITH(TO(1, 2, 1), 1, SHAPE(5, 2, 3)),
    CASE_WITH(TO(2, 3), 1, SHAPE(2, 3)),
    CASE_WITH(TO(2, 1, 1, 2, 1, 1), 1, SHAPE(2, 1, 2, 3, 1, 2, 1, 2)),
    CASE_WITH(TO(1, 3), 1, SHAPE(0, 3)),
    CASE_WITH(TO_SCALAR, 1, SHAPE(2, 0)),
    CASE_WITH(TO(0), 1, SHAPE(4, 0)),
    CASE_WITH(TO(23, 1), 1, SHAPE(23, 50)),
    CASE_WITH(TO(1, 50), 1, SHAPE(23, 50)),
};

static const row rows[] = {
    ROW(wg_reshape, .apply = apply_reshape, .reference = reference_reshape, ROW_CASES(cases_reshape),
        .domain = {FROM(-2, 2)}),
    ROW(wg_transpose, .unary = wg_transpose, .reference = reference_transpose, ROW_CASES(cases_transpose),
        .domain = {FROM(-2, 2)}),
    ROW(wg_permute, .apply = apply_permute, .reference = reference_permute, ROW_CASES(cases_permute),
        .domain = {FROM(-2, 2)}),
    ROW(wg_broadcast_to, .apply = apply_broadcast_to, .reference = reference_broadcast_to,
        ROW_CASES(cases_broadcast_to), .domain = {FROM(-2, 2)}),
    ROW(wg_sum_to, .apply = apply_sum_to, .reference = reference_sum_to, ROW_CASES(cases_sum_to),
        .domain = {FROM(-2, 2)}, .roundings = 16, .sum = true),
};

static void test_allocations(void **state)
{
    (void)state;
    const row_case cases[] = {CASE_WITH(TO(50, 20), 1, SHAPE(1000)), CASE(1, SHAPE(40, 30)),
        CASE_WITH(ORDER(2, 0, 1), 1, SHAPE(9, 33, 7)), CASE_WITH(TO(23, 50), 1, SHAPE(50)),
        CASE_WITH(TO(33, 1), 1, SHAPE(9, 33, 7))};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) row_fail_allocations(&rows[i], &cases[i]);
}

/* ---- views ------------------------------------------------------------------------------------------------------------------- */

static void expect_numbers(wg_var var, const double *expected)
{
    for (size_t i = 0; i < wg_size(var); i++)
        if (wg_at(var, i) != expected[i]) fail_msg("element %zu: %g, expected %g", i, wg_at(var, i), expected[i]);
    if (wg_tape_status(var.tape) != WG_OK) fail_msg("%s", wg_tape_message(var.tape));
}

/* A view of a view is a view of the base; nothing is copied. */
static void test_reshape_is_a_view(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    const double numbers[] = {1, 2, 3, 4, 5, 6};
    wg_var x = wg_variable_f64(tape, WG_DIMS(2, 3), numbers), flat = wg_reshape(x, WG_DIMS(6));
    wg_var again = wg_reshape(flat, WG_DIMS(3, 1, 2)), row_like = wg_reshape(wg_slice(x, 0, 1, 2, 1), WG_DIMS(3, 1));
    assert_ptr_equal(wg_value(flat), wg_value(x));
    assert_ptr_equal(wg_value(again), wg_value(x));
    assert_ptr_equal(wg_value(row_like), (const double *)wg_value(x) + 3);
    expect_numbers(again, numbers);
    expect_numbers(row_like, numbers + 3);
    wg_tape_free(tape);
}

/* 0-d values that live in their node, given a shape and taken back. */
static void test_reshape_of_scalars(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_scalar_variable(tape, 3), y = wg_mul(x, x), grad;
    wg_var boxed = wg_reshape(y, WG_DIMS(1, 1)), back = wg_reshape(boxed, WG_SCALAR), z = wg_mul(back, wg_add(y, x));
    assert_true(wg_item(boxed) == 9 && wg_item(z) == 108);
    assert_int_equal(wg_backward(z), WG_OK); /* x^2 (x^2 + x): 4 x^3 + 3 x^2 */
    assert_true(wg_grad_at(x, 0) == 135);
    assert_int_equal(wg_gradients(z, &x, 1, &grad), WG_OK);
    assert_true(wg_item(grad) == 135);
    double two = 2;
    assert_int_equal(wg_set_value(x, &two), WG_OK);
    assert_int_equal(wg_tape_replay(tape), WG_OK);
    assert_true(wg_item(z) == 24 && wg_item(grad) == 44);
    wg_tape_free(tape);
}

static void test_reshape_of_a_transpose(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(2, 3), ((double[]){1, 2, 3, 4, 5, 6}));
    wg_var turned = wg_transpose(x), flat = wg_reshape(turned, WG_DIMS(6)), number = wg_slice(flat, 0, 1, 2, 1);
    wg_var scalar = wg_reshape(number, WG_SCALAR), y = wg_mul(scalar, wg_exp(wg_scalar(tape, 0)));
    expect_numbers(flat, (double[]){1, 4, 2, 5, 3, 6});
    assert_true(wg_item(y) == 4);
    assert_int_equal(wg_backward_from(flat, (double[]){10, 20, 30, 40, 50, 60}), WG_OK);
    assert_memory_equal(wg_grad(x), ((double[]){10, 30, 50, 20, 40, 60}), 6 * sizeof(double));
    wg_tape_free(tape);
}

/* A 0-d view of a lazy transpose is read by a scalar op before anything has evaluated it. */
static void test_scalar_view_of_a_waiting_transpose(void **state)
{
    (void)state;
    for (int dtype = WG_F32; dtype <= WG_F64; dtype++) {
        wg_tape *tape = wg_tape_new((wg_dtype)dtype);
        wg_var x = wg_variable(tape, WG_DIMS(1, 1), ((double[]){3}));
        wg_var scalar = wg_reshape(wg_transpose(x), WG_SCALAR), y = wg_mul(scalar, scalar);
        assert_true(wg_item(y) == 9);
        assert_int_equal(wg_backward(y), WG_OK);
        assert_true(wg_grad_at(x, 0) == 6);
        wg_tape_free(tape);
    }
}

/* wg_bind moves the base; views of it, and views of views, go along at the next replay. */
static void test_bind_under_views(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    double elsewhere[] = {10, 20, 30, 40, 50, 60}, grads[6] = {1, 1, 1, 1, 1, 1};
    wg_var x = wg_variable(tape, WG_DIMS(2, 3), ((double[]){1, 2, 3, 4, 5, 6}));
    wg_var flat = wg_reshape(x, WG_DIMS(6)), last = wg_slice(wg_reshape(flat, WG_DIMS(3, 2)), 0, 2, 3, 1);
    wg_var turned = wg_transpose(x), y = wg_sum(wg_mul(last, last));
    expect_numbers(turned, (double[]){1, 4, 2, 5, 3, 6});
    assert_true(wg_item(y) == 61);
    assert_int_equal(wg_bind(x, elsewhere, grads), WG_OK);
    assert_true(isnan(wg_at(flat, 0)));
    point_expect_error(tape, WG_ERROR_STALE, "stale", NULL);
    assert_int_equal(wg_tape_replay(tape), WG_OK);
    assert_ptr_equal(wg_value(flat), elsewhere);
    assert_ptr_equal(wg_value(last), elsewhere + 4);
    expect_numbers(turned, (double[]){10, 40, 20, 50, 30, 60});
    assert_true(wg_item(y) == 6100);
    assert_int_equal(wg_backward(y), WG_OK);
    assert_memory_equal(grads, ((double[]){1, 1, 1, 1, 101, 121}), sizeof grads);
    wg_tape_free(tape);
}

/* Adjoints of a base with other consumers beside its views, and gradients retained at each of them. */
static void test_adjoints_around_views(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(2, 2), ((double[]){1, 2, 3, 4})), base = wg_neg(x);
    wg_var flat = wg_reshape(base, WG_DIMS(4)), column = wg_reshape(flat, WG_DIMS(4, 1));
    wg_var y = wg_add(wg_add(wg_sum(wg_square(column)), wg_sum(base)), wg_sum(wg_mul(flat, flat)));
    wg_var held[] = {base, flat, column};
    for (size_t i = 0; i < 3; i++) assert_int_equal(wg_retain_grad(held[i]), WG_OK);
    assert_int_equal(wg_backward(y), WG_OK);
    for (size_t i = 0; i < 4; i++) {
        double b = -(double)(i + 1);
        assert_true(wg_grad_at(column, i) == 2 * b);
        assert_true(wg_grad_at(flat, i) == 4 * b);
        assert_true(wg_grad_at(base, i) == 4 * b + 1);
        assert_true(wg_grad_at(x, i) == -(4 * b + 1));
    }
    wg_tape_free(tape);
}

/* ---- errors --------------------------------------------------------------------------------------------------------------------- */

static void test_errors(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var w = wg_name(wg_variable(tape, WG_DIMS(2, 3), (double *)NULL), "W"),
           b = wg_variable_f64(tape, WG_DIMS(3), NULL);
    wg_shape nine = {.rank = 9, .dim = {1, 1, 1, 1, 1, 1, 1, 1}}, huge = {2, {(size_t)1 << 40, (size_t)1 << 40}};
    wg_stats before, after;
    wg_tape_stats(tape, &before);
    wg_reshape(w, WG_DIMS(2, 2));
    point_expect_error(tape, WG_ERROR_SHAPE, "reshape", "W (2,3)", "(2,2)", NULL);
    wg_reshape(w, nine);
    point_expect_error(tape, WG_ERROR_SHAPE, "reshape", NULL);
    wg_reshape(w, huge);
    point_expect_error(tape, WG_ERROR_SHAPE, "reshape", NULL);
    wg_broadcast_to(w, huge);
    point_expect_error(tape, WG_ERROR_SHAPE, "broadcast_to", NULL);
    wg_broadcast_to(w, WG_DIMS(3));
    point_expect_error(tape, WG_ERROR_SHAPE, "broadcast_to", "W (2,3)", "(3)", NULL);
    wg_broadcast_to(w, WG_DIMS(2, 4));
    point_expect_error(tape, WG_ERROR_SHAPE, "broadcast_to", "W (2,3)", "(2,4)", NULL);
    wg_broadcast_to(w, WG_DIMS(0, 3));
    point_expect_error(tape, WG_ERROR_SHAPE, "broadcast_to", NULL);
    wg_sum_to(b, WG_DIMS(2, 3));
    point_expect_error(tape, WG_ERROR_SHAPE, "sum_to", "(3)", "(2,3)", NULL);
    wg_sum_to(w, WG_DIMS(2));
    point_expect_error(tape, WG_ERROR_SHAPE, "sum_to", "W (2,3)", "(2)", NULL);
    wg_sum_to(w, nine);
    point_expect_error(tape, WG_ERROR_SHAPE, "sum_to", NULL);
    wg_transpose(b);
    point_expect_error(tape, WG_ERROR_SHAPE, "transpose", "(3)", NULL);
    wg_transpose(wg_scalar(tape, 1));
    point_expect_error(tape, WG_ERROR_SHAPE, "transpose", "()", NULL);
    wg_permute(w, WG_AXES(0, 2));
    point_expect_error(tape, WG_ERROR_SHAPE, "permute", "axis 2", "W (2,3)", NULL);
    wg_permute(w, WG_AXES(1, -1));
    point_expect_error(tape, WG_ERROR_SHAPE, "permute", "axis -1", "twice", NULL);
    wg_permute(w, WG_AXES(1));
    point_expect_error(tape, WG_ERROR_SHAPE, "permute", "W (2,3)", NULL);
    wg_permute(w, NULL, 0);
    point_expect_error(tape, WG_ERROR_SHAPE, "permute", "W (2,3)", NULL);
    wg_permute(w, NULL, 2);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "permute", "NULL", NULL);
    wg_tape_stats(tape, &after);
    assert_int_equal(after.nodes, before.nodes + 1); /* the number for the transpose */
    wg_tape_free(tape);
}

static void test_operands_that_are_no_arrays(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    const char *names[] = {"reshape", "transpose", "permute", "broadcast_to", "sum_to"};
    wg_var operands[] = {{tape, UINT32_MAX, 0}, {0}};
    wg_sum_to(wg_indices(tape, WG_DIMS(2, 3), NULL), WG_DIMS(3));
    point_expect_error(tape, WG_ERROR_ARGUMENT, "sum_to", "argument 1", "indices", NULL);
    for (size_t i = 0; i < 2; i++) {
        wg_var x = operands[i];
        for (size_t op = 0; op < 5; op++) {
            wg_var y = op == 0   ? wg_reshape(x, WG_DIMS(6))
                       : op == 1 ? wg_transpose(x)
                       : op == 2 ? wg_permute(x, WG_AXES(1, 0))
                       : op == 3 ? wg_broadcast_to(x, WG_DIMS(2, 3))
                                 : wg_sum_to(x, WG_DIMS(3));
            assert_false(wg_ok(y));
            assert_ptr_equal(y.tape, x.tape);
            if (x.tape) point_expect_error(tape, WG_ERROR_ARGUMENT, names[op], "argument 1", "invalid", NULL);
        }
    }
    assert_int_equal(wg_tape_status(tape), WG_OK);
    wg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations),
        cmocka_unit_test(test_reshape_is_a_view),
        cmocka_unit_test(test_reshape_of_scalars),
        cmocka_unit_test(test_reshape_of_a_transpose),
        cmocka_unit_test(test_scalar_view_of_a_waiting_transpose),
        cmocka_unit_test(test_bind_under_views),
        cmocka_unit_test(test_adjoints_around_views),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_operands_that_are_no_arrays),
    };
    return row_main("ops/shape", rows, sizeof rows / sizeof *rows, tests, sizeof tests / sizeof *tests);
}
