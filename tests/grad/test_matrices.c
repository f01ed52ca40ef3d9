/* Hessian-vector products, Jacobians and Hessians: closed forms, every kind of wrt, tall and wide, what is left alone, and
 * failures midway. */
#include "grad/expect.h"
#include "op/numbers.h"
#include "support/memory_probe.h"

enum { MOST = 512 };

/* The matrix as doubles. */
typedef struct matrix {
    double at[MOST];
} matrix;

static matrix widen(wg_dtype dtype, const void *numbers, size_t n)
{
    matrix m;
    assert_true(n <= MOST);
    for (size_t i = 0; i < n; i++) m.at[i] = get(dtype, numbers, i);
    return m;
}

static matrix jacobian_of(wg_var out, const wg_var *wrt, size_t n, size_t size)
{
    double numbers[MOST];
    for (size_t i = 0; i < MOST; i++) numbers[i] = (double)NAN;
    assert_int_equal(wg_jacobian(out, wrt, n, numbers), WG_OK);
    EXPECT_HEALTHY(out.tape);
    return widen(wg_tape_dtype(out.tape), numbers, size);
}

static matrix hessian_of(wg_var scalar, const wg_var *wrt, size_t n, size_t size)
{
    double numbers[MOST];
    for (size_t i = 0; i < MOST; i++) numbers[i] = (double)NAN;
    assert_int_equal(wg_hessian(scalar, wrt, n, numbers), WG_OK);
    EXPECT_HEALTHY(scalar.tape);
    return widen(wg_tape_dtype(scalar.tape), numbers, size);
}

static matrix hvp_of(wg_var scalar, const wg_var *wrt, size_t n, const double *v, size_t size)
{
    double numbers[MOST];
    for (size_t i = 0; i < size; i++) put(wg_tape_dtype(scalar.tape), numbers, i, v[i]);
    assert_int_equal(wg_hvp(scalar, wrt, n, numbers, numbers), WG_OK); /* in place */
    EXPECT_HEALTHY(scalar.tape);
    return widen(wg_tape_dtype(scalar.tape), numbers, size);
}

#define EXPECT_MATRIX(got, tolerance, ...) matrix_is((got).at, tolerance, __VA_ARGS__, __LINE__)
static void matrix_is(const double *got, double tolerance, const double *want, size_t n, int line)
{
    for (size_t i = 0; i < n; i++)
        if (!expect_same(got[i], want[i], tolerance))
            fail_msg("line %d: element %zu is %.17g instead of %.17g", line, i, got[i], want[i]);
}

/* ---- closed forms ---------------------------------------------------------------------------------------------------------- */

/* Polar coordinates: x = r cos p, y = r sin p; J = [cos p, -r sin p; sin p, r cos p]. */
static void polar(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var r = wg_scalar_variable(t, 2), p = wg_scalar_variable(t, 0.5);
    wg_var x = wg_mul(r, wg_cos(p)), y = wg_mul(r, wg_sin(p));
    wg_var both = wg_concat((wg_var[]){wg_reshape(x, WG_DIMS(1)), wg_reshape(y, WG_DIMS(1))}, 2, 0);
    matrix J = jacobian_of(both, (wg_var[]){r, p}, 2, 4);
    EXPECT_MATRIX(J, roundings(dtype, 4), NUMBERS(cos(0.5), -2 * sin(0.5), sin(0.5), 2 * cos(0.5)));
    J = jacobian_of(x, (wg_var[]){p, r, p}, 3, 3); /* one there twice has its columns twice */
    EXPECT_MATRIX(J, roundings(dtype, 4), NUMBERS(-2 * sin(0.5), cos(0.5), -2 * sin(0.5)));
    wg_tape_free(t);
}
IN_BOTH(polar)

/* Rosenbrock's function of two variables, f = 100 (y - x^2)^2 + (1 - x)^2, as scalars and as an array; at (1.5, 2):
 * H = [1200 x^2 - 400 y + 2, -400 x; -400 x, 200]. */
