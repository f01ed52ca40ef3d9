/* Evaluating an expression step by step: what names mean, and the table of what was named. */
#include "evaluation.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A named step. */
typedef struct step {
    const char *name;
    value value;
} step;

/* A block of memory that is freed with the evaluation. */
typedef struct memory {
    struct memory *next;
    max_align_t start[];
} memory;

struct evaluation {
    wg_tape *tape;
    const array_set *in;
    source *sources; /* as many as arrays */
    const expression *expression;
    step *steps;
    size_t count;
    wg_var loss;
    bool unnamed; /* the loss, which is then called loss */
    expression_error *error;
    memory *blocks;
};

/* ---- the evaluation ------------------------------------------------------------------------------------------------------ */

wg_tape *evaluation_tape(const evaluation *e) { return e->tape; }
wg_var evaluation_loss(const evaluation *e) { return e->loss; }
const char *evaluation_text(const evaluation *e) { return e->expression->text; }

evaluation *evaluation_new(const array_set *in)
{
    evaluation *e = calloc(1, sizeof *e);
    if (!e) return NULL;
    e->in = in;
    e->tape = wg_tape_new(WG_F64);
    e->sources = calloc(in->count + 1, sizeof *e->sources);
    if (!e->tape || !e->sources) {
        evaluation_free(e);
        return NULL;
    }
    for (size_t i = 0; i < in->count; i++) {
        const array *a = &in->list[i];
        e->sources[i] = (source){.name = a->name,
            .shape = a->shape,
            .size = a->size,
            .numbers = a->numbers,
            .integers = a->kind == ARRAY_INTEGER ? a->data : NULL,
            .truths = a->truths};
    }
    return e;
}

void evaluation_free(evaluation *e)
{
    if (!e) return;
    while (e->blocks) {
        memory *next = e->blocks->next;
        free(e->blocks);
        e->blocks = next;
    }
    wg_tape_free(e->tape);
    free(e->sources);
    free(e);
}

void *evaluation_memory(evaluation *e, size_t count, size_t size)
{
    memory *block = NULL;
    if (count == 0) count = 1;
    if (count < (SIZE_MAX - sizeof *block) / size) block = calloc(1, sizeof *block + count * size);
    if (!block) {
        (void)expression_fail(e->error, 0, "out of memory");
        return NULL;
    }
    block->next = e->blocks;
    e->blocks = block;
    return block->start;
}

bool evaluation_fail(evaluation *e, const tree *at, const char *format, ...)
{
    va_list arguments;
    e->error->at = at->at - (at->kind == TREE_TEXT); /* its quote */
    va_start(arguments, format);
    (void)vsnprintf(e->error->text, sizeof e->error->text, format, arguments);
    va_end(arguments);
    return false;
}

bool evaluation_healthy(evaluation *e, const tree *at)
{
    return wg_tape_status(e->tape) == WG_OK || evaluation_fail(e, at, "%s", wg_tape_message(e->tape));
}

/* ---- names --------------------------------------------------------------------------------------------------------------- */

static source *evaluation_source(const evaluation *e, const char *name, size_t length)
{
    for (size_t i = 0; i < e->in->count; i++)
        if (strlen(e->sources[i].name) == length && !memcmp(e->sources[i].name, name, length)) return &e->sources[i];
    return NULL;
}

static const step *evaluation_step(const evaluation *e, const char *name, size_t length)
{
    for (size_t i = 0; i < e->count; i++)
        if (strlen(e->steps[i].name) == length && !memcmp(e->steps[i].name, name, length)) return &e->steps[i];
    return NULL;
}

bool evaluation_make_variable(evaluation *e, const char *name)
{
    source *s = evaluation_source(e, name, strlen(name));
    if (s) s->variable = true;
    return s != NULL;
}

void evaluation_names(const evaluation *e, char *text, size_t size)
{
    size_t arrays = e->in->count, used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < arrays + e->count; i++) {
        const char *next = i < arrays ? e->sources[i].name : e->steps[i - arrays].name;
        if (used + strlen(next) + 8 > size) {
            (void)snprintf(text + used, size - used, ", ...");
            return;
        }
        used += (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "", next);
    }
    if (!used) (void)snprintf(text, size, "none");
}

/* A name that means nothing. */
static bool evaluation_no_name(evaluation *e, const tree *t, const char *name)
{
    char all[360];
    const char *why = array_set_why_not(e->in, name);
    if (why) return evaluation_fail(e, t, "%s", why);
    if (operation_find(name, strlen(name)))
        return evaluation_fail(e, t, "%s is an op, and needs its arguments: %s(...)", name, name);
    evaluation_names(e, all, sizeof all);
    return evaluation_fail(e, t, "there is no array %.100s; there are: %s", name, all);
}

