/* OpenBLAS, if the machine has it: found while the program runs, so that nothing needs it, and before it is loaded what
 * the environment may say of the machine's kind is dropped: the wrong kind halves its speed. */
#ifndef WG_BENCH_BLAS_H
#define WG_BENCH_BLAS_H

/* The values of cblas.h. */
enum { BENCH_BLAS_ROWS = 101, BENCH_BLAS_PLAIN = 111, BENCH_BLAS_TRANSPOSED = 112 };

typedef struct bench_blas {
    /* c = alpha op(a) op(b) + beta c; order, op of a and b, m, n, k, and after each matrix its leading dimension */
    void (*sgemm)(int order, int op_a, int op_b, int m, int n, int k, float alpha, const float *a, int lda,
        const float *b, int ldb, float beta, float *c, int ldc);
    void (*dgemm)(int order, int op_a, int op_b, int m, int n, int k, double alpha, const double *a, int lda,
        const double *b, int ldb, double beta, double *c, int ldc);
    void (*set_threads)(int threads); /* its threads spin for a while after their work: let a contender rest */
} bench_blas;

/* NULL when there is none, and by --no-peers. With one thread until set_threads says otherwise. */
const bench_blas *bench_blas_open(void);

/* The seconds that a contender with several threads rests after its turn. */
#define BENCH_BLAS_REST .04

#endif
