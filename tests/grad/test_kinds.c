/* Whole kinds of gradient faults, of which tests/cases holds one instance each, in elementwise ops and reductions: other
 * shapes, both dtypes, other ops, second order. The references are naive loops over index tuples, or closed forms. */
#include "grad/expect.h"
#include "support/array.h"

static array array_of(wg_shape shape, double from, double step)
{
    array a = array_new(shape);
    for (size_t i = 0; i < a.size; i++) a.at[i] = (long double)(from + step * (double)(i * 7 % 11));
    return a;
}

/* ---- a gradient that is not summed over the stretched axes (cases/01) ------------------------------------------------ */

/* Element i of the result meets element at of an operand of shape `from`. */
static size_t meets(const wg_shape *from, const wg_shape *to, size_t i)
{
    size_t tuple[WG_MAX_RANK], own[WG_MAX_RANK] = {0};
    shape_tuple(to, i, tuple);
    for (uint32_t d = 0; d < from->rank; d++) own[d] = from->dim[d] == 1 ? 0 : tuple[to->rank - from->rank + d];
    return shape_flat(from, own);
}

/* a op b at one element, and its slopes with respect to a and b. */
typedef struct local {
    double value, a, b;
} local;
static local local_of(int op, double a, double b)
{
    if (op == 0) return (local){a + b, 1, 1};
    if (op == 1) return (local){a - b, 1, -1};
    if (op == 2) return (local){a * b, b, a};
    return (local){a / b, 1 / b, -a / (b * b)};
}

static void stretched_axes_are_summed(wg_dtype dtype)
{
    wg_var (*const ops[])(wg_var, wg_var) = {wg_add, wg_sub, wg_mul, wg_div};
    const wg_shape pairs[][2] = {{WG_DIMS(3, 4), WG_DIMS(3, 1)}, {WG_DIMS(3, 4), WG_DIMS(1, 4)},
        {WG_DIMS(3, 4), WG_DIMS(4)}, {WG_DIMS(3, 1), WG_DIMS(1, 5)}, {WG_DIMS(3, 1), WG_DIMS(5)},
        {WG_DIMS(2, 3, 4), WG_DIMS(3, 1)}, {WG_DIMS(2, 1, 4), WG_DIMS(3, 1)},
        {WG_DIMS(2, 1, 2, 1, 3), WG_DIMS(3, 1, 2, 1)}, {WG_DIMS(2, 3), WG_SCALAR}, {WG_DIMS(1, 1), WG_DIMS(4, 6)},
        {WG_DIMS(1), WG_DIMS(2, 0, 3)}, {WG_DIMS(700), WG_DIMS(3, 1)}};
    for (size_t p = 0; p < 2 * sizeof pairs / sizeof *pairs; p++)
        for (int op = 0; op < 4; op++) {
            wg_tape *t = wg_tape_new(dtype);
            array a = array_of(pairs[p / 2][p % 2], -1, 0.5), b = array_of(pairs[p / 2][1 - p % 2], 1, 0.25);
            wg_shape shape = shape_broadcast(&a.shape, &b.shape);
            array k = array_of(shape, -2, 1), da = array_new(a.shape), db = array_new(b.shape),
                  haa = array_new(a.shape);
            for (size_t i = 0; i < k.size; i++) {
                size_t at = meets(&a.shape, &shape, i), bt = meets(&b.shape, &shape, i);
                local l = local_of(op, (double)a.at[at], (double)b.at[bt]);
                da.at[at] += 2 * k.at[i] * l.value * l.a;
                db.at[bt] += 2 * k.at[i] * l.value * l.b;
                haa.at[at] += 2 * k.at[i] * l.a * l.a; /* d of da for a step of its own element; ops are linear in a */
            }
            wg_var x = array_leaf(t, &a, true), y = array_leaf(t, &b, true), w = array_leaf(t, &k, false);
            wg_var f = wg_sum(wg_mul(wg_square(ops[op](x, y)), w)), g[2], h;
            assert_int_equal(wg_gradients(f, (wg_var[]){x, y}, 2, g), WG_OK);
            assert_int_equal(wg_backward(f), WG_OK);
            assert_int_equal(wg_gradients(wg_sum(g[0]), &x, 1, &h), WG_OK); /* no mixed terms between elements of a */
            double scale = roundings(dtype, 64) * (double)(1 + array_largest(&da) + array_largest(&db));
            for (size_t i = 0; i < a.size; i++) {
                assert_true(fabs(wg_grad_at(x, i) - (double)da.at[i]) <= scale);
                assert_true(fabs(wg_at(g[0], i) - (double)da.at[i]) <= scale);
                assert_true(fabs(wg_at(h, i) - (double)haa.at[i]) <= scale);
            }
            for (size_t i = 0; i < b.size; i++) {
                assert_true(fabs(wg_grad_at(y, i) - (double)db.at[i]) <= scale);
                assert_true(fabs(wg_at(g[1], i) - (double)db.at[i]) <= scale);
            }
            EXPECT_HEALTHY(t);
            array *all[] = {&a, &b, &k, &da, &db, &haa};
            for (size_t i = 0; i < 6; i++) array_free(all[i]);
            wg_tape_free(t);
        }
}
IN_BOTH(stretched_axes_are_summed)

