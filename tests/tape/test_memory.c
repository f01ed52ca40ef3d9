/* A tape's memory seen from outside: the caller's allocator, one fixed buffer, a limit, and every allocation failing in
 * turn over a program of all sorts (work.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "support/memory_probe.h"
#include "tape/work.h"

/* What the work gives on a tape that lacks nothing. */
static void expected_numbers(wg_dtype dtype, double *numbers)
{
    wg_tape *tape = new_tape(dtype);
    work_leaves leaves;
    assert_true(work_begin(tape, &leaves));
    if (!work(tape, &leaves, numbers)) print_error("%s\n", wg_tape_message(tape));
    HEALTHY(tape);
    EXPECT_NUMBER(numbers[1], 2);
    wg_tape_free(tape);
}

static void same_numbers(const double *got, const double *expected)
{
    for (size_t i = 0; i < WORK_NUMBERS; i++) EXPECT_NUMBER(got[i], expected[i]);
}

/* The leaves, which must live as long as the tape, the work, a replay, and all of it again after a rewind. */
static bool whole_work(wg_tape *tape, work_leaves *leaves, double *numbers)
{
    if (!work_begin(tape, leaves)) return false;
    wg_mark mark = wg_tape_mark(tape);
    for (int round = 0; round < 2; round++) {
        if (wg_tape_rewind(tape, mark) != WG_OK || wg_zero_grad(tape) != WG_OK) return false;
        if (!work(tape, leaves, numbers) || !work_replay(tape, leaves)) return false;
    }
    return true;
}

/* ---- the caller's allocator ------------------------------------------------------------------------------------------------ */

/* The probe checks sizes, alignment and the bytes around each block. */
static void own_allocator(void **state)
{
    (void)state;
    for (int dtype = WG_F32; dtype <= WG_F64; dtype++) {
        double expected[WORK_NUMBERS], numbers[WORK_NUMBERS];
        work_leaves leaves;
        expected_numbers((wg_dtype)dtype, expected);
        memory_probe probe = {0};
        wg_tape *tape =
            new_tape_with((wg_tape_options){.dtype = (wg_dtype)dtype, .allocator = memory_probe_allocator(&probe)});
        assert_true(whole_work(tape, &leaves, numbers));
        same_numbers(numbers, expected);
        wg_stats stats;
        assert_int_equal(wg_tape_stats(tape, &stats), WG_OK);
        assert_int_equal(stats.bytes_in_use, probe.bytes);
        assert_int_equal(stats.bytes_peak, probe.peak);
        assert_int_equal(stats.allocations, probe.calls);
        wg_tape_free(tape);
        memory_probe_end(&probe);
    }
}

/* ---- every allocation failing in turn ------------------------------------------------------------------------------------------ */

/* One failure; false when there was none to come. */
static bool fail_once(wg_dtype dtype, memory_probe probe, const double *expected)
{
    double numbers[WORK_NUMBERS];
    work_leaves leaves;
    wg_status why = WG_OK;
    size_t fail_at = probe.fail_at;
    wg_tape_options options = {.dtype = dtype, .allocator = memory_probe_allocator(&probe)};
    wg_tape *tape = wg_tape_new_with(&options, &why);
    if (!tape) {
        assert_int_equal(why, WG_ERROR_MEMORY);
        memory_probe_end(&probe);
        return true;
    }
    wg_mark start = wg_tape_mark(tape);
    bool worked = whole_work(tape, &leaves, numbers), failed = probe.calls >= fail_at;
    probe.fail_at = 0;
    if (!worked) {
        assert_true(failed);
        EXPECT_ERROR(tape, WG_ERROR_MEMORY, "memory is exhausted");
        assert_int_equal(wg_zero_grad(tape), WG_OK);
        assert_int_equal(wg_tape_rewind(tape, start), WG_OK);
        if (!whole_work(tape, &leaves, numbers)) print_error("%s\n", wg_tape_message(tape));
        HEALTHY(tape);
    }
    same_numbers(numbers, expected);
    wg_tape_free(tape);
    memory_probe_end(&probe);
    return failed;
}

static void failing_in_turn(void **state)
{
    (void)state;
    for (int dtype = WG_F32; dtype <= WG_F64; dtype++)
        for (int from_then_on = 0; from_then_on < 2; from_then_on++) {
            double expected[WORK_NUMBERS];
            expected_numbers((wg_dtype)dtype, expected);
            size_t n = 1;
            while (fail_once((wg_dtype)dtype, (memory_probe){.fail_at = n, .from_then_on = from_then_on}, expected))
                n++;
            assert_true(n > 10);
            print_message("%s: %zu allocations, each made to fail%s\n", dtype == WG_F64 ? "F64" : "F32", n - 1,
                from_then_on ? " with all that follow" : "");
        }
}

