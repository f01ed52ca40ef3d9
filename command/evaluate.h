/* Evaluating an expression: its arrays become leaves, its steps values with names, on a tape in double. */
#ifndef WENGERT_COMMAND_EVALUATE_H
#define WENGERT_COMMAND_EVALUATE_H

#include "array.h"
#include "expression.h"

typedef struct evaluation evaluation;

/* Begins an evaluation with the arrays that an expression may name; they must outlive it. NULL: out of memory. */
evaluation *evaluation_new(const array_set *in);
void evaluation_free(evaluation *e);

/* Makes an array a variable; the others are constants. Before the run. False: there is no such array. */
bool evaluation_make_variable(evaluation *e, const char *name);

/* Evaluates the steps, once. The last one is the loss, of size 1; without a name it is called loss. False: error says
 * what is wrong, and where in the expression. */
bool evaluation_run(evaluation *e, const expression *steps, expression_error *error);

/* The tape, and the loss once it ran. */
wg_tape *evaluation_tape(const evaluation *e);
wg_var evaluation_loss(const evaluation *e);

typedef enum evaluation_found {
    EVALUATION_FOUND,
    EVALUATION_NO_SUCH, /* neither a step nor an array has that name */
    EVALUATION_INDICES, /* it is used as indices, which have no gradient */
    EVALUATION_SEVERAL, /* a step of several results */
    EVALUATION_FAILED   /* the tape says why */
} evaluation_found;

/* The value of a step, or of an array, whether or not the expression uses it. */
evaluation_found evaluation_find(evaluation *e, const char *name, wg_var *var);

/* The names of arrays and steps, as far as they fit. */
void evaluation_names(const evaluation *e, char *text, size_t size);

/* Whether the expression uses the array of that name as numbers. */
bool evaluation_uses(const evaluation *e, const char *name);

#endif
