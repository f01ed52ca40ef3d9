/* Ops of one's own, the side of values: shape rules, attributes, scratch, views, index and transposed operands, results
 * that are indices, errors. Derivatives are in test_derivation.c. */
#include "op/numbers.h"

/* ---- attributes ----------------------------------------------------------------------------------------------------- */

/* y = factor x + offset. The derivative is the op again, with offset 0. */
typedef struct line {
    double factor, offset;
} line;

static wg_status line_evaluate(wg_call *call)
{
    line l = *(const line *)call->attributes;
    assert_int_equal(call->attributes_size, sizeof l);
    assert_int_equal((uintptr_t)call->attributes % _Alignof(line), 0);
    assert_false(call->add); /* the op does not have WG_OP_ADDS */
    for (size_t i = 0; i < call->in[0].size; i++)
        put(call->dtype, call->out, i, l.factor * get(call->dtype, call->in[0].data, i) + l.offset);
    return WG_OK;
}

static void line_derivative(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    line l = *(const line *)call->attributes;
    wg_term g = wg_cotangent(d);
    l.offset = 0;
    wg_give(d, 0, call->op, &g, 1, &l, sizeof l);
    l = (line){0, 0}; /* the caller's copy may go */
}

static const wg_op line_op = {
    .name = "line", .arity = 1, .shape = shape_of_first, .evaluate = line_evaluate, .derivative = line_derivative};

/* The attributes are copied: what the caller does to its own later does not matter, to values, replays or derivatives. */
static void attributes_are_copied(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = vector(t, NUMBERS(1, 2, 3)), s = wg_scalar_variable(t, 4);
    line l = {3, 0.5};
    wg_var y = wg_apply(t, &line_op, &x, 1, &l, sizeof l);
    l = (line){-2, 1};
    wg_var r = wg_apply(t, &line_op, &s, 1, &l, sizeof l);
    memset(&l, 0xFF, sizeof l);
    EXPECT_VALUE(y, 0, NUMBERS(3.5, 6.5, 9.5));
    EXPECT_VALUE(r, 0, NUMBERS(-7));
    assert_int_equal(wg_backward(wg_mul(wg_sum(y), r)), WG_OK);
    EXPECT_GRAD(x, 0, NUMBERS(-21, -21, -21));
    EXPECT_GRAD(s, 0, NUMBERS(-39));
    assert_int_equal(wg_set_value(x, (double[]){0, 0, 1}), WG_OK);
    assert_int_equal(wg_tape_replay(t), WG_OK);
    EXPECT_VALUE(y, 0, NUMBERS(0.5, 0.5, 3.5));
    wg_tape_free(t);
}
IN_BOTH(attributes_are_copied)

/* Any number of bytes, byte for byte. */
static wg_status bytes_evaluate(wg_call *call)
{
    const unsigned char *bytes = call->attributes;
    double sum = 0;
    for (size_t i = 0; i < call->attributes_size; i++) sum += bytes[i];
    if (!call->attributes_size) assert_null(call->attributes);
    put(call->dtype, call->out, 0, sum);
    return WG_OK;
}
static const wg_op bytes_op = {.name = "bytes", .arity = 0, .shape = shape_0d, .evaluate = bytes_evaluate};

static void attributes_of_any_size(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    unsigned char bytes[3000];
    wg_var made[6];
    const size_t sizes[6] = {0, 1, 3, 17, 100, 3000};
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)(i % 7);
    for (size_t k = 0; k < 6; k++) made[k] = wg_apply(t, &bytes_op, NULL, 0, bytes, sizes[k]);
    memset(bytes, 0, sizeof bytes);
    for (int round = 0; round < 2; round++) {
        for (size_t k = 0; k < 6; k++) {
            double want = 0;
            for (size_t i = 0; i < sizes[k]; i++) want += (double)(i % 7);
            EXPECT_VALUE(made[k], 0, NUMBERS(want));
        }
        assert_int_equal(wg_tape_replay(t), WG_OK);
    }
    wg_tape_free(t);
}
IN_BOTH(attributes_of_any_size)

/* ---- scratch --------------------------------------------------------------------------------------------------------- */

