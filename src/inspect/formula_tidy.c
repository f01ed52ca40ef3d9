/* A formula brought into order: numbers multiplied out, signs in front, products as coefficient * factors / divisors, what
 * is equal named once: 2 * x for x + x, x**2 for x * x, g * (x > 0) for where(x <= 0, 0, g). The tree is not deep, since a
 * formula is not, so recursion is safe. */
#include "inspect/formula.h"

#include <math.h>
#include <string.h>

/* ---- looking at parts ---------------------------------------------------------------------------------------------------- */

static bool tidy_is_number(const wg_formula_tree *tree, unsigned at, double number)
{
    return tree->part[at].kind == WG_FORMULA_NUMERAL && tree->part[at].number == number;
}

/* Whether two parts read the same. */
static bool tidy_same(const wg_formula_tree *tree, unsigned i, unsigned k)
{
    const wg_formula_part *a = &tree->part[i], *b = &tree->part[k];
    if (i == k) return i != 0;
    if (i == 0 || k == 0 || a->kind != b->kind || a->n != b->n || a->axes != b->axes) return false;
    if (a->kind == WG_FORMULA_NUMERAL) return a->number == b->number;
    if (strcmp(a->text, b->text) || a->node.tape != b->node.tape || a->node.index != b->node.index) return false;
    for (unsigned c = 0; c < a->n; c++)
        if (!tidy_same(tree, a->child[c], b->child[c])) return false;
    return true;
}

/* ---- products ------------------------------------------------------------------------------------------------------------ */

enum { TIDY_FACTORS = 24 };

typedef struct tidy_product {
    double above, below;
    unsigned factor[TIDY_FACTORS], divisor[TIDY_FACTORS], factors, divisors;
    bool full;
} tidy_product;

static void tidy_collect_factors(wg_formula_tree *tree, unsigned at, bool under, tidy_product *p)
{
    wg_formula_part *part = &tree->part[at];
    if (part->kind == WG_FORMULA_NUMERAL) {
        *(under ? &p->below : &p->above) *= part->number;
    } else if (part->kind == WG_FORMULA_NEGATIVE) {
        p->above = -p->above;
        tidy_collect_factors(tree, part->child[0], under, p);
    } else if (part->kind == WG_FORMULA_MUL || part->kind == WG_FORMULA_DIV) {
        bool turned = part->kind == WG_FORMULA_DIV;
        tidy_collect_factors(tree, part->child[0], under, p);
        tidy_collect_factors(tree, tree->part[at].child[1], under != turned, p);
    } else if ((under ? p->divisors : p->factors) == TIDY_FACTORS) {
        p->full = true;
    } else if (under) {
        p->divisor[p->divisors++] = at;
    } else {
        p->factor[p->factors++] = at;
    }
}

/* Equal factors become powers. */
static void tidy_merge(wg_formula_tree *tree, unsigned *factor, unsigned *n)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < *n; i++) {
        unsigned count = 1;
        for (unsigned k = i + 1; k < *n; k++)
            if (tidy_same(tree, factor[i], factor[k])) {
                count++;
                memmove(&factor[k], &factor[k + 1], (*n - k - 1) * sizeof *factor);
                (*n)--, k--;
            }
        factor[kept++] =
            count == 1 ? factor[i] : wg_formula_add(tree, WG_FORMULA_POWER, factor[i], wg_formula_numeral(tree, count));
    }
}

/* A minus in front goes into a difference. */
static void tidy_absorb_sign(wg_formula_tree *tree, tidy_product *p)
{
    for (unsigned k = 0; k < p->factors && p->above < 0; k++) {
        wg_formula_part *part = &tree->part[p->factor[k]];
        if (part->kind != WG_FORMULA_SUB || tree->part[part->child[0]].kind == WG_FORMULA_ADD ||
            tree->part[part->child[0]].kind == WG_FORMULA_SUB)
            continue;
        p->factor[k] = wg_formula_add(tree, WG_FORMULA_SUB, part->child[1], part->child[0]);
        p->above = -p->above;
    }
}

static bool tidy_is_call(const wg_formula_tree *tree, unsigned at, const char *function, unsigned n)
{
    const wg_formula_part *part = &tree->part[at];
    return part->kind == WG_FORMULA_CALL && part->n == n && !strcmp(part->text, function);
}

/* where(y == 0, 1, y) */
static bool tidy_is_guarded(const wg_formula_tree *tree, unsigned at, unsigned y)
{
    if (!tidy_is_call(tree, at, "where", 3)) return false;
    const uint16_t *child = tree->part[at].child;
    const wg_formula_part *condition = &tree->part[child[0]];
    return condition->kind == WG_FORMULA_EQUAL && tidy_is_number(tree, condition->child[1], 0) &&
           tidy_is_number(tree, child[1], 1) && tidy_same(tree, child[2], y) && tidy_same(tree, condition->child[0], y);
}

