/* Singular value decomposition, reduced. A wide matrix is decomposed as its transpose, with U and V exchanged.
 *
 * For m >= n, x = U diag(s) V^T, with F_ij = 1 / (s_j^2 - s_i^2) off the diagonal and 0 on it (J. Townsend,
 * Differentiating the singular value decomposition, 2016):
 *
 *     of s:  x gets U diag(g) V^T
 *     of U:  x gets (U (F o (P - P^T)) S + (g - U P) S^-1) V^T, P = U^T g; without the second term where m = n
 *     of V:  x gets U S (F o (P - P^T)) V^T, P = V^T g
 *
 * F is 1 / (s_j - s_i), of which one op knows that it may not exist, over s_j + s_i. */
#include "ops/linalg/decompose.h"

#include "ops/elementwise/elementwise.h"
#include "shape/shape.h"
#include "tape/words.h"
#include "wengert/ops.h"

#include <math.h>
#include <string.h>

/* ---- evaluation -------------------------------------------------------------------------------------------------- */

/* Packed: U (m,n), s (n), V^T (n,n). The attribute is a bool: signs by the right vectors. */
static wg_status svd_infer(wg_call *call)
{
    wg_linalg_stack stack = wg_linalg_stack_of(call->in[0].shape);
    call->shape = wg_decompose_packed(call->in[0].shape, (stack.m + 1 + stack.n) * stack.n);
    return WG_OK;
}

static size_t svd_numbers(const wg_linalg_stack *stack) { return ((stack->m + 1 + stack->n) * stack->n + 7) / 8 * 8; }
static size_t svd_scratch(const wg_call *call)
{
    wg_linalg_stack stack = wg_linalg_stack_of(call->in[0].shape);
    if (wg_linalg_nothing(call)) return 0;
    return svd_numbers(&stack) * sizeof(double) + wg_kernel_svd_scratch(call->tape->isa, stack.m, stack.n);
}

static wg_status svd_evaluate(wg_call *call)
{
    wg_linalg_stack stack = wg_linalg_stack_of(call->in[0].shape);
    size_t size = stack.m * stack.n, packed = size + stack.n + stack.n * stack.n;
    bool by_right = *(const bool *)call->attributes;
    if (stack.count == 0 || size == 0) return WG_OK;
    double *u = wg_call_scratch(call, svd_scratch(call));
    if (!u) return call->tape->status;
    double *s = u + size, *vt = s + stack.n;
    for (size_t i = 0; i < stack.count; i++) {
        wg_linalg_load(call->dtype, call->in[0].data, i * size, size, u);
        if (!wg_kernel_svd(call->tape->isa, stack.m, stack.n, by_right, u, s, vt, u + svd_numbers(&stack))) {
            char text[WG_LINALG_TEXT];
            return wg_call_fail(
                call, WG_ERROR_NONFINITE, "%s: the iteration did not converge", wg_linalg_describe(call, 0, i, text));
        }
        wg_linalg_store(call->dtype, call->out, i * packed, packed, u);
    }
    return WG_OK;
}

static size_t svd_describe(const wg_call *call, char *text, size_t size)
{
    wg_words words = {text, size, 0};
    wg_words_flag(&words, "by_right", *(const bool *)call->attributes);
    return words.length;
}

static const wg_op svd_op = {.name = "svd",
    .arity = 1,
    .flags = WG_OP_CUTS,
    .shape = svd_infer,
    .evaluate = svd_evaluate,
    .scratch = svd_scratch,
    .describe = svd_describe};

/* ---- singular values that are divided by ------------------------------------------------------------------------- */

