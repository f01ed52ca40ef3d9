/* .npz files. Read: the members that are .npy files, by name or by their first bytes; others, which archive programs
 * may add, are passed over. Written: stored members with the date of 1980-01-01, where zip's calendar begins, and zip64
 * records where a number needs them. */
#include "npz.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "element.h"
#include "npy.h"
#include "set.h"
#include "zip.h"

/* ---- reading ------------------------------------------------------------------------------------------------------- */

bool npz_read(array_set *set, const unsigned char *bytes, size_t size, const offence *o)
{
    zip_archive zip;
    if (!zip_open(&zip, bytes, size, o)) return false;
    bool fine = true;
    for (size_t i = 0; i < zip.count && fine; i++) {
        const zip_member *m = &zip.list[i];
        offence of_member = *o;
        of_member.member = m->name;
        size_t length = strlen(m->name);
        bool ends = length > 4 && !strcmp(m->name + length - 4, ".npy");
        unsigned char *owned;
        const unsigned char *content = zip_read(m, &owned, &of_member);
        if (!content)
            fine = false;
        else if (ends || npy_begins(content, m->size))
            fine = set_add_npy(set, m->name, ends ? length - 4 : length, content, m->size, true, &of_member);
        free(owned);
    }
    zip_close(&zip);
    return fine;
}

/* ---- writing ------------------------------------------------------------------------------------------------------- */

enum { NPZ_DATE = 1 << 5 | 1, NPZ_PIECE = 1 << 14, NPZ_NAME_MOST = 0xffff - 4 };

/* What the directory says of a member. */
typedef struct npz_place {
    uint64_t at, size;
    uint32_t checksum;
} npz_place;

typedef struct npz_writer {
    FILE *file;
    uint64_t at; /* bytes written */
    bool failed;
    unsigned char piece[NPZ_PIECE];
} npz_writer;

static void npz_put(npz_writer *w, const void *bytes, size_t size)
{
    if (!w->failed && fwrite(bytes, 1, size, w->file) != size) w->failed = true;
    w->at += size;
}

static void npz_number(npz_writer *w, unsigned width, uint64_t number)
{
    unsigned char bytes[8];
    element_put(bytes, width, number);
    npz_put(w, bytes, width);
}

/* A number in 4 bytes, or ones to say that it stands in a zip64 field. */
static void npz_narrow(npz_writer *w, uint64_t number) { npz_number(w, 4, number < UINT32_MAX ? number : UINT32_MAX); }

/* The array as a .npy file: to the archive, or with w->file NULL only into the checksum. */
static uint32_t npz_content(npz_writer *w, const array *a)
{
    size_t header = npy_header(a, w->piece), width = npy_width(a);
    uint32_t checksum = zip_checksum(0, w->piece, header);
    if (w->file) npz_put(w, w->piece, header);
    for (size_t first = 0; first < a->size;) {
        size_t n = a->size - first < NPZ_PIECE / width ? a->size - first : NPZ_PIECE / width;
        npy_elements(a, first, n, w->piece);
        checksum = zip_checksum(checksum, w->piece, n * width);
        if (w->file) npz_put(w, w->piece, n * width);
        first += n;
    }
    return checksum;
}

/* What local headers and entries of the directory share: from the version needed to the lengths of name and extra. */
static void npz_common(npz_writer *w, const npz_place *p, size_t name, unsigned extra)
{
    npz_number(w, 2, extra ? 45 : 20); /* the version of the format that a reader must know */
    npz_number(w, 2, 1 << 11);         /* names are UTF-8 */
    npz_number(w, 2, 0);               /* stored */
    npz_number(w, 2, 0);
    npz_number(w, 2, NPZ_DATE);
    npz_number(w, 4, p->checksum);
    npz_narrow(w, p->size);
    npz_narrow(w, p->size);
    npz_number(w, 2, name + 4);
    npz_number(w, 2, extra);
}

static void npz_name(npz_writer *w, const char *name)
{
    npz_put(w, name, strlen(name));
    npz_put(w, ".npy", 4);
}

