/* Derivatives of orders 1 to 4 of functions of one variable, recorded one on the other, against closed forms.
 *
 * The numbers come from the closed forms below in decimal arithmetic of 60 digits, rounded to double:
 *     sigmoid: with s = sigmoid(x), m = sigmoid(-x), p = s m:  p,  p (m - s),  p (1 - 6p),  p (m - s) (1 - 12p)
 *     tanh: with t = tanh x, q = 4 e^2x / (1 + e^2x)^2:  q,  -2tq,  q (6t^2 - 2),  q (16t - 24t^3);  softplus' = sigmoid
 *     x^x: with l = 1 + log x:  y l,  y (l^2 + 1/x),  y (l^3 + 3l/x - 1/x^2),  y (l^4 + 6l^2/x - 4l/x^2 + 3/x^2 + 2/x^3)
 * Every x is exact in float, and the tails are held to relative accuracy, so a difference that cancels shows. */
#include "grad/expect.h"

#define ORDERS 4

static wg_var quartic(wg_var x) /* x^4 - 2x^3 + 5x, by Horner's rule */
{
    wg_tape *t = x.tape;
    wg_var inner = wg_mul(wg_sub(x, wg_scalar(t, 2)), wg_square(x));
    return wg_mul(wg_add(inner, wg_scalar(t, 5)), x);
}
static wg_var power_5_2(wg_var x) { return wg_pow(x, wg_scalar(x.tape, 2.5)); }
static wg_var two_to_the(wg_var x) { return wg_pow(wg_scalar(x.tape, 2), x); }
static wg_var x_exp_x(wg_var x) { return wg_mul(x, wg_exp(x)); }
static wg_var quotient(wg_var x) { return wg_div(x, wg_add(x, wg_scalar(x.tape, 1))); }
static wg_var self_power(wg_var x) { return wg_pow(x, x); }

