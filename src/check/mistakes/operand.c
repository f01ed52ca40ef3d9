/* Mistakes of the operand: another value of the same shape where one belongs, such as Z1 for A1; another adjoint, such as dA2
 * for dZ2; one left out; or the right one from before or after an update of the parameters.
 *
 * The library computes each: the edge's op is applied to other operands, or takes another adjoint. Values that stand near the
 * edge on the tape are the likely ones, and are tried first. */
#include "check/mistakes/numbers.h"

#include "wengert/tape.h"

#include <math.h>
#include <stdlib.h>

#define OPERAND_VALUES 40 /* at most so many values are tried in an operand's place, and half as many adjoints */
#define OPERAND_MOST   32 /* inputs of an op */

typedef struct operand_at {
    check_offers offers;
    const check_edge *edge;
    const wg_var *nodes; /* candidates */
    size_t n, most;      /* how many there are, and may be tried */
    const double *below; /* by index up to to's: not 0 for what to is computed from, and to itself */
} operand_at;

/* ---- candidates -------------------------------------------------------------------------------------------------------- */

typedef struct operand_candidate {
    wg_var node;
    size_t distance;
} operand_candidate;

static int operand_compare(const void *a, const void *b)
{
    const operand_candidate *x = a, *y = b;
    if (x->distance != y->distance) return x->distance < y->distance ? -1 : 1;
    return (x->node.index > y->node.index) - (x->node.index < y->node.index);
}

/* Those nodes of a shape that are nearest to the edge, at most most of them. */
static size_t operand_nearest(const operand_at *at, const wg_shape *shape, operand_candidate *found, size_t most)
{
    size_t n = 0, from = at->edge->from.index;
    for (size_t i = 0; i < at->n; i++) {
        wg_shape other = wg_shape_of(at->nodes[i]);
        size_t index = at->nodes[i].index;
        operand_candidate c = {at->nodes[i], index > from ? index - from : from - index};
        if (!check_shapes_equal(&other, shape)) continue;
        if (n < most) {
            found[n++] = c;
            if (n == most) qsort(found, n, sizeof *found, operand_compare);
        } else if (operand_compare(&c, &found[most - 1]) < 0) {
            found[most - 1] = c;
            qsort(found, n, sizeof *found, operand_compare);
        }
    }
    if (n < most) qsort(found, n, sizeof *found, operand_compare);
    return n;
}

/* Adjoints of to and of what is below it come after this edge's contribution, which they are made of: to compute it with
 * them would go round in a circle. */
static const double *operand_mark_below(const check_edge *edge)
{
    double *below = check_array(edge, (size_t)edge->to.index + 1);
    if (!below) return NULL;
    for (size_t i = 0; i < edge->to.index; i++) below[i] = 0;
    below[edge->to.index] = 1;
    for (size_t i = (size_t)edge->to.index + 1; i-- > 0;) {
        wg_node_info info;
        wg_var node = wg_node_at(edge->to.tape, i);
        if (below[i] == 0 || wg_node_read(node, &info) != WG_OK) continue;
        for (size_t k = 0; k < info.inputs; k++) below[wg_node_input(node, k).index] = 1;
    }
    return below;
}

static const double *operand_adjoint(const operand_at *at, wg_var node)
{
    if (node.index <= at->edge->to.index && at->below[node.index] != 0) return NULL;
    return check_adjoint(at->edge, node);
}

/* check_derive with one operand replaced. */
static const double *operand_replaced(const check_edge *edge, size_t k, const double *value)
{
    const double *operands[OPERAND_MOST] = {NULL};
    if (!value || edge->op.inputs > OPERAND_MOST) return NULL;
    operands[k] = value;
    return check_derive(edge, operands, NULL);
}

/* Whether the contribution depends on operand k at all. */
static bool operand_matters(const check_edge *edge, size_t k)
{
    const double *value = check_value(edge, check_input(edge, k));
    size_t n = wg_size(check_input(edge, k));
    double *other = value ? check_array(edge, n) : NULL;
    for (size_t i = 0; other && i < n; i++) other[i] = value[i] * (0.75 + 0.25 / (double)(i % 7 + 1)) + 1e-3;
    const double *numbers = operand_replaced(edge, k, other);
    return numbers && !check_agree(numbers, edge->contribution, edge->to_size);
}

static bool operand_parallel(const double *a, const double *b, size_t n)
{
    double ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < n; i++) ab += a[i] * b[i], aa += a[i] * a[i], bb += b[i] * b[i];
    return !(aa * bb - ab * ab > 1e-9 * aa * bb);
}

/* What is a multiple of the right contribution is a factor, and is named as that. */
static bool operand_is_multiple(const check_edge *edge, const double *numbers)
{
    return edge->to_size > 1 && numbers && operand_parallel(numbers, edge->contribution, edge->to_size);
}

/* ---- another value ----------------------------------------------------------------------------------------------------- */

/* A function of one input at its own result is another mistake. */
static bool operand_is_activation(const check_edge *edge)
{
    return check_is_elementwise(&edge->op) && edge->op.inputs == 1;
}