static void rosenbrock(wg_dtype dtype)
{
    const double want[] = {1902, -600, -600, 200};
    wg_tape *t = wg_tape_new(dtype);
    wg_var one = wg_scalar(t, 1), hundred = wg_scalar(t, 100);
    wg_var x = wg_scalar_variable(t, 1.5), y = wg_scalar_variable(t, 2);
    wg_var f = wg_add(wg_mul(hundred, wg_square(wg_sub(y, wg_square(x)))), wg_square(wg_sub(one, x)));
    EXPECT_MATRIX(hessian_of(f, (wg_var[]){x, y}, 2, 4), 0, want, 4);
    EXPECT_MATRIX(hvp_of(f, (wg_var[]){x, y}, 2, (double[]){1, -3}, 2), 0, NUMBERS(1902 + 1800, -600 - 600));
    wg_var v = vector(t, NUMBERS(1.5, 2)), first = wg_slice(v, 0, 0, 1, 1), second = wg_slice(v, 0, 1, 2, 1);
    wg_var g = wg_add(wg_mul(hundred, wg_square(wg_sub(second, wg_square(first)))), wg_square(wg_sub(one, first)));
    EXPECT_MATRIX(hessian_of(g, &v, 1, 4), 0, want, 4); /* size 1, but not 0-d */
    EXPECT_MATRIX(hvp_of(g, &v, 1, (double[]){0, 1}, 2), 0, NUMBERS(-600, 200));
    wg_tape_free(t);
}
IN_BOTH(rosenbrock)

/* f = x^T A y over two arrays: the Hessian is [0, A; A^T, 0]; and of a linear function it is zeros. */
static void blocks(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = vector(t, NUMBERS(1, 2)), y = vector(t, NUMBERS(3, 4, 5));
    wg_var a = wg_constant(t, WG_DIMS(2, 3), (double[]){1, 2, 3, 4, 5, 6}), f = wg_matmul(x, wg_matmul(a, y));
    EXPECT_MATRIX(hessian_of(f, (wg_var[]){x, y}, 2, 25), 0,
        NUMBERS(0, 0, 1, 2, 3, 0, 0, 4, 5, 6, 1, 4, 0, 0, 0, 2, 5, 0, 0, 0, 3, 6, 0, 0, 0));
    EXPECT_MATRIX(hessian_of(wg_sum(x), (wg_var[]){x, y}, 2, 25), 0, (double[25]){0}, 25);
    EXPECT_MATRIX(hvp_of(f, (wg_var[]){y, x}, 2, (double[]){1, 0, 0, 0, 1}, 5), 0, NUMBERS(4, 5, 6, 1, 4));
    wg_tape_free(t);
}
IN_BOTH(blocks)

/* A e^(-b x) at 40 points is taller than MATRICES_TALL times wide, the same at 6 is not: columns e^(-b x), -A x e^(-b x),
 * whichever way they are made. */
static void tall_and_wide(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    double xs[40], want[80];
    for (size_t m = 6; m <= 40; m += 34) {
        for (size_t i = 0; i < m; i++) {
            xs[i] = (double)i / 8;
            want[2 * i] = exp(-0.5 * xs[i]);
            want[2 * i + 1] = -3 * xs[i] * want[2 * i];
        }
        wg_var a = wg_scalar_variable(t, 3), b = wg_scalar_variable(t, 0.5), x = wg_constant_f64(t, WG_DIMS(m), xs);
        wg_var y = wg_mul(a, wg_exp(wg_neg(wg_mul(b, x))));
        size_t before = nodes_of(t);
        EXPECT_MATRIX(jacobian_of(y, (wg_var[]){a, b}, 2, 2 * m), roundings(dtype, 8), want, 2 * m);
        assert_int_equal(nodes_of(t), before);
    }
    wg_tape_free(t);
}
IN_BOTH(tall_and_wide)

/* ---- every kind of wrt ------------------------------------------------------------------------------------------------------ */

/* Constants, intermediates (below which the sweep goes on to what is asked for, and no further), views, later values. */
static void any_value(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = wg_scalar_variable(t, 2), c = wg_scalar(t, 5), h = wg_mul(x, c), y = wg_square(h); /* 100 */
    wg_var later = wg_neg(y);
    EXPECT_MATRIX(jacobian_of(y, (wg_var[]){c, h, x, y, later}, 5, 5), 0, NUMBERS(40, 20, 100, 1, 0));
    EXPECT_MATRIX(jacobian_of(y, &h, 1, 1), 0, NUMBERS(20));
    EXPECT_MATRIX(hessian_of(y, (wg_var[]){c, h}, 2, 4), 0, NUMBERS(8, 4, 4, 2));
    wg_var a = vector(t, NUMBERS(1, 2, 3, 4)), m = wg_reshape(a, WG_DIMS(2, 2)), row = wg_slice(m, 0, 1, 2, 1);
    wg_var f = wg_sum(wg_mul(row, row));
    EXPECT_MATRIX(jacobian_of(f, (wg_var[]){row, m, a}, 3, 10), 0, NUMBERS(6, 8, 0, 0, 6, 8, 0, 0, 6, 8));
    wg_var turned = wg_transpose(m), product = wg_sum(wg_matmul(turned, turned));
    matrix direct = jacobian_of(product, &m, 1, 4), through = jacobian_of(product, &turned, 1, 4);
    EXPECT_MATRIX(direct, 0, NUMBERS(7, 11, 9, 13)); /* d/dT_ab = row sum b + column sum a, T = [1 3; 2 4] */
    EXPECT_MATRIX(through, 0, NUMBERS(7, 9, 11, 13));
    wg_tape_free(t);
}
IN_BOTH(any_value)

