/* From a node to a formula: named values are their names, ops on numbers are signs, other ops are calls.
 *
 * Ops that are steps of derivatives are written out in terms of those that people know: sigmoid_prime(x) is
 * sigmoid(x) * (1 - sigmoid(x)). What is equal but for rounding, or at single points, counts as equal here. */
#include "inspect/formula.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned build_node(wg_formula_tree *tree, wg_var node, unsigned depth);

/* ---- names and leaves ------------------------------------------------------------------------------------------------------ */

static unsigned build_word(wg_formula_tree *tree, const char *word)
{
    unsigned part = wg_formula_add(tree, WG_FORMULA_WORD, 0, 0);
    if (part) tree->part[part].text = word;
    return part;
}

const char *wg_formula_name(const wg_formula_tree *tree, wg_var node)
{
    wg_node_info info;
    if (tree->style->name) return tree->style->name(tree->style->user, node);
    return wg_node_read(node, &info) == WG_OK ? info.name : NULL;
}

void wg_formula_again(const wg_formula_tree *tree, wg_var node)
{
    wg_node_info info;
    if (!tree->style->visit || wg_formula_name(tree, node)) return;
    if (wg_node_read(node, &info) == WG_OK && info.op) tree->style->visit(tree->style->user, node);
}

static unsigned build_leaf(wg_formula_tree *tree, wg_var node, const wg_node_info *info)
{
    if (wg_size(node) != 1) return build_word(tree, info->kind);
    return wg_formula_numeral(tree, wg_at(node, 0));
}

/* ---- broadcasting ------------------------------------------------------------------------------------------------------------ */

static bool build_is(const wg_formula_tree *tree, wg_var node, const char *op)
{
    wg_node_info info;
    return wg_node_read(node, &info) == WG_OK && info.op && !wg_formula_name(tree, node) && !strcmp(info.kind, op);
}

/* Whether a value is one number everywhere, as far as can be seen: the stretched, reshaped, or elementwise result of
 * single numbers. */
static bool build_is_single(const wg_formula_tree *tree, wg_var node, unsigned depth)
{
    wg_node_info info;
    if (wg_size(node) == 1) return true;
    if (wg_node_read(node, &info) != WG_OK || !info.op || !tree->style->tidy) return false;
    bool passes = !strcmp(info.kind, "broadcast_to") || !strcmp(info.kind, "reshape");
    bool single = depth > 0 && !wg_formula_name(tree, node) && (passes || info.op->flags & WG_OP_ELEMENTWISE);
    for (size_t k = 0; single && k < info.inputs; k++)
        single = build_is_single(tree, wg_node_input(node, k), depth - 1);
    return single;
}

enum { BUILD_SINGLE = 8 };

/* The value that a broadcast stretches, where it has no name of its own. */
static wg_var build_base(const wg_formula_tree *tree, wg_var node)
{
    for (wg_var input;; node = input) {
        input = wg_node_input(node, 0);
        bool single = build_is(tree, node, "reshape") && wg_size(input) == 1;
        if (!single && !build_is(tree, node, "broadcast_to")) return node;
    }
}

/* shape becomes what it and other broadcast to; false when they don't. */
static bool build_broadcast(wg_shape *shape, const wg_shape *other)
{
    const wg_shape *longer = shape->rank > other->rank ? shape : other;
    const wg_shape *shorter = longer == shape ? other : shape;
    wg_shape joint = *longer;
    for (uint32_t d = 0; d < shorter->rank; d++) {
        size_t *mine = &joint.dim[joint.rank - 1 - d], theirs = shorter->dim[shorter->rank - 1 - d];
        if (*mine == 1) *mine = theirs;
        if (*mine != theirs && theirs != 1) return false;
    }
    *shape = joint;
    return true;
}

static bool build_same_shape(const wg_shape *a, const wg_shape *b)
{
    bool same = a->rank == b->rank;
    for (uint32_t d = 0; same && d < a->rank; d++) same = a->dim[d] == b->dim[d];
    return same;
}

/* Whether an elementwise op would have the same result without the broadcasts of its operands; or all would be single
 * numbers, of which a tidy formula says no shape. */
