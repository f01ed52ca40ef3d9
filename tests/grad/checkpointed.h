/* Functions to checkpoint. */
#ifndef WG_TESTS_GRAD_CHECKPOINTED_H
#define WG_TESTS_GRAD_CHECKPOINTED_H

#include "grad/expect.h"
#include "op/numbers.h"

/* Scalars: user counts the steps y = sin(y + b) y. */
static inline wg_var swing(wg_tape *t, void *user, const wg_var *in, size_t n)
{
    (void)t;
    (void)n;
    wg_var y = in[0];
    for (int i = 0; i < *(const int *)user; i++) y = wg_mul(wg_sin(wg_add(y, in[1])), y);
    return y;
}

/* f = x^3 y: H = [6 x y, 3 x^2; 3 x^2, 0], third derivatives 6 y and 6 x; at (2, 5). */
static inline wg_var cube(wg_tape *t, void *user, const wg_var *in, size_t n)
{
    (void)t;
    (void)user;
    (void)n;
    return wg_mul(wg_mul(wg_square(in[0]), in[0]), in[1]);
}

/* An argument handed back. */
static inline wg_var hand_back(wg_tape *t, void *user, const wg_var *in, size_t n)
{
    (void)t;
    (void)user;
    (void)n;
    return in[0];
}

#endif
