/* What depends on the order of numbers: argmax, argmin, cummax, cummin, argsort, sort, topk, median, quantile.
 *
 * Each is an op whose result is indices, which have no derivative, and where values are asked for, a gather with
 * them. So a replay finds the order anew, the values' derivative is gather's, and no shape depends on a value. */
#include "kernels/order.h"
#include "ops/compose.h"
#include "ops/reduce.h"
#include "shape/shape.h"
#include "tape/list.h"
#include "tape/words.h"
#include "wengert/ops.h"

#include <math.h>
#include <string.h>

/* ---- argmax, argmin ---------------------------------------------------------------------------------------------- */

typedef struct order_axis {
    uint32_t axis;
    bool keepdims;
} order_axis;

static wg_status order_infer_extreme(wg_call *call)
{
    const order_axis *a = call->attributes;
    const wg_shape *in = call->in[0].shape;
    wg_reduce_axes axes = {.keepdims = false};
    axes.mask[a->axis] = true;
    call->shape = wg_reduce_shape(in, &axes, a->keepdims);
    call->indices = true;
    if (in->dim[a->axis] || wg_shape_product(&call->shape, 0, call->shape.rank) == 0) return WG_OK;
    return wg_call_fail(call, WG_ERROR_SHAPE, "of nothing: %s has no elements along axis %u", wg_call_describe(call, 0),
        (unsigned)a->axis);
}

/* Row after row, each element against the best of those before it; running, each row of the result is such a best. */
#define ORDER_EXTREME(R, BETTER)                                                                                       \
    do {                                                                                                               \
        const R *x = (const R *)call->in[0].data + o * split.extent * split.inner;                                     \
        for (size_t e = 1; e < split.extent; e++) {                                                                    \
            const int64_t *so_far = out + (running ? (e - 1) * split.inner : 0);                                       \
            int64_t *to = out + (running ? e * split.inner : 0);                                                       \
            for (size_t i = 0; i < split.inner; i++) {                                                                 \
                R now = x[e * split.inner + i], best = x[(size_t)so_far[i] * split.inner + i];                         \
                to[i] = now BETTER best || (now != now && best == best) ? (int64_t)e : so_far[i];                      \
            }                                                                                                          \
        }                                                                                                              \
    } while (0)

/* The same for rows of one element: the best stays in a register. */
#define ORDER_LINE(R, BETTER)                                                                                          \
    do {                                                                                                               \
        const R *x = (const R *)call->in[0].data + o * split.extent;                                                   \
        R best = x[0];                                                                                                 \
        int64_t at = 0;                                                                                                \
        for (size_t e = 1; e < split.extent; e++) {                                                                    \
            R now = x[e];                                                                                              \
            bool better = (now BETTER best) | ((now != now) & (best == best));                                         \
            best = better ? now : best;                                                                                \
            at = better ? (int64_t)e : at;                                                                             \
            if (running) out[e] = at;                                                                                  \
        }                                                                                                              \
        if (!running) *out = at;                                                                                       \
    } while (0)

#define ORDER_EITHER(R, BETTER)                                                                                        \
    do {                                                                                                               \
        if (split.inner == 1)                                                                                          \
            ORDER_LINE(R, BETTER);                                                                                     \
        else                                                                                                           \
            ORDER_EXTREME(R, BETTER);                                                                                  \
    } while (0)

static wg_status order_extreme(wg_call *call, bool largest, bool running)
{
    wg_shape_split split = wg_shape_around(call->in[0].shape, ((const order_axis *)call->attributes)->axis);
    int64_t *out = call->out;
    for (size_t o = 0; o < split.outer && split.extent; o++, out += split.inner * (running ? split.extent : 1)) {
        if (split.inner) memset(out, 0, split.inner * sizeof *out);
        if (call->dtype == WG_F64 && largest) ORDER_EITHER(double, >);
        if (call->dtype == WG_F64 && !largest) ORDER_EITHER(double, <);
        if (call->dtype == WG_F32 && largest) ORDER_EITHER(float, >);
        if (call->dtype == WG_F32 && !largest) ORDER_EITHER(float, <);
    }
    return WG_OK;
}
#undef ORDER_EXTREME
#undef ORDER_LINE
#undef ORDER_EITHER

