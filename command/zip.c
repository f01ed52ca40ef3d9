/* An archive is read from its end: the end record says where the central directory is, an entry of it per member says
 * where the member is, and there a local header, which is skipped, stands before the bytes. Sizes and places of 2^32
 * and more are in the "zip64" records instead. Nothing that a file says is used before it is compared with the size of
 * the file, and members may not overlap: so no small file can claim much. */
#include "zip.h"

#include <stdlib.h>
#include <string.h>

#include "element.h"
#include "inflate.h"

enum {
    ZIP_LOCAL = 0x04034b50,
    ZIP_ENTRY = 0x02014b50,
    ZIP_END = 0x06054b50,
    ZIP_END64 = 0x06064b50,
    ZIP_AT64 = 0x07064b50
};
enum { ZIP_LOCAL_SIZE = 30, ZIP_ENTRY_SIZE = 46, ZIP_END_SIZE = 22, ZIP_END64_SIZE = 56, ZIP_AT64_SIZE = 20 };

/* What is read, and what is wrong with it. */
typedef struct zip_reader {
    const unsigned char *bytes;
    size_t size;
    const offence *o;
} zip_reader;

static unsigned zip_get2(const unsigned char *at) { return (unsigned)element_get(at, 2); }
static uint32_t zip_get4(const unsigned char *at) { return (uint32_t)element_get(at, 4); }
static uint64_t zip_get8(const unsigned char *at) { return element_get(at, 8); }

/* Whether size bytes stand at a place, the first four of which are the signature. */
static bool zip_has(const zip_reader *r, uint64_t at, size_t size, uint32_t signature)
{
    return at <= r->size && size <= r->size - at && zip_get4(r->bytes + at) == signature;
}

bool zip_begins(const unsigned char *bytes, size_t size)
{
    /* an archive without members is an end record alone */
    return size >= 4 && (zip_get4(bytes) == ZIP_LOCAL || zip_get4(bytes) == ZIP_END);
}

/* ---- the directory ------------------------------------------------------------------------------------------------- */

typedef struct zip_directory {
    uint64_t entries, size, at;
} zip_directory;

/* The end record is the last thing in the file, but for a comment of up to 65535 bytes, whose length it has. */
static bool zip_find_end(const zip_reader *r, size_t *at)
{
    for (size_t comment = 0; comment <= 0xffff && comment + ZIP_END_SIZE <= r->size; comment++) {
        *at = r->size - ZIP_END_SIZE - comment;
        if (zip_get4(r->bytes + *at) == ZIP_END && zip_get2(r->bytes + *at + 20) == comment) return true;
    }
    return offence_say(r->o, "an archive without an end: is the file cut off?");
}

static bool zip_find_directory(const zip_reader *r, zip_directory *d)
{
    size_t end = 0, limit;
    if (!zip_find_end(r, &end)) return false;
    const unsigned char *record = r->bytes + end;
    unsigned disk = zip_get2(record + 4) | zip_get2(record + 6);
    *d = (zip_directory){.entries = zip_get2(record + 10), .size = zip_get4(record + 12), .at = zip_get4(record + 16)};
    limit = end;
    if (end >= ZIP_AT64_SIZE && zip_has(r, end - ZIP_AT64_SIZE, ZIP_AT64_SIZE, ZIP_AT64)) {
        uint64_t at = zip_get8(record - ZIP_AT64_SIZE + 8);
        if (!zip_has(r, at, ZIP_END64_SIZE, ZIP_END64))
            return offence_say(r->o, "the archive's zip64 end record is not found");
        record = r->bytes + at;
        disk = zip_get4(record + 16) | zip_get4(record + 20);
        *d = (zip_directory){
            .entries = zip_get8(record + 32), .size = zip_get8(record + 40), .at = zip_get8(record + 48)};
        limit = (size_t)at;
    }
    if (disk && disk != 0xffff) return offence_say(r->o, "one of several parts of an archive");
    if (d->at > limit || d->size > limit - d->at)
        return offence_say(r->o, "the archive's directory is outside of the file");
    if (d->entries > d->size / ZIP_ENTRY_SIZE)
        return offence_say(r->o, "the archive's directory is too short for its number of members");
    return true;
}

/* ---- members ------------------------------------------------------------------------------------------------------- */

