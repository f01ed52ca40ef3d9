/* Matrix products in GFLOPS: the kernel on plain arrays, the op on a tape with one thread and with two, and OpenBLAS. NN,
 * TN and NT say which factor is stored transposed; the kernel's NT is added to the result, as a weight's gradient is.
 * Squares, and the products of a small network's layers. */
#include "support/bench.h"
#include "support/blas.h"

#include <wengert.h>

#include "kernels/gemm.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct product product;

typedef struct product_side {
    const product *p;
    wg_tape *tape;
    wg_var a, b;
    wg_mark mark;
} product_side;

struct product {
    bool wide, ta, tb; /* wide: double */
    size_t m, n, k;
    void *a, *b, *c, *scratch;
    const bench_blas *blas;
    product_side one, two;
};

static void product_kernel(void *context)
{
    const product *p = context;
    size_t lda = p->ta ? p->m : p->k, ldb = p->tb ? p->k : p->n;
    if (p->wide)
        wg_kernel_gemm_f64(
            wg_kernel_isa(), p->ta, p->tb, p->m, p->n, p->k, p->a, lda, p->b, ldb, p->c, p->n, p->tb, p->scratch, NULL);
    else
        wg_kernel_gemm_f32(
            wg_kernel_isa(), p->ta, p->tb, p->m, p->n, p->k, p->a, lda, p->b, ldb, p->c, p->n, p->tb, p->scratch, NULL);
}

static wg_var product_apply(const product_side *side)
{
    wg_var a = side->p->ta ? wg_transpose(side->a) : side->a;
    wg_var b = side->p->tb ? wg_transpose(side->b) : side->b;
    return wg_matmul(a, b);
}

static void product_tape(void *context)
{
    const product_side *side = context;
    product_apply(side);
    wg_tape_rewind(side->tape, side->mark);
}

static void product_blas(void *context)
{
    const product *p = context;
    int m = (int)p->m, n = (int)p->n, k = (int)p->k, lda = p->ta ? m : k, ldb = p->tb ? k : n;
    int op_a = p->ta ? BENCH_BLAS_TRANSPOSED : BENCH_BLAS_PLAIN,
        op_b = p->tb ? BENCH_BLAS_TRANSPOSED : BENCH_BLAS_PLAIN;
    if (p->wide)
        p->blas->dgemm(BENCH_BLAS_ROWS, op_a, op_b, m, n, k, 1, p->a, lda, p->b, ldb, p->tb ? 1 : 0, p->c, n);
    else
        p->blas->sgemm(BENCH_BLAS_ROWS, op_a, op_b, m, n, k, 1, p->a, lda, p->b, ldb, p->tb ? 1 : 0, p->c, n);
}

static double product_blas_two(void *context, size_t times)
{
    const product *p = context;
    p->blas->set_threads(2);
    double start = bench_now();
    for (size_t t = 0; t < times; t++) product_blas(context);
    double seconds = bench_now() - start;
    p->blas->set_threads(1);
    return seconds;
}

/* ---- validation ------------------------------------------------------------------------------------------------- */

static double product_at(const product *p, const void *array, size_t i)
{
    return p->wide ? ((const double *)array)[i] : (double)((const float *)array)[i];
}

/* Some thousand elements beside sums in double. */
static bool product_agrees(const product *p, const char *what, const void *got)
{
    double tolerance = (p->wide ? 1e-14 : 1e-6) * (double)p->k;
    size_t size = p->m * p->n, step = size / 1000 + 1;
    for (size_t e = 0; e < size; e += step) {
        size_t i = e / p->n, j = e % p->n;
        double want = 0;
        for (size_t r = 0; r < p->k; r++)
            want += product_at(p, p->a, p->ta ? r * p->m + i : i * p->k + r) *
                    product_at(p, p->b, p->tb ? j * p->k + r : r * p->n + j);
        if (!(fabs(product_at(p, got, e) - want) <= tolerance))
            return bench_wrong("%s: element %zu is %g and should be %g", what, e, product_at(p, got, e), want);
    }
    return true;
}

static bool product_side_is_right(const product_side *side)
{
    const void *got = wg_value(product_apply(side));
    bool right = got ? product_agrees(side->p, "tape", got) : bench_wrong("%s", wg_tape_message(side->tape));
    wg_tape_rewind(side->tape, side->mark);
    return right;
}

