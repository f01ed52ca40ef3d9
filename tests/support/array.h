/* Plain arrays of long double, for naive references: no strides, no merging of axes, no broadcasting machinery, only an
 * index tuple and the row-major position that it has. Nothing here is shared with the library but wg_shape. */
#ifndef WG_TESTS_SUPPORT_ARRAY_H
#define WG_TESTS_SUPPORT_ARRAY_H

#include "wengert.h"

typedef struct array {
    wg_shape shape;
    size_t size;
    long double *at; /* row-major; never NULL for an array that was made */
} array;

array array_new(wg_shape shape); /* zeros */
array array_copy(const array *from);
void array_free(array *a);

size_t shape_size(const wg_shape *shape);
bool shape_same(const wg_shape *a, const wg_shape *b);

/* The index tuple of a row-major position, and back. */
void shape_tuple(const wg_shape *shape, size_t flat, size_t *tuple);
size_t shape_flat(const wg_shape *shape, const size_t *tuple);

/* The shape that a and b broadcast to; they do. */
wg_shape shape_broadcast(const wg_shape *a, const wg_shape *b);

/* The element that an array, stretched to a shape, has at one of that shape's index tuples. */
long double array_stretched(const array *a, const wg_shape *to, const size_t *tuple);

/* The largest magnitude, 0 for an empty array; the sum of the products of two arrays of one size. */
long double array_largest(const array *a);
long double array_dot(const array *a, const array *b);

/* Seeded random numbers, the same on every machine: uniform in [0, 1). */
typedef struct random_state {
    uint64_t bits;
} random_state;
double random_unit(random_state *r);
size_t random_below(random_state *r, size_t n);

/* d phi / dt at t = 0, by central differences over h, h/2, h/4 and Richardson's extrapolation, which leaves an error of
 * order h^6 (L. F. Richardson, The deferred approach to the limit, 1927). */
#define DIFFERENCE_STEP 0.0078125L
typedef long double difference_function(void *context, long double t);
long double difference(difference_function *phi, void *context);
/* The same from values at +h, -h, +h/2, -h/2, +h/4, -h/4. */
long double difference_of(const long double *values);
/* The six points. */
long double difference_point(size_t i);

/* ---- between arrays and a tape ---------------------------------------------------------------------------------- */

/* A leaf with the array's numbers; a variable or a constant. */
wg_var array_leaf(wg_tape *tape, const array *a, bool variable);
/* The value, the gradient of a var. */
array array_of_value(wg_var var);
array array_of_grad(wg_var var);
/* wg_backward_from with the array as cotangent. */
wg_status array_backward(wg_var out, const array *cotangent);
/* Every element rounded to the dtype. */
void array_round(array *a, wg_dtype dtype);

/* Half the distance from 1 to the next number: the relative error of one rounding. */
long double dtype_roundoff(wg_dtype dtype);

#endif
