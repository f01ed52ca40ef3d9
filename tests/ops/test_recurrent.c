/* The LSTM and GRU cells, against their formulas written out for each batch entry and feature. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "support/point.h"

/* ---- the formulas -------------------------------------------------------------------------------------------------------- */

/* Which biases there are. The harness gives at most six inputs, so both come in one array (2, gates hidden). */
enum { NO_BIAS, BIAS_IH, BIAS_HH, BOTH };

static long double sigmoid(long double a) { return 1 / (1 + expl(-a)); }
static size_t last(const array *a) { return a->shape.dim[a->shape.rank - 1]; }

/* Row k of w times entry i of x. */
static long double along(const array *x, size_t i, const array *w, size_t k)
{
    long double sum = 0;
    for (size_t j = 0; j < last(x); j++) sum += w->at[k * last(x) + j] * x->at[i * last(x) + j];
    return sum;
}

static long double bias(const array *b, size_t which, size_t k, int mode)
{
    return mode & (which ? BIAS_HH : BIAS_IH) ? b->at[which * b->size / 2 + k] : 0;
}

/* The next h and the next c of every entry side by side, along the last axis. */
static void reference_lstm(array *out, const array *in, size_t n, const void *user)
{
    const array *x = &in[0], *h = &in[1], *c = &in[2], *b = &in[5];
    size_t hidden = last(h), batch = hidden ? h->size / hidden : 0;
    int mode = *(const int *)user;
    wg_shape shape = h->shape;
    (void)n;
    shape.dim[shape.rank - 1] *= 2;
    *out = array_new(shape);
    for (size_t i = 0; i < batch; i++)
        for (size_t j = 0; j < hidden; j++) {
            long double gate[4];
            for (size_t k = 0; k < 4; k++)
                gate[k] = along(x, i, &in[3], k * hidden + j) + along(h, i, &in[4], k * hidden + j) +
                          bias(b, 0, k * hidden + j, mode) + bias(b, 1, k * hidden + j, mode);
            long double next = sigmoid(gate[1]) * c->at[i * hidden + j] + sigmoid(gate[0]) * tanhl(gate[2]);
            out->at[i * 2 * hidden + j] = sigmoid(gate[3]) * tanhl(next);
            out->at[i * 2 * hidden + hidden + j] = next;
        }
}

static void reference_gru(array *out, const array *in, size_t n, const void *user)
{
    const array *x = &in[0], *h = &in[1], *b = &in[4];
    size_t hidden = last(h), batch = hidden ? h->size / hidden : 0;
    int mode = *(const int *)user;
    (void)n;
    *out = array_new(h->shape);
    for (size_t i = 0; i < batch; i++)
        for (size_t j = 0; j < hidden; j++) {
            long double from_x[3], from_h[3];
            for (size_t k = 0; k < 3; k++) {
                from_x[k] = along(x, i, &in[2], k * hidden + j) + bias(b, 0, k * hidden + j, mode);
                from_h[k] = along(h, i, &in[3], k * hidden + j) + bias(b, 1, k * hidden + j, mode);
            }
            long double reset = sigmoid(from_x[0] + from_h[0]), update = sigmoid(from_x[1] + from_h[1]);
            long double new = tanhl(from_x[2] + reset * from_h[2]);
            out->at[i * hidden + j] = (1 - update) * new + update * h->at[i * hidden + j];
        }
}

static void take_biases(wg_var both, int mode, wg_var *out)
{
    out[0] = out[1] = (wg_var){0};
    if (mode & BIAS_IH) out[0] = wg_select(both, 0, 0);
    if (mode & BIAS_HH) out[1] = wg_select(both, 0, 1);
}

static wg_var apply_lstm(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    wg_var b[2], out[2];
    (void)tape, (void)n;
    take_biases(in[5], *(const int *)user, b);
    wg_lstm_cell(in[0], in[1], in[2], in[3], in[4], b[0], b[1], &out[0], &out[1]);
    return wg_concat(out, 2, -1);
}

static wg_var apply_gru(wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    wg_var b[2];
    (void)tape, (void)n;
    take_biases(in[4], *(const int *)user, b);
    return wg_gru_cell(in[0], in[1], in[2], in[3], b[0], b[1]);
}

/* ---- rows -------------------------------------------------------------------------------------------------------------------- */

static const int none = NO_BIAS, only_ih = BIAS_IH, only_hh = BIAS_HH, both = BOTH;

