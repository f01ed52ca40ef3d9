/* Reading labelled samples from a CSV file: a sample a line, its features and then its class, no header. */
#ifndef MLP_CSV_H
#define MLP_CSV_H

#include <stdbool.h>
#include <stddef.h>

typedef struct csv_data {
    size_t rows, features;
    double *feature; /* (rows, features), scaled to [0, 1] */
    size_t *label;   /* (rows), each below `classes` */
} csv_data;

/* Reads the file. The first line sets the number of columns. Features must be numbers from 0 to `scale`, by which they
 * are divided; scale 0 means 16, the digits' range, for a file of 64 features and the file's own greatest value for any
 * other. A class is an integer from 0 to classes - 1. The first fault is told on stderr with its line, and false is
 * returned with nothing to free. */
bool csv_read(csv_data *data, const char *path, size_t classes, double scale);
void csv_free(csv_data *data);

#endif
