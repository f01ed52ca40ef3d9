/* Whole kinds of gradient faults, of which tests/cases holds one instance each, in products, losses, large sums, long
 * chains, and in what is stale: other shapes, both dtypes, other ops, second order. */
#include "grad/expect.h"
#include "support/array.h"

/* ---- which factor is transposed, and on which side (cases/29) --------------------------------------------------------- */

static array filled(wg_shape shape, int seed)
{
    array a = array_new(shape);
    for (size_t i = 0; i < a.size; i++) a.at[i] = (long double)((i * 5 + (size_t)seed * 3) % 7) - 3;
    return a;
}

static long double *cell(const array *a, bool turned, size_t row, size_t column)
{
    size_t columns = a->shape.dim[1];
    return &a->at[turned ? column * columns + row : row * columns + column];
}

/* Z = op(A) op(B) with every choice of transposes, f = sum K Z: dA_ik = sum_j K_ij B_kj, dB_kj = sum_i A_ik K_ij, each
 * in the places of the stored matrix. f is bilinear: the derivative of dA by B, in the direction V, is that of V instead
 * of B. All extents differ, so no wrong side has the right shape. */
static void transposed_factors(wg_dtype dtype)
{
    for (int turned = 0; turned < 4; turned++) {
        bool ta = turned & 1, tb = turned & 2;
        array a = filled(ta ? WG_DIMS(3, 2) : WG_DIMS(2, 3), 1), b = filled(tb ? WG_DIMS(4, 3) : WG_DIMS(3, 4), 2);
        array k = filled(WG_DIMS(2, 4), 3), v = filled(b.shape, 4), da = array_new(a.shape), db = array_new(b.shape),
              dv = array_new(a.shape);
        for (size_t i = 0; i < 2; i++)
            for (size_t j = 0; j < 4; j++)
                for (size_t l = 0; l < 3; l++) {
                    *cell(&da, ta, i, l) += *cell(&k, false, i, j) * *cell(&b, tb, l, j);
                    *cell(&dv, ta, i, l) += *cell(&k, false, i, j) * *cell(&v, tb, l, j);
                    *cell(&db, tb, l, j) += *cell(&k, false, i, j) * *cell(&a, ta, i, l);
                }
        wg_tape *t = wg_tape_new(dtype);
        wg_var x = array_leaf(t, &a, true), y = array_leaf(t, &b, true), w = array_leaf(t, &k, false),
               direction = array_leaf(t, &v, false);
        wg_var z = wg_matmul(ta ? wg_transpose(x) : x, tb ? wg_transpose(y) : y), f = wg_sum(wg_mul(z, w)), g[2];
        assert_int_equal(wg_backward(f), WG_OK);
        assert_int_equal(wg_gradients(f, (wg_var[]){x, y}, 2, g), WG_OK);
        wg_var mixed = derivative(wg_sum(wg_mul(g[1], direction)), x);
        for (size_t i = 0; i < 6; i++) {
            EXPECT_CLOSE(wg_grad_at(x, i), (double)da.at[i], 0);
            EXPECT_CLOSE(wg_at(g[0], i), (double)da.at[i], 0);
            EXPECT_CLOSE(wg_at(mixed, i), (double)dv.at[i], 0);
        }
        for (size_t i = 0; i < 12; i++) {
            EXPECT_CLOSE(wg_grad_at(y, i), (double)db.at[i], 0);
            EXPECT_CLOSE(wg_at(g[1], i), (double)db.at[i], 0);
        }
        array *all[] = {&a, &b, &k, &v, &da, &db, &dv};
        for (size_t i = 0; i < 7; i++) array_free(all[i]);
        wg_tape_free(t);
    }
}
IN_BOTH(transposed_factors)

/* ---- wrong by a factor m (cases/51) -------------------------------------------------------------------------------------- */

/* Z = W X + b on n outputs and m samples, each reduction: dW = (2 / d) (Z - Y) X^T, db = (2 / d) row sums, dY = -dZ, and the
 * second derivative by b_i is 2 m / d. */
