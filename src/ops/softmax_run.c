/* Short rows, and groups that are no rows, are worked on in the lanes of vectors, in strips; longer rows one by one. Either way
 * the groups are shared among the threads, and what is done for a group does not depend on the others. */
#include "ops/softmax_run.h"

#include "kernels/softmax_lanes.h"
#include "kernels/softmax_rows.h"
#include "kernels/team.h"

typedef struct softmax_job {
    const wg_softmax_work *work;
    wg_kernel_groups groups;
    wg_isa isa;
    bool f64, add, rows;
    size_t parts, units; /* rows, or strips */
    char *scratch, *out;
} softmax_job;

static softmax_job softmax_plan(const wg_call *call, const wg_shape_split *s)
{
    softmax_job job = {.groups = {s->outer, s->extent, s->inner},
        .isa = call->tape->isa,
        .f64 = call->dtype == WG_F64,
        .add = call->add,
        .rows = s->inner == 1 && s->extent > WG_KERNEL_LANES_MOST,
        .out = call->out};
    job.units = job.rows ? s->outer : wg_kernel_lanes_strips(&job.groups);
    double elements = (double)s->outer * (double)s->extent * (double)s->inner;
    job.parts = wg_team_parts(call->tape->team, 0.3 * elements, job.units ? job.units : 1);
    return job;
}

static size_t softmax_element(const softmax_job *job) { return job->f64 ? sizeof(double) : sizeof(float); }

/* Room for a part: a row, or as many groups as lie in a strip. */
static size_t softmax_room(const softmax_job *job)
{
    if (!job->add || (!job->rows && job->groups.inner == 1)) return 0;
    return job->groups.n * (job->rows ? 1 : WG_KERNEL_LANES_STRIP) * softmax_element(job);
}

/* A kernel of either type. */
#define SOFTMAX_CALL(stem, ...)                                                                                        \
    do {                                                                                                               \
        if (job->f64)                                                                                                  \
            wg_kernel_softmax_##stem##_f64(job->isa, __VA_ARGS__);                                                     \
        else                                                                                                           \
            wg_kernel_softmax_##stem##_f32(job->isa, __VA_ARGS__);                                                     \
    } while (0)

static void softmax_do_lanes(const softmax_job *job, size_t first, size_t last, void *scratch)
{
    const wg_softmax_work *w = job->work;
    const wg_kernel_groups *s = &job->groups;
    const void *a = w->a, *b = w->b;
    void *out = job->out;
    switch (w->kind) {
    case WG_SOFTMAX_LOGSUMEXP:
        SOFTMAX_CALL(lanes_logsumexp, s, first, last, a, out);
        break;
    case WG_SOFTMAX_WEIGHTS:
        SOFTMAX_CALL(lanes, s, first, last, a, out);
        break;
    case WG_SOFTMAX_LOGS:
        SOFTMAX_CALL(lanes_log, s, first, last, a, out);
        break;
    case WG_SOFTMAX_CENTER:
        SOFTMAX_CALL(lanes_center, s, first, last, a, b, out, false, false);
        break;
    case WG_SOFTMAX_ADJOINT:
        SOFTMAX_CALL(lanes_center, s, first, last, a, b, out, true, job->add);
        break;
    case WG_SOFTMAX_PROJECT:
        SOFTMAX_CALL(lanes_project, s, first, last, a, b, out, false, false);
        break;
    case WG_SOFTMAX_LOGS_ADJOINT:
        SOFTMAX_CALL(lanes_project, s, first, last, a, b, out, true, job->add);
        break;
    case WG_SOFTMAX_ENTROPY:
        SOFTMAX_CALL(lanes_entropy, s, first, last, a, w->target, w->ignored, out);
        break;
    case WG_SOFTMAX_SOFT:
        SOFTMAX_CALL(lanes_soft, s, first, last, a, b, out);
        break;
    case WG_SOFTMAX_SLOPE:
        SOFTMAX_CALL(lanes_slope, s, first, last, a, b, w->target, w->ignored, scratch, out, job->add);
        break;
    }
}

static void softmax_do_rows(const softmax_job *job, size_t first, size_t last, void *scratch)
{
    const wg_softmax_work *w = job->work;
    size_t n = job->groups.n, rows = last - first, one = first * softmax_element(job), whole = one * n;
    const void *a = (const char *)w->a + (w->kind == WG_SOFTMAX_SLOPE ? one : whole);
    const void *b = w->b ? (const char *)w->b + whole : NULL;
    const int64_t *target = w->target ? w->target + first : NULL;
    void *out = job->out + whole, *result = job->out + one; /* of a row, a number */
    switch (w->kind) {
    case WG_SOFTMAX_LOGSUMEXP:
        SOFTMAX_CALL(rows_logsumexp, rows, n, a, result);
        break;
    case WG_SOFTMAX_WEIGHTS:
        SOFTMAX_CALL(rows, rows, n, a, out);
        break;
    case WG_SOFTMAX_LOGS:
        SOFTMAX_CALL(rows_log, rows, n, a, out);
        break;
    case WG_SOFTMAX_CENTER:
        SOFTMAX_CALL(rows_center, rows, n, a, b, out, false, false);
        break;
    case WG_SOFTMAX_ADJOINT:
        SOFTMAX_CALL(rows_center, rows, n, a, b, out, true, job->add);
        break;
    case WG_SOFTMAX_PROJECT:
        SOFTMAX_CALL(rows_project, rows, n, a, b, out, false, false);
        break;
    case WG_SOFTMAX_LOGS_ADJOINT:
        SOFTMAX_CALL(rows_project, rows, n, a, b, out, true, job->add);
        break;
    case WG_SOFTMAX_ENTROPY:
        SOFTMAX_CALL(rows_entropy, rows, n, a, target, w->ignored, result);
        break;
    case WG_SOFTMAX_SOFT:
        SOFTMAX_CALL(rows_soft, rows, n, a, b, result);
        break;
    case WG_SOFTMAX_SLOPE:
        SOFTMAX_CALL(rows_slope, rows, n, a, b, target, w->ignored, scratch, out, job->add);
        break;
    }
}

#undef SOFTMAX_CALL

static void softmax_part(void *context, size_t part)
{
    const softmax_job *job = context;
    size_t first = wg_team_first(job->units, job->parts, part), last = wg_team_first(job->units, job->parts, part + 1);
    void *scratch = job->scratch ? job->scratch + part * softmax_room(job) : NULL;
    if (job->rows)
        softmax_do_rows(job, first, last, scratch);
    else
        softmax_do_lanes(job, first, last, scratch);
}

size_t wg_softmax_scratch(const wg_call *call, const wg_shape_split *s)
{
    softmax_job job = softmax_plan(call, s);
    return job.parts * softmax_room(&job);
}

wg_status wg_softmax_run(wg_call *call, const wg_softmax_work *work)
{
    softmax_job job = softmax_plan(call, &work->s);
    if (!job.units || !job.groups.n) return WG_OK;
    size_t bytes = work->kind == WG_SOFTMAX_SLOPE ? job.parts * softmax_room(&job) : 0;
    job.work = work;
    job.scratch = bytes ? wg_call_scratch(call, bytes) : NULL;
    if (bytes && !job.scratch) return call->tape->status;
    wg_team_run(call->tape->team, job.parts, softmax_part, &job);
    return WG_OK;
}
