/* wg_sgd_step: the values after it are those after wg_backward and value -= rate * gradient, to rounding, however a variable
 * is used; gradients are left alone; what fails changes nothing.
 *
 * Two tapes record the same program. On one the step is fused; on the other the gradients of a plain sweep are subtracted in
 * double precision. A value may differ by a few roundings of the sizes that enter it: |value| + |rate gradient|, times the
 * handful of terms that these gradients are sums of. */
#include "grad/expect.h"
#include "support/memory_probe.h"

enum { MOST = 8, ELEMENTS = 256 };

/* The variables of a program, and the loss. */
typedef struct training {
    wg_tape *tape;
    wg_var v[MOST], loss;
    size_t n;
} training;

typedef void (*program)(training *t);

static double some(size_t i) { return sin(1.3 * (double)i + 0.7) * 0.8; }

static wg_var fresh(training *t, wg_shape shape)
{
    double values[ELEMENTS];
    size_t size = 1;
    for (uint32_t k = 0; k < shape.rank; k++) size *= shape.dim[k];
    assert_true(size <= ELEMENTS && t->n < MOST);
    for (size_t i = 0; i < size; i++) values[i] = some(i + 17 * t->n);
    return t->v[t->n++] = wg_variable_f64(t->tape, shape, values);
}

static wg_var fixed(const training *t, wg_shape shape)
{
    double values[ELEMENTS];
    for (size_t i = 0; i < ELEMENTS; i++) values[i] = some(i * 7 + 3);
    return wg_constant_f64(t->tape, shape, values);
}

/* ---- programs ---------------------------------------------------------------------------------------------------------- */

/* Wide layers: the weights are larger than what reaches them, so products are added straight to them. */
static void network(training *t)
{
    wg_var x = fixed(t, WG_DIMS(9, 3)), y = fixed(t, WG_DIMS(2, 3));
    wg_var w1 = fresh(t, WG_DIMS(8, 9)), b1 = fresh(t, WG_DIMS(8, 1));
    wg_var w2 = fresh(t, WG_DIMS(2, 8)), b2 = fresh(t, WG_DIMS(2, 1));
    wg_var a = wg_sigmoid(wg_add(wg_matmul(w1, x), b1));
    t->loss = wg_mse(wg_sigmoid(wg_add(wg_matmul(w2, a), b2)), y, WG_BATCH_MEAN);
}

/* One matrix, three times, once transposed, once as part of itself. */
static void shared(training *t)
{
    wg_var x = fixed(t, WG_DIMS(6, 2)), w = fresh(t, WG_DIMS(6, 6));
    wg_var a = wg_tanh(wg_matmul(w, x)), b = wg_tanh(wg_matmul(w, a));
    wg_var c = wg_matmul(wg_transpose(w), b), top = wg_slice(w, 0, 1, 4, 1);
    t->loss = wg_add(wg_sum(wg_square(c)), wg_sum(wg_square(wg_matmul(top, b))));
}

/* Products of variables: each change is made of the other's value as it was. */
static void product_of_variables(training *t)
{
    wg_var a = fresh(t, WG_DIMS(3, 9)), b = fresh(t, WG_DIMS(9, 2)), c = fresh(t, WG_DIMS(9, 3));
    wg_var first = wg_matmul(a, b), second = wg_matmul(wg_transpose(c), b);
    t->loss = wg_add(wg_sum(wg_mul(wg_add(first, second), first)), wg_sum(wg_square(wg_matmul(a, c))));
}

/* The adjoint that a product keeps is also handed on, and added to. */
static void kept_and_passed(training *t)
{
    wg_var x = fixed(t, WG_DIMS(8, 2)), w = fresh(t, WG_DIMS(5, 8)), u = fresh(t, WG_DIMS(5, 8));
    wg_var p = wg_matmul(w, x), q = wg_matmul(u, x), s = wg_add(p, q);
    t->loss = wg_sum(wg_mul(wg_square(s), wg_exp(p)));
}