static bool build_unstretched(const wg_formula_tree *tree, wg_var node, size_t n)
{
    wg_shape whole = wg_shape_of(node), joint = {0};
    bool fits = true;
    for (size_t k = 0; k < n && fits; k++) {
        wg_var base = build_base(tree, wg_node_input(node, k));
        wg_shape shape = wg_shape_of(base);
        fits = build_broadcast(&joint, &shape);
    }
    return fits && (build_same_shape(&joint, &whole) || build_is_single(tree, node, BUILD_SINGLE));
}

/* An operand whose shape matters. */
static unsigned build_operand(wg_formula_tree *tree, wg_var node, unsigned depth)
{
    unsigned part = build_node(tree, node, depth);
    if (!tree->style->tidy || wg_size(node) == 1 || !build_is_single(tree, node, BUILD_SINGLE)) return part;
    unsigned call = wg_formula_call(tree, "broadcast_to", part);
    if (call) {
        tree->part[call].node = node;
        tree->part[call].shaped = true;
    }
    return call;
}

/* ---- shapes ------------------------------------------------------------------------------------------------------------------ */

static unsigned build_call(wg_formula_tree *tree, wg_var node, const wg_node_info *info, unsigned depth)
{
    unsigned part = wg_formula_call(tree, info->kind, 0);
    if (!part) return 0;
    bool elementwise = info->op->flags & WG_OP_ELEMENTWISE && build_unstretched(tree, node, info->inputs);
    size_t n = info->inputs < WG_FORMULA_CHILDREN ? info->inputs : WG_FORMULA_CHILDREN;
    for (size_t k = 0; k < n; k++) {
        wg_var input = wg_node_input(node, k);
        unsigned child =
            elementwise ? build_node(tree, build_base(tree, input), depth) : build_operand(tree, input, depth);
        tree->part[part].child[k] = (uint16_t)child;
    }
    tree->part[part].n = (uint16_t)n;
    tree->part[part].more = n < info->inputs;
    tree->part[part].node = node;
    tree->part[part].list = !strcmp(info->kind, "concat") || !strcmp(info->kind, "stack");
    return part;
}

static unsigned build_turned(wg_formula_tree *tree, unsigned at)
{
    wg_formula_part *part = &tree->part[at];
    if (part->kind == WG_FORMULA_TURNED) return part->child[0];
    if (part->kind == WG_FORMULA_WIDENED && part->rank == 2) { /* a column is a row now, or the reverse */
        part->axes ^= 3;
        return at;
    }
    return wg_formula_add(tree, WG_FORMULA_TURNED, at, 0);
}

/* x[:, None]: x of some shape with an axis of extent 1 at each bit. */
static unsigned build_widened(wg_formula_tree *tree, unsigned x, unsigned axes, unsigned rank)
{
    unsigned part = axes ? wg_formula_add(tree, WG_FORMULA_WIDENED, x, 0) : x;
    if (part && axes) {
        tree->part[part].axes = axes;
        tree->part[part].rank = rank;
    }
    return part;
}

/* The axes of extent 1 that are in `to` and not in `from`; false when that is not the whole difference. */
static bool build_new_axes(const wg_shape *from, const wg_shape *to, unsigned *axes)
{
    uint32_t k = 0;
    *axes = 0;
    for (uint32_t d = 0; d < to->rank; d++) {
        if (k < from->rank && from->dim[k] == to->dim[d])
            k++;
        else if (to->dim[d] == 1)
            *axes |= 1u << d;
        else
            return false;
    }
    return k == from->rank;
}

static unsigned build_matmul(wg_formula_tree *tree, wg_var node, bool vectors, unsigned depth);

static bool build_is_vector(const wg_formula_tree *tree, wg_var node)
{
    return build_is(tree, node, "reshape") && wg_shape_of(wg_node_input(node, 0)).rank == 1 &&
           wg_shape_of(node).rank == 2;
}

static unsigned build_reshape(wg_formula_tree *tree, wg_var node, const wg_node_info *info, unsigned depth)
{
    wg_var input = wg_node_input(node, 0);
    wg_shape from = wg_shape_of(input), to = info->shape;
    unsigned axes;
    if (tree->style->tidy && build_is_single(tree, input, BUILD_SINGLE)) return build_node(tree, input, depth);
    bool product = build_is(tree, input, "matmul") && to.rank < from.rank;
    if (product && (build_is_vector(tree, wg_node_input(input, 0)) || build_is_vector(tree, wg_node_input(input, 1))))
        return build_matmul(tree, input, true, depth);
    if (build_new_axes(&from, &to, &axes)) return build_widened(tree, build_node(tree, input, depth), axes, to.rank);
    if (build_new_axes(&to, &from, &axes)) return wg_formula_call(tree, "squeeze", build_node(tree, input, depth));
    return build_call(tree, node, info, depth);
}