static const struct row {
    const char *name;
    wg_var (*function)(wg_var);
    double x, d[ORDERS];
} rows[] = {
    {"exp", wg_exp, 0.5, {1.6487212707001282, 1.6487212707001282, 1.6487212707001282, 1.6487212707001282}},
    {"exp", wg_exp, -2, {0.1353352832366127, 0.1353352832366127, 0.1353352832366127, 0.1353352832366127}},
    {"exp", wg_exp, 0, {1, 1, 1, 1}},
    {"expm1", wg_expm1, 0.5, {1.6487212707001282, 1.6487212707001282, 1.6487212707001282, 1.6487212707001282}},
    {"expm1", wg_expm1, -2, {0.1353352832366127, 0.1353352832366127, 0.1353352832366127, 0.1353352832366127}},
    {"sin", wg_sin, 0.75, {0.7316888688738209, -0.6816387600233341, -0.7316888688738209, 0.6816387600233341}},
    {"sin", wg_sin, -4, {-0.6536436208636119, -0.7568024953079282, 0.6536436208636119, 0.7568024953079282}},
    {"cos", wg_cos, 0.75, {-0.6816387600233341, -0.7316888688738209, 0.6816387600233341, 0.7316888688738209}},
    {"cos", wg_cos, -4, {-0.7568024953079282, 0.6536436208636119, 0.7568024953079282, -0.6536436208636119}},
    {"log", wg_log, 2, {0.5, -0.25, 0.25, -0.375}},
    {"log", wg_log, 0.5, {2, -4, 16, -96}},
    {"log1p", wg_log1p, 2, {0.3333333333333333, -0.1111111111111111, 0.07407407407407407, -0.07407407407407407}},
    {"log1p", wg_log1p, -0.5, {2, -4, 16, -96}},
    {"reciprocal", wg_reciprocal, 2, {-0.25, 0.25, -0.375, 0.75}},
    {"reciprocal", wg_reciprocal, -4, {-0.0625, -0.03125, -0.0234375, -0.0234375}},
    {"sqrt", wg_sqrt, 4, {0.25, -0.03125, 0.01171875, -0.00732421875}},
    {"sqrt", wg_sqrt, 0.25, {1, -2, 12, -120}},
    {"sigmoid", wg_sigmoid, 0, {0.25, 0, -0.125, 0}},
    {"sigmoid", wg_sigmoid, 1, {0.19661193324148185, -0.09085774767294841, -0.03532558051623565, 0.12350686136639322}},
    {"sigmoid", wg_sigmoid, -2,
        {0.10499358540350652, 0.07996250105615306, 0.038851667548206015, -0.020784095148453176}},
    {"sigmoid", wg_sigmoid, 12,
        {6.1441368513331755e-06, -6.144061350033986e-06, 6.143910348827288e-06, -6.143608350588895e-06}},
    {"sigmoid", wg_sigmoid, -30,
        {9.357622968838423e-14, 9.357622968836672e-14, 9.35762296883317e-14, 9.357622968826165e-14}},
    {"sigmoid", wg_sigmoid, 30,
        {9.357622968838423e-14, -9.357622968836672e-14, 9.35762296883317e-14, -9.357622968826165e-14}},
    {"tanh", wg_tanh, 0, {1, 0, -2, 0}},
    {"tanh", wg_tanh, 0.5, {0.7864477329659274, -0.7268619813835873, -0.5652092882597703, 3.952219563724583}},
    {"tanh", wg_tanh, -1, {0.4199743416140261, 0.6397000084492245, 0.6216266807712962, -0.6650910447505016}},
    {"tanh", wg_tanh, 10,
        {8.244614455767397e-09, -1.6489228843561127e-08, 3.2978457415227584e-08, -6.59569137428765e-08}},
    {"tanh", wg_tanh, -16,
        {5.065666219637542e-14, 1.0131332439274828e-13, 2.0262664878548629e-13, 4.052532975709315e-13}},
    {"softplus", wg_softplus, 0, {0.5, 0.25, 0, -0.125}},
    {"softplus", wg_softplus, 1, {0.7310585786300049, 0.19661193324148185, -0.09085774767294841, -0.03532558051623565}},
    {"softplus", wg_softplus, -2,
        {0.11920292202211756, 0.10499358540350652, 0.07996250105615306, 0.038851667548206015}},
    {"softplus", wg_softplus, -30,
        {9.357622968839299e-14, 9.357622968838423e-14, 9.357622968836672e-14, 9.35762296883317e-14}},
    {"softplus", wg_softplus, 30,
        {0.9999999999999064, 9.357622968838423e-14, -9.357622968836672e-14, 9.35762296883317e-14}},
    {"quartic", quartic, 1.5, {5, 9, 24, 24}},
    {"quartic", quartic, -1, {-5, 24, -36, 24}},
    {"power_5_2", power_5_2, 4, {20, 7.5, 0.9375, -0.1171875}},
    {"power_5_2", power_5_2, 0.25, {0.3125, 1.875, 3.75, -7.5}},
    {"two_to_the", two_to_the, 3, {5.545177444479562, 3.8436241113456115, 2.664197215911436, 1.8466807886646677}},
    {"x_exp_x", x_exp_x, 0.5, {2.4730819060501923, 4.12180317675032, 5.770524447450448, 7.419245718150576}},
    {"x_exp_x", x_exp_x, -3, {-0.09957413673572789, -0.049787068367863944, 0, 0.049787068367863944}},
    {"quotient", quotient, 3, {0.0625, -0.03125, 0.0234375, -0.0234375}},
    {"self_power", self_power, 2, {6.772588722239782, 13.466989500152367, 28.57418402505315, 64.50134182736849}},
};
#define ROWS (sizeof rows / sizeof *rows)

static void compare(const struct row *row, const char *where, size_t order, double got, double tolerance)
{
    double want = row->d[order - 1];
    if (!expect_same(got, want, tolerance))
        fail_msg("%s at %g, order %zu, %s: %.17g instead of %.17g", row->name, row->x, order, where, got, want);
}

/* A few roundings for each order: every derivative is a sum of some products. */
static double tolerance_of(wg_dtype dtype, size_t order) { return roundings(dtype, 4.0 * (double)(1 << order)); }

