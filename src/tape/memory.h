/* A tape's memory, in three layers.
 *
 *     source   where blocks come from: malloc, the caller's allocator, or one fixed buffer; counts and limits them
 *     arena    a stack of blocks for what is recorded: records and values in order; a rewind moves the top back
 *     pool     chunks in size classes for what comes and goes in any order: adjoints, temporaries, retained gradients
 *
 * Arena and pool keep their blocks until the tape is freed, so a loop that does the same again allocates nothing, and
 * nothing that they hand out ever moves. Every function that takes memory returns NULL when there is none. */
#ifndef WG_TAPE_MEMORY_H
#define WG_TAPE_MEMORY_H

#include "wengert/types.h"

/* What every block and every array of 64 bytes or more is aligned to: a cache line, and the widest vector. */
#define WG_ALIGNMENT 64

typedef struct wg_source_span wg_source_span;

typedef struct wg_source {
    wg_allocator allocator;
    wg_source_span *spans; /* the fixed buffer's free parts, in the order of their addresses */
    bool fixed;
    bool limited; /* the last refusal was the limit's */
    bool bounded; /* there is a limit, a buffer or an allocator of the caller's: running out is to be expected */
    size_t limit, in_use, peak, calls;
} wg_source;

/* Takes the memory options over. The buffer may have any alignment. */
void wg_source_open(wg_source *source, const wg_tape_options *options);
void *wg_source_take(wg_source *source, size_t bytes);
void wg_source_give_back(wg_source *source, void *block, size_t bytes);

/* An array that grows at its end. */
typedef struct wg_growth {
    void *data;
    size_t bytes;
    size_t place; /* bytes of address space set aside for it; 0: it is a block of the source's */
} wg_growth;

/* Makes it longer, with what it holds; it may move. It will never be asked to be longer than most bytes. False: there is no
 * memory, and it is as it was. */
bool wg_source_grow(wg_source *source, wg_growth *growth, size_t bytes, size_t most);
void wg_source_end_growth(wg_source *source, wg_growth *growth);

typedef struct wg_arena_block wg_arena_block;

typedef struct wg_arena {
    wg_arena_block *first, *current;
    char *memory;          /* of the current block */
    size_t used, capacity; /* bytes of it */
    size_t start;          /* the position of its first byte */
} wg_arena;

/* A position is the number of bytes below the top; it grows with every take. */
static inline size_t wg_arena_position(const wg_arena *arena) { return arena->start + arena->used; }
/* Aligned to WG_ALIGNMENT from so many bytes on, else to 16. */
void *wg_arena_take(wg_arena *arena, wg_source *source, size_t bytes);
void wg_arena_return(wg_arena *arena, size_t position);
void wg_arena_close(wg_arena *arena, wg_source *source);

#define WG_POOL_CLASSES 240

typedef struct wg_pool_chunk wg_pool_chunk;
typedef struct wg_pool_block wg_pool_block;

typedef struct wg_pool {
    wg_pool_chunk *free[WG_POOL_CLASSES];
    wg_pool_block *blocks;
    char *top, *end; /* the part of a block that is not handed out yet */
    size_t total;    /* bytes of all blocks */
} wg_pool;

void *wg_pool_take(wg_pool *pool, wg_source *source, size_t bytes);
void wg_pool_give_back(wg_pool *pool, void *chunk, size_t bytes); /* the bytes that were asked for */
void wg_pool_close(wg_pool *pool, wg_source *source);

#endif
