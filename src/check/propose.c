/* Better extents for a probe: distinct ones, of at least 3. Which extents belong together is found by trial. The recorded ops
 * are applied to leaves of other shapes: where an extent can be changed alone it is free; where others must change with it
 * they are one extent; where nothing helps, an op's attribute fixes it. */
#include "check/run.h"

#include <string.h>

typedef struct propose_extent {
    size_t node, axis; /* of a leaf */
    size_t extent, group, proposed;
} propose_extent;

typedef struct propose {
    check_model *model;
    check_memory memory;
    propose_extent *extents;
    size_t count;
    size_t *trial;
} propose;

static const size_t propose_fixed = SIZE_MAX;

static wg_shape propose_shape(const propose *p, size_t node, const size_t *trial)
{
    wg_shape shape = wg_shape_of(p->model->nodes[node].var);
    for (size_t k = 0; k < p->count; k++)
        if (p->extents[k].node == node) shape.dim[p->extents[k].axis] = trial[k];
    return shape;
}

/* A leaf of that shape: its own number where it has one, else numbers between 0 and 1. Indices are 0. */
static wg_var propose_leaf(propose *p, wg_tape *tape, size_t node, const size_t *trial)
{
    const check_node *own = &p->model->nodes[node];
    wg_shape shape = propose_shape(p, node, trial);
    if (!shape.rank) return wg_node_copy(tape, own->var, NULL, 0);
    if (!own->numbers) return wg_indices(tape, shape, NULL);
    size_t size = 1;
    for (size_t k = 0; k < shape.rank; k++) size *= shape.dim[k];
    check_memory memory = {0};
    double *numbers = check_take(&memory, size, sizeof *numbers);
    for (size_t i = 0; numbers && i < size; i++) numbers[i] = (double)(i * 7 % 11 + 1) / 12;
    wg_var leaf = numbers ? wg_constant_f64(tape, shape, numbers) : (wg_var){0};
    check_release(&memory);
    return leaf;
}

/* Whether the ops take leaves of those extents. */
static bool propose_feasible(propose *p, const size_t *trial)
{
    const check_model *model = p->model;
    check_memory memory = {0};
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var *vars = check_take(&memory, model->count, sizeof *vars);
    bool fine = tape && vars;
    for (size_t i = 0; i < model->count && fine; i++) {
        wg_node_info info;
        wg_var in[16];
        fine = wg_node_read(model->nodes[i].var, &info) == WG_OK && info.inputs <= 16;
        for (size_t k = 0; fine && k < info.inputs; k++)
            in[k] = vars[check_model_number(model, wg_node_input(model->nodes[i].var, k))];
        if (!fine) break;
        vars[i] = info.op ? wg_apply(tape, info.op, in, info.inputs, info.attributes, info.attributes_size)
                          : propose_leaf(p, tape, i, trial);
        fine = wg_ok(vars[i]);
    }
    fine = fine && wg_size(vars[model->loss]) == 1;
    wg_tape_free(tape);
    check_release(&memory);
    return fine;
}

static void propose_reset(propose *p)
{
    for (size_t k = 0; k < p->count; k++) p->trial[k] = p->extents[k].extent;
}

/* Whether extents can become other: those equal to number first's, or it alone, or it and one more. */
static bool propose_change(propose *p, size_t first, size_t other, size_t partner)
{
    propose_reset(p);
    for (size_t k = 0; k < p->count; k++) {
        bool same = p->extents[k].extent == p->extents[first].extent && !p->extents[k].group;
        if (k == first || (same && (partner == SIZE_MAX || partner == k))) p->trial[k] = other;
    }
    return propose_feasible(p, p->trial);
}

/* An extent of 1 would do for an elementwise op, whatever the other operand's is; it stays with its like all the same. */
static bool propose_clings(const propose *p, size_t k)
{
    const check_node *node = &p->model->nodes[p->extents[k].node];
    wg_node_info user;
    return p->extents[k].extent == 1 && node->uses && wg_node_read(p->model->nodes[node->user].var, &user) == WG_OK &&
           user.op->flags & WG_OP_ELEMENTWISE;
}

