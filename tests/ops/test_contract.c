/* dot, outer, inner, tensordot, kron, cross: rows and errors. The reference runs over all index tuples of both
 * arrays. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "support/point.h"

/* Axes of a and of b, paired. */
typedef struct pairing {
    size_t n;
    int a[3], b[3];
} pairing;

static void reference_pairing(array *out, const array *a, const array *b, const pairing *p)
{
    bool paired_a[WG_MAX_RANK] = {false}, paired_b[WG_MAX_RANK] = {false};
    uint32_t at_a[3] = {0}, at_b[3] = {0};
    for (size_t k = 0; k < p->n; k++) {
        paired_a[at_a[k] = (uint32_t)(p->a[k] < 0 ? p->a[k] + (int)a->shape.rank : p->a[k])] = true;
        paired_b[at_b[k] = (uint32_t)(p->b[k] < 0 ? p->b[k] + (int)b->shape.rank : p->b[k])] = true;
    }
    wg_shape shape = {0};
    for (uint32_t d = 0; d < a->shape.rank; d++)
        if (!paired_a[d]) shape.dim[shape.rank++] = a->shape.dim[d];
    for (uint32_t d = 0; d < b->shape.rank; d++)
        if (!paired_b[d]) shape.dim[shape.rank++] = b->shape.dim[d];
    *out = array_new(shape);
    for (size_t i = 0; i < a->size; i++)
        for (size_t j = 0; j < b->size; j++) {
            size_t ta[WG_MAX_RANK], tb[WG_MAX_RANK], t[WG_MAX_RANK];
            uint32_t at = 0;
            bool meet = true;
            shape_tuple(&a->shape, i, ta);
            shape_tuple(&b->shape, j, tb);
            for (size_t k = 0; k < p->n; k++) meet = meet && ta[at_a[k]] == tb[at_b[k]];
            for (uint32_t d = 0; d < a->shape.rank; d++)
                if (!paired_a[d]) t[at++] = ta[d];
            for (uint32_t d = 0; d < b->shape.rank; d++)
                if (!paired_b[d]) t[at++] = tb[d];
            if (meet) out->at[shape_flat(&shape, t)] += a->at[i] * b->at[j];
        }
}

static void reference_last(array *out, const array *in, size_t n, const void *user)
{
    (void)n, (void)user;
    reference_pairing(out, &in[0], &in[1], &(pairing){1, {-1}, {-1}});
}
static void reference_outer(array *out, const array *in, size_t n, const void *user)
{
    (void)n, (void)user;
    reference_pairing(out, &in[0], &in[1], &(pairing){0});
}
static void reference_tensordot(array *out, const array *in, size_t n, const void *user)
{
    (void)n;
    reference_pairing(out, &in[0], &in[1], user);
}

/* y[i b + j] = a[i] b[j] along every axis. */
static void reference_kron(array *out, const array *in, size_t n, const void *user)
{
    const array *a = &in[0], *b = &in[1];
    (void)n, (void)user;
    wg_shape shape = {.rank = a->shape.rank > b->shape.rank ? a->shape.rank : b->shape.rank};
    uint32_t skip_a = shape.rank - a->shape.rank, skip_b = shape.rank - b->shape.rank;
    for (uint32_t d = 0; d < shape.rank; d++)
        shape.dim[d] = (d < skip_a ? 1 : a->shape.dim[d - skip_a]) * (d < skip_b ? 1 : b->shape.dim[d - skip_b]);
    *out = array_new(shape);
    for (size_t at = 0; at < out->size; at++) {
        size_t t[WG_MAX_RANK], ta[WG_MAX_RANK] = {0}, tb[WG_MAX_RANK] = {0};
        shape_tuple(&shape, at, t);
        for (uint32_t d = 0; d < shape.rank; d++) {
            size_t extent = d < skip_b ? 1 : b->shape.dim[d - skip_b];
            if (d >= skip_a) ta[d - skip_a] = t[d] / extent;
            if (d >= skip_b) tb[d - skip_b] = t[d] % extent;
        }
        out->at[at] = a->at[shape_flat(&a->shape, ta)] * b->at[shape_flat(&b->shape, tb)];
    }
}

