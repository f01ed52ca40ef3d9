/* The forward mode, recorded: the tangent of a value, carried up the tape from the tangents of what it depends on. For each
 * node between the lowest of wrt and out that lies on a path from the one to the other, its op's flags say how:
 *
 *     elementwise    the derivative with respect to each input, applied to that input's tangent; summed
 *     linear         the op itself on its inputs' tangents, zeros where there is none
 *     multilinear    the op itself with one input at a time replaced by its tangent; summed
 *     checkpoint     its function is run again, and the tangent carried up through what it records
 *     other          the adjoint of the adjoint: the derivative is linear in the cotangent, so it is recorded for a
 *                    cotangent of zeros, and what that cotangent would get for the tangents as cotangents is J t
 *
 * The last is the double application of B. Christianson (Automatic Hessians by reverse accumulation, IMA J. Numer. Anal.
 * 12, 1992) kept to a single op; the others cost about one more evaluation. Method of tangents: A. Griewank and A. Walther,
 * Evaluating Derivatives, 2nd ed., SIAM 2008, chapter 3. */
#include "grad/derivation.h"
#include "grad/nodes.h"

#include "shape/shape.h"
#include "wengert/grad.h"
#include "wengert/ops.h"

#include <string.h>

enum { TANGENTS_REACHED = 1, TANGENTS_NEEDED = 2, TANGENTS_FEW = 8 };

typedef struct tangents_sweep {
    wg_tape *tape;
    uint32_t low, out;
    unsigned char *marks;    /* of the nodes from low to out: depends on wrt, is needed for out */
    wg_var *tangents;        /* {0}: zero */
    const uint32_t *outside; /* within a checkpoint: the set of older values that it uses, and their tangents */
    const wg_var *outside_tangents;
    size_t outside_count;
} tangents_sweep;

/* One node's op, its inputs as vars, and their tangents. */
typedef struct tangents_node {
    uint32_t index;
    const wg_op *op;
    size_t n;
    const void *attributes;
    size_t attributes_size;
    wg_shape shape;
    wg_var *in, *tangents, *changed; /* n each; changed is for the ops' use */
    wg_var few[3 * TANGENTS_FEW];
} tangents_node;

static size_t tangents_bytes(const tangents_sweep *s) { return ((size_t)s->out - s->low + 1) * (sizeof(wg_var) + 1); }

static wg_var tangents_at(const tangents_sweep *s, uint32_t index)
{
    if (index >= s->low) return s->tangents[index - s->low];
    size_t at = wg_nodes_find(s->outside, s->outside_count, index);
    return at == SIZE_MAX ? (wg_var){0} : s->outside_tangents[at];
}

static bool tangents_reached(const tangents_sweep *s, uint32_t index)
{
    return index >= s->low ? s->marks[index - s->low] : (bool)tangents_at(s, index).tape;
}

/* Marks what depends on what is marked already, then, of that, what out depends on. */
static void tangents_mark(tangents_sweep *s)
{
    const wg_tape *tape = s->tape;
    size_t inputs_count;
    for (uint32_t i = s->low; i <= s->out; i++) {
        const wg_node *node = &tape->nodes[i];
        if (wg_node_is_leaf(node) || wg_node_op(node)->flags & WG_OP_CUTS || node->flags & WG_NODE_INDICES) continue;
        const uint32_t *inputs = wg_node_inputs(node, &inputs_count);
        for (size_t j = 0; j < inputs_count && !s->marks[i - s->low]; j++)
            if (tangents_reached(s, inputs[j])) s->marks[i - s->low] = TANGENTS_REACHED;
    }
    s->marks[s->out - s->low] |= TANGENTS_NEEDED;
    for (uint32_t i = s->out + 1; i-- > s->low;) {
        const uint32_t *inputs = wg_node_inputs(&tape->nodes[i], &inputs_count);
        if (s->marks[i - s->low] != (TANGENTS_REACHED | TANGENTS_NEEDED)) continue;
        for (size_t j = 0; j < inputs_count; j++)
            if (inputs[j] >= s->low) s->marks[inputs[j] - s->low] |= TANGENTS_NEEDED;
    }
}

static wg_var tangents_sum(wg_var a, wg_var b) { return !a.tape ? b : !b.tape ? a : wg_add(a, b); }

static wg_var tangents_stretched(wg_var tangent, const wg_shape *shape)
{
    wg_shape have = wg_shape_of(tangent);
    return !wg_list_valid(tangent) || wg_shape_equal(&have, shape) ? tangent : wg_broadcast_to(tangent, *shape);
}

static wg_var tangents_apply(wg_tape *tape, const tangents_node *node, const wg_var *in)
{
    return wg_list_apply(tape, node->op, in, node->n, node->attributes, node->attributes_size, NULL);
}

