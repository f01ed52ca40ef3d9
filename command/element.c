/* Elements from bytes. binary16: IEEE 754-2019, 3.4: a sign, 5 bits of exponent biased by 15, 10 bits of fraction. */
#include "element.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool element_count(const wg_shape *shape, unsigned width, size_t *count)
{
    size_t most = SIZE_MAX / (width > sizeof(double) ? width : sizeof(double)), product = 1;
    bool empty = false;
    for (uint32_t axis = 0; axis < shape->rank; axis++) {
        size_t extent = shape->dim[axis];
        if (!extent) {
            empty = true;
            continue;
        }
        if (product > most / extent) return false;
        product *= extent;
    }
    *count = empty ? 0 : product;
    return true;
}

uint64_t element_get(const unsigned char *bytes, unsigned width)
{
    uint64_t number = 0;
    for (unsigned i = width; i-- > 0;) number = number << 8 | bytes[i];
    return number;
}

void element_put(unsigned char *bytes, unsigned width, uint64_t number)
{
    for (unsigned i = 0; i < width; i++) {
        bytes[i] = (unsigned char)(number & 0xff);
        number >>= 8;
    }
}

double element_half(uint16_t bits)
{
    int exponent = bits >> 10 & 0x1f, fraction = bits & 0x3ff;
    double magnitude;
    if (exponent == 0x1f)
        magnitude = fraction ? (double)NAN : (double)INFINITY;
    else if (exponent == 0)
        magnitude = ldexp(fraction, -24);
    else
        magnitude = ldexp(fraction + 0x400, exponent - 25);
    return bits & 0x8000 ? -magnitude : magnitude;
}

float element_bfloat(uint16_t bits)
{
    uint32_t wide = (uint32_t)bits << 16;
    float number;
    memcpy(&number, &wide, sizeof number);
    return number;
}

static array_kind element_kind(element e)
{
    if (e.type == 'B') return ARRAY_BF16;
    if (e.type != 'f') return ARRAY_INTEGER;
    return e.width == 2 ? ARRAY_F16 : e.width == 4 ? ARRAY_F32 : ARRAY_F64;
}

/* The bits of one element as a number, stored as element i of a. False: an integer beyond int64_t. */
static bool element_store(array *a, size_t i, element e, uint64_t bits)
{
    switch (a->kind) {
    case ARRAY_F16:
        ((uint16_t *)a->data)[i] = (uint16_t)bits;
        a->numbers[i] = element_half((uint16_t)bits);
        return true;
    case ARRAY_BF16:
        ((uint16_t *)a->data)[i] = (uint16_t)bits;
        a->numbers[i] = (double)element_bfloat((uint16_t)bits);
        return true;
    case ARRAY_F32: {
        uint32_t narrow = (uint32_t)bits;
        float number;
        memcpy(&number, &narrow, sizeof number);
        ((float *)a->data)[i] = number;
        a->numbers[i] = (double)number;
        return true;
    }
    case ARRAY_F64:
        memcpy(&a->numbers[i], &bits, sizeof bits);
        return true;
    case ARRAY_INTEGER:
        break;
    }
    int64_t number;
    if (e.type == 'i') {
        uint64_t sign = (uint64_t)1 << (8 * e.width - 1);
        if (!(bits & sign))
            number = (int64_t)bits;
        else
            number = -(int64_t)((sign - 1) - (bits & (sign - 1))) - 1; /* two's complement, without overflowing */
    } else {
        if (bits > INT64_MAX) return false;
        number = e.type == 'b' ? bits != 0 : (int64_t)bits;
    }
    ((int64_t *)a->data)[i] = number;
    a->numbers[i] = (double)number;
    return true;
}

/* Walks the elements in row-major order and reads each where the file has it. */
static bool element_fill(array *a, element e, bool fortran, const unsigned char *bytes, const offence *o)
{
    size_t tuple[WG_MAX_RANK] = {0}, stride[WG_MAX_RANK] = {0}, at = 0;
    uint32_t rank = a->shape.rank;
    size_t product = 1;
    for (uint32_t k = 0; k < rank; k++) {
        uint32_t axis = fortran ? k : rank - 1 - k;
        stride[axis] = product;
        product *= a->shape.dim[axis];
    }
    for (size_t i = 0; i < a->size; i++) {
        const unsigned char *from = bytes + at * e.width;
        unsigned char turned[8];
        if (e.big) {
            for (unsigned k = 0; k < e.width; k++) turned[k] = from[e.width - 1 - k];
            from = turned;
        }
        if (!element_store(a, i, e, element_get(from, e.width)))
            return offence_say(o, "element %zu is an unsigned integer above 2^63 - 1, the largest that can be used", i);
        for (uint32_t axis = rank; axis-- > 0;) {
            at += stride[axis];
            if (++tuple[axis] < a->shape.dim[axis]) break;
            at -= stride[axis] * tuple[axis];
            tuple[axis] = 0;
        }
    }
    return true;
}

bool element_read(array *a, element e, bool fortran, const unsigned char *bytes, const offence *o)
{
    static const size_t widths[] = {[ARRAY_F16] = sizeof(uint16_t),
        [ARRAY_BF16] = sizeof(uint16_t),
        [ARRAY_F32] = sizeof(float),
        [ARRAY_F64] = sizeof(double),
        [ARRAY_INTEGER] = sizeof(int64_t)};
    a->kind = element_kind(e);
    size_t count = a->size ? a->size : 1; /* malloc(0) may be NULL */
    a->data = malloc(count * widths[a->kind]);
    a->numbers = a->kind == ARRAY_F64 ? a->data : malloc(count * sizeof(double));
    bool fine = a->data && a->numbers;
    if (!fine)
        (void)offence_say(o, "out of memory for %zu elements", a->size);
    else
        fine = element_fill(a, e, fortran, bytes, o);
    if (fine) return true;
    if (a->numbers != a->data) free(a->numbers);
    free(a->data);
    a->data = a->numbers = NULL;
    return false;
}
