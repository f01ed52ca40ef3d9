/* Reducing an array over any set of axes, on the tape's threads, and what ops with axes have in common.
 *
 * Neighbouring axes that are both kept or both reduced act as one. What is left alternates; each reduced run is one
 * call of a kernel over (outer, reduced, inner), the last run first. */
#include "ops/reduce.h"

#include <string.h>

#include "kernels/team.h"
#include "ops/compose.h"
#include "ops/copy.h"
#include "tape/words.h"
#include "wengert/ops.h"

/* ---- one run ----------------------------------------------------------------------------------------------------- */

/* A kernel's work, cut by rows of the outer axis; by columns, `wide` at a time; or, where `partial` is there, a single long
 * one by chunks. */
typedef struct reduce_job {
    wg_kernel_reduction r;
    wg_dtype dtype;
    wg_isa isa;
    bool deviates;
    size_t parts, wide;
    const char *in;
    char *out, *partial;
} reduce_job;

static void reduce_kernel(const reduce_job *job, const wg_kernel_reduction *r, const void *in, void *out)
{
    if (job->dtype == WG_F64)
        (job->deviates ? wg_kernel_deviate_f64 : wg_kernel_reduce_f64)(job->isa, r, in, out);
    else
        (job->deviates ? wg_kernel_deviate_f32 : wg_kernel_reduce_f32)(job->isa, r, in, out);
}

static void reduce_part(void *context, size_t part)
{
    const reduce_job *job = context;
    const size_t element = wg_dtype_size(job->dtype), reduced = job->r.reduced, inner = job->r.inner;
    wg_kernel_reduction r = job->r;
    size_t in_at = 0, out_at = 0;
    if (job->partial && job->dtype == WG_F64) {
        wg_kernel_reduce_chunk_f64(job->isa, &r, part, (const void *)job->in, (void *)job->partial);
        return;
    }
    if (job->partial) {
        wg_kernel_reduce_chunk_f32(job->isa, &r, part, (const void *)job->in, (void *)job->partial);
        return;
    }
    if (job->wide) {
        size_t pieces = (inner + job->wide - 1) / job->wide, end;
        in_at = out_at = wg_team_first(pieces, job->parts, part) * job->wide;
        end = wg_team_first(pieces, job->parts, part + 1) * job->wide;
        r.cols = (end < inner ? end : inner) - in_at;
    } else {
        size_t first = wg_team_first(r.outer, job->parts, part);
        r.outer = wg_team_first(r.outer, job->parts, part + 1) - first;
        in_at = first * reduced * inner;
        out_at = job->deviates ? in_at : first * inner;
    }
    reduce_kernel(job, &r, job->in + in_at * element, job->out + out_at * element);
}

/* A single long one: chunks, and then the join. */
static void reduce_chunks(wg_team *team, reduce_job *job, size_t chunks)
{
    _Alignas(WG_ALIGNMENT) char partial[WG_KERNEL_CHUNKS_MOST * WG_KERNEL_COLUMNS_BYTES];
    job->partial = partial;
    wg_team_run(team, chunks, reduce_part, job);
    if (job->dtype == WG_F64)
        wg_kernel_reduce_join_f64(job->isa, &job->r, (const void *)partial, (const void *)job->in, (void *)job->out);
    else
        wg_kernel_reduce_join_f32(job->isa, &job->r, (const void *)partial, (const void *)job->in, (void *)job->out);
}

