/* Zip archives in memory: the list of their members, and each member's bytes.
 * Source: PKWARE, .ZIP File Format Specification (APPNOTE.TXT) 6.3.10. */
#ifndef WENGERT_COMMAND_ZIP_H
#define WENGERT_COMMAND_ZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "offence.h"

typedef struct zip_member {
    char *name;
    unsigned method;            /* 0: stored, 8: deflated */
    uint32_t checksum;          /* CRC-32 of the bytes as they were before compression */
    size_t size;                /* of those */
    size_t packed;              /* bytes in the archive ... */
    const unsigned char *bytes; /* ... which stand here */
} zip_member;

typedef struct zip_archive {
    zip_member *list;
    size_t count;
} zip_archive;

/* Whether bytes begin as an archive does. */
bool zip_begins(const unsigned char *bytes, size_t size);

/* Reads the list of an archive's members, without directories. The bytes must stay. False: o says what is wrong. */
bool zip_open(zip_archive *zip, const unsigned char *bytes, size_t size, const offence *o);
void zip_close(zip_archive *zip);

/* The bytes of a member, checked against its checksum: either the archive's own, or new ones, which are then in *owned
 * too and are the caller's to free. NULL: o says what is wrong. */
const unsigned char *zip_read(const zip_member *member, unsigned char **owned, const offence *o);

/* CRC-32 as zip counts it (ISO 3309): of bytes that follow others whose checksum is given, 0 for none. */
uint32_t zip_checksum(uint32_t checksum, const unsigned char *bytes, size_t size);

#endif
