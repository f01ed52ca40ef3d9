/* Random arrays. Each op takes a key, a 0-d index var, and is a function of it alone: constants to a derivative, drawn again in a
 * replay. Dropout is the one that has an input of numbers, in which it is linear; it draws its mask anew wherever it needs it,
 * from the same key, and stores none. */
#include "kernels/random.h"

#include "ops/compose.h"
#include "shape/shape.h"
#include "tape/words.h"
#include "wengert/ops.h"

#include <math.h>
#include <string.h>

/* The attributes of every op here; each uses some. */
typedef struct random_draw {
    wg_shape shape;
    double a, b;
    int64_t low, high;
} random_draw;

/* Argument k is a key. */
static wg_status random_check_key(wg_call *call, size_t k)
{
    if (call->in[k].indices && call->in[k].shape->rank == 0) return WG_OK;
    return wg_call_fail(
        call, WG_ERROR_ARGUMENT, "argument %zu, %s, is no key: a 0-d index var", k + 1, wg_call_describe(call, k));
}

static uint64_t random_key(const wg_call *call, size_t k) { return (uint64_t) * (const int64_t *)call->in[k].data; }

static size_t random_size(const wg_call *call) { return wg_shape_product(&call->shape, 0, call->shape.rank); }

static wg_status random_infer(wg_call *call)
{
    call->shape = ((const random_draw *)call->attributes)->shape;
    return random_check_key(call, 0);
}

static wg_status random_infer_indices(wg_call *call)
{
    call->indices = true;
    return random_infer(call);
}

/* ---- numbers ----------------------------------------------------------------------------------------------------------- */

static wg_status random_uniform(wg_call *call)
{
    const random_draw *draw = call->attributes;
    if (call->dtype == WG_F64)
        wg_kernel_uniform_f64(call->tape->isa, random_key(call, 0), random_size(call), draw->a, draw->b, call->out);
    else
        wg_kernel_uniform_f32(call->tape->isa, random_key(call, 0), random_size(call), draw->a, draw->b, call->out);
    return WG_OK;
}

static wg_status random_normal(wg_call *call)
{
    const random_draw *draw = call->attributes;
    if (call->dtype == WG_F64)
        wg_kernel_normal_f64(call->tape->isa, random_key(call, 0), random_size(call), draw->a, draw->b, call->out);
    else
        wg_kernel_normal_f32(call->tape->isa, random_key(call, 0), random_size(call), draw->a, draw->b, call->out);
    return WG_OK;
}

static wg_status random_bernoulli(wg_call *call)
{
    const random_draw *draw = call->attributes;
    if (call->dtype == WG_F64)
        wg_kernel_bernoulli_f64(call->tape->isa, random_key(call, 0), random_size(call), draw->a, call->out);
    else
        wg_kernel_bernoulli_f32(call->tape->isa, random_key(call, 0), random_size(call), draw->a, call->out);
    return WG_OK;
}

/* ---- indices ----------------------------------------------------------------------------------------------------------- */

static wg_status random_randint(wg_call *call)
{
    const random_draw *draw = call->attributes;
    uint64_t range = (uint64_t)draw->high - (uint64_t)draw->low, key = random_key(call, 0);
    int64_t *out = call->out;
    for (size_t i = 0, n = random_size(call); i < n; i++)
        out[i] = (int64_t)((uint64_t)draw->low + wg_kernel_random_below(key, i, range));
    return WG_OK;
}

/* From the last place down, each takes one of those up to itself (R. Fisher and F. Yates; R. Durstenfeld, Algorithm 235,
 * Communications of the ACM, 1964). */
static wg_status random_permutation(wg_call *call)
{
    uint64_t key = random_key(call, 0);
    size_t n = random_size(call);
    int64_t *out = call->out;
    for (size_t i = 0; i < n; i++) out[i] = (int64_t)i;
    for (size_t i = n; i-- > 1;) {
        size_t j = (size_t)wg_kernel_random_below(key, i, (uint64_t)i + 1);
        int64_t moved = out[j];
        out[j] = out[i];
        out[i] = moved;
    }
    return WG_OK;
}

static wg_status random_fold_in(wg_call *call)
{
    const random_draw *draw = call->attributes;
    *(int64_t *)call->out = (int64_t)wg_kernel_random_key(random_key(call, 0), (uint64_t)draw->low, WG_STREAM_FOLD);
    return WG_OK;
}

