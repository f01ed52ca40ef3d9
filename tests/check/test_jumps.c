/* A network with relu, computed in half precision: of its thousands of values some are on the other side of relu's kink than
 * in double. The gradients are right, though entries differ by much more than rounding. Mistakes are still seen. */
#include "support/handmade.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { IN = 16, WIDTH = 96, SAMPLES = 32, BITS = 11 };
typedef enum slip { RIGHT, MASK_LEFT_OUT, TWICE } slip;

static double rounded(double x)
{
    int exponent;
    double fraction = frexp(x, &exponent);
    return x == 0 ? 0 : ldexp(nearbyint(ldexp(fraction, BITS)), exponent - BITS);
}

static double *rounded_all(double *x, size_t n)
{
    for (size_t i = 0; i < n; i++) x[i] = rounded(x[i]);
    return x;
}

static wg_var leaf(handmade *h, const char *name, size_t rows, size_t columns, double scale, bool constant)
{
    const double *x = rounded_all(handmade_random(h, rows * columns, -scale, scale), rows * columns);
    return constant ? handmade_constant(h, name, WG_DIMS(rows, columns), x)
                    : handmade_variable(h, name, WG_DIMS(rows, columns), x);
}

static void sum_rows(const double *a, size_t rows, size_t columns, double *out)
{
    for (size_t i = 0; i < rows * columns; i++) out[i / columns] += a[i];
    rounded_all(out, rows);
}

/* Runs a program in half precision and has its gradients checked. Returns how many inputs of relu were on the other side. */
static size_t run(uint64_t seed, slip made)
{
    handmade *h = handmade_new("relu in half precision", seed);
    const size_t n = WIDTH * SAMPLES, o = IN * SAMPLES;
    wg_var x = leaf(h, "X", IN, SAMPLES, 1, true), y = leaf(h, "Y", IN, SAMPLES, 1, true);
    wg_var w1 = leaf(h, "W1", WIDTH, IN, 0.25, false), b1 = leaf(h, "b1", WIDTH, 1, 1, false);
    wg_var w2 = leaf(h, "W2", IN, WIDTH, 0.1, false), b2 = leaf(h, "b2", IN, 1, 1, false);
    wg_var z1 = handmade_named("Z1", wg_add(wg_matmul(w1, x), b1)), a1 = handmade_named("A1", wg_relu(z1));
    wg_var z2 = handmade_named("Z2", wg_add(wg_matmul(w2, a1), b2));
    h->loss = handmade_named("L", wg_mse(z2, y, WG_BATCH_MEAN));

    double *z = handmade_zeros(h, n), *a = handmade_zeros(h, n), *p = handmade_zeros(h, o), *dz = handmade_zeros(h, o);
    double *da = handmade_zeros(h, n), *dw1 = handmade_gradient_of(h, w1), *db1 = handmade_gradient_of(h, b1);
    double *dw2 = handmade_gradient_of(h, w2), *db2 = handmade_gradient_of(h, b2);
    size_t others = 0;
    handmade_product(z, wg_value_f64(w1), false, wg_value_f64(x), false, WIDTH, IN, SAMPLES);
    for (size_t i = 0; i < n; i++) {
        z[i] = rounded(rounded(z[i]) + wg_value_f64(b1)[i / SAMPLES]);
        a[i] = z[i] > 0 ? z[i] : 0;
        others += (z[i] > 0) != (wg_value_f64(z1)[i] > 0);
    }
    handmade_product(p, wg_value_f64(w2), false, a, false, IN, WIDTH, SAMPLES);
    for (size_t i = 0; i < o; i++) {
        p[i] = rounded(rounded(p[i]) + wg_value_f64(b2)[i / SAMPLES]);
        dz[i] = rounded(2 * (p[i] - wg_value_f64(y)[i]) / SAMPLES);
    }
    handmade_product(dw2, dz, false, a, true, IN, SAMPLES, WIDTH);
    handmade_product(da, wg_value_f64(w2), true, dz, false, WIDTH, IN, SAMPLES);
    for (size_t i = 0; i < n; i++) da[i] = z[i] > 0 || made == MASK_LEFT_OUT ? rounded(da[i]) : 0;
    handmade_product(dw1, da, false, wg_value_f64(x), true, WIDTH, SAMPLES, IN);
    for (size_t i = 0; i < IN * WIDTH; i++) dw1[i] = rounded(made == TWICE ? 2 * dw1[i] : dw1[i]);
    rounded_all(dw2, IN * WIDTH);
    sum_rows(da, WIDTH, SAMPLES, db1);
    sum_rows(dz, IN, SAMPLES, db2);
    if (made == RIGHT) handmade_expect_right(h);
    if (made == MASK_LEFT_OUT) handmade_expect(h, WG_CAUSE_ACTIVATION_MISSING, a1, z1);
    if (made == TWICE) handmade_expect_factor(h, WG_CAUSE_FACTOR, 2);
    handmade_free(h);
    return others;
}

static void right_on_either_side_of_a_kink(void **state)
{
    (void)state;
    size_t others = 0;
    for (uint64_t seed = 1; seed <= 8; seed++) others += run(seed, RIGHT);
    assert_true(others > 0);
}

static void mistakes_are_seen_beside_it(void **state)
{
    (void)state;
    run(1, MASK_LEFT_OUT);
    run(2, TWICE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(right_on_either_side_of_a_kink),
        cmocka_unit_test(mistakes_are_seen_beside_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
