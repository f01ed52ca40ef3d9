/* The same net as in hand.h, written on the tape, and one step of its training. */
#ifndef MLP_MODEL_H
#define MLP_MODEL_H

#include "hand.h"
#include "random.h"

#include <wengert.h>

/* The parameters live on the tape from the beginning; the mark behind them is where every step starts and is dropped. */
typedef struct model {
    wg_tape *tape;
    size_t n, h, k;
    wg_var W1, b1, W2, b2;
    wg_mark mark;
} model;

/* What one forward pass records. */
typedef struct pass {
    wg_var X, Y, Z1, A1, Z2, A2, L;
} pass;

/* A function that returns bool has told stderr what went wrong before it returns false. */
bool model_new(model *net, wg_dtype dtype, size_t n, size_t h, size_t k); /* all parameters zero */
void model_free(model *net);
bool model_set(model *net, const double *W1, const double *b1, const double *W2, const double *b2); /* NULL: as it is */
bool model_glorot(model *net, random_state *random); /* random weights; the biases stay as they are */
bool model_failed(const model *net);                 /* tells the tape's message; returns false */

/* Records a forward pass over m samples, the columns of X (n, m) and Y (k, m). */
bool model_record(model *net, pass *p, const double *X, const double *Y, size_t m, wg_reduction reduction);

/* Zeroes all gradients, then sweeps back from the loss. With `intermediates`, Z1, A1, Z2 and A2 keep theirs too. */
bool model_backward(model *net, const pass *p, bool intermediates);

/* Drops the pass and goes downhill: W -= rate dW, b -= rate db. */
bool model_descend(model *net, double rate);

/* Record, backward, descend; the loss that was found on the way. */
bool model_step(model *net, const double *X, const double *Y, size_t m, double rate, double *loss);

/* The var that hand.h calls `which`; for a gradient, the var whose gradient it is. */
wg_var model_var(const model *net, const pass *p, hand_array which);
double model_at(const model *net, const pass *p, hand_array which, size_t flat_index);

/* Gives the hand-derived net the model's parameters, as they are now. */
void model_give(const model *net, hand_net *hand);

#endif