static void numbers(training *t)
{
    wg_var a = fresh(t, WG_SCALAR), b = fresh(t, WG_SCALAR), x = fresh(t, WG_DIMS(3));
    wg_var y = wg_mul(wg_sin(wg_mul(a, b)), wg_exp(a));
    t->loss = wg_add(y, wg_sum(wg_mul(x, wg_mul(b, wg_scalar(t->tape, 2)))));
}

static void views(training *t)
{
    wg_var x = fresh(t, WG_DIMS(12)), y = fresh(t, WG_DIMS(2, 3));
    wg_var a = wg_reshape(x, WG_DIMS(3, 4)), rows = wg_slice(a, 0, 0, 2, 1), columns = wg_slice(a, 1, 1, 4, 2);
    wg_var total = wg_add(wg_sum(wg_square(rows)), wg_sum(wg_exp(columns)));
    t->loss = wg_add(total, wg_add(wg_sum(x), wg_sum(wg_mul(wg_flatten(y, 0, -1), wg_flatten(y, 0, -1)))));
}

static wg_var layer(wg_tape *tape, void *user, const wg_var *in, size_t n)
{
    (void)tape;
    (void)user;
    (void)n;
    return wg_tanh(wg_add(wg_matmul(in[0], in[1]), in[2]));
}

static void checkpointed(training *t)
{
    wg_var w = fresh(t, WG_DIMS(7, 7)), b = fresh(t, WG_SCALAR), x = fixed(t, WG_DIMS(7, 2));
    for (int k = 0; k < 3; k++) x = wg_checkpoint(t->tape, layer, NULL, (wg_var[]){w, x, b}, 3);
    t->loss = wg_mean(wg_square(x));
}

/* The loss is a variable; another does not take part. */
static void itself(training *t)
{
    t->loss = fresh(t, WG_DIMS(1, 1));
    fresh(t, WG_DIMS(2));
}

static void itself_number(training *t) { t->loss = fresh(t, WG_SCALAR); }

/* A batch of products, summed over it; gathered rows; an empty variable. */
static void others(training *t)
{
    wg_var w = fresh(t, WG_DIMS(4, 5)), e = fresh(t, WG_DIMS(6, 2)), none = fresh(t, WG_DIMS(0, 3));
    wg_var stack = fixed(t, WG_DIMS(2, 5, 1)), rows = wg_indices(t->tape, WG_DIMS(3), (int64_t[]){5, 0, 5});
    wg_var total = wg_add(wg_sum(wg_square(wg_matmul(w, stack))), wg_sum(wg_square(wg_take(e, rows, 0))));
    t->loss = wg_add(total, wg_sum(none));
}

static const program programs[] = {network, shared, product_of_variables, kept_and_passed, numbers, views, checkpointed,
    itself, itself_number, others};
enum { PROGRAMS = sizeof programs / sizeof *programs };

static training start(const wg_tape_options *options, program record)
{
    training t = {.tape = wg_tape_new_with(options, NULL)};
    record(&t);
    EXPECT_HEALTHY(t.tape);
    return t;
}

/* ---- the same as a sweep and an update ----------------------------------------------------------------------------------- */

static void expect_step(const training *fused, const training *plain, double rate, const char *file, int line)
{
    wg_dtype dtype = wg_tape_dtype(plain->tape);
    for (size_t k = 0; k < plain->n; k++)
        for (size_t i = 0; i < wg_size(plain->v[k]); i++) {
            double value = wg_at(plain->v[k], i), change = rate * wg_grad_at(plain->v[k], i);
            double allowed = roundings(dtype, 16) * (fabs(value) + fabs(change) + fabs(rate));
            double got = wg_at(fused->v[k], i);
            if (fabs(got - (value - change)) <= allowed) continue;
            print_error("variable %zu, element %zu: %.17g instead of %.17g\n", k, i, got, value - change);
            _fail(file, line);
        }
}
#define EXPECT_STEP(fused, plain, rate) expect_step(fused, plain, rate, __FILE__, __LINE__)

