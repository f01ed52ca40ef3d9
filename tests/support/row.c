/* The checks that every op goes through, on each of its cases and in both dtypes:
 *
 *     value        against the reference
 *     gradient     of <cotangent, op(inputs)> against extrapolated differences of the reference, along each of up to a
 *                  dozen axes and along one random direction; in float, against the same in double
 *     recorded     wg_vjp's result against wg_backward_from's
 *     order 2      the recorded gradient, contracted with a direction and swept again, against differences of the
 *                  gradient and of the reference
 *     order 3      the same once more, against differences of order 2
 *     tangent      wg_jvp's result, and its gradient, against the same differences
 *     inputs       leaves or intermediates, constants beside variables, f(x, x), options.ieee_zero: the same gradient
 *     memory       every tape has first recorded and swept the same op on NaNs, so what is not written reads as NaN;
 *                  and operands that the derivative is not said to read are overwritten with NaN before the sweep
 *     accumulation two sweeps are twice one; a gradient that is not zero is added to; other ops that use the inputs,
 *                  recorded before and after, add to their adjoints
 *     inspection   an observed sweep shows contributions that add up to the same gradient; a copy on another tape has
 *                  the same value and gradient
 */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "support/row.h"

#include "ops/elementwise/elementwise.h"
#include "tape/list.h"

#define ROW_SAMPLES 12

/* ---- comparing ----------------------------------------------------------------------------------------------------- */

char row_where[256];

void row_at(const row_data *data, wg_dtype dtype, const char *what)
{
    int at = snprintf(row_where, sizeof row_where, "%s", data->row->name);
    for (size_t k = 0; k < data->c->n; k++) {
        const wg_shape *shape = &data->c->in[k];
        at += snprintf(row_where + at, sizeof row_where - (size_t)at, "%s(", k ? "," : " ");
        for (uint32_t d = 0; d < shape->rank; d++)
            at += snprintf(row_where + at, sizeof row_where - (size_t)at, "%s%zu", d ? "," : "", shape->dim[d]);
        at += snprintf(row_where + at, sizeof row_where - (size_t)at, ")");
    }
    snprintf(row_where + at, sizeof row_where - (size_t)at, "%s %s, %s", data->shared ? " shared" : "",
        dtype == WG_F64 ? "F64" : "F32", what);
}

/* got[i] = expected[i] up to relative |expected[i]| + absolute, NaN nowhere. */
void row_near(const array *got, const array *expected, long double relative, long double absolute, size_t k)
{
    if (!shape_same(&got->shape, &expected->shape)) fail_msg("%s: of input %zu: the shapes differ", row_where, k);
    for (size_t i = 0; i < got->size; i++) {
        long double off = fabsl(got->at[i] - expected->at[i]), allowed = relative * fabsl(expected->at[i]) + absolute;
        if (!(off <= allowed))
            fail_msg("%s: of input %zu, element %zu: %.18Lg, expected %.18Lg; off by %.3Lg, allowed %.3Lg", row_where,
                k, i, got->at[i], expected->at[i], off, allowed);
    }
}

/* f(x, x) adds two parts, of the cotangent's size, that may cancel. */
long double row_scale(const row_data *data, const array *gradient)
{
    return array_largest(gradient) + (data->shared ? 4 : 0);
}

void row_healthy(const wg_tape *tape)
{
    if (wg_tape_status(tape) != WG_OK) fail_msg("%s: %s", row_where, wg_tape_message(tape));
}

/* ---- recording ------------------------------------------------------------------------------------------------------- */

wg_var row_call(const row *r, wg_tape *tape, const wg_var *in, size_t n, const void *user)
{
    if (r->unary) return r->unary(in[0]);
    if (r->binary) return r->binary(in[0], in[1]);
    if (r->ternary) return r->ternary(in[0], in[1], in[2]);
    if (r->with_parameter) return r->with_parameter(in[0], r->parameters[0]);
    if (r->with_parameters) return r->with_parameters(in[0], r->parameters[0], r->parameters[1]);
    return r->apply(tape, in, n, user);
}

void row_record(row_tape *t, const row_data *data, const row_options *options)
{
    for (size_t k = 0; k < data->leaves; k++) {
        array moved = array_copy(&data->in[k]);
        for (size_t i = 0; i < moved.size; i++) moved.at[i] += options->move * data->direction[k].at[i];
        t->leaf[k] = array_leaf(t->tape, &moved, !(options->constants >> k & 1));
        array_free(&moved);
    }
    for (size_t k = 0; k < data->c->n; k++) {
        wg_var leaf = t->leaf[data->shared ? 0 : k];
        t->in[k] = data->shared && k ? t->in[0] : options->through ? wg_neg(wg_neg(leaf)) : leaf;
    }
    t->out = row_call(data->row, t->tape, t->in, data->c->n, data->c->user);
}

