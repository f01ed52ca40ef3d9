/* Hands a program's gradients to the checker and says how good its answer is.
 *
 * A name is right when it is the mistake's or one that means the same numbers. Of the causes that share the first rank,
 * all must be right for a mistake to count as named uniquely, one of at most ten for it to count as within a group. A
 * group without the right name is a wrong name, whatever its size; saying that nothing fits is none. */
#include "suite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GROUP = 10 };

const char *const suite_verdict_names[SUITE_VERDICTS] = {"named uniquely", "in a group", "located", "missed", "blind",
    "wrong name", "misplaced", "right", "explained", "called wrong", "failed"};

/* ---- asking ---------------------------------------------------------------------------------------------------------------- */

static size_t size_of(const wg_shape *shape)
{
    size_t size = 1;
    EACH(axis, shape->rank) size *= shape->dim[axis];
    return size;
}

static bool handed_over(const suite_array *a, bool intermediates)
{
    return a->kind == SUITE_VARIABLE || (intermediates && a->kind == SUITE_STEP);
}

static wg_status supply(wg_check *check, const suite *s, const suite_array *a)
{
    if (s->bits > 24) return wg_check_supply_f64(check, a->var, a->grad_shape, a->grad);
    size_t n = size_of(&a->grad_shape);
    float *numbers = malloc((n + 1) * sizeof *numbers);
    if (!numbers) return WG_ERROR_MEMORY;
    EACH(k, n) numbers[k] = (float)a->grad[k];
    wg_status status = wg_check_supply_f32(check, a->var, a->grad_shape, numbers);
    free(numbers);
    return status;
}

/* ---- what is so ------------------------------------------------------------------------------------------------------------ */

/* The largest error of a gradient; infinite for one of another shape. */
static double error_of(const suite_array *a, double *scale)
{
    double most = 0;
    *scale = 0;
    if (size_of(&a->grad_shape) != size_of(&a->shape)) return INFINITY;
    EACH(k, size_of(&a->shape))
    {
        double right = wg_grad_at(a->var, k), difference = fabs(a->grad[k] - right);
        *scale = fmax(*scale, fabs(right));
        most = difference <= most ? most : difference; /* NaN stays */
    }
    return most;
}

bool suite_differs(const suite *s, size_t i)
{
    double scale, error = error_of(&s->array[i], &scale);
    return !(error <= 16 * scale * ldexp(1, -(int)s->bits));
}

/* Whether what is handed over has errors that the same program without a mistake does not come near to by rounding. */
static bool distinguishable(const suite *s, bool intermediates)
{
    suite right;
    bool any = false;
    double scale;
    if (suite_begin(&right, s->forward, s->shape, s->seed, s->bits, NULL, NULL) && !isnan(suite_against_tape(&right)))
        EACH(i, s->count)
        {
            if (!handed_over(&s->array[i], intermediates)) continue;
            any = any || !(error_of(&s->array[i], &scale) <= 16 * error_of(&right.array[i], &scale));
        }
    suite_end(&right);
    return any;
}

/* ---- what is said ---------------------------------------------------------------------------------------------------------- */

static bool means(const suite_mistake *m, wg_cause cause)
{
    return m && (m->cause == cause || (m->same & (1u << cause)) != 0);
}

bool suite_harmless(wg_cause cause) { return cause == WG_CAUSE_PRECISION || cause == WG_CAUSE_KINK; }

/* The place of a cause: the gradient in which the mistake was made, when that was handed over, or else one that
 * is wrong. */
static bool in_place(const suite *s, const suite_mistake *m, const wg_check_report *report, const wg_check_cause *cause,
    bool intermediates)
{
    const suite_array *at = &s->array[m->at], *also = &s->array[m->also];
    bool at_right = !handed_over(at, intermediates), here_right = true;
    if (m->also && handed_over(also, intermediates) && cause->gradient.index == also->var.index) return true;
    EACH(k, report->gradients_count)
    {
        const wg_check_gradient *gradient = &report->gradients[k];
        if (gradient->var.index == at->var.index) at_right = gradient->right;
        if (gradient->var.index == cause->gradient.index) here_right = gradient->right;
    }
    return at_right ? !here_right : cause->gradient.index == at->var.index;
}

typedef struct answer {
    size_t first;     /* causes that share the first rank */
    size_t right;     /* of them, those with a right name */
    size_t placed;    /* of those, the ones in the right place */
    bool other_right; /* one is the other mistake's name */
    bool unknown;
} answer;

