/* Rows brought to mean 0 and mean square 1: y = (x - mean x) r, where r = 1 / sqrt(var x + epsilon), or without the means;
 * with a weight and a bias for each place in a row, y weight + bias.
 *
 * The derivative of y is the op
 *
 *     adjoint(g, y, x) = r p,   p = g - mean g - y mean(g y),
 *
 * one fused kernel on numbers. To differentiate that again, y is taken as normalize(x), which it always is; r is an op of
 * x whose derivative is -r^2 y / n. So no order saves anything or takes a difference of large numbers. With weights, all
 * adjoints are made in one pass over g and x.
 *
 * Rows are shared among threads. What weight and bias get is summed in blocks of rows, as the shape alone says, and the
 * blocks' sums are added in order. */
#include "ops/norm_rows.h"

#include "kernels/copy.h"
#include "kernels/normalize.h"
#include "kernels/team.h"
#include "ops/compose.h"
#include "tape/words.h"
#include "wengert/ops.h"

#include <string.h>

/* ---- evaluations ---------------------------------------------------------------------------------------------------------- */

/* The rows in parts, one for a thread to do; the operands are those of the op, or of the derivative. */
typedef struct norm_job {
    const wg_norm_rows *rows;
    wg_isa isa;
    bool f64, add;
    size_t m, n, parts, blocks;
    const char *x, *y, *g;
    const void *weight, *bias;
    char *out, *work, *sums;
} norm_job;

static norm_job norm_open_job(const wg_call *call, const wg_shape *x)
{
    norm_job job = {.rows = call->attributes, .isa = call->tape->isa, .f64 = call->dtype == WG_F64};
    job.m = x->dim[0];
    job.n = x->dim[1];
    job.out = call->out;
    return job;
}

static size_t norm_row_bytes(const norm_job *job) { return job->n * (job->f64 ? sizeof(double) : sizeof(float)); }

/* Calls a kernel of either type, with what all of them take first. */
#define NORM_KERNEL(job, stem, rows_, ...)                                                                             \
    do {                                                                                                               \
        const wg_norm_rows *how = (job)->rows;                                                                         \
        if ((job)->f64)                                                                                                \
            wg_kernel_##stem##_f64((job)->isa, rows_, (job)->n, how->epsilon, how->center, __VA_ARGS__);               \
        else                                                                                                           \
            wg_kernel_##stem##_f32((job)->isa, rows_, (job)->n, how->epsilon, how->center, __VA_ARGS__);               \
    } while (0)

typedef void norm_work(const norm_job *job, size_t first, size_t rows);

static void norm_work_normalize(const norm_job *job, size_t first, size_t rows)
{
    size_t at = first * norm_row_bytes(job);
    void *out = job->out + at;
    const void *x = job->x + at;
    if (job->weight)
        NORM_KERNEL(job, normalize_weighted, rows, x, job->weight, job->bias, out);
    else
        NORM_KERNEL(job, normalize, rows, x, out);
}

static void norm_work_inverse(const norm_job *job, size_t first, size_t rows)
{
    const void *x = job->x + first * norm_row_bytes(job);
    void *out = job->out + first * (job->f64 ? sizeof(double) : sizeof(float));
    NORM_KERNEL(job, normalize_inverse, rows, x, out);
}

static void norm_work_adjoint(const norm_job *job, size_t first, size_t rows)
{
    size_t at = first * norm_row_bytes(job);
    void *out = job->out + at;
    const void *g = job->g + at, *y = job->y + at, *x = job->x + at;
    NORM_KERNEL(job, normalize_adjoint, rows, g, y, x, out);
}

typedef struct norm_share {
    norm_job job;
    norm_work *work;
} norm_share;

static void norm_part(void *context, size_t part)
{
    const norm_share *share = context;
    const norm_job *job = &share->job;
    size_t first = wg_team_first(job->m, job->parts, part);
    share->work(job, first, wg_team_first(job->m, job->parts, part + 1) - first);
}

/* An element takes about so many nanoseconds. Rows of no elements are not normalised, and nobody asks for their deviation. */
static wg_status norm_run(const wg_call *call, const norm_job *job, norm_work *work, double nanoseconds)
{
    norm_share share = {*job, work};
    if (!job->n || !job->m) return WG_OK;
    share.job.parts = wg_team_parts(call->tape->team, nanoseconds * (double)job->m * (double)job->n, job->m);
    wg_team_run(call->tape->team, share.job.parts, norm_part, &share);
    return WG_OK;
}

static wg_status norm_normalize(wg_call *call)
{
    norm_job job = norm_open_job(call, &call->shape);
    job.x = call->in[0].data;
    job.weight = call->n > 1 ? call->in[1].data : NULL;
    job.bias = call->n > 2 ? call->in[2].data : NULL;
    return norm_run(call, &job, norm_work_normalize, 0.1);
}

static wg_status norm_inverse(wg_call *call)
{
    norm_job job = norm_open_job(call, call->in[0].shape);
    job.x = call->in[0].data;
    return norm_run(call, &job, norm_work_inverse, 0.05);
}

