/* Is one derivative right? It is held against the slope along a line, whose steps are made finer, or coarser, for as long as
 * that may change the answer. All comparisons are written so that NaN fails them. */
#include "check/function/function.h"

#include <float.h>
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
    const check_function *run = line->subject->run;
    const wg_function_options *options = &run->options;
    double size = fmax(fabs(g), fmax(fabs(view->low), fabs(view->high)));
    bool floats = run->dtype == WG_F32;
    double least = floats ? FLT_MIN : DBL_MIN, most = floats ? FLT_MAX : DBL_MAX; /* beyond them its digits are gone */
    double tolerance = view->error + (options->tolerance > 0 ? options->tolerance * size : slack) + least;
    double nearest = g > view->high ? view->high : g < view->low ? view->low : g;
    double excess = view->outcome == OUTCOME_UNDEFINED ? 0 : isfinite(g) ? fabs(g - nearest) / tolerance : INFINITY;
    if (isfinite(g) && g == nearest) excess = 0;
    check_outcome outcome = view->outcome;
    bool each = line->direction && run->size * 8 <= options->evaluations; /* entries are looked at one by one */
    if (!isfinite(g) && each) {
        outcome = OUTCOME_UNDEFINED;
        excess = 0;
    } else if (!isfinite(g) && fmax(fabs(view->low), fabs(view->high)) / fmin(1, line->subject->least[k]) > most) {
        outcome = OUTCOME_UNDEFINED;
        excess = 0;
    } else if (isinf(g) && view->error > fmax(fabs(view->low), fabs(view->high)) / 2) {
        outcome = OUTCOME_UNRESOLVED; /* the slope may be infinite */
        excess = 0;
    } else if (!(excess <= 1)) {
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

/* The derivative along a line, by each way and for each cotangent, and what its rounding may be. */
typedef struct entries_claim {
    size_t ways;
    const char *way[FUNCTION_WAYS + 1];
    double value[FUNCTION_WAYS + 1][FUNCTION_COTANGENTS], slack[FUNCTION_WAYS + 1][FUNCTION_COTANGENTS];
    bool finite;
} entries_claim;

/* A tangent is summed in another order than a gradient, hence a slack of its own. */
static void entries_claim_tangent(const check_line *line, entries_claim *claim)
{
    check_subject *subject = line->subject;
    check_function *run = subject->run;
    double terms[FUNCTION_COTANGENTS], unit = run->dtype == WG_F64 ? 0x1p-53 : 0x1p-24;
    const double *direction = line->direction;
    size_t w = claim->ways;
    if (!subject->forward) return;
    if (!direction) {
        memset(run->moved, 0, run->size * sizeof *run->moved);
        run->moved[line->entry] = 1;
        direction = run->moved;
    }
    if (check_subject_forward(subject, run->dtype, run->x, direction, claim->value[w], terms)) {
        for (size_t k = 0; k < FUNCTION_COTANGENTS; k++) claim->slack[w][k] = claim->slack[0][k] + 8 * unit * terms[k];
        claim->way[claim->ways++] = "wg_jvp";
    }
    memcpy(run->moved, run->x, run->size * sizeof *run->moved);
}

static void entries_claim_slack(const check_line *line, entries_claim *claim)
{
    for (size_t k = 0; k < FUNCTION_COTANGENTS; k++) {
        double slack = check_rounding_slack(line->subject, k, line->direction, line->entry),
               before = claim->slack[0][k];
        for (size_t w = 0; w < claim->ways; w++) claim->slack[w][k] += slack - before;
    }
}

static void entries_claim_make(const check_line *line, entries_claim *claim)
{
    check_subject *subject = line->subject;
    size_t n = subject->run->size;
    memset(claim, 0, sizeof *claim);
    for (; claim->ways < subject->ways; claim->ways++) {
        claim->way[claim->ways] = subject->way[claim->ways];
        for (size_t k = 0; k < FUNCTION_COTANGENTS; k++) {
            const double *g = subject->gradient[claim->ways] + k * n;
            claim->value[claim->ways][k] = check_along(g, line->direction, line->entry, n);
        }
    }
    entries_claim_slack(line, claim);
    entries_claim_tangent(line, claim);
    claim->finite = true;
    for (size_t w = 0; w < claim->ways; w++)
        for (size_t k = 0; k < FUNCTION_COTANGENTS; k++) claim->finite = claim->finite && isfinite(claim->value[w][k]);
}

/* What a slope may be by the points beside, if those tell of more than one. */
static entries_view entries_see_beside(const check_line *line, size_t k, double low, double high, double error)
{
    entries_view view = entries_see(&line->slope[k]);
    if (view.outcome == OUTCOME_UNDEFINED || view.outcome == OUTCOME_JUMP || !(high - low > 4 * error)) return view;
    return (entries_view){OUTCOME_KINK, fmin(low, view.low), fmax(high, view.high), fmax(error, view.error)};
}

static void entries_judge_line(check_line *line, const entries_claim *claim, bool beside, check_finding *f)
{
    double low[FUNCTION_COTANGENTS], high[FUNCTION_COTANGENTS], error[FUNCTION_COTANGENTS];
    if (beside) check_line_between(line, low, high, error);
    *f = (check_finding){.outcome = OUTCOME_RIGHT};
    for (size_t k = 0; k < FUNCTION_COTANGENTS; k++) {
        entries_view view = entries_see(&line->slope[k]);
        if (beside) view = entries_see_beside(line, k, low[k], high[k], error[k]);
        f->kink = f->kink || view.outcome == OUTCOME_KINK;
        for (size_t w = 0; w < claim->ways; w++)
            entries_weigh(line, k, claim->way[w], claim->value[w][k], claim->slack[w][k], &view, f);
    }
}

/* ---- following a line ------------------------------------------------------------------------------------------------------ */

static bool entries_sharp(const check_finding *f) { return f->blur <= 0x1p-12; }

/* Coarser steps, for what finer ones drown in rounding. */
static void entries_follow_up(check_line *line, const entries_claim *claim, double best, check_finding *f)
{
    size_t idle = 0;
    while (idle < 2 && f->outcome <= OUTCOME_UNRESOLVED && !entries_sharp(f) && check_line_coarser(line)) {
        entries_judge_line(line, claim, false, f);
        idle = f->blur < best ? 0 : idle + 1;
        if (f->blur < best) best = f->blur;
    }
}

/* More draws of rounding, where that is what decides. */
static wg_status entries_draw_more(check_line *line, entries_claim *claim, check_finding *f)
{
    check_subject *subject = line->subject;
    while (f->outcome == OUTCOME_WRONG && f->excess < 64 && subject->draws < FUNCTION_ROUNDS * FUNCTION_MEASURED) {
        if (subject->run->size > 4096) break;
        wg_status status = check_rounding_more(subject);
        if (status != WG_OK) return status;
        entries_claim_slack(line, claim);
        entries_judge_line(line, claim, false, f);
    }
    return WG_OK;
}

static wg_status entries_follow(check_line *line, entries_claim *claim, check_finding *f)
{
    check_function *run = line->subject->run;
    entries_judge_line(line, claim, false, f);
    wg_status status = entries_draw_more(line, claim, f);
    if (status != WG_OK || (f->outcome == OUTCOME_RIGHT && entries_sharp(f))) return status;
    double best = f->blur;
    size_t idle = 0, chunks = run->deep && claim->finite ? LINE_LEVELS : 1;
    if (run->deep) run->deep--;
    while (chunks-- && idle < 3 && check_line_finer(line)) {
        entries_judge_line(line, claim, false, f);
        if (f->outcome == OUTCOME_RIGHT && entries_sharp(f)) return WG_OK;
        idle = f->outcome <= OUTCOME_UNRESOLVED && !(f->blur < best) ? idle + 1 : 0;
        if (f->blur < best) best = f->blur;
    }
    entries_follow_up(line, claim, best, f);
    if (f->outcome != OUTCOME_WRONG || !claim->finite) return WG_OK;
    check_finding beside;
    entries_judge_line(line, claim, true, &beside);
    f->kink = beside.kink;
    if (beside.outcome != OUTCOME_WRONG) *f = beside;
    return WG_OK;
}

wg_status check_entries_judge(check_subject *subject, const double *direction, size_t entry, check_finding *finding)
{
    check_line line;
    entries_claim claim;
    check_line_open(&line, subject, direction, entry);
    entries_claim_make(&line, &claim);
    wg_status status = entries_follow(&line, &claim, finding);
    if (direction) check_directions_rate(&line);
    return status;
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
