/* Ops on the triangles and diagonals of matrices, the last two axes; those before them are a batch. diagonal and
 * diag_embed are each other's derivative, tril and triu each its own. */
#include "ops/compose.h"
#include "ops/copy.h"
#include "shape/shape.h"
#include "tape/words.h"
#include "wengert/ops.h"

#include <string.h>

/* The diagonal on which column - row = offset, of a matrix of so many rows and columns. */
typedef struct triangle_diagonal {
    ptrdiff_t offset;
    size_t rows, columns;
} triangle_diagonal;

static size_t triangle_distance(ptrdiff_t offset) { return offset < 0 ? 0 - (size_t)offset : (size_t)offset; }

/* How many elements it has: none when it passes the matrix by. */
static size_t triangle_length(const triangle_diagonal *line)
{
    size_t rows = line->rows, columns = line->columns, away = triangle_distance(line->offset);
    size_t *shorter = line->offset < 0 ? &rows : &columns;
    *shorter = away < *shorter ? *shorter - away : 0;
    return rows < columns ? rows : columns;
}

/* Copies between the diagonals of matrices and an array of them alone. */
static void triangle_copy(const wg_call *call, const wg_shape *matrices, const triangle_diagonal *line, const void *in,
    void *out, bool out_is_matrices, bool add)
{
    ptrdiff_t across[WG_MAX_RANK], alone[WG_MAX_RANK];
    wg_shape diagonals = *matrices;
    uint32_t last = --diagonals.rank - 1;
    diagonals.dim[last] = triangle_length(line);
    if (diagonals.dim[last] == 0) return;
    wg_shape_strides(matrices, across);
    wg_shape_strides(&diagonals, alone);
    size_t away = triangle_distance(line->offset), start = line->offset < 0 ? away * line->columns : away;
    size_t bytes = start * wg_copy_element(call);
    across[last] = (ptrdiff_t)line->columns + 1;
    if (out_is_matrices)
        wg_copy_strided(call, diagonals.rank, diagonals.dim, in, alone, (char *)out + bytes, across, add);
    else
        wg_copy_strided(call, diagonals.rank, diagonals.dim, (const char *)in + bytes, across, out, alone, add);
}

static triangle_diagonal triangle_of(const wg_shape *matrices, ptrdiff_t offset)
{
    return (triangle_diagonal){offset, matrices->dim[matrices->rank - 2], matrices->dim[matrices->rank - 1]};
}

/* ---- diagonal ---------------------------------------------------------------------------------------------------- */

static wg_status triangle_infer_diagonal(wg_call *call)
{
    const wg_shape *shape = call->in[0].shape;
    if (shape->rank < 2) return wg_call_fail(call, WG_ERROR_SHAPE, "takes matrices, not %s", wg_call_describe(call, 0));
    triangle_diagonal line = triangle_of(shape, *(const ptrdiff_t *)call->attributes);
    call->shape = *shape;
    call->shape.rank--;
    call->shape.dim[call->shape.rank - 1] = triangle_length(&line);
    return WG_OK;
}

static wg_status triangle_take(wg_call *call)
{
    triangle_diagonal line = triangle_of(call->in[0].shape, *(const ptrdiff_t *)call->attributes);
    triangle_copy(call, call->in[0].shape, &line, call->in[0].data, call->out, false, call->add);
    return WG_OK;
}

static void triangle_derive_diagonal(wg_derivation *d);

/* Of all ops here: an offset, or a diagonal, which begins with one. */
static size_t triangle_describe(const wg_call *call, char *text, size_t size)
{
    wg_words words = {text, size, 0};
    wg_words_integer(&words, "offset", *(const ptrdiff_t *)call->attributes);
    return words.length;
}

static const wg_op triangle_op_diagonal = {.name = "diagonal",
    .arity = 1,
    .flags = WG_OP_ADDS | WG_OP_LINEAR,
    .shape = triangle_infer_diagonal,
    .evaluate = triangle_take,
    .derivative = triangle_derive_diagonal,
    .describe = triangle_describe};

