/* The matrix product: rows over all ranks and broadcasts, with operands transposed in every combination, and errors. The
 * reference multiplies by index tuples: result (..., i, j) is the sum over k of a (..., i, k) times b (..., k, j). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "support/point.h"

/* ---- the reference ------------------------------------------------------------------------------------------------------- */

/* Leading axes alone. */
static wg_shape leading(const wg_shape *shape)
{
    wg_shape batch = {.rank = shape->rank > 2 ? shape->rank - 2 : 0};
    for (uint32_t d = 0; d < batch.rank; d++) batch.dim[d] = shape->dim[d];
    return batch;
}

/* The element at a joint leading tuple, row and column; a vector's missing axis is not asked. */
static long double element(const array *a, const wg_shape *joint, const size_t *tuple, size_t row_of, size_t column)
{
    size_t own[WG_MAX_RANK] = {0};
    uint32_t rank = a->shape.rank, batch = rank > 2 ? rank - 2 : 0;
    for (uint32_t d = 0; d < batch; d++) own[d] = a->shape.dim[d] == 1 ? 0 : tuple[joint->rank - batch + d];
    own[rank - 1] = column;
    if (rank > 1) own[rank - 2] = row_of;
    return a->at[shape_flat(&a->shape, own)];
}

static void reference_matmul(array *out, const array *in, size_t n, const void *user)
{
    const array *a = &in[0], *b = &in[1];
    (void)n, (void)user;
    bool vector_a = a->shape.rank == 1, vector_b = b->shape.rank == 1;
    size_t rows_of = vector_a ? 1 : a->shape.dim[a->shape.rank - 2];
    size_t columns = vector_b ? 1 : b->shape.dim[b->shape.rank - 1], inner = a->shape.dim[a->shape.rank - 1];
    wg_shape batch_a = leading(&a->shape), batch_b = leading(&b->shape), joint = shape_broadcast(&batch_a, &batch_b);
    wg_shape shape = joint;
    if (!vector_a) shape.dim[shape.rank++] = rows_of;
    if (!vector_b) shape.dim[shape.rank++] = columns;
    *out = array_new(shape);
    for (size_t at = 0; at < out->size; at++) {
        size_t tuple[WG_MAX_RANK] = {0}, i = at / columns % rows_of, j = at % columns;
        shape_tuple(&joint, at / columns / rows_of, tuple);
        for (size_t k = 0; k < inner; k++)
            out->at[at] += element(a, &joint, tuple, i, k) * (vector_b ? b->at[k] : element(b, &joint, tuple, k, j));
    }
}

/* The last two axes swapped. */
static array turned(const array *a)
{
    wg_shape shape = a->shape;
    shape.dim[shape.rank - 1] = a->shape.dim[shape.rank - 2];
    shape.dim[shape.rank - 2] = a->shape.dim[shape.rank - 1];
    array out = array_new(shape);
    for (size_t i = 0; i < out.size; i++) {
        size_t tuple[WG_MAX_RANK];
        shape_tuple(&shape, i, tuple);
        size_t swapped = tuple[shape.rank - 1];
        tuple[shape.rank - 1] = tuple[shape.rank - 2];
        tuple[shape.rank - 2] = swapped;
        out.at[i] = a->at[shape_flat(&a->shape, tuple)];
    }
    return out;
}

/* How the operands come: bit 0 and 1, the first and second are transposes; bit 2, transposes of transposes too; bit 3,
 * transposes that were read as arrays before. */
enum { TURN_A = 1, TURN_B = 2, TWICE = 4, READ = 8 };

static void reference_turned(array *out, const array *in, size_t n, const void *user)
{
    int way = *(const int *)user;
    array a = way & TURN_A ? turned(&in[0]) : array_copy(&in[0]),
          b = way & TURN_B ? turned(&in[1]) : array_copy(&in[1]);
    reference_matmul(out, (const array[]){a, b}, n, NULL);
    array_free(&a);
    array_free(&b);
}

