/* The interpreter of derivatives. An op's derivative gives its inputs applications of other ops; here each application is
 * either evaluated, straight into the input's adjoint, or recorded on the tape. The derivative itself does not know which.
 *
 * On numbers, the first contribution to an adjoint writes it and later ones add, so nothing is filled with zeros first.
 * A cotangent that is passed on unchanged is not copied: the last input that takes it whole takes over its memory. */
#include "grad/derivation.h"

#include "grad/sweep.h"
#include "shape/shape.h"
#include "wengert/ops.h"

#include <string.h>

static const wg_term derivation_invalid = {0};

/* ---- adjoints on numbers -------------------------------------------------------------------------------------------- */

void *wg_adjoint_take(wg_tape *tape, wg_record *record, const char *what)
{
    if (record->adjoint) return record->adjoint;
    size_t bytes = record->shape->size * wg_dtype_size(tape->dtype);
    record->adjoint = wg_pool_take(&tape->pool, &tape->source, bytes);
    if (!record->adjoint) wg_tape_fail_memory(tape, what, bytes);
    return record->adjoint;
}

static void *derivation_through(wg_derivation *d, uint32_t index, bool *add);

/* A node's adjoint, or gradient, to write or add to. NULL: out of memory, the error is set. */
static void *derivation_destination(wg_derivation *d, uint32_t index, bool *add)
{
    wg_tape *tape = d->call.tape;
    const wg_observation *seen = tape->observation;
    if (seen && index < seen->start) return derivation_through(seen->checkpoint, index, add);
    wg_node *node = &tape->nodes[index];
    *add = true;
    bool number = node->flags & WG_NODE_NUMBER && !seen && !(tape->fused && node->flags & WG_NODE_VARIABLE);
    if (number || node->flags & WG_NODE_INLINE) {
        bool marked = !(node->flags & WG_NODE_INLINE) || tape->ieee_zero || d->rehearsal || seen;
        if (marked && !wg_node_is_leaf(node)) node->flags |= WG_NODE_REACHED;
        return wg_node_slot(tape, index);
    }
    wg_record *record = node->record;
    if (node->flags & WG_NODE_VARIABLE && !tape->fused) {
        *add = !(record->flags & WG_RECORD_ZERO_GRAD);
        if (d->rehearsal) return record->grad;
        wg_sweep_touch(tape, record);
        return record->grad;
    }
    *add = record->adjoint;
    void *adjoint = wg_adjoint_take(tape, record, d->call.op->name);
    if (adjoint && d->rehearsal) memset(adjoint, 0, record->shape->size * wg_derivation_element(d));
    return adjoint;
}

static size_t derivation_input_size(const wg_derivation *d, size_t k)
{
    return wg_node_shape(d->call.tape, &d->call.tape->nodes[d->call.inputs[k]])->size;
}

static void *derivation_adjoint_any(wg_derivation *d, size_t k, bool *add)
{
    if (!d->apart) return derivation_destination(d, d->call.inputs[k], add);
    wg_tape *tape = d->call.tape;
    size_t bytes = derivation_input_size(d, k) * wg_derivation_element(d);
    *add = d->apart[k];
    if (!d->apart[k]) d->apart[k] = wg_pool_take(&tape->pool, &tape->source, bytes);
    if (!d->apart[k]) wg_tape_fail_memory(tape, d->call.op->name, bytes);
    return d->apart[k];
}

/* Where contributions to input k's adjoint go. NULL: out of memory, the error is set. An array's in an ordinary sweep is
 * found here. */
static inline void *derivation_adjoint(wg_derivation *d, size_t k, bool *add)
{
    const wg_tape *tape = d->call.tape;
    const wg_node *node = &tape->nodes[d->call.inputs[k]];
    if (d->apart || d->rehearsal || tape->fused || node->flags & WG_NODE_NUMBER)
        return derivation_adjoint_any(d, k, add);
    wg_record *record = node->record;
    if (node->flags & WG_NODE_VARIABLE) {
        *add = !(record->flags & WG_RECORD_ZERO_GRAD);
        wg_sweep_touch(tape, record);
        return record->grad;
    }
    *add = record->adjoint;
    return *add ? record->adjoint : derivation_adjoint_any(d, k, add);
}

