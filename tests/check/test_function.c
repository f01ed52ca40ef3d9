/* Checking functions whose derivative is wrong: each flaw is found, and at the right entry, order and way. */
#include "wengert.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- an op with a flaw: y = x^3 / 3, elementwise ------------------------------------------------------------------------ */

typedef enum flaw {
    FLAW_NONE,
    FLAW_FACTOR,       /* 0.05 % too large */
    FLAW_SIGN,         /* of the whole */
    FLAW_SIGN_OF_ONE,  /* of one entry */
    FLAW_NAN_IN_ONE,   /* NaN there */
    FLAW_SECOND_ORDER, /* x^2 is recorded as a constant */
    FLAW_RECORDING,    /* what is recorded is another derivative */
    FLAW_FLOATS,       /* 0.05 % too large in floats alone */
    FLAW_DOUBLES,      /* and in doubles alone */
    FLAW_OVERWRITES,   /* where it should add */
    FLAW_ADDS_TWICE,   /* where it should add once */
    FLAW_FACTOR_OF_ONE /* one entry is 0.05 % too large */
} flaw;

typedef struct cube {
    flaw flaw;
    size_t entry;
} cube;

static wg_status cube_shape(wg_call *call)
{
    call->shape = *call->in[0].shape;
    return WG_OK;
}

static wg_status cube_evaluate(wg_call *call)
{
    for (size_t i = 0; i < call->in[0].size; i++)
        if (call->dtype == WG_F64) {
            double x = ((const double *)call->in[0].data)[i];
            ((double *)call->out)[i] = x * x * x / 3;
        } else {
            float x = ((const float *)call->in[0].data)[i];
            ((float *)call->out)[i] = x * x * x / 3;
        }
    return WG_OK;
}

/* In steps: g x x. */
static void cube_by_rule(wg_derivation *d)
{
    const cube *c = wg_derivation_call(d)->attributes;
    wg_term g = wg_cotangent(d), x = wg_primal(d, 0);
    wg_term square = wg_step(d, wg_op_mul(), (wg_term[]){x, x}, 2, NULL, 0);
    bool other = c->flaw == FLAW_RECORDING && wg_recording(d);
    double k = c->flaw == FLAW_FACTOR ? 1.0005 : c->flaw == FLAW_SIGN ? -1 : other ? 2 : 1;
    if (c->flaw == FLAW_SECOND_ORDER && wg_recording(d)) square = wg_term_of_var(d, wg_detach(wg_term_var(d, square)));
    if (k != 1) square = wg_step(d, wg_op_mul(), (wg_term[]){square, wg_number(d, k)}, 2, NULL, 0);
    wg_give(d, 0, wg_op_mul(), (wg_term[]){g, square}, 2, NULL, 0);
}

static double cube_slope(const cube *c, wg_dtype dtype, size_t i, double x)
{
    if (c->flaw == FLAW_FACTOR || (c->flaw == FLAW_FLOATS && dtype == WG_F32)) return 1.0005 * x * x;
    if (c->flaw == FLAW_DOUBLES && dtype == WG_F64) return 1.0005 * x * x;
    if (c->flaw == FLAW_SIGN || (c->flaw == FLAW_SIGN_OF_ONE && i == c->entry)) return -x * x;
    if (c->flaw == FLAW_NAN_IN_ONE && i == c->entry) return NAN;
    if (c->flaw == FLAW_FACTOR_OF_ONE && i == c->entry) return 1.0005 * x * x;
    return x * x;
}

static void cube_in_numbers(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    const cube *c = call->attributes;
    bool add;
    void *out = wg_give_numbers(d, 0, &add);
    const void *g = wg_term_numbers(d, wg_cotangent(d)), *x = wg_term_numbers(d, wg_primal(d, 0));
    for (size_t i = 0; out && i < call->in[0].size; i++) {
        bool doubles = call->dtype == WG_F64;
        double before = !add ? 0 : doubles ? ((double *)out)[i] : (double)((float *)out)[i];
        double gi = doubles ? ((const double *)g)[i] : (double)((const float *)g)[i];
        double xi = doubles ? ((const double *)x)[i] : (double)((const float *)x)[i];
        double slope = gi * cube_slope(c, call->dtype, i, xi);
        if (add && c->flaw == FLAW_OVERWRITES) before = 0;
        if (add && c->flaw == FLAW_ADDS_TWICE) before += slope;
        if (doubles)
            ((double *)out)[i] = before + slope;
        else
            ((float *)out)[i] = (float)(before + slope);
    }
}