static wg_status norm_adjoint(wg_call *call)
{
    norm_job job = norm_open_job(call, &call->shape);
    job.g = call->in[0].data;
    job.y = call->in[1].data;
    job.x = call->in[2].data;
    return norm_run(call, &job, norm_work_adjoint, 0.2);
}

/* ---- all adjoints at once --------------------------------------------------------------------------------------------------- */

enum { NORM_BLOCKS = 64, NORM_BLOCK_ROWS = 32 }; /* at most so many, of at least so many rows */

static void norm_adjoints_part(void *context, size_t part)
{
    const norm_job *job = context;
    size_t bytes = norm_row_bytes(job), last = wg_team_first(job->blocks, job->parts, part + 1);
    void *work = job->work + 4 * part * bytes;
    for (size_t b = wg_team_first(job->blocks, job->parts, part); b < last; b++) {
        size_t first = wg_team_first(job->m, job->blocks, b), at = first * bytes;
        size_t rows = wg_team_first(job->m, job->blocks, b + 1) - first;
        const void *g = job->g + at, *x = job->x + at;
        void *out = job->out ? job->out + at : NULL, *sums = job->sums + 2 * b * bytes;
        NORM_KERNEL(job, normalize_weighted_adjoint, rows, g, x, job->weight, work, sums, out, job->add);
    }
}

/* Adds up the blocks' sums of the weight (k = 1) or the bias (k = 2). */
static void norm_give_sums(wg_derivation *d, const norm_job *job, size_t k)
{
    bool add;
    size_t bytes = norm_row_bytes(job);
    char *out = k < wg_derivation_call(d)->n ? wg_give_numbers(d, k, &add) : NULL;
    if (!out || !job->n) return;
    if (job->blocks == 0 && !add) memset(out, 0, bytes);
    for (size_t b = 0; b < job->blocks; b++, add = true) {
        const char *sums = job->sums + (2 * b + k - 1) * bytes;
        ptrdiff_t one = 1;
        if (job->f64)
            wg_kernel_copy_f64(job->isa, 1, &job->n, (const void *)sums, &one, (void *)out, &one, add);
        else
            wg_kernel_copy_f32(job->isa, 1, &job->n, (const void *)sums, &one, (void *)out, &one, add);
    }
}

static void norm_derive_numbers(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    norm_job job = norm_open_job(call, &call->shape);
    void *memory;
    job.blocks = (job.m + NORM_BLOCK_ROWS - 1) / NORM_BLOCK_ROWS;
    if (job.blocks > NORM_BLOCKS) job.blocks = NORM_BLOCKS;
    job.parts = wg_team_parts(call->tape->team, 0.3 * (double)job.m * (double)job.n, job.blocks ? job.blocks : 1);
    wg_shape scratch = {2, {2 * job.blocks + 4 * job.parts, job.n}};
    wg_term_of_numbers(d, &scratch, &memory);
    job.g = wg_term_numbers(d, wg_cotangent(d));
    job.x = wg_term_numbers(d, wg_primal(d, 0));
    job.weight = wg_term_numbers(d, wg_primal(d, 1));
    job.out = wg_give_numbers(d, 0, &job.add);
    if (memory && job.blocks && job.n && call->tape->status == WG_OK) {
        job.sums = memory;
        job.work = job.sums + 2 * job.blocks * norm_row_bytes(&job);
        wg_team_run(call->tape->team, job.parts, norm_adjoints_part, &job);
    }
    for (size_t k = 1; k < 3; k++) norm_give_sums(d, &job, k);
}

/* ---- derivatives ------------------------------------------------------------------------------------------------------------ */

/* x, y, g and the like are (m, n), weight and bias (n); their caller sees to that. */
static wg_status norm_infer_rows(wg_call *call)
{
    call->shape = *call->in[0].shape;
    return WG_OK;
}

static wg_status norm_infer_inverse(wg_call *call)
{
    call->shape = *call->in[0].shape;
    call->shape.dim[1] = 1;
    return WG_OK;
}

static const wg_op norm_op_inverse, norm_op_adjoint;

static wg_term norm_step(wg_derivation *d, const wg_op *op, const wg_term *in, size_t n)
{
    const wg_call *call = wg_derivation_call(d);
    return wg_step(d, op, in, n, call->attributes, call->attributes_size);
}

static wg_term norm_times(wg_derivation *d, wg_term a, wg_term b)
{
    return wg_step(d, wg_op_mul(), (wg_term[]){a, b}, 2, NULL, 0);
}

/* sum a b over each row, (m, 1), times c. */
static wg_term norm_along(wg_derivation *d, wg_term a, wg_term b, wg_term c)
{
    const wg_shape *shape = wg_derivation_call(d)->in[0].shape;
    wg_shape each = {2, {shape->dim[0], 1}};
    wg_term product = norm_times(d, a, b);
    wg_term sum = wg_step(d, wg_op_sum_to(), &product, 1, &each, sizeof each);
    return norm_times(d, sum, c);
}

