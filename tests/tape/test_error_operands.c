/* Every function of the public API that takes vars, given a var that it must refuse, in each position: {0}, one whose op
 * failed, one of another tape, one from before a rewind, a stale one, an index var. Each is an error that names the
 * function and records nothing, and the same call with good vars works afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tape/expect.h"

enum { MOST = 3 };

/* A function under test, called on n vars of shape (1,1). It returns a var, or a status. */
typedef struct function {
    const char *name; /* as messages have it */
    size_t n;
    wg_var (*unary)(wg_var);
    wg_var (*binary)(wg_var, wg_var);
    wg_var (*any)(const wg_var *in);
    wg_status (*status)(const wg_var *in);
    bool moves; /* only moves elements, so index vars will do */
} function;

static wg_var call_where(const wg_var *in) { return wg_where(in[0], in[1], in[2]); }
static wg_var call_sum_axes(const wg_var *in) { return wg_sum_axes(in[0], WG_AXES(-1), true); }
static wg_var call_mean_axes(const wg_var *in) { return wg_mean_axes(in[0], WG_AXES(0), false); }
static wg_var call_max_axes(const wg_var *in) { return wg_max_axes(in[0], WG_AXES(0, 1), false); }
static wg_var call_min_axes(const wg_var *in) { return wg_min_axes(in[0], NULL, 0, false); }
static wg_var call_reshape(const wg_var *in) { return wg_reshape(in[0], WG_DIMS(1)); }
static wg_var call_permute(const wg_var *in) { return wg_permute(in[0], WG_AXES(1, 0)); }
static wg_var call_broadcast_to(const wg_var *in) { return wg_broadcast_to(in[0], WG_DIMS(2, 1, 3)); }
static wg_var call_sum_to(const wg_var *in) { return wg_sum_to(in[0], WG_SCALAR); }
static wg_var call_slice(const wg_var *in) { return wg_slice(in[0], 0, 0, WG_END, 1); }
static wg_var call_concat(const wg_var *in) { return wg_concat(in, 3, 0); }
static wg_var call_mse(const wg_var *in) { return wg_mse(in[0], in[1], WG_MEAN); }
static wg_var call_apply(const wg_var *in)
{
    wg_tape *tape = in[0].tape ? in[0].tape : in[1].tape;
    return wg_apply(tape, wg_op_add(), in, 2, NULL, 0);
}
static wg_var call_precomputed(const wg_var *in)
{
    wg_tape *tape = in[0].tape ? in[0].tape : in[1].tape;
    return wg_precomputed(tape, 7, in, (double[]){1, 2}, 2);
}
static wg_status call_guard(const wg_var *in) { return wg_guard(in[0]); }
static wg_status call_backward(const wg_var *in) { return wg_backward(in[0]); }
static wg_status call_backward_from(const wg_var *in) { return wg_backward_from(in[0], &(double){1}); }
static wg_status call_retain_grad(const wg_var *in) { return wg_retain_grad(in[0]); }
static wg_status call_gradients(const wg_var *in) { return wg_gradients(in[0], in + 1, 2, (wg_var[2]){{0}}); }
static wg_status call_vjp(const wg_var *in) { return wg_vjp(in[0], in[1], in + 2, 1, (wg_var[1]){{0}}); }

#define UNARY(op)                                                                                                      \
    {                                                                                                                  \
        .name = #op, .n = 1, .unary = wg_##op                                                                          \
    }
#define BINARY(op)                                                                                                     \
    {                                                                                                                  \
        .name = #op, .n = 2, .binary = wg_##op                                                                         \
    }
