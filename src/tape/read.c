/* Reading values and gradients. Readers work on a tape in error; what they cannot read is an error of its own. */
#include "tape/list.h"

#include <math.h>

bool wg_ok(wg_var var) { return wg_list_valid(var); }

wg_shape wg_shape_of(wg_var var)
{
    if (!wg_list_valid(var)) return (wg_shape){.rank = UINT32_MAX};
    return wg_node_shape(var.tape, &var.tape->nodes[var.index])->shape;
}

size_t wg_size(wg_var var)
{
    return wg_list_valid(var) ? wg_node_shape(var.tape, &var.tape->nodes[var.index])->size : 0;
}

static double read_element(const wg_tape *tape, uint32_t flags, const void *data, size_t at)
{
    if (flags & WG_NODE_INDICES) return (double)((const int64_t *)data)[at];
    return tape->dtype == WG_F64 ? ((const double *)data)[at] : (double)((const float *)data)[at];
}

/* Elements for a look at once: an inline number is read where it is. */
static double read_at(wg_var var, size_t at, const char *what)
{
    wg_tape *tape = var.tape;
    if (!tape || wg_list_check(tape, what, 0, var) != WG_OK) return (double)NAN;
    size_t size = wg_node_shape(tape, &tape->nodes[var.index])->size;
    if (at >= size) {
        wg_tape_fail(
            tape, WG_ERROR_ARGUMENT, "%s: there is no element %zu in %s", what, at, wg_list_describe(tape, var.index));
        return (double)NAN;
    }
    const void *data = wg_node_value(tape, var.index, what);
    return data ? read_element(tape, tape->nodes[var.index].flags, data, at) : (double)NAN;
}

double wg_item(wg_var var)
{
    if (wg_list_valid(var) && wg_size(var) != 1) {
        wg_tape_fail(
            var.tape, WG_ERROR_SHAPE, "wg_item: %s does not have size 1", wg_list_describe(var.tape, var.index));
        return (double)NAN;
    }
    return read_at(var, 0, "wg_item");
}

double wg_at(wg_var var, size_t flat_index) { return read_at(var, flat_index, "wg_at"); }

/* A pointer that stays: an inline number gets an address of its own first. */
static const void *read_value(wg_var var, const char *what)
{
    wg_tape *tape = var.tape;
    if (!tape || wg_list_check(tape, what, 0, var) != WG_OK || !wg_list_box(tape, var.index, what)) return NULL;
    return wg_node_value(tape, var.index, what);
}

/* What a typed reader asks for, and whether the var has it. */
typedef enum read_kind { READ_F32, READ_F64, READ_INDICES } read_kind;

static bool read_is(wg_var var, read_kind kind, const char *what)
{
    static const char *const names[] = {"float", "double", "int64_t"};
    wg_tape *tape = var.tape;
    if (!wg_list_valid(var)) return true; /* the reader says what is wrong */
    bool indices = tape->nodes[var.index].flags & WG_NODE_INDICES;
    read_kind has = indices ? READ_INDICES : tape->dtype == WG_F64 ? READ_F64 : READ_F32;
    if (has == kind) return true;
    wg_tape_fail(
        tape, WG_ERROR_ARGUMENT, "%s: the elements of %s are %s", what, wg_list_describe(tape, var.index), names[has]);
    return false;
}

const void *wg_value(wg_var var) { return read_value(var, "wg_value"); }

const float *wg_value_f32(wg_var var)
{
    return read_is(var, READ_F32, "wg_value_f32") ? read_value(var, "wg_value_f32") : NULL;
}

const double *wg_value_f64(wg_var var)
{
    return read_is(var, READ_F64, "wg_value_f64") ? read_value(var, "wg_value_f64") : NULL;
}

const int64_t *wg_value_indices(wg_var var)
{
    return read_is(var, READ_INDICES, "wg_value_indices") ? read_value(var, "wg_value_indices") : NULL;
}

/* ---- gradients ---------------------------------------------------------------------------------------------------- */

static const void *read_grad(wg_var var, const char *what)
{
    wg_tape *tape = var.tape;
    if (!tape) return NULL;
    if (!wg_list_valid(var)) {
        wg_list_check(tape, what, 0, var);
        return NULL;
    }
    const wg_node *node = &tape->nodes[var.index];
    const wg_record *record = node->flags & WG_NODE_INLINE ? NULL : node->record;
    if (!record || !record->grad) {
        wg_tape_fail(tape, WG_ERROR_ARGUMENT, "%s: %s has no gradient%s", what, wg_list_title(tape, var.index),
            wg_node_op(node) ? ": call wg_retain_grad before the sweep" : ": it is not a variable");
        return NULL;
    }
    if (record->flags & WG_RECORD_BROKEN_GRAD) {
        wg_tape_fail(tape, WG_ERROR_STALE,
            "%s: the gradient of %s is incomplete: a sweep failed midway; wg_zero_grad makes it usable", what,
            wg_list_title(tape, var.index));
        return NULL;
    }
    return record->grad;
}

const void *wg_grad(wg_var var) { return read_grad(var, "wg_grad"); }

const float *wg_grad_f32(wg_var var)
{
    return read_is(var, READ_F32, "wg_grad_f32") ? read_grad(var, "wg_grad_f32") : NULL;
}

const double *wg_grad_f64(wg_var var)
{
    return read_is(var, READ_F64, "wg_grad_f64") ? read_grad(var, "wg_grad_f64") : NULL;
}

double wg_grad_at(wg_var var, size_t flat_index)
{
    const void *grad = read_grad(var, "wg_grad_at");
    if (!grad) return (double)NAN;
    if (flat_index >= wg_size(var)) {
        wg_tape_fail(var.tape, WG_ERROR_ARGUMENT, "wg_grad_at: there is no element %zu in %s", flat_index,
            wg_list_describe(var.tape, var.index));
        return (double)NAN;
    }
    return read_element(var.tape, 0, grad, flat_index);
}
