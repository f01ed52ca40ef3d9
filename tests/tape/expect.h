/* Short words for tests of the tape: what its status and message must be, small tapes, numbers compared bit by bit.
 * Include it after cmocka.h. */
#ifndef WG_TESTS_TAPE_EXPECT_H
#define WG_TESTS_TAPE_EXPECT_H

#include <math.h>
#include <string.h>

#include "wengert.h"

/* The tape has no error. */
#define HEALTHY(tape) expect_healthy(tape, __FILE__, __LINE__)

/* The tape's error is this one and its message holds each of the words; then it is cleared. */
#define EXPECT_ERROR(tape, status, ...)                                                                                \
    expect_error(tape, status, (const char *const[]){__VA_ARGS__, NULL}, __FILE__, __LINE__)

/* A double is exactly this number; any NaN is NaN. */
#define EXPECT_NUMBER(got, expected) expect_number(got, expected, __FILE__, __LINE__)

static inline void expect_healthy(const wg_tape *tape, const char *file, int line)
{
    if (wg_tape_status(tape) == WG_OK && wg_tape_message(tape)[0] == '\0') return;
    print_error("the tape is in error: %s: %s\n", wg_status_name(wg_tape_status(tape)), wg_tape_message(tape));
    _fail(file, line);
}

static inline void expect_error(wg_tape *tape, wg_status status, const char *const *words, const char *file, int line)
{
    const char *message = wg_tape_message(tape);
    if (wg_tape_status(tape) != status) {
        print_error("the status is %s, expected %s; message: \"%s\"\n", wg_status_name(wg_tape_status(tape)),
            wg_status_name(status), message);
        _fail(file, line);
    }
    for (; *words; words++) {
        if (strstr(message, *words)) continue;
        print_error("no \"%s\" in \"%s\"\n", *words, message);
        _fail(file, line);
    }
    wg_tape_clear_error(tape);
}

static inline void expect_number(double got, double expected, const char *file, int line)
{
    if (got == expected || (isnan(got) && isnan(expected))) return;
    print_error("%.17g, expected %.17g\n", got, expected);
    _fail(file, line);
}

static inline wg_tape *new_tape(wg_dtype dtype)
{
    wg_tape *tape = wg_tape_new(dtype);
    assert_non_null(tape);
    return tape;
}

static inline wg_tape *new_tape_with(wg_tape_options options)
{
    wg_status why = WG_ERROR_STALE;
    wg_tape *tape = wg_tape_new_with(&options, &why);
    assert_non_null(tape);
    assert_int_equal(why, WG_OK);
    return tape;
}

static inline size_t count_nodes(const wg_tape *tape)
{
    wg_stats stats;
    assert_int_equal(wg_tape_stats(tape, &stats), WG_OK);
    return stats.nodes;
}

static inline size_t count_allocations(const wg_tape *tape)
{
    wg_stats stats;
    assert_int_equal(wg_tape_stats(tape, &stats), WG_OK);
    return stats.allocations;
}

#endif
