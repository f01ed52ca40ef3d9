/* Showing where in an expression something is wrong. */
#include "expression.h"

#include <stdio.h>
#include <string.h>

enum {
    SHOW_WIDTH = 100,
    SHOW_BEFORE = 60
}; /* characters of a long line that are shown, and of them before the caret */

/* Whether a character begins here, in UTF-8. */
static bool show_begins(char c) { return ((unsigned char)c & 0xc0) != 0x80; }

static size_t show_characters(const char *text, size_t from, size_t to)
{
    size_t count = 0;
    for (size_t i = from; i < to; i++) count += show_begins(text[i]);
    return count;
}

void expression_show_error(const char *text, const expression_error *error, char *shown, size_t size)
{
    size_t line = 1, begin = 0, end = 0;
    for (size_t i = 0; i < error->at && text[i]; i++)
        if (text[i] == '\n') {
            line++;
            begin = i + 1;
        }
    end = begin + strcspn(text + begin, "\n");
    size_t column = show_characters(text, begin, error->at);

    /* The part of the line that is shown. */
    size_t from = begin, to = end, first = column > SHOW_BEFORE ? column - SHOW_BEFORE : 0;
    if (show_characters(text, begin, end) <= SHOW_WIDTH) first = 0;
    for (size_t skipped = 0; from < end && skipped < first; skipped++) do
            from++;
        while (from < end && !show_begins(text[from]));
    if (show_characters(text, from, end) > SHOW_WIDTH) {
        to = from;
        for (size_t kept = 0; to < end && kept < SHOW_WIDTH; kept++) do
                to++;
            while (to < end && !show_begins(text[to]));
    }

    char place[64] = "";
    if (strchr(text, '\n')) (void)snprintf(place, sizeof place, "line %zu, ", line);
    const char *left = from > begin ? "..." : "", *right = to < end ? "..." : "";
    int caret = (int)(4 + strlen(left) + show_characters(text, from, error->at));
    int length = snprintf(shown, size, "expression: %scolumn %zu: %s\n    %s%.*s%s\n%*s^\n", place, column + 1,
        error->text, left, (int)(to - from), text + from, right, caret, "");
    (void)length;
    for (size_t i = 0; i < size && shown[i]; i++)
        if (shown[i] == '\t' || shown[i] == '\r') shown[i] = ' ';
}
