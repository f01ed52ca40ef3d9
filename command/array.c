/* A set of named arrays, and the arguments that it is read from. A file is read into memory as a whole; what it is is
 * told by its first bytes. */
#include "array.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "element.h"
#include "npy.h"
#include "npz.h"
#include "set.h"
#include "zip.h"

/* ---- the set --------------------------------------------------------------------------------------------------------- */

static void array_free(array *a)
{
    free(a->name);
    if ((void *)a->numbers != a->data) free(a->numbers);
    free(a->data);
}

const array *array_set_find(const array_set *set, const char *name)
{
    for (size_t i = 0; i < set->count; i++)
        if (!strcmp(set->list[i].name, name)) return &set->list[i];
    return NULL;
}

const char *array_set_why_not(const array_set *set, const char *name)
{
    for (size_t i = 0; i < set->aside_count; i++)
        if (!strcmp(set->aside[i].name, name)) return set->aside[i].why;
    return NULL;
}

/* Back to the first so many of each. */
static void array_set_shrink(array_set *set, size_t count, size_t aside_count)
{
    while (set->count > count) array_free(&set->list[--set->count]);
    while (set->aside_count > aside_count) {
        set->aside_count--;
        free(set->aside[set->aside_count].name);
        free(set->aside[set->aside_count].why);
    }
}

void array_set_free(array_set *set)
{
    array_set_shrink(set, 0, 0);
    free(set->list);
    free(set->aside);
    *set = (array_set){0};
}

static char *array_text(const char *text, size_t length)
{
    char *copy = malloc(length + 1);
    if (!copy) return NULL;
    memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

bool set_add(array_set *set, array *a, const char *name, size_t length, const offence *o)
{
    a->name = array_text(name, length);
    array *list = a->name ? realloc(set->list, (set->count + 1) * sizeof *list) : NULL;
    if (list) set->list = list;
    bool twice = list && (array_set_find(set, a->name) || array_set_why_not(set, a->name));
    if (list && !twice) {
        set->list[set->count++] = *a;
        return true;
    }
    if (twice)
        (void)offence_say(o, "a second array of the name %s", a->name);
    else
        (void)offence_say(o, "out of memory");
    array_free(a);
    return false;
}

/* Notes that an array is of no use, and why. */
static bool set_put_aside(array_set *set, const char *name, size_t length, const char *why, const offence *o)
{
    array_aside entry = {array_text(name, length), array_text(why, strlen(why))}, *list = NULL;
    if (entry.name && entry.why) list = realloc(set->aside, (set->aside_count + 1) * sizeof *list);
    if (list) {
        set->aside = list;
        if (!array_set_find(set, entry.name) && !array_set_why_not(set, entry.name)) {
            set->aside[set->aside_count++] = entry;
            return true;
        }
        (void)offence_say(o, "a second array of the name %s", entry.name);
    } else {
        (void)offence_say(o, "out of memory");
    }
    free(entry.name);
    free(entry.why);
    return false;
}

bool set_add_npy(array_set *set, const char *name, size_t length, const unsigned char *bytes, size_t size, bool aside,
    const offence *o)
{
    array a = {0};
    npy_result result = npy_read(&a, bytes, size, o);
    if (result == NPY_READ) return set_add(set, &a, name, length, o);
    if (result == NPY_OF_NO_USE && aside) return set_put_aside(set, name, length, o->size ? o->text : "", o);
    return false;
}

/* ---- files ------------------------------------------------------------------------------------------------------------ */

/* A file's bytes, which are the caller's to free. NULL: o says what is wrong. */
static unsigned char *array_file(const char *path, size_t *size, const offence *o)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        (void)offence_say(o, "cannot be read: %s", strerror(errno));
        return NULL;
    }
    /* Its size, where it has one, saves growing; one byte more finds the end at the first try. */
    long end = fseek(file, 0, SEEK_END) ? -1 : ftell(file);
    if (end >= 0)
        rewind(file);
    else
        clearerr(file);
    size_t room = end > 0 && (unsigned long)end < SIZE_MAX / 2 ? (size_t)end + 1 : 1 << 16, length = 0;
    unsigned char *bytes = malloc(room);
    errno = 0;
    while (bytes) {
        length += fread(bytes + length, 1, room - length, file);
        if (length < room) break;
        unsigned char *more = room <= SIZE_MAX / 2 ? realloc(bytes, room *= 2) : NULL;
        if (!more) free(bytes);
        bytes = more;
    }
    if (!bytes) (void)offence_say(o, "out of memory");
    if (bytes && ferror(file)) {
        (void)offence_say(o, "cannot be read: %s", errno ? strerror(errno) : "an error of the device");
        free(bytes);
        bytes = NULL;
    }
    (void)fclose(file);
    *size = length;
    return bytes;
}