static wg_var operand(wg_var x, bool turn, int way)
{
    if (turn) x = wg_transpose(x);
    if (way & TWICE && wg_shape_of(x).rank > 1) x = wg_transpose(wg_transpose(x));
    if (way & READ) wg_value(x);
    return x;
}

static wg_var apply_turned(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    int way = *(const int *)user;
    (void)tape, (void)n;
    wg_var a = operand(in[0], way & TURN_A, way), b = operand(in[1], way & TURN_B, way);
    return wg_matmul(a, b);
}

/* ---- rows -------------------------------------------------------------------------------------------------------------------- */

static const row_case cases_matmul[] = {
    CASE(2, SHAPE(2, 3), SHAPE(3, 4)),
    CASE(2, SHAPE(1, 1), SHAPE(1, 1)),
    CASE(2, SHAPE(3, 3), SHAPE(3, 3)),
    CASE(2, SHAPE(1), SHAPE(1)),
    CASE(2, SHAPE(3), SHAPE(3)),
    CASE(2, SHAPE(3), SHAPE(3, 2)),
    CASE(2, SHAPE(2, 3), SHAPE(3)),
    CASE(2, SHAPE(4, 2, 3), SHAPE(3)),
    CASE(2, SHAPE(3), SHAPE(4, 3, 2)),
    CASE(2, SHAPE(4, 2, 3), SHAPE(3, 2)),
    CASE(2, SHAPE(2, 3), SHAPE(4, 3, 2)),
    CASE(2, SHAPE(4, 2, 3), SHAPE(4, 3, 2)),
    CASE(2, SHAPE(2, 3, 3), SHAPE(2, 3, 3)),
    CASE(2, SHAPE(1, 2, 3), SHAPE(4, 3, 2)),
    CASE(2, SHAPE(4, 2, 3), SHAPE(1, 3, 2)),
    CASE(2, SHAPE(2, 1, 2, 3), SHAPE(4, 3, 2)),
    CASE(2, SHAPE(2, 1, 2, 3), SHAPE(1, 4, 3, 2)),
    CASE(2, SHAPE(3, 2, 3), SHAPE(2, 3, 3, 2)),
    CASE(2, SHAPE(2, 1, 2, 1, 1, 1, 2, 3), SHAPE(1, 2, 1, 1, 2, 1, 3, 2)),
    CASE(2, SHAPE(0, 3), SHAPE(3, 2)),
    CASE(2, SHAPE(2, 3), SHAPE(3, 0)),
    CASE(2, SHAPE(2, 0), SHAPE(0, 3)),
    CASE(2, SHAPE(3, 2, 0), SHAPE(0, 3)),
    CASE(2, SHAPE(0), SHAPE(0)),
    CASE(2, SHAPE(0), SHAPE(0, 2)),
    CASE(2, SHAPE(2, 0), SHAPE(0)),
    CASE(2, SHAPE(0, 2, 3), SHAPE(3, 2)),
    CASE(2, SHAPE(0, 2, 3), SHAPE(1, 3, 2)),
    CASE(2, SHAPE(2, 3), SHAPE(2, 0, 3, 2)),
    CASE(2, SHAPE(17, 37), SHAPE(37, 29)),
    CASE(2, SHAPE(5, 7, 19), SHAPE(19, 11)),
    CASE(2, SHAPE(3, 300), SHAPE(300, 5)),
};

#define WAY(w)                                                                                                         \
    &(const int) { w }