static const wg_op cube_rule = {.name = "cube",
    .arity = 1,
    .flags = WG_OP_ELEMENTWISE,
    .shape = cube_shape,
    .evaluate = cube_evaluate,
    .derivative = cube_by_rule};
static const wg_op cube_numbers = {
    .name = "cube", .arity = 1, .shape = cube_shape, .evaluate = cube_evaluate, .derivative = cube_in_numbers};
static const wg_op cube_not_linear = {.name = "cube",
    .arity = 1,
    .flags = WG_OP_LINEAR,
    .shape = cube_shape,
    .evaluate = cube_evaluate,
    .derivative = cube_by_rule};
static const wg_op cube_without = {.name = "cube", .arity = 1, .shape = cube_shape, .evaluate = cube_evaluate};

typedef struct setting {
    const wg_op *op;
    cube cube;
    size_t runs;
} setting;

static wg_var setting_run(wg_tape *tape, void *user, const wg_var *in, size_t n)
{
    setting *s = user;
    s->runs++;
    return wg_apply(tape, s->op, in, n, &s->cube, sizeof s->cube);
}

/* ---- running a check ------------------------------------------------------------------------------------------------------ */

static double numbers_at(size_t i) { return 1.5 + sin(1.7 * (double)i + 0.3); }

static wg_function_report check_with(
    wg_function f, void *user, wg_dtype dtype, wg_shape shape, const wg_function_options *options)
{
    wg_tape *tape = wg_tape_new(dtype);
    size_t size = 1;
    for (size_t k = 0; k < shape.rank; k++) size *= shape.dim[k];
    double *x = malloc(size * sizeof *x);
    for (size_t i = 0; i < size; i++) x[i] = (float)numbers_at(i);
    wg_var in = wg_name(wg_variable_f64(tape, shape, x), "X");
    wg_function_report report;
    assert_int_equal(wg_check_function(f, user, &in, 1, options, &report), WG_OK);
    assert_int_equal(wg_tape_status(tape), WG_OK);
    assert_non_null(memchr(report.message, 0, sizeof report.message));
    free(x);
    wg_tape_free(tape);
    return report;
}

static wg_function_report check_cube(const wg_op *op, flaw which, size_t entry, wg_dtype dtype, wg_shape shape)
{
    setting s = {op, {which, entry}, 0};
    wg_function_report report = check_with(setting_run, &s, dtype, shape, NULL);
    assert_true(report.evaluations <= s.runs);
    return report;
}

static void assert_wrong(const wg_function_report *r, unsigned order, const char *way, double ratio)
{
    if (r->verdict != WG_FUNCTION_WRONG || r->order != order || strcmp(r->way, way)) print_error("%s\n", r->message);
    assert_int_equal(r->verdict, WG_FUNCTION_WRONG);
    assert_int_equal(r->order, order);
    assert_string_equal(r->way, way);
    assert_true(r->wrong >= 1);
    assert_true(fabs(r->recorded - ratio * r->difference) <= r->tolerance + r->error);
    assert_int_equal(strncmp(r->message, "wrong: ", 7), 0);
}

static void assert_right(const wg_function_report *r)
{
    if (r->verdict != WG_FUNCTION_RIGHT) print_error("%s\n", r->message);
    assert_int_equal(r->verdict, WG_FUNCTION_RIGHT);
    assert_int_equal(r->wrong, 0);
    assert_int_equal(r->order, 0);
    assert_true(r->rate[0] > 1.8 && r->rate[0] < 2.2);
}

/* ---- flaws ------------------------------------------------------------------------------------------------------------------ */

