/* A check of a function's derivatives from inside.
 *
 *     function.c     the order of things, and the verdict
 *     point.c        the function run on tapes of our own, and what the tape says of its derivatives there
 *     subject.c      what is held against differences: the function at order 1, its gradient at order 2
 *     rounding.c     what rounding does to values and derivatives
 *     differences.c  slopes along a line, with their errors; kinks and jumps
 *     entries.c      is one derivative right; every entry in turn
 *     directions.c   random directions, and the way from one that fails to the entries
 *     phrase.c       the message
 */
#ifndef WG_CHECK_FUNCTION_H
#define WG_CHECK_FUNCTION_H

#include "check/run.h"

enum { FUNCTION_COTANGENTS = 3, FUNCTION_WAYS = 4, FUNCTION_MEASURED = 11, FUNCTION_ROUNDS = 4, FUNCTION_MODELLED = 4 };

/* ---- the function at a point ------------------------------------------------------------------------------------- */

typedef struct check_argument {
    wg_shape shape;
    size_t size;
    size_t begin; /* of its numbers among all that vary */
    bool indices, fixed;
    char name[64];
    void *numbers; /* double, or int64_t for indices */
} check_argument;

/* A tape with copies of the inputs. */
typedef struct check_point {
    wg_tape *tape;
    wg_var *in;  /* as many as the inputs */
    wg_var *wrt; /* those that vary */
    wg_mark mark;
    size_t element; /* bytes of a number */
} check_point;

typedef struct check_function {
    wg_function f;
    void *user;
    wg_function_options options;
    wg_function_report *report;
    check_argument *inputs;
    size_t n, varying;     /* inputs; those that vary */
    size_t size;           /* numbers that vary */
    wg_dtype dtype;        /* of the point */
    wg_dtype fine;         /* in which differences are made */
    check_point points[2]; /* by dtype; without a tape where f does not run */
    size_t outputs;
    double *x, *scale;      /* the point, and powers of two for its entries' sizes: small ones by that of the input */
    double *fine_scale;     /* and by their own */
    void *buffer;           /* for the larger of inputs and outputs, in either dtype */
    double *moved, *result; /* as large: a point on a line, a value there */
    bool *touched;          /* outputs that a line moves */
    uint64_t random;
    size_t deep;                     /* lines that may still be followed to the end */
    size_t blind;                    /* entries whose slope cannot be told */
    double excess;                   /* of the worst wrong entry so far */
    size_t (*boxes)[2][WG_MAX_RANK]; /* by input, of its wrong entries */
    size_t *wrong;                   /* by input, how many */
    const char *along;               /* the way that failed along a direction, though no entry did */
    check_memory memory;
} check_function;

double check_function_draw(check_function *run); /* in [0, 1) */

/* Opens points, runs f once on each, says in run->fine where differences are to be made. */
wg_status check_point_open(check_function *run, const wg_var *in);
void check_point_close(check_function *run);
/* f recorded at x, on the tape of that dtype; an invalid var when it fails, and then the tape is in error. */
wg_var check_point_run(check_function *run, wg_dtype dtype, const double *x);
/* Numbers of either dtype to doubles, and doubles into run->buffer. */
void check_point_read(double *to, const void *from, size_t n, wg_dtype dtype);
const void *check_point_raw(check_function *run, const double *from, size_t n, wg_dtype dtype);
/* The value, or the gradient by wg_backward. False: f or its derivative failed there; the tape says why. */
bool check_point_value(check_function *run, wg_dtype dtype, const double *x, double *value);
bool check_point_gradient(
    check_function *run, wg_dtype dtype, const double *x, const double *cotangent, double *gradient);

/* ---- what is held against differences ------------------------------------------------------------------------------ */

typedef struct check_subject {
    check_function *run;
    unsigned order;
    size_t outputs;
    const double *held;                /* order 2: the cotangent of f */
    double *cotangents;                /* FUNCTION_COTANGENTS of the outputs */
    double *value;                     /* at the point, in the fine dtype */
    double *rounding;                  /* of each output's value, in the fine dtype */
    double least[FUNCTION_COTANGENTS]; /* the smallest magnitude of each's numbers */
    bool partial;                      /* some outputs are not finite, and left out */
    size_t ways;
    const char *way[FUNCTION_WAYS];
    double *gradient[FUNCTION_WAYS]; /* FUNCTION_COTANGENTS of them each, in the dtype of the point */
    double
        *measured[FUNCTION_ROUNDS * FUNCTION_MEASURED]; /* draws of the rounding of gradients, in the point's dtype */
    size_t draws;                                       /* how many there are */
    double *modelled[FUNCTION_MODELLED];                /* draws from a model of it; NULL: f cannot be copied */
    bool forward;
} check_subject;

