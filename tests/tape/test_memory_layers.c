/* Source, arena and pool from inside, under random loads: what they hand out is aligned, inside, apart from all else that
 * is handed out, keeps its contents, and is used again instead of asking for more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "support/memory_probe.h"
#include "tape/memory.h"

static uint64_t random_state;

static size_t random_below(size_t n)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (size_t)(random_state >> 33) % n;
}

/* A piece that is handed out, filled with its own byte. */
typedef struct piece {
    unsigned char *at, fill;
    size_t size, position;
} piece;

static piece piece_of(void *at, size_t size, size_t alignment)
{
    assert_non_null(at);
    assert_int_equal((uintptr_t)at % alignment, 0);
    piece p = {at, (unsigned char)(random_below(255) + 1), size, 0};
    memset(at, p.fill, size);
    return p;
}

/* Whoever wrote into it would be seen here. */
static void piece_check(const piece *p)
{
    for (size_t i = 0; i < p->size; i++) assert_int_equal(p->at[i], p->fill);
}

/* ---- source ---------------------------------------------------------------------------------------------------------- */

static void source_huge(void **state)
{
    (void)state;
    memory_probe probe = {0};
    wg_source source;
    wg_source_open(&source, &(wg_tape_options){.allocator = memory_probe_allocator(&probe)});
    const size_t huge[] = {SIZE_MAX, SIZE_MAX - 63, (size_t)PTRDIFF_MAX + 1, (size_t)PTRDIFF_MAX};
    for (size_t i = 0; i < sizeof huge / sizeof *huge; i++) assert_null(wg_source_take(&source, huge[i]));
    assert_int_equal(source.in_use, 0);
    assert_int_equal(source.peak, 0);
    wg_source_give_back(&source, NULL, 100);
    assert_int_equal(source.in_use, 0);
    memory_probe_end(&probe);
}

static void source_counts(void **state)
{
    (void)state;
    memory_probe probe = {0};
    wg_source source;
    wg_source_open(&source, &(wg_tape_options){.allocator = memory_probe_allocator(&probe)});
    void *a = wg_source_take(&source, 1), *b = wg_source_take(&source, 640);
    assert_int_equal((uintptr_t)a % WG_ALIGNMENT, 0);
    assert_int_equal((uintptr_t)b % WG_ALIGNMENT, 0);
    assert_int_equal(source.in_use, probe.bytes);
    assert_int_equal(source.calls, 2);
    size_t peak = source.in_use;
    wg_source_give_back(&source, b, 640);
    assert_int_equal(source.in_use, probe.bytes);
    assert_int_equal(source.peak, peak);
    probe.fail_at = probe.calls + 1;
    assert_null(wg_source_take(&source, 64));
    assert_int_equal(source.in_use, probe.bytes);
    wg_source_give_back(&source, a, 1);
    assert_int_equal(source.in_use, 0);
    memory_probe_end(&probe);
}

static void source_limit(void **state)
{
    (void)state;
    memory_probe probe = {0};
    wg_source source;
    wg_source_open(&source, &(wg_tape_options){.memory_limit = 1024, .allocator = memory_probe_allocator(&probe)});
    assert_null(wg_source_take(&source, 1025));
    void *whole = wg_source_take(&source, 1024);
    assert_non_null(whole);
    assert_null(wg_source_take(&source, 1));
    wg_source_give_back(&source, whole, 1024);
    void *part = wg_source_take(&source, 512);
    assert_null(wg_source_take(&source, 513));
    void *rest = wg_source_take(&source, 512);
    assert_non_null(rest);
    assert_int_equal(source.peak, 1024);
    wg_source_give_back(&source, part, 512);
    wg_source_give_back(&source, rest, 512);
    memory_probe_end(&probe);
}

enum { FIXED_SIZE = 8192, FIXED_PIECES = 24, FIXED_ROUNDS = 600 };

/* A random load on a buffer at one misalignment; the bytes around the buffer stay. In the end all of it is one piece
 * again. */
