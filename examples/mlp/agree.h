/* Holding the tape's numbers against others, and keeping count. */
#ifndef MLP_AGREE_H
#define MLP_AGREE_H

#include "model.h"

typedef struct tally {
    size_t compared, differed;
} tally;

/* The greatest relative difference that rounding excuses: 1e-12 for F64, 1e-5 for F32. */
double agree_tolerance(wg_dtype dtype);

/* norm(tape - hand) / norm(hand), Euclidean, over a whole array; norm(tape) when the hand's is zero. */
double agree_difference(const model *net, const pass *p, const hand_net *hand, hand_array which);

/* The same for two plain arrays. */
double agree_arrays(const double *tape, const double *hand, size_t count);

/* Counts the comparison; "ok", or "DIFFERS" when the difference is above the tolerance or not a number. */
const char *agree(tally *t, double difference, double tolerance);

#endif