static void test_right(void **state)
{
    (void)state;
    for (int dtype = 0; dtype < 2; dtype++) {
        wg_function_report r = check_cube(&cube_rule, FLAW_NONE, 0, (wg_dtype)dtype, WG_DIMS(3, 4));
        assert_right(&r);
        assert_true(r.recording && r.forward && r.in_double);
        assert_true(r.rate[1] > 1.8 && r.rate[1] < 2.2);
        assert_int_equal(r.checked, 12);
        r = check_cube(&cube_numbers, FLAW_NONE, 0, (wg_dtype)dtype, WG_DIMS(3, 4));
        assert_right(&r);
        assert_false(r.recording || r.forward);
        assert_non_null(strstr(r.message, "numbers only"));
        r = check_cube(&cube_rule, FLAW_NONE, 0, (wg_dtype)dtype, WG_SCALAR);
        assert_right(&r);
        r = check_cube(&cube_numbers, FLAW_NONE, 0, (wg_dtype)dtype, WG_DIMS(25, 80));
        assert_right(&r);
        assert_int_equal(r.checked, 0);
        assert_int_equal(r.entries, 2000);
    }
}

static void test_factor(void **state)
{
    (void)state;
    for (int dtype = 0; dtype < 2; dtype++) {
        wg_function_report r = check_cube(&cube_rule, FLAW_FACTOR, 0, (wg_dtype)dtype, WG_DIMS(3, 4));
        assert_wrong(&r, 1, r.way, 1.0005);
        assert_int_equal(r.wrong, 12);
        assert_true(r.rate[0] < 1.9);
        r = check_cube(&cube_numbers, FLAW_FACTOR, 0, (wg_dtype)dtype, WG_SCALAR);
        assert_wrong(&r, 1, r.way, 1.0005);
        r = check_cube(&cube_numbers, FLAW_FACTOR, 0, (wg_dtype)dtype, WG_DIMS(25, 80));
        assert_wrong(&r, 1, r.way, 1.0005);
        assert_true(r.box[0][0] == 0 && r.box[1][0] == 24 && r.box[0][1] == 0 && r.box[1][1] == 79);
    }
}

static void test_sign(void **state)
{
    (void)state;
    for (int dtype = 0; dtype < 2; dtype++) {
        wg_function_report r = check_cube(&cube_rule, FLAW_SIGN, 0, (wg_dtype)dtype, WG_DIMS(3, 4));
        assert_wrong(&r, 1, r.way, -1);
        assert_true(r.rate[0] > 0.9 && r.rate[0] < 1.1);
        r = check_cube(&cube_numbers, FLAW_SIGN_OF_ONE, 7, (wg_dtype)dtype, WG_DIMS(3, 4));
        assert_wrong(&r, 1, r.way, -1);
        assert_int_equal(r.wrong, 1);
        assert_true(r.input == 0 && r.index[0] == 1 && r.index[1] == 3);
        assert_true(r.box[0][0] == 1 && r.box[1][0] == 1 && r.box[0][1] == 3 && r.box[1][1] == 3);
        assert_non_null(strstr(r.message, "X[1,3]"));
    }
}

static void test_nan(void **state)
{
    (void)state;
    for (int dtype = 0; dtype < 2; dtype++) {
        wg_function_report r = check_cube(&cube_numbers, FLAW_NAN_IN_ONE, 5, (wg_dtype)dtype, WG_DIMS(3, 4));
        assert_int_equal(r.verdict, WG_FUNCTION_WRONG);
        assert_true(isnan(r.recorded) && r.difference != 0);
        assert_true(r.wrong == 1 && r.index[0] == 1 && r.index[1] == 1);
        r = check_cube(&cube_numbers, FLAW_NAN_IN_ONE, 1421, (wg_dtype)dtype, WG_DIMS(25, 80));
        assert_int_equal(r.verdict, WG_FUNCTION_WRONG);
        assert_true(isnan(r.recorded) && r.wrong == 1 && r.index[0] == 17 && r.index[1] == 61);
    }
}

