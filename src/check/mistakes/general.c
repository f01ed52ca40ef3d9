/* The mistakes that any step can have: what it contributes is multiplied by something, left out, counted twice, or takes
 * the place of the others; and the numbers that a factor may be named by. */
#include "check/run.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- notable numbers ------------------------------------------------------------------------------------------------- */

typedef struct general_notable {
    double k, uncertainty, exactly;
    char *words;
    size_t size;
    bool found;
    bool derived; /* half of an extent, its root, ... instead of the extent itself */
} general_notable;

/* Whether k is that number; the first found names it, and others of the same value are added. */
static void general_is(general_notable *n, double number, const char *words)
{
    if (!isfinite(number) || number == 0 || !(fabs(n->k - number) <= n->uncertainty)) return;
    if (n->found) return;
    n->found = true;
    n->exactly = number;
    snprintf(n->words, n->size, "%s", words);
}

static void general_extent_words(const wg_check *check, size_t node, size_t axis, char *words, size_t size)
{
    char title[112];
    check_axis_title(check, node, axis, title, sizeof title);
    bool plain = wg_shape_of(check->model.nodes[node].var).rank == 2;
    snprintf(words, size, "%s%s", plain ? "" : "the extent of ", title);
}

static void general_visit_extent(general_notable *n, double e, const char *words)
{
    char number[32], text[200];
    snprintf(number, sizeof number, "%.0f", e);
    if (e < 2) return;
    const struct {
        double value;
        const char *before;
    } forms[] = {{e, ""}, {e / 2, "half of "}, {2 * e, "twice "}, {sqrt(e), "the square root of "},
        {e * e, "the square of "}, {e / (e - 1), "n/(n-1) for n = "}};
    size_t first = n->derived ? 1 : 0, end = n->derived ? sizeof forms / sizeof *forms : 1;
    for (size_t i = first; i < end; i++) {
        snprintf(text, sizeof text, "%s%s = %s", forms[i].before, number, words);
        for (int sign = 1; sign >= -1; sign -= 2) {
            general_is(n, sign * forms[i].value, text);
            general_is(n, sign / forms[i].value, text);
        }
    }
}

/* Every named value's extents, then the others'. */
static void general_extents(const wg_check *check, general_notable *n)
{
    for (int named = 1; named >= 0; named--)
        for (size_t node = 0; node < check->model.count && !n->found; node++) {
            wg_node_info info;
            if (wg_node_read(check->model.nodes[node].var, &info) != WG_OK || (info.name != NULL) != named) continue;
            for (size_t axis = 0; axis < info.shape.rank; axis++) {
                char words[128];
                general_extent_words(check, node, axis, words, sizeof words);
                general_visit_extent(n, (double)info.shape.dim[axis], words);
            }
        }
}

/* Numbers of elements, and ratios of extents of one value. */
static void general_sizes(const wg_check *check, general_notable *n)
{
    for (size_t node = 0; node < check->model.count && !n->found; node++) {
        char title[96], words[160];
        wg_shape shape = wg_shape_of(check->model.nodes[node].var);
        double size = (double)check->model.nodes[node].size;
        if (size < 2) continue;
        check_title(check, node, title, sizeof title);
        snprintf(words, sizeof words, "the elements of %s", title);
        general_visit_extent(n, size, words);
        for (size_t a = 0; a < shape.rank; a++)
            for (size_t b = 0; b < shape.rank; b++) {
                if (a == b) continue;
                snprintf(words, sizeof words, "%zu/%zu, extents of %s", shape.dim[a], shape.dim[b], title);
                general_is(n, (double)shape.dim[a] / (double)shape.dim[b], words);
            }
    }
}

/* Constants of one element, such as a scale or a step. */
static void general_constants(const wg_check *check, general_notable *n)
{
    for (size_t node = 0; node < check->model.count && !n->found; node++) {
        wg_node_info info;
        char title[96], words[160];
        if (check->model.nodes[node].size != 1 || !check->model.nodes[node].numbers) continue;
        if (wg_node_read(check->model.nodes[node].var, &info) != WG_OK || !(info.flags & WG_IS_LEAF)) continue;
        double c = wg_at(check->model.nodes[node].var, 0);
        check_title(check, node, title, sizeof title);
        snprintf(words, sizeof words, "the constant %s", title);
        general_is(n, c, words);
        snprintf(words, sizeof words, "1 over the constant %s", title);
        general_is(n, 1 / c, words);
    }
}

