/* What no mistake explains, but is wrong at the margin alone: some last rows, or columns, or the end of the memory, or the
 * first row, every number of it, while all others are right. Such a margin was never written, or by a part of the program
 * for the remainder. What stands there is what was in memory, so no prediction can be held against it. */
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

static bool margin_is_wrong(const margin *m, size_t i)
{
    double expected = m->s->expected[i];
    return !(fabs(m->s->numbers[i] - expected) <= check_floor(m->check, m->s, i, expected, 1));
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
    return true;
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

bool check_margin(const wg_check *check, const check_supplied *s, char *text, size_t size)
{
    margin m = {check, s, 0};
    wg_shape shape = wg_shape_of(check->model.nodes[s->node].var);
    if (!s->fits) return false;
    for (size_t i = 0; i < s->wanted; i++) m.wrong += margin_is_wrong(&m, i);
    for (size_t axis = 0; axis < shape.rank; axis++)
        if (margin_along(&m, &shape, axis, text, size)) return true;
    if (m.wrong > MARGIN_WIDEST || !margin_holds(&m, s->wanted, 1, s->wanted - m.wrong, m.wrong)) return false;
    snprintf(
        text, size, "all is right but the last %zu numbers: never written, and what was in memory is left", m.wrong);
    return true;
}