static void test_second_order(void **state)
{
    (void)state;
    for (int dtype = 0; dtype < 2; dtype++) {
        wg_function_report r = check_cube(&cube_rule, FLAW_SECOND_ORDER, 0, (wg_dtype)dtype, WG_DIMS(3, 4));
        assert_wrong(&r, 2, r.way, 0);
        assert_int_equal(r.wrong, 12);
        assert_true(r.rate[0] > 1.8 && r.rate[1] < 1.2);
        setting s = {&cube_rule, {FLAW_SECOND_ORDER, 0}, 0};
        r = check_with(setting_run, &s, (wg_dtype)dtype, WG_DIMS(3), &(wg_function_options){.order = 1});
        assert_right(&r);
        r = check_with(setting_run, &s, (wg_dtype)dtype, WG_DIMS(3000), NULL);
        assert_wrong(&r, 2, r.way, 0);
    }
}

static void test_ways(void **state)
{
    (void)state;
    for (int dtype = 0; dtype < 2; dtype++) {
        wg_function_report r = check_cube(&cube_rule, FLAW_RECORDING, 0, (wg_dtype)dtype, WG_DIMS(3, 4));
        assert_wrong(&r, 1, "wg_vjp", 2);
        r = check_cube(&cube_numbers, FLAW_OVERWRITES, 0, (wg_dtype)dtype, WG_DIMS(3, 4));
        assert_wrong(&r, 1, "wg_backward, added to another gradient", 0);
        r = check_cube(&cube_numbers, FLAW_ADDS_TWICE, 0, (wg_dtype)dtype, WG_DIMS(3, 4));
        assert_wrong(&r, 1, "wg_backward, added to another gradient", 2);
        setting s = {&cube_not_linear, {FLAW_NONE, 0}, 0};
        r = check_with(setting_run, &s, (wg_dtype)dtype, WG_DIMS(3), NULL);
        assert_int_equal(r.verdict, WG_FUNCTION_WRONG);
        assert_string_equal(r.way, "wg_jvp");
    }
}

static void test_one_dtype(void **state)
{
    (void)state;
    wg_function_report r = check_cube(&cube_numbers, FLAW_FLOATS, 0, WG_F32, WG_DIMS(3, 4));
    assert_wrong(&r, 1, r.way, 1.0005);
    r = check_cube(&cube_numbers, FLAW_FLOATS, 0, WG_F64, WG_DIMS(3, 4));
    assert_right(&r);
    r = check_cube(&cube_numbers, FLAW_DOUBLES, 0, WG_F64, WG_DIMS(3, 4));
    assert_wrong(&r, 1, r.way, 1.0005);
    r = check_cube(&cube_numbers, FLAW_DOUBLES, 0, WG_F32, WG_DIMS(3, 4));
    assert_right(&r);
}

static void test_one_of_many(void **state)
{
    (void)state;
    for (int dtype = 0; dtype < 2; dtype++) {
        wg_function_report r = check_cube(&cube_numbers, FLAW_SIGN_OF_ONE, 1421, (wg_dtype)dtype, WG_DIMS(5, 400));
        assert_wrong(&r, 1, r.way, -1);
        assert_true(r.wrong == 1 && r.input == 0 && r.index[0] == 3 && r.index[1] == 221);
        assert_true(r.box[0][0] == 3 && r.box[1][0] == 3 && r.box[0][1] == 221 && r.box[1][1] == 221);
    }
    setting s = {&cube_numbers, {FLAW_FACTOR_OF_ONE, 73421}, 0};
    wg_function_options options = {.order = 1, .directions = 1};
    wg_function_report r = check_with(setting_run, &s, WG_F64, WG_DIMS(250, 400), &options);
    assert_wrong(&r, 1, r.way, 1.0005);
    assert_true(r.wrong == 1 && r.index[0] == 183 && r.index[1] == 221);
}

/* ---- broadcasting: y = x b, b of one row ------------------------------------------------------------------------------------ */

static wg_status rows_shape(wg_call *call)
{
    call->shape = *call->in[0].shape;
    return WG_OK;
}

