/* A value as a formula in the names of others: made from the tape as a tree of parts (formula_build.c), simplified where
 * asked for (formula_tidy.c), and printed with as few parentheses as Python needs (formula_print.c). A tree has a fixed
 * number of parts and lies on the stack; a formula that does not fit is cut short with "...". */
#ifndef WG_INSPECT_FORMULA_H
#define WG_INSPECT_FORMULA_H

#include "wengert/inspect.h"
#include "wengert/tape.h"

/* What a formula may say, and how far it goes. Functions may be NULL. */
typedef struct wg_formula_style {
    unsigned depth; /* ops deep */
    bool tidy;      /* numbers are multiplied out, products and sums brought into order, and the shape of an array that
                       is one number everywhere is not said where it follows; values may be looked at */
    bool single;    /* numbers need only be as exact as a float */
    /* The name of a node, or NULL for none. NULL: the names of the tape. */
    const char *(*name)(void *user, wg_var node);
    /* A node with a name that is op(x), or an invalid var: so a derivative may use a value that has a name. */
    wg_var (*known)(void *user, const char *op, wg_var x);
    /* An op on the way, which is written out, the node itself first; one at which the depth ends. What does not fit is begun
     * anew, less deep, with the node itself. */
    void (*visit)(void *user, wg_var node);
    void (*cut)(void *user, wg_var node);
    void *user;
} wg_formula_style;

/* Writes the formula of a node, the node's own name aside, and returns its length, as snprintf does. */
size_t wg_formula_write(const wg_formula_style *style, wg_var node, char *text, size_t size);

/* Writes a number in its shortest form that reads back as the same one, in that dtype; returns text. */
enum { WG_FORMULA_NUMBER = 48 };
const char *wg_formula_number(char *text, double value, wg_dtype dtype);
/* The same with so many digits. */
const char *wg_formula_rounded(char *text, double value, int digits);

/* ---- the tree -------------------------------------------------------------------------------------------------------- */

typedef enum wg_formula_kind {
    WG_FORMULA_WORD,    /* text */
    WG_FORMULA_NUMERAL, /* number */
    WG_FORMULA_NEGATIVE,
    WG_FORMULA_ADD,
    WG_FORMULA_SUB,
    WG_FORMULA_MUL,
    WG_FORMULA_DIV,
    WG_FORMULA_MATMUL,
    WG_FORMULA_POWER,
    WG_FORMULA_LESS,
    WG_FORMULA_LESS_EQUAL,
    WG_FORMULA_GREATER,
    WG_FORMULA_GREATER_EQUAL,
    WG_FORMULA_EQUAL,
    WG_FORMULA_NOT_EQUAL,
    WG_FORMULA_TURNED,  /* x.T */
    WG_FORMULA_CALL,    /* text(children, axes, keepdims, node's attributes) */
    WG_FORMULA_WINDOW,  /* child[...], of a slice or select node */
    WG_FORMULA_WIDENED, /* child[:, None], with new axes */
    WG_FORMULA_AT       /* child at [...]: operand number index of an embed node */
} wg_formula_kind;

enum { WG_FORMULA_PARTS = 256, WG_FORMULA_CHILDREN = 6 };

typedef struct wg_formula_part {
    wg_formula_kind kind;
    uint16_t child[WG_FORMULA_CHILDREN], n;
    uint16_t tidied; /* what it is when it is tidy; 0: not known yet */
    bool more;       /* has children that are left out */
    bool keepdims;
    bool list;     /* a call's children stand in [] */
    bool shaped;   /* a call's last argument is node's shape */
    unsigned axes; /* a bit each */
    unsigned rank; /* of a widened part */
    size_t index;
    const char *text;
    double number;
    wg_var node;
} wg_formula_part;

typedef struct wg_formula_tree {
    const wg_formula_style *style;
    wg_dtype dtype;
    size_t count;
    wg_formula_part part[WG_FORMULA_PARTS]; /* part 0 is the word "..." */
} wg_formula_tree;

/* A new part with up to two children; 0 when there is no room. */
unsigned wg_formula_add(wg_formula_tree *tree, wg_formula_kind kind, unsigned a, unsigned b);
unsigned wg_formula_numeral(wg_formula_tree *tree, double number);
/* text(a) */
unsigned wg_formula_call(wg_formula_tree *tree, const char *text, unsigned a);

/* The name that the style gives a node, or NULL. */
const char *wg_formula_name(const wg_formula_tree *tree, wg_var node);
/* The name of the node that is op(x), with these attributes, as a part; 0 when there is none that the style knows. */
unsigned wg_formula_known(wg_formula_tree *tree, const char *op, wg_var x, const char *attributes);

/* Tells the style that the formula says a node once more. */
void wg_formula_again(const wg_formula_tree *tree, wg_var node);

/* An op's form in its operands, such as "a + b", or NULL (formula_read.c); and a form read into the tree, its operands three
 * nodes, the parts that they are. */
const char *wg_formula_form(const char *op);
unsigned wg_formula_read(wg_formula_tree *tree, const char *form, const wg_var *operands, const unsigned *parts);

unsigned wg_formula_build(wg_formula_tree *tree, wg_var node);
unsigned wg_formula_tidy(wg_formula_tree *tree, unsigned part);
size_t wg_formula_print(const wg_formula_tree *tree, unsigned part, char *text, size_t size);

#endif
