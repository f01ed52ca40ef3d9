/* The LU factor as an op, and what the files on linear systems share. */
#include "ops/linalg/factor.h"

#include "wengert/ops.h"

#include <math.h>
#include <string.h>

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

/* ---- the factor ------------------------------------------------------------------------------------------------------ */

size_t wg_linalg_factor_scratch(const wg_call *call, size_t n)
{
    wg_isa isa = call->tape->isa;
    return call->dtype == WG_F64 ? wg_kernel_lu_scratch_f64(isa, n) : wg_kernel_lu_scratch_f32(isa, n);
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
void wg_linalg_factor_one(const wg_call *call, size_t n, const void *a, void *f, void *scratch)
{
    if (n == 0) return;
    wg_isa isa = call->tape->isa;
    wg_dtype dtype = call->dtype;
    bool finite = wg_linalg_all_finite(dtype, a, n * n);
    memcpy(f, a, n * n * wg_dtype_size(dtype));
    if (dtype == WG_F64)
        wg_kernel_lu_f64(isa, n, f, (double *)f + n * n, scratch);
    else
        wg_kernel_lu_f32(isa, n, f, (float *)f + n * n, scratch);
    if (finite) return;
    if (wg_linalg_singular(dtype, n, f) == n && !lu_any_nan(dtype, a, n * n)) return;
    for (size_t i = 0; i < n * n; i++) wg_linalg_put(dtype, f, i, (double)NAN);
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
    if (wg_linalg_nothing(call)) return 0;
    return wg_linalg_factor_scratch(call, wg_linalg_rows(call->in[0].shape));
}

static wg_status lu_evaluate(wg_call *call)
{
    size_t n = wg_linalg_rows(call->in[0].shape), count = wg_linalg_count(call->in[0].shape);
    size_t bytes = lu_scratch(call), element = wg_dtype_size(call->dtype);
    void *scratch = bytes ? wg_call_scratch(call, bytes) : NULL;
    if (bytes && !scratch) return call->tape->status;
    for (size_t i = 0; i < count; i++)
        wg_linalg_factor_one(call, n, wg_linalg_at(call->dtype, call->in[0].data, i * n * n),
            (char *)call->out + i * (n + 1) * n * element, scratch);
    return WG_OK;
}

const wg_op wg_linalg_op_factor = {
    .name = "lu", .arity = 1, .flags = WG_OP_CUTS, .shape = lu_infer, .evaluate = lu_evaluate, .scratch = lu_scratch};

wg_var wg_linalg_factor(wg_var a) { return wg_list_apply(a.tape, &wg_linalg_op_factor, &a, 1, NULL, 0, NULL); }
