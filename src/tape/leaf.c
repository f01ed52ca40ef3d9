/* Leaves: making them, changing their values, binding them to the caller's arrays. */
#include "tape/list.h"

#include "shape/shape.h"

#include <string.h>

/* Copies n numbers, converting between float and double. */
static void leaf_convert(wg_dtype to, void *out, wg_dtype from, const void *in, size_t n)
{
    if (to == from) {
        if (n) memcpy(out, in, n * wg_dtype_size(to));
    } else if (to == WG_F64) {
        for (size_t i = 0; i < n; i++) ((double *)out)[i] = ((const float *)in)[i];
    } else {
        for (size_t i = 0; i < n; i++) ((float *)out)[i] = (float)((const double *)in)[i];
    }
}

enum { LEAF_CONSTANT = 0, LEAF_VARIABLE = WG_NODE_VARIABLE | WG_NODE_NEEDS, LEAF_INDICES = WG_NODE_INDICES };

/* A leaf with storage for its value, to be filled by the caller, and, for a variable, a zero gradient. */
static wg_var leaf_new(wg_tape *tape, const wg_shape *shape, uint32_t flags, const char *what)
{
    if (!tape) return wg_invalid(NULL);
    if (wg_tape_ready(tape, what) != WG_OK || !wg_list_reserve(tape, what)) return wg_invalid(tape);
    if (shape->rank > WG_MAX_RANK) {
        wg_tape_fail(tape, WG_ERROR_SHAPE, "%s: the shape has %u axes; at most %d are possible", what,
            (unsigned)shape->rank, WG_MAX_RANK);
        return wg_invalid(tape);
    }
    size_t size;
    if (!wg_shape_size(shape, &size)) {
        char text[WG_SHAPE_TEXT];
        wg_tape_fail(
            tape, WG_ERROR_SHAPE, "%s: the size of %s overflows", what, wg_shape_format(shape, text, sizeof text));
        return wg_invalid(tape);
    }
    wg_record_plan plan = {.what = what,
        .shape = wg_list_intern(tape, shape),
        .value = true,
        .grad = flags & WG_NODE_VARIABLE,
        .element_size = flags & WG_NODE_INDICES ? sizeof(int64_t) : wg_dtype_size(tape->dtype)};
    if (!plan.shape) {
        wg_tape_fail_memory(tape, what, sizeof *plan.shape);
        return wg_invalid(tape);
    }
    wg_record *record = wg_list_record(tape, &plan);
    if (!record) return wg_invalid(tape);
    if (plan.grad) {
        memset(record->grad, 0, size * plan.element_size);
        record->flags |= WG_RECORD_ZERO_GRAD;
        wg_list_hold(tape, record);
    }
    return wg_list_push_record(tape, NULL, record, flags);
}

static wg_var leaf_numbers(
    wg_tape *tape, const wg_shape *shape, uint32_t flags, wg_dtype from, const void *values, const char *what)
{
    wg_var var = leaf_new(tape, shape, flags, what);
    if (!wg_list_valid(var)) return var;
    const wg_record *record = tape->nodes[var.index].record;
    if (values)
        leaf_convert(tape->dtype, record->value, from, values, record->shape->size);
    else
        memset(record->value, 0, record->shape->size * wg_dtype_size(tape->dtype));
    wg_node_refresh(tape, &tape->nodes[var.index]);
    return var;
}

wg_var wg_variable_f32(wg_tape *tape, wg_shape shape, const float *values)
{
    return leaf_numbers(tape, &shape, LEAF_VARIABLE, WG_F32, values, "wg_variable");
}

wg_var wg_variable_f64(wg_tape *tape, wg_shape shape, const double *values)
{
    return leaf_numbers(tape, &shape, LEAF_VARIABLE, WG_F64, values, "wg_variable");
}

wg_var wg_variable_raw(wg_tape *tape, wg_shape shape, const void *values)
{
    return leaf_numbers(tape, &shape, LEAF_VARIABLE, wg_tape_dtype(tape), values, "wg_variable");
}

