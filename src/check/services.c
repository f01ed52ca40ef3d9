/* What the families of mistakes may ask for. */
#include "check/mistakes/numbers.h"
#include "check/run.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SERVICES_OPERANDS 16 /* inputs of an op one of which can be spread */

/* ---- reading -------------------------------------------------------------------------------------------------------- */

const double *check_value(const check_edge *edge, wg_var node)
{
    (void)edge;
    wg_node_info info;
    if (wg_node_read(node, &info) != WG_OK || info.flags & WG_IS_INDICES) return NULL;
    return wg_value_f64(node);
}

const int64_t *check_indices(const check_edge *edge, wg_var node)
{
    (void)edge;
    wg_node_info info;
    if (wg_node_read(node, &info) != WG_OK || !(info.flags & WG_IS_INDICES)) return NULL;
    return wg_value_indices(node);
}

const double *check_adjoint(const check_edge *edge, wg_var node)
{
    const check_model *model = &edge->search->check->model;
    size_t number = check_model_number(model, node);
    return number == SIZE_MAX ? NULL : model->nodes[number].adjoint;
}

wg_var check_input(const check_edge *edge, size_t k) { return wg_node_input(edge->from, k); }

size_t check_candidates(const check_edge *edge, const wg_var **nodes)
{
    *nodes = edge->search->check->model.candidates;
    return edge->search->check->model.candidates_count;
}

size_t check_other_uses(const check_edge *edge)
{
    const check_model *model = &edge->search->check->model;
    size_t live = model->nodes[check_model_number(model, edge->to)].live;
    return live ? live - 1 : 0;
}

/* A node by where it is from the edge: an input, a leaf, or so many ops further on. */
static void services_place(const check_edge *edge, wg_var node, size_t number, char *text, size_t size)
{
    const check_model *model = &edge->search->check->model;
    size_t from = check_model_number(model, edge->from);
    wg_node_info info;
    for (size_t k = 0; k < edge->op.inputs; k++) {
        wg_var input = check_input(edge, k);
        if (check_same_node(node, input)) snprintf(text, size, "input %zu", k);
        if (check_same_node(node, input)) return;
        for (size_t j = 0; j < 2 && wg_node_read(input, &info) == WG_OK && j < info.inputs; j++) {
            if (!check_same_node(node, wg_node_input(input, j))) continue;
            snprintf(text, size, "input %zu of input %zu", j, k);
            return;
        }
    }
    if (wg_node_read(node, &info) == WG_OK && info.flags & WG_IS_LEAF)
        snprintf(text, size, "leaf %zu", number);
    else
        snprintf(text, size, "op %+td", (ptrdiff_t)number - (ptrdiff_t)from);
}

const char *check_name(const check_edge *edge, wg_var node)
{
    check_search *search = edge->search;
    char *text = search->names[search->next_name++ % 4];
    size_t number = check_model_number(&search->check->model, node);
    if (number == SIZE_MAX)
        snprintf(text, sizeof search->names[0], "a value");
    else if (search->listener && search->listener->anonymous)
        services_place(edge, node, number, text, sizeof search->names[0]);
    else
        check_title(search->check, number, text, sizeof search->names[0]);
    return text;
}

double *check_array(const check_edge *edge, size_t n) { return check_take(&edge->search->scratch, n, sizeof(double)); }

/* ---- an op on its own ------------------------------------------------------------------------------------------------- */

/* The edge's op, applied to leaves: the one at the edge's position a variable, of shape full unless that is NULL, the
 * others constants. */
static wg_var services_apply(
    const check_edge *edge, wg_tape *tape, const double *const *operands, const wg_shape *full, wg_var *leaf)
{
    wg_var *in = check_take(&edge->search->scratch, edge->op.inputs, sizeof *in);
    for (size_t k = 0; in && k < edge->op.inputs; k++) {
        wg_var input = check_input(edge, k);
        const int64_t *indices = check_indices(edge, input);
        const double *numbers = operands && operands[k] ? operands[k] : check_value(edge, input);
        wg_shape shape = full && k == edge->position ? *full : wg_shape_of(input);
        if (indices)
            in[k] = wg_indices(tape, shape, indices);
        else
            in[k] = k == edge->position ? wg_variable_f64(tape, shape, numbers) : wg_constant_f64(tape, shape, numbers);
    }
    if (!in) return (wg_var){0};
    *leaf = in[edge->position];
    return wg_apply(tape, edge->op.op, in, edge->op.inputs, edge->op.attributes, edge->op.attributes_size);
}

/* A copy of the leaf's gradient, of n elements, when result's adjoint is that one; the tape is emptied. */
static const double *services_gradient(
    const check_edge *edge, wg_mark mark, wg_var result, wg_var leaf, size_t n, const double *adjoint)
{
    double *gradient = NULL;
    bool fits = wg_size(result) == edge->from_size && wg_size(leaf) == n;
    if (fits && wg_backward_from(result, adjoint ? adjoint : edge->adjoint) == WG_OK) {
        const double *found = wg_grad_f64(leaf);
        if (found) gradient = check_take_copy(&edge->search->scratch, found, n);
    }
    wg_tape_clear_error(mark.tape);
    wg_tape_rewind(mark.tape, mark);
    return gradient;
}

static bool services_done(const check_edge *edge) { return edge->search->listener && edge->search->listener->done; }

bool check_is_hurried(const check_edge *edge) { return edge->search->listener && edge->search->listener->hurried; }

const double *check_derive(const check_edge *edge, const double *const *operands, const double *adjoint)
{
    wg_tape *tape = edge->search->local;
    if (edge->position == SIZE_MAX || !edge->op.op || services_done(edge)) return NULL;
    wg_mark mark = wg_tape_mark(tape);
    wg_var leaf = {0}, result = services_apply(edge, tape, operands, NULL, &leaf);
    return services_gradient(edge, mark, result, leaf, edge->to_size, adjoint);
}

