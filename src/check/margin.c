/* What no mistake explains, but is wrong at the margin alone: some first or last rows, or columns, or the end of the memory, while
 * all others are right. Such a margin was never written, or by a part of the program for the remainder; what stands there is
 * what was in memory, so no prediction can be held against it. But it must look like that: zeros, one number throughout, or
 * numbers that no backward pass comes to. */
#include "check/run.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MARGIN_WIDEST 7 /* what is left over of eight */

typedef struct margin {
    const wg_check *check;
    const check_supplied *s;
    size_t wrong; /* entries */
} margin;

/* ---- what was in memory ------------------------------------------------------------------------------------------------ */

static bool margin_is_wrong(const margin *m, size_t i)
{
    double expected = m->s->expected[i];
    return !(fabs(m->s->numbers[i] - expected) <= check_floor(m->check, m->s, i, expected, 1));
}

/* Whether the places hold one number throughout, or none that is of the size of what is right. */
static bool margin_is_junk(const margin *m, size_t extent, size_t inner, size_t first, size_t count)
{
    const double *numbers = m->s->numbers, scale = m->s->exact_rms;
    bool equal = true, far = true;
    for (size_t i = 0; i < m->s->wanted; i++) {
        size_t place = i / inner % extent;
        if (place < first || place >= first + count) continue;
        double size = fabs(numbers[i]);
        equal = equal && numbers[i] == numbers[first * inner];
        far = far && !(size <= 0x1p12 * scale && size >= 0x1p-20 * scale);
    }
    return equal || far;
}

/* Whether count places from first on along an axis hold all that is wrong, and little else: of eight numbers one may be right by
 * chance, where few bits are compared. */
static bool margin_holds(const margin *m, size_t extent, size_t inner, size_t first, size_t count)
{
    size_t n = m->s->wanted, inside = n / extent * count;
    if (m->wrong < inside - inside / 8 || inside < 2 || inside > n / 2) return false;
    for (size_t i = 0; i < n; i++) {
        size_t place = i / inner % extent;
        if ((place < first || place >= first + count) && margin_is_wrong(m, i)) return false;
    }
    return margin_is_junk(m, extent, inner, first, count);
}

static bool margin_along(const margin *m, const wg_shape *shape, size_t axis, char *text, size_t size)
{
    size_t extent = shape->dim[axis], inner = 1;
    char what[64], many[32] = "";
    for (size_t d = axis + 1; d < shape->rank; d++) inner *= shape->dim[d];
    snprintf(what, sizeof what, "places along axis %zu", axis);
    if (shape->rank == 2) snprintf(what, sizeof what, axis ? "columns" : "rows");
    for (size_t count = 1; count <= MARGIN_WIDEST && count < extent; count++) {
        bool last = margin_holds(m, extent, inner, extent - count, count);
        bool first = !last && count == 1 && margin_holds(m, extent, inner, 0, 1);
        if (!last && !first) continue;
        if (count > 1) snprintf(many, sizeof many, " %zu", count);
        snprintf(text, size, "all is right but the %s%s of the %s: never written, and what was in memory is left",
            first ? "first" : "last", many, what);
        return true;
    }
    return false;
}

/* ---- zeros ------------------------------------------------------------------------------------------------------------- */

/* Whether all that is wrong are zeros, in the first or the last places along an axis, where all are; sets which. A leaf's may
 * be in between, too; an intermediate's can be a mask's. */
static bool margin_zeros(const margin *m, size_t extent, size_t inner, size_t *first, size_t *last)
{
    size_t n = m->s->wanted, inside;
    *first = extent;
    *last = 0;
    for (size_t i = 0; i < n; i++) {
        size_t place = i / inner % extent;
        if (!margin_is_wrong(m, i)) continue;
        if (m->s->numbers[i] != 0) return false;
        if (place < *first) *first = place;
        if (place > *last) *last = place;
    }
    if (*first > *last || (*first > 0 && *last + 1 < extent && !m->s->leaf)) return false;
    inside = (*last - *first + 1) * (n / extent);
    for (size_t i = 0; i < n; i++) {
        size_t place = i / inner % extent;
        if (place >= *first && place <= *last && m->s->numbers[i] != 0) return false;
    }
    return inside < n && inside >= 4 && m->wrong >= inside - inside / 2;
}

static bool margin_zeros_along(const margin *m, const wg_shape *shape, size_t axis, char *text, size_t size)
{
    size_t inner = 1, first, last;
    for (size_t d = axis + 1; d < shape->rank; d++) inner *= shape->dim[d];
    if (!margin_zeros(m, shape->dim[axis], inner, &first, &last)) return false;
    const char *what = shape->rank != 2 ? "" : axis ? "columns " : "rows ";
    int length = snprintf(text, size, "all is right but %s%zu to %zu", what, first, last);
    if (shape->rank != 2 && length > 0 && (size_t)length < size)
        length += snprintf(text + length, size - (size_t)length, " along axis %zu", axis);
    if (length > 0 && (size_t)length < size)
        snprintf(text + length, size - (size_t)length, ", which are zero: never written");
    return true;
}

/* ---- either ------------------------------------------------------------------------------------------------------------ */

static bool margin_in_memory(const margin *m, char *text, size_t size)
{
    size_t n = m->s->wanted, first, last;
    if (m->wrong <= MARGIN_WIDEST && margin_holds(m, n, 1, n - m->wrong, m->wrong)) {
        snprintf(text, size, "all is right but the last %zu numbers: never written, and what was in memory is left",
            m->wrong);
        return true;
    }
    if (!margin_zeros(m, n, 1, &first, &last)) return false;
    snprintf(text, size, "all is right but numbers %zu to %zu in memory, which are zero: never written", first, last);
    return true;
}

bool check_margin(const wg_check *check, const check_supplied *s, char *text, size_t size)
{
    margin m = {check, s, 0};
    wg_shape shape = wg_shape_of(check->model.nodes[s->node].var);
    if (!s->fits) return false;
    double misfit = 0; /* of what is right */
    for (size_t i = 0; i < s->wanted; i++) {
        double share = (s->numbers[i] - s->expected[i]) / check_floor(check, s, i, s->expected[i], 1);
        if (margin_is_wrong(&m, i))
            m.wrong++;
        else if (s->numbers[i] != s->expected[i])
            misfit += share * share;
    }
    if (!check_like_rounding(check, misfit, s->wanted - m.wrong)) return false;
    for (size_t axis = 0; axis < shape.rank && m.wrong; axis++)
        if (margin_along(&m, &shape, axis, text, size) || margin_zeros_along(&m, &shape, axis, text, size)) return true;
    return m.wrong && margin_in_memory(&m, text, size);
}