/* s itself, or an error where one is zero. They descend. */
static wg_status svd_positive(wg_call *call)
{
    size_t n = call->shape.dim[call->shape.rank - 1], size = call->in[0].size;
    for (size_t from = 0; from < size; from += n) {
        double first = wg_linalg_number(call->dtype, call->in[0].data, from);
        double last = wg_linalg_number(call->dtype, call->in[0].data, from + n - 1);
        if (!(last <= wg_decompose_threshold(call->dtype, n, first))) continue;
        char text[WG_LINALG_TEXT];
        wg_shape matrices = call->shape;
        matrices.dim[matrices.rank++] = n;
        return wg_tape_fail(call->tape, WG_ERROR_ARGUMENT,
            "svd: the derivative of the longer vectors does not exist: singular value %zu of %s is zero: %.3g beside "
            "%.3g",
            n - 1, wg_linalg_place(&matrices, from / n, text), last, first);
    }
    if (size) memcpy(call->out, call->in[0].data, size * wg_dtype_size(call->dtype));
    return WG_OK;
}

static void svd_derive_positive(wg_derivation *d) { wg_give_term(d, 0, wg_cotangent(d)); }

static const wg_op svd_op_positive = {.name = "svd_positive",
    .arity = 1,
    .flags = WG_OP_LINEAR,
    .shape = wg_linalg_infer_same,
    .evaluate = svd_positive,
    .derivative = svd_derive_positive};

/* ---- derivatives ------------------------------------------------------------------------------------------------- */

static void svd_derive_u(wg_derivation *d);
static void svd_derive_s(wg_derivation *d);
static void svd_derive_vt(wg_derivation *d);
static const wg_op svd_op_u = WG_DECOMPOSE_PART("svd_u", svd_derive_u);
static const wg_op svd_op_s = WG_DECOMPOSE_PART("svd_s", svd_derive_s);
static const wg_op svd_op_vt = WG_DECOMPOSE_PART("svd_vt", svd_derive_vt);

static wg_decompose_part svd_part_u(wg_linalg_stack s) { return (wg_decompose_part){0, 2, {s.m, s.n}}; }
static wg_decompose_part svd_part_s(wg_linalg_stack s) { return (wg_decompose_part){s.m * s.n, 1, {s.n}}; }
static wg_decompose_part svd_part_vt(wg_linalg_stack s) { return (wg_decompose_part){(s.m + 1) * s.n, 2, {s.n, s.n}}; }

static wg_linalg_stack svd_stack(wg_derivation *d) { return wg_linalg_stack_of(wg_derivation_call(d)->in[1].shape); }

static wg_term svd_product(wg_derivation *d, const wg_op *op, wg_term a, wg_term b)
{
    return wg_step(d, op, (wg_term[]){a, b}, 2, NULL, 0);
}

/* The shape of s. */
static wg_shape svd_shape_s(wg_derivation *d)
{
    wg_shape shape = *wg_derivation_call(d)->in[1].shape;
    shape.dim[shape.rank - 2] = shape.dim[shape.rank - 1];
    shape.rank--;
    return shape;
}

/* F o (P - P^T). */
static wg_term svd_turning(wg_derivation *d, wg_term s, wg_term p)
{
    wg_shape shape = svd_shape_s(d);
    wg_term row = wg_decompose_as_row(d, s, &shape), column = wg_decompose_as_column(d, s, &shape);
    wg_term gaps = wg_step(d, &wg_decompose_op_svd_gaps, &s, 1, NULL, 0);
    wg_term skew = svd_product(d, wg_op_mul(), wg_decompose_skew(d, p), gaps);
    return svd_product(d, &wg_ew_op_div0, skew, svd_product(d, wg_op_add(), row, column));
}

static void svd_derive_s(wg_derivation *d)
{
    wg_linalg_stack stack = svd_stack(d);
    wg_term u = wg_decompose_step(d, &svd_op_u, svd_part_u(stack));
    wg_term vt = wg_decompose_step(d, &svd_op_vt, svd_part_vt(stack));
    wg_term g = wg_decompose_as_row(d, wg_cotangent(d), &wg_derivation_call(d)->shape);
    wg_matmul_give(d, 1, svd_product(d, wg_op_mul(), u, g), false, vt, false);
}