static void reduce_parts(wg_team *team, reduce_job *job)
{
    const wg_kernel_reduction *r = &job->r;
    const double bytes = (double)(r->outer * r->reduced * r->inner) * (double)wg_dtype_size(job->dtype);
    const double time = (r->kind >= WG_KERNEL_NORM || job->deviates ? 0.05 : 0.02) * bytes;
    job->parts = 1;
    if (wg_team_parts(team, time, 2) > 1 && r->reduced) {
        size_t wide = job->dtype == WG_F64 ? wg_kernel_columns_f64(r->inner) : wg_kernel_columns_f32(r->inner);
        size_t pieces = (r->inner + wide - 1) / wide, chunks = 1;
        if (r->outer == 1 && pieces == 1 && !job->deviates)
            chunks = job->dtype == WG_F64 ? wg_kernel_reduce_chunks_f64(r) : wg_kernel_reduce_chunks_f32(r);
        if (chunks > 1) {
            reduce_chunks(team, job, chunks);
            return;
        }
        if (pieces > r->outer) job->wide = pieces >= 16 ? 4 * wide : wide; /* a kernel likes several of them */
        if (job->wide > wide) pieces = (pieces + 3) / 4;
        job->parts = wg_team_parts(team, time, job->wide ? pieces : r->outer);
    }
    if (job->parts > 1)
        wg_team_run(team, job->parts, reduce_part, job);
    else
        reduce_kernel(job, r, job->in, job->out);
}

static reduce_job reduce_job_of(
    const wg_call *call, wg_kernel_reduce_kind kind, const wg_shape_split *s, bool add, double divisor)
{
    return (reduce_job){.r = {kind, s->outer, s->extent, s->inner, s->inner, add, divisor},
        .dtype = call->dtype,
        .isa = call->tape->isa};
}

void wg_reduce_split(const wg_call *call, wg_kernel_reduce_kind kind, const wg_shape_split *s, const void *in,
    void *out, bool add, double divisor)
{
    reduce_job job = reduce_job_of(call, kind, s, add, divisor);
    job.in = in;
    job.out = out;
    reduce_parts(call->tape->team, &job);
}

void wg_reduce_deviate(const wg_call *call, const wg_shape_split *s, const void *in, void *out)
{
    reduce_job job = reduce_job_of(call, WG_KERNEL_SUM, s, false, 1);
    job.deviates = true;
    job.in = in;
    job.out = out;
    reduce_parts(call->tape->team, &job);
}

/* ---- any set of axes --------------------------------------------------------------------------------------------- */

typedef struct reduce_run {
    size_t extent;
    bool reduced;
} reduce_run;

static size_t reduce_runs(const wg_shape *shape, const bool *mask, reduce_run *runs)
{
    size_t n = 0;
    for (uint32_t d = 0; d < shape->rank; d++) {
        if (shape->dim[d] == 1) continue;
        if (n && runs[n - 1].reduced == mask[d])
            runs[n - 1].extent *= shape->dim[d];
        else
            runs[n++] = (reduce_run){shape->dim[d], mask[d]};
    }
    return n;
}

/* Takes the last reduced run out of the list. False when none is left; then the step is a copy. */
static bool reduce_next(reduce_run *runs, size_t n, wg_shape_split *step)
{
    size_t last = n;
    *step = (wg_shape_split){1, 1, 1};
    for (size_t i = 0; i < n; i++)
        if (runs[i].reduced) last = i;
    for (size_t i = 0; i < n && i < last; i++) step->outer *= runs[i].extent;
    for (size_t i = last + 1; i < n; i++) step->inner *= runs[i].extent;
    if (last == n) return false;
    step->extent = runs[last].extent;
    runs[last] = (reduce_run){1, false};
    return true;
}

static size_t reduce_bytes(const wg_shape_split *step, wg_dtype dtype)
{
    size_t bytes = step->outer * step->inner * wg_dtype_size(dtype);
    return (bytes + WG_ALIGNMENT - 1) / WG_ALIGNMENT * WG_ALIGNMENT;
}

/* All steps but the last leave a partial result. */
size_t wg_reduce_scratch(const wg_shape *shape, const bool *mask, wg_dtype dtype)
{
    reduce_run runs[WG_MAX_RANK];
    wg_shape_split step, next;
    size_t n = reduce_runs(shape, mask, runs), bytes = 0;
    if (!reduce_next(runs, n, &step)) return 0;
    for (; reduce_next(runs, n, &next); step = next) bytes += reduce_bytes(&step, dtype);
    return bytes;
}

