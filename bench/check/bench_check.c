/* How good the gradient checker's answers are: every mistake of tests/check/suite, in three shapes, at several seeds and
 * three precisions, with and without the gradients of intermediates; programs without a mistake, with two, and with what
 * is no known mistake at all. Prints docs/check.md. Ends in failure when a wrong name is given or a right gradient is
 * called wrong.
 *
 * With arguments FORWARD and a part of a mistake's words: prints what is said of those cases alone. With two numbers: the
 * first and the last seed, which are 1 and 2 otherwise. */
#include "check/suite/suite.h"
#include "support/bench.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PRECISIONS = 3, SAID = 600, LISTED = 4000 };

static const unsigned precisions[PRECISIONS] = {53, 24, 11};
static const char *const precision_names[PRECISIONS] = {"F64", "F32", "half"};
static const char *const handed_over[2] = {"variables", "and steps"};

/* ---- cases ----------------------------------------------------------------------------------------------------------------- */

typedef struct tally {
    size_t of[SUITE_VERDICTS];
    size_t cases;
} tally;

/* The cases to list, as lines of a table. */
typedef struct listing {
    char *lines[LISTED];
    size_t count, left_out;
} listing;

typedef struct measured {
    tally named[64];                      /* by forward, mistakes with a name */
    tally by_precision[PRECISIONS][2];    /* the same, by precision and what is handed over */
    tally by_cause[WG_CAUSE_UNKNOWN + 1]; /* and by the mistake's name */
    tally unnamed[64];                    /* mistakes of no family */
    tally right[64];                      /* no mistake */
    tally kinks, rounding;                /* another convention, and another precision */
    tally pairs[64];                      /* each of two mistakes at once */
    listing names, pair_names;
    uint64_t first_seed, last_seed;
} measured;

static void count(tally *t, suite_verdict verdict)
{
    t->of[verdict]++;
    t->cases++;
}

static void list(listing *l, const suite *s, size_t shape, size_t precision, bool steps, const char *what,
    suite_verdict verdict, const char *said)
{
    char line[2 * SAID], *copy;
    int length = snprintf(line, sizeof line, "| %s | %s | %zu | %s, %s | %s | %s |", s->forward->name, what, shape + 1,
        precision_names[precision], handed_over[steps], suite_verdict_names[verdict], said);
    for (size_t i = 0; i < l->count; i++)
        if (strcmp(l->lines[i], line) == 0) return;
    if (length < 0 || l->count == LISTED || !(copy = malloc((size_t)length + 1))) {
        l->left_out++;
        return;
    }
    snprintf(copy, (size_t)length + 1, "%s", line);
    l->lines[l->count++] = copy;
}

/* One case; false when it cannot be run. verdicts: on each of two mistakes. */
static suite_verdict one(suite *s, const suite_forward *forward, size_t shape, uint64_t seed, size_t precision,
    bool steps, const suite_mistake *first, const suite_mistake *second, char *said, suite_verdict verdicts[2])
{
    suite_verdict verdict = SUITE_FAILED;
    unsigned bits = precisions[precision];
    said[0] = '\0';
    verdicts[0] = verdicts[1] = SUITE_FAILED;
    if (suite_begin(s, forward, shape, seed, bits, first, second))
        verdict = suite_judge(s, steps, said, SAID, verdicts);
    suite_end(s);
    return verdict;
}

/* Calls f for each shape, seed, precision and set of gradients. */
static void each_setting(measured *all, size_t forward, const suite_mistake *mistake,
    void (*f)(measured *all, size_t forward, size_t shape, uint64_t seed, size_t precision, bool steps,
        const suite_mistake *mistake))
{
    for (size_t shape = 0; shape < SUITE_SHAPES; shape++)
        for (uint64_t seed = all->first_seed; seed <= all->last_seed; seed++)
            for (size_t precision = 0; precision < PRECISIONS; precision++)
                for (int steps = 0; steps < 2; steps++) f(all, forward, shape, seed, precision, steps, mistake);
}

static void measure_right(measured *all, size_t forward, size_t shape, uint64_t seed, size_t precision, bool steps,
    const suite_mistake *mistake)
{
    suite s;
    char said[SAID];
    suite_verdict pair[2], verdict;
    verdict = one(&s, suite_forwards[forward], shape, seed, precision, steps, mistake, NULL, said, pair);
    count(&all->right[forward], verdict);
    if (verdict != SUITE_RIGHT) list(&all->names, &s, shape, precision, steps, "no mistake", verdict, said);
}

