/* The public elementwise functions. Scalars take a short path: when the operands are 0-d numbers on a healthy tape,
 * the rule's value is computed here and pushed as a node of 32 bytes, with every check on the vars but no call in
 * between. */
#include "ops/elementwise/elementwise.h"

#include "ops/compose.h"
#include "shape/shape.h"
#include "wengert/ops.h"
#include "wengert/tape.h"

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

/* The node of a valid, fresh 0-d number on this tape, or NULL. */
static inline const wg_node *ew_quick(const wg_tape *tape, wg_var var)
{
    if (var.tape != tape || var.index >= tape->length) return NULL;
    const wg_node *node = &tape->nodes[var.index];
    bool plain = (node->flags & (WG_NODE_NUMBER | WG_NODE_STALE)) == WG_NODE_NUMBER;
    return plain && node->epoch == var.epoch ? node : NULL;
}

/* The next node, to be given its value; there is room. */
static inline wg_node *ew_push(wg_tape *tape, const wg_op *op, uint32_t rule, uint32_t needs, uint32_t a, uint32_t b)
{
    wg_node *node = &tape->nodes[tape->length++];
    node->op = op;
    node->epoch = tape->epoch;
    node->flags = needs | WG_NODE_INLINE | WG_NODE_NUMBER | rule << WG_NODE_RULE_SHIFT;
    node->in[0] = a;
    node->in[1] = b;
    return node;
}

static inline wg_var ew_top(wg_tape *tape) { return (wg_var){tape, tape->length - 1, tape->epoch}; }

#define EW_FUNCTION_1_OF(function, name, passes)                                                                       \
    wg_var function(wg_var x)                                                                                          \
    {                                                                                                                  \
        wg_tape *tape = x.tape;                                                                                        \
        const wg_node *a;                                                                                              \
        if (!tape || !tape->quick || tape->length == tape->capacity || !(a = ew_quick(tape, x)))                       \
            return wg_ew_apply(&wg_ew_op_##name, &x, 1);                                                               \
        wg_node *y = ew_push(tape, &wg_ew_op_##name, EW_##name, a->flags & (passes), x.index, x.index);                \
        if (tape->quick == WG_QUICK_F64)                                                                               \
            y->u.f64 = ew_function_f64_##name##_value(wg_node_number_f64(tape, a));                                    \
        else                                                                                                           \
            y->u.f32 = ew_function_f32_##name##_value(wg_node_number_f32(tape, a));                                    \
        return ew_top(tape);                                                                                           \
    }
#define EW_FUNCTION_2_OF(function, name, passes)                                                                       \
    wg_var function(wg_var a, wg_var b)                                                                                \
    {                                                                                                                  \
        wg_tape *tape = a.tape;                                                                                        \
        const wg_node *m, *n;                                                                                          \
        if (!tape || !tape->quick || tape->length == tape->capacity || !(m = ew_quick(tape, a)) ||                     \
            !(n = ew_quick(tape, b)))                                                                                  \
            return wg_ew_apply(&wg_ew_op_##name, (wg_var[]){a, b}, 2);                                                 \
        uint32_t needs = (m->flags | n->flags) & (passes);                                                             \
        wg_node *y = ew_push(tape, &wg_ew_op_##name, EW_##name, needs, a.index, b.index);                              \
        if (tape->quick == WG_QUICK_F64)                                                                               \
            y->u.f64 = ew_function_f64_##name##_value(wg_node_number_f64(tape, m), wg_node_number_f64(tape, n));       \
        else                                                                                                           \
            y->u.f32 = ew_function_f32_##name##_value(wg_node_number_f32(tape, m), wg_node_number_f32(tape, n));       \
        return ew_top(tape);                                                                                           \
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