/* ---- the five ways ------------------------------------------------------------------------------------------------------- */

/* The op's derivative for a cotangent, by itself: given[k] for each input that wanted says. */
static void tangents_derive(
    wg_tape *tape, const tangents_node *node, wg_var cotangent, bool whole, const unsigned char *wanted, wg_var *given)
{
    size_t n = node->n, bytes = n * (sizeof(wg_postponed *) + 1);
    wg_postponed **postponed = wg_pool_take(&tape->pool, &tape->source, bytes);
    if (!postponed) {
        wg_tape_fail_memory(tape, "wg_jvp", bytes);
        return;
    }
    memset(postponed, 0, bytes);
    unsigned char *reach = (unsigned char *)(postponed + n);
    memcpy(reach, wanted, n);
    wg_recorded_sweep local = {
        .local = true, .whole = whole, .reach = reach, .adjoints = given, .postponed = postponed};
    wg_derive_recorded(tape, node->index, cotangent, &local);
    wg_pool_give_back(&tape->pool, postponed, bytes);
}

static wg_var tangents_elementwise(wg_tape *tape, tangents_node *node, unsigned char *wanted)
{
    wg_var sum = {0};
    for (size_t k = 0; k < node->n && tape->status == WG_OK; k++) {
        if (!node->tangents[k].tape) continue;
        memset(wanted, 0, node->n);
        memset(node->changed, 0, node->n * sizeof *node->changed);
        wanted[k] = 1;
        wg_var tangent = tangents_stretched(node->tangents[k], &node->shape);
        tangents_derive(tape, node, tangent, true, wanted, node->changed);
        sum = tangents_sum(sum, node->changed[k]);
    }
    return sum.tape ? tangents_stretched(sum, &node->shape) : sum;
}

static wg_var tangents_linear(wg_tape *tape, tangents_node *node)
{
    for (size_t k = 0; k < node->n && tape->status == WG_OK; k++) {
        bool indices = tape->nodes[node->in[k].index].flags & WG_NODE_INDICES;
        node->changed[k] = node->tangents[k].tape ? node->tangents[k]
                           : indices              ? node->in[k]
                                                  : wg_constant_raw(tape, wg_shape_of(node->in[k]), NULL);
    }
    return tangents_apply(tape, node, node->changed);
}

static wg_var tangents_multilinear(wg_tape *tape, tangents_node *node)
{
    wg_var sum = {0};
    for (size_t k = 0; k < node->n && tape->status == WG_OK; k++) {
        if (!node->tangents[k].tape) continue;
        memcpy(node->changed, node->in, node->n * sizeof *node->in);
        node->changed[k] = node->tangents[k];
        sum = tangents_sum(sum, tangents_apply(tape, node, node->changed));
    }
    return sum;
}

static wg_var tangents_by_adjoint(wg_tape *tape, tangents_node *node, unsigned char *wanted)
{
    wg_var zero = wg_constant_raw(tape, node->shape, NULL);
    for (size_t k = 0; k < node->n; k++) wanted[k] = (bool)node->tangents[k].tape;
    memset(node->changed, 0, node->n * sizeof *node->changed);
    tangents_derive(tape, node, zero, false, wanted, node->changed);
    size_t count = 0;
    for (size_t k = 0; k < node->n; k++) {
        if (!node->changed[k].tape) continue;
        node->changed[count] = node->changed[k];
        node->tangents[count++] = node->tangents[k];
    }
    wg_var tangent = {0};
    wg_recorded_request request = {.what = "wg_jvp",
        .outs = node->changed,
        .cotangents = node->tangents,
        .outs_count = count,
        .wrt = &zero,
        .n = 1,
        .from = zero.index};
    if (tape->status == WG_OK) wg_sweep_recorded(tape, &request, true, &tangent);
    return tangent;
}

static wg_var tangents_run(tangents_sweep *s, const wg_var *wrt, const wg_var *tangents, size_t n);

static wg_var tangents_within(wg_tape *tape, const tangents_node *node)
{
    tangents_sweep s = {.tape = tape};
    wg_var out, tangent;
    if (!wg_checkpoint_unfold(tape, node->index, &s.low, &out)) return (wg_var){0};
    size_t bytes = node->n * (sizeof(wg_var) + sizeof(uint32_t));
    wg_var *tangents = wg_pool_take(&tape->pool, &tape->source, bytes);
    if (!tangents) return wg_tape_fail_memory(tape, "wg_jvp", bytes), wg_invalid(tape);
    uint32_t *outside = (uint32_t *)(tangents + node->n);
    for (size_t k = 0; k < node->n; k++) outside[k] = node->in[k].index;
    s.outside_count = wg_nodes_sort(outside, node->n);
    for (size_t k = 0; k < node->n; k++)
        tangents[wg_nodes_find(outside, s.outside_count, node->in[k].index)] = node->tangents[k];
    s.out = out.index;
    s.outside = outside;
    s.outside_tangents = tangents;
    tangent = tangents_run(&s, NULL, NULL, 0);
    wg_pool_give_back(&tape->pool, tangents, bytes);
    return tangent;
}