static wg_status rows_evaluate(wg_call *call)
{
    size_t columns = call->in[1].size;
    for (size_t i = 0; i < call->in[0].size; i++)
        ((double *)call->out)[i] =
            ((const double *)call->in[0].data)[i] * ((const double *)call->in[1].data)[i % columns];
    return WG_OK;
}

/* b: g x of the last row only */
static void rows_derivative(wg_derivation *d)
{
    const wg_call *call = wg_derivation_call(d);
    size_t size = call->in[0].size, columns = call->in[1].size;
    const double *g = wg_term_numbers(d, wg_cotangent(d)), *x = wg_term_numbers(d, wg_primal(d, 0));
    const double *b = wg_term_numbers(d, wg_primal(d, 1));
    bool add;
    double *dx = wg_give_numbers(d, 0, &add);
    for (size_t i = 0; dx && i < size; i++) dx[i] = (add ? dx[i] : 0) + g[i] * b[i % columns];
    double *db = wg_give_numbers(d, 1, &add);
    for (size_t i = size - columns; db && i < size; i++) {
        double *to = &db[i % columns];
        *to = (add ? *to : 0) + g[i] * x[i];
    }
}

static const wg_op rows_op = {
    .name = "rows", .arity = 2, .shape = rows_shape, .evaluate = rows_evaluate, .derivative = rows_derivative};

static wg_var rows_run(wg_tape *tape, void *user, const wg_var *in, size_t n)
{
    (void)user;
    return wg_sin(wg_apply(tape, &rows_op, in, n, NULL, 0));
}

static void test_missing_sum(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    double x[12], b[3];
    for (size_t i = 0; i < 12; i++) x[i] = numbers_at(i);
    for (size_t i = 0; i < 3; i++) b[i] = numbers_at(i + 20);
    wg_var in[] = {wg_variable(tape, WG_DIMS(4, 3), x), wg_name(wg_variable(tape, WG_DIMS(1, 3), b), "b")};
    wg_function_report r;
    assert_int_equal(wg_check_function(rows_run, NULL, in, 2, NULL, &r), WG_OK);
    assert_int_equal(r.verdict, WG_FUNCTION_WRONG);
    assert_true(r.wrong == 3 && r.input == 1 && r.box[0][1] == 0 && r.box[1][1] == 2);
    assert_non_null(strstr(r.message, "3 of 15 entries"));
    wg_tape_free(tape);
}

/* ---- holes that a checker may have ------------------------------------------------------------------------------------------- */

/* A small entry with the wrong sign, beside large ones; f(x) = sum s x^3 / 3. */
static wg_var scaled_run(wg_tape *tape, void *user, const wg_var *in, size_t n)
{
    double s[] = {1e6, 1e6, 1e-6, 1e6, 1e6};
    return wg_sum(wg_mul(setting_run(tape, user, in, n), wg_constant(tape, WG_DIMS(5), s)));
}

static void test_small_among_large(void **state)
{
    (void)state;
    setting s = {&cube_numbers, {FLAW_NONE, 2}, 0};
    wg_function_report r = check_with(scaled_run, &s, WG_F64, WG_DIMS(5), NULL);
    assert_right(&r);
    s.cube.flaw = FLAW_SIGN_OF_ONE;
    r = check_with(setting_run, &s, WG_F64, WG_DIMS(5), NULL);
    assert_wrong(&r, 1, r.way, -1);
    assert_int_equal(r.index[0], 2);
}

static wg_var counting_run(wg_tape *tape, void *user, const wg_var *in, size_t n)
{
    (void)n;
    double *count = user;
    *count += 1e-12;
    return wg_mul(in[0], wg_scalar(tape, 1 + *count));
}

static void test_not_deterministic(void **state)
{
    (void)state;
    double count = 0;
    wg_function_report r = check_with(counting_run, &count, WG_F64, WG_DIMS(3), NULL);
    assert_int_equal(r.verdict, WG_FUNCTION_NOT_DETERMINISTIC);
    assert_non_null(strstr(r.message, "two runs"));
    assert_int_equal(r.checked, 0);
}

