/* Three ways to bring in a function of one's own, here the logistic map's step s(x) = r x (1 - x):
 *
 *     by rule        its derivative in terms of other ops: works in every mode, to any order
 *     numbers only   a backward pass written by hand: wg_backward uses it; a recorded derivative is an error that names it
 *     precomputed    a value and its partial derivatives, from anywhere: one number at a time
 *
 * All three give the same gradient of s(s(x)); only the first has a second derivative. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <wengert.h>

/* The attribute of both ops: r. */
static double rate(const wg_call *call) { return *(const double *)call->attributes; }

static wg_status same_shape(wg_call *call)
{
    call->shape = *call->in[0].shape;
    return WG_OK;
}

static wg_status evaluate(wg_call *call) /* doubles: this program has no tape of floats */
{
    const double *x = call->in[0].data;
    double *y = call->out;
    for (size_t i = 0; i < call->in[0].size; i++) y[i] = rate(call) * x[i] * (1 - x[i]);
    return WG_OK;
}

/* ds/dx = r - 2 r x. As steps: slope = r + (-2 r) x, and the input gets g slope. */
static void by_rule(wg_derivation *d)
{
    double r = rate(wg_derivation_call(d));
    wg_term g = wg_cotangent(d), x = wg_primal(d, 0);
    wg_term falling = wg_step(d, wg_op_mul(), (wg_term[]){x, wg_number(d, -2 * r)}, 2, NULL, 0);
    wg_term slope = wg_step(d, wg_op_add(), (wg_term[]){falling, wg_number(d, r)}, 2, NULL, 0);
    wg_give(d, 0, wg_op_mul(), (wg_term[]){g, slope}, 2, NULL, 0);
}

static void numbers_only(wg_derivation *d)
{
    bool add;
    double r = rate(wg_derivation_call(d)), *out = wg_give_numbers(d, 0, &add);
    const double *g = wg_term_numbers(d, wg_cotangent(d)), *x = wg_term_numbers(d, wg_primal(d, 0));
    for (size_t i = 0; out && i < wg_derivation_call(d)->in[0].size; i++) {
        double slope = g[i] * (r - 2 * r * x[i]);
        out[i] = add ? out[i] + slope : slope;
    }
}

/* WG_OP_ELEMENTWISE lets the forward mode use the same rule. */
static const wg_op step_by_rule = {.name = "logistic step",
    .arity = 1,
    .flags = WG_OP_ELEMENTWISE,
    .shape = same_shape,
    .evaluate = evaluate,
    .derivative = by_rule};
static const wg_op step_in_numbers = {.name = "logistic step in numbers",
    .arity = 1,
    .shape = same_shape,
    .evaluate = evaluate,
    .derivative = numbers_only};

static wg_var apply(const wg_op *op, wg_var x, double r) { return wg_apply(x.tape, op, &x, 1, &r, sizeof r); }

static wg_var precomputed(wg_var x, double r)
{
    double value = wg_item(x), slope = r - 2 * r * value;
    return wg_precomputed(x.tape, r * value * (1 - value), &x, &slope, 1);
}

/* s(s(x)) as wg_check_function takes a function; user is the op. */
static wg_var twice(wg_tape *tape, void *user, const wg_var *in, size_t n)
{
    (void)tape, (void)n;
    const wg_op *op = user;
    return apply(op, apply(op, in[0], 3.7), 3.7);
}

int main(void)
{
    const double r = 3.7, x0 = 0.3;
    double s = r * x0 * (1 - x0), by_hand = (r - 2 * r * s) * (r - 2 * r * x0), worst = 0;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_scalar_variable(tape, x0), y[3];
    y[0] = apply(&step_by_rule, apply(&step_by_rule, x, r), r);
    y[1] = apply(&step_in_numbers, apply(&step_in_numbers, x, r), r);
    y[2] = precomputed(precomputed(x, r), r);
    const char *how[] = {"by rule", "numbers only", "precomputed"};
    for (int i = 0; i < 3; i++) {
        wg_zero_grad(tape);
        wg_backward(y[i]);
        printf("%-13s s(s(x)) = %.15f, derivative %.15f\n", how[i], wg_item(y[i]), wg_grad_at(x, 0));
        worst = fmax(worst, fabs(wg_grad_at(x, 0) - by_hand));
    }
    double second = 0, expected = -2 * r * (pow(r - 2 * r * x0, 2) + r - 2 * r * s);
    wg_hessian(y[0], &x, 1, &second);
    printf("%-13s second derivative %.12f, by hand %.12f\n", how[0], second, expected);
    bool good = wg_tape_status(tape) == WG_OK && worst < 1e-14 && fabs(second - expected) < 1e-12;
    for (int i = 1; i < 3; i++) {
        good = good && wg_hessian(y[i], &x, 1, &second) == WG_ERROR_UNSUPPORTED;
        printf("%-13s second derivative: %s\n", how[i], wg_tape_message(tape));
        wg_tape_clear_error(tape);
    }
    const wg_op *ops[] = {&step_by_rule, &step_in_numbers};
    for (int i = 0; i < 2; i++) { /* against differences: both right, the first to order 2 */
        wg_function_report report;
        good = good && wg_check_function(twice, (void *)ops[i], &x, 1, NULL, &report) == WG_OK;
        good = good && report.verdict == WG_FUNCTION_RIGHT;
        printf("%-13s %s\n", how[i], report.message);
    }
    wg_tape_free(tape);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