#define TURNED(rest)                                                                                                   \
    CASE_WITH(WAY(TURN_A | rest), 2, SHAPE(3, 2), SHAPE(3, 4)),                                                        \
        CASE_WITH(WAY(TURN_B | rest), 2, SHAPE(2, 3), SHAPE(4, 3)),                                                    \
        CASE_WITH(WAY(TURN_A | TURN_B | rest), 2, SHAPE(3, 2), SHAPE(4, 3)),                                           \
        CASE_WITH(WAY(TURN_A | rest), 2, SHAPE(3, 3), SHAPE(3, 3)),                                                    \
        CASE_WITH(WAY(TURN_B | rest), 2, SHAPE(3, 3), SHAPE(3, 3)),                                                    \
        CASE_WITH(WAY(TURN_A | rest), 2, SHAPE(4, 3, 2), SHAPE(3, 2)),                                                 \
        CASE_WITH(WAY(TURN_B | rest), 2, SHAPE(2, 3), SHAPE(4, 5, 3)),                                                 \
        CASE_WITH(WAY(TURN_A | TURN_B | rest), 2, SHAPE(2, 1, 3, 2), SHAPE(4, 5, 3)),                                  \
        CASE_WITH(WAY(TURN_B | rest), 2, SHAPE(4, 2, 3), SHAPE(4, 5, 3)),                                              \
        CASE_WITH(WAY(TURN_A | rest), 2, SHAPE(3, 2), SHAPE(3)),                                                       \
        CASE_WITH(WAY(TURN_B | rest), 2, SHAPE(3), SHAPE(4, 3)),                                                       \
        CASE_WITH(WAY(TURN_A | rest), 2, SHAPE(0, 2), SHAPE(0, 4)),                                                    \
        CASE_WITH(WAY(TURN_B | rest), 2, SHAPE(0, 2, 3), SHAPE(1, 5, 3)),                                              \
        CASE_WITH(WAY(TURN_A | rest), 2, SHAPE(37, 17), SHAPE(37, 29)),                                                \
        CASE_WITH(WAY(TURN_B | rest), 2, SHAPE(17, 37), SHAPE(29, 37)),                                                \
        CASE_WITH(WAY(TURN_A | TURN_B | rest), 2, SHAPE(37, 17), SHAPE(29, 37))
static const row_case cases_turned[] = {
    TURNED(0), TURNED(READ), TURNED(TWICE), TURNED(TWICE | READ), CASE_WITH(WAY(TWICE), 2, SHAPE(2, 3), SHAPE(3, 4))};

/* Sums of up to 300 products; each derivative reads the other operand alone. The adjoint of an operand that was
 * broadcast is added to matrix by matrix. */
#define PRODUCT                                                                                                        \
    .domain = {FROM(-2, 2), FROM(-2, 2)}, .roundings = 16, .sum = true, .pieces = true,                                \
    .reads = {ROW_READS(1), ROW_READS(0)}

static const row rows[] = {
    ROW(wg_matmul, .binary = wg_matmul, .reference = reference_matmul, ROW_CASES(cases_matmul), PRODUCT),
    {.name = "wg_matmul of transposes",
        .apply = apply_turned,
        .composite = true,
        .reference = reference_turned,
        ROW_CASES(cases_turned),
        PRODUCT},
};

static void test_allocations(void **state)
{
    (void)state;
    static const row_case cases[] = {CASE(2, SHAPE(50, 70), SHAPE(70, 60)), CASE(2, SHAPE(500), SHAPE(500)),
        CASE(2, SHAPE(3, 20, 30), SHAPE(30, 20))};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) row_fail_allocations(&rows[0], &cases[i]);
    const row_case both = CASE_WITH(WAY(TURN_A | TURN_B), 2, SHAPE(70, 50), SHAPE(60, 70));
    row_fail_allocations(&rows[1], &both);
}

/* ---- transposes --------------------------------------------------------------------------------------------------------------- */

static size_t bytes_peak(const wg_tape *tape)
{
    wg_stats stats;
    wg_tape_stats(tape, &stats);
    return stats.bytes_peak;
}

