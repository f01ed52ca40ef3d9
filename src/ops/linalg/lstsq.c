/* Least squares by QR: x = R^-1 Q^T b, for matrices of full column rank.
 *
 * With r = b - a x, w = R^-T g and z = R^-1 w, so that z = (a^T a)^-1 g and a z = Q w (G. Golub and V. Pereyra, The
 * differentiation of pseudo-inverses and nonlinear least squares problems whose variables separate, SIAM J. Numer.
 * Anal. 10, 1973):
 *
 *     b gets Q w,  a gets r z^T - (Q w) x^T
 *
 * No a^T a is formed. On a double tape the packed decomposition that the derivative reads serves for the value too;
 * on a float tape the value is computed from a in double, or it would lose the digits that the decomposition rounds
 * away. */
#include "ops/linalg/factor.h"
#include "ops/linalg/qr.h"

#include "kernels/gemm.h"
#include "ops/elementwise/elementwise.h"
#include "wengert/ops.h"

#include <math.h>
#include <string.h>

/* ---- shapes ------------------------------------------------------------------------------------------------------ */

/* Inputs: packed, a (..., m, n), b (..., m, k); the result is (..., n, k), leading axes of a and b broadcast. */
typedef struct lstsq_sizes {
    size_t m, n, k;
    wg_shape batch_a, batch_b, joint;
} lstsq_sizes;

static bool lstsq_measure(const wg_shape *a, const wg_shape *b, lstsq_sizes *sizes)
{
    *sizes = (lstsq_sizes){.m = wg_linalg_rows(a), .n = wg_linalg_columns(a), .k = wg_linalg_columns(b)};
    sizes->batch_a = wg_linalg_batch(a);
    sizes->batch_b = wg_linalg_batch(b);
    return wg_shape_broadcast(&sizes->batch_a, &sizes->batch_b, &sizes->joint);
}

static wg_status lstsq_infer(wg_call *call)
{
    lstsq_sizes sizes;
    if (!lstsq_measure(call->in[1].shape, call->in[2].shape, &sizes))
        return wg_call_fail(call, WG_ERROR_SHAPE, "leading axes do not broadcast: %s and %s", wg_call_describe(call, 1),
            wg_call_describe(call, 2));
    call->shape = sizes.joint;
    call->shape.dim[call->shape.rank++] = sizes.n;
    call->shape.dim[call->shape.rank++] = sizes.k;
    return WG_OK;
}

/* ---- evaluation -------------------------------------------------------------------------------------------------- */

/* One matrix's work, in double: Q (m,n), R (n,n), b (m,k), x (n,k), and the kernels' own. */
typedef struct lstsq_work {
    lstsq_sizes sizes;
    wg_isa isa;
    double *q, *r, *b, *x;
    void *rest;
} lstsq_work;

static size_t lstsq_numbers(const lstsq_sizes *s)
{
    return (s->m * s->n + s->n * s->n + (s->m + s->n) * s->k + 7) / 8 * 8;
}

static size_t lstsq_scratch(const wg_call *call)
{
    lstsq_sizes s;
    if (!lstsq_measure(call->in[1].shape, call->in[2].shape, &s)) return 0;
    if (wg_shape_product(&s.joint, 0, s.joint.rank) == 0 || s.n == 0) return 0;
    wg_isa isa = call->tape->isa;
    size_t qr = wg_kernel_qr_scratch(s.m, s.n);
    size_t product = wg_kernel_gemm_scratch_f64(isa, true, false, s.n, s.k, s.m, NULL);
    size_t solve = wg_kernel_triangular_scratch_f64(isa, (wg_triangle){.upper = true}, s.n, s.k);
    size_t most = qr > product ? qr : product;
    return lstsq_numbers(&s) * sizeof(double) + (most > solve ? most : solve);
}

/* Q and R of matrix i of a. */
static wg_status lstsq_decompose(wg_call *call, lstsq_work *work, size_t i)
{
    size_t m = work->sizes.m, n = work->sizes.n, size = m * n, where = 0;
    if (call->dtype == WG_F64) {
        wg_linalg_load(call->dtype, call->in[0].data, i * (size + n * n), size + n * n, work->q);
    } else {
        wg_linalg_load(call->dtype, call->in[1].data, i * size, size, work->q);
        wg_kernel_qr(work->isa, m, n, work->q, work->r, work->rest);
    }
    double largest = 0, smallest = (double)INFINITY;
    for (size_t k = 0; k < n; k++) {
        double pivot = fabs(work->r[k * n + k]);
        largest = fmax(largest, pivot);
        if (pivot < smallest) smallest = pivot, where = k;
    }
    if (!(smallest <= wg_decompose_threshold(call->dtype, n, largest))) return WG_OK;
    char text[WG_LINALG_TEXT];
    return wg_call_fail(call, WG_ERROR_ARGUMENT,
        "%s does not have full column rank: element %zu on the diagonal of its R is %.3g beside %.3g",
        wg_linalg_describe(call, 1, i, text), where, smallest, largest);
}

