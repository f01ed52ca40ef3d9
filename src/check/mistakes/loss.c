/* Mistakes at losses and at what they are made of: a mean that is left out, or taken over something else; and, in files of
 * their own, softmax (softmax.c), normalizations (statistics.c) and picks by index (indices.c).
 *
 * A loss divides its sum by some count. Code written by hand divides by another one: by none, by the number of samples, of
 * features, of all elements. Its gradient is then the right one times a ratio of counts. */
#include "check/mistakes/numbers.h"

#include "wengert/tape.h"

#include <math.h>
#include <stdio.h>

/* ---- whose reduction it is --------------------------------------------------------------------------------------------- */

/* Whether what is above a node, up to the end, only sums, averages and scales: then its reduction is the loss's own, and not
 * one inside a network, such as pooling. */
static bool loss_is_below_end(const check_edge *edge, wg_var node)
{
    static const char *const passing[] = {"sum", "mean", "neg", "add", "sub", "reshape", "sqrt", "log"};
    static const char *const scaling[] = {"mul", "div"};
    for (int steps = 0; steps < 32; steps++) {
        wg_var above[2];
        wg_node_info info, other;
        size_t n = check_consumers(edge, node, above, 2);
        if (n == 0) return true;
        if (n > 1 || wg_node_read(above[0], &info) != WG_OK) return false;
        if (check_is_among(&info, scaling, 2)) {
            size_t k = check_same_node(wg_node_input(above[0], 0), node);
            if (wg_node_read(wg_node_input(above[0], k), &other) != WG_OK || other.flags & WG_DEPENDS) return false;
        } else if (!check_is_among(&info, passing, sizeof passing / sizeof *passing))
            return false;
        node = above[0];
    }
    return false;
}

/* ---- counts ------------------------------------------------------------------------------------------------------------ */

/* What a sum over an array might be divided by. */
#define LOSS_COUNTS (2 * WG_MAX_RANK + 4)
typedef struct loss_counts {
    const char *array; /* its name */
    wg_shape shape;
    size_t n;
    double counts[LOSS_COUNTS];
    char says[LOSS_COUNTS][64];
} loss_counts;

static void loss_add_count(loss_counts *c, double count, const char *what)
{
    if (count == 0 || c->n == LOSS_COUNTS) return;
    for (size_t k = 0; k < c->n; k++)
        if (c->counts[k] == count) return;
    c->counts[c->n] = count;
    snprintf(c->says[c->n++], sizeof c->says[0], "%.6g %s", count, what);
}

static loss_counts loss_count(const check_edge *edge, wg_var array)
{
    loss_counts c = {.array = check_name(edge, array), .shape = wg_shape_of(array)};
    double size = (double)check_shape_size(&c.shape);
    loss_add_count(&c, 1, "");
    loss_add_count(&c, size, "elements");
    if (c.shape.rank == 2) {
        loss_add_count(&c, (double)c.shape.dim[1], "columns");
        loss_add_count(&c, (double)c.shape.dim[0], "rows");
    }
    for (uint32_t d = 0; d < c.shape.rank; d++) {
        double extent = (double)c.shape.dim[d];
        loss_add_count(&c, extent, "places along one axis");
        if (c.shape.rank > 2 && extent > 0) loss_add_count(&c, size / extent, "places along the other axes");
    }
    return c;
}

static const char *loss_says(const loss_counts *c, double count, char text[64])
{
    for (size_t k = 0; k < c->n; k++)
        if (c->counts[k] == count) return c->says[k];
    snprintf(text, 64, "%.6g", count);
    return text;
}

/* The right contribution is that of a sum divided by `right`. */
static void loss_offer_counts(check_offers *offers, const loss_counts *c, double right)
{
    const check_edge *edge = offers->edge;
    char text[64];
    const char *says = loss_says(c, right, text);
    for (size_t k = 0; k < c->n; k++) {
        double ratio = right / c->counts[k];
        const double *numbers = ratio == 1 ? NULL : check_scaled(edge, edge->contribution, ratio, edge->to_size);
        if (c->counts[k] == 1)
            check_offer(
                offers, WG_CAUSE_REDUCTION, numbers, ratio, "the mean over the %s of %s is left out", says, c->array);
        else if (right == 1)
            check_offer(offers, WG_CAUSE_REDUCTION, numbers, ratio,
                "a mean over the %s of %s is taken where the sum is right", c->says[k], c->array);
        else
            check_offer(offers, WG_CAUSE_REDUCTION, numbers, ratio,
                "a mean over the %s of %s is taken where one over the %s is right", c->says[k], c->array, says);
    }
}

