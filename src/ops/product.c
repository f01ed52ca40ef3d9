/* Products over everything or over some axes.
 *
 * The derivative with respect to an element is the product of the others: of all before it times all after it, two
 * running products that leave the element itself out (scan.c). Nothing is divided, so zeros among the elements are
 * right, and so are derivatives of every order, each in linear time. */
#include "kernels/scan.h"
#include "kernels/team.h"
#include "ops/elementwise/elementwise.h"
#include "ops/reduce.h"
#include "ops/scan.h"
#include "wengert/ops.h"

static wg_status product_prod(wg_call *call)
{
    const wg_reduce_axes *axes = call->attributes;
    wg_shape_split s = wg_reduce_run(call->in[0].shape, axes->mask);
    wg_reduce_split(call, WG_KERNEL_PROD, &s, call->in[0].data, call->out, call->add, 1);
    return WG_OK;
}

/* The product of all others in the run, at once; for numbers alone. */
static wg_status product_infer_others(wg_call *call)
{
    call->shape = *call->in[0].shape;
    return WG_OK;
}

typedef struct product_job {
    const wg_call *call;
    size_t parts;
} product_job;

static void product_others_part(void *context, size_t part)
{
    const product_job *job = context;
    const wg_call *call = job->call;
    const wg_scan *s = call->attributes;
    size_t first = wg_team_first(s->outer, job->parts, part), at = first * s->extent * s->inner;
    const wg_kernel_scan run = {wg_team_first(s->outer, job->parts, part + 1) - first, s->extent, s->inner, false};
    if (call->dtype == WG_F64)
        wg_kernel_others_f64(&run, (const double *)call->in[0].data + at, (double *)call->out + at);
    else
        wg_kernel_others_f32(&run, (const float *)call->in[0].data + at, (float *)call->out + at);
}

static wg_status product_others(wg_call *call)
{
    const wg_scan *s = call->attributes;
    product_job job = {call, 1};
    if (call->in[0].size == 0) return WG_OK;
    job.parts = wg_team_parts(call->tape->team, 0.5 * (double)call->in[0].size, s->outer);
    wg_team_run(call->tape->team, job.parts, product_others_part, &job);
    return WG_OK;
}

static const wg_op product_op_others = {
    .name = "others", .arity = 1, .shape = product_infer_others, .evaluate = product_others};

/* The product of all elements but each: of those before, times that of those after. */
static wg_term product_of_others(wg_derivation *d, wg_term x, const wg_shape_split *s)
{
    wg_scan forward = {s->outer, s->extent, s->inner, WG_SCAN_EXCLUSIVE}, backward = forward;
    backward.flags |= WG_SCAN_REVERSE;
    if (!wg_recording(d)) return wg_step(d, &product_op_others, &x, 1, &forward, sizeof forward);
    wg_term before = wg_step(d, &wg_scan_op_cumprod, &x, 1, &forward, sizeof forward);
    wg_term after = wg_step(d, &wg_scan_op_cumprod, &x, 1, &backward, sizeof backward);
    return wg_step(d, &wg_ew_op_mul, (wg_term[]){before, after}, 2, NULL, 0);
}

/* x: g (product of the others) */
static void product_derive_prod(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    const wg_reduce_axes *axes = call->attributes;
    wg_shape_split s = wg_reduce_run(call->in[0].shape, axes->mask);
    wg_term x = wg_primal(d, 0), g = wg_reduce_with_axes(d, wg_cotangent(d));
    wg_term others = product_of_others(d, x, &s);
    wg_give(d, 0, wg_op_mul(), (wg_term[]){others, g}, 2, NULL, 0);
}

static const wg_op product_op_prod = {.name = "prod",
    .arity = 1,
    .shape = wg_reduce_infer,
    .evaluate = product_prod,
    .derivative = product_derive_prod,
    .describe = wg_reduce_describe};

wg_var wg_prod(wg_var x)
{
    wg_reduce_axes axes = wg_reduce_everything();
    return wg_reduce_apply_run(&product_op_prod, x, &axes);
}

wg_var wg_prod_axes(wg_var x, const int *axes, size_t n, bool keepdims)
{
    wg_reduce_axes chosen;
    if (!wg_reduce_parse("prod", x, axes, n, keepdims, &chosen)) return wg_invalid(x.tape);
    return wg_reduce_apply_run(&product_op_prod, x, &chosen);
}
