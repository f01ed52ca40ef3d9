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

/* ---- by the piece: bits from bytes, numbers from bits ----------------------------------------------------------------- */

enum { ELEMENT_PIECE = 1024 };

/* The bits of n elements that stand step bytes apart. The widths are written out for speed. */
static void element_load(uint64_t *bits, size_t n, element e, const unsigned char *from, size_t step)
{
    if (e.big)
        for (size_t i = 0; i < n; i++, from += step) {
            bits[i] = 0;
            for (unsigned k = 0; k < e.width; k++) bits[i] = bits[i] << 8 | from[k];
        }
    else if (e.width == 1)
        for (size_t i = 0; i < n; i++, from += step) bits[i] = *from;
    else if (e.width == 2)
        for (size_t i = 0; i < n; i++, from += step) bits[i] = element_get(from, 2);
    else if (e.width == 4)
        for (size_t i = 0; i < n; i++, from += step) bits[i] = element_get(from, 4);
    else
        for (size_t i = 0; i < n; i++, from += step) bits[i] = element_get(from, 8);
}

/* Integers, extended to 64 bits. Returns how many of the n there are before one beyond int64_t. */
static size_t element_integers(int64_t *to, double *numbers, const uint64_t *bits, size_t n, element e)
{
    uint64_t sign = (uint64_t)1 << (8 * e.width - 1);
    for (size_t i = 0; i < n; i++) {
        if (e.type == 'b')
            to[i] = bits[i] != 0;
        else if (e.type == 'i' && bits[i] & sign)
            to[i] = -(int64_t)((sign - 1) - (bits[i] & (sign - 1))) - 1;
        else if (bits[i] > INT64_MAX)
            return i;
        else
            to[i] = (int64_t)bits[i];
        numbers[i] = (double)to[i];
    }
    return n;
}

/* Elements first to first + n of a, from their bits. Returns how many of them could be stored. */
static size_t element_store(array *a, size_t first, size_t n, const uint64_t *bits, element e)
{
    double *numbers = a->numbers + first;
    switch (a->kind) {
    case ARRAY_F16:
    case ARRAY_BF16: {
        uint16_t *to = (uint16_t *)a->data + first;
        bool half = a->kind == ARRAY_F16;
        for (size_t i = 0; i < n; i++) {
            to[i] = (uint16_t)bits[i];
            numbers[i] = half ? element_half(to[i]) : (double)element_bfloat(to[i]);
        }
        return n;
    }
    case ARRAY_F32: {
        float *to = (float *)a->data + first;
        for (size_t i = 0; i < n; i++) {
            uint32_t narrow = (uint32_t)bits[i];
            memcpy(&to[i], &narrow, sizeof narrow);
            numbers[i] = (double)to[i];
        }
        return n;
    }
    case ARRAY_F64:
        memcpy(numbers, bits, n * sizeof *bits);
        return n;
    case ARRAY_INTEGER:
        break;
    }
    return element_integers((int64_t *)a->data + first, numbers, bits, n, e);
}

/* n elements from element first on, which stand step bytes apart. */
static bool element_run(
    array *a, size_t first, size_t n, element e, const unsigned char *from, size_t step, const offence *o)
{
    uint64_t bits[ELEMENT_PIECE];
    for (size_t done = 0; done < n;) {
        size_t piece = n - done < ELEMENT_PIECE ? n - done : ELEMENT_PIECE;
        element_load(bits, piece, e, from + done * step, step);
        size_t stored = element_store(a, first + done, piece, bits, e);
        if (stored < piece)
            return offence_say(o, "element %zu is an unsigned integer above 2^63 - 1, the largest that can be used",
                first + done + stored);
        done += piece;
    }
    return true;
}

/* Column-major elements are read row by row; the others are one run. */
static bool element_fill(array *a, element e, bool fortran, const unsigned char *bytes, const offence *o)
{
    uint32_t rank = a->shape.rank;
    if (!fortran || rank < 2) return element_run(a, 0, a->size, e, bytes, e.width, o);
    size_t tuple[WG_MAX_RANK] = {0}, stride[WG_MAX_RANK] = {0}, columns = a->shape.dim[rank - 1];
    size_t product = e.width, at = 0;
    for (uint32_t axis = 0; axis < rank; axis++) {
        stride[axis] = product;
        product *= a->shape.dim[axis];
    }
    for (size_t i = 0; i < a->size; i += columns) {
        if (!element_run(a, i, columns, e, bytes + at, stride[rank - 1], o)) return false;
        for (uint32_t axis = rank - 1; axis-- > 0;) {
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
    a->truths = e.type == 'b';
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