static wg_status random_split(wg_call *call)
{
    const random_draw *draw = call->attributes;
    *(int64_t *)call->out = (int64_t)wg_kernel_random_key(random_key(call, 0), (uint64_t)draw->low, WG_STREAM_SPLIT);
    return WG_OK;
}

static size_t random_describe(const wg_call *call, char *text, size_t size)
{
    static const struct {
        const char *op, *a, *b, *low, *high;
    } names[] = {{"uniform", "low", "high", NULL, NULL}, {"normal", "mean", "std", NULL, NULL},
        {"bernoulli", "p", NULL, NULL, NULL}, {"dropout", "p", NULL, NULL, NULL},
        {"randint", NULL, NULL, "low", "high"}, {"fold_in", NULL, NULL, "data", NULL},
        {"split", NULL, NULL, "index", NULL}};
    const random_draw *draw = call->attributes;
    wg_words words = {text, size, 0};
    if (draw->shape.rank) wg_words_shape(&words, "shape", &draw->shape);
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        if (strcmp(names[k].op, call->op->name)) continue;
        if (names[k].a) wg_words_number(&words, names[k].a, draw->a);
        if (names[k].b) wg_words_number(&words, names[k].b, draw->b);
        if (names[k].low) wg_words_integer(&words, names[k].low, draw->low);
        if (names[k].high) wg_words_integer(&words, names[k].high, draw->high);
    }
    return words.length;
}

#define RANDOM_OP(name_, infer)                                                                                        \
    static const wg_op random_op_##name_ = {.name = #name_,                                                            \
        .arity = 1,                                                                                                    \
        .flags = WG_OP_TAKES_INDICES | WG_OP_CUTS,                                                                     \
        .shape = infer,                                                                                                \
        .evaluate = random_##name_,                                                                                    \
        .describe = random_describe};
RANDOM_OP(uniform, random_infer)
RANDOM_OP(normal, random_infer)
RANDOM_OP(bernoulli, random_infer)
RANDOM_OP(randint, random_infer_indices)
RANDOM_OP(permutation, random_infer_indices)
RANDOM_OP(fold_in, random_infer_indices)
RANDOM_OP(split, random_infer_indices)
#undef RANDOM_OP

/* ---- dropout ----------------------------------------------------------------------------------------------------------- */

static wg_status random_infer_dropout(wg_call *call)
{
    if (call->in[0].indices)
        return wg_call_fail(call, WG_ERROR_ARGUMENT, "argument 1, %s, holds indices where numbers are expected",
            wg_call_describe(call, 0));
    call->shape = *call->in[0].shape;
    return random_check_key(call, 1);
}

static wg_status random_dropout(wg_call *call)
{
    double p = ((const random_draw *)call->attributes)->a;
    if (call->dtype == WG_F64)
        wg_kernel_dropout_f64(
            call->tape->isa, random_key(call, 1), call->in[0].size, p, call->in[0].data, call->out, call->add);
    else
        wg_kernel_dropout_f32(
            call->tape->isa, random_key(call, 1), call->in[0].size, p, call->in[0].data, call->out, call->add);
    return WG_OK;
}

static size_t random_view_dropout(const wg_call *call)
{
    return ((const random_draw *)call->attributes)->a == 0 ? 0 : SIZE_MAX;
}

static void random_derive_dropout(wg_derivation *d);

static const wg_op random_op_dropout = {.name = "dropout",
    .arity = 2,
    .flags = WG_OP_ADDS | WG_OP_LINEAR | WG_OP_TAKES_INDICES,
    .shape = random_infer_dropout,
    .evaluate = random_dropout,
    .view = random_view_dropout,
    .derivative = random_derive_dropout,
    .describe = random_describe};

/* x: dropout(g), by the same key. */
static void random_derive_dropout(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    wg_give(d, 0, &random_op_dropout, (wg_term[]){wg_cotangent(d), wg_primal(d, 1)}, 2, call->attributes,
        call->attributes_size);
}

/* ---- public ------------------------------------------------------------------------------------------------------------ */

