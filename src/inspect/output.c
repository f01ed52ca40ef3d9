/* Writing pieces of text. UTF-8: RFC 3629; JSON: RFC 8259. */
#include "inspect/output.h"

#include "inspect/formula.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void wg_write_to_file(void *file, const char *text, size_t length)
{
    if (length) fwrite(text, 1, length, file);
}

void wg_inspect_put(const wg_inspect_output *out, const char *text) { out->write(out->user, text, strlen(text)); }

void wg_inspect_putf(const wg_inspect_output *out, const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    wg_inspect_put(out, text);
}

void wg_inspect_put_shape(const wg_inspect_output *out, const wg_shape *shape)
{
    wg_inspect_put(out, "(");
    for (uint32_t d = 0; d < shape->rank; d++) wg_inspect_putf(out, "%s%zu", d ? "," : "", shape->dim[d]);
    wg_inspect_put(out, ")");
}

/* ---- characters -------------------------------------------------------------------------------------------------------- */

/* The second byte of a character is between these where the first narrows it: no surrogates, nothing overlong, nothing
 * above U+10FFFF. */
static bool output_follows(unsigned char first, unsigned char second)
{
    unsigned char low = 0x80, high = 0xBF;
    if (first == 0xE0) low = 0xA0;
    if (first == 0xED) high = 0x9F;
    if (first == 0xF0) low = 0x90;
    if (first == 0xF4) high = 0x8F;
    return second >= low && second <= high;
}

size_t wg_inspect_character(const char *text, bool *valid)
{
    unsigned char first = (unsigned char)text[0];
    size_t length = first < 0x80 ? 1 : first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
    *valid = length > 0 && (length == 1 || output_follows(first, (unsigned char)text[1]));
    for (size_t k = 2; k < length && *valid; k++) *valid = ((unsigned char)text[k] & 0xC0) == 0x80;
    return *valid ? length : 1;
}

size_t wg_inspect_width(const char *text)
{
    size_t width = 0;
    bool valid;
    for (; *text; text += wg_inspect_character(text, &valid)) width++;
    return width;
}

/* ---- JSON -------------------------------------------------------------------------------------------------------------- */

static void output_quoted(const wg_inspect_output *out, const char *text, bool json)
{
    bool valid;
    wg_inspect_put(out, "\"");
    for (size_t n; *text; text += n) {
        n = wg_inspect_character(text, &valid);
        unsigned char c = (unsigned char)*text;
        if (!valid)
            wg_inspect_put(out, "\xEF\xBF\xBD");
        else if (c == '"' || c == '\\')
            wg_inspect_putf(out, "\\%c", c);
        else if (c == '\n')
            wg_inspect_put(out, "\\n");
        else if ((c < 0x20 || c == 0x7F) && json)
            wg_inspect_putf(out, "\\u%04x", c);
        else if (c < 0x20 || c == 0x7F)
            wg_inspect_put(out, " ");
        else
            out->write(out->user, text, n);
    }
    wg_inspect_put(out, "\"");
}

void wg_inspect_json_string(const wg_inspect_output *out, const char *text)
{
    if (text)
        output_quoted(out, text, true);
    else
        wg_inspect_put(out, "null");
}

void wg_inspect_dot_string(const wg_inspect_output *out, const char *text) { output_quoted(out, text, false); }

void wg_inspect_json_shape(const wg_inspect_output *out, const wg_shape *shape)
{
    wg_inspect_put(out, "[");
    for (uint32_t d = 0; d < shape->rank; d++) wg_inspect_putf(out, "%s%zu", d ? ", " : "", shape->dim[d]);
    wg_inspect_put(out, "]");
}

void wg_inspect_json_number(const wg_inspect_output *out, double value, wg_dtype dtype)
{
    char text[WG_FORMULA_NUMBER];
    wg_inspect_put(out, isfinite(value) ? wg_formula_number(text, value, dtype) : "null");
}
