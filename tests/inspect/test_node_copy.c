/* wg_node_copy: nodes recorded again, on the same tape or another one, of the same dtype or the other. */
#include "op/numbers.h"

#include "grad/checkpointed.h"
#include "support/memory_probe.h"
#include "support/program.h"
#include "support/watch.h"

static wg_node_info read_node(wg_var node)
{
    wg_node_info info;
    assert_int_equal(wg_node_read(node, &info), WG_OK);
    return info;
}

static wg_var copy_1(wg_tape *t, wg_var node, wg_var in) { return wg_node_copy(t, node, &in, 1); }

/* ---- leaves ------------------------------------------------------------------------------------------------------------- */

static void test_leaves(void **state)
{
    (void)state;
    for (int pair = 0; pair < 4; pair++) {
        wg_tape *from = wg_tape_new(pair / 2 ? WG_F64 : WG_F32), *to = wg_tape_new(pair % 2 ? WG_F64 : WG_F32);
        double third = 1.0 / 3, bound[2] = {5, 6};
        wg_var w = wg_name(wg_variable_f64(from, WG_DIMS(2), (double[]){third, 1e300}), "W");
        wg_var c = wg_constant_f64(from, WG_DIMS(0, 3), NULL), s = wg_scalar(from, third),
               v = wg_scalar_variable(from, 2);
        wg_var i = wg_indices(from, WG_DIMS(2), (int64_t[]){INT64_MAX, -3}), n = wg_name(wg_scalar(from, 4), "four");
        wg_var b = wg_variable_f64(from, WG_DIMS(1), NULL);
        put(wg_tape_dtype(from), bound, 0, 9);
        assert_int_equal(wg_bind(b, bound, NULL), WG_OK);
        wg_var leaves[] = {w, c, s, v, i, n, b}, copies[7];
        for (size_t k = 0; k < 7; k++) {
            copies[k] = wg_node_copy(to, leaves[k], NULL, 0);
            EXPECT_HEALTHY(to);
            wg_node_info was = read_node(leaves[k]), is = read_node(copies[k]);
            assert_string_equal(was.kind, is.kind);
            assert_int_equal(was.flags, is.flags);
            assert_true(was.name ? is.name && strcmp(was.name, is.name) == 0 && was.name != is.name : !is.name);
            wg_shape a = wg_shape_of(leaves[k]), z = wg_shape_of(copies[k]);
            assert_memory_equal(&a, &z, sizeof a);
        }
        EXPECT_CLOSE(wg_at(copies[0], 0), pair == 3 ? third : (double)(float)third, 0);
        EXPECT_CLOSE(wg_at(copies[0], 1), pair == 3 ? 1e300 : (double)INFINITY, 0);
        EXPECT_CLOSE(wg_item(copies[2]), pair == 3 ? third : (double)(float)third, 0);
        EXPECT_CLOSE(wg_at(copies[6], 0), 9, 0);
        assert_int_equal(wg_value_indices(copies[4])[0], INT64_MAX);
        EXPECT_CLOSE(wg_grad_at(copies[0], 1), 0, 0);
        EXPECT_HEALTHY(from);
        wg_tape_free(from); /* the copies are on their own */
        EXPECT_CLOSE(wg_at(copies[6], 0), 9, 0);
        wg_tape_free(to);
    }
}

/* ---- whole programs ------------------------------------------------------------------------------------------------------- */