static void svd_derive_u(wg_derivation *d)
{
    wg_linalg_stack stack = svd_stack(d);
    wg_shape shape = svd_shape_s(d);
    wg_term g = wg_cotangent(d), u = wg_decompose_step(d, &svd_op_u, svd_part_u(stack));
    wg_term s = wg_decompose_step(d, &svd_op_s, svd_part_s(stack));
    wg_term vt = wg_decompose_step(d, &svd_op_vt, svd_part_vt(stack));
    wg_term p = wg_matmul_step(d, u, true, g, false);
    wg_term scaled = svd_product(d, wg_op_mul(), svd_turning(d, s, p), wg_decompose_as_row(d, s, &shape));
    wg_term left = wg_matmul_step(d, u, false, scaled, false);
    if (stack.m > stack.n) { /* what moves U out of the space that it spans */
        wg_term positive = wg_step(d, &svd_op_positive, &s, 1, NULL, 0);
        wg_term out = svd_product(d, &wg_ew_op_sub, g, wg_matmul_step(d, u, false, p, false));
        out = svd_product(d, &wg_ew_op_div0, out, wg_decompose_as_row(d, positive, &shape));
        left = svd_product(d, wg_op_add(), left, out);
    }
    wg_matmul_give(d, 1, left, false, vt, false);
}

static void svd_derive_vt(wg_derivation *d)
{
    wg_linalg_stack stack = svd_stack(d);
    wg_shape shape = svd_shape_s(d);
    wg_term g = wg_cotangent(d), u = wg_decompose_step(d, &svd_op_u, svd_part_u(stack));
    wg_term s = wg_decompose_step(d, &svd_op_s, svd_part_s(stack));
    wg_term vt = wg_decompose_step(d, &svd_op_vt, svd_part_vt(stack));
    wg_term turning = svd_turning(d, s, wg_matmul_step(d, vt, false, g, true));
    wg_term scaled = svd_product(d, wg_op_mul(), turning, wg_decompose_as_column(d, s, &shape));
    wg_matmul_give(d, 1, wg_matmul_step(d, u, false, scaled, false), false, vt, false);
}

/* ---- public ------------------------------------------------------------------------------------------------------ */

static void svd_tall(wg_var x, bool by_right, wg_var *outputs)
{
    if (!wg_list_valid(x)) return;
    wg_shape shape = wg_shape_of(x);
    wg_linalg_stack stack = wg_linalg_stack_of(&shape);
    wg_var packed = wg_list_apply(x.tape, &svd_op, &x, 1, &by_right, sizeof by_right, NULL);
    outputs[0] = wg_decompose_apply(&svd_op_u, packed, x, svd_part_u(stack));
    outputs[1] = wg_decompose_apply(&svd_op_s, packed, x, svd_part_s(stack));
    outputs[2] = wg_decompose_apply(&svd_op_vt, packed, x, svd_part_vt(stack));
}

static void svd_any(wg_var x, wg_var *outputs)
{
    wg_shape shape = wg_shape_of(x);
    wg_linalg_stack stack = wg_linalg_stack_of(&shape);
    bool wide = stack.m < stack.n;
    svd_tall(wide ? wg_transpose(x) : x, wide, outputs);
    if (!wide) return;
    wg_var u = wg_transpose(outputs[2]);
    outputs[2] = wg_transpose(outputs[0]);
    outputs[0] = u;
}

wg_status wg_svd(wg_var x, wg_var *u, wg_var *s, wg_var *vt)
{
    wg_composition c;
    wg_var outputs[3] = {wg_invalid(x.tape), wg_invalid(x.tape), wg_invalid(x.tape)};
    wg_status status = WG_ERROR_ARGUMENT;
    if (wg_compose_open(&c, "svd", &x, 1, 0)) {
        if (!u || !s || !vt) wg_tape_fail(x.tape, WG_ERROR_ARGUMENT, "svd: an output pointer is NULL");
        if (x.tape->status == WG_OK && wg_linalg_matrices(&c, x)) svd_any(x, outputs);
        status = wg_compose_close_all(&c, outputs, 3);
    } else if (x.tape) {
        status = x.tape->status;
    }
    if (u) *u = outputs[0];
    if (s) *s = outputs[1];
    if (vt) *vt = outputs[2];
    return status;
}
