/* Backward passes as people write them, and the mistakes that they make in them.
 *
 * A forward here is a small network of named arrays, written twice: recorded on a tape, and in plain loops of doubles that
 * know nothing of the library. Its backward pass is written in loops too, from the formulas, gradient by gradient, with
 * each mistake as a switch in the code: what is made wrong in dZ2 goes on into dW2 and dA1, as it would in a real program.
 * Mistakes that can happen to any array (a sign, rows shifted by one, a row never written) are made in one place, when the
 * array is done. Every value and gradient is rounded to the program's precision when it is stored.
 *
 * A case is a forward, a shape, a seed, a precision, a mistake (or two, or none) and the set of gradients handed over;
 * suite_judge hands it to the checker and says how good the answer is. */
#ifndef WG_TEST_CHECK_SUITE_H
#define WG_TEST_CHECK_SUITE_H

#include <wengert.h>
#include <wengert/check.h>

enum { SUITE_ARRAYS = 32, SUITE_SHAPES = 3, SUITE_SIZES = 8 };

/* ---- a run of a program -------------------------------------------------------------------------------------------------- */

/* What an array is. The gradients of variables are handed over always, those of steps when intermediates are. */
typedef enum suite_kind { SUITE_DATA, SUITE_INDICES, SUITE_VARIABLE, SUITE_STEP } suite_kind;

typedef struct suite_array {
    const char *name;
    suite_kind kind;
    wg_shape shape;
    double *value; /* indices too */
    double *grad;
    wg_shape grad_shape; /* as the program has it, which may be wrong */
    wg_var var;
} suite_array;

typedef struct suite_forward suite_forward;
typedef struct suite_mistake suite_mistake;

typedef struct suite {
    const suite_forward *forward;
    const size_t *size; /* the extents of this shape */
    suite_array array[SUITE_ARRAYS];
    size_t count;
    const suite_mistake *made[2];
    size_t shape;
    uint64_t seed;
    unsigned bits; /* of every number: 53, 24, 11 */
    uint64_t random;
    wg_tape *tape;
    wg_var loss;
} suite;

/* A mistake of a forward's own, or one of those that can happen to any array. */
enum {
    SUITE_ANY = 1000,       /* from here on: made when the array is done */
    SUITE_SCALED,           /* times factor, and extent number extent - 1 if there is one (divided if it is negative) */
    SUITE_TRANSPOSED,       /* the last two axes exchanged, in numbers and shape */
    SUITE_TRANSPOSED_INTO,  /* in the numbers alone */
    SUITE_PERMUTED,         /* the first two axes exchanged, in numbers and shape */
    SUITE_PERMUTED_INTO,    /* in the numbers alone */
    SUITE_ROWS_MOVED,       /* each row is that before it, the first one zeros */
    SUITE_ROWS_ROLLED,      /* each row is that after it, the last one the first */
    SUITE_COLUMNS_MOVED,    /* each column is that after it, the last one zeros */
    SUITE_COLUMNS_ROLLED,   /* each column is that before it, the first one the last */
    SUITE_ROWS_REVERSED,    /* a row is an index of the first axis, a column one of the last */
    SUITE_COLUMNS_REVERSED, /* ... */
    SUITE_LAST_ROW_ZERO,    /* never written */
    SUITE_LAST_COLUMN_ZERO, /* never written */
    SUITE_LAST_ROW_JUNK,    /* never written, in memory that was used before */
    SUITE_FIRST_ROW_ONLY,   /* the loop over the samples ends after the first, samples being rows ... */
    SUITE_FIRST_COLUMN_ONLY, /* ... or columns */
    SUITE_FLOAT_NOISE,       /* no mistake: rounded to float, then added to in double */
    SUITE_RANDOM,            /* no family's: any numbers */
    SUITE_SINE,              /* the sine of the right ones */
    SUITE_MIXED              /* the right ones with some noise of a tenth of their size */
};

struct suite_mistake {
    unsigned id;
    size_t at, also;  /* the array whose gradient is the first wrong one; or one of two (0: there is one) */
    wg_cause cause;   /* its name ... */
    uint32_t same;    /* ... and those, as OR(...), that mean the same numbers */
    const char *what; /* in words */
    double factor;
    int extent;
    bool reported; /* the array handed over is wrong, but the program went on with the right one */
};

/* A row of a forward's table. OR(A) | OR(B) are names for the same numbers; 0: there are none. */
#define OR(cause) (1u << WG_CAUSE_##cause)
#define MISTAKE(id_, at_, cause_, same_, what_)                                                                        \
    {                                                                                                                  \
        .id = id_, .at = at_, .cause = WG_CAUSE_##cause_, .same = same_, .what = what_                                 \
    }
#define SCALED(factor_, extent_, at_, cause_, same_, what_)                                                            \
    {                                                                                                                  \
        .id = SUITE_SCALED, .at = at_, .cause = WG_CAUSE_##cause_, .same = same_, .what = what_, .factor = factor_,    \
        .extent = extent_                                                                                              \
    }
#define MISTAKE_OF_TWO(id_, at_, also_, cause_, same_, what_)                                                          \
    {                                                                                                                  \
        .id = id_, .at = at_, .also = also_, .cause = WG_CAUSE_##cause_, .same = same_, .what = what_                  \
    }
