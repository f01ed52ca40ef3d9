/* Different tapes in different threads don't know of each other: each gives the bits that it gives alone. ThreadSanitizer
 * sees any state that they would share. */
#define _POSIX_C_SOURCE 200809L /* pthreads, in strict C11 */

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tape/expect.h"

enum { THREADS = 4, STEPS = 25, HIDDEN = 33, INPUTS = 20, SAMPLES = 17, OUT = 1 + INPUTS * HIDDEN };

/* One thread's training run, and what came of it. */
typedef struct job {
    wg_dtype dtype;
    uint64_t seed;
    wg_status status;
    bool error_seen; /* each makes an error of its own on the way */
    double out[OUT];
} job;

static double job_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 40) / (1 << 24) * 2 - 1;
}

static wg_var job_array(wg_tape *tape, uint64_t *state, wg_shape shape, bool variable)
{
    double numbers[HIDDEN * INPUTS];
    for (size_t i = 0; i < shape.dim[0] * shape.dim[1]; i++) numbers[i] = job_random(state);
    return variable ? wg_variable(tape, shape, numbers) : wg_constant(tape, shape, numbers);
}

static void *job_run(void *user)
{
    job *j = user;
    uint64_t random = j->seed;
    wg_tape *tape = wg_tape_new(j->dtype);
    wg_var w = job_array(tape, &random, WG_DIMS(HIDDEN, INPUTS), true);
    wg_var v = job_array(tape, &random, WG_DIMS(1, HIDDEN), true);
    wg_mark mark = wg_tape_mark(tape);
    for (int step = 0; step < STEPS; step++) {
        wg_var x = job_array(tape, &random, WG_DIMS(INPUTS, SAMPLES), false);
        wg_var y = job_array(tape, &random, WG_DIMS(1, SAMPLES), false);
        wg_matmul(x, wg_name(w, "w"));
        j->error_seen = wg_tape_status(tape) == WG_ERROR_SHAPE && strstr(wg_tape_message(tape), "w (33,20)");
        wg_tape_clear_error(tape);
        wg_var loss = wg_mse(wg_matmul(v, wg_tanh(wg_matmul(w, x))), y, WG_BATCH_MEAN);
        wg_zero_grad(tape);
        wg_backward(wg_add(loss, wg_log1p(wg_mul(loss, loss))));
        j->out[0] = wg_item(loss);
        double numbers[HIDDEN * INPUTS];
        for (size_t i = 0; i < HIDDEN * INPUTS; i++) numbers[i] = wg_at(w, i) - 0.01 * wg_grad_at(w, i);
        wg_set_value(w, numbers);
        wg_tape_rewind(tape, mark);
    }
    for (size_t i = 0; i < HIDDEN * INPUTS; i++) j->out[1 + i] = wg_at(w, i);
    j->status = wg_tape_status(tape);
    wg_tape_free(tape);
    return NULL;
}

static void independent(void **state)
{
    (void)state;
    static job together[THREADS], alone[THREADS];
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        together[i] = (job){.dtype = i % 2 ? WG_F64 : WG_F32, .seed = i + 1, .status = WG_ERROR_GUARD};
        alone[i] = together[i];
    }
    for (size_t i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&threads[i], NULL, job_run, &together[i]), 0);
    for (size_t i = 0; i < THREADS; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (size_t i = 0; i < THREADS; i++) job_run(&alone[i]);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(together[i].status, WG_OK);
        assert_true(together[i].error_seen && alone[i].error_seen);
        assert_memory_equal(together[i].out, alone[i].out, sizeof alone[i].out);
        assert_true(together[i].out[0] > 0);
    }
    assert_memory_not_equal(together[0].out, together[2].out, sizeof together[0].out);
}

/* A tape may go from thread to thread, one at a time. */
static void *step_of_a_journey(void *user)
{
    wg_var x = *(const wg_var *)user;
    return wg_backward(wg_sum(wg_square(x))) == WG_OK ? user : NULL;
}

static void a_tape_that_travels(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(3), (double[]){1, 2, 3});
    for (int i = 1; i <= 3; i++) {
        pthread_t thread;
        void *done = NULL;
        assert_int_equal(pthread_create(&thread, NULL, step_of_a_journey, &x), 0);
        assert_int_equal(pthread_join(thread, &done), 0);
        assert_ptr_equal(done, &x);
        EXPECT_NUMBER(wg_grad_at(x, 2), 6 * i);
    }
    wg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(independent),
        cmocka_unit_test(a_tape_that_travels),
    };
    return cmocka_run_group_tests_name("tape/threads", tests, NULL, NULL);
}
