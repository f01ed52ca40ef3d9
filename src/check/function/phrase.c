/* What a check of a function found, in words. */
#include "check/function/function.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

static void phrase_add(const check_function *run, const char *format, ...) WG_PRINTF_LIKE(2, 3);
static void phrase_add(const check_function *run, const char *format, ...)
{
    char *text = run->report->message;
    size_t size = sizeof run->report->message, length = 0;
    while (text[length]) length++;
    va_list arguments;
    va_start(arguments, format);
    if (length < size) vsnprintf(text + length, size - length, format, arguments);
    va_end(arguments);
}

/* "[2,3]", "[0..4,3]" */
static void phrase_index(const check_function *run, const size_t *from, const size_t *to, size_t rank)
{
    for (size_t k = 0; k < rank; k++) {
        phrase_add(run, "%s%zu", k ? "," : "[", from[k]);
        if (to[k] != from[k]) phrase_add(run, "..%zu", to[k]);
    }
    phrase_add(run, rank ? "]" : "");
}

static void phrase_input(const check_function *run, size_t i)
{
    if (run->inputs[i].name[0])
        phrase_add(run, "%s", run->inputs[i].name);
    else
        phrase_add(run, "input %zu", i);
}

static void phrase_wrong(const check_function *run)
{
    const wg_function_report *r = run->report;
    const char *order = r->order == 2 ? "second derivative" : "derivative";
    if (run->along) {
        phrase_add(run, "wrong: the %s of %s along a random direction is %.9g, and %.9g by differences, +- %.1e", order,
            r->way, r->recorded, r->difference, r->tolerance);
        return;
    }
    size_t rank = run->inputs[r->input].shape.rank;
    phrase_add(run, "wrong: the %s of %s with respect to ", order, r->way);
    phrase_input(run, r->input);
    phrase_index(run, r->index, r->index, rank);
    phrase_add(run, " is %.9g, and %.9g by differences, +- %.1e", r->recorded, r->difference, r->tolerance);
    if (r->difference != 0 && isfinite(r->recorded)) phrase_add(run, " (%.6g times)", r->recorded / r->difference);
    phrase_add(run, "; %zu of %zu entries are wrong", r->wrong, r->checked);
    if (run->wrong[r->input] > 1) {
        phrase_add(run, ", of this input %zu, in ", run->wrong[r->input]);
        phrase_index(run, r->box[0], r->box[1], rank);
    }
    if (r->checked < r->entries) phrase_add(run, " (of %zu, others were not looked at one by one)", r->entries);
    if (r->order == 2) phrase_add(run, "; the first derivative is right");
}

static void phrase_right(const check_function *run)
{
    const wg_function_report *r = run->report;
    bool second = run->options.order != 1 && r->recording;
    phrase_add(run, "%s", wg_function_verdict_name(r->verdict));
    phrase_add(run, second ? ", to order 2" : ", at order 1");
    if (r->checked)
        phrase_add(run, ": %zu entries", r->checked);
    else
        phrase_add(run, ": random directions in %zu entries", r->entries);
    if (r->kinks) phrase_add(run, "; kinks at %zu", r->kinks);
    if (r->jumps) phrase_add(run, "; jumps at %zu", r->jumps);
    if (r->undefined) phrase_add(run, "; undefined at %zu", r->undefined);
    if (r->left_out) phrase_add(run, "; %zu results are not finite", r->left_out);
    if (r->unresolved) phrase_add(run, "; below rounding at %zu", r->unresolved);
    if (isfinite(r->rate[0])) phrase_add(run, "; Taylor remainder of order %.2f", r->rate[0]);
    if (isfinite(r->rate[1])) phrase_add(run, ", the gradient's %.2f", r->rate[1]);
}

void check_phrase(const check_function *run)
{
    wg_function_report *r = run->report;
    r->message[0] = '\0';
    if (r->verdict == WG_FUNCTION_NOT_DETERMINISTIC) {
        phrase_add(run, "not deterministic: two runs on the same numbers differ");
        return;
    }
    if (r->verdict == WG_FUNCTION_WRONG)
        phrase_wrong(run);
    else if (r->verdict == WG_FUNCTION_UNDECIDED)
        phrase_add(run, "undecided: %s",
            r->undefined || r->left_out ? "the function or its slope is not finite at the point"
                                        : "it varies, but its slope cannot be told from rounding");
    else
        phrase_right(run);
    if (!r->recording) phrase_add(run, "; its derivative is numbers only: second derivatives were not looked at");
    if (!r->in_double && run->dtype == WG_F32 && !run->options.own_dtype)
        phrase_add(run, "; differences in float, since in double the function fails or has other values");
}