static wg_status order_argmax(wg_call *call) { return order_extreme(call, true, false); }
static wg_status order_argmin(wg_call *call) { return order_extreme(call, false, false); }
static wg_status order_cummax(wg_call *call) { return order_extreme(call, true, true); }
static wg_status order_cummin(wg_call *call) { return order_extreme(call, false, true); }

static size_t order_describe_extreme(const wg_call *call, char *text, size_t size)
{
    const order_axis *a = call->attributes;
    wg_words words = {text, size, 0};
    wg_words_integer(&words, "axis", a->axis);
    wg_words_flag(&words, "keepdims", a->keepdims);
    return words.length;
}

static const wg_op order_op_argmax = {.name = "argmax",
    .arity = 1,
    .flags = WG_OP_CUTS,
    .shape = order_infer_extreme,
    .evaluate = order_argmax,
    .describe = order_describe_extreme};
static const wg_op order_op_argmin = {.name = "argmin",
    .arity = 1,
    .flags = WG_OP_CUTS,
    .shape = order_infer_extreme,
    .evaluate = order_argmin,
    .describe = order_describe_extreme};

static wg_status order_infer_running(wg_call *call)
{
    call->shape = *call->in[0].shape;
    call->indices = true;
    return WG_OK;
}

static const wg_op order_op_cummax = {.name = "cummax",
    .arity = 1,
    .flags = WG_OP_CUTS,
    .shape = order_infer_running,
    .evaluate = order_cummax,
    .describe = order_describe_extreme};
static const wg_op order_op_cummin = {.name = "cummin",
    .arity = 1,
    .flags = WG_OP_CUTS,
    .shape = order_infer_running,
    .evaluate = order_cummin,
    .describe = order_describe_extreme};

/* ---- the first in order: argsort, and topk's indices ------------------------------------------------------------- */

enum { ORDER_FEW = 16 };

typedef struct order_first {
    uint32_t axis;
    bool descending;
    size_t count; /* the extent of the result */
} order_first;

static wg_status order_infer_first(wg_call *call)
{
    const order_first *first = call->attributes;
    call->shape = *call->in[0].shape;
    call->indices = true;
    if (first->count > call->shape.dim[first->axis])
        return wg_call_fail(call, WG_ERROR_SHAPE, "k = %zu is more than the elements of %s along axis %u", first->count,
            wg_call_describe(call, 0), (unsigned)first->axis);
    call->shape.dim[first->axis] = first->count;
    return WG_OK;
}

/* The items of one line, and as many to spare. */
static size_t order_bytes(size_t n) { return 2 * n * sizeof(wg_kernel_item); }

static size_t order_scratch_first(const wg_call *call)
{
    return order_bytes(call->in[0].shape->dim[((const order_first *)call->attributes)->axis]);
}

static inline double order_number(const wg_call *call, size_t at)
{
    const void *x = call->in[0].data;
    return call->dtype == WG_F64 ? ((const double *)x)[at] : (double)((const float *)x)[at];
}

/* n elements from a position on, step apart. Returns the place of the first NaN, or n. */
static size_t order_read(
    const wg_call *call, size_t from, size_t n, size_t step, bool descending, wg_kernel_item *items)
{
    size_t nan = n;
    for (size_t e = 0; e < n; e++) {
        double x = order_number(call, from + e * step);
        items[e] = (wg_kernel_item){wg_kernel_order_key(x, descending), e};
        if (x != x && nan == n) nan = e;
    }
    return nan;
}

/* The first few of many: each element is held against the last of those kept so far, and most come after it. */
static void order_keep_first(const wg_call *call, size_t from, size_t n, size_t step, wg_kernel_item *items)
{
    const order_first *first = call->attributes;
    const double sign = first->descending ? 1 : -1;
    double worst = (double)NAN; /* of those kept, when they are all there */
    size_t count = 0;
    for (size_t e = 0; e < n; e++) {
        double x = order_number(call, from + e * step);
        if (sign * x <= sign * worst) continue;
        wg_kernel_item item = {wg_kernel_order_key(x, first->descending), e};
        count = wg_kernel_order_keep(items, count, first->count, item);
        if (count == first->count) worst = order_number(call, from + items[count - 1].at * step);
    }
}

