/* How readers add to a set of arrays. */
#ifndef WENGERT_COMMAND_SET_H
#define WENGERT_COMMAND_SET_H

#include "array.h"
#include "offence.h"

/* Reads the .npy file that is in memory and adds it to the set, under a name of the given length. With aside, an array
 * of a dtype that is of no use is put aside and is no error. False: o says what is wrong. */
bool set_add_npy(array_set *set, const char *name, size_t length, const unsigned char *bytes, size_t size, bool aside,
    const offence *o);

/* Adds an array, whose name is replaced by a copy of the given one, or says why not; then it is freed. */
bool set_add(array_set *set, array *a, const char *name, size_t length, const offence *o);

#endif
