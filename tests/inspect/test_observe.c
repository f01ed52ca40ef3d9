/* wg_observe: every step of a sweep is shown, and what is shown adds up to the gradient. */
#include "inspect/network.h"

#include "grad/checkpointed.h"
#include "support/program.h"
#include "support/watch.h"

/* Observes a sweep for wrt, and compares the gradients with wg_backward's, where it has one, and with those of a sweep that is
 * not observed. */
static watched watch_and_compare(wg_var out, const wg_var *wrt, size_t n, double tolerance)
{
    wg_tape *t = out.tape;
    size_t total = 0, at = 0;
    for (size_t k = 0; k < n; k++) total += wg_size(wrt[k]);
    double *gradients = malloc(2 * total * sizeof *gradients + 1), *plain = gradients + total;
    assert_non_null(gradients);
    watched seen = watch(out, NULL, wrt, n, gradients);
    assert_int_equal(wg_observe(out, NULL, wrt, n, plain, NULL), WG_OK);
    assert_int_equal(wg_zero_grad(t), WG_OK);
    assert_int_equal(wg_backward(out), WG_OK);
    for (size_t k = 0; k < n; k++) {
        wg_node_info info;
        assert_int_equal(wg_node_read(wrt[k], &info), WG_OK);
        for (size_t i = 0; i < wg_size(wrt[k]); i++, at++) {
            double got = watch_number(t, gradients, at);
            EXPECT_CLOSE(watch_number(t, plain, at), got, tolerance * (1 + 1 / (fabs(got) + 1e-300)));
            if (!(info.flags & WG_IS_VARIABLE)) continue;
            double want = wg_grad_at(wrt[k], i);
            EXPECT_CLOSE(got, want, tolerance * (1 + 1 / (fabs(want) + 1e-300)));
        }
    }
    EXPECT_HEALTHY(t);
    free(gradients);
    return seen;
}

/* ---- a small network ---------------------------------------------------------------------------------------------------- */

static void a_network(wg_dtype dtype)
{
    network m = network_new(&(wg_tape_options){.dtype = dtype});
    wg_var wrt[] = {m.W1, m.b1, m.W2, m.b2};
    double gradients[PARAMETERS];
    watched seen = watch(m.loss, NULL, wrt, 4, gradients);
    by_hand g = by_hand_all(&m);
    EXPECT_HAND(&m, gradients, &g);
    for (int k = 0; k < 4; k++) {
        assert_int_equal(seen.node[wrt[k].index].shown, 1);
        assert_int_equal(seen.node[wrt[k].index].into, 1);
    }
    for (size_t i = 0; i < HIDDEN * SAMPLES; i++) {
        EXPECT_CLOSE(seen.node[m.A1.index].sum[i], g.dA1[i], roundings(dtype, 32));
        EXPECT_CLOSE(seen.node[m.Z1.index].sum[i], g.dZ1[i], roundings(dtype, 32));
    }
    for (size_t i = 0; i < SAMPLES; i++) EXPECT_CLOSE(seen.node[m.Z2.index].sum[i], g.dZ2[i], roundings(dtype, 32));
    assert_int_equal(seen.node[m.loss.index].shown, 1);
    assert_int_equal(seen.node[m.loss.index].into, 0);
    assert_int_equal(seen.node[m.X.index].into, 0);
    assert_int_equal(seen.node[m.X.index].shown, 0);
    assert_int_equal(seen.node[m.Y.index].into, 0);
    assert_int_equal(seen.edges, seen.nodes - 1); /* a tree */
    watch_free(&seen);
    wg_tape_free(m.t);
}
IN_BOTH(a_network)

/* ---- what is asked for --------------------------------------------------------------------------------------------------- */

