/* Mistakes at softmax and at what contains it.
 *
 * With p = softmax(x) along an axis, softmax passes p (u - sum(u p)) to x, log_softmax u - p sum u, and the cross-entropy of
 * a target t w (p - t). Code that treats softmax as if it worked element by element keeps the Jacobian's diagonal alone, or
 * leaves the sum out; code that takes the logits for probabilities, or the probabilities for logits, has p wrong. */
#include "check/mistakes/numbers.h"

#include "wengert/tape.h"

#include <math.h>

/* The axis is not known from outside; it is the one along which softmax gives the numbers expected. */
static void softmax_along(check_split s, const double *x, double *out)
{
    for (size_t o = 0; o < s.outer; o++)
        for (size_t i = 0; i < s.inner; i++) {
            const double *from = x + o * s.extent * s.inner + i;
            double *to = out + o * s.extent * s.inner + i, largest = -INFINITY, sum = 0;
            for (size_t k = 0; k < s.extent; k++) largest = fmax(largest, from[k * s.inner]);
            for (size_t k = 0; k < s.extent; k++) {
                double e = isinf(largest) ? 0 : exp(from[k * s.inner] - largest);
                to[k * s.inner] = e;
                sum += e;
            }
            for (size_t k = 0; k < s.extent; k++) to[k * s.inner] /= sum > 0 ? sum : 1;
        }
}

/* ---- softmax and log_softmax ------------------------------------------------------------------------------------------- */

static const double *softmax_probabilities(const check_edge *edge, bool logarithm)
{
    const double *y = check_value(edge, edge->from);
    double *p = y ? check_array(edge, edge->to_size) : NULL;
    for (size_t i = 0; p && i < edge->to_size; i++) p[i] = logarithm ? exp(y[i]) : y[i];
    return p;
}

static void softmax_of_its_own(const check_edge *edge, bool logarithm)
{
    check_offers offers = {.edge = edge};
    const double *p = softmax_probabilities(edge, logarithm), *u = edge->adjoint;
    double *diagonal = check_array(edge, edge->to_size);
    if (!p || !diagonal) return;
    for (size_t i = 0; i < edge->to_size; i++) diagonal[i] = u[i] * (1 - p[i]) * (logarithm ? 1 : p[i]);
    const char *name = check_name(edge, edge->from);
    check_offer(&offers, WG_CAUSE_SOFTMAX_DIAGONAL, diagonal, NAN,
        "only the diagonal of %s's Jacobian is taken, for %s", edge->op.kind, name);
    if (!logarithm)
        check_offer(&offers, WG_CAUSE_SOFTMAX_DIAGONAL, check_product(edge, u, p, edge->to_size), NAN,
            "the sum over the others in softmax's derivative is left out: the adjoint is multiplied by %s alone", name);
}

/* softmax made of other ops, e / sum e: of what the sum passes on, each element keeps its own part. */
static void softmax_composed(const check_edge *edge)
{
    check_offers offers = {.edge = edge};
    wg_var above[2], quotient = {0};
    wg_node_info info;
    if (edge->from_size == 0 || edge->to_size == edge->from_size) return;
    size_t n = check_consumers(edge, edge->from, above, 2);
    for (size_t k = 0; k < n; k++)
        if (wg_node_read(above[k], &info) == WG_OK && check_is(&info, "div") &&
            check_same_node(wg_node_input(above[k], 0), edge->to) &&
            check_same_node(wg_node_input(above[k], 1), edge->from))
            quotient = above[k];
    wg_shape shape = quotient.tape ? wg_shape_of(quotient) : (wg_shape){0};
    if (!quotient.tape || !check_shapes_equal(&shape, &edge->to_shape)) return;
    const double *u = check_adjoint(edge, quotient), *e = check_value(edge, edge->to), *y = check_value(edge, quotient);
    const double *sum = check_value(edge, edge->from);
    double *own = u && e && y && sum ? check_array(edge, edge->to_size) : NULL;
    if (!own || !check_broadcasts(&edge->from_shape, &edge->to_shape)) return;
    for (size_t i = 0; i < edge->to_size; i++)
        own[i] = -u[i] * y[i] / sum[check_broadcast_place(&edge->from_shape, &edge->to_shape, i)];
    check_offer(&offers, WG_CAUSE_SOFTMAX_DIAGONAL, own, NAN, "only the diagonal of the Jacobian of %s is taken",
        check_name(edge, quotient));
    check_offer(&offers, WG_CAUSE_SOFTMAX_DIAGONAL, check_filled(edge, edge->to_size, 0), NAN,
        "the sum over the others in the derivative of %s is left out", check_name(edge, quotient));
}

/* ---- cross-entropy ----------------------------------------------------------------------------------------------------- */

typedef struct softmax_loss {
    const check_edge *edge;
    check_split split;
    const double *x;
    double *p, *t; /* probabilities and targets, of the logits' shape */
    double *w;     /* what p - t is multiplied by */
} softmax_loss;

/* Positions are the logits' shape without the axis. */
static bool softmax_fits(const check_edge *edge, uint32_t axis)
{
    if (edge->from_shape.rank + 1 != edge->to_shape.rank) return false;
    for (uint32_t d = 0; d < edge->from_shape.rank; d++)
        if (edge->from_shape.dim[d] != edge->to_shape.dim[d < axis ? d : d + 1]) return false;
    return true;
}