/* ---- diag_embed: zeros, with each argument added on its diagonal ------------------------------------------------- */

static wg_status triangle_infer_embed(wg_call *call)
{
    const triangle_diagonal *line = call->attributes;
    const wg_shape *shape = call->in[0].shape;
    if (shape->rank == 0 || shape->rank == WG_MAX_RANK)
        return wg_call_fail(
            call, WG_ERROR_SHAPE, "takes 1 to %d axes, not %s", WG_MAX_RANK - 1, wg_call_describe(call, 0));
    call->shape = *shape;
    call->shape.dim[shape->rank - 1] = line->rows;
    call->shape.dim[call->shape.rank++] = line->columns;
    return WG_OK;
}

/* Adding touches the diagonals alone, and those of one array are put together in one application. */
static wg_status triangle_put(wg_call *call)
{
    const triangle_diagonal *lines = call->attributes;
    size_t size = wg_shape_product(&call->shape, 0, call->shape.rank);
    if (!call->add) memset(call->out, 0, size * wg_copy_element(call));
    for (size_t k = 0; k < call->n; k++)
        triangle_copy(call, &call->shape, &lines[k], call->in[k].data, call->out, true, true);
    return WG_OK;
}

static void triangle_derive_embed(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    const triangle_diagonal *lines = call->attributes;
    wg_term g = wg_cotangent(d);
    for (size_t k = 0; k < call->n; k++)
        wg_give(d, k, &triangle_op_diagonal, &g, 1, &lines[k].offset, sizeof lines[k].offset);
}

static const wg_op triangle_op_embed = {.name = "diag_embed",
    .arity = WG_ANY_ARITY,
    .flags = WG_OP_ADDS | WG_OP_JOINS | WG_OP_LINEAR,
    .shape = triangle_infer_embed,
    .evaluate = triangle_put,
    .derivative = triangle_derive_embed,
    .describe = triangle_describe};

static void triangle_derive_diagonal(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    triangle_diagonal line = triangle_of(call->in[0].shape, *(const ptrdiff_t *)call->attributes);
    wg_term g = wg_cotangent(d);
    wg_give(d, 0, &triangle_op_embed, &g, 1, &line, sizeof line);
}

/* ---- diagonal, diag_embed, diag, trace --------------------------------------------------------------------------- */

wg_var wg_diagonal(wg_var x, ptrdiff_t offset)
{
    if (!x.tape) return wg_invalid(NULL);
    return wg_list_apply(x.tape, &triangle_op_diagonal, &x, 1, &offset, sizeof offset, NULL);
}

wg_var wg_diag_embed(wg_var x, ptrdiff_t offset)
{
    wg_composition c;
    if (!wg_compose_open(&c, "diag_embed", &x, 1, 0)) return wg_invalid(x.tape);
    wg_shape shape = wg_shape_of(x);
    size_t length = shape.rank ? shape.dim[shape.rank - 1] : 0, away = triangle_distance(offset);
    triangle_diagonal line = {offset, length + away, length + away}; /* both are at most half of SIZE_MAX */
    return wg_list_apply(x.tape, &triangle_op_embed, &x, 1, &line, sizeof line, NULL);
}

wg_var wg_diag(wg_var x, ptrdiff_t offset)
{
    wg_composition c;
    if (!wg_compose_open(&c, "diag", &x, 1, 0)) return wg_invalid(x.tape);
    uint32_t rank = wg_shape_of(x).rank;
    if (rank == 1) return wg_compose_close(&c, wg_diag_embed(x, offset));
    if (rank == 2) return wg_compose_close(&c, wg_diagonal(x, offset));
    wg_tape_fail(c.tape, WG_ERROR_SHAPE,
        "diag: takes a vector or a matrix, not %s; diagonal and diag_embed take batches",
        wg_list_describe(c.tape, x.index));
    return wg_invalid(x.tape);
}

