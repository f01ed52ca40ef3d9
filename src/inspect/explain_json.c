/* The forward pass and the reverse sweep as JSON: all that a page needs to show them step by step. */
#include "inspect/explain.h"
#include "inspect/formula.h"
#include "inspect/output.h"

#include <stdlib.h>

enum { EXPLAIN_FORWARD_DEPTH = 8 };

/* What is written, and what of it has been so far. */
typedef struct explain_page {
    wg_explanation *e;
    wg_inspect_output out;
    const char *comma;      /* between entries of the list under way */
    uint32_t *stack, *seen; /* for walks over the tape */
} explain_page;

/* ---- entries ------------------------------------------------------------------------------------------------------------- */

static void page_entry(explain_page *page)
{
    wg_inspect_put(&page->out, page->comma);
    wg_inspect_put(&page->out, "\n{");
    page->comma = ",";
}

static void page_numbers(const explain_page *page, const char *key, const double *numbers, size_t n)
{
    wg_dtype dtype = wg_tape_dtype(page->e->scalar.tape);
    wg_inspect_putf(&page->out, "\"%s\": [", key);
    for (size_t i = 0; i < n; i++) {
        wg_inspect_put(&page->out, i ? "," : "");
        wg_inspect_json_number(&page->out, numbers[i], dtype);
    }
    wg_inspect_put(&page->out, "]");
}

static void page_string(const explain_page *page, const char *key, const char *text)
{
    wg_inspect_putf(&page->out, "\"%s\": ", key);
    wg_inspect_json_string(&page->out, text);
    wg_inspect_put(&page->out, ", ");
}

/* "dA1" */
static void page_d(const explain_page *page, const char *key, const char *name)
{
    size_t size = 2;
    for (const char *c = name; *c; c++) size++;
    char *text = wg_explain_memory(page->e, size, 1);
    if (!text) return;
    text[0] = 'd';
    for (size_t k = 0; k + 2 < size; k++) text[k + 1] = name[k];
    page_string(page, key, text);
    free(text);
}

static void page_shape(const explain_page *page, wg_shape shape)
{
    wg_inspect_put(&page->out, "\"shape\": ");
    wg_inspect_json_shape(&page->out, &shape);
    wg_inspect_put(&page->out, ", ");
}

/* ---- forward ------------------------------------------------------------------------------------------------------------- */

static const char *page_name(void *user, wg_var node)
{
    const wg_explanation *e = ((const explain_page *)user)->e;
    wg_node_info info;
    uint32_t place = node.index < e->count ? e->place[node.index] : 0;
    if (place) return e->values[place - 1].name;
    return wg_node_read(node, &info) == WG_OK ? info.name : NULL;
}

static void page_value(const explain_page *page, wg_var node, bool indices)
{
    size_t n = wg_size(node);
    const int64_t *integers = indices ? wg_value_indices(node) : NULL;
    wg_dtype dtype = wg_tape_dtype(page->e->scalar.tape);
    wg_inspect_put(&page->out, "\"value\": [");
    for (size_t i = 0; i < n; i++) {
        wg_inspect_put(&page->out, i ? "," : "");
        if (integers)
            wg_inspect_putf(&page->out, "%lld", (long long)integers[i]);
        else
            wg_inspect_json_number(&page->out, wg_at(node, i), dtype);
    }
    wg_inspect_put(&page->out, "]");
}

/* The names that a value is computed from, with nothing but unnamed ops between. */
static void page_inputs(explain_page *page, wg_var top)
{
    size_t depth = 0;
    const char *comma = "";
    wg_node_info info;
    page->stack[depth++] = top.index;
    wg_inspect_put(&page->out, "\"inputs\": [");
    while (depth) {
        wg_var node = wg_node_at(top.tape, page->stack[--depth]);
        const char *name = node.index == top.index ? NULL : page_name(page, node);
        wg_node_read(node, &info);
        if (name) {
            wg_inspect_put(&page->out, comma);
            wg_inspect_json_string(&page->out, name);
            comma = ", ";
            continue;
        }
        for (size_t k = info.inputs; k-- > 0;) { /* the first one comes off the stack first */
            uint32_t input = wg_node_input(node, k).index;
            if (page->seen[input] == top.index + 1) continue;
            page->seen[input] = top.index + 1;
            page->stack[depth++] = input;
        }
    }
    wg_inspect_put(&page->out, "], ");
}

