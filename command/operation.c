/* Finding ops in the table. */
#include "operation.h"

#include <stdio.h>
#include <string.h>

const operation *operation_find(const char *name, size_t length)
{
    for (size_t i = 0; i < operation_count; i++)
        if (!strncmp(operation_table[i].name, name, length) && !operation_table[i].name[length])
            return &operation_table[i];
    return NULL;
}

enum { OPERATION_NAME = 64 }; /* longer names are like nothing */

/* The edits, letters put in, left out, changed or swapped, from one name to another (the distance of V. Levenshtein,
 * 1966, with the swaps of F. Damerau, 1964). */
static size_t operation_distance(const char *a, size_t n, const char *b, size_t m)
{
    size_t rows[3][OPERATION_NAME + 1];
    for (size_t i = 0; i <= n; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *twice = rows[(i + 1) % 3];
        for (size_t j = 0; j <= m; j++) {
            if (i == 0 || j == 0) {
                row[j] = i + j;
                continue;
            }
            size_t least = above[j - 1] + (a[i - 1] != b[j - 1]);
            if (above[j] + 1 < least) least = above[j] + 1;
            if (row[j - 1] + 1 < least) least = row[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && twice[j - 2] + 1 < least)
                least = twice[j - 2] + 1;
            row[j] = least;
        }
    }
    return rows[n % 3][m];
}

const operation *operation_like(const char *name, size_t length)
{
    const operation *best = NULL;
    size_t least = length < 6 ? 2 : 3; /* what is as far is not alike */
    if (length > OPERATION_NAME) return NULL;
    for (size_t i = 0; i < operation_count; i++) {
        size_t other = strlen(operation_table[i].name);
        if (other > OPERATION_NAME) continue;
        size_t distance = operation_distance(name, length, operation_table[i].name, other);
        if (distance < least) {
            least = distance;
            best = &operation_table[i];
        }
    }
    return best;
}

void operation_signature(const operation *op, char *text, size_t size)
{
    int length = snprintf(text, size, "%s(", op->name);
    for (size_t k = 0; k < op->count; k++) {
        const operation_parameter *p = &op->parameters[k];
        size_t used = length < 0 ? size : (size_t)length;
        if (used >= size) return;
        const char *comma = k ? ", " : "";
        if (p->kind != OPERATION_OPTIONS) {
            length += snprintf(text + used, size - used, "%s%s", comma, p->name);
            continue;
        }
        for (size_t i = 0; i < p->options->count; i++) {
            used = (size_t)length;
            if (used >= size) return;
            length += snprintf(text + used, size - used, "%s%s=", i || k ? ", " : "", p->options->fields[i].name);
        }
    }
    if (length > 0 && (size_t)length < size) (void)snprintf(text + length, size - (size_t)length, ")");
}
