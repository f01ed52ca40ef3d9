/* Is a gradient right, and if not, what is wrong with it?
 *
 * wg_check_function looks at derivatives that a tape computes (of built-in ops or one's own) and holds them against
 * differences of the function itself. wg_check_new and what follows looks at gradients that were computed elsewhere, by
 * hand, and holds them against a tape's; where they differ it names the mistake and the step of the sweep at which it
 * was made. Both work in double and on tapes of their own; nothing is printed, and the caller's tape is only read.
 * They use malloc. */
#ifndef WENGERT_CHECK_H
#define WENGERT_CHECK_H

#include "inspect.h"
#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- gradients written by hand ---------------------------------------------------------------------------------- */

/* What can be wrong with a gradient. */
typedef enum wg_cause {
    WG_CAUSE_FACTOR,                    /* k times too large */
    WG_CAUSE_SIGN,                      /* a factor of -1 */
    WG_CAUSE_TRANSPOSED,                /* the result, or an operand that should have been, or not, transposed */
    WG_CAUSE_PERMUTED,                  /* its axes are in another order */
    WG_CAUSE_WEIGHT_NOT_TRANSPOSED,     /* W where W^T belongs */
    WG_CAUSE_ELEMENTWISE_FOR_MATMUL,    /* an elementwise product where a matrix product belongs */
    WG_CAUSE_OPERANDS_SWAPPED,          /* b a for a b */
    WG_CAUSE_BIAS_NOT_REDUCED,          /* not summed over the axes along which the value was broadcast */
    WG_CAUSE_BIAS_WRONG_AXIS,           /* summed over another axis */
    WG_CAUSE_BIAS_AVERAGED,             /* a mean where a sum belongs */
    WG_CAUSE_BIAS_ONE_SAMPLE,           /* taken from one sample */
    WG_CAUSE_ACTIVATION_MISSING,        /* the derivative of an elementwise function is left out */
    WG_CAUSE_ACTIVATION_AT_WRONG_VALUE, /* taken at a = f(z) instead of z, or the other way round */
    WG_CAUSE_ACTIVATION_OF_ANOTHER,     /* another function's */
    WG_CAUSE_BRANCH_MISSING,            /* one use of the value contributes nothing */
    WG_CAUSE_OVERWRITTEN,               /* one use's contribution replaces the others instead of being added */
    WG_CAUSE_COUNTED_TWICE,             /* one use contributes twice */
    WG_CAUSE_REPEATED_INDEX,            /* of an index that occurs several times, only one occurrence counts */
    WG_CAUSE_WRONG_OPERAND,             /* another value, or another adjoint, of the same shape */
    WG_CAUSE_STALE_VALUE,               /* a value from before or after an update of the parameters */
    WG_CAUSE_SOFTMAX_DIAGONAL,          /* only the diagonal of softmax's Jacobian */
    WG_CAUSE_REDUCTION,                 /* another reduction of the loss, or none */
    WG_CAUSE_STATISTICS_CONSTANT,       /* mean or variance of a normalization taken as constants */
    WG_CAUSE_SHIFTED,                   /* rows or columns moved by one */
    WG_CAUSE_REVERSED,                  /* rows or columns in reverse order */
    WG_CAUSE_UNWRITTEN,                 /* a part was left as it was: zeros, or what was in memory */
    WG_CAUSE_BATCH_PARTIAL,             /* only one entry of the batch is done */
    WG_CAUSE_PRECISION,                 /* not a mistake: the difference is rounding */
    WG_CAUSE_KINK,                      /* not a mistake: another convention where there is no derivative */
    WG_CAUSE_UNKNOWN                    /* wrong, and nothing fits */
} wg_cause;

/* The cause's name in lower case, such as "bias_not_reduced". */
WG_API const char *wg_cause_name(wg_cause cause);

/* A check of gradients of a scalar. Opaque. */
typedef struct wg_check wg_check;

/* Begins a check of gradients of loss (size 1). The tape must outlive the check. NULL when out of memory or when loss
 * is no value to differentiate, with the error on its tape. */
WG_API wg_check *wg_check_new(wg_var loss);
WG_API void wg_check_free(wg_check *check); /* NULL: nothing */

/* Supplies a gradient computed by hand, d loss / d var, for any value on the tape: leaves, constants, intermediates. The
 * more intermediates, the closer a mistake is found, and the better several are told apart. shape is what the numbers
 * have, even if it is not the var's. Numbers are copied. A second supply for a var replaces the first. _f16 takes
 * IEEE binary16 and _bf16 bfloat16 as their bits. An invalid var, or one of another tape, or indices, is an
 * error; WG_ERROR_MEMORY when there is none. */
