/* Where text goes. */
#include "wengert/inspect.h"

#include <stdio.h>

void wg_write_to_file(void *file, const char *text, size_t length) { fwrite(text, 1, length, file); }