/* An older value that an observed checkpoint's function uses: the checkpoint's own contribution to it. */
static void *derivation_through(wg_derivation *d, uint32_t index, bool *add)
{
    size_t k = 0;
    while (k + 1 < d->call.n && d->call.inputs[k] != index) k++; /* it is among the inputs */
    return derivation_adjoint(d, k, add);
}

/* Shows what was made apart, and adds it where it belongs. */
static void derivation_deliver(wg_derivation *d)
{
    wg_tape *tape = d->call.tape;
    for (size_t k = 0; k < d->call.n; k++) {
        void *apart = d->apart[k];
        if (!apart) continue;
        bool add;
        uint32_t input = d->call.inputs[k];
        size_t size = derivation_input_size(d, k);
        bool goes_on = tape->status == WG_OK && wg_observe_edge(tape, d->index, d->terms[1].data, input, k, apart);
        void *out = goes_on ? derivation_destination(d, input, &add) : NULL;
        if (out) wg_adjoint_accumulate(d->call.tape, size, apart, out, add);
        wg_pool_give_back(&tape->pool, apart, size * wg_derivation_element(d));
    }
}

static void derivation_add(wg_derivation *d, size_t k, const void *data)
{
    bool add;
    size_t size = derivation_input_size(d, k);
    void *out = derivation_adjoint(d, k, &add);
    if (out && !d->rehearsal) wg_adjoint_accumulate(d->call.tape, size, data, out, add);
}

void *wg_give_numbers(wg_derivation *d, size_t k, bool *add)
{
    *add = false;
    if (d->call.tape->status != WG_OK) return NULL;
    if (d->recorded) {
        if (wg_wants(d, k)) wg_derivation_only_numbers(d);
        return NULL;
    }
    if (k >= d->call.n || !wg_derivation_wants(d, k)) return NULL;
    void *out = derivation_adjoint(d, k, add);
    return d->rehearsal ? NULL : out;
}

/* The cotangent, whole: to be copied, or at the very end handed over. An input that is there twice gets its contributions
 * in their order, so that sums come out the same however the value is stored. */
static void derivation_pass(wg_derivation *d, size_t k)
{
    bool twice = d->apart;
    for (size_t j = 0; j < d->call.n && d->call.n <= WG_DERIVATION_FEW; j++)
        twice = twice || (j != k && d->call.inputs[j] == d->call.inputs[k]);
    if (twice || d->passes_count == WG_DERIVATION_PASSES)
        derivation_add(d, k, d->terms[1].data);
    else
        d->passes[d->passes_count++] = (uint32_t)k;
}

/* All passes but the last copy; the last takes the memory over when its adjoint has nothing yet. */
static void derivation_finish_passes(wg_derivation *d)
{
    wg_tape *tape = d->call.tape;
    for (size_t i = 0; i < d->passes_count && tape->status == WG_OK; i++) {
        uint32_t k = d->passes[i];
        wg_node *node = &tape->nodes[d->call.inputs[k]];
        bool last = i + 1 == d->passes_count;
        bool plain = !(node->flags & (tape->fused ? WG_NODE_NUMBER : WG_NODE_NUMBER | WG_NODE_VARIABLE));
        wg_record *own = tape->nodes[d->index].record;
        if (last && plain && !node->record->adjoint && own->adjoint &&
            !(own->flags & WG_RECORD_KEEPS)) { /* NULL: the caller's */
            node->record->adjoint = own->adjoint;
            own->adjoint = NULL;
        } else {
            derivation_add(d, k, d->terms[1].data);
        }
    }
}

/* ---- steps and gives -------------------------------------------------------------------------------------------------- */