static const row_case cases_lstm[] = {
    CASE_WITH(&both, 6, SHAPE(2, 3), SHAPE(2, 2), SHAPE(2, 2), SHAPE(8, 3), SHAPE(8, 2), SHAPE(2, 8)),
    CASE_WITH(&both, 6, SHAPE(1, 1), SHAPE(1, 1), SHAPE(1, 1), SHAPE(4, 1), SHAPE(4, 1), SHAPE(2, 4)),
    CASE_WITH(&none, 6, SHAPE(3, 2), SHAPE(3, 3), SHAPE(3, 3), SHAPE(12, 2), SHAPE(12, 3), SHAPE(2, 12)),
    CASE_WITH(&only_ih, 6, SHAPE(2, 2), SHAPE(2, 2), SHAPE(2, 2), SHAPE(8, 2), SHAPE(8, 2), SHAPE(2, 8)),
    CASE_WITH(&only_hh, 6, SHAPE(2, 2), SHAPE(2, 1), SHAPE(2, 1), SHAPE(4, 2), SHAPE(4, 1), SHAPE(2, 4)),
    CASE_WITH(&both, 6, SHAPE(3), SHAPE(2), SHAPE(2), SHAPE(8, 3), SHAPE(8, 2), SHAPE(2, 8)),
    CASE_WITH(&both, 6, SHAPE(2, 2, 2), SHAPE(2, 2, 2), SHAPE(2, 2, 2), SHAPE(8, 2), SHAPE(8, 2), SHAPE(2, 8)),
    CASE_WITH(&both, 6, SHAPE(0, 3), SHAPE(0, 2), SHAPE(0, 2), SHAPE(8, 3), SHAPE(8, 2), SHAPE(2, 8)),
    CASE_WITH(&both, 6, SHAPE(2, 0), SHAPE(2, 2), SHAPE(2, 2), SHAPE(8, 0), SHAPE(8, 2), SHAPE(2, 8)),
    CASE_WITH(&both, 6, SHAPE(2, 3), SHAPE(2, 0), SHAPE(2, 0), SHAPE(0, 3), SHAPE(0, 0), SHAPE(2, 0)),
};

static const row_case cases_gru[] = {
    CASE_WITH(&both, 5, SHAPE(2, 3), SHAPE(2, 2), SHAPE(6, 3), SHAPE(6, 2), SHAPE(2, 6)),
    CASE_WITH(&both, 5, SHAPE(1, 1), SHAPE(1, 1), SHAPE(3, 1), SHAPE(3, 1), SHAPE(2, 3)),
    CASE_WITH(&none, 5, SHAPE(3, 2), SHAPE(3, 3), SHAPE(9, 2), SHAPE(9, 3), SHAPE(2, 9)),
    CASE_WITH(&only_ih, 5, SHAPE(2, 2), SHAPE(2, 2), SHAPE(6, 2), SHAPE(6, 2), SHAPE(2, 6)),
    CASE_WITH(&only_hh, 5, SHAPE(2, 2), SHAPE(2, 1), SHAPE(3, 2), SHAPE(3, 1), SHAPE(2, 3)),
    CASE_WITH(&both, 5, SHAPE(3), SHAPE(2), SHAPE(6, 3), SHAPE(6, 2), SHAPE(2, 6)),
    CASE_WITH(&both, 5, SHAPE(2, 2, 2), SHAPE(2, 2, 2), SHAPE(6, 2), SHAPE(6, 2), SHAPE(2, 6)),
    CASE_WITH(&both, 5, SHAPE(0, 3), SHAPE(0, 2), SHAPE(6, 3), SHAPE(6, 2), SHAPE(2, 6)),
    CASE_WITH(&both, 5, SHAPE(2, 0), SHAPE(2, 2), SHAPE(6, 0), SHAPE(6, 2), SHAPE(2, 6)),
    CASE_WITH(&both, 5, SHAPE(2, 3), SHAPE(2, 0), SHAPE(0, 3), SHAPE(0, 0), SHAPE(2, 0)),
};

#define EVERYTHING 63u
#define READS      .reads = {EVERYTHING, EVERYTHING, EVERYTHING, EVERYTHING, EVERYTHING, EVERYTHING}
#define DOMAINS    .domain = {FROM(-1, 1), FROM(-1, 1), FROM(-1, 1), FROM(-1, 1), FROM(-1, 1), FROM(-1, 1)}
static const row rows[] = {
    ROW(wg_lstm_cell, .apply = apply_lstm, .reference = reference_lstm, ROW_CASES(cases_lstm), DOMAINS, READS,
        .composite = true, .roundings = 32, .sum = true, .pieces = true),
    ROW(wg_gru_cell, .apply = apply_gru, .reference = reference_gru, ROW_CASES(cases_gru), DOMAINS, READS,
        .composite = true, .roundings = 32, .sum = true, .pieces = true),
};
#undef EVERYTHING

static void test_allocations(void **state)
{
    (void)state;
    row_fail_allocations(&rows[0], &cases_lstm[0]);
    row_fail_allocations(&rows[1], &cases_gru[0]);
}

