/* Mistakes at normalizations: mean, variance or length of the values taken as constants.
 *
 * z = (x - m) / s passes (u - mean u - z mean(u z)) / s to x. With both statistics constant that is u / s, with the variance
 * alone (u - mean u) / s, with the mean alone (u - z mean(u z)) / s. The library's layer, group and instance norms are one
 * op on rows. Others are made of several ops: a statistic is then a reduction that meets the values it was made of again,
 * element by element, and as a constant it passes nothing back. */
#include "check/mistakes/numbers.h"

#include "wengert/tape.h"

#include <math.h>

/* ---- rows -------------------------------------------------------------------------------------------------------------- */

typedef struct statistics_row {
    size_t n;
    const double *x, *y, *u, *c; /* value, result, adjoint, contribution */
    double scale;                /* 1 / s */
} statistics_row;

static double statistics_mean(const double *a, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += a[i];
    return sum / (double)n;
}

static double statistics_mean_product(const double *a, const double *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum / (double)n;
}

/* 1 / s from y = (x - m) / s; 0 where all elements are equal, and nothing tells. */
static void statistics_find_scale(statistics_row *row, bool center)
{
    double mean = center ? statistics_mean(row->x, row->n) : 0, above = 0, below = 0;
    for (size_t i = 0; i < row->n; i++) {
        double d = row->x[i] - mean;
        above += row->y[i] * d;
        below += d * d;
    }
    row->scale = below > 0 ? above / below : 0;
}

/* Without the terms of the mean, or of the variance. */
static void statistics_write(const statistics_row *row, bool of_mean, bool of_variance, double *out)
{
    double mean = of_mean ? statistics_mean(row->u, row->n) : 0;
    double product = of_variance ? statistics_mean_product(row->u, row->y, row->n) : 0;
    for (size_t i = 0; i < row->n; i++) out[i] = row->scale * (row->u[i] - mean - row->y[i] * product);
}

static const double *statistics_rows(const check_edge *edge, bool center, bool of_mean, bool of_variance)
{
    const double *x = check_value(edge, edge->to), *y = check_value(edge, edge->from);
    size_t n = edge->to_shape.rank == 2 ? edge->to_shape.dim[1] : 0;
    double *out = x && y && n ? check_array(edge, edge->to_size) : NULL;
    for (size_t at = 0; out && at < edge->to_size; at += n) {
        statistics_row row = {n, x + at, y + at, edge->adjoint + at, edge->contribution + at, 0};
        statistics_find_scale(&row, center);
        statistics_write(&row, of_mean, of_variance, out + at);
    }
    return out;
}

/* Whether it takes the mean off is seen from what is right. */
static void statistics_of_rows(const check_edge *edge)
{
    check_offers offers = {.edge = edge};
    const double *centered = statistics_rows(edge, true, true, true);
    bool center = centered && check_agree(centered, edge->contribution, edge->to_size);
    const char *name = check_name(edge, edge->to);
    if (!center) {
        const double *plain = statistics_rows(edge, false, false, true);
        if (!plain || !check_agree(plain, edge->contribution, edge->to_size)) return;
        check_offer(&offers, WG_CAUSE_STATISTICS_CONSTANT, statistics_rows(edge, false, false, false), NAN,
            "the mean square of %s is taken as a constant", name);
        return;
    }
    check_offer(&offers, WG_CAUSE_STATISTICS_CONSTANT, statistics_rows(edge, true, false, false), NAN,
        "mean and variance of %s are taken as constants", name);
    check_offer(&offers, WG_CAUSE_STATISTICS_CONSTANT, statistics_rows(edge, true, true, false), NAN,
        "the variance of %s is taken as a constant", name);
    check_offer(&offers, WG_CAUSE_STATISTICS_CONSTANT, statistics_rows(edge, true, false, true), NAN,
        "the mean of %s is taken as a constant", name);
}

/* ---- statistics that meet their values again ----------------------------------------------------------------------------- */

#define STATISTICS_NEAR 24
typedef struct statistics_set {
    size_t n;
    wg_var nodes[STATISTICS_NEAR];
} statistics_set;

static bool statistics_has(const statistics_set *set, wg_var node)
{
    for (size_t k = 0; k < set->n; k++)
        if (check_same_node(set->nodes[k], node)) return true;
    return false;
}

