/* Elementwise loops over operands of any shapes that broadcast, on the tape's threads.
 *
 * The axes of the result are merged as far as all operands allow, and then each operand along the last axis either runs
 * or stands still. A hot op takes such a run as it is, when it is long enough. For the others, operands that do not have
 * the result's shape are stretched, piece by piece, into a small buffer. So every loop is one over contiguous arrays, and
 * broadcasting is written once, here. */
#include "ops/elementwise/run.h"

#include <string.h>

#include "kernels/copy.h"
#include "kernels/isa.h"
#include "kernels/team.h"
#include "ops/elementwise/hot.h"
#include "shape/shape.h"

enum {
    EW_PIECE = 512, /* elements of a buffer: a few fit the first-level cache */
    EW_LONG = 32,   /* elements of a run that is worth a loop of its own */
    EW_BYTES = 64,  /* of the longest vector */
    EW_BLOCK = 1024 /* a thread's part is a multiple of so many elements */
};

typedef struct ew_operand {
    const char *data; /* NULL: not read */
    bool stretched;   /* not the result's elements as they lie */
    ptrdiff_t strides[WG_MAX_RANK];
} ew_operand;

typedef struct ew_job {
    const wg_ew_work *work;
    const wg_ew_parameters *parameters;
    bool ieee_zero, stretched; /* any of the operands */
    size_t n, element, size, parts;
    wg_dtype dtype;
    wg_isa isa;
    ew_operand operands[EW_MAX_ARITY];
    wg_shape walk; /* the result's index space, axes merged as far as the stretched operands allow */
    const wg_ew_loops *loops;
    const wg_ew_hot_loops *hot;
    bool rows; /* whether the hot loops take rows at once */
    size_t lanes;
} ew_job;

/* ---- index space -------------------------------------------------------------------------------------------------- */

/* Whether every operand runs, or stands still, along the last merged axis and the next as along one. */
static bool ew_continues(const ew_job *job, ptrdiff_t strides[][WG_MAX_RANK], uint32_t d, size_t extent)
{
    uint32_t last = job->walk.rank - 1;
    for (size_t k = 0; k < job->n; k++)
        if (job->operands[k].stretched && job->operands[k].strides[last] != strides[k][d] * (ptrdiff_t)extent)
            return false;
    return true;
}

/* An operand that has as many elements as the result has them in the same order: only axes of extent 1 are added. */
static void ew_open(ew_job *job, const wg_call *call)
{
    job->stretched = false;
    for (size_t k = 0; k < job->n; k++) {
        ew_operand *operand = &job->operands[k];
        operand->data = job->work->in[k];
        operand->stretched = operand->data && call->in[k].size != job->size;
        job->stretched = job->stretched || operand->stretched;
    }
}

/* The walk along the axes, where an operand is stretched: some axis is longer than 1. */
static void ew_open_walk(ew_job *job, const wg_call *call)
{
    ptrdiff_t strides[EW_MAX_ARITY][WG_MAX_RANK];
    for (size_t k = 0; k < job->n; k++)
        if (job->operands[k].stretched) wg_shape_broadcast_strides(call->in[k].shape, &call->shape, strides[k]);
    job->walk.rank = 0;
    for (uint32_t d = 0; d < call->shape.rank; d++) {
        size_t extent = call->shape.dim[d];
        if (extent == 1) continue;
        bool joins = job->walk.rank && ew_continues(job, strides, d, extent);
        uint32_t at = joins ? job->walk.rank - 1 : job->walk.rank++;
        job->walk.dim[at] = joins ? job->walk.dim[at] * extent : extent;
        for (size_t k = 0; k < job->n; k++)
            if (job->operands[k].stretched) job->operands[k].strides[at] = strides[k][d];
    }
}

/* ---- hot loops ---------------------------------------------------------------------------------------------------- */

static void ew_hot_loop(
    const ew_job *job, size_t n, void *out, const void *g, const void *const *in, const size_t *step, const void *y)
{
    const wg_ew_work *work = job->work;
    if (work->g)
        job->hot->slope[work->k](n, out, work->add, job->ieee_zero, g, in, step, y, job->parameters);
    else
        job->hot->value(n, out, work->add, in, step, job->parameters);
}

