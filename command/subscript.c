/* x[...], as in NumPy: a slice keeps its axis, an integer drops it, none adds one, ... stands for as many whole axes as
 * are missing, and one array of integers picks along its axis. */
#include "evaluation.h"

/* A bound of a slice; missing: WG_END. */
static bool subscript_bound(evaluation *e, const tree *t, ptrdiff_t missing, ptrdiff_t *bound)
{
    value v;
    int64_t whole;
    *bound = missing;
    if (t->kind == TREE_NOTHING || value_is_word(e, t, "none", "None")) return true;
    if (!evaluation_value(e, t, &v) || !value_integer(e, t, &v, &whole)) return false;
    *bound = whole > PTRDIFF_MAX ? PTRDIFF_MAX : whole <= PTRDIFF_MIN ? PTRDIFF_MIN + 1 : (ptrdiff_t)whole;
    return true;
}

static bool subscript_slice(evaluation *e, const tree *t, wg_var *x, int axis)
{
    const tree *start = t->first, *stop = start->next, *step = stop->next;
    ptrdiff_t from, to, by;
    if (!subscript_bound(e, start, WG_END, &from) || !subscript_bound(e, stop, WG_END, &to)) return false;
    if (!subscript_bound(e, step, 1, &by)) return false;
    if (from != WG_END || to != WG_END || by != 1) *x = wg_slice(*x, axis, from, to, by);
    return evaluation_healthy(e, t);
}

/* An integer, or an array of integers, at an axis; the number of axes that take its place. Only one array can be told
 * what NumPy does with it without its rules for several. */
static bool subscript_pick(evaluation *e, const tree *t, wg_var *x, int axis, int *axes, bool alone)
{
    value v;
    int64_t whole;
    wg_var indices;
    if (!evaluation_value(e, t, &v)) return false;
    if (v.source && v.source->truths) /* NumPy picks where they are true: the shape would depend on values */
        return evaluation_fail(
            e, t, "%s holds booleans, which are no indices; where(mask, x, 0) keeps the shape", v.source->name);
    *axes = 0;
    if (v.kind == VALUE_NUMBER) {
        if (!value_integer(e, t, &v, &whole)) return false;
        if (whole > PTRDIFF_MAX || whole < PTRDIFF_MIN) return evaluation_fail(e, t, "there is no such index");
        *x = wg_select(*x, axis, (ptrdiff_t)whole);
        return evaluation_healthy(e, t);
    }
    bool variable = v.source && v.source->variable && v.source->integers; /* of which value_indices complains */
    if (!value_is_integer(&v) && !variable)
        return evaluation_fail(e, t, "an index is an integer, a slice, none, or an array of integers");
    if (!alone)
        return evaluation_fail(e, t, "an array of integers, and other integers beside it: use take(x, indices, axis)");
    if (!value_indices(e, t, &v, &indices)) return false;
    *axes = (int)wg_shape_of(indices).rank;
    *x = wg_take(*x, indices, axis);
    return evaluation_healthy(e, t);
}

/* One of several results. */
static bool subscript_result(evaluation *e, const tree *t, const value *several, value *v)
{
    const tree *item = t->first->next;
    value index;
    int64_t whole;
    if (item->next || item->kind == TREE_SLICE || item->kind == TREE_ELLIPSIS)
        return evaluation_fail(e, item, "these are %zu results: take one by [0]", several->count);
    if (!evaluation_value(e, item, &index) || !value_integer(e, item, &index, &whole)) return false;
    if (whole < 0) whole += (int64_t)several->count;
    if (whole < 0 || whole >= (int64_t)several->count)
        return evaluation_fail(e, item, "there are %zu results, counted from 0", several->count);
    *v = value_of_var(several->several[whole]);
    return true;
}

bool evaluation_subscript(evaluation *e, const tree *t, value *v)
{
    const tree *base = t->first;
    wg_var x;
    value whole;
    if (!evaluation_value(e, base, &whole)) return false;
    if (whole.kind == VALUE_SEVERAL) return subscript_result(e, t, &whole, v);
    if (!value_either(e, base, &whole, &x)) return false;

    size_t picks = 0, taken = 0, dots = 0, rank = value_rank(&whole);
    for (const tree *item = base->next; item; item = item->next) {
        if (item->kind == TREE_ELLIPSIS && ++dots > 1) return evaluation_fail(e, item, "a second ...");
        if (item->kind == TREE_ELLIPSIS || value_is_word(e, item, "none", "None")) continue;
        if (++taken > rank) return evaluation_fail(e, item, "an index too many: there are %zu axes", rank);
        picks += item->kind != TREE_SLICE;
    }
    int axis = 0;
    for (const tree *item = base->next; item; item = item->next) {
        int axes = 1;
        if (item->kind == TREE_ELLIPSIS) {
            axes = (int)(rank - taken);
        } else if (value_is_word(e, item, "none", "None")) {
            x = wg_unsqueeze(x, axis);
            if (!evaluation_healthy(e, item)) return false;
        } else if (item->kind == TREE_SLICE) {
            if (!subscript_slice(e, item, &x, axis)) return false;
        } else if (!subscript_pick(e, item, &x, axis, &axes, picks == 1)) {
            return false;
        }
        axis += axes;
    }
    *v = value_of_var(x);
    return true;
}
