/* A counter is scrambled into 64 random bits: SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number
 * Generators", 2014). Everything else is made of those bits. */
#include "random.h"

#include <math.h>

static uint64_t scramble(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

random_state random_start(uint64_t seed, uint64_t stream)
{
    return (random_state){scramble(seed + scramble(stream + 1))};
}

uint64_t random_bits(random_state *state)
{
    state->counter += UINT64_C(0x9e3779b97f4a7c15); /* 2^64 divided by the golden ratio, made odd */
    return scramble(state->counter);
}

double random_unit(random_state *state) { return (double)(random_bits(state) >> 11) * 0x1p-53; }

size_t random_below(random_state *state, size_t bound)
{
    /* The highest incomplete group of `bound` numbers is thrown away, or small results would be a little more likely. */
    uint64_t groups = UINT64_MAX / bound;
    uint64_t bits;
    do bits = random_bits(state);
    while (bits >= groups * bound);
    return (size_t)(bits % bound);
}

double random_normal(random_state *state)
{
    /* Box and Muller, "A Note on the Generation of Random Normal Deviates", 1958. */
    double radius = sqrt(-2 * log(1 - random_unit(state)));
    return radius * cos(6.283185307179586 * random_unit(state));
}

void random_shuffle(random_state *state, size_t *order, size_t count)
{
    /* Fisher and Yates: the last place gets any of the remaining entries, then the one before it, and so on. */
    for (size_t i = count; i > 1; i--) {
        size_t j = random_below(state, i);
        size_t kept = order[i - 1];
        order[i - 1] = order[j];
        order[j] = kept;
    }
}

void random_glorot(random_state *state, double *weights, size_t fan_out, size_t fan_in)
{
    /* Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010: with this
     * spread, signals going forward and gradients coming back both keep about their size from layer to layer. */
    double bound = sqrt(6.0 / (double)(fan_in + fan_out));
    for (size_t i = 0; i < fan_out * fan_in; i++) weights[i] = bound * (2 * random_unit(state) - 1);
}
