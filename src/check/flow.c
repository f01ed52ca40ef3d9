/* Reverse sweeps over the copy of the forward. Where a supplied gradient stands in, the sweep is cut and goes on with the
 * caller's numbers: so each step is judged by what the caller had when it was made, and several mistakes are told apart.
 * A mistake that was found replaces its edge's contribution. A sweep is linear in what flows down, so what one more
 * mistake does to the supplied gradients is a sweep of its own, of the change alone, from the edge downwards. */
#include "check/run.h"

#include <string.h>

typedef struct flow {
    wg_check *check;
    size_t next;       /* among the links */
    bool first;        /* the exact sweep: links are made */
    bool base;         /* with what stands in and the mistakes found */
    check_visit visit; /* NULL: none */
    void *user;
    wg_status status;
} flow;

static check_supplied *flow_supplied(flow *f, size_t node)
{
    check_model *model = &f->check->model;
    return model->nodes[node].supplied == SIZE_MAX ? NULL : &f->check->supplied[model->nodes[node].supplied];
}

/* ---- the sweep as a whole ------------------------------------------------------------------------------------------------ */

static double *flow_store(check_memory *memory, double **place, const double *numbers, size_t n)
{
    if (!*place) *place = check_take(memory, n, sizeof **place);
    if (*place && n) memcpy(*place, numbers, n * sizeof *numbers);
    return *place;
}

static wg_status flow_node(void *user, wg_var var, void *adjoint)
{
    flow *f = user;
    check_model *model = &f->check->model;
    size_t number = check_model_number(model, var);
    if (number == SIZE_MAX) return WG_OK;
    check_node *node = &model->nodes[number];
    check_supplied *s = flow_supplied(f, number);
    const double *replaced = node->sum == SIZE_MAX ? NULL : model->links[node->sum].replaced;
    if (replaced) memcpy(adjoint, replaced, node->size * sizeof *replaced);
    if (s && f->first) memcpy(s->exact, adjoint, node->size * sizeof *s->exact);
    if (s && f->base) memcpy(s->expected, adjoint, node->size * sizeof *s->expected);
    if (s && f->base && s->stands_in) memcpy(adjoint, s->numbers, node->size * sizeof *s->numbers);
    if (s && f->base && s->shown) memcpy(adjoint, s->exact, node->size * sizeof *s->exact);
    return flow_store(&model->memory, &node->adjoint, adjoint, node->size) ? WG_OK : WG_ERROR_MEMORY;
}

static wg_status flow_add_link(check_model *model, check_link link)
{
    if (model->links_count == model->links_capacity) {
        check_link *more =
            check_take_more(&model->memory, model->links, model->links_count, &model->links_capacity, sizeof *more);
        if (!more) return WG_ERROR_MEMORY;
        model->links = more;
    }
    model->links[model->links_count++] = link;
    return WG_OK;
}

/* The link of an edge; they come in the order in which they were made. */
static check_link *flow_link(flow *f, size_t from, size_t position)
{
    check_model *model = &f->check->model;
    for (size_t tried = 0; tried < model->links_count; tried++) {
        check_link *link = &model->links[f->next];
        f->next = (f->next + 1) % model->links_count;
        if (link->from == from && link->position == position) return link;
    }
    return NULL;
}

static wg_status flow_edge(void *user, const wg_edge *edge)
{
    flow *f = user;
    check_model *model = &f->check->model;
    size_t from = check_model_number(model, edge->from), to = check_model_number(model, edge->to);
    if (from == SIZE_MAX || to == SIZE_MAX) return WG_OK;
    if (f->first) {
        wg_status status = flow_add_link(model, (check_link){from, to, edge->position, NULL, NULL});
        if (status != WG_OK) return status;
        f->next = model->links_count - 1;
        model->nodes[to].live++;
    }
    check_link *link = flow_link(f, from, edge->position);
    if (!link) return WG_OK;
    size_t n = model->nodes[to].size;
    if (link->replaced && n) memcpy(edge->contribution, link->replaced, n * sizeof(double));
    if (f->visit) {
        wg_status status = f->visit(f->user, (size_t)(link - model->links), edge);
        if (status != WG_OK) return status;
    }
    return flow_store(&model->memory, &link->contribution, edge->contribution, n) ? WG_OK : WG_ERROR_MEMORY;
}

static wg_status flow_run(flow *f)
{
    wg_check *check = f->check;
    check_model *model = &check->model;
    check_memory memory = {0};
    wg_var *wrt = check_take(&memory, check->count, sizeof *wrt);
    for (size_t k = 0; wrt && k < check->count; k++) wrt[k] = model->nodes[check->supplied[k].node].var;
    wg_observer observer = {flow_node, flow_edge, f};
    wg_status status =
        wrt ? wg_observe(model->nodes[model->loss].var, NULL, wrt, check->count, NULL, &observer) : WG_ERROR_MEMORY;
    check_release(&memory);
    return status;
}

