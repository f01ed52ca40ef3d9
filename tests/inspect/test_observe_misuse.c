/* What an observer may not do, and what wg_observe refuses. */
#include "inspect/network.h"

#include "grad/checkpointed.h"

/* ---- what an observer may not do --------------------------------------------------------------------------------------------- */

static network misused;
static wg_mark misused_mark;
static wg_var misused_scalar;

typedef void misuse(void);
static void misuse_add(void) { assert_false(wg_ok(wg_add(misused.W1, misused.W1))); }
static void misuse_scalar_op(void) { assert_false(wg_ok(wg_exp(misused_scalar))); }
static void misuse_scalar(void) { assert_false(wg_ok(wg_scalar(misused.t, 1))); }
static void misuse_variable(void) { assert_false(wg_ok(wg_scalar_variable(misused.t, 1))); }
static void misuse_name(void) { wg_name(misused.W1, "W1"); }
static void misuse_retain(void) { assert_int_not_equal(wg_retain_grad(misused.A1), WG_OK); }
static void misuse_mark(void) { wg_tape_mark(misused.t); }
static void misuse_copy(void) { assert_false(wg_ok(wg_node_copy(misused.t, misused.W1, NULL, 0))); }
static void misuse_gradients(void)
{
    wg_var g;
    assert_int_not_equal(wg_gradients(misused.loss, &misused.W1, 1, &g), WG_OK);
}
static void misuse_observe(void)
{
    assert_int_not_equal(wg_observe(misused.loss, NULL, &misused.W1, 1, NULL, NULL), WG_OK);
}
static void misuse_backward(void) { assert_int_not_equal(wg_backward(misused.loss), WG_OK); }
static void misuse_jacobian(void)
{
    double j[8];
    assert_int_not_equal(wg_jacobian(misused.loss, &misused.W1, 1, j), WG_OK);
}
static void misuse_replay(void) { assert_int_not_equal(wg_tape_replay(misused.t), WG_OK); }
static void misuse_rewind(void) { assert_int_not_equal(wg_tape_rewind(misused.t, misused_mark), WG_OK); }
static void misuse_free(void) { wg_tape_free(misused.t); }
static void misuse_set(void) { assert_int_not_equal(wg_set_value_f64(misused.b2, &(double){0}), WG_OK); }
static void misuse_mutate(void) { assert_null(wg_value_mut(misused.b2)); }
static void misuse_bind(void) { assert_int_not_equal(wg_bind(misused.b2, &misused, NULL), WG_OK); }
static void misuse_zero(void) { assert_int_not_equal(wg_zero_grad(misused.t), WG_OK); }
static void misuse_checkpoint(void) { assert_false(wg_ok(wg_checkpoint(misused.t, hand_back, NULL, &misused.W1, 1))); }

static const struct {
    misuse *act;
    const char *mention;
} misuses[] = {
    {misuse_add, "add: the tape is busy: an observer cannot record"},
    {misuse_scalar_op, "exp: the tape is busy: an observer cannot record"},
    {misuse_scalar, "wg_scalar: the tape is busy: an observer cannot record"},
    {misuse_variable, "wg_variable: the tape is busy: an observer cannot record"},
    {misuse_name, "wg_name: the tape is busy"},
    {misuse_retain, "wg_retain_grad: the tape is busy"},
    {misuse_mark, "wg_tape_mark: the tape is busy"},
    {misuse_copy, "wg_node_copy: the tape is busy"},
    {misuse_gradients, "wg_gradients: the tape is busy"},
    {misuse_observe, "wg_observe: the tape is busy"},
    {misuse_backward, "wg_backward: the tape is busy"},
    {misuse_jacobian, "wg_jacobian: the tape is busy"},
    {misuse_replay, "wg_tape_replay: the tape is busy"},
    {misuse_rewind, "wg_tape_rewind: the tape is busy"},
    {misuse_free, "wg_tape_free: the tape is busy"},
    {misuse_set, "wg_set_value: the tape is busy"},
    {misuse_mutate, "wg_value_mut: the tape is busy"},
    {misuse_bind, "wg_bind: the tape is busy"},
    {misuse_zero, "wg_zero_grad: the tape is busy"},
    {misuse_checkpoint, "checkpoint: the tape is busy"},
};
static misuse *misuse_now;

/* Says that all is well, which it is not. */
static wg_status misuse_node(act *a, void *adjoint)
{
    (void)a;
    (void)adjoint;
    misuse_now();
    return WG_OK;
}
static wg_status misuse_edge(act *a, const wg_edge *edge)
{
    (void)a;
    (void)edge;
    misuse_now();
    return WG_OK;
}

