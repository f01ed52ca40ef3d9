/* The reverse sweep recorded: the same derivatives, read as ops on the tape, so that what comes out can be differentiated
 * again. What is differentiated for may stand anywhere on the tape, so the nodes to pass through are found anew at each
 * call: those between the lowest of them and the swept value that depend on one of them. */
#include "grad/derivation.h"
#include "grad/nodes.h"

#include "shape/shape.h"
#include "wengert/grad.h"

#include <string.h>

wg_status wg_derive_check(const char *what, wg_var out, const wg_var *wrt, size_t n)
{
    wg_tape *tape = out.tape;
    wg_status status = wg_tape_ready(tape, what);
    if (status == WG_OK && tape->busy != tape->inside)
        status = wg_tape_fail(tape, WG_ERROR_ARGUMENT, "%s: the tape is busy", what);
    if (status == WG_OK) status = wg_list_check(tape, what, 1, out);
    if (status == WG_OK && n && !wrt)
        status = wg_tape_fail(tape, WG_ERROR_ARGUMENT, "%s: the array of arguments is NULL", what);
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

static wg_status gradients_check(const char *what, wg_var out, const wg_var *wrt, size_t n, const wg_var *grads)
{
    wg_status status = wg_derive_check(what, out, wrt, n);
    if (status == WG_OK && n && !grads)
        status = wg_tape_fail(out.tape, WG_ERROR_ARGUMENT, "%s: the array of results is NULL", what);
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

/* ---- the sweep -------------------------------------------------------------------------------------------------------- */

/* The one past the highest node that a sweep of the request starts from. */
static uint32_t gradients_end_of_range(const wg_recorded_request *request)
{
    uint32_t end = request->from;
    for (size_t k = 0; k < request->outs_count; k++)
        if (request->outs[k].index >= end) end = request->outs[k].index + 1;
    return end;
}

/* Marks wrt and, from `from` on, what depends on it, in reach, which is zeros. */
static void gradients_reach(
    const wg_tape *tape, wg_recorded_sweep *sweep, const wg_recorded_request *request, uint32_t end)
{
    for (size_t k = 0; k < request->n; k++)
        if (request->wrt[k].index < end) sweep->reach[wg_recorded_slot(sweep, request->wrt[k].index)] = 1;
    for (uint32_t i = sweep->from; i < end; i++) {
        const wg_node *node = &tape->nodes[i];
        unsigned char *reached = &sweep->reach[wg_recorded_slot(sweep, i)];
        if (wg_node_is_leaf(node) || wg_node_op(node)->flags & WG_OP_CUTS || node->flags & WG_NODE_INDICES) continue;
        size_t n;
        const uint32_t *inputs = wg_node_inputs(node, &n);
        for (size_t j = 0; j < n && !*reached; j++) {
            size_t slot = wg_recorded_slot(sweep, inputs[j]);
            *reached = slot != SIZE_MAX && sweep->reach[slot];
        }
    }
}

/* Whether an input of the node is reached; otherwise its derivative is nobody's business. */
static bool gradients_passes(const wg_tape *tape, uint32_t index, const wg_recorded_sweep *sweep)
{
    const wg_node *node = &tape->nodes[index];
    if (wg_node_is_leaf(node) || wg_node_op(node)->flags & WG_OP_CUTS) return false;
    size_t n;
    const uint32_t *inputs = wg_node_inputs(node, &n);
    for (size_t j = 0; j < n; j++) {
        size_t slot = wg_recorded_slot(sweep, inputs[j]);
        if (slot != SIZE_MAX && sweep->reach[slot]) return true;
    }
    return false;
}

static const wg_interned *gradients_shape(const wg_tape *tape, uint32_t index)
{
    return wg_node_shape(tape, &tape->nodes[index]);
}

/* A scalar's derivative, the shortest way: for its one or two inputs. */
static void gradients_inline(wg_tape *tape, uint32_t index, wg_recorded_sweep *sweep)
{
    const wg_node *node = &tape->nodes[index];
    const wg_scalar_path *path = wg_node_op(node)->internal;
    size_t n = wg_node_op(node)->arity;
    uint32_t inputs[2] = {node->in[0], node->in[1]};
    wg_var in[2], y = {tape, index, node->epoch}, g = sweep->adjoints[wg_recorded_slot(sweep, index)];
    for (size_t k = 0; k < n; k++) in[k] = (wg_var){tape, inputs[k], tape->nodes[inputs[k]].epoch};
    for (size_t k = 0; k < n; k++) {
        size_t slot = wg_recorded_slot(sweep, inputs[k]);
        if (slot == SIZE_MAX || !sweep->reach[slot]) continue;
        wg_var slope = path->slope(path->rule, k, g, in, y);
        if (slope.tape) wg_recorded_join(sweep, slot, tape->scalar_shape, slope);
    }
}

/* Completes a node's adjoint and, unless it stands outside the range, passes it on. */
static void gradients_node(wg_tape *tape, uint32_t index, wg_recorded_sweep *sweep)
{
    size_t slot = wg_recorded_slot(sweep, index);
    if (tape->status == WG_OK) wg_derive_postponed(tape, slot, gradients_shape(tape, index), sweep);
    if (tape->status != WG_OK) {
        wg_derive_forget(tape, slot, sweep);
        return;
    }
    if (index < sweep->from || !sweep->adjoints[slot].tape || !gradients_passes(tape, index, sweep)) return;
    if (tape->nodes[index].flags & WG_NODE_INLINE)
        gradients_inline(tape, index, sweep);
    else
        wg_derive_recorded(tape, index, sweep->adjoints[slot], sweep);
}

static wg_status gradients_down(wg_tape *tape, uint32_t end, wg_recorded_sweep *sweep)
{
    bool sharing = tape->sharing_numbers;
    tape->busy++;
    tape->numbers_count = 0;
    tape->sharing_numbers = true;
    for (uint32_t i = end; i-- > sweep->from;) gradients_node(tape, i, sweep);
    for (size_t k = sweep->outside_count; k-- > 0;) gradients_node(tape, sweep->outside[k], sweep);
    tape->sharing_numbers = sharing;
    tape->numbers_count = 0;
    tape->busy--;
    return tape->status;
}

/* The adjoints of wrt, zeros (or, bare, nothing) where nothing came. grads may be wrt itself. */
static wg_status gradients_collect(wg_tape *tape, const wg_recorded_sweep *sweep, const wg_recorded_request *request,
    uint32_t end, bool bare, wg_var *grads)
{
    for (size_t k = 0; k < request->n; k++) {
        wg_var var = request->wrt[k];
        wg_var found = var.index < end ? sweep->adjoints[wg_recorded_slot(sweep, var.index)] : (wg_var){0};
        grads[k] = found.tape || bare ? found : wg_constant_raw(tape, wg_shape_of(var), NULL);
    }
    return tape->status;
}

/* The set of the wrt below the range. */
static size_t gradients_outside(const wg_recorded_request *request, uint32_t *outside)
{
    size_t count = 0;
    for (size_t k = 0; k < request->n; k++)
        if (request->wrt[k].index < request->from) outside[count++] = request->wrt[k].index;
    return wg_nodes_sort(outside, count);
}

wg_status wg_sweep_recorded(wg_tape *tape, const wg_recorded_request *request, bool bare, wg_var *grads)
{
    uint32_t end = gradients_end_of_range(request);
    size_t below = 0;
    for (size_t k = 0; k < request->n; k++) below += request->wrt[k].index < request->from;
    size_t count = below + (end - request->from);
    size_t bytes = count * (sizeof(wg_var) + sizeof(wg_postponed *) + 1) + below * sizeof(uint32_t);
    char *memory = wg_pool_take(&tape->pool, &tape->source, bytes);
    if (!memory) return wg_tape_fail_memory(tape, request->what, bytes);
    memset(memory, 0, bytes);
    wg_recorded_sweep sweep = {.adjoints = (wg_var *)(void *)memory, .from = request->from};
    sweep.postponed = (wg_postponed **)(void *)(sweep.adjoints + count);
    uint32_t *outside = (uint32_t *)(void *)(sweep.postponed + count);
    sweep.reach = (unsigned char *)(outside + below);
    sweep.outside = outside;
    sweep.outside_count = gradients_outside(request, outside);
    gradients_reach(tape, &sweep, request, end);
    for (size_t k = 0; k < request->outs_count; k++) {
        size_t slot = wg_recorded_slot(&sweep, request->outs[k].index);
        if (slot != SIZE_MAX && sweep.reach[slot]) wg_recorded_join(&sweep, slot, NULL, request->cotangents[k]);
    }
    wg_status status = gradients_down(tape, end, &sweep);
    if (status == WG_OK) status = gradients_collect(tape, &sweep, request, end, bare, grads);
    wg_pool_give_back(&tape->pool, memory, bytes);
    return status;
}

/* ---- public ------------------------------------------------------------------------------------------------------------ */

/* One swept value. What a failed sweep has recorded is taken off again. */
static wg_status gradients_sweep(
    const char *what, wg_var out, wg_var cotangent, const wg_var *wrt, size_t n, wg_var *grads, uint32_t length)
{
    wg_tape *tape = out.tape;
    wg_recorded_request request = {
        .what = what, .outs = &out, .cotangents = &cotangent, .outs_count = 1, .wrt = wrt, .n = n, .from = out.index};
    for (size_t k = 0; k < n; k++)
        if (wrt[k].index < request.from) request.from = wrt[k].index;
    wg_status status = tape->status == WG_OK ? wg_sweep_recorded(tape, &request, false, grads) : tape->status;
    if (status == WG_OK) return WG_OK;
    wg_list_cut(tape, length);
    return gradients_fail(tape, status, grads, n);
}

wg_status wg_vjp(wg_var out, wg_var cotangent, const wg_var *wrt, size_t n, wg_var *grads)
{
    wg_tape *tape = out.tape;
    wg_status status = gradients_check("wg_vjp", out, wrt, n, grads);
    if (status == WG_OK) status = gradients_check_cotangent(out, cotangent);
    if (status != WG_OK) return gradients_fail(tape, status, grads, n);
    return gradients_sweep("wg_vjp", out, cotangent, wrt, n, grads, tape->length);
}

wg_status wg_record_gradients(const char *what, wg_var scalar, const wg_var *wrt, size_t n, wg_var *grads)
{
    wg_tape *tape = scalar.tape;
    uint32_t length = tape->length;
    wg_var one = wg_scalar(tape, 1);
    wg_shape shape = wg_shape_of(scalar);
    if (shape.rank)
        one = wg_constant_raw(tape, shape, tape->dtype == WG_F64 ? (const void *)&(double){1} : &(float){1});
    return gradients_sweep(what, scalar, one, wrt, n, grads, length);
}

wg_status wg_gradients(wg_var scalar, const wg_var *wrt, size_t n, wg_var *grads)
{
    wg_tape *tape = scalar.tape;
    wg_status status = gradients_check("wg_gradients", scalar, wrt, n, grads);
    if (status == WG_OK && wg_size(scalar) != 1)
        status = wg_tape_fail(tape, WG_ERROR_SHAPE, "wg_gradients: %s does not have size 1; wg_vjp takes a cotangent",
            wg_list_describe(tape, scalar.index));
    if (status != WG_OK) return gradients_fail(tape, status, grads, n);
    return wg_record_gradients("wg_gradients", scalar, wrt, n, grads);
}