typedef union ew_vector {
    float f32[EW_BYTES / sizeof(float)];
    double f64[EW_BYTES / sizeof(double)];
} ew_vector;

static void ew_fill(ew_vector *v, const char *number, wg_dtype dtype)
{
    if (dtype == WG_F64)
        for (size_t i = 0; i < EW_BYTES / sizeof(double); i++) v->f64[i] = *(const double *)(const void *)number;
    else
        for (size_t i = 0; i < EW_BYTES / sizeof(float); i++) v->f32[i] = *(const float *)(const void *)number;
}

/* Fewer elements than a vector has, beside zeros. */
static const void *ew_pad(ew_vector *v, const void *from, size_t bytes)
{
    if (!from) return NULL;
    memset(v, 0, sizeof *v);
    memcpy(v, from, bytes);
    return v;
}

/* `n` elements, fewer than a vector has. */
static void ew_hot_tail(
    const ew_job *job, size_t n, char *out, const char *g, const void *const *from, const size_t *step, const char *y)
{
    _Alignas(EW_BYTES) ew_vector in_tail[EW_MAX_ARITY], out_tail, g_tail, y_tail;
    const void *in[EW_MAX_ARITY] = {0};
    size_t bytes = n * job->element;
    for (size_t k = 0; k < job->n; k++) in[k] = step[k] ? ew_pad(&in_tail[k], from[k], bytes) : from[k];
    ew_pad(&out_tail, out, job->work->add ? bytes : 0);
    ew_hot_loop(job, job->lanes, &out_tail, ew_pad(&g_tail, g, bytes), in, step, ew_pad(&y_tail, y, bytes));
    memcpy(out, &out_tail, bytes);
}

/* `n` neighbours of the result from number `start`; at[k] is where operand k is there, and bit k of still says that it
 * stays there. What is left over at the end is the end of one more whole vector, whose other lanes are computed twice, to
 * the same; where that is not to be had, or they would be added twice, it is padded. */
static void ew_hot_run(const ew_job *job, size_t start, size_t n, const char *const *at, unsigned still)
{
    _Alignas(EW_BYTES) ew_vector same[EW_MAX_ARITY];
    const void *in[EW_MAX_ARITY] = {0};
    size_t step[EW_MAX_ARITY] = {0}, left = n % job->lanes, whole = n - left, element = job->element;
    char *out = (char *)job->work->out + start * element;
    const char *g = job->work->g, *y = job->work->y;
    for (size_t k = 0; k < job->n; k++) in[k] = at[k], step[k] = 1;
    for (size_t k = 0; still >> k; k++) {
        if (!(still >> k & 1)) continue;
        ew_fill(&same[k], at[k], job->dtype);
        in[k] = &same[k], step[k] = 0;
    }
    if (g) g += start * element;
    if (y) y += start * element;
    if (whole) ew_hot_loop(job, whole, out, g, in, step, y);
    if (!left) return;
    bool again = whole && !job->work->add;
    size_t done = (again ? n - job->lanes : whole) * element;
    for (size_t k = 0; k < job->n; k++)
        if (in[k] && step[k]) in[k] = at[k] + done;
    if (g) g += done;
    if (y) y += done;
    if (again)
        ew_hot_loop(job, job->lanes, out + done, g, in, step, y);
    else
        ew_hot_tail(job, left, out + done, g, in, step, y);
}

/* Rows of n elements from number `start` on at once; what is left over at their ends as in ew_hot_run, for all of them. */
static void ew_hot_rows(const ew_job *job, size_t start, size_t rows, size_t n, const char *const *at, unsigned still)
{
    const size_t element = job->element, left = n % job->lanes;
    wg_ew_rows work = {rows, n - left, n, (char *)job->work->out + start * element, job->work->add, {0}, {0}, {0}};
    for (size_t k = 0; k < job->n; k++) {
        const ew_operand *operand = &job->operands[k];
        work.in[k] = at[k];
        work.row[k] = operand->stretched ? operand->strides[job->walk.rank - 2] : (ptrdiff_t)n;
        work.still[k] = still >> k & 1;
    }
    job->hot->rows(&work);
    if (!left) return;
    const size_t done = (n - job->lanes) * element;
    work.n = job->lanes;
    work.out = (char *)work.out + done;
    for (size_t k = 0; k < job->n; k++)
        if (!work.still[k]) work.in[k] = at[k] + done;
    job->hot->rows(&work);
}

