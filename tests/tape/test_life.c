/* A tape's life: options, dtype, version, status names, stats, and NULL wherever a pointer can be. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "support/memory_probe.h"
#include "tape/expect.h"
#include "tape/list.h"

static void version(void **state)
{
    (void)state;
    char text[40];
    snprintf(text, sizeof text, "%d.%d.%d", WG_VERSION_MAJOR, WG_VERSION_MINOR, WG_VERSION_PATCH);
    assert_string_equal(WG_VERSION, text);
    assert_string_equal(wg_version(), text);
}

static void status_names(void **state)
{
    (void)state;
    assert_int_equal(WG_OK, 0);
#define NAMED(status) assert_string_equal(wg_status_name(status), #status)
    NAMED(WG_OK);
    NAMED(WG_ERROR_ARGUMENT);
    NAMED(WG_ERROR_SHAPE);
    NAMED(WG_ERROR_STALE);
    NAMED(WG_ERROR_MEMORY);
    NAMED(WG_ERROR_NONFINITE);
    NAMED(WG_ERROR_UNSUPPORTED);
    NAMED(WG_ERROR_GUARD);
#undef NAMED
    const int unknown[] = {WG_ERROR_GUARD + 1, 99, INT_MAX};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        assert_string_equal(wg_status_name((wg_status)unknown[i]), "unknown status");
}

static void a_new_tape(void **state)
{
    (void)state;
    for (int dtype = WG_F32; dtype <= WG_F64; dtype++) {
        wg_tape *tape = new_tape((wg_dtype)dtype);
        assert_int_equal(wg_tape_dtype(tape), dtype);
        HEALTHY(tape);
        assert_string_equal(wg_tape_message(tape), "");
        wg_stats stats;
        assert_int_equal(wg_tape_stats(tape, &stats), WG_OK);
        assert_int_equal(stats.nodes, 0);
        assert_true(stats.bytes_in_use > 0 && stats.allocations > 0);
        assert_int_equal(stats.bytes_peak, stats.bytes_in_use);
        assert_int_equal(wg_zero_grad(tape), WG_OK);
        assert_int_equal(wg_tape_replay(tape), WG_OK);
        assert_int_equal(wg_tape_rewind(tape, wg_tape_mark(tape)), WG_OK);
        wg_tape_free(tape);
    }
}

static void default_options(void **state)
{
    (void)state;
    wg_status why = WG_ERROR_GUARD;
    wg_tape *tape = wg_tape_new_with(NULL, &why);
    assert_non_null(tape);
    assert_int_equal(why, WG_OK);
    assert_int_equal(wg_tape_dtype(tape), WG_F32);
    wg_tape_free(tape);
    tape = wg_tape_new_with(NULL, NULL);
    assert_non_null(tape);
    wg_tape_free(tape);
    wg_tape_options options = {.dtype = WG_F64, .threads = 3};
    tape = wg_tape_new_with(&options, NULL);
    assert_int_equal(wg_tape_dtype(tape), WG_F64);
    wg_tape_free(tape);
}

/* The set that the tape's kernels use; one that the machine lacks is refused, as other options are. */
static void instructions(void **state)
{
    (void)state;
    wg_tape *best = wg_tape_new(WG_F32);
    assert_int_equal(best->isa, wg_kernel_isa());
    wg_tape_free(best);
    for (int set = WG_INSTRUCTIONS_BASELINE; set <= WG_INSTRUCTIONS_AVX512; set++) {
        wg_isa isa = set == WG_INSTRUCTIONS_BASELINE ? WG_ISA_BASELINE
                     : set == WG_INSTRUCTIONS_AVX2   ? WG_ISA_AVX2
                                                     : WG_ISA_AVX512;
        wg_tape_options options = {.instructions = (wg_instructions)set};
        wg_status why = WG_ERROR_GUARD;
        wg_tape *tape = wg_tape_new_with(&options, &why);
        assert_int_equal(tape != NULL, wg_kernel_isa_runs(isa));
        assert_int_equal(why, tape ? WG_OK : WG_ERROR_ARGUMENT);
        if (tape) assert_int_equal(tape->isa, isa);
        wg_tape_free(tape);
    }
}

