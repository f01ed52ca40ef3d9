/* The sizes and the inputs of the scalar workloads, for every program that runs them, in C or C++; what they do stands in
 * scalar_work.inc. */
#ifndef WG_BENCH_SCALAR_WORK_H
#define WG_BENCH_SCALAR_WORK_H

#include <math.h>
#include <stddef.h>

enum { CHAIN_STEPS = 160000, CHEAP_STEPS = 500000, ATOMS = 400, SCALAR_INPUTS = 3 * ATOMS };
enum scalar_work { ROSEN, SPEEL, CHAIN, CHEAP, LJ, SCALAR_WORKS };

static const char *const scalar_names[SCALAR_WORKS] = {"rosen", "speel", "chain", "cheap", "lj"};
static const size_t scalar_inputs[SCALAR_WORKS] = {1000, 1000, 3, 3, SCALAR_INPUTS};
static const double scalar_operations[SCALAR_WORKS] = {
    8 * 999., 999, 6. * CHAIN_STEPS, 2. * CHEAP_STEPS, 15. * ATOMS *(ATOMS - 1) / 2};

/* The i-th input. The adjoints of a chain neither vanish nor overflow from such a start; the atoms are those of a lattice,
 * moved a little. */
static inline double scalar_input(int work, size_t i)
{
    static const double chain[3] = {.5, .9, .2}, cheap[3] = {.5, .9999, 1e-4};
    if (work == ROSEN) return .5 + .3 * sin(.7 * (double)i);
    if (work == SPEEL) return 1 + .05 * sin(.7 * (double)i);
    if (work == CHAIN) return chain[i];
    if (work == CHEAP) return cheap[i];
    size_t atom = i / 3, axis = i % 3, cell = axis == 0 ? atom % 8 : axis == 1 ? atom / 8 % 8 : atom / 64;
    return 1.1 * (double)cell + .05 * sin(1.3 * (double)i);
}

#endif
