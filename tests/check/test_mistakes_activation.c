/* Mistakes at activations, made by hand in the backward of a network of two layers,
 *
 *     Z1 = W1 X + b1,  A1 = f(Z1),  Z2 = W2 A1 + b2,  L = mean over samples of |Z2 - Y|^2,
 *
 * written in loops, where dZ1 = dA1 f'(Z1) is replaced by what the mistake makes of it. */
#include "support/handmade.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* ---- a network with f and its derivative in it -------------------------------------------------------------------------- */

/* What dZ1 is, of Z1, A1 and dA1. */
typedef double (*slip)(double z, double a, double u);

typedef struct network_row {
    const char *label;
    wg_var (*f)(wg_var z);
    slip passes;
    wg_cause cause;
    double low; /* the smallest of the numbers in W1, X and b1 */
    bool not_in_half;
    double scale; /* of Z1, unless 0 */
} network_row;

typedef struct network {
    handmade *h;
    size_t in, hidden, out, samples;
    wg_var x, w1, b1, z1, a1, w2, b2, z2, y;
    const double *values[2]; /* of Z1 and A1 */
} network;

static network network_forward(handmade *h, const network_row *row, const size_t *extents)
{
    network n = {.h = h, .in = extents[0], .hidden = extents[1], .out = extents[2], .samples = extents[3]};
    double scale = row->scale != 0 ? row->scale : 1;
    n.x = handmade_constant(h, "X", WG_DIMS(n.in, n.samples), handmade_random(h, n.in * n.samples, row->low, 1));
    n.w1 = handmade_variable(
        h, "W1", WG_DIMS(n.hidden, n.in), handmade_random(h, n.hidden * n.in, scale * row->low, scale));
    n.b1 = handmade_variable(h, "b1", WG_DIMS(n.hidden, 1), handmade_random(h, n.hidden, row->low, 1));
    n.w2 = handmade_variable(h, "W2", WG_DIMS(n.out, n.hidden), handmade_random(h, n.out * n.hidden, -1, 1));
    n.b2 = handmade_variable(h, "b2", WG_DIMS(n.out, 1), handmade_random(h, n.out, -1, 1));
    n.y = handmade_constant(h, "Y", WG_DIMS(n.out, n.samples), handmade_random(h, n.out * n.samples, -1, 1));
    wg_var product = wg_matmul(n.w1, n.x);
    n.z1 = handmade_named("Z1", wg_add(product, n.b1));
    n.a1 = handmade_named("A1", row->f(n.z1));
    product = wg_matmul(n.w2, n.a1);
    n.z2 = handmade_named("Z2", wg_add(product, n.b2));
    h->loss = handmade_named("L", wg_mse(n.z2, n.y, WG_BATCH_MEAN));
    return n;
}

static void sum_rows(const double *a, size_t rows, size_t columns, double *out)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++) out[i] += a[i * columns + j];
}

static void network_backward(network *n, slip passes)
{
    handmade *h = n->h;
    size_t m = n->samples;
    const double *z1 = wg_value_f64(n->z1), *a1 = wg_value_f64(n->a1), *z2 = wg_value_f64(n->z2);
    const double *y = wg_value_f64(n->y), *x = wg_value_f64(n->x), *w2 = wg_value_f64(n->w2);
    double *dz2 = handmade_gradient_of(h, n->z2), *dw2 = handmade_gradient_of(h, n->w2);
    double *db2 = handmade_gradient_of(h, n->b2), *da1 = handmade_gradient_of(h, n->a1);
    double *dz1 = handmade_gradient_of(h, n->z1), *dw1 = handmade_gradient_of(h, n->w1);
    double *db1 = handmade_gradient_of(h, n->b1);
    for (size_t i = 0; i < n->out * m; i++) dz2[i] = 2 * (z2[i] - y[i]) / (double)m;
    handmade_product(dw2, dz2, false, a1, true, n->out, m, n->hidden);
    sum_rows(dz2, n->out, m, db2);
    handmade_product(da1, w2, true, dz2, false, n->hidden, n->out, m);
    for (size_t i = 0; i < n->hidden * m; i++) dz1[i] = passes(z1[i], a1[i], da1[i]);
    handmade_product(dw1, dz1, false, x, true, n->hidden, m, n->in);
    sum_rows(dz1, n->hidden, m, db1);
}