static void lstsq_solve(lstsq_work *work)
{
    size_t m = work->sizes.m, n = work->sizes.n, k = work->sizes.k;
    wg_kernel_gemm_f64(work->isa, true, false, n, k, m, work->q, n, work->b, k, work->x, k, false, work->rest, NULL);
    wg_kernel_triangular_f64(work->isa, (wg_triangle){.upper = true}, n, k, work->r, work->x, work->rest);
}

static wg_status lstsq_evaluate(wg_call *call)
{
    lstsq_work work = {.isa = call->tape->isa};
    lstsq_measure(call->in[1].shape, call->in[2].shape, &work.sizes);
    const lstsq_sizes *s = &work.sizes;
    size_t count = wg_linalg_count(&call->shape), last = SIZE_MAX;
    if (count == 0 || s->n == 0) return WG_OK;
    work.q = wg_call_scratch(call, lstsq_scratch(call));
    if (!work.q) return call->tape->status;
    work.r = work.q + s->m * s->n;
    work.b = work.r + s->n * s->n;
    work.x = work.b + s->m * s->k;
    work.rest = work.q + lstsq_numbers(s);
    for (size_t i = 0; i < count; i++) {
        size_t from = wg_linalg_matrix_of(&s->batch_a, &s->joint, i);
        if (from != last && lstsq_decompose(call, &work, from) != WG_OK) return call->tape->status;
        last = from;
        from = wg_linalg_matrix_of(&s->batch_b, &s->joint, i);
        wg_linalg_load(call->dtype, call->in[2].data, from * s->m * s->k, s->m * s->k, work.b);
        lstsq_solve(&work);
        wg_linalg_store(call->dtype, call->out, i * s->n * s->k, s->n * s->k, work.x);
    }
    return WG_OK;
}

/* ---- derivative -------------------------------------------------------------------------------------------------- */

static void lstsq_derivative(wg_derivation *d)
{
    wg_term g = wg_cotangent(d), a = wg_primal(d, 1), b = wg_primal(d, 2), x = wg_result(d);
    wg_term q = wg_qr_step_q(d), inverse = wg_qr_step_inverse(d, wg_qr_step_r(d));
    wg_term w = wg_matmul_step(d, inverse, true, g, false), qw = wg_matmul_step(d, q, false, w, false);
    wg_give_term(d, 2, qw);
    if (!wg_wants(d, 1)) return;
    wg_term z = wg_matmul_step(d, inverse, false, w, false), fit = wg_matmul_step(d, a, false, x, false);
    wg_term rest = wg_step(d, &wg_ew_op_sub, (wg_term[]){b, fit}, 2, NULL, 0);
    wg_matmul_give(d, 1, rest, false, z, true);
    wg_matmul_give(d, 1, wg_step(d, wg_op_neg(), &qw, 1, NULL, 0), false, x, true);
}

static const wg_op lstsq_op = {.name = "lstsq",
    .arity = 3,
    .shape = lstsq_infer,
    .evaluate = lstsq_evaluate,
    .scratch = lstsq_scratch,
    .derivative = lstsq_derivative};

/* ---- public ------------------------------------------------------------------------------------------------------ */

static bool lstsq_fits(wg_tape *tape, wg_var a, wg_var b)
{
    wg_shape left = wg_shape_of(a), right = wg_shape_of(b);
    const char *wrong = NULL;
    if (left.rank < 2 || right.rank < 1)
        wrong = "takes (..., m, n) and (m) or (..., m, k)";
    else if (wg_linalg_rows(&left) < wg_linalg_columns(&left))
        wrong = "there are fewer equations than unknowns";
    else if (wg_linalg_rows(&left) != right.dim[right.rank > 1 ? right.rank - 2 : 0])
        wrong = "the numbers of rows differ";
    if (wrong)
        wg_tape_fail(tape, WG_ERROR_SHAPE, "lstsq: %s: %s and %s", wrong, wg_list_describe(tape, a.index),
            wg_list_describe(tape, b.index));
    return !wrong;
}

wg_var wg_lstsq(wg_var a, wg_var b)
{
    wg_composition c;
    if (!wg_compose_open(&c, "lstsq", (wg_var[]){a, b}, 2, 0) || !lstsq_fits(c.tape, a, b)) return wg_invalid(c.tape);
    bool vector = wg_shape_of(b).rank == 1;
    wg_var packed = wg_list_apply(c.tape, &wg_qr_op_packed, &a, 1, NULL, 0, NULL);
    wg_var in[] = {packed, a, vector ? wg_linalg_column(b) : b};
    wg_var x = wg_list_apply(c.tape, &lstsq_op, in, 3, NULL, 0, NULL);
    return wg_compose_close(&c, vector ? wg_linalg_without_column(x) : x);
}
