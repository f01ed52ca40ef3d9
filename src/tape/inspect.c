/* Looking at the nodes of a tape from outside. */
#include "wengert/inspect.h"

#include "tape/list.h"

size_t wg_node_count(const wg_tape *tape) { return tape ? tape->length : 0; }

wg_var wg_node_at(wg_tape *tape, size_t i)
{
    if (!tape || i >= tape->length) return wg_invalid(tape);
    return (wg_var){tape, (uint32_t)i, tape->nodes[i].epoch};
}

wg_var wg_node_input(wg_var node, size_t k)
{
    if (!wg_list_valid(node)) return wg_invalid(node.tape);
    size_t n;
    const uint32_t *inputs = wg_node_inputs(&node.tape->nodes[node.index], &n);
    return k < n ? wg_node_at(node.tape, inputs[k]) : wg_invalid(node.tape);
}

/* A constant that a sweep differentiates for looks like a variable for that time, and is none. */
static bool inspect_is_variable(const wg_node *node)
{
    return (node->flags & (WG_NODE_VARIABLE | WG_NODE_LENT)) == WG_NODE_VARIABLE;
}

static unsigned inspect_flags(const wg_node *node)
{
    const wg_record *record = node->flags & WG_NODE_INLINE ? NULL : node->record;
    unsigned flags = 0;
    if (wg_node_is_leaf(node)) flags |= WG_IS_LEAF;
    if (inspect_is_variable(node)) flags |= WG_IS_VARIABLE;
    if (node->flags & WG_NODE_INDICES) flags |= WG_IS_INDICES;
    if (node->flags & WG_NODE_NEEDS) flags |= WG_DEPENDS;
    if (node->flags & WG_NODE_STALE) flags |= WG_IS_STALE;
    if (record && record->flags & WG_RECORD_POOL_GRAD) flags |= WG_IS_RETAINED;
    if (record && record->base != UINT32_MAX) flags |= WG_IS_VIEW;
    return flags;
}

static const char *inspect_kind(const wg_node *node)
{
    if (wg_node_op(node)) return wg_node_op(node)->name;
    if (node->flags & WG_NODE_INDICES) return "indices";
    return inspect_is_variable(node) ? "variable" : "constant";
}

wg_status wg_node_read(wg_var node, wg_node_info *info)
{
    wg_tape *tape = node.tape;
    if (!tape) return WG_ERROR_ARGUMENT;
    if (!wg_list_valid(node)) {
        wg_list_check(tape, "wg_node_read", 0, node);
        return WG_ERROR_ARGUMENT;
    }
    if (!info) return wg_tape_fail(tape, WG_ERROR_ARGUMENT, "wg_node_read: the place for the description is NULL");
    wg_list_settle(tape);
    const wg_node *found = &tape->nodes[node.index];
    const wg_record *record = found->flags & WG_NODE_INLINE ? NULL : found->record;
    *info = (wg_node_info){.op = wg_node_op(found),
        .kind = inspect_kind(found),
        .name = record ? record->name : NULL,
        .shape = wg_node_shape(tape, found)->shape,
        .flags = inspect_flags(found),
        .attributes = record ? record->attributes : NULL,
        .attributes_size = record ? record->attributes_size : 0};
    wg_node_inputs(found, &info->inputs);
    return WG_OK;
}
