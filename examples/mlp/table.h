/* Aligned tables on the terminal: give the heads, add rows of text, print. */
#ifndef MLP_TABLE_H
#define MLP_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#define TABLE_COLUMNS 6
#define TABLE_ROWS    40
#define TABLE_CELL    40

typedef struct table {
    size_t columns, rows;
    char cell[TABLE_ROWS + 1][TABLE_COLUMNS][TABLE_CELL]; /* row 0: the heads */
} table;

/* The heads and each row are one text, its cells separated by '|'. A longer cell or a further row than fits is cut. */
void table_start(table *t, const char *heads);
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void table_row(table *t, const char *format, ...);
void table_print(const table *t);

#endif