/* A factor (y != 0) goes where it tells only that 0 / 0 is 0, or beside sign(y). */
static void tidy_drop_masks(const wg_formula_tree *tree, tidy_product *p)
{
    for (unsigned i = 0; i < p->factors; i++) {
        const wg_formula_part *mask = &tree->part[p->factor[i]];
        if (mask->kind != WG_FORMULA_NOT_EQUAL || !tidy_is_number(tree, mask->child[1], 0)) continue;
        unsigned y = mask->child[0];
        bool needless = false;
        for (unsigned k = 0; k < p->factors; k++)
            needless = needless || (tidy_is_call(tree, p->factor[k], "sign", 1) &&
                                       tidy_same(tree, tree->part[p->factor[k]].child[0], y));
        for (unsigned k = 0; k < p->divisors; k++) {
            if (!tidy_is_guarded(tree, p->divisor[k], y)) continue;
            p->divisor[k] = y;
            needless = true;
        }
        if (!needless) continue;
        p->factors--;
        memmove(&p->factor[i], &p->factor[i + 1], (p->factors - i) * sizeof *p->factor);
        i--;
    }
}

static unsigned tidy_times(wg_formula_tree *tree, unsigned product, unsigned factor)
{
    return product ? wg_formula_add(tree, WG_FORMULA_MUL, product, factor) : factor;
}

/* "2 / 100 * x / y", "x / (100 * y)": a number that is not 1 leads, with what divides it. */
static unsigned tidy_write_product(wg_formula_tree *tree, const tidy_product *p)
{
    bool leads = fabs(p->above) != 1 || p->factors == 0;
    unsigned product = leads ? wg_formula_numeral(tree, fabs(p->above)) : 0, below = 0;
    if (p->below != 1) below = wg_formula_numeral(tree, p->below);
    if (leads && below) {
        product = wg_formula_add(tree, WG_FORMULA_DIV, product, below);
        below = 0;
    }
    for (unsigned k = 0; k < p->factors; k++) product = tidy_times(tree, product, p->factor[k]);
    for (unsigned k = 0; k < p->divisors; k++) below = tidy_times(tree, below, p->divisor[k]);
    if (below) product = wg_formula_add(tree, WG_FORMULA_DIV, product, below);
    return p->above < 0 ? wg_formula_add(tree, WG_FORMULA_NEGATIVE, product, 0) : product;
}

static unsigned tidy_product_of(wg_formula_tree *tree, unsigned at)
{
    tidy_product p = {.above = 1, .below = 1};
    tidy_collect_factors(tree, at, false, &p);
    if (p.full) return at;
    if (p.above == 0) return wg_formula_numeral(tree, 0);
    if (p.below < 0) p.above = -p.above, p.below = -p.below;
    double quotient = p.above / p.below;
    if (quotient == floor(quotient) || p.below < 1) p.above = quotient, p.below = 1;
    tidy_drop_masks(tree, &p);
    tidy_merge(tree, p.factor, &p.factors);
    tidy_merge(tree, p.divisor, &p.divisors);
    tidy_absorb_sign(tree, &p);
    return tidy_write_product(tree, &p);
}

/* ---- sums ---------------------------------------------------------------------------------------------------------------- */

typedef struct tidy_sum {
    unsigned term[TIDY_FACTORS];
    bool minus[TIDY_FACTORS];
    unsigned terms;
    unsigned number_at; /* where the numbers among them stand, added up */
    bool numbers, full;
} tidy_sum;

static void tidy_collect_terms(wg_formula_tree *tree, unsigned at, bool minus, tidy_sum *s)
{
    wg_formula_part *part = &tree->part[at];
    if (part->kind == WG_FORMULA_ADD || part->kind == WG_FORMULA_SUB) {
        bool turned = part->kind == WG_FORMULA_SUB;
        tidy_collect_terms(tree, part->child[0], minus, s);
        tidy_collect_terms(tree, tree->part[at].child[1], minus != turned, s);
    } else if (part->kind == WG_FORMULA_NEGATIVE) {
        tidy_collect_terms(tree, part->child[0], !minus, s);
    } else if (s->terms == TIDY_FACTORS) {
        s->full = true;
    } else if (part->kind == WG_FORMULA_NUMERAL && s->numbers) {
        double so_far = tree->part[s->term[s->number_at]].number;
        if (s->minus[s->number_at]) so_far = -so_far;
        so_far += minus ? -part->number : part->number;
        s->term[s->number_at] = wg_formula_numeral(tree, fabs(so_far));
        s->minus[s->number_at] = so_far < 0;
    } else if (!tidy_is_number(tree, at, 0)) {
        if (part->kind == WG_FORMULA_NUMERAL) s->numbers = true, s->number_at = s->terms;
        s->term[s->terms] = at;
        s->minus[s->terms++] = minus;
    }
}

