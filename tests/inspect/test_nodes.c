/* Reading the nodes of a tape. */
#include "grad/expect.h"

static wg_node_info read_node(wg_var node)
{
    wg_node_info info;
    memset(&info, 0xff, sizeof info);
    assert_int_equal(wg_node_read(node, &info), WG_OK);
    return info;
}

#define IS(node, kind_, inputs_, flags_)                                                                               \
    do {                                                                                                               \
        wg_node_info info_ = read_node(node);                                                                          \
        assert_string_equal(info_.kind, kind_);                                                                        \
        assert_int_equal(info_.inputs, inputs_);                                                                       \
        assert_int_equal(info_.flags, flags_);                                                                         \
        assert_int_equal(!info_.op, (flags_)&WG_IS_LEAF ? 1 : 0);                                                      \
        if (info_.op) assert_string_equal(info_.kind, info_.op->name);                                                 \
        assert_memory_equal(&info_.shape, &(wg_shape[]){wg_shape_of(node)}[0], sizeof info_.shape);                    \
        assert_int_equal(!info_.attributes, !info_.attributes_size);                                                   \
    } while (0)

static void every_kind(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var w = wg_variable_f64(t, WG_DIMS(2, 3), NULL), s = wg_scalar_variable(t, 1), c = wg_scalar(t, 2);
    wg_var k = wg_constant_f64(t, WG_DIMS(3), NULL), i = wg_indices(t, WG_DIMS(2), (int64_t[]){1, 0});
    wg_var rows = wg_take(w, i, 0), sum = wg_sum_axes(rows, WG_AXES(0), true), flat = wg_reshape(sum, WG_DIMS(3));
    wg_var p = wg_mul(c, c), q = wg_mul(p, s), turned = wg_transpose(w), cut = wg_detach(rows),
           most = wg_argmax(w, 0, false);
    wg_var key = wg_indices(t, WG_SCALAR, NULL);
    wg_var many = wg_concat((wg_var[]){k, flat, k}, 3, 0), noise = wg_normal(key, WG_DIMS(2), 0, 1);
    wg_var given = wg_precomputed(t, 7, &s, (double[]){3}, 1);
    EXPECT_HEALTHY(t);
    IS(w, "variable", 0, WG_IS_LEAF | WG_IS_VARIABLE | WG_DEPENDS);
    IS(s, "variable", 0, WG_IS_LEAF | WG_IS_VARIABLE | WG_DEPENDS);
    IS(c, "constant", 0, WG_IS_LEAF);
    IS(k, "constant", 0, WG_IS_LEAF);
    IS(i, "indices", 0, WG_IS_LEAF | WG_IS_INDICES);
    IS(rows, "take", 2, WG_DEPENDS);
    IS(sum, "sum", 1, WG_DEPENDS);
    IS(flat, "reshape", 1, WG_DEPENDS | WG_IS_VIEW);
    IS(p, "mul", 2, 0);
    IS(q, "mul", 2, WG_DEPENDS);
    IS(turned, "transpose", 1, WG_DEPENDS);
    IS(cut, "detach", 1, WG_IS_VIEW);
    IS(most, "argmax", 1, WG_IS_INDICES);
    IS(many, "concat", 3, WG_DEPENDS);
    IS(noise, "normal", 1, 0);
    IS(given, "precomputed", 1, WG_DEPENDS);
    assert_null(read_node(q).attributes);
    assert_non_null(read_node(sum).attributes);
    assert_int_equal(read_node(given).attributes_size, sizeof(double));
    assert_int_equal(*(const double *)read_node(given).attributes, 3);

    /* an address changes nothing, a retained gradient and a change of a leaf do */
    assert_non_null(wg_value(p));
    assert_non_null(wg_value(c));
    IS(p, "mul", 2, 0);
    IS(c, "constant", 0, WG_IS_LEAF);
    assert_int_equal(wg_retain_grad(q) | wg_retain_grad(rows), WG_OK);
    IS(q, "mul", 2, WG_DEPENDS | WG_IS_RETAINED);
    assert_non_null(wg_value_mut(w));
    IS(w, "variable", 0, WG_IS_LEAF | WG_IS_VARIABLE | WG_DEPENDS);
    IS(rows, "take", 2, WG_DEPENDS | WG_IS_RETAINED | WG_IS_STALE);
    IS(flat, "reshape", 1, WG_DEPENDS | WG_IS_VIEW | WG_IS_STALE);
    IS(q, "mul", 2, WG_DEPENDS | WG_IS_RETAINED);
    assert_int_equal(wg_tape_replay(t), WG_OK);
    IS(rows, "take", 2, WG_DEPENDS | WG_IS_RETAINED);
    EXPECT_HEALTHY(t);
    wg_tape_free(t);
}
IN_BOTH(every_kind)

