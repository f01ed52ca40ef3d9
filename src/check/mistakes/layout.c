/* Mistakes of place: numbers that are right but stand elsewhere, or not at all. Rows or columns moved by one, as by an index
 * that is off by one; in reverse order; axes in another order; a part left unwritten, such as the remainder of a loop that
 * takes eight at a time; a batch of which only the first entry is done.
 *
 * Each is tried on the contribution, as if it were written wrong, and on the adjoint from above, as if that were read wrong. */
#include "check/mistakes/numbers.h"

#include "wengert/tape.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define LAYOUT_MOST  220     /* suggestions for an edge, ... */
#define LAYOUT_WORK  8000000 /* ... or as many as move this number of elements, ... */
#define LAYOUT_LEAST 24      /* ... but at least so many */

/* What moves along an axis. */
typedef enum layout_kind {
    LAYOUT_WRAP,  /* by step places, what leaves comes in on the other side; */
    LAYOUT_ZERO,  /* zeros come in; */
    LAYOUT_EDGE,  /* what comes in repeats the last */
    LAYOUT_FLIP,  /* the order is reversed */
    LAYOUT_CLEAR, /* place `step` from the start is zero, or, if negative, the last -step places are */
    LAYOUT_KEEP   /* all but place `step`, -1 for the last, are zero */
} layout_kind;

typedef struct layout_move {
    layout_kind kind;
    ptrdiff_t step;
    wg_cause cause;
    const char *says; /* %s: which axis of what */
} layout_move;

static const layout_move layout_moves[] = {
    {LAYOUT_WRAP, 1, WG_CAUSE_SHIFTED, "%s are moved on by one, the last to the front"},
    {LAYOUT_WRAP, -1, WG_CAUSE_SHIFTED, "%s are moved back by one, the first to the end"},
    {LAYOUT_ZERO, 1, WG_CAUSE_SHIFTED, "%s are moved on by one, zeros are in front"},
    {LAYOUT_ZERO, -1, WG_CAUSE_SHIFTED, "%s are moved back by one, zeros are at the end"},
    {LAYOUT_EDGE, 1, WG_CAUSE_SHIFTED, "%s are moved on by one, the first is there twice"},
    {LAYOUT_EDGE, -1, WG_CAUSE_SHIFTED, "%s are moved back by one, the last is there twice"},
    {LAYOUT_FLIP, 0, WG_CAUSE_REVERSED, "%s are in reverse order"},
    {LAYOUT_KEEP, 0, WG_CAUSE_BATCH_PARTIAL, "only the first of %s is done"},
    {LAYOUT_KEEP, -1, WG_CAUSE_BATCH_PARTIAL, "only the last of %s is done"},
    {LAYOUT_CLEAR, 0, WG_CAUSE_UNWRITTEN, "the first of %s is left out"},
    {LAYOUT_CLEAR, -1, WG_CAUSE_UNWRITTEN, "the last of %s is left out"},
    {LAYOUT_CLEAR, -2, WG_CAUSE_UNWRITTEN, "the last 2 of %s are left out"},
    {LAYOUT_CLEAR, -3, WG_CAUSE_UNWRITTEN, "the last 3 of %s are left out"},
    {LAYOUT_CLEAR, -4, WG_CAUSE_UNWRITTEN, "the last 4 of %s are left out"},
    {LAYOUT_CLEAR, -5, WG_CAUSE_UNWRITTEN, "the last 5 of %s are left out"},
    {LAYOUT_CLEAR, -6, WG_CAUSE_UNWRITTEN, "the last 6 of %s are left out"},
    {LAYOUT_CLEAR, -7, WG_CAUSE_UNWRITTEN, "the last 7 of %s are left out"},
};

typedef struct layout_at {
    const check_edge *edge;
    size_t left;             /* suggestions that may still be made */
    double *to, *from, *two; /* arrays for the contribution, the adjoint, and the contribution again */
    char above[128], below[128];
} layout_at;

/* ---- moves ------------------------------------------------------------------------------------------------------------- */

/* Where along an axis the element at a place comes from; -1: it is zero. */
static ptrdiff_t layout_source(const layout_move *move, ptrdiff_t extent, ptrdiff_t place)
{
    ptrdiff_t source = place - move->step, one = move->step < 0 ? extent + move->step : move->step;
    switch (move->kind) {
    case LAYOUT_WRAP:
        return (source + extent) % extent;
    case LAYOUT_ZERO:
        return source < extent ? source : -1; /* or -1 already */
    case LAYOUT_EDGE:
        return source < 0 ? 0 : source < extent ? source : extent - 1;
    case LAYOUT_FLIP:
        return extent - 1 - place;
    case LAYOUT_CLEAR:
        return (move->step < 0 ? place >= one : place == one) ? -1 : place;
    default:
        return place == one ? place : -1;
    }
}

