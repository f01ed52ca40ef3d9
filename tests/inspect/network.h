/* A 2-layer network with every value at hand, and what the tests of observed sweeps share. */
#ifndef WG_TESTS_INSPECT_NETWORK_H
#define WG_TESTS_INSPECT_NETWORK_H

#include "op/numbers.h"

enum { FEATURES = 2, HIDDEN = 4, SAMPLES = 3 };

typedef struct network {
    wg_tape *t;
    wg_var X, Y, W1, b1, W2, b2, Z1, A1, Z2, A2, loss;
} network;

static inline network network_new(const wg_tape_options *options)
{
    network m = {.t = wg_tape_new_with(options, NULL)};
    m.X = wg_constant_f64(m.t, WG_DIMS(FEATURES, SAMPLES), (double[]){0.5, -1, 2, 1, 0.25, -0.5});
    m.Y = wg_constant_f64(m.t, WG_DIMS(1, SAMPLES), (double[]){1, 0, 1});
    m.W1 = wg_variable_f64(m.t, WG_DIMS(HIDDEN, FEATURES), (double[]){0.1, -0.4, 0.7, 0.2, -0.3, 0.9, 0.5, -0.6});
    m.b1 = wg_variable_f64(m.t, WG_DIMS(HIDDEN, 1), (double[]){0.1, 0.2, -0.1, 0});
    m.W2 = wg_variable_f64(m.t, WG_DIMS(1, HIDDEN), (double[]){1, -0.5, 0.25, 0.8});
    m.b2 = wg_variable_f64(m.t, WG_DIMS(1, 1), (double[]){-0.2});
    m.Z1 = wg_add(wg_matmul(m.W1, m.X), m.b1);
    m.A1 = wg_sigmoid(m.Z1);
    m.Z2 = wg_add(wg_matmul(m.W2, m.A1), m.b2);
    m.A2 = wg_sigmoid(m.Z2);
    m.loss = wg_mse(m.A2, m.Y, WG_BATCH_MEAN);
    return m;
}

/* The backward pass by hand, as it is taught: dZ2 = dA2 A2 (1 - A2), dW2 = dZ2 A1^T, db2 = the sum of dZ2 over the samples,
 * dA1 = W2^T dZ2, dZ1 = dA1 A1 (1 - A1), dW1 = dZ1 X^T, db1 = the sum of dZ1. */
typedef struct by_hand {
    double dA2[SAMPLES], dZ2[SAMPLES], dW2[HIDDEN], db2, dA1[HIDDEN * SAMPLES], dZ1[HIDDEN * SAMPLES];
    double dW1[HIDDEN * FEATURES], db1[HIDDEN];
} by_hand;

/* From dA1 on; from what is in it. */
static inline void by_hand_first_layer(const network *m, by_hand *g)
{
    for (size_t i = 0; i < HIDDEN * SAMPLES; i++) g->dZ1[i] = g->dA1[i] * wg_at(m->A1, i) * (1 - wg_at(m->A1, i));
    for (size_t i = 0; i < HIDDEN; i++) {
        g->db1[i] = 0;
        for (size_t s = 0; s < SAMPLES; s++) g->db1[i] += g->dZ1[i * SAMPLES + s];
        for (size_t f = 0; f < FEATURES; f++) {
            double *d = &g->dW1[i * FEATURES + f];
            *d = 0;
            for (size_t s = 0; s < SAMPLES; s++) *d += g->dZ1[i * SAMPLES + s] * wg_at(m->X, f * SAMPLES + s);
        }
    }
}

/* From dZ2 on. */
static inline void by_hand_second_layer(const network *m, by_hand *g)
{
    g->db2 = 0;
    for (size_t s = 0; s < SAMPLES; s++) g->db2 += g->dZ2[s];
    for (size_t i = 0; i < HIDDEN; i++) {
        g->dW2[i] = 0;
        for (size_t s = 0; s < SAMPLES; s++) {
            g->dW2[i] += g->dZ2[s] * wg_at(m->A1, i * SAMPLES + s);
            g->dA1[i * SAMPLES + s] = wg_at(m->W2, i) * g->dZ2[s];
        }
    }
    by_hand_first_layer(m, g);
}