/* All three operands of where stretch: c (2,1,1), a (3,1), b (4): each gets the sum over what it stands for. */
static void three_stretched_operands(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var c = wg_constant(t, WG_DIMS(2, 1, 1), (double[]){1, 0}), a = variable(t, WG_DIMS(3, 1), NUMBERS(1, 2, 3));
    wg_var b = vector(t, NUMBERS(1, 2, 3, 4)), y = wg_where(c, a, b);
    wg_var f = wg_sum(wg_square(y)), g[2], h;
    assert_int_equal(wg_backward(f), WG_OK);
    EXPECT_GRAD(a, 0, NUMBERS(8, 16, 24)); /* 4 copies of 2a */
    EXPECT_GRAD(b, 0, NUMBERS(6, 12, 18, 24));
    assert_int_equal(wg_gradients(f, (wg_var[]){a, b}, 2, g), WG_OK);
    assert_int_equal(wg_gradients(wg_sum(g[0]), &a, 1, &h), WG_OK);
    EXPECT_VALUE(h, 0, NUMBERS(8, 8, 8));
    wg_tape_free(t);
}
IN_BOTH(three_stretched_operands)

/* ---- what leaks from the branch that is not taken (cases/05) ---------------------------------------------------------- */

/* Bad numbers in the other branch, cotangents that are bad themselves, a NaN condition (true), scalars and arrays. */
static void branches_not_taken(wg_dtype dtype)
{
    const double bad[] = {(double)NAN, (double)INFINITY, -(double)INFINITY};
    for (size_t k = 0; k < 3; k++) {
        wg_tape *t = wg_tape_new(dtype);
        wg_var yes = wg_scalar(t, (double)NAN), no = wg_scalar(t, 0), s = wg_scalar_variable(t, 3),
               u = wg_scalar_variable(t, bad[k]);
        wg_var taken = wg_where(yes, s, wg_exp(u)), other = wg_where(no, wg_log(u), s);
        wg_var f = wg_mul(wg_square(taken), other), wrt[] = {s, u}, g[2], h[2]; /* s^3 */
        assert_int_equal(wg_backward(f), WG_OK);
        EXPECT_GRAD(s, 0, NUMBERS(27));
        EXPECT_GRAD(u, 0, NUMBERS(0));
        assert_int_equal(wg_gradients(f, wrt, 2, g), WG_OK);
        EXPECT_VALUE(g[0], 0, NUMBERS(27));
        EXPECT_VALUE(g[1], 0, NUMBERS(0));
        assert_int_equal(wg_gradients(wg_add(g[0], g[1]), wrt, 2, h), WG_OK);
        EXPECT_VALUE(h[0], 0, NUMBERS(18));
        EXPECT_VALUE(h[1], 0, NUMBERS(0));

        wg_var c = constants(t, NUMBERS(1, 0, 2)), x = vector(t, NUMBERS(1, bad[k], 4)),
               z = vector(t, NUMBERS(bad[k], 5, bad[k]));
        wg_var y = wg_where(c, x, wg_where(no, wg_div(x, z), z)), p = wg_sum(wg_mul(y, wg_square(y)));
        assert_int_equal(wg_backward(p), WG_OK);
        EXPECT_GRAD(x, 0, NUMBERS(3, 0, 48));
        EXPECT_GRAD(z, 0, NUMBERS(0, 75, 0));
        wg_var q = derivative(wg_sum(derivative(p, x)), x);
        EXPECT_VALUE(q, 0, NUMBERS(6, 0, 24));
        wg_tape_free(t);
    }
}
IN_BOTH(branches_not_taken)

