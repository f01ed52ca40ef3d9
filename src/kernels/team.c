/* The team: one counter hands out the parts, another counts those that are done.
 *
 *     caller    writes the job | left = parts | takes parts ...            | waits for done == parts | returns
 *     worker    looks at left ................| takes parts ... | done += n | looks at left ...
 *
 * A part is taken by lowering `left` by one, and only a success says that there is a job: the job's other fields are read
 * after it, and the caller cannot change them before that part is reported as done. A worker that comes late, or that
 * never comes, thus does no harm: it finds nothing left, or parts of the next job. Nobody waits for sleeping workers.
 *
 * Going to sleep and waking follow one pattern: the sleeper says that it sleeps and then looks again; the waker makes
 * its change and then looks for sleepers. Both are sequentially consistent, so one of them sees the other (Dekker). */
#define _POSIX_C_SOURCE 200809L /* clock_gettime, pthread_sigmask, sysconf */

#include "team.h"

#include <stdlib.h>

#if !defined(WG_NO_THREADS) && (defined(__STDC_NO_ATOMICS__) || !(defined(__unix__) || defined(__APPLE__)))
#define WG_NO_THREADS
#endif

#define TEAM_WORTH 20000. /* nanoseconds of work that pay for a dispatch */
#define TEAM_EACH  4      /* parts for each member */

#ifdef WG_NO_THREADS

bool wg_team_new(wg_team **team, unsigned threads, wg_team_allocate *allocate, wg_team_release *release, void *user)
{
    (void)threads, (void)allocate, (void)release, (void)user;
    *team = NULL;
    return true;
}

void wg_team_free(wg_team *team) { (void)team; }

unsigned wg_team_size(const wg_team *team)
{
    (void)team;
    return 1;
}

void wg_team_run(wg_team *team, size_t parts, void (*work)(void *context, size_t part), void *context)
{
    (void)team;
    for (size_t part = 0; part < parts; part++) work(context, part);
}

size_t wg_team_parts(const wg_team *team, double nanoseconds, size_t most)
{
    (void)team, (void)nanoseconds, (void)most;
    return 1;
}

void wg_team_set_worth(wg_team *team, double nanoseconds) { (void)team, (void)nanoseconds; }

#else

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#define TEAM_LINE 64     /* what one member writes and others read stands in a cache line of its own */
#define TEAM_SPIN 200000 /* nanoseconds that a member looks for work before it sleeps */

struct wg_team {
    /* the job; the caller writes it while nothing is left */
    void (*work)(void *context, size_t part);
    void *context;
    size_t parts;
    bool running; /* a call from now on comes from within a part */

    unsigned size;    /* threads asked for, the caller's included */
    unsigned workers; /* threads that there are beside the caller's */
    bool started;
    bool spins; /* there are cores enough that looking for work takes nothing from those who have it */
    double worth;
    pid_t process;
    wg_team_release *release;
    void *user;
    size_t bytes;

    _Alignas(TEAM_LINE) atomic_size_t left; /* parts not taken yet */
    _Alignas(TEAM_LINE) atomic_size_t done;
    _Alignas(TEAM_LINE) atomic_uint asleep; /* workers that sleep, or are about to */
    atomic_bool awaited;                    /* the caller sleeps until the last part is done, or is about to */
    atomic_bool over;
    pthread_mutex_t mutex; /* held for nothing but going to sleep and waking */
    pthread_cond_t work_to_do, work_done;
    pthread_t threads[];
};

static void team_relax(void)
{
#if defined(__GNUC__) && (defined(__x86_64__) || defined(__i386__))
    __builtin_ia32_pause();
#endif
}

static long long team_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long long)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Looks for a while whether ready(team) becomes true; yields in between, to whoever shares the core. */
static bool team_spin(wg_team *team, bool (*ready)(wg_team *team))
{
    if (ready(team)) return true;
    if (!team->spins) return false;
    for (long long end = team_now() + TEAM_SPIN; team_now() < end; sched_yield())
        for (int i = 0; i < 32; i++) {
            if (ready(team)) return true;
            team_relax();
        }
    return false;
}

/* Takes parts and works on them until none is left. */
static void team_share(wg_team *team)
{
    size_t count = 0, parts = 0, left = atomic_load(&team->left);
    while (left) {
        if (!atomic_compare_exchange_weak(&team->left, &left, left - 1)) continue;
        parts = team->parts;
        team->work(team->context, parts - left);
        count++;
        left = atomic_load(&team->left);
    }
    if (!count || atomic_fetch_add(&team->done, count) + count < parts) return;
    if (!atomic_load(&team->awaited)) return;
    pthread_mutex_lock(&team->mutex);
    pthread_cond_signal(&team->work_done);
    pthread_mutex_unlock(&team->mutex);
}

static bool team_has_work(wg_team *team) { return atomic_load(&team->left) || atomic_load(&team->over); }