/* ---- corners --------------------------------------------------------------------------------------------------------------- */

static void expect_near(double got, double expected)
{
    if (!(fabs(got - expected) <= 1e-14 * fabs(expected))) fail_msg("%.17g, expected %.17g", got, expected);
}

/* A GRU of one feature with zero weights is (1 - u) tanh(n) + u h with u = s(z). With z far above 0, what enters is
 * s(-z) = e^-z: n's gradient is right, where 1 - s(z) would be 0. */
static void test_closed_gate(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_constant_f64(tape, WG_DIMS(1, 1), (double[]){0}),
           h = wg_variable_f64(tape, WG_DIMS(1, 1), (double[]){0}),
           w = wg_constant_f64(tape, WG_DIMS(3, 1), (double[]){0, 0, 0}),
           b = wg_variable_f64(tape, WG_DIMS(3), (double[]){0, 50, 0.5});
    wg_var next = wg_gru_cell(x, h, w, w, b, (wg_var){0});
    expect_near(wg_at(next, 0), exp(-50) * tanh(0.5));
    assert_int_equal(wg_backward(wg_sum(next)), WG_OK);
    expect_near(wg_grad_at(b, 2), exp(-50) / (cosh(0.5) * cosh(0.5)));
    expect_near(wg_grad_at(b, 1), -exp(-50) * tanh(0.5));
    assert_true(wg_grad_at(h, 0) == 1);
    wg_tape_free(tape);
}

/* Over three steps with zero weights an LSTM with forget gate s(f) = 1/2 keeps 1/8 of its memory, and the gradient of the
 * forget gate's bias is the sum of the steps': c s(0)^2 s'(0) three times, s'(0) = 1/4. The results may overwrite the state. */
static void test_steps(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_constant_f64(tape, WG_DIMS(1, 1), (double[]){0}), h = x,
           first = wg_variable_f64(tape, WG_DIMS(1, 1), (double[]){8}), c = first,
           w = wg_constant_f64(tape, WG_DIMS(4, 1), (double[]){0, 0, 0, 0}),
           b = wg_variable_f64(tape, WG_DIMS(4), (double[]){0, 0, 0, 0});
    for (int t = 0; t < 3; t++) assert_int_equal(wg_lstm_cell(x, h, c, w, w, b, (wg_var){0}, &h, &c), WG_OK);
    assert_true(wg_at(c, 0) == 1);
    expect_near(wg_at(h, 0), tanh(1) / 2);
    assert_int_equal(wg_backward(wg_sum(c)), WG_OK);
    assert_true(wg_grad_at(first, 0) == 0.125);
    expect_near(wg_grad_at(b, 1), 3 * 8 * 0.25 * 0.25);
    wg_tape_free(tape);
}

typedef struct network {
    wg_tape *tape;
    wg_var x, h, c, w_ih, w_hh, b, out[2];
} network;

static network network_of(size_t gates)
{
    network n = {.tape = wg_tape_new(WG_F64)};
    n.x = wg_name(wg_variable_f64(n.tape, WG_DIMS(2, 3), NULL), "x");
    n.h = wg_name(wg_variable_f64(n.tape, WG_DIMS(2, 5), NULL), "h");
    n.c = wg_name(wg_variable_f64(n.tape, WG_DIMS(2, 5), NULL), "c");
    n.w_ih = wg_name(wg_variable_f64(n.tape, WG_DIMS(gates * 5, 3), NULL), "W");
    n.w_hh = wg_name(wg_variable_f64(n.tape, WG_DIMS(gates * 5, 5), NULL), "U");
    n.b = wg_name(wg_variable_f64(n.tape, WG_DIMS(gates * 5), NULL), "b");
    return n;
}

