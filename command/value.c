/* What values can become: arrays of numbers, arrays of indices, plain numbers. */
#include "evaluation.h"

#include <string.h>

value value_of_var(wg_var var) { return (value){.kind = VALUE_VAR, .var = var}; }
value value_of_number(double number) { return (value){.kind = VALUE_NUMBER, .number = number}; }

value value_of_integer(int64_t whole)
{
    return (value){.kind = VALUE_NUMBER, .integer = true, .whole = whole, .number = (double)whole};
}

bool value_is_word(const evaluation *e, const tree *t, const char *word, const char *other)
{
    if (t->kind != TREE_NAME) return false;
    const char *name = evaluation_text(e) + t->at;
    return (strlen(word) == t->length && !memcmp(name, word, t->length)) ||
           (strlen(other) == t->length && !memcmp(name, other, t->length));
}

/* ---- arrays ------------------------------------------------------------------------------------------------------------- */

static bool value_var_is_indices(wg_var var)
{
    wg_node_info info;
    return wg_ok(var) && wg_node_read(var, &info) == WG_OK && (info.flags & WG_IS_INDICES);
}

bool value_is_integer(const value *v)
{
    switch (v->kind) {
    case VALUE_NUMBER:
        return v->integer;
    case VALUE_SOURCE:
        return v->source->integers && !v->source->variable;
    case VALUE_VAR:
        return value_var_is_indices(v->var);
    default:
        return false;
    }
}

uint32_t value_rank(const value *v)
{
    if (v->kind == VALUE_SOURCE) return v->source->shape.rank;
    return v->kind == VALUE_VAR ? wg_shape_of(v->var).rank : 0;
}

/* A leaf for a source, made when it is first asked for. */
static wg_var value_leaf(evaluation *e, source *s, bool indices)
{
    wg_tape *tape = evaluation_tape(e);
    wg_var *leaf = indices ? &s->as_indices : &s->as_numbers;
    if (leaf->tape) return *leaf;
    if (indices)
        *leaf = wg_indices(tape, s->shape, s->integers);
    else if (s->variable)
        *leaf = wg_variable_f64(tape, s->shape, s->numbers);
    else
        *leaf = wg_constant_f64(tape, s->shape, s->numbers);
    if (s->name && wg_ok(*leaf)) (void)wg_name(*leaf, s->name);
    return *leaf;
}

/* Complains of values that are no array. */
static bool value_is_array(evaluation *e, const tree *t, const value *v)
{
    if (v->kind == VALUE_NOTHING) return evaluation_fail(e, t, "none is no array");
    if (v->kind == VALUE_SEVERAL)
        return evaluation_fail(
            e, t, "these are %zu results: give them names, a, b = ..., or take one by [0]", v->count);
    return true;
}

bool value_numbers(evaluation *e, const tree *t, value *v, wg_var *var)
{
    if (!value_is_array(e, t, v)) return false;
    if (v->kind == VALUE_VAR)
        *var = value_var_is_indices(v->var) ? wg_to_numbers(v->var) : v->var;
    else if (v->source)
        *var = value_leaf(e, v->source, false);
    else
        *var = wg_scalar(evaluation_tape(e), v->number);
    return evaluation_healthy(e, t);
}

bool value_indices(evaluation *e, const tree *t, value *v, wg_var *var)
{
    if (!value_is_array(e, t, v)) return false;
    if (v->source && v->source->variable)
        return evaluation_fail(e, t, "%s is used as indices, which have no gradient", v->source->name);
    if (!value_is_integer(v)) {
        const char *name = v->source && v->source->name ? v->source->name : "this";
        return evaluation_fail(e, t, "indices are integers, and %s is not", name);
    }
    if (v->kind == VALUE_VAR)
        *var = v->var;
    else if (v->source)
        *var = value_leaf(e, v->source, true);
    else
        *var = wg_indices(evaluation_tape(e), WG_SCALAR, &v->whole);
    return evaluation_healthy(e, t);
}

bool value_either(evaluation *e, const tree *t, value *v, wg_var *var)
{
    bool indices = v->kind != VALUE_NUMBER && value_is_integer(v);
    return indices ? value_indices(e, t, v, var) : value_numbers(e, t, v, var);
}

/* ---- numbers ------------------------------------------------------------------------------------------------------------ */

bool value_number(evaluation *e, const tree *t, const value *v, double *number)
{
    if (v->kind == VALUE_NUMBER) {
        *number = v->number;
        return true;
    }
    if (v->kind == VALUE_SOURCE && v->source->size == 1) {
        if (v->source->variable)
            return evaluation_fail(e, t, "%s is a setting of the op here, which has no gradient", v->source->name);
        *number = v->source->numbers[0];
        return true;
    }
    return evaluation_fail(e, t, "a plain number is needed here");
}

bool value_integer(evaluation *e, const tree *t, const value *v, int64_t *whole)
{
    if (v->kind == VALUE_NUMBER && v->integer) {
        *whole = v->whole;
        return true;
    }
    if (v->kind == VALUE_SOURCE && v->source->size == 1 && v->source->integers) {
        *whole = v->source->integers[0];
        return true;
    }
    return evaluation_fail(e, t, "an integer is needed here");
}
