/* The cosine between vectors, and the loss made of it. Each vector is divided by its length first, so that no product of
 * long ones overflows. */
#include "ops/loss/loss.h"
#include "shape/shape.h"
#include "wengert/ops.h"

#include <math.h>

/* x over its lengths along the axis, or over eps where they are below. */
static wg_var similarity_unit(wg_var x, int axis, double eps)
{
    wg_var length = wg_norm_axes(x, &axis, 1, true);
    return wg_div(x, wg_clamp_min(length, eps));
}

/* The vectors a and b of one shape, along an axis, on an open composition. */
static wg_var similarity_cosine(const wg_composition *c, wg_var a, wg_var b, int axis, double eps)
{
    wg_shape shape = wg_shape_of(a), other = wg_shape_of(b);
    uint32_t found;
    if (!wg_shape_equal(&shape, &other)) {
        wg_tape_fail(c->tape, WG_ERROR_SHAPE, "%s: the shapes differ: %s and %s", c->name,
            wg_list_describe(c->tape, a.index), wg_list_describe(c->tape, b.index));
        return wg_invalid(c->tape);
    }
    if (!wg_compose_axis(c, a, axis, &found)) return wg_invalid(c->tape);
    if (!(eps > 0 && eps < INFINITY)) {
        wg_tape_fail(c->tape, WG_ERROR_ARGUMENT, "%s: eps is %g, not a finite number above 0", c->name, eps);
        return wg_invalid(c->tape);
    }
    wg_var u = similarity_unit(a, (int)found, eps), v = similarity_unit(b, (int)found, eps);
    return wg_sum_axes(wg_mul(u, v), (const int[]){(int)found}, 1, false);
}

wg_var wg_cosine_similarity(wg_var a, wg_var b, int axis, double eps)
{
    wg_composition c;
    if (!wg_compose_open(&c, "cosine_similarity", (wg_var[]){a, b}, 2, 0)) return wg_invalid(c.tape);
    return wg_compose_close(&c, similarity_cosine(&c, a, b, axis, eps));
}

/* Whether the target has a's shape without the axis. */
static bool similarity_target_fits(const wg_composition *c, wg_var a, uint32_t axis, wg_var target)
{
    wg_shape wanted = wg_shape_of(a), given = wg_shape_of(target);
    char text[WG_SHAPE_TEXT];
    wanted.rank--;
    for (uint32_t k = axis; k < wanted.rank; k++) wanted.dim[k] = wanted.dim[k + 1];
    if (wg_shape_equal(&wanted, &given)) return true;
    wg_tape_fail(c->tape, WG_ERROR_SHAPE, "%s: the target %s must have the shape %s, for vectors along axis %u of %s",
        c->name, wg_list_describe(c->tape, target.index), wg_shape_format(&wanted, text, sizeof text), (unsigned)axis,
        wg_list_describe(c->tape, a.index));
    return false;
}

wg_var wg_cosine_embedding(wg_var a, wg_var b, wg_var target, int axis, double margin, wg_reduction reduction)
{
    wg_composition c;
    uint32_t found;
    if (!wg_compose_open(&c, "cosine_embedding", (wg_var[]){a, b, target}, 3, 0)) return wg_invalid(c.tape);
    if (!wg_compose_axis(&c, a, axis, &found) || !similarity_target_fits(&c, a, found, target))
        return wg_invalid(c.tape);
    if (!wg_loss_check_reduction(&c, a, wg_size(target), found == 0, reduction)) return wg_invalid(c.tape);
    wg_shape shape = wg_shape_of(a);
    wg_var cosine = similarity_cosine(&c, a, b, axis, 1e-8), one = wg_scalar(c.tape, 1), zero = wg_scalar(c.tape, 0);
    wg_var apart = wg_relu(wg_sub(cosine, wg_scalar(c.tape, margin))), alike = wg_sub(one, cosine);
    wg_var each = wg_where(wg_greater(target, zero), alike, apart);
    return wg_compose_close(&c, wg_loss_reduce(each, reduction, shape.rank == 2 ? shape.dim[found == 0] : 0));
}
