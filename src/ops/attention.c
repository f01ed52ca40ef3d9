/* Scaled dot-product attention (A. Vaswani et al., Attention is all you need, 2017), and rotary position embedding (J. Su
 * et al., RoFormer: enhanced transformer with rotary position embedding, 2021).
 *
 * Attention is two products around a softmax, whose rows without a finite entry are zeros. So -inf in a mask stands for
 * "may not look": it gives a weight of exactly 0, and every derivative of a softmax has the weights as factors, of which
 * an exact 0 wins over anything. The rotation is linear, and its adjoint is the rotation back. */
#include "ops/compose.h"
#include "shape/shape.h"
#include "tape/words.h"
#include "wengert/ops.h"

#include <math.h>

/* ---- the causal mask ----------------------------------------------------------------------------------------------------- */

/* Column j of row i stays where j <= i + past; elsewhere the result is fill. */
typedef struct attention_causal {
    size_t past;
    double fill;
} attention_causal;

static wg_status attention_infer_causal(wg_call *call)
{
    call->shape = *call->in[0].shape;
    return WG_OK;
}

#define ATTENTION_CAUSAL(R, type)                                                                                      \
    static void attention_causal_##type(                                                                               \
        size_t matrices, size_t rows, size_t columns, const attention_causal *causal, const R *in, R *out)             \
    {                                                                                                                  \
        for (size_t k = 0; k < matrices * rows; k++, in += columns, out += columns) {                                  \
            size_t i = k % rows, most = columns - 1, seen = columns;                                                   \
            if (i < most && causal->past < most - i) seen = i + causal->past + 1;                                      \
            for (size_t j = 0; j < seen; j++) out[j] = in[j];                                                          \
            for (size_t j = seen; j < columns; j++) out[j] = (R)causal->fill;                                          \
        }                                                                                                              \
    }
ATTENTION_CAUSAL(double, f64)
ATTENTION_CAUSAL(float, f32)
#undef ATTENTION_CAUSAL

static wg_status attention_evaluate_causal(wg_call *call)
{
    const wg_shape *shape = &call->shape;
    size_t matrices = wg_shape_product(shape, 0, shape->rank - 2), rows = shape->dim[shape->rank - 2];
    size_t columns = shape->dim[shape->rank - 1];
    if (columns && call->dtype == WG_F64)
        attention_causal_f64(matrices, rows, columns, call->attributes, call->in[0].data, call->out);
    if (columns && call->dtype == WG_F32)
        attention_causal_f32(matrices, rows, columns, call->attributes, call->in[0].data, call->out);
    return WG_OK;
}

/* x: g, and 0 where the result is fill. */
static void attention_derive_causal(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    attention_causal causal = *(const attention_causal *)call->attributes;
    wg_term g = wg_cotangent(d);
    causal.fill = 0;
    wg_give(d, 0, call->op, &g, 1, &causal, sizeof causal);
}

static size_t attention_describe_causal(const wg_call *call, char *text, size_t size)
{
    const attention_causal *causal = call->attributes;
    wg_words words = {text, size, 0};
    wg_words_integer(&words, "past", (int64_t)causal->past);
    wg_words_number(&words, "fill", causal->fill);
    return words.length;
}

static const wg_op attention_op_causal = {.name = "causal_mask",
    .arity = 1,
    .shape = attention_infer_causal,
    .evaluate = attention_evaluate_causal,
    .derivative = attention_derive_causal,
    .describe = attention_describe_causal};

/* ---- attention ------------------------------------------------------------------------------------------------------------- */

static const char *attention_describe(wg_var v) { return wg_list_describe(v.tape, v.index); }

/* Leading axes broadcast; *scores is the shape (..., L, S). */
static bool attention_shapes(const wg_composition *c, wg_var q, wg_var k, wg_var v, wg_shape *scores)
{
    wg_shape of_q = wg_shape_of(q), of_k = wg_shape_of(k), of_v = wg_shape_of(v), values;
    const char *wrong = NULL;
    if (of_q.rank < 2 || of_k.rank < 2 || of_v.rank < 2)
        wrong = "q, k and v are (..., length, features)";
    else if (of_q.dim[of_q.rank - 1] != of_k.dim[of_k.rank - 1])
        wrong = "q and k differ in features";
    else if (of_k.dim[of_k.rank - 2] != of_v.dim[of_v.rank - 2])
        wrong = "k and v differ in length";
    if (!wrong) {
        size_t rows = of_q.dim[of_q.rank - 2], columns = of_k.dim[of_k.rank - 2];
        of_q.rank -= 2, of_k.rank -= 2, of_v.rank -= 2;
        if (wg_shape_broadcast(&of_q, &of_k, scores) && wg_shape_broadcast(scores, &of_v, &values)) {
            scores->dim[scores->rank++] = rows;
            scores->dim[scores->rank++] = columns;
            return true;
        }
        wrong = "leading axes do not broadcast";
    }
    wg_tape_fail(c->tape, WG_ERROR_SHAPE, "attention: %s: q %s, k %s, v %s", wrong, attention_describe(q),
        attention_describe(k), attention_describe(v));
    return false;
}