static void source_fixed_at(unsigned char *memory, size_t shift, size_t size)
{
    memset(memory, 0xA5, FIXED_SIZE + 2 * WG_ALIGNMENT);
    unsigned char *buffer = memory + shift, *end = buffer + size;
    wg_source source;
    wg_source_open(&source, &(wg_tape_options){.buffer = buffer, .buffer_size = size});
    piece pieces[FIXED_PIECES] = {{0}};
    for (size_t round = 0; round < FIXED_ROUNDS; round++) {
        piece *p = &pieces[random_below(FIXED_PIECES)];
        if (p->at) {
            piece_check(p);
            wg_source_give_back(&source, p->at, p->size);
            p->at = NULL;
        } else {
            size_t bytes = random_below(size / 8 + 2) + 1;
            void *at = wg_source_take(&source, bytes);
            if (!at) continue;
            *p = piece_of(at, bytes, WG_ALIGNMENT);
            assert_true(p->at >= buffer && p->at + bytes <= end);
        }
    }
    for (size_t i = 0; i < FIXED_PIECES; i++) {
        if (!pieces[i].at) continue;
        piece_check(&pieces[i]);
        wg_source_give_back(&source, pieces[i].at, pieces[i].size);
    }
    assert_int_equal(source.in_use, 0);
    size_t most = size >= 2 * WG_ALIGNMENT ? size / WG_ALIGNMENT * WG_ALIGNMENT - WG_ALIGNMENT : 0;
    if (most) {
        void *whole = wg_source_take(&source, most);
        assert_non_null(whole);
        wg_source_give_back(&source, whole, most);
    }
    for (unsigned char *at = memory; at < buffer; at++) assert_int_equal(*at, 0xA5);
    for (unsigned char *at = end; at < memory + FIXED_SIZE + 2 * WG_ALIGNMENT; at++) assert_int_equal(*at, 0xA5);
}

static void source_fixed(void **state)
{
    (void)state;
    random_state = 1;
    unsigned char *memory = malloc(FIXED_SIZE + 2 * WG_ALIGNMENT);
    assert_non_null(memory);
    for (size_t shift = 1; shift <= WG_ALIGNMENT; shift++) source_fixed_at(memory, shift, FIXED_SIZE - shift % 7);
    for (size_t size = 0; size < 3 * WG_ALIGNMENT; size++) source_fixed_at(memory, 1 + size % WG_ALIGNMENT, size);
    free(memory);
}

/* ---- arrays that grow ------------------------------------------------------------------------------------------------- */

/* Longer and longer: what it holds stays, what it takes is counted, and a refusal changes nothing. */
static void growth_with(wg_source *source, size_t most)
{
    wg_growth growth = {0};
    size_t length = 0;
    for (size_t wanted = 100; wanted <= most; wanted += wanted / 3) {
        if (!wg_source_grow(source, &growth, wanted, most)) break;
        assert_true(growth.bytes >= wanted);
        assert_true(source->in_use >= growth.bytes && source->peak >= source->in_use);
        unsigned char *bytes = growth.data;
        for (size_t i = 0; i < length; i++) assert_int_equal(bytes[i], (unsigned char)(i * 7));
        for (size_t i = length; i < wanted; i++) bytes[i] = (unsigned char)(i * 7);
        length = wanted;
    }
    assert_true(length > 1000);
    size_t in_use = source->in_use;
    wg_growth as_it_was = growth;
    assert_false(wg_source_grow(source, &growth, (size_t)PTRDIFF_MAX, most));
    assert_memory_equal(&growth, &as_it_was, sizeof growth);
    assert_int_equal(source->in_use, in_use);
    for (size_t i = 0; i < length; i++) assert_int_equal(((unsigned char *)growth.data)[i], (unsigned char)(i * 7));
    wg_source_end_growth(source, &growth);
    assert_int_equal(source->in_use, 0);
    wg_source_end_growth(source, &growth);
}

static void growth_everywhere(void **state)
{
    (void)state;
    const size_t most = (size_t)6 << 20;
    wg_source source;
    wg_source_open(&source, &(wg_tape_options){0}); /* the system's memory, with places of their own */
    growth_with(&source, most);
    wg_source_open(&source, &(wg_tape_options){.memory_limit = (size_t)3 << 20});
    growth_with(&source, most);
    assert_true(source.peak <= (size_t)3 << 20);
    memory_probe probe = {0};
    wg_source_open(&source, &(wg_tape_options){.allocator = memory_probe_allocator(&probe)});
    growth_with(&source, most / 16);
    assert_int_equal(source.in_use, probe.bytes);
    memory_probe_end(&probe);
    static unsigned char buffer[1 << 20];
    wg_source_open(&source, &(wg_tape_options){.buffer = buffer, .buffer_size = sizeof buffer});
    growth_with(&source, most);
}

/* ---- arena ----------------------------------------------------------------------------------------------------------- */

enum { ARENA_PIECES = 300 };