static void busy(wg_dtype dtype)
{
    misused = network_new(&(wg_tape_options){.dtype = dtype});
    misused_scalar = wg_scalar(misused.t, 1);
    misused_mark = wg_tape_mark(misused.t);
    for (size_t i = 0; i < 2 * sizeof misuses / sizeof *misuses; i++) {
        act a = {.position = SIZE_MAX};
        if (i % 2) {
            a.to = misused.Z1;
            a.at_edge = misuse_edge;
        } else {
            a.node = misused.Z1;
            a.at_node = misuse_node;
        }
        misuse_now = misuses[i / 2].act;
        assert_int_equal(act_observe(&a, misused.loss, &misused.W1, 1, NULL), WG_ERROR_ARGUMENT);
        EXPECT_ERROR(misused.t, WG_ERROR_ARGUMENT, misuses[i / 2].mention);
        network_works(&misused);
    }
    wg_tape_free(misused.t);
}
IN_BOTH(busy)

/* An error that was there stays the first; a stale reading is the observer's error, whatever it returns. */
static wg_status fail_and_stop(act *a, void *adjoint)
{
    (void)adjoint;
    wg_at(a->node, 1000);
    return WG_ERROR_GUARD;
}

static void first_error_stays(wg_dtype dtype)
{
    network m = network_new(&(wg_tape_options){.dtype = dtype});
    act a = {.node = m.Z1, .at_node = fail_and_stop};
    assert_int_equal(act_observe(&a, m.loss, &m.W1, 1, NULL), WG_ERROR_ARGUMENT);
    EXPECT_ERROR(m.t, WG_ERROR_ARGUMENT, "wg_at: there is no element 1000");
    network_works(&m);
    wg_tape_free(m.t);
}
IN_BOTH(first_error_stays)

/* ---- what it is given ---------------------------------------------------------------------------------------------------- */

static void arguments(wg_dtype dtype)
{
    network m = network_new(&(wg_tape_options){.dtype = dtype});
    wg_tape *other = wg_tape_new(dtype);
    wg_var foreign = wg_scalar(other, 1), i = wg_indices(m.t, WG_DIMS(1), NULL), none = {0};
    wg_mark mark = wg_tape_mark(m.t);
    wg_var dropped = wg_neg(m.W1);
    assert_int_equal(wg_tape_rewind(m.t, mark), WG_OK);
    assert_int_equal(wg_observe(none, NULL, &m.W1, 1, NULL, NULL), WG_ERROR_ARGUMENT);
    assert_int_equal(wg_observe(dropped, NULL, &m.W1, 1, NULL, NULL), WG_ERROR_ARGUMENT);
    EXPECT_ERROR(m.t, WG_ERROR_ARGUMENT, "wg_observe: argument 1 is no longer on the tape");
    assert_int_equal(wg_observe(m.loss, NULL, NULL, 1, NULL, NULL), WG_ERROR_ARGUMENT);
    EXPECT_ERROR(m.t, WG_ERROR_ARGUMENT, "wg_observe: the array of arguments is NULL");
    assert_int_equal(wg_observe(m.loss, NULL, &none, 1, NULL, NULL), WG_ERROR_ARGUMENT);
    EXPECT_ERROR(m.t, WG_ERROR_ARGUMENT, "wg_observe: the var has no tape");
    assert_int_equal(wg_observe(m.loss, NULL, &foreign, 1, NULL, NULL), WG_ERROR_ARGUMENT);
    EXPECT_ERROR(m.t, WG_ERROR_ARGUMENT, "wg_observe: the var lives on another tape");
    EXPECT_ERROR(other, WG_ERROR_ARGUMENT, "wg_observe: the arguments live on two tapes");
    assert_int_equal(wg_observe(m.loss, NULL, &i, 1, NULL, NULL), WG_ERROR_ARGUMENT);
    EXPECT_ERROR(m.t, WG_ERROR_ARGUMENT, "wg_observe: ");
    assert_int_equal(wg_observe(i, NULL, &m.W1, 1, NULL, NULL), WG_ERROR_ARGUMENT);
    EXPECT_ERROR(m.t, WG_ERROR_ARGUMENT, "holds indices, which have no derivative");
    assert_int_equal(wg_set_value_f64(m.b2, &(double){-0.2}), WG_OK);
    assert_int_equal(wg_observe(m.loss, NULL, &m.W1, 1, NULL, NULL), WG_ERROR_STALE);
    EXPECT_ERROR(m.t, WG_ERROR_STALE, "wg_observe: argument 1, mse, is stale");
    assert_int_equal(wg_tape_replay(m.t), WG_OK);
    network_works(&m);
    wg_add(none, m.W1);
    assert_int_equal(wg_observe(m.loss, NULL, &m.W1, 1, NULL, NULL), WG_ERROR_ARGUMENT);
    EXPECT_ERROR(m.t, WG_ERROR_ARGUMENT, "add");
    wg_tape_free(m.t);
    wg_tape_free(other);
}
IN_BOTH(arguments)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(busy),
        BOTH(first_error_stays),
        BOTH(arguments),
    };
    return cmocka_run_group_tests_name("inspect/observe_misuse", tests, NULL, NULL);
}
