/* A tape written out, node by node: as a table, as JSON, as a graph for Graphviz. */
#include "inspect/output.h"

#include "wengert/tape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    unsigned flag;
    const char *word;
} dump_flags[] = {{WG_IS_LEAF, "leaf"}, {WG_IS_VARIABLE, "variable"}, {WG_IS_INDICES, "indices"},
    {WG_DEPENDS, "depends"}, {WG_IS_STALE, "stale"}, {WG_IS_RETAINED, "retained"}, {WG_IS_VIEW, "view"}};
enum { DUMP_FLAGS = sizeof dump_flags / sizeof *dump_flags };

enum { DUMP_WORDS = 512 };

/* ---- text ---------------------------------------------------------------------------------------------------------------- */

/* The columns after the index, and how wide each is. Wider entries than the most that a column may have stick out. */
enum { DUMP_NAME, DUMP_OP, DUMP_INPUTS, DUMP_SHAPE, DUMP_COLUMNS, DUMP_WIDEST = 40 };

/* Adds up the characters of a column, or writes them. */
typedef struct dump_cell {
    const wg_inspect_output *out; /* NULL: only count */
    size_t width;
} dump_cell;

static void dump_put(dump_cell *cell, const char *text)
{
    cell->width += wg_inspect_width(text);
    bool valid; /* a name with a line break must not break the line */
    for (size_t n; cell->out && *text; text += n) {
        n = wg_inspect_character(text, &valid);
        bool printed = valid && ((unsigned char)*text >= 0x20 && *text != 0x7F);
        cell->out->write(cell->out->user, printed ? text : "?", printed ? n : 1);
    }
}

static void dump_cell_of(dump_cell *cell, int column, wg_var node, const wg_node_info *info)
{
    char text[DUMP_WORDS];
    wg_node_info input;
    if (column == DUMP_NAME && info->name) dump_put(cell, info->name);
    if (column == DUMP_OP) {
        dump_put(cell, info->kind);
        if (wg_node_attributes(node, text, sizeof text)) dump_put(cell, " "), dump_put(cell, text);
    }
    for (size_t k = 0; column == DUMP_INPUTS && k < info->inputs; k++) {
        wg_var from = wg_node_input(node, k);
        wg_node_read(from, &input);
        snprintf(text, sizeof text, "%%%u", (unsigned)from.index);
        dump_put(cell, k ? ", " : "");
        dump_put(cell, input.name ? input.name : text);
    }
    if (column == DUMP_SHAPE) {
        dump_put(cell, "(");
        for (uint32_t d = 0; d < info->shape.rank; d++) {
            snprintf(text, sizeof text, "%s%zu", d ? "," : "", info->shape.dim[d]);
            dump_put(cell, text);
        }
        dump_put(cell, ")");
    }
}

static void dump_text(wg_tape *tape, const wg_inspect_output *out)
{
    size_t count = wg_node_count(tape), width[DUMP_COLUMNS] = {0};
    int digits = snprintf(NULL, 0, "%zu", count ? count - 1 : 0);
    wg_node_info info;
    for (size_t i = 0; i < count; i++) {
        wg_var node = wg_node_at(tape, i);
        wg_node_read(node, &info);
        for (int column = 0; column < DUMP_COLUMNS; column++) {
            dump_cell cell = {NULL, 0};
            dump_cell_of(&cell, column, node, &info);
            if (cell.width > DUMP_WIDEST) cell.width = DUMP_WIDEST;
            if (cell.width > width[column]) width[column] = cell.width;
        }
    }
    for (size_t i = 0; i < count; i++) {
        wg_var node = wg_node_at(tape, i);
        wg_node_read(node, &info);
        wg_inspect_putf(out, "%%%-*zu", digits, i);
        for (int column = 0; column < DUMP_COLUMNS; column++) {
            dump_cell cell = {out, 0};
            wg_inspect_put(out, width[column] ? "  " : "");
            dump_cell_of(&cell, column, node, &info);
            bool last = column == DUMP_COLUMNS - 1 && !(info.flags & ~(unsigned)WG_IS_LEAF);
            for (; cell.width < width[column] && !last; cell.width++) wg_inspect_put(out, " ");
        }
        const char *space = "  ";
        for (size_t k = 1; k < DUMP_FLAGS; k++) /* that it is a leaf, its kind says */
            if (info.flags & dump_flags[k].flag) wg_inspect_putf(out, "%s%s", space, dump_flags[k].word), space = " ";
        wg_inspect_put(out, "\n");
    }
}

/* ---- JSON ---------------------------------------------------------------------------------------------------------------- */