static void test_walking(void **state)
{
    (void)state;
    wg_tape *t = wg_tape_new(WG_F64);
    assert_int_equal(wg_node_count(NULL), 0);
    assert_int_equal(wg_node_count(t), 0);
    assert_false(wg_ok(wg_node_at(t, 0)));
    assert_false(wg_ok(wg_node_at(NULL, 0)));
    wg_var a = wg_scalar(t, 1), b = wg_scalar(t, 2), c = wg_sub(b, a), in[] = {c, a, b, c}, s = wg_stack(in, 4, 0);
    assert_int_equal(wg_node_count(t), 4);
    wg_var walked[] = {a, b, c, s};
    for (size_t i = 0; i < 4; i++) {
        wg_var node = wg_node_at(t, i);
        assert_true(wg_ok(node) && node.tape == t && node.index == i);
        assert_true(node.index == walked[i].index && node.epoch == walked[i].epoch);
    }
    assert_false(wg_ok(wg_node_at(t, 4)));
    assert_ptr_equal(wg_node_at(t, SIZE_MAX).tape, t);
    assert_int_equal(wg_node_input(c, 0).index, b.index);
    assert_int_equal(wg_node_input(c, 1).index, a.index);
    assert_false(wg_ok(wg_node_input(c, 2)));
    assert_false(wg_ok(wg_node_input(a, 0)));
    assert_false(wg_ok(wg_node_input((wg_var){0}, 0)));
    wg_mark mark = wg_tape_mark(t);
    wg_var gone = wg_neg(c);
    assert_int_equal(wg_tape_rewind(t, mark), WG_OK);
    assert_int_equal(wg_node_count(t), 4);
    assert_false(wg_ok(wg_node_input(gone, 0)));
    EXPECT_HEALTHY(t);
    wg_tape_free(t);
}

static void test_names(void **state)
{
    (void)state;
    wg_tape *t = wg_tape_new(WG_F32);
    wg_var x = wg_scalar(t, 1), y = wg_exp(x);
    assert_null(read_node(y).name);
    wg_name(y, "energy");
    assert_string_equal(read_node(y).name, "energy");
    assert_string_equal(read_node(y).kind, "exp");
    wg_name(y, "E");
    assert_string_equal(read_node(y).name, "E");
    wg_name(y, "");
    assert_null(read_node(y).name);
    wg_tape_free(t);
}

static void test_misuse(void **state)
{
    (void)state;
    wg_tape *t = wg_tape_new(WG_F64);
    wg_node_info info = {.inputs = 77};
    wg_var x = wg_scalar(t, 1);
    wg_mark mark = wg_tape_mark(t);
    wg_var gone = wg_neg(x);
    assert_int_equal(wg_tape_rewind(t, mark), WG_OK);
    assert_int_equal(wg_node_read((wg_var){0}, &info), WG_ERROR_ARGUMENT);
    assert_int_equal(wg_node_read(gone, &info), WG_ERROR_ARGUMENT);
    EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "wg_node_read: the var is no longer on the tape: it was dropped by a rewind");
    assert_int_equal(wg_node_read(x, NULL), WG_ERROR_ARGUMENT);
    EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "wg_node_read: the place for the description is NULL");
    wg_var failed = wg_add(x, wg_variable(t, WG_DIMS(3), NULL));
    EXPECT_HEALTHY(t);
    failed = wg_add(wg_variable(t, WG_DIMS(2), NULL), failed);
    assert_int_equal(wg_tape_status(t), WG_ERROR_SHAPE);
    assert_int_equal(wg_node_read(failed, &info), WG_ERROR_ARGUMENT); /* the first error stays */
    assert_int_equal(info.inputs, 77);
    assert_int_equal(wg_node_read(x, &info), WG_OK); /* a tape in error can be read */
    assert_int_equal(info.inputs, 0);
    EXPECT_ERROR(t, WG_ERROR_SHAPE, "add");
    wg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(every_kind),
        cmocka_unit_test(test_walking),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_misuse),
    };
    return cmocka_run_group_tests_name("inspect/nodes", tests, NULL, NULL);
}
