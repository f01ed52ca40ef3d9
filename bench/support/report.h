/* Results as they come: rows of tables on stdout, and lines of JSON in a file. */
#ifndef WG_BENCH_REPORT_H
#define WG_BENCH_REPORT_H

#include "support/bench.h"

typedef struct report_entry {
    const char *name;
    bench_kind kind;
    double value, best; /* in the unit: the median's, the best round's */
    size_t rounds;
} report_entry;

/* json: a file to append to, or NULL. */
void report_open(const char *program, const char *json);
void report_row(const char *group, const char *name, const char *unit, const report_entry *entries, size_t count);
void report_close(void);

#endif
