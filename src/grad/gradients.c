/* The reverse sweep recorded: the same derivatives, read as ops on the tape, so that what comes out can be differentiated
 * again. What is differentiated for may stand anywhere on the tape, so the nodes to pass through are found anew at each
 * call: those between the lowest of them and the swept value that depend on one of them. */
#include "grad/derivation.h"

#include "shape/shape.h"
#include "wengert/grad.h"

#include <string.h>

static wg_status gradients_check(const char *what, wg_var out, const wg_var *wrt, size_t n, wg_var *grads)
{
    wg_tape *tape = out.tape;
    wg_status status = wg_tape_ready(tape, what);
    if (status == WG_OK && tape->busy) status = wg_tape_fail(tape, WG_ERROR_ARGUMENT, "%s: the tape is busy", what);
    if (status == WG_OK) status = wg_list_check(tape, what, 1, out);
    if (status == WG_OK && n && (!wrt || !grads))
        status =
            wg_tape_fail(tape, WG_ERROR_ARGUMENT, "%s: the array of %s is NULL", what, wrt ? "results" : "arguments");
    for (size_t k = 0; k < n && status == WG_OK; k++) {
        status = wg_list_check(tape, what, 0, wrt[k]);
        if (status == WG_OK && tape->nodes[wrt[k].index].flags & WG_NODE_INDICES)
            status = wg_tape_fail(tape, WG_ERROR_ARGUMENT, "%s: %s holds indices, which have no derivative", what,
                wg_list_describe(tape, wrt[k].index));
    }
    if (status == WG_OK && tape->nodes[out.index].flags & WG_NODE_INDICES)
        status = wg_tape_fail(tape, WG_ERROR_ARGUMENT, "%s: %s holds indices, which have no derivative", what,
            wg_list_describe(tape, out.index));
    return status;
}

static wg_status gradients_check_cotangent(wg_var out, wg_var cotangent)
{
    wg_tape *tape = out.tape;
    wg_status status = wg_list_check(tape, "wg_vjp", 2, cotangent);
    if (status != WG_OK) return status;
    wg_shape have = wg_shape_of(cotangent), wanted = wg_shape_of(out);
    if (tape->nodes[cotangent.index].flags & WG_NODE_INDICES)
        return wg_tape_fail(tape, WG_ERROR_ARGUMENT,
            "wg_vjp: the cotangent %s holds indices where numbers are expected",
            wg_list_describe(tape, cotangent.index));
    if (wg_shape_equal(&have, &wanted)) return WG_OK;
    return wg_tape_fail(tape, WG_ERROR_SHAPE, "wg_vjp: the cotangent %s must have the shape of %s",
        wg_list_describe(tape, cotangent.index), wg_list_describe(tape, out.index));
}

static wg_status gradients_fail(wg_tape *tape, wg_status status, wg_var *grads, size_t n)
{
    for (size_t k = 0; k < n && grads; k++) grads[k] = wg_invalid(tape);
    return status;
}

/* Marks what depends on wrt, up to out, in reach, which is zeros. */
static void gradients_reach(
    const wg_tape *tape, unsigned char *reach, uint32_t out, uint32_t low, const wg_var *wrt, size_t n)
{
    for (size_t k = 0; k < n; k++)
        if (wrt[k].index <= out) reach[wrt[k].index] = 1;
    for (uint32_t i = low; i <= out; i++) {
        const wg_node *node = &tape->nodes[i];
        if (!node->op || node->op->flags & WG_OP_CUTS || node->flags & WG_NODE_INDICES) continue;
        size_t inputs_count;
        const uint32_t *inputs = wg_node_inputs(node, &inputs_count);
        for (size_t j = 0; j < inputs_count && !reach[i]; j++) reach[i] = reach[inputs[j]];
    }
}

/* Whether an input of the node is reached; otherwise its derivative is nobody's business. */
static bool gradients_passes(const wg_tape *tape, uint32_t index, const unsigned char *reach)
{
    const wg_node *node = &tape->nodes[index];
    if (!node->op || node->op->flags & WG_OP_CUTS) return false;
    size_t n;
    const uint32_t *inputs = wg_node_inputs(node, &n);
    for (size_t j = 0; j < n; j++)
        if (reach[inputs[j]]) return true;
    return false;
}

