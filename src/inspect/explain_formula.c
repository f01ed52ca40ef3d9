/* Formulas of adjoints. What lies too deep is a part of its own, t1, t2, ..., that stands in a line before. */
#include "inspect/explain.h"
#include "inspect/formula.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A formula longer than this is taken apart, where that helps. */
enum { EXPLAIN_LENGTH = 90, EXPLAIN_DEPTH = 10, EXPLAIN_VISITS = 64 };

/* One attempt at a formula: the ops that it wrote out, and those at which its depth ended. */
typedef struct explain_attempt {
    wg_explanation *e;
    wg_var root, instead; /* of the formula; taken for a part */
    size_t visits, cuts;
    wg_var visited[EXPLAIN_VISITS], cut[WG_FORMULA_PARTS];
    bool repeated[EXPLAIN_VISITS];
} explain_attempt;

/* ---- what the formula asks ----------------------------------------------------------------------------------------------- */

static const char *explain_part_name(const wg_explanation *e, wg_var node)
{
    uint32_t part = e->part_of[node.index];
    return part ? e->parts[part - 1].name : NULL;
}

static const char *explain_formula_name(void *user, wg_var node)
{
    const explain_attempt *attempt = user;
    wg_node_info info;
    const char *part = explain_part_name(attempt->e, node);
    if (part) return part;
    if (attempt->instead.tape && attempt->instead.index == node.index) return "t0";
    return wg_node_read(node, &info) == WG_OK ? info.name : NULL;
}

static wg_var explain_formula_known(void *user, const char *op, wg_var x)
{
    const wg_explanation *e = ((const explain_attempt *)user)->e;
    wg_node_info info;
    for (uint32_t k = e->value_of[x.index]; k; k = e->values[k - 1].beside)
        if (wg_node_read(e->values[k - 1].made, &info) == WG_OK && !strcmp(info.kind, op)) return e->values[k - 1].made;
    return (wg_var){0};
}

/* Room for as many parts as one formula can need: names must not move while it is made. */
static bool explain_reserve(wg_explanation *e)
{
    if (e->parts_capacity - e->parts_count > WG_FORMULA_PARTS) return true;
    size_t capacity = 2 * e->parts_capacity + 2 * WG_FORMULA_PARTS;
    wg_explain_part *parts = realloc(e->parts, capacity * sizeof *parts);
    if (!parts) {
        wg_explain_fail(e, WG_ERROR_MEMORY, "out of memory");
        return false;
    }
    e->parts = parts;
    e->parts_capacity = capacity;
    return true;
}

static void explain_add_part(wg_explanation *e, wg_var node)
{
    if (explain_part_name(e, node) || e->parts_count == e->parts_capacity) return;
    e->parts[e->parts_count++] = (wg_explain_part){.node = node, .name = "t"};
    e->part_of[node.index] = (uint32_t)e->parts_count;
}

static void explain_formula_cut(void *user, wg_var node)
{
    explain_attempt *attempt = user;
    if (attempt->cuts < WG_FORMULA_PARTS) attempt->cut[attempt->cuts++] = node;
}

static void explain_formula_visit(void *user, wg_var node)
{
    explain_attempt *attempt = user;
    if (node.index == attempt->root.index) {
        attempt->visits = attempt->cuts = 0;
        return;
    }
    size_t k = 0;
    while (k < attempt->visits && attempt->visited[k].index != node.index) k++;
    if (k == EXPLAIN_VISITS) return;
    attempt->repeated[k] = k < attempt->visits;
    if (k < attempt->visits) return;
    attempt->visited[attempt->visits++] = node;
}

/* ---- text ---------------------------------------------------------------------------------------------------------------- */

static size_t explain_attempt_text(explain_attempt *attempt, wg_var node, char *text, size_t size)
{
    const wg_formula_style style = {.depth = EXPLAIN_DEPTH,
        .tidy = true,
        .single = wg_tape_dtype(attempt->e->scalar.tape) == WG_F32,
        .name = explain_formula_name,
        .known = explain_formula_known,
        .visit = explain_formula_visit,
        .cut = explain_formula_cut,
        .user = attempt};
    wg_node_info info;
    bool named = wg_node_read(node, &info) == WG_OK && info.name; /* dZ itself, passed on as it is */
    attempt->root = node;
    attempt->visits = attempt->cuts = 0;
    if (!named) return wg_formula_write(&style, node, text, size);
    return (size_t)snprintf(text, size, "%s", info.name);
}

