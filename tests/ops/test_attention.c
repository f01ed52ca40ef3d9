/* Attention and rotary embedding, against their formulas for each query, key and pair; masks that forbid everything; no NaN
 * from -inf at any order; rotations; errors. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "support/point.h"

/* ---- attention: the formula ---------------------------------------------------------------------------------------------------- */

/* A case's options; whether input 3 is the mask; and whether every third key is forbidden, and to query 1 every key. */
typedef struct looking {
    wg_attention_options options;
    bool masked, forbids;
} looking;

static bool may_look(const looking *l, size_t i, size_t j)
{
    if (l->options.causal && j > i + l->options.past) return false;
    return !l->forbids || ((i + j) % 3 != 0 && i != 1);
}

/* Matrix entry (i, j) at a leading tuple. */
static long double entry(const array *a, const wg_shape *leading, const size_t *tuple, size_t i, size_t j)
{
    wg_shape to = *leading;
    size_t at[WG_MAX_RANK];
    memcpy(at, tuple, sizeof at);
    for (uint32_t back = 2; back > 0; back--) {
        bool one = a->shape.rank < back; /* a mask may have fewer axes */
        to.dim[to.rank] = one ? 1 : a->shape.dim[a->shape.rank - back];
        at[to.rank] = to.dim[to.rank] == 1 ? 0 : back == 2 ? i : j;
        to.rank++;
    }
    return array_stretched(a, &to, at);
}

static wg_shape leading_of(const array *a)
{
    wg_shape shape = a->shape;
    shape.rank -= 2;
    return shape;
}

static void reference_attention(array *out, const array *in, size_t n, const void *user)
{
    const looking *l = user;
    const array *q = &in[0], *k = &in[1], *v = &in[2];
    wg_shape lead = leading_of(q), other = leading_of(k);
    (void)n;
    lead = shape_broadcast(&lead, &other);
    other = leading_of(v);
    lead = shape_broadcast(&lead, &other);
    size_t rows = q->shape.dim[q->shape.rank - 2], keys = k->shape.dim[k->shape.rank - 2];
    size_t d = q->shape.dim[q->shape.rank - 1], e = v->shape.dim[v->shape.rank - 1];
    long double scale = l->options.scale != 0 ? l->options.scale : 1 / sqrtl((long double)d);
    wg_shape shape = lead;
    shape.dim[shape.rank++] = rows;
    shape.dim[shape.rank++] = e;
    *out = array_new(shape);
    for (size_t at = 0; at < out->size; at++) {
        size_t tuple[WG_MAX_RANK] = {0}, i = at / e % rows;
        long double sum = 0;
        shape_tuple(&lead, at / e / rows, tuple);
        for (size_t j = 0; j < keys; j++) {
            long double score = l->masked ? entry(&in[3], &lead, tuple, i, j) : 0;
            if (!may_look(l, i, j)) continue;
            for (size_t f = 0; f < d; f++) score += scale * entry(q, &lead, tuple, i, f) * entry(k, &lead, tuple, j, f);
            sum += expl(score);
            out->at[at] += expl(score) * entry(v, &lead, tuple, j, at % e);
        }
        if (sum > 0) out->at[at] /= sum;
    }
}

static wg_var apply_attention(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    const looking *l = user;
    wg_var mask = l->masked ? in[3] : (wg_var){0};
    (void)n;
    if (l->forbids && wg_ok(in[0]) && wg_ok(in[1])) {
        size_t rows = wg_shape_of(in[0]).dim[wg_shape_of(in[0]).rank - 2];
        size_t keys = wg_shape_of(in[1]).dim[wg_shape_of(in[1]).rank - 2];
        double forbidden[64];
        for (size_t at = 0; at < rows * keys; at++)
            forbidden[at] = (at / keys + at % keys) % 3 == 0 || at / keys == 1 ? -(double)INFINITY : 0;
        wg_var extra = wg_constant_f64(tape, WG_DIMS(rows, keys), forbidden);
        mask = l->masked ? wg_add(mask, extra) : extra;
    }
    return wg_attention(in[0], in[1], in[2], mask, l->options.scale != 0 || l->options.causal ? &l->options : NULL);
}