static void measure_mistake(measured *all, size_t forward, size_t shape, uint64_t seed, size_t precision, bool steps,
    const suite_mistake *mistake)
{
    suite s;
    char said[SAID];
    suite_verdict pair[2], verdict;
    if (mistake->reported && !steps) return; /* nothing that is handed over is wrong */
    verdict = one(&s, suite_forwards[forward], shape, seed, precision, steps, mistake, NULL, said, pair);
    if (suite_harmless(mistake->cause)) {
        bool kink = mistake->cause == WG_CAUSE_KINK;
        count(kink ? &all->kinks : &all->rounding, verdict);
        if (verdict != SUITE_EXPLAINED && (kink || verdict != SUITE_RIGHT))
            list(&all->names, &s, shape, precision, steps, mistake->what, verdict, said);
        return;
    }
    bool named = mistake->cause != WG_CAUSE_UNKNOWN;
    count(named ? &all->named[forward] : &all->unnamed[forward], verdict);
    if (named) count(&all->by_precision[precision][steps], verdict);
    count(&all->by_cause[mistake->cause], verdict);
    if (named ? verdict > SUITE_GROUP : verdict != SUITE_LOCATED && verdict != SUITE_UNIQUE && verdict != SUITE_GROUP)
        list(&all->names, &s, shape, precision, steps, mistake->what, verdict, said);
}

static bool same_gradients(const suite *s, const suite *t)
{
    for (size_t i = 0; i < s->count; i++) {
        wg_shape shape = s->array[i].grad_shape, other = t->array[i].grad_shape;
        if (memcmp(&shape, &other, sizeof shape) != 0) return false;
        size_t n = 1;
        for (size_t axis = 0; axis < shape.rank; axis++) n *= shape.dim[axis];
        for (size_t k = 0; k < n; k++)
            if (!(fabs(s->array[i].grad[k] - t->array[i].grad[k]) <= 1e-12 * fabs(s->array[i].grad[k]))) return false;
    }
    return true;
}

/* Whether both leave a mark: neither undoes the other, and without either one the numbers were others. */
static bool both_show(
    const suite_forward *forward, size_t shape, const suite_mistake *first, const suite_mistake *second)
{
    suite both, one_alone[2];
    bool shows = suite_begin(&both, forward, shape, 1, 53, first, second);
    shows = shows && !isnan(suite_against_tape(&both)) && suite_differs(&both, first->at) &&
            suite_differs(&both, second->at);
    for (size_t k = 0; k < 2; k++) {
        shows = suite_begin(&one_alone[k], forward, shape, 1, 53, k ? second : first, NULL) && shows &&
                !same_gradients(&both, &one_alone[k]);
        suite_end(&one_alone[k]);
    }
    suite_end(&both);
    return shows;
}

/* Two mistakes in two arrays: the next one in the table that is elsewhere. */
static const suite_mistake *partner(const suite_forward *forward, size_t shape, size_t i)
{
    for (size_t k = 1; k < forward->mistakes_count; k++) {
        const suite_mistake *first = &forward->mistakes[i];
        const suite_mistake *m = &forward->mistakes[(i + 7 * k) % forward->mistakes_count];
        if (m->at != first->at && m->cause != WG_CAUSE_UNKNOWN && !suite_harmless(m->cause) && !m->reported &&
            both_show(forward, shape, first, m))
            return m;
    }
    return NULL;
}

static void measure_pairs(measured *all, size_t forward)
{
    const suite_forward *program = suite_forwards[forward];
    for (size_t i = 0; i < program->mistakes_count; i++) {
        const suite_mistake *first = &program->mistakes[i], *second = partner(program, i % SUITE_SHAPES, i);
        if (!second || first->cause == WG_CAUSE_UNKNOWN || suite_harmless(first->cause) || first->reported) continue;
        for (int steps = 0; steps < 2; steps++) {
            suite s;
            char said[SAID], what[SAID];
            suite_verdict pair[2];
            one(&s, program, i % SUITE_SHAPES, 1, 0, steps, first, second, said, pair);
            for (size_t k = 0; k < 2; k++) {
                const suite_mistake *m = k ? second : first;
                count(&all->pairs[2 * forward + (size_t)steps], pair[k]);
                snprintf(what, sizeof what, "%s (with: %s)", m->what, (k ? first : second)->what);
                if (pair[k] > SUITE_LOCATED)
                    list(&all->pair_names, &s, i % SUITE_SHAPES, 0, steps, what, pair[k], said);
            }
        }
    }
}

