/* Losses of regression. The mean squared error, the most used, is one op that keeps nothing of its operands' size; the others
 * are an elementwise op of the difference and a reduction. */
#include "kernels/reduce.h"
#include "ops/elementwise/elementwise.h"
#include "ops/loss/loss.h"
#include "shape/shape.h"
#include "tape/words.h"
#include "wengert/ops.h"

#include <math.h>

/* ---- the squared error, fused ---------------------------------------------------------------------------------------- */

typedef struct regression_reduction {
    wg_reduction reduction;
    double divisor;
} regression_reduction;

static wg_status regression_infer_mse(wg_call *call)
{
    const regression_reduction *reduction = call->attributes;
    const wg_shape *shape = call->in[0].shape;
    if (!wg_shape_equal(shape, call->in[1].shape))
        return wg_call_fail(call, WG_ERROR_SHAPE, "prediction %s and target %s differ in shape",
            wg_call_describe(call, 0), wg_call_describe(call, 1));
    if (reduction->reduction == WG_BATCH_MEAN && shape->rank != 2)
        return wg_call_fail(
            call, WG_ERROR_SHAPE, "WG_BATCH_MEAN takes (features, samples), not %s", wg_call_describe(call, 0));
    if (reduction->divisor == 0)
        return wg_call_fail(call, WG_ERROR_SHAPE, "the mean over nothing: %s", wg_call_describe(call, 0));
    call->shape = (wg_shape){0};
    return WG_OK;
}

static wg_status regression_mse(wg_call *call)
{
    const regression_reduction *reduction = call->attributes;
    size_t n = call->in[0].size;
    const void *p = call->in[0].data, *t = call->in[1].data;
    if (call->dtype == WG_F64) {
        double loss = wg_kernel_squared_difference_f64(call->tape->isa, n, p, t, reduction->divisor), *out = call->out;
        *out = call->add ? *out + loss : loss;
    } else {
        float loss = wg_kernel_squared_difference_f32(call->tape->isa, n, p, t, reduction->divisor), *out = call->out;
        *out = call->add ? *out + loss : loss;
    }
    return WG_OK;
}

/* out = or += scale (p - t), an exact zero where either factor is. */
#define REGRESSION_SLOPE(R)                                                                                            \
    do {                                                                                                               \
        R scale = *(const R *)g == 0 ? 0 : (R)(2 * sign) * *(const R *)g / (R)divisor, *to = out;                      \
        const R *from = p, *wanted = t;                                                                                \
        for (size_t i = 0; i < n; i++) {                                                                               \
            R difference = from[i] - wanted[i], product = scale * difference;                                          \
            R slope = ((scale == 0) | (difference == 0)) ? 0 : product;                                                \
            to[i] = add ? to[i] + slope : slope;                                                                       \
        }                                                                                                              \
    } while (0)
static void regression_mse_numbers(wg_derivation *d, size_t k, double divisor)
{
    const wg_call *call = wg_derivation_call(d);
    size_t n = call->in[0].size;
    const void *p = wg_term_numbers(d, wg_primal(d, 0)), *t = wg_term_numbers(d, wg_primal(d, 1));
    const void *g = wg_term_numbers(d, wg_cotangent(d));
    bool add;
    void *out = wg_give_numbers(d, k, &add);
    if (!out || !p || !t) return;
    int sign = k == 0 ? 1 : -1;
    if (call->dtype == WG_F64)
        REGRESSION_SLOPE(double);
    else
        REGRESSION_SLOPE(float);
}
#undef REGRESSION_SLOPE

/* prediction: 2 g (p - t) / divisor, target: the negative. On numbers that is one pass over both. */
static void regression_derive_mse(wg_derivation *d)
{
    const regression_reduction *reduction = wg_derivation_call(d)->attributes;
    if (!wg_recording(d)) {
        for (size_t k = 0; k < 2; k++)
            if (wg_wants(d, k)) regression_mse_numbers(d, k, reduction->divisor);
        return;
    }
    wg_term g = wg_cotangent(d), p = wg_primal(d, 0), t = wg_primal(d, 1);
    wg_term twice = wg_step(d, wg_op_mul(), (wg_term[]){g, wg_number(d, 2)}, 2, NULL, 0);
    wg_term scale = wg_step(d, &wg_ew_op_div0, (wg_term[]){twice, wg_number(d, reduction->divisor)}, 2, NULL, 0);
    wg_term difference = wg_step(d, &wg_ew_op_sub, (wg_term[]){p, t}, 2, NULL, 0);
    wg_give(d, 0, wg_op_mul(), (wg_term[]){scale, difference}, 2, NULL, 0);
    if (!wg_wants(d, 1)) return;
    wg_term negative = wg_step(d, wg_op_neg(), &scale, 1, NULL, 0);
    wg_give(d, 1, wg_op_mul(), (wg_term[]){negative, difference}, 2, NULL, 0);
}

