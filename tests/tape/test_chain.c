/* Chains of millions of nodes build, sweep and free in a thread that has 64 KiB of stack: nothing recurses. Values and
 * gradients come from closed forms. */
#define _POSIX_C_SOURCE 200809L /* pthreads, in strict C11 */

#include <float.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tape/expect.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SLOW_BUILD 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SLOW_BUILD 1
#endif
#endif

/* Sanitizers put guards around every variable. */
#ifdef SLOW_BUILD
enum { STACK = 512 * 1024 };
#else
enum { STACK = 64 * 1024 };
#endif

enum { SCALARS = 10000000, SWINGS = 2000000, ARRAYS = 1000000, MIXED = 300000, VIEWS = 1000000, TURNS = 200000 };

/* What a chain hands back to the thread that may use cmocka's assertions. */
typedef struct chain {
    char message[600];
    double value, grad[6];
    size_t nodes;
} chain;

/* ---- the small thread ---------------------------------------------------------------------------------------------------- */

typedef struct errand {
    void (*function)(wg_tape *tape, chain *c);
    chain *c;
} errand;

static void *chain_thread(void *user)
{
    errand *e = user;
    wg_tape *tape = wg_tape_new(WG_F64);
    if (tape) e->function(tape, e->c);
    snprintf(e->c->message, sizeof e->c->message, "%s", wg_tape_message(tape));
    wg_stats stats = {0};
    wg_tape_stats(tape, &stats);
    e->c->nodes = stats.nodes;
    wg_tape_free(tape);
    return NULL;
}