/* An application of an op within a derivation, on numbers. */
typedef struct derivation_application {
    wg_call call;
    wg_array operands[WG_DERIVATION_FEW];
    const wg_interned *shape;
    size_t view; /* where in operand 0 the result begins, or SIZE_MAX */
} derivation_application;

/* What wg_apply checks of an op, and what a derivation cannot do: the error is set. */
static bool derivation_refuses(wg_derivation *d, const wg_op *op, const wg_term *in, size_t n)
{
    wg_tape *tape = d->call.tape;
    const char *name = d->call.op->name;
    if (!op || !op->name || !op->shape || (n && !in))
        wg_tape_fail(tape, WG_ERROR_ARGUMENT, "%s: its derivative applies an op that is NULL or incomplete", name);
    else if (op->arity != WG_ANY_ARITY && op->arity != n)
        wg_tape_fail(tape, WG_ERROR_ARGUMENT, "%s: its derivative applies %s, which takes %zu arguments, to %zu", name,
            op->name, op->arity, n);
    else if (n > WG_DERIVATION_FEW)
        wg_tape_fail(tape, WG_ERROR_UNSUPPORTED, "%s: its derivative applies %s to more than %d terms", name, op->name,
            WG_DERIVATION_FEW);
    return tape->status != WG_OK;
}
static inline bool derivation_can_apply(wg_derivation *d, const wg_op *op, const wg_term *in, size_t n)
{
    bool plain = op && op->name && op->shape && op->arity == n && n <= WG_DERIVATION_FEW && (in || !n);
    return plain || !derivation_refuses(d, op, in, n);
}

static bool derivation_operand(wg_derivation *d, const wg_op *op, wg_term given, wg_array *operand)
{
    const wg_derivation_term *term = wg_derivation_at(d, given);
    if (!term) return false;
    if (term->data) { /* the cotangent, and what a step has made */
        *operand = (wg_array){&term->shape->shape, term->shape->size, term->data, false, false};
        return true;
    }
    if (d->call.tape->nodes[term->node].flags & WG_NODE_INLINE) {
        const void *number = wg_term_numbers(d, given);
        *operand = (wg_array){&term->shape->shape, 1, number, false, false};
        return number;
    }
    if (!wg_node_operand(d->call.tape, term->node, op->flags, op->name, operand)) return false;
    if (!operand->indices || op->flags & WG_OP_TAKES_INDICES) return true;
    wg_tape_fail(d->call.tape, WG_ERROR_ARGUMENT, "%s: its derivative gives indices to %s, which takes numbers",
        d->call.op->name, op->name);
    return false;
}

/* A shape that is new to the tape. */
static wg_status derivation_intern(wg_derivation *d, derivation_application *a)
{
    wg_tape *tape = d->call.tape;
    const char *name = a->call.op->name;
    size_t size;
    if (!wg_shape_size(&a->call.shape, &size))
        return wg_tape_fail(tape, WG_ERROR_SHAPE, "%s: in the derivative of %s, the size of its result overflows", name,
            d->call.op->name);
    a->shape = wg_list_intern(tape, &a->call.shape);
    return a->shape ? WG_OK : wg_tape_fail_memory(tape, name, sizeof *a->shape);
}

static wg_status derivation_infer(wg_derivation *d, derivation_application *a)
{
    wg_tape *tape = d->call.tape;
    const wg_op *op = a->call.op;
    const char *outer = d->call.op->name;
    uint32_t quick = wg_tape_enter_op(tape);
    wg_status status = op->shape(&a->call);
    wg_tape_leave_op(tape, quick);
    if (status != WG_OK)
        return wg_tape_fail(tape, status, "%s: in the derivative of %s, its shape rule failed", op->name, outer);
    if (tape->status != WG_OK) return tape->status;
    a->shape = wg_list_shape_of_result(&a->call);
    if (!a->shape && derivation_intern(d, a) != WG_OK) return tape->status;
    a->view = op->view ? wg_call_view(&a->call) : SIZE_MAX;
    if (tape->status != WG_OK) return tape->status;
    if (a->view != SIZE_MAX || op->evaluate) return WG_OK;
    return wg_tape_fail(
        tape, WG_ERROR_UNSUPPORTED, "%s: in the derivative of %s: it has no evaluation", op->name, outer);
}