static size_t arena_size(size_t i) { return i % 37 == 36 ? 20000 : i % 5 ? random_below(200) : random_below(4000); }

static void arena_fill(wg_arena *arena, wg_source *source, piece *pieces, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        size_t position = wg_arena_position(arena), size = arena_size(i);
        pieces[i] = piece_of(wg_arena_take(arena, source, size), size, size >= WG_ALIGNMENT ? WG_ALIGNMENT : 16);
        pieces[i].position = position;
        assert_true(wg_arena_position(arena) >= position + size);
    }
}

/* Fills, goes back to where some piece began, fills anew: the pieces below stay. */
static void arena_stack(void **state)
{
    (void)state;
    random_state = 2;
    memory_probe probe = {0};
    wg_source source;
    wg_source_open(&source, &(wg_tape_options){.allocator = memory_probe_allocator(&probe)});
    wg_arena arena = {0};
    wg_arena_return(&arena, 0);
    assert_int_equal(wg_arena_position(&arena), 0);
    piece pieces[ARENA_PIECES];
    arena_fill(&arena, &source, pieces, 0, ARENA_PIECES);
    for (size_t round = 0; round < 60; round++) {
        size_t kept = random_below(ARENA_PIECES);
        wg_arena_return(&arena, pieces[kept].position);
        arena_fill(&arena, &source, pieces, kept, ARENA_PIECES);
        for (size_t i = 0; i < ARENA_PIECES; i++) piece_check(&pieces[i]);
    }
    wg_arena_close(&arena, &source);
    assert_int_equal(source.in_use, 0);
    memory_probe_end(&probe);
}

/* The same again takes the same places and no memory. */
static void arena_again(void **state)
{
    (void)state;
    memory_probe probe = {0};
    wg_source source;
    wg_source_open(&source, &(wg_tape_options){.allocator = memory_probe_allocator(&probe)});
    wg_arena arena = {0};
    piece first[ARENA_PIECES], again[ARENA_PIECES];
    random_state = 3;
    arena_fill(&arena, &source, first, 0, ARENA_PIECES);
    size_t calls = probe.calls;
    for (size_t round = 0; round < 3; round++) {
        wg_arena_return(&arena, 0);
        assert_int_equal(wg_arena_position(&arena), 0);
        random_state = 3;
        arena_fill(&arena, &source, again, 0, ARENA_PIECES);
        for (size_t i = 0; i < ARENA_PIECES; i++) assert_ptr_equal(again[i].at, first[i].at);
    }
    assert_int_equal(probe.calls, calls);
    wg_arena_close(&arena, &source);
    memory_probe_end(&probe);
}

/* A refused take changes nothing. */
static void arena_refused(void **state)
{
    (void)state;
    memory_probe probe = {0};
    wg_source source;
    wg_source_open(&source, &(wg_tape_options){.allocator = memory_probe_allocator(&probe)});
    wg_arena arena = {0};
    assert_null(wg_arena_take(&arena, &source, SIZE_MAX));
    assert_null(wg_arena_take(&arena, &source, (size_t)PTRDIFF_MAX));
    piece p = piece_of(wg_arena_take(&arena, &source, 100), 100, WG_ALIGNMENT);
    size_t position = wg_arena_position(&arena);
    probe.fail_at = 1;
    probe.from_then_on = true;
    assert_null(wg_arena_take(&arena, &source, 1 << 20));
    assert_null(wg_arena_take(&arena, &source, SIZE_MAX - 100));
    assert_int_equal(wg_arena_position(&arena), position);
    piece_check(&p);
    probe.fail_at = 0;
    piece big = piece_of(wg_arena_take(&arena, &source, 1 << 20), 1 << 20, WG_ALIGNMENT);
    piece_check(&p);
    piece_check(&big);
    wg_arena_close(&arena, &source);
    memory_probe_end(&probe);
}

/* ---- pool ------------------------------------------------------------------------------------------------------------ */

enum { POOL_PIECES = 200, POOL_ROUNDS = 20000 };

static size_t pool_size(size_t i)
{
    size_t kind = i % 10;
    return kind < 6 ? random_below(300) : kind < 9 ? random_below(5000) : random_below(100000);
}

