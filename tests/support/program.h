/* Random programs: a list of ops on earlier values, scalars and arrays mixed, smooth and bounded where they are used, so that
 * differences are accurate. */
#ifndef WG_TESTS_SUPPORT_PROGRAM_H
#define WG_TESTS_SUPPORT_PROGRAM_H

#include "support/array.h"

enum { LEAVES = 4, STEPS = 24, VALUES = LEAVES + STEPS, ELEMENTS = 32 };

/* op on values a and b, and, unless it is NO_OP, then on what comes of that and b. */
enum { NO_OP = -1 };
typedef struct step {
    int op, then;
    uint32_t a, b;
} step;

typedef struct program {
    wg_shape shape[LEAVES];
    double value[LEAVES][ELEMENTS];
    step steps[STEPS];
} program;

/* How to run one: with names, addresses and retained gradients taken at random; with checkpoints around random steps. */
typedef struct manner {
    bool meddling, checkpoints;
    random_state *random;
} manner;

void program_write(program *p, uint64_t seed);

/* Whether it has a detached value, which differences of the program see and its gradient does not. */
bool program_detaches(const program *p);

void program_leaves(const program *p, wg_tape *t, wg_var *leaves);

/* The sum of the means of all values; unless values is NULL, the VALUES themselves too. A checkpoint refers to p. */
wg_var program_run(const program *p, wg_tape *t, const wg_var *leaves, manner how, wg_var *values);

#endif
