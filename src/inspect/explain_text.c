/* The reverse sweep as lines of text. */
#include "inspect/explain.h"
#include "inspect/formula.h"
#include "inspect/output.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

double wg_explain_norm(const double *numbers, size_t n)
{
    double largest = 0, sum = 0;
    for (size_t i = 0; i < n; i++)
        if (!(fabs(numbers[i]) <= largest)) largest = fabs(numbers[i]);
    if (!(largest > 0 && largest < (double)INFINITY)) return largest;
    for (size_t i = 0; i < n; i++) sum += (numbers[i] / largest) * (numbers[i] / largest);
    return largest * sqrt(sum);
}

/* "dZ1 = formula   (5,100)   |dZ1| = 0.0123"; without a norm for indices, whose numbers are NULL. */
static void explain_line(const wg_inspect_output *out, const char *d, const char *name, const char *formula, wg_var of,
    const double *numbers)
{
    char number[WG_FORMULA_NUMBER];
    wg_shape shape = wg_shape_of(of);
    const char *start[] = {d, name, " = ", formula, "   "}, *rest[] = {"   |", d, name, "| = ", number};
    for (size_t k = 0; k < sizeof start / sizeof *start; k++) wg_inspect_put(out, start[k]);
    wg_inspect_put_shape(out, &shape);
    if (numbers) wg_formula_rounded(number, wg_explain_norm(numbers, wg_size(of)), 4);
    for (size_t k = 0; k < sizeof rest / sizeof *rest && numbers; k++) wg_inspect_put(out, rest[k]);
    wg_inspect_put(out, "\n");
}

static void explain_write_part(wg_explanation *e, const wg_explain_part *part, const char *formula, void *user)
{
    wg_node_info info;
    (void)e;
    bool indices = wg_node_read(part->node, &info) == WG_OK && info.flags & WG_IS_INDICES;
    explain_line(user, "", part->name, formula, part->node, indices ? NULL : wg_value_f64(part->node));
}

wg_status wg_explain(wg_var scalar, const wg_var *wrt, size_t n, wg_writer write, void *user)
{
    wg_explanation e;
    const wg_inspect_output out = {write, user};
    wg_explain_open(&e, scalar, wrt, n, write);
    for (size_t k = 0; k < e.lines_count && e.status == WG_OK; k++) {
        const wg_explained *value = e.lines[k];
        char *formula = wg_explain_adjoint(&e, value, explain_write_part, (void *)&out);
        if (formula) explain_line(&out, "d", value->name, formula, value->node, value->adjoint);
        free(formula);
    }
    wg_explain_close(&e);
    return e.status;
}
