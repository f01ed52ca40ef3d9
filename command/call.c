/* Calls of ops. The arguments are first given to the parameters, by place and by name, then made into what each of them
 * takes, and then the op is applied. sum(x, [0]) is sum_axes(x, [0], false) and cross_entropy(..., label_smoothing=0.1)
 * is cross_entropy_with: where the arguments do not fit an op, they may fit one of those names. */
#include "evaluation.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { CALL_MOST_FIELDS = 12, CALL_MOST_RESULTS = 1 << 20 };

typedef struct call {
    const operation *op;
    const tree *slots[OPERATION_MOST_PARAMETERS]; /* the argument of each parameter; NULL: left out */
    const tree *fields[CALL_MOST_FIELDS];         /* of each member of the options */
    operation_argument arguments[OPERATION_MOST_PARAMETERS];
    char why[160]; /* the arguments do not fit */
    const tree *where;
} call;

/* ---- which argument is which parameter's --------------------------------------------------------------------------------- */

static bool call_misfit(call *c, const tree *where, const char *why, const char *name, size_t length)
{
    c->where = where;
    (void)snprintf(c->why, sizeof c->why, why, (int)(length > 60 ? 60 : length), name);
    return false;
}

static bool call_same(const char *name, const char *text, size_t length)
{
    return strlen(name) == length && !memcmp(name, text, length);
}

/* The place for a named argument, among the parameters or in the options. NULL: there is none. */
static const tree **call_place(call *c, const char *name, size_t length)
{
    for (size_t k = 0; k < c->op->count; k++) {
        const operation_parameter *p = &c->op->parameters[k];
        if (call_same(p->name, name, length)) return &c->slots[k];
        if (call_same("axis", name, length) && !strcmp(p->name, "axes") && p->kind == OPERATION_INTS)
            return &c->slots[k];
        if (p->kind != OPERATION_OPTIONS) continue;
        for (size_t i = 0; i < p->options->count && i < CALL_MOST_FIELDS; i++)
            if (call_same(p->options->fields[i].name, name, length)) return &c->fields[i];
    }
    return NULL;
}

/* Gives the arguments to the parameters of c->op. False: c->why. */
static bool call_assign(call *c, const char *text, const tree *t)
{
    size_t count = 0;
    bool named = false;
    memset(c->slots, 0, sizeof c->slots);
    memset(c->fields, 0, sizeof c->fields);
    for (const tree *a = t->first; a; a = a->next) {
        if (a->kind != TREE_ARGUMENT) {
            if (named) return call_misfit(c, a, "an argument without a name after one with a name%.*s", "", 0);
            if (count == c->op->count) return call_misfit(c, a, "an argument too many%.*s", "", 0);
            c->slots[count++] = a;
            continue;
        }
        named = true;
        const tree **place = call_place(c, text + a->at, a->length);
        if (!place) return call_misfit(c, a, "there is no parameter %.*s", text + a->at, a->length);
        if (*place) return call_misfit(c, a, "%.*s is given twice", text + a->at, a->length);
        *place = a->first;
    }
    for (size_t k = 0; k < c->op->count; k++) {
        const operation_parameter *p = &c->op->parameters[k];
        if (c->slots[k] || p->kind == OPERATION_TRUTH || p->kind == OPERATION_OPTIONS) continue;
        return call_misfit(c, t, "%.*s is missing", p->name, strlen(p->name));
    }
    return true;
}

/* There is no op of that name. What comes before a dot may be NumPy's or PyTorch's, or a value whose method is meant. */
static bool call_unknown(evaluation *e, const tree *t)
{
    static const char *const modules[] = {"np.", "numpy.", "torch.", "F.", "jnp.", "wg_"};
    const char *name = evaluation_text(e) + t->at;
    int shown = t->length > 60 ? 60 : (int)t->length;
    size_t length = t->length, module = 0;
    for (size_t i = 0; i < sizeof modules / sizeof *modules; i++) {
        size_t prefix = strlen(modules[i]);
        if (length > prefix && !memcmp(name, modules[i], prefix)) module = prefix;
    }
    if (!module && memchr(name, '.', length))
        return evaluation_fail(
            e, t, "there is no op %.*s; ops are calls, sum(x), and .T alone stands behind a value", shown, name);
    const operation *op = operation_like(name + module, length - module);
    if (!op) return evaluation_fail(e, t, "there is no op %.*s; wengert ops lists them", shown, name);
    return evaluation_fail(e, t, "there is no op %.*s; did you mean %s?", shown, name, op->name);
}