static wg_status order_sort_first(wg_call *call)
{
    const order_first *first = call->attributes;
    wg_shape_split split = wg_shape_around(call->in[0].shape, first->axis);
    const size_t n = split.extent;
    const bool few = first->count <= ORDER_FEW && first->count <= n / ORDER_FEW;
    if (first->count == 0) return WG_OK;
    wg_kernel_item *items = wg_call_scratch(call, order_bytes(n));
    if (!items) return call->tape->status;
    for (size_t o = 0; o < split.outer; o++)
        for (size_t i = 0; i < split.inner; i++) {
            int64_t *out = (int64_t *)call->out + o * first->count * split.inner + i;
            size_t from = o * n * split.inner + i;
            if (few) {
                order_keep_first(call, from, n, split.inner, items);
            } else {
                order_read(call, from, n, split.inner, first->descending, items);
                wg_kernel_order_select(items, n, first->count, items + n);
                wg_kernel_order_sort(items, first->count, items + n);
            }
            for (size_t k = 0; k < first->count; k++) out[k * split.inner] = (int64_t)items[k].at;
        }
    return WG_OK;
}

static size_t order_describe_first(const wg_call *call, char *text, size_t size)
{
    const order_first *first = call->attributes;
    wg_words words = {text, size, 0};
    if (first->count != call->in[0].shape->dim[first->axis]) wg_words_integer(&words, "k", (int64_t)first->count);
    wg_words_integer(&words, "axis", first->axis);
    wg_words_flag(&words, "descending", first->descending);
    return words.length;
}

#define ORDER_OP_FIRST(name_)                                                                                          \
    {                                                                                                                  \
        .name = name_, .arity = 1, .flags = WG_OP_CUTS, .shape = order_infer_first, .evaluate = order_sort_first,      \
        .scratch = order_scratch_first, .describe = order_describe_first                                               \
    }
static const wg_op order_op_argsort = ORDER_OP_FIRST("argsort"), order_op_sort = ORDER_OP_FIRST("sort"),
                   order_op_topk = ORDER_OP_FIRST("topk");
#undef ORDER_OP_FIRST

/* ---- median and quantile: what stands at one place, or two neighbouring ones, in the order of each row ----------- */

typedef struct order_places {
    size_t low, count; /* from low on; count is 1 or 2 */
} order_places;

static wg_status order_infer_ranked(wg_call *call)
{
    const order_places *places = call->attributes;
    call->shape = (wg_shape){.rank = 2, .dim = {call->in[0].shape->dim[0], places->count}};
    call->indices = true;
    return WG_OK;
}

static size_t order_scratch_ranked(const wg_call *call) { return order_bytes(call->in[0].shape->dim[1]); }

/* Of the first ones in order the last, and then the one before it. Where there is NaN, the first NaN. */
static wg_status order_ranked(wg_call *call)
{
    const order_places *places = call->attributes;
    size_t rows = call->in[0].shape->dim[0], n = call->in[0].shape->dim[1], end = places->low + places->count;
    int64_t *out = call->out;
    if (rows == 0) return WG_OK;
    wg_kernel_item *items = wg_call_scratch(call, order_bytes(n));
    if (!items) return call->tape->status;
    for (size_t r = 0; r < rows; r++, out += places->count) {
        size_t nan = order_read(call, r * n, n, 1, false, items);
        wg_kernel_order_select(items, n, end, items + n);
        for (size_t first = end; first > places->low; first--)
            wg_kernel_order_select(items, first, first - 1, items + n);
        for (size_t k = 0; k < places->count; k++) out[k] = (int64_t)(nan < n ? nan : items[places->low + k].at);
    }
    return WG_OK;
}

static size_t order_describe_ranked(const wg_call *call, char *text, size_t size)
{
    const order_places *places = call->attributes;
    wg_words words = {text, size, 0};
    wg_words_integer(&words, "place", (int64_t)places->low);
    wg_words_integer(&words, "count", (int64_t)places->count);
    return words.length;
}

