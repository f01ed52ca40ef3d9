/* The decompression of what np.savez_compressed and zip programs write (RFC 1951), where the command is built with zlib. */
#ifndef WENGERT_COMMAND_INFLATE_H
#define WENGERT_COMMAND_INFLATE_H

#include "offence.h"

/* Whether it is. */
bool inflate_is_there(void);

/* The size bytes that packed ones decompress to, the caller's to free. NULL: o says what is wrong, which includes that
 * they are more or fewer. */
unsigned char *inflate_bytes(const unsigned char *bytes, size_t packed, size_t size, const offence *o);

#endif
