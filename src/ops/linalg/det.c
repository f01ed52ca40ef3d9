/* Determinants: det, slogdet.
 *
 * det's derivatives of every order are one op, the form of kernels/cofactors.h: without directions it is the matrix of
 * cofactors, d det / dA, and its derivative in A is the form with one direction more. None of it divides by det, so
 * singular and nearly singular matrices are nothing special. (In the textbook's det A^-T the inverse grows as det vanishes:
 * M. Giles, Collected matrix derivative results for forward and reverse mode algorithmic differentiation, 2008, section
 * 2.2.4.) */
#include "ops/linalg/factor.h"

#include "kernels/cofactors.h"
#include "wengert/ops.h"

#include <math.h>
#include <string.h>

/* ---- det from the LU factor ---------------------------------------------------------------------------------------------- */

/* det = mantissa 2^exponent, the mantissa near 1 or 0: the product of the pivots does not leave the range on its way, and
 * the logarithm of one near 1 is exact. */
typedef struct det_scaled {
    double mantissa;
    int64_t exponent;
} det_scaled;

static det_scaled det_of_factor(wg_dtype dtype, size_t n, const void *factor)
{
    det_scaled det = {1, 0};
    for (size_t k = 0; k < n; k++) {
        int of_pivot = 0, of_product = 0;
        double pivot = wg_linalg_number(dtype, factor, k * n + k);
        if (wg_linalg_number(dtype, factor, n * n + k) != (double)k) pivot = -pivot;
        double product = det.mantissa * (isfinite(pivot) ? frexp(pivot, &of_pivot) : pivot);
        det.mantissa = isfinite(product) ? frexp(product, &of_product) : product;
        if (fabs(det.mantissa) < 0.70710678118654752) {
            det.mantissa *= 2;
            of_product--;
        }
        det.exponent += (int64_t)of_pivot + of_product;
    }
    return det;
}

static double det_value(det_scaled det)
{
    int64_t e = det.exponent;
    if (det.mantissa == 0) return 0;
    return ldexp(det.mantissa, e > 9999 ? 9999 : e < -9999 ? -9999 : (int)e);
}

static wg_status det_infer(wg_call *call)
{
    if (wg_linalg_infer_square(call, 0) != WG_OK) return call->tape->status;
    call->shape = wg_linalg_batch(call->in[0].shape);
    return WG_OK;
}

static size_t det_factor_bytes(wg_dtype dtype, size_t n)
{
    return ((n + 1) * n * wg_dtype_size(dtype) + WG_ALIGNMENT - 1) / WG_ALIGNMENT * WG_ALIGNMENT;
}

static size_t det_scratch(const wg_call *call)
{
    size_t n = wg_linalg_rows(call->in[0].shape);
    if (wg_linalg_nothing(call)) return 0;
    return det_factor_bytes(call->dtype, n) + wg_linalg_factor_scratch(call, n);
}

static wg_status det_evaluate(wg_call *call)
{
    size_t n = wg_linalg_rows(call->in[0].shape), count = wg_linalg_count(call->in[0].shape);
    size_t bytes = det_scratch(call);
    char *factor = bytes ? wg_call_scratch(call, bytes) : NULL;
    if (bytes && !factor) return call->tape->status;
    for (size_t i = 0; i < count; i++) {
        if (n)
            wg_linalg_factor_one(call, n, wg_linalg_at(call->dtype, call->in[0].data, i * n * n), factor,
                factor + det_factor_bytes(call->dtype, n));
        wg_linalg_put(call->dtype, call->out, i, det_value(det_of_factor(call->dtype, n, factor)));
    }
    return WG_OK;
}

/* ---- the form ------------------------------------------------------------------------------------------------------------ */

/* The matrix, the directions and the result in double, and the kernel's own. */
static size_t det_form_scratch(const wg_call *call)
{
    size_t n = wg_linalg_rows(call->in[0].shape), r = call->n - 1;
    if (wg_linalg_nothing(call)) return 0;
    size_t kernel = wg_kernel_cofactors_scratch(call->tape->isa, n, r);
    return kernel ? kernel + (r + 2) * n * n * sizeof(double) : SIZE_MAX / 4;
}

