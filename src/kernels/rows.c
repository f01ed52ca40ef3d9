/* What the decompositions are made of: operations on rows, for each instruction set, reflections, and scaling. */
#include <math.h>

#include "decompose.h"
#include "vector.h"

#define NAME(stem) WG_KERNEL_PASTE(wg_kernel_##stem, TYPE, SET)

#if WG_KERNEL_HAS_BASELINE
#define SET baseline
#include "rows.inc"
#undef SET
#endif

#if WG_KERNEL_HAS_AVX2
WG_KERNEL_TARGET_AVX2
#define SET avx2
#include "rows.inc"
#undef SET
WG_KERNEL_TARGET_END
#endif

#if WG_KERNEL_HAS_AVX512
WG_KERNEL_TARGET_AVX512
#define SET avx512
#include "rows.inc"
#undef SET
WG_KERNEL_TARGET_END
#endif

#undef NAME

const wg_kernel_rows *wg_kernel_rows_of(wg_isa isa)
{
#ifdef WG_KERNEL_ALONE
    (void)isa;
    return &WG_KERNEL_PASTE(wg_kernel_rows, f64, WG_KERNEL_ALONE);
#else
    if (isa == WG_ISA_AVX512) return &wg_kernel_rows_f64_avx512;
    return isa == WG_ISA_AVX2 ? &wg_kernel_rows_f64_avx2 : &wg_kernel_rows_f64_baseline;
#endif
}

/* The sum of (x[i] / unit)^2, with what each addition loses carried along (W. Kahan, 1965). */
static double kernel_rows_squares(size_t n, const double *x, double unit)
{
    double sum = 0, lost = 0;
    for (size_t i = 0; i < n; i++) {
        double part = x[i] / unit, term = part * part - lost, next = sum + term;
        lost = (next - sum) - term;
        sum = next;
    }
    return sum;
}

/* A row whose squares would overflow or vanish is measured in units of its largest element. */
double wg_kernel_reflect(size_t n, double *x, double *tau)
{
    double rest = 0, first = x[0];
    *tau = 0;
    for (size_t i = 1; i < n; i++) rest = fmax(rest, fabs(x[i]));
    if (rest == 0) return first;
    double largest = fmax(rest, fabs(first)), unit = largest > 0x1p-450 && largest < 0x1p450 ? 1 : largest;
    double beta = -copysign(sqrt(kernel_rows_squares(n, x, unit)), first), head = first / unit - beta;
    for (size_t i = 1; i < n; i++) x[i] = x[i] / unit / head;
    *tau = -head / beta;
    return beta * unit;
}

/* 2^250 squared, times as many terms as there are bytes of memory, is finite; 2^-250 squared is normal. */
bool wg_kernel_scale(size_t n, double *x, int *exponent)
{
    double largest = 0;
    *exponent = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(x[i])) return false;
        largest = fmax(largest, fabs(x[i]));
    }
    if (largest == 0 || (largest > 0x1p-250 && largest < 0x1p250)) return true;
    frexp(largest, exponent);
    for (size_t i = 0; i < n; i++) x[i] = ldexp(x[i], -*exponent);
    return true;
}

void wg_kernel_unscale(size_t n, double *x, int exponent)
{
    for (size_t i = 0; i < n && exponent; i++) x[i] = ldexp(x[i], exponent);
}

void wg_kernel_fill_nan(size_t n, double *x)
{
    for (size_t i = 0; i < n; i++) x[i] = (double)NAN;
}

double wg_kernel_sign(size_t n, const double *x, size_t stride)
{
    double largest = 0;
    for (size_t i = 0; i < n; i++) largest = fmax(largest, fabs(x[i * stride]));
    for (size_t i = 0; i < n; i++)
        if (fabs(x[i * stride]) >= largest * (1 - 0x1p-10)) return x[i * stride] < 0 ? -1 : 1;
    return 1;
}

/* In squares of 8 by 8, so that both sides stay in the cache. */
void wg_kernel_turn(size_t m, size_t n, const double *a, double *at)
{
    for (size_t i = 0; i < m; i += 8)
        for (size_t j = 0; j < n; j += 8)
            for (size_t p = i; p < m && p < i + 8; p++)
                for (size_t q = j; q < n && q < j + 8; q++) at[q * m + p] = a[p * n + q];
}