static unsigned build_sum(wg_formula_tree *tree, unsigned x, unsigned axes, bool keepdims)
{
    unsigned part = axes ? wg_formula_call(tree, "sum", x) : x;
    if (part && axes) {
        tree->part[part].axes = axes;
        tree->part[part].keepdims = keepdims;
    }
    return part;
}

/* x summed from one shape to another: leading axes go, others become 1. */
static unsigned build_sum_to(wg_formula_tree *tree, unsigned x, const wg_shape *from, const wg_shape *to)
{
    uint32_t missing = from->rank - to->rank;
    unsigned kept = 0;
    for (uint32_t d = 0; d < to->rank; d++)
        if (to->dim[d] == 1 && from->dim[d + missing] != 1) kept |= 1u << d;
    bool single = from->rank > 0;
    for (uint32_t d = 0; d < to->rank; d++) single = single && to->dim[d] == 1;
    if (single) {
        unsigned sum = wg_formula_call(tree, "sum", x);
        return tree->style->tidy ? sum : build_widened(tree, sum, (1u << to->rank) - 1, to->rank);
    }
    return build_sum(tree, build_sum(tree, x, (1u << missing) - 1, false), kept, true);
}

static unsigned build_matmul(wg_formula_tree *tree, wg_var node, bool vectors, unsigned depth)
{
    char words[256];
    wg_node_attributes(node, words, sizeof words);
    unsigned side[2];
    wg_formula_kind kind = WG_FORMULA_MATMUL;
    for (size_t k = 0; k < 2; k++) {
        wg_var input = wg_node_input(node, k);
        bool vector = vectors && build_is_vector(tree, input);
        if (vectors && tree->style->tidy && wg_size(input) == 1) kind = WG_FORMULA_MUL; /* a number times a vector */
        side[k] = build_operand(tree, vector ? wg_node_input(input, 0) : input, depth);
        if (!vector && strstr(words, k ? "transpose_b=true" : "transpose_a=true"))
            side[k] = build_turned(tree, side[k]);
    }
    unsigned product = wg_formula_add(tree, kind, side[0], side[1]);
    if (!strstr(words, "sum_to=")) return product;
    wg_shape from = wg_shape_of(wg_node_input(node, 0)), other = wg_shape_of(wg_node_input(node, 1));
    wg_shape to = wg_shape_of(node);
    from.rank -= 2; /* the leading axes */
    other.rank -= 2;
    build_broadcast(&from, &other);
    for (uint32_t d = 2; d > 0; d--) from.dim[from.rank++] = to.dim[to.rank - d];
    return build_sum_to(tree, product, &from, &to);
}

/* ---- steps of derivatives ------------------------------------------------------------------------------------------------ */

/* The axis among a node's attributes, as "axis=1" or "class_axis=1". */
static unsigned build_axis(wg_var node)
{
    char words[256];
    wg_node_attributes(node, words, sizeof words);
    const char *axis = strstr(words, "axis=");
    return axis ? (unsigned)atoi(axis + 5) : 0;
}

static unsigned build_along(wg_formula_tree *tree, const char *function, unsigned x, unsigned axis, bool keepdims)
{
    unsigned part = wg_formula_call(tree, function, x);
    if (part) {
        tree->part[part].axes = 1u << axis;
        tree->part[part].keepdims = keepdims;
    }
    return part;
}

/* Whether each group of numbers along an axis sums to 1 within rounding, as probabilities do. */
static bool build_are_probabilities(wg_var x, unsigned axis)
{
    wg_shape shape = wg_shape_of(x);
    size_t inner = 1, extent = axis < shape.rank ? shape.dim[axis] : 0, size = wg_size(x);
    for (uint32_t d = axis + 1; d < shape.rank; d++) inner *= shape.dim[d];
    for (size_t group = 0; group < (extent ? size / extent : 0); group++) {
        double sum = 0;
        for (size_t k = 0; k < extent; k++) sum += wg_at(x, (group / inner * extent + k) * inner + group % inner);
        if (!(fabs(sum - 1) < 1e-6)) return false;
    }
    return size > 0;
}