/* -1 / n */
static wg_term norm_minus_share(wg_derivation *d)
{
    size_t n = wg_derivation_call(d)->in[0].shape->dim[1];
    return wg_number(d, n ? -1 / (double)n : 0);
}

/* With h = g weight, x: adjoint(h, y, x), weight: g y, bias: g. */
static void norm_derive_rows(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    wg_term g = wg_cotangent(d), y = wg_result(d), x = wg_primal(d, 0);
    if (call->n > 1 && !wg_recording(d)) {
        norm_derive_numbers(d);
        return;
    }
    if (call->n > 1) y = norm_step(d, &wg_norm_op_rows, &x, 1);
    if (wg_wants(d, 0)) {
        wg_term h = call->n > 1 ? norm_times(d, g, wg_primal(d, 1)) : g;
        wg_give(d, 0, &norm_op_adjoint, (wg_term[]){h, y, x}, 3, call->attributes, call->attributes_size);
    }
    if (call->n > 1) wg_give(d, 1, wg_op_mul(), (wg_term[]){g, y}, 2, NULL, 0);
    if (call->n > 2) wg_give_term(d, 2, g);
}

static size_t norm_describe_rows(const wg_call *call, char *text, size_t size)
{
    const wg_norm_rows *rows = call->attributes;
    wg_words words = {text, size, 0};
    wg_words_number(&words, "epsilon", rows->epsilon);
    wg_words_flag(&words, "center", rows->center);
    return words.length;
}

wg_var wg_norm_affine(wg_var y, wg_var weight, wg_var bias)
{
    if (wg_compose_given(weight) && wg_compose_given(bias)) return wg_fma(y, weight, bias);
    if (wg_compose_given(weight)) return wg_mul(y, weight);
    return wg_compose_given(bias) ? wg_add(y, bias) : y;
}

static wg_var norm_unfold(wg_tape *tape, const wg_var *in, size_t n, const void *attributes, size_t size)
{
    wg_var y = wg_list_apply(tape, &wg_norm_op_rows, in, 1, attributes, size, NULL);
    return wg_norm_affine(y, n > 1 ? in[1] : (wg_var){0}, n > 2 ? in[2] : (wg_var){0});
}

static const wg_unfolding norm_unfolding = {norm_unfold};
const wg_op wg_norm_op_rows = {.name = "normalize_rows",
    .arity = WG_ANY_ARITY,
    .flags = WG_OP_UNFOLDS,
    .shape = norm_infer_rows,
    .evaluate = norm_normalize,
    .derivative = norm_derive_rows,
    .internal = &norm_unfolding,
    .describe = norm_describe_rows};

/* x: -g r^2 y / n */
static void norm_derive_inverse(wg_derivation *d)
{
    wg_term g = wg_cotangent(d), r = wg_result(d), x = wg_primal(d, 0);
    wg_term y = norm_step(d, &wg_norm_op_rows, &x, 1);
    wg_term square = norm_times(d, r, r);
    wg_term slope = norm_times(d, square, norm_minus_share(d));
    wg_term scale = norm_times(d, g, slope);
    wg_give(d, 0, wg_op_mul(), (wg_term[]){y, scale}, 2, NULL, 0);
}

static const wg_op norm_op_inverse = {.name = "inverse_deviation",
    .arity = 1,
    .shape = norm_infer_inverse,
    .evaluate = norm_inverse,
    .derivative = norm_derive_inverse,
    .describe = norm_describe_rows};

/* With the cotangent u and the result z = r p. g: adjoint(u, y, x), since the projection is symmetric.
 * y: -r (u mean(g y) + g mean(u y)). x, through r alone: -r y mean(u z). */
static void norm_derive_adjoint(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    wg_term u = wg_cotangent(d), g = wg_primal(d, 0), y = wg_primal(d, 1), x = wg_primal(d, 2);
    wg_give(d, 0, &norm_op_adjoint, (wg_term[]){u, y, x}, 3, call->attributes, call->attributes_size);
    if (!wg_wants(d, 1) && !wg_wants(d, 2)) return;
    wg_term r = norm_step(d, &norm_op_inverse, &x, 1);
    wg_term scale = norm_times(d, r, norm_minus_share(d));
    wg_term of_g = norm_along(d, g, y, scale), of_u = norm_along(d, u, y, scale);
    wg_give(d, 1, wg_op_mul(), (wg_term[]){u, of_g}, 2, NULL, 0);
    wg_give(d, 1, wg_op_mul(), (wg_term[]){g, of_u}, 2, NULL, 0);
    wg_term of_r = norm_along(d, u, wg_result(d), scale);
    wg_give(d, 2, wg_op_mul(), (wg_term[]){y, of_r}, 2, NULL, 0);
}

static const wg_op norm_op_adjoint = {.name = "normalize_rows_adjoint",
    .arity = 3,
    .shape = norm_infer_rows,
    .evaluate = norm_adjoint,
    .derivative = norm_derive_adjoint,
    .describe = norm_describe_rows};

#undef NORM_KERNEL
