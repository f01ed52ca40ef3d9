/* Compositions: several ops under one name. */
#include "ops/compose.h"

#include "shape/shape.h"

#include <stdio.h>
#include <string.h>

bool wg_compose_open(wg_composition *c, const char *name, const wg_var *in, size_t n, unsigned indices)
{
    wg_tape *tape = NULL;
    for (size_t k = 0; k < n && !tape; k++) tape = in[k].tape;
    *c = (wg_composition){.tape = tape, .name = name, .length = tape ? tape->length : 0};
    if (wg_tape_ready(tape, name) != WG_OK) {
        for (size_t k = 0; k < n; k++)
            if (in[k].tape && in[k].tape != tape)
                wg_tape_fail(in[k].tape, WG_ERROR_ARGUMENT, "%s: the arguments live on two tapes", name);
        return false;
    }
    for (size_t k = 0; k < n; k++) {
        if (wg_list_check(tape, name, k + 1, in[k]) != WG_OK) return false;
        bool holds_indices = tape->nodes[in[k].index].flags & WG_NODE_INDICES;
        if (!holds_indices || (k < 32 && indices >> k & 1)) continue;
        wg_tape_fail(tape, WG_ERROR_ARGUMENT, "%s: argument %zu, %s, holds indices where numbers are expected", name,
            k + 1, wg_list_describe(tape, in[k].index));
        return false;
    }
    return true;
}

bool wg_compose_axis(const wg_composition *c, wg_var x, int axis, uint32_t *found)
{
    wg_shape shape = wg_shape_of(x);
    if (wg_shape_axis(&shape, axis, found)) return true;
    wg_tape_fail(c->tape, WG_ERROR_SHAPE, "%s: axis %d is out of range for %s", c->name, axis,
        wg_list_describe(c->tape, x.index));
    return false;
}

bool wg_compose_axes(const wg_composition *c, wg_var x, const int *axes, size_t n, bool *mask)
{
    wg_shape shape = wg_shape_of(x);
    size_t which;
    if (n && !axes) {
        wg_tape_fail(c->tape, WG_ERROR_ARGUMENT, "%s: the array of axes is NULL", c->name);
        return false;
    }
    const char *wrong = wg_shape_axes(&shape, axes, n, mask, &which);
    if (!wrong) return true;
    wg_tape_fail(c->tape, WG_ERROR_SHAPE, "%s: axis %d %s for %s", c->name, axes[which], wrong,
        wg_list_describe(c->tape, x.index));
    return false;
}

/* "matmul: inner dimensions differ" becomes "attention: matmul: inner dimensions differ". */
static void compose_sign(const wg_composition *c)
{
    wg_tape *tape = c->tape;
    size_t length = strlen(c->name);
    if (strncmp(tape->message, c->name, length) == 0 && tape->message[length] == ':') return;
    char inner[WG_MESSAGE_SIZE];
    memcpy(inner, tape->message, sizeof inner);
    int room = (int)(sizeof tape->message - length - 3);
    snprintf(tape->message, sizeof tape->message, "%s: %.*s", c->name, room, inner);
}

wg_status wg_compose_close_all(const wg_composition *c, wg_var *outputs, size_t n)
{
    wg_tape *tape = c->tape;
    if (tape->status == WG_OK) return WG_OK;
    compose_sign(c);
    wg_list_cut(tape, c->length);
    for (size_t k = 0; k < n; k++) outputs[k] = wg_invalid(tape);
    return tape->status;
}

wg_var wg_compose_close(const wg_composition *c, wg_var result)
{
    wg_compose_close_all(c, &result, 1);
    return result;
}
