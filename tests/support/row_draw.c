/* What rows are run on: the shapes that elementwise ops share, the numbers drawn, and the reference's result. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "support/row.h"

/* ---- the shapes of elementwise ops ------------------------------------------------------------------------------- */

const row_case row_cases_unary[ROW_CASES_UNARY_COUNT] = {
    CASE(1, SHAPE_SCALAR), CASE(1, SHAPE(1)), CASE(1, SHAPE(5)), CASE(1, SHAPE(2, 3)), CASE(1, SHAPE(1, 1, 1)),
    CASE(1, SHAPE(0)), CASE(1, SHAPE(2, 0, 3)), CASE(1, SHAPE(3, 1, 2, 2)), CASE(1, SHAPE(2, 1, 2, 1, 1, 2, 1, 2)),
    CASE(1, SHAPE(1033)), /* no multiple of any block */
};

const row_case row_cases_binary[ROW_CASES_BINARY_COUNT] = {
    CASE(2, SHAPE_SCALAR, SHAPE_SCALAR),
    CASE(2, SHAPE_SCALAR, SHAPE(3)),
    CASE(2, SHAPE(3), SHAPE_SCALAR),
    CASE(2, SHAPE(2, 3), SHAPE_SCALAR),
    CASE(2, SHAPE_SCALAR, SHAPE(1)),
    CASE(2, SHAPE(1), SHAPE(1)),
    CASE(2, SHAPE(1, 1), SHAPE(1)),
    CASE(2, SHAPE(3), SHAPE(3)),
    CASE(2, SHAPE(2, 3), SHAPE(2, 3)),
    CASE(2, SHAPE(3), SHAPE(2, 3)),
    CASE(2, SHAPE(2, 3), SHAPE(3)),
    CASE(2, SHAPE(2, 1), SHAPE(2, 3)),
    CASE(2, SHAPE(5, 1), SHAPE(1, 4)),
    CASE(2, SHAPE(1, 4), SHAPE(5, 1)),
    CASE(2, SHAPE(2, 1, 3), SHAPE(4, 1)),
    CASE(2, SHAPE(3, 1, 2, 1), SHAPE(1, 2, 1, 4)),
    CASE(2, SHAPE(1, 1, 3), SHAPE(2, 1, 1)),
    CASE(2, SHAPE(2, 1, 2, 1, 2, 1, 2, 1), SHAPE(1, 2, 1, 2, 1, 2, 1, 2)),
    CASE(2, SHAPE(2, 1, 1, 2, 1, 1, 1, 3), SHAPE(2, 1, 3)),
    CASE(2, SHAPE(0), SHAPE(1)),
    CASE(2, SHAPE_SCALAR, SHAPE(0)),
    CASE(2, SHAPE(0, 3), SHAPE(1, 3)),
    CASE(2, SHAPE(2, 1), SHAPE(2, 0)),
    CASE(2, SHAPE(4, 1, 3), SHAPE(0, 1)),
    CASE(2, SHAPE(23, 1), SHAPE(1, 47)), /* more than one piece of the stretching buffer */
    CASE(2, SHAPE(2, 601), SHAPE(601)),
    CASE(2, SHAPE(1), SHAPE(1033)),
};

const row_case row_cases_ternary[ROW_CASES_TERNARY_COUNT] = {
    CASE(3, SHAPE_SCALAR, SHAPE_SCALAR, SHAPE_SCALAR),
    CASE(3, SHAPE(1), SHAPE(1), SHAPE(1)),
    CASE(3, SHAPE(2, 3), SHAPE(2, 3), SHAPE(2, 3)),
    CASE(3, SHAPE(2, 3), SHAPE_SCALAR, SHAPE_SCALAR),
    CASE(3, SHAPE_SCALAR, SHAPE(2, 3), SHAPE(3)),
    CASE(3, SHAPE(4), SHAPE_SCALAR, SHAPE(4)),
    CASE(3, SHAPE(5, 1), SHAPE(1, 4), SHAPE(5, 4)),
    CASE(3, SHAPE(1, 4), SHAPE(5, 1), SHAPE(1)),
    CASE(3, SHAPE(2, 1, 1), SHAPE(3, 1), SHAPE(4)),
    CASE(3, SHAPE(2, 1, 2, 1, 2, 1, 2, 1), SHAPE(1, 2, 1, 2), SHAPE(1, 2, 1)),
    CASE(3, SHAPE(0), SHAPE(1), SHAPE_SCALAR),
    CASE(3, SHAPE(1, 3), SHAPE(0, 3), SHAPE(3)),
    CASE(3, SHAPE(23, 1), SHAPE(1, 47), SHAPE(23, 47)),
};

