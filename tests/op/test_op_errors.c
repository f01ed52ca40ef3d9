/* Ops of one's own that are wrong, or used wrongly: each misuse is an error that names the op, records nothing and leaves
 * the tape usable. The op under test behaves as its attribute says. */
#include "op/numbers.h"

typedef enum fault {
    NO_FAULT,
    SHAPE_WITH_MESSAGE,
    SHAPE_WITHOUT_MESSAGE,
    SHAPE_MESSAGE_ALONE, /* calls wg_call_fail, returns WG_OK */
    SHAPE_TOO_LARGE,
    SHAPE_OF_NINE_AXES,
    EVALUATE_WITH_MESSAGE,
    EVALUATE_WITHOUT_MESSAGE,
    EVALUATE_MESSAGE_ALONE
} fault;

static wg_status faulty_shape(wg_call *call)
{
    fault f = *(const fault *)call->attributes;
    call->shape = *call->in[0].shape;
    if (f == SHAPE_WITH_MESSAGE || f == SHAPE_MESSAGE_ALONE) {
        wg_status status = wg_call_fail(call, WG_ERROR_SHAPE, "%s is too %s", wg_call_describe(call, 0), "flat");
        return f == SHAPE_WITH_MESSAGE ? status : WG_OK;
    }
    if (f == SHAPE_WITHOUT_MESSAGE) return WG_ERROR_ARGUMENT;
    if (f == SHAPE_TOO_LARGE) call->shape = WG_DIMS(SIZE_MAX / 2, 3);
    if (f == SHAPE_OF_NINE_AXES) call->shape = (wg_shape){9, {1, 1, 1, 1, 1, 1, 1, 1}};
    return WG_OK;
}

static wg_status faulty_evaluate(wg_call *call)
{
    fault f = *(const fault *)call->attributes;
    for (size_t i = 0; i < call->in[0].size; i++) put(call->dtype, call->out, i, get(call->dtype, call->in[0].data, i));
    if (f == EVALUATE_WITH_MESSAGE) return wg_call_fail(call, WG_ERROR_UNSUPPORTED, "no luck with %d", 13);
    if (f == EVALUATE_MESSAGE_ALONE) wg_call_fail(call, WG_ERROR_UNSUPPORTED, "no luck with %d", 14);
    return f == EVALUATE_WITHOUT_MESSAGE ? WG_ERROR_NONFINITE : WG_OK;
}

static void faulty_derivative(wg_derivation *d) { wg_give_term(d, 0, wg_cotangent(d)); }

static const wg_op faulty_op = {
    .name = "faulty", .arity = 1, .shape = faulty_shape, .evaluate = faulty_evaluate, .derivative = faulty_derivative};

static void rules_that_fail(wg_dtype dtype)
{
    const struct {
        fault fault;
        wg_status status;
        const char *message;
    } rows[] = {
        {SHAPE_WITH_MESSAGE, WG_ERROR_SHAPE, "faulty: pixels (2) is too flat"},
        {SHAPE_WITHOUT_MESSAGE, WG_ERROR_ARGUMENT, "faulty: "},
        {SHAPE_MESSAGE_ALONE, WG_ERROR_SHAPE, "faulty: pixels (2) is too flat"},
        {SHAPE_TOO_LARGE, WG_ERROR_SHAPE, "faulty: "},
        {SHAPE_OF_NINE_AXES, WG_ERROR_SHAPE, "faulty: "},
        {EVALUATE_WITH_MESSAGE, WG_ERROR_UNSUPPORTED, "faulty: no luck with 13"},
        {EVALUATE_WITHOUT_MESSAGE, WG_ERROR_NONFINITE, "faulty: "},
        {EVALUATE_MESSAGE_ALONE, WG_ERROR_UNSUPPORTED, "faulty: no luck with 14"},
    };
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = wg_name(vector(t, NUMBERS(1, 2)), "pixels"), s = wg_name(wg_scalar_variable(t, 3), "pixel");
    wg_mark mark = wg_tape_mark(t);
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        size_t settled = 0;
        for (int round = 0; round < 20; round++) {
            wg_var y = wg_apply(t, &faulty_op, &x, 1, &rows[r].fault, sizeof(fault));
            assert_false(wg_ok(y));
            assert_ptr_equal(y.tape, t);
            EXPECT_ERROR(t, rows[r].status, rows[r].message);
            assert_false(wg_ok(wg_apply(t, &faulty_op, &s, 1, &rows[r].fault, sizeof(fault))));
            EXPECT_ERROR(t, rows[r].status, "faulty: ");
            assert_int_equal(nodes_of(t), 2);
            if (round == 1) settled = allocations_of(t);
        }
        assert_int_equal(allocations_of(t), settled);
        fault none = NO_FAULT;
        wg_var y = wg_apply(t, &faulty_op, &x, 1, &none, sizeof none);
        EXPECT_VALUE(y, 0, NUMBERS(1, 2));
        assert_int_equal(wg_tape_rewind(t, mark), WG_OK);
    }
    wg_tape_free(t);
}
IN_BOTH(rules_that_fail)