const double *check_derive_spread(const check_edge *edge, const wg_shape *full)
{
    wg_tape *tape = edge->search->local;
    const double *operands[SERVICES_OPERANDS] = {NULL}, *value = check_value(edge, edge->to);
    bool one = edge->position < SERVICES_OPERANDS && edge->op.inputs <= SERVICES_OPERANDS && edge->op.op;
    if (!one || !value || !check_broadcasts(&edge->to_shape, full)) return NULL;
    size_t n = check_shape_size(full);
    double *spread = check_array(edge, n);
    if (!spread) return NULL;
    for (size_t i = 0; i < n; i++) spread[i] = value[check_broadcast_place(&edge->to_shape, full, i)];
    operands[edge->position] = spread;
    wg_mark mark = wg_tape_mark(tape);
    wg_var leaf = {0}, result = services_apply(edge, tape, operands, full, &leaf);
    return services_gradient(edge, mark, result, leaf, n, NULL);
}

const double *check_derive_function(
    const check_edge *edge, wg_var (*f)(wg_var x), const double *operand, const double *adjoint)
{
    wg_tape *tape = edge->search->local;
    if (edge->position == SIZE_MAX || services_done(edge)) return NULL;
    wg_mark mark = wg_tape_mark(tape);
    const double *numbers = operand ? operand : check_value(edge, edge->to);
    wg_var leaf = wg_variable_f64(tape, edge->to_shape, numbers);
    return services_gradient(edge, mark, f(leaf), leaf, edge->to_size, adjoint);
}

/* ---- suggesting --------------------------------------------------------------------------------------------------------- */

bool check_same_extents(const wg_shape *a, const wg_shape *b)
{
    size_t i = 0, j = 0;
    for (;;) {
        while (i < a->rank && a->dim[i] == 1) i++;
        while (j < b->rank && b->dim[j] == 1) j++;
        if (i == a->rank || j == b->rank) return i == a->rank && j == b->rank;
        if (a->dim[i++] != b->dim[j++]) return false;
    }
}

/* The supplied gradient of the input, or of what the input is with axes moved, when it came in another shape than the
 * value's: only that one can be what numbers of that shape are. */
static check_supplied *services_misshapen(const check_edge *edge)
{
    wg_check *check = edge->search->check;
    const check_model *model = &check->model;
    size_t node = check_model_number(model, edge->to);
    for (int steps = 0; steps < 4; steps++) {
        static const char *const kinds[] = {"reshape", "transpose", "permute"};
        wg_node_info info;
        if (node == SIZE_MAX || model->nodes[node].live > 1) return NULL;
        size_t place = model->nodes[node].supplied;
        if (place != SIZE_MAX) return check->supplied[place].fits ? NULL : &check->supplied[place];
        if (wg_node_read(model->nodes[node].var, &info) != WG_OK || !check_is_among(&info, kinds, 3)) return NULL;
        node = check_model_number(model, wg_node_input(model->nodes[node].var, 0));
    }
    return NULL;
}

bool check_wants(const check_edge *edge, const wg_shape *shape)
{
    const check_supplied *s = services_misshapen(edge);
    return check_same_extents(shape, &edge->to_shape) || (s && check_same_extents(shape, &s->shape));
}

/* One array serves all suggestions in turn. */
static double *services_change(check_search *search, size_t n)
{
    if (!search->change || search->change_room < n) {
        search->change = check_take(&search->memory, n, sizeof *search->change);
        search->change_room = n;
    }
    return search->change;
}

void check_suggest(const check_edge *edge, wg_cause cause, const wg_shape *shape, const double *numbers, double factor,
    const char *detail, ...)
{
    check_search *search = edge->search;
    char words[256];
    if (!numbers || search->status != WG_OK || search->kinks != (cause == WG_CAUSE_KINK)) return;
    va_list arguments;
    va_start(arguments, detail);
    vsnprintf(words, sizeof words, detail, arguments);
    va_end(arguments);
    if (search->listener) {
        if (check_same_extents(shape, &edge->to_shape))
            search->listener->hear(search->listener->user, edge, cause, numbers, words);
        return;
    }
    if (!check_same_extents(shape, &edge->to_shape)) {
        const check_supplied *s = services_misshapen(edge);
        if (s && check_same_extents(shape, &s->shape))
            check_search_consider_shape(search, cause, factor, s, numbers, words);
        return;
    }
    double *change = services_change(search, edge->to_size), largest = 0, scale = 0;
    if (!change) return;
    for (size_t i = 0; i < edge->to_size; i++) {
        change[i] = numbers[i] - edge->contribution[i];
        if (!(fabs(change[i]) <= largest)) largest = fabs(change[i]);
        if (fabs(edge->contribution[i]) > scale) scale = fabs(edge->contribution[i]);
    }
    if (largest <= 0x1p-48 * scale) return; /* cannot be seen here */
    search->status = check_flow_change(search->check, check_model_number(&search->check->model, edge->to), change);
    if (search->status == WG_OK) check_search_consider(search, cause, factor, numbers, false, words);
}

void check_suggest_along(const check_edge *edge, wg_cause cause, const double *direction, const char *detail, ...)
{
    check_search *search = edge->search;
    char words[256];
    if (!direction || search->status != WG_OK || search->kinks || search->listener) return;
    va_list arguments;
    va_start(arguments, detail);
    vsnprintf(words, sizeof words, detail, arguments);
    va_end(arguments);
    check_search_fit(edge, cause, direction, words);
}
