/* Is one derivative right? It is held against the slope along a line, whose steps are made finer, or coarser, for as long as
 * that may change the answer. All comparisons are written so that NaN fails them. */
#include "check/function.h"

#include <math.h>
#include <string.h>

/* What one slope says of a derivative. */
typedef struct entries_view {
    check_outcome outcome; /* if the derivative lies within */
    double low, high, error;
} entries_view;

static bool entries_known(const check_quotient *q) { return isfinite(q->error) && isfinite(q->value); }

/* The sides' slopes are apart by more than their errors. */
static bool entries_kinked(const check_slope *s)
{
    if (!entries_known(&s->left) || !entries_known(&s->right)) return false;
    return fabs(s->left.value - s->right.value) > 2 * (s->left.error + s->right.error);
}

static entries_view entries_one(check_outcome outcome, const check_quotient *q)
{
    if (!entries_known(q)) return (entries_view){OUTCOME_UNDEFINED, 0, 0, 0};
    return (entries_view){outcome, q->value, q->value, q->error};
}

/* Where nothing is known of the sides the outcome is OUTCOME_UNDEFINED, and anything will do. */
static entries_view entries_see(const check_slope *s)
{
    if (s->left_jumps && s->right_jumps) return (entries_view){OUTCOME_JUMP, -INFINITY, INFINITY, 0};
    if (s->left_jumps) return entries_one(OUTCOME_JUMP, &s->right);
    if (s->right_jumps) return entries_one(OUTCOME_JUMP, &s->left);
    if (s->left_grows || s->right_grows) return (entries_view){OUTCOME_UNDEFINED, 0, 0, 0};
    if (entries_kinked(s))
        return (entries_view){OUTCOME_KINK, fmin(s->left.value, s->right.value), fmax(s->left.value, s->right.value),
            fmax(s->left.error, s->right.error)};
    if (entries_known(&s->middle)) return entries_one(OUTCOME_RIGHT, &s->middle);
    return entries_one(OUTCOME_RIGHT, entries_known(&s->right) ? &s->right : &s->left);
}

/* ---- judging ---------------------------------------------------------------------------------------------------------- */

/* The function varies along the line by more than rounding, but the slope's error would allow for all of that. */
static bool entries_blind(const check_line *line, size_t k, double tolerance)
{
    double varies = 0;
    for (size_t i = line->first; i < line->last; i++) {
        double d = fmax(fabs(line->plus[i][k]), fabs(line->minus[i][k]));
        if (d > varies) varies = d;
    }
    return varies > 64 * line->noise[k] && tolerance * line->step[line->first] > varies;
}

static void entries_weigh(const check_line *line, size_t k, const char *way, double g, double slack,
    const entries_view *view, check_finding *f)
{
    const wg_function_options *options = &line->subject->run->options;
    double size = fmax(fabs(g), fmax(fabs(view->low), fabs(view->high)));
    double tolerance = view->error + (options->tolerance > 0 ? options->tolerance * size : slack);
    double nearest = g > view->high ? view->high : g < view->low ? view->low : g;
    double excess = view->outcome == OUTCOME_UNDEFINED ? 0 : isfinite(g) ? fabs(g - nearest) / tolerance : INFINITY;
    if (isfinite(g) && g == nearest) excess = 0;
    check_outcome outcome = view->outcome;
    if (!(excess <= 1)) {
        bool infinite = line->subject->partial && !isfinite(g); /* from the outputs that were left out */
        outcome = infinite ? OUTCOME_UNDEFINED : OUTCOME_WRONG;
        excess = infinite ? 0 : isfinite(excess) ? excess : INFINITY;
    } else if (outcome == OUTCOME_RIGHT && tolerance > size / 2) {
        outcome = OUTCOME_UNRESOLVED;
        f->blind = f->blind || entries_blind(line, k, tolerance);
    }
    if (view->error > 0 && view->outcome != OUTCOME_UNDEFINED) f->blur = fmax(f->blur, view->error / size);
    if (outcome > f->outcome || excess > f->excess) {
        if (excess >= f->excess) {
            f->way = way;
            f->recorded = g;
            f->difference = isnan(g) ? view->low : nearest;
            f->error = view->error;
            f->tolerance = tolerance;
            f->excess = excess;
        }
        if (outcome > f->outcome) f->outcome = outcome;
    }
}

static double entries_dot(const double *g, const double *direction, size_t entry, size_t n)
{
    if (!direction) return g[entry];
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        if (direction[i] != 0) sum += g[i] * direction[i];
    return sum;
}

/* The tangent along the line, and what its rounding may be: it is summed in another order than the gradient. */
typedef struct entries_tangent {
    bool there;
    double value[FUNCTION_COTANGENTS], slack[FUNCTION_COTANGENTS];
} entries_tangent;

