/* Source, arena and pool: see memory.h.
 *
 *     an arena     [block| record value value record value ... top->      ]  [block| kept for later ]
 *     a pool       [block| chunk chunk chunk top->        ]    free[class] -> chunk -> chunk
 *
 * Blocks start small, for small devices, and grow with a tape. A build with WG_STRESS makes them tiny and fills
 * what is handed out with NaN bytes, so that tests meet every border and every read of unwritten memory.
 *
 * Where nobody else provides memory, large blocks lie on the boundaries of huge pages and ask the system for them: the
 * first touch of 64 MiB then takes 6 ms instead of 250 where this was measured. And an array that grows large is given as
 * much address space as it can ever fill, and memory only as it grows, so that it is never copied. */
#define _DEFAULT_SOURCE 1 /* madvise and posix_memalign, in strict C11 */

#include "tape/memory.h"

#include <stdlib.h>
#include <string.h>

#ifdef __linux__
#include <sys/mman.h>
#endif

#define MEMORY_HUGE ((size_t)2 << 20) /* a huge page */

#ifdef WG_STRESS
#define MEMORY_FIRST_BLOCK  256
#define MEMORY_LAST_BLOCK   256
#define MEMORY_SPARE(bytes) ((size_t)0)
#define MEMORY_STEP         ((size_t)64 << 10) /* by which a large array grows, and as of which it is large */
#else
#define MEMORY_FIRST_BLOCK  ((size_t)4096)
#define MEMORY_LAST_BLOCK   ((size_t)4 << 20)
#define MEMORY_SPARE(bytes) ((bytes) / 32) /* for small pieces among large ones, in an arena */
#define MEMORY_STEP         MEMORY_HUGE
#endif

/* unit is a power of 2. */
static size_t memory_round_up(size_t bytes, size_t unit) { return (bytes + unit - 1) & ~(unit - 1); }

static void *memory_poisoned(void *memory, size_t bytes)
{
#ifdef WG_STRESS
    if (memory) memset(memory, 0xFF, bytes);
#else
    (void)bytes;
#endif
    return memory;
}

/* ---- source ----------------------------------------------------------------------------------------------------- */

struct wg_source_span {
    size_t size;
    wg_source_span *next;
};

static void *source_malloc(void *user, size_t size, size_t alignment)
{
    (void)user;
#ifdef MADV_HUGEPAGE
    if (size >= MEMORY_HUGE) {
        void *block;
        if (posix_memalign(&block, MEMORY_HUGE, size) != 0) return NULL;
        (void)madvise(block, size / MEMORY_HUGE * MEMORY_HUGE, MADV_HUGEPAGE); /* a wish: it may be refused */
        return block;
    }
#endif
    return aligned_alloc(alignment, size);
}

static void source_free(void *user, void *block, size_t size)
{
    (void)user;
    (void)size;
    free(block);
}

void wg_source_open(wg_source *source, const wg_tape_options *options)
{
    *source = (wg_source){.allocator = options->allocator, .limit = options->memory_limit};
    source->bounded = options->memory_limit || options->buffer || options->allocator.allocate;
    if (options->buffer) {
        source->fixed = true;
        uintptr_t begin = memory_round_up((uintptr_t)options->buffer, WG_ALIGNMENT);
        uintptr_t end = ((uintptr_t)options->buffer + options->buffer_size) / WG_ALIGNMENT * WG_ALIGNMENT;
        if (end > begin) {
            source->spans = (wg_source_span *)begin;
            *source->spans = (wg_source_span){end - begin, NULL};
        }
    } else if (!options->allocator.allocate) {
        source->allocator = (wg_allocator){source_malloc, source_free, NULL};
    }
}

/* First fit: the rest of the span stays free. */
static void *source_cut(wg_source *source, size_t bytes)
{
    for (wg_source_span **link = &source->spans; *link; link = &(*link)->next) {
        wg_source_span *span = *link;
        if (span->size < bytes) continue;
        if (span->size == bytes) {
            *link = span->next;
        } else {
            wg_source_span *rest = (wg_source_span *)(void *)((char *)span + bytes);
            *rest = (wg_source_span){span->size - bytes, span->next};
            *link = rest;
        }
        return span;
    }
    return NULL;
}