/* ---- the page --------------------------------------------------------------------------------------------------------------- */

static void add(tally *sum, const tally *t)
{
    for (size_t k = 0; k < SUITE_VERDICTS; k++) sum->of[k] += t->of[k];
    sum->cases += t->cases;
}

static double percent(size_t part, size_t whole) { return whole ? 100.0 * (double)part / (double)whole : 0; }

static void row(const char *name, const tally *t)
{
    const size_t *of = t->of;
    printf("| %s | %zu | %zu | %zu | %.1f %% | %zu | %zu | %zu | %zu | %zu |\n", name, t->cases, of[SUITE_UNIQUE],
        of[SUITE_GROUP], percent(of[SUITE_UNIQUE] + of[SUITE_GROUP], t->cases - of[SUITE_BLIND]), of[SUITE_LOCATED],
        of[SUITE_MISSED] + of[SUITE_FAILED], of[SUITE_BLIND], of[SUITE_MISPLACED], of[SUITE_WRONG]);
}

static void heads(const char *first)
{
    printf(
        "\n| %s | cases | named uniquely | in a group | together | located, no name | missed | blind | wrong place | "
        "wrong name |\n|---|---|---|---|---|---|---|---|---|---|\n",
        first);
}

static void print_named(const measured *all, tally *total)
{
    heads("forward");
    for (size_t k = 0; k < suite_forwards_count; k++) {
        row(suite_forwards[k]->name, &all->named[k]);
        add(total, &all->named[k]);
    }
    row("**all**", total);
    heads("given");
    for (size_t k = 0; k < PRECISIONS; k++)
        for (size_t steps = 0; steps < 2; steps++) {
            char name[64];
            snprintf(name, sizeof name, "%s, %s", precision_names[k], handed_over[steps]);
            row(name, &all->by_precision[k][steps]);
        }
    heads("mistake");
    for (wg_cause k = WG_CAUSE_FACTOR; k < WG_CAUSE_UNKNOWN; k++)
        if (all->by_cause[k].cases) row(wg_cause_name(k), &all->by_cause[k]);
}

static void row_right(const char *name, const tally *t)
{
    printf("| %s | %zu | %zu | %zu | %zu |\n", name, t->cases, t->of[SUITE_RIGHT] + t->of[SUITE_EXPLAINED],
        t->of[SUITE_EXPLAINED], t->of[SUITE_ACCUSED] + t->of[SUITE_FAILED]);
}

static void print_others(const measured *all, tally *unnamed, tally *right, tally *pairs)
{
    for (size_t k = 0; k < suite_forwards_count; k++) {
        add(unnamed, &all->unnamed[k]);
        add(right, &all->right[k]);
        for (size_t steps = 0; steps < 2; steps++) add(&pairs[steps], &all->pairs[2 * k + steps]);
    }
    printf(
        "\n## What is no known mistake\n\nAny numbers, the sine of the right ones, the right ones with a tenth of "
        "noise, "
        "and slips that no family is for. The answer\nshould be that nothing fits, or a name that fits the words.\n\n"
        "| cases | nothing fits | a fitting name | missed | blind | wrong place | wrong name "
        "|\n|---|---|---|---|---|---|---|\n");
    printf("| %zu | %zu | %zu | %zu | %zu | %zu | %zu |\n", unnamed->cases, unnamed->of[SUITE_LOCATED],
        unnamed->of[SUITE_UNIQUE] + unnamed->of[SUITE_GROUP], unnamed->of[SUITE_MISSED] + unnamed->of[SUITE_FAILED],
        unnamed->of[SUITE_BLIND], unnamed->of[SUITE_MISPLACED], unnamed->of[SUITE_WRONG]);
    printf("\n## What is right\n\n| | cases | called right | and why it differs | called wrong "
           "|\n|---|---|---|---|---|\n");
    row_right("no mistake", right);
    row_right("another convention at a kink", &all->kinks);
    row_right("computed in float, given in double", &all->rounding);
    printf("\n## Two mistakes at once\n\nEach of the two counts; F64, one shape and seed each.\n");
    heads("given");
    row("variables", &pairs[0]);
    row("and steps", &pairs[1]);
}