/* The sum over j, k of the permutation's sign times a_j b_k. */
static void reference_cross(array *out, const array *in, size_t n, const void *user)
{
    (void)n, (void)user;
    wg_shape shape = shape_broadcast(&in[0].shape, &in[1].shape);
    *out = array_new(shape);
    for (size_t at = 0; at < out->size; at++) {
        size_t t[WG_MAX_RANK], tj[WG_MAX_RANK], tk[WG_MAX_RANK], last = shape.rank - 1;
        shape_tuple(&shape, at, t);
        memcpy(tj, t, sizeof t);
        memcpy(tk, t, sizeof t);
        for (tj[last] = 0; tj[last] < 3; tj[last]++)
            for (tk[last] = 0; tk[last] < 3; tk[last]++) {
                int i = (int)t[last], j = (int)tj[last], k = (int)tk[last];
                long double sign = (long double)((i - j) * (j - k) * (k - i)) / 2;
                out->at[at] += sign * array_stretched(&in[0], &shape, tj) * array_stretched(&in[1], &shape, tk);
            }
    }
}

static wg_var apply_tensordot(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    const pairing *p = user;
    (void)tape, (void)n;
    return wg_tensordot(in[0], in[1], p->a, p->n, p->b, p->n);
}

static const row_case cases_dot[] = {
    CASE(2, SHAPE(1), SHAPE(1)),
    CASE(2, SHAPE(5), SHAPE(5)),
    CASE(2, SHAPE(0), SHAPE(0)),
    CASE(2, SHAPE(300), SHAPE(300)),
};
static const row_case cases_outer[] = {
    CASE(2, SHAPE(1), SHAPE(1)),
    CASE(2, SHAPE(2), SHAPE(3)),
    CASE(2, SHAPE(3), SHAPE(3)),
    CASE(2, SHAPE(0), SHAPE(3)),
    CASE(2, SHAPE(2), SHAPE(0)),
};
static const row_case cases_inner[] = {
    CASE(2, SHAPE(3), SHAPE(3)),
    CASE(2, SHAPE(2, 3), SHAPE(3)),
    CASE(2, SHAPE(3), SHAPE(2, 3)),
    CASE(2, SHAPE(2, 3), SHAPE(4, 3)),
    CASE(2, SHAPE(2, 2, 3), SHAPE(3, 2, 3)),
    CASE(2, SHAPE(2, 0), SHAPE(3, 0)),
    CASE(2, SHAPE(0, 2), SHAPE(3, 2)),
    CASE(2, SHAPE(1, 2, 1, 2, 3), SHAPE(2, 1, 2, 1, 3)),
};

static const row_case cases_kron[] = {
    CASE(2, SHAPE_SCALAR, SHAPE_SCALAR),
    CASE(2, SHAPE(2), SHAPE(3)),
    CASE(2, SHAPE(3), SHAPE(3)),
    CASE(2, SHAPE(2, 3), SHAPE(3, 2)),
    CASE(2, SHAPE(2, 3), SHAPE(2)),
    CASE(2, SHAPE_SCALAR, SHAPE(2, 2)),
    CASE(2, SHAPE(2, 1, 2, 2), SHAPE(1, 2, 2)),
    CASE(2, SHAPE(2, 0), SHAPE(2, 2)),
};
static const row_case cases_cross[] = {
    CASE(2, SHAPE(3), SHAPE(3)),
    CASE(2, SHAPE(2, 3), SHAPE(3)),
    CASE(2, SHAPE(2, 1, 3), SHAPE(4, 3)),
    CASE(2, SHAPE(0, 3), SHAPE(3)),
};

#define PAIRS(...)                                                                                                     \
    &(const pairing) { __VA_ARGS__ }