static size_t regression_describe_mse(const wg_call *call, char *text, size_t size)
{
    const regression_reduction *reduction = call->attributes;
    wg_words words = {text, size, 0};
    wg_words_reduction(&words, reduction->reduction);
    return words.length;
}

static const wg_op regression_op_mse = {.name = "mse",
    .arity = 2,
    .flags = WG_OP_ADDS,
    .shape = regression_infer_mse,
    .evaluate = regression_mse,
    .derivative = regression_derive_mse,
    .describe = regression_describe_mse};

wg_var wg_mse(wg_var prediction, wg_var target, wg_reduction reduction)
{
    wg_tape *tape = prediction.tape ? prediction.tape : target.tape;
    if (!tape) return wg_invalid(NULL);
    wg_shape shape = wg_shape_of(prediction);
    double divisor = 1;
    if (reduction == WG_MEAN) divisor = (double)wg_size(prediction);
    if (reduction == WG_BATCH_MEAN) divisor = shape.rank == 2 ? (double)shape.dim[1] : 1;
    if (reduction != WG_MEAN && reduction != WG_SUM && reduction != WG_BATCH_MEAN) {
        wg_tape_fail(tape, WG_ERROR_ARGUMENT, "mse: %d is not a reduction", (int)reduction);
        return wg_invalid(tape);
    }
    regression_reduction attributes = {reduction, divisor};
    return wg_list_apply(
        tape, &regression_op_mse, (wg_var[]){prediction, target}, 2, &attributes, sizeof attributes, NULL);
}

/* ---- others, of the difference ----------------------------------------------------------------------------------------- */

wg_var wg_l1(wg_var prediction, wg_var target, wg_reduction reduction)
{
    wg_composition c;
    if (!wg_loss_open(&c, "l1", prediction, target, reduction)) return wg_invalid(c.tape);
    return wg_loss_close(&c, wg_abs(wg_sub(prediction, target)), reduction);
}

/* delta is a number above 0, beyond which the loss is a line. */
static wg_var regression_huber(const wg_composition *c, wg_var prediction, wg_var target, double delta)
{
    if (!(delta > 0 && delta < INFINITY)) {
        wg_tape_fail(c->tape, WG_ERROR_ARGUMENT, "%s: %g is not a finite number above 0, for %s", c->name, delta,
            wg_list_describe(c->tape, prediction.index));
        return wg_invalid(c->tape);
    }
    return wg_ew_apply_with(&wg_ew_op_huber, wg_sub(prediction, target), delta, 0);
}

wg_var wg_huber(wg_var prediction, wg_var target, double delta, wg_reduction reduction)
{
    wg_composition c;
    if (!wg_loss_open(&c, "huber", prediction, target, reduction)) return wg_invalid(c.tape);
    return wg_loss_close(&c, regression_huber(&c, prediction, target, delta), reduction);
}

wg_var wg_smooth_l1(wg_var prediction, wg_var target, double beta, wg_reduction reduction)
{
    wg_composition c;
    if (!wg_loss_open(&c, "smooth_l1", prediction, target, reduction)) return wg_invalid(c.tape);
    if (beta == 0) return wg_loss_close(&c, wg_abs(wg_sub(prediction, target)), reduction);
    wg_var each = regression_huber(&c, prediction, target, beta);
    return wg_loss_close(&c, wg_div(each, wg_scalar(c.tape, beta)), reduction);
}

wg_var wg_poisson_nll(wg_var log_rate, wg_var target, wg_reduction reduction)
{
    wg_composition c;
    if (!wg_loss_open(&c, "poisson_nll", log_rate, target, reduction)) return wg_invalid(c.tape);
    wg_var rate = wg_exp(log_rate), product = wg_ew_step_mul0(target, log_rate);
    return wg_loss_close(&c, wg_sub(rate, product), reduction);
}

wg_var wg_gaussian_nll(wg_var mean, wg_var variance, wg_var target, wg_reduction reduction)
{
    wg_composition c;
    if (!wg_compose_open(&c, "gaussian_nll", (wg_var[]){mean, variance, target}, 3, 0)) return wg_invalid(c.tape);
    wg_shape shape = wg_shape_of(mean), spread = wg_shape_of(variance), wanted = wg_shape_of(target);
    if (!wg_shape_equal(&shape, &spread) || !wg_shape_equal(&shape, &wanted)) {
        wg_tape_fail(c.tape, WG_ERROR_SHAPE, "gaussian_nll: mean %s, variance %s and target %s differ in shape",
            wg_list_describe(c.tape, mean.index), wg_list_describe(c.tape, variance.index),
            wg_list_describe(c.tape, target.index));
        return wg_invalid(c.tape);
    }
    if (!wg_loss_check_reduction(&c, mean, wg_size(mean), 1, reduction)) return wg_invalid(c.tape);
    wg_var square = wg_square(wg_sub(mean, target)), ratio = wg_div(square, variance), logarithm = wg_log(variance);
    wg_var both = wg_add(logarithm, ratio);
    return wg_loss_close(&c, wg_mul(both, wg_scalar(c.tape, 0.5)), reduction);
}