static void layout_apply(const layout_move *move, const wg_shape *shape, uint32_t axis, const double *in, double *out)
{
    check_split split = check_split_at(shape, axis);
    for (size_t place = 0; place < split.extent; place++) {
        ptrdiff_t source = layout_source(move, (ptrdiff_t)split.extent, (ptrdiff_t)place);
        for (size_t o = 0; o < split.outer; o++) {
            double *to = out + (o * split.extent + place) * split.inner;
            if (source < 0)
                memset(to, 0, split.inner * sizeof *to);
            else
                memcpy(to, in + (o * split.extent + (size_t)source) * split.inner, split.inner * sizeof *to);
        }
    }
}

/* Whether a move is another than those before it, and than none. To leave out all but one is to keep that one. */
static bool layout_applies(const layout_move *move, const wg_shape *shape, uint32_t axis)
{
    ptrdiff_t extent = (ptrdiff_t)shape->dim[axis];
    if (extent < 2) return false;
    if (move->kind != LAYOUT_CLEAR || move->step >= -1) return true;
    return -move->step < extent - 1 && (axis == 0 || axis + 1 == shape->rank);
}

/* ---- suggesting -------------------------------------------------------------------------------------------------------- */

static bool layout_open(layout_at *at, const check_edge *edge)
{
    size_t n = edge->to_size, by_work = n ? LAYOUT_WORK / n : 0;
    *at = (layout_at){.edge = edge, .left = by_work < LAYOUT_MOST ? by_work : LAYOUT_MOST};
    if (at->left < LAYOUT_LEAST) at->left = LAYOUT_LEAST;
    if (n == 0 || !check_finite(edge->contribution, n)) return false;
    at->to = check_array(edge, n);
    at->two = check_array(edge, n);
    at->from = check_array(edge, edge->from_size);
    snprintf(at->above, sizeof at->above, "%s", check_name(edge, edge->from));
    snprintf(at->below, sizeof at->below, "%s", check_name(edge, edge->to));
    return at->to && at->two && at->from;
}

static void layout_suggest(layout_at *at, wg_cause cause, const double *numbers, const char *detail)
{
    const check_edge *edge = at->edge;
    if (!numbers || at->left == 0 || !check_finite(numbers, edge->to_size)) return;
    if (check_agree(numbers, edge->contribution, edge->to_size)) return;
    at->left--;
    check_suggest(edge, cause, &edge->to_shape, numbers, NAN, "%s", detail);
}

/* What happened to the rows, or to the places along an axis, and in whose gradient. report.c joins what differs in the last
 * part alone. */
static void layout_say(
    char *detail, size_t size, const layout_move *move, const wg_shape *shape, uint32_t axis, const char *where)
{
    char what[48];
    const char *place = strstr(move->says, "%s");
    snprintf(what, sizeof what, "the places along axis %u", (unsigned)axis);
    if (shape->rank == 2) snprintf(what, sizeof what, axis ? "the columns" : "the rows");
    snprintf(
        detail, size, "%.*s%s%s, in the gradient of %s", (int)(place - move->says), move->says, what, place + 2, where);
}

/* ---- along an axis ----------------------------------------------------------------------------------------------------- */

static void layout_of_contribution(layout_at *at, const layout_move *move)
{
    const check_edge *edge = at->edge;
    char detail[512];
    for (uint32_t d = 0; d < edge->to_shape.rank; d++) {
        if (!layout_applies(move, &edge->to_shape, d) || at->left == 0) continue;
        layout_apply(move, &edge->to_shape, d, edge->contribution, at->to);
        layout_say(detail, sizeof detail, move, &edge->to_shape, d, at->below);
        layout_suggest(at, move->cause, at->to, detail);
    }
}

/* Whether a number became zero. */
static bool layout_empties(const check_edge *edge, const double *numbers)
{
    for (size_t i = 0; i < edge->to_size; i++)
        if (numbers[i] == 0 && edge->contribution[i] != 0) return true;
    return false;
}

/* The same for the adjoint, unless that is what it does to the contribution. Entries of it that are left out of sums are a
 * batch that is not done; where they leave zeros, a part of the result is not written. */