/* ---- the sweep ----------------------------------------------------------------------------------------------------------- */

/* What the node's tangent is made of. False: out of memory, or none of its inputs has a tangent. */
static bool tangents_open(const tangents_sweep *s, uint32_t index, tangents_node *node)
{
    wg_tape *tape = s->tape;
    const wg_node *at = &tape->nodes[index];
    const wg_record *record = at->flags & WG_NODE_INLINE ? NULL : at->record;
    size_t n;
    const uint32_t *inputs = wg_node_inputs(at, &n);
    *node = (tangents_node){.index = index,
        .op = wg_node_op(at),
        .n = n,
        .attributes = record ? record->attributes : NULL,
        .attributes_size = record ? record->attributes_size : 0,
        .shape = wg_node_shape(tape, at)->shape};
    node->in = node->few;
    if (n > TANGENTS_FEW) {
        node->in = wg_pool_take(&tape->pool, &tape->source, 3 * n * sizeof *node->in);
        if (!node->in) return wg_tape_fail_memory(tape, "wg_jvp", 3 * n * sizeof *node->in), false;
    }
    node->tangents = node->in + n;
    node->changed = node->tangents + n;
    for (size_t k = 0; k < n; k++) {
        node->in[k] = (wg_var){tape, inputs[k], tape->nodes[inputs[k]].epoch};
        node->tangents[k] = tangents_at(s, inputs[k]);
    }
    return true;
}

static void tangents_close(wg_tape *tape, tangents_node *node)
{
    if (node->in != node->few) wg_pool_give_back(&tape->pool, node->in, 3 * node->n * sizeof *node->in);
}

static wg_var tangents_of(wg_tape *tape, tangents_node *node)
{
    unsigned flags = node->op->flags;
    unsigned char few[TANGENTS_FEW], *wanted = few;
    bool any = false;
    for (size_t k = 0; k < node->n; k++) any = any || node->tangents[k].tape;
    if (!any) return (wg_var){0};
    if (flags & WG_OP_RERUNS) return tangents_within(tape, node);
    if (!(flags & WG_OP_ELEMENTWISE) && flags & WG_OP_LINEAR) return tangents_linear(tape, node);
    if (!(flags & WG_OP_ELEMENTWISE) && flags & WG_OP_MULTILINEAR) return tangents_multilinear(tape, node);
    if (node->n > TANGENTS_FEW && !(wanted = wg_pool_take(&tape->pool, &tape->source, node->n))) {
        wg_tape_fail_memory(tape, "wg_jvp", node->n);
        return (wg_var){0};
    }
    wg_var tangent =
        flags & WG_OP_ELEMENTWISE ? tangents_elementwise(tape, node, wanted) : tangents_by_adjoint(tape, node, wanted);
    if (wanted != few) wg_pool_give_back(&tape->pool, wanted, node->n);
    return tangent;
}

/* A scalar's, the shortest way: of its one or two inputs. */
static wg_var tangents_of_inline(tangents_sweep *s, uint32_t index)
{
    wg_tape *tape = s->tape;
    const wg_node *at = &tape->nodes[index];
    const wg_scalar_path *path = wg_node_op(at)->internal;
    size_t n = wg_node_op(at)->arity;
    wg_var in[2], tangents[2] = {{0}, {0}}, y = {tape, index, at->epoch}, sum = {0};
    for (size_t k = 0; k < n; k++) {
        in[k] = (wg_var){tape, at->in[k], tape->nodes[at->in[k]].epoch};
        tangents[k] = tangents_at(s, at->in[k]);
    }
    for (size_t k = 0; k < n; k++)
        if (tangents[k].tape) sum = tangents_sum(sum, path->slope(path->rule, k, tangents[k], in, y));
    return sum;
}

