/* Rows of a file become columns of a matrix, the class c a column with a 1 at c and 0 elsewhere. */
#include "digits.h"

#include <stdio.h>
#include <stdlib.h>

#ifndef WENGERT_DATA_DIR
#define WENGERT_DATA_DIR "data"
#endif

static bool exists(const char *path)
{
    FILE *f = fopen(path, "r");
    if (f != NULL) fclose(f);
    return f != NULL;
}

bool digits_read(digits *d, const char *path, size_t classes, double scale)
{
    const char *installed = WENGERT_DATA_DIR "/digits.csv";
    *d = (digits){.classes = classes};
    if (path == NULL) path = exists(installed) ? installed : "data/digits.csv";
    if (!csv_read(&d->data, path, classes, scale)) return false;
    size_t rows = d->data.rows;
    d->held_out = (rows * 297 + 898) / 1797;
    if (d->held_out == 0) d->held_out = 1;
    d->training = rows - d->held_out;
    if (d->training == 0)
        fprintf(stderr, "%s: one row; there is nothing left to hold out\n", path);
    else if ((d->order = calloc(rows, sizeof *d->order)) == NULL)
        fprintf(stderr, "wengert-mlp: out of memory\n");
    if (d->order == NULL)
        digits_free(d);
    else
        digits_hold_out_last(d);
    return d->order != NULL;
}

void digits_free(digits *d)
{
    free(d->order);
    d->order = NULL;
    csv_free(&d->data);
}

void digits_hold_out_last(digits *d)
{
    for (size_t i = 0; i < d->data.rows; i++) d->order[i] = i;
}

void digits_hold_out_random(digits *d, random_state *random)
{
    digits_hold_out_last(d);
    random_shuffle(random, d->order, d->data.rows);
}

bool block_new(block *b, const digits *d, size_t most)
{
    *b = (block){.X = calloc(d->data.features * most, sizeof *b->X), .Y = calloc(d->classes * most, sizeof *b->Y)};
    if (b->X != NULL && b->Y != NULL) return true;
    fprintf(stderr, "wengert-mlp: out of memory\n");
    block_free(b);
    return false;
}

void block_free(block *b)
{
    free(b->X);
    free(b->Y);
    *b = (block){0};
}

void block_fill(block *b, const digits *d, const size_t *rows, size_t count)
{
    b->count = count;
    for (size_t i = 0; i < d->data.features; i++)
        for (size_t j = 0; j < count; j++) b->X[i * count + j] = d->data.feature[rows[j] * d->data.features + i];
    for (size_t i = 0; i < d->classes; i++)
        for (size_t j = 0; j < count; j++) b->Y[i * count + j] = d->data.label[rows[j]] == i ? 1 : 0;
}
