/* Observers that act: what they write flows on, what they read is there, what they return stops the sweep, and whatever
 * happens leaves a tape that works. */
#include "inspect/network.h"

#include "grad/checkpointed.h"
#include "support/memory_probe.h"

/* ---- what is written flows on ---------------------------------------------------------------------------------------------- */

/* Multiplies the contribution, or the adjoint, by the number. */
static wg_status scale_edge(act *a, const wg_edge *edge)
{
    wg_dtype dtype = wg_tape_dtype(a->t);
    for (size_t i = 0; i < wg_size(edge->to); i++)
        put(dtype, edge->contribution, i, get(dtype, edge->contribution, i) * a->number);
    return WG_OK;
}

static wg_status scale_node(act *a, void *adjoint)
{
    wg_dtype dtype = wg_tape_dtype(a->t);
    for (size_t i = 0; i < wg_size(a->node); i++) put(dtype, adjoint, i, get(dtype, adjoint, i) * a->number);
    return WG_OK;
}

static void contributions_replaced(wg_dtype dtype)
{
    network m = network_new(&(wg_tape_options){.dtype = dtype});
    wg_var wrt[] = {m.W1, m.b1, m.W2, m.b2};
    double gradients[PARAMETERS];
    const by_hand right = by_hand_all(&m);

    by_hand g = right; /* dW2 ten times too large: nothing else depends on it */
    act a = {.to = m.W2, .position = 0, .at_edge = scale_edge, .number = 10};
    assert_int_equal(act_observe(&a, m.loss, wrt, 4, gradients), WG_OK);
    for (size_t i = 0; i < HIDDEN; i++) g.dW2[i] *= 10;
    EXPECT_HAND(&m, gradients, &g);

    g = right; /* W2 for W2^T on the way to A1 is not of a shape to go on; twice dA1 is */
    a = (act){.to = m.A1, .from = wg_node_input(m.Z2, 0), .position = 1, .at_edge = scale_edge, .number = 2};
    assert_int_equal(act_observe(&a, m.loss, wrt, 4, gradients), WG_OK);
    assert_int_equal(a.edges, 1);
    for (size_t i = 0; i < HIDDEN * SAMPLES; i++) g.dA1[i] *= 2;
    by_hand_first_layer(&m, &g);
    EXPECT_HAND(&m, gradients, &g);

    g = right; /* the derivative of the second activation forgotten */
    a = (act){.to = m.Z2, .from = m.A2, .position = 0, .at_edge = scale_edge, .number = 0};
    assert_int_equal(act_observe(&a, m.loss, wrt, 4, gradients), WG_OK);
    for (size_t s = 0; s < SAMPLES; s++) g.dZ2[s] = 0;
    by_hand_second_layer(&m, &g);
    EXPECT_HAND(&m, gradients, &g);

    a.number = 1; /* and nothing stays of it */
    assert_int_equal(act_observe(&a, m.loss, wrt, 4, gradients), WG_OK);
    EXPECT_HAND(&m, gradients, &right);
    wg_tape_free(m.t);
}
IN_BOTH(contributions_replaced)

static void adjoints_replaced(wg_dtype dtype)
{
    network m = network_new(&(wg_tape_options){.dtype = dtype});
    wg_var wrt[] = {m.W1, m.b1, m.W2, m.b2, m.Z2, m.A1};
    double gradients[PARAMETERS + SAMPLES + HIDDEN * SAMPLES];
    const by_hand right = by_hand_all(&m);

    by_hand g = right; /* an intermediate, whose gradient is asked for too */
    act a = {.node = m.Z2, .at_node = scale_node, .number = 3};
    assert_int_equal(act_observe(&a, m.loss, wrt, 6, gradients), WG_OK);
    assert_int_equal(a.nodes, 1);
    for (size_t s = 0; s < SAMPLES; s++) g.dZ2[s] *= 3;
    by_hand_second_layer(&m, &g);
    EXPECT_HAND(&m, gradients, &g);
    for (size_t s = 0; s < SAMPLES; s++)
        EXPECT_CLOSE(get(dtype, gradients, PARAMETERS + s), g.dZ2[s], roundings(dtype, 64));
    for (size_t i = 0; i < HIDDEN * SAMPLES; i++)
        EXPECT_CLOSE(get(dtype, gradients, PARAMETERS + SAMPLES + i), g.dA1[i], roundings(dtype, 64));

    g = right; /* a leaf, mentioned twice */
    wg_var twice[] = {m.W1, m.b1, m.W2, m.b2, m.b2};
    a = (act){.node = m.b2, .at_node = scale_node, .number = -1};
    assert_int_equal(act_observe(&a, m.loss, twice, 5, gradients), WG_OK);
    assert_int_equal(a.nodes, 1);
    g.db2 *= -1;
    EXPECT_HAND(&m, gradients, &g);
    EXPECT_CLOSE(get(dtype, gradients, PARAMETERS), g.db2, roundings(dtype, 64));

    g = right; /* the loss itself */
    a = (act){.node = m.loss, .at_node = scale_node, .number = SAMPLES};
    assert_int_equal(act_observe(&a, m.loss, wrt, 4, gradients), WG_OK);
    for (size_t s = 0; s < SAMPLES; s++) g.dZ2[s] *= SAMPLES;
    by_hand_second_layer(&m, &g);
    EXPECT_HAND(&m, gradients, &g);
    wg_tape_free(m.t);
}
IN_BOTH(adjoints_replaced)