static inline by_hand by_hand_all(const network *m)
{
    by_hand g;
    for (size_t s = 0; s < SAMPLES; s++) {
        double a = wg_at(m->A2, s);
        g.dA2[s] = 2 * (a - wg_at(m->Y, s)) / SAMPLES;
        g.dZ2[s] = g.dA2[s] * a * (1 - a);
    }
    by_hand_second_layer(m, &g);
    return g;
}

enum { PARAMETERS = HIDDEN * FEATURES + HIDDEN + HIDDEN + 1 };

/* The gradients for W1, b1, W2, b2, in a row, are those. */
#define EXPECT_HAND(m, gradients, g) expect_hand(m, gradients, g, __FILE__, __LINE__)
static inline void expect_hand(const network *m, const void *gradients, const by_hand *g, const char *file, int line)
{
    double want[PARAMETERS];
    memcpy(want, g->dW1, sizeof g->dW1);
    memcpy(want + 8, g->db1, sizeof g->db1);
    memcpy(want + 12, g->dW2, sizeof g->dW2);
    want[16] = g->db2;
    wg_dtype dtype = wg_tape_dtype(m->t);
    for (size_t i = 0; i < PARAMETERS; i++)
        close_is(get(dtype, gradients, i), want[i], roundings(dtype, 32) * (1 + 1 / (fabs(want[i]) + 1e-300)),
            "a parameter's gradient", file, line);
}

/* An observer that acts where one edge or one node is shown. */
typedef struct act {
    wg_tape *t;
    wg_var from, to; /* edges from one to the other; from {0}: any */
    size_t position; /* SIZE_MAX: any */
    wg_var node;     /* nodes */
    wg_status (*at_edge)(struct act *a, const wg_edge *edge);
    wg_status (*at_node)(struct act *a, void *adjoint);
    double number;
    size_t edges, nodes; /* how many were shown */
} act;

static inline wg_status act_edge(void *user, const wg_edge *edge)
{
    act *a = user;
    if (!a->at_edge || edge->to.index != a->to.index) return WG_OK;
    if (a->from.tape && edge->from.index != a->from.index) return WG_OK;
    if (a->position != SIZE_MAX && edge->position != a->position) return WG_OK;
    a->edges++;
    return a->at_edge(a, edge);
}

static inline wg_status act_node(void *user, wg_var node, void *adjoint)
{
    act *a = user;
    if (!a->at_node || node.index != a->node.index) return WG_OK;
    a->nodes++;
    return a->at_node(a, adjoint);
}

static inline wg_status act_observe(act *a, wg_var out, const wg_var *wrt, size_t n, void *gradients)
{
    wg_observer observer = {act_node, act_edge, a};
    a->t = out.tape;
    return wg_observe(out, NULL, wrt, n, gradients, &observer);
}

/* The tape works as if nothing had been. */
static inline void network_works(const network *m)
{
    wg_var wrt[] = {m->W1, m->b1, m->W2, m->b2};
    double gradients[PARAMETERS];
    EXPECT_HEALTHY(m->t);
    const by_hand right = by_hand_all(m);
    assert_int_equal(wg_observe(m->loss, NULL, wrt, 4, gradients, &(wg_observer){0}), WG_OK);
    EXPECT_HAND(m, gradients, &right);
    for (size_t i = 0; i < HIDDEN; i++) EXPECT_CLOSE(wg_grad_at(m->W2, i), 0, 0);
    assert_int_equal(wg_backward(m->loss), WG_OK);
    for (size_t i = 0; i < HIDDEN; i++)
        EXPECT_CLOSE(wg_grad_at(m->W2, i), right.dW2[i], roundings(wg_tape_dtype(m->t), 64));
    assert_int_equal(wg_zero_grad(m->t), WG_OK);
}

#endif
