/* The steady state: a loop that marks and rewinds, or replays, asks for no memory after its first rounds, whatever it
 * reads, names and retains; and what a sweep needs is bounded and known before it begins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "support/memory_probe.h"
#include "tape/work.h"

enum { WARM_UP = 2, ROUNDS = 30 };

static wg_stats stats_of(const wg_tape *tape)
{
    wg_stats stats;
    assert_int_equal(wg_tape_stats(tape, &stats), WG_OK);
    return stats;
}

/* After the warm-up, no allocation and not a byte more. */
static void steady(const wg_tape *tape, int round, wg_stats *warm)
{
    if (round < WARM_UP) return;
    if (round == WARM_UP) *warm = stats_of(tape);
    wg_stats now = stats_of(tape);
    assert_int_equal(now.allocations, warm->allocations);
    assert_int_equal(now.bytes_in_use, warm->bytes_in_use);
    assert_int_equal(now.nodes, warm->nodes);
}

static void mark_and_rewind(void **state)
{
    (void)state;
    for (int dtype = WG_F32; dtype <= WG_F64; dtype++) {
        wg_tape *tape = new_tape((wg_dtype)dtype);
        work_leaves leaves;
        double numbers[WORK_NUMBERS];
        wg_stats warm;
        assert_true(work_begin(tape, &leaves));
        wg_mark mark = wg_tape_mark(tape);
        for (int round = 0; round < WARM_UP + ROUNDS; round++) {
            assert_true(work(tape, &leaves, numbers));
            assert_int_equal(wg_tape_rewind(tape, mark), WG_OK);
            assert_int_equal(wg_zero_grad(tape), WG_OK);
            steady(tape, round, &warm);
        }
        HEALTHY(tape);
        wg_tape_free(tape);
    }
}

/* The whole tape, leaves included, from its beginning. */
static void rewind_to_the_beginning(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_mark start = wg_tape_mark(tape);
    wg_stats warm;
    for (int round = 0; round < WARM_UP + ROUNDS; round++) {
        work_leaves leaves;
        double numbers[WORK_NUMBERS];
        assert_true(work_begin(tape, &leaves) && work(tape, &leaves, numbers));
        assert_int_equal(wg_tape_rewind(tape, start), WG_OK);
        steady(tape, round, &warm);
    }
    wg_tape_free(tape);
}

static void replay(void **state)
{
    (void)state;
    for (int dtype = WG_F32; dtype <= WG_F64; dtype++) {
        wg_tape *tape = new_tape((wg_dtype)dtype);
        work_leaves leaves;
        double numbers[WORK_NUMBERS];
        wg_stats warm;
        assert_true(work_begin(tape, &leaves) && work(tape, &leaves, numbers));
        wg_var loss = wg_sum(wg_square(wg_mul(wg_transpose(leaves.w), leaves.s))), y = wg_mul(leaves.s, leaves.s);
        for (int round = 0; round < WARM_UP + ROUNDS; round++) {
            assert_true(work_replay(tape, &leaves));
            assert_int_equal(wg_backward(loss), WG_OK);
            assert_int_equal(wg_backward(y), WG_OK);
            assert_non_null(wg_value(y));
            assert_non_null(wg_value(loss));
            wg_retain_grad(wg_name(y, round % 2 ? "odd" : "even"));
            wg_name(loss, round % 2 ? NULL : "loss");
            assert_true(wg_grad_at(leaves.s, 0) > 0);
            assert_int_equal(wg_zero_grad(tape), WG_OK);
            steady(tape, round, &warm);
        }
        HEALTHY(tape);
        wg_tape_free(tape);
    }
}

/* Errors in the loop, each cleared, cost nothing either. */
static void errors_in_the_loop(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_var x = wg_name(wg_variable_raw(tape, WG_DIMS(30, 40), NULL), "x"), s = wg_scalar_variable(tape, 0);
    wg_mark mark = wg_tape_mark(tape);
    wg_stats warm;
    for (int round = 0; round < WARM_UP + ROUNDS; round++) {
        wg_var y = wg_exp(x), many[12];
        for (size_t k = 0; k < 12; k++) many[k] = k < 11 ? y : s;
        wg_backward(wg_sum(wg_matmul(y, x)));
        EXPECT_ERROR(tape, WG_ERROR_SHAPE, "matmul");
        wg_concat(many, 12, 0);
        EXPECT_ERROR(tape, WG_ERROR_SHAPE, "concat");
        wg_var detached = wg_precomputed(tape, 1, &s, (double[]){1}, 1), grad;
        wg_gradients(wg_mul(detached, wg_sum(y)), &s, 1, &grad);
        EXPECT_ERROR(tape, WG_ERROR_UNSUPPORTED, "precomputed");
        wg_guard(wg_equal(s, s));
        wg_set_value(s, (double[]){round});
        wg_tape_replay(tape);
        wg_tape_clear_error(tape);
        assert_int_equal(wg_tape_rewind(tape, mark), WG_OK);
        steady(tape, round, &warm);
    }
    wg_tape_free(tape);
}

/* A thousand steps hold what ten hold, on a tape whose steps differ: 1 to 13 layers, and a batch of 1 to 7. */
static void a_thousand_steps(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F32);
    wg_var w = wg_variable_raw(tape, WG_DIMS(16, 16), NULL);
    wg_mark mark = wg_tape_mark(tape);
    size_t warm = 0;
    for (int step = 0; step < 1000; step++) {
        int layers = step * 5 % 13 + 1, samples = step * 3 % 7 + 1;
        wg_var x = wg_constant_raw(tape, WG_DIMS(16, (size_t)samples), NULL);
        for (int layer = 0; layer < layers; layer++) x = wg_tanh(wg_add(wg_matmul(w, x), x));
        wg_var loss = wg_mean(wg_square(x));
        assert_int_equal(wg_backward(loss), WG_OK);
        EXPECT_NUMBER(wg_item(loss), 0);
        assert_int_equal(wg_tape_rewind(tape, mark), WG_OK);
        if (step == 13 * 7) warm = stats_of(tape).bytes_in_use; /* every pair has been met */
        if (step > 13 * 7) assert_int_equal(stats_of(tape).bytes_in_use, warm);
    }
    wg_tape_free(tape);
}