static wg_var detached_run(wg_tape *tape, void *user, const wg_var *in, size_t n)
{
    (void)tape, (void)user, (void)n;
    return wg_sub(in[0], wg_detach(in[0])); /* zero, with a gradient of 1 */
}

static wg_var straight_run(wg_tape *tape, void *user, const wg_var *in, size_t n)
{
    (void)tape, (void)user, (void)n;
    return wg_straight_through(wg_round(in[0]), in[0]);
}

static void test_constants_with_gradients(void **state)
{
    (void)state;
    for (int dtype = 0; dtype < 2; dtype++) {
        wg_function_report r = check_with(detached_run, NULL, (wg_dtype)dtype, WG_DIMS(3), NULL);
        assert_true(r.verdict == WG_FUNCTION_WRONG && r.wrong == 3);
        r = check_with(straight_run, NULL, (wg_dtype)dtype, WG_DIMS(3), NULL);
        assert_true(r.verdict == WG_FUNCTION_WRONG && r.wrong == 3);
    }
}

/* ---- kinks ------------------------------------------------------------------------------------------------------------------- */

static wg_var relu_run(wg_tape *tape, void *user, const wg_var *in, size_t n)
{
    (void)tape, (void)user, (void)n;
    return wg_relu(in[0]);
}

static wg_var floor_run(wg_tape *tape, void *user, const wg_var *in, size_t n)
{
    (void)tape, (void)user, (void)n;
    return wg_floor(in[0]);
}

static wg_var log_run(wg_tape *tape, void *user, const wg_var *in, size_t n)
{
    (void)tape, (void)user, (void)n;
    return wg_log(in[0]);
}

static wg_function_report check_at(wg_function f, wg_dtype dtype, size_t n, const double *x)
{
    wg_tape *tape = wg_tape_new(dtype);
    wg_var in = wg_variable_f64(tape, WG_DIMS(n), x);
    wg_function_report r;
    assert_int_equal(wg_check_function(f, NULL, &in, 1, NULL, &r), WG_OK);
    wg_tape_free(tape);
    return r;
}

static void test_kinks(void **state)
{
    (void)state;
    for (int dtype = 0; dtype < 2; dtype++) {
        wg_function_report r = check_at(relu_run, (wg_dtype)dtype, 4, (double[]){0, 1, -2, 0});
        assert_int_equal(r.verdict, WG_FUNCTION_SUBGRADIENT);
        assert_true(r.kinks == 2 && r.jumps == 0 && r.undefined == 0);
        r = check_at(floor_run, (wg_dtype)dtype, 4, (double[]){2, 1.5, -2.25, 0});
        assert_int_equal(r.verdict, WG_FUNCTION_SUBGRADIENT);
        assert_true(r.kinks == 0 && r.jumps == 2);
        r = check_at(log_run, (wg_dtype)dtype, 3, (double[]){0, 1.5, 3});
        assert_int_equal(r.verdict, WG_FUNCTION_RIGHT);
        assert_int_equal(r.left_out, 1);
        r = check_at(log_run, (wg_dtype)dtype, 2, (double[]){-1, -2});
        assert_int_equal(r.verdict, WG_FUNCTION_UNDECIDED);
    }
}

/* Many kinks in a large function: the point is moved off them. */
static wg_var network_run(wg_tape *tape, void *user, const wg_var *in, size_t n)
{
    (void)tape, (void)user, (void)n;
    return wg_sum(wg_mul(wg_relu(in[0]), wg_sin(in[0])));
}

static void test_many_kinks(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    double *x = calloc(2000, sizeof *x);
    for (size_t i = 0; i < 2000; i++) x[i] = i % 3 ? numbers_at(i) - 1.5 : 0;
    wg_var in = wg_variable(tape, WG_DIMS(2000), x);
    wg_function_report r;
    assert_int_equal(wg_check_function(network_run, NULL, &in, 1, NULL, &r), WG_OK);
    assert_true(r.verdict == WG_FUNCTION_RIGHT || r.verdict == WG_FUNCTION_SUBGRADIENT);
    assert_int_equal(wg_check_function(relu_run, NULL, &in, 1, NULL, &r), WG_OK);
    assert_int_equal(r.verdict, WG_FUNCTION_SUBGRADIENT);
    free(x);
    wg_tape_free(tape);
}

