/* The pseudo-inverse, from the singular values. Its derivative needs no vectors, so it exists wherever the rank is
 * locally constant, however many values coincide (G. Golub and V. Pereyra, The differentiation of pseudo-inverses and
 * nonlinear least squares problems whose variables separate, SIAM J. Numer. Anal. 10, 1973): with y = x^+,
 *
 *     x gets -y^T g y^T + (1 - x y) g^T y y^T + y^T y g^T (1 - y x) */
#include "ops/linalg/decompose.h"

#include "kernels/gemm.h"
#include "ops/elementwise/elementwise.h"
#include "shape/shape.h"
#include "wengert/ops.h"

#include <string.h>

/* ---- evaluation -------------------------------------------------------------------------------------------------- */

static wg_status pinv_infer(wg_call *call)
{
    call->shape = *call->in[0].shape;
    uint32_t rank = call->shape.rank;
    call->shape.dim[rank - 2] = call->in[0].shape->dim[rank - 1];
    call->shape.dim[rank - 1] = call->in[0].shape->dim[rank - 2];
    return WG_OK;
}

/* One matrix's work, in double, on the matrix or its transpose, the one that is not wide: a becomes U (m,n), then s,
 * V^T (n,n), the result and its transpose (m n each), and the kernels' own. */
typedef struct pinv_work {
    wg_isa isa;
    bool wide;
    size_t m, n;
    double *a, *s, *vt, *y, *turned;
    void *rest;
} pinv_work;

static pinv_work pinv_open(const wg_call *call)
{
    wg_linalg_stack stack = wg_linalg_stack_of(call->in[0].shape);
    bool wide = stack.m < stack.n;
    return (pinv_work){
        .isa = call->tape->isa, .wide = wide, .m = wide ? stack.n : stack.m, .n = wide ? stack.m : stack.n};
}

static size_t pinv_numbers(const pinv_work *w) { return (3 * w->m * w->n + w->n + w->n * w->n + 7) / 8 * 8; }

static size_t pinv_scratch(const wg_call *call)
{
    pinv_work w = pinv_open(call);
    if (wg_linalg_nothing(call)) return 0;
    size_t svd = wg_kernel_svd_scratch(w.isa, w.m, w.n);
    size_t product = wg_kernel_gemm_scratch_f64(w.isa, true, true, w.n, w.m, w.n, NULL);
    return pinv_numbers(&w) * sizeof(double) + (svd > product ? svd : product);
}

/* y (n,m) = V diag(1 / s) U^T, without what counts as zero. False when the iteration does not converge. */
static bool pinv_one(pinv_work *w, wg_dtype dtype)
{
    if (!wg_kernel_svd(w->isa, w->m, w->n, false, w->a, w->s, w->vt, w->rest)) return false;
    double threshold = wg_decompose_threshold(dtype, w->m, w->s[0]);
    for (size_t k = 0; k < w->n; k++) /* a NaN is not at most the threshold, and stays */
        for (size_t i = 0; i < w->n; i++)
            w->vt[k * w->n + i] = w->s[k] <= threshold ? 0 : w->vt[k * w->n + i] / w->s[k];
    wg_kernel_gemm_f64(w->isa, true, true, w->n, w->m, w->n, w->vt, w->n, w->a, w->n, w->y, w->m, false, w->rest, NULL);
    return true;
}

static wg_status pinv_evaluate(wg_call *call)
{
    pinv_work w = pinv_open(call);
    size_t count = wg_linalg_stack_of(call->in[0].shape).count, size = w.m * w.n;
    if (count == 0 || size == 0) return WG_OK;
    w.a = wg_call_scratch(call, pinv_scratch(call));
    if (!w.a) return call->tape->status;
    w.y = w.a + size;
    w.turned = w.y + size;
    w.s = w.turned + size;
    w.vt = w.s + w.n;
    w.rest = w.a + pinv_numbers(&w);
    for (size_t i = 0; i < count; i++) {
        wg_linalg_load(call->dtype, call->in[0].data, i * size, size, w.wide ? w.turned : w.a);
        if (w.wide) wg_kernel_turn(w.n, w.m, w.turned, w.a);
        if (!pinv_one(&w, call->dtype)) {
            char text[WG_LINALG_TEXT];
            return wg_call_fail(
                call, WG_ERROR_NONFINITE, "%s: the iteration did not converge", wg_linalg_describe(call, 0, i, text));
        }
        if (w.wide) wg_kernel_turn(w.n, w.m, w.y, w.turned);
        wg_linalg_store(call->dtype, call->out, i * size, size, w.wide ? w.turned : w.y);
    }
    return WG_OK;
}

/* ---- derivative -------------------------------------------------------------------------------------------------- */

/* The three parts together, by products no larger than the shorter side squared. m >= n: with N = y g^T,
 * y^T (N - N^T - N y x) + (g^T - x N) y y^T. */
static void pinv_derive_tall(wg_derivation *d)
{
    wg_term g = wg_cotangent(d), x = wg_primal(d, 0), y = wg_result(d);
    wg_term n = wg_matmul_step(d, y, false, g, true), yx = wg_matmul_step(d, y, false, x, false);
    wg_term within = wg_matmul_step(d, n, false, yx, false), turned = wg_matmul_step(d, n, true, x, true);
    within = wg_step(d, &wg_ew_op_sub, (wg_term[]){wg_decompose_skew(d, n), within}, 2, NULL, 0);
    wg_matmul_give(d, 0, y, true, within, false);
    wg_term outside = wg_step(d, &wg_ew_op_sub, (wg_term[]){g, turned}, 2, NULL, 0); /* its transpose */
    wg_matmul_give(d, 0, outside, true, wg_matmul_step(d, y, false, y, true), false);
}

/* m < n: with M = g^T y, (M - M^T - x y M) y^T + y^T y (g^T - M x). */
static void pinv_derive_wide(wg_derivation *d)
{
    wg_term g = wg_cotangent(d), x = wg_primal(d, 0), y = wg_result(d);
    wg_term m = wg_matmul_step(d, g, true, y, false), xy = wg_matmul_step(d, x, false, y, false);
    wg_term within = wg_matmul_step(d, xy, false, m, false), turned = wg_matmul_step(d, x, true, m, true);
    within = wg_step(d, &wg_ew_op_sub, (wg_term[]){wg_decompose_skew(d, m), within}, 2, NULL, 0);
    wg_matmul_give(d, 0, within, false, y, true);
    wg_term outside = wg_step(d, &wg_ew_op_sub, (wg_term[]){g, turned}, 2, NULL, 0); /* its transpose */
    wg_matmul_give(d, 0, wg_matmul_step(d, y, true, y, false), false, outside, true);
}

static void pinv_derivative(wg_derivation *d)
{
    wg_linalg_stack stack = wg_linalg_stack_of(wg_derivation_call(d)->in[0].shape);
    if (stack.m < stack.n)
        pinv_derive_wide(d);
    else
        pinv_derive_tall(d);
}

static const wg_op pinv_op = {.name = "pinv",
    .arity = 1,
    .shape = pinv_infer,
    .evaluate = pinv_evaluate,
    .scratch = pinv_scratch,
    .derivative = pinv_derivative};

wg_var wg_pinv(wg_var x)
{
    wg_composition c;
    if (!wg_compose_open(&c, "pinv", &x, 1, 0) || !wg_linalg_matrices(&c, x)) return wg_invalid(c.tape);
    return wg_compose_close(&c, wg_list_apply(c.tape, &pinv_op, &x, 1, NULL, 0, NULL));
}
