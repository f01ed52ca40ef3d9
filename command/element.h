/* Elements as files hold them: a type, a width and an order of bytes. Everything is put together from single bytes, so
 * this machine's own order does not matter. */
#ifndef WENGERT_COMMAND_ELEMENT_H
#define WENGERT_COMMAND_ELEMENT_H

#include <stdint.h>

#include "array.h"
#include "offence.h"

typedef struct element {
    char type;      /* 'f' float, 'B' bfloat16, 'i' signed, 'u' unsigned, 'b' bool */
    unsigned width; /* in bytes */
    bool big;       /* the highest byte first */
} element;

/* The number of elements of a shape whose elements take width bytes each. False when the bytes, or those of as many
 * doubles, overflow; extents of 0 don't hide an overflow of the others. */
bool element_count(const wg_shape *shape, unsigned width, size_t *count);

/* Allocates a's data and numbers and fills them from the bytes of its elements, in row-major or, for fortran, in
 * column-major order. a's shape and size are set; kind is set here. False: o is told, and nothing is allocated. */
bool element_read(array *a, element e, bool fortran, const unsigned char *bytes, const offence *o);

/* A number of 2, 4 or 8 bytes, lowest first, from and to bytes. */
uint64_t element_get(const unsigned char *bytes, unsigned width);
void element_put(unsigned char *bytes, unsigned width, uint64_t number);

/* The number that 16 bits stand for: IEEE 754's binary16, and the upper half of a float (bfloat16). */
double element_half(uint16_t bits);
float element_bfloat(uint16_t bits);

#endif
