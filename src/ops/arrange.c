/* Ops that put elements in another order or repeat them: flip and roll, and tile and repeat, which are a reshape, a
 * broadcast and a reshape back. All move index vars too. */
#include "ops/compose.h"
#include "ops/copy.h"
#include "shape/shape.h"
#include "tape/words.h"
#include "wengert/ops.h"

/* ---- flip -------------------------------------------------------------------------------------------------------- */

typedef struct arrange_axes {
    bool flipped[WG_MAX_RANK];
} arrange_axes;

static wg_status arrange_infer_same(wg_call *call)
{
    call->shape = *call->in[0].shape;
    call->indices = call->in[0].indices;
    return WG_OK;
}

static wg_status arrange_flip(wg_call *call)
{
    const arrange_axes *axes = call->attributes;
    const wg_shape *shape = &call->shape;
    ptrdiff_t from[WG_MAX_RANK], to[WG_MAX_RANK], last = 0;
    if (call->in[0].size == 0) return WG_OK;
    wg_shape_strides(shape, to);
    for (uint32_t k = 0; k < shape->rank; k++) {
        from[k] = axes->flipped[k] ? -to[k] : to[k];
        if (axes->flipped[k]) last += (ptrdiff_t)(shape->dim[k] - 1) * to[k];
    }
    const char *in = (const char *)call->in[0].data + last * (ptrdiff_t)wg_copy_element(call);
    wg_copy_strided(call, shape->rank, shape->dim, in, from, call->out, to, call->add);
    return WG_OK;
}

/* An axis of one element looks the same from both ends. */
static size_t arrange_view_flip(const wg_call *call)
{
    const arrange_axes *axes = call->attributes;
    for (uint32_t k = 0; k < call->shape.rank; k++)
        if (axes->flipped[k] && call->shape.dim[k] != 1) return SIZE_MAX;
    return 0;
}

static void arrange_derive_flip(wg_derivation *d)
{
    wg_term g = wg_cotangent(d);
    const wg_call *call = wg_derivation_call(d);
    wg_give(d, 0, call->op, &g, 1, call->attributes, sizeof(arrange_axes));
}

static size_t arrange_describe_flip(const wg_call *call, char *text, size_t size)
{
    const arrange_axes *which = call->attributes;
    wg_words words = {text, size, 0};
    size_t axes[WG_MAX_RANK], n = 0;
    for (uint32_t d = 0; d < call->shape.rank; d++)
        if (which->flipped[d]) axes[n++] = d;
    wg_words_sizes(&words, "axes", axes, n);
    return words.length;
}

static const wg_op arrange_op_flip = {.name = "flip",
    .arity = 1,
    .flags = WG_OP_ADDS | WG_OP_TAKES_INDICES | WG_OP_LINEAR,
    .shape = arrange_infer_same,
    .evaluate = arrange_flip,
    .view = arrange_view_flip,
    .derivative = arrange_derive_flip,
    .describe = arrange_describe_flip};

wg_var wg_flip(wg_var x, const int *axes, size_t n)
{
    wg_composition c;
    arrange_axes which;
    if (!wg_compose_open(&c, "flip", &x, 1, 1) || !wg_compose_axes(&c, x, axes, n, which.flipped))
        return wg_invalid(x.tape);
    return wg_list_apply(x.tape, &arrange_op_flip, &x, 1, &which, sizeof which, NULL);
}

/* ---- roll -------------------------------------------------------------------------------------------------------- */

typedef struct arrange_turn {
    uint32_t axis;
    size_t shift; /* below the axis's extent; 0 for an empty one */
} arrange_turn;

/* Copies count elements of the axis, for each place on the others. */
static void arrange_move(const wg_call *call, uint32_t axis, size_t from, size_t to, size_t count)
{
    wg_shape part = call->shape;
    ptrdiff_t strides[WG_MAX_RANK];
    wg_shape_strides(&call->shape, strides);
    part.dim[axis] = count;
    size_t element = wg_copy_element(call) * (size_t)strides[axis];
    wg_copy_strided(call, part.rank, part.dim, (const char *)call->in[0].data + from * element, strides,
        (char *)call->out + to * element, strides, call->add);
}

static wg_status arrange_roll(wg_call *call)
{
    const arrange_turn *turn = call->attributes;
    size_t rest = call->shape.dim[turn->axis] - turn->shift;
    arrange_move(call, turn->axis, 0, turn->shift, rest);
    if (turn->shift) arrange_move(call, turn->axis, rest, 0, turn->shift);
    return WG_OK;
}

static size_t arrange_view_roll(const wg_call *call)
{
    const arrange_turn *turn = call->attributes;
    return turn->shift ? SIZE_MAX : 0;
}

static void arrange_derive_roll(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    arrange_turn back = *(const arrange_turn *)call->attributes;
    if (back.shift) back.shift = call->shape.dim[back.axis] - back.shift;
    wg_term g = wg_cotangent(d);
    wg_give(d, 0, call->op, &g, 1, &back, sizeof back);
}

static size_t arrange_describe_roll(const wg_call *call, char *text, size_t size)
{
    const arrange_turn *turn = call->attributes;
    wg_words words = {text, size, 0};
    wg_words_integer(&words, "shift", (int64_t)turn->shift);
    wg_words_integer(&words, "axis", turn->axis);
    return words.length;
}

static const wg_op arrange_op_roll = {.name = "roll",
    .arity = 1,
    .flags = WG_OP_ADDS | WG_OP_TAKES_INDICES | WG_OP_LINEAR,
    .shape = arrange_infer_same,
    .evaluate = arrange_roll,
    .view = arrange_view_roll,
    .derivative = arrange_derive_roll,
    .describe = arrange_describe_roll};

