/* Graphs in which scalars feed arrays and arrays feed scalars, and what must not change a result: running again, reading
 * on the way, the order in which a compiler evaluates arguments.
 *
 * Scalars live in their nodes and are swept by a path of their own; the tests cross over to arrays and back at every
 * kind of border. Closed forms stand beside each test. */
#include "grad/expect.h"

/* ---- borders between scalars and arrays ---------------------------------------------------------------------------- */

/* s = sum x, u = s^2 + 2s, y = x u, m = mean y, loss = m^2 = ((s^3 + 2 s^2) / n)^2.
 * dx_i = 2 (s^3 + 2 s^2) (3 s^2 + 4 s) / n^2; at s = 2, n = 4: 2 * 16 * 20 / 16 = 40. */
static void sum_chain_broadcast(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = vector(t, NUMBERS(0.5, -1, 2, 0.5)), s = wg_sum(x);
    wg_var u = wg_add(wg_mul(s, s), wg_mul(wg_scalar(t, 2), s)), m = wg_mean(wg_mul(x, u)), loss = wg_square(m);
    assert_int_equal(wg_backward(loss), WG_OK);
    EXPECT_VALUE(loss, 0, NUMBERS(16));
    EXPECT_GRAD(x, 0, NUMBERS(40, 40, 40, 40));
    wg_tape_free(t);
}
IN_BOTH(sum_chain_broadcast)

/* f = sum (w x_i + w)^2 w^2 = w^4 sum (x_i + 1)^2, a scalar variable that broadcasts into arrays and stands in a scalar
 * chain. At w = 1.5, x = (0, 1, 2): df/dw = 4 w^3 14 = 189, dx_i = 2 w^4 (x_i + 1) = 10.125 (x_i + 1). */
static void scalar_variable_on_both_sides(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var w = wg_scalar_variable(t, 1.5), x = vector(t, NUMBERS(0, 1, 2));
    wg_var y = wg_square(wg_add(wg_mul(w, x), w)), f = wg_sum(wg_mul(y, wg_mul(w, w)));
    assert_int_equal(wg_backward(f), WG_OK);
    EXPECT_GRAD(w, 0, NUMBERS(189));
    EXPECT_GRAD(x, 0, NUMBERS(10.125, 20.25, 30.375));
    wg_tape_free(t);
}
IN_BOTH(scalar_variable_on_both_sides)

/* s_k+1 = mean(x s_k), fifty times, by way of an array: s_50 = mean(x)^50 s_0. At mean 1: ds_0 = 1, dx_i = 50 s_0 / 4. */
static void back_and_forth(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = vector(t, NUMBERS(1, 2, 0, 1)), s = wg_scalar_variable(t, 3), y = s;
    for (int k = 0; k < 50; k++) y = wg_mean(wg_mul(x, y));
    assert_int_equal(wg_backward(y), WG_OK);
    EXPECT_GRAD(s, 0, NUMBERS(1));
    EXPECT_GRAD(x, 0, NUMBERS(37.5, 37.5, 37.5, 37.5));
    wg_tape_free(t);
}
IN_BOTH(back_and_forth)

/* Scalars as (), (1) and (1,1) are one in value and derivative, and pass into each other by broadcast and reshape.
 * f = a b c + a^2 with a (), b (1), c (1,1): da = b c + 2a. */
static void size_one_of_any_rank(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var a = wg_scalar_variable(t, 2), b = vector(t, NUMBERS(3)), c = variable(t, WG_DIMS(1, 1), NUMBERS(5));
    wg_var f = wg_add(wg_mul(wg_mul(a, b), c), wg_reshape(wg_square(a), WG_DIMS(1, 1)));
    assert_int_equal(wg_backward(f), WG_OK);
    EXPECT_GRAD(a, 0, NUMBERS(19));
    EXPECT_GRAD(b, 0, NUMBERS(10));
    EXPECT_GRAD(c, 0, NUMBERS(6));
    wg_zero_grad(t);
    wg_var back = wg_mul(wg_reshape(f, WG_SCALAR), a); /* a^2 b c + a^3: da = 2abc + 3a^2 */
    assert_int_equal(wg_backward(back), WG_OK);
    EXPECT_GRAD(a, 0, NUMBERS(72));
    EXPECT_GRAD(b, 0, NUMBERS(20));
    wg_tape_free(t);
}
IN_BOTH(size_one_of_any_rank)

