/* Stacks of matrices: see stack.h. */
#include "ops/linalg/stack.h"

#include <stdio.h>
#include <string.h>

/* ---- shapes ------------------------------------------------------------------------------------------------------ */

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

static bool stack_accept(const wg_composition *c, wg_var x, bool fits, const char *wanted)
{
    if (fits) return true;
    wg_tape_fail(c->tape, WG_ERROR_SHAPE, "%s: takes %s, not %s", c->name, wanted, wg_list_describe(c->tape, x.index));
    return false;
}

bool wg_linalg_square(const wg_composition *c, wg_var x)
{
    wg_shape shape = wg_shape_of(x);
    return stack_accept(c, x, wg_linalg_is_square(&shape), "square matrices (..., n, n)");
}

bool wg_linalg_matrices(const wg_composition *c, wg_var x)
{
    return stack_accept(c, x, wg_shape_of(x).rank >= 2, "matrices (..., m, n)");
}

wg_status wg_linalg_infer_same(wg_call *call)
{
    call->shape = *call->in[0].shape;
    return WG_OK;
}

/* ---- names in messages ------------------------------------------------------------------------------------------- */

const char *wg_linalg_place(const wg_shape *shape, size_t i, char *text)
{
    wg_shape index = wg_linalg_batch(shape);
    if (index.rank == 0) return "the matrix";
    for (uint32_t d = index.rank; d-- > 0; i /= shape->dim[d]) index.dim[d] = i % shape->dim[d];
    char tuple[WG_SHAPE_TEXT];
    snprintf(text, WG_LINALG_TEXT, "matrix %s", wg_shape_format(&index, tuple, sizeof tuple));
    return text;
}

const char *wg_linalg_describe(const wg_call *call, size_t k, size_t i, char *text)
{
    const char *operand = wg_call_describe(call, k);
    if (call->in[k].shape->rank == 2) return operand;
    size_t length = strlen(wg_linalg_place(call->in[k].shape, i, text));
    snprintf(text + length, WG_LINALG_TEXT - length, " of %s", operand);
    return text;
}

/* ---- elements ---------------------------------------------------------------------------------------------------- */

void wg_linalg_load(wg_dtype dtype, const void *data, size_t from, size_t n, double *to)
{
    if (!n) return;
    if (dtype == WG_F64)
        memcpy(to, (const double *)data + from, n * sizeof *to);
    else
        for (size_t i = 0; i < n; i++) to[i] = (double)((const float *)data)[from + i];
}

void wg_linalg_store(wg_dtype dtype, void *data, size_t to, size_t n, const double *from)
{
    if (!n) return;
    if (dtype == WG_F64)
        memcpy((double *)data + to, from, n * sizeof *from);
    else
        for (size_t i = 0; i < n; i++) ((float *)data)[to + i] = (float)from[i];
}

bool wg_linalg_nothing(const wg_call *call)
{
    bool nothing = false;
    for (size_t k = 0; k < call->n; k++) nothing = nothing || call->in[k].size == 0;
    return nothing;
}

void wg_linalg_identity(wg_dtype dtype, size_t count, size_t n, void *data)
{
    if (count == 0 || n == 0) return;
    memset(data, 0, count * n * n * wg_dtype_size(dtype));
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < n; k++) wg_linalg_put(dtype, data, (i * n + k) * n + k, 1);
}

bool wg_linalg_all_finite(wg_dtype dtype, const void *data, size_t n)
{
    return wg_first_not_finite(dtype, data, n) == n;
}