static bool product_is_right(void *context)
{
    product *p = context;
    product_kernel(p); /* c holds zeros so far */
    return product_agrees(p, "kernel", p->c) && product_side_is_right(&p->one) && product_side_is_right(&p->two);
}

/* ---- cases ------------------------------------------------------------------------------------------------------ */

static void product_open_side(product *p, product_side *side, unsigned threads)
{
    wg_tape_options options = {.dtype = p->wide ? WG_F64 : WG_F32, .threads = threads};
    side->p = p;
    side->tape = wg_tape_new_with(&options, NULL);
    side->a = wg_variable_raw(side->tape, p->ta ? WG_DIMS(p->k, p->m) : WG_DIMS(p->m, p->k), p->a);
    side->b = wg_variable_raw(side->tape, p->tb ? WG_DIMS(p->n, p->k) : WG_DIMS(p->k, p->n), p->b);
    side->mark = wg_tape_mark(side->tape);
}

static void product_run(product *p, const char *group, const char *name, bool large)
{
    size_t width = p->wide ? sizeof(double) : sizeof(float), count = 1;
    p->a = bench_memory(p->m * p->k * width);
    p->b = bench_memory(p->k * p->n * width);
    p->c = bench_memory(p->m * p->n * width);
    (p->wide ? bench_fill_f64(p->m * p->k, p->a, -1, 1) : bench_fill_f32(p->m * p->k, p->a, -1, 1));
    (p->wide ? bench_fill_f64(p->k * p->n, p->b, -.5, 1) : bench_fill_f32(p->k * p->n, p->b, -.5, 1));
    p->scratch = bench_memory((p->wide ? wg_kernel_gemm_scratch_f64 : wg_kernel_gemm_scratch_f32)(
        wg_kernel_isa(), p->ta, p->tb, p->m, p->n, p->k, NULL));
    product_open_side(p, &p->one, 1);
    product_open_side(p, &p->two, 2);
    bench_case c = {.group = group, .name = name, .unit = "GFLOPS", .work = 2. * (double)(p->m * p->n * p->k)};
    c.context = p;
    c.validate = product_is_right;
    c.budget = .02;
    c.large = large;
    c.contenders[0] = (bench_contender){.name = "kernel", .work = product_kernel};
    c.contenders[count++] = (bench_contender){.name = "tape", .work = product_tape, .context = &p->one};
    c.contenders[count++] = (bench_contender){.name = "tape, 2 threads", .work = product_tape, .context = &p->two};
    if (p->blas)
        c.contenders[count++] = (bench_contender){.name = "OpenBLAS", .kind = BENCH_PEER, .work = product_blas};
    if (p->blas && !p->ta && !p->tb && (p->m == 128 || p->m == 512)) /* few: it needs its rest */
        c.contenders[count++] = (bench_contender){
            .name = "OpenBLAS, 2 threads", .kind = BENCH_PEER, .timed = product_blas_two, .rest = BENCH_BLAS_REST};
    bench_run(&c, NULL);
    wg_tape_free(p->one.tape);
    wg_tape_free(p->two.tape);
    free(p->a);
    free(p->b);
    free(p->c);
    free(p->scratch);
}

int main(int argc, char **argv)
{
    static const size_t sizes[][3] = {{8, 8, 8}, {16, 16, 16}, {32, 32, 32}, {64, 64, 64}, {128, 128, 128},
        {256, 256, 256}, {512, 512, 512}, {1024, 1024, 1024}, {5, 100, 3}, {10, 32, 128}, {128, 32, 784},
        {512, 256, 784}};
    static const char *const layouts[] = {"NN", "TN", "NT"};
    char group[64], name[64];
    bench_open("matmul", argc, argv);
    for (int wide = 0; wide < 2; wide++)
        for (size_t layout = 0; layout < 3; layout++)
            for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
                const size_t *s = sizes[i];
                product p = {.wide = wide, .ta = layout == 1, .tb = layout == 2, .m = s[0], .n = s[1], .k = s[2]};
                bool large = s[0] * s[1] * s[2] > 600 * 600 * 600;
                snprintf(group, sizeof group, "product %s, %s", layouts[layout], wide ? "double" : "float");
                snprintf(name, sizeof name, "%zu x %zu x %zu", s[0], s[1], s[2]);
                p.blas = bench_blas_open();
                if (bench_wants(group, name, large)) product_run(&p, group, name, large);
            }
    return bench_close();
}
