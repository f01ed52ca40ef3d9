/* A tape for scalars that has nothing but what a gradient needs, as a limit to compare with: no checks, no growth, no
 * replay, first derivatives alone. A node holds the two partial derivatives, computed while recording, and where its
 * operands stand; 24 bytes, and 8 for the adjoint.
 *
 * The sweep carries the adjoint of the node it comes to next in a register, since an operand is often the node before: a sum
 * that goes through memory makes each step wait for the store of the last. It zeroes the adjoints behind it. */
#ifndef WG_BENCH_STRIPPED_TAPE_H
#define WG_BENCH_STRIPPED_TAPE_H

#include "support/bench.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

typedef struct stripped_node {
    double by_a, by_b;
    uint32_t a, b; /* 0: none; node 0 is nobody's */
} stripped_node;

typedef struct stripped_tape {
    stripped_node *nodes;
    double *adjoints;
    uint32_t length, leaves; /* nodes 1 to leaves are inputs */
    uint32_t results;        /* adjoints up to here may be other than zero */
} stripped_tape;

typedef struct stripped {
    double value;
    uint32_t at;
} stripped;

static inline void stripped_open(stripped_tape *t, size_t most)
{
    t->nodes = bench_memory(most * sizeof *t->nodes);
    t->adjoints = bench_memory(most * sizeof *t->adjoints);
    t->length = 1;
}

static inline void stripped_close(stripped_tape *t)
{
    free(t->nodes);
    free(t->adjoints);
}

static inline stripped stripped_push(stripped_tape *t, double value, uint32_t a, double by_a, uint32_t b, double by_b)
{
    uint32_t at = t->length++;
    t->nodes[at] = (stripped_node){by_a, by_b, a, b};
    return (stripped){value, at};
}

static inline stripped stripped_value(stripped_tape *t, double value) { return stripped_push(t, value, 0, 0, 0, 0); }
static inline stripped stripped_add(stripped_tape *t, stripped x, stripped y)
{
    return stripped_push(t, x.value + y.value, x.at, 1, y.at, 1);
}
static inline stripped stripped_sub(stripped_tape *t, stripped x, stripped y)
{
    return stripped_push(t, x.value - y.value, x.at, 1, y.at, -1);
}
static inline stripped stripped_mul(stripped_tape *t, stripped x, stripped y)
{
    return stripped_push(t, x.value * y.value, x.at, y.value, y.at, x.value);
}
static inline stripped stripped_scale(stripped_tape *t, double k, stripped x)
{
    return stripped_push(t, k * x.value, x.at, k, 0, 0);
}
static inline stripped stripped_from(stripped_tape *t, double k, stripped x)
{
    return stripped_push(t, k - x.value, x.at, -1, 0, 0);
}
static inline stripped stripped_over(stripped_tape *t, double k, stripped x)
{
    double y = k / x.value;
    return stripped_push(t, y, x.at, -y / x.value, 0, 0);
}
static inline stripped stripped_sin(stripped_tape *t, stripped x)
{
    return stripped_push(t, sin(x.value), x.at, cos(x.value), 0, 0);
}
static inline stripped stripped_exp(stripped_tape *t, stripped x)
{
    double y = exp(x.value);
    return stripped_push(t, y, x.at, y, 0, 0);
}

/* The gradient of the last node, left in the adjoints of the leaves. */
static inline void stripped_sweep(stripped_tape *t)
{
    double *adjoints = t->adjoints, carried = 1;
    if (t->results < t->leaves) t->results = t->leaves;
    for (uint32_t i = 0; i <= t->results; i++) adjoints[i] = 0;
    t->results = t->leaves;
    for (uint32_t i = t->length - 1; i > t->leaves; i--) {
        const stripped_node *node = &t->nodes[i];
        double g = carried;
        carried = adjoints[i - 1];
        if (i - 1 > t->leaves) adjoints[i - 1] = 0;
        if (node->a == i - 1)
            carried += g * node->by_a;
        else if (node->a)
            adjoints[node->a] += g * node->by_a;
        if (node->b == i - 1)
            carried += g * node->by_b;
        else if (node->b)
            adjoints[node->b] += g * node->by_b;
    }
    adjoints[t->leaves] = carried;
}

#endif
