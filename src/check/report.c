/* From what the search found to what people and programs read: names, edges, sentences, boxes. */
#include "check/run.h"

#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const report_causes[] = {"factor", "sign", "transposed", "permuted", "weight_not_transposed",
    "elementwise_for_matmul", "operands_swapped", "bias_not_reduced", "bias_wrong_axis", "bias_averaged",
    "bias_one_sample", "activation_missing", "activation_at_wrong_value", "activation_of_another", "branch_missing",
    "overwritten", "counted_twice", "repeated_index", "wrong_operand", "stale_value", "softmax_diagonal", "reduction",
    "statistics_constant", "shifted", "reversed", "unwritten", "batch_partial", "precision", "kink", "unknown"};

const char *wg_cause_name(wg_cause cause)
{
    size_t count = sizeof report_causes / sizeof *report_causes;
    return (size_t)cause < count ? report_causes[cause] : "no cause";
}

/* ---- names --------------------------------------------------------------------------------------------------------------- */

void check_title(const wg_check *check, size_t node, char *text, size_t size)
{
    wg_node_info info;
    wg_var var = check->model.nodes[node].var;
    if (node == check->model.loss && wg_node_read(var, &info) == WG_OK && !info.name)
        snprintf(text, size, "loss");
    else if (wg_node_read(var, &info) == WG_OK && info.name)
        snprintf(text, size, "%s", info.name);
    else
        wg_node_formula(var, text, size);
}

void check_axis_title(const wg_check *check, size_t node, size_t axis, char *text, size_t size)
{
    char title[96];
    check_title(check, node, title, sizeof title);
    if (wg_shape_of(check->model.nodes[node].var).rank == 2)
        snprintf(text, size, "%s of %s", axis ? "columns" : "rows", title);
    else
        snprintf(text, size, "axis %zu of %s", axis, title);
}

static bool report_named(const wg_check *check, size_t node)
{
    wg_node_info info;
    return node == check->model.loss || (wg_node_read(check->model.nodes[node].var, &info) == WG_OK && info.name);
}

void check_edge_title(const wg_check *check, size_t from, size_t to, char *text, size_t size)
{
    char above[160], below[160];
    const check_node *nodes = check->model.nodes;
    while (!report_named(check, from) && nodes[from].uses == 1) from = nodes[from].user;
    check_title(check, from, above, sizeof above);
    check_title(check, to, below, sizeof below);
    snprintf(text, size, "%s -> %s", above, below);
}

static const char *report_text(wg_check *check, const char *text)
{
    char *copy = check_take(&check->kept, strlen(text) + 1, 1);
    if (copy) memcpy(copy, text, strlen(text));
    return copy ? copy : "";
}

/* "dW2", or "d(W2 @ A1)" */
static const char *report_gradient_name(wg_check *check, const check_supplied *s)
{
    char title[160], name[176];
    check_title(check, s->node, title, sizeof title);
    snprintf(name, sizeof name, report_named(check, s->node) ? "d%s" : "d(%s)", title);
    return report_text(check, name);
}

/* ---- gradients ------------------------------------------------------------------------------------------------------------ */

static void report_index(const wg_shape *shape, size_t flat, size_t *index)
{
    for (size_t k = shape->rank; k-- > 0;) {
        index[k] = flat % shape->dim[k];
        flat /= shape->dim[k];
    }
}

static void report_box(const wg_check *check, const check_supplied *s, const wg_shape *shape, wg_check_gradient *g)
{
    bool any = false;
    for (size_t i = 0; i < s->wanted; i++) {
        size_t index[WG_MAX_RANK] = {0};
        if (check_close(check, s, i, s->exact[i], 1)) continue;
        report_index(shape, i, index);
        for (size_t k = 0; k < shape->rank; k++) {
            if (!any || index[k] < g->box[0][k]) g->box[0][k] = index[k];
            if (!any || index[k] > g->box[1][k]) g->box[1][k] = index[k];
        }
        any = true;
    }
}