static const looking plain = {.masked = false}, masked = {.masked = true}, forbidding = {.forbids = true},
                     both = {.masked = true, .forbids = true}, causal = {.options = {.causal = true}},
                     cached = {.options = {.causal = true, .past = 2, .scale = 0.5}, .masked = true},
                     far = {.options = {.causal = true, .past = SIZE_MAX - 8}}, unscaled = {.options = {.scale = 1}};

static const row_case cases_attention[] = {
    CASE_WITH(&plain, 3, SHAPE(2, 3), SHAPE(4, 3), SHAPE(4, 2)),
    CASE_WITH(&unscaled, 3, SHAPE(1, 1), SHAPE(1, 1), SHAPE(1, 1)),
    CASE_WITH(&masked, 4, SHAPE(2, 3), SHAPE(4, 3), SHAPE(4, 2), SHAPE(2, 4)),
    CASE_WITH(&masked, 4, SHAPE(2, 3), SHAPE(4, 3), SHAPE(4, 2), SHAPE(4)),
    CASE_WITH(&masked, 4, SHAPE(2, 3, 2), SHAPE(2, 4, 2), SHAPE(2, 4, 1), SHAPE(2, 1, 4)),
    CASE_WITH(&forbidding, 3, SHAPE(3, 2), SHAPE(5, 2), SHAPE(5, 2)),
    CASE_WITH(&both, 4, SHAPE(2, 3, 2), SHAPE(2, 4, 2), SHAPE(2, 4, 2), SHAPE(3, 4)),
    CASE_WITH(&causal, 3, SHAPE(2, 4, 2), SHAPE(2, 4, 2), SHAPE(2, 4, 2)),
    CASE_WITH(&causal, 3, SHAPE(4, 2), SHAPE(2, 2), SHAPE(2, 2)),
    CASE_WITH(&causal, 3, SHAPE(2, 2), SHAPE(4, 2), SHAPE(4, 2)),
    CASE_WITH(&cached, 4, SHAPE(2, 2), SHAPE(4, 2), SHAPE(4, 2), SHAPE(2, 4)),
    CASE_WITH(&far, 3, SHAPE(2, 2), SHAPE(3, 2), SHAPE(3, 2)),
    /* two heads share their keys, two batches too */
    CASE_WITH(&causal, 3, SHAPE(2, 1, 2, 3, 2), SHAPE(2, 1, 1, 3, 2), SHAPE(1, 1, 1, 3, 2)),
    CASE_WITH(&plain, 3, SHAPE(2, 2), SHAPE(3, 2, 2), SHAPE(2, 1)),
    CASE_WITH(&plain, 3, SHAPE(0, 2), SHAPE(3, 2), SHAPE(3, 2)),
    CASE_WITH(&plain, 3, SHAPE(2, 2), SHAPE(0, 2), SHAPE(0, 2)),
    CASE_WITH(&causal, 3, SHAPE(2, 2), SHAPE(0, 2), SHAPE(0, 2)),
    CASE_WITH(&plain, 3, SHAPE(2, 0), SHAPE(3, 0), SHAPE(3, 2)),
    CASE_WITH(&causal, 3, SHAPE(0, 2, 2), SHAPE(0, 2, 2), SHAPE(0, 2, 2)),
};

/* ---- rope: the formula ------------------------------------------------------------------------------------------------------------ */

typedef struct rotation {
    wg_shape shape; /* of the positions */
    int64_t at[8];
    double base;
    bool halves;
} rotation;

static void reference_rope(array *out, const array *in, size_t n, const void *user)
{
    const rotation *r = user;
    size_t d = in[0].shape.dim[in[0].shape.rank - 1];
    wg_shape rows = in[0].shape;
    array positions = array_new(r->shape);
    (void)n;
    rows.rank--;
    for (size_t i = 0; i < positions.size; i++) positions.at[i] = (long double)r->at[i];
    *out = array_new(in[0].shape);
    for (size_t at = 0; at < out->size; at++) {
        size_t tuple[WG_MAX_RANK] = {0}, i = at % d, pair = r->halves ? i % (d / 2) : i / 2;
        bool second = r->halves ? i >= d / 2 : i % 2;
        shape_tuple(&rows, at / d, tuple);
        long double angle =
            array_stretched(&positions, &rows, tuple) * powl(r->base, -2 * (long double)pair / (long double)d);
        size_t first = at / d * d + (r->halves ? pair : 2 * pair), apart = r->halves ? d / 2 : 1;
        long double a = in[0].at[first], b = in[0].at[first + apart];
        out->at[at] = second ? a * sinl(angle) + b * cosl(angle) : a * cosl(angle) - b * sinl(angle);
    }
    array_free(&positions);
}

