/* The net on the tape. Its forward pass is four lines of mathematics; the backward pass is one call. */
#include "model.h"

#include <stdio.h>
#include <stdlib.h>

bool model_failed(const model *net)
{
    fprintf(stderr, "wengert-mlp: %s: %s\n", wg_status_name(wg_tape_status(net->tape)), wg_tape_message(net->tape));
    return false;
}

bool model_new(model *net, wg_dtype dtype, size_t n, size_t h, size_t k)
{
    wg_tape *tape = wg_tape_new(dtype);
    *net = (model){.tape = tape, .n = n, .h = h, .k = k};
    net->W1 = wg_name(wg_variable(tape, WG_DIMS(h, n), (void *)NULL), "W1");
    net->b1 = wg_name(wg_variable(tape, WG_DIMS(h, 1), (void *)NULL), "b1");
    net->W2 = wg_name(wg_variable(tape, WG_DIMS(k, h), (void *)NULL), "W2");
    net->b2 = wg_name(wg_variable(tape, WG_DIMS(k, 1), (void *)NULL), "b2");
    net->mark = wg_tape_mark(tape);
    if (tape == NULL) fprintf(stderr, "wengert-mlp: out of memory\n");
    return tape != NULL && (wg_tape_status(tape) == WG_OK || model_failed(net));
}

void model_free(model *net)
{
    wg_tape_free(net->tape);
    net->tape = NULL;
}

bool model_set(model *net, const double *W1, const double *b1, const double *W2, const double *b2)
{
    if (W1 != NULL) wg_set_value(net->W1, W1);
    if (b1 != NULL) wg_set_value(net->b1, b1);
    if (W2 != NULL) wg_set_value(net->W2, W2);
    if (b2 != NULL) wg_set_value(net->b2, b2);
    return wg_tape_status(net->tape) == WG_OK || model_failed(net);
}

bool model_glorot(model *net, random_state *random)
{
    double *W1 = calloc(net->h * net->n + 1, sizeof *W1), *W2 = calloc(net->k * net->h + 1, sizeof *W2);
    bool good = W1 != NULL && W2 != NULL;
    if (good) {
        random_glorot(random, W1, net->h, net->n);
        random_glorot(random, W2, net->k, net->h);
        good = model_set(net, W1, NULL, W2, NULL);
    } else {
        fprintf(stderr, "wengert-mlp: out of memory\n");
    }
    free(W1);
    free(W2);
    return good;
}

bool model_record(model *net, pass *p, const double *X, const double *Y, size_t m, wg_reduction reduction)
{
    p->X = wg_name(wg_constant(net->tape, WG_DIMS(net->n, m), X), "X");
    p->Y = wg_name(wg_constant(net->tape, WG_DIMS(net->k, m), Y), "Y");

    p->Z1 = wg_add(wg_matmul(net->W1, p->X), net->b1);
    p->A1 = wg_sigmoid(p->Z1);
    p->Z2 = wg_add(wg_matmul(net->W2, p->A1), net->b2);
    p->A2 = wg_sigmoid(p->Z2);
    p->L = wg_mse(p->A2, p->Y, reduction);

    return wg_tape_status(net->tape) == WG_OK || model_failed(net);
}

bool model_backward(model *net, const pass *p, bool intermediates)
{
    if (intermediates) {
        wg_retain_grad(p->Z1);
        wg_retain_grad(p->A1);
        wg_retain_grad(p->Z2);
        wg_retain_grad(p->A2);
    }
    if (wg_zero_grad(net->tape) || wg_backward(p->L)) return model_failed(net);
    return true;
}

static bool descend(wg_var leaf, double rate)
{
    const void *gradient = wg_grad(leaf);
    void *value = wg_value_mut(leaf);
    if (gradient == NULL || value == NULL) return false;
    size_t count = wg_size(leaf);
    if (wg_tape_dtype(leaf.tape) == WG_F64) {
        const double *g = gradient;
        double *v = value;
        for (size_t i = 0; i < count; i++) v[i] -= rate * g[i];
    } else {
        const float *g = gradient;
        float *v = value;
        for (size_t i = 0; i < count; i++) v[i] -= (float)rate * g[i];
    }
    return true;
}

bool model_descend(model *net, double rate)
{
    /* Rewound first: a parameter changed under a recorded pass would leave that pass stale. */
    bool good = wg_tape_rewind(net->tape, net->mark) == WG_OK && descend(net->W1, rate) && descend(net->b1, rate) &&
                descend(net->W2, rate) && descend(net->b2, rate);
    return good || model_failed(net);
}

bool model_step(model *net, const double *X, const double *Y, size_t m, double rate, double *loss)
{
    pass p;
    if (!model_record(net, &p, X, Y, m, WG_BATCH_MEAN) || !model_backward(net, &p, false)) return false;
    *loss = wg_item(p.L);
    return model_descend(net, rate);
}

wg_var model_var(const model *net, const pass *p, hand_array which)
{
    switch (which) {
    case HAND_X:
        return p->X;
    case HAND_Y:
        return p->Y;
    case HAND_W1:
    case HAND_DW1:
        return net->W1;
    case HAND_B1:
    case HAND_DB1:
        return net->b1;
    case HAND_W2:
    case HAND_DW2:
        return net->W2;
    case HAND_B2:
    case HAND_DB2:
        return net->b2;
    case HAND_Z1:
    case HAND_DZ1:
        return p->Z1;
    case HAND_A1:
    case HAND_DA1:
        return p->A1;
    case HAND_Z2:
    case HAND_DZ2:
        return p->Z2;
    case HAND_A2:
    case HAND_DA2:
        return p->A2;
    case HAND_L:
        return p->L;
    case HAND_ARRAYS:
        break;
    }
    return (wg_var){0};
}

double model_at(const model *net, const pass *p, hand_array which, size_t flat_index)
{
    wg_var var = model_var(net, p, which);
    return hand_is_gradient(which) ? wg_grad_at(var, flat_index) : wg_at(var, flat_index);
}

void model_give(const model *net, hand_net *hand)
{
    static const pass none;
    for (int which = HAND_W1; which <= HAND_B2; which++) {
        size_t count = hand_count(hand, (hand_array)which);
        for (size_t i = 0; i < count; i++)
            hand_set(hand, (hand_array)which, i, model_at(net, &none, (hand_array)which, i));
    }
}