#define MISTAKE_IN_REPORT(id_, at_, cause_, same_, what_)                                                              \
    {                                                                                                                  \
        .id = id_, .at = at_, .cause = WG_CAUSE_##cause_, .same = same_, .what = what_, .reported = true               \
    }
#define SCALED_IN_REPORT(factor_, extent_, at_, cause_, same_, what_)                                                  \
    {                                                                                                                  \
        .id = SUITE_SCALED, .at = at_, .cause = WG_CAUSE_##cause_, .same = same_, .what = what_, .factor = factor_,    \
        .extent = extent_, .reported = true                                                                            \
    }

struct suite_forward {
    const char *name;
    const char *text; /* in one line */
    size_t sizes[SUITE_SHAPES][SUITE_SIZES];
    void (*declare)(suite *s);
    void (*run)(suite *s); /* the values, in loops */
    void (*backward)(suite *s);
    wg_var (*record)(suite *s); /* the same on s->tape; the vars go into the arrays */
    const suite_mistake *mistakes;
    size_t mistakes_count;
};

extern const suite_forward *const suite_forwards[];
extern const size_t suite_forwards_count;

/* Runs the program and records the tape. made: two mistakes, either may be NULL. False: out of memory, or the tape's
 * error, which is printed. suite_end in any case. */
bool suite_begin(suite *s, const suite_forward *forward, size_t shape, uint64_t seed, unsigned bits,
    const suite_mistake *first, const suite_mistake *second);
void suite_end(suite *s);

/* The largest difference between the hand-written gradients and the tape's, each over the largest number of its own. */
double suite_against_tape(suite *s);

/* Whether the program's gradient of array i is another than the tape's, to its precision; suite_against_tape first. */
bool suite_differs(const suite *s, size_t i);

/* ---- for the forwards ---------------------------------------------------------------------------------------------------- */

/* Declares array i. A leaf is filled with random numbers of size scale, none of them near zero. */
void suite_declare(suite *s, size_t i, const char *name, suite_kind kind, wg_shape shape, double scale);
/* Numbers 0 ... below - 1 for a leaf of indices, each of them next to others like it. */
void suite_draw_indices(suite *s, size_t i, size_t below);
bool suite_made(const suite *s, unsigned id);
/* A value, a gradient is complete: it is rounded, and the mistakes of any array are made. */
void suite_value(suite *s, size_t i);
void suite_done(suite *s, size_t i);

/* Puts a leaf on the tape, as a variable or a constant, under its name; names a step. */
wg_var suite_leaf(suite *s, size_t i);
wg_var suite_step(suite *s, size_t i, wg_var var);

enum { AS_IT_IS, TRANSPOSE };
/* out (n,m) = a (n,k) b (k,m), where a transposed operand is stored (k,n), (m,k). */
void suite_multiply(double *out, size_t n, size_t m, size_t k, const double *a, int a_is, const double *b, int b_is);
/* out (n) = the sums of the rows of a (n,m); of its columns: out (m). */
void suite_sum_rows(double *out, const double *a, size_t n, size_t m);
void suite_sum_columns(double *out, const double *a, size_t n, size_t m);
/* y = softmax of each row of x (n,m). */
void suite_softmax_rows(double *y, const double *x, size_t n, size_t m);
double suite_sigmoid(double x);

/* In a forward's file, s being the suite: its arrays' values and gradients, and loops over n things. */
#define V(i)       (s->array[i].value)
#define D(i)       (s->array[i].grad)
#define SHAPE(i)   (s->array[i].grad_shape)
#define MADE(id)   suite_made(s, id)
#define EACH(i, n) for (size_t i = 0; i < (n); i++)

/* ---- judging --------------------------------------------------------------------------------------------------------------- */

typedef enum suite_verdict {
    SUITE_UNIQUE,    /* named, and nothing else is */
    SUITE_GROUP,     /* among at most ten causes that explain it equally well */
    SUITE_LOCATED,   /* wrong, without a name */
    SUITE_MISSED,    /* called right */
    SUITE_BLIND,     /* called right, and the numbers are those of a right one, to their precision */
    SUITE_WRONG,     /* another name */
    SUITE_MISPLACED, /* the right name on the wrong gradient */
    SUITE_RIGHT,     /* no mistake, and called right */
    SUITE_EXPLAINED, /* a convention or rounding: called right, and why is said */
    SUITE_ACCUSED,   /* no mistake, and called wrong */
    SUITE_FAILED,    /* the check could not be made */
    SUITE_VERDICTS
} suite_verdict;

/* Whether a difference is none: rounding, or another convention at a kink. */
bool suite_harmless(wg_cause cause);

extern const char *const suite_verdict_names[SUITE_VERDICTS];

/* Asks the checker about a program begun, and judges what it says. said: at least said_size characters, gets its first
 * causes in words. Of two mistakes, the better and the worse verdict are in verdicts[0..1]. */
suite_verdict suite_judge(suite *s, bool intermediates, char *said, size_t said_size, suite_verdict verdicts[2]);

#endif