/* Scalars, one use of two, and what a checkpoint passes on. y = exp(2 x) x: y' = 2 y + exp(2 x). */
static void scalars_replaced(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = wg_scalar_variable(t, 0.5), e = wg_exp(wg_mul(wg_scalar(t, 2), x)), y = wg_mul(e, x);
    double gradient[1], tolerance = roundings(dtype, 8), exp1 = exp(1);
    act a = {.from = y, .to = x, .position = 1, .at_edge = scale_edge, .number = 5};
    assert_int_equal(act_observe(&a, y, &x, 1, gradient), WG_OK);
    EXPECT_CLOSE(get(dtype, gradient, 0), exp1 + 5 * exp1, tolerance);
    a = (act){.node = e, .at_node = scale_node, .number = 5};
    assert_int_equal(act_observe(&a, y, &x, 1, gradient), WG_OK);
    EXPECT_CLOSE(get(dtype, gradient, 0), 5 * exp1 + exp1, tolerance);
    wg_var s = wg_mul(x, x);
    a = (act){.from = s, .to = x, .position = 1, .at_edge = scale_edge, .number = 0};
    assert_int_equal(act_observe(&a, s, &x, 1, gradient), WG_OK);
    EXPECT_CLOSE(get(dtype, gradient, 0), 0.5, 0);
    wg_var c = wg_checkpoint(t, cube, NULL, (wg_var[]){x, s}, 2), z = wg_neg(c); /* x^3 s, of which x gets 3 x^2 s */
    a = (act){.from = c, .to = x, .position = 0, .at_edge = scale_edge, .number = 0};
    assert_int_equal(act_observe(&a, z, &x, 1, gradient), WG_OK);
    EXPECT_CLOSE(get(dtype, gradient, 0), -0.125, tolerance);
    EXPECT_HEALTHY(t);
    wg_tape_free(t);
}
IN_BOTH(scalars_replaced)

/* ---- reading ------------------------------------------------------------------------------------------------------------ */

/* Whatever is on the tape, in every way there is. */
static wg_status read_all(void *user, wg_var node, void *adjoint)
{
    (void)adjoint;
    size_t *reads = user;
    wg_tape *t = node.tape;
    wg_node_info info;
    for (size_t i = 0; i < wg_node_count(t); i++) {
        wg_var var = wg_node_at(t, i);
        assert_int_equal(wg_node_read(var, &info), WG_OK);
        assert_int_equal(info.flags & WG_IS_VARIABLE, strcmp(info.kind, "variable") ? 0 : WG_IS_VARIABLE);
        assert_true(wg_ok(wg_node_input(var, 0)) == (info.inputs > 0));
        EXPECT_CLOSE(wg_at(var, 0), get(wg_tape_dtype(t), wg_value(var), 0), 0);
        ++*reads;
    }
    EXPECT_HEALTHY(t);
    return WG_OK;
}

static wg_status read_ends(void *user, const wg_edge *edge)
{
    return read_all(user, edge->from, NULL) + read_all(user, edge->to, NULL);
}

/* Lazy transposes that nothing has read yet, views of them, scalars that have no address yet. */
static void values_can_be_read(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var w = variable(t, WG_DIMS(2, 3), NUMBERS(1, 2, 3, 4, 5, 6)), c = wg_scalar(t, 3), s = wg_scalar_variable(t, 2);
    wg_var v = wg_transpose(w), row = wg_slice(v, 0, 1, 2, 1), e = wg_exp(wg_neg(s));
    wg_var y = wg_add(wg_mul(wg_sum(wg_matmul(w, v)), e), wg_mul(wg_sum(row), wg_mul(c, wg_mul(e, e))));
    wg_var wrt[] = {w, s, c};
    double plain[8], seen[8];
    size_t reads = 0;
    wg_observer observer = {.node = read_all, .edge = read_ends, .user = &reads};
    assert_int_equal(wg_observe(y, NULL, wrt, 3, plain, NULL), WG_OK);
    assert_int_equal(wg_observe(y, NULL, wrt, 3, seen, &observer), WG_OK);
    for (size_t i = 0; i < 8; i++) EXPECT_CLOSE(get(dtype, seen, i), get(dtype, plain, i), roundings(dtype, 4));
    assert_true(reads > 100);
    wg_tape_free(t);
}
IN_BOTH(values_can_be_read)