/* Records and sweeps the op on NaNs, and takes it off again: from now on fresh memory of the tape holds NaNs. */
static void row_dirty(wg_tape *tape, const row_data *data)
{
    wg_mark start = wg_tape_mark(tape);
    row_data nan = *data;
    for (size_t k = 0; k < data->leaves; k++) {
        nan.in[k] = array_copy(&data->in[k]);
        for (size_t i = 0; i < nan.in[k].size; i++) nan.in[k].at[i] = (long double)NAN;
    }
    nan.cotangent = array_copy(&data->cotangent);
    for (size_t i = 0; i < nan.cotangent.size; i++) nan.cotangent.at[i] = (long double)NAN;
    row_tape t = {.tape = tape};
    row_record(&t, &nan, &(row_options){.through = true});
    wg_var grads[ROW_INPUTS], cotangent = array_leaf(tape, &nan.cotangent, true);
    array_backward(t.out, &nan.cotangent);
    wg_vjp(t.out, cotangent, t.in, data->leaves, grads);
    for (size_t k = 0; k < data->leaves && wg_tape_status(tape) == WG_OK; k++) wg_backward(wg_sum(grads[k]));
    row_healthy(tape);
    assert_int_equal(wg_tape_rewind(tape, start), WG_OK);
    for (size_t k = 0; k < data->leaves; k++) array_free(&nan.in[k]);
    array_free(&nan.cotangent);
}

row_tape row_open(const row_data *data, const row_options *options)
{
    wg_tape_options tape_options = {
        .dtype = options->dtype, .ieee_zero = options->ieee_zero, .instructions = options->instructions};
    row_tape t = {.tape = wg_tape_new_with(&tape_options, NULL)};
    assert_non_null(t.tape);
    row_dirty(t.tape, data);
    row_record(&t, data, options);
    row_healthy(t.tape);
    return t;
}

void row_close(row_tape *t)
{
    row_healthy(t->tape);
    row_check_words(t->tape);
    wg_tape_free(t->tape);
}

/* ---- first derivatives ------------------------------------------------------------------------------------------------ */

void row_gradient_free(const row_data *data, row_gradient *g)
{
    for (size_t k = 0; k < data->leaves; k++) array_free(&g->of[k]);
}

/* By wg_backward_from; of a constant: zeros. */
row_gradient row_sweep(const row_data *data, const row_options *options)
{
    row_gradient g;
    row_tape t = row_open(data, options);
    array_backward(t.out, &data->cotangent);
    row_healthy(t.tape);
    for (size_t k = 0; k < data->leaves; k++)
        g.of[k] = options->constants >> k & 1 ? array_new(data->in[k].shape) : array_of_grad(t.leaf[k]);
    row_close(&t);
    return g;
}

static void row_check_value(const row_data *data, wg_dtype dtype, wg_instructions instructions)
{
    row_at(data, dtype, instructions ? "value by another instruction set" : "value");
    row_tape t = row_open(data, &(row_options){.dtype = dtype, .instructions = instructions});
    array got = array_of_value(t.out), expected = row_reference_of(data, data->in);
    array scale = array_copy(&expected);
    if (data->row->sum) {
        array magnitudes[ROW_INPUTS];
        for (size_t k = 0; k < data->leaves; k++) {
            magnitudes[k] = array_copy(&data->in[k]);
            for (size_t i = 0; i < magnitudes[k].size; i++) magnitudes[k].at[i] = fabsl(magnitudes[k].at[i]);
        }
        array_free(&scale);
        scale = row_reference_of(data, magnitudes);
        for (size_t k = 0; k < data->leaves; k++) array_free(&magnitudes[k]);
    }
    long double roundings = data->row->roundings * dtype_roundoff(dtype);
    row_near(&got, &expected, 0, roundings * array_largest(&scale), 0);
    if (!data->row->sum) row_near(&got, &expected, roundings, 0, 0);
    array_free(&got);
    array_free(&expected);
    array_free(&scale);
    row_close(&t);
}

array row_moved(const row_line *line, long double t)
{
    const row_data *data = line->data;
    array moved[ROW_INPUTS];
    for (size_t k = 0; k < data->leaves; k++) {
        moved[k] = array_copy(&data->in[k]);
        for (size_t i = 0; i < moved[k].size && line->input == data->leaves; i++)
            moved[k].at[i] += t * data->direction[k].at[i];
    }
    if (line->input < data->leaves) moved[line->input].at[line->element] += t;
    array out = row_reference_of(data, moved);
    for (size_t k = 0; k < data->leaves; k++) array_free(&moved[k]);
    return out;
}

