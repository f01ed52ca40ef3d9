/* The net on paper: its arrays, their names and shapes. The formulas themselves stand in hand_body.h, which is compiled
 * here for double and for float. */
#include "hand.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* The float twins of what hand.h declares for double; only this file calls them. */
static float hand_sigmoid_f32(float x);
static void hand_mul_f32(float *C, const float *A, const float *B, size_t rows, size_t inner, size_t columns);
static void hand_mul_at_f32(float *C, const float *A, const float *B, size_t rows, size_t inner, size_t columns);
static void hand_mul_bt_f32(float *C, const float *A, const float *B, size_t rows, size_t inner, size_t columns);

#define REAL     double
#define FN(name) name##_f64
#include "hand_body.h"
#undef REAL
#undef FN

#define REAL     float
#define FN(name) name##_f32
#include "hand_body.h"
#undef REAL
#undef FN

/* The extents of each array: one of the four sizes, or 1. */
typedef enum extent { ONE, FEATURES, HIDDEN, OUTPUTS, SAMPLES } extent;

static const struct {
    const char *name, *formula;
    extent rows, columns;
} arrays[HAND_ARRAYS] = {
    [HAND_X] = {"X", "", FEATURES, SAMPLES},
    [HAND_Y] = {"Y", "", OUTPUTS, SAMPLES},
    [HAND_W1] = {"W1", "", HIDDEN, FEATURES},
    [HAND_B1] = {"b1", "", HIDDEN, ONE},
    [HAND_W2] = {"W2", "", OUTPUTS, HIDDEN},
    [HAND_B2] = {"b2", "", OUTPUTS, ONE},
    [HAND_Z1] = {"Z1", "", HIDDEN, SAMPLES},
    [HAND_A1] = {"A1", "", HIDDEN, SAMPLES},
    [HAND_Z2] = {"Z2", "", OUTPUTS, SAMPLES},
    [HAND_A2] = {"A2", "", OUTPUTS, SAMPLES},
    [HAND_L] = {"L", "", ONE, ONE},
    [HAND_DA2] = {"dA2", "2/m (A2 - Y)", OUTPUTS, SAMPLES},
    [HAND_DZ2] = {"dZ2", "dA2 * A2 (1 - A2)", OUTPUTS, SAMPLES},
    [HAND_DW2] = {"dW2", "dZ2 A1^T", OUTPUTS, HIDDEN},
    [HAND_DB2] = {"db2", "row sums of dZ2", OUTPUTS, ONE},
    [HAND_DA1] = {"dA1", "W2^T dZ2", HIDDEN, SAMPLES},
    [HAND_DZ1] = {"dZ1", "dA1 * A1 (1 - A1)", HIDDEN, SAMPLES},
    [HAND_DW1] = {"dW1", "dZ1 X^T", HIDDEN, FEATURES},
    [HAND_DB1] = {"db1", "row sums of dZ1", HIDDEN, ONE},
};

static size_t extent_of(const hand_net *net, extent which)
{
    const size_t sizes[] = {1, net->n, net->h, net->k, net->m};
    return sizes[which];
}

const char *hand_name(hand_array which) { return arrays[which].name; }
const char *hand_formula(hand_array which) { return arrays[which].formula; }
size_t hand_rows(const hand_net *net, hand_array which) { return extent_of(net, arrays[which].rows); }
size_t hand_columns(const hand_net *net, hand_array which) { return extent_of(net, arrays[which].columns); }

size_t hand_count(const hand_net *net, hand_array which) { return hand_rows(net, which) * hand_columns(net, which); }
bool hand_is_gradient(hand_array which) { return which >= HAND_DA2; }

bool hand_new(hand_net *net, size_t n, size_t h, size_t k, size_t m, bool single)
{
    *net = (hand_net){.n = n, .h = h, .k = k, .m = m, .single = single, .divisor = (double)m};
    for (int which = 0; which < HAND_ARRAYS; which++) {
        net->array[which] = calloc(hand_count(net, (hand_array)which), single ? sizeof(float) : sizeof(double));
        if (net->array[which] == NULL) {
            fprintf(stderr, "wengert-mlp: out of memory\n");
            hand_free(net);
            return false;
        }
    }
    return true;
}

void hand_free(hand_net *net)
{
    for (int which = 0; which < HAND_ARRAYS; which++) {
        free(net->array[which]);
        net->array[which] = NULL;
    }
}

double hand_at(const hand_net *net, hand_array which, size_t flat_index)
{
    if (net->single) return (double)((const float *)net->array[which])[flat_index];
    return ((const double *)net->array[which])[flat_index];
}

void hand_set(hand_net *net, hand_array which, size_t flat_index, double value)
{
    if (net->single)
        ((float *)net->array[which])[flat_index] = (float)value;
    else
        ((double *)net->array[which])[flat_index] = value;
}

void hand_forward(hand_net *net)
{
    if (net->single)
        forward_f32(net);
    else
        forward_f64(net);
}

void hand_backward(hand_net *net)
{
    if (net->single)
        backward_f32(net);
    else
        backward_f64(net);
}

void hand_step(hand_net *net, double rate)
{
    static const hand_array pairs[][2] = {
        {HAND_W1, HAND_DW1}, {HAND_B1, HAND_DB1}, {HAND_W2, HAND_DW2}, {HAND_B2, HAND_DB2}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        void *value = net->array[pairs[i][0]];
        const void *gradient = net->array[pairs[i][1]];
        if (net->single)
            descend_f32(value, gradient, hand_count(net, pairs[i][0]), rate);
        else
            descend_f64(value, gradient, hand_count(net, pairs[i][0]), rate);
    }
}
