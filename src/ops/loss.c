/* Losses: mean squared error. */
#include "kernels/reduce.h"
#include "ops/elementwise/elementwise.h"
#include "shape/shape.h"
#include "wengert/ops.h"

typedef struct loss_reduction {
    wg_reduction reduction;
    double divisor;
} loss_reduction;

static wg_status loss_infer_mse(wg_call *call)
{
    const loss_reduction *reduction = call->attributes;
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

static wg_status loss_mse(wg_call *call)
{
    const loss_reduction *reduction = call->attributes;
    size_t n = call->in[0].size;
    const void *p = call->in[0].data, *t = call->in[1].data;
    if (call->dtype == WG_F64) {
        double loss = wg_kernel_squared_difference_f64(n, p, t, reduction->divisor), *out = call->out;
        *out = call->add ? *out + loss : loss;
    } else {
        float loss = wg_kernel_squared_difference_f32(n, p, t, reduction->divisor), *out = call->out;
        *out = call->add ? *out + loss : loss;
    }
    return WG_OK;
}

/* prediction: 2 g (p - t) / divisor, target: the negative. */
static void loss_derive_mse(wg_derivation *d)
{
    const loss_reduction *reduction = wg_derivation_call(d)->attributes;
    wg_term g = wg_cotangent(d), p = wg_primal(d, 0), t = wg_primal(d, 1);
    wg_term scale = wg_step(d, wg_op_mul(), (wg_term[]){g, wg_number(d, 2 / reduction->divisor)}, 2, NULL, 0);
    wg_term difference = wg_step(d, &wg_ew_op_sub, (wg_term[]){p, t}, 2, NULL, 0);
    wg_give(d, 0, wg_op_mul(), (wg_term[]){scale, difference}, 2, NULL, 0);
    if (!wg_wants(d, 1)) return;
    wg_term negative = wg_step(d, wg_op_neg(), &scale, 1, NULL, 0);
    wg_give(d, 1, wg_op_mul(), (wg_term[]){negative, difference}, 2, NULL, 0);
}

static const wg_op loss_op_mse = {.name = "mse",
    .arity = 2,
    .flags = WG_OP_ADDS,
    .shape = loss_infer_mse,
    .evaluate = loss_mse,
    .derivative = loss_derive_mse};

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
    loss_reduction attributes = {reduction, divisor};
    return wg_list_apply(tape, &loss_op_mse, (wg_var[]){prediction, target}, 2, &attributes, sizeof attributes, NULL);
}
