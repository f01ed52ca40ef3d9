/* A row: what a test says about one op, and the checks that every op goes through.
 *
 *     ROW(wg_mul, .binary = wg_mul, .formula = product, .cases = ..., .domain = {FROM(-2, 2), FROM(-2, 2)})
 *
 * names the op, how it is called, a naive reference in long double that shares nothing with the library, the shapes to
 * run it on, and the numbers to draw. row_run then holds the op against the reference, its gradient against differences
 * of the reference, its second derivatives against differences of its gradient, its two readings against each other,
 * and looks for reads of memory that it has no business with. row.c lists the checks.
 *
 * Every number drawn is a float, so the same inputs serve both dtypes without rounding. */
#ifndef WG_TESTS_SUPPORT_ROW_H
#define WG_TESTS_SUPPORT_ROW_H

#include "support/array.h"

#define ROW_INPUTS 6

/* Where an input's elements are drawn from: low to high, at least `away` from 0. A truth is 0, 1 or another non-zero
 * number, and has no derivative. */
typedef struct row_domain {
    double low, high, away;
    bool truth;
} row_domain;

#define FROM(low_, high_)                                                                                              \
    {                                                                                                                  \
        .low = low_, .high = high_                                                                                     \
    }
#define AWAY(low_, high_, away_)                                                                                       \
    {                                                                                                                  \
        .low = low_, .high = high_, .away = away_                                                                      \
    }
#define TRUTH                                                                                                          \
    {                                                                                                                  \
        .truth = true                                                                                                  \
    }

/* One set of input shapes; user goes to the op and to its reference. */
typedef struct row_case {
    size_t n;
    wg_shape in[ROW_INPUTS];
    const void *user;
} row_case;

/* In a static table: CASE(2, SHAPE(2, 3), SHAPE_SCALAR). */
#define CASE(n_, ...)                                                                                                  \
    {                                                                                                                  \
        .n = n_, .in = { __VA_ARGS__ }                                                                                 \
    }
#define CASE_WITH(user_, n_, ...)                                                                                      \
    {                                                                                                                  \
        .n = n_, .in = {__VA_ARGS__}, .user = user_                                                                    \
    }
#define SHAPE(...)                                                                                                     \
    {                                                                                                                  \
        sizeof((size_t[]){__VA_ARGS__}) / sizeof(size_t), { __VA_ARGS__ }                                              \
    }
#define SHAPE_SCALAR                                                                                                   \
    {                                                                                                                  \
        0, { 0 }                                                                                                       \
    }

/* What a derivative reads beside the cotangent, as bits: input k, the result. */
#define ROW_READS(k)     (1u << (k))
#define ROW_READS_RESULT 128u

typedef wg_var row_function(wg_tape *tape, const wg_var *in, size_t n, const void *user);
typedef long double row_formula(const long double *x);
typedef void row_reference(array *out, const array *in, size_t n, const void *user); /* makes *out */

typedef struct row {
    const char *name;

    wg_var (*unary)(wg_var); /* one of these six */
    wg_var (*binary)(wg_var, wg_var);
    wg_var (*ternary)(wg_var, wg_var, wg_var);
    wg_var (*with_parameter)(wg_var, double);
    wg_var (*with_parameters)(wg_var, double, double);
    row_function *apply;
    double parameters[2];
    bool composite; /* it records more than the op */

    row_formula *formula;     /* an elementwise op's, for one element of each input, then the parameters; or */
    row_reference *reference; /* of the whole arrays */

    const row_case *cases;
    size_t cases_count;
    row_domain domain[ROW_INPUTS];
    bool distinct; /* no two elements of all inputs are nearer than a difference step, so that no order flips */

    /* The value's error, in roundings of the result, or, for a sum, of what the reference gives for magnitudes. */
    unsigned roundings;
    bool sum;
    bool pieces; /* an adjoint is added to in several pieces, so two sweeps need not be twice one to the last bit */

    /* What the derivative with respect to input k may read: the roster says it for an elementwise op. */
    bool elementwise;
    uint32_t rule;
    unsigned reads[ROW_INPUTS];
} row;

#define ROW(function, ...)                                                                                             \
    {                                                                                                                  \
        .name = #function, __VA_ARGS__                                                                                 \
    }
#define ROW_UNARY(rule_)        .unary = wg_##rule_, .elementwise = true, .rule = EW_##rule_
#define ROW_BINARY(rule_)       .binary = wg_##rule_, .elementwise = true, .rule = EW_##rule_
#define ROW_TERNARY(rule_)      .ternary = wg_##rule_, .elementwise = true, .rule = EW_##rule_
#define ROW_PARAMETER(rule_, p) .with_parameter = wg_##rule_, .parameters = {p}, .elementwise = true, .rule = EW_##rule_
#define ROW_PARAMETERS(rule_, p, q)                                                                                    \
    .with_parameters = wg_##rule_, .parameters = {p, q}, .elementwise = true, .rule = EW_##rule_