static void refused_options(void **state)
{
    (void)state;
    memory_probe probe = {0};
    wg_allocator whole = memory_probe_allocator(&probe), takes = whole, gives = whole;
    takes.release = NULL;
    gives.allocate = NULL;
    static char buffer[4096];
    const wg_tape_options refused[] = {
        {.dtype = (wg_dtype)7},
        {.allocator = takes},
        {.allocator = gives},
        {.allocator = whole, .buffer = buffer, .buffer_size = sizeof buffer},
        {.buffer_size = 4096},
        {.instructions = (wg_instructions)99},
        {.instructions = (wg_instructions)-1},
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        wg_status why = WG_OK;
        assert_null(wg_tape_new_with(&refused[i], &why));
        assert_int_equal(why, WG_ERROR_ARGUMENT);
        assert_null(wg_tape_new_with(&refused[i], NULL));
    }
    memory_probe_end(&probe);
    assert_int_equal(probe.calls, 0);
}

static void no_memory_for_a_tape(void **state)
{
    (void)state;
    static char buffer[4096];
    const wg_tape_options small[] = {
        {.memory_limit = 1},
        {.memory_limit = 256},
        {.buffer = buffer},
        {.buffer = buffer, .buffer_size = 100},
    };
    for (size_t i = 0; i < sizeof small / sizeof *small; i++) {
        wg_status why = WG_OK;
        assert_null(wg_tape_new_with(&small[i], &why));
        assert_int_equal(why, WG_ERROR_MEMORY);
    }
    size_t n = 0, refused;
    do { /* a block that is smaller than wished for may do */
        memory_probe probe = {.fail_at = ++n};
        wg_status why = WG_ERROR_GUARD;
        wg_tape_options options = {.allocator = memory_probe_allocator(&probe)};
        wg_tape *tape = wg_tape_new_with(&options, &why);
        assert_int_equal(why, tape ? WG_OK : WG_ERROR_MEMORY);
        refused = probe.refused;
        wg_tape_free(tape);
        memory_probe_end(&probe);
    } while (refused);
    assert_true(n > 2);
}

static void stats_count(void **state)
{
    (void)state;
    memory_probe probe = {0};
    wg_tape *tape = new_tape_with((wg_tape_options){.dtype = WG_F64, .allocator = memory_probe_allocator(&probe)});
    wg_mark start = wg_tape_mark(tape);
    wg_var x = wg_variable_raw(tape, WG_DIMS(100, 100), NULL), y = wg_exp(x);
    wg_sum(y);
    wg_stats stats;
    assert_int_equal(wg_tape_stats(tape, &stats), WG_OK);
    assert_int_equal(stats.nodes, 3);
    assert_int_equal(stats.bytes_in_use, probe.bytes);
    assert_int_equal(stats.bytes_peak, probe.peak);
    assert_int_equal(stats.allocations, probe.calls);
    assert_true(stats.bytes_in_use >= 3 * 100 * 100 * sizeof(double));
    assert_int_equal(wg_tape_rewind(tape, start), WG_OK);
    assert_int_equal(count_nodes(tape), 0);
    HEALTHY(tape);
    wg_tape_free(tape);
    memory_probe_end(&probe);
}

/* Of a tape that is NULL there is nothing to be had, and no harm. */
static void null_tapes(void **state)
{
    (void)state;
    wg_stats stats;
    double two[2] = {1, 2};
    float one[1] = {1};
    wg_tape_free(NULL);
    wg_tape_clear_error(NULL);
    assert_int_equal(wg_tape_dtype(NULL), WG_F32);
    assert_int_equal(wg_tape_status(NULL), WG_ERROR_ARGUMENT);
    assert_non_null(wg_tape_message(NULL));
    assert_int_equal(wg_tape_stats(NULL, &stats), WG_ERROR_ARGUMENT);
    assert_int_equal(wg_tape_stats(NULL, NULL), WG_ERROR_ARGUMENT);
    wg_mark mark = wg_tape_mark(NULL);
    assert_int_equal(wg_tape_rewind(NULL, mark), WG_ERROR_ARGUMENT);
    assert_int_equal(wg_tape_replay(NULL), WG_ERROR_ARGUMENT);
    assert_int_equal(wg_zero_grad(NULL), WG_ERROR_ARGUMENT);
    const wg_var none[] = {
        wg_variable(NULL, WG_DIMS(2), two),
        wg_variable(NULL, WG_DIMS(1), one),
        wg_variable_raw(NULL, WG_DIMS(1), NULL),
        wg_constant(NULL, WG_DIMS(2), two),
        wg_constant(NULL, WG_DIMS(1), one),
        wg_constant_raw(NULL, WG_DIMS(1), NULL),
        wg_scalar(NULL, 1),
        wg_scalar_variable(NULL, 1),
        wg_indices(NULL, WG_DIMS(1), NULL),
        wg_precomputed(NULL, 1, NULL, NULL, 0),
        wg_apply(NULL, wg_op_add(), NULL, 0, NULL, 0),
        wg_concat(NULL, 0, 0),
        wg_concat(NULL, 3, 0),
    };
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        assert_false(wg_ok(none[i]));
        assert_null(none[i].tape);
    }
}

