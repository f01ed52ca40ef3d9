/* Printing a formula, with Python's precedences and no parenthesis that the mathematics does not need: a * (b * c) is
 * a * b * c, but a - (b - c), a @ (b @ c) and a * (b @ c) keep theirs. */
#include "inspect/formula.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A part that is used more than once is written out each time: what that makes too long ends. */
enum { PRINT_MOST = 2000 };

typedef struct print_text {
    char *text;
    size_t size, length;
    unsigned parts; /* so far */
} print_text;

static void print_word(print_text *out, const char *word)
{
    size_t n = strlen(word);
    if (out->length < out->size) {
        size_t room = out->size - out->length - 1, copied = n < room ? n : room;
        memcpy(out->text + out->length, word, copied);
        out->text[out->length + copied] = '\0';
    }
    out->length += n;
}

/* How tightly a part holds together, loosest first. */
enum { PRINT_LOOSE, PRINT_COMPARISON, PRINT_SUM, PRINT_PRODUCT, PRINT_SIGN, PRINT_POWER, PRINT_ATOM };

static int print_strength(const wg_formula_tree *tree, unsigned at)
{
    const wg_formula_part *part = &tree->part[at];
    switch (part->kind) {
    case WG_FORMULA_NUMERAL:
        return part->number < 0 ? PRINT_SIGN : PRINT_ATOM;
    case WG_FORMULA_NEGATIVE: /* -a * b is (-a) * b, which is the same */
        return print_strength(tree, part->child[0]) == PRINT_PRODUCT ? PRINT_PRODUCT : PRINT_SIGN;
    case WG_FORMULA_ADD:
    case WG_FORMULA_SUB:
        return PRINT_SUM;
    case WG_FORMULA_MUL:
    case WG_FORMULA_DIV:
    case WG_FORMULA_MATMUL:
        return PRINT_PRODUCT;
    case WG_FORMULA_POWER:
        return PRINT_POWER;
    case WG_FORMULA_AT:
        return PRINT_LOOSE;
    default:
        return part->kind >= WG_FORMULA_LESS && part->kind <= WG_FORMULA_NOT_EQUAL ? PRINT_COMPARISON : PRINT_ATOM;
    }
}

/* Whether x * part may stand without parentheses: a product that does not begin with a matrix product. */
static bool print_continues(const wg_formula_tree *tree, unsigned at)
{
    const wg_formula_part *part = &tree->part[at];
    while (part->kind == WG_FORMULA_MUL || part->kind == WG_FORMULA_DIV || part->kind == WG_FORMULA_NEGATIVE)
        part = &tree->part[part->child[0]];
    return part->kind != WG_FORMULA_MATMUL;
}

static void print_part(const wg_formula_tree *tree, unsigned at, int least, print_text *out);

static void print_two(const wg_formula_tree *tree, const wg_formula_part *part, print_text *out)
{
    static const struct {
        const char *sign;
        int left, right;
    } forms[] = {[WG_FORMULA_ADD] = {" + ", PRINT_SUM, PRINT_SUM},
        [WG_FORMULA_SUB] = {" - ", PRINT_SUM, PRINT_PRODUCT},
        [WG_FORMULA_MUL] = {" * ", PRINT_PRODUCT, PRINT_PRODUCT},
        [WG_FORMULA_DIV] = {" / ", PRINT_PRODUCT, PRINT_SIGN},
        [WG_FORMULA_MATMUL] = {" @ ", PRINT_PRODUCT, PRINT_SIGN},
        [WG_FORMULA_POWER] = {"**", PRINT_ATOM, PRINT_SIGN},
        [WG_FORMULA_LESS] = {" < ", PRINT_SUM, PRINT_SUM},
        [WG_FORMULA_LESS_EQUAL] = {" <= ", PRINT_SUM, PRINT_SUM},
        [WG_FORMULA_GREATER] = {" > ", PRINT_SUM, PRINT_SUM},
        [WG_FORMULA_GREATER_EQUAL] = {" >= ", PRINT_SUM, PRINT_SUM},
        [WG_FORMULA_EQUAL] = {" == ", PRINT_SUM, PRINT_SUM},
        [WG_FORMULA_NOT_EQUAL] = {" != ", PRINT_SUM, PRINT_SUM}};
    int right = forms[part->kind].right;
    if (part->kind == WG_FORMULA_MUL && !print_continues(tree, part->child[1])) right = PRINT_SIGN;
    print_part(tree, part->child[0], forms[part->kind].left, out);
    print_word(out, forms[part->kind].sign);
    print_part(tree, part->child[1], right, out);
}

/* ", axis=1", ", axes=[0,2]", and ", keepdims=true". */
static void print_axes(const wg_formula_part *part, print_text *out)
{
    char word[32];
    bool several = part->axes & (part->axes - 1), first = true;
    if (part->axes) print_word(out, several ? ", axes=[" : ", axis=");
    for (unsigned d = 0; d < WG_MAX_RANK; d++) {
        if (!(part->axes >> d & 1)) continue;
        snprintf(word, sizeof word, "%s%u", first ? "" : ",", d);
        print_word(out, word);
        first = false;
    }
    if (several) print_word(out, "]");
    if (part->keepdims) print_word(out, ", keepdims=true");
}

/* ", shape=(2,3)" */
static void print_shape(wg_shape shape, print_text *out)
{
    char extent[32];
    print_word(out, ", shape=(");
    for (uint32_t d = 0; d < shape.rank; d++) {
        snprintf(extent, sizeof extent, "%s%zu", d ? "," : "", shape.dim[d]);
        print_word(out, extent);
    }
    print_word(out, ")");
}

