/* One training run, four ways to run its loop: a fresh tape for every step, mark and rewind, record once and replay, and
 * parameters that are bound to arrays of the caller's. The parameters come out with the same bits, for a network on arrays
 * and for a model on scalars, in both dtypes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tape/expect.h"

enum { STEPS = 50, PARAMETERS = 4, WAYS = 5, LARGEST = 12 * 7 };
typedef enum way { FRESH, REWIND, REPLAY, BIND_REWIND, BIND_REPLAY } way;

/* A model: parameters, inputs, and a loss of both. */
typedef struct model {
    const char *name;
    wg_shape shape[PARAMETERS], input[2];
    wg_var (*loss)(const wg_var *parameters, const wg_var *input);
    double rate;
} model;

static wg_var network_loss(const wg_var *p, const wg_var *in)
{
    wg_var a1 = wg_sigmoid(wg_add(wg_matmul(p[0], in[0]), p[1]));
    wg_var a2 = wg_sigmoid(wg_add(wg_matmul(p[2], a1), p[3]));
    return wg_mse(a2, in[1], WG_BATCH_MEAN);
}

/* A damped oscillation fitted at one point: y = a e^(-|b| t) cos(c t + d). */
static wg_var oscillation_loss(const wg_var *p, const wg_var *in)
{
    wg_var damping = wg_exp(wg_neg(wg_mul(wg_abs(p[1]), in[0])));
    wg_var y = wg_mul(wg_mul(p[0], damping), wg_cos(wg_add(wg_mul(p[2], in[0]), p[3])));
    wg_var loss = wg_square(wg_sub(y, in[1]));
    return wg_add(loss, wg_mul(wg_sub(loss, loss), y)); /* uses that cancel, too */
}

static const model *models(void)
{
    static model all[2];
    all[0] = (model){"network", {WG_DIMS(12, 7), WG_DIMS(12, 1), WG_DIMS(3, 12), WG_DIMS(3, 1)},
        {WG_DIMS(7, 9), WG_DIMS(3, 9)}, network_loss, 0.5};
    all[1] = (model){
        "oscillation", {WG_SCALAR, WG_SCALAR, WG_SCALAR, WG_SCALAR}, {WG_SCALAR, WG_SCALAR}, oscillation_loss, 0.05};
    return all;
}

static size_t size_of(const wg_shape *shape)
{
    size_t size = 1;
    for (uint32_t d = 0; d < shape->rank; d++) size *= shape->dim[d];
    return size;
}

static void draw(uint64_t *state, double *numbers, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        *state = *state * 6364136223846793005u + 1442695040888963407u;
        numbers[i] = (double)(*state >> 40) / (1 << 24);
    }
}

/* The parameters of a run, in the tape's dtype. */
typedef union numbers {
    double f64[LARGEST];
    float f32[LARGEST];
} numbers;

/* p -= rate g, in the dtype's own arithmetic. */
static void descend(wg_dtype dtype, size_t n, void *p, const void *g, double rate)
{
    for (size_t i = 0; i < n; i++)
        if (dtype == WG_F64)
            ((double *)p)[i] -= rate * ((const double *)g)[i];
        else
            ((float *)p)[i] -= (float)rate * ((const float *)g)[i];
}

/* A run under way. */
typedef struct run {
    const model *model;
    wg_dtype dtype;
    way way;
    wg_tape *tape;
    wg_mark mark;
    wg_var parameters[PARAMETERS], input[2], loss;
    numbers value[PARAMETERS], grad[PARAMETERS];
    uint64_t random;
} run;

static void run_parameters(run *r)
{
    r->tape = new_tape(r->dtype);
    for (size_t k = 0; k < PARAMETERS; k++) {
        bool bound = r->way == BIND_REWIND || r->way == BIND_REPLAY;
        r->parameters[k] = wg_variable_raw(r->tape, r->model->shape[k], bound ? NULL : &r->value[k]);
        if (bound) assert_int_equal(wg_bind(r->parameters[k], &r->value[k], &r->grad[k]), WG_OK);
    }
    r->mark = wg_tape_mark(r->tape);
}

static void run_record(run *r, double inputs[2][LARGEST])
{
    for (size_t k = 0; k < 2; k++) r->input[k] = wg_constant(r->tape, r->model->input[k], inputs[k]);
    r->loss = r->model->loss(r->parameters, r->input);
}