static bool softmax_targets(softmax_loss *loss)
{
    const check_edge *edge = loss->edge;
    check_split s = loss->split;
    wg_var target = check_input(edge, 1);
    const int64_t *classes = check_indices(edge, target);
    const double *given = classes ? NULL : check_value(edge, target);
    if (!classes && !given) return false;
    for (size_t o = 0; o < s.outer; o++)
        for (size_t k = 0; k < s.extent; k++)
            for (size_t i = 0; i < s.inner; i++) {
                size_t at = (o * s.extent + k) * s.inner + i, position = o * s.inner + i;
                loss->t[at] = classes ? classes[position] == (int64_t)k : given[at];
                loss->w[at] = edge->adjoint[position];
            }
    return true;
}

/* Positions that are ignored pass nothing: theirs have w = 0. False: the axis is another. */
static bool softmax_matches(softmax_loss *loss)
{
    check_split s = loss->split;
    const double *c = loss->edge->contribution;
    double largest = 0;
    for (size_t i = 0; i < loss->edge->to_size; i++) largest = fmax(largest, fabs(c[i]));
    for (size_t o = 0; o < s.outer; o++)
        for (size_t i = 0; i < s.inner; i++) {
            const size_t first = o * s.extent * s.inner + i;
            double total = 0;
            bool ignored = true;
            for (size_t k = 0; k < s.extent; k++) {
                total += loss->t[first + k * s.inner];
                ignored = ignored && c[first + k * s.inner] == 0;
            }
            for (size_t k = 0; k < s.extent; k++) {
                size_t at = first + k * s.inner;
                if (ignored) loss->w[at] = 0;
                double right = loss->w[at] * (total * loss->p[at] - loss->t[at]);
                if (!(fabs(right - c[at]) <= 1e-9 * largest)) return false;
            }
        }
    return true;
}

static bool softmax_open_loss(const check_edge *edge, softmax_loss *loss)
{
    size_t n = edge->to_size;
    *loss = (softmax_loss){.edge = edge, .x = check_value(edge, edge->to)};
    loss->p = check_array(edge, n), loss->t = check_array(edge, n), loss->w = check_array(edge, n);
    if (!loss->x || !loss->p || !loss->t || !loss->w || n == 0) return false;
    for (uint32_t axis = 0; axis < edge->to_shape.rank; axis++) {
        if (!softmax_fits(edge, axis)) continue;
        loss->split = check_split_at(&edge->to_shape, axis);
        softmax_along(loss->split, loss->x, loss->p);
        if (softmax_targets(loss) && softmax_matches(loss)) return true;
    }
    return false;
}

/* Numbers w f(x, p, t). */
static const double *softmax_each(const softmax_loss *loss, double (*f)(double x, double p, double t))
{
    size_t n = loss->edge->to_size;
    double *out = check_array(loss->edge, n);
    for (size_t i = 0; out && i < n; i++) out[i] = loss->w[i] * f(loss->x[i], loss->p[i], loss->t[i]);
    return out;
}

static double softmax_diagonal(double x, double p, double t) { return (void)x, -t * (1 - p); }
static double softmax_no_sum(double x, double p, double t) { return (void)x, (void)p, -t; }
static double softmax_no_target(double x, double p, double t) { return (void)x, (void)t, p; }
static double softmax_logits(double x, double p, double t) { return (void)p, x - t; }
static double softmax_sigmoid(double x, double p, double t) { return (void)p, 1 / (1 + exp(-x)) - t; }
static double softmax_no_slope(double x, double p, double t) { return (void)x, t == 0 ? 0 : -t / p; }

static void softmax_in_loss(const check_edge *edge)
{
    check_offers offers = {.edge = edge};
    softmax_loss loss;
    if (edge->position != 0 || !softmax_open_loss(edge, &loss)) return;
    const char *name = check_name(edge, edge->to), *target = check_name(edge, check_input(edge, 1));
    check_offer(&offers, WG_CAUSE_SOFTMAX_DIAGONAL, softmax_each(&loss, softmax_diagonal), NAN,
        "only the diagonal of softmax's Jacobian is taken: nothing but the target's entry is reached");
    check_offer(&offers, WG_CAUSE_SOFTMAX_DIAGONAL, softmax_each(&loss, softmax_no_sum), NAN,
        "softmax's part is left out: only the target %s is passed on, and not the probabilities", target);
    check_offer(&offers, WG_CAUSE_WRONG_OPERAND, softmax_each(&loss, softmax_no_target), NAN,
        "the target %s is left out of the difference softmax(%s) - target", target, name);
    check_offer(&offers, WG_CAUSE_WRONG_OPERAND, softmax_each(&loss, softmax_logits), NAN,
        "%s itself stands where softmax(%s) is right", name, name);
    check_offer(&offers, WG_CAUSE_ACTIVATION_OF_ANOTHER, softmax_each(&loss, softmax_sigmoid), NAN,
        "sigmoid(%s) stands where softmax(%s) is right", name, name);
    check_offer(&offers, WG_CAUSE_ACTIVATION_MISSING, softmax_each(&loss, softmax_no_slope), NAN,
        "the derivative of softmax at %s is left out", name);
    double *twice = check_array(edge, edge->to_size);
    if (!twice) return;
    softmax_along(loss.split, loss.p, twice);
    loss.p = twice;
    check_offer(&offers, WG_CAUSE_ACTIVATION_AT_WRONG_VALUE, check_derive(edge, (const double *[]){loss.p, NULL}, NULL),
        NAN, "softmax is taken of the probabilities softmax(%s) once more", name);
}

void check_mistakes_softmax(const check_edge *edge)
{
    if (check_is(&edge->op, "softmax")) softmax_of_its_own(edge, false);
    if (check_is(&edge->op, "log_softmax")) softmax_of_its_own(edge, true);
    if (check_is(&edge->op, "cross_entropy")) softmax_in_loss(edge);
    if (check_is(&edge->op, "sum")) softmax_composed(edge);
}
