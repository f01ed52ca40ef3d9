/* A .npy file is a magic word, a version, the length of a header, the header, and the elements. The header is a Python
 * dictionary in Python's own notation, {'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }, padded by spaces.
 * What is read here is that dictionary with any spacing and order of keys, and nothing more of Python. */
#include "npy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "element.h"

static const unsigned char npy_magic[6] = {0x93, 'N', 'U', 'M', 'P', 'Y'};

bool npy_begins(const unsigned char *bytes, size_t size)
{
    return size >= sizeof npy_magic && !memcmp(bytes, npy_magic, sizeof npy_magic);
}

/* ---- the header ---------------------------------------------------------------------------------------------------- */

typedef struct npy_parser {
    const char *at, *end;
    const offence *o;
    char descr[32]; /* as it stands in the header; "" when it is not a string: a structured dtype */
    bool fortran;
    wg_shape shape;
} npy_parser;

static char npy_peek(npy_parser *p)
{
    while (p->at < p->end && strchr(" \t\r\n\f\v", *p->at) && *p->at) p->at++;
    return p->at < p->end ? *p->at : '\0';
}

static bool npy_take(npy_parser *p, char c)
{
    if (npy_peek(p) != c || p->at == p->end) return false;
    p->at++;
    return true;
}

static bool npy_take_word(npy_parser *p, const char *word)
{
    size_t length = strlen(word);
    (void)npy_peek(p);
    if ((size_t)(p->end - p->at) < length || memcmp(p->at, word, length) != 0) return false;
    p->at += length;
    return true;
}

/* 'text' or "text", without escapes; cut off at size, which is more than any text that is known. */
static bool npy_string(npy_parser *p, char *text, size_t size)
{
    char quote = npy_peek(p);
    if (quote != '\'' && quote != '"') return false;
    size_t length = 0;
    for (p->at++; p->at < p->end && *p->at != quote; p->at++)
        if (length + 1 < size) text[length++] = *p->at;
    if (p->at == p->end) return false;
    p->at++;
    text[length] = '\0';
    return true;
}

/* Skips a list in brackets, the descr of a structured dtype, whatever is in it. */
static bool npy_skip_list(npy_parser *p)
{
    size_t depth = 0;
    for (; p->at < p->end; p->at++) {
        if (*p->at == '[') depth++;
        if (*p->at == ']' && --depth == 0) {
            p->at++;
            return true;
        }
    }
    return false;
}

/* (), (3,), (3, 4), with a comma at the end or without, and an L after each number as Python 2 wrote it. */
static bool npy_shape(npy_parser *p)
{
    if (!npy_take(p, '(')) return offence_say(p->o, "the header's shape is not a tuple");
    bool comma = true;
    while (!npy_take(p, ')')) {
        char c = npy_peek(p);
        if (c == '-') return offence_say(p->o, "the header's shape has a negative extent");
        if (!comma || c < '0' || c > '9') return offence_say(p->o, "the header's shape cannot be read");
        size_t extent = 0;
        for (; p->at < p->end && *p->at >= '0' && *p->at <= '9'; p->at++) {
            size_t digit = (size_t)(*p->at - '0');
            if (extent > (SIZE_MAX - digit) / 10)
                return offence_say(p->o, "an extent of the header's shape is too large");
            extent = extent * 10 + digit;
        }
        if (p->at < p->end && *p->at == 'L') p->at++;
        if (p->shape.rank == WG_MAX_RANK)
            return offence_say(p->o, "an array of more than %d axes, which is the most there can be", WG_MAX_RANK);
        p->shape.dim[p->shape.rank++] = extent;
        comma = npy_take(p, ',');
    }
    if (p->shape.rank == 1 && !comma) return offence_say(p->o, "the header's shape is not a tuple");
    return true;
}

static bool npy_bool(npy_parser *p, bool *value)
{
    *value = npy_take_word(p, "True");
    return *value || npy_take_word(p, "False");
}

