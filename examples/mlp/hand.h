/* The 2-layer net and its backward pass as one derives them on paper, in plain C on plain arrays. Nothing here knows the
 * tape: these are the numbers that the tape's gradients are held against.
 *
 *     Z1 = W1 X + b1    A1 = sigmoid(Z1)    Z2 = W2 A1 + b2    A2 = sigmoid(Z2)    L = sum (A2 - Y)^2 / divisor
 *
 * A sample is a column: X is (n, m), A1 (h, m), A2 and Y (k, m). A gradient has the shape of its value. */
#ifndef MLP_HAND_H
#define MLP_HAND_H

#include <stdbool.h>
#include <stddef.h>

/* Every array of the net. Gradients stand in the order in which the backward pass finds them. */
typedef enum hand_array {
    HAND_X,
    HAND_Y,
    HAND_W1,
    HAND_B1,
    HAND_W2,
    HAND_B2, /* given */
    HAND_Z1,
    HAND_A1,
    HAND_Z2,
    HAND_A2,
    HAND_L, /* forward */
    HAND_DA2,
    HAND_DZ2,
    HAND_DW2,
    HAND_DB2,
    HAND_DA1,
    HAND_DZ1,
    HAND_DW1,
    HAND_DB1, /* backward */
    HAND_ARRAYS
} hand_array;

typedef struct hand_net {
    size_t n, h, k, m;        /* features, hidden, outputs, samples */
    bool single;              /* the arrays are of float, otherwise of double */
    double divisor;           /* of the loss: m for the mean over samples, k m for the mean over all elements */
    void *array[HAND_ARRAYS]; /* row-major */
} hand_net;

bool hand_new(hand_net *net, size_t n, size_t h, size_t k, size_t m, bool single); /* false: out of memory, told */
void hand_free(hand_net *net);
const char *hand_name(hand_array which);    /* "W1", "dW1", ... */
const char *hand_formula(hand_array which); /* of a gradient: "dZ2 A1^T", ...; otherwise "" */
size_t hand_rows(const hand_net *net, hand_array which);
size_t hand_columns(const hand_net *net, hand_array which);
size_t hand_count(const hand_net *net, hand_array which); /* rows times columns */
bool hand_is_gradient(hand_array which);
double hand_at(const hand_net *net, hand_array which, size_t flat_index);
void hand_set(hand_net *net, hand_array which, size_t flat_index, double value);

void hand_forward(hand_net *net);           /* Z1 .. L from X, Y, W1, b1, W2, b2 */
void hand_backward(hand_net *net);          /* dA2 .. db1, after hand_forward */
void hand_step(hand_net *net, double rate); /* W -= rate dW, b -= rate db */

/* The three products of a backward pass, C = A B, A^T B, A B^T, and the sigmoid; for float as well. */
void hand_mul_f64(double *C, const double *A, const double *B, size_t rows, size_t inner, size_t columns);
void hand_mul_at_f64(double *C, const double *A, const double *B, size_t rows, size_t inner, size_t columns);
void hand_mul_bt_f64(double *C, const double *A, const double *B, size_t rows, size_t inner, size_t columns);
double hand_sigmoid_f64(double x);

#endif
