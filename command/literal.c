/* Lists of numbers as arrays: [1, 2, 3] is a vector, [[1, 0], [0, 1]] a matrix. */
#include "evaluation.h"

/* A list being read. */
typedef struct literal {
    wg_shape shape;
    double *numbers;
    int64_t *integers;
    size_t count;     /* elements so far */
    bool all_integer; /* so far */
} literal;

/* The shape of a list: its length, and those of its first elements. */
static bool literal_shape(evaluation *e, const tree *t, wg_shape *shape)
{
    *shape = (wg_shape){.rank = 0};
    for (const tree *list = t; list && list->kind == TREE_LIST; list = list->first) {
        if (shape->rank == WG_MAX_RANK)
            return evaluation_fail(e, list, "an array has no more than %d axes", WG_MAX_RANK);
        size_t *extent = &shape->dim[shape->rank++];
        for (const tree *item = list->first; item; item = item->next) ++*extent;
    }
    return true;
}

/* Whether all lists at an axis have the same length, and numbers stand at the last axis alone; counts the numbers. */
static bool literal_regular(evaluation *e, const tree *t, literal *l, uint32_t axis)
{
    size_t length = 0;
    bool last = axis + 1 == l->shape.rank;
    for (const tree *item = t->first; item; item = item->next, length++) {
        if (last == (item->kind == TREE_LIST)) return evaluation_fail(e, item, "the lists in this list are not alike");
        if (!last && !literal_regular(e, item, l, axis + 1)) return false;
    }
    if (length != l->shape.dim[axis]) return evaluation_fail(e, t, "the lists in this list differ in length");
    if (last) l->count += length;
    return true;
}

static bool literal_fill(evaluation *e, const tree *t, literal *l)
{
    for (const tree *item = t->first; item; item = item->next) {
        value v;
        if (item->kind == TREE_LIST) {
            if (!literal_fill(e, item, l)) return false;
            continue;
        }
        if (!evaluation_value(e, item, &v)) return false;
        if (v.kind != VALUE_NUMBER)
            return evaluation_fail(e, item, "a list of numbers is an array; one of arrays needs stack([a, b], 0)");
        l->numbers[l->count] = v.number;
        l->integers[l->count++] = v.whole;
        l->all_integer &= v.integer;
    }
    return true;
}

bool evaluation_list(evaluation *e, const tree *t, value *v)
{
    literal l = {.all_integer = true};
    if (!literal_shape(e, t, &l.shape) || !literal_regular(e, t, &l, 0)) return false;
    source *s = evaluation_memory(e, 1, sizeof *s);
    l.numbers = evaluation_memory(e, l.count, sizeof *l.numbers);
    l.integers = evaluation_memory(e, l.count, sizeof *l.integers);
    if (!s || !l.numbers || !l.integers) return false;
    l.count = 0;
    if (!literal_fill(e, t, &l)) return false;
    *s = (source){
        .shape = l.shape, .size = l.count, .numbers = l.numbers, .integers = l.all_integer ? l.integers : NULL};
    *v = (value){.kind = VALUE_SOURCE, .source = s};
    return true;
}
