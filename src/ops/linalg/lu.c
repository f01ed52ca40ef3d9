/* The LU factor as an op, and what the files on linear systems share. */
#include "ops/linalg/factor.h"

#include "wengert/ops.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

size_t wg_linalg_matrix_of(const wg_shape *own, const wg_shape *joint, size_t i)
{
    ptrdiff_t strides[WG_MAX_RANK], at = 0;
    wg_shape_broadcast_strides(own, joint, strides);
    for (uint32_t d = joint->rank; d-- > 0; i /= joint->dim[d]) at += (ptrdiff_t)(i % joint->dim[d]) * strides[d];
    return (size_t)at;
}

wg_status wg_linalg_infer_square(const wg_call *call, size_t k)
{
    if (wg_linalg_is_square(call->in[k].shape)) return WG_OK;
    return wg_call_fail(call, WG_ERROR_SHAPE, "takes square matrices (..., n, n), not %s", wg_call_describe(call, k));
}

bool wg_linalg_square(const wg_composition *c, wg_var x)
{
    wg_shape shape = wg_shape_of(x);
    if (wg_linalg_is_square(&shape)) return true;
    wg_tape_fail(c->tape, WG_ERROR_SHAPE, "%s: takes square matrices (..., n, n), not %s", c->name,
        wg_list_describe(c->tape, x.index));
    return false;
}

/* ---- systems a x = b --------------------------------------------------------------------------------------------------- */

wg_status wg_linalg_infer_system(wg_call *call, size_t a, size_t b)
{
    const wg_shape *left = call->in[a].shape, *right = call->in[b].shape;
    wg_shape batch_a = wg_linalg_batch(left), batch_b = wg_linalg_batch(right);
    if (!wg_shape_broadcast(&batch_a, &batch_b, &call->shape))
        return wg_call_fail(call, WG_ERROR_SHAPE, "leading axes do not broadcast: %s and %s", wg_call_describe(call, a),
            wg_call_describe(call, b));
    call->shape.dim[call->shape.rank++] = wg_linalg_rows(right);
    call->shape.dim[call->shape.rank++] = wg_linalg_columns(right);
    return WG_OK;
}

bool wg_linalg_system(const wg_composition *c, wg_var a, wg_var b)
{
    wg_shape left = wg_shape_of(a), right = wg_shape_of(b), joint;
    const char *wrong = NULL;
    if (!wg_linalg_square(c, a)) return false;
    wg_shape batch_a = wg_linalg_batch(&left), batch_b = {0};
    if (right.rank == 0)
        wrong = "b is neither a vector nor a matrix";
    else if (right.dim[right.rank > 1 ? right.rank - 2 : 0] != wg_linalg_rows(&left))
        wrong = "b does not have as many rows as a";
    if (right.rank >= 2) batch_b = wg_linalg_batch(&right);
    if (!wrong && !wg_shape_broadcast(&batch_a, &batch_b, &joint)) wrong = "leading axes do not broadcast";
    if (wrong)
        wg_tape_fail(c->tape, WG_ERROR_SHAPE, "%s: %s: %s and %s", c->name, wrong, wg_list_describe(c->tape, a.index),
            wg_list_describe(c->tape, b.index));
    return !wrong;
}

wg_var wg_linalg_column(wg_var b) { return wg_reshape(b, (wg_shape){2, {wg_size(b), 1}}); }

wg_var wg_linalg_without_column(wg_var x)
{
    wg_shape shape = wg_shape_of(x);
    if (!wg_list_valid(x)) return x;
    shape.rank--;
    return wg_reshape(x, shape);
}

/* ---- stacks ------------------------------------------------------------------------------------------------------------ */