/* ---- what is given, and misuse ------------------------------------------------------------------------------------------------- */

static wg_var lookup_run(wg_tape *tape, void *user, const wg_var *in, size_t n)
{
    (void)tape, (void)user, (void)n;
    return wg_mul(wg_take(in[0], in[1], 0), in[2]);
}

static void test_inputs(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var table = wg_variable(tape, WG_DIMS(3, 2), (double[]){1, 2, 3, 4, 5, 6});
    wg_var in[] = {wg_sin(table), wg_indices(tape, WG_DIMS(4), (int64_t[]){2, 0, 2, 2}),
        wg_constant(tape, WG_DIMS(2), (double[]){0.5, 0.25})};
    wg_function_report r;
    assert_int_equal(wg_check_function(lookup_run, NULL, in, 3, NULL, &r), WG_OK);
    assert_int_equal(r.verdict, WG_FUNCTION_RIGHT);
    assert_true(r.entries == 6 && r.checked == 6);
    assert_true(isinf(r.rate[0])); /* linear */
    assert_true(wg_node_count(tape) == 4);

    wg_function_options bad = {.order = 3};
    assert_int_equal(wg_check_function(lookup_run, NULL, in, 3, &bad, &r), WG_ERROR_ARGUMENT);
    assert_non_null(strstr(r.message, "order"));
    bad = (wg_function_options){.tolerance = NAN};
    assert_int_equal(wg_check_function(lookup_run, NULL, in, 3, &bad, &r), WG_ERROR_ARGUMENT);
    assert_non_null(strstr(r.message, "tolerance"));
    assert_int_equal(wg_check_function(NULL, NULL, in, 3, NULL, &r), WG_ERROR_ARGUMENT);
    assert_int_equal(wg_check_function(lookup_run, NULL, in, 3, NULL, NULL), WG_ERROR_ARGUMENT);
    assert_int_equal(wg_check_function(lookup_run, NULL, NULL, 3, NULL, &r), WG_ERROR_ARGUMENT);
    assert_int_equal(wg_check_function(lookup_run, NULL, in, 0, NULL, &r), WG_ERROR_ARGUMENT);
    assert_int_equal(wg_check_function(lookup_run, NULL, in + 1, 2, NULL, &r), WG_ERROR_ARGUMENT);
    assert_non_null(strstr(r.message, "held fixed"));
    assert_int_equal(wg_check_function(lookup_run, NULL, (wg_var[]){{0}}, 1, NULL, &r), WG_ERROR_ARGUMENT);
    wg_var mixed[] = {in[0], in[1], {0}};
    assert_int_equal(wg_check_function(lookup_run, NULL, mixed, 3, NULL, &r), WG_ERROR_ARGUMENT);
    assert_int_equal(wg_tape_status(tape), WG_OK);
    wg_tape_free(tape);
}

static wg_var failing_run(wg_tape *tape, void *user, const wg_var *in, size_t n)
{
    (void)tape, (void)user, (void)n;
    return wg_matmul(in[0], in[0]);
}

static wg_var foreign_run(wg_tape *tape, void *user, const wg_var *in, size_t n)
{
    (void)tape, (void)in, (void)n;
    return *(wg_var *)user;
}

static void test_failures(void **state)
{
    (void)state;
    wg_tape *tape = wg_tape_new(WG_F64);
    wg_var x = wg_variable(tape, WG_DIMS(2, 3), (double[]){1, 2, 3, 4, 5, 6});
    wg_function_report r;
    assert_int_equal(wg_check_function(failing_run, NULL, &x, 1, NULL, &r), WG_ERROR_SHAPE);
    assert_non_null(strstr(r.message, "inner dimensions differ"));
    assert_int_equal(wg_check_function(foreign_run, &x, &x, 1, NULL, &r), WG_ERROR_ARGUMENT);
    setting s = {&cube_without, {FLAW_NONE, 0}, 0};
    assert_int_equal(wg_check_function(setting_run, &s, &x, 1, NULL, &r), WG_ERROR_UNSUPPORTED);
    assert_non_null(strstr(r.message, "cube"));
    assert_int_equal(wg_tape_status(tape), WG_OK);
    wg_tape_free(tape);
}