/* Of an entry of the directory; the three numbers may be those of its zip64 field. */
typedef struct zip_entry {
    const unsigned char *bytes;
    unsigned name, extra, comment;
    uint64_t size, packed, local;
} zip_entry;

/* Field 1 among the extra fields has, in this order, those of the three whose place in the entry is filled with ones. */
static bool zip_widen(zip_entry *e)
{
    uint64_t *wanted[3];
    unsigned count = 0;
    if (e->size == UINT32_MAX) wanted[count++] = &e->size;
    if (e->packed == UINT32_MAX) wanted[count++] = &e->packed;
    if (e->local == UINT32_MAX) wanted[count++] = &e->local;
    if (!count) return true;
    const unsigned char *at = e->bytes + ZIP_ENTRY_SIZE + e->name, *end = at + e->extra;
    while (end - at >= 4) {
        unsigned id = zip_get2(at), length = zip_get2(at + 2);
        at += 4;
        if (length > (size_t)(end - at)) return false;
        if (id == 1) {
            if (length < 8 * count) return false;
            for (unsigned i = 0; i < count; i++) *wanted[i] = zip_get8(at + (size_t)8 * i);
            return true;
        }
        at += length;
    }
    return false;
}

/* Finds a member's bytes by its local header. *begin and *end enclose both. */
static bool zip_locate(const zip_reader *r, const zip_entry *e, zip_member *m)
{
    if (!zip_has(r, e->local, ZIP_LOCAL_SIZE, ZIP_LOCAL))
        return offence_say(r->o, "the member is not where it should be");
    const unsigned char *local = r->bytes + e->local;
    size_t skip = ZIP_LOCAL_SIZE + (size_t)zip_get2(local + 26) + zip_get2(local + 28);
    size_t left = r->size - (size_t)e->local;
    if (skip > left || e->packed > left - skip)
        return offence_say(r->o, "the member reaches beyond the end of the file");
    m->bytes = local + skip;
    m->packed = (size_t)e->packed;
    return true;
}

/* One entry, and past it. A directory, whose name ends with a slash, is no member. */
static bool zip_entry_read(zip_reader *r, zip_archive *zip, const unsigned char **at, const unsigned char *end)
{
    zip_entry e = {.bytes = *at};
    if (end - *at < ZIP_ENTRY_SIZE || zip_get4(*at) != ZIP_ENTRY)
        return offence_say(r->o, "the archive's directory cannot be read");
    e.name = zip_get2(*at + 28);
    e.extra = zip_get2(*at + 30);
    e.comment = zip_get2(*at + 32);
    e.packed = zip_get4(*at + 20);
    e.size = zip_get4(*at + 24);
    e.local = zip_get4(*at + 42);
    size_t length = ZIP_ENTRY_SIZE + (size_t)e.name + e.extra + e.comment;
    if (length > (size_t)(end - *at)) return offence_say(r->o, "the archive's directory cannot be read");
    const char *name = (const char *)*at + ZIP_ENTRY_SIZE;
    *at += length;
    if (e.name && name[e.name - 1] == '/') return true;
    if (!e.name || memchr(name, 0, e.name)) return offence_say(r->o, "a member of the archive has no name");

    zip_member *m = &zip->list[zip->count];
    *m = (zip_member){
        .name = malloc((size_t)e.name + 1), .method = zip_get2(e.bytes + 10), .checksum = zip_get4(e.bytes + 16)};
    if (!m->name) return offence_say(r->o, "out of memory");
    zip->count++;
    memcpy(m->name, name, e.name);
    m->name[e.name] = '\0';
    offence of_member = *r->o;
    of_member.member = m->name;
    zip_reader inner = {r->bytes, r->size, &of_member};
    if (zip_get2(e.bytes + 8) & 1) return offence_say(&of_member, "the member is encrypted");
    if (!zip_widen(&e)) return offence_say(&of_member, "the member's zip64 field cannot be read");
    if (e.size > SIZE_MAX) return offence_say(&of_member, "the member is too large for this machine");
    m->size = (size_t)e.size;
    return zip_locate(&inner, &e, m);
}

static int zip_compare(const void *a, const void *b)
{
    const unsigned char *x = (*(const zip_member *const *)a)->bytes, *y = (*(const zip_member *const *)b)->bytes;
    return (x > y) - (x < y);
}