static const function functions[] = {
    BINARY(add),
    BINARY(sub),
    BINARY(mul),
    BINARY(div),
    BINARY(pow),
    BINARY(maximum),
    BINARY(minimum),
    UNARY(neg),
    UNARY(square),
    UNARY(sqrt),
    UNARY(reciprocal),
    UNARY(abs),
    UNARY(exp),
    UNARY(expm1),
    UNARY(log),
    UNARY(log1p),
    UNARY(sin),
    UNARY(cos),
    UNARY(tanh),
    UNARY(sigmoid),
    UNARY(relu),
    UNARY(softplus),
    {.name = "where", .n = 3, .any = call_where},
    BINARY(equal),
    BINARY(not_equal),
    BINARY(less),
    BINARY(less_equal),
    BINARY(greater),
    BINARY(greater_equal),
    UNARY(sum),
    UNARY(mean),
    UNARY(max),
    UNARY(min),
    {.name = "sum", .n = 1, .any = call_sum_axes},
    {.name = "mean", .n = 1, .any = call_mean_axes},
    {.name = "max", .n = 1, .any = call_max_axes},
    {.name = "min", .n = 1, .any = call_min_axes},
    {.name = "reshape", .n = 1, .any = call_reshape, .moves = true},
    {.name = "transpose", .n = 1, .unary = wg_transpose, .moves = true},
    {.name = "permute", .n = 1, .any = call_permute, .moves = true},
    {.name = "broadcast_to", .n = 1, .any = call_broadcast_to, .moves = true},
    {.name = "sum_to", .n = 1, .any = call_sum_to},
    {.name = "slice", .n = 1, .any = call_slice, .moves = true},
    {.name = "concat", .n = 3, .any = call_concat, .moves = true}, /* mixing: tests/ops/test_index_vars.c */
    BINARY(matmul),
    {.name = "mse", .n = 2, .any = call_mse},
    UNARY(detach),
    {.name = "add", .n = 2, .any = call_apply},
    {.name = "precomputed", .n = 2, .any = call_precomputed},
    {.name = "guard", .n = 1, .status = call_guard},
    {.name = "wg_backward", .n = 1, .status = call_backward},
    {.name = "wg_backward_from", .n = 1, .status = call_backward_from},
    {.name = "wg_retain_grad", .n = 1, .status = call_retain_grad},
    {.name = "wg_gradients", .n = 3, .status = call_gradients},
    {.name = "wg_vjp", .n = 3, .status = call_vjp},
};
enum { FUNCTIONS = sizeof functions / sizeof *functions };

/* Calls it; whether it worked. What it returns must go with the tape. */
static bool call(const function *f, const wg_var *in, wg_tape *tape)
{
    if (f->status) return f->status(in) == WG_OK;
    wg_var y = f->unary ? f->unary(in[0]) : f->binary ? f->binary(in[0], in[1]) : f->any(in);
    assert_ptr_equal(y.tape, tape);
    return wg_ok(y);
}

/* The tapes and vars of a run. */
typedef struct stage {
    wg_tape *tape, *other;
    wg_var good[MOST];
} stage;

static stage stage_open(void)
{
    stage s = {.tape = new_tape(WG_F64), .other = new_tape(WG_F64)};
    for (size_t k = 0; k < MOST; k++)
        s.good[k] = wg_square(wg_variable(s.tape, WG_DIMS(1, 1), (double[]){(double)k + 1.5}));
    HEALTHY(s.tape);
    return s;
}

static void stage_close(stage *s)
{
    wg_tape_free(s->tape);
    wg_tape_free(s->other);
}

static void must_work(const function *f, const wg_var *in, wg_tape *tape)
{
    if (!call(f, in, tape)) print_error("%s\n", f->name);
    HEALTHY(tape);
}

/* The functions with bad in each position in turn, alone and next to good ones. other is another tape that gets the
 * error too, or NULL. */