/* ---- an op that knows floats alone -------------------------------------------------------------------------------------------- */

static wg_status floats_evaluate(wg_call *call)
{
    const float *x = call->in[0].data;
    for (size_t i = 0; i < call->in[0].size; i++) ((float *)call->out)[i] = x[i] * x[i];
    return WG_OK;
}

static wg_status floats_refuse(wg_call *call)
{
    return call->dtype == WG_F32 ? floats_evaluate(call) : wg_call_fail(call, WG_ERROR_UNSUPPORTED, "floats alone");
}

static void floats_derivative(wg_derivation *d)
{
    double k = *(const double *)wg_derivation_call(d)->attributes;
    wg_term slope = wg_step(d, wg_op_mul(), (wg_term[]){wg_primal(d, 0), wg_number(d, k)}, 2, NULL, 0);
    wg_give(d, 0, wg_op_mul(), (wg_term[]){wg_cotangent(d), slope}, 2, NULL, 0);
}

static const wg_op floats_op[2] = {
    {.name = "floats", .arity = 1, .shape = cube_shape, .evaluate = floats_evaluate, .derivative = floats_derivative},
    {.name = "floats", .arity = 1, .shape = cube_shape, .evaluate = floats_refuse, .derivative = floats_derivative}};

typedef struct floats_setting {
    const wg_op *op;
    double factor;
} floats_setting;

static wg_var floats_run(wg_tape *tape, void *user, const wg_var *in, size_t n)
{
    const floats_setting *s = user;
    return wg_apply(tape, s->op, in, n, &s->factor, sizeof s->factor);
}

static void test_floats_alone(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++)
        for (int own = 0; own < 2; own++) {
            floats_setting s = {&floats_op[i], 2};
            wg_function_options options = {.own_dtype = own};
            wg_function_report r = check_with(floats_run, &s, WG_F32, WG_DIMS(5), &options);
            assert_right(&r);
            assert_false(r.in_double);
            s.factor = 2.02;
            r = check_with(floats_run, &s, WG_F32, WG_DIMS(5), &options);
            assert_wrong(&r, 1, r.way, 1.01);
        }
}

static void test_tolerance(void **state)
{
    (void)state;
    setting s = {&cube_rule, {FLAW_FACTOR, 0}, 0};
    wg_function_report r = check_with(setting_run, &s, WG_F64, WG_DIMS(3), &(wg_function_options){.tolerance = 1e-3});
    assert_int_equal(r.verdict, WG_FUNCTION_RIGHT);
    r = check_with(setting_run, &s, WG_F64, WG_DIMS(3), &(wg_function_options){.tolerance = 1e-4});
    assert_wrong(&r, 1, r.way, 1.0005);
    assert_string_equal(wg_function_verdict_name(WG_FUNCTION_WRONG), "wrong");
    assert_string_equal(wg_function_verdict_name((wg_function_verdict)99), "unknown verdict");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_right),
        cmocka_unit_test(test_factor),
        cmocka_unit_test(test_sign),
        cmocka_unit_test(test_nan),
        cmocka_unit_test(test_second_order),
        cmocka_unit_test(test_ways),
        cmocka_unit_test(test_one_dtype),
        cmocka_unit_test(test_one_of_many),
        cmocka_unit_test(test_missing_sum),
        cmocka_unit_test(test_small_among_large),
        cmocka_unit_test(test_not_deterministic),
        cmocka_unit_test(test_constants_with_gradients),
        cmocka_unit_test(test_kinks),
        cmocka_unit_test(test_many_kinks),
        cmocka_unit_test(test_inputs),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_floats_alone),
        cmocka_unit_test(test_tolerance),
    };
    return cmocka_run_group_tests_name("check/function", tests, NULL, NULL);
}