/* Links that stand for all that arrives at a node: at the loss, and where several contributions meet. */
static wg_status flow_add_sums(check_model *model)
{
    for (size_t i = model->count; i-- > 0;) {
        if (i != model->loss && model->nodes[i].live < 2) continue;
        model->nodes[i].sum = model->links_count;
        wg_status status = flow_add_link(model, (check_link){i, i, SIZE_MAX, NULL, NULL});
        if (status != WG_OK) return status;
    }
    return WG_OK;
}

/* What arrives, before what the caller had takes its place. */
static void flow_read_sums(wg_check *check)
{
    check_model *model = &check->model;
    for (size_t k = 0; k < model->links_count; k++) {
        const check_node *node = &model->nodes[model->links[k].to];
        if (model->links[k].position != SIZE_MAX) continue;
        const check_supplied *s = node->supplied == SIZE_MAX ? NULL : &check->supplied[node->supplied];
        model->links[k].contribution = s && (s->stands_in || s->shown) ? s->expected : node->adjoint;
    }
}

wg_status check_flow_exact(wg_check *check)
{
    flow f = {.check = check, .first = true};
    for (size_t k = 0; k < check->count; k++) {
        check_supplied *s = &check->supplied[k];
        memset(s->exact, 0, s->wanted * sizeof *s->exact);
    }
    wg_status status = flow_run(&f);
    if (status == WG_OK) status = flow_add_sums(&check->model);
    if (status == WG_OK) flow_read_sums(check);
    return status;
}

wg_status check_flow_mistaken(wg_check *check, check_visit visit, void *user)
{
    flow f = {.check = check, .base = true, .visit = visit, .user = user};
    for (size_t k = 0; k < check->count; k++) {
        check_supplied *s = &check->supplied[k];
        memset(s->expected, 0, s->wanted * sizeof *s->expected);
    }
    check->work += check->model.weight;
    wg_status status = flow_run(&f);
    if (status == WG_OK) flow_read_sums(check);
    return status;
}

wg_status check_flow_base(wg_check *check) { return check_flow_mistaken(check, NULL, NULL); }

/* ---- a change of it ------------------------------------------------------------------------------------------------------ */

static wg_status flow_change_node(void *user, wg_var var, void *change)
{
    flow *f = user;
    const check_model *model = &f->check->model;
    size_t number = check_model_number(model, var);
    if (number == SIZE_MAX) return WG_OK;
    const check_node *node = &model->nodes[number];
    size_t bytes = node->size * sizeof(double);
    if (node->sum != SIZE_MAX && model->links[node->sum].replaced) memset(change, 0, bytes);
    check_supplied *s = flow_supplied(f, number);
    if (s) memcpy(s->moved, change, bytes);
    if (s && (s->stands_in || s->shown)) memset(change, 0, bytes);
    return WG_OK;
}

/* What a mistake puts there does not change with what is above it. */
static wg_status flow_change_edge(void *user, const wg_edge *edge)
{
    flow *f = user;
    check_model *model = &f->check->model;
    check_link *link = flow_link(f, check_model_number(model, edge->from), edge->position);
    if (link && link->replaced) memset(edge->contribution, 0, model->nodes[link->to].size * sizeof(double));
    return WG_OK;
}

static bool flow_any_replaced(const check_model *model)
{
    for (size_t k = 0; k < model->links_count; k++)
        if (model->links[k].replaced) return true;
    return false;
}

wg_status check_flow_change(wg_check *check, size_t node, const double *change)
{
    check_model *model = &check->model;
    flow f = {.check = check};
    for (size_t k = 0; k < check->count; k++) {
        check_supplied *s = &check->supplied[k];
        memset(s->moved, 0, s->wanted * sizeof *s->moved);
    }
    check_supplied *own = flow_supplied(&f, node);
    if (own) memcpy(own->moved, change, own->wanted * sizeof *change);
    if (own && (own->leaf || own->stands_in || own->shown)) return WG_OK;
    check->work += model->weight;
    check_memory memory = {0};
    wg_var *wrt = check_take(&memory, check->count, sizeof *wrt);
    size_t n = 0;
    for (size_t k = 0; wrt && k < check->count; k++)
        if (check->supplied[k].node < node) wrt[n++] = model->nodes[check->supplied[k].node].var;
    wg_observer observer = {flow_change_node, flow_any_replaced(model) ? flow_change_edge : NULL, &f};
    wg_status status = !wrt ? WG_ERROR_MEMORY : WG_OK;
    if (status == WG_OK && n) status = wg_observe(model->nodes[node].var, change, wrt, n, NULL, &observer);
    check_release(&memory);
    return status;
}
