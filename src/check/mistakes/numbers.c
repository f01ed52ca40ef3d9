/* Suggestions that are made once, and small arithmetic on row-major doubles. */
#include "check/mistakes/numbers.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- comparing --------------------------------------------------------------------------------------------------------- */

bool check_finite(const double *a, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(a[i])) return false;
    return true;
}

/* Two ways to compute the same numbers differ by some roundings of the largest; mistakes differ by more. */
bool check_agree(const double *a, const double *b, size_t n)
{
    double largest = 0;
    for (size_t i = 0; i < n; i++) {
        double one = fabs(a[i]), other = fabs(b[i]), larger = one > other ? one : other;
        if (larger > largest) largest = larger;
    }
    for (size_t i = 0; i < n; i++)
        if (a[i] != b[i] && !(isfinite(largest) && fabs(a[i] - b[i]) <= 1e-11 * largest)) return false;
    return true;
}

bool check_offer(check_offers *offers, wg_cause cause, const double *numbers, double factor, const char *detail, ...)
{
    const check_edge *edge = offers->edge;
    size_t n = edge->to_size, most = offers->most && offers->most < CHECK_OFFERS ? offers->most : CHECK_OFFERS;
    char text[512];
    if (!numbers || offers->count == most || !check_finite(numbers, n)) return false;
    if (check_agree(numbers, edge->contribution, n)) return false;
    for (size_t k = 0; k < offers->count; k++)
        if (offers->causes[k] == cause && check_agree(numbers, offers->numbers[k], n)) return false;
    offers->numbers[offers->count] = numbers;
    offers->causes[offers->count++] = cause;
    va_list rest;
    va_start(rest, detail);
    vsnprintf(text, sizeof text, detail, rest);
    va_end(rest);
    check_suggest(edge, cause, &edge->to_shape, numbers, factor, "%s", text);
    return true;
}

/* ---- arrays ------------------------------------------------------------------------------------------------------------ */

const double *check_filled(const check_edge *edge, size_t n, double value)
{
    double *out = check_array(edge, n);
    for (size_t i = 0; out && i < n; i++) out[i] = value;
    return out;
}

const double *check_product(const check_edge *edge, const double *a, const double *b, size_t n)
{
    double *out = a && b ? check_array(edge, n) : NULL;
    for (size_t i = 0; out && i < n; i++) out[i] = a[i] * b[i];
    return out;
}

const double *check_scaled(const check_edge *edge, const double *a, double k, size_t n)
{
    double *out = a ? check_array(edge, n) : NULL;
    for (size_t i = 0; out && i < n; i++) out[i] = k * a[i];
    return out;
}

/* ---- shapes ------------------------------------------------------------------------------------------------------------ */

size_t check_shape_size(const wg_shape *shape)
{
    size_t size = 1;
    for (uint32_t d = 0; d < shape->rank; d++) size *= shape->dim[d];
    return size;
}

bool check_shapes_equal(const wg_shape *a, const wg_shape *b)
{
    if (a->rank != b->rank) return false;
    for (uint32_t d = 0; d < a->rank; d++)
        if (a->dim[d] != b->dim[d]) return false;
    return true;
}

bool check_broadcasts(const wg_shape *small, const wg_shape *large)
{
    if (small->rank > large->rank) return false;
    for (uint32_t d = 0; d < small->rank; d++) {
        size_t extent = small->dim[d];
        if (extent != 1 && extent != large->dim[large->rank - small->rank + d]) return false;
    }
    return true;
}

size_t check_broadcast_place(const wg_shape *small, const wg_shape *large, size_t i)
{
    size_t place = 0, stride = 1;
    for (uint32_t d = 0; d < small->rank; d++) {
        uint32_t own = small->rank - 1 - d, other = large->rank - 1 - d;
        size_t at = i % large->dim[other];
        i /= large->dim[other];
        if (small->dim[own] != 1) place += at * stride;
        stride *= small->dim[own];
    }
    return place;
}

const double *check_summed(const check_edge *edge, const double *numbers)
{
    if (!numbers || !check_broadcasts(&edge->to_shape, &edge->from_shape)) return NULL;
    if (edge->to_size == edge->from_size) return numbers;
    double *out = check_array(edge, edge->to_size);
    if (!out) return NULL;
    for (size_t i = 0; i < edge->to_size; i++) out[i] = 0;
    for (size_t i = 0; i < edge->from_size; i++)
        out[check_broadcast_place(&edge->to_shape, &edge->from_shape, i)] += numbers[i];
    return out;
}

check_split check_split_at(const wg_shape *shape, uint32_t axis)
{
    check_split split = {1, shape->dim[axis], 1};
    for (uint32_t d = 0; d < axis; d++) split.outer *= shape->dim[d];
    for (uint32_t d = axis + 1; d < shape->rank; d++) split.inner *= shape->dim[d];
    return split;
}

/* ---- nodes ------------------------------------------------------------------------------------------------------------- */

bool check_same_node(wg_var a, wg_var b) { return a.tape == b.tape && a.index == b.index; }

bool check_is(const wg_node_info *node, const char *kind) { return strcmp(node->kind, kind) == 0; }

bool check_is_among(const wg_node_info *node, const char *const *kinds, size_t count)
{
    for (size_t k = 0; k < count; k++)
        if (check_is(node, kinds[k])) return true;
    return false;
}

bool check_is_elementwise(const wg_node_info *node) { return node->op && node->op->flags & WG_OP_ELEMENTWISE; }

bool check_is_reshaping(const wg_node_info *node)
{
    static const char *const kinds[] = {"reshape", "broadcast_to"};
    return check_is_among(node, kinds, sizeof kinds / sizeof *kinds);
}

/* Consumers stand above their inputs, and mostly soon: a long way up is left unseen. */
size_t check_consumers(const check_edge *edge, wg_var node, wg_var *consumers, size_t most)
{
    const wg_var *nodes;
    size_t n = check_candidates(edge, &nodes), found = 0, seen = 0;
    for (size_t i = 0; i < n && found < most && seen < 1000; i++) {
        wg_node_info info;
        if (nodes[i].index <= node.index) continue;
        seen++;
        if (wg_node_read(nodes[i], &info) != WG_OK) return found;
        for (size_t k = 0; k < info.inputs; k++)
            if (check_same_node(wg_node_input(nodes[i], k), node)) {
                consumers[found++] = nodes[i];
                break;
            }
    }
    return found;
}