/* Takes up to three extents at once, from number from on, out of those that change, if the ops take that too. */
static bool propose_drop(propose *p, size_t first, size_t from, size_t other, int most)
{
    for (size_t k = from; k < p->count; k++) {
        if (k == first || p->trial[k] != other || propose_clings(p, k)) continue;
        p->trial[k] = p->extents[k].extent;
        if (propose_feasible(p, p->trial) || (most > 1 && propose_drop(p, first, k + 1, other, most - 1))) return true;
        p->trial[k] = other;
    }
    return false;
}

/* Finds what must change together with extent number first: as little as the ops take. */
static void propose_group(propose *p, size_t first)
{
    const size_t other = p->extents[first].extent + 10;
    bool feasible = propose_change(p, first, other, SIZE_MAX);
    for (size_t partner = first; partner < p->count && !feasible; partner++)
        feasible = propose_change(p, first, other, partner);
    if (!feasible) {
        p->extents[first].group = propose_fixed;
        return;
    }
    while (propose_drop(p, first, 0, other, 3)) continue;
    for (size_t k = 0; k < p->count; k++)
        if (p->trial[k] == other) p->extents[k].group = first + 1;
}

static bool propose_taken(const propose *p, size_t extent, size_t group)
{
    for (size_t k = 0; k < p->count; k++)
        if (p->extents[k].proposed == extent && p->extents[k].group != group) return true;
    return false;
}

/* Keeps the extents that are good, and gives the others the smallest that are free. */
static void propose_choose(propose *p)
{
    for (size_t k = 0; k < p->count; k++) {
        propose_extent *e = &p->extents[k];
        bool keeps = e->group == propose_fixed || (e->extent >= 3 && !propose_taken(p, e->extent, e->group));
        e->proposed = keeps ? e->extent : 0;
    }
    for (size_t k = 0; k < p->count; k++) {
        if (p->extents[k].proposed) continue;
        size_t extent = 3;
        while (propose_taken(p, extent, p->extents[k].group)) extent++;
        for (size_t j = 0; j < p->count; j++)
            if (p->extents[j].group == p->extents[k].group) p->extents[j].proposed = extent;
    }
}

static bool propose_open(propose *p)
{
    size_t axes = 0;
    for (size_t i = 0; i < p->model->count; i++) axes += wg_shape_of(p->model->nodes[i].var).rank;
    p->extents = check_take(&p->memory, axes, sizeof *p->extents);
    p->trial = check_take(&p->memory, axes, sizeof *p->trial);
    if (!p->extents || !p->trial) return false;
    for (size_t i = 0; i < p->model->count; i++) {
        wg_node_info info;
        if (wg_node_read(p->model->nodes[i].var, &info) != WG_OK || info.op) continue;
        for (size_t k = 0; k < info.shape.rank; k++) {
            bool meant = info.shape.dim[k] == 1 && check_is_spread(p->model, i);
            p->extents[p->count++] = (propose_extent){i, k, info.shape.dim[k], meant ? propose_fixed : 0, 0};
        }
    }
    return true;
}

wg_status wg_check_propose(wg_check *check, wg_var leaf, wg_shape *shape)
{
    wg_node_info info;
    if (!check || !shape) return WG_ERROR_ARGUMENT;
    if (!wg_ok(leaf) || leaf.tape != check->loss.tape || wg_node_read(leaf, &info) != WG_OK || info.op) {
        check_say(check, "wg_check_propose: the var is not a leaf of the tape");
        return WG_ERROR_ARGUMENT;
    }
    check_model model = {.tape = NULL};
    propose p = {.model = &model};
    wg_status status = check_model_open(&model, check->loss, &leaf, 1, 0, 0);
    if (status == WG_OK && !propose_open(&p)) status = WG_ERROR_MEMORY;
    for (size_t k = 0; k < p.count && status == WG_OK; k++)
        if (!p.extents[k].group) propose_group(&p, k);
    if (status == WG_OK) {
        propose_choose(&p);
        for (size_t k = 0; k < p.count; k++) p.trial[k] = p.extents[k].proposed;
        if (!propose_feasible(&p, p.trial)) propose_reset(&p);
        *shape = propose_shape(&p, check_model_find(&model, leaf), p.trial);
    }
    if (status != WG_OK) check_say(check, "wg_check_propose: the forward cannot be recorded again in double");
    check_model_close(&model);
    check_release(&p.memory);
    return status;
}