/* The work again on the same tape, one more allocation allowed each time: it is never worn out by failures. */
static void failing_on_one_tape(void **state)
{
    (void)state;
    double expected[WORK_NUMBERS], numbers[WORK_NUMBERS];
    expected_numbers(WG_F64, expected);
    memory_probe probe = {0};
    wg_tape *tape = new_tape_with((wg_tape_options){.dtype = WG_F64, .allocator = memory_probe_allocator(&probe)});
    work_leaves leaves;
    assert_true(work_begin(tape, &leaves));
    wg_mark mark = wg_tape_mark(tape);
    size_t failures = 0;
    for (bool worked = false; !worked; failures += !worked) {
        probe.fail_at = probe.calls + 1;
        probe.from_then_on = true;
        worked = work(tape, &leaves, numbers) && work_replay(tape, &leaves);
        probe.fail_at = 0;
        if (worked) break;
        EXPECT_ERROR(tape, WG_ERROR_MEMORY, "memory is exhausted");
        assert_int_equal(wg_tape_rewind(tape, mark), WG_OK);
        assert_int_equal(wg_zero_grad(tape), WG_OK);
        for (size_t k = 0; k < 12; k++) EXPECT_NUMBER(wg_at(leaves.w, k), (double)k + 1);
        probe.fail_at = probe.calls + 2; /* one more than before */
        if (work(tape, &leaves, numbers)) work_replay(tape, &leaves);
        probe.fail_at = 0;
        wg_tape_clear_error(tape);
        assert_int_equal(wg_tape_rewind(tape, mark), WG_OK);
        assert_int_equal(wg_zero_grad(tape), WG_OK);
        assert_true(failures < 10000);
    }
    assert_true(failures > 3);
    same_numbers(numbers, expected);
    wg_tape_free(tape);
    memory_probe_end(&probe);
}

/* An op that has failed for want of memory has recorded nothing. */
static void failed_ops_leave_no_node(void **state)
{
    (void)state;
    for (int which = 0; which < 8; which++)
        for (size_t n = 1, failed = 1; failed; n++) {
            memory_probe probe = {0};
            wg_tape *tape =
                new_tape_with((wg_tape_options){.dtype = WG_F64, .allocator = memory_probe_allocator(&probe)});
            wg_var x = wg_variable_raw(tape, WG_DIMS(40, 40), NULL), row = wg_variable_raw(tape, WG_DIMS(40), NULL);
            wg_var t = wg_transpose(x), many[12];
            for (size_t k = 0; k < 12; k++) many[k] = x;
            size_t nodes = count_nodes(tape);
            probe.fail_at = probe.calls + n;
            probe.from_then_on = true;
            wg_var y = which == 0   ? wg_exp(x)
                       : which == 1 ? wg_matmul(row, x)
                       : which == 2 ? wg_mul(t, x)
                       : which == 3 ? wg_concat(many, 12, 0)
                       : which == 4 ? wg_variable_raw(tape, WG_DIMS(50, 50), NULL)
                       : which == 5 ? wg_sum_axes(x, WG_AXES(0), true)
                       : which == 6 ? wg_transpose(t)
                                    : wg_sum_to(wg_broadcast_to(x, WG_DIMS(3, 40, 40)), WG_DIMS(40, 1));
            failed = probe.refused;
            if (!wg_ok(y)) {
                assert_true(count_nodes(tape) <= nodes + (which == 7)); /* which is two ops */
                EXPECT_ERROR(tape, WG_ERROR_MEMORY, "memory is exhausted");
            } else {
                HEALTHY(tape);
            }
            wg_tape_free(tape);
            memory_probe_end(&probe);
        }
}

/* ---- one fixed buffer ------------------------------------------------------------------------------------------------------------ */

enum { AROUND = 128 };

/* The work in a buffer of some size and alignment; nothing outside of it is written. True when it was large enough. */
static bool in_a_buffer(wg_dtype dtype, unsigned char *memory, size_t shift, size_t size, const double *expected)
{
    double numbers[WORK_NUMBERS];
    work_leaves leaves;
    memset(memory, 0xA5, AROUND + shift);
    memset(memory + AROUND + shift, 0xFF, size);
    memset(memory + AROUND + shift + size, 0xA5, AROUND);
    wg_tape_options options = {.dtype = dtype, .buffer = memory + AROUND + shift, .buffer_size = size};
    wg_status why;
    wg_tape *tape = wg_tape_new_with(&options, &why);
    bool worked = tape && whole_work(tape, &leaves, numbers);
    assert_int_equal(why, tape ? WG_OK : WG_ERROR_MEMORY);
    if (worked) same_numbers(numbers, expected);
    if (tape && !worked) {
        EXPECT_ERROR(tape, WG_ERROR_MEMORY, "the buffer is exhausted");
        assert_int_equal(wg_zero_grad(tape), WG_OK);
        wg_mark start = {tape, 0, 0};
        assert_int_equal(wg_tape_rewind(tape, start), WG_OK);
        wg_var x = wg_scalar(tape, 3);
        if (wg_ok(x)) EXPECT_NUMBER(wg_item(x), 3);
    }
    wg_stats stats;
    if (tape) assert_int_equal(wg_tape_stats(tape, &stats), WG_OK);
    if (tape) assert_true(stats.bytes_peak <= size);
    wg_tape_free(tape);
    for (size_t i = 0; i < AROUND + shift; i++) assert_int_equal(memory[i], 0xA5);
    for (size_t i = 0; i < AROUND; i++) assert_int_equal(memory[AROUND + shift + size + i], 0xA5);
    return worked;
}

