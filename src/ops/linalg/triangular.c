/* Triangular systems: triangular_solve, cholesky_solve.
 *
 * With T a triangle of A, X = T^-1 B and the cotangent G, B gains H = T^-T G and A gains that triangle of -H X^T; for
 * X = T^-T B, H = T^-1 G and A gains the triangle of -X H^T (M. Giles, Collected matrix derivative results for forward and
 * reverse mode algorithmic differentiation, 2008, section 2.3.1, with only the triangle varying). */
#include "ops/linalg/triangular.h"

#include "ops/matmul.h"
#include "tape/words.h"
#include "wengert/ops.h"

#include <string.h>

/* ---- triangles ------------------------------------------------------------------------------------------------------- */

#define TRIANGULAR_PART(R)                                                                                             \
    do {                                                                                                               \
        const R *x = (const R *)call->in[0].data + at;                                                                 \
        R *out = (R *)call->out + at;                                                                                  \
        for (size_t j = 0; j < columns; j++) out[j] = (part->upper ? j > i : j < i) ? x[j] : 0;                        \
        if (i < columns && part->diagonal != 0) out[i] = (R)part->diagonal * x[i];                                     \
    } while (0)
static wg_status triangular_part(wg_call *call)
{
    const wg_linalg_part *part = call->attributes;
    size_t rows = wg_linalg_rows(&call->shape), columns = wg_linalg_columns(&call->shape);
    size_t count = wg_linalg_count(&call->shape) * rows;
    for (size_t row = 0; row < count; row++) {
        size_t i = row % rows, at = row * columns;
        if (call->dtype == WG_F64)
            TRIANGULAR_PART(double);
        else
            TRIANGULAR_PART(float);
    }
    return WG_OK;
}
#undef TRIANGULAR_PART

static void triangular_derive_part(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    wg_linalg_part part = *(const wg_linalg_part *)call->attributes;
    wg_term g = wg_cotangent(d);
    wg_give(d, 0, call->op, &g, 1, &part, sizeof part);
}

static size_t triangular_describe_part(const wg_call *call, char *text, size_t size)
{
    const wg_linalg_part *part = call->attributes;
    wg_words words = {text, size, 0};
    wg_words_flag(&words, "upper", part->upper);
    wg_words_number(&words, "diagonal", part->diagonal);
    return words.length;
}

const wg_op wg_linalg_op_triangle = {.name = "triangle",
    .arity = 1,
    .flags = WG_OP_LINEAR,
    .shape = wg_linalg_infer_same,
    .evaluate = triangular_part,
    .derivative = triangular_derive_part,
    .describe = triangular_describe_part};

/* ---- triangular_solve -------------------------------------------------------------------------------------------------- */

static wg_status triangular_infer(wg_call *call) { return wg_linalg_infer_system(call, 0, 1); }

static size_t triangular_scratch(const wg_call *call)
{
    wg_triangle t = *(const wg_triangle *)call->attributes;
    size_t n = wg_linalg_rows(call->in[1].shape), k = wg_linalg_columns(call->in[1].shape);
    if (wg_linalg_nothing(call)) return 0;
    return call->dtype == WG_F64 ? wg_kernel_triangular_scratch_f64(call->tape->isa, t, n, k)
                                 : wg_kernel_triangular_scratch_f32(call->tape->isa, t, n, k);
}

static wg_status triangular_check(const wg_call *call)
{
    const wg_triangle *t = call->attributes;
    size_t n = wg_linalg_rows(call->in[0].shape), count = wg_linalg_count(call->in[0].shape);
    for (size_t i = 0; i < count && !t->unit; i++) {
        size_t k = wg_linalg_singular(call->dtype, n, wg_linalg_at(call->dtype, call->in[0].data, i * n * n));
        char text[WG_LINALG_TEXT];
        if (k < n)
            return wg_call_fail(call, WG_ERROR_ARGUMENT, "%s is singular: diagonal element %zu is zero",
                wg_linalg_describe(call, 0, i, text), k);
    }
    return WG_OK;
}