/* Puts a block back among the free spans, and joins it with its neighbours. */
static void source_join(wg_source *source, void *block, size_t bytes)
{
    wg_source_span *before = NULL, *after = source->spans;
    while (after && (void *)after < block) {
        before = after;
        after = after->next;
    }
    wg_source_span *span = block;
    *span = (wg_source_span){bytes, after};
    if (after && (char *)span + bytes == (char *)after) *span = (wg_source_span){bytes + after->size, after->next};
    if (before && (char *)before + before->size == (char *)span)
        *before = (wg_source_span){before->size + span->size, span->next};
    else if (before)
        before->next = span;
    else
        source->spans = span;
}

/* Whether the limit allows for so much more. */
static bool source_allows(wg_source *source, size_t bytes)
{
    source->limited = source->limit && (bytes > source->limit || source->in_use > source->limit - bytes);
    return !source->limited;
}

static void source_count(wg_source *source, size_t bytes)
{
    source->calls++;
    source->in_use += bytes;
    if (source->in_use > source->peak) source->peak = source->in_use;
}

void *wg_source_take(wg_source *source, size_t bytes)
{
    if (bytes > PTRDIFF_MAX - WG_ALIGNMENT) return NULL;
    bytes = memory_round_up(bytes, WG_ALIGNMENT);
    if (!source_allows(source, bytes)) return NULL;
    void *block = source->fixed ? source_cut(source, bytes)
                                : source->allocator.allocate(source->allocator.user, bytes, WG_ALIGNMENT);
    if (block) source_count(source, bytes);
    return block;
}

void wg_source_give_back(wg_source *source, void *block, size_t bytes)
{
    if (!block) return;
    bytes = memory_round_up(bytes, WG_ALIGNMENT);
    source->in_use -= bytes;
    if (source->fixed)
        source_join(source, block, bytes);
    else
        source->allocator.release(source->allocator.user, block, bytes);
}

/* ---- arrays that grow ------------------------------------------------------------------------------------------- */

