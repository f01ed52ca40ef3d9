/* Asks the processor which instruction sets it runs. The compilers' own question is used, which also asks whether the
 * operating system saves the wide registers. */
#include "isa.h"

#include "vector.h"

bool wg_kernel_isa_runs(wg_isa isa)
{
#if WG_KERNEL_X86
    __builtin_cpu_init();
    if (isa == WG_ISA_AVX512)
        return WG_KERNEL_HAS_AVX512 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw");
    if (isa == WG_ISA_AVX2)
        return WG_KERNEL_HAS_AVX2 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
    return WG_KERNEL_HAS_BASELINE && isa == WG_ISA_BASELINE;
}

wg_isa wg_kernel_isa(void)
{
    if (wg_kernel_isa_runs(WG_ISA_AVX512)) return WG_ISA_AVX512;
    return wg_kernel_isa_runs(WG_ISA_AVX2) ? WG_ISA_AVX2 : WG_ISA_BASELINE;
}