/* center(g, y) = g - sum(g y), project(g, y) = g - y sum(g), along the axis of a softmax y. */
static unsigned build_softmax_step(wg_formula_tree *tree, wg_var node, unsigned depth, bool center)
{
    unsigned axis = build_axis(node), g = build_node(tree, wg_node_input(node, 0), depth);
    unsigned y = build_node(tree, wg_node_input(node, 1), depth), summed;
    wg_formula_again(tree, wg_node_input(node, 0));
    if (!center && tree->style->tidy && build_are_probabilities(wg_node_input(node, 0), axis))
        return wg_formula_add(tree, WG_FORMULA_SUB, g, y);
    if (center)
        summed = build_along(tree, "sum", wg_formula_add(tree, WG_FORMULA_MUL, g, y), axis, true);
    else
        summed = wg_formula_add(tree, WG_FORMULA_MUL, y, build_along(tree, "sum", g, axis, true));
    return wg_formula_add(tree, WG_FORMULA_SUB, g, summed);
}

/* g (softmax(x) - one_hot(target)), g one number for each position. */
static unsigned build_cross_entropy_step(wg_formula_tree *tree, wg_var node, unsigned depth)
{
    wg_var base = build_base(tree, wg_node_input(node, 0)), x = wg_node_input(node, 1);
    unsigned axis = build_axis(node), rank = wg_shape_of(x).rank;
    unsigned g = build_node(tree, base, depth), target = build_node(tree, wg_node_input(node, 2), depth);
    if (axis && wg_size(base) != 1) g = build_widened(tree, g, 1u << axis, rank);
    char words[32];
    snprintf(words, sizeof words, "axis=%u", axis);
    unsigned softmax = wg_formula_known(tree, "softmax", x, words);
    if (!softmax) softmax = build_along(tree, "softmax", build_node(tree, x, depth), axis, false);
    unsigned hot = wg_formula_call(tree, "one_hot", target);
    return wg_formula_add(tree, WG_FORMULA_MUL, g, wg_formula_add(tree, WG_FORMULA_SUB, softmax, hot));
}

/* p one_hot(target): p at its target, zeros elsewhere. */
static unsigned build_spread(wg_formula_tree *tree, wg_var node, unsigned depth)
{
    wg_var base = build_base(tree, wg_node_input(node, 0));
    unsigned axis = build_axis(node), p = build_node(tree, base, depth);
    if (axis && !build_is_single(tree, base, BUILD_SINGLE))
        p = build_widened(tree, p, 1u << axis, wg_shape_of(node).rank);
    unsigned hot = wg_formula_call(tree, "one_hot", build_node(tree, wg_node_input(node, 1), depth));
    return wg_formula_add(tree, WG_FORMULA_MUL, p, hot);
}

/* x - mean(x), over the axes of a node. */
static unsigned build_deviation(wg_formula_tree *tree, wg_var node, unsigned depth)
{
    char words[256];
    unsigned x = build_node(tree, wg_node_input(node, 0), depth), mean = wg_formula_call(tree, "mean", x);
    wg_formula_again(tree, wg_node_input(node, 0));
    wg_node_attributes(node, words, sizeof words);
    const char *at = strstr(words, "axis=") ? strstr(words, "axis=") : strstr(words, "axes=[");
    for (at = at ? at + 5 : ""; mean && *at && *at != ' '; at++)
        if (*at >= '0' && *at <= '9') tree->part[mean].axes |= 1u << (*at - '0');
    if (mean) tree->part[mean].keepdims = tree->part[mean].axes;
    return wg_formula_add(tree, WG_FORMULA_SUB, x, mean);
}