/* ---- bare numbers ----------------------------------------------------------------------------------------------------- */

/* f32, >f32, bf16, ...; false for another word. */
static bool array_dtype_word(const char *word, size_t length, element *e)
{
    static const struct {
        const char *word;
        element element;
    } known[] = {{"f16", {'f', 2, false}}, {"bf16", {'B', 2, false}}, {"f32", {'f', 4, false}},
        {"f64", {'f', 8, false}}, {"i8", {'i', 1, false}}, {"i16", {'i', 2, false}}, {"i32", {'i', 4, false}},
        {"i64", {'i', 8, false}}, {"u8", {'u', 1, false}}, {"u16", {'u', 2, false}}, {"u32", {'u', 4, false}},
        {"u64", {'u', 8, false}}};
    bool big = length && *word == '>';
    if (big || (length && *word == '<')) word++, length--;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strlen(known[i].word) == length && !memcmp(known[i].word, word, length)) {
            *e = known[i].element;
            e->big = big;
            return true;
        }
    return false;
}

/* 128,768 */
static bool array_shape_list(const char *text, wg_shape *shape, const offence *o)
{
    *shape = (wg_shape){0};
    while (*text) {
        size_t extent = 0;
        if (*text < '0' || *text > '9') return offence_say(o, "the shape must be like 128,768");
        for (; *text >= '0' && *text <= '9'; text++) {
            size_t digit = (size_t)(*text - '0');
            if (extent > (SIZE_MAX - digit) / 10) return offence_say(o, "the stated shape is too large");
            extent = extent * 10 + digit;
        }
        if (shape->rank == WG_MAX_RANK) return offence_say(o, "a shape has at most %d axes", WG_MAX_RANK);
        shape->dim[shape->rank++] = extent;
        if (*text == ',' && text[1])
            text++;
        else if (*text)
            return offence_say(o, "the shape must be like 128,768");
    }
    return true;
}

/* What stands after a file's name: :f32:128,768. */
typedef struct array_bare {
    size_t path; /* the length of the file's name */
    const char *dtype, *shape;
    size_t dtype_length;
} array_bare;

/* A name that ends like that is one of bare numbers, whatever the word for the dtype. */
static bool array_is_bare(const char *file, array_bare *bare)
{
    const char *shape = strrchr(file, ':');
    if (!shape || shape[1 + strspn(shape + 1, "0123456789,")]) return false;
    const char *dtype = shape;
    while (dtype > file && dtype[-1] != ':') dtype--;
    if (dtype == file) return false;
    *bare = (array_bare){(size_t)(dtype - 1 - file), dtype, shape + 1, (size_t)(shape - dtype)};
    return true;
}

static bool array_read_bare(
    array_set *set, const char *name, size_t length, const char *path, const array_bare *bare, const offence *o)
{
    array a = {0};
    element e;
    if (!array_dtype_word(bare->dtype, bare->dtype_length, &e))
        return offence_say(o, "the dtype must be one of f16 bf16 f32 f64 i8 i16 i32 i64 u8 u16 u32 u64, not %.*s",
            bare->dtype_length < 64 ? (int)bare->dtype_length : 64, bare->dtype);
    if (!array_shape_list(bare->shape, &a.shape, o)) return false;
    if (!element_count(&a.shape, e.width, &a.size)) return offence_say(o, "the stated shape is too large");
    size_t size, expected = a.size * e.width;
    unsigned char *bytes = array_file(path, &size, o);
    if (!bytes) return false;
    bool fine;
    if (size == expected)
        fine = element_read(&a, e, false, bytes, o);
    else
        fine = offence_say(o, "%zu bytes where %zu are expected: shape (%s) of %.*s", size, expected, bare->shape,
            (int)bare->dtype_length, bare->dtype);
    free(bytes);
    return fine && set_add(set, &a, name, length, o);
}