/* An op with a derivative that must not be asked for: nothing below the intermediate is wanted. */
static wg_status once_evaluate(wg_call *call)
{
    put(call->dtype, call->out, 0, 7);
    return WG_OK;
}
static const wg_op op_without_derivative = {.name = "opaque", .arity = 1, .shape = shape_0d, .evaluate = once_evaluate};

static void stops_at_the_intermediate(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = wg_scalar_variable(t, 1), h = apply(&op_without_derivative, x), y = wg_square(h);
    EXPECT_MATRIX(jacobian_of(y, &h, 1, 1), 0, NUMBERS(14));
    EXPECT_MATRIX(hessian_of(y, &h, 1, 1), 0, NUMBERS(2));
    double J;
    wg_jacobian(y, &x, 1, &J);
    EXPECT_ERROR(t, WG_ERROR_UNSUPPORTED, "opaque");
    wg_tape_free(t);
}
IN_BOTH(stops_at_the_intermediate)

/* A derivative that is numbers only serves a Jacobian, tall or wide; not a Hessian. */
static void numbers_only(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = wg_scalar_variable(t, 3), known = wg_precomputed(t, 9, &x, (double[]){6}, 1);
    wg_var many = wg_mul(known, constants(t, NUMBERS(1, 2, 3, 4, 5, 6, 7, 8, 9, 10)));
    EXPECT_MATRIX(jacobian_of(known, &x, 1, 1), 0, NUMBERS(6));
    EXPECT_MATRIX(jacobian_of(many, &x, 1, 10), 0, NUMBERS(6, 12, 18, 24, 30, 36, 42, 48, 54, 60));
    double H;
    assert_int_equal(wg_hessian(known, &x, 1, &H), WG_ERROR_UNSUPPORTED);
    EXPECT_ERROR(t, WG_ERROR_UNSUPPORTED, "precomputed");
    wg_tape_free(t);
}
IN_BOTH(numbers_only)

/* ---- what is left alone ------------------------------------------------------------------------------------------------------ */

static void gradients_are_untouched(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = vector(t, NUMBERS(1, 2)), c = wg_scalar(t, 3), s = wg_scalar_variable(t, 4), h = wg_mul(wg_mul(x, c), s);
    wg_var f = wg_sum(wg_square(h));
    double bound[2] = {0, 0}, values[2];
    for (size_t i = 0; i < 2; i++) put(dtype, values, i, (double)i + 1);
    wg_bind(x, values, bound);
    wg_tape_replay(t);
    wg_retain_grad(h);
    wg_backward(f);
    size_t before = nodes_of(t);
    for (int round = 0; round < 2; round++) {
        EXPECT_GRAD(x, 0, NUMBERS(288, 576));
        EXPECT_GRAD(h, 0, NUMBERS(24, 48));
        EXPECT_GRAD(s, 0, NUMBERS(2 * 45 * 4));
        assert_ptr_equal(wg_grad(x), bound);
        if (round) break;
        jacobian_of(h, (wg_var[]){x, c, s, h}, 4, 12);
        hessian_of(f, (wg_var[]){x, c, h}, 3, 25);
        hvp_of(f, &s, 1, (double[]){1}, 1);
        double out;
        wg_jacobian(h, NULL, 1, &out);
        EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "NULL");
    }
    assert_int_equal(nodes_of(t), before);
    assert_null(wg_grad(c)); /* a constant as before */
    EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "");
    wg_backward(f); /* and accumulates as before */
    EXPECT_GRAD(x, 0, NUMBERS(2 * 288, 2 * 576));
    EXPECT_GRAD(h, 0, NUMBERS(48, 96));
    wg_tape_free(t);
}
IN_BOTH(gradients_are_untouched)