static void tangents_up(tangents_sweep *s)
{
    wg_tape *tape = s->tape;
    bool sharing = tape->sharing_numbers;
    tape->busy++;
    tape->numbers_count = 0;
    tape->sharing_numbers = true;
    for (uint32_t i = s->low; i <= s->out && tape->status == WG_OK; i++) {
        tangents_node node;
        wg_var *tangent = &s->tangents[i - s->low];
        if (s->marks[i - s->low] != (TANGENTS_REACHED | TANGENTS_NEEDED) || wg_node_is_leaf(&tape->nodes[i])) continue;
        if (tape->nodes[i].flags & WG_NODE_INLINE) {
            *tangent = tangents_sum(*tangent, tangents_of_inline(s, i));
        } else {
            if (!tangents_open(s, i, &node)) break;
            *tangent = tangents_sum(*tangent, tangents_of(tape, &node));
            tangents_close(tape, &node);
        }
    }
    tape->sharing_numbers = sharing;
    tape->numbers_count = 0;
    tape->busy--;
}

/* The tangent of s->out: {0} where nothing comes, or on an error. wrt have tangents beside those outside. */
static wg_var tangents_run(tangents_sweep *s, const wg_var *wrt, const wg_var *tangents, size_t n)
{
    wg_tape *tape = s->tape;
    if (s->out < s->low) return tangents_at(s, s->out);
    size_t bytes = tangents_bytes(s);
    s->tangents = wg_pool_take(&tape->pool, &tape->source, bytes);
    if (!s->tangents) return wg_tape_fail_memory(tape, "wg_jvp", bytes), (wg_var){0};
    memset(s->tangents, 0, bytes);
    s->marks = (unsigned char *)(s->tangents + (s->out - s->low + 1));
    for (size_t k = 0; k < n; k++) {
        if (wrt[k].index > s->out) continue;
        wg_var *tangent = &s->tangents[wrt[k].index - s->low];
        s->marks[wrt[k].index - s->low] = TANGENTS_REACHED;
        *tangent = tangents_sum(*tangent, tangents[k]);
    }
    tangents_mark(s);
    tangents_up(s);
    wg_var tangent = s->tangents[s->out - s->low];
    wg_pool_give_back(&tape->pool, s->tangents, bytes);
    return tangent;
}

/* ---- public ------------------------------------------------------------------------------------------------------------ */

static wg_status tangents_check(wg_var out, const wg_var *wrt, const wg_var *tangents, size_t n)
{
    wg_tape *tape = out.tape;
    wg_status status = wg_derive_check("wg_jvp", out, wrt, n);
    if (status == WG_OK && n && !tangents)
        status = wg_tape_fail(tape, WG_ERROR_ARGUMENT, "wg_jvp: the array of tangents is NULL");
    for (size_t k = 0; k < n && status == WG_OK; k++) {
        status = wg_list_check(tape, "wg_jvp: a tangent", k + 1, tangents[k]);
        if (status != WG_OK) return status;
        wg_shape have = wg_shape_of(tangents[k]), wanted = wg_shape_of(wrt[k]);
        if (tape->nodes[tangents[k].index].flags & WG_NODE_INDICES)
            return wg_tape_fail(tape, WG_ERROR_ARGUMENT,
                "wg_jvp: the tangent %s holds indices where numbers are expected",
                wg_list_describe(tape, tangents[k].index));
        if (!wg_shape_equal(&have, &wanted))
            return wg_tape_fail(tape, WG_ERROR_SHAPE, "wg_jvp: the tangent %s must have the shape of %s",
                wg_list_describe(tape, tangents[k].index), wg_list_describe(tape, wrt[k].index));
    }
    return status;
}

/* Zeros where nothing came. */
static wg_var tangents_sweep_up(wg_var out, const wg_var *wrt, const wg_var *tangents, size_t n)
{
    wg_tape *tape = out.tape;
    tangents_sweep s = {.tape = tape, .low = out.index, .out = out.index};
    for (size_t k = 0; k < n; k++)
        if (wrt[k].index < s.low) s.low = wrt[k].index;
    wg_var tangent = tangents_run(&s, wrt, tangents, n);
    if (!tangent.tape && tape->status == WG_OK) tangent = wg_constant_raw(tape, wg_shape_of(out), NULL);
    return tangent;
}

wg_status wg_jvp(wg_var out, const wg_var *wrt, const wg_var *tangents, size_t n, wg_var *tangent_out)
{
    wg_tape *tape = out.tape;
    wg_status status = tangents_check(out, wrt, tangents, n);
    if (status == WG_OK && !tangent_out)
        return wg_tape_fail(tape, WG_ERROR_ARGUMENT, "wg_jvp: the place for the result is NULL");
    if (!tangent_out) return status;
    if (status == WG_OK) {
        uint32_t length = tape->length;
        *tangent_out = tangents_sweep_up(out, wrt, tangents, n);
        status = tape->status;
        if (status != WG_OK) wg_list_cut(tape, length);
    }
    if (status != WG_OK) *tangent_out = wg_invalid(tape);
    return status;
}
