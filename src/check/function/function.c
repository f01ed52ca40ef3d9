/* Checking a function's derivatives: the order of things, and the verdict. */
#include "check/function/function.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *wg_function_verdict_name(wg_function_verdict verdict)
{
    static const char *const names[] = {
        "right", "right, where there is a derivative", "wrong", "not deterministic", "undecided"};
    return (unsigned)verdict < sizeof names / sizeof *names ? names[verdict] : "unknown verdict";
}

static wg_status function_fail(wg_function_report *report, wg_status status, const char *format, ...)
    WG_PRINTF_LIKE(3, 4);
static wg_status function_fail(wg_function_report *report, wg_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    report->verdict = WG_FUNCTION_UNDECIDED;
    vsnprintf(report->message, sizeof report->message, format, arguments);
    va_end(arguments);
    return status;
}

/* ---- entries -------------------------------------------------------------------------------------------------------- */

size_t check_function_place(const check_function *run, size_t entry, size_t *index)
{
    size_t i = 0;
    while (run->inputs[i].fixed || entry - run->inputs[i].begin >= run->inputs[i].size) i++;
    size_t flat = entry - run->inputs[i].begin;
    const wg_shape *shape = &run->inputs[i].shape;
    for (size_t k = shape->rank; k-- > 0;) {
        index[k] = flat % shape->dim[k];
        flat /= shape->dim[k];
    }
    return i;
}

static void function_report_worst(check_subject *subject, const check_finding *f)
{
    wg_function_report *report = subject->run->report;
    report->order = subject->order;
    report->way = f->way;
    report->recorded = f->recorded;
    report->difference = f->difference;
    report->error = f->error;
    report->tolerance = f->tolerance;
}

void check_function_note(check_subject *subject, size_t entry, const check_finding *finding)
{
    check_function *run = subject->run;
    size_t index[WG_MAX_RANK] = {0}, input = check_function_place(run, entry, index);
    size_t(*box)[WG_MAX_RANK] = run->boxes[input];
    bool first = !run->wrong[input]++;
    for (size_t k = 0; k < run->inputs[input].shape.rank; k++) {
        if (first || index[k] < box[0][k]) box[0][k] = index[k];
        if (first || index[k] > box[1][k]) box[1][k] = index[k];
    }
    if (!run->report->wrong++ || finding->excess > run->excess) {
        run->excess = finding->excess;
        run->report->input = input;
        memcpy(run->report->index, index, sizeof index);
        function_report_worst(subject, finding);
    }
}

/* ---- the order of things ------------------------------------------------------------------------------------------------ */

static wg_status function_options_read(check_function *run, const wg_function_options *options)
{
    if (options) run->options = *options;
    if (!run->options.evaluations) run->options.evaluations = 8192;
    if (run->options.order > 2) return function_fail(run->report, WG_ERROR_ARGUMENT, "order: 1 or 2");
    if (!(run->options.tolerance >= 0))
        return function_fail(run->report, WG_ERROR_ARGUMENT, "tolerance: a number, not below 0");
    return WG_OK;
}

/* Two runs on the same numbers; *same: whether value and gradient have the same bits. */
static wg_status function_repeat(check_function *run, bool *same)
{
    check_memory memory = {0};
    size_t n = run->outputs, size = run->size;
    double *a = check_take(&memory, n + 1, sizeof *a), *b = check_take(&memory, n + 1, sizeof *b);
    double *g = check_take(&memory, size + 1, sizeof *g), *h = check_take(&memory, size + 1, sizeof *h);
    double *ones = check_take(&memory, n + 1, sizeof *ones);
    if (memory.failed) return check_release(&memory), WG_ERROR_MEMORY;
    for (size_t i = 0; i < n; i++) ones[i] = 1;
    *same = check_point_value(run, run->dtype, run->x, a) && check_point_value(run, run->dtype, run->x, b);
    *same = *same && !memcmp(a, b, n * sizeof *a);
    wg_status status = WG_OK;
    if (*same && check_point_gradient(run, run->dtype, run->x, ones, g) &&
        check_point_gradient(run, run->dtype, run->x, ones, h))
        *same = !memcmp(g, h, size * sizeof *g);
    else if (*same)
        status = wg_tape_status(run->points[run->dtype].tape);
    check_release(&memory);
    return status;
}

/* All entries, or random directions where those are too many. At a kink a direction's slope need not lie between those of
 * its sides, for the derivative is chosen for each entry; then the point is moved a little, and they are tried again. */