/* A truth, or the same numbers in another shape, is no part of its own. */
static bool explain_is_part(wg_var node)
{
    static const char *const wrappers[] = {"reshape", "broadcast_to", "transpose", "permute"};
    wg_node_info info;
    if (wg_node_read(node, &info) != WG_OK || !info.op || info.op->flags & WG_OP_CUTS) return false;
    for (size_t k = 0; k < sizeof wrappers / sizeof *wrappers; k++)
        if (!strcmp(info.kind, wrappers[k])) return false;
    return true;
}

/* Chooses what is to become a part of a formula of that length: the outermost that is in it more than once, if that makes the
 * two lines together shorter; else what is nearest to half of it. */
static bool explain_choose(const explain_attempt *whole, wg_var node, size_t length, wg_var *chosen)
{
    size_t best = length;
    for (size_t k = 0; k < whole->visits; k++) {
        explain_attempt own = {.e = whole->e}, rest = {.e = whole->e, .instead = whole->visited[k]};
        if (!explain_is_part(whole->visited[k])) continue;
        size_t part = explain_attempt_text(&own, whole->visited[k], NULL, 0);
        size_t without = length > part ? length - part : 0, longer = part > without ? part : without;
        if (part <= 8) continue;
        if (whole->repeated[k] && explain_attempt_text(&rest, node, NULL, 0) + part + 4 < length) {
            *chosen = whole->visited[k];
            return true;
        }
        if (longer >= best) continue;
        best = longer;
        *chosen = whole->visited[k];
    }
    return best < length;
}

/* Finds the parts that the formula of a node needs. */
static void explain_fit(wg_explanation *e, wg_var node)
{
    while (e->status == WG_OK && explain_reserve(e)) {
        explain_attempt attempt = {.e = e};
        wg_var chosen = {0};
        size_t length = explain_attempt_text(&attempt, node, NULL, 0);
        if (length > EXPLAIN_LENGTH && explain_choose(&attempt, node, length, &chosen)) {
            explain_add_part(e, chosen);
            continue;
        }
        if (attempt.cuts == 0) break;
        for (size_t k = 0; k < attempt.cuts; k++) explain_add_part(e, attempt.cut[k]);
    }
}

static char *explain_string(wg_explanation *e, wg_var node)
{
    explain_attempt attempt = {.e = e};
    size_t length = explain_attempt_text(&attempt, node, NULL, 0);
    char *text = wg_explain_memory(e, length + 1, 1);
    if (text) explain_attempt_text(&attempt, node, text, length + 1);
    return text;
}

/* In the order of the tape a part stands behind those that it uses. */
static int explain_part_compare(const void *left, const void *right)
{
    const wg_explain_part *a = left, *b = right;
    return a->node.index < b->node.index ? -1 : a->node.index > b->node.index;
}

char *wg_explain_formula(wg_explanation *e, wg_var node, wg_explain_part_writer *write, void *user)
{
    size_t first = e->parts_written;
    explain_fit(e, node);
    for (size_t k = first; k < e->parts_count && e->status == WG_OK; k++) /* parts need parts */
        explain_fit(e, e->parts[k].node);
    if (e->parts_count > first) qsort(e->parts + first, e->parts_count - first, sizeof *e->parts, explain_part_compare);
    for (size_t k = first; k < e->parts_count; k++) e->part_of[e->parts[k].node.index] = (uint32_t)k + 1;
    for (size_t k = first; k < e->parts_count && e->status == WG_OK; k++) {
        wg_explain_part *part = &e->parts[k];
        snprintf(part->name, sizeof part->name, "%s%zu", e->part_prefix, k + 1);
        char *text = explain_string(e, part->node);
        if (text) write(e, part, text, user);
        free(text);
    }
    e->parts_written = e->parts_count;
    return e->status == WG_OK ? explain_string(e, node) : NULL;
}

char *wg_explain_adjoint(wg_explanation *e, const wg_explained *value, wg_explain_part_writer *write, void *user)
{
    bool some = wg_ok(value->total), seed = value->node.index == e->scalar.index;
    char *formula = some ? wg_explain_formula(e, value->total, write, user) : NULL;
    if (e->status != WG_OK) return NULL;
    const char *start = some ? formula : seed ? "1" : value->own[0] ? "" : "0";
    size_t size = strlen(start) + sizeof value->own + 40;
    char *text = wg_explain_memory(e, size, 1);
    if (text) {
        size_t length = (size_t)snprintf(text, size, "%s%s", start, value->own[0] && *start ? " + " : "");
        if (value->own[0]) snprintf(text + length, size - length, "(by %s's own derivative)", value->own);
    }
    free(formula);
    return text;
}