wg_var wg_constant_f32(wg_tape *tape, wg_shape shape, const float *values)
{
    return leaf_numbers(tape, &shape, LEAF_CONSTANT, WG_F32, values, "wg_constant");
}

wg_var wg_constant_f64(wg_tape *tape, wg_shape shape, const double *values)
{
    return leaf_numbers(tape, &shape, LEAF_CONSTANT, WG_F64, values, "wg_constant");
}

wg_var wg_constant_raw(wg_tape *tape, wg_shape shape, const void *values)
{
    return leaf_numbers(tape, &shape, LEAF_CONSTANT, wg_tape_dtype(tape), values, "wg_constant");
}

wg_var wg_indices(wg_tape *tape, wg_shape shape, const int64_t *values)
{
    wg_var var = leaf_new(tape, &shape, LEAF_INDICES, "wg_indices");
    if (!wg_list_valid(var)) return var;
    const wg_record *record = tape->nodes[var.index].record;
    size_t bytes = record->shape->size * sizeof *values;
    if (values)
        memcpy(record->value, values, bytes);
    else
        memset(record->value, 0, bytes);
    return var;
}

wg_var wg_scalar_variable(wg_tape *tape, double value) { return wg_variable_f64(tape, (wg_shape){0}, &value); }

/* The number stands in the node: scalar programs make many of these. */
wg_var wg_scalar(wg_tape *tape, double value)
{
    if (!tape) return wg_invalid(NULL);
    if (wg_tape_ready(tape, "wg_scalar") != WG_OK || !wg_list_reserve(tape, "wg_scalar")) return wg_invalid(tape);
    wg_var var = wg_list_push_inline(tape, NULL, 0, WG_NODE_LEAF);
    leaf_convert(tape->dtype, &tape->nodes[var.index].u, WG_F64, &value, 1);
    return var;
}

wg_var wg_list_number(wg_tape *tape, double value)
{
    if (!tape || !tape->sharing_numbers) return wg_scalar(tape, value);
    for (unsigned i = 0; i < tape->numbers_count; i++)
        if (tape->numbers[i].value == value) {
            uint32_t index = tape->numbers[i].index;
            return (wg_var){tape, index, tape->nodes[index].epoch};
        }
    wg_var var = wg_scalar(tape, value);
    if (wg_list_valid(var) && tape->numbers_count < sizeof tape->numbers / sizeof *tape->numbers) {
        tape->numbers[tape->numbers_count].value = value;
        tape->numbers[tape->numbers_count++].index = var.index;
    }
    return var;
}

/* ---- changing ---------------------------------------------------------------------------------------------------- */

/* The leaf's node, or NULL with the error set. Changing a leaf is possible while its tape is in error. */
static wg_node *leaf_find(wg_var leaf, const char *what)
{
    wg_tape *tape = leaf.tape;
    if (!tape || (!wg_list_valid(leaf) && wg_list_check(tape, what, 0, leaf) != WG_OK)) return NULL;
    wg_node *node = &tape->nodes[leaf.index];
    if (tape->busy) {
        wg_tape_fail(tape, WG_ERROR_ARGUMENT, "%s: the tape is busy", what);
        return NULL;
    }
    if (wg_node_is_leaf(node)) return node;
    wg_tape_fail(
        tape, WG_ERROR_ARGUMENT, "%s: %s is not a leaf: its value is computed", what, wg_list_title(tape, leaf.index));
    return NULL;
}

static void leaf_changed(wg_tape *tape, wg_node *node)
{
    wg_node_refresh(tape, node);
    node->flags |= WG_NODE_CHANGED;
    tape->changed = true;
    wg_tape_update_quick(tape);
}

/* Whether the leaf holds indices is as asked; whether there are values. */
static bool leaf_accepts(wg_tape *tape, const wg_node *node, bool indices, const void *values, const char *what)
{
    if (!values) return wg_tape_fail(tape, WG_ERROR_ARGUMENT, "%s: the values are NULL", what), false;
    bool holds = node->flags & WG_NODE_INDICES;
    if (holds == indices) return true;
    wg_tape_fail(tape, WG_ERROR_ARGUMENT, "%s: the leaf holds %s", what,
        holds ? "indices, not numbers" : "numbers, not indices");
    return false;
}

