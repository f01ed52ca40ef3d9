/* Scans along an axis: cumsum, cumprod, logcumsumexp; and diff, which undoes the first.
 *
 * The derivative of a running sum is a running sum in the other direction. That of a running product, y_k = x_0 ...
 * x_k, is
 *     x_i:  sum over k >= i of g_k (product of x_j, j <= k, j != i)  =  e_i s_i,
 *     e_i = x_0 ... x_(i-1),   s_i = g_i + x_(i+1) s_(i+1),
 * a product that leaves out the last factor times a linear recurrence, without a division, and so with zeros among
 * the x too. Both are ops whose derivatives are made of the same two (and of a shift by one), in linear time at
 * every order. */
#include "ops/scan.h"

#include "kernels/scan.h"
#include "ops/compose.h"
#include "ops/copy.h"
#include "ops/elementwise/elementwise.h"
#include "ops/reduce.h"
#include "tape/words.h"
#include "wengert/ops.h"

#include <string.h>

static wg_kernel_scan scan_of(const wg_scan *s)
{
    return (wg_kernel_scan){s->outer, s->extent, s->inner, s->flags & WG_SCAN_REVERSE};
}

static wg_status scan_infer(wg_call *call)
{
    call->shape = *call->in[0].shape;
    return WG_OK;
}

/* The same scan with these flags turned over. */
static wg_scan scan_turned(const wg_scan *s, size_t flags)
{
    return (wg_scan){s->outer, s->extent, s->inner, s->flags ^ flags};
}

/* ---- cumsum ------------------------------------------------------------------------------------------------------ */

static wg_status scan_cumsum(wg_call *call)
{
    wg_kernel_scan s = scan_of(call->attributes);
    if (call->dtype == WG_F64)
        wg_kernel_cumsum_f64(call->tape->isa, &s, call->in[0].data, call->out, call->add);
    else
        wg_kernel_cumsum_f32(call->tape->isa, &s, call->in[0].data, call->out, call->add);
    return WG_OK;
}

static void scan_derive_cumsum(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    wg_scan back = scan_turned(call->attributes, WG_SCAN_REVERSE);
    wg_term g = wg_cotangent(d);
    wg_give(d, 0, call->op, &g, 1, &back, sizeof back);
}

static size_t scan_describe(const wg_call *call, char *text, size_t size)
{
    const wg_scan *s = call->attributes;
    wg_words words = {text, size, 0};
    wg_words_along(&words, call->in[0].shape, s->outer, s->extent, s->inner);
    wg_words_flag(&words, "reverse", s->flags & WG_SCAN_REVERSE);
    wg_words_flag(&words, "exclusive", s->flags & WG_SCAN_EXCLUSIVE);
    return words.length;
}

static const wg_op scan_op_cumsum = {.name = "cumsum",
    .arity = 1,
    .flags = WG_OP_ADDS | WG_OP_LINEAR,
    .shape = scan_infer,
    .evaluate = scan_cumsum,
    .derivative = scan_derive_cumsum,
    .describe = scan_describe};

/* ---- shift: the element after (or, in reverse, before) each, 0 at the end ---------------------------------------- */

static wg_status scan_shift(wg_call *call)
{
    const wg_scan *s = call->attributes;
    bool reverse = s->flags & WG_SCAN_REVERSE;
    size_t size = wg_dtype_size(call->dtype), row = s->inner * size, moved = s->extent ? (s->extent - 1) * row : 0;
    const char *in = call->in[0].data;
    char *out = call->out;
    for (size_t o = 0; o < s->outer && s->extent; o++) {
        memcpy(out + (reverse ? row : 0), in + (reverse ? 0 : row), moved);
        memset(out + (reverse ? 0 : moved), 0, row);
        in += s->extent * row;
        out += s->extent * row;
    }
    return WG_OK;
}

static void scan_derive_shift(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    wg_scan back = scan_turned(call->attributes, WG_SCAN_REVERSE);
    wg_term g = wg_cotangent(d);
    wg_give(d, 0, call->op, &g, 1, &back, sizeof back);
}

static const wg_op scan_op_shift = {.name = "shift",
    .arity = 1,
    .flags = WG_OP_LINEAR,
    .shape = scan_infer,
    .evaluate = scan_shift,
    .derivative = scan_derive_shift,
    .describe = scan_describe};

static wg_term scan_shifted(wg_derivation *d, wg_term term, bool reverse)
{
    wg_scan s = *(const wg_scan *)wg_derivation_call(d)->attributes;
    s.flags = reverse ? WG_SCAN_REVERSE : 0;
    return wg_step(d, &scan_op_shift, &term, 1, &s, sizeof s);
}

