/* What the decompositions share: parts of packed results, and steps of their derivatives. */
#include "ops/linalg/decompose.h"

#include "ops/elementwise/elementwise.h"
#include "shape/shape.h"
#include "tape/words.h"
#include "wengert/ops.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

double wg_decompose_threshold(wg_dtype dtype, size_t n, double largest)
{
    return (double)n * (dtype == WG_F64 ? DBL_EPSILON : (double)FLT_EPSILON) * largest;
}

/* ---- parts ------------------------------------------------------------------------------------------------------- */

wg_shape wg_decompose_packed(const wg_shape *x, size_t size)
{
    wg_shape shape = *x;
    shape.rank--;
    shape.dim[shape.rank - 1] = size;
    return shape;
}

static size_t decompose_part_size(const wg_decompose_part *part)
{
    return part->dim[0] * (part->rank > 1 ? part->dim[1] : 1);
}

wg_status wg_decompose_infer_part(wg_call *call)
{
    const wg_decompose_part *part = call->attributes;
    call->shape = *call->in[1].shape;
    call->shape.rank -= 2;
    for (uint32_t k = 0; k < part->rank; k++) call->shape.dim[call->shape.rank++] = part->dim[k];
    return WG_OK;
}

wg_status wg_decompose_take_part(wg_call *call)
{
    const wg_decompose_part *part = call->attributes;
    size_t count = wg_linalg_stack_of(call->in[1].shape).count, element = wg_dtype_size(call->dtype);
    size_t from = call->in[0].shape->dim[call->in[0].shape->rank - 1] * element;
    size_t bytes = decompose_part_size(part) * element;
    for (size_t i = 0; i < count && bytes; i++)
        memcpy(
            (char *)call->out + i * bytes, (const char *)call->in[0].data + i * from + part->offset * element, bytes);
    return WG_OK;
}

size_t wg_decompose_describe_part(const wg_call *call, char *text, size_t size)
{
    const wg_decompose_part *part = call->attributes;
    wg_words words = {text, size, 0};
    wg_words_integer(&words, "offset", (int64_t)part->offset);
    return words.length;
}

size_t wg_decompose_view_part(const wg_call *call)
{
    const wg_decompose_part *part = call->attributes;
    if (wg_linalg_stack_of(call->in[1].shape).count != 1) return SIZE_MAX;
    return decompose_part_size(part) ? part->offset : 0;
}

wg_var wg_decompose_apply(const wg_op *op, wg_var packed, wg_var x, wg_decompose_part part)
{
    return wg_list_apply(x.tape, op, (wg_var[]){packed, x}, 2, &part, sizeof part, NULL);
}

wg_term wg_decompose_step(wg_derivation *d, const wg_op *op, wg_decompose_part part)
{
    wg_term packed = wg_primal(d, 0), x = wg_primal(d, 1);
    return wg_step(d, op, (wg_term[]){packed, x}, 2, &part, sizeof part);
}

/* ---- mirror: triangles of a matrix and of its transpose ---------------------------------------------------------- */

#define DECOMPOSE_MIRROR(R)                                                                                            \
    do {                                                                                                               \
        const R *x = (const R *)call->in[0].data + start;                                                              \
        R *y = (R *)call->out + start;                                                                                 \
        for (size_t i = 0; i < n; i++)                                                                                 \
            for (size_t j = 0; j < n; j++) {                                                                           \
                int which = i > j ? 0 : i == j ? 1 : 2;                                                                \
                R own = (R)t->own[which], turned = (R)t->turned[which];                                                \
                R sum = (own != 0 ? own * x[i * n + j] : 0) + (turned != 0 ? turned * x[j * n + i] : 0);               \
                y[i * n + j] = call->add ? y[i * n + j] + sum : sum;                                                   \
            }                                                                                                          \
    } while (0)
static wg_status decompose_mirror(wg_call *call)
{
    const wg_decompose_triangles *t = call->attributes;
    wg_linalg_stack stack = wg_linalg_stack_of(&call->shape);
    size_t n = stack.n;
    for (size_t k = 0; k < stack.count; k++) {
        size_t start = k * n * n;
        if (call->dtype == WG_F64)
            DECOMPOSE_MIRROR(double);
        else
            DECOMPOSE_MIRROR(float);
    }
    return WG_OK;
}
#undef DECOMPOSE_MIRROR

/* x_ij goes to y_ij, and to y_ji, on the other side of the diagonal. */
static void decompose_derive_mirror(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    wg_decompose_triangles adjoint = *(const wg_decompose_triangles *)call->attributes;
    double below = adjoint.turned[0];
    adjoint.turned[0] = adjoint.turned[2];
    adjoint.turned[2] = below;
    wg_term g = wg_cotangent(d);
    wg_give(d, 0, call->op, &g, 1, &adjoint, sizeof adjoint);
}

static size_t decompose_describe_mirror(const wg_call *call, char *text, size_t size)
{
    const wg_decompose_triangles *t = call->attributes;
    wg_words words = {text, size, 0};
    for (int k = 0; k < 3; k++) wg_words_number(&words, "own", t->own[k]);
    for (int k = 0; k < 3; k++) wg_words_number(&words, "turned", t->turned[k]);
    return words.length;
}

static const wg_op decompose_op_mirror = {.name = "mirror",
    .arity = 1,
    .flags = WG_OP_ADDS | WG_OP_LINEAR,
    .shape = wg_linalg_infer_same,
    .evaluate = decompose_mirror,
    .derivative = decompose_derive_mirror,
    .describe = decompose_describe_mirror};

