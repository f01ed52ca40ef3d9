/* The public elementwise functions. Scalars take a short path: when the operands are 0-d numbers on a healthy tape,
 * the rule's value is computed here and pushed as a node of 24 bytes, with every check on the vars but no call in
 * between. */
#include "ops/elementwise/elementwise.h"

#include "ops/compose.h"
#include "shape/shape.h"
#include "wengert/ops.h"
#include "wengert/tape.h"

#include <string.h>

#define EW_FILE ew_function
#include "ops/elementwise/real_f64.h"

#include "ops/elementwise/words_numeric.h"

#include "ops/elementwise/rules.h"

#include "ops/elementwise/words_undefine.h"

#include "ops/elementwise/real_undefine.h"

#include "ops/elementwise/real_f32.h"

#include "ops/elementwise/words_numeric.h"

#include "ops/elementwise/rules.h"

#include "ops/elementwise/words_undefine.h"

#include "ops/elementwise/real_undefine.h"

wg_var wg_ew_apply(const wg_op *op, const wg_var *in, size_t n)
{
    for (size_t k = 0; k < n; k++)
        if (in[k].tape) return wg_list_apply(in[k].tape, op, in, n, NULL, 0, NULL);
    return wg_invalid(NULL);
}

wg_var wg_ew_apply_with(const wg_op *op, wg_var x, double p, double q)
{
    wg_ew_parameters parameters = {p, q};
    return x.tape ? wg_list_apply(x.tape, op, &x, 1, &parameters, sizeof parameters, NULL) : wg_invalid(NULL);
}

/* All that the short path cannot do, out of its way. */
static EW_COLD wg_var ew_long_1(wg_var x, const wg_op *op) { return wg_ew_apply(op, &x, 1); }
static EW_COLD wg_var ew_long_2(wg_var a, wg_var b, const wg_op *op) { return wg_ew_apply(op, (wg_var[]){a, b}, 2); }

/* Two words as they stand one after the other in memory: a node is written by three stores. */
static inline uint64_t ew_words(uint32_t first, uint32_t second)
{
    const uint16_t one = 1;
    bool little = *(const unsigned char *)&one;
    return little ? first | (uint64_t)second << 32 : second | (uint64_t)first << 32;
}

/* The var is valid, for its index is below the length. */
static inline bool ew_fits(const wg_node *node, wg_var var) { return node->epoch == var.epoch; }

/* The next node, whose value is there, becomes part of the tape. */
static inline wg_var ew_push(wg_tape *tape, wg_node *node, uint32_t length, uint32_t flags, uint32_t a, uint32_t b)
{
    uint32_t epoch = tape->epoch;
    uint64_t head = ew_words(flags, epoch), inputs = ew_words(a, b);
    memcpy(node, &head, sizeof head);
    memcpy(node->in, &inputs, sizeof inputs);
    tape->length = length + 1;
    return (wg_var){tape, length, epoch};
}

#define EW_FLAGS(name) ((uint32_t)EW_##name << WG_NODE_RULE_SHIFT | WG_NODE_INLINE | WG_NODE_NUMBER | WG_NODE_AT_HAND)

/* The tests stand one by one, each before what it guards: joined, they would be made one by one and then joined. */
#define EW_LONG_IF(condition, way)                                                                                     \
    if (EW_RARELY(condition)) return way

