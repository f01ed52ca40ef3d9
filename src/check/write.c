/* The report for people: a table of the gradients, then a sentence for each cause. */
#include "check/run.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct write_to {
    wg_writer write;
    void *user;
} write_to;

static void write_text(const write_to *to, const char *format, ...) WG_PRINTF_LIKE(2, 3);
static void write_text(const write_to *to, const char *format, ...)
{
    char text[1400];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length > 0) to->write(to->user, text, strlen(text));
}

/* "(5,3)", "[0,2]", and "[0..4,2]" for a box */
static void write_list(char *text, size_t size, char open, char close, const size_t *from, const size_t *to, size_t n)
{
    size_t length = (size_t)snprintf(text, size, "%c", open);
    for (size_t k = 0; k < n && length < size; k++) {
        length += (size_t)snprintf(text + length, size - length, k ? ",%zu" : "%zu", from[k]);
        if (to && to[k] != from[k] && length < size)
            length += (size_t)snprintf(text + length, size - length, "..%zu", to[k]);
    }
    if (length < size) snprintf(text + length, size - length, "%c", close);
}

static void write_gradient(const write_to *to, const wg_check_gradient *g, int width)
{
    char shape[200], worst[200], box[400];
    size_t rank = g->shape_fits ? wg_shape_of(g->var).rank : 0;
    write_list(shape, sizeof shape, '(', ')', g->shape.dim, NULL, g->shape.rank);
    const char *verdict = g->right ? "right" : g->inherited ? "inherited" : "WRONG";
    write_text(to, "  %-*s  %-12s %-10s", width, g->name, shape, verdict);
    if (g->right) {
        write_text(to, " difference %.1e of its size\n", g->error);
    } else if (!g->shape_fits) {
        wg_shape wanted = wg_shape_of(g->var);
        write_list(worst, sizeof worst, '(', ')', wanted.dim, NULL, wanted.rank);
        write_text(to, " the shape should be %s\n", worst);
    } else {
        write_list(worst, sizeof worst, '[', ']', g->worst, NULL, rank);
        write_list(box, sizeof box, '[', ']', g->box[0], g->box[1], rank);
        write_text(to, " %zu of %zu entries, in %s; worst at %s: %.9g, right is %.9g\n", g->wrong, wg_size(g->var), box,
            worst, g->supplied, g->expected);
    }
}

/* Whether a mistake has more than one cause of rank 1. */
static size_t write_ties(const wg_check_report *report, unsigned mistake)
{
    size_t ties = 0;
    for (size_t k = 0; k < report->causes_count; k++)
        ties += report->causes[k].mistake == mistake && report->causes[k].rank == 1 &&
                report->causes[k].cause != WG_CAUSE_UNKNOWN;
    return ties;
}

static void write_causes(const write_to *to, const wg_check_report *report)
{
    unsigned mistake = 0;
    for (size_t k = 0; k < report->causes_count; k++) {
        const wg_check_cause *cause = &report->causes[k];
        if (cause->rank > 1 || cause->cause == WG_CAUSE_PRECISION) continue;
        size_t ties = write_ties(report, cause->mistake);
        if (cause->mistake != mistake && ties > 1)
            write_text(to, "\nOne of these %zu, which the numbers do not tell apart:\n", ties);
        else if (cause->mistake != mistake)
            write_text(to, "\n");
        mistake = cause->mistake;
        write_text(to, "  %s%s\n      %s", ties > 1 ? "- " : "", cause->sentence, wg_cause_name(cause->cause));
        if (!isnan(cause->factor)) write_text(to, ", factor %.10g", cause->factor);
        if (cause->cause != WG_CAUSE_UNKNOWN) write_text(to, "; what remains is %.1e of the gradient", cause->residual);
        write_text(to, "\n");
    }
}

/* All that is rounding, in one line: "  rounding: dW1 to 24 bits, db1 to 24 bits" */
static void write_rounding(const write_to *to, const wg_check_report *report)
{
    bool any = false;
    for (size_t k = 0; k < report->gradients_count; k++) {
        const wg_check_gradient *g = &report->gradients[k];
        bool rounded = false;
        for (size_t c = 0; c < report->causes_count; c++)
            rounded = rounded || (report->causes[c].cause == WG_CAUSE_PRECISION &&
                                     report->causes[c].gradient.index == g->var.index);
        if (!rounded) continue;
        write_text(
            to, "%s%s to %u bits", any ? ", " : "\n  What differs in the right ones is rounding: ", g->name, g->bits);
        any = true;
    }
    if (any) write_text(to, "\n");
}

void wg_check_write(const wg_check_report *report, wg_writer write, void *user)
{
    if (!report || !write) return;
    write_to to = {write, user};
    int width = 6;
    size_t wrong = 0;
    for (size_t k = 0; k < report->gradients_count; k++) {
        int length = (int)strlen(report->gradients[k].name);
        if (length > width && length <= 40) width = length;
        wrong += !report->gradients[k].right;
    }
    if (report->gradients_count == 1)
        write_text(&to, "The gradient is %s.\n\n", report->right ? "right" : "wrong");
    else if (report->right)
        write_text(&to, "All %zu gradients are right.\n\n", report->gradients_count);
    else
        write_text(
            &to, "%zu of %zu gradients %s wrong.\n\n", wrong, report->gradients_count, wrong == 1 ? "is" : "are");
    for (size_t k = 0; k < report->gradients_count; k++) write_gradient(&to, &report->gradients[k], width);
    write_causes(&to, report);
    write_rounding(&to, report);
    for (size_t k = 0; k < report->blind_spots_count; k++)
        write_text(&to, "%s  blind spot: %s\n", k ? "" : "\n", report->blind_spots[k]);
}