static void programs(wg_dtype dtype)
{
    double tolerance = dtype == WG_F64 ? 0 : 1e-4;
    for (uint64_t seed = 0; seed < 300; seed++) {
        program p;
        random_state r = {seed + 99};
        program_write(&p, seed);
        wg_tape *t = wg_tape_new(dtype), *to = wg_tape_new(WG_F64);
        wg_var leaves[LEAVES];
        program_leaves(&p, t, leaves);
        manner how = {.meddling = seed % 2, .checkpoints = seed % 3 == 0, .random = &r};
        wg_var y = program_run(&p, t, leaves, how, NULL), *copies = copy_tape(to, t);
        assert_non_null(copies);
        for (size_t i = 0; i < wg_node_count(t); i++) {
            wg_var node = wg_node_at(t, i);
            wg_node_info was = read_node(node), is = read_node(copies[i]);
            assert_int_equal(wg_size(node), wg_size(copies[i]));
            for (size_t k = 0; k < wg_size(node); k++)
                EXPECT_CLOSE(
                    wg_at(copies[i], k), wg_at(node, k), tolerance * (1 + 1 / (fabs(wg_at(node, k)) + 1e-300)));
            assert_int_equal(!was.name, !is.name);
            if (strcmp(was.kind, "checkpoint") == 0) continue;
            assert_ptr_equal(was.op, is.op);
            assert_int_equal(was.flags & ~(unsigned)WG_IS_RETAINED, is.flags);
            assert_int_equal(was.attributes_size, is.attributes_size);
        }
        assert_int_equal(wg_backward(y) | wg_backward(copies[y.index]), WG_OK);
        for (int k = 0; k < LEAVES; k++)
            for (size_t i = 0; i < wg_size(leaves[k]); i++) {
                double want = wg_grad_at(leaves[k], i), order = roundings(dtype, 64);
                EXPECT_CLOSE(wg_grad_at(copies[leaves[k].index], i), want,
                    (tolerance * 10 + order) * (1 + 1 / (fabs(want) + 1e-300)));
            }
        assert_int_equal(wg_tape_replay(to), WG_OK);
        free(copies);
        wg_tape_free(t);
        wg_tape_free(to);
    }
}
IN_BOTH(programs)

/* On the tape itself, with other inputs. */
static void on_the_same_tape(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = variable(t, WG_DIMS(2, 2), NUMBERS(1, 2, 3, 4)), z = wg_sum_axes(wg_transpose(x), WG_AXES(0), true);
    wg_var turned = wg_node_input(z, 0), other = wg_constant_f64(t, WG_DIMS(2, 2), (double[]){5, 6, 7, 8});
    wg_var again = copy_1(t, z, copy_1(t, turned, other));
    EXPECT_VALUE(z, 0, NUMBERS(3, 7));
    EXPECT_VALUE(again, 0, NUMBERS(11, 15));
    assert_int_equal(read_node(again).flags, 0);
    for (int i = 0; i < 200; i++) again = copy_1(t, turned, again = wg_node_copy(t, x, NULL, 0)); /* the nodes move */
    EXPECT_VALUE(again, 0, NUMBERS(1, 3, 2, 4));
    wg_var s = wg_scalar(t, 2), e = wg_exp(s);
    for (int i = 0; i < 200; i++) s = copy_1(t, e, wg_node_copy(t, wg_scalar(t, 0), NULL, 0));
    EXPECT_VALUE(s, 0, NUMBERS(1));
    EXPECT_HEALTHY(t);
    wg_tape_free(t);
}
IN_BOTH(on_the_same_tape)

/* ---- ops with something of their own ---------------------------------------------------------------------------------------- */

static void given_values(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype), *to = wg_tape_new(WG_F64);
    wg_var x = wg_scalar_variable(t, 2), p = wg_name(wg_precomputed(t, 0.5, &x, (double[]){3}, 1), "p"), leaf = x;
    wg_var y = wg_node_copy(to, x, NULL, 0), q = copy_1(to, p, y);
    EXPECT_VALUE(q, 0, NUMBERS(0.5));
    assert_string_equal(read_node(q).name, "p");
    assert_int_equal(wg_backward(q), WG_OK);
    EXPECT_GRAD(y, 0, NUMBERS(3));
    assert_int_equal(wg_set_value_f64(leaf, (double[]){3}), WG_OK);
    assert_false(wg_ok(copy_1(to, p, y)));
    EXPECT_ERROR(to, WG_ERROR_STALE, "wg_node_copy: 'p' was given as a number, and is stale");
    EXPECT_ERROR(t, WG_ERROR_STALE, "wg_node_copy: the var, 'p', is stale");
    wg_var e = wg_exp(x); /* what can be evaluated need not be fresh */
    assert_int_equal(wg_set_value_f64(leaf, (double[]){4}), WG_OK);
    EXPECT_CLOSE(wg_item(copy_1(to, e, y)), exp(2), roundings(WG_F64, 1));
    EXPECT_HEALTHY(t);
    EXPECT_HEALTHY(to);
    wg_tape_free(t);
    wg_tape_free(to);
}
IN_BOTH(given_values)

