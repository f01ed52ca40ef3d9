/* Checkpoints: memory for time. A checkpointed function runs once for its value, and what it recorded is dropped. When a
 * sweep comes to it, it runs again, above the top of the tape; the sweep goes down through what it recorded, whose adjoints
 * end up in those of older values; and that is dropped again. With a checkpoint around each stretch of sqrt(n) ops, a chain
 * of n holds about 2 sqrt(n) values at a time, for one more evaluation: A. Griewank and A. Walther, Evaluating
 * Derivatives, 2nd ed., SIAM 2008, chapter 12.
 *
 * The node's inputs are the function's arguments, and behind them whatever else it used of older values, so that a change
 * of one of those makes the node stale like any other. */
#include "grad/derivation.h"
#include "grad/nodes.h"
#include "grad/sweep.h"
#include "tape/words.h"
#include "wengert/grad.h"

#include <string.h>

typedef struct checkpoint_function {
    wg_function run;
    void *user;
    size_t n; /* its arguments, the first of the inputs */
    wg_shape shape;
    uint64_t fingerprint; /* of what it recorded at first */
    uint32_t nodes;
} checkpoint_function;

/* ---- running the function ------------------------------------------------------------------------------------------------ */

/* What a run has left above the top. */
typedef struct checkpoint_run {
    uint32_t start;
    wg_var out;
    const uint32_t *older; /* the set of the older values that are inputs, as long as fingerprints are taken */
    size_t older_count;
} checkpoint_run;

/* Runs it. In it, what would take away nodes or sweep is an error; recording, wg_vjp and wg_jvp are not. */
static bool checkpoint_call(wg_tape *tape, const checkpoint_function *function, const wg_var *in, checkpoint_run *run)
{
    unsigned inside = tape->inside;
    bool sharing = tape->sharing_numbers;
    run->start = tape->length;
    tape->sharing_numbers = false;
    tape->inside = ++tape->busy;
    run->out = function->run(tape, function->user, in, function->n);
    tape->busy--;
    tape->inside = inside;
    tape->sharing_numbers = sharing;
    if (tape->status != WG_OK || wg_list_check(tape, "checkpoint: the function's result", 0, run->out) != WG_OK)
        return false;
    if (!(tape->nodes[run->out.index].flags & WG_NODE_INDICES)) return true;
    wg_tape_fail(tape, WG_ERROR_ARGUMENT, "checkpoint: the function's result, %s, holds indices",
        wg_list_describe(tape, run->out.index));
    return false;
}

static uint64_t checkpoint_mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

/* A node, wherever on the tape the run stands: its place in the run, or among the older values. */
static uint64_t checkpoint_place(const checkpoint_run *run, uint32_t index)
{
    if (index >= run->start) return UINT64_MAX - (index - run->start);
    return wg_nodes_find(run->older, run->older_count, index);
}

/* A number for the ops, inputs and shapes from start on, and for those within checkpoints among them. */
static uint64_t checkpoint_fingerprint(const wg_tape *tape, const checkpoint_run *run)
{
    uint64_t hash = checkpoint_mix(0, checkpoint_place(run, run->out.index));
    for (uint32_t i = run->start; i < tape->length; i++) {
        const wg_node *node = &tape->nodes[i];
        size_t n;
        const uint32_t *inputs = wg_node_inputs(node, &n);
        hash = checkpoint_mix(hash, (uintptr_t)wg_node_op(node));
        hash = checkpoint_mix(hash, (uintptr_t)wg_node_shape(tape, node));
        for (size_t k = 0; k < n; k++) hash = checkpoint_mix(hash, checkpoint_place(run, inputs[k]));
        if (wg_node_is_leaf(node) || !(wg_node_op(node)->flags & WG_OP_RERUNS)) continue;
        const checkpoint_function *inner = node->record->attributes;
        hash = checkpoint_mix(checkpoint_mix(hash, inner->fingerprint), inner->nodes);
    }
    return hash;
}

/* What is compared with the first run. */
static bool checkpoint_is_same(
    wg_tape *tape, const checkpoint_function *function, const checkpoint_run *run, wg_status otherwise)
{
    uint32_t nodes = tape->length - run->start;
    if (nodes == function->nodes && checkpoint_fingerprint(tape, run) == function->fingerprint) return true;
    wg_tape_fail(tape, otherwise,
        "checkpoint: the function recorded %u nodes at first and now %u, or other ops or shapes; it must do the same "
        "each time",
        (unsigned)function->nodes, (unsigned)nodes);
    return false;
}

