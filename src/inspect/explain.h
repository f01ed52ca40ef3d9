/* The reverse sweep explained: for each value with a name, the formula by which its adjoint comes from those of the values
 * that use it.
 *
 * The part of the tape that matters is copied to a tape of its own, cut at every value that has a name: there its users get a
 * leaf of that name in its place. Between a value and those that use it lies then a stretch of ops without names, and the
 * derivative of that, recorded for a cotangent that is a leaf of the name dA1, is a formula in names. */
#ifndef WG_INSPECT_EXPLAIN_H
#define WG_INSPECT_EXPLAIN_H

#include "wengert/grad.h"
#include "wengert/inspect.h"
#include "wengert/ops.h"
#include "wengert/tape.h"

/* A value with a line: one with a name, or one of wrt; and the scalar. */
typedef struct wg_explained {
    wg_var node;
    char *name; /* unlike all others */
    bool asked; /* is among wrt, or has a name of its own */
    bool reached;
    bool wrt;
    size_t size;
    double *adjoint; /* from the sweep on the caller's tape; NULL where it did not come */
    size_t *users;   /* the numbers of the values whose adjoints it is made of */
    size_t users_count;
    uint32_t completed; /* the index of the last value to pass something to it */
    size_t order;       /* of a leaf: its place in wrt, from 1 */

    /* on the other tape */
    wg_var made, leaf; /* as its op gives it, and as its users have it */
    wg_var cotangent;  /* a leaf, named dA1 */
    wg_var total;      /* what its users pass to it, added up; invalid while there is nothing */
    uint32_t beside;   /* another value that is an op of the same one operand, from 1 */
    char own[64];      /* an op whose derivative is given as numbers and has a part in it; "" for none */
} wg_explained;

/* A value without a name that formulas use, since they would be too long else. */
typedef struct wg_explain_part {
    wg_var node; /* on the other tape */
    char name[28];
} wg_explain_part;

typedef struct wg_explanation {
    wg_var scalar;
    const wg_var *wrt;
    size_t n;
    wg_tape *tape;        /* the other one, of doubles */
    size_t count;         /* nodes up to the scalar */
    uint32_t *place;      /* of each node: the number of its explained value, from 1, or 0 */
    unsigned char *kind;  /* of each node: bits */
    wg_var *copies;       /* of each node, on the other tape */
    wg_explained *values; /* in the order of the tape */
    size_t values_count;
    wg_explained **lines; /* those that have a line, in the order of the lines */
    size_t lines_count;
    wg_explain_part *parts;
    size_t parts_count, parts_capacity, parts_written;
    const char *part_prefix;      /* of their names; no value's name begins with it and a digit */
    uint32_t *part_of, *value_of; /* of each node there: its part, and the values that are ops of it alone, from 1 */
    wg_status status;
} wg_explanation;

enum { WG_EXPLAIN_DEPENDS = 1, WG_EXPLAIN_ABOVE = 2, WG_EXPLAIN_SEEN = 4 };

/* Sets the error of the scalar's tape, in the name of wg_explain, and the explanation's status. */
void wg_explain_fail(wg_explanation *e, wg_status status, const char *format, ...) WG_PRINTF_LIKE(3, 4);
/* Zeros; NULL, and the error, when there is no memory. */
void *wg_explain_memory(wg_explanation *e, size_t n, size_t size);

/* Finds the values and their adjoints (explain.c), records the derivatives (explain_record.c). write is only looked at. */
wg_status wg_explain_open(wg_explanation *e, wg_var scalar, const wg_var *wrt, size_t n, wg_writer write);
void wg_explain_record(wg_explanation *e);
void wg_explain_close(wg_explanation *e);

/* The formula of a node on the other tape (explain_formula.c). Parts that it needs and that were not written yet are, by the
 * function given, in an order in which each stands in terms of those before. The text is to be freed; NULL: the error is
 * set. */
typedef void wg_explain_part_writer(wg_explanation *e, const wg_explain_part *part, const char *formula, void *user);
char *wg_explain_formula(wg_explanation *e, wg_var node, wg_explain_part_writer *write, void *user);
/* That of a value's adjoint. */
char *wg_explain_adjoint(wg_explanation *e, const wg_explained *value, wg_explain_part_writer *write, void *user);

/* The Euclidean norm, without overflow on the way. */
double wg_explain_norm(const double *numbers, size_t n);

#endif