/* A guard's copy asks the same of the copied condition; random ops draw the same from the same key. */
static void guards_and_draws(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype), *to = wg_tape_new(WG_F64);
    wg_var x = vector(t, NUMBERS(1, 0)), key = wg_indices(t, WG_SCALAR, (int64_t[]){42});
    assert_int_equal(wg_guard(x), WG_OK);
    wg_var guard = wg_node_at(t, wg_node_count(t) - 1), same = vector(to, NUMBERS(2, 0)),
           flipped = vector(to, NUMBERS(2, 3));
    assert_true(wg_ok(copy_1(to, guard, same)));
    assert_false(wg_ok(copy_1(to, guard, flipped)));
    EXPECT_ERROR(to, WG_ERROR_GUARD, "guard: element 1 of the condition (2) was false when recorded and is true now");
    wg_var drawn[] = {wg_normal(key, WG_DIMS(9), 0, 1), wg_uniform(key, WG_DIMS(9), -1, 1),
        wg_bernoulli(key, WG_DIMS(9), 0.5), wg_permutation(key, 9)};
    wg_var copied_key = wg_node_copy(to, key, NULL, 0);
    EXPECT_HEALTHY(t);
    for (size_t k = 0; k < 4; k++) {
        wg_var copy = copy_1(to, drawn[k], copied_key);
        for (size_t i = 0; i < 9; i++) {
            double want = wg_at(copy, i); /* a uniform number in float has the first 24 bits */
            EXPECT_CLOSE(wg_at(drawn[k], i), want, roundings(dtype, 2) * (1 + 1 / (fabs(want) + 1e-300)));
        }
    }
    EXPECT_HEALTHY(to);
    wg_tape_free(t);
    wg_tape_free(to);
}
IN_BOTH(guards_and_draws)

/* ---- ops that stand for several ----------------------------------------------------------------------------------------------- */

/* A normalisation with weights, on its own tape as it is; on another one as the op on rows and what weighs its result. */
static void test_unfolded(void **state)
{
    (void)state;
    wg_tape *t = wg_tape_new(WG_F64), *to = wg_tape_new(WG_F64);
    const double numbers[6] = {1, 3, -2, 5, 0.5, 4}, weights[3] = {2, -1, 0.5}, biases[3] = {0.25, 0, -3};
    wg_var in[3], other[3];
    in[0] = wg_variable_f64(t, WG_DIMS(2, 3), numbers);
    in[1] = wg_variable_f64(t, WG_DIMS(3), weights);
    in[2] = wg_variable_f64(t, WG_DIMS(3), biases);
    for (size_t k = 0; k < 3; k++) other[k] = wg_node_copy(to, in[k], NULL, 0);
    wg_var y = wg_name(wg_layer_norm(in[0], in[1], in[2], 1, 1e-5), "Y");
    size_t before = wg_node_count(t);
    wg_var same = wg_node_copy(t, y, in, 3), copy = wg_node_copy(to, y, other, 3);
    assert_int_equal(wg_node_count(t), before + 1);
    assert_string_equal(read_node(y).kind, "normalize_rows");
    assert_string_equal(read_node(same).kind, "normalize_rows");
    assert_int_equal(wg_node_count(to), 5);
    assert_string_equal(read_node(copy).kind, "fma");
    assert_string_equal(read_node(copy).name, "Y");
    assert_string_equal(read_node(wg_node_input(copy, 0)).kind, "normalize_rows");
    assert_int_equal(read_node(wg_node_input(copy, 0)).inputs, 1);
    for (size_t i = 0; i < 6; i++) {
        EXPECT_CLOSE(wg_at(same, i), wg_at(y, i), 0);
        EXPECT_CLOSE(wg_at(copy, i), wg_at(y, i), 1e-15);
    }
    wg_var scaled = wg_rms_norm(in[0], in[1], 1, 0), scaled_copy = wg_node_copy(to, scaled, other, 2);
    assert_string_equal(read_node(scaled_copy).kind, "mul");
    for (size_t i = 0; i < 6; i++) EXPECT_CLOSE(wg_at(scaled_copy, i), wg_at(scaled, i), 1e-15);
    EXPECT_HEALTHY(t);
    EXPECT_HEALTHY(to);
    wg_tape_free(t);
    wg_tape_free(to);
}