static const row_case cases_tensordot[] = {
    CASE_WITH(PAIRS(0, {0}, {0}), 2, SHAPE(2), SHAPE(3)),
    CASE_WITH(PAIRS(0, {0}, {0}), 2, SHAPE_SCALAR, SHAPE(3)),
    CASE_WITH(PAIRS(1, {0}, {0}), 2, SHAPE(3), SHAPE(3)),
    CASE_WITH(PAIRS(1, {1}, {0}), 2, SHAPE(2, 3), SHAPE(3, 4)),
    CASE_WITH(PAIRS(1, {0}, {1}), 2, SHAPE(3, 2), SHAPE(4, 3)),
    CASE_WITH(PAIRS(1, {-1}, {-1}), 2, SHAPE(2, 3), SHAPE(4, 3)),
    CASE_WITH(PAIRS(2, {0, 1}, {0, 1}), 2, SHAPE(2, 3), SHAPE(2, 3)),
    CASE_WITH(PAIRS(2, {0, 1}, {1, 0}), 2, SHAPE(2, 3), SHAPE(3, 2)),
    CASE_WITH(PAIRS(2, {1, -1}, {2, 0}), 2, SHAPE(2, 3, 4), SHAPE(4, 2, 3)),
    CASE_WITH(PAIRS(2, {2, 0}, {0, 1}), 2, SHAPE(3, 2, 4), SHAPE(4, 3, 5)),
    CASE_WITH(PAIRS(1, {1}, {1}), 2, SHAPE(2, 3, 2), SHAPE(2, 3, 2)),
    CASE_WITH(PAIRS(1, {1}, {0}), 2, SHAPE(2, 0), SHAPE(0, 4)),
    CASE_WITH(PAIRS(3, {0, 1, 2}, {0, 1, 2}), 2, SHAPE(2, 2, 2), SHAPE(2, 2, 2, 3)),
};

#define PRODUCT                                                                                                        \
    .composite = true, .domain = {FROM(-2, 2), FROM(-2, 2)}, .roundings = 16, .sum = true, .pieces = true,             \
    .reads = {ROW_READS(1), ROW_READS(0)}
static const row rows[] = {
    ROW(wg_dot, .binary = wg_dot, .reference = reference_last, ROW_CASES(cases_dot), PRODUCT),
    ROW(wg_outer, .binary = wg_outer, .reference = reference_outer, ROW_CASES(cases_outer), PRODUCT),
    ROW(wg_inner, .binary = wg_inner, .reference = reference_last, ROW_CASES(cases_inner), PRODUCT),
    ROW(wg_tensordot, .apply = apply_tensordot, .reference = reference_tensordot, ROW_CASES(cases_tensordot), PRODUCT),
    ROW(wg_kron, .binary = wg_kron, .reference = reference_kron, ROW_CASES(cases_kron), PRODUCT),
    ROW(wg_cross, .binary = wg_cross, .reference = reference_cross, ROW_CASES(cases_cross), PRODUCT),
};

static void test_allocations(void **state)
{
    (void)state;
    const row_case c = CASE_WITH(PAIRS(2, {2, 0}, {0, 1}), 2, SHAPE(20, 15, 10), SHAPE(10, 20, 30));
    row_fail_allocations(&rows[3], &c);
}

