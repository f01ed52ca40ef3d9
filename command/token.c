/* Cutting an expression into tokens, as Python would. Lines end steps, except inside of brackets; # begins a comment. A
 * name may have dots in it, as the keys of PyTorch's state dicts do, but x.T is x and the mark .T. */
#include "token.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool expression_fail(expression_error *error, size_t at, const char *format, ...)
{
    va_list arguments;
    error->at = at;
    va_start(arguments, format);
    (void)vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    return false;
}

bool token_is(const char *text, const token *t, const char *mark)
{
    return t->kind != TOKEN_TEXT && t->kind != TOKEN_END && strlen(mark) == t->length &&
           !memcmp(text + t->at, mark, t->length);
}

static bool token_digit(char c) { return c >= '0' && c <= '9'; }

/* Bytes of other alphabets in UTF-8 are letters. */
static bool token_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

/* Past the letters and digits of a word. */
static size_t token_word(const char *text, size_t at)
{
    while (token_letter(text[at]) || token_digit(text[at])) at++;
    return at;
}

static size_t token_name(const char *text, size_t at)
{
    size_t end = token_word(text, at);
    while (text[end] == '.' && (token_letter(text[end + 1]) || token_digit(text[end + 1]))) {
        size_t next = token_word(text, end + 1);
        if (next == end + 2 && text[end + 1] == 'T') break;
        end = next;
    }
    return end;
}

/* Past digits, which may be set apart by single underscores. */
static size_t token_digits(const char *text, size_t at)
{
    while (token_digit(text[at]) || (text[at] == '_' && token_digit(text[at + 1]))) at++;
    return at;
}

static bool token_number(const char *text, size_t at, token *t, expression_error *error)
{
    size_t end = token_digits(text, at), whole = end;
    if (text[end] == '.') end = token_digits(text, end + 1);
    if (text[end] == 'e' || text[end] == 'E') {
        size_t sign = text[end + 1] == '+' || text[end + 1] == '-';
        if (token_digit(text[end + 1 + sign])) end = token_digits(text, end + 1 + sign);
    }
    if (token_letter(text[end]) || text[end] == '.' || (text[whole] == '.' && text[whole + 1] == '_'))
        return expression_fail(error, at, "this is no number");
    if (end == whole && text[at] == '0' && end > at + 1)
        for (size_t i = at; i < end; i++)
            if (text[i] != '0' && text[i] != '_') return expression_fail(error, at, "an integer begins with a 0");
    char digits[400];
    size_t length = 0;
    for (size_t i = at; i < end; i++) {
        if (text[i] == '_') continue;
        if (length + 1 >= sizeof digits) return expression_fail(error, at, "a number of too many digits");
        digits[length++] = text[i];
    }
    digits[length] = '\0';
    *t = (token){.kind = TOKEN_NUMBER, .at = at, .length = end - at, .number = strtod(digits, NULL)};
    if (end == whole) {
        errno = 0;
        t->whole = (int64_t)strtoll(digits, NULL, 10);
        t->integer = errno == 0;
    }
    return true;
}

static bool token_text(const char *text, size_t at, token *t, expression_error *error)
{
    size_t end = at + 1;
    while (text[end] && text[end] != '\n' && text[end] != text[at]) end++;
    if (text[end] != text[at]) return expression_fail(error, at, "the quote does not end");
    *t = (token){.kind = TOKEN_TEXT, .at = at + 1, .length = end - at - 1};
    return true;
}

/* What is said of characters that mean something elsewhere. */
static bool token_refuse(const char *text, size_t at, expression_error *error)
{
    switch (text[at]) {
    case '^':
        return expression_fail(error, at, "a power is written **");
    case '<':
    case '>':
    case '!':
        return expression_fail(error, at, "comparisons are calls: less(a, b), greater_equal(a, b), equal(a, b) ...");
    case '&':
    case '|':
    case '~':
        return expression_fail(error, at, "logic is calls: logical_and(a, b), logical_or(a, b), logical_not(x)");
    case '{':
    case '}':
        return expression_fail(error, at, "lists are written [0, 1], and braces not used");
    default:
        break;
    }
    if ((unsigned char)text[at] < 0x20 || text[at] == 0x7f)
        return expression_fail(error, at, "a control character, %d", (unsigned char)text[at]);
    return expression_fail(error, at, "%c is not used here", text[at]);
}

static bool token_mark(const char *text, size_t at, token *t, expression_error *error)
{
    static const char *const marks[] = {
        "...", "**", "//", "+", "-", "*", "/", "@", "%", "(", ")", "[", "]", ",", ":", "="};
    if (!strncmp(text + at, "==", 2))
        return expression_fail(error, at, "comparisons are calls: less(a, b), greater_equal(a, b), equal(a, b) ...");
    *t = (token){.kind = TOKEN_MARK, .at = at};
    if (text[at] == '.' && text[at + 1] == 'T' && token_word(text, at + 1) == at + 2) {
        t->length = 2;
        return true;
    }
    if (text[at] == '.' && token_letter(text[at + 1]))
        return expression_fail(error, at, "of a value there is .T alone; ops are calls, sum(x)");
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (!strncmp(text + at, marks[i], strlen(marks[i]))) {
            t->length = strlen(marks[i]);
            return true;
        }
    return token_refuse(text, at, error);
}

/* The token at a place, and the place behind it. depth counts open brackets. */
static bool token_read(const char *text, size_t *at, size_t *depth, token *t, expression_error *error)
{
    for (;; (*at)++) {
        if (text[*at] == '#') *at += strcspn(text + *at, "\n");
        if (text[*at] != ' ' && text[*at] != '\t' && text[*at] != '\r' && (text[*at] != '\n' || !*depth)) break;
    }
    size_t from = *at;
    char c = text[from];
    if (!c) {
        *t = (token){.kind = TOKEN_END, .at = from};
        return true;
    }
    if (c == ';' || c == '\n') {
        *t = (token){.kind = TOKEN_NEXT, .at = from, .length = 1};
        *at = from + 1;
        return true;
    }
    if (token_digit(c) || (c == '.' && token_digit(text[from + 1]))) {
        if (!token_number(text, from, t, error)) return false;
    } else if (token_letter(c)) {
        *t = (token){.kind = TOKEN_NAME, .at = from, .length = token_name(text, from) - from};
    } else if (c == '"' || c == '\'') {
        if (!token_text(text, from, t, error)) return false;
    } else if (!token_mark(text, from, t, error)) {
        return false;
    }
    *at = t->at + t->length + (t->kind == TOKEN_TEXT);
    if (t->kind == TOKEN_MARK && (c == '(' || c == '[')) ++*depth;
    if (t->kind == TOKEN_MARK && (c == ')' || c == ']') && *depth) --*depth;
    return true;
}

token *token_list(const char *text, expression_error *error)
{
    size_t count = 0, room = 0, at = 0, depth = 0;
    token *list = NULL;
    do {
        if (count == room) {
            room = room ? 2 * room : 64;
            token *larger = realloc(list, room * sizeof *list);
            if (!larger) {
                free(list);
                (void)expression_fail(error, at, "out of memory");
                return NULL;
            }
            list = larger;
        }
        if (!token_read(text, &at, &depth, &list[count], error)) {
            free(list);
            return NULL;
        }
    } while (list[count++].kind != TOKEN_END);
    return list;
}