/* Runs it again. False: the error is set; in any case, cut the tape at run->start afterwards. */
static bool checkpoint_again(wg_tape *tape, const wg_call *call, wg_status otherwise, checkpoint_run *run)
{
    const checkpoint_function *function = call->attributes;
    size_t bytes = function->n * sizeof(wg_var) + call->n * sizeof(uint32_t) + 1;
    wg_var *in = wg_pool_take(&tape->pool, &tape->source, bytes);
    *run = (checkpoint_run){.start = tape->length};
    if (!in) return wg_tape_fail_memory(tape, "checkpoint", bytes), false;
    uint32_t *older = (uint32_t *)(in + function->n);
    for (size_t k = 0; k < call->n; k++) older[k] = call->inputs[k];
    for (size_t k = 0; k < function->n; k++) in[k] = (wg_var){tape, older[k], tape->nodes[older[k]].epoch};
    run->older = older;
    run->older_count = wg_nodes_sort(older, call->n);
    bool same = checkpoint_call(tape, function, in, run) && checkpoint_is_same(tape, function, run, otherwise);
    run->older = NULL;
    wg_pool_give_back(&tape->pool, in, bytes);
    return same;
}

bool wg_checkpoint_unfold(wg_tape *tape, uint32_t index, uint32_t *start, wg_var *out)
{
    const wg_node *node = &tape->nodes[index];
    wg_call call = {.attributes = node->record->attributes};
    call.inputs = wg_node_inputs(node, &call.n);
    checkpoint_run run;
    bool same = checkpoint_again(tape, &call, WG_ERROR_ARGUMENT, &run);
    *start = run.start;
    *out = run.out;
    return same;
}

/* ---- the op --------------------------------------------------------------------------------------------------------------- */

static wg_status checkpoint_infer(wg_call *call)
{
    call->shape = ((const checkpoint_function *)call->attributes)->shape;
    return WG_OK;
}

static bool checkpoint_copy_value(wg_tape *tape, wg_var out, void *to)
{
    const void *value = wg_node_value(tape, out.index, "checkpoint");
    size_t bytes = wg_size(out) * wg_dtype_size(tape->dtype);
    if (value && bytes) memcpy(to, value, bytes);
    return value;
}

/* A replay: every value below is fresh. */
static wg_status checkpoint_evaluate(wg_call *call)
{
    wg_tape *tape = call->tape;
    checkpoint_run run;
    if (checkpoint_again(tape, call, WG_ERROR_GUARD, &run)) checkpoint_copy_value(tape, run.out, call->out);
    wg_list_cut(tape, run.start);
    return tape->status;
}

/* The cotangent goes to the function's result; when that is an older value and the sweep is observed, as to an input. */
static wg_status checkpoint_seed(wg_derivation *d, const checkpoint_run *run, const void *cotangent)
{
    const wg_call *call = wg_derivation_call(d);
    wg_tape *tape = call->tape;
    size_t k = 0;
    if (!tape->observation || run->out.index >= run->start)
        return wg_sweep_seed(tape, run->out.index, cotangent) ? WG_OK : tape->status;
    while (call->inputs[k] != run->out.index) k++;
    wg_give_term(d, k, wg_cotangent(d));
    return tape->status;
}

/* On numbers: a sweep of its own through what the function records. Older values' adjoints are the sweep's under way. */
static void checkpoint_sweep(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    wg_tape *tape = call->tape;
    const void *cotangent = wg_term_numbers(d, wg_cotangent(d));
    checkpoint_run run;
    if (!cotangent) return;
    wg_observation *around = tape->observation, inside = {.checkpoint = d, .start = tape->length};
    if (around) tape->observation = &inside;
    if (checkpoint_again(tape, call, WG_ERROR_ARGUMENT, &run) && wg_sweep_reserve(tape) &&
        tape->nodes[run.out.index].flags & WG_NODE_NEEDS) {
        wg_status status = checkpoint_seed(d, &run, cotangent);
        if (status == WG_OK && run.out.index >= run.start) status = wg_sweep_down(tape, run.out.index, run.start);
        if (status != WG_OK && run.out.index >= run.start) wg_sweep_abandon(tape, run.out.index, run.start);
    }
    tape->observation = around;
    wg_list_cut(tape, run.start);
}