/* No two members may share bytes. Empty ones have none. */
static bool zip_apart(const zip_archive *zip, const zip_reader *r)
{
    const zip_member **sorted = malloc((zip->count ? zip->count : 1) * sizeof *sorted);
    if (!sorted) return offence_say(r->o, "out of memory");
    size_t count = 0;
    for (size_t i = 0; i < zip->count; i++)
        if (zip->list[i].packed) sorted[count++] = &zip->list[i];
    qsort(sorted, count, sizeof *sorted, zip_compare);
    bool apart = true;
    for (size_t i = 1; i < count && apart; i++)
        if (sorted[i - 1]->packed > (size_t)(sorted[i]->bytes - sorted[i - 1]->bytes)) {
            offence of_member = *r->o;
            of_member.member = sorted[i]->name;
            apart = offence_say(&of_member, "the member overlaps another");
        }
    free((void *)sorted);
    return apart;
}

bool zip_open(zip_archive *zip, const unsigned char *bytes, size_t size, const offence *o)
{
    zip_reader r = {bytes, size, o};
    zip_directory d;
    *zip = (zip_archive){0};
    if (!zip_find_directory(&r, &d)) return false;
    zip->list = malloc((size_t)(d.entries ? d.entries : 1) * sizeof *zip->list);
    if (!zip->list) return offence_say(o, "out of memory");
    const unsigned char *at = bytes + d.at, *end = at + d.size;
    bool fine = true;
    for (uint64_t i = 0; i < d.entries && fine; i++) fine = zip_entry_read(&r, zip, &at, end);
    if (fine && zip_apart(zip, &r)) return true;
    zip_close(zip);
    return false;
}

void zip_close(zip_archive *zip)
{
    for (size_t i = 0; i < zip->count; i++) free(zip->list[i].name);
    free(zip->list);
    *zip = (zip_archive){0};
}

/* ---- bytes ----------------------------------------------------------------------------------------------------------- */

/* Eight bytes at a time: table k is the effect of a byte that k others follow (M. Kounavis, F. Berry, Novel table lookup-based
 * algorithms for high-performance CRC generation, 2008). The command has one thread. */
static uint32_t zip_table[8][256];

static void zip_table_make(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int bit = 0; bit < 8; bit++) c = c & 1 ? c >> 1 ^ 0xedb88320U : c >> 1;
        zip_table[0][i] = c;
    }
    for (int k = 1; k < 8; k++)
        for (uint32_t i = 0; i < 256; i++)
            zip_table[k][i] = zip_table[k - 1][i] >> 8 ^ zip_table[0][zip_table[k - 1][i] & 0xff];
}

uint32_t zip_checksum(uint32_t checksum, const unsigned char *bytes, size_t size)
{
    if (!zip_table[0][1]) zip_table_make();
    checksum = ~checksum;
    for (; size >= 8; size -= 8, bytes += 8) {
        uint64_t eight = zip_get8(bytes) ^ checksum;
        checksum = 0;
        for (int k = 0; k < 8; k++) checksum ^= zip_table[7 - k][eight >> (8 * k) & 0xff];
    }
    for (size_t i = 0; i < size; i++) checksum = zip_table[0][(checksum ^ bytes[i]) & 0xff] ^ checksum >> 8;
    return ~checksum;
}

const unsigned char *zip_read(const zip_member *member, unsigned char **owned, const offence *o)
{
    const unsigned char *bytes = member->bytes;
    *owned = NULL;
    if (member->method == 8) {
        bytes = *owned = inflate_bytes(member->bytes, member->packed, member->size, o);
        if (!bytes) return NULL;
    } else if (member->method != 0) {
        (void)offence_say(o, "compressed by method %u, which cannot be read: save with np.savez", member->method);
        return NULL;
    } else if (member->packed != member->size) {
        (void)offence_say(o, "%zu bytes in the archive where its directory says %zu", member->packed, member->size);
        return NULL;
    }
    if (zip_checksum(0, bytes, member->size) != member->checksum) {
        (void)offence_say(o, "the checksum is wrong: the file is damaged");
        free(*owned);
        *owned = NULL;
        return NULL;
    }
    return bytes;
}