static wg_status gradients_down(wg_tape *tape, uint32_t out, uint32_t low, wg_recorded_sweep *sweep)
{
    tape->busy++;
    tape->numbers_count = 0;
    tape->sharing_numbers = true;
    for (int64_t i = out; i >= (int64_t)low; i--) {
        if (tape->status == WG_OK) wg_derive_postponed(tape, (uint32_t)i, sweep);
        if (tape->status == WG_OK && sweep->adjoints[i].tape && gradients_passes(tape, (uint32_t)i, sweep->reach))
            wg_derive_recorded(tape, (uint32_t)i, sweep);
        if (tape->status != WG_OK) wg_derive_forget(tape, (uint32_t)i, sweep);
    }
    tape->sharing_numbers = false;
    tape->busy--;
    return tape->status;
}

/* The adjoints of wrt, zeros where nothing came. grads may be wrt itself. */
static wg_status gradients_collect(
    wg_tape *tape, uint32_t out, const wg_recorded_sweep *sweep, const wg_var *wrt, size_t n, wg_var *grads)
{
    for (size_t k = 0; k < n; k++) {
        wg_var found = wrt[k].index <= out ? sweep->adjoints[wrt[k].index] : (wg_var){0};
        grads[k] = found.tape ? found : wg_constant_raw(tape, wg_shape_of(wrt[k]), NULL);
    }
    return tape->status;
}

static wg_status gradients_sweep(
    const char *what, wg_var out, wg_var cotangent, const wg_var *wrt, size_t n, wg_var *grads)
{
    wg_tape *tape = out.tape;
    uint32_t low = out.index;
    for (size_t k = 0; k < n; k++)
        if (wrt[k].index < low) low = wrt[k].index;
    size_t count = (size_t)out.index + 1, bytes = count * (sizeof(wg_var) + sizeof(wg_postponed *) + 1);
    wg_recorded_sweep sweep = {.adjoints = wg_pool_take(&tape->pool, &tape->source, bytes)};
    if (!sweep.adjoints) return wg_tape_fail_memory(tape, what, bytes);
    sweep.postponed = (wg_postponed **)(void *)(sweep.adjoints + count);
    sweep.reach = (unsigned char *)(sweep.postponed + count);
    memset(sweep.adjoints, 0, bytes);
    gradients_reach(tape, sweep.reach, out.index, low, wrt, n);
    if (sweep.reach[out.index]) sweep.adjoints[out.index] = cotangent;
    wg_status status = gradients_down(tape, out.index, low, &sweep);
    if (status == WG_OK) status = gradients_collect(tape, out.index, &sweep, wrt, n, grads);
    wg_pool_give_back(&tape->pool, sweep.adjoints, bytes);
    return status;
}

/* What a failed sweep has recorded is taken off again. */
static wg_status gradients_end(wg_tape *tape, wg_mark start, wg_status status, wg_var *grads, size_t n)
{
    if (status == WG_OK) return WG_OK;
    wg_tape_rewind(tape, start);
    return gradients_fail(tape, status, grads, n);
}

wg_status wg_vjp(wg_var out, wg_var cotangent, const wg_var *wrt, size_t n, wg_var *grads)
{
    wg_tape *tape = out.tape;
    wg_status status = gradients_check("wg_vjp", out, wrt, n, grads);
    if (status == WG_OK) status = gradients_check_cotangent(out, cotangent);
    if (status != WG_OK) return gradients_fail(tape, status, grads, n);
    wg_mark start = wg_tape_mark(tape);
    status = gradients_sweep("wg_vjp", out, cotangent, wrt, n, grads);
    return gradients_end(tape, start, status, grads, n);
}

wg_status wg_gradients(wg_var scalar, const wg_var *wrt, size_t n, wg_var *grads)
{
    wg_tape *tape = scalar.tape;
    wg_status status = gradients_check("wg_gradients", scalar, wrt, n, grads);
    if (status == WG_OK && wg_size(scalar) != 1)
        status = wg_tape_fail(tape, WG_ERROR_SHAPE, "wg_gradients: %s does not have size 1; wg_vjp takes a cotangent",
            wg_list_describe(tape, scalar.index));
    if (status != WG_OK) return gradients_fail(tape, status, grads, n);
    wg_mark start = wg_tape_mark(tape);
    wg_var one = wg_scalar(tape, 1);
    wg_shape shape = wg_shape_of(scalar);
    if (shape.rank)
        one = wg_constant_raw(tape, shape, tape->dtype == WG_F64 ? (const void *)&(double){1} : &(float){1});
    status = tape->status;
    if (status == WG_OK) status = gradients_sweep("wg_gradients", scalar, one, wrt, n, grads);
    return gradients_end(tape, start, status, grads, n);
}