static void factors_of_losses(wg_dtype dtype)
{
    const size_t samples[] = {1, 3, 8}, outputs[] = {1, 2};
    for (int reduction = WG_MEAN; reduction <= WG_BATCH_MEAN; reduction++)
        for (size_t which = 0; which < 6; which++) {
            size_t m = samples[which / 2], n = outputs[which % 2];
            double d = reduction == WG_SUM ? 1 : reduction == WG_MEAN ? (double)(n * m) : (double)m;
            array w = filled(WG_DIMS(n, 3), 1), x = filled(WG_DIMS(3, m), 2), y = filled(WG_DIMS(n, m), 3),
                  b = filled(WG_DIMS(n, 1), 5);
            wg_tape *t = wg_tape_new(dtype);
            wg_var W = array_leaf(t, &w, true), X = array_leaf(t, &x, false), Y = array_leaf(t, &y, true),
                   B = array_leaf(t, &b, true);
            wg_var loss = wg_mse(wg_add(wg_matmul(W, X), B), Y, (wg_reduction)reduction), g = derivative(loss, B),
                   h = derivative(wg_sum(g), B);
            assert_int_equal(wg_backward(loss), WG_OK);
            for (size_t i = 0; i < n; i++) {
                double dw[3] = {0}, sum = 0;
                for (size_t j = 0; j < m; j++) {
                    long double z = b.at[i] - y.at[i * m + j];
                    for (size_t l = 0; l < 3; l++) z += w.at[i * 3 + l] * x.at[l * m + j];
                    sum += (double)z;
                    for (size_t l = 0; l < 3; l++) dw[l] += (double)(z * x.at[l * m + j]);
                    EXPECT_CLOSE(wg_grad_at(Y, i * m + j), -2 / d * (double)z, roundings(dtype, 4));
                }
                for (size_t l = 0; l < 3; l++)
                    EXPECT_CLOSE(wg_grad_at(W, i * 3 + l), 2 / d * dw[l], roundings(dtype, 16));
                EXPECT_CLOSE(wg_grad_at(B, i), 2 / d * sum, roundings(dtype, 16));
                EXPECT_CLOSE(wg_at(g, i), 2 / d * sum, roundings(dtype, 16));
                EXPECT_CLOSE(wg_at(h, i), 2 * (double)m / d, roundings(dtype, 16));
            }
            EXPECT_HEALTHY(t);
            array *all[] = {&w, &x, &y, &b};
            for (size_t i = 0; i < 4; i++) array_free(all[i]);
            wg_tape_free(t);
        }
}
IN_BOTH(factors_of_losses)

/* ---- saved values that are not constant (cases/47) ------------------------------------------------------------------------ */

/* H[i][j] of f at x against a formula. */
#define EXPECT_ENTRY(f, x, i, j, want)                                                                                 \
    EXPECT_CLOSE(                                                                                                      \
        wg_at(derivative(wg_sum(wg_slice(derivative(f, x), 0, (ptrdiff_t)(i), (ptrdiff_t)(i) + 1, 1)), x), j), want,   \
        roundings(dtype, 64))

/* Ops whose derivative uses their own result: |x| has (I - u u^T) / r; log sum e^x has diag(p) - p p^T; the standardised
 * z = (x - m) / s has d z_i / d x_j = (d_ij - 1/n - z_i z_j / n) / s; 1 / mean(x) has 2 / (n^2 m^3). */
static void results_in_derivatives(wg_dtype dtype)
{
    const double a[4] = {0.5, -1, 2, 0.25};
    double r = 0, total = 0, mean = 0, spread = 0, p[4], z[4];
    for (int i = 0; i < 4; i++) r += a[i] * a[i], total += exp(a[i]), mean += a[i] / 4;
    for (int i = 0; i < 4; i++) spread += (a[i] - mean) * (a[i] - mean) / 4;
    r = sqrt(r);
    spread = sqrt(spread);
    for (size_t i = 0; i < 4; i++) p[i] = exp(a[i]) / total, z[i] = (a[i] - mean) / spread;
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = vector(t, a, 4), centred = wg_sub(x, wg_mean(x));
    wg_var length = wg_sqrt(wg_sum(wg_square(x))), lse = wg_log(wg_sum(wg_exp(x))), inverse = wg_reciprocal(wg_mean(x));
    wg_var standard = wg_div(centred, wg_sqrt(wg_mean(wg_square(centred))));
    for (size_t i = 0; i < 4; i++) {
        wg_var one = wg_sum(wg_slice(standard, 0, (ptrdiff_t)i, (ptrdiff_t)i + 1, 1)), row = derivative(one, x);
        for (size_t j = 0; j < 4; j++) {
            double same = i == j;
            EXPECT_ENTRY(length, x, i, j, (same - a[i] * a[j] / (r * r)) / r);
            EXPECT_ENTRY(lse, x, i, j, same * p[i] - p[i] * p[j]);
            EXPECT_ENTRY(inverse, x, i, j, 2 / (16 * mean * mean * mean));
            EXPECT_CLOSE(wg_at(row, j), (same - 0.25 - z[i] * z[j] / 4) / spread, roundings(dtype, 64));
        }
    }
    wg_var zero = derivative(wg_sum(wg_square(standard)), x); /* always 4: no slope, no curvature */
    wg_var flat = derivative(wg_sum(wg_mul(zero, constants(t, NUMBERS(1, 2, 3, 4)))), x);
    for (size_t i = 0; i < 4; i++) {
        assert_true(fabs(wg_at(zero, i)) < roundings(dtype, 32));
        assert_true(fabs(wg_at(flat, i)) < roundings(dtype, 256));
    }
    wg_tape_free(t);
}
IN_BOTH(results_in_derivatives)