static bool attention_mask_fits(const wg_composition *c, wg_var mask, const wg_shape *scores)
{
    char text[WG_MESSAGE_SIZE];
    if (!wg_compose_given(mask)) return true;
    wg_shape shape = wg_shape_of(mask);
    if (wg_shape_broadcasts_to(&shape, scores)) return true;
    wg_tape_fail(c->tape, WG_ERROR_SHAPE, "attention: the mask %s does not broadcast to (..., queries, keys) %s",
        attention_describe(mask), wg_shape_format(scores, text, sizeof text));
    return false;
}

static bool attention_scale_fits(const wg_composition *c, double scale)
{
    if (isfinite(scale)) return true;
    wg_tape_fail(c->tape, WG_ERROR_ARGUMENT, "attention: the scale is %g", scale);
    return false;
}

wg_var wg_attention(wg_var q, wg_var k, wg_var v, wg_var mask, const wg_attention_options *options)
{
    wg_composition c;
    wg_shape shape;
    wg_attention_options o = options ? *options : (wg_attention_options){0};
    wg_var all[] = {q, k, v, wg_compose_given(mask) ? mask : q};
    if (!wg_compose_open(&c, "attention", all, 4, 0) || !attention_shapes(&c, q, k, v, &shape) ||
        !attention_mask_fits(&c, mask, &shape) || !attention_scale_fits(&c, o.scale))
        return wg_invalid(c.tape);
    wg_shape of_q = wg_shape_of(q);
    size_t features = of_q.dim[of_q.rank - 1];
    double scale = o.scale != 0 ? o.scale : 1 / sqrt(features ? (double)features : 1);
    wg_var scaled = scale == 1 ? q : wg_mul(q, wg_scalar(c.tape, scale));
    wg_var scores = wg_matmul(scaled, wg_transpose(k));
    if (wg_compose_given(mask)) scores = wg_add(scores, mask);
    attention_causal causal = {o.past, -(double)INFINITY};
    if (o.causal) scores = wg_list_apply(c.tape, &attention_op_causal, &scores, 1, &causal, sizeof causal, NULL);
    return wg_compose_close(&c, wg_matmul(wg_softmax(scores, -1), v));
}

/* ---- rotary embedding ---------------------------------------------------------------------------------------------------------- */

typedef struct attention_rope {
    double base;
    bool halves;
    bool back; /* by the negative angles */
} attention_rope;

static wg_status attention_infer_rope(wg_call *call)
{
    const wg_shape *x = call->in[0].shape, *positions = call->in[1].shape;
    if (call->in[0].indices || !call->in[1].indices) {
        size_t k = call->in[0].indices ? 0 : 1;
        return wg_call_fail(call, WG_ERROR_ARGUMENT, "argument %zu, %s, holds %s where %s are expected", k + 1,
            wg_call_describe(call, k), k ? "numbers" : "indices", k ? "indices" : "numbers");
    }
    if (x->rank == 0 || x->dim[x->rank - 1] % 2)
        return wg_call_fail(
            call, WG_ERROR_SHAPE, "the last axis is to be made of pairs, of %s", wg_call_describe(call, 0));
    wg_shape rows = *x;
    rows.rank--;
    if (!wg_shape_broadcasts_to(positions, &rows))
        return wg_call_fail(call, WG_ERROR_SHAPE, "the positions %s do not broadcast to the axes before the last of %s",
            wg_call_describe(call, 1), wg_call_describe(call, 0));
    call->shape = *x;
    return WG_OK;
}

static size_t attention_scratch_rope(const wg_call *call)
{
    const wg_shape *x = call->in[0].shape;
    return call->in[1].size * x->dim[x->rank - 1] * sizeof(double);
}

/* cos and sin of each position's angles, which a table of doubles holds side by side. */
static void attention_angles(const wg_call *call, size_t pairs, double *table)
{
    const attention_rope *rope = call->attributes;
    const int64_t *position = call->in[1].data;
    for (size_t i = 0; i < pairs; i++) {
        double rate = pow(rope->base, -(double)i / (double)pairs);
        for (size_t p = 0; p < call->in[1].size; p++) {
            double angle = (double)position[p] * rate;
            table[2 * (p * pairs + i)] = cos(angle);
            table[2 * (p * pairs + i) + 1] = rope->back ? -sin(angle) : sin(angle);
        }
    }
}