static long double row_along(void *context, long double t)
{
    const row_line *line = context;
    array out = row_moved(line, t);
    long double phi = array_dot(&line->data->cotangent, &out);
    array_free(&out);
    return phi;
}

/* The error of a difference with this step is below 1e-12 of the function's size on the domains of the rows; 1e-9 also
 * leaves room where long double is double. */
static void row_check_gradient(const row_data *data, const row_gradient *g)
{
    row_at(data, WG_F64, "gradient against differences");
    long double along = 0, size = fabsl(row_along(&(row_line){data, data->leaves, 0}, 0));
    random_state random = {7};
    for (size_t k = 0; k < data->leaves; k++) {
        size_t count = g->of[k].size < ROW_SAMPLES ? g->of[k].size : ROW_SAMPLES;
        along += array_dot(&g->of[k], &data->direction[k]);
        size += array_largest(&g->of[k]) + 1;
        for (size_t s = 0; s < count; s++) {
            size_t i = count == g->of[k].size ? s : random_below(&random, g->of[k].size);
            long double expected = data->row->domain[k].truth ? 0 : difference(row_along, &(row_line){data, k, i});
            long double allowed = data->row->domain[k].truth ? 0 : 1e-9L * (fabsl(expected) + size);
            if (!(fabsl(g->of[k].at[i] - expected) <= allowed))
                fail_msg("%s: of input %zu, element %zu: %.18Lg, differences %.18Lg", row_where, k, i, g->of[k].at[i],
                    expected);
        }
    }
    long double expected = difference(row_along, &(row_line){data, data->leaves, 0});
    if (!(fabsl(along - expected) <= 1e-9L * (fabsl(expected) + size)))
        fail_msg("%s: along a direction: %.18Lg, differences %.18Lg", row_where, along, expected);
}

/* Roundings of the largest element are allowed: an element may be a sum that cancels. 64 is above what the longest
 * derivatives round, sums of the cases included, and far below any wrong term. */
static void row_check_float(const row_data *data, const row_gradient *g)
{
    row_gradient f = row_sweep(data, &(row_options){.dtype = WG_F32});
    row_at(data, WG_F32, "gradient in float against double");
    for (size_t k = 0; k < data->leaves; k++)
        row_near(&f.of[k], &g->of[k], 0, 64 * dtype_roundoff(WG_F32) * row_scale(data, &g->of[k]), k);
    row_gradient_free(data, &f);
}

/* Value and gradient by each lesser instruction set that the machine runs. */
static void row_check_instructions(const row_data *data, const row_gradient *g)
{
    for (int isa = WG_ISA_BASELINE; isa < (int)wg_kernel_isa(); isa++) {
        if (!wg_kernel_isa_runs((wg_isa)isa)) continue;
        wg_instructions set = isa == WG_ISA_BASELINE ? WG_INSTRUCTIONS_BASELINE : WG_INSTRUCTIONS_AVX2;
        for (int dtype = WG_F32; dtype <= WG_F64; dtype++) {
            row_check_value(data, (wg_dtype)dtype, set);
            row_gradient own = row_sweep(data, &(row_options){.dtype = (wg_dtype)dtype, .instructions = set});
            row_at(data, (wg_dtype)dtype, "gradient by another instruction set");
            for (size_t k = 0; k < data->leaves; k++)
                row_near(
                    &own.of[k], &g->of[k], 0, 64 * dtype_roundoff((wg_dtype)dtype) * row_scale(data, &g->of[k]), k);
            row_gradient_free(data, &own);
        }
    }
}

/* ---- the same gradient, whatever the inputs are -------------------------------------------------------------------- */

static void row_check_same(const row_data *data, const row_gradient *g, wg_dtype dtype)
{
    row_gradient through = row_sweep(data, &(row_options){.dtype = dtype, .through = true});
    row_at(data, dtype, "gradient through intermediates");
    /* f(x, x) of intermediates adds its parts in another order */
    long double order = data->shared ? 4 * dtype_roundoff(dtype) : 0;
    for (size_t k = 0; k < data->leaves; k++)
        row_near(&through.of[k], &g->of[k], 0, order * row_scale(data, &g->of[k]), k);
    row_gradient_free(data, &through);

    row_gradient ieee = row_sweep(data, &(row_options){.dtype = dtype, .ieee_zero = true});
    row_at(data, dtype, "gradient with ieee_zero");
    for (size_t k = 0; k < data->leaves; k++) row_near(&ieee.of[k], &g->of[k], 0, 0, k);
    row_gradient_free(data, &ieee);

    for (size_t k = 0; k < data->leaves && data->leaves > 1; k++) {
        row_gradient alone = row_sweep(data, &(row_options){.dtype = dtype, .constants = ~(1u << k)});
        row_at(data, dtype, "gradient with the other inputs constant");
        row_near(&alone.of[k], &g->of[k], 0, 0, k);
        row_gradient_free(data, &alone);
    }
}

