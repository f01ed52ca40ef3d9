/* Attributes in words, and a node's. */
#include "tape/words.h"

#include "shape/shape.h"
#include "tape/list.h"
#include "wengert/inspect.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- writing --------------------------------------------------------------------------------------------------------- */

void wg_words_add(wg_words *words, const char *format, ...)
{
    char piece[256];
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(piece, sizeof piece, format, arguments);
    va_end(arguments);
    if (n < 0) return;
    if ((size_t)n >= sizeof piece) n = (int)sizeof piece - 1;
    const char *separator = words->length ? " " : "";
    if (words->length < words->size)
        snprintf(words->text + words->length, words->size - words->length, "%s%s", separator, piece);
    words->length += strlen(separator) + (size_t)n;
}

void wg_words_flag(wg_words *words, const char *name, bool value)
{
    if (value) wg_words_add(words, "%s=true", name);
}

void wg_words_integer(wg_words *words, const char *name, int64_t value)
{
    wg_words_add(words, "%s=%lld", name, (long long)value);
}

void wg_words_number(wg_words *words, const char *name, double value)
{
    char text[64];
    if (isnan(value)) snprintf(text, sizeof text, "nan");
    for (int digits = 1; digits <= 17 && !isnan(value); digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    if (value > -1e15 && value < 1e15 && value == floor(value)) snprintf(text, sizeof text, "%.0f", value);
    size_t kept = 0; /* of a locale's decimal point, of one byte or more, a point is left */
    for (const char *c = text; *c; c++) {
        bool plain = (*c >= '0' && *c <= '9') || strchr("+-einfa", *c);
        if (plain || kept == 0 || text[kept - 1] != '.') text[kept++] = plain ? *c : '.';
    }
    text[kept] = '\0';
    wg_words_add(words, "%s=%s", name, text);
}

void wg_words_shape(wg_words *words, const char *name, const wg_shape *shape)
{
    char text[WG_SHAPE_TEXT];
    wg_words_add(words, "%s=%s", name, wg_shape_format(shape, text, sizeof text));
}

void wg_words_sizes(wg_words *words, const char *name, const size_t *values, size_t n)
{
    char text[224];
    size_t length = 0;
    for (size_t k = 0; k < n && length < sizeof text; k++)
        length += (size_t)snprintf(text + length, sizeof text - length, "%s%zu", k ? "," : "", values[k]);
    if (n) wg_words_add(words, "%s=[%s]", name, text);
}

void wg_words_axes(wg_words *words, const bool *mask, uint32_t rank)
{
    size_t axes[WG_MAX_RANK], n = 0;
    for (uint32_t d = 0; d < rank; d++)
        if (mask[d]) axes[n++] = d;
    if (n == rank) return;
    if (n == 0) wg_words_add(words, "axes=[]");
    if (n == 1) wg_words_integer(words, "axis", (int64_t)axes[0]);
    if (n > 1) wg_words_sizes(words, "axes", axes, n);
}

void wg_words_along(wg_words *words, const wg_shape *shape, size_t outer, size_t extent, size_t inner)
{
    bool mask[WG_MAX_RANK] = {false};
    uint32_t rank = shape->rank, first = 0, n = 1;
    for (; n <= rank; n++) { /* one axis rather than several */
        for (first = 0; first + n <= rank; first++)
            if (wg_shape_product(shape, 0, first) == outer && wg_shape_product(shape, first, first + n) == extent &&
                wg_shape_product(shape, first + n, rank) == inner)
                break;
        if (first + n <= rank) break;
    }
    if (n > rank) return;
    for (uint32_t d = first; d < first + n; d++) mask[d] = true;
    if (n == 1)
        wg_words_integer(words, "axis", first);
    else
        wg_words_axes(words, mask, rank);
}

void wg_words_reduction(wg_words *words, wg_reduction reduction)
{
    static const char *const names[] = {"mean", "sum", "batch_mean"};
    wg_words_add(words, "reduction=%s", names[reduction]);
}

/* ---- a node's ---------------------------------------------------------------------------------------------------------- */

/* The node's call, as its shape rule saw it. More operands than these are not shown to describe: no op looks at them. */
enum { WORDS_OPERANDS = 8 };

size_t wg_node_attributes(wg_var node, char *text, size_t size)
{
    if (size) text[0] = '\0';
    if (!wg_list_valid(node)) return 0;
    const wg_tape *tape = node.tape;
    const wg_node *n = &tape->nodes[node.index];
    if (wg_node_is_leaf(n) || n->flags & WG_NODE_INLINE || !n->record->attributes_size) return 0;
    wg_array operands[WORDS_OPERANDS];
    size_t count;
    const uint32_t *inputs = wg_node_inputs(n, &count);
    if (count > WORDS_OPERANDS) count = WORDS_OPERANDS;
    for (size_t k = 0; k < count; k++) {
        const wg_node *input = &tape->nodes[inputs[k]];
        const wg_interned *shape = wg_node_shape(tape, input);
        operands[k] = (wg_array){&shape->shape, shape->size, NULL, input->flags & WG_NODE_INDICES, false};
    }
    wg_call call = {.tape = node.tape,
        .op = wg_node_op(n),
        .dtype = tape->dtype,
        .in = operands,
        .n = count,
        .attributes = n->record->attributes,
        .attributes_size = n->record->attributes_size,
        .shape = wg_node_shape(tape, n)->shape,
        .indices = n->flags & WG_NODE_INDICES,
        .inputs = inputs};
    if (wg_node_op(n)->describe) return wg_node_op(n)->describe(&call, text, size);
    wg_words words = {text, size, 0};
    wg_words_add(&words, "%zu bytes", call.attributes_size);
    return words.length;
}
