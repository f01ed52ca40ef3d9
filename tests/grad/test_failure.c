/* Sweeps that fail midway: an op whose derivative fails on purpose, and memory that ends at any allocation. Values are
 * intact; the gradients that the sweep had reached read as an error until wg_zero_grad, the others as before; then a new
 * sweep gives the right numbers, and nothing has leaked. */
#include "grad/expect.h"
#include "support/memory_probe.h"

/* ---- an op that fails on demand: y = 2x ----------------------------------------------------------------------------- */

static bool brittle_breaks;

static wg_status brittle_shape(wg_call *call)
{
    call->shape = *call->in[0].shape;
    return WG_OK;
}

static wg_status brittle_evaluate(wg_call *call)
{
    for (size_t i = 0; i < call->in[0].size; i++)
        if (call->dtype == WG_F64)
            ((double *)call->out)[i] = 2 * ((const double *)call->in[0].data)[i];
        else
            ((float *)call->out)[i] = 2 * ((const float *)call->in[0].data)[i];
    return WG_OK;
}

static void brittle_derivative(wg_derivation *d)
{
    wg_term g = wg_cotangent(d);
    wg_give(d, 0, wg_op_add(), (wg_term[]){g, g}, 2, NULL, 0);
    if (brittle_breaks) wg_call_fail(wg_derivation_call(d), WG_ERROR_UNSUPPORTED, "broken on purpose");
}

static const wg_op brittle_op = {.name = "brittle",
    .arity = 1,
    .shape = brittle_shape,
    .evaluate = brittle_evaluate,
    .derivative = brittle_derivative};

static wg_var brittle(wg_var x) { return wg_apply(x.tape, &brittle_op, &x, 1, NULL, 0); }

/* f = (sum a tanh(...)) s^2 with the brittle op in the middle: above it a and s, below it x and w, beside it u.
 * m = 2 (x w), y = a m, f = s^2 sum y + u. */
typedef struct chain {
    wg_var x, w, a, s, u, m, y, scalar, f;
} chain;

static chain chain_new(wg_tape *t)
{
    chain c;
    c.x = vector(t, NUMBERS(1, 2));
    c.w = wg_scalar_variable(t, 3);
    c.a = vector(t, NUMBERS(5, -1));
    c.s = wg_scalar_variable(t, 0.5);
    c.u = wg_scalar_variable(t, 7);
    c.m = brittle(wg_mul(c.x, c.w));
    c.y = wg_mul(c.a, c.m);
    c.scalar = wg_mul(c.s, c.s);
    c.f = wg_add(wg_mul(c.scalar, wg_sum(c.y)), c.u);
    return c;
}

static void chain_values_are_intact(const chain *c)
{
    EXPECT_VALUE(c->m, 0, NUMBERS(6, 12));
    EXPECT_VALUE(c->y, 0, NUMBERS(30, -12));
    EXPECT_VALUE(c->f, 0, NUMBERS(11.5));
}

static void chain_gradients_are_right(const chain *c, double sweeps)
{
    EXPECT_GRAD(c->x, 0, NUMBERS(7.5 * sweeps, -1.5 * sweeps)); /* 2 s^2 a w */
    EXPECT_GRAD(c->w, 0, NUMBERS(1.5 * sweeps));                /* 2 s^2 a . x */
    EXPECT_GRAD(c->a, 0, NUMBERS(1.5 * sweeps, 3 * sweeps));    /* s^2 m */
    EXPECT_GRAD(c->s, 0, NUMBERS(18 * sweeps));                 /* 2 s sum y */
    EXPECT_GRAD(c->u, 0, NUMBERS(sweeps));
}