/* A bad cotangent passes whole to the side that is taken, and the other side gets an exact zero. */
static void bad_cotangents_take_one_side(wg_dtype dtype)
{
    const double bad[] = {(double)NAN, (double)INFINITY, -(double)INFINITY};
    for (size_t k = 0; k < 3; k++) {
        double g = bad[k];
        wg_tape *t = wg_tape_new(dtype);
        wg_var a = vector(t, NUMBERS(1, 2)), b = vector(t, NUMBERS(2, 1)), c = constants(t, NUMBERS(1, 0));
        assert_int_equal(backward_from(wg_where(c, a, b), NUMBERS(g, g)), WG_OK);
        EXPECT_GRAD(a, 0, NUMBERS(g, 0));
        EXPECT_GRAD(b, 0, NUMBERS(0, g));
        wg_zero_grad(t);
        assert_int_equal(backward_from(wg_maximum(a, b), NUMBERS(g, g)), WG_OK);
        EXPECT_GRAD(a, 0, NUMBERS(0, g));
        EXPECT_GRAD(b, 0, NUMBERS(g, 0));
        wg_zero_grad(t);
        assert_int_equal(backward_from(wg_minimum(a, b), NUMBERS(g, g)), WG_OK);
        EXPECT_GRAD(a, 0, NUMBERS(g, 0));
        wg_zero_grad(t);
        assert_int_equal(backward_from(wg_relu(wg_sub(a, b)), NUMBERS(g, g)), WG_OK);
        EXPECT_GRAD(a, 0, NUMBERS(0, g));
        EXPECT_GRAD(b, 0, NUMBERS(0, -g));
        wg_zero_grad(t);
        assert_int_equal(backward_from(wg_max(a), NUMBERS(g)), WG_OK);
        assert_int_equal(backward_from(wg_min(b), NUMBERS(g)), WG_OK);
        EXPECT_GRAD(a, 0, NUMBERS(0, g));
        EXPECT_GRAD(b, 0, NUMBERS(0, g));
        wg_var picked[2], cotangent = constants(t, NUMBERS(g, g)); /* recorded too */
        assert_int_equal(wg_vjp(wg_maximum(a, b), cotangent, (wg_var[]){a, b}, 2, picked), WG_OK);
        EXPECT_VALUE(picked[0], 0, NUMBERS(0, g));
        EXPECT_VALUE(picked[1], 0, NUMBERS(g, 0));
        wg_tape_free(t);
    }
}
IN_BOTH(bad_cotangents_take_one_side)

/* ---- ties (cases/08) --------------------------------------------------------------------------------------------------- */

/* max and min over every set of axes of arrays with many ties: the tied share the cotangent equally; at second order,
 * of m^2, too: the share of 2m. */
