/* Rows replaced, set_rows; numbers made of indices, one_hot and to_numbers; and indices in a sequence, arange.
 *
 * Of several rows that replace the same one, the last wins. So set_rows and what its derivative is made of keep a
 * tick per row of the whole array, to tell the last by running through the indices backwards. All of them are linear
 * in their numbers, and the adjoint of each is another of them. */
#include "ops/copy.h"
#include "ops/gather.h"
#include "shape/shape.h"
#include "tape/words.h"
#include "wengert/ops.h"

#include <string.h>

#define ROWS_LINEAR (WG_OP_TAKES_INDICES | WG_OP_LINEAR)

/* ---- set_rows: rows replaced, the last of those with one index winning ------------------------------------------- */

/* Along axis 0: a row at p of an array of rows of inner elements. */
static const char *rows_in(const wg_call *call, const void *array, size_t p, size_t inner)
{
    return (const char *)array + p * inner * wg_dtype_size(call->dtype);
}

static char *rows_out(const wg_call *call, size_t p, size_t inner)
{
    return (char *)call->out + p * inner * wg_dtype_size(call->dtype);
}

/* out = or += in, or zeros when in is NULL. */
static void rows_write(const wg_call *call, size_t inner, const char *in, char *out)
{
    ptrdiff_t one = 1;
    if (in)
        wg_copy_strided(call, 1, &inner, in, &one, out, &one, call->add);
    else if (!call->add && inner)
        memset(out, 0, inner * wg_dtype_size(call->dtype));
}

/* Room to tick off rows, the ticks cleared, once the indices are seen to be in range. NULL: the error is set. */
static bool *rows_ticks(wg_call *call)
{
    size_t extent = ((const wg_gather_place *)call->attributes)->whole.dim[0];
    if (wg_gather_check(call, 1, 0, extent) != WG_OK) return NULL;
    bool *ticks = wg_call_scratch(call, extent + 1);
    if (ticks) memset(ticks, 0, extent + 1);
    return ticks;
}

static size_t rows_ticks_scratch(const wg_call *call)
{
    return ((const wg_gather_place *)call->attributes)->whole.dim[0] + 1;
}

/* Where the indices of argument 1 point. */
static size_t rows_at(const wg_call *call, size_t k)
{
    const int64_t *index = call->in[1].data;
    return index[k] < 0 ? ((const wg_gather_place *)call->attributes)->whole.dim[0] - (size_t)(-index[k])
                        : (size_t)index[k];
}

static size_t rows_inner(const wg_call *call)
{
    return wg_shape_around(&((const wg_gather_place *)call->attributes)->whole, 0).inner;
}

/* set_rows(x, indices, rows) */
static wg_status rows_set_rows(wg_call *call)
{
    size_t inner = rows_inner(call), bytes = call->in[0].size * wg_dtype_size(call->dtype);
    if (wg_gather_check(call, 1, 0, call->shape.dim[0]) != WG_OK) return call->tape->status;
    if (bytes) memcpy(call->out, call->in[0].data, bytes);
    for (size_t k = 0; k < call->in[1].size; k++)
        rows_write(call, inner, rows_in(call, call->in[2].data, k, inner), rows_out(call, rows_at(call, k), inner));
    return WG_OK;
}

/* cleared_rows(x, indices): x with zeros in those rows. */
static wg_status rows_cleared_rows(wg_call *call)
{
    size_t inner = rows_inner(call);
    bool *replaced = rows_ticks(call);
    if (!replaced) return call->tape->status;
    for (size_t k = 0; k < call->in[1].size; k++) replaced[rows_at(call, k)] = true;
    for (size_t p = 0; p < call->shape.dim[0]; p++)
        rows_write(
            call, inner, replaced[p] ? NULL : rows_in(call, call->in[0].data, p, inner), rows_out(call, p, inner));
    return WG_OK;
}

/* last_rows(x, indices): the rows taken, but zeros for an index that comes again later. */
static wg_status rows_last_rows(wg_call *call)
{
    size_t inner = rows_inner(call);
    bool *taken = rows_ticks(call);
    if (!taken) return call->tape->status;
    for (size_t k = call->in[1].size; k-- > 0;) {
        size_t p = rows_at(call, k);
        rows_write(call, inner, taken[p] ? NULL : rows_in(call, call->in[0].data, p, inner), rows_out(call, k, inner));
        taken[p] = true;
    }
    return WG_OK;
}

