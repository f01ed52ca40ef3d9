/* Matrices of derivatives, as numbers: Hessian-vector products, Jacobians, Hessians. Nothing of them stays on the tape, and
 * no gradient is touched.
 *
 * A Jacobian is swept row by row from the result, or, where it is much taller than wide, recorded column by column in the
 * forward mode: a recorded column costs about as much as 5 swept rows on scalars, as 1 or 2 on arrays. Second derivatives are
 * those of the recorded gradient, swept: A. Griewank and A. Walther, Evaluating Derivatives, 2nd ed., SIAM 2008, chapter 5. */
#include "grad/derivation.h"
#include "grad/sweep.h"
#include "shape/shape.h"
#include "wengert/grad.h"

#include <string.h>

/* Sweeps down from what has been seeded, to the targets. */
static wg_status matrices_sweep(wg_targets *targets, uint32_t from, void *row)
{
    wg_tape *tape = targets->tape;
    wg_status status = wg_sweep_down(tape, from, targets->low);
    if (status != WG_OK) wg_sweep_abandon(tape, from, targets->low);
    return status == WG_OK ? wg_targets_hit(targets, row) : status;
}

/* Row by row: the derivatives of each element of out. */
static wg_status matrices_rows(wg_targets *targets, wg_var out, char *matrix)
{
    wg_tape *tape = targets->tape;
    size_t rows = wg_size(out), element = wg_dtype_size(tape->dtype), bytes = rows * element;
    char *unit = wg_pool_take(&tape->pool, &tape->source, bytes + 1);
    if (!unit) return wg_tape_fail_memory(tape, tape->sweeping, bytes);
    memset(unit, 0, bytes);
    double one_f64 = 1;
    float one_f32 = 1;
    wg_status status = WG_OK;
    for (size_t i = 0; i < rows && status == WG_OK; i++) {
        char *row = matrix + i * targets->size * element;
        memcpy(unit + i * element, tape->dtype == WG_F64 ? (void *)&one_f64 : (void *)&one_f32, element);
        wg_targets_aim(targets, row);
        bool reached = tape->nodes[out.index].flags & WG_NODE_NEEDS;
        if (!reached)
            status = wg_targets_hit(targets, row);
        else if (wg_sweep_seed(tape, out.index, unit))
            status = matrices_sweep(targets, out.index, row);
        else
            status = tape->status;
        memset(unit + i * element, 0, element);
    }
    wg_pool_give_back(&tape->pool, unit, bytes + 1);
    return status;
}

/* ---- column by column ---------------------------------------------------------------------------------------------------- */

enum { MATRICES_TALL = 4 };

/* Writes one column: the tangent of out for one element of one of wrt. */
static wg_status matrices_column(wg_var out, const wg_var *wrt, size_t at, char *matrix, size_t columns)
{
    wg_tape *tape = out.tape;
    uint32_t length = tape->length;
    size_t element = wg_dtype_size(tape->dtype), rows = wg_size(out);
    wg_var unit = wg_variable_raw(tape, wg_shape_of(*wrt), NULL), tangent;
    if (!wg_list_valid(unit)) return tape->status;
    char *place = tape->nodes[unit.index].record->value;
    if (tape->dtype == WG_F64)
        ((double *)(void *)place)[at] = 1;
    else
        ((float *)(void *)place)[at] = 1;
    wg_node_refresh(tape, &tape->nodes[unit.index]);
    if (wg_jvp(out, wrt, &unit, 1, &tangent) == WG_OK) {
        const char *numbers = wg_node_value(tape, tangent.index, "wg_jacobian");
        for (size_t i = 0; i < rows && numbers; i++)
            memcpy(matrix + i * columns * element, numbers + i * element, element);
    }
    wg_list_cut(tape, length);
    return tape->status;
}

static wg_status matrices_columns(wg_var out, const wg_var *wrt, size_t n, size_t columns, char *matrix)
{
    wg_tape *tape = out.tape;
    for (size_t k = 0; k < n; k++)
        for (size_t at = 0, size = wg_size(wrt[k]); at < size; at++) {
            wg_status status = matrices_column(out, &wrt[k], at, matrix, columns);
            if (status != WG_OK) return status;
            matrix += wg_dtype_size(tape->dtype);
        }
    return WG_OK;
}

/* ---- what the three have in common -------------------------------------------------------------------------------------- */

typedef struct matrices_job {
    wg_tape *tape;
    const char *what;
    wg_var out;
    const wg_var *wrt;
    size_t n;
    uint32_t length; /* of the tape before */
    wg_var *grads;   /* recorded, for second derivatives */
    wg_targets targets;
} matrices_job;

static wg_status matrices_check(const matrices_job *job, bool scalar, const void *result)
{
    wg_tape *tape = job->tape;
    wg_status status = wg_derive_check(job->what, job->out, job->wrt, job->n);
    if (status != WG_OK) return status;
    if (tape->busy) return wg_tape_fail(tape, WG_ERROR_ARGUMENT, "%s: the tape is busy", job->what);
    if (scalar && wg_size(job->out) != 1)
        return wg_tape_fail(
            tape, WG_ERROR_SHAPE, "%s: %s does not have size 1", job->what, wg_list_describe(tape, job->out.index));
    size_t columns = 0, rows = 0;
    for (size_t k = 0; k < job->n; k++) {
        size_t size = wg_size(job->wrt[k]);
        if (size > SIZE_MAX / sizeof(double) - columns)
            return wg_tape_fail(tape, WG_ERROR_SHAPE, "%s: the number of columns overflows", job->what);
        columns += size;
    }
    rows = scalar ? columns : wg_size(job->out);
    if (columns && rows > SIZE_MAX / sizeof(double) / columns)
        return wg_tape_fail(tape, WG_ERROR_SHAPE, "%s: the size of a matrix of %zu rows and %zu columns overflows",
            job->what, rows, columns);
    if (rows && columns && !result)
        return wg_tape_fail(tape, WG_ERROR_ARGUMENT, "%s: the place for the result is NULL", job->what);
    return WG_OK;
}