static void a_derivative_that_fails(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    chain c = chain_new(t);
    wg_var other = wg_scalar_variable(t, 1);
    assert_int_equal(wg_retain_grad(c.y), WG_OK);
    assert_int_equal(wg_retain_grad(c.scalar), WG_OK);
    wg_var product = wg_mul(other, c.w);
    assert_int_equal(wg_backward(product), WG_OK);
    for (int round = 0; round < 2; round++) {
        brittle_breaks = true;
        assert_int_equal(wg_backward(c.f), WG_ERROR_UNSUPPORTED);
        EXPECT_ERROR(t, WG_ERROR_UNSUPPORTED, "brittle: broken on purpose");
        chain_values_are_intact(&c);
        EXPECT_BROKEN_GRAD(c.a); /* reached by arrays, scalars, and retained */
        EXPECT_BROKEN_GRAD(c.u);
        EXPECT_BROKEN_GRAD(c.s);
        EXPECT_BROKEN_GRAD(c.y);
        EXPECT_BROKEN_GRAD(c.scalar);
        EXPECT_GRAD(c.x, 0, NUMBERS(0, 0)); /* not reached */
        EXPECT_GRAD(c.w, 0, NUMBERS(round ? 0 : 1));
        EXPECT_GRAD(other, 0, NUMBERS(round ? 0 : 3));

        brittle_breaks = false;
        assert_int_equal(wg_backward(c.f), WG_OK); /* a good sweep does not mend what is broken */
        EXPECT_BROKEN_GRAD(c.a);
        EXPECT_BROKEN_GRAD(c.s);
        assert_int_equal(wg_zero_grad(t), WG_OK);
        EXPECT_GRAD(c.a, 0, NUMBERS(0, 0));
        assert_int_equal(wg_backward(c.f), WG_OK);
        assert_int_equal(wg_backward(c.f), WG_OK);
        chain_gradients_are_right(&c, 2);
        EXPECT_GRAD(c.y, 0, NUMBERS(0.5, 0.5));
        assert_int_equal(wg_zero_grad(t), WG_OK);
    }
    wg_tape_free(t);
}
IN_BOTH(a_derivative_that_fails)

/* Recorded: nothing stays on the tape, and no gradient is touched. */
static void a_recording_that_fails(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    chain c = chain_new(t);
    wg_var wrt[] = {c.x, c.a}, g[2];
    brittle_breaks = false;
    assert_int_equal(wg_backward(c.f), WG_OK);
    size_t nodes = nodes_of(t), settled = 0;
    for (int round = 0; round < 10; round++) {
        brittle_breaks = true;
        assert_int_equal(wg_gradients(c.f, wrt, 2, g), WG_ERROR_UNSUPPORTED);
        EXPECT_ERROR(t, WG_ERROR_UNSUPPORTED, "brittle: broken on purpose");
        assert_false(wg_ok(g[0]) || wg_ok(g[1]));
        assert_int_equal(nodes_of(t), nodes);
        if (round == 1) settled = allocations_of(t);
    }
    assert_int_equal(allocations_of(t), settled);
    chain_values_are_intact(&c);
    chain_gradients_are_right(&c, 1);
    brittle_breaks = false;
    assert_int_equal(wg_gradients(c.f, wrt, 2, g), WG_OK);
    EXPECT_VALUE(g[0], 0, NUMBERS(7.5, -1.5));
    EXPECT_VALUE(g[1], 0, NUMBERS(1.5, 3));
    wg_tape_free(t);
}
IN_BOTH(a_recording_that_fails)

/* Failing again and again takes no more memory, whatever the number of inputs. */
static wg_status no_numbers(wg_call *call)
{
    memset(call->out, 0, call->dtype == WG_F64 ? sizeof(double) : sizeof(float));
    return WG_OK;
}
static wg_status scalar_shape(wg_call *call)
{
    call->shape = WG_SCALAR;
    return WG_OK;
}
static const wg_op no_derivative = {
    .name = "no_derivative", .arity = WG_ANY_ARITY, .shape = scalar_shape, .evaluate = no_numbers};

static void failing_again_takes_no_memory(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var in[40];
    for (size_t i = 0; i < 40; i++) in[i] = wg_scalar_variable(t, (double)i);
    wg_var many = wg_apply(t, &no_derivative, in, 40, NULL, 0), f = wg_exp(wg_mul(many, in[0])), g;
    size_t settled = 0;
    for (int round = 0; round < 2000; round++) {
        assert_int_equal(wg_backward(f), WG_ERROR_UNSUPPORTED);
        EXPECT_ERROR(t, WG_ERROR_UNSUPPORTED, "no_derivative");
        assert_int_equal(wg_gradients(f, in, 1, &g), WG_ERROR_UNSUPPORTED);
        EXPECT_ERROR(t, WG_ERROR_UNSUPPORTED, "no_derivative");
        wg_zero_grad(t);
        if (round == 2) settled = allocations_of(t);
    }
    assert_int_equal(allocations_of(t), settled);
    wg_tape_free(t);
}
IN_BOTH(failing_again_takes_no_memory)

/* An adjoint of zero has come all the same, whether it is 0, -0, or what is left of contributions that cancel, and whether
 * the scalar op that it comes from stands just above or further up: an op without a derivative is an error then, and none
 * where nothing comes. */
