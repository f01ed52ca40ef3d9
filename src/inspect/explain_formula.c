/* Formulas of adjoints. What lies too deep is a part of its own, t1, t2, ..., that stands in a line before. */
#include "inspect/explain.h"
#include "inspect/formula.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXPLAIN_DEPTH = 7 };

/* ---- what the formula asks ----------------------------------------------------------------------------------------------- */

static const char *explain_part_name(const wg_explanation *e, wg_var node)
{
    for (size_t k = 0; k < e->parts_count; k++)
        if (e->parts[k].node.index == node.index) return e->parts[k].name;
    return NULL;
}

static const char *explain_formula_name(void *user, wg_var node)
{
    wg_node_info info;
    const char *part = explain_part_name(user, node);
    if (part) return part;
    return wg_node_read(node, &info) == WG_OK ? info.name : NULL;
}

static wg_var explain_formula_known(void *user, const char *op, wg_var x)
{
    const wg_explanation *e = user;
    wg_node_info info;
    for (size_t k = 0; k < e->values_count; k++) {
        wg_var made = e->values[k].made;
        if (wg_ok(made) && wg_node_input(made, 0).index == x.index && wg_node_read(made, &info) == WG_OK && info.op &&
            info.inputs == 1 && !strcmp(info.kind, op))
            return made;
    }
    return (wg_var){0};
}

static void explain_formula_cut(void *user, wg_var node)
{
    wg_explanation *e = user;
    if (explain_part_name(e, node) || e->status != WG_OK) return;
    if (e->parts_count == e->parts_capacity) {
        size_t capacity = 2 * e->parts_capacity + 8;
        wg_explain_part *parts = realloc(e->parts, capacity * sizeof *parts);
        if (!parts) {
            wg_explain_fail(e, WG_ERROR_MEMORY, "out of memory");
            return;
        }
        e->parts = parts;
        e->parts_capacity = capacity;
    }
    e->parts[e->parts_count++] = (wg_explain_part){.node = node, .name = "t"};
}

/* ---- text ---------------------------------------------------------------------------------------------------------------- */

static size_t explain_formula_text(wg_explanation *e, wg_var node, char *text, size_t size)
{
    const wg_formula_style style = {.depth = EXPLAIN_DEPTH,
        .tidy = true,
        .name = explain_formula_name,
        .known = explain_formula_known,
        .cut = explain_formula_cut,
        .user = e};
    wg_node_info info;
    bool named = wg_node_read(node, &info) == WG_OK && info.name; /* dZ itself, passed on as it is */
    if (!named) return wg_formula_write(&style, node, text, size);
    return (size_t)snprintf(text, size, "%s", info.name);
}

static char *explain_formula_string(wg_explanation *e, wg_var node)
{
    size_t length = explain_formula_text(e, node, NULL, 0);
    char *text = wg_explain_memory(e, length + 1, 1);
    if (text) explain_formula_text(e, node, text, length + 1);
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
    explain_formula_text(e, node, NULL, 0); /* finds the parts; then those of parts */
    for (size_t k = e->parts_written; k < e->parts_count && e->status == WG_OK; k++)
        explain_formula_text(e, e->parts[k].node, NULL, 0);
    size_t first = e->parts_written;
    if (e->parts_count > first) qsort(e->parts + first, e->parts_count - first, sizeof *e->parts, explain_part_compare);
    for (size_t k = first; k < e->parts_count && e->status == WG_OK; k++) {
        wg_explain_part *part = &e->parts[k];
        snprintf(part->name, sizeof part->name, "t%zu", k + 1);
        char *text = explain_formula_string(e, part->node);
        if (text) write(e, part, text, user);
        free(text);
    }
    e->parts_written = e->parts_count;
    return e->status == WG_OK ? explain_formula_string(e, node) : NULL;
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