static void ties_share(wg_dtype dtype)
{
    const int sets[][3] = {{0}, {1}, {2}, {0, 1}, {0, 2}, {1, 2}, {0, 1, 2}};
    const size_t counts[] = {1, 1, 1, 2, 2, 2, 3};
    for (int set = 0; set < 7; set++)
        for (int least = 0; least < 2; least++)
            for (int keepdims = 0; keepdims < 2; keepdims++) {
                wg_tape *t = wg_tape_new(dtype);
                wg_shape shape = WG_DIMS(2, 3, 4), kept = shape;
                array a = array_new(shape), want = array_new(shape);
                for (size_t i = 0; i < a.size; i++) a.at[i] = (long double)(i * i * 5 % 13 % 3) + 1; /* 1, 2 or 3 */
                for (size_t k = 0; k < counts[set]; k++) kept.dim[sets[set][k]] = 1;
                array most = array_new(kept), ties = array_new(kept);
                for (size_t i = 0; i < a.size; i++) {
                    long double *m = &most.at[meets(&kept, &shape, i)];
                    if (*m == 0 || (least ? a.at[i] < *m : a.at[i] > *m)) *m = a.at[i];
                }
                for (size_t i = 0; i < a.size; i++) {
                    size_t at = meets(&kept, &shape, i);
                    ties.at[at] += a.at[i] == most.at[at];
                }
                for (size_t i = 0; i < a.size; i++) {
                    size_t at = meets(&kept, &shape, i);
                    if (a.at[i] == most.at[at]) want.at[i] = 2 * most.at[at] * (long double)(at + 1) / ties.at[at];
                }
                for (size_t i = 0; i < most.size; i++) most.at[i] = (long double)(i + 1); /* now the weights */
                wg_var x = array_leaf(t, &a, true), w = array_leaf(t, &most, false);
                wg_var y = (least ? wg_min_axes : wg_max_axes)(x, sets[set], counts[set], keepdims);
                wg_var f = wg_sum(wg_mul(wg_square(y), wg_reshape(w, wg_shape_of(y)))), g = derivative(f, x);
                assert_int_equal(wg_backward(f), WG_OK);
                for (size_t i = 0; i < a.size; i++) {
                    EXPECT_CLOSE(wg_grad_at(x, i), (double)want.at[i], roundings(dtype, 4));
                    EXPECT_CLOSE(wg_at(g, i), (double)want.at[i], roundings(dtype, 4));
                }
                array *all[] = {&a, &want, &most, &ties};
                for (size_t i = 0; i < 4; i++) array_free(all[i]);
                wg_tape_free(t);
            }
}
IN_BOTH(ties_share)

/* What counts as a tie: zeros of both signs, infinities, and, for what NaN makes of a maximum, the NaNs. */
static void ties_of_special_numbers(wg_dtype dtype)
{
    double inf = (double)INFINITY, nan = (double)NAN;
    wg_tape *t = wg_tape_new(dtype);
    wg_var zeros = vector(t, NUMBERS(0.0, -0.0, -1)), infinities = vector(t, NUMBERS(inf, 1, inf)),
           nans = vector(t, NUMBERS(nan, 5, nan));
    assert_int_equal(wg_backward(wg_max(zeros)), WG_OK);
    assert_int_equal(wg_backward(wg_max(infinities)), WG_OK);
    assert_int_equal(wg_backward(wg_max(nans)), WG_OK);
    EXPECT_GRAD(zeros, 0, NUMBERS(0.5, 0.5, 0));
    EXPECT_GRAD(infinities, 0, NUMBERS(0.5, 0, 0.5));
    EXPECT_GRAD(nans, 0, NUMBERS(0.5, 0, 0.5));
    wg_var a = vector(t, NUMBERS(0.0, inf, 3)), b = vector(t, NUMBERS(-0.0, inf, 3));
    assert_int_equal(wg_backward(wg_sum(wg_maximum(a, b))), WG_OK);
    EXPECT_GRAD(a, 0, NUMBERS(0.5, 0.5, 0.5));
    EXPECT_GRAD(b, 0, NUMBERS(0.5, 0.5, 0.5));
    wg_tape_free(t);
}
IN_BOTH(ties_of_special_numbers)

/* ---- saturation (cases/15) ---------------------------------------------------------------------------------------------- */

