/* The gated linear units, against the definition: halves of an axis, one times a function of the other. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "support/point.h"

typedef long double gate_function(long double);
static long double gate_sigmoid(long double b) { return 1 / (1 + expl(-b)); }
static long double gate_relu(long double b) { return b > 0 ? b : 0; }
static long double gate_gelu(long double b) { return b * erfcl(-b / sqrtl(2)) / 2; }
static long double gate_silu(long double b) { return b * gate_sigmoid(b); }

/* Element (..., i, ...) is x(..., i, ...) gate(x(..., half + i, ...)). */
static void reference(array *out, const array *x, int axis, gate_function *gate)
{
    uint32_t along = (uint32_t)(axis < 0 ? axis + (int)x->shape.rank : axis);
    wg_shape shape = x->shape;
    shape.dim[along] /= 2;
    *out = array_new(shape);
    for (size_t i = 0; i < out->size; i++) {
        size_t tuple[WG_MAX_RANK];
        shape_tuple(&shape, i, tuple);
        long double a = x->at[shape_flat(&x->shape, tuple)];
        tuple[along] += shape.dim[along];
        out->at[i] = a * gate(x->at[shape_flat(&x->shape, tuple)]);
    }
}

#define GATED(name, gate)                                                                                              \
    static wg_var apply_##name(wg_tape *tape, const wg_var *in, size_t n, const void *user)                            \
    {                                                                                                                  \
        (void)tape, (void)n;                                                                                           \
        return wg_##name(in[0], *(const int *)user);                                                                   \
    }                                                                                                                  \
    static void reference_##name(array *out, const array *in, size_t n, const void *user)                              \
    {                                                                                                                  \
        (void)n;                                                                                                       \
        reference(out, &in[0], *(const int *)user, gate);                                                              \
    }
GATED(glu, gate_sigmoid)
GATED(reglu, gate_relu)
GATED(geglu, gate_gelu)
GATED(swiglu, gate_silu)

static const int first = 0, second = 1, last = -1, before_last = -2;
static const row_case cases[] = {
    CASE_WITH(&first, 1, SHAPE(2)),
    CASE_WITH(&first, 1, SHAPE(6)),
    CASE_WITH(&last, 1, SHAPE(3, 4)),
    CASE_WITH(&first, 1, SHAPE(4, 3)),
    CASE_WITH(&before_last, 1, SHAPE(3, 4, 2)),
    CASE_WITH(&second, 1, SHAPE(2, 2, 1, 3)),
    CASE_WITH(&last, 1, SHAPE(3, 0)),
    CASE_WITH(&last, 1, SHAPE(0, 2)),
    CASE_WITH(&last, 1, SHAPE(7, 130)),
};

/* Beside the slices, the derivative reads both. */
#define ROW_GATED(name)                                                                                                \
    .apply = apply_##name, .reference = reference_##name, ROW_CASES(cases), .domain = {AWAY(-3, 3, 0.1)},              \
    .composite = true, .roundings = 8, .reads = {ROW_READS(0)}
static const row rows[] = {
    ROW(wg_glu, ROW_GATED(glu)),
    ROW(wg_reglu, ROW_GATED(reglu)),
    ROW(wg_geglu, ROW_GATED(geglu)),
    ROW(wg_swiglu, ROW_GATED(swiglu)),
};

static void test_allocations(void **state)
{
    (void)state;
    row_fail_allocations(&rows[0], &cases[2]);
    row_fail_allocations(&rows[3], &cases[3]);
}

static void test_errors(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        wg_var (*op)(wg_var, int);
    } ops[] = {{"glu: ", wg_glu}, {"reglu: ", wg_reglu}, {"geglu: ", wg_geglu}, {"swiglu: ", wg_swiglu}};
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_name(wg_variable(tape, WG_DIMS(4, 3), (double *)NULL), "x"), scalar = wg_scalar_variable(tape, 1);
    wg_var indices = wg_indices(tape, WG_DIMS(4), NULL);
    wg_stats before, after;
    wg_tape_stats(tape, &before);
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        assert_false(wg_ok(ops[i].op(x, 1)));
        point_expect_error(tape, WG_ERROR_SHAPE, ops[i].name, "x (4,3)", "odd extent 3", "axis 1", NULL);
        ops[i].op(x, 2);
        point_expect_error(tape, WG_ERROR_SHAPE, ops[i].name, "x (4,3)", "axis 2", NULL);
        ops[i].op(x, -3);
        point_expect_error(tape, WG_ERROR_SHAPE, ops[i].name, "axis -3", NULL);
        ops[i].op(scalar, 0);
        point_expect_error(tape, WG_ERROR_SHAPE, ops[i].name, "axis 0", NULL);
        ops[i].op(indices, 0);
        point_expect_error(tape, WG_ERROR_ARGUMENT, ops[i].name, "indices", NULL);
        assert_null(ops[i].op((wg_var){0}, 0).tape);
    }
    wg_tape_stats(tape, &after);
    assert_int_equal(before.nodes, after.nodes);
    wg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_allocations), cmocka_unit_test(test_errors)};
    return row_main("ops/gated", rows, sizeof rows / sizeof *rows, tests, sizeof tests / sizeof *tests);
}