/* Brings the loss of this step onto the tape. */
static void run_forward(run *r, int step)
{
    double inputs[2][LARGEST];
    for (size_t k = 0; k < 2; k++) draw(&r->random, inputs[k], size_of(&r->model->input[k]));
    if (r->way == FRESH && step) {
        wg_tape_free(r->tape);
        run_parameters(r);
    }
    if (step == 0 || (r->way != REPLAY && r->way != BIND_REPLAY)) {
        if (step && r->way != FRESH) assert_int_equal(wg_tape_rewind(r->tape, r->mark), WG_OK);
        run_record(r, inputs);
        return;
    }
    for (size_t k = 0; k < 2; k++) assert_int_equal(wg_set_value(r->input[k], &inputs[k][0]), WG_OK);
    assert_int_equal(wg_tape_replay(r->tape), WG_OK);
}

/* The parameters after a step: the caller's arrays, or the leaves' own, are written to. */
static void run_descend(run *r)
{
    for (size_t k = 0; k < PARAMETERS; k++) {
        size_t n = size_of(&r->model->shape[k]);
        bool bound = r->way == BIND_REWIND || r->way == BIND_REPLAY;
        void *p = bound ? (void *)&r->value[k] : wg_value_mut(r->parameters[k]);
        const void *g = bound ? (const void *)&r->grad[k] : wg_grad(r->parameters[k]);
        assert_true(p && g);
        descend(r->dtype, n, p, g, r->model->rate);
        if (bound)
            assert_ptr_equal(wg_value_mut(r->parameters[k]), p);
        else
            memcpy(&r->value[k], p, n * (r->dtype == WG_F64 ? sizeof(double) : sizeof(float)));
    }
}

static void train(run *r, const model *m, wg_dtype dtype, way w)
{
    *r = (run){.model = m, .dtype = dtype, .way = w, .random = 7};
    for (size_t k = 0; k < PARAMETERS; k++) {
        double start[LARGEST];
        draw(&r->random, start, size_of(&m->shape[k]));
        for (size_t i = 0; i < size_of(&m->shape[k]); i++)
            if (dtype == WG_F64)
                r->value[k].f64[i] = start[i] - 0.25;
            else
                r->value[k].f32[i] = (float)start[i] - 0.25f;
    }
    run_parameters(r);
    for (int step = 0; step < STEPS; step++) {
        run_forward(r, step);
        assert_int_equal(wg_zero_grad(r->tape), WG_OK);
        if (wg_backward(r->loss)) fail_msg("%s", wg_tape_message(r->tape));
        run_descend(r);
    }
    HEALTHY(r->tape);
    wg_tape_free(r->tape);
}

static void same_bits(void **state)
{
    (void)state;
    static run first, other;
    for (size_t i = 0; i < 2; i++)
        for (int dtype = WG_F32; dtype <= WG_F64; dtype++) {
            const model *m = &models()[i];
            train(&first, m, (wg_dtype)dtype, FRESH);
            for (int w = REWIND; w < WAYS; w++) {
                train(&other, m, (wg_dtype)dtype, (way)w);
                for (size_t k = 0; k < PARAMETERS; k++) {
                    size_t bytes = size_of(&m->shape[k]) * (dtype == WG_F64 ? sizeof(double) : sizeof(float));
                    if (memcmp(&first.value[k], &other.value[k], bytes) != 0)
                        fail_msg("%s, dtype %d, way %d: parameter %zu differs", m->name, dtype, w, k);
                }
            }
        }
}

/* The run goes somewhere: it is not the bits of a model at rest that are compared. */
static void it_trains(void **state)
{
    (void)state;
    static run r;
    for (size_t i = 0; i < 2; i++)
        for (int dtype = WG_F32; dtype <= WG_F64; dtype++) {
            const model *m = &models()[i];
            train(&r, m, (wg_dtype)dtype, REPLAY);
            uint64_t random = 7;
            for (size_t k = 0; k < PARAMETERS; k++) {
                double start[LARGEST], moved = 0;
                draw(&random, start, size_of(&m->shape[k]));
                for (size_t n = 0; n < size_of(&m->shape[k]); n++)
                    moved += fabs((dtype == WG_F64 ? r.value[k].f64[n] : (double)r.value[k].f32[n]) - start[n] + 0.25);
                assert_true(moved > 1e-3 && isfinite(moved));
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_bits),
        cmocka_unit_test(it_trains),
    };
    return cmocka_run_group_tests_name("tape/bits", tests, NULL, NULL);
}