/* Recorded: what the function records stays, for derivatives of the derivative. */
static void checkpoint_record(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    wg_tape *tape = call->tape;
    checkpoint_run run;
    wg_var cotangent = wg_term_var(d, wg_cotangent(d));
    if (!checkpoint_again(tape, call, WG_ERROR_ARGUMENT, &run)) return;
    size_t bytes = call->n * (2 * sizeof(wg_var) + sizeof(uint32_t)) + 1, n = 0;
    wg_var *wrt = wg_pool_take(&tape->pool, &tape->source, bytes);
    if (!wrt) {
        wg_tape_fail_memory(tape, "checkpoint", bytes);
        return;
    }
    wg_var *grads = wrt + call->n;
    uint32_t *wanted = (uint32_t *)(grads + call->n);
    for (size_t k = 0; k < call->n; k++)
        if (wg_wants(d, k)) wanted[n++] = call->inputs[k];
    n = wg_nodes_sort(wanted, n);
    for (size_t k = 0; k < n; k++) wrt[k] = (wg_var){tape, wanted[k], tape->nodes[wanted[k]].epoch};
    wg_recorded_request request = {.what = "checkpoint",
        .outs = &run.out,
        .cotangents = &cotangent,
        .outs_count = 1,
        .wrt = wrt,
        .n = n,
        .from = run.start};
    wg_sweep_recorded(tape, &request, true, grads);
    for (size_t k = 0; k < call->n && tape->status == WG_OK; k++) {
        size_t at = wg_wants(d, k) ? wg_nodes_find(wanted, n, call->inputs[k]) : SIZE_MAX;
        if (at == SIZE_MAX || !grads[at].tape) continue;
        wg_give_term(d, k, wg_term_of_var(d, grads[at]));
        grads[at] = (wg_var){0}; /* one that is there twice is given to once */
    }
    wg_pool_give_back(&tape->pool, wrt, bytes);
}

static void checkpoint_derivative(wg_derivation *d)
{
    if (wg_recording(d))
        checkpoint_record(d);
    else if (!d->rehearsal)
        checkpoint_sweep(d);
}

/* A pointer to a function says nothing. */
static size_t checkpoint_describe(const wg_call *call, char *text, size_t size)
{
    wg_words words = {text, size, 0};
    wg_words_integer(&words, "nodes", ((const checkpoint_function *)call->attributes)->nodes);
    return words.length;
}

static const wg_op checkpoint_op = {.name = "checkpoint",
    .arity = WG_ANY_ARITY,
    .flags = WG_OP_TAKES_INDICES | WG_OP_RERUNS,
    .shape = checkpoint_infer,
    .evaluate = checkpoint_evaluate,
    .derivative = checkpoint_derivative,
    .describe = checkpoint_describe};

/* ---- the first run ---------------------------------------------------------------------------------------------------------- */

/* How many times the run used older values; with uses not NULL, which. */
static size_t checkpoint_uses(const wg_tape *tape, const checkpoint_run *run, uint32_t *uses)
{
    size_t count = 0;
    for (uint32_t i = run->start; i < tape->length; i++) {
        size_t n;
        const uint32_t *inputs = wg_node_inputs(&tape->nodes[i], &n);
        for (size_t k = 0; k < n; k++) {
            if (inputs[k] >= run->start) continue;
            if (uses) uses[count] = inputs[k];
            count++;
        }
    }
    if (run->out.index < run->start) {
        if (uses) uses[count] = run->out.index;
        count++;
    }
    return count;
}

static bool checkpoint_makes_no_variable(wg_tape *tape, uint32_t start)
{
    for (uint32_t i = start; i < tape->length; i++) {
        if (!(tape->nodes[i].flags & WG_NODE_VARIABLE)) continue;
        wg_tape_fail(tape, WG_ERROR_ARGUMENT,
            "checkpoint: the function makes a variable, %s, whose gradient would be lost", wg_list_describe(tape, i));
        return false;
    }
    return true;
}

/* Leaves those of the older values that are no arguments; one that needs a gradient is an error. In a sweep for targets the
 * function around this one runs again, and a constant that is a target looks like a variable. */
static bool checkpoint_keep_others(wg_tape *tape, uint32_t *older, size_t *count, const uint32_t *arguments, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++) {
        if (wg_nodes_find(arguments, n, older[i]) != SIZE_MAX) continue;
        if (tape->nodes[older[i]].flags & WG_NODE_NEEDS && !tape->targeting) {
            wg_tape_fail(tape, WG_ERROR_ARGUMENT,
                "checkpoint: the function uses %s, which needs a gradient and is not among its arguments",
                wg_list_describe(tape, older[i]));
            return false;
        }
        older[kept++] = older[i];
    }
    *count = kept;
    return true;
}