/* Finds the op that takes these arguments, and gives them to it. */
static bool call_match(evaluation *e, const tree *t, call *c)
{
    static const char *const more[] = {"_axes", "_with"};
    const char *text = evaluation_text(e), *name = text + t->at;
    const operation *op = c->op = operation_find(name, t->length);
    if (!op) return call_unknown(e, t);
    if (call_assign(c, text, t)) return true;
    const tree *where = c->where;
    char why[sizeof c->why], other[64], signature[200];
    (void)snprintf(why, sizeof why, "%s", c->why);
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
        int length = snprintf(other, sizeof other, "%s%s", op->name, more[i]);
        c->op = operation_find(other, (size_t)length);
        if (c->op && call_assign(c, text, t)) return true;
    }
    operation_signature(op, signature, sizeof signature);
    return evaluation_fail(e, where, "%s: %s", why, signature);
}

/* ---- lists -------------------------------------------------------------------------------------------------------------- */

/* What a list of integers is stored as. */
static size_t call_element(operation_kind kind)
{
    return kind == OPERATION_INTS ? sizeof(int) : kind == OPERATION_OFFSETS ? sizeof(ptrdiff_t) : sizeof(size_t);
}

static bool call_whole(evaluation *e, const tree *t, operation_kind kind, int64_t whole, void *to)
{
    switch (kind) {
    case OPERATION_INT:
    case OPERATION_INTS:
        if (whole < INT_MIN || whole > INT_MAX) return evaluation_fail(e, t, "%lld is too large", (long long)whole);
        *(int *)to = (int)whole;
        return true;
    case OPERATION_OFFSET:
    case OPERATION_OFFSETS:
        if (whole <= PTRDIFF_MIN || whole > PTRDIFF_MAX)
            return evaluation_fail(e, t, "%lld is too large", (long long)whole);
        *(ptrdiff_t *)to = (ptrdiff_t)whole;
        return true;
    default:
        if (whole < 0) return evaluation_fail(e, t, "%lld is negative", (long long)whole);
        if ((uint64_t)whole > SIZE_MAX) return evaluation_fail(e, t, "%lld is too large", (long long)whole);
        *(size_t *)to = (size_t)whole;
        return true;
    }
}

/* A list of integers: [0, -1], an array of integers, or one integer for a list of one. */
static bool call_integers(evaluation *e, const tree *t, operation_kind kind, operation_argument *a)
{
    size_t element = call_element(kind), count = 1;
    value v = {.kind = VALUE_NOTHING};
    if (t->kind != TREE_LIST) {
        if (!evaluation_value(e, t, &v)) return false;
        if (v.kind == VALUE_SOURCE && v.source->integers && v.source->shape.rank <= 1) count = v.source->size;
    } else {
        count = 0;
        for (const tree *item = t->first; item; item = item->next) count++;
    }
    char *list = evaluation_memory(e, count, element);
    if (!list) return false;
    a->list = list;
    a->count = count;
    if (t->kind != TREE_LIST && count == 1) {
        int64_t whole;
        if (v.kind != VALUE_NUMBER && v.kind != VALUE_SOURCE)
            return evaluation_fail(e, t, "a list of integers is needed");
        return value_integer(e, t, &v, &whole) && call_whole(e, t, kind, whole, list);
    }
    const tree *item = t->first;
    for (size_t i = 0; i < count; i++) {
        int64_t whole;
        if (t->kind != TREE_LIST) {
            whole = v.source->integers[i];
        } else if (!evaluation_value(e, item, &v) || !value_integer(e, item, &v, &whole)) {
            return false;
        }
        if (!call_whole(e, t->kind == TREE_LIST ? item : t, kind, whole, list + i * element)) return false;
        if (t->kind == TREE_LIST) item = item->next;
    }
    return true;
}

