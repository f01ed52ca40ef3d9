/* The same mistake in several places. People write a derivative once and use it in every layer and at every step of time; what
 * is wrong in it is wrong everywhere, and no single edge explains what comes of it.
 *
 * A family's suggestion at one edge is found again at others of the same op by its words, in which nodes go by where they are
 * from the edge: "the derivative of tanh at its input is left out". Then the sweep is run anew, with that suggestion in the place
 * of every such contribution, as it comes out of the adjoints that the mistakes above have changed. */
#include "check/run.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define EVERYWHERE_KEYS  1000 /* suggestions that are looked at, at most */
#define EVERYWHERE_FINDS 24   /* of those that explain a part at one edge */

/* A suggestion that may be made at several edges. */
typedef struct everywhere_key {
    wg_cause cause;
    size_t family, link; /* link: the first of its edges */
    size_t number;       /* among the suggestions of that family there */
    size_t links;        /* how many edges it is made at */
    const char *kind;    /* of the op */
    size_t position;     /* of the input */
    char text[256];      /* nodes going by their places */
} everywhere_key;

typedef struct everywhere {
    check_search *search;
    check_listener listener;
    check_memory memory;
    bool hurried; /* only the likeliest suggestions are made */
    everywhere_key *keys;
    size_t keys_count;

    /* of one suggestion */
    const everywhere_key *key;
    size_t heard;    /* suggestions so far, at one edge */
    size_t skip;     /* of the edges where it could be made, the first ones that it is not made at */
    size_t places;   /* where it was made */
    size_t first;    /* link of the first of those */
    double *numbers; /* the suggestion, of one edge; NULL: not made there */
    char words[256]; /* with names */
} everywhere;

/* ---- hearing ------------------------------------------------------------------------------------------------------------- */

static void everywhere_ask(everywhere *e, size_t family, const check_edge *edge, check_hear hear, bool anonymous)
{
    e->heard = 0;
    e->listener = (check_listener){hear, e, anonymous, e->hurried, false};
    e->search->listener = &e->listener;
    check_search_ask(e->search, family, edge);
    e->search->listener = NULL;
}

/* Notes each suggestion as a key. */
static void everywhere_hear_keys(
    void *user, const check_edge *edge, wg_cause cause, const double *numbers, const char *words)
{
    everywhere *e = user;
    size_t number = e->heard++, family = e->key->family;
    (void)numbers;
    for (size_t k = 0; k < e->keys_count; k++) {
        everywhere_key *key = &e->keys[k];
        if (key->family != family || key->cause != cause || strcmp(key->text, words) != 0) continue;
        if (key->position != edge->position || strcmp(key->kind, edge->op.kind) != 0) continue;
        key->links++;
        return;
    }
    if (e->keys_count == EVERYWHERE_KEYS) return;
    everywhere_key *key = &e->keys[e->keys_count++];
    *key = (everywhere_key){.cause = cause, .family = family, .link = e->search->link, .number = number, .links = 1};
    key->kind = edge->op.kind;
    key->position = edge->position;
    snprintf(key->text, sizeof key->text, "%s", words);
}

/* Takes the numbers of the key's suggestion. */
static void everywhere_hear_numbers(
    void *user, const check_edge *edge, wg_cause cause, const double *numbers, const char *words)
{
    everywhere *e = user;
    e->heard++;
    if (e->numbers || cause != e->key->cause || strcmp(words, e->key->text) != 0) return;
    e->numbers = check_take_copy(&e->memory, numbers, edge->to_size);
    e->listener.done = true;
}

/* Takes the words of the suggestion with the key's number. */
static void everywhere_hear_words(
    void *user, const check_edge *edge, wg_cause cause, const double *numbers, const char *words)
{
    everywhere *e = user;
    (void)edge, (void)numbers, (void)cause;
    if (e->heard++ == e->key->number) snprintf(e->words, sizeof e->words, "%s", words);
}

/* ---- one suggestion, everywhere ------------------------------------------------------------------------------------------ */

/* An edge of the sweep: the suggestion replaces its contribution, if it is made there. */
static wg_status everywhere_visit(void *user, size_t link, const wg_edge *at)
{
    everywhere *e = user;
    check_search *search = e->search;
    const check_model *model = &search->check->model;
    check_edge edge;
    if (model->links[link].replaced || model->links[link].position != e->key->position) return WG_OK;
    if (!check_search_edge(search, link, &edge) || strcmp(e->key->kind, edge.op.kind) != 0) return WG_OK;
    edge.adjoint = at->adjoint;
    edge.contribution = at->contribution;
    e->numbers = NULL;
    everywhere_ask(e, e->key->family, &edge, everywhere_hear_numbers, true);
    if (!e->numbers) return search->status;
    if (e->skip > 0) return e->skip--, WG_OK;
    if (edge.to_size) memcpy(at->contribution, e->numbers, edge.to_size * sizeof *e->numbers);
    if (e->places++ == 0) e->first = link;
    return search->status;
}

/* Copies of what is expected of the supplied gradients. */
static double **everywhere_expected(everywhere *e)
{
    wg_check *check = e->search->check;
    double **copies = check_take(&e->memory, check->count, sizeof *copies);
    for (size_t k = 0; copies && k < check->count; k++)
        copies[k] = check_take_copy(&e->memory, check->supplied[k].expected, check->supplied[k].wanted);
    return copies;
}

