/* The search for mistakes. Every family sees every edge; what it suggests is carried down to the supplied gradients
 * (flow.c) and kept if it explains a wrong one and spoils no right one. choose.c makes causes of what is found. */
#include "check/run.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Bits by which a suggestion must fit better than by chance, where it is one of some hundred. */
static const double search_evidence = 11;
/* Conventions at a kink are few, and that nothing differs but what they touch speaks for them too. */
static const double search_evidence_of_kinks = 1;

/* A number that equals nothing known is one of very many. */
static const double search_evidence_of_fits = 10;

/* A search does about so much work, some ten seconds' worth, and then is content with what it has found. */
static const double search_work = 1e10;

/* ---- one suggestion --------------------------------------------------------------------------------------------------- */

/* Whether a suggestion changes a gradient by more than noise. */
static bool search_touches(const wg_check *check, const check_supplied *s)
{
    for (size_t i = 0; i < s->wanted; i++)
        if (!(fabs(s->moved[i]) <= check_floor(check, s, i, s->expected[i], 1) / 16)) return true;
    return false;
}

/* How unlikely it is that numbers fit by chance: for each entry, how much larger it is than what it is off by, or than
 * rounding, in bits; an entry that a number was fitted to counts for nothing. Where an exact zero was foreseen, only an exact
 * zero fits by chance. */
static double search_bits(const wg_check *check, const check_supplied *s, double ratio, bool fitted)
{
    double bits = 0, most = 0;
    for (size_t i = 0; i < s->wanted; i++) {
        double expected = s->expected[i] + s->moved[i], floor = check_floor(check, s, i, expected, ratio);
        double size = expected == 0 && s->numbers[i] == 0 ? fabs(s->moved[i]) : fabs(expected);
        double near = fmax(fabs(s->numbers[i] - expected), floor / 8), here = size > near ? log2(size / near) : 0;
        if (here > 0 && expected == 0 && s->numbers[i] == 0) here = fmin(log2(size / check_least(s)), 64);
        bits += here;
        if (here > most) most = here;
    }
    return fitted ? bits - most : bits;
}

/* Numbers in double are as exact as what they are compared with, which has an error of its own of a unit of rounding, an
 * eighth of a floor, in each entry: so near, nothing tells two suggestions apart. */
static double search_own_error(const check_supplied *s, size_t n) { return s->carries == 53 ? (double)n / 64 : 0; }

static check_find *search_add(check_search *search)
{
    if (search->count == search->capacity) {
        check_find *more =
            check_take_more(&search->memory, search->finds, search->count, &search->capacity, sizeof *more);
        if (!more) return NULL;
        search->finds = more;
    }
    return &search->finds[search->count++];
}

static void search_keep(check_search *search, const check_find *find, const double *contribution, const char *detail)
{
    const check_model *model = &search->check->model;
    check_find *kept = search_add(search);
    if (kept) {
        *kept = *find;
        kept->detail = check_take(&search->memory, strlen(detail) + 1, 1);
        if (kept->detail) memcpy(kept->detail, detail, strlen(detail));
        if (contribution)
            kept->contribution =
                check_take_copy(&search->memory, contribution, model->nodes[model->links[search->link].to].size);
    }
    if (search->memory.failed) search->status = WG_ERROR_MEMORY;
}

void check_search_consider(
    check_search *search, wg_cause cause, double factor, const double *contribution, bool fitted, const char *detail)
{
    wg_check *check = search->check;
    check_find find = {.cause = cause, .link = search->link, .last_link = search->link, .factor = factor};
    double squares = 0, supplied = 0;
    find.explains = check_take(&search->scratch, check->count, 1);
    for (size_t k = 0; find.explains && k < check->count; k++) {
        const check_supplied *s = &check->supplied[k];
        if (!s->fits || !search_touches(check, s)) continue;
        check_judgement judgement = check_judge_moved(check, s);
        if (!judgement.fits && !s->fault) return;
        bool fits = judgement.fits && (!s->fault || check_like_rounding(check, judgement.misfit, s->wanted));
        find.refuted += !fits;
        if (!fits || !s->fault) continue;
        find.explains[k] = 1;
        find.explained++;
        find.compared += s->wanted;
        find.misfit += judgement.misfit + search_own_error(s, s->wanted);
        squares += judgement.squares;
        find.evidence += search_bits(check, s, judgement.ratio, fitted && find.explained == 1);
        for (size_t i = 0; i < s->wanted; i++) supplied += s->numbers[i] * s->numbers[i];
    }
    double enough = search->kinks ? search_evidence_of_kinks : search_evidence;
    if (fitted) enough += search_evidence_of_fits;
    if (!find.explains || !find.explained || !(find.evidence >= enough)) return;
    find.residual = supplied > 0 ? sqrt(squares / supplied) : sqrt(squares);
    unsigned char *set = check_take(&search->memory, check->count, 1);
    if (!set) return;
    memcpy(set, find.explains, check->count);
    find.explains = set;
    search_keep(search, &find, contribution, detail);
}