static void npz_member(npz_writer *w, const array *a, npz_place *p)
{
    *p = (npz_place){.at = w->at, .size = npy_header(a, w->piece) + (uint64_t)a->size * npy_width(a)};
    FILE *file = w->file;
    w->file = NULL;
    p->checksum = npz_content(w, a);
    w->file = file;
    unsigned extra = p->size < UINT32_MAX ? 0 : 20;
    npz_number(w, 4, 0x04034b50);
    npz_common(w, p, strlen(a->name), extra);
    npz_name(w, a->name);
    if (extra) {
        npz_number(w, 2, 1);
        npz_number(w, 2, 16);
        npz_number(w, 8, p->size);
        npz_number(w, 8, p->size);
    }
    (void)npz_content(w, a);
}

static void npz_entry(npz_writer *w, const array *a, const npz_place *p)
{
    unsigned wide = (p->size < UINT32_MAX ? 0U : 16U) + (p->at < UINT32_MAX ? 0U : 8U), extra = wide ? wide + 4 : 0;
    npz_number(w, 4, 0x02014b50);
    npz_number(w, 2, 45);
    npz_common(w, p, strlen(a->name), extra);
    npz_number(w, 2, 0); /* comment */
    npz_number(w, 2, 0); /* disk */
    npz_number(w, 2, 0); /* internal and external attributes */
    npz_number(w, 4, 0);
    npz_narrow(w, p->at);
    npz_name(w, a->name);
    if (!extra) return;
    npz_number(w, 2, 1);
    npz_number(w, 2, wide);
    if (p->size >= UINT32_MAX) {
        npz_number(w, 8, p->size);
        npz_number(w, 8, p->size);
    }
    if (p->at >= UINT32_MAX) npz_number(w, 8, p->at);
}

/* The end records of a directory that began at a place and ends here. */
static void npz_end(npz_writer *w, uint64_t begin, size_t count)
{
    uint64_t size = w->at - begin, end = w->at;
    if (count >= 0xffff || size >= UINT32_MAX || begin >= UINT32_MAX) {
        npz_number(w, 4, 0x06064b50);
        npz_number(w, 8, 44); /* the size of the rest of the record */
        npz_number(w, 2, 45);
        npz_number(w, 2, 45);
        npz_number(w, 8, 0); /* disks */
        npz_number(w, 8, count);
        npz_number(w, 8, count);
        npz_number(w, 8, size);
        npz_number(w, 8, begin);
        npz_number(w, 4, 0x07064b50);
        npz_number(w, 4, 0);
        npz_number(w, 8, end);
        npz_number(w, 4, 1);
    }
    npz_number(w, 4, 0x06054b50);
    npz_number(w, 4, 0);
    npz_number(w, 2, count < 0xffff ? count : 0xffff);
    npz_number(w, 2, count < 0xffff ? count : 0xffff);
    npz_narrow(w, size);
    npz_narrow(w, begin);
    npz_number(w, 2, 0);
}

bool array_set_write_npz(const char *path, const array *list, size_t count, char *message, size_t size)
{
    offence o = {message, size, path, NULL};
    for (size_t i = 0; i < count; i++)
        if (!*list[i].name || strlen(list[i].name) > NPZ_NAME_MOST)
            return offence_say(&o, "array %zu cannot be written: its name is empty or too long", i);
    npz_writer *w = malloc(sizeof *w);
    npz_place *places = malloc((count ? count : 1) * sizeof *places);
    FILE *file = w && places ? fopen(path, "wb") : NULL;
    if (!file) {
        bool memory = !w || !places;
        free(w);
        free(places);
        return memory ? offence_say(&o, "out of memory") : offence_say(&o, "cannot be written: %s", strerror(errno));
    }
    errno = 0;
    w->file = file;
    w->at = 0;
    w->failed = false;
    for (size_t i = 0; i < count; i++) npz_member(w, &list[i], &places[i]);
    uint64_t begin = w->at;
    for (size_t i = 0; i < count; i++) npz_entry(w, &list[i], &places[i]);
    npz_end(w, begin, count);
    bool failed = w->failed;
    if (fclose(file)) failed = true;
    free(w);
    free(places);
    if (failed) return offence_say(&o, "cannot be written: %s", errno ? strerror(errno) : "the device takes no more");
    return true;
}
