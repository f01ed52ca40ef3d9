/* The curves of a training as an SVG picture: the loss above, the accuracy below, over the same epochs. */
#ifndef MLP_SVG_H
#define MLP_SVG_H

#include <stdbool.h>
#include <stddef.h>

typedef struct svg_run {
    const char *label; /* "297 rows drawn at random" */
    size_t epochs;
    const double *training_loss; /* one value per epoch, and so below */
    const double *held_out_loss;
    const double *accuracy; /* on the held-out rows, 0..1 */
} svg_run;

enum { SVG_RUNS = 2 }; /* at most so many */

/* Writes the file; false after telling stderr why not. */
bool svg_write(const char *path, const char *title, const char *subtitle, const svg_run *runs, size_t count);

#endif
