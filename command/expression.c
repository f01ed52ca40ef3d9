/* The parser: recursive descent, a function for each level of Python's precedence. From loosest to tightest:
 *
 *     + -        from the left
 *     * / @ % // from the left
 *     -x +x
 *     **         from the right; its right side may have a sign, and -x**2 is -(x**2)
 *     x(...) x[...] x.T
 *
 * Trees are no deeper than a limit, so that whoever walks them may call itself. */
#include "expression.h"

#include <stdlib.h>
#include <string.h>

enum {
    PARSER_DEPTH = 1000, /* of a tree: the terms of a sum make it deep */
    PARSER_NESTING = 200 /* of brackets, signs and powers */
};

/* Memory for nodes, a chain of blocks that are freed together. */
typedef struct parser_block {
    struct parser_block *next;
    size_t used;
    tree nodes[64];
} parser_block;

typedef struct parser {
    const char *text;
    const token *next; /* the token to be read */
    parser_block *blocks;
    unsigned nesting;
    expression_error *error;
} parser;

/* ---- nodes -------------------------------------------------------------------------------------------------------------- */

static tree *parser_node(parser *p, tree_kind kind, size_t at, size_t length)
{
    if (!p->blocks || p->blocks->used == sizeof p->blocks->nodes / sizeof *p->blocks->nodes) {
        parser_block *block = malloc(sizeof *block);
        if (!block) {
            (void)expression_fail(p->error, at, "out of memory");
            return NULL;
        }
        block->next = p->blocks;
        block->used = 0;
        p->blocks = block;
    }
    tree *t = &p->blocks->nodes[p->blocks->used++];
    *t = (tree){.kind = kind, .at = at, .length = length, .depth = 1};
    return t;
}

/* Puts a child behind those that a node has; NULL when there is none, or the tree gets too deep. */
static tree *parser_adopt(parser *p, tree *parent, tree *child)
{
    if (!parent || !child) return NULL;
    if (child->depth >= PARSER_DEPTH) {
        (void)expression_fail(p->error, parent->at, "the expression goes more than %d levels deep", PARSER_DEPTH);
        return NULL;
    }
    if (child->depth >= parent->depth) parent->depth = child->depth + 1;
    *(parent->last ? &parent->last->next : &parent->first) = child;
    parent->last = child;
    return parent;
}

/* ---- tokens ------------------------------------------------------------------------------------------------------------- */

static bool parser_sees(const parser *p, const char *mark) { return token_is(p->text, p->next, mark); }

static bool parser_takes(parser *p, const char *mark)
{
    bool found = parser_sees(p, mark);
    if (found) p->next++;
    return found;
}

/* Complains about the next token, where something else is wanted. */
static bool parser_wants(parser *p, const char *what)
{
    const token *t = p->next;
    if (t->kind == TOKEN_END) return expression_fail(p->error, t->at, "%s is missing at the end", what);
    if (t->kind == TOKEN_NEXT)
        return expression_fail(p->error, t->at, "%s is missing before the end of the step", what);
    if (parser_sees(p, "="))
        return expression_fail(p->error, t->at, "= stands behind a step's name, or an argument's, alone");
    int length = t->length > 40 ? 40 : (int)t->length;
    return expression_fail(p->error, t->at, "%s is missing before %.*s", what, length, p->text + t->at);
}

/* Takes a closing bracket. */
static bool parser_closes(parser *p, const char *mark)
{
    return parser_takes(p, mark) || parser_wants(p, mark[0] == ')' ? "a comma or )" : "a comma or ]");
}

/* ---- levels ------------------------------------------------------------------------------------------------------------- */

static tree *parser_sum(parser *p);

/* name=value, or a value. */
static tree *parser_argument(parser *p)
{
    if (p->next->kind != TOKEN_NAME || !token_is(p->text, p->next + 1, "=")) return parser_sum(p);
    tree *t = parser_node(p, TREE_ARGUMENT, p->next->at, p->next->length);
    p->next += 2;
    return parser_adopt(p, t, parser_sum(p));
}