/* A shape. In reshape one extent may be -1: what is left. */
static bool call_shape(evaluation *e, const tree *t, const operation *op, operation_argument *a, const value *x)
{
    bool free = x && !strcmp(op->name, "reshape");
    if (!call_integers(e, t, free ? OPERATION_OFFSETS : OPERATION_SIZES, a)) return false;
    if (a->count > WG_MAX_RANK)
        return evaluation_fail(e, t, "%zu axes; at most %d are possible", a->count, WG_MAX_RANK);
    a->shape = (wg_shape){.rank = (uint32_t)a->count};
    if (!free) {
        for (size_t i = 0; i < a->count; i++) a->shape.dim[i] = ((const size_t *)a->list)[i];
        return true;
    }
    size_t known = 1, left = SIZE_MAX, size = wg_size(x->var);
    for (size_t i = 0; i < a->count; i++) {
        ptrdiff_t extent = ((const ptrdiff_t *)a->list)[i];
        if (extent < -1 || (extent == -1 && left != SIZE_MAX))
            return evaluation_fail(e, t, extent == -1 ? "a second -1" : "a negative extent");
        if (extent == -1)
            left = i;
        else
            a->shape.dim[i] = (size_t)extent;
        if (extent > 0 && known <= SIZE_MAX / (size_t)extent) known *= (size_t)extent;
        if (extent == 0) known = 0;
    }
    if (left == SIZE_MAX) return true;
    if (!known || size % known) return evaluation_fail(e, t, "no extent in the place of -1 gives %zu elements", size);
    a->shape.dim[left] = size / known;
    return true;
}

/* A list of arrays: [a, b], the results of an op that has several, or one array for a list of one. */
static bool call_arrays(evaluation *e, const tree *t, bool either, operation_argument *a)
{
    value one;
    size_t count = 0;
    if (t->kind != TREE_LIST) {
        if (!evaluation_value(e, t, &one)) return false;
        if (one.kind == VALUE_SEVERAL) {
            a->list = one.several;
            a->count = one.count;
            return true;
        }
    }
    const tree *first = t->kind == TREE_LIST ? t->first : t;
    for (const tree *item = first; item; item = t->kind == TREE_LIST ? item->next : NULL) count++;
    value *values = evaluation_memory(e, count, sizeof *values);
    wg_var *list = evaluation_memory(e, count, sizeof *list);
    if (!values || !list) return false;
    const tree *item = first;
    for (size_t i = 0; i < count; i++, item = item->next) {
        if (!evaluation_value(e, item, &values[i])) return false;
        if (!value_is_integer(&values[i])) either = false;
    }
    item = first;
    for (size_t i = 0; i < count; i++, item = item->next) {
        if (!(either ? value_indices : value_numbers)(e, item, &values[i], &list[i])) return false;
    }
    a->list = list;
    a->count = count;
    return true;
}

/* ---- words and options ---------------------------------------------------------------------------------------------------- */

static bool call_truth(evaluation *e, const tree *t, bool *truth)
{
    *truth = value_is_word(e, t, "true", "True");
    return *truth || value_is_word(e, t, "false", "False") || evaluation_fail(e, t, "true or false is needed here");
}

static bool call_word(evaluation *e, const tree *t, const operation_word *words, int *word)
{
    char all[200] = "";
    for (const operation_word *w = words; w->name; w++) {
        if ((t->kind == TREE_NAME || t->kind == TREE_TEXT) &&
            call_same(w->name, evaluation_text(e) + t->at, t->length)) {
            *word = w->value;
            return true;
        }
        size_t used = strlen(all);
        (void)snprintf(all + used, sizeof all - used, "%s%s", used ? ", " : "", w->name);
    }
    return evaluation_fail(e, t, "one of these words is needed here: %s", all);
}

static bool call_text(evaluation *e, const tree *t, const char **text)
{
    if (t->kind != TREE_TEXT)
        return evaluation_fail(e, t, "a text in quotes is needed here, as in einsum(\"ij->ji\", [a])");
    char *copy = evaluation_memory(e, t->length + 1, 1);
    if (!copy) return false;
    memcpy(copy, evaluation_text(e) + t->at, t->length);
    copy[t->length] = '\0';
    *text = copy;
    return true;
}