static const size_t shapes[][4] = {{3, 5, 4, 7}, {4, 3, 5, 6}, {6, 7, 3, 11}};
#define SHAPES (sizeof shapes / sizeof *shapes)

static void try_rows(const network_row *rows, size_t count)
{
    for (size_t k = 0; k < count; k++)
        for (size_t s = 0; s < SHAPES; s++) {
            handmade *h = handmade_new(rows[k].label, 100 * s + k + 1);
            h->not_in_half = rows[k].not_in_half;
            network n = network_forward(h, &rows[k], shapes[s]);
            network_backward(&n, rows[k].passes);
            if (rows[k].cause == WG_CAUSE_UNKNOWN)
                handmade_expect_right(h);
            else
                handmade_expect(h, rows[k].cause, n.a1, n.z1);
            handmade_free(h);
        }
}
#define TRY(rows) try_rows(rows, sizeof rows / sizeof *rows)

/* ---- functions and slips --------------------------------------------------------------------------------------------------- */

static double logistic(double x) { return 1 / (1 + exp(-x)); }
static double normal_density(double x) { return exp(-x * x / 2) / sqrt(2 * acos(-1.0)); }
static double normal_below(double x) { return erfc(-x / sqrt(2.0)) / 2; }

static double gelu_slope(double z) { return normal_below(z) + z * normal_density(z); }
static double gelu_tanh_slope(double z)
{
    double c = sqrt(2 / acos(-1.0)), t = tanh(c * (z + 0.044715 * z * z * z));
    return (1 + t) / 2 + z * (1 - t * t) / 2 * c * (1 + 3 * 0.044715 * z * z);
}

#define SLIP(name, formula)                                                                                            \
    static double name(double z, double a, double u)                                                                   \
    {                                                                                                                  \
        (void)z, (void)a;                                                                                              \
        return formula;                                                                                                \
    }
SLIP(right_sigmoid, u *a *(1 - a))
SLIP(right_tanh, u *(1 - a * a))
SLIP(right_gelu, u *gelu_slope(z))
SLIP(right_silu, u *(logistic(z) + z * logistic(z) * (1 - logistic(z))))
SLIP(left_out, u)
SLIP(sigmoid_at_a, u *logistic(a) * (1 - logistic(a)))
SLIP(sigmoid_form_at_z, u *z *(1 - z))
SLIP(tanh_form_at_z, u *(1 - z * z))
SLIP(tanh_at_a, u *(1 - tanh(a) * tanh(a)))
SLIP(times_z, u *z)
SLIP(times_a, u *a)
SLIP(root_form_at_z, u / (2 * z))
SLIP(relu_by_adjoint, u > 0 ? u : 0)
SLIP(gelu_at_a, u *gelu_slope(a))
SLIP(elu_form_at_z, u *(z > 0 ? 1 : z + 1.3))
SLIP(tanh_without_square, u *(1 - a))
SLIP(gelu_tanh_at_z, u *gelu_tanh_slope(z))
SLIP(leaky_at_z, z > 0 ? u : 0.01 * u)
SLIP(relu_at_z, z > 0 ? u : 0)
SLIP(sigmoid_at_z, u *logistic(z) * (1 - logistic(z)))
SLIP(silu_without_product, u *logistic(z))
SLIP(silu_product_alone, u *z *logistic(z) * (1 - logistic(z)))
SLIP(log_form_at_a, u / a)
SLIP(log_ten, u / (z * log(10.0)))
SLIP(wrong_root, u / (3 * a * a))

static wg_var elu(wg_var z) { return wg_elu(z, 1.3); }
static wg_var leaky(wg_var z) { return wg_leaky_relu(z, 0.15); }

