/* The function run on tapes of our own: one of the point's dtype and, for a point in floats, one in double. The other way
 * round is not tried: an op that knows doubles alone would write beyond the end of floats. */
#include "check/function/function.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

double check_function_draw(check_function *run) { return (double)(check_random(&run->random) >> 11) * 0x1p-53; }

/* ---- the inputs ---------------------------------------------------------------------------------------------------- */

static wg_status point_copy(check_function *run, check_argument *input, wg_var var)
{
    wg_node_info info;
    if (!wg_ok(var)) return WG_ERROR_ARGUMENT;
    wg_status status = wg_node_read(var, &info);
    if (status != WG_OK) return status;
    input->shape = info.shape;
    input->size = wg_size(var);
    input->indices = info.flags & WG_IS_INDICES;
    input->fixed = input->indices || ((info.flags & WG_IS_LEAF) && !(info.flags & WG_IS_VARIABLE));
    input->begin = run->size;
    if (info.name) snprintf(input->name, sizeof input->name, "%s", info.name);
    input->numbers = check_take(&run->memory, input->size, sizeof(double));
    if (!input->numbers) return WG_ERROR_MEMORY;
    const void *value = input->indices ? wg_value_indices(var) : wg_value(var);
    if (!value) return wg_tape_status(var.tape);
    if (input->indices)
        memcpy(input->numbers, value, input->size * sizeof(int64_t));
    else
        check_point_read(input->numbers, value, input->size, run->dtype);
    if (!input->fixed) {
        run->size += input->size;
        run->varying++;
    }
    return WG_OK;
}

/* A power of two near each entry's size, so that steps are exact; for small entries near that of the whole input. */
static void point_scale(check_function *run, const check_argument *input)
{
    double squares = 0, *x = run->x + input->begin, largest = 0;
    for (size_t i = 0; i < input->size; i++)
        if (fabs(x[i]) > largest && isfinite(x[i])) largest = fabs(x[i]);
    for (size_t i = 0; i < input->size && largest > 0; i++)
        if (isfinite(x[i])) squares += x[i] / largest * (x[i] / largest);
    double least = largest * sqrt(squares / (double)(input->size + !input->size)) / 128;
    for (size_t i = 0; i < input->size; i++) {
        double size = fmax(fabs(x[i]), least);
        run->scale[input->begin + i] = size > 0 && isfinite(size) ? ldexp(1, ilogb(size)) : 1;
        run->fine_scale[input->begin + i] =
            x[i] != 0 && isfinite(x[i]) ? ldexp(1, ilogb(x[i])) : run->scale[input->begin + i];
    }
}

/* ---- tapes ---------------------------------------------------------------------------------------------------------- */

static wg_var point_leaf(wg_tape *tape, const check_argument *input)
{
    if (input->indices) return wg_indices(tape, input->shape, input->numbers);
    const double *numbers = input->numbers;
    return input->fixed ? wg_constant_f64(tape, input->shape, numbers) : wg_variable_f64(tape, input->shape, numbers);
}

static wg_status point_tape(check_function *run, wg_dtype dtype)
{
    check_point *point = &run->points[dtype];
    point->tape = wg_tape_new(dtype);
    point->in = check_take(&run->memory, run->n, sizeof *point->in);
    point->wrt = check_take(&run->memory, run->varying, sizeof *point->wrt);
    point->element = dtype == WG_F64 ? sizeof(double) : sizeof(float);
    if (!point->tape || !point->in || !point->wrt) return WG_ERROR_MEMORY;
    for (size_t i = 0, k = 0; i < run->n; i++) {
        point->in[i] = point_leaf(point->tape, &run->inputs[i]);
        if (!run->inputs[i].fixed) point->wrt[k++] = point->in[i];
    }
    point->mark = wg_tape_mark(point->tape);
    return wg_tape_status(point->tape);
}

void check_point_read(double *to, const void *from, size_t n, wg_dtype dtype)
{
    for (size_t i = 0; i < n; i++)
        to[i] = dtype == WG_F64 ? ((const double *)from)[i] : (double)((const float *)from)[i];
}

const void *check_point_raw(check_function *run, const double *from, size_t n, wg_dtype dtype)
{
    double *doubles = run->buffer;
    float *floats = run->buffer;
    for (size_t i = 0; i < n; i++)
        if (dtype == WG_F64)
            doubles[i] = from[i];
        else
            floats[i] = (float)from[i];
    return run->buffer;
}

wg_var check_point_run(check_function *run, wg_dtype dtype, const double *x)
{
    check_point *point = &run->points[dtype];
    wg_tape *tape = point->tape;
    wg_tape_clear_error(tape);
    wg_tape_rewind(tape, point->mark);
    for (size_t i = 0; i < run->n; i++)
        if (!run->inputs[i].fixed) wg_set_value_f64(point->in[i], x + run->inputs[i].begin);
    run->report->evaluations++;
    wg_var y = run->f(tape, run->user, point->in, run->n);
    bool good = wg_tape_status(tape) == WG_OK && y.tape == tape && wg_ok(y);
    return good && (run->outputs == SIZE_MAX || wg_size(y) == run->outputs) ? y : (wg_var){.tape = NULL};
}

