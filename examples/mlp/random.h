/* Random numbers from a seed: the same seed gives the same net, the same shuffles and the same printed numbers on every
 * machine. */
#ifndef MLP_RANDOM_H
#define MLP_RANDOM_H

#include <stddef.h>
#include <stdint.h>

typedef struct random_state {
    uint64_t counter;
} random_state;

/* A generator for one purpose. Streams of one seed are unrelated, so that another shuffle leaves the weights alone. */
random_state random_start(uint64_t seed, uint64_t stream);
uint64_t random_bits(random_state *state);
double random_unit(random_state *state);                /* uniform in [0, 1) */
size_t random_below(random_state *state, size_t bound); /* uniform in 0 .. bound - 1; bound > 0 */
double random_normal(random_state *state);              /* mean 0, variance 1 */
void random_shuffle(random_state *state, size_t *order, size_t count);

/* Weights (fan_out, fan_in), uniform in +-sqrt(6 / (fan_in + fan_out)). */
void random_glorot(random_state *state, double *weights, size_t fan_out, size_t fan_in);

#endif
