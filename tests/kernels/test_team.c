/* The team: every part runs once, whoever runs it, and none runs after the call returns. */
#define _POSIX_C_SOURCE 200809L /* nanosleep, fork */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "kernels/team.h"
#include "support/memory_probe.h"
#include "wengert/tape.h"

#ifndef WG_NO_THREADS
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#endif

enum { MOST = 8, PARTS = 1000 };

static wg_team *new_team(unsigned threads)
{
    wg_team *team;
    assert_true(wg_team_new(&team, threads, NULL, NULL, NULL));
    return team;
}

/* Plain memory that no two parts share: the thread sanitizer sees whether a part runs twice, or outside of the call. */
static void count_part(void *context, size_t part) { ((unsigned char *)context)[part]++; }

static void every_part_once(void **state)
{
    (void)state;
    static unsigned char counts[PARTS];
    for (unsigned threads = 0; threads <= MOST; threads++) {
        wg_team *team = new_team(threads);
        for (size_t parts = 0; parts <= PARTS; parts += parts < 20 ? 1 : parts / 3) {
            memset(counts, 0, sizeof counts);
            wg_team_run(team, parts, count_part, counts);
            for (size_t i = 0; i < PARTS; i++) assert_int_equal(counts[i], i < parts);
        }
        wg_team_free(team);
    }
}

static void thousands_of_dispatches(void **state)
{
    (void)state;
    for (unsigned threads = 2; threads <= 4; threads += 2) {
        wg_team *team = new_team(threads);
        size_t sums[5] = {0};
        for (size_t round = 1; round <= 5000; round++) {
            unsigned char counts[5] = {0};
            size_t parts = 1 + round % 5;
            wg_team_run(team, parts, count_part, counts);
            for (size_t i = 0; i < 5; i++) sums[i] += counts[i];
        }
        for (size_t i = 0; i < 5; i++) assert_int_equal(sums[i], 5000 - 1000 * i);
        wg_team_free(team);
    }
}

typedef struct nest {
    wg_team *team;
    unsigned char counts[6][PARTS / 6];
} nest;

static void count_within(void *context, size_t part)
{
    nest *n = context;
    wg_team_run(n->team, PARTS / 6, count_part, n->counts[part]);
    assert_int_equal(wg_team_parts(n->team, 1e9, 100), 1);
}

static void within_a_part(void **state)
{
    (void)state;
    for (unsigned threads = 1; threads <= 4; threads++) {
        nest n = {.team = new_team(threads)};
        wg_team_run(n.team, 6, count_within, &n);
        for (size_t i = 0; i < 6; i++)
            for (size_t j = 0; j < PARTS / 6; j++) assert_int_equal(n.counts[i][j], 1);
        wg_team_free(n.team);
    }
}

/* Made and freed, the memory given back as it was taken; nothing else is taken by dispatches. */
static void its_memory(void **state)
{
    (void)state;
    memory_probe probe = {0};
    wg_allocator allocator = memory_probe_allocator(&probe);
    wg_tape_options options = {.allocator = allocator, .threads = 4};
    wg_tape *tape = wg_tape_new_with(&options, NULL);
    assert_non_null(tape);
    wg_tape_free(tape);
    memory_probe_end(&probe);

    wg_team *team;
    assert_true(wg_team_new(&team, 1, NULL, NULL, NULL));
    assert_null(team);
    wg_team_free(team);
    assert_int_equal(wg_team_size(NULL), 1);
    assert_int_equal(wg_team_parts(NULL, 1e9, 100), 1);
}

static void cut_into_parts(void **state)
{
    (void)state;
    for (size_t count = 0; count < 40; count++)
        for (size_t parts = 1; parts < 12; parts++) {
            assert_int_equal(wg_team_first(count, parts, 0), 0);
            assert_int_equal(wg_team_first(count, parts, parts), count);
            for (size_t part = 0; part < parts; part++) {
                size_t length = wg_team_first(count, parts, part + 1) - wg_team_first(count, parts, part);
                assert_true(length == count / parts || length == count / parts + 1);
            }
        }
}

#ifndef WG_NO_THREADS

static void what_is_worth_a_dispatch(void **state)
{
    (void)state;
    wg_team *team = new_team(3);
    assert_int_equal(wg_team_size(team), 3);
    assert_int_equal(wg_team_parts(team, 0, 100), 1);
    assert_int_equal(wg_team_parts(team, 1000, 100), 1);
    assert_int_equal(wg_team_parts(team, 1e6, 1), 1);
    assert_int_equal(wg_team_parts(team, 1e6, 0), 1);
    assert_int_equal(wg_team_parts(team, 1e6, 7), 7);
    assert_in_range(wg_team_parts(team, 1e9, 1000), 3, 30);
    assert_in_range(wg_team_parts(team, 1e300 * 1e300, 1000), 3, 30);
    assert_int_equal(wg_team_parts(team, 0.0 * (1e300 * 1e300), 1000), 1);
    wg_team_set_worth(team, 8);
    assert_int_equal(wg_team_parts(team, 8, 100), 4);
    wg_team_free(team);
    team = new_team(1000000);
    assert_int_equal(wg_team_size(team), WG_TEAM_MOST);
    wg_team_free(team);
}