/* ---- drawing --------------------------------------------------------------------------------------------------------- */

static long double row_number(random_state *r, const row_domain *domain)
{
    static const long double truths[] = {0, 1, 0, -2, 0.5L};
    if (domain->truth) return truths[random_below(r, sizeof truths / sizeof *truths)];
    for (;;) {
        double x = domain->low + (domain->high - domain->low) * random_unit(r);
        if (fabs(x) >= domain->away) return (float)x;
    }
}

/* Replaces the numbers of all inputs by those of a shuffled, evenly spaced row. */
static void row_make_distinct(random_state *r, row_data *data)
{
    size_t total = 0, at = 0;
    for (size_t k = 0; k < data->leaves; k++) total += data->in[k].size;
    long double *spaced = malloc((total + 1) * sizeof *spaced);
    assert_non_null(spaced);
    for (size_t i = 0; i < total; i++) spaced[i] = (float)((double)i - (double)total / 2 + 0.5) / 32;
    for (size_t i = total; i > 1; i--) {
        size_t j = random_below(r, i);
        long double swapped = spaced[j];
        spaced[j] = spaced[i - 1];
        spaced[i - 1] = swapped;
    }
    for (size_t k = 0; k < data->leaves; k++)
        for (size_t i = 0; i < data->in[k].size; i++) data->in[k].at[i] = spaced[at++];
    free(spaced);
}

/* The reference's result for inputs given by array. */
array row_reference_of(const row_data *data, const array *in)
{
    array all[ROW_INPUTS] = {{.at = NULL}}, out;
    for (size_t k = 0; k < data->c->n; k++) all[k] = in[data->shared ? 0 : k];
    if (data->row->reference) {
        data->row->reference(&out, all, data->c->n, data->c->user);
        return out;
    }
    wg_shape shape = all[0].shape;
    for (size_t k = 1; k < data->c->n; k++) shape = shape_broadcast(&shape, &all[k].shape);
    out = array_new(shape);
    for (size_t i = 0; i < out.size; i++) {
        size_t tuple[WG_MAX_RANK];
        long double x[ROW_INPUTS + 2];
        shape_tuple(&shape, i, tuple);
        for (size_t k = 0; k < data->c->n; k++) x[k] = array_stretched(&all[k], &shape, tuple);
        for (size_t k = 0; k < 2; k++) x[data->c->n + k] = (long double)data->row->parameters[k];
        out.at[i] = data->row->formula(x);
    }
    return out;
}

row_data row_draw(const row *r, const row_case *c, bool shared, uint64_t seed)
{
    row_data data = {.row = r, .c = c, .shared = shared, .leaves = shared ? 1 : c->n};
    random_state random = {seed};
    for (size_t k = 0; k < data.leaves; k++) {
        data.in[k] = array_new(c->in[k]);
        data.direction[k] = array_new(c->in[k]);
        for (size_t i = 0; i < data.in[k].size; i++) {
            data.in[k].at[i] = row_number(&random, &r->domain[k]);
            if (!r->domain[k].truth) data.direction[k].at[i] = (float)(2 * random_unit(&random) - 1);
        }
    }
    if (r->distinct) row_make_distinct(&random, &data);
    data.cotangent = row_reference_of(&data, data.in);
    for (size_t i = 0; i < data.cotangent.size; i++) {
        float magnitude = (float)(0.5 + random_unit(&random));
        data.cotangent.at[i] = random_unit(&random) < 0.5 ? -magnitude : magnitude;
    }
    return data;
}

void row_drop(row_data *data)
{
    for (size_t k = 0; k < data->leaves; k++) {
        array_free(&data->in[k]);
        array_free(&data->direction[k]);
    }
    array_free(&data->cotangent);
}