/* put_last(rows, indices): zeros of the whole shape with the rows put in, the last of each index. */
static wg_status rows_put_last(wg_call *call)
{
    size_t inner = rows_inner(call);
    bool *filled = rows_ticks(call);
    if (!filled) return call->tape->status;
    if (!call->add) wg_gather_clear(call);
    for (size_t k = call->in[1].size; k-- > 0;) {
        size_t p = rows_at(call, k);
        if (!filled[p]) rows_write(call, inner, rows_in(call, call->in[0].data, k, inner), rows_out(call, p, inner));
        filled[p] = true;
    }
    return WG_OK;
}

static void rows_derive_set_rows(wg_derivation *d);
static void rows_derive_cleared_rows(wg_derivation *d);
static void rows_derive_last_rows(wg_derivation *d);
static void rows_derive_put_last(wg_derivation *d);

static const wg_op rows_op_set_rows = {.name = "set_rows",
    .arity = 3,
    .flags = ROWS_LINEAR,
    .shape = wg_gather_infer_index_add,
    .evaluate = rows_set_rows,
    .derivative = rows_derive_set_rows,
    .describe = wg_gather_describe};
static const wg_op rows_op_cleared_rows = {.name = "cleared_rows",
    .arity = 2,
    .flags = WG_OP_ADDS | ROWS_LINEAR,
    .shape = wg_gather_infer_whole,
    .evaluate = rows_cleared_rows,
    .scratch = rows_ticks_scratch,
    .derivative = rows_derive_cleared_rows,
    .describe = wg_gather_describe};
static const wg_op rows_op_last_rows = {.name = "last_rows",
    .arity = 2,
    .flags = WG_OP_ADDS | ROWS_LINEAR,
    .shape = wg_gather_infer_take,
    .evaluate = rows_last_rows,
    .scratch = rows_ticks_scratch,
    .derivative = rows_derive_last_rows,
    .describe = wg_gather_describe};
static const wg_op rows_op_put_last = {.name = "put_last",
    .arity = 2,
    .flags = WG_OP_ADDS | ROWS_LINEAR,
    .shape = wg_gather_infer_whole,
    .evaluate = rows_put_last,
    .scratch = rows_ticks_scratch,
    .derivative = rows_derive_put_last,
    .describe = wg_gather_describe};

/* Each is linear in one array, and its adjoint is one of the others: op applied to (g, indices) for input k. */
static void rows_derive_by(wg_derivation *d, size_t k, const wg_op *op)
{
    const wg_gather_place *place = wg_derivation_call(d)->attributes;
    wg_give(d, k, op, (wg_term[]){wg_cotangent(d), wg_primal(d, 1)}, 2, place, sizeof *place);
}

static void rows_derive_set_rows(wg_derivation *d)
{
    rows_derive_by(d, 0, &rows_op_cleared_rows);
    rows_derive_by(d, 2, &rows_op_last_rows);
}

static void rows_derive_cleared_rows(wg_derivation *d) { rows_derive_by(d, 0, &rows_op_cleared_rows); }
static void rows_derive_last_rows(wg_derivation *d) { rows_derive_by(d, 0, &rows_op_put_last); }
static void rows_derive_put_last(wg_derivation *d) { rows_derive_by(d, 0, &rows_op_last_rows); }

/* ---- one_hot, to_numbers: numbers made of indices, without a derivative ------------------------------------------ */

static wg_status rows_infer_one_hot(wg_call *call)
{
    if (wg_gather_expect(call, 0, true) != WG_OK) return call->tape->status;
    call->shape = *call->in[0].shape;
    if (call->shape.rank == WG_MAX_RANK)
        return wg_call_fail(call, WG_ERROR_SHAPE, "%s has no room for one more axis: %d is the most there can be",
            wg_call_describe(call, 0), WG_MAX_RANK);
    call->shape.dim[call->shape.rank++] = *(const size_t *)call->attributes;
    return WG_OK;
}

static wg_status rows_one_hot(wg_call *call)
{
    size_t classes = *(const size_t *)call->attributes;
    const int64_t *index = call->in[0].data;
    if (wg_gather_check(call, 0, call->shape.rank - 1, classes) != WG_OK) return call->tape->status;
    wg_gather_clear(call);
    for (size_t i = 0; i < call->in[0].size; i++) {
        size_t at = i * classes + (size_t)(index[i] < 0 ? index[i] + (int64_t)classes : index[i]);
        if (call->dtype == WG_F64)
            ((double *)call->out)[at] = 1;
        else
            ((float *)call->out)[at] = 1;
    }
    return WG_OK;
}