/* Of what can be applied: the operands and the result's shape. */
static inline bool derivation_prepare(wg_derivation *d, derivation_application *a, const wg_op *op, const wg_term *in,
    size_t n, const void *attributes, size_t size)
{
    wg_call_open(&a->call, d->call.tape, op, a->operands, n, attributes, size);
    for (size_t k = 0; k < n; k++)
        if (!derivation_operand(d, op, in[k], &a->operands[k])) return false;
    return derivation_infer(d, a) == WG_OK;
}

/* Where the elements of a view are. */
static const void *derivation_viewed(const wg_derivation *d, const derivation_application *a)
{
    return (const char *)a->operands[0].data + a->view * wg_derivation_element(d);
}

/* Evaluates, or sees that there is memory for it. */
static wg_status derivation_evaluate(wg_derivation *d, wg_call *call)
{
    if (!d->rehearsal) return wg_call_evaluate(call);
    wg_tape *tape = d->call.tape;
    size_t bytes = call->op->scratch ? call->op->scratch(call) : 0;
    return bytes ? wg_call_rehearse_scratch(call, bytes) : tape->status;
}

/* The application recorded. */
static wg_var derivation_record(
    wg_derivation *d, const wg_op *op, const wg_term *in, size_t n, const void *attributes, size_t size)
{
    wg_var vars[WG_DERIVATION_FEW];
    if (!derivation_can_apply(d, op, in, n)) return wg_invalid(d->call.tape);
    for (size_t k = 0; k < n; k++) vars[k] = wg_term_var(d, in[k]);
    return wg_list_apply(d->call.tape, op, vars, n, attributes, size, NULL);
}

wg_term wg_step(wg_derivation *d, const wg_op *op, const wg_term *in, size_t n, const void *attributes, size_t size)
{
    if (d->call.tape->status != WG_OK) return derivation_invalid;
    if (d->recorded) return wg_term_of_var(d, derivation_record(d, op, in, n, attributes, size));
    derivation_application a;
    if (!derivation_can_apply(d, op, in, n) || !derivation_prepare(d, &a, op, in, n, attributes, size))
        return derivation_invalid;
    if (a.view != SIZE_MAX)
        return wg_derivation_add_term(
            d, (wg_derivation_term){.shape = a.shape, .node = UINT32_MAX, .data = derivation_viewed(d, &a)});
    void *elements;
    wg_term term = wg_derivation_temporary(d, a.shape, &elements);
    if (!elements) return derivation_invalid;
    a.call.out = elements;
    return derivation_evaluate(d, &a.call) == WG_OK ? term : derivation_invalid;
}

/* The shape that input k's recorded adjoint is to have; NULL: that of what is given. */
static const wg_interned *derivation_target(const wg_derivation *d, size_t k)
{
    const wg_tape *tape = d->call.tape;
    return d->recorded->whole ? NULL : wg_node_shape(tape, &tape->nodes[d->call.inputs[k]]);
}

static void derivation_give_var(wg_derivation *d, size_t k, wg_var var)
{
    wg_recorded_join(d->recorded, wg_derivation_slot(d, k), derivation_target(d, k), var);
}

/* An application given, while recording: at once or, where its like may join it, once all of them are there. */
static void derivation_give_recorded(
    wg_derivation *d, size_t k, const wg_op *op, const wg_term *in, size_t n, const void *attributes, size_t size)
{
    if (!wg_wants(d, k) || !derivation_can_apply(d, op, in, n)) return;
    if (!(op->flags & WG_OP_JOINS)) {
        derivation_give_var(d, k, derivation_record(d, op, in, n, attributes, size));
        return;
    }
    wg_var vars[WG_DERIVATION_FEW];
    for (size_t i = 0; i < n; i++) vars[i] = wg_term_var(d, in[i]);
    wg_recorded_postpone(d->call.tape, d->recorded, wg_derivation_slot(d, k), op, vars, n, attributes, size);
}

