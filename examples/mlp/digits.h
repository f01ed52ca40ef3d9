/* The samples of the digits chapter: which rows are trained on and which are held out, and rows as columns of X and Y. */
#ifndef MLP_DIGITS_H
#define MLP_DIGITS_H

#include "csv.h"
#include "random.h"

typedef struct digits {
    csv_data data;
    size_t classes;
    size_t training, held_out; /* how many rows of each */
    size_t *order;             /* the rows: first those for training, then those held out */
} digits;

/* A block of samples as the net takes them, a sample a column. */
typedef struct block {
    double *X, *Y; /* (features, count), (classes, count); Y is one-hot */
    size_t count;
} block;

/* Reads the file (NULL: the digits that come with the library); false after telling stderr. */
bool digits_read(digits *d, const char *path, size_t classes, double scale);
void digits_free(digits *d);
void digits_hold_out_random(digits *d, random_state *random); /* 297 of 1797 rows, or as large a part */
void digits_hold_out_last(digits *d);                         /* as many, at the end of the file */

bool block_new(block *b, const digits *d, size_t most);
void block_free(block *b);
void block_fill(block *b, const digits *d, const size_t *rows, size_t count);

#endif
