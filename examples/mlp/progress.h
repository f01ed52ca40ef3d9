/* The progress of a training: one line that redraws itself on a terminal, about ten plain lines anywhere else. */
#ifndef MLP_PROGRESS_H
#define MLP_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

typedef struct progress {
    size_t epochs;
    bool terminal;
    double started; /* seconds */
} progress;

double progress_clock(void); /* seconds, from an arbitrary beginning */
void progress_start(progress *p, size_t epochs);
void progress_show(progress *p, size_t epoch, double loss, double accuracy); /* after each epoch, counted from 1 */
void progress_interrupt(const progress *p); /* ends a half-drawn line, before a message */

#endif