/* A large gradient that is known to hold zeros need not be filled with them again for a few parts of it. */
static bool derivation_holds_zeros(const wg_derivation *d, size_t k)
{
    const wg_node *node = &d->call.tape->nodes[d->call.inputs[k]];
    return node->flags & WG_NODE_VARIABLE && !d->call.tape->fused && node->record->flags & WG_RECORD_ZERO_GRAD;
}

void wg_give(
    wg_derivation *d, size_t k, const wg_op *op, const wg_term *in, size_t n, const void *attributes, size_t size)
{
    wg_tape *tape = d->call.tape;
    if (tape->status != WG_OK) return;
    if (d->recorded) {
        derivation_give_recorded(d, k, op, in, n, attributes, size);
        return;
    }
    if (k >= d->call.n || !wg_derivation_wants(d, k) || !derivation_can_apply(d, op, in, n)) return;
    derivation_application a;
    if (!derivation_prepare(d, &a, op, in, n, attributes, size)) return;
    const wg_interned *target = wg_node_shape(tape, &tape->nodes[d->call.inputs[k]]);
    bool fits = a.shape == target;
    if (fits && a.view == 0 && in[0].id == 1 && a.shape->size == d->terms[1].shape->size) {
        derivation_pass(d, k);
    } else if (fits && a.view != SIZE_MAX) {
        derivation_add(d, k, derivation_viewed(d, &a));
    } else if (!fits || !(op->flags & WG_OP_ADDS)) {
        wg_give_term(d, k, wg_step(d, op, in, n, attributes, size));
    } else if (!tape->fused || !wg_fused_wait(d, k, in, &a.call)) {
        bool zeros = op->flags & WG_OP_JOINS && !d->apart && derivation_holds_zeros(d, k);
        a.call.out = derivation_adjoint(d, k, &a.call.add);
        a.call.add = a.call.add || zeros;
        if (a.call.out) derivation_evaluate(d, &a.call);
    }
}

void wg_give_term(wg_derivation *d, size_t k, wg_term given)
{
    wg_tape *tape = d->call.tape;
    wg_derivation_term *term =
        wg_wants(d, k) ? wg_derivation_at(d, given) : NULL; /* what is not wanted need not be valid */
    if (!term) return;
    if (d->recorded) {
        derivation_give_var(d, k, term->var);
        return;
    }
    const wg_interned *target = wg_node_shape(tape, &tape->nodes[d->call.inputs[k]]);
    if (term->shape != target)
        wg_give(d, k, wg_op_sum_to(), &given, 1, &target->shape, sizeof target->shape);
    else if (given.id == 1)
        derivation_pass(d, k);
    else
        derivation_add(d, k, wg_term_numbers(d, given));
}

/* ---- one op -------------------------------------------------------------------------------------------------------- */

/* What a derivation takes from the pool where there are many inputs. */
static size_t derivation_bytes(size_t n) { return n * (sizeof(wg_array) + sizeof(void *)); }

static inline void derivation_open_operand(wg_derivation *d, wg_tape *tape, size_t k, uint32_t input)
{
    const wg_node *node = &tape->nodes[input];
    const wg_interned *shape = wg_node_shape(tape, node);
    d->operands[k] = (wg_array){&shape->shape, shape->size, NULL, node->flags & WG_NODE_INDICES, false};
}

/* Room for more operands than there is place for. */
static bool derivation_open_many(wg_derivation *d, wg_tape *tape, const wg_op *op, size_t n)
{
    d->operands = wg_pool_take(&tape->pool, &tape->source, derivation_bytes(n));
    if (!d->operands) return wg_tape_fail_memory(tape, op->name, derivation_bytes(n)), false;
    d->apart = (void **)(void *)(d->operands + n);
    return true;
}

