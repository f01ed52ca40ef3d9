/* Mistakes at values that an op stretches over a larger one, as a bias is over the samples. The right contribution is what
 * arrives at every place to which an element was stretched, summed. Hand-written code leaves the sum out, takes it over
 * another axis or over the same memory read the other way round, divides by the number of terms, or lets one term be all.
 *
 * The terms come from the library: its derivative with respect to the value already stretched, which holds for every op
 * that stretches, a sum, a product, or a batch of matrix products. */
#include "check/mistakes/numbers.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define BROADCAST_AXES 5 /* up to so many stretched over, every set of axes is tried, else each axis alone */
#define BROADCAST_SAMPLES                                                                                              \
    64 /* of so many places along an axis, each is tried as the only one; of more, the first and last */

typedef struct broadcast_at {
    const check_edge *edge;
    wg_shape full, own; /* of the terms; of the value, with ones for the axes that it has not */
    size_t size;        /* of full */
    const double *terms;
    unsigned summed; /* the axes along which it is stretched, as bits */
    unsigned axes;   /* those of full that have more than one place */
    char above[128], below[128];
} broadcast_at;

/* ---- the terms --------------------------------------------------------------------------------------------------------- */

/* What the value is stretched to. */
static wg_shape broadcast_full(const check_edge *edge)
{
    wg_shape full = edge->from_shape;
    bool matrices = check_is(&edge->op, "matmul") && full.rank >= 2 && edge->to_shape.rank >= 2;
    for (uint32_t d = 1; matrices && d <= 2; d++) full.dim[full.rank - d] = edge->to_shape.dim[edge->to_shape.rank - d];
    return full;
}

static bool broadcast_open(broadcast_at *at, const check_edge *edge)
{
    *at = (broadcast_at){.edge = edge, .full = broadcast_full(edge)};
    at->size = check_shape_size(&at->full);
    bool stretches =
        check_is_elementwise(&edge->op) || check_is(&edge->op, "broadcast_to") || check_is(&edge->op, "matmul");
    if (!stretches || edge->to_size == 0 || at->size <= edge->to_size) return false;
    if (!check_broadcasts(&edge->to_shape, &at->full)) return false;
    uint32_t missing = at->full.rank - edge->to_shape.rank;
    at->own.rank = at->full.rank;
    for (uint32_t d = 0; d < at->full.rank; d++) {
        at->own.dim[d] = d < missing ? 1 : edge->to_shape.dim[d - missing];
        if (at->full.dim[d] > 1) at->axes |= 1u << d;
        if (at->full.dim[d] > 1 && at->own.dim[d] == 1) at->summed |= 1u << d;
    }
    snprintf(at->above, sizeof at->above, "%s", check_name(edge, edge->from));
    snprintf(at->below, sizeof at->below, "%s", check_name(edge, edge->to));
    at->terms = check_derive_spread(edge, &at->full);
    return at->terms && check_finite(at->terms, at->size);
}

/* "axes 0 and 2" */
static const char *broadcast_axes(unsigned set, char text[64])
{
    unsigned count = 0, left;
    size_t length = 0;
    for (unsigned d = 0; d < WG_MAX_RANK; d++) count += set >> d & 1;
    left = count;
    length += (size_t)snprintf(text, 64, count == 1 ? "axis" : "axes");
    for (unsigned d = 0; d < WG_MAX_RANK; d++) {
        if (!(set >> d & 1)) continue;
        const char *joint = left == count ? " " : left == 1 ? " and " : ", ";
        length += (size_t)snprintf(text + length, 64 - length, "%s%u", joint, d);
        left--;
    }
    return text;
}

/* ---- sums -------------------------------------------------------------------------------------------------------------- */

/* The terms' shape after a sum over a set of axes. */
static wg_shape broadcast_reduced(const broadcast_at *at, unsigned set)
{
    wg_shape shape = at->full;
    for (uint32_t d = 0; d < shape.rank; d++)
        if (set >> d & 1) shape.dim[d] = 1;
    return shape;
}

