/* The matrix product, with leading axes broadcast.
 *
 * One op does it all: op(A) op(B), each transposed or not, summed to a result whose leading axes may be fewer than the
 * operands'. So its derivative is itself, twice: dA = G op(B)^T, dB = op(A)^T G (or their transposes, where the operand
 * was taken transposed), summed to the operand's shape; and every transpose is a flag of the kernel, never a copy. */
#include "ops/matmul.h"

#include "kernels/gemm.h"
#include "shape/shape.h"
#include "tape/list.h"
#include "tape/words.h"
#include "wengert/ops.h"

#include <stddef.h>
#include <string.h>

typedef struct matmul_plan {
    bool transpose_a, transpose_b;
    bool summed; /* the result's shape is given: */
    wg_shape shape;
} matmul_plan;

/* The attributes are as much of the plan as is used: between matrices there is nothing to sum. */
static size_t matmul_plan_size(const matmul_plan *plan)
{
    return plan->summed ? sizeof *plan : offsetof(matmul_plan, shape);
}

/* ---- shapes ------------------------------------------------------------------------------------------------------------ */

static size_t matmul_rows(const wg_shape *shape, bool transposed)
{
    return shape->dim[shape->rank - (transposed ? 1 : 2)];
}
static size_t matmul_columns(const wg_shape *shape, bool transposed)
{
    return shape->dim[shape->rank - (transposed ? 2 : 1)];
}

/* The leading axes. */
static wg_shape matmul_batch(const wg_shape *shape)
{
    wg_shape batch = *shape;
    batch.rank -= 2;
    return batch;
}

static wg_status matmul_infer(wg_call *call)
{
    const matmul_plan *plan = call->attributes;
    const wg_shape *a = call->in[0].shape, *b = call->in[1].shape;
    if (a->rank < 2 || b->rank < 2)
        return wg_call_fail(call, WG_ERROR_SHAPE, "an operand is not a matrix: %s @ %s", wg_call_describe(call, 0),
            wg_call_describe(call, 1));
    if (matmul_columns(a, plan->transpose_a) != matmul_rows(b, plan->transpose_b))
        return wg_call_fail(call, WG_ERROR_SHAPE, "inner dimensions differ: %s @ %s", wg_call_describe(call, 0),
            wg_call_describe(call, 1));
    if (a->rank == 2 && b->rank == 2 && !plan->summed) {
        call->shape.rank = 2;
        call->shape.dim[0] = matmul_rows(a, plan->transpose_a);
        call->shape.dim[1] = matmul_columns(b, plan->transpose_b);
        return WG_OK;
    }
    wg_shape batch_a = matmul_batch(a), batch_b = matmul_batch(b);
    if (!wg_shape_broadcast(&batch_a, &batch_b, &call->shape))
        return wg_call_fail(call, WG_ERROR_SHAPE, "leading axes do not broadcast: %s @ %s", wg_call_describe(call, 0),
            wg_call_describe(call, 1));
    call->shape.dim[call->shape.rank++] = matmul_rows(a, plan->transpose_a);
    call->shape.dim[call->shape.rank++] = matmul_columns(b, plan->transpose_b);
    if (plan->summed) call->shape = plan->shape;
    return WG_OK;
}

/* ---- evaluation -------------------------------------------------------------------------------------------------------- */

/* One matrix operand: its elements, whether they lie transposed, and its strides over the joint leading axes. */
typedef struct matmul_operand {
    const void *data;
    bool transposed;
    ptrdiff_t strides[WG_MAX_RANK];
} matmul_operand;

typedef struct matmul_job {
    const wg_call *call;
    wg_isa isa;
    size_t m, n, k;
    matmul_operand a, b;
    ptrdiff_t out_strides[WG_MAX_RANK];
    wg_shape joint; /* leading axes of all three, broadcast */
    size_t count;   /* matrices of the joint batch */
    size_t parts;   /* the batch is cut into, for the threads; 1: each matrix may be */
    size_t bytes;   /* of scratch for a part */
    char *scratch;
} matmul_job;

/* Strides in elements over the joint leading axes, 0 where the array's own is missing or 1. */
static void matmul_strides(const wg_shape *shape, const wg_shape *joint, ptrdiff_t *strides)
{
    wg_shape batch = matmul_batch(shape);
    wg_shape_broadcast_strides(&batch, joint, strides);
    size_t matrix = shape->dim[shape->rank - 2] * shape->dim[shape->rank - 1];
    for (uint32_t d = 0; d < joint->rank; d++) strides[d] *= (ptrdiff_t)matrix;
}

