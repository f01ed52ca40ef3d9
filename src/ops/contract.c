/* Contraction of two arrays over labelled axes, and the products that are one: dot, outer, inner, tensordot; kron and
 * cross.
 *
 * A pair's labels fall into four groups,
 *
 *     batch     in both, and still needed      sum      in both, and not needed
 *     rows      in the first alone             columns  in the second alone
 *
 * so the pair is (batch, rows, sum) @ (batch, sum, columns): one call of matmul, after each array is brought into
 * that order, if it does not lie so already or lies as the transpose. Nothing here but the diagonal is an op of its
 * own: derivatives come with the composition. */
#include "ops/contract.h"

#include "ops/compose.h"
#include "ops/copy.h"
#include "shape/shape.h"
#include "tape/words.h"
#include "wengert/ops.h"

#include <string.h>

/* ---- diagonal: axes that share a label become one ---------------------------------------------------------------- */

typedef struct contract_window {
    uint32_t result_of[WG_MAX_RANK]; /* axis k of the whole array is this one of the diagonal */
    wg_shape whole, part;
} contract_window;

/* The strides of the diagonal within the whole array. */
static void contract_diagonal_strides(const contract_window *axes, ptrdiff_t *strides)
{
    ptrdiff_t whole[WG_MAX_RANK];
    wg_shape_strides(&axes->whole, whole);
    for (uint32_t k = 0; k < axes->part.rank; k++) strides[k] = 0;
    for (uint32_t k = 0; k < axes->whole.rank; k++) strides[axes->result_of[k]] += whole[k];
}

static wg_status contract_infer_diagonal(wg_call *call)
{
    call->shape = ((const contract_window *)call->attributes)->part;
    return WG_OK;
}

static wg_status contract_diagonal(wg_call *call)
{
    const contract_window *axes = call->attributes;
    ptrdiff_t from[WG_MAX_RANK], to[WG_MAX_RANK];
    contract_diagonal_strides(axes, from);
    wg_shape_strides(&axes->part, to);
    wg_copy_strided(call, axes->part.rank, axes->part.dim, call->in[0].data, from, call->out, to, call->add);
    return WG_OK;
}

static wg_status contract_infer_spread(wg_call *call)
{
    call->shape = ((const contract_window *)call->attributes)->whole;
    return WG_OK;
}

/* Zeros, and the argument on the diagonal. */
static wg_status contract_spread(wg_call *call)
{
    const contract_window *axes = call->attributes;
    ptrdiff_t from[WG_MAX_RANK], to[WG_MAX_RANK];
    contract_diagonal_strides(axes, to);
    wg_shape_strides(&axes->part, from);
    size_t size = wg_shape_product(&axes->whole, 0, axes->whole.rank);
    if (!call->add) memset(call->out, 0, size * wg_dtype_size(call->dtype));
    wg_copy_strided(call, axes->part.rank, axes->part.dim, call->in[0].data, from, call->out, to, true);
    return WG_OK;
}

static void contract_derive_diagonal(wg_derivation *d);
static void contract_derive_spread(wg_derivation *d);

/* For each axis of the whole array, the one of the diagonal on which it lies. */
static size_t contract_describe(const wg_call *call, char *text, size_t size)
{
    const contract_window *axes = call->attributes;
    wg_words words = {text, size, 0};
    size_t on[WG_MAX_RANK];
    for (uint32_t k = 0; k < axes->whole.rank; k++) on[k] = axes->result_of[k];
    wg_words_sizes(&words, "axes", on, axes->whole.rank);
    return words.length;
}

static const wg_op contract_op_diagonal = {.name = "diagonal",
    .arity = 1,
    .flags = WG_OP_ADDS | WG_OP_LINEAR,
    .shape = contract_infer_diagonal,
    .evaluate = contract_diagonal,
    .derivative = contract_derive_diagonal,
    .describe = contract_describe};
static const wg_op contract_op_spread = {.name = "spread",
    .arity = 1,
    .flags = WG_OP_ADDS | WG_OP_LINEAR,
    .shape = contract_infer_spread,
    .evaluate = contract_spread,
    .derivative = contract_derive_spread,
    .describe = contract_describe};