static bool statistics_is_step(const wg_node_info *info)
{
    return check_is_elementwise(info) || check_is_reshaping(info) || check_is(info, "deviation");
}

/* A node and what it is made of, element by element: nodes of the same size that depend on a variable. */
static statistics_set statistics_below(wg_var node)
{
    statistics_set set = {1, {node}};
    size_t size = wg_size(node);
    for (size_t k = 0; k < set.n; k++) {
        wg_node_info info;
        if (wg_node_read(set.nodes[k], &info) != WG_OK || !statistics_is_step(&info)) continue;
        for (size_t i = 0; i < info.inputs && set.n < STATISTICS_NEAR; i++) {
            wg_var in = wg_node_input(set.nodes[k], i);
            if (wg_size(in) == size && !statistics_has(&set, in)) set.nodes[set.n++] = in;
        }
    }
    return set;
}

/* Whether a node is made of an array and of what was reduced from it. */
static bool statistics_is_meeting(wg_var node, const statistics_set *values, const statistics_set *above)
{
    wg_node_info info;
    if (wg_node_read(node, &info) != WG_OK || !check_is_elementwise(&info) || check_is(&info, "add")) return false;
    for (size_t k = 0; k < info.inputs; k++) {
        wg_var in = wg_node_input(node, k);
        if (statistics_has(above, in)) continue;
        statistics_set below = statistics_below(in);
        for (size_t i = 0; i < below.n; i++)
            if (wg_size(below.nodes[i]) > 1 && statistics_has(values, below.nodes[i])) return true;
    }
    return false;
}

static bool statistics_meets_again(const check_edge *edge)
{
    statistics_set values = statistics_below(edge->to), above = {1, {edge->from}};
    for (size_t k = 0; k < above.n; k++) {
        wg_var up[8];
        size_t n = check_consumers(edge, above.nodes[k], up, 8);
        for (size_t i = 0; i < n; i++) {
            wg_node_info info;
            if (statistics_is_meeting(up[i], &values, &above)) return true;
            if (wg_node_read(up[i], &info) != WG_OK || !statistics_is_step(&info)) continue;
            if (above.n < STATISTICS_NEAR && !statistics_has(&above, up[i])) above.nodes[above.n++] = up[i];
        }
    }
    return false;
}

/* ---- mean and variance together -------------------------------------------------------------------------------------------- */

/* The contribution to deviations d = x - mean of a square of theirs, when there is one: 2 d times its adjoint. */
static const double *statistics_of_square(const check_edge *edge, wg_var deviations)
{
    wg_var above[8];
    size_t n = check_consumers(edge, deviations, above, 8);
    for (size_t k = 0; k < n; k++) {
        wg_node_info info;
        if (wg_node_read(above[k], &info) != WG_OK) return NULL;
        bool product =
            check_is(&info, "mul") && check_same_node(wg_node_input(above[k], 0), wg_node_input(above[k], 1));
        if (!product && !check_is(&info, "square")) continue;
        const double *d = check_value(edge, deviations), *u = check_adjoint(edge, above[k]);
        return check_scaled(edge, check_product(edge, d, u, edge->to_size), 2, edge->to_size);
    }
    return NULL;
}

/* For each element of to, the element of from into whose mean it goes: read off from the derivative. */
static const double *statistics_groups(const check_edge *edge)
{
    double *numbers = check_array(edge, edge->from_size), *groups = check_array(edge, edge->to_size);
    const double *ones = check_filled(edge, edge->from_size, 1);
    for (size_t i = 0; numbers && i < edge->from_size; i++) numbers[i] = (double)i;
    const double *shares = check_derive(edge, NULL, ones), *spread = check_derive(edge, NULL, numbers);
    if (!groups || !numbers || !shares || !spread) return NULL;
    for (size_t i = 0; i < edge->to_size; i++) {
        groups[i] = round(spread[i] / shares[i]);
        if (!(groups[i] >= 0 && groups[i] < (double)edge->from_size)) return NULL;
    }
    return groups;
}