static inline bool derivation_open(wg_derivation *d, wg_tape *tape, uint32_t index)
{
    const wg_node *node = &tape->nodes[index];
    const wg_record *record = node->flags & WG_NODE_INLINE ? NULL : node->record;
    const wg_op *op = wg_node_op(node);
    const wg_interned *shape = wg_node_shape(tape, node);
    const size_t n = record ? record->n : op->arity;
    const uint32_t *few = record ? record->few : node->in;
    d->index = index;
    d->passes_count = 0;
    d->operands = d->few_operands;
    d->apart = d->few_apart;
    if (n > WG_DERIVATION_FEW && !derivation_open_many(d, tape, op, n)) return false;
    if (d->recorded || !tape->observation) d->apart = NULL;
    for (size_t k = 0; k < n && d->apart; k++) d->apart[k] = NULL;
    wg_call_open(
        &d->call, tape, op, d->operands, n, record ? record->attributes : NULL, record ? record->attributes_size : 0);
    if (n <= 2) { /* recording moves the nodes */
        for (size_t k = 0; k < n; k++) derivation_open_operand(d, tape, k, d->few_inputs[k] = few[k]);
        d->call.inputs = d->few_inputs;
    } else {
        d->call.inputs = record->inputs;
        for (size_t k = 0; k < n; k++) derivation_open_operand(d, tape, k, record->inputs[k]);
    }
    d->call.shape = shape->shape;
    d->terms = d->few_terms;
    d->capacity = WG_DERIVATION_TERMS;
    d->owns = false;
    d->count = 1;
    return true;
}

static void derivation_close_terms(wg_derivation *d)
{
    wg_tape *tape = d->call.tape;
    for (uint32_t i = 1; i < d->count; i++)
        if (d->terms[i].owned)
            wg_pool_give_back(&tape->pool, d->terms[i].owned, d->terms[i].shape->size * wg_derivation_element(d));
}

static inline wg_status derivation_run(wg_derivation *d)
{
    wg_tape *tape = d->call.tape;
    const wg_op *op = d->call.op;
    if (op->derivative)
        op->derivative(d);
    else
        wg_tape_fail(tape, WG_ERROR_UNSUPPORTED, "%s: it has no derivative", op->name);
    if (!d->recorded && d->passes_count) derivation_finish_passes(d);
    if (d->apart) derivation_deliver(d);
    if (d->owns) derivation_close_terms(d);
    if (d->terms != d->few_terms) wg_pool_give_back(&tape->pool, d->terms, d->capacity * sizeof *d->terms);
    if (d->call.n > WG_DERIVATION_FEW) wg_pool_give_back(&tape->pool, d->operands, derivation_bytes(d->call.n));
    return tape->status;
}

wg_status wg_derive_numbers(wg_tape *tape, uint32_t index, const void *adjoint, bool rehearsal)
{
    wg_derivation d;
    d.recorded = NULL;
    d.rehearsal = rehearsal;
    if (!derivation_open(&d, tape, index)) return tape->status;
    wg_derivation_term *cotangent = &d.few_terms[d.count++];
    cotangent->shape = wg_node_shape(tape, &tape->nodes[index]);
    cotangent->data = adjoint;
    cotangent->owned = NULL;
    cotangent->node = UINT32_MAX;
    return derivation_run(&d);
}

wg_status wg_derive_recorded(wg_tape *tape, uint32_t index, wg_var cotangent, wg_recorded_sweep *sweep)
{
    wg_derivation d;
    d.recorded = sweep;
    d.rehearsal = false;
    if (!derivation_open(&d, tape, index)) return tape->status;
    wg_term_of_var(&d, cotangent);
    derivation_run(&d);
    for (size_t k = 0; k < d.call.n && sweep->local; k++) {
        if (tape->status == WG_OK) wg_derive_postponed(tape, k, derivation_target(&d, k), sweep);
        if (tape->status != WG_OK) wg_derive_forget(tape, k, sweep);
    }
    return tape->status;
}