static wg_var apply_rope(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    const rotation *r = user;
    (void)n;
    return wg_rope(in[0], wg_indices(tape, r->shape, r->at), r->base, r->halves);
}

static const rotation one = {SHAPE(1), {3}, 10000, false}, one_halves = {SHAPE(1), {3}, 10000, true},
                      line = {SHAPE(3), {0, 1, 7}, 10000, false}, line_halves = {SHAPE(3), {-2, 1, 20}, 100, true},
                      table = {SHAPE(2, 3), {0, 1, 2, 5, 6, 7}, 10, false}, apart = {SHAPE(2, 1), {4, 9}, 10, true},
                      scalar = {SHAPE_SCALAR, {5}, 10, false}, nothing = {SHAPE(0), {0}, 10, false};

static const row_case cases_rope[] = {
    CASE_WITH(&scalar, 1, SHAPE(2)),
    CASE_WITH(&scalar, 1, SHAPE(6)),
    CASE_WITH(&one, 1, SHAPE(2, 4)),
    CASE_WITH(&one_halves, 1, SHAPE(1, 6)),
    CASE_WITH(&line, 1, SHAPE(3, 4)),
    CASE_WITH(&line_halves, 1, SHAPE(2, 3, 4)),
    CASE_WITH(&line, 1, SHAPE(2, 2, 3, 2)),
    CASE_WITH(&table, 1, SHAPE(2, 3, 4)),
    CASE_WITH(&table, 1, SHAPE(2, 2, 3, 2)),
    CASE_WITH(&apart, 1, SHAPE(2, 3, 4)),
    CASE_WITH(&nothing, 1, SHAPE(0, 4)),
    CASE_WITH(&line, 1, SHAPE(3, 0)),
    CASE_WITH(&line, 1, SHAPE(0, 3, 4)),
    CASE_WITH(&line_halves, 1, SHAPE(3, 130)),
};

#define EVERYTHING (ROW_READS_RESULT | 127u)
static const row rows[] = {
    ROW(wg_attention, .apply = apply_attention, .reference = reference_attention, ROW_CASES(cases_attention),
        .domain = {FROM(-1, 1), FROM(-1, 1), FROM(-1, 1), FROM(-1, 1)}, .composite = true, .sum = true, .roundings = 32,
        .pieces = true, .reads = {EVERYTHING, EVERYTHING, EVERYTHING, EVERYTHING}),
    ROW(wg_rope, .apply = apply_rope, .reference = reference_rope, ROW_CASES(cases_rope), .domain = {FROM(-2, 2)},
        .composite = true, .sum = true, .roundings = 32),
};

static void test_allocations(void **state)
{
    (void)state;
    row_fail_allocations(&rows[0], &cases_attention[6]);
    row_fail_allocations(&rows[0], &cases_attention[7]);
    row_fail_allocations(&rows[1], &cases_rope[5]);
}

/* ---- corners ------------------------------------------------------------------------------------------------------------------------ */

static void expect_finite(wg_var v, size_t order)
{
    for (size_t i = 0; i < wg_size(v); i++)
        if (!isfinite(wg_at(v, i))) fail_msg("order %zu, element %zu: %g", order, i, wg_at(v, i));
}

/* The first query may look nowhere: zeros, and zero gradients; the second sees key 0 alone: v's row, weight 1. The mask is a
 * variable with -inf, and to order 3 nothing is NaN. */
