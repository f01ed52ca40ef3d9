/* What is held against differences. At order 1 it is the function, and its derivative is what the tape's modes say; at
 * order 2 it is the function's gradient for one cotangent, as wg_backward gives it, and its derivative is what the modes
 * say of second derivatives. From here on both are the same: a function with several outputs, contracted with random
 * cotangents, whose derivative along any line is to be compared. */
#include "check/function/function.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- the pieces of a recording ------------------------------------------------------------------------------------------ */

static const check_point *subject_point(const check_subject *subject, wg_dtype dtype)
{
    return &subject->run->points[dtype];
}

/* sum_i c[i] y[i], recorded. */
static wg_var subject_contracted(wg_var y, const double *c)
{
    return wg_sum(wg_mul(y, wg_constant_f64(y.tape, wg_shape_of(y), c)));
}

/* The same over several vars, whose numbers stand one after the other in c. */
static wg_var subject_contracted_all(const check_function *run, const wg_var *vars, const double *c)
{
    wg_var total = {.tape = NULL};
    for (size_t i = 0, k = 0; i < run->n; i++) {
        if (run->inputs[i].fixed) continue;
        wg_var term = subject_contracted(vars[k++], c + run->inputs[i].begin);
        total = total.tape ? wg_add(total, term) : term;
    }
    return total;
}

/* Reads arrays of the inputs' shapes, one after the other. */
static bool subject_read(const check_function *run, wg_dtype dtype, const wg_var *vars, double *to)
{
    for (size_t i = 0, k = 0; i < run->n; i++) {
        if (run->inputs[i].fixed) continue;
        const void *numbers = wg_value(vars[k++]);
        if (!numbers) return false;
        check_point_read(to + run->inputs[i].begin, numbers, run->inputs[i].size, dtype);
    }
    return true;
}

static bool subject_read_grads(const check_function *run, wg_dtype dtype, double *to)
{
    for (size_t i = 0; i < run->n; i++) {
        if (run->inputs[i].fixed) continue;
        const void *numbers = wg_grad(run->points[dtype].in[i]);
        if (!numbers) return false;
        check_point_read(to + run->inputs[i].begin, numbers, run->inputs[i].size, dtype);
    }
    return true;
}

/* The gradient of f for a cotangent, recorded into grads. */
static bool subject_recorded(
    check_subject *subject, wg_dtype dtype, const double *x, const double *cotangent, wg_var *grads)
{
    const check_point *point = subject_point(subject, dtype);
    wg_var y = check_point_run(subject->run, dtype, x);
    if (!y.tape) return false;
    wg_var c = wg_constant_f64(point->tape, wg_shape_of(y), cotangent);
    return wg_vjp(y, c, point->wrt, subject->run->varying, grads) == WG_OK;
}

/* ---- first derivatives --------------------------------------------------------------------------------------------------- */

/* Every input is used once more after f, with its own gradient as the cotangent there, so that what f passes to it is
 * added to something; and it is the result of an op, not a leaf. */
static wg_var subject_used_twice(check_subject *subject, const double *cotangent, const double *other, wg_var *in)
{
    check_function *run = subject->run;
    check_point *point = &run->points[run->dtype];
    wg_tape_rewind(point->tape, point->mark);
    for (size_t i = 0; i < run->n; i++)
        in[i] = run->inputs[i].fixed ? point->in[i] : wg_add(point->in[i], wg_scalar(point->tape, 0));
    wg_var total = subject_contracted(run->f(point->tape, run->user, in, run->n), cotangent);
    run->report->evaluations++;
    for (size_t i = 0; i < run->n; i++)
        if (!run->inputs[i].fixed) total = wg_add(total, subject_contracted(in[i], other + run->inputs[i].begin));
    return total;
}

static bool subject_added(
    check_subject *subject, const double *x, const double *cotangent, const double *first, double *gradient)
{
    check_function *run = subject->run;
    check_memory memory = {0};
    wg_var *in = check_take(&memory, run->n, sizeof *in);
    double *other = check_take(&memory, run->size + 1, sizeof *other);
    bool good = in && other && check_point_run(run, run->dtype, x).tape; /* it sets the leaves */
    for (size_t i = 0; good && i < run->size; i++) other[i] = isfinite(first[i]) ? first[i] : 0;
    if (good) {
        wg_var total = subject_used_twice(subject, cotangent, other, in);
        wg_zero_grad(run->points[run->dtype].tape);
        good = wg_backward(total) == WG_OK && subject_read_grads(run, run->dtype, gradient);
    }
    for (size_t i = 0; good && i < run->size; i++) gradient[i] -= other[i];
    check_release(&memory);
    return good;
}