/* Most often there is one reduced run, and nothing to be kept on the way. False: there are more. */
bool wg_reduce_is_one_run(const wg_shape *shape, const bool *mask, wg_shape_split *step)
{
    *step = (wg_shape_split){1, 1, 1};
    bool begun = false, ended = false;
    for (uint32_t d = 0; d < shape->rank; d++) {
        if (shape->dim[d] == 1) continue;
        if (mask[d]) {
            if (ended) return false;
            begun = true;
            step->extent *= shape->dim[d];
        } else if (begun) {
            ended = true;
            step->inner *= shape->dim[d];
        } else {
            step->outer *= shape->dim[d];
        }
    }
    return begun;
}

void wg_reduce_into(
    const wg_reduce_work *work, wg_kernel_reduce_kind kind, const void *in, void *out, bool add, double divisor)
{
    reduce_run runs[WG_MAX_RANK];
    wg_shape_split step, next;
    size_t n = reduce_runs(work->shape, work->mask, runs);
    char *partial = work->scratch;
    if (reduce_next(runs, n, &step))
        for (; reduce_next(runs, n, &next); step = next) {
            wg_reduce_split(work->call, kind, &step, in, partial, false, 1);
            in = partial;
            if (partial) partial += reduce_bytes(&step, work->call->dtype); /* NULL: there are no elements */
        }
    wg_reduce_split(work->call, kind, &step, in, out, add, divisor);
}

wg_status wg_reduce_array(
    wg_call *call, wg_kernel_reduce_kind kind, const void *in, const wg_shape *shape, const bool *mask, double divisor)
{
    wg_shape_split step;
    if (wg_reduce_is_one_run(shape, mask, &step)) {
        wg_reduce_split(call, kind, &step, in, call->out, call->add, divisor);
        return WG_OK;
    }
    size_t bytes = wg_reduce_scratch(shape, mask, call->dtype);
    wg_reduce_work work = {call, shape, mask, bytes ? wg_call_scratch(call, bytes) : NULL};
    if (bytes && !work.scratch) return call->tape->status;
    wg_reduce_into(&work, kind, in, call->out, call->add, divisor);
    return WG_OK;
}

/* ---- brought together -------------------------------------------------------------------------------------------- */

wg_shape_split wg_reduce_run(const wg_shape *shape, const bool *mask)
{
    wg_shape_split s;
    wg_reduce_is_one_run(shape, mask, &s);
    return s;
}

/* The axes that are kept first, then the reduced. */
static wg_var reduce_together(const wg_op *op, wg_var x, const wg_reduce_axes *axes)
{
    wg_shape shape = wg_shape_of(x), kept = wg_reduce_shape(&shape, axes, true);
    wg_reduce_axes last = {.keepdims = false};
    int order[WG_MAX_RANK];
    uint32_t n = 0;
    for (uint32_t d = 0; d < shape.rank; d++)
        if (!axes->mask[d]) order[n++] = (int)d;
    for (uint32_t d = n; d < shape.rank; d++) last.mask[d] = true;
    for (uint32_t d = 0; d < shape.rank; d++)
        if (axes->mask[d]) order[n++] = (int)d;
    wg_composition c;
    if (!wg_compose_open(&c, op->name, &x, 1, 0)) return wg_invalid(x.tape);
    wg_var turned = wg_permute(x, order, n);
    wg_var y = wg_list_apply(x.tape, op, &turned, 1, &last, sizeof last, NULL);
    return wg_compose_close(&c, axes->keepdims ? wg_reshape(y, kept) : y);
}

wg_var wg_reduce_apply_run(const wg_op *op, wg_var x, const wg_reduce_axes *axes)
{
    if (!x.tape) return wg_invalid(NULL);
    if (wg_list_valid(x) && x.tape->status == WG_OK) {
        reduce_run runs[WG_MAX_RANK];
        wg_shape shape = wg_shape_of(x);
        size_t reduced = 0, n = reduce_runs(&shape, axes->mask, runs);
        for (size_t i = 0; i < n; i++) reduced += runs[i].reduced;
        if (reduced > 1) return reduce_together(op, x, axes);
    }
    return wg_list_apply(x.tape, op, &x, 1, axes, sizeof *axes, NULL);
}