/* start:stop:step, each of which may be missing; a bare start is no slice. */
static tree *parser_item(parser *p)
{
    size_t at = p->next->at;
    if (parser_sees(p, "...")) {
        p->next++;
        return parser_node(p, TREE_ELLIPSIS, at, 3);
    }
    tree *parts[3] = {NULL, NULL, NULL};
    size_t colons = 0;
    for (size_t k = 0; k < 3; k++) {
        bool empty = parser_sees(p, ":") || parser_sees(p, ",") || parser_sees(p, "]");
        if (k == 0 && empty && !parser_sees(p, ":")) {
            (void)parser_wants(p, "an index");
            return NULL;
        }
        parts[k] = empty ? parser_node(p, TREE_NOTHING, p->next->at, 0) : parser_sum(p);
        if (!parts[k]) return NULL;
        if (k == 2 || !parser_takes(p, ":")) break;
        colons++;
    }
    if (!colons) return parts[0];
    tree *slice = parser_node(p, TREE_SLICE, at, 1);
    for (size_t k = 0; k < 3; k++)
        if (!(slice = parser_adopt(p, slice, parts[k] ? parts[k] : parser_node(p, TREE_NOTHING, at, 0)))) return NULL;
    return slice;
}

/* The parts of a bracket, separated by commas, up to the closing one. A comma may end them. */
static tree *parser_parts(parser *p, tree *parent, tree *(*part)(parser *p), const char *closing)
{
    while (parent && !parser_sees(p, closing)) {
        parent = parser_adopt(p, parent, part(p));
        if (!parent || !parser_takes(p, ",")) break;
    }
    return parent && parser_closes(p, closing) ? parent : NULL;
}

/* A number, a name or a call, a text, a list, or what stands in parentheses. */
static tree *parser_primary(parser *p)
{
    const token *t = p->next;
    if (t->kind == TOKEN_NUMBER || t->kind == TOKEN_TEXT) {
        p->next++;
        tree *leaf = parser_node(p, t->kind == TOKEN_TEXT ? TREE_TEXT : TREE_NUMBER, t->at, t->length);
        if (leaf) {
            leaf->integer = t->integer;
            leaf->whole = t->whole;
            leaf->number = t->number;
        }
        return leaf;
    }
    if (t->kind == TOKEN_NAME) {
        p->next++;
        if (!parser_takes(p, "(")) return parser_node(p, TREE_NAME, t->at, t->length);
        return parser_parts(p, parser_node(p, TREE_CALL, t->at, t->length), parser_argument, ")");
    }
    if (parser_takes(p, "[")) return parser_parts(p, parser_node(p, TREE_LIST, t->at, 1), parser_sum, "]");
    if (parser_takes(p, "(")) {
        tree *inside = parser_sum(p);
        if (inside && parser_sees(p, ","))
            (void)expression_fail(p->error, p->next->at, "there are no tuples; a list is written [a, b]");
        else if (inside && (parser_takes(p, ")") || parser_wants(p, ")")))
            return inside;
        return NULL;
    }
    (void)parser_wants(p, "a value");
    return NULL;
}

static tree *parser_postfix(parser *p)
{
    tree *t = parser_primary(p);
    while (t) {
        size_t at = p->next->at;
        if (parser_takes(p, ".T")) {
            t = parser_adopt(p, parser_node(p, TREE_TRANSPOSE, at, 2), t);
        } else if (parser_takes(p, "[")) {
            tree *subscript = parser_adopt(p, parser_node(p, TREE_SUBSCRIPT, at, 1), t);
            if (subscript && parser_sees(p, "]")) (void)parser_wants(p, "an index"), subscript = NULL;
            t = parser_parts(p, subscript, parser_item, "]");
        } else if (parser_sees(p, "(")) {
            (void)expression_fail(p->error, at, "only an op's name can be called");
            return NULL;
        } else {
            break;
        }
    }
    return t;
}

