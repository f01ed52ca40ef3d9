/* The command: what its arguments say, and its subcommands. */
#ifndef WENGERT_COMMAND_COMMAND_H
#define WENGERT_COMMAND_COMMAND_H

#include <stdio.h>

#include "array.h"
#include "evaluate.h"

/* Exit statuses. */
enum {
    COMMAND_RIGHT = 0,   /* done; check: every gradient is right */
    COMMAND_WRONG = 1,   /* check: a gradient is wrong */
    COMMAND_UNUSABLE = 2 /* nothing was done: the arguments, a file or the expression do not make sense */
};

/* What is given to a subcommand. */
typedef struct arguments {
    const char *expression;
    array_set in, grad;
    bool json;
    double tolerance; /* 0: not given, so the noise floor */
    const char *wrt;  /* names with commas; NULL: not given */
    const char *out, *html;
} arguments;

/* Runs the command: reads nothing but the files named, writes results to out and errors to err. Returns the status. */
int command_run(int count, char **words, FILE *out, FILE *err);

/* Its subcommands. */
int command_check(const arguments *a, FILE *out, FILE *err);
int command_grad(const arguments *a, FILE *out, FILE *err);
int command_explain(const arguments *a, FILE *out, FILE *err);

/* Says what is wrong; returns COMMAND_UNUSABLE. */
int command_fail(FILE *err, const char *format, ...) WG_PRINTF_LIKE(2, 3);

/* Reads the arguments that follow a subcommand. False: err says what is wrong. Either way arguments_free afterwards. */
bool arguments_read(arguments *a, const char *subcommand, int count, char **words, FILE *err);
void arguments_free(arguments *a);

/* An expression with its arrays, evaluated. */
typedef struct problem {
    expression steps;
    evaluation *values;
    wg_var loss;
    /* what to differentiate with respect to: names and vars */
    const char **names;
    wg_var *wrt;
    size_t count;
    void *list; /* the memory of names */
} problem;

/* Evaluates the expression; what is named by a gradient in --grad is a variable. False: err says what is wrong. Either
 * way problem_free afterwards. */
bool problem_for_check(problem *p, const arguments *a, FILE *err);

/* Evaluates it for gradients with respect to the names of --wrt, or to every array of floating-point numbers that it
 * uses. */
bool problem_for_gradients(problem *p, const arguments *a, FILE *err);
void problem_free(problem *p);

#endif