static wg_var random_apply(const wg_op *op, wg_var key, const random_draw *draw)
{
    size_t size;
    if (!key.tape) return wg_invalid(NULL);
    if (key.tape->status == WG_OK && !wg_shape_size(&draw->shape, &size)) {
        wg_tape_fail(key.tape, WG_ERROR_SHAPE, "%s: %s", op->name,
            draw->shape.rank > WG_MAX_RANK ? "the shape has more axes than there can be"
                                           : "the shape's size overflows");
        return wg_invalid(key.tape);
    }
    return wg_list_apply(key.tape, op, &key, 1, draw, sizeof *draw, NULL);
}

/* Sets the error unless the parameters are fine. */
static bool random_accept(wg_var key, const char *name, bool fine, const char *wanted, double a, double b)
{
    if (fine || !key.tape || key.tape->status != WG_OK) return true;
    wg_tape_fail(key.tape, WG_ERROR_ARGUMENT, "%s: %s, not %g and %g", name, wanted, a, b);
    return false;
}

static bool random_accept_probability(wg_tape *tape, const char *name, double p)
{
    if ((p >= 0 && p <= 1) || !tape || tape->status != WG_OK) return true;
    wg_tape_fail(tape, WG_ERROR_ARGUMENT, "%s: p is %g, not between 0 and 1", name, p);
    return false;
}

wg_var wg_uniform(wg_var key, wg_shape shape, double low, double high)
{
    bool fine = low <= high && isfinite(high - low);
    if (!random_accept(key, "uniform", fine, "low and high must be finite and in order", low, high))
        return wg_invalid(key.tape);
    return random_apply(&random_op_uniform, key, &(random_draw){.shape = shape, .a = low, .b = high});
}

wg_var wg_normal(wg_var key, wg_shape shape, double mean, double std)
{
    bool fine = isfinite(mean) && std >= 0 && isfinite(std);
    if (!random_accept(key, "normal", fine, "mean and std must be finite, and std not negative", mean, std))
        return wg_invalid(key.tape);
    return random_apply(&random_op_normal, key, &(random_draw){.shape = shape, .a = mean, .b = std});
}

wg_var wg_bernoulli(wg_var key, wg_shape shape, double p)
{
    if (!random_accept_probability(key.tape, "bernoulli", p)) return wg_invalid(key.tape);
    return random_apply(&random_op_bernoulli, key, &(random_draw){.shape = shape, .a = p});
}

wg_var wg_randint(wg_var key, wg_shape shape, int64_t low, int64_t high)
{
    if (low >= high && key.tape && key.tape->status == WG_OK) {
        wg_tape_fail(key.tape, WG_ERROR_ARGUMENT, "randint: there is no integer from %lld to below %lld",
            (long long)low, (long long)high);
        return wg_invalid(key.tape);
    }
    return random_apply(&random_op_randint, key, &(random_draw){.shape = shape, .low = low, .high = high});
}

wg_var wg_permutation(wg_var key, size_t n)
{
    return random_apply(&random_op_permutation, key, &(random_draw){.shape = {1, {n}}});
}

wg_var wg_random_fold_in(wg_var key, int64_t data)
{
    return random_apply(&random_op_fold_in, key, &(random_draw){.low = data});
}

wg_status wg_random_split(wg_var key, size_t n, wg_var *out)
{
    wg_composition c;
    bool open = wg_compose_open(&c, "random_split", &key, 1, 1);
    if (open && n && !out) wg_tape_fail(c.tape, WG_ERROR_ARGUMENT, "random_split: the array of results is NULL");
    for (size_t i = 0; i < n && out; i++)
        out[i] = open ? random_apply(&random_op_split, key, &(random_draw){.low = (int64_t)i}) : wg_invalid(key.tape);
    if (!open) return c.tape ? c.tape->status : WG_ERROR_ARGUMENT;
    return wg_compose_close_all(&c, out, out ? n : 0);
}

wg_var wg_dropout(wg_var x, wg_var key, double p)
{
    wg_tape *tape = x.tape ? x.tape : key.tape;
    if (!tape || !random_accept_probability(tape, "dropout", p)) return wg_invalid(tape);
    random_draw draw = {.a = p};
    return wg_list_apply(tape, &random_op_dropout, (wg_var[]){x, key}, 2, &draw, sizeof draw, NULL);
}
