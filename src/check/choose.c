/* Which mistakes they are: of all that was found (search.c) the fewest that explain everything. One that explains all, or
 * one in several places, or two, the second judged with the first in place; else one after the other. What explains the same
 * gradients equally well stays together as a group, so nothing is named that the numbers do not single out. */
#include "check/run.h"

#include <math.h>
#include <string.h>

#define CHOOSE_MISTAKES 6 /* at most so many are told apart */
#define CHOOSE_STARTS   6 /* first mistakes of a pair that are tried */

static size_t choose_faults(wg_check *check)
{
    size_t faults = 0;
    for (size_t k = 0; k < check->count; k++) {
        check_supplied *s = &check->supplied[k];
        if (s->fault && s->fits) s->fault = !check_judge(check, s, s->expected).fits;
        faults += s->fault;
    }
    return faults;
}

static bool choose_same_set(const wg_check *check, const check_find *a, const check_find *b)
{
    return !memcmp(a->explains, b->explains, check->count);
}

/* The mean square of what remains, with a little added, below which nothing tells two apart. */
static double choose_mean(const check_find *find) { return find->misfit / (double)(find->compared + 1) + 1e-4; }

/* Whether one is better by what rounding alone can hardly do: a ratio of likelihoods of normal errors of unknown size. */
static bool choose_better(const check_find *a, const check_find *b)
{
    double n = (double)(a->compared < 64 ? a->compared : 64);
    return n / 2 * log(choose_mean(b) / choose_mean(a)) > 12;
}

/* The best of the finds from begin on: explains most, refutes nothing (unless partial), says most. */
static check_find *choose_best(check_search *search, size_t begin, bool partial)
{
    check_find *best = NULL;
    for (size_t k = begin; k < search->count; k++) {
        check_find *find = &search->finds[k];
        if (find->mistake || (find->refuted && !partial)) continue;
        if (!best || find->explained > best->explained ||
            (find->explained == best->explained &&
                (find->refuted < best->refuted || (find->refuted == best->refuted && find->misfit < best->misfit))))
            best = find;
    }
    return best;
}

/* Puts a mistake in its place and sees what is still wrong. */
static size_t choose_take(check_search *search, const check_find *find)
{
    wg_check *check = search->check;
    if (find->contribution) check->model.links[find->link].replaced = find->contribution;
    for (size_t k = 0; k < check->count; k++)
        if (find->explains[k]) check->supplied[k].fault = false;
    search->status = check_flow_base(check);
    return choose_faults(check);
}

/* All finds that explain what the best one does become one mistake, with ranks. */
static void choose_group(check_search *search, size_t begin, check_find *best, unsigned mistake)
{
    const wg_check *check = search->check;
    unsigned char *same = check_take(&search->memory, search->count, 1);
    if (!same) return;
    for (size_t k = begin; k < search->count; k++) {
        check_find *find = &search->finds[k];
        same[k] = !find->mistake && find->refuted <= best->refuted && choose_same_set(check, find, best);
        if (same[k] && find->misfit < best->misfit) best = find;
    }
    for (size_t k = begin; k < search->count; k++) {
        check_find *find = &search->finds[k];
        if (!same[k]) continue;
        find->mistake = mistake;
        find->rank = choose_better(best, find) ? 2 : 1;
    }
}

/* Which gradients are wrong, to come back to. */
typedef struct choose_state {
    unsigned char *fault;
} choose_state;

static choose_state choose_save(check_search *search)
{
    wg_check *check = search->check;
    choose_state state = {check_take(&search->memory, check->count, 1)};
    for (size_t k = 0; state.fault && k < check->count; k++) state.fault[k] = check->supplied[k].fault;
    return state;
}

static void choose_restore(check_search *search, choose_state state, const check_find *taken)
{
    wg_check *check = search->check;
    check->model.links[taken->link].replaced = NULL;
    for (size_t k = 0; state.fault && k < check->count; k++) check->supplied[k].fault = state.fault[k];
    if (search->status == WG_OK) search->status = check_flow_base(check);
}

/* Looks for a first mistake that, with one more, explains everything: the first explains some gradients, and those that it
 * gets wrong are the other's. Returns whether there is one; then both are taken. */
