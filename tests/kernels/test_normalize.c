/* Normalised rows for each instruction set, in both types: every length of a tail, blocks and more, offsets, squares that
 * overflow or underflow, and weights; against the formulas in long double. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "support/array.h"

#include "kernels/normalize.h"

typedef struct row_of_numbers {
    long double epsilon, mean, of_g, square, along;
} row_of_numbers;

static void near(long double got, long double expected, long double allowed, size_t n)
{
    if (!(fabsl(got - expected) <= allowed))
        fail_msg("n = %zu: %.17Lg, expected %.17Lg, off by %.3Lg, allowed %.3Lg", n, got, expected,
            fabsl(got - expected), allowed);
}

#define PASTE_(stem, type)                            stem##_##type
#define PASTE(stem, type)                             PASTE_(stem, type)
#define NAME(stem)                                    PASTE(stem, TYPE)
#define wg_kernel_normalize_of(type)                  PASTE(wg_kernel_normalize, type)
#define wg_kernel_normalize_inverse_of(type)          PASTE(wg_kernel_normalize_inverse, type)
#define wg_kernel_normalize_adjoint_of(type)          PASTE(wg_kernel_normalize_adjoint, type)
#define wg_kernel_normalize_weighted_of(type)         PASTE(wg_kernel_normalize_weighted, type)
#define wg_kernel_normalize_weighted_adjoint_of(type) PASTE(wg_kernel_normalize_weighted_adjoint, type)

#define TYPE       f32
#define REAL       float
#define ROUNDOFF   (FLT_EPSILON / 2)
#define TINY       1e-25L
#define HUGE_SCALE 1e25L
#include "normalize_cases.inc"
#define TYPE       f64
#define REAL       double
#define ROUNDOFF   (DBL_EPSILON / 2)
#define TINY       1e-200L
#define HUGE_SCALE 1e200L
#include "normalize_cases.inc"

static void test_rows(void **state)
{
    (void)state;
    for (int isa = WG_ISA_BASELINE; isa <= (int)wg_kernel_isa(); isa++) {
        check_all_f32((wg_isa)isa);
        check_all_f64((wg_isa)isa);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};
    return cmocka_run_group_tests_name("kernels/normalize", tests, NULL, NULL);
}