void check_search_consider_shape(check_search *search, wg_cause cause, double factor, const check_supplied *s,
    const double *numbers, const char *detail)
{
    wg_check *check = search->check;
    if (!s->fault) return;
    double squares = 0, size = 0;
    for (size_t i = 0; i < s->size; i++) size += numbers[i] * numbers[i];
    double rms = s->size ? sqrt(size / (double)s->size) : 0;
    double ratio = s->exact_rms > 0 && rms > s->exact_rms ? rms / s->exact_rms : 1;
    check_find find = {.cause = cause, .link = search->link, .last_link = search->link, .factor = factor};
    for (size_t i = 0; i < s->size; i++) {
        double floor = 8 * check_unit(check, s) * (ratio * s->noise_rms + fabs(numbers[i])) + 0x1p-1022;
        double difference = fabs(s->numbers[i] - numbers[i]);
        if (!isfinite(floor) || !(difference <= floor)) return;
        find.misfit += difference / floor * (difference / floor);
        squares += difference * difference;
        double near = fmax(difference, floor / 8),
               scale = fmax(fabs(numbers[i]), s->exact_rms); /* of what else might be there */
        find.evidence += scale > near ? log2(scale / near) : 0;
    }
    if (!check_like_rounding(check, find.misfit, s->size)) return;
    find.explains = check_take(&search->memory, check->count, 1);
    if (!find.explains || !(find.evidence >= search_evidence)) return;
    find.explains[s - check->supplied] = 1;
    find.explained = 1;
    find.misfit += search_own_error(s, s->size);
    find.compared = s->size;
    find.residual = size > 0 ? sqrt(squares / size) : 0;
    search_keep(search, &find, NULL, detail);
}

/* ---- a number that fits -------------------------------------------------------------------------------------------------- */

/* The t by which t times moved comes closest to what is missing from a gradient, and how far it may be off. */
static double search_step(const wg_check *check, const check_supplied *s, const double *moved, double *uncertainty)
{
    double ab = 0, bb = 0, numbers = 0, change = 0;
    for (size_t i = 0; i < s->wanted; i++) {
        numbers += s->numbers[i] * s->numbers[i];
        change += moved[i] * moved[i];
    }
    double ratio = s->exact_rms > 0 ? sqrt(numbers / (double)s->wanted) / s->exact_rms : 1;
    for (size_t i = 0; i < s->wanted && change > 0; i++) {
        double floor = check_floor(check, s, i, s->numbers[i], ratio);
        double a = (s->numbers[i] - s->expected[i]) / floor, b = moved[i] / floor;
        ab += a * b;
        bb += b * b;
    }
    double t = ab / bb,
           rounding = 8 * check_unit(check, s) * sqrt(numbers / change); /* may be the same in every entry */
    rounding += 4 * DBL_EPSILON * fabs(t);                               /* of the differences above */
    *uncertainty = 1 / sqrt(bb) > rounding ? 1 / sqrt(bb) : rounding;
    return t;
}

/* "7 times too small: 7 = columns of X" */
static void search_say_factor(double k, const char *words, char *text, size_t size)
{
    const char *sign = k < 0 ? ", and of the wrong sign" : "", *colon = *words ? ": " : "";
    if (k == -1)
        snprintf(text, size, "the sign is wrong");
    else if (fabs(k) >= 1)
        snprintf(text, size, "%.10g times too large%s%s%s", fabs(k), sign, colon, words);
    else
        snprintf(text, size, "%.10g times too small%s%s%s", 1 / fabs(k), sign, colon, words);
}

/* Judges one t: the contribution plus t times the direction. */
static void search_try_step(const check_edge *edge, wg_cause cause, const double *direction, double *const *moved,
    double t, double uncertainty, const char *detail)
{
    check_search *search = edge->search;
    wg_check *check = search->check;
    char words[200] = "", sentence[320];
    bool is_factor = cause == WG_CAUSE_FACTOR, notable = false;
    double factor = is_factor ? 1 + t : t;
    if (is_factor) {
        notable = check_notable(check, factor, uncertainty, &factor, words, sizeof words);
        t = factor - 1;
        if (factor == -1) cause = WG_CAUSE_SIGN;
        if (fabs(factor) <= 4 * uncertainty || !isfinite(factor)) return; /* nothing left: another mistake's name */
        if (fabs(t) <= 4 * uncertainty) return;                           /* nothing changed */
    }
    double *contribution = check_array(edge, edge->to_size);
    if (!contribution) return;
    for (size_t i = 0; i < edge->to_size; i++) contribution[i] = edge->contribution[i] + t * direction[i];
    for (size_t k = 0; k < check->count; k++) {
        check_supplied *s = &check->supplied[k];
        for (size_t i = 0; i < s->wanted; i++) s->moved[i] = t * moved[k][i];
    }
    if (is_factor)
        search_say_factor(factor, words, sentence, sizeof sentence);
    else
        snprintf(sentence, sizeof sentence, "%s, for a step of %.6g", detail, t);
    check_search_consider(search, cause, factor, contribution, !notable, sentence);
}