/* An operand as values of its shape would stand in for it: a transpose by its input, whose replacement is then turned. */
typedef struct operand_place {
    size_t k;
    wg_var own;
    wg_shape shape;
    bool turned;
} operand_place;

static operand_place operand_place_of(const check_edge *edge, size_t k)
{
    wg_node_info info;
    operand_place place = {.k = k, .own = check_input(edge, k)};
    if (wg_node_read(place.own, &info) == WG_OK && check_is(&info, "transpose")) {
        place.own = wg_node_input(place.own, 0);
        place.turned = true;
    }
    place.shape = wg_shape_of(place.own);
    return place;
}

static const double *operand_put(const check_edge *edge, const operand_place *place, const double *numbers)
{
    size_t n = check_shape_size(&place->shape);
    if (!numbers || !place->turned) return operand_replaced(edge, place->k, numbers);
    double *turned = check_array(edge, n);
    size_t rows = place->shape.dim[place->shape.rank - 2], columns = place->shape.dim[place->shape.rank - 1];
    for (size_t i = 0; turned && i < n; i++) {
        size_t first = i / (rows * columns) * (rows * columns), at = i - first;
        turned[first + at % columns * rows + at / columns] = numbers[i];
    }
    return operand_replaced(edge, place->k, turned);
}

static void operand_other_value(operand_at *at, size_t k)
{
    const check_edge *edge = at->edge;
    operand_candidate near[OPERAND_VALUES];
    operand_place place = operand_place_of(edge, k);
    size_t n = operand_nearest(at, &place.shape, near, at->most);
    for (size_t i = 0; i < n; i++) {
        wg_var node = near[i].node;
        if (check_same_node(node, place.own)) continue;
        if (operand_is_activation(edge) && check_same_node(node, edge->from)) continue;
        const double *numbers = operand_put(edge, &place, check_value(edge, node));
        if (operand_is_multiple(edge, numbers)) continue;
        check_offer(&at->offers, WG_CAUSE_WRONG_OPERAND, numbers, NAN, "computed with %s where %s is right",
            check_name(edge, node), check_name(edge, place.own));
    }
}

static void operand_adjoint_for_value(operand_at *at, size_t k)
{
    const check_edge *edge = at->edge;
    operand_candidate near[OPERAND_VALUES];
    operand_place place = operand_place_of(edge, k);
    size_t n = operand_nearest(at, &place.shape, near, at->most / 2);
    for (size_t i = 0; i < n; i++) {
        wg_var node = near[i].node;
        if (operand_is_activation(edge) && check_same_node(node, edge->from)) continue;
        check_offer(&at->offers, WG_CAUSE_WRONG_OPERAND, operand_put(edge, &place, operand_adjoint(at, node)), NAN,
            "computed with the adjoint of %s where the value %s is right", check_name(edge, node),
            check_name(edge, place.own));
    }
}

/* ---- another adjoint --------------------------------------------------------------------------------------------------- */

/* A value above the edge whose adjoint is from's but for a factor, as on the way through a scaling: code has only the one, and
 * takes another for it. */
typedef struct operand_above {
    wg_var node;
    double scale;
} operand_above;

static bool operand_climb(const check_edge *edge, operand_above *above)
{
    wg_var next[2];
    wg_node_info info, other;
    if (check_consumers(edge, above->node, next, 2) != 1 || wg_node_read(next[0], &info) != WG_OK) return false;
    bool negative = check_is(&info, "neg"), quotient = check_is(&info, "div");
    if (!negative && !quotient && !check_is(&info, "mul")) return false;
    size_t k = check_same_node(wg_node_input(next[0], 0), above->node);
    if (quotient && k == 0) return false;
    if (!negative) {
        wg_var constant = wg_node_input(next[0], k);
        const double *value = check_value(edge, constant);
        if (wg_node_read(constant, &other) != WG_OK || other.flags & WG_DEPENDS) return false;
        if (!value || wg_size(constant) != 1) return false;
        above->scale *= quotient ? 1 / value[0] : value[0];
    } else
        above->scale = -above->scale;
    above->node = next[0];
    return true;
}

static void operand_other_adjoint(operand_at *at, const operand_above *above)
{
    const check_edge *edge = at->edge;
    operand_candidate near[OPERAND_VALUES];
    wg_shape shape = wg_shape_of(above->node);
    if (edge->from_size < 2 || check_shape_size(&shape) != edge->from_size) return;
    size_t n = operand_nearest(at, &shape, near, at->most / 2);
    for (size_t i = 0; i < n; i++) {
        wg_var node = near[i].node;
        const double *adjoint = check_same_node(node, above->node) ? NULL : operand_adjoint(at, node);
        if (!adjoint) continue;
        adjoint = check_scaled(edge, adjoint, above->scale, edge->from_size);
        const double *numbers = adjoint ? check_derive(edge, NULL, adjoint) : NULL;
        if (operand_is_multiple(edge, numbers)) continue;
        check_offer(&at->offers, WG_CAUSE_WRONG_OPERAND, numbers, NAN,
            "computed with the adjoint of %s where that of %s is right", check_name(edge, node),
            check_name(edge, above->node));
    }
    for (size_t i = 0; i < n; i++) {
        const double *value = check_scaled(edge, check_value(edge, near[i].node), above->scale, edge->from_size);
        const double *numbers = value ? check_derive(edge, NULL, value) : NULL;
        if (operand_is_multiple(edge, numbers)) continue;
        check_offer(&at->offers, WG_CAUSE_WRONG_OPERAND, numbers, NAN,
            "computed with the value %s where the adjoint of %s is right", check_name(edge, near[i].node),
            check_name(edge, above->node));
    }
}