static void print_list(const listing *l, const char *title)
{
    printf("\n## %s\n\n| forward | mistake | shape | given | verdict | what was said |\n|---|---|---|---|---|---|\n",
        title);
    for (size_t i = 0; i < l->count; i++) puts(l->lines[i]);
    if (l->left_out) printf("\n%zu more\n", l->left_out);
}

static void print_intro(const measured *all)
{
    size_t mistakes = 0;
    for (size_t k = 0; k < suite_forwards_count; k++) mistakes += suite_forwards[k]->mistakes_count;
    printf("# The gradient checker, measured\n\n"
           "Backward passes written by hand, with %zu seeded mistakes over %zu forwards "
           "([tests/check/suite](../tests/check/suite/suite.h)):\na mistake is a switch in the code, and what it makes "
           "wrong "
           "goes on into everything below. Each is run in %d shapes, with %zu sets of\nrandom numbers, in double, in "
           "float "
           "and with half precision's mantissa throughout, and the checker is given the gradients of the\nvariables "
           "alone, "
           "or those of the steps between too. `./dev bench check` makes this page.\n\n",
        mistakes, suite_forwards_count, SUITE_SHAPES, (size_t)(all->last_seed - all->first_seed + 1));
    puts("*Named uniquely*: every cause of the first rank is the mistake, or another name for the same numbers. *In a "
         "group*: "
         "one of at\nmost ten causes that explain the numbers equally well. *Located*: called wrong, and nothing is "
         "said to "
         "fit. *Missed*: called right.\n*Blind*: called right, because the numbers are those of a right gradient to "
         "their "
         "precision; left out of the percentage. *Wrong\nplace*: the right name on another gradient. *Wrong name*: the "
         "first rank does not hold the mistake.\n\nThe forwards:\n");
    for (size_t k = 0; k < suite_forwards_count; k++)
        printf("- %s, %zu mistakes: `%s`\n", suite_forwards[k]->name, suite_forwards[k]->mistakes_count,
            suite_forwards[k]->text);
    printf("\n## Mistakes that have a name\n");
}

/* ---- one case alone ---------------------------------------------------------------------------------------------------------- */

static int show(const char *name, const char *what)
{
    for (size_t f = 0; f < suite_forwards_count; f++)
        for (size_t k = 0; k < suite_forwards[f]->mistakes_count; k++) {
            const suite_mistake *m = &suite_forwards[f]->mistakes[k];
            if (strcmp(suite_forwards[f]->name, name) != 0 || !strstr(m->what, what)) continue;
            for (size_t shape = 0; shape < SUITE_SHAPES; shape++)
                for (size_t precision = 0; precision < PRECISIONS; precision++)
                    for (int steps = 0; steps < 2; steps++) {
                        suite s;
                        char said[SAID];
                        suite_verdict pair[2];
                        suite_verdict verdict =
                            one(&s, suite_forwards[f], shape, 1, precision, steps, m, NULL, said, pair);
                        printf("%s, shape %zu, %s %s: %s\n    %s\n", m->what, shape + 1, precision_names[precision],
                            handed_over[steps], suite_verdict_names[verdict], said);
                    }
        }
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static measured all;
    static tally named, unnamed, right, pairs[2];
    all.first_seed = 1;
    all.last_seed = 2;
    if (argc == 3 && isdigit((unsigned char)*argv[1])) {
        all.first_seed = strtoull(argv[1], NULL, 10);
        all.last_seed = strtoull(argv[2], NULL, 10);
    } else if (argc == 3) {
        return show(argv[1], argv[2]);
    }
    double start = bench_now();
    for (size_t f = 0; f < suite_forwards_count; f++) {
        each_setting(&all, f, NULL, measure_right);
        for (size_t k = 0; k < suite_forwards[f]->mistakes_count; k++)
            each_setting(&all, f, &suite_forwards[f]->mistakes[k], measure_mistake);
        measure_pairs(&all, f);
    }
    print_intro(&all);
    print_named(&all, &named);
    print_others(&all, &unnamed, &right, pairs);
    print_list(&all.names, "Every case that is not named");
    print_list(&all.pair_names, "Of two mistakes, those named wrongly");
    fprintf(stderr, "%.1f s\n", bench_now() - start);
    bool wrong = named.of[SUITE_WRONG] || named.of[SUITE_MISPLACED] || unnamed.of[SUITE_WRONG] ||
                 right.of[SUITE_ACCUSED] || all.kinks.of[SUITE_ACCUSED] || all.rounding.of[SUITE_ACCUSED];
    return wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}
