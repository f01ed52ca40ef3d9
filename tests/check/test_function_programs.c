/* Checking functions that are right: no random program may be called wrong, in either dtype, to order 2. */
#include "support/program.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static wg_var programs_run(wg_tape *tape, void *user, const wg_var *in, size_t n)
{
    (void)n;
    return program_run(user, tape, in, (manner){false, false, NULL}, NULL);
}

/* The program's numbers rounded to floats are used for both dtypes. */
static void programs_check(program *p, wg_dtype dtype, uint64_t seed)
{
    wg_tape *tape = wg_tape_new(dtype);
    wg_var leaves[LEAVES];
    program_leaves(p, tape, leaves);
    wg_function_report report;
    wg_status status = wg_check_function(
        programs_run, p, leaves, LEAVES, &(wg_function_options){.seed = seed, .directions = 2}, &report);
    if (status != WG_OK || report.verdict > WG_FUNCTION_SUBGRADIENT)
        print_error("program %u, %s: %s\n", (unsigned)seed, dtype == WG_F64 ? "f64" : "f32", report.message);
    assert_int_equal(status, WG_OK);
    assert_true(report.verdict <= WG_FUNCTION_SUBGRADIENT);
    assert_true(report.recording && report.forward && report.in_double);
    assert_int_equal(report.checked, report.entries);
    wg_tape_free(tape);
}

static void programs_of(uint64_t first, uint64_t count, wg_dtype dtype)
{
    for (uint64_t seed = first; seed < first + count; seed++) {
        program p;
        program_write(&p, seed);
        if (!program_detaches(&p)) programs_check(&p, dtype, seed);
    }
}

static void test_programs(void **state)
{
    (void)state;
    uint64_t count = getenv("PROGRAMS") ? strtoull(getenv("PROGRAMS"), NULL, 10) : 10;
    programs_of(getenv("FROM") ? strtoull(getenv("FROM"), NULL, 10) : 1, count, WG_F64);
    programs_of(getenv("FROM") ? strtoull(getenv("FROM"), NULL, 10) : 1, count, WG_F32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_programs)};
    return cmocka_run_group_tests_name("check/function_programs", tests, NULL, NULL);
}