/* Drops what the run recorded and puts a node with its value in its place. */
static wg_var checkpoint_replace(wg_tape *tape, checkpoint_function *function, const checkpoint_run *run,
    const wg_var *in, const uint32_t *others, size_t others_count)
{
    size_t n = function->n + others_count;
    size_t value_bytes = (wg_size(run->out) * wg_dtype_size(tape->dtype) + 15) / 16 * 16;
    size_t bytes = value_bytes + n * sizeof(wg_var) + 1;
    char *value = wg_pool_take(&tape->pool, &tape->source, bytes);
    if (!value) return wg_tape_fail_memory(tape, "checkpoint", bytes), wg_invalid(tape);
    wg_var *inputs = (wg_var *)(void *)(value + value_bytes), result = wg_invalid(tape);
    for (size_t k = 0; k < function->n; k++) inputs[k] = in[k];
    for (size_t k = 0; k < others_count; k++)
        inputs[function->n + k] = (wg_var){tape, others[k], tape->nodes[others[k]].epoch};
    function->shape = wg_shape_of(run->out);
    bool copied = checkpoint_copy_value(tape, run->out, value);
    wg_list_cut(tape, run->start);
    if (copied) result = wg_list_apply(tape, &checkpoint_op, inputs, n, function, sizeof *function, value);
    wg_pool_give_back(&tape->pool, value, bytes);
    return result;
}

/* Looks at what the run has recorded, and replaces it. */
static wg_var checkpoint_finish(wg_tape *tape, checkpoint_function *function, checkpoint_run *run, const wg_var *in)
{
    size_t count = checkpoint_uses(tape, run, NULL) + function->n, n = function->n;
    size_t bytes = (count + n) * sizeof(uint32_t) + 1;
    uint32_t *older = wg_pool_take(&tape->pool, &tape->source, bytes);
    if (!older) return wg_tape_fail_memory(tape, "checkpoint", bytes), wg_invalid(tape);
    uint32_t *arguments = older + count;
    for (size_t k = 0; k < n; k++) arguments[k] = older[k] = in[k].index;
    checkpoint_uses(tape, run, older + n);
    count = wg_nodes_sort(older, count);
    n = wg_nodes_sort(arguments, n);
    run->older = older;
    run->older_count = count;
    function->nodes = tape->length - run->start;
    function->fingerprint = checkpoint_fingerprint(tape, run);
    wg_var result = wg_invalid(tape);
    if (checkpoint_keep_others(tape, older, &count, arguments, n))
        result = checkpoint_replace(tape, function, run, in, older, count);
    wg_pool_give_back(&tape->pool, older, bytes);
    return result;
}

static wg_var checkpoint_first(wg_tape *tape, checkpoint_function *function, const wg_var *in)
{
    checkpoint_run run = {0};
    wg_var result = wg_invalid(tape);
    if (checkpoint_call(tape, function, in, &run) && checkpoint_makes_no_variable(tape, run.start))
        result = checkpoint_finish(tape, function, &run, in);
    if (tape->status != WG_OK) wg_list_cut(tape, run.start);
    return result;
}

wg_var wg_checkpoint(wg_tape *tape, wg_function f, void *user, const wg_var *in, size_t n)
{
    for (size_t k = 0; k < n && in && !tape; k++) tape = in[k].tape;
    if (wg_tape_ready(tape, "checkpoint") != WG_OK) return wg_invalid(tape);
    if (!f || (n && !in)) {
        wg_tape_fail(tape, WG_ERROR_ARGUMENT, "checkpoint: the %s NULL", f ? "arguments are" : "function is");
        return wg_invalid(tape);
    }
    for (size_t k = 0; k < n; k++)
        if (wg_list_check(tape, "checkpoint", k + 1, in[k]) != WG_OK) return wg_invalid(tape);
    checkpoint_function function = {.run = f, .user = user, .n = n};
    return checkpoint_first(tape, &function, in);
}

wg_var wg_checkpoint_repeat(wg_tape *tape, uint32_t index, const wg_var *in)
{
    const checkpoint_function *function = tape->nodes[index].record->attributes;
    return wg_checkpoint(tape, function->run, function->user, in, function->n);
}