static void tidy_drop_term(tidy_sum *s, unsigned k)
{
    s->terms--;
    memmove(&s->term[k], &s->term[k + 1], (s->terms - k) * sizeof *s->term);
    memmove(&s->minus[k], &s->minus[k + 1], (s->terms - k) * sizeof *s->minus);
}

/* x + x becomes 2 * x. */
static void tidy_double(wg_formula_tree *tree, tidy_sum *s)
{
    for (unsigned i = 0; i < s->terms; i++) {
        unsigned count = 1;
        for (unsigned k = i + 1; k < s->terms; k++)
            if (s->minus[i] == s->minus[k] && tidy_same(tree, s->term[i], s->term[k])) {
                count++;
                tidy_drop_term(s, k--);
            }
        if (count == 1) continue;
        unsigned product = wg_formula_add(tree, WG_FORMULA_MUL, wg_formula_numeral(tree, count), s->term[i]);
        s->term[i] = product ? tidy_product_of(tree, product) : 0;
    }
}

static unsigned tidy_sum_of(wg_formula_tree *tree, unsigned at)
{
    tidy_sum s = {.terms = 0};
    tidy_collect_terms(tree, at, false, &s);
    if (s.full) return at;
    if (s.numbers && tidy_is_number(tree, s.term[s.number_at], 0)) tidy_drop_term(&s, s.number_at);
    tidy_double(tree, &s);
    unsigned first = 0; /* begin with what is added, if anything is */
    while (first < s.terms && s.minus[first]) first++;
    if (s.terms == 0) return wg_formula_numeral(tree, 0);
    if (first == s.terms) first = 0;
    unsigned sum = s.term[first];
    if (s.minus[first]) sum = wg_formula_add(tree, WG_FORMULA_NEGATIVE, sum, 0);
    for (unsigned k = 0; k < s.terms; k++)
        if (k != first) sum = wg_formula_add(tree, s.minus[k] ? WG_FORMULA_SUB : WG_FORMULA_ADD, sum, s.term[k]);
    return sum;
}

/* ---- choices ------------------------------------------------------------------------------------------------------------- */

static bool tidy_is_comparison(const wg_formula_tree *tree, unsigned at)
{
    return tree->part[at].kind >= WG_FORMULA_LESS && tree->part[at].kind <= WG_FORMULA_NOT_EQUAL;
}

/* 0 < x becomes x > 0. */
static void tidy_comparison(wg_formula_tree *tree, unsigned at)
{
    static const wg_formula_kind mirrored[] = {
        WG_FORMULA_GREATER, WG_FORMULA_GREATER_EQUAL, WG_FORMULA_LESS, WG_FORMULA_LESS_EQUAL};
    wg_formula_part *part = &tree->part[at];
    if (tree->part[part->child[0]].kind != WG_FORMULA_NUMERAL) return;
    uint16_t left = part->child[0];
    part->child[0] = part->child[1];
    part->child[1] = left;
    if (part->kind <= WG_FORMULA_GREATER_EQUAL) part->kind = mirrored[part->kind - WG_FORMULA_LESS];
}

/* The opposite of a comparison: of numbers, not of NaN. */
static unsigned tidy_not(wg_formula_tree *tree, unsigned at)
{
    static const wg_formula_kind opposite[] = {WG_FORMULA_GREATER_EQUAL, WG_FORMULA_GREATER, WG_FORMULA_LESS_EQUAL,
        WG_FORMULA_LESS, WG_FORMULA_NOT_EQUAL, WG_FORMULA_EQUAL};
    const wg_formula_part *part = &tree->part[at];
    return wg_formula_add(tree, opposite[part->kind - WG_FORMULA_LESS], part->child[0], part->child[1]);
}

/* where(x > q, q, where(x < p, p, x)) is clamp(x, p, q). */
static unsigned tidy_clamp(wg_formula_tree *tree, unsigned at)
{
    const wg_formula_part *outer = &tree->part[at], *inner = &tree->part[outer->child[2]];
    if (!tidy_is_call(tree, outer->child[2], "where", 3)) return at;
    const wg_formula_part *above = &tree->part[outer->child[0]], *below = &tree->part[inner->child[0]];
    unsigned x = above->child[0], q = outer->child[1], p = inner->child[1];
    bool clamps = above->kind == WG_FORMULA_GREATER && below->kind == WG_FORMULA_LESS &&
                  tidy_same(tree, x, below->child[0]) && tidy_same(tree, x, inner->child[2]) &&
                  tidy_same(tree, q, above->child[1]) && tidy_same(tree, p, below->child[1]);
    unsigned call = clamps ? wg_formula_call(tree, "clamp", x) : 0;
    if (!call) return at;
    tree->part[call].child[1] = (uint16_t)p;
    tree->part[call].child[2] = (uint16_t)q;
    tree->part[call].n = 3;
    return call;
}