#define EW_FUNCTION_1_OF(function, name, passes)                                                                       \
    wg_var function(wg_var x)                                                                                          \
    {                                                                                                                  \
        wg_tape *tape = x.tape;                                                                                        \
        EW_LONG_IF(!tape, ew_long_1(x, &wg_ew_op_##name));                                                             \
        uint32_t length = tape->length;                                                                                \
        EW_LONG_IF(x.index >= length, ew_long_1(x, &wg_ew_op_##name));                                                 \
        const wg_node *m = &tape->nodes[x.index];                                                                      \
        EW_LONG_IF(!ew_fits(m, x), ew_long_1(x, &wg_ew_op_##name));                                                    \
        EW_LONG_IF(!(m->flags & WG_NODE_AT_HAND), ew_long_1(x, &wg_ew_op_##name));                                     \
        EW_LONG_IF(length >= tape->quick, ew_long_1(x, &wg_ew_op_##name));                                             \
        uint32_t flags = EW_FLAGS(name) | wg_node_needs(m->flags & (passes), 0);                                       \
        wg_node *y = &tape->nodes[length];                                                                             \
        if (tape->dtype == WG_F64)                                                                                     \
            y->u.f64 = ew_function_f64_##name##_value(m->u.f64);                                                       \
        else                                                                                                           \
            y->u.f32 = ew_function_f32_##name##_value(m->u.f32);                                                       \
        return ew_push(tape, y, length, flags, x.index, x.index);                                                      \
    }
#define EW_FUNCTION_2_OF(function, name, passes)                                                                       \
    wg_var function(wg_var a, wg_var b)                                                                                \
    {                                                                                                                  \
        wg_tape *tape = a.tape;                                                                                        \
        EW_LONG_IF(b.tape != tape, ew_long_2(a, b, &wg_ew_op_##name));                                                 \
        EW_LONG_IF(!tape, ew_long_2(a, b, &wg_ew_op_##name));                                                          \
        b.tape = tape; /* the same, and needs no register of its own */                                                \
        uint32_t length = tape->length;                                                                                \
        EW_LONG_IF(a.index >= length, ew_long_2(a, b, &wg_ew_op_##name));                                              \
        const wg_node *m = &tape->nodes[a.index];                                                                      \
        EW_LONG_IF(!ew_fits(m, a), ew_long_2(a, b, &wg_ew_op_##name));                                                 \
        EW_LONG_IF(b.index >= length, ew_long_2(a, b, &wg_ew_op_##name));                                              \
        const wg_node *n = &tape->nodes[b.index];                                                                      \
        EW_LONG_IF(!ew_fits(n, b), ew_long_2(a, b, &wg_ew_op_##name));                                                 \
        EW_LONG_IF(!(m->flags & n->flags & WG_NODE_AT_HAND), ew_long_2(a, b, &wg_ew_op_##name));                       \
        EW_LONG_IF(length >= tape->quick, ew_long_2(a, b, &wg_ew_op_##name));                                          \
        uint32_t flags = EW_FLAGS(name) | wg_node_needs(m->flags & (passes), n->flags & (passes));                     \
        wg_node *y = &tape->nodes[length];                                                                             \
        if (tape->dtype == WG_F64)                                                                                     \
            y->u.f64 = ew_function_f64_##name##_value(m->u.f64, n->u.f64);                                             \
        else                                                                                                           \
            y->u.f32 = ew_function_f32_##name##_value(m->u.f32, n->u.f32);                                             \
        return ew_push(tape, y, length, flags, a.index, b.index);                                                      \
    }
#define EW_FUNCTION_1(name, na)     EW_FUNCTION_1_OF(wg_##name, name, WG_NODE_NEEDS)
#define EW_FUNCTION_2(name, na, nb) EW_FUNCTION_2_OF(wg_##name, name, WG_NODE_NEEDS)
#define EW_STEP_1(name, na)         EW_FUNCTION_1_OF(wg_ew_step_##name, name, WG_NODE_NEEDS)
#define EW_STEP_2(name, na, nb)     EW_FUNCTION_2_OF(wg_ew_step_##name, name, WG_NODE_NEEDS)
#define EW_FUNCTION_CUT_1(name)     EW_FUNCTION_1_OF(wg_##name, name, 0)
#define EW_FUNCTION_CUT_2(name)     EW_FUNCTION_2_OF(wg_##name, name, 0)
#define EW_FUNCTION_3(name, na, nb, nc)                                                                                \
    wg_var wg_##name(wg_var a, wg_var b, wg_var c) { return wg_ew_apply(&wg_ew_op_##name, (wg_var[]){a, b, c}, 3); }
#define EW_FUNCTION_P(name, na)                                                                                        \
    wg_var wg_##name(wg_var x, double parameter) { return wg_ew_apply_with(&wg_ew_op_##name, x, parameter, 0); }

EW_PUBLIC_1(EW_FUNCTION_1)
EW_SPECIAL_1(EW_FUNCTION_1)
EW_PUBLIC_2(EW_FUNCTION_2)
EW_PUBLIC_3(EW_FUNCTION_3)
EW_PUBLIC_P(EW_FUNCTION_P)
EW_PUBLIC_CUT_1(EW_FUNCTION_CUT_1)
EW_PUBLIC_CUT_2(EW_FUNCTION_CUT_2)
EW_STEPS_1(EW_STEP_1)
EW_STEPS_2(EW_STEP_2)

/* ---- functions that check their parameters ----------------------------------------------------------------------- */

static wg_var ew_bounded(const char *name, const wg_op *op, wg_var x, double low, double high)
{
    if (low <= high) return wg_ew_apply_with(op, x, low, high);
    wg_tape_fail(x.tape, WG_ERROR_ARGUMENT, "%s: the low bound %g is not at most the high bound %g", name, low, high);
    return wg_invalid(x.tape);
}

wg_var wg_clamp(wg_var x, double low, double high) { return ew_bounded("clamp", &wg_ew_op_clamp, x, low, high); }
wg_var wg_clamp_min(wg_var x, double low) { return ew_bounded("clamp_min", &wg_ew_op_clamp, x, low, (double)INFINITY); }
wg_var wg_clamp_max(wg_var x, double high)
{
    return ew_bounded("clamp_max", &wg_ew_op_clamp, x, -(double)INFINITY, high);
}
wg_var wg_hardtanh(wg_var x, double low, double high)
{
    return ew_bounded("hardtanh", &wg_ew_op_hardtanh, x, low, high);
}

wg_var wg_celu(wg_var x, double alpha)
{
    if (alpha != 0) return wg_ew_apply_with(&wg_ew_op_celu, x, alpha, 0);
    wg_tape_fail(x.tape, WG_ERROR_ARGUMENT, "celu: alpha is 0, and x is divided by it");
    return wg_invalid(x.tape);
}

wg_var wg_threshold(wg_var x, double threshold, double value)
{
    if (threshold == threshold) return wg_ew_apply_with(&wg_ew_op_threshold, x, threshold, value);
    wg_tape_fail(x.tape, WG_ERROR_ARGUMENT, "threshold: the threshold is not a number");
    return wg_invalid(x.tape);
}

static wg_var ew_shrink(const wg_op *op, wg_var x, double band)
{
    if (band >= 0) return wg_ew_apply_with(op, x, band, 0);
    wg_tape_fail(x.tape, WG_ERROR_ARGUMENT, "%s: the band's half width %g is not 0 or above", op->name, band);
    return wg_invalid(x.tape);
}

wg_var wg_hardshrink(wg_var x, double band) { return ew_shrink(&wg_ew_op_hardshrink, x, band); }
wg_var wg_softshrink(wg_var x, double band) { return ew_shrink(&wg_ew_op_softshrink, x, band); }

/* ---- a composition ----------------------------------------------------------------------------------------------- */

wg_var wg_masked_fill(wg_var x, wg_var mask, double value)
{
    wg_composition c;
    if (!wg_compose_open(&c, "masked_fill", (wg_var[]){x, mask}, 2, 0)) return wg_invalid(c.tape);
    wg_shape shape, of_x = wg_shape_of(x), of_mask = wg_shape_of(mask);
    if (wg_shape_broadcast(&of_x, &of_mask, &shape))
        return wg_compose_close(&c, wg_where(mask, wg_scalar(c.tape, value), x));
    wg_tape_fail(c.tape, WG_ERROR_SHAPE, "masked_fill: x %s and the mask %s do not broadcast",
        wg_list_describe(c.tape, x.index), wg_list_describe(c.tape, mask.index));
    return wg_compose_close(&c, wg_invalid(c.tape));
}

wg_var wg_polygamma(int n, wg_var x)
{
    if (n > 0) return wg_ew_apply_with(&wg_ew_op_polygamma, x, n, 0);
    if (n == 0) return wg_digamma(x);
    wg_tape_fail(x.tape, WG_ERROR_ARGUMENT, "polygamma: the order %d is negative", n);
    return wg_invalid(x.tape);
}

#undef EW_FLAGS
#undef EW_LONG_IF
#undef EW_FUNCTION_1_OF
#undef EW_FUNCTION_1
#undef EW_FUNCTION_2_OF
#undef EW_FUNCTION_2
#undef EW_FUNCTION_3
#undef EW_STEP_1
#undef EW_STEP_2
#undef EW_FUNCTION_P
#undef EW_FUNCTION_CUT_1
#undef EW_FUNCTION_CUT_2
#undef EW_FILE
