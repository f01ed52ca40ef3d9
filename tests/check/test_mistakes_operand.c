/* Wrong operands in a backward written by hand: another value of the same shape, another adjoint, one left out, weights from
 * before or after an update. The network has three layers, the last two of one width, so that what is taken for what it is
 * not has its shape:
 *
 *     Zk = Wk Ak-1 + bk,  A1 = tanh Z1,  A2 = tanh Z2,  L = mean over samples of |Z3 - Y|^2. */
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
    Z1_FOR_A1,          /* dW2 = dZ2 Z1^T */
    A1_FOR_A2,          /* dW3 = dZ3 A1^T */
    DA2_FOR_DZ2,        /* dW2 = dA2 A1^T */
    DZ3_FOR_DZ2,        /* dW2 = dZ3 A1^T */
    A2_FOR_DZ2,         /* dA1 = W2^T A2 */
    W3_FOR_W2,          /* dA1 = W3^T dZ2 */
    W2_AFTER_UPDATE,    /* dA1 = (W2 - 0.1 dW2)^T dZ2 */
    W3_BEFORE_UPDATE,   /* dA2 = (W3 + 0.05 dW3)^T dZ3 */
    TARGET_LEFT_OUT,    /* dZ3 = 2 Z3 / m */
    A1_FOR_Z3,          /* dZ3 = 2 (A1 - Y) / m */
    SLOPE_OF_LAYER_TWO, /* dZ1 = dA1 (1 - A2^2) */
    SLIPS
} slip;

static const char *const labels[SLIPS] = {"right", "Z1 for A1", "A1 for A2", "dA2 for dZ2", "dZ3 for dZ2", "A2 for dZ2",
    "W3 for W2", "W2 after an update", "W3 before an update", "target left out", "A1 for Z3", "layer two's slope"};

typedef struct network {
    handmade *h;
    size_t in, width, samples;
    wg_var x, y, w[4], b[4], product[4], z[4], a[4];
} network;

static network network_forward(handmade *h, size_t in, size_t width, size_t samples)
{
    static const char *const names[4][4] = {
        {"", "", "", ""}, {"W1", "b1", "Z1", "A1"}, {"W2", "b2", "Z2", "A2"}, {"W3", "b3", "Z3", "A3"}};
    network n = {.h = h, .in = in, .width = width, .samples = samples};
    n.x = handmade_constant(h, "X", WG_DIMS(in, samples), handmade_random(h, in * samples, -1, 1));
    n.y = handmade_constant(h, "Y", WG_DIMS(width, samples), handmade_random(h, width * samples, -1, 1));
    n.a[0] = n.x;
    for (int k = 1; k <= 3; k++) {
        size_t rows = k == 1 ? in : width;
        n.w[k] = handmade_variable(h, names[k][0], WG_DIMS(width, rows), handmade_random(h, width * rows, -1, 1));
        n.b[k] = handmade_variable(h, names[k][1], WG_DIMS(width, 1), handmade_random(h, width, -1, 1));
        n.product[k] = wg_matmul(n.w[k], n.a[k - 1]);
        n.z[k] = handmade_named(names[k][2], wg_add(n.product[k], n.b[k]));
        if (k < 3) n.a[k] = handmade_named(names[k][3], wg_tanh(n.z[k]));
    }
    h->loss = handmade_named("L", wg_mse(n.z[3], n.y, WG_BATCH_MEAN));
    return n;
}

static const double *moved(handmade *h, const double *w, const double *dw, double step, size_t n)
{
    double *out = handmade_zeros(h, n);
    for (size_t i = 0; i < n; i++) out[i] = w[i] + step * dw[i];
    return out;
}

/* dWk = dZk input^T, dbk = dZk summed over samples; dz_of_w is what stands for dZk in the first. Returns dWk. */
static const double *layer_backward(network *n, int k, const double *dz, const double *dz_of_w, const double *input)
{
    double *dw = handmade_gradient_of(n->h, n->w[k]), *db = handmade_gradient_of(n->h, n->b[k]);
    handmade_product(dw, dz_of_w, false, input, true, n->width, n->samples, k == 1 ? n->in : n->width);
    for (size_t i = 0; i < n->width * n->samples; i++) db[i / n->samples] += dz[i];
    return dw;
}

static void network_backward(network *n, slip made)
{
    handmade *h = n->h;
    size_t w = n->width, m = n->samples;
    const double *z1 = wg_value_f64(n->z[1]), *a1 = wg_value_f64(n->a[1]), *a2 = wg_value_f64(n->a[2]);
    const double *z3 = wg_value_f64(n->z[3]), *y = wg_value_f64(n->y), *w2 = wg_value_f64(n->w[2]);
    const double *w3 = wg_value_f64(n->w[3]);
    double *dz3 = handmade_gradient_of(h, n->z[3]), *da2 = handmade_gradient_of(h, n->a[2]);
    double *dz2 = handmade_gradient_of(h, n->z[2]), *da1 = handmade_gradient_of(h, n->a[1]);
    double *dz1 = handmade_gradient_of(h, n->z[1]);
    for (size_t i = 0; i < w * m; i++) {
        double p = made == A1_FOR_Z3 ? a1[i] : z3[i], t = made == TARGET_LEFT_OUT ? 0 : y[i];
        dz3[i] = 2 * (p - t) / (double)m;
    }
    const double *dw3 = layer_backward(n, 3, dz3, dz3, made == A1_FOR_A2 ? a1 : a2);
    if (made == W3_BEFORE_UPDATE) w3 = moved(h, w3, dw3, 0.05, w * w);
    handmade_product(da2, w3, true, dz3, false, w, w, m);
    for (size_t i = 0; i < w * m; i++) dz2[i] = da2[i] * (1 - a2[i] * a2[i]);
    const double *dz2_of_w = made == DA2_FOR_DZ2 ? da2 : made == DZ3_FOR_DZ2 ? dz3 : dz2;
    const double *dw2 = layer_backward(n, 2, dz2, dz2_of_w, made == Z1_FOR_A1 ? z1 : a1);
    if (made == W2_AFTER_UPDATE) w2 = moved(h, w2, dw2, -0.1, w * w);
    if (made == W3_FOR_W2) w2 = wg_value_f64(n->w[3]);
    handmade_product(da1, w2, true, made == A2_FOR_DZ2 ? a2 : dz2, false, w, w, m);
    for (size_t i = 0; i < w * m; i++) {
        double at = made == SLOPE_OF_LAYER_TWO ? a2[i] : a1[i];
        dz1[i] = da1[i] * (1 - at * at);
    }
    layer_backward(n, 1, dz1, dz1, wg_value_f64(n->x));
}