static const wg_op order_op_ranked = {.name = "ranked",
    .arity = 1,
    .flags = WG_OP_CUTS,
    .shape = order_infer_ranked,
    .evaluate = order_ranked,
    .scratch = order_scratch_ranked,
    .describe = order_describe_ranked};

/* x as rows: a matrix with one for each element of the result. */
static wg_var order_as_rows(wg_var x, const bool *mask, size_t rows, size_t count)
{
    wg_shape shape = wg_shape_of(x);
    int order[WG_MAX_RANK];
    uint32_t at = 0;
    bool moved = false;
    for (int reduced = 0; reduced < 2; reduced++)
        for (uint32_t d = 0; d < shape.rank; d++)
            if (mask[d] == (bool)reduced) {
                moved = moved || at != d;
                order[at++] = (int)d;
            }
    if (moved) x = wg_permute(x, order, shape.rank);
    return wg_reshape(x, WG_DIMS(rows, count));
}

/* The weighted mean of two neighbours, (1 - fraction, fraction), of every row. */
static wg_var order_between(wg_var pairs, double fraction)
{
    if (fraction == 0.5) return wg_mean_axes(pairs, WG_AXES(1), false);
    wg_var weights = wg_constant_f64(pairs.tape, WG_DIMS(2), (double[]){1 - fraction, fraction});
    return wg_sum_axes(wg_mul(pairs, weights), WG_AXES(1), false);
}

static wg_var order_quantile(wg_composition *c, wg_var x, double q, const wg_reduce_axes *axes)
{
    wg_shape shape = wg_shape_of(x), out = wg_reduce_shape(&shape, axes, axes->keepdims);
    size_t rows = wg_shape_product(&out, 0, out.rank), count = wg_reduce_count(&shape, axes->mask);
    if (rows && count == 0)
        wg_tape_fail(x.tape, WG_ERROR_SHAPE, "%s: of nothing: %s has no elements along the reduced axes", c->name,
            wg_list_describe(x.tape, x.index));
    else if (!(q >= 0 && q <= 1))
        wg_tape_fail(x.tape, WG_ERROR_ARGUMENT, "%s: q = %g is not between 0 and 1", c->name, q);
    if (x.tape->status != WG_OK) return wg_compose_close(c, wg_invalid(x.tape));
    double place = count ? q * (double)(count - 1) : 0, below = floor(place), fraction = place - below;
    order_places places = {(size_t)below, fraction > 0 ? 2 : 1};
    wg_var lines = order_as_rows(x, axes->mask, rows, count);
    wg_var ranked = wg_list_apply(x.tape, &order_op_ranked, &lines, 1, &places, sizeof places, NULL);
    wg_var y = wg_gather(lines, ranked, 1);
    return wg_compose_close(c, wg_reshape(fraction > 0 ? order_between(y, fraction) : y, out));
}

static wg_var order_quantile_of_all(const char *name, wg_var x, double q)
{
    wg_composition c;
    wg_reduce_axes axes = wg_reduce_everything();
    if (!wg_compose_open(&c, name, &x, 1, 0)) return wg_invalid(x.tape);
    return order_quantile(&c, x, q, &axes);
}

static wg_var order_quantile_of_axes(const char *name, wg_var x, double q, const int *axes, size_t n, bool keepdims)
{
    wg_composition c;
    wg_reduce_axes chosen = {.keepdims = keepdims};
    if (!wg_compose_open(&c, name, &x, 1, 0) || !wg_compose_axes(&c, x, axes, n, chosen.mask))
        return wg_invalid(x.tape);
    return order_quantile(&c, x, q, &chosen);
}

wg_var wg_median(wg_var x) { return order_quantile_of_all("median", x, 0.5); }
wg_var wg_quantile(wg_var x, double q) { return order_quantile_of_all("quantile", x, q); }

wg_var wg_median_axes(wg_var x, const int *axes, size_t n, bool keepdims)
{
    return order_quantile_of_axes("median", x, 0.5, axes, n, keepdims);
}