/* ---- a running total in float (cases/56) ---------------------------------------------------------------------------------- */

/* 2^20 numbers of 0.1 in every op that sums: over all, over a leading, a middle, a last axis, as a mean, as a mean of
 * squares, as the adjoint of what was broadcast, over sweeps. A running float total is off by 1e-2; 20 halvings are not. */
static void large_sums(wg_dtype dtype)
{
    enum { N = 1 << 20 };
    double *numbers = malloc(N * sizeof *numbers), tenth = dtype == WG_F64 ? 0.1 : (double)0.1f, want = N * tenth;
    assert_non_null(numbers);
    for (size_t i = 0; i < N; i++) numbers[i] = 0.1;
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = wg_constant(t, WG_DIMS(N), numbers), zero = wg_constant(t, WG_DIMS(N), (double *)NULL),
           s = wg_scalar_variable(t, 1);
    free(numbers);
    double close = roundings(dtype, 32);
    EXPECT_CLOSE(wg_item(wg_sum(x)), want, close);
    EXPECT_CLOSE(wg_item(wg_mean(x)), tenth, close);
    EXPECT_CLOSE(wg_item(wg_mse(x, zero, WG_MEAN)), tenth * tenth, close);
    EXPECT_CLOSE(wg_item(wg_sum_to(x, WG_SCALAR)), want, close);
    EXPECT_CLOSE(wg_at(wg_sum_axes(wg_reshape(x, WG_DIMS(N / 2, 2)), WG_AXES(0), false), 1), want / 2, close);
    EXPECT_CLOSE(wg_at(wg_sum_axes(wg_reshape(x, WG_DIMS(2, N / 4, 2)), WG_AXES(1), false), 3), want / 4, close);
    EXPECT_CLOSE(wg_at(wg_mean_axes(wg_reshape(x, WG_DIMS(2, N / 2)), WG_AXES(-1), true), 1), tenth, close);
    EXPECT_CLOSE(wg_at(wg_sum_axes(wg_reshape(x, WG_DIMS(4, N / 8, 2)), WG_AXES(0, 2), true), 7), 8 * tenth, close);
    wg_var column = variable(t, WG_DIMS(2, 1), NUMBERS(1, 2));
    assert_int_equal(wg_backward(wg_sum(wg_mul(x, s))), WG_OK); /* s is stretched over all of x */
    assert_int_equal(wg_backward(wg_sum(wg_mul(wg_reshape(x, WG_DIMS(2, N / 2)), column))), WG_OK);
    EXPECT_CLOSE(wg_grad_at(s, 0), want, close);
    EXPECT_CLOSE(wg_grad_at(column, 1), want / 2, close);
    EXPECT_HEALTHY(t);
    wg_tape_free(t);
}
IN_BOTH(large_sums)

/* ---- depth (cases/59) ----------------------------------------------------------------------------------------------------- */

/* Chains of every kind of node, deep enough to end a stack if anything recursed: recorded, swept, replayed, recorded
 * again as a derivative, and freed. y = 2^k x with k small, so all is exact. */
static wg_var deeper(wg_var y, int kind, wg_var one)
{
    size_t n = wg_size(y);
    if (kind == 0) return wg_neg(wg_neg(y));                                    /* arrays alone, scalars alone */
    if (kind == 1) return wg_reshape(wg_reshape(y, WG_DIMS(1, n)), WG_DIMS(n)); /* views of views */
    if (kind == 2) return wg_transpose(wg_reshape(y, WG_DIMS(1, n)));           /* read late, one over the other */
    if (kind == 3) return wg_mul(wg_reshape(y, WG_DIMS(n)), wg_sum(wg_div(one, one)));
    return wg_concat((wg_var[]){wg_slice(y, 0, 0, 1, 1), wg_slice(y, 0, 1, WG_END, 1)}, 2, 0);
}

