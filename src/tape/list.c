/* The list itself: nodes, records, interned shapes, boxes. See list.h for the picture. */
#include "tape/list.h"

#include "shape/shape.h"

#include <string.h>

static size_t list_bucket(const wg_shape *shape)
{
    size_t hash = shape->rank;
    for (uint32_t i = 0; i < shape->rank; i++) hash = hash * 31 + shape->dim[i];
    return (hash ^ hash >> 8) % WG_SHAPE_BUCKETS;
}

static const wg_interned *list_find_shape(const wg_tape *tape, const wg_shape *shape)
{
    for (const wg_interned *found = tape->shapes[list_bucket(shape)]; found; found = found->next)
        if (wg_list_same_shape(&found->shape, shape)) return found;
    return NULL;
}

const wg_interned *wg_list_intern(wg_tape *tape, const wg_shape *shape)
{
    size_t size;
    if (shape->rank > WG_MAX_RANK) return NULL;
    const wg_interned *found = list_find_shape(tape, shape);
    if (found) return found;
    if (!wg_shape_size(shape, &size)) return NULL;
    wg_interned *fresh = wg_pool_take(&tape->pool, &tape->source, sizeof *fresh);
    if (!fresh) return NULL;
    wg_interned **bucket = &tape->shapes[list_bucket(shape)];
    *fresh = (wg_interned){{.rank = shape->rank}, size, *bucket}; /* what lies behind the last axis may be anything */
    for (uint32_t i = 0; i < shape->rank; i++) fresh->shape.dim[i] = shape->dim[i];
    *bucket = fresh;
    tape->shapes_count++;
    return fresh;
}

const wg_interned *wg_list_shape_of_result(const wg_call *call)
{
    for (size_t k = 0; k < call->n && k < 2; k++) /* most results have the shape of an operand, which is interned */
        if (wg_list_same_shape(call->in[k].shape, &call->shape)) return (const wg_interned *)call->in[k].shape;
    return call->shape.rank <= WG_MAX_RANK ? list_find_shape(call->tape, &call->shape) : NULL;
}

const uint32_t *wg_node_inputs(const wg_node *node, size_t *n)
{
    if (wg_node_is_leaf(node)) {
        *n = 0;
        return NULL;
    }
    if (node->flags & WG_NODE_INLINE) {
        *n = wg_node_op(node)->arity;
        return node->in;
    }
    *n = node->record->n;
    return *n > 2 ? node->record->inputs : node->record->few;
}

bool wg_list_reserve(wg_tape *tape, const char *what)
{
    if (tape->length < tape->capacity) return true;
    const size_t few = 65536, most = UINT32_MAX - 1;
    size_t capacity = tape->capacity < few ? (size_t)tape->capacity * 2 : tape->capacity + (size_t)tape->capacity / 4;
    if (capacity < 64) capacity = 64;
    if (capacity > most) capacity = most;
    if (capacity <= tape->length) {
        wg_tape_fail(tape, WG_ERROR_MEMORY, "%s: the tape is full: it holds %u nodes", what, (unsigned)tape->length);
        return false;
    }
    if (!wg_source_grow(&tape->source, &tape->nodes_memory, capacity * sizeof(wg_node), most * sizeof(wg_node))) {
        wg_tape_fail_memory(tape, what, capacity * sizeof(wg_node));
        return false;
    }
    capacity = tape->nodes_memory.bytes / sizeof(wg_node);
    tape->nodes = tape->nodes_memory.data;
    tape->capacity = (uint32_t)(capacity < most ? capacity : most);
    wg_tape_update_quick(tape);
    return true;
}

/* unit is a power of 2. */
static size_t list_align(size_t at, size_t unit) { return (at + unit - 1) & ~(unit - 1); }

/* Member by member: a compiler may clear a structure of this size by an instruction that takes longer to start than the rest
 * of a recording. */
static inline void list_clear_record(wg_record *record, const wg_record_plan *plan)
{
    record->op = NULL;
    record->adjoint = NULL;
    record->shape = plan->shape;
    record->few[0] = record->few[1] = 0;
    record->name = NULL;
    record->previous = record->holder = NULL;
    record->attributes_size = plan->attributes_size;
    record->offset = 0;
    record->base = UINT32_MAX;
    record->n = (uint32_t)plan->n;
    record->flags = 0;
    record->sweep = 0;
}

wg_record *wg_list_record(wg_tape *tape, const wg_record_plan *plan)
{
    const size_t elements = plan->shape->size * plan->element_size;
    const size_t aligned = elements >= WG_ALIGNMENT ? WG_ALIGNMENT : 16;
    const size_t inputs = list_align(sizeof(wg_record), 16), n = plan->n;
    const size_t attributes = n > 2 ? inputs + list_align(n * sizeof(uint32_t), 16) : inputs;
    const size_t value = list_align(attributes + plan->attributes_size, aligned), each = list_align(elements, aligned);
    const size_t position = wg_arena_position(&tape->arena);
    const size_t grad = plan->value ? value + each : value;
    const size_t bytes = elements > PTRDIFF_MAX / 4 ? SIZE_MAX : plan->grad ? grad + each : grad;
    char *memory = bytes != SIZE_MAX ? wg_arena_take(&tape->arena, &tape->source, bytes) : NULL;
    if (!memory) {
        wg_tape_fail_memory(tape, plan->what, bytes != SIZE_MAX ? bytes : elements);
        return NULL;
    }
    wg_record *record = (wg_record *)(void *)memory;
    list_clear_record(record, plan);
    record->arena_position = position;
    record->value = plan->value ? memory + value : NULL;
    record->grad = plan->grad ? memory + grad : NULL;
    record->attributes = plan->attributes_size ? memory + attributes : NULL;
    if (plan->attributes_size) memcpy(memory + attributes, plan->attributes, plan->attributes_size);
    if (n > 2) {
        memcpy(memory + inputs, plan->inputs, n * sizeof(uint32_t));
        record->inputs = (const uint32_t *)(const void *)(memory + inputs);
    } else {
        if (n > 0) record->few[0] = plan->inputs[0];
        if (n > 1) record->few[1] = plan->inputs[1];
    }
    return record;
}