static void dump_json_node(wg_var node, const wg_inspect_output *out)
{
    wg_node_info info;
    char text[DUMP_WORDS];
    wg_node_read(node, &info);
    wg_inspect_putf(out, "{\"index\": %u, \"kind\": ", (unsigned)node.index);
    wg_inspect_json_string(out, info.kind);
    wg_inspect_put(out, ", \"name\": ");
    wg_inspect_json_string(out, info.name);
    wg_inspect_put(out, ", \"shape\": ");
    wg_inspect_json_shape(out, &info.shape);
    wg_inspect_put(out, ", \"inputs\": [");
    for (size_t k = 0; k < info.inputs; k++)
        wg_inspect_putf(out, "%s%u", k ? ", " : "", (unsigned)wg_node_input(node, k).index);
    wg_inspect_put(out, "], \"attributes\": ");
    wg_node_attributes(node, text, sizeof text);
    wg_inspect_json_string(out, text);
    wg_inspect_put(out, ", \"flags\": [");
    const char *comma = "";
    for (size_t k = 0; k < DUMP_FLAGS; k++)
        if (info.flags & dump_flags[k].flag) wg_inspect_putf(out, "%s\"%s\"", comma, dump_flags[k].word), comma = ", ";
    wg_inspect_put(out, "]}");
}

static void dump_json(wg_tape *tape, const wg_inspect_output *out)
{
    wg_inspect_putf(out, "{\"dtype\": \"%s\", \"nodes\": [", wg_tape_dtype(tape) == WG_F64 ? "f64" : "f32");
    for (size_t i = 0; i < wg_node_count(tape); i++) {
        wg_inspect_put(out, i ? ",\n" : "\n");
        dump_json_node(wg_node_at(tape, i), out);
    }
    wg_inspect_put(out, "\n]}\n");
}

/* ---- DOT ----------------------------------------------------------------------------------------------------------------- */

/* Leaves are boxes, ops ellipses; what is to be differentiated for is blue, what a sweep passes through is outlined in blue. */
static void dump_dot_node(wg_var node, const wg_inspect_output *out)
{
    wg_node_info info;
    char words[DUMP_WORDS];
    wg_node_read(node, &info);
    size_t length = wg_node_attributes(node, words, sizeof words), size = length + 320;
    size += info.name ? strlen(info.name) : 0;
    char *label = malloc(size);
    if (!label) return;
    length = (size_t)snprintf(label, size, "%s%s%s%s%s\n(", info.name ? info.name : "", info.name ? "\n" : "",
        info.kind, words[0] ? " " : "", words);
    for (uint32_t d = 0; d < info.shape.rank; d++)
        length += (size_t)snprintf(label + length, size - length, "%s%zu", d ? "," : "", info.shape.dim[d]);
    snprintf(label + length, size - length, ")");
    wg_inspect_putf(out, "  n%u [label=", (unsigned)node.index);
    wg_inspect_dot_string(out, label);
    free(label);
    if (info.flags & WG_IS_LEAF) wg_inspect_put(out, ", shape=box");
    if (info.flags & WG_IS_VARIABLE)
        wg_inspect_put(out, ", style=filled, fillcolor=lightblue");
    else if (info.flags & WG_DEPENDS)
        wg_inspect_put(out, ", color=blue");
    wg_inspect_put(out, "];\n");
    for (size_t k = 0; k < info.inputs; k++) {
        wg_inspect_putf(out, "  n%u -> n%u", (unsigned)wg_node_input(node, k).index, (unsigned)node.index);
        if (info.inputs > 1) wg_inspect_putf(out, " [label=\"%zu\"]", k);
        wg_inspect_put(out, ";\n");
    }
}

static void dump_dot(wg_tape *tape, const wg_inspect_output *out)
{
    wg_inspect_put(out, "digraph tape {\n");
    for (size_t i = 0; i < wg_node_count(tape); i++) dump_dot_node(wg_node_at(tape, i), out);
    wg_inspect_put(out, "}\n");
}

/* ---- public -------------------------------------------------------------------------------------------------------------- */

wg_status wg_dump(wg_tape *tape, wg_dump_format format, wg_writer write, void *user)
{
    static void (*const dumps[])(wg_tape *, const wg_inspect_output *) = {
        [WG_DUMP_TEXT] = dump_text, [WG_DUMP_JSON] = dump_json, [WG_DUMP_DOT] = dump_dot};
    static const wg_op name = {.name = "wg_dump"};
    const wg_call call = {.tape = tape, .op = &name};
    const wg_inspect_output out = {write, user};
    if (!tape) return WG_ERROR_ARGUMENT;
    if (!write) return wg_call_fail(&call, WG_ERROR_ARGUMENT, "the writer is NULL");
    if ((unsigned)format >= sizeof dumps / sizeof *dumps)
        return wg_call_fail(&call, WG_ERROR_ARGUMENT, "there is no format %d", (int)format);
    dumps[format](tape, &out);
    return WG_OK;
}