/* The words of what was found last, with names; the sweep is the base one again, as families expect it. */
static void everywhere_say(everywhere *e, const everywhere_key *key)
{
    check_search *search = e->search;
    check_edge edge;
    char detail[320];
    search->status = check_flow_base(search->check);
    if (search->status != WG_OK || !check_search_edge(search, key->link, &edge)) return;
    everywhere_ask(e, key->family, &edge, everywhere_hear_words, false);
    int length = snprintf(
        detail, sizeof detail, "%s; likewise at %zu other step%s", e->words, e->places - 1, e->places > 2 ? "s" : "");
    char *copy = check_take(&search->memory, (size_t)length + 1, 1);
    if (!copy) search->status = WG_ERROR_MEMORY;
    if (copy) search->finds[search->count - 1].detail = memcpy(copy, detail, strlen(detail));
}

/* Runs the sweep with the suggestion in it, and considers what it does. */
static void everywhere_try(everywhere *e, const everywhere_key *key, size_t skip)
{
    check_search *search = e->search;
    wg_check *check = search->check;
    size_t finds = search->count;
    double **before = everywhere_expected(e);
    e->key = key, e->skip = skip, e->places = 0;
    if (!before) search->status = WG_ERROR_MEMORY;
    if (search->status == WG_OK) search->status = check_flow_mistaken(check, everywhere_visit, e);
    for (size_t k = 0; search->status == WG_OK && k < check->count; k++) {
        check_supplied *s = &check->supplied[k];
        for (size_t i = 0; i < s->wanted; i++) s->moved[i] = s->expected[i] - before[k][i];
        if (s->wanted) memcpy(s->expected, before[k], s->wanted * sizeof *s->expected);
    }
    if (search->status != WG_OK || e->places < 2) return;
    search->link = e->first;
    check_search_consider(search, key->cause, (double)NAN, NULL, false, "");
    if (search->count > finds && search->status == WG_OK) everywhere_say(e, key);
}

/* ---- which suggestions ------------------------------------------------------------------------------------------------------ */

static void everywhere_collect(everywhere *e, size_t family, size_t link)
{
    check_edge edge;
    everywhere_key here = {.family = family, .link = link};
    if (!check_search_edge(e->search, link, &edge) || edge.position == SIZE_MAX) return;
    e->search->link = link;
    e->key = &here;
    everywhere_ask(e, family, &edge, everywhere_hear_keys, true);
}

/* The words of a find, nodes going by their places: the suggestion with the same words at its edge. */
typedef struct everywhere_match {
    const check_find *find;
    size_t heard, number;
    bool found;
} everywhere_match;

static void everywhere_hear_find(
    void *user, const check_edge *edge, wg_cause cause, const double *numbers, const char *words)
{
    everywhere_match *m = user;
    (void)edge, (void)numbers;
    if (!m->found && cause == m->find->cause && !strncmp(words, m->find->detail, 255)) {
        m->found = true;
        m->number = m->heard;
    }
    m->heard++;
}

static void everywhere_hear_text(
    void *user, const check_edge *edge, wg_cause cause, const double *numbers, const char *words)
{
    everywhere *e = user;
    everywhere_key *key = &e->keys[0];
    (void)edge, (void)numbers, (void)cause;
    if (e->heard++ == key->number) snprintf(key->text, sizeof key->text, "%s", words);
}

static bool everywhere_key_of(everywhere *e, const check_find *find, everywhere_key *key)
{
    check_search *search = e->search;
    check_edge edge;
    if (!check_search_edge(search, find->link, &edge) || edge.position == SIZE_MAX || !find->detail) return false;
    search->link = find->link;
    for (size_t family = 0; family < check_search_families(); family++) {
        everywhere_match match = {.find = find};
        check_listener listener = {everywhere_hear_find, &match, false, false, false};
        search->listener = &listener;
        check_search_ask(search, family, &edge);
        search->listener = NULL;
        if (!match.found) continue;
        *key = (everywhere_key){find->cause, family, find->link, match.number, 1, edge.op.kind, edge.position, ""};
        e->keys = key;
        everywhere_ask(e, family, &edge, everywhere_hear_text, true);
        return key->text[0] != '\0';
    }
    return false;
}

/* ---- the whole -------------------------------------------------------------------------------------------------------------- */

wg_status check_everywhere_of_finds(check_search *search, size_t begin, size_t end)
{
    everywhere e = {.search = search};
    size_t tried = 0;
    for (size_t k = begin; k < end && tried < EVERYWHERE_FINDS && search->status == WG_OK; k++) {
        everywhere_key key;
        check_find find = search->finds[k];
        if (find.mistake || !isnan(find.factor) || !everywhere_key_of(&e, &find, &key)) continue;
        tried++;
        everywhere_try(&e, &key, 0);
        if (e.places > 2) everywhere_try(&e, &key, 1); /* at all but the first, such as the output layer's */
        if (search->status == WG_OK) search->status = check_flow_base(search->check);
        check_release(&e.memory);
    }
    check_release(&e.memory);
    return search->status;
}

wg_status check_everywhere_of_all(check_search *search, const unsigned char *reaches)
{
    check_memory memory = {0};
    everywhere e = {.search = search, .hurried = true, .keys = check_take(&memory, EVERYWHERE_KEYS, sizeof *e.keys)};
    const check_model *model = &search->check->model;
    if (!e.keys) search->status = WG_ERROR_MEMORY;
    for (size_t family = 0; family < check_search_families(); family++)
        for (size_t k = 0; search->status == WG_OK && k < model->links_count; k++)
            if (reaches[model->links[k].to] && !model->links[k].replaced) everywhere_collect(&e, family, k);
    for (size_t k = 0; search->status == WG_OK && k < e.keys_count && !check_search_is_cut(search); k++)
        if (e.keys[k].links > 1) {
            everywhere_try(&e, &e.keys[k], 0);
            check_release(&e.memory);
        }
    if (search->status == WG_OK) search->status = check_flow_base(search->check);
    check_release(&e.memory);
    check_release(&memory);
    return search->status;
}