/* Signs and powers. */
static tree *parser_unary(parser *p)
{
    size_t at = p->next->at;
    if (p->nesting >= PARSER_NESTING) {
        (void)expression_fail(p->error, at, "the expression is nested more than %d times", PARSER_NESTING);
        return NULL;
    }
    p->nesting++;
    tree *t;
    if (parser_takes(p, "-")) {
        t = parser_adopt(p, parser_node(p, TREE_NEGATIVE, at, 1), parser_unary(p));
    } else if (parser_takes(p, "+")) {
        t = parser_adopt(p, parser_node(p, TREE_POSITIVE, at, 1), parser_unary(p));
    } else {
        t = parser_postfix(p);
        at = p->next->at;
        if (t && parser_takes(p, "**")) {
            tree *power = parser_adopt(p, parser_node(p, TREE_BINARY, at, 2), t);
            t = power ? parser_adopt(p, power, parser_unary(p)) : NULL;
        }
    }
    p->nesting--;
    return t;
}

static tree *parser_left(parser *p, tree *(*part)(parser *p), const char *const *marks)
{
    tree *t = part(p);
    while (t) {
        const token *mark = p->next;
        size_t i = 0;
        while (marks[i] && !token_is(p->text, mark, marks[i])) i++;
        if (!marks[i]) break;
        p->next++;
        t = parser_adopt(p, parser_node(p, TREE_BINARY, mark->at, mark->length), t);
        if (t) t = parser_adopt(p, t, part(p));
    }
    return t;
}

static tree *parser_product(parser *p)
{
    static const char *const marks[] = {"*", "/", "@", "%", "//", NULL};
    return parser_left(p, parser_unary, marks);
}

static tree *parser_sum(parser *p)
{
    static const char *const marks[] = {"+", "-", NULL};
    return parser_left(p, parser_product, marks);
}

/* ---- steps -------------------------------------------------------------------------------------------------------------- */

/* The number of names before a =, if that is what stands here: a, b = ... */
static size_t parser_names(const parser *p)
{
    const token *t = p->next;
    for (size_t count = 1; t->kind == TOKEN_NAME; count++, t++) {
        if (token_is(p->text, ++t, "=")) return count;
        if (!token_is(p->text, t, ",")) break;
    }
    return 0;
}

static bool parser_step(parser *p, expression_step *step, token *names)
{
    *step = (expression_step){.at = p->next->at, .names = names, .names_count = parser_names(p)};
    for (size_t i = 0; i < step->names_count; i++, p->next += 2) names[i] = *p->next;
    step->value = parser_sum(p);
    if (!step->value) return false;
    if (p->next->kind == TOKEN_NEXT || p->next->kind == TOKEN_END) return true;
    if (parser_sees(p, ",")) return expression_fail(p->error, p->next->at, "a comma outside of any bracket");
    return parser_wants(p, "an operator, or a ; between steps,");
}

static bool parser_steps(parser *p, expression *e)
{
    size_t names = 0;
    for (;;) {
        while (p->next->kind == TOKEN_NEXT) p->next++;
        if (p->next->kind == TOKEN_END) break;
        if (!parser_step(p, &e->steps[e->count], e->names + names)) return false;
        names += e->steps[e->count++].names_count;
    }
    return e->count || expression_fail(p->error, p->next->at, "the expression is empty");
}

bool expression_parse(expression *e, const char *text, expression_error *error)
{
    *e = (expression){.text = text};
    e->tokens = token_list(text, error);
    if (!e->tokens) return false;
    size_t count = 1; /* of tokens: no step is shorter, and no name */
    for (const token *t = e->tokens; t->kind != TOKEN_END; t++) count++;
    e->steps = malloc(count * sizeof *e->steps);
    e->names = malloc(count * sizeof *e->names);
    parser p = {.text = text, .next = e->tokens, .error = error};
    bool fine = e->steps && e->names ? parser_steps(&p, e) : expression_fail(error, 0, "out of memory");
    e->blocks = p.blocks;
    if (!fine) expression_free(e);
    return fine;
}

void expression_free(expression *e)
{
    parser_block *block = e->blocks;
    while (block) {
        parser_block *next = block->next;
        free(block);
        block = next;
    }
    free(e->tokens);
    free(e->steps);
    free(e->names);
    *e = (expression){0};
}