static wg_status leaf_set(wg_var leaf, wg_dtype from, const void *values, bool indices, const char *what)
{
    wg_tape *tape = leaf.tape;
    wg_node *node = leaf_find(leaf, what);
    if (!node || !leaf_accepts(tape, node, indices, values, what)) return tape ? tape->status : WG_ERROR_ARGUMENT;
    bool in_node = node->flags & WG_NODE_INLINE;
    void *out = in_node ? (void *)&node->u : node->record->value;
    size_t size = wg_node_shape(tape, node)->size;
    if (indices)
        memmove(out, values, size * sizeof(int64_t));
    else if (tape->dtype == from)
        memmove(out, values, size * wg_dtype_size(from)); /* values may be the leaf's own array */
    else
        leaf_convert(tape->dtype, out, from, values, size);
    leaf_changed(tape, node);
    return WG_OK;
}

wg_status wg_set_value_f32(wg_var leaf, const float *values)
{
    return leaf_set(leaf, WG_F32, values, false, "wg_set_value");
}

wg_status wg_set_value_f64(wg_var leaf, const double *values)
{
    return leaf_set(leaf, WG_F64, values, false, "wg_set_value");
}

wg_status wg_set_value_raw(wg_var leaf, const void *values)
{
    return leaf_set(leaf, wg_tape_dtype(leaf.tape), values, false, "wg_set_value");
}

wg_status wg_set_indices(wg_var leaf, const int64_t *values)
{
    return leaf_set(leaf, WG_F64, values, true, "wg_set_indices");
}

void *wg_value_mut(wg_var leaf)
{
    if (!leaf_find(leaf, "wg_value_mut") || !wg_list_box(leaf.tape, leaf.index, "wg_value_mut")) return NULL;
    wg_node *node = &leaf.tape->nodes[leaf.index];
    leaf_changed(leaf.tape, node);
    return node->record->value;
}

wg_status wg_bind(wg_var leaf, void *value, void *grad)
{
    wg_tape *tape = leaf.tape;
    const wg_node *found = leaf_find(leaf, "wg_bind");
    if (!found) return tape ? tape->status : WG_ERROR_ARGUMENT;
    if (!value) return wg_tape_fail(tape, WG_ERROR_ARGUMENT, "wg_bind: the value is NULL");
    if (grad && !(found->flags & WG_NODE_VARIABLE))
        return wg_tape_fail(tape, WG_ERROR_ARGUMENT, "wg_bind: a constant has no gradient to bind");
    if (!wg_list_box(tape, leaf.index, "wg_bind")) return tape->status;
    wg_node *node = &tape->nodes[leaf.index];
    wg_record *record = node->record;
    record->value = value;
    if (grad) {
        record->grad = grad;
        record->flags &= ~(uint32_t)(WG_RECORD_ZERO_GRAD | WG_RECORD_BROKEN_GRAD);
        record->flags |= WG_RECORD_BOUND_GRAD;
    }
    leaf_changed(tape, node);
    return WG_OK;
}

wg_var wg_name(wg_var var, const char *name)
{
    wg_tape *tape = var.tape;
    if (wg_tape_ready(tape, "wg_name") != WG_OK) return var;
    if (!wg_list_valid(var)) {
        wg_list_check(tape, "wg_name", 0, var);
        return var;
    }
    if (!wg_list_box(tape, var.index, "wg_name")) return var;
    wg_record *record = tape->nodes[var.index].record;
    char *copy = NULL;
    if (name && *name) {
        size_t bytes = strlen(name) + 1;
        copy = wg_pool_take(&tape->pool, &tape->source, bytes);
        if (!copy) {
            wg_tape_fail_memory(tape, "wg_name", bytes);
            return var;
        }
        memcpy(copy, name, bytes);
    }
    if (record->name) wg_pool_give_back(&tape->pool, record->name, strlen(record->name) + 1);
    record->name = copy;
    return var;
}
