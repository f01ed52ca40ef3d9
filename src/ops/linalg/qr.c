/* QR decomposition, reduced. Wide matrices [A1 A2] are composed: A1 = Q R1, and R = [R1, Q^T A2] (D. Roberts and L.
 * Roberts, QR and LQ decomposition matrix backpropagation algorithms for square, wide, and deep matrices, 2020).
 *
 * For m >= n (S. Walter and L. Lehmann, Algorithmic differentiation of linear algebra functions, 2010), with C the
 * lower triangle and diagonal of M mirrored to both sides, the adjoint of A is (gQ + Q C) R^-T with M = R gR^T - gQ^T
 * Q. It is linear in gQ and gR, so each result gives its own part. */
#include "ops/linalg/qr.h"

#include "ops/elementwise/elementwise.h"
#include "shape/shape.h"
#include "wengert/ops.h"

#include <math.h>

/* ---- evaluation -------------------------------------------------------------------------------------------------- */

static wg_status qr_infer(wg_call *call)
{
    wg_linalg_stack stack = wg_linalg_stack_of(call->in[0].shape);
    call->shape = wg_decompose_packed(call->in[0].shape, stack.m * stack.n + stack.n * stack.n);
    return WG_OK;
}

/* Q and R in double, and the kernel's own. */
static size_t qr_numbers(const wg_linalg_stack *stack)
{
    return (stack->m * stack->n + stack->n * stack->n + 7) / 8 * 8;
}
static size_t qr_scratch(const wg_call *call)
{
    wg_linalg_stack stack = wg_linalg_stack_of(call->in[0].shape);
    if (wg_linalg_nothing(call)) return 0;
    return qr_numbers(&stack) * sizeof(double) + wg_kernel_qr_scratch(stack.m, stack.n);
}

static wg_status qr_evaluate(wg_call *call)
{
    wg_linalg_stack stack = wg_linalg_stack_of(call->in[0].shape);
    size_t size = stack.m * stack.n, packed = size + stack.n * stack.n;
    if (stack.count == 0 || size == 0) return WG_OK;
    double *q = wg_call_scratch(call, qr_scratch(call));
    if (!q) return call->tape->status;
    for (size_t i = 0; i < stack.count; i++) {
        wg_linalg_load(call->dtype, call->in[0].data, i * size, size, q);
        wg_kernel_qr(call->tape->isa, stack.m, stack.n, q, q + size, q + qr_numbers(&stack));
        wg_linalg_store(call->dtype, call->out, i * packed, packed, q);
    }
    return WG_OK;
}

const wg_op wg_qr_op_packed = {
    .name = "qr", .arity = 1, .flags = WG_OP_CUTS, .shape = qr_infer, .evaluate = qr_evaluate, .scratch = qr_scratch};

/* ---- the inverse of R -------------------------------------------------------------------------------------------- */

/* X R = I, row by row of X from the last: row i of X is (e_i - sum of R_ij times row j) / R_ii over j > i. */
#define QR_INVERSE(R)                                                                                                  \
    do {                                                                                                               \
        const R *r = (const R *)call->in[0].data + k * n * n;                                                          \
        R *x = (R *)call->out + k * n * n;                                                                             \
        for (size_t i = n; i-- > 0;) {                                                                                 \
            for (size_t j = 0; j < n; j++) x[i * n + j] = i == j;                                                      \
            for (size_t p = i + 1; p < n; p++)                                                                         \
                for (size_t j = p; j < n; j++) x[i * n + j] -= r[i * n + p] * x[p * n + j];                            \
            for (size_t j = i; j < n; j++) x[i * n + j] /= r[i * n + i];                                               \
        }                                                                                                              \
    } while (0)
static wg_status qr_inverse(wg_call *call)
{
    wg_linalg_stack stack = wg_linalg_stack_of(&call->shape);
    size_t n = stack.n;
    for (size_t k = 0; k < stack.count; k++) {
        double largest = 0, smallest = INFINITY;
        size_t where = 0;
        for (size_t i = 0; i < n; i++) {
            double pivot = wg_linalg_number(call->dtype, call->in[0].data, (k * n + i) * n + i);
            largest = fmax(largest, fabs(pivot));
            if (fabs(pivot) < smallest) smallest = fabs(pivot), where = i;
        }
        if (smallest <= wg_decompose_threshold(call->dtype, n, largest)) {
            char text[WG_LINALG_TEXT];
            return wg_tape_fail(call->tape, WG_ERROR_ARGUMENT,
                "qr: the derivative does not exist: %s does not have full rank: element %zu on R's diagonal is %.3g "
                "beside %.3g",
                wg_linalg_place(&call->shape, k, text), where, smallest, largest);
        }
        if (call->dtype == WG_F64)
            QR_INVERSE(double);
        else
            QR_INVERSE(float);
    }
    return WG_OK;
}
#undef QR_INVERSE

/* R: -X^T g X^T, of which the upper triangle counts. */
static void qr_derive_inverse(wg_derivation *d)
{
    wg_term g = wg_cotangent(d), x = wg_result(d);
    wg_term product = wg_matmul_step(d, wg_matmul_step(d, x, true, g, false), false, x, true);
    wg_give_term(d, 0, wg_decompose_mirror(d, product, (wg_decompose_triangles){{0, -1, -1}, {0, 0, 0}}));
}