static void refuse_all(stage *s, wg_var bad, wg_status status, wg_tape *other, bool holds_indices)
{
    for (size_t i = 0; i < FUNCTIONS; i++) {
        const function *f = &functions[i];
        if (f->moves && holds_indices) continue;
        for (size_t k = 0; k < f->n; k++) {
            wg_var in[MOST];
            memcpy(in, s->good, sizeof in);
            in[k] = bad;
            wg_tape *tape = k == 0 && bad.tape ? bad.tape : f->n > 1 ? s->tape : bad.tape;
            if (f->status && k == 0) tape = bad.tape;
            if (f->n == 1 && other) continue; /* one var cannot be of two tapes */
            size_t nodes = count_nodes(s->tape);
            bool worked = call(f, in, tape);
            if (worked || count_nodes(s->tape) != nodes) fail_msg("%s, position %zu: not refused", f->name, k + 1);
            char place[32];
            snprintf(place, sizeof place, "argument %zu", k + 1);
            bool places = !f->status && !other && f->n > 1;
            if (tape) EXPECT_ERROR(tape, status, f->name, places ? place : "");
            if (other && f->n > 1 && tape) EXPECT_ERROR(tape == other ? s->tape : other, status, f->name);
        }
        wg_mark mark = wg_tape_mark(s->tape);
        must_work(f, s->good, s->tape);
        assert_int_equal(wg_tape_rewind(s->tape, mark), WG_OK);
    }
}

static void refuse(stage *s, wg_var bad, wg_status status, wg_tape *other) { refuse_all(s, bad, status, other, false); }

static void none(void **state)
{
    (void)state;
    stage s = stage_open();
    refuse(&s, (wg_var){0}, WG_ERROR_ARGUMENT, NULL);
    stage_close(&s);
}

/* {0} alone: only the return value can tell. */
static void nothing_but_none(void **state)
{
    (void)state;
    const wg_var in[MOST] = {{0}};
    for (size_t i = 0; i < FUNCTIONS; i++)
        if (call(&functions[i], in, NULL)) fail_msg("%s worked on nothing", functions[i].name);
}

static void failed(void **state)
{
    (void)state;
    stage s = stage_open();
    wg_var bad = wg_reshape(s.good[0], WG_DIMS(5));
    EXPECT_ERROR(s.tape, WG_ERROR_SHAPE, "reshape");
    refuse(&s, bad, WG_ERROR_ARGUMENT, NULL);
    stage_close(&s);
}

static void two_tapes(void **state)
{
    (void)state;
    stage s = stage_open();
    wg_variable_raw(s.other, WG_DIMS(1, 1), NULL);
    wg_var bad = wg_variable_raw(s.other, WG_DIMS(1, 1), NULL);
    refuse(&s, bad, WG_ERROR_ARGUMENT, s.other);
    assert_int_equal(count_nodes(s.other), 2);
    HEALTHY(s.other);
    stage_close(&s);
}

/* Past the tape's end, and in the place of a var that was recorded after the rewind. */
static void dropped(void **state)
{
    (void)state;
    stage s = stage_open();
    wg_mark mark = wg_tape_mark(s.tape);
    wg_var bad = wg_exp(s.good[0]);
    assert_int_equal(wg_tape_rewind(s.tape, mark), WG_OK);
    refuse(&s, bad, WG_ERROR_ARGUMENT, NULL);
    wg_var replaced = wg_exp(s.good[0]);
    assert_int_equal(replaced.index, bad.index);
    refuse(&s, bad, WG_ERROR_ARGUMENT, NULL);
    stage_close(&s);
}

static void stale(void **state)
{
    (void)state;
    stage s = stage_open();
    wg_var x = wg_variable(s.tape, WG_DIMS(1, 1), (double[]){2}), bad = wg_square(x);
    assert_int_equal(wg_set_value(x, (double[]){3}), WG_OK);
    refuse(&s, bad, WG_ERROR_STALE, NULL);
    EXPECT_NUMBER(wg_item(x), 3);
    stage_close(&s);
}

static void indices(void **state)
{
    (void)state;
    stage s = stage_open();
    refuse_all(&s, wg_indices(s.tape, WG_DIMS(1, 1), NULL), WG_ERROR_ARGUMENT, NULL, true);
    stage_close(&s);
}

