/* Naive reductions over axes and along one, and what such ops refuse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "support/over.h"
#include "support/point.h"

static bool over_has(const over *o, uint32_t rank, uint32_t axis)
{
    bool has = !o || o->all;
    for (size_t k = 0; o && k < o->n; k++)
        has = has || (uint32_t)(o->axes[k] < 0 ? o->axes[k] + (int)rank : o->axes[k]) == axis;
    return has;
}

/* The index tuple of the result that an element goes to. */
static uint32_t over_place(const over *o, const wg_shape *in, const size_t *from, size_t *to)
{
    uint32_t rank = 0;
    for (uint32_t d = 0; d < in->rank; d++) {
        bool reduced = over_has(o, in->rank, d);
        if (!reduced || (o && o->keepdims)) to[rank++] = reduced ? 0 : from[d];
    }
    return rank;
}

void over_reduce(array *out, const array *in, const over *o, over_function *f)
{
    wg_shape shape = {0};
    size_t one[WG_MAX_RANK], from[WG_MAX_RANK], to[WG_MAX_RANK];
    for (uint32_t d = 0; d < in->shape.rank; d++) one[d] = over_has(o, in->shape.rank, d) ? 1 : in->shape.dim[d];
    shape.rank = over_place(o, &in->shape, one, shape.dim);
    if (o && o->keepdims)
        for (uint32_t d = 0; d < shape.rank; d++) shape.dim[d] = one[d];
    *out = array_new(shape);
    long double *group = malloc((in->size + 1) * sizeof *group);
    assert_non_null(group);
    for (size_t place = 0; place < out->size; place++) {
        size_t n = 0;
        for (size_t i = 0; i < in->size; i++) {
            shape_tuple(&in->shape, i, from);
            over_place(o, &in->shape, from, to);
            if (shape_flat(&shape, to) == place) group[n++] = in->at[i];
        }
        out->at[place] = f(group, n, o);
    }
    free(group);
}

void over_along(array *out, const array *in, int axis, over_map *f)
{
    size_t tuple[WG_MAX_RANK];
    uint32_t d = (uint32_t)(axis < 0 ? axis + (int)in->shape.rank : axis);
    size_t n = in->shape.dim[d];
    long double *x = malloc((n + 1) * sizeof *x), *y = malloc((n + 1) * sizeof *y);
    assert_true(x && y);
    *out = array_new(in->shape);
    for (size_t i = 0; i < in->size; i++) {
        shape_tuple(&in->shape, i, tuple);
        if (tuple[d] != 0) continue;
        for (tuple[d] = 0; tuple[d] < n; tuple[d]++) x[tuple[d]] = in->at[shape_flat(&in->shape, tuple)];
        f(x, n, y);
        for (tuple[d] = 0; tuple[d] < n; tuple[d]++) out->at[shape_flat(&in->shape, tuple)] = y[tuple[d]];
    }
    free(x);
    free(y);
}

void over_check_errors(const char *name, wg_var (*all)(wg_var), wg_var (*axes)(wg_var, const int *, size_t, bool))
{
    wg_tape *tape = wg_tape_new(WG_F32);
    wg_var w = wg_name(wg_variable(tape, WG_DIMS(2, 3), (float *)NULL), "W"), one = wg_scalar_variable(tape, 1);
    wg_var indices = wg_indices(tape, WG_DIMS(2), NULL);
    wg_stats before, after;
    wg_tape_stats(tape, &before);
    axes(w, WG_AXES(2), false);
    point_expect_error(tape, WG_ERROR_SHAPE, name, "axis 2", "out of range", "W (2,3)", NULL);
    axes(w, WG_AXES(0, -3), false);
    point_expect_error(tape, WG_ERROR_SHAPE, name, "axis -3", "out of range", "W (2,3)", NULL);
    axes(w, WG_AXES(0, -2), true);
    point_expect_error(tape, WG_ERROR_SHAPE, name, "axis -2", "twice", "W (2,3)", NULL);
    axes(w, WG_AXES(INT32_MIN), true);
    point_expect_error(tape, WG_ERROR_SHAPE, name, "out of range", NULL);
    axes(one, WG_AXES(0), false);
    point_expect_error(tape, WG_ERROR_SHAPE, name, "axis 0", NULL);
    axes(w, NULL, 1, false);
    point_expect_error(tape, WG_ERROR_ARGUMENT, name, "NULL", NULL);
    all(indices);
    point_expect_error(tape, WG_ERROR_ARGUMENT, name, "indices", NULL);
    axes(indices, WG_AXES(0), false);
    point_expect_error(tape, WG_ERROR_ARGUMENT, name, "indices", NULL);
    axes((wg_var){tape, UINT32_MAX, 0}, WG_AXES(7), false);
    point_expect_error(tape, WG_ERROR_ARGUMENT, name, "invalid", NULL);
    all((wg_var){tape, UINT32_MAX, 0});
    point_expect_error(tape, WG_ERROR_ARGUMENT, name, "invalid", NULL);
    assert_null(all((wg_var){0}).tape);
    assert_null(axes((wg_var){0}, WG_AXES(0), false).tape);
    wg_tape_stats(tape, &after);
    assert_int_equal(before.nodes, after.nodes);
    wg_tape_free(tape);
}

void over_check_axis_errors(const char *name, wg_var (*f)(wg_var, int))
{
    wg_tape *tape = wg_tape_new(WG_F32);
    wg_var w = wg_name(wg_variable(tape, WG_DIMS(2, 3), (float *)NULL), "W"), one = wg_scalar_variable(tape, 1);
    wg_var indices = wg_indices(tape, WG_DIMS(2), NULL);
    wg_stats before, after;
    wg_tape_stats(tape, &before);
    f(w, 2);
    point_expect_error(tape, WG_ERROR_SHAPE, name, "axis 2", "out of range", "W (2,3)", NULL);
    f(w, -3);
    point_expect_error(tape, WG_ERROR_SHAPE, name, "axis -3", "out of range", "W (2,3)", NULL);
    f(w, INT32_MIN);
    point_expect_error(tape, WG_ERROR_SHAPE, name, "out of range", NULL);
    f(one, 0);
    point_expect_error(tape, WG_ERROR_SHAPE, name, "axis 0", "()", NULL);
    f(indices, 0);
    point_expect_error(tape, WG_ERROR_ARGUMENT, name, "indices", NULL);
    f((wg_var){tape, UINT32_MAX, 0}, 0);
    point_expect_error(tape, WG_ERROR_ARGUMENT, name, "invalid", NULL);
    assert_null(f((wg_var){0}, 0).tape);
    wg_tape_stats(tape, &after);
    assert_int_equal(before.nodes, after.nodes);
    wg_tape_free(tape);
}
