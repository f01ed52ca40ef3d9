/* NumPy's .npz format: a zip archive of .npy files. array_set_write_npz, declared in array.h, writes it. */
#ifndef WENGERT_COMMAND_NPZ_H
#define WENGERT_COMMAND_NPZ_H

#include "array.h"
#include "offence.h"

/* Adds the arrays of an archive that is in memory to a set, each under its member's name without ".npy"; those of no use
 * are put aside. False: o says what is wrong, and the set may have some of them. */
bool npz_read(array_set *set, const unsigned char *bytes, size_t size, const offence *o);

#endif