wg_var wg_roll(wg_var x, ptrdiff_t shift, int axis)
{
    wg_composition c;
    arrange_turn turn = {0};
    if (!wg_compose_open(&c, "roll", &x, 1, 1) || !wg_compose_axis(&c, x, axis, &turn.axis)) return wg_invalid(x.tape);
    ptrdiff_t extent = (ptrdiff_t)wg_shape_of(x).dim[turn.axis];
    if (extent) {
        ptrdiff_t rest = shift % extent;
        turn.shift = (size_t)(rest < 0 ? rest + extent : rest);
    }
    return wg_list_apply(x.tape, &arrange_op_roll, &x, 1, &turn, sizeof turn, NULL);
}

/* ---- tile and repeat --------------------------------------------------------------------------------------------- */

/* The extent times the repetitions; false, with the error set, when that overflows. */
static bool arrange_multiply(const wg_composition *c, wg_var x, size_t *extent, size_t repetitions)
{
    if (repetitions && *extent > SIZE_MAX / repetitions) {
        wg_tape_fail(c->tape, WG_ERROR_SHAPE, "%s: the size of %s, repeated %zu times, overflows", c->name,
            wg_list_describe(c->tape, x.index), repetitions);
        return false;
    }
    *extent *= repetitions;
    return true;
}

wg_var wg_repeat(wg_var x, size_t count, int axis)
{
    wg_composition c;
    uint32_t found;
    if (!wg_compose_open(&c, "repeat", &x, 1, 1) || !wg_compose_axis(&c, x, axis, &found)) return wg_invalid(x.tape);
    wg_shape shape = wg_shape_of(x);
    wg_shape_split split = wg_shape_around(&shape, found);
    if (!arrange_multiply(&c, x, &shape.dim[found], count)) return wg_invalid(x.tape);
    if (count == 1) return wg_compose_close(&c, wg_reshape(x, shape));
    wg_var narrow = wg_reshape(x, WG_DIMS(split.outer * split.extent, 1, split.inner));
    wg_var wide = wg_broadcast_to(narrow, WG_DIMS(split.outer * split.extent, count, split.inner));
    return wg_compose_close(&c, wg_reshape(wide, shape));
}

#define ARRANGE_GROUP 3 /* axes that one broadcast repeats: each takes two of its axes, and one stands before them */

/* dim's axes before end as the shape of a broadcast that repeats the last ARRANGE_GROUP of those that need it: each is
 * (1, block) and becomes (reps, block). Returns the first axis that is taken care of, and updates dim. */
static uint32_t arrange_group(wg_shape *dim, const size_t *reps, uint32_t end, wg_shape *narrow, wg_shape *wide)
{
    size_t block = wg_shape_product(dim, end, dim->rank), blocks[ARRANGE_GROUP], times[ARRANGE_GROUP];
    uint32_t count = 0;
    while (end > 0 && count < ARRANGE_GROUP) {
        block *= dim->dim[--end];
        if (reps[end] == 1) continue;
        dim->dim[end] *= reps[end];
        blocks[count] = block;
        times[count++] = reps[end];
        block = 1;
    }
    block *= wg_shape_product(dim, 0, end);
    *narrow = *wide = (wg_shape){1, {block}};
    while (count-- > 0) {
        narrow->dim[narrow->rank++] = 1;
        narrow->dim[narrow->rank++] = blocks[count];
        wide->dim[wide->rank++] = times[count];
        wide->dim[wide->rank++] = blocks[count];
    }
    return end;
}

/* x's shape with leading axes of 1 up to n, reps likewise, and the result's shape. */
static bool arrange_tiled_shape(
    const wg_composition *c, wg_var x, const size_t *reps, size_t n, wg_shape *dim, size_t *all, wg_shape *tiled)
{
    wg_shape shape = wg_shape_of(x);
    uint32_t rank = n > shape.rank ? (uint32_t)n : shape.rank;
    *dim = *tiled = (wg_shape){.rank = rank};
    for (uint32_t k = 0; k < rank; k++) {
        uint32_t missing = rank - shape.rank, before = rank - (uint32_t)n;
        dim->dim[k] = k < missing ? 1 : shape.dim[k - missing];
        all[k] = k < before ? 1 : reps[k - before];
        tiled->dim[k] = dim->dim[k];
        if (!arrange_multiply(c, x, &tiled->dim[k], all[k])) return false;
    }
    return true;
}

wg_var wg_tile(wg_var x, const size_t *reps, size_t n)
{
    wg_composition c;
    wg_shape dim, tiled, narrow, wide;
    size_t all[WG_MAX_RANK], size;
    if (!wg_compose_open(&c, "tile", &x, 1, 1)) return wg_invalid(x.tape);
    if (n && !reps)
        wg_tape_fail(c.tape, WG_ERROR_ARGUMENT, "tile: the array of repetitions is NULL");
    else if (n > WG_MAX_RANK)
        wg_tape_fail(c.tape, WG_ERROR_SHAPE, "tile: %zu repetitions for %s; there may be at most %d axes", n,
            wg_list_describe(c.tape, x.index), WG_MAX_RANK);
    if (c.tape->status != WG_OK || !arrange_tiled_shape(&c, x, reps, n, &dim, all, &tiled)) return wg_invalid(x.tape);
    wg_var y = x;
    if (wg_shape_size(&tiled, &size)) /* otherwise the last step says so */
        for (uint32_t end = dim.rank; end > 0 && c.tape->status == WG_OK;) {
            end = arrange_group(&dim, all, end, &narrow, &wide);
            if (narrow.rank > 1) y = wg_broadcast_to(wg_reshape(y, narrow), wide);
        }
    return wg_compose_close(&c, wg_reshape(y, tiled));
}

#undef ARRANGE_GROUP
