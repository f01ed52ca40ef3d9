/* The suite of seeded mistakes, a part of it: bench/check runs all of it, and docs/check.md is what it says. The
 * hand-written backward passes are the tape's, whatever the precision; none of them is called wrong; no mistake gets a
 * wrong name, and most get the right one. */
#include "check/suite/suite.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

enum { SAID = 600 };

#define NAMED 0.85 /* at least so many, uniquely or in a group */

static const unsigned precisions[] = {53, 24, 11};

/* Without a mistake the loops do what the tape does; with one they do not. */
static void backward_by_hand(void **state)
{
    (void)state;
    for (size_t f = 0; f < suite_forwards_count; f++)
        for (size_t shape = 0; shape < SUITE_SHAPES; shape++) {
            const suite_forward *forward = suite_forwards[f];
            suite s;
            assert_true(suite_begin(&s, forward, shape, 1, 53, NULL, NULL));
            if (!(suite_against_tape(&s) < 1e-13)) fail_msg("%s: %g", forward->name, suite_against_tape(&s));
            suite_end(&s);
            for (size_t k = 0; k < forward->mistakes_count; k++) {
                assert_true(suite_begin(&s, forward, shape, 1, 53, &forward->mistakes[k], NULL));
                if (forward->mistakes[k].cause != WG_CAUSE_PRECISION && !(suite_against_tape(&s) > 1e-4))
                    fail_msg("%s: %s: %g", forward->name, forward->mistakes[k].what, suite_against_tape(&s));
                suite_end(&s);
            }
        }
}

static suite_verdict judge(
    const suite_forward *forward, size_t shape, size_t precision, bool steps, const suite_mistake *mistake, char *said)
{
    suite s;
    suite_verdict pair[2], verdict;
    unsigned bits = precisions[precision];
    assert_true(suite_begin(&s, forward, shape, 3, bits, mistake, NULL));
    verdict = suite_judge(&s, steps, said, SAID, pair);
    suite_end(&s);
    return verdict;
}

static void right_is_right(void **state)
{
    (void)state;
    char said[SAID];
    for (size_t f = 0; f < suite_forwards_count; f++)
        for (size_t k = 0; k < SUITE_SHAPES * 6; k++)
            if (judge(suite_forwards[f], k / 6, k / 2 % 3, k % 2, NULL, said) != SUITE_RIGHT)
                fail_msg("%s, shape %zu, %u bits: called wrong: %s", suite_forwards[f]->name, k / 6 + 1,
                    precisions[k / 2 % 3], said);
}

/* Each mistake once for each set of gradients; shapes and precisions take turns. */
static void mistakes_are_named(void **state)
{
    (void)state;
    char said[SAID];
    size_t cases = 0, named = 0, wrong = 0, turn = 0;
    for (size_t f = 0; f < suite_forwards_count; f++)
        for (size_t k = 0; k < suite_forwards[f]->mistakes_count; k++)
            for (int steps = 0; steps < 2; steps++, turn++) {
                const suite_mistake *m = &suite_forwards[f]->mistakes[k];
                if (m->reported && !steps) continue;
                suite_verdict verdict = judge(suite_forwards[f], turn % 3, turn / 3 % 3, steps, m, said);
                if (suite_harmless(m->cause) && verdict != SUITE_ACCUSED) continue;
                if (verdict >= SUITE_WRONG || verdict == SUITE_MISSED) {
                    print_message(
                        "%s: %s: %s: %s\n", suite_forwards[f]->name, m->what, suite_verdict_names[verdict], said);
                    wrong++;
                }
                if (m->cause == WG_CAUSE_UNKNOWN || verdict == SUITE_BLIND) continue;
                cases++;
                named += verdict <= SUITE_GROUP;
            }
    print_message("%zu of %zu mistakes named\n", named, cases);
    assert_int_equal(wrong, 0);
    if ((double)named < NAMED * (double)cases) fail_msg("%zu of %zu", named, cases);
}

/* Another convention at a kink is called right, and so is rounding, and both are said. */
static void harmless_is_right(void **state)
{
    (void)state;
    char said[SAID];
    for (size_t f = 0; f < suite_forwards_count; f++)
        for (size_t k = 0; k < suite_forwards[f]->mistakes_count; k++)
            for (size_t setting = 0; setting < SUITE_SHAPES * 2; setting++) {
                const suite_mistake *m = &suite_forwards[f]->mistakes[k];
                if (!suite_harmless(m->cause)) continue;
                suite_verdict verdict = judge(suite_forwards[f], setting / 2, 0, setting % 2, m, said);
                if (verdict != SUITE_EXPLAINED)
                    fail_msg("%s, shape %zu: %s: %s", m->what, setting / 2 + 1, suite_verdict_names[verdict], said);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(backward_by_hand), cmocka_unit_test(right_is_right),
        cmocka_unit_test(mistakes_are_named), cmocka_unit_test(harmless_is_right)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
