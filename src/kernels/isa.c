/* Asks the processor which instruction sets it runs. The compilers' own question is used, which also asks whether the
 * operating system saves the wide registers. */
#include "isa.h"

#if defined(__GNUC__) && defined(__x86_64__)

wg_isa wg_kernel_isa(void)
{
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512bw"))
        return WG_ISA_AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return WG_ISA_AVX2;
    return WG_ISA_BASELINE;
}

#else

wg_isa wg_kernel_isa(void) { return WG_ISA_BASELINE; }

#endif
