/* The chapters of the demonstration, each a file of its own. A chapter prints its tables and counts its comparisons; it
 * returns the program's exit status: 0 to go on, 1 when something failed, 2 when what the user gave cannot be used. */
#ifndef MLP_CHAPTERS_H
#define MLP_CHAPTERS_H

#include "agree.h"
#include "options.h"

enum { CHAPTER_DONE, CHAPTER_FAILED, CHAPTER_BAD_INPUT };

int chapter_step(const options *o, tally *t);
int chapter_shapes(const options *o, tally *t);
int chapter_branches(const options *o, tally *t);
int chapter_xor(const options *o, tally *t);
int chapter_digits(const options *o, tally *t);

/* What each chapter draws its random numbers for; see random_start. */
enum { STREAM_SHAPES = 1, STREAM_XOR, STREAM_DIGITS_WEIGHTS, STREAM_DIGITS_SHUFFLE, STREAM_DIGITS_HELD_OUT };

#endif