/* The step at which the slip was made. */
static void slip_edge(const network *n, slip made, wg_var *from, wg_var *to)
{
    switch (made) {
    case A1_FOR_A2:
        *from = n->product[3], *to = n->w[3];
        break;
    case W3_BEFORE_UPDATE:
        *from = n->product[3], *to = n->a[2];
        break;
    case A2_FOR_DZ2:
    case W3_FOR_W2:
    case W2_AFTER_UPDATE:
        *from = n->product[2], *to = n->a[1];
        break;
    case TARGET_LEFT_OUT:
    case A1_FOR_Z3:
        *from = n->h->loss, *to = n->z[3];
        break;
    case SLOPE_OF_LAYER_TWO:
        *from = n->a[1], *to = n->z[1];
        break;
    default:
        *from = n->product[2], *to = n->w[2];
    }
}

static void in_a_network(void **state)
{
    (void)state;
    static const size_t shapes[][3] = {{3, 4, 7}, {5, 6, 8}, {4, 5, 3}};
    for (int made = RIGHT; made < SLIPS; made++)
        for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
            handmade *h = handmade_new(labels[made], 10 * s + (size_t)made + 1);
            network n = network_forward(h, shapes[s][0], shapes[s][1], shapes[s][2]);
            wg_var from = {0}, to = {0};
            network_backward(&n, (slip)made);
            slip_edge(&n, (slip)made, &from, &to);
            bool stale = made == W2_AFTER_UPDATE || made == W3_BEFORE_UPDATE;
            h->not_in_half = stale; /* a small step moves little */
            if (made == RIGHT)
                handmade_expect_right(h);
            else
                handmade_expect(h, stale ? WG_CAUSE_STALE_VALUE : WG_CAUSE_WRONG_OPERAND, from, to);
            if (stale) handmade_expect_factor(h, WG_CAUSE_STALE_VALUE, made == W2_AFTER_UPDATE ? -0.1 : 0.05);
            handmade_free(h);
        }
}

/* ---- products ------------------------------------------------------------------------------------------------------------ */

typedef enum gate_slip { GATE_RIGHT, GATE_LEFT_OUT, GATE_OWN, GATE_OTHER, GATE_SLIPS } gate_slip;

/* L = sum C A B, C a constant: dA = C B. Left out: C; its own: C A; another: C D. */
static void try_gate(size_t n, gate_slip made)
{
    static const char *const says[] = {"a product", "a factor left out", "its own factor", "another factor"};
    handmade *h = handmade_new(says[made], n);
    const double *a = handmade_random(h, n, 0.5, 2), *b = handmade_random(h, n, 0.5, 2);
    const double *c = handmade_random(h, n, -1, 1), *d = handmade_random(h, n, 0.5, 2);
    wg_var of_a = handmade_variable(h, "A", WG_DIMS(n), a), of_b = handmade_variable(h, "B", WG_DIMS(n), b);
    wg_var of_c = handmade_constant(h, "C", WG_DIMS(n), c), of_d = handmade_variable(h, "D", WG_DIMS(n), d);
    wg_var product = handmade_named("P", wg_mul(of_a, of_b));
    h->loss = handmade_named("L", wg_add(wg_sum(wg_mul(of_c, product)), wg_sum(wg_square(of_d))));
    double *da = handmade_gradient_of(h, of_a), *db = handmade_gradient_of(h, of_b);
    double *dp = handmade_gradient_of(h, product), *dd = handmade_gradient_of(h, of_d);
    for (size_t i = 0; i < n; i++) {
        dp[i] = c[i];
        db[i] = c[i] * a[i];
        dd[i] = 2 * d[i];
        da[i] = c[i] * (made == GATE_LEFT_OUT ? 1 : made == GATE_OWN ? a[i] : made == GATE_OTHER ? d[i] : b[i]);
    }
    if (made == GATE_RIGHT)
        handmade_expect_right(h);
    else
        handmade_expect(h, WG_CAUSE_WRONG_OPERAND, product, of_a);
    handmade_free(h);
}

static void in_a_product(void **state)
{
    (void)state;
    for (int made = GATE_RIGHT; made < GATE_SLIPS; made++)
        for (size_t n = 9; n < 40; n += 10) try_gate(n, (gate_slip)made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_a_network),
        cmocka_unit_test(in_a_product),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
