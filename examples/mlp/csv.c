/* A strict reader: a file that is wrong anywhere is refused as a whole, with the number of the line, because a silently
 * mended row would show up much later as a net that learns badly. */
#include "csv.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIGIT_FEATURES = 64, DIGIT_GREATEST = 16 };

typedef struct reader {
    FILE *file;
    const char *path;
    size_t line, classes;
    double scale, greatest; /* the greatest value allowed, 0: any; the greatest value met */
    char *text;             /* the present line, without its end */
    size_t length, text_room, rows_room;
} reader;

#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
static bool
refuse(const reader *r, const char *format, ...)
{
    fprintf(stderr, "%s: line %zu: ", r->path, r->line);
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return false;
}

/* realloc for `count` elements; NULL, and the block as it was, when there is no such memory. */
static void *resize(void *block, size_t count, size_t element)
{
    return count > SIZE_MAX / element ? NULL : realloc(block, count * element);
}

/* Room for one more character and an end. Doubling keeps the copying in proportion to the line. */
static bool room_for_a_character(reader *r)
{
    if (r->length + 2 <= r->text_room) return true;
    size_t wanted = r->text_room == 0 ? 256 : 2 * r->text_room;
    char *text = resize(r->text, wanted, 1);
    if (text == NULL) return refuse(r, "out of memory");
    r->text = text;
    r->text_room = wanted;
    return true;
}

static bool room_for_a_row(reader *r, csv_data *data)
{
    if (data->rows < r->rows_room) return true;
    size_t wanted = r->rows_room == 0 ? 256 : 2 * r->rows_room;
    if (wanted > SIZE_MAX / data->features) return refuse(r, "out of memory");
    size_t *label = resize(data->label, wanted, sizeof *label);
    if (label != NULL) data->label = label;
    double *feature = resize(data->feature, wanted * data->features, sizeof *feature);
    if (feature != NULL) data->feature = feature;
    if (label == NULL || feature == NULL) return refuse(r, "out of memory");
    r->rows_room = wanted;
    return true;
}

/* The next line into r->text; *more says whether there was one. */
static bool next_line(reader *r, bool *more)
{
    int c = fgetc(r->file);
    *more = c != EOF;
    r->length = 0;
    r->line++;
    for (; c != EOF && c != '\n'; c = fgetc(r->file)) {
        if (c == '\0') return refuse(r, "a zero byte; this is not a text file");
        if (!room_for_a_character(r)) return false;
        r->text[r->length++] = (char)c;
    }
    if (ferror(r->file)) return refuse(r, "%s", strerror(errno));
    if (!*more) return true;
    if (r->length > 0 && r->text[r->length - 1] == '\r') r->length--;
    if (r->length == 0) return refuse(r, "an empty line");
    r->text[r->length] = '\0';
    return true;
}

/* A decimal number and nothing else: strtod alone would also take "nan", "infinity" and hexadecimal. */
static bool to_number(const char *cell, double *value)
{
    char *end;
    if (cell[strspn(cell, "0123456789+-.eE \t")] != '\0') return false;
    *value = strtod(cell, &end);
    if (end == cell) return false;
    while (isspace((unsigned char)*end)) end++;
    return *end == '\0' && isfinite(*value);
}

static bool read_feature(reader *r, size_t column, double value, double *result)
{
    if (value < 0 || (r->scale > 0 && value > r->scale)) {
        if (r->scale == 0) return refuse(r, "column %zu: %g is negative", column, value);
        return refuse(r, "column %zu: %g is not in 0..%g (see --scale)", column, value, r->scale);
    }
    if (value > r->greatest) r->greatest = value;
    *result = value;
    return true;
}

static bool read_class(reader *r, size_t column, double value, size_t *result)
{
    if (value != floor(value)) return refuse(r, "column %zu: the class %g is not a whole number", column, value);
    if (value < 0 || value >= (double)r->classes)
        return refuse(r, "column %zu: the class %g is not in 0..%zu (see --classes)", column, value, r->classes - 1);
    *result = (size_t)value;
    return true;
}

static bool read_row(reader *r, csv_data *data)
{
    size_t columns = 1;
    for (const char *c = r->text; *c != '\0'; c++)
        if (*c == ',') columns++;
    if (r->line == 1) {
        if (columns < 2) return refuse(r, "one column; a row is its features and then its class, separated by commas");
        data->features = columns - 1;
        if (r->scale == 0 && data->features == DIGIT_FEATURES) r->scale = DIGIT_GREATEST;
    }
    if (columns != data->features + 1) return refuse(r, "%zu columns instead of %zu", columns, data->features + 1);
    if (!room_for_a_row(r, data)) return false;

    char *cell = r->text;
    double *row = data->feature + data->rows * data->features;
    for (size_t column = 1; column <= columns; column++) {
        char *comma = strchr(cell, ',');
        if (comma != NULL) *comma = '\0';
        double value;
        if (!to_number(cell, &value)) return refuse(r, "column %zu: '%.40s' is not a number", column, cell);
        if (column < columns ? !read_feature(r, column, value, &row[column - 1])
                             : !read_class(r, column, value, &data->label[data->rows]))
            return false;
        if (comma != NULL) cell = comma + 1;
    }
    data->rows++;
    return true;
}

bool csv_read(csv_data *data, const char *path, size_t classes, double scale)
{
    reader r = {.path = path, .classes = classes, .scale = scale};
    *data = (csv_data){0};
    r.file = fopen(path, "rb");
    if (r.file == NULL) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return false;
    }
    bool more = true, good = true;
    while (good && more) {
        good = next_line(&r, &more);
        if (good && more) good = read_row(&r, data);
    }
    if (good && data->rows == 0) good = refuse(&r, "the file is empty");
    fclose(r.file);
    free(r.text);
    if (!good) {
        csv_free(data);
        return false;
    }
    double divisor = r.scale > 0 ? r.scale : r.greatest > 0 ? r.greatest : 1;
    for (size_t i = 0; i < data->rows * data->features; i++) data->feature[i] /= divisor;
    return true;
}

void csv_free(csv_data *data)
{
    free(data->feature);
    free(data->label);
    *data = (csv_data){0};
}
