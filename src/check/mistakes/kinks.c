/* Where a function has no derivative, at a kink or among equal maxima, there are several conventions, and none is a
 * mistake. They are suggested only where some element does lie at such a point.
 *
 * Of functions of one input a kink is where the slopes of the two neighbouring numbers differ. Ties of maxima are broken by
 * a tiny slope that is added to the values: rising towards the end it lets the last one win, falling the first. */
#include "check/mistakes/numbers.h"

#include "wengert/tape.h"

#include <math.h>

/* ---- functions of one input -------------------------------------------------------------------------------------------- */

/* The slopes of a function on either side of each of n values. */
typedef struct kinks_slopes {
    size_t n;
    const double *left, *right, *own; /* own: the library's at the value */
} kinks_slopes;

static const double *kinks_beside(const check_edge *edge, const double *z, double towards)
{
    double *out = check_array(edge, edge->to_size);
    for (size_t i = 0; out && i < edge->to_size; i++)
        out[i] = z[i] == 0 ? copysign(1e-300, towards) : nextafter(z[i], towards);
    return out;
}

static bool kinks_find_slopes(const check_edge *edge, kinks_slopes *slopes)
{
    size_t n = slopes->n = edge->to_size;
    const double *z = check_value(edge, edge->to), *ones = check_filled(edge, n, 1);
    if (!z || !ones) return false;
    const double *below = kinks_beside(edge, z, -INFINITY), *above = kinks_beside(edge, z, INFINITY);
    if (!below || !above) return false;
    slopes->left = check_derive(edge, (const double *[]){below}, ones);
    slopes->right = check_derive(edge, (const double *[]){above}, ones);
    slopes->own = check_derive(edge, NULL, ones);
    return slopes->left && slopes->right && slopes->own;
}

static bool kinks_is_at(const kinks_slopes *s, size_t i)
{
    double a = s->left[i], b = s->right[i];
    return isfinite(a) && isfinite(b) && fabs(a - b) > 1e-3 * fmax(fabs(a), fabs(b));
}

/* Where the sides don't decide: an end of the domain at which the slope is infinite, such as the root's at 0. */
static bool kinks_is_pole(const kinks_slopes *s, size_t i) { return isinf(s->own[i]); }

typedef enum kinks_rule {
    KINKS_ZERO,
    KINKS_ONE,
    KINKS_HALF,
    KINKS_LEFT,
    KINKS_RIGHT,
    KINKS_MEAN,
    KINKS_LARGER,
    KINKS_SMALLER,
    KINKS_RULES
} kinks_rule;
static const char *const kinks_says[KINKS_RULES] = {"a slope of 0", "a slope of 1", "a slope of 1/2",
    "the slope from below", "the slope from above", "the mean of both slopes", "the steeper slope",
    "the flatter slope"};

static double kinks_slope(kinks_rule rule, double left, double right)
{
    double steeper = fabs(left) > fabs(right) ? left : right;
    switch (rule) {
    case KINKS_ONE:
        return 1;
    case KINKS_HALF:
        return 0.5;
    case KINKS_LEFT:
        return left;
    case KINKS_RIGHT:
        return right;
    case KINKS_MEAN:
        return left + (right - left) / 2;
    case KINKS_LARGER:
        return steeper;
    case KINKS_SMALLER:
        return steeper == left ? right : left;
    default:
        return 0;
    }
}

/* A slope is a convention only when it lies between those of the sides: any other is a mistake. */
static bool kinks_is_between(double slope, double left, double right)
{
    return slope >= fmin(left, right) && slope <= fmax(left, right);
}

static const double *kinks_by_rule(const check_edge *edge, const kinks_slopes *s, kinks_rule rule)
{
    double *out = check_array(edge, s->n);
    for (size_t i = 0; out && i < s->n; i++) {
        double slope = kinks_slope(rule, s->left[i], s->right[i]);
        out[i] = edge->contribution[i];
        if (kinks_is_pole(s, i))
            out[i] = 0;
        else if (kinks_is_at(s, i) && !kinks_is_between(slope, s->left[i], s->right[i]))
            return NULL;
        else if (kinks_is_at(s, i))
            out[i] = edge->adjoint[i] * slope;
    }
    return out;
}

static void kinks_of_one(const check_edge *edge)
{
    check_offers offers = {.edge = edge};
    kinks_slopes slopes;
    size_t kinks = 0;
    if (!kinks_find_slopes(edge, &slopes)) return;
    for (size_t i = 0; i < slopes.n; i++) kinks += kinks_is_at(&slopes, i) || kinks_is_pole(&slopes, i);
    if (kinks == 0) return;
    for (int rule = 0; rule < KINKS_RULES; rule++)
        check_offer(&offers, WG_CAUSE_KINK, kinks_by_rule(edge, &slopes, (kinks_rule)rule), NAN,
            "%s has a kink at %zu elements of %s, where %s was taken", edge->op.kind, kinks, check_name(edge, edge->to),
            kinks_says[rule]);
}

/* ---- the larger of two ------------------------------------------------------------------------------------------------- */