const char *wg_linalg_describe(const wg_call *call, size_t k, size_t i, char *text)
{
    wg_shape batch = wg_linalg_batch(call->in[k].shape), index = batch;
    char tuple[WG_SHAPE_TEXT];
    for (uint32_t d = batch.rank; d-- > 0; i /= batch.dim[d]) index.dim[d] = i % batch.dim[d];
    if (batch.rank)
        snprintf(text, WG_LINALG_TEXT, "matrix %s of %s", wg_shape_format(&index, tuple, sizeof tuple),
            wg_call_describe(call, k));
    else
        snprintf(text, WG_LINALG_TEXT, "%s", wg_call_describe(call, k));
    return text;
}

void wg_linalg_fill(wg_dtype dtype, void *data, size_t n, double x)
{
    for (size_t i = 0; i < n; i++) wg_linalg_put(dtype, data, i, x);
}

bool wg_linalg_all_finite(wg_dtype dtype, const void *data, size_t n)
{
    return wg_first_not_finite(dtype, data, n) == n;
}

/* ---- the factor ------------------------------------------------------------------------------------------------------ */

size_t wg_linalg_factor_scratch(wg_dtype dtype, size_t n)
{
    wg_isa isa = wg_kernel_isa();
    return dtype == WG_F64 ? wg_kernel_lu_scratch_f64(isa, n) : wg_kernel_lu_scratch_f32(isa, n);
}

size_t wg_linalg_singular(wg_dtype dtype, size_t n, const void *factor)
{
    size_t k = 0;
    while (k < n && wg_linalg_number(dtype, factor, k * n + k) != 0) k++;
    return k;
}

static bool lu_any_nan(wg_dtype dtype, const void *data, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (isnan(wg_linalg_number(dtype, data, i))) return true;
    return false;
}

/* A NaN makes all of the factor NaN, or a zero below it could pass for a missing pivot. */
void wg_linalg_factor_one(wg_dtype dtype, size_t n, const void *a, void *f, void *scratch)
{
    if (n == 0) return;
    wg_isa isa = wg_kernel_isa();
    bool finite = wg_linalg_all_finite(dtype, a, n * n);
    memcpy(f, a, n * n * wg_dtype_size(dtype));
    if (dtype == WG_F64)
        wg_kernel_lu_f64(isa, n, f, (double *)f + n * n, scratch);
    else
        wg_kernel_lu_f32(isa, n, f, (float *)f + n * n, scratch);
    if (finite) return;
    if (wg_linalg_singular(dtype, n, f) == n && !lu_any_nan(dtype, a, n * n)) return;
    wg_linalg_fill(dtype, f, n * n, (double)NAN);
    for (size_t k = 0; k < n; k++) wg_linalg_put(dtype, f, n * n + k, (double)k);
}

static wg_status lu_infer(wg_call *call)
{
    if (wg_linalg_infer_square(call, 0) != WG_OK) return call->tape->status;
    call->shape = *call->in[0].shape;
    call->shape.dim[call->shape.rank - 2]++;
    return WG_OK;
}

static size_t lu_scratch(const wg_call *call)
{
    return wg_linalg_factor_scratch(call->dtype, wg_linalg_rows(call->in[0].shape));
}

static wg_status lu_evaluate(wg_call *call)
{
    size_t n = wg_linalg_rows(call->in[0].shape), count = wg_linalg_count(call->in[0].shape);
    size_t bytes = lu_scratch(call), element = wg_dtype_size(call->dtype);
    void *scratch = bytes ? wg_call_scratch(call, bytes) : NULL;
    if (bytes && !scratch) return call->tape->status;
    for (size_t i = 0; i < count; i++)
        wg_linalg_factor_one(call->dtype, n, wg_linalg_at(call->dtype, call->in[0].data, i * n * n),
            (char *)call->out + i * (n + 1) * n * element, scratch);
    return WG_OK;
}

const wg_op wg_linalg_op_factor = {
    .name = "lu", .arity = 1, .flags = WG_OP_CUTS, .shape = lu_infer, .evaluate = lu_evaluate, .scratch = lu_scratch};

wg_var wg_linalg_factor(wg_var a) { return wg_list_apply(a.tape, &wg_linalg_op_factor, &a, 1, NULL, 0, NULL); }
