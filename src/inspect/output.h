/* Writing pieces of text, plain and as JSON. */
#ifndef WG_INSPECT_OUTPUT_H
#define WG_INSPECT_OUTPUT_H

#include "wengert/inspect.h"

typedef struct wg_inspect_output {
    wg_writer write;
    void *user;
} wg_inspect_output;

void wg_inspect_put(const wg_inspect_output *out, const char *text);
/* Short pieces: what is longer than 255 bytes is cut off. */
void wg_inspect_putf(const wg_inspect_output *out, const char *format, ...) WG_PRINTF_LIKE(2, 3);
/* "(2,3)" */
void wg_inspect_put_shape(const wg_inspect_output *out, const wg_shape *shape);

/* How many bytes of text, at least 1, are its first character in UTF-8; *valid: whether they are one. */
size_t wg_inspect_character(const char *text, bool *valid);
/* How many characters. */
size_t wg_inspect_width(const char *text);

/* "text" or null, with what JSON wants escaped, and U+FFFD in the place of what is not UTF-8; [2,3]; a number, or null for one
 * that is not finite. */
void wg_inspect_json_string(const wg_inspect_output *out, const char *text);
void wg_inspect_json_shape(const wg_inspect_output *out, const wg_shape *shape);
void wg_inspect_json_number(const wg_inspect_output *out, double value, wg_dtype dtype);
/* The same in quotes for Graphviz, where a backslash and an n break the line. */
void wg_inspect_dot_string(const wg_inspect_output *out, const char *text);

#endif