static wg_status rows_infer_to_numbers(wg_call *call)
{
    call->shape = *call->in[0].shape;
    return wg_gather_expect(call, 0, true);
}

static wg_status rows_to_numbers(wg_call *call)
{
    const int64_t *index = call->in[0].data;
    for (size_t i = 0; i < call->in[0].size; i++)
        if (call->dtype == WG_F64)
            ((double *)call->out)[i] = (double)index[i];
        else
            ((float *)call->out)[i] = (float)index[i];
    return WG_OK;
}

static size_t rows_describe_one_hot(const wg_call *call, char *text, size_t size)
{
    wg_words words = {text, size, 0};
    wg_words_integer(&words, "classes", (int64_t) * (const size_t *)call->attributes);
    return words.length;
}

static const wg_op rows_op_one_hot = {.name = "one_hot",
    .arity = 1,
    .flags = WG_OP_CUTS | WG_OP_TAKES_INDICES,
    .shape = rows_infer_one_hot,
    .evaluate = rows_one_hot,
    .describe = rows_describe_one_hot};
static const wg_op rows_op_to_numbers = {.name = "to_numbers",
    .arity = 1,
    .flags = WG_OP_CUTS | WG_OP_TAKES_INDICES,
    .shape = rows_infer_to_numbers,
    .evaluate = rows_to_numbers};

/* ---- arange: an op of no arguments ------------------------------------------------------------------------------- */

typedef struct rows_sequence {
    int64_t start, step;
    uint64_t count;
} rows_sequence;

static wg_status rows_infer_arange(wg_call *call)
{
    uint64_t count = ((const rows_sequence *)call->attributes)->count;
    call->indices = true;
    call->shape = (wg_shape){1, {(size_t)count}};
    if ((size_t)count == count) return WG_OK;
    return wg_call_fail(call, WG_ERROR_SHAPE, "the size of the result overflows");
}

static wg_status rows_arange(wg_call *call)
{
    const rows_sequence *s = call->attributes;
    int64_t *out = call->out;
    for (size_t i = 0; i < call->shape.dim[0]; i++) out[i] = i ? out[i - 1] + s->step : s->start;
    return WG_OK;
}

static size_t rows_describe_arange(const wg_call *call, char *text, size_t size)
{
    const rows_sequence *s = call->attributes;
    wg_words words = {text, size, 0};
    wg_words_integer(&words, "start", s->start);
    wg_words_integer(&words, "step", s->step);
    wg_words_integer(&words, "count", (int64_t)s->count);
    return words.length;
}

static const wg_op rows_op_arange = {.name = "arange",
    .arity = 0,
    .flags = WG_OP_CUTS,
    .shape = rows_infer_arange,
    .evaluate = rows_arange,
    .describe = rows_describe_arange};

/* ---- public ------------------------------------------------------------------------------------------------------ */

wg_var wg_set_rows(wg_var x, wg_var indices, wg_var rows)
{
    return wg_gather_apply(&rows_op_set_rows, (wg_var[]){x, indices, rows}, 0);
}

wg_var wg_one_hot(wg_var indices, size_t classes)
{
    if (!indices.tape) return wg_invalid(NULL);
    return wg_list_apply(indices.tape, &rows_op_one_hot, &indices, 1, &classes, sizeof classes, NULL);
}

wg_var wg_to_numbers(wg_var indices)
{
    if (!indices.tape) return wg_invalid(NULL);
    return wg_list_apply(indices.tape, &rows_op_to_numbers, &indices, 1, NULL, 0, NULL);
}

/* The distance fits in 64 bits without a sign, and so does -step. */
wg_var wg_arange(wg_tape *tape, int64_t start, int64_t stop, int64_t step)
{
    if (!tape) return wg_invalid(NULL);
    if (step == 0 && tape->status == WG_OK) {
        wg_tape_fail(
            tape, WG_ERROR_ARGUMENT, "arange: the step from %lld to %lld is 0", (long long)start, (long long)stop);
        return wg_invalid(tape);
    }
    rows_sequence s = {start, step, 0};
    uint64_t from = (uint64_t)start, to = (uint64_t)stop, by = (uint64_t)step;
    if (step > 0 && start < stop) s.count = (to - from - 1) / by + 1;
    if (step < 0 && start > stop) s.count = (from - to - 1) / (0 - by) + 1;
    return wg_list_apply(tape, &rows_op_arange, NULL, 0, &s, sizeof s, NULL);
}

#undef ROWS_LINEAR
