/* For ops written in tests: elements read and written as doubles on a tape of either dtype, and the shape rules that most
 * of them use. */
#ifndef WG_TESTS_OP_NUMBERS_H
#define WG_TESTS_OP_NUMBERS_H

#include "grad/expect.h"

static inline double get(wg_dtype dtype, const void *data, size_t i)
{
    return dtype == WG_F64 ? ((const double *)data)[i] : (double)((const float *)data)[i];
}

static inline void put(wg_dtype dtype, void *data, size_t i, double x)
{
    if (dtype == WG_F64)
        ((double *)data)[i] = x;
    else
        ((float *)data)[i] = (float)x;
}

/* Writes x to an element, or adds it. */
static inline void put_or_add(wg_dtype dtype, void *data, size_t i, double x, bool add)
{
    put(dtype, data, i, add ? get(dtype, data, i) + x : x);
}

static inline size_t elements(const wg_shape *shape)
{
    size_t n = 1;
    for (uint32_t d = 0; d < shape->rank; d++) n *= shape->dim[d];
    return n;
}

static inline wg_status shape_of_first(wg_call *call)
{
    call->shape = *call->in[0].shape;
    return WG_OK;
}

static inline wg_status shape_0d(wg_call *call)
{
    call->shape = WG_SCALAR;
    return WG_OK;
}

/* The attribute is the shape. */
static inline wg_status shape_given(wg_call *call)
{
    call->shape = *(const wg_shape *)call->attributes;
    return WG_OK;
}

static inline wg_var apply(const wg_op *op, wg_var x) { return wg_apply(x.tape, op, &x, 1, NULL, 0); }
static inline wg_var apply_2(const wg_op *op, wg_var a, wg_var b)
{
    return wg_apply(a.tape, op, (wg_var[]){a, b}, 2, NULL, 0);
}

#endif
