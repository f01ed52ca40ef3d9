/* Mistakes at picks by index. What several picks of one place pass back adds up there; a loop or a kernel that writes instead
 * of adding keeps the last of them, or, when threads race, any one, such as the first. And where an index comes of sorting,
 * equal elements may have been taken in another order, which is a convention. */
#include "check/mistakes/numbers.h"

#include "wengert/tape.h"

#include <math.h>

/* For each element of the picked array, the place in the whole that it is of. */
typedef struct indices_map {
    size_t picked, whole;
    size_t *places;
} indices_map;

/* Index i of an axis, negative ones counting from the end. */
static size_t indices_at(int64_t i, size_t extent) { return i < 0 ? extent - (size_t)-i : (size_t)i; }

/* The memory is that of doubles, which are not smaller. */
static bool indices_allocate(const check_edge *edge, indices_map *map)
{
    _Static_assert(sizeof(size_t) <= sizeof(double), "a place fits where a double does");
    map->places = (size_t *)(void *)check_array(edge, map->picked ? map->picked : 1);
    return map->places;
}

/* Rows along an axis: in the picked array, the axis is replaced by those of the indices. */
static bool indices_map_rows(
    const wg_shape *whole, uint32_t axis, const int64_t *indices, size_t count, indices_map *map)
{
    check_split s = check_split_at(whole, axis);
    if (map->picked != s.outer * count * s.inner) return false;
    for (size_t at = 0; at < map->picked; at++) {
        size_t i = at % s.inner, k = at / s.inner % count, o = at / s.inner / count;
        map->places[at] = (o * s.extent + indices_at(indices[k], s.extent)) * s.inner + i;
        if (map->places[at] >= map->whole) return false;
    }
    return true;
}

/* Element by element: the place is that of the element in the picked array, but for the axis. */
static bool indices_map_elements(
    const wg_shape *whole, const wg_shape *picked, uint32_t axis, const int64_t *indices, indices_map *map)
{
    if (whole->rank != picked->rank) return false;
    for (size_t at = 0; at < map->picked; at++) {
        size_t rest = at, stride = 1, place = 0;
        for (uint32_t d = whole->rank; d-- > 0;) {
            size_t k = rest % picked->dim[d];
            rest /= picked->dim[d];
            if (d == axis) k = indices_at(indices[at], whole->dim[d]);
            if (k >= whole->dim[d]) return false;
            place += k * stride;
            stride *= whole->dim[d];
        }
        map->places[at] = place;
    }
    return true;
}

/* ---- which axis -------------------------------------------------------------------------------------------------------- */

/* The axis is not known from outside: it is the one by which the right contribution comes out. */
static bool indices_explain(const check_edge *edge, const indices_map *map, bool picking)
{
    double *sum = check_array(edge, edge->to_size);
    if (!sum) return false;
    for (size_t i = 0; i < edge->to_size; i++) sum[i] = 0;
    for (size_t at = 0; at < map->picked; at++) {
        if (picking)
            sum[map->places[at]] += edge->adjoint[at];
        else
            sum[at] = edge->adjoint[map->places[at]];
    }
    return check_agree(sum, edge->contribution, edge->to_size);
}

static bool indices_find(const check_edge *edge, bool rows, bool picking, uint32_t *axis, indices_map *map)
{
    wg_var index = check_input(edge, 1);
    const int64_t *indices = check_indices(edge, index);
    const wg_shape *whole = picking ? &edge->to_shape : &edge->from_shape;
    const wg_shape *picked = picking ? &edge->from_shape : &edge->to_shape;
    map->picked = picking ? edge->from_size : edge->to_size;
    map->whole = picking ? edge->to_size : edge->from_size;
    if (!indices || map->picked == 0 || !indices_allocate(edge, map)) return false;
    for (*axis = 0; *axis < whole->rank; ++*axis) {
        bool fits = rows ? indices_map_rows(whole, *axis, indices, wg_size(index), map)
                         : indices_map_elements(whole, picked, *axis, indices, map);
        if (fits && indices_explain(edge, map, picking)) return true;
    }
    return false;
}

/* ---- repeated ---------------------------------------------------------------------------------------------------------- */

