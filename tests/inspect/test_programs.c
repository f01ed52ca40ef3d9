/* Random programs, some of whose values have names and some of whose steps are checkpoints: every explained adjoint has the
 * value that the sweep found, every dump can be read, every formula says all. */
#include "inspect/text.h"

#include "inspect/explain.h"
#include "support/program.h"

enum { PROGRAMS = 25 };

static void check_totals(wg_var scalar, const wg_var *wrt, size_t n)
{
    wg_explanation e;
    assert_int_equal(wg_explain_open(&e, scalar, wrt, n, text_write), WG_OK);
    for (size_t k = 0; k < e.lines_count; k++) {
        const wg_explained *value = e.lines[k];
        double scale = wg_explain_norm(value->adjoint, value->size);
        assert_int_equal(value->own[0], '\0');
        for (size_t i = 0; i < value->size; i++) {
            double got = wg_ok(value->total) ? wg_at(value->total, i) : value->node.index == scalar.index ? 1 : 0;
            if (!(fabs(got - value->adjoint[i]) <= 1e-11 * (1 + scale)))
                fail_msg("d%s[%zu] is %.17g, expected %.17g", value->name, i, got, value->adjoint[i]);
        }
    }
    wg_explain_close(&e);
}

static void run_program(uint64_t seed)
{
    program p;
    wg_tape *tape = new_tape(WG_F64);
    wg_var leaves[LEAVES], values[VALUES];
    random_state random = {seed};
    program_write(&p, seed);
    program_leaves(&p, tape, leaves);
    wg_var y = program_run(&p, tape, leaves, (manner){.checkpoints = seed % 3 == 0, .random = &random}, values);
    HEALTHY(tape);
    for (size_t k = 0; k < VALUES; k++) {
        char name[8];
        snprintf(name, sizeof name, "v%zu", k);
        if (random_below(&random, 100) < 30 * (seed % 4)) wg_name(values[k], name);
    }
    check_totals(y, leaves, LEAVES);
    text lines = {0}, json = {0}, dump = {0};
    if (wg_explain(y, leaves, LEAVES, text_write, &lines)) fail_msg("%s (%d)", wg_tape_message(tape), (int)seed);
    if (wg_explain_json(y, leaves, LEAVES, text_write, &json)) fail_msg("%s (%d)", wg_tape_message(tape), (int)seed);
    assert_int_equal(wg_dump(tape, WG_DUMP_JSON, text_write, &dump), WG_OK);
    if (strstr(lines.at, "...")) fail_msg("cut short: %s", lines.at);
    JSON_IS_VALID(&json);
    JSON_IS_VALID(&dump);
    HEALTHY(tape);
    text_free(&lines);
    text_free(&json);
    text_free(&dump);
    wg_tape_free(tape);
}

static void test_programs(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < PROGRAMS; seed++) run_program(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_programs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