/* ---- reductions -------------------------------------------------------------------------------------------------------- */

static void loss_of_sum(check_offers *offers, bool mean)
{
    const check_edge *edge = offers->edge;
    if (edge->from_size == 0 || !loss_is_below_end(edge, edge->from)) return;
    loss_counts c = loss_count(edge, edge->to);
    double over = (double)edge->to_size / (double)edge->from_size;
    loss_add_count(&c, over, "elements of each sum");
    loss_offer_counts(offers, &c, mean ? over : 1);
}

/* 2 u (p - t) / d: the d is found from the numbers. */
static void loss_of_mse(check_offers *offers)
{
    const check_edge *edge = offers->edge;
    const double *p = check_value(edge, check_input(edge, 0)), *t = check_value(edge, check_input(edge, 1));
    double divisor = NAN, largest = 0;
    if (!p || !t) return;
    for (size_t i = 0; i < edge->to_size; i++) {
        double right = 2 * edge->adjoint[0] * (edge->position == 0 ? p[i] - t[i] : t[i] - p[i]);
        if (fabs(right) <= largest || edge->contribution[i] == 0) continue;
        largest = fabs(right);
        divisor = round(right / edge->contribution[i]);
    }
    if (!(divisor >= 1)) return;
    loss_counts c = loss_count(edge, check_input(edge, 0));
    loss_offer_counts(offers, &c, divisor);
}

/* The sum that a node is, but for its sign. */
static bool loss_find_sum(wg_var node, wg_var *summed)
{
    wg_node_info info;
    for (int steps = 0; steps < 4 && wg_node_read(node, &info) == WG_OK; steps++) {
        if (check_is(&info, "sum")) *summed = wg_node_input(node, 0);
        if (check_is(&info, "sum")) return true;
        if (!check_is(&info, "neg")) return false;
        node = wg_node_input(node, 0);
    }
    return false;
}

/* A sum divided by a count, or by the weights that its terms have, or times the reciprocal of one. */
static void loss_of_quotient(check_offers *offers)
{
    const check_edge *edge = offers->edge;
    bool product = check_is(&edge->op, "mul");
    wg_var below = check_input(edge, 1 - edge->position), summed;
    wg_node_info divisor;
    if ((!product && edge->position != 0) || edge->to_size != 1 || wg_node_read(below, &divisor) != WG_OK) return;
    const double *value = check_value(edge, below);
    if (!value || check_shape_size(&divisor.shape) != 1 || divisor.flags & WG_DEPENDS) return;
    if (!loss_find_sum(edge->to, &summed) || !loss_is_below_end(edge, edge->from)) return;
    double right = product ? 1 / value[0] : value[0];
    loss_counts c = loss_count(edge, summed);
    bool counts = divisor.op && !product; /* computed: targets that are not ignored, or their weights */
    for (size_t k = 0; k < c.n; k++)
        if (fabs(c.counts[k] - right) <= 1e-12 * right && c.counts[k] != 1) counts = true, right = c.counts[k];
    if (counts) loss_offer_counts(offers, &c, right);
}

/* The cross-entropies of positions: their mean taken over the classes too. */
static void loss_of_positions(check_offers *offers)
{
    const check_edge *edge = offers->edge;
    if (edge->position != 0 || edge->from_size == 0 || edge->to_size == edge->from_size) return;
    double classes = (double)edge->to_size / (double)edge->from_size;
    check_offer(offers, WG_CAUSE_REDUCTION, check_scaled(edge, edge->contribution, 1 / classes, edge->to_size),
        1 / classes, "the mean is taken over the %.0f classes too", classes);
}

void check_mistakes_loss(const check_edge *edge)
{
    check_offers offers = {.edge = edge};
    if (check_is(&edge->op, "mse")) loss_of_mse(&offers);
    if (check_is(&edge->op, "sum") || check_is(&edge->op, "mean")) loss_of_sum(&offers, check_is(&edge->op, "mean"));
    if (check_is(&edge->op, "div") || check_is(&edge->op, "mul")) loss_of_quotient(&offers);
    if (check_is(&edge->op, "cross_entropy")) loss_of_positions(&offers);
    check_mistakes_softmax(edge);
    check_mistakes_statistics(edge);
    check_mistakes_indices(edge);
}
