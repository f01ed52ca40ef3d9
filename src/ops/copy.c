/* The strided copy on the tape's threads: a large one is cut along one axis into parts that write apart from each other. */
#include "ops/copy.h"

#include <string.h>

#include "kernels/team.h"
#include "tape/list.h"

typedef struct copy_job {
    const wg_call *call;
    uint32_t rank, axis; /* the axis is cut */
    const size_t *dim;
    const char *in;
    char *out;
    const ptrdiff_t *in_strides, *out_strides;
    bool add;
    size_t parts;
} copy_job;

static void copy_kernel(const copy_job *job, const size_t *dim, const void *in, void *out)
{
    const wg_call *call = job->call;
    const wg_isa isa = call->tape->isa;
    if (call->indices)
        wg_kernel_copy_i64(isa, job->rank, dim, in, job->in_strides, out, job->out_strides);
    else if (call->dtype == WG_F64)
        wg_kernel_copy_f64(isa, job->rank, dim, in, job->in_strides, out, job->out_strides, job->add);
    else
        wg_kernel_copy_f32(isa, job->rank, dim, in, job->in_strides, out, job->out_strides, job->add);
}

static void copy_part(void *context, size_t part)
{
    const copy_job *job = context;
    const ptrdiff_t element = (ptrdiff_t)wg_copy_element(job->call);
    size_t dim[WG_KERNEL_COPY_RANK], extent = job->dim[job->axis];
    size_t first = wg_team_first(extent, job->parts, part);
    memcpy(dim, job->dim, job->rank * sizeof *dim);
    dim[job->axis] = wg_team_first(extent, job->parts, part + 1) - first;
    copy_kernel(job, dim, job->in + (ptrdiff_t)first * job->in_strides[job->axis] * element,
        job->out + (ptrdiff_t)first * job->out_strides[job->axis] * element);
}

static size_t copy_distance(ptrdiff_t stride) { return stride < 0 ? 0 - (size_t)stride : (size_t)stride; }

/* The axis whose parts lie farthest apart in the output, unless it is too short and another one is longer. */
static uint32_t copy_cut_axis(const copy_job *job)
{
    const size_t enough = 16;
    uint32_t best = 0;
    for (uint32_t d = 1; d < job->rank; d++) {
        bool farther = copy_distance(job->out_strides[d]) > copy_distance(job->out_strides[best]);
        size_t here = job->dim[d] < enough ? job->dim[d] : enough;
        size_t there = job->dim[best] < enough ? job->dim[best] : enough;
        if (here > there || (here == there && farther)) best = d;
    }
    return best;
}

void wg_copy_strided(const wg_call *call, uint32_t rank, const size_t *dim, const void *in, const ptrdiff_t *in_strides,
    void *out, const ptrdiff_t *out_strides, bool add)
{
    copy_job job = {call, rank, 0, dim, in, out, in_strides, out_strides, add, 1};
    wg_team *team = call->tape->team;
    if (team && rank) {
        double bytes = (double)wg_copy_element(call);
        for (uint32_t d = 0; d < rank; d++) bytes *= (double)dim[d];
        if (wg_team_parts(team, 0.04 * bytes, 2) > 1) {
            job.axis = copy_cut_axis(&job);
            job.parts = wg_team_parts(team, 0.04 * bytes, dim[job.axis]);
        }
    }
    if (job.parts > 1)
        wg_team_run(team, job.parts, copy_part, &job);
    else
        copy_kernel(&job, dim, in, out);
}
