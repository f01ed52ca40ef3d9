/* Resampling images to other extents, by the nearest element or linearly between two.
 *
 * Both are separable: one op resamples along one axis, and a function of several axes records it for each. It is linear,
 * and its adjoint is the same op with a flag, so there is nothing else to derive. Where output j lies among the inputs
 * (PyTorch's interpolate has the same three rules), m being the axis's extent, n the new one:
 *
 *     nearest          the input floor(j m / n)
 *     linear           the place (j + 1/2) m / n - 1/2, kept inside [0, m - 1]: elements are cells, seen at their middles
 *     linear, corners  the place j (m - 1) / (n - 1), so that the first and the last elements stay */
#include "kernels/resample.h"
#include "kernels/team.h"
#include "ops/compose.h"
#include "shape/shape.h"
#include "tape/words.h"
#include "wengert/ops.h"

#include <string.h>

typedef enum resample_rule { RESAMPLE_NEAREST, RESAMPLE_LINEAR, RESAMPLE_CORNERS } resample_rule;

typedef struct resample_plan {
    size_t from, to; /* the extents without and with the op */
    uint32_t axis;
    resample_rule rule;
    bool adjoint;
} resample_plan;

static wg_status resample_infer(wg_call *call)
{
    const resample_plan *plan = call->attributes;
    call->shape = *call->in[0].shape;
    call->shape.dim[plan->axis] = plan->adjoint ? plan->from : plan->to;
    return WG_OK;
}

/* The place is the whole number `at` and a fraction; past the last input there is nothing to go to. */
static wg_kernel_tap resample_tap(double place, size_t from)
{
    if (!(place > 0)) return (wg_kernel_tap){0, 0};
    size_t at = (size_t)place;
    if (at >= from - 1) return (wg_kernel_tap){from - 1, 0};
    return (wg_kernel_tap){at, place - (double)at};
}

static void resample_taps(const resample_plan *plan, wg_kernel_tap *taps)
{
    size_t from = plan->from, to = plan->to, at = 0, rest = 0;
    double m = (double)from, n = (double)to;
    for (size_t j = 0; j < to; j++) {
        double x = (double)j;
        if (plan->rule == RESAMPLE_LINEAR)
            taps[j] = resample_tap(((x + 0.5) * m - 0.5 * n) / n, from);
        else if (plan->rule == RESAMPLE_CORNERS)
            taps[j] = resample_tap(to > 1 ? x * (m - 1) / (n - 1) : 0, from);
        else
            taps[j] = (wg_kernel_tap){at, 0}; /* j m / n, counted in whole numbers: at + rest / n */
        at += from / to;
        rest += from % to;
        if (rest >= to) {
            rest -= to;
            at++;
        }
    }
}

static size_t resample_scratch(const wg_call *call)
{
    const resample_plan *plan = call->attributes;
    return plan->to > SIZE_MAX / sizeof(wg_kernel_tap) ? SIZE_MAX / 2 : plan->to * sizeof(wg_kernel_tap);
}

/* Arrays (outer, extent, inner), shared among threads along the first axis. */
typedef struct resample_job {
    const wg_call *call;
    const wg_kernel_tap *taps;
    size_t outer, inner, parts;
} resample_job;

#define RESAMPLE_PART(R, type)                                                                                         \
    do {                                                                                                               \
        const R *in = (const R *)call->in[0].data + first * read;                                                      \
        R *out = (R *)call->out + first * written;                                                                     \
        if (plan->adjoint && !call->add) memset(out, 0, outer *written * sizeof(R));                                   \
        if (plan->adjoint)                                                                                             \
            wg_kernel_resample_adjoint_##type(job->taps, plan->to, outer, plan->from, job->inner, in, out);            \
        else                                                                                                           \
            wg_kernel_resample_##type(job->taps, plan->to, outer, plan->from, job->inner, in, out, call->add);         \
    } while (0)

static void resample_part(void *context, size_t part)
{
    const resample_job *job = context;
    const wg_call *call = job->call;
    const resample_plan *plan = call->attributes;
    size_t first = wg_team_first(job->outer, job->parts, part);
    size_t outer = wg_team_first(job->outer, job->parts, part + 1) - first;
    size_t read = (plan->adjoint ? plan->to : plan->from) * job->inner;
    size_t written = (plan->adjoint ? plan->from : plan->to) * job->inner;
    if (call->dtype == WG_F64)
        RESAMPLE_PART(double, f64);
    else
        RESAMPLE_PART(float, f32);
}
#undef RESAMPLE_PART