static void zero_reaches_a_number(wg_dtype dtype)
{
    for (int way = 0; way < 16; way++) {
        bool minus = way & 1, further_up = way & 2, cancels = way & 4, ieee_zero = way & 8;
        wg_tape *t = wg_tape_new_with(&(wg_tape_options){.dtype = dtype, .ieee_zero = ieee_zero}, NULL);
        wg_var x = wg_scalar_variable(t, 0.5), zero = wg_scalar(t, minus ? -0.0 : 0.0);
        wg_var s = wg_apply(t, &no_derivative, &x, 1, NULL, 0);
        if (further_up) wg_exp(x);
        wg_var f = cancels ? wg_sub(s, s) : wg_mul(s, zero);
        assert_int_equal(wg_backward(wg_exp(x)), WG_OK);
        if (wg_backward(f) != WG_ERROR_UNSUPPORTED) fail_msg("way %d", way);
        EXPECT_ERROR(t, WG_ERROR_UNSUPPORTED, "no_derivative");
        assert_int_equal(wg_zero_grad(t), WG_OK);
        assert_int_equal(wg_backward(wg_mul(x, x)), WG_OK);
        EXPECT_GRAD(x, 0, NUMBERS(1));
        wg_tape_free(t);
    }
}
IN_BOTH(zero_reaches_a_number)

/* ---- memory that ends ------------------------------------------------------------------------------------------------ */

/* A network whose sweep needs temporaries of many sizes: products, broadcasts, reductions, slices, a transpose that is
 * read late, scalars with and without addresses, a retained gradient. Everything is positive, so no value is small. */
typedef struct network {
    wg_tape *tape;
    wg_var w, b, s, hidden, loss;
} network;

static network network_new(wg_dtype dtype, memory_probe *probe)
{
    wg_tape_options options = {.dtype = dtype, .allocator = memory_probe_allocator(probe)};
    network n = {.tape = wg_tape_new_with(&options, NULL)};
    wg_tape *t = n.tape;
    double numbers[600];
    for (int i = 0; i < 600; i++) numbers[i] = 0.001 * (1 + i % 17);
    n.w = wg_variable(t, WG_DIMS(30, 20), numbers);
    n.b = wg_variable(t, WG_DIMS(30, 1), numbers);
    n.s = wg_scalar_variable(t, 0.5);
    wg_var x = wg_constant(t, WG_DIMS(20, 10), numbers);
    n.hidden = wg_tanh(wg_add(wg_matmul(n.w, x), wg_mul(n.b, n.s)));
    wg_var wide = wg_concat((wg_var[]){n.hidden, wg_slice(n.hidden, 0, 0, 30, 2)}, 2, 0);
    wg_var gram = wg_matmul(wide, wg_transpose(wide)), turned = wg_mul(wg_transpose(gram), n.s);
    wg_var most = wg_max_axes(wg_sqrt(turned), WG_AXES(0), true), r = wg_exp(wg_neg(wg_square(n.s)));
    n.loss = wg_add(wg_mul(wg_sum(wg_div(turned, most)), r), wg_mse(n.hidden, wg_square(n.hidden), WG_MEAN));
    wg_value(r);
    return n;
}

static void network_gradients(const network *n, double *out)
{
    for (size_t i = 0; i < 600; i++) *out++ = wg_grad_at(n->w, i);
    for (size_t i = 0; i < 30; i++) *out++ = wg_grad_at(n->b, i);
    *out = wg_grad_at(n->s, 0);
    EXPECT_HEALTHY(n->tape);
}

static size_t network_values(const network *n, double *out)
{
    size_t count = 0;
    for (size_t i = 0; i < wg_size(n->hidden); i++) out[count++] = wg_at(n->hidden, i);
    for (size_t i = 0; i < wg_size(n->w); i++) out[count++] = wg_at(n->w, i);
    out[count++] = wg_item(n->loss);
    EXPECT_HEALTHY(n->tape);
    return count;
}

/* Every gradient either reads as it was, all zeros, or as an error. */
static void gradients_are_old_or_errors(const network *n)
{
    wg_var leaves[] = {n->w, n->b, n->s};
    for (size_t k = 0; k < 3; k++) {
        if (!wg_grad(leaves[k])) {
            EXPECT_ERROR(n->tape, WG_ERROR_STALE, "wg_zero_grad");
            continue;
        }
        for (size_t i = 0; i < wg_size(leaves[k]); i++) EXPECT_CLOSE(wg_grad_at(leaves[k], i), 0, 0);
    }
}

