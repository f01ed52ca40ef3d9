/* One slip in code that is used several times: in each of three hidden layers, or at each step of time. The gradients of the
 * variables alone are supplied, and those of the intermediates too. */
#include "support/handmade.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

typedef enum slip {
    RIGHT,
    SLOPE_LEFT_OUT, /* dZ = dA */
    SLOPE_AT_A,     /* dZ = dA (1 - tanh^2 A) */
    SLOPE_AT_Z,     /* dZ = dA (1 - Z^2) */
    NOT_TRANSPOSED, /* dA = W dZ, the W of hidden layers being square */
    Z_FOR_A,        /* dW = dZ Z^T, of the layer below */
    STATE_AFTER,    /* recurrent: dWh of the state after the step */
    SLIPS
} slip;

static const char *const labels[SLIPS] = {
    "right", "slope left out", "slope at a", "slope of z", "not transposed", "z for a", "the state after"};

static double slope(slip made, double z, double a)
{
    double at = made == SLOPE_AT_A ? tanh(a) : made == SLOPE_AT_Z ? z : a;
    return made == SLOPE_LEFT_OUT ? 1 : 1 - at * at;
}

/* ---- layers -------------------------------------------------------------------------------------------------------------------- */

/* Four layers, Ak = tanh Zk, the last without tanh; all as wide. */
typedef struct layers {
    handmade *h;
    size_t width, samples;
    wg_var x, y, w[5], b[5], z[5], a[5];
} layers;

static layers layers_forward(handmade *h, size_t width, size_t samples)
{
    static const char *const w[] = {"", "W1", "W2", "W3", "W4"}, *const b[] = {"", "b1", "b2", "b3", "b4"};
    static const char *const z[] = {"", "Z1", "Z2", "Z3", "Z4"}, *const a[] = {"", "A1", "A2", "A3"};
    layers n = {.h = h, .width = width, .samples = samples};
    n.x = handmade_constant(h, "X", WG_DIMS(width, samples), handmade_random(h, width * samples, -1, 1));
    n.y = handmade_constant(h, "Y", WG_DIMS(width, samples), handmade_random(h, width * samples, -1, 1));
    n.a[0] = n.x;
    for (int k = 1; k <= 4; k++) {
        n.w[k] = handmade_variable(h, w[k], WG_DIMS(width, width), handmade_random(h, width * width, -1, 1));
        n.b[k] = handmade_variable(h, b[k], WG_DIMS(width, 1), handmade_random(h, width, -1, 1));
        n.z[k] = handmade_named(z[k], wg_add(wg_matmul(n.w[k], n.a[k - 1]), n.b[k]));
        if (k < 4) n.a[k] = handmade_named(a[k], wg_tanh(n.z[k]));
    }
    h->loss = handmade_named("L", wg_mse(n.z[4], n.y, WG_BATCH_MEAN));
    return n;
}

static void layers_backward(layers *n, slip made)
{
    handmade *h = n->h;
    size_t size = n->width * n->samples, w = n->width, m = n->samples;
    double *dz = handmade_gradient_of(h, n->z[4]);
    for (size_t i = 0; i < size; i++) dz[i] = 2 * (wg_value_f64(n->z[4])[i] - wg_value_f64(n->y)[i]) / (double)m;
    for (int k = 4; k >= 1; k--) {
        double *dw = handmade_gradient_of(h, n->w[k]), *db = handmade_gradient_of(h, n->b[k]);
        wg_var input = made == Z_FOR_A && k > 1 ? n->z[k - 1] : n->a[k - 1];
        handmade_product(dw, dz, false, wg_value_f64(input), true, w, m, w);
        for (size_t i = 0; i < size; i++) db[i / m] += dz[i];
        if (k == 1) return;
        double *da = handmade_gradient_of(h, n->a[k - 1]), *below = handmade_gradient_of(h, n->z[k - 1]);
        handmade_product(da, wg_value_f64(n->w[k]), made != NOT_TRANSPOSED, dz, false, w, w, m);
        const double *z = wg_value_f64(n->z[k - 1]), *a = wg_value_f64(n->a[k - 1]);
        for (size_t i = 0; i < size; i++) below[i] = da[i] * slope(made, z[i], a[i]);
        dz = below;
    }
}

static const wg_cause layers_causes[SLIPS] = {WG_CAUSE_UNKNOWN, WG_CAUSE_ACTIVATION_MISSING,
    WG_CAUSE_ACTIVATION_AT_WRONG_VALUE, WG_CAUSE_ACTIVATION_AT_WRONG_VALUE, WG_CAUSE_WEIGHT_NOT_TRANSPOSED,
    WG_CAUSE_WRONG_OPERAND, WG_CAUSE_UNKNOWN};

static void in_every_layer(void **state)
{
    (void)state;
    static const size_t shapes[][2] = {{4, 7}, {6, 5}, {3, 9}};
    for (int made = RIGHT; made <= Z_FOR_A; made++)
        for (size_t s = 0; s < 3; s++) {
            handmade *h = handmade_new(labels[made], 10 * s + (size_t)made + 1);
            h->not_in_half = true;
            layers n = layers_forward(h, shapes[s][0], shapes[s][1]);
            layers_backward(&n, (slip)made);
            if (made == RIGHT)
                handmade_expect_right(h);
            else
                handmade_expect_cause(h, layers_causes[made]);
            handmade_free(h);
        }
}

