/* Normalizations whose mean, variance or length is taken as a constant in a backward written by hand, for the library's own
 * and for those made of several ops. With g the adjoint of the normalized z = (x - m) / s of one group of n elements,
 *
 *     dx = (g - mean g - z mean(g z)) / s,
 *
 * from which a constant mean takes the second term away, and a constant variance the third. */
#include "support/handmade.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

typedef enum slip { RIGHT, BOTH_CONSTANT, VARIANCE_CONSTANT, MEAN_CONSTANT } slip;
static const double epsilon = 1e-5;

/* One group, its elements step apart. centered: with the mean taken off. */
static void normalize_group(
    const double *x, const double *g, size_t n, size_t step, bool centered, slip made, double *z, double *dx)
{
    double mean = 0, variance = 0, mean_g = 0, mean_gz = 0, count = (double)n;
    for (size_t i = 0; i < n && centered; i++) mean += x[i * step] / count;
    for (size_t i = 0; i < n; i++) variance += (x[i * step] - mean) * (x[i * step] - mean) / count;
    double s = sqrt(variance + epsilon);
    for (size_t i = 0; i < n; i++) {
        z[i * step] = (x[i * step] - mean) / s;
        mean_g += g[i * step] / count;
        mean_gz += g[i * step] * z[i * step] / count;
    }
    bool of_mean = centered && (made == RIGHT || made == VARIANCE_CONSTANT);
    bool of_variance = made == RIGHT || made == MEAN_CONSTANT;
    for (size_t i = 0; i < n; i++)
        dx[i * step] = (g[i * step] - (of_mean ? mean_g : 0) - (of_variance ? z[i * step] * mean_gz : 0)) / s;
}

/* L = sum C (z weight + bias)^2 / 2, rows of x normalized. */
typedef struct normed {
    handmade *h;
    size_t rows, columns;
    wg_var x, weight, bias, y;
    const double *c;
} normed;

static normed normed_open(const char *label, size_t rows, size_t columns, slip made)
{
    handmade *h = handmade_new(label, rows + 31 * (size_t)made);
    normed n = {.h = h, .rows = rows, .columns = columns};
    n.x = handmade_variable(h, "X", WG_DIMS(rows, columns), handmade_random(h, rows * columns, -1, 2));
    n.weight = handmade_variable(h, "gamma", WG_DIMS(columns), handmade_random(h, columns, 0.5, 1.5));
    n.bias = handmade_variable(h, "beta", WG_DIMS(columns), handmade_random(h, columns, -1, 1));
    n.c = handmade_random(h, rows * columns, 0.5, 1);
    return n;
}

static void normed_loss(normed *n, wg_var y)
{
    n->y = handmade_named("Y", y);
    wg_var weighed = wg_mul(handmade_constant(n->h, "C", wg_shape_of(n->x), n->c), wg_square(n->y));
    n->h->loss = handmade_named("L", wg_mul(wg_sum(weighed), wg_scalar(n->h->tape, 0.5)));
}

/* The gradients of x, gamma, beta and y. */
static void normed_backward(normed *n, bool centered, slip made)
{
    handmade *h = n->h;
    size_t size = n->rows * n->columns;
    const double *x = wg_value_f64(n->x), *y = wg_value_f64(n->y), *weight = wg_value_f64(n->weight);
    double *dy = handmade_gradient_of(h, n->y), *dx = handmade_gradient_of(h, n->x);
    double *dweight = handmade_gradient_of(h, n->weight), *g = handmade_zeros(h, size), *z = handmade_zeros(h, size);
    double *dbias = centered ? handmade_gradient_of(h, n->bias) : handmade_zeros(h, n->columns);
    for (size_t i = 0; i < size; i++) {
        dy[i] = n->c[i] * y[i];
        g[i] = dy[i] * weight[i % n->columns];
    }
    for (size_t r = 0; r < size; r += n->columns)
        normalize_group(x + r, g + r, n->columns, 1, centered, made, z + r, dx + r);
    for (size_t i = 0; i < size; i++) {
        dweight[i % n->columns] += dy[i] * z[i];
        dbias[i % n->columns] += dy[i];
    }
}