static wg_check_gradient report_gradient(wg_check *check, const check_supplied *s)
{
    wg_check_gradient g = {.var = s->var, .right = s->right, .shape = s->shape, .shape_fits = s->fits};
    wg_shape shape = wg_shape_of(check->model.nodes[s->node].var);
    g.name = report_gradient_name(check, s);
    g.inherited = !s->right && !s->own;
    g.bits = s->carries;
    check_judgement judgement = check_judge(check, s, s->exact);
    g.wrong = judgement.wrong;
    g.supplied = g.expected = g.tolerance = (double)NAN;
    g.error = (double)INFINITY;
    if (!s->fits) return g;
    double size = s->exact_rms * sqrt((double)s->wanted);
    g.error = judgement.squares == 0 ? 0 : sqrt(judgement.squares) / size;
    if (s->wanted) {
        report_index(&shape, judgement.worst, g.worst);
        g.supplied = s->numbers[judgement.worst];
        g.expected = s->exact[judgement.worst];
        g.tolerance = check_floor(check, s, judgement.worst, g.expected, 1);
    }
    report_box(check, s, &shape, &g);
    return g;
}

/* ---- causes ---------------------------------------------------------------------------------------------------------------- */

typedef struct report_entry {
    check_find find;
    size_t from, to; /* nodes */
    bool stretch;    /* of several edges */
    bool dropped;    /* said by another */
} report_entry;

/* How much a name says: of the causes of one rank those that say most, and are met most, come first. */
static int report_weight(wg_cause cause)
{
    switch (cause) {
    case WG_CAUSE_SIGN:
        return 0;
    case WG_CAUSE_FACTOR:
    case WG_CAUSE_ACTIVATION_OF_ANOTHER:
    case WG_CAUSE_UNWRITTEN:
    case WG_CAUSE_OPERANDS_SWAPPED:
    case WG_CAUSE_BATCH_PARTIAL:
        return 2;
    case WG_CAUSE_WRONG_OPERAND:
    case WG_CAUSE_SHIFTED:
    case WG_CAUSE_REVERSED:
    case WG_CAUSE_PERMUTED:
        return 3;
    case WG_CAUSE_STALE_VALUE:
        return 4;
    default:
        return 1;
    }
}

static int report_compare(const void *left, const void *right)
{
    const report_entry *a = left, *b = right;
    if (a->find.mistake != b->find.mistake) return a->find.mistake < b->find.mistake ? -1 : 1;
    if (a->find.rank != b->find.rank) return a->find.rank < b->find.rank ? -1 : 1;
    int weight = report_weight(a->find.cause) - report_weight(b->find.cause);
    if (weight) return weight;
    if (a->find.misfit != b->find.misfit) return a->find.misfit < b->find.misfit ? -1 : 1;
    if (a->find.link != b->find.link) return a->find.link < b->find.link ? -1 : 1;
    return (int)a->find.cause - (int)b->find.cause;
}

static bool report_scales(wg_cause cause)
{
    return cause == WG_CAUSE_FACTOR || cause == WG_CAUSE_SIGN || cause == WG_CAUSE_REDUCTION;
}

/* What is moved, or left out, at one step of a stretch may as well have been at another, where steps work element by
 * element. */
static bool report_moves(const check_find *a, const check_find *b)
{
    bool moves = a->cause == WG_CAUSE_UNWRITTEN || a->cause == WG_CAUSE_BATCH_PARTIAL || a->cause == WG_CAUSE_SHIFTED ||
                 a->cause == WG_CAUSE_REVERSED;
    if (!moves || !a->detail || !b->detail) return false;
    const char *where = strstr(a->detail, ", in the gradient of ");
    size_t same = where ? (size_t)(where - a->detail) + 1 : strlen(a->detail) + 1;
    return !strncmp(a->detail, b->detail, same);
}