/* The sum of a matrix's squares; takes it as it lies, but its derivative, 2 m, looks at every element in its place. */
static wg_status lying_evaluate(wg_call *call)
{
    double sum = 0;
    for (size_t i = 0; i < call->in[0].size; i++) {
        double x = get(call->dtype, call->in[0].data, i);
        sum += x * x;
    }
    put(call->dtype, call->out, 0, sum);
    return WG_OK;
}

static void lying_derivative(wg_derivation *d)
{
    wg_term twice = wg_step(d, wg_op_mul(), (wg_term[]){wg_cotangent(d), wg_number(d, 2)}, 2, NULL, 0);
    wg_give(d, 0, wg_op_mul(), (wg_term[]){twice, wg_primal(d, 0)}, 2, NULL, 0);
}

static const wg_op op_lying = {.name = "lying",
    .arity = 1,
    .flags = WG_OP_TAKES_TRANSPOSED,
    .shape = shape_0d,
    .evaluate = lying_evaluate,
    .derivative = lying_derivative};

/* A transpose that is first evaluated while it is differentiated for keeps its value, and gives the memory back. */
static void lazy_target(wg_dtype dtype)
{
    enum { N = 20, ROUNDS = 100 };
    double numbers[N * N], want[N * N], turned_numbers[N * N];
    size_t bytes[ROUNDS];
    for (size_t i = 0; i < N * N; i++) numbers[i] = (double)i;
    for (size_t i = 0; i < N * N; i++) want[i] = 2 * (turned_numbers[i] = numbers[i % N * N + i / N]);
    wg_tape *t = wg_tape_new(dtype);
    wg_var m = wg_variable(t, WG_DIMS(N, N), numbers);
    wg_mark start = wg_tape_mark(t);
    for (int round = 0; round < ROUNDS; round++) {
        wg_var turned = wg_transpose(m), f = apply(&op_lying, turned);
        EXPECT_MATRIX(jacobian_of(f, &turned, 1, N * N), 0, want, N * N);
        EXPECT_VALUE(turned, 0, turned_numbers, N * N);
        wg_stats stats;
        wg_tape_rewind(t, start);
        wg_tape_stats(t, &stats);
        bytes[round] = stats.bytes_in_use;
    }
    assert_int_equal(bytes[ROUNDS - 1], bytes[0]);
    wg_tape_free(t);
}
IN_BOTH(lazy_target)

/* Very many values, each twice: their columns are, too. */
static void very_many_twice(void **state)
{
    (void)state;
    enum { N = 20000 };
    static wg_var x[2 * N];
    static double row[2 * N];
    wg_tape *t = wg_tape_new(WG_F64);
    wg_var sum = wg_scalar(t, 0);
    for (size_t i = 0; i < N; i++) {
        x[i] = x[2 * N - 1 - i] = wg_scalar_variable(t, 1);
        sum = wg_add(sum, wg_mul(x[i], wg_scalar(t, (double)i)));
    }
    assert_int_equal(wg_jacobian(sum, x, (size_t)2 * N, row), WG_OK);
    for (size_t i = 0; i < N; i++) {
        assert_true(row[i] == (double)i);
        assert_true(row[2 * N - 1 - i] == (double)i);
    }
    wg_tape_free(t);
}

/* The second round allocates nothing. */
static void steady(void **state)
{
    (void)state;
    wg_tape *t = wg_tape_new(WG_F64);
    wg_var x = vector(t, NUMBERS(1, 2, 3)), y = wg_exp(x), f = wg_sum(wg_mul(x, y));
    size_t allocations = 0;
    for (int round = 0; round < 4; round++) {
        if (round == 2) allocations = allocations_of(t);
        hessian_of(f, &x, 1, 9);
        jacobian_of(y, &x, 1, 9);
    }
    assert_int_equal(allocations_of(t), allocations);
    wg_tape_free(t);
}

/* ---- nothing, options, failures ------------------------------------------------------------------------------------------------ */