static void pool_load(void **state)
{
    (void)state;
    random_state = 4;
    memory_probe probe = {0};
    wg_source source;
    wg_source_open(&source, &(wg_tape_options){.allocator = memory_probe_allocator(&probe)});
    wg_pool pool = {0};
    wg_pool_give_back(&pool, NULL, 10);
    static piece pieces[POOL_PIECES];
    memset(pieces, 0, sizeof pieces);
    for (size_t round = 0; round < POOL_ROUNDS; round++) {
        size_t i = random_below(POOL_PIECES);
        piece *p = &pieces[i];
        if (p->at) {
            piece_check(p);
            wg_pool_give_back(&pool, p->at, p->size);
            p->at = NULL;
        } else {
            size_t size = pool_size(i);
            *p = piece_of(wg_pool_take(&pool, &source, size), size, WG_ALIGNMENT);
        }
    }
    for (size_t i = 0; i < POOL_PIECES; i++)
        if (pieces[i].at) piece_check(&pieces[i]);
    wg_pool_close(&pool, &source);
    assert_int_equal(source.in_use, 0);
    memory_probe_end(&probe);
}

/* What was given back serves the next of its size. A piece is larger than asked for by a quarter at most. */
static void pool_reuse(void **state)
{
    (void)state;
    memory_probe probe = {0};
    wg_source source;
    wg_source_open(&source, &(wg_tape_options){.allocator = memory_probe_allocator(&probe)});
    for (size_t size = 0; size < 300000; size = size < 70 ? size + 1 : size * 17 / 16 + 1) {
        wg_pool pool = {0};
        void *chunk = wg_pool_take(&pool, &source, size);
        assert_non_null(chunk);
        memset(chunk, 1, size);
        assert_true(size < 4096 || pool.total <= size + size / 4 + 4 * WG_ALIGNMENT);
        size_t calls = probe.calls;
        for (int i = 0; i < 5; i++) {
            wg_pool_give_back(&pool, chunk, size);
            assert_ptr_equal(wg_pool_take(&pool, &source, size), chunk);
        }
        assert_int_equal(probe.calls, calls);
        wg_pool_close(&pool, &source);
    }
    memory_probe_end(&probe);
}

static void pool_refused(void **state)
{
    (void)state;
    memory_probe probe = {0};
    wg_source source;
    wg_source_open(&source, &(wg_tape_options){.allocator = memory_probe_allocator(&probe)});
    wg_pool pool = {0};
    const size_t huge[] = {SIZE_MAX, SIZE_MAX / 2, (size_t)PTRDIFF_MAX, (size_t)PTRDIFF_MAX / 2};
    for (size_t i = 0; i < sizeof huge / sizeof *huge; i++) assert_null(wg_pool_take(&pool, &source, huge[i]));
    piece p = piece_of(wg_pool_take(&pool, &source, 100), 100, WG_ALIGNMENT);
    probe.fail_at = 1;
    probe.from_then_on = true;
    assert_null(wg_pool_take(&pool, &source, 1 << 20));
    piece_check(&p);
    probe.fail_at = 0;
    assert_non_null(wg_pool_take(&pool, &source, 1 << 20));
    piece_check(&p);
    wg_pool_close(&pool, &source);
    memory_probe_end(&probe);
}

/* Without an allocator, large blocks begin where huge pages do, and can be written to their end. */
static void source_default(void **state)
{
    (void)state;
    wg_source source;
    wg_source_open(&source, &(wg_tape_options){0});
    const size_t huge = (size_t)2 << 20, sizes[] = {64, huge - 64, huge, huge + 64, 3 * huge + 192};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        unsigned char *block = wg_source_take(&source, sizes[i]);
        assert_non_null(block);
        assert_int_equal((uintptr_t)block % WG_ALIGNMENT, 0);
#ifdef __linux__
        if (sizes[i] >= huge) assert_int_equal((uintptr_t)block % huge, 0);
#endif
        memset(block, 1, sizes[i]);
        assert_int_equal(source.in_use, sizes[i]);
        wg_source_give_back(&source, block, sizes[i]);
    }
    assert_int_equal(source.in_use, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(source_huge),
        cmocka_unit_test(source_counts),
        cmocka_unit_test(source_limit),
        cmocka_unit_test(source_fixed),
        cmocka_unit_test(source_default),
        cmocka_unit_test(growth_everywhere),
        cmocka_unit_test(arena_stack),
        cmocka_unit_test(arena_again),
        cmocka_unit_test(arena_refused),
        cmocka_unit_test(pool_load),
        cmocka_unit_test(pool_reuse),
        cmocka_unit_test(pool_refused),
    };
    return cmocka_run_group_tests_name("tape/memory_layers", tests, NULL, NULL);
}
