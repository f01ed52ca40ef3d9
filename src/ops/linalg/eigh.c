/* Eigenvalues and vectors of symmetric matrices.
 *
 * The matrix decomposed is (x + x^T) / 2, so that the result is a function of every element and its derivative is
 * symmetric. With x = V diag(w) V^T, F_ij = 1 / (w_j - w_i) off the diagonal and 0 on it (M. Giles, Collected matrix
 * derivative results for forward and reverse mode algorithmic differentiation, 2008, section 3.1):
 *
 *     of w:  x gets V diag(g) V^T
 *     of V:  x gets V (F o V^T g) V^T, made symmetric: V (F o (P - P^T) / 2) V^T with P = V^T g, since F is skew */
#include "ops/linalg/decompose.h"

#include "ops/elementwise/elementwise.h"
#include "shape/shape.h"
#include "wengert/ops.h"

/* ---- evaluation -------------------------------------------------------------------------------------------------- */

static wg_status eigh_infer(wg_call *call)
{
    wg_linalg_stack stack = wg_linalg_stack_of(call->in[0].shape);
    call->shape = wg_decompose_packed(call->in[0].shape, stack.n + stack.n * stack.n);
    return WG_OK;
}

/* The matrix, w and V in double, and the kernel's own. */
static size_t eigh_numbers(size_t n) { return (2 * n * n + n + 7) / 8 * 8; }
static size_t eigh_scratch(const wg_call *call)
{
    size_t n = wg_linalg_stack_of(call->in[0].shape).n;
    if (wg_linalg_nothing(call)) return 0;
    return eigh_numbers(n) * sizeof(double) + wg_kernel_eigh_scratch(n);
}

/* Halves are added, so that large elements don't overflow. */
static void eigh_symmetrise(size_t n, double *a)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++) a[i * n + j] = a[j * n + i] = a[i * n + j] / 2 + a[j * n + i] / 2;
}

static wg_status eigh_evaluate(wg_call *call)
{
    wg_linalg_stack stack = wg_linalg_stack_of(call->in[0].shape);
    size_t n = stack.n, packed = n + n * n, bytes = eigh_scratch(call);
    if (stack.count == 0 || n == 0) return WG_OK;
    double *w = wg_call_scratch(call, bytes);
    if (!w) return call->tape->status;
    double *v = w + n, *a = v + n * n;
    for (size_t i = 0; i < stack.count; i++) {
        wg_linalg_load(call->dtype, call->in[0].data, i * n * n, n * n, a);
        eigh_symmetrise(n, a);
        if (!wg_kernel_eigh(call->tape->isa, n, a, w, v, w + eigh_numbers(n))) {
            char text[WG_LINALG_TEXT];
            return wg_call_fail(
                call, WG_ERROR_NONFINITE, "%s: the iteration did not converge", wg_linalg_describe(call, 0, i, text));
        }
        wg_linalg_store(call->dtype, call->out, i * packed, packed, w);
    }
    return WG_OK;
}

static const wg_op eigh_op = {.name = "eigh",
    .arity = 1,
    .flags = WG_OP_CUTS,
    .shape = eigh_infer,
    .evaluate = eigh_evaluate,
    .scratch = eigh_scratch};

/* ---- derivatives ------------------------------------------------------------------------------------------------- */

static void eigh_derive_values(wg_derivation *d);
static void eigh_derive_vectors(wg_derivation *d);
static const wg_op eigh_op_values = WG_DECOMPOSE_PART("eigh_values", eigh_derive_values);
static const wg_op eigh_op_vectors = WG_DECOMPOSE_PART("eigh_vectors", eigh_derive_vectors);

static wg_decompose_part eigh_values_part(size_t n) { return (wg_decompose_part){0, 1, {n}}; }
static wg_decompose_part eigh_vectors_part(size_t n) { return (wg_decompose_part){n, 2, {n, n}}; }

static wg_term eigh_term(wg_derivation *d, const wg_op *op, wg_decompose_part (*part)(size_t n))
{
    return wg_decompose_step(d, op, part(wg_linalg_stack_of(wg_derivation_call(d)->in[1].shape).n));
}

static void eigh_derive_values(wg_derivation *d)
{
    wg_term v = eigh_term(d, &eigh_op_vectors, eigh_vectors_part);
    wg_term g = wg_decompose_as_row(d, wg_cotangent(d), &wg_derivation_call(d)->shape);
    wg_term scaled = wg_step(d, wg_op_mul(), (wg_term[]){v, g}, 2, NULL, 0);
    wg_matmul_give(d, 1, scaled, false, v, true);
}

static void eigh_derive_vectors(wg_derivation *d)
{
    wg_term g = wg_cotangent(d), half = wg_number(d, 0.5);
    wg_term w = eigh_term(d, &eigh_op_values, eigh_values_part);
    wg_term v = eigh_term(d, &eigh_op_vectors, eigh_vectors_part);
    wg_term gaps = wg_step(d, &wg_decompose_op_eigh_gaps, &w, 1, NULL, 0);
    wg_term skew = wg_decompose_skew(d, wg_matmul_step(d, v, true, g, false));
    wg_term inner = wg_step(d, wg_op_mul(), (wg_term[]){skew, gaps}, 2, NULL, 0);
    inner = wg_step(d, wg_op_mul(), (wg_term[]){inner, half}, 2, NULL, 0);
    wg_matmul_give(d, 1, wg_matmul_step(d, v, false, inner, false), false, v, true);
}

/* ---- public ------------------------------------------------------------------------------------------------------ */

wg_status wg_eigh(wg_var x, wg_var *values, wg_var *vectors)
{
    wg_composition c;
    wg_var outputs[2] = {wg_invalid(x.tape), wg_invalid(x.tape)};
    wg_status status = WG_ERROR_ARGUMENT;
    if (wg_compose_open(&c, "eigh", &x, 1, 0)) {
        if (!values || !vectors) wg_tape_fail(x.tape, WG_ERROR_ARGUMENT, "eigh: an output pointer is NULL");
        if (x.tape->status == WG_OK && wg_linalg_square(&c, x)) {
            wg_shape shape = wg_shape_of(x);
            size_t n = wg_linalg_columns(&shape);
            wg_var packed = wg_list_apply(x.tape, &eigh_op, &x, 1, NULL, 0, NULL);
            outputs[0] = wg_decompose_apply(&eigh_op_values, packed, x, eigh_values_part(n));
            outputs[1] = wg_decompose_apply(&eigh_op_vectors, packed, x, eigh_vectors_part(n));
        }
        status = wg_compose_close_all(&c, outputs, 2);
    } else if (x.tape) {
        status = x.tape->status;
    }
    if (values) *values = outputs[0];
    if (vectors) *vectors = outputs[1];
    return status;
}