static bool choose_pair(check_search *search, size_t begin)
{
    size_t end = search->count, starts = 0;
    wg_check *check = search->check;
    unsigned char *done = check_take(&search->memory, end, 1);
    while (done && starts++ < CHOOSE_STARTS && search->status == WG_OK) {
        check_find *first = NULL;
        for (size_t k = begin; k < end; k++) {
            check_find *find = &search->finds[k];
            if (done[k] || find->mistake || !find->contribution) continue;
            if (!first || find->explained > first->explained ||
                (find->explained == first->explained && find->refuted < first->refuted))
                first = find;
        }
        if (!first) return false;
        for (size_t k = begin; k < end; k++)
            done[k] = done[k] ||
                      (search->finds[k].explained == first->explained && search->finds[k].refuted == first->refuted &&
                          choose_same_set(check, &search->finds[k], first) &&
                          fabs(search->finds[k].residual - first->residual) <= 1e-9);
        size_t first_at = (size_t)(first - search->finds);
        choose_state before = choose_save(search);
        size_t left = choose_take(search, first);
        size_t next = search->status == WG_OK ? check_search_all(search) : search->count;
        check_find *second = search->status == WG_OK ? choose_best(search, next, false) : NULL;
        first = &search->finds[first_at];
        if (second && second->explained == left) {
            size_t second_at = (size_t)(second - search->finds);
            choose_group(search, begin, first, ++search->mistakes);
            choose_group(search, next, &search->finds[second_at], ++search->mistakes);
            choose_take(search, &search->finds[second_at]);
            return true;
        }
        choose_restore(search, before, first);
        search->count = next;
    }
    return false;
}

/* Whether a value with a wrong gradient has several uses: then a mistake in each of them may show in none alone. */
static bool choose_shares(const wg_check *check)
{
    for (size_t k = 0; k < check->count; k++)
        if (check->supplied[k].fault && check->model.nodes[check->supplied[k].node].live > 1) return true;
    return false;
}

/* The same mistake in several places, when that explains everything: then it is taken. */
static bool choose_everywhere(check_search *search, size_t begin, bool all)
{
    size_t next = search->count, faults = choose_faults(search->check);
    if (all) {
        const unsigned char *reaches = check_search_reach(search);
        if (!choose_shares(search->check) || !reaches) return false;
        search->status = check_everywhere_of_all(search, reaches);
    } else
        search->status = check_everywhere_of_finds(search, begin, next);
    check_find *best = search->status == WG_OK ? choose_best(search, next, false) : NULL;
    if (!best || best->explained < faults) {
        search->count = next;
        return false;
    }
    size_t at = (size_t)(best - search->finds);
    choose_group(search, next, best, ++search->mistakes);
    choose_take(search, &search->finds[at]);
    return true;
}

/* What no one edge explains: one mistake in several places, or two mistakes. The former costs less to look for where it explains
 * a part at one edge already. */
static bool choose_several(check_search *search, size_t begin)
{
    return choose_everywhere(search, begin, false) || choose_pair(search, begin) ||
           choose_everywhere(search, begin, true);
}

static void choose_kinks(check_search *search)
{
    wg_check *check = search->check;
    search->kinks = true;
    size_t begin = check_search_all(search);
    search->kinks = false;
    check_find *best;
    while (search->status == WG_OK && (best = choose_best(search, begin, false))) {
        unsigned char *explains = best->explains;
        size_t at = (size_t)(best - search->finds);
        choose_group(search, begin, best, ++search->mistakes);
        for (size_t k = 0; k < check->count; k++)
            if (explains[k]) check->supplied[k].right = check->supplied[k].kink = true;
        choose_take(search, &search->finds[at]);
    }
}

/* Takes the best mistake and what explains the same. Returns whether there is one. */
static bool choose_single(check_search *search, size_t begin)
{
    check_find *best = choose_best(search, begin, false), *partial = choose_best(search, begin, true);
    if (!best && partial && partial->explained > 1) best = partial;
    if (!best) return false;
    size_t at = (size_t)(best - search->finds);
    choose_group(search, begin, best, ++search->mistakes);
    choose_take(search, &search->finds[at]);
    return search->status == WG_OK;
}

wg_status check_search_run(wg_check *check, check_search *search)
{
    *search = (check_search){.check = check, .local = wg_tape_new(WG_F64)};
    if (!search->local) return WG_ERROR_MEMORY;
    size_t faults = choose_faults(check);
    if (faults) choose_kinks(search);
    faults = choose_faults(check);
    if (faults && search->status == WG_OK) search->status = check_jumps(check);
    faults = choose_faults(check);
    while (faults && search->mistakes < CHOOSE_MISTAKES && search->status == WG_OK) {
        size_t begin = check_search_all(search);
        const check_find *best = choose_best(search, begin, false);
        bool all = best && best->explained == faults;
        if (search->status != WG_OK || ((all || !choose_several(search, begin)) && !choose_single(search, begin)))
            break;
        faults = choose_faults(check);
    }
    if (faults && search->status == WG_OK) check_search_doubt(search);
    return search->status;
}

void check_search_close(check_search *search)
{
    wg_tape_free(search->local);
    check_release(&search->scratch);
    check_release(&search->memory);
}

#undef CHOOSE_MISTAKES
#undef CHOOSE_STARTS
