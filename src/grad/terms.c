/* Terms: the values that a derivative's formula is made of. On numbers a term is elements somewhere, on a recording a var. */
#include "grad/derivation.h"

#include "shape/shape.h"

#include <string.h>

bool wg_recording(const wg_derivation *d) { return d->recorded; }
const wg_call *wg_derivation_call(const wg_derivation *d) { return &d->call; }

bool wg_wants(const wg_derivation *d, size_t k)
{
    if (k >= d->call.n) return false;
    if (!d->recorded) return wg_derivation_wants(d, k);
    size_t slot = wg_derivation_slot(d, k);
    return slot != SIZE_MAX && d->recorded->reach[slot];
}

static const wg_term term_invalid = {0};

wg_derivation_term *wg_derivation_miss(wg_derivation *d)
{
    if (d->call.tape->status != WG_OK) return NULL;
    wg_tape_fail(d->call.tape, WG_ERROR_ARGUMENT, "%s: its derivative uses an invalid term", d->call.op->name);
    return NULL;
}

/* Room for twice as many terms. */
static bool term_more(wg_derivation *d)
{
    wg_tape *tape = d->call.tape;
    size_t bytes = d->capacity * sizeof *d->terms;
    wg_derivation_term *terms = wg_pool_take(&tape->pool, &tape->source, 2 * bytes);
    if (!terms) return wg_tape_fail_memory(tape, d->call.op->name, 2 * bytes), false;
    memcpy(terms, d->terms, bytes);
    if (d->terms != d->few_terms) wg_pool_give_back(&tape->pool, d->terms, bytes);
    d->terms = terms;
    d->capacity *= 2;
    return true;
}

wg_term wg_derivation_add_term(wg_derivation *d, wg_derivation_term term)
{
    if (d->count == d->capacity && !term_more(d)) return term_invalid;
    d->terms[d->count] = term;
    return (wg_term){d->count++};
}

wg_term wg_cotangent(wg_derivation *d) { return d->call.tape->status == WG_OK ? (wg_term){1} : term_invalid; }

static wg_term term_of_node(wg_derivation *d, uint32_t index)
{
    wg_tape *tape = d->call.tape;
    if (tape->status != WG_OK) return term_invalid;
    if (d->count == d->capacity && !term_more(d)) return term_invalid;
    const wg_node *node = &tape->nodes[index];
    wg_derivation_term *term = &d->terms[d->count];
    term->shape = wg_node_shape(tape, node);
    term->data = NULL;
    term->owned = NULL;
    term->node = index;
    if (d->recorded) term->var = (wg_var){tape, index, node->epoch};
    return (wg_term){d->count++};
}

wg_term wg_primal(wg_derivation *d, size_t k)
{
    if (k < d->call.n) return term_of_node(d, d->call.inputs[k]);
    wg_tape_fail(d->call.tape, WG_ERROR_ARGUMENT, "%s: its derivative asks for input %zu of %zu", d->call.op->name, k,
        d->call.n);
    return term_invalid;
}

wg_term wg_result(wg_derivation *d) { return term_of_node(d, d->index); }

/* A temporary on numbers. */
wg_term wg_derivation_temporary(wg_derivation *d, const wg_interned *shape, void **elements)
{
    wg_tape *tape = d->call.tape;
    size_t bytes = shape->size * wg_derivation_element(d);
    *elements = wg_pool_take(&tape->pool, &tape->source, bytes);
    if (!*elements) {
        wg_tape_fail_memory(tape, d->call.op->name, bytes);
        return term_invalid;
    }
    d->owns = true;
    wg_term term = wg_derivation_add_term(
        d, (wg_derivation_term){.shape = shape, .data = *elements, .owned = *elements, .node = UINT32_MAX});
    if (!term.id) {
        wg_pool_give_back(&tape->pool, *elements, bytes);
        *elements = NULL;
    }
    if (*elements && d->rehearsal) memset(*elements, 0, bytes);
    return term;
}