WG_API wg_status wg_check_supply_f32(wg_check *check, wg_var var, wg_shape shape, const float *numbers);
WG_API wg_status wg_check_supply_f64(wg_check *check, wg_var var, wg_shape shape, const double *numbers);
WG_API wg_status wg_check_supply_f16(wg_check *check, wg_var var, wg_shape shape, const uint16_t *numbers);
WG_API wg_status wg_check_supply_bf16(wg_check *check, wg_var var, wg_shape shape, const uint16_t *numbers);

/* Replaces the noise floor. By default an entry may differ by what rounding in the precision of the supplied numbers
 * explains, measured by perturbing the sweep; with a tolerance, by that tolerance relative to the entry's own scale (its
 * size, and the size of the terms that it is a sum of). 0: the default again; negative or NaN: an error. */
WG_API wg_status wg_check_tolerance(wg_check *check, double tolerance);

/* Why the last call that failed did; "" when none has. */
WG_API const char *wg_check_message(const wg_check *check);

/* What is said of one supplied gradient. */
typedef struct wg_check_gradient {
    wg_var var;
    const char *name; /* the var's name, or its formula */
    bool right;
    bool inherited; /* wrong only because of a supplied gradient above it that is wrong */
    wg_shape shape; /* as supplied; when it is not the var's, worst and box mean nothing */
    bool shape_fits;
    unsigned bits;              /* the precision of the numbers: 53, 24, 11 or 8 bits */
    size_t wrong;               /* how many entries */
    size_t worst[WG_MAX_RANK];  /* the entry with the largest error for its tolerance ... */
    double supplied, expected;  /* ... what was supplied, and what is right */
    double tolerance;           /* ... and what it may differ by */
    size_t box[2][WG_MAX_RANK]; /* the first and last index of the wrong entries along each axis */
    double error;               /* the norm of the difference over the norm of what is right */
} wg_check_gradient;

/* A cause. Causes of one mistake that explain the data equally well share a rank. */
typedef struct wg_check_cause {
    wg_cause cause;
    unsigned mistake;     /* 1, 2, ...: several mistakes at once are numbered */
    unsigned rank;        /* within the mistake; 1: nothing explains it better */
    wg_var gradient;      /* the supplied gradient at which it shows first */
    const char *name;     /* that one's name, with a d before it: "dW2" */
    wg_var from, to;      /* the step of the sweep, or the stretch of steps, at which it was made */
    const char *edge;     /* "Z2 -> W2" */
    double factor;        /* of the causes that have one; else NaN */
    double residual;      /* the norm of what remains unexplained over the norm of what was supplied */
    const char *sentence; /* "dW2: 100 times too large, 100 = columns of X" */
} wg_check_cause;

/* Everything found. right: every supplied gradient is. */
typedef struct wg_check_report {
    bool right;
    size_t gradients_count, causes_count, blind_spots_count;
    const wg_check_gradient *gradients; /* in the order in which they were supplied */
    const wg_check_cause *causes;       /* by mistake, then by rank */
    const char *const *blind_spots;     /* mistakes that this probe cannot see, in words */
} wg_check_report;

/* Compares, and looks for causes. *report lives until the next run or wg_check_free. The status says whether the check
 * could be made: WG_OK also when gradients are wrong. */
WG_API wg_status wg_check_run(wg_check *check, const wg_check_report **report);

/* Writes a report for people: a table of the gradients, then sentences. */
WG_API void wg_check_write(const wg_check_report *report, wg_writer write, void *user);

/* Proposes a shape for a leaf that leaves no blind spots: distinct extents of at least 3 wherever the ops recorded allow
 * it. Extents that must be equal stay equal. */
WG_API wg_status wg_check_propose(wg_check *check, wg_var leaf, wg_shape *shape);

/* ---- derivatives of a tape -------------------------------------------------------------------------------------- */

/* What comes of a check of a function's derivatives. */
typedef enum wg_function_verdict {
    WG_FUNCTION_RIGHT,
    WG_FUNCTION_SUBGRADIENT, /* right, and at some entries, where the function has no derivative (a kink, a jump), one
                                that lies between those of the two sides */
    WG_FUNCTION_WRONG,
    WG_FUNCTION_NOT_DETERMINISTIC, /* two runs on the same numbers differ in bits: nothing more was looked at */
    WG_FUNCTION_UNDECIDED /* nothing can be said: the function is not finite at the point, or rounding hides its slope */
} wg_function_verdict;

