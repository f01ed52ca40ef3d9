/* Reading the nodes of a tape, and copying them. */
#include "grad/expect.h"

#include "support/program.h"

static wg_node_info read_node(wg_var node)
{
    wg_node_info info;
    assert_int_equal(wg_node_read(node, &info), WG_OK);
    return info;
}

static void test_read(void **state)
{
    (void)state;
    wg_tape *t = wg_tape_new(WG_F64);
    assert_int_equal(wg_node_count(t), 0);
    assert_false(wg_ok(wg_node_at(t, 0)));
    wg_var W = wg_name(wg_variable_f64(t, WG_DIMS(2, 3), NULL), "W"), c = wg_scalar(t, 2);
    wg_var i = wg_indices(t, WG_DIMS(2), (int64_t[]){1, 0}), y = wg_take(W, i, 0), s = wg_sum_axes(y, WG_AXES(0), true);
    wg_var v = wg_reshape(s, WG_DIMS(3)), p = wg_mul(c, c);
    assert_int_equal(wg_node_count(t), 7);
    assert_int_equal(wg_retain_grad(y), WG_OK);
    wg_node_info info = read_node(W);
    assert_null(info.op);
    assert_string_equal(info.kind, "variable");
    assert_string_equal(info.name, "W");
    assert_int_equal(info.flags, WG_IS_LEAF | WG_IS_VARIABLE | WG_DEPENDS);
    assert_int_equal(info.shape.rank, 2);
    assert_int_equal(info.inputs, 0);
    info = read_node(c);
    assert_string_equal(info.kind, "constant");
    assert_int_equal(info.flags, WG_IS_LEAF);
    info = read_node(i);
    assert_string_equal(info.kind, "indices");
    assert_int_equal(info.flags, WG_IS_LEAF | WG_IS_INDICES);
    info = read_node(y);
    assert_non_null(info.op);
    assert_int_equal(info.flags, WG_DEPENDS | WG_IS_RETAINED);
    assert_int_equal(info.inputs, 2);
    assert_int_equal(wg_node_input(y, 1).index, i.index);
    info = read_node(s);
    assert_string_equal(info.kind, "sum");
    assert_true(info.attributes && info.attributes_size);
    assert_int_equal(read_node(v).flags, WG_DEPENDS | WG_IS_VIEW);
    assert_int_equal(read_node(p).flags, 0);
    assert_int_equal(wg_node_input(p, 1).index, c.index);
    assert_false(wg_ok(wg_node_input(p, 2)));
    assert_int_equal(wg_set_value_f64(W, (double[6]){0}), WG_OK);
    assert_int_equal(read_node(y).flags, WG_DEPENDS | WG_IS_RETAINED | WG_IS_STALE);
    EXPECT_HEALTHY(t);
    wg_tape_free(t);
}

/* ---- copying ------------------------------------------------------------------------------------------------------------ */

/* The whole of a tape on another one. */
static void copy_all(wg_tape *to, wg_tape *from, wg_var *copies)
{
    for (size_t i = 0; i < wg_node_count(from); i++) {
        wg_var node = wg_node_at(from, i), in[16];
        wg_node_info info = read_node(node);
        assert_true(info.inputs <= 16);
        for (size_t k = 0; k < info.inputs; k++) in[k] = copies[wg_node_input(node, k).index];
        copies[i] = wg_node_copy(to, node, in, info.inputs);
        EXPECT_HEALTHY(to);
        EXPECT_HEALTHY(from);
    }
}

static void compare_all(wg_tape *from, const wg_var *copies, double tolerance)
{
    for (size_t i = 0; i < wg_node_count(from); i++) {
        wg_var node = wg_node_at(from, i);
        wg_node_info was = read_node(node), is = read_node(copies[i]);
        assert_int_equal(wg_size(node), wg_size(copies[i]));
        for (size_t k = 0; k < wg_size(node); k++) {
            double want = wg_at(node, k);
            EXPECT_CLOSE(wg_at(copies[i], k), want, tolerance * (1 + 1 / (fabs(want) + 1e-300)));
        }
        assert_int_equal(!was.name, !is.name);
        if (was.name) assert_string_equal(was.name, is.name);
        if (strcmp(was.kind, "checkpoint") == 0) continue;
        assert_string_equal(was.kind, is.kind);
        assert_int_equal(was.flags & ~(unsigned)WG_IS_RETAINED, is.flags);
        assert_int_equal(was.attributes_size, is.attributes_size);
    }
}

static void test_copy_programs(void **state)
{
    (void)state;
    static wg_var copies[4096];
    for (int dtype = WG_F32; dtype <= WG_F64; dtype++)
        for (uint64_t seed = 0; seed < 200; seed++) {
            program p;
            random_state r = {seed + 99};
            program_write(&p, seed);
            wg_tape *t = wg_tape_new((wg_dtype)dtype), *to = wg_tape_new(WG_F64);
            wg_var leaves[LEAVES];
            program_leaves(&p, t, leaves);
            manner how = {.meddling = seed % 2, .checkpoints = seed % 3 == 0, .random = &r};
            program_run(&p, t, leaves, how, NULL);
            copy_all(to, t, copies);
            compare_all(t, copies, dtype == WG_F64 ? 0 : 3e-5);
            wg_tape_free(t);
            wg_tape_free(to);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_copy_programs),
    };
    return cmocka_run_group_tests_name("inspect/nodes", tests, NULL, NULL);
}