static bool npy_dictionary(npy_parser *p)
{
    enum { DESCR = 1, ORDER = 2, SHAPE = 4, ALL = 7 };
    unsigned seen = 0, key;
    if (!npy_take(p, '{')) return offence_say(p->o, "the header is not a dictionary");
    while (!npy_take(p, '}')) {
        char name[16];
        if (!npy_string(p, name, sizeof name) || !npy_take(p, ':'))
            return offence_say(p->o, "the header cannot be read");
        if (!strcmp(name, "descr")) {
            key = DESCR;
            if (npy_peek(p) == '[' ? !npy_skip_list(p) : !npy_string(p, p->descr, sizeof p->descr))
                return offence_say(p->o, "the header's dtype cannot be read");
        } else if (!strcmp(name, "fortran_order")) {
            key = ORDER;
            if (!npy_bool(p, &p->fortran)) return offence_say(p->o, "the header's fortran_order is not True or False");
        } else if (!strcmp(name, "shape")) {
            key = SHAPE;
            if (!npy_shape(p)) return false;
        } else {
            return offence_say(p->o, "the header has the unknown key '%s'", name);
        }
        if (seen & key) return offence_say(p->o, "the header has the key '%s' twice", name);
        seen |= key;
        if (!npy_take(p, ',') && npy_peek(p) != '}') return offence_say(p->o, "the header cannot be read");
    }
    if (seen != ALL) return offence_say(p->o, "the header lacks descr, fortran_order or shape");
    if (npy_peek(p) || p->at != p->end) return offence_say(p->o, "the header goes on after its dictionary");
    return true;
}

/* ---- the dtype ------------------------------------------------------------------------------------------------------- */

/* What an array of a dtype that cannot be read is, for people. */
static npy_result npy_other_dtype(const char *descr, const offence *o)
{
    const char *letter = descr + (*descr && strchr("<>|=", *descr) ? 1 : 0);
    if (!*descr)
        (void)offence_say(o, "an array of a structured dtype; save its fields as arrays of their own");
    else if (*letter == 'c')
        (void)offence_say(o, "an array of complex numbers (%s), which cannot be used here", descr);
    else if (*letter == 'O')
        (void)offence_say(o, "an array of Python objects; save it as numbers: x.astype(np.float64)");
    else if (*letter == 'U' || *letter == 'S')
        (void)offence_say(o, "an array of text (%s), which cannot be used here", descr);
    else if (*letter == 'f')
        (void)offence_say(o, "floating-point numbers of dtype %s; save them as float64", descr);
    else if (!strcmp(letter, "V2"))
        (void)offence_say(o,
            "a dtype that NumPy itself does not know (%s), bfloat16 perhaps; save it as float32, or as bare "
            "numbers with NAME=FILE.bin:bf16:SHAPE",
            descr);
    else
        (void)offence_say(o, "the dtype %s, which cannot be used here; save it as float64", descr);
    return NPY_OF_NO_USE;
}

static npy_result npy_dtype(const char *descr, element *e, const offence *o)
{
    const char *rest = descr;
    bool one = true; /* this machine's order, which a file can say for single bytes alone */
    if (*rest && strchr("<>|=", *rest)) {
        e->big = *rest == '>';
        one = *rest == '|';
        if (*rest == '=') { /* "native": that of the machine that reads */
            uint16_t probe = 1;
            unsigned char first;
            memcpy(&first, &probe, 1);
            e->big = first == 0;
        }
        rest++;
    }
    e->type = *rest;
    e->width = rest[0] && rest[1] >= '1' && rest[1] <= '8' && !rest[2] ? (unsigned)(rest[1] - '0') : 0;
    bool power = e->width == 1 || e->width == 2 || e->width == 4 || e->width == 8, known = false;
    if (e->type == 'f') known = power && e->width > 1;
    if (e->type == 'i' || e->type == 'u') known = power;
    if (e->type == 'b') known = e->width == 1;
    if (!known) return npy_other_dtype(descr, o);
    if (one && e->width > 1) {
        (void)offence_say(o, "the dtype %s does not say the order of its bytes", descr);
        return NPY_BROKEN;
    }
    return NPY_READ;
}

/* ---- reading ------------------------------------------------------------------------------------------------------- */

/* Where the header is. */
static bool npy_find_header(const unsigned char *bytes, size_t size, size_t *begin, size_t *length, const offence *o)
{
    if (!npy_begins(bytes, size)) return offence_say(o, "not a .npy file");
    if (size < 10) return offence_say(o, "cut off in the header, after %zu bytes", size);
    unsigned major = bytes[6], minor = bytes[7];
    if (major < 1 || major > 3 || minor) return offence_say(o, "the .npy version %u.%u is not known", major, minor);
    *begin = major == 1 ? 10 : 12;
    *length = size < *begin ? SIZE_MAX : (size_t)element_get(bytes + 8, major == 1 ? 2 : 4);
    if (size < *begin || *length > size - *begin) return offence_say(o, "cut off in the header, after %zu bytes", size);
    return true;
}