static void layout_of_adjoint(layout_at *at, const layout_move *move)
{
    const check_edge *edge = at->edge;
    bool alike = check_shapes_equal(&edge->from_shape, &edge->to_shape);
    char detail[512], name[160];
    snprintf(name, sizeof name, "%s as it is used here", at->above);
    for (uint32_t d = 0; d < edge->from_shape.rank; d++) {
        if (!layout_applies(move, &edge->from_shape, d) || at->left == 0) continue;
        layout_apply(move, &edge->from_shape, d, edge->adjoint, at->from);
        const double *numbers = check_derive(edge, NULL, at->from);
        if (alike) layout_apply(move, &edge->to_shape, d, edge->contribution, at->two);
        if (!numbers || (alike && check_agree(numbers, at->two, edge->to_size))) continue;
        if (move->kind == LAYOUT_CLEAR && layout_empties(edge, numbers)) continue;
        layout_say(detail, sizeof detail, move, &edge->from_shape, d, name);
        layout_suggest(at, move->kind == LAYOUT_CLEAR ? WG_CAUSE_BATCH_PARTIAL : move->cause, numbers, detail);
    }
}

/* Several axes reversed at once, as a flipped kernel is. */
static void layout_reversed_axes(layout_at *at)
{
    static const layout_move flip = {LAYOUT_FLIP, 0, WG_CAUSE_REVERSED, "%s"};
    const check_edge *edge = at->edge;
    const wg_shape *shape = &edge->to_shape;
    if (shape->rank < 2) return;
    layout_apply(&flip, shape, shape->rank - 1, edge->contribution, at->two);
    layout_apply(&flip, shape, shape->rank - 2, at->two, at->to);
    layout_suggest(at, WG_CAUSE_REVERSED, at->to, "both of its last axes are in reverse order");
    for (size_t i = 0; i < edge->to_size; i++) at->to[i] = edge->contribution[edge->to_size - 1 - i];
    if (shape->rank > 2) layout_suggest(at, WG_CAUSE_REVERSED, at->to, "all its axes are in reverse order");
}

/* A convolution where a correlation is right, or the other way round: the kernel flipped. */
static void layout_flipped_kernel(layout_at *at)
{
    static const layout_move flip = {LAYOUT_FLIP, 0, WG_CAUSE_REVERSED, "%s"};
    const check_edge *edge = at->edge;
    const double *operands[2] = {NULL, NULL};
    if (strncmp(edge->op.kind, "conv", 4) != 0 || edge->op.inputs != 2) return;
    size_t k = 1 - edge->position;
    wg_var other = check_input(edge, k);
    wg_shape shape = wg_shape_of(other);
    size_t n = wg_size(other);
    const double *value = check_value(edge, other);
    double *once = check_array(edge, n), *flipped = check_array(edge, n);
    if (!value || !once || !flipped) return;
    memcpy(flipped, value, n * sizeof *value);
    for (uint32_t d = 2; d < shape.rank; d++) {
        layout_apply(&flip, &shape, d, flipped, once);
        memcpy(flipped, once, n * sizeof *once);
    }
    char detail[512];
    operands[k] = flipped;
    snprintf(detail, sizeof detail, "computed with %s in reverse order", check_name(edge, other));
    layout_suggest(at, WG_CAUSE_REVERSED, check_derive(edge, operands, NULL), detail);
}

/* ---- axes in another order --------------------------------------------------------------------------------------------- */

/* A shape without its extents of 1. */
static wg_shape layout_squeezed(const wg_shape *shape)
{
    wg_shape squeezed = {0};
    for (uint32_t d = 0; d < shape->rank; d++)
        if (shape->dim[d] != 1) squeezed.dim[squeezed.rank++] = shape->dim[d];
    return squeezed;
}

/* The elements with axis order[d] as axis d; or, backwards, from that order to the plain one. */
static void layout_permute(
    const wg_shape *shape, const uint32_t *order, const double *in, double *out, size_t n, bool backwards)
{
    size_t stride[WG_MAX_RANK], index[WG_MAX_RANK] = {0}, at = 0;
    stride[shape->rank - 1] = 1;
    for (uint32_t d = shape->rank - 1; d > 0; d--) stride[d - 1] = stride[d] * shape->dim[d];
    for (size_t i = 0; i < n; i++) {
        if (backwards)
            out[at] = in[i];
        else
            out[i] = in[at];
        for (uint32_t d = shape->rank; d-- > 0;) {
            size_t extent = shape->dim[order[d]];
            at += stride[order[d]];
            if (++index[d] < extent) break;
            at -= extent * stride[order[d]];
            index[d] = 0;
        }
    }
}

