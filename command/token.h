/* An expression's text cut into tokens. */
#ifndef WENGERT_COMMAND_TOKEN_H
#define WENGERT_COMMAND_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wengert/types.h"

typedef enum token_kind {
    TOKEN_END,
    TOKEN_NEXT, /* ; or the end of a line, outside of brackets */
    TOKEN_NUMBER,
    TOKEN_NAME, /* letters, digits and _, also with dots, as in fc1.weight */
    TOKEN_TEXT, /* in quotes */
    TOKEN_MARK  /* anything else: one of ( ) [ ] , : = + - * / @ % ** // .T ... */
} token_kind;

typedef struct token {
    token_kind kind;
    size_t at, length; /* in the text; of TOKEN_TEXT without the quotes */
    bool integer;      /* TOKEN_NUMBER: written without a point and an exponent, and no larger than an int64_t */
    int64_t whole;
    double number;
} token;

/* What is wrong with an expression, and where. */
typedef struct expression_error {
    size_t at; /* in bytes from the beginning */
    char text[512];
} expression_error;

/* Fills in an error. Returns false. */
bool expression_fail(expression_error *error, size_t at, const char *format, ...) WG_PRINTF_LIKE(3, 4);

/* The tokens of a text, the last of which is TOKEN_END; the caller frees them. NULL: error says why. */
token *token_list(const char *text, expression_error *error);

/* Whether the token is that mark, or that name. */
bool token_is(const char *text, const token *t, const char *mark);

#endif