static void test_errors(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var w = wg_name(wg_variable(tape, WG_DIMS(2, 3), (double *)NULL), "W"), one = wg_scalar_variable(tape, 1);
    wg_var u = wg_name(wg_variable(tape, WG_DIMS(3), (double *)NULL), "u"),
           v = wg_name(wg_variable(tape, WG_DIMS(4), (double *)NULL), "v");
    wg_var six = wg_variable(tape, WG_DIMS(1, 1, 1, 1, 1, 3), (double *)NULL), none = {tape, UINT32_MAX, 0};
    wg_var indices = wg_indices(tape, WG_DIMS(3), NULL);
    wg_var many = wg_variable(tape, WG_DIMS(4, 3), (double *)NULL);
    wg_stats before, after;
    wg_tape_stats(tape, &before);
    wg_dot(u, v);
    point_expect_error(tape, WG_ERROR_SHAPE, "dot: ", "lengths differ", "u (3)", "v (4)", NULL);
    wg_dot(w, u);
    point_expect_error(tape, WG_ERROR_SHAPE, "dot: ", "one axis", "W (2,3)", "u (3)", NULL);
    wg_outer(u, one);
    point_expect_error(tape, WG_ERROR_SHAPE, "outer: ", "one axis", "u (3)", NULL);
    wg_outer(u, none);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "outer: ", "invalid", NULL);
    wg_dot(u, indices);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "dot: ", "indices", NULL);
    wg_inner(w, v);
    point_expect_error(tape, WG_ERROR_SHAPE, "inner: ", "last axes differ", "W (2,3)", "v (4)", NULL);
    wg_inner(w, one);
    point_expect_error(tape, WG_ERROR_SHAPE, "inner: ", "0-d", "W (2,3)", NULL);
    wg_inner(six, six);
    point_expect_error(tape, WG_ERROR_SHAPE, "inner: ", "more than 8 axes", NULL);
    wg_inner(none, w);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "inner: ", NULL);
    wg_tensordot(w, v, WG_AXES(1), WG_AXES(0));
    point_expect_error(tape, WG_ERROR_SHAPE, "tensordot: axis 1 of W (2,3)", "axis 0 of v (4)", NULL);
    wg_tensordot(w, u, WG_AXES(2), WG_AXES(0));
    point_expect_error(tape, WG_ERROR_SHAPE, "tensordot: axis 2 of the first operand is out of range", "W (2,3)", NULL);
    wg_tensordot(w, u, WG_AXES(1), WG_AXES(-2));
    point_expect_error(tape, WG_ERROR_SHAPE, "tensordot: axis -2 of the second operand is out of range", "u (3)", NULL);
    wg_tensordot(w, w, WG_AXES(1, 1), WG_AXES(0, 1));
    point_expect_error(tape, WG_ERROR_SHAPE, "tensordot: axis 1 of the first operand is given twice", NULL);
    wg_tensordot(w, w, WG_AXES(1), WG_AXES(0, 1));
    point_expect_error(tape, WG_ERROR_SHAPE, "tensordot: 1 axes of W (2,3)", "2 of W (2,3)", NULL);
    wg_tensordot(w, w, NULL, 1, WG_AXES(0));
    point_expect_error(tape, WG_ERROR_ARGUMENT, "tensordot: ", "NULL", NULL);
    wg_tensordot(six, six, WG_AXES(0), WG_AXES(0));
    point_expect_error(tape, WG_ERROR_SHAPE, "tensordot: ", "more than 8 axes", NULL);
    wg_tensordot(w, none, NULL, 0, NULL, 0);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "tensordot: ", "invalid", NULL);
    wg_kron(six, u);
    point_expect_error(tape, WG_ERROR_SHAPE, "kron: ", "more than 4 axes", "u (3)", NULL);
    wg_cross(u, v);
    point_expect_error(tape, WG_ERROR_SHAPE, "cross: ", "extent 3", "u (3)", "v (4)", NULL);
    wg_cross(one, u);
    point_expect_error(tape, WG_ERROR_SHAPE, "cross: ", "extent 3", NULL);
    wg_cross(w, many);
    point_expect_error(tape, WG_ERROR_SHAPE, "cross: ", "do not broadcast", "W (2,3)", "(4,3)", NULL);
    wg_tape_stats(tape, &after);
    assert_int_equal(before.nodes, after.nodes);
    assert_null(wg_dot((wg_var){0}, (wg_var){0}).tape);
    assert_null(wg_tensordot((wg_var){0}, (wg_var){0}, NULL, 0, NULL, 0).tape);
    wg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_allocations), cmocka_unit_test(test_errors)};
    return row_main("ops/contract", rows, sizeof rows / sizeof *rows, tests, sizeof tests / sizeof *tests);
}