/* ---- ops with axes ----------------------------------------------------------------------------------------------- */

wg_reduce_axes wg_reduce_everything(void)
{
    wg_reduce_axes axes = {.keepdims = false};
    memset(axes.mask, 1, sizeof axes.mask);
    return axes;
}

bool wg_reduce_parse(const char *name, wg_var x, const int *axes, size_t n, bool keepdims, wg_reduce_axes *chosen)
{
    *chosen = (wg_reduce_axes){.keepdims = keepdims};
    if (!wg_list_valid(x) || x.tape->status != WG_OK) return true;
    wg_shape shape = wg_shape_of(x);
    size_t which = 0;
    const char *wrong = n && !axes ? "is NULL" : wg_shape_axes(&shape, axes, n, chosen->mask, &which);
    if (!wrong) return true;
    if (axes)
        wg_tape_fail(x.tape, WG_ERROR_SHAPE, "%s: axis %d %s for %s", name, axes[which], wrong,
            wg_list_describe(x.tape, x.index));
    else
        wg_tape_fail(x.tape, WG_ERROR_ARGUMENT, "%s: the array of axes is NULL", name);
    return false;
}

bool wg_reduce_parse_axis(const char *name, wg_var x, int axis, wg_shape_split *split)
{
    *split = (wg_shape_split){0, 0, 0};
    if (!wg_list_valid(x) || x.tape->status != WG_OK) return true;
    wg_shape shape = wg_shape_of(x);
    uint32_t found;
    if (!wg_shape_axis(&shape, axis, &found)) {
        wg_tape_fail(x.tape, WG_ERROR_SHAPE, "%s: axis %d is out of range for %s", name, axis,
            wg_list_describe(x.tape, x.index));
        return false;
    }
    *split = wg_shape_around(&shape, found);
    return true;
}

size_t wg_reduce_count(const wg_shape *shape, const bool *mask)
{
    size_t count = 1;
    for (uint32_t d = 0; d < shape->rank; d++)
        if (mask[d]) count *= shape->dim[d];
    return count;
}

bool wg_reduce_empty(const wg_shape *shape)
{
    for (uint32_t d = 0; d < shape->rank; d++)
        if (shape->dim[d] == 0) return true;
    return false;
}

wg_shape wg_reduce_shape(const wg_shape *shape, const wg_reduce_axes *axes, bool keepdims)
{
    wg_shape out = {0};
    for (uint32_t d = 0; d < shape->rank; d++) {
        if (!axes->mask[d])
            out.dim[out.rank++] = shape->dim[d];
        else if (keepdims)
            out.dim[out.rank++] = 1;
    }
    return out;
}

wg_status wg_reduce_infer(wg_call *call)
{
    const wg_reduce_axes *axes = call->attributes;
    call->shape = wg_reduce_shape(call->in[0].shape, axes, axes->keepdims);
    return WG_OK;
}

size_t wg_reduce_describe(const wg_call *call, char *text, size_t size)
{
    const wg_reduce_axes *axes = call->attributes;
    wg_words words = {text, size, 0};
    wg_words_axes(&words, axes->mask, call->in[0].shape->rank);
    wg_words_flag(&words, "keepdims", axes->keepdims);
    return words.length;
}

wg_term wg_reduce_with_axes(wg_derivation *d, wg_term term)
{
    const wg_call *call = wg_derivation_call(d);
    const wg_reduce_axes *axes = call->attributes;
    if (axes->keepdims || call->shape.rank == 0) return term; /* a number stretches to any shape as it is */
    wg_shape kept = wg_reduce_shape(call->in[0].shape, axes, true);
    return wg_step(d, wg_op_reshape(), &term, 1, &kept, sizeof kept);
}