static void empty(wg_dtype dtype)
{
    wg_tape *t = wg_tape_new(dtype);
    wg_var x = wg_variable_f64(t, WG_DIMS(0), NULL), s = wg_scalar_variable(t, 2), f = wg_add(wg_sum(x), wg_square(s));
    assert_int_equal(wg_jacobian(f, &x, 1, NULL), WG_OK);
    assert_int_equal(wg_jacobian(x, &s, 1, NULL), WG_OK);
    assert_int_equal(wg_hessian(f, NULL, 0, NULL), WG_OK);
    assert_int_equal(wg_hvp(f, NULL, 0, NULL, NULL), WG_OK);
    EXPECT_MATRIX(hessian_of(f, (wg_var[]){x, s}, 2, 1), 0, NUMBERS(2));
    EXPECT_HEALTHY(t);
    wg_tape_free(t);
}
IN_BOTH(empty)

static void errors(void **state)
{
    (void)state;
    double numbers[4] = {0};
    wg_tape *t = wg_tape_new(WG_F64);
    wg_var x = vector(t, NUMBERS(1, 2)), y = wg_exp(x), f = wg_sum(y);
    wg_hessian(y, &x, 1, numbers);
    EXPECT_ERROR(t, WG_ERROR_SHAPE, "size 1");
    wg_hvp(y, &x, 1, numbers, numbers);
    EXPECT_ERROR(t, WG_ERROR_SHAPE, "wg_hvp");
    wg_hvp(f, &x, 1, NULL, numbers);
    EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "direction is NULL");
    wg_hvp(f, &x, 1, numbers, NULL);
    EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "result is NULL");
    wg_jacobian(y, &x, 1, NULL);
    EXPECT_ERROR(t, WG_ERROR_ARGUMENT, "result is NULL");
    assert_int_equal(wg_jacobian((wg_var){0}, &x, 1, numbers), WG_ERROR_ARGUMENT);
    assert_int_equal(wg_hvp((wg_var){0}, &x, 1, numbers, numbers), WG_ERROR_ARGUMENT);
    wg_tape_free(t);
}

static void not_finite(wg_dtype dtype)
{
    double J[2];
    wg_tape *t = wg_tape_new_with(&(wg_tape_options){.dtype = dtype, .check_finite = true}, NULL);
    wg_var x = wg_name(vector(t, NUMBERS(4, 0)), "x"), y = wg_sum(wg_sqrt(x));
    wg_jacobian(y, &x, 1, J);
    EXPECT_ERROR(t, WG_ERROR_NONFINITE, "element 1 of x");
    wg_set_value(x, ((double[]){4, 1}));
    wg_tape_replay(t);
    EXPECT_MATRIX(jacobian_of(y, &x, 1, 2), 0, NUMBERS(0.25, 0.5));
    wg_tape_free(t);
}
IN_BOTH(not_finite)

/* Every allocation fails in turn; the tape is as it was: afterwards all comes out right. */
static void out_of_memory(void **state)
{
    (void)state;
    size_t failed = 0;
    for (size_t at = 1;; at++) {
        memory_probe probe = {0};
        wg_tape *t =
            wg_tape_new_with(&(wg_tape_options){.dtype = WG_F64, .allocator = memory_probe_allocator(&probe)}, NULL);
        wg_var x = vector(t, NUMBERS(1, 2, 3)), s = wg_scalar_variable(t, 2), h = wg_mul(wg_exp(wg_mul(x, s)), x);
        wg_var f = wg_sum(h);
        double H[16], J[12], v[4] = {1, 1, 1, 1}, out[4];
        probe.fail_at = probe.calls + at;
        bool fine = wg_hessian(f, (wg_var[]){x, s}, 2, H) == WG_OK && wg_jacobian(h, (wg_var[]){x, s}, 2, J) == WG_OK &&
                    wg_hvp(f, (wg_var[]){x, s}, 2, v, out) == WG_OK;
        bool reached = probe.calls >= probe.fail_at; /* fine all the same where a smaller block did */
        if (!fine) {
            failed++;
            EXPECT_ERROR(t, WG_ERROR_MEMORY, "");
        }
        probe.fail_at = 0;
        wg_backward(f);
        EXPECT_GRAD(x, 1e-14, NUMBERS(3 * exp(2), 5 * exp(4), 7 * exp(6)));
        wg_tape_free(t);
        memory_probe_end(&probe);
        if (!reached) {
            assert_true(fine);
            break;
        }
    }
    print_message("%zu allocations failed in turn\n", failed);
    assert_true(failed > 0);
}

/* In a buffer of any size that is enough for the program, each of them comes out right or fails for want of memory; the tape
 * is as it was in either case. */
