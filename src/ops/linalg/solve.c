/* Linear systems: solve, inv, matrix_power.
 *
 * A solve takes the matrix and, beside it, its LU factor, which is a node without a derivative: the factor serves the
 * evaluation, the transposed solve of the derivative, and the derivatives of that. With X = A^-1 B and the cotangent G,
 * B gains H = A^-T G and A gains -H X^T (M. Giles, Collected matrix derivative results for forward and reverse mode
 * algorithmic differentiation, 2008, section 2.3.1); for X = A^-T B, H = A^-1 G and A gains -X H^T. */
#include "ops/linalg/factor.h"

#include "ops/matmul.h"
#include "tape/words.h"
#include "wengert/ops.h"

#include <string.h>

/* ---- solve --------------------------------------------------------------------------------------------------------- */

static wg_status solve_infer(wg_call *call) { return wg_linalg_infer_system(call, 0, 2); }

/* Every matrix of operand 0 has all of its pivots, or the error of the first that has not. */
static wg_status solve_check(const wg_call *call)
{
    size_t n = wg_linalg_rows(call->in[0].shape), count = wg_linalg_count(call->in[0].shape);
    for (size_t i = 0; i < count; i++) {
        size_t k = wg_linalg_singular(call->dtype, n, wg_linalg_at(call->dtype, call->in[1].data, i * (n + 1) * n));
        char text[WG_LINALG_TEXT];
        if (k < n)
            return wg_call_fail(
                call, WG_ERROR_ARGUMENT, "%s is singular: pivot %zu is zero", wg_linalg_describe(call, 0, i, text), k);
    }
    return WG_OK;
}

static size_t solve_bytes(const wg_call *call, size_t n, size_t k)
{
    if (wg_linalg_nothing(call)) return 0;
    bool transpose = *(const bool *)call->attributes;
    wg_isa isa = call->tape->isa;
    return call->dtype == WG_F64 ? wg_kernel_lu_solve_scratch_f64(isa, transpose, n, k)
                                 : wg_kernel_lu_solve_scratch_f32(isa, transpose, n, k);
}

static size_t solve_scratch(const wg_call *call)
{
    return solve_bytes(call, wg_linalg_rows(call->in[2].shape), wg_linalg_columns(call->in[2].shape));
}

/* Overwrites x (n, k) by the solution with the factor at f. */
static void solve_one(const wg_call *call, size_t n, size_t k, const void *f, void *x, void *scratch)
{
    bool transpose = *(const bool *)call->attributes;
    const void *pivots = wg_linalg_at(call->dtype, f, n * n);
    if (call->dtype == WG_F64)
        wg_kernel_lu_solve_f64(call->tape->isa, transpose, n, k, f, pivots, x, scratch);
    else
        wg_kernel_lu_solve_f32(call->tape->isa, transpose, n, k, f, pivots, x, scratch);
}

static wg_status solve_evaluate(wg_call *call)
{
    const wg_shape *a = call->in[0].shape, *b = call->in[2].shape;
    wg_shape joint = wg_linalg_batch(&call->shape), batch_a = wg_linalg_batch(a), batch_b = wg_linalg_batch(b);
    size_t n = wg_linalg_rows(b), k = wg_linalg_columns(b), element = wg_dtype_size(call->dtype);
    size_t count = wg_linalg_count(&call->shape), bytes = solve_scratch(call);
    if (count && solve_check(call) != WG_OK) return call->tape->status;
    if (n * k == 0) return WG_OK;
    void *scratch = bytes ? wg_call_scratch(call, bytes) : NULL;
    if (bytes && !scratch) return call->tape->status;
    for (size_t i = 0; i < count; i++) {
        size_t from_a = wg_linalg_matrix_of(&batch_a, &joint, i), from_b = wg_linalg_matrix_of(&batch_b, &joint, i);
        void *x = (char *)call->out + i * n * k * element;
        memcpy(x, wg_linalg_at(call->dtype, call->in[2].data, from_b * n * k), n * k * element);
        solve_one(call, n, k, wg_linalg_at(call->dtype, call->in[1].data, from_a * (n + 1) * n), x, scratch);
    }
    return WG_OK;
}

static void solve_derivative(wg_derivation *d)
{
    bool transpose = *(const bool *)wg_derivation_call(d)->attributes, other = !transpose;
    wg_term a = wg_primal(d, 0), factor = wg_primal(d, 1), g = wg_cotangent(d);
    wg_term h = wg_step(d, &wg_linalg_op_solve, (wg_term[]){a, factor, g}, 3, &other, sizeof other);
    wg_give_term(d, 2, h);
    if (!wg_wants(d, 0)) return;
    wg_term negative = wg_step(d, wg_op_neg(), &h, 1, NULL, 0), x = wg_result(d);
    if (transpose)
        wg_matmul_give(d, 0, x, false, negative, true);
    else
        wg_matmul_give(d, 0, negative, false, x, true);
}

size_t wg_linalg_describe_solve(const wg_call *call, char *text, size_t size)
{
    wg_words words = {text, size, 0};
    wg_words_flag(&words, "transpose", *(const bool *)call->attributes);
    return words.length;
}