/* An evaluation that fails in a replay: the op and what follows it read stale, what comes before is fresh. */
static bool pessimist_gives_up;
static wg_status pessimist_evaluate(wg_call *call)
{
    if (pessimist_gives_up) return wg_call_fail(call, WG_ERROR_ARGUMENT, "given up");
    for (size_t i = 0; i < call->in[0].size; i++) put(call->dtype, call->out, i, get(call->dtype, call->in[0].data, i));
    return WG_OK;
}
static const wg_op pessimist_op = {.name = "pessimist",
    .arity = 1,
    .shape = shape_of_first,
    .evaluate = pessimist_evaluate,
    .derivative = faulty_derivative};

static void evaluation_that_fails_in_a_replay(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    pessimist_gives_up = false;
    wg_var x = vector(t, NUMBERS(1, 2)), before = wg_neg(x), y = apply(&pessimist_op, before), after = wg_sum(y);
    assert_int_equal(wg_set_value(x, (double[]){3, 4}), WG_OK);
    pessimist_gives_up = true;
    assert_int_equal(wg_tape_replay(t), WG_ERROR_ARGUMENT);
    EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "pessimist: given up");
    EXPECT_VALUE(before, 0, NUMBERS(-3, -4));
    assert_true(isnan(wg_at(y, 0)));
    EXPECT_ERROR(t, WG_ERROR_STALE, "pessimist");
    assert_true(isnan(wg_item(after)));
    EXPECT_ERROR(t, WG_ERROR_STALE, "sum");
    pessimist_gives_up = false;
    assert_int_equal(wg_tape_replay(t), WG_OK);
    EXPECT_VALUE(after, 0, NUMBERS(-7));
    assert_int_equal(wg_backward(after), WG_OK);
    EXPECT_GRAD(x, 0, NUMBERS(-1, -1));
    wg_tape_free(t);
}
IN_BOTH(evaluation_that_fails_in_a_replay)

/* ---- wg_apply itself -------------------------------------------------------------------------------------------------- */

static const wg_op two_op = {.name = "two", .arity = 2, .shape = shape_of_first, .evaluate = pessimist_evaluate};
static const wg_op nameless_op = {.arity = 1, .shape = shape_of_first, .evaluate = pessimist_evaluate};
static const wg_op shapeless_op = {.name = "shapeless", .arity = 1, .evaluate = pessimist_evaluate};
static const wg_op given_op = {.name = "given", .arity = 1, .shape = shape_of_first};

static void wrong_applications(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype), *other = wg_tape_new(dtype);
    wg_var x = vector(t, NUMBERS(1, 2)), in[3] = {x, x, x}, foreign[2] = {x, wg_scalar(other, 1)};
    pessimist_gives_up = false;
    assert_false(wg_ok(wg_apply(t, NULL, in, 1, NULL, 0)));
    EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "the op is NULL");
    wg_apply(t, &two_op, in, 1, NULL, 0);
    EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "two: takes 2 arguments, was given 1");
    wg_apply(t, &two_op, in, 3, NULL, 0);
    EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "two: takes 2 arguments, was given 3");
    wg_apply(t, &two_op, NULL, 2, NULL, 0);
    EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "two: ");
    wg_apply(t, &two_op, in, 2, NULL, 8);
    EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "attributes are NULL");
    wg_apply(t, &nameless_op, in, 1, NULL, 0);
    EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "name");
    wg_apply(t, &shapeless_op, in, 1, NULL, 0);
    EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "shape rule");
    wg_apply(t, &given_op, in, 1, NULL, 0);
    EXPECT_ERROR(t, WG_ERROR_UNSUPPORTED, "given: ");
    wg_apply(t, &two_op, foreign, 2, NULL, 0);
    EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "two: argument 2 lives on another tape");
    EXPECT_ERROR(other, WG_ERROR_ARGUMENT, "two: ");
    wg_apply(t, &two_op, (wg_var[]){x, {0}}, 2, NULL, 0);
    EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "two: argument 2");
    assert_false(wg_ok(wg_apply(NULL, &two_op, in, 2, NULL, 0)));
    EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "wg_apply: the tape is NULL");
    assert_int_equal(nodes_of(t), 1);
    assert_true(wg_ok(wg_apply(t, &two_op, in, 2, NULL, 0)));

    wg_matmul(x, vector(t, NUMBERS(1, 2, 3))); /* on a tape in error nothing happens */
    assert_false(wg_ok(wg_apply(t, &two_op, in, 2, NULL, 0)));
    assert_false(wg_ok(wg_apply(t, NULL, in, 2, NULL, 0)));
    EXPECT_ERROR(t, WG_ERROR_SHAPE, "matmul");
    wg_tape_free(t);
    wg_tape_free(other);
}
IN_BOTH(wrong_applications)

