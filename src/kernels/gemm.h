/* Matrix multiplication on plain row-major arrays: C = op(A) op(B), or C += op(A) op(B).
 *
 * op(A) is (m,k): A is stored (m,k) with lda >= k, or (k,m) with lda >= m when `ta`.
 * op(B) is (k,n): B is stored (k,n) with ldb >= n, or (n,k) with ldb >= k when `tb`.
 * C is (m,n) with ldc >= n; it overlaps neither A nor B, and what lies between its rows is left alone.
 *
 * Without `add` the old content of C is never read, so it may be uninitialised. k == 0 writes zeros, or adds nothing.
 * NaN and infinity flow as in the textbook's triple loop: no product is skipped because a factor is zero.
 * The bits of a result depend on the values, the shape, the leading dimensions and the instruction set, and on nothing
 * else: not on addresses, nor on what the scratch holds, nor on the number of threads.
 *
 * A product that is worth it is cut among the members of the team, which may be NULL.
 *
 * `scratch` is a block of at least wg_kernel_gemm_scratch_*() bytes, aligned to 64; it may be NULL when that is 0.
 * A smaller problem may need more of it than a larger one, so ask for the very shape that is multiplied, and for the team. */
#ifndef WG_KERNELS_GEMM_H
#define WG_KERNELS_GEMM_H

#include <stdbool.h>
#include <stddef.h>

#include "isa.h"
#include "team.h"

/* A product that is small in this sense is never cut, and takes no more than these bytes of scratch, so one need not ask. */
enum { WG_KERNEL_GEMM_SMALL = 1 << 17, WG_KERNEL_GEMM_SMALL_BYTES = 32768 };
static inline bool wg_kernel_gemm_is_small(size_t m, size_t n, size_t k)
{
    const size_t wide = n == 1 ? m : n; /* a column is multiplied as a row */
    if (m > 64 || n > 512 || k > 256 || m * n * k > WG_KERNEL_GEMM_SMALL) return false;
    return (wide < 32 || k < 32) && (wide + 32) * k <= 4096;
}

size_t wg_kernel_gemm_scratch_f32(wg_isa isa, bool ta, bool tb, size_t m, size_t n, size_t k, const wg_team *team);
size_t wg_kernel_gemm_scratch_f64(wg_isa isa, bool ta, bool tb, size_t m, size_t n, size_t k, const wg_team *team);

void wg_kernel_gemm_f32(wg_isa isa, bool ta, bool tb, size_t m, size_t n, size_t k, const float *a, size_t lda,
    const float *b, size_t ldb, float *c, size_t ldc, bool add, void *scratch, wg_team *team);
void wg_kernel_gemm_f64(wg_isa isa, bool ta, bool tb, size_t m, size_t n, size_t k, const double *a, size_t lda,
    const double *b, size_t ldb, double *c, size_t ldc, bool add, void *scratch, wg_team *team);

#endif