static void one_step(wg_dtype dtype)
{
    for (size_t p = 0; p < PROGRAMS; p++)
        for (int finite = 0; finite < 2; finite++) {
            wg_tape_options options = {.dtype = dtype, .check_finite = finite};
            training fused = start(&options, programs[p]), plain = start(&options, programs[p]);
            assert_int_equal(wg_backward(plain.loss), WG_OK);
            assert_int_equal(wg_sgd_step(fused.loss, 0.125), WG_OK);
            EXPECT_HEALTHY(fused.tape);
            EXPECT_STEP(&fused, &plain, 0.125);
            wg_tape_free(fused.tape);
            wg_tape_free(plain.tape);
        }
}
IN_BOTH(one_step)

static void minus_gradient(const training *t, double rate)
{
    for (size_t k = 0; k < t->n; k++) {
        double values[ELEMENTS];
        for (size_t i = 0; i < wg_size(t->v[k]); i++) values[i] = wg_at(t->v[k], i) - rate * wg_grad_at(t->v[k], i);
        if (wg_size(t->v[k])) assert_int_equal(wg_set_value_f64(t->v[k], values), WG_OK);
    }
}

/* Ten steps by replay, upwards and downwards; after the first, nothing is allocated. */
static void many_steps(wg_dtype dtype)
{
    for (size_t p = 0; p < PROGRAMS; p++) {
        wg_tape_options options = {.dtype = dtype};
        training fused = start(&options, programs[p]), plain = start(&options, programs[p]);
        size_t settled = 0;
        for (int step = 0; step < 10; step++) {
            double rate = step % 3 == 2 ? -0.01 : 0.02;
            assert_int_equal(wg_backward(plain.loss), WG_OK);
            minus_gradient(&plain, rate);
            wg_zero_grad(plain.tape);
            assert_int_equal(wg_tape_replay(plain.tape), WG_OK);
            assert_int_equal(wg_sgd_step(fused.loss, rate), WG_OK);
            assert_int_equal(wg_tape_replay(fused.tape), WG_OK);
            if (step == 1) settled = allocations_of(fused.tape);
        }
        assert_int_equal(allocations_of(fused.tape), settled);
        for (size_t k = 0; k < plain.n; k++)
            for (size_t i = 0; i < wg_size(plain.v[k]); i++)
                EXPECT_CLOSE(wg_at(fused.v[k], i) + 4, wg_at(plain.v[k], i) + 4, roundings(dtype, 100));
        wg_tape_free(fused.tape);
        wg_tape_free(plain.tape);
    }
}
IN_BOTH(many_steps)

/* ---- what is left alone ------------------------------------------------------------------------------------------------ */

static void gradients_are_left_alone(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = vector(t, NUMBERS(1, 2)), s = wg_scalar_variable(t, 3), y = wg_mul(x, s), z = wg_square(y);
    wg_var loss = wg_sum(z);
    wg_retain_grad(y);
    assert_int_equal(wg_backward(loss), WG_OK);
    assert_int_equal(wg_sgd_step(loss, 0.5), WG_OK);
    EXPECT_GRAD(x, 0, NUMBERS(18, 36)); /* 2 y s */
    EXPECT_GRAD(s, 0, NUMBERS(30));     /* 2 y . x */
    EXPECT_GRAD(y, 0, NUMBERS(6, 12));
    EXPECT_VALUE(x, 0, NUMBERS(-8, -16));
    EXPECT_VALUE(s, 0, NUMBERS(-12));
    wg_at(y, 0);
    EXPECT_ERROR(t, WG_ERROR_STALE, "stale");
    assert_int_equal(wg_sgd_step(loss, 0.5), WG_ERROR_STALE);
    EXPECT_ERROR(t, WG_ERROR_STALE, "wg_sgd_step");
    assert_int_equal(wg_tape_replay(t), WG_OK);
    EXPECT_VALUE(y, 0, NUMBERS(96, 192));
    assert_int_equal(wg_sgd_step(loss, 0), WG_OK); /* nothing changes, and nothing is stale */
    EXPECT_VALUE(y, 0, NUMBERS(96, 192));
    wg_tape_free(t);
}
IN_BOTH(gradients_are_left_alone)