/* The axes that a setting with an entry for each has in this op, as conv2d says. */
static size_t call_axes(const operation *op, size_t most)
{
    size_t length = strlen(op->name);
    char digit = length > 2 && op->name[length - 1] == 'd' ? op->name[length - 2] : 0;
    return digit >= '1' && digit <= '3' && (size_t)(digit - '0') < most ? (size_t)(digit - '0') : most;
}

static bool call_sizes_field(evaluation *e, const tree *t, const operation *op, size_t *field, size_t most)
{
    operation_argument list = {.count = 0};
    size_t axes = call_axes(op, most);
    if (!call_integers(e, t, OPERATION_SIZES, &list)) return false;
    const size_t *from = list.list;
    if (t->kind != TREE_LIST && list.count == 1) { /* the same for each axis */
        for (size_t i = 0; i < axes; i++) field[i] = from[0];
        return true;
    }
    if (list.count > axes) return evaluation_fail(e, t, "%zu entries, and %zu axes", list.count, axes);
    for (size_t i = 0; i < list.count; i++) field[i] = from[i];
    return true;
}

static bool call_field(evaluation *e, const tree *t, const operation *op, const operation_field *f, char *options)
{
    value v;
    int64_t whole;
    void *to = options + f->offset;
    if (f->kind == OPERATION_TRUTH) return call_truth(e, t, to);
    if (f->count > 1) return call_sizes_field(e, t, op, to, f->count);
    if (!evaluation_value(e, t, &v)) return false;
    switch (f->kind) {
    case OPERATION_NUMBERS:
        return value_numbers(e, t, &v, to);
    case OPERATION_NUMBER:
        return value_number(e, t, &v, to);
    case OPERATION_INT64:
        return value_integer(e, t, &v, to);
    default:
        return value_integer(e, t, &v, &whole) && call_whole(e, t, f->kind, whole, to);
    }
}

static bool call_options(evaluation *e, call *c, size_t k)
{
    const operation_options *o = c->op->parameters[k].options;
    const tree *t = c->slots[k];
    bool given = false;
    if (t && !value_is_word(e, t, "none", "None"))
        return evaluation_fail(e, t, "settings are given by their names, such as %s=...", o->fields[0].name);
    for (size_t i = 0; i < o->count && i < CALL_MOST_FIELDS; i++) given |= c->fields[i] != NULL;
    if (!given) return true;
    char *options = evaluation_memory(e, 1, o->size);
    if (!options) return false;
    for (size_t i = 0; i < o->count && i < CALL_MOST_FIELDS; i++)
        if (c->fields[i] && !call_field(e, c->fields[i], c->op, &o->fields[i], options)) return false;
    c->arguments[k].options = options;
    return true;
}

/* ---- arguments ------------------------------------------------------------------------------------------------------------ */

static bool call_array(evaluation *e, const tree *t, operation_kind kind, uint32_t rank, wg_var *var)
{
    value v;
    if (!evaluation_value(e, t, &v)) return false;
    if (v.kind == VALUE_NOTHING) return true; /* none: the {0} var of an operand that is left out */
    switch (kind) {
    case OPERATION_INDICES:
        return value_indices(e, t, &v, var);
    case OPERATION_EITHER:
        return value_either(e, t, &v, var);
    case OPERATION_CLASSES:
        if (value_rank(&v) == rank) return value_numbers(e, t, &v, var);
        if (v.source && v.source->integers) return value_indices(e, t, &v, var);
        return value_either(e, t, &v, var);
    default:
        return value_numbers(e, t, &v, var);
    }
}

