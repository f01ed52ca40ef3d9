/* diagonal, diag_embed, diag, trace, tril, triu. The reference goes through all elements and asks each for its column - row. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "support/point.h"

/* ---- references --------------------------------------------------------------------------------------------------------- */

/* column - row of an element. */
static long line_of(const wg_shape *shape, const size_t *tuple)
{
    return (long)tuple[shape->rank - 1] - (long)tuple[shape->rank - 2];
}

/* A diagonal's length, counted. */
static size_t line_length(size_t rows, size_t columns, long offset)
{
    size_t length = 0;
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++) length += (long)j - (long)i == offset;
    return length;
}

/* Whether an element of shape is on the diagonal, and the tuple that it has among the diagonals alone. */
static bool line_place(const wg_shape *shape, size_t flat, long offset, size_t *alone)
{
    size_t tuple[WG_MAX_RANK];
    shape_tuple(shape, flat, tuple);
    for (uint32_t k = 0; k + 2 < shape->rank; k++) alone[k] = tuple[k];
    size_t i = tuple[shape->rank - 2], j = tuple[shape->rank - 1];
    alone[shape->rank - 2] = i < j ? i : j;
    return line_of(shape, tuple) == offset;
}

static void reference_diagonal(array *out, const array *in, size_t n, const void *user)
{
    long offset = *(const ptrdiff_t *)user;
    wg_shape shape = in->shape;
    (void)n;
    shape.rank--;
    shape.dim[shape.rank - 1] = line_length(in->shape.dim[shape.rank - 1], in->shape.dim[shape.rank], offset);
    *out = array_new(shape);
    for (size_t i = 0; i < in->size; i++) {
        size_t alone[WG_MAX_RANK];
        if (line_place(&in->shape, i, offset, alone)) out->at[shape_flat(&shape, alone)] = in->at[i];
    }
}

static void reference_diag_embed(array *out, const array *in, size_t n, const void *user)
{
    long offset = *(const ptrdiff_t *)user;
    wg_shape shape = in->shape;
    (void)n;
    shape.dim[shape.rank - 1] += (size_t)labs(offset);
    shape.dim[shape.rank] = shape.dim[shape.rank - 1];
    shape.rank++;
    *out = array_new(shape);
    for (size_t i = 0; i < out->size; i++) {
        size_t alone[WG_MAX_RANK];
        if (line_place(&shape, i, offset, alone)) out->at[i] = in->at[shape_flat(&in->shape, alone)];
    }
}

static void reference_diag(array *out, const array *in, size_t n, const void *user)
{
    (in->shape.rank == 1 ? reference_diag_embed : reference_diagonal)(out, in, n, user);
}

static void reference_trace(array *out, const array *in, size_t n, const void *user)
{
    wg_shape shape = in->shape;
    (void)n, (void)user;
    shape.rank -= 2;
    *out = array_new(shape);
    for (size_t i = 0; i < in->size; i++) {
        size_t alone[WG_MAX_RANK];
        if (line_place(&in->shape, i, 0, alone)) out->at[shape_flat(&shape, alone)] += in->at[i];
    }
}

static void reference_triangle(array *out, const array *in, long offset, long side)
{
    *out = array_new(in->shape);
    for (size_t i = 0; i < in->size; i++) {
        size_t tuple[WG_MAX_RANK];
        shape_tuple(&in->shape, i, tuple);
        if (side * (line_of(&in->shape, tuple) - offset) >= 0) out->at[i] = in->at[i];
    }
}

static void reference_tril(array *out, const array *in, size_t n, const void *user)
{
    (void)n;
    reference_triangle(out, in, *(const ptrdiff_t *)user, -1);
}

static void reference_triu(array *out, const array *in, size_t n, const void *user)
{
    (void)n;
    reference_triangle(out, in, *(const ptrdiff_t *)user, 1);
}

/* ---- rows --------------------------------------------------------------------------------------------------------------------- */

#define APPLY(op)                                                                                                      \
    static wg_var apply_##op(wg_tape *tape, const wg_var *in, size_t n, const void *user)                              \
    {                                                                                                                  \
        (void)tape, (void)n;                                                                                           \
        return wg_##op(in[0], *(const ptrdiff_t *)user);                                                               \
    }
APPLY(diagonal)
APPLY(diag_embed)
APPLY(diag)
APPLY(tril)
APPLY(triu)