static void contract_derive_diagonal(wg_derivation *d)
{
    wg_term g = wg_cotangent(d);
    wg_give(d, 0, &contract_op_spread, &g, 1, wg_derivation_call(d)->attributes, sizeof(contract_window));
}

static void contract_derive_spread(wg_derivation *d)
{
    wg_term g = wg_cotangent(d);
    wg_give(d, 0, &contract_op_diagonal, &g, 1, wg_derivation_call(d)->attributes, sizeof(contract_window));
}

/* ---- axes in order ----------------------------------------------------------------------------------------------- */

void wg_contract_diagonal(wg_labelled *x)
{
    contract_window axes = {.whole = wg_shape_of(x->var)};
    wg_labels distinct = {0};
    for (uint32_t k = 0; k < x->labels.n; k++) {
        uint32_t found = 0;
        while (found < distinct.n && distinct.at[found] != x->labels.at[k]) found++;
        if (found == distinct.n) {
            distinct.at[distinct.n++] = x->labels.at[k];
            axes.part.dim[axes.part.rank++] = axes.whole.dim[k];
        }
        axes.result_of[k] = found;
    }
    if (distinct.n == x->labels.n) return;
    x->labels = distinct;
    x->var = wg_list_apply(x->var.tape, &contract_op_diagonal, &x->var, 1, &axes, sizeof axes, NULL);
}

static bool contract_same(const wg_labels *a, const wg_labels *b)
{
    return a->n == b->n && memcmp(a->at, b->at, a->n) == 0;
}

wg_var wg_contract_arrange(const wg_labelled *x, const wg_labels *order)
{
    if (contract_same(&x->labels, order)) return x->var;
    int axes[WG_MAX_RANK];
    for (uint32_t k = 0; k < order->n; k++)
        for (uint32_t j = 0; j < order->n; j++)
            if (x->labels.at[j] == order->at[k]) axes[k] = (int)j;
    return wg_permute(x->var, axes, order->n);
}

/* ---- a pair ------------------------------------------------------------------------------------------------------ */

typedef struct contract_pair {
    const wg_labelled *a, *b;
    uint64_t batch, sum, rows, columns; /* sets of labels */
    const size_t *extent;               /* of every label */
    wg_labels result;
} contract_pair;

static size_t contract_product(const contract_pair *pair, uint64_t set)
{
    size_t product = 1;
    for (unsigned label = 0; label < WG_CONTRACT_LABELS; label++)
        if (wg_labels_have(set, label)) product *= pair->extent[label];
    return product;
}

/* The shape of one operand: a matrix, or a batch of them. */
static wg_shape contract_matrices(const contract_pair *pair, size_t rows, size_t columns)
{
    return pair->batch ? WG_DIMS(contract_product(pair, pair->batch), rows, columns) : WG_DIMS(rows, columns);
}

/* One operand as (batch, first, second). When it lies as (batch, second, first), a transpose, which costs no copy. */
static wg_var contract_matrix(const contract_pair *pair, const wg_labelled *x, uint64_t first, uint64_t second)
{
    wg_labels plain = {0}, turned = {0};
    const wg_labels *sums = &pair->a->labels, *own = &x->labels; /* both operands take the first's order of these */
    wg_labels_append(&plain, sums, pair->batch);
    turned = plain;
    wg_labels_append(&plain, first == pair->sum ? sums : own, first);
    wg_labels_append(&plain, second == pair->sum ? sums : own, second);
    wg_labels_append(&turned, second == pair->sum ? sums : own, second);
    wg_labels_append(&turned, first == pair->sum ? sums : own, first);
    size_t rows = contract_product(pair, first), columns = contract_product(pair, second);
    if (!contract_same(own, &turned) || contract_same(own, &plain))
        return wg_reshape(wg_contract_arrange(x, &plain), contract_matrices(pair, rows, columns));
    return wg_transpose(wg_reshape(x->var, contract_matrices(pair, columns, rows)));
}

static wg_shape contract_shape(const wg_labels *list, const size_t *extent)
{
    wg_shape shape = {.rank = list->n};
    for (uint32_t k = 0; k < list->n; k++) shape.dim[k] = extent[list->at[k]];
    return shape;
}