/* ---- left out ---------------------------------------------------------------------------------------------------------- */

/* A factor, which is then 1. One of size 1 is no more than a factor of the result, and is named as that. */
static void operand_factor_left_out(operand_at *at, size_t k)
{
    static const char *const kinds[] = {"mul", "div", "fma"};
    const check_edge *edge = at->edge;
    wg_var own = check_input(edge, k);
    size_t n = wg_size(own);
    if (!check_is_among(&edge->op, kinds, 3) || n < 2) return;
    check_offer(&at->offers, WG_CAUSE_WRONG_OPERAND, operand_replaced(edge, k, check_filled(edge, n, 1)), NAN,
        "the factor %s is left out", check_name(edge, own));
}

/* The target of a loss, which is then 0. */
static void operand_target_left_out(operand_at *at, size_t k)
{
    static const char *const kinds[] = {"mse", "bce", "bce_with_logits", "kl_div"};
    const check_edge *edge = at->edge;
    wg_var own = check_input(edge, k);
    if (!check_is_among(&edge->op, kinds, sizeof kinds / sizeof *kinds) || k == edge->position) return;
    check_offer(&at->offers, WG_CAUSE_WRONG_OPERAND, operand_replaced(edge, k, check_filled(edge, wg_size(own), 0)),
        NAN, "%s is left out", check_name(edge, own));
}

/* ---- from before or after an update ------------------------------------------------------------------------------------ */

/* The variable that an operand is, but for the order of its elements. */
static bool operand_is_parameter(wg_var node, wg_var *parameter)
{
    static const char *const kinds[] = {"transpose", "permute", "reshape"};
    wg_node_info info;
    while (wg_node_read(node, &info) == WG_OK) {
        *parameter = node;
        if (info.flags & WG_IS_VARIABLE) return true;
        if (!check_is_among(&info, kinds, 3)) return false;
        node = wg_node_input(node, 0);
    }
    return false;
}

/* W + t dW in the place of W, by whatever step t: the contribution plus t times that with dW in W's place, since it is linear
 * in W. A direction that is parallel to the contribution is a factor, and is named as that. */
static void operand_stale(operand_at *at, size_t k)
{
    const check_edge *edge = at->edge;
    wg_var own = check_input(edge, k), parameter;
    if (k == edge->position || !(edge->op.op->flags & WG_OP_MULTILINEAR)) return;
    if (!operand_is_parameter(own, &parameter)) return;
    const double *direction = operand_replaced(edge, k, check_adjoint(edge, own));
    if (!direction || !check_finite(direction, edge->to_size)) return;
    if (operand_parallel(direction, edge->contribution, edge->to_size)) return;
    check_suggest_along(edge, WG_CAUSE_STALE_VALUE, direction,
        "computed with %s from before or after an update: t times d%s is added to it", check_name(edge, own),
        check_name(edge, parameter));
}

/* ---- the family -------------------------------------------------------------------------------------------------------- */

/* Each candidate costs an application of the op; of large arrays only the nearest are tried. */
static size_t operand_budget(const check_edge *edge)
{
    size_t size = edge->from_size + edge->to_size;
    if (size > 1000000) return 6;
    if (check_is_hurried(edge)) return 8;
    return size > 50000 ? 12 : OPERAND_VALUES;
}

void check_mistakes_operand(const check_edge *edge)
{
    operand_at at = {.edge = edge};
    if (!edge->op.op || edge->op.inputs > OPERAND_MOST || edge->to_size == 0) return;
    at.offers.edge = edge;
    at.n = check_candidates(edge, &at.nodes);
    at.most = operand_budget(edge);
    at.below = operand_mark_below(edge);
    if (!at.below) return;
    for (size_t k = 0; k < edge->op.inputs; k++) {
        if (!check_value(edge, check_input(edge, k)) || wg_size(check_input(edge, k)) == 0) continue;
        bool activation = operand_is_activation(edge);
        if (!activation && !operand_matters(edge, k)) continue;
        operand_factor_left_out(&at, k);
        operand_target_left_out(&at, k);
        operand_other_value(&at, k);
        operand_adjoint_for_value(&at, k);
        operand_stale(&at, k);
    }
    operand_above above = {edge->from, 1};
    operand_other_adjoint(&at, &above);
    for (int steps = 0; steps < 3 && operand_climb(edge, &above); steps++) operand_other_adjoint(&at, &above);
}