wg_term wg_decompose_mirror(wg_derivation *d, wg_term x, wg_decompose_triangles triangles)
{
    return wg_step(d, &decompose_op_mirror, &x, 1, &triangles, sizeof triangles);
}

wg_term wg_decompose_skew(wg_derivation *d, wg_term x)
{
    return wg_decompose_mirror(d, x, (wg_decompose_triangles){{1, 0, 1}, {-1, 0, -1}});
}

/* ---- vectors beside matrices ------------------------------------------------------------------------------------- */

wg_term wg_decompose_as_row(wg_derivation *d, wg_term vectors, const wg_shape *shape)
{
    wg_shape rows = *shape;
    rows.dim[rows.rank] = rows.dim[rows.rank - 1];
    rows.dim[rows.rank++ - 1] = 1;
    return wg_step(d, wg_op_reshape(), &vectors, 1, &rows, sizeof rows);
}

wg_term wg_decompose_as_column(wg_derivation *d, wg_term vectors, const wg_shape *shape)
{
    wg_shape columns = *shape;
    columns.dim[columns.rank++] = 1;
    return wg_step(d, wg_op_reshape(), &vectors, 1, &columns, sizeof columns);
}

/* ---- gaps -------------------------------------------------------------------------------------------------------- */

static wg_status decompose_infer_gaps(wg_call *call)
{
    call->shape = *call->in[0].shape;
    call->shape.dim[call->shape.rank] = call->shape.dim[call->shape.rank - 1];
    call->shape.rank++;
    return WG_OK;
}

/* Sorted, so neighbours are nearest. NaN is near to nothing. */
static wg_status decompose_check_gaps(wg_call *call, size_t matrix, size_t n, const char *name, const char *what)
{
    double largest = 0;
    for (size_t i = 0; i < n; i++)
        largest = fmax(largest, fabs(wg_linalg_number(call->dtype, call->in[0].data, matrix * n + i)));
    double threshold = wg_decompose_threshold(call->dtype, n, largest);
    for (size_t i = 0; i + 1 < n; i++) {
        double a = wg_linalg_number(call->dtype, call->in[0].data, matrix * n + i),
               b = wg_linalg_number(call->dtype, call->in[0].data, matrix * n + i + 1);
        if (!(fabs(a - b) <= threshold)) continue;
        char text[WG_LINALG_TEXT];
        return wg_tape_fail(call->tape, WG_ERROR_ARGUMENT,
            "%s: the derivative of the vectors does not exist: %svalues %zu and %zu of %s coincide: %.9g and %.9g "
            "(that of the values alone exists)",
            name, what, i, i + 1, wg_linalg_place(&call->shape, matrix, text), a, b);
    }
    return WG_OK;
}

#define DECOMPOSE_GAPS(R)                                                                                              \
    do {                                                                                                               \
        const R *w = (const R *)call->in[0].data + k * n;                                                              \
        R *out = (R *)call->out + k * n * n;                                                                           \
        for (size_t i = 0; i < n; i++)                                                                                 \
            for (size_t j = 0; j < n; j++) out[i * n + j] = i == j ? 0 : 1 / (w[j] - w[i]);                            \
    } while (0)
static wg_status decompose_gaps(wg_call *call, const char *name, const char *what)
{
    size_t n = call->shape.dim[call->shape.rank - 1], count = wg_linalg_stack_of(&call->shape).count;
    for (size_t k = 0; k < count; k++) {
        if (decompose_check_gaps(call, k, n, name, what) != WG_OK) return call->tape->status;
        if (call->dtype == WG_F64)
            DECOMPOSE_GAPS(double);
        else
            DECOMPOSE_GAPS(float);
    }
    return WG_OK;
}
#undef DECOMPOSE_GAPS

static wg_status decompose_eigh_gaps(wg_call *call) { return decompose_gaps(call, "eigh", "eigen"); }
static wg_status decompose_svd_gaps(wg_call *call) { return decompose_gaps(call, "svd", "singular "); }

/* F_ij = 1 / (w_j - w_i), so dF_ij = F_ij^2 (dw_i - dw_j): w_i gets the sum over j of T_ij - T_ji, T = g F^2. */
static void decompose_derive_gaps(wg_derivation *d)
{
    const wg_shape *shape = wg_derivation_call(d)->in[0].shape;
    wg_term g = wg_cotangent(d), f = wg_result(d);
    wg_term t = wg_step(d, wg_op_mul(), (wg_term[]){g, f}, 2, NULL, 0);
    t = wg_decompose_skew(d, wg_step(d, wg_op_mul(), (wg_term[]){t, f}, 2, NULL, 0));
    wg_shape columns = *shape;
    columns.dim[columns.rank++] = 1;
    wg_term sums = wg_step(d, wg_op_sum_to(), &t, 1, &columns, sizeof columns);
    wg_give(d, 0, wg_op_reshape(), &sums, 1, shape, sizeof *shape);
}

const wg_op wg_decompose_op_eigh_gaps = {.name = "eigh_gaps",
    .arity = 1,
    .shape = decompose_infer_gaps,
    .evaluate = decompose_eigh_gaps,
    .derivative = decompose_derive_gaps};
const wg_op wg_decompose_op_svd_gaps = {.name = "svd_gaps",
    .arity = 1,
    .shape = decompose_infer_gaps,
    .evaluate = decompose_svd_gaps,
    .derivative = decompose_derive_gaps};
