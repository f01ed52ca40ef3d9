/* Naive arrays, random numbers and differences: see array.h. */
#include "support/array.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

size_t shape_size(const wg_shape *shape)
{
    size_t size = 1;
    for (uint32_t d = 0; d < shape->rank; d++) size *= shape->dim[d];
    return size;
}

bool shape_same(const wg_shape *a, const wg_shape *b)
{
    if (a->rank != b->rank) return false;
    for (uint32_t d = 0; d < a->rank; d++)
        if (a->dim[d] != b->dim[d]) return false;
    return true;
}

void shape_tuple(const wg_shape *shape, size_t flat, size_t *tuple)
{
    for (uint32_t d = shape->rank; d-- > 0;) {
        tuple[d] = flat % shape->dim[d];
        flat /= shape->dim[d];
    }
}

size_t shape_flat(const wg_shape *shape, const size_t *tuple)
{
    size_t flat = 0;
    for (uint32_t d = 0; d < shape->rank; d++) flat = flat * shape->dim[d] + tuple[d];
    return flat;
}

wg_shape shape_broadcast(const wg_shape *a, const wg_shape *b)
{
    if (a->rank < b->rank) return shape_broadcast(b, a);
    wg_shape out = *a;
    for (uint32_t d = 0; d < b->rank; d++) {
        size_t *extent = &out.dim[a->rank - b->rank + d];
        if (*extent == 1) *extent = b->dim[d];
    }
    return out;
}

long double array_stretched(const array *a, const wg_shape *to, const size_t *tuple)
{
    size_t own[WG_MAX_RANK] = {0};
    for (uint32_t d = 0; d < a->shape.rank; d++)
        own[d] = a->shape.dim[d] == 1 ? 0 : tuple[to->rank - a->shape.rank + d];
    return a->at[shape_flat(&a->shape, own)];
}

array array_new(wg_shape shape)
{
    array a = {shape, shape_size(&shape), NULL};
    a.at = calloc(a.size + 1, sizeof *a.at);
    assert_non_null(a.at);
    return a;
}

array array_copy(const array *from)
{
    array a = array_new(from->shape);
    memcpy(a.at, from->at, from->size * sizeof *a.at);
    return a;
}

void array_free(array *a)
{
    free(a->at);
    *a = (array){.at = NULL};
}

long double array_largest(const array *a)
{
    long double largest = 0;
    for (size_t i = 0; i < a->size; i++)
        if (fabsl(a->at[i]) > largest) largest = fabsl(a->at[i]);
    return largest;
}

long double array_dot(const array *a, const array *b)
{
    long double sum = 0;
    assert_int_equal(a->size, b->size);
    for (size_t i = 0; i < a->size; i++) sum += a->at[i] * b->at[i];
    return sum;
}

/* SplitMix64 (Steele, Lea and Flood, Fast splittable pseudorandom number generators, 2014). */
static uint64_t random_next(random_state *r)
{
    uint64_t z = r->bits += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

double random_unit(random_state *r) { return (double)(random_next(r) >> 11) / 9007199254740992.0; }

size_t random_below(random_state *r, size_t n) { return (size_t)(random_unit(r) * (double)n); }

/* ---- differences ---------------------------------------------------------------------------------------------------- */

long double difference_point(size_t i)
{
    long double h = DIFFERENCE_STEP / (long double)(1u << i / 2);
    return i % 2 ? -h : h;
}

long double difference_of(const long double *values)
{
    long double central[3];
    for (size_t i = 0; i < 3; i++) central[i] = (values[2 * i] - values[2 * i + 1]) / (2 * difference_point(2 * i));
    long double first = (4 * central[1] - central[0]) / 3, second = (4 * central[2] - central[1]) / 3;
    return (16 * second - first) / 15;
}

long double difference(difference_function *phi, void *context)
{
    long double values[6];
    for (size_t i = 0; i < 6; i++) values[i] = phi(context, difference_point(i));
    return difference_of(values);
}

/* ---- between arrays and a tape -------------------------------------------------------------------------------------- */

/* The array's numbers as the tape's dtype; to be freed. */
static void *array_numbers(const array *a, wg_dtype dtype)
{
    void *numbers = malloc((a->size + 1) * sizeof(double));
    assert_non_null(numbers);
    for (size_t i = 0; i < a->size; i++)
        if (dtype == WG_F64)
            ((double *)numbers)[i] = (double)a->at[i];
        else
            ((float *)numbers)[i] = (float)a->at[i];
    return numbers;
}

wg_var array_leaf(wg_tape *tape, const array *a, bool variable)
{
    void *numbers = array_numbers(a, wg_tape_dtype(tape));
    wg_var leaf = variable ? wg_variable_raw(tape, a->shape, numbers) : wg_constant_raw(tape, a->shape, numbers);
    free(numbers);
    return leaf;
}

/* By wg_at, so that a scalar stays where it is: in its node, without an address. */
array array_of_value(wg_var var)
{
    array a = array_new(wg_shape_of(var));
    for (size_t i = 0; i < a.size; i++) a.at[i] = wg_at(var, i);
    if (wg_tape_status(var.tape) != WG_OK) fail_msg("%s", wg_tape_message(var.tape));
    return a;
}

array array_of_grad(wg_var var)
{
    array a = array_new(wg_shape_of(var));
    for (size_t i = 0; i < a.size; i++) a.at[i] = wg_grad_at(var, i);
    if (wg_tape_status(var.tape) != WG_OK) fail_msg("%s", wg_tape_message(var.tape));
    return a;
}

wg_status array_backward(wg_var out, const array *cotangent)
{
    void *numbers = array_numbers(cotangent, wg_tape_dtype(out.tape));
    wg_status status = wg_backward_from(out, numbers);
    free(numbers);
    return status;
}

void array_round(array *a, wg_dtype dtype)
{
    for (size_t i = 0; i < a->size; i++) a->at[i] = dtype == WG_F64 ? (double)a->at[i] : (float)a->at[i];
}

long double dtype_roundoff(wg_dtype dtype) { return dtype == WG_F64 ? DBL_EPSILON / 2 : FLT_EPSILON / 2; }