static wg_var contract_matmul(const contract_pair *pair)
{
    wg_var a = contract_matrix(pair, pair->a, pair->rows, pair->sum);
    wg_var b = contract_matrix(pair, pair->b, pair->sum, pair->columns);
    return wg_reshape(wg_matmul(a, b), contract_shape(&pair->result, pair->extent));
}

/* The operand in the order of the list, with an axis of 1 for each label that it lacks. */
static wg_var contract_stretched(const wg_labelled *x, const wg_labels *order, const size_t *extent)
{
    wg_labels own = {0};
    wg_labels_append(&own, order, wg_labels_set(&x->labels));
    wg_shape shape = {.rank = order->n};
    for (uint32_t k = 0; k < order->n; k++)
        shape.dim[k] = wg_labels_have(wg_labels_set(&own), order->at[k]) ? extent[order->at[k]] : 1;
    return wg_reshape(wg_contract_arrange(x, &own), shape);
}

/* Without rows and columns, or without a sum, matrices would be vectors: the product goes element by element. */
static wg_var contract_multiply(const contract_pair *pair)
{
    const wg_labels *order = pair->sum ? &pair->a->labels : &pair->result;
    wg_var a = contract_stretched(pair->a, order, pair->extent);
    wg_var b = contract_stretched(pair->b, order, pair->extent);
    wg_var product = wg_mul(a, b);
    int axes[WG_MAX_RANK];
    size_t n = 0;
    for (uint32_t k = 0; k < order->n; k++)
        if (wg_labels_have(pair->sum, order->at[k])) axes[n++] = (int)k;
    return n ? wg_sum_axes(product, axes, n, false) : product;
}

wg_labelled wg_contract_pair(const wg_labelled *a, const wg_labelled *b, uint64_t needed, const size_t *extent)
{
    uint64_t in_a = wg_labels_set(&a->labels), in_b = wg_labels_set(&b->labels), both = in_a & in_b;
    contract_pair pair = {.a = a, .b = b, .batch = both & needed, .sum = both & ~needed, .extent = extent};
    pair.rows = in_a & ~both;
    pair.columns = in_b & ~both;
    wg_labels_append(&pair.result, &a->labels, pair.batch);
    wg_labels_append(&pair.result, &a->labels, pair.rows);
    wg_labels_append(&pair.result, &b->labels, pair.columns);
    bool dots = pair.batch && !pair.rows && !pair.columns;
    wg_var product = !pair.sum || dots ? contract_multiply(&pair) : contract_matmul(&pair);
    return (wg_labelled){product, pair.result};
}

/* ---- public ------------------------------------------------------------------------------------------------------ */

/* Contracts axes axes_a of a with axes_b of b, in that order. */
static wg_var contract_axes(wg_var a, wg_var b, const uint32_t *axes_a, const uint32_t *axes_b, size_t n)
{
    wg_shape left = wg_shape_of(a), right = wg_shape_of(b);
    size_t extent[WG_CONTRACT_LABELS] = {0};
    wg_labelled first = {.var = a, .labels = {.n = left.rank}}, second = {.var = b, .labels = {.n = right.rank}};
    uint64_t needed = 0;
    for (uint32_t k = 0; k < left.rank; k++) first.labels.at[k] = (unsigned char)k;
    for (uint32_t k = 0; k < right.rank; k++) second.labels.at[k] = (unsigned char)(WG_MAX_RANK + k);
    for (size_t k = 0; k < n; k++) second.labels.at[axes_b[k]] = (unsigned char)axes_a[k];
    for (uint32_t k = 0; k < left.rank; k++) extent[k] = left.dim[k];
    for (uint32_t k = 0; k < right.rank; k++) extent[second.labels.at[k]] = right.dim[k];
    needed = wg_labels_set(&first.labels) ^ wg_labels_set(&second.labels);
    return wg_contract_pair(&first, &second, needed, extent).var;
}

/* The array's contracted axes, counted from the front. */
static bool contract_read_axes(wg_tape *tape, wg_var x, const char *which, const int *axes, size_t n, uint32_t *found)
{
    bool mask[WG_MAX_RANK];
    wg_shape shape = wg_shape_of(x);
    size_t at = 0;
    const char *wrong = wg_shape_axes(&shape, axes, n, mask, &at);
    for (size_t k = 0; k < n && !wrong; k++) wg_shape_axis(&shape, axes[k], &found[k]);
    if (wrong)
        wg_tape_fail(tape, WG_ERROR_SHAPE, "tensordot: axis %d of the %s operand %s for %s", axes[at], which, wrong,
            wg_list_describe(tape, x.index));
    return !wrong;
}