static wg_status resample_evaluate(wg_call *call)
{
    const resample_plan *plan = call->attributes;
    wg_shape_split split = wg_shape_around(&call->shape, plan->axis);
    resample_job job = {.call = call, .outer = split.outer, .inner = split.inner};
    if (job.outer * job.inner == 0) return WG_OK;
    wg_kernel_tap *taps = wg_call_scratch(call, resample_scratch(call));
    if (!taps) return call->tape->status;
    resample_taps(plan, taps);
    job.taps = taps;
    double elements = (double)job.outer * (double)job.inner * (double)(plan->from + plan->to);
    double each = plan->rule == RESAMPLE_NEAREST ? 0.06 : 0.3; /* nanoseconds */
    job.parts = wg_team_parts(call->tape->team, each * elements, job.outer);
    wg_team_run(call->tape->team, job.parts, resample_part, &job);
    return WG_OK;
}

static void resample_derivative(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    resample_plan plan = *(const resample_plan *)call->attributes;
    plan.adjoint = !plan.adjoint;
    wg_term g = wg_cotangent(d);
    wg_give(d, 0, call->op, &g, 1, &plan, sizeof plan);
}

static size_t resample_describe(const wg_call *call, char *text, size_t size)
{
    const resample_plan *plan = call->attributes;
    wg_words words = {text, size, 0};
    static const char *const rules[] = {"nearest", "linear", "linear_corners"};
    wg_words_integer(&words, "axis", plan->axis);
    wg_words_integer(&words, "size", (int64_t)plan->to);
    wg_words_add(&words, "mode=%s", rules[plan->rule]);
    wg_words_flag(&words, "adjoint", plan->adjoint);
    return words.length;
}

static const wg_op resample_op = {.name = "resample",
    .arity = 1,
    .flags = WG_OP_ADDS | WG_OP_LINEAR,
    .shape = resample_infer,
    .evaluate = resample_evaluate,
    .scratch = resample_scratch,
    .derivative = resample_derivative,
    .describe = resample_describe};

/* ---- public ------------------------------------------------------------------------------------------------------------ */

static bool resample_check(const wg_composition *c, wg_var x, const size_t *size, size_t n)
{
    wg_shape shape = wg_shape_of(x);
    if (n == 0 || !size) {
        wg_tape_fail(c->tape, WG_ERROR_ARGUMENT, "%s: no sizes are given", c->name);
        return false;
    }
    if (n > shape.rank) {
        wg_tape_fail(c->tape, WG_ERROR_SHAPE, "%s: %zu sizes for %s", c->name, n, wg_list_describe(c->tape, x.index));
        return false;
    }
    for (size_t k = 0; k < n; k++) {
        size_t from = shape.dim[shape.rank - n + k];
        if (from && size[k] && size[k] <= PTRDIFF_MAX) continue;
        wg_tape_fail(c->tape, WG_ERROR_SHAPE, "%s: axis %zu cannot go from %zu to %zu elements: %s", c->name,
            shape.rank - n + k, from, size[k], wg_list_describe(c->tape, x.index));
        return false;
    }
    return true;
}

static wg_var resample_apply(const char *name, wg_var x, const size_t *size, size_t n, resample_rule rule)
{
    wg_composition c;
    if (!x.tape || !wg_compose_open(&c, name, &x, 1, 0)) return wg_invalid(x.tape);
    if (!resample_check(&c, x, size, n)) return wg_invalid(x.tape);
    wg_shape shape = wg_shape_of(x);
    wg_var y = x;
    for (size_t k = 0; k < n; k++) {
        uint32_t axis = shape.rank - (uint32_t)(n - k);
        bool last = k + 1 == n;
        if (shape.dim[axis] == size[k] && !(last && y.index == x.index)) continue; /* the same elements */
        resample_plan plan = {.from = shape.dim[axis], .to = size[k], .axis = axis, .rule = rule};
        y = wg_list_apply(x.tape, &resample_op, &y, 1, &plan, sizeof plan, NULL);
    }
    return wg_compose_close(&c, y);
}

wg_var wg_upsample_nearest(wg_var x, const size_t *size, size_t n)
{
    return resample_apply("upsample_nearest", x, size, n, RESAMPLE_NEAREST);
}

wg_var wg_upsample_linear(wg_var x, const size_t *size, size_t n, bool align_corners)
{
    return resample_apply("upsample_linear", x, size, n, align_corners ? RESAMPLE_CORNERS : RESAMPLE_LINEAR);
}

wg_var wg_upsample_bilinear(wg_var x, size_t height, size_t width, bool align_corners)
{
    resample_rule rule = align_corners ? RESAMPLE_CORNERS : RESAMPLE_LINEAR;
    return resample_apply("upsample_bilinear", x, (size_t[]){height, width}, 2, rule);
}