/* The terms, summed to a shape. */
static double *broadcast_sum(const broadcast_at *at, const wg_shape *shape)
{
    size_t n = check_shape_size(shape);
    double *out = check_array(at->edge, n);
    for (size_t i = 0; out && i < n; i++) out[i] = 0;
    for (size_t i = 0; out && i < at->size; i++) out[check_broadcast_place(shape, &at->full, i)] += at->terms[i];
    return out;
}

/* Whether one shape can be stretched to the other, both of the same rank. */
static bool broadcast_stretches(const wg_shape *small, const wg_shape *large)
{
    for (uint32_t d = 0; d < small->rank; d++)
        if (small->dim[d] != 1 && small->dim[d] != large->dim[d]) return false;
    return true;
}

static void broadcast_suggest(
    const broadcast_at *at, wg_cause cause, const wg_shape *shape, const double *numbers, const char *detail)
{
    check_suggest(at->edge, cause, shape, numbers, NAN, "%s", detail);
}

/* ---- other axes, or none ----------------------------------------------------------------------------------------------- */

/* A sum over another set of axes, in the shape that it has; or as the value's, where the numbers are as many or are
 * stretched again when they are assigned. */
static void broadcast_over(const broadcast_at *at, unsigned set)
{
    const check_edge *edge = at->edge;
    wg_shape shape = broadcast_reduced(at, set);
    size_t n = check_shape_size(&shape);
    bool same_count = n == edge->to_size, assigned = n < edge->to_size && broadcast_stretches(&shape, &at->own);
    bool too_few = (set & ~at->summed) == 0;
    char detail[512], wrong[64], right[64];
    if (!same_count && !assigned && !check_wants(edge, &shape)) return;
    double *numbers = broadcast_sum(at, &shape);
    if (!numbers) return;
    broadcast_axes(at->summed, right);
    if (set == 0)
        snprintf(detail, sizeof detail, "not summed over %s of %s, along which %s is stretched", right, at->above,
            at->below);
    else if (too_few)
        snprintf(detail, sizeof detail, "summed over %s of %s alone, where the sum over %s is right",
            broadcast_axes(set, wrong), at->above, right);
    else
        snprintf(detail, sizeof detail, "summed over %s of %s where the sum over %s is right",
            broadcast_axes(set, wrong), at->above, right);
    wg_cause cause = too_few ? WG_CAUSE_BIAS_NOT_REDUCED : WG_CAUSE_BIAS_WRONG_AXIS;
    broadcast_suggest(at, cause, &shape, numbers, detail);
    if (same_count) broadcast_suggest(at, cause, &edge->to_shape, numbers, detail);
    double *stretched = assigned ? check_array(edge, edge->to_size) : NULL;
    for (size_t i = 0; stretched && i < edge->to_size; i++)
        stretched[i] = numbers[check_broadcast_place(&shape, &at->own, i)];
    broadcast_suggest(at, cause, &edge->to_shape, stretched, detail);
}

static void broadcast_other_axes(const broadcast_at *at)
{
    unsigned count = 0;
    for (unsigned d = 0; d < WG_MAX_RANK; d++) count += at->axes >> d & 1;
    for (unsigned set = 0; set < 1u << at->full.rank; set++) {
        bool few = count <= BROADCAST_AXES || (set & (set - 1)) == 0 || set == at->axes;
        if (few && set != at->summed && (set & ~at->axes) == 0) broadcast_over(at, set);
    }
}

/* The first terms in memory, as many as the value has elements. */
static void broadcast_first_terms(const broadcast_at *at)
{
    char detail[512], right[64];
    snprintf(detail, sizeof detail, "not summed over %s of %s: the first %zu numbers in memory are taken",
        broadcast_axes(at->summed, right), at->above, at->edge->to_size);
    broadcast_suggest(at, WG_CAUSE_BIAS_NOT_REDUCED, &at->edge->to_shape, at->terms, detail);
}