/* What both cells refuse. */
static void expect_refusals(network *n, const char *name, bool lstm)
{
    wg_var none_of = {0}, scalar = wg_scalar(n->tape, 1), short_b = wg_constant_f64(n->tape, WG_DIMS(7), NULL);
    wg_var other = wg_name(wg_constant_f64(n->tape, WG_DIMS(3, 5), NULL), "three"),
           indices = wg_indices(n->tape, WG_DIMS(2, 3), NULL);
    struct {
        wg_var x, h, w_ih, w_hh, b_ih, b_hh;
        wg_status status;
        const char *words[3];
    } wrong[] = {
        {n->x, other, n->w_ih, n->w_hh, n->b, n->b, WG_ERROR_SHAPE, {"x (2,3)", "three (3,5)", "batch"}},
        {scalar, scalar, n->w_ih, n->w_hh, n->b, n->b, WG_ERROR_SHAPE, {"()", "batch", NULL}},
        {n->x, n->h, n->w_hh, n->w_hh, n->b, n->b, WG_ERROR_SHAPE, {"U (", ",3)", "x (2,3)"}},
        {n->x, n->h, n->w_ih, n->w_ih, n->b, n->b, WG_ERROR_SHAPE, {"W (", ",5)", "h (2,5)"}},
        {n->x, n->h, n->w_ih, n->w_hh, short_b, n->b, WG_ERROR_SHAPE, {"bias", "(7)", "5 features"}},
        {n->x, n->h, n->w_ih, n->w_hh, none_of, short_b, WG_ERROR_SHAPE, {"bias", "(7)", NULL}},
        {indices, n->h, n->w_ih, n->w_hh, n->b, n->b, WG_ERROR_ARGUMENT, {"argument 1", "indices", NULL}},
        {none_of, n->h, n->w_ih, n->w_hh, none_of, none_of, WG_ERROR_ARGUMENT, {"argument 1", NULL, NULL}},
        {n->x, n->h, n->w_ih, none_of, none_of, n->b, WG_ERROR_ARGUMENT, {lstm ? "argument 5" : "argument 4", NULL}},
        {n->x, n->h, n->w_ih, n->w_hh, none_of, (wg_var){n->tape, UINT32_MAX, 0}, WG_ERROR_ARGUMENT,
            {lstm ? "argument 7" : "argument 6", "invalid", NULL}},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const char *const *words = wrong[i].words;
        if (lstm) {
            wg_status status = wg_lstm_cell(wrong[i].x, wrong[i].h, wrong[i].h, wrong[i].w_ih, wrong[i].w_hh,
                wrong[i].b_ih, wrong[i].b_hh, &n->out[0], &n->out[1]);
            assert_int_equal(status, wrong[i].status);
            assert_false(wg_ok(n->out[1]));
        } else
            n->out[0] = wg_gru_cell(wrong[i].x, wrong[i].h, wrong[i].w_ih, wrong[i].w_hh, wrong[i].b_ih, wrong[i].b_hh);
        assert_false(wg_ok(n->out[0]));
        point_expect_error(n->tape, wrong[i].status, name, words[0], words[1], words[2], NULL);
    }
}

static void test_errors(void **state)
{
    (void)state;
    network lstm = network_of(4), gru = network_of(3);
    wg_var none_of = {0};
    expect_refusals(&lstm, "lstm_cell: ", true);
    expect_refusals(&gru, "gru_cell: ", false);
    wg_stats before, after;
    wg_tape_stats(lstm.tape, &before);
    assert_int_equal(
        wg_lstm_cell(lstm.x, lstm.h, lstm.x, lstm.w_ih, lstm.w_hh, lstm.b, lstm.b, &lstm.out[0], &lstm.out[1]),
        WG_ERROR_SHAPE);
    point_expect_error(lstm.tape, WG_ERROR_SHAPE, "lstm_cell: ", "h (2,5)", "c x (2,3)", "differ", NULL);
    wg_lstm_cell(lstm.x, lstm.h, lstm.c, lstm.w_ih, lstm.w_hh, lstm.b, lstm.b, NULL, &lstm.out[1]);
    point_expect_error(lstm.tape, WG_ERROR_ARGUMENT, "lstm_cell: ", "next h is NULL", NULL);
    assert_false(wg_ok(lstm.out[1]));
    wg_lstm_cell(lstm.x, lstm.h, lstm.c, lstm.w_ih, lstm.w_hh, lstm.b, lstm.b, &lstm.out[0], NULL);
    point_expect_error(lstm.tape, WG_ERROR_ARGUMENT, "lstm_cell: ", "next c is NULL", NULL);
    wg_tape_stats(lstm.tape, &after);
    assert_int_equal(before.nodes, after.nodes);
    assert_int_equal(wg_lstm_cell(none_of, none_of, none_of, none_of, none_of, none_of, none_of, &lstm.out[0], NULL),
        WG_ERROR_ARGUMENT);
    assert_null(wg_gru_cell(none_of, none_of, none_of, none_of, none_of, none_of).tape);
    wg_gru_cell(lstm.x, gru.h, gru.w_ih, gru.w_hh, gru.b, gru.b);
    point_expect_error(lstm.tape, WG_ERROR_ARGUMENT, "gru_cell: ", "another tape", NULL);
    point_expect_error(gru.tape, WG_ERROR_ARGUMENT, "gru_cell: ", "two tapes", NULL);
    wg_tape_free(lstm.tape);
    wg_tape_free(gru.tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations),
        cmocka_unit_test(test_closed_gate),
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_errors),
    };
    return row_main("ops/recurrent", rows, sizeof rows / sizeof *rows, tests, sizeof tests / sizeof *tests);
}
