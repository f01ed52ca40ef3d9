/* What the user may choose on the command line. */
#ifndef MLP_OPTIONS_H
#define MLP_OPTIONS_H

#include <wengert.h>

typedef struct options {
    wg_dtype dtype;
    size_t hidden, epochs, batch, classes;
    double rate, scale; /* scale 0: see csv.h */
    uint64_t seed;
    const char *csv; /* NULL: the digits that come with the library */
    const char *svg;
    const char *only; /* the name of the one chapter to run; NULL: all */
    bool own_digits;  /* hidden, epochs, batch, rate, csv and the like are as they come: the promised accuracy holds */
} options;

typedef enum options_result { OPTIONS_RUN, OPTIONS_HELP, OPTIONS_BAD } options_result;

/* Reads the flags; help goes to stdout, the first fault to stderr. `chapters` ends with NULL. */
options_result options_read(options *chosen, int count, char **words, const char *const *chapters);

#endif