static const wg_op qr_op_inverse = {.name = "qr_inverse",
    .arity = 1,
    .shape = wg_linalg_infer_same,
    .evaluate = qr_inverse,
    .derivative = qr_derive_inverse};

wg_term wg_qr_step_inverse(wg_derivation *d, wg_term r) { return wg_step(d, &qr_op_inverse, &r, 1, NULL, 0); }

/* ---- derivatives ------------------------------------------------------------------------------------------------- */

static void qr_derive_q(wg_derivation *d);
static void qr_derive_r(wg_derivation *d);
static const wg_op qr_op_q = WG_DECOMPOSE_PART("qr_q", qr_derive_q);
static const wg_op qr_op_r = WG_DECOMPOSE_PART("qr_r", qr_derive_r);

static wg_decompose_part qr_part_q(wg_linalg_stack s) { return (wg_decompose_part){0, 2, {s.m, s.n}}; }
static wg_decompose_part qr_part_r(wg_linalg_stack s) { return (wg_decompose_part){s.m * s.n, 2, {s.n, s.n}}; }

wg_term wg_qr_step_q(wg_derivation *d)
{
    return wg_decompose_step(d, &qr_op_q, qr_part_q(wg_linalg_stack_of(wg_derivation_call(d)->in[1].shape)));
}
wg_term wg_qr_step_r(wg_derivation *d)
{
    return wg_decompose_step(d, &qr_op_r, qr_part_r(wg_linalg_stack_of(wg_derivation_call(d)->in[1].shape)));
}

/* x gets (g - Q C) R^-T, C mirrored from g^T Q. */
static void qr_derive_q(wg_derivation *d)
{
    wg_term g = wg_cotangent(d), q = wg_qr_step_q(d), inverse = wg_qr_step_inverse(d, wg_qr_step_r(d));
    wg_term c =
        wg_decompose_mirror(d, wg_matmul_step(d, g, true, q, false), (wg_decompose_triangles){{1, 1, 0}, {0, 0, 1}});
    wg_term off = wg_matmul_step(d, q, false, c, false);
    wg_term left = wg_step(d, &wg_ew_op_sub, (wg_term[]){g, off}, 2, NULL, 0);
    wg_matmul_give(d, 1, left, false, inverse, true);
}

/* x gets Q C R^-T, C mirrored from R g^T, whose lower triangle does not read g below the diagonal. */
static void qr_derive_r(wg_derivation *d)
{
    wg_term g = wg_cotangent(d), q = wg_qr_step_q(d), r = wg_qr_step_r(d), inverse = wg_qr_step_inverse(d, r);
    wg_term c =
        wg_decompose_mirror(d, wg_matmul_step(d, r, false, g, true), (wg_decompose_triangles){{1, 1, 0}, {0, 0, 1}});
    wg_matmul_give(d, 1, wg_matmul_step(d, q, false, c, false), false, inverse, true);
}

/* ---- public ------------------------------------------------------------------------------------------------------ */

/* outputs: q and r of a matrix that is not wide. */
static void qr_tall(wg_var x, wg_var *outputs)
{
    if (!wg_list_valid(x)) return;
    wg_shape shape = wg_shape_of(x);
    wg_linalg_stack stack = wg_linalg_stack_of(&shape);
    wg_var packed = wg_list_apply(x.tape, &wg_qr_op_packed, &x, 1, NULL, 0, NULL);
    outputs[0] = wg_decompose_apply(&qr_op_q, packed, x, qr_part_q(stack));
    outputs[1] = wg_decompose_apply(&qr_op_r, packed, x, qr_part_r(stack));
}

static void qr_wide(wg_var x, size_t m, wg_var *outputs)
{
    wg_var right = wg_slice(x, -1, (ptrdiff_t)m, WG_END, 1);
    qr_tall(wg_slice(x, -1, 0, (ptrdiff_t)m, 1), outputs);
    wg_var rest = wg_matmul(wg_transpose(outputs[0]), right);
    outputs[1] = wg_concat((wg_var[]){outputs[1], rest}, 2, -1);
}

wg_status wg_qr(wg_var x, wg_var *q, wg_var *r)
{
    wg_composition c;
    wg_var outputs[2] = {wg_invalid(x.tape), wg_invalid(x.tape)};
    wg_status status = WG_ERROR_ARGUMENT;
    if (wg_compose_open(&c, "qr", &x, 1, 0)) {
        if (!q || !r) wg_tape_fail(x.tape, WG_ERROR_ARGUMENT, "qr: an output pointer is NULL");
        if (x.tape->status == WG_OK && wg_linalg_matrices(&c, x)) {
            wg_shape shape = wg_shape_of(x);
            wg_linalg_stack stack = wg_linalg_stack_of(&shape);
            if (stack.m < stack.n)
                qr_wide(x, stack.m, outputs);
            else
                qr_tall(x, outputs);
        }
        status = wg_compose_close_all(&c, outputs, 2);
    } else if (x.tape) {
        status = x.tape->status;
    }
    if (q) *q = outputs[0];
    if (r) *r = outputs[1];
    return status;
}