wg_var wg_trace(wg_var x)
{
    wg_composition c;
    if (!wg_compose_open(&c, "trace", &x, 1, 0)) return wg_invalid(x.tape);
    return wg_compose_close(&c, wg_sum_axes(wg_diagonal(x, 0), WG_AXES(-1), false));
}

/* ---- tril and triu ----------------------------------------------------------------------------------------------- */

static wg_status triangle_infer_same(wg_call *call)
{
    if (call->in[0].shape->rank < 2)
        return wg_call_fail(call, WG_ERROR_SHAPE, "takes matrices, not %s", wg_call_describe(call, 0));
    call->shape = *call->in[0].shape;
    return WG_OK;
}

static const wg_op triangle_op_tril;

/* The columns [first, last) of a row that stay. */
static void triangle_columns(
    const wg_call *call, ptrdiff_t offset, size_t row, size_t columns, size_t *first, size_t *last)
{
    bool lower = call->op == &triangle_op_tril;
    ptrdiff_t edge = (ptrdiff_t)row + offset + lower, end = (ptrdiff_t)columns;
    size_t at = (size_t)(edge < 0 ? 0 : edge > end ? end : edge);
    *first = lower ? 0 : at;
    *last = lower ? at : columns;
}

/* Row after row, each in all matrices at once: there may be many small ones. */
static wg_status triangle_cut(wg_call *call)
{
    uint32_t rank = call->shape.rank;
    size_t rows = call->shape.dim[rank - 2], columns = call->shape.dim[rank - 1], element = wg_copy_element(call);
    ptrdiff_t offset = *(const ptrdiff_t *)call->attributes, strides[] = {(ptrdiff_t)(rows * columns), 1};
    size_t count[] = {wg_shape_product(&call->shape, 0, rank - 2), 0};
    if (call->in[0].size == 0) return WG_OK;
    if (offset > (ptrdiff_t)columns) offset = (ptrdiff_t)columns; /* further off is all the same, and cannot overflow */
    if (offset < -(ptrdiff_t)rows - 1) offset = -(ptrdiff_t)rows - 1;
    if (!call->add) memset(call->out, 0, call->in[0].size * element);
    for (size_t row = 0; row < rows; row++) {
        size_t first, last;
        triangle_columns(call, offset, row, columns, &first, &last);
        size_t skip = (row * columns + first) * element;
        count[1] = last - first;
        wg_copy_strided(call, 2, count, (const char *)call->in[0].data + skip, strides, (char *)call->out + skip,
            strides, call->add);
    }
    return WG_OK;
}

static void triangle_derive_cut(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    wg_term g = wg_cotangent(d);
    wg_give(d, 0, call->op, &g, 1, call->attributes, sizeof(ptrdiff_t));
}

static const wg_op triangle_op_tril = {.name = "tril",
    .arity = 1,
    .flags = WG_OP_ADDS | WG_OP_LINEAR,
    .shape = triangle_infer_same,
    .evaluate = triangle_cut,
    .derivative = triangle_derive_cut,
    .describe = triangle_describe};

static const wg_op triangle_op_triu = {.name = "triu",
    .arity = 1,
    .flags = WG_OP_ADDS | WG_OP_LINEAR,
    .shape = triangle_infer_same,
    .evaluate = triangle_cut,
    .derivative = triangle_derive_cut,
    .describe = triangle_describe};

static wg_var triangle_apply(const wg_op *op, wg_var x, ptrdiff_t offset)
{
    return x.tape ? wg_list_apply(x.tape, op, &x, 1, &offset, sizeof offset, NULL) : wg_invalid(NULL);
}

wg_var wg_tril(wg_var x, ptrdiff_t offset) { return triangle_apply(&triangle_op_tril, x, offset); }
wg_var wg_triu(wg_var x, ptrdiff_t offset) { return triangle_apply(&triangle_op_triu, x, offset); }