#define OFFSET(k)                                                                                                      \
    &(const ptrdiff_t) { k }

static const row_case cases_diagonal[] = {
    CASE_WITH(OFFSET(0), 1, SHAPE(1, 1)),
    CASE_WITH(OFFSET(0), 1, SHAPE(3, 3)),
    CASE_WITH(OFFSET(1), 1, SHAPE(3, 5)),
    CASE_WITH(OFFSET(-1), 1, SHAPE(3, 5)),
    CASE_WITH(OFFSET(3), 1, SHAPE(3, 5)),
    CASE_WITH(OFFSET(-3), 1, SHAPE(5, 2)),
    CASE_WITH(OFFSET(5), 1, SHAPE(3, 5)),
    CASE_WITH(OFFSET(-7), 1, SHAPE(3, 5)),
    CASE_WITH(OFFSET(1), 1, SHAPE(2, 3, 4)),
    CASE_WITH(OFFSET(0), 1, SHAPE(2, 1, 2, 1, 1, 2, 2, 3)),
    CASE_WITH(OFFSET(0), 1, SHAPE(0, 3)),
    CASE_WITH(OFFSET(-1), 1, SHAPE(3, 0)),
    CASE_WITH(OFFSET(0), 1, SHAPE(0, 2, 2)),
    CASE_WITH(OFFSET(-2), 1, SHAPE(33, 41)),
};
static const row_case cases_diag_embed[] = {
    CASE_WITH(OFFSET(0), 1, SHAPE(1)),
    CASE_WITH(OFFSET(0), 1, SHAPE(3)),
    CASE_WITH(OFFSET(2), 1, SHAPE(3)),
    CASE_WITH(OFFSET(-1), 1, SHAPE(3)),
    CASE_WITH(OFFSET(1), 1, SHAPE(2, 3)),
    CASE_WITH(OFFSET(0), 1, SHAPE(2, 1, 2, 1, 1, 2, 3)),
    CASE_WITH(OFFSET(0), 1, SHAPE(0)),
    CASE_WITH(OFFSET(-2), 1, SHAPE(0)),
    CASE_WITH(OFFSET(1), 1, SHAPE(0, 2)),
};
static const row_case cases_diag[] = {
    CASE_WITH(OFFSET(0), 1, SHAPE(3)),
    CASE_WITH(OFFSET(-2), 1, SHAPE(3)),
    CASE_WITH(OFFSET(0), 1, SHAPE(3, 3)),
    CASE_WITH(OFFSET(1), 1, SHAPE(2, 4)),
    CASE_WITH(OFFSET(9), 1, SHAPE(2, 4)),
};
static const row_case cases_trace[] = {
    CASE(1, SHAPE(1, 1)),
    CASE(1, SHAPE(3, 3)),
    CASE(1, SHAPE(2, 4)),
    CASE(1, SHAPE(5, 3)),
    CASE(1, SHAPE(2, 3, 3)),
    CASE(1, SHAPE(2, 1, 2, 1, 1, 2, 3, 2)),
    CASE(1, SHAPE(0, 0)),
    CASE(1, SHAPE(3, 0)),
    CASE(1, SHAPE(0, 2, 2)),
    CASE(1, SHAPE(40, 37)),
};
static const row_case cases_triangle[] = {
    CASE_WITH(OFFSET(0), 1, SHAPE(1, 1)),
    CASE_WITH(OFFSET(0), 1, SHAPE(3, 3)),
    CASE_WITH(OFFSET(1), 1, SHAPE(3, 5)),
    CASE_WITH(OFFSET(-1), 1, SHAPE(3, 5)),
    CASE_WITH(OFFSET(-2), 1, SHAPE(5, 2)),
    CASE_WITH(OFFSET(9), 1, SHAPE(3, 4)),
    CASE_WITH(OFFSET(-9), 1, SHAPE(3, 4)),
    CASE_WITH(OFFSET(PTRDIFF_MAX / 2), 1, SHAPE(3, 4)),
    CASE_WITH(OFFSET(PTRDIFF_MIN / 2), 1, SHAPE(3, 4)),
    CASE_WITH(OFFSET(0), 1, SHAPE(2, 3, 3)),
    CASE_WITH(OFFSET(1), 1, SHAPE(2, 1, 2, 1, 1, 2, 2, 3)),
    CASE_WITH(OFFSET(0), 1, SHAPE(0, 3)),
    CASE_WITH(OFFSET(0), 1, SHAPE(3, 0)),
    CASE_WITH(OFFSET(3), 1, SHAPE(33, 41)),
};