/* On 0-d numbers. At each order the recorded derivative, and backward of the one before it. */
static void scalars(wg_dtype dtype)
{
    for (size_t r = 0; r < ROWS; r++) {
        wg_tape *t = wg_tape_new(dtype);
        wg_var x = wg_scalar_variable(t, rows[r].x), y = rows[r].function(x);
        for (size_t order = 1; order <= ORDERS; order++) {
            wg_zero_grad(t);
            assert_int_equal(wg_backward(y), WG_OK);
            compare(&rows[r], "backward", order, wg_grad_at(x, 0), tolerance_of(dtype, order));
            y = derivative(y, x);
            compare(&rows[r], "recorded", order, wg_item(y), tolerance_of(dtype, order));
        }
        wg_tape_free(t);
    }
}
IN_BOTH(scalars)

/* On arrays: the sum of a function of each element has the gradient f'(x_i). The rows of one function go together, as an
 * array of 3 by 7, so that loops run with and without a tail. */
static void arrays(wg_dtype dtype)
{
    for (size_t first = 0, next; first < ROWS; first = next) {
        size_t which[21];
        double numbers[21];
        for (next = first; next < ROWS && rows[next].function == rows[first].function;) next++;
        for (size_t i = 0; i < 21; i++) {
            which[i] = first + i % (next - first);
            numbers[i] = rows[which[i]].x;
        }
        wg_tape *t = wg_tape_new(dtype);
        wg_var x = wg_variable(t, WG_DIMS(3, 7), numbers), y = rows[first].function(x);
        for (size_t order = 1; order <= ORDERS; order++) {
            wg_zero_grad(t);
            assert_int_equal(wg_backward(wg_sum(y)), WG_OK);
            y = derivative(wg_sum(y), x);
            for (size_t i = 0; i < 21; i++) {
                compare(&rows[which[i]], "backward of an array", order, wg_grad_at(x, i), tolerance_of(dtype, order));
                compare(&rows[which[i]], "recorded on an array", order, wg_at(y, i), tolerance_of(dtype, order));
            }
        }
        EXPECT_HEALTHY(t);
        wg_tape_free(t);
    }
}
IN_BOTH(arrays)

/* A recorded derivative is replayed like anything else: record at one x, set another. */
static void replayed(wg_dtype dtype)
{
    for (size_t r = 1; r < ROWS; r++) {
        if (rows[r].function != rows[r - 1].function) continue;
        wg_tape *t = wg_tape_new(dtype);
        wg_var x = wg_scalar_variable(t, rows[r - 1].x), y[ORDERS + 1] = {rows[r].function(x)};
        for (size_t order = 1; order <= ORDERS; order++) y[order] = derivative(y[order - 1], x);
        assert_int_equal(wg_set_value(x, &rows[r].x), WG_OK);
        assert_int_equal(wg_tape_replay(t), WG_OK);
        for (size_t order = 1; order <= ORDERS; order++)
            compare(&rows[r], "replayed", order, wg_item(y[order]), tolerance_of(dtype, order));
        wg_tape_free(t);
    }
}
IN_BOTH(replayed)

/* Through two functions: Faa di Bruno's formula for exp(sin x) with s = sin x, c = cos x, y = exp s:
 * y c,  y (c^2 - s),  y (c^3 - 3sc - c),  y (c^4 - 6sc^2 - 4c^2 + 3s^2 + s). */
static void composition(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = wg_scalar_variable(t, 0.75), f = wg_exp(wg_sin(x));
    double s = sin(0.75), c = cos(0.75), y = exp(s), cc = c * c;
    double want[] = {
        y * c, y * (cc - s), y * (cc * c - 3 * s * c - c), y * (cc * cc - 6 * s * cc - 4 * cc + 3 * s * s + s)};
    for (size_t order = 1; order <= ORDERS; order++) {
        f = derivative(f, x);
        EXPECT_CLOSE(wg_item(f), want[order - 1], roundings(dtype, 64));
    }
    wg_tape_free(t);
}
IN_BOTH(composition)

int main(void)
{
    const struct CMUnitTest tests[] = {BOTH(scalars), BOTH(arrays), BOTH(replayed), BOTH(composition)};
    return cmocka_run_group_tests_name("orders", tests, NULL, NULL);
}