static void page_forward(explain_page *page, wg_var node, const char *name)
{
    const wg_formula_style style = {.depth = EXPLAIN_FORWARD_DEPTH, .name = page_name, .user = page};
    wg_node_info info;
    wg_node_read(node, &info);
    page_entry(page);
    page_string(page, "name", name);
    page_string(page, "kind", info.kind);
    size_t size = info.op ? wg_formula_write(&style, node, NULL, 0) + 1 : 1;
    char *formula = wg_explain_memory(page->e, size, 1);
    if (!formula) return;
    if (info.op) wg_formula_write(&style, node, formula, size);
    page_string(page, "formula", info.op ? formula : NULL);
    free(formula);
    page_inputs(page, node);
    page_shape(page, info.shape);
    page_value(page, node, info.flags & WG_IS_INDICES);
    wg_inspect_put(&page->out, "}");
}

/* ---- backward ------------------------------------------------------------------------------------------------------------ */

static void page_part(wg_explanation *e, const wg_explain_part *part, const char *formula, void *user)
{
    explain_page *page = user;
    wg_node_info info;
    (void)e;
    wg_node_read(part->node, &info);
    page_entry(page);
    page_string(page, "name", part->name);
    page_string(page, "formula", formula);
    page_shape(page, info.shape);
    page_value(page, part->node, info.flags & WG_IS_INDICES);
    wg_inspect_put(&page->out, "}");
}

static void page_step(explain_page *page, const wg_explained *value)
{
    char *formula = wg_explain_adjoint(page->e, value, page_part, page);
    if (!formula) return;
    page_entry(page);
    page_d(page, "name", value->name);
    page_string(page, "of", value->name);
    page_string(page, "formula", formula);
    free(formula);
    wg_inspect_put(&page->out, "\"from\": [");
    for (size_t k = 0; k < value->users_count; k++) {
        wg_inspect_put(&page->out, k ? ", " : "");
        wg_inspect_json_string(&page->out, page->e->values[value->users[k]].name);
    }
    wg_inspect_putf(&page->out, "], \"wrt\": %s, ", value->wrt ? "true" : "false");
    page_shape(page, wg_shape_of(value->node));
    wg_inspect_put(&page->out, "\"norm\": ");
    wg_inspect_json_number(&page->out, wg_explain_norm(value->adjoint, value->size), WG_F64);
    wg_inspect_put(&page->out, ", ");
    page_numbers(page, "adjoint", value->adjoint, value->size);
    wg_inspect_put(&page->out, "}");
}

/* ---- public -------------------------------------------------------------------------------------------------------------- */

static void page_write(explain_page *page)
{
    wg_explanation *e = page->e;
    wg_node_info info;
    wg_inspect_put(&page->out, "{");
    page_string(page, "scalar", e->values[e->place[e->scalar.index] - 1].name);
    page_string(page, "dtype", wg_tape_dtype(e->scalar.tape) == WG_F64 ? "f64" : "f32");
    wg_inspect_put(&page->out, "\n\"forward\": [");
    for (size_t i = 0; i < e->count && e->status == WG_OK; i++) {
        wg_var node = wg_node_at(e->scalar.tape, i);
        const char *name = page_name(page, node);
        if (wg_node_read(node, &info) == WG_OK && name && (e->kind[i] & WG_EXPLAIN_ABOVE || e->place[i]))
            page_forward(page, node, name);
    }
    wg_inspect_put(&page->out, "],\n\"backward\": [");
    page->comma = "";
    for (size_t k = 0; k < e->lines_count && e->status == WG_OK; k++) page_step(page, e->lines[k]);
    wg_inspect_put(&page->out, "]}\n");
}

wg_status wg_explain_json(wg_var scalar, const wg_var *wrt, size_t n, wg_writer write, void *user)
{
    wg_explanation e;
    explain_page page = {.e = &e, .out = {write, user}, .comma = ""};
    if (wg_explain_open(&e, scalar, wrt, n, write) == WG_OK) {
        page.stack = wg_explain_memory(&e, e.count, sizeof *page.stack);
        page.seen = wg_explain_memory(&e, e.count, sizeof *page.seen);
    }
    if (e.status == WG_OK) page_write(&page);
    free(page.stack);
    free(page.seen);
    wg_explain_close(&e);
    return e.status;
}
