/* Checks of recorded derivatives, of their derivatives, and of accumulation: see row.c. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "support/row.h"

/* Both readings round the same formula, or two that are mathematically one; 32 roundings is above either. Where the
 * adjoint is a sum, roundings are of its largest element, since others may cancel. */
void row_check_recorded(const row_data *data, const row_gradient *g, wg_dtype dtype)
{
    wg_var grads[ROW_INPUTS];
    row_tape t = row_open(data, &(row_options){.dtype = dtype});
    row_at(data, dtype, "recorded gradient against the sweep's");
    wg_var cotangent = array_leaf(t.tape, &data->cotangent, false);
    wg_vjp(t.out, cotangent, t.leaf, data->leaves, grads);
    row_healthy(t.tape);
    for (size_t k = 0; k < data->leaves; k++) {
        array got = array_of_value(grads[k]);
        bool alone = data->row->elementwise && !data->shared && got.size == data->cotangent.size;
        long double allowed = 32 * dtype_roundoff(dtype);
        row_near(&got, &g->of[k], alone ? allowed : 0, alone ? 0 : allowed * row_scale(data, &g->of[k]), k);
        array_free(&got);
    }
    row_close(&t);
}

/* ---- order 2 ----------------------------------------------------------------------------------------------------------- */

/* With G(x, u) = the gradient of <u, op(x)> and v the direction, the swept scalar is <v, G(x, u)>. The second
 * derivatives of <u, op(x)> are symmetric, so its gradient with respect to x is dG(x + t v)/dt; with respect to u, the
 * cotangent, it is d op(x + t v)/dt. */
typedef struct row_second {
    row_gradient inputs;
    array cotangent;
} row_second;

static void row_second_free(const row_data *data, row_second *s)
{
    row_gradient_free(data, &s->inputs);
    array_free(&s->cotangent);
}

/* <v, grads>. */
static wg_var row_contract(wg_tape *tape, const row_data *data, const wg_var *grads)
{
    wg_var scalar = wg_scalar(tape, 0);
    for (size_t k = 0; k < data->leaves; k++) {
        wg_var direction = array_leaf(tape, &data->direction[k], false);
        scalar = wg_add(scalar, wg_sum(wg_mul(grads[k], direction)));
    }
    return scalar;
}

static row_second row_sweep_twice(const row_data *data, wg_dtype dtype, long double move)
{
    row_second s;
    wg_var grads[ROW_INPUTS];
    row_tape t = row_open(data, &(row_options){.dtype = dtype, .move = move});
    row_at(data, dtype, "order 2");
    wg_var cotangent = array_leaf(t.tape, &data->cotangent, true);
    wg_vjp(t.out, cotangent, t.leaf, data->leaves, grads);
    wg_backward(row_contract(t.tape, data, grads));
    row_healthy(t.tape);
    for (size_t k = 0; k < data->leaves; k++) s.inputs.of[k] = array_of_grad(t.leaf[k]);
    s.cotangent = array_of_grad(cotangent);
    row_close(&t);
    return s;
}

/* The forward mode: the tangent for v is d op(x + t v)/dt, and <u, tangent> has the gradient dG(x + t v)/dt with respect
 * to x. */
static row_second row_tangent_swept(const row_data *data, wg_dtype dtype)
{
    row_second s;
    wg_var direction[ROW_INPUTS], tangent;
    row_tape t = row_open(data, &(row_options){.dtype = dtype});
    row_at(data, dtype, "tangent");
    for (size_t k = 0; k < data->leaves; k++) direction[k] = array_leaf(t.tape, &data->direction[k], false);
    wg_jvp(t.out, t.leaf, direction, data->leaves, &tangent);
    wg_var cotangent = array_leaf(t.tape, &data->cotangent, false);
    wg_backward(wg_sum(wg_mul(tangent, cotangent)));
    row_healthy(t.tape);
    for (size_t k = 0; k < data->leaves; k++) s.inputs.of[k] = array_of_grad(t.leaf[k]);
    s.cotangent = array_of_value(tangent);
    row_close(&t);
    return s;
}