static wg_status function_compare(check_subject *subject, const double *held)
{
    check_function *run = subject->run;
    wg_function_report *report = run->report;
    check_finding worst;
    run->deep = 256;
    if (run->size * 8 <= run->options.evaluations) {
        wg_status status = check_directions(subject, &worst);
        run->deep = run->options.evaluations / 64 + 64;
        if (status == WG_OK) status = check_entries_all(subject, NULL);
        bool smooth = !report->kinks && !report->jumps && !report->undefined && !worst.kink;
        if (status != WG_OK || worst.outcome != OUTCOME_WRONG || report->wrong || !smooth) return status;
        run->along = worst.way;
        function_report_worst(subject, &worst);
        return WG_OK;
    }
    wg_status status = check_directions(subject, &worst);
    if (status != WG_OK) return status;
    report->kinks += worst.kink;
    report->jumps += worst.outcome == OUTCOME_JUMP;
    run->blind += worst.blind;
    if (worst.outcome != OUTCOME_WRONG) return WG_OK;
    check_subject beside = *subject;
    if (worst.kink) {
        double step = run->fine == WG_F64 ? 0x1p-20 : 0x1p-10;
        for (size_t i = 0; i < run->size; i++)
            run->x[i] += step * run->scale[i] * (check_function_draw(run) < 0.5 ? 1 : -1);
        status = check_subject_open(&beside, run, subject->order, held);
    }
    if (status == WG_OK) status = check_directions_locate(&beside, &worst);
    if (status == WG_OK && worst.outcome == OUTCOME_WRONG && !report->wrong) {
        run->along = worst.way;
        function_report_worst(&beside, &worst);
    }
    return status;
}

static wg_status function_derivatives(check_function *run)
{
    wg_function_report *report = run->report;
    check_subject first, second;
    wg_status status = check_subject_open(&first, run, 1, NULL);
    if (status == WG_OK) status = function_compare(&first, NULL);
    if (status != WG_OK || report->wrong || run->along || run->options.order == 1 || !report->recording) return status;
    const double *held = first.cotangents;
    status = check_subject_open(&second, run, 2, held);
    if (status == WG_ERROR_UNSUPPORTED) return WG_OK; /* a second derivative that is numbers only */
    return status == WG_OK ? function_compare(&second, held) : status;
}

static void function_conclude(check_function *run)
{
    wg_function_report *report = run->report;
    size_t seen = report->checked ? report->checked : 1;
    if (report->wrong || run->along)
        report->verdict = WG_FUNCTION_WRONG;
    else if ((report->left_out && report->left_out == run->outputs) || report->undefined >= seen || run->blind >= seen)
        report->verdict = WG_FUNCTION_UNDECIDED;
    else
        report->verdict = report->kinks || report->jumps ? WG_FUNCTION_SUBGRADIENT : WG_FUNCTION_RIGHT;
    if (report->wrong && run->wrong[report->input]) memcpy(report->box, run->boxes[report->input], sizeof report->box);
    report->in_double = run->fine == WG_F64;
}

static wg_status function_run(check_function *run, const wg_var *in)
{
    wg_function_report *report = run->report;
    wg_status status = check_point_open(run, in);
    if (status == WG_OK && !run->size)
        return function_fail(
            report, WG_ERROR_ARGUMENT, "in has no number to vary: constants and indices are held fixed");
    run->boxes = check_take(&run->memory, run->n, sizeof *run->boxes);
    run->wrong = check_take(&run->memory, run->n, sizeof *run->wrong);
    if (run->memory.failed) status = WG_ERROR_MEMORY;
    bool same = true;
    report->entries = run->size;
    if (status == WG_OK) status = function_repeat(run, &same);
    if (status == WG_OK && same) status = function_derivatives(run);
    if (status == WG_OK) {
        function_conclude(run);
        if (!same) report->verdict = WG_FUNCTION_NOT_DETERMINISTIC;
        check_phrase(run);
        return WG_OK;
    }
    for (int dtype = 0; dtype < 2 && !report->message[0]; dtype++)
        if (wg_tape_status(run->points[dtype].tape) == status && run->points[dtype].tape)
            function_fail(report, status, "%s", wg_tape_message(run->points[dtype].tape));
    if (!report->message[0] && wg_tape_status(in[0].tape) == status)
        function_fail(report, status, "%s", wg_tape_message(in[0].tape));
    if (!report->message[0] && status == WG_ERROR_ARGUMENT)
        function_fail(
            report, status, "in has an invalid var or those of two tapes, or f returned no numbers of its tape");
    if (!report->message[0]) function_fail(report, status, "%s", wg_status_name(status));
    return status;
}

wg_status wg_check_function(wg_function f, void *user, const wg_var *in, size_t n, const wg_function_options *options,
    wg_function_report *report)
{
    if (!report) return WG_ERROR_ARGUMENT;
    *report = (wg_function_report){.rate = {NAN, NAN}};
    check_function run = {.f = f, .user = user, .report = report, .n = n};
    if (!f) return function_fail(report, WG_ERROR_ARGUMENT, "f is NULL");
    if (!n || !in) return function_fail(report, WG_ERROR_ARGUMENT, "in is empty");
    wg_status status = function_options_read(&run, options);
    if (status != WG_OK) return status;
    run.random = run.options.seed;
    if (!wg_ok(in[0])) return function_fail(report, WG_ERROR_ARGUMENT, "in[0] is an invalid var");
    status = function_run(&run, in);
    check_point_close(&run);
    check_release(&run.memory);
    return status;
}