static wg_var contract_tensordot(
    wg_tape *tape, wg_var a, wg_var b, const int *axes_a, size_t na, const int *axes_b, size_t nb)
{
    uint32_t first[WG_MAX_RANK] = {0}, second[WG_MAX_RANK] = {0};
    wg_shape left = wg_shape_of(a), right = wg_shape_of(b);
    const char *names[] = {wg_list_describe(tape, a.index), wg_list_describe(tape, b.index)};
    if ((na && !axes_a) || (nb && !axes_b))
        wg_tape_fail(tape, WG_ERROR_ARGUMENT, "tensordot: an array of axes is NULL");
    else if (na != nb)
        wg_tape_fail(tape, WG_ERROR_SHAPE, "tensordot: %zu axes of %s are to be paired with %zu of %s", na, names[0],
            nb, names[1]);
    else if (!contract_read_axes(tape, a, "first", axes_a, na, first) ||
             !contract_read_axes(tape, b, "second", axes_b, nb, second))
        return wg_invalid(tape);
    for (size_t k = 0; k < na && tape->status == WG_OK; k++)
        if (left.dim[first[k]] != right.dim[second[k]])
            wg_tape_fail(tape, WG_ERROR_SHAPE,
                "tensordot: axis %d of %s is paired with axis %d of %s: the extents differ", axes_a[k], names[0],
                axes_b[k], names[1]);
    if (tape->status == WG_OK && left.rank + right.rank - 2 * na > WG_MAX_RANK)
        wg_tape_fail(tape, WG_ERROR_SHAPE, "tensordot: %s and %s: the result would have more than %d axes", names[0],
            names[1], WG_MAX_RANK);
    return tape->status == WG_OK ? contract_axes(a, b, first, second, na) : wg_invalid(tape);
}

wg_var wg_tensordot(wg_var a, wg_var b, const int *axes_a, size_t na, const int *axes_b, size_t nb)
{
    wg_composition c;
    if (!wg_compose_open(&c, "tensordot", (wg_var[]){a, b}, 2, 0)) return wg_invalid(c.tape);
    return wg_compose_close(&c, contract_tensordot(c.tape, a, b, axes_a, na, axes_b, nb));
}

wg_var wg_inner(wg_var a, wg_var b)
{
    wg_composition c;
    if (!wg_compose_open(&c, "inner", (wg_var[]){a, b}, 2, 0)) return wg_invalid(c.tape);
    wg_shape left = wg_shape_of(a), right = wg_shape_of(b);
    const char *wrong = NULL;
    if (!left.rank || !right.rank)
        wrong = "a 0-d operand has no last axis (wg_mul multiplies by a number)";
    else if (left.dim[left.rank - 1] != right.dim[right.rank - 1])
        wrong = "the last axes differ";
    else if (left.rank + right.rank - 2 > WG_MAX_RANK)
        wrong = "the result would have more than 8 axes";
    if (wrong) {
        wg_tape_fail(c.tape, WG_ERROR_SHAPE, "inner: %s: %s and %s", wrong, wg_list_describe(c.tape, a.index),
            wg_list_describe(c.tape, b.index));
        return wg_invalid(c.tape);
    }
    return wg_compose_close(&c, contract_axes(a, b, &(uint32_t){left.rank - 1}, &(uint32_t){right.rank - 1}, 1));
}

/* Two vectors, by matmul. */
static wg_var contract_vectors(const char *name, wg_var a, wg_var b, bool outer)
{
    wg_composition c;
    if (!wg_compose_open(&c, name, (wg_var[]){a, b}, 2, 0)) return wg_invalid(c.tape);
    wg_shape left = wg_shape_of(a), right = wg_shape_of(b);
    const char *wrong = NULL;
    if (left.rank != 1 || right.rank != 1)
        wrong = "both operands must have one axis";
    else if (!outer && left.dim[0] != right.dim[0])
        wrong = "the lengths differ";
    if (wrong) {
        wg_tape_fail(c.tape, WG_ERROR_SHAPE, "%s: %s: %s and %s", name, wrong, wg_list_describe(c.tape, a.index),
            wg_list_describe(c.tape, b.index));
        return wg_invalid(c.tape);
    }
    if (!outer) return wg_compose_close(&c, wg_matmul(a, b));
    wg_var column = wg_reshape(a, WG_DIMS(left.dim[0], 1)), row = wg_reshape(b, WG_DIMS(1, right.dim[0]));
    return wg_compose_close(&c, wg_matmul(column, row));
}