static wg_status det_form(wg_call *call)
{
    size_t n = wg_linalg_rows(&call->shape), count = wg_linalg_count(&call->shape), r = call->n - 1, size = n * n;
    if (size == 0 || count == 0) return WG_OK;
    void *scratch = wg_call_scratch(call, det_form_scratch(call));
    if (!scratch) return call->tape->status;
    double *a = (void *)((char *)scratch + wg_kernel_cofactors_scratch(call->tape->isa, n, r)), *out = a + size,
           *directions = out + size;
    for (size_t i = 0; i < count; i++) {
        wg_linalg_load(call->dtype, call->in[0].data, i * size, size, a);
        for (size_t k = 0; k < r; k++)
            wg_linalg_load(call->dtype, call->in[k + 1].data, i * size, size, directions + k * size);
        wg_kernel_cofactors(call->tape->isa, n, r, a, directions, out, scratch);
        wg_linalg_store(call->dtype, call->out, i * size, size, out);
    }
    return WG_OK;
}

/* Along each direction the form is linear, and symmetric with the cotangent's; in A it gains a direction, until det's
 * degree is used up. */
static void det_derive_form(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    size_t n = wg_linalg_rows(&call->shape), r = call->n - 1;
    wg_term g = wg_cotangent(d), terms[WG_COFACTORS_DIRECTIONS + 2];
    for (size_t k = 0; k <= r; k++) terms[k] = wg_primal(d, k);
    for (size_t k = 1; k <= r; k++) {
        wg_term own = terms[k];
        terms[k] = g;
        wg_give(d, k, call->op, terms, r + 1, NULL, 0);
        terms[k] = own;
    }
    if (r + 1 >= n || !wg_wants(d, 0)) return;
    terms[r + 1] = g;
    if (r < WG_COFACTORS_DIRECTIONS)
        wg_give(d, 0, call->op, terms, r + 2, NULL, 0);
    else
        wg_call_fail(call, WG_ERROR_UNSUPPORTED,
            "the derivatives of det end at order %d for matrices larger than %d x %d", WG_COFACTORS_DIRECTIONS + 1,
            WG_COFACTORS_DIRECTIONS + 1, WG_COFACTORS_DIRECTIONS + 1);
}

static const wg_op det_op_form = {.name = "cofactors",
    .arity = WG_ANY_ARITY,
    .shape = wg_linalg_infer_same,
    .evaluate = det_form,
    .scratch = det_form_scratch,
    .derivative = det_derive_form};

/* A term of the leading axes' shape, as one of 1 x 1 matrices. */
static wg_term det_as_matrices(wg_derivation *d, wg_term term)
{
    wg_shape shape = wg_linalg_batch(wg_derivation_call(d)->in[0].shape);
    shape.dim[shape.rank++] = 1;
    shape.dim[shape.rank++] = 1;
    return wg_step(d, wg_op_reshape(), &term, 1, &shape, sizeof shape);
}

static void det_derivative(wg_derivation *d)
{
    wg_term a = wg_primal(d, 0), g = det_as_matrices(d, wg_cotangent(d));
    wg_term cofactors = wg_step(d, &det_op_form, &a, 1, NULL, 0);
    wg_give(d, 0, wg_op_mul(), (wg_term[]){cofactors, g}, 2, NULL, 0);
}

static const wg_op det_op = {.name = "det",
    .arity = 1,
    .shape = det_infer,
    .evaluate = det_evaluate,
    .scratch = det_scratch,
    .derivative = det_derivative};

wg_var wg_det(wg_var a) { return a.tape ? wg_list_apply(a.tape, &det_op, &a, 1, NULL, 0, NULL) : wg_invalid(NULL); }