static bool report_close(double a, double b)
{
    return a == b || fabs(a - b) <= 1e-6 * fabs(b) || (isnan(a) && isnan(b));
}

/* A factor may have come in anywhere along a stretch of the sweep; that is one cause. So is a row that is missing all the way
 * down. The same cause of one edge is, too. */
static void report_merge(report_entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        report_entry *a = &entries[i];
        for (size_t j = i + 1; j < count && !a->dropped; j++) {
            report_entry *b = &entries[j];
            if (b->dropped || b->find.mistake != a->find.mistake || b->find.rank != a->find.rank) continue;
            if (b->find.cause != a->find.cause) continue;
            bool scales = report_scales(a->find.cause) && report_close(a->find.factor, b->find.factor);
            if (scales || report_moves(&a->find, &b->find)) {
                a->stretch = a->stretch || a->from != b->from || a->to != b->to;
                if (b->from > a->from) a->from = b->from;
                if (b->to < a->to) a->to = b->to;
                b->dropped = true;
            } else if (a->from == b->from && a->to == b->to && a->find.cause != WG_CAUSE_FACTOR) {
                b->dropped = true;
            }
        }
    }
}

/* The supplied gradient that a sweep reaches first among those explained. */
static const check_supplied *report_first(const wg_check *check, const unsigned char *explains)
{
    const check_supplied *first = NULL;
    for (size_t k = 0; k < check->count; k++) {
        const check_supplied *s = &check->supplied[k];
        if (explains[k] && (!first || s->order > first->order)) first = s;
    }
    return first;
}

/* "dW2, db2": what a cause explains, in the sweep's order; after four "and 3 more". */
static void report_explained(wg_check *check, const unsigned char *explains, char *text, size_t size)
{
    size_t last = SIZE_MAX;
    size_t length = 0, said = 0, all = 0;
    for (size_t k = 0; k < check->count; k++) all += explains[k];
    text[0] = '\0';
    while (said < 4 && length < size) {
        const check_supplied *next = NULL;
        for (size_t k = 0; k < check->count; k++) {
            const check_supplied *s = &check->supplied[k];
            if (explains[k] == 1 && (!next || s->order > next->order) && s->order < last) next = s;
        }
        if (!next) break;
        last = next->order;
        length +=
            (size_t)snprintf(text + length, size - length, "%s%s", said ? ", " : "", report_gradient_name(check, next));
        said++;
    }
    if (said < all && length < size) snprintf(text + length, size - length, " and %zu more", all - said);
}

static wg_check_cause report_cause(wg_check *check, const report_entry *entry)
{
    const check_find *find = &entry->find;
    const check_supplied *s = report_first(check, find->explains);
    char edge[330], sentence[1200], above[160], below[160], explained[500];
    report_explained(check, find->explains, explained, sizeof explained);
    check_edge_title(check, entry->from, entry->to, edge, sizeof edge);
    check_title(check, entry->from, above, sizeof above);
    check_title(check, entry->to, below, sizeof below);
    wg_check_cause cause = {.cause = find->cause,
        .mistake = find->mistake,
        .rank = find->rank,
        .gradient = s->var,
        .name = report_gradient_name(check, s),
        .from = wg_node_at(check->loss.tape, check->model.nodes[entry->from].original),
        .to = wg_node_at(check->loss.tape, check->model.nodes[entry->to].original),
        .factor = find->factor,
        .residual = find->residual,
        .edge = report_text(check, edge)};
    int length = snprintf(sentence, sizeof sentence, "%s: %s", explained, find->detail ? find->detail : "");
    if (entry->stretch)
        snprintf(sentence + length, sizeof sentence - (size_t)length, ", somewhere between %s and %s", above, below);
    else
        snprintf(sentence + length, sizeof sentence - (size_t)length, " (%s)", edge);
    cause.sentence = report_text(check, sentence);
    return cause;
}