/* The verdict in words, such as "not deterministic". */
WG_API const char *wg_function_verdict_name(wg_function_verdict verdict);

/* How to check. Zero-initialised, every option has its default. */
typedef struct wg_function_options {
    unsigned order;     /* 1: first derivatives alone; 0 and 2: first and second */
    size_t evaluations; /* about how often the function may be run; every entry is looked at when that is enough for it
                           (8 runs an entry), else random directions are, and the halves of those that fail. 0: 8192 */
    size_t directions;  /* how many random directions; 0: 4, or 12 when entries are not looked at one by one */
    uint64_t seed;      /* of what is random */
    double tolerance;   /* relative, beside the error of the difference; 0: what rounding explains */
    bool own_dtype;     /* differences of the function in the dtype of the point, not in double: for a function that
                           knows no other */
} wg_function_options;

/* What was found. Where it speaks of an entry, that is the wrong one with the largest error for its tolerance; without
 * a wrong one these members are zero. */
typedef struct wg_function_report {
    wg_function_verdict verdict;
    unsigned order;              /* 1 or 2: the order at which it is wrong */
    const char *way;             /* how the wrong derivative was computed, "wg_backward" for example */
    size_t input;                /* the entry: of in[input] ... */
    size_t index[WG_MAX_RANK];   /* ... at this index */
    size_t box[2][WG_MAX_RANK];  /* the first and the last index of the wrong entries of that input, along each axis */
    double recorded, difference; /* the derivative computed, and what differences of the function give */
    double error, tolerance;     /* the estimated error of that difference, and what the two may differ by */
    size_t entries, checked;     /* in all the variables of in; those looked at one by one, at the first order */
    size_t wrong;                /* entries found wrong: all of them when all were looked at */
    size_t kinks, jumps;         /* entries at which the two sides have different slopes; at which a value jumps */
    size_t undefined;            /* entries at which the function or its slope is not finite, on both sides */
    size_t left_out;             /* elements of f's result that are not finite at the point */
    size_t unresolved;           /* entries with a derivative so small that rounding hides it */
    double rate[2];              /* the power of the step at which the remainder of the linear approximation shrinks, of
                                    f and of its gradient: 2 when right, 1 when wrong. INFINITY: there is no remainder,
                                    f is linear; NaN: not seen */
    bool recording, forward;     /* whether its derivative can be recorded; wg_jvp works. What doesn't is not checked */
    bool in_double;              /* whether differences were made in double */
    size_t evaluations;          /* how often the function was run */
    char message[640];           /* all this in words */
} wg_function_report;

/* Checks the derivatives that the tape computes of f at a point: those of wg_backward (also when they are added to
 * others), wg_observe, wg_vjp and wg_jvp, and at the second order those of wg_hvp and of the recorded gradient, against
 * differences of f and of its gradient. in[0..n-1] are the point: variables, and results of ops, are varied; constants
 * and indices are held fixed. f is run many times, on tapes of the check's own, on copies of in; it records ops on what
 * it is given and on constants that it makes on the tape that it is passed, in the dtype of that tape, whichever that
 * is; its result may have any shape. What is of interest is a function of some hundred numbers; the rest takes long.
 *
 * The status says whether the check could be made, the report what it found: WG_OK also when the derivative is wrong.
 * WG_ERROR_ARGUMENT when f or report is NULL, in has an invalid var or no number to vary, vars of two tapes, or when f
 * returns no var of its tape; an error of f's at the point itself is that error, and one of its derivative's too.
 * report->message then says why.
 *
 * Differences: central ones at halving steps, extrapolated, each with an error estimate from the table and from the
 * measured rounding of f (C. J. F. Ridders, Accurate computation of F'(x) and F'(x) F''(x), Advances in Engineering
 * Software 4, 1982; J. J. More, S. M. Wild, Estimating computational noise, SIAM J. Sci. Comput. 33, 2011), in double
 * even for a tape of floats unless f fails there. One-sided ones beside them tell kinks and jumps, at which a derivative
 * is accepted when it lies between the two. The rounding of the derivative itself is measured too. NaN is wrong where
 * the difference is finite. */
WG_API wg_status wg_check_function(wg_function f, void *user, const wg_var *in, size_t n,
    const wg_function_options *options, wg_function_report *report);

#ifdef __cplusplus
}
#endif

#endif