static void nothing_to_change(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = vector(t, NUMBERS(1, 2)), c = constants(t, NUMBERS(3, 4));
    assert_int_equal(wg_sgd_step(wg_sum(c), 1), WG_OK);
    assert_int_equal(wg_sgd_step(wg_sum(wg_detach(x)), 1), WG_OK);
    assert_int_equal(wg_sgd_step(wg_scalar(t, 2), 1), WG_OK);
    EXPECT_VALUE(x, 0, NUMBERS(1, 2));
    wg_tape_free(t);
}
IN_BOTH(nothing_to_change)

/* ---- what fails -------------------------------------------------------------------------------------------------------- */

static wg_var tape_of_busy;

static wg_status busy_shape(wg_call *call)
{
    assert_int_equal(wg_sgd_step(tape_of_busy, 1), WG_ERROR_ARGUMENT);
    call->shape = *call->in[0].shape;
    return WG_OK;
}

static wg_status broken_evaluate(wg_call *call)
{
    memset(call->out, 0, call->in[0].size * (call->dtype == WG_F64 ? sizeof(double) : sizeof(float)));
    return WG_OK;
}

static void misuse(wg_dtype dtype)
{
    static const wg_op busy = {.name = "busy", .arity = 1, .shape = busy_shape, .evaluate = broken_evaluate};
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = vector(t, NUMBERS(1, 2)), loss = wg_sum(x), rows = wg_indices(t, WG_SCALAR, (int64_t[]){1});
    const double rates[] = {(double)NAN, (double)INFINITY, -(double)INFINITY, dtype == WG_F64 ? (double)NAN : 1e300};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(wg_sgd_step(loss, rates[i]), WG_ERROR_ARGUMENT);
        EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "wg_sgd_step: the rate");
    }
    assert_int_equal(wg_sgd_step(x, 1), WG_ERROR_SHAPE);
    EXPECT_ERROR(t, WG_ERROR_SHAPE, "wg_sgd_step: the loss (2) does not have size 1");
    assert_int_equal(wg_sgd_step(rows, 1), WG_ERROR_ARGUMENT);
    EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "wg_sgd_step: () holds indices");
    assert_int_equal(wg_sgd_step((wg_var){0}, 1), WG_ERROR_ARGUMENT);
    assert_int_equal(wg_sgd_step((wg_var){t, 1000, 1}, 1), WG_ERROR_ARGUMENT);
    EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "wg_sgd_step");
    tape_of_busy = loss;
    wg_apply(t, &busy, &x, 1, NULL, 0);
    EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "wg_sgd_step: the tape is busy");
    EXPECT_VALUE(x, 0, NUMBERS(1, 2));
    EXPECT_VALUE(loss, 0, NUMBERS(3));
    wg_tape_free(t);
}
IN_BOTH(misuse)

/* Values and gradients as before; nothing stale. */
static void expect_untouched(const training *t, const training *other)
{
    for (size_t k = 0; k < t->n; k++)
        for (size_t i = 0; i < wg_size(t->v[k]); i++) {
            EXPECT_CLOSE(wg_at(t->v[k], i), wg_at(other->v[k], i), 0);
            EXPECT_CLOSE(wg_grad_at(t->v[k], i), 0, 0);
        }
    EXPECT_CLOSE(wg_item(t->loss), wg_item(other->loss), 0);
    EXPECT_HEALTHY(t->tape);
}