static void *team_worker(void *user)
{
    wg_team *team = user;
    while (!atomic_load(&team->over)) {
        if (!team_spin(team, team_has_work)) {
            pthread_mutex_lock(&team->mutex);
            atomic_fetch_add(&team->asleep, 1);
            while (!team_has_work(team)) pthread_cond_wait(&team->work_to_do, &team->mutex);
            atomic_fetch_sub(&team->asleep, 1);
            pthread_mutex_unlock(&team->mutex);
        }
        team_share(team);
    }
    return NULL;
}

/* ---- the caller's side ------------------------------------------------------------------------------------------ */

/* Makes the threads, with all signals blocked, so that none is delivered to them. */
static void team_start(wg_team *team)
{
    long cores = 0;
#ifdef _SC_NPROCESSORS_ONLN
    cores = sysconf(_SC_NPROCESSORS_ONLN);
#endif
    team->started = true;
    team->process = getpid();
    team->spins = cores >= (long)team->size;
    if (!team->spins) team->worth *= 5; /* each dispatch wakes sleepers */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (
        team->workers + 1 < team->size && pthread_create(&team->threads[team->workers], NULL, team_worker, team) == 0)
        team->workers++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    team->size = team->workers + 1;
}

static void team_wake(wg_team *team)
{
    pthread_mutex_lock(&team->mutex);
    pthread_cond_broadcast(&team->work_to_do);
    pthread_mutex_unlock(&team->mutex);
}

static bool team_is_done(wg_team *team) { return atomic_load(&team->done) == team->parts; }

void wg_team_run(wg_team *team, size_t parts, void (*work)(void *context, size_t part), void *context)
{
    bool shared = team && parts > 1 && !team->running;
    if (shared && !team->started) team_start(team);
    if (!shared || !team->workers || team->process != getpid()) {
        for (size_t part = 0; part < parts; part++) work(context, part);
        return;
    }
    team->work = work;
    team->context = context;
    team->parts = parts;
    team->running = true;
    atomic_store(&team->done, 0);
    atomic_store(&team->left, parts);
    if (atomic_load(&team->asleep)) team_wake(team);
    team_share(team);
    if (!team_spin(team, team_is_done)) {
        pthread_mutex_lock(&team->mutex);
        atomic_store(&team->awaited, true);
        while (!team_is_done(team)) pthread_cond_wait(&team->work_done, &team->mutex);
        atomic_store(&team->awaited, false);
        pthread_mutex_unlock(&team->mutex);
    }
    team->running = false;
}

unsigned wg_team_size(const wg_team *team) { return team ? team->size : 1; }

size_t wg_team_parts(const wg_team *team, double nanoseconds, size_t most)
{
    if (!team || team->size == 1 || team->running || !(nanoseconds >= team->worth) || most < 2) return 1;
    size_t parts = (size_t)team->size * TEAM_EACH;
    if (nanoseconds < team->worth / TEAM_EACH * (double)parts) parts = (size_t)(nanoseconds / team->worth * TEAM_EACH);
    return parts < most ? parts : most;
}

void wg_team_set_worth(wg_team *team, double nanoseconds)
{
    if (team) team->worth = nanoseconds;
}

/* ---- its life --------------------------------------------------------------------------------------------------- */

static void *team_malloc(void *user, size_t bytes)
{
    (void)user;
    return aligned_alloc(TEAM_LINE, bytes);
}

static void team_free(void *user, void *memory, size_t bytes)
{
    (void)user, (void)bytes;
    free(memory);
}

bool wg_team_new(wg_team **team, unsigned threads, wg_team_allocate *allocate, wg_team_release *release, void *user)
{
    *team = NULL;
    if (threads <= 1) return true;
    if (threads > WG_TEAM_MOST) threads = WG_TEAM_MOST;
    if (!allocate) {
        allocate = team_malloc;
        release = team_free;
    }
    size_t bytes = (sizeof(wg_team) + (threads - 1) * sizeof(pthread_t) + TEAM_LINE - 1) / TEAM_LINE * TEAM_LINE;
    wg_team *made = allocate(user, bytes);
    if (!made) return false;
    *made = (wg_team){.size = threads, .worth = TEAM_WORTH, .release = release, .user = user, .bytes = bytes};
    atomic_init(&made->left, 0);
    atomic_init(&made->done, 0);
    atomic_init(&made->asleep, 0);
    atomic_init(&made->awaited, false);
    atomic_init(&made->over, false);
    pthread_mutex_init(&made->mutex, NULL);
    pthread_cond_init(&made->work_to_do, NULL);
    pthread_cond_init(&made->work_done, NULL);
    *team = made;
    return true;
}

void wg_team_free(wg_team *team)
{
    if (!team) return;
    /* In a forked process the threads don't exist, and what they held when it began is unknown. */
    if (!team->started || team->process == getpid()) {
        atomic_store(&team->over, true);
        team_wake(team);
        for (unsigned i = 0; i < team->workers; i++) pthread_join(team->threads[i], NULL);
        pthread_cond_destroy(&team->work_done);
        pthread_cond_destroy(&team->work_to_do);
        pthread_mutex_destroy(&team->mutex);
    }
    team->release(team->user, team, team->bytes);
}

#undef TEAM_LINE
#undef TEAM_SPIN

#endif

#undef TEAM_WORTH
#undef TEAM_EACH
