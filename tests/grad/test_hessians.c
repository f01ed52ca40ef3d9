/* Second and third derivatives of functions of several variables, against closed forms: each row of a Hessian is taken
 * both ways, recorded (wg_vjp of the recorded gradient) and swept on numbers (wg_backward_from it). And the rule that a
 * zero cotangent stays an exact zero beside an infinite slope, at orders 1 to 3. */
#include "grad/expect.h"
#include "support/array.h"

/* Holds the Hessian of f with respect to x to want, n x n, where n is x's size. */
#define EXPECT_HESSIAN(f, x, tolerance, ...) hessian_is(f, x, tolerance, __VA_ARGS__, __LINE__)
static void hessian_is(wg_var f, wg_var x, double tolerance, const double *want, size_t count, int line)
{
    wg_tape *t = f.tape;
    size_t n = wg_size(x);
    wg_var g = derivative(f, x), row;
    assert_int_equal(count, n * n);
    for (size_t i = 0; i < n; i++) {
        double unit[16] = {0};
        unit[i] = 1;
        wg_zero_grad(t);
        wg_var v = wg_constant_f64(t, wg_shape_of(x), unit);
        assert_int_equal(wg_vjp(g, v, &x, 1, &row), WG_OK);
        assert_int_equal(backward_from(g, unit, n), WG_OK);
        for (size_t j = 0; j < n; j++) {
            double recorded = wg_at(row, j), swept = wg_grad_at(x, j), right = want[i * n + j];
            EXPECT_HEALTHY(t);
            if (!expect_same(recorded, right, tolerance) || !expect_same(swept, right, tolerance))
                fail_msg("line %d: H[%zu][%zu] is %.17g recorded, %.17g swept, instead of %.17g", line, i, j, recorded,
                    swept, right);
        }
    }
}

static wg_var at(wg_var x, ptrdiff_t i) { return wg_reshape(wg_slice(x, 0, i, i + 1, 1), WG_SCALAR); }

/* ---- closed forms -------------------------------------------------------------------------------------------------- */

/* Rosenbrock in three variables, by elements and by slices: f = sum_i 100 (x_i+1 - x_i^2)^2 + (1 - x_i)^2, i = 0, 1.
 * f_00 = 1200 x0^2 - 400 x1 + 2, f_01 = -400 x0, f_11 = 200 + 1200 x1^2 - 400 x2 + 2, f_12 = -400 x1, f_22 = 200. */
static void rosenbrock(wg_dtype dtype)
{
    const double want[] = {1902, -600, 0, -600, 5402, -800, 0, -800, 200};
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = vector(t, NUMBERS(1.5, 2, -1)), one = wg_scalar(t, 1), hundred = wg_scalar(t, 100), f = wg_scalar(t, 0);
    for (int i = 0; i < 2; i++) {
        wg_var valley = wg_sub(at(x, i + 1), wg_square(at(x, i)));
        f = wg_add(f, wg_add(wg_mul(hundred, wg_square(valley)), wg_square(wg_sub(one, at(x, i)))));
    }
    EXPECT_HESSIAN(f, x, 0, want, 9);
    wg_var low = wg_slice(x, 0, 0, -1, 1), high = wg_slice(x, 0, 1, WG_END, 1), valley = wg_sub(high, wg_square(low));
    wg_var by_slices = wg_add(wg_mul(hundred, wg_sum(wg_square(valley))), wg_sum(wg_square(wg_sub(one, low))));
    EXPECT_HESSIAN(by_slices, x, 0, want, 9);
    wg_var g = derivative(by_slices, x), h = derivative(wg_sum(wg_slice(g, 0, 0, 1, 1)), x);
    wg_var third = derivative(wg_sum(wg_slice(h, 0, 0, 1, 1)), x); /* (2400 x0, -400, 0) */
    EXPECT_VALUE(third, 0, NUMBERS(3600, -400, 0));
    wg_tape_free(t);
}
IN_BOTH(rosenbrock)

/* x^T A x: H = A + A^T, by products of vectors, of matrices, and with A transposed on the way. */
static void quadratic_form(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = vector(t, NUMBERS(1, -2, 3)), a = wg_constant(t, WG_DIMS(3, 3), (double[]){1, 2, 3, -4, 5, 6, 7, 8, -9});
    wg_var column = wg_reshape(x, WG_DIMS(3, 1)), by_matrices = wg_matmul(wg_transpose(column), wg_matmul(a, column));
    wg_var turned = wg_matmul(wg_matmul(x, wg_transpose(a)), x);
    const double want[] = {2, -2, 10, -2, 10, 14, 10, 14, -18};
    EXPECT_HESSIAN(wg_matmul(x, wg_matmul(a, x)), x, 0, want, 9);
    EXPECT_HESSIAN(by_matrices, x, 0, want, 9);
    EXPECT_HESSIAN(turned, x, 0, want, 9);
    wg_tape_free(t);
}
IN_BOTH(quadratic_form)

