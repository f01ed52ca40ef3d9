/* What the machine itself can do, in the same run as everything else: fused multiply-adds on one core, from registers; the
 * bandwidth of a = b + 3 c ("triad", J. D. McCalpin's STREAM) over arrays in the caches and out of them; a chain of
 * additions, each waiting for the one before, which takes four cycles an addition on many machines and so tells the clock. */
#include "support/bench.h"

#include "kernels/isa.h"
#include "kernels/vector.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- multiply-adds ------------------------------------------------------------------------------------------------ */

enum { CHAINS = 12, STEPS = 4096 }; /* as many independent sums as hide the latency */

/* Sums in registers; what they come to is stored, so that nothing is left out. */
#define PEAK(type, real, set)                                                                                          \
    static void peak_##type##_##set(void *to)                                                                          \
    {                                                                                                                  \
        enum { LANES = wg_kernel_lanes_##type##_##set };                                                               \
        wg_kernel_vec_##type##_##set sums[CHAINS], factor = wg_kernel_splat_##type##_##set((real).5);                  \
        WG_KERNEL_UNROLL                                                                                               \
        for (int k = 0; k < CHAINS; k++) sums[k] = wg_kernel_splat_##type##_##set((real)k);                            \
        for (int i = 0; i < STEPS; i++) {                                                                              \
            WG_KERNEL_UNROLL                                                                                           \
            for (int k = 0; k < CHAINS; k++) sums[k] = wg_kernel_fma_##type##_##set(sums[k], factor, factor);          \
        }                                                                                                              \
        WG_KERNEL_UNROLL                                                                                               \
        for (int k = 0; k < CHAINS; k++) wg_kernel_store_##type##_##set((real *)to + k * LANES, sums[k]);              \
    }

/* a = b + 3 c, in whole vectors. */
#define TRIAD(type, real, set)                                                                                         \
    static void triad_##type##_##set(size_t n, real *a, const real *b, const real *c)                                  \
    {                                                                                                                  \
        enum { LANES = wg_kernel_lanes_##type##_##set };                                                               \
        wg_kernel_vec_##type##_##set three = wg_kernel_splat_##type##_##set((real)3);                                  \
        for (size_t i = 0; i + LANES <= n; i += LANES)                                                                 \
            wg_kernel_store_##type##_##set(a + i, wg_kernel_fma_##type##_##set(wg_kernel_load_##type##_##set(c + i),   \
                                                      three, wg_kernel_load_##type##_##set(b + i)));                   \
    }

PEAK(f32, float, baseline)
PEAK(f64, double, baseline)
TRIAD(f32, float, baseline)
#if WG_KERNEL_X86
WG_KERNEL_TARGET_AVX2
PEAK(f32, float, avx2)
PEAK(f64, double, avx2)
TRIAD(f32, float, avx2)
WG_KERNEL_TARGET_END
WG_KERNEL_TARGET_AVX512
PEAK(f32, float, avx512)
PEAK(f64, double, avx512)
TRIAD(f32, float, avx512)
WG_KERNEL_TARGET_END
#endif

typedef struct peak {
    void (*work)(void *to);
    double flops;
} peak;

#define PEAK_OF(type, set) ((peak){peak_##type##_##set, 2. * CHAINS * STEPS * wg_kernel_lanes_##type##_##set})

static void measure_peak(const char *name, peak of)
{
    static double to[CHAINS * 16];
    bench_run(&(bench_case){.group = "the machine, multiply-adds on one core",
                  .name = name,
                  .unit = "GFLOPS",
                  .work = of.flops,
                  .context = to,
                  .contenders = {{.name = "machine", .kind = BENCH_LIMIT, .work = of.work}}},
        NULL);
}

static void measure_peaks(void)
{
    peak f32 = PEAK_OF(f32, baseline), f64 = PEAK_OF(f64, baseline);
#if WG_KERNEL_X86
    if (wg_kernel_isa() == WG_ISA_AVX2) f32 = PEAK_OF(f32, avx2), f64 = PEAK_OF(f64, avx2);
    if (wg_kernel_isa() == WG_ISA_AVX512) f32 = PEAK_OF(f32, avx512), f64 = PEAK_OF(f64, avx512);
#endif
    measure_peak("float", f32);
    measure_peak("double", f64);
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

typedef struct triad {
    size_t n;
    float *a, *b, *c;
} triad;

static void triad_run(void *context)
{
    const triad *t = context;
#if WG_KERNEL_X86
    if (wg_kernel_isa() == WG_ISA_AVX512)
        triad_f32_avx512(t->n, t->a, t->b, t->c);
    else if (wg_kernel_isa() == WG_ISA_AVX2)
        triad_f32_avx2(t->n, t->a, t->b, t->c);
    else
        triad_f32_baseline(t->n, t->a, t->b, t->c);
#else
    triad_f32_baseline(t->n, t->a, t->b, t->c);
#endif
}

static void measure_triad(const char *name, size_t n, bool large)
{
    if (!bench_wants("the machine, triad", name, large)) return;
    triad t = {n, bench_memory(n * sizeof(float)), bench_memory(n * sizeof(float)), bench_memory(n * sizeof(float))};
    bench_run(&(bench_case){.group = "the machine, triad",
                  .name = name,
                  .unit = "GB/s",
                  .work = 3. * sizeof(float) * (double)n,
                  .context = &t,
                  .large = large,
                  .contenders = {{.name = "machine", .kind = BENCH_LIMIT, .work = triad_run}}},
        NULL);
    free(t.a);
    free(t.b);
    free(t.c);
}

/* ---- the clock ---------------------------------------------------------------------------------------------------- */

static void add_chain(void *to)
{
    volatile double step = 1;
    double s = step, sum = 0;
    for (int i = 0; i < 4096; i++) sum += s; /* no compiler may reorder these */
    *(volatile double *)to = sum;
}

int main(int argc, char **argv)
{
    double sum = 0;
    bench_open("machine", argc, argv);
    measure_peaks();
    measure_triad("4096 floats an array", 4096, false);
    measure_triad("1 million floats an array", 1 << 20, false);
    measure_triad("16 million floats an array", 1 << 24, true);
    bench_run(&(bench_case){.group = "the machine, additions in a chain",
                  .name = "double",
                  .unit = "ns/op",
                  .work = 4096,
                  .context = &sum,
                  .contenders = {{.name = "machine", .kind = BENCH_LIMIT, .work = add_chain}}},
        NULL);
    return bench_close();
}