static void test_forbidden(void **state)
{
    (void)state;
    const double no = -(double)INFINITY;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var q = wg_variable_f64(tape, WG_DIMS(2, 2), (double[]){1, 2, 3, 4}),
           k = wg_variable_f64(tape, WG_DIMS(2, 2), (double[]){1, -1, 2, 0.5}),
           v = wg_variable_f64(tape, WG_DIMS(2, 2), (double[]){5, 6, 7, 8}),
           mask = wg_variable_f64(tape, WG_DIMS(2, 2), (double[]){no, no, 0, no});
    wg_var in[] = {q, k, v, mask}, grads[4];
    wg_var y = wg_attention(q, k, v, mask, NULL);
    assert_true(wg_at(y, 0) == 0 && wg_at(y, 1) == 0 && wg_at(y, 2) == 5 && wg_at(y, 3) == 6);
    assert_int_equal(wg_backward(wg_sum(wg_square(y))), WG_OK);
    for (size_t i = 0; i < 4; i++) {
        assert_true(wg_grad_at(q, i) == 0 && wg_grad_at(k, i) == 0 && wg_grad_at(mask, i) == 0);
        assert_true(wg_grad_at(v, i) == (i == 0 ? 10 : i == 1 ? 12 : 0));
    }
    wg_var loss = wg_sum(wg_square(y));
    for (size_t order = 1; order <= 3; order++) {
        assert_int_equal(wg_gradients(loss, in, 4, grads), WG_OK);
        loss = wg_scalar(tape, 0);
        for (size_t i = 0; i < 4; i++) {
            expect_finite(grads[i], order);
            wg_var part = wg_sum(wg_square(wg_add(grads[i], in[i == 3 ? 0 : i])));
            loss = wg_add(loss, part);
        }
    }
    wg_tape_free(tape);
}

/* The causal option is the mask of a lower triangle, here and in its gradient. */
static void test_causal(void **state)
{
    (void)state;
    double allowed[12], random_numbers[12];
    random_state random = {5};
    for (size_t i = 0; i < 12; i++) {
        random_numbers[i] = 2 * random_unit(&random) - 1;
        allowed[i] = i % 4 > i / 4 + 1 ? -(double)INFINITY : 0;
    }
    for (int way = 0; way < 2; way++) {
        static double values[6], slopes[8];
        wg_tape *tape = wg_tape_new(WG_F64);
        wg_var q = wg_constant_f64(tape, WG_DIMS(3, 2), random_numbers),
               k = wg_variable_f64(tape, WG_DIMS(4, 2), random_numbers + 3),
               v = wg_constant_f64(tape, WG_DIMS(4, 2), random_numbers + 1),
               mask = wg_constant_f64(tape, WG_DIMS(3, 4), allowed);
        wg_attention_options options = {.causal = true, .past = 1};
        wg_var y = way ? wg_attention(q, k, v, (wg_var){0}, &options) : wg_attention(q, k, v, mask, NULL);
        assert_int_equal(wg_backward(wg_sum(wg_square(y))), WG_OK);
        for (size_t i = 0; i < 8; i++) {
            if (i < 6 && !way) values[i] = wg_at(y, i);
            if (!way) slopes[i] = wg_grad_at(k, i);
            if (i < 6) assert_true(wg_at(y, i) == values[i]);
            assert_true(wg_grad_at(k, i) == slopes[i]);
        }
        wg_tape_free(tape);
    }
}

/* Position 0 leaves x as it is; lengths stay; the product of two turned vectors depends on the distance of their positions
 * alone; the two conventions are one, up to the order of elements. */
static void test_rotations(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_constant_f64(tape, WG_DIMS(2, 4), (double[]){1, 2, 3, 4, 1, 2, 3, 4}),
           z = wg_constant_f64(tape, WG_DIMS(2, 4), (double[]){2, -1, 0.5, 3, 2, -1, 0.5, 3}),
           swapped = wg_constant_f64(tape, WG_DIMS(2, 4), (double[]){1, 3, 2, 4, 1, 3, 2, 4});
    wg_var early = wg_indices(tape, WG_DIMS(2), (int64_t[]){0, 40}),
           late = wg_indices(tape, WG_DIMS(2), (int64_t[]){3, 43});
    wg_var a = wg_rope(x, early, 10000, false), b = wg_rope(z, late, 10000, false),
           h = wg_rope(swapped, early, 10000, true);
    double products[2] = {0}, lengths[2] = {0};
    const size_t to[] = {0, 2, 1, 3};
    for (size_t i = 0; i < 8; i++) {
        if (i < 4) assert_true(wg_at(a, i) == wg_at(x, i));
        products[i / 4] += wg_at(a, i) * wg_at(b, i);
        lengths[i / 4] += wg_at(a, i) * wg_at(a, i);
        assert_true(wg_at(h, i / 4 * 4 + to[i % 4]) == wg_at(a, i));
    }
    assert_true(fabs(products[0] - products[1]) <= 1e-13 && fabs(lengths[1] - 30) <= 1e-13);
    wg_tape_free(tape);
}