/* ---- arguments --------------------------------------------------------------------------------------------------------- */

static bool array_is_name_character(char c, bool first)
{
    unsigned char u = (unsigned char)c;
    return (u >= 'a' && u <= 'z') || (u >= 'A' && u <= 'Z') || u == '_' || u >= 0x80 ||
           (!first && u >= '0' && u <= '9');
}

/* The length of the name in NAME=..., which is one of expressions: words joined by dots. 0: there is none. */
static size_t array_name_length(const char *argument)
{
    size_t length = 0;
    while (array_is_name_character(argument[length], !length) ||
           (length && argument[length] == '.' && argument[length - 1] != '.'))
        length++;
    return length && argument[length] == '=' && argument[length - 1] != '.' ? length : 0;
}

/* Whether a name ends like that of bare numbers, but for a shape that cannot be read: x.bin:f32:(6,4). */
static bool array_is_nearly_bare(const char *path)
{
    const char *shape = strrchr(path, ':'), *dtype = shape;
    element e;
    if (!shape) return false;
    while (dtype > path && dtype[-1] != ':') dtype--;
    return dtype > path && array_dtype_word(dtype, (size_t)(shape - dtype), &e);
}

/* A file that says itself what it is. */
static bool array_read_file(array_set *set, const char *name, size_t length, const char *path, const offence *o)
{
    const char *colon = strrchr(path, ':');
    element e;
    if (colon && array_dtype_word(colon + 1, strlen(colon + 1), &e))
        return offence_say(o, "bare numbers take a dtype and a shape: NAME=FILE:f32:128,768");
    if (array_is_nearly_bare(path)) return offence_say(o, "the shape must be like 128,768");
    size_t size;
    unsigned char *bytes = array_file(path, &size, o);
    if (!bytes) return false;
    bool fine, npy = npy_begins(bytes, size), npz = zip_begins(bytes, size);
    if (npz && !length)
        fine = npz_read(set, bytes, size, o);
    else if (npy && length)
        fine = set_add_npy(set, name, length, bytes, size, false, o);
    else if (npz)
        fine = offence_say(o, "an .npz file, which names its arrays itself: give the file alone");
    else if (npy)
        fine = offence_say(o, "a single array, which needs a name: NAME=%s", path);
    else if (!size)
        fine = offence_say(o, "an empty file");
    else
        fine = offence_say(o, "neither an .npz nor an .npy file. Bare numbers are given as NAME=FILE:f32:128,768");
    free(bytes);
    return fine;
}

bool array_set_read(array_set *set, const char *argument, char *message, size_t size)
{
    size_t count = set->count, aside_count = set->aside_count, length = array_name_length(argument);
    const char *file = length ? argument + length + 1 : argument;
    offence o = {message, size, file, NULL};
    array_bare bare;
    bool fine;
    if (!*file) {
        o.file = argument;
        fine = offence_say(&o, "the name of a file is missing");
    } else if (array_is_bare(file, &bare)) {
        char *path = array_text(file, bare.path);
        if (path) o.file = path;
        if (!path)
            fine = offence_say(&o, "out of memory");
        else if (!length)
            fine = offence_say(&o, "bare numbers need a name: NAME=%s", file);
        else if (!*path)
            fine = offence_say(&o, "the name of a file is missing");
        else
            fine = array_read_bare(set, argument, length, path, &bare, &o);
        free(path);
    } else {
        fine = array_read_file(set, argument, length, file, &o);
    }
    if (!fine)
        array_set_shrink(set, count, aside_count);
    else if (size)
        message[0] = '\0'; /* what it says is why an array was put aside */
    return fine;
}