/* A link that stands for all that arrives: at the loss it is the first step; elsewhere it is the way from the loss. */
static void report_place(const wg_check *check, const check_find *find, report_entry *entry)
{
    const check_model *model = &check->model;
    const check_link *link = &model->links[find->link];
    *entry = (report_entry){*find, link->from, link->to, false, false};
    if (link->position != SIZE_MAX) return;
    entry->from = model->loss;
    for (size_t k = 0; link->to == model->loss && k < model->links_count; k++)
        if (model->links[k].from == model->loss && model->links[k].position != SIZE_MAX) entry->to = model->links[k].to;
}

/* ---- what nothing explains --------------------------------------------------------------------------------------------------- */

/* The lowest value above a gradient whose own gradient was supplied and serves; the loss when there is none. */
static size_t report_above(const wg_check *check, const check_supplied *s)
{
    const check_model *model = &check->model;
    size_t node = s->node;
    for (;;) {
        size_t link = SIZE_MAX, arriving = 0;
        for (size_t k = 0; k < model->links_count; k++)
            if (model->links[k].to == node && model->links[k].position != SIZE_MAX) {
                link = k;
                arriving++;
            }
        if (arriving != 1) return model->loss;
        node = model->links[link].from;
        size_t place = model->nodes[node].supplied;
        if (place != SIZE_MAX && (check->supplied[place].right || check->supplied[place].stands_in)) return node;
        if (node == model->loss) return node;
    }
}

/* "the ratio to what is right is between 0.3 and 12" */
static void report_pattern(const wg_check *check, const check_supplied *s, char *text, size_t size)
{
    double low = (double)INFINITY, high = -(double)INFINITY;
    size_t zeros = 0, nans = 0;
    if (!s->fits) {
        snprintf(text, size, "its shape is not that of the value");
        return;
    }
    for (size_t i = 0; i < s->wanted; i++) {
        double ratio = s->exact[i] != 0 ? s->numbers[i] / s->exact[i] : (double)NAN;
        if (check_close(check, s, i, s->exact[i], 1)) continue;
        nans += isfinite(s->numbers[i]) ? 0 : 1;
        zeros += s->numbers[i] == 0 ? 1 : 0;
        if (isfinite(ratio) && ratio < low) low = ratio;
        if (isfinite(ratio) && ratio > high) high = ratio;
    }
    if (nans)
        snprintf(text, size, nans == 1 ? "%zu entry is not finite" : "%zu entries are not finite", nans);
    else if (low > high)
        snprintf(text, size, "where zeros are right there are numbers");
    else if (zeros)
        snprintf(text, size, zeros == 1 ? "%zu entry is zero" : "%zu entries are zero", zeros);
    else
        snprintf(text, size, "the wrong entries are %.4g to %.4g times what is right", low, high);
}

/* margin: what is wrong at the margin alone, in words; NULL: it is not so. */
static wg_check_cause report_unknown(wg_check *check, const check_supplied *s, unsigned mistake, const char *margin)
{
    char edge[330], sentence[800], pattern[160];
    size_t above = report_above(check, s);
    check_edge_title(check, above, s->node, edge, sizeof edge);
    report_pattern(check, s, pattern, sizeof pattern);
    wg_check_cause cause = {.cause = margin ? WG_CAUSE_UNWRITTEN : WG_CAUSE_UNKNOWN,
        .mistake = mistake,
        .rank = 1,
        .gradient = s->var,
        .name = report_gradient_name(check, s),
        .from = wg_node_at(check->loss.tape, check->model.nodes[above].original),
        .to = s->var,
        .factor = (double)NAN,
        .residual = s->fits ? sqrt(check_judge(check, s, s->expected).squares) : (double)INFINITY,
        .edge = report_text(check, edge)};
    double size = 0;
    for (size_t i = 0; i < s->size; i++) size += s->numbers[i] * s->numbers[i];
    if (s->fits) cause.residual /= sqrt(size);
    if (margin)
        snprintf(sentence, sizeof sentence, "%s: %s (%s)", cause.name, margin, edge);
    else
        snprintf(sentence, sizeof sentence, "%s: wrong, and no known mistake fits; it arises between %s; %s",
            cause.name, edge, pattern);
    cause.sentence = report_text(check, sentence);
    return cause;
}