/* ---- what a sweep takes --------------------------------------------------------------------------------------------------------- */

/* A spent adjoint's memory is used again: a long chain needs a few, not one for each link. */
static void adjoints_are_reused(void **state)
{
    (void)state;
    enum { SIZE = 20000, LINKS = 300 };
    wg_tape *tape = new_tape(WG_F64);
    wg_var x = wg_variable_raw(tape, WG_DIMS(SIZE), NULL), y = x;
    for (int i = 0; i < LINKS; i++) y = wg_add(wg_sin(y), x);
    wg_var loss = wg_sum(y);
    size_t before = stats_of(tape).bytes_in_use;
    assert_int_equal(wg_backward(loss), WG_OK);
    assert_true(stats_of(tape).bytes_in_use - before < 16 * SIZE * sizeof(double));
    EXPECT_NUMBER(wg_grad_at(x, SIZE - 1), LINKS + 1); /* d/dx of f_n = sin f_(n-1) + x at 0 is n + 1 */
    wg_tape_free(tape);
}

/* Many views of one array take no memory for values, nor an array each for adjoints. */
static void views_take_no_array(void **state)
{
    (void)state;
    enum { SIZE = 20000, VIEWS = 400 };
    wg_tape *tape = new_tape(WG_F64);
    wg_var x = wg_variable_raw(tape, WG_DIMS(VIEWS, SIZE / VIEWS), NULL), base = wg_exp(x), sum = wg_scalar(tape, 0);
    size_t before = stats_of(tape).bytes_in_use;
    for (ptrdiff_t i = 0; i < VIEWS; i++) {
        wg_var row = wg_slice(wg_reshape(base, WG_DIMS(SIZE)), 0, i * (SIZE / VIEWS), (i + 1) * (SIZE / VIEWS), 1);
        sum = wg_add(sum, wg_max(row));
    }
    assert_int_equal(wg_backward(sum), WG_OK);
    assert_true(stats_of(tape).bytes_in_use - before < VIEWS * 2048 + 8 * SIZE * sizeof(double));
    EXPECT_NUMBER(wg_item(sum), VIEWS);
    HEALTHY(tape);
    wg_tape_free(tape);
}

/* A sweep without memory fails before it has touched a gradient: what an earlier sweep left is still there to read. */
static void a_sweep_takes_its_memory_first(void **state)
{
    (void)state;
    for (size_t n = 1, refused = 1; refused; n++) {
        memory_probe probe = {0};
        wg_tape *tape = new_tape_with((wg_tape_options){.dtype = WG_F64, .allocator = memory_probe_allocator(&probe)});
        wg_var x = wg_variable_raw(tape, WG_DIMS(30, 40), NULL), s = wg_scalar_variable(tape, 1);
        wg_var first = wg_add(wg_sum(x), s);
        assert_int_equal(wg_backward(first), WG_OK);
        wg_var y = wg_matmul(wg_exp(x), wg_transpose(wg_cos(x)));
        wg_var loss = wg_sum(wg_mul(wg_add(wg_sum(wg_square(y)), wg_max(y)), wg_mul(s, s)));
        HEALTHY(tape);
        probe.fail_at = probe.calls + n;
        probe.from_then_on = true;
        wg_status status = wg_backward(loss);
        refused = probe.refused;
        if (status != WG_OK) {
            EXPECT_ERROR(tape, WG_ERROR_MEMORY, "memory is exhausted");
            EXPECT_NUMBER(wg_grad_at(x, 1199), 1);
            EXPECT_NUMBER(wg_grad_at(s, 0), 1);
        }
        HEALTHY(tape);
        wg_tape_free(tape);
        memory_probe_end(&probe);
    }
}

/* A scalar op's node is 32 bytes beside its value, and its adjoint one number more. */
static void bytes_of_a_scalar(void **state)
{
    (void)state;
    enum { NODES = 1 << 16 };
    wg_tape *tape = new_tape(WG_F64);
    size_t empty = stats_of(tape).bytes_in_use;
    wg_var x = wg_scalar_variable(tape, 1);
    size_t with_a_leaf = stats_of(tape).bytes_in_use;
    for (wg_var y = x; count_nodes(tape) < NODES;) x = y = wg_neg(y);
    size_t recorded = stats_of(tape).bytes_in_use;
    assert_true(recorded - empty <= NODES * (32 + sizeof(double)) + (with_a_leaf - empty));
    assert_int_equal(wg_backward(x), WG_OK);
    assert_true(stats_of(tape).bytes_in_use - recorded <= NODES * sizeof(double) + 4096);
    wg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mark_and_rewind),
        cmocka_unit_test(rewind_to_the_beginning),
        cmocka_unit_test(replay),
        cmocka_unit_test(errors_in_the_loop),
        cmocka_unit_test(a_thousand_steps),
        cmocka_unit_test(adjoints_are_reused),
        cmocka_unit_test(views_take_no_array),
        cmocka_unit_test(a_sweep_takes_its_memory_first),
        cmocka_unit_test(bytes_of_a_scalar),
    };
    return cmocka_run_group_tests_name("tape/steady", tests, NULL, NULL);
}