/* Reverses by way of three pieces of scratch memory, each aligned, none overlapping another. */
static wg_status reverse_evaluate(wg_call *call)
{
    size_t n = call->in[0].size, bytes = (n + 1) * sizeof(double);
    double *pieces[3];
    for (size_t k = 0; k < 3; k++) {
        pieces[k] = wg_call_scratch(call, bytes);
        if (!pieces[k]) return wg_tape_status(call->tape);
        assert_int_equal((uintptr_t)pieces[k] % 64, 0);
    }
    for (size_t k = 0; k < 3; k++)
        for (size_t i = 0; i <= n; i++) pieces[k][i] = (double)k;
    for (size_t i = 0; i < n; i++) pieces[1][i] = get(call->dtype, call->in[0].data, n - 1 - i);
    for (size_t i = 0; i <= n; i++) assert_true(pieces[0][i] == 0 && pieces[2][i] == 2);
    for (size_t i = 0; i < n; i++) put(call->dtype, call->out, i, pieces[1][i]);
    return WG_OK;
}

static void reverse_derivative(wg_derivation *d)
{
    wg_term g = wg_cotangent(d);
    wg_give(d, 0, wg_derivation_call(d)->op, &g, 1, NULL, 0);
}
static const wg_op reverse_op = {.name = "reverse",
    .arity = 1,
    .shape = shape_of_first,
    .evaluate = reverse_evaluate,
    .derivative = reverse_derivative};

static void scratch(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = vector(t, NUMBERS(1, 2, 3));
    wg_mark mark = wg_tape_mark(t);
    size_t settled = 0;
    for (int round = 0; round < 4; round++) {
        wg_var y = apply(&reverse_op, x);
        EXPECT_VALUE(y, 0, NUMBERS(3, 2, 1));
        assert_int_equal(backward_from(y, NUMBERS(1, 10, 100)), WG_OK);
        assert_int_equal(wg_tape_rewind(t, mark), WG_OK);
        if (round == 0) settled = allocations_of(t); /* scratch is given back and used again */
    }
    assert_int_equal(allocations_of(t), settled);
    EXPECT_GRAD(x, 0, NUMBERS(400, 40, 4));
    wg_tape_free(t);
}
IN_BOTH(scratch)

/* More scratch than there is memory: an error that names the op, and nothing recorded. */
static void scratch_that_is_refused(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new_with(&(wg_tape_options){.dtype = dtype, .memory_limit = (size_t)200 << 10}, NULL);
    wg_var x = wg_constant(t, WG_DIMS(10000), (double *)NULL);
    if (dtype == WG_F32) x = wg_concat((wg_var[]){x, x}, 2, 0);
    size_t nodes = nodes_of(t);
    assert_false(wg_ok(apply(&reverse_op, x)));
    EXPECT_ERROR(t, WG_ERROR_MEMORY, "reverse: ");
    assert_int_equal(nodes_of(t), nodes);
    wg_tape_free(t);
}
IN_BOTH(scratch_that_is_refused)

/* ---- views ----------------------------------------------------------------------------------------------------------- */

/* x from element `from` on: a view where from is even, else a copy. */
static wg_status tail_shape(wg_call *call)
{
    size_t from = *(const size_t *)call->attributes;
    if (call->in[0].shape->rank != 1 || from > call->in[0].size)
        return wg_call_fail(call, WG_ERROR_SHAPE, "%s has no element %zu", wg_call_describe(call, 0), from);
    call->shape = WG_DIMS(call->in[0].size - from);
    return WG_OK;
}
static wg_status tail_evaluate(wg_call *call)
{
    size_t from = *(const size_t *)call->attributes;
    for (size_t i = 0; i < call->in[0].size - from; i++)
        put_or_add(call->dtype, call->out, i, get(call->dtype, call->in[0].data, from + i), call->add);
    return WG_OK;
}
static size_t tail_view(const wg_call *call)
{
    size_t from = *(const size_t *)call->attributes;
    return from % 2 ? SIZE_MAX : from;
}
static void tail_derivative(wg_derivation *d);
static const wg_op tail_op = {.name = "tail",
    .arity = 1,
    .flags = WG_OP_ADDS,
    .shape = tail_shape,
    .evaluate = tail_evaluate,
    .view = tail_view,
    .derivative = tail_derivative};

/* Its reverse: `from` zeros, then x. */
static wg_status lead_shape(wg_call *call)
{
    call->shape = WG_DIMS(call->in[0].size + *(const size_t *)call->attributes);
    return WG_OK;
}
static wg_status lead_evaluate(wg_call *call)
{
    size_t from = *(const size_t *)call->attributes;
    for (size_t i = 0; i < from && !call->add; i++) put(call->dtype, call->out, i, 0);
    for (size_t i = 0; i < call->in[0].size; i++)
        put_or_add(call->dtype, call->out, from + i, get(call->dtype, call->in[0].data, i), call->add);
    return WG_OK;
}
static void lead_derivative(wg_derivation *d)
{
    wg_term g = wg_cotangent(d);
    wg_give(d, 0, &tail_op, &g, 1, wg_derivation_call(d)->attributes, sizeof(size_t));
}
static const wg_op lead_op = {.name = "lead",
    .arity = 1,
    .flags = WG_OP_ADDS,
    .shape = lead_shape,
    .evaluate = lead_evaluate,
    .derivative = lead_derivative};
