/* The reductions of a loss: the sum over the positions, divided by their number, by 1, or by the number of samples. */
#include "ops/loss/loss.h"
#include "shape/shape.h"
#include "wengert/ops.h"

bool wg_loss_check_reduction(
    const wg_composition *c, wg_var prediction, size_t positions, uint32_t samples_axis, wg_reduction reduction)
{
    wg_shape shape = wg_shape_of(prediction);
    const char *described = wg_list_describe(c->tape, prediction.index);
    if (reduction != WG_MEAN && reduction != WG_SUM && reduction != WG_BATCH_MEAN)
        wg_tape_fail(c->tape, WG_ERROR_ARGUMENT, "%s: %d is not a reduction", c->name, (int)reduction);
    else if (reduction == WG_BATCH_MEAN && shape.rank != 2)
        wg_tape_fail(c->tape, WG_ERROR_SHAPE, "%s: WG_BATCH_MEAN takes (%s), not %s", c->name,
            samples_axis ? "features, samples" : "samples, features", described);
    else if ((reduction == WG_MEAN && positions == 0) || (reduction == WG_BATCH_MEAN && shape.dim[samples_axis] == 0))
        wg_tape_fail(c->tape, WG_ERROR_SHAPE, "%s: the mean over nothing: %s", c->name, described);
    return c->tape->status == WG_OK;
}

bool wg_loss_open(wg_composition *c, const char *name, wg_var prediction, wg_var target, wg_reduction reduction)
{
    if (!wg_compose_open(c, name, (wg_var[]){prediction, target}, 2, 0)) return false;
    wg_shape shape = wg_shape_of(prediction), wanted = wg_shape_of(target);
    if (!wg_shape_equal(&shape, &wanted)) {
        wg_tape_fail(c->tape, WG_ERROR_SHAPE, "%s: prediction %s and target %s differ in shape", name,
            wg_list_describe(c->tape, prediction.index), wg_list_describe(c->tape, target.index));
        return false;
    }
    return wg_loss_check_reduction(c, prediction, wg_size(prediction), 1, reduction);
}

wg_var wg_loss_reduce(wg_var each, wg_reduction reduction, size_t samples)
{
    if (reduction == WG_MEAN) return wg_mean(each);
    wg_var sum = wg_sum(each);
    return reduction == WG_SUM ? sum : wg_div(sum, wg_scalar(each.tape, (double)samples));
}

wg_var wg_loss_close(const wg_composition *c, wg_var each, wg_reduction reduction)
{
    wg_shape shape = wg_shape_of(each);
    return wg_compose_close(c, wg_loss_reduce(each, reduction, shape.rank == 2 ? shape.dim[1] : 0));
}