static void fixed_buffer(void **state)
{
    (void)state;
    enum { LARGEST = 1 << 20 };
    unsigned char *memory = malloc(LARGEST + 3 * AROUND);
    assert_non_null(memory);
    for (int dtype = WG_F32; dtype <= WG_F64; dtype++) {
        double expected[WORK_NUMBERS];
        expected_numbers((wg_dtype)dtype, expected);
        for (size_t shift = 0; shift < 64; shift += 7)
            assert_true(in_a_buffer((wg_dtype)dtype, memory, shift, LARGEST - shift, expected));
        size_t size = 0, too_small = 0, large_enough = 0;
        for (; size < LARGEST / 4; size += size / 50 + 61) {
            bool worked = in_a_buffer((wg_dtype)dtype, memory, size % 64, size, expected);
            too_small += !worked;
            large_enough += worked;
        }
        assert_true(too_small > 20 && large_enough > 20);
    }
    free(memory);
}

/* A tape in a buffer does as many steps as one likes. */
static void steps_in_a_buffer(void **state)
{
    (void)state;
    const size_t size = 1 << 19;
    char *buffer = malloc(size);
    assert_non_null(buffer);
    double expected[WORK_NUMBERS], numbers[WORK_NUMBERS];
    expected_numbers(WG_F64, expected);
    for (int life = 0; life < 3; life++) { /* and the buffer serves again */
        wg_tape *tape = new_tape_with((wg_tape_options){.dtype = WG_F64, .buffer = buffer, .buffer_size = size});
        work_leaves leaves;
        assert_true(work_begin(tape, &leaves));
        wg_mark mark = wg_tape_mark(tape);
        for (int step = 0; step < 50; step++) {
            assert_true(work(tape, &leaves, numbers));
            same_numbers(numbers, expected);
            assert_int_equal(wg_tape_rewind(tape, mark), WG_OK);
            assert_int_equal(wg_zero_grad(tape), WG_OK);
        }
        wg_tape_free(tape);
    }
    free(buffer);
}

/* ---- a limit ---------------------------------------------------------------------------------------------------------------------- */

static void memory_limit(void **state)
{
    (void)state;
    double expected[WORK_NUMBERS], numbers[WORK_NUMBERS];
    expected_numbers(WG_F64, expected);
    size_t refused = 0, enough = 0;
    for (size_t limit = 64; limit < 1 << 18; limit += limit / 40 + 64) {
        memory_probe probe = {0};
        work_leaves leaves;
        wg_status why;
        wg_tape_options options = {.dtype = WG_F64, .memory_limit = limit, .allocator = memory_probe_allocator(&probe)};
        wg_tape *tape = wg_tape_new_with(&options, &why);
        assert_int_equal(why, tape ? WG_OK : WG_ERROR_MEMORY);
        bool worked = tape && whole_work(tape, &leaves, numbers);
        assert_true(probe.peak <= limit);
        if (worked) same_numbers(numbers, expected);
        if (tape && !worked) {
            EXPECT_ERROR(tape, WG_ERROR_MEMORY, "the memory limit is exhausted");
            assert_int_equal(wg_tape_rewind(tape, (wg_mark){tape, 0, 0}), WG_OK);
            HEALTHY(tape);
        }
        refused += !worked;
        enough += worked;
        wg_tape_free(tape);
        memory_probe_end(&probe);
    }
    assert_true(refused > 20 && enough > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_allocator),
        cmocka_unit_test(failing_in_turn),
        cmocka_unit_test(failing_on_one_tape),
        cmocka_unit_test(failed_ops_leave_no_node),
        cmocka_unit_test(fixed_buffer),
        cmocka_unit_test(steps_in_a_buffer),
        cmocka_unit_test(memory_limit),
    };
    return cmocka_run_group_tests_name("tape/memory", tests, NULL, NULL);
}