/* A view that is not a part of its argument, and a lazy op that is not of one argument. */
static wg_status view_shape(wg_call *call)
{
    call->shape = WG_DIMS(((const size_t *)call->attributes)[1]);
    return WG_OK;
}
static size_t view_offset(const wg_call *call) { return ((const size_t *)call->attributes)[0]; }
static const wg_op window_op = {
    .name = "window", .arity = 1, .flags = WG_OP_TAKES_INDICES, .shape = view_shape, .view = view_offset};
static const wg_op baseless_op = {.name = "baseless", .arity = 0, .shape = view_shape, .view = view_offset};
static const wg_op lazy_op = {
    .name = "lazy", .arity = 2, .flags = WG_OP_LAZY, .shape = shape_of_first, .evaluate = pessimist_evaluate};

static void wrong_views(wg_dtype dtype)
{
    const size_t right[][2] = {{0, 3}, {1, 2}, {3, 0}, {2, 1}},
                 wrong[][2] = {{1, 3}, {4, 0}, {3, 1}, {SIZE_MAX - 1, 3}, {0, 4}};
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = vector(t, NUMBERS(1, 2, 3)), i = wg_indices(t, WG_DIMS(3), NULL);
    for (size_t k = 0; k < 4; k++) assert_true(wg_ok(wg_apply(t, &window_op, &x, 1, right[k], sizeof right[k])));
    size_t nodes = nodes_of(t);
    for (size_t k = 0; k < 5; k++) {
        wg_apply(t, &window_op, &x, 1, wrong[k], sizeof wrong[k]);
        EXPECT_ERROR(t, WG_ERROR_SHAPE, "window: its view");
    }
    wg_apply(t, &window_op, &i, 1, right[0], sizeof right[0]); /* integers are no numbers */
    EXPECT_ERROR(t, WG_ERROR_SHAPE, "window: its view");
    wg_apply(t, &baseless_op, NULL, 0, right[0], sizeof right[0]);
    EXPECT_ERROR(t, WG_ERROR_SHAPE, "baseless: its view");
    wg_apply(t, &lazy_op, (wg_var[]){x, x}, 2, NULL, 0);
    EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "lazy");
    assert_int_equal(nodes_of(t), nodes);
    wg_tape_free(t);
}
IN_BOTH(wrong_views)

/* ---- derivatives that are wrong ---------------------------------------------------------------------------------------- */

typedef enum mistake {
    NO_MISTAKE,
    GIVES_ANOTHER_SHAPE, /* (3) to an input of (2) */
    GIVES_TOO_LITTLE,    /* a 0-d number to an input of (2) */
    STEP_OF_NULL,
    GIVE_OF_NULL,
    STEP_WITHOUT_EVALUATION,
    STEP_WITH_WRONG_ARITY,
    STEP_WITH_UNMET_SHAPES,
    STEP_OF_NOTHING,
    ASKS_FOR_ANOTHER_INPUT,
    GIVES_NO_TERM,
    STEP_OF_NINE_TERMS, /* eight is the most */
    STEP_TOO_LARGE,
    NUMBERS_WITHOUT_SHAPE,
    NUMBERS_TOO_LARGE,
    INDICES_AS_NUMBERS,
    LAST_MISTAKE = INDICES_AS_NUMBERS
} mistake;

static mistake mistaken_makes;
static wg_status three_shape(wg_call *call)
{
    call->shape = WG_DIMS(3);
    return WG_OK;
}
static wg_status zeros_evaluate(wg_call *call)
{
    for (size_t i = 0; i < elements(&call->shape); i++) put(call->dtype, call->out, i, 0);
    return WG_OK;
}
static const wg_op three_op = {.name = "three", .arity = 0, .shape = three_shape, .evaluate = zeros_evaluate};
static const wg_op any_op = {
    .name = "any", .arity = WG_ANY_ARITY, .shape = shape_of_first, .evaluate = pessimist_evaluate};
static wg_status vast_shape(wg_call *call)
{
    call->shape = WG_DIMS(SIZE_MAX / 2, 3);
    return WG_OK;
}
static const wg_op vast_op = {.name = "vast", .arity = 1, .shape = vast_shape, .evaluate = zeros_evaluate};