static void the_right_ones_are_right(void **state)
{
    (void)state;
    static const network_row rows[] = {
        {"sigmoid", wg_sigmoid, right_sigmoid, WG_CAUSE_UNKNOWN, -1, false, 0},
        {"tanh", wg_tanh, right_tanh, WG_CAUSE_UNKNOWN, -1, false, 0},
        {"gelu", wg_gelu, right_gelu, WG_CAUSE_UNKNOWN, -1, false, 0},
        {"silu", wg_silu, right_silu, WG_CAUSE_UNKNOWN, -1, false, 0},
        {"relu", wg_relu, relu_at_z, WG_CAUSE_UNKNOWN, -1, false, 0},
    };
    TRY(rows);
}

static void left_out_is_missing(void **state)
{
    (void)state;
    static const network_row rows[] = {
        {"sigmoid left out", wg_sigmoid, left_out, WG_CAUSE_ACTIVATION_MISSING, -1, false, 0},
        {"tanh left out", wg_tanh, left_out, WG_CAUSE_ACTIVATION_MISSING, -1, false, 0},
        {"relu left out", wg_relu, left_out, WG_CAUSE_ACTIVATION_MISSING, -1, false, 0},
        {"gelu left out", wg_gelu, left_out, WG_CAUSE_ACTIVATION_MISSING, -1, false, 0},
        {"softplus left out", wg_softplus, left_out, WG_CAUSE_ACTIVATION_MISSING, -1, false, 0},
        {"exp left out", wg_exp, left_out, WG_CAUSE_ACTIVATION_MISSING, -1, false, 0},
        {"square left out", wg_square, left_out, WG_CAUSE_ACTIVATION_MISSING, -1, false, 0},
        {"sqrt left out", wg_sqrt, left_out, WG_CAUSE_ACTIVATION_MISSING, 0.2, false, 0},
        {"leaky_relu left out", leaky, left_out, WG_CAUSE_ACTIVATION_MISSING, -1, false, 0},
    };
    TRY(rows);
}

static void taken_at_the_wrong_value(void **state)
{
    (void)state;
    static const wg_cause cause = WG_CAUSE_ACTIVATION_AT_WRONG_VALUE;
    const network_row rows[] = {
        {"sigmoid'(a)", wg_sigmoid, sigmoid_at_a, cause, -1, false, 3},
        {"sigmoid: z (1 - z)", wg_sigmoid, sigmoid_form_at_z, cause, -1, false, 0},
        {"sigmoid: a", wg_sigmoid, times_a, cause, -1, false, 0},
        {"tanh: 1 - z^2", wg_tanh, tanh_form_at_z, cause, -1, false, 0},
        {"tanh'(a)", wg_tanh, tanh_at_a, cause, -1, false, 3},
        {"exp: z", wg_exp, times_z, cause, -1, false, 0},
        {"sqrt: 1 / (2 z)", wg_sqrt, root_form_at_z, cause, 0.2, false, 0},
        {"relu: where dA > 0", wg_relu, relu_by_adjoint, cause, -1, false, 0},
        {"gelu'(a)", wg_gelu, gelu_at_a, cause, -1, false, 0},
        {"elu: z + alpha", elu, elu_form_at_z, cause, -1, true, 0},
        {"log: 1 / a", wg_log, log_form_at_a, cause, 0.4, false, 0},
    };
    TRY(rows);
}

static void of_another_function(void **state)
{
    (void)state;
    static const wg_cause cause = WG_CAUSE_ACTIVATION_OF_ANOTHER;
    const network_row rows[] = {
        {"tanh' for sigmoid, of a", wg_sigmoid, right_tanh, cause, -1, false, 0},
        {"sigmoid' for tanh, of a", wg_tanh, right_sigmoid, cause, -1, false, 0},
        {"sigmoid' for tanh, of z", wg_tanh, sigmoid_at_z, cause, -1, false, 0},
        {"tanh: 1 - a", wg_tanh, tanh_without_square, cause, -1, false, 0},
        {"gelu_tanh' for gelu", wg_gelu, gelu_tanh_at_z, cause, -1, true, 0},
        {"gelu' for gelu_tanh", wg_gelu_tanh, right_gelu, cause, -1, true, 0},
        {"leaky' for relu", wg_relu, leaky_at_z, cause, -1, true, 0},
        {"relu' for tanh", wg_tanh, relu_at_z, cause, -1, false, 0},
        {"relu' for leaky", leaky, relu_at_z, cause, -1, false, 0},
        {"sigmoid' for silu", wg_silu, sigmoid_at_z, cause, -1, false, 0},
        {"log10' for log", wg_log, log_ten, cause, 0.4, false, 0},
        {"cbrt' for sqrt", wg_sqrt, wrong_root, cause, 0.2, false, 0},
    };
    TRY(rows);
}