/* Scalars that get an address in the middle of a sweep, when a part of their adjoint has come. */
static wg_status read_at_last(void *user, const wg_edge *edge)
{
    size_t *left = user;
    if (*left && !--*left)
        for (size_t i = 0; i < wg_node_count(edge->to.tape); i++)
            assert_non_null(wg_value(wg_node_at(edge->to.tape, i)));
    return WG_OK;
}

static void addresses_come_late(wg_dtype dtype)
{
    for (size_t when = 1; when < 16; when++) {
        wg_tape *t = wg_tape_new_with(&(wg_tape_options){.dtype = dtype, .ieee_zero = when % 2}, NULL);
        wg_var x = wg_scalar_variable(t, 0.5), y = wg_neg(wg_neg(x)), z = wg_mul(y, wg_mul(y, wg_mul(y, wg_neg(y))));
        size_t left = when;
        double gradient[1];
        assert_int_equal(
            wg_observe(z, NULL, &x, 1, gradient, &(wg_observer){.edge = read_at_last, .user = &left}), WG_OK);
        assert_int_equal(left == 0, when <= 9);
        EXPECT_CLOSE(get(dtype, gradient, 0), -0.5, 0);
        assert_int_equal(wg_backward(z), WG_OK);
        EXPECT_GRAD(x, 0, NUMBERS(-0.5));
        wg_tape_free(t);
    }
}
IN_BOTH(addresses_come_late)

/* ---- stopping -------------------------------------------------------------------------------------------------------------- */

static wg_status stop_edge(act *a, const wg_edge *edge)
{
    (void)edge;
    return (wg_status)a->number;
}
static wg_status stop_node(act *a, void *adjoint)
{
    (void)adjoint;
    return (wg_status)a->number;
}

static void stopped(wg_dtype dtype)
{
    network m = network_new(&(wg_tape_options){.dtype = dtype});
    wg_var wrt[] = {m.W1, m.b1, m.W2, m.b2, m.X, m.A1};
    size_t count = wg_node_count(m.t);
    for (size_t i = 0; i < 2 * count; i++) {
        act a = {.position = SIZE_MAX, .number = i % 2 ? WG_ERROR_GUARD : WG_ERROR_NONFINITE};
        if (i < count) {
            a.to = wg_node_at(m.t, i);
            a.at_edge = stop_edge;
        } else {
            a.node = wg_node_at(m.t, i - count);
            a.at_node = stop_node;
        }
        wg_status status = act_observe(&a, m.loss, wrt, 6, NULL);
        assert_int_equal(status, a.edges + a.nodes ? (wg_status)a.number : WG_OK);
        assert_true(a.edges + a.nodes <= 1);
        if (status != WG_OK) EXPECT_ERROR(m.t, status, "wg_observe: stopped by the observer");
        network_works(&m);
    }
    wg_tape_free(m.t);
}
IN_BOTH(stopped)

/* In the middle of scalars, of a checkpoint's neighbours, and with NaN among the adjoints. */
static void stopped_among_scalars(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new_with(&(wg_tape_options){.dtype = dtype, .ieee_zero = true}, NULL);
    int steps = 3;
    wg_var x = wg_scalar_variable(t, 0.5), b = wg_scalar_variable(t, 0.25), y = wg_sin(wg_mul(x, b));
    wg_var c = wg_checkpoint(t, swing, &steps, (wg_var[]){y, b}, 2), z = wg_mul(wg_mul(c, x), wg_add(c, y));
    wg_var wrt[] = {x, b};
    double right[2], got[2];
    assert_int_equal(wg_observe(z, NULL, wrt, 2, right, NULL), WG_OK);
    for (size_t i = 0; i < wg_node_count(t); i++) {
        act a = {.to = wg_node_at(t, i), .position = SIZE_MAX, .at_edge = stop_edge, .number = WG_ERROR_SHAPE};
        if (act_observe(&a, z, wrt, 2, got) != WG_OK) EXPECT_ERROR(t, WG_ERROR_SHAPE, "stopped by the observer");
        assert_int_equal(act_observe(&(act){0}, z, wrt, 2, got), WG_OK);
        for (size_t k = 0; k < 2; k++) EXPECT_CLOSE(get(dtype, got, k), get(dtype, right, k), roundings(dtype, 8));
        assert_int_equal(wg_zero_grad(t) | wg_backward(z), WG_OK);
        EXPECT_CLOSE(wg_grad_at(x, 0), get(dtype, right, 0), roundings(dtype, 8));
    }
    wg_tape_free(t);
}
IN_BOTH(stopped_among_scalars)

