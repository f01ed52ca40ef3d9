/* The Cholesky factor, A = L L^T.
 *
 * The value reads A's lower triangle, the derivative is that with respect to the symmetric part of A, spread over both
 * triangles. With the cotangent G of L, A gains L^-T sym(Phi(L^T G)) L^-1, where Phi takes the lower triangle with half of
 * the diagonal and sym(M) = (M + M^T) / 2 (I. Murray, Differentiation of the Cholesky decomposition, arXiv:1602.07527,
 * 2016, equation 9). Both are linear and their own adjoints. */
#include "ops/linalg/triangular.h"

#include "ops/copy.h"
#include "ops/matmul.h"
#include "wengert/ops.h"

#include <math.h>
#include <string.h>

/* ---- the symmetric part ------------------------------------------------------------------------------------------------ */

static wg_status cholesky_infer(wg_call *call)
{
    if (wg_linalg_infer_square(call, 0) != WG_OK) return call->tape->status;
    call->shape = *call->in[0].shape;
    return WG_OK;
}

#define CHOLESKY_SYMMETRIC(R)                                                                                          \
    do {                                                                                                               \
        const R *x = (const R *)call->in[0].data + m * n * n;                                                          \
        R *out = (R *)call->out + m * n * n;                                                                           \
        for (size_t i = 0; i < n; i++)                                                                                 \
            for (size_t j = 0; j < n; j++) out[i * n + j] = (x[i * n + j] + x[j * n + i]) / 2;                         \
    } while (0)
static wg_status cholesky_symmetric(wg_call *call)
{
    size_t n = wg_linalg_rows(&call->shape), count = wg_linalg_count(&call->shape);
    for (size_t m = 0; m < count; m++)
        if (call->dtype == WG_F64)
            CHOLESKY_SYMMETRIC(double);
        else
            CHOLESKY_SYMMETRIC(float);
    return WG_OK;
}
#undef CHOLESKY_SYMMETRIC

static void cholesky_derive_as_itself(wg_derivation *d)
{
    wg_term g = wg_cotangent(d);
    wg_give(d, 0, wg_derivation_call(d)->op, &g, 1, NULL, 0);
}

static const wg_op cholesky_op_symmetric = {.name = "symmetric_part",
    .arity = 1,
    .flags = WG_OP_LINEAR,
    .shape = cholesky_infer,
    .evaluate = cholesky_symmetric,
    .derivative = cholesky_derive_as_itself};

/* The last two axes swapped. */
static wg_status cholesky_turned(wg_call *call)
{
    ptrdiff_t n = (ptrdiff_t)wg_linalg_rows(&call->shape);
    size_t dim[] = {wg_linalg_count(&call->shape), (size_t)n, (size_t)n};
    wg_copy_strided(
        call, 3, dim, call->in[0].data, (ptrdiff_t[]){n * n, 1, n}, call->out, (ptrdiff_t[]){n * n, n, 1}, false);
    return WG_OK;
}

static const wg_op cholesky_op_turned = {.name = "transpose",
    .arity = 1,
    .flags = WG_OP_LINEAR,
    .shape = cholesky_infer,
    .evaluate = cholesky_turned,
    .derivative = cholesky_derive_as_itself};

/* ---- the factor ---------------------------------------------------------------------------------------------------------- */

static size_t cholesky_scratch(const wg_call *call)
{
    size_t n = wg_linalg_rows(call->in[0].shape);
    if (wg_linalg_nothing(call)) return 0;
    return call->dtype == WG_F64 ? wg_kernel_cholesky_scratch_f64(call->tape->isa, n)
                                 : wg_kernel_cholesky_scratch_f32(call->tape->isa, n);
}

/* Makes matrix m of the result, n > 0. Of a minor with an infinity or a NaN nothing is known: then the factor is NaN. */
static wg_status cholesky_one(wg_call *call, size_t n, size_t m, void *scratch)
{
    const void *a = wg_linalg_at(call->dtype, call->in[0].data, m * n * n);
    void *l = (char *)call->out + m * n * n * wg_dtype_size(call->dtype);
    bool finite = true;
    for (size_t i = 0; i < n && finite; i++)
        finite = wg_linalg_all_finite(call->dtype, wg_linalg_at(call->dtype, a, i * n), i + 1);
    for (size_t i = 0; i < n && !finite; i++)
        for (size_t j = 0; j < n; j++) wg_linalg_put(call->dtype, l, i * n + j, j > i ? 0 : (double)NAN);
    if (!finite) return WG_OK;
    memcpy(l, a, n * n * wg_dtype_size(call->dtype));
    size_t minor = call->dtype == WG_F64 ? wg_kernel_cholesky_f64(call->tape->isa, n, l, scratch)
                                         : wg_kernel_cholesky_f32(call->tape->isa, n, l, scratch);
    char text[WG_LINALG_TEXT];
    if (!minor) return WG_OK;
    return wg_call_fail(call, WG_ERROR_ARGUMENT,
        "%s is not positive definite: its leading minor of order %zu is not positive",
        wg_linalg_describe(call, 0, m, text), minor);
}

static wg_status cholesky_evaluate(wg_call *call)
{
    size_t n = wg_linalg_rows(&call->shape), count = wg_linalg_count(&call->shape), bytes = cholesky_scratch(call);
    void *scratch = bytes ? wg_call_scratch(call, bytes) : NULL;
    if (bytes && !scratch) return call->tape->status;
    for (size_t m = 0; m < count && n; m++)
        if (cholesky_one(call, n, m, scratch) != WG_OK) return call->tape->status;
    return WG_OK;
}

/* L^-T S L^-1 with S symmetric is L^-T (L^-T S)^T; its rounding errors are made symmetric at the end. */
static void cholesky_derivative(wg_derivation *d)
{
    const wg_linalg_part phi = {false, 0.5};
    const wg_triangle transposed = {false, true, false};
    wg_term l = wg_result(d), g = wg_cotangent(d), product = wg_matmul_step(d, l, true, g, false);
    wg_term lower = wg_step(d, &wg_linalg_op_triangle, &product, 1, &phi, sizeof phi);
    wg_term s = wg_step(d, &cholesky_op_symmetric, &lower, 1, NULL, 0);
    wg_term half = wg_step(d, &wg_linalg_op_triangular_solve, (wg_term[]){l, s}, 2, &transposed, sizeof transposed);
    wg_term turned = wg_step(d, &cholesky_op_turned, &half, 1, NULL, 0);
    wg_term whole =
        wg_step(d, &wg_linalg_op_triangular_solve, (wg_term[]){l, turned}, 2, &transposed, sizeof transposed);
    wg_give(d, 0, &cholesky_op_symmetric, &whole, 1, NULL, 0);
}

static const wg_op cholesky_op = {.name = "cholesky",
    .arity = 1,
    .shape = cholesky_infer,
    .evaluate = cholesky_evaluate,
    .scratch = cholesky_scratch,
    .derivative = cholesky_derivative};

wg_var wg_cholesky(wg_var a)
{
    return a.tape ? wg_list_apply(a.tape, &cholesky_op, &a, 1, NULL, 0, NULL) : wg_invalid(NULL);
}
