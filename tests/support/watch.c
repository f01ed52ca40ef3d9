/* Observing and copying: see watch.h. */
#include "support/watch.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

double watch_number(const wg_tape *tape, const void *numbers, size_t i)
{
    return wg_tape_dtype(tape) == WG_F64 ? ((const double *)numbers)[i] : (double)((const float *)numbers)[i];
}

static bool watch_same(double a, double b, double allowed)
{
    if (isnan(a) || isnan(b)) return isnan(a) && isnan(b);
    if (isinf(a) || isinf(b)) return a == b;
    return fabs(a - b) <= allowed;
}

static wg_status watch_edge(void *user, const wg_edge *edge)
{
    watched *seen = user;
    size_t size = wg_size(edge->to);
    assert_true(wg_ok(edge->from) && wg_ok(edge->to));
    assert_int_equal(seen->last, edge->from.index);
    assert_int_equal(wg_node_input(edge->from, edge->position).index, edge->to.index);
    watch_node *to = &seen->node[edge->to.index];
    if (!to->sum) to->sum = calloc(size + 1, sizeof *to->sum);
    assert_non_null(to->sum);
    for (size_t i = 0; i < size; i++) {
        double x = watch_number(seen->tape, edge->contribution, i);
        to->sum[i] = to->into ? to->sum[i] + x : x;
        if (fabs(x) > to->largest) to->largest = fabs(x);
    }
    to->into++;
    seen->node[edge->from.index].from++;
    seen->edges++;
    return WG_OK;
}

/* The first one is the swept value itself, into which nothing flows. */
static wg_status watch_adjoint(void *user, wg_var node, void *adjoint)
{
    watched *seen = user;
    assert_true(wg_ok(node));
    assert_true(node.index < seen->last);
    watch_node *at = &seen->node[node.index];
    double epsilon = wg_tape_dtype(seen->tape) == WG_F64 ? DBL_EPSILON : (double)FLT_EPSILON;
    double allowed = epsilon * (double)at->into * (double)at->into * at->largest;
    assert_true(at->sum || seen->last == UINT32_MAX);
    for (size_t i = 0; i < wg_size(node) && at->sum; i++) {
        double got = watch_number(seen->tape, adjoint, i);
        if (!watch_same(got, at->sum[i], allowed))
            fail_msg("element %zu of the adjoint of node %u is %.17g; %zu contributions to it add up to %.17g", i,
                (unsigned)node.index, got, at->into, at->sum[i]);
    }
    seen->last = node.index;
    at->shown++;
    seen->nodes++;
    return WG_OK;
}

watched watch(wg_var out, const void *cotangent, const wg_var *wrt, size_t n, void *gradients)
{
    watched seen = {.tape = out.tape, .count = wg_node_count(out.tape), .last = UINT32_MAX};
    seen.node = calloc(seen.count, sizeof *seen.node);
    assert_non_null(seen.node);
    wg_observer observer = {watch_adjoint, watch_edge, &seen};
    if (wg_observe(out, cotangent, wrt, n, gradients, &observer) != WG_OK) fail_msg("%s", wg_tape_message(out.tape));
    return seen;
}

void watch_free(watched *seen)
{
    for (size_t i = 0; i < seen->count; i++) free(seen->node[i].sum);
    free(seen->node);
}

wg_var *copy_tape(wg_tape *to, wg_tape *from)
{
    size_t count = wg_node_count(from), most = 0;
    wg_node_info info;
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(wg_node_read(wg_node_at(from, i), &info), WG_OK);
        if (info.inputs > most) most = info.inputs;
    }
    wg_var *copies = calloc(count + most + 1, sizeof *copies), *in = copies + count;
    assert_non_null(copies);
    for (size_t i = 0; i < count && wg_tape_status(to) == WG_OK; i++) {
        wg_var node = wg_node_at(from, i);
        wg_node_read(node, &info);
        for (size_t k = 0; k < info.inputs; k++) in[k] = copies[wg_node_input(node, k).index];
        copies[i] = wg_node_copy(to, node, in, info.inputs);
    }
    if (wg_tape_status(to) == WG_OK && wg_tape_status(from) == WG_OK) return copies;
    free(copies);
    return NULL;
}
