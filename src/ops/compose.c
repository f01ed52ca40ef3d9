/* Compositions: several ops under one name. */
#include "ops/compose.h"

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
