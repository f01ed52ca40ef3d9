/* What is wrong with a file, said in one line that names it: "weights.npz: W1: the data end after 12 of 24 bytes". */
#ifndef WENGERT_COMMAND_OFFENCE_H
#define WENGERT_COMMAND_OFFENCE_H

#include <stdbool.h>
#include <stddef.h>

#include "wengert/types.h"

typedef struct offence {
    char *text; /* where the line is written: size bytes, its end included */
    size_t size;
    const char *file;
    const char *member; /* of an archive; NULL: the file as a whole */
} offence;

/* Writes the line, cut off where it does not fit, with '?' for control characters, which a file's names may hold.
 * Returns false, so that a reader can end with `return offence_say(...)`. */
bool offence_say(const offence *o, const char *format, ...) WG_PRINTF_LIKE(2, 3);

#endif