/* A transpose has the same bits whether it is read before a product takes it, after, or only; the product too. */
static void test_read_before_and_after(void **state)
{
    (void)state;
    enum { M = 33, K = 21 };
    double numbers[M * K];
    random_state random = {3};
    for (size_t i = 0; i < M * K; i++) numbers[i] = random_unit(&random) - 0.5;
    double turned_at[3][M * K], product[3][M * M], grad[3][M * K];
    for (int way = 0; way < 3; way++) {
        wg_tape *tape = wg_tape_new(WG_F64);
        wg_var x = wg_variable_f64(tape, WG_DIMS(M, K), numbers), t = wg_transpose(x);
        if (way == 0) memcpy(turned_at[0], wg_value(t), sizeof turned_at[0]);
        wg_var y = wg_matmul(x, t);
        memcpy(product[way], wg_value(y), sizeof product[way]);
        if (way > 0) memcpy(turned_at[way], wg_value(t), sizeof turned_at[way]);
        if (way == 2) y = wg_matmul(x, t);
        assert_int_equal(wg_backward_from(y, product[0]), WG_OK);
        memcpy(grad[way], wg_grad(x), sizeof grad[way]);
        wg_tape_free(tape);
    }
    for (int way = 1; way < 3; way++) {
        assert_memory_equal(turned_at[way], turned_at[0], sizeof turned_at[0]);
        assert_memory_equal(product[way], product[0], sizeof product[0]);
        assert_memory_equal(grad[way], grad[0], sizeof grad[0]);
    }
}

/* Nothing of a transpose's size is allocated for a product, its gradient, or its recorded gradient. */
static void test_transposes_make_no_copy(void **state)
{
    (void)state;
    enum { BIG = 1 << 20 };
    wg_tape *tape = wg_tape_new(WG_F32);
    wg_var x = wg_constant_f32(tape, WG_DIMS(BIG, 1), NULL), w = wg_variable_f32(tape, WG_DIMS(2, 1), NULL), grad;
    size_t before = bytes_peak(tape);
    wg_var narrow = wg_matmul(wg_transpose(x), x);
    wg_var y = wg_sum(wg_matmul(wg_matmul(w, narrow), wg_transpose(w)));
    assert_int_equal(wg_backward(y), WG_OK);
    assert_int_equal(wg_gradients(y, &w, 1, &grad), WG_OK);
    size_t grown = bytes_peak(tape) - before;
    if (grown >= BIG * sizeof(float)) fail_msg("%zu bytes more", grown);
    wg_tape_free(tape);
}

/* A replay evaluates a transpose that was read again, and leaves one that was not. */
static void test_replay(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(1, 2), ((double[]){1, 2})), read = wg_transpose(x), unread = wg_transpose(x);
    wg_var y = wg_matmul(x, read), z = wg_matmul(wg_add(x, x), unread);
    assert_true(wg_at(read, 1) == 2 && wg_item(y) == 5 && wg_item(z) == 10);
    assert_int_equal(wg_set_value(x, ((double[]){3, 4})), WG_OK);
    assert_int_equal(wg_tape_replay(tape), WG_OK);
    assert_true(wg_at(read, 1) == 4 && wg_item(y) == 25 && wg_item(z) == 50 && wg_at(unread, 0) == 3);
    assert_int_equal(wg_backward(z), WG_OK);
    assert_true(wg_grad_at(x, 0) == 12 && wg_grad_at(x, 1) == 16);
    wg_tape_free(tape);
}

/* ---- NaN, uses, errors --------------------------------------------------------------------------------------------------------- */

/* No exact zeros here: a zero row times NaN is NaN, in the derivative too. */
static void test_zero_times_nan(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var a = wg_variable(tape, WG_DIMS(1, 2), ((double[]){0, 1})), grad;
    wg_var b = wg_variable(tape, WG_DIMS(2, 1), ((double[]){(double)NAN, 1})), y = wg_matmul(a, b);
    assert_true(isnan(wg_item(y)));
    assert_int_equal(wg_backward_from(y, (double[]){0}), WG_OK);
    assert_int_equal(wg_vjp(y, wg_constant_f64(tape, WG_DIMS(1, 1), NULL), &a, 1, &grad), WG_OK);
    assert_true(isnan(wg_grad_at(a, 0)) && isnan(wg_at(grad, 0)) && wg_grad_at(a, 1) == 0);
    wg_tape_free(tape);
}