#define ROW_CASES(table)        .cases = table, .cases_count = sizeof(table) / sizeof *(table)
#define ROW_CASES_UNARY         .cases = row_cases_unary, .cases_count = ROW_CASES_UNARY_COUNT
#define ROW_CASES_BINARY        .cases = row_cases_binary, .cases_count = ROW_CASES_BINARY_COUNT
#define ROW_CASES_TERNARY       .cases = row_cases_ternary, .cases_count = ROW_CASES_TERNARY_COUNT
#define ROW_CASES_UNARY_COUNT   10
#define ROW_CASES_BINARY_COUNT  27
#define ROW_CASES_TERNARY_COUNT 13
extern const row_case row_cases_unary[ROW_CASES_UNARY_COUNT], row_cases_binary[ROW_CASES_BINARY_COUNT],
    row_cases_ternary[ROW_CASES_TERNARY_COUNT];

/* Runs every check on every case, in both dtypes. */
void row_run(const row *r);
/* Makes every allocation of an op and its derivatives fail in turn, on one case; prints how many there were. */
void row_fail_allocations(const row *r, const row_case *c);
/* A cmocka program of the rows, one test each, and of other tests. */
int row_main(const char *name, const row *rows, size_t rows_count, const struct CMUnitTest *tests, size_t tests_count);

/* ---- one application, for row.c and row_memory.c ------------------------------------------------------------------ */

typedef struct row_data {
    const row *row;
    const row_case *c;
    bool shared;                 /* f(x, x): input 1 is input 0 */
    size_t leaves;               /* inputs, of which a shared one counts once */
    array in[ROW_INPUTS];        /* the inputs */
    array direction[ROW_INPUTS]; /* a random direction in their space, 0 for truths */
    array cotangent;
} row_data;

typedef struct row_options {
    wg_dtype dtype;
    unsigned constants; /* bits of inputs that are constants */
    bool through;       /* each input goes through two negations first: an intermediate with the same bits */
    bool ieee_zero;
    wg_instructions instructions;
    long double move; /* the inputs are moved by so much along direction */
} row_options;

typedef struct row_tape {
    wg_tape *tape;
    wg_var leaf[ROW_INPUTS], in[ROW_INPUTS], out;
} row_tape;

row_data row_draw(const row *r, const row_case *c, bool shared, uint64_t seed);
void row_drop(row_data *data);
/* The reference's result for the inputs given. */
array row_reference_of(const row_data *data, const array *in);
/* The op, applied. */
wg_var row_call(const row *r, wg_tape *tape, const wg_var *in, size_t n, const void *user);
/* Records leaves, inputs and result on a tape. The tape may be in error afterwards. */
void row_record(row_tape *t, const row_data *data, const row_options *options);
/* The same on a new tape whose memory has held NaNs. */
row_tape row_open(const row_data *data, const row_options *options);
void row_close(row_tape *t);

typedef struct row_gradient {
    array of[ROW_INPUTS];
} row_gradient;

/* By wg_backward_from; of a constant: zeros. */
row_gradient row_sweep(const row_data *data, const row_options *options);
void row_gradient_free(const row_data *data, row_gradient *g);

/* A line through the inputs: along one axis or, with input = leaves, along the direction. */
typedef struct row_line {
    const row_data *data;
    size_t input, element;
} row_line;
/* The reference's result at t on the line. */
array row_moved(const row_line *line, long double t);

/* What is being checked, for a failure's message. */
extern char row_where[256];
void row_at(const row_data *data, wg_dtype dtype, const char *what);
void row_healthy(const wg_tape *tape);
/* What roundings of a gradient are relative to: its largest element, since others may be sums that cancel. */
long double row_scale(const row_data *data, const array *gradient);
/* got[i] = expected[i] up to relative |expected[i]| + absolute, NaN nowhere; both are of input k. */
void row_near(const array *got, const array *expected, long double relative, long double absolute, size_t k);

/* row_memory.c: with a caller's allocator a sweep takes all its memory before it touches a gradient. */
void row_check_bounded(const row_data *data, wg_dtype dtype);

/* row_inspect.c; the gradient to compare a copy's with is that on a tape of doubles. */
void row_check_observed(const row_data *data, const row_gradient *g, wg_dtype dtype);
void row_check_words(wg_tape *tape);
void row_check_copied(const row_data *data, const row_gradient *g, wg_dtype dtype);

/* row_second.c */
void row_check_recorded(const row_data *data, const row_gradient *g, wg_dtype dtype);
void row_check_second(const row_data *data);
void row_check_third(const row_data *data);
void row_check_accumulation(const row_data *data, const row_gradient *g, wg_dtype dtype);
void row_check_beside(const row_data *data, const row_gradient *g, wg_dtype dtype);

#endif
