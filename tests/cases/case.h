/* Shared by the cases, each of which is a program of its own: compare, complain, count. It uses the public API alone. */
#ifndef WG_CASE_H
#define WG_CASE_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wengert.h>

static int case_failures;

/* NaN equals NaN, an infinity equals itself; otherwise relative to want, and absolute where want is 0 (tol 0: exact). */
static inline int case_same(double got, double want, double tol)
{
    if (isnan(want) || isnan(got)) return isnan(want) && isnan(got);
    if (isinf(want) || isinf(got)) return want == got;
    return fabs(got - want) <= tol * (want == 0 ? 1.0 : fabs(want));
}

static inline void expect_close(const char *what, double got, double want, double tol)
{
    int ok = case_same(got, want, tol);
    printf("%s %s: got %.17g, expected %.17g (tol %g)\n", ok ? "ok  " : "FAIL", what, got, want, tol);
    case_failures += !ok;
}

static inline void expect_true(const char *what, int ok)
{
    printf("%s %s\n", ok ? "ok  " : "FAIL", what);
    case_failures += !ok;
}

/* An array of doubles (a WG_F64 tape's values or gradient). */
static inline void expect_all(const char *what, const void *got, size_t n, const double *want, double tol)
{
    const double *g = got;
    char name[96];
    if (!g) {
        expect_true(what, 0);
        printf("     (the array is NULL)\n");
        return;
    }
    for (size_t i = 0; i < n; i++) {
        snprintf(name, sizeof name, "%s[%zu]", what, i);
        expect_close(name, g[i], want[i], tol);
    }
}

/* The same for a WG_F32 tape. */
static inline void expect_all_f32(const char *what, const void *got, size_t n, const float *want, double tol)
{
    const float *g = got;
    char name[96];
    if (!g) {
        expect_true(what, 0);
        printf("     (the array is NULL)\n");
        return;
    }
    for (size_t i = 0; i < n; i++) {
        snprintf(name, sizeof name, "%s[%zu]", what, i);
        expect_close(name, (double)g[i], (double)want[i], tol);
    }
}

static inline void expect_shape(const char *what, wg_var v, uint32_t rank, const size_t *dim)
{
    wg_shape s = wg_shape_of(v);
    int ok = s.rank == rank;
    for (uint32_t i = 0; ok && i < rank; i++) ok = s.dim[i] == dim[i];
    printf("%s %s: rank %u, expected %u\n", ok ? "ok  " : "FAIL", what, (unsigned)s.rank, (unsigned)rank);
    case_failures += !ok;
}

/* The tape must be healthy. */
static inline void expect_ok(const char *what, const wg_tape *t)
{
    int ok = t && wg_tape_status(t) == 0;
    printf("%s %s: %s\n", ok ? "ok  " : "FAIL", what, ok ? "no error" : t ? wg_tape_message(t) : "no tape");
    case_failures += !ok;
}

/* The tape must be in error, with a message that mentions `mention` (NULL: any message). The error is then cleared. */
static inline void expect_error(const char *what, wg_tape *t, const char *mention)
{
    const char *m = t ? wg_tape_message(t) : NULL;
    int ok = t && wg_tape_status(t) != 0 && m && *m && (!mention || strstr(m, mention));
    printf("%s %s: expected an error%s%s, message \"%s\"\n", ok ? "ok  " : "FAIL", what, mention ? " naming " : "",
        mention ? mention : "", m ? m : "");
    case_failures += !ok;
    if (t) wg_tape_clear_error(t);
}

static inline int case_done(void)
{
    printf(case_failures ? "FAILED: %d\n" : "passed\n", case_failures);
    return case_failures != 0;
}

#endif