void wg_list_abandon(wg_tape *tape, wg_record *record) { wg_arena_return(&tape->arena, record->arena_position); }

/* The next node, whose flags are given, to be filled in: there is room. */
static wg_node *list_push(wg_tape *tape, uint32_t flags)
{
    wg_node *node = &tape->nodes[tape->length++];
    node->flags = flags;
    node->epoch = tape->epoch;
    node->u.f64 = 0;
    return node;
}

static wg_var list_top(wg_tape *tape) { return (wg_var){tape, tape->length - 1, tape->epoch}; }

void wg_node_refresh(wg_tape *tape, wg_node *node)
{
    if ((node->flags & (WG_NODE_INLINE | WG_NODE_NUMBER)) != WG_NODE_NUMBER) return;
    const wg_record *record = node->record;
    size_t size = wg_dtype_size(tape->dtype);
    const char *value = record->value;
    if (record->base != UINT32_MAX)
        value = (const char *)tape->nodes[record->base].record->value + record->offset * size;
    memcpy(&node->u, value, size);
}

/* A 0-d number has its value in the node, so a lazy op, or a view of one, is not. */
static bool list_is_number(const wg_tape *tape, const wg_record *record, uint32_t flags)
{
    if (record->shape->shape.rank != 0 || flags & WG_NODE_INDICES) return false;
    if (record->base == UINT32_MAX) return !(record->op && record->op->flags & WG_OP_LAZY);
    const wg_op *base = wg_node_op(&tape->nodes[record->base]);
    return !(base && base->flags & WG_OP_LAZY);
}

wg_var wg_list_push_record(wg_tape *tape, const wg_op *op, wg_record *record, uint32_t flags)
{
    record->op = op;
    if (!op) flags |= WG_NODE_LEAF;
    if (list_is_number(tape, record, flags)) flags |= WG_NODE_NUMBER | WG_NODE_AT_HAND;
    if (record->value) flags |= WG_NODE_PLAIN; /* no view, nor a lazy op's */
    record->index = tape->length;
    record->previous = tape->last;
    tape->last = record;
    if (flags & WG_NODE_VARIABLE && tape->first_variable == UINT32_MAX) tape->first_variable = record->index;
    wg_node *node = list_push(tape, flags);
    node->record = record;
    if (op) wg_node_refresh(tape, node);
    return list_top(tape);
}

wg_var wg_list_push_inline(wg_tape *tape, const uint32_t *inputs, size_t n, uint32_t flags)
{
    wg_node *node = list_push(tape, flags | WG_NODE_INLINE | WG_NODE_NUMBER | WG_NODE_AT_HAND);
    node->in[0] = n ? inputs[0] : 0;
    node->in[1] = n ? inputs[n > 1 ? 1 : 0] : 0; /* always safe to read */
    if (flags & WG_NODE_NEEDS)
        node->flags |= wg_node_needs(tape->nodes[inputs[0]].flags, n > 1 ? tape->nodes[inputs[1]].flags : 0);
    return list_top(tape);
}

bool wg_list_box(wg_tape *tape, uint32_t index, const char *what)
{
    wg_node *node = &tape->nodes[index];
    if (!(node->flags & WG_NODE_INLINE)) return true;
    if (tape->evaluating) { /* the evaluation may be reading the number in the node */
        wg_tape_fail(tape, WG_ERROR_ARGUMENT, "%s: the tape is busy", what);
        return false;
    }
    size_t bytes = sizeof(wg_record) + sizeof(double);
    wg_record *record = wg_pool_take(&tape->pool, &tape->source, bytes);
    if (!record) {
        wg_tape_fail_memory(tape, what, bytes);
        return false;
    }
    const wg_op *op = wg_node_op(node);
    *record = (wg_record){.op = op,
        .value = record + 1,
        .shape = tape->scalar_shape,
        .few = {node->in[0], node->in[1]},
        .index = index,
        .base = UINT32_MAX,
        .n = op ? (uint32_t)op->arity : 0,
        .flags = WG_RECORD_BOX,
        .previous = tape->boxes};
    memcpy(record->value, &node->u, sizeof(double));
    tape->boxes = record;
    node->record = record;
    uint32_t gone = WG_NODE_INLINE | WG_NODE_NEEDS_A | WG_NODE_NEEDS_B;
    node->flags = (node->flags & (((uint32_t)1 << WG_NODE_RULE_SHIFT) - 1) & ~gone) | WG_NODE_PLAIN;
    return true;
}

void wg_list_hold(wg_tape *tape, wg_record *record)
{
    record->holder = tape->holders;
    tape->holders = record;
}