static bool matmul_open(matmul_job *job, const wg_call *call)
{
    const matmul_plan *plan = call->attributes;
    const wg_shape *a = call->in[0].shape, *b = call->in[1].shape;
    job->call = call;
    job->isa = call->tape->isa;
    job->m = matmul_rows(a, plan->transpose_a);
    job->k = matmul_columns(a, plan->transpose_a);
    job->n = matmul_columns(b, plan->transpose_b);
    job->scratch = NULL;
    job->joint.rank = 0;
    job->a.data = call->in[0].data;
    job->b.data = call->in[1].data;
    job->a.transposed = plan->transpose_a != call->in[0].transposed;
    job->b.transposed = plan->transpose_b != call->in[1].transposed;
    if (a->rank == 2 && b->rank == 2 && call->shape.rank == 2) return true;
    wg_shape batch_a = matmul_batch(a), batch_b = matmul_batch(b), batch_out = matmul_batch(&call->shape);
    if (!wg_shape_broadcast(&batch_a, &batch_b, &job->joint) ||
        !wg_shape_broadcast(&job->joint, &batch_out, &job->joint))
        return wg_call_fail(call, WG_ERROR_SHAPE, "leading axes do not broadcast"), false;
    matmul_strides(a, &job->joint, job->a.strides);
    matmul_strides(b, &job->joint, job->b.strides);
    matmul_strides(&call->shape, &job->joint, job->out_strides);
    return true;
}

/* Two batches that are one product: the same B for every matrix of A stacks A's rows; and a sum over the batch of A^T B
 * is one product over all rows. */
static void matmul_fuse_batch(matmul_job *job)
{
    const wg_call *call = job->call;
    if (job->joint.rank == 0) return;
    wg_shape batch_a = matmul_batch(call->in[0].shape), batch_b = matmul_batch(call->in[1].shape);
    wg_shape batch_out = matmul_batch(&call->shape);
    size_t count = wg_shape_product(&job->joint, 0, job->joint.rank);
    size_t count_a = wg_shape_product(&batch_a, 0, batch_a.rank), count_b = wg_shape_product(&batch_b, 0, batch_b.rank);
    size_t count_out = wg_shape_product(&batch_out, 0, batch_out.rank);
    if (count <= 1 || count_a != count) return;
    if (count_b == 1 && count_out == count && !job->a.transposed) {
        job->m *= count;
        job->joint.rank = 0;
    } else if (count_b == count && count_out == 1 && job->a.transposed && !job->b.transposed) {
        job->k *= count;
        job->joint.rank = 0;
    }
}

/* One product, which need not ask what scratch it takes. */
static bool matmul_is_small(const matmul_job *job)
{
    return job->joint.rank == 0 && wg_kernel_gemm_is_small(job->m, job->n, job->k);
}

/* The threads take a part of the batch each where it has parts enough and every matrix has a result of its own;
 * otherwise they share each product. */
static void matmul_cut(matmul_job *job)
{
    wg_team *team = job->call->tape->team;
    job->count = 1, job->parts = 1, job->bytes = 0;
    if (matmul_is_small(job)) return;
    bool f64 = job->call->dtype == WG_F64, ta = job->a.transposed, tb = job->b.transposed, own = true;
    job->count = wg_shape_product(&job->joint, 0, job->joint.rank);
    for (uint32_t d = 0; d < job->joint.rank; d++) own = own && (job->out_strides[d] || job->joint.dim[d] == 1);
    if (team && own && job->count >= wg_team_size(team)) {
        double products = (double)job->m * (double)job->n * (double)job->k;
        double nanoseconds = (20 + products / (f64 ? 40 : 80)) * (double)job->count;
        job->parts = wg_team_parts(team, nanoseconds, job->count);
    }
    if (job->parts > 1) team = NULL;
    if (job->count == 0) return; /* a sum over an empty batch */
    job->bytes = f64 ? wg_kernel_gemm_scratch_f64(job->isa, ta, tb, job->m, job->n, job->k, team)
                     : wg_kernel_gemm_scratch_f32(job->isa, ta, tb, job->m, job->n, job->k, team);
    job->bytes = (job->bytes + WG_ALIGNMENT - 1) / WG_ALIGNMENT * WG_ALIGNMENT;
}

static bool matmul_open_cut(matmul_job *job, const wg_call *call)
{
    if (!matmul_open(job, call)) return false;
    matmul_fuse_batch(job);
    matmul_cut(job);
    return true;
}

static void matmul_one(const matmul_job *job, ptrdiff_t at_a, ptrdiff_t at_b, ptrdiff_t at_out, bool add, void *scratch)
{
    bool ta = job->a.transposed, tb = job->b.transposed;
    size_t lda = ta ? job->m : job->k, ldb = tb ? job->k : job->n;
    wg_team *team = job->parts > 1 ? NULL : job->call->tape->team;
    if (job->call->dtype == WG_F64)
        wg_kernel_gemm_f64(job->isa, ta, tb, job->m, job->n, job->k, (const double *)job->a.data + at_a, lda,
            (const double *)job->b.data + at_b, ldb, (double *)job->call->out + at_out, job->n, add, scratch, team);
    else
        wg_kernel_gemm_f32(job->isa, ta, tb, job->m, job->n, job->k, (const float *)job->a.data + at_a, lda,
            (const float *)job->b.data + at_b, ldb, (float *)job->call->out + at_out, job->n, add, scratch, team);
}