bool check_notable(const wg_check *check, double k, double uncertainty, double *exactly, char *words, size_t size)
{
    general_notable n = {k, uncertainty, k, words, size, false, false};
    general_is(&n, -1, "");
    general_extents(check, &n);
    general_sizes(check, &n);
    general_constants(check, &n);
    for (int i = 2; i <= 12 && !n.found; i++)
        for (int sign = 1; sign >= -1; sign -= 2) {
            general_is(&n, sign * (double)i, "");
            general_is(&n, sign / (double)i, "");
        }
    n.derived = true;
    general_extents(check, &n);
    general_sizes(check, &n);
    *exactly = n.exactly;
    return n.found;
}

/* ---- suggestions ---------------------------------------------------------------------------------------------------------- */

/* What should arrive at a value. Where a supplied gradient stands in for it, its adjoint is the caller's. */
static const double *general_total(const check_edge *edge)
{
    const wg_check *check = edge->search->check;
    size_t number = check_model_number(&check->model, edge->to);
    size_t place = number == SIZE_MAX ? SIZE_MAX : check->model.nodes[number].supplied;
    return place == SIZE_MAX ? check_adjoint(edge, edge->to) : check->supplied[place].expected;
}

/* One use's contribution is all that is left. */
static void general_overwritten(const check_edge *edge)
{
    const double *total = general_total(edge);
    size_t others = check_other_uses(edge);
    if (!others || edge->position == SIZE_MAX || !total) return;
    double *alone = check_array(edge, edge->to_size); /* the change of the sum, put on this edge */
    if (!alone) return;
    for (size_t i = 0; i < edge->to_size; i++) alone[i] = 2 * edge->contribution[i] - total[i];
    check_suggest(edge, WG_CAUSE_OVERWRITTEN, &edge->to_shape, alone, (double)NAN,
        "the contribution through %s replaces the other%s instead of being added", check_name(edge, edge->from),
        others > 1 ? "s" : "");
}

static void general_missing(const check_edge *edge)
{
    if (!check_other_uses(edge) || edge->position == SIZE_MAX) return;
    double *nothing = check_array(edge, edge->to_size);
    check_suggest(edge, WG_CAUSE_BRANCH_MISSING, &edge->to_shape, nothing, (double)NAN,
        "the contribution through %s is missing", check_name(edge, edge->from));
    double *twice = check_array(edge, edge->to_size);
    for (size_t i = 0; twice && i < edge->to_size; i++) twice[i] = 2 * edge->contribution[i];
    check_suggest(edge, WG_CAUSE_COUNTED_TWICE, &edge->to_shape, twice, (double)NAN,
        "the contribution through %s is counted twice", check_name(edge, edge->from));
}

/* Matrices, where no matrix product has its own say. */
static void general_transposed(const check_edge *edge)
{
    if (edge->to_shape.rank != 2 || (edge->position != SIZE_MAX && !strcmp(edge->op.kind, "matmul"))) return;
    size_t rows = edge->to_shape.dim[0], columns = edge->to_shape.dim[1];
    double *turned = check_array(edge, edge->to_size);
    for (size_t i = 0; turned && i < rows; i++)
        for (size_t j = 0; j < columns; j++) turned[j * rows + i] = edge->contribution[i * columns + j];
    wg_shape shape = {2, {columns, rows}};
    if (rows != columns) check_suggest(edge, WG_CAUSE_TRANSPOSED, &shape, turned, (double)NAN, "transposed");
    check_suggest(edge, WG_CAUSE_TRANSPOSED, &edge->to_shape, turned, (double)NAN, "transposed in memory");
}

void check_mistakes_general(const check_edge *edge)
{
    general_missing(edge);
    general_overwritten(edge);
    general_transposed(edge);
    check_search_fit(edge, WG_CAUSE_FACTOR, edge->contribution, "");
}
