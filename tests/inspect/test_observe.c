/* wg_observe: every step of a sweep is shown, what is shown adds up, and what is written over it flows on. */
#include "grad/expect.h"

#include "grad/checkpointed.h"
#include "support/program.h"

/* ---- adding up what is shown ------------------------------------------------------------------------------------------ */

enum { SEEN = 4096 };

/* Contributions to each node, added up, and how often each was shown. */
typedef struct tally {
    wg_tape *tape;
    size_t edges, nodes;
    uint32_t last; /* the node shown last: nodes come in falling order */
    size_t into[SEEN], shown[SEEN];
    double *sum[SEEN]; /* NULL: none so far */
} tally;

static double number_at(const wg_tape *t, const void *numbers, size_t i)
{
    return wg_tape_dtype(t) == WG_F64 ? ((const double *)numbers)[i] : (double)((const float *)numbers)[i];
}

static wg_status tally_edge(void *user, const wg_edge *edge)
{
    tally *seen = user;
    size_t size = wg_size(edge->to);
    assert_true(wg_ok(edge->from) && wg_ok(edge->to));
    assert_int_equal(wg_node_input(edge->from, edge->position).index, edge->to.index);
    assert_int_equal(seen->last, edge->from.index);
    double **sum = &seen->sum[edge->to.index];
    if (!*sum) *sum = calloc(size + 1, sizeof **sum);
    for (size_t i = 0; i < size; i++) (*sum)[i] += number_at(seen->tape, edge->contribution, i);
    seen->into[edge->to.index]++;
    seen->edges++;
    return WG_OK;
}

static wg_status tally_node(void *user, wg_var node, void *adjoint)
{
    tally *seen = user;
    wg_dtype dtype = wg_tape_dtype(seen->tape);
    assert_true(wg_ok(node));
    assert_true(node.index < seen->last);
    seen->last = node.index;
    const double *sum = seen->sum[node.index];
    for (size_t i = 0; i < wg_size(node) && sum; i++)
        EXPECT_CLOSE(
            number_at(seen->tape, adjoint, i), sum[i], roundings(dtype, 64) * (1 + 1 / (fabs(sum[i]) + 1e-300)));
    seen->shown[node.index]++;
    seen->nodes++;
    return WG_OK;
}

static void tally_free(tally *seen)
{
    for (size_t i = 0; i < SEEN; i++) free(seen->sum[i]);
    free(seen);
}

/* Observes a sweep for wrt, checks that what is shown adds up, and that the gradients are wg_backward's. */
static tally *watch(wg_var out, const wg_var *wrt, size_t n, double tolerance)
{
    wg_tape *t = out.tape;
    tally *seen = calloc(1, sizeof *seen);
    *seen = (tally){.tape = t, .last = UINT32_MAX};
    wg_observer observer = {tally_node, tally_edge, seen};
    size_t total = 0, at = 0, element = wg_tape_dtype(t) == WG_F64 ? sizeof(double) : sizeof(float);
    for (size_t k = 0; k < n; k++) total += wg_size(wrt[k]);
    void *gradients = malloc(total * element + 1), *plain = malloc(total * element + 1);
    assert_int_equal(wg_observe(out, NULL, wrt, n, gradients, &observer), WG_OK);
    assert_int_equal(wg_observe(out, NULL, wrt, n, plain, NULL), WG_OK);
    assert_int_equal(wg_zero_grad(t), WG_OK);
    assert_int_equal(wg_backward(out), WG_OK);
    for (size_t k = 0; k < n; k++) {
        wg_node_info info;
        assert_int_equal(wg_node_read(wrt[k], &info), WG_OK);
        for (size_t i = 0; i < wg_size(wrt[k]); i++, at++) {
            double got = number_at(t, gradients, at);
            EXPECT_CLOSE(number_at(t, plain, at), got, tolerance * (1 + 1 / (fabs(got) + 1e-300)));
            if (!(info.flags & WG_IS_VARIABLE)) continue;
            double want = wg_grad_at(wrt[k], i);
            EXPECT_CLOSE(got, want, tolerance * (1 + 1 / (fabs(want) + 1e-300)));
        }
    }
    EXPECT_HEALTHY(t);
    free(gradients);
    free(plain);
    return seen;
}

/* ---- a small network ---------------------------------------------------------------------------------------------------- */

typedef struct network {
    wg_tape *t;
    wg_var X, Y, W1, b1, W2, b2, Z1, A1, Z2, A2, loss;
} network;

static network network_new(wg_dtype dtype)
{
    network m = {.t = wg_tape_new(dtype)};
    m.X = wg_constant_f64(m.t, WG_DIMS(2, 3), (double[]){0.5, -1, 2, 1, 0.25, -0.5});
    m.Y = wg_constant_f64(m.t, WG_DIMS(1, 3), (double[]){1, 0, 1});
    m.W1 = wg_variable_f64(m.t, WG_DIMS(4, 2), (double[]){0.1, -0.4, 0.7, 0.2, -0.3, 0.9, 0.5, -0.6});
    m.b1 = wg_variable_f64(m.t, WG_DIMS(4, 1), (double[]){0.1, 0.2, -0.1, 0});
    m.W2 = wg_variable_f64(m.t, WG_DIMS(1, 4), (double[]){1, -0.5, 0.25, 0.8});
    m.b2 = wg_variable_f64(m.t, WG_DIMS(1, 1), (double[]){-0.2});
    m.Z1 = wg_add(wg_matmul(m.W1, m.X), m.b1);
    m.A1 = wg_sigmoid(m.Z1);
    m.Z2 = wg_add(wg_matmul(m.W2, m.A1), m.b2);
    m.A2 = wg_sigmoid(m.Z2);
    m.loss = wg_mse(m.A2, m.Y, WG_BATCH_MEAN);
    EXPECT_HEALTHY(m.t);
    return m;
}

static void test_network(void **state)
{
    (void)state;
    for (int dtype = WG_F32; dtype <= WG_F64; dtype++) {
        network m = network_new((wg_dtype)dtype);
        wg_var wrt[] = {m.W1, m.b1, m.W2, m.b2};
        tally *seen = watch(m.loss, wrt, 4, roundings((wg_dtype)dtype, 16));
        for (int k = 0; k < 4; k++) assert_int_equal(seen->shown[wrt[k].index], 1);
        assert_int_equal(seen->shown[m.A1.index], 1);
        assert_int_equal(seen->into[m.X.index], 0);
        assert_int_equal(seen->shown[m.X.index], 0);
        tally_free(seen);
        wg_tape_free(m.t);
    }
}

/* ---- random programs --------------------------------------------------------------------------------------------------- */

static void test_programs(void **state)
{
    (void)state;
    for (int dtype = WG_F32; dtype <= WG_F64; dtype++)
        for (uint64_t seed = 0; seed < 200; seed++) {
            program p;
            random_state r = {seed + 99};
            program_write(&p, seed);
            wg_tape *t = wg_tape_new((wg_dtype)dtype);
            wg_var leaves[LEAVES];
            program_leaves(&p, t, leaves);
            manner how = {.meddling = seed % 2, .checkpoints = seed % 3 == 0, .random = &r};
            wg_var y = program_run(&p, t, leaves, how, NULL);
            tally_free(watch(y, leaves, LEAVES, roundings((wg_dtype)dtype, 4096)));
            wg_tape_free(t);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_network),
        cmocka_unit_test(test_programs),
    };
    return cmocka_run_group_tests_name("inspect/observe", tests, NULL, NULL);
}