/* ---- reads that are not announced ------------------------------------------------------------------------------------ */

static unsigned row_reads(const row *r, size_t k)
{
    if (!r->elementwise) return r->reads[k];
    unsigned needs = wg_ew_needs(r->rule, k);
    return (needs & EW_A ? ROW_READS(0) : 0) | (needs & EW_B ? ROW_READS(1) : 0) | (needs & EW_C ? ROW_READS(2) : 0) |
           (needs & EW_Y ? ROW_READS_RESULT : 0);
}

static void row_poison(wg_var var)
{
    wg_node *node = &var.tape->nodes[var.index];
    void *value = node->flags & WG_NODE_INLINE ? (void *)&node->u : node->record->value;
    for (size_t i = 0; value && i < wg_size(var); i++)
        if (wg_tape_dtype(var.tape) == WG_F64)
            ((double *)value)[i] = (double)NAN;
        else
            ((float *)value)[i] = NAN;
}

static void row_check_reads(const row_data *data, const row_gradient *g, wg_dtype dtype)
{
    for (size_t k = 0; k < data->leaves; k++) {
        unsigned reads = row_reads(data->row, k);
        row_tape t = row_open(data, &(row_options){.dtype = dtype, .constants = ~(1u << k)});
        row_at(data, dtype, "gradient with what it need not read poisoned");
        if (!(reads & ROW_READS_RESULT)) row_poison(t.out);
        for (size_t j = 0; j < data->leaves; j++)
            if (!(reads & ROW_READS(j))) row_poison(t.leaf[j]);
        array_backward(t.out, &data->cotangent);
        row_healthy(t.tape);
        array got = array_of_grad(t.leaf[k]);
        row_near(&got, &g->of[k], 0, 0, k);
        array_free(&got);
        row_close(&t);
    }
}

/* ---- a row ------------------------------------------------------------------------------------------------------------- */

static void row_run_data(const row_data *data)
{
    row_gradient g = row_sweep(data, &(row_options){.dtype = WG_F64});
    row_check_value(data, WG_F64, WG_INSTRUCTIONS_BEST);
    row_check_value(data, WG_F32, WG_INSTRUCTIONS_BEST);
    row_check_gradient(data, &g);
    row_check_float(data, &g);
    row_check_instructions(data, &g);
    row_check_second(data);
    row_check_third(data);
    for (int dtype = WG_F32; dtype <= WG_F64; dtype++) {
        row_gradient own = row_sweep(data, &(row_options){.dtype = (wg_dtype)dtype});
        row_check_same(data, &own, (wg_dtype)dtype);
        if (!data->shared) row_check_reads(data, &own, (wg_dtype)dtype);
        row_check_recorded(data, &own, (wg_dtype)dtype);
        row_check_accumulation(data, &own, (wg_dtype)dtype);
        row_check_beside(data, &own, (wg_dtype)dtype);
        row_check_bounded(data, (wg_dtype)dtype);
        row_check_observed(data, &own, (wg_dtype)dtype);
        row_check_copied(data, &g, (wg_dtype)dtype);
        row_gradient_free(data, &own);
    }
    row_gradient_free(data, &g);
}

void row_run(const row *r)
{
    assert_true(r->cases_count > 0);
    for (size_t i = 0; i < r->cases_count; i++) {
        const row_case *c = &r->cases[i];
        bool can_share = c->n == 2 && shape_same(&c->in[0], &c->in[1]);
        for (int shared = 0; shared <= can_share; shared++) {
            row_data data = row_draw(r, c, shared, 1000 * i + 17);
            row_run_data(&data);
            row_drop(&data);
        }
    }
}

static void row_test(void **state) { row_run(*state); }

int row_main(const char *name, const row *rows, size_t rows_count, const struct CMUnitTest *tests, size_t tests_count)
{
    struct CMUnitTest *all = calloc(rows_count + tests_count, sizeof *all);
    if (!all) return 1;
    for (size_t i = 0; i < rows_count; i++)
        all[i] = (struct CMUnitTest){rows[i].name, row_test, NULL, NULL, (void *)&rows[i]};
    if (tests_count) memcpy(all + rows_count, tests, tests_count * sizeof *all);
    int failed = _cmocka_run_group_tests(name, all, rows_count + tests_count, NULL, NULL);
    free(all);
    return failed;
}
