/* Pieces of JSON. */
#ifndef WENGERT_COMMAND_JSON_H
#define WENGERT_COMMAND_JSON_H

#include <stddef.h>
#include <stdio.h>

/* A text in quotes. What is no UTF-8 is written as U+FFFD. */
void json_text(FILE *out, const char *text);

/* A number to 17 digits; null when it is not finite. */
void json_number(FILE *out, double number);

/* A list of extents or indices. */
void json_list(FILE *out, const size_t *list, size_t count);

#endif
