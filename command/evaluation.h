/* What the parts of the evaluation share: values, and what can be made of them. */
#ifndef WENGERT_COMMAND_EVALUATION_H
#define WENGERT_COMMAND_EVALUATION_H

#include "evaluate.h"
#include "operation.h"
#include "wengert.h"

/* An array before it is on the tape: from a file, a list in the expression, or a number with a name. What it becomes
 * there, numbers or indices, depends on who asks, so there may be two leaves. */
typedef struct source {
    const char *name; /* NULL: none */
    wg_shape shape;
    size_t size;
    const double *numbers;
    const int64_t *integers; /* NULL: not all are */
    bool truths;             /* the integers were booleans */
    bool variable;
    wg_var as_numbers, as_indices; /* {0} until asked for */
} source;

typedef enum value_kind {
    VALUE_NOTHING, /* none */
    VALUE_NUMBER,  /* a number that is known before anything is recorded; source, if it has one */
    VALUE_SOURCE,
    VALUE_VAR,
    VALUE_SEVERAL /* the results of an op that has more than one */
} value_kind;

typedef struct value {
    value_kind kind;
    bool integer; /* VALUE_NUMBER: written as one, or computed from integers */
    int64_t whole;
    double number;
    source *source;
    wg_var var;
    const wg_var *several;
    size_t count;
} value;

/* Memory for the time of the evaluation. NULL: out of memory, and error says so. */
void *evaluation_memory(evaluation *e, size_t count, size_t size);

/* Fails at a place in the expression; returns false. */
bool evaluation_fail(evaluation *e, const tree *at, const char *format, ...) WG_PRINTF_LIKE(3, 4);

/* Whether the tape is healthy; if not, its message is the error at that place. */
bool evaluation_healthy(evaluation *e, const tree *at);

const char *evaluation_text(const evaluation *e); /* of the expression */

/* The value of a tree. */
bool evaluation_value(evaluation *e, const tree *t, value *v);

/* By kind of tree, as called by evaluation_value. */
bool evaluation_name(evaluation *e, const tree *t, value *v);
bool evaluation_list(evaluation *e, const tree *t, value *v);
bool evaluation_operator(evaluation *e, const tree *t, value *v);
bool evaluation_subscript(evaluation *e, const tree *t, value *v);
bool evaluation_call(evaluation *e, const tree *t, value *v);

/* ---- values ------------------------------------------------------------------------------------------------------------- */

value value_of_var(wg_var var);
value value_of_number(double number);
value value_of_integer(int64_t whole);

/* As an array of numbers, as one of indices, and as one of either, integers staying integers. t is where the value
 * stands, for errors. */
bool value_numbers(evaluation *e, const tree *t, value *v, wg_var *var);
bool value_indices(evaluation *e, const tree *t, value *v, wg_var *var);
bool value_either(evaluation *e, const tree *t, value *v, wg_var *var);

/* Whether it is made of integers that may be indices. */
bool value_is_integer(const value *v);

/* The rank that it has or will have. */
uint32_t value_rank(const value *v);

/* As a number known beforehand. */
bool value_number(evaluation *e, const tree *t, const value *v, double *number);
bool value_integer(evaluation *e, const tree *t, const value *v, int64_t *whole);

/* Whether the tree is one of two words, such as true and True. */
bool value_is_word(const evaluation *e, const tree *t, const char *word, const char *other);

#endif
