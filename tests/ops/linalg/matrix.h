/* What the tests of the decompositions share: naive matrices of long double, and rows on one of several results. */
#ifndef WG_TESTS_OPS_LINALG_MATRIX_H
#define WG_TESTS_OPS_LINALG_MATRIX_H

#include <math.h>

#include "support/array.h"

/* How a row calls: which of the results it looks at, and what is added to the diagonal, step (i + 1), so that
 * matrices are well conditioned and their values well apart. */
typedef struct matrix_view {
    int result;
    double step;
} matrix_view;

static inline wg_shape matrix_batch(const wg_shape *shape)
{
    wg_shape batch = *shape;
    batch.rank -= 2;
    return batch;
}
static inline size_t matrix_count(const wg_shape *shape)
{
    wg_shape batch = matrix_batch(shape);
    return shape_size(&batch);
}
/* The leading axes of a shape, with one or two others. */
static inline wg_shape matrix_shape(const wg_shape *like, uint32_t rank, size_t m, size_t n)
{
    wg_shape shape = matrix_batch(like);
    shape.dim[shape.rank++] = m;
    if (rank > 1) shape.dim[shape.rank++] = n;
    return shape;
}

/* An array with step (i + 1) on its matrices' diagonals. */
static inline array matrix_diagonal(const wg_shape *shape, double step)
{
    array a = array_new(*shape);
    size_t m = shape->dim[shape->rank - 2], n = shape->dim[shape->rank - 1];
    for (size_t k = 0; k < a.size; k++)
        if (k / n % m == k % n) a.at[k] = (long double)step * (long double)(k % n + 1);
    return a;
}
static inline wg_var matrix_shifted(wg_tape *tape, wg_var x, double step)
{
    if (!wg_ok(x)) return x; /* memory ended before */
    wg_shape shape = wg_shape_of(x);
    array diagonal = matrix_diagonal(&shape, step);
    wg_var sum = wg_add(x, array_leaf(tape, &diagonal, false));
    array_free(&diagonal);
    return sum;
}
static inline array matrix_shifted_array(const array *x, double step)
{
    array a = matrix_diagonal(&x->shape, step);
    for (size_t i = 0; i < a.size; i++) a.at[i] += x->at[i];
    return a;
}

/* c (m,n) = a (m,k) b (k,n); at = a transposed. */
static inline void matrix_times(
    size_t m, size_t k, size_t n, const long double *a, const long double *b, long double *c)
{
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            c[i * n + j] = 0;
            for (size_t p = 0; p < k; p++) c[i * n + j] += a[i * k + p] * b[p * n + j];
        }
}
static inline void matrix_turn(size_t m, size_t n, const long double *a, long double *at)
{
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) at[j * m + i] = a[i * n + j];
}

/* b (n,k) = a^-1 b by elimination with pivots; a (n,n) is overwritten. */
static inline void matrix_solve(size_t n, size_t k, long double *a, long double *b)
{
    for (size_t c = 0; c < n; c++) {
        size_t pivot = c;
        for (size_t i = c; i < n; i++)
            if (fabsl(a[i * n + c]) > fabsl(a[pivot * n + c])) pivot = i;
        for (size_t j = 0; j < n + k; j++) {
            long double *x = j < n ? &a[c * n + j] : &b[c * k + j - n];
            long double *y = j < n ? &a[pivot * n + j] : &b[pivot * k + j - n], kept = *x;
            *x = *y;
            *y = kept;
        }
        for (size_t i = 0; i < n; i++) {
            long double factor = i == c ? 0 : a[i * n + c] / a[c * n + c];
            for (size_t j = c; j < n && i != c; j++) a[i * n + j] -= factor * a[c * n + j];
            for (size_t j = 0; j < k && i != c; j++) b[i * k + j] -= factor * b[c * k + j];
        }
    }
    for (size_t i = 0; i < n * k; i++) b[i] /= a[i / k * (n + 1)];
}

/* 1 or -1: makes the first element of those within 1/1024 of the largest positive. */
static inline long double matrix_sign(size_t n, const long double *x, size_t stride)
{
    long double largest = 0;
    for (size_t i = 0; i < n; i++) largest = fmaxl(largest, fabsl(x[i * stride]));
    for (size_t i = 0; i < n; i++)
        if (fabsl(x[i * stride]) >= largest * (1 - 1 / 1024.0L)) return x[i * stride] < 0 ? -1 : 1;
    return 1;
}

#endif
