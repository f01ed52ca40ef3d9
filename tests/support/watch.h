/* Observing a sweep and checking that what is shown is the sweep; copying a whole tape. */
#ifndef WG_TESTS_SUPPORT_WATCH_H
#define WG_TESTS_SUPPORT_WATCH_H

#include "wengert.h"

/* What a sweep has shown of each node, by index. */
typedef struct watch_node {
    size_t shown;   /* node calls */
    size_t into;    /* edges to it */
    size_t from;    /* edges from it */
    double *sum;    /* of the contributions to it; NULL: none */
    double largest; /* magnitude among them */
} watch_node;

typedef struct watched {
    wg_tape *tape;
    size_t count, nodes, edges;
    watch_node *node;
    uint32_t last; /* the node shown last */
} watched;

/* wg_observe. Each step is checked as it comes: nodes in falling order, edges from the node shown last, to its inputs in the
 * order of their positions, with its adjoint; and each adjoint is the sum of what was shown to flow into it. gradients may
 * be NULL. */
watched watch(wg_var out, const void *cotangent, const wg_var *wrt, size_t n, void *gradients);
void watch_free(watched *seen);

/* A number of an array of the tape's dtype. */
double watch_number(const wg_tape *tape, const void *numbers, size_t i);

/* Every node of a tape on another one, in an array to be freed. NULL: a tape is in error. */
wg_var *copy_tape(wg_tape *to, wg_tape *from);

#endif
