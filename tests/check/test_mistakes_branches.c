/* A value with two uses, H = tanh(W1 X) in O = H + W2 H: one use is left out, replaces the other instead of being added, or
 * counts twice. */
#include "support/handmade.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

typedef enum slip { RIGHT, FIRST_MISSING, SECOND_MISSING, FIRST_ALONE, SECOND_TWICE, SLIPS } slip;
static const wg_cause causes[SLIPS] = {
    WG_CAUSE_UNKNOWN, WG_CAUSE_BRANCH_MISSING, WG_CAUSE_BRANCH_MISSING, WG_CAUSE_OVERWRITTEN, WG_CAUSE_COUNTED_TWICE};

static void try_branches(size_t in, size_t width, size_t samples, slip made)
{
    handmade *h = handmade_new("branches", width + 10 * (size_t)made);
    size_t n = width * samples;
    wg_var x = handmade_constant(h, "X", WG_DIMS(in, samples), handmade_random(h, in * samples, -1, 1));
    wg_var w1 = handmade_variable(h, "W1", WG_DIMS(width, in), handmade_random(h, width * in, -1, 1));
    wg_var w2 = handmade_variable(h, "W2", WG_DIMS(width, width), handmade_random(h, width * width, -1, 1));
    wg_var y = handmade_constant(h, "Y", WG_DIMS(width, samples), handmade_random(h, n, -1, 1));
    wg_var z = handmade_named("Z", wg_matmul(w1, x)), a = handmade_named("H", wg_tanh(z));
    wg_var b = handmade_named("B", wg_matmul(w2, a)), o = handmade_named("O", wg_add(a, b));
    h->loss = handmade_named("L", wg_mse(o, y, WG_SUM));
    double *dout = handmade_gradient_of(h, o), *dh = handmade_gradient_of(h, a), *dz = handmade_gradient_of(h, z);
    double *dw2 = handmade_gradient_of(h, w2), *dw1 = handmade_gradient_of(h, w1), *second = handmade_zeros(h, n);
    const double *hidden = wg_value_f64(a);
    for (size_t i = 0; i < n; i++) dout[i] = 2 * (wg_value_f64(o)[i] - wg_value_f64(y)[i]);
    handmade_product(dw2, dout, false, hidden, true, width, samples, width);
    handmade_product(second, wg_value_f64(w2), true, dout, false, width, width, samples);
    for (size_t i = 0; i < n; i++) {
        bool first = made != FIRST_MISSING, alone = made == FIRST_ALONE || made == SECOND_MISSING;
        dh[i] = (first ? dout[i] : 0) + (alone ? 0 : second[i]) + (made == SECOND_TWICE ? second[i] : 0);
        dz[i] = dh[i] * (1 - hidden[i] * hidden[i]);
    }
    handmade_product(dw1, dz, false, wg_value_f64(x), true, width, samples, in);
    if (made == RIGHT)
        handmade_expect_right(h);
    else
        handmade_expect(h, causes[made], made == FIRST_MISSING || made == FIRST_ALONE ? o : b, a);
    handmade_free(h);
}

static void of_two_uses(void **state)
{
    (void)state;
    for (int made = RIGHT; made < SLIPS; made++) {
        try_branches(3, 4, 7, (slip)made);
        try_branches(5, 6, 4, (slip)made);
        try_branches(4, 5, 9, (slip)made);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(of_two_uses)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