static bool subject_observed(check_subject *subject, const double *x, const double *cotangent, double *gradient)
{
    check_function *run = subject->run;
    wg_dtype dtype = run->dtype;
    const check_point *point = subject_point(subject, dtype);
    check_memory memory = {0};
    void *numbers = check_take(&memory, run->size + 1, sizeof(double));
    wg_var y = check_point_run(run, dtype, x);
    bool good = numbers && y.tape;
    const void *c = good ? check_point_raw(run, cotangent, run->outputs, dtype) : NULL;
    good = good && wg_observe(y, c, point->wrt, run->varying, numbers, NULL) == WG_OK;
    if (good) check_point_read(gradient, numbers, run->size, dtype);
    check_release(&memory);
    return good;
}

/* ---- second derivatives --------------------------------------------------------------------------------------------------- */

static bool subject_hessian(
    check_subject *subject, wg_dtype dtype, const double *x, const double *cotangent, double *product)
{
    check_function *run = subject->run;
    const check_point *point = subject_point(subject, dtype);
    wg_var y = check_point_run(run, dtype, x);
    if (!y.tape) return false;
    wg_var scalar = subject_contracted(y, subject->held);
    check_point_raw(run, cotangent, run->size, dtype);
    if (wg_hvp(scalar, point->wrt, run->varying, run->buffer, run->buffer) != WG_OK) return false;
    check_memory memory = {0};
    double *numbers = check_take(&memory, run->size, sizeof *numbers);
    if (numbers) check_point_read(numbers, run->buffer, run->size, dtype);
    if (numbers) memcpy(product, numbers, run->size * sizeof *numbers);
    check_release(&memory);
    return numbers;
}

static bool subject_swept_twice(check_subject *subject, const double *x, const double *cotangent, double *product)
{
    check_function *run = subject->run;
    check_memory memory = {0};
    wg_var *grads = check_take(&memory, run->varying, sizeof *grads);
    bool good = grads && subject_recorded(subject, run->dtype, x, subject->held, grads);
    if (good) {
        wg_var total = subject_contracted_all(run, grads, cotangent);
        wg_zero_grad(total.tape);
        good = wg_backward(total) == WG_OK && subject_read_grads(run, run->dtype, product);
    }
    check_release(&memory);
    return good;
}

/* ---- either ---------------------------------------------------------------------------------------------------------------- */

bool check_subject_value(check_subject *subject, const double *x, double *value)
{
    check_function *run = subject->run;
    if (subject->order == 1) return check_point_value(run, run->fine, x, value);
    return check_point_gradient(run, run->fine, x, subject->held, value);
}

bool check_subject_gradient(
    check_subject *subject, wg_dtype dtype, const double *x, const double *cotangent, double *gradient)
{
    if (subject->order == 1) return check_point_gradient(subject->run, dtype, x, cotangent, gradient);
    return subject_hessian(subject, dtype, x, cotangent, gradient);
}

/* One way at one cotangent. */
static bool subject_way(
    check_subject *subject, const char *way, const double *cotangent, const double *first, double *to)
{
    check_function *run = subject->run;
    if (!strcmp(way, "wg_backward") || !strcmp(way, "wg_hvp"))
        return check_subject_gradient(subject, run->dtype, run->x, cotangent, to);
    if (!strcmp(way, "wg_backward, added to another gradient"))
        return subject_added(subject, run->x, cotangent, first, to);
    if (!strcmp(way, "wg_observe")) return subject_observed(subject, run->x, cotangent, to);
    if (!strcmp(way, "wg_backward of wg_vjp")) return subject_swept_twice(subject, run->x, cotangent, to);
    check_memory memory = {0};
    wg_var *grads = check_take(&memory, run->varying, sizeof *grads);
    bool good = grads && subject_recorded(subject, run->dtype, run->x, cotangent, grads);
    good = good && subject_read(run, run->dtype, grads, to);
    check_release(&memory);
    return good;
}

bool check_subject_forward(
    check_subject *subject, wg_dtype dtype, const double *x, const double *direction, double *contracted, double *terms)
{
    check_function *run = subject->run;
    const check_point *point = subject_point(subject, dtype);
    check_memory memory = {0};
    wg_var *tangents = check_take(&memory, run->varying, sizeof *tangents), tangent;
    wg_var *grads = check_take(&memory, run->varying, sizeof *grads);
    double *numbers = check_take(&memory, subject->outputs + 1, sizeof *numbers);
    bool good = tangents && grads && numbers;
    if (good && subject->order == 1)
        good = wg_ok(grads[0] = check_point_run(run, dtype, x));
    else if (good)
        good = subject_recorded(subject, dtype, x, subject->held, grads);
    for (size_t i = 0, k = 0; good && i < run->n; i++)
        if (!run->inputs[i].fixed)
            tangents[k++] = wg_constant_f64(point->tape, run->inputs[i].shape, direction + run->inputs[i].begin);
    size_t results = subject->order == 1 ? 1 : run->varying;
    for (size_t k = 0, at = 0; good && k < results; k++) {
        good = wg_jvp(grads[k], point->wrt, tangents, run->varying, &tangent) == WG_OK && wg_value(tangent);
        if (good) check_point_read(numbers + at, wg_value(tangent), wg_size(tangent), dtype);
        at += wg_size(grads[k]);
    }
    for (size_t k = 0; good && k < FUNCTION_COTANGENTS; k++) {
        const double *c = subject->cotangents + k * subject->outputs;
        contracted[k] = terms[k] = 0;
        for (size_t i = 0; i < subject->outputs; i++) {
            if (c[i] == 0) continue;
            contracted[k] += c[i] * numbers[i];
            terms[k] += fabs(c[i] * numbers[i]);
        }
    }
    check_release(&memory);
    return good;
}

