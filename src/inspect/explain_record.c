/* The tape copied and cut, and the derivative of each stretch recorded. */
#include "inspect/explain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An error of the other tape becomes one of the caller's. */
static bool record_is_healthy(wg_explanation *e)
{
    if (wg_tape_status(e->tape) == WG_OK) return e->status == WG_OK;
    wg_explain_fail(e, wg_tape_status(e->tape), "%s", wg_tape_message(e->tape));
    return false;
}

/* ---- the copy ------------------------------------------------------------------------------------------------------------ */

/* What a node's users have in its place. */
static wg_var record_for_users(const wg_explanation *e, uint32_t index)
{
    uint32_t place = e->place[index];
    return place ? e->values[place - 1].leaf : e->copies[index];
}

/* A leaf of the value's name and numbers, for its users, to be differentiated by. */
static void record_cut(wg_explanation *e, wg_explained *value)
{
    wg_shape shape = wg_shape_of(value->node);
    const double *numbers = wg_value_f64(value->made);
    if (!numbers) return;
    value->leaf = wg_name(wg_variable_f64(e->tape, shape, numbers), value->name);
    wg_name(value->made, value->name);
}

static void record_copy(wg_explanation *e)
{
    wg_node_info info;
    size_t most = 0;
    for (size_t i = 0; i < e->count; i++) {
        wg_node_read(wg_node_at(e->scalar.tape, i), &info);
        if (info.inputs > most) most = info.inputs;
    }
    wg_var *in = wg_explain_memory(e, most, sizeof *in);
    for (size_t i = 0; i < e->count && in && record_is_healthy(e); i++) {
        wg_var node = wg_node_at(e->scalar.tape, i);
        if (!(e->kind[i] & WG_EXPLAIN_ABOVE) && !e->place[i]) continue;
        wg_node_read(node, &info);
        bool above = true; /* one of wrt beside the way may stand on what was not copied */
        for (size_t k = 0; k < info.inputs; k++) {
            uint32_t input = wg_node_input(node, k).index;
            above = above && e->kind[input] & WG_EXPLAIN_ABOVE;
            in[k] = record_for_users(e, input);
        }
        if (!above) continue;
        e->copies[i] = wg_node_copy(e->tape, node, in, info.inputs);
        if (!e->place[i] || !record_is_healthy(e)) continue;
        wg_explained *value = &e->values[e->place[i] - 1];
        value->made = e->copies[i];
        record_cut(e, value);
    }
    free(in);
}

static void record_cotangents(wg_explanation *e)
{
    for (size_t k = 0; k < e->values_count && record_is_healthy(e); k++) {
        wg_explained *value = &e->values[k];
        bool seed = value->node.index == e->scalar.index; /* 1: a number without a name */
        size_t length = strlen(value->name) + 2;
        char *name = wg_explain_memory(e, length, 1);
        if (!name) return;
        snprintf(name, length, "d%s", value->name);
        value->cotangent = wg_constant_f64(e->tape, wg_shape_of(value->node), seed ? NULL : value->adjoint);
        double one = 1;
        if (seed) value->cotangent = wg_constant_f64(e->tape, wg_shape_of(value->node), &one);
        if (!seed) wg_name(value->cotangent, name);
        free(name);
    }
}

/* ---- the stretches ------------------------------------------------------------------------------------------------------- */

/* The numbers of the values that a value stands on, with nothing but unnamed ops between. Returns how many. */
typedef struct record_walk {
    uint32_t *stack, *seen, *below;
    size_t below_count;
} record_walk;

static void record_walk_down(const wg_explanation *e, record_walk *w, uint32_t top)
{
    size_t depth = 0;
    wg_node_info info;
    w->below_count = 0;
    w->stack[depth++] = top;
    while (depth) {
        uint32_t index = w->stack[--depth];
        wg_var node = wg_node_at(e->scalar.tape, index);
        wg_node_read(node, &info);
        for (size_t k = 0; k < info.inputs && !(info.op->flags & WG_OP_CUTS); k++) {
            uint32_t input = wg_node_input(node, k).index;
            if (w->seen[input] == top + 1 || !(e->kind[input] & WG_EXPLAIN_DEPENDS)) continue;
            w->seen[input] = top + 1;
            if (e->place[input])
                w->below[w->below_count++] = e->place[input] - 1;
            else
                w->stack[depth++] = input;
        }
    }
}

/* Whether a recorded gradient says that nothing arrives: a leaf without a name, all zeros. */
static bool record_is_nothing(wg_var gradient)
{
    wg_node_info info;
    if (wg_node_read(gradient, &info) != WG_OK || info.op || info.name) return false;
    for (size_t i = 0; i < wg_size(gradient); i++)
        if (wg_at(gradient, i) != 0) return false;
    return true;
}

static void record_add(wg_explained *value, wg_var gradient)
{
    if (record_is_nothing(gradient)) return;
    value->total = wg_ok(value->total) ? wg_add(value->total, gradient) : gradient;
}