/* The op has no derivative. Above it a product waits, a gradient is complete, and a number is reached. */
static wg_status plain_shape(wg_call *call)
{
    call->shape = *call->in[0].shape;
    return WG_OK;
}

static void failing(training *t)
{
    static const wg_op broken = {.name = "broken", .arity = 1, .shape = plain_shape, .evaluate = broken_evaluate};
    wg_var x = fresh(t, WG_DIMS(8, 2)), w = fresh(t, WG_DIMS(5, 8)), s = fresh(t, WG_SCALAR),
           b = fresh(t, WG_DIMS(5, 1));
    wg_var a = wg_apply(t->tape, &broken, &x, 1, NULL, 0);
    t->loss = wg_sum(wg_mul(wg_add(wg_matmul(w, a), b), s));
}

static void a_sweep_that_fails(wg_dtype dtype)
{
    wg_tape_options options = {.dtype = dtype};
    training t = start(&options, failing), other = start(&options, failing);
    for (int round = 0; round < 3; round++) {
        assert_int_equal(wg_sgd_step(t.loss, 1), WG_ERROR_UNSUPPORTED);
        EXPECT_ERROR(t.tape, WG_ERROR_UNSUPPORTED, "broken: it has no derivative");
        expect_untouched(&t, &other);
    }
    wg_tape_free(t.tape);
    wg_tape_free(other.tape);
}
IN_BOTH(a_sweep_that_fails)

/* The square root's derivative at 0 is infinite; w's change comes first. */
static void not_finite(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new_with(&(wg_tape_options){.dtype = dtype, .check_finite = true}, NULL);
    wg_var x = vector(t, NUMBERS(0, 1)), w = vector(t, NUMBERS(1, 1)), loss = wg_sum(wg_add(wg_sqrt(x), wg_mul(w, w)));
    assert_int_equal(wg_sgd_step(loss, 1), WG_ERROR_NONFINITE);
    EXPECT_ERROR(t, WG_ERROR_NONFINITE, "wg_sgd_step: element 0 of the change of leaf (2) is not finite");
    EXPECT_VALUE(x, 0, NUMBERS(0, 1));
    EXPECT_VALUE(w, 0, NUMBERS(1, 1));
    EXPECT_GRAD(w, 0, NUMBERS(0, 0));
    wg_tape_free(t);
}
IN_BOTH(not_finite)

/* Every allocation of the step fails in turn. A caller's allocator makes the tape reserve its memory before. */
static void memory_that_ends(wg_dtype dtype)
{
    for (size_t p = 0; p < PROGRAMS; p++)
        for (size_t fail = 1, failed = 1; failed; fail++) {
            memory_probe probe = {0};
            wg_tape_options options = {.dtype = dtype, .allocator = memory_probe_allocator(&probe)};
            training t = start(&options, programs[p]), other = start(&(wg_tape_options){.dtype = dtype}, programs[p]);
            probe.fail_at = probe.calls + fail;
            wg_status status = wg_sgd_step(t.loss, 0.125);
            failed = probe.refused;
            if (status != WG_OK) {
                EXPECT_ERROR(t.tape, WG_ERROR_MEMORY, "memory is exhausted");
                expect_untouched(&t, &other);
                assert_int_equal(wg_sgd_step(t.loss, 0.125), WG_OK);
            }
            assert_int_equal(wg_backward(other.loss), WG_OK);
            EXPECT_STEP(&t, &other, 0.125);
            wg_tape_free(t.tape);
            wg_tape_free(other.tape);
            memory_probe_end(&probe);
        }
}
IN_BOTH(memory_that_ends)

int main(void)
{
    const struct CMUnitTest tests[] = {BOTH(one_step), BOTH(many_steps), BOTH(gradients_are_left_alone),
        BOTH(nothing_to_change), BOTH(misuse), BOTH(a_sweep_that_fails), BOTH(not_finite), BOTH(memory_that_ends)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