/* With check_finite, what the observer writes is looked at too. */
static void not_finite(wg_dtype dtype)
{
    network m = network_new(&(wg_tape_options){.dtype = dtype, .check_finite = true});
    wg_var wrt[] = {m.W1, m.b1, m.W2, m.b2};
    act a = {.to = m.A1, .position = SIZE_MAX, .at_edge = scale_edge, .number = (double)INFINITY};
    assert_int_equal(act_observe(&a, m.loss, wrt, 4, NULL), WG_ERROR_NONFINITE);
    EXPECT_ERROR(m.t, WG_ERROR_NONFINITE, "wg_observe: element 0 of the adjoint of ");
    a = (act){.node = m.b1, .at_node = scale_node, .number = (double)NAN};
    wg_name(m.b1, "b1");
    assert_int_equal(act_observe(&a, m.loss, wrt, 4, NULL), WG_ERROR_NONFINITE);
    EXPECT_ERROR(
        m.t, WG_ERROR_NONFINITE, "wg_observe: the derivative with respect to element 0 of b1 (4,1) is not finite");
    network_works(&m);
    wg_tape_free(m.t);
}
IN_BOTH(not_finite)

/* ---- memory ------------------------------------------------------------------------------------------------------------------ */

/* Every allocation failing in turn: the gradients of a checkpoint and of arrays and scalars around it. */
static void memory_ends(wg_dtype dtype)
{
    size_t failures = 0;
    for (size_t k = 1;; k++) {
        memory_probe probe = {0};
        network m = network_new(&(wg_tape_options){.dtype = dtype, .allocator = memory_probe_allocator(&probe)});
        wg_var many[40], x = wg_scalar_variable(m.t, 0.5), wrt[] = {m.W1, m.b1, x, m.W2};
        for (int i = 0; i < 40; i++) many[i] = wg_checkpoint(m.t, cube, NULL, (wg_var[]){wg_sin(x), m.Z1}, 2);
        wg_var y = wg_mul(wg_mul(m.loss, wg_sum(wg_concat(many, 40, 0))), wg_exp(x));
        double gradients[HIDDEN * FEATURES + 2 * HIDDEN + 1];
        EXPECT_HEALTHY(m.t);
        probe.fail_at = probe.calls + k;
        probe.from_then_on = k % 2;
        wg_status status = act_observe(&(act){0}, y, wrt, 4, gradients);
        bool refused = probe.refused;
        probe.fail_at = 0;
        if (status != WG_OK) EXPECT_ERROR(m.t, WG_ERROR_MEMORY, "exhausted");
        failures += status != WG_OK;
        network_works(&m);
        wg_tape_free(m.t);
        memory_probe_end(&probe);
        if (!refused) break;
    }
    print_message("    failed at each of %zu allocations\n", failures);
    assert_true(failures > 0);
}
IN_BOTH(memory_ends)

static void memory_settles(wg_dtype dtype)
{
    network m = network_new(&(wg_tape_options){.dtype = dtype});
    wg_var wrt[] = {m.W1, m.b1, m.W2, m.b2};
    size_t settled = 0;
    for (int round = 0; round < 10; round++) {
        act a = {.to = m.A1, .position = SIZE_MAX, .at_edge = stop_edge, .number = round % 2 ? WG_ERROR_SHAPE : WG_OK};
        act_observe(&a, m.loss, wrt, 4, NULL);
        wg_tape_clear_error(m.t);
        if (round == 1) settled = allocations_of(m.t);
    }
    assert_int_equal(allocations_of(m.t), settled);
    wg_tape_free(m.t);
}
IN_BOTH(memory_settles)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(contributions_replaced),
        BOTH(adjoints_replaced),
        BOTH(scalars_replaced),
        BOTH(values_can_be_read),
        BOTH(addresses_come_late),
        BOTH(stopped),
        BOTH(stopped_among_scalars),
        BOTH(not_finite),
        BOTH(memory_ends),
        BOTH(memory_settles),
    };
    return cmocka_run_group_tests_name("inspect/observe_acts", tests, NULL, NULL);
}