/* ---- recurrence: h_i = a_i + b h of the element before in the run ------------------------------------------------ */

/* b is b_i; with WG_SCAN_EXCLUSIVE it is the b of the element before. */
static wg_status scan_recurrence(wg_call *call)
{
    wg_kernel_scan s = scan_of(call->attributes);
    bool of_before = ((const wg_scan *)call->attributes)->flags & WG_SCAN_EXCLUSIVE;
    if (call->dtype == WG_F64)
        wg_kernel_recurrence_f64(&s, of_before, call->in[0].data, call->in[1].data, call->out);
    else
        wg_kernel_recurrence_f32(&s, of_before, call->in[0].data, call->in[1].data, call->out);
    return WG_OK;
}

/* The adjoint of a runs the other way, and a factor between two neighbours, which belonged to the second, now
 * belongs to the first. b: the adjoint of a behind the factor times h before it. */
static void scan_derive_recurrence(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    const wg_scan *s = call->attributes;
    bool reverse = s->flags & WG_SCAN_REVERSE, of_before = s->flags & WG_SCAN_EXCLUSIVE;
    wg_scan back = scan_turned(s, WG_SCAN_REVERSE | WG_SCAN_EXCLUSIVE);
    wg_term g = wg_cotangent(d), b = wg_primal(d, 1), h = wg_result(d);
    wg_term a = wg_step(d, call->op, (wg_term[]){g, b}, 2, &back, sizeof back);
    wg_give_term(d, 0, a);
    if (!wg_wants(d, 1)) return;
    if (of_before)
        a = scan_shifted(d, a, reverse);
    else
        h = scan_shifted(d, h, !reverse);
    wg_give(d, 1, wg_op_mul(), (wg_term[]){a, h}, 2, NULL, 0);
}

static const wg_op scan_op_recurrence = {.name = "recurrence",
    .arity = 2,
    .shape = scan_infer,
    .evaluate = scan_recurrence,
    .derivative = scan_derive_recurrence,
    .describe = scan_describe};

/* ---- cumprod ----------------------------------------------------------------------------------------------------- */

static wg_status scan_cumprod(wg_call *call)
{
    wg_kernel_scan s = scan_of(call->attributes);
    bool exclusive = ((const wg_scan *)call->attributes)->flags & WG_SCAN_EXCLUSIVE;
    if (call->dtype == WG_F64)
        wg_kernel_cumprod_f64(&s, exclusive, call->in[0].data, call->out);
    else
        wg_kernel_cumprod_f32(&s, exclusive, call->in[0].data, call->out);
    return WG_OK;
}

/* x: e s as above. Of the exclusive product, e itself, the terms of x_i begin at k = i + 1: e_i t_(i+1), with
 * t_i = g_i + x_i t_(i+1). */
static void scan_derive_cumprod(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    const wg_scan *s = call->attributes;
    bool reverse = s->flags & WG_SCAN_REVERSE, exclusive = s->flags & WG_SCAN_EXCLUSIVE;
    wg_scan back = scan_turned(s, WG_SCAN_REVERSE | WG_SCAN_EXCLUSIVE), others = *s;
    others.flags |= WG_SCAN_EXCLUSIVE;
    wg_term x = wg_primal(d, 0);
    wg_term sums = wg_step(d, &scan_op_recurrence, (wg_term[]){wg_cotangent(d), x}, 2, &back, sizeof back);
    if (exclusive) sums = scan_shifted(d, sums, reverse);
    wg_term before = exclusive ? wg_result(d) : wg_step(d, call->op, &x, 1, &others, sizeof others);
    wg_give(d, 0, wg_op_mul(), (wg_term[]){sums, before}, 2, NULL, 0);
}

const wg_op wg_scan_op_cumprod = {.name = "cumprod",
    .arity = 1,
    .shape = scan_infer,
    .evaluate = scan_cumprod,
    .derivative = scan_derive_cumprod,
    .describe = scan_describe};

/* ---- logcumsumexp ------------------------------------------------------------------------------------------------ */

/* weigh(g, x) with y = logcumsumexp(x): w_i = sum over k >= i of g_k e^(x_i - y_k). With WG_SCAN_REVERSE its transpose:
 * w_k = sum over i <= k of g_i e^(x_i - y_k). */
