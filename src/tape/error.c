/* Errors are sticky: the first one's status and message stay until cleared, later ones are dropped. Messages name the
 * op, and operands by their names and shapes. */
#include "tape/list.h"

#include "shape/shape.h"

#include <stdarg.h>
#include <stdio.h>

static wg_status error_set(wg_tape *tape, wg_status status, const char *prefix, const char *format, va_list arguments)
{
    if (!tape || tape->status != WG_OK) return status;
    int at = snprintf(tape->message, sizeof tape->message, "%s%s", prefix, *prefix ? ": " : "");
    if (at >= 0 && (size_t)at < sizeof tape->message)
        vsnprintf(tape->message + at, sizeof tape->message - (size_t)at, format, arguments);
    tape->status = status;
    wg_tape_update_quick(tape);
    return status;
}

wg_status wg_tape_fail(wg_tape *tape, wg_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    error_set(tape, status, "", format, arguments);
    va_end(arguments);
    return status;
}

wg_status wg_call_fail(const wg_call *call, wg_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    error_set(call->tape, status, call->op->name, format, arguments);
    va_end(arguments);
    return status;
}

wg_status wg_tape_fail_memory(wg_tape *tape, const char *what, size_t bytes)
{
    const wg_source *source = &tape->source;
    const char *why = source->limited ? "the memory limit" : source->fixed ? "the buffer" : "memory";
    return wg_tape_fail(tape, WG_ERROR_MEMORY, "%s: %s is exhausted: %zu more bytes wanted, %zu in use", what, why,
        bytes, source->in_use);
}

/* The four strings take turns, so that a message can hold several. */
static char *error_next_description(wg_tape *tape, size_t *size)
{
    *size = sizeof tape->descriptions[0];
    return tape->descriptions[tape->next_description++ % 4];
}

static const char *error_kind(const wg_node *node)
{
    if (wg_node_op(node)) return wg_node_op(node)->name;
    if (node->flags & WG_NODE_VARIABLE) return "a variable";
    return node->flags & WG_NODE_INDICES ? "an index leaf" : "a constant";
}

const char *wg_list_title(wg_tape *tape, uint32_t index)
{
    const wg_node *node = &tape->nodes[index];
    if (node->flags & WG_NODE_INLINE || !node->record->name) return error_kind(node);
    size_t size;
    char *text = error_next_description(tape, &size);
    snprintf(text, size, "'%.60s'", node->record->name);
    return text;
}

const char *wg_list_describe(wg_tape *tape, uint32_t index)
{
    const wg_node *node = &tape->nodes[index];
    char shape[WG_SHAPE_TEXT];
    size_t size;
    char *text = error_next_description(tape, &size);
    const char *name = node->flags & WG_NODE_INLINE ? NULL : node->record->name;
    wg_shape_format(&wg_node_shape(tape, node)->shape, shape, sizeof shape);
    snprintf(text, size, "%.60s%s%s", name ? name : "", name ? " " : "", shape);
    return text;
}

const char *wg_call_describe(const wg_call *call, size_t k)
{
    if (call->inputs) return wg_list_describe(call->tape, call->inputs[k]);
    size_t size;
    char *text = error_next_description(call->tape, &size);
    return wg_shape_format(call->in[k].shape, text, size);
}

wg_status wg_tape_status(const wg_tape *tape) { return tape ? tape->status : WG_ERROR_ARGUMENT; }

const char *wg_tape_message(const wg_tape *tape)
{
    if (!tape) return "no tape: the pointer is NULL";
    return tape->status == WG_OK ? "" : tape->message;
}

void wg_tape_clear_error(wg_tape *tape)
{
    if (!tape) return;
    tape->status = WG_OK;
    wg_tape_update_quick(tape);
}

const char *wg_status_name(wg_status status)
{
    switch (status) {
    case WG_OK:
        return "WG_OK";
    case WG_ERROR_ARGUMENT:
        return "WG_ERROR_ARGUMENT";
    case WG_ERROR_SHAPE:
        return "WG_ERROR_SHAPE";
    case WG_ERROR_STALE:
        return "WG_ERROR_STALE";
    case WG_ERROR_MEMORY:
        return "WG_ERROR_MEMORY";
    case WG_ERROR_NONFINITE:
        return "WG_ERROR_NONFINITE";
    case WG_ERROR_UNSUPPORTED:
        return "WG_ERROR_UNSUPPORTED";
    case WG_ERROR_GUARD:
        return "WG_ERROR_GUARD";
    }
    return "unknown status";
}
