/* A table keeps its cells until it is printed, for only then are the widths of its columns known. Numbers stand to the
 * right of their column, everything else to the left. */
#include "table.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void split_into_cells(char cell[TABLE_COLUMNS][TABLE_CELL], const char *text)
{
    for (size_t column = 0; column < TABLE_COLUMNS; column++) {
        size_t length = strcspn(text, "|");
        size_t kept = length < TABLE_CELL - 1 ? length : TABLE_CELL - 1;
        memcpy(cell[column], text, kept);
        cell[column][kept] = '\0';
        text += length;
        if (*text == '|') text++;
    }
}

void table_start(table *t, const char *heads)
{
    t->columns = 1;
    t->rows = 0;
    for (const char *c = heads; *c != '\0'; c++)
        if (*c == '|') t->columns++;
    if (t->columns > TABLE_COLUMNS) t->columns = TABLE_COLUMNS;
    split_into_cells(t->cell[0], heads);
}

void table_row(table *t, const char *format, ...)
{
    char text[TABLE_COLUMNS * TABLE_CELL];
    if (t->rows == TABLE_ROWS) return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    split_into_cells(t->cell[++t->rows], text);
}

static bool is_number(const char *cell)
{
    return *cell != '\0' && (cell[strspn(cell, "0123456789+-.e %")] == '\0' || strcmp(cell, "nan") == 0 ||
                                strcmp(cell, "-nan") == 0 || strcmp(cell, "inf") == 0 || strcmp(cell, "-inf") == 0);
}

/* No blanks at the end of a line: the cells after the last one with text are left out, and that one isn't padded. */
static void print_row(const table *t, size_t row, const int *width, const bool *numeric)
{
    size_t used = t->columns;
    while (used > 0 && t->cell[row][used - 1][0] == '\0') used--;
    for (size_t column = 0; column < used; column++) {
        const char *cell = t->cell[row][column];
        if (numeric[column])
            printf("  %*s", width[column], cell);
        else
            printf("  %-*s", column + 1 == used ? 0 : width[column], cell);
    }
    putchar('\n');
}

static void print_rule(const table *t, const int *width)
{
    for (size_t column = 0; column < t->columns; column++) {
        printf("  ");
        for (int i = 0; i < width[column]; i++) putchar('-');
    }
    putchar('\n');
}

void table_print(const table *t)
{
    int width[TABLE_COLUMNS] = {0};
    bool numeric[TABLE_COLUMNS] = {false};
    for (size_t row = 0; row <= t->rows; row++)
        for (size_t column = 0; column < t->columns; column++) {
            int length = (int)strlen(t->cell[row][column]);
            if (length > width[column]) width[column] = length;
            if (row > 0 && is_number(t->cell[row][column])) numeric[column] = true;
        }
    for (size_t row = 0; row <= t->rows; row++) {
        print_row(t, row, width, numeric);
        if (row == 0) print_rule(t, width);
    }
}