/* ---- checkpoints -------------------------------------------------------------------------------------------------------------- */

/* Uses a constant from outside, which lives on the first tape; a checkpoint and a name inside. */
static wg_var deep(wg_tape *t, void *user, const wg_var *in, size_t n)
{
    (void)n;
    wg_var inner = wg_checkpoint(t, cube, NULL, in, 2);
    return wg_mul(wg_name(wg_sin(inner), "inside"), *(const wg_var *)user);
}

static void checkpoints(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype), *to = wg_tape_new(WG_F64);
    wg_var x = wg_scalar_variable(t, 0.5), y = wg_scalar_variable(t, 0.25), c = wg_scalar(t, 3);
    wg_var d = wg_name(wg_checkpoint(t, deep, &c, (wg_var[]){x, y}, 2), "d"),
           h = wg_checkpoint(t, hand_back, NULL, &d, 1);
    size_t count = wg_node_count(t);
    wg_var *copies = copy_tape(to, t);
    assert_non_null(copies);
    wg_var copy = copies[d.index];
    assert_int_equal(wg_node_count(t), count);
    assert_string_equal(read_node(copy).kind, "mul"); /* laid open, the checkpoint inside too */
    assert_string_equal(read_node(copy).name, "d");
    assert_string_equal(read_node(wg_node_input(copy, 0)).name, "inside");
    assert_string_equal(read_node(wg_node_input(wg_node_input(copy, 0), 0)).kind, "mul");
    assert_int_equal(copies[h.index].index, copy.index);
    EXPECT_CLOSE(wg_item(copy), wg_item(d), roundings(dtype, 8));
    assert_int_equal(wg_backward(d) | wg_backward(copy), WG_OK);
    EXPECT_CLOSE(wg_grad_at(copies[x.index], 0), wg_grad_at(x, 0), roundings(dtype, 8));

    wg_var z = wg_scalar_variable(t, -1), in[] = {z, y, c}, same = wg_node_copy(t, d, in, 3); /* a checkpoint again */
    assert_string_equal(read_node(same).kind, "checkpoint");
    assert_string_equal(read_node(same).name, "d");
    assert_int_equal(read_node(same).inputs, 3);
    EXPECT_CLOSE(wg_item(same), 3 * sin(-0.25), roundings(dtype, 8));

    wg_var out[] = {copies[x.index], copies[y.index], copies[c.index]};
    assert_int_equal(wg_set_value_f64(x, (double[]){1}), WG_OK);
    assert_false(wg_ok(wg_node_copy(to, d, out, 3)));
    EXPECT_ERROR(to, WG_ERROR_STALE, "'d', is stale");
    EXPECT_ERROR(t, WG_ERROR_STALE, "'d', is stale");
    assert_int_equal(wg_tape_replay(t), WG_OK);
    assert_true(wg_ok(wg_node_copy(to, d, out, 3)));
    assert_false(wg_ok(wg_exp((wg_var){t, UINT32_MAX, 0}))); /* a tape in error can run nothing */
    assert_false(wg_ok(wg_node_copy(to, d, out, 3)));
    EXPECT_ERROR(to, WG_ERROR_ARGUMENT, "exp");
    EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "exp");
    free(copies);
    wg_tape_free(t);
    wg_tape_free(to);
}
IN_BOTH(checkpoints)