static void memory_ends_in_a_sweep(wg_dtype dtype)
{
    double right[631], got[631], before[901], after[901];
    size_t failures = 0;
    for (size_t k = 0;; k++) {
        memory_probe probe = {0};
        network n = network_new(dtype, &probe);
        EXPECT_HEALTHY(n.tape);
        size_t count = network_values(&n, before), calls = probe.calls;
        probe.fail_at = calls + k; /* k = 0: none, for the right numbers */
        probe.from_then_on = k % 2;
        wg_status status = wg_backward(n.loss);
        if (k == 0) {
            assert_int_equal(status, WG_OK);
            network_gradients(&n, right);
        } else if (!probe.refused) { /* fewer than k allocations: done */
            assert_int_equal(status, WG_OK);
            wg_tape_free(n.tape);
            memory_probe_end(&probe);
            break;
        } else {
            failures += status != WG_OK; /* one refused may be made good by a smaller one */
            if (status != WG_OK) EXPECT_ERROR(n.tape, WG_ERROR_MEMORY, "exhausted");
            if (status != WG_OK) gradients_are_old_or_errors(&n);
            probe.fail_at = 0;
            assert_int_equal(network_values(&n, after), count);
            assert_memory_equal(before, after, count * sizeof *before);
            assert_int_equal(wg_zero_grad(n.tape), WG_OK);
            assert_int_equal(wg_backward(n.loss), WG_OK);
            network_gradients(&n, got);
            assert_memory_equal(right, got, sizeof right);
        }
        wg_tape_free(n.tape);
        memory_probe_end(&probe);
    }
    print_message("    a sweep failed at each of %zu allocations\n", failures);
    assert_true(failures > 0);
}
IN_BOTH(memory_ends_in_a_sweep)

static void memory_ends_in_a_recording(wg_dtype dtype)
{
    size_t failures = 0;
    double right[600] = {0};
    for (size_t k = 0;; k++) {
        memory_probe probe = {0};
        network n = network_new(dtype, &probe);
        wg_var wrt[] = {n.w, n.s}, g[2];
        size_t nodes = nodes_of(n.tape);
        probe.fail_at = k ? probe.calls + k : 0;
        probe.from_then_on = k % 2;
        wg_status status = wg_gradients(n.loss, wrt, 2, g);
        bool refused = probe.refused;
        if (status != WG_OK) {
            failures++;
            EXPECT_ERROR(n.tape, WG_ERROR_MEMORY, "exhausted");
            assert_false(wg_ok(g[0]) || wg_ok(g[1]));
            assert_int_equal(nodes_of(n.tape), nodes);
            probe.fail_at = 0;
            assert_int_equal(wg_gradients(n.loss, wrt, 2, g), WG_OK);
        }
        for (size_t i = 0; i < 600; i++) {
            if (k == 0) right[i] = wg_at(g[0], i);
            EXPECT_CLOSE(wg_at(g[0], i), right[i], 0);
        }
        EXPECT_HEALTHY(n.tape);
        wg_tape_free(n.tape);
        memory_probe_end(&probe);
        if (k && !refused) break;
    }
    print_message("    a recording failed at each of %zu allocations\n", failures);
    assert_true(failures > 0);
}
IN_BOTH(memory_ends_in_a_recording)

/* The same with a limit, and with a fixed buffer, as tight as recording allows: the sweep says what is exhausted. */
static void a_limit_that_is_reached(wg_dtype dtype)
{
    for (size_t room = 0, done = 0; !done; room += 512) {
        wg_tape *t = wg_tape_new_with(&(wg_tape_options){.dtype = dtype, .memory_limit = 16384 + room}, NULL);
        if (!t) continue;
        wg_var x = wg_variable(t, WG_DIMS(400), (double *)NULL), y = wg_exp(x), loss = wg_sum(wg_mul(y, y));
        wg_var flat = wg_sum(x);
        if (wg_tape_status(t) == WG_OK) {
            wg_status status = wg_backward(loss);
            done = status == WG_OK;
            if (!done) {
                EXPECT_ERROR(t, WG_ERROR_MEMORY, "the memory limit is exhausted");
                assert_int_equal(wg_zero_grad(t), WG_OK);
                EXPECT_CLOSE(wg_item(loss), 400, 0);
                EXPECT_CLOSE(wg_item(flat), 0, 0);
            } else {
                for (size_t i = 0; i < 400; i++) EXPECT_CLOSE(wg_grad_at(x, i), 2, 0);
            }
        }
        wg_tape_free(t);
    }
}
IN_BOTH(a_limit_that_is_reached)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(a_derivative_that_fails),
        BOTH(a_recording_that_fails),
        BOTH(failing_again_takes_no_memory),
        BOTH(zero_reaches_a_number),
        BOTH(memory_ends_in_a_sweep),
        BOTH(memory_ends_in_a_recording),
        BOTH(a_limit_that_is_reached),
    };
    return cmocka_run_group_tests_name("failure", tests, NULL, NULL);
}