/* The memory read as a matrix with the value's elements as rows, or as columns: as if its axes were in another order. */
static void broadcast_in_memory(const broadcast_at *at)
{
    size_t n = at->edge->to_size, terms = at->size / n;
    double *rows = check_array(at->edge, n), *columns = check_array(at->edge, n);
    if (!rows || !columns) return;
    for (size_t i = 0; i < n; i++) rows[i] = columns[i] = 0;
    for (size_t i = 0; i < at->size; i++) {
        rows[i / terms] += at->terms[i];
        columns[i % n] += at->terms[i];
    }
    char detail[512];
    snprintf(detail, sizeof detail, "summed with the axes of %s in another order in memory", at->above);
    broadcast_suggest(at, WG_CAUSE_BIAS_WRONG_AXIS, &at->edge->to_shape, rows, detail);
    broadcast_suggest(at, WG_CAUSE_BIAS_WRONG_AXIS, &at->edge->to_shape, columns, detail);
}

/* ---- a mean, one sample ------------------------------------------------------------------------------------------------ */

static void broadcast_averaged(const broadcast_at *at)
{
    const check_edge *edge = at->edge;
    for (unsigned set = 1; set < 1u << at->full.rank; set++) {
        if (set & ~at->summed) continue;
        wg_shape rest = broadcast_reduced(at, set);
        double count = (double)(at->size / check_shape_size(&rest));
        char text[64];
        check_suggest(edge, WG_CAUSE_BIAS_AVERAGED, &edge->to_shape,
            check_scaled(edge, edge->contribution, 1 / count, edge->to_size), 1 / count,
            "averaged over %s of %s, which %s %.0f, where the sum is right", broadcast_axes(set, text), at->above,
            set & (set - 1) ? "have" : "has", count);
    }
}

/* One place along an axis, of sums over the other axes. */
static void broadcast_one(const broadcast_at *at, const double *sums, uint32_t axis, size_t place)
{
    check_split split = check_split_at(&at->own, axis);
    size_t extent = at->full.dim[axis];
    double *numbers = check_array(at->edge, at->edge->to_size);
    for (size_t o = 0; numbers && o < split.outer; o++)
        for (size_t i = 0; i < split.inner; i++)
            numbers[o * split.inner + i] = sums[(o * extent + place) * split.inner + i];
    char detail[512];
    snprintf(detail, sizeof detail, "taken from index %zu alone along axis %u of %s, where the sum is right", place,
        (unsigned)axis, at->above);
    broadcast_suggest(at, WG_CAUSE_BIAS_ONE_SAMPLE, &at->edge->to_shape, numbers, detail);
}

/* The first, or the last, of the terms of each element. */
static void broadcast_one_term(const broadcast_at *at, bool last)
{
    double *numbers = check_array(at->edge, at->edge->to_size);
    unsigned char *seen = (unsigned char *)check_array(at->edge, at->edge->to_size);
    if (!numbers || !seen) return;
    memset(seen, 0, at->edge->to_size);
    for (size_t i = 0; i < at->size; i++) {
        size_t place = check_broadcast_place(&at->own, &at->full, i);
        if (last || !seen[place]) numbers[place] = at->terms[i];
        seen[place] = 1;
    }
    char detail[512], text[64];
    snprintf(detail, sizeof detail, "taken from the %s index alone along %s of %s, where the sum is right",
        last ? "last" : "first", broadcast_axes(at->summed, text), at->above);
    broadcast_suggest(at, WG_CAUSE_BIAS_ONE_SAMPLE, &at->edge->to_shape, numbers, detail);
}

static void broadcast_one_sample(const broadcast_at *at)
{
    for (uint32_t d = 0; d < at->full.rank; d++) {
        if (!(at->summed >> d & 1)) continue;
        wg_shape shape = at->own;
        size_t extent = shape.dim[d] = at->full.dim[d];
        const double *sums = broadcast_sum(at, &shape);
        bool all = extent <= BROADCAST_SAMPLES;
        for (size_t place = 0; sums && place < extent; place++)
            if (all || place == 0 || place == extent - 1) broadcast_one(at, sums, d, place);
    }
    if (!(at->summed & (at->summed - 1))) return;
    broadcast_one_term(at, false);
    broadcast_one_term(at, true);
}

/* ---- the family -------------------------------------------------------------------------------------------------------- */

void check_mistakes_broadcast(const check_edge *edge)
{
    broadcast_at at;
    if (!broadcast_open(&at, edge)) return;
    broadcast_other_axes(&at);
    broadcast_first_terms(&at);
    broadcast_in_memory(&at);
    broadcast_averaged(&at);
    broadcast_one_sample(&at);
}