wg_var wg_quantile_axes(wg_var x, double q, const int *axes, size_t n, bool keepdims)
{
    return order_quantile_of_axes("quantile", x, q, axes, n, keepdims);
}

/* ---- public ------------------------------------------------------------------------------------------------------ */

/* Whether there is such an axis; what else may be wrong with x, wg_list_apply says. */
static bool order_find_axis(const char *name, wg_var x, int axis, uint32_t *found)
{
    *found = 0;
    if (!wg_list_valid(x) || x.tape->status != WG_OK) return true;
    wg_shape shape = wg_shape_of(x);
    if (wg_shape_axis(&shape, axis, found)) return true;
    wg_tape_fail(
        x.tape, WG_ERROR_SHAPE, "%s: axis %d is out of range for %s", name, axis, wg_list_describe(x.tape, x.index));
    return false;
}

static wg_var order_apply_extreme(const wg_op *op, wg_var x, int axis, bool keepdims)
{
    order_axis attributes = {.keepdims = keepdims};
    if (!x.tape || !order_find_axis(op->name, x, axis, &attributes.axis)) return wg_invalid(x.tape);
    return wg_list_apply(x.tape, op, &x, 1, &attributes, sizeof attributes, NULL);
}

wg_var wg_argmax(wg_var x, int axis, bool keepdims) { return order_apply_extreme(&order_op_argmax, x, axis, keepdims); }
wg_var wg_argmin(wg_var x, int axis, bool keepdims) { return order_apply_extreme(&order_op_argmin, x, axis, keepdims); }

static wg_var order_running(const wg_op *op, wg_var x, int axis)
{
    wg_composition c;
    if (!wg_compose_open(&c, op->name, &x, 1, 0)) return wg_invalid(x.tape);
    return wg_compose_close(&c, wg_gather(x, order_apply_extreme(op, x, axis, false), axis));
}

wg_var wg_cummax(wg_var x, int axis) { return order_running(&order_op_cummax, x, axis); }
wg_var wg_cummin(wg_var x, int axis) { return order_running(&order_op_cummin, x, axis); }

/* The indices of the first count along an axis, or of all where count is SIZE_MAX. */
static wg_var order_apply_first(const wg_op *op, wg_var x, int axis, bool descending, size_t count)
{
    order_first attributes = {.descending = descending};
    if (!x.tape || !order_find_axis(op->name, x, axis, &attributes.axis)) return wg_invalid(x.tape);
    attributes.count = count == SIZE_MAX ? wg_shape_of(x).dim[attributes.axis] : count;
    return wg_list_apply(x.tape, op, &x, 1, &attributes, sizeof attributes, NULL);
}

wg_var wg_argsort(wg_var x, int axis, bool descending)
{
    return order_apply_first(&order_op_argsort, x, axis, descending, SIZE_MAX);
}

wg_var wg_sort(wg_var x, int axis, bool descending)
{
    wg_composition c;
    if (!wg_compose_open(&c, "sort", &x, 1, 0)) return wg_invalid(x.tape);
    wg_var indices = order_apply_first(&order_op_sort, x, axis, descending, SIZE_MAX);
    return wg_compose_close(&c, wg_gather(x, indices, axis));
}

wg_status wg_topk(wg_var x, size_t k, int axis, wg_var *values, wg_var *indices)
{
    wg_composition c;
    wg_var result[2] = {wg_invalid(x.tape), wg_invalid(x.tape)};
    bool open = wg_compose_open(&c, "topk", &x, 1, 0);
    wg_status status = x.tape ? x.tape->status : WG_ERROR_ARGUMENT;
    if (open && (!values || !indices))
        status = wg_tape_fail(
            x.tape, WG_ERROR_ARGUMENT, "topk: the place for the %s is NULL", values ? "indices" : "values");
    if (status == WG_OK) {
        result[1] = order_apply_first(&order_op_topk, x, axis, true, k == SIZE_MAX ? k - 1 : k);
        result[0] = wg_gather(x, result[1], axis);
        status = wg_compose_close_all(&c, result, 2);
    }
    if (values) *values = result[0];
    if (indices) *indices = result[1];
    return status;
}