/* y = 3 w c, u = w + 1: leaves, constants, intermediates, the result itself, something beside, twice the same. */
static void for_any_value(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var w = variable(t, WG_DIMS(2), NUMBERS(2, 5)), c = wg_constant_f64(t, WG_DIMS(2), (double[]){7, -1});
    wg_var p = wg_mul(w, c), y = wg_mul(wg_scalar(t, 3), p), beside = wg_add(w, wg_scalar(t, 1)), cut = wg_detach(y);
    wg_var wrt[] = {p, w, beside, c, y, w, cut};
    double gradients[14], cotangent[2];
    put(dtype, cotangent, 0, 10);
    put(dtype, cotangent, 1, 100);
    watched seen = watch(y, cotangent, wrt, 7, gradients);
    const double want[] = {30, 300, 210, -300, 0, 0, 60, 1500, 10, 100, 210, -300, 0, 0};
    for (size_t i = 0; i < 14; i++) EXPECT_CLOSE(get(dtype, gradients, i), want[i], 0);
    assert_int_equal(seen.node[w.index].shown, 1);
    assert_int_equal(seen.node[c.index].shown, 1);
    assert_int_equal(seen.node[p.index].from, 2);
    assert_int_equal(seen.node[y.index].from, 1); /* the constant 3 is not asked for */
    assert_int_equal(seen.node[beside.index].shown, 0);
    watch_free(&seen);

    seen = watch(y, NULL, &p, 1, gradients); /* ones; and the sweep ends at p */
    EXPECT_CLOSE(get(dtype, gradients, 0), 3, 0);
    assert_int_equal(seen.node[p.index].shown, 1);
    assert_int_equal(seen.node[p.index].from, 0);
    watch_free(&seen);

    seen = watch(w, NULL, &w, 1, gradients); /* a leaf of itself */
    EXPECT_CLOSE(get(dtype, gradients, 1), 1, 0);
    assert_true(seen.nodes == 1 && seen.edges == 0);
    watch_free(&seen);

    seen = watch(y, NULL, NULL, 0, NULL);
    assert_true(seen.nodes == 0 && seen.edges == 0);
    watch_free(&seen);
    seen = watch(y, NULL, &cut, 1, NULL); /* nothing on the way */
    assert_true(seen.nodes == 0 && seen.edges == 0);
    watch_free(&seen);
    for (size_t i = 0; i < 2; i++) EXPECT_CLOSE(wg_grad_at(w, i), 0, 0);
    EXPECT_HEALTHY(t);
    wg_tape_free(t);
}
IN_BOTH(for_any_value)

/* No gradient is touched: not the leaves', not a retained one's, also where they are asked for. */
static void gradients_stay(wg_dtype dtype)
{
    network m = network_new(&(wg_tape_options){.dtype = dtype});
    wg_var wrt[] = {m.W1, m.A1, m.b2};
    assert_int_equal(wg_retain_grad(m.A1) | wg_retain_grad(m.Z1), WG_OK);
    assert_int_equal(wg_backward(m.loss), WG_OK);
    double before[4] = {wg_grad_at(m.W1, 3), wg_grad_at(m.A1, 2), wg_grad_at(m.Z1, 1), wg_grad_at(m.b2, 0)};
    watched seen = watch(m.loss, NULL, wrt, 3, NULL);
    watch_free(&seen);
    double after[4] = {wg_grad_at(m.W1, 3), wg_grad_at(m.A1, 2), wg_grad_at(m.Z1, 1), wg_grad_at(m.b2, 0)};
    assert_memory_equal(before, after, sizeof before);
    assert_int_equal(wg_backward(m.loss), WG_OK);
    EXPECT_CLOSE(wg_grad_at(m.W1, 3), 2 * before[0], 0);
    wg_tape_free(m.t);
}
IN_BOTH(gradients_stay)

/* ---- uses ------------------------------------------------------------------------------------------------------------------ */

static void twice_the_same(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = wg_scalar_variable(t, 3), a = variable(t, WG_DIMS(2, 2), NUMBERS(1, 2, 3, 4));
    wg_var s = wg_add(x, wg_scalar(t, 1)), square = wg_mul(s, s), twice = wg_add(square, square), g;
    watched seen = watch(twice, NULL, &x, 1, &g);
    assert_int_equal(seen.node[square.index].into, 2);
    assert_int_equal(seen.node[s.index].into, 2);
    EXPECT_CLOSE(seen.node[s.index].sum[0], 16, 0);
    EXPECT_CLOSE(seen.node[s.index].largest, 8, 0);
    watch_free(&seen);
    wg_var product = wg_sum(wg_matmul(a, a));
    seen = watch_and_compare(product, &a, 1, 0);
    assert_int_equal(seen.node[a.index].into, 2);
    EXPECT_CLOSE(seen.node[a.index].sum[1], (3 + 4) + (1 + 3), 0); /* a row of a, and a column */
    watch_free(&seen);
    wg_var many[12];
    for (int k = 0; k < 12; k++) many[k] = k % 3 ? a : wg_sin(a);
    seen = watch_and_compare(wg_sum(wg_square(wg_concat(many, 12, 0))), &a, 1, roundings(dtype, 16));
    assert_int_equal(seen.node[a.index].into, 12);
    watch_free(&seen);
    wg_tape_free(t);
}
IN_BOTH(twice_the_same)