/* softplus(w . x): H = s (1 - s) x x^T with s = sigmoid(z), z = w . x = 0.5, s (1 - s) = 0.23500371220159449. */
static void softplus_of_a_product(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var w = vector(t, NUMBERS(1, 0.25)), x = constants(t, NUMBERS(1, -2));
    double p = 0.23500371220159449;
    EXPECT_HESSIAN(wg_softplus(wg_matmul(w, x)), w, roundings(dtype, 8), NUMBERS(p, -2 * p, -2 * p, 4 * p));
    EXPECT_HESSIAN(wg_softplus(wg_sum(wg_mul(w, x))), w, roundings(dtype, 8), NUMBERS(p, -2 * p, -2 * p, 4 * p));
    wg_tape_free(t);
}
IN_BOTH(softplus_of_a_product)

/* Branches: the second derivative is that of the branch taken, and none across.
 * max_i x_i^2: 2 at the largest alone. where(x > 0, x^3, x^2): 6x or 2. maximum(x^2, 3x): 2 or 0. relu(x)^2: 2 or 0. */
static void branches(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = vector(t, NUMBERS(1, -4, 2)), zero = wg_scalar(t, 0), xx = wg_square(x);
    wg_var cubes = wg_where(wg_greater(x, zero), wg_mul(x, xx), xx);
    wg_var larger = wg_maximum(xx, wg_mul(wg_scalar(t, 3), x)), smaller = wg_minimum(xx, wg_mul(wg_scalar(t, 3), x));
    EXPECT_HESSIAN(wg_max(xx), x, 0, NUMBERS(0, 0, 0, 0, 2, 0, 0, 0, 0));
    EXPECT_HESSIAN(wg_min(xx), x, 0, NUMBERS(2, 0, 0, 0, 0, 0, 0, 0, 0));
    EXPECT_HESSIAN(wg_sum(cubes), x, 0, NUMBERS(6, 0, 0, 0, 2, 0, 0, 0, 12));
    EXPECT_HESSIAN(wg_sum(larger), x, 0, NUMBERS(0, 0, 0, 0, 2, 0, 0, 0, 0));
    EXPECT_HESSIAN(wg_sum(smaller), x, 0, NUMBERS(2, 0, 0, 0, 0, 0, 0, 0, 2));
    EXPECT_HESSIAN(wg_sum(wg_square(wg_relu(x))), x, 0, NUMBERS(2, 0, 0, 0, 0, 0, 0, 0, 2));
    EXPECT_HESSIAN(wg_square(wg_sum(wg_abs(x))), x, 0, NUMBERS(2, -2, 2, -2, 2, -2, 2, -2, 2));
    wg_tape_free(t);
}
IN_BOTH(branches)

/* Reductions: (mean x)^2: 2 / n^2 everywhere. sum of squares of row sums; sum of products of rows' maxima. */
static void reductions(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = variable(t, WG_DIMS(2, 2), NUMBERS(1, 2, 5, 3));
    wg_var rows = wg_sum_axes(x, WG_AXES(1), false), most = wg_max_axes(x, WG_AXES(-1), true);
    double e = 2.0 / 16;
    EXPECT_HESSIAN(wg_square(wg_mean(x)), x, 0, NUMBERS(e, e, e, e, e, e, e, e, e, e, e, e, e, e, e, e));
    EXPECT_HESSIAN(wg_sum(wg_square(rows)), x, 0, NUMBERS(2, 2, 0, 0, 2, 2, 0, 0, 0, 0, 2, 2, 0, 0, 2, 2));
    EXPECT_HESSIAN(wg_matmul(wg_slice(wg_reshape(most, WG_DIMS(2)), 0, 0, 1, 1),
                       wg_slice(wg_reshape(most, WG_DIMS(2)), 0, 1, 2, 1)),
        x, 0, NUMBERS(0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0));
    wg_tape_free(t);
}
IN_BOTH(reductions)

/* ---- mixed partial derivatives -------------------------------------------------------------------------------------- */

/* d2f / dx dy = d2f / dy dx, for functions of two variables, at a point where every op is smooth, and where an exponent
 * is zero: d2 (x^y) / dx dy = x^(y-1) (1 + y log x), 1/x at y = 0. */