static void test_errors(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var q = wg_name(wg_variable_f64(tape, WG_DIMS(2, 3, 4), NULL), "q"),
           k = wg_name(wg_variable_f64(tape, WG_DIMS(2, 5, 4), NULL), "k"),
           v = wg_name(wg_variable_f64(tape, WG_DIMS(2, 5, 6), NULL), "v"),
           flat = wg_name(wg_variable_f64(tape, WG_DIMS(3), NULL), "flat"), none = {0};
    wg_var three = wg_variable_f64(tape, WG_DIMS(3, 5, 4), NULL), indices = wg_indices(tape, WG_DIMS(3), NULL);
    wg_attention_options wrong = {.scale = (double)NAN};
    wg_stats before, after;
    wg_tape_stats(tape, &before);
    assert_false(wg_ok(wg_attention(q, v, v, none, NULL)));
    point_expect_error(tape, WG_ERROR_SHAPE, "attention: ", "features", "q (2,3,4)", "v (2,5,6)", NULL);
    wg_attention(q, k, q, none, NULL);
    point_expect_error(tape, WG_ERROR_SHAPE, "attention: ", "k and v differ in length", "k (2,5,4)", NULL);
    wg_attention(flat, k, v, none, NULL);
    point_expect_error(tape, WG_ERROR_SHAPE, "attention: ", "(..., length, features)", "flat (3)", NULL);
    wg_attention(q, three, v, none, NULL);
    point_expect_error(tape, WG_ERROR_SHAPE, "attention: ", "broadcast", "(3,5,4)", NULL);
    wg_attention(q, k, v, flat, NULL);
    point_expect_error(tape, WG_ERROR_SHAPE, "attention: ", "mask flat (3)", "(2,3,5)", NULL);
    wg_attention(q, k, v, none, &wrong);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "attention: ", "scale", NULL);
    wg_attention(q, none, v, none, NULL);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "attention: ", "argument 2", NULL);
    wg_attention(q, k, v, indices, NULL);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "attention: ", "argument 4", "indices", NULL);
    assert_null(wg_attention(none, none, none, none, NULL).tape);

    assert_false(wg_ok(wg_rope(flat, indices, 10000, false)));
    point_expect_error(tape, WG_ERROR_SHAPE, "rope: ", "pairs", "flat (3)", NULL);
    wg_rope(wg_scalar(tape, 1), indices, 10000, false);
    point_expect_error(tape, WG_ERROR_SHAPE, "rope: ", "pairs", NULL);
    wg_tape_stats(tape, &before);
    wg_rope(k, indices, 10000, false);
    point_expect_error(tape, WG_ERROR_SHAPE, "rope: ", "positions", "(3)", "k (2,5,4)", NULL);
    wg_rope(q, flat, 10000, false);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "rope: ", "argument 2", "flat (3)", "numbers where indices", NULL);
    wg_rope(indices, indices, 10000, false);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "rope: ", "argument 1", "indices where numbers", NULL);
    wg_rope(q, indices, 0, true);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "rope: ", "base is 0", NULL);
    wg_rope(none, indices, 10, true);
    point_expect_error(tape, WG_ERROR_ARGUMENT, "rope: ", "argument 1", NULL);
    assert_null(wg_rope(none, none, 10, true).tape);
    wg_tape_stats(tape, &after);
    assert_int_equal(before.nodes, after.nodes);
    wg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations),
        cmocka_unit_test(test_forbidden),
        cmocka_unit_test(test_causal),
        cmocka_unit_test(test_rotations),
        cmocka_unit_test(test_errors),
    };
    return row_main("ops/attention", rows, sizeof rows / sizeof *rows, tests, sizeof tests / sizeof *tests);
}