/* A part of the joint batch, matrix after matrix. Where the result is summed over an axis, later ones add to the first. */
static void matmul_part(void *context, size_t part)
{
    const matmul_job *job = context;
    size_t first = wg_team_first(job->count, job->parts, part), end = wg_team_first(job->count, job->parts, part + 1);
    size_t index[WG_MAX_RANK] = {0};
    ptrdiff_t at_a = 0, at_b = 0, at_out = 0;
    for (size_t d = job->joint.rank, rest = first; d-- > 0; rest /= job->joint.dim[d]) {
        index[d] = rest % job->joint.dim[d];
        at_a += (ptrdiff_t)index[d] * job->a.strides[d];
        at_b += (ptrdiff_t)index[d] * job->b.strides[d];
        at_out += (ptrdiff_t)index[d] * job->out_strides[d];
    }
    for (size_t i = first; i < end; i++) {
        bool add = job->call->add;
        for (uint32_t d = 0; d < job->joint.rank; d++) add = add || (index[d] && !job->out_strides[d]);
        matmul_one(job, at_a, at_b, at_out, add, job->scratch ? job->scratch + part * job->bytes : NULL);
        for (uint32_t d = job->joint.rank; d-- > 0;) {
            at_a += job->a.strides[d];
            at_b += job->b.strides[d];
            at_out += job->out_strides[d];
            if (++index[d] < job->joint.dim[d]) break;
            ptrdiff_t back = (ptrdiff_t)job->joint.dim[d];
            at_a -= back * job->a.strides[d];
            at_b -= back * job->b.strides[d];
            at_out -= back * job->out_strides[d];
            index[d] = 0;
        }
    }
}

static size_t matmul_scratch(const wg_call *call)
{
    matmul_job job;
    return matmul_open_cut(&job, call) ? job.parts * job.bytes : 0;
}

static wg_status matmul_evaluate(wg_call *call)
{
    _Alignas(WG_ALIGNMENT) char scratch[WG_KERNEL_GEMM_SMALL_BYTES];
    matmul_job job;
    if (!matmul_open_cut(&job, call)) return call->tape->status;
    if (matmul_is_small(&job)) job.scratch = scratch;
    if (job.bytes && !(job.scratch = wg_call_scratch(call, job.parts * job.bytes))) return call->tape->status;
    if (job.joint.rank == 0) {
        matmul_one(&job, 0, 0, 0, call->add, job.scratch);
        return WG_OK;
    }
    size_t size = wg_shape_product(&call->shape, 0, call->shape.rank);
    if (job.count == 0 && !call->add && size) memset(call->out, 0, size * wg_dtype_size(call->dtype));
    if (job.parts > 1)
        wg_team_run(call->tape->team, job.parts, matmul_part, &job);
    else if (job.count)
        matmul_part(&job, 0);
    return WG_OK;
}

/* ---- in words ---------------------------------------------------------------------------------------------------------- */

/* sum_to where the result has fewer leading axes than the product. */
static size_t matmul_describe(const wg_call *call, char *text, size_t size)
{
    const matmul_plan *plan = call->attributes;
    wg_words words = {text, size, 0};
    wg_shape batch = matmul_batch(call->in[0].shape), other = matmul_batch(call->in[1].shape), joint;
    wg_shape out = matmul_batch(&call->shape);
    wg_words_flag(&words, "transpose_a", plan->transpose_a);
    wg_words_flag(&words, "transpose_b", plan->transpose_b);
    bool natural = wg_shape_broadcast(&batch, &other, &joint) && wg_shape_equal(&joint, &out);
    if (!natural) wg_words_shape(&words, "sum_to", &call->shape);
    return words.length;
}

/* ---- derivative -------------------------------------------------------------------------------------------------------- */

static void matmul_derivative(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    const matmul_plan *plan = call->attributes;
    bool ta = plan->transpose_a, tb = plan->transpose_b;
    bool batched = call->in[0].shape->rank != 2 || call->in[1].shape->rank != 2 || call->shape.rank != 2;
    matmul_plan for_a, for_b;
    for_a.transpose_a = ta && tb;
    for_a.transpose_b = ta || !tb;
    for_b.transpose_a = tb || !ta;
    for_b.transpose_b = tb && ta;
    for_a.summed = for_b.summed = batched;
    if (batched) {
        for_a.shape = *call->in[0].shape;
        for_b.shape = *call->in[1].shape;
    }
    wg_term g = wg_cotangent(d), a = wg_primal(d, 0), b = wg_primal(d, 1);
    wg_give(d, 0, call->op, ta ? (wg_term[]){b, g} : (wg_term[]){g, b}, 2, &for_a, matmul_plan_size(&for_a));
    wg_give(d, 1, call->op, tb ? (wg_term[]){g, a} : (wg_term[]){a, g}, 2, &for_b, matmul_plan_size(&for_b));
}