/* While the first tape is busy, what needs no run can be copied. */
static wg_tape *busy_to;
static wg_var busy_in[4], busy_checkpoint;
static wg_status copy_from_within(void *user, wg_var node, void *adjoint)
{
    (void)adjoint;
    size_t *copied = user;
    wg_var in[2] = {busy_in[0], busy_in[1]};
    wg_node_info info = read_node(node);
    if (!info.op || strcmp(info.kind, "checkpoint") == 0) {
        assert_false(wg_ok(wg_node_copy(busy_to, busy_checkpoint, busy_in, 2)));
        EXPECT_ERROR(busy_to, WG_ERROR_ARGUMENT, "wg_node_copy: the tape is busy");
        wg_tape_clear_error(node.tape);
    }
    if (info.op && info.inputs == 1) assert_true(wg_ok(copy_1(busy_to, node, in[0])));
    if (!info.op) assert_true(wg_ok(wg_node_copy(busy_to, node, NULL, 0)));
    ++*copied;
    return WG_OK;
}

static void from_a_busy_tape(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = wg_scalar_variable(t, 0.5), y = wg_scalar_variable(t, 0.25);
    busy_checkpoint = wg_checkpoint(t, cube, NULL, (wg_var[]){x, y}, 2);
    busy_to = wg_tape_new(WG_F64);
    for (int i = 0; i < 2; i++) busy_in[i] = wg_scalar(busy_to, i);
    size_t copied = 0;
    wg_observer observer = {.node = copy_from_within, .user = &copied};
    wg_var constant = wg_scalar(t, 2), wrt[] = {x, constant};
    assert_int_equal(wg_observe(wg_exp(wg_mul(busy_checkpoint, constant)), NULL, wrt, 2, NULL, &observer), WG_OK);
    assert_int_equal(copied, 5);
    wg_var last = wg_node_at(busy_to, wg_node_count(busy_to) - 1);
    assert_string_equal(read_node(last).kind, "variable");
    assert_string_equal(read_node(wg_node_at(busy_to, 3)).kind, "constant"); /* one that a sweep is made for */
    wg_tape_free(busy_to);
    wg_tape_free(t);
}
IN_BOTH(from_a_busy_tape)

/* ---- misuse ------------------------------------------------------------------------------------------------------------------- */

static void misuse(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype), *to = wg_tape_new(dtype);
    wg_var x = wg_name(wg_scalar_variable(t, 2), "x"), y = wg_add(x, x), z = vector(to, NUMBERS(1, 2));
    wg_var in[] = {z, z}, mixed[] = {z, x}, unfit[] = {z, vector(to, NUMBERS(1, 2, 3))};
    size_t count = wg_node_count(to);
    assert_false(wg_ok(wg_node_copy(NULL, x, NULL, 0)));
    EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "wg_node_copy: the tape is NULL");
    assert_false(wg_ok(wg_node_copy(NULL, (wg_var){0}, NULL, 0)));
    assert_false(wg_ok(wg_node_copy(to, (wg_var){0}, NULL, 0)));
    EXPECT_ERROR(to, WG_ERROR_ARGUMENT, "wg_node_copy: the node is invalid");
    assert_false(wg_ok(wg_node_copy(to, (wg_var){t, 77, 1}, NULL, 0)));
    EXPECT_ERROR(to, WG_ERROR_ARGUMENT, "wg_node_copy: the node is invalid, or no longer on its tape");
    EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "wg_node_copy: the node is invalid, or no longer on its tape");
    assert_false(wg_ok(wg_node_copy(to, x, in, 1)));
    EXPECT_ERROR(to, WG_ERROR_ARGUMENT, "wg_node_copy: 'x' has 0 inputs, was given 1");
    assert_false(wg_ok(wg_node_copy(to, y, in, 1)));
    EXPECT_ERROR(to, WG_ERROR_ARGUMENT, "wg_node_copy: add has 2 inputs, was given 1");
    assert_false(wg_ok(wg_node_copy(to, y, NULL, 2)));
    EXPECT_ERROR(to, WG_ERROR_ARGUMENT, "add: the arguments are NULL");
    assert_false(wg_ok(wg_node_copy(to, y, mixed, 2)));
    EXPECT_ERROR(to, WG_ERROR_ARGUMENT, "add: argument 2 lives on another tape");
    EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "add: the arguments live on two tapes");
    assert_false(wg_ok(wg_node_copy(to, y, unfit, 2)));
    EXPECT_ERROR(to, WG_ERROR_SHAPE, "add: the shapes do not broadcast");
    wg_add(unfit[0], unfit[1]);
    assert_false(wg_ok(wg_node_copy(to, y, in, 2)));
    EXPECT_ERROR(to, WG_ERROR_SHAPE, "add");
    assert_int_equal(wg_node_count(to), count);
    EXPECT_VALUE(wg_node_copy(to, y, in, 2), 0, NUMBERS(2, 4)); /* with inputs of another shape */
    wg_add(x, (wg_var){t, UINT32_MAX, 0});
    assert_true(wg_ok(wg_node_copy(to, y, in, 2))); /* from a tape in error */
    assert_true(wg_ok(wg_node_copy(to, x, NULL, 0)));
    EXPECT_HEALTHY(to);
    wg_tape_free(t);
    wg_tape_free(to);
}
IN_BOTH(misuse)