wg_var wg_dot(wg_var a, wg_var b) { return contract_vectors("dot", a, b, false); }
wg_var wg_outer(wg_var a, wg_var b) { return contract_vectors("outer", a, b, true); }

/* ---- element by element ------------------------------------------------------------------------------------------ */

/* The array's axes, each preceded (or followed) by an axis of 1, and as many in front as bring it to that rank. */
static wg_var contract_spaced(wg_var x, uint32_t rank, bool before)
{
    wg_shape shape = wg_shape_of(x), spaced = {.rank = 2 * rank};
    for (uint32_t d = 0; d < rank; d++) {
        size_t extent = d + shape.rank < rank ? 1 : shape.dim[d + shape.rank - rank];
        spaced.dim[2 * d + (before ? 1 : 0)] = extent;
        spaced.dim[2 * d + (before ? 0 : 1)] = 1;
    }
    return wg_reshape(x, spaced);
}

wg_var wg_kron(wg_var a, wg_var b)
{
    wg_composition c;
    if (!wg_compose_open(&c, "kron", (wg_var[]){a, b}, 2, 0)) return wg_invalid(c.tape);
    wg_shape left = wg_shape_of(a), right = wg_shape_of(b), whole = {0};
    uint32_t rank = left.rank > right.rank ? left.rank : right.rank;
    if (2 * rank > WG_MAX_RANK) {
        wg_tape_fail(c.tape, WG_ERROR_SHAPE, "kron: an operand has more than %d axes: %s and %s", WG_MAX_RANK / 2,
            wg_list_describe(c.tape, a.index), wg_list_describe(c.tape, b.index));
        return wg_invalid(c.tape);
    }
    wg_var product = wg_mul(contract_spaced(a, rank, false), contract_spaced(b, rank, true));
    wg_shape pairs = wg_shape_of(product);
    whole.rank = rank;
    for (uint32_t d = 0; d < rank; d++) whole.dim[d] = pairs.dim[2 * d] * pairs.dim[2 * d + 1];
    return wg_compose_close(&c, wg_reshape(product, whole));
}

/* a_i b_j - a_j b_i, along the last axis. */
static wg_var contract_minor(const wg_var *a, const wg_var *b, int i, int j)
{
    wg_var first = wg_mul(a[i], b[j]), second = wg_mul(a[j], b[i]);
    return wg_sub(first, second);
}

wg_var wg_cross(wg_var a, wg_var b)
{
    wg_composition c;
    if (!wg_compose_open(&c, "cross", (wg_var[]){a, b}, 2, 0)) return wg_invalid(c.tape);
    wg_shape left = wg_shape_of(a), right = wg_shape_of(b), both;
    const char *wrong = NULL;
    if (!left.rank || !right.rank || left.dim[left.rank - 1] != 3 || right.dim[right.rank - 1] != 3)
        wrong = "the last axes must have extent 3";
    else if (!wg_shape_broadcast(&left, &right, &both))
        wrong = "the shapes do not broadcast";
    if (wrong) {
        wg_tape_fail(c.tape, WG_ERROR_SHAPE, "cross: %s: %s and %s", wrong, wg_list_describe(c.tape, a.index),
            wg_list_describe(c.tape, b.index));
        return wg_invalid(c.tape);
    }
    wg_var x[3], y[3], parts[3];
    for (int i = 0; i < 3; i++) {
        x[i] = wg_slice(a, -1, i, i + 1, 1);
        y[i] = wg_slice(b, -1, i, i + 1, 1);
    }
    for (int i = 0; i < 3; i++) parts[i] = contract_minor(x, y, (i + 1) % 3, (i + 2) % 3);
    return wg_compose_close(&c, wg_concat(parts, 3, -1));
}