/* Far out, and at infinity, values and derivatives of two orders are finite and right; no inf - inf, no inf * 0. */
static void saturated(wg_dtype dtype)
{
    double inf = (double)INFINITY;
    const struct {
        wg_var (*f)(wg_var);
        double value[2], slope[2]; /* at -x and x */
    } rows[] = {{wg_sigmoid, {0, 1}, {0, 0}}, {wg_tanh, {-1, 1}, {0, 0}}, {wg_softplus, {0, 1}, {0, 1}},
        {wg_relu, {0, 1}, {0, 1}}, {wg_expm1, {-1, inf}, {0, inf}}, {wg_exp, {0, inf}, {0, inf}}};
    const double far[] = {800, 0x1p100, inf};
    for (size_t r = 0; r < 6; r++)
        for (size_t k = 0; k < 3; k++) {
            bool identity = rows[r].slope[1] == 1; /* the value is x itself */
            wg_tape *t = wg_tape_new(dtype);
            wg_var x = vector(t, NUMBERS(-far[k], far[k])), s = wg_scalar_variable(t, -far[k]), y = rows[r].f(x),
                   z = rows[r].f(s);
            wg_var g = derivative(wg_sum(y), x), h = derivative(wg_sum(g), x), gs = derivative(z, s),
                   hs = derivative(gs, s);
            assert_int_equal(wg_backward(wg_sum(y)), WG_OK);
            assert_int_equal(wg_backward(z), WG_OK);
            EXPECT_VALUE(y, 0, NUMBERS(rows[r].value[0], identity ? far[k] : rows[r].value[1]));
            EXPECT_GRAD(x, 0, NUMBERS(rows[r].slope[0], rows[r].slope[1]));
            EXPECT_VALUE(g, 0, NUMBERS(rows[r].slope[0], rows[r].slope[1]));
            EXPECT_VALUE(h, 0, NUMBERS(0, rows[r].slope[1] == inf ? inf : 0));
            EXPECT_GRAD(s, 0, NUMBERS(rows[r].slope[0]));
            EXPECT_VALUE(hs, 0, NUMBERS(0));
            wg_tape_free(t);
        }
}
IN_BOTH(saturated)

/* ---- negative axes and keepdims (cases/27) ------------------------------------------------------------------------------ */

/* Every op over axes, every choice of signs: the result and the gradient are those of the positive axes, keepdims or not. */
static void negative_axes(wg_dtype dtype)
{
    typedef wg_var reduction(wg_var, const int *, size_t, bool);
    reduction *const ops[] = {wg_sum_axes, wg_mean_axes, wg_max_axes, wg_min_axes};
    const int sets[][3] = {{0}, {1}, {2}, {0, 1}, {2, 0}, {1, 2}, {2, 1, 0}};
    const size_t counts[] = {1, 1, 1, 2, 2, 2, 3};
    double numbers[24];
    for (int i = 0; i < 24; i++) numbers[i] = (i * 11 % 23) * 0.25 - 2;
    for (size_t op = 0; op < 4; op++)
        for (int set = 0; set < 7; set++)
            for (int signs = 1; signs < 1 << counts[set]; signs++) {
                wg_tape *t = wg_tape_new(dtype);
                int axes[3];
                for (size_t k = 0; k < counts[set]; k++) axes[k] = sets[set][k] - (signs >> k & 1 ? 3 : 0);
                wg_var x = wg_variable(t, WG_DIMS(2, 3, 4), numbers), z = wg_variable(t, WG_DIMS(2, 3, 4), numbers);
                wg_var plain = ops[op](x, sets[set], counts[set], false), kept = ops[op](z, axes, counts[set], true);
                assert_int_equal(wg_shape_of(plain).rank, 3 - counts[set]);
                assert_int_equal(wg_shape_of(kept).rank, 3);
                for (size_t k = 0; k < counts[set]; k++) assert_int_equal(wg_shape_of(kept).dim[sets[set][k]], 1);
                assert_int_equal(wg_backward(wg_sum(wg_exp(plain))), WG_OK);
                assert_int_equal(wg_backward(wg_sum(wg_exp(wg_reshape(kept, wg_shape_of(plain))))), WG_OK);
                for (size_t i = 0; i < wg_size(plain); i++) EXPECT_CLOSE(wg_at(kept, i), wg_at(plain, i), 0);
                for (size_t i = 0; i < 24; i++) EXPECT_CLOSE(wg_grad_at(z, i), wg_grad_at(x, i), 0);
                EXPECT_HEALTHY(t);
                wg_tape_free(t);
            }
}
IN_BOTH(negative_axes)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(stretched_axes_are_summed),
        BOTH(three_stretched_operands),
        BOTH(branches_not_taken),
        BOTH(bad_cotangents_take_one_side),
        BOTH(ties_share),
        BOTH(ties_of_special_numbers),
        BOTH(saturated),
        BOTH(negative_axes),
    };
    return cmocka_run_group_tests_name("kinds", tests, NULL, NULL);
}