static void chain_run(void (*function)(wg_tape *tape, chain *c), chain *c)
{
    *c = (chain){.message = "not run"};
    errand e = {function, c};
    pthread_t thread;
    pthread_attr_t attributes;
    assert_int_equal(pthread_attr_init(&attributes), 0);
    assert_int_equal(pthread_attr_setstacksize(&attributes, STACK), 0);
    assert_int_equal(pthread_create(&thread, &attributes, chain_thread, &e), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    pthread_attr_destroy(&attributes);
    assert_string_equal(c->message, "");
}

/* ---- scalars ---------------------------------------------------------------------------------------------------------------- */

static const double growth = 1e-7;

/* y = x (1 + h)^n. */
static void chain_power(wg_tape *tape, chain *c)
{
    wg_var x = wg_scalar_variable(tape, 2), factor = wg_scalar(tape, 1 + growth), y = x;
    for (int i = 0; i < SCALARS; i++) y = wg_mul(y, factor);
    c->value = wg_item(y);
    wg_backward(y);
    c->grad[0] = wg_grad_at(x, 0);
}

static void power_of_ten_million(void **state)
{
    (void)state;
    chain c;
    chain_run(chain_power, &c);
    double h = (1 + growth) - 1, expected = exp(SCALARS * log1p(h)); /* h as the factor has it; 1 + growth is rounded */
    assert_int_equal(c.nodes, SCALARS + 2);
    /* n roundings of half a unit each, at most */
    assert_true(fabs(c.value / (2 * expected) - 1) < SCALARS * DBL_EPSILON);
    assert_true(fabs(c.grad[0] / expected - 1) < SCALARS * DBL_EPSILON);
}

/* y_k = x - y_(k-1), y_0 = x: x, 0, x, 0, ... All of them use x. */
static void chain_swing(wg_tape *tape, chain *c)
{
    wg_var x = wg_scalar_variable(tape, 1.5), y = x;
    for (int i = 0; i < SWINGS; i++) y = wg_sub(x, y);
    c->value = wg_item(y);
    wg_backward(y);
    c->grad[0] = wg_grad_at(x, 0);
    c->grad[1] = wg_tape_replay(tape) == WG_OK ? wg_item(y) : 0;
}

static void one_input_of_all(void **state)
{
    (void)state;
    chain c;
    chain_run(chain_swing, &c);
    assert_int_equal(c.nodes, SWINGS + 1);
    EXPECT_NUMBER(c.value, 1.5);
    EXPECT_NUMBER(c.grad[0], 1);
    EXPECT_NUMBER(c.grad[1], 1.5);
}

/* ---- arrays ------------------------------------------------------------------------------------------------------------------ */

/* y = x + x + ... */
static void chain_sum(wg_tape *tape, chain *c)
{
    wg_var x = wg_variable(tape, WG_DIMS(2), (double[]){3, -5}), y = x;
    for (int i = 0; i < ARRAYS; i++) y = wg_add(y, x);
    c->value = wg_at(y, 1);
    wg_backward_from(y, (double[]){1, 2});
    for (size_t k = 0; k < 2; k++) c->grad[k] = wg_grad_at(x, k);
}

static void a_million_arrays(void **state)
{
    (void)state;
    chain c;
    chain_run(chain_sum, &c);
    assert_int_equal(c.nodes, ARRAYS + 1);
    EXPECT_NUMBER(c.value, -5.0 * (ARRAYS + 1));
    EXPECT_NUMBER(c.grad[0], ARRAYS + 1);
    EXPECT_NUMBER(c.grad[1], 2.0 * (ARRAYS + 1));
}

/* v - mean(v) again and again: (a, b) becomes (d, -d) with d = (a - b) / 2, and stays. */
static void chain_centre(wg_tape *tape, chain *c)
{
    wg_var x = wg_variable(tape, WG_DIMS(2), (double[]){7, 3}), y = x;
    for (int i = 0; i < MIXED; i++) y = wg_sub(y, wg_mul(wg_mean(y), wg_scalar(tape, 1)));
    c->value = wg_at(y, 0);
    wg_backward_from(y, (double[]){1, 0});
    for (size_t k = 0; k < 2; k++) c->grad[k] = wg_grad_at(x, k);
}

static void arrays_and_scalars_in_turn(void **state)
{
    (void)state;
    chain c;
    chain_run(chain_centre, &c);
    assert_int_equal(c.nodes, 4 * MIXED + 1);
    EXPECT_NUMBER(c.value, 2);
    EXPECT_NUMBER(c.grad[0], 0.5);
    EXPECT_NUMBER(c.grad[1], -0.5);
}

/* ---- views and transposes --------------------------------------------------------------------------------------------------------- */

static void chain_views(wg_tape *tape, chain *c)
{
    wg_var x = wg_variable(tape, WG_DIMS(3, 2), (double[]){1, 2, 3, 4, 5, 6}), y = wg_slice(x, 0, 1, 3, 1);
    for (int i = 0; i < VIEWS; i++)
        y = i % 3 == 0   ? wg_reshape(y, WG_DIMS(4))
            : i % 3 == 1 ? wg_slice(y, 0, 0, 4, 1)
                         : wg_reshape(y, WG_DIMS(2, 2));
    c->value = wg_at(y, 3);
    wg_backward_from(y, (double[]){10, 20, 30, 40});
    for (size_t k = 0; k < 6; k++) c->grad[k] = wg_grad_at(x, k);
}

static void views_of_views(void **state)
{
    (void)state;
    chain c;
    chain_run(chain_views, &c);
    assert_int_equal(c.nodes, VIEWS + 2);
    EXPECT_NUMBER(c.value, 6);
    for (int k = 0; k < 6; k++) EXPECT_NUMBER(c.grad[k], k < 2 ? 0 : 10 * (k - 1));
}

/* A transpose and a reshape to the shape before it, repeated, permute the elements; four such steps of a (2,3) array are
 * the identity: the permutation of six places k -> 2k mod 5 (its ends stay) has order 4. */
static void chain_turns(wg_tape *tape, chain *c)
{
    wg_var x = wg_variable(tape, WG_DIMS(2, 3), (double[]){1, 2, 3, 4, 5, 6}), y = x;
    for (int i = 0; i < TURNS; i++) y = wg_reshape(wg_transpose(y), WG_DIMS(2, 3));
    for (int i = 0; i < TURNS; i++) y = wg_transpose(y);
    c->value = wg_at(y, 4);
    wg_backward_from(y, (double[]){10, 20, 30, 40, 50, 60});
    for (size_t k = 0; k < 6; k++) c->grad[k] = wg_grad_at(x, k);
}

static void transposes_and_reshapes(void **state)
{
    (void)state;
    chain c;
    chain_run(chain_turns, &c);
    assert_int_equal(c.nodes, 3 * TURNS + 1);
    assert_int_equal(TURNS % 4, 0);
    EXPECT_NUMBER(c.value, 5);
    for (int k = 0; k < 6; k++) EXPECT_NUMBER(c.grad[k], 10 * (k + 1));
}

/* ---- recorded derivatives ------------------------------------------------------------------------------------------------------------ */

/* y = x^n by n - 1 products; its recorded first and second derivatives at 1 are n and n (n - 1). */
static void chain_derivatives(wg_tape *tape, chain *c)
{
    wg_var x = wg_scalar_variable(tape, 1), y = x, first = {0}, second = {0};
    for (int i = 1; i < TURNS; i++) y = wg_mul(y, x);
    wg_gradients(y, &x, 1, &first);
    c->value = wg_item(first);
    wg_gradients(first, &x, 1, &second);
    c->grad[0] = wg_item(second);
    wg_backward(second);
    c->grad[1] = wg_grad_at(x, 0);
}

static void derivatives_of_a_chain(void **state)
{
    (void)state;
    chain c;
    const double n = TURNS;
    chain_run(chain_derivatives, &c);
    EXPECT_NUMBER(c.value, n);
    EXPECT_NUMBER(c.grad[0], n * (n - 1));
    EXPECT_NUMBER(c.grad[1], n * (n - 1) * (n - 2)); /* sums of integers below 2^53 on the way */
}

/* Marked, rewound and recorded again: the rewind is as long as the chain, and no deeper. */
static void chain_rewind(wg_tape *tape, chain *c)
{
    wg_var x = wg_variable(tape, WG_DIMS(2), (double[]){3, -5});
    wg_mark mark = wg_tape_mark(tape);
    for (int round = 0; round < 3; round++) {
        wg_var y = x;
        if (wg_tape_rewind(tape, mark) != WG_OK) return;
        for (int i = 0; i < MIXED; i++) y = wg_name(wg_neg(y), "y");
        for (int i = 0; i < MIXED; i++) wg_retain_grad(wg_reshape(wg_max(y), WG_DIMS(1)));
        c->value = wg_at(y, 0);
        wg_backward(wg_sum(y));
    }
    wg_tape_rewind(tape, mark);
    for (size_t k = 0; k < 2; k++) c->grad[k] = wg_grad_at(x, k);
}

static void rewinding_a_chain(void **state)
{
    (void)state;
    chain c;
    chain_run(chain_rewind, &c);
    assert_int_equal(c.nodes, 1);
    EXPECT_NUMBER(c.value, 3);
    EXPECT_NUMBER(c.grad[0], 3);
    EXPECT_NUMBER(c.grad[1], 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(power_of_ten_million),
        cmocka_unit_test(one_input_of_all),
        cmocka_unit_test(a_million_arrays),
        cmocka_unit_test(arrays_and_scalars_in_turn),
        cmocka_unit_test(views_of_views),
        cmocka_unit_test(transposes_and_reshapes),
        cmocka_unit_test(derivatives_of_a_chain),
        cmocka_unit_test(rewinding_a_chain),
    };
    return cmocka_run_group_tests_name("tape/chain", tests, NULL, NULL);
}
