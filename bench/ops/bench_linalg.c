/* Linear algebra in microseconds, values and gradients, on a tape: a stack of 1000 small matrices, one of middle size and
 * a large one. Beside each op stand matrix products of as many operations, by the usual counts (G. Golub and C. Van
 * Loan, Matrix Computations, 4th edition), of matrices of the same size on plain arrays.
 *
 *     solve  2/3 n^3 + 2 n^2 k, k = n      cholesky  1/3 n^3       det  2/3 n^3
 *     qr     8/3 n^3, with q               eigh  9 n^3             svd  22 n^3     both with vectors */
#include "support/bench.h"

#include <wengert.h>

#include "kernels/gemm.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct bench_size {
    size_t count, n;
    int rounds;
} bench_size;

static const bench_size sizes[] = {{1000, 3, 21}, {1, 64, 41}, {1, 256, 5}};

/* ---- ops, each to one result whose sum is swept ------------------------------------------------------------------ */

static wg_var bench_solve(wg_var a) { return wg_solve(a, wg_detach(a)); }

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

/* The seconds of the op, and of a sweep from the sum of its result. */
static void bench_time(wg_tape *tape, const bench_op *op, wg_var a, double *value, double *sweep)
{
    wg_mark mark = wg_tape_mark(tape);
    double start = bench_now();
    wg_var y = op->apply(a);
    *value = bench_now() - start;
    y = wg_sum(y);
    start = bench_now();
    wg_backward(y);
    *sweep = bench_now() - start;
    if (wg_tape_status(tape)) printf("%s\n", wg_tape_message(tape));
    wg_tape_rewind(tape, mark);
}

/* The seconds that a stack's matrix products take, on plain arrays. */
static double bench_product(const bench_size *size)
{
    enum { ROUNDS = 21 };
    double times[ROUNDS];
    size_t n = size->n;
    wg_isa isa = wg_kernel_isa();
    double *a = calloc(3 * n * n, sizeof *a), *b = a + n * n, *c = b + n * n;
    void *scratch = aligned_alloc(64, (wg_kernel_gemm_scratch_f64(isa, false, false, n, n, n) + 64) / 64 * 64);
    for (int r = 0; r < ROUNDS; r++) {
        double start = bench_now();
        for (size_t m = 0; m < size->count; m++)
            wg_kernel_gemm_f64(isa, false, false, n, n, n, a, n, b, n, c, n, false, scratch);
        times[r] = bench_now() - start;
    }
    free(scratch);
    free(a);
    return bench_median(times, ROUNDS);
}

static void bench_one(const bench_size *size)
{
    enum { MOST = 41 };
    double value[MOST], sweep[MOST], product = bench_product(size);
    printf("%zu x (%zu,%zu)\n", size->count, size->n, size->n);
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        wg_tape *tape = wg_tape_new(WG_F64);
        wg_var a = bench_matrices(tape, size);
        for (int r = 0; r < size->rounds; r++) bench_time(tape, &ops[i], a, &value[r], &sweep[r]);
        double v = bench_median(value, (size_t)size->rounds) * 1e6, s = bench_median(sweep, (size_t)size->rounds) * 1e6;
        printf("  %-10s value %9.1f us   gradient %9.1f us   products of as many flops %9.1f us\n", ops[i].name, v, s,
            product * ops[i].flops / 2 * 1e6);
        wg_tape_free(tape);
    }
}

int main(void)
{
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) bench_one(&sizes[i]);
    return 0;
}
