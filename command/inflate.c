/* Decompression by zlib; without it, an error that says what to do. */
#include "inflate.h"

#ifdef COMMAND_HAS_ZLIB

#define ZLIB_CONST
#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

bool inflate_is_there(void) { return true; }

/* zlib counts what it is given by unsigned ints. */
static uInt inflate_piece(size_t left) { return left < UINT_MAX ? (uInt)left : UINT_MAX; }

static bool inflate_all(z_stream *z, size_t packed, size_t size)
{
    size_t taken = 0, given = 0;
    int result = Z_OK;
    while (result == Z_OK) {
        uInt in = inflate_piece(packed - taken), out = inflate_piece(size - given);
        z->avail_in = in;
        z->avail_out = out;
        result = inflate(z, Z_NO_FLUSH);
        taken += in - z->avail_in;
        given += out - z->avail_out;
        if (in == z->avail_in && out == z->avail_out) break;
    }
    return result == Z_STREAM_END && taken == packed && given == size;
}

unsigned char *inflate_bytes(const unsigned char *bytes, size_t packed, size_t size, const offence *o)
{
    /* Deflate makes at most 1032 bytes of one, so no small file makes us allocate much. */
    bool fine = size / 1032 <= packed;
    unsigned char *out = fine ? malloc(size ? size : 1) : NULL;
    if (fine && !out) {
        (void)offence_say(o, "out of memory for %zu bytes", size);
        return NULL;
    }
    z_stream z = {.next_in = bytes, .next_out = out};
    if (fine && inflateInit2(&z, -15) != Z_OK) { /* -15: no header of zlib's own */
        (void)offence_say(o, "out of memory");
        free(out);
        return NULL;
    }
    if (fine) {
        fine = inflate_all(&z, packed, size);
        (void)inflateEnd(&z);
    }
    if (fine) return out;
    (void)offence_say(o, "the compressed bytes are damaged");
    free(out);
    return NULL;
}

#else

bool inflate_is_there(void) { return false; }

unsigned char *inflate_bytes(const unsigned char *bytes, size_t packed, size_t size, const offence *o)
{
    (void)bytes, (void)packed, (void)size;
    (void)offence_say(
        o, "compressed, and this build of the command has no zlib: save with np.savez, not np.savez_compressed");
    return NULL;
}

#endif