/* where(c, 0, x) and where(c, x, 0) become products with a truth; where(x < 0, -g, g) is g * sign(x). */
static unsigned tidy_where(wg_formula_tree *tree, unsigned at)
{
    const wg_formula_part *part = &tree->part[at];
    unsigned condition = part->child[0], yes = part->child[1], no = part->child[2];
    if (!tidy_is_comparison(tree, condition)) return at;
    wg_formula_kind kind = tree->part[condition].kind;
    unsigned compared = tree->part[condition].child[0];
    bool with_zero = tidy_is_number(tree, tree->part[condition].child[1], 0);
    bool mirrored = tree->part[yes].kind == WG_FORMULA_NEGATIVE && tidy_same(tree, tree->part[yes].child[0], no);
    unsigned truth = 0, passed = 0;
    if (tidy_is_number(tree, yes, 0))
        truth = tidy_not(tree, condition), passed = no;
    else if (tidy_is_number(tree, no, 0))
        truth = condition, passed = yes;
    else if (kind == WG_FORMULA_LESS && with_zero && mirrored)
        truth = wg_formula_call(tree, "sign", compared), passed = no;
    if (!truth) return tidy_clamp(tree, at);
    return tidy_product_of(tree, wg_formula_add(tree, WG_FORMULA_MUL, passed, truth));
}

/* (a @ b).T is b.T @ a.T, a.T.T is a, and an array of one number everywhere is that number. */
static unsigned tidy_turned(wg_formula_tree *tree, unsigned at)
{
    const wg_formula_part *inner = &tree->part[tree->part[at].child[0]];
    if (inner->kind == WG_FORMULA_TURNED) return inner->child[0];
    if (inner->kind == WG_FORMULA_NUMERAL) return tree->part[at].child[0];
    if (inner->kind != WG_FORMULA_MATMUL) return at;
    unsigned a = wg_formula_add(tree, WG_FORMULA_TURNED, inner->child[0], 0);
    unsigned b = wg_formula_add(tree, WG_FORMULA_TURNED, inner->child[1], 0);
    if (!a || !b) return at;
    return wg_formula_add(tree, WG_FORMULA_MATMUL, tidy_turned(tree, b), tidy_turned(tree, a));
}

/* (-a) @ b is -(a @ b). */
static unsigned tidy_matmul(wg_formula_tree *tree, unsigned at)
{
    const wg_formula_part *part = &tree->part[at], *left = &tree->part[part->child[0]];
    if (left->kind != WG_FORMULA_NEGATIVE) return at;
    unsigned product = wg_formula_add(tree, WG_FORMULA_MATMUL, left->child[0], part->child[1]);
    return product ? wg_formula_add(tree, WG_FORMULA_NEGATIVE, product, 0) : at;
}

/* ---- all ----------------------------------------------------------------------------------------------------------------- */

static unsigned tidy_part(wg_formula_tree *tree, unsigned at)
{
    for (unsigned k = 0; k < tree->part[at].n; k++)
        tree->part[at].child[k] = (uint16_t)wg_formula_tidy(tree, tree->part[at].child[k]);
    wg_formula_part *part = &tree->part[at];
    switch (part->kind) {
    case WG_FORMULA_NEGATIVE:
    case WG_FORMULA_MUL:
    case WG_FORMULA_DIV:
        return tidy_product_of(tree, at);
    case WG_FORMULA_ADD:
    case WG_FORMULA_SUB:
        return tidy_sum_of(tree, at);
    case WG_FORMULA_TURNED:
        return tidy_turned(tree, at);
    case WG_FORMULA_MATMUL:
        return tidy_matmul(tree, at);
    case WG_FORMULA_POWER:
        return tidy_is_number(tree, part->child[1], 1) ? part->child[0] : at;
    case WG_FORMULA_CALL:
        return !strcmp(part->text, "where") && part->n == 3 ? tidy_where(tree, at) : at;
    default:
        if (tidy_is_comparison(tree, at)) tidy_comparison(tree, at);
        return at;
    }
}

unsigned wg_formula_tidy(wg_formula_tree *tree, unsigned at)
{
    if (tree->part[at].tidied) return tree->part[at].tidied;
    unsigned tidied = tidy_part(tree, at);
    tree->part[at].tidied = (uint16_t)tidied;
    tree->part[tidied].tidied = (uint16_t)tidied;
    return tidied;
}
