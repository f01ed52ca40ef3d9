/* Matrix multiplication: the generic source, gemm.inc, compiled for each real type and instruction set, and the
 * choice among them. */
#include "gemm.h"

#include <stdint.h>

#include "vector.h"

/* A call's arguments, whatever the type. */
typedef struct gemm_call {
    bool ta, tb, add;
    size_t m, n, k, lda, ldb, ldc;
    const void *a, *b;
    void *c;
} gemm_call;

#define SOURCE "gemm.inc"
#include "each.inc"

size_t wg_kernel_gemm_scratch_f32(wg_isa isa, bool ta, bool tb, size_t m, size_t n, size_t k, const wg_team *team)
{
    const gemm_call call = {ta, tb, false, m, n, k, ta ? m : k, tb ? k : n, n, NULL, NULL, NULL};
    return CHOOSE(gemm_scratch, f32)(&call, team);
}

size_t wg_kernel_gemm_scratch_f64(wg_isa isa, bool ta, bool tb, size_t m, size_t n, size_t k, const wg_team *team)
{
    const gemm_call call = {ta, tb, false, m, n, k, ta ? m : k, tb ? k : n, n, NULL, NULL, NULL};
    return CHOOSE(gemm_scratch, f64)(&call, team);
}

void wg_kernel_gemm_f32(wg_isa isa, bool ta, bool tb, size_t m, size_t n, size_t k, const float *a, size_t lda,
    const float *b, size_t ldb, float *c, size_t ldc, bool add, void *scratch, wg_team *team)
{
    const gemm_call call = {ta, tb, add, m, n, k, lda, ldb, ldc, a, b, c};
    CHOOSE(gemm, f32)(&call, scratch, team);
}

void wg_kernel_gemm_f64(wg_isa isa, bool ta, bool tb, size_t m, size_t n, size_t k, const double *a, size_t lda,
    const double *b, size_t ldb, double *c, size_t ldc, bool add, void *scratch, wg_team *team)
{
    const gemm_call call = {ta, tb, add, m, n, k, lda, ldb, ldc, a, b, c};
    CHOOSE(gemm, f64)(&call, scratch, team);
}

#undef CHOOSE
