/* Forms of ops on numbers: formulas in their operands a, b, c, read into a tree. */
#include "inspect/formula.h"

#include <string.h>

static const struct {
    const char *op, *form;
} read_forms[] = {
    {"add", "a + b"},
    {"sub", "a - b"},
    {"mul", "a * b"},
    {"mul0", "a * b"},
    {"div", "a / b"},
    {"div0", "a / b"},
    {"over0", "a / b"},
    {"neg", "-a"},
    {"square", "a ** 2"},
    {"pow", "a ** b"},
    {"pow_prime", "b * a ** (b - 1)"},
    {"reciprocal", "1 / a"},
    {"fma", "a * b + c"},
    {"less", "a < b"},
    {"less_equal", "a <= b"},
    {"greater", "a > b"},
    {"greater_equal", "a >= b"},
    {"equal", "a == b"},
    {"not_equal", "a != b"},
    {"sigmoid_prime", "sigmoid(a) * (1 - sigmoid(a))"},
    {"tanh_prime", "1 - tanh(a) ** 2"},
    {"one_minus_square", "1 - a ** 2"},
    {"atan_prime", "1 / (1 + a ** 2)"},
    {"asinh_prime", "1 / sqrt(1 + a ** 2)"},
    {"bell", "exp(-(a ** 2))"},
    {"logaddexp_weight", "sigmoid(a - b)"},
    {"direction", "a / hypot(a, b)"},
    {"bce_slope", "(a - b) / (a * (1 - a))"},
    {"bce_with_logits_slope", "sigmoid(a) - b"},
    {"ties", "a == b"},
};

typedef struct read_state {
    wg_formula_tree *tree;
    const char *at;
    wg_var operand[3];
    unsigned part[3];
    bool used[3];
} read_state;

static unsigned read_sum(read_state *r);

static bool read_take(read_state *r, const char *sign)
{
    while (*r->at == ' ') r->at++;
    size_t n = strlen(sign);
    if (strncmp(r->at, sign, n)) return false;
    r->at += n;
    return true;
}

unsigned wg_formula_known(wg_formula_tree *tree, const char *op, wg_var x, const char *attributes)
{
    char words[256];
    const wg_formula_style *style = tree->style;
    wg_var node = style->known ? style->known(style->user, op, x) : (wg_var){0};
    const char *name = wg_ok(node) ? wg_formula_name(tree, node) : NULL;
    if (!name) return 0;
    wg_node_attributes(node, words, sizeof words);
    unsigned part = strcmp(words, attributes) ? 0 : wg_formula_add(tree, WG_FORMULA_WORD, 0, 0);
    if (part) tree->part[part].text = name;
    return part;
}

/* A call such as sqrt(...), of one or two arguments. */
static unsigned read_call(read_state *r)
{
    static const char *const functions[] = {"sigmoid", "tanh", "sqrt", "exp", "hypot"};
    const char *function = NULL;
    for (size_t k = 0; k < sizeof functions / sizeof *functions && !function; k++)
        if (read_take(r, functions[k])) function = functions[k];
    bool plain = !strncmp(r->at, "(a)", 3);
    read_take(r, "(");
    unsigned a = read_sum(r), known = plain ? wg_formula_known(r->tree, function, r->operand[0], "") : 0;
    unsigned b = read_take(r, ",") ? read_sum(r) : 0;
    read_take(r, ")");
    if (known) return known;
    unsigned part = wg_formula_call(r->tree, function, a);
    if (part && b) {
        r->tree->part[part].child[1] = (uint16_t)b;
        r->tree->part[part].n = 2;
    }
    return part;
}

static unsigned read_atom(read_state *r)
{
    if (read_take(r, "(")) {
        unsigned inner = read_sum(r);
        read_take(r, ")");
        return inner;
    }
    if (*r->at >= '0' && *r->at <= '9') return wg_formula_numeral(r->tree, *r->at++ - '0');
    bool operand = *r->at >= 'a' && *r->at <= 'c' && (r->at[1] < 'a' || r->at[1] > 'z');
    if (!operand) return read_call(r);
    int k = *r->at++ - 'a';
    if (r->used[k]) wg_formula_again(r->tree, r->operand[k]);
    r->used[k] = true;
    return r->part[k];
}

static unsigned read_power(read_state *r)
{
    if (read_take(r, "-")) return wg_formula_add(r->tree, WG_FORMULA_NEGATIVE, read_power(r), 0);
    unsigned base = read_atom(r);
    return read_take(r, "**") ? wg_formula_add(r->tree, WG_FORMULA_POWER, base, read_power(r)) : base;
}

static unsigned read_product(read_state *r)
{
    unsigned part = read_power(r);
    for (;;)
        if (read_take(r, "*"))
            part = wg_formula_add(r->tree, WG_FORMULA_MUL, part, read_power(r));
        else if (read_take(r, "/"))
            part = wg_formula_add(r->tree, WG_FORMULA_DIV, part, read_power(r));
        else
            return part;
}

static unsigned read_sum(read_state *r)
{
    unsigned part = read_product(r);
    for (;;)
        if (read_take(r, "+"))
            part = wg_formula_add(r->tree, WG_FORMULA_ADD, part, read_product(r));
        else if (read_take(r, "-"))
            part = wg_formula_add(r->tree, WG_FORMULA_SUB, part, read_product(r));
        else
            return part;
}

static unsigned read_comparison(read_state *r)
{
    static const struct {
        const char *sign;
        wg_formula_kind kind;
    } signs[] = {{"<=", WG_FORMULA_LESS_EQUAL}, {">=", WG_FORMULA_GREATER_EQUAL}, {"==", WG_FORMULA_EQUAL},
        {"!=", WG_FORMULA_NOT_EQUAL}, {"<", WG_FORMULA_LESS}, {">", WG_FORMULA_GREATER}};
    unsigned part = read_sum(r);
    for (size_t k = 0; k < sizeof signs / sizeof *signs; k++)
        if (read_take(r, signs[k].sign)) return wg_formula_add(r->tree, signs[k].kind, part, read_sum(r));
    return part;
}

const char *wg_formula_form(const char *op)
{
    for (size_t k = 0; k < sizeof read_forms / sizeof *read_forms; k++)
        if (!strcmp(op, read_forms[k].op)) return read_forms[k].form;
    return NULL;
}

unsigned wg_formula_read(wg_formula_tree *tree, const char *form, const wg_var *operands, const unsigned *parts)
{
    read_state r = {.tree = tree, .at = form};
    for (size_t k = 0; k < 3; k++) {
        r.operand[k] = operands[k];
        r.part[k] = parts[k];
    }
    return read_comparison(&r);
}