/* WG_ERROR_UNSUPPORTED at order 2: the derivative is numbers only. */
wg_status check_subject_open(check_subject *subject, check_function *run, unsigned order, const double *held);
/* The function of this order at x. */
bool check_subject_value(check_subject *subject, const double *x, double *value);
/* Its derivative, for one cotangent, by wg_backward or wg_hvp, in a dtype. */
bool check_subject_gradient(
    check_subject *subject, wg_dtype dtype, const double *x, const double *cotangent, double *gradient);
/* Its tangent, contracted with each cotangent, and the size of the terms of that. */
bool check_subject_forward(check_subject *subject, wg_dtype dtype, const double *x, const double *direction,
    double *contracted, double *terms);

/* Fills in subject->rounding. */
wg_status check_rounding_values(check_subject *subject);
/* Fills in the samples. */
wg_status check_rounding_gradients(check_subject *subject);
/* Draws more of them, as long as there is room. */
wg_status check_rounding_more(check_subject *subject);
/* sum_i a[i] direction[i], exact zeros for zeros of the direction; NULL: a[entry]. */
double check_along(const double *a, const double *direction, size_t entry, size_t n);
/* What the derivative for cotangent k along a direction may be off by, for rounding; NULL: along entry. */
double check_rounding_slack(const check_subject *subject, size_t k, const double *direction, size_t entry);

/* ---- slopes --------------------------------------------------------------------------------------------------------- */

typedef struct check_quotient {
    double value, error; /* the error is INFINITY where nothing is known */
    size_t level;        /* the finest that it was made of */
} check_quotient;

/* Along a line, of the function contracted with one cotangent. */
typedef struct check_slope {
    check_quotient middle, left, right;
    bool left_jumps, right_jumps; /* the value does not come near with the step */
    bool left_grows, right_grows; /* the slope is infinite */
} check_slope;

enum { LINE_LEVELS = 96 };

typedef struct check_line {
    check_subject *subject;
    const double *direction; /* NULL: entry alone, by its scale */
    size_t entry;
    size_t first, last;       /* levels [first, last) are there; each has half the step of the one before */
    double step[LINE_LEVELS]; /* of the entry itself, where there is one */
    double plus[LINE_LEVELS][FUNCTION_COTANGENTS], minus[LINE_LEVELS][FUNCTION_COTANGENTS]; /* less the value at 0 */
    double noise[FUNCTION_COTANGENTS];  /* the rounding in each of these, by the outputs that the line moves */
    double hidden[FUNCTION_COTANGENTS]; /* that of the others, in which something may be hidden */
    check_slope slope[FUNCTION_COTANGENTS];
} check_line;

void check_line_open(check_line *line, check_subject *subject, const double *direction, size_t entry);
/* More levels, with smaller or larger steps; then the slopes anew. False: there are none such. */
bool check_line_finer(check_line *line);
bool check_line_coarser(check_line *line);
/* The least and the most that a derivative may be when each output takes a slope that it has at the point or beside it,
 * and the error of the two. */
void check_line_between(check_line *line, double *low, double *high, double *error);

/* ---- judging ---------------------------------------------------------------------------------------------------------- */

/* In rising order of what matters. */
typedef enum check_outcome {
    OUTCOME_RIGHT,
    OUTCOME_UNRESOLVED,
    OUTCOME_KINK,
    OUTCOME_JUMP,
    OUTCOME_UNDEFINED,
    OUTCOME_WRONG
} check_outcome;

typedef struct check_finding {
    check_outcome outcome;
    bool kink;  /* the sides differ, whatever the outcome */
    bool blind; /* the function varies, but its slope cannot be told */
    const char *way;
    double recorded, difference, error, tolerance, excess; /* of the worst: excess is the error over the tolerance */
    double blur;                                           /* the largest error of a slope in relation to it */
} check_finding;

/* The derivative along a line: by all ways, for all cotangents. */
wg_status check_entries_judge(check_subject *subject, const double *direction, size_t entry, check_finding *finding);
/* Every entry with among[entry], or all. Adds to the report. */
wg_status check_entries_all(check_subject *subject, const bool *among);
/* Random directions. *worst is the worst of what they say. */
wg_status check_directions(check_subject *subject, check_finding *worst);
/* The same, and where one fails the entries that make it fail are looked for. */
wg_status check_directions_locate(check_subject *subject, check_finding *worst);
/* At what power of the step the remainder of the linear approximation shrinks; into the report. */
void check_directions_rate(const check_line *line);

/* Adds a wrong entry to the report. */
void check_function_note(check_subject *subject, size_t entry, const check_finding *finding);
/* The input that an entry is of, and its index there. */
size_t check_function_place(const check_function *run, size_t entry, size_t *index);

/* Writes report->message. */
void check_phrase(const check_function *run);

#endif