static void tail_derivative(wg_derivation *d)
{
    wg_term g = wg_cotangent(d);
    wg_give(d, 0, &lead_op, &g, 1, wg_derivation_call(d)->attributes, sizeof(size_t));
}
static wg_var tail(wg_var x, size_t from) { return wg_apply(x.tape, &tail_op, &x, 1, &from, sizeof from); }

/* A view shares its base's elements, at any depth, follows wg_bind, and has a derivative like any op. */
static void views(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    size_t size = dtype == WG_F64 ? sizeof(double) : sizeof(float);
    wg_var x = vector(t, NUMBERS(1, 2, 3, 4, 5, 6)), a = tail(x, 2), b = tail(a, 2), c = tail(a, 1), d = tail(c, 2);
    assert_ptr_equal(wg_value(a), (const char *)wg_value(x) + 2 * size);
    assert_ptr_equal(wg_value(b), (const char *)wg_value(x) + 4 * size);
    assert_ptr_equal(wg_value(d), (const char *)wg_value(c) + 2 * size);
    EXPECT_VALUE(b, 0, NUMBERS(5, 6));
    EXPECT_VALUE(d, 0, NUMBERS(6));
    wg_var f = wg_add(wg_sum(wg_mul(wg_square(b), constants(t, NUMBERS(1, 10)))), wg_sum(wg_mul(wg_mul(d, d), d)));
    assert_int_equal(wg_backward(f), WG_OK);
    EXPECT_GRAD(x, 0, NUMBERS(0, 0, 0, 0, 10, 120 + 108));
    wg_var g = derivative(f, x), h = derivative(wg_sum(g), x);
    EXPECT_VALUE(g, 0, NUMBERS(0, 0, 0, 0, 10, 228));
    EXPECT_VALUE(h, 0, NUMBERS(0, 0, 0, 0, 2, 20 + 36));
    double wide[6] = {0, 0, 0, 0, 7, 1};
    float narrow[6] = {0, 0, 0, 0, 7, 1};
    assert_int_equal(wg_bind(x, dtype == WG_F64 ? (void *)wide : narrow, NULL), WG_OK);
    assert_int_equal(wg_tape_replay(t), WG_OK);
    EXPECT_VALUE(b, 0, NUMBERS(7, 1));
    EXPECT_VALUE(d, 0, NUMBERS(1));
    EXPECT_VALUE(g, 0, NUMBERS(0, 0, 0, 0, 14, 23));
    EXPECT_VALUE(tail(x, 6), 0, (double[]){0}, 0);
    wg_name(x, "signal");
    tail(x, 7);
    EXPECT_ERROR(t, WG_ERROR_SHAPE, "tail: signal (6) has no element 7");
    wg_tape_free(t);
}
IN_BOTH(views)

/* ---- index operands and results --------------------------------------------------------------------------------------- */

/* y_j = x[index_j]; its derivative scatters: out[index_j] += g_j, which has pick as its own. */
static const wg_op pick_op, scatter_op;

static wg_status pick_shape(wg_call *call)
{
    if (!call->in[1].indices) return wg_call_fail(call, WG_ERROR_ARGUMENT, "argument 2 does not hold indices");
    call->shape = *call->in[1].shape;
    return WG_OK;
}
static wg_status pick_evaluate(wg_call *call)
{
    const int64_t *index = call->in[1].data;
    for (size_t j = 0; j < call->in[1].size; j++) {
        if (index[j] < 0 || (size_t)index[j] >= call->in[0].size)
            return wg_call_fail(call, WG_ERROR_ARGUMENT, "there is no element %d", (int)index[j]);
        put(call->dtype, call->out, j, get(call->dtype, call->in[0].data, (size_t)index[j]));
    }
    return WG_OK;
}
static void pick_derivative(wg_derivation *d)
{
    const wg_shape *shape = wg_derivation_call(d)->in[0].shape;
    assert_false(wg_wants(d, 1));
    wg_give(d, 0, &scatter_op, (wg_term[]){wg_cotangent(d), wg_primal(d, 1)}, 2, shape, sizeof *shape);
}
static const wg_op pick_op = {.name = "pick",
    .arity = 2,
    .flags = WG_OP_TAKES_INDICES,
    .shape = pick_shape,
    .evaluate = pick_evaluate,
    .derivative = pick_derivative};