bool evaluation_name(evaluation *e, const tree *t, value *v)
{
    const char *name = e->expression->text + t->at;
    *v = (value){.kind = VALUE_NOTHING};
    if (value_is_word(e, t, "none", "None")) return true;
    if (value_is_word(e, t, "true", "True") || value_is_word(e, t, "false", "False"))
        return evaluation_fail(e, t, "an array or a number is needed here");
    const step *s = evaluation_step(e, name, t->length);
    source *a = evaluation_source(e, name, t->length);
    if (s) {
        *v = s->value;
    } else if (a) {
        bool plain = a->shape.rank == 0 && !a->variable;
        *v = (value){.kind = plain ? VALUE_NUMBER : VALUE_SOURCE, .source = a};
        if (plain) v->number = a->numbers[0];
        if (plain && a->integers) {
            v->integer = true;
            v->whole = a->integers[0];
        }
    } else if (value_is_word(e, t, "inf", "inf")) {
        *v = value_of_number((double)INFINITY);
    } else if (value_is_word(e, t, "nan", "nan")) {
        *v = value_of_number((double)NAN);
    } else if (value_is_word(e, t, "pi", "pi")) {
        *v = value_of_number(3.14159265358979323846);
    } else {
        char *copy = evaluation_memory(e, t->length + 1, 1);
        if (!copy) return false;
        memcpy(copy, name, t->length);
        return evaluation_no_name(e, t, copy);
    }
    return true;
}

/* ---- trees --------------------------------------------------------------------------------------------------------------- */

bool evaluation_value(evaluation *e, const tree *t, value *v)
{
    switch (t->kind) {
    case TREE_NUMBER:
        *v = t->integer ? value_of_integer(t->whole) : value_of_number(t->number);
        return true;
    case TREE_NAME:
        return evaluation_name(e, t, v);
    case TREE_TEXT:
        return evaluation_fail(e, t, "a text is no value");
    case TREE_LIST:
        return evaluation_list(e, t, v);
    case TREE_CALL:
        return evaluation_call(e, t, v);
    case TREE_NEGATIVE:
    case TREE_POSITIVE:
    case TREE_BINARY:
    case TREE_TRANSPOSE:
        return evaluation_operator(e, t, v);
    case TREE_SUBSCRIPT:
        return evaluation_subscript(e, t, v);
    default:
        return evaluation_fail(e, t, "a value is needed here");
    }
}

/* ---- steps --------------------------------------------------------------------------------------------------------------- */

/* Gives a value its name on the tape, unless it has one: a step can be another name of an array. */
static bool evaluation_give_name(evaluation *e, const tree *t, wg_var var, const char *name)
{
    wg_node_info info;
    if (wg_node_read(var, &info) == WG_OK && !info.name) (void)wg_name(var, name);
    return evaluation_healthy(e, t);
}

/* A number with a name is an array without axes, should it become one. */
static bool evaluation_name_number(evaluation *e, value *v, const char *name)
{
    source *s = evaluation_memory(e, 1, sizeof *s);
    double *number = evaluation_memory(e, 1, sizeof *number);
    int64_t *whole = evaluation_memory(e, 1, sizeof *whole);
    if (!s || !number || !whole) return false;
    *number = v->number;
    *whole = v->whole;
    *s =
        (source){.name = name, .shape = WG_SCALAR, .size = 1, .numbers = number, .integers = v->integer ? whole : NULL};
    v->source = s;
    return true;
}

/* Remembers a value under the name of a step. */
static bool evaluation_define(evaluation *e, const tree *t, const token *name, value v)
{
    tree place = {.at = name->at};
    const char *text = e->expression->text + name->at;
    char *copy = evaluation_memory(e, name->length + 1, 1);
    if (!copy) return false;
    memcpy(copy, text, name->length);
    static const char *const reserved[] = {"none", "None", "true", "True", "false", "False"};
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (!strcmp(copy, reserved[i])) return evaluation_fail(e, &place, "%s cannot be a step's name", copy);
    if (evaluation_step(e, text, name->length)) return evaluation_fail(e, &place, "there is a step %s already", copy);
    if (evaluation_source(e, text, name->length))
        return evaluation_fail(e, &place, "%s is an array; a step needs another name", copy);

    if (v.kind == VALUE_NOTHING) return evaluation_fail(e, t, "none is no value");
    if (v.kind == VALUE_NUMBER && !v.source && !evaluation_name_number(e, &v, copy)) return false;
    if (v.kind == VALUE_SOURCE && !v.source->name) v.source->name = copy;
    if (v.kind == VALUE_VAR && !evaluation_give_name(e, t, v.var, copy)) return false;
    for (size_t i = 0; v.kind == VALUE_SEVERAL && i < v.count; i++) {
        char numbered[200];
        (void)snprintf(numbered, sizeof numbered, "%.150s[%zu]", copy, i);
        if (!evaluation_give_name(e, t, v.several[i], numbered)) return false;
    }
    e->steps[e->count++] = (step){copy, v};
    return true;
}