/* Contributions that are parts of an array, and conditions and indices, to which nothing flows. */
static void parts(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var w = variable(t, WG_DIMS(4, 2), NUMBERS(1, 2, 3, 4, 5, 6, 7, 8)), v = wg_exp(w);
    wg_var i = wg_indices(t, WG_DIMS(3), (int64_t[]){2, 0, 2}), sum = wg_scalar(t, 0);
    wg_var condition = wg_greater(w, wg_scalar(t, 3.5));
    for (ptrdiff_t k = 0; k < 4; k++) sum = wg_add(sum, wg_sum(wg_slice(k % 2 ? v : w, 0, k, k + 1, 1)));
    sum = wg_add(sum, wg_sum(wg_take(w, i, 0)));
    sum = wg_add(
        sum, wg_sum(wg_where(condition, v, wg_reshape(wg_transpose(wg_reshape(w, WG_DIMS(2, 4))), WG_DIMS(4, 2)))));
    watched seen = watch_and_compare(sum, &w, 1, roundings(dtype, 16));
    assert_int_equal(seen.node[i.index].into, 0);
    assert_int_equal(seen.node[condition.index].into, 0);
    assert_int_equal(seen.node[w.index].into, 5);
    assert_int_equal(seen.node[v.index].into, 3);
    watch_free(&seen);
    wg_tape_free(t);
}
IN_BOTH(parts)

/* ---- scalars ------------------------------------------------------------------------------------------------------------- */

/* f = relu(x) exp(x) + x / y: on scalars too every step is shown, also those that pass a zero on. */
static void scalars(wg_dtype dtype)
{
    for (int x0 = -1; x0 <= 1; x0 += 2) {
        wg_tape *t = wg_tape_new_with(&(wg_tape_options){.dtype = dtype, .ieee_zero = x0 > 0}, NULL);
        wg_var x = wg_scalar_variable(t, x0), y = wg_scalar_variable(t, 4), z = wg_neg(wg_neg(x)), r = wg_relu(z);
        wg_var f = wg_add(wg_mul(r, wg_exp(z)), wg_div(z, y)), wrt[] = {x, y};
        watched seen = watch_and_compare(f, wrt, 2, roundings(dtype, 8));
        assert_int_equal(seen.node[z.index].into, 3);
        assert_int_equal(seen.node[r.index].shown, 1);
        assert_int_equal(seen.node[x.index].shown, 1);
        assert_int_equal(seen.node[y.index].shown, 1);
        EXPECT_CLOSE(seen.node[y.index].sum[0], -x0 / 16.0, 0);
        watch_free(&seen);
        wg_tape_free(t);
    }
}
IN_BOTH(scalars)

/* A zero cotangent contributes an exact zero, and with ieee_zero NaN, as in any sweep. */
static void zeros(wg_dtype dtype)
{
    for (int ieee = 0; ieee < 2; ieee++) {
        wg_tape *t = wg_tape_new_with(&(wg_tape_options){.dtype = dtype, .ieee_zero = ieee}, NULL);
        wg_var x = wg_scalar_variable(t, 0), w = vector(t, NUMBERS(0, 1)), zero = wg_scalar(t, 0);
        wg_var wrt[] = {x, w};
        double gradients[3];
        watched seen = watch(wg_mul(wg_add(wg_sqrt(x), wg_sum(wg_sqrt(w))), zero), NULL, wrt, 2, gradients);
        EXPECT_CLOSE(get(dtype, gradients, 0), ieee ? (double)NAN : 0, 0);
        EXPECT_CLOSE(get(dtype, gradients, 1), ieee ? (double)NAN : 0, 0);
        EXPECT_CLOSE(get(dtype, gradients, 2), 0, 0);
        assert_int_equal(seen.node[x.index].shown, 1);
        watch_free(&seen);
        wg_tape_free(t);
    }
}
IN_BOTH(zeros)

/* ---- checkpoints ---------------------------------------------------------------------------------------------------------- */

/* in[0] is used three times, in[1] not at all, a constant from outside once. */
static wg_var busy_function(wg_tape *t, void *user, const wg_var *in, size_t n)
{
    (void)t;
    assert_int_equal(n, 3);
    return wg_add(wg_mul(in[0], *(const wg_var *)user), wg_mul(wg_exp(in[0]), wg_add(in[0], in[2])));
}