/* ---- time ------------------------------------------------------------------------------------------------------------------------ */

#define STEPS 3

/* Ht = tanh Zt, Zt = V Xt + U Ht-1 + b; L = the sum of the squares of HT - Y. */
typedef struct recurrent {
    handmade *h;
    size_t in, width, batch;
    wg_var v, u, b, y, x[STEPS + 1], z[STEPS + 1], state[STEPS + 1];
} recurrent;

static recurrent recurrent_forward(handmade *h, size_t in, size_t width, size_t batch)
{
    static const char *const x[] = {"", "X1", "X2", "X3"}, *const z[] = {"", "Z1", "Z2", "Z3"};
    static const char *const state[] = {"H0", "H1", "H2", "H3"};
    recurrent n = {.h = h, .in = in, .width = width, .batch = batch};
    n.v = handmade_variable(h, "V", WG_DIMS(width, in), handmade_random(h, width * in, -1, 1));
    n.u = handmade_variable(h, "U", WG_DIMS(width, width), handmade_random(h, width * width, -1, 1));
    n.b = handmade_variable(h, "b", WG_DIMS(width, 1), handmade_random(h, width, -1, 1));
    n.y = handmade_constant(h, "Y", WG_DIMS(width, batch), handmade_random(h, width * batch, -1, 1));
    n.state[0] = handmade_constant(h, state[0], WG_DIMS(width, batch), handmade_random(h, width * batch, -1, 1));
    for (int t = 1; t <= STEPS; t++)
        n.x[t] = handmade_constant(h, x[t], WG_DIMS(in, batch), handmade_random(h, in * batch, -1, 1));
    for (int t = 1; t <= STEPS; t++) {
        wg_var from_x = wg_matmul(n.v, n.x[t]), from_state = wg_matmul(n.u, n.state[t - 1]);
        n.z[t] = handmade_named(z[t], wg_add(wg_add(from_x, from_state), n.b));
        n.state[t] = handmade_named(state[t], wg_tanh(n.z[t]));
    }
    h->loss = handmade_named("L", wg_mse(n.state[STEPS], n.y, WG_SUM));
    return n;
}

static void add_product(handmade *h, double *to, const double *a, const double *b, size_t m, size_t k, size_t n)
{
    double *product = handmade_zeros(h, m * n);
    handmade_product(product, a, false, b, true, m, k, n);
    for (size_t i = 0; i < m * n; i++) to[i] += product[i];
}

static void recurrent_backward(recurrent *n, slip made)
{
    handmade *h = n->h;
    size_t w = n->width, m = n->batch;
    double *dv = handmade_gradient_of(h, n->v), *du = handmade_gradient_of(h, n->u),
           *db = handmade_gradient_of(h, n->b);
    double *dstate = handmade_gradient_of(h, n->state[STEPS]);
    for (size_t i = 0; i < w * m; i++) dstate[i] = 2 * (wg_value_f64(n->state[STEPS])[i] - wg_value_f64(n->y)[i]);
    for (int t = STEPS; t >= 1; t--) {
        const double *z = wg_value_f64(n->z[t]), *a = wg_value_f64(n->state[t]);
        double *dz = handmade_gradient_of(h, n->z[t]);
        for (size_t i = 0; i < w * m; i++) dz[i] = dstate[i] * slope(made, z[i], a[i]);
        add_product(h, dv, dz, wg_value_f64(n->x[t]), w, m, n->in);
        add_product(h, du, dz, wg_value_f64(n->state[made == STATE_AFTER ? t : t - 1]), w, m, w);
        for (size_t i = 0; i < w * m; i++) db[i / m] += dz[i];
        if (t == 1) return;
        dstate = handmade_gradient_of(h, n->state[t - 1]);
        handmade_product(dstate, wg_value_f64(n->u), made != NOT_TRANSPOSED, dz, false, w, w, m);
    }
}

static void at_every_step(void **state)
{
    (void)state;
    static const size_t shapes[][3] = {{3, 4, 5}, {5, 3, 6}, {4, 6, 3}};
    static const wg_cause causes[SLIPS] = {WG_CAUSE_UNKNOWN, WG_CAUSE_ACTIVATION_MISSING,
        WG_CAUSE_ACTIVATION_AT_WRONG_VALUE, WG_CAUSE_ACTIVATION_AT_WRONG_VALUE, WG_CAUSE_WEIGHT_NOT_TRANSPOSED,
        WG_CAUSE_UNKNOWN, WG_CAUSE_WRONG_OPERAND};
    for (int made = RIGHT; made < SLIPS; made++)
        for (size_t s = 0; s < 3 && made != Z_FOR_A; s++) {
            handmade *h = handmade_new(labels[made], 10 * s + (size_t)made + 1);
            h->in_double = true;
            recurrent n = recurrent_forward(h, shapes[s][0], shapes[s][1], shapes[s][2]);
            recurrent_backward(&n, (slip)made);
            if (made == RIGHT)
                handmade_expect_right(h);
            else
                handmade_expect_cause(h, causes[made]);
            handmade_free(h);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_every_layer),
        cmocka_unit_test(at_every_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