/* As many parts as members, each of which waits for all the others: it ends only when every member takes one. */
typedef struct meeting {
    atomic_uint here;
    unsigned members;
} meeting;

static void meet(void *context, size_t part)
{
    (void)part;
    meeting *m = context;
    atomic_fetch_add(&m->here, 1);
    while (atomic_load(&m->here) < m->members) sched_yield();
}

static void everybody_comes(void **state)
{
    (void)state;
    for (unsigned threads = 2; threads <= 4; threads++) {
        wg_team *team = new_team(threads);
        wg_team_run(team, 2, count_part, (unsigned char[2]){0});
        for (int round = 0; round < 6; round++) {
            /* Later than any member looks for work: the team sleeps, and wakes. */
            if (round % 2) nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
            meeting m = {.members = wg_team_size(team)};
            atomic_init(&m.here, 0);
            wg_team_run(team, m.members, meet, &m);
            assert_int_equal(m.here, m.members);
        }
        wg_team_free(team);
    }
}

/* A late part: the caller, done with its own, waits for it, awake at first and then asleep. */
static void dawdle(void *context, size_t part)
{
    meet(context, part);
    nanosleep(&(struct timespec){.tv_nsec = 3000000 * (long)part}, NULL);
    atomic_fetch_add(&((meeting *)context)->here, 100);
}

static void the_caller_waits(void **state)
{
    (void)state;
    wg_team *team = new_team(2);
    for (int round = 0; round < 5; round++) {
        wg_team_run(team, 2, count_part, (unsigned char[2]){0});
        meeting m = {.members = wg_team_size(team)};
        atomic_init(&m.here, 0);
        wg_team_run(team, 2, dawdle, &m);
        assert_int_equal(m.here, 202);
    }
    wg_team_free(team);
}

/* Teams don't know of each other. */
static void *use_a_team(void *user)
{
    wg_team *team;
    size_t sum = 0;
    if (!wg_team_new(&team, 3, NULL, NULL, NULL)) return NULL;
    for (int round = 0; round < 200; round++) {
        unsigned char counts[10] = {0};
        wg_team_run(team, 10, count_part, counts);
        for (size_t i = 0; i < 10; i++) sum += counts[i];
    }
    wg_team_free(team);
    return sum == 2000 ? user : NULL;
}

static void two_teams(void **state)
{
    (void)state;
    pthread_t other;
    void *right;
    assert_int_equal(pthread_create(&other, NULL, use_a_team, &right), 0);
    assert_non_null(use_a_team(&right));
    assert_int_equal(pthread_join(other, &right), 0);
    assert_non_null(right);
}

/* The members take no signal. */
static atomic_uint signals;
static pthread_t signalled;
static void on_signal(int number)
{
    (void)number;
    if (pthread_equal(pthread_self(), signalled)) atomic_fetch_add(&signals, 1);
}

static void signals_are_the_callers(void **state)
{
    (void)state;
    signalled = pthread_self();
    atomic_init(&signals, 0);
    struct sigaction action = {.sa_handler = on_signal}, before;
    assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
    wg_team *team = new_team(4);
    for (unsigned round = 1; round <= 20; round++) {
        wg_team_run(team, 8, count_part, (unsigned char[8]){0});
        assert_int_equal(kill(getpid(), SIGUSR1), 0);
        assert_int_equal(signals, round);
    }
    wg_team_free(team);
    assert_int_equal(sigaction(SIGUSR1, &before, NULL), 0);
}

/* In a forked process there are no members; the work is done all the same, and freeing waits for nobody. */
static void after_a_fork(void **state)
{
    (void)state;
    wg_team *team = new_team(3);
    unsigned char counts[50] = {0};
    wg_team_run(team, 50, count_part, counts);
    pid_t child = fork();
    if (child == 0) {
        wg_team_run(team, 50, count_part, counts);
        size_t right = 0;
        for (size_t i = 0; i < 50; i++) right += counts[i] == 2;
        wg_team_free(team);
        _exit(right == 50 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    wg_team_free(team);
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_part_once),
        cmocka_unit_test(thousands_of_dispatches),
        cmocka_unit_test(within_a_part),
        cmocka_unit_test(its_memory),
        cmocka_unit_test(cut_into_parts),
#ifndef WG_NO_THREADS
        cmocka_unit_test(what_is_worth_a_dispatch),
        cmocka_unit_test(everybody_comes),
        cmocka_unit_test(the_caller_waits),
        cmocka_unit_test(two_teams),
        cmocka_unit_test(signals_are_the_callers),
        cmocka_unit_test(after_a_fork),
#endif
    };
    return cmocka_run_group_tests_name("kernels/team", tests, NULL, NULL);
}
