/* What the tests of written text share: a writer into memory, and a reader of JSON that accepts what RFC 8259 does. */
#ifndef WG_TESTS_INSPECT_TEXT_H
#define WG_TESTS_INSPECT_TEXT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tape/expect.h"
#include "wengert.h"

typedef struct text {
    char *at;
    size_t length;
} text;

/* A wg_writer; user is a text, {0} at first. */
static inline void text_write(void *user, const char *piece, size_t length)
{
    text *t = user;
    char *at = realloc(t->at, t->length + length + 1);
    assert_non_null(at);
    memcpy(at + t->length, piece, length);
    t->at = at;
    t->length += length;
    at[t->length] = '\0';
}

static inline void text_free(text *t)
{
    free(t->at);
    *t = (text){0};
}

static inline void text_is(const text *t, const char *expected, const char *file, int line)
{
    if (t->at && !strcmp(t->at, expected)) return;
    print_error("got:\n%s\nexpected:\n%s\n", t->at ? t->at : "nothing", expected);
    _fail(file, line);
}
#define TEXT_IS(t, expected) text_is(t, expected, __FILE__, __LINE__)

#define TEXT_HAS(t, expected) text_has(t, expected, __FILE__, __LINE__)
static inline void text_has(const text *t, const char *expected, const char *file, int line)
{
    if (t->at && strstr(t->at, expected)) return;
    print_error("no \"%s\" in:\n%s\n", expected, t->at ? t->at : "nothing");
    _fail(file, line);
}

/* ---- JSON ---------------------------------------------------------------------------------------------------------------- */

/* Each returns what follows the value, or NULL when there is none. No nesting deeper than the tests'. */
static inline const char *json_space(const char *s) { return s + strspn(s, " \t\r\n"); }

static inline const char *json_string(const char *s)
{
    if (*s++ != '"') return NULL;
    for (; *s != '"'; s++) {
        if ((unsigned char)*s < 0x20) return NULL;
        if (*s != '\\') continue;
        s++;
        if (*s == 'u' && strspn(s + 1, "0123456789abcdefABCDEF") >= 4)
            s += 4;
        else if (!*s || !strchr("\"\\/bfnrt", *s))
            return NULL;
    }
    return s + 1;
}

static inline const char *json_digits(const char *s)
{
    size_t n = strspn(s, "0123456789");
    return n ? s + n : NULL;
}

static inline const char *json_number(const char *s)
{
    if (*s == '-') s++;
    s = *s == '0' ? s + 1 : json_digits(s);
    if (s && *s == '.') s = json_digits(s + 1);
    if (s && (*s == 'e' || *s == 'E')) s = json_digits(s + 1 + (s[1] == '+' || s[1] == '-'));
    return s;
}

static inline const char *json_value(const char *s)
{
    char open = *s;
    if (open == '"') return json_string(s);
    if (!strncmp(s, "null", 4) || !strncmp(s, "true", 4)) return s + 4;
    if (!strncmp(s, "false", 5)) return s + 5;
    if (open != '[' && open != '{') return json_number(s);
    char close = open == '[' ? ']' : '}';
    s = json_space(s + 1);
    if (*s == close) return s + 1;
    for (;;) {
        if (open == '{') {
            s = json_string(s);
            if (!s || *(s = json_space(s)) != ':') return NULL;
            s = json_space(s + 1);
        }
        s = json_value(s);
        if (!s) return NULL;
        s = json_space(s);
        if (*s == close) return s + 1;
        if (*s != ',') return NULL;
        s = json_space(s + 1);
    }
}

static inline void json_is_valid(const text *t, const char *file, int line)
{
    const char *end = t->at ? json_value(json_space(t->at)) : NULL;
    if (end && *json_space(end) == '\0' && strlen(t->at) == t->length) return;
    print_error("not JSON:\n%s\n", t->at ? t->at : "nothing");
    _fail(file, line);
}
#define JSON_IS_VALID(t) json_is_valid(t, __FILE__, __LINE__)

#endif
