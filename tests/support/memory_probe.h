/* An allocator for tests. It checks that every block comes back with the size it was taken with and unharmed at both
 * ends, gives exactly the alignment that was asked for and no more, fills fresh memory with 0xFF (a NaN in either dtype),
 * counts, and fails on demand. */
#ifndef WG_TESTS_SUPPORT_MEMORY_PROBE_H
#define WG_TESTS_SUPPORT_MEMORY_PROBE_H

#include "wengert/types.h"

typedef struct memory_probe {
    size_t calls;               /* of allocate, failed ones included */
    size_t fail_at;             /* the call that fails, counted from 1; 0: none */
    bool from_then_on;          /* and all after it */
    size_t refused;             /* calls that failed */
    size_t blocks, bytes, peak; /* not released; the most bytes that there were at once */
} memory_probe;

wg_allocator memory_probe_allocator(memory_probe *probe);

/* Fails unless everything was released. */
void memory_probe_end(const memory_probe *probe);

#endif