static void print_call(const wg_formula_tree *tree, const wg_formula_part *part, print_text *out)
{
    print_word(out, part->text);
    print_word(out, part->list ? "([" : "(");
    for (unsigned k = 0; k < part->n; k++) {
        print_word(out, k ? ", " : "");
        print_part(tree, part->child[k], PRINT_LOOSE, out);
    }
    if (part->more) print_word(out, ", ...");
    if (part->list) print_word(out, "]");
    print_axes(part, out);
    char words[256];
    if (part->shaped) {
        print_shape(wg_shape_of(part->node), out);
    } else if (part->node.tape && wg_node_attributes(part->node, words, sizeof words)) {
        print_word(out, part->n ? ", " : "");
        for (char *word = words, *end; *word; word = end) {
            end = word + strcspn(word, " ");
            bool last = !*end;
            *end = '\0';
            print_word(out, word);
            if (!last) print_word(out, ", "), end++;
        }
    }
    print_word(out, ")");
}

/* The value of "key=" among the attributes, or fallback; words is as wg_node_attributes wrote it. */
static long long print_setting(const char *words, const char *key, long long fallback)
{
    size_t n = strlen(key);
    for (const char *word = words; word; word = strchr(word, ' ') ? strchr(word, ' ') + 1 : NULL)
        if (!strncmp(word, key, n) && word[n] == '=')
            return strncmp(word + n, "=end", 4) ? atoll(word + n + 1) : fallback;
    return fallback;
}

/* "[:, 1:5]" of a slice, "[:, 3]" of a select. */
static void print_window(wg_var node, print_text *out)
{
    char words[256], bound[32];
    wg_node_attributes(node, words, sizeof words);
    wg_shape shape = wg_shape_of(wg_node_input(node, 0));
    long long axis = print_setting(words, "axis", 0), step = print_setting(words, "step", 1);
    long long index = print_setting(words, "index", -1);
    long long start = print_setting(words, "start", 0), stop = print_setting(words, "stop", -1);
    print_word(out, "[");
    for (long long d = 0; d < axis; d++) print_word(out, ":, ");
    if (index >= 0) {
        snprintf(bound, sizeof bound, "%lld]", index);
        print_word(out, bound);
        return;
    }
    bool whole = step > 0 && axis < WG_MAX_RANK && (size_t)stop == shape.dim[axis];
    if (start > 0 || step < 0) snprintf(bound, sizeof bound, "%lld", start), print_word(out, bound);
    print_word(out, ":");
    if (stop >= 0 && !whole) snprintf(bound, sizeof bound, "%lld", stop), print_word(out, bound);
    if (step != 1) snprintf(bound, sizeof bound, ":%lld", step), print_word(out, bound);
    print_word(out, "]");
}

/* "[:, None]" */
static void print_new_axes(const wg_formula_part *part, print_text *out)
{
    unsigned last = 0; /* after the last new axis nothing need be said */
    for (unsigned d = 0; d < part->rank; d++)
        if (part->axes >> d & 1) last = d;
    for (unsigned d = 0; d <= last; d++) {
        print_word(out, d ? ", " : "[");
        print_word(out, part->axes >> d & 1 ? "None" : ":");
    }
    print_word(out, "]");
}

/* " at [1:5]": word number index of the attributes, without its name. */
static void print_place(const wg_formula_part *part, print_text *out)
{
    char words[256];
    wg_node_attributes(part->node, words, sizeof words);
    char *word = words;
    for (size_t k = 0; k < part->index && word; k++) word = strchr(word, ' ') ? strchr(word, ' ') + 1 : NULL;
    if (!word || !strchr(word, '[')) return;
    word = strchr(word, '[');
    word[strcspn(word, " ")] = '\0';
    print_word(out, " at ");
    print_word(out, word);
}

static void print_inside(const wg_formula_tree *tree, const wg_formula_part *part, print_text *out)
{
    char number[WG_FORMULA_NUMBER];
    if (part->kind >= WG_FORMULA_ADD && part->kind <= WG_FORMULA_NOT_EQUAL) {
        print_two(tree, part, out);
    } else if (part->kind == WG_FORMULA_WORD) {
        print_word(out, part->text);
    } else if (part->kind == WG_FORMULA_NUMERAL) {
        print_word(out, wg_formula_number(number, part->number, tree->dtype));
    } else if (part->kind == WG_FORMULA_CALL) {
        print_call(tree, part, out);
    } else if (part->kind == WG_FORMULA_NEGATIVE) {
        print_word(out, "-");
        print_part(tree, part->child[0], PRINT_PRODUCT, out);
    } else {
        print_part(tree, part->child[0], part->kind == WG_FORMULA_AT ? PRINT_LOOSE : PRINT_ATOM, out);
        if (part->kind == WG_FORMULA_TURNED) print_word(out, ".T");
        if (part->kind == WG_FORMULA_WINDOW) print_window(part->node, out);
        if (part->kind == WG_FORMULA_WIDENED) print_new_axes(part, out);
        if (part->kind == WG_FORMULA_AT) print_place(part, out);
    }
}

static void print_part(const wg_formula_tree *tree, unsigned at, int least, print_text *out)
{
    if (++out->parts > PRINT_MOST) at = 0;
    bool enclosed = print_strength(tree, at) < least;
    if (enclosed) print_word(out, "(");
    print_inside(tree, &tree->part[at], out);
    if (enclosed) print_word(out, ")");
}

size_t wg_formula_print(const wg_formula_tree *tree, unsigned part, char *text, size_t size)
{
    print_text out = {text, size, 0, 0};
    if (size) text[0] = '\0';
    print_part(tree, part, PRINT_LOOSE, &out);
    return out.length;
}