static wg_status scan_weigh(wg_call *call)
{
    wg_kernel_scan s = scan_of(call->attributes);
    const void *g = call->in[0].data, *x = call->in[1].data;
    if (call->dtype == WG_F64)
        wg_kernel_logcumsumexp_weigh_f64(&s, s.reverse, g, x, call->out);
    else
        wg_kernel_logcumsumexp_weigh_f32(&s, s.reverse, g, x, call->out);
    return WG_OK;
}

/* w is bilinear in g and the weights e^(x_i - y_k). With u the cotangent and v its own weighing: g: v. What belongs
 * to x_i is u_i w_i, or g_i v_i transposed; to -y_k, g_k v_k, or u_k w_k, and through y, whose derivative is a
 * weighing too, to x. */
static void scan_derive_weigh(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    const wg_scan *s = call->attributes;
    bool transposed = s->flags & WG_SCAN_REVERSE;
    wg_scan back = scan_turned(s, WG_SCAN_REVERSE), plain = *s;
    plain.flags &= ~(size_t)WG_SCAN_REVERSE;
    wg_term u = wg_cotangent(d), g = wg_primal(d, 0), x = wg_primal(d, 1), w = wg_result(d);
    wg_term v = wg_step(d, call->op, (wg_term[]){u, x}, 2, &back, sizeof back);
    wg_give_term(d, 0, v);
    if (!wg_wants(d, 1)) return;
    wg_term own = wg_step(d, wg_op_mul(), (wg_term[]){u, w}, 2, NULL, 0);
    wg_term given = wg_step(d, wg_op_mul(), (wg_term[]){v, g}, 2, NULL, 0);
    wg_term of_y = transposed ? own : given;
    wg_term through = wg_step(d, call->op, (wg_term[]){of_y, x}, 2, &plain, sizeof plain);
    wg_give(d, 1, &wg_ew_op_sub, (wg_term[]){transposed ? given : own, through}, 2, NULL, 0);
}

static const wg_op scan_op_weigh = {.name = "logcumsumexp_weigh",
    .arity = 2,
    .shape = scan_infer,
    .evaluate = scan_weigh,
    .derivative = scan_derive_weigh,
    .describe = scan_describe};

static wg_status scan_logcumsumexp(wg_call *call)
{
    wg_kernel_scan s = scan_of(call->attributes);
    if (call->dtype == WG_F64)
        wg_kernel_logcumsumexp_f64(&s, call->in[0].data, call->out);
    else
        wg_kernel_logcumsumexp_f32(&s, call->in[0].data, call->out);
    return WG_OK;
}

static void scan_derive_logcumsumexp(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    wg_give(d, 0, &scan_op_weigh, (wg_term[]){wg_cotangent(d), wg_primal(d, 0)}, 2, call->attributes,
        call->attributes_size);
}

static const wg_op scan_op_logcumsumexp = {.name = "logcumsumexp",
    .arity = 1,
    .shape = scan_infer,
    .evaluate = scan_logcumsumexp,
    .derivative = scan_derive_logcumsumexp,
    .describe = scan_describe};

/* ---- public ------------------------------------------------------------------------------------------------------ */

static wg_var scan_apply(const wg_op *op, wg_var x, int axis)
{
    wg_shape_split split;
    if (!x.tape) return wg_invalid(NULL);
    if (!wg_reduce_parse_axis(op->name, x, axis, &split)) return wg_invalid(x.tape);
    wg_scan s = {split.outer, split.extent, split.inner, 0};
    return wg_list_apply(x.tape, op, &x, 1, &s, sizeof s, NULL);
}

wg_var wg_cumsum(wg_var x, int axis) { return scan_apply(&scan_op_cumsum, x, axis); }
wg_var wg_cumprod(wg_var x, int axis) { return scan_apply(&wg_scan_op_cumprod, x, axis); }
wg_var wg_logcumsumexp(wg_var x, int axis) { return scan_apply(&scan_op_logcumsumexp, x, axis); }

wg_var wg_diff(wg_var x, size_t n, int axis)
{
    wg_composition c;
    uint32_t found;
    if (!wg_compose_open(&c, "diff", &x, 1, 0) || !wg_compose_axis(&c, x, axis, &found)) return wg_invalid(x.tape);
    size_t extent = wg_shape_of(x).dim[found], rounds = n < extent ? n : extent;
    wg_var y = wg_reshape(x, wg_shape_of(x)); /* a var of its own for n = 0 too */
    for (size_t k = 0; k < rounds && c.tape->status == WG_OK; k++)
        y = wg_sub(wg_slice(y, axis, 1, WG_END, 1), wg_slice(y, axis, 0, -1, 1));
    return wg_compose_close(&c, y);
}