static void checkpoints(wg_dtype dtype)
{
    for (int scalar = 0; scalar < 2; scalar++) {
        wg_tape *t = wg_tape_new(dtype);
        wg_shape shape = scalar ? WG_SCALAR : WG_DIMS(2);
        wg_var x = wg_variable_f64(t, shape, (double[]){0.5, -1}), y = wg_mul(x, x), u = wg_sin(x);
        wg_var outside = wg_constant_f64(t, shape, (double[]){3, 5}), in[] = {y, x, u};
        wg_var c = wg_checkpoint(t, busy_function, &outside, in, 3), d = wg_checkpoint(t, hand_back, NULL, &c, 1);
        wg_var f = wg_sum(wg_square(d)), wrt[] = {x, outside, y};
        size_t count = wg_node_count(t);
        watched seen = watch_and_compare(f, wrt, 3, roundings(dtype, 16));
        assert_int_equal(wg_node_count(t), count);
        assert_int_equal(seen.node[y.index].into, 1); /* one edge for all uses within */
        assert_int_equal(seen.node[u.index].into, 1);
        assert_int_equal(seen.node[c.index].into, 1);
        assert_int_equal(seen.node[outside.index].into, 1);
        assert_int_equal(seen.node[x.index].into, 3);
        watch_free(&seen);
        wg_tape_free(t);
    }
}
IN_BOTH(checkpoints)

/* ---- ops of one's own ------------------------------------------------------------------------------------------------------ */

/* y = x0 x1, whose derivative gives to each input in two parts, in two ways. */
static wg_status product_evaluate(wg_call *call)
{
    for (size_t i = 0; i < call->in[0].size; i++)
        put(call->dtype, call->out, i, get(call->dtype, call->in[0].data, i) * get(call->dtype, call->in[1].data, i));
    return WG_OK;
}

static void product_derivative(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    wg_term g = wg_cotangent(d), half = wg_step(d, wg_op_mul(), (wg_term[]){g, wg_number(d, 0.5)}, 2, NULL, 0);
    for (size_t k = 0; k < 2; k++) {
        bool add;
        wg_give(d, k, wg_op_mul(), (wg_term[]){half, wg_primal(d, 1 - k)}, 2, NULL, 0);
        void *out = wg_give_numbers(d, k, &add);
        const void *numbers = wg_term_numbers(d, half), *other = wg_term_numbers(d, wg_primal(d, 1 - k));
        assert_true(add); /* there is the first part */
        for (size_t i = 0; i < call->in[k].size; i++)
            put_or_add(call->dtype, out, i, get(call->dtype, numbers, i) * get(call->dtype, other, i), add);
    }
}

static const wg_op product_op = {.name = "product",
    .arity = 2,
    .shape = shape_of_first,
    .evaluate = product_evaluate,
    .derivative = product_derivative};

static void own_op(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = vector(t, NUMBERS(2, 3)), y = vector(t, NUMBERS(5, 7)), s = wg_scalar_variable(t, 4);
    wg_var p = wg_sum(apply_2(&product_op, x, y)), q = apply_2(&product_op, s, s), wrt[] = {x, y, s};
    watched seen = watch_and_compare(wg_add(p, q), wrt, 3, 0);
    assert_int_equal(seen.node[x.index].into, 1);
    assert_int_equal(seen.node[s.index].into, 2);
    EXPECT_CLOSE(seen.node[s.index].sum[0], 8, 0);
    EXPECT_CLOSE(seen.node[y.index].sum[1], 3, 0);
    watch_free(&seen);
    wg_tape_free(t);
}
IN_BOTH(own_op)

/* ---- random programs ------------------------------------------------------------------------------------------------------- */

static void programs(wg_dtype dtype)
{
    size_t edges = 0;
    for (uint64_t seed = 0; seed < 300; seed++) {
        program p;
        random_state r = {seed + 99};
        program_write(&p, seed);
        wg_tape *t = wg_tape_new_with(&(wg_tape_options){.dtype = dtype, .ieee_zero = seed % 5 == 0}, NULL);
        wg_var leaves[LEAVES], values[VALUES];
        program_leaves(&p, t, leaves);
        manner how = {.meddling = seed % 2, .checkpoints = seed % 3 == 0, .random = &r};
        wg_var y = program_run(&p, t, leaves, how, values);
        watched seen = watch_and_compare(y, leaves, LEAVES, roundings(dtype, 1024));
        edges += seen.edges;
        watch_free(&seen);
        seen = watch(y, NULL, values, VALUES, NULL); /* a sweep for all of them */
        watch_free(&seen);
        wg_tape_free(t);
    }
    print_message("    %zu edges were shown\n", edges);
}
IN_BOTH(programs)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(a_network),
        BOTH(for_any_value),
        BOTH(gradients_stay),
        BOTH(twice_the_same),
        BOTH(parts),
        BOTH(scalars),
        BOTH(zeros),
        BOTH(checkpoints),
        BOTH(own_op),
        BOTH(programs),
    };
    return cmocka_run_group_tests_name("inspect/observe", tests, NULL, NULL);
}