/* How many whole rows can be done at once from the place in the walk, with `count` elements to go. */
static size_t ew_hot_rows_count(const ew_job *job, const size_t *index, size_t count)
{
    const wg_shape *walk = &job->walk;
    const size_t n = walk->dim[walk->rank - 1];
    if (!job->rows || walk->rank < 2 || index[walk->rank - 1]) return 0;
    size_t most = walk->dim[walk->rank - 2] - index[walk->rank - 2];
    return count / n < most ? count / n : most;
}

/* Run by run of the merged last axis; the other axes are counted like the wheels of an odometer. */
static void ew_hot_range(const ew_job *job, size_t start, size_t count)
{
    const wg_shape *walk = &job->walk;
    const uint32_t last = walk->rank - 1;
    size_t index[WG_MAX_RANK], rest = start;
    ptrdiff_t offset[EW_MAX_ARITY] = {0}; /* in elements, of stretched operands */
    unsigned still = 0;
    for (uint32_t d = walk->rank; d-- > 0; rest /= walk->dim[d]) index[d] = rest % walk->dim[d];
    for (size_t k = 0; k < job->n; k++) {
        const ew_operand *operand = &job->operands[k];
        if (!operand->stretched) continue;
        if (operand->strides[last] == 0) still |= 1u << k;
        for (uint32_t d = 0; d < last; d++) offset[k] += (ptrdiff_t)index[d] * operand->strides[d];
    }
    for (; count; index[last] = 0) {
        const size_t within = index[last], rows = ew_hot_rows_count(job, index, count);
        const char *at[EW_MAX_ARITY] = {0};
        size_t run = walk->dim[last] - within < count ? walk->dim[last] - within : count;
        for (size_t k = 0; k < job->n; k++) {
            const ew_operand *operand = &job->operands[k];
            ptrdiff_t from =
                operand->stretched ? offset[k] + (ptrdiff_t)within * operand->strides[last] : (ptrdiff_t)start;
            at[k] = operand->data ? operand->data + from * (ptrdiff_t)job->element : NULL;
        }
        if (rows > 1) {
            ew_hot_rows(job, start, rows, run, at, still);
            run *= rows;
            index[last - 1] += rows - 1;
            for (size_t k = 0; k < job->n; k++)
                if (job->operands[k].stretched) offset[k] += (ptrdiff_t)(rows - 1) * job->operands[k].strides[last - 1];
        } else {
            ew_hot_run(job, start, run, at, still);
        }
        start += run;
        count -= run;
        for (uint32_t d = last; d-- > 0;) {
            bool turns = ++index[d] == walk->dim[d];
            if (turns) index[d] = 0;
            for (size_t k = 0; k < job->n; k++)
                if (job->operands[k].stretched)
                    offset[k] += job->operands[k].strides[d] * (turns ? 1 - (ptrdiff_t)walk->dim[d] : 1);
            if (!turns) break;
        }
    }
}

/* ---- through buffers ---------------------------------------------------------------------------------------------- */

typedef struct ew_buffers {
    _Alignas(WG_ALIGNMENT) double of[EW_MAX_ARITY][EW_PIECE], sums[EW_PIECE];
} ew_buffers;

/* A loop writes its results; where they are to be added, it writes them to a buffer first. */
static void ew_plain_loop(const ew_job *job, size_t start, size_t n, const void *const *at, double *sums)
{
    const wg_ew_work *work = job->work;
    const size_t offset = start * job->element;
    void *out = (char *)work->out + offset, *to = work->add ? sums : out;
    if (work->g)
        job->loops->slope[work->k](n, to, job->ieee_zero, (const char *)work->g + offset, at,
            work->y ? (const char *)work->y + offset : NULL, job->parameters);
    else
        job->loops->value(n, to, at, job->parameters);
    if (!work->add) return;
    const ptrdiff_t one = 1;
    if (job->dtype == WG_F64)
        wg_kernel_copy_f64(job->isa, 1, &n, to, &one, out, &one, true);
    else
        wg_kernel_copy_f32(job->isa, 1, &n, to, &one, out, &one, true);
}

