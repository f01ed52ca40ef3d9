/* A node as a formula: built, simplified, printed. */
#include "inspect/formula.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool formula_reads_back(const char *text, double value, wg_dtype dtype)
{
    return dtype == WG_F64 ? strtod(text, NULL) == value : strtof(text, NULL) == (float)value;
}

/* Of a locale's decimal point, of one byte or more, a point is left. */
static const char *formula_with_point(char *text, const char *local)
{
    size_t kept = 0;
    for (const char *c = local; *c; c++) {
        bool plain = (*c >= '0' && *c <= '9') || strchr("+-einfa", *c);
        if (plain || kept == 0 || text[kept - 1] != '.') text[kept++] = plain ? *c : '.';
    }
    text[kept] = '\0';
    return text;
}

const char *wg_formula_number(char *text, double value, wg_dtype dtype)
{
    char local[WG_FORMULA_NUMBER];
    if (!isfinite(value)) return wg_formula_rounded(text, value, 1);
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(local, sizeof local, "%.*g", digits, value);
        if (formula_reads_back(local, value, dtype)) break;
    }
    if (value == floor(value) && fabs(value) < 1e15) snprintf(local, sizeof local, "%.0f", value);
    return formula_with_point(text, local);
}

const char *wg_formula_rounded(char *text, double value, int digits)
{
    char local[WG_FORMULA_NUMBER];
    snprintf(local, sizeof local, "%.*g", digits, value);
    if (isnan(value)) snprintf(local, sizeof local, "nan"); /* without a sign */
    return formula_with_point(text, local);
}

/* ---- parts ------------------------------------------------------------------------------------------------------------- */

unsigned wg_formula_add(wg_formula_tree *tree, wg_formula_kind kind, unsigned a, unsigned b)
{
    if (tree->count == WG_FORMULA_PARTS) return 0;
    wg_formula_part *part = &tree->part[tree->count];
    *part = (wg_formula_part){.kind = kind, .text = ""};
    bool none = kind == WG_FORMULA_WORD || kind == WG_FORMULA_NUMERAL;
    bool two = kind >= WG_FORMULA_ADD && kind <= WG_FORMULA_NOT_EQUAL;
    part->n = none ? 0 : two ? 2 : 1;
    part->child[0] = (uint16_t)a;
    part->child[1] = (uint16_t)b;
    return (unsigned)tree->count++;
}

unsigned wg_formula_numeral(wg_formula_tree *tree, double number)
{
    unsigned part = wg_formula_add(tree, WG_FORMULA_NUMERAL, 0, 0);
    if (part) tree->part[part].number = number;
    return part;
}

unsigned wg_formula_call(wg_formula_tree *tree, const char *text, unsigned a)
{
    unsigned part = wg_formula_add(tree, WG_FORMULA_CALL, a, 0);
    if (part) tree->part[part].text = text;
    return part;
}

/* ---- public ------------------------------------------------------------------------------------------------------------ */

size_t wg_formula_write(const wg_formula_style *style, wg_var node, char *text, size_t size)
{
    if (size) text[0] = '\0';
    if (!wg_ok(node)) return 0;
    wg_formula_style shallower = *style; /* as deep as there are parts for */
    wg_formula_tree tree = {.style = &shallower, .dtype = style->single ? WG_F32 : wg_tape_dtype(node.tape)};
    unsigned root;
    for (;; shallower.depth--) {
        tree.count = 1;
        tree.part[0] = (wg_formula_part){.kind = WG_FORMULA_WORD, .text = "..."};
        root = wg_formula_build(&tree, node);
        if (style->tidy) root = wg_formula_tidy(&tree, root);
        if (tree.count < WG_FORMULA_PARTS || shallower.depth == 1) break;
    }
    return wg_formula_print(&tree, root, text, size);
}

enum { FORMULA_DEPTH = 4 };

size_t wg_node_formula(wg_var node, char *text, size_t size)
{
    const wg_formula_style style = {.depth = FORMULA_DEPTH};
    return wg_formula_write(&style, node, text, size);
}