/* The rows x of a matrix less their mean, over their standard deviation; without a center, over their root mean square. */
static unsigned build_row_spread(wg_formula_tree *tree, wg_var node, unsigned x, bool center)
{
    char words[256];
    wg_node_attributes(node, words, sizeof words);
    const char *epsilon = strstr(words, "epsilon=");
    unsigned square = wg_formula_add(tree, WG_FORMULA_POWER, x, wg_formula_numeral(tree, 2));
    unsigned spread = build_along(tree, center ? "variance" : "mean", center ? x : square, 1, true);
    unsigned number = wg_formula_numeral(tree, epsilon ? atof(epsilon + 8) : 0);
    return wg_formula_call(tree, "sqrt", wg_formula_add(tree, WG_FORMULA_ADD, spread, number));
}

static bool build_is_centered(wg_var node)
{
    char words[256];
    wg_node_attributes(node, words, sizeof words);
    return strstr(words, "center=true");
}

/* With weights, and biases. */
static unsigned build_normalized(wg_formula_tree *tree, wg_var node, const wg_node_info *info, unsigned depth)
{
    bool center = build_is_centered(node);
    unsigned x = build_node(tree, wg_node_input(node, 0), depth), above = x;
    wg_formula_again(tree, wg_node_input(node, 0));
    if (center) above = wg_formula_add(tree, WG_FORMULA_SUB, x, build_along(tree, "mean", x, 1, true));
    unsigned rows = wg_formula_add(tree, WG_FORMULA_DIV, above, build_row_spread(tree, node, x, center));
    static const wg_formula_kind kinds[] = {WG_FORMULA_MUL, WG_FORMULA_ADD};
    for (size_t k = 1; k < info->inputs; k++)
        rows = wg_formula_add(tree, kinds[k - 1], rows, build_operand(tree, wg_node_input(node, k), depth));
    return rows;
}

/* Of the normalized rows y: (g - mean(g) - y mean(g y)) / deviation(x). */
static unsigned build_normalized_adjoint(wg_formula_tree *tree, wg_var node, unsigned depth)
{
    bool center = build_is_centered(node);
    unsigned g = build_node(tree, wg_node_input(node, 0), depth), y = build_node(tree, wg_node_input(node, 1), depth);
    unsigned x = build_node(tree, wg_node_input(node, 2), depth), rest = g;
    wg_formula_again(tree, wg_node_input(node, 0));
    wg_formula_again(tree, wg_node_input(node, 1));
    if (center) rest = wg_formula_add(tree, WG_FORMULA_SUB, rest, build_along(tree, "mean", g, 1, true));
    unsigned along = build_along(tree, "mean", wg_formula_add(tree, WG_FORMULA_MUL, g, y), 1, true);
    rest = wg_formula_add(tree, WG_FORMULA_SUB, rest, wg_formula_add(tree, WG_FORMULA_MUL, y, along));
    return wg_formula_add(tree, WG_FORMULA_DIV, rest, build_row_spread(tree, node, x, center));
}

/* embed(dA at [1:5], dB at [5:8]) */
static unsigned build_embed(wg_formula_tree *tree, wg_var node, const wg_node_info *info, unsigned depth)
{
    unsigned part = build_call(tree, node, info, depth);
    tree->part[part].node = (wg_var){0};
    for (unsigned k = 0; part && k < tree->part[part].n; k++) {
        unsigned at = wg_formula_add(tree, WG_FORMULA_AT, tree->part[part].child[k], 0);
        tree->part[at].node = node;
        tree->part[at].index = k;
        tree->part[part].child[k] = (uint16_t)at;
    }
    return part;
}

/* inv(a), solve(a, b), slogdet(a) and its slope inv(a).T, whose factorization is no operand of the reader's. */
static unsigned build_factored(wg_formula_tree *tree, wg_var node, const wg_node_info *info, unsigned depth)
{
    char words[256];
    wg_node_attributes(node, words, sizeof words);
    bool slope = !strcmp(info->kind, "slogdet") && *words, turned = strstr(words, "transpose=true");
    unsigned a = build_node(tree, wg_node_input(node, 0), depth);
    if (info->inputs == 2) {
        unsigned call = wg_formula_call(tree, slope ? "inv" : info->kind, a);
        return turned ? build_turned(tree, call) : call;
    }
    unsigned solved = wg_formula_call(tree, info->kind, turned ? build_turned(tree, a) : a);
    unsigned b = build_operand(tree, wg_node_input(node, 2), depth);
    if (!solved) return 0;
    tree->part[solved].child[1] = (uint16_t)b;
    tree->part[solved].n = 2;
    return solved;
}