static const row rows[] = {
    ROW(wg_diagonal, .apply = apply_diagonal, .reference = reference_diagonal, ROW_CASES(cases_diagonal),
        .domain = {FROM(-2, 2)}),
    ROW(wg_diag_embed, .apply = apply_diag_embed, .reference = reference_diag_embed, ROW_CASES(cases_diag_embed),
        .domain = {FROM(-2, 2)}),
    ROW(wg_diag, .apply = apply_diag, .reference = reference_diag, ROW_CASES(cases_diag), .domain = {FROM(-2, 2)}),
    ROW(wg_trace, .unary = wg_trace, .reference = reference_trace, ROW_CASES(cases_trace), .domain = {FROM(-2, 2)},
        .roundings = 16, .sum = true),
    ROW(wg_tril, .apply = apply_tril, .reference = reference_tril, ROW_CASES(cases_triangle), .domain = {FROM(-2, 2)}),
    ROW(wg_triu, .apply = apply_triu, .reference = reference_triu, ROW_CASES(cases_triangle), .domain = {FROM(-2, 2)}),
};

static void test_allocations(void **state)
{
    (void)state;
    const row_case cases[] = {CASE_WITH(OFFSET(-2), 1, SHAPE(33, 41)), CASE_WITH(OFFSET(1), 1, SHAPE(4, 9)),
        CASE_WITH(OFFSET(1), 1, SHAPE(20)), CASE(1, SHAPE(3, 9, 9)), CASE_WITH(OFFSET(1), 1, SHAPE(2, 9, 9)),
        CASE_WITH(OFFSET(1), 1, SHAPE(2, 9, 9))};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) row_fail_allocations(&rows[i], &cases[i]);
}

/* ---- corners ------------------------------------------------------------------------------------------------------------------- */

/* What is cut off may be anything: zeros stand there, in the derivative too. */
static void test_triangles_select(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(2, 2), ((double[]){1, NAN, INFINITY, 4}));
    wg_var lower = wg_tril(x, -1), upper = wg_triu(x, 1), grad;
    const double low[] = {0, 0, INFINITY, 0};
    for (size_t i = 0; i < 4; i++) assert_true(wg_at(lower, i) == low[i]);
    assert_true(isnan(wg_at(upper, 1)) && wg_at(upper, 0) == 0 && wg_at(upper, 2) == 0 && wg_at(upper, 3) == 0);
    assert_int_equal(wg_backward_from(lower, (double[]){NAN, INFINITY, 3, NAN}), WG_OK);
    wg_var cotangent = wg_constant(tape, WG_DIMS(2, 2), ((double[]){NAN, INFINITY, 3, NAN}));
    assert_int_equal(wg_vjp(lower, cotangent, &x, 1, &grad), WG_OK);
    for (size_t i = 0; i < 4; i++)
        assert_true(wg_grad_at(x, i) == (i == 2 ? 3 : 0) && wg_at(grad, i) == (i == 2 ? 3 : 0));
    wg_tape_free(tape);
}

/* Offsets as far as they go pass every matrix by. */
static void test_far_diagonals(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(2, 3), (double *)NULL);
    const ptrdiff_t far[] = {PTRDIFF_MAX, PTRDIFF_MIN, 3, -2};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(wg_size(wg_diagonal(x, far[i])), 0);
        assert_int_equal(wg_backward(wg_add(wg_sum(wg_diagonal(x, far[i])), wg_sum(wg_triu(x, far[i])))), WG_OK);
    }
    assert_true(wg_grad_at(x, 0) == 2 && wg_grad_at(x, 5) == 2); /* triu keeps all with two of the four */
    assert_int_equal(wg_tape_status(tape), WG_OK);
    wg_tape_free(tape);
}