/* Rotates one row: the pairs are neighbours, step 2 and apart 1, or a half's length apart, step 1. */
#define ATTENTION_ROTATE(R, type)                                                                                      \
    static void attention_rotate_##type(                                                                               \
        size_t pairs, size_t step, size_t apart, const double *turn, const R *x, R *out, bool add)                     \
    {                                                                                                                  \
        for (size_t i = 0; i < pairs; i++) {                                                                           \
            R c = (R)turn[2 * i], s = (R)turn[2 * i + 1], a = x[i * step], b = x[i * step + apart];                    \
            R first = a * c - b * s, second = a * s + b * c;                                                           \
            out[i * step] = add ? out[i * step] + first : first;                                                       \
            out[i * step + apart] = add ? out[i * step + apart] + second : second;                                     \
        }                                                                                                              \
    }
ATTENTION_ROTATE(double, f64)
ATTENTION_ROTATE(float, f32)
#undef ATTENTION_ROTATE

static wg_status attention_evaluate_rope(wg_call *call)
{
    const attention_rope *rope = call->attributes;
    wg_shape rows = call->shape;
    size_t pairs = rows.dim[--rows.rank] / 2, count = wg_shape_product(&rows, 0, rows.rank);
    size_t step = rope->halves ? 1 : 2, apart = rope->halves ? pairs : 1, bytes = attention_scratch_rope(call);
    size_t index[WG_MAX_RANK] = {0};
    ptrdiff_t strides[WG_MAX_RANK], at = 0;
    if (pairs == 0 || count == 0) return WG_OK;
    double *table = wg_call_scratch(call, bytes);
    if (!table) return call->tape->status;
    attention_angles(call, pairs, table);
    wg_shape_broadcast_strides(call->in[1].shape, &rows, strides);
    for (size_t k = 0; k < count; k++) {
        const double *turn = table + 2 * pairs * (size_t)at;
        size_t row = k * 2 * pairs;
        if (call->dtype == WG_F64)
            attention_rotate_f64(
                pairs, step, apart, turn, (const double *)call->in[0].data + row, (double *)call->out + row, call->add);
        else
            attention_rotate_f32(
                pairs, step, apart, turn, (const float *)call->in[0].data + row, (float *)call->out + row, call->add);
        for (uint32_t d = rows.rank; d-- > 0;) {
            at += strides[d];
            if (++index[d] < rows.dim[d]) break;
            at -= (ptrdiff_t)rows.dim[d] * strides[d];
            index[d] = 0;
        }
    }
    return WG_OK;
}

/* x: g turned back */
static void attention_derive_rope(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    attention_rope rope = *(const attention_rope *)call->attributes;
    rope.back = !rope.back;
    wg_term in[] = {wg_cotangent(d), wg_primal(d, 1)};
    wg_give(d, 0, call->op, in, 2, &rope, sizeof rope);
}

static size_t attention_describe_rope(const wg_call *call, char *text, size_t size)
{
    const attention_rope *rope = call->attributes;
    wg_words words = {text, size, 0};
    wg_words_number(&words, "base", rope->base);
    wg_words_flag(&words, "halves", rope->halves);
    wg_words_flag(&words, "back", rope->back);
    return words.length;
}

static const wg_op attention_op_rope = {.name = "rope",
    .arity = 2,
    .flags = WG_OP_ADDS | WG_OP_TAKES_INDICES | WG_OP_LINEAR,
    .shape = attention_infer_rope,
    .evaluate = attention_evaluate_rope,
    .scratch = attention_scratch_rope,
    .derivative = attention_derive_rope,
    .describe = attention_describe_rope};

wg_var wg_rope(wg_var x, wg_var positions, double base, bool halves)
{
    wg_tape *tape = x.tape ? x.tape : positions.tape;
    attention_rope rope = {.base = base, .halves = halves, .back = false};
    if (!tape) return wg_invalid(NULL);
    if (!(base > 0 && base < (double)INFINITY)) {
        if (tape->status == WG_OK)
            wg_tape_fail(tape, WG_ERROR_ARGUMENT, "rope: the base is %g; it must be positive and finite", base);
        return wg_invalid(tape);
    }
    return wg_list_apply(tape, &attention_op_rope, (wg_var[]){x, positions}, 2, &rope, sizeof rope, NULL);
}
