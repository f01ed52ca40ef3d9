/* Matrices in long double, for references on linear algebra. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "support/matrices.h"

wg_shape matrices_batch(const wg_shape *shape)
{
    wg_shape batch = *shape;
    batch.rank -= 2;
    return batch;
}

const long double *matrices_at(const array *a, const wg_shape *joint, size_t i)
{
    size_t tuple[WG_MAX_RANK], own[WG_MAX_RANK], rank = a->shape.rank, skip = joint->rank + 2 - rank;
    shape_tuple(joint, i, tuple);
    for (size_t d = 0; d + 2 < rank; d++) own[d] = a->shape.dim[d] == 1 ? 0 : tuple[d + skip];
    own[rank - 2] = own[rank - 1] = 0;
    return a->at + (a->size ? shape_flat(&a->shape, own) : 0);
}

array matrices_shifted(const array *a, long double shift)
{
    array out = array_copy(a);
    for (size_t i = 0; i < out.size; i++) {
        size_t n = a->shape.dim[a->shape.rank - 1];
        if (i / n % n == i % n) out.at[i] += shift;
    }
    return out;
}

wg_var matrices_shift(wg_var a, double shift)
{
    wg_shape shape = wg_shape_of(a);
    if (!wg_ok(a)) return a;
    size_t n = shape.dim[shape.rank - 1];
    array identity = array_new((wg_shape){2, {n, n}});
    for (size_t i = 0; i < n; i++) identity.at[i * n + i] = (long double)shift;
    wg_var out = wg_add(a, array_leaf(a.tape, &identity, false));
    array_free(&identity);
    return out;
}

static void exchange_rows(size_t n, long double *a, size_t i, size_t j)
{
    for (size_t c = 0; c < n; c++) {
        long double held = a[i * n + c];
        a[i * n + c] = a[j * n + c];
        a[j * n + c] = held;
    }
}

long double matrices_solve(size_t n, size_t k, const long double *m, long double *x)
{
    long double det = 1, *a = malloc((n * n + 1) * sizeof *a);
    assert_non_null(a);
    memcpy(a, m, n * n * sizeof *a);
    for (size_t c = 0; c < n; c++) {
        size_t best = c;
        for (size_t i = c; i < n; i++)
            if (fabsl(a[i * n + c]) > fabsl(a[best * n + c])) best = i;
        if (best != c) {
            exchange_rows(n, a, c, best);
            exchange_rows(k, x, c, best);
            det = -det;
        }
        long double pivot = a[c * n + c];
        det *= pivot;
        for (size_t j = 0; j < n; j++) a[c * n + j] /= pivot;
        for (size_t j = 0; j < k; j++) x[c * k + j] /= pivot;
        for (size_t i = 0; i < n; i++) {
            long double factor = a[i * n + c];
            if (i == c) continue;
            for (size_t j = 0; j < n; j++) a[i * n + j] -= factor * a[c * n + j];
            for (size_t j = 0; j < k; j++) x[i * k + j] -= factor * x[c * k + j];
        }
    }
    free(a);
    return det;
}