/* Every allocation of the tape that is copied to failing in turn, then of the one that is copied from. */
static void memory_ends(wg_dtype dtype)
{
    size_t failures = 0;
    for (size_t k = 1, done = 0; done < 2; k++) {
        memory_probe probes[2] = {{0}, {0}}, *probe = &probes[done];
        wg_tape *t =
            wg_tape_new_with(&(wg_tape_options){.dtype = dtype, .allocator = memory_probe_allocator(&probes[1])}, NULL);
        wg_tape *to = wg_tape_new_with(&(wg_tape_options){.allocator = memory_probe_allocator(&probes[0])}, NULL);
        wg_var x = wg_name(wg_variable_f64(t, WG_DIMS(100, 5), NULL), "x"), y = wg_scalar_variable(t, 0.25), c = y;
        wg_var m = wg_checkpoint(t, deep, &c, (wg_var[]){x, y}, 2), s = wg_sum(wg_transpose(m));
        wg_name(wg_precomputed(t, 1, &y, (double[]){2}, 1), "given");
        wg_checkpoint(t, deep, &c, (wg_var[]){s, y}, 2);
        EXPECT_HEALTHY(t);
        size_t count = wg_node_count(t);
        probe->fail_at = probe->calls + k;
        probe->from_then_on = k % 2;
        wg_var *copies = copy_tape(to, t);
        if (!copies) {
            failures++;
            probe->fail_at = 0;
            EXPECT_ERROR(to, WG_ERROR_MEMORY, "exhausted");
            if (done) EXPECT_ERROR(t, WG_ERROR_MEMORY, "exhausted");
            copies = copy_tape(to, t);
        }
        assert_non_null(copies);
        assert_int_equal(wg_node_count(t), count);
        if (!probe->refused) {
            done++;
            k = 0;
        }
        free(copies);
        wg_tape_free(t);
        wg_tape_free(to);
        memory_probe_end(&probes[0]);
        memory_probe_end(&probes[1]);
    }
    print_message("    failed at each of %zu allocations\n", failures);
    assert_true(failures > 0);
}
IN_BOTH(memory_ends)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_leaves),
        cmocka_unit_test(test_unfolded),
        BOTH(programs),
        BOTH(on_the_same_tape),
        BOTH(given_values),
        BOTH(guards_and_draws),
        BOTH(checkpoints),
        BOTH(from_a_busy_tape),
        BOTH(misuse),
        BOTH(memory_ends),
    };
    return cmocka_run_group_tests_name("inspect/node_copy", tests, NULL, NULL);
}
