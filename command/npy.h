/* NumPy's .npy format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html, versions 1.0 to 3.0. */
#ifndef WENGERT_COMMAND_NPY_H
#define WENGERT_COMMAND_NPY_H

#include "array.h"
#include "offence.h"

typedef enum npy_result {
    NPY_READ,
    NPY_OF_NO_USE, /* a sound file of another kind of array, such as text; o says of which */
    NPY_BROKEN     /* o says how */
} npy_result;

/* Whether bytes begin as a .npy file does. */
bool npy_begins(const unsigned char *bytes, size_t size);

/* Reads the array of a .npy file that is in memory, all but its name. */
npy_result npy_read(array *a, const unsigned char *bytes, size_t size, const offence *o);

/* What stands before the elements of an array in a .npy file. Returns its size, a multiple of 64, at most
 * NPY_HEADER_MOST. */
enum { NPY_HEADER_MOST = 512 };
size_t npy_header(const array *a, unsigned char *bytes);

/* The bytes of one element in a .npy file; and those of n elements of an array from element first on, written. */
size_t npy_width(const array *a);
void npy_elements(const array *a, size_t first, size_t n, unsigned char *bytes);

#endif