static void half_of_a_product(void **state)
{
    (void)state;
    static const network_row rows[] = {
        {"silu: sigmoid alone", wg_silu, silu_without_product, WG_CAUSE_BRANCH_MISSING, -1, false, 0},
        {"silu: z sigmoid' alone", wg_silu, silu_product_alone, WG_CAUSE_BRANCH_MISSING, -1, false, 0},
    };
    TRY(rows);
}

/* ---- made of several ops ---------------------------------------------------------------------------------------------------- */

static wg_var composed_sigmoid(wg_var z)
{
    wg_var e = wg_exp(wg_neg(z)), one = wg_scalar(z.tape, 1);
    return wg_reciprocal(wg_add(e, one));
}

static void a_chain_is_left_out_whole(void **state)
{
    (void)state;
    static const network_row row = {
        "1 / (1 + exp(-z))", composed_sigmoid, left_out, WG_CAUSE_ACTIVATION_MISSING, -1, false, 0};
    for (size_t s = 0; s < SHAPES; s++) {
        handmade *h = handmade_new(row.label, s + 1);
        network n = network_forward(h, &row, shapes[s]);
        network_backward(&n, row.passes);
        wg_var negative = wg_node_input(wg_node_input(wg_node_input(n.a1, 0), 0), 0);
        handmade_expect(h, WG_CAUSE_ACTIVATION_MISSING, negative, n.z1);
        handmade_free(h);
    }
}

/* ---- masks --------------------------------------------------------------------------------------------------------------- */

/* L = sum c f(x) for a result f(x) that is passed on by a mask, which is left out: dx = c. */
static void expect_mask(handmade *h, wg_var x, wg_var y, size_t n, double scale)
{
    const double *c = handmade_random(h, n, -1, 1);
    handmade_named("y", y);
    h->loss = wg_sum(wg_mul(y, handmade_constant(h, "c", wg_shape_of(x), c)));
    double *dx = handmade_gradient_of(h, x);
    for (size_t i = 0; i < n; i++) dx[i] = scale * c[i];
    handmade_expect(h, WG_CAUSE_ACTIVATION_MISSING, y, x);
}

static void a_mask_is_left_out(void **state)
{
    (void)state;
    for (size_t n = 12; n < 50; n += 17) {
        for (int scaled = 0; scaled < 2; scaled++) {
            handmade *h = handmade_new("dropout", n);
            wg_var x = handmade_variable(h, "x", WG_DIMS(n), handmade_random(h, n, -1, 1));
            wg_var key = wg_indices(h->tape, WG_SCALAR, (int64_t[]){7});
            expect_mask(h, x, wg_dropout(x, key, 0.4), n, scaled ? 1 / 0.6 : 1);
            handmade_free(h);
        }
        handmade *h = handmade_new("where", n);
        wg_var x = handmade_variable(h, "x", WG_DIMS(n), handmade_random(h, n, -1, 1));
        wg_var zero = wg_scalar(h->tape, 0), positive = wg_greater(x, zero);
        expect_mask(h, x, wg_where(positive, x, zero), n, 1);
        handmade_free(h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_right_ones_are_right),
        cmocka_unit_test(left_out_is_missing),
        cmocka_unit_test(taken_at_the_wrong_value),
        cmocka_unit_test(of_another_function),
        cmocka_unit_test(half_of_a_product),
        cmocka_unit_test(a_chain_is_left_out_whole),
        cmocka_unit_test(a_mask_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