static void mixed_partials_commute(wg_dtype dtype)
{
    wg_var (*const ops[])(wg_var, wg_var) = {wg_add, wg_sub, wg_mul, wg_div, wg_pow};
    const double points[][2] = {{1.75, 0.625}, {2, 0}, {0.5, -1}};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        for (size_t p = 0; p < 3; p++) {
            if (ops[i] == wg_div && points[p][1] == 0) continue;
            wg_tape *t = wg_tape_new(dtype);
            wg_var x = wg_scalar_variable(t, points[p][0]), y = wg_scalar_variable(t, points[p][1]);
            wg_var f = wg_mul(wg_tanh(ops[i](x, y)), wg_exp(wg_mul(x, wg_sin(y))));
            double xy = wg_item(derivative(derivative(f, x), y)), yx = wg_item(derivative(derivative(f, y), x));
            double pure_xy = wg_item(derivative(derivative(ops[i](x, y), x), y));
            double pure_yx = wg_item(derivative(derivative(ops[i](x, y), y), x));
            EXPECT_CLOSE(xy, yx, roundings(dtype, 64));
            EXPECT_CLOSE(pure_xy, pure_yx, roundings(dtype, 16));
            if (ops[i] == wg_pow) {
                double a = points[p][0], b = points[p][1];
                EXPECT_CLOSE(pure_xy, pow(a, b - 1) * (1 + b * log(a)), roundings(dtype, 16));
            }
            wg_tape_free(t);
        }
}
IN_BOTH(mixed_partials_commute)

/* f = sum exp(x_i y) x_i: mixed derivatives between an array and a 0-d number that is broadcast into it.
 * f_y = sum x^2 e^(xy), f_yx_i = (2 x_i + x_i^2 y) e^(x_i y), f_yy = sum x^3 e^(xy). */
static void mixed_partials_across_ranks(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    double a[] = {0.5, -1.25, 0.75}, b = 0.625;
    wg_var x = vector(t, a, 3), y = wg_scalar_variable(t, b), wrt[] = {x, y}, first[2], of_x[2], of_y[2];
    wg_var f = wg_sum(wg_mul(wg_exp(wg_mul(x, y)), x));
    assert_int_equal(wg_gradients(f, wrt, 2, first), WG_OK);
    assert_int_equal(wg_gradients(first[1], wrt, 2, of_y), WG_OK);
    assert_int_equal(wg_gradients(wg_sum(first[0]), wrt, 2, of_x), WG_OK);
    double mixed_sum = 0, second = 0;
    for (size_t i = 0; i < 3; i++) {
        double e = exp(a[i] * b), mixed = (2 * a[i] + a[i] * a[i] * b) * e;
        EXPECT_CLOSE(wg_at(of_y[0], i), mixed, roundings(dtype, 16));
        EXPECT_CLOSE(wg_at(of_x[0], i), (2 * b + a[i] * b * b) * e, roundings(dtype, 16));
        mixed_sum += mixed;
        second += a[i] * a[i] * a[i] * e;
    }
    EXPECT_CLOSE(wg_item(of_x[1]), mixed_sum, roundings(dtype, 32));
    EXPECT_CLOSE(wg_item(of_y[1]), second, roundings(dtype, 32));
    wg_tape_free(t);
}
IN_BOTH(mixed_partials_across_ranks)

/* ---- zero times infinity --------------------------------------------------------------------------------------------- */

static wg_var root(wg_var x) { return wg_sqrt(x); }
static wg_var logarithm(wg_var x) { return wg_log(x); }
static wg_var inverse(wg_var x) { return wg_reciprocal(x); }
static wg_var one_over(wg_var x) { return wg_div(wg_scalar(x.tape, 1), x); }
static wg_var power_half(wg_var x) { return wg_pow(x, wg_scalar(x.tape, 0.5)); }
static wg_var power_minus_1(wg_var x) { return wg_pow(x, wg_scalar(x.tape, -1)); }
static wg_var x_root(wg_var x) { return wg_mul(x, wg_sqrt(x)); }
static wg_var x_log(wg_var x) { return wg_mul(x, wg_log(x)); }
static wg_var log_1_plus(wg_var x) { return wg_log1p(wg_sub(x, wg_scalar(x.tape, 1))); }
static wg_var root_of_square(wg_var x) { return wg_sqrt(wg_square(x)); }
static wg_var big_exponential(wg_var x) { return wg_exp(wg_reciprocal(wg_square(x))); }

/* Each has a value or slope that is infinite or NaN at 0; d: its derivatives at 4. */
static const struct singular {
    wg_var (*h)(wg_var);
    double d[3];
} singular[] = {
    {root, {0.25, -0.03125, 0.01171875}},
    {logarithm, {0.25, -0.0625, 0.03125}},
    {inverse, {-0.0625, 0.03125, -0.0234375}},
    {one_over, {-0.0625, 0.03125, -0.0234375}},
    {power_half, {0.25, -0.03125, 0.01171875}},
    {power_minus_1, {-0.0625, 0.03125, -0.0234375}},
    {x_root, {3, 0.375, -0.046875}},
    {x_log, {2.386294361119890619, 0.25, -0.0625}},
    {log_1_plus, {0.25, -0.0625, 0.03125}},
    {root_of_square, {1, 0, 0}},
    /* e^(1/x^2) times -2/x^3, 4/x^6 + 6/x^4, -(8/x^9 + 36/x^7 + 24/x^5) */
    {big_exponential, {-0.033265451841183107, 0.025988634250924302, -0.027320551756284174}},
};

