/* A team of threads that share the work of one large kernel.
 *
 * Work is cut into numbered parts; the members take one part after the other until none is left, and the caller is a
 * member. What is cut are independent outputs, so that no bit of a result depends on the number of members or on who
 * did what. A team belongs to one thread at a time, like the tape that it serves.
 *
 * No thread is made before the first dispatch. Members that have nothing to do look for work for a short while (a
 * hand-over then takes under a microsecond) and sleep after that (waking one takes some twenty). Built without threads
 * (WG_NO_THREADS), there is never a team, and all work is the caller's. */
#ifndef WG_KERNELS_TEAM_H
#define WG_KERNELS_TEAM_H

#include <stdbool.h>
#include <stddef.h>

/* NULL stands for the caller's thread alone, wherever a team is asked for. */
typedef struct wg_team wg_team;

/* Where the team itself comes from, aligned to a cache line; all NULL: the C library's memory. */
typedef void *wg_team_allocate(void *user, size_t bytes);
typedef void wg_team_release(void *user, void *memory, size_t bytes);

/* A team of so many threads, the caller's among them; *team is NULL for one thread. More than WG_TEAM_MOST are as many as
 * that. When the system refuses a thread later, the team is smaller, and nothing else changes. false: no memory. */
#define WG_TEAM_MOST 256
bool wg_team_new(wg_team **team, unsigned threads, wg_team_allocate *allocate, wg_team_release *release, void *user);
void wg_team_free(wg_team *team);

/* The number of members, 1 for NULL. */
unsigned wg_team_size(const wg_team *team);

/* Runs work(context, part) for every part below parts, each once, and returns when all are done. Called from within a
 * part, it runs the new parts on the spot. In a process forked since, the caller does everything. */
void wg_team_run(wg_team *team, size_t parts, void (*work)(void *context, size_t part), void *context);

/* How many parts, from 1 to most, to cut work into that takes one thread about so many nanoseconds: 1 when the whole is
 * not worth a dispatch, otherwise a few for each member, so that a late one holds up little, none of them very small. */
size_t wg_team_parts(const wg_team *team, double nanoseconds, size_t most);

/* The first of count items that belongs to the part; that of part number `parts` is count. */
static inline size_t wg_team_first(size_t count, size_t parts, size_t part)
{
    size_t more = count % parts; /* parts that have one item more than the rest */
    return count / parts * part + (part < more ? part : more);
}

/* For tests: dispatches work of so many nanoseconds and more, into parts of a quarter of that and more. */
void wg_team_set_worth(wg_team *team, double nanoseconds);

#endif