/* Makes the targets ready, after the gradient is recorded if it is second derivatives that are wanted. */
static bool matrices_open(matrices_job *job, bool second)
{
    wg_tape *tape = job->tape;
    job->length = tape->length;
    job->grads = NULL;
    tape->sweeping = job->what;
    if (second) {
        job->grads = wg_pool_take(&tape->pool, &tape->source, job->n * sizeof *job->grads + 1);
        if (!job->grads) return wg_tape_fail_memory(tape, job->what, job->n * sizeof *job->grads), false;
        wg_record_gradients(job->what, job->out, job->wrt, job->n, job->grads);
    }
    tape->busy++;
    bool open =
        tape->status == WG_OK && wg_sweep_reserve(tape) && wg_targets_open(&job->targets, tape, job->wrt, job->n);
    if (open) return true;
    tape->busy--;
    if (second) wg_pool_give_back(&tape->pool, job->grads, job->n * sizeof *job->grads + 1);
    wg_list_cut(tape, job->length);
    return false;
}

static wg_status matrices_close(matrices_job *job)
{
    wg_tape *tape = job->tape;
    wg_targets_close(&job->targets);
    tape->busy--;
    if (job->grads) wg_pool_give_back(&tape->pool, job->grads, job->n * sizeof *job->grads + 1);
    wg_list_cut(tape, job->length);
    return tape->status;
}

/* ---- second derivatives ------------------------------------------------------------------------------------------------- */

/* One sweep from all gradients, each with its part of the direction as cotangent. */
static void matrices_product(matrices_job *job, const char *direction, void *out)
{
    wg_tape *tape = job->tape;
    uint32_t from = 0;
    bool seeded = true;
    wg_targets_aim(&job->targets, out);
    for (size_t k = 0; k < job->n && seeded; k++) {
        uint32_t index = job->grads[k].index;
        if (tape->nodes[index].flags & WG_NODE_NEEDS) seeded = wg_sweep_seed(tape, index, direction);
        if (index > from) from = index;
        direction += job->targets.list[k].size * wg_dtype_size(tape->dtype);
    }
    if (seeded)
        matrices_sweep(&job->targets, from, out);
    else
        wg_sweep_abandon(tape, from, job->targets.low);
}

wg_status wg_hvp(wg_var scalar, const wg_var *wrt, size_t n, const void *v, void *out)
{
    matrices_job job = {.tape = scalar.tape, .what = "wg_hvp", .out = scalar, .wrt = wrt, .n = n};
    wg_tape *tape = job.tape;
    wg_status status = matrices_check(&job, true, out);
    if (status == WG_OK && n && !v) status = wg_tape_fail(tape, WG_ERROR_ARGUMENT, "wg_hvp: the direction is NULL");
    if (status != WG_OK || !matrices_open(&job, true)) return tape ? tape->status : WG_ERROR_ARGUMENT;
    size_t bytes = job.targets.size * wg_dtype_size(tape->dtype);
    char *direction = wg_pool_take(&tape->pool, &tape->source, bytes + 1); /* out may be v */
    if (direction) {
        if (bytes) memcpy(direction, v, bytes);
        matrices_product(&job, direction, out);
        wg_pool_give_back(&tape->pool, direction, bytes + 1);
    } else {
        wg_tape_fail_memory(tape, "wg_hvp", bytes);
    }
    return matrices_close(&job);
}

wg_status wg_hessian(wg_var scalar, const wg_var *wrt, size_t n, void *hessian)
{
    matrices_job job = {.tape = scalar.tape, .what = "wg_hessian", .out = scalar, .wrt = wrt, .n = n};
    wg_status status = matrices_check(&job, true, hessian);
    if (status != WG_OK) return status;
    if (!matrices_open(&job, true)) return job.tape->status;
    char *rows = hessian;
    for (size_t k = 0; k < n && status == WG_OK; k++) {
        status = matrices_rows(&job.targets, job.grads[k], rows);
        rows += job.targets.list[k].size * job.targets.size * wg_dtype_size(job.tape->dtype);
    }
    return matrices_close(&job);
}

/* ---- first derivatives -------------------------------------------------------------------------------------------------- */

wg_status wg_jacobian(wg_var out, const wg_var *wrt, size_t n, void *jacobian)
{
    matrices_job job = {.tape = out.tape, .what = "wg_jacobian", .out = out, .wrt = wrt, .n = n};
    wg_status status = matrices_check(&job, false, jacobian);
    if (status != WG_OK) return status;
    size_t columns = 0;
    for (size_t k = 0; k < n; k++) columns += wg_size(wrt[k]);
    if (columns <= wg_size(out) / MATRICES_TALL) {
        status = matrices_columns(out, wrt, n, columns, jacobian);
        if (status != WG_ERROR_UNSUPPORTED && status != WG_ERROR_MEMORY) return status;
        wg_tape_clear_error(job.tape); /* a sweep can use a derivative that is numbers only, and takes less memory */
    }
    if (!matrices_open(&job, false)) return job.tape->status;
    matrices_rows(&job.targets, out, jacobian);
    return matrices_close(&job);
}
