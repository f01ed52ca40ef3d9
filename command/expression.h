/* The language of expressions: a forward computation written as one would in NumPy,
 *
 *     Z1 = W1 @ X + b1; A1 = tanh(Z1); mse(W2 @ A1 + b2, Y, batch_mean)
 *
 * as a tree. What names and calls mean is the business of evaluate.h. */
#ifndef WENGERT_COMMAND_EXPRESSION_H
#define WENGERT_COMMAND_EXPRESSION_H

#include "token.h"

typedef enum tree_kind {
    TREE_NUMBER,
    TREE_NAME,
    TREE_TEXT,
    TREE_LIST,      /* its elements */
    TREE_CALL,      /* its arguments */
    TREE_ARGUMENT,  /* name=value in a call */
    TREE_NEGATIVE,  /* -x */
    TREE_POSITIVE,  /* +x */
    TREE_BINARY,    /* a op b; the op is the node's text */
    TREE_TRANSPOSE, /* x.T */
    TREE_SUBSCRIPT, /* x[...]: x, then an item for each axis: a slice, an ellipsis or an expression */
    TREE_SLICE,     /* start:stop:step, each of which may be TREE_NOTHING */
    TREE_ELLIPSIS,
    TREE_NOTHING
} tree_kind;

/* A node. Children are linked: first, then each one's next. */
typedef struct tree {
    tree_kind kind;
    size_t at, length; /* of its name, number, text or operator */
    bool integer;      /* TREE_NUMBER, as in a token */
    int64_t whole;
    double number;
    unsigned depth; /* of the tree below it, which is limited */
    struct tree *first, *last, *next;
} tree;

/* A step: its names (none, one, or several for an op of several results) and its value. */
typedef struct expression_step {
    size_t at; /* where it begins */
    const token *names;
    size_t names_count;
    const tree *value;
} expression_step;

typedef struct expression {
    const char *text; /* the caller's */
    expression_step *steps;
    size_t count; /* at least 1 */
    /* memory */
    token *tokens;
    token *names;
    void *blocks;
} expression;

/* Parses a text, which must live as long as the expression. False: error says what is wrong, and where. */
bool expression_parse(expression *e, const char *text, expression_error *error);
void expression_free(expression *e);

/* How an error is shown: its line and column and, below the line of the expression, a caret:
 *
 *     expression: column 14: there is no op sigmod; did you mean sigmoid?
 *         mse(W2 @ X1, sigmod(Y), mean)
 *                      ^
 *
 * Columns count characters. Long lines are cut. Writes at most size bytes, the end included. */
void expression_show_error(const char *text, const expression_error *error, char *shown, size_t size);

#endif
