/* Naive reductions: the elements of each group are gathered, in row-major order, and handed to a function. For ops that
 * reduce over axes, and for those that work along one. */
#ifndef WG_TESTS_SUPPORT_OVER_H
#define WG_TESTS_SUPPORT_OVER_H

#include "support/row.h"

/* Which axes a case reduces: what a row's user points to, or begins with. NULL: all. */
typedef struct over {
    int axes[WG_MAX_RANK];
    size_t n;
    bool keepdims, all;
    double correction; /* of a variance */
} over;

/* *out = f of each group that is left when the other axes are fixed. */
typedef long double over_function(const long double *x, size_t n, const over *o);
void over_reduce(array *out, const array *in, const over *o, over_function *f);

/* *out, of in's shape: f writes y for each group along one axis, which may be negative. */
typedef void over_map(const long double *x, size_t n, long double *y);
void over_along(array *out, const array *in, int axis, over_map *f);

/* In static tables. */
#define OVER(keep, ...)                                                                                                \
    &(const over) { .axes = {__VA_ARGS__}, .n = sizeof((int[]){__VA_ARGS__}) / sizeof(int), .keepdims = keep }
#define OVER_NONE(keep)                                                                                                \
    &(const over) { .keepdims = keep }
#define AXIS(a)                                                                                                        \
    &(const int) { a }

/* Cases of a reduction over axes, none of them of nothing; of nothing; over everything; along an axis. */
#define OVER_CASES_AXES                                                                                                \
    CASE_WITH(OVER_NONE(false), 1, SHAPE_SCALAR), CASE_WITH(OVER_NONE(true), 1, SHAPE(2, 3)),                          \
        CASE_WITH(OVER(false, 0), 1, SHAPE(1)), CASE_WITH(OVER(true, 0), 1, SHAPE(5)),                                 \
        CASE_WITH(OVER(false, 0), 1, SHAPE(2, 3)), CASE_WITH(OVER(true, 1), 1, SHAPE(2, 3)),                           \
        CASE_WITH(OVER(false, -1), 1, SHAPE(2, 3, 4)), CASE_WITH(OVER(false, 1), 1, SHAPE(2, 3, 4)),                   \
        CASE_WITH(OVER(true, 0, 1), 1, SHAPE(2, 3, 4)), CASE_WITH(OVER(false, 0, 2), 1, SHAPE(2, 3, 4)),               \
        CASE_WITH(OVER(true, -1, 0), 1, SHAPE(2, 3, 4)), CASE_WITH(OVER(false, 2, 1, 0), 1, SHAPE(2, 3, 4)),           \
        CASE_WITH(OVER(false, 0, 2), 1, SHAPE(3, 1, 1, 2)), CASE_WITH(OVER(true, -1, 1), 1, SHAPE(2, 2, 1, 3, 2)),     \
        CASE_WITH(OVER(false, 0, 2, 4, 6), 1, SHAPE(2, 1, 2, 2, 1, 2, 2, 1)),                                          \
        CASE_WITH(OVER(false, 1), 1, SHAPE(0, 3)), CASE_WITH(OVER(true, 0, 3), 1, SHAPE(2, 0, 3, 2)),                  \
        CASE_WITH(OVER(true, 1), 1, SHAPE(2, 3, 150))
#define OVER_CASES_NOTHING                                                                                             \
    CASE_WITH(OVER(false, 0), 1, SHAPE(0, 3)), CASE_WITH(OVER(true, 1), 1, SHAPE(2, 0, 3)),                            \
        CASE_WITH(OVER(false, 0, 2), 1, SHAPE(2, 3, 0)), CASE_WITH(OVER(false, 0), 1, SHAPE(0))
#define OVER_CASES_ALL                                                                                                 \
    CASE(1, SHAPE_SCALAR), CASE(1, SHAPE(1)), CASE(1, SHAPE(1, 1, 1)), CASE(1, SHAPE(7)), CASE(1, SHAPE(2, 3)),        \
        CASE(1, SHAPE(2, 1, 2, 1, 1, 3, 1, 2))
#define OVER_CASES_ALONG                                                                                               \
    CASE_WITH(AXIS(0), 1, SHAPE(1)), CASE_WITH(AXIS(0), 1, SHAPE(5)), CASE_WITH(AXIS(-1), 1, SHAPE(0)),                \
        CASE_WITH(AXIS(0), 1, SHAPE(4, 3)), CASE_WITH(AXIS(1), 1, SHAPE(2, 3)),                                        \
        CASE_WITH(AXIS(-2), 1, SHAPE(2, 5, 3)), CASE_WITH(AXIS(1), 1, SHAPE(0, 3)),                                    \
        CASE_WITH(AXIS(0), 1, SHAPE(0, 3)), CASE_WITH(AXIS(1), 1, SHAPE(2, 3, 0)),                                     \
        CASE_WITH(AXIS(4), 1, SHAPE(2, 1, 2, 1, 3, 1, 2, 1)), CASE_WITH(AXIS(1), 1, SHAPE(2, 1, 3)),                   \
        CASE_WITH(AXIS(1), 1, SHAPE(2, 3, 150)), CASE_WITH(AXIS(0), 1, SHAPE(150, 2))

/* What every reduction over axes refuses, on an F32 tape of its own: the errors, and that nothing is left behind. */
void over_check_errors(const char *name, wg_var (*all)(wg_var), wg_var (*axes)(wg_var, const int *, size_t, bool));
/* The same of what works along an axis. */
void over_check_axis_errors(const char *name, wg_var (*f)(wg_var, int));

#endif
