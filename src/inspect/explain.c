/* What is explained: which values, their names and adjoints, and the order of the lines. */
#include "inspect/explain.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- errors ------------------------------------------------------------------------------------------------------------ */

void wg_explain_fail(wg_explanation *e, wg_status status, const char *format, ...)
{
    static const wg_op name = {.name = "wg_explain"};
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    const wg_call call = {.tape = e->scalar.tape, .op = &name};
    wg_call_fail(&call, status, "%s", text);
    if (e->status == WG_OK) e->status = status;
}

void *wg_explain_memory(wg_explanation *e, size_t n, size_t size)
{
    void *memory = calloc(n ? n : 1, size);
    if (!memory) wg_explain_fail(e, WG_ERROR_MEMORY, "out of memory");
    return memory;
}

/* ---- which values ------------------------------------------------------------------------------------------------------ */

static bool explain_is_wrt(const wg_explanation *e, wg_var node)
{
    for (size_t k = 0; k < e->n; k++)
        if (e->wrt[k].index == node.index) return true;
    return false;
}

/* Marks what depends on wrt, and what the scalar depends on. */
static void explain_mark(wg_explanation *e)
{
    wg_tape *tape = e->scalar.tape;
    wg_node_info info;
    for (size_t k = 0; k < e->n; k++)
        if (e->wrt[k].index < e->count) e->kind[e->wrt[k].index] |= WG_EXPLAIN_DEPENDS;
    for (size_t i = 0; i < e->count; i++) {
        wg_var node = wg_node_at(tape, i);
        wg_node_read(node, &info);
        for (size_t k = 0; k < info.inputs && !(info.op->flags & WG_OP_CUTS); k++)
            e->kind[i] |= e->kind[wg_node_input(node, k).index] & WG_EXPLAIN_DEPENDS;
    }
    e->kind[e->scalar.index] |= WG_EXPLAIN_ABOVE;
    for (size_t i = e->count; i-- > 0;) {
        wg_var node = wg_node_at(tape, i);
        wg_node_read(node, &info);
        for (size_t k = 0; k < info.inputs && e->kind[i] & WG_EXPLAIN_ABOVE; k++)
            e->kind[wg_node_input(node, k).index] |= WG_EXPLAIN_ABOVE;
    }
}

static bool explain_stops(const wg_explanation *e, wg_var node, const wg_node_info *info)
{
    unsigned on_the_way = WG_EXPLAIN_DEPENDS | WG_EXPLAIN_ABOVE;
    if (node.index == e->scalar.index || explain_is_wrt(e, node)) return true;
    return info->name && (e->kind[node.index] & on_the_way) == on_the_way;
}

/* Its own name, "wrt[0]" or "L"; and a number behind it when an earlier value is called the same. */
static void explain_name(wg_explanation *e, wg_explained *value, const char *given)
{
    char name[32];
    size_t k = 0, same = 1;
    while (k < e->n && e->wrt[k].index != value->node.index) k++;
    snprintf(name, sizeof name, k < e->n ? "wrt[%zu]" : "L", k);
    const char *plain = given ? given : name;
    size_t length = strlen(plain);
    for (const wg_explained *v = e->values; v < value; v++) {
        const char *mark = v->name && !strncmp(v->name, plain, length) ? v->name + length : "?";
        same += *mark == '\0' || *mark == '#';
    }
    value->name = wg_explain_memory(e, length + 24, 1);
    if (!value->name) return;
    snprintf(value->name, length + 24, same > 1 ? "%s#%zu" : "%s", plain, same);
}

/* "t1" may be a name that is taken. */
static void explain_choose_prefix(wg_explanation *e)
{
    wg_node_info info;
    e->part_prefix = "t";
    for (size_t i = 0; i < e->count; i++) {
        wg_node_read(wg_node_at(e->scalar.tape, i), &info);
        if (info.name && info.name[0] == 't' && info.name[1] >= '0' && info.name[1] <= '9') e->part_prefix = "part";
    }
}