bool check_point_value(check_function *run, wg_dtype dtype, const double *x, double *value)
{
    wg_var y = check_point_run(run, dtype, x);
    const void *numbers = y.tape ? wg_value(y) : NULL;
    if (!numbers) return false;
    check_point_read(value, numbers, run->outputs, dtype);
    return true;
}

bool check_point_gradient(
    check_function *run, wg_dtype dtype, const double *x, const double *cotangent, double *gradient)
{
    check_point *point = &run->points[dtype];
    wg_var y = check_point_run(run, dtype, x);
    if (!y.tape) return false;
    wg_zero_grad(point->tape);
    if (wg_backward_from(y, check_point_raw(run, cotangent, run->outputs, dtype)) != WG_OK) return false;
    for (size_t i = 0; i < run->n; i++) {
        if (run->inputs[i].fixed) continue;
        const void *numbers = wg_grad(point->in[i]);
        if (!numbers) return false;
        check_point_read(gradient + run->inputs[i].begin, numbers, run->inputs[i].size, dtype);
    }
    return true;
}

/* ---- beginning and end ------------------------------------------------------------------------------------------------ */

/* Runs f at the point; the number of its outputs is known afterwards. */
static wg_status point_try(check_function *run, wg_dtype dtype)
{
    wg_tape *tape = run->points[dtype].tape;
    wg_var y = check_point_run(run, dtype, run->x);
    if (wg_tape_status(tape) != WG_OK) return wg_tape_status(tape);
    if (!y.tape) return WG_ERROR_ARGUMENT;
    if (!wg_value(y)) return wg_tape_status(tape); /* indices */
    run->outputs = wg_size(y);
    return WG_OK;
}

/* Whether f in double is f at all: an op that knows floats alone leaves noise there. */
static bool point_agrees(check_function *run)
{
    check_memory memory = {0};
    double *floats = check_take(&memory, run->outputs, sizeof *floats);
    double *doubles = check_take(&memory, run->outputs, sizeof *doubles);
    bool agrees = floats && doubles && check_point_value(run, WG_F32, run->x, floats);
    agrees = agrees && check_point_value(run, WG_F64, run->x, doubles);
    double apart = 0, together = 0;
    for (size_t i = 0; agrees && i < run->outputs; i++) {
        if (!isfinite(floats[i]) || !isfinite(doubles[i])) continue;
        apart = fmax(apart, fabs(floats[i] - doubles[i]));
        together = fmax(together, fmax(fabs(floats[i]), fabs(doubles[i])));
    }
    check_release(&memory);
    return agrees && apart <= together / 4 + FLT_MIN;
}

static wg_status point_buffers(check_function *run)
{
    size_t most = run->size > run->outputs ? run->size : run->outputs;
    run->buffer = check_take(&run->memory, most + 1, sizeof(double));
    run->touched = check_take(&run->memory, most + 1, sizeof *run->touched);
    run->moved = check_take(&run->memory, most + 1, sizeof(double));
    run->result = check_take(&run->memory, most + 1, sizeof(double));
    return run->memory.failed ? WG_ERROR_MEMORY : WG_OK;
}

wg_status check_point_open(check_function *run, const wg_var *in)
{
    run->dtype = run->fine = wg_tape_dtype(in[0].tape);
    run->inputs = check_take(&run->memory, run->n, sizeof *run->inputs);
    if (!run->inputs) return WG_ERROR_MEMORY;
    for (size_t i = 0; i < run->n; i++) {
        if (in[i].tape != in[0].tape) return WG_ERROR_ARGUMENT;
        wg_status status = point_copy(run, &run->inputs[i], in[i]);
        if (status != WG_OK) return status;
    }
    if (!run->size) return WG_OK; /* nothing to do: the caller says so */
    run->x = check_take(&run->memory, run->size + 1, sizeof *run->x);
    run->scale = check_take(&run->memory, run->size + 1, sizeof *run->scale);
    run->fine_scale = check_take(&run->memory, run->size + 1, sizeof *run->fine_scale);
    if (run->memory.failed) return WG_ERROR_MEMORY;
    for (size_t i = 0; i < run->n; i++) {
        const check_argument *input = &run->inputs[i];
        if (input->fixed || !input->size) continue;
        memcpy(run->x + input->begin, input->numbers, input->size * sizeof(double));
        point_scale(run, input);
    }
    wg_status status = point_tape(run, run->dtype);
    run->outputs = SIZE_MAX;
    if (status == WG_OK) status = point_try(run, run->dtype);
    if (status == WG_OK) status = point_buffers(run);
    if (status != WG_OK || run->dtype == WG_F64 || run->options.own_dtype) return status;
    status = point_tape(run, WG_F64);
    if (status == WG_ERROR_MEMORY) return status;
    if (status == WG_OK && point_agrees(run)) run->fine = WG_F64;
    return WG_OK;
}

void check_point_close(check_function *run)
{
    for (int dtype = 0; dtype < 2; dtype++) wg_tape_free(run->points[dtype].tape);
}