static wg_check_cause report_precision(wg_check *check, const check_supplied *s, unsigned mistake)
{
    char edge[330], sentence[400];
    check_edge_title(check, check->model.loss, s->node, edge, sizeof edge);
    wg_check_cause cause = {.cause = WG_CAUSE_PRECISION,
        .mistake = mistake,
        .rank = 1,
        .gradient = s->var,
        .name = report_gradient_name(check, s),
        .from = check->loss,
        .to = s->var,
        .factor = (double)NAN,
        .edge = report_text(check, edge)};
    double size = s->exact_rms * sqrt((double)s->wanted);
    double squares = check_judge(check, s, s->exact).squares;
    cause.residual = squares == 0 ? 0 : sqrt(squares) / size;
    snprintf(sentence, sizeof sentence, "%s: right; what differs is rounding to %u bits", cause.name, s->carries);
    cause.sentence = report_text(check, sentence);
    return cause;
}

/* ---- the whole ------------------------------------------------------------------------------------------------------------ */

wg_status check_report_make(wg_check *check, const check_find *finds, size_t count)
{
    check_memory scratch = {0};
    wg_check_report *report = &check->report;
    *report = (wg_check_report){.right = true, .gradients_count = check->count};
    report_entry *entries = check_take(&scratch, count, sizeof *entries);
    wg_check_gradient *gradients = check_take(&check->kept, check->count, sizeof *gradients);
    wg_check_cause *causes = check_take(&check->kept, count + check->count, sizeof *causes);
    if (!entries || !gradients || !causes) return check_release(&scratch), WG_ERROR_MEMORY;
    unsigned mistakes = 0;
    size_t used = 0;
    for (size_t k = 0; k < count; k++) {
        if (!finds[k].mistake) continue;
        if (finds[k].mistake > mistakes) mistakes = finds[k].mistake;
        report_place(check, &finds[k], &entries[used++]);
    }
    qsort(entries, used, sizeof *entries, report_compare);
    report_merge(entries, used);
    for (size_t k = 0; k < used; k++)
        if (!entries[k].dropped) causes[report->causes_count++] = report_cause(check, &entries[k]);
    bool unknown = false; /* a margin is one only where nothing else is left unexplained */
    char margin[200];
    for (size_t k = 0; k < check->count; k++) {
        const check_supplied *s = &check->supplied[k];
        unknown = unknown || (s->fault && !check_margin(check, s, margin, sizeof margin));
    }
    for (size_t k = 0; k < check->count; k++) {
        check_supplied *s = &check->supplied[k];
        s->margin = s->fault && !unknown && check_margin(check, s, margin, sizeof margin);
        if (s->margin) causes[report->causes_count++] = report_unknown(check, s, ++mistakes, margin);
    }
    mistakes += unknown;
    const unsigned unnamed = mistakes;
    for (size_t k = 0; k < check->count; k++) {
        const check_supplied *s = &check->supplied[k];
        if (s->fault && !s->margin) causes[report->causes_count++] = report_unknown(check, s, unnamed, NULL);
        if (s->right && s->rounded && !s->kink) causes[report->causes_count++] = report_precision(check, s, ++mistakes);
        gradients[k] = report_gradient(check, s);
        report->right = report->right && s->right;
    }
    report->gradients = gradients;
    report->causes = causes;
    check_blind_spots(check);
    bool failed = scratch.failed || check->kept.failed;
    check_release(&scratch);
    return failed ? WG_ERROR_MEMORY : WG_OK;
}