static void mistaken_derivative(wg_derivation *d)
{
    wg_term g = wg_cotangent(d), two[2] = {g, g}, unmet[2] = {g, g}, nine[9] = {g, g, g, g, g, g, g, g, g};
    wg_shape vast = WG_DIMS(SIZE_MAX / 2, 3);
    void *numbers;
    switch (mistaken_makes) {
    case NO_MISTAKE:
        break;
    case GIVES_ANOTHER_SHAPE:
        wg_give(d, 0, &three_op, NULL, 0, NULL, 0);
        break;
    case GIVES_TOO_LITTLE:
        wg_give_term(d, 0, wg_number(d, 2));
        break;
    case STEP_OF_NULL:
        wg_give_term(d, 0, wg_step(d, NULL, two, 1, NULL, 0));
        break;
    case GIVE_OF_NULL:
        wg_give(d, 0, NULL, two, 1, NULL, 0);
        break;
    case STEP_WITHOUT_EVALUATION:
        wg_give_term(d, 0, wg_step(d, &given_op, two, 1, NULL, 0));
        break;
    case STEP_WITH_WRONG_ARITY:
        wg_give_term(d, 0, wg_step(d, wg_op_add(), two, 1, NULL, 0));
        break;
    case STEP_WITH_UNMET_SHAPES:
        unmet[1] = wg_step(d, &three_op, NULL, 0, NULL, 0);
        wg_give(d, 0, wg_op_add(), unmet, 2, NULL, 0);
        break;
    case STEP_OF_NOTHING:
        wg_give_term(d, 0, wg_step(d, wg_op_neg(), NULL, 1, NULL, 0));
        break;
    case ASKS_FOR_ANOTHER_INPUT:
        wg_give_term(d, 0, wg_primal(d, 2));
        break;
    case GIVES_NO_TERM:
        wg_give_term(d, 0, (wg_term){0});
        break;
    case STEP_OF_NINE_TERMS:
        wg_give_term(d, 0, wg_step(d, &any_op, nine, 9, NULL, 0));
        break;
    case STEP_TOO_LARGE:
        wg_give_term(d, 0, wg_step(d, &vast_op, &g, 1, NULL, 0));
        break;
    case NUMBERS_WITHOUT_SHAPE:
        wg_give_term(d, 0, wg_term_of_numbers(d, NULL, &numbers));
        break;
    case NUMBERS_TOO_LARGE:
        wg_give_term(d, 0, wg_term_of_numbers(d, &vast, &numbers));
        break;
    case INDICES_AS_NUMBERS:
        wg_give(d, 0, wg_op_add(), (wg_term[]){g, wg_primal(d, 1)}, 2, NULL, 0);
        break;
    }
    if (mistaken_makes == NO_MISTAKE) wg_give_term(d, 0, g);
}
static const wg_op mistaken_op = {.name = "mistaken",
    .arity = 2,
    .flags = WG_OP_TAKES_INDICES,
    .shape = shape_of_first,
    .evaluate = pessimist_evaluate,
    .derivative = mistaken_derivative};

static void derivatives_that_are_wrong(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    pessimist_gives_up = false;
    wg_var x = vector(t, NUMBERS(1, 2)), i = wg_indices(t, WG_DIMS(2), NULL), y = apply_2(&mistaken_op, wg_neg(x), i),
           f = wg_sum(y), g;
    size_t nodes = nodes_of(t);
    for (int m = GIVES_ANOTHER_SHAPE; m <= LAST_MISTAKE; m++) {
        mistaken_makes = (mistake)m;
        if (wg_backward(f) == WG_OK) fail_msg("mistake %d was not seen in a sweep", m);
        assert_int_not_equal(wg_tape_message(t)[0], 0);
        wg_tape_clear_error(t);
        assert_int_equal(wg_zero_grad(t), WG_OK);
        if (wg_gradients(f, &x, 1, &g) == WG_OK) fail_msg("mistake %d was not seen in a recording", m);
        assert_int_not_equal(wg_tape_message(t)[0], 0);
        wg_tape_clear_error(t);
        assert_int_equal(nodes_of(t), nodes);
        mistaken_makes = NO_MISTAKE;
        assert_int_equal(wg_backward(f), WG_OK);
        EXPECT_GRAD(x, 0, NUMBERS(-1, -1));
        assert_int_equal(wg_zero_grad(t), WG_OK);
    }
    wg_tape_free(t);
}
IN_BOTH(derivatives_that_are_wrong)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(rules_that_fail),
        BOTH(evaluation_that_fails_in_a_replay),
        BOTH(wrong_applications),
        BOTH(wrong_views),
        BOTH(derivatives_that_are_wrong),
    };
    return cmocka_run_group_tests_name("op_errors", tests, NULL, NULL);
}