/* The share of an adjoint that input `position` takes where both are equal. */
static const double *kinks_of_pair(const check_edge *edge, double share, size_t *ties)
{
    wg_var inputs[2] = {check_input(edge, 0), check_input(edge, 1)};
    const double *a = check_value(edge, inputs[0]), *b = check_value(edge, inputs[1]);
    wg_shape shape_a = wg_shape_of(inputs[0]), shape_b = wg_shape_of(inputs[1]);
    double *out = a && b ? check_array(edge, edge->from_size) : NULL, *y = out;
    const double *result = check_value(edge, edge->from);
    if (!out || !result) return NULL;
    *ties = 0;
    for (size_t i = 0; i < edge->from_size; i++) {
        double at[2] = {a[check_broadcast_place(&shape_a, &edge->from_shape, i)],
            b[check_broadcast_place(&shape_b, &edge->from_shape, i)]};
        bool tie = at[0] == at[1];
        *ties += tie;
        y[i] = edge->adjoint[i] * (tie ? share : at[edge->position] == result[i]);
    }
    return check_summed(edge, out);
}

static void kinks_of_two(const check_edge *edge)
{
    check_offers offers = {.edge = edge};
    for (int all = 0; all < 2; all++) {
        size_t ties = 0;
        const double *numbers = kinks_of_pair(edge, all, &ties);
        if (ties == 0) return;
        check_offer(&offers, WG_CAUSE_KINK, numbers, NAN,
            "the operands of %s are equal at %zu elements, where %s got %s", edge->op.kind, ties,
            check_name(edge, edge->to), all ? "all" : "nothing");
    }
}

/* ---- the largest of many ----------------------------------------------------------------------------------------------- */

/* The values plus slope times their place, or plus slope at one element alone, in steps far smaller than what tells
 * different values apart. */
static const double *kinks_tilted(const check_edge *edge, const double *x, double slope, size_t alone)
{
    size_t n = edge->to_size;
    double scale = 0, *out = check_array(edge, n);
    for (size_t i = 0; i < n; i++)
        if (isfinite(x[i])) scale = fmax(scale, fabs(x[i]));
    for (size_t i = 0; out && i < n; i++) {
        double steps = alone == SIZE_MAX ? slope * (double)(i + 1) : alone == i ? slope : 0;
        out[i] = isfinite(x[i]) ? x[i] + steps * (scale + 1e-300) * 0x1p-48 : x[i];
    }
    return out;
}

/* Every tied element gets what it would get as the only one. */
static const double *kinks_full_to_each(const check_edge *edge, const double *x, const double *first, double towards)
{
    double *out = check_array(edge, edge->to_size);
    size_t tied = 0;
    for (size_t i = 0; out && i < edge->to_size; i++) {
        out[i] = edge->contribution[i];
        if (out[i] == first[i]) continue;
        if (++tied > 64) return NULL;
        const double *moved = kinks_tilted(edge, x, towards, i);
        const double *alone = moved ? check_derive(edge, (const double *[]){moved}, NULL) : NULL;
        if (!alone) return NULL;
        out[i] = alone[i];
    }
    return out;
}

static void kinks_of_many(const check_edge *edge)
{
    check_offers offers = {.edge = edge};
    const double *x = check_value(edge, edge->to);
    if (!x || edge->to_size < 2 || edge->to_size > (size_t)1 << 20) return;
    const double *falling = kinks_tilted(edge, x, -1, SIZE_MAX), *rising = kinks_tilted(edge, x, 1, SIZE_MAX);
    const double *first = falling ? check_derive(edge, (const double *[]){falling}, NULL) : NULL;
    const double *last = rising ? check_derive(edge, (const double *[]){rising}, NULL) : NULL;
    bool turned = check_is(&edge->op, "min");
    if (!first || !last || check_agree(first, last, edge->to_size)) return;
    const char *name = check_name(edge, edge->to);
    check_offer(&offers, WG_CAUSE_KINK, turned ? last : first, NAN,
        "of equal elements of %s the first one got what %s passes on", name, edge->op.kind);
    check_offer(&offers, WG_CAUSE_KINK, turned ? first : last, NAN,
        "of equal elements of %s the last one got what %s passes on", name, edge->op.kind);
    check_offer(&offers, WG_CAUSE_KINK, kinks_full_to_each(edge, x, first, turned ? -1 : 1), NAN,
        "of equal elements of %s each one got all that %s passes on", name, edge->op.kind);
}

void check_mistakes_kinks(const check_edge *edge)
{
    static const char *const pairs[] = {"maximum", "minimum", "fmax", "fmin"};
    static const char *const extremes[] = {"max", "min", "max_pool1d", "max_pool2d", "max_pool3d"};
    bool cuts = edge->op.op && edge->op.op->flags & WG_OP_CUTS;
    if (check_is_among(&edge->op, pairs, 4)) kinks_of_two(edge);
    if (check_is_among(&edge->op, extremes, 5)) kinks_of_many(edge);
    check_mistakes_sorted(edge);
    if (check_is_elementwise(&edge->op) && edge->op.inputs == 1 && !cuts && edge->from_size == edge->to_size)
        kinks_of_one(edge);
}