const wg_op wg_linalg_op_solve = {.name = "solve",
    .arity = 3,
    .shape = solve_infer,
    .evaluate = solve_evaluate,
    .scratch = solve_scratch,
    .derivative = solve_derivative,
    .describe = wg_linalg_describe_solve};

wg_var wg_solve(wg_var a, wg_var b)
{
    wg_composition c;
    if (!wg_compose_open(&c, "solve", (wg_var[]){a, b}, 2, 0) || !wg_linalg_system(&c, a, b)) return wg_invalid(c.tape);
    bool transpose = false, vector = wg_shape_of(b).rank == 1;
    wg_var in[] = {a, wg_linalg_factor(a), vector ? wg_linalg_column(b) : b};
    wg_var x = wg_list_apply(c.tape, &wg_linalg_op_solve, in, 3, &transpose, sizeof transpose, NULL);
    return wg_compose_close(&c, vector ? wg_linalg_without_column(x) : x);
}

/* ---- inv ------------------------------------------------------------------------------------------------------------- */

size_t wg_linalg_inverse_scratch(const wg_call *call)
{
    size_t n = wg_linalg_rows(call->in[0].shape);
    return solve_bytes(call, n, n);
}

wg_status wg_linalg_inverse(wg_call *call)
{
    size_t n = wg_linalg_rows(&call->shape), count = wg_linalg_count(&call->shape);
    size_t bytes = wg_linalg_inverse_scratch(call), element = wg_dtype_size(call->dtype);
    if (solve_check(call) != WG_OK) return call->tape->status;
    void *scratch = bytes ? wg_call_scratch(call, bytes) : NULL;
    if (bytes && !scratch) return call->tape->status;
    wg_linalg_identity(call->dtype, count, n, call->out);
    for (size_t i = 0; i < count; i++)
        solve_one(call, n, n, wg_linalg_at(call->dtype, call->in[1].data, i * (n + 1) * n),
            (char *)call->out + i * n * n * element, scratch);
    return WG_OK;
}

/* Y = A^-1: A gains -(A^-T G) Y^T; Y = A^-T: A gains -Y G^T Y = -A^-T (G^T Y). */
void wg_linalg_derive_inverse(wg_derivation *d)
{
    bool transpose = *(const bool *)wg_derivation_call(d)->attributes, turned = true;
    wg_term a = wg_primal(d, 0), factor = wg_primal(d, 1), y = wg_result(d), g = wg_cotangent(d);
    if (transpose) g = wg_matmul_step(d, g, true, y, false);
    wg_term h = wg_step(d, &wg_linalg_op_solve, (wg_term[]){a, factor, g}, 3, &turned, sizeof turned);
    if (transpose) {
        wg_give(d, 0, wg_op_neg(), &h, 1, NULL, 0);
        return;
    }
    wg_term negative = wg_step(d, wg_op_neg(), &h, 1, NULL, 0);
    wg_matmul_give(d, 0, negative, false, y, true);
}

static const wg_op solve_op_inverse = {.name = "inv",
    .arity = 2,
    .shape = wg_linalg_infer_same,
    .evaluate = wg_linalg_inverse,
    .scratch = wg_linalg_inverse_scratch,
    .derivative = wg_linalg_derive_inverse,
    .describe = wg_linalg_describe_solve};

wg_var wg_inv(wg_var a)
{
    wg_composition c;
    bool transpose = false;
    if (!wg_compose_open(&c, "inv", &a, 1, 0) || !wg_linalg_square(&c, a)) return wg_invalid(c.tape);
    wg_var in[] = {a, wg_linalg_factor(a)};
    return wg_compose_close(&c, wg_list_apply(c.tape, &solve_op_inverse, in, 2, &transpose, sizeof transpose, NULL));
}

/* ---- matrix_power ---------------------------------------------------------------------------------------------------- */

/* identity(a): the identity in a's shape. */
static wg_status solve_identity(wg_call *call)
{
    wg_linalg_identity(call->dtype, wg_linalg_count(&call->shape), wg_linalg_rows(&call->shape), call->out);
    return WG_OK;
}

static const wg_op solve_op_identity = {
    .name = "identity", .arity = 1, .flags = WG_OP_CUTS, .shape = wg_linalg_infer_same, .evaluate = solve_identity};

wg_var wg_matrix_power(wg_var a, int n)
{
    wg_composition c;
    if (!wg_compose_open(&c, "matrix_power", &a, 1, 0) || !wg_linalg_square(&c, a)) return wg_invalid(c.tape);
    if (n == 0) return wg_compose_close(&c, wg_list_apply(c.tape, &solve_op_identity, &a, 1, NULL, 0, NULL));
    unsigned left = n < 0 ? 0u - (unsigned)n : (unsigned)n;
    wg_var power = n < 0 ? wg_inv(a) : wg_reshape(a, wg_shape_of(a)), y = {0};
    for (;; power = wg_matmul(power, power)) {
        if (left & 1) y = y.tape ? wg_matmul(y, power) : power;
        left >>= 1;
        if (!left) break;
    }
    return wg_compose_close(&c, y);
}
