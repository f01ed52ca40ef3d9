/* The order of things in a check: the forward again, the right gradients, the noise, what is wrong, why. */
#include "check/run.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static wg_status check_fail(wg_check *check, wg_status status, const char *what)
{
    const char *why = check->model.tape ? wg_tape_message(check->model.tape) : "";
    const char *theirs = wg_tape_message(check->loss.tape);
    snprintf(check->message, sizeof check->message, "wg_check_run: %s: %s%s%s", what, wg_status_name(status),
        *why || *theirs ? ": " : "", *why ? why : theirs);
    return status;
}

static wg_status check_open(wg_check *check)
{
    check_model_close(&check->model);
    check_release(&check->kept);
    check->report = (wg_check_report){0};
    check->message[0] = '\0';
    check->work = 0;
    check->cut = false;
    if (!wg_ok(check->loss)) return WG_ERROR_ARGUMENT;
    wg_var *also = check_take(&check->kept, check->count, sizeof *also);
    if (!also) return WG_ERROR_MEMORY;
    for (size_t k = 0; k < check->count; k++) {
        also[k] = check->supplied[k].var;
        if (!wg_ok(also[k])) return WG_ERROR_ARGUMENT;
    }
    return check_model_open(&check->model, check->loss, also, check->count, 0, 0);
}

static wg_status check_prepare(wg_check *check)
{
    check_model *model = &check->model;
    for (size_t k = 0; k < check->count; k++) {
        check_supplied *s = &check->supplied[k];
        s->node = check_model_find(model, s->var);
        check_node *node = &model->nodes[s->node];
        wg_node_info info;
        if (wg_node_read(node->var, &info) != WG_OK) return WG_ERROR_ARGUMENT;
        node->supplied = k;
        s->wanted = node->size;
        s->leaf = info.flags & WG_IS_LEAF;
        size_t step = 2 * (s->leaf ? node->user : s->node) + !s->leaf;
        s->order = step * check->count + (check->count - 1 - k);
        s->fits = check_same_extents(&s->shape, &info.shape);
        s->right = s->kink = s->rounded = s->stands_in = s->shown = s->fault = s->own = false;
        s->exact = check_take(&check->kept, s->wanted, sizeof *s->exact);
        s->expected = check_take(&check->kept, s->wanted, sizeof *s->expected);
        s->moved = check_take(&check->kept, s->wanted, sizeof *s->moved);
        s->noise = check_take(&check->kept, s->wanted, sizeof *s->noise);
        s->jump = check_take(&check->kept, s->wanted, sizeof *s->jump);
    }
    return check->kept.failed ? WG_ERROR_MEMORY : WG_OK;
}

/* ---- what is right ------------------------------------------------------------------------------------------------------- */

/* Whether a difference looks like rounding to float: most entries have one, and it is not one and the same part of every entry,
 * as a wrong constant is. Relative errors, that entries count alike; without those that cancel so far that rounding in double
 * shows in them. */
static bool check_looks_random(const check_supplied *s)
{
    double sum = 0, squares = 0;
    size_t n = 0, differ = 0;
    for (size_t i = 0; i < s->wanted; i++) {
        double exact = s->exact[i], error = (s->numbers[i] - exact) / exact;
        if (exact == 0 || fabs(exact) <= 0x1p-12 * s->noise[i]) continue;
        sum += error;
        squares += error * error;
        differ += fabs(error) > 0x1p-40;
        n++;
    }
    return n >= 2 && 2 * differ >= n && sum * sum <= 0.98 * squares * (double)n;
}

static bool check_within(const wg_check *check, check_supplied *s, unsigned bits)
{
    unsigned carries = s->carries;
    s->carries = bits;
    bool fits = check_judge(check, s, s->exact).fits;
    s->carries = carries;
    return fits;
}

static void check_judge_all(wg_check *check)
{
    check_precisions(check);
    for (size_t k = 0; k < check->count; k++) {
        check_supplied *s = &check->supplied[k];
        s->right = check_judge(check, s, s->exact).fits;
        if (!s->right && s->fits && check->tolerance == 0 && s->carries == 53 && check_looks_random(s) &&
            check_within(check, s, 24)) {
            s->right = true;
            s->carries = 24;
        }
        s->rounded = s->right && check->tolerance == 0 && s->carries < 53 && !check_within(check, s, 53);
    }
}

/* What stands in next above a node, with nothing between that does, only stands in the report: what is below is right without
 * it. Returns whether there is any. */
static bool check_only_shown(wg_check *check, size_t node, unsigned char *reaches)
{
    const check_model *model = &check->model;
    bool any = false;
    memset(reaches, 0, model->count);
    reaches[node] = 1;
    for (size_t k = model->links_count; k-- > 0;) { /* the sweep's order, backwards: what is below comes first */
        const check_link *l = &model->links[k];
        size_t s = model->nodes[l->to].supplied;
        bool cut = l->to != node && s != SIZE_MAX && (check->supplied[s].stands_in || check->supplied[s].shown);
        if (l->position != SIZE_MAX && reaches[l->to] && !cut) reaches[l->from] = 1;
    }
    for (size_t k = 0; k < check->count; k++) {
        check_supplied *s = &check->supplied[k];
        if (!s->stands_in || s->node == node || !reaches[s->node]) continue;
        s->stands_in = false;
        s->shown = any = true;
    }
    return any;
}

/* A supplied adjoint that is wrong stands in for the right one, so that what is below is judged by what the caller had;
 * unless what is below is right all the same. */
static wg_status check_stand_in(wg_check *check)
{
    unsigned char *reaches = check_take(&check->kept, check->model.count, 1);
    if (!reaches) return WG_ERROR_MEMORY;
    for (size_t k = 0; k < check->count; k++) {
        check_supplied *s = &check->supplied[k];
        s->stands_in = !s->right && s->fits && !s->leaf;
    }
    for (size_t round = 0; round <= check->count; round++) {
        wg_status status = check_flow_base(check);
        if (status != WG_OK) return status;
        bool changed = false;
        for (size_t k = 0; k < check->count; k++) {
            check_supplied *s = &check->supplied[k];
            if (!s->right || check_judge(check, s, s->expected).fits) continue;
            changed = check_only_shown(check, s->node, reaches) || changed;
        }
        if (!changed) return WG_OK;
    }
    return WG_OK;
}

wg_status wg_check_run(wg_check *check, const wg_check_report **report)
{
    if (report) *report = NULL;
    if (!check || !report) return WG_ERROR_ARGUMENT;
    wg_status status = check_open(check);
    if (status == WG_OK) status = check_prepare(check);
    if (status != WG_OK) return check_fail(check, status, "the forward cannot be recorded again in double");
    status = check_flow_exact(check);
    if (status == WG_OK) status = check_noise(check);
    if (status != WG_OK) return check_fail(check, status, "the forward cannot be differentiated");
    check_judge_all(check);
    status = check_stand_in(check);
    check_search search = {0};
    for (size_t k = 0; k < check->count; k++) {
        check_supplied *s = &check->supplied[k];
        s->fault = s->own = !s->right && !(s->fits && check_judge(check, s, s->expected).fits);
    }
    if (status == WG_OK) status = check_search_run(check, &search);
    if (status == WG_OK) status = check_report_make(check, search.finds, search.count);
    check_search_close(&search);
    if (status != WG_OK) return check_fail(check, status, "the search for causes stopped");
    *report = &check->report;
    return WG_OK;
}