static void normed_close(normed *n, slip made, wg_var from, wg_var to)
{
    if (made == RIGHT)
        handmade_expect_right(n->h);
    else
        handmade_expect(n->h, WG_CAUSE_STATISTICS_CONSTANT, from, to);
    handmade_free(n->h);
}

static const size_t shapes[][2] = {{4, 7}, {6, 5}, {3, 9}};
#define EACH_SHAPE      for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
#define EACH_SLIP(last) for (int made = RIGHT; made <= (last); made++)

/* ---- the library's own ----------------------------------------------------------------------------------------------------- */

static void of_layer_norm(void **state)
{
    (void)state;
    EACH_SHAPE EACH_SLIP(MEAN_CONSTANT)
    {
        normed n = normed_open("layer_norm", shapes[s][0], shapes[s][1], (slip)made);
        normed_loss(&n, wg_layer_norm(n.x, n.weight, n.bias, 1, epsilon));
        normed_backward(&n, true, (slip)made);
        normed_close(&n, (slip)made, handmade_find(n.h, "normalize_rows", 0), n.x);
    }
}

static void of_rms_norm(void **state)
{
    (void)state;
    EACH_SHAPE EACH_SLIP(BOTH_CONSTANT)
    {
        normed n = normed_open("rms_norm", shapes[s][0], shapes[s][1], (slip)made);
        normed_loss(&n, wg_rms_norm(n.x, n.weight, 1, epsilon));
        normed_backward(&n, false, (slip)made);
        normed_close(&n, (slip)made, handmade_find(n.h, "normalize_rows", 0), n.x);
    }
}

/* x (N, C): a group is a column. */
static void of_batch_norm(void **state)
{
    (void)state;
    EACH_SHAPE EACH_SLIP(VARIANCE_CONSTANT)
    {
        normed n = normed_open("batch_norm", shapes[s][0], shapes[s][1], (slip)made);
        wg_var mean, variance;
        assert_int_equal(wg_batch_statistics(n.x, &mean, &variance), WG_OK);
        normed_loss(&n, wg_batch_norm(n.x, mean, variance, n.weight, n.bias, epsilon));
        size_t size = n.rows * n.columns;
        const double *x = wg_value_f64(n.x), *y = wg_value_f64(n.y), *weight = wg_value_f64(n.weight);
        double *dx = handmade_gradient_of(n.h, n.x), *dbias = handmade_gradient_of(n.h, n.bias);
        double *dy = handmade_gradient_of(n.h, n.y);
        double *g = handmade_zeros(n.h, size), *z = handmade_zeros(n.h, size);
        for (size_t i = 0; i < size; i++) {
            dy[i] = n.c[i] * y[i];
            g[i] = dy[i] * weight[i % n.columns];
            dbias[i % n.columns] += dy[i];
        }
        for (size_t k = 0; k < n.columns; k++)
            normalize_group(x + k, g + k, n.rows, n.columns, true, (slip)made, z + k, dx + k);
        normed_close(&n, (slip)made, made == VARIANCE_CONSTANT ? variance : mean, n.x);
    }
}

/* ---- made of several ops ------------------------------------------------------------------------------------------------------ */

/* xc = x - mean x, v = mean xc^2, z = xc / sqrt(v + epsilon). With the mean alone constant, what v passes to xc is all that
 * goes on. */