static void ew_stretched_range(const ew_job *job, size_t start, size_t count)
{
    ew_buffers buffers;
    wg_ew_stretch_loop *stretch = job->dtype == WG_F64 ? wg_ew_stretch_f64 : wg_ew_stretch_f32;
    size_t most = job->stretched || job->work->add ? EW_PIECE : count;
    for (size_t end = start + count; start < end; start += most) {
        size_t n = end - start < most ? end - start : most;
        const void *at[EW_MAX_ARITY] = {0};
        const char *hot_at[EW_MAX_ARITY] = {0};
        for (size_t k = 0; k < job->n; k++) {
            const ew_operand *operand = &job->operands[k];
            if (!operand->data) continue;
            at[k] = operand->stretched ? (const void *)buffers.of[k] : operand->data + start * job->element;
            hot_at[k] = at[k];
            if (operand->stretched) stretch(buffers.of[k], operand->data, &job->walk, operand->strides, start, n);
        }
        if (job->hot)
            ew_hot_run(job, start, n, hot_at, 0);
        else
            ew_plain_loop(job, start, n, at, buffers.sums);
    }
}

/* ---- threads ------------------------------------------------------------------------------------------------------ */

static void ew_range(const ew_job *job, size_t start, size_t count)
{
    if (job->hot && !job->stretched) {
        const char *at[EW_MAX_ARITY] = {0};
        for (size_t k = 0; k < job->n; k++)
            if (job->operands[k].data) at[k] = job->operands[k].data + start * job->element;
        ew_hot_run(job, start, count, at, 0);
    } else if (job->hot && job->walk.dim[job->walk.rank - 1] >= (job->rows ? job->lanes : EW_LONG)) {
        ew_hot_range(job, start, count);
    } else {
        ew_stretched_range(job, start, count);
    }
}

static void ew_part(void *context, size_t part)
{
    const ew_job *job = context;
    size_t blocks = (job->size + EW_BLOCK - 1) / EW_BLOCK;
    size_t first = wg_team_first(blocks, job->parts, part) * EW_BLOCK;
    size_t end = wg_team_first(blocks, job->parts, part + 1) * EW_BLOCK;
    ew_range(job, first, (end < job->size ? end : job->size) - first);
}

void wg_ew_run(const wg_call *call, const wg_ew_work *work)
{
    ew_job job; /* what it says of axes is written where it is needed */
    job.work = work;
    job.parameters = call->attributes;
    job.ieee_zero = call->tape->ieee_zero;
    job.n = call->n;
    job.element = wg_dtype_size(call->dtype);
    job.size = wg_shape_product(&call->shape, 0, call->shape.rank);
    job.dtype = call->dtype;
    job.isa = call->tape->isa;
    job.lanes = 1;
    job.hot = NULL;
    job.rows = false;
    if (!job.size) return;
    job.loops = call->dtype == WG_F64 ? &wg_ew_loops_f64[work->rule] : &wg_ew_loops_f32[work->rule];
    /* a number comes out as it would in its node, to the last bit */
    if (call->shape.rank) job.hot = wg_ew_hot(work->rule, call->dtype, job.isa, &job.lanes);
    ew_open(&job, call);
    if (job.stretched) ew_open_walk(&job, call);
    if (job.stretched && job.hot && job.hot->rows && !work->g) {
        size_t n = job.walk.dim[job.walk.rank - 1];
        job.rows = n >= job.lanes && (n % job.lanes == 0 || !work->add);
    }
    double each = job.hot ? 0.05 * (double)job.element : 3; /* nanoseconds an element, roughly */
    job.parts = 1;
    if (call->tape->team)
        job.parts = wg_team_parts(call->tape->team, each * (double)job.size, (job.size + EW_BLOCK - 1) / EW_BLOCK);
    if (job.parts > 1)
        wg_team_run(call->tape->team, job.parts, ew_part, &job);
    else
        ew_range(&job, 0, job.size);
}
