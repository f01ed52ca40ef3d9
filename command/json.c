/* Pieces of JSON, as RFC 8259 has it. */
#include "json.h"

#include <math.h>
#include <stdbool.h>

/* The bytes of the UTF-8 sequence that begins here; 0: it is none. */
static size_t json_sequence(const unsigned char *text)
{
    unsigned char c = text[0];
    if (c < 0x80) return 1;
    size_t length = c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;
    for (size_t i = 1; i < length; i++)
        if ((text[i] & 0xc0) != 0x80) return 0;
    if (c == 0xe0 && text[1] < 0xa0) return 0;  /* longer than needed */
    if (c == 0xed && text[1] >= 0xa0) return 0; /* half of a pair */
    if (c == 0xf0 && text[1] < 0x90) return 0;
    return c == 0xf4 && text[1] >= 0x90 ? 0 : length;
}

void json_text(FILE *out, const char *text)
{
    (void)fputc('"', out);
    for (const unsigned char *c = (const unsigned char *)text; *c;) {
        size_t length = json_sequence(c);
        if (*c == '"' || *c == '\\')
            (void)fprintf(out, "\\%c", *c);
        else if (*c < 0x20)
            (void)fprintf(out, "\\u%04x", *c);
        else if (!length)
            (void)fputs("\\ufffd", out);
        else
            (void)fwrite(c, 1, length, out);
        c += length ? length : 1;
    }
    (void)fputc('"', out);
}

void json_number(FILE *out, double number)
{
    if (isfinite(number))
        (void)fprintf(out, "%.17g", number);
    else
        (void)fputs("null", out);
}

void json_list(FILE *out, const size_t *list, size_t count)
{
    (void)fputc('[', out);
    for (size_t i = 0; i < count; i++) (void)fprintf(out, i ? ", %zu" : "%zu", list[i]);
    (void)fputc(']', out);
}