npy_result npy_read(array *a, const unsigned char *bytes, size_t size, const offence *o)
{
    size_t begin = 0, length = 0, count = 0;
    if (!npy_find_header(bytes, size, &begin, &length, o)) return NPY_BROKEN;
    const char *header = (const char *)bytes + begin;
    npy_parser parser = {.at = header, .end = header + length, .o = o};
    if (!npy_dictionary(&parser)) return NPY_BROKEN;
    element e = {0};
    npy_result result = npy_dtype(parser.descr, &e, o);
    if (result != NPY_READ) return result;
    if (!element_count(&parser.shape, e.width, &count)) {
        (void)offence_say(o, "the shape in the header is too large");
        return NPY_BROKEN;
    }
    size_t have = size - begin - length;
    if (have != count * e.width) {
        if (have < count * e.width)
            (void)offence_say(o, "the data end after %zu of %zu bytes", have, count * e.width);
        else
            (void)offence_say(o, "%zu bytes follow the array's %zu", have - count * e.width, count * e.width);
        return NPY_BROKEN;
    }
    a->shape = parser.shape;
    a->size = count;
    if (element_read(a, e, parser.fortran, bytes + begin + length, o)) return NPY_READ;
    return e.type == 'u' && e.width == 8 ? NPY_OF_NO_USE : NPY_BROKEN; /* integers too large, such as a seed */
}

/* ---- writing ------------------------------------------------------------------------------------------------------- */

size_t npy_width(const array *a)
{
    switch (a->kind) {
    case ARRAY_F16:
        return 2;
    case ARRAY_BF16:
        return 4;
    case ARRAY_F32:
        return 4;
    case ARRAY_F64:
        return 8;
    case ARRAY_INTEGER:
        return 8;
    }
    return 8;
}

size_t npy_header(const array *a, unsigned char *bytes)
{
    char type = a->kind == ARRAY_INTEGER ? 'i' : 'f', text[NPY_HEADER_MOST];
    int length =
        snprintf(text, sizeof text, "{'descr': '<%c%zu', 'fortran_order': False, 'shape': (", type, npy_width(a));
    for (uint32_t axis = 0; axis < a->shape.rank; axis++)
        length += snprintf(text + length, sizeof text - (size_t)length, "%s%zu%s", axis ? " " : "", a->shape.dim[axis],
            axis + 1 < a->shape.rank || axis == 0 ? "," : "");
    length += snprintf(text + length, sizeof text - (size_t)length, "), }");
    size_t total = (10 + (size_t)length + 1 + 63) / 64 * 64; /* the elements begin at a multiple of 64 */
    memcpy(bytes, npy_magic, sizeof npy_magic);
    bytes[6] = 1;
    bytes[7] = 0;
    element_put(bytes + 8, 2, total - 10);
    memset(bytes + 10, ' ', total - 10);
    memcpy(bytes + 10, text, (size_t)length);
    bytes[total - 1] = '\n';
    return total;
}

/* The bits of a float or a double. */
static uint64_t npy_float_bits(float number)
{
    uint32_t bits;
    memcpy(&bits, &number, sizeof bits);
    return bits;
}

static uint64_t npy_double_bits(double number)
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    return bits;
}

void npy_elements(const array *a, size_t first, size_t n, unsigned char *bytes)
{
    unsigned width = (unsigned)npy_width(a);
    for (size_t i = first; i < first + n; i++, bytes += width) {
        uint64_t bits = 0;
        switch (a->kind) {
        case ARRAY_F16:
            bits = ((const uint16_t *)a->data)[i];
            break;
        case ARRAY_BF16:
            bits = (uint64_t)((const uint16_t *)a->data)[i] << 16;
            break;
        case ARRAY_F32:
            bits = npy_float_bits(((const float *)a->data)[i]);
            break;
        case ARRAY_F64:
            bits = npy_double_bits(((const double *)a->data)[i]);
            break;
        case ARRAY_INTEGER:
            bits = (uint64_t)((const int64_t *)a->data)[i];
            break;
        }
        element_put(bytes, width, bits);
    }
}