void check_search_fit(const check_edge *edge, wg_cause cause, const double *direction, const char *detail)
{
    check_search *search = edge->search;
    wg_check *check = search->check;
    size_t to = check_model_number(&check->model, edge->to);
    if (search->status != WG_OK || search->kinks || search->listener) return;
    search->status = check_flow_change(check, to, direction);
    double **moved = check_take(&search->scratch, check->count, sizeof *moved), tried[8];
    size_t tries = 0;
    for (size_t k = 0; moved && k < check->count; k++)
        moved[k] = check_take_copy(&search->scratch, check->supplied[k].moved, check->supplied[k].wanted);
    if (search->scratch.failed) search->status = WG_ERROR_MEMORY;
    for (size_t k = 0; search->status == WG_OK && k < check->count && tries < 8; k++) {
        const check_supplied *s = &check->supplied[k];
        double uncertainty, t;
        if (!s->fits || !s->fault) continue;
        t = search_step(check, s, moved[k], &uncertainty);
        bool again = !isfinite(t) || !isfinite(uncertainty);
        for (size_t j = 0; j < tries; j++) again = again || fabs(t - tried[j]) <= 4 * uncertainty;
        if (again) continue;
        tried[tries++] = t;
        search_try_step(edge, cause, direction, moved, t, uncertainty, detail);
    }
}

/* ---- every suggestion ---------------------------------------------------------------------------------------------------------- */

typedef struct search_family {
    void (*suggest)(const check_edge *edge);
    bool sums;  /* also sees links that stand for all that arrives at a node */
    bool kinks; /* says where there is another convention, and nothing else */
} search_family;

static const search_family search_families[] = {
    {check_mistakes_general, true, false},
    {check_mistakes_matrix, false, false},
    {check_mistakes_broadcast, false, false},
    {check_mistakes_activation, false, false},
    {check_mistakes_loss, false, false},
    {check_mistakes_operand, false, false},
    {check_mistakes_layout, true, false},
    {check_mistakes_kinks, false, true},
};

bool check_search_edge(check_search *search, size_t link, check_edge *edge)
{
    const check_model *model = &search->check->model;
    const check_link *l = &model->links[link];
    *edge = (check_edge){.search = search,
        .from = model->nodes[l->from].var,
        .to = model->nodes[l->to].var,
        .position = l->position,
        .from_size = model->nodes[l->from].size,
        .to_size = model->nodes[l->to].size,
        .adjoint = model->nodes[l->from].adjoint,
        .contribution = l->contribution};
    if (!edge->contribution || !edge->adjoint || wg_node_read(edge->from, &edge->op) != WG_OK) return false;
    edge->from_shape = wg_shape_of(edge->from);
    edge->to_shape = wg_shape_of(edge->to);
    return true;
}

size_t check_search_families(void) { return sizeof search_families / sizeof *search_families; }

void check_search_ask(check_search *search, size_t family, const check_edge *edge)
{
    const search_family *f = &search_families[family];
    bool asked = (edge->position != SIZE_MAX || f->sums) && search->kinks == f->kinks;
    if (asked && search->status == WG_OK) f->suggest(edge);
    if (search->scratch.failed) search->status = WG_ERROR_MEMORY;
    check_release(&search->scratch);
}

static void search_edge(check_search *search, size_t link)
{
    check_edge edge;
    if (!check_search_edge(search, link, &edge)) return;
    search->link = link;
    for (size_t f = 0; f < check_search_families(); f++) check_search_ask(search, f, &edge);
}

bool check_search_is_cut(check_search *search)
{
    search->check->cut = search->check->cut || search->check->work > search_work;
    return search->check->cut;
}

unsigned char *check_search_reach(check_search *search)
{
    wg_check *check = search->check;
    check_model *model = &check->model;
    unsigned char *reaches = check_take(&search->memory, model->count, 1);
    if (!reaches) return NULL;
    for (size_t k = 0; k < check->count; k++)
        if (check->supplied[k].fault) reaches[check->supplied[k].node] = 1;
    for (size_t k = model->links_count; k-- > 0;) { /* the sweep's order, backwards: what is below comes first */
        const check_link *l = &model->links[k];
        size_t s = model->nodes[l->to].supplied;
        const check_supplied *to = s == SIZE_MAX ? NULL : &check->supplied[s];
        bool cut = l->replaced || (to && (to->stands_in || to->shown) && !to->fault);
        if (l->position != SIZE_MAX && reaches[l->to] && !cut) reaches[l->from] = 1;
    }
    return reaches;
}

size_t check_search_all(check_search *search)
{
    check_model *model = &search->check->model;
    size_t begin = search->count;
    const unsigned char *reaches = check_search_reach(search);
    for (size_t k = 0; reaches && k < model->links_count && search->status == WG_OK; k++) {
        if (check_search_is_cut(search)) break;
        if (reaches[model->links[k].to] && !model->links[k].replaced) search_edge(search, k);
    }
    if (search->memory.failed) search->status = WG_ERROR_MEMORY;
    return begin;
}