static row_second row_second_by_differences(const row_data *data)
{
    row_second s;
    row_gradient at[6];
    array value[6];
    long double values[6];
    for (size_t i = 0; i < 6; i++) {
        at[i] = row_sweep(data, &(row_options){.dtype = WG_F64, .move = difference_point(i)});
        value[i] = row_moved(&(row_line){data, data->leaves, 0}, difference_point(i));
    }
    for (size_t k = 0; k < data->leaves; k++) {
        s.inputs.of[k] = array_new(data->in[k].shape);
        for (size_t j = 0; j < data->in[k].size; j++) {
            for (size_t i = 0; i < 6; i++) values[i] = at[i].of[k].at[j];
            s.inputs.of[k].at[j] = difference_of(values);
        }
    }
    s.cotangent = array_new(data->cotangent.shape);
    for (size_t j = 0; j < data->cotangent.size; j++) {
        for (size_t i = 0; i < 6; i++) values[i] = value[i].at[j];
        s.cotangent.at[j] = difference_of(values);
    }
    for (size_t i = 0; i < 6; i++) {
        row_gradient_free(data, &at[i]);
        array_free(&value[i]);
    }
    return s;
}

static void row_compare_second(
    const row_data *data, const row_second *expected, const row_second *got, const row_second *narrow, const char *what)
{
    for (size_t k = 0; k <= data->leaves; k++) {
        bool last = k == data->leaves;
        const array *e = last ? &expected->cotangent : &expected->inputs.of[k];
        const array *g = last ? &got->cotangent : &got->inputs.of[k];
        const array *n = last ? &narrow->cotangent : &narrow->inputs.of[k];
        bool truth = !last && data->row->domain[k].truth;
        row_at(data, WG_F64, what);
        row_near(g, e, 1e-9L, truth ? 0 : 1e-9L * (1 + array_largest(e)), k);
        row_at(data, WG_F32, what);
        row_near(n, g, 0, 128 * dtype_roundoff(WG_F32) * (1 + array_largest(g)), k);
    }
}

void row_check_second(const row_data *data)
{
    row_second expected = row_second_by_differences(data);
    row_second got = row_sweep_twice(data, WG_F64, 0), narrow = row_sweep_twice(data, WG_F32, 0);
    row_compare_second(data, &expected, &got, &narrow, "order 2, in double against differences, in float against that");
    row_second_free(data, &got);
    row_second_free(data, &narrow);
    got = row_tangent_swept(data, WG_F64);
    narrow = row_tangent_swept(data, WG_F32);
    row_compare_second(data, &expected, &got, &narrow, "the tangent and its gradient (input n: the tangent itself)");
    row_second_free(data, &expected);
    row_second_free(data, &got);
    row_second_free(data, &narrow);
}

/* ---- order 3 ----------------------------------------------------------------------------------------------------------- */

/* The same once more: the gradient of <v, dG(x + t v)/dt>, against differences of the second derivative along v. */
static row_gradient row_sweep_thrice(const row_data *data)
{
    row_gradient g;
    wg_var grads[ROW_INPUTS];
    row_tape t = row_open(data, &(row_options){.dtype = WG_F64});
    row_at(data, WG_F64, "order 3");
    wg_var cotangent = array_leaf(t.tape, &data->cotangent, false);
    wg_vjp(t.out, cotangent, t.leaf, data->leaves, grads);
    wg_gradients(row_contract(t.tape, data, grads), t.leaf, data->leaves, grads);
    wg_backward(row_contract(t.tape, data, grads));
    row_healthy(t.tape);
    for (size_t k = 0; k < data->leaves; k++) g.of[k] = array_of_grad(t.leaf[k]);
    row_close(&t);
    return g;
}

void row_check_third(const row_data *data)
{
    row_second at[6];
    long double values[6];
    row_gradient got = row_sweep_thrice(data);
    for (size_t i = 0; i < 6; i++) at[i] = row_sweep_twice(data, WG_F64, difference_point(i));
    row_at(data, WG_F64, "order 3 against differences of order 2");
    for (size_t k = 0; k < data->leaves; k++) {
        array expected = array_new(data->in[k].shape);
        for (size_t j = 0; j < expected.size; j++) {
            for (size_t i = 0; i < 6; i++) values[i] = at[i].inputs.of[k].at[j];
            expected.at[j] = difference_of(values);
        }
        row_near(&got.of[k], &expected, 1e-8L, 1e-8L * (1 + array_largest(&expected)), k);
        array_free(&expected);
    }
    for (size_t i = 0; i < 6; i++) row_second_free(data, &at[i]);
    row_gradient_free(data, &got);
}