/* keeps[at]: of the picks of one place, this is the last (or the first). */
static double *indices_keep_one(const check_edge *edge, const indices_map *map, bool last)
{
    double *keeps = check_array(edge, map->picked), *seen = check_array(edge, map->whole);
    if (!keeps || !seen) return NULL;
    for (size_t i = 0; i < map->whole; i++) seen[i] = 0;
    for (size_t k = 0; k < map->picked; k++) {
        size_t at = last ? map->picked - 1 - k : k;
        keeps[at] = seen[map->places[at]] == 0;
        seen[map->places[at]] = 1;
    }
    return keeps;
}

static void indices_repeated(const check_edge *edge, const indices_map *map, bool picking)
{
    check_offers offers = {.edge = edge};
    for (int last = 1; last >= 0; last--) {
        const double *keeps = indices_keep_one(edge, map, last);
        double *out = keeps ? check_array(edge, edge->to_size) : NULL;
        if (!out) return;
        for (size_t i = 0; i < edge->to_size; i++) out[i] = 0;
        for (size_t at = 0; at < map->picked; at++) {
            if (keeps[at] == 0) continue;
            if (picking)
                out[map->places[at]] = edge->adjoint[at];
            else
                out[at] = edge->adjoint[map->places[at]];
        }
        check_offer(&offers, WG_CAUSE_REPEATED_INDEX, out, NAN,
            "of the occurrences of an index in %s only the %s counts", check_name(edge, check_input(edge, 1)),
            last ? "last" : "first");
    }
}

/* ---- equal elements that were sorted ----------------------------------------------------------------------------------- */

/* Along the axis, the picks of a run of equal values in reverse order. */
static void indices_reversed_ties(const check_edge *edge, uint32_t axis, const indices_map *map)
{
    check_offers offers = {.edge = edge};
    const double *y = check_value(edge, edge->from);
    check_split s = check_split_at(&edge->from_shape, axis);
    double *out = y ? check_array(edge, edge->to_size) : NULL;
    size_t ties = 0;
    if (!out) return;
    for (size_t i = 0; i < edge->to_size; i++) out[i] = 0;
    for (size_t line = 0; line < s.outer * s.inner; line++) {
        size_t first = line / s.inner * s.extent * s.inner + line % s.inner, end;
        for (size_t k = 0; k < s.extent; k = end) {
            for (end = k + 1; end < s.extent && y[first + end * s.inner] == y[first + k * s.inner];) end++;
            ties += end - k > 1;
            for (size_t j = k; j < end; j++)
                out[map->places[first + (k + end - 1 - j) * s.inner]] += edge->adjoint[first + j * s.inner];
        }
    }
    if (ties)
        check_offer(&offers, WG_CAUSE_KINK, out, NAN, "equal elements of %s were sorted in the reverse order",
            check_name(edge, edge->to));
}

/* An edge from which picks by index pass to what they were taken from. */
static bool indices_open(const check_edge *edge, indices_map *map, uint32_t *axis, bool *picking)
{
    static const char *const rows[] = {"take", "embedding", "index_add"};
    static const char *const elements[] = {"gather", "scatter_add"};
    bool of_rows = check_is_among(&edge->op, rows, 3), of_elements = check_is_among(&edge->op, elements, 2);
    *picking = edge->op.inputs == 2;
    if ((!of_rows && !of_elements) || edge->position != (*picking ? 0 : 2)) return false;
    return indices_find(edge, of_rows, *picking, axis, map);
}

void check_mistakes_indices(const check_edge *edge)
{
    indices_map map;
    uint32_t axis;
    bool picking;
    if (indices_open(edge, &map, &axis, &picking)) indices_repeated(edge, &map, picking);
}

void check_mistakes_sorted(const check_edge *edge)
{
    indices_map map;
    uint32_t axis;
    bool picking;
    wg_node_info index;
    if (!check_is(&edge->op, "gather") || wg_node_read(check_input(edge, 1), &index) != WG_OK || !index.op) return;
    if (indices_open(edge, &map, &axis, &picking)) indices_reversed_ties(edge, axis, &map);
}