wg_term wg_number(wg_derivation *d, double c)
{
    wg_tape *tape = d->call.tape;
    if (tape->status != WG_OK) return term_invalid;
    if (d->recorded) return wg_term_of_var(d, wg_list_number(tape, c));
    void *elements;
    wg_term term = wg_derivation_temporary(d, tape->scalar_shape, &elements);
    if (elements && tape->dtype == WG_F64) *(double *)elements = c;
    if (elements && tape->dtype == WG_F32) *(float *)elements = (float)c;
    return term;
}

void wg_derivation_only_numbers(wg_derivation *d)
{
    wg_tape_fail(d->call.tape, WG_ERROR_UNSUPPORTED,
        "%s: its derivative is given as numbers only and cannot be recorded: wg_backward can use it, wg_gradients "
        "cannot",
        d->call.op->name);
}

/* Of what has none yet, or not where it can stay. */
static const void *term_find_numbers(wg_derivation *d, wg_term term)
{
    wg_derivation_term *found = wg_derivation_at(d, term);
    if (!found || d->recorded) return NULL;
    if (found->data) return found->data;
    const wg_node *node = &d->call.tape->nodes[found->node];
    if (!(node->flags & WG_NODE_INLINE)) return wg_node_value(d->call.tape, found->node, d->call.op->name);
    size_t bytes = wg_derivation_element(d); /* the node may move: the number gets a place of its own */
    if (term.id < WG_DERIVATION_TERMS) {
        memcpy(&d->numbers[term.id], &node->u, bytes);
        return found->data = &d->numbers[term.id];
    }
    found->owned = wg_pool_take(&d->call.tape->pool, &d->call.tape->source, bytes);
    if (!found->owned) return wg_tape_fail_memory(d->call.tape, d->call.op->name, bytes), NULL;
    d->owns = true;
    memcpy(found->owned, &node->u, bytes);
    return found->data = found->owned;
}

const void *wg_term_numbers(wg_derivation *d, wg_term term)
{
    const wg_tape *tape = d->call.tape;
    if (term.id && term.id < d->count && tape->status == WG_OK && !d->recorded) {
        const wg_derivation_term *found = &d->terms[term.id];
        if (found->data) return found->data;
        if (tape->nodes[found->node].flags & WG_NODE_PLAIN) return tape->nodes[found->node].record->value;
    }
    return term_find_numbers(d, term);
}

wg_term wg_term_of_numbers(wg_derivation *d, const wg_shape *shape, void **elements)
{
    wg_tape *tape = d->call.tape;
    *elements = NULL;
    if (tape->status != WG_OK) return term_invalid;
    if (d->recorded) {
        wg_derivation_only_numbers(d);
        return term_invalid;
    }
    size_t size;
    if (!shape || !wg_shape_size(shape, &size)) {
        wg_tape_fail(tape, WG_ERROR_SHAPE, "%s: a term of its derivative has no shape, or one whose size overflows",
            d->call.op->name);
        return term_invalid;
    }
    const wg_interned *interned = wg_list_intern(tape, shape);
    if (!interned) {
        wg_tape_fail_memory(tape, d->call.op->name, sizeof *interned);
        return term_invalid;
    }
    wg_term term = wg_derivation_temporary(d, interned, elements);
    if (d->rehearsal) *elements = NULL;
    return term;
}

wg_var wg_term_var(wg_derivation *d, wg_term term)
{
    wg_derivation_term *found = wg_derivation_at(d, term);
    return found && d->recorded ? found->var : wg_invalid(d->call.tape);
}

wg_term wg_term_of_var(wg_derivation *d, wg_var var)
{
    if (!d->recorded || !wg_list_valid(var)) return term_invalid;
    const wg_interned *shape = wg_node_shape(var.tape, &var.tape->nodes[var.index]);
    return wg_derivation_add_term(d, (wg_derivation_term){.shape = shape, .node = UINT32_MAX, .var = var});
}