/* where(x > 0, h(x), x) and mask * h(x): at x = 0 the first has the derivatives 1, 0, 0 and the second 0, 0, 0, exactly,
 * whatever h does there; at x = 4 both have h's. Recorded and swept, on arrays and on 0-d numbers. */
static void zero_cotangents_stay_zero(wg_dtype dtype)
{
    for (size_t r = 0; r < sizeof singular / sizeof *singular; r++)
        for (int masked = 0; masked < 2; masked++)
            for (int scalars = 0; scalars < 2; scalars++) {
                wg_tape *t = wg_tape_new(dtype);
                wg_var x = scalars ? wg_scalar_variable(t, 0) : vector(t, NUMBERS(0, 4)), zero = wg_scalar(t, 0);
                wg_var h = singular[r].h(x), mask = wg_greater(x, zero);
                wg_var y = masked ? wg_mul(mask, h) : wg_where(mask, h, x);
                for (size_t order = 0; order < 3; order++) {
                    double at_0 = !masked && order == 0, tolerance = roundings(dtype, 64);
                    wg_zero_grad(t);
                    assert_int_equal(wg_backward(wg_sum(y)), WG_OK);
                    y = derivative(wg_sum(y), x);
                    if (wg_grad_at(x, 0) != at_0 || wg_at(y, 0) != at_0)
                        fail_msg("function %zu, masked %d, scalars %d, order %zu: %g swept, %g recorded", r, masked,
                            scalars, order + 1, wg_grad_at(x, 0), wg_at(y, 0));
                    if (scalars) continue;
                    EXPECT_CLOSE(wg_grad_at(x, 1), singular[r].d[order], tolerance);
                    EXPECT_CLOSE(wg_at(y, 1), singular[r].d[order], tolerance);
                }
                wg_tape_free(t);
            }
}
IN_BOTH(zero_cotangents_stay_zero)

/* ---- a gradient inside a loss ---------------------------------------------------------------------------------------- */

/* L(W) = (|d f / d x|^2 - 1)^2 with f = sum tanh(W x). In plain arithmetic: d f / d x = W^T (1 - tanh^2(W x)). */
typedef struct penalty {
    long double w[6], x[2];
    size_t moved; /* the element of W that the difference moves */
} penalty;

static long double penalty_at(void *context, long double step)
{
    const penalty *p = context;
    long double w[6], g[2] = {0, 0};
    for (size_t i = 0; i < 6; i++) w[i] = p->w[i] + (i == p->moved ? step : 0);
    for (size_t i = 0; i < 3; i++) {
        long double h = tanhl(w[2 * i] * p->x[0] + w[2 * i + 1] * p->x[1]);
        for (size_t j = 0; j < 2; j++) g[j] += w[2 * i + j] * (1 - h * h);
    }
    long double excess = g[0] * g[0] + g[1] * g[1] - 1;
    return excess * excess;
}

static void gradient_penalty(wg_dtype dtype)
{
    penalty p = {{0.5L, -0.75L, 1.25L, 0.25L, -1, 0.5L}, {0.75L, -0.5L}, 0};
    wg_tape *t = wg_tape_new(dtype);
    wg_var w = variable(t, WG_DIMS(3, 2), NUMBERS(0.5, -0.75, 1.25, 0.25, -1, 0.5)), x = vector(t, NUMBERS(0.75, -0.5));
    wg_var g = derivative(wg_sum(wg_tanh(wg_matmul(w, x))), x);
    wg_var loss = wg_square(wg_sub(wg_sum(wg_square(g)), wg_scalar(t, 1)));
    EXPECT_CLOSE(wg_item(loss), (double)penalty_at(&p, 0), roundings(dtype, 64));
    assert_int_equal(wg_backward(loss), WG_OK);
    for (p.moved = 0; p.moved < 6; p.moved++) { /* 1e-9: what the difference itself leaves */
        double want = (double)difference(penalty_at, &p);
        EXPECT_CLOSE(wg_grad_at(w, p.moved), want, roundings(dtype, 64) + 1e-9);
    }
    wg_tape_free(t);
}
IN_BOTH(gradient_penalty)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(rosenbrock),
        BOTH(quadratic_form),
        BOTH(softplus_of_a_product),
        BOTH(branches),
        BOTH(reductions),
        BOTH(mixed_partials_commute),
        BOTH(mixed_partials_across_ranks),
        BOTH(zero_cotangents_stay_zero),
        BOTH(gradient_penalty),
    };
    return cmocka_run_group_tests_name("hessians", tests, NULL, NULL);
}