/* Each element less the mean of its group. */
static const double *statistics_deviations(const check_edge *edge, const double *groups, const double *numbers)
{
    double *means = check_array(edge, edge->from_size), *out = check_array(edge, edge->to_size);
    if (!groups || !numbers || !means || !out) return NULL;
    for (size_t i = 0; i < edge->from_size; i++) means[i] = 0;
    double count = (double)edge->to_size / (double)edge->from_size;
    for (size_t i = 0; i < edge->to_size; i++) means[(size_t)groups[i]] += numbers[i] / count;
    for (size_t i = 0; i < edge->to_size; i++) out[i] = numbers[i] - means[(size_t)groups[i]];
    return out;
}

/* What a variance of x, over the axes of its mean, passes to x: 2 u d / divisor, the divisor being what makes it the sum of
 * squares of deviations d over that. */
static const double *statistics_of_variance(const check_edge *edge, wg_var variance, const wg_node_info *info)
{
    const double *v = check_value(edge, variance), *u = check_adjoint(edge, variance);
    const double *groups = statistics_groups(edge);
    const double *d = statistics_deviations(edge, groups, check_value(edge, edge->to));
    double *out = check_array(edge, edge->to_size), squares = 0, variances = 0;
    if (!v || !u || !d || !out || !check_shapes_equal(&info->shape, &edge->from_shape)) return NULL;
    for (size_t i = 0; i < edge->to_size; i++) squares += d[i] * d[i];
    for (size_t i = 0; i < edge->from_size; i++) variances += v[i];
    for (size_t i = 0; i < edge->to_size; i++)
        out[i] = squares > 0 ? 2 * u[(size_t)groups[i]] * d[i] * (variances / squares) : 0;
    return out;
}

/* What deviations as an op of their own, of which a standard deviation is made, pass to x. */
static const double *statistics_of_deviations(const check_edge *edge, wg_var node)
{
    const double *groups = statistics_groups(edge), *value = check_value(edge, node);
    const double *d = statistics_deviations(edge, groups, check_value(edge, edge->to));
    if (!d || !value || wg_size(node) != edge->to_size || !check_agree(d, value, edge->to_size)) return NULL;
    return statistics_deviations(edge, groups, check_adjoint(edge, node));
}

/* Whether a node is x - mean, the mean in a shape that fits. */
static bool statistics_is_deviation(const check_edge *edge, wg_var node, const wg_node_info *info)
{
    wg_node_info mean;
    wg_var taken = wg_node_input(node, 1);
    if (!check_is(info, "sub") || !check_same_node(wg_node_input(node, 0), edge->to)) return false;
    if (!check_shapes_equal(&info->shape, &edge->to_shape)) return false;
    while (wg_node_read(taken, &mean) == WG_OK && check_is_reshaping(&mean)) taken = wg_node_input(taken, 0);
    return check_same_node(taken, edge->from);
}

/* At the edge from a mean to x: when the variance is a constant too, x also lacks what comes of it. */
static void statistics_both(const check_edge *edge, check_offers *offers)
{
    wg_var above[8];
    wg_node_info info;
    size_t n = check_consumers(edge, edge->to, above, 8);
    const double *variance = NULL;
    for (size_t k = 0; k < n && !variance; k++) {
        if (wg_node_read(above[k], &info) != WG_OK) return;
        if (check_is(&info, "variance"))
            variance = statistics_of_variance(edge, above[k], &info);
        else if (check_is(&info, "deviation"))
            variance = statistics_of_deviations(edge, above[k]);
        else if (statistics_is_deviation(edge, above[k], &info))
            variance = statistics_of_square(edge, above[k]);
    }
    check_offer(offers, WG_CAUSE_STATISTICS_CONSTANT, check_scaled(edge, variance, -1, edge->to_size), NAN,
        "mean and variance of %s are taken as constants", check_name(edge, edge->to));
}

void check_mistakes_statistics(const check_edge *edge)
{
    static const char *const reductions[] = {"mean", "sum", "variance", "norm", "max", "min"};
    check_offers offers = {.edge = edge};
    if (check_is(&edge->op, "normalize_rows")) statistics_of_rows(edge);
    if (!check_is_among(&edge->op, reductions, sizeof reductions / sizeof *reductions)) return;
    if (edge->position != 0 || !statistics_meets_again(edge)) return;
    check_offer(&offers, WG_CAUSE_STATISTICS_CONSTANT, check_filled(edge, edge->to_size, 0), NAN,
        "the %s of %s is taken as a constant", edge->op.kind, check_name(edge, edge->to));
    if (check_is(&edge->op, "mean")) statistics_both(edge, &offers);
}