/* ---- opening ---------------------------------------------------------------------------------------------------------------- */

/* Random cotangents, none of them zero; of the last, outputs of any size have a like part. What is not finite is left
 * out: a cotangent of zero. Multiples of 1/64, so that floats hold them. */
static void subject_draw(check_subject *subject)
{
    for (size_t k = 0; k < FUNCTION_COTANGENTS; k++) {
        subject->least[k] = 4;
        for (size_t i = 0; i < subject->outputs; i++) {
            double y = subject->value[i], c = 0.5 + floor(64 * check_function_draw(subject->run)) / 64;
            if (check_function_draw(subject->run) < 0.5) c = -c;
            if (k == FUNCTION_COTANGENTS - 1 && y != 0 && isfinite(y) && abs(ilogb(y)) < 100) c = ldexp(c, -ilogb(y));
            if (!isfinite(y)) {
                subject->partial = true;
                c = 0;
            }
            subject->cotangents[k * subject->outputs + i] = c;
            if (c != 0 && fabs(c) < subject->least[k]) subject->least[k] = fabs(c);
        }
    }
}

/* The derivative by one way for all cotangents. */
static wg_status subject_add_way(check_subject *subject, const char *way)
{
    check_function *run = subject->run;
    double *to = check_take(&run->memory, FUNCTION_COTANGENTS * run->size, sizeof *to);
    if (!to) return WG_ERROR_MEMORY;
    for (size_t k = 0; k < FUNCTION_COTANGENTS; k++) {
        const double *first = subject->ways ? subject->gradient[0] + k * run->size : NULL;
        const double *c = subject->cotangents + k * subject->outputs;
        if (!subject_way(subject, way, c, first, to + k * run->size)) {
            wg_status status = wg_tape_status(run->points[run->dtype].tape);
            return status == WG_OK ? WG_ERROR_MEMORY : status;
        }
    }
    subject->way[subject->ways] = way;
    subject->gradient[subject->ways++] = to;
    return WG_OK;
}

static wg_status subject_open_forward(check_subject *subject)
{
    check_function *run = subject->run;
    double contracted[FUNCTION_COTANGENTS], terms[FUNCTION_COTANGENTS];
    subject->forward = check_subject_forward(subject, run->dtype, run->x, run->scale, contracted, terms);
    wg_status status = wg_tape_status(run->points[run->dtype].tape);
    if (subject->order == 1) run->report->forward = subject->forward;
    return subject->forward || status == WG_ERROR_UNSUPPORTED ? WG_OK : status == WG_OK ? WG_ERROR_MEMORY : status;
}

wg_status check_subject_open(check_subject *subject, check_function *run, unsigned order, const double *held)
{
    *subject = (check_subject){.run = run, .order = order, .held = held};
    subject->outputs = order == 1 ? run->outputs : run->size;
    subject->cotangents = check_take(&run->memory, FUNCTION_COTANGENTS * subject->outputs, sizeof(double));
    subject->value = check_take(&run->memory, subject->outputs, sizeof(double));
    subject->rounding = check_take(&run->memory, subject->outputs, sizeof(double));
    if (!subject->cotangents || !subject->value || !subject->rounding) return WG_ERROR_MEMORY;
    if (!check_subject_value(subject, run->x, subject->value)) return wg_tape_status(run->points[run->fine].tape);
    subject_draw(subject);
    for (size_t i = 0; order == 1 && i < subject->outputs; i++)
        if (!isfinite(subject->value[i])) run->report->left_out++;
    wg_status status = subject_add_way(subject, order == 1 ? "wg_backward" : "wg_hvp");
    if (status == WG_OK && order == 1) status = subject_add_way(subject, "wg_backward, added to another gradient");
    if (status == WG_OK && order == 1) status = subject_add_way(subject, "wg_observe");
    if (status == WG_OK) {
        status = subject_add_way(subject, order == 1 ? "wg_vjp" : "wg_backward of wg_vjp");
        if (order == 1) run->report->recording = status == WG_OK;
        if (order == 1 && status == WG_ERROR_UNSUPPORTED) status = WG_OK;
    }
    if (status == WG_OK) status = subject_open_forward(subject);
    if (status == WG_OK) status = check_rounding_values(subject);
    return status == WG_OK ? check_rounding_gradients(subject) : status;
}