/* ---- slogdet --------------------------------------------------------------------------------------------------------------- */

/* The sign of det, from the factor alone: locally constant. */
static wg_status det_infer_sign(wg_call *call)
{
    call->shape = wg_linalg_batch(call->in[0].shape);
    return WG_OK;
}

static wg_status det_sign(wg_call *call)
{
    const wg_array *factor = &call->in[call->n - 1];
    size_t n = wg_linalg_columns(factor->shape), count = wg_linalg_count(factor->shape);
    for (size_t i = 0; i < count; i++) {
        det_scaled det = det_of_factor(call->dtype, n, wg_linalg_at(call->dtype, factor->data, i * (n + 1) * n));
        wg_linalg_put(call->dtype, call->out, i,
            isnan(det.mantissa) ? det.mantissa : (double)((det.mantissa > 0) - (det.mantissa < 0)));
    }
    return WG_OK;
}

static const wg_op det_op_sign = {
    .name = "slogdet_sign", .arity = 1, .flags = WG_OP_CUTS, .shape = det_infer_sign, .evaluate = det_sign};

static wg_status det_logarithm(wg_call *call)
{
    const wg_array *factor = &call->in[1];
    size_t n = wg_linalg_columns(factor->shape), count = wg_linalg_count(factor->shape);
    for (size_t i = 0; i < count; i++) {
        det_scaled det = det_of_factor(call->dtype, n, wg_linalg_at(call->dtype, factor->data, i * (n + 1) * n));
        double log2_part = (double)det.exponent * 0.69314718055994531;
        wg_linalg_put(
            call->dtype, call->out, i, det.mantissa == 0 ? -(double)INFINITY : log(fabs(det.mantissa)) + log2_part);
    }
    return WG_OK;
}

/* A^-T, which refuses a singular matrix in slogdet's name. */
static const wg_op det_op_slope = {.name = "slogdet",
    .arity = 2,
    .shape = wg_linalg_infer_same,
    .evaluate = wg_linalg_inverse,
    .scratch = wg_linalg_inverse_scratch,
    .derivative = wg_linalg_derive_inverse,
    .describe = wg_linalg_describe_solve};

static void det_derive_logarithm(wg_derivation *d)
{
    bool transpose = true;
    wg_term in[] = {wg_primal(d, 0), wg_primal(d, 1)}, g = det_as_matrices(d, wg_cotangent(d));
    wg_term slope = wg_step(d, &det_op_slope, in, 2, &transpose, sizeof transpose);
    wg_give(d, 0, wg_op_mul(), (wg_term[]){slope, g}, 2, NULL, 0);
}

static const wg_op det_op_logarithm = {
    .name = "slogdet", .arity = 2, .shape = det_infer, .evaluate = det_logarithm, .derivative = det_derive_logarithm};

wg_status wg_slogdet(wg_var a, wg_var *sign, wg_var *logabsdet)
{
    wg_composition c;
    wg_var outputs[] = {wg_invalid(a.tape), wg_invalid(a.tape)};
    if (sign) *sign = outputs[0];
    if (logabsdet) *logabsdet = outputs[1];
    if (!wg_compose_open(&c, "slogdet", &a, 1, 0)) return a.tape ? a.tape->status : WG_ERROR_ARGUMENT;
    if (!sign || !logabsdet) return wg_tape_fail(c.tape, WG_ERROR_ARGUMENT, "slogdet: a place for a result is NULL");
    if (!wg_linalg_square(&c, a)) return c.tape->status;
    wg_var factor = wg_linalg_factor(a);
    outputs[0] = wg_list_apply(c.tape, &det_op_sign, &factor, 1, NULL, 0, NULL);
    outputs[1] = wg_list_apply(c.tape, &det_op_logarithm, (wg_var[]){a, factor}, 2, NULL, 0, NULL);
    wg_status status = wg_compose_close_all(&c, outputs, 2);
    *sign = outputs[0];
    *logabsdet = outputs[1];
    return status;
}