/* Address space of that many bytes at a huge page's boundary, without memory. NULL: there is no such thing here. */
static char *growth_open_place(size_t place)
{
#if defined(MADV_HUGEPAGE) && UINTPTR_MAX > UINT32_MAX
    size_t whole = place + MEMORY_HUGE;
    char *begin = mmap(NULL, whole, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (begin == MAP_FAILED) return NULL;
    size_t before = memory_round_up((uintptr_t)begin, MEMORY_HUGE) - (uintptr_t)begin;
    if (before) (void)munmap(begin, before);
    if (before < MEMORY_HUGE) (void)munmap(begin + before + place, MEMORY_HUGE - before);
    (void)madvise(begin + before, place, MADV_HUGEPAGE);
    return begin + before;
#else
    (void)place;
    return NULL;
#endif
}

static void growth_close_place(const wg_growth *growth)
{
#if defined(MADV_HUGEPAGE) && UINTPTR_MAX > UINT32_MAX
    if (growth->place) (void)munmap(growth->data, growth->place);
#else
    (void)growth;
#endif
}

/* Memory for a place as far as bytes, a multiple of a step. */
static bool growth_extend(wg_source *source, wg_growth *growth, size_t bytes)
{
#if defined(MADV_HUGEPAGE) && UINTPTR_MAX > UINT32_MAX
    size_t more = bytes - growth->bytes;
    if (bytes > growth->place || !source_allows(source, more)) return false;
    if (mprotect((char *)growth->data + growth->bytes, more, PROT_READ | PROT_WRITE) != 0) return false;
    source_count(source, more);
    growth->bytes = bytes;
    return true;
#else
    (void)source, (void)growth, (void)bytes;
    return false;
#endif
}

/* A small array that becomes large moves to a place of its own. */
static bool growth_settle(wg_source *source, wg_growth *growth, size_t bytes, size_t most)
{
    wg_growth fresh = {.place = memory_round_up(most, MEMORY_HUGE)};
    fresh.data = growth_open_place(fresh.place);
    if (!fresh.data) return false;
    if (!growth_extend(source, &fresh, bytes)) {
        growth_close_place(&fresh);
        return false;
    }
    if (growth->bytes) memcpy(fresh.data, growth->data, growth->bytes);
    wg_source_give_back(source, growth->data, growth->bytes);
    *growth = fresh;
    return true;
}

bool wg_source_grow(wg_source *source, wg_growth *growth, size_t bytes, size_t most)
{
    bool ours = !source->fixed && source->allocator.allocate == source_malloc;
    if (growth->place) return growth_extend(source, growth, memory_round_up(bytes, MEMORY_STEP));
    if (ours && bytes >= MEMORY_STEP && growth_settle(source, growth, memory_round_up(bytes, MEMORY_STEP), most))
        return true;
    void *data = wg_source_take(source, bytes);
    if (!data) return false;
    if (growth->bytes) memcpy(data, growth->data, growth->bytes);
    wg_source_give_back(source, growth->data, growth->bytes);
    *growth = (wg_growth){.data = data, .bytes = bytes};
    return true;
}

void wg_source_end_growth(wg_source *source, wg_growth *growth)
{
    if (growth->place) {
        growth_close_place(growth);
        source->in_use -= growth->bytes;
    } else {
        wg_source_give_back(source, growth->data, growth->bytes);
    }
    *growth = (wg_growth){0};
}

/* The size of the next block of an arena or pool that holds total bytes: a quarter more, within bounds. Where the piece at hand
 * is a large part of that, the block takes whole pieces like it, which are seldom alone, and spare bytes; so little is left
 * over when the next does not fit. When memory is too short for that, just what is needed will do. */
static void *memory_block(wg_source *source, size_t total, size_t needed, size_t spare, size_t *size)
{
    size_t wanted = total / 4;
    if (wanted < MEMORY_FIRST_BLOCK) wanted = MEMORY_FIRST_BLOCK;
    if (wanted > MEMORY_LAST_BLOCK) wanted = MEMORY_LAST_BLOCK;
    needed = memory_round_up(needed, WG_ALIGNMENT);
    if (needed > wanted / 8) wanted = (needed < wanted ? (wanted + needed / 2) / needed : 1) * needed + spare;
    *size = memory_round_up(wanted, WG_ALIGNMENT);
    void *block = wg_source_take(source, *size);
    if (!block && *size > needed) block = wg_source_take(source, *size = needed);
    return block;
}

/* ---- arena ------------------------------------------------------------------------------------------------------ */

struct wg_arena_block {
    wg_arena_block *previous, *next;
    size_t start;    /* the position of its first byte */
    size_t capacity; /* bytes after the header */
};

#define MEMORY_HEADER WG_ALIGNMENT
_Static_assert(sizeof(wg_arena_block) <= MEMORY_HEADER, "a header keeps the data aligned");

static void arena_open(wg_arena *arena, wg_arena_block *block)
{
    arena->current = block;
    arena->memory = (char *)block + MEMORY_HEADER;
    arena->capacity = block->capacity;
    arena->start = block->start;
}

/* Makes the block after the current one the current one; a new one when that is missing or too small. */
static bool arena_advance(wg_arena *arena, wg_source *source, size_t bytes)
{
    wg_arena_block *current = arena->current, *next = current ? current->next : arena->first;
    size_t start = current ? current->start + current->capacity : 0;
    if (!next || next->capacity < bytes) {
        size_t size;
        if (bytes > PTRDIFF_MAX - MEMORY_HEADER) return false;
        wg_arena_block *block = memory_block(source, start, bytes + MEMORY_HEADER, MEMORY_SPARE(bytes), &size);
        if (!block) return false;
        *block = (wg_arena_block){current, next, start, size - MEMORY_HEADER};
        if (next) next->previous = block;
        if (current)
            current->next = block;
        else
            arena->first = block;
        next = block;
    }
    next->start = start;
    arena_open(arena, next);
    arena->used = 0;
    return true;
}

void *wg_arena_take(wg_arena *arena, wg_source *source, size_t bytes)
{
    size_t at = memory_round_up(arena->used, bytes >= WG_ALIGNMENT ? WG_ALIGNMENT : 16);
    if (at > arena->capacity || bytes > arena->capacity - at) {
        if (!arena_advance(arena, source, bytes)) return NULL;
        at = 0;
    }
    arena->used = at + bytes;
    return memory_poisoned(arena->memory + at, bytes);
}

void wg_arena_return(wg_arena *arena, size_t position)
{
    if (!arena->current) return;
    if (position < arena->start) {
        wg_arena_block *block = arena->current;
        while (block->previous && position < block->start) block = block->previous;
        arena_open(arena, block);
    }
    arena->used = position - arena->start;
}

void wg_arena_close(wg_arena *arena, wg_source *source)
{
    for (wg_arena_block *block = arena->first, *next; block; block = next) {
        next = block->next;
        wg_source_give_back(source, block, block->capacity + MEMORY_HEADER);
    }
    *arena = (wg_arena){0};
}

/* ---- pool ------------------------------------------------------------------------------------------------------- */

struct wg_pool_chunk {
    wg_pool_chunk *next;
};

struct wg_pool_block {
    wg_pool_block *next;
    size_t size;
};

/* Classes are multiples of 64 bytes up to 1024, then four to an octave: at most a quarter is lost to rounding. */
static size_t pool_large_class(size_t bytes, size_t *rounded)
{
    size_t class = 16;
    unsigned octave = 10; /* bytes are in (2^octave, 2^(octave+1)] */
    for (; bytes > (size_t)2 << octave; octave++) class += 4;
    unsigned quarter = octave - 2;
    size_t steps = ((bytes - ((size_t)1 << octave)) + ((size_t)1 << quarter) - 1) >> quarter;
    *rounded = ((size_t)1 << octave) + (steps << quarter);
    return class + steps - 1;
}
static inline size_t pool_class(size_t bytes, size_t *rounded)
{
    if (bytes > 1024) return pool_large_class(bytes, rounded);
    size_t class = (bytes - (bytes > 0)) / 64;
    *rounded = (class + 1) * 64;
    return class;
}

/* A chunk from a new block. Of the new block's rest and the old one's, the larger is kept to be cut up. */
static void *pool_open_block(wg_pool *pool, wg_source *source, size_t rounded)
{
    size_t size;
    wg_pool_block *block = memory_block(source, pool->total, rounded + MEMORY_HEADER, 0, &size);
    if (!block) return NULL;
    *block = (wg_pool_block){pool->blocks, size};
    pool->blocks = block;
    pool->total += size;
    char *memory = (char *)block + MEMORY_HEADER, *top = memory + rounded, *end = (char *)block + size;
    if (end - top > pool->end - pool->top) {
        pool->top = top;
        pool->end = end;
    }
    return memory_poisoned(memory, rounded);
}

/* When no chunk of that class is free. */
static void *pool_cut(wg_pool *pool, wg_source *source, size_t rounded)
{
    if ((size_t)(pool->end - pool->top) < rounded) return pool_open_block(pool, source, rounded);
    void *memory = pool->top;
    pool->top += rounded;
    return memory_poisoned(memory, rounded);
}

void *wg_pool_take(wg_pool *pool, wg_source *source, size_t bytes)
{
    if (bytes > PTRDIFF_MAX / 2) return NULL;
    size_t rounded, class = pool_class(bytes, &rounded);
    wg_pool_chunk *chunk = pool->free[class];
    if (!chunk) return pool_cut(pool, source, rounded);
    pool->free[class] = chunk->next;
    return memory_poisoned(chunk, rounded);
}

void wg_pool_give_back(wg_pool *pool, void *memory, size_t bytes)
{
    if (!memory) return;
    size_t rounded, class = pool_class(bytes, &rounded);
    wg_pool_chunk *chunk = memory_poisoned(memory, rounded);
    chunk->next = pool->free[class];
    pool->free[class] = chunk;
}

void wg_pool_close(wg_pool *pool, wg_source *source)
{
    for (wg_pool_block *block = pool->blocks, *next; block; block = next) {
        next = block->next;
        wg_source_give_back(source, block, block->size);
    }
    *pool = (wg_pool){0};
}

#undef MEMORY_HUGE
#undef MEMORY_FIRST_BLOCK
#undef MEMORY_LAST_BLOCK
#undef MEMORY_SPARE
#undef MEMORY_STEP
#undef MEMORY_HEADER