static void null_arrays(void **state)
{
    (void)state;
    wg_tape *tape = new_tape(WG_F64);
    wg_var x = wg_variable_raw(tape, WG_DIMS(2, 3), NULL), out[1];
    size_t nodes = count_nodes(tape);
    assert_int_equal(wg_tape_stats(tape, NULL), WG_ERROR_ARGUMENT);
    HEALTHY(tape); /* the tape is const there */
    wg_permute(x, NULL, 2);
    EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "permute", "NULL");
    wg_sum_axes(x, NULL, 1, false);
    EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "sum", "NULL");
    wg_max_axes(x, NULL, 2, true);
    EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "max", "NULL");
    wg_apply(tape, NULL, &x, 1, NULL, 0);
    EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "wg_apply", "NULL");
    wg_apply(tape, wg_op_add(), NULL, 2, NULL, 0);
    EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "add", "NULL");
    wg_apply(tape, wg_op_reshape(), &x, 1, NULL, sizeof(wg_shape));
    EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "wg_apply", "attributes", "NULL");
    wg_precomputed(tape, 1, NULL, (double[]){1}, 1);
    EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "precomputed", "NULL");
    wg_precomputed(tape, 1, &x, NULL, 1);
    EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "precomputed", "NULL");
    assert_int_equal(wg_backward_from(x, NULL), WG_ERROR_ARGUMENT);
    EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "wg_backward_from", "NULL");
    wg_var s = wg_sum(x);
    nodes++;
    assert_int_equal(wg_gradients(s, NULL, 1, out), WG_ERROR_ARGUMENT);
    EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "wg_gradients", "NULL");
    assert_int_equal(wg_gradients(s, &x, 1, NULL), WG_ERROR_ARGUMENT);
    EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "wg_gradients", "NULL");
    assert_int_equal(wg_vjp(x, x, &x, 1, NULL), WG_ERROR_ARGUMENT);
    EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "wg_vjp", "NULL");
    assert_int_equal(count_nodes(tape), nodes);

    /* these may be NULL */
    assert_true(wg_ok(wg_precomputed(tape, 1, NULL, NULL, 0)));
    assert_true(wg_ok(wg_sum_axes(x, NULL, 0, false)));
    assert_int_equal(wg_gradients(s, NULL, 0, NULL), WG_OK);
    wg_name(x, NULL);
    HEALTHY(tape);
    wg_tape_free(tape);
}

/* An op of the caller's that lacks a part. */
static wg_status shape_scalar(wg_call *call)
{
    call->shape = WG_SCALAR;
    return WG_OK;
}

static void ops_with_parts_missing(void **state)
{
    (void)state;
    const wg_op unnamed = {.shape = shape_scalar}, shapeless = {.name = "shapeless"};
    const wg_op valueless = {.name = "valueless", .shape = shape_scalar};
    wg_tape *tape = new_tape(WG_F64);
    assert_false(wg_ok(wg_apply(tape, &unnamed, NULL, 0, NULL, 0)));
    EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "wg_apply", "name");
    assert_false(wg_ok(wg_apply(tape, &shapeless, NULL, 0, NULL, 0)));
    EXPECT_ERROR(tape, WG_ERROR_ARGUMENT, "wg_apply", "shape");
    assert_false(wg_ok(wg_apply(tape, &valueless, NULL, 0, NULL, 0)));
    EXPECT_ERROR(tape, WG_ERROR_UNSUPPORTED, "valueless");
    assert_int_equal(count_nodes(tape), 0);
    wg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version),
        cmocka_unit_test(status_names),
        cmocka_unit_test(a_new_tape),
        cmocka_unit_test(default_options),
        cmocka_unit_test(instructions),
        cmocka_unit_test(refused_options),
        cmocka_unit_test(no_memory_for_a_tape),
        cmocka_unit_test(stats_count),
        cmocka_unit_test(null_tapes),
        cmocka_unit_test(null_arrays),
        cmocka_unit_test(ops_with_parts_missing),
    };
    return cmocka_run_group_tests_name("tape/life", tests, NULL, NULL);
}