/* A select on scalars has three operands and so stands beside the scalar path, between scalars on both sides.
 * f = exp of where(c, a^2, b) / exp(a^2): 1 at c true, its derivatives cancel; else b alone counts through log. */
static void selects_between_scalars(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var a = wg_scalar_variable(t, 2), b = wg_scalar_variable(t, 3), yes = wg_scalar(t, 1), no = wg_scalar(t, 0);
    wg_var aa = wg_mul(a, a), taken = wg_sub(wg_where(yes, aa, b), aa), other = wg_mul(wg_where(no, aa, b), b);
    assert_int_equal(wg_backward(wg_add(taken, other)), WG_OK); /* (a^2 - a^2) + b^2 */
    EXPECT_GRAD(a, 0, NUMBERS(0));
    EXPECT_GRAD(b, 0, NUMBERS(6));
    wg_tape_free(t);
}
IN_BOTH(selects_between_scalars)

/* The scalar path and the array path of one formula give one derivative: logistic loss, a product and a quotient chain,
 * on 0-d variables and on arrays of shape (1). */
static wg_var some_formula(wg_var a, wg_var b)
{
    wg_var p = wg_sigmoid(wg_mul(a, b)), q = wg_log1p(wg_exp(wg_sub(b, a))), r = wg_tanh(wg_div(a, b));
    wg_var u = wg_pow(wg_square(a), wg_abs(b)), v = wg_sqrt(wg_add(wg_softplus(b), wg_square(r)));
    wg_var w = wg_mul(wg_sin(u), wg_cos(v)), e = wg_expm1(wg_reciprocal(wg_maximum(a, b)));
    return wg_add(wg_mul(p, wg_add(q, w)), wg_mul(wg_relu(e), wg_minimum(wg_neg(r), wg_log(u))));
}

static void scalar_path_equals_array_path(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var a = wg_scalar_variable(t, 0.75), b = wg_scalar_variable(t, 1.25);
    wg_var c = vector(t, NUMBERS(0.75)), d = vector(t, NUMBERS(1.25));
    wg_var f = some_formula(a, b), g = some_formula(c, d);
    assert_int_equal(wg_backward(f), WG_OK);
    assert_int_equal(wg_backward(g), WG_OK);
    EXPECT_CLOSE(wg_item(f), wg_item(g), roundings(dtype, 8));
    EXPECT_CLOSE(wg_grad_at(a, 0), wg_grad_at(c, 0), roundings(dtype, 64));
    EXPECT_CLOSE(wg_grad_at(b, 0), wg_grad_at(d, 0), roundings(dtype, 64));
    EXPECT_HEALTHY(t);
    wg_tape_free(t);
}
IN_BOTH(scalar_path_equals_array_path)

/* ---- what must not change a result --------------------------------------------------------------------------------- */

/* A program with scalars, arrays, broadcasting, products and many contributions to each variable. read: look at every
 * intermediate's address and name some, which gives scalars an address of their own. */
typedef struct program {
    wg_var w, x, s, loss;
} program;

static void look_at(bool read, wg_var v)
{
    if (!read) return;
    assert_non_null(wg_value(v));
    wg_name(v, "seen");
}

static void program_run(program *p, bool read)
{
    wg_tape *t = p->w.tape;
    wg_var y = p->x, total = wg_scalar(t, 0);
    for (int i = 0; i < 7; i++) {
        wg_var h = wg_tanh(wg_add(wg_matmul(p->w, y), wg_mul(p->s, wg_scalar(t, 0.1 * i))));
        look_at(read, h);
        wg_var m = wg_mean(h), e = wg_exp(wg_neg(wg_square(m))), k = wg_mul(wg_sin(e), p->s);
        look_at(read, m);
        look_at(read, e);
        look_at(read, k);
        y = wg_add(wg_mul(h, k), wg_div(y, wg_add(wg_square(p->s), wg_scalar(t, 1))));
        total = wg_add(total, wg_mul(m, k));
        look_at(read, total);
    }
    p->loss = wg_add(total, wg_sum(wg_square(y)));
}

static program program_new(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    program p;
    p.w = variable(t, WG_DIMS(3, 3), NUMBERS(0.3, -0.7, 0.2, 0.9, 0.1, -0.4, -0.6, 0.8, 0.5));
    p.x = variable(t, WG_DIMS(3, 2), NUMBERS(0.1, -0.3, 0.7, 1.1, -0.9, 0.4));
    p.s = wg_scalar_variable(t, 0.37);
    return p;
}