/* An index var of another shape: whichever is looked at first, nothing stays behind. */
static void indices_of_another_shape(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_var row = wg_variable_raw(tape, WG_DIMS(3), NULL), index = wg_indices(tape, WG_DIMS(3, 2), NULL);
    size_t nodes = count_nodes(tape);
    assert_false(wg_ok(wg_matmul(row, index)));
    EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "matmul");
    assert_int_equal(count_nodes(tape), nodes);
    wg_var w = wg_variable_raw(tape, WG_DIMS(3, 2), NULL), old = wg_exp(w);
    wg_set_value(w, (double[]){1, 2, 3, 4, 5, 6});
    nodes = count_nodes(tape);
    assert_false(wg_ok(wg_matmul(row, old)));
    EXPECT_ERROR(tape, WG_ERROR_STALE, "matmul");
    assert_int_equal(count_nodes(tape), nodes);
    wg_tape_free(tape);
}

/* On a tape in error every function does nothing, whatever it is given. */
static void on_a_tape_in_error(void **state)
{
    (void)state;
    stage s = stage_open();
    wg_var good_index = wg_indices(s.tape, WG_DIMS(1, 1), NULL);
    wg_var bad = wg_reshape(s.good[0], WG_DIMS(5));
    char first[600];
    snprintf(first, sizeof first, "%s", wg_tape_message(s.tape));
    size_t nodes = count_nodes(s.tape), allocations = count_allocations(s.tape);
    const wg_var given[] = {s.good[1], bad, good_index, {0}};
    for (size_t i = 0; i < FUNCTIONS; i++)
        for (size_t g = 0; g < sizeof given / sizeof *given; g++)
            for (size_t k = 0; k < functions[i].n; k++) {
                wg_var in[MOST];
                memcpy(in, s.good, sizeof in);
                in[k] = given[g];
                bool no_tape = !in[0].tape && (functions[i].n == 1 || functions[i].status);
                assert_false(call(&functions[i], in, no_tape ? NULL : s.tape));
            }
    assert_string_equal(wg_tape_message(s.tape), first);
    assert_int_equal(count_nodes(s.tape), nodes);
    assert_int_equal(count_allocations(s.tape), allocations);
    stage_close(&s);
}

/* With NULL for wrt's results nothing is written; otherwise every result of a failed call is invalid. */
static void results_of_failed_gradients(void **state)
{
    (void)state;
    stage s = stage_open();
    wg_var wrt[2] = {s.good[0], {0}}, out[2] = {s.good[1], s.good[2]};
    size_t nodes = count_nodes(s.tape);
    assert_int_equal(wg_gradients(s.good[0], wrt, 2, out), WG_ERROR_ARGUMENT);
    assert_false(wg_ok(out[0]) || wg_ok(out[1]));
    EXPECT_ERROR(s.tape, WG_ERROR_ARGUMENT, "wg_gradients");
    out[0] = out[1] = s.good[1];
    assert_int_equal(wg_vjp(s.good[0], wg_scalar(s.tape, 1), s.good, 2, out), WG_ERROR_SHAPE);
    assert_false(wg_ok(out[0]) || wg_ok(out[1]));
    EXPECT_ERROR(s.tape, WG_ERROR_SHAPE, "wg_vjp", "cotangent ()", "(1,1)");
    assert_int_equal(count_nodes(s.tape), nodes + 1);
    stage_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(none),
        cmocka_unit_test(nothing_but_none),
        cmocka_unit_test(failed),
        cmocka_unit_test(two_tapes),
        cmocka_unit_test(dropped),
        cmocka_unit_test(stale),
        cmocka_unit_test(indices),
        cmocka_unit_test(indices_of_another_shape),
        cmocka_unit_test(on_a_tape_in_error),
        cmocka_unit_test(results_of_failed_gradients),
    };
    return cmocka_run_group_tests_name("tape/error_operands", tests, NULL, NULL);
}
