/* The ops of ops.h as a table, so that an expression can call them by name. The table itself, operations.c, is made
 * from the header when the command is built (tools/operations.awk): what an op's parameters are follows from their
 * types and names alone, and a new op needs no line here. */
#ifndef WENGERT_COMMAND_OPERATION_H
#define WENGERT_COMMAND_OPERATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wengert/types.h"

/* What a parameter takes. */
typedef enum operation_kind {
    OPERATION_NUMBERS, /* wg_var: an array of numbers */
    OPERATION_INDICES, /* wg_var: an array of integers (a parameter named indices, positions or key) */
    OPERATION_EITHER,  /* wg_var: integers stay integers (an op that moves elements) */
    OPERATION_CLASSES, /* wg_var: integers, or numbers of the shape of the first parameter (a classifier's target) */
    OPERATION_LIST_OF_NUMBERS, /* const wg_var *, size_t */
    OPERATION_LIST_OF_EITHER,  /* the same, integers staying integers */
    OPERATION_INT,             /* int */
    OPERATION_SIZE,            /* size_t */
    OPERATION_OFFSET,          /* ptrdiff_t; none is WG_END */
    OPERATION_INT64,           /* int64_t */
    OPERATION_INTS,            /* const int *, size_t */
    OPERATION_SIZES,           /* const size_t *, size_t */
    OPERATION_OFFSETS,         /* const ptrdiff_t *, size_t */
    OPERATION_SHAPE,           /* wg_shape */
    OPERATION_NUMBER,          /* double */
    OPERATION_TRUTH,           /* bool */
    OPERATION_WORD,            /* an enum */
    OPERATION_TEXT,            /* const char * */
    OPERATION_OPTIONS          /* const wg_..._options * */
} operation_kind;

/* A word of an enum: "batch_mean" is WG_BATCH_MEAN. */
typedef struct operation_word {
    const char *name;
    int value;
} operation_word;

/* A member of an options struct. */
typedef struct operation_field {
    const char *name;
    operation_kind kind;  /* OPERATION_SIZE, _INT64, _NUMBER, _TRUTH or _NUMBERS (a wg_var) */
    size_t offset, count; /* of elements: 1, or more for an array */
} operation_field;

typedef struct operation_options {
    const operation_field *fields;
    size_t count, size; /* of fields; of the struct in bytes */
} operation_options;

typedef struct operation_parameter {
    const char *name;
    operation_kind kind;
    const operation_word *words;      /* OPERATION_WORD: ended by a NULL name */
    const operation_options *options; /* OPERATION_OPTIONS */
} operation_parameter;

/* An argument, ready to be passed on: the member that the parameter's kind asks for. */
typedef struct operation_argument {
    wg_var var;
    const void *list; /* of elements of the parameter's own type */
    size_t count;
    wg_shape shape;
    int64_t integer;
    size_t extent;
    double number;
    bool truth;
    int word;
    const char *text;
    const void *options; /* NULL: the defaults */
} operation_argument;

enum { OPERATION_MOST_PARAMETERS = 12 };

/* outputs of an op that cuts an array into a list: as many as its arguments say. */
#define OPERATION_MANY ((size_t)-1)

typedef struct operation {
    const char *name; /* without wg_ */
    const operation_parameter *parameters;
    size_t count;
    size_t outputs; /* 1, or as many as there are results, or OPERATION_MANY */
    void (*call)(wg_tape *tape, const operation_argument *arguments, wg_var *out);
} operation;

/* By name, sorted. */
extern const operation operation_table[];
extern const size_t operation_count;

/* The op of that name, or NULL. */
const operation *operation_find(const char *name, size_t length);

/* The op whose name is most like that one, for a message; NULL: none is near. */
const operation *operation_like(const char *name, size_t length);

/* How an op is called, such as "sum_axes(x, axes, keepdims)". Writes at most size bytes, the end included. */
void operation_signature(const operation *op, char *text, size_t size);

#endif