static void deep_chains(wg_dtype dtype)
{
    const int depths[] = {60000, 30000, 30000, 10000, 10000};
    for (int kind = 0; kind < 5; kind++) {
        wg_tape *t = wg_tape_new(dtype);
        wg_var x = vector(t, NUMBERS(1, 2, 3)), s = wg_scalar_variable(t, 3), one = wg_scalar_variable(t, 1), y = x,
               z = s, g;
        for (int i = 0; i < depths[kind]; i++) y = deeper(y, kind, one);
        for (int i = 0; i < depths[kind] && kind == 0; i++) z = deeper(z, kind, one);
        wg_var f = wg_sum(wg_mul(wg_square(wg_reshape(y, WG_DIMS(3))), wg_square(z)));
        assert_int_equal(wg_backward(f), WG_OK);
        EXPECT_GRAD(x, 0, NUMBERS(18, 36, 54));
        EXPECT_GRAD(s, 0, NUMBERS(84));
        assert_int_equal(wg_set_value(x, (double[]){2, 1, 1}), WG_OK);
        assert_int_equal(wg_tape_replay(t), WG_OK);
        EXPECT_VALUE(f, 0, NUMBERS(54));
        assert_int_equal(wg_gradients(f, &x, 1, &g), WG_OK);
        EXPECT_VALUE(g, 0, NUMBERS(36, 18, 18));
        wg_zero_grad(t);
        assert_int_equal(wg_backward(wg_sum(g)), WG_OK);
        EXPECT_GRAD(x, 0, NUMBERS(18, 18, 18));
        wg_tape_free(t);
    }
}
IN_BOTH(deep_chains)

/* ---- what is stale (cases/40) ---------------------------------------------------------------------------------------------- */

/* Each way to change a leaf, on an array and a scalar: every derivative that depends on it is refused, every other one is
 * right, gradients stay readable, and a replay makes all of it right. f = x^3, h = w^2. */
static void changed_leaves(wg_dtype dtype)
{
    double bound_f64[1] = {5};
    float bound_f32[1] = {5};
    for (int way = 0; way < 4; way++)
        for (int scalar = 0; scalar < 2; scalar++) {
            wg_tape *t = wg_tape_new(dtype);
            wg_var x = scalar ? wg_scalar_variable(t, 3) : vector(t, NUMBERS(3)), w = wg_scalar_variable(t, 2), g = {0};
            wg_var f = wg_mul(x, wg_mul(x, x)), h = wg_square(w), df = derivative(f, x),
                   view = wg_reshape(f, WG_DIMS(1, 1));
            assert_int_equal(wg_backward(f), WG_OK);
            if (way == 0) assert_int_equal(wg_set_value_f64(x, (double[]){5}), WG_OK);
            if (way == 1) assert_int_equal(wg_set_value_f32(x, (float[]){5}), WG_OK);
            if (way == 2) {
                void *value = wg_value_mut(x);
                dtype == WG_F64 ? (*(double *)value = 5) : (*(float *)value = 5);
            }
            if (way == 3) assert_int_equal(wg_bind(x, dtype == WG_F64 ? (void *)bound_f64 : bound_f32, NULL), WG_OK);
            wg_var stale[] = {f, df, view};
            for (size_t k = 0; k < 3; k++) {
                assert_int_equal(wg_backward(stale[k]), WG_ERROR_STALE);
                EXPECT_ERROR(t, WG_ERROR_STALE, "stale");
                assert_int_equal(wg_gradients(stale[k], &x, 1, &g), WG_ERROR_STALE);
                EXPECT_ERROR(t, WG_ERROR_STALE, "stale");
                assert_false(wg_ok(wg_exp(stale[k])));
                EXPECT_ERROR(t, WG_ERROR_STALE, "stale");
            }
            assert_int_equal(wg_retain_grad(f), WG_ERROR_STALE);
            EXPECT_ERROR(t, WG_ERROR_STALE, "stale");
            EXPECT_GRAD(x, 0, NUMBERS(27)); /* of the old value, and readable */
            assert_int_equal(wg_backward(h), WG_OK);
            EXPECT_GRAD(w, 0, NUMBERS(4));
            wg_var fresh = wg_square(x); /* an op on the changed leaf itself sees the new value */
            EXPECT_VALUE(fresh, 0, NUMBERS(25));
            assert_int_equal(wg_tape_replay(t), WG_OK);
            EXPECT_VALUE(f, 0, NUMBERS(125));
            EXPECT_VALUE(df, 0, NUMBERS(75));
            wg_zero_grad(t);
            assert_int_equal(wg_backward(view), WG_OK);
            assert_int_equal(wg_gradients(f, &x, 1, &g), WG_OK);
            EXPECT_GRAD(x, 0, NUMBERS(75));
            EXPECT_VALUE(g, 0, NUMBERS(75));
            wg_zero_grad(t);
            assert_int_equal(wg_backward(df), WG_OK); /* 6 x */
            EXPECT_GRAD(x, 0, NUMBERS(30));
            wg_tape_free(t);
        }
}
IN_BOTH(changed_leaves)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(transposed_factors),
        BOTH(factors_of_losses),
        BOTH(results_in_derivatives),
        BOTH(large_sums),
        BOTH(deep_chains),
        BOTH(changed_leaves),
    };
    return cmocka_run_group_tests_name("kinds_graph", tests, NULL, NULL);
}