/* All diagonals of one matrix, recorded, within a limit: an array of the whole for each would take 1 GB. */
static void test_all_diagonals(void **state)
{
    (void)state;
    enum { N = 400 };
    double *numbers = malloc(sizeof(double) * N * N);
    assert_non_null(numbers);
    for (size_t i = 0; i < (size_t)N * N; i++) numbers[i] = (double)(i % 97) / 64;
    wg_tape *tape = wg_tape_new_with(&(wg_tape_options){.dtype = WG_F64, .memory_limit = (size_t)30 << 20}, NULL);
    wg_var x = wg_variable_f64(tape, WG_DIMS(N, N), numbers), sum = wg_scalar(tape, 0), g;
    for (ptrdiff_t k = 1 - N; k < N; k++) sum = wg_add(sum, wg_sum(wg_square(wg_diagonal(x, k))));
    assert_int_equal(wg_gradients(sum, &x, 1, &g), WG_OK);      /* 2 x */
    assert_int_equal(wg_backward(wg_sum(wg_mul(g, g))), WG_OK); /* 8 x */
    for (size_t i = 0; i < (size_t)N * N; i++)
        assert_true(wg_at(g, i) == 2 * numbers[i] && wg_grad_at(x, i) == 8 * numbers[i]);
    wg_tape_free(tape);
    free(numbers);
}

static void test_errors(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var v = wg_name(wg_variable(tape, WG_DIMS(3), (double *)NULL), "v"), number = wg_scalar(tape, 1),
           cube = wg_constant_f64(tape, WG_DIMS(2, 3, 4), NULL),
           full = wg_constant_f64(tape, WG_DIMS(1, 1, 1, 1, 1, 1, 1, 1), NULL);
    wg_stats before, after;
    wg_tape_stats(tape, &before);
    wg_diagonal(v, 0);
    point_expect_error(tape, WG_ERROR_SHAPE, "diagonal: takes matrices", "v (3)", NULL);
    wg_diag_embed(number, 0);
    point_expect_error(tape, WG_ERROR_SHAPE, "diag_embed: takes 1 to 7 axes", "()", NULL);
    wg_diag_embed(full, 0);
    point_expect_error(tape, WG_ERROR_SHAPE, "diag_embed: takes 1 to 7 axes", "(1,1,1,1,1,1,1,1)", NULL);
    wg_diag_embed(v, PTRDIFF_MIN);
    point_expect_error(tape, WG_ERROR_SHAPE, "diag_embed: ", "overflow", NULL);
    wg_diag(v, PTRDIFF_MAX);
    point_expect_error(tape, WG_ERROR_SHAPE, "diag: ", "overflow", NULL);
    wg_diag(number, 0);
    point_expect_error(tape, WG_ERROR_SHAPE, "diag: takes a vector or a matrix", "()", NULL);
    wg_diag(cube, 0);
    point_expect_error(tape, WG_ERROR_SHAPE, "diag: takes a vector or a matrix", "(2,3,4)", NULL);
    wg_trace(v);
    point_expect_error(tape, WG_ERROR_SHAPE, "trace: ", "takes matrices", "v (3)", NULL);
    wg_tril(v, 0);
    point_expect_error(tape, WG_ERROR_SHAPE, "tril: takes matrices", "v (3)", NULL);
    wg_triu(number, 0);
    point_expect_error(tape, WG_ERROR_SHAPE, "triu: takes matrices", "()", NULL);
    const char *names[] = {"diagonal", "diag_embed", "diag", "trace", "tril", "triu"};
    wg_var operands[] = {wg_indices(tape, WG_DIMS(3, 3), NULL), {tape, UINT32_MAX, 0}, {0}};
    const char *words[] = {"indices", "invalid"};
    for (size_t i = 0; i < 3; i++)
        for (size_t op = 0; op < sizeof rows / sizeof *rows; op++) {
            wg_var y = rows[op].unary ? rows[op].unary(operands[i]) : rows[op].apply(tape, &operands[i], 1, OFFSET(0));
            assert_false(wg_ok(y));
            assert_ptr_equal(y.tape, operands[i].tape);
            if (y.tape) point_expect_error(tape, WG_ERROR_ARGUMENT, names[op], "argument 1", words[i], NULL);
        }
    wg_tape_stats(tape, &after);
    assert_int_equal(after.nodes, before.nodes + 1); /* the indices */
    wg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations),
        cmocka_unit_test(test_triangles_select),
        cmocka_unit_test(test_far_diagonals),
        cmocka_unit_test(test_all_diagonals),
        cmocka_unit_test(test_errors),
    };
    return row_main("ops/triangle", rows, sizeof rows / sizeof *rows, tests, sizeof tests / sizeof *tests);
}
