/* Linear algebra in microseconds, values and gradients, on a tape: a stack of 1000 small matrices, one of middle size and
 * a large one. Beside each op stand matrix products of as many operations, by the usual counts (G. Golub and C. Van
 * Loan, Matrix Computations, 4th edition), of matrices of the same size on plain arrays.
 *
 *     solve  2/3 n^3 + 2 n^2 k, k = n      cholesky  1/3 n^3       det  2/3 n^3
 *     qr     8/3 n^3, with q               eigh  9 n^3             svd  22 n^3     both with vectors */
#include "support/bench.h"

#include <wengert.h>

#include "kernels/gemm.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct bench_size {
    size_t count, n;
} bench_size;

static const bench_size sizes[] = {{1000, 3}, {1, 64}, {1, 256}};

/* ---- ops, each to one result whose sum is swept ------------------------------------------------------------------ */

/* The right sides are neither a itself, whose solution does not depend on it, nor all alike. */
static wg_var bench_solve(wg_var a)
{
    static double numbers[256 * 256];
    size_t n = wg_shape_of(a).dim[wg_shape_of(a).rank - 1];
    if (numbers[0] == 0) bench_fill_f64(sizeof numbers / sizeof *numbers, numbers, .5, 1);
    return wg_solve(a, wg_constant_f64(a.tape, WG_DIMS(n, n), numbers));
}

static wg_var bench_both(wg_var a, wg_var b) { return wg_add(wg_sum(a), wg_sum(b)); }

static wg_var bench_qr(wg_var a)
{
    wg_var q, r;
    wg_qr(a, &q, &r);
    return bench_both(q, r);
}

static wg_var bench_eigh(wg_var a)
{
    wg_var values, vectors;
    wg_eigh(a, &values, &vectors);
    return bench_both(values, vectors);
}

static wg_var bench_svd(wg_var a)
{
    wg_var u, s, vt;
    wg_svd(a, &u, &s, &vt);
    return wg_add(bench_both(u, s), wg_sum(vt));
}

typedef struct bench_op {
    const char *name;
    wg_var (*apply)(wg_var a);
    double flops; /* over n^3 */
} bench_op;

static const bench_op ops[] = {
    {"solve", bench_solve, 8.0 / 3},
    {"cholesky", wg_cholesky, 1.0 / 3},
    {"det", wg_det, 2.0 / 3},
    {"qr", bench_qr, 8.0 / 3},
    {"eigh", bench_eigh, 9},
    {"svd", bench_svd, 22},
};

/* ---- timing ------------------------------------------------------------------------------------------------------ */

/* Symmetric and positive definite, with eigenvalues apart: fit for every op. */
static wg_var bench_matrices(wg_tape *tape, const bench_size *size)
{
    size_t n = size->n, count = size->count;
    double *numbers = malloc(count * n * n * sizeof *numbers);
    for (size_t m = 0; m < count; m++)
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j <= i; j++) {
                double x = (double)((m * n * n + i * n + j) * 7919 % 1013) / 1013 - 0.5;
                if (i == j) x = 2 + (double)(i + 1) / (double)n;
                numbers[(m * n + i) * n + j] = numbers[(m * n + j) * n + i] = i == j ? x : x / (double)n;
            }
    wg_var a = wg_variable_f64(tape, WG_DIMS(count, n, n), numbers);
    free(numbers);
    return a;
}

typedef struct bench_job {
    const bench_op *op;
    const bench_size *size;
    wg_tape *tape;
    wg_var a;
    wg_mark mark;
    double *x, *y, *z; /* of a product */
    void *scratch;
} bench_job;

static void bench_value(void *context)
{
    const bench_job *j = context;
    j->op->apply(j->a);
    wg_tape_rewind(j->tape, j->mark);
}

static double bench_sweep(void *context, size_t times)
{
    const bench_job *j = context;
    double total = 0;
    for (size_t t = 0; t < times; t++) {
        wg_var y = wg_sum(j->op->apply(j->a));
        double start = bench_now();
        wg_backward(y);
        total += bench_now() - start;
        wg_tape_rewind(j->tape, j->mark);
    }
    return total;
}

/* As many flops in matrix products. */
static double bench_products(void *context, size_t times)
{
    const bench_job *j = context;
    size_t n = j->size->n;
    double start = bench_now();
    for (size_t t = 0; t < times; t++)
        for (size_t m = 0; m < j->size->count; m++)
            wg_kernel_gemm_f64(
                wg_kernel_isa(), false, false, n, n, n, j->x, n, j->y, n, j->z, n, false, j->scratch, NULL);
    return (bench_now() - start) * j->op->flops / 2;
}

/* Along the gradient g itself, the sum of the results rises by |g|^2 for one unit: by a central difference. */
static bool bench_is_right(void *context)
{
    const bench_job *j = context;
    double square = 0, sums[2], largest = 0;
    wg_zero_grad(j->tape);
    wg_backward(wg_sum(j->op->apply(j->a)));
    wg_tape_rewind(j->tape, j->mark);
    const double *g = wg_grad_f64(j->a), *a = wg_value_f64(j->a);
    if (!g || wg_tape_status(j->tape)) return bench_wrong("%s", wg_tape_message(j->tape));
    for (size_t i = 0; i < wg_size(j->a); i++) {
        square += g[i] * g[i];
        if (fabs(g[i]) > largest) largest = fabs(g[i]);
    }
    double step = largest > 0 ? 1e-6 / largest : 1, *moved = bench_memory(wg_size(j->a) * sizeof *moved);
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < wg_size(j->a); i++) moved[i] = a[i] + (side ? step : -step) * g[i];
        sums[side] = wg_item(wg_sum(j->op->apply(wg_constant_f64(j->tape, wg_shape_of(j->a), moved))));
        wg_tape_rewind(j->tape, j->mark);
    }
    free(moved);
    double slope = (sums[1] - sums[0]) / (2 * step);
    if (fabs(slope - square) <= 1e-4 * square) return true;
    return bench_wrong("the slope along the gradient is %g and should be %g", slope, square);
}

static void bench_one(const bench_size *size, const bench_op *op)
{
    char group[64];
    size_t bytes = size->n * size->n * sizeof(double);
    bench_job j = {.op = op, .size = size, .tape = wg_tape_new(WG_F64)};
    snprintf(group, sizeof group, "linear algebra, %zu x (%zu,%zu)", size->count, size->n, size->n);
    j.a = bench_matrices(j.tape, size);
    j.mark = wg_tape_mark(j.tape);
    j.x = bench_memory(bytes);
    j.y = bench_memory(bytes);
    j.z = bench_memory(bytes);
    j.scratch =
        bench_memory(wg_kernel_gemm_scratch_f64(wg_kernel_isa(), false, false, size->n, size->n, size->n, NULL));
    bench_run(
        &(bench_case){.group = group,
            .name = op->name,
            .unit = "us",
            .context = &j,
            .validate = bench_is_right,
            .large = size->n > 64,
            .contenders = {{.name = "wengert, value", .work = bench_value}, {.name = "gradient", .timed = bench_sweep},
                {.name = "products", .kind = BENCH_LIMIT, .timed = bench_products}}},
        NULL);
    free(j.x);
    free(j.y);
    free(j.z);
    free(j.scratch);
    wg_tape_free(j.tape);
}

int main(int argc, char **argv)
{
    bench_open("linalg", argc, argv);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t k = 0; k < sizeof ops / sizeof *ops; k++) bench_one(&sizes[i], &ops[k]);
    return bench_close();
}