static void of_a_composed_layer_norm(void **state)
{
    (void)state;
    EACH_SHAPE EACH_SLIP(VARIANCE_CONSTANT)
    {
        normed n = normed_open("a composed layer norm", shapes[s][0], shapes[s][1], (slip)made);
        wg_var mean = handmade_named("mu", wg_mean_axes(n.x, WG_AXES(-1), true));
        wg_var centered = handmade_named("XC", wg_sub(n.x, mean));
        wg_var squares = wg_square(centered);
        wg_var variance = handmade_named("V", wg_mean_axes(squares, WG_AXES(-1), true));
        wg_var deviation = wg_sqrt(wg_add(variance, wg_scalar(n.h->tape, epsilon)));
        wg_var z = wg_div(centered, deviation);
        normed_loss(&n, wg_add(wg_mul(z, n.weight), n.bias));
        normed_backward(&n, true, (slip)made);
        if (made == BOTH_CONSTANT)
            normed_close(&n, (slip)made, mean, n.x);
        else
            normed_close(&n, (slip)made, variance, squares);
    }
}

/* z = (x - mean x) / std x, without epsilon; std is the root of the sum of squares over n - 1. */
static void of_a_standard_score(void **state)
{
    (void)state;
    EACH_SHAPE EACH_SLIP(VARIANCE_CONSTANT)
    {
        normed n = normed_open("(x - mean) / std", shapes[s][0], shapes[s][1], (slip)made);
        wg_var mean = handmade_named("mu", wg_mean_axes(n.x, WG_AXES(-1), true));
        wg_var deviation = handmade_named("sigma", wg_std_axes(n.x, WG_AXES(-1), true, 1));
        normed_loss(&n, wg_div(wg_sub(n.x, mean), deviation));
        double *dy = handmade_gradient_of(n.h, n.y), *dx = handmade_gradient_of(n.h, n.x), m = (double)n.columns;
        const double *y = wg_value_f64(n.y), *sigma = wg_value_f64(deviation);
        for (size_t r = 0; r < n.rows; r++) {
            double mean_g = 0, along = 0;
            for (size_t i = r * n.columns; i < (r + 1) * n.columns; i++) {
                dy[i] = n.c[i] * y[i];
                mean_g += dy[i] / m;
                along += dy[i] * y[i] / (m - 1);
            }
            for (size_t i = r * n.columns; i < (r + 1) * n.columns; i++)
                dx[i] = (dy[i] - (made == BOTH_CONSTANT ? 0 : mean_g) - (made == RIGHT ? y[i] * along : 0)) / sigma[r];
        }
        wg_var norm = handmade_find(n.h, "norm", 0);
        normed_close(&n, (slip)made, made == VARIANCE_CONSTANT ? norm : mean,
            made == VARIANCE_CONSTANT ? wg_node_input(norm, 0) : n.x);
    }
}

/* x / |x|, whose length is taken as a constant: by wg_normalize. */
static void of_a_length(void **state)
{
    (void)state;
    EACH_SHAPE EACH_SLIP(BOTH_CONSTANT)
    {
        normed n = normed_open("normalize", shapes[s][0], shapes[s][1], (slip)made);
        normed_loss(&n, wg_normalize(n.x, -1, 1e-12));
        double *dy = handmade_gradient_of(n.h, n.y), *dx = handmade_gradient_of(n.h, n.x);
        const double *y = wg_value_f64(n.y), *x = wg_value_f64(n.x);
        for (size_t r = 0; r < n.rows; r++) {
            double length = 0, along = 0;
            for (size_t i = r * n.columns; i < (r + 1) * n.columns; i++) {
                dy[i] = n.c[i] * y[i];
                length += x[i] * x[i];
                along += dy[i] * y[i];
            }
            for (size_t i = r * n.columns; i < (r + 1) * n.columns; i++)
                dx[i] = (dy[i] - (made == RIGHT ? along * y[i] : 0)) / sqrt(length);
        }
        wg_var norm = made == RIGHT ? n.x : handmade_find(n.h, "norm", 0);
        normed_close(&n, (slip)made, norm, n.x);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_layer_norm),
        cmocka_unit_test(of_rms_norm),
        cmocka_unit_test(of_batch_norm),
        cmocka_unit_test(of_a_composed_layer_norm),
        cmocka_unit_test(of_a_standard_score),
        cmocka_unit_test(of_a_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
