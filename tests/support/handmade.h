/* Gradients written by hand, with one mistake in them, and what a check has to say of them. A test builds a forward on the
 * tape and computes the backward in loops of its own; here it is supplied at three precisions, with and without the
 * gradients of intermediates, and the causes that are found are held against the one that was made. */
#ifndef WG_TESTS_HANDMADE_H
#define WG_TESTS_HANDMADE_H

#include <wengert.h>

#define HANDMADE_GRADIENTS 24

typedef struct handmade_gradient {
    wg_var var;
    wg_shape shape; /* as supplied */
    double *numbers;
    bool leaf;
} handmade_gradient;

typedef struct handmade {
    wg_tape *tape;
    wg_var loss;
    size_t n, blocks_count;
    handmade_gradient gradients[HANDMADE_GRADIENTS];
    void *blocks[256];
    uint64_t state;
    bool not_in_half;  /* too small a difference */
    bool in_double;    /* alone */
    const char *label; /* printed when something is not as it should be */
} handmade;

handmade *handmade_new(const char *label, uint64_t seed);
void handmade_free(handmade *h);

/* Zeros; numbers spread evenly from low to high. They live as long as the handmade. */
double *handmade_zeros(handmade *h, size_t n);
double *handmade_random(handmade *h, size_t n, double low, double high);

/* A named variable, or constant, with those numbers; names the result of an op. */
wg_var handmade_variable(handmade *h, const char *name, wg_shape shape, const double *numbers);
wg_var handmade_constant(handmade *h, const char *name, wg_shape shape, const double *numbers);
wg_var handmade_named(const char *name, wg_var var);

/* What the hand-written backward has for a value; zeros to be filled in. */
double *handmade_gradient_of(handmade *h, wg_var var);

/* The same in a shape that is not the value's; after a call of handmade_gradient_of for it, in the place of that. */
double *handmade_gradient_shaped(handmade *h, wg_var var, wg_shape shape);

/* c (m, n) = a (m, k) b (k, n), with either transposed in memory where asked. */
void handmade_product(
    double *c, const double *a, bool a_turned, const double *b, bool b_turned, size_t m, size_t k, size_t n);

/* The gradients are right, or right but for a convention. */
void handmade_expect_right(handmade *h);
void handmade_expect_kink(handmade *h);
/* Among the causes that explain best is this one, on that edge, in every precision and with and without intermediates. */
void handmade_expect(handmade *h, wg_cause cause, wg_var from, wg_var to);
/* The same on any edge, and of every mistake that is told apart; nothing is left unexplained. */
void handmade_expect_cause(handmade *h, wg_cause cause);
/* The same on any edge, of the first mistake. */
void handmade_expect_first(handmade *h, wg_cause cause);
/* The same of a cause with a factor, wherever along a stretch of the sweep it is. */
void handmade_expect_factor(handmade *h, wg_cause cause, double factor);

/* The n-th op of a kind, from 0, or its input. */
wg_var handmade_find(const handmade *h, const char *kind, size_t n);
wg_var handmade_find_input(const handmade *h, const char *kind, size_t n);

#endif