/* ---- accumulation -------------------------------------------------------------------------------------------------------- */

static void *row_take_numbers(size_t n, wg_dtype dtype, const array *from)
{
    void *numbers = malloc((n + 1) * sizeof(double));
    assert_non_null(numbers);
    for (size_t i = 0; i < n; i++)
        if (dtype == WG_F64)
            ((double *)numbers)[i] = from ? (double)from->at[i] : (double)i - 1.5;
        else
            ((float *)numbers)[i] = from ? (float)from->at[i] : (float)i - 1.5f;
    return numbers;
}

/* One addition to each element, correctly rounded, unless the input is used twice or the row says otherwise. */
void row_check_accumulation(const row_data *data, const row_gradient *g, wg_dtype dtype)
{
    void *values[ROW_INPUTS], *grads[ROW_INPUTS];
    row_tape t = row_open(data, &(row_options){.dtype = dtype});
    array_backward(t.out, &data->cotangent);
    array_backward(t.out, &data->cotangent);
    for (size_t k = 0; k < data->leaves; k++) {
        row_at(data, dtype, "gradient of two sweeps");
        array twice = array_of_grad(t.leaf[k]), expected = array_copy(&g->of[k]);
        for (size_t i = 0; i < expected.size; i++) expected.at[i] *= 2;
        long double order =
            data->shared || data->row->pieces ? 4 * dtype_roundoff(dtype) * row_scale(data, &expected) : 0;
        row_near(&twice, &expected, 0, order, k);
        array_free(&twice);
        array_free(&expected);
        values[k] = row_take_numbers(data->in[k].size, dtype, &data->in[k]);
        grads[k] = row_take_numbers(data->in[k].size, dtype, NULL);
        wg_bind(t.leaf[k], values[k], grads[k]);
    }
    wg_tape_replay(t.tape);
    array_backward(t.out, &data->cotangent);
    row_healthy(t.tape);
    for (size_t k = 0; k < data->leaves; k++) {
        row_at(data, dtype, "gradient added to numbers that the caller has bound");
        array sum = array_of_grad(t.leaf[k]), expected = array_copy(&g->of[k]);
        for (size_t i = 0; i < expected.size; i++) expected.at[i] += (long double)i - 1.5L;
        long double parts = row_scale(data, &g->of[k]) + (long double)expected.size + 1.5L;
        row_near(&sum, &expected, 0, 4 * dtype_roundoff(dtype) * parts, k);
        array_free(&sum);
        array_free(&expected);
    }
    row_close(&t);
    for (size_t k = 0; k < data->leaves; k++) {
        free(values[k]);
        free(grads[k]);
    }
}

/* The sum of <direction, input> over the intermediates that the op takes: another use of each. */
static wg_var row_other_use(const row_tape *t, const row_data *data)
{
    wg_var sum = wg_scalar(t->tape, 0);
    for (size_t k = 0; k < data->leaves; k++) {
        wg_var direction = array_leaf(t->tape, &data->direction[k], false);
        sum = wg_add(sum, wg_sum(wg_mul(t->in[k], direction)));
    }
    return sum;
}

/* A use that is recorded before the op finds its adjoint there in the sweep, one recorded after it comes first. */
void row_check_beside(const row_data *data, const row_gradient *g, wg_dtype dtype)
{
    for (int after = 0; after < 2; after++) {
        row_tape t = row_open(data, &(row_options){.dtype = dtype, .through = true});
        row_at(data, dtype, after ? "gradient with another use after" : "gradient with another use before");
        wg_var other = row_other_use(&t, data);
        wg_var out = row_call(data->row, t.tape, t.in, data->c->n, data->c->user);
        if (after) other = row_other_use(&t, data);
        wg_var contracted = wg_sum(wg_mul(out, array_leaf(t.tape, &data->cotangent, false)));
        wg_backward(wg_add(contracted, other));
        row_healthy(t.tape);
        for (size_t k = 0; k < data->leaves; k++) {
            array got = array_of_grad(t.leaf[k]), expected = array_copy(&g->of[k]);
            for (size_t i = 0; i < expected.size; i++) expected.at[i] += data->direction[k].at[i];
            row_near(&got, &expected, 0, 8 * dtype_roundoff(dtype) * (1 + row_scale(data, &g->of[k])), k);
            array_free(&got);
            array_free(&expected);
        }
        row_close(&t);
    }
}
