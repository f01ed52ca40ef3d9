/* Elementwise ops: one shape rule, one evaluation and one derivative for all of them, over the fused loops (run.c); and the
 * public functions, with the short path for scalars. */
#include "ops/elementwise/elementwise.h"

#include "ops/elementwise/run.h"
#include "shape/shape.h"
#include "tape/words.h"
#include "wengert/ops.h"

static uint32_t ew_rule(const wg_op *op) { return ((const wg_scalar_path *)op->internal)->rule; }

unsigned wg_ew_needs(uint32_t rule, size_t k)
{
    static const unsigned char needs[EW_RULES][EW_MAX_ARITY] = {
#define EW_NEEDS_1(name, na)         [EW_##name] = {na},
#define EW_NEEDS_2(name, na, nb)     [EW_##name] = {na, nb},
#define EW_NEEDS_3(name, na, nb, nc) [EW_##name] = {na, nb, nc},
        EW_ROSTER_1(EW_NEEDS_1) EW_ROSTER_2(EW_NEEDS_2) EW_ROSTER_3(EW_NEEDS_3) EW_ROSTER_P(EW_NEEDS_1)
#undef EW_NEEDS_1
#undef EW_NEEDS_2
#undef EW_NEEDS_3
    };
    return needs[rule][k];
}

/* ---- shape ------------------------------------------------------------------------------------------------------- */

static wg_status ew_shape(wg_call *call)
{
    size_t ranked = 0; /* the operand that gave the result its rank */
    call->shape = *call->in[0].shape;
    for (size_t k = 1; k < call->n; k++) {
        const wg_shape *shape = call->in[k].shape;
        if (shape == call->in[0].shape) continue;
        uint32_t rank = shape->rank, so_far = call->shape.rank;
        if (call->tape->same_rank && rank != so_far && rank && so_far)
            return wg_call_fail(call, WG_ERROR_SHAPE, "the ranks differ, which options.same_rank forbids: %s and %s",
                wg_call_describe(call, ranked), wg_call_describe(call, k));
        if (rank > so_far) ranked = k;
        if (!wg_shape_broadcast(&call->shape, shape, &call->shape)) {
            if (call->n == 2)
                return wg_call_fail(call, WG_ERROR_SHAPE, "the shapes do not broadcast: %s and %s",
                    wg_call_describe(call, 0), wg_call_describe(call, 1));
            return wg_call_fail(call, WG_ERROR_SHAPE, "the shapes do not broadcast: %s, %s and %s",
                wg_call_describe(call, 0), wg_call_describe(call, 1), wg_call_describe(call, 2));
        }
    }
    return WG_OK;
}

/* ---- evaluation -------------------------------------------------------------------------------------------------- */

static wg_status ew_evaluate(wg_call *call)
{
    wg_ew_work work = {.rule = ew_rule(call->op), .out = call->out, .add = call->add};
    for (size_t k = 0; k < call->n; k++) work.in[k] = call->in[k].data;
    wg_ew_run(call, &work);
    return WG_OK;
}

/* ---- derivative -------------------------------------------------------------------------------------------------- */

/* out, of the result's shape, = or += the slope with respect to input k. */
static void ew_slopes(wg_derivation *d, uint32_t rule, size_t k, void *out, bool add)
{
    const wg_call *call = wg_derivation_call(d);
    const unsigned needs = wg_ew_needs(rule, k);
    wg_ew_work work = {.rule = rule, .k = k, .out = out, .add = add, .g = wg_term_numbers(d, wg_cotangent(d))};
    if (needs & EW_Y) work.y = wg_term_numbers(d, wg_result(d));
    for (size_t j = 0; j < call->n; j++)
        if (needs & (unsigned)EW_A << j) work.in[j] = wg_term_numbers(d, wg_primal(d, j));
    if (call->tape->status == WG_OK) wg_ew_run(call, &work);
}

/* Straight into the adjoint where the input's elements are as many as the result's, and so are the same ones; else into a
 * temporary that is then summed. */
static void ew_give_numbers(wg_derivation *d, uint32_t rule, size_t k)
{
    const wg_call *call = wg_derivation_call(d);
    if (call->in[k].size == wg_shape_product(&call->shape, 0, call->shape.rank)) {
        bool add;
        void *out = wg_give_numbers(d, k, &add);
        if (out) ew_slopes(d, rule, k, out, add);
        return;
    }
    void *out;
    wg_term whole = wg_term_of_numbers(d, &call->shape, &out);
    if (out) ew_slopes(d, rule, k, out, false);
    wg_give_term(d, k, whole);
}

static void ew_derivative(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    uint32_t rule = ew_rule(call->op);
    for (size_t k = 0; k < call->n; k++) {
        const unsigned needs = wg_ew_needs(rule, k);
        if (!wg_wants(d, k) || needs & EW_CUT) continue;
        if (needs & EW_PASS) {
            wg_give_term(d, k, wg_cotangent(d));
        } else if (wg_recording(d)) {
            wg_var in[EW_MAX_ARITY];
            for (size_t j = 0; j < call->n; j++) in[j] = wg_term_var(d, wg_primal(d, j));
            wg_var g = wg_term_var(d, wg_cotangent(d)), y = wg_term_var(d, wg_result(d));
            wg_give_term(d, k, wg_term_of_var(d, wg_ew_slope_recorded(rule, k, g, in, y, call->attributes)));
        } else {
            ew_give_numbers(d, rule, k);
        }
    }
}