/* Settings that are one number, or one word. */
static bool call_setting(evaluation *e, const tree *t, const operation_parameter *p, operation_argument *a)
{
    value v;
    int64_t whole;
    int number;
    ptrdiff_t offset;
    if (p->kind == OPERATION_TRUTH) return call_truth(e, t, &a->truth);
    if (p->kind == OPERATION_WORD) return call_word(e, t, p->words, &a->word);
    if (p->kind == OPERATION_TEXT) return call_text(e, t, &a->text);
    if (!evaluation_value(e, t, &v)) return false;
    if (p->kind == OPERATION_NUMBER) return value_number(e, t, &v, &a->number);
    if (p->kind == OPERATION_OFFSET && v.kind == VALUE_NOTHING) {
        a->integer = WG_END;
        return true;
    }
    if (!value_integer(e, t, &v, &whole)) return false;
    a->integer = whole;
    if (p->kind == OPERATION_SIZE) return call_whole(e, t, p->kind, whole, &a->extent);
    if (p->kind == OPERATION_INT) return call_whole(e, t, p->kind, whole, &number);
    return p->kind == OPERATION_INT64 || call_whole(e, t, p->kind, whole, &offset);
}

static bool call_argument(evaluation *e, call *c, size_t k)
{
    const operation_parameter *p = &c->op->parameters[k];
    operation_argument *a = &c->arguments[k];
    const tree *t = c->slots[k];
    if (p->kind == OPERATION_OPTIONS) return call_options(e, c, k);
    if (!t) return true; /* false */
    value first = value_of_var(c->arguments[0].var);
    switch (p->kind) {
    case OPERATION_NUMBERS:
    case OPERATION_INDICES:
    case OPERATION_EITHER:
    case OPERATION_CLASSES:
        return call_array(e, t, p->kind, wg_shape_of(first.var).rank, &a->var);
    case OPERATION_LIST_OF_NUMBERS:
    case OPERATION_LIST_OF_EITHER:
        return call_arrays(e, t, p->kind == OPERATION_LIST_OF_EITHER, a);
    case OPERATION_INTS:
    case OPERATION_SIZES:
    case OPERATION_OFFSETS:
        return call_integers(e, t, p->kind, a);
    case OPERATION_SHAPE:
        return call_shape(e, t, c->op, a, k ? &first : NULL);
    default:
        return call_setting(e, t, p, a);
    }
}

/* ---- the call ------------------------------------------------------------------------------------------------------------- */

/* How many results an op gives that cuts an array into a list: as many as extents are given, or as it is told, or as
 * there are elements along the axis. */
static size_t call_results(const call *c)
{
    const operation *op = c->op;
    if (op->outputs != OPERATION_MANY) return op->outputs;
    for (size_t k = 0; k < op->count; k++)
        if (op->parameters[k].kind == OPERATION_SIZES) return c->arguments[k].count;
    for (size_t k = 0; k < op->count; k++)
        if (op->parameters[k].kind == OPERATION_SIZE) return c->arguments[k].extent;
    wg_shape shape = wg_shape_of(c->arguments[0].var);
    for (size_t k = 0; k < op->count; k++) {
        int64_t axis = c->arguments[k].integer;
        if (op->parameters[k].kind != OPERATION_INT || shape.rank > WG_MAX_RANK) continue;
        if (axis < 0) axis += shape.rank;
        if (axis >= 0 && axis < shape.rank) return shape.dim[axis];
    }
    return 1; /* the op says what is wrong */
}

bool evaluation_call(evaluation *e, const tree *t, value *v)
{
    call *c = evaluation_memory(e, 1, sizeof *c);
    if (!c || !call_match(e, t, c)) return false;
    for (size_t k = 0; k < c->op->count; k++)
        if (!call_argument(e, c, k)) return false;
    size_t count = call_results(c);
    if (count > CALL_MOST_RESULTS) return evaluation_fail(e, t, "%zu results are too many", count);
    wg_var *out = evaluation_memory(e, count, sizeof *out);
    if (!out) return false;
    c->op->call(evaluation_tape(e), c->arguments, out);
    if (!evaluation_healthy(e, t)) return false;
    for (size_t i = 0; i < count; i++) /* without any operand there is no tape to say so */
        if (!wg_ok(out[i])) return evaluation_fail(e, t, "%s needs an array in the place of none", c->op->name);
    if (c->op->outputs == 1)
        *v = value_of_var(out[0]);
    else
        *v = (value){.kind = VALUE_SEVERAL, .several = out, .count = count};
    return true;
}
