/* See report.h. A table has a row for each case; a group, and each other set of contenders within it, begins a new one.
 *
 * A line of JSON is one contender of one case:
 *
 *     {"program": "gemm", "group": "product, float", "case": "64 x 64 x 64", "unit": "GFLOPS", "contender": "wengert",
 *      "kind": "ours", "value": 190.2, "best": 197, "rounds": 25} */
#include "support/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_WIDTH = 40 };

static struct {
    const char *program;
    FILE *json;
    char heading[512]; /* of the table that is open */
} report;

static const char *const report_kinds[] = {"ours", "peer", "plain", "limit"};

void report_open(const char *program, const char *json)
{
    report.program = program;
    if (!json) return;
    report.json = fopen(json, "a");
    if (report.json) return;
    perror(json);
    exit(2);
}

void report_close(void)
{
    if (report.json && fclose(report.json)) {
        perror("the file of results");
        exit(2);
    }
}

/* Names hold no control characters. */
static void report_string(FILE *to, const char *key, const char *text)
{
    fprintf(to, "\"%s\": \"", key);
    for (; *text; text++) fprintf(to, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
    fprintf(to, "\", ");
}

static void report_json(
    const char *group, const char *name, const char *unit, const report_entry *entries, size_t count)
{
    for (size_t k = 0; k < count; k++) {
        fprintf(report.json, "{");
        report_string(report.json, "program", report.program);
        report_string(report.json, "group", group);
        report_string(report.json, "case", name);
        report_string(report.json, "unit", unit);
        report_string(report.json, "contender", entries[k].name);
        report_string(report.json, "kind", report_kinds[entries[k].kind]);
        fprintf(report.json, "\"value\": %.6g, \"best\": %.6g, \"rounds\": %zu}\n", entries[k].value, entries[k].best,
            entries[k].rounds);
    }
    fflush(report.json);
}

/* Group, unit and contenders, if they are others than those of the row before. */
static void report_heading(const char *group, const char *unit, const report_entry *entries, size_t count)
{
    char title[128], heading[sizeof report.heading];
    int width = snprintf(title, sizeof title, "%s, %s", group, unit);
    const char *end = width < NAME_WIDTH ? "" : "\n";
    int indent = width < NAME_WIDTH ? NAME_WIDTH - width : NAME_WIDTH;
    size_t length = (size_t)snprintf(heading, sizeof heading, "%s%s%*s", title, end, indent, "");
    for (size_t k = 0; k < count && length < sizeof heading; k++)
        length += (size_t)snprintf(heading + length, sizeof heading - length, k ? " %18s" : " %11s", entries[k].name);
    if (strcmp(heading, report.heading) != 0) printf("\n%s\n", heading);
    memcpy(report.heading, heading, sizeof heading);
}

/* Three digits or more, and no exponent. */
static void report_number(double value)
{
    printf(" %11.*f", value >= 1000 ? 0 : value >= 100 ? 1 : value >= 10 ? 2 : value >= 1 ? 3 : 4, value);
}

void report_row(const char *group, const char *name, const char *unit, const report_entry *entries, size_t count)
{
    report_heading(group, unit, entries, count);
    printf("  %-*s", NAME_WIDTH - 2, name);
    for (size_t k = 0; k < count; k++) {
        double ratio = *unit == 'G' ? entries[0].value / entries[k].value : entries[k].value / entries[0].value;
        report_number(entries[k].value);
        if (k) printf(" (%4.2f)", ratio);
    }
    printf("\n");
    fflush(stdout);
    if (report.json) report_json(group, name, unit, entries, count);
}