static wg_status scatter_evaluate(wg_call *call)
{
    const int64_t *index = call->in[1].data;
    for (size_t i = 0; i < elements(&call->shape) && !call->add; i++) put(call->dtype, call->out, i, 0);
    for (size_t j = 0; j < call->in[1].size; j++)
        put_or_add(call->dtype, call->out, (size_t)index[j], get(call->dtype, call->in[0].data, j), true);
    return WG_OK;
}
static void scatter_derivative(wg_derivation *d)
{
    wg_give(d, 0, &pick_op, (wg_term[]){wg_cotangent(d), wg_primal(d, 1)}, 2, NULL, 0);
}
static const wg_op scatter_op = {.name = "scatter",
    .arity = 2,
    .flags = WG_OP_TAKES_INDICES | WG_OP_ADDS,
    .shape = shape_given,
    .evaluate = scatter_evaluate,
    .derivative = scatter_derivative};

/* The positions of the elements above zero, then of the others: an index var, computed. */
static wg_status order_shape(wg_call *call)
{
    call->shape = *call->in[0].shape;
    call->indices = true;
    return WG_OK;
}
static wg_status order_evaluate(wg_call *call)
{
    int64_t *out = call->out;
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < call->in[0].size; i++)
            if ((get(call->dtype, call->in[0].data, i) > 0) == (pass == 0)) *out++ = (int64_t)i;
    return WG_OK;
}
static const wg_op order_op = {.name = "order", .arity = 1, .shape = order_shape, .evaluate = order_evaluate};

static void indices(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = vector(t, NUMBERS(2, -3, 5)), i = wg_indices(t, WG_DIMS(2, 2), (int64_t[]){2, 0, 2, 2});
    wg_var y = apply_2(&pick_op, x, i), k = wg_constant(t, WG_DIMS(2, 2), (double[]){1, 10, 100, 1000});
    wg_var f = wg_sum(wg_mul(k, wg_square(y)));
    EXPECT_VALUE(y, 0, NUMBERS(5, 2, 5, 5));
    assert_int_equal(wg_backward(f), WG_OK);
    EXPECT_GRAD(x, 0, NUMBERS(40, 0, 11010));
    EXPECT_VALUE(derivative(wg_sum(derivative(f, x)), x), 0, NUMBERS(20, 0, 2202));

    wg_var order = apply(&order_op, x), sorted = apply_2(&pick_op, x, order),
           g = derivative(wg_sum(wg_square(sorted)), x);
    assert_memory_equal(wg_value_indices(order), ((int64_t[]){0, 2, 1}), 3 * sizeof(int64_t));
    EXPECT_VALUE(sorted, 0, NUMBERS(2, 5, -3));
    EXPECT_VALUE(g, 0, NUMBERS(4, -6, 10));
    assert_int_equal(wg_set_value(x, (double[]){-1, 4, 6}), WG_OK); /* a replay orders anew */
    assert_int_equal(wg_set_indices(i, (int64_t[]){0, 1, 1, 0}), WG_OK);
    assert_int_equal(wg_tape_replay(t), WG_OK);
    EXPECT_VALUE(sorted, 0, NUMBERS(4, 6, -1));
    EXPECT_VALUE(y, 0, NUMBERS(-1, 4, 4, -1));
    EXPECT_VALUE(g, 0, NUMBERS(-2, 8, 12));

    wg_exp(order);
    EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "indices");
    apply(&reverse_op, i);
    EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "reverse: argument 1");
    apply_2(&pick_op, x, x);
    EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "pick: argument 2 does not hold indices");
    size_t nodes = nodes_of(t);
    assert_int_equal(wg_set_indices(i, (int64_t[]){0, 1, 3, 0}), WG_OK);
    assert_int_equal(wg_tape_replay(t), WG_ERROR_ARGUMENT);
    EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "pick: there is no element 3");
    apply_2(&pick_op, x, i);
    EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "pick: there is no element 3");
    assert_int_equal(nodes_of(t), nodes);
    wg_tape_free(t);
}
IN_BOTH(indices)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(attributes_are_copied),
        BOTH(attributes_of_any_size),
        BOTH(scratch),
        BOTH(scratch_that_is_refused),
        BOTH(views),
        BOTH(indices),
    };
    return cmocka_run_group_tests_name("user_op", tests, NULL, NULL);
}
