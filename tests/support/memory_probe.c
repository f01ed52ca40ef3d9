/* See memory_probe.h. In memory: | header | 0xA5... | the block | 0xA5... |, the block at an odd multiple of the alignment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "support/memory_probe.h"

enum { PROBE_GUARD = 64, PROBE_BYTE = 0xA5 };

/* Stands at the beginning of the raw block and, again, right in front of the guard before the block. */
typedef struct probe_header {
    char *raw;
    size_t size;
    uint64_t mark;
} probe_header;

#define PROBE_MARK UINT64_C(0x77656e6765727421)

static probe_header *probe_header_of(void *block)
{
    return (probe_header *)(void *)((char *)block - PROBE_GUARD - sizeof(probe_header));
}

static void *probe_allocate(void *user, size_t size, size_t alignment)
{
    memory_probe *probe = user;
    probe->calls++;
    assert_true(size > 0);
    assert_true(alignment >= sizeof(void *) && (alignment & (alignment - 1)) == 0);
    bool refuse =
        probe->fail_at && (probe->calls == probe->fail_at || (probe->from_then_on && probe->calls > probe->fail_at));
    size_t around = 2 * PROBE_GUARD + sizeof(probe_header) + 4 * alignment;
    char *raw = refuse || size > PTRDIFF_MAX / 2 ? NULL : malloc(size + around);
    if (!raw) {
        probe->refused++;
        return NULL;
    }
    uintptr_t at = (uintptr_t)raw + sizeof(probe_header) + PROBE_GUARD;
    at = (at / (2 * alignment) + 1) * 2 * alignment + alignment;
    char *block = raw + (at - (uintptr_t)raw);
    *probe_header_of(block) = (probe_header){raw, size, PROBE_MARK};
    memset(block - PROBE_GUARD, PROBE_BYTE, PROBE_GUARD);
    memset(block, 0xFF, size);
    memset(block + size, PROBE_BYTE, PROBE_GUARD);
    probe->blocks++;
    probe->bytes += size;
    if (probe->bytes > probe->peak) probe->peak = probe->bytes;
    return block;
}

static void probe_release(void *user, void *block, size_t size)
{
    memory_probe *probe = user;
    assert_non_null(block);
    probe_header *header = probe_header_of(block);
    assert_true(header->mark == PROBE_MARK);
    assert_int_equal(header->size, size);
    for (size_t i = 1; i <= PROBE_GUARD; i++) {
        assert_int_equal(((unsigned char *)block)[-(ptrdiff_t)i], PROBE_BYTE);
        assert_int_equal(((unsigned char *)block)[size + i - 1], PROBE_BYTE);
    }
    header->mark = 0;
    probe->blocks--;
    probe->bytes -= size;
    free(header->raw);
}

wg_allocator memory_probe_allocator(memory_probe *probe)
{
    return (wg_allocator){probe_allocate, probe_release, probe};
}

void memory_probe_end(const memory_probe *probe)
{
    assert_int_equal(probe->blocks, 0);
    assert_int_equal(probe->bytes, 0);
}