/* The derivative of a value with respect to one below it, or a note whose derivative cannot be recorded. */
static void record_one(wg_explanation *e, const wg_explained *value, wg_explained *below)
{
    wg_var gradient;
    if (wg_vjp(value->made, value->cotangent, &below->leaf, 1, &gradient) == WG_OK) {
        record_add(below, gradient);
    } else if (wg_tape_status(e->tape) == WG_ERROR_UNSUPPORTED) {
        const char *message = wg_tape_message(e->tape);
        snprintf(below->own, sizeof below->own, "%.*s", (int)strcspn(message, ":"), message);
        wg_tape_clear_error(e->tape);
    }
}

static void record_user(wg_explanation *e, const wg_explained *value, wg_explained *below)
{
    size_t *users = realloc(below->users, (below->users_count + 1) * sizeof *users);
    if (!users) {
        wg_explain_fail(e, WG_ERROR_MEMORY, "out of memory");
        return;
    }
    below->users = users;
    users[below->users_count++] = (size_t)(value - e->values);
    below->completed = value->node.index;
}

/* All at once, so that what they share is recorded once; where that fails, one by one. */
static void record_stretch(wg_explanation *e, const record_walk *w, const wg_explained *value, wg_var *memory)
{
    size_t n = w->below_count;
    wg_var *leaves = memory, *gradients = memory + n;
    for (size_t k = 0; k < n; k++) {
        wg_explained *below = &e->values[w->below[k]];
        leaves[k] = below->leaf;
        record_user(e, value, below);
    }
    if (n == 0) return;
    if (wg_vjp(value->made, value->cotangent, leaves, n, gradients) == WG_OK) {
        for (size_t k = 0; k < n; k++) record_add(&e->values[w->below[k]], gradients[k]);
    } else if (wg_tape_status(e->tape) == WG_ERROR_UNSUPPORTED) {
        wg_tape_clear_error(e->tape);
        for (size_t k = 0; k < n; k++) record_one(e, value, &e->values[w->below[k]]);
    }
}

/* ---- the order of the lines ---------------------------------------------------------------------------------------------- */

/* Parameters before the values below them, each in the order in which they were asked for; those from the top down. */
static int record_compare(const void *left, const void *right)
{
    const wg_explained *a = *(wg_explained *const *)left, *b = *(wg_explained *const *)right;
    if (a->completed != b->completed) return a->completed > b->completed ? -1 : 1;
    if (!a->order != !b->order) return a->order ? -1 : 1;
    if (a->order != b->order) return a->order < b->order ? -1 : 1;
    return a->node.index > b->node.index ? -1 : a->node.index < b->node.index;
}

static void record_order(wg_explanation *e)
{
    wg_node_info info;
    e->lines = wg_explain_memory(e, e->values_count, sizeof *e->lines);
    for (size_t i = 0; i < e->values_count && e->lines; i++) {
        wg_explained *value = &e->values[i];
        wg_node_read(value->node, &info);
        for (size_t k = e->n; k-- > 0 && !info.op;)
            if (e->wrt[k].index == value->node.index) value->order = k + 1;
        if (value->node.index == e->scalar.index) value->completed = UINT32_MAX;
        if (value->asked && (value->reached || value->wrt)) e->lines[e->lines_count++] = value;
    }
    if (e->lines_count) qsort(e->lines, e->lines_count, sizeof *e->lines, record_compare);
}

/* What formulas will look up by node of the other tape. */
static void record_index(wg_explanation *e)
{
    wg_node_info info;
    size_t count = wg_node_count(e->tape);
    e->part_of = wg_explain_memory(e, count, sizeof *e->part_of);
    e->value_of = wg_explain_memory(e, count, sizeof *e->value_of);
    for (size_t k = 0; k < e->values_count && e->status == WG_OK; k++) {
        wg_explained *value = &e->values[k];
        if (!wg_ok(value->made) || wg_node_read(value->made, &info) != WG_OK || !info.op || info.inputs != 1) continue;
        uint32_t x = wg_node_input(value->made, 0).index;
        value->beside = e->value_of[x];
        e->value_of[x] = (uint32_t)k + 1;
    }
}

void wg_explain_record(wg_explanation *e)
{
    e->tape = wg_tape_new(WG_F64);
    if (!e->tape) {
        wg_explain_fail(e, WG_ERROR_MEMORY, "out of memory");
        return;
    }
    record_copy(e);
    record_cotangents(e);
    record_walk walk = {wg_explain_memory(e, e->count, sizeof *walk.stack),
        wg_explain_memory(e, e->count, sizeof *walk.seen), wg_explain_memory(e, e->values_count, sizeof *walk.below),
        0};
    wg_var *memory = wg_explain_memory(e, 2 * e->values_count, sizeof *memory);
    for (size_t k = e->values_count; k-- > 0 && record_is_healthy(e);) {
        if (!e->values[k].reached) continue;
        record_walk_down(e, &walk, e->values[k].node.index);
        record_stretch(e, &walk, &e->values[k], memory);
    }
    free(walk.stack);
    free(walk.seen);
    free(walk.below);
    free(memory);
    if (record_is_healthy(e)) record_order(e);
    if (record_is_healthy(e)) record_index(e);
}