static bool evaluation_define_several(evaluation *e, const expression_step *s, const value *v)
{
    if (v->kind != VALUE_SEVERAL || v->count != s->names_count)
        return evaluation_fail(e, s->value, "%zu names for %zu result%s", s->names_count,
            v->kind == VALUE_SEVERAL ? v->count : 1, v->kind == VALUE_SEVERAL ? "s" : "");
    for (size_t i = 0; i < v->count; i++)
        if (!evaluation_define(e, s->value, &s->names[i], value_of_var(v->several[i]))) return false;
    return true;
}

/* The value of the last step, of size 1. */
static bool evaluation_make_loss(evaluation *e, const expression_step *s, value *v)
{
    const tree *t = s->value;
    if (s->names_count > 1) return evaluation_fail(e, t, "the last step is the loss, one value");
    if (v->kind == VALUE_NUMBER && !(v->source && v->source->variable))
        return evaluation_fail(e, t, "the last step is the loss, and this one is a plain number");
    if (!value_numbers(e, t, v, &e->loss)) return false;
    if (wg_size(e->loss) != 1) {
        char text[160] = "";
        wg_shape shape = wg_shape_of(e->loss);
        for (uint32_t k = 0; k < shape.rank; k++) {
            size_t used = strlen(text);
            (void)snprintf(text + used, sizeof text - used, "%s%zu", k ? ", " : "", shape.dim[k]);
        }
        return evaluation_fail(
            e, t, "the last step is the loss, one number; this has shape (%s%s)", text, shape.rank == 1 ? "," : "");
    }
    e->unnamed = !s->names_count;
    return evaluation_give_name(e, t, e->loss, "loss");
}

bool evaluation_run(evaluation *e, const expression *steps, expression_error *error)
{
    size_t names = 1;
    e->expression = steps;
    e->error = error;
    for (size_t i = 0; i < steps->count; i++) names += steps->steps[i].names_count;
    e->steps = evaluation_memory(e, names, sizeof *e->steps);
    if (!e->steps) return false;
    for (size_t i = 0; i < steps->count; i++) {
        const expression_step *s = &steps->steps[i];
        value v;
        if (!evaluation_value(e, s->value, &v)) return false;
        if (s->names_count == 1 && !evaluation_define(e, s->value, &s->names[0], v)) return false;
        if (s->names_count > 1 && !evaluation_define_several(e, s, &v)) return false;
        if (i + 1 < steps->count) {
            if (!s->names_count)
                return evaluation_fail(e, s->value, "a step without a name, which only the last one, the loss, may be");
        } else if (!evaluation_make_loss(e, s, &v)) {
            return false;
        }
    }
    return true;
}

/* ---- afterwards ----------------------------------------------------------------------------------------------------------- */

evaluation_found evaluation_find(evaluation *e, const char *name, wg_var *var)
{
    static const tree nowhere = {.kind = TREE_NOTHING};
    source *a = evaluation_source(e, name, strlen(name));
    const step *s = evaluation_step(e, name, strlen(name));
    if (!a && !s) { /* a last step without a name */
        *var = e->loss;
        return e->unnamed && !strcmp(name, "loss") ? EVALUATION_FOUND : EVALUATION_NO_SUCH;
    }
    value v = a ? (value){.kind = VALUE_SOURCE, .source = a} : s->value;
    if (v.kind == VALUE_SEVERAL) return EVALUATION_SEVERAL;
    if (v.source && v.source->as_indices.tape && !v.source->as_numbers.tape) return EVALUATION_INDICES;
    if (v.kind == VALUE_VAR && value_is_integer(&v)) return EVALUATION_INDICES;
    return value_numbers(e, &nowhere, &v, var) ? EVALUATION_FOUND : EVALUATION_FAILED;
}

bool evaluation_uses(const evaluation *e, const char *name)
{
    const source *s = evaluation_source(e, name, strlen(name));
    return s && s->as_numbers.tape;
}