static void in_a_buffer(void **state)
{
    (void)state;
    enum { MOST_BYTES = 1 << 16 };
    static double buffer[MOST_BYTES / sizeof(double)];
    const double want_H[16] = {3, 0, 0, 3, 0, 6, 0, 12, 0, 0, 9, 27, 3, 12, 27, 0}, v[4] = {0, 0, 0, 1};
    const double want_J[12] = {1, 0, 0, 1, 0, 2, 0, 4, 0, 0, 3, 9};
    size_t failed = 0, fine = 0;
    for (size_t bytes = 2048; bytes <= MOST_BYTES; bytes += 512) {
        wg_tape *t =
            wg_tape_new_with(&(wg_tape_options){.dtype = WG_F64, .buffer = buffer, .buffer_size = bytes}, NULL);
        if (!t) continue;
        wg_var x = wg_variable_f64(t, WG_DIMS(3), (double[]){1, 2, 3}), s = wg_scalar_variable(t, 0.5),
               h = wg_mul(wg_square(x), s);
        wg_var f = wg_sum(wg_mul(h, x)), wrt[] = {x, s}; /* s x^3 */
        bool ready = wg_tape_status(t) == WG_OK;
        for (int round = 0; round < 6 && ready; round++) {
            double H[16], J[12], Hv[4];
            size_t before = nodes_of(t);
            wg_status status = round % 3 == 0   ? wg_hessian(f, wrt, 2, H)
                               : round % 3 == 1 ? wg_jacobian(h, wrt, 2, J)
                                                : wg_hvp(f, wrt, 2, v, Hv);
            status == WG_OK ? fine++ : failed++;
            if (status != WG_OK) EXPECT_ERROR(t, WG_ERROR_MEMORY, "");
            if (status == WG_OK && round % 3 == 0) matrix_is(H, 1e-15, want_H, 16, __LINE__);
            if (status == WG_OK && round % 3 == 1) matrix_is(J, 1e-15, want_J, 12, __LINE__);
            if (status == WG_OK && round % 3 == 2) matrix_is(Hv, 1e-15, want_H + 12, 4, __LINE__);
            assert_int_equal(nodes_of(t), before);
            EXPECT_VALUE(f, 0, NUMBERS(18));
            EXPECT_GRAD(x, 0, NUMBERS(0, 0, 0));
            EXPECT_GRAD(s, 0, NUMBERS(0));
        }
        wg_tape_free(t);
    }
    print_message("%zu failed, %zu did not\n", failed, fine);
    assert_true(failed > 0 && fine > 0);
}

/* A tall matrix is swept where there is no memory to record its columns. */
static void tall_in_a_buffer(void **state)
{
    (void)state;
    enum { ROWS = 64, MOST_BYTES = 1 << 17 };
    static double buffer[MOST_BYTES / sizeof(double)];
    size_t swept = 0;
    for (size_t bytes = 8192; bytes <= MOST_BYTES; bytes += 1024) {
        double J[ROWS];
        wg_tape *t =
            wg_tape_new_with(&(wg_tape_options){.dtype = WG_F64, .buffer = buffer, .buffer_size = bytes}, NULL);
        if (!t) continue;
        wg_var a = wg_scalar_variable(t, 1), one = wg_scalar(t, 1), tangent;
        wg_var y = wg_add(a, wg_constant_f64(t, WG_DIMS(ROWS), NULL));
        for (int i = 0; i < 10; i++) y = wg_square(y);
        bool ready = wg_tape_status(t) == WG_OK, done = ready && wg_jacobian(y, &a, 1, J) == WG_OK;
        for (size_t i = 0; i < ROWS && done; i++) assert_true(J[i] == 1024);
        swept += done && wg_jvp(y, &a, &one, 1, &tangent) == WG_ERROR_MEMORY;
        wg_tape_free(t);
    }
    print_message("%zu were swept\n", swept);
#ifndef WG_STRESS /* there, what the columns took in tiny blocks is kept by the tape, and nothing is left */
    assert_true(swept > 0);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {BOTH(polar), BOTH(rosenbrock), BOTH(blocks), BOTH(tall_and_wide),
        BOTH(any_value), BOTH(stops_at_the_intermediate), BOTH(numbers_only), BOTH(gradients_are_untouched),
        BOTH(lazy_target), cmocka_unit_test(very_many_twice), cmocka_unit_test(steady), BOTH(empty),
        cmocka_unit_test(errors), BOTH(not_finite), cmocka_unit_test(out_of_memory), cmocka_unit_test(in_a_buffer),
        cmocka_unit_test(tall_in_a_buffer)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