static void explain_find(wg_explanation *e)
{
    wg_tape *tape = e->scalar.tape;
    wg_node_info info;
    size_t found = 0;
    for (int pass = 0; pass < 2 && e->status == WG_OK; pass++) {
        for (size_t i = 0; i < e->count && e->status == WG_OK; i++) {
            wg_var node = wg_node_at(tape, i);
            wg_node_read(node, &info);
            if (!explain_stops(e, node, &info)) continue;
            if (pass == 0) {
                found++;
                continue;
            }
            wg_explained *value = &e->values[e->values_count++];
            *value = (wg_explained){.node = node, .size = wg_size(node), .wrt = explain_is_wrt(e, node)};
            value->asked = value->wrt || info.name;
            e->place[i] = (uint32_t)e->values_count;
            explain_name(e, value, info.name);
        }
        if (pass == 0) e->values = wg_explain_memory(e, found, sizeof *e->values);
    }
}

/* ---- their adjoints ---------------------------------------------------------------------------------------------------- */

static wg_status explain_observe_node(void *user, wg_var node, void *adjoint)
{
    wg_explanation *e = user;
    if (node.index >= e->count || !e->place[node.index]) return WG_OK;
    wg_explained *value = &e->values[e->place[node.index] - 1];
    bool f64 = wg_tape_dtype(node.tape) == WG_F64;
    if (!value->adjoint) value->adjoint = calloc(value->size ? value->size : 1, sizeof *value->adjoint);
    if (!value->adjoint) return WG_ERROR_MEMORY;
    for (size_t i = 0; i < value->size; i++)
        value->adjoint[i] = f64 ? ((const double *)adjoint)[i] : (double)((const float *)adjoint)[i];
    value->reached = true;
    return WG_OK;
}

static void explain_observe(wg_explanation *e)
{
    const wg_observer observer = {.node = explain_observe_node, .user = e};
    wg_status status = wg_observe(e->scalar, NULL, e->wrt, e->n, NULL, &observer);
    if (status != WG_OK) e->status = status;
    for (size_t k = 0; k < e->values_count && e->status == WG_OK; k++) {
        wg_explained *value = &e->values[k];
        if (!value->adjoint) value->adjoint = wg_explain_memory(e, value->size, sizeof *value->adjoint);
    }
}

/* ---- open and close ---------------------------------------------------------------------------------------------------- */

static void explain_fail_shape(wg_explanation *e)
{
    const wg_call call = {.tape = e->scalar.tape, .inputs = &e->scalar.index};
    wg_explain_fail(e, WG_ERROR_SHAPE, "%s where a scalar is expected", wg_call_describe(&call, 0));
}

/* The checks of wg_observe come first, which knows what can be differentiated. */
static void explain_check(wg_explanation *e)
{
    wg_status status = wg_observe(e->scalar, NULL, e->wrt, e->n, NULL, NULL);
    if (status != WG_OK)
        e->status = status;
    else if (wg_size(e->scalar) != 1)
        explain_fail_shape(e);
}

wg_status wg_explain_open(wg_explanation *e, wg_var scalar, const wg_var *wrt, size_t n, wg_writer write)
{
    *e = (wg_explanation){.scalar = scalar, .wrt = wrt, .n = n};
    explain_check(e);
    if (e->status == WG_OK && !write) wg_explain_fail(e, WG_ERROR_ARGUMENT, "the writer is NULL");
    if (e->status != WG_OK) return e->status;
    e->count = scalar.index + (size_t)1;
    for (size_t k = 0; k < n; k++)
        if (wrt[k].index >= e->count) e->count = wrt[k].index + (size_t)1;
    e->place = wg_explain_memory(e, e->count, sizeof *e->place);
    e->kind = wg_explain_memory(e, e->count, sizeof *e->kind);
    e->copies = wg_explain_memory(e, e->count, sizeof *e->copies);
    if (e->status == WG_OK) explain_mark(e);
    if (e->status == WG_OK) explain_find(e);
    explain_choose_prefix(e);
    if (e->status == WG_OK) explain_observe(e);
    if (e->status == WG_OK) wg_explain_record(e);
    return e->status;
}

void wg_explain_close(wg_explanation *e)
{
    for (size_t k = 0; k < e->values_count; k++) {
        free(e->values[k].name);
        free(e->values[k].adjoint);
        free(e->values[k].users);
    }
    free(e->values);
    free(e->place);
    free(e->kind);
    free(e->copies);
    free(e->lines);
    free(e->parts);
    free(e->part_of);
    free(e->value_of);
    wg_tape_free(e->tape);
}