static void entries_tangents(const check_line *line, entries_tangent *tangent)
{
    check_subject *subject = line->subject;
    check_function *run = subject->run;
    double terms[FUNCTION_COTANGENTS], unit = run->dtype == WG_F64 ? 0x1p-53 : 0x1p-24;
    const double *direction = line->direction;
    if (!subject->forward) return;
    if (!direction) {
        memset(run->moved, 0, run->size * sizeof *run->moved);
        run->moved[line->entry] = 1;
        direction = run->moved;
    }
    tangent->there = check_subject_forward(subject, run->dtype, run->x, direction, tangent->value, terms);
    for (size_t k = 0; k < FUNCTION_COTANGENTS; k++) tangent->slack[k] = 8 * unit * terms[k];
    memcpy(run->moved, run->x, run->size * sizeof *run->moved);
}

static void entries_judge_line(check_line *line, const entries_tangent *tangent, bool apart, check_finding *f)
{
    check_subject *subject = line->subject;
    size_t n = subject->run->size;
    double low[FUNCTION_COTANGENTS], high[FUNCTION_COTANGENTS];
    if (apart) check_line_between(line, low, high);
    *f = (check_finding){.outcome = OUTCOME_RIGHT};
    for (size_t k = 0; k < FUNCTION_COTANGENTS; k++) {
        entries_view view = entries_see(&line->slope[k]);
        f->kink = f->kink || view.outcome == OUTCOME_KINK;
        if (apart && view.outcome <= OUTCOME_KINK && low[k] <= high[k]) {
            view.low = fmin(view.low, low[k]);
            view.high = fmax(view.high, high[k]);
            view.outcome = OUTCOME_KINK;
        }
        double slack = check_rounding_slack(subject, k, line->direction, line->entry);
        for (size_t w = 0; w < subject->ways; w++) {
            double g = entries_dot(subject->gradient[w] + k * n, line->direction, line->entry, n);
            entries_weigh(line, k, subject->way[w], g, slack, &view, f);
        }
        if (tangent->there) entries_weigh(line, k, "wg_jvp", tangent->value[k], slack + tangent->slack[k], &view, f);
    }
}

/* ---- following a line ------------------------------------------------------------------------------------------------------ */

static bool entries_sharp(const check_finding *f) { return f->blur <= 0x1p-12; }

static void entries_follow(check_line *line, const entries_tangent *tangent, check_finding *f)
{
    check_function *run = line->subject->run;
    entries_judge_line(line, tangent, false, f);
    if (f->outcome == OUTCOME_RIGHT && entries_sharp(f)) return;
    double best = f->blur;
    size_t idle = 0, chunks = run->deep ? 99 : 3;
    if (run->deep) run->deep--;
    while (chunks-- && idle < 3 && check_line_finer(line)) {
        entries_judge_line(line, tangent, false, f);
        if (f->outcome == OUTCOME_RIGHT && entries_sharp(f)) return;
        idle = f->outcome <= OUTCOME_UNRESOLVED && !(f->blur < best) ? idle + 1 : 0;
        if (f->blur < best) best = f->blur;
    }
    idle = 0;
    while (idle < 2 && f->outcome <= OUTCOME_UNRESOLVED && !entries_sharp(f) && check_line_coarser(line)) {
        entries_judge_line(line, tangent, false, f);
        idle = f->blur < best ? 0 : idle + 1;
        if (f->blur < best) best = f->blur;
    }
    if (f->outcome == OUTCOME_WRONG && line->subject->outputs > 1) {
        check_finding apart;
        bool kinked = false;
        for (size_t k = 0; k < FUNCTION_COTANGENTS; k++) kinked = kinked || entries_kinked(&line->slope[k]);
        if (!kinked) return;
        entries_judge_line(line, tangent, true, &apart);
        apart.kink = true;
        if (apart.outcome != OUTCOME_WRONG) *f = apart;
    }
}

wg_status check_entries_judge(check_subject *subject, const double *direction, size_t entry, check_finding *finding)
{
    check_line line;
    entries_tangent tangent = {.there = false};
    check_line_open(&line, subject, direction, entry);
    entries_tangents(&line, &tangent);
    entries_follow(&line, &tangent, finding);
    if (direction) check_directions_rate(&line);
    return wg_tape_status(subject->run->points[subject->run->fine].tape) == WG_ERROR_MEMORY ? WG_ERROR_MEMORY : WG_OK;
}

wg_status check_entries_all(check_subject *subject, const bool *among)
{
    check_function *run = subject->run;
    wg_function_report *report = run->report;
    for (size_t i = 0; i < run->size; i++) {
        check_finding f;
        if (among && !among[i]) continue;
        wg_status status = check_entries_judge(subject, NULL, i, &f);
        if (status != WG_OK) return status;
        if (subject->order == 1) report->checked++;
        if (f.outcome == OUTCOME_WRONG) {
            check_function_note(subject, i, &f);
            continue;
        }
        report->kinks += f.outcome == OUTCOME_KINK;
        report->jumps += f.outcome == OUTCOME_JUMP && subject->order == 1;
        report->undefined += f.outcome == OUTCOME_UNDEFINED && subject->order == 1;
        report->unresolved += f.outcome == OUTCOME_UNRESOLVED && subject->order == 1;
        run->blind += f.blind;
    }
    return WG_OK;
}