/* The loss and every gradient, 1 + 9 + 6 + 1 numbers. */
static void program_results(const program *p, double *out)
{
    *out++ = wg_item(p->loss);
    for (size_t i = 0; i < 9; i++) *out++ = wg_grad_at(p->w, i);
    for (size_t i = 0; i < 6; i++) *out++ = wg_grad_at(p->x, i);
    *out = wg_grad_at(p->s, 0);
    EXPECT_HEALTHY(p->w.tape);
}

/* On another tape, after a rewind, by replay, with every value looked at on the way: the same bits. */
static void same_bits(wg_dtype dtype)
{
    program p = program_new(dtype), q = program_new(dtype);
    double first[17], again[17];
    wg_mark mark = wg_tape_mark(p.w.tape);
    program_run(&p, false);
    assert_int_equal(wg_backward(p.loss), WG_OK);
    program_results(&p, first);

    program_run(&q, true);
    assert_int_equal(wg_backward(q.loss), WG_OK);
    program_results(&q, again);
    assert_memory_equal(first, again, sizeof first);

    assert_int_equal(wg_tape_replay(q.w.tape), WG_OK);
    wg_zero_grad(q.w.tape);
    assert_int_equal(wg_backward(q.loss), WG_OK);
    program_results(&q, again);
    assert_memory_equal(first, again, sizeof first);

    for (int round = 0; round < 3; round++) {
        assert_int_equal(wg_tape_rewind(p.w.tape, mark), WG_OK);
        wg_zero_grad(p.w.tape);
        program_run(&p, round == 1);
        assert_int_equal(wg_backward(p.loss), WG_OK);
        program_results(&p, again);
        assert_memory_equal(first, again, sizeof first);
    }
    wg_tape_free(p.w.tape);
    wg_tape_free(q.w.tape);
}
IN_BOTH(same_bits)

/* The same tree with every operand recorded left first, then right first, as compilers may: f = (a b + c / a) - exp(b) c.
 * a and b have two contributions, which commute, so even the bits of their gradients agree. */
static wg_var tree(wg_var a, wg_var b, wg_var c, bool right_first)
{
    wg_var left, right, product, quotient;
    if (right_first) {
        right = wg_mul(wg_exp(b), c);
        quotient = wg_div(c, a);
        product = wg_mul(a, b);
        left = wg_add(product, quotient);
    } else {
        product = wg_mul(a, b);
        quotient = wg_div(c, a);
        left = wg_add(product, quotient);
        right = wg_mul(wg_exp(b), c);
    }
    return wg_sum(wg_sub(left, right));
}

static void argument_order(wg_dtype dtype)
{
    for (int scalars = 0; scalars < 2; scalars++) {
        double values[2], grads[2][9];
        for (int right_first = 0; right_first < 2; right_first++) {
            wg_tape *t = wg_tape_new(dtype);
            wg_var in[3];
            const double numbers[3][3] = {{0.3, -1.7, 2.9}, {0.7, 0.11, -0.4}, {1.3, -0.9, 0.77}};
            size_t n = scalars ? 1 : 3;
            for (size_t k = 0; k < 3; k++)
                in[k] = scalars ? wg_scalar_variable(t, numbers[k][0]) : vector(t, numbers[k], 3);
            wg_var f = tree(in[0], in[1], in[2], right_first);
            assert_int_equal(wg_backward(f), WG_OK);
            values[right_first] = wg_item(f);
            for (size_t k = 0; k < 3; k++)
                for (size_t i = 0; i < n; i++) grads[right_first][k * n + i] = wg_grad_at(in[k], i);
            EXPECT_HEALTHY(t);
            wg_tape_free(t);
        }
        assert_memory_equal(&values[0], &values[1], sizeof values[0]);
        assert_memory_equal(grads[0], grads[1], (scalars ? 3 : 9) * sizeof grads[0][0]);
    }
}
IN_BOTH(argument_order)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(sum_chain_broadcast),
        BOTH(scalar_variable_on_both_sides),
        BOTH(back_and_forth),
        BOTH(size_one_of_any_rank),
        BOTH(selects_between_scalars),
        BOTH(scalar_path_equals_array_path),
        BOTH(same_bits),
        BOTH(argument_order),
    };
    return cmocka_run_group_tests_name("mixed", tests, NULL, NULL);
}