/* matmul(a, a): both uses count: for y = sum(a a), dy/da[i][j] is row sum j plus column sum i. */
static void test_used_twice(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var a = wg_variable(tape, WG_DIMS(2, 2), ((double[]){1, 2, 3, 4})), y = wg_sum(wg_matmul(a, a)), grad;
    const double expected[] = {3 + 4, 7 + 4, 3 + 6, 7 + 6};
    assert_int_equal(wg_backward(y), WG_OK);
    assert_int_equal(wg_gradients(y, &a, 1, &grad), WG_OK);
    for (size_t i = 0; i < 4; i++) assert_true(wg_grad_at(a, i) == expected[i] && wg_at(grad, i) == expected[i]);
    wg_tape_free(tape);
}

static void test_errors(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64), *other = wg_tape_new(WG_F64);
    wg_var w = wg_name(wg_variable(tape, WG_DIMS(2, 3), (double *)NULL), "W1");
    wg_var x = wg_name(wg_variable(tape, WG_DIMS(4, 5), (double *)NULL), "X"),
           v = wg_variable_f64(tape, WG_DIMS(4), NULL);
    wg_var stack = wg_variable_f64(tape, WG_DIMS(2, 3, 4), NULL),
           other_stack = wg_variable_f64(tape, WG_DIMS(3, 4, 3), NULL);
    wg_var one = wg_scalar(tape, 1), indices = wg_indices(tape, WG_DIMS(3, 3), NULL), turned_w = wg_transpose(w);
    wg_var far = wg_constant_f64(other, WG_DIMS(3, 3), NULL);
    wg_stats before, after;
    wg_tape_stats(tape, &before);
    wg_var bad = wg_matmul(w, x);
    assert_string_equal(wg_tape_message(tape), "matmul: inner dimensions differ: W1 (2,3) @ X (4,5)");
    point_expect_error(tape, WG_ERROR_SHAPE, "matmul", NULL);
    assert_true(!wg_ok(bad) && bad.tape == tape);
    wg_matmul(turned_w, x);
    point_expect_error(tape, WG_ERROR_SHAPE, "matmul", "inner dimensions differ", "(3,2)", "X (4,5)", NULL);
    wg_matmul(v, w);
    point_expect_error(tape, WG_ERROR_SHAPE, "matmul", "(4)", "W1 (2,3)", NULL);
    wg_matmul(w, v);
    point_expect_error(tape, WG_ERROR_SHAPE, "matmul", "W1 (2,3)", "(4)", NULL);
    wg_matmul(v, w);
    point_expect_error(tape, WG_ERROR_SHAPE, "matmul", NULL);
    wg_matmul(stack, other_stack);
    point_expect_error(tape, WG_ERROR_SHAPE, "matmul", "leading", "(2,3,4)", "(3,4,3)", NULL);
    wg_matmul(one, w);
    point_expect_error(tape, WG_ERROR_SHAPE, "matmul", "0-d", "()", "W1 (2,3)", NULL);
    wg_matmul(v, one);
    point_expect_error(tape, WG_ERROR_SHAPE, "matmul", "0-d", NULL);
    wg_matmul(w, indices);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "matmul", "argument 2", "indices", NULL);
    wg_matmul(wg_indices(tape, WG_DIMS(4), NULL), x);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "matmul", "indices", NULL);
    wg_matmul(bad, x);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "matmul", "argument 1", "invalid", NULL);
    wg_matmul((wg_var){0}, x);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "matmul", "argument 1", NULL);
    wg_matmul(w, far);
    point_expect_error(other, WG_ERROR_ARGUMENT, "matmul", "two tapes", NULL);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "matmul", "argument 2", NULL);
    assert_null(wg_matmul((wg_var){0}, (wg_var){0}).tape);
    wg_tape_stats(tape, &after);
    assert_int_equal(after.nodes, before.nodes + 1); /* the index leaf */
    wg_tape_free(tape);
    wg_tape_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations),
        cmocka_unit_test(test_read_before_and_after),
        cmocka_unit_test(test_transposes_make_no_copy),
        cmocka_unit_test(test_replay),
        cmocka_unit_test(test_zero_times_nan),
        cmocka_unit_test(test_used_twice),
        cmocka_unit_test(test_errors),
    };
    return row_main("ops/matmul", rows, sizeof rows / sizeof *rows, tests, sizeof tests / sizeof *tests);
}