/* ---- a node ---------------------------------------------------------------------------------------------------------------- */

static unsigned build_window(wg_formula_tree *tree, wg_var node, unsigned depth)
{
    unsigned part = wg_formula_add(tree, WG_FORMULA_WINDOW, build_node(tree, wg_node_input(node, 0), depth), 0);
    if (part) tree->part[part].node = node;
    return part;
}

static unsigned build_form(
    wg_formula_tree *tree, wg_var node, const wg_node_info *info, const char *form, unsigned depth)
{
    unsigned part[3] = {0};
    wg_var operand[3] = {{0}};
    bool bare = build_unstretched(tree, node, info->inputs);
    for (size_t k = 0; k < info->inputs && k < 3; k++) {
        operand[k] = wg_node_input(node, k);
        part[k] = bare ? build_node(tree, build_base(tree, operand[k]), depth) : build_operand(tree, operand[k], depth);
    }
    return wg_formula_read(tree, form, operand, part);
}

static unsigned build_op(wg_formula_tree *tree, wg_var node, const wg_node_info *info, unsigned depth)
{
    const char *op = info->kind, *form = wg_formula_form(op);
    if (form) return build_form(tree, node, info, form, depth);
    wg_var input = wg_node_input(node, 0);
    if (!strcmp(op, "matmul")) return build_matmul(tree, node, false, depth);
    if (!strcmp(op, "transpose")) return build_turned(tree, build_node(tree, input, depth));
    if (!strcmp(op, "reshape")) return build_reshape(tree, node, info, depth);
    if (!strcmp(op, "slice") || !strcmp(op, "select")) return build_window(tree, node, depth);
    if (!strcmp(op, "broadcast_to") && tree->style->tidy && build_is_single(tree, input, BUILD_SINGLE))
        return build_node(tree, input, depth);
    if (!strcmp(op, "sum_to")) {
        wg_shape from = wg_shape_of(input);
        return build_sum_to(tree, build_operand(tree, input, depth), &from, &info->shape);
    }
    if (!strcmp(op, "softmax_center")) return build_softmax_step(tree, node, depth, true);
    if (!strcmp(op, "softmax_project")) return build_softmax_step(tree, node, depth, false);
    if (!strcmp(op, "cross_entropy_slope")) return build_cross_entropy_step(tree, node, depth);
    if (!strcmp(op, "spread") && info->inputs == 2) return build_spread(tree, node, depth);
    if (!strcmp(op, "deviation")) return build_deviation(tree, node, depth);
    if (!strcmp(op, "normalize_rows")) return build_normalized(tree, node, info, depth);
    if (!strcmp(op, "normalize_rows_adjoint")) return build_normalized_adjoint(tree, node, depth);
    if (info->inputs > 1 && build_is(tree, wg_node_input(node, 1), "lu"))
        return build_factored(tree, node, info, depth);
    if (!strcmp(op, "embed")) return build_embed(tree, node, info, depth);
    return build_call(tree, node, info, depth);
}

static unsigned build_node(wg_formula_tree *tree, wg_var node, unsigned depth)
{
    wg_node_info info;
    const char *name = wg_formula_name(tree, node);
    if (name) return build_word(tree, name);
    if (wg_node_read(node, &info) != WG_OK) return 0;
    if (!info.op) return build_leaf(tree, node, &info);
    if (depth == 0) {
        if (tree->style->cut) tree->style->cut(tree->style->user, node);
        return 0;
    }
    if (info.inputs == 1 && tree->style->known) {
        char words[256];
        wg_node_attributes(node, words, sizeof words);
        unsigned known = wg_formula_known(tree, info.kind, wg_node_input(node, 0), words);
        if (known) return known;
    }
    if (tree->style->visit) tree->style->visit(tree->style->user, node);
    return build_op(tree, node, &info, depth - 1);
}

unsigned wg_formula_build(wg_formula_tree *tree, wg_var node)
{
    wg_node_info info;
    if (wg_node_read(node, &info) != WG_OK) return 0;
    if (!info.op) return build_leaf(tree, node, &info);
    if (tree->style->visit) tree->style->visit(tree->style->user, node);
    return build_op(tree, node, &info, tree->style->depth - 1);
}