static wg_status triangular_evaluate(wg_call *call)
{
    wg_triangle t = *(const wg_triangle *)call->attributes;
    wg_shape joint = wg_linalg_batch(&call->shape), batch_a = wg_linalg_batch(call->in[0].shape),
             batch_b = wg_linalg_batch(call->in[1].shape);
    size_t n = wg_linalg_rows(&call->shape), k = wg_linalg_columns(&call->shape), count = wg_linalg_count(&call->shape);
    size_t bytes = triangular_scratch(call), element = wg_dtype_size(call->dtype);
    if (count && triangular_check(call) != WG_OK) return call->tape->status;
    if (n == 0 || k == 0) return WG_OK;
    void *scratch = bytes ? wg_call_scratch(call, bytes) : NULL;
    if (bytes && !scratch) return call->tape->status;
    for (size_t i = 0; i < count; i++) {
        size_t from_a = wg_linalg_matrix_of(&batch_a, &joint, i), from_b = wg_linalg_matrix_of(&batch_b, &joint, i);
        const void *a = wg_linalg_at(call->dtype, call->in[0].data, from_a * n * n);
        void *x = (char *)call->out + i * n * k * element;
        memcpy(x, wg_linalg_at(call->dtype, call->in[1].data, from_b * n * k), n * k * element);
        if (call->dtype == WG_F64)
            wg_kernel_triangular_f64(call->tape->isa, t, n, k, a, x, scratch);
        else
            wg_kernel_triangular_f32(call->tape->isa, t, n, k, a, x, scratch);
    }
    return WG_OK;
}

/* The product, summed to a's shape, comes before the triangle is cut out of it. */
static void triangular_derivative(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    wg_triangle t = *(const wg_triangle *)call->attributes, other = {t.upper, !t.transpose, t.unit};
    wg_linalg_part part = {t.upper, t.unit ? 0 : 1};
    wg_shape shape = *call->in[0].shape;
    wg_term a = wg_primal(d, 0), g = wg_cotangent(d);
    wg_term h = wg_step(d, call->op, (wg_term[]){a, g}, 2, &other, sizeof other);
    wg_give_term(d, 1, h);
    if (!wg_wants(d, 0)) return;
    wg_term negative = wg_step(d, wg_op_neg(), &h, 1, NULL, 0), x = wg_result(d);
    wg_term product =
        t.transpose ? wg_matmul_step(d, x, false, negative, true) : wg_matmul_step(d, negative, false, x, true);
    wg_term summed = wg_step(d, wg_op_sum_to(), &product, 1, &shape, sizeof shape);
    wg_give(d, 0, &wg_linalg_op_triangle, &summed, 1, &part, sizeof part);
}

static size_t triangular_describe(const wg_call *call, char *text, size_t size)
{
    const wg_triangle *t = call->attributes;
    wg_words words = {text, size, 0};
    wg_words_flag(&words, "upper", t->upper);
    wg_words_flag(&words, "transpose", t->transpose);
    wg_words_flag(&words, "unit_diagonal", t->unit);
    return words.length;
}

const wg_op wg_linalg_op_triangular_solve = {.name = "triangular_solve",
    .arity = 2,
    .shape = triangular_infer,
    .evaluate = triangular_evaluate,
    .scratch = triangular_scratch,
    .derivative = triangular_derivative,
    .describe = triangular_describe};

/* op(T)^-1 b of arguments that fit. */
static wg_var triangular_apply(wg_var a, wg_var b, wg_triangle t)
{
    return wg_list_apply(a.tape, &wg_linalg_op_triangular_solve, (wg_var[]){a, b}, 2, &t, sizeof t, NULL);
}

wg_var wg_triangular_solve(wg_var a, wg_var b, bool upper, bool transpose, bool unit_diagonal)
{
    wg_composition c;
    wg_triangle t = {upper, transpose, unit_diagonal};
    if (!wg_compose_open(&c, "triangular_solve", (wg_var[]){a, b}, 2, 0) || !wg_linalg_system(&c, a, b))
        return wg_invalid(c.tape);
    bool vector = wg_shape_of(b).rank == 1;
    wg_var x = triangular_apply(a, vector ? wg_linalg_column(b) : b, t);
    return wg_compose_close(&c, vector ? wg_linalg_without_column(x) : x);
}

/* ---- cholesky_solve ---------------------------------------------------------------------------------------------------- */

wg_var wg_cholesky_solve(wg_var l, wg_var b)
{
    wg_composition c;
    if (!wg_compose_open(&c, "cholesky_solve", (wg_var[]){l, b}, 2, 0) || !wg_linalg_system(&c, l, b))
        return wg_invalid(c.tape);
    bool vector = wg_shape_of(b).rank == 1;
    wg_var y = triangular_apply(l, vector ? wg_linalg_column(b) : b, (wg_triangle){false, false, false});
    wg_var x = triangular_apply(l, y, (wg_triangle){false, true, false});
    return wg_compose_close(&c, vector ? wg_linalg_without_column(x) : x);
}