static void layout_one_order(layout_at *at, const wg_shape *shape, const uint32_t *order)
{
    const check_edge *edge = at->edge;
    size_t n = edge->to_size;
    wg_shape permuted = *shape;
    char text[64], detail[320];
    size_t length = 0;
    for (uint32_t d = 0; d < shape->rank; d++) {
        permuted.dim[d] = shape->dim[order[d]];
        length += (size_t)snprintf(text + length, sizeof text - length, "%s%u", d ? "," : "", (unsigned)order[d]);
    }
    layout_permute(shape, order, edge->contribution, at->to, n, false);
    bool same = check_shapes_equal(&permuted, shape);
    snprintf(detail, sizeof detail, "its axes are in the order (%s)%s", text, same ? "" : " in memory");
    layout_suggest(at, WG_CAUSE_PERMUTED, at->to, detail);
    if (same) return;
    snprintf(detail, sizeof detail, "its axes are in the order (%s)", text);
    if (check_wants(edge, &permuted)) check_suggest(edge, WG_CAUSE_PERMUTED, &permuted, at->to, NAN, "%s", detail);
    layout_permute(shape, order, edge->contribution, at->to, n, true);
    snprintf(detail, sizeof detail, "read from memory as if its axes were in the order (%s)", text);
    layout_suggest(at, WG_CAUSE_PERMUTED, at->to, detail);
}

/* The next permutation in alphabetical order (Narayana Pandita's rule; D. Knuth, TAOCP 7.2.1.2). */
static bool layout_next_order(uint32_t *order, uint32_t rank)
{
    uint32_t i = rank - 1, j = rank - 1;
    while (i > 0 && order[i - 1] >= order[i]) i--;
    if (i == 0) return false;
    while (order[j] <= order[i - 1]) j--;
    uint32_t swapped = order[i - 1];
    order[i - 1] = order[j];
    order[j] = swapped;
    for (uint32_t a = i, b = rank - 1; a < b; a++, b--) {
        swapped = order[a];
        order[a] = order[b];
        order[b] = swapped;
    }
    return true;
}

/* Every order of up to four axes; of more, two exchanged. A matrix's are a transpose, which has a name of its own. */
static void layout_permuted(layout_at *at)
{
    wg_shape shape = layout_squeezed(&at->edge->to_shape);
    uint32_t order[WG_MAX_RANK];
    if (shape.rank < 2 || at->edge->to_shape.rank < 3) return;
    for (uint32_t d = 0; d < shape.rank; d++) order[d] = d;
    if (shape.rank <= 4) {
        while (layout_next_order(order, shape.rank)) layout_one_order(at, &shape, order);
        return;
    }
    for (uint32_t a = 0; a < shape.rank; a++)
        for (uint32_t b = a + 1; b < shape.rank; b++) {
            order[a] = b;
            order[b] = a;
            layout_one_order(at, &shape, order);
            order[a] = a;
            order[b] = b;
        }
}

/* ---- not written ------------------------------------------------------------------------------------------------------- */

/* The end of the memory: what is left over of blocks of some width, up to that of a warp or a block of threads. */
static void layout_unwritten_end(layout_at *at)
{
    static const size_t widths[] = {16, 32, 64, 128, 256, 512, 1024};
    const check_edge *edge = at->edge;
    size_t n = edge->to_size, done = 0;
    for (size_t k = 1; k <= 7 + sizeof widths / sizeof *widths; k++) {
        size_t tail = k <= 7 ? k : n % widths[k - 8];
        if (tail == 0 || tail >= n || (k > 7 && tail <= 7) || tail == done) continue;
        done = tail;
        memcpy(at->to, edge->contribution, (n - tail) * sizeof *at->to);
        memset(at->to + n - tail, 0, tail * sizeof *at->to);
        char detail[512];
        snprintf(detail, sizeof detail, "the last %zu numbers in memory are not written", tail);
        layout_suggest(at, WG_CAUSE_UNWRITTEN, at->to, detail);
    }
    wg_node_info info; /* what has no name has no memory of its own that could be left as it is */
    bool own = wg_node_read(edge->to, &info) == WG_OK && (info.name || info.flags & WG_IS_LEAF);
    if (!own || check_other_uses(edge)) return;
    memset(at->to, 0, n * sizeof *at->to);
    layout_suggest(at, WG_CAUSE_UNWRITTEN, at->to, "not written at all");
}

/* ---- the family -------------------------------------------------------------------------------------------------------- */

void check_mistakes_layout(const check_edge *edge)
{
    layout_at at;
    if (!layout_open(&at, edge)) return;
    bool step = edge->position != SIZE_MAX; /* else all that arrives at a value */
    size_t count = sizeof layout_moves / sizeof *layout_moves;
    for (size_t k = 0; k < count; k++) {
        layout_of_contribution(&at, &layout_moves[k]);
        if (step) layout_of_adjoint(&at, &layout_moves[k]);
    }
    if (step) layout_flipped_kernel(&at);
    layout_reversed_axes(&at);
    layout_unwritten_end(&at);
    layout_permuted(&at);
}