/* ---- the ops ----------------------------------------------------------------------------------------------------- */

static uint32_t ew_replay(wg_tape *tape, uint32_t index, uint32_t end)
{
    return tape->dtype == WG_F64 ? wg_ew_replay_f64(tape, index, end) : wg_ew_replay_f32(tape, index, end);
}

static int64_t ew_sweep(wg_tape *tape, uint32_t index, uint32_t low)
{
    return tape->dtype == WG_F64 ? wg_ew_sweep_f64(tape, index, low) : wg_ew_sweep_f32(tape, index, low);
}

/* An inline node has no parameters. */
static wg_var ew_slope(uint32_t rule, size_t k, wg_var g, const wg_var *in, wg_var y)
{
    const unsigned needs = wg_ew_needs(rule, k);
    if (needs & EW_CUT) return (wg_var){0};
    return needs & EW_PASS ? g : wg_ew_slope_recorded(rule, k, g, in, y, NULL);
}

/* What the parameters are called in the public functions. */
static size_t ew_describe(const wg_call *call, char *text, size_t size)
{
    static const char *const names[EW_RULES][2] = {[EW_leaky_relu] = {"slope"},
        [EW_elu] = {"alpha"},
        [EW_celu] = {"alpha"},
        [EW_heaviside] = {"at_zero"},
        [EW_clamp] = {"low", "high"},
        [EW_hardtanh] = {"low", "high"},
        [EW_polygamma] = {"n"},
        [EW_threshold] = {"threshold", "value"},
        [EW_hardshrink] = {"band"},
        [EW_softshrink] = {"band"},
        [EW_huber] = {"delta"},
        [EW_sinc_order] = {"n"}};
    const wg_ew_parameters *parameters = call->attributes;
    const char *const *name = names[((const wg_scalar_path *)call->op->internal)->rule];
    wg_words words = {text, size, 0};
    if (name[0]) wg_words_number(&words, name[0], parameters->p);
    if (name[1]) wg_words_number(&words, name[1], parameters->q);
    return words.length;
}

#define EW_OP(name_, arity_, flags_, derivative_)                                                                      \
    static const wg_scalar_path ew_path_##name_ = {ew_replay, ew_sweep, ew_slope, EW_##name_};                         \
    const wg_op wg_ew_op_##name_ = {.name = #name_,                                                                    \
        .arity = arity_,                                                                                               \
        .flags = WG_OP_ADDS | WG_OP_ELEMENTWISE | (flags_),                                                            \
        .shape = ew_shape,                                                                                             \
        .evaluate = ew_evaluate,                                                                                       \
        .derivative = derivative_,                                                                                     \
        .internal = &ew_path_##name_,                                                                                  \
        .describe = ew_describe};
#define EW_OP_1(name, na)         EW_OP(name, 1, 0, ew_derivative)
#define EW_OP_2(name, na, nb)     EW_OP(name, 2, 0, ew_derivative)
#define EW_OP_3(name, na, nb, nc) EW_OP(name, 3, 0, ew_derivative)
#define EW_OP_P(name, na)         EW_OP(name, 1, (na)&EW_CUT ? WG_OP_CUTS : 0, ew_derivative)
#define EW_OP_CUT_1(name)         EW_OP(name, 1, WG_OP_CUTS, NULL)
#define EW_OP_CUT_2(name)         EW_OP(name, 2, WG_OP_CUTS, NULL)
EW_ROSTER_1(EW_OP_1)
EW_ROSTER_2(EW_OP_2)
EW_ROSTER_3(EW_OP_3)
EW_ROSTER_P(EW_OP_P)
EW_ROSTER_CUT_1(EW_OP_CUT_1)
EW_ROSTER_CUT_2(EW_OP_CUT_2)

#define EW_ENTRY(...)        EW_ENTRY_(__VA_ARGS__, )
#define EW_ENTRY_(name, ...) [EW_##name] = &wg_ew_op_##name,
const wg_op *const wg_scalar_ops[EW_RULES] = {EW_ROSTER_1(EW_ENTRY) EW_ROSTER_2(EW_ENTRY) EW_ROSTER_3(EW_ENTRY)
        EW_ROSTER_P(EW_ENTRY) EW_ROSTER_CUT_1(EW_ENTRY) EW_ROSTER_CUT_2(EW_ENTRY)};
#undef EW_ENTRY
#undef EW_ENTRY_
#undef EW_OP
#undef EW_OP_1
#undef EW_OP_2
#undef EW_OP_3
#undef EW_OP_P
#undef EW_OP_CUT_1
#undef EW_OP_CUT_2

const wg_op *wg_op_add(void) { return &wg_ew_op_add; }
const wg_op *wg_op_mul(void) { return &wg_ew_op_mul0; }
const wg_op *wg_op_neg(void) { return &wg_ew_op_neg; }