static const wg_op matmul_op = {.name = "matmul",
    .arity = 2,
    .flags = WG_OP_ADDS | WG_OP_TAKES_TRANSPOSED | WG_OP_MULTILINEAR,
    .shape = matmul_infer,
    .evaluate = matmul_evaluate,
    .scratch = matmul_scratch,
    .derivative = matmul_derivative,
    .describe = matmul_describe};

wg_term wg_matmul_step(wg_derivation *d, wg_term a, bool transpose_a, wg_term b, bool transpose_b)
{
    matmul_plan plan = {.transpose_a = transpose_a, .transpose_b = transpose_b};
    return wg_step(d, &matmul_op, (wg_term[]){a, b}, 2, &plan, matmul_plan_size(&plan));
}

void wg_matmul_give(wg_derivation *d, size_t k, wg_term a, bool transpose_a, wg_term b, bool transpose_b)
{
    matmul_plan plan = {.transpose_a = transpose_a, .transpose_b = transpose_b};
    wg_give(d, k, &matmul_op, (wg_term[]){a, b}, 2, &plan, matmul_plan_size(&plan));
}

/* ---- public ------------------------------------------------------------------------------------------------------------ */

static const wg_shape *matmul_shape(wg_var x) { return &wg_node_shape(x.tape, &x.tape->nodes[x.index])->shape; }
static bool matmul_holds_indices(wg_var x) { return x.tape->nodes[x.index].flags & WG_NODE_INDICES; }

/* Checks what the op could only report with the vectors' axes filled in. */
static bool matmul_fits(wg_tape *tape, wg_var a, wg_var b)
{
    const wg_shape *left = matmul_shape(a), *right = matmul_shape(b);
    const char *wrong = NULL;
    if (left->rank == 0 || right->rank == 0)
        wrong = "a 0-d operand is not a matrix (wg_mul multiplies by a number)";
    else if (left->dim[left->rank - 1] != right->dim[right->rank > 1 ? right->rank - 2 : 0])
        wrong = "inner dimensions differ";
    if (wrong)
        wg_tape_fail(tape, WG_ERROR_SHAPE, "matmul: %s: %s @ %s", wrong, wg_list_describe(tape, a.index),
            wg_list_describe(tape, b.index));
    return !wrong;
}

/* A vector's missing axis is filled in before the product and taken out after it. */
static wg_var matmul_vectors(wg_tape *tape, wg_var a, wg_var b, const matmul_plan *plan)
{
    wg_shape left = wg_shape_of(a), right = wg_shape_of(b);
    bool row = left.rank == 1, column = right.rank == 1;
    if (row) a = wg_reshape(a, (wg_shape){2, {1, left.dim[0]}});
    if (column) b = wg_reshape(b, (wg_shape){2, {right.dim[0], 1}});
    wg_var product = wg_list_apply(tape, &matmul_op, (wg_var[]){a, b}, 2, plan, matmul_plan_size(plan), NULL);
    if (!wg_list_valid(product)) return product;
    wg_shape shape = wg_shape_of(product), kept = {0};
    for (uint32_t k = 0; k < shape.rank; k++)
        if (!(row && k + 2 == shape.rank) && !(column && k + 1 == shape.rank)) kept.dim[kept.rank++] = shape.dim[k];
    return wg_reshape(product, kept);
}

wg_var wg_matmul(wg_var a, wg_var b)
{
    matmul_plan plan = {.summed = false};
    wg_tape *tape = a.tape ? a.tape : b.tape;
    if (!tape) return wg_invalid(NULL);
    bool arrays = wg_list_valid(a) && wg_list_valid(b) && a.tape == b.tape && tape->status == WG_OK &&
                  !matmul_holds_indices(a) && !matmul_holds_indices(b);
    if (!arrays || (matmul_shape(a)->rank > 1 && matmul_shape(b)->rank > 1))
        return wg_list_apply(tape, &matmul_op, (wg_var[]){a, b}, 2, &plan, matmul_plan_size(&plan), NULL);
    if (!matmul_fits(tape, a, b)) return wg_invalid(tape);
    uint32_t length = tape->length;
    wg_var product = matmul_vectors(tape, a, b, &plan);
    if (!wg_list_valid(product)) wg_list_cut(tape, length);
    return product;
}