/* What is said of a numbered mistake, held against mistake m of two. */
static answer answer_of(
    const suite *s, const wg_check_report *report, unsigned number, size_t which, bool intermediates)
{
    answer a = {0};
    const suite_mistake *m = s->made[which], *other = s->made[1 - which];
    EACH(k, report->causes_count)
    {
        const wg_check_cause *cause = &report->causes[k];
        if (cause->mistake != number || cause->rank != 1 || suite_harmless(cause->cause)) continue;
        a.first++;
        if (cause->cause == WG_CAUSE_UNKNOWN) a.unknown = true;
        if (means(m, cause->cause)) {
            a.right++;
            if (cause->cause == WG_CAUSE_UNKNOWN || in_place(s, m, report, cause, intermediates)) a.placed++;
        }
        if (means(other, cause->cause)) a.other_right = true;
    }
    return a;
}

/* The verdict on mistake `which`: the best of what is said of any numbered mistake, unless one of those is a wrong name. */
static suite_verdict verdict_on(const suite *s, const wg_check_report *report, size_t which, bool intermediates)
{
    suite_verdict best = SUITE_LOCATED;
    bool misplaced = false, more = false;
    unsigned numbers = 0;
    EACH(k, report->causes_count) if (report->causes[k].mistake > numbers) numbers = report->causes[k].mistake;
    for (unsigned number = 0; number <= numbers; number++) {
        answer a = answer_of(s, report, number, which, intermediates);
        if (a.first == 0) continue;
        if (a.right == 0 && !a.other_right && !a.unknown) return SUITE_WRONG;
        if (a.right == 0) {
            if (a.unknown) more = true;
            continue;
        }
        if (a.placed == 0)
            misplaced = misplaced || !a.other_right;
        else if (s->made[which]->cause == WG_CAUSE_UNKNOWN && a.unknown)
            continue;
        else if (a.right == a.first)
            best = SUITE_UNIQUE;
        else if (a.first <= GROUP && best != SUITE_UNIQUE)
            best = SUITE_GROUP;
    }
    if (misplaced && best == SUITE_LOCATED) return SUITE_MISPLACED;
    return more && best == SUITE_UNIQUE && !s->made[1 - which] ? SUITE_GROUP : best;
}

static bool gives(const wg_check_report *report, wg_cause cause)
{
    EACH(k, report->causes_count) if (report->causes[k].cause == cause) return true;
    return false;
}

static void quote(const wg_check_report *report, char *said, size_t size)
{
    size_t length = 0, causes = 0, more = 0;
    if (size == 0) return;
    said[0] = '\0';
    EACH(k, report->causes_count)
    {
        const wg_check_cause *cause = &report->causes[k];
        if (cause->rank != 1 || suite_harmless(cause->cause)) continue;
        if (++causes > 4) {
            more++;
            continue;
        }
        int written = snprintf(said + length, size - length, "%s%s (%s): %s", length ? "; " : "",
            wg_cause_name(cause->cause), cause->edge ? cause->edge : "", cause->sentence ? cause->sentence : "");
        if (written < 0 || (size_t)written >= size - length) return;
        length += (size_t)written;
    }
    if (more) snprintf(said + length, size - length, "; %zu more", more);
}

static suite_verdict verdict_of(
    const suite *s, const wg_check_report *report, bool intermediates, suite_verdict verdicts[2])
{
    const suite_mistake *m = s->made[0];
    if (m && report->right && suite_harmless(m->cause)) return gives(report, m->cause) ? SUITE_EXPLAINED : SUITE_RIGHT;
    if (!m || suite_harmless(m->cause)) return report->right ? SUITE_RIGHT : SUITE_ACCUSED;
    if (report->right)
        verdicts[0] = verdicts[1] = distinguishable(s, intermediates) ? SUITE_MISSED : SUITE_BLIND;
    else
        EACH(k, s->made[1] ? 2 : 1) verdicts[k] = verdict_on(s, report, k, intermediates);
    return verdicts[0];
}

suite_verdict suite_judge(suite *s, bool intermediates, char *said, size_t said_size, suite_verdict verdicts[2])
{
    const wg_check_report *report = NULL;
    suite_verdict result = SUITE_FAILED;
    if (said_size) said[0] = '\0';
    verdicts[0] = verdicts[1] = SUITE_FAILED;
    if (wg_zero_grad(s->tape) || wg_backward(s->loss)) return SUITE_FAILED;
    wg_check *check = wg_check_new(s->loss);
    wg_status status = check ? WG_OK : WG_ERROR_MEMORY;
    for (size_t i = 0; i < s->count && status == WG_OK; i++)
        if (handed_over(&s->array[i], intermediates)) status = supply(check, s, &s->array[i]);
    if (status == WG_OK) status = wg_check_run(check, &report);
    if (status != WG_OK) {
        snprintf(said, said_size, "%s: %s", wg_status_name(status), wg_tape_message(s->tape));
        wg_check_free(check);
        return SUITE_FAILED;
    }
    quote(report, said, said_size);
    result = verdict_of(s, report, intermediates, verdicts);
    wg_check_free(check);
    return result;
}
