/* Instruction sets.
 *
 * The kernels that gain from it are compiled once for each of these sets and chosen at run time. A caller can ask for
 * a lesser set than the machine has; asking for one that it lacks is the caller's mistake. */
#ifndef WG_KERNELS_ISA_H
#define WG_KERNELS_ISA_H

#include <stdbool.h>

typedef enum wg_isa {
    WG_ISA_BASELINE, /* what the compiler's target guarantees, multiplication and addition apart */
    WG_ISA_AVX2,     /* AVX2 and FMA */
    WG_ISA_AVX512    /* AVX-512 F, DQ, VL and BW */
} wg_isa;

/* The best set that the library has and this machine runs; and whether a set is one. */
wg_isa wg_kernel_isa(void);
bool wg_kernel_isa_runs(wg_isa isa);

#endif
